package record

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/journal"
)

// An Origin says where a resource belongs and came from.
type Origin struct {
	Site   string
	Person string // the key of whom it is about, as the archive names persons; "" is nobody
	Source string // the way it came: fhir, hl7
	Actor  string // an account, ae:TITLE or system:NAME; "" is whoever asks
}

// A Condition says what must be so before something is written. The zero Condition
// asks nothing.
type Condition struct {
	New   bool   // there is no resource of that type and id
	Match string // the newest version is this one (If-Match); "" is any
}

// maxResource bounds a resource, in bytes of JSON.
const maxResource = 4 << 20

// Keep writes a resource within tx: as the first version, or as the next one of what is
// there under its type and id. One without an id gets a new one. What equals the newest
// version is not written again, and so is not journalled either. The version returned is
// the newest one.
//
// Unsupported: the type is not kept here. Invalid: the resource is not valid by the
// tables of R4, or there is no site. Exhausted: it is larger than 4 MiB. Conflict: the
// condition does not hold.
func (b *Book) Keep(ctx context.Context, tx *db.Tx, r fhir.Resource, o Origin, c Condition) (Version, error) {
	if err := b.refuse(r, o); err != nil {
		return Version{}, err
	}
	r, err := bare(r)
	if err == nil && r.ID() == "" {
		err = r.Set("id", b.NewID())
	}
	if err != nil {
		return Version{}, err
	}
	if len(r.JSON()) > maxResource {
		return Version{}, fault.Errorf(fault.Exhausted, "%s: larger than %d bytes", r.Type(), maxResource)
	}
	if o.Actor == "" {
		o.Actor = actor(ctx)
	}
	v := Version{Key: db.NewID(), Number: 1, Updated: b.Now().UTC().Truncate(time.Millisecond), Person: o.Person, Source: o.Source, By: o.Actor, Created: true}
	before, there, err := b.claim(ctx, tx, o.Site, r, v)
	if err != nil {
		return Version{}, err
	}
	if err := c.holds(r.Type(), before, there); err != nil {
		return Version{}, err
	}
	if there {
		if same(before, r, o) {
			before.Same = true
			return before, nil
		}
		v.Key, v.Number, v.Created = before.Key, before.Number+1, false
	}
	return b.write(ctx, tx, r, o, v)
}

// refuse returns an error for what cannot be kept.
func (b *Book) refuse(r fhir.Resource, o Origin) error {
	if !b.Keeps(r.Type()) {
		return fault.Errorf(fault.Unsupported, "resources of this type are not kept here")
	}
	if o.Site == "" {
		return fault.Errorf(fault.Invalid, "%s: a site is needed", r.Type())
	}
	if issues := fhir.Validate(r); len(issues) > 0 {
		return fault.Errorf(fault.Invalid, "%s: %s: %s", r.Type(), issues[0].Expression, issues[0].Text)
	}
	return nil
}

// bare returns a resource without what its writes say of it.
func bare(r fhir.Resource) (fhir.Resource, error) {
	for _, path := range []string{"meta.versionId", "meta.lastUpdated"} {
		if err := r.Set(path, nil); err != nil {
			return r, err
		}
	}
	return r, nil
}

// holds returns an error if a condition does not hold of what is there.
func (c Condition) holds(typ string, before Version, there bool) error {
	switch {
	case c.New && there:
		return fault.Errorf(fault.Conflict, "%s: there is one of this id", typ)
	case c.Match != "" && (!there || c.Match != strconv.FormatInt(before.Number, 10)):
		return fault.Errorf(fault.Conflict, "%s: another version is the newest", typ)
	}
	return nil
}

// same reports whether a version says the same of the same person.
func same(v Version, r fhir.Resource, o Origin) bool {
	before, err := bare(v.Resource)
	return err == nil && v.Person == o.Person && string(before.JSON()) == string(r.JSON())
}

// claim makes the row of a resource that is not there, or locks that of one that is and
// returns its newest version.
func (b *Book) claim(ctx context.Context, tx *db.Tx, site string, r fhir.Resource, v Version) (before Version, there bool, err error) {
	n, err := tx.Exec(ctx, `insert into record_resource (resource_key, site_id, type, id, version, updated_at, person)
		values ($1, $2, $3, $4, 1, $5, $6) on conflict (site_id, type, id) do nothing`, v.Key, site, r.Type(), r.ID(), db.Millis(v.Updated), v.Person)
	if err != nil || n > 0 {
		return Version{}, false, err
	}
	if _, err = tx.Exec(ctx, `update record_resource set version = version where site_id = $1 and type = $2 and id = $3`, site, r.Type(), r.ID()); err != nil {
		return Version{}, false, err // the lock, after which nobody else writes it
	}
	before, err = b.Read(ctx, tx, site, r.Type(), r.ID())
	return before, true, err
}

// write writes a version, its index and its entry of the journal.
func (b *Book) write(ctx context.Context, tx *db.Tx, r fhir.Resource, o Origin, v Version) (Version, error) {
	if !v.Created {
		if _, err := tx.Exec(ctx, `update record_resource set version = $2, updated_at = $3, person = $4 where resource_key = $1`,
			v.Key, v.Number, db.Millis(v.Updated), v.Person); err != nil {
			return v, err
		}
	}
	if _, err := tx.Exec(ctx, `insert into record_version (resource_key, version, site_id, resource, updated_at, person, source, made_by)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`, v.Key, v.Number, o.Site, string(r.JSON()), db.Millis(v.Updated), v.Person, v.Source, v.By); err != nil {
		return v, err
	}
	var err error
	if v.Resource, err = dressed(r, v.Number, v.Updated); err != nil {
		return v, err
	}
	if err := b.index(ctx, tx, o.Site, v); err != nil {
		return v, err
	}
	data, err := json.Marshal(Note{Type: r.Type(), Version: v.Number, Source: v.Source})
	if err != nil {
		return v, fault.As(fault.Internal, err)
	}
	return v, b.Journal.Append(ctx, tx, journal.Entry{Site: o.Site, At: v.Updated, Actor: v.By, Kind: Kept, Subject: v.Key, Data: data})
}

// dressed returns a resource with what its write says of it.
func dressed(r fhir.Resource, number int64, at time.Time) (fhir.Resource, error) {
	if err := r.Set("meta.versionId", strconv.FormatInt(number, 10)); err != nil {
		return r, err
	}
	return r, r.Set("meta.lastUpdated", at)
}

// Turn lets one transaction at a time write by a condition on resources of a type: what
// it then finds is what there is until it commits. Call it before Find.
func (*Book) Turn(ctx context.Context, tx *db.Tx, site, typ string) error {
	_, err := tx.Exec(ctx, `insert into record_turn (site_id, type, turns) values ($1, $2, 1)
		on conflict (site_id, type) do update set turns = record_turn.turns + 1`, site, typ)
	return err
}
