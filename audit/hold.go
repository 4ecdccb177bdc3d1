package audit

import (
	"context"
	"encoding/json"
	"iter"

	"radagora/access"
	"radagora/db"
)

// Personal is the part of a Desk that can name examinations: the cases of samples.
type Personal struct {
	*Desk
	// Studies returns the Study Instance UIDs of a person.
	Studies func(ctx context.Context, q db.Querier, p access.Person) ([]string, error)
}

var _ access.Holder = Personal{}

// Export implements access.Holder.
func (h Personal) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		studies, err := h.Studies(ctx, h.DB, p)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, study := range studies {
			all, err := db.List(ctx, h.DB, func(r *db.Rows) (x access.Record, err error) {
				var cycle, verdict, reason string
				var ordinal int
				if err := r.Scan(&cycle, &ordinal, &verdict, &reason); err != nil {
					return x, err
				}
				x = access.Record{Room: "audit", Kind: "case", ID: cycle}
				x.Data, err = json.Marshal(map[string]any{"audit": cycle, "case": ordinal, "study": study, "evidence_says": verdict, "reason": reason})
				return x, err
			}, `select cycle_id, ordinal, automatic, reason from audit_case where site_id = $1 and object = $2 order by cycle_id, ordinal`, p.Site, study)
			if err != nil {
				yield(access.Record{}, err)
				return
			}
			for _, r := range all {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
}

// Erased is the id of a case whose examination was erased. Its verdict stays in the count.
const Erased = "erased"

// Erase implements access.Holder: what names the examination goes, with all that people
// wrote of it; the verdict stays, so that a frozen result can still be counted again. It
// comes before the archive, which knows the studies of a person until it erases them.
func (h Personal) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	studies, err := h.Studies(ctx, tx, p)
	if err != nil {
		return 0, err
	}
	count := int64(0)
	for _, study := range studies {
		_, err := tx.Exec(ctx, `update audit_answer set comment = '' where exists (
			select 1 from audit_case c where c.site_id = $1 and c.object = $2 and c.cycle_id = audit_answer.cycle_id and c.ordinal = audit_answer.ordinal)`, p.Site, study)
		if err != nil {
			return 0, err
		}
		n, err := tx.Exec(ctx, `update audit_case set case_id = $1, object = '', day = '', reason = case when reason = '' then '' else $1 end where site_id = $2 and object = $3`, Erased, p.Site, study)
		if err != nil {
			return 0, err
		}
		count += n
	}
	return int(count), nil
}

// Restrict implements access.Holder. Whether a case is shown is for the policies to say.
func (Personal) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
