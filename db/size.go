package db

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"radagora/fault"
)

// A Size says how much room a database takes, in bytes.
type Size struct {
	Bytes int64 // tables and indexes
	Log   int64 // the write-ahead log beside a SQLite file; a server keeps its own for all its databases: 0
}

// Size returns how much room the database takes.
func (d *DB) Size(ctx context.Context) (Size, error) {
	if l, ok := d.e.(*lite); ok {
		return l.size()
	}
	var s Size
	return s, d.QueryRow(ctx, "select pg_database_size(current_database())").Scan(&s.Bytes)
}

// size looks at the files.
func (l *lite) size() (s Size, err error) {
	for name, n := range map[string]*int64{l.file: &s.Bytes, l.file + "-wal": &s.Log} {
		info, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // the log comes and goes
		case err != nil:
			return s, fault.Errorf(fault.Unavailable, "database file: %w", err)
		default:
			*n = info.Size()
		}
	}
	return s, nil
}
