package main

import (
	"cmp"
	"context"
	"fmt"
	"text/tabwriter"

	"radagora/access"
	"radagora/dose"
	"radagora/web"
)

type doseCalibrationCmd struct {
	List   calibrationListCmd   `cmd:"" help:"List machines with their calibrations."`
	Enter  calibrationEnterCmd  `cmd:"" help:"Note how far reported doses are from measured ones."`
	End    calibrationEndCmd    `cmd:"" help:"Let a calibration hold until a day."`
	Revoke calibrationRevokeCmd `cmd:"" help:"Take a calibration back."`
	Basis  calibrationBasisCmd  `cmd:"" help:"Show or choose which numbers the site compares by."`
}

type calibrationListCmd struct{ settings }

func (calibrationListCmd) Help() string {
	return `Lists the machines of the site with their ids, and the calibrations of each.

` + besideServer + `

Example:

    radagora dose calibration list --data /var/lib/radagora`
}

// Run prints a line for each machine and each of its calibrations.
func (c calibrationListCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		plan, err := h.Sites.Plan(ctx, h.DB, at)
		if err != nil {
			return err
		}
		all, err := h.Dose.Calibrations(ctx, at)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(w, "MACHINE\tNAME\tCALIBRATION\tQUANTITY\tFACTOR\tUNCERTAINTY\tCALIBRATED\tFROM\tTO\tINSIDE\tSTATE")
		for _, room := range plan.Rooms {
			for _, m := range room.Machines {
				printCalibrations(w, m.ID, m.Name, all)
			}
		}
		return w.Flush()
	})
}

// printCalibrations prints those of a machine, or that it has none.
func printCalibrations(w *tabwriter.Writer, machine, name string, all []dose.MachineCalibration) {
	n := 0
	for i := range all {
		c := &all[i]
		if c.Machine != machine {
			continue
		}
		n++
		state := "holds"
		if c.RevokedAt != 0 {
			state = "revoked"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", machine, name, c.ID, c.Quantity, c.Factor, cmp.Or(c.Uncertainty, "-"),
			c.Calibrated, c.From, cmp.Or(c.To, "-"), c.Inside, state)
	}
	if n == 0 {
		fmt.Fprintf(w, "%s\t%s\t-\t-\t-\t-\t-\t-\t-\t-\t-\n", machine, name)
	}
}

type calibrationEnterCmd struct {
	settings
	Machine     string `arg:"" help:"Id of the machine, as the list has it."`
	Quantity    string `arg:"" help:"dlp, ctdivol, dap, rp, agd or activity."`
	Factor      string `arg:"" help:"Measured over reported, such as 1.04."`
	Calibrated  string `help:"Day of the calibration." required:""`
	From        string `help:"First day on which it holds." required:""`
	To          string `help:"Last day."`
	Uncertainty string `help:"In per cent."`
	Inside      string `help:"What becomes of a factor that the report itself states: applied or not_applied." default:"applied"`
	Note        string `help:"What else to know."`
}

func (calibrationEnterCmd) Help() string {
	return `Notes a calibration of a machine: corrected = reported x factor. Reported values are never changed; corrected ones stand
beside. The examinations of the days on which it holds are derived anew by the running program.

` + besideServer + `

Example:

    radagora dose calibration enter 0f3c… dap 1.04 --calibrated 2026-03-20 --from 2026-04-01 --uncertainty 3 --data /var/lib/radagora`
}

// Run notes it.
func (c calibrationEnterCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		m, err := calibrationOf(web.CalibrationForm{
			Machine: c.Machine, Quantity: c.Quantity, Factor: c.Factor, Uncertainty: c.Uncertainty,
			Calibrated: c.Calibrated, From: c.From, To: c.To, Inside: c.Inside, Note: c.Note,
		})
		if err != nil {
			return err
		}
		if _, err := h.Quality.Device(ctx, at, c.Machine); err != nil {
			return err
		}
		m.EnteredBy = access.Local
		m, err = h.Dose.Calibrate(ctx, m)
		if err == nil {
			fmt.Fprintln(sys.Out, m.ID)
		}
		return err
	})
}

type calibrationEndCmd struct {
	settings
	ID  string `arg:"" help:"Id of the calibration."`
	Day string `arg:"" help:"Last day on which it holds."`
}

func (calibrationEndCmd) Help() string {
	return `Lets a calibration hold until a day. The examinations after it are derived anew.

` + besideServer + `

Example:

    radagora dose calibration end 0198c0de-… 2026-09-30 --data /var/lib/radagora`
}

// Run ends it.
func (c calibrationEndCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error { return h.Dose.EndCalibration(ctx, at, c.ID, c.Day, access.Local) })
}

type calibrationRevokeCmd struct {
	settings
	ID string `arg:"" help:"Id of the calibration."`
}

func (calibrationRevokeCmd) Help() string {
	return `Takes a calibration back, as one that was entered wrongly. It stays in the list, marked.

` + besideServer + `

Example:

    radagora dose calibration revoke 0198c0de-… --data /var/lib/radagora`
}

// Run revokes it.
func (c calibrationRevokeCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error { return h.Dose.RevokeCalibration(ctx, at, c.ID, access.Local) })
}

type calibrationBasisCmd struct {
	settings
	Basis string `arg:"" optional:"" help:"reported or corrected."`
}

func (calibrationBasisCmd) Help() string {
	return `Shows which numbers the site compares with levels, those reported or those corrected by calibrations, and chooses.

` + besideServer + `

Example:

    radagora dose calibration basis corrected --data /var/lib/radagora`
}

// Run shows or chooses the basis.
func (c calibrationBasisCmd) Run(ctx context.Context, sys *system) error {
	return c.with(ctx, sys, func(h *house) error {
		if c.Basis != "" {
			if err := h.Dose.SetBasis(ctx, at, dose.Basis(c.Basis), access.Local); err != nil {
				return err
			}
		}
		b, err := h.Dose.Basis(ctx, at)
		if err == nil {
			fmt.Fprintln(sys.Out, b)
		}
		return err
	})
}
