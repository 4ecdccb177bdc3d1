package embryo

import (
	"context"
	"encoding/json"
	"iter"

	"radagora/access"
	"radagora/db"
)

var _ interface {
	access.Holder
	access.Roll
} = (*Book)(nil)

// Persons implements access.Roll.
func (*Book) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select distinct site_id, person from dose_embryo where person <> '' order by 1, 2`)
}

// Export yields every worksheet about a person, with all versions.
func (b *Book) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		all, err := b.about(ctx, b.DB, p)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, w := range all {
			err := w.versions(ctx, b.DB)
			var raw json.RawMessage
			if err == nil {
				raw, err = json.Marshal(w.told())
			}
			if !yield(access.Record{Room: "embryo", Kind: "worksheet", ID: w.ID, Data: raw}, err) || err != nil {
				return
			}
		}
	}
}

// about returns the worksheets about a person, without their versions.
func (*Book) about(ctx context.Context, q db.Querier, p access.Person) ([]Worksheet, error) {
	if p.ID == "" {
		return nil, nil
	}
	return db.List(ctx, q, scanSheet, selectSheet+` where site_id = $1 and person = $2 order by sheet_id`, p.Site, p.ID)
}

// told is a worksheet as the person gets it.
func (w *Worksheet) told() map[string]any {
	var all []map[string]any
	for _, v := range w.Versions {
		all = append(all, map[string]any{"version": v.Number, "kind": v.Kind, "reason": v.Reason, "day": v.Day, "sheet": v.Sheet, "result": v.Result})
	}
	return map[string]any{"day": w.Versions[0].Day, "study": w.Study, "state": w.State, "versions": all}
}

// Erase removes the worksheets about a person with all their versions.
func (b *Book) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	all, err := b.about(ctx, tx, p)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	for _, w := range all {
		for _, table := range []string{"dose_embryo_step", "dose_embryo"} {
			if _, err := tx.Exec(ctx, "delete from "+table+" where site_id = $1 and sheet_id = $2", p.Site, w.ID); err != nil {
				return 0, err
			}
		}
	}
	by := access.From(ctx).ID
	if by == "" {
		by = "system:dose"
	}
	return len(all), b.journalled(ctx, tx, p.Site, by, "dose.embryo.erased", "", map[string]any{"worksheets": len(all)})
}

// Restrict does nothing: a worksheet is shown to those who may see the study, and a
// person's wish that nothing be processed forbids that.
func (*Book) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
