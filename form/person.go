package form

import (
	"context"
	"encoding/json"
	"iter"

	"radagora/access"
	"radagora/db"
)

var _ access.Roll = (*Desk)(nil)

// Persons implements access.Roll.
func (*Desk) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select distinct site_id, person from form_response where person <> '' order by 1, 2`)
}

// Export yields every response about a person.
func (d *Desk) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		if p.ID == "" {
			return
		}
		type kept struct {
			Response
			text string
		}
		all, err := db.List(ctx, d.DB, func(r *db.Rows) (k kept, err error) {
			k.Response, k.text, err = scanResponse(r)
			return k, err
		}, selectResponse+` where site_id = $1 and person <> '' and person = $2 order by response_id`, p.Site, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, k := range all {
			if !yield(access.Record{Room: "form", Kind: "response", ID: k.ID, Data: json.RawMessage(k.text)}, nil) {
				return
			}
		}
	}
}

// Erase removes the responses about a person, with who answered what.
func (d *Desk) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	if p.ID == "" {
		return 0, nil
	}
	ids, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select response_id from form_response where site_id = $1 and person <> '' and person = $2`, p.Site, p.ID)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	for _, id := range ids {
		for _, table := range []string{"form_change", "form_delegation", "form_response"} {
			if _, err := tx.Exec(ctx, "delete from "+table+" where site_id = $1 and response_id = $2", p.Site, id); err != nil {
				return 0, err
			}
		}
	}
	by := access.From(ctx).ID
	if by == "" {
		by = "system:form"
	}
	return len(ids), d.note(ctx, tx, p.Site, by, "form.person.erased", "", map[string]any{"responses": len(ids)})
}

// Restrict does nothing: a response is shown to those who may see what it is about, and a
// person's wish that nothing be processed forbids that.
func (*Desk) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
