package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"radagora/fault"
)

// A runner runs statements inside an open transaction.
type runner interface {
	exec(ctx context.Context, query string, args []any) (sql.Result, error)
	query(ctx context.Context, query string, args []any) (*sql.Rows, error)
}

// A Tx is a transaction, given to the fn of Write and Read and valid until fn
// returns. It serves one goroutine, and one result at a time: rows are read to
// their end or closed before the next statement. After a statement failed, every
// further one fails with the same error, on both engines.
type Tx struct {
	run  runner
	skip string // ForUpdateSkipLocked
	hold string // ForShare

	mu     sync.Mutex // the writer may end a transaction that takes too long
	failed error
	open   *Rows
	before []func() error
	after  []func()
}

// Exec runs a statement and returns how many rows it changed.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	args, err := t.begin(ctx, args)
	if err != nil {
		return 0, err
	}
	res, err := t.run.exec(ctx, query, args)
	if err != nil {
		return 0, t.fail(classify(err))
	}
	n, err := res.RowsAffected()
	if err != nil {
		return 0, t.fail(classify(err))
	}
	return n, nil
}

// Query runs a statement that returns rows. The caller closes them.
func (t *Tx) Query(ctx context.Context, query string, args ...any) (*Rows, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	args, err := t.begin(ctx, args)
	if err != nil {
		return nil, err
	}
	r, err := t.run.query(ctx, query, args) //nolint:rowserrcheck // handed to the caller
	if err != nil {
		return nil, t.fail(classify(err))
	}
	t.open = &Rows{Rows: r, tx: t}
	return t.open, nil
}

// QueryRow runs a statement for one row. Scan of the result gives NotFound if
// there is none, which does not end the transaction, and must be called.
func (t *Tx) QueryRow(ctx context.Context, query string, args ...any) *Row {
	r, err := t.Query(ctx, query, args...)
	return &Row{rows: r, err: err}
}

// OnCommit has f run after this transaction committed, in the goroutine that
// called Write and before Write returns. Functions run in the order they were
// given; those of an attempt that was rolled back do not run.
func (t *Tx) OnCommit(f func()) { t.after = append(t.after, f) }

// BeforeCommit has f run after fn has returned nil, right before the commit. It is
// for what has to be durable before the row that names it and may become so while
// statements run. f uses no database and does not take long: on SQLite everybody
// who writes waits for it. If it fails, nothing is committed, and those who would
// have shared the commit fail with the same kind.
func (t *Tx) BeforeCommit(f func() error) { t.before = append(t.before, f) }

// ready runs what is to be done before the commit. A panic there is an error.
func (t *Tx) ready() (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.Errorf(fault.Internal, "panic before the commit: %v", v)
		}
	}()
	for _, f := range t.before {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// ForUpdateSkipLocked returns the end of a select that takes the rows it finds and
// passes over those another transaction holds; "" where writers take turns anyway.
func (t *Tx) ForUpdateSkipLocked() string { return t.skip }

// ForShare returns the end of a select that keeps the rows it finds from being
// changed until this transaction ends; "" where writers take turns anyway.
func (t *Tx) ForShare() string { return t.hold }

// begin checks that the next statement may run.
func (t *Tx) begin(ctx context.Context, args []any) ([]any, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	if err := ctx.Err(); err != nil {
		return nil, t.fail(fault.As(fault.Unavailable, err))
	}
	if t.open != nil {
		return nil, t.fail(fault.Errorf(fault.Internal, "statement while the rows of the last one are open"))
	}
	args, err := plain(args)
	if err != nil {
		return nil, t.fail(err)
	}
	return args, nil
}

// fail ends the transaction: nothing of it will be committed.
func (t *Tx) fail(err error) error {
	if t.failed == nil {
		t.failed = err
	}
	return err
}

// end refuses every further statement and returns why the transaction failed, if
// it did.
func (t *Tx) end(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open != nil {
		_ = t.open.Rows.Close() // nobody reads them any more
		t.open = nil
	}
	if t.failed != nil {
		return t.failed
	}
	t.failed = err
	return nil
}

// errEnded is what a Tx answers that was kept after fn returned.
var errEnded = fault.Errorf(fault.Internal, "transaction has ended")

// Rows are the result of a query, as sql.Rows; errors are classified.
type Rows struct {
	*sql.Rows
	tx *Tx
}

// Next makes the next row ready for Scan.
func (r *Rows) Next() bool {
	ok := r.Rows.Next()
	if !ok {
		r.release()
	}
	return ok
}

// Close ends the query; Err tells whether it went well. It may be called again.
func (r *Rows) Close() {
	r.release()
	_ = r.Rows.Close() // Err has it
}

func (r *Rows) release() {
	if r.tx == nil {
		return
	}
	r.tx.mu.Lock()
	defer r.tx.mu.Unlock()
	if r.tx.open == r {
		r.tx.open = nil
	}
	if err := r.Rows.Err(); err != nil {
		_ = r.tx.fail(classify(err)) // Err tells the caller too
	}
}

// Scan copies the columns of the row, as sql.Rows.Scan.
func (r *Rows) Scan(dest ...any) error { return classify(r.Rows.Scan(dest...)) }

// Err returns what ended the rows early, if anything did.
func (r *Rows) Err() error { return classify(r.Rows.Err()) }

// A Row is the result of QueryRow.
type Row struct {
	rows *Rows
	err  error
}

// Scan copies the columns of the one row. It is NotFound if there is none; further
// rows are passed over.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return fault.As(fault.NotFound, sql.ErrNoRows)
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}

// plain returns args as both engines take them alike. JSON goes as text. Instants
// are given as Millis. Text that PostgreSQL cannot hold is refused on SQLite too.
func plain(args []any) ([]any, error) {
	out := args
	for i, a := range args {
		switch v := a.(type) {
		case nil, []byte, int, int64, bool, float64:
		case string:
			if !storable(v) {
				return nil, unstorable(i)
			}
		case json.RawMessage:
			if !storable(string(v)) {
				return nil, unstorable(i)
			}
			if &out[0] == &args[0] {
				out = slices.Clone(args) // what we were given stays as it is
			}
			out[i] = string(v)
		case time.Time:
			return nil, fault.Errorf(fault.Internal, "argument $%d is a time: use Millis", i+1)
		default:
			switch k := reflect.ValueOf(a); k.Kind() {
			case reflect.String:
				if !storable(k.String()) {
					return nil, unstorable(i)
				}
			case reflect.Slice, reflect.Map, reflect.Array:
				return nil, fault.Errorf(fault.Internal, "argument $%d is a %T", i+1, a)
			default: // database/sql knows the others
			}
		}
	}
	return out, nil
}

func storable(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

func unstorable(i int) error {
	return fault.Errorf(fault.Invalid, "argument $%d is not UTF-8 text or contains a NUL", i+1)
}
