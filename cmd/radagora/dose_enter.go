package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/access"
	"radagora/dose"
	"radagora/dose/entry"
	"radagora/fault"
)

type doseEnterCmd struct {
	One       enterOneCmd       `cmd:"" help:"Type in the doses of one examination."`
	Table     enterTableCmd     `cmd:"" help:"Take the examinations of a table (CSV, XLSX), or an export of OpenREM."`
	List      enterListCmd      `cmd:"" help:"List what was typed in, and the files that were imported."`
	Withdraw  enterWithdrawCmd  `cmd:"" help:"Take an entry, or a whole import, back."`
	Reconcile enterReconcileCmd `cmd:"" help:"Hold an import against what is here, and sign that."`
}

type enterOneCmd struct {
	settings
	On          string   `required:"" placeholder:"MACHINE" help:"Id or serial number of a machine, or a room with one machine; any other name is a new machine."`
	Date        string   `required:"" placeholder:"DAY" help:"Day of the examination, as 2026-01-31."`
	Time        string   `help:"Time of day, as 10:30."`
	Exam        string   `placeholder:"CODE" help:"Code of the examination (see \"radagora dose map find\")."`
	Description string   `help:"Local name of the examination."`
	Accession   string   `help:"Accession number."`
	Study       string   `placeholder:"UID" help:"Study Instance UID."`
	PatientID   string   `name:"patient-id" help:"Patient ID."`
	Name        string   `help:"Name of the patient, as DOE^JANE."`
	Birth       string   `placeholder:"DAY" help:"Day of birth."`
	Age         string   `placeholder:"YEARS" help:"Age, where nobody knows the day of birth."`
	Sex         string   `help:"M, F or O."`
	Height      string   `placeholder:"M" help:"Height in m."`
	Weight      string   `placeholder:"KG" help:"Weight in kg."`
	Method      string   `default:"console" enum:"console,dap_meter,tube_output,table_value" help:"How the values became known: ${enum}."`
	Values      []string `arg:"" name:"value" help:"A quantity with value and unit, as dap=7.5 cGy.cm2; the quantities are dlp, ctdivol_max, dap, rp, fluoro_time, agd, agd_left, agd_right, activity."`
}

func (enterOneCmd) Help() string {
	return `Types in the doses of an examination that no device sent. Units are UCUM, and are converted to the one that is kept.
Values by calculation stay marked, wherever they count.

` + onTheLine + besideServer + `

Example:

    radagora dose enter one --on "Mobile ICU" --date 2026-10-03 --exam DX_CHEST_PA --method dap_meter "dap=7.5 cGy.cm2" \
        --data /var/lib/radagora`
}

// Run enters and prints the id.
func (c enterOneCmd) Run(ctx context.Context, sys *system) error {
	x := entry.Record{
		Day: c.Date, Clock: c.Time, Exam: c.Exam, Description: c.Description, Accession: c.Accession, Study: c.Study,
		PatientID: c.PatientID, Name: c.Name, Birth: c.Birth, Age: c.Age, Sex: strings.ToUpper(c.Sex), Height: c.Height, Weight: c.Weight,
	}
	for _, text := range c.Values {
		quantity, value, ok := strings.Cut(text, "=")
		number, unit, told := strings.Cut(strings.TrimSpace(value), " ")
		if !ok || !told {
			return fault.Errorf(fault.Invalid, "a value is written as dap=7.5 cGy.cm2")
		}
		x.Values = append(x.Values, entry.Value{Quantity: dose.Quantity(quantity), Raw: number, RawUnit: strings.TrimSpace(unit), Method: c.Method})
	}
	return c.with(ctx, sys, func(h *house) error {
		find, err := h.findMachine(ctx)
		if err != nil {
			return err
		}
		if id, ok := find(c.On); ok {
			x.Machine = id
		} else {
			x.Station = c.On
		}
		e, wrong, err := h.Entered.Enter(ctx, at, access.Local, x)
		if err != nil {
			return err
		}
		if len(wrong) > 0 {
			printWrong(sys.Err, "entry", wrong)
			return fault.Errorf(fault.Invalid, "nothing was entered: %d fields are wrong", len(wrong))
		}
		_, err = fmt.Fprintln(sys.Out, e.ID)
		return err
	})
}

// waysOut says what to do about what is wrong, by rule.
var waysOut = map[string]string{
	entry.WrongDay:      "a day as 2026-01-31 that is not to come",
	entry.WrongClock:    "a time of day as 10:30 or 10:30:00",
	entry.WrongNumber:   "a number that is not negative",
	entry.WrongUnit:     "a unit of this quantity, in UCUM",
	entry.WrongQuantity: "one quantity at least, and only those of one kind of examination",
	entry.WrongMethod:   "console, dap_meter, tube_output or table_value",
	entry.WrongMachine:  "a machine that is known, or the name of a new one",
	entry.WrongExam:     "a code of the content set dose/exam, or nothing",
	entry.WrongSex:      "M, F, O, or nothing",
	entry.WrongBirth:    "a day before the examination, or nothing",
	entry.WrongStudy:    "a UID, or nothing",
	entry.WrongText:     "at most 500 bytes of UTF-8",
	entry.WrongTwice:    "nothing: the same examination is there",
	entry.WrongTest:     "nothing: the earlier system took it for a test",
	entry.WrongColumns:  "nothing: the row holds no examination",
}

// printWrong prints a line for each thing that is wrong: line, column, rule, way out.
func printWrong(w io.Writer, name string, all []entry.Wrong) {
	for _, x := range all {
		fmt.Fprintf(w, "%s:%d: %s: %s: %s\n", name, x.Line, cmp.Or(x.Column, "-"), x.Rule, waysOut[x.Rule])
	}
}

type enterTableCmd struct {
	settings
	Product string            `default:"" enum:",openrem" help:"What wrote the file: openrem; nothing for a table made by hand."`
	Release string            `placeholder:"VERSION" help:"Version of the product; a workbook of OpenREM says it itself."`
	DryRun  bool              `help:"Only say what would happen."`
	On      string            `placeholder:"MACHINE" help:"The machine of all rows."`
	Call    map[string]string `placeholder:"NAME=MACHINE" help:"Which machine the table means by a name."`
	Column  map[string]string `placeholder:"FIELD=COLUMN" help:"Which column is what, where its name is another one."`
	Unit    map[string]string `placeholder:"QUANTITY=UNIT" help:"Unit of a quantity in all rows."`
	Method  string            `default:"" enum:",console,dap_meter,tube_output,table_value" help:"How all values became known."`
	File    string            `arg:"" name:"file" help:"CSV or XLSX."`
}

func (enterTableCmd) Help() string {
	return `Takes the examinations of a table; docs/dose-entry.md names the columns. Rows with which something is wrong are left
out and named, with line, column, rule and way out; try it with --dry-run first. The file is kept whole, so that a rebuild
reads it again, and the import can be taken back.

` + onTheLine + besideServer + `

Example:

    radagora dose enter table ctexport.xlsx --product openrem --dry-run --data /var/lib/radagora`
}

// Run tries or imports.
func (c enterTableCmd) Run(ctx context.Context, sys *system) error {
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
	return c.with(ctx, sys, func(h *house) error {
		find, err := h.findMachine(ctx)
		if err != nil {
			return err
		}
		l := entry.Layout{Product: c.Product, Release: c.Release, Columns: c.Column, Units: c.Unit, Method: c.Method, Machines: map[string]string{}}
		for name, called := range c.Call {
			id, ok := find(called)
			if !ok {
				return fault.Errorf(fault.NotFound, "no machine %q", called)
			}
			l.Machines[name] = id
		}
		if c.On != "" {
			id, ok := find(c.On)
			if !ok {
				return fault.Errorf(fault.NotFound, "no machine %q", c.On)
			}
			l.Machine = id
		}
		t, err := h.Entered.Import(ctx, at, access.Local, raw, l, c.DryRun)
		if err != nil {
			return err
		}
		printWrong(sys.Err, c.File, t.Told.Wrong)
		fmt.Fprintf(sys.Out, "%d examinations, %d taken, %d left out\n", t.Told.Rows, t.Taken, len(t.Told.Left))
		if t.Batch != "" {
			fmt.Fprintf(sys.Out, "import %s, not reconciled yet\n", t.Batch)
		}
		return nil
	})
}

type enterListCmd struct{ settings }

func (enterListCmd) Help() string {
	return `Lists the files that were imported, then the latest entries that were typed in.

` + besideServer + `

Example:

    radagora dose enter list --data /var/lib/radagora`
}

// Run prints a line for each.
func (c enterListCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		batches, err := h.Entered.Batches(ctx, at)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tON\tBY\tWHAT\tTAKEN\tLEFT OUT\tSTATE")
		for i := range batches {
			b := &batches[i]
			state := "not reconciled"
			switch {
			case !b.UndoneAt.IsZero():
				state = "taken back"
			case !b.SignedAt.IsZero():
				state = "reconciled by " + b.SignedBy
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%d\t%s\n", b.ID, b.At.UTC().Format(time.DateOnly), b.By, cmp.Or(b.Layout.Product, "table"), b.Taken, len(b.Told.Left), state)
		}
		entries, err := h.Entered.List(ctx, at, 100)
		if err != nil {
			return err
		}
		for _, e := range entries {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s of %s\t1\t0\t%s\n", e.ID, e.At.UTC().Format(time.DateOnly), e.By, e.Record.Kind, e.Record.Day, e.State)
		}
		return w.Flush()
	})
}

type enterWithdrawCmd struct {
	settings
	Import bool   `help:"The id is that of an import: take all of it back."`
	Why    string `help:"Why; stands in the history. An entry needs it."`
	ID     string `arg:"" name:"id" help:"Id of an entry or an import."`
}

func (enterWithdrawCmd) Help() string {
	return `Takes an entry out of what counts, or a whole import. It stays, with its history.

` + besideServer + `

Example:

    radagora dose enter withdraw 0190a1b2-… --why "another room" --data /var/lib/radagora`
}

// Run takes back.
func (c enterWithdrawCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		if c.Import {
			return h.Entered.Undo(ctx, at, access.Local, c.ID)
		}
		return h.Entered.Withdraw(ctx, at, access.Local, c.ID, c.Why)
	})
}

type enterReconcileCmd struct {
	settings
	Sign bool   `help:"Sign that the figures were compared."`
	ID   string `arg:"" name:"id" help:"Id of an import."`
}

func (enterReconcileCmd) Help() string {
	return `Writes as CSV what a file tells beside what is here of it: by room and year the number of examinations and the sums of
DLP, DAP, AGD and activity, the difference, and the rows that were not taken with the reason.

` + besideServer + `

Example:

    radagora dose enter reconcile 0190a1b2-… --data /var/lib/radagora`
}

// Run writes or signs.
func (c enterReconcileCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		if err := h.meanwhile(ctx, h.settle); err != nil { // a program that runs derives by itself
			return err
		}
		if c.Sign {
			if err := h.Entered.Sign(ctx, at, access.Local, c.ID); err != nil {
				return err
			}
		}
		r, err := h.Entered.Reconcile(ctx, at, c.ID)
		if err != nil {
			return err
		}
		return r.WriteCSV(sys.Out)
	})
}
