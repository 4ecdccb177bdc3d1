package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"radagora/access"
	"radagora/dose"
	"radagora/fault"
)

type doseRereadCmd struct {
	settings
	DryRun bool   `help:"Say what would change, and change nothing."`
	Since  string `help:"Only studies from this day on." placeholder:"DAY"`
	CSV    string `help:"Write every change to this file, - for standard output." name:"csv" placeholder:"FILE"`
}

func (doseRereadCmd) Help() string {
	return `Reads the dose reports, headers and entries of all studies again with the present reader, and prints what that makes
different: values with what they were before, events that are added or gone, what is doubtful, what could not be read. It
stays readable under "Read again" on the page of dose quality. Interrupted, the next call goes on where it was; the running
program does it too, while nothing else waits. Decisions of people stay, and no message is sent again.

` + needsFolder + `

Example:

    radagora dose reread --dry-run --since 2026-01-01 --data /var/lib/radagora`
}

// rereadAtOnce is how many studies are read between two looks at whether to stop.
const rereadAtOnce = 50

// Run reads and prints what changed.
func (c doseRereadCmd) Run(ctx context.Context, sys *system) error {
	return c.alone(ctx, sys, func(h *house) error {
		x, err := h.Dose.ReadAgain(ctx, at, c.Since, c.DryRun, access.Local)
		if fault.Of(err) == fault.Conflict {
			x, err = h.unfinished(ctx, c.DryRun, c.Since)
		}
		if err != nil {
			return err
		}
		for {
			n, err := h.Dose.RereadSome(ctx, rereadAtOnce)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
		}
		return c.print(ctx, sys.Out, h, x.ID)
	})
}

// unfinished returns the reading that was interrupted, if it is of the same kind.
func (h *house) unfinished(ctx context.Context, dry bool, since string) (dose.Reread, error) {
	all, err := h.Dose.Rereads(ctx, at, mostRereads)
	if err != nil {
		return dose.Reread{}, err
	}
	for _, x := range all {
		if x.EndedAt == 0 && x.Dry == dry && x.Since == since {
			return x, nil
		}
	}
	return dose.Reread{}, fault.Errorf(fault.Conflict, "another reading goes on: let it end with its own options, or stop it on the page of dose quality")
}

// print prints what a reading found.
func (c doseRereadCmd) print(ctx context.Context, out io.Writer, h *house, run string) error {
	if c.CSV == "-" {
		return h.writeChanges(ctx, out, run)
	}
	all, err := h.Dose.Rereads(ctx, at, mostRereads)
	if err != nil {
		return err
	}
	for _, x := range all {
		if x.ID == run {
			fmt.Fprintf(out, "%d studies read, %d differ, %d failed\n", x.Done, x.Differ, x.Failed)
		}
	}
	groups, err := h.Dose.Changes(ctx, at, run)
	if err != nil {
		return err
	}
	if len(groups) > 0 {
		w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "MODALITY\tMACHINE\tWHAT\tFIELD\tCHANGES\tSTUDIES\tBEFORE\tAFTER\tOF")
		for _, g := range groups {
			var x dose.Change
			if len(g.Examples) > 0 {
				x = g.Examples[0]
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\t%s\n", g.Modality, cmp.Or(g.Machine, "-"), g.What, g.Field, g.N, g.Studies,
				cmp.Or(x.Before, "-"), cmp.Or(x.After, "-"), cmp.Or(x.Study, "-"))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if c.CSV == "" {
		return nil
	}
	f, err := os.OpenFile(c.CSV, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	return cmp.Or(h.writeChanges(ctx, f, run), f.Close())
}
