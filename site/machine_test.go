package site_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/site"
)

// ct is a scanner that identifies itself.
var ct = site.Equipment{
	Serial: "SN-42", DeviceUID: "1.2.3", Manufacturer: "GE MEDICAL SYSTEMS", Model: "Optima CT660", Station: "CT02",
	Modality: "CT", Software: []string{"v1"}, AETitle: "CT02AE", Day: "2026-03-01",
}

// but returns e with a change.
func but(e site.Equipment, change func(*site.Equipment)) site.Equipment {
	change(&e)
	return e
}

// see has the register see equipment, one transaction each.
func see(t *testing.T, d *db.DB, r *site.Register, all ...site.Equipment) []site.Sighting {
	t.Helper()
	var found []site.Sighting
	for _, e := range all {
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			s, err := r.Seen(t.Context(), tx, e)
			found = append(found, s)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// plan returns who stands where at the default site.
func plan(t *testing.T, d *db.DB, r *site.Register) *site.Plan {
	t.Helper()
	p, err := r.Plan(t.Context(), d, site.Default)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestSeenIdentity(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b site.Equipment
		same bool
		weak bool // the second
	}{
		{"the same again", ct, ct, true, false},
		{"an image without device UID", ct, but(ct, func(e *site.Equipment) { e.DeviceUID = "" }), true, false},
		{"renamed, new software, other address", ct, but(ct, func(e *site.Equipment) {
			e.Station, e.Software, e.AETitle, e.Model = "CT NEW", []string{"v2"}, "X", "Optima CT660s"
		}), true, false},
		{"the manufacturer changed its legal form", ct, but(ct, func(e *site.Equipment) { e.Manufacturer = "GE Healthcare" }), true, false},
		{"another serial number", ct, but(ct, func(e *site.Equipment) { e.Serial = "SN-43" }), false, false},
		{"the same serial number of another manufacturer", ct, but(ct, func(e *site.Equipment) { e.Manufacturer = "Siemens" }), false, false},
		{"a serial number that two devices share", ct, but(ct, func(e *site.Equipment) { e.DeviceUID = "1.2.4" }), false, false},
		{"at another site", ct, but(ct, func(e *site.Equipment) { e.Site = "north" }), false, false},
		{
			"a placeholder for a serial number",
			but(ct, func(e *site.Equipment) { e.Serial, e.DeviceUID = "0000", "" }),
			but(ct, func(e *site.Equipment) { e.Serial, e.DeviceUID, e.Station = "000", "", "CT03" }), false, true,
		},
		{
			"nothing but names",
			but(ct, func(e *site.Equipment) { e.Serial, e.DeviceUID = "", "" }),
			but(ct, func(e *site.Equipment) { e.Serial, e.DeviceUID, e.Software = "", "", nil }), true, true,
		},
		{"nothing at all", site.Equipment{}, site.Equipment{}, true, true},
		{"nothing but an address", site.Equipment{AETitle: "A"}, site.Equipment{AETitle: "B"}, false, true},
		{"a device UID alone", site.Equipment{DeviceUID: "1.2"}, site.Equipment{DeviceUID: "1.2", Model: "X"}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			run(t, func(t *testing.T, d *db.DB, r *site.Register, _ *recorder) {
				found := see(t, d, r, c.a, c.b)
				if got := found[0].MachineID == found[1].MachineID; got != c.same || found[1].Weak != c.weak {
					t.Errorf("same machine %v, weak %v; want %v, %v", got, found[1].Weak, c.same, c.weak)
				}
			})
			run(t, func(t *testing.T, d *db.DB, r *site.Register, _ *recorder) {
				found := see(t, d, r, c.b, c.a)
				if got := found[0].MachineID == found[1].MachineID; got != c.same {
					t.Errorf("the other way round: same machine %v; want %v", got, c.same)
				}
			})
		})
	}
}

func TestHistory(t *testing.T) {
	day := func(day, software, station string) site.Equipment {
		return but(ct, func(e *site.Equipment) { e.Day, e.Software, e.Station = day, []string{software}, station })
	}
	seen := []site.Equipment{
		day("2026-01-10", "v1", "CT02"), day("2026-03-01", "v2", "CT02"), day("2026-05-05", "v2", "CT-EAST"),
		day("2026-02-01", "v1", "CT02"), day("2026-04-01", "v2", "CT02"),
	}
	want := site.Machine{
		Name: "Optima CT660 CT-EAST", Serial: "SN-42", DeviceUID: "1.2.3",
		Manufacturer: "GE MEDICAL SYSTEMS", Model: "Optima CT660", Station: "CT-EAST", Modality: "CT",
		FirstDay: "2026-01-10", LastDay: "2026-05-05",
		Software: []site.Trait{{"v1", "2026-01-10", "2026-02-01"}, {"v2", "2026-03-01", "2026-05-05"}},
		Stations: []site.Trait{{"CT02", "2026-01-10", "2026-04-01"}, {"CT-EAST", "2026-05-05", "2026-05-05"}},
		AETitles: []site.Trait{{"CT02AE", "2026-01-10", "2026-05-05"}},
	}
	for range 2 {
		slices.Reverse(seen) // the order of arrival must not matter
		run(t, func(t *testing.T, d *db.DB, r *site.Register, _ *recorder) {
			id := see(t, d, r, seen...)[0].MachineID
			got, ok := plan(t, d, r).Machine(id)
			want.ID = id
			if diff := cmp.Diff(want, got); !ok || diff != "" {
				t.Errorf("machine (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReportDoesNotChangeModality(t *testing.T) {
	run(t, func(t *testing.T, d *db.DB, r *site.Register, _ *recorder) {
		id := see(t, d, r, ct, but(ct, func(e *site.Equipment) { e.Modality, e.Day = "SR", "2026-04-01" }))[0].MachineID
		if m, _ := plan(t, d, r).Machine(id); m.Modality != "CT" {
			t.Errorf("modality %s after a report; want CT", m.Modality)
		}
	})
}

func TestSeenIsCheapAndUndone(t *testing.T) {
	run(t, func(t *testing.T, d *db.DB, r *site.Register, _ *recorder) {
		ctx := t.Context()
		gone := fault.Errorf(fault.Internal, "rolled back")
		err := d.Write(ctx, func(tx *db.Tx) error {
			if _, err := r.Seen(ctx, tx, ct); err != nil {
				return err
			}
			return gone
		})
		if !errors.Is(err, gone) {
			t.Fatal(err)
		}
		if rooms := plan(t, d, r).Rooms; len(rooms) != 0 {
			t.Errorf("%d rooms after a roll-back; want none", len(rooms))
		}
		see(t, d, r, ct) // must not believe that it was noted
		if rooms := plan(t, d, r).Rooms; len(rooms) != 1 {
			t.Errorf("%d rooms; want 1", len(rooms))
		}
		// What was noted before touches no table: it works in a transaction that may not write.
		err = d.Read(ctx, func(tx *db.Tx) error { _, err := r.Seen(ctx, tx, ct); return err })
		if err != nil {
			t.Errorf("the same day again: %v; want no statement", err)
		}
		err = d.Read(ctx, func(tx *db.Tx) error {
			_, err := r.Seen(ctx, tx, but(ct, func(e *site.Equipment) { e.Day = "2026-03-02" }))
			return err
		})
		if err == nil {
			t.Error("another day was not noted")
		}
	})
}

func TestRoomOfItsOwn(t *testing.T) {
	run(t, func(t *testing.T, d *db.DB, r *site.Register, _ *recorder) {
		id := see(t, d, r, ct, but(ct, func(e *site.Equipment) { e.Serial, e.Station = "SN-7", "CT01" }))[0].MachineID
		p := plan(t, d, r)
		var names []string
		for _, room := range p.Rooms {
			names = append(names, room.Name)
			if room.Named || len(room.Machines) != 1 || room.Site != site.Default {
				t.Errorf("room %+v; want an unnamed one with one machine", room)
			}
		}
		if diff := cmp.Diff([]string{"Optima CT660 CT01", "Optima CT660 CT02"}, names); diff != "" {
			t.Errorf("rooms (-want +got):\n%s", diff)
		}
		if room, ok := p.RoomOf(id); !ok || room.Name != "Optima CT660 CT02" {
			t.Errorf("RoomOf = %+v, %v", room, ok)
		}
		if _, ok := p.RoomOf("nobody"); ok {
			t.Error("a machine nobody saw stands in a room")
		}
	})
}

// TestDecisionsOutliveRebuild is the promise of this room: names, moves and merges
// stay when everything learnt is learnt again.
func TestDecisionsOutliveRebuild(t *testing.T) {
	run(t, func(t *testing.T, d *db.DB, r *site.Register, j *recorder) {
		ctx := t.Context()
		old := but(ct, func(e *site.Equipment) { e.Serial, e.Station = "SN-1", "CT01" })
		twin := but(ct, func(e *site.Equipment) { e.Serial, e.DeviceUID = "", "" })
		seen := []site.Equipment{ct, old, twin}
		ids := see(t, d, r, seen...)
		room, _ := plan(t, d, r).RoomOf(ids[0].MachineID)
		empty, err := r.MakeRoom(ctx, "local", site.Default, "CT 9", "")
		for _, err := range []error{
			err,
			r.NameRoom(ctx, "local", site.Default, room.ID, "CT 1", "Emergency"),
			r.NameMachine(ctx, "local", site.Default, ids[0].MachineID, "Optima"),
			r.Move(ctx, "local", site.Default, ids[1].MachineID, room.ID),
			r.Merge(ctx, "local", site.Default, ids[2].MachineID, ids[0].MachineID),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		before := plan(t, d, r)
		if got, _ := before.RoomOf(ids[2].MachineID); got.Name != "CT 1" || got.Area != "Emergency" || len(got.Machines) != 2 || len(before.Rooms) != 2 {
			t.Errorf("the twin stands in %+v of %d rooms; want CT 1 with two machines", got, len(before.Rooms))
		}
		if got, ok := before.Room(empty); !ok || got.Name != "CT 9" || len(got.Machines) != 0 {
			t.Errorf("the empty room is %+v", got)
		}
		if err := d.Write(ctx, func(tx *db.Tx) error { return r.Forget(ctx, tx, site.Default) }); err != nil {
			t.Fatal(err)
		}
		slices.Reverse(seen)
		see(t, d, r, seen...)
		if diff := cmp.Diff(before.Rooms, plan(t, d, r).Rooms); diff != "" {
			t.Errorf("after a rebuild (-before +after):\n%s", diff)
		}
		want := []string{"site.room.made", "site.room.named", "site.machine.named", "site.machine.moved", "site.machine.merged"}
		if diff := cmp.Diff(want, j.said()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
	})
}

func TestMergeAndBack(t *testing.T) {
	run(t, func(t *testing.T, d *db.DB, r *site.Register, _ *recorder) {
		ctx := t.Context()
		ids := see(t, d, r, ct, but(ct, func(e *site.Equipment) { e.Serial = "B" }), but(ct, func(e *site.Equipment) { e.Serial = "C" }))
		a, b, c := ids[0].MachineID, ids[1].MachineID, ids[2].MachineID
		for _, err := range []error{r.Merge(ctx, "local", site.Default, a, b), r.Merge(ctx, "local", site.Default, b, c)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if m, _ := plan(t, d, r).Machine(a); m.ID != c || len(m.Merged) != 2 {
			t.Errorf("a is %s with %v; want c with two others", m.ID, m.Merged)
		}
		for _, s := range []struct {
			name string
			err  error
			want fault.Kind
		}{
			{"round in a circle", r.Merge(ctx, "local", site.Default, c, a), fault.Conflict},
			{"with itself", r.Merge(ctx, "local", site.Default, c, c), fault.Conflict},
			{"with nobody", r.Merge(ctx, "local", site.Default, c, "nobody"), fault.NotFound},
			{"nobody", r.Merge(ctx, "local", site.Default, "nobody", c), fault.NotFound},
			{"back without a merge", r.Unmerge(ctx, "local", site.Default, c), fault.NotFound},
			{"into a room that is not there", r.Move(ctx, "local", site.Default, c, "nowhere"), fault.NotFound},
			{"a name of nothing", r.NameRoom(ctx, "local", site.Default, plan(t, d, r).Rooms[0].ID, "", ""), fault.Invalid},
			{"a name with a line break", r.NameMachine(ctx, "local", site.Default, c, "a\nb"), fault.Invalid},
			{"a room that is not there", r.NameRoom(ctx, "local", site.Default, "nowhere", "CT", ""), fault.NotFound},
			{"at a site that is not there", r.NameMachine(ctx, "local", "nowhere", c, "CT"), fault.NotFound},
		} {
			if s.err == nil || fault.Of(s.err) != s.want {
				t.Errorf("%s: %v; want %v", s.name, s.err, s.want)
			}
		}
		if err := r.Unmerge(ctx, "local", site.Default, a); err != nil {
			t.Fatal(err)
		}
		if m, _ := plan(t, d, r).Machine(a); m.ID != a {
			t.Errorf("after taking the merge back a is %s", m.ID)
		}
	})
}

// BenchmarkSeen measures what every object that arrives pays.
func BenchmarkSeen(b *testing.B) {
	d := dbtest.Open(b, dbtest.SQLite(b))
	r, err := site.Open(b.Context(), d, newRecorder(b, d), time.Now)
	if err != nil {
		b.Fatal(err)
	}
	err = d.Write(b.Context(), func(tx *db.Tx) error { _, err := r.Seen(b.Context(), tx, ct); return err })
	if err != nil {
		b.Fatal(err)
	}
	err = d.Read(b.Context(), func(tx *db.Tx) error {
		for b.Loop() {
			if _, err := r.Seen(b.Context(), tx, ct); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
