package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/dose"
	"radagora/dose/review"
	"radagora/export"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/lang"
	"radagora/web"
)

// A committeeView reports to those who answer for radiation protection.
type committeeView struct{ *view }

// A committeeReport is the report being made.
type committeeReport struct {
	*view
	ctx    context.Context //nolint:containedctx // of the one call that makes it
	p      *lang.Printer
	period dose.Period
	plan   plan
	zone   *time.Location
	site   string // name
	out    web.CommitteeReport
	views  []*doseView
	sets   []string
}

// periodOf returns a period of days as somebody asks for it; without both it is the last
// twelve months. Invalid: it is none, or longer than ten years.
func (v *view) periodOf(ctx context.Context, from, to string) (dose.Period, error) {
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return dose.Period{}, err
	}
	if from == "" && to == "" {
		return dose.Last(12, v.Now().In(here.Location())), nil
	}
	first, bad := time.Parse(time.DateOnly, from)
	last, worse := time.Parse(time.DateOnly, to)
	if bad != nil || worse != nil || last.Before(first) || first.AddDate(10, 0, 0).Before(last) {
		return dose.Period{}, fault.Errorf(fault.Invalid, "a period has a first and a last day, as 2026-01-01, and is no longer than ten years")
	}
	return dose.Period{From: from, To: to}, nil
}

// Report implements web.Committee.
func (v committeeView) Report(ctx context.Context, language, from, to string) (web.CommitteeReport, error) {
	p, err := v.periodOf(ctx, from, to)
	if err != nil {
		return web.CommitteeReport{}, err
	}
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return web.CommitteeReport{}, err
	}
	r := &committeeReport{view: v.view, ctx: ctx, p: v.catalogue.Printer(language), period: p, zone: here.Location(), site: here.Name}
	if r.plan, err = v.plan(ctx); err != nil {
		return r.out, err
	}
	r.out.From, r.out.To = day(p.From), day(p.To)
	for _, part := range []func(language string) error{r.compliance, r.findings, r.cases, r.changes, r.settingsPart} {
		if err := part(language); err != nil {
			return r.out, err
		}
	}
	return r.out, nil
}

// add puts a part at the end.
func (r *committeeReport) add(p web.ReportPart) { r.out.Parts = append(r.out.Parts, p) }

// compliance is the table of medians beside their levels, of each modality that has any.
func (r *committeeReport) compliance(language string) error {
	r.add(web.ReportPart{ID: "compliance", Level: 2, Title: r.p.T("report.compliance"), Text: r.p.T("report.compliance_text")})
	for _, modality := range dose.Modalities() {
		o, err := r.Dose.OverviewOf(r.ctx, at, modality, r.period, r.plan.of, access.Quality)
		if err != nil {
			return err
		}
		d := &doseView{view: r.view, q: web.DoseQuery{Language: language, Modality: modality}, plan: r.plan, stored: o, zone: r.zone, site: at, today: r.Now().In(r.zone)}
		if d.o, err = o.In(d.units()); err != nil {
			return err
		}
		if len(d.o.Rows) == 0 {
			continue
		}
		r.views = append(r.views, d)
		part := web.ReportPart{ID: "compliance-" + strings.ToLower(modality), Level: 3, Title: r.p.T("dose.modality_" + strings.ToLower(modality)), Columns: []web.ReportColumn{
			{Label: r.p.T("dose.col_exam"), Share: 3},
			{Label: r.p.T("dose.col_room"), Share: 2},
			{Label: r.p.T("dose.filter_size"), Share: 1.6},
			{Label: r.p.T("dose.quantity"), Share: 1.3},
			{Label: r.p.T("dose.col_n"), Right: true, Share: 0.7},
			{Label: r.p.T("dose.col_median"), Right: true, Share: 1.4},
			{Label: r.p.T("report.quartiles"), Right: true, Share: 1.3},
			{Label: r.p.T("dose.col_interval"), Right: true, Share: 1.3},
			{Label: r.p.T("dose.col_level"), Right: true, Share: 1.6},
			{Label: r.p.T("dose.col_ratio"), Right: true, Share: 0.8},
			{Label: r.p.T("dose.col_state"), Share: 2.2},
		}}
		for _, row := range d.o.Rows {
			part.Rows = append(part.Rows, r.line(d, row))
		}
		r.add(part)
		if d.o.Unassigned > 0 || d.o.Unmapped > 0 {
			r.out.Parts[len(r.out.Parts)-1].Text = r.p.T("report.left", lang.Args{"unmapped": d.o.Unmapped, "unassigned": d.o.Unassigned})
		}
		for _, s := range d.sets() {
			if !slices.Contains(r.sets, s.ID) {
				r.sets = append(r.sets, s.ID)
			}
		}
	}
	if len(r.views) == 0 {
		r.out.Parts[0].Text = r.p.T("report.nothing")
	}
	return nil
}

// line is a row of the table.
func (r *committeeReport) line(d *doseView, row *dose.Row) []string {
	w, p := d.row(row), r.p
	median, quartiles, interval, level, ratio := "–", "–", "–", "–", "–"
	if w.N > 0 {
		median, quartiles = p.Quantity(w.Median, w.Unit), p.Sig(w.Q1)+"–"+p.Sig(w.Q3)
	}
	if w.High > w.Low {
		interval = p.Sig(w.Low) + "–" + p.Sig(w.High)
	}
	if w.Level != nil {
		level = p.Quantity(w.Level.Value, w.Unit) + " (" + w.Level.Set + ")"
	}
	if row.Ratio > 0 {
		ratio = p.Number(row.Ratio, 2)
	}
	exam := w.Exam.Label
	if w.Indication != "" {
		exam += ", " + w.Indication
	}
	var state strings.Builder
	state.WriteString(w.State.Word)
	for _, n := range w.Notes {
		state.WriteString("; " + n.Word)
	}
	basis := ""
	if row.Basis == dose.BasisCorrected {
		basis = ", " + p.T("basis."+w.Basis)
	}
	return []string{exam, w.Room.Name, w.Size, p.T("quantity."+w.Quantity) + basis, p.Count(int64(w.N)), median, quartiles, interval, level, ratio, state.String()}
}

// findings are the findings about doses that are open, or changed in the period.
func (r *committeeReport) findings(language string) error {
	all, err := r.Findings.List(r.ctx, finding.Filter{Site: at, Rule: "dose"})
	if err != nil {
		return err
	}
	people, err := r.people(r.ctx)
	if err != nil {
		return err
	}
	part := web.ReportPart{ID: "findings", Level: 2, Title: r.p.T("report.findings"), Text: r.p.T("report.findings_text"), None: r.p.T("report.no_findings"), Columns: []web.ReportColumn{
		{Label: r.p.T("report.since")},
		{Label: r.p.T("report.what"), Share: 3},
		{Label: r.p.T("dose.col_exam"), Share: 2},
		{Label: r.p.T("dose.col_room"), Share: 1.6},
		{Label: r.p.T("dose.quantity")},
		{Label: r.p.T("dose.col_state")},
		{Label: r.p.T("report.owner"), Share: 1.4},
		{Label: r.p.T("report.due")},
	}}
	for _, f := range all {
		live := f.State != finding.StateClosed && f.State != finding.StateWithdrawn
		since := f.FirstAt.In(r.zone).Format(time.DateOnly)
		if since > r.period.To || !live && since < r.period.From {
			continue
		}
		what := f.Rule
		if key := "finding.rule_" + ruleKey(f.Rule); r.p.Has(key) {
			what = r.p.T(key)
		}
		quantity := f.Subject.Quantity
		if quantity != "" && r.p.Has("quantity."+quantity) {
			quantity = r.p.T("quantity." + quantity)
		}
		part.Rows = append(part.Rows, []string{
			r.p.Date(day(since)), what, r.words.exam(f.Subject.Exam, language).Label, r.roomWords(f.Subject.Room), quantity,
			r.p.T("finding.state_" + string(f.State)), choice(people, f.Owner).Label, r.dateWords(f.Due),
		})
	}
	r.add(part)
	return nil
}

func (r *committeeReport) roomWords(id string) string {
	if id == "" {
		return ""
	}
	return r.plan.ref(id).Name
}

func (r *committeeReport) dateWords(d string) string {
	if d == "" {
		return ""
	}
	return r.p.Date(day(d))
}

// ruleWords names an alert rule.
func (r *committeeReport) ruleWords(id string) string { return alertWord(r.p, id) }

// cases are the open cases, and how the cases of the period went by rule.
func (r *committeeReport) cases(language string) error {
	all, err := r.Review.Cases(r.ctx, at, review.Filter{Live: true, Today: "9999-12-31", Limit: 1000})
	if err != nil {
		return err
	}
	people, err := r.people(r.ctx)
	if err != nil {
		return err
	}
	part := web.ReportPart{ID: "cases", Level: 2, Title: r.p.T("report.cases"), Text: r.p.T("report.cases_text"), None: r.p.T("report.no_cases"), Columns: []web.ReportColumn{
		{Label: r.p.T("cases.number"), Right: true, Share: 0.6},
		{Label: r.p.T("report.day")},
		{Label: r.p.T("dose.col_exam"), Share: 2.4},
		{Label: r.p.T("dose.col_room"), Share: 1.6},
		{Label: r.p.T("export.rule"), Share: 2},
		{Label: r.p.T("dose.col_ratio"), Right: true, Share: 0.7},
		{Label: r.p.T("dose.col_state"), Share: 1.3},
		{Label: r.p.T("report.owner"), Share: 1.4},
		{Label: r.p.T("report.due")},
	}}
	for _, c := range all {
		part.Rows = append(part.Rows, []string{
			fmt.Sprint(c.Number), r.dateWords(c.Day), r.words.exam(c.Exam, language).Label, r.roomWords(r.plan.of(c.Machine)), r.ruleWords(c.Rule),
			r.p.Number(c.Ratio, 2), r.p.T("review.state_" + string(c.State)), choice(people, c.Owner).Label, r.dateWords(c.Due),
		})
	}
	r.add(part)
	since, err := time.ParseInLocation(time.DateOnly, r.period.From, r.zone)
	if err != nil {
		return err
	}
	reports, err := r.Review.Report(r.ctx, at, since.UnixMilli())
	if err != nil {
		return err
	}
	by := web.ReportPart{ID: "rules", Level: 3, Title: r.p.T("report.by_rule"), None: r.p.T("report.no_cases"), Columns: []web.ReportColumn{
		{Label: r.p.T("export.rule"), Share: 4},
		{Label: r.p.T("nav.cases"), Right: true},
		{Label: r.p.T("report.open"), Right: true},
		{Label: r.p.T("report.justified"), Right: true},
		{Label: r.p.T("report.with_action"), Right: true},
		{Label: r.p.T("report.proved"), Right: true},
	}}
	for _, x := range reports {
		if x.Cases > 0 {
			by.Rows = append(by.Rows, []string{r.ruleWords(x.Rule), fmt.Sprint(x.Cases), fmt.Sprint(x.Open), fmt.Sprint(x.Justified), fmt.Sprint(x.WithAction), fmt.Sprint(x.Proved)})
		}
	}
	r.add(by)
	return nil
}

// changes are what may have changed doses or their comparison in the period.
func (r *committeeReport) changes(string) error {
	part := web.ReportPart{ID: "changes", Level: 2, Title: r.p.T("report.changes"), Text: r.p.T("report.changes_text"), None: r.p.T("report.no_changes"), Columns: []web.ReportColumn{
		{Label: r.p.T("report.day")}, {Label: r.p.T("report.kind"), Share: 1.6}, {Label: r.p.T("dose.col_room"), Share: 1.6}, {Label: r.p.T("report.what"), Share: 5},
	}}
	add := func(on, kind, room, what string) {
		if on >= r.period.From && on <= r.period.To {
			part.Rows = append(part.Rows, []string{on, r.p.T("report.kind_" + kind), room, what})
		}
	}
	for _, room := range r.plan.Rooms {
		for _, m := range room.Machines {
			marks, err := r.Quality.Marks(r.ctx, at, m.ID, r.period)
			if fault.Of(err) == fault.NotFound {
				continue
			}
			if err != nil {
				return err
			}
			for _, k := range marks {
				add(k.Day, string(k.Kind), room.Name, k.Text)
			}
			changed, err := r.Protocols.Marks(r.ctx, at, m.ID, r.period.From, r.period.To)
			if err != nil {
				return err
			}
			for _, k := range changed {
				var names []string
				for _, c := range k.Changed {
					names = append(names, c.Setting)
				}
				add(k.Day, "protocol", room.Name, k.Protocol+" ("+strings.Join(names, ", ")+")")
			}
		}
	}
	governing, err := r.Dose.Governing(r.ctx, at)
	if err != nil {
		return err
	}
	for _, g := range governing {
		add(g.From, "governs", "", strings.TrimSpace(g.Set+" "+g.Exam))
		add(g.To, "governs_ended", "", strings.TrimSpace(g.Set+" "+g.Exam))
	}
	slices.SortStableFunc(part.Rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	for _, row := range part.Rows {
		row[0] = r.p.Date(day(row[0]))
	}
	r.add(part)
	return nil
}

// settingsPart is what the numbers rest on, which stands at the foot of every page too.
func (r *committeeReport) settingsPart(string) error {
	s, err := dose.LoadSettings(r.Content, at)
	if err != nil {
		return err
	}
	basis, err := r.Dose.Basis(r.ctx, at)
	if err != nil {
		return err
	}
	settings := r.p.T("report.settings_text", lang.Args{
		"basis": r.p.T("basis." + string(basis)), "coverage": r.p.Percent(s.Coverage), "n": s.MinN, "from": r.p.Sig(s.WeightMin), "to": r.p.Sig(s.WeightMax), "edition": s.Ref.Edition,
	})
	part := web.ReportPart{ID: "sources", Level: 2, Title: r.p.T("report.sources"), Text: settings, Columns: []web.ReportColumn{
		{Label: r.p.T("content.set"), Share: 2}, {Label: r.p.T("report.title"), Share: 4}, {Label: r.p.T("content.edition")}, {Label: r.p.T("content.licence"), Share: 1.4}, {Label: r.p.T("export.digest"), Share: 2},
	}}
	var levels []string
	for _, id := range r.sets {
		set, ok := r.Content.Set(at, id)
		if !ok {
			part.Rows = append(part.Rows, []string{id, r.p.T("report.entered"), "", "", ""})
			continue
		}
		ref := set.Ref()
		part.Rows = append(part.Rows, []string{id, set.Title, set.Edition, set.Licence, short12(ref)})
		if strings.HasPrefix(id, "dose/level/") {
			levels = append(levels, set.Title+" "+set.Edition)
		}
	}
	r.add(part)
	sources := r.p.T("report.no_levels")
	if len(levels) > 0 {
		sources = r.p.T("report.levels_from", lang.Args{"sets": strings.Join(levels, "; ")})
	}
	head := []string{r.site, r.p.Date(r.out.From) + " – " + r.p.Date(r.out.To), r.p.T("report.made", lang.Args{"at": r.p.DateTime(r.Now().In(r.zone))}), "radagora " + versionText()}
	if r.synthetic(r.ctx) {
		head = append([]string{r.p.T("frame.synthetic")}, head...)
	}
	head = slices.DeleteFunc(head, func(s string) bool { return strings.TrimSpace(s) == "" })
	r.out.Foot = []string{strings.Join(head, " · "), settings, sources}
	return nil
}

// short12 is the beginning of the digest of a set.
func short12(ref content.Ref) string { return ref.Digest[:min(12, len(ref.Digest))] }

// ReportFile implements web.Committee.
func (v committeeView) ReportFile(ctx context.Context, w io.Writer, language, from, to string) error {
	if err := may(ctx, access.TableExport); err != nil {
		return err
	}
	r, err := v.Report(ctx, language, from, to)
	if err != nil {
		return err
	}
	p := v.catalogue.Printer(language)
	doc := export.Document{
		Title: p.T("nav.report_dose"), Language: p.Tag(), Made: v.Now(), Producer: "radagora " + versionText(), Foot: r.Foot,
		Page:   func(k, n int) string { return p.T("report.page", lang.Args{"k": k, "n": n}) },
		Blocks: []export.Block{export.Heading{Level: 1, Text: p.T("nav.report_dose")}, export.Paragraph{Text: r.Foot[0]}},
	}
	for _, part := range r.Parts {
		doc.Blocks = append(doc.Blocks, export.Heading{Level: part.Level, Text: part.Title})
		if part.Text != "" {
			doc.Blocks = append(doc.Blocks, export.Paragraph{Text: part.Text})
		}
		switch {
		case len(part.Columns) == 0:
		case len(part.Rows) == 0:
			doc.Blocks = append(doc.Blocks, export.Paragraph{Text: part.None})
		default:
			g := export.Grid{Rows: part.Rows}
			for _, c := range part.Columns {
				g.Columns = append(g.Columns, export.GridColumn{Label: c.Label, Share: c.Share, Right: c.Right})
			}
			doc.Blocks = append(doc.Blocks, g)
		}
	}
	data, err := json.Marshal(map[string]any{"part": "report", "format": "pdf", "from": r.From.Format(time.DateOnly), "to": r.To.Format(time.DateOnly)})
	if err != nil {
		return err
	}
	err = v.DB.Write(ctx, func(tx *db.Tx) error {
		return v.Journal.Append(ctx, tx, journal.Entry{Site: at, Actor: access.From(ctx).ID, Kind: "dose.table.exported", Subject: "report", Data: data})
	})
	if err != nil {
		return err
	}
	return export.PDF(w, doc)
}
