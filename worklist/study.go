package worklist

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// A Match says whether a study belongs to an order.
type Match string

// The matches.
const (
	Matched   Match = "matched"   // to one order, by rule or by a person
	Suspected Match = "suspected" // it may belong to an order: a person has to say
	Unmatched Match = "unmatched" // there is no order it could belong to
)

// Why a study is matched, suspected or not.
const (
	ByAccession    = "accession"       // accession number and patient are those of the order
	ByStudy        = "study_uid"       // the study was made under the UID of the order, for its patient
	ByPerson       = "person"          // somebody decided
	OtherPatient   = "patient_differs" // accession number or UID are those of the order, the patient is not
	SeveralOrders  = "several"         // more than one order fits
	NearInTime     = "time"            // patient and modality fit, and the start is near
	NoOrder        = "none"
	NoPatient      = "no_patient" // the study names nobody
	CancelledOrder = "cancelled"  // the order it would belong to is cancelled
)

// A StudyState is what the worklist knows of a study that arrived.
type StudyState struct {
	Study     string // Study Instance UID
	Person    string
	Match     Match
	Reason    string
	Order     string // id; "" if none
	Instances int64  // that arrived
	First     time.Time
	Last      time.Time
	CallingAE string // who sent last

	Complete    Completion // zero while nothing was announced
	DecidedBy   string     // who decided to which order it belongs; "" if a rule did
	DecidedNote string
}

// stir notes that studies which may belong to an order are to be matched anew.
func (r *Register) stir(ctx context.Context, tx *db.Tx, o *Order) error {
	_, err := tx.Exec(ctx, `update worklist_study set stirred_at = 1 where site_id = $1 and study_uid in (select cast($2 as text)
		union all select study_uid from worklist_study where site_id = $1 and accession <> '' and accession = $3
		union all select study_uid from worklist_study where site_id = $1 and person <> '' and person = $4
		union all select study_uid from worklist_study where site_id = $1 and order_id <> '' and order_id = $5)`,
		o.Site, o.Study, o.Accession, o.Person, o.ID)
	tx.OnCommit(r.poke)
	return err
}

// matchBatch is how many studies are matched between two looks at the list.
const matchBatch = 100

// Pending returns how many studies wait to be matched.
func (r *Register) Pending(ctx context.Context) (n int64, err error) {
	if r.Studies == nil {
		return 0, nil
	}
	return n, r.DB.QueryRow(ctx, `select count(*) from worklist_study where stirred_at <> 0`).Scan(&n)
}

// Match matches up to matchBatch studies that wait for it and returns how many.
func (r *Register) Match(ctx context.Context) (int, error) {
	type row struct{ site, study string }
	list, err := db.List(ctx, r.DB, func(rows *db.Rows) (x row, err error) { return x, rows.Scan(&x.site, &x.study) },
		`select site_id, study_uid from worklist_study where stirred_at <> 0 order by stirred_at, last_at limit 100`)
	if err != nil || r.Studies == nil {
		return 0, err
	}
	for _, x := range list {
		if err := r.matchOne(ctx, x.site, x.study); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// matchOne matches one study.
func (r *Register) matchOne(ctx context.Context, siteID, study string) error {
	s, err := r.Studies.Study(ctx, siteID, study)
	if err != nil && fault.Of(err) != fault.NotFound {
		return err
	}
	gone := err != nil
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		if gone { // it was deleted since
			_, err := tx.Exec(ctx, `delete from worklist_study where site_id = $1 and study_uid = $2`, siteID, study)
			return err
		}
		// First, so that whoever stirs the study meanwhile waits, and it is matched again.
		if _, err := tx.Exec(ctx, `update worklist_study set stirred_at = 0 where site_id = $1 and study_uid = $2`, siteID, study); err != nil {
			return err
		}
		v, err := r.verdict(ctx, tx, siteID, study, s)
		if err != nil {
			return err
		}
		var before verdict
		err = tx.QueryRow(ctx, `select match, reason, order_id from worklist_study where site_id = $1 and study_uid = $2`, siteID, study).
			Scan(&before.match, &before.reason, &before.order)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `update worklist_study set person = $3, accession = $4, match = $5, reason = $6, order_id = $7
			where site_id = $1 and study_uid = $2`, siteID, study, s.Person, s.Accession, string(v.match), v.reason, v.order)
		if err != nil || v == before {
			return err
		}
		return r.record(ctx, tx, journal.Entry{Site: siteID, Kind: "worklist.study.matched", Subject: study, Person: s.Person, Actor: "system:worklist"},
			map[string]any{"match": v.match, "reason": v.reason, "order": v.order, "match_before": before.match}, nil)
	})
}

// A verdict is whether a study belongs to an order, and why.
type verdict struct {
	match  Match
	reason string
	order  string
}

// verdict matches a study: as a person decided; else by accession number, else by
// study UID, each with the patient; else patient, modality and a start that is near
// make an order likely, which somebody has to confirm.
func (r *Register) verdict(ctx context.Context, tx *db.Tx, siteID, study string, s Study) (verdict, error) {
	var order string
	err := tx.QueryRow(ctx, `select order_id from worklist_decision where site_id = $1 and study_uid = $2`, siteID, study).Scan(&order)
	switch {
	case err == nil && order == "":
		return verdict{Unmatched, ByPerson, ""}, nil
	case err == nil:
		return verdict{Matched, ByPerson, order}, nil
	case fault.Of(err) != fault.NotFound:
		return verdict{}, err
	}
	named, err := r.orders(ctx, tx, `where o.order_id in (select order_id from worklist_order where site_id = $1 and accession <> '' and accession = $2
		union all select order_id from worklist_order where site_id = $1 and study_uid = $3) order by o.created_at`, siteID, s.Accession, study)
	if err != nil {
		return verdict{}, err
	}
	same, err := r.samePatient(ctx, tx, siteID, s)
	if err != nil {
		return verdict{}, err
	}
	if v, ok := byName(named, study, s, same); ok {
		return v, nil
	}
	return r.nearby(ctx, tx, siteID, s, same)
}

// samePatient returns what tells whether an order is for the patient of a study: one
// of the person's identifiers, or the same patient ID where one of both does not say
// who issued it.
func (r *Register) samePatient(ctx context.Context, q db.Querier, siteID string, s Study) (func(*Order) bool, error) {
	keys := []string{s.Person}
	if r.Keys != nil && s.Person != "" {
		var err error
		if keys, err = r.Keys(ctx, q, siteID, s.Person); err != nil {
			return nil, err
		}
	}
	return func(o *Order) bool {
		return s.Person != "" && slices.Contains(keys, o.Person) ||
			s.PatientID != "" && s.PatientID == o.Patient.ID && (s.Issuer == "" || o.Patient.Issuer == "")
	}, nil
}

// byName matches by accession number and study UID.
func byName(named []Order, study string, s Study, same func(*Order) bool) (verdict, bool) {
	if len(named) == 0 {
		return verdict{}, false
	}
	var active, cancelled, ofPatient []Order
	for _, o := range named {
		switch {
		case o.State == Cancelled:
			cancelled = append(cancelled, o)
			continue
		case same(&o):
			ofPatient = append(ofPatient, o)
		}
		active = append(active, o)
	}
	reason := func(o Order) string {
		if s.Accession != "" && o.Accession == s.Accession {
			return ByAccession
		}
		return ByStudy
	}
	if i := slices.IndexFunc(ofPatient, func(o Order) bool { return o.Study == study }); i >= 0 {
		return verdict{Matched, reason(ofPatient[i]), ofPatient[i].ID}, true
	}
	switch {
	case len(ofPatient) == 1:
		return verdict{Matched, reason(ofPatient[0]), ofPatient[0].ID}, true
	case len(ofPatient) > 1: // several procedures under one accession number: that of the modality, if there is one
		fits := slices.DeleteFunc(slices.Clone(ofPatient), func(o Order) bool { return !o.takes(s.Modalities) })
		if len(fits) == 1 {
			return verdict{Matched, ByAccession, fits[0].ID}, true
		}
		return verdict{Suspected, SeveralOrders, ofPatient[0].ID}, true
	case len(active) > 0:
		return verdict{Suspected, OtherPatient, active[0].ID}, true
	}
	return verdict{Suspected, CancelledOrder, cancelled[0].ID}, true
}

// takes reports whether one of the order's steps is of one of the modalities.
func (o *Order) takes(modalities []string) bool {
	return slices.ContainsFunc(o.Steps, func(s Step) bool { return slices.Contains(modalities, s.Modality) })
}

// nearby looks for an order of the same patient and modality whose start is near and
// that has no study yet.
func (r *Register) nearby(ctx context.Context, tx *db.Tx, siteID string, s Study, same func(*Order) bool) (verdict, error) {
	if s.Person == "" {
		return verdict{Unmatched, NoPatient, ""}, nil
	}
	at, ok, err := r.studyTime(ctx, siteID, s)
	if err != nil || !ok {
		return verdict{Unmatched, NoOrder, ""}, err
	}
	set, err := setting(ctx, tx, siteID, "")
	if err != nil {
		return verdict{}, err
	}
	window := time.Duration(set.MatchHours) * time.Hour
	list, err := r.orders(ctx, tx, `where o.site_id = $1 and o.state = 'active' and exists (select 1 from worklist_step s
		where s.order_id = o.order_id and s.start_at >= $2 and s.start_at <= $3 and s.state <> 'cancelled')
		and not exists (select 1 from worklist_study t where t.site_id = o.site_id and t.order_id = o.order_id and t.match = 'matched')`,
		siteID, db.Millis(at.Add(-window)), db.Millis(at.Add(window)))
	if err != nil {
		return verdict{}, err
	}
	best, near := "", time.Duration(0)
	for _, o := range list {
		if !same(&o) || !o.takes(s.Modalities) {
			continue
		}
		for _, step := range o.Steps {
			if d := step.StartAt.Sub(at).Abs(); best == "" || d < near {
				best, near = o.ID, d
			}
		}
	}
	if best == "" {
		return verdict{Unmatched, NoOrder, ""}, nil
	}
	return verdict{Suspected, NearInTime, best}, nil
}

// studyTime returns when a study was made.
func (r *Register) studyTime(ctx context.Context, siteID string, s Study) (time.Time, bool, error) {
	at, err := r.Sites.Site(ctx, siteID)
	if err != nil {
		return time.Time{}, false, err
	}
	clock := strings.ReplaceAll(s.Time, ":", "")
	if len(clock) < 6 {
		clock = (clock + "120000")[:6]
		if len(s.Time) >= 2 {
			clock = padTime(s.Time, '0')[:6]
		}
	}
	t, err := time.ParseInLocation("20060102150405", s.Date+clock[:6], at.Location())
	return t, err == nil, nil
}

// stirred notes that a study which was corrected is to be matched anew. One that was
// split from another is new here: nobody sent it as it is.
func (*Register) stirred(ctx context.Context, tx *db.Tx, siteID, study string, at time.Time) error {
	_, err := tx.Exec(ctx, `insert into worklist_study (site_id, study_uid, person, accession, match, reason, order_id, instances, first_at,
		last_at, calling_ae, stirred_at, due_at) values ($1, $2, '', '', '', '', '', 0, $3, $3, '', 1, 0)
		on conflict (site_id, study_uid) do update set stirred_at = 1`, siteID, study, db.Millis(at))
	return err
}

// A Decision is what somebody says about a study: it belongs to an order, to none
// (Order is ""), or, with Undo, the rules decide again.
type Decision struct {
	Study  string
	Order  string
	Undo   bool
	Reason string
}

// Decide says to which order a study belongs. NotFound: there is no such order or
// study.
func (r *Register) Decide(ctx context.Context, siteID string, d Decision) error {
	if err := access.Check(ctx, access.StepChange, access.Subject{Site: siteID}); err != nil {
		return err
	}
	if len(d.Reason) > maxText {
		return fault.Errorf(fault.Invalid, "a reason has at most %d bytes", maxText)
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		var person string
		err := tx.QueryRow(ctx, `select person from worklist_study where site_id = $1 and study_uid = $2`, siteID, d.Study).Scan(&person)
		if err != nil {
			return err
		}
		if d.Order != "" {
			if _, err := r.get(ctx, tx, siteID, d.Order); err != nil {
				return err
			}
		}
		if d.Undo {
			_, err = tx.Exec(ctx, `delete from worklist_decision where site_id = $1 and study_uid = $2`, siteID, d.Study)
		} else {
			_, err = tx.Exec(ctx, `insert into worklist_decision (site_id, study_uid, order_id, reason, decided_by, decided_at)
				values ($1, $2, $3, $4, $5, $6) on conflict (site_id, study_uid) do update set order_id = excluded.order_id,
				reason = excluded.reason, decided_by = excluded.decided_by, decided_at = excluded.decided_at`,
				siteID, d.Study, d.Order, d.Reason, actor(ctx), db.Millis(r.Now()))
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update worklist_study set stirred_at = 1 where site_id = $1 and study_uid = $2`, siteID, d.Study); err != nil {
			return err
		}
		tx.OnCommit(r.poke)
		return r.record(ctx, tx, journal.Entry{Site: siteID, Kind: "worklist.study.decided", Subject: d.Study, Person: person},
			map[string]any{"order": d.Order, "undo": d.Undo}, map[string]any{"reason": d.Reason})
	})
}

// A StudyFilter says which studies are asked for. Empty fields ask nothing.
type StudyFilter struct {
	Matches []Match
	Orders  []string // ids
	Study   string
	Limit   int // 0 means 200
}

// StudyStates returns what is known of studies, the one that was added to last first.
func (r *Register) StudyStates(ctx context.Context, siteID string, f StudyFilter) ([]StudyState, error) {
	if err := access.Check(ctx, access.StepFind, access.Subject{Site: siteID}); err != nil {
		return nil, err
	}
	w := &where{}
	w.and(`t.site_id = ?`, siteID)
	if len(f.Matches) > 0 {
		words := make([]string, len(f.Matches))
		for i, m := range f.Matches {
			words[i] = string(m)
		}
		w.in(`t.match`, words)
	}
	if f.Orders != nil {
		w.in(`t.order_id`, append(f.Orders, "-"))
	}
	if f.Study != "" {
		w.and(`t.study_uid = ?`, f.Study)
	}
	w.and(`not ` + access.Wished("t.site_id", "t.person", access.Restricted))
	limit := f.Limit
	if limit <= 0 || limit > maxEntries {
		limit = 200
	}
	w.args = append(w.args, limit)
	return db.List(ctx, r.DB, scanStudyState, selectStudyState+w.String()+` order by t.last_at desc, t.study_uid limit $`+argument(len(w.args)), w.args...)
}

// scanStudyState reads a row of selectStudyState.
func scanStudyState(rows *db.Rows) (s StudyState, err error) {
	var first, last, at int64
	err = rows.Scan(&s.Study, &s.Person, &s.Match, &s.Reason, &s.Order, &s.Instances, &first, &last, &s.CallingAE,
		&s.Complete.State, &s.Complete.Reason, &s.Complete.Instances, &s.Complete.Expected, &at, &s.Complete.Times,
		&s.DecidedBy, &s.DecidedNote)
	s.First, s.Last, s.Complete.At = db.FromMillis(first), db.FromMillis(last), db.FromMillis(at)
	return s, err
}

// arrivedIn is what the journal says about an instance.
type arrivedIn struct {
	Study     string `json:"study"`
	CallingAE string `json:"calling_ae"`
}

// arrived counts instances in their studies.
func (r *Register) arrived(ctx context.Context, tx *db.Tx, batch []journal.Entry) error {
	type key struct{ site, study string }
	type sum struct {
		n           int64
		first, last time.Time
		by          string
	}
	sums := map[key]*sum{}
	var order []key
	for _, e := range batch {
		var in arrivedIn
		if err := json.Unmarshal(e.Data, &in); err != nil {
			return fault.Errorf(fault.Internal, "journal entry %s: %w", e.ID, err)
		}
		if e.Kind != arrivals[0] { // corrected, or undone: it may belong to another order
			if err := r.stirred(ctx, tx, e.Site, in.Study, e.At); err != nil {
				return err
			}
			continue
		}
		k := key{e.Site, in.Study}
		s := sums[k]
		if s == nil {
			s = &sum{first: e.At, last: e.At}
			sums[k] = s
			order = append(order, k)
		}
		s.n++
		s.by = in.CallingAE
		if e.At.Before(s.first) {
			s.first = e.At
		}
		if e.At.After(s.last) {
			s.last = e.At
		}
	}
	for _, k := range order {
		s := sums[k]
		if err := r.count(ctx, tx, k.site, k.study, s.by, s.n, s.first, s.last); err != nil {
			return err
		}
	}
	tx.OnCommit(r.poke)
	return nil
}
