package dose

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// A ToSplit is a study of which a person has to say what was examined: events belong to
// no examination without doubt, or less was found than was ordered.
type ToSplit struct {
	Study       string
	Day         string
	Started     string
	Machine     string
	Modality    string
	Description string
	Events      int
	Unassigned  int // events that belong to no examination without doubt
}

// Splitting returns the studies of a site that wait to be divided, the latest first and
// at most limit of them, and how many there are in all. Phantoms and tests, and persons
// whose data are restricted, are left out.
func (l *Ledger) Splitting(ctx context.Context, siteID string, limit int) (all []ToSplit, n int, err error) {
	err = l.DB.Read(ctx, func(tx *db.Tx) error {
		hidden, err := restricted(ctx, tx, siteID)
		if err != nil {
			return err
		}
		// Two statements: no index serves either of two conditions.
		for _, where := range []string{
			`s.unassigned > 0`,
			`s.unassigned = 0 and exists (select 1 from dose_flag f where f.site_id = s.site_id and f.study_uid = s.study_uid
				and f.examination = '' and f.flag = '` + FlagMulti + `')`,
		} {
			list, err := db.List(ctx, tx, func(r *db.Rows) (s ToSplit, err error) {
				return s, r.Scan(&s.Study, &s.Day, &s.Started, &s.Machine, &s.Modality, &s.Description, &s.Events, &s.Unassigned)
			}, `select s.study_uid, s.day, s.started, s.machine_id, s.modality, s.description, s.events, s.unassigned
				from dose_study s where s.site_id = $1 and s.not_patient = '' and `+where, siteID)
			if err != nil {
				return err
			}
			all = append(all, list...)
		}
		all = slices.DeleteFunc(all, func(s ToSplit) bool { return hidden[s.Study] })
		return nil
	})
	slices.SortFunc(all, func(a, b ToSplit) int {
		return cmp.Or(cmp.Compare(b.Day, a.Day), cmp.Compare(b.Started, a.Started), cmp.Compare(a.Study, b.Study))
	})
	return all[:min(limit, len(all))], len(all), err
}

// A Split says on behalf of By to which examination events of a study belong: to one
// that is there, or to one that is made for them.
type Split struct {
	Site, Study string
	Events      []string // keys
	Into        string   // key of the examination that is there; "" makes one
	Exam        string   // of one that is made: code in dose/exam, or NotAnExamination
	Multi       bool     // the one that is made is several procedures that cannot be divided
	By          string
}

// A SplitStep is a decision about events of a study.
type SplitStep struct {
	ID, Study string
	Events    []string // keys
	Made      bool     // of an examination; else they were put to one that was there
	Exam      string
	Multi     bool
	By        string
	At        int64 // milliseconds
	UndoneBy  string
	UndoneAt  int64
}

// mostSplit is how many events one decision may be about.
const mostSplit = 2000

// Assign decides to which examination events belong, has the study derived anew, and
// returns the id of the decision. Localizers and bolus tracking go with the diagnostic
// event that follows them. NotFound: no such study, event or examination. Invalid: a code
// nobody knows, no event, or an event of another kind than the examination.
func (l *Ledger) Assign(ctx context.Context, d Split) (string, error) {
	if d.By == "" {
		return "", fault.Errorf(fault.Invalid, "somebody has to decide")
	}
	s, err := l.Study(ctx, d.Site, d.Study)
	if err != nil {
		return "", err
	}
	if err := l.checkSplit(&d, s); err != nil {
		return "", err
	}
	id := db.NewID()
	b := belongs{slot: id, exam: d.Exam, multi: d.Multi}
	if d.Into != "" {
		if b, err = l.into(ctx, d, s); err != nil {
			return "", err
		}
	}
	anchors, err := json.Marshal(append([]string{}, b.anchors...))
	if err != nil {
		return "", err
	}
	rows := make([][]any, len(d.Events))
	for i, key := range d.Events {
		rows[i] = []any{id, d.Site, d.Study, key, b.slot, string(anchors), b.exam, b.multi, d.By, db.Millis(l.Now())}
	}
	err = l.DB.Write(ctx, func(tx *db.Tx) error {
		err := insertRows(ctx, tx, `insert into dose_split (decision_id, site_id, study_uid, event_key, slot, anchors, exam_code, multi, decided_by, decided_at)`, rows)
		if err != nil {
			return err
		}
		if err := pend(ctx, tx, d.Site, d.Study); err != nil {
			return err
		}
		tx.OnCommit(l.poke)
		return l.journalled(ctx, tx, d.Site, d.By, "dose.split.decided", d.Study, map[string]any{
			"decision": id, "events": len(d.Events), "made": d.Into == "", "exam": d.Exam, "multi": d.Multi,
		})
	})
	if err != nil {
		return "", err
	}
	l.deriveNow(ctx, d.Site, d.Study)
	return id, nil
}

// checkSplit refuses what cannot be decided.
func (l *Ledger) checkSplit(d *Split, s *StoredStudy) error {
	slices.Sort(d.Events)
	d.Events = slices.Compact(d.Events)
	switch {
	case len(d.Events) == 0 || len(d.Events) > mostSplit:
		return fault.Errorf(fault.Invalid, "choose 1 to %d events", mostSplit)
	case d.Into != "" && (d.Exam != "" || d.Multi):
		return fault.Errorf(fault.Invalid, "an examination that is there keeps its code: make one, or choose one")
	case d.Into == "" && d.Exam == "" && !d.Multi:
		return fault.Errorf(fault.Invalid, "an examination that is made needs a code of dose/exam")
	}
	kinds := s.kinds()
	for _, key := range d.Events {
		if _, ok := kinds[key]; !ok {
			return fault.Errorf(fault.NotFound, "the study has no such event")
		}
	}
	if d.Exam != "" && d.Exam != NotAnExamination {
		return l.known(d.Site, "dose/exam", "exam_code", d.Exam)
	}
	return nil
}

// kinds are the kinds of what the events of a study are taken from, by their keys; ""
// where it is no dose report.
func (s *StoredStudy) kinds() map[string]string {
	reports := map[string]string{}
	for _, r := range s.Reports {
		reports[r.SOPInstance] = r.Kind
	}
	all := map[string]string{}
	for i := range s.Events {
		all[s.Events[i].Key] = reports[s.Events[i].SOPInstance]
	}
	return all
}

// into returns what it means to belong to an examination that is there: one that a
// person made keeps its events by its name, one that was found by those it has.
func (l *Ledger) into(ctx context.Context, d Split, s *StoredStudy) (belongs, error) {
	said, err := decided(ctx, l.DB, d.Site, d.Study)
	if err != nil {
		return belongs{}, err
	}
	b, found := belongs{}, false
	kinds := s.kinds()
	for i := range s.Events {
		e := &s.Events[i]
		if e.Examination != d.Into {
			continue
		}
		found = true
		for _, key := range d.Events {
			if a, b := kinds[key], kinds[e.Key]; a != "" && b != "" && a != b {
				return belongs{}, fault.Errorf(fault.Invalid, "events of a report of %s do not belong to an examination of %s", a, b)
			}
		}
		if was, ok := said[e.Key]; ok {
			if was.slot != "" {
				return was, nil
			}
			continue
		}
		if !slices.Contains(d.Events, e.Key) {
			b.anchors = append(b.anchors, e.Key)
		}
	}
	switch {
	case !found:
		return b, fault.Errorf(fault.NotFound, "the study has no examination %s", d.Into)
	case b.anchors == nil:
		return b, fault.Errorf(fault.Invalid, "examination %s has no other events: there is nothing to decide", d.Into)
	}
	return b, nil
}

// deriveNow derives one study at once, so that whoever decided sees what came of it. If
// that fails, it is left to whoever derives.
func (l *Ledger) deriveNow(ctx context.Context, siteID, study string) {
	tasks, err := db.List(ctx, l.DB, func(r *db.Rows) (t task, err error) { return t, r.Scan(&t.site, &t.study, &t.ticket) },
		`select site_id, study_uid, ticket from dose_pending where site_id = $1 and study_uid = $2`, siteID, study)
	if err == nil && len(tasks) > 0 {
		d := derivation{l: l, known: map[string]knowledge{}}
		err = cmp.Or(d.part(ctx, tasks), d.failed)
		if d.done > 0 {
			l.changed()
		}
	}
	if err != nil && ctx.Err() == nil {
		l.Log.WarnContext(ctx, "dose: derive a study that was divided", "error", err)
	}
}

// SplitSteps returns what was decided about a study, or about all of a site if study is
// "", the latest first.
func (l *Ledger) SplitSteps(ctx context.Context, siteID, study string, limit int) ([]SplitStep, error) {
	where, args := "", []any{siteID, limit}
	if study != "" {
		where, args = " and study_uid = $3", append(args, study)
	}
	type row struct {
		SplitStep
		key, slot string
	}
	list, err := db.List(ctx, l.DB, func(r *db.Rows) (x row, err error) {
		return x, r.Scan(&x.ID, &x.Study, &x.key, &x.slot, &x.Exam, &x.Multi, &x.By, &x.At, &x.UndoneBy, &x.UndoneAt)
	}, `select decision_id, study_uid, event_key, slot, exam_code, multi, decided_by, decided_at, undone_by, undone_at from dose_split
		where site_id = $1 and decision_id in (select decision_id from dose_split where site_id = $1`+where+`
			group by decision_id, decided_at order by decided_at desc, decision_id desc limit $2)
		order by decided_at desc, decision_id desc, event_key`, args...)
	var all []SplitStep
	for _, x := range list {
		if n := len(all); n > 0 && all[n-1].ID == x.ID {
			all[n-1].Events = append(all[n-1].Events, x.key)
			continue
		}
		x.Events, x.Made = []string{x.key}, x.slot == x.ID
		all = append(all, x.SplitStep)
	}
	return all, err
}

// LastSplit returns the last decision of a person that stands, and whether there is one.
func (l *Ledger) LastSplit(ctx context.Context, siteID, by string) (string, bool, error) {
	all, err := db.List(ctx, l.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, `select decision_id from dose_split
		where site_id = $1 and decided_by = $2 and undone_at = 0 order by decided_at desc, decision_id desc limit 1`, siteID, by)
	return strings.Join(all, ""), len(all) > 0, err
}

// UndoSplit takes a decision back on behalf of by, and has its study derived anew. What
// was decided about the same events before counts again. NotFound: there is none that
// stands.
func (l *Ledger) UndoSplit(ctx context.Context, siteID, id, by string) (study string, err error) {
	err = l.DB.Write(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(ctx, `select study_uid from dose_split where site_id = $1 and decision_id = $2 and undone_at = 0 limit 1`, siteID, id).Scan(&study)
		if fault.Of(err) == fault.NotFound {
			return fault.Errorf(fault.NotFound, "no decision %s that stands", id)
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update dose_split set undone_by = $3, undone_at = $4 where site_id = $1 and decision_id = $2`, siteID, id, by, db.Millis(l.Now()))
		if err != nil {
			return err
		}
		if err := pend(ctx, tx, siteID, study); err != nil {
			return err
		}
		tx.OnCommit(l.poke)
		return l.journalled(ctx, tx, siteID, by, "dose.split.undone", study, map[string]any{"decision": id})
	})
	if err != nil {
		return "", err
	}
	l.deriveNow(ctx, siteID, study)
	return study, nil
}
