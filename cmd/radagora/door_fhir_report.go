package main

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"radagora/access"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/history"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
	"radagora/fhir/search"
	"radagora/person"
)

// fhirReports serves Radiation Summary Reports: a Composition for each study with a dose
// of a patient, and as a document.
type fhirReports struct{ *fhirDoor }

// Read implements fhirweb.Reader.
func (d fhirReports) Read(ctx context.Context, _, id string) (fhirweb.Stored, error) {
	gone := fault.Errorf(fault.NotFound, "there is no such resource, or none for whoever asks")
	u, err := uid.Parse(id)
	if err != nil {
		return fhirweb.Stored{}, gone
	}
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
	st, err := d.report(ctx, history.Found{Study: id, Person: person})
	if err != nil && fault.Of(err) == fault.NotFound {
		err = gone
	}
	return st, err
}

// report returns the report of a study.
func (d fhirReports) report(ctx context.Context, f history.Found) (fhirweb.Stored, error) {
	summary, err := fhirObservations(d).summary(ctx, f)
	if err != nil {
		return fhirweb.Stored{}, err
	}
	s, err := d.Dose.Study(ctx, at, f.Study)
	if err != nil {
		return fhirweb.Stored{}, err
	}
	rep := history.Report{Subject: d.subjectOf(ctx)(at, f.Person), At: moment(cmp.Or(s.Started, s.Day), d.place(ctx)), Updated: summary.Updated, Indication: d.indication(s)}
	facts, err := d.Persons.Known(ctx, d.DB, at, f.Person, rep.At)
	if err != nil {
		return fhirweb.Stored{}, err
	}
	if known, ok := facts[person.Pregnancy]; ok {
		rep.Pregnancy = known.ID
	}
	r, err := history.Composition(f.Study, rep)
	return fhirweb.Stored{Resource: r.Resource, Version: r.Version, Updated: r.Updated}, err
}

// indication says why a study was made: the reason of its order, or else the indication
// that its examinations are mapped to, unless that is assumed.
func (d fhirReports) indication(s *dose.StoredStudy) string {
	w := &words{library: d.Content}
	var all []string
	for _, i := range s.Items {
		text := i.Known.Reason
		if text == "" && i.Indication != "" && i.KnownBy != dose.KnownByAssumed {
			text = w.indication(i.Indication, "en")
		}
		if text != "" && !slices.Contains(all, text) {
			all = append(all, text)
		}
	}
	return strings.Join(all, "; ")
}

// Search implements fhirweb.Searcher.
func (d fhirReports) Search(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	reach, err := access.ReachOf(ctx, access.ExaminationRead, at)
	if err != nil {
		return fhirweb.Page{}, err
	}
	var failed error
	f := fhirObservations(d).finder(ctx, &failed)
	f.Type = "Composition"
	return pageOf(ctx, d.fhirDoor, q, listing[history.Found]{
		rows:  func(a search.Asked) ([]history.Found, error) { return f.Find(ctx, at, reach, a) },
		count: func(a search.Asked) (int, error) { return f.Count(ctx, at, reach, a) },
		id:    func(x history.Found) string { return x.Study },
		show: func(all []history.Found) (out []fhirweb.Stored, err error) {
			for _, x := range all {
				if err := d.noteRead(ctx, access.ExaminationRead, access.Subject{Site: at, Person: x.Person, Study: x.Study}); err != nil {
					return nil, err
				}
				st, err := d.report(ctx, x)
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
}

// Document implements fhirweb.Documenter: the report with what it refers to, for those
// who may know whose it is.
func (d fhirReports) Document(ctx context.Context, id string) (fhir.Resource, error) {
	st, err := d.Read(ctx, "Composition", id)
	if err != nil {
		return fhir.Resource{}, err
	}
	var all []fhir.Resource
	references := []string{st.Resource.Get("subject.reference").Text()}
	for one := range st.Resource.Each("section.entry") {
		references = append(references, one.Get("reference").Text())
	}
	for _, ref := range references {
		typ, id, _ := strings.Cut(ref, "/")
		var read fhirweb.Reader
		switch {
		case strings.HasPrefix(ref, "#"), typ != "Patient" && typ != "Observation":
			continue
		case typ == "Patient":
			read = fhirPatients(d)
		default:
			read = fhirObservations(d)
		}
		r, err := read.Read(ctx, typ, id)
		if err != nil {
			return fhir.Resource{}, err
		}
		all = append(all, r.Resource)
		if device, ok := strings.CutPrefix(r.Resource.Get("device.reference").Text(), "Device/"); ok {
			if r, err := fhirDevices(d).Read(ctx, "Device", device); err == nil {
				all = append(all, r.Resource)
			}
		}
	}
	return history.Document(d.s.base()+fhirRoot, d.Now(), st.Resource, all...)
}
