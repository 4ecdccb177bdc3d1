package privacy

import (
	"cmp"
	"context"
	"slices"

	"radagora/access"
	"radagora/db"
	"radagora/journal"
)

// note writes to the journal that somebody did something with the data of a person,
// before it happens.
func (d *Desk) note(ctx context.Context, p access.Person, kind string, data map[string]any) error {
	return d.DB.Write(ctx, func(tx *db.Tx) error { return d.noteIn(ctx, tx, p, kind, data, nil) })
}

// noteIn is note as part of tx, with what may be said under the person's key alone.
func (d *Desk) noteIn(ctx context.Context, tx *db.Tx, p access.Person, kind string, data, secret map[string]any) error {
	if data == nil {
		data = map[string]any{}
	}
	who := access.From(ctx)
	data["purpose"], data["door"] = string(purpose(who, p)), who.Door
	e := d.entry(ctx, p.Site, kind, d.Pseudonym(p.Site, p.ID), data)
	e.Person = p.ID
	if secret != nil {
		e.Payload = encode(secret)
	}
	return d.Journal.Append(ctx, tx, e)
}

// purpose returns what somebody looks at a person here for: a duty of law, unless it
// is their own data or they said otherwise.
func purpose(who access.Who, p access.Person) access.Purpose {
	switch {
	case who.Purpose != "":
		return who.Purpose
	case who.Patient == p.ID:
		return access.OwnRequest
	}
	return access.Legal
}

// Restrict stops the processing of a person's data but for storage (GDPR Art. 18),
// or lets it go on.
func (d *Desk) Restrict(ctx context.Context, p access.Person, hidden bool, reason string) error {
	if err := access.Check(ctx, access.PersonRestrict, access.Subject{Site: p.Site, Person: p.ID}); err != nil {
		return err
	}
	if err := short("restriction: reason", reason, 1000); err != nil {
		return err
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		if err := d.Facts.Wish(ctx, tx, p, access.Restricted, hidden, reason); err != nil {
			return err
		}
		for _, room := range d.Rooms {
			if err := room.Restrict(ctx, tx, p, hidden); err != nil {
				return err
			}
		}
		return nil
	})
}

// OptOut keeps a person's data from secondary use (EHDS Art. 71), or gives them back,
// under all of their identifiers. It needs no reasons.
func (d *Desk) OptOut(ctx context.Context, p access.Person, out bool) error {
	if err := access.Check(ctx, access.PersonRestrict, access.Subject{Site: p.Site, Person: p.ID}); err != nil {
		return err
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		keys, err := d.same(ctx, tx, p)
		for i := 0; err == nil && i < len(keys); i++ {
			err = d.Facts.Wish(ctx, tx, access.Person{Site: p.Site, ID: keys[i]}, access.NoSecondary, out, "")
		}
		return err
	})
}

// Wishes returns what a person asked for about the use of their data.
func (d *Desk) Wishes(ctx context.Context, p access.Person) ([]access.Held, error) {
	if err := access.Check(ctx, access.PersonRestrict, access.Subject{Site: p.Site, Person: p.ID}); err != nil {
		return nil, err
	}
	return d.Facts.Wishes(ctx, p)
}

// Looked returns who did something with the data of a person, under any of their
// identifiers, the latest first, at most limit entries. That somebody asked for this
// list is noted too.
func (d *Desk) Looked(ctx context.Context, p access.Person, limit int) ([]journal.Entry, error) {
	if err := access.Check(ctx, access.AccessListRead, access.Subject{Site: p.Site, Person: p.ID}); err != nil {
		return nil, err
	}
	keys, err := d.same(ctx, d.DB, p)
	if err != nil {
		return nil, err
	}
	var all []journal.Entry
	for _, key := range keys {
		for e, err := range d.Journal.Find(ctx, journal.Filter{Site: p.Site, Person: key, Newest: true, Limit: limit}) {
			if err != nil {
				return nil, err
			}
			e.Payload = nil
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b journal.Entry) int { return cmp.Compare(b.Seq, a.Seq) })
	return all[:min(len(all), limit)], d.note(ctx, p, "journal.person.read", nil)
}

// same returns the identifiers of a person.
func (d *Desk) same(ctx context.Context, q db.Querier, p access.Person) ([]string, error) {
	if d.Same == nil {
		return []string{p.ID}, nil
	}
	return d.Same(ctx, q, p.Site, p.ID)
}
