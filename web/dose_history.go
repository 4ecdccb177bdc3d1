package web

import (
	"context"
	"strings"
	"time"

	"radagora/access"
	"radagora/lang"
	"radagora/web/face"
)

// DoseHistory tells what a person was irradiated with. It returns fault.NotFound or
// fault.Forbidden for those who may not see the person.
type DoseHistory interface {
	// History is of the person of a study. effective asks for effective dose.
	History(ctx context.Context, language, study string, effective bool) (PersonDoses, error)
}

// PersonDoses is what one person was irradiated with, the latest examination first.
type PersonDoses struct {
	Study        string
	Name         string // "" for those who may not know it
	Born         string
	Sheets       string // where worksheets of embryo dose are, "" for those who may not
	Examinations []PersonExamination
	Sums         []PersonSum
	Effective    []PersonEffective
	Recurrent    *PersonRecurrent
	Estimable    int
	Years        float64 // in which CT counts together
	Limit        float64 // mSv
	Earlier      int     // months
	Cut          bool
}

// A PersonExamination is one of them.
type PersonExamination struct {
	ID, Modality, Protocol string
	At                     time.Time
	Exam                   face.Choice
	Room                   string
	Left                   string
	Amounts                []PersonAmount
	Earlier                []face.Link
}

// A PersonAmount is one quantity beside what is typical.
type PersonAmount struct {
	Quantity string
	Value    float64
	Unit     string
	Typical  float64 // median of the site; 0 with N 0 if there is none
	N        int
}

// A PersonSum is what may be added.
type PersonSum struct {
	Quantity     string
	Value        float64
	Unit         string
	Examinations int
	Missing      int
}

// A PersonEffective is effective dose by one set of coefficients.
type PersonEffective struct {
	Set          string
	Value        float64
	Examinations int
}

// A PersonRecurrent says that CT recurs.
type PersonRecurrent struct {
	From, To     time.Time
	Set          string
	Value        float64
	Examinations int
}

// historyRoutes are the addresses of the person's side of dose.
func (s *server) historyRoutes(g registrar) {
	if s.DoseHistory == nil {
		return
	}
	g.get("/dose/person/{study}", access.PageRead, s.doseHistory) // the room asks about the patient
}

// doseHistory shows what the person of a study was irradiated with.
func (s *server) doseHistory(v *visit) error {
	d, err := s.DoseHistory.History(v.r.Context(), v.p.Tag(), v.r.PathValue("study"), v.effectiveAsked())
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("history.title"), lead: v.p.T("history.lead"), section: "/dose/ct",
		crumbs: []crumb{{v.p.T("nav.dose_ct"), "/dose/ct"}},
	}
	return v.show(pg, historyPage(v, d))
}

// amountOf says a value in its unit, as pages of dose do.
func (v *visit) amountOf(value float64, unit string) string {
	shown := unit
	switch unit {
	case "Gy.m2":
		value, shown = value*1e4, "Gy.cm2"
	case "Gy":
		value, shown = value*1e3, "mGy"
	case "s":
		value, shown = value/60, "min"
	}
	return v.p.Sig(value) + "\u00a0" + v.p.Unit(shown)
}

// besideWords says a value beside what is typical of such examinations.
func (v *visit) besideWords(a PersonAmount) string {
	text := v.p.T("quantity."+a.Quantity) + " " + v.amountOf(a.Value, a.Unit)
	if a.N == 0 {
		return text
	}
	return text + " (" + v.p.T("history.typical", lang.Args{"value": v.amountOf(a.Typical, a.Unit), "n": a.N}) + ")"
}

// historyLine draws the time line of examinations: a mark for each, by its year.
func (d PersonDoses) historyLine() (marks []historyMark, from, to int) {
	for _, x := range d.Examinations {
		if y := x.At.Year(); !x.At.IsZero() {
			if from == 0 || y < from {
				from = y
			}
			to = max(to, y)
		}
	}
	if from == 0 {
		return nil, 0, 0
	}
	begin := time.Date(from, 1, 1, 0, 0, 0, 0, time.UTC)
	whole := time.Date(to+1, 1, 1, 0, 0, 0, 0, time.UTC).Sub(begin)
	for _, x := range d.Examinations {
		if x.At.IsZero() {
			continue
		}
		share := float64(x.At.Sub(begin)) / float64(whole)
		marks = append(marks, historyMark{X: number(20 + int(960*min(1, max(0, share)))), Modality: x.Modality, Y: number(historyRows[x.Modality])})
	}
	return marks, from, to
}

// A historyMark is one examination on the time line.
type historyMark struct{ X, Y, Modality string }

// historyRows are where each modality stands on the time line.
var historyRows = map[string]int{"CT": 20, "RF": 40, "DX": 60, "MG": 80, "NM": 100}

// historyModalities are the modalities of a history, in the order of their rows.
func (d PersonDoses) historyModalities() (all []string) {
	for _, m := range []string{"CT", "RF", "DX", "MG", "NM"} {
		for _, x := range d.Examinations {
			if x.Modality == m {
				all = append(all, m)
				break
			}
		}
	}
	return all
}

// who says whose history it is, for those who may know.
func (d PersonDoses) who() string {
	return strings.Trim(strings.Join([]string{d.Name, d.Born}, ", "), ", ")
}
