package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/dose"
	"radagora/fault"
	"radagora/lang"
	"radagora/site"
	"radagora/web"
	"radagora/web/face"
)

// A view answers what the pages ask, from the rooms.
type view struct {
	*house
	settings settings
	seen     *watch
	dicom    net.Addr
	words    *words
	demo     *demoLoad
	life     context.Context //nolint:containedctx // of the program: loading outlives the request that begins it

	catalogue *lang.Catalogue
}

// newView returns a view of the house.
func newView(h *house, s settings, seen *watch, dicom net.Listener, c *lang.Catalogue) *view {
	return &view{house: h, settings: s, seen: seen, dicom: dicom.Addr(), words: &words{library: h.Content}, demo: &demoLoad{house: h, called: s.AE, addr: reach(dicom.Addr()), tell: seen.changed}, catalogue: c}
}

// at is the site that the pages are about. There is one until people can choose.
const at = site.Default

// site implements web.Config.Site.
func (v *view) site(ctx context.Context) web.Site {
	s, err := v.Sites.Site(ctx, at)
	if err != nil {
		return web.Site{Zone: time.UTC} // a page that fails says why
	}
	return web.Site{Name: s.Name, Country: s.Country, Zone: s.Location(), Synthetic: v.synthetic(ctx)}
}

// synthetic reports whether demonstration levels govern, which nobody lets
// govern beside real data.
func (v *view) synthetic(ctx context.Context) bool {
	all, err := v.Dose.Governing(ctx, at)
	return err == nil && slices.ContainsFunc(all, func(g dose.Governing) bool { return demonstration(g.Set) })
}

// demonstration reports whether a content set is made up.
func demonstration(set string) bool { return strings.HasPrefix(set, "dose/level/demo") }

// who implements web.Config.Who.
func (v *view) who(ctx context.Context) web.Person {
	who := access.From(ctx)
	return web.Person{ID: who.ID, Name: who.Name}
}

// people returns who may own a finding.
func (v *view) people(ctx context.Context) ([]face.Choice, error) {
	all, err := v.Users.All(ctx)
	if err != nil {
		return nil, err
	}
	people := make([]face.Choice, len(all))
	for i, who := range all {
		people[i] = face.Choice{Code: who.ID, Label: who.Name}
	}
	return people, nil
}

// A plan knows the rooms of the site as pages show them.
type plan struct {
	*site.Plan
	colour map[string]int
}

// plan loads it.
func (v *view) plan(ctx context.Context) (plan, error) {
	p, err := v.Sites.Plan(ctx, v.DB, at)
	if err != nil {
		return plan{}, err
	}
	colours := map[string]int{}
	for i, room := range p.Rooms {
		colours[room.ID] = i
	}
	return plan{p, colours}, nil
}

// of returns the room in which a machine stands, its own id if it is not known.
func (p plan) of(machine string) string {
	if room, ok := p.RoomOf(machine); ok {
		return room.ID
	}
	return machine
}

// ref returns a room as pages show it.
func (p plan) ref(id string) web.RoomRef {
	room, ok := p.Room(id)
	if !ok {
		return web.RoomRef{ID: id, Name: id}
	}
	return web.RoomRef{ID: id, Name: room.Name, Colour: p.colour[id]}
}

// words are the labels that are content, by language.
type words struct{ library *content.Library }

// label returns the label of a code in a language: English where the content has
// no other, the code itself where it has none.
func (w *words) label(set, table, key, prefix, code, language string) string {
	t, err := w.library.Table(at, set, table)
	if err != nil {
		return code
	}
	for row := range t.All() {
		if row.Text(key) != code {
			continue
		}
		for _, l := range []string{language, "en"} {
			if t.Has(prefix + "_" + l) {
				if s := row.Text(prefix + "_" + l); s != "" {
					return s
				}
			}
		}
	}
	return code
}

// exam returns an examination with its label.
func (w *words) exam(code, language string) face.Choice {
	if code == "" || code == dose.NotAnExamination {
		return face.Choice{}
	}
	return face.Choice{Code: code, Label: w.label("dose/exam", "codes", "exam_code", "label", code, language)}
}

// indication returns the label of an indication, "" for none.
func (w *words) indication(code, language string) string {
	if code == "" {
		return ""
	}
	return w.label("dose/indication", "codes", "indication_code", "label", code, language)
}

// state returns a state or note of a comparison with its word and shape.
func (w *words) state(code, language string) face.State {
	s := face.State{Code: code, Word: w.label("dose/state", "states", "state", "word", code, language)}
	if t, err := w.library.Table(at, "dose/state", "states"); err == nil {
		for row := range t.All() {
			if row.Text("state") == code {
				s.Shape = face.Shape(row.Text("glyph"))
			}
		}
	}
	return s
}

// choices returns all codes of a set of a modality with their labels.
func (w *words) choices(set, key, modality, language string) []face.Choice {
	t, err := w.library.Table(at, set, "codes")
	if err != nil {
		return nil
	}
	var all []face.Choice
	for row := range t.All() {
		if modality != "" && row.Text("modality") != modality {
			continue
		}
		code := row.Text(key)
		all = append(all, face.Choice{Code: code, Label: w.label(set, "codes", key, "label", code, language)})
	}
	return all
}

// short makes a stable id, safe in an address, of parts.
func short(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// day parses a day; the zero time if it is none.
func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// moment parses a local date and time with or without an offset.
func moment(s string, zone *time.Location) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t
		}
	}
	return day(s)
}

// msg is a message of the catalogue.
func msg(key string, args lang.Args) lang.Message { return lang.Msg(key, args) }

// may returns an error unless whoever asks may do act at the site.
func may(ctx context.Context, act access.Act) error {
	return access.Check(ctx, act, access.Subject{Site: at})
}

// notFound is the error for an address that names nothing.
func notFound(what string) error { return fault.Errorf(fault.NotFound, "no such %s", what) }

// reach returns an address under which this process reaches its own listener.
func reach(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err == nil && (ip == nil || ip.IsUnspecified()) {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return a.String()
}
