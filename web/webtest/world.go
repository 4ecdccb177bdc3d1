package webtest

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"radagora/fault"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A World is the made-up installation. Empty is one to which nothing has come.
type World struct {
	Empty   bool
	Loading bool // the demonstration is being loaded
	Broken  bool // the rooms of doses answer with an error

	mu       sync.Mutex
	findings []web.DoseFinding
	names    []web.LocalName
	undo     []web.LocalName
	waiting  map[string]bool    // ids of names that wait for a second person
	alone    *web.AloneDecision // nil: two decide
	rooms    []web.Room
	arrived  int
	changed  []chan struct{}
}

// word picks a word for a language.
func word(language, en, de, fr string) string {
	switch language {
	case "de":
		return de
	case "fr":
		return fr
	}
	return en
}

// A group is a made-up examination with its indication.
type group struct {
	code, en, de, fr string
	indEN, indDE     string
	indFR, knownBy   string
	level            float64
}

// groups are the made-up examinations. Levels are powers and multiples of 250,
// so that nobody takes one for an official number.
var groups = []group{
	{"X_HEAD", "Example head", "Beispiel Kopf", "Exemple tête", "Example stroke", "Beispiel Schlaganfall", "Exemple AVC", "order", 1250},
	{"X_HEAD", "Example head", "Beispiel Kopf", "Exemple tête", "Example injury", "Beispiel Verletzung", "Exemple traumatisme", "assumed", 1250},
	{"X_CHEST", "Example chest", "Beispiel Thorax", "Exemple thorax", "Example embolism", "Beispiel Embolie", "Exemple embolie", "protocol", 250},
	{"X_ABDOMEN", "Example abdomen and pelvis", "Beispiel Abdomen und Becken", "Exemple abdomen et pelvis", "Example follow-up", "Beispiel Verlaufskontrolle", "Exemple suivi", "protocol", 750},
	{"X_SPINE", "Example spine", "Beispiel Wirbelsäule", "Exemple rachis", "", "", "", "", 0},
}

// exam returns the examination as a choice.
func (g group) exam(language string) face.Choice {
	return face.Choice{Code: g.code, Label: word(language, g.en, g.de, g.fr)}
}

// indication returns the indication's name.
func (g group) indication(language string) string { return word(language, g.indEN, g.indDE, g.indFR) }

// roomRefs are the made-up rooms.
var roomRefs = []web.RoomRef{{ID: "ct1", Name: "CT 1", Colour: 0}, {ID: "ct2", Name: "CT 2", Colour: 1}, {ID: "ct3", Name: "CT 3 Annex", Colour: 2}}

// states are the words of the made-up content.
var states = map[string][3]string{
	"no_level":          {"no official level loaded", "kein amtlicher Wert geladen", "pas de niveau officiel chargé"},
	"not_compared":      {"not compared", "nicht verglichen", "non comparé"},
	"too_few":           {"too few", "zu wenige", "trop peu"},
	"at_or_below":       {"at or below", "erreicht oder unterschritten", "égal ou inférieur"},
	"above_not_certain": {"above, not certain", "überschritten, nicht gesichert", "supérieur, non certain"},
	"above_certain":     {"above, certain", "überschritten, gesichert", "supérieur, certain"},
	"low_check":         {"low, check image quality", "niedrig, Bildqualität prüfen", "bas, vérifier la qualité d’image"},
}

// shapes are the shapes of the states.
var shapes = map[string]face.Shape{
	"no_level": face.LoneDot, "not_compared": face.Dash, "too_few": face.DottedRing, "at_or_below": face.FilledDot,
	"above_not_certain": face.HalfDot, "above_certain": face.ArrowRing, "low_check": face.FilledDot,
}

// state returns a state in a language.
func state(language, code string) face.State {
	w := states[code]
	return face.State{Code: code, Word: word(language, w[0], w[1], w[2]), Shape: shapes[code]}
}

// levelIn returns the made-up level of a group.
func (g group) levelIn(language string) *web.Level {
	if g.level == 0 {
		return nil
	}
	return &web.Level{
		Value: g.level, Set: word(language, "Example set", "Beispielsatz", "Jeu exemple"), SetID: "example-levels-2030", Edition: "2030",
		Indication: g.indication(language), Statistic: word(language, "made up", "erfunden", "inventé"), Source: word(language, "no source: made up", "keine Quelle: erfunden", "sans source : inventé"),
		MinN: 20, From: time.Date(2030, time.September, 1, 0, 0, 0, 0, zone), Demonstration: true,
	}
}

// A spec says how a row of the table looks.
type spec struct {
	group, room, n int
	factor, width  float64
	state, note    string
	multi, unknown int
}

// specs are the rows: one for each state, with the marks that can occur.
var specs = []spec{
	{group: 0, room: 0, n: 184, factor: 0.83, width: 0.04, state: "at_or_below"},
	{group: 0, room: 1, n: 96, factor: 1.24, width: 0.06, state: "above_certain", multi: 6},
	{group: 0, room: 2, n: 58, factor: 1.04, width: 0.09, state: "above_not_certain", unknown: 21},
	{group: 1, room: 0, n: 341, factor: 0.92, width: 0.03, state: "not_compared"},
	{group: 2, room: 0, n: 122, factor: 0.71, width: 0.05, state: "at_or_below"},
	{group: 2, room: 1, n: 8, factor: 1.1, width: 0, state: "too_few"},
	{group: 2, room: 2, n: 77, factor: 0.41, width: 0.05, state: "at_or_below", note: "low_check"},
	{group: 3, room: 0, n: 266, factor: 0.97, width: 0.05, state: "at_or_below", multi: 14},
	{group: 3, room: 1, n: 201, factor: 1.03, width: 0.02, state: "above_certain"},
	{group: 3, room: 2, n: 40, factor: 0.88, width: 0.1, state: "at_or_below", unknown: 40},
	{group: 4, room: 0, n: 63, factor: 1, width: 0.08, state: "no_level"},
}

// row makes a row of a spec.
func (s spec) row(i int, language string) web.DoseRow {
	g := groups[s.group]
	base := g.level
	if base == 0 {
		base = 500
	}
	m := base * s.factor
	r := web.DoseRow{
		ID: fmt.Sprintf("r%d", i), Key: fmt.Sprintf("g%d", s.group), Room: roomRefs[s.room], Exam: g.exam(language),
		Indication: g.indication(language), KnownBy: g.knownBy, Size: word(language, "adult, 50–90 kg", "erwachsen, 50–90 kg", "adulte, 50–90 kg"),
		SizeNote: s.unknown, Quantity: "dlp", Unit: "mGy.cm", Basis: "reported",
		N: s.n, Median: m, Q1: m * 0.81, Q3: m * 1.26, State: state(language, s.state), Level: g.levelIn(language),
	}
	if s.width > 0 {
		r.Low, r.High = m*(1-s.width), m*(1+s.width*1.1)
	}
	if s.note != "" {
		r.Notes = []face.State{state(language, s.note)}
	}
	if s.multi > 0 {
		r.Excluded = append(r.Excluded, web.Excluded{Reason: "multi_region", N: s.multi}, web.Excluded{Reason: "not_patient", N: 2})
	}
	if r.Level != nil {
		other := *r.Level
		other.Value, other.Set, other.SetID = g.level*0.8, word(language, "Example peers", "Beispielvergleich", "Pairs exemple"), "example-peers"
		r.Others = []web.Level{other}
	}
	if s.state == "above_certain" || s.note != "" {
		r.Finding = fmt.Sprintf("f%d", i)
	}
	return r
}

// rows returns the rows a query lets through.
func (w *World) rows(q web.DoseQuery) []web.DoseRow {
	var all []web.DoseRow
	if w.Empty {
		return nil
	}
	for i, s := range specs {
		r := s.row(i, q.Language)
		if (q.Room == "" || q.Room == r.Room.ID) && (q.Exam == "" || q.Exam == r.Exam.Code) && q.Size != "child" {
			all = append(all, r)
		}
	}
	return all
}

// Today implements web.Today.
func (w *World) Today(_ context.Context, _ web.Person, language string) (web.TodayPage, error) {
	if w.Empty {
		return web.TodayPage{}, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	day := web.TodayPage{Started: true, Last: Now().Add(-7 * time.Minute), LastDay: 412, Refused: 3, Tiles: w.tiles()}
	for _, f := range w.findings {
		if f.Row == nil || f.State == "closed" || f.State == "withdrawn" {
			continue
		}
		r := specs[rowIndex(f.Row.ID)].row(rowIndex(f.Row.ID), language)
		day.Tasks = append(day.Tasks, web.Task{
			What: lang.Msg("dose.row", lang.Args{"room": r.Room.Name, "exam": r.Exam.Label}), Row: &r,
			Until: f.Due, Overdue: f.Overdue, Do: lang.Msg("dose.see_finding"), Path: "/dose/ct#finding-" + f.ID,
		})
	}
	day.Tasks = append(day.Tasks, web.Task{
		What: lang.Msg("mapping.waiting", lang.Args{"n": len(w.names)}), Why: lang.Msg("mapping.lead"), Do: lang.Msg("nav.mapping"), Path: "/dose/mapping",
	})
	if w.Loading {
		day.Work = []web.Work{*loading()}
	}
	return day, nil
}

// tiles are the headline values of Today and the dose page.
func (w *World) tiles() []web.Headline {
	return []web.Headline{
		{Label: lang.Msg("dose.levels"), Value: 2, Whole: true, Shape: face.ArrowRing, Reference: lang.Msg("dose.rows", lang.Args{"n": 9}), Basis: lang.Msg("mapping.period"), Path: "/dose/ct"},
		{Label: lang.Msg("dose.examinations"), Value: 1456, Whole: true, Basis: lang.Msg("mapping.period"), Path: "/dose/ct"},
		{Label: lang.Msg("mapping.share"), Value: 0.934, Share: true, Reference: lang.Msg("mapping.waiting", lang.Args{"n": len(w.names)}), Basis: lang.Msg("mapping.period"), Path: "/dose/mapping"},
		{Label: lang.Msg("knownby.share_assumed"), Value: 0.234, Share: true, Basis: lang.Msg("mapping.period"), Path: "/dose/mapping"},
	}
}

// loading is the demonstration on its way.
func loading() *web.Work {
	return &web.Work{What: lang.Msg("done.demo"), Done: 7421, Total: 20318, Cancel: "/start/cancel"}
}

// rowIndex returns the index in specs for a row's id.
func rowIndex(id string) int {
	i := 0
	if _, err := fmt.Sscanf(id, "r%d", &i); err != nil || i < 0 || i >= len(specs) {
		return -1
	}
	return i
}

// Page implements web.DoseCT.
func (w *World) Page(_ context.Context, q web.DoseQuery) (web.DosePage, error) {
	p := web.DosePage{
		From: time.Date(2030, time.March, 1, 0, 0, 0, 0, zone), To: time.Date(2031, time.March, 1, 0, 0, 0, 0, zone),
		Period: "12m", Started: !w.Empty, Rows: w.rows(q),
		Periods: []face.Choice{{Code: "12m", Label: word(q.Language, "last 12 months", "letzte 12 Monate", "12 derniers mois")}, {Code: "2030", Label: "2030"}},
		Sizes:   []face.Choice{{Code: "adult", Label: word(q.Language, "adult, 50–90 kg", "erwachsen, 50–90 kg", "adulte, 50–90 kg")}, {Code: "child", Label: word(q.Language, "child", "Kind", "enfant")}},
		People:  []face.Choice{{Code: "p1", Label: "Person One"}, {Code: "p2", Label: "Person Two"}},
		Tiles:   w.tiles(),
		Sets: []web.SetUse{
			{ID: "example-levels-2030", Title: word(q.Language, "Example levels", "Beispielwerte", "Niveaux exemples"), Edition: "2030", Licence: "CC0-1.0", Status: "approved", Demonstration: true},
			{ID: "example-peers", Title: word(q.Language, "Example peers", "Beispielvergleich", "Pairs exemple"), Edition: "2029", Licence: "CC0-1.0", Status: "draft", Demonstration: true},
		},
	}
	for _, r := range roomRefs {
		p.Rooms = append(p.Rooms, face.Choice{Code: r.ID, Label: r.Name})
	}
	for _, g := range groups {
		if c := g.exam(q.Language); !slices.Contains(p.Exams, c) {
			p.Exams = append(p.Exams, c)
		}
	}
	if len(p.Rows) > 0 {
		p.Charts = charts(q)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.findings {
		if f.Row != nil {
			r := specs[rowIndex(f.Row.ID)].row(rowIndex(f.Row.ID), q.Language)
			f.Row = &r
		}
		p.Findings = append(p.Findings, f)
	}
	if w.Empty {
		p.Findings = nil
	}
	if w.Loading {
		p.Work = []web.Work{*loading()}
	}
	return p, nil
}

// noise is a made-up spread around 1, always the same for the same i.
func noise(i int, width float64) float64 {
	x := math.Sin(float64(i)*12.9898) * 43758.5453
	_, a := math.Modf(math.Abs(x))
	y := math.Sin(float64(i)*78.233) * 12543.123
	_, b := math.Modf(math.Abs(y))
	return math.Exp(width * (a + b - 1) * 2.2)
}

// charts makes the numbers of the charts of a group.
func charts(q web.DoseQuery) *web.DoseCharts {
	at := 0
	if _, err := fmt.Sscanf(q.Chart, "g%d", &at); err != nil || at < 0 || at >= len(groups) {
		at = 0
	}
	c := &web.DoseCharts{Key: fmt.Sprintf("g%d", at), Quantity: "dlp", Unit: "mGy.cm", From: time.Date(2029, time.September, 1, 0, 0, 0, 0, zone), Months: 18}
	for i, g := range groups {
		label := g.exam(q.Language).Label
		if ind := g.indication(q.Language); ind != "" {
			label += ", " + ind
		}
		c.Groups = append(c.Groups, face.Choice{Code: fmt.Sprintf("g%d", i), Label: label})
		if i == at {
			c.Label = label
		}
	}
	if l := groups[at].levelIn(q.Language); l != nil {
		old := *l
		old.Value, old.From, old.To = l.Value*1.2, time.Date(2020, time.January, 1, 0, 0, 0, 0, zone), l.From
		c.Levels = []web.Level{old, *l}
	}
	for i, s := range specs {
		if s.group == at {
			c.Rooms = append(c.Rooms, course(i, s))
		}
	}
	c.Markers = []web.DoseMarker{{At: time.Date(2030, time.May, 14, 0, 0, 0, 0, zone), What: lang.Msg("face.marker_software")}, {At: time.Date(2030, time.September, 1, 0, 0, 0, 0, zone), What: lang.Msg("face.marker_level")}}
	if at == 0 {
		c.Gaps = []web.DoseGap{{From: time.Date(2030, time.January, 1, 0, 0, 0, 0, zone), To: time.Date(2030, time.April, 1, 0, 0, 0, 0, zone), Room: roomRefs[2].Name}}
	}
	return c
}

// course makes one room of the charts.
func course(i int, s spec) web.DoseCourse {
	r := s.row(i, "en")
	d := web.DoseCourse{Room: r.Room, N: r.N, Median: r.Median, Q1: r.Q1, Q3: r.Q3, P05: r.Median * 0.52, P95: r.Median * 1.95}
	for k := range min(r.N, 240) {
		d.Points = append(d.Points, r.Median*noise(k+i*1000, 0.36))
	}
	from := time.Date(2029, time.September, 1, 0, 0, 0, 0, zone)
	for m := range 18 {
		if i == 2 && m >= 4 && m < 7 {
			continue
		}
		drift := 1.0
		if i == 1 {
			drift = 0.86 + 0.014*float64(m)
		}
		v := r.Median * drift * noise(m+i*77, 0.05)
		d.Months = append(d.Months, web.DoseMonth{Month: from.AddDate(0, m, 0), N: max(3, r.N/12), Median: v, Low: v * 0.93, High: v * 1.08})
	}
	return d
}

// Export implements web.DoseCT.
func (w *World) Export(_ context.Context, out io.Writer, q web.DoseQuery, part web.ExportPart, format web.ExportFormat) error {
	if format != web.CSV || part != web.ExportTable {
		return fault.Errorf(fault.Unsupported, "the made-up installation writes only the table as CSV")
	}
	fmt.Fprintln(out, "room,exam_code,n,median_mgycm,state")
	for _, r := range w.rows(q) {
		fmt.Fprintf(out, "%s,%s,%d,%g,%s\n", r.Room.ID, r.Exam.Code, r.N, r.Median, r.State.Code)
	}
	return nil
}
