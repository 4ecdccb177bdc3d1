package web

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// A Life is what became of orders and of the studies that belong to them, from the
// order to the report.
type Life struct {
	Orders []LifeOrder
	Steps  []LifeStep
	Study  string     // that the page is about, "" on the page of an order
	Flags  []BodySaid // what is known of a pregnancy
	May    bool       // whoever asks may say what belongs to what
}

// A LifeOrder is an order of a Life.
type LifeOrder struct {
	ID, Accession, What string
	Href                string
	Suspected           bool // the study may belong to it
}

// A LifeStep is one step on the way.
type LifeStep struct {
	Kind, State     string // keys after life.kind_ and life.state_
	At, Until       time.Time
	Local           string // in place of At, as a machine says it
	Who, WhoKind    string // WhoKind is a key after who., "" for a person or machine
	Way             string // a key after life.way_, "" for none
	What            string
	Machines        string
	Count, Expected int64
	Series          []face.Choice // modality and how many objects
	Match, Reason   string
	Problems        []string
	Todo            []string // keys after life.todo_
	Study           string
	Href            string // where the report is read
}

// A BodySaid is what somebody said of a patient's body, beside an examination.
type BodySaid struct {
	Kind        string  // height, weight or pregnancy
	Value       float64 // of a size
	Unit        string
	Word        string // of a pregnancy: no, possible, yes, unknown
	Received    string
	Source      string // a key after body.source_
	Origin      string // of that source, as people know it
	At          time.Time
	Days        int // at the examination; below zero: after it
	Used        bool
	Why         string // a key after body.why_
	NoTime      bool   // nobody knows when it was measured
	Examination bool   // Days counts from an examination, and not from now
}

// A Matching is what somebody says of a study: it belongs to an order, to none, or
// the rules decide again.
type Matching struct {
	Study string
	Order string // id, or accession number; "" for none
	Undo  bool
}

// Matcher takes which order a study belongs to. It returns a RefusalError for an
// order that nobody knows.
type Matcher interface {
	Match(ctx context.Context, m Matching) error
}

// worklistMatch takes to which order a study belongs.
func (s *server) worklistMatch(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	m := Matching{Study: f.Get("study"), Undo: f.Get("do") == "undo"}
	if f.Get("do") == "match" {
		m.Order = strings.TrimSpace(f.Get("order"))
		if m.Order == "" {
			return v.back(f.Get("to"), "match_unknown")
		}
	}
	err := s.Worklist.Match(v.r.Context(), m)
	if v.refused(err) != nil {
		return v.back(f.Get("to"), "match_unknown")
	}
	if err != nil {
		return err
	}
	return v.back(f.Get("to"), "match_said")
}

// lifeWhen says when a step was.
func (v *visit) lifeWhen(s LifeStep) string {
	switch {
	case s.Local != "":
		return strings.Replace(s.Local, "T", " ", 1)
	case s.At.IsZero():
		return "–"
	case !s.Until.IsZero() && s.Until.Sub(s.At) >= time.Minute && s.Kind != "ordered":
		if s.Until.Sub(s.At) < 12*time.Hour {
			return v.p.DateTime(v.local(s.At)) + " – " + v.p.Time(v.local(s.Until))
		}
		return v.p.DateTime(v.local(s.At)) + " – " + v.p.DateTime(v.local(s.Until))
	}
	return v.moment(s.At)
}

// moment says when something was: the day alone where nobody said the time, which then
// reads midnight.
func (v *visit) moment(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	l := v.local(t)
	if l.Equal(time.Date(l.Year(), l.Month(), l.Day(), 0, 0, 0, 0, l.Location())) {
		return v.p.Date(l)
	}
	return v.p.DateTime(l)
}

// whom says who did something. kind is a key after who., "" for a person or machine.
func (v *visit) whom(kind, name string) string {
	if kind == "" {
		return name
	}
	return v.p.T("who."+kind, lang.Args{"name": name})
}

// lifeMore says what else is known of a step.
func (v *visit) lifeMore(s LifeStep) string {
	var all []string
	add := func(text string) {
		if text != "" {
			all = append(all, text)
		}
	}
	add(s.What)
	if s.Kind == "scheduled" {
		add(s.Machines)
	}
	add(v.whom(s.WhoKind, s.Who))
	if s.Way != "" {
		add(v.p.T("life.way_" + s.Way))
	}
	if s.Count > 0 && s.Kind != "complete" {
		add(v.p.T("worklist.instances", lang.Args{"n": s.Count}))
	}
	for _, c := range s.Series {
		add(c.Label)
	}
	switch s.Kind {
	case "images":
		if s.Match != "" {
			add(v.p.T("worklist.match_"+s.Match) + ": " + v.p.T("worklist.why_"+s.Reason))
		}
	case "complete":
		if s.Expected > 0 {
			add(v.p.T("life.of_expected", lang.Args{"n": s.Count, "expected": v.p.Count(s.Expected)}))
		}
		if s.Reason != "" {
			add(v.p.T("worklist.because_" + s.Reason))
		}
	case "scheduled", "performed":
		if s.Reason != "" {
			add(v.p.T("worklist.state_" + s.Reason))
		}
	case "reported":
		add(v.word("reports.is_", s.Reason))
	}
	return strings.Join(all, " · ")
}

// waits reports whether a step waits for somebody to say what belongs together.
func (s LifeStep) waits() bool {
	return slices.ContainsFunc(s.Todo, func(t string) bool { return t == "confirm" || t == "match" || t == "undo" })
}

// bodyWords says what is known of a body: value, where it comes from and how old it was.
func (v *visit) bodyWords(b BodySaid) string {
	value := v.p.T("worklist.pregnancy_" + orElse(b.Word, "unknown"))
	if b.Unit != "" {
		value = v.p.Quantity(b.Value, b.Unit)
	}
	return strings.Join([]string{value, v.bodyFrom(b), v.bodyAge(b)}, ", ")
}

// bodyFrom says where it comes from.
func (v *visit) bodyFrom(b BodySaid) string {
	if b.Source == "" {
		return "–"
	}
	return v.p.T("body.source_"+b.Source, lang.Args{"origin": orElse(b.Origin, "–")})
}

// bodyAge says how old it was.
func (v *visit) bodyAge(b BodySaid) string {
	switch {
	case b.Source == "dicom":
		return v.p.T("body.entered")
	case !b.Examination && b.Days > 0:
		return v.p.T("body.ago", lang.Args{"n": b.Days})
	case !b.Examination:
		return v.p.T("body.today")
	case b.Days > 0:
		return v.p.T("body.before", lang.Args{"n": b.Days})
	case b.Days < 0:
		return v.p.T("body.after", lang.Args{"n": -b.Days})
	}
	return v.p.T("body.same_day")
}
