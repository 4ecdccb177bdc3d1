package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"radagora/dicom/uid"
	"radagora/dose/dosetest"
	"radagora/site"
)

// soak names the variable that holds how many rounds the kill test takes; without
// it, as many as every change can afford.
const soak = "RADAGORA_SOAK"

// killRounds returns how often the server is killed.
func killRounds(t *testing.T) int {
	t.Helper()
	if s := os.Getenv(soak); s != "" {
		n, err := strconv.Atoi(s)
		check(t, err)
		return n
	}
	return 3
}

// flood stores reports over several associations until the server is gone, and
// returns the instances that were acknowledged.
func flood(t *testing.T, s *server, round int) (acked []string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var mu sync.Mutex
	var senders sync.WaitGroup
	for g := range 4 {
		senders.Go(func() {
			a, err := dial(ctx, s)
			if err != nil {
				return // it was killed before
			}
			for n := 0; ; n++ {
				name := fmt.Sprintf("k%d-%d-%d", round, g, n)
				b, err := reportMaker{}.dataset("study "+name, name)
				if err != nil {
					t.Error(err)
				}
				if put(ctx, a, uid.XRayRadiationDoseSRStorage, name, b) != nil {
					a.Abort()
					return // it was killed
				}
				mu.Lock()
				acked = append(acked, name)
				mu.Unlock()
			}
		})
	}
	for range 200 { // the first may take its time on a busy machine
		mu.Lock()
		begun := len(acked) > 0
		mu.Unlock()
		if begun {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	time.Sleep(time.Duration(200+rand.IntN(600)) * time.Millisecond)
	s.kill()
	senders.Wait()
	return acked
}

// TestKillUnderLoad kills the server at random moments while reports come in, and
// expects everything that was acknowledged, derived and sound.
func TestKillUnderLoad(t *testing.T) {
	slow(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	var acked []string
	var slowest time.Duration
	for round := range killRounds(t) {
		s := serve(t, data)
		slowest = max(slowest, s.start)
		acked = append(acked, flood(t, s, round)...)
		noCanary(t, s.log())
	}
	if len(acked) == 0 {
		t.Fatal("nothing was acknowledged: the test tests nothing")
	}
	began := time.Now()
	inside(t, data, func(ctx context.Context, h *house) {
		for _, name := range acked {
			o, err := h.Archive.Open(ctx, site.Default, dosetest.UID(name))
			if err != nil {
				t.Errorf("acknowledged, and lost: %s: %v", name, err)
				continue
			}
			check(t, o.Close())
		}
		check(t, h.meanwhile(ctx, h.settle))
		for _, name := range acked {
			study, err := h.Dose.Study(ctx, site.Default, dosetest.UID("study "+name).String())
			if err != nil || study.DLPSummed == nil || *study.DLPSummed != "7" {
				t.Errorf("acknowledged, and not derived: %s: %+v, %v", name, study, err)
			}
		}
	})
	t.Logf("%d acknowledged; slowest start %v; derived %v after the last kill", len(acked), slowest, time.Since(began))
	command(t, exitDone, "check", "--data", data)
}
