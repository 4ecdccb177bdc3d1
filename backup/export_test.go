package backup

// Quick makes passphrases cheap to try, for tests.
func Quick(c *Config) { c.scryptWork = 10 }
