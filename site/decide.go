package site

import (
	"context"
	"strings"

	"radagora/db"
	"radagora/fault"
)

// The longest name of a room, machine or area, in characters.
const nameLimit = 100

// NameRoom gives a room its name and area on behalf of by. It is NotFound for a
// room nobody stands in and nobody made, and Invalid for a name that is empty or
// too long.
func (r *Register) NameRoom(ctx context.Context, by, siteID, roomID, name, area string) error {
	if err := checkName(name, area); err != nil {
		return err
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		plan, err := r.Plan(ctx, tx, siteID)
		if err != nil {
			return err
		}
		before, ok := plan.Room(roomID)
		if !ok {
			return fault.Errorf(fault.NotFound, "no room %s at site %s", roomID, siteID)
		}
		if err := r.putRoom(ctx, tx, by, Room{ID: roomID, Site: siteID, Name: name, Area: area}); err != nil {
			return err
		}
		return r.record(ctx, tx, by, siteID, "site.room.named", roomID, map[string]string{
			"name": name, "area": area, "name_before": before.Name, "area_before": before.Area,
		})
	})
}

// MakeRoom makes an empty room on behalf of by and returns its id.
func (r *Register) MakeRoom(ctx context.Context, by, siteID, name, area string) (string, error) {
	if err := checkName(name, area); err != nil {
		return "", err
	}
	id := db.NewID()
	return id, r.db.Write(ctx, func(tx *db.Tx) error {
		if err := r.putRoom(ctx, tx, by, Room{ID: id, Site: siteID, Name: name, Area: area}); err != nil {
			return err
		}
		return r.record(ctx, tx, by, siteID, "site.room.made", id, map[string]string{"name": name, "area": area})
	})
}

// putRoom writes what somebody said about a room.
func (r *Register) putRoom(ctx context.Context, tx *db.Tx, by string, room Room) error {
	_, err := tx.Exec(ctx, `insert into site_room (room_id, site_id, name, area, changed_by, changed_at)
		values ($1, $2, $3, $4, $5, $6) on conflict (room_id) do update set
		name = excluded.name, area = excluded.area, changed_by = excluded.changed_by, changed_at = excluded.changed_at`,
		room.ID, room.Site, room.Name, room.Area, by, db.Millis(r.now()))
	return err
}

// NameMachine gives a machine its name on behalf of by; "" takes the name back.
func (r *Register) NameMachine(ctx context.Context, by, siteID, machineID, name string) error {
	if name != "" {
		if err := checkName(name, ""); err != nil {
			return err
		}
	}
	return r.decide(ctx, by, siteID, machineID, "site.machine.named", func(_ *Plan, d *decision) error {
		d.note("name", d.Name, name)
		d.Name = name
		return nil
	})
}

// Move puts a machine into a room on behalf of by; "" puts it back into its own.
// All its data move with it; when it moved is in the journal.
func (r *Register) Move(ctx context.Context, by, siteID, machineID, roomID string) error {
	return r.decide(ctx, by, siteID, machineID, "site.machine.moved", func(plan *Plan, d *decision) error {
		if _, ok := plan.Room(roomID); roomID != "" && !ok {
			return fault.Errorf(fault.NotFound, "no room %s at site %s", roomID, siteID)
		}
		d.note("room", d.Room, roomID)
		d.Room = roomID
		return nil
	})
}

// Merge says on behalf of by that a machine and another one are the same: its data
// count as those of into. It is Conflict if that would go round in a circle.
func (r *Register) Merge(ctx context.Context, by, siteID, machineID, into string) error {
	return r.decide(ctx, by, siteID, machineID, "site.machine.merged", func(plan *Plan, d *decision) error {
		other, ok := plan.Machine(into)
		switch {
		case !ok:
			return fault.Errorf(fault.NotFound, "no machine %s at site %s", into, siteID)
		case other.ID == machineID:
			return fault.Errorf(fault.Conflict, "machine %s already stands for %s", machineID, into)
		}
		d.note("into", d.Into, other.ID)
		d.Into = other.ID
		return nil
	})
}

// Unmerge takes a merge back on behalf of by.
func (r *Register) Unmerge(ctx context.Context, by, siteID, machineID string) error {
	return r.decide(ctx, by, siteID, machineID, "site.machine.unmerged", func(_ *Plan, d *decision) error {
		if d.Into == "" {
			return fault.Errorf(fault.NotFound, "machine %s is not merged", machineID)
		}
		d.note("into", d.Into, "")
		d.Into = ""
		return nil
	})
}

// A decision is what people said about one machine.
type decision struct {
	Name, Room, Into string
	data             map[string]string // for the journal
}

// note keeps for the journal what a field was and is.
func (d *decision) note(field, before, after string) {
	d.data[field], d.data[field+"_before"] = after, before
}

// decide changes what people said about a machine, and writes that to the journal.
func (r *Register) decide(ctx context.Context, by, siteID, machineID, kind string, change func(*Plan, *decision) error) error {
	return r.db.Write(ctx, func(tx *db.Tx) error {
		if err := oneAtATime(ctx, tx, siteID); err != nil {
			return err
		}
		plan, err := r.Plan(ctx, tx, siteID)
		if err != nil {
			return err
		}
		if plan.machines[machineID] == nil {
			return fault.Errorf(fault.NotFound, "no machine %s at site %s", machineID, siteID)
		}
		d := decision{data: map[string]string{}}
		err = tx.QueryRow(ctx, `select name, room_id, into_id from site_machine_decision where machine_id = $1`, machineID).
			Scan(&d.Name, &d.Room, &d.Into)
		if err != nil && fault.Of(err) != fault.NotFound {
			return err
		}
		if err := change(plan, &d); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into site_machine_decision (machine_id, site_id, name, room_id, into_id, changed_by, changed_at)
			values ($1, $2, $3, $4, $5, $6, $7) on conflict (machine_id) do update set name = excluded.name,
			room_id = excluded.room_id, into_id = excluded.into_id, changed_by = excluded.changed_by, changed_at = excluded.changed_at`,
			machineID, siteID, d.Name, d.Room, d.Into, by, db.Millis(r.now()))
		if err != nil {
			return err
		}
		return r.record(ctx, tx, by, siteID, kind, machineID, d.data)
	})
}

// oneAtATime makes decisions about one site wait for each other: two merges in
// opposite directions must not both find the other undone.
func oneAtATime(ctx context.Context, tx *db.Tx, siteID string) error {
	n, err := tx.Exec(ctx, `update site set version = version where site_id = $1`, siteID)
	if err == nil && n == 0 {
		err = fault.Errorf(fault.NotFound, "no site %s", siteID)
	}
	return err
}

// checkName refuses names nobody could read.
func checkName(name, area string) error {
	switch {
	case name == "" || strings.TrimSpace(name) != name || clip(name) != name || len([]rune(name)) > nameLimit:
		return fault.Errorf(fault.Invalid, "name: write 1 to %d characters without spaces at the ends", nameLimit)
	case strings.TrimSpace(area) != area || clip(area) != area || len([]rune(area)) > nameLimit:
		return fault.Errorf(fault.Invalid, "area: write up to %d characters without spaces at the ends", nameLimit)
	}
	return nil
}
