package main

import (
	"context"
	"slices"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
	"radagora/fhir/search"
	"radagora/person"
	"radagora/worklist"
)

// fhirOrders serves ServiceRequests.
type fhirOrders struct{ *fhirDoor }

// naming names what other rooms know of an order.
func (d fhirOrders) naming(ctx context.Context) worklist.Naming {
	return worklist.Naming{Subject: d.subjectOf(ctx), Zone: d.place(ctx)}
}

// Read implements fhirweb.Reader: a search for one, so that the same is hidden.
func (d fhirOrders) Read(ctx context.Context, _, id string) (fhirweb.Stored, error) {
	page, err := d.Search(ctx, fhirweb.Query{Type: "ServiceRequest", Criteria: byID("ServiceRequest", id), Count: 1})
	if err == nil && len(page.Matches) == 0 {
		err = fault.Errorf(fault.NotFound, "there is no such resource, or none for whoever asks")
	}
	if err != nil {
		return fhirweb.Stored{}, err
	}
	return page.Matches[0], nil
}

// byID is the criterion of one resource.
func byID(typ, id string) []search.Criterion {
	c, err := search.Parse(typ, "_id", strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`).Replace(id), 0)
	if err != nil {
		return []search.Criterion{{Parameter: search.For(typ)[0]}} // no values: it finds nothing
	}
	return []search.Criterion{c}
}

// Search implements fhirweb.Searcher.
func (d fhirOrders) Search(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	reach, err := access.ReachOf(ctx, access.StepFind, at)
	if err != nil {
		return fhirweb.Page{}, err
	}
	subjects := d.Persons.Subjects(ctx, d.DB, at, "o.person")
	n := d.naming(ctx)
	return pageOf(ctx, d.fhirDoor, q, listing[worklist.Order]{
		rows: func(a search.Asked) ([]worklist.Order, error) {
			return d.Worklist.FindRequests(ctx, d.DB, at, reach, subjects, a)
		},
		count: func(a search.Asked) (int, error) { return d.Worklist.CountRequests(ctx, d.DB, at, reach, subjects, a) },
		id:    func(o worklist.Order) string { return o.ID },
		show: func(all []worklist.Order) (out []fhirweb.Stored, err error) {
			if err := d.introduce(ctx, all); err != nil {
				return nil, err
			}
			for _, o := range all {
				if o.Person != "" {
					if err := d.noteRead(ctx, access.StepFind, access.Subject{Site: at, Person: o.Person}); err != nil {
						return nil, err
					}
				}
				st, err := storedOrder(o.ServiceRequest(n))
				if err != nil {
					return nil, err
				}
				out = append(out, st)
			}
			return out, nil
		},
	})
}

// introduce sees to it that the Patients to whom orders lead are there.
func (d fhirOrders) introduce(ctx context.Context, all []worklist.Order) error {
	var cards []person.Card
	for _, o := range all {
		p := o.Patient
		cards = append(cards, person.Card{Key: o.Person, Issuer: p.Issuer, Identifier: p.ID, Name: p.Name, BirthDate: p.BirthDate, Sex: p.Sex})
	}
	return d.Persons.Introduce(ctx, at, cards...)
}

func storedOrder(p worklist.Projection, err error) (fhirweb.Stored, error) {
	return fhirweb.Stored{Resource: p.Resource, Version: p.Version, Updated: p.Updated}, err
}

// Settle implements resourceWriter.
func (d fhirOrders) Settle(ctx context.Context, tx *db.Tx, c *fhirweb.Change) (*fhirweb.Stored, error) {
	subjects := d.Persons.Subjects(ctx, tx, at, "o.person")
	found, err := d.condition(ctx, tx, c, func(_ fhirweb.Query, a search.Asked) (ids []string, err error) {
		list, err := d.Worklist.FindRequests(ctx, tx, at, access.Reach{All: true}, subjects, a)
		for _, one := range list {
			ids = append(ids, one.ID)
		}
		return ids, err
	})
	if err != nil || found == "" {
		return nil, err
	}
	if err := c.Resource.Set("id", found); err != nil || !c.Create {
		return nil, err
	}
	o, err := d.Worklist.Request(ctx, tx, at, found)
	if err == nil {
		err = d.ofPerson(ctx, access.StepFind, access.Subject{Site: at, Person: o.Person})
	}
	if err != nil {
		return nil, err
	}
	st, err := storedOrder(o.ServiceRequest(d.naming(ctx)))
	return &st, err
}

// Put implements resourceWriter.
func (d fhirOrders) Put(ctx context.Context, tx *db.Tx, c fhirweb.Change) (fhirweb.Written, error) {
	key, err := d.Persons.SubjectKey(ctx, tx, at, c.Resource, "ServiceRequest.subject")
	if err != nil {
		return fhirweb.Written{}, err
	}
	var o worklist.Order
	if c.Create {
		o, err = d.create(ctx, tx, c.Resource, key)
	} else {
		o, err = d.change(ctx, tx, c, key)
	}
	if err != nil {
		return fhirweb.Written{}, worklist.AsRequest(err)
	}
	st, err := storedOrder(o.ServiceRequest(d.naming(ctx)))
	return fhirweb.Written{Stored: st, Created: c.Create}, err
}

// create writes a new order.
func (d fhirOrders) create(ctx context.Context, tx *db.Tx, r fhir.Resource, key string) (worklist.Order, error) {
	o := worklist.Order{Site: at}
	if _, err := o.ReadRequest(r, d.naming(ctx)); err != nil {
		return o, err
	}
	o.ID = r.ID()
	if err := d.about(ctx, tx, &o, key); err != nil {
		return o, err
	}
	if err := d.stations(ctx, &o); err != nil {
		return o, err
	}
	o, _, err := d.Worklist.CreateIn(ctx, tx, worklist.Request{Order: o, Origin: worklist.FromFHIR})
	return o, err
}

// about fills in whom an order is about.
func (d fhirOrders) about(ctx context.Context, tx *db.Tx, o *worklist.Order, key string) error {
	c, err := d.Persons.CardOf(ctx, tx, at, key)
	p := &o.Patient
	p.ID, p.Issuer, p.Name, p.BirthDate, p.Sex = c.Identifier, c.Issuer, c.Name, c.BirthDate, c.Sex
	return err
}

// stations fills in which machines may do the steps of an order that names none.
func (d fhirOrders) stations(ctx context.Context, o *worklist.Order) error {
	for i := range o.Steps {
		if s := &o.Steps[i]; len(s.Stations) == 0 && s.Modality != "" {
			var err error
			if s.Stations, err = d.stationsOf(ctx, at, s.Modality); err != nil {
				return err
			}
		}
	}
	return nil
}

// change writes another version of an order, or cancels it.
func (d fhirOrders) change(ctx context.Context, tx *db.Tx, c fhirweb.Change, key string) (worklist.Order, error) {
	before, err := d.Worklist.Request(ctx, tx, at, c.Resource.ID())
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			err = fault.Errorf(fault.NotFound, "there is no such ServiceRequest: ids are given here, create it by POST")
		}
		return before, err
	}
	now, err := before.ServiceRequest(d.naming(ctx))
	switch {
	case err != nil:
		return before, err
	case c.IfMatch != "" && c.IfMatch != now.Version:
		return before, errVersion
	}
	o := before
	cancel, err := o.ReadRequest(c.Resource, d.naming(ctx))
	if err != nil {
		return before, err
	}
	if cancel {
		return d.Worklist.CancelIn(ctx, tx, at, o.ID, 0, "FHIR")
	}
	if err := d.stations(ctx, &o); err != nil {
		return before, err
	}
	keys, err := d.Persons.KeysIn(ctx, tx, at, before.Person)
	if err != nil {
		return before, err
	}
	if !slices.Contains(keys, key) {
		if err := d.about(ctx, tx, &o, key); err != nil {
			return before, err
		}
	}
	return d.Worklist.ChangeIn(ctx, tx, o)
}
