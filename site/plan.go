package site

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"radagora/db"
)

// A Room is an imaging room with the machines that stand in it.
type Room struct {
	ID       string
	Site     string
	Name     string // said by a person, or proposed: model and station of its machine
	Named    bool   // a person said so
	Area     string
	Machines []Machine // sorted by name; those that were merged stand under the one they are
}

// A Machine is a device as it was seen and named.
type Machine struct {
	ID        string
	Name      string // said by a person, or proposed: model and station
	Named     bool   // a person said so
	Serial    string
	DeviceUID string
	Weak      bool     // known by manufacturer, model and station name alone
	Into      string   // the machine it really is, "" if itself
	Merged    []string // ids of other machines that are this one too

	Manufacturer, Model, Station, Modality string // as seen last
	FirstDay, LastDay                      string // 2006-01-02; "" if not seen since a rebuild
	Software, Stations, AETitles           []Trait
}

// A Trait is something seen of a machine, and when.
type Trait struct{ Value, FirstDay, LastDay string }

// A Plan is who stands where at a site, at one moment. It is not to be changed.
type Plan struct {
	Rooms    []Room // sorted by name
	machines map[string]*Machine
	place    map[string]string // machine to room
	rooms    map[string]int    // room to index
}

// Machine returns the machine that id is, following merges; false if nobody knows it.
func (p *Plan) Machine(id string) (Machine, bool) {
	m, ok := p.machines[p.root(id)]
	if !ok {
		return Machine{}, false
	}
	return *m, true
}

// RoomOf returns the room in which the machine that id is stands.
func (p *Plan) RoomOf(machine string) (Room, bool) { return p.Room(p.place[p.root(machine)]) }

// Room returns a room by its id.
func (p *Plan) Room(id string) (Room, bool) {
	i, ok := p.rooms[id]
	if !ok {
		return Room{}, false
	}
	return p.Rooms[i], true
}

// root follows merges from id.
func (p *Plan) root(id string) string {
	for range len(p.machines) {
		m, ok := p.machines[id]
		if !ok || m.Into == "" || p.machines[m.Into] == nil {
			break
		}
		id = m.Into
	}
	return id
}

// Plan reads who stands where at a site.
func (r *Register) Plan(ctx context.Context, q db.Querier, siteID string) (*Plan, error) {
	p := &Plan{machines: map[string]*Machine{}, place: map[string]string{}, rooms: map[string]int{}}
	for _, step := range []func(context.Context, db.Querier, string) error{p.readMachines, p.readTraits, p.readRooms} {
		if err := step(ctx, q, siteID); err != nil {
			return nil, fmt.Errorf("plan of site %s: %w", siteID, err)
		}
	}
	p.furnish(siteID)
	return p, nil
}

// readMachines reads what is known by sight, and what people said about it. What
// they said about a machine that a rebuild has not seen again waits for it.
func (p *Plan) readMachines(ctx context.Context, q db.Querier, siteID string) error {
	_, err := db.List(ctx, q, func(r *db.Rows) (struct{}, error) {
		m := &Machine{}
		err := r.Scan(&m.ID, &m.Serial, &m.DeviceUID, &m.Weak)
		p.machines[m.ID] = m
		p.place[m.ID] = roomID(m.ID)
		return struct{}{}, err
	}, `select machine_id, serial, device_uid, weak from site_machine_seen where site_id = $1`, siteID)
	if err != nil {
		return err
	}
	_, err = db.List(ctx, q, func(r *db.Rows) (struct{}, error) {
		var id, name, room, into string
		if err := r.Scan(&id, &name, &room, &into); err != nil {
			return struct{}{}, err
		}
		if m := p.machines[id]; m != nil {
			m.Name, m.Named, m.Into = name, name != "", into
			p.place[id] = cmp.Or(room, roomID(id))
		}
		return struct{}{}, nil
	}, `select machine_id, name, room_id, into_id from site_machine_decision where site_id = $1`, siteID)
	return err
}

// readTraits reads what the machines are like.
func (p *Plan) readTraits(ctx context.Context, q db.Querier, siteID string) error {
	_, err := db.List(ctx, q, func(r *db.Rows) (struct{}, error) {
		var id, kind string
		var t Trait
		err := r.Scan(&id, &kind, &t.Value, &t.FirstDay, &t.LastDay)
		if m := p.machines[id]; m != nil && err == nil {
			m.take(kind, t)
		}
		return struct{}{}, err
	}, `select t.machine_id, t.kind, t.value, t.first_day, t.last_day
		from site_machine_trait t join site_machine_seen m on m.machine_id = t.machine_id
		where m.site_id = $1 order by t.last_day, t.first_day, t.value`, siteID)
	return err
}

// document are the modalities of objects that say something about images, not of
// machines that make them (PS3.3 §C.7.3.1.1.1).
var document = map[string]bool{"SR": true, "PR": true, "KO": true, "SEG": true, "DOC": true, "REG": true, "RWV": true}

// take adds a trait; those seen last come last.
func (m *Machine) take(kind string, t Trait) {
	if m.FirstDay == "" || t.FirstDay < m.FirstDay {
		m.FirstDay = t.FirstDay
	}
	m.LastDay = max(m.LastDay, t.LastDay)
	switch kind {
	case manufacturer:
		m.Manufacturer = t.Value
	case model:
		m.Model = t.Value
	case modality:
		if t.Value != "" && (m.Modality == "" || !document[t.Value]) {
			m.Modality = t.Value
		}
	case station:
		m.Station, m.Stations = t.Value, append(m.Stations, t)
	case aeTitle:
		m.AETitles = append(m.AETitles, t)
	case software:
		m.Software = append(m.Software, t)
	}
}

// proposed is the name of a machine or room that nobody named.
func (m *Machine) proposed() string {
	name := strings.TrimSpace(m.Model + " " + m.Station)
	if name == "" && len(m.AETitles) > 0 {
		name = m.AETitles[len(m.AETitles)-1].Value
	}
	return cmp.Or(name, m.Manufacturer, m.Serial)
}

// readRooms reads the rooms that people named.
func (p *Plan) readRooms(ctx context.Context, q db.Querier, siteID string) error {
	rooms, err := db.List(ctx, q, func(r *db.Rows) (Room, error) {
		room := Room{Site: siteID, Named: true}
		return room, r.Scan(&room.ID, &room.Name, &room.Area)
	}, `select room_id, name, area from site_room where site_id = $1`, siteID)
	p.Rooms = rooms
	for i, room := range p.Rooms {
		p.rooms[room.ID] = i
	}
	return err
}

// furnish puts the machines into their rooms.
func (p *Plan) furnish(siteID string) {
	for id, m := range p.machines {
		if !m.Named {
			m.Name = m.proposed()
		}
		if root := p.root(id); root != id {
			p.machines[root].Merged = append(p.machines[root].Merged, id)
			continue
		}
		if _, ok := p.rooms[p.place[id]]; !ok {
			p.rooms[p.place[id]] = len(p.Rooms)
			p.Rooms = append(p.Rooms, Room{ID: p.place[id], Site: siteID})
		}
	}
	for id, m := range p.machines {
		slices.Sort(m.Merged)
		if p.root(id) == id {
			room := &p.Rooms[p.rooms[p.place[id]]]
			room.Machines = append(room.Machines, *m)
		}
	}
	for i := range p.Rooms {
		room := &p.Rooms[i]
		slices.SortFunc(room.Machines, func(a, b Machine) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
		if !room.Named && len(room.Machines) > 0 {
			room.Name = room.Machines[0].Name
		}
	}
	slices.SortFunc(p.Rooms, func(a, b Room) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	for i, room := range p.Rooms {
		p.rooms[room.ID] = i
	}
}
