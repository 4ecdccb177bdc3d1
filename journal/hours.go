package journal

import (
	"context"
	"math"
	"time"

	"radagora/fault"
)

// lateAfter is how much older than the latest before them entries may be without
// their seal being late, in milliseconds.
const lateAfter = 10 * 60 * 1000

// hours say when the entries of a seal happened, so that a span of time becomes a
// span of numbers. Entries need not be in the order of time: a clock steps back,
// and what is gathered is written when the minute is over.
type hours struct {
	from int64 // the earliest of this seal
	upto int64 // the latest of this seal and of all before it: it never falls
	late bool  // the earliest is more than lateAfter before the latest of all before
}

// with widens h by one entry.
func (h hours) with(at int64, first bool) hours {
	if first {
		return hours{from: at, upto: at}
	}
	return hours{from: min(h.from, at), upto: max(h.upto, at)}
}

// then returns the hours of a seal after h, whose entries happened during.
func (h hours) then(during hours) hours {
	if h.upto == 0 {
		return during // the first seal
	}
	return hours{from: during.from, upto: max(h.upto, during.upto), late: during.from < h.upto-lateAfter}
}

// span returns the numbers between which every entry stands that happened not
// before from and before until, where the zero time is no bound: low < seq < high.
func (j *Journal) span(ctx context.Context, from, until time.Time) (low, high int64, err error) {
	high = math.MaxInt64
	if !from.IsZero() {
		// Up to every earlier seal everything had happened before.
		low, err = j.one(ctx, "select first_seq - 1 from journal_seal where upto_ms >= $1 order by upto_ms, number limit 1", from.UnixMilli(), math.MaxInt64-1)
		if err != nil {
			return 0, 0, err
		}
	}
	if until.IsZero() {
		return low, high, nil
	}
	// Only a late seal beyond the first that reaches lateAfter further can hold more.
	if high, err = j.one(ctx, "select last_seq + 1 from journal_seal where upto_ms >= $1 order by upto_ms, number limit 1", until.UnixMilli()+lateAfter, math.MaxInt64); err != nil {
		return 0, 0, err
	}
	late, err := j.one(ctx, "select coalesce(max(last_seq), 0) + 1 from journal_seal where late and from_ms < $1", until.UnixMilli(), 0)
	return low, max(high, late), err
}

// one returns the number a query finds, or otherwise if it finds none.
func (j *Journal) one(ctx context.Context, query string, arg any, otherwise int64) (n int64, err error) {
	err = j.db.QueryRow(ctx, query, arg).Scan(&n)
	if err != nil && fault.Of(err) == fault.NotFound {
		return otherwise, nil
	}
	return n, err
}
