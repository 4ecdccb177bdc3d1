package main

import (
	"cmp"
	"context"
	"slices"

	"radagora/access"
	"radagora/access/token"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
	"radagora/fhir/search"
)

// A fhirWriter writes what one request or Bundle brings to several rooms, all or none.
type fhirWriter struct{ *fhirDoor }

// writeRanks orders what is written: whom others are about comes first.
var writeRanks = map[string]int{"Patient": 0, "Encounter": 1, "Observation": 2, "ServiceRequest": 3}

func writeRank(c fhirweb.Change) int {
	if n, ok := writeRanks[c.Resource.Type()]; ok {
		return n
	}
	return len(writeRanks)
}

// Write implements fhirweb.Writer.
func (w *fhirWriter) Write(ctx context.Context, changes []fhirweb.Change) ([]fhirweb.Written, error) {
	select { // each may need a connection beside that of its transaction
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return nil, fault.As(fault.Unavailable, ctx.Err())
	}
	order := make([]int, len(changes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(writeRank(changes[a]), writeRank(changes[b])) })
	sorted := make([]fhirweb.Change, len(changes))
	for i, from := range order {
		sorted[i] = changes[from]
		if c := changes[from]; c.Unless != nil || c.Where != nil { // it tells whether there is something
			if err := scoped(ctx, c.Resource.Type(), token.Search); err != nil {
				return nil, err
			}
			if err := forget(access.CheckSearch(ctx, fhirActs[c.Resource.Type()].read, at)); err != nil {
				return nil, err
			}
		}
	}
	done, err := writeAll(ctx, w.DB, sorted, w.of)
	if err != nil {
		return nil, err
	}
	out := make([]fhirweb.Written, len(done))
	for i, to := range order {
		out[to] = done[i]
	}
	return out, nil
}

// of returns who writes resources of a type.
func (w *fhirWriter) of(typ string) (resourceWriter, error) {
	switch typ {
	case "Patient":
		return fhirPatients{w.fhirDoor}, nil
	case "Observation":
		return fhirBodies{w.fhirDoor}, nil
	case "ServiceRequest":
		return fhirOrders{w.fhirDoor}, nil
	}
	if slices.Contains(recordTypes(), typ) {
		return w.serveRecords(typ, w.recordDoor()), nil
	}
	return nil, fault.Errorf(fault.Unsupported, "resources of this type are not written here")
}

// condition returns the id of the resource that a condition of a change finds, "" for
// none. An update by condition that finds nothing is a create.
func (d *fhirDoor) condition(ctx context.Context, tx *db.Tx, c *fhirweb.Change, find func(q fhirweb.Query, a search.Asked) ([]string, error)) (string, error) {
	q := c.Unless
	if q == nil {
		q = c.Where
	}
	if q == nil {
		return "", nil
	}
	if err := d.records.Turn(ctx, tx, at, q.Type); err != nil {
		return "", err
	}
	q.Count, q.Cursor, q.Sort = 1, "", nil
	a, err := d.asked(ctx, *q)
	if err != nil {
		return "", err
	}
	ids, err := find(*q, a)
	switch {
	case err != nil:
		return "", err
	case len(ids) > 1:
		return "", fault.Errorf(fault.Conflict, "several resources meet the condition")
	case len(ids) == 1:
		return ids[0], nil
	}
	if c.Where != nil && !c.Create {
		c.Create = true
		return "", c.Resource.Set("id", db.NewID())
	}
	return "", nil
}

// recordDoor says of whom kept resources are, and who may see and write them.
func (d *fhirDoor) recordDoor() recordDoor {
	return recordDoor{
		person: func(ctx context.Context, q db.Querier, r fhir.Resource) (string, error) {
			if !r.Get("subject.reference").Exists() && !r.Get("subject.identifier").Exists() {
				return "", nil
			}
			return d.Persons.SubjectKey(ctx, q, at, r, r.Type()+".subject")
		},
		reach: func(ctx context.Context) (access.Reach, error) { return access.ReachOf(ctx, access.RecordRead, at) },
		mayRead: func(ctx context.Context, key string) error {
			return d.ofPerson(ctx, access.RecordRead, access.Subject{Site: at, Person: key})
		},
		mayWrite: func(ctx context.Context, key string) error {
			return forget(access.Check(ctx, access.RecordChange, access.Subject{Site: at, Person: key}))
		},
	}
}
