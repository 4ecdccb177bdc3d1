package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/dose"
	"radagora/fault"
	"radagora/term"
)

type doseMapCmd struct {
	List    mapListCmd    `cmd:"" help:"List local names by volume, with what they mean or may mean."`
	Find    mapFindCmd    `cmd:"" help:"Find examinations or indications by words."`
	Propose mapProposeCmd `cmd:"" help:"Say what a name means, for a second person to approve."`
	Approve mapApproveCmd `cmd:"" help:"Approve what somebody else proposed."`
	Undo    mapUndoCmd    `cmd:"" help:"Take a step or an import back."`
	History mapHistoryCmd `cmd:"" help:"Show what was done about a name."`
	Import  mapImportCmd  `cmd:"" help:"Propose what a table says, after trying it."`
	Export  mapExportCmd  `cmd:"" help:"Write what names mean as a table."`
	Alone   mapAloneCmd   `cmd:"" help:"Say whether one person decides what names mean."`
}

// onTheLine says who acts on the command line.
const onTheLine = `On this command line everybody is the same person; who uses the page is another one.
`

type mapListCmd struct {
	settings
	All     bool `help:"Names that have a meaning, too."`
	Waiting bool `help:"What waits for a second person, with its id."`
}

func (mapListCmd) Help() string {
	return `Lists the names of the last twelve months that mean nothing yet, the most frequent first, each with the examination
that its words are closest to. That is a proposal: no name is ever mapped by itself.

` + besideServer + `

Example:

    radagora dose map list --data /var/lib/radagora`
}

// Run prints a line for each name.
func (c mapListCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		if c.Waiting {
			if err := h.printWaiting(ctx, w); err != nil {
				return err
			}
			return w.Flush()
		}
		if err := h.printNames(ctx, w, sys.Now(), c.All); err != nil {
			return err
		}
		return w.Flush()
	})
}

// printWaiting prints what waits for a second person.
func (h *house) printWaiting(ctx context.Context, w *tabwriter.Writer) error {
	all, err := h.Dose.WaitingNames(ctx, at)
	fmt.Fprintln(w, "ID\tNAME\tSOURCE\tEXAMINATION\tINDICATION\tKNOWN BY\tPROPOSED BY\tON")
	for _, p := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.Name, p.Source, p.Exam, cmp.Or(p.Indication, "-"), cmp.Or(string(p.KnownBy), "-"), p.By, onDay(p.At))
	}
	return err
}

// onDay writes the day of an instant.
func onDay(millis int64) string { return time.UnixMilli(millis).UTC().Format(time.DateOnly) }

// printNames prints names by volume.
func (h *house) printNames(ctx context.Context, w *tabwriter.Writer, now time.Time, everything bool) error {
	names, err := h.Dose.Names(ctx, at, now.AddDate(-1, 0, 0).Format(time.DateOnly))
	if err != nil {
		return err
	}
	mappings, err := h.Dose.Mappings(ctx, at)
	if err != nil {
		return err
	}
	index, err := term.Open(h.Content, at)
	if err != nil {
		return err
	}
	known := dose.NewMappings(mappings)
	fmt.Fprintln(w, "NAME\tSOURCE\tUNMAPPED\tOF\tMACHINES\tLAST SEEN\tMEANS\tMAY MEAN")
	for _, n := range names {
		m, ok := known.Find(n.Text, n.Source, slices.Concat(n.Machines, []string{""})[0], "9999-12-31")
		if (ok || n.Unmapped == 0) && !everything {
			continue
		}
		may := "-"
		if hits := index.Search(term.Query{System: term.Exam, Text: n.Text, Modality: n.Modality, Limit: 1}); len(hits) > 0 && !ok {
			may = fmt.Sprintf("%s (%d of %d words: %s)", hits[0].Code, len(hits[0].Words), hits[0].Of, strings.Join(hits[0].Words, ", "))
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", n.Text, n.Source, n.Unmapped, n.Examinations, len(n.Machines), n.LastDay, cmp.Or(m.Exam, "-"), may)
	}
	return nil
}

type mapFindCmd struct {
	settings
	Indication bool     `help:"Find an indication."`
	Words      []string `arg:"" name:"word" help:"Words of a name, in any order and language."`
}

func (mapFindCmd) Help() string {
	return `Finds examinations by words, abbreviations or the beginning of a word, in English, German and French, without case
and accents, and says which words told.

Example:

    radagora dose map find CT Thorax nativ`
}

// Run prints a line for each hit.
func (c mapFindCmd) Run(sys *system) error {
	library, err := c.content()
	if err != nil {
		return err
	}
	index, err := term.Open(library, at)
	if err != nil {
		return err
	}
	q := term.Query{System: term.Exam, Text: strings.Join(c.Words, " "), Typing: true, Limit: 10}
	if c.Indication {
		q.System = term.Indication
	}
	w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
	for _, hit := range index.Search(q) {
		fmt.Fprintf(w, "%s\t%s\t%d of %d words: %s\n", hit.Code, hit.Label("en"), len(hit.Words), hit.Of, strings.Join(hit.Words, ", "))
	}
	return w.Flush()
}

type mapProposeCmd struct {
	settings
	Source     string   `default:"protocol" enum:"procedure,protocol,code" help:"What the name is of: ${enum}."`
	On         []string `placeholder:"MACHINE" help:"Id or serial number of a machine, or a room with one machine; all without it."`
	Indication string   `placeholder:"CODE" help:"Code of an indication."`
	KnownBy    string   `placeholder:"WAY" help:"How the indication is known: order, protocol, assumed."`
	From       string   `placeholder:"DAY" help:"From this day on, as 2026-01-31."`
	Why        string   `help:"Why; stands in the history."`
	Local      string   `arg:"" name:"local-name" help:"The name as devices send it."`
	Exam       string   `arg:"" name:"code" help:"Code of an examination, or - for what is none of a patient."`
}

func (mapProposeCmd) Help() string {
	return `Says what a local name means. It is used when a second person approves, at once where one person decides alone
("radagora dose map alone").

` + onTheLine + besideServer + `

Example:

    radagora dose map propose "Thorax nativ" CT_CHEST --data /var/lib/radagora`
}

// Run proposes and prints the id.
func (c mapProposeCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		find, err := h.findMachine(ctx)
		if err != nil {
			return err
		}
		p := dose.NameProposal{
			Site: at, Name: c.Local, Source: dose.NameSource(c.Source), Exam: c.Exam, Indication: c.Indication,
			KnownBy: dose.KnownBy(c.KnownBy), ValidFrom: c.From, Why: c.Why, By: access.Local,
		}
		for _, called := range c.On {
			id, ok := find(called)
			if !ok {
				return fault.Errorf(fault.NotFound, "no machine %q", called)
			}
			p.Machines = append(p.Machines, id)
		}
		if p, err = h.Dose.ProposeName(ctx, p); err != nil {
			return err
		}
		fmt.Fprintf(sys.Out, "%s %s\n", p.ID, p.State)
		return nil
	})
}

type mapApproveCmd struct {
	settings
	IDs []string `arg:"" name:"id" help:"Id of a proposal (see \"radagora dose map list --waiting\")."`
}

func (mapApproveCmd) Help() string {
	return `Approves proposals of somebody else, all or none. From then on the names mean that, and what bears them is worked out
anew as soon as the program runs.

` + onTheLine + besideServer + `

Example:

    radagora dose map approve 0190a1b2-… --data /var/lib/radagora`
}

// Run approves.
func (c mapApproveCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error { return h.Dose.AgreeNames(ctx, at, c.IDs, access.Local) })
}

type mapUndoCmd struct {
	settings
	Import bool   `help:"The id is that of an import: take all of it back."`
	ID     string `arg:"" optional:"" name:"id" help:"Id of a step or import; without it, the last step on this command line."`
}

func (mapUndoCmd) Help() string {
	return `Takes a step back: a proposal is withdrawn, what was approved or refused waits again, what a name meant before it
means again. Only the latest step about a name can be taken back.

` + onTheLine + besideServer + `

Example:

    radagora dose map undo --data /var/lib/radagora`
}

// Run takes back.
func (c mapUndoCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		if c.Import {
			n, err := h.Dose.UndoImport(ctx, at, c.ID, access.Local)
			if err == nil {
				fmt.Fprintf(sys.Out, "%d steps taken back\n", n)
			}
			return err
		}
		if c.ID == "" {
			last, ok, err := h.Dose.LastStep(ctx, at, access.Local)
			if err != nil {
				return err
			}
			if !ok {
				return notFound("step to take back")
			}
			c.ID = last.ID
		}
		s, err := h.Dose.UndoStep(ctx, at, c.ID, access.Local)
		if err == nil {
			fmt.Fprintf(sys.Out, "taken back: %s %s\n", s.Kind, s.Name)
		}
		return err
	})
}

type mapHistoryCmd struct {
	settings
	Source string `default:"protocol" enum:"procedure,protocol,code" help:"What the name is of: ${enum}."`
	Local  string `arg:"" name:"local-name" help:"The name as devices send it."`
}

func (mapHistoryCmd) Help() string {
	return `Shows who did what about a name, when and why, the latest first.

` + besideServer + `

Example:

    radagora dose map history "Thorax nativ" --data /var/lib/radagora`
}

// Run prints a line for each step.
func (c mapHistoryCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		steps, err := h.Dose.History(ctx, at, c.Local, dose.NameSource(c.Source))
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tON\tBY\tWHAT\tFROM\tTO\tWHY\tTAKEN BACK")
		for _, s := range steps {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, onDay(s.At), s.By, s.Kind, cmp.Or(s.FromExam, "-"), cmp.Or(s.Exam, "-"), cmp.Or(s.Why, "-"), yes(s.Undone))
		}
		return w.Flush()
	})
}

type mapImportCmd struct {
	settings
	DryRun bool   `help:"Only say what would happen."`
	Table  string `arg:"" name:"table" help:"Table (TSV) with at least the columns name, source and exam_code."`
}

func (mapImportCmd) Help() string {
	return `Proposes what each row of a table says; docs/format/names.md describes it. If one row is wrong, nothing happens and
every wrong row is named. What is imported waits for a second person and can be taken back as a whole.

` + onTheLine + besideServer + `

Example:

    radagora dose map import names.tsv --dry-run --data /var/lib/radagora`
}

// Run imports.
func (c mapImportCmd) Run(ctx context.Context, sys *system) error {
	raw, err := os.ReadFile(c.Table)
	if err != nil {
		return fault.As(fault.NotFound, err)
	}
	return c.with(ctx, sys, func(h *house) error {
		find, err := h.findMachine(ctx)
		if err != nil {
			return err
		}
		made, err := h.Dose.ImportMappings(ctx, at, access.Local, bytes.NewReader(raw), c.DryRun, find)
		if err != nil {
			return err
		}
		for _, e := range made.Errors {
			fmt.Fprintf(sys.Err, "%s:%d: %s\n", c.Table, e.Line, e.Why)
		}
		fmt.Fprintf(sys.Out, "%d new, %d changed, %d the same, %d wrong\n", made.New, made.Change, made.Same, len(made.Errors))
		if made.Batch != "" {
			fmt.Fprintf(sys.Out, "import %s\n", made.Batch)
		}
		return partlyRows(len(made.Errors))
	})
}

// partlyRows returns an error if rows of a table were wrong.
func partlyRows(wrong int) error {
	if wrong == 0 {
		return nil
	}
	return fault.Errorf(fault.Invalid, "%d rows are wrong: nothing was imported", wrong)
}

type mapExportCmd struct{ settings }

func (mapExportCmd) Help() string {
	return `Writes what names mean, and what waits for a second person, as a table that "radagora dose map import" reads here or
elsewhere; docs/format/names.md describes it.

` + besideServer + `

Example:

    radagora dose map export --data /var/lib/radagora > names.tsv`
}

// Run writes the table.
func (c mapExportCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		return h.writeNames(ctx, sys.Out, func(id string) string { return id })
	})
}

type mapAloneCmd struct {
	settings
	Yes bool   `xor:"alone" help:"One person decides from now on."`
	No  bool   `xor:"alone" help:"A second person approves from now on."`
	Why string `help:"Why; needed with --yes and --no."`
}

func (mapAloneCmd) Help() string {
	return `Says whether one person decides what names mean, or decides it. Without a decision a second person approves what one
proposed. Who decided, when and why is in the journal and on the page.

` + besideServer + `

Example:

    radagora dose map alone --yes --why "one physicist at this site" --data /var/lib/radagora`
}

// Run says or decides.
func (c mapAloneCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		if c.Yes || c.No {
			if err := h.Dose.DecideAlone(ctx, dose.Alone{Site: at, Alone: c.Yes, By: access.Local, Why: c.Why}); err != nil {
				return err
			}
		}
		a, err := h.Dose.Alone(ctx, at)
		if err != nil {
			return err
		}
		if a.By == "" {
			fmt.Fprintln(sys.Out, "two persons: nobody decided otherwise")
			return nil
		}
		fmt.Fprintf(sys.Out, "one person decides: %s (%s, %s: %s)\n", yes(a.Alone), a.By, onDay(a.At), a.Why)
		return nil
	})
}
