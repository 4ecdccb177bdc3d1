package outgoing

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
)

// Reasons that have nothing to do with an address.
const (
	reasonPlain     = "not https"
	reasonUserinfo  = "name or password in the address"
	reasonRedirects = "too many redirects"
)

// A guard judges each request, those of redirects included, before it is sent.
type guard struct {
	c    *Client
	next http.RoundTripper
}

// plainKey marks a context whose connection carries no TLS.
type plainKey struct{}

// RoundTrip sends r if its scheme and target may be used.
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	host, port := r.URL.Hostname(), portOf(r.URL)
	target := Target(host, strconv.Itoa(int(port)))
	var reason string
	switch {
	case r.URL.User != nil:
		reason = reasonUserinfo // it would end in logs of others
	case r.URL.Scheme == "https":
	case r.URL.Scheme == "http" && (g.c.proxy == nil || g.c.rules.names(host, port)):
		r = r.WithContext(context.WithValue(r.Context(), plainKey{}, true))
	default:
		reason = reasonPlain
	}
	if reason == "" && g.c.proxy != nil && !g.c.rules.names(host, port) {
		reason = g.c.throughProxy(r.Context(), host, port)
	}
	if reason != "" {
		if r.Body != nil {
			_ = r.Body.Close() // a RoundTripper closes it, also when it fails
		}
		return nil, g.c.refuse(r.Context(), target, reason)
	}
	return g.next.RoundTrip(r)
}

// dialHTTP is the dialler of the transport.
func (c *Client) dialHTTP(ctx context.Context, network, address string) (net.Conn, error) {
	plain, _ := ctx.Value(plainKey{}).(bool)
	return c.dial(ctx, network, address, plain)
}

// throughProxy judges a target the proxy will dial. A name that does not resolve
// here is the proxy's to judge.
func (c *Client) throughProxy(ctx context.Context, host string, port uint16) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return c.rules.refuse(host, netip.AddrPortFrom(a, port))
	}
	all, err := c.o.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return ""
	}
	for _, a := range all {
		if reason := c.rules.refuse(host, netip.AddrPortFrom(a, port)); reason != "" {
			return reason
		}
	}
	return ""
}

// redirect bounds redirects and tells the next target nothing of the last.
func redirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return &RefusedError{Target: Target(r.URL.Hostname(), strconv.Itoa(int(portOf(r.URL)))), Reason: reasonRedirects}
	}
	r.Header.Del("Referer") // it holds the query of the last address
	return nil
}

// portOf returns the port of u: that of its scheme if it names none, 0 if it is none.
func portOf(u *url.URL) uint16 {
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil {
		return uint16(n)
	}
	switch {
	case u.Port() != "":
		return 0
	case u.Scheme == "http":
		return 80
	}
	return 443
}

// Target writes HOST:PORT for errors and logs. What cannot be a host name is not
// repeated.
func Target(host, port string) string {
	for _, c := range host {
		if !hostRune(c) {
			return "(unreadable host)"
		}
	}
	if len(host) > maxHost {
		return "(unreadable host)"
	}
	return net.JoinHostPort(host, port)
}
