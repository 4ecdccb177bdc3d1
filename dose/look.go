package dose

import (
	"context"
	"encoding/json"

	"radagora/db"
	"radagora/fault"
)

// A NameUse says how a local name is used.
type NameUse struct {
	Name
	Folded       string
	Machines     []string
	Open         []string // those of them with examinations that nobody said the meaning of
	Modality     string   // of its examinations: CT, or others where there are none
	Examinations int
	Unmapped     int // of them, those that nobody said the meaning of
	LastDay      string
}

// Names returns the local names seen at a site since a day, those borne by the
// most unmapped examinations first, then by volume. Phantoms and tests are left out.
func (l *Ledger) Names(ctx context.Context, siteID, since string) ([]NameUse, error) {
	var rows []nameOf
	err := l.DB.Read(ctx, func(tx *db.Tx) (err error) {
		rows, err = l.namesSince(ctx, tx, siteID, since)
		return err
	})
	if err != nil {
		return nil, err
	}
	var all []NameUse
	for _, r := range rows {
		if n := len(all); n == 0 || all[n-1].Source != r.Source || all[n-1].Folded != r.Folded {
			all = append(all, NameUse{Name: r.Name, Folded: r.Folded, Modality: r.Modality})
		}
		u := &all[len(all)-1]
		u.Machines = append(u.Machines, r.machine)
		if r.Unmapped > 0 {
			u.Open = append(u.Open, r.machine)
		}
		u.Modality = min(u.Modality, r.Modality)
		u.Examinations += r.Examinations
		u.Unmapped += r.Unmapped
		u.LastDay = max(u.LastDay, r.LastDay)
	}
	sortNames(all)
	return all, nil
}

// A StoredEvent is an event as it was derived.
type StoredEvent struct {
	Examination string // key, "" if unassigned
	AssignedBy  string // what told that
	SOPInstance string // of the report it is from
	Sequence    bool
	EventJSON
}

// A StoredReport is what became of a report.
type StoredReport struct {
	SOPInstance string
	Kind        string
	Problem     string
	Counted     bool
	Machine     string
	ReceivedAt  int64
}

// A StoredStudy is everything derived about a study.
type StoredStudy struct {
	UID, Day, Started, Modality, Machine, Description string
	DLPDeclared, DLPSummed                            *string
	NotPatient                                        string
	Warnings                                          []WarningJSON
	Reports                                           []StoredReport
	Events                                            []StoredEvent
	Items                                             []*Item
	Sources                                           []StoredSource // reports and images
	Totals                                            []StoredTotal  // by quantity, of the whole and by plane and side
	Amounts                                           []StoredAmount // of its examinations, and then of its events
}

// Study returns what was derived about a study; NotFound if there is no dose
// report of it.
func (l *Ledger) Study(ctx context.Context, siteID, uid string) (*StoredStudy, error) {
	s := &StoredStudy{UID: uid}
	err := l.DB.Read(ctx, func(tx *db.Tx) error {
		var warnings string
		err := tx.QueryRow(ctx, `select day, started, modality, machine_id, description, dlp_declared, dlp_summed, not_patient, warnings
			from dose_study where site_id = $1 and study_uid = $2`, siteID, uid).
			Scan(&s.Day, &s.Started, &s.Modality, &s.Machine, &s.Description, &s.DLPDeclared, &s.DLPSummed, &s.NotPatient, &warnings)
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(warnings), &s.Warnings); err != nil {
			return fault.As(fault.Internal, err)
		}
		return l.studyParts(ctx, tx, siteID, s)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// studyParts loads reports, events and examinations of a study.
func (l *Ledger) studyParts(ctx context.Context, tx *db.Tx, siteID string, s *StoredStudy) error {
	var err error
	s.Reports, err = db.List(ctx, tx, func(r *db.Rows) (x StoredReport, err error) {
		return x, r.Scan(&x.SOPInstance, &x.Kind, &x.Problem, &x.Counted, &x.Machine, &x.ReceivedAt)
	}, `select source_id, kind, problem, counted, machine_id, received_at from dose_source
		where site_id = $1 and study_uid = $2 and class = 'report' order by received_at, source_id`, siteID, s.UID)
	if err != nil {
		return err
	}
	if err := loadAmounts(ctx, tx, siteID, s); err != nil {
		return err
	}
	s.Events, err = db.List(ctx, tx, func(r *db.Rows) (x StoredEvent, err error) {
		var packed []byte
		if err := r.Scan(&x.Examination, &x.AssignedBy, &x.SOPInstance, &x.Sequence, &packed); err != nil {
			return x, err
		}
		return x, unpack(packed, &x.EventJSON)
	}, `select examination, assigned_by, sop_instance_uid, sequence, packed from dose_event
		where site_id = $1 and study_uid = $2 order by ordinal`, siteID, s.UID)
	if err != nil {
		return err
	}
	s.Items, err = db.List(ctx, tx, func(r *db.Rows) (*Item, error) {
		i := &Item{Study: s.UID}
		var sizes string
		err := r.Scan(&i.Key, &i.Day, &i.Started, &i.Machine, &i.Exam, &i.Indication, &i.KnownBy,
			&i.AssignedBy, &i.Name, &i.AgeMonths, &i.Weight, &i.Events, &i.DLP, &i.Excluded,
			&i.WeightFrom.Source, &i.WeightFrom.Origin, &i.WeightFrom.At,
			&i.Known.Order, &i.Known.Accession, &i.Known.From, &i.Known.Name, &i.Known.Reason, &sizes)
		if err == nil {
			i.Known.Sizes, err = decodeSizes(sizes)
		}
		return i, err
	}, `select examination, day, started, machine_id, exam_code, indication, known_by,
		assigned_by, name, age_months, weight_kg, events, dlp_mgycm, excluded,
		weight_source, weight_origin, weight_at, order_id, accession, exam_from, exam_name, reason, sizes
		from dose_examination where site_id = $1 and study_uid = $2 order by examination`, siteID, s.UID)
	return err
}

// Started reports whether a dose report has ever been read at a site.
func (l *Ledger) Started(ctx context.Context, siteID string) (bool, error) {
	var n int
	err := l.DB.QueryRow(ctx, `select count(*) from (select 1 from dose_study where site_id = $1 limit 1) as s`, siteID).Scan(&n)
	return n > 0, err
}

// FirstReport returns the report of a site that was received first among those
// read, and whether there is one.
func (l *Ledger) FirstReport(ctx context.Context, siteID string) (StoredReport, bool, error) {
	all, err := db.List(ctx, l.DB, func(r *db.Rows) (x StoredReport, err error) {
		return x, r.Scan(&x.SOPInstance, &x.Kind, &x.Problem, &x.Counted, &x.Machine, &x.ReceivedAt)
	}, `select source_id, kind, problem, counted, machine_id, received_at from dose_source
		where site_id = $1 and kind <> '' and class = 'report' order by received_at limit 1`, siteID)
	if err != nil || len(all) == 0 {
		return StoredReport{}, false, err
	}
	return all[0], true, nil
}

// Volumes returns how many examinations each machine of a site has made.
func (l *Ledger) Volumes(ctx context.Context, siteID string) (map[string]int, error) {
	rows, err := l.DB.Query(ctx, `select machine_id, count(*) from dose_examination where site_id = $1 group by machine_id`, siteID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]int{}
	for rows.Next() {
		var machine string
		var n int
		if err := rows.Scan(&machine, &n); err != nil {
			return nil, err
		}
		all[machine] = n
	}
	return all, rows.Err()
}

// Monthly returns how many examinations of each month (2006-01) between two days, both
// included, have a recorded dose, whatever the modality.
func (l *Ledger) Monthly(ctx context.Context, siteID string, p Period) (map[string]int, error) {
	rows, err := l.DB.Query(ctx, `select substr(day, 1, 7), count(*) from dose_examination
		where site_id = $1 and day >= $2 and day <= $3 and day <> '' group by substr(day, 1, 7)`, siteID, p.From, p.To)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]int{}
	for rows.Next() {
		var month string
		var n int
		if err := rows.Scan(&month, &n); err != nil {
			return nil, err
		}
		all[month] = n
	}
	return all, rows.Err()
}

// Days returns the first and last day of the CT examinations of a site, "" if
// there are none.
func (l *Ledger) Days(ctx context.Context, siteID string) (Period, error) {
	return l.DaysOf(ctx, siteID, "CT")
}

// DaysOf is Days of a modality.
func (l *Ledger) DaysOf(ctx context.Context, siteID, modality string) (p Period, err error) {
	err = l.DB.QueryRow(ctx, `select coalesce(min(x.day), ''), coalesce(max(x.day), '')
		from dose_examination x where x.site_id = $1 and x.modality = $2 and x.day <> ''`, siteID, modality).Scan(&p.From, &p.To)
	return p, err
}
