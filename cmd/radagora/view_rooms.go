package main

import (
	"context"
	"strings"

	"radagora/access"
	"radagora/site"
	"radagora/web"
)

// A roomsView lists rooms and machines.
type roomsView struct{ *view }

// Rooms implements web.Rooms.
func (v roomsView) Rooms(ctx context.Context) (web.RoomsPage, error) {
	p, err := v.plan(ctx)
	if err != nil {
		return web.RoomsPage{}, err
	}
	counts, err := v.Dose.Volumes(ctx, at)
	if err != nil {
		return web.RoomsPage{}, err
	}
	var page web.RoomsPage
	for _, room := range p.Rooms {
		r := web.Room{RoomRef: p.ref(room.ID), Named: room.Named}
		for _, m := range room.Machines {
			r.Machines = append(r.Machines, web.Machine{
				ID: m.ID, Modality: m.Modality, Manufacturer: m.Manufacturer, Model: m.Model, Station: m.Station,
				Serial: m.Serial, Software: traits(m.Software), AETitles: traits(m.AETitles),
				First: day(m.FirstDay), Last: day(m.LastDay), N: counts[m.ID],
			})
		}
		page.Rooms = append(page.Rooms, r)
	}
	return page, nil
}

// traits returns the values of traits.
func traits(all []site.Trait) []string {
	var values []string
	for _, t := range all {
		values = append(values, t.Value)
	}
	return values
}

// Name implements web.Rooms.
func (v roomsView) Name(ctx context.Context, who web.Person, room, name string) error {
	if err := may(ctx, access.RoomName); err != nil {
		return err
	}
	if name = strings.TrimSpace(name); name == "" || len([]rune(name)) > 80 {
		return web.Refuse(map[string]string{"name": "rooms.wrong_name"})
	}
	p, err := v.plan(ctx)
	if err != nil {
		return err
	}
	old, ok := p.Room(room)
	if !ok {
		return notFound("room")
	}
	return v.Sites.NameRoom(ctx, who.ID, at, room, name, old.Area)
}

// Merge implements web.Rooms.
func (v roomsView) Merge(ctx context.Context, who web.Person, machine, into string) error {
	if err := may(ctx, access.RoomName); err != nil {
		return err
	}
	return v.Sites.Merge(ctx, who.ID, at, machine, into)
}
