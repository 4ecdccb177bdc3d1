package connect

import (
	"context"
	"encoding/json"
	"iter"

	"radagora/access"
	"radagora/db"
)

var _ access.Roll = (*Register)(nil)

// Persons returns everybody whom messages are about.
func (*Register) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select site_id, person from connect_message where person <> '' union
		select site_id, person from connect_also union
		select site_id, person from connect_order where person <> '' union
		select site_id, person from connect_outgoing where person <> '' union
		select site_id, person from connect_report order by 1, 2`)
}

// Export yields the messages about a person, those that came and those that were sent.
func (r *Register) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		list, err := db.List(ctx, r.DB, scanMessage, fromMessage+`where `+ofPerson("$1", "$2")+` order by message_id`, p.Site, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, m := range list {
			data, err := json.Marshal(map[string]any{"channel": m.Channel, "code": m.Code, "at": m.At.UTC(), "state": m.State, "message": string(m.Body)})
			if !yield(access.Record{Room: "connect", Kind: "message", ID: m.ID, Data: data}, err) || err != nil {
				return
			}
		}
		out, err := db.List(ctx, r.DB, scanOutgoing, fromOutgoing+`where site_id = $1 and person = $2 order by outgoing_id`, p.Site, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, m := range out {
			data, err := json.Marshal(map[string]any{
				"receiver": m.Receiver, "code": m.Code, "at": m.At.UTC(), "state": m.State, "message": string(m.Body), "answer": string(m.Answer),
			})
			if !yield(access.Record{Room: "connect", Kind: "outgoing", ID: m.ID, Data: data}, err) || err != nil {
				return
			}
		}
	}
}

// Erase removes messages that speak of a person, also of others with them, and what
// orders of theirs are called.
func (*Register) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	count := int64(0)
	for _, s := range []string{
		`delete from connect_told where ` + ofPerson("$1", "$2"),
		`delete from connect_also where message_id in (select message_id from connect_message where person <> '' and site_id = $1 and person = $2)`,
		`delete from connect_message where ` + ofPerson("$1", "$2"),
		`delete from connect_also where message_id in (select message_id from connect_also where site_id = $1 and person = $2)`,
		`delete from connect_order where site_id = $1 and person = $2`,
		`delete from connect_outgoing where site_id = $1 and person = $2`,
		`delete from connect_report_file where report_id in (select report_id from connect_report where site_id = $1 and person = $2)`,
		`delete from connect_report where site_id = $1 and person = $2`,
	} {
		n, err := tx.Exec(ctx, s, p.Site, p.ID)
		if err != nil {
			return 0, err
		}
		count += n
	}
	return int(count), nil
}

// Restrict does nothing: what messages say of somebody who wants their data restricted
// is kept like what images say, and every list asks access for the wish.
func (*Register) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
