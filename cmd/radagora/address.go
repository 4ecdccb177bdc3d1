package main

import (
	"log/slog"
	"net"
	"slices"
	"strings"

	"radagora/outgoing"
)

// secure reports whether browsers reach the pages over TLS: ours, or that of a proxy.
func (s settings) secure() bool {
	return s.TLSCert != "" || strings.HasPrefix(s.PublicURL, "https://")
}

// base returns the address of the pages as browsers know it, without a slash at the
// end.
func (s settings) base() string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/")
	}
	scheme := "http://"
	if s.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + s.HTTP
}

// origins returns the addresses for which passkeys can be made. A passkey hangs on a
// name: where the pages are reached by a loopback address, it is localhost.
func (s settings) origins() []string {
	if s.PublicURL != "" {
		return []string{s.base()}
	}
	_, port, err := net.SplitHostPort(s.HTTP)
	if err != nil || !loopback(s.HTTP) {
		return nil
	}
	scheme := "http"
	if s.TLSCert != "" {
		scheme = "https"
	}
	return []string{scheme + "://localhost:" + port}
}

// audience returns what assertions of clients must be meant for.
func (s settings) audience() []string { return []string{s.base() + "/oauth/token"} }

// outgoing returns how other machines are called.
func (s settings) outgoing(log *slog.Logger) outgoing.Options {
	return s.reachable(outgoing.Options{Allow: slices.Concat(s.Reach, s.addresses()), Log: log})
}
