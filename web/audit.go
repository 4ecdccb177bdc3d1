package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/audit"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Audits runs clinical audits and keeps what inspectors get.
type Audits interface {
	// Audits returns the register of a year, 0 of this one.
	Audits(ctx context.Context, year int) (AuditsPage, error)
	AuditTemplates(ctx context.Context) ([]audit.Template, error)
	PutAuditTemplate(ctx context.Context, t audit.Template) error
	Audit(ctx context.Context, number int64) (AuditPage, error)
	// PlanAudit returns the number of a new audit.
	PlanAudit(ctx context.Context, p audit.Plan) (int64, error)
	// StepAudit takes a step and returns the number of the audit to go on with.
	StepAudit(ctx context.Context, number int64, f AuditStep) (int64, error)
	// AuditCases returns the sample, which names examinations, and notes who looked.
	AuditCases(ctx context.Context, number int64) (AuditPage, []audit.Case, error)
	// AnswerAudit keeps an answer: answer, settle or explain.
	AnswerAudit(ctx context.Context, number int64, f AuditAnswer) error
	// AuditReport writes the report as PDF.
	AuditReport(ctx context.Context, w io.Writer, language string, number int64) error
	Inspection(ctx context.Context) (InspectionPage, error)
	SayDuty(ctx context.Context, id, national, answers, note string) error
	SignPack(ctx context.Context, as string, mock bool) (int64, error)
	NoteVisit(ctx context.Context, v audit.Visit) error
	ResolveVisit(ctx context.Context, number int64, finding int, day, what string) error
	// PackFile writes a signed pack as pdf or json.
	PackFile(ctx context.Context, w io.Writer, language string, number int64, format string) error
}

// An AuditsPage is the register of a year.
type AuditsPage struct {
	Year      int
	Years     []int
	Cycles    []audit.Cycle
	Due       []audit.Reminder
	Ranked    []audit.Harmed
	Programme audit.Program
	Templates []audit.Template
	People    []face.Choice
}

// An AuditPage is one audit without its cases.
type AuditPage struct {
	audit.Cycle
	Template  audit.Template // as it is now; the definition has its own
	Series    []audit.Cycle
	Progress  audit.Progress
	Actions   []audit.Action
	People    []face.Choice
	Facts     []face.Choice // evidence of the template that has cases
	Rooms     []face.Choice
	FrameSize int // cases the definition would draw from, -1 if nobody can say
	Advice    int // cases a sample of them needs
	Failed    int // cases that failed
	Open      int // of them without a reason
	Changed   bool
}

// An AuditStep is a form of the page of an audit.
type AuditStep struct {
	Do                                           string // define, draw, analyse, report, act, done, await, again, close
	Target, Direction, Method, N, Evidence, Room string
	From, Until                                  string
	Double                                       bool
	Seed, Listed                                 string
	Day, To, Text                                string
	Cause, Owner, Due, Action                    string
}

// An AuditAnswer is a form of a case.
type AuditAnswer struct {
	Do            string // answer, settle, explain
	Case          int
	Verdict, Text string
	Harm          int
}

// An InspectionPage is what stands for each duty now, and what was signed.
type InspectionPage struct {
	Duties []audit.Duty
	Packs  []audit.Pack
	Visits []audit.Visit
}

const (
	auditsAt     = "/quality/audits"
	inspectionAt = "/quality/inspection"
)

func (s *server) auditRoutes(g registrar) {
	if s.Audits == nil {
		return
	}
	g.get(auditsAt, access.AuditRead, s.auditsPage)
	g.post(auditsAt, access.AuditChange, s.auditPlan)
	g.get(auditsAt+"/templates", access.AuditRead, s.auditTemplatesPage)
	g.post(auditsAt+"/templates", access.AuditChange, s.auditTemplatePut)
	g.get(auditsAt+"/{number}", access.AuditRead, s.auditPage)
	g.post(auditsAt+"/{number}", access.AuditChange, s.auditStep)
	g.get(auditsAt+"/{number}/cases", access.AuditCases, s.auditCasesPage)
	g.post(auditsAt+"/{number}/cases", access.AuditAnswer, s.auditAnswer)
	g.get(auditsAt+"/{number}/report", access.AuditRead, s.auditReport)
	g.get(inspectionAt, access.AuditRead, s.inspectionPage)
	g.post(inspectionAt+"/duty", access.AuditChange, s.inspectionDuty)
	g.post(inspectionAt+"/visits", access.AuditChange, s.inspectionVisit)
	g.post(inspectionAt+"/visits/{number}", access.AuditChange, s.inspectionResolve)
	g.post(inspectionAt+"/sign", access.PackSign, s.inspectionSign)
	g.get(inspectionAt+"/packs/{number}", access.AuditRead, s.packFile)
}

// refusedAudit is what to say to whoever typed something that cannot be.
func refusedAudit(err error) string {
	if kind := fault.Of(err); err != nil && (kind == fault.Unavailable || kind == fault.NotFound) {
		return err.Error()
	}
	return said(err)
}

// auditNumber returns the number in the address.
func (v *visit) auditNumber() (int64, error) {
	n, err := strconv.ParseInt(v.r.PathValue("number"), 10, 64)
	if err != nil || n < 1 {
		return 0, fault.Errorf(fault.NotFound, "no such audit")
	}
	return n, nil
}

// auditsPage shows the register and the plan of a year.
func (s *server) auditsPage(v *visit) error { return v.showAudits("") }

func (v *visit) showAudits(why string) error {
	year := 0
	if y := v.r.URL.Query().Get("year"); y != "" {
		n, err := strconv.Atoi(y)
		if err != nil || n < 1900 || n > 9999 {
			return fault.Errorf(fault.Invalid, "a year has four digits")
		}
		year = n
	}
	pg, err := v.Audits.Audits(v.r.Context(), year)
	if err != nil {
		return err
	}
	head := page{title: v.p.T("nav.audits"), lead: v.p.T("audit.lead"), section: auditsAt, actions: auditsTake(v)}
	v.refuse(&head, why)
	return v.show(head, auditsBody(v, pg))
}

// refuse says on a page why nothing was saved.
func (v *visit) refuse(pg *page, why string) {
	if why != "" {
		pg.status = http.StatusBadRequest
		pg.notices = append(pg.notices, face.Notice{Tone: face.Trouble, Title: v.p.T("form.refused"), Text: why})
	}
}

// auditPlan puts an audit into the plan.
func (s *server) auditPlan(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	year := 0
	if y := v.field("year"); y != "" {
		n, err := strconv.Atoi(y)
		if err != nil {
			return v.showAudits(v.p.T("audit.wrong_year"))
		}
		year = n
	}
	number, err := s.Audits.PlanAudit(v.r.Context(), audit.Plan{Template: v.field("template"), Lead: v.field("lead"), Reason: v.field("reason"), Year: year})
	if why := refusedAudit(err); why != "" {
		return v.showAudits(why)
	}
	if err != nil {
		return err
	}
	return v.back(auditsAt+"/"+strconv.FormatInt(number, 10), "audit")
}

// auditTemplatesPage lists the templates.
func (s *server) auditTemplatesPage(v *visit) error { return v.showTemplates("") }

func (v *visit) showTemplates(why string) error {
	all, err := v.Audits.AuditTemplates(v.r.Context())
	if err != nil {
		return err
	}
	head := page{title: v.p.T("audit.templates"), lead: v.p.T("audit.templates_lead"), section: auditsAt, crumbs: []crumb{{v.p.T("nav.audits"), auditsAt}}}
	v.refuse(&head, why)
	return v.show(head, auditTemplatesBody(v, all))
}

// auditTemplatePut keeps an own template.
func (s *server) auditTemplatePut(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	target, err := strconv.ParseFloat(strings.Replace(v.field("target"), ",", ".", 1), 64)
	n, errN := strconv.Atoi(orElse(v.field("n"), "0"))
	months, errM := strconv.Atoi(v.field("months"))
	if err != nil || errN != nil || errM != nil {
		return v.showTemplates(v.p.T("audit.wrong_number"))
	}
	t := audit.Template{
		ID: v.field("id"), Class: "service", Titles: map[string]string{"en": v.field("title")}, Standard: v.field("standard"), Indicator: v.field("indicator"),
		Direction: v.field("direction"), Target: target / 100, HasTarget: true, TargetText: v.field("target") + " %", SampleN: n, Census: n == 0, ReauditMonths: months,
	}
	err = s.Audits.PutAuditTemplate(v.r.Context(), t)
	if why := refusedAudit(err); why != "" {
		return v.showTemplates(why)
	}
	if err != nil {
		return err
	}
	return v.back(auditsAt+"/templates", "audit")
}

// auditPage shows an audit and its next step.
func (s *server) auditPage(v *visit) error { return v.showAudit("") }

func (v *visit) showAudit(why string) error {
	n, err := v.auditNumber()
	if err != nil {
		return err
	}
	pg, err := v.Audits.Audit(v.r.Context(), n)
	if err != nil {
		return err
	}
	head := page{
		title: v.p.T("audit.number", lang.Args{"number": strconv.FormatInt(n, 10)}), lead: pg.TemplateID + ": " + v.titled(pg.Title), section: auditsAt,
		crumbs: []crumb{{v.p.T("nav.audits"), auditsAt}}, actions: auditTake(v, pg),
	}
	v.refuse(&head, why)
	return v.show(head, auditBody(v, pg))
}

// titled is a text in the person's language.
func (v *visit) titled(all map[string]string) string { return orElse(all[v.p.Tag()], all["en"]) }

// auditStep takes a step of an audit.
func (s *server) auditStep(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	n, err := v.auditNumber()
	if err != nil {
		return err
	}
	f := AuditStep{
		Do: v.field("do"), Target: v.field("target"), Direction: v.field("direction"), Method: v.field("method"), N: v.field("n"), Evidence: v.field("evidence"),
		Room: v.field("room"), From: v.field("from"), Until: v.field("until"), Double: v.field("double") != "", Seed: v.field("seed"), Listed: v.field("listed"),
		Day: v.field("day"), To: v.field("to"), Text: v.field("text"), Cause: v.field("cause"), Owner: v.field("owner"), Due: v.field("due"), Action: v.field("action"),
	}
	next, err := s.Audits.StepAudit(v.r.Context(), n, f)
	if why := refusedAudit(err); why != "" {
		return v.showAudit(why)
	}
	if err != nil {
		return err
	}
	return v.back(auditsAt+"/"+strconv.FormatInt(next, 10), "audit")
}

// auditCasesPage shows the sample.
func (s *server) auditCasesPage(v *visit) error { return v.showCases("") }

func (v *visit) showCases(why string) error {
	n, err := v.auditNumber()
	if err != nil {
		return err
	}
	pg, all, err := v.Audits.AuditCases(v.r.Context(), n)
	if err != nil {
		return err
	}
	show := v.r.URL.Query().Get("show")
	if show != "all" && pg.Definition != nil {
		all = slices.DeleteFunc(all, func(c audit.Case) bool {
			if pg.Result != nil {
				return !c.Failed(pg.Definition)
			}
			return c.Verdict(pg.Definition.Double) != ""
		})
	}
	number := strconv.FormatInt(n, 10)
	head := page{
		title: v.p.T("audit.cases"), lead: v.p.T("audit.cases_lead"), section: auditsAt,
		crumbs: []crumb{{v.p.T("nav.audits"), auditsAt}, {v.p.T("audit.number", lang.Args{"number": number}), auditsAt + "/" + number}},
	}
	v.refuse(&head, why)
	return v.show(head, auditCasesBody(v, pg, all, show == "all"))
}

// auditAnswer keeps what somebody says of a case.
func (s *server) auditAnswer(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	n, err := v.auditNumber()
	if err != nil {
		return err
	}
	k, err := strconv.Atoi(v.field("case"))
	harm, errH := strconv.Atoi(orElse(v.field("harm"), "0"))
	if err != nil || errH != nil {
		return v.showCases(v.p.T("audit.wrong_number"))
	}
	err = s.Audits.AnswerAudit(v.r.Context(), n, AuditAnswer{Do: v.field("do"), Case: k, Verdict: v.field("verdict"), Text: v.field("text"), Harm: harm})
	if why := refusedAudit(err); why != "" {
		return v.showCases(why)
	}
	if err != nil {
		return err
	}
	return v.back(auditsAt+"/"+strconv.FormatInt(n, 10)+"/cases", "audit")
}

// auditReport sends the report.
func (s *server) auditReport(v *visit) error {
	n, err := v.auditNumber()
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := s.Audits.AuditReport(v.r.Context(), &b, v.p.Tag(), n); err != nil {
		return err
	}
	v.attach(fmt.Sprintf("audit-%d.pdf", n), "application/pdf")
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// inspectionPage shows the duties and what was signed.
func (s *server) inspectionPage(v *visit) error { return v.showInspection("") }

func (v *visit) showInspection(why string) error {
	pg, err := v.Audits.Inspection(v.r.Context())
	if err != nil {
		return err
	}
	head := page{title: v.p.T("nav.inspection"), lead: v.p.T("audit.inspection_lead"), section: inspectionAt}
	v.refuse(&head, why)
	return v.show(head, inspectionBody(v, pg))
}

// inspected answers a form of the page of inspections.
func (v *visit) inspected(err error) error {
	if why := refusedAudit(err); why != "" {
		return v.showInspection(why)
	}
	if err != nil {
		return err
	}
	return v.back(inspectionAt, "audit")
}

func (s *server) inspectionDuty(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	return v.inspected(s.Audits.SayDuty(v.r.Context(), v.field("id"), v.field("national"), v.field("answers"), v.field("note")))
}

func (s *server) inspectionVisit(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	visited := audit.Visit{Kind: v.field("kind"), Body: v.field("body"), Day: v.field("day")}
	for line := range strings.Lines(v.field("findings")) {
		if line = strings.TrimSpace(line); line != "" {
			visited.Findings = append(visited.Findings, audit.VisitFinding{Text: line, Due: v.field("due")})
		}
	}
	return v.inspected(s.Audits.NoteVisit(v.r.Context(), visited))
}

func (s *server) inspectionResolve(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	n, err := v.auditNumber()
	if err != nil {
		return err
	}
	k, err := strconv.Atoi(v.field("finding"))
	if err != nil {
		return v.showInspection(v.p.T("audit.wrong_number"))
	}
	return v.inspected(s.Audits.ResolveVisit(v.r.Context(), n, k, v.field("day"), v.field("text")))
}

func (s *server) inspectionSign(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	_, err := s.Audits.SignPack(v.r.Context(), v.field("as"), v.field("mock") != "")
	return v.inspected(err)
}

// packFile sends a signed pack.
func (s *server) packFile(v *visit) error {
	n, err := v.auditNumber()
	if err != nil {
		return err
	}
	format := orElse(v.r.URL.Query().Get("format"), "pdf")
	media := map[string]string{"pdf": "application/pdf", "json": "application/json"}[format]
	if media == "" {
		return fault.Errorf(fault.Invalid, "a pack is pdf or json")
	}
	var b bytes.Buffer
	if err := s.Audits.PackFile(v.r.Context(), &b, v.p.Tag(), n, format); err != nil {
		return err
	}
	v.attach(fmt.Sprintf("inspection-%d.%s", n, format), media)
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// auditDecided is the decision of a result with its numbers.
func (v *visit) auditDecided(r *audit.Result) (word, numbers string) {
	if r == nil {
		return "–", ""
	}
	word = v.p.T("audit.decision_" + r.Decision.Decision)
	if n := r.Count.N(); n > 0 {
		numbers = v.p.T("audit.of", lang.Args{"yes": r.Yes, "n": n, "share": v.p.Percent(r.Proportion)})
	}
	if r.HasInterval {
		numbers += ", " + v.p.T("audit.interval", lang.Args{"low": v.p.Percent(r.Low), "high": v.p.Percent(r.High)})
	}
	if r.HasUpper {
		numbers += ", " + v.p.T("audit.failure_upper", lang.Args{"n": r.Count.N(), "share": v.p.Percent(r.FailureUpper)})
	}
	return word, numbers
}

// aimed is a target in words.
func (v *visit) aimed(d *audit.Definition) string {
	if d.Direction == audit.Max {
		return v.p.T("audit.at_most", lang.Args{"share": v.p.Percent(d.Target)})
	}
	return v.p.T("audit.at_least", lang.Args{"share": v.p.Percent(d.Target)})
}

// days prints a day that is kept as text.
func (v *visit) days(s string) string {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return v.p.Date(t)
	}
	return orElse(s, "–")
}

// auditTable lists audits.
func (v *visit) auditTable(all []audit.Cycle) face.Table {
	p := v.p
	t := face.Table{
		ID: "audits", Caption: p.T("audit.register"), Empty: face.Nothing(p.T("audit.none"), p.T("audit.none_text")),
		Columns: []face.Column{
			{Label: p.T("audit.col_number"), Phone: face.Name},
			{Label: p.T("audit.topic"), Phone: face.Drawn},
			{Label: p.T("audit.state"), Phone: face.Beside},
			{Label: p.T("audit.result")},
			{Label: p.T("audit.who")},
			{Label: p.T("audit.reaudit")},
		},
	}
	for i := range all {
		c := &all[i]
		number := strconv.FormatInt(c.Number, 10)
		word, numbers := v.auditDecided(c.Result)
		t.Rows = append(t.Rows, face.Row{ID: "audit-" + number, Href: auditsAt + "/" + number, Cells: []templ.Component{
			face.Words(number, c.TemplateID), face.Words(v.titled(c.Title), ""), face.Words(p.T("audit.state_"+c.State), ""),
			face.Words(word, numbers), face.Words(c.Lead, ""), face.Words(v.days(c.ReauditDay), ""),
		}})
	}
	return t
}

// dueTable lists what falls due.
func (v *visit) dueTable(all []audit.Reminder) face.Table {
	p := v.p
	t := face.Table{
		ID: "due", Caption: p.T("audit.due"), Empty: face.Nothing(p.T("audit.nothing_due"), p.T("audit.nothing_due_text")),
		Columns: []face.Column{{Label: p.T("audit.what"), Phone: face.Name}, {Label: p.T("audit.owner")}, {Label: p.T("audit.due_day"), Phone: face.Beside}},
	}
	for i, r := range all {
		number := strconv.FormatInt(r.Number, 10)
		over := ""
		if r.Left < 0 {
			over = p.T("audit.overdue", lang.Args{"n": -r.Left})
		}
		t.Rows = append(t.Rows, face.Row{ID: "due-" + strconv.Itoa(i), Href: auditsAt + "/" + number, Cells: []templ.Component{
			face.Words(p.T("audit.due_"+r.Kind), p.T("audit.number", lang.Args{"number": number})), face.Words(r.Owner, ""), face.Words(v.days(r.Due), over),
		}})
	}
	return t
}

// harmTable ranks the failed cases of a year by harm.
func (v *visit) harmTable(all []audit.Harmed) face.Table {
	p := v.p
	t := face.Table{
		ID: "harm", Caption: p.T("audit.ranked"), Empty: face.Nothing(p.T("audit.no_failed"), p.T("audit.no_failed_text")),
		Columns: []face.Column{{Label: p.T("audit.harm"), Phone: face.Name}, {Label: p.T("audit.col_number")}, {Label: p.T("audit.failed"), Numeric: true, Phone: face.Beside}, {Label: p.T("audit.explained"), Numeric: true}},
	}
	type key struct {
		harm   int
		number int64
	}
	var order []key
	n, told := map[key]int{}, map[key]int{}
	for _, h := range all {
		k := key{h.Harm, h.Number}
		if n[k] == 0 {
			order = append(order, k)
		}
		n[k]++
		if h.Closed {
			told[k]++
		}
	}
	for _, k := range order {
		number := strconv.FormatInt(k.number, 10)
		t.Rows = append(t.Rows, face.Row{ID: fmt.Sprintf("harm-%d-%s", k.harm, number), Href: auditsAt + "/" + number, Cells: []templ.Component{
			face.Words(p.T("audit.harm_"+strconv.Itoa(k.harm)), ""), face.Words(number, ""), face.Words(p.Count(int64(n[k])), ""), face.Words(p.Count(int64(told[k])), ""),
		}})
	}
	return t
}

// templateTable lists templates.
func (v *visit) templateTable(all []audit.Template) face.Table {
	p := v.p
	t := face.Table{
		ID: "templates", Caption: p.T("audit.templates"), Empty: face.Nothing(p.T("audit.none"), p.T("audit.none_text")),
		Columns: []face.Column{
			{Label: p.T("audit.id"), Phone: face.Name},
			{Label: p.T("audit.topic"), Phone: face.Drawn},
			{Label: p.T("audit.articles")},
			{Label: p.T("audit.standard")},
			{Label: p.T("audit.target"), Phone: face.Beside},
			{Label: p.T("audit.sample")},
			{Label: p.T("audit.evidence")},
			{Label: p.T("audit.months"), Numeric: true},
		},
	}
	for i := range all {
		x := &all[i]
		facts := strings.Join(x.Evidence, ", ")
		if x.Manual {
			facts = p.T("audit.by_hand")
		}
		t.Rows = append(t.Rows, face.Row{ID: "t-" + x.ID, Cells: []templ.Component{
			face.Words(x.ID, p.T("audit.class_"+x.Class)), face.Words(x.Title(p.Tag()), ""), v.articles(x.Basis), face.Words(x.Standard, ""), face.Words(x.TargetText, x.TargetNote),
			face.Words(x.SampleText, ""), face.Words(facts, ""), face.Words(p.Count(int64(x.ReauditMonths)), ""),
		}})
	}
	return t
}

// articles names the articles a template serves, with those that are to be confirmed.
func (v *visit) articles(all []audit.Basis) templ.Component {
	var read, confirm []string
	for _, b := range all {
		if s := strings.TrimSpace(b.Act + " " + b.Article); b.Verified {
			read = append(read, s)
		} else {
			confirm = append(confirm, s)
		}
	}
	second := ""
	if len(confirm) > 0 {
		second = v.p.T("audit.confirm", lang.Args{"articles": strings.Join(confirm, ", ")})
	}
	return face.Words(orElse(strings.Join(read, ", "), "–"), second)
}

// auditFacts say what an audit holds cases against, and where it comes from.
func (v *visit) auditFacts(pg AuditPage) []face.Fact {
	p := v.p
	facts := []face.Fact{
		{Label: p.T("audit.state"), Value: p.T("audit.state_" + pg.State)},
		{Label: p.T("audit.who"), Value: pg.Lead},
		{Label: p.T("audit.reason"), Value: pg.Reason, Origin: pg.PlannedBy + ", " + p.DateTime(v.local(pg.PlannedAt))},
	}
	if d := pg.Definition; d != nil {
		facts = append(facts,
			face.Fact{Label: p.T("audit.standard"), Value: d.Template.Standard},
			face.Fact{Label: p.T("audit.target"), Value: v.aimed(d)},
			face.Fact{Label: p.T("audit.sample"), Value: p.T("audit.method_" + d.Method), Origin: v.days(d.From) + " – " + v.days(d.Until)},
			face.Fact{Label: p.T("audit.evidence"), Value: orElse(d.Evidence, p.T("audit.by_hand"))},
			face.Fact{Label: p.T("audit.frozen"), Value: d.By + ", " + p.DateTime(v.local(d.At)), Origin: "SHA-256 " + d.Digest},
		)
	}
	if f := pg.Frame; f != nil {
		facts = append(facts, face.Fact{
			Label: p.T("audit.frame"), Value: p.T("audit.drawn", lang.Args{"n": pg.Progress.Cases, "of": f.Cases, "seed": strconv.FormatUint(f.Seed, 10)}),
			Origin: strings.TrimSpace("SHA-256 " + f.Digest + " " + f.How),
		})
	}
	if pg.ReportedDay != "" {
		facts = append(facts, face.Fact{Label: p.T("audit.reported"), Value: v.days(pg.ReportedDay) + ", " + pg.ReportedTo, Origin: pg.Conclusion})
	}
	if pg.ClosedDay != "" {
		facts = append(facts, face.Fact{Label: p.T("audit.closed"), Value: v.days(pg.ClosedDay) + ", " + pg.ClosedBy, Origin: pg.ClosedWhy})
	}
	return facts
}

// auditTiles say where an audit stands.
func (v *visit) auditTiles(pg AuditPage) []face.Tile {
	p := v.p
	tiles := []face.Tile{{Label: p.T("audit.state"), Value: p.T("audit.state_" + pg.State)}}
	if r := pg.Result; r != nil {
		word, numbers := v.auditDecided(r)
		tiles = append(tiles, face.Tile{Label: p.T("audit.result"), Value: word, Reference: v.aimed(pg.Definition), Basis: numbers},
			face.Tile{Label: p.T("audit.failed"), Value: p.Count(int64(pg.Failed)), Basis: p.T("audit.unexplained", lang.Args{"n": pg.Open})})
	} else if pg.Frame != nil {
		tiles = append(tiles, face.Tile{Label: p.T("audit.collected"), Value: p.Count(int64(pg.Progress.Cases - pg.Progress.Open)), Reference: p.T("audit.of_cases", lang.Args{"n": pg.Progress.Cases})})
	}
	if a := pg.Progress.Agreement; a.N > 0 {
		kappa := p.T("audit.no_kappa")
		if a.Known {
			kappa = p.T("audit.kappa", lang.Args{"kappa": p.Sig(a.Kappa)})
		}
		tiles = append(tiles, face.Tile{Label: p.T("audit.agreement"), Value: p.Percent(a.Percent()), Reference: kappa, Basis: p.T("audit.of_cases", lang.Args{"n": a.N})})
	}
	return tiles
}

// auditCourse draws the cycles of a series beside their target.
func (v *visit) auditCourse(all []audit.Cycle) (t face.Trend, ok bool) {
	p := v.p
	line := face.Series{Label: p.T("audit.share")}
	var first, last time.Time
	for i := range all {
		r := all[i].Result
		if r == nil || r.Count.N() == 0 {
			continue
		}
		month := time.Date(r.At.Year(), r.At.Month(), 1, 0, 0, 0, 0, time.UTC)
		if first.IsZero() {
			first = month
		}
		last = month
		pt := face.Point{Month: month, N: r.Count.N(), Value: 100 * r.Proportion, Sentence: p.Month(month) + ": " + p.Percent(r.Proportion)}
		if r.HasInterval {
			pt.Low, pt.High = 100*r.Low, 100*r.High
		}
		if k := len(line.Points); k > 0 && line.Points[k-1].Month.Equal(month) {
			line.Points[k-1] = pt // the later one of a month
			continue
		}
		line.Points = append(line.Points, pt)
	}
	if len(line.Points) < 2 {
		return t, false
	}
	d := all[0].Definition
	return face.Trend{
		Chart:    face.Chart{ID: "course", Title: p.T("audit.course"), Text: p.T("audit.course_text")},
		Quantity: p.T("audit.share"), Unit: "%", From: first, Months: (last.Year()-first.Year())*12 + int(last.Month()-first.Month()) + 1,
		Series: []face.Series{line}, Levels: []face.Span{{Value: 100 * d.Target, Name: v.aimed(d), From: first}},
	}, true
}

// seriesTable shows the cycles of a series, before and after.
func (v *visit) seriesTable(all []audit.Cycle) face.Table {
	t := v.auditTable(all)
	t.ID, t.Caption = "series", v.p.T("audit.course")
	return t
}

// coded are choices whose words stand under their codes.
func (v *visit) coded(prefix string, codes ...string) (all []face.Choice) {
	for _, c := range codes {
		all = append(all, face.Choice{Code: c, Label: v.p.T(prefix + c)})
	}
	return all
}

// auditDuties lists duties with what stands for them.
func (v *visit) auditDuties(all []audit.Duty) face.Table {
	p := v.p
	t := face.Table{
		ID: "duties", Caption: p.T("audit.duties"), Empty: face.Nothing(p.T("audit.none"), p.T("audit.none_text")),
		Columns: []face.Column{
			{Label: p.T("audit.article"), Phone: face.Name},
			{Label: p.T("audit.requirement"), Phone: face.Drawn},
			{Label: p.T("audit.state"), Phone: face.Beside},
			{Label: p.T("audit.shows")},
			{Label: p.T("audit.gaps")},
			{Label: p.T("audit.national")},
			{Label: p.T("audit.answers")},
		},
	}
	for i := range all {
		d := &all[i]
		var gaps []string
		for _, g := range d.Gaps {
			gaps = append(gaps, p.T("audit.gap_"+g))
		}
		t.Rows = append(t.Rows, face.Row{ID: "duty-" + d.ID, Cells: []templ.Component{
			face.Words(d.Number+" "+d.Article, d.ID), face.Words(v.titled(d.Requirement), ""), face.Words(p.T("audit.status_"+d.Status), ""),
			face.Words(v.dutyFacts(d), v.dutyAudits(d)), face.Words(strings.Join(gaps, ", "), ""), face.Words(orElse(d.National, "–"), ""), face.Words(orElse(d.Answers, "–"), d.Note),
		}})
	}
	return t
}

// dutyFacts is the evidence of a duty in a line.
func (v *visit) dutyFacts(d *audit.Duty) string {
	var all []string
	for _, f := range d.Facts {
		all = append(all, f.ID+": "+v.auditFact(f))
	}
	return strings.Join(all, "; ")
}

// auditFact is a value of evidence with its number of cases.
func (v *visit) auditFact(f audit.Fact) string {
	switch {
	case f.State != "known":
		return v.p.T("audit.fact_" + f.State)
	case f.Date != "":
		return v.days(f.Date)
	case f.Kind == "share":
		return v.p.T("audit.of", lang.Args{"yes": int(f.K), "n": int(f.Of), "share": v.p.Percent(f.Value)})
	}
	return v.p.Sig(f.Value)
}

// dutyAudits are the audits of a duty in a line.
func (v *visit) dutyAudits(d *audit.Duty) string {
	var all []string
	for _, a := range d.Audits {
		if a.Number == 0 {
			all = append(all, a.Template+": "+v.p.T("audit.never"))
			continue
		}
		word := v.p.T("audit.state_" + a.State)
		if a.Decision != "" {
			word = v.p.T("audit.decision_" + a.Decision)
		}
		all = append(all, fmt.Sprintf("%s: %s (%d/%d)", a.Template, word, a.Yes, a.N))
	}
	return strings.Join(all, "; ")
}

// statusTiles count the duties by how they stand.
func (v *visit) statusTiles(all []audit.Duty) []face.Tile {
	n := map[string]int64{}
	for i := range all {
		n[all[i].Status]++
	}
	var tiles []face.Tile
	for _, s := range []string{audit.Shown, audit.Gap, audit.Declared, audit.Open} {
		tiles = append(tiles, face.Tile{Label: v.p.T("audit.status_" + s), Value: v.p.Count(n[s]), Reference: v.p.T("audit.of_duties", lang.Args{"n": len(all)})})
	}
	return tiles
}

// auditPacks lists signed packs.
func (v *visit) auditPacks(all []audit.Pack) face.Table {
	p := v.p
	t := face.Table{
		ID: "packs", Caption: p.T("audit.packs"), Empty: face.Nothing(p.T("audit.no_packs"), p.T("audit.no_packs_text")),
		Columns: []face.Column{{Label: p.T("audit.col_number"), Phone: face.Name}, {Label: p.T("audit.as_of"), Phone: face.Beside}, {Label: p.T("audit.signed")}, {Label: p.T("audit.digest")}, {Label: p.T("audit.take")}},
	}
	for i := range all {
		x := &all[i]
		number, kind := strconv.FormatInt(x.Number, 10), ""
		if x.Mock {
			kind = p.T("audit.mock")
		}
		t.Rows = append(t.Rows, face.Row{ID: "pack-" + number, Cells: []templ.Component{
			face.Words(number, kind), face.Words(v.days(x.AsOf), ""), face.Words(x.SignedAs, x.SignedBy+", "+p.DateTime(v.local(x.SignedAt))), face.Words(x.Digest[:min(16, len(x.Digest))], ""), packLinks(number),
		}})
	}
	return t
}

// yearChoices are the years of the register.
func yearChoices(all []int) (choices []face.Choice) {
	for _, y := range all {
		choices = append(choices, face.Choice{Code: strconv.Itoa(y), Label: strconv.Itoa(y)})
	}
	return choices
}

// templateChoices are the templates to plan from.
func (v *visit) templateChoices(all []audit.Template) (choices []face.Choice) {
	for i := range all {
		choices = append(choices, face.Choice{Code: all[i].ID, Label: all[i].ID + ": " + all[i].Title(v.p.Tag())})
	}
	return choices
}

// dutyChoices are the duties to say something of.
func (v *visit) dutyChoices(all []audit.Duty) (choices []face.Choice) {
	for i := range all {
		choices = append(choices, face.Choice{Code: all[i].ID, Label: all[i].Number + " " + all[i].Article})
	}
	return choices
}

// readers say who answered how much, in the order of their accounts.
func (v *visit) readers(p audit.Progress) (all []string) {
	for who, n := range p.Readers {
		all = append(all, v.p.T("audit.reader", lang.Args{"who": who, "n": n}))
	}
	slices.Sort(all)
	return all
}

// findingWords say how a finding of a visit stands.
func (v *visit) findingWords(f audit.VisitFinding) string {
	switch {
	case f.Done != "":
		return v.p.T("audit.done", lang.Args{"day": v.days(f.Done)}) + " " + f.Answer
	case f.Due != "":
		return v.p.T("audit.due_by", lang.Args{"day": v.days(f.Due)})
	}
	return v.p.T("audit.open")
}
