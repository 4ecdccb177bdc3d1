package journal_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// signing are quick settings under which heads are signed.
func signing(t testing.TB) journal.Options {
	t.Helper()
	o := quick()
	var err error
	if _, o.SigningKey, err = ed25519.GenerateKey(nil); err != nil {
		t.Fatal(err)
	}
	return o
}

func sign(t testing.TB, j *journal.Journal) journal.SignedHead {
	t.Helper()
	h, err := j.Sign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestSignedHeadsFindWhatTheChainDoesNot changes a journal so that its chain is
// whole: only the heads tell.
func TestSignedHeadsFindWhatTheChainDoesNot(t *testing.T) {
	cut := []string{"delete from journal_entry where seq > 8", "delete from journal_seal where number > 2"}
	for _, c := range []struct {
		name       string
		statements []string
		kept       int // heads kept outside the database
		want       *journal.Break
	}{
		{"nothing", nil, 3, nil},
		{"the end cut off", cut, 0, &journal.Break{Seq: 9, Reason: journal.Truncated}},
		{"the end cut off and the heads with it", append(cut, "delete from journal_head where number > 2"), 0, nil},
		{"the same, and a head was kept", append(cut, "delete from journal_head where number > 2"), 3, &journal.Break{Seq: 9, Reason: journal.Truncated}},
		{"everything", []string{"delete from journal_entry", "delete from journal_seal"}, 0, &journal.Break{Seq: 1, Reason: journal.Truncated}},
		{"everything, heads too", []string{"delete from journal_entry", "delete from journal_seal", "delete from journal_head"}, 1, &journal.Break{Seq: 1, Reason: journal.Truncated}},
		{"one entry of the end", []string{"delete from journal_entry where seq = 12"}, 0, &journal.Break{Seq: 12, Seal: 3, Reason: journal.EntryMissing}},
		{"an edited head", []string{"update journal_head set seq = 7 where number = 2"}, 0, &journal.Break{Seq: 7, Seal: 2, Reason: journal.HeadInvalid}},
		{"a head by another key", []string{"update journal_head set public_key = digest where number = 2"}, 0, &journal.Break{Seq: 8, Seal: 2, Reason: journal.HeadInvalid}},
		{"the hours of a seal", []string{"update journal_seal set from_ms = from_ms + 1 where number = 2"}, 0, &journal.Break{Seq: 5, Seal: 2, Reason: journal.SealChanged}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				o := signing(t)
				j := open(t, d, o)
				stop := during(t, j.Run)
				var kept []journal.SignedHead
				for s := range 3 { // three seals of four entries, each signed
					add(t, d, j, entry(s), entry(s), entry(s), entry(s))
					allSealed(t, j)
					kept = append(kept, sign(t, j))
				}
				stop()
				change(t, d, c.statements...)
				r, err := j.Verify(t.Context(), kept[:c.kept]...)
				if diff := cmp.Diff(c.want, r.Break); diff != "" || err != nil {
					t.Errorf("break (-want +got):\n%s%v", diff, err)
				}
				if c.want == nil && r.Since != 0 {
					t.Errorf("%d entries are under no signature; want none", r.Since)
				}
			})
		})
	}
}

// TestWrittenAnew makes another journal with the same keys in the place of one.
func TestWrittenAnew(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		o := signing(t)
		j := open(t, d, o)
		stop := during(t, j.Run)
		sealed(t, d, j, 2)
		first := sign(t, j)
		sealed(t, d, j, 2)
		second := sign(t, j)
		stop()
		change(t, d, "delete from journal_entry where seq > 2", "delete from journal_seal where last_seq > 2", "delete from journal_head where seq > 2")
		during(t, j.Run)
		for range 3 {
			sealed(t, d, j, 1)
		}
		r, err := j.Verify(t.Context())
		if err != nil || r.Break != nil {
			t.Fatalf("by itself: %+v, %v; want whole", r.Break, err)
		}
		r, err = j.Verify(t.Context(), first, second)
		if err != nil || r.Break == nil || r.Break.Reason != journal.Rewritten || r.Break.Seq != 3 {
			t.Errorf("with the heads kept: %+v, %v; want it rewritten from 3 on", r.Break, err)
		}
	})
}

func TestEraseAndDropStayWholeUnderSignedHeads(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, signing(t))
		var kept []journal.SignedHead
		for s := range 6 {
			e := entry(s)
			e.Person, e.Payload = "p", json.RawMessage(`"x"`)
			add(t, d, j, e, entry(s))
			allSealed(t, j)
			kept = append(kept, sign(t, j))
		}
		by := journal.Entry{Site: "main", Actor: "user:dpo"}
		if err := d.Write(t.Context(), func(tx *db.Tx) error { return j.Erase(t.Context(), tx, "p", by) }); err != nil {
			t.Fatal(err)
		}
		if last, err := j.Drop(t.Context(), 7, by); err != nil || last != 6 {
			t.Fatalf("Drop = %d, %v; want 6", last, err)
		}
		allSealed(t, j)
		r, err := j.Verify(t.Context(), kept...)
		if err != nil || r.Break != nil || r.Checkpoint == nil || r.Signed == 0 {
			t.Errorf("Verify = %+v, %v; want it whole, with heads", r, err)
		}
		left, err := j.Heads(t.Context(), 0)
		if err != nil || len(left) != 4 || left[0].Seal != 6 || left[3].Seal != 3 {
			t.Errorf("heads left: %+v, %v; want those of seals 6 to 3", left, err)
		}
	})
}

func TestWhenHeadsAreSigned(t *testing.T) {
	dsn := dbtest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		d := dbtest.Open(t, dsn)
		var told []int64
		o := signing(t)
		o.SignEvery, o.SignAfter, o.LeaseTTL, o.Poll = time.Hour, 5, 30*time.Second, 10*time.Second
		o.Witness = func(h journal.SignedHead) { told = append(told, h.Seq) }
		j := open(t, d, o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- j.Run(ctx) }()
		settle := func(n int) {
			for i := range n {
				add(t, d, j, entry(i))
			}
			time.Sleep(time.Second)
		}
		settle(1) // the first
		settle(2) // too few
		settle(3) // enough
		settle(1)
		time.Sleep(time.Hour)
		time.Sleep(2 * time.Hour) // nothing new
		settle(1)
		settle(1) // the second too soon: signed at the end
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]int64{1, 6, 7, 8, 9}, told); diff != "" {
			t.Errorf("signed (-want +got):\n%s", diff)
		}
		d.Close()
	})
}

func TestSignNeedsAKeyAndSomething(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	if _, err := open(t, d, quick()).Sign(t.Context()); fault.Of(err) != fault.Unsupported {
		t.Errorf("without a key: %v; want Unsupported", err)
	}
	if _, err := open(t, d, signing(t)).Sign(t.Context()); fault.Of(err) != fault.NotFound {
		t.Errorf("an empty journal: %v; want NotFound", err)
	}
}

// TestTheSealerRestsWhileNobodyWaits counts seals under a steady stream.
func TestTheSealerRestsWhileNobodyWaits(t *testing.T) {
	dsn := dbtest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		d := dbtest.Open(t, dsn)
		o := quick()
		o.SealEvery, o.Poll, o.LeaseTTL = 25*time.Millisecond, 500*time.Millisecond, 10*time.Second
		j := open(t, d, o)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 2)
		go func() { ended <- j.Run(ctx) }()
		go func() {
			ended <- j.Follow(ctx, "c", nil, func(context.Context, *db.Tx, []journal.Entry) error { return nil })
		}()
		time.Sleep(time.Second)
		for i := range 500 {
			add(t, d, j, entry(i))
			time.Sleep(2 * time.Millisecond)
		}
		r, err := j.Verify(t.Context())
		if err != nil || r.Seals < 3 || r.Seals > 6 {
			t.Errorf("%d seals in a second, %v; want one for each 250 ms", r.Seals, err)
		}
		add(t, d, j, entry(1))
		start := time.Now()
		if err := j.Wait(ctx, "c"); err != nil {
			t.Error(err)
		}
		if waited := time.Since(start); waited > 100*time.Millisecond {
			t.Errorf("waited %v for a seal; want it at once", waited)
		}
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		d.Close()
	})
}
