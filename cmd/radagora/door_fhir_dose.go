package main

import (
	"cmp"
	"context"
	"slices"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose/history"
	"radagora/fault"
	"radagora/fhir/fhirweb"
	"radagora/fhir/search"
	"radagora/site"
)

// fhirObservations serves Observations: what is known of bodies, and what studies came to
// in dose. Summaries have Study Instance UIDs for ids, so that no two meet.
type fhirObservations struct{ *fhirDoor }

// observationParameters are the search parameters of both.
func observationParameters(bodies []string) []string {
	all := append(slices.Clone(bodies), history.SummaryParameters()...)
	slices.Sort(all)
	return slices.Compact(all)
}

// Read implements fhirweb.Reader.
func (d fhirObservations) Read(ctx context.Context, typ, id string) (fhirweb.Stored, error) {
	u, err := uid.Parse(id)
	if err != nil {
		return fhirBodies(d).Read(ctx, typ, id)
	}
	gone := fault.Errorf(fault.NotFound, "there is no such resource, or none for whoever asks")
	s, err := d.Archive.Study(ctx, at, u)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			err = gone
		}
		return fhirweb.Stored{}, err
	}
	person := s.Person.Reveal()
	if err := d.ofPerson(ctx, access.ExaminationRead, access.Subject{Site: at, Study: id, Person: person}); err != nil {
		return fhirweb.Stored{}, err
	}
	st, err := d.summary(ctx, history.Found{Study: id, Person: person})
	if fault.Of(err) == fault.NotFound && err != nil {
		err = gone
	}
	return st, err
}

// summary returns the dose summary of a study.
func (d fhirObservations) summary(ctx context.Context, f history.Found) (fhirweb.Stored, error) {
	s, err := d.Dose.Study(ctx, at, f.Study)
	if err != nil {
		return fhirweb.Stored{}, err
	}
	if s.NotPatient != "" || f.Person == "" {
		return fhirweb.Stored{}, fault.Errorf(fault.NotFound, "no dose of a patient")
	}
	orders, err := d.Worklist.OrdersOf(ctx, at, []string{f.Study})
	if err != nil {
		return fhirweb.Stored{}, err
	}
	n := history.Naming{Order: orders[f.Study], Subject: d.subjectOf(ctx)(at, f.Person), Started: moment(cmp.Or(s.Started, s.Day), d.place(ctx))}
	for _, i := range s.Items {
		n.Accession = cmp.Or(n.Accession, i.Known.Accession)
	}
	if n.Sentence, err = d.sentenceIn(s, s.Items, "en"); err != nil {
		return fhirweb.Stored{}, err
	}
	if n.Sentence == "" {
		return fhirweb.Stored{}, fault.Errorf(fault.NotFound, "no dose of a patient")
	}
	d.Log.DebugContext(ctx, "fhir: a dose summary names an unknown practitioner", "study", f.Study)
	r, err := history.Observation(s, n)
	return fhirweb.Stored{Resource: r.Resource, Version: r.Version, Updated: r.Updated}, err
}

// finder finds studies with a dose.
func (d fhirObservations) finder(ctx context.Context, failed *error) history.Finder {
	return history.Finder{
		DB: d.DB, Now: d.Now, Subjects: d.Persons.Subjects(ctx, d.DB, at, "s.person"),
		Orders: func(order string) []string {
			list, err := d.Worklist.StudiesOf(ctx, at, order)
			if err != nil {
				*failed = err
			}
			return list
		},
	}
}

// Search implements fhirweb.Searcher: what is known of bodies comes first, then doses,
// unless the criteria are about one of the two.
func (d fhirObservations) Search(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	if history.Own(q.Criteria) {
		return d.summaries(ctx, q)
	}
	doses := q.Cursor != ""
	if _, err := uid.Parse(q.Cursor); err != nil {
		doses = false
	}
	if doses {
		return d.summaries(ctx, q)
	}
	page, err := fhirBodies(d).Search(ctx, q)
	if err != nil {
		return page, err
	}
	rest := q
	rest.Cursor, rest.Count = "", q.Count-len(page.Matches)
	if page.Next != "" {
		return page, nil
	}
	if rest.Count == 0 && q.Count > 0 { // the page is full: the doses are behind its last
		rest.Count = 1
		more, err := d.summaries(ctx, rest)
		if err == nil && len(more.Matches) > 0 {
			page.Total, page.Next = -1, page.Matches[len(page.Matches)-1].Resource.ID()
		}
		return page, err
	}
	more, err := d.summaries(ctx, rest)
	if err != nil {
		return page, err
	}
	if len(q.Sort) > 0 && len(page.Matches) > 0 && len(more.Matches) > 0 {
		return page, fault.Errorf(fault.Unsupported, "_sort: heights and doses are not sorted together; ask for one code")
	}
	page.Matches, page.Next = append(page.Matches, more.Matches...), more.Next
	if page.Total >= 0 && more.Total >= 0 {
		page.Total += more.Total
	} else {
		page.Total = -1
	}
	return page, nil
}

// summaries searches dose summaries.
func (d fhirObservations) summaries(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	reach, err := access.ReachOf(ctx, access.ExaminationRead, at)
	if err != nil {
		return fhirweb.Page{}, err
	}
	var failed error
	f := d.finder(ctx, &failed)
	page, err := pageOf(ctx, d.fhirDoor, q, listing[history.Found]{
		rows:  func(a search.Asked) ([]history.Found, error) { return f.Find(ctx, at, reach, a) },
		count: func(a search.Asked) (int, error) { return f.Count(ctx, at, reach, a) },
		id:    func(x history.Found) string { return x.Study },
		show: func(all []history.Found) (out []fhirweb.Stored, err error) {
			for _, x := range all {
				if err := d.noteRead(ctx, access.ExaminationRead, access.Subject{Site: at, Person: x.Person, Study: x.Study}); err != nil {
					return nil, err
				}
				st, err := d.summary(ctx, x)
				if err != nil && fault.Of(err) == fault.NotFound {
					continue // it says nothing of a patient
				}
				if err != nil {
					return nil, err
				}
				out = append(out, st)
			}
			return out, nil
		},
	})
	if failed != nil {
		err = failed
	}
	return page, err
}

// fhirDevices serves the machines of a site as Devices.
type fhirDevices struct{ *fhirDoor }

// Read implements fhirweb.Reader.
func (d fhirDevices) Read(ctx context.Context, _, id string) (fhirweb.Stored, error) {
	p, err := d.Sites.Plan(ctx, d.DB, at)
	if err != nil {
		return fhirweb.Stored{}, err
	}
	m, ok := p.Machine(id)
	if !ok {
		return fhirweb.Stored{}, fault.Errorf(fault.NotFound, "there is no such resource, or none for whoever asks")
	}
	m.ID = id
	return deviceOf(m)
}

func deviceOf(m site.Machine) (fhirweb.Stored, error) {
	r, err := history.Device(m)
	return fhirweb.Stored{Resource: r.Resource, Version: r.Version, Updated: r.Updated}, err
}

// Search implements fhirweb.Searcher.
func (d fhirDevices) Search(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	p, err := d.Sites.Plan(ctx, d.DB, at)
	if err != nil {
		return fhirweb.Page{}, err
	}
	var page fhirweb.Page
	var machines []site.Machine
	for _, room := range p.Rooms {
		machines = append(machines, room.Machines...)
	}
	for _, m := range machines {
		st, err := deviceOf(m)
		if err != nil {
			return page, err
		}
		meets := true
		for _, c := range q.Criteria {
			entries, err := c.Parameter.Extract(ctx, st.Resource, 0)
			if err != nil {
				return page, err
			}
			meets = meets && c.Matches(entries, d.Now())
		}
		if meets {
			page.Matches = append(page.Matches, st)
		}
	}
	slices.SortFunc(page.Matches, func(a, b fhirweb.Stored) int { return cmp.Compare(a.Resource.ID(), b.Resource.ID()) })
	page.Total = len(page.Matches)
	page.Matches = slices.DeleteFunc(page.Matches, func(s fhirweb.Stored) bool { return q.Cursor != "" && s.Resource.ID() <= q.Cursor })
	if len(page.Matches) > q.Count {
		page.Matches = page.Matches[:q.Count]
		if q.Count > 0 {
			page.Next = page.Matches[q.Count-1].Resource.ID()
		}
	}
	return page, nil
}
