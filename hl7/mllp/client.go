package mllp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"sync"
	"time"

	"radagora/fault"
	"radagora/hl7"
)

// A Retry says how often and when a message is sent again. The zero Retry is filled
// with the defaults in the comments.
type Retry struct {
	Attempts int           // in all; 3, negative: until the context ends
	Wait     time.Duration // before the second; doubled each time; 1 s
	Longest  time.Duration // 1 minute
	// Again decides whether a message with a negative answer is sent again. Nil: when it
	// was rejected (AR, CR) for no reason that lies in its type or version.
	Again func(hl7.Ack) bool
}

// A Client sends messages to one peer over one connection, which it opens when it is
// needed and keeps. It can be used by many goroutines: messages are sent in the order
// in which Send was called, and one is answered or given up before the next one goes
// out, so that nothing is ever reordered. Its fields are set before Send.
type Client struct {
	Address string      // host:port
	TLS     *tls.Config // nil is without TLS; ServerName is filled from Address
	Limits  Limits      // Message, Stall, Whole, Write; Idle is how long the answer may take: 30 s if zero
	Retry   Retry
	Connect time.Duration // how long opening the connection may take; 10 s if zero
	Now     func() time.Time
	// Dial opens the connection. Nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Observe is told what happens. Nil is nobody.
	Observe func(ctx context.Context, o Observation)

	once   sync.Once
	turn   chan struct{} // holds one element while somebody sends; waiters queue in order
	limits Limits
	conn   net.Conn
	frames *frames
}

// An Answer is what came back.
type Answer struct {
	Ack      hl7.Ack // zero if the message asked for no answer
	Message  []byte  // the answer itself
	Attempts int
}

// Send sends a message and waits for its answer: the one whose MSA-2 is its MSH-10.
// In enhanced mode that is the accept acknowledgement if MSH-15 asks for it, or else
// that of the application if MSH-16 does, or else none. After a break it connects and
// sends again, as Retry says: the receiver may get a message twice, which is what
// control ids are for. Errors: Invalid for a message without control id and for a
// negative answer, which is returned too; Unavailable if nobody answered, or the
// last answer was that it should be tried later; Exhausted for an answer too long.
func (c *Client) Send(ctx context.Context, message []byte) (Answer, error) {
	c.prepare()
	m, err := hl7.Peek(message)
	if err != nil {
		return Answer{}, err
	}
	h := m.Header()
	if h.ControlID == "" {
		return Answer{}, hl7.Located(fault.Errorf(fault.Invalid, "mllp: MSH-10 is empty: no answer could be matched"),
			hl7.Path{Segment: "MSH", Field: 10}, hl7.RequiredFieldMissing)
	}
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return Answer{}, fault.As(fault.Unavailable, ctx.Err())
	}
	defer func() { <-c.turn }()
	return c.insist(ctx, h, message)
}

func (c *Client) prepare() {
	c.once.Do(func() {
		c.turn = make(chan struct{}, 1)
		c.Limits.Idle = cmp.Or(c.Limits.Idle, 30*time.Second)
		c.limits = c.Limits.filled()
		c.Connect = cmp.Or(c.Connect, 10*time.Second)
		c.Retry.Attempts = cmp.Or(c.Retry.Attempts, 3)
		c.Retry.Wait = cmp.Or(c.Retry.Wait, time.Second)
		c.Retry.Longest = cmp.Or(c.Retry.Longest, time.Minute)
		if c.Retry.Again == nil {
			c.Retry.Again = again
		}
	})
}

// again is what Retry.Again is by default.
func again(a hl7.Ack) bool {
	if a.Verdict != hl7.Rejected && a.Verdict != hl7.CommitRejected {
		return false
	}
	n, err := strconv.Atoi(a.Code)
	return err != nil || hl7.Code(n) < hl7.UnsupportedMessageType || hl7.Code(n) > hl7.UnsupportedVersionID
}

// insist tries until there is an answer that counts.
func (c *Client) insist(ctx context.Context, h hl7.Header, message []byte) (Answer, error) {
	wait := c.Retry.Wait
	for attempt := 1; ; attempt++ {
		began := clock()
		a, err := c.try(ctx, h, message)
		a.Attempts = attempt
		if ctx.Err() != nil && err != nil {
			err = fault.As(fault.Unavailable, context.Cause(ctx))
		}
		last := err == nil || ctx.Err() != nil || attempt == c.Retry.Attempts || fault.Of(err) != fault.Unavailable
		o := Observation{Occasion: Sent, Bytes: len(message), Took: clock().Sub(began), Err: err}
		if !last {
			o.Occasion = Resent
		}
		c.observe(ctx, o)
		if last {
			return a, err
		}
		pause(ctx, wait)
		wait = min(2*wait, c.Retry.Longest)
	}
}

func (c *Client) observe(ctx context.Context, o Observation) {
	if c.Observe == nil {
		return
	}
	if c.Now != nil {
		o.At = c.Now()
	}
	if c.frames != nil {
		o.Odd = c.frames.take()
	}
	if c.conn != nil {
		o.Peer = Peer{Address: addressOf(c.conn), Local: c.conn.LocalAddr()}
	}
	c.Observe(ctx, o)
}

// try sends once. A connection that the peer closed since the last message is no
// failure: another one is opened.
func (c *Client) try(ctx context.Context, h hl7.Header, message []byte) (Answer, error) {
	kept := c.conn != nil
	a, err := c.exchange(ctx, h, message)
	if err != nil && a.Message == nil {
		c.drop()
		if kept && ctx.Err() == nil && !timeout(err) && fault.Of(err) == fault.Unavailable {
			if a, err = c.exchange(ctx, h, message); err != nil && a.Message == nil {
				c.drop()
			}
		}
	}
	return a, err
}

func timeout(err error) bool {
	e := net.Error(nil)
	return errors.As(err, &e) && e.Timeout()
}

// exchange sends a message and reads its answer.
func (c *Client) exchange(ctx context.Context, h hl7.Header, message []byte) (Answer, error) {
	if err := c.dial(ctx); err != nil {
		return Answer{}, err
	}
	conn := c.conn
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := write(conn, message, c.limits.Write); err != nil {
		return Answer{}, err
	}
	commit := h.Wants(hl7.Accept, true)
	if h.Enhanced() && !commit && !h.Wants(hl7.Application, true) {
		return Answer{}, nil
	}
	until := within(c.limits.Idle)
	for {
		c.frames.limits.Idle = max(time.Until(until), time.Millisecond)
		b, err := c.frames.next()
		if long := (skippedError{}); errors.As(err, &long) {
			return Answer{}, err
		} else if err != nil {
			return Answer{}, fault.As(fault.Unavailable, err)
		}
		a, ok := answerTo(h, b, commit)
		if !ok {
			c.frames.odd.Stray++
			continue
		}
		return Answer{Ack: a, Message: b}, c.verdict(a)
	}
}

// answerTo reads b as the answer to the message of h, if it is.
func answerTo(h hl7.Header, b []byte, commit bool) (hl7.Ack, bool) {
	m, err := hl7.Parse(b, nil)
	if err != nil {
		return hl7.Ack{}, false
	}
	a, err := hl7.AckOf(m)
	if err != nil || a.ControlID != h.ControlID {
		return hl7.Ack{}, false
	}
	if h.Enhanced() && !commit && (a.Verdict == hl7.CommitAccepted) {
		return hl7.Ack{}, false // not asked for; that of the application follows
	}
	return a, true
}

// verdict returns the error of a negative answer.
func (c *Client) verdict(a hl7.Ack) error {
	switch {
	case a.Verdict.Positive():
		return nil
	case c.Retry.Again(a):
		return fault.Errorf(fault.Unavailable, "mllp: the peer answered %s %s: try later", a.Verdict, a.Code)
	default:
		return fault.Errorf(fault.Invalid, "mllp: the peer answered %s %s", a.Verdict, a.Code)
	}
}

// dial opens the connection, if there is none.
func (c *Client) dial(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.Connect)
	defer cancel()
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", c.Address)
	if err != nil {
		return fault.As(fault.Unavailable, err)
	}
	if c.TLS != nil {
		config := c.TLS.Clone()
		if config.ServerName == "" {
			config.ServerName, _, _ = net.SplitHostPort(c.Address)
		}
		t := tls.Client(conn, config)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return fault.As(fault.Unavailable, err)
		}
		conn = t
	}
	c.conn, c.frames = conn, newFrames(conn, c.limits)
	return nil
}

// drop closes the connection; the next message opens another one.
func (c *Client) drop() {
	if c.conn != nil {
		_ = c.conn.Close()
	}
	c.conn = nil
}

// Close closes the connection. It waits for a message that is being sent; a Client
// can be used again afterwards.
func (c *Client) Close() error {
	c.prepare()
	c.turn <- struct{}{}
	c.drop()
	<-c.turn
	return nil
}
