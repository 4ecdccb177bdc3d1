package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/audit"
	"radagora/fault"
)

type auditCmd struct {
	Templates auditTemplatesCmd `cmd:"" help:"List audit templates, or show one with the articles it serves."`
	List      auditListCmd      `cmd:"" help:"List the audits of a year."`
	Show      auditShowCmd      `cmd:"" help:"Show an audit: definition, sample, result, actions."`
	Plan      auditPlanCmd      `cmd:"" help:"Put an audit into the plan of a year."`
	Define    auditDefineCmd    `cmd:"" help:"Freeze standard, target and sample of a planned audit."`
	Size      auditSizeCmd      `cmd:"" help:"Advise how many cases a sample needs."`
	Draw      auditDrawCmd      `cmd:"" help:"Draw the sample and freeze it."`
	Cases     auditCasesCmd     `cmd:"" help:"List the cases of the sample with what was answered."`
	Answer    auditAnswerCmd    `cmd:"" help:"Say what a case is, or settle one on which readers disagree."`
	Analyse   auditAnalyseCmd   `cmd:"" help:"Count, and decide."`
	Explain   auditExplainCmd   `cmd:"" help:"Say why a case failed, and how much harm came of it."`
	Report    auditReportCmd    `cmd:"" help:"Note that the team saw the result, or write the report as PDF."`
	Act       auditActCmd       `cmd:"" help:"Add an action, or note that one was carried out."`
	Again     auditAgainCmd     `cmd:"" help:"Set the day of the re-audit, or begin it."`
	Close     auditCloseCmd     `cmd:"" help:"Close an audit."`
	Duties    auditDutiesCmd    `cmd:"" help:"List the duties of law with what stands for each, or type what the site says of one."`
	Pack      auditPackCmd      `cmd:"" help:"Sign an inspection pack, list them, or write one as PDF."`
	Visit     auditVisitCmd     `cmd:"" help:"List visits from outside, note one, or note what was done about a finding."`
	Sums      auditSumsCmd      `cmd:"" help:"Print the audits of a year of all sites as counts."`
}

// auditTable prints rows below heads.
func auditTable(out io.Writer, heads string, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.ReplaceAll(heads, " ", "\t"))
	for _, r := range rows {
		for i := range r {
			r[i] = cmp.Or(r[i], "-")
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

type auditTemplatesCmd struct {
	settings
	ID string `arg:"" optional:"" help:"Id of a template, such as R08."`
}

func (auditTemplatesCmd) Help() string {
	return `Lists the templates of clinical audits that come with the program and those of the site, or shows one. An article
marked "to confirm" was not read in the text of the directive.

` + besideServer + `

Example:

    radagora audit templates R08 --data /var/lib/radagora`
}

// Run prints them.
func (c auditTemplatesCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		if c.ID != "" {
			t, err := h.Audits.Template(ctx, at, c.ID)
			if err != nil {
				return err
			}
			fmt.Fprintf(sys.Out, "%s  %s\nstandard   %s\ntarget     %s\nindicator  %s\nsample     %s\nevidence   %s\nre-audit   after %d months\n",
				t.ID, t.Title("en"), t.Standard, t.TargetText, t.Indicator, t.SampleText, cmp.Or(strings.Join(t.Evidence, ", "), "by hand"), t.ReauditMonths)
			for _, b := range t.Basis {
				fmt.Fprintf(sys.Out, "basis      %s %s%s\n", b.Act, b.Article, map[bool]string{false: " (to confirm)"}[b.Verified])
			}
			return nil
		}
		all, err := h.Audits.Templates(ctx, at)
		if err != nil {
			return err
		}
		var rows [][]string
		for i := range all {
			t := &all[i]
			var basis []string
			for _, b := range t.Basis {
				basis = append(basis, strings.TrimSpace(b.Article+map[bool]string{false: " (to confirm)"}[b.Verified]))
			}
			rows = append(rows, []string{t.ID, t.Class, t.TargetText, strings.Join(basis, ", "), t.Title("en")})
		}
		return auditTable(sys.Out, "ID CLASS TARGET ARTICLES TITLE", rows)
	})
}

type auditListCmd struct {
	settings
	Year int `help:"Year of the plan; without it, all."`
}

func (auditListCmd) Help() string {
	return `Lists the register of audits, the latest first.

` + besideServer + `

Example:

    radagora audit list --year 2026 --data /var/lib/radagora`
}

// Run prints a line for each.
func (c auditListCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		all, err := h.Audits.Cycles(ctx, at, c.Year)
		if err != nil {
			return err
		}
		var rows [][]string
		for i := range all {
			x := &all[i]
			rows = append(rows, []string{strconv.FormatInt(x.Number, 10), strconv.Itoa(x.Year), x.TemplateID, x.State, auditResult(x.Result), x.Lead, x.ReauditDay})
		}
		return auditTable(sys.Out, "NUMBER YEAR TEMPLATE STATE RESULT LEAD RE-AUDIT", rows)
	})
}

// auditResult is a result in words of a table.
func auditResult(r *audit.Result) string {
	if r == nil {
		return ""
	}
	s := fmt.Sprintf("%s %d/%d", r.Decision.Decision, r.Yes, r.Count.N())
	if r.Count.N() > 0 {
		s += fmt.Sprintf(" = %.4f", r.Proportion)
	}
	if r.HasInterval {
		s += fmt.Sprintf(" (%.4f to %.4f)", r.Low, r.High)
	}
	if r.HasUpper {
		s += fmt.Sprintf(", failure rate below %.4f", r.FailureUpper)
	}
	return s
}

type auditShowCmd struct {
	settings
	Number int64 `arg:"" help:"Number of the audit."`
}

func (auditShowCmd) Help() string {
	return `Shows an audit without its cases: they name examinations, and "radagora audit cases" lists them.

` + besideServer + `

Example:

    radagora audit show 3 --data /var/lib/radagora`
}

// Run prints it.
func (c auditShowCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error { return h.printAudit(ctx, sys.Out, c.Number) })
}

// printAudit prints an audit without its cases.
func (h *house) printAudit(ctx context.Context, out io.Writer, number int64) error {
	x, err := h.Audits.Cycle(ctx, at, number)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "audit %d  %s %s\nstate      %s\nlead       %s\nreason     %s\n", x.Number, x.TemplateID, x.Title["en"], x.State, x.Lead, x.Reason)
	if d := x.Definition; d != nil {
		fmt.Fprintf(out, "target     %s %g\nsample     %s %d, %s to %s\nevidence   %s\ndefinition %s\n", d.Direction, d.Target, d.Method, d.N, d.From, d.Until, cmp.Or(d.Evidence, "by hand"), d.Digest)
	}
	if f := x.Frame; f != nil {
		p, err := h.Audits.Progress(ctx, &x)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "frame      %d cases, seed %d, digest %s\ncollected  %d of %d, disagreement on %d\n", f.Cases, f.Seed, f.Digest, p.Cases-p.Open, p.Cases, p.Disagree)
		for _, who := range slices.Sorted(maps.Keys(p.Readers)) {
			fmt.Fprintf(out, "reader     %s answered %d\n", who, p.Readers[who])
		}
		if p.N > 0 {
			fmt.Fprintf(out, "agreement  %d of %d%s\n", p.Same, p.N, map[bool]string{true: fmt.Sprintf(", kappa %.3f", p.Kappa)}[p.Known])
		}
	}
	if x.Result != nil {
		fmt.Fprintf(out, "result     %s\n", auditResult(x.Result))
	}
	actions, err := h.Audits.Actions(ctx, &x)
	for _, a := range actions {
		fmt.Fprintf(out, "action     %s  %s, owner %s, due %s, %s\n", a.ID, a.What, a.Owner, a.Due, cmp.Or(a.Done, "open"))
	}
	if x.ReauditDay != "" {
		fmt.Fprintf(out, "re-audit   %s\n", x.ReauditDay)
	}
	return err
}

// auditDo does something with an audit and prints it.
func (s settings) auditDo(ctx context.Context, sys *system, do func(d *audit.Desk) (int64, error)) error {
	return s.with(ctx, sys, func(h *house) error {
		number, err := do(h.Audits)
		if err != nil {
			return err
		}
		return h.printAudit(ctx, sys.Out, number)
	})
}

type auditPlanCmd struct {
	settings
	Template string `arg:"" help:"Id of the template."`
	Lead     string `required:"" help:"Account of who leads it."`
	Why      string `required:"" help:"Why it is planned."`
	Year     int    `help:"Year of the plan; without it, this one."`
}

func (auditPlanCmd) Help() string {
	return `Puts an audit into the plan: topic, lead and reason.

` + besideServer + `

Example:

    radagora audit plan C07 --lead anna --why "many repeats in room 2" --data /var/lib/radagora`
}

// Run plans.
func (c auditPlanCmd) Run(ctx context.Context, sys *system) error {
	return c.auditDo(ctx, sys, func(d *audit.Desk) (int64, error) {
		x, err := d.Plan(ctx, at, access.Local, audit.Plan{Template: c.Template, Lead: c.Lead, Reason: c.Why, Year: c.Year})
		return x.Number, err
	})
}

type auditDefineCmd struct {
	settings
	Number    int64    `arg:"" help:"Number of the audit."`
	Target    *float64 `help:"Share from 0 to 1; without it, that of the template."`
	Direction string   `help:"min or max, where the template leaves it to the site."`
	Method    string   `help:"census, consecutive, random or stratified; without it, as the template says."`
	Cases     int      `help:"Cases wanted; without it, as many as the template says."`
	Fact      string   `help:"Evidence whose cases are the frame; without it, somebody lists the cases."`
	First     string   `help:"First day of the window."`
	Last      string   `help:"Last day of the window; without it, today."`
	InRoom    string   `help:"Id of a room; without it, all."`
	Twice     bool     `help:"Every case is read by two people."`
}

func (auditDefineCmd) Help() string {
	return `Freezes what the audit holds cases against. Until the sample is drawn it can be defined anew; a template that is changed
later changes nothing. An audit without a target cannot start.

` + besideServer + `

Example:

    radagora audit define 3 --fact equipment.reject_rate --first 2026-07-01 --last 2026-09-30 --data /var/lib/radagora`
}

// Run defines.
func (c auditDefineCmd) Run(ctx context.Context, sys *system) error {
	return c.auditDo(ctx, sys, func(d *audit.Desk) (int64, error) {
		x, err := d.Define(ctx, at, access.Local, c.Number, audit.Definition{
			Direction: c.Direction, Method: c.Method, N: c.Cases, Evidence: c.Fact, From: c.First, Until: c.Last, Room: c.InRoom, Double: c.Twice,
		}, c.Target)
		return x.Number, err
	})
}

type auditSizeCmd struct {
	settings
	Population int     `arg:"" help:"How many cases there are."`
	Share      float64 `help:"Expected share; without it, that of the content."`
	Margin     float64 `help:"Half width of the interval wanted; without it, that of the content."`
}

func (auditSizeCmd) Help() string {
	return `Advises how many cases a sample needs to tell a share within a margin.

` + besideServer + `

Example:

    radagora audit size 400 --share 0.9 --data /var/lib/radagora`
}

// Run prints the number.
func (c auditSizeCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		s, err := h.Audits.Settings(at)
		if err != nil {
			return err
		}
		n, err := s.Size(c.Population, cmp.Or(c.Share, s.Share), cmp.Or(c.Margin, s.Margin))
		if err == nil {
			fmt.Fprintln(sys.Out, n)
		}
		return err
	})
}

type auditDrawCmd struct {
	settings
	Number int64    `arg:"" help:"Number of the audit."`
	Seed   *uint64  `help:"Seed; without it, one is drawn."`
	Case   []string `sep:"none" help:"A case to draw from, where no evidence has them; several times."`
	Listed string   `placeholder:"FILE" help:"File with the cases to draw from, one a line."`
}

func (auditDrawCmd) Help() string {
	return `Draws the sample and freezes it with its seed and digest: the same frame and seed give the same cases again.
docs/audit.md says how it is drawn.

` + besideServer + `

Example:

    radagora audit draw 3 --seed 42 --data /var/lib/radagora`
}

// Run draws.
func (c auditDrawCmd) Run(ctx context.Context, sys *system) error {
	listed := c.Case
	if c.Listed != "" {
		raw, err := os.ReadFile(c.Listed)
		if err != nil {
			return fault.As(fault.NotFound, err)
		}
		listed = append(listed, auditLines(string(raw))...)
	}
	return c.auditDo(ctx, sys, func(d *audit.Desk) (int64, error) {
		x, err := d.Draw(ctx, at, access.Local, c.Number, listed, c.Seed)
		return x.Number, err
	})
}

// auditLines are the lines of a text that say something.
func auditLines(s string) (all []string) {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

type auditCasesCmd struct {
	settings
	Number int64 `arg:"" help:"Number of the audit."`
	Failed bool  `help:"Only those that failed."`
}

func (auditCasesCmd) Help() string {
	return `Lists the cases of the sample. They name examinations: the list is for who may see patients' data.

` + besideServer + `

Example:

    radagora audit cases 3 --failed --data /var/lib/radagora`
}

// Run prints a line for each.
func (c auditCasesCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		x, err := h.Audits.Cycle(ctx, at, c.Number)
		if err != nil {
			return err
		}
		all, err := h.Audits.Cases(ctx, &x)
		if err != nil {
			return err
		}
		var rows [][]string
		for i := range all {
			k := &all[i]
			if c.Failed && !k.Failed(x.Definition) {
				continue
			}
			var said []string
			for _, a := range k.Answers {
				said = append(said, a.Reader+"="+a.Verdict)
			}
			rows = append(rows, []string{strconv.Itoa(k.Ordinal), k.ID, k.Day, k.Automatic, strings.Join(said, ","), k.Verdict(x.Definition.Double), k.Reason})
		}
		return auditTable(sys.Out, "CASE ID DAY EVIDENCE ANSWERS VERDICT REASON", rows)
	})
}

type auditAnswerCmd struct {
	settings
	Number  int64  `arg:"" help:"Number of the audit."`
	Case    int    `arg:"" help:"Number of the case in the sample."`
	Verdict string `arg:"" help:"yes, no or na (not applicable)."`
	Comment string `help:"What was seen; no names of patients."`
	By      string `help:"Account of who answers; without it, whoever is at the command line."`
	Settle  bool   `help:"Decide a case on which readers disagree."`
}

func (auditAnswerCmd) Help() string {
	return `Keeps what somebody says of a case: whether it is in the numerator, outside the denominator, or neither. What several
people say is kept apart.

` + besideServer + `

Example:

    radagora audit answer 3 17 no --comment "no answer on the form" --data /var/lib/radagora`
}

// Run answers or settles.
func (c auditAnswerCmd) Run(ctx context.Context, sys *system) error {
	return c.auditDo(ctx, sys, func(d *audit.Desk) (int64, error) {
		by := cmp.Or(c.By, access.Local)
		if c.Settle {
			_, err := d.Settle(ctx, at, by, c.Number, c.Case, c.Verdict)
			return c.Number, err
		}
		_, err := d.Answer(ctx, at, by, c.Number, c.Case, c.Verdict, c.Comment)
		return c.Number, err
	})
}

type auditAnalyseCmd struct {
	settings
	Number int64 `arg:"" help:"Number of the audit."`
}

func (auditAnalyseCmd) Help() string {
	return `Counts the verdicts and decides: a census compares with the target; a sample compares its 95 % interval; a target of
100 % is missed by one case and met only when the sample is as large as the template wants.

` + besideServer + `

Example:

    radagora audit analyse 3 --data /var/lib/radagora`
}

// Run analyses.
func (c auditAnalyseCmd) Run(ctx context.Context, sys *system) error {
	return c.auditDo(ctx, sys, func(d *audit.Desk) (int64, error) {
		_, err := d.Analyse(ctx, at, access.Local, c.Number)
		return c.Number, err
	})
}

type auditExplainCmd struct {
	settings
	Number int64  `arg:"" help:"Number of the audit."`
	Case   int    `arg:"" help:"Number of the case in the sample."`
	Why    string `required:"" help:"Why it failed; no names of patients."`
	Harm   int    `help:"0 none, 1 minor, 2 moderate, 3 major, 4 severe."`
}

func (auditExplainCmd) Help() string {
	return `Closes a failed case with its reason. Every failed case needs one before the report.

` + besideServer + `

Example:

    radagora audit explain 3 17 --why "night shift has no form" --harm 1 --data /var/lib/radagora`
}

// Run explains.
func (c auditExplainCmd) Run(ctx context.Context, sys *system) error {
	return c.auditDo(ctx, sys, func(d *audit.Desk) (int64, error) {
		_, err := d.Explain(ctx, at, access.Local, c.Number, c.Case, c.Why, c.Harm)
		return c.Number, err
	})
}

type auditReportCmd struct {
	settings
	Number     int64  `arg:"" help:"Number of the audit."`
	Day        string `help:"Day on which the team saw the result."`
	To         string `help:"Who saw it."`
	Conclusion string `help:"What follows from it."`
	PDF        string `name:"pdf" placeholder:"FILE" help:"Write the report there instead."`
	Language   string `default:"en" help:"Language of the report."`
}

func (auditReportCmd) Help() string {
	return `Notes that the team saw the result, or writes the report as PDF. A report holds counts and no case.

` + besideServer + `

Example:

    radagora audit report 3 --day 2026-11-23 --to "team meeting" --conclusion "the form is not at hand at night" --data /var/lib/radagora`
}

// Run notes or writes.
func (c auditReportCmd) Run(ctx context.Context, sys *system) error {
	if c.PDF != "" {
		return c.with(ctx, sys, func(h *house) error {
			return writeFile(c.PDF, func(w io.Writer) error { return h.auditReport(ctx, w, c.Language, c.Number) })
		})
	}
	return c.auditDo(ctx, sys, func(d *audit.Desk) (int64, error) {
		_, err := d.Report(ctx, at, access.Local, c.Number, c.Day, c.To, c.Conclusion)
		return c.Number, err
	})
}

// writeFile writes a new file; what is there already stays.
func writeFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault.As(fault.Conflict, err)
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	return write(f)
}

type auditActCmd struct {
	settings
	Number int64  `arg:"" help:"Number of the audit."`
	Cause  string `help:"Why it came to what was found."`
	What   string `help:"What is to be done."`
	Owner  string `help:"Account of who does it."`
	Due    string `help:"Day by which."`
	Done   string `placeholder:"ID" help:"Note that this action was carried out."`
	Day    string `help:"Day on which it was."`
	Result string `help:"What came of it."`
}

func (auditActCmd) Help() string {
	return `Adds an action with cause, owner and due date, or notes that one was carried out.

` + besideServer + `

Example:

    radagora audit act 3 --cause "no form at night" --what "forms in room 2" --owner ben --due 2026-12-20 --data /var/lib/radagora`
}

// Run adds or notes.
func (c auditActCmd) Run(ctx context.Context, sys *system) error {
	return c.auditDo(ctx, sys, func(d *audit.Desk) (int64, error) {
		if c.Done != "" {
			return c.Number, d.Done(ctx, at, access.Local, c.Number, c.Done, c.Day, c.Result)
		}
		_, err := d.Act(ctx, at, access.Local, c.Number, audit.Action{Cause: c.Cause, What: c.What, Owner: c.Owner, Due: c.Due})
		return c.Number, err
	})
}

type auditAgainCmd struct {
	settings
	Number int64  `arg:"" help:"Number of the audit."`
	Day    string `help:"Day of the re-audit; without it, as many months from today as the template says."`
	Begin  bool   `help:"Begin the re-audit with the frozen definition."`
	First  string `help:"First day of its window; without it, a window as long as before."`
	Last   string `help:"Last day; without it, today."`
}

func (auditAgainCmd) Help() string {
	return `Sets the day of the re-audit, or begins it: another audit with the same frozen definition, bound to this one.

` + besideServer + `

Example:

    radagora audit again 3 --begin --data /var/lib/radagora`
}

// Run sets or begins.
func (c auditAgainCmd) Run(ctx context.Context, sys *system) error {
	return c.auditDo(ctx, sys, func(d *audit.Desk) (int64, error) {
		if c.Begin {
			x, err := d.Reaudit(ctx, at, access.Local, c.Number, c.First, c.Last)
			return x.Number, err
		}
		_, err := d.Await(ctx, at, access.Local, c.Number, c.Day)
		return c.Number, err
	})
}

type auditCloseCmd struct {
	settings
	Number int64  `arg:"" help:"Number of the audit."`
	Why    string `help:"Reason, where neither it nor its re-audit met the target."`
}

func (auditCloseCmd) Help() string {
	return `Closes an audit: after a report that met the target, after a re-audit that did, or with a reason.

` + besideServer + `

Example:

    radagora audit close 3 --data /var/lib/radagora`
}

// Run closes.
func (c auditCloseCmd) Run(ctx context.Context, sys *system) error {
	return c.auditDo(ctx, sys, func(d *audit.Desk) (int64, error) {
		_, err := d.Close(ctx, at, access.Local, c.Number, c.Why)
		return c.Number, err
	})
}

type auditDutiesCmd struct {
	settings
	ID       string `arg:"" optional:"" help:"Id of a duty, such as LD13, to say something of it."`
	National string `help:"Article of national law."`
	Answers  string `help:"Function of who answers for it."`
	Note     string `help:"What the site says besides; no names of patients."`
}

func (auditDutiesCmd) Help() string {
	return `Lists the duties of law with the evidence and audits that stand for each and what is missing, or keeps what the site
says of one. Not legal advice.

` + besideServer + `

Example:

    radagora audit duties LD13 --national "section 4 of the ordinance" --answers "head of department" --data /var/lib/radagora`
}

// Run prints or keeps.
func (c auditDutiesCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		if c.ID != "" {
			return h.Audits.SayDuty(ctx, at, access.Local, c.ID, c.National, c.Answers, c.Note)
		}
		all, err := h.Audits.Duties(ctx, at)
		if err != nil {
			return err
		}
		var rows [][]string
		for i := range all {
			d := &all[i]
			rows = append(rows, []string{d.ID, d.Number + " " + d.Article, d.National, d.Status, strings.Join(d.Gaps, ","), d.Answers})
		}
		return auditTable(sys.Out, "ID ARTICLE NATIONAL STATUS MISSING ANSWERS", rows)
	})
}

type auditPackCmd struct {
	settings
	Number   int64  `arg:"" optional:"" help:"Number of a pack, to write it."`
	PDF      string `name:"pdf" placeholder:"FILE" help:"Write the pack there as PDF."`
	JSON     string `name:"json" placeholder:"FILE" help:"Write what was signed there."`
	Sign     string `placeholder:"NAME" help:"Sign a new pack with this name and function."`
	Mock     bool   `help:"The new pack is for practice."`
	Language string `default:"en" help:"Language of the PDF."`
}

func (auditPackCmd) Help() string {
	return `Lists what was signed for inspectors, signs a pack, or writes one. A pack freezes every duty as it stands: article,
national article, evidence as of the day, audits, gaps, who answers. It holds no patient's data.

` + besideServer + `

Example:

    radagora audit pack --sign "Anna Example, head of department" --mock --data /var/lib/radagora`
}

// Run signs, writes or lists.
func (c auditPackCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		switch {
		case c.Sign != "":
			p, err := h.Audits.Sign(ctx, at, access.Local, c.Sign, c.Mock)
			if err == nil {
				fmt.Fprintf(sys.Out, "pack %d as of %s, digest %s\n", p.Number, p.AsOf, p.Digest)
			}
			return err
		case c.Number != 0:
			return c.write(ctx, h, sys.Out)
		}
		all, err := h.Audits.Packs(ctx, at)
		var rows [][]string
		for i := range all {
			p := &all[i]
			rows = append(rows, []string{strconv.FormatInt(p.Number, 10), p.AsOf, map[bool]string{true: "mock", false: "real"}[p.Mock], p.SignedAs, p.SignedAt.UTC().Format(time.DateTime), p.Digest})
		}
		if err != nil {
			return err
		}
		return auditTable(sys.Out, "NUMBER AS-OF KIND SIGNED AT DIGEST", rows)
	})
}

// write writes a pack.
func (c auditPackCmd) write(ctx context.Context, h *house, out io.Writer) error {
	p, err := h.Audits.Pack(ctx, at, c.Number)
	if err != nil {
		return err
	}
	if c.PDF == "" && c.JSON == "" {
		_, err := out.Write(append(p.Raw, '\n'))
		return err
	}
	if c.JSON != "" {
		if err := writeFile(c.JSON, func(w io.Writer) error { _, err := w.Write(p.Raw); return err }); err != nil {
			return err
		}
	}
	if c.PDF == "" {
		return nil
	}
	return writeFile(c.PDF, func(w io.Writer) error { return h.auditPack(ctx, w, c.Language, c.Number) })
}

type auditVisitCmd struct {
	settings
	Kind    string   `help:"Note a visit: inspection, accreditation or visit."`
	From    string   `help:"Who came: authority or body."`
	Day     string   `help:"Day of the visit, or on which a finding was done."`
	Finding []string `sep:"none" help:"What it found, as DUTY|DUE|TEXT; DUTY and DUE may be empty; several times."`
	Number  int64    `help:"Number of a visit, to note what was done about a finding."`
	Item    int      `help:"Which finding, from 1."`
	Done    string   `help:"What was done."`
}

func (auditVisitCmd) Help() string {
	return `Lists visits from outside with their findings, notes one, or notes what was done. A visit of the authority (Art. 104)
is no clinical audit (Art. 58(e)) and is kept apart.

` + besideServer + `

Example:

    radagora audit visit --kind inspection --from "the authority" --day 2026-10-01 --finding "LD16|2026-12-01|sign is missing" --data /var/lib/radagora`
}

// Run notes or lists.
func (c auditVisitCmd) Run(ctx context.Context, sys *system) error {
	v := audit.Visit{Kind: c.Kind, Body: c.From, Day: c.Day}
	for _, s := range c.Finding {
		part := strings.SplitN(s, "|", 3)
		if len(part) != 3 {
			return fault.Errorf(fault.Invalid, "a finding is written DUTY|DUE|TEXT, such as \"LD16|2026-12-01|sign is missing\"")
		}
		v.Findings = append(v.Findings, audit.VisitFinding{Duty: part[0], Due: part[1], Text: part[2]})
	}
	return c.with(ctx, sys, func(h *house) error {
		switch {
		case c.Number != 0:
			return h.Audits.Resolve(ctx, at, access.Local, c.Number, c.Item, c.Day, c.Done)
		case c.Kind != "":
			v, err := h.Audits.Note(ctx, at, access.Local, v)
			if err == nil {
				fmt.Fprintf(sys.Out, "visit %d\n", v.Number)
			}
			return err
		}
		all, err := h.Audits.Visits(ctx, at)
		var rows [][]string
		for i := range all {
			x := &all[i]
			rows = append(rows, []string{strconv.FormatInt(x.Number, 10), x.Day, x.Kind, x.Body, "", "", ""})
			for j, f := range x.Findings {
				rows = append(rows, []string{"", "", strconv.Itoa(j + 1), f.Text, f.Duty, f.Due, f.Done})
			}
		}
		if err != nil {
			return err
		}
		return auditTable(sys.Out, "NUMBER DAY KIND WHO/FINDING DUTY DUE DONE", rows)
	})
}

type auditSumsCmd struct {
	settings
	Year int `required:"" help:"Year of the plan."`
}

func (auditSumsCmd) Help() string {
	return `Prints the audits of a year of every site as counts. It reads no case.

` + besideServer + `

Example:

    radagora audit sums --year 2026 --data /var/lib/radagora`
}

// Run prints a line for each site and template.
func (c auditSumsCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		all, err := h.auditSums(ctx, c.Year)
		if err != nil {
			return err
		}
		var rows [][]string
		for _, s := range all {
			rows = append(rows, []string{s.Site, s.Template, strconv.Itoa(s.Cycles), strconv.Itoa(s.Analysed), strconv.Itoa(s.Closed), fmt.Sprintf("%d/%d", s.Yes, s.N), s.Decision})
		}
		return auditTable(sys.Out, "SITE TEMPLATE AUDITS ANALYSED CLOSED LATEST DECISION", rows)
	})
}

// auditSums sums the audits of every site.
func (h *house) auditSums(ctx context.Context, year int) ([]audit.Sum, error) {
	sites, err := h.Sites.Sites(ctx)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, s := range sites {
		ids = append(ids, s.ID)
	}
	return h.Audits.RollUp(ctx, ids, year)
}
