package outgoing

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"radagora/fault"
)

// maxHost is the most bytes of a host name (RFC 1035 §2.3.4).
const maxHost = 253

// A block is a part of the address space that is not called unless configured.
type block struct {
	prefix netip.Prefix
	reason string
	local  bool // a host name under Allow may stand for it
}

// blocks are the parts of the address space that are not for everybody: the IANA
// special-purpose registries (RFC 6890 and its successors), in the order in which
// they are asked. What is not global unicast of version 6 (RFC 4291 §2.4) is
// refused too, by the rows at the end.
var blocks = func() []block {
	const private, loopback, linkLocal, reserved = "private network", "loopback", "link-local, where metadata services are", "reserved"
	table := []struct {
		prefix, reason string
		local          bool
	}{
		{"0.0.0.0/8", "unspecified", false},           // RFC 791 §3.2
		{"10.0.0.0/8", private, true},                 // RFC 1918
		{"100.64.0.0/10", "carrier's network", true},  // RFC 6598
		{"127.0.0.0/8", loopback, true},               // RFC 1122 §3.2.1.3
		{"169.254.0.0/16", linkLocal, false},          // RFC 3927
		{"172.16.0.0/12", private, true},              // RFC 1918
		{"192.0.0.0/24", reserved, false},             // RFC 6890 §2.1
		{"192.0.2.0/24", "documentation", false},      // RFC 5737
		{"192.88.99.0/24", reserved, false},           // RFC 7526
		{"192.168.0.0/16", private, true},             // RFC 1918
		{"198.18.0.0/15", "benchmarking", true},       // RFC 2544
		{"198.51.100.0/24", "documentation", false},   // RFC 5737
		{"203.0.113.0/24", "documentation", false},    // RFC 5737
		{"224.0.0.0/4", "multicast", false},           // RFC 5771
		{"240.0.0.0/4", reserved, false},              // RFC 1112 §4, broadcast included
		{"::/128", "unspecified", false},              // RFC 4291 §2.5.2
		{"::1/128", loopback, true},                   // RFC 4291 §2.5.3
		{"64:ff9b:1::/48", "local translation", true}, // RFC 8215
		{"100::/64", "discarded", false},              // RFC 6666
		{"2001::/23", "tunnel or reserved", false},    // RFC 2928; Teredo, RFC 4380
		{"2001:db8::/32", "documentation", false},     // RFC 3849
		{"3fff::/20", "documentation", false},         // RFC 9637
		{"fc00::/7", private, true},                   // RFC 4193
		{"fe80::/10", linkLocal, false},               // RFC 4291 §2.5.6
		{"fec0::/10", private, true},                  // RFC 3879
		{"ff00::/8", "multicast", false},              // RFC 4291 §2.7
		{"::/3", reserved, false},
		{"4000::/2", reserved, false},
		{"8000::/1", reserved, false},
	}
	all := make([]block, len(table))
	for i, row := range table {
		all[i] = block{netip.MustParsePrefix(row.prefix), row.reason, row.local}
	}
	return all
}()

// Addresses of version 6 that carry one of version 4, which is what is reached.
var (
	nat64  = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052 §2.1: the last four bytes
	sixTo4 = netip.MustParsePrefix("2002::/16")    // RFC 3056 §2: bytes 2 to 5
)

// reached returns the address that a packet to a ends at.
func reached(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	b := a.As16()
	switch {
	case nat64.Contains(a):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixTo4.Contains(a):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return a
}

// blockOf returns the block a is in, and whether it is in one.
func blockOf(a netip.Addr) (block, bool) {
	a = reached(a)
	for _, b := range blocks {
		if b.prefix.Contains(a) {
			return b, true
		}
	}
	return block{reason: "not an address"}, !a.IsValid()
}

// Where systems of a hospital stand, and, within that, metadata services of clouds.
var (
	hospital = []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("192.168.0.0/16"), // RFC 1918
		netip.MustParsePrefix("100.64.0.0/10"), // RFC 6598
		netip.MustParsePrefix("fc00::/7"),      // RFC 4193
	}
	metadata = []netip.Addr{
		netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("192.168.169.254"), netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"),
	}
)

// inHospital reports whether an address is one of a private network, and none at which
// a cloud answers its machines.
func inHospital(a netip.Addr) bool {
	a = reached(a)
	return !slices.Contains(metadata, a) && slices.ContainsFunc(hospital, func(p netip.Prefix) bool { return p.Contains(a) })
}

// A rule allows a target: a network or address, or a host name.
type rule struct {
	prefix netip.Prefix // of an address rule
	host   string       // of a name rule, lower case
	port   uint16       // 0 means any
}

type rules []rule

// parseRules reads what Options.Allow lists.
func parseRules(all []string) (rules, error) {
	var rs rules
	for i, s := range all {
		r, ok := parseRule(strings.TrimSpace(s))
		if !ok {
			return nil, fault.Errorf(fault.Invalid, "reach, entry %d: write a network (10.1.0.0/16), an address or a host name, with a port or without", i+1)
		}
		rs = append(rs, r)
	}
	return rs, nil
}

func parseRule(s string) (rule, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return rule{prefix: p.Masked()}, true
	}
	host, port := s, uint16(0)
	if h, p, err := net.SplitHostPort(s); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return rule{}, false
		}
		host, port = h, uint16(n)
	}
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		a = a.Unmap().WithZone("")
		return rule{prefix: netip.PrefixFrom(a, a.BitLen()), port: port}, true
	}
	host = canonical(host)
	if !hostName(host) {
		return rule{}, false
	}
	return rule{host: host, port: port}, true
}

// hostName reports whether s can be a host name: labels between dots.
func hostName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.ContainsFunc(label, func(c rune) bool { return !hostRune(c) || c == ':' }) {
			return false
		}
	}
	return len(s) <= maxHost
}

// hostRune reports whether c may stand in a host name or an address.
func hostRune(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-_.:", c)
}

// canonical writes a host name as rules hold it.
func canonical(host string) string { return strings.TrimSuffix(strings.ToLower(host), ".") }

// refuse returns why host at this address must not be called, "" if it may be.
func (rs rules) refuse(host string, at netip.AddrPort) string {
	b, blocked := blockOf(at.Addr())
	switch {
	case !blocked, rs.address(at), b.local && rs.name(host, at.Port()):
		return ""
	}
	return b.reason
}

// allow reports whether host at this address is configured.
func (rs rules) allow(host string, at netip.AddrPort) bool {
	return rs.address(at) || rs.name(host, at.Port())
}

// names reports whether a rule names host as it is written, before it is resolved.
func (rs rules) names(host string, port uint16) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return rs.address(netip.AddrPortFrom(a, port))
	}
	return rs.name(host, port)
}

// address reports whether a rule allows this address.
func (rs rules) address(at netip.AddrPort) bool {
	a := reached(at.Addr())
	for _, r := range rs {
		if r.host == "" && (r.port == 0 || r.port == at.Port()) && r.prefix.Contains(a) {
			return true
		}
	}
	return false
}

// name reports whether a rule allows this host name.
func (rs rules) name(host string, port uint16) bool {
	host = canonical(host)
	for _, r := range rs {
		if r.host != "" && r.host == host && (r.port == 0 || r.port == port) {
			return true
		}
	}
	return false
}
