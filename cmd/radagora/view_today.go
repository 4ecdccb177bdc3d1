package main

import (
	"context"
	"net/url"
	"strings"
	"time"

	"radagora/access"
	"radagora/audit/document"
	"radagora/audit/qualification"
	"radagora/dose/protocol"
	"radagora/dose/quality"
	"radagora/dose/review"
	"radagora/equipment"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// Today implements web.Today.
func (v *view) Today(ctx context.Context, _ web.Person, language string) (page web.TodayPage, err error) {
	if page.Started, err = v.Dose.Started(ctx, at); err != nil {
		return page, err
	}
	if page.Work, err = v.work(ctx); err != nil {
		return page, err
	}
	if err := v.arrivals(ctx, &page); err != nil {
		return page, err
	}
	page.Started = page.Started || !page.Last.IsZero()
	backups, err := v.backupTasks(ctx)
	if err != nil {
		return page, err
	}
	papers, err := v.paperTasks(ctx)
	if err != nil {
		return page, err
	}
	late, err := v.lateTasks(ctx, language)
	if err != nil {
		return page, err
	}
	papers = append(papers, late...)
	aside, err := v.asideTasks(ctx)
	if err != nil {
		return page, err
	}
	papers = append(papers, aside...)
	defer func() { page.Tasks = append(page.Tasks, papers...) }() // below what was measured
	if page.Started || len(papers) > 0 {                          // nobody misses a backup of nothing
		page.Tasks = backups
	}
	if !access.Can(ctx, access.AggregateRead, access.Subject{Site: at}) {
		return page, nil // what the day is about for them stands on other pages
	}
	d, err := v.doseView(ctx, web.DoseQuery{Language: language})
	if err != nil {
		return page, err
	}
	page.Tiles = d.tiles(d.o.Rows)
	for i := range page.Tiles {
		if strings.HasPrefix(page.Tiles[i].Path, "#") {
			page.Tiles[i].Path = "/dose/ct" + page.Tiles[i].Path
		}
	}
	if !access.Can(ctx, access.FindingRead, access.Subject{Site: at}) {
		return page, nil
	}
	tasks, err := d.tasks(ctx)
	page.Tasks = append(page.Tasks, tasks...)
	return page, err
}

// lateTasks are the lines of the day about what is past its day in the quality programme,
// the longest first, and the rest in one line.
func (v *view) lateTasks(ctx context.Context, language string) (all []web.Task, err error) {
	const most = 5
	p := v.catalogue.Printer(language)
	late, err := v.late(ctx, p)
	for i, d := range late {
		if i == most {
			return append(all, web.Task{What: msg("task.late_more", lang.Args{"n": len(late) - most}), Do: msg("task.late_do", nil), Path: "/quality", Shape: face.Dash}), err
		}
		all = append(all, web.Task{What: msg("task.late", lang.Args{"what": web.DueText(p, d)}), Until: d.Day, Overdue: true, Do: msg("task.late_do", nil), Path: d.Path, Shape: face.Dash})
	}
	return all, err
}

// asideTasks is the line of the day about objects whose UIDs were taken.
func (v *view) asideTasks(ctx context.Context) ([]web.Task, error) {
	if !access.Can(ctx, access.LinkChange, access.Subject{Site: at}) {
		return nil, nil
	}
	n, err := v.Archive.CountQuarantined(ctx, at)
	if err != nil || n == 0 {
		return nil, err
	}
	return []web.Task{{What: msg("task.aside", lang.Args{"n": n}), Do: msg("task.aside_do", nil), Path: "/images/reconcile", Shape: face.Dash}}, nil
}

// arrivals counts what came in the last day.
func (v *view) arrivals(ctx context.Context, page *web.TodayPage) error {
	since := v.Now().Add(-24 * time.Hour)
	for e, err := range v.Journal.Find(ctx, journal.Filter{Site: at, Kinds: []string{"archive.instance.stored"}, Newest: true, Limit: 1}) {
		if err != nil {
			return err
		}
		page.Last = e.At
	}
	for kind, n := range map[string]*int{"archive.instance.stored": &page.LastDay, "archive.instance.refused": &page.Refused} {
		count, err := v.Journal.Count(ctx, journal.Filter{Site: at, Kinds: []string{kind}, From: since})
		if err != nil {
			return err
		}
		*n = int(count)
	}
	return nil
}

// tasks are the lines of the day: findings that are open, names to map.
func (d *doseView) tasks(ctx context.Context) ([]web.Task, error) {
	open, err := d.Findings.List(ctx, finding.Filter{Site: at, States: []finding.State{finding.StateOpen, finding.StateInWork, finding.StateMeasuredAgain}, Limit: 20})
	if err != nil {
		return nil, err
	}
	today := d.today.Format(time.DateOnly)
	var all []web.Task
	for _, f := range open {
		if f.Rule == document.RuleDue || f.Rule == qualification.RuleExpiry {
			continue // they have lines of their own, for those who may see them
		}
		row := d.findingRow(f)
		what := lang.Args{"room": row.Room.Name, "exam": row.Exam.Label, "rule": d.text("finding.rule_" + ruleKey(f.Rule))}
		task := web.Task{
			What: msg("task.finding", what), Row: row,
			Until: day(f.Due), Overdue: f.Overdue(today), Do: msg("task.finding_do", nil), Path: "/dose/ct#finding-" + f.ID,
		}
		if f.Rule == equipment.RuleOverdue || f.Rule == equipment.RuleSuspended {
			machine, err := d.Equipment.Device(ctx, at, f.Subject.Object)
			if err != nil && fault.Of(err) != fault.NotFound {
				return nil, err
			}
			what["room"] = machine.Name
		}
		if path, of := findingPage(f); of { // it compares no median with a level
			task.Path, task.Row, task.Shape = path, nil, face.Dash
			if row.Exam.Label == "" {
				task.What = msg("task.finding_room", what)
			}
		}
		all = append(all, task)
	}
	if d.o.Unmapped > 0 {
		all = append(all, web.Task{What: msg("task.map", lang.Args{"n": d.o.Unmapped}), Do: msg("task.map_do", nil), Path: "/dose/mapping", Shape: face.Dash})
	}
	if len(d.o.Governing) == 0 && d.o.Len() > 0 {
		all = append(all, web.Task{What: msg("task.govern", nil), Do: msg("task.govern_do", nil), Path: "/settings/content", Shape: face.LoneDot})
	}
	return all, nil
}

// ruleKey is the rule of a finding as part of a key of the catalogue.
func ruleKey(rule string) string {
	return strings.ReplaceAll(strings.TrimPrefix(rule, "dose."), ".", "_")
}

// findingPage returns the page of a finding that no row of levels shows.
func findingPage(f finding.Finding) (string, bool) {
	switch f.Rule {
	case review.RuleCase, review.RuleGroup:
		return "/dose/cases", true
	case quality.RuleIncomplete:
		return "/dose/quality", true
	case protocol.RuleCheck:
		return "/dose/protocols/checks", true
	case protocol.RuleProposal:
		return "/dose/protocols", true
	case equipment.RuleOverdue, equipment.RuleSuspended:
		return "/quality/equipment/of/" + url.PathEscape(f.Subject.Object), true
	case review.RuleDrift:
		return "/dose/drift?" + url.Values{"machine": {f.Subject.Machine}, "exam": {f.Subject.Exam}, "quantity": {f.Subject.Quantity}}.Encode(), true
	}
	return "", false
}

// work returns what runs in the background.
func (v *view) work(ctx context.Context) ([]web.Work, error) {
	var all []web.Work
	if w := v.demo.work(); w != nil {
		all = append(all, *w)
	}
	pending, err := v.Dose.Pending(ctx)
	return append(all, v.pendingWork(pending)...), err
}
