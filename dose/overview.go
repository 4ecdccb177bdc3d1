package dose

import (
	"cmp"
	"context"
	"maps"
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
	Per          string // what the governing level is stated for: examination, sequence, projection, view, breast; "" without one
	Values       []float64
	Items        []*Item        // all, the latest first, those left out too
	Examinations int            // that count; N may be more where an examination has several sequences
	Left         map[string]int // examinations left out, by reason
	SizeUnknown  int            // adults of unknown weight among those that count
	Calculated   int            // of those that count, examinations whose values nobody measured
	SizeFrom     map[string]int // of those that count, by the source of their weight
	Days         Period         // of the first and of the last of its examinations
	Split        bool           // the same examinations of other days stand in a row of the other basis
}

// An Overview is how the examinations of a modality in a period stand beside their
// levels.
type Overview struct {
	Modality   string
	From, To   string // days, both included
	Basis      Basis  // which numbers were asked for; see Row.Basis
	Rows       []*Row
	Items      []*Item
	Unmapped   int // examinations nobody said the meaning of
	Unassigned int // events that belong to no examination without doubt
	Settings   Settings
	Levels     []Level
	Governing  []Governing
	units      map[Measure]string // other than those measures are kept in
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
	err = l.DB.Read(ctx, func(tx *db.Tx) error {
		if o.Basis == "" {
			if o.Basis, err = basisOf(ctx, tx, siteID); err != nil {
				return err
			}
		}
		o.Items, err = items(ctx, tx, siteID, modality, p, o.Basis)
		if err == nil && Secondary(purpose) {
			o.Items, err = willing(ctx, tx, siteID, p, o.Items)
		}
		if err != nil {
			return err
		}
		if o.Levels, err = l.levels(ctx, tx, siteID, ""); err != nil {
			return err
		}
		if o.Governing, err = l.governing(ctx, tx, siteID); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `select coalesce(sum(unassigned), 0) from dose_study
			where site_id = $1 and modality = $2 and day between $3 and $4`, siteID, modality, p.From, p.To).Scan(&o.Unassigned)
	})
	if err != nil {
		return nil, err
	}
	for _, i := range o.Items {
		i.Room = rooms(i.Machine)
		if modality == "MG" { // levels are about breasts of every thickness
			i.Group = adults
			continue
		}
		sizes.place(i, o.Settings)
	}
	o.compare()
	return o, nil
}

// items loads the examinations of a modality in a period, the latest first.
func items(ctx context.Context, tx *db.Tx, siteID, modality string, p Period, basis Basis) ([]*Item, error) {
	all, err := db.List(ctx, tx, func(r *db.Rows) (*Item, error) {
		i := &Item{}
		return i, r.Scan(&i.Study, &i.Key, &i.Day, &i.Started, &i.Machine, &i.Exam, &i.Indication, &i.KnownBy,
			&i.AssignedBy, &i.Name, &i.AgeMonths, &i.Weight, &i.Events, &i.DLP, &i.Excluded,
			&i.WeightFrom.Source, &i.WeightFrom.Origin, &i.WeightFrom.At)
	}, `select x.study_uid, x.examination, x.day, x.started, x.machine_id, x.exam_code, x.indication, x.known_by,
		x.assigned_by, x.name, x.age_months, x.weight_kg, x.events, x.dlp_mgycm, x.excluded,
		x.weight_source, x.weight_origin, x.weight_at
		from dose_examination x where x.site_id = $1 and x.modality = $2 and x.day between $3 and $4
		order by x.day desc, x.started desc, x.study_uid, x.examination`, siteID, modality, p.From, p.To)
	if err != nil {
		return nil, err
	}
	hidden, err := restricted(ctx, tx, siteID)
	if err != nil {
		return nil, err
	}
	at := make(map[[2]string]*Item, len(all))
	for _, i := range all {
		i.Restricted = hidden[i.Study]
		at[[2]string{i.Study, i.Key}] = i
	}
	if err := loadCalculated(ctx, tx, siteID, p, at); err != nil {
		return nil, err
	}
	if modality != "CT" {
		if err := loadMeasures(ctx, tx, siteID, modality, p, at); err != nil {
			return nil, err
		}
		return all, loadFactors(ctx, tx, siteID, p, at, basis)
	}
	rows, err := tx.Query(ctx, `select e.study_uid, e.examination, e.ctdivol_mgy
		from dose_event e join dose_examination x
		on x.site_id = e.site_id and x.study_uid = e.study_uid and x.examination = e.examination
		where e.site_id = $1 and x.day between $2 and $3 and e.ctdivol_mgy is not null and e.sequence
		order by e.study_uid, e.ordinal`, siteID, p.From, p.To)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var key [2]string
		var value float64
		if err := rows.Scan(&key[0], &key[1], &value); err != nil {
			return nil, err
		}
		if i := at[key]; i != nil {
			i.CTDIvol = append(i.CTDIvol, value)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	rows.Close()
	return all, loadFactors(ctx, tx, siteID, p, at, basis)
}

// loadCalculated marks the examinations that have values nobody measured.
func loadCalculated(ctx context.Context, tx *db.Tx, siteID string, p Period, at map[[2]string]*Item) error {
	all, err := db.List(ctx, tx, func(r *db.Rows) (key [2]string, err error) { return key, r.Scan(&key[0], &key[1]) },
		`select study_uid, examination from dose_amount where site_id = $1 and day between $2 and $3
		and method in ('tube_output', 'table_value')`, siteID, p.From, p.To)
	for _, key := range all {
		if i := at[key]; i != nil {
			i.Calculated = true
		}
	}
	return err
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

// place puts an examination into its size group. Adults are those of the age of
// one, and those of unknown age; where the weight of an adult is known it has to
// be that of a standard adult. Children are grouped by age where the head is
// examined, and by weight otherwise; without it their group is unknown.
func (s sizes) place(i *Item, set Settings) {
	child := i.AgeMonths != nil && *i.AgeMonths < int64(set.AdultMonths)
	if !child {
		i.Group, i.SizeUnknown = adults, i.Weight == nil
		if i.Excluded == "" && i.Weight != nil && (*i.Weight < set.WeightMin || *i.Weight > set.WeightMax) {
			i.Excluded = ExcludedSize
		}
		return
	}
	groups, size := s.body, i.Weight
	if s.heads[i.Exam] {
		months := float64(*i.AgeMonths)
		groups, size = s.head, &months
	}
	i.Group = Group{Name: "child", Kind: "unknown"}
	if size == nil {
		i.Excluded = cmp.Or(i.Excluded, ExcludedSizeless)
		return
	}
	for _, g := range groups {
		if *size >= g.Min && (!g.HasMax || *size < g.Max) {
			i.Group = g
			return
		}
	}
	i.Excluded = cmp.Or(i.Excluded, ExcludedSize)
}

// compare makes the rows. There is one for the main measure of every group, such as
// DLP, and one for CTDIvol where a level governs it; of other modalities also one for
// each measure that is told.
func (o *Overview) compare() {
	groups := map[RowKey][]*Item{}
	for _, i := range o.Items {
		switch i.Exam {
		case NotAnExamination:
			continue
		case "":
			if i.Excluded != ExcludedNotPatient {
				o.Unmapped++
			}
			continue
		}
		k := RowKey{Room: i.Room, Exam: i.Exam, Indication: i.Indication, KnownBy: i.KnownBy, Group: i.Group}
		groups[k] = append(groups[k], i)
	}
	for k, all := range groups {
		for n, m := range measures[o.Modality] {
			k.Measure = m
			parts := byBasis(all, m, o.Basis)
			for _, part := range parts {
				k.Basis = part.basis
				r := o.row(k, part.items)
				r.Days, r.Split = days(part.items), len(parts) > 1
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

// row compares one group.
func (o *Overview) row(k RowKey, all []*Item) *Row {
	r := &Row{RowKey: k, Items: all, Left: map[string]int{}, SizeFrom: map[string]int{}, Unit: cmp.Or(o.units[k.Measure], unitOf(k.Measure))}
	if ref, _ := o.judge(k, Statistic{}, o.To); ref.Governing != nil {
		r.Per = ref.Governing.Per
	}
	for _, i := range all {
		if i.Excluded != "" {
			r.Left[i.Excluded]++
			continue
		}
		r.Values = append(r.Values, i.values(k.Measure, r.Per)...)
		r.Examinations++
		if i.Calculated {
			r.Calculated++
		}
		if i.SizeUnknown {
			r.SizeUnknown++
		}
		if i.Weight != nil {
			r.SizeFrom[i.WeightFrom.Source]++
		}
	}
	r.Statistic = Describe(r.Values, o.Settings.Coverage)
	r.Reference, r.Answer = o.judge(k, r.Statistic, o.To)
	return r
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
	values := map[string][]float64{}
	for _, i := range r.Items {
		if i.Excluded == "" && len(i.Day) == len(time.DateOnly) {
			values[i.Day[:7]] = append(values[i.Day[:7]], i.values(r.Measure, r.Per)...)
		}
	}
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
	values := map[string][]float64{}
	for _, i := range r.Items {
		if p := o.Settings.periodOf(i.Day); p != "" && i.Excluded == "" {
			values[p] = append(values[p], i.values(r.Measure, r.Per)...)
		}
	}
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
