package dose

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"radagora/db"
)

// A twin is another study that tells of some of the same irradiation.
type twin struct {
	study    string
	events   int  // that it has
	stranger bool // it is of another patient
}

// twins are the studies that tell of the same irradiation as one that is derived.
type twins struct {
	all  []twin
	lost map[string]bool // UIDs of events that count in another study
}

// findTwins looks for the studies that tell of events of the one that was read. Each
// event counts once: in the study that tells of the most events, of several in the one
// whose UID is the smallest, whichever arrived first.
func (l *Ledger) findTwins(ctx context.Context, tx *db.Tx, r reading) (twins, error) {
	t := twins{lost: map[string]bool{}}
	if r.study == nil {
		return t, nil
	}
	var events []any
	for _, e := range r.study.Events {
		if !e.UID.IsZero() {
			events = append(events, e.UID.String())
		}
	}
	type shared struct {
		twin
		event, patient string
	}
	own := r.study.Reports[0].Patient.ID.Reveal()
	several, stranger := map[string]bool{}, false
	for part := range slices.Chunk(events, rowsAtOnce) {
		list, err := db.List(ctx, tx, func(r *db.Rows) (s shared, err error) {
			return s, r.Scan(&s.event, &s.study, &s.events, &s.patient)
		}, `select distinct e.event_uid, s.study_uid, s.events, s.patient_id from dose_event e
			join dose_study s on s.site_id = e.site_id and s.study_uid = e.study_uid
			where e.site_id = $1 and e.study_uid <> $2 and e.event_uid in (`+holes(3, len(part))+`)`,
			slices.Concat([]any{r.site, r.task.study}, part)...)
		if err != nil {
			return t, err
		}
		for _, s := range list {
			s.stranger = s.patient != "" && own != "" && s.patient != own
			stranger, several[s.event] = stranger || s.stranger, true
			if s.counts(len(r.study.Events), r.task.study) {
				t.lost[s.event] = true
			}
			if !slices.Contains(t.all, s.twin) {
				t.all = append(t.all, s.twin)
			}
		}
	}
	slices.SortFunc(t.all, func(a, b twin) int { return cmp.Compare(a.study, b.study) })
	for _, event := range slices.Sorted(maps.Keys(several)) {
		if len(r.study.Warnings) < maxWarnings {
			r.study.warnOnce(Warning{Code: WarnDuplicate, Args: []any{event}})
		}
	}
	if stranger {
		r.study.warnOnce(Warning{Code: WarnIdentity})
	}
	return t, nil
}

// counts reports whether what both tell of counts in t and not in the study with that
// many events and that UID.
func (t twin) counts(events int, study string) bool {
	return cmp.Or(cmp.Compare(t.events, events), cmp.Compare(study, t.study)) > 0
}

// lostIn reports whether an event of the examination counts in another study.
func (t twins) lostIn(x *Examination) bool {
	return slices.ContainsFunc(x.Events, func(e *Event) bool { return t.lost[e.UID.String()] })
}

// writeTwins notes what a study sees of its twins, and has those derived anew that saw
// it otherwise than it is now.
func (l *Ledger) writeTwins(ctx context.Context, tx *db.Tx, r reading, t twins) error {
	events := 0
	if r.study != nil {
		events = len(r.study.Events)
	}
	saw, err := db.List(ctx, tx, func(r *db.Rows) (t twin, err error) { return t, r.Scan(&t.study, &t.events, &t.stranger) },
		`select study_uid, events, stranger from dose_twin where site_id = $1 and other_uid = $2`, r.site, r.task.study)
	if err != nil {
		return err
	}
	rows := make([][]any, 0, len(t.all))
	for _, other := range t.all {
		rows = append(rows, []any{r.site, r.task.study, other.study, other.events, other.stranger})
		if slices.Contains(saw, twin{other.study, events, other.stranger}) {
			continue
		}
		if err := pendReports(ctx, tx, r.site, other.study); err != nil {
			return err
		}
	}
	for _, other := range saw { // they share nothing any more
		if slices.ContainsFunc(t.all, func(now twin) bool { return now.study == other.study }) {
			continue
		}
		if err := pendReports(ctx, tx, r.site, other.study); err != nil {
			return err
		}
	}
	return insertRows(ctx, tx, `insert into dose_twin (site_id, study_uid, other_uid, events, stranger)`, rows)
}

// pendTwins has the twins of a study that is gone derived anew.
func pendTwins(ctx context.Context, tx *db.Tx, siteID, study string) error {
	others, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select study_uid from dose_twin where site_id = $1 and other_uid = $2`, siteID, study)
	if err != nil {
		return err
	}
	for _, other := range others {
		if err := pendReports(ctx, tx, siteID, other); err != nil {
			return err
		}
	}
	return nil
}
