package site_test

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

// noon is the time of all tests.
func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// A recorder is the journal, and what it was given can be read at once.
type recorder struct {
	*journal.Journal
	mu      sync.Mutex
	entries []journal.Entry
}

// newRecorder opens the journal in d.
func newRecorder(t testing.TB, d *db.DB) *recorder {
	t.Helper()
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	return &recorder{Journal: j}
}

func (r *recorder) Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error {
	tx.OnCommit(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.entries = append(r.entries, e...)
	})
	return r.Journal.Append(ctx, tx, e...)
}

// said returns "kind subject" of every entry.
func (r *recorder) said() []string {
	var all []string
	for _, e := range r.entries {
		all = append(all, e.Kind)
	}
	return all
}

// run runs fn on every engine with a fresh register.
func run(t *testing.T, fn func(t *testing.T, d *db.DB, r *site.Register, j *recorder)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		j := newRecorder(t, d)
		r, err := site.Open(t.Context(), d, j, noon)
		if err != nil {
			t.Fatal(err)
		}
		fn(t, d, r, j)
	})
}

func TestDefaultSite(t *testing.T) {
	run(t, func(t *testing.T, d *db.DB, r *site.Register, _ *recorder) {
		want := site.Site{ID: site.Default, Timezone: "UTC", Version: 1}
		got, err := r.Site(t.Context(), site.Default)
		if err != nil || got != want {
			t.Errorf("Site = %+v, %v; want %+v", got, err, want)
		}
		if _, err := site.Open(t.Context(), d, newRecorder(t, d), noon); err != nil {
			t.Errorf("second start: %v", err)
		}
		if all, err := r.Sites(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("Sites = %v, %v; want one", all, err)
		}
		if _, err := r.Site(t.Context(), "nowhere"); fault.Of(err) != fault.NotFound {
			t.Errorf("Site(nowhere) = %v; want not found", err)
		}
	})
}

func TestChange(t *testing.T) {
	run(t, func(t *testing.T, _ *db.DB, r *site.Register, j *recorder) {
		ctx := t.Context()
		good := site.Site{ID: site.Default, Name: "St Elsewhere", Country: "IE", Timezone: "Europe/Dublin", Version: 1}
		if err := r.Change(ctx, "local", good); err != nil {
			t.Fatal(err)
		}
		good.Version = 2
		if got, err := r.Site(ctx, site.Default); err != nil || got != good {
			t.Errorf("Site = %+v, %v; want %+v", got, err, good)
		}
		for _, c := range []struct {
			name   string
			change func(*site.Site)
			want   fault.Kind
		}{
			{"read before somebody changed it", func(s *site.Site) { s.Version = 1 }, fault.Conflict},
			{"a country of three letters", func(s *site.Site) { s.Country = "IRL" }, fault.Invalid},
			{"a time zone nobody knows", func(s *site.Site) { s.Timezone = "Europe/Dubln" }, fault.Invalid},
			{"the time zone of the server", func(s *site.Site) { s.Timezone = "Local" }, fault.Invalid},
			{"a site that is not there", func(s *site.Site) { s.ID = "nowhere" }, fault.NotFound},
		} {
			s := good
			c.change(&s)
			if err := r.Change(ctx, "local", s); err == nil || fault.Of(err) != c.want {
				t.Errorf("%s: %v; want %v", c.name, err, c.want)
			}
		}
		if len(j.entries) != 1 || j.entries[0].Actor != "local" || j.entries[0].Kind != "site.site.changed" {
			t.Errorf("journal %+v; want one change by local", j.entries)
		}
		if !json.Valid(j.entries[0].Data) {
			t.Errorf("data %s is no JSON", j.entries[0].Data)
		}
	})
}

func TestDayIsLocal(t *testing.T) {
	late := time.Date(2026, 6, 30, 22, 30, 0, 0, time.UTC)
	for zone, want := range map[string]string{"UTC": "2026-06-30", "Europe/Berlin": "2026-07-01", "nonsense": "2026-06-30"} {
		if got := (site.Site{Timezone: zone}).Day(late); got != want {
			t.Errorf("day in %s = %s; want %s", zone, got, want)
		}
	}
}

func TestPeers(t *testing.T) {
	for s, want := range map[string]fault.Kind{
		"PACS=10.0.0.5": fault.Invalid, "PACS=10.0.0.5:0": fault.Invalid, "=10.0.0.5:104": fault.Invalid,
		"PACS=:104": fault.Invalid, "SEVENTEEN_LETTERS=h:104": fault.Invalid, "PACS=h:70000": fault.Invalid, "PACS": fault.Invalid,
	} {
		if p, err := site.ParsePeer(s); err == nil || fault.Of(err) != want {
			t.Errorf("ParsePeer(%s) = %+v, %v; want %v", s, p, err, want)
		}
	}
	run(t, func(t *testing.T, _ *db.DB, r *site.Register, _ *recorder) {
		ctx := t.Context()
		seed, err := site.ParsePeer("PACS=[::1]:104")
		if err != nil {
			t.Fatal(err)
		}
		changed := site.Peer{Site: site.Default, AETitle: "PACS", Host: "pacs.example", Port: 11112, State: site.Accepted, Addresses: []string{}, DecidedBy: "local"}
		for _, err := range []error{r.Seed(ctx, seed), r.SetPeer(ctx, "local", changed), r.Seed(ctx, seed)} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got, err := r.Peer(ctx, site.Default, "PACS"); err != nil || got.Host != changed.Host {
			t.Errorf("Peer = %+v, %v; a second start must not undo what was changed: want %+v", got, err, changed)
		}
		if err := r.SetPeer(ctx, "local", site.Peer{AETitle: "BAD\\", Host: "h", Port: 1}); fault.Of(err) != fault.Invalid {
			t.Errorf("a title with a backslash: %v; want invalid", err)
		}
		if _, err := r.Peer(ctx, site.Default, "OTHER"); fault.Of(err) != fault.NotFound {
			t.Errorf("Peer(OTHER) = %v; want not found", err)
		}
		peers, err := r.Peers(ctx, site.Default)
		for i := range peers {
			peers[i].DecidedAt = time.Time{}
		}
		if diff := cmp.Diff([]site.Peer{changed}, peers); err != nil || diff != "" {
			t.Errorf("Peers: %v (-want +got):\n%s", err, diff)
		}
	})
}
