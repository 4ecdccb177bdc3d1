package main

import (
	"context"
	"errors"
	"slices"

	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A fetcher keeps what a C-GET brings. Who asked for it was allowed to.
type fetcher struct {
	line
	site, peer string
	refused    error // why the first object that was not taken was not; one is taken at a time
}

// Store implements dimse.Storer.
func (f *fetcher) Store(ctx context.Context, in *dimse.Incoming) (func(context.Context) error, error) {
	receipt, err := f.Archive.Receive(ctx, archive.Arrival{
		Site: f.site, Actor: peerAccount + f.peer, Door: "dimse", CallingAE: f.peer, CalledAE: f.settings.AE,
		SOPClass: in.SOPClass, SOPInstance: in.SOPInstance, TransferSyntax: in.TransferSyntax, Data: in.Data,
	})
	if err != nil {
		if f.refused == nil {
			f.refused = err
		}
		return nil, announced(err)
	}
	return func(ctx context.Context) error {
		_, err := receipt.Wait(ctx)
		return err
	}, nil
}

// packedSyntaxes are those in which archives keep images, beside the plain ones.
var packedSyntaxes = []uid.UID{
	uid.JPEGLosslessSV1, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless, uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit,
	uid.JPEGLSNearLossless, uid.JPEG2000, uid.DeflatedExplicitVRLittleEndian, uid.ExplicitVRBigEndian,
}

// retrieving returns what is proposed to a peer that is to give instances of classes:
// each class as it may be kept, and plain, as far as there is room.
func retrieving(classes []uid.UID) (propose []dimse.Proposal, roles []dimse.Role) {
	propose = []dimse.Proposal{{SOPClass: farGet, Syntaxes: plainSyntaxes}, {SOPClass: farMove, Syntaxes: plainSyntaxes}}
	if len(classes) == 0 {
		for e := range uid.All() {
			if uid.IsStorage(e.UID) && !e.Retired {
				classes = append(classes, e.UID)
			}
		}
	}
	classes = classes[:min(len(classes), mostContexts-len(propose))]
	all := slices.Concat(plainSyntaxes, packedSyntaxes) // more would make a request that some peers find too long
	each := (mostContexts - len(propose)) / len(classes)
	for _, c := range classes {
		roles = append(roles, dimse.Role{SOPClass: c, SCP: true})
		if each <= len(packedSyntaxes) { // no room for a context each: the peer picks one
			propose = append(propose, dimse.Proposal{SOPClass: c, Syntaxes: all})
			continue
		}
		propose = append(propose, dimse.Proposal{SOPClass: c, Syntaxes: plainSyntaxes})
		for _, syntax := range packedSyntaxes {
			propose = append(propose, dimse.Proposal{SOPClass: c, Syntaxes: []uid.UID{syntax}})
		}
	}
	return propose, roles
}

// mostNamed is how many instances one retrieval names.
const mostNamed = 256

// identifiers returns the identifiers that a retrieval goes by (PS3.4 C.4.2.1.4).
func identifiers(w exchange.Wanted) (all []*dicom.Builder) {
	at := func(level string) *dicom.Builder {
		return dicom.NewBuilder().Text(tag.QueryRetrieveLevel, level).UID(tag.StudyInstanceUID, w.Study)
	}
	if w.Whole {
		return []*dicom.Builder{at("STUDY")}
	}
	for _, s := range w.Series {
		all = append(all, at("SERIES").UID(tag.SeriesInstanceUID, s))
	}
	for s, list := range w.Some {
		for some := range slices.Chunk(list, mostNamed) {
			all = append(all, at("IMAGE").UID(tag.SeriesInstanceUID, s).UID(tag.SOPInstanceUID, some...))
		}
	}
	return all
}

// Fetch implements exchange.Source.
func (l line) Fetch(ctx context.Context, siteID, peer string, w exchange.Wanted, way exchange.Way, told func(int) error) (exchange.Way, error) {
	propose, roles := retrieving(w.Classes)
	if way == exchange.ByMove {
		propose, roles = propose[1:2], nil
	}
	f := &fetcher{line: l, site: siteID, peer: peer}
	a, err := l.dial(ctx, siteID, peer, dimse.Config{Propose: propose, Roles: roles, Store: f})
	if err != nil {
		return exchange.AnyWay, err
	}
	defer a.Abort()
	switch {
	case way != exchange.ByMove && offers(a, farGet):
		way = exchange.ByGet
	case way != exchange.ByGet && offers(a, farMove):
		way = exchange.ByMove
	default:
		return exchange.AnyWay, fault.Errorf(fault.Unsupported, "the peer offers neither C-GET nor C-MOVE")
	}
	if err := l.retrieve(ctx, a, identifiers(w), way, told); err != nil {
		return way, err
	}
	if f.refused != nil {
		return way, f.refused
	}
	return way, a.Release(ctx)
}

// offers reports whether a peer accepted a class.
func offers(a *dimse.Association, class uid.UID) bool {
	return slices.ContainsFunc(plainSyntaxes, func(s uid.UID) bool { return a.Accepts(class, s) })
}

// retrieve has what identifiers name sent here. It goes on behind what a peer refuses,
// and returns the first refusal.
func (l line) retrieve(ctx context.Context, a *dimse.Association, names []*dicom.Builder, way exchange.Way, told func(int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var refused error
	came := 0
	for _, name := range names {
		keys, err := name.Dataset()
		if err != nil {
			return fault.As(fault.Invalid, err)
		}
		progress := func(p dimse.Progress) {
			if err := told(came + p.Completed + p.Warning); err != nil {
				stop(err)
			}
		}
		var p dimse.Progress
		if way == exchange.ByGet {
			p, err = a.Get(ctx, farGet, keys, progress)
		} else {
			p, err = a.Move(ctx, farMove, l.settings.AE, keys, progress)
		}
		came += p.Completed + p.Warning
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err = saidNo(err); err == nil && p.Failed > 0 {
			err = &exchange.RefusedError{Status: uint16(p.Status), Words: p.Status.String()}
		}
		if _, no := errors.AsType[*exchange.RefusedError](err); err != nil && !no {
			return err
		}
		if refused == nil {
			refused = err
		}
	}
	return refused
}
