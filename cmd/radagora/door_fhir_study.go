package main

import (
	"context"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
	"radagora/fhir/search"
	"radagora/person"
)

// mostSeries bounds the series that one page of a search shows.
const mostSeries = 5000

// fhirStudies serves ImagingStudies.
type fhirStudies struct{ *fhirDoor }

// Read implements fhirweb.Reader.
func (d fhirStudies) Read(ctx context.Context, _, id string) (fhirweb.Stored, error) {
	gone := fault.Errorf(fault.NotFound, "there is no such resource, or none for whoever asks")
	u, err := uid.Parse(id)
	if err != nil {
		return fhirweb.Stored{}, gone
	}
	s, err := d.Archive.Study(ctx, at, u)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return fhirweb.Stored{}, gone
	case err != nil:
		return fhirweb.Stored{}, err
	}
	subject := access.Subject{Site: at, Study: u.String(), Person: s.Person.Reveal()}
	if err := d.ofPerson(ctx, access.ObjectRead, subject); err != nil {
		return fhirweb.Stored{}, err
	}
	if !access.Can(ctx, access.IdentityRead, subject) {
		s.Conceal()
	}
	instances, err := d.Archive.ListInstances(ctx, at, s)
	if err != nil {
		return fhirweb.Stored{}, err
	}
	all, err := d.show(ctx, []archive.Study{s}, instances)
	if err != nil {
		return fhirweb.Stored{}, err
	}
	return all[0], nil
}

// show returns studies as ImagingStudies.
func (d fhirStudies) show(ctx context.Context, studies []archive.Study, instances map[string][]archive.Instance) (out []fhirweb.Stored, err error) {
	uids := make([]string, len(studies))
	var cards []person.Card
	for i, s := range studies {
		uids[i] = s.UID.String()
		if s.Person != (archive.Personal{}) {
			cards = append(cards, person.Card{Key: s.Person.Reveal(), Issuer: s.IssuerOfPatientID.Reveal(), Identifier: s.PatientID.Reveal()})
		}
	}
	if err := d.Persons.Introduce(ctx, at, cards...); err != nil {
		return nil, err
	}
	orders, err := d.Worklist.OrdersOf(ctx, at, uids)
	if err != nil {
		return nil, err
	}
	series, err := d.Archive.SeriesIn(ctx, studies, mostSeries)
	if err != nil {
		return nil, err
	}
	subject, zone := d.subjectOf(ctx), d.place(ctx)
	n := archive.Naming{Zone: zone, Subject: func(key string) fhir.Value { return subject(at, key) }}
	for _, s := range studies {
		n.Order = orders[s.UID.String()]
		p, err := s.Imaging(n, series[s.ID], instances)
		if err != nil {
			return nil, err
		}
		out = append(out, fhirweb.Stored{Resource: p.Resource, Version: p.Version, Updated: p.Updated})
	}
	return out, nil
}

// Search implements fhirweb.Searcher.
func (d fhirStudies) Search(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	reach, err := access.ReachOf(ctx, access.ObjectRead, at)
	if err != nil {
		return fhirweb.Page{}, err
	}
	var failed error
	e := archive.Elsewhere{
		Subjects: d.Persons.Subjects(ctx, d.DB, at, "study.person"),
		Orders: func(order string) []string {
			list, err := d.Worklist.StudiesOf(ctx, at, order)
			if err != nil {
				failed = err
			}
			return list
		},
	}
	page, err := pageOf(ctx, d.fhirDoor, q, listing[archive.Study]{
		rows:  func(a search.Asked) ([]archive.Study, error) { return d.Archive.FindImaging(ctx, at, reach, e, a) },
		count: func(a search.Asked) (int, error) { return d.Archive.CountImaging(ctx, at, reach, e, a) },
		id:    func(s archive.Study) string { return s.UID.String() },
		show: func(all []archive.Study) ([]fhirweb.Stored, error) {
			for _, s := range all {
				if key := s.Person.Reveal(); key != "" {
					if err := d.noteRead(ctx, access.StudyFind, access.Subject{Site: at, Person: key, Study: s.UID.String()}); err != nil {
						return nil, err
					}
				}
			}
			return d.show(ctx, all, nil)
		},
	})
	if failed != nil {
		err = failed
	}
	return page, err
}

// fhirEndpoint serves the one Endpoint: DICOMweb of this installation.
type fhirEndpoint struct{ *fhirDoor }

func (d fhirEndpoint) endpoint() (fhirweb.Stored, error) {
	p, err := archive.Endpoint(d.s.base()+dicomwebRoot, "Radagora DICOMweb", time.Time{})
	return fhirweb.Stored{Resource: p.Resource, Version: p.Version}, err
}

// Read implements fhirweb.Reader.
func (d fhirEndpoint) Read(_ context.Context, _, id string) (fhirweb.Stored, error) {
	if id != archive.EndpointID {
		return fhirweb.Stored{}, fault.Errorf(fault.NotFound, "there is no such resource, or none for whoever asks")
	}
	return d.endpoint()
}

// Search implements fhirweb.Searcher.
func (d fhirEndpoint) Search(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	st, err := d.endpoint()
	if err != nil {
		return fhirweb.Page{}, err
	}
	for _, c := range q.Criteria {
		entries, err := c.Parameter.Extract(ctx, st.Resource, 0)
		if err != nil {
			return fhirweb.Page{}, err
		}
		if !c.Matches(entries, d.Now()) {
			return fhirweb.Page{}, nil
		}
	}
	if q.Count == 0 {
		return fhirweb.Page{Total: 1}, nil
	}
	return fhirweb.Page{Matches: []fhirweb.Stored{st}, Total: 1}, nil
}
