package main

import (
	"context"
	"errors"
	"fmt"

	"radagora/archive"
	"radagora/blob"
	"radagora/site"
)

type rebuildCmd struct {
	settings
	Index bool `help:"First make index rows for objects in the packs that have none, as after a lost database."`
}

func (rebuildCmd) Help() string {
	return `Forgets what was derived and derives it again from the archive and the journal. What people decided stays:
mappings, governing levels, names of rooms, findings with owner, state and notes.
Needs the data folder for itself: stop "radagora serve" first.

Example:

    radagora rebuild --data /var/lib/radagora`
}

// Run rebuilds and waits until it is done.
func (c rebuildCmd) Run(ctx context.Context, sys *system) (err error) {
	h, err := c.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if c.Index {
		if err := c.index(ctx, sys, h); err != nil {
			return err
		}
	}
	if err := errors.Join(h.Dose.Rebuild(ctx), h.Rejects.Rebuild(ctx), h.Persons.Rebuild(ctx), h.Worklist.Rebuild(ctx)); err != nil {
		return err
	}
	if err := h.meanwhile(ctx, h.settle); err != nil {
		return err
	}
	if err := h.judge(ctx); err != nil {
		return err
	}
	_, err = fmt.Fprintln(sys.Out, "rebuilt: what is derived is what the archive says; decisions were kept")
	return err
}

// index makes rows for objects that have none.
func (c rebuildCmd) index(ctx context.Context, sys *system, h *house) error {
	done, err := h.Archive.Rebuild(ctx, site.Default, "local", func(r blob.Ref, _ archive.Outcome, err error) {
		if err != nil {
			fmt.Fprintf(sys.Err, "unreadable: %s at %d: %v\n", r.Pack, r.Offset, err)
		}
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "index: %d known, %d added, %d repeated, %d set aside, %d unreadable\n",
		done.Known, done.Added, done.Repeated, done.Quarantined, done.Unreadable)
	return err
}
