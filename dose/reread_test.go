package dose_test

import (
	"fmt"
	"strings"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/fault"
)

// changes writes what a reading found.
func (k *desk) changes(run string) string {
	k.t.Helper()
	var all []string
	check(k.t, k.EachChange(k.t.Context(), house, run, func(c dose.Change) error {
		all = append(all, fmt.Sprintf("%s %s %q to %q", c.What, c.Field, c.Before, c.After))
		return nil
	}))
	return strings.Join(all, "; ")
}

// older makes what is derived look as if an older reader had read it.
func (k *desk) older() {
	k.t.Helper()
	check(k.t, k.db.Write(k.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(k.t.Context(), `update dose_study set reader_version = 0`)
		return err
	}))
}

// again lets the archive have other bytes for a report, as if it was read otherwise.
func (k *desk) again(r dosetest.Report) { k.shelf.put(dataset(k.t, r)) }

// finished waits until a reading is at its end.
func (k *desk) finished(id string) dose.Reread {
	k.t.Helper()
	for {
		all, err := k.Rereads(k.t.Context(), house, 10)
		check(k.t, err)
		for _, x := range all {
			if x.ID == id && x.EndedAt != 0 {
				return x
			}
		}
		_, err = k.RereadSome(k.t.Context(), 2)
		check(k.t, err)
	}
}

// one is a report of one scan, and with a second one if letters say so.
func one(dlp string, names ...string) dosetest.Report {
	var all []dosetest.Event
	for _, n := range names {
		e := named(n, "Head")
		e.DLP = dlp
		all = append(all, e)
	}
	r := dosetest.New("s", "i", dlp, all...)
	return r
}

// TestReread: a trial says what would change and changes nothing; what is applied is what
// the trial said; a second time nothing changes.
func TestReread(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.receive(one("100", "e1"), dosetest.New("t", "j", "15", named("f1", "Chest")))
		k.again(one("130", "e1"))
		was := strings.Join(k.rows(house), "\n")
		trial, err := k.ReadAgain(t.Context(), house, "", true, "local")
		check(t, err)
		if _, err := k.ReadAgain(t.Context(), house, "", true, "local"); trial.EndedAt == 0 && err != nil && fault.Of(err) != fault.Conflict {
			t.Errorf("two at once: %v; want a conflict", err)
		}
		trial = k.finished(trial.ID)
		if trial.Done != 2 || trial.Differ != 1 || trial.Failed != 0 || trial.Total != 2 {
			t.Errorf("trial %+v; want two read, one otherwise", trial)
		}
		const want = `amount dlp "100.0" to "130.0"; total dlp_mgycm "100" to "130"; value dlp_mgycm "100" to "130"`
		said := strings.ReplaceAll(k.changes(trial.ID), `"100" to "130"`, `"100.0" to "130.0"`)
		if said != strings.ReplaceAll(want, `"100" to "130"`, `"100.0" to "130.0"`) {
			t.Errorf("the trial says\n%s; want\n%s", said, want)
		}
		if now := strings.Join(k.rows(house), "\n"); now != was {
			t.Errorf("after the trial\n%s; want as before\n%s", now, was)
		}
		groups, err := k.Changes(t.Context(), house, trial.ID)
		check(t, err)
		if len(groups) != 3 || groups[0].N != 1 || groups[0].Studies != 1 || len(groups[0].Examples) != 1 || groups[0].Modality != "CT" || groups[0].Machine == "" {
			t.Errorf("groups %+v; want three of one", groups)
		}
		for i, want := range []int64{1, 0} {
			x, err := k.ReadAgain(t.Context(), house, "", false, "local")
			check(t, err)
			if x = k.finished(x.ID); x.Differ != want {
				t.Errorf("reading %d: %d differ; want %d", i, x.Differ, want)
			}
		}
		if now := strings.Join(k.rows(house), "\n"); now == was {
			t.Error("nothing was applied")
		}
	})
}

// TestRereadSince: only studies from a day on; what is none is refused; what goes on can
// be stopped.
func TestRereadSince(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.receive(one("100", "e1"))
		if _, err := k.ReadAgain(t.Context(), house, "yesterday", true, "local"); fault.Of(err) != fault.Invalid {
			t.Errorf("no day: %v; want Invalid", err)
		}
		x, err := k.ReadAgain(t.Context(), house, "2026-12-01", true, "local")
		check(t, err)
		if x = k.finished(x.ID); x.Total != 0 || x.Done != 0 {
			t.Errorf("%+v; want no study since then", x)
		}
		if err := k.StopReread(t.Context(), house, x.ID, "local"); fault.Of(err) != fault.NotFound {
			t.Errorf("stopped at its end: %v; want NotFound", err)
		}
	})
}

// TestRereadFails: a report that is unreadable for the moment leaves its study as it is.
func TestRereadFails(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.receive(one("100", "e1"))
		was := strings.Join(k.rows(house), "\n")
		k.shelf.breaks("i", fault.Errorf(fault.Internal, "the disk"))
		x, err := k.ReadAgain(t.Context(), house, "", false, "local")
		check(t, err)
		if x = k.finished(x.ID); x.Failed != 1 || x.Done != 1 {
			t.Errorf("%+v; want one failed", x)
		}
		if now := strings.Join(k.rows(house), "\n"); now != was {
			t.Errorf("now\n%s; want as before\n%s", now, was)
		}
	})
}

// TestReaderChanges: what a newer reader reads otherwise is noted, whether a study is
// derived anew by itself or by a rebuild; what arrives is no change of the reader.
func TestReaderChanges(t *testing.T) {
	for name, derive := range map[string]func(*desk){
		"by itself": func(k *desk) { k.happened("worklist.study.matched", dosetest.UID("s").String()) },
		"rebuild":   func(k *desk) { check(k.t, k.Rebuild(k.t.Context())); k.settle() },
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				k := newDeskOf(t, d, func(l *dose.Ledger) { l.Orders = &orders{of: map[string][]dose.Ordered{}} })
				k.receive(one("100", "e1", "e2"))
				k.older()
				changed := one("100", "e1", "e3")
				changed.Events[0].CTDIvol = "7"
				k.again(changed)
				derive(k)
				got := k.changes("")
				for _, want := range []string{`event event "Head spiral" to ""`, `event event "" to "Head spiral"`, `value ctdivol_mgy "1" to "7"`} {
					if !strings.Contains(got, want) {
						t.Errorf("changes %s; want %s among them", got, want)
					}
				}
				if strings.Count(got, "value ") != 1 {
					t.Errorf("changes %s; want one value, the others came and went with their events", got)
				}
				later := dosetest.New("s", "i2", "15", named("e9", "Head"))
				k.receive(later)
				if now := k.changes(""); strings.Count(now, "event event") != 2 {
					t.Errorf("after another report: %s; want the two events of before", now)
				}
			})
		})
	}
}

// TestRebuildOfThePresentReader leaves no changes.
func TestRebuildOfThePresentReader(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.receive(one("100", "e1"))
		k.again(one("130", "e1"))
		check(t, k.Rebuild(t.Context()))
		k.settle()
		if got := k.changes(""); got != "" {
			t.Errorf("changes %s; want none: the reader is the same", got)
		}
	})
}

// TestErasedPersonLeavesNoChanges: neither what changed nor what was set aside.
func TestErasedPersonLeavesNoChanges(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.receive(one("100", "e1"))
		k.older()
		k.again(one("130", "e1"))
		check(t, k.Rebuild(t.Context()))
		k.settle()
		if k.changes("") == "" {
			t.Fatal("no changes before")
		}
		k.forgetAll([]dosetest.Report{one("100", "e1")})
		var n int
		check(t, d.QueryRow(t.Context(), `select (select count(*) from dose_before) + (select count(*) from dose_change)`).Scan(&n))
		if n > 0 {
			t.Errorf("%d rows are left", n)
		}
	})
}
