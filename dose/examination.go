package dose

import (
	"cmp"
	"slices"
	"strconv"

	"radagora/ucum"
)

// By what an event was assigned to its examination.
const (
	AssignedByAccession = "accession" // the number of the order, carried by its report
	AssignedByProtocol  = "protocol"  // an approved mapping of its acquisition protocol
	AssignedByStudy     = "study"     // nothing in the study speaks of a second examination
	AssignedByOrder     = "order"     // the one order that the study belongs to
)

// A Candidate is an event of a study together with what tells to which
// examination it belongs.
type Candidate struct {
	Event      *Event
	Accession  string   // of the report it came with, "" if none
	Procedures []string // descriptions of the requested and performed procedure
	Requests   []string // ids of the requested procedures that its report names
	Machine    string   // id of the machine
	Day        string   // of the study, 2006-01-02
}

// A Name is a local name as a device sends it.
type Name struct {
	Source NameSource
	Text   string
}

// An Examination is one requested procedure: what levels, cases and exports
// count. A study may hold several.
type Examination struct {
	Key        string // within the study: "1", "2"… in the order of time
	Events     []*Event
	AssignedBy string
	Exam       string // code in dose/exam, "" while unmapped
	Indication string // code in dose/indication, "" if unknown
	KnownBy    KnownBy
	Mappings   []string // ids of the mappings that were used
	Names      []Name   // what was looked for, the most telling name last
	Order      string   // id of the order it is, "" if none is known
	Accession  string   // of that order
	ExamFrom   string   // what told the examination; see ExamFrom…
	ExamName   string   // the name that did
	Reason     string   // what of the order told the indication, "" if nothing did
	Multi      bool     // several procedures, scanned in one run, that cannot be divided
	Decided    []*Event // of Events: those that a person assigned
}

// Mapped reports whether somebody has said what the examination is.
func (x *Examination) Mapped() bool { return x.Exam != "" }

// DLP returns the sum over the events, localizers too, in mGy.cm. It is not
// known if no event carries one, or a diagnostic event lacks it.
func (x *Examination) DLP() (ucum.Decimal, bool) {
	sum, known := ucum.Decimal{}, false
	for _, e := range x.Events {
		n, ok := e.Number(FieldDLP)
		switch {
		case ok:
			sum, known = sum.Add(n), true
		case !e.Localizer():
			return ucum.Decimal{}, false
		}
	}
	return sum, known
}

// Sequences returns the events whose CTDIvol a level per sequence is compared
// with: the diagnostic spiral and sequenced ones.
func (x *Examination) Sequences() []*Event {
	var all []*Event
	for _, e := range x.Events {
		if _, ok := e.Number(FieldCTDIvol); ok && diagnostic(e) {
			all = append(all, e)
		}
	}
	return all
}

// diagnostic reports whether e is a scan that levels per sequence speak of.
func diagnostic(e *Event) bool { return e.Type != "constant_angle" && e.Type != "stationary" }

// Examine divides the events of a study, which must be in the order of time,
// into examinations. Events that belong to none of them without doubt are
// returned as unassigned: they count in the totals of the study and in no
// median until a person has decided.
//
// The first that tells wins: the accession number, then the mapped protocol. One
// order in the study takes all events, unless a mapped protocol contradicts.
// Localizers and bolus tracking follow the next diagnostic event. What an order of the
// study says of its examination goes before what the reports say, and before what their
// protocols are mapped to.
func Examine(candidates []Candidate, m Mappings, orders []Ordered, reasons Reasons) (exams []Examination, unassigned []*Event) {
	e := examiner{m: m, reasons: reasons}
	groups, loose := byAccession(candidates)
	for _, g := range groups {
		exams = append(exams, e.group(g, ordersOf(orders, g[0].Accession, len(groups) > 1, g[0].Requests))...)
	}
	unassigned = append(e.unassigned, loose...)
	slices.SortStableFunc(exams, func(a, b Examination) int {
		return cmp.Compare(position(candidates, a.Events[0]), position(candidates, b.Events[0]))
	})
	for i := range exams {
		exams[i].Key = strconv.Itoa(i + 1)
	}
	return exams, unassigned
}

// position returns the place of an event in the study.
func position(candidates []Candidate, e *Event) int {
	return slices.IndexFunc(candidates, func(c Candidate) bool { return c.Event == e })
}

// byAccession divides the events of a study by accession number. With one number
// or none, all belong together. With several, an event whose report carries none
// is loose.
func byAccession(candidates []Candidate) (groups [][]Candidate, loose []*Event) {
	at := map[string]int{}
	for _, c := range candidates {
		if _, seen := at[c.Accession]; c.Accession != "" && !seen {
			at[c.Accession] = len(at)
		}
	}
	if len(candidates) == 0 {
		return nil, nil
	}
	if len(at) < 2 {
		if i := slices.IndexFunc(candidates, func(c Candidate) bool { return c.Accession != "" }); i > 0 {
			candidates = slices.Clone(candidates) // the number holds for the events before it too
			candidates[0].Accession = candidates[i].Accession
		}
		return [][]Candidate{candidates}, nil
	}
	groups = make([][]Candidate, len(at))
	for _, c := range candidates {
		if c.Accession == "" {
			loose = append(loose, c.Event)
			continue
		}
		groups[at[c.Accession]] = append(groups[at[c.Accession]], c)
	}
	return groups, loose
}

// An examiner applies mappings to the events of a study.
type examiner struct {
	m          Mappings
	reasons    Reasons
	unassigned []*Event
}

// group makes the examinations of events that belong together by order, or by
// nothing but their study.
func (e *examiner) group(events []Candidate, orders []Ordered) []Examination {
	runs := e.runs(events)
	if len(orders) > 1 {
		return e.several(runs, orders, events[0].Machine, events[0].Day)
	}
	var order *Ordered
	if len(orders) == 1 {
		order = &orders[0]
	}
	procedure, from, name, named := e.procedure(events, order)
	ordered := events[0].Accession != "" || order != nil
	exams, other := examsOf(runs), []run(nil)
	switch {
	case len(exams) > 1 && !named && (!ordered || radiographs(events)):
		return e.views(runs, order) // no order speaks, or one of several projections: each mapped protocol is an examination
	case len(exams) > 1 && !named:
		e.leave(runs, func(run) bool { return true })
		return nil
	case named && radiographs(events):
		runs, other = parted(runs, func(r run) bool { return r.mapped && r.mapping.Exam != procedure.Exam })
	case named:
		runs = e.leave(runs, func(r run) bool { return r.mapped && r.mapping.Exam != procedure.Exam })
	}
	by := AssignedByStudy
	switch {
	case events[0].Accession != "":
		by = AssignedByAccession
	case order != nil:
		by = AssignedByOrder
	}
	views := e.views(other, order)
	if len(runs) == 0 {
		return views
	}
	x := gather(runs, by)
	if named {
		x.told(procedure, from, name)
	}
	x.ordered(order, e.reasons)
	return append([]Examination{x}, views...)
}

// views makes an examination of each mapped protocol of an order, if there is one:
// levels of radiography are about a projection, and one order may want several, such
// as a chest from the front and from the side.
func (e *examiner) views(runs []run, order *Ordered) []Examination {
	all := e.split(runs)
	for i := range all {
		all[i].ordered(order, e.reasons)
	}
	return all
}

// radiographs reports whether all events are exposures of radiography: with a dose of
// an X-ray tube, and none of them fluoroscopy, CT or mammography.
func radiographs(events []Candidate) bool {
	return !slices.ContainsFunc(events, func(c Candidate) bool {
		exposed := false
		for _, f := range []Field{FieldDAP, FieldEntrance, FieldEI, FieldDI} {
			_, ok := c.Event.Number(f)
			exposed = exposed || ok
		}
		_, glandular := c.Event.Number(FieldAGD)
		return !exposed || glandular || c.Event.Type != "stationary" && c.Event.Type != ""
	})
}

// parted divides runs into those that are not out and those that are.
func parted(runs []run, out func(run) bool) (kept, other []run) {
	for _, r := range runs {
		if out(r) {
			other = append(other, r)
		} else {
			kept = append(kept, r)
		}
	}
	return kept, other
}

// A run is a diagnostic event with the localizers and bolus tracking before it.
type run struct {
	events  []Candidate
	mapping Mapping
	mapped  bool
}

// runs divides events at the diagnostic ones. What follows the last of them
// belongs to it; without any, all are one run.
func (e *examiner) runs(events []Candidate) []run {
	var all []run
	var open run
	for _, c := range events {
		open.events = append(open.events, c)
		found, ok := e.m.Find(c.Event.Protocol, FromProtocol, c.Machine, c.Day)
		if diagnostic(c.Event) || ok && !c.Event.Localizer() {
			open.mapping, open.mapped = found, ok
			all = append(all, open)
			open = run{}
		}
	}
	switch {
	case len(open.events) == 0:
	case len(all) == 0:
		all = append(all, open)
	default:
		last := &all[len(all)-1]
		last.events = append(last.events, open.events...)
	}
	return all
}

// examsOf returns the distinct examinations that the protocols of runs are mapped to.
func examsOf(runs []run) []string {
	var all []string
	for _, r := range runs {
		if r.mapped && !slices.Contains(all, r.mapping.Exam) {
			all = append(all, r.mapping.Exam)
		}
	}
	return all
}

// procedure returns the mapping of the procedure that was asked for, and by which name
// of what it was found: of the order, or as the reports name it, or of what was
// scheduled.
func (e *examiner) procedure(events []Candidate, order *Ordered) (m Mapping, from, name string, ok bool) {
	if order != nil {
		if m, n, ok := e.find(order.Names, events[0].Machine, events[0].Day); ok {
			return m, ExamFromOrder, n.Text, true
		}
	}
	for _, c := range events {
		for _, name := range c.Procedures {
			if found, ok := e.m.Find(name, FromProcedure, c.Machine, c.Day); ok {
				return found, ExamFromProcedure, name, true
			}
		}
	}
	if order != nil {
		if m, n, ok := e.find(order.Steps, events[0].Machine, events[0].Day); ok {
			return m, ExamFromOrder, n.Text, true
		}
	}
	return Mapping{}, "", "", false
}

// leave takes the runs that out names out of runs, as unassigned.
func (e *examiner) leave(runs []run, out func(run) bool) []run {
	var kept []run
	for _, r := range runs {
		if !out(r) {
			kept = append(kept, r)
			continue
		}
		for _, c := range r.events {
			e.unassigned = append(e.unassigned, c.Event)
		}
	}
	return kept
}

// split makes an examination of each mapped protocol. Unmapped runs could belong
// to any of them.
func (e *examiner) split(runs []run) []Examination {
	runs = e.leave(runs, func(r run) bool { return !r.mapped })
	var all []Examination
	for _, code := range examsOf(runs) {
		var own []run
		for _, r := range runs {
			if r.mapping.Exam == code {
				own = append(own, r)
			}
		}
		all = append(all, gather(own, AssignedByProtocol))
	}
	return all
}

// gather makes one examination of runs.
func gather(runs []run, by string) Examination {
	x := Examination{AssignedBy: by}
	name := func(n Name) {
		if n.Text != "" && !slices.Contains(x.Names, n) {
			x.Names = append(x.Names, n)
		}
	}
	for _, r := range runs {
		for _, c := range r.events {
			x.Events = append(x.Events, c.Event)
			for _, p := range c.Procedures {
				name(Name{FromProcedure, p})
			}
		}
	}
	for _, r := range runs {
		for _, c := range r.events {
			if diagnostic(c.Event) {
				name(Name{FromProtocol, c.Event.Protocol})
			}
		}
		if r.mapped {
			x.apply(r.mapping)
			x.ExamFrom, x.ExamName = ExamFromProtocol, r.mapping.Name
		}
	}
	return x
}

// apply takes over what a mapping says, the better known indication first.
func (x *Examination) apply(m Mapping) {
	if x.Exam == "" {
		x.Exam = m.Exam
	}
	if !slices.Contains(x.Mappings, m.ID) {
		x.Mappings = append(x.Mappings, m.ID)
	}
	if m.Indication != "" && (x.Indication == "" || m.KnownBy.rank() < x.KnownBy.rank()) {
		x.Indication, x.KnownBy = m.Indication, m.KnownBy
	}
}

// rank orders the ways to know an indication from the best.
func (k KnownBy) rank() int {
	return slices.Index([]KnownBy{KnownByOrder, KnownByProtocol, KnownByAssumed}, k)
}
