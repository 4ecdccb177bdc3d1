package trail

import (
	"net/netip"
	"strings"
)

// networkType returns what an address is, by the codes that FHIR network-type and
// RFC 3881 5.3.2 share: 1 a machine's name, 2 an IP address, 5 a URI.
func networkType(address string) string {
	if _, err := netip.ParseAddr(address); err == nil {
		return "2"
	}
	if strings.Contains(address, "://") {
		return "5"
	}
	return "1"
}
