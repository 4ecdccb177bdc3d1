package main

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/access"
	"radagora/audit"
	"radagora/db"
	"radagora/evidence"
	"radagora/export"
	"radagora/fault"
	"radagora/journal"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// An auditView leads audits by pages.
type auditView struct{ *view }

// Audits implements web.Audits.
func (v auditView) Audits(ctx context.Context, year int) (pg web.AuditsPage, err error) {
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return pg, err
	}
	d, now := v.house.Audits, v.Now().In(here.Location()).Year()
	pg.Year = cmp.Or(year, now)
	all, err := d.Cycles(ctx, at, 0)
	if err != nil {
		return pg, err
	}
	pg.Years = []int{now + 1, now, pg.Year}
	for i := range all {
		pg.Years = append(pg.Years, all[i].Year)
	}
	slices.Sort(pg.Years)
	pg.Years = slices.Compact(pg.Years)
	pg.Cycles = slices.DeleteFunc(all, func(c audit.Cycle) bool { return c.Year != pg.Year })
	if pg.Due, err = d.Due(ctx, at); err != nil {
		return pg, err
	}
	if pg.Ranked, err = d.Ranked(ctx, at, pg.Year); err != nil {
		return pg, err
	}
	if pg.Programme, err = d.Programme(ctx, at, pg.Year); err != nil {
		return pg, err
	}
	if pg.Templates, err = d.Templates(ctx, at); err != nil {
		return pg, err
	}
	pg.People, err = v.people(ctx)
	return pg, err
}

// AuditTemplates implements web.Audits.
func (v auditView) AuditTemplates(ctx context.Context) ([]audit.Template, error) {
	return v.house.Audits.Templates(ctx, at)
}

// PutAuditTemplate implements web.Audits.
func (v auditView) PutAuditTemplate(ctx context.Context, t audit.Template) error {
	if err := may(ctx, access.AuditChange); err != nil {
		return err
	}
	_, err := v.house.Audits.PutTemplate(ctx, at, access.From(ctx).ID, t)
	return err
}

// Audit implements web.Audits.
func (v auditView) Audit(ctx context.Context, number int64) (pg web.AuditPage, err error) {
	d := v.house.Audits
	pg.FrameSize = -1
	if pg.Cycle, err = d.Cycle(ctx, at, number); err != nil {
		return pg, err
	}
	if pg.Template, err = d.Template(ctx, at, pg.TemplateID); err != nil {
		return pg, err
	}
	if pg.Series, err = d.Series(ctx, at, pg.Cycle.Series); err != nil {
		return pg, err
	}
	if pg.Actions, err = d.Actions(ctx, &pg.Cycle); err != nil {
		return pg, err
	}
	if pg.People, err = v.people(ctx); err != nil {
		return pg, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return pg, err
	}
	for _, room := range plan.Rooms {
		pg.Rooms = append(pg.Rooms, face.Choice{Code: room.ID, Label: room.Name})
	}
	for _, id := range pg.Template.Evidence {
		if def, ok := v.Evidence.Definition(id); ok && v.Evidence.Connected(id) && (def.Kind == evidence.Share || def.Kind == evidence.Rate) {
			pg.Facts = append(pg.Facts, face.Choice{Code: id, Label: id})
		}
	}
	return pg, v.auditCounts(ctx, &pg)
}

// auditCounts counts what a page of an audit says of its sample.
func (v auditView) auditCounts(ctx context.Context, pg *web.AuditPage) error {
	d, def := v.house.Audits, pg.Definition
	if def == nil {
		return nil
	}
	pg.Changed = pg.Template.Digest() != def.Digest
	if pg.State == audit.Defined && def.Evidence != "" {
		frame, err := d.Frame(ctx, at, def)
		if err != nil {
			return err
		}
		s, err := d.Settings(at)
		if err != nil {
			return err
		}
		pg.FrameSize = len(frame)
		if pg.Advice, err = s.Size(len(frame), s.Share, s.Margin); err != nil {
			return err
		}
	}
	if pg.Frame == nil {
		return nil
	}
	var err error
	if pg.Progress, err = d.Progress(ctx, &pg.Cycle); err != nil || pg.Result == nil {
		return err
	}
	all, err := d.Cases(ctx, &pg.Cycle)
	for i := range all {
		if all[i].Failed(def) {
			pg.Failed++
			if all[i].Reason == "" {
				pg.Open++
			}
		}
	}
	return err
}

// PlanAudit implements web.Audits.
func (v auditView) PlanAudit(ctx context.Context, p audit.Plan) (int64, error) {
	if err := may(ctx, access.AuditChange); err != nil {
		return 0, err
	}
	c, err := v.house.Audits.Plan(ctx, at, access.From(ctx).ID, p)
	return c.Number, err
}

// StepAudit implements web.Audits.
func (v auditView) StepAudit(ctx context.Context, number int64, f web.AuditStep) (int64, error) {
	if err := may(ctx, access.AuditChange); err != nil {
		return 0, err
	}
	d, by := v.house.Audits, access.From(ctx).ID
	var c audit.Cycle
	var err error
	switch f.Do {
	case "define":
		return number, v.defineAudit(ctx, by, number, f)
	case "draw":
		return number, v.drawAudit(ctx, by, number, f)
	case "analyse":
		_, err = d.Analyse(ctx, at, by, number)
	case "report":
		_, err = d.Report(ctx, at, by, number, f.Day, f.To, f.Text)
	case "act":
		_, err = d.Act(ctx, at, by, number, audit.Action{Cause: f.Cause, What: f.Text, Owner: f.Owner, Due: f.Due})
	case "done":
		err = d.Done(ctx, at, by, number, f.Action, f.Day, f.Text)
	case "await":
		_, err = d.Await(ctx, at, by, number, f.Day)
	case "again":
		if c, err = d.Reaudit(ctx, at, by, number, f.From, f.Until); err == nil {
			number = c.Number
		}
	case "close":
		_, err = d.Close(ctx, at, by, number, f.Text)
	default:
		err = fault.Errorf(fault.Invalid, "no such step of an audit")
	}
	return number, err
}

// defineAudit reads the form of a definition.
func (v auditView) defineAudit(ctx context.Context, by string, number int64, f web.AuditStep) error {
	def := audit.Definition{Direction: f.Direction, Method: f.Method, Evidence: f.Evidence, Room: f.Room, From: f.From, Until: f.Until, Double: f.Double}
	if f.N != "" {
		n, err := strconv.Atoi(f.N)
		if err != nil {
			return fault.Errorf(fault.Invalid, "cases wanted: a whole number")
		}
		def.N = n
	}
	var target *float64
	if f.Target != "" {
		x, err := strconv.ParseFloat(strings.Replace(f.Target, ",", ".", 1), 64)
		if err != nil {
			return fault.Errorf(fault.Invalid, "target: a number of percent, such as 95")
		}
		x /= 100
		target = &x
	}
	_, err := v.house.Audits.Define(ctx, at, by, number, def, target)
	return err
}

// drawAudit reads the form of a sample.
func (v auditView) drawAudit(ctx context.Context, by string, number int64, f web.AuditStep) error {
	var seed *uint64
	if f.Seed != "" {
		x, err := strconv.ParseUint(f.Seed, 10, 64)
		if err != nil {
			return fault.Errorf(fault.Invalid, "seed: a whole number from 0")
		}
		seed = &x
	}
	_, err := v.house.Audits.Draw(ctx, at, by, number, auditLines(f.Listed), seed)
	return err
}

// AuditCases implements web.Audits. Who looked stands in the journal.
func (v auditView) AuditCases(ctx context.Context, number int64) (web.AuditPage, []audit.Case, error) {
	if err := may(ctx, access.AuditCases); err != nil {
		return web.AuditPage{}, nil, err
	}
	pg, err := v.Audit(ctx, number)
	if err != nil {
		return pg, nil, err
	}
	all, err := v.house.Audits.Cases(ctx, &pg.Cycle)
	if err != nil {
		return pg, nil, err
	}
	return pg, all, v.notedAudit(ctx, "audit.case.listed", pg.ID, map[string]any{"number": number, "cases": len(all)})
}

// notedAudit notes in the journal that something was shown or handed out.
func (h *house) notedAudit(ctx context.Context, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return h.DB.Write(ctx, func(tx *db.Tx) error {
		return h.Journal.Append(ctx, tx, journal.Entry{Site: at, Actor: access.From(ctx).ID, Kind: kind, Subject: subject, Data: raw})
	})
}

// AnswerAudit implements web.Audits.
func (v auditView) AnswerAudit(ctx context.Context, number int64, f web.AuditAnswer) (err error) {
	if err := may(ctx, access.AuditAnswer); err != nil {
		return err
	}
	d, by := v.house.Audits, access.From(ctx).ID
	switch f.Do {
	case "answer":
		_, err = d.Answer(ctx, at, by, number, f.Case, f.Verdict, f.Text)
	case "settle":
		_, err = d.Settle(ctx, at, by, number, f.Case, f.Verdict)
	case "explain":
		_, err = d.Explain(ctx, at, by, number, f.Case, f.Text, f.Harm)
	default:
		err = fault.Errorf(fault.Invalid, "no such answer")
	}
	return err
}

// Inspection implements web.Audits.
func (v auditView) Inspection(ctx context.Context) (pg web.InspectionPage, err error) {
	d := v.house.Audits
	if pg.Duties, err = d.Duties(ctx, at); err != nil {
		return pg, err
	}
	if pg.Packs, err = d.Packs(ctx, at); err != nil {
		return pg, err
	}
	pg.Visits, err = d.Visits(ctx, at)
	return pg, err
}

// SayDuty implements web.Audits.
func (v auditView) SayDuty(ctx context.Context, id, national, answers, note string) error {
	if err := may(ctx, access.AuditChange); err != nil {
		return err
	}
	return v.house.Audits.SayDuty(ctx, at, access.From(ctx).ID, id, national, answers, note)
}

// SignPack implements web.Audits.
func (v auditView) SignPack(ctx context.Context, as string, mock bool) (int64, error) {
	if err := may(ctx, access.PackSign); err != nil {
		return 0, err
	}
	p, err := v.house.Audits.Sign(ctx, at, access.From(ctx).ID, as, mock)
	return p.Number, err
}

// NoteVisit implements web.Audits.
func (v auditView) NoteVisit(ctx context.Context, x audit.Visit) error {
	if err := may(ctx, access.AuditChange); err != nil {
		return err
	}
	_, err := v.house.Audits.Note(ctx, at, access.From(ctx).ID, x)
	return err
}

// ResolveVisit implements web.Audits.
func (v auditView) ResolveVisit(ctx context.Context, number int64, finding int, day, what string) error {
	if err := may(ctx, access.AuditChange); err != nil {
		return err
	}
	return v.house.Audits.Resolve(ctx, at, access.From(ctx).ID, number, finding, day, what)
}

// AuditReport implements web.Audits.
func (v auditView) AuditReport(ctx context.Context, w io.Writer, language string, number int64) error {
	return v.auditReport(ctx, w, language, number)
}

// PackFile implements web.Audits.
func (v auditView) PackFile(ctx context.Context, w io.Writer, language string, number int64, format string) error {
	if format == "pdf" {
		return v.auditPack(ctx, w, language, number)
	}
	p, err := v.house.Audits.Pack(ctx, at, number)
	if err != nil {
		return err
	}
	if err := v.notedAudit(ctx, "audit.pack.exported", p.ID, map[string]any{"number": number, "format": format}); err != nil {
		return err
	}
	_, err = w.Write(p.Raw)
	return err
}

// A paper makes a document about audits in a language.
type paper struct {
	*lang.Printer
	doc export.Document
}

// auditPaper begins a document.
func (h *house) auditPaper(ctx context.Context, language, title string, args lang.Args) (*paper, error) {
	catalogue, err := lang.Open()
	if err != nil {
		return nil, err
	}
	here, err := h.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	p := catalogue.Printer(catalogue.Match(language, ""))
	out := &paper{Printer: p}
	made := p.T("report.made", lang.Args{"at": p.DateTime(h.Now().In(here.Location()))})
	out.doc = export.Document{
		Title: p.T(title, args), Language: p.Tag(), Made: h.Now(), Producer: "radagora " + versionText(),
		Foot: []string{strings.Join(slices.DeleteFunc([]string{here.Name, made, "radagora " + versionText()}, func(s string) bool { return s == "" }), " · ")},
		Page: func(k, n int) string { return p.T("report.page", lang.Args{"k": k, "n": n}) },
	}
	out.doc.Blocks = []export.Block{export.Heading{Level: 1, Text: out.doc.Title}}
	return out, nil
}

// part adds a heading with a table.
func (p *paper) part(heading string, columns []string, rows [][]string) {
	p.doc.Blocks = append(p.doc.Blocks, export.Heading{Level: 2, Text: p.T(heading)})
	if len(rows) == 0 {
		p.doc.Blocks = append(p.doc.Blocks, export.Paragraph{Text: "–"})
		return
	}
	g := export.Grid{Rows: rows}
	for _, c := range columns {
		g.Columns = append(g.Columns, export.GridColumn{Label: p.T(c)})
	}
	p.doc.Blocks = append(p.doc.Blocks, g)
}

// day prints a day that is kept as text.
func (p *paper) day(s string) string {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return p.Date(t)
	}
	return cmp.Or(s, "–")
}

// result prints a result with its interval.
func (p *paper) result(r *audit.Result) (word, numbers string) {
	if r == nil {
		return "–", ""
	}
	word = p.T("audit.decision_" + r.Decision.Decision)
	if n := r.Count.N(); n > 0 {
		numbers = p.T("audit.of", lang.Args{"yes": r.Yes, "n": n, "share": p.Percent(r.Proportion)})
	}
	if r.HasInterval {
		numbers += ", " + p.T("audit.interval", lang.Args{"low": p.Percent(r.Low), "high": p.Percent(r.High)})
	}
	if r.HasUpper {
		numbers += ", " + p.T("audit.failure_upper", lang.Args{"n": r.Count.N(), "share": p.Percent(r.FailureUpper)})
	}
	return word, numbers
}

// aim prints a target.
func (p *paper) aim(d *audit.Definition) string {
	key := "audit.at_least"
	if d.Direction == audit.Max {
		key = "audit.at_most"
	}
	return p.T(key, lang.Args{"share": p.Percent(d.Target)})
}

// auditReport writes the report of an audit as PDF: counts, and no case.
func (h *house) auditReport(ctx context.Context, w io.Writer, language string, number int64) error {
	c, err := h.Audits.Cycle(ctx, at, number)
	if err != nil {
		return err
	}
	if c.Definition == nil {
		return fault.Errorf(fault.Conflict, "audit %d is %s: a report needs a definition", number, c.State)
	}
	p, err := h.auditPaper(ctx, language, "audit.number", lang.Args{"number": strconv.FormatInt(number, 10)})
	if err != nil {
		return err
	}
	d := c.Definition
	facts := [][]string{
		{p.T("audit.topic"), c.TemplateID + ": " + cmp.Or(c.Title[p.Tag()], c.Title["en"])},
		{p.T("audit.state"), p.T("audit.state_" + c.State)},
		{p.T("audit.who"), c.Lead},
		{p.T("audit.reason"), c.Reason},
		{p.T("audit.standard"), d.Template.Standard},
		{p.T("audit.target"), p.aim(d)},
		{p.T("audit.sample"), p.T("audit.method_"+d.Method) + ", " + p.day(d.From) + " – " + p.day(d.Until)},
		{p.T("audit.evidence"), cmp.Or(d.Evidence, p.T("audit.by_hand"))},
		{p.T("audit.frozen"), "SHA-256 " + d.Digest},
	}
	for _, b := range d.Template.Basis {
		note := ""
		if !b.Verified {
			note = " (" + p.T("audit.to_confirm") + ")"
		}
		facts = append(facts, []string{p.T("audit.articles"), strings.TrimSpace(b.Act+" "+b.Article) + note})
	}
	if c.ReportedDay != "" {
		facts = append(facts, []string{p.T("audit.reported"), p.day(c.ReportedDay) + ", " + c.ReportedTo}, []string{p.T("audit.conclusion"), c.Conclusion})
	}
	p.part("audit.provenance", []string{"audit.what", "audit.value"}, facts)
	series, err := h.Audits.Series(ctx, at, c.Series)
	if err != nil {
		return err
	}
	var rows [][]string
	for i := range series {
		word, numbers := p.result(series[i].Result)
		on := "–"
		if r := series[i].Result; r != nil {
			on = p.Date(r.At)
		}
		rows = append(rows, []string{strconv.FormatInt(series[i].Number, 10), on, word, numbers})
	}
	p.part("audit.course", []string{"audit.col_number", "audit.analysed_on", "audit.result", "audit.counts"}, rows)
	actions, err := h.Audits.Actions(ctx, &c)
	if err != nil {
		return err
	}
	rows = nil
	for _, a := range actions {
		rows = append(rows, []string{a.Cause, a.What, a.Owner, p.day(a.Due), p.day(a.Done)})
	}
	p.part("audit.actions", []string{"audit.cause", "audit.action", "audit.owner", "audit.due_day", "audit.done_day"}, rows)
	p.doc.Foot = append(p.doc.Foot, p.T("audit.draft"))
	if err := h.notedAudit(ctx, "audit.report.exported", c.ID, map[string]any{"number": number, "format": "pdf"}); err != nil {
		return err
	}
	return export.PDF(w, p.doc)
}

// auditPack writes a signed pack as PDF, a part for each duty.
func (h *house) auditPack(ctx context.Context, w io.Writer, language string, number int64) error {
	k, err := h.Audits.Pack(ctx, at, number)
	if err != nil {
		return err
	}
	title := "audit.pack_number"
	if k.Mock {
		title = "audit.pack_mock"
	}
	p, err := h.auditPaper(ctx, language, title, lang.Args{"number": strconv.FormatInt(number, 10)})
	if err != nil {
		return err
	}
	p.doc.Blocks = append(p.doc.Blocks, export.Paragraph{Text: p.T("audit.as_of") + " " + p.day(k.AsOf) + "\n" + p.T("audit.signed") + ": " + k.SignedAs + ", " + k.SignedAt.UTC().Format(time.RFC3339) + "\nSHA-256 " + k.Digest})
	for i := range k.Body.Duties {
		p.duty(&k.Body.Duties[i])
	}
	var rows [][]string
	for _, x := range k.Body.Visits {
		for _, f := range x.Findings {
			rows = append(rows, []string{p.T("audit.visit_" + x.Kind), x.Body, p.day(x.Day), f.Text, p.day(f.Due), p.day(f.Done)})
		}
	}
	p.part("audit.visits", []string{"audit.visit_kind", "audit.visit_body", "audit.visit_day", "audit.finding", "audit.due_day", "audit.done_day"}, rows)
	p.doc.Foot = append(p.doc.Foot, "SHA-256 "+k.Digest+" · "+p.T("audit.not_advice"))
	if err := h.notedAudit(ctx, "audit.pack.exported", k.ID, map[string]any{"number": number, "format": "pdf"}); err != nil {
		return err
	}
	return export.PDF(w, p.doc)
}

// duty adds a duty.
func (p *paper) duty(d *audit.Duty) {
	article := d.Number + " " + d.Article
	if !d.Verified {
		article += " (" + p.T("audit.to_confirm") + ")"
	}
	var gaps []string
	for _, g := range d.Gaps {
		gaps = append(gaps, p.T("audit.gap_"+g))
	}
	rows := [][]string{
		{p.T("audit.requirement"), cmp.Or(d.Requirement[p.Tag()], d.Requirement["en"])},
		{p.T("audit.national"), cmp.Or(d.National, "–")},
		{p.T("audit.state"), p.T("audit.status_" + d.Status)},
		{p.T("audit.answers"), cmp.Or(d.Answers, "–")},
		{p.T("audit.gaps"), cmp.Or(strings.Join(gaps, ", "), "–")},
	}
	if d.Note != "" {
		rows = append(rows, []string{p.T("audit.note"), d.Note})
	}
	for _, f := range d.Facts {
		value := p.T("audit.fact_" + f.State)
		switch {
		case f.State == string(evidence.Known) && f.Date != "":
			value = p.day(f.Date)
		case f.State == string(evidence.Known) && f.Kind == string(evidence.Share):
			value = p.T("audit.of", lang.Args{"yes": int(f.K), "n": int(f.Of), "share": p.Percent(f.Value)})
		case f.State == string(evidence.Known):
			value = p.Sig(f.Value)
		}
		rows = append(rows, []string{f.ID, value + " (" + p.day(f.From) + " – " + p.day(f.Until) + ")"})
	}
	for _, a := range d.Audits {
		value := p.T("audit.never")
		switch {
		case a.Decision != "":
			value = p.T("audit.decision_"+a.Decision) + ", " + strconv.Itoa(a.Yes) + "/" + strconv.Itoa(a.N) + ", " + p.day(a.On)
		case a.Number != 0:
			value = p.T("audit.state_" + a.State)
		}
		rows = append(rows, []string{a.Template, value})
	}
	p.doc.Blocks = append(p.doc.Blocks, export.Heading{Level: 2, Text: d.ID + " · " + article},
		export.Grid{Columns: []export.GridColumn{{Label: p.T("audit.what")}, {Label: p.T("audit.value"), Share: 3}}, Rows: rows})
}
