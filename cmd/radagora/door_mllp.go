package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strings"

	"radagora/connect"
	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/hl7/mllp"
	"radagora/lang"
	"radagora/notice"
	"radagora/site"
)

// A mailroom takes HL7 messages: each is stored before it is acknowledged.
type mailroom struct{ *house }

// Receive implements mllp.Receiver. The answer is that the message is kept; to a sender
// who wants none of that kind, but one of the application, it is that one.
func (m mailroom) Receive(ctx context.Context, p mllp.Peer, message []byte) ([]byte, error) {
	if batched(message) {
		return m.batch(ctx, p, message)
	}
	err := m.store(ctx, p, message)
	return m.answer(message, err), err
}

// store keeps a message, durably.
func (m mailroom) store(ctx context.Context, p mllp.Peer, message []byte) error {
	_, err := m.Connect.Receive(ctx, connect.Arrival{Site: site.Default, Body: message, Address: addressOf(p)})
	return err
}

// answer acknowledges a message that was stored, or says why it was not; nil if its
// sender wants no answer.
func (m mailroom) answer(message []byte, err error) []byte {
	reply := hl7.Reply{Err: err, Now: m.Now(), ControlID: db.NewID()}
	answer := hl7.Acknowledge(message, hl7.Accept, reply)
	if answer == nil {
		answer = hl7.Acknowledge(message, hl7.Application, reply)
	}
	return answer
}

// mllpServer takes messages over a line.
func (h *house) mllpServer(counted *metrics, config *tls.Config) *mllp.Server {
	m := mailroom{h}
	return &mllp.Server{
		Receiver: m, Now: h.Now, ControlID: db.NewID, Log: h.Log, TLS: config, Accept: m.accept, Known: m.known,
		Observe: func(_ context.Context, o mllp.Observation) { counted.message(o) },
	}
}

// accept lets all in but those whom people have shut out.
func (m mailroom) accept(ctx context.Context, p mllp.Peer) error {
	how, err := m.Connect.Meet(ctx, site.Default, addressOf(p))
	if err == nil && how == connect.Shut {
		err = fault.Errorf(fault.Forbidden, "the senders of this address are blocked")
	}
	return err
}

// known reports whether somebody vouches for a peer: the authority of its certificate,
// or whoever accepted a sender of its address, or that of its message.
func (m mailroom) known(ctx context.Context, p mllp.Peer, begin []byte) bool {
	if p.Certificate != nil {
		return true
	}
	if begin != nil {
		ok, err := m.Connect.Vouches(ctx, site.Default, addressOf(p), begin)
		return ok && err == nil
	}
	how, err := m.Connect.Meet(ctx, site.Default, addressOf(p))
	return how == connect.Welcome && err == nil
}

func addressOf(p mllp.Peer) string { return p.Address.Addr().Unmap().String() }

// lines returns the work of the doors for messages, and what the console says of them.
func (h *house) lines(ctx context.Context, d doors, counted *metrics) (work []func() error, line string) {
	door := func(l net.Listener, word string, config *tls.Config) {
		if l != nil {
			work = append(work, func() error { return h.mllpServer(counted, config).Serve(ctx, l) })
			line += " " + word + " " + l.Addr().String()
		}
	}
	door(d.mllp, "HL7", nil)
	if d.mllpTLS != nil {
		door(d.mllpTLS, "HL7-TLS", d.secure.own.config(d.secure.authorities, d.secure.authorities != nil))
	}
	return work, line
}

// stationsOf returns the application entity titles of the machines of a modality, of
// each the one seen last. Where there is none yet it is the modality itself, so that
// the step is found by those who ask for the modality.
func (h *house) stationsOf(ctx context.Context, siteID, modality string) ([]string, error) {
	plan, err := h.Sites.Plan(ctx, h.DB, siteID)
	if err != nil {
		return nil, err
	}
	var titles []string
	for _, room := range plan.Rooms {
		for _, m := range room.Machines {
			if !strings.EqualFold(m.Modality, modality) || len(m.AETitles) == 0 {
				continue
			}
			last := slices.MaxFunc(m.AETitles, func(a, b site.Trait) int { return cmp.Compare(a.LastDay, b.LastDay) })
			if !slices.Contains(titles, last.Value) {
				titles = append(titles, last.Value)
			}
		}
	}
	if len(titles) == 0 {
		titles = []string{modality}
	}
	return titles, nil
}

// receiverLine says how receivers of messages are called: in the networks of the
// hospital, as DICOM peers are, and anywhere else by the rules for calls outside; over
// TLS as DICOM peers are.
func (h *house) receiverLine() connect.Line {
	return connect.Line{
		Dial: h.Out.DialNamed,
		TLS: func(certificate string) (*tls.Config, error) {
			return h.lineTLS(site.Peer{TLS: true, Certificate: certificate})
		},
	}
}

// pruneMessages removes the contents of messages that are old enough.
func (h *house) pruneMessages(ctx context.Context) error {
	_, err := h.Connect.Prune(ctx, site.Default)
	return err
}

// messageState looks whether systems have fallen silent, and whether messages wait for
// somebody. Where nobody sends there is nothing to look at.
func (h *house) messageState(ctx context.Context) ([]condition, error) {
	traffic, err := h.Connect.Watch(ctx, site.Default)
	if err != nil {
		return nil, err
	}
	out, err := h.receiverState(ctx)
	if err != nil || len(traffic) == 0 {
		return out, err
	}
	silent, waiting, backlog := 0, int64(0), int64(0)
	for _, t := range traffic {
		if t.Silent {
			silent++
		}
		waiting += t.Counts[connect.Waiting] + t.Counts[connect.Failed]
		backlog += t.Counts[connect.Received]
	}
	c := condition{
		Name: msg("status.messages", nil), Reference: msg("status.messages_reference", nil), State: stateGood, Key: "messages",
		Value: msg("status.messages_value", lang.Args{"silent": silent, "waiting": waiting, "backlog": backlog}),
		Tell:  h.Observer.tell("status.messages.waiting", "n", fmt.Sprint(min(waiting, 999999))),
	}
	switch {
	case silent > 0:
		c.State, c.Tell = stateTrouble, h.Observer.tell("status.messages.silent", "n", fmt.Sprint(silent))
		c.Tell.Severity = notice.Urgent
	case waiting > 0:
		c.State = stateWarn
	}
	return append(out, c), nil
}

// receiverState looks whether systems that we send to answer, and take what they get.
func (h *house) receiverState(ctx context.Context) ([]condition, error) {
	to, err := h.Connect.WatchOut(ctx, site.Default)
	if err != nil || len(to) == 0 {
		return nil, err
	}
	failing, refused, backlog := 0, int64(0), int64(0)
	for _, t := range to {
		if t.Receiver.State == connect.Enabled && t.Receiver.Failures >= failuresTold {
			failing++
		}
		refused += t.Counts[connect.Refused] + t.Counts[connect.OutFailed]
		backlog += t.Counts[connect.Queued]
	}
	c := condition{
		Name: msg("status.receivers", nil), Reference: msg("status.receivers_reference", nil), State: stateGood, Key: "receivers",
		Value: msg("status.receivers_value", lang.Args{"failing": failing, "refused": refused, "backlog": backlog}),
		Tell:  h.Observer.tell("status.messages.refused", "n", fmt.Sprint(min(refused, 999999))),
	}
	switch {
	case failing > 0:
		c.State, c.Tell = stateTrouble, h.Observer.tell("status.messages.stuck", "n", fmt.Sprint(failing))
		c.Tell.Severity = notice.Urgent
	case refused > 0:
		c.State = stateWarn
	}
	return []condition{c}, nil
}

// failuresTold is after how many calls without an answer somebody is told.
const failuresTold = 5
