package journal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"radagora/db"
	"radagora/fault"
)

// consumerRule is the form of a consumer's name.
var consumerRule = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// The sizes of batches. After a failure the next batch is one entry, so that those
// before the one that fails are handled and it is known by its number.
const (
	fullBatch  = pageSize
	growth     = 4
	stuckAfter = 5 // failures after which Consumers reports a consumer as stuck
)

// Follow hands the sealed entries of the given kinds, or of any, to fn in order of
// their numbers, and moves the consumer's cursor in the same transaction: each is
// handled exactly once as far as fn does everything with tx. fn may be called again
// with the same batch after a roll-back. One process at a time works for a consumer,
// under a lease.
//
// When fn fails, nothing of the batch is kept, and it is tried again, after a pause
// that grows to 30 s, for as long as it fails: nothing is skipped. Consumers tells
// how it stands.
//
// Follow returns nil when ctx ends. It is Invalid if the name of the consumer is not
// one lower-case word, or a kind is none.
func (j *Journal) Follow(ctx context.Context, consumer string, kinds []string, fn func(ctx context.Context, tx *db.Tx, batch []Entry) error) error {
	if !consumerRule.MatchString(consumer) {
		return fault.Errorf(fault.Invalid, "follow journal: consumer %.40q is not a lower-case word", consumer)
	}
	if err := checkKinds(kinds); err != nil {
		return err
	}
	j.under(ctx, "journal/"+consumer, func(ctx context.Context, l *db.Lease) error {
		f := &follower{j: j, lease: l, consumer: consumer, kinds: kinds, fn: fn, limit: fullBatch, window: firstWindow}
		f.trouble = trouble{j: j, about: "journal/" + consumer, pause: j.o.Retry}
		return f.run(ctx)
	})
	return nil
}

// Deliver is Follow for what lies outside the database: another machine, a file. fn
// is called outside of any transaction, may take its time, and is handed each entry at
// least once: again if the program ends before the cursor has moved. A consumer that is
// new begins with what is sealed from now on.
func (j *Journal) Deliver(ctx context.Context, consumer string, kinds []string, fn func(ctx context.Context, batch []Entry) error) error {
	if !consumerRule.MatchString(consumer) {
		return fault.Errorf(fault.Invalid, "deliver journal: consumer %.40q is not a lower-case word", consumer)
	}
	if err := checkKinds(kinds); err != nil {
		return err
	}
	j.under(ctx, "journal/"+consumer, func(ctx context.Context, l *db.Lease) error {
		f := &follower{j: j, lease: l, consumer: consumer, kinds: kinds, deliver: fn, limit: fullBatch, window: firstWindow}
		f.trouble = trouble{j: j, about: "journal/" + consumer, pause: j.o.Retry}
		return f.run(ctx)
	})
	return nil
}

// Leave ends a consumer for good as part of tx: nothing is kept for it any more.
func (j *Journal) Leave(ctx context.Context, tx *db.Tx, consumer string) error {
	if _, err := tx.Exec(ctx, "delete from journal_cursor where consumer = $1", consumer); err != nil {
		return fmt.Errorf("leave journal: %w", err)
	}
	return nil
}

// A follower works for one consumer while it has the lease.
type follower struct {
	j        *Journal
	lease    *db.Lease
	consumer string
	kinds    []string
	fn       func(ctx context.Context, tx *db.Tx, batch []Entry) error
	deliver  func(ctx context.Context, batch []Entry) error // instead of fn
	trouble  trouble

	stored int64 // the cursor as it stands in the database
	at     int64 // everything up to here is handled, or is none of the kinds
	moved  time.Time
	limit  int
	window int64
}

func (f *follower) run(ctx context.Context) error {
	if err := f.begin(ctx); err != nil {
		return err
	}
	for ctx.Err() == nil {
		changed := f.j.Changed() // before looking, so that nothing is missed
		idle, err := f.step(ctx)
		if err != nil && !errors.Is(err, errRewound) {
			f.failed(ctx, err)
			continue
		}
		f.trouble.met(ctx, nil)
		if idle {
			wait(ctx, changed, f.j.o.Poll)
		}
	}
	return nil
}

// begin makes the consumer's cursor if it is new.
func (f *follower) begin(ctx context.Context) error {
	return f.j.db.Write(ctx, func(tx *db.Tx) error {
		seq := int64(0)
		if f.deliver != nil {
			s, err := next(ctx, tx)
			if err != nil {
				return err
			}
			seq = s.first - 1
		}
		_, err := tx.Exec(ctx, `insert into journal_cursor (consumer, seq, updated_ms, failures, error, error_kind, error_seq)
			values ($1, $2, $3, 0, '', '', 0) on conflict (consumer) do nothing`, f.consumer, seq, db.Millis(f.j.o.Now()))
		return err
	})
}

// step handles one batch, and reports whether there was nothing to do.
func (f *follower) step(ctx context.Context) (idle bool, err error) {
	if err := f.look(ctx); err != nil {
		return false, err
	}
	head, err := f.j.head(ctx)
	if err != nil {
		return false, err
	}
	if f.at >= head {
		return true, f.settle(ctx)
	}
	s := &search{j: f.j, low: f.at, high: head + 1, window: f.window, limit: f.limit}
	s.anyOf(f.kinds)
	page, err := s.page(ctx)
	if err != nil {
		return false, err
	}
	to := min(s.low, head)
	if len(page) > 0 {
		if err := f.handle(ctx, page, to); err != nil {
			return false, err
		}
	}
	f.at, f.window = to, s.window
	f.limit = min(f.limit*growth, fullBatch)
	return false, nil
}

// look notices a cursor that somebody else has moved.
func (f *follower) look(ctx context.Context) error {
	var seq int64
	if err := f.j.db.QueryRow(ctx, "select seq from journal_cursor where consumer = $1", f.consumer).Scan(&seq); err != nil {
		return err
	}
	if seq != f.stored || f.at < seq {
		f.stored, f.at = seq, seq
	}
	return nil
}

// settle stores how far the follower has come past entries that are none of its
// kinds: at once if somebody waits for it, otherwise not more often than others
// would look.
func (f *follower) settle(ctx context.Context) error {
	now := f.j.o.Now()
	since := now.Sub(f.moved)
	if f.at == f.stored || f.j.waits.Load() == 0 && since >= 0 && since < f.j.o.Poll {
		return nil
	}
	return f.handle(ctx, nil, f.at)
}

// errRewound says that the cursor was moved by somebody else.
var errRewound = errors.New("cursor was moved")

// handle moves the cursor and hands batch to fn, in one transaction. The cursor
// comes first, so that a Rewind waits for this transaction or stops it.
func (f *follower) handle(ctx context.Context, batch []Entry, to int64) error {
	if f.deliver != nil && len(batch) > 0 {
		if err := f.deliver(ctx, batch); err != nil {
			return &batchError{batch[0].Seq, err}
		}
		batch = nil
	}
	now := f.j.o.Now()
	err := f.j.db.Write(ctx, func(tx *db.Tx) error {
		if err := f.lease.Check(ctx, tx); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `update journal_cursor set seq = $1, updated_ms = $2, failures = 0, error = '', error_kind = '', error_seq = 0
			where consumer = $3 and seq = $4`, to, db.Millis(now), f.consumer, f.stored)
		switch {
		case err != nil:
			return err
		case n == 0:
			return errRewound
		case len(batch) == 0:
			return nil
		}
		return f.fn(ctx, tx, batch)
	})
	if err == nil {
		f.stored, f.moved = to, now
		if f.j.waits.Load() > 0 {
			f.j.tail.nudge()
		}
		return nil
	}
	if len(batch) > 0 {
		err = &batchError{batch[0].Seq, err}
	}
	return err
}

// A batchError says in which batch fn failed.
type batchError struct {
	seq int64
	err error
}

func (e *batchError) Error() string { return e.err.Error() }
func (e *batchError) Unwrap() error { return e.err }

// failed keeps account of a failure where everybody sees it, and pauses.
func (f *follower) failed(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	f.limit, f.window = 1, firstWindow
	if b, ok := errors.AsType[*batchError](err); ok {
		// If this does not succeed either, the log has to do.
		_ = f.j.db.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "update journal_cursor set failures = $1, error = $2, error_kind = $3, error_seq = $4 where consumer = $5",
				f.trouble.count+1, quiet(b.err), fault.Of(b.err).String(), b.seq, f.consumer)
			return err
		})
		f.j.tail.nudge()
	}
	f.trouble.met(ctx, err)
}

// wait returns when changed is closed, after d, or when ctx ends.
func wait(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-ctx.Done():
	}
}
