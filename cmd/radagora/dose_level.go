package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/dose"
	"radagora/fault"
)

type doseLevelCmd struct {
	List    levelListCmd    `cmd:"" help:"List sets of reference levels, and how far those are that people entered."`
	Import  levelImportCmd  `cmd:"" help:"Enter a set from a table or a FHIR Bundle, as a draft."`
	Check   levelCheckCmd   `cmd:"" help:"Say what a set still lacks before it is usable."`
	Export  levelExportCmd  `cmd:"" help:"Write a set as a table or a FHIR Bundle."`
	Propose levelProposeCmd `cmd:"" help:"Compute typical values and local levels of the own examinations."`
	Govern  levelGovernCmd  `cmd:"" help:"Let a set govern in the place of what governed the same, or show what would change."`
}

type levelListCmd struct{ settings }

func (levelListCmd) Help() string {
	return `Lists the sets that people of the site entered, then those that the program brings.

` + besideServer + `

Example:

    radagora dose level list --data /var/lib/radagora`
}

// Run prints a line for each set.
func (c levelListCmd) Run(ctx context.Context, sys *system) (err error) {
	return c.with(ctx, sys, func(h *house) error {
		entered, err := h.Dose.LevelSets(ctx, at)
		if err != nil {
			return err
		}
		governing, err := h.Dose.Governing(ctx, at)
		if err != nil {
			return err
		}
		today := sys.Now().Format(time.DateOnly)
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "SET\tEDITION\tSTATE\tROWS\tCHECKED\tGOVERNS\tREVIEW DUE")
		for i := range entered {
			s := &entered[i]
			due := cmp.Or(s.ReviewDue, "-")
			if s.Overdue(today) {
				due += " overdue"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%s\t%s\n", s.ID, s.Edition, s.State, len(s.Rows), s.Checked(), yes(governs(governing, s.ID)), due)
		}
		for _, s := range h.Content.OfKind(at, "levels") {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t-\n", s.ID, s.Edition, builtIn, s.Rows(), yes(s.Checked()), yes(governs(governing, s.ID)))
		}
		return w.Flush()
	})
}

// with runs do with the house open, beside a server if one is at work.
func (s settings) with(ctx context.Context, sys *system, do func(*house) error) error {
	s.shared = true
	return s.alone(ctx, sys, do)
}

// alone runs do with the house open, and no server at work.
func (s settings) alone(ctx context.Context, sys *system, do func(*house) error) (err error) {
	h, err := s.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	return do(h)
}

type levelImportCmd struct {
	settings
	FHIR       bool   `name:"fhir" help:"The file is a FHIR Bundle as export --fhir writes it; it says all by itself."`
	Set        string `placeholder:"NAME" help:"Name of the set, such as DE_DRW_2025; without it, what the column set_id says."`
	Called     string `placeholder:"TEXT" help:"Title of the set."`
	Edition    string `placeholder:"TEXT" help:"Edition, as the authority calls it."`
	Source     string `placeholder:"TEXT" help:"Title of the notice; without it, what the column source says."`
	SourcePage string `placeholder:"PAGE" help:"Page of the source, for rows that name none."`
	Statistic  string `placeholder:"TEXT" help:"What the levels are, such as 75th percentile of medians; without it, what the column statistic says."`
	DryRun     bool   `help:"Read and check, enter nothing."`
	File       string `arg:"" help:"File; - is standard input."`
}

func (levelImportCmd) Help() string {
	return `Enters a set of reference levels as a draft. A table has the names of columns in its first line (set_id, country,
authority, exam_code, quantity, value, unit, page and so on; docs/format/content.md) and fields between tabs,
semicolons or commas. Rows that break a rule are left out and named, each with line, rule and way out; then the exit
status is 1. The draft compares nothing until somebody else than who entered it compared every row with its source,
on the page Dose, Reference levels.

` + besideServer + `

Example:

    radagora dose level import --data /var/lib/radagora --source-page 4 notice.tsv`
}

// Run enters the set.
func (c levelImportCmd) Run(ctx context.Context, sys *system) error {
	text, err := readLevelFile(c.File, sys.In)
	if err != nil {
		return err
	}
	set, rows, refused, err := c.read(text)
	if err != nil {
		return err
	}
	return c.with(ctx, sys, func(h *house) error {
		set.Site, set.TypedBy = at, access.Local
		if c.DryRun {
			more, err := h.Dose.TryLevels(set, rows)
			return told(sys.Out, c.File, "would be entered", set, len(rows.Rows), append(refused, more...), err)
		}
		s, more, err := h.Dose.EnterLevels(ctx, set, rows)
		return told(sys.Out, c.File, "entered as a draft", s, len(rows.Rows), append(refused, more...), err)
	})
}

// readLevelFile reads a file of levels.
func readLevelFile(name string, in io.Reader) ([]byte, error) {
	const limit = 2 << 20 // the room refuses less
	if name == "-" {
		return io.ReadAll(io.LimitReader(in, limit))
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.As(fault.NotFound, err)
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// read reads the set and its rows.
func (c levelImportCmd) read(text []byte) (dose.LevelSet, dose.LevelTable, []content.Problem, error) {
	if c.FHIR {
		return dose.ReadLevelsFHIR(text)
	}
	t, refused, err := dose.ReadLevels(text)
	if err != nil {
		return dose.LevelSet{}, t, nil, err
	}
	of := func(column string) string {
		for _, r := range t.Rows {
			if r.Cells[column] != "" {
				return r.Cells[column]
			}
		}
		return t.Head[column]
	}
	set := dose.LevelSet{ID: cmp.Or(c.Set, of("set_id")), LevelHead: dose.LevelHead{
		Title: cmp.Or(c.Called, of("authority")+" "+of("year")), Authority: of("authority"), Country: of("country"), Year: of("year"), Edition: c.Edition,
		Source: cmp.Or(c.Source, of("source")), Page: c.SourcePage, Statistic: cmp.Or(c.Statistic, of("statistic")), Adopted: of("adopted"),
		Published: of("published"), ValidFrom: of("valid_from"), ValidTo: of("valid_to"), ReviewDue: of("review_due"), Official: of("show_as_official") == "yes",
	}}
	return set, t, refused, nil
}

// told prints what was taken and what was not.
func told(w io.Writer, file, what string, s dose.LevelSet, rows int, refused []content.Problem, err error) error {
	if err != nil {
		return err
	}
	bad := map[int]bool{}
	for _, p := range refused {
		bad[p.Line] = true
		p.File = file
		fmt.Fprintln(w, p)
	}
	fmt.Fprintf(w, "%s: %s, %d rows given, %d lines refused\n", s.ID, what, rows, len(bad))
	if len(bad) > 0 {
		return fault.Errorf(fault.Invalid, "%d lines refused", len(bad))
	}
	return nil
}

type levelCheckCmd struct {
	settings
	Set string `arg:"" help:"Id of a set, such as dose/level/de_drw_2025."`
}

func (levelCheckCmd) Help() string {
	return `Says how far a set is: which rows nobody compared with its source yet, or differ from it, and who typed them.
Comparing is done on the page by a second person, never by who typed. Exits with 1 while the set is no usable one.

` + besideServer + `

Example:

    radagora dose level check --data /var/lib/radagora dose/level/de_drw_2025`
}

// Run prints what is missing.
func (c levelCheckCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		s, err := h.Dose.LevelSet(ctx, at, c.Set)
		if err != nil {
			return err
		}
		for i, r := range s.Rows {
			if r.Verdict == dose.Same {
				continue
			}
			fmt.Fprintf(sys.Out, "row %d: %s %s %s %s, page %s, typed by %s: %s\n", i+1, r.Cells["exam_code"], r.Cells["quantity"], r.Cells["value"], r.Cells["unit"],
				cmp.Or(s.PageOf(r), "-"), r.TypedBy, cmp.Or(r.Remark, "nobody compared it with the source"))
		}
		fmt.Fprintf(sys.Out, "%s: %s, %d of %d rows as in the source, typed by %s, checked by %s\n", s.ID, s.State, s.Checked(), len(s.Rows), s.TypedBy, cmp.Or(s.CheckedBy, "nobody"))
		if s.State != dose.LevelUsable {
			return fault.Errorf(fault.Invalid, "%s is %s", s.ID, s.State)
		}
		return nil
	})
}

type levelExportCmd struct {
	settings
	FHIR bool   `name:"fhir" help:"Write a FHIR Bundle."`
	Set  string `arg:"" help:"Id of a set."`
}

func (levelExportCmd) Help() string {
	return `Writes a set to standard output, as the table that import reads, or as a FHIR Bundle of one Library and an
ObservationDefinition for each row. Whoever loads it checks it again.

` + besideServer + `

Example:

    radagora dose level export --data /var/lib/radagora dose/level/uk_ndrl_2024 > uk.tsv`
}

// Run writes the set.
func (c levelExportCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		s, err := h.levelSet(ctx, c.Set)
		if err != nil {
			return err
		}
		text := s.TSV()
		if c.FHIR {
			if text, err = s.FHIR(); err != nil {
				return err
			}
		}
		_, err = io.Copy(sys.Out, bytes.NewReader(text))
		return err
	})
}

type levelProposeCmd struct {
	settings
	From string `placeholder:"DAY" help:"First day; without it, a year before the last one."`
	To   string `placeholder:"DAY" help:"Last day; without it, today."`
}

func (levelProposeCmd) Help() string {
	return `Computes from the own examinations of a period the median of each room, and of them the local level where enough
rooms have enough examinations, else the typical value of the site; with n and interval (ICRP 135). It is a proposal:
on the page somebody makes a set of it, and a second person checks it.

` + besideServer + `

Example:

    radagora dose level propose --data /var/lib/radagora --from 2026-01-01 --to 2026-06-30`
}

// Run prints the proposal.
func (c levelProposeCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		p := dose.Last(12, sys.Now())
		p = dose.Period{From: cmp.Or(c.From, p.From), To: cmp.Or(c.To, p.To)}
		rooms, err := h.rooms(ctx)
		if err != nil {
			return err
		}
		got, err := h.Dose.Propose(ctx, at, p, rooms)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "EXAMINATION\tINDICATION\tPATIENTS\tMEASURE\tWHAT\tVALUE\tINTERVAL\tUNIT\tN\tROOMS")
		for i := range got.Rows {
			x := &got.Rows[i]
			interval, value := "-", "-"
			if x.Kind != "" {
				value = fmt.Sprintf("%.4g", x.Value)
			}
			if x.Interval {
				interval = fmt.Sprintf("%.4g-%.4g", x.Low, x.High)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d of %d\n", x.Exam, cmp.Or(x.Indication, "-"), x.Group.Name, x.Measure,
				cmp.Or(string(x.Kind), "too few"), value, interval, x.Unit, x.N, x.Counted(), len(x.Rooms))
		}
		return w.Flush()
	})
}

type levelGovernCmd struct {
	settings
	Exam   string `placeholder:"CODE" help:"Only for this examination."`
	From   string `placeholder:"DAY" help:"From this day on; without it, from today."`
	DryRun bool   `help:"Show what would change, decide nothing."`
	Set    string `arg:"" help:"Id of a set that is usable."`
}

func (levelGovernCmd) Help() string {
	return `Lets a set govern from a day on, and ends on the day before it what governed the same examinations; what governs
others goes on. With --dry-run the rooms and examinations are shown whose state or level would be another one.

` + besideServer + `

Example:

    radagora dose level govern --data /var/lib/radagora --from 2026-07-01 --dry-run dose/level/de_drw_2025`
}

// Run decides, or shows what would change.
func (c levelGovernCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		g := dose.Governing{Site: at, Set: c.Set, Exam: c.Exam, From: cmp.Or(c.From, sys.Now().Format(time.DateOnly)), DecidedBy: access.Local}
		rooms, err := h.rooms(ctx)
		if err != nil {
			return err
		}
		changes, r, err := h.Dose.IfGoverned(ctx, g, dose.Last(12, sys.Now()), rooms)
		if err != nil {
			return err
		}
		for _, end := range r.End {
			fmt.Fprintf(sys.Out, "%s ends on %s for %s\n", end.Set, end.To, cmp.Or(end.Exam, "all its examinations"))
		}
		outcome := func(o dose.LevelOutcome) string {
			if o.Level == nil {
				return string(o.State)
			}
			return string(o.State) + " " + o.Level.Stated
		}
		for _, x := range changes {
			fmt.Fprintf(sys.Out, "%s\t%s %s %s %s\tn = %d\tmedian %.4g %s\t%s -> %s\n", x.Room, x.Exam, x.Indication, x.Group.Name, x.Measure, x.N, x.Median, x.Unit, outcome(x.Old), outcome(x.New))
		}
		if c.DryRun {
			_, err = fmt.Fprintf(sys.Out, "%d rows would change\n", len(changes))
			return err
		}
		if _, err = h.Dose.Replace(ctx, g); err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "%s governs from %s on\n", c.Set, g.From)
		return err
	})
}
