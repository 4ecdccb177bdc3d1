package quality

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"radagora/dose"
	"radagora/fault"
	"radagora/site"
)

// root returns which machine one really is.
func root(find func(string) (site.Machine, bool), id string) string {
	if m, ok := find(id); ok {
		return m.ID
	}
	return id
}

// A MarkKind is what happened to a device.
type MarkKind string

// What may have happened.
const (
	MarkSoftware    MarkKind = "software"    // reports tell of another version for the first time
	MarkCalibration MarkKind = "calibration" // a calibration holds from here on
	MarkEnded       MarkKind = "calibration_ended"
	MarkAcceptance  MarkKind = "acceptance" // its acceptance test was signed
)

// A Mark is a day on which something about a device changed, for time lines.
type Mark struct {
	Day  string
	Kind MarkKind
	Text string // version, quantity and factor, or result
}

// A Device is a machine with what people should know of its numbers.
type Device struct {
	site.Machine
	Room         site.Room
	Calibrations []dose.MachineCalibration // revoked ones too
	Tests        []Acceptance              // the latest first
	Standing     Standing
	Marks        []Mark // of all time, the earliest first
}

// Marks returns what happened to a machine in a period, in the order of time; "" bounds
// nothing.
func (b *Bench) Marks(ctx context.Context, siteID, machine string, p dose.Period) ([]Mark, error) {
	d, err := b.Device(ctx, siteID, machine)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(d.Marks, func(m Mark) bool { return m.Day < p.From || p.To != "" && m.Day > p.To }), nil
}

// Device returns a machine with its history. NotFound: nobody has seen it.
func (b *Bench) Device(ctx context.Context, siteID, machine string) (*Device, error) {
	plan, err := b.Plan(ctx, siteID)
	if err != nil {
		return nil, err
	}
	m, ok := plan.Machine(machine)
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no such machine")
	}
	d := &Device{Machine: m}
	d.Room, _ = plan.RoomOf(m.ID)
	calibrations, err := b.Doses.Calibrations(ctx, siteID)
	if err != nil {
		return nil, err
	}
	for _, c := range calibrations {
		if root(plan.Machine, c.Machine) == m.ID {
			d.Calibrations = append(d.Calibrations, c)
		}
	}
	if d.Tests, err = b.tests(ctx, siteID, plan, m.ID); err != nil {
		return nil, err
	}
	set, err := b.Settings(siteID)
	if err != nil {
		return nil, err
	}
	here, err := b.Site(ctx, siteID)
	if err != nil {
		return nil, err
	}
	d.Standing = stand(m, d.Tests, set, here.Day(b.Now()))
	d.Marks = d.marks()
	return d, nil
}

// marks returns what happened to the device. What was seen first is no change.
func (d *Device) marks() []Mark {
	var all []Mark
	first := ""
	for _, s := range d.Software {
		if first == "" || s.FirstDay < first {
			first = s.FirstDay
		}
	}
	for _, s := range d.Software {
		if s.FirstDay > first {
			all = append(all, Mark{s.FirstDay, MarkSoftware, s.Value})
		}
	}
	for _, c := range d.Calibrations {
		if c.RevokedAt != 0 {
			continue
		}
		all = append(all, Mark{c.From, MarkCalibration, string(c.Quantity) + " " + c.Factor.String()})
		if t, err := time.Parse(time.DateOnly, c.To); err == nil {
			all = append(all, Mark{t.AddDate(0, 0, 1).Format(time.DateOnly), MarkEnded, string(c.Quantity) + " " + c.Factor.String()})
		}
	}
	for _, t := range d.Tests {
		all = append(all, Mark{t.Day, MarkAcceptance, string(t.Result)})
	}
	slices.SortStableFunc(all, func(a, b Mark) int { return cmp.Compare(a.Day, b.Day) })
	return all
}

// software returns the versions that reports told of a machine on the last day that
// they told of any.
func software(m site.Machine) string {
	last := ""
	for _, s := range m.Software {
		last = max(last, s.LastDay)
	}
	var all []string
	for _, s := range m.Software {
		if s.LastDay == last && !slices.Contains(all, s.Value) {
			all = append(all, s.Value)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}
