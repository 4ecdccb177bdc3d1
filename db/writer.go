package db

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"time"

	"radagora/fault"
)

// A writer is the one writer of a SQLite file. Its goroutine opens a transaction,
// lets each waiting write run inside a savepoint of its own, commits once and then
// answers all of them. A write runs in the goroutine of its caller, which the
// writer gives a turn, so that a panic or a runtime.Goexit ends the right one.
type writer struct {
	o     Options
	pool  *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt

	queue chan *pending
	quit  chan struct{} // closed by close
	ended chan struct{} // closed when the goroutine has ended
	once  sync.Once
}

// A pending write waits for its turn, then for its commit.
type pending struct {
	turn chan *Tx   // its turn: run on this
	ran  chan error // what fn returned
	done chan error // after the commit: what Write returns
	tx   *Tx
}

func newWriter(ctx context.Context, pool *sql.DB, o Options) (*writer, error) {
	w := &writer{
		o: o, pool: pool,
		queue: make(chan *pending), quit: make(chan struct{}), ended: make(chan struct{}),
	}
	if err := w.connect(ctx); err != nil {
		return nil, err
	}
	go w.serve()
	return w, nil
}

// connect opens the connection that writes. To put a new file into WAL, SQLite
// needs it for itself and does not wait for that, so that two processes that open
// it at once would fail: here the one that comes second tries again.
func (w *writer) connect(ctx context.Context) error {
	patient, cancel := context.WithTimeout(ctx, w.o.BusyTimeout)
	defer cancel()
	conn, err := w.pool.Conn(ctx)
	for {
		if code, ok := sqliteCode(err); !ok || code&0xff != busy || patient.Err() != nil {
			break
		}
		select {
		case <-patient.Done():
		case <-time.After(10 * time.Millisecond):
		}
		conn, err = w.pool.Conn(ctx)
	}
	if err != nil {
		return classify(err)
	}
	if _, err := conn.ExecContext(ctx, "pragma user_version"); err != nil { // reads the file: is it a database?
		_ = conn.Close()
		return classify(err)
	}
	w.conn, w.stmts = conn, map[string]*sql.Stmt{}
	return nil
}

func (w *writer) close() error {
	var err error
	w.once.Do(func() {
		close(w.quit)
		<-w.ended
		w.forget()
		err = errors.Join(w.conn.Close(), w.pool.Close())
	})
	return err
}

// errGone stands for a fn that ended by panic or runtime.Goexit.
var errGone = errors.New("write did not return")

// write waits for a turn, runs fn, and waits for the commit.
func (w *writer) write(ctx context.Context, fn func(*Tx) error) error {
	p := &pending{turn: make(chan *Tx, 1), ran: make(chan error, 1), done: make(chan error, 1)}
	select {
	case w.queue <- p:
	case <-ctx.Done():
		return fault.As(fault.Unavailable, ctx.Err())
	case <-w.quit:
		return errClosed
	}
	select {
	case tx := <-p.turn:
		p.run(tx, fn)
	case err := <-p.done: // the transaction could not begin
		return err
	}
	if err := <-p.done; err != nil {
		return err
	}
	for _, f := range p.tx.after {
		f()
	}
	return nil
}

// run runs fn and tells the writer how it ended, whichever way.
func (p *pending) run(tx *Tx, fn func(*Tx) error) {
	err := errGone
	defer func() { p.ran <- err }()
	err = fn(tx)
}

// serve is the goroutine of the writer.
func (w *writer) serve() {
	defer close(w.ended)
	limit := time.NewTimer(time.Hour)
	defer limit.Stop()
	for {
		select {
		case p := <-w.queue:
			w.batch(p, limit)
		case <-w.quit:
			return
		}
	}
}

// batch runs first and those that wait already, and answers them.
func (w *writer) batch(first *pending, limit *time.Timer) {
	if err := w.begin(); err != nil {
		first.done <- err
		return
	}
	start, good, broken := w.o.Now(), []*pending(nil), error(nil)
	for p, n := first, 1; p != nil; n++ {
		err := w.turn(p, limit)
		switch {
		case err == nil:
			good = append(good, p)
		case w.undo(err) != nil: // SQLite gave up the whole transaction
			p.done <- err
			broken = lostCommit(err)
		default:
			p.done <- err
		}
		p = nil
		if broken == nil && n < w.o.BatchWrites && w.o.Now().Sub(start) < w.o.BatchTime {
			select {
			case p = <-w.queue:
			default:
			}
		}
	}
	w.finish(good, broken)
}

// finish commits and answers those whose fn succeeded.
func (w *writer) finish(good []*pending, err error) {
	if err == nil {
		good, err = ready(good)
	}
	if err == nil {
		if err = w.do("commit"); err != nil {
			err = classify(err)
		}
	}
	if err != nil {
		w.reset()
	}
	for _, p := range good {
		p.done <- err
	}
}

// ready does what is to be done before the commit. If that fails for one, the
// others of good lose the commit that they share with it.
func ready(good []*pending) ([]*pending, error) {
	for i, p := range good {
		if err := p.tx.ready(); err != nil {
			p.done <- err
			return slices.Delete(good, i, i+1), lostCommit(err)
		}
	}
	return good, nil
}

// lostCommit is what a write gets that succeeded, but shared its commit with err.
func lostCommit(err error) error {
	return fault.Errorf(fault.Of(err), "the commit that this write shared with others was lost")
}

func (w *writer) begin() error {
	err := w.do("begin immediate")
	if err == nil {
		return nil
	}
	if _, fromSQLite := sqliteCode(err); fromSQLite {
		return classify(err)
	}
	w.forget() // the connection is gone: one more try on a new one
	_ = w.conn.Close()
	if err := w.connect(context.Background()); err != nil {
		return err
	}
	return classify(w.do("begin immediate"))
}

// turn lets p run inside a savepoint and returns why it is not to be committed.
// Whoever holds the writer longer than the limit loses the turn, and what it wrote.
func (w *writer) turn(p *pending, limit *time.Timer) error {
	if err := w.do("savepoint w"); err != nil {
		return classify(err)
	}
	p.tx = &Tx{run: liteWriter{w}}
	limit.Reset(w.o.WriteLimit)
	p.turn <- p.tx
	var err error
	select {
	case err = <-p.ran:
	case <-limit.C:
		err = fault.Errorf(fault.Unavailable, "write took longer than %v", w.o.WriteLimit)
		w.o.Log.Warn("write gave up its turn", "limit", w.o.WriteLimit)
	}
	if failed := p.tx.end(errEnded); failed != nil && err == nil {
		err = failed
	}
	if err == nil {
		err = classify(w.do("release w"))
	}
	return err
}

// undo takes back what the last turn wrote. It returns an error if the whole
// transaction is lost with it.
func (w *writer) undo(cause error) error {
	if code, ok := sqliteCode(cause); ok && rollsBack[code&0xff] {
		return cause
	}
	if err := w.do("rollback to w"); err != nil {
		return err
	}
	return w.do("release w")
}

// reset leaves no transaction open after an error.
func (w *writer) reset() {
	if err := w.do("rollback"); err != nil {
		if _, fromSQLite := sqliteCode(err); fromSQLite {
			return // there is none
		}
		w.o.Log.Warn("roll back", "err", err)
	}
}

func (w *writer) do(query string) error {
	_, err := liteWriter{w}.exec(context.Background(), query, nil)
	return err
}

// stmt returns query prepared. When too many are kept, all are prepared anew.
func (w *writer) stmt(query string) (*sql.Stmt, error) {
	if s := w.stmts[query]; s != nil {
		return s, nil
	}
	if len(w.stmts) >= maxStatements {
		w.forget()
	}
	s, err := w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	w.stmts[query] = s
	return s, nil
}

func (w *writer) forget() {
	for _, s := range w.stmts {
		_ = s.Close()
	}
	clear(w.stmts)
}

// A liteWriter runs statements on the writer's connection. It passes no context:
// an interrupted statement would take the whole batch with it.
type liteWriter struct{ w *writer }

func (l liteWriter) exec(_ context.Context, query string, args []any) (sql.Result, error) {
	s, err := l.w.stmt(query) //nolint:sqlclosecheck // kept
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.Background(), args...)
}

func (l liteWriter) query(_ context.Context, query string, args []any) (*sql.Rows, error) {
	s, err := l.w.stmt(query) //nolint:sqlclosecheck // kept
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.Background(), args...)
}
