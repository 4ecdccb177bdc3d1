// Package db opens, migrates and hides the dialect of the database.
//
// One plain SQL text runs on SQLite and on PostgreSQL: placeholders $1, $2 and so
// on, RETURNING, ON CONFLICT, common table expressions, window functions, UPDATE
// FROM, partial indexes; instants are bigint milliseconds, ids are text, bytes are
// bytea, truth is boolean. docs/format/database.md has the whole list. What still
// differs stays in here: how a database is opened, how writers take turns, how
// migrations are guarded, what an error means, and ForUpdateSkipLocked.
//
// A Write that returned nil is durable. On SQLite (WAL, synchronous=FULL) there is
// one writer, and the writes that wait at the same moment share one commit; on
// PostgreSQL (READ COMMITTED) writes are concurrent and are run again after a
// serialisation failure or a deadlock. Therefore fn may run more than once and
// must change nothing but the database; what must follow the commit is given to
// Tx.OnCommit.
//
// Errors are classified by kind in one table, errors.go, and their texts hold
// names of tables and constraints but no values.
package db

import (
	"context"
	"database/sql"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"radagora/fault"
)

// The engines, as Engine names them.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// Options are the settings of Open. The zero value serves.
type Options struct {
	Log *slog.Logger     // nil discards
	Now func() time.Time // for leases; nil means the system clock; may step back

	MaxConns     int                         // connections for reading (SQLite) or in all (PostgreSQL); 0 means 8 and 16
	WriteLimit   time.Duration               // how long one fn may hold the writer, and the time limit of a PostgreSQL statement; 0 means 1 minute
	BusyTimeout  time.Duration               // how long to wait for another process that writes the same SQLite file; 0 means 10 s
	BatchWrites  int                         // most writes that share one commit on SQLite; 0 means 512
	BatchTime    time.Duration               // how long a batch may collect on SQLite; 0 means 50 ms
	SafetyCopies int                         // copies of an existing SQLite file kept from before it was migrated; 0 means 3, below 0 none
	Settled      bool                        // the tables stay as they are, because another process works on them: Migrate gives Conflict where it would change them
	BeforeUpdate func(context.Context) error // called once before an existing database is migrated, for a backup; its error keeps it as it is

	WriteRetries int // how often PostgreSQL runs a fn again after a serialisation failure; 0 means 10
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one default of the field
	}
	o.WriteLimit = orElse(o.WriteLimit, time.Minute)
	o.BusyTimeout = orElse(o.BusyTimeout, 10*time.Second)
	o.BatchWrites = orElse(o.BatchWrites, 512)
	o.BatchTime = orElse(o.BatchTime, 50*time.Millisecond)
	o.WriteRetries = orElse(o.WriteRetries, 10)
	if o.SafetyCopies == 0 {
		o.SafetyCopies = 3
	}
	return o
}

func orElse[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// A DB is an open database. It is safe for concurrent use.
type DB struct {
	o Options
	e engine

	safety sync.Mutex
	looked bool // whether old is known
	old    bool // it was migrated before this DB was opened, and nothing keeps it as it was
}

// An engine is what differs between SQLite and PostgreSQL.
type engine interface {
	name() string
	write(ctx context.Context, fn func(*Tx) error) error
	read(ctx context.Context, fn func(*Tx) error) error
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
	// migrating returns a pool for migrations and holds off every other process
	// that migrates the same database until done is called.
	migrating(ctx context.Context) (pool *sql.DB, done func(), err error)
	// tables lists the tables whose names begin with prefix.
	tables(ctx context.Context, prefix string) ([]string, error)
	close() error
}

// A Querier reads: a DB, each query by itself, or a Tx.
type Querier interface {
	Query(ctx context.Context, query string, args ...any) (*Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *Row
}

// Open opens the database that dsn names: "sqlite:/path/file.db", which is made if
// it is absent (its folder is not), or "postgres://…" with the parameters of
// libpq, pool limits apart. It is Invalid if dsn is neither, and Unavailable if the
// database cannot be reached. The caller closes it.
func Open(ctx context.Context, dsn string, o Options) (*DB, error) {
	o = o.withDefaults()
	kind, rest, err := splitDSN(dsn)
	if err != nil {
		return nil, err
	}
	d := &DB{o: o}
	if kind == SQLite {
		d.e, err = openSQLite(ctx, rest, o)
	} else {
		d.e, err = openPostgres(ctx, rest, o)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// Engine returns SQLite or Postgres, for people to read. Nothing is decided on it
// outside this package.
func (d *DB) Engine() string { return d.e.name() }

// Close waits for the writes that run and closes all connections. It may be called
// again.
func (d *DB) Close() error { return d.e.close() }

// Write runs fn in one transaction and commits it. When it returns nil, what fn
// wrote is durable. When fn returns an error, nothing is written, and Write returns
// that error as it is. When a statement of fn failed, nothing is written either,
// even if fn returned nil.
//
// fn may run more than once, must not keep tx, and must not call Write, Query or
// Read of the same DB (use tx instead): that would wait for itself. A panic in fn
// goes on after the roll-back. Once fn has begun, the end of ctx takes effect
// between its statements only.
//
// An Unavailable from a connection that broke during the commit leaves open
// whether the write happened.
func (d *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	return d.e.write(ctx, fn)
}

// Read runs fn on one consistent snapshot: all queries of fn see the same commits.
// A tx from Read refuses to write.
func (d *DB) Read(ctx context.Context, fn func(tx *Tx) error) error {
	return d.e.read(ctx, fn)
}

// Query runs a query outside a transaction. The caller closes the rows.
func (d *DB) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	args, err := plain(args)
	if err != nil {
		return nil, err
	}
	r, err := d.e.query(ctx, query, args) //nolint:rowserrcheck // handed to the caller
	if err != nil {
		return nil, classify(err)
	}
	return &Rows{Rows: r}, nil
}

// QueryRow runs a query for one row outside a transaction. Scan of the result
// gives NotFound if there is none.
func (d *DB) QueryRow(ctx context.Context, query string, args ...any) *Row {
	r, err := d.Query(ctx, query, args...)
	return &Row{rows: r, err: err}
}

// Migrate brings the tables of one capability up to date from goose SQL files, for
// example 0001_events.sql, and keeps account in a version table of its own,
// migration_<name>. It is safe when several processes start at once. It is Invalid
// if name is no lower-case word, and Unsupported if a newer program has migrated
// the database further than files go.
func (d *DB) Migrate(ctx context.Context, name string, files fs.FS) error {
	if err := d.migrate(ctx, "db", own); err != nil {
		return err
	}
	return d.migrate(ctx, name, files)
}

// List runs a query and returns what scan makes of each row. For an unbounded
// number of rows use Query.
func List[T any](ctx context.Context, q Querier, scan func(*Rows) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

var (
	_ Querier = (*DB)(nil)
	_ Querier = (*Tx)(nil)
)

// errClosed is what a DB answers after Close.
var errClosed = fault.Errorf(fault.Unavailable, "database is closed")
