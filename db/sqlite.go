package db

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"sync"

	"radagora/fault"
)

// A lite is the engine SQLite: a pool that reads, and one connection that writes.
type lite struct {
	file   string
	o      Options
	reader *sql.DB
	stmts  statements // of reader
	w      *writer
}

func openSQLite(ctx context.Context, file string, o Options) (*lite, error) {
	if err := makePrivate(file); err != nil {
		return nil, err
	}
	pool, err := sql.Open(sqliteDriver, sqliteName(file, o.BusyTimeout, false))
	if err != nil {
		return nil, classify(err)
	}
	w, err := newWriter(ctx, pool, o)
	if err != nil {
		_ = pool.Close()
		return nil, err
	}
	reader, err := sql.Open(sqliteDriver, sqliteName(file, o.BusyTimeout, true))
	if err != nil {
		_ = w.close()
		return nil, classify(err)
	}
	conns := orElse(o.MaxConns, 8)
	reader.SetMaxOpenConns(conns)
	reader.SetMaxIdleConns(conns)
	return &lite{file: file, o: o, reader: reader, stmts: statements{db: reader}, w: w}, nil
}

// makePrivate makes file, if it is absent, for its owner alone. The files SQLite
// puts beside it take over its mode.
func makePrivate(file string) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.Errorf(fault.NotFound, "database file %s: its folder does not exist", file)
	case errors.Is(err, fs.ErrPermission):
		return fault.Errorf(fault.Forbidden, "database file %s: not allowed to open it for writing", file)
	case err != nil:
		return fault.Errorf(fault.Unavailable, "database file: %w", err)
	}
	return f.Close()
}

func (l *lite) name() string { return SQLite }

func (l *lite) close() error {
	err := l.stmts.close()
	return errors.Join(err, l.reader.Close(), l.w.close())
}

func (l *lite) write(ctx context.Context, fn func(*Tx) error) error { return l.w.write(ctx, fn) }

func (l *lite) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if s := l.stmts.get(ctx, query); s != nil { //nolint:sqlclosecheck // kept
		return s.QueryContext(ctx, args...)
	}
	return l.reader.QueryContext(ctx, query, args...)
}

func (l *lite) read(ctx context.Context, fn func(*Tx) error) error {
	tx, err := l.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return classify(err)
	}
	defer tx.Rollback() //nolint:errcheck // a transaction that read has nothing to lose
	return runRead(&Tx{run: liteReader{tx, &l.stmts}}, fn)
}

// runRead runs fn on t, which nothing remains of.
func runRead(t *Tx, fn func(*Tx) error) error {
	defer func() { _ = t.end(errEnded) }()
	return fn(t)
}

// A liteReader runs statements in a snapshot, prepared once per connection.
type liteReader struct {
	tx    *sql.Tx
	stmts *statements
}

func (r liteReader) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return r.tx.ExecContext(ctx, query, args...)
}

func (r liteReader) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	if s := r.stmts.get(ctx, query); s != nil {
		return r.tx.StmtContext(ctx, s).QueryContext(ctx, args...) //nolint:sqlclosecheck // ends with tx
	}
	return r.tx.QueryContext(ctx, query, args...)
}

// migrating holds a lock on a small file beside the database, which the system
// takes away if this process dies. It is itself a database, because then the
// lock works wherever SQLite does.
func (l *lite) migrating(ctx context.Context) (*sql.DB, func(), error) {
	lock, err := sql.Open(sqliteDriver, lockName(l.file+"-migrate"))
	if err != nil {
		return nil, nil, classify(err)
	}
	conn, err := lock.Conn(ctx)
	for err == nil {
		_, err = conn.ExecContext(ctx, "begin immediate")
		if code, ok := sqliteCode(err); !ok || code&0xff != busy {
			break
		}
		err = ctx.Err()
	}
	if err != nil {
		_ = lock.Close()
		return nil, nil, classify(err)
	}
	pool, err := sql.Open(sqliteDriver, sqliteName(l.file, l.o.BusyTimeout, false))
	if err != nil {
		_ = lock.Close()
		return nil, nil, classify(err)
	}
	return pool, func() { _ = errors.Join(pool.Close(), conn.Close(), lock.Close()) }, nil
}

// busy is the result code SQLITE_BUSY.
const busy = 5

func (l *lite) tables(ctx context.Context, prefix string) ([]string, error) {
	return names(ctx, l.reader, "select name from sqlite_schema where type = 'table' and substr(name, 1, length($1)) = $1 order by name", prefix)
}

// names runs a query for texts.
func names(ctx context.Context, pool *sql.DB, query string, args ...any) ([]string, error) {
	rows, err := pool.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, classify(err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, classify(err)
		}
		all = append(all, name)
	}
	return all, classify(rows.Err())
}

// maxStatements bounds the statements kept ready. Texts beyond it are prepared
// each time, as they were before.
const maxStatements = 256

// statements keeps statements of a pool prepared. database/sql prepares each on
// every connection that needs it.
type statements struct {
	db *sql.DB
	mu sync.RWMutex
	of map[string]*sql.Stmt
}

// get returns the statement, or nil if it is not to be kept or is wrong, which the
// query then says.
func (s *statements) get(ctx context.Context, query string) *sql.Stmt {
	s.mu.RLock()
	st, full := s.of[query], len(s.of) >= maxStatements
	s.mu.RUnlock()
	if st != nil || full {
		return st
	}
	st, err := s.db.PrepareContext(ctx, query)
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of == nil {
		s.of = map[string]*sql.Stmt{}
	}
	if other := s.of[query]; other != nil {
		_ = st.Close() //nolint:sqlclosecheck // someone else was quicker
		return other
	}
	s.of[query] = st
	return st
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	for _, st := range s.of {
		err = errors.Join(err, st.Close())
	}
	s.of = nil
	return err
}
