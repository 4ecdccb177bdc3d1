package main

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"radagora/archive/exchange"
	"radagora/site"
)

// TestMigrateFromPACS takes over what dcmtk's archive has of two days.
func TestMigrateFromPACS(t *testing.T) {
	slow(t)
	t.Parallel()
	if _, err := os.Stat(ctSample); err != nil {
		t.Skip("no image to fetch: python3-pydicom is not installed")
	}
	own := startPACS(t, "PACS", freePort(t),
		twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.1", "20261121"), twin(t, ctSample, "1.2.3", "1.2.3.1", "1.2.3.1.2", "20261121"),
		twin(t, ctSample, "1.2.4", "1.2.4.1", "1.2.4.1.1", "20261120"), twin(t, ctSample, "1.2.5", "1.2.5.1", "1.2.5.1.1", "20250101"))
	data := t.TempDir()
	inside(t, data, func(ctx context.Context, h *house) {
		p, err := site.ParsePeer("PACS=127.0.0.1:" + own)
		check(t, err)
		check(t, h.Sites.SetPeer(ctx, "local", p))
	})
	var out strings.Builder
	sys := &system{Out: &out, Err: io.Discard, Now: time.Now, Log: logging{Format: "text"}.logger(io.Discard)}
	start := migrateStartCmd{settings: settings{Data: data, HTTP: "127.0.0.1:8080", AE: "RADAGORA"}, From: "PACS", First: "2026-11-15", Last: "2026-11-22", Hours: "00:00-00:00", AtOnce: 2, AnHour: 100}
	check(t, start.Run(t.Context(), sys))
	id := strings.TrimSpace(out.String())
	func(ctx context.Context) {
		h, err := start.open(ctx, sys)
		check(t, err)
		defer func() { check(t, h.Close()) }()
		check(t, h.meanwhile(ctx, func(ctx context.Context) error {
			eventually(t, "the migration", func() bool {
				m, err := h.Exchange.Migration(ctx, at, id)
				check(t, err)
				if m.Reason != "" {
					t.Fatalf("the migration does not get on: %s %s", m.Reason, m.Detail)
				}
				fetches, err := h.Exchange.Fetches(ctx, at, nil, 10)
				check(t, err)
				for _, f := range fetches {
					if f.Reason != "" {
						t.Fatalf("a study is not fetched: %s %s, %d of %d", f.Reason, f.Detail, f.Here, f.There)
					}
				}
				return m.State == exchange.Done
			})
			return nil
		}))
		tallies, err := h.Exchange.Tallies(ctx, id)
		check(t, err)
		if len(tallies) != 1 || tallies[0].State != exchange.StudyVerified || tallies[0].Studies != 2 || tallies[0].Here != 3 {
			t.Errorf("it came to %+v; want 2 studies of 3 instances verified", tallies)
		}
	}(t.Context())
	out.Reset()
	check(t, migrateStatusCmd{start.settings}.Run(t.Context(), sys))
	if !strings.Contains(out.String(), "done") || !strings.Contains(out.String(), "8/8") {
		t.Errorf("the status is\n%s", &out)
	}
	out.Reset()
	check(t, migrateReportCmd{settings: start.settings, ID: id}.Run(t.Context(), sys))
	if strings.Count(out.String(), "\n") != 1 {
		t.Errorf("nothing differs, and the report is\n%s", &out)
	}
}
