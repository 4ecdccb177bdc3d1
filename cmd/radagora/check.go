package main

import (
	"context"
	"errors"
	"fmt"

	"radagora/archive"
	"radagora/fault"
)

type checkCmd struct{ settings }

func (checkCmd) Help() string {
	return `Reads every object of the archive and compares it with its digest, looks for objects that no row names, and
verifies the journal: its seals from the first to the last, its signed heads, and those kept in journal.heads of the
data folder. It changes nothing.
Works while "radagora serve" runs, too. Exits with 1 if anything is wrong.

Example:

    radagora check --data /var/lib/radagora`
}

// Run checks packs, index and journal.
func (c checkCmd) Run(ctx context.Context, sys *system) (err error) {
	c.shared = true
	h, err := c.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	for _, r := range h.Packs.Recovered() {
		fmt.Fprintf(sys.Out, "recovered: pack %s: %d objects whole, %d bytes of an unfinished one cut\n", r.Pack, r.Objects, r.Cut)
	}
	found, err := h.Archive.Check(ctx, archive.CheckOptions{Report: func(t archive.Trouble) error {
		_, err := fmt.Fprintf(sys.Out, "%s: %s %s at %d: %v\n", t.Kind, t.SOP, t.Ref.Pack, t.Ref.Offset, t.Err)
		return err
	}})
	if err != nil {
		return err
	}
	fmt.Fprintf(sys.Out, "archive: %d instances, %d objects, %d bytes read\n", found.Rows, found.Objects, found.Bytes)
	if found.Aside > 0 {
		fmt.Fprintf(sys.Out, "aside: %d objects that were set aside, or deleted and may come back\n", found.Aside)
	}
	kept, err := h.keptHeads()
	if err != nil {
		return err
	}
	report, err := h.Journal.Verify(ctx, kept...)
	if err != nil {
		return err
	}
	fmt.Fprintf(sys.Out, "journal: %d entries in %d seals, %d signed heads\n", report.Entries, report.Seals, report.Signed)
	bad := int64(0)
	for kind, n := range found.Troubles {
		if kind != "orphan" { // bytes nobody was told about: a crash may leave them
			bad += n
		}
	}
	if report.Break != nil {
		bad++
		fmt.Fprintf(sys.Out, "journal: broken at entry %d: %s\n", report.Break.Seq, report.Break.Reason)
	}
	if bad > 0 {
		return fault.Errorf(fault.Conflict, "%d things are wrong", bad)
	}
	_, err = fmt.Fprintln(sys.Out, "all is well")
	return err
}
