package main

import (
	"context"
	"time"

	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// Storage commitment, push model, as the one who asks: PS3.4 Annex J.

// commitStays is how long the association stays open on which a peer was asked, for one
// that answers on the same.
const commitStays = 5 * time.Second

// farCommit is proposed for asking.
var farCommit = dimse.Proposal{SOPClass: uid.StorageCommitmentPushModel, Syntaxes: plainSyntaxes}

// Commit implements exchange.Committer.
func (l line) Commit(ctx context.Context, siteID, peer string, transaction uid.UID, instances []archive.Instance, told func(context.Context, exchange.Commitment) error) error {
	if takes, known := l.commits.Load(siteID + " " + peer); known && takes == false {
		return fault.Errorf(fault.Unsupported, "the peer offers no storage commitment")
	}
	ear := &commitEar{now: told, done: make(chan struct{}, 1)}
	a, err := l.dial(ctx, siteID, peer, dimse.Config{
		Propose: []dimse.Proposal{farCommit}, Events: map[uid.UID]dimse.Normal{uid.StorageCommitmentPushModel: ear},
	})
	if err != nil {
		return err
	}
	defer a.Abort()
	if !offers(a, uid.StorageCommitmentPushModel) {
		return fault.Errorf(fault.Unsupported, "the peer offers no storage commitment")
	}
	ds, err := commitRequest(transaction, instances)
	if err != nil {
		return err
	}
	_, err = a.Do(ctx, &dimse.Request{
		Operation: dimse.NAction, SOPClass: uid.StorageCommitmentPushModel, SOPInstance: uid.StorageCommitmentPushModelInstance, Type: requestCommitment, Dataset: ds,
	})
	if err != nil {
		return saidNo(err)
	}
	stay := time.NewTimer(commitStays)
	defer stay.Stop()
	select {
	case <-ear.done:
	case <-stay.C:
	case <-ctx.Done():
	}
	_ = a.Release(ctx) // the peer has taken the question
	return nil
}

// commitRequest is the information of the action (PS3.4 Table J.3-1).
func commitRequest(transaction uid.UID, instances []archive.Instance) (*dicom.Dataset, error) {
	var items []*dicom.Builder
	for _, i := range instances {
		items = append(items, dicom.NewBuilder().UID(tag.ReferencedSOPClassUID, i.SOPClass).UID(tag.ReferencedSOPInstanceUID, i.SOP))
	}
	ds, err := dicom.NewBuilder().UID(tag.TransactionUID, transaction).Sequence(tag.ReferencedSOPSequence, items...).Dataset()
	if err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	return ds, nil
}

// A commitEar hears on the association on which a peer was asked.
type commitEar struct {
	now  func(context.Context, exchange.Commitment) error
	done chan struct{}
}

// Do implements dimse.Normal.
func (e *commitEar) Do(ctx context.Context, r *dimse.Request) (*dimse.Reply, error) {
	c, err := commitAnswer(r)
	if err == nil {
		err = unknownTransaction(e.now(ctx, c))
	}
	if err != nil {
		return nil, err
	}
	return &dimse.Reply{Then: func(context.Context, dimse.Normal) { poke(e.done) }}, nil
}

// A commitHearer hears of peers that call back. Who calls was let in; what it says
// counts if it was asked.
type commitHearer struct{ *house }

// Do implements dimse.Normal.
func (h commitHearer) Do(ctx context.Context, r *dimse.Request) (*dimse.Reply, error) {
	c, err := commitAnswer(r)
	if err == nil {
		err = unknownTransaction(h.Exchange.Answered(ctx, at, r.Peer.CallingAE, c))
	}
	return nil, err
}

// unknownTransaction says of what was not asked that it was not.
func unknownTransaction(err error) error {
	if err != nil && fault.Of(err) == fault.NotFound {
		return &dimse.StatusError{Status: dimse.InvalidArgument, Text: "no such transaction was asked for", Attributes: []tag.Tag{tag.TransactionUID}}
	}
	return err
}

// commitAnswer reads the information of the event (PS3.4 Table J.3-2).
func commitAnswer(r *dimse.Request) (c exchange.Commitment, err error) {
	switch {
	case r.Operation != dimse.EventReport || r.Type != allCommitted && r.Type != someFailed:
		return c, &dimse.StatusError{Status: dimse.NoSuchEvent, Text: "event type 1 or 2 is due"}
	case r.Dataset == nil:
		return c, &dimse.StatusError{Status: dimse.InvalidArgument, Text: "nothing is reported"}
	}
	if c.Transaction = r.Dataset.UID(tag.TransactionUID); c.Transaction.IsZero() {
		return c, &dimse.StatusError{Status: dimse.InvalidArgument, Text: "no Transaction UID", Attributes: []tag.Tag{tag.TransactionUID}}
	}
	for _, item := range r.Dataset.Items(tag.ReferencedSOPSequence) {
		c.Kept = append(c.Kept, item.UID(tag.ReferencedSOPInstanceUID))
	}
	c.Failed = map[uid.UID]uint16{}
	for _, item := range r.Dataset.Items(tag.FailedSOPSequence) {
		reason, _ := item.Int(tag.FailureReason)
		c.Failed[item.UID(tag.ReferencedSOPInstanceUID)] = uint16(reason & 0xffff)
	}
	return c, nil
}
