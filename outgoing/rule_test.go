package outgoing

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"radagora/fault"
)

func TestBlocks(t *testing.T) {
	for _, c := range []struct{ name, address, want string }{
		{"a public address", "8.8.8.8", ""},
		{"the address beside a private network", "172.32.0.1", ""},
		{"the address before a private network", "172.15.255.255", ""},
		{"beside the carrier's network", "100.128.0.1", ""},
		{"before the reserved end", "223.255.255.255", ""},
		{"a public address of version 6", "2606:4700::1111", ""},
		{"the root of a tunnel to a public address", "2002:0808:0808::1", ""},
		{"a translation of a public address", "64:ff9b::8.8.8.8", ""},
		{"this machine", "127.0.0.1", "loopback"},
		{"this machine by another name", "127.255.255.254", "loopback"},
		{"this machine, version 6", "::1", "loopback"},
		{"this machine as nothing at all", "0.0.0.0", "unspecified"},
		{"this machine as nothing at all, version 6", "::", "unspecified"},
		{"this network", "0.1.2.3", "unspecified"},
		{"private, ten", "10.0.0.1", "private network"},
		{"private, the last of a twelfth", "172.31.255.255", "private network"},
		{"private, at home", "192.168.1.1", "private network"},
		{"unique local", "fd12:3456::1", "private network"},
		{"site-local of old", "fec0::1", "private network"},
		{"metadata of a cloud", "169.254.169.254", "link-local, where metadata services are"},
		{"metadata of a cloud, version 6", "fd00:ec2::254", "private network"},
		{"link-local", "fe80::1", "link-local, where metadata services are"},
		{"link-local with a zone", "fe80::1%eth0", "link-local, where metadata services are"},
		{"carrier-grade translation", "100.64.0.1", "carrier's network"},
		{"metadata of another cloud", "100.100.100.200", "carrier's network"},
		{"multicast", "224.0.0.1", "multicast"},
		{"multicast, version 6", "ff02::1", "multicast"},
		{"broadcast", "255.255.255.255", "reserved"},
		{"class E", "240.0.0.1", "reserved"},
		{"mapped loopback", "::ffff:127.0.0.1", "loopback"},
		{"mapped private", "::ffff:10.0.0.1", "private network"},
		{"mapped metadata", "::ffff:169.254.169.254", "link-local, where metadata services are"},
		{"compatible loopback of old", "::127.0.0.1", "reserved"},
		{"translated private", "64:ff9b::10.0.0.1", "private network"},
		{"translated metadata", "64:ff9b::a9fe:a9fe", "link-local, where metadata services are"},
		{"local translation", "64:ff9b:1::1", "local translation"},
		{"tunnel to private", "2002:0a00:0001::1", "private network"},
		{"tunnel to loopback", "2002:7f00:0001::", "loopback"},
		{"teredo", "2001:0:4136:e378::1", "tunnel or reserved"},
		{"documentation", "2001:db8::1", "documentation"},
		{"documentation, version 4", "192.0.2.1", "documentation"},
		{"discarded", "100::1", "discarded"},
		{"not yet given out", "4000::1", "reserved"},
		{"segment routing", "5f00::1", "reserved"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := rules(nil).refuse("x.example", netip.AddrPortFrom(netip.MustParseAddr(c.address), 443))
			if got != c.want {
				t.Errorf("refuse(%s) = %q; want %q", c.address, got, c.want)
			}
		})
	}
	if got := rules(nil).refuse("x", netip.AddrPort{}); got == "" {
		t.Error("the zero address is not refused")
	}
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name, allow, host, at string
		want                  string
	}{
		{"a network", "10.1.0.0/16", "x.example", "10.1.2.3:443", ""},
		{"a network, written within it", "10.1.2.3/16", "x.example", "10.1.9.9:443", ""},
		{"another network", "10.1.0.0/16", "x.example", "10.2.2.3:443", "private network"},
		{"a network, reached by translation", "10.1.0.0/16", "x.example", "[64:ff9b::10.1.2.3]:443", ""},
		{"a network, mapped", "10.1.0.0/16", "x.example", "[::ffff:10.1.2.3]:443", ""},
		{"an address", "10.1.2.3", "x.example", "10.1.2.3:8080", ""},
		{"an address with a port", "10.1.2.3:8080", "x.example", "10.1.2.3:8080", ""},
		{"an address with another port", "10.1.2.3:8080", "x.example", "10.1.2.3:22", "private network"},
		{"an address of version 6 with a port", "[fd00::1]:443", "x.example", "[fd00::1]:443", ""},
		{"an address of version 6 in brackets", "[fd00::1]", "x.example", "[fd00::1]:25", ""},
		{"metadata, written out", "169.254.169.254", "x.example", "169.254.169.254:80", ""},
		{"a name", "mail.hospital.example", "mail.hospital.example", "10.1.2.3:25", ""},
		{"a name in capitals with a dot", "mail.hospital.example", "MAIL.hospital.example.", "10.1.2.3:25", ""},
		{"a name with a port", "mail.hospital.example:25", "mail.hospital.example", "10.1.2.3:25", ""},
		{"a name with another port", "mail.hospital.example:25", "mail.hospital.example", "10.1.2.3:22", "private network"},
		{"another name", "mail.hospital.example", "evil.example", "10.1.2.3:25", "private network"},
		{"a name that contains it", "mail.hospital.example", "mail.hospital.example.evil.example", "10.1.2.3:25", "private network"},
		{"a name for this machine", "localhost", "localhost", "127.0.0.1:25", ""},
		{"a name does not stand for metadata", "mail.hospital.example", "mail.hospital.example", "169.254.169.254:80", "link-local, where metadata services are"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rs, err := parseRules([]string{c.allow})
			if err != nil {
				t.Fatal(err)
			}
			if got := rs.refuse(c.host, netip.MustParseAddrPort(c.at)); got != c.want {
				t.Errorf("refuse(%s, %s) = %q; want %q", c.host, c.at, got, c.want)
			}
		})
	}
}

func TestParseRules(t *testing.T) {
	for _, c := range []struct{ name, rule string }{
		{"nothing", ""},
		{"a wild card", "*"},
		{"a wild card in front", "*.hospital.example"},
		{"an address with a path", "https://hospital.example/hook"},
		{"port nought", "10.0.0.1:0"},
		{"a port too large", "10.0.0.1:65536"},
		{"a network too narrow", "10.0.0.0/33"},
		{"letters of another script", "höspital.example"},
		{"too long", strings.Repeat("a", 254)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseRules([]string{"10.0.0.1", c.rule})
			if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "entry 2") {
				t.Errorf("parseRules = %v; want invalid, entry 2", err)
			}
		})
	}
}

func FuzzRule(f *testing.F) {
	for _, s := range []string{"10.1.0.0/16", "10.1.2.3:8080", "[fd00::1]:443", "mail.hospital.example:25", "::ffff:10.0.0.0/104", "fe80::1%eth0", "[", ":", "]:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := parseRule(s)
		if !ok {
			return
		}
		if r.host == "" && !r.prefix.IsValid() || r.host != "" && r.host != canonical(r.host) {
			t.Errorf("parseRule(%q) = %+v", s, r)
		}
		metadata := netip.MustParseAddrPort("169.254.169.254:80")
		if r.host != "" && (rules{r}).refuse(r.host, metadata) == "" {
			t.Errorf("the name %q opens metadata", s)
		}
	})
}

// TestNamed lists where a system may stand that an administrator named: in the networks
// of the hospital, not on this machine and not where clouds answer their machines.
func TestNamed(t *testing.T) {
	for _, c := range []struct {
		address string
		want    bool
	}{
		{"10.1.2.3", true},
		{"172.31.255.255", true},
		{"192.168.1.1", true},
		{"100.64.0.1", true},
		{"fd12:3456::1", true},
		{"::ffff:10.1.2.3", true},
		{"64:ff9b::10.0.0.1", true},
		{"127.0.0.1", false},
		{"::1", false},
		{"::ffff:127.0.0.1", false},
		{"0.0.0.0", false},
		{"169.254.169.254", false},
		{"fe80::1", false},
		{"2002:7f00:0001::", false},
		{"100.100.100.200", false},
		{"192.168.169.254", false},
		{"fd00:ec2::254", false},
		{"fd20:ce::254", false},
		{"224.0.0.1", false},
		{"255.255.255.255", false},
		{"192.0.2.1", false},
		{"2001:db8::1", false},
		{"198.18.0.1", false},
	} {
		if got := inHospital(netip.MustParseAddr(c.address)); got != c.want {
			t.Errorf("%s: %v; want %v", c.address, got, c.want)
		}
	}
}

// TestNamedIsJudged holds that Dial refuses what DialNamed may call, that neither calls
// this machine without a rule, and that a rule opens it to both.
func TestNamedIsJudged(t *testing.T) {
	for _, c := range []struct {
		name, dialled string
		named         bool
		allow         []string
		want          string
	}{
		{"private, named", "10.1.2.3:2575", true, nil, ""},
		{"private, not named", "10.1.2.3:2575", false, nil, "private network"},
		{"this machine, named", "127.0.0.1:2575", true, nil, "loopback"},
		{"this machine, named and under reach", "127.0.0.1:2575", true, []string{"127.0.0.1"}, ""},
		{"metadata, named", "169.254.169.254:80", true, nil, "link-local, where metadata services are"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := New(Options{Allow: c.allow})
			if err != nil {
				t.Fatal(err)
			}
			ctx := t.Context()
			if c.named {
				ctx = context.WithValue(ctx, namedKey{}, true)
			}
			got := ""
			if r, ok := errors.AsType[*RefusedError](client.judge(ctx, "ris.example", "2575", c.dialled, false)); ok {
				got = r.Reason
			}
			if got != c.want {
				t.Errorf("refused for %q; want %q", got, c.want)
			}
		})
	}
}
