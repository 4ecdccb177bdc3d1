package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/dose"
	"radagora/fault"
	"radagora/site"
)

type contentCmd struct {
	List   contentListCmd   `cmd:"" help:"List content sets with edition, licence and status."`
	Check  contentCheckCmd  `cmd:"" help:"Check a folder of content sets."`
	Govern contentGovernCmd `cmd:"" help:"Let a set of reference levels govern."`
}

type contentListCmd struct {
	settings
	JSON bool `help:"Print JSON."`
}

func (contentListCmd) Help() string {
	return `Lists the content sets that the installation works with: those of the program, and those that the folder
"content" in the data folder puts in their place.

Example:

    radagora content list`
}

// Run prints a line for each set.
func (c contentListCmd) Run(sys *system) error {
	library, err := c.content()
	if err != nil {
		return err
	}
	all := library.List(site.Default)
	if c.JSON {
		return writeJSON(sys.Out, all)
	}
	w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "SET\tEDITION\tLICENCE\tSTATUS\tCHECKED\tOFFICIAL\tROWS\tORIGIN\tDIGEST")
	for _, s := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%.12s\n", s.ID, s.Edition, s.Licence, s.Status, yes(s.Checked), yes(s.Official), s.Rows, s.Origin, s.Digest)
	}
	return w.Flush()
}

// yes writes a boolean for people.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type contentCheckCmd struct {
	Folder string `arg:"" optional:"" help:"Folder of content sets; without it, what the program brings."`
}

func (contentCheckCmd) Help() string {
	return `Checks content sets and names each problem with file, line, reason and way out. Exits with 1 if there is one.

Example:

    radagora content check ./data/content`
}

// Run prints every problem.
func (c contentCheckCmd) Run(sys *system) error {
	files := content.Files()
	if c.Folder != "" {
		files = os.DirFS(c.Folder)
	}
	problems := content.Check(files)
	for _, p := range problems {
		fmt.Fprintln(sys.Out, p)
	}
	if len(problems) > 0 {
		return fault.Errorf(fault.Invalid, "%d problems", len(problems))
	}
	_, err := fmt.Fprintln(sys.Out, "no problem found")
	return err
}

type contentGovernCmd struct {
	settings
	Exam string `help:"Only for this examination code."`
	From string `help:"From this day on, as 2026-01-31; without it, from today."`
	Set  string `arg:"" help:"Id of a set of levels."`
}

func (contentGovernCmd) Help() string {
	return `Lets a set of reference levels govern from a day on: it alone makes states and findings, all other sets are
ticks. No set governs by itself. Refused if another one would govern the same examination at the same time.
Needs the data folder for itself; while "radagora serve" runs, decide on its page.

Example:

    radagora content govern dose/level/uk_ndrl_2024 --from 2024-11-20`
}

// Run writes the decision.
func (c contentGovernCmd) Run(ctx context.Context, sys *system) (err error) {
	h, err := c.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if c.From == "" {
		c.From = sys.Now().Format(time.DateOnly)
	}
	_, err = h.Dose.Govern(ctx, dose.Governing{Site: site.Default, Set: c.Set, Exam: c.Exam, From: c.From, DecidedBy: access.Local})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "%s governs from %s on\n", c.Set, c.From)
	return err
}
