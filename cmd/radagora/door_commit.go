package main

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/job"
)

// Storage commitment, push model: PS3.4 Annex J. A peer asks whether what it stored is
// safe here, so that it may delete its own copy.

// A committer answers such requests from what the archive keeps.
type committer struct{ librarian }

// commitmentJob reports on a later association what was not reported on the first.
const commitmentJob = "archive.commitment.report"

// patience is how long the requestor has to hear of it on the association on which it
// asked, before we call.
const patience = 30 * time.Second

// The numbers of PS3.4 J.3.2 and J.3.3.
const (
	requestCommitment = 1 // action type
	allCommitted      = 1 // event type
	someFailed        = 2 // event type
	noSuchInstance    = 0x0112
	classConflict     = 0x0119
)

// A pledge is what a request asks for.
type pledge struct {
	Peer        string `json:"peer"` // title of who asked
	Title       string `json:"title"`
	Transaction string `json:"transaction"`
	Instances   []byte `json:"instances,omitempty"` // class and instance UIDs by lines, deflated
	Done        bool   `json:"done,omitempty"`      // it was told
	refs        [][2]uid.UID
}

// Do implements dimse.Normal.
func (c committer) Do(ctx context.Context, r *dimse.Request) (*dimse.Reply, error) {
	ctx, err := c.asPeer(ctx, r.Peer)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Operation != dimse.NAction || r.SOPClass != uid.StorageCommitmentPushModel:
		return nil, &dimse.StatusError{Status: dimse.UnrecognisedOperation, Text: "storage commitment is asked for by N-ACTION"}
	case r.SOPInstance != uid.StorageCommitmentPushModelInstance:
		return nil, &dimse.StatusError{Status: dimse.NoSuchInstance, Text: "not the well-known instance of storage commitment"}
	case r.Type != requestCommitment:
		return nil, &dimse.StatusError{Status: dimse.NoSuchAction, Text: "action type 1 is due"}
	}
	if err := access.Check(ctx, access.ObjectStore, access.Subject{Site: c.site}); err != nil {
		return nil, err
	}
	p, err := readPledge(r)
	if err != nil {
		return nil, err
	}
	if err := c.promise(ctx, p, c.Now().Add(patience)); err != nil {
		return nil, err
	}
	return &dimse.Reply{Then: func(ctx context.Context, same dimse.Normal) { c.tell(ctx, p, same) }}, nil
}

// readPledge reads a request. The error says which argument is wrong.
func readPledge(r *dimse.Request) (pledge, error) {
	p := pledge{Peer: r.Peer.CallingAE, Title: r.Peer.CalledAE}
	if r.Dataset == nil {
		return p, &dimse.StatusError{Status: dimse.InvalidArgument, Text: "nothing is asked for"}
	}
	p.Transaction = r.Dataset.UID(tag.TransactionUID).String()
	if p.Transaction == "" {
		return p, &dimse.StatusError{Status: dimse.InvalidArgument, Text: "no Transaction UID", Attributes: []tag.Tag{tag.TransactionUID}}
	}
	var lines strings.Builder
	for _, item := range r.Dataset.Items(tag.ReferencedSOPSequence) {
		class, instance := item.UID(tag.ReferencedSOPClassUID), item.UID(tag.ReferencedSOPInstanceUID)
		if class.IsZero() || instance.IsZero() {
			return p, &dimse.StatusError{Status: dimse.InvalidArgument, Text: "an item names no instance", Attributes: []tag.Tag{tag.ReferencedSOPSequence}}
		}
		p.refs = append(p.refs, [2]uid.UID{class, instance})
		lines.WriteString(class.String() + " " + instance.String() + "\n")
	}
	if len(p.refs) == 0 {
		return p, &dimse.StatusError{Status: dimse.InvalidArgument, Text: "no instances", Attributes: []tag.Tag{tag.ReferencedSOPSequence}}
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = io.WriteString(w, lines.String())
	}
	if err != nil {
		return p, err
	}
	err = w.Close()
	p.Instances = packed.Bytes()
	return p, err
}

// unpack reads the instances of a pledge that a job kept.
func (p *pledge) unpack() error {
	b, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(p.Instances)), 64<<20))
	if err != nil {
		return fault.As(fault.Invalid, err)
	}
	for line := range strings.Lines(string(b)) {
		class, instance, _ := strings.Cut(strings.TrimSpace(line), " ")
		c, err := uid.Parse(class)
		i, err2 := uid.Parse(instance)
		if err = errors.Join(err, err2); err != nil {
			return fault.As(fault.Invalid, err)
		}
		p.refs = append(p.refs, [2]uid.UID{c, i})
	}
	return nil
}

// promise keeps a pledge as a job, so that a restart does not forget it. Said again, it
// says what is new of the same pledge.
func (c committer) promise(ctx context.Context, p pledge, when time.Time) error {
	args, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if len(args) > job.MaxArgs {
		return &dimse.StatusError{Status: dimse.ResourceLimitation, Text: "too many instances: ask for fewer at once"}
	}
	return c.DB.Write(ctx, func(tx *db.Tx) error {
		return c.Jobs.Add(ctx, tx, job.Job{Site: c.site, Kind: commitmentJob, Key: p.Peer + " " + p.Transaction, Args: args, RunAt: when})
	})
}

// tell reports on the association on which it was asked. If the requestor has gone, the
// job reports at once.
func (c committer) tell(ctx context.Context, p pledge, same dimse.Normal) {
	err := c.report(ctx, p, same)
	after := context.WithoutCancel(ctx)
	if err == nil {
		p.Done, p.Instances = true, nil
	}
	if err := c.promise(after, p, c.Now()); err != nil {
		c.Log.ErrorContext(ctx, "storage commitment: kept for later", "peer", p.Peer, "transaction", p.Transaction, "error", err)
	}
}

// later is the job: it calls the peer.
func (c committer) later(ctx context.Context, j job.Job) error {
	var p pledge
	if err := json.Unmarshal(j.Args, &p); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if p.Done {
		return nil
	}
	if err := p.unpack(); err != nil {
		return err
	}
	address, config, err := c.line(ctx, c.site, p.Peer, p.Title)
	if err != nil {
		return err
	}
	class := uid.StorageCommitmentPushModel
	config.Propose = []dimse.Proposal{{SOPClass: class, Syntaxes: []uid.UID{uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian}}}
	config.Roles = []dimse.Role{{SOPClass: class, SCP: true}}
	assoc, err := openLine(ctx, address, config)
	if err != nil {
		return err
	}
	if err := c.report(ctx, p, assoc); err != nil {
		assoc.Abort()
		return err
	}
	return assoc.Release(ctx)
}

// report looks what the archive has, and says it.
func (c committer) report(ctx context.Context, p pledge, to dimse.Normal) error {
	ds, event, err := c.result(ctx, p)
	if err != nil {
		return err
	}
	_, err = to.Do(ctx, &dimse.Request{
		Operation: dimse.EventReport, SOPClass: uid.StorageCommitmentPushModel, SOPInstance: uid.StorageCommitmentPushModelInstance,
		Type: event, Dataset: ds,
	})
	return err
}

// followed reports whether the archive keeps a rejection note that it has followed.
func (c committer) followed(ctx context.Context, note uid.UID) bool {
	_, err := c.Archive.Note(ctx, c.site, note)
	return err == nil
}

// result is the information of the event (PS3.4 Table J.3-2). What stands in the index
// is on disk: a row comes after its bytes.
func (c committer) result(ctx context.Context, p pledge) (*dicom.Dataset, uint16, error) {
	var kept, failed []*dicom.Builder
	for _, ref := range p.refs {
		item := dicom.NewBuilder().UID(tag.ReferencedSOPClassUID, ref[0]).UID(tag.ReferencedSOPInstanceUID, ref[1])
		i, err := c.Archive.Instance(ctx, c.site, ref[1])
		switch {
		case err != nil && fault.Of(err) == fault.NotFound && ref[0] == uid.KeyObjectSelectionDocumentStorage && c.followed(ctx, ref[1]):
			kept = append(kept, item) // it is hidden with what it rejects, and stays
		case err != nil && fault.Of(err) == fault.NotFound:
			failed = append(failed, item.Int(tag.FailureReason, noSuchInstance))
		case err != nil:
			return nil, 0, err
		case i.SOPClass != ref[0]:
			failed = append(failed, item.Int(tag.FailureReason, classConflict))
		default:
			kept = append(kept, item)
		}
	}
	transaction, err := uid.Parse(p.Transaction)
	if err != nil {
		return nil, 0, fault.As(fault.Invalid, err)
	}
	b := dicom.NewBuilder().UID(tag.TransactionUID, transaction).Text(tag.RetrieveAETitle, p.Title)
	event := uint16(allCommitted)
	if len(kept) > 0 {
		b.Sequence(tag.ReferencedSOPSequence, kept...)
	}
	if len(failed) > 0 {
		b.Sequence(tag.FailedSOPSequence, failed...)
		event = someFailed
	}
	ds, err := b.Dataset()
	return ds, event, err
}
