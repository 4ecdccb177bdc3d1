package journal_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// quick are settings under which nobody waits for long.
func quick() journal.Options {
	return journal.Options{
		MasterKey: [32]byte{1, 2, 3}, Poll: 20 * time.Millisecond, SealEvery: time.Millisecond,
		LeaseTTL: 200 * time.Millisecond, Retry: time.Millisecond,
	}
}

func open(t testing.TB, d *db.DB, o journal.Options) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// during runs f until the test ends or stop is called, which waits for it.
func during(t testing.TB, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// running opens a journal whose sealer runs.
func running(t testing.TB, d *db.DB, o journal.Options) *journal.Journal {
	t.Helper()
	j := open(t, d, o)
	during(t, j.Run)
	return j
}

func entry(n int) journal.Entry {
	return journal.Entry{
		Site: "main", Actor: "ae:CT1", Kind: "archive.instance.stored", Subject: fmt.Sprint("1.2.", n),
		Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)),
	}
}

func add(t testing.TB, d *db.DB, j *journal.Journal, entries ...journal.Entry) {
	t.Helper()
	if err := d.Write(t.Context(), func(tx *db.Tx) error { return j.Append(t.Context(), tx, entries...) }); err != nil {
		t.Error(err)
	}
}

// sealed adds n entries, each in a transaction of its own, and waits until all are
// sealed.
func sealed(t testing.TB, d *db.DB, j *journal.Journal, n int) {
	t.Helper()
	for i := range n {
		add(t, d, j, entry(i))
	}
	allSealed(t, j)
}

func allSealed(t testing.TB, j *journal.Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		r, err := j.Verify(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if r.Unsealed == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func waitFor(t testing.TB, j *journal.Journal, consumer string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	return j.Wait(ctx, consumer)
}

func find(t testing.TB, j *journal.Journal, f journal.Filter) []journal.Entry {
	t.Helper()
	var all []journal.Entry
	for e, err := range j.Find(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// A collector is a consumer that keeps what it is given in a table, like a room
// that derives something.
type collector struct{ fail atomic.Pointer[string] }

const seenTable = "create table seen (place bigint not null, seq bigint not null, subject text not null)"

func (c *collector) handle(ctx context.Context, tx *db.Tx, batch []journal.Entry) error {
	for _, e := range batch {
		if bad := c.fail.Load(); bad != nil && e.Subject == *bad {
			return fault.Errorf(fault.Invalid, "cannot use %q", "LEAK^CANARY")
		}
		_, err := tx.Exec(ctx, "insert into seen select count(*) + 1, cast($1 as bigint), cast($2 as text) from seen", e.Seq, e.Subject)
		if err != nil {
			return err
		}
	}
	return nil
}

func withSeen(t testing.TB, d *db.DB) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), seenTable)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func seen(t testing.TB, d *db.DB) (seqs []int64, subjects map[string]int) {
	t.Helper()
	subjects = map[string]int{}
	seqs, err := db.List(t.Context(), d, func(r *db.Rows) (seq int64, err error) {
		var subject string
		err = r.Scan(&seq, &subject)
		subjects[subject]++
		return seq, err
	}, "select seq, subject from seen order by place")
	if err != nil {
		t.Fatal(err)
	}
	return seqs, subjects
}

func TestEveryEntryOnceAndInOrder(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, quick())
		withSeen(t, d)
		var c collector
		during(t, func(ctx context.Context) error { return j.Follow(ctx, "collector", nil, c.handle) })
		const writers, each = 16, 25
		var wg sync.WaitGroup
		mine := errors.New("mine")
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					n := w*1000 + i
					err := d.Write(t.Context(), func(tx *db.Tx) error {
						if err := j.Append(t.Context(), tx, entry(n), entry(n+500)); err != nil {
							return err
						}
						if n%3 == 0 {
							time.Sleep(time.Millisecond) // commits later than others that began later
						}
						if n%5 == 0 {
							return mine // rolled back: never happened
						}
						return nil
					})
					if n%5 == 0 != errors.Is(err, mine) {
						t.Errorf("write %d: %v", n, err)
					}
				}
			})
		}
		wg.Wait()
		if err := waitFor(t, j, "collector"); err != nil {
			t.Fatal(err)
		}
		seqs, subjects := seen(t, d)
		want := writers * each * 2 * 4 / 5
		if len(seqs) != want || len(subjects) != want {
			t.Errorf("saw %d entries, %d different; want %d", len(seqs), len(subjects), want)
		}
		for i, seq := range seqs {
			if seq != int64(i+1) {
				t.Fatalf("place %d has number %d", i+1, seq)
			}
		}
		r, err := j.Verify(t.Context())
		if err != nil || r.Break != nil || r.Entries != int64(want) || r.Head.Seq != int64(want) {
			t.Errorf("Verify = %+v, %v; want %d entries", r, err, want)
		}
	})
}

func TestAppend(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, quick())
		long := strings.Repeat("x", 600)
		with := func(change func(e *journal.Entry)) journal.Entry {
			e := entry(1)
			change(&e)
			return e
		}
		for _, c := range []struct {
			name string
			e    journal.Entry
		}{
			{"no kind", with(func(e *journal.Entry) { e.Kind = "" })},
			{"a kind of one word", with(func(e *journal.Entry) { e.Kind = "stored" })},
			{"a kind in capitals", with(func(e *journal.Entry) { e.Kind = "Archive.stored" })},
			{"a kind that matches too much", with(func(e *journal.Entry) { e.Kind = "archive.%" })},
			{"no site", with(func(e *journal.Entry) { e.Site = "" })},
			{"no actor", with(func(e *journal.Entry) { e.Actor = "" })},
			{"a long actor", with(func(e *journal.Entry) { e.Actor = long })},
			{"a long subject", with(func(e *journal.Entry) { e.Subject = long })},
			{"a subject of two lines", with(func(e *journal.Entry) { e.Subject = "a\nb" })},
			{"not JSON", with(func(e *journal.Entry) { e.Data = json.RawMessage("{") })},
			{"JSON that is not UTF-8", with(func(e *journal.Entry) { e.Data = json.RawMessage("\"\xff\"") })},
			{"much data", with(func(e *journal.Entry) { e.Data = json.RawMessage(`"` + strings.Repeat("x", journal.MaxData) + `"`) })},
			{"a payload of nobody", with(func(e *journal.Entry) { e.Payload = json.RawMessage(`{}`) })},
		} {
			t.Run(c.name, func(t *testing.T) {
				err := d.Write(t.Context(), func(tx *db.Tx) error { return j.Append(t.Context(), tx, entry(0), c.e) })
				if fault.Of(err) != fault.Invalid || err == nil {
					t.Errorf("Append = %v; want Invalid", err)
				}
			})
		}
		at := time.Date(2026, 3, 1, 8, 0, 0, 5e6, time.FixedZone("", 3600))
		e := entry(7)
		e.At, e.Data = at, nil
		many := []journal.Entry{e}
		for i := range 120 {
			many = append(many, entry(1000+i))
		}
		add(t, d, j, many...)
		allSealed(t, j)
		got := find(t, j, journal.Filter{})
		if len(got) != len(many) {
			t.Fatalf("%d entries; want %d", len(got), len(many))
		}
		want := e
		want.Seq, want.ID, want.At, want.Data = 1, got[0].ID, at.UTC(), json.RawMessage("{}")
		if diff := cmp.Diff(want, got[0]); diff != "" || len(got[0].ID) != 36 {
			t.Errorf("entry (-want +got):\n%s", diff)
		}
		for i := range many {
			if got[i].Subject != many[i].Subject {
				t.Fatalf("entry %d is about %s; want %s: one transaction keeps its order", i, got[i].Subject, many[i].Subject)
			}
		}
	})
}

func TestFind(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, quick())
		day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		for i := range 20 {
			e := journal.Entry{Site: "main", Actor: "system", Kind: "site.room.named", Subject: "room", At: day.Add(time.Duration(i) * time.Hour)}
			switch {
			case i%2 == 0:
				e.Kind, e.Subject, e.Actor = "archive.instance.stored", fmt.Sprint(i), "ae:CT1"
			case i%5 == 0:
				e.Kind, e.Site, e.Person = "archive.instance.refused", "branch", "p"
			}
			add(t, d, j, e)
		}
		allSealed(t, j)
		for _, c := range []struct {
			name string
			f    journal.Filter
			want string
		}{
			{"one kind", journal.Filter{Kinds: []string{"archive.instance.refused"}}, "6 16"},
			{"a room", journal.Filter{Kinds: []string{"archive.*"}, After: 10}, "11 13 15 16 17 19"},
			{"two kinds", journal.Filter{Kinds: []string{"archive.instance.refused", "site.*"}, Before: 9}, "2 4 6 8"},
			{"a subject", journal.Filter{Subject: "14"}, "15"},
			{"a site", journal.Filter{Site: "branch"}, "6 16"},
			{"an actor, newest", journal.Filter{Actor: "ae:CT1", Newest: true, Limit: 3}, "19 17 15"},
			{"older than the last page", journal.Filter{Newest: true, Before: 4}, "3 2 1"},
			{"a person", journal.Filter{Site: "branch", Person: "p"}, "6 16"},
			{"the same number at another site", journal.Filter{Site: "main", Person: "p"}, ""},
			{"somebody unknown", journal.Filter{Site: "main", Person: "q"}, ""},
			{"a time", journal.Filter{From: day.Add(3 * time.Hour), Until: day.Add(6 * time.Hour)}, "4 5 6"},
			{"nothing between", journal.Filter{After: 5, Before: 6}, ""},
			{"a kind nobody wrote", journal.Filter{Kinds: []string{"dose.*"}}, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				var got []string
				for _, e := range find(t, j, c.f) {
					got = append(got, fmt.Sprint(e.Seq))
				}
				if s := strings.Join(got, " "); s != c.want {
					t.Errorf("found %s; want %s", s, c.want)
				}
			})
		}
		for _, err := range j.Entries(t.Context(), 0, "archive.%") {
			if fault.Of(err) != fault.Invalid {
				t.Errorf("a kind with a wildcard: %v; want Invalid", err)
			}
		}
	})
}

func TestFollowKindsAndRewind(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := running(t, d, quick())
		withSeen(t, d)
		var c collector
		stop := during(t, func(ctx context.Context) error { return j.Follow(ctx, "rooms", []string{"site.*"}, c.handle) })
		named := journal.Entry{Site: "main", Actor: "user:a", Kind: "site.room.named", Subject: "CT"}
		add(t, d, j, entry(1), named, entry(2))
		if err := waitFor(t, j, "rooms"); err != nil {
			t.Fatal(err)
		}
		if seqs, _ := seen(t, d); !cmp.Equal(seqs, []int64{2}) {
			t.Errorf("saw %v; want 2", seqs)
		}
		stop()
		add(t, d, j, named, entry(3))
		during(t, func(ctx context.Context) error { return j.Follow(ctx, "rooms", []string{"site.*"}, c.handle) })
		if err := waitFor(t, j, "rooms"); err != nil {
			t.Fatal(err)
		}
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := j.Rewind(t.Context(), tx, "rooms"); err != nil {
				return err
			}
			_, err := tx.Exec(t.Context(), "delete from seen")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := waitFor(t, j, "rooms"); err != nil {
			t.Fatal(err)
		}
		if seqs, _ := seen(t, d); !cmp.Equal(seqs, []int64{2, 4}) {
			t.Errorf("after a rewind saw %v; want 2 and 4 again", seqs)
		}
		all, err := j.Consumers(t.Context())
		if err != nil || len(all) != 1 || all[0].Name != "rooms" || all[0].Lag != 0 || all[0].Holder == "" || all[0].Failures != 0 {
			t.Errorf("Consumers = %+v, %v", all, err)
		}
	})
}

func TestPoisonIsShownAndNotSkipped(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		var log strings.Builder
		var mu sync.Mutex
		o := quick()
		o.Log = slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return log.Write(p)
		}), nil))
		j := running(t, d, o)
		withSeen(t, d)
		sealed(t, d, j, 8)
		var c collector
		bad := "1.2.5"
		c.fail.Store(&bad)
		stop := during(t, func(ctx context.Context) error { return j.Follow(ctx, "collector", nil, c.handle) })
		err := waitFor(t, j, "collector")
		if fault.Of(err) != fault.Unavailable || !strings.Contains(fmt.Sprint(err), "entry 6") || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("Wait = %v; want stuck at entry 6", err)
		}
		all, err := j.Consumers(t.Context())
		if err != nil || len(all) != 1 || !all[0].Stuck || all[0].FailsAt != 6 || all[0].Seq != 5 || all[0].Lag != 3 || all[0].Kind != "invalid" ||
			all[0].Error != `cannot use "…"` {
			t.Errorf("Consumers = %+v, %v; want stuck at 6", all, err)
		}
		c.fail.Store(nil)
		if err := waitFor(t, j, "collector"); err != nil && fault.Of(err) != fault.Unavailable {
			t.Fatal(err)
		}
		for range 3000 { // it tries again by itself
			if seqs, _ := seen(t, d); len(seqs) == 8 {
				break
			}
			time.Sleep(20 * time.Millisecond)
		}
		if seqs, _ := seen(t, d); !cmp.Equal(seqs, []int64{1, 2, 3, 4, 5, 6, 7, 8}) {
			t.Errorf("saw %v; want 1 to 8", seqs)
		}
		stop()
		mu.Lock()
		defer mu.Unlock()
		if n := strings.Count(log.String(), "held up"); n < 1 || n > 2 || strings.Contains(log.String(), "CANARY") {
			t.Errorf("logged %d times; want once or twice, and nobody's name:\n%s", n, log.String())
		}
	})
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestTwoReplicas(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		a, b := dbtest.Open(t, dsn), dbtest.Open(t, dsn)
		ja, jb := open(t, a, quick()), open(t, b, quick())
		withSeen(t, a)
		var c collector
		stopA := during(t, ja.Run)
		during(t, jb.Run)
		stopFollow := during(t, func(ctx context.Context) error { return ja.Follow(ctx, "collector", nil, c.handle) })
		during(t, func(ctx context.Context) error { return jb.Follow(ctx, "collector", nil, c.handle) })
		const each = 100
		var wg sync.WaitGroup
		for i := range each {
			if i == each/2 {
				wg.Wait()
				stopFollow()
				stopA() // the other takes over
			}
			wg.Go(func() { add(t, a, ja, entry(i)) })
			wg.Go(func() { add(t, b, jb, entry(1000+i)) })
		}
		wg.Wait()
		if err := waitFor(t, jb, "collector"); err != nil {
			t.Fatal(err)
		}
		seqs, subjects := seen(t, a)
		if len(seqs) != 2*each || len(subjects) != 2*each {
			t.Errorf("saw %d entries, %d different; want %d", len(seqs), len(subjects), 2*each)
		}
		for i, seq := range seqs {
			if seq != int64(i+1) {
				t.Fatalf("place %d has number %d", i+1, seq)
			}
		}
		r, err := ja.Verify(t.Context())
		if err != nil || r.Break != nil || r.Entries != 2*each {
			t.Errorf("Verify = %+v, %v", r, err)
		}
	})
}

func TestChanged(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		a, b := dbtest.Open(t, dsn), dbtest.Open(t, dsn)
		ja, jb := running(t, a, quick()), running(t, b, quick())
		for name, j := range map[string]*journal.Journal{"this process": ja, "another process": jb} {
			changed := j.Changed()
			add(t, a, ja, entry(1))
			select {
			case <-changed:
			case <-time.After(time.Minute):
				t.Errorf("%s was not told", name)
			}
		}
	})
}

func TestClockThatStepsBack(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		var back atomic.Int64
		o := quick()
		o.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		j := running(t, d, o)
		withSeen(t, d)
		var c collector
		during(t, func(ctx context.Context) error { return j.Follow(ctx, "collector", nil, c.handle) })
		for i := range 10 {
			back.Add(int64(time.Hour))
			add(t, d, j, entry(i))
			allSealed(t, j)
		}
		if err := waitFor(t, j, "collector"); err != nil {
			t.Fatal(err)
		}
		for i, e := range find(t, j, journal.Filter{}) {
			if e.Seq != int64(i+1) || e.Subject != entry(i).Subject {
				t.Errorf("entry %d is %d about %s", i, e.Seq, e.Subject)
			}
		}
		if r, err := j.Verify(t.Context()); err != nil || r.Break != nil || r.Entries != 10 {
			t.Errorf("Verify = %+v, %v", r, err)
		}
	})
}

// TestKill kills a process that appends, and looks for everything it said was
// written.
func TestKill(t *testing.T) {
	if dsn := os.Getenv("JOURNAL_TEST_VICTIM"); dsn != "" {
		appendUntilKilled(t, dsn)
		return
	}
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		acknowledged := map[string]bool{}
		for round := range 3 {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKill$", "-test.v")
			cmd.Env = append(os.Environ(), "JOURNAL_TEST_VICTIM="+dsn, fmt.Sprint("JOURNAL_TEST_ROUND=", round))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(out)
			for n := 0; n < 60 && lines.Scan(); {
				if subject, ok := strings.CutPrefix(lines.Text(), "written "); ok {
					acknowledged[subject] = true
					n++
				}
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() { // said before it died
				if subject, ok := strings.CutPrefix(lines.Text(), "written "); ok {
					acknowledged[subject] = true
				}
			}
			_ = cmd.Wait() // it was killed
		}
		d := dbtest.Open(t, dsn)
		j := running(t, d, quick())
		add(t, d, j, entry(-1))
		allSealed(t, j)
		if r, err := j.Verify(t.Context()); err != nil || r.Break != nil {
			t.Errorf("Verify = %+v, %v", r, err)
		}
		for _, e := range find(t, j, journal.Filter{}) {
			delete(acknowledged, e.Subject)
		}
		if len(acknowledged) > 0 {
			t.Errorf("%d acknowledged entries are lost", len(acknowledged))
		}
	})
}

func appendUntilKilled(t *testing.T, dsn string) {
	d := dbtest.Open(t, dsn)
	j := running(t, d, quick())
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				e := entry(0)
				e.Subject = fmt.Sprint(os.Getenv("JOURNAL_TEST_ROUND"), ".", w, ".", i)
				add(t, d, j, e)
				fmt.Printf("written %s\n", e.Subject) // tells the test that will kill it
			}
		})
	}
	wg.Wait()
}

func TestOpen(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		if _, err := journal.Open(t.Context(), d, journal.Options{}); fault.Of(err) != fault.Invalid {
			t.Errorf("open without a key: %v; want Invalid", err)
		}
		open(t, d, quick())
		open(t, d, quick())
		o := quick()
		o.MasterKey[0]++
		if _, err := journal.Open(t.Context(), d, o); fault.Of(err) != fault.Conflict {
			t.Errorf("open with another key: %v; want Conflict", err)
		}
		j := open(t, d, quick())
		for _, c := range []struct {
			name, consumer string
			kinds          []string
		}{{"no name", "", nil}, {"two words", "a b", nil}, {"a kind that is none", "a", []string{"stored"}}} {
			if err := j.Follow(t.Context(), c.consumer, c.kinds, nil); fault.Of(err) != fault.Invalid || err == nil {
				t.Errorf("Follow, %s: %v; want Invalid", c.name, err)
			}
		}
	})
}
