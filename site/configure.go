package site

import (
	"context"
	"regexp"
	"slices"

	"radagora/db"
	"radagora/fault"
)

// A Layout is what people decided about the rooms and machines of a site, whether
// the machines were seen or not.
type Layout struct {
	Rooms    []RoomDecision    // sorted by id
	Machines []MachineDecision // sorted by id
}

// A RoomDecision is a room that somebody made or named.
type RoomDecision struct{ ID, Name, Area string }

// A MachineDecision is what somebody said about a machine.
type MachineDecision struct {
	ID   string
	Name string // "" means the proposed one
	Room string // "" means its own
	Into string // the machine it really is; "" means itself
}

// Layout returns what people decided about rooms and machines of a site.
func (r *Register) Layout(ctx context.Context, siteID string) (l Layout, err error) {
	l.Rooms, err = db.List(ctx, r.db, func(rows *db.Rows) (d RoomDecision, err error) {
		return d, rows.Scan(&d.ID, &d.Name, &d.Area)
	}, `select room_id, name, area from site_room where site_id = $1 order by room_id`, siteID)
	if err != nil {
		return Layout{}, err
	}
	l.Machines, err = db.List(ctx, r.db, func(rows *db.Rows) (d MachineDecision, err error) {
		return d, rows.Scan(&d.ID, &d.Name, &d.Room, &d.Into)
	}, `select machine_id, name, room_id, into_id from site_machine_decision
		where site_id = $1 and (name <> '' or room_id <> '' or into_id <> '') order by machine_id`, siteID)
	return l, err
}

// A Configuration is what changes at sites in one go.
type Configuration struct {
	Sites   []Site // ID says which; Version is not looked at
	Peers   []Peer
	Titles  []Title
	Layouts map[string]Layout // by site; rooms and machines that are not named stay

	RemovedPeers  []Peer            // Site and AETitle say which
	RemovedTitles []Title           // likewise
	Removed       map[string]Layout // by site; ids say which
}

// Configure changes all that c says on behalf of by, or nothing. A machine may be
// named before it was seen. NotFound: there is no such site, peer, room or machine;
// Invalid: what is said cannot be; Conflict: a room that machines were moved into
// would go, or merges go round in a circle.
func (r *Register) Configure(ctx context.Context, by string, c Configuration) error {
	return r.db.Write(ctx, func(tx *db.Tx) error {
		for _, s := range c.Sites {
			if err := r.settle(ctx, tx, by, s); err != nil {
				return err
			}
		}
		for _, p := range c.Peers {
			if err := r.setPeer(ctx, tx, by, p); err != nil {
				return err
			}
		}
		for _, p := range c.RemovedPeers {
			if err := r.removePeer(ctx, tx, by, p.Site, p.AETitle); err != nil {
				return err
			}
		}
		for _, t := range c.Titles {
			if err := r.setTitle(ctx, tx, by, t); err != nil {
				return err
			}
		}
		for _, t := range c.RemovedTitles {
			if err := r.removeTitle(ctx, tx, by, t.Site, t.AETitle); err != nil {
				return err
			}
		}
		for siteID := range merged(c.Layouts, c.Removed) {
			if err := r.arrange(ctx, tx, by, siteID, c.Layouts[siteID], c.Removed[siteID]); err != nil {
				return err
			}
		}
		return nil
	})
}

// merged returns the keys of both.
func merged(a, b map[string]Layout) map[string]bool {
	all := map[string]bool{}
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return all
}

// settle sets what is known of a site.
func (r *Register) settle(ctx context.Context, tx *db.Tx, by string, s Site) error {
	if err := s.check(); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `update site set name = $1, country = $2, timezone = $3, version = version + 1 where site_id = $4`,
		s.Name, s.Country, s.Timezone, s.ID)
	if err == nil && n == 0 {
		err = fault.Errorf(fault.NotFound, "no site %s", s.ID)
	}
	if err != nil {
		return err
	}
	return r.record(ctx, tx, by, s.ID, "site.site.changed", s.ID,
		map[string]string{"name": s.Name, "country": s.Country, "timezone": s.Timezone})
}

// identifier is what the id of a room or machine looks like.
var identifier = regexp.MustCompile(`\A[0-9a-z][0-9a-z-]{0,63}\z`)

// ownRoom is the id of a room that comes with its machine, which may not have been
// seen yet.
var ownRoom = regexp.MustCompile(`\A[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\z`)

// arrange sets and removes what people decided about rooms and machines of a site.
func (r *Register) arrange(ctx context.Context, tx *db.Tx, by, siteID string, set, removed Layout) error {
	if err := oneAtATime(ctx, tx, siteID); err != nil {
		return err
	}
	for _, d := range removed.Machines {
		if err := r.clear(ctx, tx, by, siteID, "site_machine_decision", "machine_id", "site.machine.cleared", d.ID); err != nil {
			return err
		}
	}
	for _, d := range set.Rooms {
		if err := r.configureRoom(ctx, tx, by, siteID, d); err != nil {
			return err
		}
	}
	for _, d := range set.Machines {
		if err := r.configureMachine(ctx, tx, by, siteID, d); err != nil {
			return err
		}
	}
	for _, d := range removed.Rooms {
		if err := r.clear(ctx, tx, by, siteID, "site_room", "room_id", "site.room.cleared", d.ID); err != nil {
			return err
		}
	}
	return holds(ctx, tx, siteID)
}

// clear removes a decision; table and column are constants.
func (r *Register) clear(ctx context.Context, tx *db.Tx, by, siteID, table, column, kind, id string) error {
	n, err := tx.Exec(ctx, `delete from `+table+` where site_id = $1 and `+column+` = $2`, siteID, id)
	if err == nil && n == 0 {
		err = fault.Errorf(fault.NotFound, "nothing was decided about %s at site %s", id, siteID)
	}
	if err != nil {
		return err
	}
	return r.record(ctx, tx, by, siteID, kind, id, map[string]string{})
}

func (r *Register) configureRoom(ctx context.Context, tx *db.Tx, by, siteID string, d RoomDecision) error {
	if !identifier.MatchString(d.ID) {
		return fault.Errorf(fault.Invalid, "room: an id has 1 to 64 small letters, digits and hyphens")
	}
	if err := checkName(d.Name, d.Area); err != nil {
		return err
	}
	if err := ours(ctx, tx, siteID, `select site_id from site_room where room_id = $1`, d.ID); err != nil {
		return err
	}
	if err := r.putRoom(ctx, tx, by, Room{ID: d.ID, Site: siteID, Name: d.Name, Area: d.Area}); err != nil {
		return err
	}
	return r.record(ctx, tx, by, siteID, "site.room.named", d.ID, map[string]string{"name": d.Name, "area": d.Area})
}

func (r *Register) configureMachine(ctx context.Context, tx *db.Tx, by, siteID string, d MachineDecision) error {
	if !identifier.MatchString(d.ID) || d.ID == d.Into {
		return fault.Errorf(fault.Invalid, "machine %.64q: an id has 1 to 64 small letters, digits and hyphens, and no machine stands for itself", d.ID)
	}
	if d.Name != "" {
		if err := checkName(d.Name, ""); err != nil {
			return err
		}
	}
	if err := ours(ctx, tx, siteID, `select site_id from site_machine_decision where machine_id = $1`, d.ID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `insert into site_machine_decision (machine_id, site_id, name, room_id, into_id, changed_by, changed_at)
		values ($1, $2, $3, $4, $5, $6, $7) on conflict (machine_id) do update set name = excluded.name,
		room_id = excluded.room_id, into_id = excluded.into_id, changed_by = excluded.changed_by, changed_at = excluded.changed_at`,
		d.ID, siteID, d.Name, d.Room, d.Into, by, db.Millis(r.now()))
	if err != nil {
		return err
	}
	return r.record(ctx, tx, by, siteID, "site.machine.configured", d.ID, map[string]string{"name": d.Name, "room": d.Room, "into": d.Into})
}

// ours refuses an id that another site has.
func ours(ctx context.Context, tx *db.Tx, siteID, query, id string) error {
	var owner string
	err := tx.QueryRow(ctx, query, id).Scan(&owner)
	switch {
	case fault.Of(err) == fault.NotFound:
		return nil
	case err != nil:
		return err
	case owner != siteID:
		return fault.Errorf(fault.Conflict, "%s belongs to another site", id)
	}
	return nil
}

// holds checks what was arranged as a whole: machines stand in rooms there are, and
// merges end somewhere.
func holds(ctx context.Context, tx *db.Tx, siteID string) error {
	rooms, err := db.List(ctx, tx, func(r *db.Rows) (id string, err error) { return id, r.Scan(&id) },
		`select room_id from site_room where site_id = $1`, siteID)
	if err != nil {
		return err
	}
	seen, err := db.List(ctx, tx, func(r *db.Rows) (id string, err error) { return id, r.Scan(&id) },
		`select machine_id from site_machine_seen where site_id = $1`, siteID)
	if err != nil {
		return err
	}
	for _, id := range seen {
		rooms = append(rooms, roomID(id))
	}
	into := map[string]string{}
	_, err = db.List(ctx, tx, func(r *db.Rows) (struct{}, error) {
		var id, room, other string
		err := r.Scan(&id, &room, &other)
		if err == nil && room != "" && !slices.Contains(rooms, room) && !ownRoom.MatchString(room) {
			err = fault.Errorf(fault.Conflict, "machine %s stands in room %s, which there is not", id, room)
		}
		into[id] = other
		return struct{}{}, err
	}, `select machine_id, room_id, into_id from site_machine_decision where site_id = $1`, siteID)
	if err != nil {
		return err
	}
	for id := range into {
		steps := 0
		for at := id; into[at] != ""; at = into[at] {
			if steps++; steps > len(into) {
				return fault.Errorf(fault.Conflict, "machine %s stands for itself in the end", id)
			}
		}
	}
	return nil
}
