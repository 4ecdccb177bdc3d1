package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"text/tabwriter"

	"radagora/access"
	"radagora/dose"
	"radagora/fault"
)

type doseSplitCmd struct {
	List   splitListCmd   `cmd:"" help:"List studies of which a person has to say what was examined."`
	Assign splitAssignCmd `cmd:"" help:"Say to which examination events of a study belong."`
	Undo   splitUndoCmd   `cmd:"" help:"Take a decision back."`
}

type splitListCmd struct {
	settings
	Study string `arg:"" optional:"" help:"Study Instance UID: list its events and what was decided."`
	Limit int    `help:"List at most so many studies." default:"100"`
}

func (splitListCmd) Help() string {
	return `Lists the studies with events that belong to no examination without doubt, and those with fewer examinations than
were ordered, the latest first. Of one study it lists the events, with the numbers by which the other commands name them,
and the decisions about it. Until somebody decided, such events count in the totals of their study and in no median.

` + besideServer + `

Example:

    radagora dose split list --data /var/lib/radagora`
}

// Run prints what waits.
func (c splitListCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		if c.Study != "" {
			if err := h.printSplit(ctx, w, c.Study); err != nil {
				return err
			}
			return w.Flush()
		}
		all, n, err := h.Dose.Splitting(ctx, at, max(c.Limit, 0))
		if err != nil {
			return err
		}
		fmt.Fprintln(w, "STUDY\tDAY\tMODALITY\tEVENTS\tUNASSIGNED\tDESCRIPTION")
		for _, s := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\n", s.Study, cmp.Or(s.Day, "-"), s.Modality, s.Events, s.Unassigned, cmp.Or(s.Description, "-"))
		}
		if n > len(all) {
			fmt.Fprintf(w, "%d more\n", n-len(all))
		}
		return w.Flush()
	})
}

// printSplit prints the events of a study and what was decided.
func (h *house) printSplit(ctx context.Context, w *tabwriter.Writer, study string) error {
	s, err := h.Dose.Study(ctx, at, study)
	if err != nil {
		return err
	}
	steps, err := h.Dose.SplitSteps(ctx, at, study, 100)
	if err != nil {
		return err
	}
	exams := map[string]string{}
	for _, i := range s.Items {
		exams[i.Key] = i.Exam
	}
	fmt.Fprintln(w, "EVENT\tSTARTED\tPROTOCOL\tTYPE\tDOSE\tEXAMINATION\tCODE\tASSIGNED BY")
	for i, e := range s.Events {
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i+1, cmp.Or(word(e.Started), "-"), cmp.Or(word(e.Protocol), "-"), cmp.Or(word(e.Type), "-"),
			cmp.Or(doseOf(e), "-"), cmp.Or(e.Examination, "-"), cmp.Or(exams[e.Examination], "-"), cmp.Or(e.AssignedBy, "-"))
	}
	if len(steps) > 0 {
		fmt.Fprintln(w, "\nDECISION\tON\tBY\tEVENTS\tCODE\tMULTI\tSTATE")
	}
	for _, x := range steps {
		state := "stands"
		if x.UndoneAt != 0 {
			state = "undone"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%t\t%s\n", x.ID, onDay(x.At), x.By, len(x.Events), cmp.Or(x.Exam, "-"), x.Multi, state)
	}
	return nil
}

type splitAssignCmd struct {
	settings
	Study  string   `arg:"" help:"Study Instance UID."`
	Events []string `arg:"" name:"event" help:"Numbers of events, as the list has them."`
	Into   string   `help:"Number of the examination that is there."`
	Exam   string   `help:"Code of an examination that is made, as in the content set dose/exam."`
	Multi  bool     `help:"The one that is made is several procedures, scanned in one run, that cannot be divided."`
}

func (splitAssignCmd) Help() string {
	return `Says to which examination events of a study belong: to one that is there, or to one that is made of them. This goes
before whatever else tells, and no rebuild changes it. Localizers go with the scan that follows them.

` + besideServer + `

Example:

    radagora dose split assign 1.2.840.113619.2.55 2 3 --exam CT_CHEST --data /var/lib/radagora`
}

// Run decides and prints the id of the decision.
func (c splitAssignCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		s, err := h.Dose.Study(ctx, at, c.Study)
		if err != nil {
			return err
		}
		d := dose.Split{Site: at, Study: c.Study, Into: c.Into, Exam: c.Exam, Multi: c.Multi, By: access.Local}
		for _, text := range c.Events {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || n > len(s.Events) {
				return fault.Errorf(fault.Invalid, "event: a number from 1 to %d", len(s.Events))
			}
			d.Events = append(d.Events, s.Events[n-1].Key)
		}
		id, err := h.Dose.Assign(ctx, d)
		if err == nil {
			fmt.Fprintln(sys.Out, id)
		}
		return err
	})
}

type splitUndoCmd struct {
	settings
	ID string `arg:"" help:"Id of the decision, as the list of the study has it."`
}

func (splitUndoCmd) Help() string {
	return `Takes a decision back. What was decided about the same events before counts again.

` + besideServer + `

Example:

    radagora dose split undo 0198c0de-… --data /var/lib/radagora`
}

// Run takes it back.
func (c splitUndoCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		_, err := h.Dose.UndoSplit(ctx, at, c.ID, access.Local)
		return err
	})
}
