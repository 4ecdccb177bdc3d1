package journal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A Consumer says how far someone who follows the journal is.
type Consumer struct {
	Name     string
	Seq      int64     // everything up to it is handled
	Lag      int64     // sealed entries after it, of any kind
	Updated  time.Time // when Seq last moved
	Holder   string    // the process that works for it, or did last
	Failures int       // since the last success
	Stuck    bool      // it failed so often that someone should look; it is still trying
	FailsAt  int64     // first entry of the batch that fails; 0 if none does
	Kind     string    // fault kind of the last error, "" if none
	Error    string    // its text, without quoted values
}

// Consumers returns all consumers that ever began, by name.
func (j *Journal) Consumers(ctx context.Context) ([]Consumer, error) {
	var all []Consumer
	err := j.db.Read(ctx, func(tx *db.Tx) error {
		s, err := next(ctx, tx)
		if err != nil {
			return err
		}
		all, err = db.List(ctx, tx, func(r *db.Rows) (c Consumer, err error) {
			var updated int64
			err = r.Scan(&c.Name, &c.Seq, &updated, &c.Failures, &c.Error, &c.Kind, &c.FailsAt, &c.Holder)
			c.Updated, c.Lag, c.Stuck = db.FromMillis(updated), max(0, s.first-1-c.Seq), c.Failures >= stuckAfter
			return c, err
		}, `select consumer, seq, updated_ms, failures, error, error_kind, error_seq, coalesce(holder, '')
			from journal_cursor left join lease on lease.name = 'journal/' || consumer order by consumer`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("consumers of the journal: %w", err)
	}
	return all, nil
}

// Rewind has a consumer read the journal again from its beginning, as part of tx,
// in which the caller also removes what the consumer derived. Call it first: it
// makes tx wait for the batch the consumer is working on.
func (j *Journal) Rewind(ctx context.Context, tx *db.Tx, consumer string) error {
	_, err := tx.Exec(ctx, `update journal_cursor set seq = 0, updated_ms = $1, failures = 0, error = '', error_kind = '', error_seq = 0
		where consumer = $2`, db.Millis(j.o.Now()), consumer)
	if err != nil {
		return fmt.Errorf("rewind %s: %w", consumer, err)
	}
	tx.OnCommit(j.tail.nudge)
	return nil
}

// Wait returns nil when consumer has handled everything that was committed before
// the call. Somebody must run Run and Follow. It gives the consumer's error if that
// is stuck, and Unavailable if ctx ends first.
func (j *Journal) Wait(ctx context.Context, consumer string) error {
	j.waits.Add(1)
	defer j.waits.Add(-1)
	select {
	case j.hurry <- struct{}{}: // the sealer does not rest
	default:
	}
	j.tail.nudge() // consumers store where they are
	upTo, err := j.lastUnsealed(ctx)
	if err != nil {
		return fmt.Errorf("wait for %s: %w", consumer, err)
	}
	target := int64(-1)
	for {
		changed := j.Changed()
		if target < 0 {
			if target, err = j.sealedUpTo(ctx, upTo); err != nil {
				return fmt.Errorf("wait for %s: %w", consumer, err)
			}
		}
		if target >= 0 {
			done, err := j.reached(ctx, consumer, target)
			if err != nil || done {
				return err
			}
		}
		wait(ctx, changed, min(j.o.Poll, 50*time.Millisecond))
		if err := ctx.Err(); err != nil {
			return fault.Errorf(fault.Unavailable, "wait for %s: %w", consumer, err)
		}
	}
}

// lastUnsealed returns the last id that has no number yet, "" if there is none.
func (j *Journal) lastUnsealed(ctx context.Context) (string, error) {
	var id string
	err := j.db.QueryRow(ctx, "select coalesce(max(id), '') from journal_entry where seq is null").Scan(&id)
	return id, err
}

// sealedUpTo returns the number of the last sealed entry if no entry up to id waits
// for a number, else -1.
func (j *Journal) sealedUpTo(ctx context.Context, id string) (int64, error) {
	waiting, err := j.unsealed(ctx, id)
	if err != nil || waiting {
		return -1, err
	}
	return j.head(ctx)
}

func (j *Journal) reached(ctx context.Context, consumer string, target int64) (bool, error) {
	var seq, failures, failsAt int64
	var text string
	err := j.db.QueryRow(ctx, "select seq, failures, error_seq, error from journal_cursor where consumer = $1", consumer).
		Scan(&seq, &failures, &failsAt, &text)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return target == 0, nil // it has not begun
	case err != nil:
		return false, fmt.Errorf("wait for %s: %w", consumer, err)
	case seq >= target:
		return true, nil
	case failures >= stuckAfter:
		return false, fault.Errorf(fault.Unavailable, "wait for %s: stuck at entry %d: %s", consumer, failsAt, strings.TrimSpace(text))
	}
	return false, nil
}
