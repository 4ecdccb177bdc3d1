package dose

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/fault"
)

// An Item is one examination as statistics see it.
type Item struct {
	Study, Key  string
	Day         string
	Started     string
	Machine     string
	Room        string
	Exam        string
	Indication  string
	KnownBy     KnownBy
	AssignedBy  string
	Name        string // the most telling local name
	AgeMonths   *int64
	Weight      *float64 // kg, the one that is used
	WeightFrom  WeightFrom
	Events      int
	DLP         *float64              // mGy.cm
	CTDIvol     []float64             // mGy, of the diagnostic sequences
	Amounts     map[Quantity]float64  // of an Overview of another modality than CT
	Each        map[Measure][]float64 // the same, of single events
	Class       Class                 // the same: of the lowest rank among what told them; "" is a report
	Excluded    string                // why it is in no median; see Excluded…
	Group       Group
	SizeUnknown bool                // an adult of unknown weight
	Calculated  bool                // somebody calculated its values, or read them in a table; of an Overview
	Known       Known               // of Ledger.Study alone
	Factors     map[Quantity]Factor // what calibrations make of it; none where none holds
	Restricted  bool                // the person asked that processing stops: it counts in medians and stands in no list
}

// Known is how one knows what an examination is, and how big the patient was.
type Known struct {
	Order, Accession string // the order it is, "" if none is known
	From, Name       string // what told the examination (ExamFrom…), and the name that did
	Reason           string // what of the order told the indication
	Sizes            []Size // all that were considered
}

// A WeightFrom is where a weight comes from; the zero value: there is none.
type WeightFrom struct {
	Source, Origin string // as of a Size
	At             *int64 // when it was measured, Unix milliseconds
}

// ID names the examination within its site.
func (i *Item) ID() string { return i.Study + "_" + i.Key }

// A RowKey is what a row of the level table is about.
type RowKey struct {
	Room       string
	Exam       string
	Indication string
	KnownBy    KnownBy
	Group      Group
	Measure    Measure
	Basis      Basis
}

// A Row is a group of examinations of one room beside its reference.
type Row struct {
	RowKey
	Statistic
	Reference
	Answer
	Unit         string
	Per          string         // what the governing level is stated for: examination, sequence, projection, view, breast; "" without one
	Values       []float64      // the latest first
	Examinations int            // that count; N may be more where an examination has several sequences
	Left         map[string]int // examinations left out, by reason
	SizeUnknown  int            // adults of unknown weight among those that count
	Calculated   int            // of those that count, examinations whose values nobody measured
	SizeFrom     map[string]int // of those that count, by the source of their weight
	Days         Period         // of the first and of the last of its examinations
	Split        bool           // the same examinations of other days stand in a row of the other basis

	of *Overview
	at []ref // all its examinations, the latest first, those left out too
}

// An Overview is how the examinations of a modality in a period stand beside their
// levels.
type Overview struct {
	Modality   string
	From, To   string // days, both included
	Basis      Basis  // which numbers were asked for; see Row.Basis
	Rows       []*Row
	Unmapped   int // examinations nobody said the meaning of
	Unassigned int // events that belong to no examination without doubt
	Settings   Settings
	Levels     []Level
	Governing  []Governing
	units      map[Measure]string // other than those measures are kept in
	scale      map[Measure]float64
	blocks     []*block  // the latest first
	placed     []placing // what is known of them here
	groups     []Group
	hidden     map[string]bool // studies of persons whose data are restricted
}

// A ref is where an examination stands: in which block, and where.
type ref struct{ block, n int32 }

// A placing is what an overview knows of the examinations of a block.
type placing struct {
	in       []bool   // of the period, and may be used
	room     []string // by machine
	group    []uint8  // place among the groups
	excluded []uint8  // place among the reasons
	sizeless []bool   // adults of unknown weight
	reasons  []string
}

// Period is a time from one day to another, both included, as 2006-01-02.
type Period struct{ From, To string }

// Last returns the months up to and including the day of now. Where the month in
// which they begin is too short, they begin with the one after it.
func Last(months int, now time.Time) Period {
	end := now.AddDate(0, 0, 1)
	first := time.Date(end.Year(), end.Month()-time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	days := first.AddDate(0, 1, -1).Day()
	return Period{From: first.AddDate(0, 0, min(end.Day()-1, days)).Format(time.DateOnly), To: now.Format(time.DateOnly)}
}

// Rooms tells which room a machine stands in. *site.Plan answers it.
type Rooms func(machine string) (room string)

// Overview computes how the CT examinations of a site in a period stand, for the
// site's own quality: it counts everybody.
func (l *Ledger) Overview(ctx context.Context, siteID string, p Period, rooms Rooms) (*Overview, error) {
	return l.OverviewFor(ctx, siteID, p, rooms, access.Quality)
}

// OverviewFor is Overview for a purpose. For one beyond care and the site's own
// quality, those who object are in no number, nor those nobody knows; whoever calls
// passes through access.Facts.Secondary first.
func (l *Ledger) OverviewFor(ctx context.Context, siteID string, p Period, rooms Rooms, purpose access.Purpose) (*Overview, error) {
	return l.OverviewOf(ctx, siteID, "CT", p, rooms, purpose)
}

// OverviewOf is OverviewFor of a modality; see Modalities. Invalid: there is none such.
func (l *Ledger) OverviewOf(ctx context.Context, siteID, modality string, p Period, rooms Rooms, purpose access.Purpose) (*Overview, error) {
	return l.OverviewBy(ctx, siteID, modality, p, rooms, purpose, "")
}

// OverviewBy is OverviewOf by the numbers of a basis; "" is the one that the site chose.
// Where corrections hold for a part of the period only, the group has a row of each
// basis, marked as split.
func (l *Ledger) OverviewBy(ctx context.Context, siteID, modality string, p Period, rooms Rooms, purpose access.Purpose, basis Basis) (*Overview, error) {
	if MainMeasure(modality) == "" {
		return nil, fault.Errorf(fault.Invalid, "modality: one of %s", strings.Join(Modalities(), ", "))
	}
	o := &Overview{Modality: modality, From: p.From, To: p.To, Basis: basis}
	var err error
	if o.Settings, err = LoadSettings(l.Content, siteID); err != nil {
		return nil, err
	}
	sizes, err := loadSizes(l.Content, siteID)
	if err != nil {
		return nil, err
	}
	var may map[string]bool // nil: all
	err = l.DB.Read(ctx, func(tx *db.Tx) error {
		if o.Basis == "" {
			if o.Basis, err = basisOf(ctx, tx, siteID); err != nil {
				return err
			}
		}
		if o.blocks, err = l.blocks(ctx, tx, siteID, modality, p); err != nil {
			return err
		}
		if o.hidden, err = restricted(ctx, tx, siteID); err != nil {
			return err
		}
		if Secondary(purpose) {
			if may, err = willing(ctx, tx, siteID, p); err != nil {
				return err
			}
		}
		if o.Levels, err = l.levels(ctx, tx, siteID, ""); err != nil {
			return err
		}
		if o.Governing, err = l.governing(ctx, tx, siteID); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `select coalesce(sum(unassigned), 0) from dose_study
			where site_id = $1 and modality = $2 and day between $3 and $4 and unassigned > 0`, siteID, modality, p.From, p.To).Scan(&o.Unassigned)
	})
	if err != nil {
		return nil, err
	}
	o.groups = sizes.all()
	for _, b := range o.blocks {
		o.placed = append(o.placed, o.place(b, rooms, sizes, may))
	}
	o.compare()
	return o, nil
}

// place says what is known of the examinations of a block: which are of the period,
// their rooms, and their size groups.
func (o *Overview) place(b *block, rooms Rooms, sizes sizes, may map[string]bool) placing {
	p := placing{in: make([]bool, b.n), group: make([]uint8, b.n), excluded: make([]uint8, b.n), sizeless: make([]bool, b.n)}
	for _, m := range b.machine.words {
		p.room = append(p.room, rooms(m))
	}
	days := make([]bool, len(b.day.words))
	for i, d := range b.day.words {
		days[i] = d >= o.From && d <= o.To
	}
	heads := make([]bool, len(b.exam.words))
	for i, x := range b.exam.words {
		heads[i] = sizes.heads[x]
	}
	p.reasons = append(append(p.reasons, b.excluded.words...), ExcludedSize, ExcludedSizeless)
	size := len(p.reasons) - 2
	for n := range b.n {
		p.in[n] = days[b.day.codes[n]] && (may == nil || may[b.study.of(n)])
		excluded := int(b.excluded.codes[n])
		if o.Modality != "MG" { // levels are about breasts of every thickness
			group, reason := sizes.place(b.age[n], b.weight[n], heads[b.exam.codes[n]], o.Settings)
			p.group[n] = uint8(group) //nolint:gosec // the groups are few
			p.sizeless[n] = group == adultSize && math.IsNaN(b.weight[n])
			switch {
			case p.reasons[excluded] != "":
			case reason == ExcludedSize:
				excluded = size
			case reason == ExcludedSizeless:
				excluded = size + 1
			}
		}
		p.excluded[n] = uint8(min(excluded, math.MaxUint8))
	}
	return p
}

// All yields the examinations of the overview, the latest first, those too that are in
// no number.
func (o *Overview) All() iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		for k, b := range o.blocks {
			for n := range b.n {
				if o.placed[k].in[n] && !yield(o.item(ref{int32(k), int32(n)})) {
					return
				}
			}
		}
	}
}

// Len returns how many examinations there are.
func (o *Overview) Len() (n int) {
	for k := range o.placed {
		for _, in := range o.placed[k].in {
			if in {
				n++
			}
		}
	}
	return n
}

// Days returns the days on which there are examinations in a room, in their order.
func (o *Overview) Days(room string) []string {
	seen := map[string]bool{}
	for k, b := range o.blocks {
		p := &o.placed[k]
		for n := range b.n {
			if p.in[n] && p.room[b.machine.codes[n]] == room {
				seen[b.day.of(n)] = true
			}
		}
	}
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen))
}

// item makes the examination at a place.
func (o *Overview) item(at ref) *Item {
	b, p, n := o.blocks[at.block], &o.placed[at.block], int(at.n)
	i := b.item(n)
	i.Room, i.Group, i.SizeUnknown = p.room[b.machine.codes[n]], o.groups[p.group[n]], p.sizeless[n]
	i.Excluded, i.Restricted = p.reasons[p.excluded[n]], o.hidden[i.Study]
	if o.Basis == BasisCorrected {
		i.correct()
	}
	if len(o.scale) > 0 {
		i.times(o.scale)
	}
	return i
}

// All yields the examinations of the row, the latest first, those left out too.
func (r *Row) All() iter.Seq[*Item] {
	return func(yield func(*Item) bool) {
		for _, at := range r.at {
			if !yield(r.of.item(at)) {
				return
			}
		}
	}
}

// Holds reports whether an examination is among those of the row.
func (r *Row) Holds(study, key string) bool {
	for _, at := range r.at {
		b := r.of.blocks[at.block]
		if b.study.of(int(at.n)) == study && b.key.of(int(at.n)) == key {
			return true
		}
	}
	return false
}

// Divide divides a row by the local names of its examinations. The parts keep what the
// row is compared with, and have statistics of their own.
func (o *Overview) Divide(r *Row) map[string]*Row {
	parts := map[string]*Row{}
	for _, at := range r.at {
		name := r.of.blocks[at.block].name.of(int(at.n))
		if parts[name] == nil {
			own := *r
			own.at = nil
			parts[name] = &own
		}
		parts[name].at = append(parts[name].at, at)
	}
	for _, part := range parts {
		part.Values = r.of.values(part.at, part.Measure, part.Per)
		part.Statistic = Describe(part.Values, o.Settings.Coverage)
	}
	return parts
}

// sizes knows the size groups of children and what part of the body examinations
// are of.
type sizes struct {
	head, body []Group
	heads      map[string]bool // examinations of the head
}

// adults is the group without bounds.
var adults = Group{Name: "adult"}

// loadSizes reads dose/size and dose/exam.
func loadSizes(library *content.Library, siteID string) (sizes, error) {
	s := sizes{heads: map[string]bool{}}
	groups, err := library.Table(siteID, "dose/size", "groups")
	if err != nil {
		return s, err
	}
	for row := range groups.All() {
		g := Group{Name: row.Text("group"), Kind: row.Text("size_kind")}
		g.Min, _ = row.Number("size_min")
		g.Max, g.HasMax = row.Number("size_max")
		if row.Text("body_or_head") == "head" {
			s.head = append(s.head, g)
		} else {
			s.body = append(s.body, g)
		}
	}
	exams, err := library.Table(siteID, "dose/exam", "codes")
	if err != nil {
		return s, err
	}
	for row := range exams.All() {
		s.heads[row.Text("exam_code")] = slices.Contains(row.List("region"), "head")
	}
	return s, nil
}

// The places of two groups among all.
const (
	adultSize   = 0
	unknownSize = 1 // of a child
)

// all are the groups: adults, children of unknown size, and the others.
func (s sizes) all() []Group {
	return append(append([]Group{adults, {Name: "child", Kind: "unknown"}}, s.head...), s.body...)
}

// place returns the place of the size group of an examination, and why it is in no
// median, "" if nothing speaks against it. Adults are those of the age of one, and
// those of unknown age; where the weight of an adult is known it has to be that of a
// standard adult. Children are grouped by age where the head is examined, and by weight
// otherwise; without it their group is unknown. months is below zero and weight NaN
// where nobody knows.
func (s sizes) place(months int32, weight float64, head bool, set Settings) (group int, excluded string) {
	if months < 0 || int(months) >= set.AdultMonths {
		if weight < set.WeightMin || weight > set.WeightMax {
			excluded = ExcludedSize
		}
		return adultSize, excluded
	}
	groups, first, size := s.body, 2+len(s.head), weight
	if head {
		groups, first, size = s.head, 2, float64(months)
	}
	if math.IsNaN(size) {
		return unknownSize, ExcludedSizeless
	}
	for i, g := range groups {
		if size >= g.Min && (!g.HasMax || size < g.Max) {
			return first + i, ""
		}
	}
	return unknownSize, ExcludedSize
}

// compare makes the rows. There is one for the main measure of every group, such as
// DLP, and one for CTDIvol where a level governs it; of other modalities also one for
// each measure that is told.
func (o *Overview) compare() {
	for _, g := range o.gather() {
		k := g.RowKey
		for n, m := range measures[o.Modality] {
			k.Measure = m
			parts := o.byBasis(g.at, m)
			for _, part := range parts {
				k.Basis = part.basis
				r := o.row(k, part.at)
				r.Days, r.Split = o.days(part.at), len(parts) > 1
				if n == 0 || r.Governing != nil || o.Modality != "CT" && r.N > 0 {
					o.Rows = append(o.Rows, r)
				}
			}
		}
	}
	slices.SortFunc(o.Rows, func(a, b *Row) int {
		return cmp.Or(
			strings.Compare(a.Exam, b.Exam), strings.Compare(a.Indication, b.Indication),
			strings.Compare(a.Group.Kind, b.Group.Kind), cmp.Compare(a.Group.Min, b.Group.Min),
			strings.Compare(string(a.KnownBy), string(b.KnownBy)),
			strings.Compare(string(b.Measure), string(a.Measure)), strings.Compare(a.Room, b.Room), strings.Compare(string(a.Basis), string(b.Basis)),
		)
	})
}

// A gathered is the examinations of a group.
type gathered struct {
	RowKey
	at []ref
}

// gather divides the mapped examinations into groups, and counts the others.
func (o *Overview) gather() []*gathered {
	var all []*gathered
	o.Unmapped = 0
	seen := map[RowKey]*gathered{}
	for k, b := range o.blocks {
		p := &o.placed[k]
		// Within a block a few numbers say which group it is.
		type short struct {
			machine, exam, indication, known uint32
			group                            uint8
		}
		here := map[short]*gathered{}
		var last short
		var g *gathered
		for n := range b.n {
			if !p.in[n] {
				continue
			}
			s := short{b.machine.codes[n], b.exam.codes[n], b.indication.codes[n], b.knownBy.codes[n], p.group[n]}
			if g == nil || s != last {
				last, g = s, here[s]
			}
			if g == nil {
				key := RowKey{Room: p.room[s.machine], Exam: b.exam.of(n), Indication: b.indication.of(n), KnownBy: KnownBy(b.knownBy.of(n)), Group: o.groups[s.group]}
				if g = seen[key]; g == nil {
					g = &gathered{RowKey: key}
					seen[key] = g
					all = append(all, g)
				}
				here[s] = g
			}
			switch g.Exam {
			case NotAnExamination:
			case "":
				if p.reasons[p.excluded[n]] != ExcludedNotPatient {
					o.Unmapped++
				}
			default:
				g.at = append(g.at, ref{int32(k), int32(n)})
			}
		}
	}
	return slices.DeleteFunc(all, func(g *gathered) bool { return len(g.at) == 0 })
}

// row compares one group.
func (o *Overview) row(k RowKey, all []ref) *Row {
	r := &Row{RowKey: k, of: o, at: all, Left: map[string]int{}, SizeFrom: map[string]int{}, Unit: cmp.Or(o.units[k.Measure], unitOf(k.Measure))}
	if ref, _ := o.judge(k, Statistic{}, o.To); ref.Governing != nil {
		r.Per = ref.Governing.Per
	}
	for _, at := range all {
		b, p := o.blocks[at.block], &o.placed[at.block]
		if reason := p.reasons[p.excluded[at.n]]; reason != "" {
			r.Left[reason]++
			continue
		}
		r.Examinations++
		if b.calculated != nil && b.calculated[at.n] {
			r.Calculated++
		}
		if p.sizeless[at.n] {
			r.SizeUnknown++
		}
		if !math.IsNaN(b.weight[at.n]) {
			r.SizeFrom[b.weightSource.of(int(at.n))]++
		}
	}
	r.Values = o.values(all, k.Measure, r.Per)
	r.Statistic = Describe(r.Values, o.Settings.Coverage)
	r.Reference, r.Answer = o.judge(k, r.Statistic, o.To)
	return r
}

// counts reports whether an examination is in medians.
func (o *Overview) counts(at ref) bool {
	p := &o.placed[at.block]
	return p.reasons[p.excluded[at.n]] == ""
}

// values returns what those that count contribute to a measure that a level states per
// examination, breast, view or projection, as Item.values does of one.
func (o *Overview) values(all []ref, m Measure, per string) []float64 {
	values := make([]float64, 0, len(all))
	v := o.valuer(m, per)
	for _, at := range all {
		if o.counts(at) {
			values = v.appendTo(values, at)
		}
	}
	return values
}

// A valuer knows where the values of a measure stand.
type valuer struct {
	o       *Overview
	m       Measure
	scale   float64 // 0: as they are
	factor  Quantity
	list    []*numberColumn // by block; nil: of DLP
	names   []string
	codes   [][2]int // by block
	correct bool
}

// valuer returns it.
func (o *Overview) valuer(m Measure, per string) *valuer {
	v := &valuer{o: o, m: m, scale: o.scale[m], correct: o.Basis == BasisCorrected}
	var of func(*block) *numberColumn
	switch {
	case m == MeasureCTDIvol:
		v.names, v.factor, of = []string{""}, QuantityCTDIvolMax, func(b *block) *numberColumn { return &b.ctdivol }
	case m == MeasureDLP:
		v.factor = QuantityDLP
		return v
	case m == MeasureEntrance, per == "projection", per == "view":
		v.names, v.factor, of = []string{string(m)}, amountOf[m], func(b *block) *numberColumn { return &b.each }
	case m == MeasureAGD && per != "examination":
		v.names, of = []string{string(QuantityAGDLeft), string(QuantityAGDRight)}, func(b *block) *numberColumn { return &b.amounts }
	default:
		v.names, of = []string{string(amountOf[m])}, func(b *block) *numberColumn { return &b.amounts }
	}
	for _, b := range o.blocks {
		l := of(b)
		codes := [2]int{-1, -1}
		for i, name := range v.names {
			codes[i] = l.code(name)
		}
		v.list, v.codes = append(v.list, l), append(v.codes, codes)
	}
	return v
}

// appendTo appends the values of an examination.
func (v *valuer) appendTo(values []float64, at ref) []float64 {
	b := v.o.blocks[at.block]
	was := len(values)
	var factors map[Quantity]Factor
	if v.correct && b.factors != nil {
		factors = b.factors[at.n]
	}
	switch {
	case v.list == nil:
		if dlp := b.dlp[at.n]; !math.IsNaN(dlp) {
			if f, ok := factors[v.factor]; ok {
				dlp = f.Value
			}
			values = append(values, dlp)
		}
	case v.factor != "": // of sequences or events
		values = v.list[at.block].appendTo(values, int(at.n), v.codes[at.block][0])
		if f, ok := factors[v.factor]; ok {
			multiply(values[was:], f.Factor)
		}
	default:
		for i, name := range v.names {
			first := len(values)
			values = v.list[at.block].appendTo(values, int(at.n), v.codes[at.block][i])
			if f, ok := factors[Quantity(name)]; ok && len(values) > first {
				values[first] = f.Value
			}
		}
	}
	if v.scale != 0 {
		for i := was; i < len(values); i++ {
			values[i] = scaled(values[i], v.scale)
		}
	}
	return values
}

// judge looks up the reference of a group on a day and compares.
func (o *Overview) judge(k RowKey, s Statistic, day string) (Reference, Answer) {
	known := k.Indication != "" && k.KnownBy != KnownByAssumed
	subject := Subject{Exam: k.Exam, Group: k.Group, Measure: k.Measure, Day: day}
	if known {
		subject.Indication = k.Indication
	}
	ref := Refer(o.Levels, o.Governing, subject)
	q := Question{Statistic: s, Comparable: ref.Governing != nil, HasLevel: ref.Governing != nil || ref.Other && !known}
	if ref.Governing != nil {
		q.Level, q.MinN = ref.Governing.Value, ref.Governing.MinN
	}
	if ref.Guide != nil {
		q.Guide = ref.Guide.Value
	}
	if !q.Comparable {
		q.N = 0 // there is nothing to compare with, so no ratio
	}
	return ref, o.Settings.Compare(q)
}

// A Month is the typical value of a group in one month.
type Month struct {
	Month string // 2006-01
	Statistic
	Level *Level // governing on its last day
}

// Months returns the typical values of a row by month.
func (o *Overview) Months(r *Row) []Month {
	values := o.valuesBy(r, monthOf)
	delete(values, "")
	var all []Month
	for _, m := range slices.Sorted(maps.Keys(values)) {
		if len(values[m]) == 0 {
			continue
		}
		month := Month{Month: m, Statistic: Describe(values[m], o.Settings.Coverage)}
		ref, _ := o.judge(r.RowKey, month.Statistic, lastDay(m))
		month.Level = ref.Governing
		all = append(all, month)
	}
	return all
}

// valuesBy returns the values of a row by what is made of their days.
func (o *Overview) valuesBy(r *Row, by func(day string) string) map[string][]float64 {
	values := map[string][]float64{}
	v := r.of.valuer(r.Measure, r.Per)
	names := make([][]string, len(r.of.blocks)) // by block and day
	for _, at := range r.at {
		if !r.of.counts(at) {
			continue
		}
		b := r.of.blocks[at.block]
		if names[at.block] == nil {
			for _, day := range b.day.words {
				names[at.block] = append(names[at.block], by(day))
			}
		}
		name := names[at.block][b.day.codes[at.n]]
		values[name] = v.appendTo(values[name], at)
	}
	return values
}

// lastDay returns the last day of a month.
func lastDay(month string) string {
	first, err := time.Parse("2006-01", month)
	if err != nil {
		return month + "-28"
	}
	return first.AddDate(0, 1, -1).Format(time.DateOnly)
}

// Periods returns the state of a row in each period of the length that counts for
// a consistent excess, in the order of time, from the first one with examinations
// on. The one that has not ended yet is left out while it has too few; in one that
// has ended they are too few for good.
func (o *Overview) Periods(r *Row) []State {
	values := o.valuesBy(r, o.Settings.periodOf)
	delete(values, "")
	if len(values) == 0 {
		return nil
	}
	var all []State
	for p := slices.Min(slices.Collect(maps.Keys(values))); p != "" && p <= o.Settings.periodOf(o.To); p = o.Settings.periodOf(next(p)) {
		_, answer := o.judge(r.RowKey, Describe(values[p], o.Settings.Coverage), min(p, o.To))
		if p <= o.To || answer.State != TooFew {
			all = append(all, answer.State)
		}
	}
	return all
}

// next returns the day after a day, "" for no day.
func next(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 0, 1).Format(time.DateOnly)
}

// periodOf returns the last day of the period that a day is in, "" for no day.
// Periods begin in January.
func (s Settings) periodOf(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil || s.Exceeded < 1 {
		return ""
	}
	n := (int(t.Month()) - 1) / s.Exceeded
	return time.Date(t.Year(), time.Month((n+1)*s.Exceeded+1), 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, -1).Format(time.DateOnly)
}

// Refer returns the level that governs a row on a day, nil if none does.
func (o *Overview) Refer(r *Row, day string) *Level {
	ref, _ := o.judge(r.RowKey, r.Statistic, day)
	return ref.Governing
}
