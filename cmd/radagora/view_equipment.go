package main

import (
	"context"
	"errors"

	"radagora/content"
	"radagora/equipment"
	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
)

// A machineView answers the pages of machines.
type machineView struct{ *view }

var _ web.Machines = machineView{}

// Machines implements web.Machines.
func (v machineView) Machines(ctx context.Context) (pg web.MachinesPage, err error) {
	if pg.Board, err = v.Equipment.Board(ctx, at); err != nil {
		return pg, err
	}
	if pg.Bands, _, err = v.Equipment.Bands(at); err != nil {
		return pg, err
	}
	here, err := v.Sites.Site(ctx, at)
	if err != nil {
		return pg, err
	}
	pg.Year = v.Now().In(here.Location()).Year()
	pg.Ages = equipment.Ages(pg.Devices, pg.Year, pg.Bands)
	if pg.Pictures, err = v.Equipment.Pictures(ctx, at); err != nil {
		return pg, err
	}
	pg.Links = v.links
	set, _ := v.Content.Set(at, "equipment/test")
	pg.Draft = set != nil && set.Status == content.Draft
	p, err := v.plan(ctx)
	if err != nil {
		return pg, err
	}
	for _, room := range p.Rooms {
		for _, m := range room.Machines {
			pg.Seen = append(pg.Seen, face.Choice{Code: m.ID, Label: room.Name + " · " + m.Name})
		}
	}
	return pg, nil
}

// MachineKeep implements web.Machines.
func (v machineView) MachineKeep(ctx context.Context, by web.Person, d equipment.Device) (string, error) {
	if d.ID != "" {
		was, err := v.Equipment.Device(ctx, at, d.ID)
		if err != nil {
			return "", err
		}
		d.Location, d.Acceptance = was.Location, was.Acceptance // the page does not ask for them
	}
	d, wrong, err := v.Equipment.Keep(ctx, at, by.ID, d)
	if err != nil {
		return "", err
	}
	var all []error
	for _, w := range wrong {
		all = append(all, fault.Errorf(fault.Invalid, "%s: %s", w.Field, machineRule(w.Rule)))
	}
	if len(all) > 0 {
		return "", fault.As(fault.Invalid, errors.Join(all...))
	}
	return d.ID, v.Equipment.Judge(ctx, at)
}

// machineRule says what would be right.
func machineRule(rule string) string {
	switch rule {
	case equipment.WrongName:
		return "a name of 1 to 64 bytes is needed"
	case equipment.WrongGroup:
		return "choose a group of the list"
	case equipment.WrongStatus:
		return "ordered, active, suspended or retired"
	case equipment.WrongYear:
		return "a year with four digits that is not after the next"
	case equipment.WrongDay:
		return "a day such as 2026-01-31"
	case equipment.WrongYesNo:
		return "yes or no"
	case equipment.WrongTwice:
		return "another machine has this name"
	}
	return "at most 500 bytes of text"
}

// MachineResult implements web.Machines.
func (v machineView) MachineResult(ctx context.Context, by web.Person, x equipment.Result) error {
	x.By = by.ID
	_, err := v.tested(ctx, x)
	return err
}

// MachinePicture implements web.Machines.
func (v machineView) MachinePicture(ctx context.Context, by web.Person, device string, raw []byte) error {
	return v.Equipment.SetPhoto(ctx, at, by.ID, device, raw)
}

// MachineShow implements web.Machines.
func (v machineView) MachineShow(ctx context.Context, device string) (string, []byte, error) {
	p, err := v.Equipment.Photo(ctx, at, device)
	return p.MediaType, p.Content, err
}

// MachineLevels implements web.Machines.
func (v machineView) MachineLevels(ctx context.Context, by web.Person, device, test string, l equipment.Levels) error {
	if err := v.Equipment.SetLevels(ctx, at, by.ID, device, test, l); err != nil {
		return err
	}
	return v.Equipment.Judge(ctx, at)
}

// MachineChange implements web.Machines.
func (v machineView) MachineChange(ctx context.Context, by web.Person, c equipment.Change) error {
	c.By = by.ID
	if _, err := v.Equipment.Changed(ctx, at, c); err != nil {
		return err
	}
	return v.Equipment.Judge(ctx, at)
}
