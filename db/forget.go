package db

import (
	"context"
	"strings"
	"time"
)

// A forgetter gives back to the disk what was deleted.
type forgetter interface {
	forget(ctx context.Context, tables []string) error
}

// Forget makes what was deleted or overwritten in the tables, and committed,
// unreadable in the files of the database as far as the engine lets it: SQLite
// overwrites what is deleted and empties its log here; PostgreSQL vacuums the
// tables, and what its log and its copies hold goes when they do. It may be called
// again, and beside everything else.
func (d *DB) Forget(ctx context.Context, tables ...string) error {
	if f, ok := d.e.(forgetter); ok {
		return f.forget(ctx, tables)
	}
	return nil
}

// forget moves the log into the file and cuts it to nothing. Another process of the
// engine that moves it just then, or somebody who reads what was, refuses that: it is
// tried again for some seconds. What is still refused then stays for the next time;
// what is deleted is overwritten in the file then.
func (l *lite) forget(ctx context.Context, _ []string) error {
	const step, patience = 50 * time.Millisecond, 10 * time.Second
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		var refused, log, moved int
		if err := l.w.pool.QueryRowContext(ctx, "pragma wal_checkpoint(truncate)").Scan(&refused, &log, &moved); err != nil {
			return classify(err)
		}
		if refused == 0 {
			return nil
		}
		select {
		case <-patient.Done():
			return ctx.Err()
		case <-time.After(step):
		}
	}
}

// forget vacuums the tables. Their names are those of migrations.
func (p *pg) forget(ctx context.Context, tables []string) error {
	_, err := p.pool.ExecContext(ctx, "vacuum "+strings.Join(tables, ", "))
	return classify(err)
}
