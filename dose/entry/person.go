package entry

import (
	"context"
	"encoding/json"
	"iter"
	"slices"

	"radagora/access"
	"radagora/db"
)

var _ interface {
	access.Holder
	access.Roll
} = (*Book)(nil)

// Persons implements access.Roll.
func (*Book) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select distinct site_id, person from dose_entry where person <> '' order by 1, 2`)
}

// Export yields every entry about a person, with its history.
func (b *Book) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		all, err := db.List(ctx, b.DB, scanEntry, selectEntry+` where site_id = $1 and person = $2 order by entry_id`, p.Site, p.ID)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, e := range all {
			steps, err := b.History(ctx, p.Site, e.ID)
			var raw json.RawMessage
			if err == nil {
				raw, err = json.Marshal(map[string]any{"day": e.Record.Day, "state": e.State, "class": e.Class, "record": e.Record, "history": steps})
			}
			if !yield(access.Record{Room: "entry", Kind: "entry", ID: e.ID, Data: raw}, err) || err != nil {
				return
			}
		}
	}
}

// Erase removes the entries about a person with their history, and their rows from the
// files that are kept: such a file is CSV from then on, in which every other row keeps
// its line.
func (b *Book) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	if p.ID == "" {
		return 0, nil
	}
	all, err := db.List(ctx, tx, scanEntry, selectEntry+` where site_id = $1 and person = $2`, p.Site, p.ID)
	if err != nil {
		return 0, err
	}
	var batches, studies []string
	for _, e := range all {
		for _, table := range []string{"dose_entry_step", "dose_entry"} {
			if _, err := tx.Exec(ctx, "delete from "+table+" where site_id = $1 and entry_id = $2", p.Site, e.ID); err != nil {
				return 0, err
			}
		}
		studies = append(studies, e.Study)
	}
	// A person may stand in rows that were not taken, too: every file is looked at.
	batches, err = db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select batch_id from dose_entry_batch where site_id = $1 order by batch_id`, p.Site)
	if err != nil {
		return 0, err
	}
	blanked := 0
	for _, id := range batches {
		n, err := b.blank(ctx, tx, p, id)
		if err != nil {
			return 0, err
		}
		blanked += n
	}
	if len(all) == 0 && blanked == 0 {
		return 0, nil
	}
	slices.Sort(studies)
	if err := b.Ledger.Enter(ctx, tx, p.Site, slices.Compact(studies)...); err != nil {
		return 0, err
	}
	by := access.From(ctx).ID
	if by == "" {
		by = "system:dose"
	}
	return max(len(all), blanked), b.journalled(ctx, tx, p.Site, by, "dose.entry.erased", "", map[string]any{"entries": len(all), "rows": blanked})
}

// blank takes the rows of a person out of a file that is kept.
func (b *Book) blank(ctx context.Context, tx *db.Tx, p access.Person, id string) (int, error) {
	batch, err := b.Batch(ctx, tx, p.Site, id)
	if err != nil {
		return 0, err
	}
	var raw []byte
	if err := tx.QueryRow(ctx, `select content from dose_entry_batch where site_id = $1 and batch_id = $2`, p.Site, id).Scan(&raw); err != nil {
		return 0, err
	}
	s, err := readSheet(raw)
	if err != nil {
		return 0, err
	}
	rows, err := batch.Layout.read(s)
	if err != nil {
		return 0, nil //nolint:nilerr // nothing is left of it
	}
	n := 0
	for _, r := range rows {
		if b.person(r.record) != p.ID {
			continue
		}
		for _, line := range r.lines {
			s.lines[line-1] = nil
			n++
		}
	}
	if n == 0 {
		return 0, nil
	}
	_, err = tx.Exec(ctx, `update dose_entry_batch set content = $3, format = 'csv' where site_id = $1 and batch_id = $2`, p.Site, id, s.writeText())
	return n, err
}

// Restrict does nothing: lists of entries are for those who enter them, and what is
// derived of entries hides with the examinations of the ledger.
func (*Book) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }
