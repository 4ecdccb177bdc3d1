package account

// Derived returns how often a password was hashed to be compared, for tests that
// ask whether the same work is done.
func (r *Register) Derived() int64 { return r.hasher.derived.Load() }
