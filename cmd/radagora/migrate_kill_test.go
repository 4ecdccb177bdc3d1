package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radagora/archive/exchange"
	"radagora/dicom/uid"
	"radagora/site"
)

// TestKilledWhileItMigrates kills the server whenever it has got on with taking over what
// another archive has, and expects that it goes on where it was: in the end every study is
// here, whole, once, and verified.
func TestKilledWhileItMigrates(t *testing.T) {
	slow(t)
	t.Parallel()
	if _, err := os.Stat(ctSample); err != nil {
		t.Skip("no image to fetch: python3-pydicom is not installed")
	}
	const studies, each = 30, 2
	var objects []string
	for n := range studies {
		u := fmt.Sprintf("1.2.77.%d", n+1)
		for i := range each {
			objects = append(objects, twin(t, ctSample, u, u+".1", fmt.Sprintf("%s.1.%d", u, i+1), fmt.Sprintf("202611%02d", 10+n%5)))
		}
	}
	own := startPACS(t, "PACS", freePort(t), objects...)
	data := filepath.Join(t.TempDir(), "data")
	inside(t, data, func(ctx context.Context, h *house) {
		p, err := site.ParsePeer("PACS=127.0.0.1:" + own)
		check(t, err)
		check(t, h.Sites.SetPeer(ctx, "local", p))
	})
	var out strings.Builder
	sys := &system{Out: &out, Err: io.Discard, Now: time.Now, Log: logging{Format: "text"}.logger(io.Discard)}
	start := migrateStartCmd{settings: settings{Data: data, HTTP: "127.0.0.1:8080", AE: "RADAGORA"}, From: "PACS", First: "2026-11-08", Last: "2026-11-18", Hours: "00:00-00:00", AtOnce: 2, AnHour: 10_000}
	check(t, start.Run(t.Context(), sys))
	id := strings.TrimSpace(out.String())
	stands := func(want bool) (here int64, done bool) { // how much is verified, and whether it is over
		func(ctx context.Context) {
			h, err := start.open(ctx, sys)
			check(t, err)
			defer func() { check(t, h.Close()) }()
			do := func(ctx context.Context) error {
				for end := time.Now().Add(4 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
					m, err := h.Exchange.Migration(ctx, at, id)
					check(t, err)
					tallies, err := h.Exchange.Tallies(ctx, id)
					check(t, err)
					here, done = 0, m.State == exchange.Done
					for _, one := range tallies {
						if one.State == exchange.StudyVerified {
							here = one.Studies
						}
					}
					if done || !want {
						return nil
					}
					if time.Now().After(end) {
						t.Fatalf("it does not get on after the last kill: %+v, %+v", m, tallies)
					}
				}
			}
			if want {
				check(t, h.meanwhile(ctx, do))
			} else {
				check(t, do(ctx))
			}
		}(t.Context())
		return here, done
	}
	within := 0 // kills in the middle of it
	for range killRounds(t, 3) {
		s := serve(t, data)
		had := studiesAt(t, s)
		for range 200 { // until it has got on; after a kill it waits for what was under way
			if studiesAt(t, s) > had {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		s.kill()
		noCanary(t, s.log())
		here, done := stands(false)
		t.Logf("%d of %d studies verified when it was killed", here, studies)
		if done {
			break
		}
		within++
	}
	if within == 0 {
		t.Fatal("it was over before it was killed: the test tests nothing")
	}
	if here, _ := stands(true); here != studies {
		t.Errorf("%d studies verified; want %d", here, studies)
	}
	inside(t, data, func(ctx context.Context, h *house) {
		for n := range studies {
			s, err := h.Archive.Study(ctx, at, uid.Must(fmt.Sprintf("1.2.77.%d", n+1)))
			if err != nil || s.InstanceCount != each {
				t.Errorf("study %d: %d instances, %v; want %d", n+1, s.InstanceCount, err, each)
			}
		}
		aside, err := h.Archive.Quarantined(ctx, at, "", 10)
		if err != nil || len(aside) > 0 {
			t.Errorf("%d objects set aside, %v", len(aside), err)
		}
		differs, err := h.Exchange.Differences(ctx, id, exchange.Difference{}, 10)
		if err != nil || len(differs) > 0 {
			t.Errorf("what differs: %+v, %v", differs, err)
		}
	})
	command(t, exitDone, "check", "--data", data)
}

// studiesAt returns how many studies a server has.
func studiesAt(t *testing.T, s *server) int {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.http+"/dicom-web/studies?limit=200", http.NoBody)
	check(t, err)
	r, err := http.DefaultClient.Do(q)
	check(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	check(t, err)
	return strings.Count(string(b), `"0020000D"`)
}
