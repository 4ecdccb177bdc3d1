package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/backup"
	"radagora/db"
	"radagora/fault"
	"radagora/person"
	"radagora/site"
)

// openly returns ctx in which everybody has just proved who they are.
func openly(ctx context.Context, h *house) context.Context {
	judge := *h.Judge
	judge.Open = true
	return access.WithJudge(ctx, &judge)
}

// write does something in a transaction.
func write(ctx context.Context, t *testing.T, h *house, do func(tx *db.Tx) error) {
	t.Helper()
	check(t, h.DB.Write(ctx, do))
}

// erase erases a person as the page does.
func erase(ctx context.Context, t *testing.T, h *house, p access.Person) privacy.Proof {
	t.Helper()
	plan, err := h.Privacy.PlanErasure(ctx, p, "", "sent to us by mistake")
	check(t, err)
	before := heldOf(ctx, t, h, p)
	proof, err := h.Privacy.Erase(ctx, p, plan.ID, plan.Digest, "never our patient")
	if fault.Of(err) == fault.Conflict { // says what came between
		after := heldOf(ctx, t, h, p)
		for id := range after {
			if before[id] != after[id] {
				t.Errorf("came or changed since the plan: %s\n%s\n%s", id, before[id], after[id])
			}
		}
	}
	check(t, err)
	return proof
}

// heldOf returns what the rooms hold of p, by room, kind and identifier.
func heldOf(ctx context.Context, t *testing.T, h *house, p access.Person) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, room := range h.Privacy.Rooms {
		for r, err := range room.Export(ctx, p) {
			check(t, err)
			if !room.Grows {
				all[room.Name+" "+r.Kind+" "+r.ID] = string(r.Data)
			}
		}
	}
	return all
}

// peopled makes an installation with a person of two numbers, one whom the archive
// does not know, and one who stays; all with something in other rooms.
func peopled(t *testing.T, data string) {
	t.Helper()
	inside(t, data, func(ctx context.Context, h *house) {
		ctx = openly(ctx, h)
		bring(ctx, t, h, reportMaker{patient: "ERSTE^ANNA", id: "ERST-4711", day: "20260302"}, "a", "b")
		bring(ctx, t, h, reportMaker{patient: "ERSTE^ANNA", id: "ERST-OLD", day: "20260303"}, "c")
		bring(ctx, t, h, reportMaker{patient: "ZWEITE^BERTA", id: "ZWEIT-12", day: "20260304"}, "d")
		check(t, h.meanwhile(ctx, h.settle))
		for _, id := range []string{"|ERST-4711", "|ERST-ABSENT", "|ZWEIT-12"} {
			p := access.Person{Site: site.Default, ID: id}
			write(ctx, t, h, func(tx *db.Tx) error {
				_, err := h.Facts.Relate(ctx, tx, access.Relation{Site: p.Site, User: "somebody", Kind: access.Referred, Person: id, Reason: "ERST-REASON"})
				return err
			})
			check(t, h.Privacy.OptOut(ctx, p, true))
			q, err := h.Privacy.Receive(ctx, privacy.Asking{Site: p.Site, Kind: "access", Channel: "letter", Who: "whoever asks", Text: "what do you have"})
			check(t, err)
			for _, m := range []privacy.Move{{Do: "verify", How: "document", Person: id}, {Do: "take"}, {Do: "answer", Text: "sent by post"}} {
				check(t, h.Privacy.Move(ctx, site.Default, q, m))
			}
		}
	})
}

// TestErasedStaysErased restores a backup from before an erasure: nobody who was
// erased comes back in any room, and the proof says so.
func TestErasedStaysErased(t *testing.T) {
	slow(t)
	t.Parallel()
	dir := t.TempDir()
	data, to, fresh := filepath.Join(dir, "data"), filepath.Join(dir, "backups"), filepath.Join(dir, "new")
	id, recipient, err := backup.NewIdentity()
	check(t, err)
	identity := filepath.Join(dir, "identity.txt")
	check(t, os.WriteFile(identity, []byte(id), 0o600))
	peopled(t, data)
	backUp := func() {
		command(t, exitDone, "backup", "--data", data, "--backup-to", to, "--backup-recipient", recipient)
	}
	backUp()
	first := strings.Fields(command(t, exitDone, "restore", "--from", to, "--data", fresh, "--identity", identity, "--list"))[0]
	anna, absent := access.Person{Site: site.Default, ID: "|ERST-4711"}, access.Person{Site: site.Default, ID: "|ERST-ABSENT"}
	inside(t, data, func(ctx context.Context, h *house) {
		ctx = openly(ctx, h)
		// The backup does not know yet that the two numbers are one person's.
		_, err := h.Persons.Link(ctx, person.Link{Site: site.Default, Kind: person.Linked, A: "|ERST-4711", B: "|ERST-OLD", Reason: "one card"})
		check(t, err)
		check(t, h.meanwhile(ctx, func(ctx context.Context) error {
			check(t, h.settle(ctx)) // what goes on behind the doors would change what is planned
			for _, k := range erase(ctx, t, h, anna).Remains.Kinds {
				if k.Kind != "request" { // that there was one, under the pseudonym
					t.Errorf("remains %v", k)
				}
			}
			erase(ctx, t, h, absent)
			return nil
		}))
	})
	backUp()
	out := command(t, exitDone, "restore", "--from", to, "--data", fresh, "--identity", identity, "--backup", first, "--verify")
	for _, want := range []string{
		"proved: erasures: 3 persons were in this backup and are gone; asked again: access, apps, archive, audit, connect, dose, embryo, entry, finding, form, incident, journal, person, privacy, qualification, record, repeat, review, worklist\n",
		"erasures: ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("restore does not say %q:\n%s", want, out)
		}
	}
	gone := []access.Person{anna, {Site: site.Default, ID: "|ERST-OLD"}, absent}
	inside(t, fresh, func(ctx context.Context, h *house) {
		ctx = openly(ctx, h)
		for _, p := range gone {
			for _, room := range h.Privacy.Rooms {
				for r, err := range room.Export(ctx, p) {
					check(t, err)
					if r.Kind != "request" || strings.Contains(string(r.Data), "what do you have") {
						t.Errorf("%s still has %s of %s: %s", room.Name, r.Kind, p.ID, r.Data)
					}
				}
			}
		}
		kinds := map[string]int{}
		for _, room := range h.Privacy.Rooms {
			for r, err := range room.Export(ctx, access.Person{Site: site.Default, ID: "|ZWEIT-12"}) {
				check(t, err)
				kinds[r.Room+" "+r.Kind]++
			}
		}
		for _, kind := range []string{"archive study", "dose study", "person identifier", "access relation", "access wish", "privacy request", "journal entry"} {
			if kinds[kind] == 0 {
				t.Errorf("somebody else lost %s: %v", kind, kinds)
			}
		}
		var noted int
		check(t, h.DB.QueryRow(ctx, `select count(*) from journal_entry where kind = 'privacy.erasure.replayed'`).Scan(&noted))
		if noted < 3 {
			t.Errorf("%d erasures noted as done again; want 3 at least", noted)
		}
	})
	for _, s := range []string{"ERST-4711", "ERST-OLD", "ERST-ABSENT", "ERSTE", "ERST-REASON"} {
		if found := standsIn(t, fresh, s); found != (s == "ERST-REASON") { // somebody else has that too
			t.Errorf("%s still stands in the restored data folder", s)
		}
	}
}

// TestRoomsCanTell fails when a room keeps personal data and can neither say of whom
// nor is known to keep nothing that another room does not name.
func TestRoomsCanTell(t *testing.T) {
	inside(t, filepath.Join(t.TempDir(), "data"), func(_ context.Context, h *house) {
		named := []string{"finding", "review", "audit", "privacy"} // by studies of the archive; by pseudonyms
		for _, room := range (&replayer{house: h}).rooms() {
			if _, ok := unlinked(room.Holder).(access.Roll); !ok && !slices.Contains(named, room.Name) {
				t.Errorf("%s is no access.Roll: a restore would not find whom it keeps something of", room.Name)
			}
		}
		for _, room := range h.Privacy.Rooms {
			if again := (&replayer{house: h}).rooms(); room.Name != "journal" && !slices.ContainsFunc(again, func(r privacy.Room) bool { return r.Name == room.Name }) {
				t.Errorf("%s erases, and a restore would not have it erase again", room.Name)
			}
		}
	})
}

// TestOptOutOutlivesErasure erases somebody who opted out of secondary use: what comes
// of them later is excluded from the first moment, until they take it back.
func TestOptOutOutlivesErasure(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	anna := access.Person{Site: site.Default, ID: "|ERST-4711"}
	inside(t, data, func(ctx context.Context, h *house) {
		ctx = openly(ctx, h)
		holds := func(ctx context.Context) (n int) {
			t.Helper()
			check(t, h.DB.QueryRow(ctx, `select count(*) from study where `+access.Wished("study.site_id", "study.person", access.NoSecondary)).Scan(&n))
			return n
		}
		bring(ctx, t, h, reportMaker{patient: "ERSTE^ANNA", id: "ERST-4711", day: "20260302"}, "a")
		bring(ctx, t, h, reportMaker{patient: "ZWEITE^BERTA", id: "ZWEIT-12", day: "20260304"}, "d")
		check(t, h.meanwhile(ctx, h.settle))
		check(t, h.Privacy.OptOut(ctx, anna, true))
		check(t, h.meanwhile(ctx, func(ctx context.Context) error {
			check(t, h.settle(ctx))
			proof := erase(ctx, t, h, anna)
			kept := 0
			for _, part := range proof.Parts {
				kept += part.Kept["opt_out"]
			}
			if kept != 1 {
				t.Errorf("the proof does not say that the opt-out stays as a hash: %+v", proof.Parts)
			}
			return nil
		}))
		if standsIn(t, data, "ERST-4711") {
			t.Error("the identifier still stands in the data folder")
		}
		if n := holds(ctx); n != 0 {
			t.Errorf("%d studies excluded; want none: there are none", n)
		}
		bring(ctx, t, h, reportMaker{patient: "ERSTE^ANNA", id: "ERST-4711", day: "20260401"}, "later")
		if n := holds(ctx); n != 1 {
			t.Errorf("%d studies excluded when data came again; want 1", n)
		}
		check(t, h.meanwhile(ctx, func(ctx context.Context) error { // and once more
			check(t, h.settle(ctx))
			erase(ctx, t, h, anna)
			return nil
		}))
		check(t, h.Privacy.OptOut(ctx, anna, false))
		bring(ctx, t, h, reportMaker{patient: "ERSTE^ANNA", id: "ERST-4711", day: "20260402"}, "after")
		if n := holds(ctx); n != 0 {
			t.Errorf("%d studies excluded after she took it back; want 0", n)
		}
	})
}
