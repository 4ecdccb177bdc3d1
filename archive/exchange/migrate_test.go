package exchange_test

import (
	"slices"
	"testing"
	"time"

	"radagora/archive/exchange"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom/uid"
	"radagora/fault"
)

// migrated waits until a migration is in a state.
func (r *room) migrated(t *testing.T, id string, state exchange.State) exchange.Migration {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		m, err := r.Migration(t.Context(), site, id)
		if err != nil {
			t.Fatal(err)
		}
		if m.State == state {
			return m
		}
		if time.Now().After(end) {
			t.Fatalf("the migration is not %s within a minute: %+v", state, m)
		}
	}
}

// tallied waits until the studies of a migration are as ok says.
func (r *room) tallied(t *testing.T, id string, ok func(map[exchange.StudyState]int64) bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		list, err := r.Tallies(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		n := map[exchange.StudyState]int64{}
		for _, x := range list {
			n[x.State] = x.Studies
		}
		if ok(n) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the studies are not so within a minute: %v", n)
		}
	}
}

var quick = exchange.Migration{Site: site, Peer: "PACS", First: "20261101", Last: "20261121", AtOnce: 2, AnHour: 1000}

func TestMigration(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := &shelf{}
		s.add("1.2.3", "20261121", 4)
		s.add("1.2.4", "20261120", 2)
		s.add("1.2.5", "20261101", 1)
		s.add("1.2.6", "20261031", 1) // before the first day
		s.add("1.2.7", "20261110", 0)
		s.there = slices.DeleteFunc(s.there, func(f exchange.Far) bool { return s.of[f.Series.UID] == uid.Must("1.2.7") })
		s.counted[uid.Must("1.2.4")] = 9
		s.counted[uid.Must("1.2.5")] = -1 // the peer does not count
		s.hereOn[uid.Must("1.2.99")] = "20261105"
		r := openWith(t, d, s, s)
		id, err := r.Migrate(t.Context(), "anna", quick)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Migrate(t.Context(), "anna", quick); fault.Of(err) != fault.Conflict {
			t.Errorf("a second one from the same peer: %v; want Conflict", err)
		}
		r.migrated(t, id, exchange.Done)
		if len(s.days) != 21 || s.days[0] != "20261121" || s.days[20] != "20261101" {
			t.Errorf("it asked about %v; want 21 days, the latest first", s.days)
		}
		if len(s.here) != 5+3+2 {
			t.Errorf("%d instances came; want 10", len(s.here))
		}
		got := map[string]string{}
		list, err := r.Differences(t.Context(), id, exchange.Difference{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range list {
			got[x.Study] = x.Kind
		}
		want := map[string]string{"1.2.4": exchange.DiffersCounted, "1.2.7": exchange.ReasonNotThere, "1.2.99": exchange.DiffersStudy}
		if len(got) != len(want) || len(list) != len(want) {
			t.Errorf("differences are %v; want %v", got, want)
		}
		for study, kind := range want {
			if got[study] != kind {
				t.Errorf("study %s: %q; want %q", study, got[study], kind)
			}
		}
		if rest, err := r.Differences(t.Context(), id, list[0], 10); err != nil || len(rest) != len(list)-1 {
			t.Errorf("behind the first are %d, %v", len(rest), err)
		}
		m := r.migrated(t, id, exchange.Done)
		if asked, days := m.Progress(); asked != 21 || days != 21 {
			t.Errorf("asked %d of %d days", asked, days)
		}
		s.with(func() { // the peer puts it right
			s.there = append(s.there, exchange.Far{Series: exchange.FarSeries{UID: uid.Must("1.2.7.1"), Modality: "CT"}, SOP: uid.Must("1.2.7.1.1")})
		})
		if err := r.MigrationAgain(t.Context(), "anna", site, id); err != nil {
			t.Fatal(err)
		}
		r.tallied(t, id, func(n map[exchange.StudyState]int64) bool {
			return n[exchange.StudyVerified] == 4 && n[exchange.StudyDiffers] == 0
		})
	})
}

func TestMigrationKeepsToHours(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := &shelf{}
		s.add("1.2.3", "20261121", 1)
		r := openWith(t, d, s, s)
		night := quick
		night.From, night.Until = 20*60, 6*60 // it is noon
		id, err := r.Migrate(t.Context(), "anna", night)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		s.with(func() {
			if len(s.days) > 0 {
				t.Errorf("it asked about %v at noon", s.days)
			}
		})
		r.later(9 * time.Hour)
		r.migrated(t, id, exchange.Done)
	})
}

func TestMigrationThrottle(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := &shelf{}
		for _, u := range []string{"1.2.3", "1.2.4", "1.2.5", "1.2.6"} {
			s.add(u, "20261121", 1)
		}
		r := openWith(t, d, s, s)
		slow := quick
		slow.AtOnce, slow.AnHour = 1, 3
		id, err := r.Migrate(t.Context(), "anna", slow)
		if err != nil {
			t.Fatal(err)
		}
		r.tallied(t, id, func(n map[exchange.StudyState]int64) bool {
			return n[exchange.StudyVerified] == 3 && n[exchange.StudyFound] == 1
		})
		if s.most != 1 {
			t.Errorf("%d studies were fetched at once; want 1", s.most)
		}
		r.later(61 * time.Minute)
		r.migrated(t, id, exchange.Done)
	})
}

func TestMigrationPauseContinueCancel(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := &shelf{away: true}
		s.add("1.2.3", "20261121", 1)
		r := openWith(t, d, s, s)
		id, err := r.Migrate(t.Context(), "anna", quick)
		if err != nil {
			t.Fatal(err)
		}
		for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			m, err := r.Migration(t.Context(), site, id)
			if err != nil || time.Now().After(end) {
				t.Fatal("nobody says that the peer does not answer", err)
			}
			if m.Reason == exchange.ReasonUnreachable && m.State == exchange.Running {
				break
			}
		}
		if err := r.MigrationPause(t.Context(), "anna", site, id); err != nil {
			t.Fatal(err)
		}
		if err := r.MigrationPause(t.Context(), "anna", site, id); fault.Of(err) != fault.Conflict {
			t.Errorf("to pause what is paused: %v; want Conflict", err)
		}
		s.with(func() { s.away, s.hold = false, make(chan struct{}) })
		if err := r.MigrationGoOn(t.Context(), "anna", site, id); err != nil {
			t.Fatal(err)
		}
		r.tallied(t, id, func(n map[exchange.StudyState]int64) bool { return n[exchange.StudyBegun] == 1 })
		if err := r.MigrationCancel(t.Context(), "anna", site, id); err != nil {
			t.Fatal(err)
		}
		close(s.hold)
		if f := r.fetched(t, 1)[0]; f.State != exchange.Cancelled {
			t.Errorf("the fetch is %+v; want cancelled with the migration", f)
		}
	})
}

func TestBadMigrations(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := openWith(t, d, &shelf{}, &shelf{})
		for name, change := range map[string]func(*exchange.Migration){
			"no peer":              func(m *exchange.Migration) { m.Peer = "" },
			"no day":               func(m *exchange.Migration) { m.First = "" },
			"days the wrong way":   func(m *exchange.Migration) { m.First = "20261122" },
			"an hour that is none": func(m *exchange.Migration) { m.Until = 24 * 60 },
			"nothing at once":      func(m *exchange.Migration) { m.AtOnce = 0 },
			"nothing an hour":      func(m *exchange.Migration) { m.AnHour = 0 },
		} {
			bad := quick
			change(&bad)
			if _, err := r.Migrate(t.Context(), "anna", bad); fault.Of(err) != fault.Invalid {
				t.Errorf("%s: %v; want Invalid", name, err)
			}
		}
	})
}
