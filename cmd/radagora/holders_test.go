package main

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/person"
	"radagora/site"
)

// bring puts reports of a patient into the archive and derives them.
func bring(ctx context.Context, t *testing.T, h *house, m reportMaker, names ...string) {
	t.Helper()
	for _, name := range names {
		b, err := m.file("study "+name, name, "100", []string{name + ":10:100"})
		check(t, err)
		r, err := h.Archive.Receive(ctx, archive.Arrival{Site: site.Default, Actor: "system", Door: "import", Part10: true, Data: bytes.NewReader(b)})
		check(t, err)
		_, err = r.Wait(ctx)
		check(t, err)
	}
}

// standsIn reports whether a text stands in a file of a folder.
func standsIn(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		if i := bytes.Index(b, []byte(text)); i >= 0 {
			found = true
			t.Logf("%s stands in %s at %d of %d bytes", text, name, i, len(b))
		}
		return err
	}))
	return found
}

// TestEraseEverywhere erases a person with two identifiers in every room, and looks
// for what is left in the rooms, after a rebuild and in the files.
func TestEraseEverywhere(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	first, second := reportMaker{patient: "ERSTE^ANNA", id: "ERST-4711", day: "20260302"}, reportMaker{patient: "ERSTE^ANNA", id: "ERST-OLD", day: "20260303"}
	other := reportMaker{patient: "ZWEITE^BERTA", id: "ZWEIT-12", day: "20260304"}
	inside(t, data, func(ctx context.Context, h *house) {
		open := *h.Judge
		open.Open = true
		ctx = access.WithJudge(ctx, &open)
		bring(ctx, t, h, first, "a", "b")
		bring(ctx, t, h, second, "c")
		bring(ctx, t, h, other, "d")
		check(t, h.meanwhile(ctx, h.settle))
		_, err := h.Persons.Link(ctx, person.Link{Site: site.Default, Kind: person.Linked, A: "|ERST-4711", B: "|ERST-OLD", Reason: "one card"})
		check(t, err)
		p := access.Person{Site: site.Default, ID: "|ERST-4711"}
		kinds := map[string]int{}
		for _, room := range h.Privacy.Rooms {
			for r, err := range room.Export(ctx, p) {
				check(t, err)
				kinds[r.Room+" "+r.Kind]++
				if strings.Contains(string(r.Data), "ZWEIT") {
					t.Errorf("%s %s is of somebody else", r.Room, r.ID)
				}
			}
		}
		for kind, want := range map[string]int{"archive study": 3, "archive instance": 3, "dose study": 3, "person identifier": 2, "person link": 1} {
			if kinds[kind] != want {
				t.Errorf("exported %d of %s; want %d, of both identifiers: %v", kinds[kind], kind, want, kinds)
			}
		}
		erased := map[string]int{}
		check(t, h.DB.Write(ctx, func(tx *db.Tx) error {
			for _, room := range h.Privacy.Rooms {
				n, err := room.Erase(ctx, tx, p)
				if err != nil {
					return err
				}
				erased[room.Name] = n
			}
			return nil
		}))
		if erased["archive"] != 9 || erased["dose"] != 6 || erased["person"] != 3+kinds["person fact"]+kinds["person patient"] || erased["journal"] != 2 {
			t.Errorf("erased %v; want 3 studies, series and instances, 3 studies and examinations, 2 identifiers, a link and the facts that were exported, 2 keys; exported %v", erased, kinds)
		}
		n, err := h.Archive.RemoveErased(ctx)
		if err != nil || n != 3 {
			t.Errorf("removed %d objects, %v; want 3", n, err)
		}
		check(t, h.Dose.Rebuild(ctx))
		check(t, h.Persons.Rebuild(ctx))
		check(t, h.meanwhile(ctx, h.settle))
		for _, room := range h.Privacy.Rooms {
			for r, err := range room.Export(ctx, p) {
				check(t, err)
				t.Errorf("after erasure and rebuild %s has %s", room.Name, r.Kind)
			}
		}
		all, err := h.Persons.Find(ctx, site.Default, "ZWEIT-12")
		if err != nil || len(all) != 1 {
			t.Errorf("the other person: %d identifiers, %v", len(all), err)
		}
	})
	for _, s := range []string{"ERST-4711", "ERST-OLD", "ERSTE", "erste"} {
		if standsIn(t, data, s) {
			t.Errorf("%s still stands in the data folder", s)
		}
	}
	if !standsIn(t, data, "ZWEIT-12") {
		t.Error("the other person is not found: the search finds nothing")
	}
}

// TestRestrictSpreads notes the wish of a person under all identifiers.
func TestRestrictSpreads(t *testing.T) {
	inside(t, filepath.Join(t.TempDir(), "data"), func(ctx context.Context, h *house) {
		open := *h.Judge
		open.Open = true
		ctx = access.WithJudge(ctx, &open)
		bring(ctx, t, h, reportMaker{patient: "ERSTE^ANNA", id: "A", day: "20260302"}, "a")
		bring(ctx, t, h, reportMaker{patient: "ERSTE^ANNA", id: "B", day: "20260303"}, "b")
		bring(ctx, t, h, reportMaker{patient: "ZWEITE^B", id: "C", day: "20260304"}, "c")
		_, err := h.Persons.Link(ctx, person.Link{Site: site.Default, Kind: person.Linked, A: "|A", B: "|B", Reason: "one card"})
		check(t, err)
		everybody := archive.Filter{Reach: access.Reach{All: true, Identity: true}}
		for _, hidden := range []bool{true, false} {
			check(t, h.DB.Write(ctx, func(tx *db.Tx) error {
				for _, room := range h.Privacy.Rooms {
					if err := room.Restrict(ctx, tx, access.Person{Site: site.Default, ID: "|B"}, hidden); err != nil {
						return err
					}
				}
				return nil
			}))
			list, err := h.Archive.Studies(ctx, site.Default, everybody, archive.Cursor{}, 10)
			check(t, err)
			want := 3
			if hidden {
				want = 1
			}
			if len(list) != want {
				t.Errorf("restricted %v: %d studies in lists; want %d", hidden, len(list), want)
			}
		}
	})
}

// TestMinimisedStart expects that a minimised installation says so, and another
// nothing.
func TestMinimisedStart(t *testing.T) {
	slow(t)
	for _, minimise := range []bool{true, false} {
		sys := &system{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Now: time.Now, Log: logging{Format: "text"}.logger(&bytes.Buffer{})}
		h, err := settings{Data: filepath.Join(t.TempDir(), "data"), HTTP: "127.0.0.1:8080", Minimise: minimise}.open(t.Context(), sys)
		check(t, err)
		var out bytes.Buffer
		check(t, h.tellMinimised(&out))
		said := slices.ContainsFunc(strings.Split(out.String(), "\n"), func(s string) bool { return strings.HasPrefix(s, "  what does not work: ") })
		if said != minimise {
			t.Errorf("minimised %v: printed %q", minimise, out.String())
		}
		check(t, h.Close())
	}
}
