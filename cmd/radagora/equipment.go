package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"radagora/access"
	"radagora/equipment"
	"radagora/fault"
	"radagora/job"
	"radagora/site"
)

// openEquipment opens the room of machines and their tests. It comes after the registry of
// evidence.
func (h *house) openEquipment(ctx context.Context) error {
	h.Equipment = &equipment.Register{
		DB: h.DB, Journal: h.Journal, Content: h.Content, Findings: h.Findings, Site: h.Sites.Site, Now: h.Now,
		Plan: func(ctx context.Context, siteID string) (*site.Plan, error) { return h.Sites.Plan(ctx, h.DB, siteID) },
	}
	if err := h.DB.Migrate(ctx, "equipment", equipment.Migrations()); err != nil {
		return err
	}
	here, err := h.Sites.Site(ctx, at)
	if err != nil {
		return err
	}
	h.Jobs.Every("equipment-due", job.Clock{Weekday: -1, Hour: 5, Minute: 10, Zone: here.Location()}, func(ctx context.Context) error { return h.Equipment.Judge(ctx, at) })
	return h.Evidence.Register(h.Equipment.Facts()...)
}

type equipmentCmd struct {
	List   equipmentListCmd   `cmd:"" help:"List the machines of the register, or write them as a table."`
	Import equipmentImportCmd `cmd:"" help:"Enter machines from a table."`
	Due    equipmentDueCmd    `cmd:"" help:"List tests and when they are due."`
	Result equipmentResultCmd `cmd:"" help:"Enter the result of a test."`
}

type equipmentListCmd struct {
	settings
	CSV bool `name:"csv" help:"Write the table that \"radagora equipment import\" reads."`
}

func (equipmentListCmd) Help() string {
	return `Lists the machines of the register with year, state and contract.

Example:

    radagora equipment list --csv --data /var/lib/radagora`
}

// Run prints them.
func (c equipmentListCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.EquipmentRead); err != nil {
			return err
		}
		b, err := h.Equipment.Board(ctx, at)
		if err != nil {
			return err
		}
		if c.CSV {
			return equipment.WriteTable(sys.Out, b.Devices)
		}
		w := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "MACHINE\tGROUP\tYEAR\tSTATE\tCONTRACT UNTIL\tID")
		for i := range b.Devices {
			d := &b.Devices[i]
			state := string(d.Status)
			if _, is := b.Suspended[d.ID]; is {
				state = "suspended by a test"
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", d.Name, d.Group, d.Year, state, dash(d.ContractEnds), d.ID)
		}
		return w.Flush()
	})
}

type equipmentImportCmd struct {
	settings
	File string `arg:"" help:"CSV file with a head line; - for standard input."`
	Dry  bool   `help:"Only say what is wrong."`
}

func (equipmentImportCmd) Help() string {
	return `Enters the machines of a table: a machine of a name that the register has is changed. Nothing is entered if a line is
wrong. "radagora equipment list --csv" writes such a table with all columns.

Example:

    radagora equipment import machines.csv --dry --data /var/lib/radagora`
}

// mostTable bounds a table of machines, in bytes.
const mostTable = 4 << 20

// Run enters them.
func (c equipmentImportCmd) Run(ctx context.Context, sys *system) error {
	in := sys.In
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, mostTable+1))
	if err != nil {
		return err
	}
	if len(raw) > mostTable {
		return fault.Errorf(fault.Exhausted, "%s: more than %d bytes", c.File, mostTable)
	}
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.EquipmentChange); err != nil {
			return err
		}
		n, wrong, err := h.Equipment.Take(ctx, at, access.From(ctx).ID, raw, c.Dry)
		if err != nil {
			return err
		}
		var all []error
		for _, w := range wrong {
			all = append(all, fault.Errorf(fault.Invalid, "line %d, %s: %s", w.Line, w.Field, machineRule(w.Rule)))
		}
		if len(all) > 0 {
			return errors.Join(all...)
		}
		fmt.Fprintf(sys.Out, "%d machines\n", n)
		return nil
	})
}

type equipmentDueCmd struct {
	settings
	All bool `help:"List every test, not only those that are due."`
}

func (equipmentDueCmd) Help() string {
	return `Lists the tests that are due today or were before, with what they came to last.

Example:

    radagora equipment due --all --data /var/lib/radagora`
}

// Run prints them.
func (c equipmentDueCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.EquipmentRead); err != nil {
			return err
		}
		b, err := h.Equipment.Board(ctx, at)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "DUE\tMACHINE\tTEST\tLAST\tRESULT\tMEANING")
		for _, p := range b.Planned {
			if !c.All && p.Due > b.Today {
				continue
			}
			last, verdict := "-", "-"
			if p.Last != nil {
				last, verdict = p.Last.Done, string(p.Last.Verdict)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", dash(p.Due), p.Device.Name, p.Test.ID, last, verdict, p.Test.Label["en"])
		}
		return w.Flush()
	})
}

type equipmentResultCmd struct {
	settings
	Machine string `arg:"" help:"Name of the machine."`
	Test    string `arg:"" help:"Code of the test."`
	Value   string `help:"The value, judged by the levels that are entered."`
	Verdict string `help:"pass, action, suspension or fail, where no levels are entered."`
	Done    string `placeholder:"DAY" help:"Day on which it was done; today without it."`
	Note    string `help:"A remark."`
}

func (equipmentResultCmd) Help() string {
	return `Enters the result of a test. Where the site entered action and suspension levels they judge the value.

Example:

    radagora equipment result CT-1 QC-CT-1 --value 2.1 --data /var/lib/radagora`
}

// Run enters it.
func (c equipmentResultCmd) Run(ctx context.Context, sys *system) error {
	return c.onBehalf(ctx, sys, func(ctx context.Context, h *house) error {
		if err := may(ctx, access.EquipmentTest); err != nil {
			return err
		}
		devices, err := h.Equipment.Devices(ctx, at)
		if err != nil {
			return err
		}
		for i := range devices {
			if devices[i].Name != c.Machine {
				continue
			}
			x, err := h.tested(ctx, equipment.Result{
				Device: devices[i].ID, Test: c.Test, Value: c.Value, Verdict: equipment.Verdict(c.Verdict), Done: c.Done, Note: c.Note, By: access.From(ctx).ID,
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(sys.Out, "%s %s: %s\n", c.Machine, c.Test, x.Verdict)
			return nil
		}
		return fault.Errorf(fault.NotFound, "no machine %q: \"radagora equipment list\" names them", c.Machine)
	})
}

// tested keeps the result of a test and judges the machines anew.
func (h *house) tested(ctx context.Context, x equipment.Result) (equipment.Result, error) {
	x, err := h.Equipment.Record(ctx, at, x)
	if err != nil {
		return x, err
	}
	return x, h.Equipment.Judge(ctx, at)
}
