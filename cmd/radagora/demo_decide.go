package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"radagora/demo"
	"radagora/dose"
	"radagora/dose/entry"
	"radagora/dose/reject"
	"radagora/fault"
	"radagora/site"
	"radagora/ucum"
)

// calibrate notes how far the machines of the demonstration are from what was measured,
// each once.
func (d *demoLoad) calibrate(ctx context.Context, all []demo.Calibration) error {
	p, err := d.house.Sites.Plan(ctx, d.house.DB, site.Default)
	if err != nil {
		return err
	}
	there, err := d.house.Dose.Calibrations(ctx, site.Default)
	if err != nil {
		return err
	}
	for _, c := range all {
		factor, err := ucum.ParseDecimal(c.Factor)
		if err != nil {
			return err
		}
		for _, room := range p.Rooms {
			for _, m := range room.Machines {
				known := slices.ContainsFunc(there, func(x dose.MachineCalibration) bool { return x.Machine == m.ID && string(x.Quantity) == c.Quantity })
				if m.Serial != c.Serial || known {
					continue
				}
				if _, err := d.house.Dose.Calibrate(ctx, dose.MachineCalibration{
					Site: site.Default, Machine: m.ID, Quantity: dose.Quantity(c.Quantity), Factor: factor, Uncertainty: c.Uncertainty,
					Calibrated: c.Calibrated, From: c.From, Note: c.Note, EnteredBy: demo.Actor,
				}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// typeIn enters the doses of a room whose machine sends none, each once.
func (d *demoLoad) typeIn(ctx context.Context, all []demo.Typed, until time.Time) error {
	for _, x := range all {
		_, wrong, err := d.house.Entered.Enter(ctx, site.Default, demo.Actor, entry.Record{
			Manufacturer: "Exampleray", Model: x.Model, Station: x.Station, Kind: dose.Projection, Exam: x.Exam,
			Day: until.AddDate(0, 0, -x.Back).Format(time.DateOnly), Clock: x.Clock,
			Values: []entry.Value{
				{Quantity: dose.QuantityDAP, Raw: x.DAP, RawUnit: x.Unit, Method: x.Method},
				{Quantity: dose.QuantityFluoroTime, Raw: x.FluoroTime, RawUnit: "s", Method: x.Method},
			},
		})
		if len(wrong) > 0 {
			return fault.Errorf(fault.Invalid, "demo/decision: typed: %s: %s", wrong[0].Column, wrong[0].Rule)
		}
		if err != nil && fault.Of(err) != fault.Conflict { // a conflict: it is there already
			return err
		}
	}
	return nil
}

// logs imports the logs of rejected exposures, each once.
func (d *demoLoad) logs(ctx context.Context, year *demo.Year) error {
	all, err := year.Logs(ctx)
	if err != nil {
		return err
	}
	for _, l := range all {
		_, err := d.house.Rejects.Import(ctx, site.Default, demo.Actor, l.Data, reject.Layout{
			Vendor: l.Vendor, Release: l.Release, Columns: l.Columns, Rejected: []string{l.Rejected}, Accepted: []string{l.Accepted},
		}, false)
		if err != nil && fault.Of(err) != fault.Conflict { // a conflict: it is there already
			return fmt.Errorf("reject log of %s: %w", l.Room, err)
		}
	}
	return nil
}
