package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"radagora/fault"
)

// A pg is the engine PostgreSQL.
type pg struct {
	o    Options
	cfg  *pgx.ConnConfig
	pool *sql.DB
}

func openPostgres(ctx context.Context, dsn string, o Options) (*pg, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "database address %s cannot be read", Redact(dsn))
	}
	for name, value := range map[string]string{
		"application_name":                    "radagora",
		"timezone":                            "UTC",
		"statement_timeout":                   fmt.Sprint(o.WriteLimit.Milliseconds()),
		"idle_in_transaction_session_timeout": fmt.Sprint(o.WriteLimit.Milliseconds()),
	} {
		if _, set := cfg.RuntimeParams[name]; !set {
			cfg.RuntimeParams[name] = value
		}
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = 10 * time.Second
	}
	conns := orElse(o.MaxConns, 16)
	pool := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(durable))
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(time.Hour)
	p := &pg{o: o, cfg: cfg, pool: pool}
	if err := p.check(ctx); err != nil {
		_ = pool.Close()
		return nil, err
	}
	return p, nil
}

// durable makes commits wait for the disk, whatever the server's default.
func durable(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "select set_config('synchronous_commit', 'on', false) where current_setting('synchronous_commit') in ('off', 'local')")
	return err
}

// check reaches the server and warns of what makes it differ from SQLite.
func (p *pg) check(ctx context.Context) error {
	var version int
	var collation, fsync string
	err := p.pool.QueryRowContext(ctx, `select current_setting('server_version_num')::int, datcollate, current_setting('fsync')
		from pg_database where datname = current_database()`).Scan(&version, &collation, &fsync)
	if err != nil {
		return classify(err)
	}
	if version < 150000 {
		return fault.Errorf(fault.Unsupported, "PostgreSQL 15 or later is needed; this server is %d", version/10000)
	}
	if c := strings.ToUpper(collation); c != "C" && c != "POSIX" && !strings.HasPrefix(c, "C.") {
		p.o.Log.WarnContext(ctx, "database orders text by a language; create it with locale C", "collation", collation)
	}
	if fsync != "on" {
		p.o.Log.WarnContext(ctx, "server does not wait for the disk: a crash may lose what was acknowledged", "fsync", fsync)
	}
	return nil
}

func (p *pg) name() string { return Postgres }
func (p *pg) close() error { return p.pool.Close() }

func (p *pg) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return p.pool.QueryContext(ctx, query, args...)
}

func (p *pg) read(ctx context.Context, fn func(*Tx) error) error {
	tx, err := p.pool.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return classify(err)
	}
	defer tx.Rollback() //nolint:errcheck // a transaction that read has nothing to lose
	return runRead(newPgTx(tx), fn)
}

// write runs fn until no other transaction is in its way.
func (p *pg) write(ctx context.Context, fn func(*Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := p.once(ctx, fn)
		if err == nil || attempt > p.o.WriteRetries || !again(err) {
			return err
		}
		pause := min(time.Second, time.Millisecond<<attempt)
		select {
		case <-time.After(pause/2 + rand.N(pause)): //nolint:gosec // keeps transactions apart, hides nothing
		case <-ctx.Done():
			return err
		}
	}
}

// again reports whether a transaction that failed with err may succeed next time.
func again(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40001" || e.Code == "40P01")
}

func (p *pg) once(ctx context.Context, fn func(*Tx) error) error {
	tx, err := p.pool.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing, and else fn's error counts
	t := newPgTx(tx)
	err = fn(t)
	if failed := t.end(errEnded); failed != nil && (err == nil || again(failed)) {
		err = failed
	}
	if err == nil {
		err = t.ready()
	}
	if err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return classify(err)
	}
	for _, f := range t.after {
		f()
	}
	return nil
}

func newPgTx(tx *sql.Tx) *Tx {
	return &Tx{run: pgTx{tx}, skip: "for update skip locked", hold: "for share"}
}

type pgTx struct{ tx *sql.Tx }

func (p pgTx) exec(ctx context.Context, query string, args []any) (sql.Result, error) {
	return p.tx.ExecContext(ctx, query, args...)
}

func (p pgTx) query(ctx context.Context, query string, args []any) (*sql.Rows, error) {
	return p.tx.QueryContext(ctx, query, args...)
}

// lockClass keeps our advisory locks apart from those of other programs: "rada".
const lockClass = 0x72616461

// migrating holds an advisory lock of the schema, which the server takes away if
// this process dies.
func (p *pg) migrating(ctx context.Context) (*sql.DB, func(), error) {
	cfg := p.cfg.Copy()
	cfg.RuntimeParams["statement_timeout"] = "0" // an index over a large table takes its time
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	pool := stdlib.OpenDB(*cfg, stdlib.OptionAfterConnect(durable))
	conn, err := pool.Conn(ctx)
	if err == nil {
		err = p.lock(ctx, conn)
	}
	if err != nil {
		_ = pool.Close()
		return nil, nil, classify(err)
	}
	return pool, func() { _ = errors.Join(conn.Close(), pool.Close()) }, nil // the lock ends with the session
}

// lock waits until the session of conn holds the lock for migrations.
func (p *pg) lock(ctx context.Context, conn *sql.Conn) error {
	for {
		var got bool
		err := conn.QueryRowContext(ctx, "select pg_try_advisory_lock($1, hashtext(current_schema()))", lockClass).Scan(&got)
		if err != nil || got {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *pg) tables(ctx context.Context, prefix string) ([]string, error) {
	return names(ctx, p.pool, `select tablename::text from pg_tables
		where schemaname = current_schema() and starts_with(tablename::text, $1) order by 1`, prefix)
}
