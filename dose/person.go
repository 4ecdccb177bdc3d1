package dose

import (
	"context"
	"encoding/json"
	"iter"
	"slices"

	"radagora/access"
	"radagora/db"
	"radagora/journal"
)

var _ access.Roll = (*Ledger)(nil)

// Persons implements access.Roll.
func (*Ledger) Persons(ctx context.Context, q db.Querier) ([]access.Person, error) {
	return access.PersonsIn(ctx, q, `select distinct site_id, person from dose_study where person <> '' order by 1, 2`)
}

// derived are the tables that hold what reports of a study say.
var derived = []string{"dose_study", "dose_event", "dose_examination", "dose_name", "dose_order", "dose_total", "dose_amount", "dose_event_amount", "dose_flag", "dose_twin"}

// Export yields what was derived of each study of a person.
func (l *Ledger) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		studies, err := l.studiesOf(ctx, l.DB, p)
		if err != nil {
			yield(access.Record{}, err)
			return
		}
		for _, study := range studies {
			s, err := l.Study(ctx, p.Site, study)
			var raw json.RawMessage
			if err == nil {
				raw, err = json.Marshal(s)
			}
			if !yield(access.Record{Room: "dose", Kind: "study", ID: study, Data: raw}, err) || err != nil {
				return
			}
		}
	}
}

// studiesOf returns the studies of a person.
func (*Ledger) studiesOf(ctx context.Context, q db.Querier, p access.Person) ([]string, error) {
	list, err := db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study_uid from dose_study where site_id = $1 and person <> '' and person = $2`, p.Site, p.ID)
	slices.Sort(list) // with "order by" SQLite would walk all studies of the site in that order
	return list, err
}

// Erase removes what was derived of a person's studies and returns how many studies
// and examinations it was. The archive, whose reports they come from, is erased in
// the same tx; what people said about names and levels concerns nobody and stays.
func (l *Ledger) Erase(ctx context.Context, tx *db.Tx, p access.Person) (int, error) {
	studies, err := l.studiesOf(ctx, tx, p)
	if err != nil {
		return 0, err
	}
	count := 0
	for _, study := range studies {
		n, err := l.forget(ctx, tx, p.Site, study)
		if err != nil {
			return 0, err
		}
		count += n
		if err := discard(ctx, tx, p.Site, study); err != nil {
			return 0, err
		}
	}
	if count == 0 {
		return 0, nil
	}
	tx.OnCommit(l.changed)
	by := access.From(ctx).ID
	if by == "" {
		by = "system:dose"
	}
	raw, err := json.Marshal(map[string]any{"studies": len(studies), "records": count})
	if err != nil {
		return 0, err
	}
	return count, l.Journal.Append(ctx, tx, journal.Entry{Site: p.Site, Actor: by, Kind: "dose.person.erased", Data: raw})
}

// forget removes what was derived of a study and returns how many rows it was that
// people would count: the study and its examinations.
func (l *Ledger) forget(ctx context.Context, tx *db.Tx, siteID, study string) (int, error) {
	if err := stamp(ctx, tx, siteID, study); err != nil {
		return 0, err
	}
	count := int64(0)
	for _, table := range derived {
		n, err := tx.Exec(ctx, "delete from "+table+" where site_id = $1 and study_uid = $2", siteID, study)
		if err != nil {
			return 0, err
		}
		if table == "dose_study" || table == "dose_examination" {
			count += n
		}
	}
	return int(count), l.told(ctx, tx, siteID, study)
}

// Erased is told within tx that the archive erased a study, or else that it changed: as
// some of its objects were erased, or are another patient's or of another study now. What
// was derived is gone with it, and is derived anew from the reports that are left.
func (l *Ledger) Erased(ctx context.Context, tx *db.Tx, siteID, study string, whole bool) error {
	if _, err := l.forget(ctx, tx, siteID, study); err != nil {
		return err
	}
	if !whole {
		tx.OnCommit(l.poke)
		if l.Images != nil {
			if err := await(ctx, tx, siteID, study, l.Now()); err != nil {
				return err
			}
		}
		return pendReports(ctx, tx, siteID, study)
	}
	if err := discard(ctx, tx, siteID, study); err != nil {
		return err
	}
	tx.OnCommit(l.changed)
	return nil
}

// discard forgets what a study was to be derived from.
func discard(ctx context.Context, tx *db.Tx, siteID, study string) error {
	if err := pendReplaced(ctx, tx, siteID, study); err != nil {
		return err
	}
	if err := pendTwins(ctx, tx, siteID, study); err != nil {
		return err
	}
	for _, table := range []string{"dose_source", "dose_image", "dose_pixel", "dose_pending", "dose_change", "dose_split", "dose_before"} {
		if _, err := tx.Exec(ctx, "delete from "+table+" where site_id = $1 and study_uid = $2", siteID, study); err != nil {
			return err
		}
	}
	return nil
}

// Restrict does nothing: Select leaves out whoever wishes access.Restricted, an
// Overview marks their examinations, and pages of one study ask the policies.
func (*Ledger) Restrict(context.Context, *db.Tx, access.Person, bool) error { return nil }

// restricted returns the studies of persons whose data are restricted.
func restricted(ctx context.Context, tx *db.Tx, siteID string) (map[string]bool, error) {
	list, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study_uid from dose_study where site_id = $1 and person <> ''
		and person in (select person from access_wish where site_id = $1 and wish = $2 and until = 0)`, siteID, string(access.Restricted))
	all := make(map[string]bool, len(list))
	for _, s := range list {
		all[s] = true
	}
	return all, err
}
