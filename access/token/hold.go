package token

import (
	"context"
	"encoding/json"
	"iter"

	"radagora/access"
	"radagora/db"
	"radagora/site"
)

var _ access.Roll = (*Register)(nil)

// Persons returns every patient for whom an app was let in. Those of an app that acts at
// every site are named at the first.
func (*Register) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	const here = `select case when site_id = '' then '` + site.Default + `' else site_id end, person from `
	return access.PersonsIn(ctx, q, here+`access_consent where person <> '' union `+here+`access_pass where person <> '' union `+
		here+`access_launch where person <> '' order by 1, 2`)
}

// Export yields what apps were let see of a patient, by whom and when.
func (r *Register) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		type row struct {
			id, app, user, scopes string
			made, ended           int64
		}
		list, err := db.List(ctx, r.o.DB, func(rows *db.Rows) (x row, err error) {
			return x, rows.Scan(&x.id, &x.app, &x.user, &x.scopes, &x.made, &x.ended)
		}, `select consent_id, app_id, user_id, scopes, made_at, ended_at from access_consent where site_id in ($1, '') and person = $2 order by consent_id`, p.Site, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, x := range list {
			data, err := json.Marshal(map[string]any{
				"app": x.app, "by": x.user, "scopes": x.scopes, "made": db.FromMillis(x.made).UTC(), "ended": x.ended > 0,
			})
			if !yield(access.Record{Room: "apps", Kind: "consent", ID: x.id, Data: data}, err) || err != nil {
				return
			}
		}
	}
}

// Erase takes back what apps were let see of a patient, and forgets it.
func (*Register) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	count := int64(0)
	for _, s := range []string{
		`delete from access_refresh where consent_id in (select consent_id from access_consent where site_id in ($1, '') and person = $2)`,
		`delete from access_pass where site_id in ($1, '') and person = $2`,
		`delete from access_launch where site_id in ($1, '') and person = $2`,
		`delete from access_consent where site_id in ($1, '') and person = $2`,
	} {
		n, err := tx.Exec(ctx, s, p.Site, p.ID)
		if err != nil {
			return 0, err
		}
		count += n
	}
	return int(count), nil
}

// Restrict does nothing: what an app asks for is decided when it asks.
func (*Register) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
