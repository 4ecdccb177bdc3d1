package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/fault"
	"radagora/lang"
)

type privacyCmd struct {
	Export   privacyExportCmd   `cmd:"" help:"Write everything held about one person to a zip archive."`
	Erase    privacyEraseCmd    `cmd:"" help:"Erase everything held about one person, with proof."`
	Restrict privacyRestrictCmd `cmd:"" help:"Stop the processing of one person's data, but for storage."`
	OptOut   privacyOptOutCmd   `cmd:"" name:"opt-out" help:"Keep one person's data from secondary use."`
	Register privacyRegisterCmd `cmd:"" help:"Write the record of processing (GDPR Art. 30)."`
	Requests privacyRequestsCmd `cmd:"" help:"List requests of persons with their age and limit."`
}

// personFlags name one person.
type personFlags struct {
	Person string `required:"" placeholder:"ID" help:"Patient ID."`
	Issuer string `placeholder:"ISSUER" help:"Issuer of the patient ID."`
}

func (f personFlags) who(h *house) access.Person { return h.personOf(f.Issuer, f.Person) }

// atDesk opens the house and does something at its desk in the name of the local
// user, while the journal is sealed.
func (s settings) atDesk(ctx context.Context, sys *system, do func(ctx context.Context, h *house) error) (err error) {
	h, err := s.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	who, err := h.Users.Who(ctx, access.Local)
	if err != nil {
		return err
	}
	who.Door, who.Purpose = "command", access.Legal
	judge := *h.Judge
	judge.Open = true // whoever can start the program can do everything anyway
	ctx = access.WithJudge(access.With(ctx, who), &judge)
	return h.meanwhile(ctx, func(ctx context.Context) error {
		if err := h.settle(ctx); err != nil {
			return err
		}
		return do(ctx, h)
	})
}

type privacyExportCmd struct {
	settings
	personFlags
	Output   string `short:"o" required:"" placeholder:"FILE" help:"Zip archive to write; refused if it is there."`
	Reason   string `placeholder:"TEXT" help:"Why; kept under the person's key in the journal."`
	Language string `default:"en" enum:"en,de,fr" help:"Language of the page for people."`
}

func (privacyExportCmd) Help() string {
	return `Writes one JSON file for each room and kind, the DICOM objects, index.json with digests, and index.html for
people. It stands in the journal before the first byte is written. Needs the data folder for itself.

Example:

    radagora privacy export --data /var/lib/radagora --person 12345 --issuer HOSPITAL -o copy.zip`
}

// Run writes the archive.
func (c privacyExportCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) (err error) {
		say, err := sayIn(c.Language)
		if err != nil {
			return err
		}
		held, err := h.Privacy.Hold(ctx, c.who(h))
		if err != nil {
			return err
		}
		if held.Count() == 0 {
			return fault.Errorf(fault.NotFound, "nothing is held about this person: look at patient ID and issuer")
		}
		out, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer func() {
			if err = errors.Join(err, out.Close()); err != nil {
				err = errors.Join(err, os.Remove(c.Output)) // half a copy is none
			}
		}()
		index, err := h.Privacy.Export(ctx, c.who(h), privacy.Order{Reason: c.Reason, Language: c.Language, Say: say}, out)
		if err != nil {
			return err
		}
		if err := out.Sync(); err != nil {
			return err
		}
		records := 0
		for _, f := range index.Files {
			records += f.Records
		}
		_, err = fmt.Fprintf(sys.Out, "%d records in %d files: %s\n", records, len(index.Files)+1, filepath.Base(c.Output))
		return err
	})
}

// sayIn returns the words of the page of a copy in a language.
func sayIn(language string) (func(string) string, error) {
	catalogue, err := lang.Open()
	if err != nil {
		return nil, err
	}
	p := catalogue.Printer(catalogue.Match(language, ""))
	return func(key string) string { return p.T("privacy.copy." + key) }, nil
}

type privacyEraseCmd struct {
	settings
	personFlags
	Reason  string `required:"" placeholder:"TEXT" help:"Why, at least 10 letters; names nobody, for it stays."`
	Despite string `placeholder:"TEXT" help:"Why the data go although a rule of retention holds."`
	Output  string `short:"o" placeholder:"FILE" help:"Write the proof here, as JSON; without it, to standard output."`
	Yes     bool   `help:"Do it. Without this the plan is shown and nothing is erased."`
}

func (privacyEraseCmd) Help() string {
	return `Shows what every room would erase, what stays and why, to whom copies went and until when backups hold it. With
--yes it erases all of it in one transaction, takes the bytes from the disk and writes the proof, which names nobody.
Needs the data folder for itself.

Example:

    radagora privacy erase --data /var/lib/radagora --person 12345 --reason "sent to us by mistake" --yes -o proof.json`
}

// Run plans, and erases if told so.
func (c privacyEraseCmd) Run(ctx context.Context, sys *system) error {
	err := c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		plan, err := h.Privacy.PlanErasure(ctx, c.who(h), "", c.Reason)
		if err != nil {
			return err
		}
		if err := tellPlan(sys.Out, plan); err != nil {
			return err
		}
		nothing := !slices.ContainsFunc(plan.Parts, func(p privacy.Part) bool { return len(p.Kinds) > 0 }) // only what stays
		if !c.Yes || nothing {
			if err := h.Privacy.DropErasure(ctx, plan.Site, plan.ID); err != nil {
				return err
			}
			if nothing {
				return fault.Errorf(fault.NotFound, "nothing is held about this person: look at patient ID and issuer")
			}
			return wrong("nothing was erased: read the plan and give --yes")
		}
		proof, err := h.Privacy.Erase(ctx, c.who(h), plan.ID, plan.Digest, c.Despite)
		if err != nil && proof.Erasure == "" {
			return errors.Join(err, h.Privacy.DropErasure(ctx, plan.Site, plan.ID))
		}
		return errors.Join(err, c.prove(sys.Out, proof))
	})
	return err
}

// prove writes the proof.
func (c privacyEraseCmd) prove(out io.Writer, proof privacy.Proof) error {
	text, err := json.MarshalIndent(proof, "", "  ")
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	text = append(text, '\n')
	if c.Output == "" {
		_, err = out.Write(text)
		return err
	}
	if err := os.WriteFile(c.Output, text, 0o600); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "erased: %d records, %d objects removed; proof %s in %s\n", proof.Records, proof.Objects, proof.Digest()[:12], filepath.Base(c.Output))
	return err
}

// tellPlan prints a plan.
func tellPlan(out io.Writer, plan privacy.Plan) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, part := range plan.Parts {
		for _, k := range part.Kinds {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\n", part.Room, k.Kind, k.Count, k.First, k.Last)
		}
		for reason, n := range part.Kept {
			fmt.Fprintf(w, "%s\tstays: %s\t%d\n", part.Room, reason, n)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, b := range plan.Bounds {
		state := "over"
		if b.Holds {
			state = "holds"
		}
		until := b.Until
		if until == "" {
			until = "unknown"
		}
		confirmed := "to confirm"
		if b.Verified {
			confirmed = "read"
		}
		fmt.Fprintf(out, "retention %s until %s: %s (%s, %s)\n", state, until, b.Meaning.In("en"), b.Law, confirmed)
	}
	for _, c := range plan.Copies {
		fmt.Fprintf(out, "copy: %s, %d times, last %s (%s)\n", c.To, c.Count, c.Last.Format(time.DateOnly), c.What)
	}
	until := "for ever"
	if !plan.Backups.IsZero() {
		until = "until " + plan.Backups.Format(time.DateOnly)
	}
	_, err := fmt.Fprintf(out, "backups may hold it %s\n", until)
	return err
}

type privacyRestrictCmd struct {
	settings
	personFlags
	Reason string `placeholder:"TEXT" help:"Why; kept under the person's key in the journal."`
	Lift   bool   `help:"Let processing go on again."`
}

func (privacyRestrictCmd) Help() string {
	return `Stops the processing of one person's data but for storage (GDPR Art. 18), or lets it go on with --lift.

Example:

    radagora privacy restrict --data /var/lib/radagora --person 12345 --reason "accuracy is contested"`
}

// Run restricts, or lifts.
func (c privacyRestrictCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := h.Privacy.Restrict(ctx, c.who(h), !c.Lift, c.Reason); err != nil {
			return err
		}
		return tellState(sys.Out, "restricted", !c.Lift)
	})
}

// tellState prints whether something holds from now on.
func tellState(out io.Writer, what string, holds bool) error {
	if !holds {
		what = "not " + what
	}
	_, err := fmt.Fprintln(out, what)
	return err
}

type privacyOptOutCmd struct {
	settings
	personFlags
	Lift bool `help:"Take the opt-out back."`
}

func (privacyOptOutCmd) Help() string {
	return `Keeps one person's data from secondary use: observatory, biobank, research, teaching, registries (EHDS Art. 71).
It needs no reasons and can be taken back with --lift.

Example:

    radagora privacy opt-out --data /var/lib/radagora --person 12345`
}

// Run opts out, or in again.
func (c privacyOptOutCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		if err := h.Privacy.OptOut(ctx, c.who(h), !c.Lift); err != nil {
			return err
		}
		return tellState(sys.Out, "kept from secondary use", !c.Lift)
	})
}

type privacyRegisterCmd struct {
	settings
	Format   string `default:"csv" enum:"csv,json" help:"csv or json."`
	Language string `default:"en" enum:"en,de,fr" help:"Language of the CSV."`
}

func (privacyRegisterCmd) Help() string {
	return `Writes the record of processing activities of what is switched on and configured here.

Example:

    radagora privacy register --data /var/lib/radagora --format csv --language de > record.csv`
}

// Run writes the record.
func (c privacyRegisterCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		r, err := h.Privacy.Record(ctx, at)
		if err != nil {
			return err
		}
		if c.Format == "json" {
			return r.WriteJSON(sys.Out)
		}
		return r.WriteCSV(sys.Out, c.Language)
	})
}

type privacyRequestsCmd struct {
	settings
	All bool `help:"Those that are closed too."`
}

func (privacyRequestsCmd) Help() string {
	return `Lists what persons asked for: id, kind, state, day of receipt, age in days, limit, days left. It names nobody.

Example:

    radagora privacy requests --data /var/lib/radagora`
}

// Run lists.
func (c privacyRequestsCmd) Run(ctx context.Context, sys *system) error {
	return c.atDesk(ctx, sys, func(ctx context.Context, h *house) error {
		all, err := h.Privacy.Requests(ctx, at, !c.All)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, strings.Join([]string{"ID", "KIND", "STATE", "RECEIVED", "AGE", "LIMIT", "LEFT"}, "\t"))
		for _, q := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%d\n", q.ID, q.Kind.ID, q.State, q.ReceivedOn, q.Age, q.Due(), q.Left)
		}
		return w.Flush()
	})
}
