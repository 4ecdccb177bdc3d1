package web

import (
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// A DoseExamination is one examination with every value and its origin.
type DoseExamination struct {
	ID         string
	StudyUID   string
	At         time.Time
	Room       RoomRef
	Machine    string // manufacturer and model
	Software   string
	Standing   string // why its machine has no valid acceptance test: a State of dose/quality; "" if it has one
	Protocol   string
	Exam       face.Choice
	Indication string
	KnownBy    string
	AssignedBy string      // order, protocol, region, person; how its events came to it
	Left       string      // reason it is left out of comparisons, "" if it counts
	Totals     []DoseTotal // of the examination
	Whole      []DoseTotal // of its study, where that holds more, and by plane and side
	Sets       []SetUse    // content its values and its meaning rest on
	Events     []DoseEvent
	Sources    []DoseSource
	Warnings   []DoseWarning
	Order      string // accession number of the order it is, "" if none is known
	OrderHref  string
	From       string // what told the examination: order, procedure, protocol
	FromName   string // the name that did
	Reason     string // what of the order told the indication
	Sizes      []BodySaid
	MaySay     bool // whoever asks may say how big the patient was
	Day        string
	Overlap    *DoseOverlap // nil unless it is a CT
	Skin       *DoseSkin    // of the whole study; nil where none is estimated
	Physics    *DosePhysics
}

// A SizeSaid is what somebody types of a patient's size.
type SizeSaid struct{ Height, Weight, Day string }

// A DoseEvent is one irradiation.
type DoseEvent struct {
	UID      string
	Started  time.Time
	Type     string // acquisition type, in the person's language
	Protocol string
	Counted  bool // false for localizers
	Values   []DoseValue
}

// A DoseValue is one value and how it came.
type DoseValue struct {
	Quantity string // code: dlp, ctdivol, kvp …
	Name     string // if the catalogue has no word for the code
	Value    float64
	Known    bool   // false: the value is unknown, which is not 0
	Words    string // in place of a number: a code's word, a name, an identifier
	Unit     string // UCUM code
	Raw      string // as it stands in the object
	RawUnit  string
	Origin   string   // report, image, mpps, ocr, manual, imported
	Object   string   // SOP Instance UID it was read from
	Path     string   // where in the object
	Flags    []string // codes of doubts: unit_assumed, several_values …
}

// A DoseTotal is what an examination or study comes to in one quantity. What nobody
// tells is nil, which is not 0.
type DoseTotal struct {
	Quantity string   // code: dlp, dap, dap_fluoro …
	Part     string   // plane A, B or single, side left, right or both; "" for the whole
	Unit     string   // UCUM code
	Value    *float64 // that counts
	Declared *float64 // by the reports
	Summed   *float64 // over the events
	Events   int      // that told it; 0 if that is not known
	Method   string   // summed, declared, highest, mean, counted, divided; "" if not known
	Origin   string   // report, image, mpps, ocr, manual, imported; "" if not known
	Basis    string   // reported, corrected; "" if not known
}

// A DoseSource is an object an examination was read from.
type DoseSource struct {
	SOPInstanceUID string
	Title          string
	At             time.Time
	Superseded     bool // a later report holds all it says
}

// A DoseWarning is something the reader doubts.
type DoseWarning struct {
	Path, Code, Text string
}

// doseExaminations shows the examinations behind a row.
func (s *server) doseExaminations(v *visit) error {
	here := v.here()
	after := here.query.Get("after")
	list, err := s.DoseCT.Examinations(v.r.Context(), v.query(here), v.r.PathValue("row"), after)
	if err != nil {
		return err
	}
	export := here.at("/dose/ct/export").with("row", list.Row.ID).with("part", string(ExportExaminations))
	pg := page{
		title: v.rowTitle(list.Row), lead: v.sentence(list.Row), section: "/dose/ct",
		crumbs:  []crumb{{v.p.T("nav.dose_ct"), here.at("/dose/ct").without("after").with("open", list.Row.ID).String()}},
		actions: takeLinks(export),
	}
	return v.show(pg, face.Rows(v.p, v.examinationTable(list, here)))
}

// examinationTable lists examinations.
func (v *visit) examinationTable(list DoseExaminations, here address) face.Table {
	p := v.p
	t := face.Table{
		ID: "examinations", Caption: p.T("dose.examinations"),
		Empty: face.Nothing(p.T("dose.no_examinations"), p.T("dose.no_examinations_text")),
		Columns: []face.Column{
			{Label: p.T("dose.when"), Phone: face.Name},
			{Label: p.T("dose.protocol")},
			{Label: p.T("dose.weight"), Numeric: true},
			{Label: p.T("quantity."+list.Row.Quantity) + " (" + p.Unit(list.Row.Unit) + ")", Numeric: true, Phone: face.Beside},
			{Label: p.T("dose.events"), Numeric: true},
			{Label: p.T("dose.origin")},
			{Label: p.T("dose.counts"), Phone: face.Drawn},
		},
	}
	if after := here.query.Get("after"); after != "" {
		t.First = here.without("after").String()
	}
	if list.Next != "" {
		t.Next = here.with("after", list.Next).String()
	}
	for _, e := range list.Items {
		weight, from, counts := "–", "", p.T("dose.counted")
		if e.Weight > 0 {
			weight, from = p.Quantity(e.Weight, "kg"), v.bodyFrom(e.WeightFrom)+", "+v.bodyAge(e.WeightFrom)
		}
		if e.Left != "" {
			counts = v.word("excluded.", e.Left, lang.Args{"n": 1})
		}
		t.Rows = append(t.Rows, face.Row{
			ID: "examination-" + e.ID, Href: "/dose/examinations/" + e.ID,
			Cells: []templ.Component{
				face.Words(p.DateTime(v.local(e.At)), ""), face.Words(e.Protocol, ""), face.Words(weight, from),
				face.Words(p.Sig(e.Value), ""), face.Words(p.Count(int64(e.Events)), ""),
				face.Words(v.word("origin.", e.Origin), ""), face.Words(counts, ""),
			},
		})
	}
	return t
}

// doseExamination shows one examination.
func (s *server) doseExamination(v *visit) error {
	e, err := s.DoseCT.Examination(v.r.Context(), v.query(v.here()), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	pg := page{
		title:   v.p.T("dose.examination_of", lang.Args{"exam": orElse(e.Exam.Label, e.Protocol), "when": v.p.DateTime(v.local(e.At))}),
		section: "/dose/ct",
		crumbs:  []crumb{{v.p.T("nav.dose_ct"), "/dose/ct"}},
	}
	return v.show(pg, examinationPage(v, e))
}

// doseSize takes how big the patient of an examination was.
func (s *server) doseSize(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f, id := v.r.PostForm, v.r.PathValue("id")
	err := s.DoseCT.Size(v.r.Context(), id, SizeSaid{
		Height: strings.TrimSpace(f.Get("height")), Weight: strings.TrimSpace(f.Get("weight")), Day: f.Get("day"),
	})
	if v.refused(err) != nil {
		return v.back("/dose/examinations/"+id, "size_wrong")
	}
	if err != nil {
		return err
	}
	return v.back("/dose/examinations/"+id, "size_said")
}

// quantityName names a quantity.
func (v *visit) quantityName(d DoseValue) string {
	if key := "quantity." + d.Quantity; v.p.Has(key) {
		return v.p.T(key)
	}
	return d.Name
}

// rawWords says how a value stands in its object.
func (v *visit) rawWords(d DoseValue) string {
	switch {
	case d.Raw == "":
		return v.p.T("dose.raw_empty")
	case d.RawUnit == "":
		return d.Raw
	}
	return d.Raw + "\u00a0" + d.RawUnit
}
