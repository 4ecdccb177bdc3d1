package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
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

// killRounds returns how often the server is killed: few times, unless somebody asks for more.
func killRounds(t *testing.T, few int) int {
	t.Helper()
	if s := os.Getenv(soak); s != "" {
		n, err := strconv.Atoi(s)
		check(t, err)
		return n
	}
	return few
}

// A storing stores reports by some door, one after another, until its server is gone; it
// calls acked with the names of what was acknowledged.
type storing func(ctx context.Context, t *testing.T, s *server, name func() string, acked func(names ...string))

// byAssociation stores reports over an association.
func byAssociation(ctx context.Context, t *testing.T, s *server, name func() string, acked func(names ...string)) {
	t.Helper()
	a, err := dial(ctx, s)
	if err != nil {
		return // it was killed before
	}
	for {
		n := name()
		b, err := reportMaker{}.dataset("study "+n, n)
		if err != nil {
			t.Error(err)
		}
		if put(ctx, a, uid.XRayRadiationDoseSRStorage, n, b) != nil {
			a.Abort()
			return // it was killed
		}
		acked(n)
	}
}

// aRequest is how many reports one request of byStow brings.
const aRequest = 5

// byStow stores reports by STOW-RS, some with each request.
func byStow(ctx context.Context, t *testing.T, s *server, name func() string, acked func(names ...string)) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for {
		var b bytes.Buffer
		names := make([]string, aRequest)
		for i := range names {
			names[i] = name()
			file, err := reportMaker{day: "20260302", serial: "R64-0001", protocol: "Chest Routine"}.file("study "+names[i], names[i], "7", []string{names[i] + ":1:7"})
			if err != nil {
				t.Error(err)
			}
			fmt.Fprintf(&b, "--b\r\nContent-Type: application/dicom\r\n\r\n%s\r\n", file)
		}
		b.WriteString("--b--")
		q, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.http+"/dicom-web/studies", &b)
		if err != nil {
			t.Error(err)
			return
		}
		q.Header.Set("Content-Type", `multipart/related; type="application/dicom"; boundary=b`)
		r, err := client.Do(q)
		if err != nil {
			return // it was killed
		}
		_, cut := io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		switch {
		case r.StatusCode == http.StatusOK: // all of them, and the status came before the end
			acked(names...)
		case cut == nil:
			t.Errorf("a request was answered with %s", r.Status)
			return
		}
		if cut != nil {
			return
		}
	}
}

// flood has four senders store reports until the server is killed at a random moment, and
// returns the instances that were acknowledged.
func flood(t *testing.T, s *server, round int, send storing) (acked []string) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	var mu sync.Mutex
	var senders sync.WaitGroup
	for g := range 4 {
		senders.Go(func() {
			n := 0
			name := func() string { n++; return fmt.Sprintf("k%d-%d-%d", round, g, n) }
			send(ctx, t, s, name, func(names ...string) {
				mu.Lock()
				defer mu.Unlock()
				acked = append(acked, names...)
			})
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
	for _, c := range []struct {
		name string
		send storing
		few  int // rounds, where nobody asks for more
	}{{"over associations", byAssociation, 3}, {"by STOW-RS", byStow, 2}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			killing(t, c.send, killRounds(t, c.few))
		})
	}
}

// killing kills a server so many times and looks at what is left.
func killing(t *testing.T, send storing, rounds int) {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	var acked []string
	var slowest time.Duration
	for round := range rounds {
		s := serve(t, data)
		slowest = max(slowest, s.start)
		acked = append(acked, flood(t, s, round, send)...)
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
	t.Logf("%d kills, %d acknowledged; slowest start %v; derived %v after the last kill", rounds, len(acked), slowest, time.Since(began))
	command(t, exitDone, "check", "--data", data)
}
