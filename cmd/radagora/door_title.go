package main

import (
	"context"
	"strings"

	"radagora/dicom/dimse"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/site"
)

// titleOf implements dimse.Server.TitleOf: what this program is under a further name
// that somebody gave it.
func (h *house) titleOf(ctx context.Context, called string) (*dimse.Title, error) {
	t, err := h.Sites.Title(ctx, at, called)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			return nil, nil //nolint:nilnil // nobody is called that
		}
		return nil, err
	}
	return h.entity(t), nil
}

// entity returns the services of a title as a DICOM door takes them.
func (h *house) entity(t site.Title) *dimse.Title {
	out := &dimse.Title{Name: t.AETitle, Contexts: dimse.Contexts{Private: true, Options: queryOptions}, Normal: map[uid.UID]dimse.Normal{}, Events: h.hears()}
	l, desk := librarian{house: h, site: at, title: t.AETitle}, scheduler{house: h, site: at}
	for _, s := range t.Services {
		switch s {
		case site.Stores:
			out.Store = keeper{house: h, site: at}
		case site.Finds:
			out.Find = l
		case site.Retrieves:
			out.Retrieve = l
		case site.Worklists:
			out.Worklist = desk
		case site.Performs:
			for _, class := range performedClasses {
				out.Normal[class] = desk
			}
		case site.Commits:
			out.Normal[uid.StorageCommitmentPushModel] = committer{l}
		}
	}
	if t.Keep == site.KeepReports {
		out.Contexts.Classes = reportClasses()
	}
	return out
}

// reportArc begins the UIDs of the storage classes of structured reports (PS3.6 Annex A).
const reportArc = "1.2.840.10008.5.1.4.1.1.88."

// reportClasses returns those classes.
func reportClasses() (all []uid.UID) {
	for e := range uid.All() {
		if e.Storage && strings.HasPrefix(e.UID.String(), reportArc) {
			all = append(all, e.UID)
		}
	}
	return all
}

// mayCall returns ErrCalling unless a peer may call the title it calls.
func (d *doorman) mayCall(ctx context.Context, p *dimse.Peer) error {
	if p.Account == ourselves || p.Verifying() {
		return nil
	}
	t, err := d.Sites.Title(ctx, at, p.CalledAE)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound, err == nil && t.MayCall(p.CallingAE):
		return nil
	case err != nil:
		return err
	}
	return dimse.ErrCalling
}
