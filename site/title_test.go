package site_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

func TestParseTitle(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       site.Title
		wrong      bool
	}{
		{"services alone", "WL=worklist+mpps", site.Title{AETitle: "WL", Services: []site.Service{site.Worklists, site.Performs}}, false},
		{
			"everything", "DOSE=store+commitment;keep=reports;from=CT 1+CT2",
			site.Title{AETitle: "DOSE", Services: []site.Service{site.Stores, site.Commits}, Keep: site.KeepReports, Callers: []string{"CT 1", "CT2"}},
			false,
		},
		{"no service", "DOSE=", site.Title{}, true},
		{"no sign of equality", "DOSE", site.Title{}, true},
		{"a service nobody knows", "DOSE=print", site.Title{}, true},
		{"a key nobody knows", "DOSE=store;to=X", site.Title{}, true},
		{"keeps what is nothing", "DOSE=store;keep=pixels", site.Title{}, true},
		{"too long a title", "ABCDEFGHIJKLMNOPQ=store", site.Title{}, true},
		{"a caller that can be no title", "DOSE=store;from=A\\B", site.Title{}, true},
	} {
		got, err := site.ParseTitle(c.text)
		if c.wrong != (err != nil) || err != nil && fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); !c.wrong && diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestTitles: a title is kept, changed, seeded once, and lets in whom it names.
func TestTitles(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		clock := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
		now := func() time.Time { clock = clock.Add(time.Minute); return clock }
		j, err := journal.Open(ctx, d, journal.Options{MasterKey: [32]byte{1}, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		r, err := site.Open(ctx, d, j, now)
		if err != nil {
			t.Fatal(err)
		}
		dose := site.Title{AETitle: "DOSE", Services: []site.Service{site.Commits, site.Stores, site.Stores}, Keep: site.KeepReports, Callers: []string{"CT 1"}, Note: "for physics"}
		err = errors.Join(
			r.SetPeer(ctx, "admin", site.Peer{AETitle: "CT 1", Addresses: []string{"10.0.0.5"}}),
			r.SetPeer(ctx, "admin", site.Peer{AETitle: "CT2", Addresses: []string{"10.0.0.5"}}),
			r.SetTitle(ctx, "admin", dose),
			r.SeedTitles(ctx, "admin", site.Title{AETitle: "DOSE", Services: []site.Service{site.Finds}}, site.Title{AETitle: "WL", Services: []site.Service{site.Worklists}}),
		)
		if err != nil {
			t.Fatal(err)
		}
		all, err := r.Titles(ctx, site.Default)
		if err != nil || len(all) != 2 {
			t.Fatalf("%+v, %v; want two titles", all, err)
		}
		got := all[0]
		got.DecidedAt = time.Time{}
		want := dose
		want.Site, want.DecidedBy, want.Services = site.Default, "admin", []site.Service{site.Stores, site.Commits}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, c := range []struct{ calling, called, want string }{
			{"CT 1", "DOSE", ""},
			{"CT2", "DOSE", site.OtherTitle},
			{"CT2", "WL", ""},
			{"CT2", "RADAGORA", ""},
			{"CT2", strings.Repeat("X", 20), ""},
		} {
			_, err := r.Admit(ctx, site.Caller{AETitle: c.calling, Called: c.called, Address: netip.MustParseAddr("10.0.0.5")}, nil)
			if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), "("+c.want+")") {
				t.Errorf("%s calls %s: %v; want %q", c.calling, c.called, err, c.want)
			}
		}
		knocks, err := r.Knocks(ctx, site.Default)
		if err != nil || len(knocks) != 1 || knocks[0].Reason != site.OtherTitle {
			t.Errorf("who knocked: %+v, %v", knocks, err)
		}
		if err := r.RemoveTitle(ctx, "admin", site.Default, "DOSE"); err != nil {
			t.Error(err)
		}
		if _, err := r.Title(ctx, site.Default, "DOSE"); fault.Of(err) != fault.NotFound {
			t.Errorf("a title that was removed: %v", err)
		}
		if err := r.RemoveTitle(ctx, "admin", site.Default, "DOSE"); fault.Of(err) != fault.NotFound {
			t.Errorf("removed twice: %v", err)
		}
	})
}
