package access

import (
	"context"

	"radagora/db"
	"radagora/fault"
)

// What survives an erasure: that a person opted out of secondary use (Regulation (EU)
// 2025/327 Article 71), as a keyed hash that tells nobody who it was. When data of that
// person come again, the opt-out holds again before anybody can select them.

// exclude keeps the opt-outs of a person who is erased, as part of tx, and returns how
// many there are.
func (f *Facts) exclude(ctx context.Context, tx *db.Tx, p Person) (int64, error) {
	if f.Mark == nil {
		return 0, nil
	}
	return tx.Exec(ctx, `insert into access_exclusion (site_id, mark, wish, since)
		select site_id, $3, wish, max(since) from access_wish where site_id = $1 and person = $2 and wish = $4 and until = 0 group by site_id, wish
		on conflict (site_id, mark, wish) do nothing`, p.Site, p.ID, f.Mark(p.Site, p.ID), string(NoSecondary))
}

// Arrived has the opt-outs hold again of a person of whom data come, as part of tx:
// whoever keeps data of a person for the first time calls it.
func (f *Facts) Arrived(ctx context.Context, tx *db.Tx, p Person) error {
	if f.Mark == nil || p.ID == "" {
		return nil
	}
	mark := f.Mark(p.Site, p.ID)
	kept, err := db.List(ctx, tx, func(r *db.Rows) (h Held, err error) {
		var since int64
		err = r.Scan(&h.Wish, &since)
		h.Since = db.FromMillis(since)
		return h, err
	}, `select wish, since from access_exclusion where site_id = $1 and mark = $2`, p.Site, mark)
	if err != nil || len(kept) == 0 {
		return err
	}
	for _, h := range kept {
		n, err := tx.Exec(ctx, `insert into access_wish (site_id, person, wish, since, reason, made_by) values ($1, $2, $3, $4, '', 'system:access')
			on conflict (site_id, person, wish, since) do nothing`, p.Site, p.ID, string(h.Wish), db.Millis(h.Since))
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		err = f.record(With(ctx, System("access")), tx, p.Site, "access.wish.made", p.ID, "", map[string]any{"wish": string(h.Wish), "returned": true}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// include forgets an opt-out that was kept beyond an erasure, as part of tx.
func (f *Facts) include(ctx context.Context, tx *db.Tx, p Person, w Wish) error {
	if f.Mark == nil {
		return nil
	}
	_, err := tx.Exec(ctx, `delete from access_exclusion where site_id = $1 and mark = $2 and wish = $3`, p.Site, f.Mark(p.Site, p.ID), string(w))
	return err
}

// excluded reports whether an opt-out of a person was kept beyond an erasure.
func (f *Facts) excluded(ctx context.Context, p Person) (bool, error) {
	if f.Mark == nil {
		return false, nil
	}
	var n int
	err := f.DB.QueryRow(ctx, `select count(*) from access_exclusion where site_id = $1 and mark = $2`, p.Site, f.Mark(p.Site, p.ID)).Scan(&n)
	return n > 0, err
}

// Kept says what of a person stays when they are erased: an opt-out, as a keyed hash.
func (f *Facts) Kept(ctx context.Context, p Person) (map[string]int, error) {
	held, err := f.Wishes(ctx, p)
	if err != nil {
		return nil, err
	}
	out, err := f.excluded(ctx, p)
	for _, h := range held {
		out = out || f.Mark != nil && h.Wish == NoSecondary && h.Until.IsZero()
	}
	if err != nil || !out {
		return nil, err
	}
	return map[string]int{"opt_out": 1}, nil
}

// Persons returns everybody of whom something is kept here.
func (f *Facts) Persons(ctx context.Context, q db.Querier) ([]Person, error) {
	return PersonsIn(ctx, q, `select site_id, person from access_relation where person <> '' union select site_id, person from access_wish
		union select site_id, person from access_same order by 1, 2`)
}

// A Roll is a Holder that can say of whom it keeps something, so that erasures can be
// done again in a copy from before. One that keeps nothing but what another room names
// too need not be one.
type Roll interface {
	Holder
	Persons(ctx context.Context, q db.Querier) ([]Person, error)
}

var _ Roll = (*Facts)(nil)

// PersonsIn returns the persons that a query of two columns, site and identifier,
// finds. It is for rooms that implement Roll.
func PersonsIn(ctx context.Context, q db.Querier, query string) ([]Person, error) {
	all, err := db.List(ctx, q, func(r *db.Rows) (p Person, err error) { return p, r.Scan(&p.Site, &p.ID) }, query)
	if err != nil {
		return nil, fault.As(fault.Of(err), err)
	}
	return all, nil
}
