package web

import (
	"strings"

	"radagora/lang"
	"radagora/web/face"
)

// sentence says how a row stands to its reference, so that it can be quoted.
func (v *visit) sentence(r DoseRow) string {
	p := v.p
	a := lang.Args{
		"quantity": p.T("quantity." + r.Quantity), "value": p.Quantity(r.Median, r.Unit), "n": r.N,
		"low": p.Sig(r.Low), "high": p.Sig(r.High), "state": r.State.Word,
	}
	if r.N == 0 {
		return p.T("dose.sentence_none", a)
	}
	key := "dose.sentence_median"
	if r.High > r.Low {
		key = "dose.sentence_interval"
	}
	parts := []string{p.T(key, a)}
	if r.compared() {
		parts[0] += ", " + v.levelName(*r.Level)
	}
	parts[0] += p.T("dose.sentence_state", a)
	for _, n := range r.Notes {
		parts = append(parts, p.T("dose.sentence_note", lang.Args{"note": n.Word}))
	}
	if r.KnownBy == "assumed" {
		parts = append(parts, p.T("dose.sentence_assumed", lang.Args{"indication": r.Indication}))
	}
	if r.Basis == "corrected" {
		parts = append(parts, p.T("dose.sentence_corrected"))
	}
	return strings.Join(parts, " ")
}

// levelName quotes a level: its value, its set and what for.
func (v *visit) levelName(l Level) string {
	set := l.Set
	if l.Indication != "" {
		set += ", " + l.Indication
	}
	if l.Demonstration {
		set += ", " + v.p.T("dose.demonstration")
	}
	return v.p.T("dose.level_name", lang.Args{"level": v.p.Plain(l.Value), "set": set})
}

// levelShort names a level on a chart.
func (v *visit) levelShort(l Level) string {
	return v.p.T("dose.level_short", lang.Args{"level": v.p.Plain(l.Value), "set": l.Set})
}

// glyph draws a row. In a table all glyphs have the ratio to their level as
// their scale, so that the reference lines stand below one another.
func (v *visit) glyph(r DoseRow) face.Glyph {
	g := face.Glyph{
		Value: r.Median, Low: r.Low, High: r.High, N: r.N,
		Shape: r.State.Shape, Ratio: true, Sentence: v.sentence(r),
	}
	if r.Level != nil {
		g.Reference, g.Name = r.Level.Value, v.levelName(*r.Level)
	}
	for _, l := range r.Others {
		g.Ticks = append(g.Ticks, face.Tick{Value: l.Value, Label: v.levelName(l)})
	}
	for _, n := range r.Notes {
		if n.Code == "low_check" {
			g.LowCheck = true
		}
	}
	return g
}

// word returns the catalogue's word for a code, or the code where it has none:
// rooms may know reasons and origins that this page does not.
func (v *visit) word(prefix, code string, args ...lang.Args) string {
	if v.p.Has(prefix + code) {
		return v.p.T(prefix+code, args...)
	}
	return code
}

// excluded says what a row leaves out.
func (v *visit) excluded(r DoseRow) string {
	parts := make([]string, 0, len(r.Excluded))
	for _, e := range r.Excluded {
		parts = append(parts, v.word("excluded.", e.Reason, lang.Args{"n": e.N}))
	}
	return strings.Join(parts, ", ")
}

// excludedTotal counts what a row leaves out.
func excludedTotal(r DoseRow) int {
	n := 0
	for _, e := range r.Excluded {
		n += e.N
	}
	return n
}

// spread makes the distribution chart.
func (v *visit) spread(c DoseCharts, here address) face.Distribution {
	d := face.Distribution{
		Chart: face.Chart{
			ID: "spread", Title: v.p.T("dose.spread_of", lang.Args{"what": c.Label}), Text: v.p.T("dose.spread_text"),
			CSV:     here.at("/dose/ct/export").with("part", string(ExportSpread)).with("format", string(CSV)).String(),
			Picture: here.at("/dose/ct/picture").with("part", string(ExportSpread)).String(),
		},
		Quantity: v.p.T("quantity." + c.Quantity), Unit: c.Unit, Log: true,
	}
	for _, r := range c.Rooms {
		d.Groups = append(d.Groups, face.Group{
			Label: r.Room.Name, Colour: r.Room.Colour, N: r.N,
			P05: r.P05, Q1: r.Q1, Median: r.Median, Q3: r.Q3, P95: r.P95, Points: r.Points,
			Sentence: v.p.T("dose.spread_point", lang.Args{
				"room": r.Room.Name, "n": r.N, "median": v.p.Quantity(r.Median, c.Unit), "low": v.p.Sig(r.Q1), "high": v.p.Sig(r.Q3),
			}),
		})
	}
	if n := len(c.Levels); n > 0 {
		d.References = append(d.References, face.Reference{Value: c.Levels[n-1].Value, Name: v.levelShort(c.Levels[n-1])})
	}
	for _, l := range c.Others {
		d.References = append(d.References, face.Reference{Value: l.Value, Name: v.levelShort(l), Minor: true})
	}
	return d
}

// course makes the trend chart.
func (v *visit) course(c DoseCharts, here address) face.Trend {
	t := face.Trend{
		Chart: face.Chart{
			ID: "trend", Title: v.p.T("dose.trend_of", lang.Args{"what": c.Label}), Text: v.p.T("dose.trend_text"),
			CSV:     here.at("/dose/ct/export").with("part", string(ExportTrend)).with("format", string(CSV)).String(),
			Picture: here.at("/dose/ct/picture").with("part", string(ExportTrend)).String(),
		},
		Quantity: v.p.T("quantity." + c.Quantity), Unit: c.Unit, From: c.From, Months: c.Months,
	}
	for _, r := range c.Rooms {
		line := face.Series{Label: r.Room.Name, Colour: r.Room.Colour}
		for _, m := range r.Months {
			line.Points = append(line.Points, face.Point{
				Month: m.Month, N: m.N, Value: m.Median, Low: m.Low, High: m.High,
				Sentence: v.p.T("dose.trend_point", lang.Args{
					"room": r.Room.Name, "month": v.p.Month(m.Month), "n": m.N, "median": v.p.Quantity(m.Median, c.Unit),
				}),
			})
		}
		t.Series = append(t.Series, line)
	}
	for _, l := range c.Levels {
		t.Levels = append(t.Levels, face.Span{Value: l.Value, Name: v.levelShort(l), From: l.From, To: l.To})
	}
	for _, m := range c.Markers {
		t.Markers = append(t.Markers, face.Marker{At: m.At, Label: v.p.Say(m.What), Href: m.Href})
	}
	for _, g := range c.Gaps {
		label := v.p.T("dose.gap")
		if g.Room != "" {
			label = v.p.T("dose.gap_room", lang.Args{"room": g.Room})
		}
		t.Gaps = append(t.Gaps, face.Gap{From: g.From, To: g.To, Label: label})
	}
	return t
}
