// Package outgoing calls other machines, and no private target unless it is configured.
//
// Whoever can type an address into a form (a webhook, an identity provider, a key
// set) could otherwise make this program call what only this program can reach:
// itself, the machine's metadata service, the hospital's network. Every call to
// another machine that is not a DICOM peer therefore goes through one Client.
//
// The rule looks at the address that is dialled, after the name was resolved, so a
// name that answers differently the second time gains nothing. Redirects are few
// and each is judged anew. Only https is spoken, with TLS 1.2 or later; http only
// with targets that are configured. Errors name the target, the rule and the way
// out, and never a query, a path or a password.
package outgoing

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"radagora/fault"
)

// Bounds of what another machine may make us do.
const (
	maxRedirects   = 5
	maxHeaderBytes = 64 << 10
	maxIdle        = 16
)

// Options are the settings of New. The zero value serves: public targets, by https.
type Options struct {
	// Allow lists targets that may be private and may be spoken to without TLS: a
	// network (10.1.0.0/16), an address or a host name, the last two also with a
	// port (10.1.2.3:8080, mail.hospital.example:25). A host name may stand for
	// any private address; a link-local one must be written as an address.
	Allow []string
	// Proxy is the address of an HTTP proxy, http:// or https://, which may be
	// private; "" means none. Targets under Allow are called without it. A name
	// that only the proxy can resolve is left to the proxy's judgement.
	Proxy string

	Timeout  time.Duration    // of one exchange, body included; 0 means 30 s
	RootCAs  *x509.CertPool   // who may vouch for a target; nil means the system's
	Resolver *net.Resolver    // nil means the system's
	Log      *slog.Logger     // for refusals; nil discards
	Now      func() time.Time // for certificates; nil means the system clock
}

// A Client calls other machines. It is safe for concurrent use.
type Client struct {
	o     Options
	rules rules
	proxy *url.URL
	http  *http.Client
}

// New returns a client. It is Invalid if a rule or the proxy cannot be read.
func New(o Options) (*Client, error) {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Resolver == nil {
		o.Resolver = net.DefaultResolver
	}
	c := &Client{o: o}
	var err error
	if c.rules, err = parseRules(o.Allow); err != nil {
		return nil, err
	}
	if c.proxy, err = parseProxy(o.Proxy); err != nil {
		return nil, err
	}
	c.http = &http.Client{Transport: &guard{c: c, next: c.transport()}, CheckRedirect: redirect, Timeout: o.Timeout}
	return c, nil
}

// parseProxy reads the address of a proxy. The error does not repeat it: it may
// hold a password.
func parseProxy(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no proxy is a good answer
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return nil, fault.Errorf(fault.Invalid, "outgoing proxy: write http://HOST:PORT or https://HOST:PORT")
	}
	return u, nil
}

// transport returns the transport of c. HTTP/2 is spoken where the target does.
func (c *Client) transport() *http.Transport {
	t := &http.Transport{
		DialContext:            c.dialHTTP,
		TLSClientConfig:        c.TLS(""),
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    min(10*time.Second, c.o.Timeout),
		ResponseHeaderTimeout:  c.o.Timeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           maxIdle,
		MaxConnsPerHost:        maxIdle,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
	if c.proxy != nil {
		t.Proxy = func(r *http.Request) (*url.URL, error) {
			if c.rules.names(r.URL.Hostname(), portOf(r.URL)) {
				return nil, nil //nolint:nilnil // how net/http says that there is no proxy
			}
			return c.proxy, nil
		}
	}
	return t
}

// HTTP returns the client for libraries that want one. Its errors are those of
// net/http and hold the address with its query: give them to Quiet before they are
// logged or shown. Whoever reads a body bounds it, for example with Read.
func (c *Client) HTTP() *http.Client { return c.http }

// Do sends a request and returns the response, whose body the caller bounds and
// closes. It is Forbidden if the target is refused (errors.As finds a *RefusedError) and
// Unavailable if it does not answer as it should.
func (c *Client) Do(r *http.Request) (*http.Response, error) {
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, Quiet(err)
	}
	return resp, nil
}

// TLS returns the settings with which a target is spoken to after Dial; serverName
// is whom its certificate must be for.
func (c *Client) TLS(serverName string) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.o.RootCAs, ServerName: serverName, Time: c.o.Now}
}

// Dial connects to HOST:PORT over TCP under the same rule, for mail and syslog. It
// uses no proxy. The caller sets deadlines on the connection. It is Forbidden if
// the target is refused, Unsupported for another network than TCP, Unavailable if
// nobody answers.
func (c *Client) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, fault.Errorf(fault.Unsupported, "call over %.20q: only TCP is", network)
	}
	conn, err := c.dial(ctx, network, address, false)
	if err != nil {
		return nil, Quiet(err)
	}
	return conn, nil
}

// namedKey marks a context whose target was named by somebody who may decide that.
type namedKey struct{}

// DialNamed is Dial for a target that an administrator named, host and port, as a system
// of the hospital: it may stand in a private network (RFC 1918, RFC 4193, RFC 6598)
// without a rule of its own. This machine, link-local addresses and those of metadata
// services still need one. It is for protocols that only such a system answers, never
// for HTTP.
func (c *Client) DialNamed(ctx context.Context, network, address string) (net.Conn, error) {
	return c.Dial(context.WithValue(ctx, namedKey{}, true), network, address)
}

// dial connects to address unless the rule refuses the address it resolves to. If
// plain, only targets under Allow are called.
func (c *Client) dial(ctx context.Context, network, address string, plain bool) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "call: write HOST:PORT")
	}
	d := net.Dialer{
		Timeout:  min(10*time.Second, c.o.Timeout),
		Resolver: c.o.Resolver,
		ControlContext: func(ctx context.Context, _, dialled string, _ syscall.RawConn) error {
			return c.judge(ctx, host, port, dialled, plain)
		},
	}
	return d.DialContext(ctx, network, address)
}

// judge refuses an address about to be dialled, or returns nil.
func (c *Client) judge(ctx context.Context, host, port, dialled string, plain bool) error {
	at, err := netip.ParseAddrPort(dialled)
	if err != nil {
		return fault.Errorf(fault.Internal, "call %s: not an address", Target(host, port))
	}
	if c.isProxy(host, port) {
		return nil
	}
	reason := c.rules.refuse(host, at)
	if named, _ := ctx.Value(namedKey{}).(bool); named && reason != "" && inHospital(at.Addr()) {
		reason = ""
	}
	if reason == "" && plain && !c.rules.allow(host, at) {
		reason = reasonPlain
	}
	if reason == "" {
		return nil
	}
	return c.refuse(ctx, Target(host, port), reason)
}

// refuse makes the error for a refusal and notes it: somebody may be trying.
func (c *Client) refuse(ctx context.Context, target, reason string) error {
	c.o.Log.WarnContext(ctx, "outgoing call refused", "target", target, "reason", reason)
	return fault.As(fault.Forbidden, &RefusedError{Target: target, Reason: reason})
}

func (c *Client) isProxy(host, port string) bool {
	return c.proxy != nil && strings.EqualFold(host, c.proxy.Hostname()) && port == strconv.Itoa(int(portOf(c.proxy)))
}

// RefusedError says that the rule forbids to call a target.
type RefusedError struct {
	Target string // HOST:PORT
	Reason string // why, such as "loopback"
}

// Error names the target, the rule and the way out.
func (r *RefusedError) Error() string {
	if r.Reason == reasonRedirects {
		return "call " + r.Target + ": " + r.Reason
	}
	return "call " + r.Target + ": refused (" + r.Reason + "): if this target is meant, list it under reach in the settings"
}

// Quiet returns err, as this package or net/http gave it, without addresses that
// might hold a secret, and classified: Forbidden for a refusal, otherwise
// Unavailable. It returns nil for nil.
func Quiet(err error) error {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*RefusedError](err); ok {
		return fault.As(fault.Forbidden, r)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		target := "another machine"
		if at, perr := url.Parse(u.URL); perr == nil && at.Hostname() != "" {
			target = Target(at.Hostname(), strconv.Itoa(int(portOf(at))))
		}
		return fault.Errorf(kindOf(u.Err), "call %s: %w", target, u.Err)
	}
	return fault.As(kindOf(err), err)
}

// kindOf keeps a kind that somebody gave and says Unavailable otherwise.
func kindOf(err error) fault.Kind {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Kind
	}
	return fault.Unavailable
}

// Read reads at most limit bytes of a body. It is Invalid if there are more.
func Read(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	switch {
	case err != nil:
		return nil, Quiet(err)
	case int64(len(b)) > limit:
		return nil, fault.Errorf(fault.Invalid, "answer of another machine is longer than %d bytes", limit)
	}
	return b, nil
}
