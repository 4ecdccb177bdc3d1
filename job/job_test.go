package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
)

// book is a journal that remembers kinds and data.
type book struct {
	mu      sync.Mutex
	entries []string
}

func (b *book) Append(_ context.Context, tx *db.Tx, all ...journal.Entry) error {
	tx.OnCommit(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, e := range all {
			b.entries = append(b.entries, e.Kind+" "+e.Actor+" "+string(e.Data))
		}
	})
	return nil
}

func (b *book) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.entries)
}

// quick are settings under which nobody waits for long.
func quick() job.Options {
	return job.Options{Poll: 10 * time.Millisecond, LeaseTTL: 3 * time.Second, Pause: time.Millisecond, MaxPause: 4 * time.Millisecond, Attempts: 4}
}

func open(t testing.TB, d *db.DB, b *book, o job.Options) *job.Queue {
	t.Helper()
	q, err := job.Open(t.Context(), d, b, o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// during runs q until the test ends or stop is called, which waits for it.
func during(t testing.TB, q *job.Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- q.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func add(t testing.TB, d *db.DB, q *job.Queue, all ...job.Job) {
	t.Helper()
	err := d.Write(t.Context(), func(tx *db.Tx) error {
		for _, j := range all {
			if err := q.Add(t.Context(), tx, j); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// until waits until ok is true, and fails if that takes too long even on a busy
// machine.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}

func list(t testing.TB, q *job.Queue, state string) []job.Status {
	t.Helper()
	all, err := q.List(t.Context(), job.Filter{State: state})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestRun(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q := open(t, d, &book{}, quick())
		got := make(chan job.Job, 1)
		q.Handle("mail.letter.send", func(_ context.Context, j job.Job) error { got <- j; return nil })
		during(t, q)
		add(t, d, q, job.Job{Kind: "mail.letter.send", Args: json.RawMessage(`{"to":"1"}`)})
		j := <-got
		if j.ID == "" || j.Site != "default" || string(j.Args) != `{"to":"1"}` || j.Attempt != 1 || j.RunAt.IsZero() {
			t.Errorf("job = %+v", j)
		}
		until(t, "done", func() bool { return len(list(t, q, job.Done)) == 1 })
		if n := len(list(t, q, "")); n != 1 {
			t.Errorf("%d jobs; want 1", n)
		}
	})
}

func TestNothingRunsOfARollBack(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q := open(t, d, &book{}, quick())
		no := errors.New("no")
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			if err := q.Add(t.Context(), tx, job.Job{Kind: "a"}); err != nil {
				return err
			}
			return no
		})
		if !errors.Is(err, no) || len(list(t, q, "")) != 0 {
			t.Errorf("Write = %v, %d jobs; want none", err, len(list(t, q, "")))
		}
	})
}

func TestOrder(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		o := quick()
		o.Workers = 1
		q := open(t, d, &book{}, o)
		var got []string
		done := make(chan bool)
		q.Handle("a", func(_ context.Context, j job.Job) error {
			got = append(got, j.Key)
			if len(got) == 4 {
				close(done)
			}
			return nil
		})
		now := time.Now()
		add(t, d, q,
			job.Job{Kind: "a", Key: "third", RunAt: now.Add(-time.Second)},
			job.Job{Kind: "a", Key: "first", RunAt: now.Add(-time.Hour)},
			job.Job{Kind: "a", Key: "soon", RunAt: now.Add(300 * time.Millisecond)},
			job.Job{Kind: "a", Key: "second", RunAt: now.Add(-time.Minute)},
			job.Job{Kind: "a", Key: "tomorrow", RunAt: now.Add(24 * time.Hour)})
		during(t, q)
		<-done
		if diff := cmp.Diff([]string{"first", "second", "third", "soon"}, got); diff != "" {
			t.Errorf("order (-want +got):\n%s", diff)
		}
		if took := time.Since(now); took < 300*time.Millisecond {
			t.Errorf("took %v; one was not due before 300 ms", took)
		}
	})
}

func TestKey(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q := open(t, d, &book{}, quick())
		at := time.Now().Add(time.Hour).Truncate(time.Millisecond).UTC()
		add(t, d, q, job.Job{Kind: "a", Key: "k", RunAt: at, Args: json.RawMessage(`1`)},
			job.Job{Kind: "a", Key: "k", RunAt: at.Add(time.Hour), Args: json.RawMessage(`2`)},
			job.Job{Kind: "a", Key: "other", RunAt: at}, job.Job{Kind: "b", Key: "k", RunAt: at},
			job.Job{Kind: "a", RunAt: at}, job.Job{Kind: "a", RunAt: at})
		all := list(t, q, job.Waiting)
		if len(all) != 5 {
			t.Fatalf("%d jobs; want 5: one key of one kind is one", len(all))
		}
		if first := all[4]; string(first.Args) != "2" || !first.RunAt.Equal(at) {
			t.Errorf("kept %s at %v; want the newer arguments and the earlier time", first.Args, first.RunAt)
		}
	})
}

func TestAddedAgainWhileItRuns(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q := open(t, d, &book{}, quick())
		begun, goOn := make(chan string, 9), make(chan bool)
		q.Handle("a", func(_ context.Context, j job.Job) error { begun <- string(j.Args); <-goOn; return nil })
		during(t, q)
		add(t, d, q, job.Job{Kind: "a", Key: "k", Args: json.RawMessage(`1`)})
		if got := <-begun; got != "1" {
			t.Errorf("began with %s", got)
		}
		add(t, d, q, job.Job{Kind: "a", Key: "k", Args: json.RawMessage(`2`)}, job.Job{Kind: "a", Key: "k", Args: json.RawMessage(`3`)})
		time.Sleep(50 * time.Millisecond)
		if len(begun) > 0 {
			t.Error("it runs twice at once")
		}
		goOn <- true
		if got := <-begun; got != "3" {
			t.Errorf("ran again with %s; want the newest", got)
		}
		goOn <- true
		until(t, "done", func() bool { return len(list(t, q, job.Done)) == 1 })
		if len(begun) > 0 {
			t.Error("it ran a third time")
		}
	})
}

func TestRetries(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b := &book{}
		q := open(t, d, b, quick())
		var n, hopeless atomic.Int32
		var heal atomic.Bool
		q.Handle("a", func(context.Context, job.Job) error {
			n.Add(1)
			if heal.Load() {
				return nil
			}
			return fault.Errorf(fault.Unavailable, `no answer to "Miller"`)
		})
		q.Handle("b", func(context.Context, job.Job) error {
			hopeless.Add(1)
			return fault.Errorf(fault.Invalid, "no such address")
		})
		q.Handle("c", func(context.Context, job.Job) error { panic("oh") }, job.Attempts(2))
		q.Handle("d", func(ctx context.Context, _ job.Job) error { <-ctx.Done(); return ctx.Err() }, job.Attempts(1), job.Limit(time.Millisecond))
		during(t, q)
		add(t, d, q, job.Job{Kind: "a"}, job.Job{Kind: "b"}, job.Job{Kind: "c"}, job.Job{Kind: "d"})
		until(t, "all dead", func() bool { return len(list(t, q, job.Dead)) == 4 })
		if n.Load() != 4 || hopeless.Load() != 1 {
			t.Errorf("%d attempts, %d of what repeating cannot help; want 4 and 1", n.Load(), hopeless.Load())
		}
		reasons := map[string]string{}
		for _, s := range list(t, q, job.Dead) {
			reasons[s.Kind] = fmt.Sprint(s.Fault, " ", s.Attempt, ": ", s.Reason)
		}
		want := map[string]string{
			"a": `unavailable 4: no answer to "…"`,
			"b": "invalid 1: no such address",
			"c": "internal 2: c: the program made a mistake; the log has more",
			"d": "unavailable 1: context deadline exceeded",
		}
		if diff := cmp.Diff(want, reasons); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		until(t, "all journalled", func() bool { return len(b.all()) == 4 })
		if got := b.all(); !slices.Contains(got, `job.job.died system:job {"attempts":4,"fault":"unavailable","kind":"a"}`) {
			t.Errorf("journal = %q; want four deaths", got)
		}
		heal.Store(true)
		revive(t, q, n.Load)
	})
}

// revive replays the dead job of kind a and removes the one of kind b.
func revive(t *testing.T, q *job.Queue, runs func() int32) {
	t.Helper()
	dead := list(t, q, job.Dead)
	for _, s := range dead {
		var err error
		switch s.Kind {
		case "a":
			err = q.Replay(t.Context(), "anna", s.ID)
		case "b":
			err = q.Remove(t.Context(), "anna", s.ID)
		}
		if err != nil {
			t.Error(err)
		}
	}
	until(t, "replayed", func() bool { return len(list(t, q, job.Done)) == 1 })
	if runs() != 5 || len(list(t, q, job.Dead)) != 2 {
		t.Errorf("%d attempts, %d dead; want 5 and 2", runs(), len(list(t, q, job.Dead)))
	}
	if err := q.Replay(t.Context(), "anna", "nobody"); fault.Of(err) != fault.NotFound {
		t.Errorf("Replay(nobody) = %v; want not found", err)
	}
	if err := q.Remove(t.Context(), "anna", list(t, q, job.Done)[0].ID); fault.Of(err) != fault.NotFound {
		t.Errorf("Remove of one that is done = %v; want not found", err)
	}
}

func TestReplayBesideAWaitingOne(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q := open(t, d, &book{}, quick())
		q.Handle("a", func(context.Context, job.Job) error { return fault.Errorf(fault.Invalid, "no") })
		stop := during(t, q)
		add(t, d, q, job.Job{Kind: "a", Key: "k"})
		until(t, "dead", func() bool { return len(list(t, q, job.Dead)) == 1 })
		stop()
		add(t, d, q, job.Job{Kind: "a", Key: "k"})
		if err := q.Replay(t.Context(), "anna", list(t, q, job.Dead)[0].ID); fault.Of(err) != fault.Conflict {
			t.Errorf("Replay = %v; want conflict", err)
		}
	})
}

// TestTwoProcesses has many jobs done by two queues on two pools, with adders beside.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		const n = 300
		var mu sync.Mutex
		did := map[string]int{}
		by := map[string]int{}
		var queues []*job.Queue
		var pools []*db.DB
		for _, name := range []string{"one", "two"} {
			d := dbtest.Open(t, dsn)
			q := open(t, d, &book{}, quick())
			q.Handle("a", func(_ context.Context, j job.Job) error {
				mu.Lock()
				defer mu.Unlock()
				did[j.Key]++
				by[name]++
				return nil
			})
			queues, pools = append(queues, q), append(pools, d)
			during(t, q)
		}
		var wg sync.WaitGroup
		for i := range 2 {
			wg.Go(func() {
				for k := range n {
					if k%2 == i {
						add(t, pools[i], queues[i], job.Job{Kind: "a", Key: fmt.Sprint(k)})
					}
				}
			})
		}
		wg.Wait()
		until(t, "all done", func() bool { mu.Lock(); defer mu.Unlock(); return len(did) == n })
		until(t, "nothing left", func() bool { return len(list(t, queues[0], job.Waiting))+len(list(t, queues[0], job.Running)) == 0 })
		mu.Lock()
		defer mu.Unlock()
		for k, times := range did {
			if times != 1 {
				t.Errorf("job %s was done %d times", k, times)
			}
		}
		t.Logf("done by: %v", by)
	})
}

func TestStopGivesBack(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		o := quick()
		o.LeaseTTL = time.Hour // what is not given back is not had again
		q := open(t, d, &book{}, o)
		begun := make(chan bool, 1)
		q.Handle("a", func(ctx context.Context, _ job.Job) error { begun <- true; <-ctx.Done(); return ctx.Err() })
		stop := during(t, q)
		add(t, d, q, job.Job{Kind: "a"})
		<-begun
		if got := list(t, q, job.Running); len(got) != 1 || !strings.HasPrefix(got[0].Holder, "process/") {
			t.Errorf("running = %+v; want one", got)
		}
		stop()
		next := open(t, d, &book{}, o)
		attempt := make(chan int, 1)
		next.Handle("a", func(_ context.Context, j job.Job) error { attempt <- j.Attempt; return nil })
		during(t, next)
		if got := <-attempt; got != 1 {
			t.Errorf("attempt %d; a stop is no fault of the job", got)
		}
	})
}

// TestAlone has a process that does not know that it is over, and another one that
// knows itself alone.
func TestAlone(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		o := quick()
		o.LeaseTTL, o.Workers = time.Hour, 1 // it takes no other job while it is at this one
		gone := open(t, d, &book{}, o)
		begun, over := make(chan bool, 1), make(chan bool)
		gone.Handle("a", func(context.Context, job.Job) error { begun <- true; <-over; return nil })
		during(t, gone)
		t.Cleanup(func() { close(over) })
		add(t, d, gone, job.Job{Kind: "a"})
		<-begun
		o.Alone = true
		next := open(t, d, &book{}, o)
		attempt := make(chan int, 1)
		next.Handle("a", func(_ context.Context, j job.Job) error { attempt <- j.Attempt; return nil })
		during(t, next)
		if got := <-attempt; got != 2 {
			t.Errorf("attempt %d; want the second, before the lease of the first is over", got)
		}
	})
}

// Where the test starts itself again, this says what the child does.
const childEnv = "JOB_TEST_CHILD"

// TestChild is no test: it takes a job and does not end until it is killed.
func TestChild(t *testing.T) {
	dsn := os.Getenv(childEnv)
	if dsn == "" {
		t.Skip("only for TestKill, which starts it")
	}
	d := dbtest.Open(t, dsn)
	o := quick()
	o.LeaseTTL = 500 * time.Millisecond
	q := open(t, d, &book{}, o)
	q.Handle("a", func(_ context.Context, j job.Job) error { fmt.Println("begun", j.Attempt); select {} })
	if err := q.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestKill(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		d := dbtest.Open(t, dsn)
		o := quick()
		o.LeaseTTL = 500 * time.Millisecond
		b := &book{}
		q := open(t, d, b, o)
		add(t, d, q, job.Job{Kind: "a", Key: "k"})
		for i := range 2 {
			killMidJob(t, dsn)
			if got := list(t, q, ""); len(got) != 1 || got[0].Attempt != i+1 || got[0].State == job.Done {
				t.Fatalf("after kill %d: %+v", i+1, got)
			}
		}
		attempt := make(chan int, 1)
		q.Handle("a", func(_ context.Context, j job.Job) error { attempt <- j.Attempt; return nil })
		during(t, q)
		if got := <-attempt; got != 3 {
			t.Errorf("attempt %d; want the third", got)
		}
		until(t, "done", func() bool { return len(list(t, q, job.Done)) == 1 })
	})
}

// killMidJob starts another process and kills it while it does a job.
func killMidJob(t *testing.T, dsn string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.v")
	cmd.Env = append(os.Environ(), childEnv+"="+dsn)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf, seen := make([]byte, 1<<10), ""
	for !strings.Contains(seen, "begun") {
		n, err := out.Read(buf)
		if seen += string(buf[:n]); err != nil {
			t.Fatalf("child: %v: %s", err, seen)
		}
	}
	time.Sleep(300 * time.Millisecond) // it renews its lease meanwhile
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
}

func TestAJobThatKillsIsDead(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b := &book{}
		q := open(t, d, b, quick())
		ran := false
		q.Handle("a", func(context.Context, job.Job) error { ran = true; return nil })
		add(t, d, q, job.Job{Kind: "a"})
		err := d.Write(t.Context(), func(tx *db.Tx) error { // four processes began it and fell silent
			_, err := tx.Exec(t.Context(), `update job set attempts = 4, term = 4, until_ms = 1`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		stop := during(t, q)
		until(t, "dead", func() bool { return len(list(t, q, job.Dead)) == 1 })
		stop()
		until(t, "journalled", func() bool { return len(b.all()) == 1 })
		if s := list(t, q, job.Dead)[0]; ran || !strings.Contains(s.Reason, "begun 4 times") {
			t.Errorf("ran %v, reason %q, journal %q", ran, s.Reason, b.all())
		}
	})
}

func TestALostLeaseEndsTheAttempt(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		o := quick()
		o.LeaseTTL = 200 * time.Millisecond
		q := open(t, d, &book{}, o)
		begun, ended := make(chan bool, 1), make(chan bool, 1)
		q.Handle("a", func(ctx context.Context, _ job.Job) error { begun <- true; <-ctx.Done(); ended <- true; return nil })
		stop := during(t, q)
		add(t, d, q, job.Job{Kind: "a"})
		<-begun
		err := d.Write(t.Context(), func(tx *db.Tx) error { // another process took it
			_, err := tx.Exec(t.Context(), `update job set holder = 'other', term = term + 1, until_ms = $1`, db.Millis(time.Now().Add(300*time.Millisecond)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		<-ended
		stop()
		if n := len(list(t, q, job.Done)); n != 0 {
			t.Error("what another process has was marked as done")
		}
	})
}

func TestClockPutBack(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		wrong := quick()
		wrong.Now = func() time.Time { return time.Now().AddDate(4, 0, 0) }
		q := open(t, d, &book{}, wrong)
		add(t, d, q, job.Job{Kind: "a", RunAt: time.Now()})
		err := d.Write(t.Context(), func(tx *db.Tx) error { // leased in the future, by a process that is gone
			_, err := tx.Exec(t.Context(), `update job set attempts = 1, holder = 'gone', until_ms = $1`, db.Millis(wrong.Now()))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		add(t, d, q, job.Job{Kind: "b"}) // for now, as it was then
		add(t, d, q, job.Job{Kind: "c", Key: "1", RunAt: wrong.Now().Add(time.Hour)}, job.Job{Kind: "c", Key: "1"})
		right := open(t, d, &book{}, quick())
		got := make(chan string, 3)
		for _, kind := range []string{"a", "b", "c"} {
			right.Handle(kind, func(context.Context, job.Job) error { got <- kind; return nil })
		}
		during(t, right)
		all := []string{<-got, <-got, <-got}
		slices.Sort(all)
		if diff := cmp.Diff([]string{"a", "b", "c"}, all); diff != "" {
			t.Errorf("done (-want +got):\n%s", diff)
		}
	})
}

// TestAgainAfterTheClockWasPutBack adds a job for now while it runs, puts the clock
// back, and waits for nothing.
func TestAgainAfterTheClockWasPutBack(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		var back atomic.Int64
		o := quick()
		o.LeaseTTL = time.Minute
		o.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		q := open(t, d, &book{}, o)
		begun, goOn := make(chan int, 4), make(chan bool)
		var n atomic.Int64
		q.Handle("a", func(context.Context, job.Job) error {
			begun <- int(n.Add(1))
			<-goOn
			return nil
		})
		during(t, q)
		add(t, d, q, job.Job{Kind: "a", Key: "1"})
		<-begun
		add(t, d, q, job.Job{Kind: "a", Key: "1"})
		back.Store(int64(40 * time.Second)) // less than a lease: nothing looks wrong
		goOn <- true
		if again := <-begun; again != 2 {
			t.Errorf("run %d times; want 2", again)
		}
		goOn <- true
	})
}

// TestAFailureAfterTheClockWasPutBackPauses: a job that was added in what is now the
// future does not come back without a pause.
func TestAFailureAfterTheClockWasPutBackPauses(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		wrong, right := quick(), quick()
		wrong.Now = func() time.Time { return time.Now().Add(time.Hour) }
		right.Pause, right.MaxPause = time.Hour, time.Hour
		add(t, d, open(t, d, &book{}, wrong), job.Job{Kind: "a"})
		q := open(t, d, &book{}, right)
		var n atomic.Int64
		q.Handle("a", func(context.Context, job.Job) error { n.Add(1); return fault.Errorf(fault.Unavailable, "no") })
		during(t, q)
		until(t, "failed once", func() bool { all := list(t, q, job.Waiting); return len(all) == 1 && all[0].Reason != "" })
		time.Sleep(50 * time.Millisecond)
		if n.Load() != 1 {
			t.Errorf("tried %d times; want 1", n.Load())
		}
	})
}

func TestState(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
		o := quick()
		o.Now = func() time.Time { return now }
		q := open(t, d, &book{}, o)
		q.Handle("a", func(context.Context, job.Job) error { return nil })
		add(t, d, q, job.Job{Kind: "a"}, job.Job{Kind: "a", RunAt: now.Add(time.Hour)}, job.Job{Kind: "b", RunAt: now.Add(-time.Hour)})
		got, err := q.State(t.Context())
		want := []job.Count{{Kind: "a", Waiting: 2, Late: now, Handled: true}, {Kind: "b", Waiting: 1, Late: now.Add(-time.Hour)}}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("State: %v (-want +got):\n%s", err, diff)
		}
		if all, err := q.List(t.Context(), job.Filter{Kind: "b", Limit: 5}); err != nil || len(all) != 1 {
			t.Errorf("List(b) = %v, %v; want one", all, err)
		}
		if _, err := q.List(t.Context(), job.Filter{State: "asleep"}); fault.Of(err) != fault.Invalid {
			t.Errorf("List(asleep) = %v; want invalid", err)
		}
	})
}

func TestPrune(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q := open(t, d, &book{}, quick())
		add(t, d, q, job.Job{Kind: "a"}, job.Job{Kind: "b"}, job.Job{Kind: "c"}, job.Job{Kind: "d"})
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			ago := func(d time.Duration) int64 { return db.Millis(time.Now().Add(-d)) }
			_, err := tx.Exec(t.Context(), `update job set state = case when kind in ('a', 'b') then 'done' else 'dead' end,
				ended_at = case kind when 'a' then cast($1 as bigint) when 'c' then cast($2 as bigint) else cast($3 as bigint) end`,
				ago(25*time.Hour), ago(91*24*time.Hour), ago(time.Hour))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		during(t, q)
		until(t, "pruned", func() bool { return len(list(t, q, "")) == 2 })
		if all := list(t, q, ""); all[0].Kind != "d" || all[1].Kind != "b" {
			t.Errorf("kept %s and %s; want d and b", all[0].Kind, all[1].Kind)
		}
	})
}

func TestAddRefuses(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q := open(t, d, &book{}, quick())
		for _, c := range []struct {
			name string
			job  job.Job
		}{
			{"no kind", job.Job{}},
			{"a kind with spaces", job.Job{Kind: "send mail"}},
			{"arguments that are no JSON", job.Job{Kind: "a", Args: json.RawMessage(`{`)}},
			{"arguments without end", job.Job{Kind: "a", Args: json.RawMessage(`"` + strings.Repeat("x", job.MaxArgs) + `"`)}},
			{"a key without end", job.Job{Kind: "a", Key: strings.Repeat("x", job.MaxKey+1)}},
			{"a key with a new line", job.Job{Kind: "a", Key: "a\nb"}},
		} {
			err := d.Write(t.Context(), func(tx *db.Tx) error { return q.Add(t.Context(), tx, c.job) })
			if fault.Of(err) != fault.Invalid {
				t.Errorf("%s: Add = %v; want invalid", c.name, err)
			}
		}
		q.Handle("a", nil)
		q.Handle("a", nil)
		if err := q.Run(t.Context()); fault.Of(err) != fault.Internal {
			t.Errorf("Run with two handlers = %v; want internal", err)
		}
	})
}

// BenchmarkQueue counts jobs added one by one and done.
func BenchmarkQueue(b *testing.B) {
	for name, dsn := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			d := dbtest.Open(b, dsn(b))
			o := quick()
			o.Workers = 32
			q := open(b, d, &book{}, o)
			var n atomic.Int64
			all := make(chan bool)
			q.Handle("a", func(context.Context, job.Job) error {
				if n.Add(1) == int64(b.N) {
					close(all)
				}
				return nil
			})
			during(b, q)
			var wg sync.WaitGroup
			for w := range 8 {
				wg.Go(func() {
					for i := w; i < b.N; i += 8 {
						add(b, d, q, job.Job{Kind: "a"})
					}
				})
			}
			wg.Wait()
			<-all
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}

// TestNothingAddedIsForgotten adds work while what does it is about to end: it runs once
// more, whichever of the two transactions commits first.
func TestNothingAddedIsForgotten(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		q := open(t, d, &book{}, quick())
		write := func(fn func(*db.Tx) error) {
			t.Helper()
			if err := d.Write(t.Context(), fn); err != nil {
				t.Error(err)
			}
		}
		write(func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), `create table todo (n bigint)`); return err })
		q.Handle("test.todo.do", func(ctx context.Context, _ job.Job) error {
			return d.Write(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, `delete from todo`); return err })
		})
		during(t, q)
		for n := range 100 {
			var adders sync.WaitGroup
			for g := range 3 {
				adders.Go(func() {
					time.Sleep(time.Duration(g*n%17) * 100 * time.Microsecond)
					write(func(tx *db.Tx) error {
						if _, err := tx.Exec(t.Context(), `insert into todo (n) values ($1)`, n); err != nil {
							return err
						}
						defer time.Sleep(time.Duration(n%5) * 300 * time.Microsecond) // before it commits
						return q.Add(t.Context(), tx, job.Job{Kind: "test.todo.do", Key: "all"})
					})
				})
			}
			adders.Wait()
			until(t, "everything is done", func() bool {
				var left int64
				return d.QueryRow(t.Context(), `select count(*) from todo`).Scan(&left) == nil && left == 0
			})
		}
	})
}
