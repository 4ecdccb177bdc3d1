package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"radagora/access"
	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/site"
	"radagora/web"
	"radagora/web/face"
)

// A fetchView shows what other archives have, and what is on its way from there.
type fetchView struct{ *view }

// mostFar is how many studies of a peer the page lists.
const mostFar = 200

// callable returns the peers that can be called, as choices.
func (v fetchView) callable(ctx context.Context) (all []face.Choice, err error) {
	peers, err := v.Sites.Peers(ctx, at)
	for _, p := range peers {
		if p.Host != "" && p.Port != 0 && p.State != site.Blocked {
			all = append(all, face.Choice{Code: p.AETitle, Label: p.AETitle})
		}
	}
	return all, err
}

// Fetching implements web.Fetching. Whoever asks another archive is noted, as whoever
// asks this one is.
func (v fetchView) Fetching(ctx context.Context, q web.FarQuery) (p web.FetchPage, err error) {
	if p.Peers, err = v.callable(ctx); err != nil {
		return p, err
	}
	if q.Peer != "" && q.PatientID+q.Name+q.Accession+q.From+q.Until != "" {
		if err := v.search(ctx, q, &p); err != nil {
			return p, err
		}
	}
	list, err := v.Exchange.Fetches(ctx, at, nil, mostTransfers)
	if err != nil {
		return p, err
	}
	people, err := v.accountNames(ctx)
	if err != nil {
		return p, err
	}
	for _, f := range list {
		p.Fetches = append(p.Fetches, web.Fetched{
			ID: f.ID, Peer: f.Peer, Study: f.Study, Title: exchangeView(v).studyWords(ctx, f.Study), Part: string(f.Part), State: string(f.State),
			Reason: f.Reason, Detail: f.Detail, Way: string(f.Way), There: f.There, Here: f.Here, Extra: f.Extra, By: people[f.By], Updated: f.Updated,
		})
	}
	return p, nil
}

// search asks a peer, and puts what is kept here beside what it answers.
func (v fetchView) search(ctx context.Context, q web.FarQuery, p *web.FetchPage) error {
	if err := v.mayFetch(ctx, ""); err != nil {
		return err
	}
	name := strings.TrimSpace(q.Name)
	if name != "" && !strings.ContainsAny(name, "*?") {
		name += "*"
	}
	digits := func(day string) string { return strings.ReplaceAll(day, "-", "") }
	p.Asked = true
	all, err := v.Exchange.Search(ctx, at, q.Peer, exchange.Search{
		PatientID: archive.Conceal(q.PatientID), PatientName: archive.Conceal(name), Accession: archive.Conceal(q.Accession), Modality: q.Modality,
		From: digits(q.From), Until: digits(q.Until), Limit: mostFar + 1,
	})
	if err != nil {
		p.Trouble = exchange.Why(err)
		if no, ok := errors.AsType[*exchange.RefusedError](err); ok {
			p.Detail = fmt.Sprintf("%04X %s", no.Status, no.Words)
		}
		return nil
	}
	if p.More = len(all) > mostFar; p.More {
		all = all[:mostFar]
	}
	for _, f := range all {
		one := web.FarStudy{
			UID: f.UID.String(), Patient: readable(f.PatientName.Reveal()), ID: f.PatientID.Reveal(), Accession: f.Accession.Reveal(),
			Date: f.Date, Modalities: strings.Join(f.Modalities, " "), Title: f.Description, There: f.Instances,
		}
		switch s, err := v.Archive.Study(ctx, at, f.UID); {
		case err == nil:
			one.Here = s.InstanceCount
		case fault.Of(err) != fault.NotFound:
			return err
		}
		p.Found = append(p.Found, one)
	}
	return nil
}

// mayFetch returns an error unless whoever asks may fetch a study, and notes that they
// asked.
func (v fetchView) mayFetch(ctx context.Context, study string) error {
	if study == "" {
		subject := access.Subject{Site: at}
		if err := access.Check(ctx, access.StudyFetch, subject); err != nil {
			return err
		}
		return v.noteRead(ctx, access.StudyFetch, subject)
	}
	u, err := uid.Parse(study)
	if err != nil {
		return notFound("study")
	}
	return v.mayStudy(ctx, access.StudyFetch, u)
}

// FetchStudy implements web.Fetching.
func (v fetchView) FetchStudy(ctx context.Context, peer, study, part string) error {
	if err := v.mayFetch(ctx, study); err != nil {
		return err
	}
	p, err := v.Sites.Peer(ctx, at, peer)
	if err != nil {
		return err
	}
	if p.Host == "" || p.Port == 0 {
		return fault.Errorf(fault.Invalid, "peer %s: no host and port to call", peer)
	}
	return v.Exchange.Fetch(ctx, access.From(ctx).ID, at, peer, study, exchange.Part(part))
}

// FetchAgain implements web.Fetching.
func (v fetchView) FetchAgain(ctx context.Context, id string) error {
	return v.decideFetch(ctx, id, v.Exchange.FetchAgain)
}

// FetchCancel implements web.Fetching.
func (v fetchView) FetchCancel(ctx context.Context, id string) error {
	return v.decideFetch(ctx, id, v.Exchange.FetchCancel)
}

func (v fetchView) decideFetch(ctx context.Context, id string, do func(ctx context.Context, by, site, id string) error) error {
	f, err := v.Exchange.FetchOf(ctx, at, id)
	if err != nil {
		return err
	}
	if err := v.mayFetch(ctx, f.Study); err != nil {
		return err
	}
	return do(ctx, access.From(ctx).ID, at, id)
}
