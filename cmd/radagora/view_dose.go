package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/dose"
	"radagora/dose/quality"
	"radagora/finding"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A doseView is the CT dose page being made.
type doseView struct {
	*view
	q      web.DoseQuery
	plan   plan
	o      *dose.Overview // in the units that people read
	stored *dose.Overview // the same in the units that are kept
	zone   *time.Location
	site   string
	today  time.Time
	have   dose.Period // from the first to the last examination
	proved map[string]quality.Standing
}

// yearsOffered bounds how many calendar years can be chosen.
const yearsOffered = 6

// periods are the codes of the periods that can be chosen: the last months, all
// there is, and the calendar years that have examinations, latest first.
func periods(have dose.Period) []string {
	all := []string{"12m", "3m", "all"}
	last := day(have.To).Year()
	for y := last; y > last-yearsOffered && have.From != "" && y >= day(have.From).Year(); y-- {
		all = append(all, fmt.Sprint(y))
	}
	return all
}

// period returns the days of a period by its code. Without one it is the last
// twelve months, or all there is if nothing is that young.
func period(code string, today time.Time, have dose.Period) (string, dose.Period) {
	year := dose.Last(12, today)
	switch {
	case code == "3m":
		return code, dose.Last(3, today)
	case have.From != "" && (code == "all" || code == "" && have.To < year.From):
		return "all", have
	case len(code) == 4 && slices.Contains(periods(have), code):
		return code, dose.Period{From: code + "-01-01", To: code + "-12-31"}
	}
	return "12m", year
}

// doseView loads what the page is made of.
func (v *view) doseView(ctx context.Context, q web.DoseQuery) (*doseView, error) {
	s, err := v.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	d := &doseView{view: v, q: q, zone: s.Location(), site: at, today: v.Now().In(s.Location())}
	if d.plan, err = v.plan(ctx); err != nil {
		return nil, err
	}
	if d.proved, err = v.Quality.Accepted(ctx, at); err != nil {
		return nil, err
	}
	d.q.Modality = modalityOf(q.Modality)
	if d.have, err = v.Dose.DaysOf(ctx, at, d.q.Modality); err != nil {
		return nil, err
	}
	var p dose.Period
	d.q.Period, p = period(q.Period, d.today, d.have)
	purpose, err := v.purpose(ctx, q.Purpose)
	if err != nil {
		return nil, err
	}
	basis, err := dose.ParseBasis(d.q.Basis)
	if err != nil {
		return nil, err
	}
	o, err := v.Dose.OverviewBy(ctx, at, d.q.Modality, p, d.plan.of, purpose, basis)
	if err != nil {
		return nil, err
	}
	d.stored = o
	d.o, err = o.In(d.units())
	return d, err
}

// purpose returns for what doses are looked at. Who is here for research or training
// alone looks for that, whatever they say, and does not see who does not want it.
func (v *view) purpose(ctx context.Context, named string) (access.Purpose, error) {
	p, err := dose.ParsePurpose(named)
	if err != nil {
		return p, err
	}
	if own := access.From(ctx).For(at); !dose.Secondary(p) && dose.Secondary(own) {
		return own, v.Facts.Narrowed(ctx, at, "dose", own)
	}
	if dose.Secondary(p) {
		err = v.Facts.Secondary(ctx, at, "dose", p)
	}
	return p, err
}

// units are the units in which whoever asks reads measures, where they are not the
// ones that are kept.
func (d *doseView) units() map[dose.Measure]string {
	units := shownIn[d.q.Modality]
	if d.q.DAP != "" && units[dose.MeasureDAP] != "" {
		units = maps.Clone(units)
		units[dose.MeasureDAP] = d.q.DAP
	}
	return units
}

// shownIn are the units in which people read measures, where they are not the ones
// that are kept.
var shownIn = map[string]map[dose.Measure]string{
	"RF": {dose.MeasureDAP: "Gy.cm2", dose.MeasureRP: "mGy", dose.MeasureFluoroTime: "min"},
	"DX": {dose.MeasureDAP: "mGy.cm2"},
}

// modalityOf returns the modality under which examinations of a DICOM modality are
// kept; without one it is CT.
func modalityOf(code string) string {
	switch code {
	case "":
		return "CT"
	case "XA":
		return "RF"
	case "CR", "PX", "IO":
		return "DX"
	case "PT":
		return "NM"
	}
	return code
}

// modalities are what can be chosen.
func (d *doseView) modalities() (all []face.Choice) {
	for _, m := range dose.Modalities() {
		all = append(all, face.Choice{Code: m, Label: d.text("dose.modality_" + strings.ToLower(m))})
	}
	return all
}

// rowID returns the id of a row in addresses.
func rowID(r *dose.Row) string {
	if r.Split { // there is one of the other basis
		return short(r.Room, chartKey(r), string(r.Basis))
	}
	return short(r.Room, chartKey(r))
}

// chartKey returns the key of the group that a row is drawn with: the same
// examination, indication, size and quantity in all rooms.
func chartKey(r *dose.Row) string {
	return short(r.Exam, r.Indication, string(r.KnownBy), sizeCode(r.Group), string(r.Measure))
}

// sizeCode returns a size group in addresses.
func sizeCode(g dose.Group) string {
	if g.Adult() {
		return "adult"
	}
	return strings.Trim(fmt.Sprintf("%s-%g-%g", g.Kind, g.Min, g.Max), "-")
}

// Page implements web.DoseCT.
func (v *view) Page(ctx context.Context, q web.DoseQuery) (web.DosePage, error) {
	d, err := v.doseView(ctx, q)
	if err != nil {
		return web.DosePage{}, err
	}
	page := web.DosePage{Modality: d.q.Modality, Modalities: d.modalities(), Period: d.q.Period, From: day(d.o.From), To: day(d.o.To).AddDate(0, 0, 1)}
	if page.Started, err = v.Dose.Started(ctx, at); err != nil {
		return page, err
	}
	if page.People, err = v.people(ctx); err != nil {
		return page, err
	}
	if page.Work, err = v.work(ctx); err != nil {
		return page, err
	}
	if d.q.Modality == "CT" {
		page.Apart, err = d.apart(ctx)
	}
	if err != nil {
		return page, err
	}
	d.choices(&page)
	shown := d.rows()
	for _, r := range shown {
		page.Rows = append(page.Rows, d.row(r))
	}
	page.Tiles = d.tiles(shown)
	page.Charts = d.charts(shown)
	page.Sets = d.sets()
	page.Findings, err = d.findings(ctx, page.Rows)
	return page, err
}

// rows returns the rows that the filter lets through.
func (d *doseView) rows() []*dose.Row {
	var all []*dose.Row
	for _, r := range d.o.Rows {
		if (d.q.Room == "" || d.q.Room == r.Room) && (d.q.Exam == "" || d.q.Exam == r.Exam) && (d.q.Size == "" || d.q.Size == sizeCode(r.Group)) {
			all = append(all, r)
		}
	}
	return all
}

// choices fills in what can be chosen.
func (d *doseView) choices(page *web.DosePage) {
	for _, code := range periods(d.have) {
		label := code
		if key, ok := map[string]string{"12m": "period.12m", "3m": "period.3m", "all": "period.all"}[code]; ok {
			label = d.text(key)
		}
		page.Periods = append(page.Periods, face.Choice{Code: code, Label: label})
	}
	add := func(list *[]face.Choice, c face.Choice, n int) {
		for i := range *list {
			if (*list)[i].Code == c.Code {
				(*list)[i].N += n
				return
			}
		}
		c.N = n
		*list = append(*list, c)
	}
	for _, r := range d.o.Rows {
		if r.Measure != dose.MainMeasure(d.o.Modality) {
			continue
		}
		ref := d.plan.ref(r.Room)
		add(&page.Rooms, face.Choice{Code: r.Room, Label: ref.Name}, r.Examinations)
		add(&page.Exams, d.words.exam(r.Exam, d.q.Language), r.Examinations)
		add(&page.Sizes, face.Choice{Code: sizeCode(r.Group), Label: d.size(r.Group)}, r.Examinations)
	}
	for _, list := range [][]face.Choice{page.Rooms, page.Exams, page.Sizes} {
		slices.SortFunc(list, func(a, b face.Choice) int { return strings.Compare(a.Label, b.Label) })
	}
}

// text returns a message of the catalogue without arguments, in the language of
// the query.
func (d *doseView) text(key string, args ...lang.Args) string {
	return d.catalogue.Printer(d.q.Language).T(key, args...)
}

// size names a size group.
func (d *doseView) size(g dose.Group) string {
	switch {
	case g.Adult():
		return d.text("size.adult")
	case g.Kind == "weight_kg":
		return d.text("size.weight", lang.Args{"group": g.Name})
	case g.Kind == "age_months":
		return d.text("size.age", lang.Args{"group": g.Name})
	}
	return d.text("size.child_unknown")
}

// row makes a row of the level table.
func (d *doseView) row(r *dose.Row) web.DoseRow {
	out := web.DoseRow{
		ID: rowID(r), Key: chartKey(r), Room: d.plan.ref(r.Room),
		Exam: d.words.exam(r.Exam, d.q.Language), Indication: d.words.indication(r.Indication, d.q.Language), KnownBy: string(r.KnownBy),
		Size: d.size(r.Group), SizeNote: r.SizeUnknown, Calculated: r.Calculated, Count: r.Examinations, Quantity: string(r.Measure), Unit: r.Unit, Basis: string(r.Basis),
		N: r.N, Median: r.Median, Q1: r.Q1, Q3: r.Q3, Low: r.Low, High: r.High,
		State: d.words.state(string(r.State), d.q.Language),
	}
	if r.Governing != nil {
		l := d.level(r.Governing)
		out.Level = &l
	}
	for _, t := range r.Ticks {
		out.Others = append(out.Others, d.level(t))
	}
	for _, n := range r.Notes {
		out.Notes = append(out.Notes, d.words.state(string(n), d.q.Language))
	}
	if mark := d.unproved(r.Room); mark != "" {
		out.Notes = append(out.Notes, face.State{Code: "not_accepted", Word: mark})
	}
	for _, reason := range slices.Sorted(keys(r.Left)) {
		out.Excluded = append(out.Excluded, web.Excluded{Reason: reason, N: r.Left[reason]})
	}
	return out
}

// unproved says in words that a machine of a room, in use in the period, has no valid
// acceptance test; "" if all have one.
func (d *doseView) unproved(room string) string {
	is, ok := d.plan.Room(room)
	if !ok {
		return ""
	}
	for _, m := range is.Machines {
		if s, known := d.proved[m.ID]; known && !s.Valid() && (m.LastDay == "" || m.LastDay >= d.o.From) {
			return d.text("standing." + string(s.State))
		}
	}
	return ""
}

// keys iterates over the keys of a map.
func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// level makes a level as pages quote it.
func (d *doseView) level(l *dose.Level) web.Level {
	due := day(l.ReviewDue.Last())
	return web.Level{
		Value: l.Value, Set: setName(l), SetID: l.Set.ID, Edition: l.Set.Edition,
		Indication: d.words.indication(l.Indicated, d.q.Language), Statistic: l.Statistic, Source: l.Source, MinN: l.MinN,
		From: day(l.Valid.From.First()), To: day(l.Valid.To.Last()),
		ReviewDue: due, ReviewOverdue: !due.IsZero() && due.Before(d.today),
		Demonstration: demonstration(l.Set.ID),
		PhantomUnsaid: l.Measure == dose.MeasureCTDIvol && l.Phantom == "",
	}
}

// setName is the short name of a set: country and year.
func setName(l *dose.Level) string {
	country := l.Country
	if country == "GB" {
		country = "UK"
	}
	if year, ok := strings.CutPrefix(l.Set.ID, "dose/level/demo_"); ok {
		return "DEMO " + year
	}
	if from := l.Valid.From.First(); len(from) >= 4 {
		return country + " " + from[:4]
	}
	return country + " " + l.Set.Edition
}

// tiles makes the headline.
func (d *doseView) tiles(rows []*dose.Row) []web.Headline {
	var compared, above, certain int
	for _, r := range rows {
		switch r.State {
		case dose.AboveCertain:
			certain++
			above++
			compared++
		case dose.AboveNotCertain:
			above++
			compared++
		case dose.AtOrBelow:
			compared++
		default: // nothing was compared
		}
	}
	total, unmapped := 0, 0
	for _, i := range d.items() {
		if i.Excluded == dose.ExcludedNotPatient {
			continue
		}
		total++
		if i.Exam == "" {
			unmapped++
		}
	}
	shape := face.FilledDot
	switch {
	case compared == 0:
		shape = face.LoneDot
	case certain > 0:
		shape = face.ArrowRing
	case above > 0:
		shape = face.HalfDot
	}
	label := msg("tile.examinations", nil)
	if d.q.Modality != "CT" {
		label = msg("dose.modality_"+strings.ToLower(d.q.Modality), nil)
	}
	mapped := 0.0
	if total > 0 {
		mapped = float64(total-unmapped) / float64(total)
	}
	return []web.Headline{
		{
			Label: msg("tile.above", nil), Value: float64(above), Whole: true, Shape: shape,
			Reference: msg("tile.above_reference", lang.Args{"n": compared}), Basis: msg("tile.above_basis", lang.Args{"n": certain}), Path: "#levels",
		},
		{
			Label: label, Value: float64(total), Whole: true,
			Reference: msg("tile.examinations_reference", lang.Args{"n": d.o.Unassigned}),
		},
		{
			Label: msg("tile.mapped", nil), Value: mapped, Share: true,
			Reference: msg("tile.mapped_reference", nil), Basis: msg("tile.mapped_basis", lang.Args{"n": unmapped}), Path: "/dose/mapping",
		},
	}
}

// sets returns the content that the page rests on.
func (d *doseView) sets() []web.SetUse {
	ids := []string{"dose/defaults", "dose/exam", "dose/indication", "dose/state", "dose/size", "dose/not_patient"}
	for _, r := range d.o.Rows {
		if r.Governing != nil && !slices.Contains(ids, r.Governing.Set.ID) {
			ids = append(ids, r.Governing.Set.ID)
		}
	}
	return d.setsNamed(ids)
}

// setsNamed returns content sets by their ids, without those there are none of.
func (v *view) setsNamed(ids []string) []web.SetUse {
	var all []web.SetUse
	for _, id := range ids {
		if s, ok := v.Content.Set(at, id); ok {
			all = append(all, web.SetUse{ID: id, Title: s.Title, Edition: s.Edition, Licence: s.Licence, Status: s.Status, Demonstration: demonstration(id)})
		}
	}
	return all
}

// findings returns the findings about groups, with the row each is about.
func (d *doseView) findings(ctx context.Context, rows []web.DoseRow) ([]web.DoseFinding, error) {
	all, err := d.Findings.List(ctx, finding.Filter{Site: at, Rule: "dose", Room: d.q.Room})
	if err != nil {
		return nil, err
	}
	people, err := d.people(ctx)
	if err != nil {
		return nil, err
	}
	var out []web.DoseFinding
	for _, f := range all {
		if d.q.Exam != "" && f.Subject.Exam != d.q.Exam || !d.concerns(f) {
			continue
		}
		w, err := d.finding(ctx, f, people)
		if err != nil {
			return nil, err
		}
		for i := range rows {
			if w.Row != nil && rows[i].ID == w.Row.ID && rows[i].Finding == "" {
				rows[i].Finding = f.ID
			}
		}
		out = append(out, w)
	}
	return out, nil
}

// concerns reports whether a finding is about the modality of the page.
func (d *doseView) concerns(f finding.Finding) bool {
	ofCT := f.Subject.Quantity == string(dose.MeasureDLP) || f.Subject.Quantity == string(dose.MeasureCTDIvol)
	if ofCT || d.q.Modality == "CT" {
		return ofCT && d.q.Modality == "CT"
	}
	return slices.ContainsFunc(d.o.Rows, func(r *dose.Row) bool { return r.Exam == f.Subject.Exam })
}

// finding makes a finding as the page shows it.
func (d *doseView) finding(ctx context.Context, f finding.Finding, people []face.Choice) (web.DoseFinding, error) {
	_, history, _, err := d.Findings.Get(ctx, f.ID)
	if err != nil {
		return web.DoseFinding{}, err
	}
	day0 := d.today.Format(time.DateOnly)
	w := web.DoseFinding{
		ID: f.ID, State: string(f.State), Due: day(f.Due), Overdue: f.Overdue(day0), Opened: f.FirstAt,
		Owner: choice(people, f.Owner), Row: d.findingRow(f),
		What: msg("finding.rule_"+ruleKey(f.Rule), nil),
	}
	for _, n := range history {
		w.Changes = append(w.Changes, web.FindingEvent{At: n.At, Who: choice(people, n.Actor).Label, What: msg("finding.changed", lang.Args{
			"state": d.text("finding.state_" + string(n.State)), "note": n.Text,
		})})
		w.Note = cmp.Or(n.Text, w.Note)
	}
	return w, nil
}

// choice returns the choice with a code, or one that shows the code.
func choice(all []face.Choice, code string) face.Choice {
	if code == "" {
		return face.Choice{}
	}
	for _, c := range all {
		if c.Code == code {
			return c
		}
	}
	return face.Choice{Code: code, Label: code}
}

// findingRow returns the row that a finding is about: the one of now, or as it
// was when it was derived.
func (d *doseView) findingRow(f finding.Finding) *web.DoseRow {
	var data dose.FindingData
	if err := json.Unmarshal(f.Data, &data); err != nil {
		data = dose.FindingData{}
	}
	for _, r := range d.o.Rows {
		if r.Room == f.Subject.Room && r.Exam == f.Subject.Exam && r.Indication == f.Subject.Indication &&
			r.Group.Name == f.Subject.Group && string(r.Measure) == f.Subject.Quantity && r.KnownBy == data.KnownBy {
			row := d.row(r)
			return &row
		}
	}
	row := web.DoseRow{
		ID: f.ID, Room: d.plan.ref(f.Subject.Room), Exam: d.words.exam(f.Subject.Exam, d.q.Language),
		Indication: d.words.indication(f.Subject.Indication, d.q.Language), KnownBy: string(data.KnownBy), Size: f.Subject.Group,
		Quantity: f.Subject.Quantity, Unit: f.Measured.Unit, Basis: string(cmp.Or(data.Basis, dose.BasisReported)), N: f.Measured.N, Median: f.Measured.Value,
		State: d.words.state(f.Code, d.q.Language),
	}
	if f.Measured.Low != nil && f.Measured.High != nil {
		row.Low, row.High = *f.Measured.Low, *f.Measured.High
	}
	if f.Reference.Value != nil {
		row.Level = &web.Level{Value: *f.Reference.Value, Set: f.Reference.Set, SetID: f.Reference.Set, Edition: f.Reference.Edition, Source: f.Reference.Source}
	}
	return &row
}
