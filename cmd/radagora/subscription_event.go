package main

import (
	"context"
	"encoding/json"
	"slices"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
	"radagora/journal"
	"radagora/notice/feed"
	"radagora/person"
	"radagora/record"
	"radagora/worklist"
)

// subscriptions tell what meets criteria of FHIR; they implement feed.Subscriptions.
type subscriptions struct{ *house }

var _ feed.Subscriptions = subscriptions{}

// An event is something that happened to a kind of resource: which entries of the
// journal say so, and what the resources are.
type event struct {
	kinds []string
	of    func(ctx context.Context, h *house, e journal.Entry) ([]fhirweb.Stored, error)
}

// subscribable are the types that can be subscribed to.
var subscribable = map[string]event{
	"DiagnosticReport": {[]string{record.Kept}, recordsOf("DiagnosticReport")},
	"Encounter":        {[]string{record.Kept}, recordsOf("Encounter")},
	"ImagingStudy":     {[]string{worklist.KindComplete, worklist.KindChanged, "archive.identity.*"}, imagingOf},
	"Observation":      {[]string{"person.fact.noted"}, observationsOf},
	"Patient":          {[]string{"person.fact.noted"}, patientsOf},
	"ServiceRequest":   {[]string{"worklist.order.*", "worklist.step.*"}, requestsOf},
}

// recordsOf returns the versions of a type in the book, as they were then.
func recordsOf(typ string) func(context.Context, *house, journal.Entry) ([]fhirweb.Stored, error) {
	return func(ctx context.Context, h *house, e journal.Entry) ([]fhirweb.Stored, error) {
		var note record.Note
		if err := json.Unmarshal(e.Data, &note); err != nil || note.Type != typ {
			return nil, nil //nolint:nilerr // an entry that says nothing of it
		}
		v, err := h.records.ReadKey(ctx, h.DB, at, e.Subject, note.Version)
		if err == nil {
			err = h.unrestricted(ctx, v.Person)
		}
		if err != nil {
			return nil, err
		}
		return []fhirweb.Stored{storedOf(v)}, nil
	}
}

// unrestricted returns NotFound for somebody who wants their data restricted.
func (h *house) unrestricted(ctx context.Context, key string) error {
	if key == "" {
		return nil
	}
	wishes, err := h.Facts.Wishes(ctx, access.Person{Site: at, ID: key})
	for _, w := range wishes {
		if w.Wish == access.Restricted && w.Until.IsZero() {
			return fault.Errorf(fault.NotFound, "nobody is told of this person")
		}
	}
	return err
}

// imagingOf returns the study of an entry as it is now.
func imagingOf(ctx context.Context, h *house, e journal.Entry) ([]fhirweb.Stored, error) {
	c := feed.Of(e)
	study, err := uid.Parse(c.Study)
	if err != nil {
		return nil, nil //nolint:nilerr // an entry that names no study
	}
	s, err := h.Archive.Study(ctx, at, study)
	if err != nil {
		return nil, err
	}
	if err := h.unrestricted(ctx, s.Person.Reveal()); err != nil {
		return nil, err
	}
	series, err := h.Archive.SeriesOf(ctx, at, study)
	if err != nil {
		return nil, err
	}
	here, err := h.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	p, err := s.Imaging(archive.Naming{Subject: func(string) fhir.Value { return fhir.Value{} }, Zone: here.Location()}, series, nil)
	return []fhirweb.Stored{{Resource: p.Resource, Updated: p.Updated}}, err
}

// requestsOf returns the order of an entry as it is now.
func requestsOf(ctx context.Context, h *house, e journal.Entry) ([]fhirweb.Stored, error) {
	o, err := h.Worklist.Request(ctx, h.DB, at, e.Subject)
	if err == nil {
		err = h.unrestricted(ctx, o.Person)
	}
	if err != nil {
		return nil, err
	}
	here, err := h.Sites.Site(ctx, at)
	if err != nil {
		return nil, err
	}
	p, err := o.ServiceRequest(worklist.Naming{Subject: func(_, _ string) fhir.Value { return fhir.Value{} }, Zone: here.Location()})
	return []fhirweb.Stored{{Resource: p.Resource, Version: p.Version, Updated: p.Updated}}, err
}

// toldOf returns whom new facts are about: the entry names a Patient, or the message that
// brought them.
func (h *house) toldOf(ctx context.Context, e journal.Entry) (string, error) {
	key := ""
	c, err := h.Persons.Card(ctx, h.DB, at, e.Subject)
	if key = c.Key; err != nil {
		m, err := h.Connect.Message(ctx, at, e.Subject)
		if key = m.Person; err != nil {
			return "", err
		}
	}
	if key == "" {
		return "", fault.Errorf(fault.NotFound, "nobody is named")
	}
	return key, h.unrestricted(ctx, key)
}

// patientsOf returns the Patient of whom something new is known.
func patientsOf(ctx context.Context, h *house, e journal.Entry) ([]fhirweb.Stored, error) {
	key, err := h.toldOf(ctx, e)
	if err != nil {
		return nil, err
	}
	c, err := h.Persons.Card(ctx, h.DB, at, h.Persons.ResourceID(at, key))
	if err != nil {
		return nil, err
	}
	p, err := h.Persons.Patient(ctx, h.DB, c)
	return []fhirweb.Stored{{Resource: p.Resource, Version: p.Version, Updated: p.Updated}}, err
}

// observationsOf returns the facts about a body that an entry counts: the newest of each
// kind that were noted by then.
func observationsOf(ctx context.Context, h *house, e journal.Entry) (all []fhirweb.Stored, err error) {
	left := map[person.FactKind]int{}
	_ = json.Unmarshal(e.Data, &left) // an entry that counts nothing tells of nothing
	if left[person.Height]+left[person.Weight]+left[person.Pregnancy] == 0 {
		return nil, nil
	}
	key, err := h.toldOf(ctx, e)
	if err != nil {
		return nil, err
	}
	facts, err := h.Persons.History(ctx, at, key)
	slices.SortStableFunc(facts, func(a, b person.Fact) int { return b.Noted.Compare(a.Noted) })
	for _, f := range facts {
		if left[f.Kind] == 0 || f.Noted.After(e.At) || !slices.Contains([]person.FactKind{person.Height, person.Weight, person.Pregnancy}, f.Kind) {
			continue
		}
		left[f.Kind]--
		p, err := h.Persons.Observation(f)
		if err != nil {
			return nil, err
		}
		all = append(all, fhirweb.Stored{Resource: p.Resource, Version: p.Version, Updated: p.Updated})
	}
	return all, err
}

// Kinds implements feed.Subscriptions.
func (subscriptions) Kinds(criteria string) []string {
	c, err := readCriteria(criteria)
	if err != nil {
		return nil
	}
	return subscribable[c.typ].kinds
}

// May implements feed.Subscriptions.
func (s subscriptions) May(ctx context.Context, account, _ string) error {
	return s.mayFollow(ctx, account)
}

// Write implements feed.Subscriptions: a Bundle of the type history that says which
// versions of which resources met the criteria, and nothing of what they hold. Without a
// payload it is nothing at all.
func (s subscriptions) Write(ctx context.Context, h feed.Hook, entries []journal.Entry) (text []byte, met int, err error) {
	c, err := readCriteria(h.Criteria)
	if err != nil {
		return nil, 0, err
	}
	var found []fhirweb.Stored
	for _, e := range entries {
		all, err := subscribable[c.typ].of(ctx, s.house, e)
		if err != nil {
			if fault.Of(err) == fault.NotFound {
				continue // gone since
			}
			return nil, 0, err
		}
		for _, st := range all {
			is, err := s.meets(ctx, c, st)
			if err != nil {
				return nil, 0, err
			}
			if is && !slices.ContainsFunc(found, func(o fhirweb.Stored) bool { return o.Resource.ID() == st.Resource.ID() && o.Version == st.Version }) {
				found = append(found, st)
			}
		}
	}
	if len(found) == 0 || h.Payload == "" {
		return nil, len(found), nil
	}
	b, err := notification(c.typ, found)
	return b.JSON(), len(found), err
}

// meets reports whether a resource meets all criteria.
func (s subscriptions) meets(ctx context.Context, c subscriptionCriteria, st fhirweb.Stored) (bool, error) {
	zone, err := s.records.Zone(ctx, s.DB, at, s.Now())
	if err != nil {
		return false, err
	}
	return record.Matches(ctx, record.Version{Resource: st.Resource}, c.all, zone, s.Now())
}

// notification returns the Bundle that names versions of resources.
func notification(typ string, found []fhirweb.Stored) (fhir.Resource, error) {
	var entries []any
	for _, st := range found {
		response := []fhir.Field{fhir.F("status", "200")}
		if st.Version != "" {
			response = append(response, fhir.F("etag", `W/"`+st.Version+`"`))
		}
		response = append(response, fhir.F("lastModified", st.Updated.UTC()))
		entries = append(entries, fhir.Object(
			fhir.F("request", fhir.Object(fhir.F("method", "PUT"), fhir.F("url", typ+"/"+st.Resource.ID()))),
			fhir.F("response", fhir.Object(response...)),
		))
	}
	return fhir.New("Bundle", fhir.F("type", "history"), fhir.F("entry", fhir.List(entries...)))
}
