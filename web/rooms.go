package web

import (
	"context"
	"strings"
	"time"

	"radagora/fault"
)

// Rooms knows the rooms and machines that were learnt from what arrived, and
// takes the names people give them.
type Rooms interface {
	Rooms(ctx context.Context) (RoomsPage, error)
	// Name gives a room its name; a RefusalError for one it does not accept.
	Name(ctx context.Context, who Person, room, name string) error
	// Merge says that two machines are one; the second stays.
	Merge(ctx context.Context, who Person, machine, into string) error
}

// A RoomsPage lists rooms with their machines.
type RoomsPage struct {
	Rooms []Room
}

// A Room is an imaging room.
type Room struct {
	RoomRef
	Named    bool // a person gave it its name
	Machines []Machine
}

// A Machine is what sends from a room.
type Machine struct {
	ID           string
	Modality     string
	Manufacturer string
	Model        string
	Station      string
	Serial       string
	Software     []string // latest first
	AETitles     []string
	First, Last  time.Time
	N            int // examinations
}

// roomNameLimit bounds a room's name, in bytes.
const roomNameLimit = 80

// roomsPage shows rooms and machines.
func (s *server) roomsPage(v *visit) error { return v.showRooms("", "", nil) }

// showRooms shows the page; room, name and wrong are a form it has to give back.
func (v *visit) showRooms(room, name string, wrong map[string]string) error {
	rooms, err := v.Rooms.Rooms(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.rooms"), lead: v.p.T("rooms.lead"), section: "/settings/rooms"}
	if wrong != nil {
		pg.status = 400
	}
	return v.show(pg, roomsBody(v, rooms, roomForm{room: room, name: name, wrong: wrong}))
}

// A roomForm is a refused form.
type roomForm struct {
	room, name string
	wrong      map[string]string
}

// roomsName takes a room's name.
func (s *server) roomsName(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	room, name := v.r.PostForm.Get("room"), strings.TrimSpace(v.r.PostForm.Get("name"))
	var err error
	if name == "" || len(name) > roomNameLimit {
		err = Refuse(map[string]string{"name": "rooms.wrong_name"})
	} else {
		err = s.Rooms.Name(v.r.Context(), v.who, room, name)
	}
	if fields := v.refused(err); fields != nil {
		return v.showRooms(room, name, fields)
	}
	if err != nil {
		return err
	}
	return v.back("/settings/rooms", "room")
}

// roomsMerge takes the word that two machines are one.
func (s *server) roomsMerge(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	machine, into := v.r.PostForm.Get("machine"), v.r.PostForm.Get("into")
	if machine == "" || into == "" || machine == into {
		return fault.Errorf(fault.Invalid, "two machines are needed to make one of them")
	}
	if err := s.Rooms.Merge(v.r.Context(), v.who, machine, into); err != nil {
		return err
	}
	return v.back("/settings/rooms", "merged")
}
