package site_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

func TestAdmit(t *testing.T) {
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
		certificate := strings.Repeat("ab", 32)
		for _, p := range []site.Peer{
			{AETitle: "CT1", Host: "10.0.0.5", Port: 104},
			{AETitle: "CT2", State: site.Limited, Addresses: []string{"10.1.0.0/24", "2001:db8::1"}},
			{AETitle: "OLD", State: site.Blocked},
			{AETitle: "NAMED", Host: "mr.example"},
			{AETitle: "SAFE", Addresses: []string{"10.0.0.9"}, TLS: true, Certificate: strings.ToUpper(certificate)},
		} {
			if err := r.SetPeer(ctx, "admin", p); err != nil {
				t.Fatal(err)
			}
		}
		lookup := func(host string) []netip.Addr {
			if host == "mr.example" {
				return []netip.Addr{netip.MustParseAddr("10.9.9.9")}
			}
			return nil
		}
		for _, c := range []struct {
			name, title, from string
			tls               bool
			certificate, want string
		}{
			{"a peer from its host", "CT1", "10.0.0.5", false, "", ""},
			{"mapped into IPv6", "CT1", "::ffff:10.0.0.5", false, "", ""},
			{"a forged title", "CT1", "10.0.0.6", false, "", site.OtherAddress},
			{"from its network", "CT2", "10.1.0.77", false, "", ""},
			{"from its other address", "CT2", "2001:db8::1", false, "", ""},
			{"from the network beside", "CT2", "10.1.1.77", false, "", site.OtherAddress},
			{"by the name of its host", "NAMED", "10.9.9.9", false, "", ""},
			{"blocked", "OLD", "10.0.0.5", false, "", site.IsBlocked},
			{"nobody knows it", "NEW", "10.0.0.5", false, "", site.UnknownTitle},
			{"titles are not folded", "ct1", "10.0.0.5", false, "", site.UnknownTitle},
			{"plain where TLS is asked for", "SAFE", "10.0.0.9", false, "", site.WithoutTLS},
			{"with another certificate", "SAFE", "10.0.0.9", true, strings.Repeat("cd", 32), site.OtherCertificate},
			{"with its own", "SAFE", "10.0.0.9", true, certificate, ""},
			{"a title of anything", "A' or 1=1 --\x00\n", "10.0.0.5", false, "", site.UnknownTitle},
		} {
			_, err := r.Admit(ctx, site.Caller{
				AETitle: c.title, Called: "RADAGORA", Address: netip.MustParseAddr(c.from), TLS: c.tls, Certificate: c.certificate,
				Offered: []string{"1.2.840.10008.1.1"},
			}, lookup)
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s: %v; want it let in", c.name, err)
			case c.want != "" && (fault.Of(err) != fault.Forbidden || !strings.Contains(err.Error(), "("+c.want+")")):
				t.Errorf("%s: %v; want forbidden because of %s", c.name, err, c.want)
			}
		}
		knocks, err := r.Knocks(ctx, site.Default)
		if err != nil {
			t.Fatal(err)
		}
		var titles []string
		for _, k := range knocks {
			titles = append(titles, k.AETitle)
		}
		slices.Sort(titles)
		want := []string{"A' or 1=1 --??", "CT1", "CT2", "NEW", "SAFE", "ct1"}
		if !slices.Equal(titles, want) {
			t.Errorf("knocking list: %q; want %q", titles, want)
		}
		if err := r.SetPeer(ctx, "admin", site.Peer{AETitle: "NEW", Addresses: []string{"10.0.0.5"}}); err != nil {
			t.Fatal(err)
		}
		if knocks, _ := r.Knocks(ctx, site.Default); len(knocks) != len(want)-1 {
			t.Errorf("after NEW was accepted %d knock; want %d", len(knocks), len(want)-1)
		}
		for _, p := range []site.Peer{
			{AETitle: "X", Addresses: []string{"0.0.0.0/0"}},
			{AETitle: "X"},
			{AETitle: "X\\Y", Host: "a"},
			{AETitle: strings.Repeat("X", 17), Host: "a"},
			{AETitle: "X", Host: "a b"},
			{AETitle: "X", Host: "a", Certificate: "12"},
			{AETitle: "X", Host: "a", State: "open"},
			{AETitle: "X", Port: 104, Addresses: []string{"10.0.0.1"}},
		} {
			if err := r.SetPeer(ctx, "admin", p); fault.Of(err) != fault.Invalid {
				t.Errorf("SetPeer(%+v) = %v; want invalid", p, err)
			}
		}
	})
}

func TestKnockFlood(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	ctx := t.Context()
	clock := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	now := func() time.Time { return clock }
	j, err := journal.Open(ctx, d, journal.Options{MasterKey: [32]byte{1}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	r, err := site.Open(ctx, d, j, now)
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr("10.0.0.1")
	for i := range 700 {
		clock = clock.Add(time.Second)
		title := "T" + strings.Repeat("0", 3-len(itoa(i))) + itoa(i)
		for range 3 { // two more within the pace cost nothing
			if _, err := r.Admit(ctx, site.Caller{AETitle: title, Address: addr}, nil); fault.Of(err) != fault.Forbidden {
				t.Fatal(err)
			}
		}
	}
	knocks, err := r.Knocks(ctx, site.Default)
	if err != nil || len(knocks) != 500 || knocks[0].AETitle != "T699" || knocks[0].Times != 1 {
		t.Errorf("%d knocks, first %+v, %v; want the latest 500, each once", len(knocks), knocks[0], err)
	}
}

// itoa writes a number below 1000.
func itoa(i int) string {
	if i < 10 {
		return string(rune('0' + i))
	}
	return itoa(i/10) + string(rune('0'+i%10))
}
