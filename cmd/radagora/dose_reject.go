package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/dose"
	"radagora/dose/entry"
	"radagora/dose/reject"
	"radagora/fault"
	"radagora/web"
)

type doseRejectCmd struct {
	Import rejectImportCmd `cmd:"" help:"Take the exposures of a vendor's reject log (CSV, TSV, XLSX, XML)."`
	List   rejectListCmd   `cmd:"" help:"List the logs that were imported."`
	Undo   rejectUndoCmd   `cmd:"" help:"Take a log back as a whole."`
	Reason rejectReasonCmd `cmd:"" help:"Say what a reason of a vendor's logs means."`
	Rates  rejectRatesCmd  `cmd:"" help:"Print reject rates by room and month, with interval and completeness."`
}

type rejectImportCmd struct {
	settings
	Vendor   string            `required:"" help:"Vendor of the software that wrote the log."`
	Release  string            `placeholder:"VERSION" help:"Version of that software."`
	DryRun   bool              `help:"Only say what would happen."`
	On       string            `placeholder:"MACHINE" help:"The machine of all rows."`
	Call     map[string]string `placeholder:"NAME=MACHINE" help:"Which machine the log means by a name."`
	Column   map[string]string `placeholder:"FIELD=COLUMN" help:"Which column is what: machine, date, time, exam, view, rejected, reason, exposure_index."`
	Rejected string            `placeholder:"WORDS" help:"What the log writes of a rejected exposure; several with semicolons."`
	Accepted string            `placeholder:"WORDS" help:"And of an accepted one."`
	All      bool              `help:"The log holds rejected exposures alone."`
	Days     string            `default:"" enum:",dmy,mdy" help:"Order of days written as 03/04/2026: dmy or mdy."`
	File     string            `arg:"" name:"file" help:"CSV, TSV, XLSX or XML."`
}

func (rejectImportCmd) Help() string {
	return `Takes the exposures of a reject log. The map of columns is kept for the vendor and version, so that the next log
needs none. Rows with which something is wrong are left out and named; try it with --dry-run first. Of the file only the
columns of the map are kept, so no operator and no patient. docs/dose-rejects.md tells more.

` + onTheLine + besideServer + `

Example:

    radagora dose reject import october.csv --vendor Exampleray --release 4.1 --column machine=Station --column date=Acquired \
        --column exam=Bodypart --column rejected=State --rejected REJ --accepted OK --dry-run --data /var/lib/radagora`
}

// rejectWays say what to do about what is wrong with a row, by rule.
var rejectWays = map[string]string{
	reject.WrongMachine:  "a machine that is known; name it with --call NAME=MACHINE or --on MACHINE",
	reject.WrongDay:      "a day as 2026-01-31 that is not to come; --days says how 03/04/2026 is meant",
	reject.WrongClock:    "a time of day as 10:30 or 10:30:00",
	reject.WrongRejected: "a word for rejected or accepted; say them with --rejected and --accepted",
	reject.WrongExposure: "a number that is not negative, or nothing",
	reject.WrongText:     "at most 200 bytes",
	reject.WrongTwice:    "nothing: the same exposure is in another log",
}

// Run tries or imports.
func (c rejectImportCmd) Run(ctx context.Context, sys *system) error {
	info, err := os.Stat(c.File)
	if err != nil {
		return fault.As(fault.NotFound, err)
	}
	if info.Size() > entry.MostBytes {
		return fault.Errorf(fault.Exhausted, "%s has more than %d bytes", c.File, entry.MostBytes)
	}
	raw, err := os.ReadFile(c.File)
	if err != nil {
		return fault.As(fault.NotFound, err)
	}
	f := web.RejectForm{
		Vendor: c.Vendor, Release: c.Release, Columns: c.Column, Rejected: c.Rejected, Accepted: c.Accepted, All: c.All, Days: c.Days, Machine: c.On,
	}
	var names []string
	for name, machine := range c.Call {
		names = append(names, name+" = "+machine)
	}
	f.Machines = strings.Join(names, "\n")
	return c.with(ctx, sys, func(h *house) error {
		l, err := h.rejectLayout(ctx, f)
		if err != nil {
			return err
		}
		t, err := h.Rejects.Import(ctx, at, access.Local, raw, l, c.DryRun)
		if err != nil {
			return err
		}
		for _, w := range t.Told.Wrong {
			fmt.Fprintf(sys.Err, "%s:%d: %s: %s: %s\n", c.File, w.Line, cmp.Or(w.Column, "-"), w.Rule, rejectWays[w.Rule])
		}
		fmt.Fprintf(sys.Out, "%d exposures, %d taken, of them %d rejected, %d left out\n", t.Told.Rows, t.Taken, t.Told.Rejected, t.Told.Left)
		if t.Batch != "" {
			fmt.Fprintf(sys.Out, "log %s\n", t.Batch)
		}
		return nil
	})
}

type rejectListCmd struct{ settings }

func (rejectListCmd) Help() string {
	return `Lists the reject logs that were imported, the latest first.

` + besideServer + `

Example:

    radagora dose reject list --data /var/lib/radagora`
}

// Run prints a line for each.
func (c rejectListCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		all, err := h.Rejects.Batches(ctx, at)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tON\tBY\tVENDOR\tVERSION\tTAKEN\tLEFT OUT\tSTATE")
		for i := range all {
			b, state := &all[i], "stands"
			if !b.UndoneAt.IsZero() {
				state = "taken back"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%s\n", b.ID, b.At.UTC().Format(time.DateOnly), b.By, b.Layout.Vendor, cmp.Or(b.Layout.Release, "-"), b.Taken, b.Told.Left, state)
		}
		return w.Flush()
	})
}

type rejectUndoCmd struct {
	settings
	ID string `arg:"" name:"id" help:"Id of a log."`
}

func (rejectUndoCmd) Help() string {
	return `Takes a log back as a whole: its exposures count no more. The same file may be imported again.

` + besideServer + `

Example:

    radagora dose reject undo 0190a1b2-… --data /var/lib/radagora`
}

// Run takes back.
func (c rejectUndoCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error { return h.Rejects.Undo(ctx, at, access.Local, c.ID) })
}

type rejectReasonCmd struct {
	settings
	Vendor string `required:"" help:"Vendor of the software that wrote the logs."`
	Forget bool   `help:"Nobody says any more what it means."`
	Text   string `arg:"" help:"The reason as the log writes it."`
	Code   string `arg:"" optional:"" help:"Code of the content set dose/reject, as POSITIONING."`
}

func (rejectReasonCmd) Help() string {
	return `Says what a reason of a vendor's logs means. It holds for the logs that are there already, too; exposures whose
reason means TEST are in no rate.

` + besideServer + `

Example:

    radagora dose reject reason "Pos. error" POSITIONING --vendor Exampleray --data /var/lib/radagora`
}

// Run notes it.
func (c rejectReasonCmd) Run(ctx context.Context, sys *system) error {
	if c.Forget != (c.Code == "") {
		return fault.Errorf(fault.Invalid, "say the code of a reason, or --forget")
	}
	return c.with(ctx, sys, func(h *house) error { return h.Rejects.Say(ctx, at, access.Local, c.Vendor, c.Text, c.Code) })
}

type rejectRatesCmd struct {
	settings
	Months int `default:"12" help:"How many months back."`
}

func (rejectRatesCmd) Help() string {
	return `Prints by room and month how many exposures were rejected of all, the rate with its interval, and how much of the
images of the archive the log tells of. Test images are left out. A rate of an incomplete log says so.

` + besideServer + `

Example:

    radagora dose reject rates --months 3 --data /var/lib/radagora`
}

// Run prints a line for each room and month.
func (c rejectRatesCmd) Run(ctx context.Context, sys *system) error {
	if c.Months < 1 || c.Months > 120 {
		return fault.Errorf(fault.Invalid, "a period is 1 to 120 months long")
	}
	return c.with(ctx, sys, func(h *house) error {
		here, err := h.Sites.Site(ctx, at)
		if err != nil {
			return err
		}
		b, err := h.Rejects.Board(ctx, at, dose.Last(c.Months, h.Now().In(here.Location())), reject.Filter{})
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "ROOM\tMONTH\tREJECTED\tOF\tRATE\tINTERVAL\tOF ARCHIVE\tSTATE")
		for i := range b.Rooms {
			r := &b.Rooms[i]
			for j := range r.Months {
				m := &r.Months[j]
				share, known := m.Complete()
				printRate(w, b, r.Name, m.Month, m.Counts, share, known)
			}
			share, known := r.Complete()
			printRate(w, b, r.Name, "all", r.Counts, share, known)
		}
		return w.Flush()
	})
}

// printRate prints a rate.
func printRate(w *tabwriter.Writer, b *reject.Board, room, month string, c reject.Counts, share float64, known bool) {
	rate, interval, of, state := "-", "-", "-", "complete"
	if x, ok := c.Rate(); ok {
		low, high := c.Interval(b.Coverage)
		rate, interval = fmt.Sprintf("%.1f %%", 100*x), fmt.Sprintf("%.1f to %.1f %%", 100*low, 100*high)
	}
	if known {
		of = fmt.Sprintf("%.0f %%", 100*share)
	}
	if b.Incomplete(share, known) {
		state = "incomplete"
	}
	fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%s\n", room, month, c.Rejected, c.All(), rate, interval, of, state)
}
