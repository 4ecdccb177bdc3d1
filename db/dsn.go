package db

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"radagora/fault"
)

// splitDSN tells the engine of dsn and what its opener needs: an absolute path or
// the whole address.
func splitDSN(dsn string) (engine, rest string, err error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		path = strings.TrimPrefix(path, "//")
		if path == "" || strings.HasPrefix(path, ":") {
			return "", "", fault.Errorf(fault.Invalid, "database address names no file: write sqlite:/path/file.db")
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return "", "", fault.Errorf(fault.Invalid, "database file %s: %w", path, err)
		}
		return SQLite, abs, nil
	}
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		return Postgres, dsn, nil
	}
	return "", "", fault.Errorf(fault.Invalid, "database address begins with neither sqlite: nor postgres://")
}

// passwords finds them in the query of an address and in key=value form.
var passwords = regexp.MustCompile(`(?i)((?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^&\s]*)`)

// userinfo finds the password of an address that net/url cannot read.
var userinfo = regexp.MustCompile(`(://[^:/?#]*):.*@`)

// Redact returns dsn without its passwords, for logs and people.
func Redact(dsn string) string {
	u, err := url.Parse(dsn)
	switch {
	case err != nil || strings.Contains(u.Path, "@"): // a password with a / in it looks like this
		dsn = userinfo.ReplaceAllString(dsn, "$1:xxxxx@")
	case u.User != nil:
		dsn = u.Redacted()
	}
	return passwords.ReplaceAllString(dsn, "${1}xxxxx")
}

// HasPassword reports whether dsn holds a password, which must not stand on a
// command line.
func HasPassword(dsn string) bool {
	if u, err := url.Parse(dsn); err == nil && u.User != nil {
		if _, has := u.User.Password(); has {
			return true
		}
		return passwords.MatchString(dsn)
	}
	return userinfo.MatchString(dsn) || passwords.MatchString(dsn)
}
