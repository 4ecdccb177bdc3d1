package qualification

import (
	"cmp"
	"context"
	"encoding/json"
	"iter"
	"strings"

	"radagora/access"
	"radagora/db"
)

var _ interface {
	access.Holder
	access.Roll
} = (*Register)(nil)

// Persons implements access.Roll.
func (*Register) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select distinct site_id, person from qualification where person <> '' order by 1, 2`)
}

// about returns the records of a person, restricted ones too.
func (*Register) about(ctx context.Context, q db.Querier, p access.Person) ([]Record, error) {
	if !strings.HasPrefix(p.ID, staff) {
		return nil, nil
	}
	return db.List(ctx, q, scanRecord, selectRecord+` where site_id = $1 and person = $2 order by qualification_id`, p.Site, p.ID)
}

// Export yields every record of a person.
func (r *Register) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		all, err := r.about(ctx, r.DB, p)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, x := range all {
			raw, err := json.Marshal(map[string]any{"name": x.Name, "kind": x.Kind, "detail": x.Detail, "from": x.From, "until": x.Until, "ended": x.Ended})
			if !yield(access.Record{Room: "qualification", Kind: "qualification", ID: x.ID, Data: raw}, err) || err != nil {
				return
			}
		}
	}
}

// Erase removes the records of a person, and judges anew, so that no finding is left of
// them.
func (r *Register) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	if !strings.HasPrefix(p.ID, staff) {
		return 0, nil
	}
	n, err := tx.Exec(ctx, `delete from qualification where site_id = $1 and person = $2`, p.Site, p.ID)
	if err != nil || n == 0 {
		return 0, err
	}
	if err := r.journalled(ctx, tx, p.Site, actor(ctx), "qualification.person.erased", "", map[string]any{"records": n}); err != nil {
		return 0, err
	}
	return int(n), r.judge(ctx, tx, p.Site)
}

// Restrict hides the records of a person from lists, findings and evidence, or shows them
// again.
func (r *Register) Restrict(ctx context.Context, tx *db.Tx, p access.Person, hidden bool) error {
	if !strings.HasPrefix(p.ID, staff) {
		return nil
	}
	n, err := tx.Exec(ctx, `update qualification set restricted = $1 where site_id = $2 and person = $3`, hidden, p.Site, p.ID)
	if err != nil || n == 0 {
		return err
	}
	if err := r.journalled(ctx, tx, p.Site, actor(ctx), "qualification.person.restricted", "", map[string]any{"records": n, "hidden": hidden}); err != nil {
		return err
	}
	return r.judge(ctx, tx, p.Site)
}

// actor is who asks, or the room itself where nobody does.
func actor(ctx context.Context) string { return cmp.Or(access.From(ctx).ID, "system:qualification") }
