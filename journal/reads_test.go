package journal_test

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

func followAs(j *journal.Journal, consumer string, c *collector) func(context.Context) error {
	return func(ctx context.Context) error { return j.Follow(ctx, consumer, nil, c.handle) }
}

func TestReadsAreGathered(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		now := time.Date(2026, 5, 1, 9, 0, 50, 0, time.UTC)
		o := quick()
		o.Now = func() time.Time { return now }
		j := open(t, d, o)
		r := journal.NewReads(j)
		look := journal.Read{Site: "main", Actor: "user:a", Kind: "archive.study.read", Subject: "1.2.3", Purpose: "care", Person: "p"}
		note := func(x journal.Read) {
			t.Helper()
			if err := r.Note(x); err != nil {
				t.Fatal(err)
			}
		}
		note(look)
		now = now.Add(5 * time.Second)
		note(look)
		other := look
		other.Purpose = "research"
		note(other)
		now = now.Add(time.Minute)
		note(look)
		now = now.Add(-time.Minute) // the clock steps back
		note(look)
		wrong := look
		wrong.Actor = ""
		if err := r.Note(wrong); fault.Of(err) != fault.Invalid {
			t.Errorf("a read by nobody: %v; want Invalid", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Run(ctx); err != nil { // ends, and writes what it has
			t.Fatal(err)
		}
		o.Now = nil
		j = running(t, d, o)
		allSealed(t, j)
		got := map[string]int{}
		for _, e := range find(t, j, journal.Filter{Site: "main", Person: "p"}) {
			var data journal.ReadData
			if err := json.Unmarshal(e.Data, &data); err != nil {
				t.Fatal(err)
			}
			got[e.At.Format("15:04 ")+data.Purpose] += data.Count
		}
		if len(got) != 3 || got["09:00 care"] != 3 || got["09:00 research"] != 1 || got["09:01 care"] != 1 {
			t.Errorf("gathered %v", got)
		}
		if err := r.Flush(t.Context()); err != nil {
			t.Errorf("nothing to write: %v", err)
		}
	})
}

func TestReadsWaitForTheMinute(t *testing.T) {
	dsn := dbtest.SQLite(t)
	synctest.Test(t, func(t *testing.T) {
		d := dbtest.Open(t, dsn)
		j := open(t, d, quick())
		r := journal.NewReads(j)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		time.Sleep(30 * time.Second)
		if err := r.Note(journal.Read{Site: "main", Actor: "user:a", Kind: "archive.study.read"}); err != nil {
			t.Fatal(err)
		}
		count := func() (n int) {
			if err := d.QueryRow(t.Context(), "select count(*) from journal_entry").Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := count(); n != 0 {
			t.Errorf("%d entries at once; want none", n)
		}
		time.Sleep(time.Minute)
		if n := count(); n != 1 {
			t.Errorf("%d entries after a minute; want one", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		d.Close()
	})
}

func TestReadsKeepWhatCannotBeWritten(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	j := open(t, d, quick())
	r := journal.NewReads(j)
	if err := r.Note(journal.Read{Site: "main", Actor: "user:a", Kind: "archive.study.read"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Flush(ctx); err == nil {
		t.Fatal("wrote with a context that had ended")
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := d.QueryRow(t.Context(), "select count(*) from journal_entry").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d entries, %v; want 1", n, err)
	}
}
