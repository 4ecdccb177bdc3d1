package person

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"radagora/access"
	"radagora/db"
)

var _ access.Roll = (*Register)(nil)

// Persons implements access.Roll.
func (*Register) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select site_id, person from person_seen union select site_id, a from person_link
		union select site_id, b from person_link union select site_id, person from person_fact union select site_id, person from person_patient order by 1, 2`)
}

// Export yields the identifier, every decision about it and what was said of the
// person under it.
func (r *Register) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		seen, err := db.List(ctx, r.DB, scanIdentifier, fromSeen+`where site_id = $1 and person = $2`, p.Site, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, i := range seen {
			data, err := json.Marshal(map[string]any{
				"kind": i.Kind, "issuer": i.Issuer, "identifier": i.Value, "studies": i.Studies,
				"first": i.First.UTC().Format(time.RFC3339), "last": i.Last.UTC().Format(time.RFC3339),
			})
			if !yield(access.Record{Room: "person", Kind: "identifier", ID: i.Key, Data: data}, err) || err != nil {
				return
			}
		}
		card, err := r.card(ctx, r.DB, p.Site, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		if card.Key != "" {
			data, err := json.Marshal(map[string]string{"name": card.Name, "birth_date": card.BirthDate, "sex": card.Sex, "issuer": card.Issuer, "identifier": card.Identifier})
			if !yield(access.Record{Room: "person", Kind: "patient", ID: card.ID, Data: data}, err) || err != nil {
				return
			}
		}
		links, err := db.List(ctx, r.DB, scanLink, fromLink+`where `+ofPerson+` order by link_id`, p.Site, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, l := range links {
			data, err := json.Marshal(l.export(p.ID))
			if !yield(access.Record{Room: "person", Kind: "link", ID: l.ID, Data: data}, err) || err != nil {
				return
			}
		}
		facts, err := r.factsOf(ctx, r.DB, p.Site, []string{p.ID})
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, f := range facts {
			data, err := json.Marshal(map[string]any{
				"kind": f.Kind, "value": f.Value, "received": f.Received, "at": f.At.UTC().Format(time.RFC3339),
				"noted": f.Noted.UTC().Format(time.RFC3339), "source": f.Source, "origin": f.Origin, "doubt": f.Doubt,
			})
			if !yield(access.Record{Room: "person", Kind: "fact", ID: f.ID, Data: data}, err) || err != nil {
				return
			}
		}
	}
}

// export returns a decision for the person it is about. That two persons were found
// to be distinct tells nothing of the other one.
func (l Link) export(own string) map[string]any {
	with := l.A
	if l.A == own {
		with = l.B
	}
	all := map[string]any{"kind": l.Kind, "reason": l.Reason, "made_by": l.MadeBy, "made": l.Made.UTC().Format(time.RFC3339)}
	if l.Kind != Distinct {
		all["with"] = with
	}
	if !l.Ended.IsZero() {
		all["ended"], all["ended_by"], all["ended_reason"] = l.Ended.UTC().Format(time.RFC3339), l.EndedBy, l.End
	}
	return all
}

// Erase removes the identifier, every decision about it and what was said under it.
func (*Register) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	count := int64(0)
	if _, err := tx.Exec(ctx, `delete from person_header where site_id = $1 and person <> '' and person = $2`, p.Site, p.ID); err != nil {
		return 0, err
	}
	for _, s := range []string{
		`delete from person_seen where site_id = $1 and person = $2`,
		`delete from person_link where ` + ofPerson,
		`delete from person_fact where site_id = $1 and person = $2`,
		`delete from person_patient where site_id = $1 and person = $2`,
	} {
		n, err := tx.Exec(ctx, s, p.Site, p.ID)
		if err != nil {
			return 0, err
		}
		count += n
	}
	return int(count), nil
}

// Restrict does nothing: there is nothing here that anybody processes.
func (*Register) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
