package privacy

import (
	"context"
	"iter"

	"radagora/access"
	"radagora/db"
)

// Own is the desk as a room that keeps personal data itself: the requests of a
// person, with their texts.
type Own struct{ *Desk }

// Export implements access.Holder.
func (o Own) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		all, err := o.of(ctx, p)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, q := range all {
			events, err := o.history(ctx, q)
			r := access.Record{Room: "privacy", Kind: "request", ID: q.ID, Data: encode(map[string]any{
				"kind": q.Kind.ID, "channel": q.Channel, "received_on": q.ReceivedOn, "state": string(q.State), "due": q.Due(),
				"closed_on": q.ClosedOn, "history": lines(events),
			})}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// lines returns events as they stand in an export.
func lines(events []Event) (all []map[string]any) {
	for _, e := range events {
		all = append(all, map[string]any{"at": e.At, "by": e.By, "what": e.What, "texts": e.Texts})
	}
	return all
}

// of returns the requests of a person.
func (o Own) of(ctx context.Context, p access.Person) ([]Request, error) {
	return o.requests(ctx, p.Site, `where site_id = $1 and person = $2`, p.Site, o.Pseudonym(p.Site, p.ID))
}

// Erase implements access.Holder: the texts of closed requests go. An open one is
// answered first, and that it existed stays, under the pseudonym.
func (o Own) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	return o.EraseAs(ctx, tx, p.Site, o.Pseudonym(p.Site, p.ID))
}

// EraseAs is Erase of whoever a pseudonym stands for.
func (o Own) EraseAs(ctx context.Context, tx *db.Tx, siteID, pseudonym string) (int, error) {
	ids, err := db.List(ctx, tx, func(r *db.Rows) (q Request, err error) { return q, r.Scan(&q.ID, &q.Site) },
		`select request_id, site_id from privacy_request where site_id = $1 and person = $2 and closed_on <> '' and erased_at = 0`,
		siteID, pseudonym)
	if err != nil {
		return 0, err
	}
	return len(ids), o.forgetTexts(ctx, tx, ids)
}

// Pseudonyms returns by site whom requests are about whose texts are still here.
func (o Own) Pseudonyms(ctx context.Context) ([]access.Person, error) {
	return access.PersonsIn(ctx, o.DB, `select distinct site_id, person from privacy_request where person <> '' and closed_on <> '' and erased_at = 0 order by 1, 2`)
}

// Kept implements Keeper.
func (o Own) Kept(ctx context.Context, p access.Person) (map[string]int, error) {
	var n int
	err := o.DB.QueryRow(ctx, `select count(*) from privacy_request where site_id = $1 and person = $2 and closed_on = ''`,
		p.Site, o.Pseudonym(p.Site, p.ID)).Scan(&n)
	if err != nil || n == 0 {
		return nil, err
	}
	return map[string]int{"open_request": n}, nil
}

// Restrict implements access.Holder: requests are seen by those who handle them
// alone, who need them to establish claims (GDPR Art. 18(2)).
func (Own) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }

var (
	_ access.Holder = Own{}
	_ Keeper        = Own{}
)
