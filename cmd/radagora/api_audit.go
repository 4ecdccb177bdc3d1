package main

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"radagora/access"
	"radagora/audit"
	"radagora/fault"
)

// audits registers what programs may do with clinical audits.
func (d *apiDoor) audits() {
	a, group := auditAPI{d.house}, "Quality"
	operate(d, op{
		act: access.AuditRead, call: "GET /quality/audits", id: "list-audits", group: group,
		summary: "List the register of clinical audits", text: "Counts alone: no case of a sample.",
	}, a.list)
	operate(d, op{
		act: access.AuditChange, call: "POST /quality/audits", id: "plan-audit", group: group, status: http.StatusCreated,
		summary: "Plan an audit from a template", text: "Needs topic, lead and reason.",
	}, a.plan)
	operate(d, op{act: access.AuditRead, call: "GET /quality/audits/{number}", id: "get-audit", group: group, summary: "Read an audit"}, a.get)
	operate(d, op{
		act: access.AuditChange, call: "POST /quality/audits/{number}/definition", id: "define-audit", group: group,
		summary: "Freeze what an audit holds cases against", text: "What is left out comes from the template. An audit without a target cannot start.",
	}, a.define)
	operate(d, op{
		act: access.AuditChange, call: "POST /quality/audits/{number}/sample", id: "draw-audit", group: group,
		summary: "Draw the sample and freeze it", text: "The same frame and seed give the same cases.",
	}, a.draw)
	operate(d, op{
		act: access.AuditAnswer, call: "POST /quality/audits/{number}/answers", id: "answer-audit", group: group,
		summary: "Say what a case is", text: "In the place of what the same account said before.",
	}, a.answer)
	operate(d, op{
		act: access.AuditChange, call: "POST /quality/audits/{number}/analysis", id: "analyse-audit", group: group,
		summary: "Count, and decide", text: "Every case needs a verdict.",
	}, a.analyse)
}

// auditAPI answers programs about clinical audits.
type auditAPI struct{ *house }

// An apiAudit is a clinical audit without its cases.
type apiAudit struct {
	Number     int64           `json:"number"`
	Template   string          `json:"template" doc:"id of the template"`
	Year       int             `json:"year" doc:"of the plan"`
	State      string          `json:"state" enum:"planned,defined,sampled,collecting,analysed,reported,acting,reaudit_due,reaudited,closed"`
	Lead       string          `json:"lead" doc:"account"`
	Direction  string          `json:"direction,omitempty" enum:"min,max,present" doc:"once it is defined"`
	Target     *float64        `json:"target,omitempty" doc:"share from 0 to 1"`
	Method     string          `json:"method,omitempty" enum:"census,consecutive,random,stratified"`
	Definition string          `json:"definition,omitempty" doc:"SHA-256 of the frozen template"`
	Seed       string          `json:"seed,omitempty" doc:"of the sample, in digits"`
	Sample     string          `json:"sample,omitempty" doc:"SHA-256 of the ids of the cases"`
	ReauditDay string          `json:"reaudit_day,omitempty" doc:"YYYY-MM-DD"`
	Result     *apiAuditResult `json:"result,omitempty"`
}

// An apiAuditResult is what an audit found.
type apiAuditResult struct {
	Decision      string    `json:"decision" enum:"met,not_met,undecided,not_applicable"`
	Yes           int       `json:"yes"`
	No            int       `json:"no"`
	NotApplicable int       `json:"not_applicable" doc:"outside the denominator"`
	Proportion    *float64  `json:"proportion,omitempty" doc:"of yes; left out if nothing was counted"`
	Low           *float64  `json:"low,omitempty" doc:"lower bound of the Wilson interval; a census has none"`
	High          *float64  `json:"high,omitempty" doc:"upper bound"`
	FailureBelow  *float64  `json:"failure_below,omitempty" doc:"upper bound of the failure rate where no failure was found"`
	At            time.Time `json:"at"`
}

// auditOf is an audit as programs see it.
func auditOf(c audit.Cycle) apiAudit {
	out := apiAudit{Number: c.Number, Template: c.TemplateID, Year: c.Year, State: c.State, Lead: c.Lead, ReauditDay: c.ReauditDay}
	if d := c.Definition; d != nil {
		out.Direction, out.Target, out.Method, out.Definition = d.Direction, &d.Target, d.Method, d.Digest
	}
	if f := c.Frame; f != nil {
		out.Seed, out.Sample = strconv.FormatUint(f.Seed, 10), f.Digest
	}
	if r := c.Result; r != nil {
		x := apiAuditResult{Decision: r.Decision.Decision, Yes: r.Yes, No: r.No, NotApplicable: r.NA, At: r.At}
		if r.Count.N() > 0 {
			x.Proportion = &r.Proportion
		}
		if r.HasInterval {
			x.Low, x.High = &r.Low, &r.High
		}
		if r.HasUpper {
			x.FailureBelow = &r.FailureUpper
		}
		out.Result = &x
	}
	return out
}

type listAudits struct {
	Paging
	Year int `query:"year" minimum:"1900" maximum:"9999" doc:"of the plan; without it, all"`
}

func (a auditAPI) list(ctx context.Context, in *listAudits) (*apiPage[apiAudit], error) {
	all, err := a.Audits.Cycles(ctx, at, in.Year)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(c audit.Cycle) string { return strconv.FormatInt(c.Number, 10) }, auditOf)
}

type numberedAudit struct {
	Number int64 `path:"number" minimum:"1"`
}

type anAudit struct{ Body apiAudit }

// answered is an audit as it is now.
func auditAnswered(c audit.Cycle, err error) (*anAudit, error) {
	if err != nil {
		return nil, err
	}
	return &anAudit{auditOf(c)}, nil
}

func (a auditAPI) get(ctx context.Context, in *numberedAudit) (*anAudit, error) {
	return auditAnswered(a.Audits.Cycle(ctx, at, in.Number))
}

type planAudit struct {
	Body struct {
		Template string `json:"template" maxLength:"40"`
		Lead     string `json:"lead" maxLength:"200" doc:"account"`
		Reason   string `json:"reason" maxLength:"2000"`
		Year     int    `json:"year,omitempty" doc:"without it, this one"`
	}
}

func (a auditAPI) plan(ctx context.Context, in *planAudit) (*anAudit, error) {
	b := &in.Body
	c, err := a.Audits.Plan(ctx, at, access.From(ctx).ID, audit.Plan{Template: b.Template, Lead: b.Lead, Reason: b.Reason, Year: b.Year})
	if err != nil && fault.Of(err) == fault.NotFound {
		err = fault.As(fault.Invalid, err) // the template stands in the body, not in the address
	}
	return auditAnswered(c, err)
}

type defineAudit struct {
	Number int64 `path:"number" minimum:"1"`
	Body   struct {
		Target    *float64 `json:"target,omitempty" doc:"share from 0 to 1; without it, that of the template"`
		Direction string   `json:"direction,omitempty" enum:"min,max" doc:"where the template leaves it to the site"`
		Method    string   `json:"method,omitempty" enum:"census,consecutive,random,stratified"`
		Cases     int      `json:"cases,omitempty" doc:"wanted of a sample"`
		Evidence  string   `json:"evidence,omitempty" maxLength:"200" doc:"whose cases are the frame; without it, somebody lists them"`
		From      string   `json:"from,omitempty" maxLength:"10" doc:"first day of the window"`
		Until     string   `json:"until,omitempty" maxLength:"10" doc:"last day; without it, today"`
		Room      string   `json:"room,omitempty" maxLength:"200"`
		Double    bool     `json:"double,omitempty" doc:"every case is read by two people"`
	}
}

func (a auditAPI) define(ctx context.Context, in *defineAudit) (*anAudit, error) {
	b := &in.Body
	return auditAnswered(a.Audits.Define(ctx, at, access.From(ctx).ID, in.Number, audit.Definition{
		Direction: b.Direction, Method: b.Method, N: b.Cases, Evidence: b.Evidence, From: b.From, Until: b.Until, Room: b.Room, Double: b.Double,
	}, b.Target))
}

type drawAudit struct {
	Number int64 `path:"number" minimum:"1"`
	Body   struct {
		Seed  *uint64  `json:"seed,omitempty" doc:"without it, one is drawn"`
		Cases []string `json:"cases,omitempty" maxItems:"100000" doc:"to draw from, where no evidence has them; no names of patients"`
	}
}

func (a auditAPI) draw(ctx context.Context, in *drawAudit) (*anAudit, error) {
	return auditAnswered(a.Audits.Draw(ctx, at, access.From(ctx).ID, in.Number, in.Body.Cases, in.Body.Seed))
}

type answerAudit struct {
	Number int64 `path:"number" minimum:"1"`
	Body   struct {
		Case    int    `json:"case" minimum:"1" doc:"number in the sample"`
		Verdict string `json:"verdict" enum:"yes,no,na"`
		Comment string `json:"comment,omitempty" maxLength:"2000"`
	}
}

func (a auditAPI) answer(ctx context.Context, in *answerAudit) (*anAudit, error) {
	return auditAnswered(a.Audits.Answer(ctx, at, access.From(ctx).ID, in.Number, in.Body.Case, in.Body.Verdict, in.Body.Comment))
}

func (a auditAPI) analyse(ctx context.Context, in *numberedAudit) (*anAudit, error) {
	return auditAnswered(a.Audits.Analyse(ctx, at, access.From(ctx).ID, in.Number))
}
