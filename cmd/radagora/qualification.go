package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"radagora/access"
	"radagora/audit/qualification"
)

type qualifyCmd struct {
	List qualificationListCmd `cmd:"" help:"List qualifications and appointments."`
	Add  qualificationAddCmd  `cmd:"" help:"Enter a qualification or an appointment."`
}

type qualificationListCmd struct {
	settings
	JSON bool `name:"json" help:"Print an array with one element for each record."`
}

func (qualificationListCmd) Help() string {
	return `Lists who is a practitioner, medical physics expert or radiation protection officer, to whom practical aspects are
delegated, who was trained, and until when. These are personal data of staff.

Example:

    radagora qualification list --data /var/lib/radagora`
}

// Run prints them.
func (c qualificationListCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.QualificationRead); err != nil {
			return err
		}
		all, err := h.qualifications(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return writeJSON(sys.Out, all)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "PERSON\tKIND\tFROM\tUNTIL\tSTATE")
		for _, x := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", x.Name, x.Kind, x.From, x.Until, x.State)
		}
		return w.Flush()
	})
}

type qualificationAddCmd struct {
	settings
	Account string `placeholder:"LOGIN" help:"Account of the person; without it --name says who it is."`
	Name    string `help:"Name of somebody without an account."`
	Kind    string `required:"" help:"practitioner, physics_expert, protection_officer, delegate, protection_training, continuing_education or device_training."`
	Detail  string `help:"Which one, and by whom."`
	From    string `required:"" placeholder:"YYYY-MM-DD" help:"First day."`
	Until   string `placeholder:"YYYY-MM-DD" help:"Last day; without it there is no end."`
}

func (qualificationAddCmd) Help() string {
	return `Enters that somebody is qualified, appointed or trained, from one day until another. It is told on Today before it
ends.

Example:

    radagora qualification add --account physicist --kind physics_expert --from 2026-01-01 --until 2028-12-31 --data /var/lib/radagora`
}

// Run enters it.
func (c qualificationAddCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.QualificationChange); err != nil {
			return err
		}
		x, err := h.qualify(ctx, access.From(ctx).ID, c.Account, qualification.Record{Name: c.Name, Kind: c.Kind, Detail: c.Detail, From: c.From, Until: c.Until})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(sys.Out, "entered: %s from %s\n", x.Kind, x.From)
		return err
	})
}

// qualify enters a record of somebody with an account, by login or id, or with a name.
func (h *house) qualify(ctx context.Context, by, account string, x qualification.Record) (qualification.Record, error) {
	login := ""
	if account != "" {
		user, err := h.Users.ByLogin(ctx, account)
		if err != nil {
			if user, err = h.Users.User(ctx, account); err != nil {
				return x, fmt.Errorf("account %.40q: %w", account, err)
			}
		}
		x.Account, x.Name, login = user.ID, user.Name, user.Login
		if login == "" {
			login = user.ID
		}
		if x.Name == "" {
			x.Name = login
		}
	}
	return h.Qualified.Add(ctx, at, by, login, x)
}
