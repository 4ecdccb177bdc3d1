package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"radagora/fault"
)

// forwardedFor is the header in which each proxy adds, at the right, the address that
// called it. Everything at the left of what a proxy of ours wrote may be made up.
const forwardedFor = "X-Forwarded-For"

// Proxies are the addresses whose word is taken about who called them.
type proxies []netip.Prefix

// parseProxies reads addresses and networks. Invalid: it is neither.
func parseProxies(texts []string) (proxies, error) {
	var all proxies
	for _, s := range texts {
		p, err := netip.ParsePrefix(s)
		if a, wrong := netip.ParseAddr(s); wrong == nil && a.Zone() == "" {
			p, err = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), nil
		}
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "--trusted-proxy %s: this is neither an address such as 127.0.0.1 nor a network such as 10.0.0.0/24", s)
		}
		if p.Bits() == 0 {
			return nil, fault.Errorf(fault.Invalid, "--trusted-proxy %s: that is everybody, and everybody could then claim any address; name the addresses of your proxies", s)
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// of reports whether a is a proxy of ours.
func (p proxies) of(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(a) })
}

// caller returns who called the outermost proxy of ours: going from the right, the
// first address that is none. It stops at what is not an address, which no proxy of ours
// wrote, with the proxy that passed it on.
func (p proxies) caller(from netip.Addr, header http.Header) netip.Addr {
	if !p.of(from) {
		return from
	}
	hops := strings.Split(strings.Join(header.Values(forwardedFor), ","), ",")
	for _, hop := range slices.Backward(hops) {
		a, ok := hopAddress(strings.TrimSpace(hop))
		if !ok {
			return from
		}
		if from = a; !p.of(from) {
			return from
		}
	}
	return from
}

// hopAddress reads an entry of the header: an address, with a port in what some proxies
// write.
func hopAddress(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}

// through makes each request come from who called the proxy. A proxy that nobody named
// is told of once: without its word all people share one address, in the journal and
// for the brakes on guessing.
func (p proxies) through(log *slog.Logger, next http.Handler) http.Handler {
	var once sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || r.Header.Get(forwardedFor) == "" {
			next.ServeHTTP(w, r)
			return
		}
		a := from.Addr().Unmap()
		if !p.of(a) {
			if a.IsLoopback() {
				once.Do(func() {
					log.WarnContext(r.Context(), "requests come through a proxy that is not named: all people seem to be at its address; name it with --trusted-proxy", "proxy", a.String())
				})
			}
			next.ServeHTTP(w, r)
			return
		}
		q := r.WithContext(r.Context())
		q.RemoteAddr = netip.AddrPortFrom(p.caller(a, r.Header), from.Port()).String()
		next.ServeHTTP(w, q)
	})
}

// hereOnly answers this machine alone, by its own names. Where everybody is let in
// without a proof, a page of any site could otherwise have its own name resolved to
// this machine and read everything through the browser of whoever visits it, and a
// proxy would open the door to its callers.
func hereOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !ownName(r.Host):
			tellPlainly(w, r, http.StatusMisdirectedRequest, "without sign-in, and in the demonstration, only http://localhost and loopback addresses are answered")
		case r.Header.Get(forwardedFor) != "" || r.Header.Get("Forwarded") != "" || r.Header.Get("Via") != "":
			tellPlainly(w, r, http.StatusForbidden, "without sign-in, and in the demonstration, nobody is answered through a proxy")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// ownName reports whether the host of a request can only mean this machine (RFC 6761,
// 6.3).
func ownName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.ToLower(strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"), "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().IsLoopback()
}

// fromOutside is what the door of the pages knows before anybody answers: who calls, and
// where everybody is let in, that it is this machine.
func (c serveCmd) fromOutside(ctx context.Context, log *slog.Logger, next http.Handler) (http.Handler, error) {
	if c.NoAuth || c.Demo {
		return hereOnly(next), nil
	}
	trusted, err := parseProxies(c.TrustedProxy)
	if err != nil {
		return nil, err
	}
	if len(trusted) == 0 && c.PublicURL != "" && loopback(c.HTTP) {
		log.InfoContext(ctx, "pages are answered through a proxy: name its address with --trusted-proxy, so that the journal says from where people come")
	}
	return trusted.through(log, next), nil
}
