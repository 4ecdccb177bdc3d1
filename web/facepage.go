package web

import (
	"math"
	"time"

	"github.com/a-h/templ"

	"radagora/fault"
	"radagora/web/face"
)

// facePage shows every component in all its states, with made-up data. It is
// for those who build pages and for the browser tests.
func (s *server) facePage(v *visit) error {
	return v.show(page{title: v.p.T("face.title"), lead: v.p.T("face.lead")}, faceBody(v))
}

// faceError shows the error page of a kind of error.
func (*server) faceError(v *visit) error {
	for _, k := range fault.Kinds() {
		if k.String() == v.r.PathValue("kind") {
			return fault.Errorf(k, "shown on purpose")
		}
	}
	if v.r.PathValue("kind") == "panic" {
		panic("shown on purpose")
	}
	return fault.Errorf(fault.NotFound, "no kind of error %q", v.r.PathValue("kind"))
}

// faceUnit and faceLevel are the made-up numbers of the page: round ones that
// resemble no official level.
const (
	faceUnit  = "mGy.cm"
	faceLevel = 1000
)

// faceStates are the glyphs of the page, one per shape, and one with the note.
func faceStates(v *visit) []face.Glyph {
	var all []face.Glyph
	for i, shape := range face.Shapes() {
		g := face.Glyph{Shape: shape, Reference: faceLevel, Ratio: true, N: 84, Name: v.p.T("face.level")}
		g.Value = []float64{820, 1240, 1060, 700, 910, 640}[i]
		if shape == face.DottedRing {
			g.N = 8
		} else {
			g.Low, g.High = g.Value*0.94, g.Value*1.07
		}
		if shape == face.LoneDot {
			g.Reference = 0
		}
		g.Sentence = v.p.T("face.sentence_" + faceCodes[i])
		all = append(all, g)
	}
	low := face.Glyph{Shape: face.FilledDot, Reference: faceLevel, Ratio: true, Value: 380, Low: 340, High: 430, LowCheck: true, N: 40, Sentence: v.p.T("face.sentence_low")}
	band := face.Glyph{Shape: face.FilledDot, Reference: 1000, Band: [2]float64{900, 1100}, Value: 960, Low: 930, High: 990, Ticks: []face.Tick{{Value: 850, Label: "A"}, {Value: 1180, Label: "B"}}, Min: 600, Max: 1400, Sentence: v.p.T("face.sentence_band")}
	far := face.Glyph{Shape: face.HalfDot, Reference: faceLevel, Ratio: true, Value: 3600, Low: 800, High: 5000, Sentence: v.p.T("face.sentence_far")}
	return append(all, low, band, far)
}

// faceCodes name the states of the page, in the order of face.Shapes.
var faceCodes = []string{"within", "above", "unsure", "uncompared", "few", "none"}

// wave makes numbers that look like measurements and are always the same.
func wave(i int, base, amplitude float64) float64 {
	return base + amplitude*math.Sin(float64(i)*1.7) + amplitude/2*math.Sin(float64(i)*0.63)
}

// faceSpread is a distribution of three rooms, one of them with a histogram.
func faceSpread(v *visit) face.Distribution {
	d := face.Distribution{
		Chart:    face.Chart{ID: "face-spread", Title: v.p.T("face.spread"), Text: v.p.T("dose.spread_text"), CSV: "/face", Picture: "/face"},
		Quantity: v.p.T("quantity.dlp"), Unit: faceUnit, Log: true,
		References: []face.Reference{{Value: faceLevel, Name: v.p.T("face.level")}, {Value: 800, Name: v.p.T("face.level_other"), Minor: true}},
	}
	for i, median := range []float64{820, 1180, 640} {
		g := face.Group{
			Label: v.p.T("face.room") + " " + string(rune('A'+i)), Colour: i, N: 60 + 24*i, Median: median,
			P05: median * 0.55, Q1: median * 0.84, Q3: median * 1.22, P95: median * 1.8,
		}
		for k := range g.N {
			factor := math.Exp(0.36 * wave(k*3+i, 0, 1))
			g.Points = append(g.Points, median*factor)
		}
		if i == 2 {
			g.Points = nil
			for k := range 12 {
				from := median * (0.45 + 0.12*float64(k))
				g.Bins = append(g.Bins, face.Bin{From: from, To: from + median*0.12, Count: int(40 * math.Exp(-math.Pow(float64(k)-4.4, 2)/8))})
			}
		}
		d.Groups = append(d.Groups, g)
	}
	return d
}

// faceTrend is a trend with a gap, a change of level and markers.
func faceTrend(v *visit) face.Trend {
	from := time.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC)
	t := face.Trend{
		Chart:    face.Chart{ID: "face-trend", Title: v.p.T("face.trend"), Text: v.p.T("dose.trend_text"), CSV: "/face", Picture: "/face"},
		Quantity: v.p.T("quantity.dlp"), Unit: faceUnit, From: from, Months: 18,
		Levels: []face.Span{
			{Value: 1200, Name: v.p.T("face.level_before"), From: from.AddDate(-1, 0, 0), To: from.AddDate(0, 9, 0)},
			{Value: faceLevel, Name: v.p.T("face.level"), From: from.AddDate(0, 9, 0)},
		},
		Markers: []face.Marker{{At: from.AddDate(0, 4, 11), Label: v.p.T("face.marker_software")}, {At: from.AddDate(0, 9, 0), Label: v.p.T("face.marker_level")}},
		Gaps:    []face.Gap{{From: from.AddDate(0, 12, 0), To: from.AddDate(0, 14, 0), Label: v.p.T("dose.gap")}},
		Limits:  &face.Limits{Low: 620, High: 1060, Name: v.p.T("face.limits")},
	}
	for i, median := range []float64{820, 1120} {
		line := face.Series{Label: v.p.T("face.room") + " " + string(rune('A'+i)), Colour: i}
		for m := range t.Months {
			if m == 12 || m == 13 {
				continue
			}
			value := wave(m+5*i, median, 50)
			line.Points = append(line.Points, face.Point{
				Month: from.AddDate(0, m, 0), N: 30 + m, Value: value, Low: value * 0.94, High: value * 1.06, Sentence: v.p.Quantity(value, faceUnit),
			})
		}
		t.Series = append(t.Series, line)
	}
	return t
}

// faceTable is a table with one row per shape.
func faceTable(v *visit) face.Table {
	t := face.Table{
		ID: "face-rows", Caption: v.p.T("face.table"), Next: "/face",
		Columns: []face.Column{
			{Label: v.p.T("dose.col_exam"), Phone: face.Name, Sort: "/face?sort=exam", Sorted: face.Ascending},
			{Label: "n", Numeric: true, Sort: "/face?sort=n"},
			{Label: v.p.T("chart.median"), Hint: v.p.T("dose.hint_median"), Numeric: true, Phone: face.Beside},
			{Label: v.p.T("dose.col_glyph"), Phone: face.Drawn},
			{Label: v.p.T("dose.col_state")},
		},
	}
	for i, g := range faceStates(v)[:6] {
		id := "r" + faceCodes[i]
		t.Rows = append(t.Rows, face.Row{
			ID: id, Href: v.here().with("open", id).String(), Open: v.here().query.Get("open") == id,
			Cells: []templ.Component{
				face.Words(v.p.T("face.row")+" "+string(rune('A'+i)), v.p.T("face.room")), face.Words(v.p.Count(int64(g.N)), ""),
				face.Words(v.p.Sig(g.Value), v.p.Unit(faceUnit)), face.Mark(g),
				face.StateWord(face.State{Word: v.p.T("face.word_" + faceCodes[i]), Shape: g.Shape}),
			},
		})
	}
	return t
}

// faceFindings are two findings, one of them with a refused form.
func faceFindings(v *visit) ([]face.Finding, face.FindingForm) {
	states := faceStates(v)
	day := time.Date(2030, time.June, 3, 9, 20, 0, 0, time.UTC)
	open := face.Choice{Code: "open", Label: v.p.T("finding.state_open")}
	form := v.findingForm([]face.Choice{{Code: "p1", Label: v.p.T("face.person")}}, v.here(), nil)
	form.Wrong, form.Errors = "two", map[string]string{"note": v.p.T("finding.needs_note")}
	return []face.Finding{
		{ID: "one", Title: v.p.T("face.row") + " B", Sentence: states[1].Sentence, Glyph: states[1], State: open, Due: day, Overdue: true, Href: "/face"},
		{
			ID: "two", Title: v.p.T("face.row") + " C", Sentence: states[2].Sentence, Glyph: states[2],
			State: face.Choice{Code: "in_work", Label: v.p.T("finding.state_in_work")}, Owner: face.Choice{Code: "p1", Label: v.p.T("face.person")}, Due: day.AddDate(0, 1, 0),
			Note: v.p.T("face.note"), Changes: []face.Change{{At: day, Who: v.p.T("face.person"), What: v.p.T("finding.state_in_work")}},
		},
		{ID: "three", Title: v.p.T("face.row") + " A", Sentence: states[0].Sentence, Glyph: states[0], Settled: true, State: face.Choice{Code: "withdrawn", Label: v.p.T("finding.state_withdrawn")}},
	}, form
}
