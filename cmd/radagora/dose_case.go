package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/dose/review"
	"radagora/export"
	"radagora/fault"
	"radagora/lang"
)

type doseCaseCmd struct {
	List   doseCaseListCmd   `cmd:"" help:"List cases."`
	Judge  doseCaseJudgeCmd  `cmd:"" help:"Judge all examinations by the rules now."`
	Close  doseCaseCloseCmd  `cmd:"" help:"Close a case."`
	Done   doseCaseDoneCmd   `cmd:"" help:"Mark an action on a case as carried out."`
	Report doseCaseReportCmd `cmd:"" help:"Tell how cases went, by rule."`
}

type doseCaseListCmd struct {
	settings
	All  bool `help:"Closed and withdrawn cases too."`
	JSON bool `help:"Print an array with one element for each case."`
}

func (doseCaseListCmd) Help() string {
	return `Lists the cases that alert rules opened, those of law and of substantial dose first, then by how many times the
trigger the dose is. docs/dose-cases.md describes rules, states and what closing needs.

Example:

    radagora dose case list --data /var/lib/radagora`
}

// Run lists.
func (c doseCaseListCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		f := review.Filter{Live: !c.All, Today: h.Now().Format("2006-01-02"), Limit: 1000}
		all, err := h.Review.Cases(ctx, at, f)
		if err != nil {
			return err
		}
		if c.JSON {
			out := make([]CaseLine, len(all))
			for i, one := range all {
				out[i] = apiCaseOf(one)
			}
			return writeJSON(sys.Out, out)
		}
		p, err := english()
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "case\tday\trule\tquantity\tratio\tstate\towner\trule in words")
		for _, one := range all {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%.2f\t%s\t%s\t%s\n", one.Number, one.Day, one.Rule, one.Quantity, one.Ratio, one.State, one.Owner, alertWord(p, one.Rule))
		}
		return w.Flush()
	})
}

type doseCaseJudgeCmd struct{ settings }

func (doseCaseJudgeCmd) Help() string {
	return `Judges all examinations and groups by the alert rules, as the server does each night. Nobody is told twice.

Example:

    radagora dose case judge --data /var/lib/radagora`
}

// Run judges.
func (c doseCaseJudgeCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		if n, err := h.Dose.Pending(ctx); err != nil || n > 0 {
			return orError(err, fault.Errorf(fault.Unavailable, "%d studies wait for their doses to be derived: start the server, or repeat this later", n))
		}
		if err := h.Review.Turn(ctx, at); err != nil {
			return err
		}
		if err := h.Review.Night(ctx, at); err != nil {
			return err
		}
		n, err := h.Review.Count(ctx, at, review.Filter{Live: true, Today: h.Now().Format("2006-01-02")})
		fmt.Fprintf(sys.Out, "%d cases wait for review\n", n)
		return err
	})
}

// orError returns err, or else other.
func orError(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

type doseCaseCloseCmd struct {
	settings
	Number int64  `arg:"" help:"Number of the case."`
	Reason string `required:"" enum:"justified,result,no_result,data_error,not_patient" help:"justified, result, no_result, data_error or not_patient."`
	Words  string `help:"The result or the reason, in words."`
}

func (doseCaseCloseCmd) Help() string {
	return `Closes a case, as the local user. A substantial dose closes only with appointment, letter and result, which are
entered on the page of the case.

Example:

    radagora dose case close 17 --reason justified --words "large patient"`
}

// Run closes.
func (c doseCaseCloseCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		ctx := access.WithJudge(access.With(ctx, access.Who{ID: access.Local, Grants: access.Everywhere(access.Physicist)}), h.Judge)
		w, err := h.Review.Get(ctx, at, c.Number)
		if err != nil {
			return err
		}
		closed := review.Closed
		return h.Review.Decide(ctx, at, review.Decision{
			Number: c.Number, Version: w.Finding.Version, State: &closed, Reason: review.Reason(c.Reason), Words: c.Words,
		})
	})
}

type doseCaseDoneCmd struct {
	settings
	Number int64  `arg:"" help:"Number of the case."`
	Action string `help:"Id of the action; not needed where only one waits."`
	On     string `help:"Day on which it was carried out, YYYY-MM-DD. Default: today."`
	Words  string `help:"What came of it, in words."`
}

func (doseCaseDoneCmd) Help() string {
	return `Marks an action on a case as carried out, as the local user. Examinations from that day on count as after it, and
the case waits to be measured again.

Example:

    radagora dose case done 17 --on 2026-03-09 --words "current is 180 mA"`
}

// Run marks.
func (c doseCaseDoneCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		ctx := access.WithJudge(access.With(ctx, access.Who{ID: access.Local, Grants: access.Everywhere(access.Physicist)}), h.Judge)
		if c.On == "" {
			c.On = h.Now().Format(time.DateOnly)
		}
		if c.Action == "" {
			w, err := h.Review.Get(ctx, at, c.Number)
			if err != nil {
				return err
			}
			var waiting []string
			for _, a := range w.Actions {
				if a.Done == "" {
					waiting = append(waiting, a.ID+" "+a.Kind)
				}
			}
			if len(waiting) != 1 {
				return fault.Errorf(fault.Invalid, "case %d: %d actions wait; say which with --action: %s", c.Number, len(waiting), strings.Join(waiting, ", "))
			}
			c.Action, _, _ = strings.Cut(waiting[0], " ")
		}
		return h.Review.Done(ctx, at, c.Number, c.Action, c.On, c.Words)
	})
}

type doseCaseReportCmd struct {
	settings
	CSV bool `name:"csv" help:"Print a table as CSV."`
}

func (doseCaseReportCmd) Help() string {
	return `Tells for each rule how many cases it opened in the last year, how long the first review took, and how many led to
an action and to a proved effect. A rule more than half of whose cases were justified asks too often.

Example:

    radagora dose case report --data /var/lib/radagora`
}

// Run reports.
func (c doseCaseReportCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		all, err := h.Review.Report(ctx, at, h.Now().AddDate(-1, 0, 0).UnixMilli())
		if err != nil {
			return err
		}
		if c.CSV {
			return export.CSV(sys.Out, caseReportTable(all))
		}
		p, err := english()
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "rule\tcases\topen\tjustified\twith action\tproved\tfirst review (h)\tasks too often\trule in words")
		for _, r := range all {
			often := ""
			if r.TooOften {
				often = fmt.Sprintf("yes: %.2f x the trigger", r.Proposed)
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f\t%s\t%s\n",
				r.Rule, r.Cases, r.Open, r.Justified, r.WithAction, r.Proved, float64(r.FirstReview)/3.6e6, often, alertWord(p, r.Rule))
		}
		return w.Flush()
	})
}

// alertWord names an alert rule: in words where the program has some, else as its content
// calls it.
func alertWord(p *lang.Printer, id string) string {
	if key := "alert.rule_" + strings.ToLower(id); p.Has(key) {
		return p.T(key)
	}
	return id
}
