package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"radagora/access"
	shelf "radagora/dose/view"
	"radagora/fault"
	"radagora/web"
)

type doseViewCmd struct {
	List   doseViewListCmd   `cmd:"" help:"List the saved views."`
	Save   doseViewSaveCmd   `cmd:"" help:"Save a filter under a name."`
	Delete doseViewDeleteCmd `cmd:"" help:"Delete a view."`
	Copy   doseViewCopyCmd   `cmd:"" help:"Schedule the copy of a view, or make it now."`
}

type doseViewListCmd struct{ settings }

func (doseViewListCmd) Help() string {
	return `Lists the saved views of dose tables that the local user owns and those that are shared, with their copies.

Example:

    radagora dose view list --data /var/lib/radagora`
}

// Run lists.
func (c doseViewListCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		all, err := h.Shelf.List(h.asPhysicist(ctx), at, "")
		if err != nil {
			return err
		}
		copies, err := h.Shelf.Copies(ctx, at)
		if err != nil {
			return err
		}
		by := map[string]string{}
		for _, c := range copies {
			by[c.View] = strings.TrimSpace(c.Every + " " + c.Format + " " + c.File)
			if c.FailedAt > 0 {
				by[c.View] += " failed: " + c.Failure
			}
		}
		w := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "id\tname\tshows\tshared\tfilter\tcopy")
		for _, v := range all {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.Name, v.Shows, v.Shared, v.Filter.Encode(), by[v.ID])
		}
		return w.Flush()
	})
}

type doseViewSaveCmd struct {
	settings
	Name    string   `arg:"" help:"Name of the view."`
	Shows   string   `default:"examinations" enum:"levels,examinations,events,cases,charts" help:"levels, examinations, events, cases or charts."`
	Where   []string `placeholder:"KEY=VALUE" help:"Filter as in the address of the page, such as modality=CT; can be repeated."`
	Columns []string `help:"Names of columns, as in the table; without it all."`
	Shared  string   `help:"A role or everybody; without it nobody else."`
}

func (doseViewSaveCmd) Help() string {
	return `Saves a filter and columns of a dose table under a name, and prints its id.

Example:

    radagora dose view save "CT for the registry" --where modality=CT --where period=12m --columns exam_code,dlp_mgycm --shared physicist`
}

// Run saves.
func (c doseViewSaveCmd) Run(ctx context.Context, sys *system) error {
	s := shelf.Saved{Site: at, Name: c.Name, Shows: c.Shows, Shared: c.Shared, Columns: c.Columns, Filter: url.Values{}}
	for _, w := range c.Where {
		key, value, ok := strings.Cut(w, "=")
		if !ok {
			return fault.Errorf(fault.Invalid, "--where %q: KEY=VALUE, such as modality=CT", w)
		}
		s.Filter.Set(key, value)
	}
	return c.with(ctx, sys, func(h *house) error {
		v, err := h.quietView(c.settings)
		if err != nil {
			return err
		}
		ctx := h.asPhysicist(ctx)
		if err := v.fits(ctx, &s); err != nil {
			return err
		}
		s, err := h.Shelf.Save(ctx, s)
		if err == nil {
			fmt.Fprintln(sys.Out, s.ID)
		}
		return err
	})
}

type doseViewDeleteCmd struct {
	settings
	ID string `arg:"" help:"Id of the view."`
}

func (doseViewDeleteCmd) Help() string {
	return `Deletes a view of the local user, or one that is shared. Files that were copied stay.

Example:

    radagora dose view delete 0198c0de-0001-7000-8000-000000000001 --data /var/lib/radagora`
}

// Run deletes.
func (c doseViewDeleteCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error { return h.Shelf.Delete(h.asPhysicist(ctx), at, c.ID) })
}

type doseViewCopyCmd struct {
	settings
	ID     string `arg:"" help:"Id of the view."`
	Every  string `enum:"hour,day,month,never,now" default:"now" help:"hour, day, month, never, or now: once, as it is scheduled."`
	Format string `enum:"csv,xlsx,parquet" default:"csv" help:"csv, xlsx or parquet."`
}

func (doseViewCopyCmd) Help() string {
	return `Schedules the copy of a view into the folder --dose-copy-to, which the server makes, or makes it now. A file is
there whole or not at all, with the hour, day or month in its name.

Example:

    radagora dose view copy 0198c0de-0001-7000-8000-000000000001 --every day --format parquet --dose-copy-to /srv/dose`
}

// Run schedules or copies.
func (c doseViewCopyCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		ctx := h.asPhysicist(ctx)
		switch c.Every {
		case "never":
			return h.Shelf.Order(ctx, at, c.ID, "", "")
		case "now":
			v, err := h.quietView(c.settings)
			if err != nil {
				return err
			}
			made, err := h.Shelf.Run(ctx, at, c.ID, v.writeView)
			if err == nil {
				fmt.Fprintf(sys.Out, "%s: %d bytes\n", made.File, made.Bytes)
			}
			return err
		}
		return h.Shelf.Order(ctx, at, c.ID, c.Every, c.Format)
	})
}

type doseSQLCmd struct {
	settings
	Grant    string `placeholder:"ACCOUNT" help:"Let an account of PostgreSQL read the views."`
	Identity bool   `help:"With --grant: whose the examinations are, too (v_examination_person)."`
	Revoke   string `placeholder:"ACCOUNT" help:"Take the views from an account."`
}

func (doseSQLCmd) Help() string {
	return `Lists the views of the database for programs (v_examination, v_event, v_case, v_level) and the accounts that may
read them; docs/format/dose-sql.md describes the columns. On PostgreSQL it lets an account that is there read them and
nothing else: create role dose_reader login password '…' comes first.

Example:

    radagora dose sql --grant dose_reader --db postgres://radagora@localhost/radagora`
}

// Run grants, revokes, or lists.
func (c doseSQLCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		if c.Grant != "" {
			if err := h.Shelf.Grant(ctx, at, access.Local, shelf.Reader{Account: c.Grant, Identity: c.Identity}); err != nil {
				return err
			}
		}
		if c.Revoke != "" {
			if err := h.Shelf.Revoke(ctx, at, access.Local, c.Revoke); err != nil {
				return err
			}
		}
		fmt.Fprintln(sys.Out, strings.Join(shelf.Programs(), "\n"))
		all, err := h.Shelf.Readers(ctx)
		for _, r := range all {
			who := ""
			if r.Identity {
				who = ", with identity"
			}
			fmt.Fprintf(sys.Out, "read by %s%s\n", r.Account, who)
		}
		return err
	})
}

type doseReportCmd struct {
	settings
	PDF      string `required:"" placeholder:"FILE" help:"File to write."`
	From     string `placeholder:"DAY" help:"First day; without it the last twelve months."`
	Until    string `placeholder:"DAY" help:"Last day."`
	Language string `default:"en" enum:"en,de,fr" help:"en, de or fr."`
}

func (doseReportCmd) Help() string {
	return `Writes the report for the radiation-protection committee as PDF: doses beside their levels, findings, open cases and
what changed. Every page names site, period, settings, sources of levels and the date.

Example:

    radagora dose report --pdf report.pdf --from 2026-01-01 --until 2026-06-30 --data /var/lib/radagora`
}

// Run writes the report.
func (c doseReportCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		v, err := h.quietView(c.settings)
		if err != nil {
			return err
		}
		return toFile(c.PDF, func(w io.Writer) error {
			return committeeView{v}.ReportFile(h.asPhysicist(ctx), w, c.Language, c.From, c.Until)
		})
	})
}

// toFile writes a file that is not there yet, and takes it away again if that fails.
func toFile(name string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fault.Errorf(fault.Conflict, "%w: name a file that is not there yet", err)
	}
	err = write(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

type doseRegistryCmd struct {
	List    doseRegistryListCmd    `cmd:"" help:"List what was made for registries."`
	Make    doseRegistryMakeCmd    `cmd:"" help:"Preview or make a file for a registry."`
	Receipt doseRegistryReceiptCmd `cmd:"" help:"Keep what a registry answered."`
}

type doseRegistryListCmd struct{ settings }

func (doseRegistryListCmd) Help() string {
	return `Lists the files that were made for registries and surveys, with digest and receipt.

Example:

    radagora dose registry list --data /var/lib/radagora`
}

// Run lists.
func (c doseRegistryListCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		all, err := h.Shelf.Disclosures(ctx, at)
		w := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "number\tregistry\tmodality\tfrom\tto\trows\tfile\tsha256\tstate\treceipt")
		for _, d := range all {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", d.Number, d.Registry, d.Modality, d.From, d.To, d.N, d.File, d.Digest, d.State, d.Receipt)
		}
		return errors.Join(err, w.Flush())
	})
}

type doseRegistryMakeCmd struct {
	settings
	Registry string `arg:"" help:"Name of the registry or survey."`
	Modality string `default:"CT" help:"CT, RF, DX, MG or NM."`
	From     string `required:"" placeholder:"DAY" help:"First day."`
	Until    string `required:"" placeholder:"DAY" help:"Last day."`
	Format   string `enum:"csv,xlsx,parquet" default:"csv" help:"csv, xlsx or parquet."`
	Out      string `placeholder:"FILE" help:"File to write; without it nothing is made, and a preview is printed."`
}

func (doseRegistryMakeCmd) Help() string {
	return `Prints how many examinations of a period would go to a registry, what is left out and why, and what to look at
first. With --out it makes the file: one row for each examination, without anything that names a person, an order, a study,
a machine or a day; persons who object are left out. The file is registered with its digest, and noted as a disclosure.

Example:

    radagora dose registry make "National survey 2026" --from 2026-01-01 --until 2026-12-31 --out survey.csv`
}

// Run previews or makes.
func (c doseRegistryMakeCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		v, err := h.quietView(c.settings)
		if err != nil {
			return err
		}
		ctx, f := h.asPhysicist(ctx), web.DisclosureForm{Registry: c.Registry, Modality: c.Modality, From: c.From, To: c.Until, Format: c.Format}
		p := v.catalogue.Printer("en")
		pre, err := registryView{v}.PreviewDisclosure(ctx, "en", f)
		if err != nil {
			return err
		}
		fmt.Fprintf(sys.Out, "%d examinations go\n", pre.N)
		for _, e := range pre.Left {
			fmt.Fprintf(sys.Out, "left out: %d %s\n", e.N, e.Reason)
		}
		for _, m := range pre.Remarks {
			fmt.Fprintf(sys.Out, "look at: %s\n", p.Say(m))
		}
		if c.Out == "" {
			return nil
		}
		return toFile(c.Out, func(w io.Writer) error {
			d, err := registryView{v}.Disclose(ctx, w, "en", f)
			if err == nil {
				fmt.Fprintf(sys.Out, "disclosure %d: %d rows, SHA-256 %s\n", d.Number, d.N, d.Digest)
			}
			return err
		})
	})
}

type doseRegistryReceiptCmd struct {
	settings
	Number int64  `arg:"" help:"Number of the disclosure."`
	State  string `enum:"accepted,refused" default:"accepted" help:"accepted or refused."`
	Words  string `help:"Number or words of the receipt."`
	File   string `placeholder:"FILE" help:"The receipt as a file, at most 4 MiB."`
}

func (doseRegistryReceiptCmd) Help() string {
	return `Keeps what a registry answered: its words, or a file. An answer stays.

Example:

    radagora dose registry receipt 3 --words "2026-4711"`
}

// Run keeps a receipt.
func (c doseRegistryReceiptCmd) Run(ctx context.Context, sys *system) error {
	r := shelf.Receipt{State: c.State, Text: c.Words}
	if c.File != "" {
		f, err := os.Open(c.File)
		if err != nil {
			return fault.Errorf(fault.NotFound, "%w", err)
		}
		defer func() { _ = f.Close() }() // only read
		if r.File, err = io.ReadAll(io.LimitReader(f, shelf.MaxReceiptFile+1)); err != nil {
			return err
		}
		r.Name = f.Name()[strings.LastIndexByte(f.Name(), os.PathSeparator)+1:]
	}
	return c.with(ctx, sys, func(h *house) error { return h.Shelf.Receive(h.asPhysicist(ctx), at, c.Number, r) })
}
