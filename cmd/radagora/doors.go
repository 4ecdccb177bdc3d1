package main

import (
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"sync"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/connect"
	"radagora/dicom/dimse"
	"radagora/dose"
	"radagora/fault"
	"radagora/person"
	"radagora/site"
	"radagora/worklist"
)

// A keeper puts what associations bring into the archive.
type keeper struct {
	*house
	site string
}

// Store implements dimse.Storer: the object is on disk when it returns, and
// durable with its row when the function it returns does.
func (k keeper) Store(ctx context.Context, in *dimse.Incoming) (func(context.Context) error, error) {
	who, err := k.peerWho(ctx, in.Peer)
	if err != nil {
		return nil, err
	}
	ctx = access.WithJudge(access.With(ctx, who), k.Judge)
	if err := access.Check(ctx, access.ObjectStore, access.Subject{Site: k.site}); err != nil {
		return nil, err
	}
	receipt, err := k.Archive.Receive(ctx, archive.Arrival{
		Site: k.site, Actor: storedBy(who, in.Peer), Door: "dimse",
		CallingAE: in.Peer.CallingAE, CalledAE: in.Peer.CalledAE,
		SOPClass: in.SOPClass, SOPInstance: in.SOPInstance, TransferSyntax: in.TransferSyntax, Data: in.Data,
	})
	if err != nil {
		return nil, announced(err)
	}
	return func(ctx context.Context) error {
		s, err := receipt.Wait(ctx)
		if err == nil && s.Coerced {
			err = &dimse.StatusError{Status: dimse.Coercion}
		}
		return err
	}, nil
}

// announced lets dimse know of an object that is not what the message said (A900).
func announced(err error) error {
	switch archive.Reason(err) {
	case "other_sop_class", "other_sop_instance":
		return fault.Errorf(fault.Invalid, "%w: %w", dimse.ErrMismatch, err)
	}
	return err
}

// storedBy names who stored an object, as the journal does: the peer, or the account
// it proved to be.
func storedBy(who access.Who, p dimse.Peer) string {
	if who.ID == ourselves {
		return peerAccount + p.CallingAE
	}
	return who.ID
}

// A watch remembers what came through the DICOM door lately, for the guide.
type watch struct {
	mu     sync.Mutex
	echo   *dimse.Observation // the first one
	recent []dimse.Observation
	wake   map[chan struct{}]bool
	roll   roll
}

// watched is how many observations a watch remembers.
const watched = 20

// observe implements dimse.Server.Observe.
func (w *watch) observe(_ context.Context, o dimse.Observation) {
	w.roll.observe(o)
	switch o.Occasion {
	case dimse.Echoed, dimse.Stored, dimse.Rejected, dimse.Aborted:
	default:
		w.changed()
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if o.Occasion == dimse.Echoed && w.echo == nil {
		w.echo = &o
	}
	w.recent = append(w.recent, o)
	if len(w.recent) > watched {
		w.recent = slices.Delete(w.recent, 0, len(w.recent)-watched)
	}
	w.poke()
}

// changed tells everybody who listens that there is something new.
func (w *watch) changed() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.poke()
}

// poke wakes the listeners; mu is held.
func (w *watch) poke() {
	for c := range w.wake {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// listen returns a channel that gets a value when something changed, until ctx
// ends.
func (w *watch) listen(ctx context.Context) <-chan struct{} {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.wake == nil {
		w.wake = map[chan struct{}]bool{}
	}
	w.wake[c] = true
	context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.wake, c)
	})
	return c
}

// seen returns the first echo and what came lately, newest first.
func (w *watch) seen() (echo *dimse.Observation, recent []dimse.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range slices.Backward(w.recent) {
		recent = append(recent, o)
	}
	return w.echo, recent
}

// dicomServer returns the DICOM door of the house: over TLS if there is a
// configuration for it.
func (h *house) dicomServer(s settings, d *doorman, w *watch, m *metrics, secure *tls.Config) *dimse.Server {
	server := h.inquire(h.schedule(&dimse.Server{
		AETitle: s.AE, Log: h.Log, Now: h.Now, TLS: secure, Accept: d.accept, TitleOf: h.titleOf,
		Contexts: dimse.Contexts{Private: true},
		Store:    keeper{house: h, site: site.Default},
		Observe: func(ctx context.Context, o dimse.Observation) {
			m.observe(o)
			w.observe(ctx, o)
		},
	}))
	w.roll.add(server, h.Now())
	return server
}

// background runs what works behind the doors until ctx ends, and returns the
// first error that is not that end.
func (h *house) background(ctx context.Context) error {
	if err := h.beginAnew(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	work := []func(context.Context) error{h.Journal.Run, h.Archive.Run, h.Persons.Run, h.Exchange.Run, h.Worklist.Run, h.Connect.Run, h.followReferrals, h.Dose.Run, h.Reads.Run, h.Jobs.Run, h.tendTokens}
	failed := make(chan error, len(work))
	for _, run := range work {
		go func() { failed <- run(ctx) }()
	}
	var all []error
	for range work {
		err := <-failed
		if err != nil && ctx.Err() == nil {
			all = append(all, err)
		}
		cancel() // one cannot go on without the others
	}
	return errors.Join(all...)
}

// meanwhile does something while the work behind the doors goes on, and ends that
// work. If the work fails, the context of do ends, so that it waits for nothing.
func (h *house) meanwhile(ctx context.Context, do func(context.Context) error) error {
	work, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() {
		defer stop()
		ended <- h.background(work)
	}()
	err := do(work)
	stop()
	return errors.Join(err, <-ended)
}

// rooms returns what tells which room a machine of the default site stands in.
func (h *house) rooms(ctx context.Context) (dose.Rooms, error) { return h.roomsOf(ctx, site.Default) }

// roomsOf returns what tells which room a machine of a site stands in.
func (h *house) roomsOf(ctx context.Context, siteID string) (dose.Rooms, error) {
	p, err := h.Sites.Plan(ctx, h.DB, siteID)
	if err != nil {
		return nil, err
	}
	return plan{Plan: p}.of, nil
}

// judge derives the findings from what is known now.
func (h *house) judge(ctx context.Context) error {
	rooms, err := h.rooms(ctx)
	if err != nil {
		return err
	}
	_, err = h.Dose.Judge(ctx, site.Default, rooms, h.Findings)
	return errors.Join(err, h.judgeProtocols(ctx))
}

// settle waits until everything that is in the journal now has been derived. It is
// unavailable if something waits and nothing moves for a minute.
func (h *house) settle(ctx context.Context) error {
	for _, consumer := range []string{dose.Consumer, person.Consumer, worklist.Consumer, connect.Consumer} {
		if err := h.Journal.Wait(ctx, consumer); err != nil {
			return err
		}
	}
	return errors.Join(
		ebb(ctx, "studies are to be matched with orders", h.Worklist.Pending),
		ebb(ctx, "headers of series are to be read", h.Persons.Pending),
		ebb(ctx, "studies are to be read for dose", h.Dose.Pending),
	)
}

// ebb waits until nothing is pending any more.
func ebb(ctx context.Context, what string, pending func(context.Context) (int64, error)) error {
	const step, patience = 20 * time.Millisecond, 3000
	for last, still := int64(-1), 0; ; still++ {
		n, err := pending(ctx)
		switch {
		case err != nil || n == 0:
			return err
		case n != last:
			last, still = n, 0
		case still > patience:
			return fault.Errorf(fault.Unavailable, "%d %s, and none was for a minute: the log says why", n, what)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(step):
		}
	}
}
