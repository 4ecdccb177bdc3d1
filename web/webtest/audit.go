package webtest

import (
	"context"
	"io"
	"time"

	"radagora/audit"
	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
)

// Audits are made-up clinical audits.
type Audits struct{ *World }

// ready returns an error while the room is broken.
func (a Audits) ready() error {
	if a.Broken {
		return fault.Errorf(fault.Unavailable, "made up")
	}
	return nil
}

// madeTemplate is a made-up template with an article that is to be confirmed.
var madeTemplate = audit.Template{
	ID: "X_DOOR", Class: "service", Titles: map[string]string{"en": "Example door"}, Basis: []audit.Basis{{Act: "Example act", Article: "1", Verified: true}, {Act: "Example act", Article: "2"}},
	Standard: "Example standard", TargetText: "90 %", Indicator: "Example share", SampleText: "Example sample", ReauditMonths: 3, Manual: true, Own: true,
}

// madeDefinition is frozen with it.
func madeDefinition() *audit.Definition {
	return &audit.Definition{
		Template: madeTemplate, Digest: madeTemplate.Digest(), Direction: audit.Min, Target: 0.9, Method: audit.Random, N: 10, From: "2031-01-01", Until: "2031-02-28", By: "person-1",
		At: time.Date(2031, 3, 1, 9, 0, 0, 0, time.UTC), Double: true,
	}
}

// made returns one of three audits: 1 is planned, 2 collects, 3 was audited again by 4.
func (Audits) made(number int64) audit.Cycle {
	c := audit.Cycle{
		ID: "a", Series: "a", Number: number, TemplateID: "X_DOOR", Year: 2031, State: audit.Planned, Lead: "person-1",
		Record: audit.Record{Title: madeTemplate.Titles, Reason: "Example reason", PlannedBy: "person-1", PlannedAt: time.Date(2031, 1, 1, 9, 0, 0, 0, time.UTC)},
	}
	if number > 1 {
		c.State, c.Definition, c.Frame = audit.Collecting, madeDefinition(), &audit.Frame{Cases: 40, Seed: 7, Digest: "00"}
	}
	if number > 2 {
		c.State, c.ReauditDay = audit.ReauditDue, "2031-06-01"
		c.Result = &audit.Result{
			Count: audit.Count{Yes: 8, No: 2, Direction: audit.Min, Target: 0.9}, At: time.Date(2031, time.Month(number), 2, 9, 0, 0, 0, time.UTC),
			Decision: audit.Decision{Decision: audit.Undecided, Proportion: 0.8, Low: 0.49, High: 0.94, HasInterval: true}, Agreement: audit.Agreement{N: 10, Same: 9, Kappa: 0.6, Known: true},
		}
	}
	return c
}

// Audits implements web.Audits.
func (a Audits) Audits(context.Context, int) (web.AuditsPage, error) {
	pg := web.AuditsPage{Year: 2031, Years: []int{2031}, Programme: audit.Program{Results: map[string]int{audit.Met: 1}}}
	if a.Empty || a.Broken {
		return pg, a.ready()
	}
	pg.Templates, pg.People = []audit.Template{madeTemplate}, []face.Choice{{Code: "person-1", Label: "Person One"}}
	pg.Cycles = []audit.Cycle{a.made(3), a.made(2), a.made(1)}
	pg.Due = []audit.Reminder{{Kind: "action", Number: 3, Owner: "person-1", Due: "2031-03-01", Left: -4, Today: true}, {Kind: "reaudit", Number: 3, Owner: "person-1", Due: "2031-06-01", Left: 20}}
	pg.Ranked = []audit.Harmed{{Number: 3, Template: "X_DOOR", Ordinal: 1, Harm: 3, Closed: true}, {Number: 3, Ordinal: 2}}
	return pg, nil
}

// AuditTemplates implements web.Audits.
func (a Audits) AuditTemplates(context.Context) ([]audit.Template, error) {
	if a.Empty || a.Broken {
		return nil, a.ready()
	}
	return []audit.Template{madeTemplate}, nil
}

// wrongAudit refuses what a form says is wrong.
func wrongAudit(s string) error {
	if s == "wrong" {
		return fault.Errorf(fault.Invalid, "made up: wrong")
	}
	return nil
}

// PutAuditTemplate implements web.Audits.
func (Audits) PutAuditTemplate(_ context.Context, t audit.Template) error {
	return wrongAudit(t.Standard)
}

// Audit implements web.Audits.
func (a Audits) Audit(_ context.Context, number int64) (web.AuditPage, error) {
	if err := a.ready(); err != nil {
		return web.AuditPage{}, err
	}
	if a.Empty || number > 4 {
		return web.AuditPage{}, fault.Errorf(fault.NotFound, "no audit %d", number)
	}
	pg := web.AuditPage{Cycle: a.made(number), Template: madeTemplate, FrameSize: -1, People: []face.Choice{{Code: "person-1", Label: "Person One"}}}
	pg.Series = []audit.Cycle{pg.Cycle}
	if number > 1 {
		pg.Progress = audit.Progress{Cases: 10, Open: 2, Disagree: 1, Readers: map[string]int{"person-1": 10, "person-2": 9}, Agreement: audit.Agreement{N: 9, Same: 8, Kappa: 0.5, Known: true}}
	}
	if number > 2 {
		pg.Series = []audit.Cycle{a.made(3), a.made(4)}
		pg.Failed, pg.Open, pg.Changed = 2, 1, true
		pg.Actions = []audit.Action{{ID: "x1", Cause: "Example cause", What: "Example action", Owner: "person-1", Due: "2031-03-01"}, {ID: "x2", Cause: "c", What: "w", Owner: "o", Due: "2031-03-01", Done: "2031-02-01", Result: "r"}}
	}
	return pg, nil
}

// PlanAudit implements web.Audits.
func (Audits) PlanAudit(_ context.Context, p audit.Plan) (int64, error) {
	return 1, wrongAudit(p.Reason)
}

// StepAudit implements web.Audits.
func (Audits) StepAudit(_ context.Context, number int64, f web.AuditStep) (int64, error) {
	return number, wrongAudit(f.Text)
}

// AuditCases implements web.Audits.
func (a Audits) AuditCases(ctx context.Context, number int64) (web.AuditPage, []audit.Case, error) {
	pg, err := a.Audit(ctx, number)
	return pg, []audit.Case{
		{Ordinal: 1, ID: "example-case", Day: "2031-01-02", Automatic: "no", Answers: []audit.Answer{{Reader: "person-1", Verdict: "no"}, {Reader: "person-2", Verdict: "no", Comment: "c"}}, Reason: "Example why", Harm: 2},
		{Ordinal: 2, ID: "other-case", Answers: []audit.Answer{{Reader: "person-1", Verdict: "no"}, {Reader: "person-2", Verdict: "yes"}}},
		{Ordinal: 3, ID: "good-case", Settled: "yes"},
	}, err
}

// AnswerAudit implements web.Audits.
func (Audits) AnswerAudit(_ context.Context, _ int64, f web.AuditAnswer) error {
	return wrongAudit(f.Text)
}

// AuditReport implements web.Audits.
func (a Audits) AuditReport(_ context.Context, w io.Writer, _ string, _ int64) error {
	_, _ = io.WriteString(w, "%PDF-made-up")
	return a.ready()
}

// Inspection implements web.Audits.
func (a Audits) Inspection(context.Context) (web.InspectionPage, error) {
	if a.Empty || a.Broken {
		return web.InspectionPage{}, a.ready()
	}
	return web.InspectionPage{
		Duties: []audit.Duty{
			{
				ID: "XD1", Number: "Example act", Article: "1", Verified: true, Requirement: map[string]string{"en": "Example requirement"}, National: "Example section", Status: audit.Gap, Gaps: []string{audit.GapAudit, audit.GapNotMet},
				Facts:  []audit.Fact{{ID: "example.share", State: "known", Kind: "share", Value: 0.5, K: 1, Of: 2}, {ID: "example.flag", State: "known", Kind: "flag", Date: "2031-01-01"}, {ID: "example.off", State: "not_connected"}, {ID: "example.stat", State: "known", Kind: "stat", Value: 3}},
				Audits: []audit.DutyAudit{{Template: "X_DOOR", Number: 3, State: audit.Closed, Decision: audit.NotMet, Yes: 8, N: 10}, {Template: "X_WALL"}, {Template: "X_ROOF", Number: 2, State: audit.Planned}},
			},
		},
		Packs:  []audit.Pack{{Number: 1, Mock: true, AsOf: "2031-03-01", Digest: "0123456789abcdef0123", SignedBy: "person-1", SignedAs: "Person One, made up", SignedAt: time.Date(2031, 3, 1, 9, 0, 0, 0, time.UTC)}},
		Visits: []audit.Visit{{Number: 1, Kind: audit.Inspection, Body: "Example authority", Day: "2031-02-01", Findings: []audit.VisitFinding{{Text: "Example finding", Due: "2031-04-01"}, {Text: "f", Done: "2031-02-02", Answer: "a"}, {Text: "g"}}}},
	}, nil
}

// SayDuty implements web.Audits.
func (Audits) SayDuty(_ context.Context, _, national, _, _ string) error { return wrongAudit(national) }

// SignPack implements web.Audits.
func (Audits) SignPack(_ context.Context, as string, _ bool) (int64, error) { return 1, wrongAudit(as) }

// NoteVisit implements web.Audits.
func (Audits) NoteVisit(_ context.Context, v audit.Visit) error { return wrongAudit(v.Body) }

// ResolveVisit implements web.Audits.
func (Audits) ResolveVisit(_ context.Context, _ int64, _ int, _, what string) error {
	return wrongAudit(what)
}

// PackFile implements web.Audits.
func (a Audits) PackFile(_ context.Context, w io.Writer, _ string, _ int64, _ string) error {
	_, _ = io.WriteString(w, "made up")
	return a.ready()
}
