package main

import (
	"context"
	"errors"
	"fmt"

	"radagora/dose"
)

// withConfiguration opens the rooms whose configuration is kept in files. It works
// while the program serves.
func (s settings) withConfiguration(ctx context.Context, sys *system, do func(ctx context.Context, h *house) error) error {
	return s.beside(ctx, sys, func(ctx context.Context, h *house) error {
		if err := h.DB.Migrate(ctx, "dose", dose.Migrations()); err != nil {
			return err
		}
		h.Dose = &dose.Ledger{
			DB: h.DB, Journal: h.Journal, Content: h.Content, Machines: h.Sites, Log: h.Log, Now: h.Now, Holder: holderName(),
		}
		if err := s.rest(ctx, h); err != nil {
			return err
		}
		return do(ctx, h)
	})
}

type configExportCmd struct {
	settings
	Folder string `arg:"" help:"Folder to write to; it is made if it is not there."`
}

func (configExportCmd) Help() string {
	return `Writes what people decided about this installation as YAML files: sites, rooms and machines, peers, accounts with
their roles, the levels that govern, what names mean. There are no secrets in them, but the names of colleagues.
Always in the same order, so that files under version control show what changed. Works while "radagora serve" runs.

What is nothing without a secret, or has a file of its own, stands in elsewhere.yaml, to be read and compared: identity
providers, mail, webhooks, tokens and how long the journal is kept. Where a secret would be, it says "set elsewhere".

Not in there: other settings (they have a file already), passwords and keys, accounts of patients, findings and
everything measured.

Example:

    radagora config export --data /var/lib/radagora ./ours`
}

// Run writes the files.
func (c configExportCmd) Run(ctx context.Context, sys *system) error {
	return c.withConfiguration(ctx, sys, func(ctx context.Context, h *house) error {
		is, err := c.configurationOf(ctx, h)
		if err != nil {
			return err
		}
		return is.save(c.Folder)
	})
}

type configPlanCmd struct {
	settings
	Folder string `arg:"" help:"Folder with the files."`
}

func (configPlanCmd) Help() string {
	return `Compares the files with the installation and prints what "config apply" would do: + added, ~ changed, - removed,
= differs and is set elsewhere, ! impossible. A file that is missing is not compared. Changes nothing. Exits with 0 if a plan could be made, empty or
not, and with 1 if something is impossible.

Example:

    radagora config plan --data /var/lib/radagora ./ours`
}

// Run prints the plan.
func (c configPlanCmd) Run(ctx context.Context, sys *system) error {
	want, err := loadConfiguration(c.Folder)
	if err != nil {
		return usageError{err}
	}
	return c.withConfiguration(ctx, sys, func(ctx context.Context, h *house) error {
		p, err := c.planOf(ctx, h, want)
		if err != nil {
			return err
		}
		p.print(sys.Out)
		return p.possible()
	})
}

type configApplyCmd struct {
	settings
	Prune  bool   `help:"Remove what the files do not have: peers, rooms, names, webhooks; accounts and tokens are ended."`
	Folder string `arg:"" help:"Folder with the files."`
}

func (configApplyCmd) Help() string {
	return `Makes the installation as the files say, and prints what it did as "config plan" does. Nothing is removed without
--prune. Sites with rooms and peers, accounts, and levels with names are changed one after the other, each at once or
not at all; after an error the same command goes on. All is written to the journal. Works while "radagora serve" runs.

An account that is added has no password: "radagora account reset LOGIN" prints the link for one.

Example:

    radagora config apply --data /var/lib/radagora ./ours`
}

// Run makes the changes.
func (c configApplyCmd) Run(ctx context.Context, sys *system) error {
	want, err := loadConfiguration(c.Folder)
	if err != nil {
		return usageError{err}
	}
	return c.withConfiguration(ctx, sys, func(ctx context.Context, h *house) error {
		p, err := c.planOf(ctx, h, want)
		if err != nil {
			return err
		}
		p.print(sys.Out)
		if err := p.possible(); err != nil {
			return err
		}
		if p.gone > 0 && !c.Prune {
			return fmt.Errorf("%d things would be removed, and nothing was done: give --prune, or write them into the files (config export)", p.gone)
		}
		return p.do(ctx, h)
	})
}

// possible reports whether a plan can be carried out.
func (p *configPlan) possible() error {
	if len(p.impossible) > 0 {
		return errors.New("the plan has parts that cannot be done (!)")
	}
	return nil
}
