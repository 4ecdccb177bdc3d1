// Package entry takes in doses that no device sends: typed in, from tables, from
// earlier dose systems.
//
// What somebody enters is a Record: an examination with its quantities, each with the
// method by which it became known. A Book keeps records with all their versions, and
// files whole, so that a rebuild reads them again. The ledger of package dose derives
// from them as it does from reports, and ranks them below whatever a device sent.
package entry

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"radagora/content"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
	"radagora/ucum"
)

// A Record is one examination as somebody entered it. Texts are "" where nothing is
// known; numbers are decimals as text.
type Record struct {
	Machine      string `json:"machine,omitempty"` // id of the machine
	Manufacturer string `json:"manufacturer,omitempty"`
	Model        string `json:"model,omitempty"`
	Station      string `json:"station,omitempty"` // or what an earlier system called the machine

	Day   string `json:"day"`             // 2006-01-02
	Clock string `json:"clock,omitempty"` // 15:04 or 15:04:05

	Kind        dose.Kind `json:"kind"`
	Exam        string    `json:"exam,omitempty"`        // code in dose/exam
	Description string    `json:"description,omitempty"` // local name of the study
	Procedure   string    `json:"procedure,omitempty"`   // what was requested
	Study       string    `json:"study,omitempty"`       // Study Instance UID
	Accession   string    `json:"accession,omitempty"`

	PatientID string `json:"patient_id,omitempty"`
	Issuer    string `json:"issuer,omitempty"`
	Name      string `json:"name,omitempty"`
	Birth     string `json:"birth,omitempty"` // 2006-01-02
	Age       string `json:"age,omitempty"`   // years
	Sex       string `json:"sex,omitempty"`   // M, F, O
	Height    string `json:"height_m,omitempty"`
	Weight    string `json:"weight_kg,omitempty"`

	Values []Value `json:"values,omitempty"` // of the whole examination
	Events []Event `json:"events,omitempty"` // of its irradiations, as far as they are known
	Count  string  `json:"events_told,omitempty"`
	Screen string  `json:"screen,omitempty"` // SOP Instance UID of the image that the values were read off
	Origin string  `json:"origin,omitempty"` // product, version, digest and line of a file
}

// An Event is one irradiation, or one administration.
type Event struct {
	Protocol   string  `json:"protocol,omitempty"`
	Type       string  `json:"type,omitempty"`       // see dose.Event
	Laterality string  `json:"laterality,omitempty"` // left, right
	Agent      string  `json:"agent,omitempty"`
	Nuclide    string  `json:"nuclide,omitempty"`
	Values     []Value `json:"values,omitempty"`
}

// A Value is one quantity.
type Value struct {
	Quantity dose.Quantity `json:"quantity"`
	Raw      string        `json:"raw"`             // as written
	RawUnit  string        `json:"raw_unit"`        // as written
	Number   string        `json:"number"`          // in the unit of the quantity
	Method   string        `json:"method"`          // see dose.Methods
	Plane    string        `json:"plane,omitempty"` // A, B
	At       string        `json:"at,omitempty"`    // column of a table
}

// A quantity is one that may be entered.
type quantity struct {
	kind    dose.Kind
	field   dose.Field
	measure string // as dose/quantity names it
}

// quantities are those that may be entered.
var quantities = map[dose.Quantity]quantity{
	dose.QuantityDLP:        {dose.CT, dose.FieldDLP, "dlp"},
	dose.QuantityCTDIvolMax: {dose.CT, dose.FieldCTDIvol, "ctdivol"},
	dose.QuantityDAP:        {dose.Projection, dose.FieldDAP, "dap"},
	dose.QuantityDAPFluoro:  {dose.Projection, dose.FieldFluoroDAP, "dap"},
	dose.QuantityDAPAcquis:  {dose.Projection, dose.FieldAcquisDAP, "dap"},
	dose.QuantityRP:         {dose.Projection, dose.FieldRP, "rp"},
	dose.QuantityRPFluoro:   {dose.Projection, dose.FieldFluoroRP, "rp"},
	dose.QuantityRPAcquis:   {dose.Projection, dose.FieldAcquisRP, "rp"},
	dose.QuantityFluoroTime: {dose.Projection, dose.FieldFluoroTime, "fluoro_time"},
	dose.QuantityEntrance:   {dose.Projection, dose.FieldEntrance, "esd"},
	dose.QuantityAGD:        {dose.Mammography, dose.FieldAGD, "agd"},
	dose.QuantityAGDLeft:    {dose.Mammography, dose.FieldAGD, "agd"},
	dose.QuantityAGDRight:   {dose.Mammography, dose.FieldAGD, "agd"},
	dose.QuantityActivity:   {dose.Nuclear, dose.FieldActivity, "activity"},
}

// Quantities returns what may be typed in, in the order of a form.
func Quantities() []dose.Quantity {
	return []dose.Quantity{
		dose.QuantityDLP, dose.QuantityCTDIvolMax, dose.QuantityDAP, dose.QuantityRP, dose.QuantityFluoroTime,
		dose.QuantityAGD, dose.QuantityAGDLeft, dose.QuantityAGDRight, dose.QuantityActivity,
	}
}

// Sums are the quantities that are reconciled, with the field of a study's total.
var Sums = []struct {
	Quantity dose.Quantity
	Field    dose.Field
}{
	{dose.QuantityDLP, dose.FieldDLP}, {dose.QuantityDAP, dose.FieldDAP}, {dose.QuantityAGD, dose.FieldAGD}, {dose.QuantityActivity, dose.FieldActivity},
}

// Units returns the units that a quantity may be entered in, in UCUM, the one it is kept
// in first.
func Units(library *content.Library, siteID string, q dose.Quantity) ([]string, error) {
	all := []string{dose.QuantityUnit(q)}
	table, err := library.Table(siteID, "dose/quantity", "quantities")
	if err != nil {
		return nil, err
	}
	for row := range table.All() {
		if row.Text("measure") != quantities[q].measure {
			continue
		}
		for u := range strings.SplitSeq(row.Text("units"), ";") {
			if u = strings.TrimSpace(u); u != "" && !slices.Contains(all, u) {
				all = append(all, u)
			}
		}
	}
	return all, nil
}

// What may be wrong with an entry, as codes.
const (
	WrongDay      = "day"      // no day, or one that is to come
	WrongClock    = "clock"    // no time of day
	WrongNumber   = "number"   // no number, or a negative one
	WrongUnit     = "unit"     // nobody knows it, or it is one of something else
	WrongQuantity = "quantity" // none, or of different kinds of examination
	WrongMethod   = "method"   // none of the methods
	WrongMachine  = "machine"  // nobody knows it
	WrongExam     = "exam"     // content has no such examination
	WrongSex      = "sex"      // not M, F or O
	WrongBirth    = "birth"    // no day, or after the examination
	WrongStudy    = "study"    // no UID
	WrongText     = "text"     // too long, or not UTF-8
	WrongTwice    = "twice"    // the same examination is there already
	WrongTest     = "test"     // the earlier system took it for a test
	WrongColumns  = "columns"  // the row has no fields, or too many
)

// A Wrong is what is wrong with an entry or a row of a table: a code, never what stands
// in it.
type Wrong struct {
	Line   int    `json:"line,omitempty"`   // from 1, the header is the first; 0 of one typed in
	Column string `json:"column,omitempty"` // name of the column or field
	Rule   string `json:"rule"`             // see Wrong…
}

// maxText bounds each text of a record.
const maxText = 500

// A ruler checks what is entered.
type ruler struct {
	exams map[string]bool
	units map[dose.Quantity][]string
	today string
}

// newRuler loads what may be entered at a site.
func newRuler(library *content.Library, siteID string, now time.Time) (ruler, error) {
	r := ruler{exams: map[string]bool{}, units: map[dose.Quantity][]string{}, today: now.AddDate(0, 0, 1).Format(time.DateOnly)}
	exams, err := library.Table(siteID, "dose/exam", "codes")
	if err != nil {
		return r, err
	}
	for row := range exams.All() {
		r.exams[row.Text("exam_code")] = true
	}
	for q := range quantities {
		if r.units[q], err = Units(library, siteID, q); err != nil {
			return r, err
		}
	}
	return r, nil
}

// number reads a number that is not negative; a comma stands for a point.
func number(s string) (ucum.Decimal, bool) {
	s = strings.TrimSpace(s)
	if strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		s = strings.Replace(s, ",", ".", 1)
	}
	if len(s) > 40 {
		return ucum.Decimal{}, false
	}
	d, err := ucum.ParseDecimal(s)
	return d, err == nil && d.Sign() >= 0 && d.Float() < 1e15
}

// value makes a value complete: its number in the unit of the quantity.
func (r ruler) value(v *Value) (rule string) {
	q, ok := quantities[v.Quantity]
	if !ok || q.measure == "" {
		return WrongQuantity
	}
	n, ok := number(v.Raw)
	if !ok {
		return WrongNumber
	}
	if v.Method != dose.MethodImported && !slices.Contains(dose.Methods(), v.Method) {
		return WrongMethod
	}
	to := dose.QuantityUnit(v.Quantity)
	if v.RawUnit == "" {
		return WrongUnit
	}
	i := slices.IndexFunc(r.units[v.Quantity], func(u string) bool { return ucum.SameCode(u, v.RawUnit) })
	if i < 0 {
		return WrongUnit
	}
	from, err := ucum.Parse(r.units[v.Quantity][i])
	if err != nil {
		return WrongUnit
	}
	kept, err := ucum.Parse(to)
	if err != nil {
		return WrongUnit
	}
	factor, err := ucum.Factor(from, kept)
	if err != nil {
		return WrongUnit
	}
	v.Number = n.Mul(factor).String()
	return ""
}

// check makes a record complete, and says what is wrong with it.
func (r ruler) check(x *Record) (all []Wrong) {
	wrong := func(column, rule string) { all = append(all, Wrong{Column: column, Rule: rule}) }
	for _, t := range []struct{ column, text string }{
		{"description", x.Description},
		{"procedure", x.Procedure},
		{"accession", x.Accession},
		{"patient_id", x.PatientID},
		{"issuer", x.Issuer},
		{"name", x.Name},
		{"station", x.Station},
		{"manufacturer", x.Manufacturer},
		{"model", x.Model},
	} {
		if len(t.text) > maxText || strings.ToValidUTF8(t.text, "") != t.text || strings.ContainsRune(t.text, 0) {
			wrong(t.column, WrongText)
		}
	}
	if _, err := time.Parse(time.DateOnly, x.Day); err != nil || x.Day > r.today || x.Day < "1900" {
		wrong("date", WrongDay)
	}
	if _, ok := clock(x.Clock); x.Clock != "" && !ok {
		wrong("time", WrongClock)
	}
	if _, err := time.Parse(time.DateOnly, x.Birth); x.Birth != "" && (err != nil || x.Birth > x.Day) {
		wrong("birth_date", WrongBirth)
	}
	if x.Sex != "" && !slices.Contains([]string{"M", "F", "O"}, x.Sex) {
		wrong("sex", WrongSex)
	}
	if x.Exam != "" && !r.exams[x.Exam] {
		wrong("exam", WrongExam)
	}
	if _, err := uid.Parse(x.Study); x.Study != "" && err != nil {
		wrong("study_uid", WrongStudy)
	}
	for _, n := range []struct{ column, text string }{{"age", x.Age}, {"height", x.Height}, {"weight", x.Weight}} {
		if _, ok := number(n.text); n.text != "" && !ok {
			wrong(n.column, WrongNumber)
		}
	}
	if x.Machine == "" && x.Station == "" && x.Model == "" {
		wrong("machine", WrongMachine)
	}
	return append(all, r.checkValues(x)...)
}

// checkValues checks the quantities of a record, and says what kind of examination they
// make it.
func (r ruler) checkValues(x *Record) (all []Wrong) {
	told := false
	each := func(vs []Value) {
		for i := range vs {
			v := &vs[i]
			if rule := r.value(v); rule != "" {
				all = append(all, Wrong{Column: orText(v.At, string(v.Quantity)), Rule: rule})
				continue
			}
			kind := quantities[v.Quantity].kind
			if x.Kind == "" {
				x.Kind = kind
			}
			if kind != x.Kind {
				all = append(all, Wrong{Column: orText(v.At, string(v.Quantity)), Rule: WrongQuantity})
			}
			told = true
		}
	}
	each(x.Values)
	for i := range x.Events {
		each(x.Events[i].Values)
	}
	if !told && len(all) == 0 {
		all = append(all, Wrong{Column: "quantity", Rule: WrongQuantity})
	}
	return all
}

// orText returns the first text that is not empty.
func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// clock reads a time of day.
func clock(s string) (string, bool) {
	s, _, _ = strings.Cut(s, ".")
	for _, layout := range []string{"15:04:05", "15:04", "150405", "1504"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.Format("15:04:05"), true
		}
	}
	return "", false
}

// text returns a record as it is stored.
func (x Record) text() (string, error) {
	raw, err := json.Marshal(x)
	return string(raw), err
}

// readRecord reads what text wrote.
func readRecord(s string) (x Record, err error) {
	if err := json.Unmarshal([]byte(s), &x); err != nil {
		return x, fault.Errorf(fault.Internal, "entry: %w", err)
	}
	return x, nil
}
