package main

import (
	"context"
	"slices"
	"strconv"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
	"radagora/record"
)

// recordTypes are the resources that no room projects, so that they are kept as they
// came.
func recordTypes() []string { return []string{"DiagnosticReport", "Encounter", "Subscription"} }

// openRecords opens the book of those.
func (h *house) openRecords(ctx context.Context) (err error) {
	h.records, err = record.Open(ctx, record.Config{
		DB: h.DB, Journal: h.Journal, Types: recordTypes(), Now: h.Now,
		Zone: func(ctx context.Context, q db.Querier, siteID string, t time.Time) (int, error) {
			s, err := h.Sites.SiteIn(ctx, q, siteID)
			_, east := t.In(s.Location()).Zone()
			return east / 60, err
		},
	})
	return err
}

// A resourceWriter writes resources of one type within a transaction, so that several
// rooms may write what one Bundle brings.
type resourceWriter interface {
	// Settle gives the resource of a change the id it will have, by its condition. kept is
	// what is there already and stays, nil if the change is to be written.
	Settle(ctx context.Context, tx *db.Tx, c *fhirweb.Change) (kept *fhirweb.Stored, err error)
	// Put writes a change whose id is settled and whose references are linked.
	Put(ctx context.Context, tx *db.Tx, c fhirweb.Change) (fhirweb.Written, error)
}

// writeAll writes changes, all or none, each by the writer of its type.
func writeAll(ctx context.Context, d *db.DB, changes []fhirweb.Change, writer func(typ string) (resourceWriter, error)) (out []fhirweb.Written, err error) {
	err = d.Write(ctx, func(tx *db.Tx) error {
		out = nil
		all := slices.Clone(changes)
		kept := make([]*fhirweb.Stored, len(all))
		for i := range all {
			w, err := writer(all[i].Resource.Type())
			if err == nil {
				kept[i], err = w.Settle(ctx, tx, &all[i])
			}
			if err != nil {
				return err
			}
		}
		for i, c := range fhirweb.Relink(all) {
			if kept[i] != nil {
				out = append(out, fhirweb.Written{Stored: *kept[i], Kept: true})
				continue
			}
			w, err := writer(c.Resource.Type())
			if err != nil {
				return err
			}
			one, err := w.Put(ctx, tx, c)
			if err != nil {
				return err
			}
			out = append(out, one)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// A recordDoor lets resources of the book be read, searched and written by FHIR. Its
// functions say of whom they are and who may.
type recordDoor struct {
	book *record.Book
	site string
	// person returns the key of whom a resource is about, "" if nobody.
	person func(ctx context.Context, q db.Querier, r fhir.Resource) (string, error)
	// reach says of whom whoever asks may see resources.
	reach func(ctx context.Context) (access.Reach, error)
	// mayRead and mayWrite refuse what is about a person, "" for nobody.
	mayRead, mayWrite func(ctx context.Context, person string) error
}

var (
	_ fhirweb.Reader    = recordDoor{}
	_ fhirweb.Historian = recordDoor{}
	_ fhirweb.Searcher  = recordDoor{}
	_ fhirweb.Writer    = recordDoor{}
	_ resourceWriter    = recordDoor{}
)

// A recordServer does all that FHIR does with a type of the book.
type recordServer interface {
	fhirweb.Reader
	fhirweb.Historian
	fhirweb.Searcher
	fhirweb.Writer
	resourceWriter
}

// serveRecords returns who serves a type of the book; d says of whom resources are and
// who may. Subscriptions are about nobody: they are for those who may have systems told.
func (h *house) serveRecords(typ string, d recordDoor) recordServer {
	d.book, d.site = h.records, at
	if typ != subscriptionType {
		return d
	}
	follow := func(ctx context.Context, _ string) error { return may(ctx, access.ChangeFollow) }
	d.mayRead, d.mayWrite = follow, follow
	d.reach = func(ctx context.Context) (access.Reach, error) { return access.Reach{All: true}, follow(ctx, "") }
	d.person = func(context.Context, db.Querier, fhir.Resource) (string, error) { return "", nil }
	return subscriptionDoor{d, h}
}

// storedOf returns a version as FHIR serves it.
func storedOf(v record.Version) fhirweb.Stored {
	return fhirweb.Stored{Resource: v.Resource, Version: strconv.FormatInt(v.Number, 10), Updated: v.Updated}
}

// seen returns a version that whoever asks may read.
func (d recordDoor) seen(ctx context.Context, v record.Version, err error) (fhirweb.Stored, error) {
	if err == nil {
		err = d.mayRead(ctx, v.Person)
	}
	if err != nil {
		return fhirweb.Stored{}, err
	}
	return storedOf(v), nil
}

// Read implements fhirweb.Reader.
func (d recordDoor) Read(ctx context.Context, typ, id string) (fhirweb.Stored, error) {
	v, err := d.book.Read(ctx, d.book.DB, d.site, typ, id)
	return d.seen(ctx, v, err)
}

// ReadVersion implements fhirweb.Historian.
func (d recordDoor) ReadVersion(ctx context.Context, typ, id, version string) (fhirweb.Stored, error) {
	v, err := d.book.ReadVersion(ctx, d.book.DB, d.site, typ, id, version)
	return d.seen(ctx, v, err)
}

// History implements fhirweb.Historian. Each version is shown to those who may read of
// whom it was about.
func (d recordDoor) History(ctx context.Context, typ, id string) ([]fhirweb.Stored, error) {
	all, err := d.book.History(ctx, d.book.DB, d.site, typ, id)
	if err != nil {
		return nil, err
	}
	var out []fhirweb.Stored
	for i, v := range all {
		st, err := d.seen(ctx, v, nil)
		switch kind := fault.Of(err); {
		case err == nil:
			out = append(out, st)
		case i == 0 || kind != fault.NotFound && kind != fault.Forbidden:
			return nil, err
		}
	}
	return out, nil
}

// Search implements fhirweb.Searcher.
func (d recordDoor) Search(ctx context.Context, q fhirweb.Query) (fhirweb.Page, error) {
	reach, err := d.reach(ctx)
	if err != nil {
		return fhirweb.Page{}, err
	}
	query := d.query(q)
	query.Reach, query.Count, query.Cursor = reach, q.Count, q.Cursor
	for _, o := range q.Sort {
		query.Sort = append(query.Sort, record.Order(o))
	}
	found, err := d.book.Find(ctx, d.book.DB, query)
	if err != nil {
		return fhirweb.Page{}, err
	}
	page := fhirweb.Page{Total: found.Total, Next: found.Next}
	for _, v := range found.Matches {
		page.Matches = append(page.Matches, storedOf(v))
	}
	return page, nil
}

func (d recordDoor) query(q fhirweb.Query) record.Query {
	return record.Query{Site: d.site, Type: q.Type, Criteria: q.Criteria}
}

// Write implements fhirweb.Writer for changes of this book alone.
func (d recordDoor) Write(ctx context.Context, changes []fhirweb.Change) ([]fhirweb.Written, error) {
	return writeAll(ctx, d.book.DB, changes, func(string) (resourceWriter, error) { return d, nil })
}

// Settle implements resourceWriter.
func (d recordDoor) Settle(ctx context.Context, tx *db.Tx, c *fhirweb.Change) (*fhirweb.Stored, error) {
	condition := c.Unless
	if condition == nil {
		condition = c.Where
	}
	if condition == nil {
		return nil, nil //nolint:nilnil // nothing is kept instead
	}
	if err := d.book.Turn(ctx, tx, d.site, condition.Type); err != nil {
		return nil, err
	}
	query := d.query(*condition)
	query.Reach, query.Hidden, query.Count = access.Reach{All: true}, true, 2
	found, err := d.book.Find(ctx, tx, query)
	switch {
	case err != nil:
		return nil, err
	case len(found.Matches) > 1:
		return nil, fault.Errorf(fault.Conflict, "several resources meet the condition")
	case len(found.Matches) == 0:
		return nil, nil //nolint:nilnil // likewise
	}
	if err := c.Resource.Set("id", found.Matches[0].Resource.ID()); err != nil || !c.Create {
		return nil, err
	}
	st, err := d.seen(ctx, found.Matches[0], nil)
	return &st, err
}

// Put implements resourceWriter.
func (d recordDoor) Put(ctx context.Context, tx *db.Tx, c fhirweb.Change) (fhirweb.Written, error) {
	before, err := d.book.Read(ctx, tx, d.site, c.Resource.Type(), c.Resource.ID())
	switch {
	case err == nil:
		err = d.mayWrite(ctx, before.Person)
	case fault.Of(err) == fault.NotFound:
		err = nil
	}
	if err != nil {
		return fhirweb.Written{}, err
	}
	person, err := d.person(ctx, tx, c.Resource)
	if err == nil {
		err = d.mayWrite(ctx, person)
	}
	if err != nil {
		return fhirweb.Written{}, err
	}
	v, err := d.book.Keep(ctx, tx, c.Resource, record.Origin{Site: d.site, Person: person, Source: "fhir"}, record.Condition{New: c.Create, Match: c.IfMatch})
	return fhirweb.Written{Stored: storedOf(v), Created: v.Created}, err
}
