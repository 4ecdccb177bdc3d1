package db

// This file alone knows which driver speaks to SQLite, so that a build tag can
// put another one in its place.

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// sqliteDriver is the name under which database/sql knows the driver.
const sqliteDriver = "sqlite"

// sqliteName returns the name that opens file with the driver: in WAL, every
// commit on disk before it is answered, deleted content overwritten.
func sqliteName(file string, busy time.Duration, readOnly bool) string {
	q := url.Values{}
	q.Set("_busy_timeout", fmt.Sprint(busy.Milliseconds()))
	q.Set("_foreign_keys", "1")
	q.Set("_journal_mode", "WAL")
	q.Set("_synchronous", "FULL")
	q.Set("_dqs", "0")
	q.Set("_defensive", "1")
	q["_pragma"] = []string{"secure_delete(1)", "journal_size_limit(67108864)", "cache_size(-32768)", "temp_store(memory)"}
	q.Set("_txlock", "immediate")
	if readOnly {
		q.Set("_query_only", "1")
	}
	return fileURI(file, q)
}

// lockName returns the name that opens file only to hold its lock.
func lockName(file string) string {
	return fileURI(file, url.Values{"_busy_timeout": {"100"}})
}

func fileURI(file string, q url.Values) string {
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: q.Encode()}
	return u.String()
}

// sqliteCode returns the extended result code of err, if it comes from SQLite.
func sqliteCode(err error) (int, bool) {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code(), true
	}
	return 0, false
}
