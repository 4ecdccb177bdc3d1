package main

import (
	"context"
	"encoding/json"
	"errors"
	"iter"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/archive"
	"radagora/audit"
	"radagora/content"
	"radagora/db"
	"radagora/dose/review"
	"radagora/finding"
	"radagora/person"
)

// keepers are the rooms that keep personal data, in the order in which they erase:
// what is derived before what it is derived from. Each looks under all identifiers
// of the person. The room that knows these, identifiers, erases last of all.
func (h *house) keepers() []privacy.Room {
	return []privacy.Room{
		{Name: "finding", Holder: h.linked(finding.Personal{Register: h.Findings, Studies: h.studiesOf})},
		{Name: "audit", Holder: h.linked(audit.Personal{Desk: h.Audits, Studies: h.studiesOf})},
		{Name: "review", Holder: h.linked(review.Personal{Desk: h.Review, Studies: h.studiesOf})},
		{Name: "dose", Holder: h.linked(h.Dose), Days: doseDays},
		{Name: "entry", Holder: h.linked(h.Entered), Days: doseDays},
		{Name: "embryo", Holder: h.linked(h.Embryo), Days: doseDays},
		{Name: "qualification", Holder: h.linked(h.Qualified)},
		{Name: "form", Holder: h.linked(h.Forms)},
		{Name: "incident", Holder: h.linked(h.Incidents)},
		{Name: "connect", Holder: h.linked(h.Connect)},
		{Name: "record", Holder: h.linked(h.records)},
		{Name: "worklist", Holder: h.linked(h.Worklist)},
		{Name: "archive", Holder: h.linked(h.Archive), Days: daysOf},
		{Name: "apps", Holder: h.linked(h.Tokens)},
		{Name: "repeat", Holder: h.linked(h.Repeated)},
		{Name: "access", Holder: h.linked(h.Facts)},
	}
}

// identifiers is the room that knows which identifiers are one person's.
func (h *house) identifiers() privacy.Room {
	return privacy.Room{Name: "person", Holder: h.linked(h.Persons)}
}

// linked returns a holder that holds what is kept under any identifier of a person.
func (h *house) linked(holder access.Holder) linked { return linked{holder, h.Persons, h.DB} }

// studiesOf returns the studies that name a person.
func (h *house) studiesOf(ctx context.Context, q db.Querier, p access.Person) ([]string, error) {
	return h.Archive.StudyUIDs(ctx, q, p.Site, p.ID)
}

// doseDays reads the day of a study.
func doseDays(r access.Record) (on, birth string) {
	var of struct{ Day string }
	if json.Unmarshal(r.Data, &of) != nil {
		return "", ""
	}
	return of.Day, ""
}

// A linked holder holds what is kept under any identifier of a person.
type linked struct {
	access.Holder
	persons *person.Register
	db      *db.DB
}

// each calls do for every identifier of p.
func (l linked) each(ctx context.Context, q db.Querier, p access.Person, do func(access.Person) error) error {
	keys, err := l.persons.KeysIn(ctx, q, p.Site, p.ID)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := do(access.Person{Site: p.Site, ID: key}); err != nil {
			return err
		}
	}
	return nil
}

// errEnough ends an iteration that somebody has enough of.
var errEnough = errors.New("enough")

// Export implements access.Holder. What concerns two identifiers of the person is
// yielded once.
func (l linked) Export(ctx context.Context, p access.Person) iter.Seq2[access.Record, error] {
	return func(yield func(access.Record, error) bool) {
		seen := map[[2]string]bool{}
		err := l.each(ctx, l.db, p, func(p access.Person) error {
			for r, err := range l.Holder.Export(ctx, p) {
				if err != nil {
					return err
				}
				if at := [2]string{r.Kind, r.ID}; r.ID == "" || !seen[at] {
					seen[at] = true
					if !yield(r, nil) {
						return errEnough
					}
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(access.Record{}, err)
		}
	}
}

// Erase implements access.Holder.
func (l linked) Erase(ctx context.Context, tx *db.Tx, p access.Person) (count int, err error) {
	err = l.each(ctx, tx, p, func(p access.Person) error {
		n, err := l.Holder.Erase(ctx, tx, p)
		count += n
		return err
	})
	return count, err
}

// PrepareErase implements privacy.Preparer for the holders that do.
func (l linked) PrepareErase(ctx context.Context, p access.Person) error {
	ahead, ok := l.Holder.(privacy.Preparer)
	if !ok {
		return nil
	}
	return l.each(ctx, l.db, p, func(p access.Person) error { return ahead.PrepareErase(ctx, p) })
}

// Restrict implements access.Holder.
func (l linked) Restrict(ctx context.Context, tx *db.Tx, p access.Person, hidden bool) error {
	return l.each(ctx, tx, p, func(p access.Person) error { return l.Holder.Restrict(ctx, tx, p, hidden) })
}

// Kept implements privacy.Keeper for the holders that do.
func (l linked) Kept(ctx context.Context, p access.Person) (map[string]int, error) {
	keeper, ok := l.Holder.(privacy.Keeper)
	if !ok {
		return nil, nil
	}
	all := map[string]int{}
	err := l.each(ctx, l.db, p, func(p access.Person) error {
		kept, err := keeper.Kept(ctx, p)
		for reason, n := range kept {
			all[reason] += n
		}
		return err
	})
	return all, err
}

// faces tells the room person how the archive names persons.
type faces struct{ *archive.Archive }

// facesOf makes faces of patients.
func facesOf(list []archive.Patient, err error) ([]person.Face, error) {
	all := make([]person.Face, len(list))
	for i, p := range list {
		name, _ := archive.FoldName(p.Name.Reveal())
		all[i] = person.Face{Key: p.Person, Name: name, BirthDate: p.BirthDate.Reveal(), Sex: p.Sex.Reveal()}
	}
	return all, err
}

// Of implements person.Faces.
func (f faces) Of(ctx context.Context, site, key string) ([]person.Face, error) {
	return facesOf(f.Patient(ctx, site, key))
}

// BornOn implements person.Faces.
func (f faces) BornOn(ctx context.Context, site, day string) ([]person.Face, error) {
	return facesOf(f.Patients(ctx, site, day))
}

// Days implements person.Faces.
func (f faces) Days(ctx context.Context, site, after string, limit int) ([]string, error) {
	return f.BirthDates(ctx, site, after, limit)
}

// objects yields the objects of all identifiers of a person, opened.
func (h *house) objects(ctx context.Context, p access.Person) iter.Seq2[archive.Object, error] {
	return func(yield func(archive.Object, error) bool) {
		err := h.linked(nil).each(ctx, h.DB, p, func(p access.Person) error {
			for o, err := range h.Archive.Objects(ctx, p) {
				if err != nil {
					return err
				}
				if !yield(o, nil) {
					return errEnough
				}
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(archive.Object{}, err)
		}
	}
}

// boundsOf reads which sizes of persons can be from the content.
func boundsOf(library *content.Library) (person.Bounds, error) {
	table, err := library.Table("", "person/plausible", "settings")
	if err != nil {
		return person.Bounds{}, err
	}
	values := map[string]float64{}
	for row := range table.All() {
		values[row.Text("key")], _ = row.Number("value")
	}
	return person.NewBounds(values)
}
