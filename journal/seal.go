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

// sealWhile seals until ctx ends, at once after a commit of this process that
// followed a pause, and otherwise when it finds something.
func (j *Journal) sealWhile(ctx context.Context, l *db.Lease) error {
	poll := time.NewTicker(j.o.Poll)
	defer poll.Stop()
	s := signer{j: j, l: l}
	defer s.last(ctx)
	for {
		n, err := j.seal(ctx, l)
		if err != nil {
			return err
		}
		if err := s.due(ctx); err != nil {
			return err
		}
		if n == perSeal {
			continue // there is more
		}
		if n > 0 && !j.rest(ctx) {
			return nil
		}
		if stop, err := j.more(ctx, poll.C, &s); stop || err != nil {
			return err
		}
	}
}

// more waits until there may be something to seal, and reports whether ctx ended.
func (j *Journal) more(ctx context.Context, poll <-chan time.Time, s *signer) (stop bool, err error) {
	for {
		select {
		case <-j.wake:
			return false, nil
		case <-poll:
			if waiting, err := j.unsealed(ctx, lastID); err != nil || waiting {
				return false, err
			}
			if err := s.due(ctx); err != nil {
				return false, err
			}
		case <-ctx.Done():
			return true, nil
		}
	}
}

// unhurried is how many times longer the pause between two seals is while nobody
// waits: each seal is a commit that those who store have to share.
const unhurried = 10

// rest keeps seals apart: by SealEvery, and by ten times that unless somebody in
// this process waits for a consumer. It reports whether ctx is still on.
func (j *Journal) rest(ctx context.Context) bool {
	if !sleep(ctx, j.o.SealEvery) {
		return false
	}
	t := time.NewTimer((unhurried - 1) * j.o.SealEvery)
	defer t.Stop()
	for j.waits.Load() == 0 {
		select {
		case <-j.hurry:
		case <-t.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return true
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
		digests, during, err := number(ctx, tx, s.first)
		if err != nil || len(digests) == 0 {
			return err
		}
		n = len(digests)
		s.last, s.at = s.first+int64(n)-1, db.Millis(j.o.Now())
		s.digest = s.sum(digests)
		s.hours = s.then(during)
		tx.OnCommit(func() { j.tail.moved(s.last) })
		_, err = tx.Exec(ctx, `insert into journal_seal (number, first_seq, last_seq, at_ms, previous, digest, from_ms, upto_ms, late)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			s.number, s.first, s.last, s.at, s.previous, s.digest, s.from, s.upto, s.late)
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
	var number, last, upto int64
	var digest []byte
	err := q.QueryRow(ctx, "select number, last_seq, digest, upto_ms from journal_seal order by number desc limit 1").Scan(&number, &last, &digest, &upto)
	if err == nil {
		return seal{number: number + 1, first: last + 1, previous: digest, hours: hours{upto: upto}}, nil
	}
	if fault.Of(err) == fault.NotFound {
		return s, nil
	}
	return s, err
}

// number gives places from first on to entries that have none, in the order of
// their ids, and returns their digests in that order, and when they happened.
func number(ctx context.Context, tx *db.Tx, first int64) (digests [][]byte, during hours, err error) {
	type numbered struct {
		seq, at int64
		digest  []byte
	}
	all, err := db.List(ctx, tx, func(r *db.Rows) (n numbered, err error) {
		return n, r.Scan(&n.seq, &n.at, &n.digest)
	}, `update journal_entry set seq = $1 + place.n - 1 from
		(select id as entry_id, row_number() over (order by id) as n from journal_entry where seq is null order by id limit $2) as place
		where journal_entry.id = place.entry_id returning seq, at_ms, digest`, first, perSeal)
	if err != nil {
		return nil, during, err
	}
	slices.SortFunc(all, func(a, b numbered) int { return cmp.Compare(a.seq, b.seq) })
	digests = make([][]byte, len(all))
	for i, n := range all {
		if n.seq != first+int64(i) {
			return nil, during, fault.Errorf(fault.Internal, "numbered %d where %d was due", n.seq, first+int64(i))
		}
		digests[i] = bytes.Clone(n.digest)
		during = during.with(n.at, i == 0)
	}
	return digests, during, nil
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
