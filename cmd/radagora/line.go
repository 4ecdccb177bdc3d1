package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/dicom/dimse"
	"radagora/dicom/pixel"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A line opens associations to the peers of a site, as they stand in the settings.
type line struct {
	*house
	settings settings
}

// openExchange opens the room that passes studies on.
func (h *house) openExchange(ctx context.Context, s settings) (err error) {
	h.Exchange, err = exchange.Open(ctx, exchange.Config{
		DB: h.DB, Journal: h.Journal, Jobs: h.Jobs, Studies: h.Archive, Line: line{h, s}, Source: line{h, s}, Committer: line{h, s}, Log: h.Log, Now: h.Now,
		Zone: func(ctx context.Context, id string) (*time.Location, error) {
			one, err := h.Sites.Site(ctx, id)
			return one.Location(), err
		},
	})
	return err
}

// dialTakes is how long a peer may take to open an association.
const dialTakes = 30 * time.Second

// dial opens an association to a peer; c says what is proposed. NotFound: there is no
// such peer, or it is not to be called.
func (l line) dial(ctx context.Context, siteID, title string, c dimse.Config) (*dimse.Association, error) {
	address, how, err := l.line(ctx, siteID, title, l.settings.AE)
	if err != nil {
		if fault.Of(err) == fault.Forbidden {
			err = fault.As(fault.NotFound, err)
		}
		return nil, err
	}
	how.Propose, how.Roles, how.Store, how.Events = c.Propose, c.Roles, c.Store, c.Events
	return openLine(ctx, address, how)
}

// openLine opens an association, unless that takes too long.
func openLine(ctx context.Context, address string, c dimse.Config) (*dimse.Association, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTakes)
	defer cancel()
	return dimse.Dial(ctx, address, c)
}

// plainSyntaxes are what every application can read; others are decompressed to one of
// them for a peer that does not take what is kept.
var plainSyntaxes = []uid.UID{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian}

// mostContexts is how many presentation contexts one association may have (PS3.8 7.1.1.13).
const mostContexts = 128

// proposals returns the presentation contexts for instances: each class as it is kept,
// and plain. n is for how many of the instances there is room.
func proposals(instances []archive.Instance) (all []dimse.Proposal, n int) {
	known := map[[2]uid.UID]bool{}
	for i, one := range instances {
		add := []dimse.Proposal{}
		if kept := [2]uid.UID{one.SOPClass, one.TransferSyntax}; !known[kept] {
			add = append(add, dimse.Proposal{SOPClass: one.SOPClass, Syntaxes: []uid.UID{one.TransferSyntax}})
		}
		plain := [2]uid.UID{one.SOPClass, {}}
		if !known[plain] {
			add = append(add, dimse.Proposal{SOPClass: one.SOPClass, Syntaxes: plainSyntaxes})
		}
		if len(all)+len(add) > mostContexts-1 { // and one to see whether it offers commitment
			return all, i
		}
		all = append(all, add...)
		known[[2]uid.UID{one.SOPClass, one.TransferSyntax}], known[plain] = true, true
	}
	return all, len(instances)
}

// Send implements exchange.Line.
func (l line) Send(ctx context.Context, siteID, peer string, instances []archive.Instance, done func(archive.Instance, error) error) error {
	for len(instances) > 0 {
		propose, n := proposals(instances)
		if err := l.send(ctx, siteID, peer, propose, instances[:n], done); err != nil {
			return err
		}
		instances = instances[n:]
	}
	return nil
}

// send sends instances on one association.
func (l line) send(ctx context.Context, siteID, peer string, propose []dimse.Proposal, instances []archive.Instance, done func(archive.Instance, error) error) error {
	a, err := l.dial(ctx, siteID, peer, dimse.Config{Propose: append(propose, farCommit)})
	if err != nil {
		return err
	}
	l.commits.Store(siteID+" "+peer, offers(a, farCommit.SOPClass))
	for _, i := range instances {
		answer, broken := l.offer(ctx, a, i)
		if broken != nil {
			a.Abort()
			return broken
		}
		if err := done(i, answer); err != nil {
			a.Abort()
			return err
		}
	}
	return a.Release(ctx)
}

// offer sends one instance. The first error is what the peer answered, or why the
// instance cannot go to it; the second that the line is broken.
func (l line) offer(ctx context.Context, a *dimse.Association, i archive.Instance) (answer, broken error) {
	data, syntax, err := l.data(ctx, a, i)
	if err != nil {
		if ctx.Err() != nil || fault.Of(err) == fault.Unavailable {
			return nil, err
		}
		return err, nil
	}
	status, err := a.Store(ctx, dimse.Outgoing{SOPClass: i.SOPClass, SOPInstance: i.SOP, TransferSyntax: syntax, Data: data})
	err = errors.Join(err, data.Close())
	switch {
	case err != nil:
		return nil, err
	case status.Err() != nil:
		return &exchange.RefusedError{Status: uint16(status), Words: status.String()}, nil
	}
	return nil, nil
}

// data opens the data set of an instance in a transfer syntax that the peer takes.
func (l line) data(ctx context.Context, a *dimse.Association, i archive.Instance) (io.ReadCloser, uid.UID, error) {
	object, err := l.Archive.OpenInstance(ctx, i)
	if err != nil {
		return nil, uid.UID{}, err
	}
	if a.Accepts(i.SOPClass, i.TransferSyntax) {
		at := object.DatasetAt()
		return struct {
			io.Reader
			io.Closer
		}{io.NewSectionReader(object, at, object.Size()-at), object}, i.TransferSyntax, nil
	}
	for _, to := range plainSyntaxes {
		if !a.Accepts(i.SOPClass, to) || !pixel.CanTranscode(i.TransferSyntax, to) {
			continue
		}
		f, err := object.Read(nil)
		if err != nil {
			return nil, to, errors.Join(err, object.Close())
		}
		r, err := pixel.Transcode(ctx, f, to)
		if err != nil {
			return nil, to, errors.Join(err, object.Close())
		}
		return both{r, object}, to, nil
	}
	err = fault.Errorf(fault.Unsupported, "the peer does not take %s in %s, and not decompressed either", uid.Name(i.SOPClass), uid.Name(i.TransferSyntax))
	return nil, uid.UID{}, errors.Join(err, object.Close())
}

// both closes what is read and what it is made of.
type both struct {
	io.ReadCloser
	under io.Closer
}

// Close implements io.Closer.
func (b both) Close() error {
	if err := errors.Join(b.ReadCloser.Close(), b.under.Close()); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	return nil
}
