package webtest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"radagora/fault"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// firstFindings are the findings the made-up installation begins with.
func (w *World) firstFindings() []web.DoseFinding {
	var all []web.DoseFinding
	for i, s := range specs {
		r := s.row(i, "en")
		if r.Finding == "" {
			continue
		}
		f := web.DoseFinding{ID: r.Finding, Row: &r, State: "open", Opened: Now().AddDate(0, 0, -20), Due: Now().AddDate(0, 0, 9-6*len(all))}
		f.Overdue = f.Due.Before(Now())
		if len(all) == 1 {
			f.State, f.Owner = "in_work", face.Choice{Code: "p2", Label: "Person Two"}
			f.Note = "Protocol reviewed with the example physicist."
			f.Changes = []web.FindingEvent{{At: Now().AddDate(0, 0, -3), Who: "Person Two", What: lang.Msg("finding.state_in_work")}}
		}
		all = append(all, f)
	}
	return append(all, web.DoseFinding{
		ID: "gap", What: lang.Msg("dose.gap_room", lang.Args{"room": roomRefs[2].Name}), Why: lang.Msg("dose.empty_text"), State: "withdrawn", Opened: Now().AddDate(0, -11, 0),
	})
}

// Change implements web.Findings.
func (w *World) Change(_ context.Context, who web.Person, c web.FindingChange) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.findings, func(f web.DoseFinding) bool { return f.ID == c.ID })
	if i < 0 {
		return fault.Errorf(fault.NotFound, "no finding %q", c.ID)
	}
	f := &w.findings[i]
	f.State, f.Due, f.Note = c.State, c.Due, c.Note
	f.Owner = map[string]face.Choice{"p1": {Code: "p1", Label: "Person One"}, "p2": {Code: "p2", Label: "Person Two"}}[c.Owner]
	f.Overdue = !c.Due.IsZero() && c.Due.Before(Now())
	f.Changes = append(f.Changes, web.FindingEvent{At: Now(), Who: who.Name, What: lang.Msg("finding.state_" + c.State)})
	return nil
}

// localNames are made-up names of protocols.
func localNames() []web.LocalName {
	var all []web.LocalName
	for i, name := range []string{"Example Head Routine", "EX ABD/PEL 80mL", "Chest_Emb_v3", "QA Wasserphantom", "Spine example thin"} {
		n := web.LocalName{
			ID: fmt.Sprintf("n%d", i), Name: name, Source: "protocol", Rooms: []string{roomRefs[i%3].Name}, N: 412 / (i + 1), Share: 0.05 / float64(i+1), LastSeen: Now().AddDate(0, 0, -i),
		}
		if i == 2 {
			n.Elsewhere, n.Rooms = "X_CHEST", []string{roomRefs[1].Name, roomRefs[2].Name}
		}
		all = append(all, n)
	}
	return all
}

// rooms are the made-up rooms with their machines.
func rooms() []web.Room {
	var all []web.Room
	for i, ref := range roomRefs {
		all = append(all, web.Room{RoomRef: ref, Named: i < 2, Machines: []web.Machine{{
			ID: fmt.Sprintf("m%d", i), Modality: "CT", Manufacturer: "Example Maker", Model: fmt.Sprintf("Model %d", i+1), Station: fmt.Sprintf("EXCT%d", i+1), Serial: fmt.Sprintf("00%d", i),
			Software: []string{"V1.2", "V1.1"}, AETitles: []string{fmt.Sprintf("EXAMPLE_CT%d", i+1)}, First: Now().AddDate(-1, 0, 0), Last: Now().Add(-time.Hour), N: 600 - 100*i,
		}}})
	}
	return all
}

// Rooms implements web.Rooms.
func (w *World) Rooms(context.Context) (web.RoomsPage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.Empty {
		return web.RoomsPage{}, nil
	}
	return web.RoomsPage{Rooms: slices.Clone(w.rooms)}, nil
}

// Name implements web.Rooms.
func (w *World) Name(_ context.Context, _ web.Person, room, name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.rooms {
		if w.rooms[i].ID == room {
			w.rooms[i].Name, w.rooms[i].Named = name, true
			return nil
		}
	}
	return fault.Errorf(fault.NotFound, "no room %q", room)
}

// Merge implements web.Rooms.
func (w *World) Merge(_ context.Context, _ web.Person, machine, into string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	is := func(id string) func(web.Room) bool {
		return func(r web.Room) bool { return r.Machines[0].ID == id }
	}
	from := slices.IndexFunc(w.rooms, is(machine))
	if from < 0 || !slices.ContainsFunc(w.rooms, is(into)) {
		return fault.Errorf(fault.NotFound, "no such machine")
	}
	w.rooms = slices.Delete(w.rooms, from, from+1)
	return nil
}

// Content implements web.Content.
func (w *World) Content(_ context.Context, language string) (web.ContentPage, error) {
	if w.Empty {
		return web.ContentPage{}, nil
	}
	kind := word(language, "reference levels", "Referenzwerte", "niveaux de référence")
	return web.ContentPage{
		Sets: []web.ContentSet{
			{ID: "example-levels-2030", Title: word(language, "Example levels", "Beispielwerte", "Niveaux exemples"), Kind: kind, Edition: "2030", Licence: "CC0-1.0", Status: "approved", From: time.Date(2030, time.September, 1, 0, 0, 0, 0, zone), Rows: 5, Governing: 4, Place: "site", TranscribedBy: "Person One", CheckedBy: "Person Two", Source: word(language, "made up", "erfunden", "inventé"), Demonstration: true, Levels: true, Exams: []face.Choice{groups[0].exam(language), groups[2].exam(language)}, Decisions: []web.Decision{{ID: "d1", By: "Person One", From: time.Date(2030, time.September, 1, 0, 0, 0, 0, zone)}, {ID: "d2", By: "Person Two", Exam: groups[2].exam(language).Label, From: time.Date(2029, time.January, 1, 0, 0, 0, 0, zone), To: time.Date(2030, time.August, 31, 0, 0, 0, 0, zone)}}},
			{ID: "example-levels-2024", Title: word(language, "Example levels, old", "Beispielwerte, alt", "Niveaux exemples, anciens"), Kind: kind, Edition: "2024", Licence: "CC0-1.0", Status: "superseded", Rows: 5, Place: "built_in", ReviewDue: time.Date(2029, time.January, 1, 0, 0, 0, 0, zone), ReviewOverdue: true, Demonstration: true},
			{ID: "example-peers", Title: word(language, "Example peers", "Beispielvergleich", "Pairs exemple"), Kind: kind, Edition: "2029", Licence: "CC0-1.0", Status: "draft", Rows: 12, Place: "installation", Demonstration: true},
		},
		Problems: []web.ContentProblem{{File: "site/drl/broken.tsv", Line: 7, Why: word(language, "The column “unit” is empty.", "Die Spalte „unit“ ist leer.", "La colonne « unit » est vide.")}},
	}, nil
}

// Start implements web.Start.
func (w *World) Start(context.Context, string) (web.StartPage, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	st := web.StartPage{AETitle: "RADAGORA", Hosts: []string{"192.0.2.17", "radagora.example.org"}, Port: 11112, Listening: true}
	if w.Loading {
		st.Demo = loading()
	}
	if w.Empty && w.arrived == 0 {
		return st, nil
	}
	st.Levels, st.Unmapped = 4, len(w.names)
	st.Echo = &web.Seen{At: Now().Add(-time.Hour), From: "EXAMPLE_CT1", Peer: "192.0.2.31", What: lang.Msg("start.echo")}
	st.Report = &web.Seen{At: Now().Add(-50 * time.Minute), From: "EXAMPLE_CT1", Peer: "192.0.2.31", What: lang.Msg("start.report"), Path: "/images/objects/" + objectUID}
	st.Recent = []web.Seen{*st.Report, *st.Echo, {At: Now().Add(-2 * time.Hour), From: "UNKNOWN", Peer: "192.0.2.99", What: lang.Msg("error.403.title"), Failed: true}}
	return st, nil
}

// Arrive lets the first report arrive.
func (w *World) Arrive() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrived++
	for _, c := range w.changed {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// Changed implements web.Start.
func (w *World) Changed(context.Context) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := make(chan struct{}, 1)
	w.changed = append(w.changed, c)
	return c
}

// Upload implements web.Start: a file that begins with "DICM" is taken.
func (w *World) Upload(_ context.Context, _ web.Person, name string, r io.Reader) (web.Uploaded, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return web.Uploaded{}, err
	}
	if len(b) < 4 || string(b[:4]) != "DICM" {
		return web.Uploaded{Refused: []web.RefusedFile{{Name: name, Why: lang.Msg("error.400.title")}}}, nil
	}
	w.Arrive()
	return web.Uploaded{Accepted: 1}, nil
}

// Demo implements web.Start.
func (w *World) Demo(context.Context, web.Person) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.Loading {
		return fault.Errorf(fault.Conflict, "the demonstration is being loaded already")
	}
	w.Loading = true
	return nil
}

// Cancel implements web.Start.
func (w *World) Cancel(context.Context, web.Person) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Loading = false
	return nil
}
