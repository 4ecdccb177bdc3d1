package dose

import (
	"context"

	"radagora/db"
)

// An Apart is a study of which something is in no median: it is not of a
// patient, or some of its events belong to no examination without doubt.
type Apart struct {
	Study, Key  string // of its first examination; the key is "" where it has none
	Day         string
	Started     string
	Machine     string
	Description string
	Events      int
	Unassigned  int    // events that belong to no examination without doubt
	NotPatient  string // the pattern that says so, "" for a patient
}

// ID names the examination, or the events without one, within the site.
func (a Apart) ID() string { return a.Study + "_" + a.Key }

// Apart returns the CT studies of a period that are set apart, the latest first.
func (l *Ledger) Apart(ctx context.Context, siteID string, p Period) ([]Apart, error) {
	return db.List(ctx, l.DB, func(r *db.Rows) (a Apart, err error) {
		return a, r.Scan(&a.Study, &a.Key, &a.Day, &a.Started, &a.Machine, &a.Description, &a.Events, &a.Unassigned, &a.NotPatient)
	}, `select s.study_uid, case when s.unassigned > 0 then '' else coalesce((select min(x.examination) from dose_examination x
			where x.site_id = s.site_id and x.study_uid = s.study_uid), '') end,
		s.day, s.started, s.machine_id, s.description, s.events, s.unassigned, s.not_patient
		from dose_study s where s.site_id = $1 and s.modality = 'CT' and s.day between $2 and $3
		and (s.unassigned > 0 or s.not_patient <> '')
		order by s.day desc, s.started desc, s.study_uid`, siteID, p.From, p.To)
}
