package dose

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// What a Change is about.
const (
	ChangedEvent       = "event"       // it is there or is not
	ChangedValue       = "value"       // of an event
	ChangedAmount      = "amount"      // of an examination
	ChangedTotal       = "total"       // of the study
	ChangedExamination = "examination" // what of it counts
	ChangedFlag        = "flag"        // what is doubtful
	ChangedSource      = "source"      // whether a report or image could be read, and counts
	ChangedStudy       = "study"       // the study as a whole
)

// A Change is what a study tells otherwise since it was read again.
type Change struct {
	Study       string
	Examination string // "" of the study as a whole
	Machine     string
	Modality    string
	Day         string
	What        string // see Changed…
	Item        string // key of the event, or id of the source
	Field       string
	Before      string // "" if it was not there
	After       string
	From, To    int64 // versions of the reader
	At          int64 // milliseconds
	Applied     bool  // false: a trial told it
}

// snapshots are the statements that say what is derived of studies: whose, of what kind, of
// which examination, of which event or source, which field, and what it is.
var snapshots = []string{
	`select site_id, study_uid, 'amount', examination, '', quantity, cast(value as text) from dose_amount`,
	`select site_id, study_uid, 'total', '', '', case when part = '' then quantity else quantity || ' ' || part end, coalesce(total, '') from dose_total`,
	`select site_id, study_uid, 'examination', examination, '', 'excluded', excluded from dose_examination`,
	`select site_id, study_uid, 'examination', examination, '', 'events', cast(events as text) from dose_examination`,
	`select site_id, study_uid, 'flag', examination, machine_id, flag, cast(n as text) from dose_flag`,
	`select site_id, study_uid, 'source', '', source_id, 'problem', problem from dose_source`,
	`select site_id, study_uid, 'source', '', source_id, 'counted', case when counted then 'yes' else 'no' end from dose_source`,
	`select site_id, study_uid, 'source', '', source_id, 'kind', kind from dose_source`,
	`select site_id, study_uid, 'study', '', '', 'events', cast(events as text) from dose_study`,
	`select site_id, study_uid, 'study', '', '', 'modality', modality from dose_study`,
	`select site_id, study_uid, 'study', '', '', 'day', day from dose_study`,
	`select site_id, study_uid, 'study', '', '', 'not_patient', not_patient from dose_study`,
	`select site_id, study_uid, 'meta', '', '', 'machine', machine_id from dose_study`,
	`select site_id, study_uid, 'meta', '', '', 'reader', cast(reader_version as text) from dose_study`,
}

// A point names one thing that is derived of a study.
type point struct{ what, examination, item, field string }

// A snapshot is what is derived of a study.
type snapshot map[point]string

// add takes a row over.
func (s snapshot) add(p point, text string, packed []byte) error {
	if p.what != ChangedEvent {
		s[p] = text
		return nil
	}
	var e EventJSON
	if err := unpack(packed, &e); err != nil {
		return err
	}
	s[point{ChangedEvent, "", p.item, "event"}] = cmp.Or(strings.TrimSpace(deref(e.Protocol)+" "+deref(e.Type)), "?")
	for _, v := range e.Values {
		raw, err := json.Marshal(v.Value)
		if err != nil {
			return fault.As(fault.Internal, err)
		}
		value := strings.Trim(string(raw), `"`)
		if value == "null" {
			continue // an empty value is unknown
		}
		k := point{ChangedValue, "", p.item, string(v.Field)}
		if before := s[k]; before != "" {
			value = before + `\` + value
		}
		s[k] = value
	}
	return nil
}

// deref returns what p points to, "" for nil.
func deref(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// derivedOf takes a snapshot of what is derived of a study.
func derivedOf(ctx context.Context, q db.Querier, siteID, study string) (snapshot, error) {
	s := snapshot{}
	const of = ` where site_id = $1 and study_uid = $2`
	for _, statement := range snapshots {
		_, err := db.List(ctx, q, func(r *db.Rows) (struct{}, error) {
			var p point
			var site, uid, text string
			if err := r.Scan(&site, &uid, &p.what, &p.examination, &p.item, &p.field, &text); err != nil {
				return struct{}{}, err
			}
			return struct{}{}, s.add(p, text, nil)
		}, statement+of, siteID, study)
		if err != nil {
			return nil, err
		}
	}
	_, err := db.List(ctx, q, func(r *db.Rows) (struct{}, error) {
		p := point{what: ChangedEvent}
		var packed []byte
		if err := r.Scan(&p.item, &packed); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.add(p, "", packed)
	}, `select event_key, packed from dose_event`+of, siteID, study)
	return s, err
}

// setAside keeps what an older reader told of all studies, so that those who read them
// anew after a rebuild can say what changed.
func setAside(ctx context.Context, tx *db.Tx, at int64) error {
	if _, err := tx.Exec(ctx, `delete from dose_before`); err != nil {
		return err
	}
	var last int64 // what arrived is no later, whichever clock noted it
	if err := tx.QueryRow(ctx, `select coalesce(max(received_at), 0) from dose_source`).Scan(&last); err != nil {
		return err
	}
	at = max(at, last)
	old := func(table string) string {
		return ` where exists (select 1 from dose_study s where s.site_id = ` + table + `.site_id and s.study_uid = ` + table + `.study_uid and s.reader_version <> $2)`
	}
	for _, statement := range snapshots {
		table := statement[strings.LastIndex(statement, " ")+1:]
		_, err := tx.Exec(ctx, `insert into dose_before (site_id, study_uid, what, examination, item, field, told, since)
			`+strings.Replace(statement, " from "+table, ", cast($1 as bigint) from "+table, 1)+old(table), at, ReaderVersion)
		if err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, `insert into dose_before (site_id, study_uid, what, examination, item, field, told, since, packed)
		select site_id, study_uid, 'event', '', event_key, '', '', cast($1 as bigint), packed from dose_event`+old("dose_event"), at, ReaderVersion)
	return err
}

// before returns what an older reader told of a study that is about to be derived, nil if
// the present one did or nobody knows. Of what a rebuild set aside it is only as long as
// nothing arrived since.
func (*Ledger) before(ctx context.Context, tx *db.Tx, t task) (snapshot, error) {
	var version int64
	err := tx.QueryRow(ctx, `select reader_version from dose_study where site_id = $1 and study_uid = $2`, t.site, t.study).Scan(&version)
	switch {
	case err == nil && version != ReaderVersion:
		return derivedOf(ctx, tx, t.site, t.study)
	case err != nil && fault.Of(err) != fault.NotFound:
		return nil, err
	}
	s := snapshot{}
	var since int64
	_, err = db.List(ctx, tx, func(r *db.Rows) (struct{}, error) {
		var p point
		var text string
		var packed []byte
		if err := r.Scan(&p.what, &p.examination, &p.item, &p.field, &text, &packed, &since); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, s.add(p, text, packed)
	}, `select what, examination, item, field, told, packed, since from dose_before where site_id = $1 and study_uid = $2`, t.site, t.study)
	if err != nil || len(s) == 0 {
		return nil, err
	}
	var newer int
	err = tx.QueryRow(ctx, `select count(*) from dose_source where site_id = $1 and study_uid = $2 and received_at > $3`, t.site, t.study, since).Scan(&newer)
	if err == nil && newer > 0 {
		_, err = tx.Exec(ctx, `delete from dose_before where site_id = $1 and study_uid = $2`, t.site, t.study)
		return nil, err
	}
	return s, err
}

// mostChanges is how many changes of one study are kept.
const mostChanges = 5000

// differs returns what is otherwise in after than in before.
func differs(before, after snapshot) []Change {
	var all []Change
	keys := slices.Collect(maps.Keys(before))
	for k := range after {
		if _, ok := before[k]; !ok {
			keys = append(keys, k)
		}
	}
	here := func(s snapshot, k point) bool { _, ok := s[point{ChangedEvent, "", k.item, "event"}]; return ok }
	for _, k := range keys {
		b, a := before[k], after[k]
		switch {
		case k.what == "meta", sameText(b, a):
			continue
		case k.what == ChangedValue && here(before, k) != here(after, k):
			continue // the event came or went with all it has
		}
		all = append(all, Change{Examination: k.examination, What: k.what, Item: k.item, Field: k.field, Before: b, After: a})
	}
	slices.SortFunc(all, func(x, y Change) int {
		return cmp.Or(cmp.Compare(x.What, y.What), cmp.Compare(x.Examination, y.Examination), cmp.Compare(x.Item, y.Item), cmp.Compare(x.Field, y.Field))
	})
	return all[:min(len(all), mostChanges)]
}

// sameText reports whether two texts say the same: as text, or as numbers but for what
// rounding does.
func sameText(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := strconv.ParseFloat(a, 64)
	y, errY := strconv.ParseFloat(b, 64)
	return errX == nil && errY == nil && math.Abs(x-y) <= 1e-9*max(math.Abs(x), math.Abs(y))
}

// changedSince notes in tx what is otherwise than before, now that the study is derived
// anew, and returns it. Nothing was before: nothing is noted.
func (l *Ledger) changedSince(ctx context.Context, tx *db.Tx, t task, before snapshot) ([]Change, error) {
	if before == nil {
		return nil, nil
	}
	after, err := derivedOf(ctx, tx, t.site, t.study)
	if err != nil {
		return nil, err
	}
	all := differs(before, after)
	one := func(what, field string) string {
		return cmp.Or(after[point{what, "", "", field}], before[point{what, "", "", field}])
	}
	from, _ := strconv.ParseInt(before[point{"meta", "", "", "reader"}], 10, 64) // 0: nobody knows
	for i := range all {
		c := &all[i]
		c.Study, c.Machine, c.Modality, c.Day = t.study, one("meta", "machine"), one(ChangedStudy, "modality"), one(ChangedStudy, "day")
		c.From, c.To, c.At = from, ReaderVersion, db.Millis(l.Now())
	}
	return all, nil
}

// noteChanges writes changes that a run found, "" for one of a study by itself. What was noted
// of the study before by a reading of the same kind gives way.
func noteChanges(ctx context.Context, tx *db.Tx, t task, run string, applied bool, all []Change) error {
	_, err := tx.Exec(ctx, `delete from dose_change where site_id = $1 and study_uid = $2 and run_id = $3 and reader_to = $4`, t.site, t.study, run, ReaderVersion)
	if err != nil {
		return err
	}
	rows := make([][]any, len(all))
	for i, c := range all {
		rows[i] = []any{
			db.NewID(), t.site, c.Study, c.Examination, c.Machine, c.Day, c.Field, c.Before, c.After, c.From, c.To, c.At, run, c.Modality, c.What, c.Item, applied,
		}
	}
	return insertRows(ctx, tx, `insert into dose_change (change_id, site_id, study_uid, examination, machine_id, day, field, before, after,
		reader_from, reader_to, changed_at, run_id, modality, what, item, applied)`, rows)
}
