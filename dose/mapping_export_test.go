package dose

// ReadRows reads a table of mappings and returns what is wrong with its rows, for
// fuzzing.
func ReadRows(r *Import, raw []byte) []RowError {
	r.read(raw, func(string) (string, bool) { return "", false })
	return r.Errors
}
