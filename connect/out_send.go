package connect

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/hl7/mllp"
	"radagora/job"
	"radagora/journal"
)

// A Line says how receivers are called.
type Line struct {
	Dial func(ctx context.Context, network, address string) (net.Conn, error) // nil is TCP
	// TLS returns how a receiver is called over TLS; certificate is the SHA-256 of the
	// one it has to show, in hex, or "".
	TLS func(certificate string) (*tls.Config, error)
	// Answer is how long an answer may take; 0 means 30 s.
	Answer time.Duration
	// Pause is how long nobody is called after the first failure; it is doubled with
	// each up to Longest. 0 means 5 s and 5 min.
	Pause, Longest time.Duration
}

// sending is the kind of the job that sends what waits for a receiver.
const sending = "connect.outgoing.send"

// send sends what waits for a receiver, in order. One that it refuses is set apart and
// the next goes out; while nobody answers, all wait.
func (r *Register) send(ctx context.Context, j job.Job) error {
	c, err := r.receiver(ctx, r.DB, j.Site, j.Key)
	if fault.Of(err) == fault.NotFound {
		return nil
	}
	if err != nil || c.State != Enabled {
		return err
	}
	if c.RetryAt.After(r.Now()) {
		return r.sendLater(ctx, c)
	}
	client, err := r.client(c)
	if err != nil {
		return r.stuck(ctx, c, err)
	}
	defer func() { _ = client.Close() }()
	for {
		list, err := db.List(ctx, r.DB, scanOutgoing, fromOutgoing+`where receiver_id = $1 and state = 'queued' order by outgoing_id limit 1`, c.ID)
		if err != nil || len(list) == 0 {
			return err
		}
		answer, err := client.Send(ctx, list[0].Body)
		if ctx.Err() != nil {
			return fault.As(fault.Unavailable, ctx.Err())
		}
		if fault.Of(err) != fault.Invalid && err != nil {
			return r.stuck(ctx, c, err)
		}
		if err := r.sent(ctx, &c, list[0], answer, err); err != nil {
			return err
		}
		if paused, err := r.receiver(ctx, r.DB, c.Site, c.ID); err != nil || paused.State != Enabled {
			return err
		}
	}
}

// client calls a receiver. Whether and when a message is sent again is decided here,
// not there.
func (r *Register) client(c Receiver) (*mllp.Client, error) {
	client := &mllp.Client{
		Address: c.Address, Limits: mllp.Limits{Idle: r.Line.Answer, Message: 1 << 20}, Now: r.Now, Dial: r.Line.Dial,
		Retry: mllp.Retry{Attempts: 1, Again: func(hl7.Ack) bool { return false }},
	}
	if !c.TLS {
		return client, nil
	}
	if r.Line.TLS == nil {
		return nil, fault.Errorf(fault.Unsupported, "connect: TLS is not set up")
	}
	var err error
	client.TLS, err = r.Line.TLS(c.Certificate)
	return client, err
}

// sent notes the answer to a message. A kill before that has it sent again, with the
// same control id.
func (r *Register) sent(ctx context.Context, c *Receiver, m Outgoing, a mllp.Answer, refused error) error {
	state, reason := Sent, string(a.Ack.Verdict)
	switch {
	case refused != nil && a.Message == nil: // it cannot even be sent
		state, reason = OutFailed, ReasonUnwritable
	case refused != nil:
		state = Refused
		if a.Ack.Code != "" {
			reason += " " + cut(a.Ack.Code, 40)
		}
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update connect_outgoing set state = $2, reason = $3, answer = $4, attempts = attempts + 1, done_at = $5
			where outgoing_id = $1 and state = 'queued'`, m.ID, state, reason, a.Message, db.Millis(r.Now()))
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.Exec(ctx, `update connect_receiver set last_at = $2, failures = 0, failing_at = 0, retry_at = 0, trouble = '' where receiver_id = $1`,
			c.ID, db.Millis(r.Now()))
		if err != nil {
			return err
		}
		c.Failures, c.FailingAt = 0, time.Time{}
		return r.record(ctx, tx, journal.Entry{Site: m.Site, Actor: "system:connect", Kind: "connect.outgoing." + string(state), Subject: m.ID, Person: m.Person},
			map[string]any{"receiver": c.ID, "code": m.Code, "about": m.Subject, "control": m.Control, "reason": reason})
	})
}

// stuck notes that a receiver could not be reached, and has it called later.
func (r *Register) stuck(ctx context.Context, c Receiver, why error) error {
	pause, longest := r.Line.Pause, r.Line.Longest
	if pause <= 0 {
		pause = 5 * time.Second
	}
	if longest <= 0 {
		longest = 5 * time.Minute
	}
	for range min(c.Failures, 20) {
		pause = min(2*pause, longest)
	}
	since := c.FailingAt
	if since.IsZero() {
		since = r.Now()
		r.Log.WarnContext(ctx, "receiver does not answer", "receiver", c.ID, "err", why)
	}
	c.RetryAt = r.Now().Add(pause)
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update connect_receiver set failures = failures + 1, failing_at = $2, retry_at = $3, trouble = $4 where receiver_id = $1`,
			c.ID, db.Millis(since), db.Millis(c.RetryAt), cut(why.Error(), 300))
		return err
	})
	if err != nil {
		return err
	}
	return r.sendLater(ctx, c)
}

// sendLater has a receiver called when its pause is over.
func (r *Register) sendLater(ctx context.Context, c Receiver) error {
	w := sendWork(c)
	w.RunAt = c.RetryAt
	return r.DB.Write(ctx, func(tx *db.Tx) error { return r.Jobs.Add(ctx, tx, w) })
}
