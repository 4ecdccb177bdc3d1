package worklist

import (
	"context"
	"encoding/json"
	"iter"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

var _ access.Roll = (*Register)(nil)

// Persons returns everybody of whom orders, performed steps or studies are kept.
func (*Register) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select site_id, person from worklist_order where person <> ''
		union select site_id, person from worklist_performed where person <> ''
		union select site_id, person from worklist_study where person <> '' order by 1, 2`)
}

// Export yields the orders of a person, what machines told of them, and what is known
// of their studies.
func (r *Register) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		orders, err := r.orders(ctx, r.DB, `where o.site_id = $1 and o.person <> '' and o.person = $2 order by o.order_id`, p.Site, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, o := range orders {
			data, err := json.Marshal(o)
			if !yield(access.Record{Room: "worklist", Kind: "order", ID: o.ID, Data: data}, err) || err != nil {
				return
			}
		}
		for kind, query := range map[string]string{
			"performed step": `select sop_uid, document from worklist_performed where site_id = $1 and person <> '' and person = $2 order by sop_uid`,
			"message": `select m.message_id, m.document from worklist_performed_message m join worklist_performed p on p.site_id = m.site_id
				and p.sop_uid = m.sop_uid where p.site_id = $1 and p.person <> '' and p.person = $2 order by m.message_id`,
		} {
			list, err := db.List(ctx, r.DB, func(rows *db.Rows) (x access.Record, err error) {
				var text string
				err = rows.Scan(&x.ID, &text)
				x.Room, x.Kind, x.Data = "worklist", kind, json.RawMessage(text)
				return x, err
			}, query, p.Site, p.ID)
			if err != nil {
				yield(access.Record{}, err)
				return
			}
			for _, x := range list {
				if !yield(x, nil) {
					return
				}
			}
		}
		r.exportStudies(ctx, p, yield)
	}
}

// exportStudies yields what was matched and announced of a person's studies.
func (r *Register) exportStudies(ctx context.Context, p access.Person, yield func(access.Record, error) bool) {
	list, err := db.List(ctx, r.DB, scanStudyState, selectStudyState+`where t.site_id = $1 and t.person <> '' and t.person = $2 order by t.study_uid`, p.Site, p.ID)
	if err != nil {
		yield(access.Record{}, err)
		return
	}
	for _, s := range list {
		data, err := json.Marshal(map[string]any{
			"match": s.Match, "reason": s.Reason, "order": s.Order, "instances": s.Instances,
			"announced": s.Complete.State, "decided_by": s.DecidedBy, "note": s.DecidedNote,
		})
		if err != nil {
			err = fault.As(fault.Internal, err)
		}
		if !yield(access.Record{Room: "worklist", Kind: "study", ID: s.Study, Data: data}, err) || err != nil {
			return
		}
	}
}

// erasures are what goes with a person; $1 is the site and $2 the person. Each comes
// before what its condition looks at.
var erasures = []string{
	`delete from worklist_request where order_id in (select order_id from worklist_order where site_id = $1 and person <> '' and person = $2)`,
	`delete from worklist_performed_step where site_id = $1 and (sop_uid in (select sop_uid from worklist_performed where site_id = $1 and person <> '' and person = $2)
		or step_key in (select s.step_key from worklist_step s join worklist_order o on o.order_id = s.order_id where o.site_id = $1 and o.person <> '' and o.person = $2))`,
	`delete from worklist_performed_message where site_id = $1 and sop_uid in (select sop_uid from worklist_performed where site_id = $1 and person <> '' and person = $2)`,
	`delete from worklist_performed where site_id = $1 and person <> '' and person = $2`,
	`delete from worklist_announced where site_id = $1 and study_uid in (select study_uid from worklist_study where site_id = $1 and person <> '' and person = $2)`,
	`delete from worklist_decision where site_id = $1 and study_uid in (select study_uid from worklist_study where site_id = $1 and person <> '' and person = $2)`,
	`delete from worklist_study where site_id = $1 and person <> '' and person = $2`,
	`delete from worklist_asked where step_key in (select s.step_key from worklist_step s join worklist_order o on o.order_id = s.order_id
		where o.site_id = $1 and o.person <> '' and o.person = $2)`,
	`delete from worklist_step where order_id in (select order_id from worklist_order where site_id = $1 and person <> '' and person = $2)`,
	`delete from worklist_order where site_id = $1 and person <> '' and person = $2`,
}

// Erase removes orders, performed steps and what is known of studies.
func (*Register) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	count := 0
	for _, s := range erasures {
		n, err := tx.Exec(ctx, s, p.Site, p.ID)
		if err != nil {
			return 0, err
		}
		count += int(n)
	}
	return count, nil
}

// Restrict does nothing here: every list and every answer asks access for the wish.
func (*Register) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
