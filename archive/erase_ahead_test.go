package archive_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/blob"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom/tag"
	"radagora/fault"
)

// A slowStore takes its time for each object, as one that is far away does.
type slowStore struct {
	blob.Store
	takes   time.Duration
	created atomic.Int64
	after   func(created int64) // called with how many were put; may be nil
	used    atomic.Int64
}

func (s *slowStore) Open(ctx context.Context, r blob.Ref) (blob.Object, error) {
	s.used.Add(1)
	time.Sleep(s.takes)
	return s.Store.Open(ctx, r)
}

func (s *slowStore) Create(ctx context.Context) (blob.Writer, error) {
	s.used.Add(1)
	if n := s.created.Add(1); s.after != nil {
		s.after(n)
	}
	time.Sleep(s.takes)
	return s.Store.Create(ctx)
}

// mistaken stores a study of n objects that were corrected away from FALSCH-77, in a bench
// whose transactions may take less time than they would take to put all again.
func mistaken(t *testing.T, dsn string, n int, clock *time.Time) (*bench, *slowStore) {
	t.Helper()
	d, err := db.Open(t.Context(), dsn, db.Options{WriteLimit: 700 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	slow := &slowStore{}
	b := newBench(t, d, t.TempDir(), func(c *archive.Config) {
		slow.Store, c.Blobs = c.Blobs, slow
		c.Now = func() time.Time { return *clock }
	})
	x := thing{study: 1, series: 1, patient: "FALSCH-77", name: "FALSCHE^ANNA", pixels: 600}
	for x.instance = 1; x.instance <= n; x.instance++ {
		b.mustStore(x.arrival(t), archive.Added)
	}
	if _, err := b.Correct(t.Context(), site, archive.Target{Study: b.target(x).Study}, to("PatientID=RECHT-1", "PatientName=RECHTE^BERTA"), "it was not Falsche"); err != nil {
		t.Fatal(err)
	}
	slow.created.Store(0)
	slow.takes = 5 * time.Millisecond
	return b, slow
}

// tryErase erases FALSCH-77 in one transaction.
func (b *bench) tryErase(ctx context.Context) (n int, err error) {
	err = b.db.Write(ctx, func(tx *db.Tx) (err error) {
		n, err = b.Erase(ctx, tx, of("FALSCH-77"))
		return err
	})
	return n, err
}

// TestEraseMuchInAShortTransaction erases more than fits into a transaction, and goes on
// with what was done ahead of it when that ended in the middle.
func TestEraseMuchInAShortTransaction(t *testing.T) {
	const objects = 120
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		clock := time.Now()
		b, slow := mistaken(t, dsn, objects, &clock)
		if b.db.Engine() == db.SQLite { // PostgreSQL limits each statement, not all of a transaction
			if _, err := b.tryErase(t.Context()); fault.Of(err) != fault.Unavailable || err == nil {
				t.Fatalf("erased at once: %v; want too long a transaction, or this tests nothing", err)
			}
		}
		wasted := slow.created.Swap(0)
		ctx, end := context.WithCancel(t.Context())
		slow.after = func(n int64) {
			if n == objects/2 {
				end() // as if the program were killed here
			}
		}
		if err := b.PrepareErase(ctx, of("FALSCH-77")); err == nil {
			t.Fatal("it did not end in the middle")
		}
		slow.after = nil
		ahead := slow.created.Load()
		if err := b.PrepareErase(t.Context(), of("FALSCH-77")); err != nil {
			t.Fatal(err)
		}
		if n := slow.created.Load(); ahead < objects/2 || n > objects+1 {
			t.Errorf("%d objects were put, %d of them before the end; want each once", n, ahead)
		}
		if err := b.PrepareErase(t.Context(), of("FALSCH-77")); err != nil || slow.created.Load() > objects+1 {
			t.Errorf("again: %v, %d objects put", err, slow.created.Load())
		}
		used := slow.used.Load()
		n, err := b.tryErase(t.Context())
		if err != nil || n != objects+1 {
			t.Fatalf("erased %d records, %v; want %d objects and a correction", n, err, objects)
		}
		if got := slow.used.Load(); got != used {
			t.Errorf("the transaction opened or put %d objects", got-used)
		}
		slow.takes = 0
		b.removeErased(objects)
		x := thing{study: 1, series: 1, instance: objects}
		f, given := b.opened(x.sop())
		if f.Text(tag.PatientID) != "RECHT-1" || f.Has(tag.OriginalAttributesSequence) || bytes.Contains(given, []byte("FALSCH")) {
			t.Error("what is given out still says whom it named")
		}
		if s := b.study(x); s.InstanceCount != objects || s.Person.Reveal() != "|RECHT-1" {
			t.Errorf("the study: %d instances", s.InstanceCount)
		}
		// What the transaction that took too long had put, and what a kill may leave, is
		// of nobody who was erased, and named by the check.
		sum, err := b.Check(t.Context(), archive.CheckOptions{})
		if err != nil || sum.Troubles[archive.Orphan] > wasted+1 || len(sum.Troubles) > 1 {
			t.Errorf("check: %+v, %v", sum, err)
		}
	})
}

// TestEraseAheadIsGivenUp: what was done ahead of an erasure that does not come, or that
// finds something else, does not stay in the packs.
func TestEraseAheadIsGivenUp(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(t *testing.T, b *bench)
	}{
		{"nobody erases", func(*testing.T, *bench) {}},
		{"the one whom they name now is erased", func(t *testing.T, b *bench) {
			if n := b.erase(of("RECHT-1")); n == 0 {
				t.Error("nothing erased")
			}
		}},
		{"one more came", func(t *testing.T, b *bench) {
			x := thing{study: 1, series: 1, instance: 9, patient: "FALSCH-77", name: "FALSCHE^ANNA", pixels: 600}
			b.mustStore(x.arrival(t), archive.Added)
			if n, err := b.tryErase(t.Context()); err != nil || n != 5 {
				t.Errorf("erased %d, %v", n, err)
			}
		}},
		{"corrected once more", func(t *testing.T, b *bench) {
			if _, err := b.Correct(t.Context(), site, archive.Target{Study: b.target(thing{study: 1, series: 1}).Study}, to("PatientID=RECHT-2"), "it was the other one"); err != nil {
				t.Fatal(err)
			}
			if _, err := b.tryErase(t.Context()); err != nil {
				t.Error(err)
			}
			if f, _ := b.opened(thing{study: 1, series: 1, instance: 2}.sop()); f.Text(tag.PatientID) != "RECHT-2" {
				t.Errorf("given out: %s", f.Text(tag.PatientID))
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.RunDSN(t, func(t *testing.T, dsn string) {
				clock := time.Now()
				b, slow := mistaken(t, dsn, 3, &clock)
				slow.takes = 0
				if err := b.PrepareErase(t.Context(), of("FALSCH-77")); err != nil || slow.created.Load() != 3 {
					t.Fatalf("%d put, %v", slow.created.Load(), err)
				}
				b.check(0)
				built, err := b.Rebuild(t.Context(), site, "system", nil)
				if err != nil || built.Added+built.Quarantined != 0 {
					t.Errorf("Rebuild = %+v, %v", built, err)
				}
				c.then(t, b)
				clock = clock.Add(2 * time.Hour)
				ctx, end := context.WithTimeout(access.With(t.Context(), access.System("archive")), 30*time.Second)
				defer end()
				ran := make(chan error, 1)
				go func() { ran <- b.Run(ctx) }()
				for ctx.Err() == nil {
					list, err := db.List(ctx, b.db, func(r *db.Rows) (n int, err error) { return n, r.Scan(&n) },
						`select (select count(*) from uncovered) + (select count(*) from erasure_object where removed_ms = 0)`)
					if err == nil && len(list) == 1 && list[0] == 0 {
						break
					}
					time.Sleep(5 * time.Millisecond)
				}
				end()
				if err := <-ran; err != nil {
					t.Error(err)
				}
				sum := b.check(0)
				if sum.Objects != sum.Rows {
					t.Errorf("%d objects of %d rows", sum.Objects, sum.Rows)
				}
			})
		})
	}
}

// TestEraseOneOfTwo: of a study of two patients the transaction opens no object that was
// looked at ahead, and what came since is looked at in it.
func TestEraseOneOfTwo(t *testing.T) {
	for _, c := range []struct {
		name  string
		then  func(t *testing.T, b *bench)
		opens int64
		left  int64
	}{
		{"nothing changed", func(*testing.T, *bench) {}, 0, 3},
		{"one more of the person came", func(t *testing.T, b *bench) {
			b.mustStore(thing{study: 1, series: 1, instance: 9, patient: "ZWEI-2", name: "ZWEI"}.arrival(t), archive.Added)
		}, 1, 3},
		{"one more of the other came", func(t *testing.T, b *bench) {
			b.mustStore(thing{study: 1, series: 1, instance: 9, patient: "EINS-1", name: "EINS"}.arrival(t), archive.Added)
		}, 1, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				slow := &slowStore{}
				b := newBench(t, d, t.TempDir(), func(c *archive.Config) { slow.Store, c.Blobs = c.Blobs, slow })
				x := thing{study: 1, series: 1}
				for x.instance = 1; x.instance <= 6; x.instance++ {
					if x.patient, x.name = "EINS-1", "EINS"; x.instance%2 == 0 {
						x.patient, x.name = "ZWEI-2", "ZWEI"
					}
					b.mustStore(x.arrival(t), archive.Added)
				}
				if err := b.PrepareErase(t.Context(), of("ZWEI-2")); err != nil {
					t.Fatal(err)
				}
				c.then(t, b)
				slow.used.Store(0)
				err := b.db.Write(t.Context(), func(tx *db.Tx) error {
					_, err := b.Erase(t.Context(), tx, of("ZWEI-2"))
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if got := slow.used.Load(); got != c.opens {
					t.Errorf("the transaction opened %d objects; want %d", got, c.opens)
				}
				if s := b.study(x); s.InstanceCount != c.left || s.Person.Reveal() != "|EINS-1" {
					t.Errorf("the study: %d instances of %s; want %d", s.InstanceCount, s.Person.Reveal(), c.left)
				}
			})
		})
	}
}
