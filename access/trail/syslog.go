package trail

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

// A Target is a syslog server that takes audit messages.
type Target struct {
	Address string // HOST:PORT
	TLS     bool   // RFC 5425; without it RFC 6587 octet counting over plain TCP
}

// ParseTarget reads tls://HOST[:PORT] or tcp://HOST[:PORT]; the ports left out are
// 6514 (RFC 5425) and 601 (RFC 3195, by custom also RFC 6587).
func ParseTarget(s string) (Target, error) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "tls" && u.Scheme != "tcp" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return Target{}, fault.Errorf(fault.Invalid, "syslog server: write tls://HOST:PORT or tcp://HOST:PORT")
	}
	port := u.Port()
	switch {
	case port == "" && u.Scheme == "tls":
		port = "6514"
	case port == "":
		port = "601"
	}
	return Target{Address: net.JoinHostPort(u.Hostname(), port), TLS: u.Scheme == "tls"}, nil
}

// notWord is what the name of a consumer cannot have.
var notWord = regexp.MustCompile(`[^a-z0-9]+`)

// Consumer names the consumer of the journal that works for t.
func (t Target) Consumer() string {
	name := "audit-" + strings.Trim(notWord.ReplaceAllString(strings.ToLower(t.Address), "-"), "-")
	if len(name) > 40 {
		name = fmt.Sprintf("%s-%x", name[:31], sha256.Sum256([]byte(t.Address)))[:40]
	}
	return name
}

// A Journal is what Sender needs of one.
type Journal interface {
	Deliver(ctx context.Context, consumer string, kinds []string, fn func(context.Context, []journal.Entry) error) error
	Consumers(ctx context.Context) ([]journal.Consumer, error)
	Leave(ctx context.Context, tx *db.Tx, consumer string) error
}

// A Sender takes audit messages to syslog servers (PS3.15 A.6, A.7): RFC 5424 over TLS or
// TCP. Each server has a cursor of its own in the journal: a server that does not
// answer is tried again, with growing pauses, and holds nothing and nobody up. What was
// sent when the connection broke is sent again; a server may get a message twice.
type Sender struct {
	DB      *db.DB
	Journal Journal
	From    Installation
	Targets []Target
	Dial    func(ctx context.Context, network, address string) (net.Conn, error)
	TLS     func(serverName string) *tls.Config // settings for a server
	Now     func() time.Time                    // for deadlines
	Timeout time.Duration                       // of connecting and of each batch; 0 means 20 s
}

// consumers begin so.
const consumerPrefix = "audit-"

// Run sends until ctx ends. Cursors of servers that are no longer configured are
// removed, so that nothing is kept for them.
func (s *Sender) Run(ctx context.Context) error {
	if err := s.retire(ctx); err != nil {
		return err
	}
	var group sync.WaitGroup
	failed := make([]error, len(s.Targets))
	for n, t := range s.Targets {
		group.Go(func() {
			c := &channel{s: s, t: t}
			defer c.hangUp()
			failed[n] = s.Journal.Deliver(ctx, t.Consumer(), nil, c.send)
		})
	}
	group.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// retire ends the consumers of servers that are not configured.
func (s *Sender) retire(ctx context.Context) error {
	known := map[string]bool{}
	for _, t := range s.Targets {
		known[t.Consumer()] = true
	}
	all, err := s.Journal.Consumers(ctx)
	if err != nil {
		return err
	}
	return s.DB.Write(ctx, func(tx *db.Tx) error {
		for _, c := range all {
			if strings.HasPrefix(c.Name, consumerPrefix) && !known[c.Name] {
				if err := s.Journal.Leave(ctx, tx, c.Name); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// A channel is the connection to one server, made when it is needed.
type channel struct {
	s    *Sender
	t    Target
	conn net.Conn
}

// send sends the messages of a batch.
func (c *channel) send(ctx context.Context, batch []journal.Entry) error {
	messages, err := c.s.From.Messages(batch)
	if err != nil || len(messages) == 0 {
		return err
	}
	var frames []byte
	for _, m := range messages {
		frames = append(frames, frame(syslog(c.s.From, m))...)
	}
	if err := c.write(ctx, frames); err != nil {
		c.hangUp()
		return fault.Errorf(fault.Unavailable, "syslog server %s: %w", c.t.Address, err)
	}
	return nil
}

func (c *channel) write(ctx context.Context, frames []byte) error {
	if c.conn != nil && c.gone() {
		c.hangUp()
	}
	if c.conn == nil {
		if err := c.connect(ctx); err != nil {
			return err
		}
	}
	if err := c.conn.SetDeadline(within(c.s.timeout())); err != nil {
		return err
	}
	_, err := c.conn.Write(frames)
	return err
}

// within returns the deadline of something that may take d: the machine counts it, by
// its own clock, whatever Now says.
func within(d time.Duration) time.Time {
	return time.Now().Add(d) //nolint:forbidigo // not a time to be told
}

// gone reports whether the server has hung up meanwhile: syslog has no answers, so
// writing alone would show it one batch too late.
func (c *channel) gone() bool {
	if err := c.conn.SetReadDeadline(within(time.Millisecond)); err != nil {
		return true
	}
	n, err := c.conn.Read(make([]byte, 1))
	if e, ok := err.(net.Error); ok && e.Timeout() && n == 0 { //nolint:errorlint // as net gives it
		return false
	}
	return true
}

func (c *channel) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.s.timeout())
	defer cancel()
	conn, err := c.s.Dial(ctx, "tcp", c.t.Address)
	if err != nil {
		return err
	}
	if c.t.TLS {
		host, _, err := net.SplitHostPort(c.t.Address)
		if err != nil {
			return joined(err, conn)
		}
		secure := tls.Client(conn, c.s.TLS(host))
		if err := secure.HandshakeContext(ctx); err != nil {
			return joined(err, conn)
		}
		conn = secure
	}
	c.conn = conn
	return nil
}

func joined(err error, c io.Closer) error {
	_ = c.Close() // what went wrong before counts
	return err
}

func (c *channel) hangUp() {
	if c.conn != nil {
		_ = c.conn.Close() // nothing is to be saved
		c.conn = nil
	}
}

func (s *Sender) timeout() time.Duration {
	if s.Timeout <= 0 {
		return 20 * time.Second
	}
	return s.Timeout
}

// The priority of an audit message: facility 10, security; severity 5 or, if it did
// not succeed, 4 (RFC 5424 6.2.1).
const facility = 10

// syslog returns a message as RFC 5424 has it, with what PS3.15 A.6 asks for: the
// message id and a byte order mark before the XML.
func syslog(i Installation, m Message) []byte {
	severity := 5
	if m.Outcome != success {
		severity = 4
	}
	head := fmt.Sprintf("<%d>1 %s %s radagora - DICOM+RFC3881 - \xef\xbb\xbf", facility*8+severity,
		m.At.UTC().Format("2006-01-02T15:04:05.000Z"), printable(i.Host))
	return append([]byte(head), m.XML...)
}

// printable returns a host's name as the header takes it: 1 to 255 of printable ASCII.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < 33 || r > 126 {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return "-"
	}
	return s[:min(len(s), 255)]
}

// frame puts the length before a message (RFC 5425 4.3, RFC 6587 3.4.1).
func frame(message []byte) []byte {
	return append([]byte(strconv.Itoa(len(message))+" "), message...)
}
