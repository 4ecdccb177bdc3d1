package main

import (
	"context"
	"fmt"

	"radagora/archive"
	"radagora/fault"
)

type accountKnownCmd struct {
	settings
	Login string   `arg:"" help:"Login or id of the account."`
	Name  []string `arg:"" optional:"" help:"A name as orders and images write it, such as MEIER^ANNA. Without any, it is known by none."`
}

func (accountKnownCmd) Help() string {
	return `Replaces by which names orders and images know who holds an account: those of Referring Physician and Requesting
Physician. A referrer sees the patients whom they referred under one of them, those of before too. No two accounts
are known by the same name. Works while "radagora serve" runs, which looks through what is there.

Example:

    radagora account known mmeier "MEIER^MARTA" "MEIER^MARTA^^DR"`
}

// Run replaces names.
func (c accountKnownCmd) Run(ctx context.Context, sys *system) error {
	return c.beside(ctx, sys, func(ctx context.Context, h *house) error {
		id, err := h.accountID(ctx, c.Login)
		if err != nil {
			return err
		}
		known := knownNames(c.Name)
		if err := h.Accounts.SetKnown(ctx, id, known); err != nil {
			return err
		}
		for _, k := range known {
			fmt.Fprintf(sys.Out, "account %s is known as %s\n", c.Login, k.Name)
		}
		if len(known) == 0 {
			fmt.Fprintf(sys.Out, "account %s is known by no name\n", c.Login)
		}
		return nil
	})
}

type accountPatientCmd struct {
	settings
	Login  string `arg:"" help:"Login or id of the account."`
	ID     string `arg:"" optional:"" help:"Patient ID. Without one, the account is no patient's any more."`
	Issuer string `placeholder:"NAME" help:"Issuer of Patient ID."`
}

func (accountPatientCmd) Help() string {
	return `Says to which patient an account belongs: with the role patient, it shows what is theirs, under any of their
identifiers. There have to be studies of the patient. Works while "radagora serve" runs.

Example:

    radagora account patient anna 4711 --issuer HOSPITAL`
}

// Run links an account with a patient.
func (c accountPatientCmd) Run(ctx context.Context, sys *system) error {
	return c.beside(ctx, sys, func(ctx context.Context, h *house) error {
		id, err := h.accountID(ctx, c.Login)
		if err != nil {
			return err
		}
		u, err := h.Users.User(ctx, id)
		if err != nil {
			return err
		}
		if u.Patient = ""; c.ID != "" {
			if c.Minimise {
				return wrong("this installation keeps no patient IDs: link the account on its page, under /settings/accounts")
			}
			u.Patient = archive.Person(c.Issuer, c.ID)
			index := archive.Archive{Config: archive.Config{DB: h.DB}}
			known, err := index.Patient(ctx, at, u.Patient)
			if err != nil {
				return err
			}
			if len(known) == 0 {
				return fault.Errorf(fault.NotFound, "there is no study of this patient: the ID and its issuer are written as in the images")
			}
		}
		if err := h.Accounts.Change(ctx, u); err != nil {
			return err
		}
		said := "is no patient's"
		if u.Patient != "" {
			said = "belongs to the patient"
		}
		_, err = fmt.Fprintf(sys.Out, "account %s %s\n", c.Login, said)
		return err
	})
}
