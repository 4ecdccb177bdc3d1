package dose

import (
	"cmp"
	"slices"

	"radagora/content"
	"radagora/fault"
	"radagora/ucum"
)

// A Measure is what a level limits: the code of the content set dose/quantity.
type Measure string

// The measures that CT levels are stated in.
const (
	MeasureCTDIvol Measure = "ctdivol" // mGy
	MeasureDLP     Measure = "dlp"     // mGy.cm
)

// A Group is a size group of patients as a level defines it: half-open bounds
// on weight or age. Without bounds it is the adults.
type Group struct {
	Name     string  // as the set calls it
	Kind     string  // "weight_kg", "age_months", or "" for adults without bounds
	Min, Max float64 // Min included, Max not
	HasMax   bool
}

// Adult reports whether g is the adults, without bounds.
func (g Group) Adult() bool { return g.Kind == "" }

// same reports whether g and h have the same bounds; sets call groups as they like.
func (g Group) same(h Group) bool {
	return g.Kind == h.Kind && g.Min == h.Min && g.Max == h.Max && g.HasMax == h.HasMax
}

// A Level is one diagnostic reference level.
type Level struct {
	Set       content.Ref
	Title     string // of the set
	Country   string
	Official  bool // may be called a national or European level
	Checked   bool // somebody compared it with its source
	Role      string
	Exam      string // code in dose/exam
	Indicated string // code in dose/indication, "" if the set names none
	Group     Group
	Measure   Measure
	Per       string  // "examination", "sequence", or "" where the set does not say
	Value     float64 // in the unit in which the program stores the measure
	Unit      string  // that unit, in UCUM
	Stated    string  // the value and unit as in the set
	Phantom   string  // "head16", "body32", or "" where the set does not say
	Statistic string  // what the level is, such as the 75th percentile of medians
	MinN      int     // 0 if the set does not say
	Valid     content.Span
	ReviewDue content.Date
	Source    string
	Note      string
}

// Covers reports whether the level is valid on a day of the form 2006-01-02.
func (l *Level) Covers(day string) bool { return l.Valid.Covers(day) }

// Guide reports whether the level is a median-type guide value and no reference
// level.
func (l *Level) Guide() bool { return l.Role == "guide" }

// A quantity is a row of dose/quantity.
type quantity struct {
	measure Measure
	per     string
	unit    string
}

// Levels reads all levels that a site's content holds, in the order of set and row.
func Levels(library *content.Library, site string) ([]Level, error) {
	quantities, err := quantities(library, site)
	if err != nil {
		return nil, err
	}
	var all []Level
	for _, set := range library.OfKind(site, "levels") {
		table, err := set.Table("levels")
		if err != nil {
			return nil, err
		}
		for row := range table.All() {
			l, err := level(set, row, quantities)
			if err != nil {
				return nil, fault.Errorf(fault.Invalid, "content set %s, line %d: %w", set.Ref().ID, row.Line(), err)
			}
			all = append(all, l)
		}
	}
	return all, nil
}

// quantities reads what the quantities of levels mean.
func quantities(library *content.Library, site string) (map[string]quantity, error) {
	table, err := library.Table(site, "dose/quantity", "quantities")
	if err != nil {
		return nil, err
	}
	all := map[string]quantity{}
	for row := range table.All() {
		all[row.Text("quantity")] = quantity{Measure(row.Text("measure")), row.Text("per"), row.Text("unit")}
	}
	return all, nil
}

// level makes a Level of a row.
func level(set *content.Set, row *content.Row, quantities map[string]quantity) (Level, error) {
	q, ok := quantities[row.Text("quantity")]
	if !ok {
		return Level{}, fault.Errorf(fault.Invalid, "unknown quantity")
	}
	value, err := stored(row.Text("value"), row.Text("unit"), q.unit)
	if err != nil {
		return Level{}, err
	}
	l := Level{
		Set: set.Ref(), Title: set.Title, Country: row.Text("country"),
		Official: row.Yes("show_as_official"), Checked: set.CheckedBy != "", Role: row.Text("role"),
		Exam: row.Text("exam_code"), Indicated: row.Text("indication_code"),
		Group:   Group{Name: row.Text("patient_group"), Kind: row.Text("size_kind")},
		Measure: q.measure, Per: q.per, Value: value, Unit: q.unit,
		Stated: row.Text("value") + " " + row.Text("unit"), Phantom: row.Text("phantom"),
		Statistic: row.Text("statistic"), Valid: row.Span("valid_from", "valid_to"),
		ReviewDue: row.Date("review_due"), Source: row.Text("source"), Note: row.Text("note"),
	}
	l.MinN, _ = row.Int("min_n")
	l.Group.Min, _ = row.Number("size_min")
	l.Group.Max, l.Group.HasMax = row.Number("size_max")
	return l, row.Err()
}

// stored converts the value of a level into the unit that the program stores.
func stored(value, from, to string) (float64, error) {
	d, err := ucum.ParseDecimal(value)
	if err != nil {
		return 0, err
	}
	a, err := ucum.Parse(from)
	if err != nil {
		return 0, err
	}
	b, err := ucum.Parse(to)
	if err != nil {
		return 0, err
	}
	d, err = ucum.Convert(d, a, b)
	return d.Float(), err
}

// A Governing is a decision of a named person that a set makes states, findings
// and cases at a site: for one examination, or for all that it has levels for.
type Governing struct {
	ID        string
	Site      string
	Set       string // id of the content set
	Exam      string // code in dose/exam; "" for all
	From, To  string // days, To is the last one and "" while it lasts
	DecidedBy string
	DecidedAt int64 // Unix milliseconds
	Note      string
}

// covers reports whether the decision holds for an examination on a day.
func (g *Governing) covers(set, exam, day string) bool {
	return g.Set == set && (g.Exam == "" || g.Exam == exam) && g.From <= day && (g.To == "" || day <= g.To)
}

// A Subject is what a level is looked for.
type Subject struct {
	Exam, Indication string
	Group            Group
	Measure          Measure
	Day              string // levels valid on this day: the last one of a period
}

// A Reference is what stands beside a typical value: the governing level, if
// there is one, and all other levels of the same subject as ticks.
type Reference struct {
	Governing *Level
	Guide     *Level // a median-type guide value of the governing set
	// Other says that a governing level exists for the examination, but needs
	// an indication that the subject does not have.
	Other bool
	Ticks []*Level
}

// Refer looks up what stands beside a subject. Levels that name no indication
// fit any; one that names another indication than the subject's is no match and
// only noted in Other.
func Refer(levels []Level, decisions []Governing, s Subject) Reference {
	var r Reference
	for i := range levels {
		l := &levels[i]
		if l.Exam != s.Exam || l.Measure != s.Measure || !l.Group.same(s.Group) || !l.Covers(s.Day) {
			continue
		}
		governs := slices.ContainsFunc(decisions, func(g Governing) bool { return g.covers(l.Set.ID, l.Exam, s.Day) })
		fits := l.Indicated == "" || l.Indicated == s.Indication
		switch {
		case !fits:
			r.Other = r.Other || governs && !l.Guide()
		case governs && l.Guide():
			r.Guide = l
		case governs && (r.Governing == nil || r.Governing.Indicated == ""):
			// The level for the very indication goes before one for all.
			r.Governing = l
		case !governs:
			r.Ticks = append(r.Ticks, l)
		}
	}
	slices.SortStableFunc(r.Ticks, func(a, b *Level) int { return cmp.Compare(a.Set.ID, b.Set.ID) })
	return r
}

// Overlapping returns an error of kind Conflict if two decisions of a site would
// let two sets govern one examination, indication and size group on one day.
func Overlapping(levels []Level, decisions []Governing) error {
	for i, a := range decisions {
		for _, b := range decisions[:i] {
			sameTime := (a.To == "" || b.From <= a.To) && (b.To == "" || a.From <= b.To)
			if a.Site != b.Site || a.Set == b.Set || !sameTime {
				continue
			}
			if exam, ok := common(levels, a, b); ok {
				return fault.Errorf(fault.Conflict, "%s and %s would both govern %s from %s on: end the one before the other begins",
					b.Set, a.Set, exam, max(a.From, b.From))
			}
		}
	}
	return nil
}

// common returns an examination for which both decisions bring a level of the
// same indication, group and measure.
func common(levels []Level, a, b Governing) (exam string, ok bool) {
	type subject struct {
		exam, indication, role string
		group                  Group
		measure                Measure
	}
	day := max(a.From, b.From)
	of := func(g Governing) map[subject]bool {
		all := map[subject]bool{}
		for i := range levels {
			if l := &levels[i]; g.covers(l.Set.ID, l.Exam, day) && l.Covers(day) {
				all[subject{l.Exam, l.Indicated, l.Role, l.Group, l.Measure}] = true
			}
		}
		return all
	}
	other := of(b)
	for s := range of(a) {
		if other[s] {
			return s.exam, true
		}
	}
	return "", false
}
