package evidence

import (
	"context"
	"iter"
	"time"

	"radagora/content"
)

// Counted makes a fact of cases: a share of those that count, which can be drawn from.
// how names the computation, such as "dose.within/1".
func Counted(id, how string, now func() time.Time, cases func(ctx context.Context, q Query) ([]Case, error)) Fact {
	return Fact{
		ID: id,
		Value: func(ctx context.Context, q Query) (Value, error) {
			all, err := cases(ctx, q)
			v := Value{Provenance: Provenance{AsOf: now(), How: how, Content: []content.Ref{}}}
			for _, c := range all {
				v.N++
				v.Denominator++
				if c.Counted {
					v.Numerator++
				}
			}
			return v, err
		},
		Cases: func(ctx context.Context, q Query) iter.Seq2[Case, error] {
			return func(yield func(Case, error) bool) {
				all, err := cases(ctx, q)
				if err != nil {
					yield(Case{}, err)
					return
				}
				for _, c := range all {
					if !yield(c, nil) {
						return
					}
				}
			}
		},
	}
}

// Numbered makes a fact of a number of things.
func Numbered(id, how string, now func() time.Time, count func(ctx context.Context, q Query) (int64, error)) Fact {
	return Fact{ID: id, Value: func(ctx context.Context, q Query) (Value, error) {
		n, err := count(ctx, q)
		return Value{N: int(n), Numerator: float64(n), Provenance: Provenance{AsOf: now(), How: how, Content: []content.Ref{}}}, err
	}}
}

// Dated makes a flag of the moment something happened last before the end of a query. The
// zero time: it never did. zone tells the day of a site.
func Dated(id, how string, now func() time.Time, zone func(ctx context.Context, siteID string) (*time.Location, error), last func(ctx context.Context, q Query) (time.Time, error)) Fact {
	return Fact{ID: id, Value: func(ctx context.Context, q Query) (Value, error) {
		v := Value{Provenance: Provenance{AsOf: now(), How: how, Content: []content.Ref{}}}
		at, err := last(ctx, q)
		if err != nil || at.IsZero() {
			return v, err
		}
		here, err := zone(ctx, q.Site)
		if err != nil {
			return v, err
		}
		v.N, v.Date = 1, at.In(here).Format(time.DateOnly)
		return v, nil
	}}
}
