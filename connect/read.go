package connect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/fault"
	"radagora/hl7"
	"radagora/person"
	"radagora/ucum"
	"radagora/worklist"
)

// An Effect is what a message says, in the program's words. Nothing is changed by
// reading it.
type Effect struct {
	Code     string    // ADT^A01
	At       time.Time // of the event it tells of
	Patient  Patient
	Prior    []Number // numbers that are given up for those of the patient
	Left     []Number // of a message that moves a visit: whose it was
	Moves    bool     // it moves a visit or account, not a person
	Undoes   bool     // it takes a merge back (A37)
	Links    bool     // the numbers are one person's, and none is given up (A24)
	Further  []Effect // of a message about several patients, the others
	Orders   []Order
	Reports  []Report
	Problems []Problem
}

// A Patient is whom a message is about.
type Patient struct {
	Numbers []Number
	Facts   []Said
}

// A Number is an identifier with who gave it.
type Number struct{ Issuer, Value, Type string }

// Said is one fact of a patient. Its value is in the form that person has for it.
type Said struct {
	Kind     person.FactKind
	Value    string
	Received string
	At       time.Time
}

// An Order is what a message says of an order.
type Order struct {
	Control   string // new, change, cancel, unbook, status, reply; "" if it says nothing
	Numbers   worklist.Numbers
	Requested worklist.Order
}

// A Reading says how messages of a channel are read.
type Reading struct {
	Zone  *time.Location // of times that name none
	Place *time.Location // of the site: the start of steps is local time there
}

// reading returns that of a channel.
func (r *Register) reading(ctx context.Context, c Channel) Reading {
	at := Reading{Zone: time.UTC, Place: time.UTC}
	if s, err := r.Sites.Site(ctx, c.Site); err == nil {
		at = Reading{Zone: s.Location(), Place: s.Location()}
	}
	if z, err := time.LoadLocation(c.Zone); err == nil && c.Zone != "" {
		at.Zone = z
	}
	return at
}

// A reader reads one message.
type reader struct {
	*Mapping
	Reading
	m    *hl7.Message
	kind string
	e    Effect
}

// Read returns what a message says.
func (m *Mapping) Read(msg *hl7.Message, how Reading) Effect {
	h := msg.Header()
	r := &reader{Mapping: m, Reading: how, m: msg, kind: h.Type}
	r.Zone = msg.Zone(cmp.Or(how.Zone, time.UTC))
	r.Place = cmp.Or(how.Place, time.UTC)
	r.e.Code = codeOf(msg)
	all := scope{r.kind, msg.Whole(), msg.Whole()}
	r.e.At = r.time("event.at", all)
	_, trigger, _ := strings.Cut(r.e.Code, "^")
	r.e.Moves = r.kind == "ADT" && slices.Contains([]string{"A43", "A44", "A45", "A50", "A51"}, trigger)
	r.e.Undoes = r.kind == "ADT" && trigger == "A37"
	r.e.Links = r.kind == "ADT" && trigger == "A24"
	patients, joining := msg.Patients(), r.kind == "ADT" && slices.Contains(joins, trigger)
	if len(patients) > 1 && !joining && !r.e.Moves {
		r.several(patients)
		return r.e
	}
	r.patient(all)
	switch {
	case r.e.Moves:
		r.e.Left = r.numbers("patient.prior", all)
	default:
		r.e.Prior = r.numbers("patient.prior", all)
	}
	if joining {
		r.pairs(patients)
	}
	r.orders(all)
	r.reports(all)
	return r.e
}

// several reads a message about several patients, as a batch of results is, each with
// what stands behind its PID alone.
func (r *reader) several(patients []hl7.Group) {
	common := r.m.Whole().Before("PID")
	for i, g := range patients {
		x := r
		if i > 0 {
			x = &reader{Mapping: r.Mapping, Reading: r.Reading, m: r.m, kind: r.kind, e: Effect{Code: r.e.Code, At: r.e.At}}
		}
		part := slices.Concat(common, g)
		in := scope{r.kind, part, part}
		x.patient(in)
		x.orders(in)
		x.reports(in)
		if i > 0 {
			r.e.Further, r.e.Problems = append(r.e.Further, x.e), append(r.e.Problems, x.e.Problems...)
		}
	}
}

// joins are the events that say of two numbers that they are one person's, or not.
var joins = []string{"A18", "A24", "A30", "A34", "A35", "A36", "A37", "A40", "A47"}

// pairs reads a message with several patients: of A24 and A37 the second is the other
// end, of a merge each has its own MRG (chapter 3).
func (r *reader) pairs(patients []hl7.Group) {
	if len(patients) < 2 {
		return
	}
	if (r.e.Links || r.e.Undoes) && len(r.e.Prior) == 0 {
		r.e.Prior = r.numbers("patient.id", scope{r.kind, patients[1], nil})
		return
	}
	for _, g := range patients[1:] {
		x := &reader{Mapping: r.Mapping, Reading: r.Reading, m: r.m, kind: r.kind, e: Effect{Code: r.e.Code, At: r.e.At, Undoes: r.e.Undoes}}
		in := scope{r.kind, g, g}
		x.patient(in)
		if x.e.Prior = x.numbers("patient.prior", in); len(x.e.Prior) > 0 {
			r.e.Further = append(r.e.Further, x.e)
		}
	}
}

// patient reads whom the message is about, and what it says of them.
func (r *reader) patient(all scope) {
	p := &r.e.Patient
	p.Numbers = r.numbers("patient.id", all)
	said := func(kind person.FactKind, value string, v hl7.Value) {
		p.Facts = append(p.Facts, Said{Kind: kind, Value: value, Received: cut(written(v), 200), At: r.e.At})
	}
	for _, f := range []struct {
		target string
		kind   person.FactKind
		read   func(string, hl7.Value) (string, error)
	}{
		{"patient.name", person.Name, r.name},
		{"patient.birth_date", person.BirthDate, r.day},
		{"patient.sex", person.Sex, r.word("sex")},
		{"patient.deceased", person.Deceased, r.word("deceased")},
	} {
		values, form := r.find(f.target, all, f.kind == person.Name)
		if len(values) == 0 {
			continue
		}
		v := values[0]
		if f.kind == person.Name {
			v = legal(values)
		}
		if v.Null() {
			said(f.kind, "", v)
			continue
		}
		value, err := f.read(form, v)
		if err != nil {
			r.problem(f.target, err)
		} else if value != "" {
			said(f.kind, value, v)
		}
	}
	for _, o := range all.whole.Observations() {
		r.observe(o)
	}
	for _, o := range all.whole.Orders() {
		for _, x := range o.Observations {
			r.observe(x)
		}
	}
}

// written returns a value as it was sent, its text decoded.
func written(v hl7.Value) string {
	if v.Null() {
		return `""`
	}
	var parts []string
	for c := range v.Components() {
		parts = append(parts, c.Text())
	}
	return strings.TrimRight(strings.Join(parts, "^"), "^")
}

// legal returns the legal name among several, or the first.
func legal(names []hl7.Value) hl7.Value {
	for _, kind := range []string{"L", "D", ""} {
		for _, n := range names {
			if x := n.XPN(); x.Type == kind && x.Representation != "I" && x.Representation != "P" {
				return n
			}
		}
	}
	return names[0]
}

// observe takes heights, weights and pregnancies from an OBX.
func (r *reader) observe(o hl7.Observation) {
	if status := o.Field(11).Text(); status == "X" || status == "D" || status == "W" { // none, deleted, wrong patient
		return
	}
	c := o.Field(3).CWE()
	kind := person.FactKind(cmp.Or(r.code("observation", c.System, c.Code), r.code("observation", c.OtherSystem, c.AlternateCode)))
	if kind == "" {
		return
	}
	v, _ := o.Value()
	s := Said{Kind: kind, Received: cut(strings.TrimSpace(written(v)+" "+o.Field(6).Component(1).Text()), 200), At: r.e.At}
	if at, err := o.Field(14).Time(r.Zone); err == nil && !at.IsZero() {
		s.At = at.Time
	}
	var err error
	switch kind {
	case person.Height, person.Weight:
		s.Value, err = r.size(kind, v, o.Field(6).Component(1).Text())
	case person.Pregnancy:
		code := v.CWE()
		if s.Value = r.code("pregnancy", code.System, code.Code); s.Value == "" {
			err = unusable(fault.Invalid, problemCode, "the code is not one that the mapping knows")
		}
	default:
		err = unusable(fault.Invalid, problemFact, "the mapping names no kind of fact")
	}
	if err != nil {
		r.e.Problems = append(r.e.Problems, Problem{At: "OBX-5", Key: keyOf(err), What: string(kind) + ": " + err.Error()})
		return
	}
	r.e.Patient.Facts = append(r.e.Patient.Facts, s)
}

// size reads a height in metres or a weight in kilograms.
func (r *reader) size(kind person.FactKind, v hl7.Value, unit string) (string, error) {
	n, err := v.NM()
	if err != nil {
		return "", under(problemNumber, err)
	}
	u, err := ucum.Parse(cmp.Or(r.code("unit", "*", unit), unit))
	if err != nil || unit == "" {
		return "", unusable(fault.Invalid, problemUnit, "the unit (OBX-6) is none that is known")
	}
	d, err := ucum.ParseDecimal(strings.Replace(n.Text, ",", ".", 1))
	if err != nil {
		return "", unusable(fault.Invalid, problemNumber, "the value is no number")
	}
	to := ucum.Must("m")
	if kind == person.Weight {
		to = ucum.Must("kg")
	}
	if d, err = ucum.Convert(d, u, to); err != nil {
		return "", unusable(fault.Invalid, problemUnitKind, "the unit (OBX-6) is not one of a %s", kind)
	}
	return d.String(), nil
}

// problem notes that a target could not be read.
func (r *reader) problem(target string, err error) {
	r.e.Problems = append(r.e.Problems, Problem{At: target, Key: keyOf(err), What: err.Error()})
}

// numbers reads identifiers.
func (r *reader) numbers(target string, in scope) (all []Number) {
	values, _ := r.find(target, in, true)
	var rest []Number
	for _, v := range values {
		c := v.CX()
		n := Number{Issuer: cut(cmp.Or(c.Assigner.Namespace, c.Assigner.UniversalID), 200), Value: cut(c.ID, 200), Type: cut(c.Type, 20)}
		switch {
		case c.ID == "":
		case shared[c.Type]:
			rest = append(rest, n)
		default:
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return rest[:min(1, len(rest))]
	}
	return all
}

// shared are the types of identifiers of an account, a visit or a contract, which a family
// may have in common: they tell of no person (HL7 table 0203).
var shared = map[string]bool{
	"AN": true, "ANC": true, "AND": true, "ANT": true, "VN": true, "MB": true, "SN": true, "GN": true, "PCN": true, "WC": true, "WCN": true, "XX": true,
}

// text reads the first value of a target in its form.
func (r *reader) text(target string, in scope) string {
	values, form := r.find(target, in, false)
	if len(values) == 0 || values[0].Null() {
		return ""
	}
	switch v := values[0]; form {
	case "ei":
		return v.EI().ID
	case "cx":
		return v.CX().ID
	case "rp": // a reference pointer: study UID before the carets
		return v.Component(1).Text()
	case "place":
		p := v.PL()
		return strings.Join(slices.DeleteFunc([]string{p.PointOfCare, p.Room, p.Bed}, func(s string) bool { return s == "" }), " ")
	case "xcn":
		return dicomName(v.XCN().Name)
	case "cwe":
		c := v.CWE()
		return cmp.Or(c.Text, c.AlternateText, c.OriginalText, c.Code)
	default:
		return strings.TrimSpace(v.Text())
	}
}

// coded reads a code.
func (r *reader) coded(target string, in scope) *worklist.Code {
	values, _ := r.find(target, in, false)
	if len(values) == 0 {
		return nil
	}
	c := values[0].CWE()
	if c.Code == "" {
		return nil
	}
	return &worklist.Code{Value: c.Code, Scheme: cmp.Or(c.System, "L"), Version: c.Version, Meaning: cmp.Or(c.Text, c.Code)}
}

// time reads an instant; the zero time if there is none.
func (r *reader) time(target string, in scope) time.Time {
	values, _ := r.find(target, in, false)
	if len(values) == 0 {
		return time.Time{}
	}
	t, err := values[0].Time(r.Zone)
	if err != nil {
		r.problem(target, under(problemTime, err))
	}
	return t.Time
}

// name writes a name as DICOM does.
func (*reader) name(_ string, v hl7.Value) (string, error) { return dicomName(v.XPN()), nil }

func dicomName(x hl7.XPN) string {
	parts := []string{x.Family, x.Given, x.Middle, x.Prefix, strings.TrimSpace(x.Suffix + " " + x.Degree)}
	for i, p := range parts {
		parts[i] = cut(strings.NewReplacer("^", " ", "=", " ", `\`, " ").Replace(p), 64)
	}
	return strings.TrimRight(strings.Join(parts, "^"), "^")
}

// day reads a date.
func (r *reader) day(_ string, v hl7.Value) (string, error) {
	t, err := v.Time(r.Zone)
	if err != nil || t.Precision < hl7.ToDay { // a year alone is no birth date
		return "", under(problemTime, err)
	}
	return t.Time.Format(time.DateOnly), nil
}

// word returns a reader of codes.
func (r *reader) word(target string) func(string, hl7.Value) (string, error) {
	return func(_ string, v hl7.Value) (string, error) {
		value := r.code(target, "", v.Text())
		if value == "" {
			return "", unusable(fault.Invalid, problemCode, "the code is not one that the mapping knows")
		}
		if value == "unknown" {
			return "", nil
		}
		return value, nil
	}
}

// orders reads what the message says of orders and appointments.
func (r *reader) orders(all scope) {
	for _, g := range partsOf(r.kind, all.whole) {
		r.e.Orders = append(r.e.Orders, r.order(scope{r.kind, g, all.whole}))
	}
	r.e.Orders = gathered(r.e.Orders)
}

// triggers of appointments and what they do (chapter 10, section 10.4): cancelled,
// discontinued, deleted and missed ones leave the order as it was, to be booked anew.
var triggers = map[string]string{"S12": "new", "S13": "change", "S14": "change", "S15": unbook, "S16": unbook, "S17": unbook, "S26": unbook}

func (r *reader) order(in scope) Order {
	o := Order{Control: r.code("control", "", r.text("order.control", in))}
	if r.kind == "SIU" {
		_, trigger, _ := strings.Cut(r.e.Code, "^")
		o.Control = triggers[trigger]
	}
	q := &o.Requested
	q.Placer, q.Filler = r.text("order.placer", in), r.text("order.filler", in)
	if q.Placer == "" && q.Filler == "" {
		q.Placer, q.Filler = r.text("appointment.placer", in), r.text("appointment.filler", in)
	}
	q.Accession, q.ProcedureID, q.Study = r.text("order.accession", in), r.text("order.procedure_id", in), r.text("order.study_uid", in)
	o.Numbers = worklist.Numbers{Placer: q.Placer, Filler: q.Filler, Accession: q.Accession}
	q.Code = r.coded("order.code", in)
	if q.Code != nil {
		q.Description = q.Code.Meaning
	}
	q.Reason = r.text("order.reason", in)
	if c := r.coded("order.reason_code", in); c != nil && c.Scheme != "L" {
		q.ReasonCodes = []worklist.Code{*c}
	}
	q.ReferringPhysician, q.RequestingPhysician = r.text("order.referrer", in), r.text("order.requester", in)
	q.Priority = r.code("priority", "", r.text("order.priority", in))
	q.Patient.Location = r.text("visit.location", in)
	s := worklist.Step{
		ID: r.text("step.id", in), Modality: cmp.Or(r.modality(in), r.usual(q.Code)), Location: r.text("step.location", in),
		Description: q.Description,
	}
	if station := r.text("step.station", in); station != "" {
		s.Stations = []string{station}
	}
	if c := r.coded("step.protocol", in); c != nil {
		s.Protocol = []worklist.Code{*c}
	}
	if start := r.time("step.start", in); !start.IsZero() {
		s.Start = start.In(r.Place).Format("2006-01-02T15:04:05")
	}
	q.Steps = []worklist.Step{s}
	return o
}

// modality reads which machine it takes.
func (r *reader) modality(in scope) string {
	m := strings.ToUpper(r.text("step.modality", in))
	return cmp.Or(r.code("modality", "", m), m)
}

// String says what a message does, without values.
func (e Effect) String() string {
	return fmt.Sprintf("%s: %d numbers, %d facts, %d prior, %d orders, %d problems",
		e.Code, len(e.Patient.Numbers), len(e.Patient.Facts), len(e.Prior), len(e.Orders), len(e.Problems))
}
