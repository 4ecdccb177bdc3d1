package archive_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"radagora/archive"
	"radagora/db/dbtest"
	"radagora/dicom/uid"
)

// crashDir tells the test binary to be the process that is killed.
const crashDir = "RADAGORA_TEST_CRASH_DIR"

// crashThing is the nth instance that goroutine g of a round stores: small ones,
// some that go to the pack in pieces, and now and then one that was there.
func crashThing(round, g, n int) thing {
	if n%7 == 6 {
		n--
	}
	return thing{study: 100*round + g, series: n % 3, instance: n, pixels: []int{100, 9000, 500_000}[n%3]}
}

// TestStoreUntilKilled is no test but the process that TestKill starts.
func TestStoreUntilKilled(t *testing.T) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		t.Skip("runs only when TestKill starts it")
	}
	round, err := strconv.Atoi(os.Getenv("RADAGORA_TEST_CRASH_ROUND"))
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t, dbtest.Open(t, "sqlite:"+filepath.Join(dir, "radagora.db")), filepath.Join(dir, "packs"), nil)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				x := crashThing(round, g, n)
				if _, err := b.store(t.Context(), x.arrival(t)); err != nil {
					t.Errorf("store: %v", err)
					return
				}
				mu.Lock()
				fmt.Printf("acknowledged %d %d\n", g, n)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

// TestKill kills a process that stores, several times at random moments, and then
// expects everything it had acknowledged, and nothing half.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	acked := map[uid.UID]thing{}
	rounds := 5
	if testing.Short() {
		rounds = 2
	}
	for round := range rounds {
		for _, x := range storeAndKill(t, dir, round) {
			acked[x.sop()] = x
		}
		b := newBench(t, dbtest.Open(t, "sqlite:"+filepath.Join(dir, "radagora.db")), filepath.Join(dir, "packs"), nil)
		for sop, x := range acked {
			o, err := b.Open(t.Context(), site, sop)
			if err != nil {
				t.Fatalf("round %d: acknowledged %s: %v", round, sop, err)
			}
			got := make([]byte, o.Size()-o.DatasetAt())
			if _, err := o.ReadAt(got, o.DatasetAt()); err != nil || !bytes.Equal(got, x.bytes(t)) {
				t.Fatalf("round %d: acknowledged %s is not what was sent: %v", round, sop, err)
			}
			o.Close()
		}
		checkAfterKill(t, b, int64(len(acked)))
		_ = b.blobs.Close()
		_ = b.db.Close()
	}
	if len(acked) < 20*rounds {
		t.Errorf("only %d were acknowledged: the test tests little", len(acked))
	}
	t.Logf("%d acknowledged in %d rounds", len(acked), rounds)
}

// checkAfterKill expects rows without trouble, takes orphans in, and expects none
// then.
func checkAfterKill(t *testing.T, b *bench, least int64) {
	t.Helper()
	sum, err := b.Check(t.Context(), archive.CheckOptions{})
	if err != nil || sum.Rows < least || sum.Troubles[archive.Missing]+sum.Troubles[archive.Damaged]+sum.Troubles[archive.Unreadable] > 0 {
		t.Fatalf("Check = %+v, %v; want at least %d rows and no trouble but orphans", sum, err, least)
	}
	built, err := b.Rebuild(t.Context(), site, "system", nil)
	if err != nil || built.Unreadable != 0 || built.Quarantined != 0 || built.Added+built.Repeated != sum.Troubles[archive.Orphan] {
		t.Errorf("Rebuild = %+v, %v; want %d orphans taken in", built, err, sum.Troubles[archive.Orphan])
	}
	b.check(0)
	var wrong int64
	if err := b.db.QueryRow(t.Context(), `select (select count(*) from study where instance_count <>
			(select count(*) from instance join series on series.id = instance.series where series.study = study.id))
		+ (select count(*) from series where instance_count <> (select count(*) from instance where instance.series = series.id))
		+ abs((select count(*) from instance) - (select count(*) from journal_entry where kind = 'archive.instance.stored'))`).Scan(&wrong); err != nil || wrong != 0 {
		t.Errorf("%d counters or journal entries do not agree with the rows, %v", wrong, err)
	}
}

// storeAndKill runs one process until it is killed and returns what it said to
// have stored.
func storeAndKill(t *testing.T, dir string, round int) []thing {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestStoreUntilKilled$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir, fmt.Sprintf("RADAGORA_TEST_CRASH_ROUND=%d", round))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Wait() }()
	var all []thing
	after := 30 + rand.IntN(150)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var g, n int
		if !strings.HasPrefix(lines.Text(), "acknowledged ") {
			t.Logf("process: %s", lines.Text())
			continue
		}
		if _, err := fmt.Sscanf(lines.Text(), "acknowledged %d %d", &g, &n); err != nil {
			continue // the line was cut off
		}
		if all = append(all, crashThing(round, g, n)); len(all) == after {
			time.AfterFunc(time.Duration(rand.IntN(3000))*time.Microsecond, func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
		}
	}
	return all
}
