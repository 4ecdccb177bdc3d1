package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	"radagora/access"
	"radagora/db"
	"radagora/dose"
	"radagora/dose/quality"
	"radagora/fault"
	"radagora/site"
	"radagora/ucum"
	"radagora/web"
)

// A qualityView tells what is doubtful or missing in the doses.
type qualityView struct{ *view }

// mostFlagged is how many flagged examinations a page lists.
const mostFlagged = 500

// proposedReadings is how many examinations a test proposes: more than it needs, so
// that one can be left out.
const proposedReadings = 8

// period is the last twelve months at the site.
func (v qualityView) period(ctx context.Context) (dose.Period, error) {
	here, err := v.Sites.Site(ctx, at)
	return dose.Last(12, v.Now().In(here.Location())), err
}

// Board implements web.DoseQuality.
func (v qualityView) Board(ctx context.Context) (web.QualityBoard, error) {
	var out web.QualityBoard
	p, err := v.period(ctx)
	if err != nil {
		return out, err
	}
	out.From, out.To = day(p.From), day(p.To)
	basis, err := v.Dose.Basis(ctx, at)
	if err != nil {
		return out, err
	}
	out.Basis = string(basis)
	b, err := v.Quality.Board(ctx, at, p)
	if err != nil {
		return out, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return out, err
	}
	if out.Devices, err = v.devices(ctx, b, plan); err != nil {
		return out, err
	}
	names := map[string]string{}
	for _, d := range out.Devices {
		names[d.Machine] = d.Name
	}
	out.Counts = flagCounts(b.Counts, names)
	return out, v.weeks(ctx, p, plan, &out)
}

// devices are the machines of the board: those with examinations, flags or a test.
func (v qualityView) devices(ctx context.Context, b *quality.Board, plan plan) ([]web.QualityLine, error) {
	standing, err := v.Quality.Accepted(ctx, at)
	if err != nil {
		return nil, err
	}
	calibrations, err := v.Dose.Calibrations(ctx, at)
	if err != nil {
		return nil, err
	}
	flags := map[string]int{}
	for _, c := range b.Counts {
		flags[c.Machine] += c.N
	}
	all := []web.QualityLine{}
	for _, room := range plan.Rooms {
		for _, m := range room.Machines {
			if b.Examinations[m.ID] == 0 && flags[m.ID] == 0 && standing[m.ID].Test == "" {
				continue
			}
			line := v.deviceLine(plan, m, standing[m.ID])
			line.Examinations, line.Unmapped, line.Flags = b.Examinations[m.ID], b.Unmapped[m.ID], flags[m.ID]
			for i := range calibrations {
				if c := &calibrations[i]; c.Holds(b.To) && plan.same(c.Machine, m.ID) {
					line.Calibrations++
				}
			}
			all = append(all, line)
		}
	}
	return all, nil
}

// same reports whether two machines are one.
func (p plan) same(a, b string) bool {
	x, okX := p.Machine(a)
	y, okY := p.Machine(b)
	return a == b || okX && okY && x.ID == y.ID
}

// deviceLine is what a page says of a machine.
func (v qualityView) deviceLine(plan plan, m site.Machine, s quality.Standing) web.QualityLine {
	room, _ := plan.RoomOf(m.ID)
	return web.QualityLine{
		Machine: m.ID, Name: cmp.Or(m.Name, m.ID), Room: plan.ref(room.ID), FirstDay: day(m.FirstDay), LastDay: day(m.LastDay),
		Standing: standingOf(s),
	}
}

// standingOf is how a machine stands, for a page.
func standingOf(s quality.Standing) web.Standing {
	return web.Standing{State: cmp.Or(string(s.State), string(quality.StateNone)), Day: day(s.Day), Test: s.Test, Limits: s.Limits}
}

// flagCounts gathers the months of each flag of a device.
func flagCounts(all []quality.Count, names map[string]string) []web.FlagCount {
	var out []web.FlagCount
	for _, c := range all {
		if n := len(out); n == 0 || out[n-1].Machine != c.Machine || out[n-1].Flag != c.Flag {
			out = append(out, web.FlagCount{Machine: c.Machine, Name: cmp.Or(names[c.Machine], "–"), Flag: c.Flag})
		}
		last := &out[len(out)-1]
		last.N += c.N
		last.Months = append(last.Months, web.MonthCount{Month: c.Month, N: c.N})
	}
	slices.SortStableFunc(out, func(a, b web.FlagCount) int { return cmp.Compare(b.N, a.N) })
	return out
}

// weeks adds the weeks with too few doses.
func (v qualityView) weeks(ctx context.Context, p dose.Period, plan plan, out *web.QualityBoard) error {
	set, err := v.Quality.Settings(at)
	if err != nil {
		return err
	}
	all, err := v.Quality.Completeness(ctx, at, p)
	if err != nil {
		return err
	}
	out.AllWeeks, out.Least = len(all), set.Completeness
	for _, w := range all {
		if !w.Incomplete || len(out.Weeks) == mostFlagged {
			continue
		}
		out.Weeks = append(out.Weeks, web.QualityWeek{
			Room: plan.ref(w.Room), Modality: w.Modality, Monday: day(w.Monday), Studies: w.Studies, With: w.With, Share: w.Share(),
		})
	}
	return nil
}

// Flagged implements web.DoseQuality.
func (v qualityView) Flagged(ctx context.Context, flag, machine, month string) ([]web.FlaggedDose, error) {
	p, err := v.period(ctx)
	if err != nil {
		return nil, err
	}
	all, err := v.Quality.Flagged(ctx, at, p, quality.Filter{Flag: flag, Machine: machine, Month: month}, mostFlagged)
	if err != nil {
		return nil, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]web.FlaggedDose, len(all))
	for i, f := range all {
		m, _ := plan.Machine(f.Machine)
		out[i] = web.FlaggedDose{
			ID: f.ID(), Flag: f.Flag, Name: cmp.Or(m.Name, "–"), At: day(f.Day), N: f.N, Value: f.Value, Typical: f.Typical, Unit: dose.QuantityUnit(f.Quantity),
		}
		if f.Examination == "" { // of the study: its first examination shows it
			out[i].ID = f.Study + "_1"
		}
	}
	return out, nil
}

// Device implements web.DoseQuality.
func (v qualityView) Device(ctx context.Context, machine string) (web.QualityDevice, error) {
	var out web.QualityDevice
	d, err := v.Quality.Device(ctx, at, machine)
	if err != nil {
		return out, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return out, err
	}
	set, err := v.Quality.Settings(at)
	if err != nil {
		return out, err
	}
	out.QualityLine, out.Readings = v.deviceLine(plan, d.Machine, d.Standing), set.Readings
	for _, s := range slices.Backward(d.Software) {
		out.Software = append(out.Software, web.SoftwareSeen{Version: s.Value, First: day(s.FirstDay), Last: day(s.LastDay)})
	}
	for _, q := range dose.Measurables() {
		out.Quantities = append(out.Quantities, string(q))
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return out, err
	}
	for _, c := range d.Calibrations {
		line := web.CalibrationLine{
			ID: c.ID, Quantity: string(c.Quantity), Factor: c.Factor.String(), Uncertainty: c.Uncertainty, Inside: string(c.Inside), Note: c.Note,
			By: cmp.Or(names[c.EnteredBy], c.EnteredBy), Calibrated: day(c.Calibrated), From: day(c.From), To: day(c.To),
		}
		if c.RevokedAt != 0 {
			line.Revoked = db.FromMillis(c.RevokedAt)
		}
		out.Calibrations = append(out.Calibrations, line)
	}
	for i := range d.Tests {
		out.Tests = append(out.Tests, testLine(&d.Tests[i]))
	}
	return out, nil
}

// testLine is a test as a list shows it.
func testLine(a *quality.Acceptance) web.TestLine {
	return web.TestLine{ID: a.ID, Result: string(a.Result), Name: a.Name, Limits: a.Limits, Day: day(a.Day)}
}

// Calibrate implements web.DoseQuality.
func (v qualityView) Calibrate(ctx context.Context, by web.Person, f web.CalibrationForm) error {
	if err := may(ctx, access.Calibrate); err != nil {
		return err
	}
	c, err := calibrationOf(f)
	if err != nil {
		return err
	}
	if _, err := v.Quality.Device(ctx, at, c.Machine); err != nil {
		return err
	}
	c.EnteredBy = by.ID
	_, err = v.Dose.Calibrate(ctx, c)
	return err
}

// calibrationOf reads what somebody typed.
func calibrationOf(f web.CalibrationForm) (dose.MachineCalibration, error) {
	factor, err := ucum.ParseDecimal(f.Factor)
	if err != nil {
		return dose.MachineCalibration{}, fault.Errorf(fault.Invalid, "factor: a number such as 1.04")
	}
	return dose.MachineCalibration{
		Site: at, Machine: f.Machine, Quantity: dose.Quantity(f.Quantity), Factor: factor, Uncertainty: f.Uncertainty,
		Calibrated: f.Calibrated, From: f.From, To: f.To, Inside: dose.Inside(f.Inside), Note: f.Note,
	}, nil
}

// EndCalibration implements web.DoseQuality.
func (v qualityView) EndCalibration(ctx context.Context, by web.Person, id, last string) error {
	if err := may(ctx, access.Calibrate); err != nil {
		return err
	}
	if last == "" {
		return v.Dose.RevokeCalibration(ctx, at, id, by.ID)
	}
	return v.Dose.EndCalibration(ctx, at, id, last, by.ID)
}

// ChooseBasis implements web.DoseQuality.
func (v qualityView) ChooseBasis(ctx context.Context, by web.Person, basis string) error {
	if err := may(ctx, access.Calibrate); err != nil {
		return err
	}
	return v.Dose.SetBasis(ctx, at, dose.Basis(basis), by.ID)
}

// Propose implements web.DoseQuality.
func (v qualityView) Propose(ctx context.Context, machine string) (web.AcceptancePage, error) {
	var out web.AcceptancePage
	set, err := v.Quality.Settings(at)
	if err != nil {
		return out, err
	}
	all, err := v.Quality.Propose(ctx, at, machine, max(set.Readings, proposedReadings))
	if err != nil {
		return out, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return out, err
	}
	m, _ := plan.Machine(machine)
	line := v.deviceLine(plan, m, quality.Standing{})
	out = web.AcceptancePage{Machine: m.ID, Device: line.Name, Room: line.Room, Wanted: set.Readings}
	for _, p := range all {
		x := v.acceptanceExamination(ctx, p.Readings)
		x.ID = p.ID
		out.Examinations = append(out.Examinations, x)
		for _, r := range p.Readings {
			if !slices.Contains(out.Quantities, r.Quantity) {
				out.Quantities = append(out.Quantities, r.Quantity)
			}
		}
	}
	return out, nil
}

// acceptanceExamination is an examination of a test, for a page.
func (v qualityView) acceptanceExamination(ctx context.Context, all []quality.Reading) web.AcceptanceExamination {
	zone := v.site(ctx).Zone
	x := web.AcceptanceExamination{Name: all[0].Name, Types: all[0].Types, At: moment(all[0].Taken, zone)}
	for _, r := range all {
		x.Readings = append(x.Readings, web.AcceptanceReading{
			Quantity: r.Quantity, Unit: r.Unit, Console: r.Console, Own: r.Own, Explained: r.Explained, Within: r.Within,
		})
	}
	return x
}

// SignTest implements web.DoseQuality.
func (v qualityView) SignTest(ctx context.Context, by web.Person, f web.AcceptanceForm) (string, error) {
	if err := may(ctx, access.AcceptanceSign); err != nil {
		return "", err
	}
	if len(f.Examinations) > 50 {
		return "", fault.Errorf(fault.Invalid, "a test is of at most 50 examinations")
	}
	all, err := v.Quality.Readings(ctx, at, f.Machine, f.Examinations)
	if err != nil {
		return "", err
	}
	a := quality.Acceptance{
		Site: at, Machine: f.Machine, Result: quality.Result(f.Result), Limits: f.Limits, Note: f.Note, SignedBy: by.ID, Name: f.Name,
	}
	for i, p := range all {
		for _, r := range p.Readings {
			key := strconv.Itoa(i) + "-" + r.Quantity
			if r.Console, r.Explained = f.Console[key], f.Explained[key]; r.Console != "" {
				a.Readings = append(a.Readings, r)
			}
		}
	}
	a, err = v.Quality.Sign(ctx, a)
	return a.ID, err
}

// Test implements web.DoseQuality.
func (v qualityView) Test(ctx context.Context, id string) (web.AcceptancePage, error) {
	a, err := v.Quality.Test(ctx, at, id)
	if err != nil {
		return web.AcceptancePage{}, err
	}
	plan, err := v.plan(ctx)
	if err != nil {
		return web.AcceptancePage{}, err
	}
	m, _ := plan.Machine(a.Machine)
	line := v.deviceLine(plan, m, quality.Standing{})
	out := web.AcceptancePage{
		TestLine: testLine(a), Machine: a.Machine, Device: line.Name, Room: line.Room, Note: a.Note, Software: a.Software, Program: a.Program, Reader: a.Reader,
	}
	for from := 0; from < len(a.Readings); {
		to := from
		for to < len(a.Readings) && a.Readings[to].Ordinal == a.Readings[from].Ordinal {
			to++
		}
		out.Examinations = append(out.Examinations, v.acceptanceExamination(ctx, a.Readings[from:to]))
		from = to
	}
	return out, nil
}
