package main

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/dose"
	"radagora/fault"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A levelsView lists sets of reference levels and takes what people decide.
type levelsView struct{ *view }

// builtIn is the state and kind of a set that the program brings.
const builtIn = "built_in"

// Levels implements web.Levels.
func (v levelsView) Levels(ctx context.Context, _ string) (web.LevelsPage, error) {
	var pg web.LevelsPage
	entered, err := v.Dose.LevelSets(ctx, at)
	if err != nil {
		return pg, err
	}
	governing, err := v.Dose.Governing(ctx, at)
	if err != nil {
		return pg, err
	}
	for i := range entered {
		pg.Sets = append(pg.Sets, v.enteredLine(&entered[i], governing))
	}
	pg.Started = len(pg.Sets) > 0
	for _, s := range v.Content.OfKind(at, "levels") {
		pg.Sets = append(pg.Sets, v.contentLine(s, governing))
	}
	return pg, nil
}

// enteredLine is an entered set as the list shows it.
func (v levelsView) enteredLine(s *dose.LevelSet, governing []dose.Governing) web.LevelSetLine {
	due, _ := content.ParseDate(s.ReviewDue)
	return web.LevelSetLine{
		ID: s.ID, Title: s.Title, Edition: s.Edition, Kind: string(s.Kind), State: string(s.State), Rows: len(s.Rows), Checked: s.Checked(),
		Governs: governs(governing, s.ID), ReviewDue: day(due.Last()), Overdue: s.Overdue(v.today()),
	}
}

// contentLine is a set that the program brings as the list shows it.
func (v levelsView) contentLine(s *content.Set, governing []dose.Governing) web.LevelSetLine {
	line := web.LevelSetLine{
		ID: s.ID, Title: s.Title, Edition: s.Edition, Kind: builtIn, State: builtIn, Rows: s.Rows(),
		Governs: governs(governing, s.ID), Demonstration: demonstration(s.ID),
	}
	if table, err := s.Table("levels"); err == nil {
		for row := range table.All() {
			if due := row.Date("review_due").Last(); due != "" && (line.ReviewDue.IsZero() || day(due).Before(line.ReviewDue)) {
				line.ReviewDue, line.Overdue = day(due), due < v.today()
			}
		}
	}
	return line
}

// today is the day on which the page is looked at.
func (v levelsView) today() string { return v.Now().Format(time.DateOnly) }

// governs reports whether a decision that a set governs lasts.
func governs(all []dose.Governing, set string) bool {
	return slices.ContainsFunc(all, func(g dose.Governing) bool { return g.Set == set && g.To == "" })
}

// LevelSet implements web.Levels.
func (v levelsView) LevelSet(ctx context.Context, who web.Person, language, id string, q web.LevelQuestion) (pg web.LevelSetPage, err error) {
	names, err := v.accountNames(ctx)
	if err != nil {
		return pg, err
	}
	name := func(id string) string { return cmp.Or(names[id], id) }
	governing, err := v.Dose.Governing(ctx, at)
	if err != nil {
		return pg, err
	}
	s, err := v.Dose.LevelSet(ctx, at, id)
	switch {
	case fault.Of(err) == fault.NotFound:
		set, ok := v.Content.Set(at, id)
		if !ok || set.Kind != "levels" {
			return pg, notFound("set of levels")
		}
		if s, err = dose.LevelSetOf(set); err != nil {
			return pg, err
		}
		pg.LevelSetLine = v.contentLine(set, governing)
	case err != nil:
		return pg, err
	default:
		pg.LevelSetLine = v.enteredLine(&s, governing)
	}
	pg.Head = web.LevelHead{
		Name: s.Name(), Title: s.Title, Authority: s.Authority, Country: s.Country, Year: s.Year, Edition: s.Edition, Source: s.Source,
		Page: s.Page, URL: s.URL, Statistic: s.Statistic, Adopted: s.Adopted, Published: s.Published, ValidFrom: s.ValidFrom, ValidTo: s.ValidTo,
		ReviewDue: s.ReviewDue, Note: s.Note, Replaces: s.Replaces, Official: s.Official,
	}
	pg.TypedBy, pg.CheckedBy, pg.EndedBy, pg.Reason, pg.Digest = name(s.TypedBy), name(s.CheckedBy), name(s.EndedBy), s.Reason, s.Digest
	pg.TypedAt, pg.CheckedAt, pg.EndedAt = instant(s.TypedAt), instant(s.CheckedAt), instant(s.EndedAt)
	pg.Mine = s.TypedBy == who.ID
	if err := v.lines(&pg, &s, who, name, language); err != nil {
		return pg, err
	}
	for _, g := range governing {
		if g.Set == id {
			pg.Decisions = append(pg.Decisions, web.Decision{ID: g.ID, Exam: v.words.exam(g.Exam, language).Label, From: day(g.From), To: day(g.To), By: name(g.DecidedBy)})
		}
	}
	if q.From != "" {
		pg.If, err = v.ifGoverned(ctx, id, language, q)
	}
	return pg, err
}

// instant returns a time of the database, the zero one for none.
func instant(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis)
}

// lines fills in the rows and what can be chosen for one.
func (v levelsView) lines(pg *web.LevelSetPage, s *dose.LevelSet, who web.Person, name func(string) string, language string) error {
	for _, r := range s.Rows {
		c := r.Cells
		exam := v.words.exam(c["exam_code"], language)
		if !slices.ContainsFunc(pg.Exams, func(x face.Choice) bool { return x.Code == exam.Code }) {
			pg.Exams = append(pg.Exams, exam)
		}
		pg.Lines = append(pg.Lines, web.LevelLine{
			ID: r.ID, Exam: exam.Label, Indication: v.words.indication(c["indication_code"], language), Group: c["patient_group"], Quantity: c["quantity"],
			Stated: c["value"] + " " + c["unit"], Phantom: c["phantom"], Statistic: cmp.Or(c["statistic"], s.Statistic), Page: s.PageOf(r), MinN: c["min_n"], Role: c["role"],
			TypedBy: name(r.TypedBy), CheckedBy: name(r.CheckedBy), Verdict: r.Verdict, Remark: r.Remark, CheckedAt: instant(r.CheckedAt),
			Mine: r.TypedBy == who.ID, Cells: c, Warning: v.Dose.LevelWarning(at, r),
		})
	}
	pg.AllExams = v.words.choices("dose/exam", "exam_code", "", language)
	pg.Indications = v.words.choices("dose/indication", "indication_code", "", language)
	for _, p := range []string{"head16", "body32", "body16"} {
		pg.Phantoms = append(pg.Phantoms, face.Choice{Code: p, Label: p})
	}
	table, err := v.Content.Table(at, "dose/quantity", "quantities")
	if err != nil {
		return err
	}
	for row := range table.All() {
		pg.Quantities = append(pg.Quantities, face.Choice{Code: row.Text("quantity"), Label: row.Text("quantity")})
		for _, u := range row.List("units") {
			if !slices.ContainsFunc(pg.Units, func(c face.Choice) bool { return c.Code == u }) {
				pg.Units = append(pg.Units, face.Choice{Code: u, Label: u})
			}
		}
	}
	return nil
}

// ifGoverned tells what would change if the set governed.
func (v levelsView) ifGoverned(ctx context.Context, id, language string, q web.LevelQuestion) (*web.LevelIf, error) {
	d, err := v.doseView(ctx, web.DoseQuery{Language: language})
	if err != nil {
		return nil, err
	}
	g := dose.Governing{Site: at, Set: id, Exam: q.Exam, From: q.From}
	changes, r, err := v.Dose.IfGoverned(ctx, g, dose.Last(d.o.Settings.Period, d.today), d.plan.of)
	if err != nil {
		return nil, err
	}
	out := &web.LevelIf{LevelQuestion: q}
	for _, end := range r.End {
		exam := cmp.Or(v.words.exam(end.Exam, language).Label, d.text("content.all_exams"))
		out.Ends = append(out.Ends, d.text("levels.if_ends", lang.Args{"set": end.Set, "exam": exam, "to": day(end.To)}))
	}
	outcome := func(o dose.LevelOutcome) (face.State, string) {
		state := v.words.state(string(o.State), language)
		if o.Level == nil {
			return state, ""
		}
		return state, o.Level.Stated + ", " + setName(o.Level)
	}
	for _, c := range changes {
		row := web.LevelIfRow{
			Room: d.plan.ref(c.Room).Name, Exam: v.words.exam(c.Exam, language).Label, Indication: v.words.indication(c.Indication, language),
			Size: d.size(c.Group), Quantity: string(c.Measure), Unit: c.Unit, N: c.N, Median: c.Median,
		}
		row.OldState, row.OldLevel = outcome(c.Old)
		row.NewState, row.NewLevel = outcome(c.New)
		out.Changes = append(out.Changes, row)
	}
	return out, nil
}

// Enter implements web.Levels.
func (v levelsView) Enter(ctx context.Context, who web.Person, h web.LevelHead, table string) (string, []web.LevelRefused, error) {
	if err := may(ctx, access.LevelEnter); err != nil {
		return "", nil, err
	}
	var rows dose.LevelTable
	var early []content.Problem
	if strings.TrimSpace(table) != "" {
		var err error
		if rows, early, err = dose.ReadLevels([]byte(table)); err != nil {
			return "", nil, err
		}
	}
	s, refused, err := v.Dose.EnterLevels(ctx, dose.LevelSet{Site: at, ID: h.Name, TypedBy: who.ID, LevelHead: dose.LevelHead{
		Title: h.Title, Authority: h.Authority, Country: h.Country, Year: h.Year, Edition: h.Edition, Source: h.Source, Page: h.Page, URL: h.URL,
		Statistic: h.Statistic, Adopted: h.Adopted, Published: h.Published, ValidFrom: h.ValidFrom, ValidTo: h.ValidTo, ReviewDue: h.ReviewDue,
		Official: h.Official, Note: h.Note, Replaces: h.Replaces,
	}}, rows)
	return s.ID, levelsRefused(append(early, refused...)), err
}

// levelsRefused is what was refused as the page says it.
func levelsRefused(all []content.Problem) []web.LevelRefused {
	var out []web.LevelRefused
	for _, p := range all {
		out = append(out, web.LevelRefused{Line: p.Line, Column: p.Column, Code: string(p.Code), Args: p.Args})
	}
	return out
}

// Add implements web.Levels.
func (v levelsView) Add(ctx context.Context, who web.Person, id, table string) (int, []web.LevelRefused, error) {
	if err := may(ctx, access.LevelEnter); err != nil {
		return 0, nil, err
	}
	rows, early, err := dose.ReadLevels([]byte(table))
	if err != nil {
		return 0, nil, err
	}
	n, refused, err := v.Dose.AddLevels(ctx, at, id, rows, who.ID)
	return n, levelsRefused(append(early, refused...)), err
}

// Type implements web.Levels.
func (v levelsView) Type(ctx context.Context, who web.Person, id, row string, cells map[string]string) ([]web.LevelRefused, error) {
	if err := may(ctx, access.LevelEnter); err != nil {
		return nil, err
	}
	var refused []content.Problem
	var err error
	if row == "" {
		_, refused, err = v.Dose.AddLevels(ctx, at, id, dose.LevelTable{Rows: []dose.LevelRow{{Cells: cells}}}, who.ID)
	} else {
		refused, err = v.Dose.CorrectLevel(ctx, at, id, row, cells, who.ID)
	}
	for i := range refused {
		refused[i].Line = 0 // it is one row
	}
	return levelsRefused(refused), err
}

// Remove implements web.Levels.
func (v levelsView) Remove(ctx context.Context, who web.Person, id, row string) error {
	if err := may(ctx, access.LevelEnter); err != nil {
		return err
	}
	return v.Dose.RemoveLevel(ctx, at, id, row, who.ID)
}

// Compare implements web.Levels.
func (v levelsView) Compare(ctx context.Context, who web.Person, id, row, page string, same bool, remark string) error {
	if err := may(ctx, access.LevelCheck); err != nil {
		return err
	}
	return v.Dose.CheckLevel(ctx, at, id, row, dose.LevelCheck{Page: page, Same: same, Remark: remark}, who.ID)
}

// Release implements web.Levels.
func (v levelsView) Release(ctx context.Context, who web.Person, id string) error {
	if err := may(ctx, access.LevelCheck); err != nil {
		return err
	}
	_, err := v.Dose.ReleaseLevels(ctx, at, id, who.ID)
	return err
}

// EndSet implements web.Levels.
func (v levelsView) EndSet(ctx context.Context, who web.Person, id, day, reason string) error {
	if err := may(ctx, access.LevelGovern); err != nil {
		return err
	}
	return v.Dose.EndLevels(ctx, at, id, day, reason, day == "", who.ID)
}

// Replace implements web.Levels.
func (v levelsView) Replace(ctx context.Context, who web.Person, id string, q web.LevelQuestion) error {
	if err := may(ctx, access.LevelGovern); err != nil {
		return err
	}
	_, err := v.Dose.Replace(ctx, dose.Governing{Site: at, Set: id, Exam: q.Exam, From: q.From, DecidedBy: who.ID})
	return err
}

// propose computes what would be proposed for the last twelve months.
func (v levelsView) propose(ctx context.Context, language string) (*doseView, *dose.Proposal, error) {
	d, err := v.doseView(ctx, web.DoseQuery{Language: language})
	if err != nil {
		return nil, nil, err
	}
	p, err := v.Dose.Propose(ctx, at, dose.Period{From: d.o.From, To: d.o.To}, d.plan.of)
	return d, p, err
}

// Proposal implements web.Levels.
func (v levelsView) Proposal(ctx context.Context, language string) (web.LevelProposal, error) {
	d, p, err := v.propose(ctx, language)
	if err != nil {
		return web.LevelProposal{}, err
	}
	out := web.LevelProposal{From: day(p.From), To: day(p.To), Rooms: p.Rooms, Share: p.Share}
	for i := range p.Rows {
		x := &p.Rows[i]
		row := web.LevelProposed{
			Exam: v.words.exam(x.Exam, language).Label, Indication: v.words.indication(x.Indication, language), Size: d.size(x.Group), Quantity: string(x.Measure), Unit: x.Unit,
			Kind: string(x.Kind), Value: x.Value, Low: x.Low, High: x.High, Interval: x.Interval, N: x.N, Enough: x.Enough, Assumed: x.Assumed,
		}
		var rooms []string
		for _, r := range x.Rooms {
			rooms = append(rooms, fmt.Sprintf("%s %s (%d)", d.plan.ref(r.Room).Name, d.catalogue.Printer(language).Sig(r.Median), r.N))
			if r.Counts {
				row.Rooms++
			}
		}
		row.Detail = strings.Join(rooms, ", ")
		out.Rows = append(out.Rows, row)
	}
	return out, nil
}

// Propose implements web.Levels.
func (v levelsView) Propose(ctx context.Context, who web.Person, kind, name string) (string, error) {
	if err := may(ctx, access.LevelEnter); err != nil {
		return "", err
	}
	_, p, err := v.propose(ctx, "en")
	if err != nil {
		return "", err
	}
	s, err := v.Sites.Site(ctx, at)
	if err != nil {
		return "", err
	}
	set, refused, err := v.Dose.EnterProposal(ctx, p, dose.LevelSet{
		Site: at, ID: name, Kind: dose.LevelKind(kind), TypedBy: who.ID, LevelHead: dose.LevelHead{Title: name, Authority: cmp.Or(s.Name, "site"), Country: cmp.Or(s.Country, "unknown")},
	})
	if err == nil && len(refused) > 0 {
		err = fault.Errorf(fault.Internal, "%d proposed rows do not fit: %s", len(refused), refused[0])
	}
	return set.ID, err
}

// File implements web.Levels.
func (v levelsView) File(ctx context.Context, id, as string) (name, mediaType string, data []byte, err error) {
	s, err := v.levelSet(ctx, id)
	if err != nil {
		return "", "", nil, err
	}
	switch as {
	case "tsv":
		return path.Base(s.ID) + ".tsv", "text/tab-separated-values; charset=utf-8", s.TSV(), nil
	case "fhir":
		data, err = s.FHIR()
		return path.Base(s.ID) + ".json", "application/fhir+json", data, err
	}
	return "", "", nil, fault.Errorf(fault.Invalid, "no file of the kind %s: tsv or fhir", strconv.Quote(as))
}

// levelSet returns a set that was entered, or one that the program brings.
func (h *house) levelSet(ctx context.Context, id string) (dose.LevelSet, error) {
	s, err := h.Dose.LevelSet(ctx, at, id)
	if fault.Of(err) != fault.NotFound {
		return s, err
	}
	set, ok := h.Content.Set(at, id)
	if !ok || set.Kind != "levels" {
		return s, err
	}
	return dose.LevelSetOf(set)
}
