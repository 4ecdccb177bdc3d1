package archive_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/blob"
	"radagora/blob/disk"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

// keeping runs a test on every engine with a time of grace and a clock.
func keeping(t *testing.T, run func(t *testing.T, b *bench, clock *time.Time)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		clock := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		run(t, newBench(t, d, t.TempDir(), func(c *archive.Config) {
			c.Grace = 7 * 24 * time.Hour
			c.Now = func() time.Time { return clock }
		}), &clock)
	})
}

func (b *bench) target(x thing) archive.Target {
	study, series, sop := x.uids()
	return archive.Target{Study: study, Series: series, SOP: sop}
}

func (b *bench) kind(what string, err error, want fault.Kind) {
	b.t.Helper()
	if err == nil || fault.Of(err) != want {
		b.t.Errorf("%s: %v; want %v", what, err, want)
	}
}

// empty lets what is due be removed.
func (b *bench) empty() {
	b.t.Helper()
	if err := b.EmptyTrash(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.RemoveErased(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// there reports whether the index has the instance.
func (b *bench) there(x thing) bool {
	b.t.Helper()
	_, err := b.Instance(b.t.Context(), site, x.sop())
	if err != nil && fault.Of(err) != fault.NotFound {
		b.t.Fatal(err)
	}
	return err == nil
}

func TestDeleteAndUndo(t *testing.T) {
	things := []thing{{study: 1, series: 1, instance: 1}, {study: 1, series: 1, instance: 2}, {study: 1, series: 2, instance: 3}, {study: 2, series: 1, instance: 1}}
	for _, c := range []struct {
		name  string
		what  func(t archive.Target) archive.Target
		goes  []int
		level string
	}{
		{"a study", func(t archive.Target) archive.Target { return archive.Target{Study: t.Study} }, []int{0, 1, 2}, "study"},
		{"a series", func(t archive.Target) archive.Target { return archive.Target{Study: t.Study, Series: t.Series} }, []int{0, 1}, "series"},
		{"an instance", func(t archive.Target) archive.Target { return t }, []int{0}, "instance"},
	} {
		t.Run(c.name, func(t *testing.T) {
			keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
				for _, x := range things {
					b.mustStore(x.arrival(t), archive.Added)
				}
				bytesBefore, studyBefore := b.content(things[0].sop()), b.study(things[0])
				ctx := access.With(t.Context(), access.Who{ID: "account-1"})
				d, err := b.Delete(ctx, site, c.what(b.target(things[0])), archive.ByPerson, "sent twice")
				if err != nil || d.Level != c.level || d.Objects != int64(len(c.goes)) || !d.Due.Equal(clock.Add(7*24*time.Hour)) {
					t.Fatalf("Delete = %+v, %v", d, err)
				}
				for i, x := range things {
					if b.there(x) == has(c.goes, i) {
						t.Errorf("instance %d is there: %v", i, b.there(x))
					}
				}
				b.check(0) // what is in the trash is no orphan
				if _, err := b.Rebuild(t.Context(), site, "local", nil); err != nil || b.there(things[0]) {
					t.Errorf("rebuilding brings back what was deleted: %v", err)
				}
				if err := b.Undo(ctx, site, d.ID); err != nil {
					t.Fatal(err)
				}
				if string(b.content(things[0].sop())) != string(bytesBefore) {
					t.Error("what came back is something else")
				}
				if now := b.study(things[0]); now.InstanceCount != studyBefore.InstanceCount || now.SeriesCount != studyBefore.SeriesCount ||
					now.PatientName != studyBefore.PatientName || now.SizeBytes != studyBefore.SizeBytes {
					t.Errorf("study = %+v; want %+v", now, studyBefore)
				}
				b.kind("Undo again", b.Undo(ctx, site, d.ID), fault.Conflict)
				k := b.kinds()
				if k["archive."+c.level+".deleted"] != 1 || k["archive."+c.level+".restored"] != 1 {
					t.Errorf("journal: %v", k)
				}
				b.check(0)
			})
		})
	}
}

func has(list []int, n int) bool {
	return slices.Contains(list, n)
}

func (b *bench) study(x thing) archive.Study {
	b.t.Helper()
	study, _, _ := x.uids()
	s, err := b.Study(b.t.Context(), site, study)
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func TestDeletedBytesAreGoneWhenTheTimeHasPassed(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
		gone, stays := thing{study: 1, series: 1, instance: 1, pixels: 4000}, thing{study: 2, series: 1, instance: 1}
		b.mustStore(gone.arrival(t), archive.Added)
		b.mustStore(stays.arrival(t), archive.Added)
		refs := b.refs()
		d, err := b.Delete(t.Context(), site, archive.Target{Study: b.target(gone).Study}, archive.ByPerson, "not ours")
		if err != nil {
			t.Fatal(err)
		}
		b.empty()
		if n := len(b.refs()); n != len(refs) {
			t.Errorf("%d objects before the time has passed; want %d", n, len(refs))
		}
		*clock = clock.Add(7*24*time.Hour + time.Second)
		b.empty()
		if n := len(b.refs()); n != len(refs)-1 {
			t.Errorf("%d objects afterwards; want %d", n, len(refs)-1)
		}
		b.kind("Undo too late", b.Undo(t.Context(), site, d.ID), fault.Conflict)
		proof, err := b.DeletionProof(t.Context(), site, d.ID)
		if err != nil || len(proof) != 1 || proof[0].Removed.IsZero() || proof[0].SOP != gone.sop().String() {
			t.Errorf("proof = %+v, %v", proof, err)
		}
		if all, err := b.Erasures(t.Context(), site); len(all) != 0 || err != nil {
			t.Errorf("a deletion is told as the erasure of a person: %+v, %v", all, err)
		}
		b.mustStore(gone.arrival(t), archive.Added) // what is sent again is a new arrival
		b.check(0)
	})
}

func TestDeleteRefuses(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, _ *time.Time) {
		x := thing{study: 1, series: 1, instance: 1}
		b.mustStore(x.arrival(t), archive.Added)
		study := archive.Target{Study: b.target(x).Study}
		for _, c := range []struct {
			name   string
			target archive.Target
			reason string
			want   fault.Kind
		}{
			{"no reason", study, "  ", fault.Invalid},
			{"another study", archive.Target{Study: b.target(thing{study: 9}).Study}, "why", fault.NotFound},
			{"another series", archive.Target{Study: study.Study, Series: b.target(thing{study: 1, series: 9}).Series}, "why", fault.NotFound},
			{"nothing", archive.Target{}, "why", fault.Invalid},
		} {
			t.Run(c.name, func(t *testing.T) {
				_, err := b.Delete(t.Context(), site, c.target, archive.ByPerson, c.reason)
				b.kind("Delete", err, c.want)
			})
		}
		_, err := b.Delete(t.Context(), "another", study, archive.ByPerson, "why")
		b.kind("Delete at another site", err, fault.NotFound)
		if !b.there(x) {
			t.Error("it went all the same")
		}
	})
}

func TestWhatIsSentWhileItIsInTheTrash(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
		x := thing{study: 1, series: 1, instance: 1}
		b.mustStore(x.arrival(t), archive.Added)
		d, err := b.Delete(t.Context(), site, b.target(x), archive.ByPerson, "why")
		if err != nil {
			t.Fatal(err)
		}
		b.mustStore(x.arrival(t), archive.Added)
		if err := b.Undo(t.Context(), site, d.ID); err != nil {
			t.Fatal(err)
		}
		if s := b.study(x); s.InstanceCount != 1 {
			t.Errorf("%d instances; want one", s.InstanceCount)
		}
		*clock = clock.Add(30 * 24 * time.Hour)
		b.empty()
		b.check(0)
	})
}

func TestHold(t *testing.T) {
	for _, c := range []struct {
		name string
		hold func(b *bench, x thing) (study, person string)
	}{
		{"on a study", func(b *bench, x thing) (string, string) { return b.target(x).Study.String(), "" }},
		{"on a person", func(*bench, thing) (string, string) { return "", of("LEAK-4711").ID }},
	} {
		t.Run(c.name, func(t *testing.T) {
			keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
				x, early := thing{study: 1, series: 1, instance: 1}, thing{study: 3, series: 1, instance: 1}
				b.mustStore(x.arrival(t), archive.Added)
				b.mustStore(early.arrival(t), archive.Added)
				if _, err := b.Delete(t.Context(), site, b.target(early), archive.ByPerson, "before"); err != nil {
					t.Fatal(err)
				}
				study, person := c.hold(b, x)
				id, err := b.Hold(t.Context(), site, study, person, "court")
				if err != nil {
					t.Fatal(err)
				}
				_, err = b.Delete(t.Context(), site, b.target(x), archive.ByPerson, "why")
				b.kind("Delete what is held", err, fault.Conflict)
				err = b.db.Write(t.Context(), func(tx *db.Tx) error {
					_, err := b.Erase(t.Context(), tx, of("LEAK-4711"))
					return err
				})
				b.kind("Erase what is held", err, fault.Conflict)
				if kept, err := b.Kept(t.Context(), of("LEAK-4711")); err != nil || kept["legal_hold"] == 0 {
					t.Errorf("Kept = %v, %v", kept, err)
				}
				*clock = clock.Add(8 * 24 * time.Hour)
				b.empty()
				if left := len(b.refs()); person != "" && left != 2 || person == "" && left != 1 {
					t.Errorf("%d objects are left; what the person is about stays in the trash", left)
				}
				b.kind("Lift without a reason", b.Lift(t.Context(), site, id, ""), fault.Invalid)
				if err := b.Lift(t.Context(), site, id, "judged"); err != nil {
					t.Fatal(err)
				}
				b.kind("Lift again", b.Lift(t.Context(), site, id, "judged"), fault.Conflict)
				if _, err := b.Delete(t.Context(), site, b.target(x), archive.ByPerson, "why"); err != nil {
					t.Error(err)
				}
				if k := b.kinds(); k["archive.hold.placed"] != 1 || k["archive.hold.lifted"] != 1 {
					t.Errorf("journal: %v", k)
				}
			})
		})
	}
	keeping(t, func(t *testing.T, b *bench, _ *time.Time) {
		_, err := b.Hold(t.Context(), site, "1.2.3.99", "", "court")
		b.kind("Hold nothing", err, fault.NotFound)
		_, err = b.Hold(t.Context(), site, "", "", "court")
		b.kind("Hold nobody", err, fault.Invalid)
	})
}

func TestErasedPersonLeavesTheTrashToo(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, _ *time.Time) {
		x := thing{study: 1, series: 1, instance: 1}
		b.mustStore(x.arrival(t), archive.Added)
		d, err := b.Delete(t.Context(), site, b.target(x), archive.ByPerson, "why")
		if err != nil {
			t.Fatal(err)
		}
		if n := b.erase(of("LEAK-4711")); n == 0 {
			t.Error("nothing was erased")
		}
		b.empty()
		if n := len(b.refs()); n != 0 {
			t.Errorf("%d objects are left", n)
		}
		if err := b.Undo(t.Context(), site, d.ID); err != nil || b.there(x) {
			t.Errorf("what was erased came back: %v", err)
		}
	})
}

// second makes an archive with small packs and a second place.
func second(t *testing.T, d *db.DB) (b *bench, first, copies string) {
	t.Helper()
	first, copies = t.TempDir(), t.TempDir()
	b = newBench(t, d, t.TempDir(), func(c *archive.Config) {
		blobs, err := disk.Open(first, disk.Options{PackSize: 20_000})
		if err != nil {
			t.Fatal(err)
		}
		far, err := disk.Open(copies, disk.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = errors.Join(blobs.Close(), far.Close()) })
		c.Blobs, c.Second = blobs, far
	})
	b.blobs, _ = b.Blobs.(*disk.Store)
	return b, first, copies
}

// sealed waits until all packs are sealed.
func (b *bench) sealed() {
	b.t.Helper()
	b.blobs.SealOld(time.Now().Add(time.Hour), 0)
	for range 1000 {
		open := 0
		for p := range b.blobs.Packs(b.t.Context()) {
			if !p.Sealed {
				open++
			}
		}
		if open == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestScrubFindsDamageAndMendsIt(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b, first, copies := second(t, d)
		var things []thing
		for i := range 12 {
			things = append(things, thing{study: 1, series: 1, instance: i + 1, pixels: 6000})
			b.mustStore(things[i].arrival(t), archive.Added)
		}
		b.sealed()
		if s, err := b.ScrubState(t.Context()); err != nil || s.Copied != 0 {
			t.Errorf("before: %+v, %v", s, err)
		}
		n, err := b.CopySecond(t.Context())
		if err != nil || n < 3 {
			t.Fatalf("CopySecond = %d, %v", n, err)
		}
		if n, err := b.CopySecond(t.Context()); n != 0 || err != nil {
			t.Errorf("again: %d, %v; want nothing to do", n, err)
		}
		s, err := b.ScrubState(t.Context())
		if err != nil || s.Uncopied != 0 || s.Copied == 0 || s.LateObjects != 0 || !s.Oldest.IsZero() {
			t.Errorf("state = %+v, %v; want all copied and none read", s, err)
		}
		flip(t, first, b.ref(things[5]), 700)
		var sum archive.Scrubbed
		for range 20 { // it goes on where its budget ended
			did, err := b.Scrub(t.Context(), archive.ScrubOptions{Every: time.Hour, Budget: 15_000})
			if err != nil {
				t.Fatal(err)
			}
			sum.Objects, sum.Damaged, sum.Mended = sum.Objects+did.Objects, sum.Damaged+did.Damaged, sum.Mended+did.Mended
		}
		if sum.Objects < 12 || sum.Objects > 13 || sum.Damaged != 1 || sum.Mended != 1 {
			t.Errorf("scrub = %+v; want each object once and one mended", sum)
		}
		if k := b.kinds(); k["archive.object.damaged"] != 1 || k["archive.object.mended"] != 1 {
			t.Errorf("journal: %v", k)
		}
		b.check(0)
		if s, err := b.ScrubState(t.Context()); err != nil || s.Damaged != 0 || s.Oldest.IsZero() {
			t.Errorf("state = %+v, %v", s, err)
		}
		if did, err := b.Scrub(t.Context(), archive.ScrubOptions{}); err != nil || did.Objects < 12 || did.Objects > 13 {
			t.Errorf("scrub of everything, however lately it was read = %+v, %v; want it once", did, err)
		}
		flip(t, first, b.ref(things[7]), 700) // and one that nobody has whole
		flip(t, copies, b.ref(things[7]), 700)
		if did, err := b.Scrub(t.Context(), archive.ScrubOptions{Every: -time.Hour, Budget: 200_000}); err != nil || did.Damaged == 0 || did.Mended != 0 {
			t.Errorf("scrub = %+v, %v; want damage that stays", did, err)
		}
		if all, err := b.Damages(t.Context(), 10); err != nil || len(all) != 2 || !all[0].Mended.IsZero() || all[1].Mended.IsZero() {
			t.Errorf("damages = %+v, %v", all, err)
		}
	})
}

// ref returns where an instance is.
func (b *bench) ref(x thing) (r blob.Ref) {
	b.t.Helper()
	err := b.db.QueryRow(b.t.Context(), `select pack, pack_offset, length from instance where sop_uid = $1`, x.sop().String()).Scan(&r.Pack, &r.Offset, &r.Length)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// flip flips a bit of an object on the disk.
func flip(t *testing.T, dir string, r blob.Ref, at int64) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, r.Pack+".pack"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var one [1]byte
	if _, err := f.ReadAt(one[:], r.Offset+64+at); err != nil {
		t.Fatal(err)
	}
	one[0] ^= 1
	if _, err := f.WriteAt(one[:], r.Offset+64+at); err != nil {
		t.Fatal(err)
	}
}

func TestRepackWinsRoomInBothPlaces(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b, first, copies := second(t, d)
		var things []thing
		for i := range 12 {
			things = append(things, thing{study: i + 1, series: 1, instance: 1, pixels: 6000})
			b.mustStore(things[i].arrival(t), archive.Added)
		}
		b.sealed()
		if _, err := b.CopySecond(t.Context()); err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			if _, err := b.Delete(t.Context(), site, b.target(things[i]), archive.ByPerson, "why"); err != nil {
				t.Fatal(err)
			}
		}
		b.empty()
		before, copied := size(t, first), len(files(t, copies))
		did, err := b.Repack(t.Context())
		if err != nil || did.Packs == 0 {
			t.Fatalf("Repack = %+v, %v", did, err)
		}
		b.sealed()
		if now := size(t, first); now >= before {
			t.Errorf("%d bytes, %d before", now, before)
		}
		if now := len(files(t, copies)); now >= copied {
			t.Errorf("%d packs in the second place, %d before", now, copied)
		}
		for _, x := range things[8:] {
			b.content(x.sop())
		}
		if _, err := b.CopySecond(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.check(0)
	})
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func size(t *testing.T, dir string) (n int64) {
	t.Helper()
	for _, f := range files(t, dir) {
		fi, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		n += fi.Size()
	}
	return n
}

func TestAdmit(t *testing.T) {
	full := true
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d, t.TempDir(), func(c *archive.Config) {
			c.Admit = func() error {
				if full {
					return fault.Errorf(fault.Exhausted, "full")
				}
				return nil
			}
		})
		x := thing{study: 1, series: 1, instance: 1}
		full = true
		_, err := b.store(t.Context(), x.arrival(t))
		b.kind("store without room", err, fault.Exhausted)
		full = false
		b.mustStore(x.arrival(t), archive.Added)
		full = true
		b.content(x.sop()) // reading goes on
	})
}

func TestForesee(t *testing.T) {
	now := time.Date(2026, 3, 31, 15, 0, 0, 0, time.UTC)
	days := func(n int, bytes func(i int) int64) (all []archive.Usage) {
		for i := range n {
			all = append(all, archive.Usage{Day: now.Truncate(24*time.Hour).AddDate(0, 0, i-n+1), Modality: "CT", Bytes: bytes(i)})
		}
		return all
	}
	even := func(int) int64 { return 100 }
	for _, c := range []struct {
		name       string
		in         []archive.Usage
		left       int64
		n          int
		daily      float64
		days, soon float64
	}{
		{"nothing came yet", nil, 1000, 0, 0, 0, 0},
		{"too few days", days(8, even), 1000, 0, 0, 0, 0},
		{"the same every day", days(12, even), 1000, 10, 100, 10, 10},
		{"today and the first day are left out", days(12, func(i int) int64 {
			if i == 0 || i == 11 {
				return 1e9
			}
			return 100
		}), 1000, 10, 100, 10, 10},
		{"days without anything count", append(days(12, even)[:1], days(12, even)[6:]...), 1000, 10, 50, 20, 1000 / (50 + 1.96*math.Sqrt(10*2500.0/9/10))},
		{"nothing comes any more", append(days(40, even)[:1], archive.Usage{Day: now.Truncate(24 * time.Hour), Bytes: 1}), 1000, 38, 0, math.Inf(1), math.Inf(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := archive.Foresee(c.in, now, c.left)
			if f.N != c.n || f.Daily != c.daily || f.Days != c.days || math.Abs(f.Sooner-c.soon) > 1e-9 && f.Sooner != c.soon {
				t.Errorf("Foresee = %+v; want n %d, %g a day, %g days, at the earliest %g", f, c.n, c.daily, c.days, c.soon)
			}
		})
	}
}

func TestUsage(t *testing.T) {
	keeping(t, func(t *testing.T, b *bench, clock *time.Time) {
		for i := range 3 {
			b.mustStore(thing{study: i + 1, series: 1, instance: 1, modality: []string{"CT", "MR", "MR"}[i]}.arrival(t), archive.Added)
		}
		all, err := b.Usage(t.Context(), clock.Add(-time.Hour))
		if err != nil || len(all) != 2 || all[0].Modality != "CT" || all[1].Bytes <= all[0].Bytes || all[0].Day != clock.Truncate(24*time.Hour) {
			t.Errorf("Usage = %+v, %v", all, err)
		}
		if all, err := b.Usage(t.Context(), clock.Add(time.Hour)); len(all) != 0 || err != nil {
			t.Errorf("Usage of nothing = %+v, %v", all, err)
		}
	})
}
