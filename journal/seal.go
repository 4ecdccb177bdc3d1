package journal

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"radagora/db"
	"radagora/fault"
)

// perSeal is the most entries that one seal covers.
const perSeal = 1000

// Run seals what is committed, or waits to take over from the process that does,
// until ctx ends; then it returns nil. Every process runs it, because it also
// tells this one what others have sealed. Trouble is logged when it changes, and
// Run goes on.
func (j *Journal) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		j.watch(ctx)
	}()
	j.under(ctx, "journal/sealer", j.sealWhile)
	<-watched
	return nil
}

// under runs work while this process has a lease, again and again until ctx ends.
func (j *Journal) under(ctx context.Context, lease string, work func(context.Context, *db.Lease) error) {
	t := trouble{j: j, about: lease, pause: j.o.Retry}
	for ctx.Err() == nil {
		l, err := j.db.Lease(ctx, lease, j.o.Holder, j.o.LeaseTTL)
		if err == nil {
			if err = work(l.Context(), l); l.Context().Err() != nil {
				err = nil // asked to stop, or another has the lease now
			}
			release, cancel := context.WithTimeout(context.WithoutCancel(ctx), j.o.LeaseTTL)
			if e := l.Release(release); e != nil {
				err = errors.Join(err, e)
			}
			cancel()
		}
		t.met(ctx, err)
	}
}

// watch looks for what other processes have sealed.
func (j *Journal) watch(ctx context.Context) {
	t := trouble{j: j, about: "journal/watch", pause: j.o.Poll}
	for ctx.Err() == nil {
		head, err := j.head(ctx)
		if err == nil {
			j.tail.moved(head)
			sleep(ctx, j.o.Poll)
		}
		t.met(ctx, err)
	}
}

// sealWhile seals until ctx ends, at once after a commit of this process, and
// otherwise when it finds something.
func (j *Journal) sealWhile(ctx context.Context, l *db.Lease) error {
	poll := time.NewTicker(j.o.Poll)
	defer poll.Stop()
	for {
		n, err := j.seal(ctx, l)
		if err != nil {
			return err
		}
		if n == perSeal {
			continue // there is more
		}
		if n > 0 && !sleep(ctx, j.o.SealEvery) {
			return nil
		}
		select {
		case <-j.wake:
		case <-poll.C:
			if waiting, err := j.unsealed(ctx, lastID); err != nil || !waiting {
				if err != nil {
					return err
				}
				continue
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// lastID is in order after every id.
const lastID = "g"

// unsealed reports whether entries with ids up to id wait for a number.
func (j *Journal) unsealed(ctx context.Context, id string) (bool, error) {
	var n int
	err := j.db.QueryRow(ctx, "select count(*) from (select 1 as one from journal_entry where seq is null and id <= $1 limit 1) as found", id).Scan(&n)
	return n > 0, err
}

// seal numbers up to perSeal entries and returns how many.
func (j *Journal) seal(ctx context.Context, l *db.Lease) (int, error) {
	n := 0
	err := j.db.Write(ctx, func(tx *db.Tx) error {
		n = 0
		if err := l.Check(ctx, tx); err != nil {
			return err
		}
		s, err := next(ctx, tx)
		if err != nil {
			return err
		}
		digests, err := number(ctx, tx, s.first)
		if err != nil || len(digests) == 0 {
			return err
		}
		n = len(digests)
		s.last, s.at = s.first+int64(n)-1, db.Millis(j.o.Now())
		s.digest = s.sum(digests)
		tx.OnCommit(func() { j.tail.moved(s.last) })
		_, err = tx.Exec(ctx, "insert into journal_seal (number, first_seq, last_seq, at_ms, previous, digest) values ($1, $2, $3, $4, $5, $6)",
			s.number, s.first, s.last, s.at, s.previous, s.digest)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("seal journal: %w", err)
	}
	return n, nil
}

// next begins the seal after the last one.
func next(ctx context.Context, q db.Querier) (seal, error) {
	s := seal{number: 1, first: 1, previous: genesis}
	var number, last int64
	var digest []byte
	err := q.QueryRow(ctx, "select number, last_seq, digest from journal_seal order by number desc limit 1").Scan(&number, &last, &digest)
	if err == nil {
		return seal{number: number + 1, first: last + 1, previous: digest}, nil
	}
	if fault.Of(err) == fault.NotFound {
		return s, nil
	}
	return s, err
}

// number gives places from first on to entries that have none, in the order of
// their ids, and returns their digests in that order.
func number(ctx context.Context, tx *db.Tx, first int64) ([][]byte, error) {
	type numbered struct {
		seq    int64
		digest []byte
	}
	all, err := db.List(ctx, tx, func(r *db.Rows) (n numbered, err error) {
		return n, r.Scan(&n.seq, &n.digest)
	}, `update journal_entry set seq = $1 + place.n - 1 from
		(select id as entry_id, row_number() over (order by id) as n from journal_entry where seq is null order by id limit $2) as place
		where journal_entry.id = place.entry_id returning seq, digest`, first, perSeal)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b numbered) int { return cmp.Compare(a.seq, b.seq) })
	digests := make([][]byte, len(all))
	for i, n := range all {
		if n.seq != first+int64(i) {
			return nil, fault.Errorf(fault.Internal, "numbered %d where %d was due", n.seq, first+int64(i))
		}
		digests[i] = bytes.Clone(n.digest)
	}
	return digests, nil
}

// head returns the number of the last sealed entry, 0 if there is none.
func (j *Journal) head(ctx context.Context) (int64, error) {
	s, err := next(ctx, j.db)
	return s.first - 1, err
}

// sleep waits for d and reports whether ctx is still on.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
