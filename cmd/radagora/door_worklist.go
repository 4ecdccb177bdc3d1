package main

import (
	"context"
	"iter"
	"slices"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/dimse"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/site"
	"radagora/worklist"
)

// A scheduler answers machines that ask what is to be done, and takes what they say
// they do.
type scheduler struct {
	*house
	site string
}

// performedClasses are the SOP classes of performed procedure steps that are answered.
var performedClasses = []uid.UID{uid.ModalityPerformedProcedureStep, uid.ModalityPerformedProcedureStepRetrieve}

// schedule puts the worklist behind a DICOM door.
func (h *house) schedule(s *dimse.Server) *dimse.Server {
	desk := scheduler{house: h, site: site.Default}
	s.Worklist = desk
	if s.Normal == nil {
		s.Normal = map[uid.UID]dimse.Normal{}
	}
	for _, class := range performedClasses {
		s.Normal[class] = desk
	}
	return s
}

// as returns a context in which the peer asks.
func (d scheduler) as(ctx context.Context, p dimse.Peer) (context.Context, error) {
	who, err := d.peerWho(ctx, p)
	return access.WithJudge(access.With(ctx, who), d.Judge), err
}

// Find implements dimse.Finder. Whose data are shown is noted.
func (d scheduler) Find(ctx context.Context, q *dimse.Query) iter.Seq2[*dicom.Dataset, error] {
	return func(yield func(*dicom.Dataset, error) bool) {
		ctx, err := d.as(ctx, q.Peer)
		if err != nil {
			yield(nil, err)
			return
		}
		asked := worklist.Asked{Keys: q.Identifier, Caller: q.Peer.CallingAE}
		for a, err := range d.Worklist.Find(ctx, d.site, asked) {
			if err == nil && a.Person != "" {
				err = d.noteRead(ctx, access.StepFind, access.Subject{Site: d.site, Person: a.Person})
			}
			if err != nil {
				yield(nil, err)
				return
			}
			q.Partial = a.Unsupported // the same for every answer: it follows from the keys
			if !yield(a.Dataset, nil) {
				return
			}
		}
	}
}

// Do implements dimse.Normal.
func (d scheduler) Do(ctx context.Context, r *dimse.Request) (*dimse.Reply, error) {
	ctx, err := d.as(ctx, r.Peer)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(performedClasses, r.SOPClass) {
		return nil, &dimse.StatusError{Status: dimse.NoSuchClass, Text: "no performed procedure step"}
	}
	reply, err := d.perform(ctx, r)
	return reply, refusedStatus(err)
}

// perform does what a request asks for.
func (d scheduler) perform(ctx context.Context, r *dimse.Request) (*dimse.Reply, error) {
	m := worklist.Message{SOPInstance: r.SOPInstance, Caller: r.Peer.CallingAE, Dataset: r.Dataset}
	if m.Dataset == nil {
		m.Dataset, _ = dicom.NewBuilder().Dataset()
	}
	switch {
	case r.Operation == dimse.NGet:
		ds, err := d.Worklist.Attributes(ctx, d.site, r.SOPInstance, r.Attributes...)
		return &dimse.Reply{SOPInstance: r.SOPInstance, Dataset: ds}, err
	case r.SOPClass != uid.ModalityPerformedProcedureStep:
	case r.Operation == dimse.NCreate:
		p, err := d.Worklist.Begin(ctx, d.site, m)
		if err != nil {
			return nil, err
		}
		made, err := uid.Parse(p.SOPInstance)
		return &dimse.Reply{SOPInstance: made}, err
	case r.Operation == dimse.NSet:
		p, err := d.Worklist.Set(ctx, d.site, m)
		reply := &dimse.Reply{SOPInstance: r.SOPInstance}
		if p.Ignored {
			reply.Status = dimse.AttributeListError
		}
		return reply, err
	}
	return nil, fault.Errorf(fault.Unsupported, "a performed procedure step has no %s", r.Operation)
}

// Statuses and the error of what is final (PS3.4 F.7.2.2.3, PS3.7 Annex C).
const (
	missingValue       dimse.Status = 0x0121
	mayNotBeUpdated    uint16       = 0xa710
	mayNotBeUpdatedSay              = "Performed Procedure Step Object may no longer be updated"
)

// refusalStatus is the status of each refusal.
var refusalStatus = map[worklist.Refusal]dimse.Status{
	worklist.RefusedDuplicate: dimse.DuplicateInstance, worklist.RefusedUnknown: dimse.NoSuchInstance,
	worklist.RefusedFinal: dimse.ProcessingFailure, worklist.RefusedMissing: dimse.MissingAttribute,
	worklist.RefusedEmpty: missingValue, worklist.RefusedValue: dimse.InvalidAttribute,
}

// refusedStatus gives a refusal its status; other errors stay as they are.
func refusedStatus(err error) error {
	refused, ok := worklist.Refused(err)
	if !ok {
		return err
	}
	e := &dimse.StatusError{Status: refusalStatus[refused.Refusal], Text: refused.Error(), Attributes: refused.Tags}
	if refused.Refusal == worklist.RefusedFinal {
		e.Text, e.ID = mayNotBeUpdatedSay, mayNotBeUpdated
	}
	return e
}

// ordered tells the worklist what the archive has.
type ordered struct{ *archive.Archive }

// Study implements worklist.Studies.
func (a ordered) Study(ctx context.Context, siteID, study string) (worklist.Study, error) {
	u, err := uid.Parse(study)
	if err != nil {
		return worklist.Study{}, fault.As(fault.NotFound, err)
	}
	s, err := a.Archive.Study(ctx, siteID, u)
	return worklist.Study{
		Person: s.Person.Reveal(), PatientID: s.PatientID.Reveal(), Issuer: s.IssuerOfPatientID.Reveal(), Accession: s.AccessionNumber.Reveal(),
		Date: s.Date, Time: s.Time, Modalities: s.Modalities, Series: s.SeriesCount, Instances: s.InstanceCount,
	}, err
}

// Present implements worklist.Studies.
func (a ordered) Present(ctx context.Context, siteID string, instances []string) (n int, err error) {
	for _, text := range instances {
		u, err := uid.Parse(text)
		if err != nil {
			continue // a machine that writes such a UID cannot have sent it
		}
		switch _, err := a.Instance(ctx, siteID, u); {
		case err == nil:
			n++
		case fault.Of(err) != fault.NotFound:
			return n, err
		}
	}
	return n, nil
}
