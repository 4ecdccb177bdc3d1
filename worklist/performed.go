package worklist

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
)

// A Refusal says why a performed procedure step is not taken. The door has the
// status for each (PS3.4 F.7.2, PS3.7 Annex C).
type Refusal string

// The refusals.
const (
	RefusedDuplicate Refusal = "duplicate"     // there is one of that SOP instance
	RefusedUnknown   Refusal = "unknown"       // there is none of that SOP instance
	RefusedFinal     Refusal = "final"         // it is completed or discontinued and may no longer be changed
	RefusedMissing   Refusal = "missing"       // an attribute that has to be there is not
	RefusedEmpty     Refusal = "empty"         // an attribute that has to have a value has none
	RefusedValue     Refusal = "invalid_value" // a value that cannot be
)

// A RefusedError is why a performed step is not taken.
type RefusedError struct {
	Refusal Refusal
	Tags    []tag.Tag // which attributes
}

// Error says which attributes, and no values.
func (e *RefusedError) Error() string {
	words := []string{"performed procedure step: " + strings.ReplaceAll(string(e.Refusal), "_", " ")}
	for _, t := range e.Tags {
		words = append(words, t.String())
	}
	return strings.Join(words, " ")
}

// refusalKinds gives the kind of error of each refusal.
var refusalKinds = map[Refusal]fault.Kind{
	RefusedDuplicate: fault.Conflict, RefusedUnknown: fault.NotFound, RefusedFinal: fault.Conflict,
	RefusedMissing: fault.Invalid, RefusedEmpty: fault.Invalid, RefusedValue: fault.Invalid,
}

func refuse(why Refusal, tags ...tag.Tag) error {
	return fault.As(refusalKinds[why], &RefusedError{why, tags})
}

// Refused returns why a performed step was not taken, if err is such a refusal.
func Refused(err error) (*RefusedError, bool) {
	return errors.AsType[*RefusedError](err)
}

// performedStates are the values of Performed Procedure Step Status (PS3.4 F.7.2.1).
var performedStates = map[string]State{"IN PROGRESS": InProgress, "COMPLETED": Completed, "DISCONTINUED": Discontinued}

// required are the attributes of type 1 at creation (PS3.4 Table F.7.2-1).
// Deviation: attributes of type 2 that are left out are taken as empty.
var required = []tag.Tag{
	tag.Modality, tag.ScheduledStepAttributesSequence, tag.PerformedStationAETitle, tag.PerformedProcedureStepStartDate,
	tag.PerformedProcedureStepStartTime, tag.PerformedProcedureStepStatus, tag.PerformedProcedureStepID,
}

// fixedTags are the attributes that N-SET may not change (PS3.4 Table F.7.2-1: "not
// allowed").
var fixedTags = map[tag.Tag]bool{
	tag.ScheduledStepAttributesSequence: true, tag.PatientName: true, tag.PatientID: true, tag.IssuerOfPatientID: true,
	tag.PatientBirthDate: true, tag.PatientSex: true, tag.ReferencedPatientSequence: true, tag.PerformedProcedureStepID: true,
	tag.PerformedStationAETitle: true, tag.PerformedStationName: true, tag.PerformedLocation: true,
	tag.PerformedProcedureStepStartDate: true, tag.PerformedProcedureStepStartTime: true, tag.Modality: true, tag.StudyID: true,
}

// What may be odd about a performed step that is taken all the same.
const (
	ProblemNoEnd     = "no_end"          // completed without end date or time (type 1 in the final state)
	ProblemNoSeries  = "no_series"       // completed without a series (type 1 in the final state)
	ProblemFixed     = "fixed"           // N-SET came with other values for what may not be changed; they were left out
	ProblemPatient   = "patient_differs" // the patient is not that of the order
	ProblemUnplanned = "unscheduled"     // no scheduled step fits
)

// A Message is an N-CREATE or N-SET of a performed procedure step.
type Message struct {
	SOPInstance uid.UID // zero in an N-CREATE: the program gives one
	Caller      string  // application entity title
	Dataset     *dicom.Dataset
}

// A PerformedStep is a performed procedure step.
type PerformedStep struct {
	SOPInstance string
	State       State
	Study       string
	Station     string
	Modality    string
	CallingAE   string
	Start, End  string // local, 2006-01-02T15:04:05
	References  int64  // instances it says it made
	Problems    []string
	Steps       []string // keys of the scheduled steps it is about
	Person      string
	CreatedAt   time.Time
	ChangedAt   time.Time
	Ignored     bool // of the answer to Set: it came with other values for what may not be changed
}

// Begin takes an N-CREATE and returns the performed step. Errors are refusals
// (Refused), Forbidden, or Unsupported where no names are kept.
func (r *Register) Begin(ctx context.Context, siteID string, m Message) (p PerformedStep, err error) {
	if err := errors.Join(r.named(), access.Check(ctx, access.PerformedWrite, access.Subject{Site: siteID})); err != nil {
		return PerformedStep{}, err
	}
	if err := checkNew(m.Dataset); err != nil {
		return PerformedStep{}, err
	}
	sop := m.SOPInstance.String()
	if m.SOPInstance.IsZero() {
		if sop, err = r.newUID(); err != nil {
			return PerformedStep{}, err
		}
	}
	text, err := document(m.Dataset)
	if err != nil {
		return PerformedStep{}, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		p = r.read(m.Dataset)
		p.SOPInstance, p.CallingAE, p.CreatedAt, p.ChangedAt = sop, m.Caller, r.Now(), r.Now()
		n, err := r.putPerformed(ctx, tx, siteID, &p, text, true)
		if err != nil {
			return err
		}
		if n == 0 {
			return refuse(RefusedDuplicate)
		}
		if err := r.keepMessage(ctx, tx, siteID, sop, "create", text); err != nil {
			return err
		}
		return r.link(ctx, tx, siteID, &p, m.Dataset, "worklist.performed.begun")
	})
	return p, err
}

// checkNew holds an N-CREATE against what has to be there.
func checkNew(ds *dicom.Dataset) error {
	var missing, empty []tag.Tag
	for _, t := range required {
		switch e, ok := ds.Element(t); {
		case !ok:
			missing = append(missing, t)
		case e.Empty() || !e.Sequence() && strings.TrimSpace(e.Text()) == "":
			empty = append(empty, t)
		}
	}
	for _, item := range ds.Items(tag.ScheduledStepAttributesSequence) {
		if item.UID(tag.StudyInstanceUID).IsZero() {
			missing = append(missing, tag.StudyInstanceUID)
			break
		}
	}
	switch {
	case len(missing) > 0:
		return refuse(RefusedMissing, missing...)
	case len(empty) > 0:
		return refuse(RefusedEmpty, empty...)
	case ds.Text(tag.PerformedProcedureStepStatus) != "IN PROGRESS":
		return refuse(RefusedValue, tag.PerformedProcedureStepStatus) // it begins so (PS3.4 F.7.2.1.1)
	}
	return checkTimes(ds)
}

// checkTimes refuses dates and times that are none.
func checkTimes(ds *dicom.Dataset) error {
	for _, at := range [][2]tag.Tag{
		{tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime},
		{tag.PerformedProcedureStepEndDate, tag.PerformedProcedureStepEndTime},
	} {
		if date := ds.Text(at[0]); date != "" && localOf(ds, at[0], at[1]) == "" {
			return refuse(RefusedValue, at[0], at[1])
		}
	}
	return nil
}

// localOf returns a date and a time of a data set as local time, "" if they are none.
func localOf(ds *dicom.Dataset, date, clock tag.Tag) string {
	d := strings.ReplaceAll(ds.Text(date), ".", "")
	t, err := time.Parse("20060102150405", d+padTime(ds.Text(clock), '0')[:6])
	if err != nil {
		return ""
	}
	return t.Format(localForm)
}

// Set takes an N-SET and returns the performed step as it is now. Errors are those
// of Begin.
func (r *Register) Set(ctx context.Context, siteID string, m Message) (p PerformedStep, err error) {
	if err := access.Check(ctx, access.PerformedWrite, access.Subject{Site: siteID}); err != nil {
		return PerformedStep{}, err
	}
	text, err := document(m.Dataset)
	if err != nil {
		return PerformedStep{}, err
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		had, whole, err := r.performed(ctx, tx, siteID, m.SOPInstance.String())
		if err != nil {
			return err
		}
		if had.State != InProgress {
			return refuse(RefusedFinal)
		}
		now, fixed, err := merge(whole, m.Dataset)
		if err != nil {
			return err
		}
		if err := checkSet(now, m.Dataset); err != nil {
			return err
		}
		p = r.read(now)
		p.SOPInstance, p.CallingAE, p.CreatedAt, p.ChangedAt, p.Person = had.SOPInstance, had.CallingAE, had.CreatedAt, r.Now(), had.Person
		p.Problems, p.Ignored = problems(&p, now, had.Problems, fixed), fixed
		all, err := document(now)
		if err != nil {
			return err
		}
		if _, err := r.putPerformed(ctx, tx, siteID, &p, all, false); err != nil {
			return err
		}
		if err := r.keepMessage(ctx, tx, siteID, p.SOPInstance, "set", text); err != nil {
			return err
		}
		return r.carry(ctx, tx, siteID, &p, now)
	})
	return p, err
}

// merge puts the elements of an N-SET in the place of those that are there. What may
// not be changed stays, and it is told whether the message had it otherwise.
func merge(whole, set *dicom.Dataset) (now *dicom.Dataset, fixed bool, err error) {
	b := dicom.Edit(whole)
	for e := range set.All() {
		t := e.Tag()
		switch {
		case t == tag.SpecificCharacterSet || t.Element() == 0:
		case fixedTags[t]:
			fixed = fixed || !e.Sequence() && e.Text() != whole.Text(t)
		default:
			b.Copy(e)
		}
	}
	ds, err := b.Text(tag.SpecificCharacterSet, "ISO_IR 192").Dataset()
	if err != nil {
		return nil, false, fault.As(fault.Invalid, err)
	}
	return ds, fixed, nil
}

// checkSet refuses values that cannot be.
func checkSet(now, set *dicom.Dataset) error {
	if _, ok := performedStates[now.Text(tag.PerformedProcedureStepStatus)]; !ok {
		return refuse(RefusedValue, tag.PerformedProcedureStepStatus)
	}
	return checkTimes(set)
}

// problems gathers what is odd about a performed step.
// Deviation: a step that is completed without end or series is taken all the same,
// because a machine that is refused has no way to put it right.
func problems(p *PerformedStep, ds *dicom.Dataset, had []string, fixed bool) []string {
	all := map[string]bool{}
	for _, s := range had {
		all[s] = true
	}
	all[ProblemFixed] = all[ProblemFixed] || fixed
	if p.State == Completed {
		all[ProblemNoEnd] = p.End == ""
		all[ProblemNoSeries] = len(ds.Items(tag.PerformedSeriesSequence)) == 0
	}
	var list []string
	for _, s := range []string{ProblemUnplanned, ProblemPatient, ProblemFixed, ProblemNoEnd, ProblemNoSeries} {
		if all[s] {
			list = append(list, s)
		}
	}
	return list
}

// read takes from a data set what the tables have in columns.
func (r *Register) read(ds *dicom.Dataset) PerformedStep {
	item := ds.Item(tag.ScheduledStepAttributesSequence)
	return PerformedStep{
		State: performedStates[ds.Text(tag.PerformedProcedureStepStatus)], Study: item.Text(tag.StudyInstanceUID),
		Station: ds.Text(tag.PerformedStationAETitle), Modality: ds.Text(tag.Modality),
		Start:      localOf(ds, tag.PerformedProcedureStepStartDate, tag.PerformedProcedureStepStartTime),
		End:        localOf(ds, tag.PerformedProcedureStepEndDate, tag.PerformedProcedureStepEndTime),
		References: int64(len(references(ds))),
		Person:     r.personOf(ds),
	}
}

// personOf returns whom a data set is about.
func (r *Register) personOf(ds *dicom.Dataset) string {
	if id := strings.TrimSpace(ds.Text(tag.PatientID)); id != "" {
		return r.Person(strings.TrimSpace(ds.Text(tag.IssuerOfPatientID)), id)
	}
	return ""
}

// references returns the SOP Instance UIDs of what a performed step says it made.
func references(ds *dicom.Dataset) []string {
	seen := map[string]bool{}
	var all []string
	for _, series := range ds.Items(tag.PerformedSeriesSequence) {
		for _, t := range []tag.Tag{tag.ReferencedImageSequence, tag.ReferencedNonImageCompositeSOPInstanceSequence} {
			for _, i := range series.Items(t) {
				if u := i.Text(tag.ReferencedSOPInstanceUID); u != "" && !seen[u] {
					seen[u] = true
					all = append(all, u)
				}
			}
		}
	}
	return all
}

// document writes a data set as the tables hold it, and parse reads it.
func document(ds *dicom.Dataset) (string, error) {
	var b bytes.Buffer
	if err := dicom.WriteJSON(&b, ds, dicom.JSONOptions{}); err != nil {
		return "", fault.As(fault.Invalid, err)
	}
	return b.String(), nil
}

func parse(text string) (*dicom.Dataset, error) {
	b, err := dicom.ReadJSON(strings.NewReader(text), dicom.JSONLimits{})
	if err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	return b.Dataset()
}

// putPerformed writes the row of a performed step; 0 rows: a new one was there
// already.
func (*Register) putPerformed(ctx context.Context, tx *db.Tx, siteID string, p *PerformedStep, text string, fresh bool) (int64, error) {
	odd, err := json.Marshal(append([]string{}, p.Problems...))
	if err != nil {
		return 0, fault.As(fault.Internal, err)
	}
	if fresh {
		return tx.Exec(ctx, `insert into worklist_performed (site_id, sop_uid, person, state, study_uid, accession, station, modality, calling_ae,
			start_local, end_local, reference_count, problems, document, created_at, changed_at)
			values ($1, $2, $3, $4, $5, '', $6, $7, $8, $9, $10, $11, $12, $13, $14, $14) on conflict do nothing`,
			siteID, p.SOPInstance, p.Person, string(p.State), p.Study, p.Station, p.Modality, p.CallingAE, p.Start, p.End, p.References,
			string(odd), text, db.Millis(p.ChangedAt))
	}
	return tx.Exec(ctx, `update worklist_performed set state = $3, end_local = $4, reference_count = $5, problems = $6, document = $7,
		changed_at = $8 where site_id = $1 and sop_uid = $2`,
		siteID, p.SOPInstance, string(p.State), p.End, p.References, string(odd), text, db.Millis(p.ChangedAt))
}

// keepMessage keeps a message as it came.
func (r *Register) keepMessage(ctx context.Context, tx *db.Tx, siteID, sop, operation, text string) error {
	_, err := tx.Exec(ctx, `insert into worklist_performed_message (message_id, site_id, sop_uid, operation, actor, at, document)
		values ($1, $2, $3, $4, $5, $6, $7)`, db.NewID(), siteID, sop, operation, actor(ctx), db.Millis(r.Now()), text)
	return err
}

const selectPerformed = `select p.sop_uid, p.state, p.study_uid, p.station, p.modality, p.calling_ae, p.start_local, p.end_local,
	p.reference_count, p.problems, p.person, p.created_at, p.changed_at, p.document from worklist_performed p `

// performedRow is a performed step with all its attributes.
type performedRow struct {
	PerformedStep
	document string
}

func scanPerformed(rows *db.Rows) (p performedRow, err error) {
	var odd string
	var created, changed int64
	err = rows.Scan(&p.SOPInstance, &p.State, &p.Study, &p.Station, &p.Modality, &p.CallingAE, &p.Start, &p.End, &p.References, &odd,
		&p.Person, &created, &changed, &p.document)
	if err == nil && json.Unmarshal([]byte(odd), &p.Problems) != nil {
		err = fault.Errorf(fault.Internal, "problems of performed step %s", p.SOPInstance)
	}
	p.CreatedAt, p.ChangedAt = db.FromMillis(created), db.FromMillis(changed)
	return p, err
}

// performed returns a performed step with all its attributes.
func (r *Register) performed(ctx context.Context, q db.Querier, siteID, sop string) (PerformedStep, *dicom.Dataset, error) {
	list, err := db.List(ctx, q, scanPerformed, selectPerformed+`where p.site_id = $1 and p.sop_uid = $2`, siteID, sop)
	if err != nil {
		return PerformedStep{}, nil, err
	}
	if len(list) == 0 {
		return PerformedStep{}, nil, refuse(RefusedUnknown)
	}
	ds, err := parse(list[0].document)
	return list[0].PerformedStep, ds, err
}

// Attributes returns the attributes of a performed step (N-GET, PS3.4 F.8): those
// that are asked for, or all.
func (r *Register) Attributes(ctx context.Context, siteID string, sop uid.UID, asked ...tag.Tag) (*dicom.Dataset, error) {
	if err := access.Check(ctx, access.PerformedWrite, access.Subject{Site: siteID}); err != nil {
		return nil, err
	}
	_, ds, err := r.performed(ctx, r.DB, siteID, sop.String())
	if err != nil || len(asked) == 0 {
		return ds, err
	}
	b := dicom.NewBuilder()
	for _, t := range asked {
		if e, ok := ds.Element(t); ok {
			b.Copy(e)
		}
	}
	return b.Text(tag.SpecificCharacterSet, "ISO_IR 192").Dataset()
}

// noted journals what happened to a performed step.
func (r *Register) noted(ctx context.Context, tx *db.Tx, siteID, kind string, p *PerformedStep) error {
	return r.record(ctx, tx, journal.Entry{Site: siteID, Kind: kind, Subject: p.SOPInstance, Person: p.Person}, map[string]any{
		"state": p.State, "study": p.Study, "station": p.Station, "modality": p.Modality, "steps": p.Steps,
		"references": p.References, "problems": p.Problems,
	}, nil)
}
