package review

import (
	"context"
	"encoding/json"
	"iter"

	"radagora/access"
	"radagora/db"
)

// Personal is the part of a Desk that is about single persons: cases and lines of
// their examinations. What derives of a case, with its history, the room finding holds.
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
			all, err := db.List(ctx, h.DB, scanCase, selectCase+` where site_id = $1 and study_uid = $2 order by number`, p.Site, study)
			if err != nil {
				yield(access.Record{}, err)
				return
			}
			for _, c := range all {
				r, err := h.told(ctx, c)
				if !yield(r, err) || err != nil {
					return
				}
			}
		}
	}
}

// told makes a record of a case.
func (h Personal) told(ctx context.Context, c Case) (access.Record, error) {
	r := access.Record{Room: "review", Kind: "case", ID: c.ID}
	check, err := readCheck(ctx, h.DB, c.ID)
	if err != nil {
		return r, err
	}
	r.Data, err = json.Marshal(map[string]any{
		"number": c.Number, "rule_set": c.Set, "rule": c.Rule, "study": c.Study, "day": c.Day, "state": c.State, "reason": c.Reason,
		"words": c.Words, "form": c.Form, "skin_check": check,
	})
	return r, err
}

// Erase implements access.Holder. It comes before the archive, which knows the studies
// of a person until it erases them.
func (h Personal) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	studies, err := h.Studies(ctx, tx, p)
	if err != nil {
		return 0, err
	}
	count := int64(0)
	for _, study := range studies {
		_, err := tx.Exec(ctx, `delete from review_check where case_id in (select case_id from review_case where site_id = $1 and study_uid = $2)`, p.Site, study)
		if err != nil {
			return 0, err
		}
		for _, table := range []string{"review_case", "review_line", "review_skin"} {
			n, err := tx.Exec(ctx, "delete from "+table+" where site_id = $1 and study_uid = $2", p.Site, study)
			if err != nil {
				return 0, err
			}
			if table == "review_case" {
				count += n
			}
		}
	}
	return int(count), nil
}

// Restrict implements access.Holder. Whether a case of an examination is shown is for
// the policies to say.
func (Personal) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
