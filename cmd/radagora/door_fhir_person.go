package main

import (
	"context"
	"slices"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
	"radagora/fhir/search"
	"radagora/person"
)

// named tells how objects name a person.
func (h *house) named(ctx context.Context, q db.Querier, siteID, key string) (person.Card, error) {
	name, born, sex, err := h.Archive.Named(ctx, q, siteID, key)
	c := person.Card{Name: name.Reveal(), Sex: sex.Reveal()}
	if t, err := time.Parse("20060102", born.Reveal()); err == nil {
		c.BirthDate = t.Format(time.DateOnly)
	}
	if c.Sex != "M" && c.Sex != "F" && c.Sex != "O" {
		c.Sex = ""
	}
	return c, err
}

// subjectOf returns the reference to a person, by the identifier that stays where others
// were given up.
func (d *fhirDoor) subjectOf(ctx context.Context) func(siteID, key string) fhir.Value {
	known := map[string]fhir.Value{}
	return func(siteID, key string) fhir.Value {
		if v, ok := known[key]; ok || key == "" {
			return v
		}
		asked := key
		if stays, err := d.Persons.Survivor(ctx, siteID, key); err == nil {
			key = stays
		}
		known[asked] = d.Persons.Reference(siteID, key)
		return known[asked]
	}
}

// storedPerson returns what persons say as FHIR serves it.
func storedPerson(p person.Projection, err error) (fhirweb.Stored, error) {
	return fhirweb.Stored{Resource: p.Resource, Version: p.Version, Updated: p.Updated}, err
}

// fhirPatients serves Patients.
type fhirPatients struct{ *fhirDoor }

// Read implements fhirweb.Reader.
func (d fhirPatients) Read(ctx context.Context, _, id string) (fhirweb.Stored, error) {
	c, err := d.Persons.Card(ctx, d.DB, at, id)
	if err == nil {
		err = d.ofPerson(ctx, access.IdentityRead, access.Subject{Site: at, Person: c.Key})
	}
	if err != nil {
		return fhirweb.Stored{}, err
	}
	return storedPerson(d.Persons.Patient(ctx, d.DB, c))
}

// Search implements fhirweb.Searcher.
func (d fhirPatients) Search(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	reach, err := access.ReachOf(ctx, access.IdentityRead, at)
	if err != nil {
		return fhirweb.Page{}, err
	}
	return pageOf(ctx, d.fhirDoor, q, listing[person.Card]{
		rows:  func(a search.Asked) ([]person.Card, error) { return d.Persons.FindPatients(ctx, d.DB, at, reach, a) },
		count: func(a search.Asked) (int, error) { return d.Persons.CountPatients(ctx, d.DB, at, reach, a) },
		id:    func(c person.Card) string { return c.ID },
		show: func(all []person.Card) (out []fhirweb.Stored, err error) {
			for _, c := range all {
				if err := d.noteRead(ctx, access.IdentityRead, access.Subject{Site: at, Person: c.Key}); err != nil {
					return nil, err
				}
				st, err := storedPerson(d.Persons.Patient(ctx, d.DB, c))
				if err != nil {
					return nil, err
				}
				out = append(out, st)
			}
			return out, nil
		},
	})
}

// Settle implements resourceWriter: a Patient is called by what identifies it first.
func (d fhirPatients) Settle(ctx context.Context, tx *db.Tx, c *fhirweb.Change) (*fhirweb.Stored, error) {
	found, err := d.condition(ctx, tx, c, func(_ fhirweb.Query, a search.Asked) (ids []string, err error) {
		list, err := d.Persons.FindPatients(ctx, tx, at, access.Reach{All: true}, a)
		for _, one := range list {
			ids = append(ids, one.ID)
		}
		return ids, err
	})
	switch {
	case err != nil:
		return nil, err
	case found != "":
		if err := c.Resource.Set("id", found); err != nil || !c.Create {
			return nil, err
		}
		st, err := d.readIn(ctx, tx, found)
		return &st, err
	case c.Create:
		n := c.Resource.Get("identifier[0]")
		key := d.Archive.Key(person.IssuerOf(n.Get("system").Text()), n.Get("value").Text())
		if key == "" {
			return nil, nil //nolint:nilnil // it is refused when it is put
		}
		return nil, c.Resource.Set("id", d.Persons.ResourceID(at, key))
	}
	return nil, nil //nolint:nilnil // nothing is kept instead
}

// readIn returns a Patient within a transaction, for those who may see it.
func (d fhirPatients) readIn(ctx context.Context, tx *db.Tx, id string) (fhirweb.Stored, error) {
	c, err := d.Persons.Card(ctx, tx, at, id)
	if err == nil {
		err = d.ofPerson(ctx, access.IdentityRead, access.Subject{Site: at, Person: c.Key})
	}
	if err != nil {
		return fhirweb.Stored{}, err
	}
	return storedPerson(d.Persons.Patient(ctx, tx, c))
}

// writing says on whose behalf something is kept.
func (d *fhirDoor) writing(ctx context.Context) person.Writing {
	return person.Writing{Site: at, Origin: access.From(ctx).ID, Zone: d.place(ctx)}
}

// Put implements resourceWriter.
func (d fhirPatients) Put(ctx context.Context, tx *db.Tx, c fhirweb.Change) (fhirweb.Written, error) {
	var card person.Card
	var err error
	if c.Create {
		card, err = d.Persons.CreatePatient(ctx, tx, d.writing(ctx), c.Resource)
		if err == nil {
			err = d.own(ctx, tx, card.Key)
		}
	} else {
		card, err = d.update(ctx, tx, c)
	}
	if err != nil {
		return fhirweb.Written{}, err
	}
	st, err := storedPerson(d.Persons.Patient(ctx, tx, card))
	return fhirweb.Written{Stored: st, Created: c.Create}, err
}

// update writes another version of a Patient.
func (d fhirPatients) update(ctx context.Context, tx *db.Tx, c fhirweb.Change) (person.Card, error) {
	card, err := d.Persons.Card(ctx, tx, at, c.Resource.ID())
	if err == nil {
		err = d.own(ctx, tx, card.Key)
	}
	if err != nil {
		return card, err
	}
	if c.IfMatch != "" {
		now, err := d.Persons.Patient(ctx, tx, card)
		if err != nil {
			return card, err
		}
		if now.Version != c.IfMatch {
			return card, errVersion
		}
	}
	return d.Persons.UpdatePatient(ctx, tx, d.writing(ctx), card, c.Resource)
}

var errVersion = fault.Errorf(fault.Conflict, "another version is the newest")

// own refuses what is about somebody else than the one whom a token is for.
func (d *fhirDoor) own(ctx context.Context, tx *db.Tx, key string) error {
	only := access.From(ctx).Only
	if only == "" || only == key {
		return nil
	}
	keys, err := d.Persons.KeysIn(ctx, tx, at, only)
	if err != nil {
		return err
	}
	if slices.Contains(keys, key) {
		return nil
	}
	return fault.Errorf(fault.NotFound, "there is no such resource, or none for whoever asks")
}

// fhirBodies serves Observations: heights, weights and pregnancies.
type fhirBodies struct{ *fhirDoor }

// Read implements fhirweb.Reader.
func (d fhirBodies) Read(ctx context.Context, _, id string) (fhirweb.Stored, error) {
	f, err := d.Persons.BodyFact(ctx, d.DB, at, id)
	if err == nil {
		err = d.ofPerson(ctx, access.IdentityRead, access.Subject{Site: at, Person: f.Key})
	}
	if err != nil {
		return fhirweb.Stored{}, err
	}
	return storedPerson(d.Persons.Observation(f))
}

// Search implements fhirweb.Searcher.
func (d fhirBodies) Search(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	reach, err := access.ReachOf(ctx, access.IdentityRead, at)
	if err != nil {
		return fhirweb.Page{}, err
	}
	return pageOf(ctx, d.fhirDoor, q, listing[person.Fact]{
		rows:  func(a search.Asked) ([]person.Fact, error) { return d.Persons.FindBodies(ctx, d.DB, at, reach, a) },
		count: func(a search.Asked) (int, error) { return d.Persons.CountBodies(ctx, d.DB, at, reach, a) },
		id:    func(f person.Fact) string { return f.ID },
		show: func(all []person.Fact) (out []fhirweb.Stored, err error) {
			for _, f := range all {
				if err := d.noteRead(ctx, access.IdentityRead, access.Subject{Site: at, Person: f.Key}); err != nil {
					return nil, err
				}
				st, err := storedPerson(d.Persons.Observation(f))
				if err != nil {
					return nil, err
				}
				out = append(out, st)
			}
			return out, nil
		},
	})
}

// Settle implements resourceWriter.
func (d fhirBodies) Settle(ctx context.Context, tx *db.Tx, c *fhirweb.Change) (*fhirweb.Stored, error) {
	found, err := d.condition(ctx, tx, c, func(_ fhirweb.Query, a search.Asked) (ids []string, err error) {
		list, err := d.Persons.FindBodies(ctx, tx, at, access.Reach{All: true}, a)
		for _, one := range list {
			ids = append(ids, one.ID)
		}
		return ids, err
	})
	if err != nil || found == "" {
		return nil, err
	}
	f, err := d.Persons.BodyFact(ctx, tx, at, found)
	if err == nil {
		err = d.ofPerson(ctx, access.IdentityRead, access.Subject{Site: at, Person: f.Key})
	}
	if err != nil {
		return nil, err
	}
	st, err := storedPerson(d.Persons.Observation(f))
	return &st, err
}

// Put implements resourceWriter.
func (d fhirBodies) Put(ctx context.Context, tx *db.Tx, c fhirweb.Change) (fhirweb.Written, error) {
	f, again, err := d.Persons.CreateObservation(ctx, tx, d.writing(ctx), c.Resource)
	if err == nil {
		err = d.own(ctx, tx, f.Key)
	}
	if err != nil {
		return fhirweb.Written{}, err
	}
	st, err := storedPerson(d.Persons.Observation(f))
	return fhirweb.Written{Stored: st, Created: !again, Kept: again}, err
}
