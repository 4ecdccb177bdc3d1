package dose

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"radagora/db"
	"radagora/ucum"
)

// writeStudy writes a study, its events, examinations and names.
func writeStudy(ctx context.Context, tx *db.Tx, r reading, k knowledge, machines map[*Report]string, a around) error {
	all, of := candidates(r.study, machines)
	exams, unassigned := examineKinds(all, of, k, a)
	enteredExams(exams, of)
	first := r.study.Reports[0]
	s := studyRow{reading: r, first: first, machines: machines, day: first.day(), unassigned: len(unassigned)}
	s.notPatient, s.around, s.estimating = k.setApart(r.study), a, k.estimating
	s.calibrated, s.flags = k.calibrated, flags{}
	if err := s.write(ctx, tx); err != nil {
		return err
	}
	if err := s.writeTotals(ctx, tx); err != nil {
		return err
	}
	at := map[*Event]*Examination{}
	for i := range exams {
		x := &exams[i]
		for _, e := range x.Events {
			at[e] = x
		}
		if err := s.writeExamination(ctx, tx, x, of); err != nil {
			return err
		}
	}
	for i, c := range all {
		if err := s.writeEvent(ctx, tx, i+1, c.Event, of[c.Event], at[c.Event]); err != nil {
			return err
		}
	}
	if err := s.writeEventAmounts(ctx, tx, all, of, at, k.calibrated); err != nil {
		return err
	}
	return s.writeFlags(ctx, tx, len(exams))
}

// examineKinds divides events into examinations, those of each kind of report for
// themselves: the two parts of a PET/CT are two examinations, and their doses are
// never added.
func examineKinds(all []Candidate, of map[*Event]*Report, k knowledge, a around) (exams []Examination, unassigned []*Event) {
	for _, kind := range []Kind{CT, Projection, Mammography, Nuclear} {
		var own []Candidate
		for _, c := range all {
			if of[c.Event].Kind == kind {
				own = append(own, c)
			}
		}
		x, loose := Examine(own, k.mappings, a.orders, k.reasons)
		x, loose = a.decided.apply(own, x, loose, examiner{m: k.mappings, reasons: k.reasons}, a.orders)
		for i := range x {
			x[i].Key = strconv.Itoa(len(exams) + i + 1)
		}
		exams, unassigned = append(exams, x...), append(unassigned, loose...)
	}
	return exams, unassigned
}

// setApart returns the pattern by which a study is known for one of a phantom or
// test, "" for that of a patient.
func (k knowledge) setApart(s *Study) string {
	for _, r := range s.Reports {
		family, _, _ := strings.Cut(r.Patient.Name.Reveal(), "^")
		found := cmp.Or(
			notPatient(k.notPatient["id"], r.Patient.ID.Reveal()),
			notPatient(k.notPatient["name"], family),
		)
		if found != "" {
			return found
		}
	}
	for _, e := range s.Events {
		words := strings.FieldsFunc(e.Protocol, func(c rune) bool { return !unicode.IsLetter(c) })
		if found := notPatient(k.notPatient["protocol"], words...); found != "" {
			return found
		}
	}
	return ""
}

// A studyRow is a study being written.
type studyRow struct {
	reading
	first      *Report
	machines   map[*Report]string
	day        string
	unassigned int
	notPatient string
	calibrated corrector
	flags      flags
	around
	estimating
}

// An around is what other rooms know of a study.
type around struct {
	person string // as the archive names whom it is about, "" for nobody
	orders []Ordered
	sizes  []Size

	decided decisions
	twins   twins
}

// write writes the row of the study itself.
func (s *studyRow) write(ctx context.Context, tx *db.Tx) error {
	warnings := []WarningJSON{}
	for _, r := range s.study.Reports {
		warnings = append(warnings, warningsJSON(r.Warnings)...)
	}
	body, err := json.Marshal(append(warnings, warningsJSON(s.study.Warnings)...))
	if err != nil {
		return err
	}
	p := s.first.Patient
	return insert(ctx, tx, `insert into dose_study (site_id, study_uid, day, started, modality, machine_id,
		patient_id, sex, age_months, weight_kg, height_m, description, events, unassigned,
		dlp_declared, dlp_summed, not_patient, warnings, person, reader_version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)`,
		s.site, s.task.study, s.day, s.first.Started().String(), s.study.Modality(), s.machines[s.first],
		p.ID.Reveal(), p.Sex, months(p), float(p.Weight.Number), float(p.Height.Number), s.first.StudyDescription,
		len(s.study.Events), s.unassigned, decimal(s.study.Totals, FieldDLP), decimal(s.study.Summed, FieldDLP),
		s.notPatient, string(body), s.person, ReaderVersion)
}

// insert writes to a row. Texts come from devices, and the databases hold no zero
// bytes.
func insert(ctx context.Context, tx *db.Tx, query string, args ...any) error {
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = storable(text)
		}
	}
	_, err := tx.Exec(ctx, query, args...)
	return err
}

// storable takes from a text what no database keeps.
func storable(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
}

// writeExamination writes an examination and the local names it bears.
func (s *studyRow) writeExamination(ctx context.Context, tx *db.Tx, x *Examination, of map[*Event]*Report) error {
	r := of[x.Events[0]]
	p := r.Patient
	machine := s.machines[r]
	var dlp *float64
	sum, known := x.DLP()
	if known {
		dlp = float(&sum)
	}
	var name Name
	if len(x.Names) > 0 {
		name = x.Names[len(x.Names)-1]
	}
	sizes, err := sizesJSON(s.sizes)
	if err != nil {
		return err
	}
	var weight *float64
	var measured *int64
	var source, origin string
	if w := used(s.sizes, FieldWeight); w != nil {
		at := db.Millis(w.At)
		weight, measured, source, origin = &w.Value, &at, w.Source, w.Origin
	}
	amounts := x.amounts(s.study, of, weight)
	s.calibrated.correct(amounts, r, machine, cmp.Or(r.day(), s.day))
	excluded := s.excluded(x, amounts, r.Kind)
	s.flags.examination(x, amounts, excluded, machine, cmp.Or(r.day(), s.day))
	amounts = append(amounts, s.amounts(x, r)...)
	err = insert(ctx, tx, `insert into dose_examination (site_id, study_uid, examination, day, started, machine_id, modality,
		exam_code, indication, known_by, assigned_by, mappings, name, name_source,
		age_months, weight_kg, events, dlp_mgycm, excluded,
		order_id, accession, exam_from, exam_name, reason, weight_source, weight_origin, weight_at, sizes)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19,
		$20, $21, $22, $23, $24, $25, $26, $27, $28)`,
		s.site, s.task.study, x.Key, cmp.Or(r.day(), s.day), cmp.Or(x.started(), r.Started().String()), machine, r.Modality(),
		x.Exam, x.Indication, string(x.KnownBy), x.AssignedBy, strings.Join(x.Mappings, " "), name.Text, string(name.Source),
		months(p), weight, len(x.Events), dlp, excluded,
		x.Order, x.Accession, x.ExamFrom, x.ExamName, x.Reason, source, origin, measured, sizes)
	if err != nil {
		return err
	}
	if err := s.writeAmounts(ctx, tx, x, amounts, machine, cmp.Or(r.day(), s.day), excluded); err != nil {
		return err
	}
	for _, n := range x.Names {
		err := insert(ctx, tx, `insert into dose_name (site_id, folded, source, machine_id, study_uid, examination, shown, day)
			values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing`,
			s.site, foldName(n.Text), string(n.Source), machine, s.task.study, x.Key, n.Text, cmp.Or(r.day(), s.day))
		if err != nil {
			return err
		}
	}
	return nil
}

// Why an examination is in no median.
const (
	ExcludedNotPatient = "not_patient"  // a phantom or test
	ExcludedIncomplete = "incomplete"   // a diagnostic event without dose
	ExcludedUnit       = "flagged_unit" // the unit of a dose had to be assumed
	ExcludedIdentity   = "identity"     // two patients in one study or event
	ExcludedDuplicate  = "duplicate"    // another study tells of the same irradiation, and counts
	ExcludedMulti      = "multi_region" // several were ordered, and what was scanned cannot be divided
	ExcludedSize       = "size_outside" // known, and not of the size that levels speak of
	ExcludedSizeless   = "size_unknown" // a child whose size group nobody knows
)

// mainQuantities are those of which an examination of a kind has to have one.
var mainQuantities = map[Kind][]Quantity{
	CT: {QuantityDLP}, Projection: {QuantityDAP, QuantityRP}, Mammography: {QuantityAGD}, Nuclear: {QuantityActivity},
}

// doseFields are the fields whose unit has to be told.
var doseFields = []Field{FieldDLP, FieldCTDIvol, FieldDAP, FieldRP, FieldAGD, FieldActivity}

// excluded returns why an examination is in no median, "" if it is.
func (s *studyRow) excluded(x *Examination, amounts []Amount, kind Kind) string {
	switch {
	case s.notPatient != "" || x.Exam == NotAnExamination:
		return ExcludedNotPatient
	case warned(s.study.Warnings, WarnIdentity):
		return ExcludedIdentity
	case s.twins.lostIn(x):
		return ExcludedDuplicate
	case x.Multi:
		return ExcludedMulti
	case !slices.ContainsFunc(amounts, func(a Amount) bool { return slices.Contains(mainQuantities[kind], a.Quantity) }):
		return ExcludedIncomplete
	}
	for _, e := range x.Events {
		for _, v := range e.Values {
			if slices.Contains(doseFields, v.Field) && v.Has(WarnUnitAssumed) {
				return ExcludedUnit
			}
		}
	}
	return ""
}

// warned reports whether a warning of that code is among them.
func warned(all []Warning, code string) bool {
	for _, w := range all {
		if w.Code == code {
			return true
		}
	}
	return false
}

// started returns when the examination began, "" if its events do not say.
func (x *Examination) started() string {
	for _, e := range x.Events {
		if !e.Started.IsZero() {
			return e.Started.String()
		}
	}
	return ""
}

// writeEvent writes an event with all its values; x is nil if it is unassigned.
func (s *studyRow) writeEvent(ctx context.Context, tx *db.Tx, ordinal int, e *Event, r *Report, x *Examination) error {
	packed, err := pack(eventsJSON([]*Event{e})[0])
	if err != nil {
		return err
	}
	var key, by string
	if x != nil {
		key, by = x.Key, x.by(e)
	}
	return insert(ctx, tx, `insert into dose_event (site_id, study_uid, ordinal, event_key, event_uid, sop_instance_uid,
		examination, assigned_by, started, type, protocol, region, region_text, phantom, sequence,
		ctdivol_mgy, dlp_mgycm, packed)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
		s.site, s.task.study, ordinal, e.Key, e.UID.String(), r.source(),
		key, by, e.Started.String(), e.Type, e.Protocol, e.Region.SCT.Value, e.Region.Written.Meaning, e.Phantom, diagnostic(e),
		number64(e, FieldCTDIvol), number64(e, FieldDLP), packed)
}

// number64 returns the number of a field for the database, nil if unknown.
func number64(e *Event, f Field) *float64 {
	if n, ok := e.Number(f); ok {
		return float(&n)
	}
	return nil
}

// float returns a number for statistics, nil if it is unknown.
func float(d *ucum.Decimal) *float64 {
	if d == nil {
		return nil
	}
	f := d.Float()
	return &f
}

// months returns the age of a patient in whole months, nil if it is unknown.
func months(p Patient) *int64 {
	years, ok := p.Years()
	if !ok {
		return nil
	}
	n := int64(years.Mul(ucum.Int(12)).Float())
	return &n
}

// decimal returns a sum as exact text, nil if it is unknown.
func decimal(s Sums, f Field) *string {
	n, ok := s[f]
	if !ok {
		return nil
	}
	text := n.String()
	return &text
}
