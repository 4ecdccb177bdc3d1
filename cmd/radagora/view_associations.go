package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"radagora/dicom/dimse"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/lang"
	"radagora/web"
)

// A roll is who called at the DICOM doors since the program began, and what was
// refused.
type roll struct {
	mu      sync.Mutex
	doors   []*dimse.Server
	since   time.Time
	callers map[string]*web.Caller
	refused []dimse.Observation
}

// How many refusals and callers are remembered.
const (
	mostRefusals = 60
	mostCallers  = 500
)

// add notes a door.
func (r *roll) add(s *dimse.Server, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.doors = append(r.doors, s)
	if r.since.IsZero() {
		r.since = now
	}
}

// observe notes what happened, and reports whether the page changes.
func (r *roll) observe(o dimse.Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.callers == nil {
		r.callers = map[string]*web.Caller{}
	}
	c := r.callers[o.Peer.CallingAE]
	if c == nil {
		if len(r.callers) >= mostCallers {
			clear(r.callers) // who forges titles gets no memory of ours
		}
		c = &web.Caller{Title: o.Peer.CallingAE}
		r.callers[o.Peer.CallingAE] = c
	}
	c.Last = o.At
	bad := o.Err != nil || o.Occasion == dimse.Rejected
	switch {
	case bad:
		c.Refused++
		r.refused = append(r.refused, o)
		if len(r.refused) > mostRefusals {
			r.refused = slices.Delete(r.refused, 0, len(r.refused)-mostRefusals)
		}
	case o.Occasion == dimse.Stored:
		c.Objects++
		c.Bytes += o.Bytes
	case o.Occasion == dimse.Queried:
		c.Queries++
	}
}

// An associationsView shows what goes on at the DICOM doors.
type associationsView struct{ *view }

// Changed implements web.Associations.
func (v associationsView) Changed(ctx context.Context) <-chan struct{} { return v.seen.listen(ctx) }

// Associations implements web.Associations.
func (v associationsView) Associations(context.Context) (web.AssociationsPage, error) {
	r := &v.seen.roll
	r.mu.Lock()
	defer r.mu.Unlock()
	p := web.AssociationsPage{Since: r.since}
	for _, door := range r.doors {
		for _, a := range door.Associations() {
			p.Open = append(p.Open, web.OpenAssociation{
				Title: a.Peer.CallingAE, Address: hostOf(a.Peer.Address), Called: a.Peer.CalledAE, Since: a.Since,
				Messages: a.Messages, Received: a.Received, Status: a.Status.String(), TLS: a.Peer.TLS != nil,
			})
		}
	}
	for _, o := range slices.Backward(r.refused) {
		p.Refused = append(p.Refused, v.refusal(o))
	}
	for _, c := range slices.SortedFunc(maps.Values(r.callers), func(a, b *web.Caller) int {
		return cmp.Or(b.Last.Compare(a.Last), strings.Compare(a.Title, b.Title))
	}) {
		p.Callers = append(p.Callers, *c)
	}
	return p, nil
}

// refusal says why something was not taken, so that whoever stands at the machine
// knows what to do or whom to call.
func (v associationsView) refusal(o dimse.Observation) web.Refusal {
	r := web.Refusal{At: o.At, Title: orNone(o.Peer.CallingAE), Address: hostOf(o.Peer.Address), Args: lang.Args{"title": o.Peer.CallingAE, "called": o.Peer.CalledAE, "ours": v.settings.AE}}
	if !o.SOPClass.IsZero() {
		r.What, r.Asked = uid.Name(o.SOPClass), o.Operation != ""
	}
	administrator := lang.Message{Key: "assoc.call_administrator"}
	vendor := lang.Message{Key: "assoc.call_vendor"}
	switch {
	case o.Rejection != nil:
		r.Detail = o.Rejection.Error()
		r.Why, r.Path, r.Do = rejectionWords(o.Rejection)
		if r.Path == "" {
			r.Note = administrator
		}
		return r
	case o.Occasion == dimse.Aborted:
		r.Why, r.Detail = "assoc.why_aborted", plainError(o.Err)
		return r
	}
	r.Detail = o.Status.String()
	if o.Status == dimse.DestinationUnknown && (fault.Of(o.Err) == fault.NotFound || fault.Of(o.Err) == fault.Invalid) {
		r.Why, r.Path, r.Do = "assoc.why_destination", "/settings/peers", "nav.peers"
		return r
	}
	switch kind := fault.Of(o.Err); kind {
	case fault.Exhausted:
		r.Why, r.Note, r.Path, r.Do = "assoc.why_full", administrator, "/settings/status", "nav.status"
	case fault.Forbidden:
		r.Why, r.Path, r.Do = "assoc.why_forbidden", "/settings/peers", "nav.peers"
	case fault.Unavailable, fault.Internal:
		r.Why, r.Note = "assoc.why_ours", administrator
	case fault.Unsupported:
		r.Why, r.Note = "assoc.why_unsupported", vendor
	case fault.NotFound:
		r.Why = "assoc.why_nothing"
	default:
		r.Why, r.Note = "assoc.why_invalid", vendor
		if o.Operation != "" { // not an object, but a question
			r.Why = "assoc.why_request"
		}
		r.Detail = fmt.Sprintf("%s: %s", o.Status, plainError(o.Err))
	}
	return r
}

// rejectionWords says why an association was refused, and where that is put right.
func rejectionWords(no *dimse.RejectionError) (why, path, do string) {
	switch {
	case errors.Is(no, dimse.ErrCalling):
		return "assoc.why_unknown", "/settings/peers", "nav.peers"
	case errors.Is(no, dimse.ErrCalled):
		return "assoc.why_called", "/start", "nav.start"
	case errors.Is(no, dimse.ErrLocalLimit):
		return "assoc.why_many", "", ""
	case errors.Is(no, dimse.ErrCongestion):
		return "assoc.why_ours", "", ""
	}
	return "assoc.why_protocol", "", ""
}

// plainError is an error as a page shows it: those of parsers name tags, not values.
func plainError(err error) string {
	if err == nil {
		return ""
	}
	text := err.Error()
	return text[:min(len(text), 200)]
}

// orNone is a title, or a dash for one that nobody gave.
func orNone(title string) string { return cmp.Or(title, "–") }
