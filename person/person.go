// Package person knows which identifiers mean the same person.
//
// An identifier is a patient ID with its issuer, as objects bring it; every other
// room names a person by it, in one text. The same identifier of the same issuer
// is the same person and nothing else is by itself: names and birth dates only
// propose. That two identifiers mean one person is decided by people (Link, Merge)
// and may be undone at any time (Unlink), because it changes no object and no row
// of another room: who wants everything about a person asks Keys for all their
// identifiers and looks under each.
//
// Identifiers are learnt from the journal and derived anew by a rebuild; decisions
// are in a table that no rebuild touches. Candidates are computed from what the
// archive has, when they are asked for.
//
// What other systems say of persons (names, birth dates, heights, weights) is kept as
// facts, each with its time and origin; what holds is the newest that is not in doubt
// (Known), and of sizes beside an examination the nearest (SizesAt). What the headers
// of objects say of size and pregnancy is noted likewise, and made anew by a rebuild.
//
// docs/format/person.md describes the tables.
package person

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

//go:embed migration/*.sql
var files embed.FS

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Consumer is the name under which person reads the journal.
const Consumer = "person"

// A Journal is read for identifiers and takes what people decide. *journal.Journal
// is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
	Follow(ctx context.Context, consumer string, kinds []string, fn func(context.Context, *db.Tx, []journal.Entry) error) error
	Rewind(ctx context.Context, tx *db.Tx, consumer string) error
}

// A Config is what a Register needs.
type Config struct {
	DB      *db.DB
	Journal Journal
	Facts   *access.Facts // what persons asked for: a link spreads it to all their identifiers
	Faces   Faces         // nil: nobody is proposed
	Bounds  Bounds
	// Noted is told within tx that something new is known of a person, or that their
	// identifiers are others than before; nil: nobody wants to know.
	Noted   func(ctx context.Context, tx *db.Tx, site string, keys []string) error
	Headers Headers // nil: sizes in the headers of objects are not noted
	Holder  string  // names this process in leases
	Now     func() time.Time
	Log     *slog.Logger // nil: silent
	// Mark is the keyed hash by which other systems name a person; nil: a hash without a key.
	Mark func(site, key string) []byte
	// Named tells within q how objects name a person: name, birth date and sex of the card
	// alone; nil: nobody knows.
	Named func(ctx context.Context, q db.Querier, site, key string) (Card, error)
	// Key names a person by issuer and identifier as the other rooms do; nil: nobody is made
	// known by a resource.
	Key func(issuer, identifier string) string
	// Nameless keeps no names and birth dates.
	Nameless bool
}

// A Register knows identifiers. It is safe for concurrent use.
type Register struct {
	Config
	wake chan struct{}
}

// Open migrates the tables and returns the register.
func Open(ctx context.Context, c Config) (*Register, error) {
	if c.DB == nil || c.Journal == nil || c.Facts == nil || c.Now == nil {
		return nil, fault.Errorf(fault.Internal, "person: database, journal, facts and clock are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if err := c.DB.Migrate(ctx, "person", Migrations()); err != nil {
		return nil, err
	}
	r := &Register{Config: c, wake: make(chan struct{}, 1)}
	return r, r.tellAll(ctx)
}

// An Identifier is one identifier of a person, as objects brought it. Printed or
// logged it shows no more than its kind.
type Identifier struct {
	Site    string
	Key     string // how every room names the person by it
	Kind    string // patient_id
	Issuer  string
	Value   string
	First   time.Time // when an object brought it first
	Last    time.Time // when another study did
	Studies int       // that it came with
}

// Format implements fmt.Formatter.
func (i Identifier) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "%s [personal]", i.Kind) }

// LogValue implements slog.LogValuer.
func (i Identifier) LogValue() slog.Value { return slog.StringValue(i.Kind + " [personal]") }

// Run follows the journal, and notes what the headers of objects say, until ctx ends.
func (r *Register) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	go func() {
		if err := r.fileAll(ctx); err != nil {
			failed <- err
			return
		}
		failed <- r.Journal.Follow(ctx, Consumer, []string{
			stored, "archive.identity.corrected", "archive.identity.undone", "worklist.order.created", "worklist.order.changed",
		}, r.learn)
	}()
	go func() { failed <- r.lookAlways(ctx) }()
	err := <-failed
	cancel() // one cannot go on without the other
	return errors.Join(err, <-failed)
}

// stored is the kind of the entries that tell of a new object.
const stored = "archive.instance.stored"

// Rebuild forgets the identifiers, and what headers of objects said, and reads the
// journal from its beginning; Run does the work. Decisions stay, and what others said. Who was erased does not come back: what the journal knew
// of them cannot be read any more.
func (r *Register) Rebuild(ctx context.Context) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		for _, s := range []string{`delete from person_seen`, `delete from person_header`, `delete from person_fact where source = 'dicom'`} {
			if _, err := tx.Exec(ctx, s); err != nil {
				return err
			}
		}
		return r.Journal.Rewind(ctx, tx, Consumer)
	})
}

// learn takes in the identifiers of studies.
func (r *Register) learn(ctx context.Context, tx *db.Tx, batch []journal.Entry) error {
	ofOrder := func(e journal.Entry) bool { return strings.HasPrefix(e.Kind, "worklist.") }
	if err := r.due(ctx, tx, slices.DeleteFunc(slices.Clone(batch), ofOrder)); err != nil {
		return err
	}
	for _, e := range batch {
		if len(e.Payload) == 0 {
			continue // not the first instance of its study, or its person was erased
		}
		if ofOrder(e) {
			if err := r.ordered(ctx, tx, e); err != nil {
				return err
			}
			continue
		}
		var seen struct {
			Person    string `json:"person"`
			Issuer    string `json:"issuer"`
			PatientID string `json:"patient_id"`
		}
		if err := json.Unmarshal(e.Payload, &seen); err != nil {
			return fault.Errorf(fault.Internal, "journal entry %s: payload is not what the archive writes", e.ID)
		}
		if seen.Person == "" {
			continue
		}
		at := db.Millis(e.At)
		_, err := tx.Exec(ctx, `insert into person_seen (site_id, person, kind, issuer, identifier, first_ms, last_ms, studies)
			values ($1, $2, 'patient_id', $3, $4, $5, $5, 1) on conflict (site_id, person) do update set studies = person_seen.studies + 1,
			first_ms = case when excluded.first_ms < person_seen.first_ms then excluded.first_ms else person_seen.first_ms end,
			last_ms = case when excluded.last_ms > person_seen.last_ms then excluded.last_ms else person_seen.last_ms end`,
			e.Site, seen.Person, seen.Issuer, seen.PatientID, at)
		if err != nil {
			return err
		}
		if err := r.file(ctx, tx, e.Site, Card{Key: seen.Person, Issuer: seen.Issuer, Identifier: seen.PatientID}); err != nil {
			return err
		}
	}
	return nil
}

// ordered takes in whom an order is about.
func (r *Register) ordered(ctx context.Context, tx *db.Tx, e journal.Entry) error {
	var order struct {
		Patient struct {
			ID        string `json:"id"`
			Issuer    string `json:"issuer"`
			Name      string `json:"name"`
			BirthDate string `json:"birth_date"`
			Sex       string `json:"sex"`
		} `json:"patient"`
	}
	if err := json.Unmarshal(e.Payload, &order); err != nil {
		return fault.Errorf(fault.Internal, "journal entry %s: payload is not what the worklist writes", e.ID)
	}
	p := order.Patient
	if r.Key == nil || p.ID == "" {
		return nil
	}
	return r.file(ctx, tx, e.Site, Card{Key: r.Key(p.Issuer, p.ID), Issuer: p.Issuer, Identifier: p.ID, Name: p.Name, BirthDate: p.BirthDate, Sex: p.Sex})
}

// Keys returns every name under which rooms keep data of the person that key names
// at a site: key itself first, then those that people linked with it, directly or
// through others.
func (r *Register) Keys(ctx context.Context, site, key string) ([]string, error) {
	return r.KeysIn(ctx, r.DB, site, key)
}

// maxKeys bounds how many identifiers one person may have; people do not link more.
const maxKeys = 1000

// ofPerson selects the links that name $2 at site $1 on either side, each side by its
// index: with "or" SQLite reads every link of the site.
const ofPerson = `link_id in (select link_id from person_link where site_id = $1 and a = $2
	union all select link_id from person_link where site_id = $1 and b = $2)`

// KeysIn is Keys within a transaction.
func (*Register) KeysIn(ctx context.Context, q db.Querier, site, key string) ([]string, error) {
	keys, seen := []string{key}, map[string]bool{key: true}
	for i := 0; i < len(keys) && len(keys) <= maxKeys; i++ {
		next, err := db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select b from person_link where site_id = $1 and a = $2 and ended_at = 0 and kind <> 'distinct'
			union all select a from person_link where site_id = $1 and b = $2 and ended_at = 0 and kind <> 'distinct' limit $3`, site, keys[i], maxKeys)
		if err != nil {
			return nil, err
		}
		for _, k := range next {
			if !seen[k] {
				keys, seen[k] = append(keys, k), true
			}
		}
	}
	keys = keys[:min(len(keys), 1+maxKeys)]
	slices.Sort(keys[1:])
	return keys, nil
}

// Identifiers returns all identifiers of a person that objects came with, the one
// asked for first. It is empty if none of them ever did.
func (r *Register) Identifiers(ctx context.Context, site, key string) ([]Identifier, error) {
	keys, err := r.Keys(ctx, site, key)
	if err != nil {
		return nil, err
	}
	var all []Identifier
	for _, k := range keys {
		list, err := db.List(ctx, r.DB, scanIdentifier, fromSeen+`where site_id = $1 and person = $2`, site, k)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

// Elsewhere returns the same identifier of the same issuer at the other sites of the
// installation. Without an issuer nobody can say that it is the same.
func (r *Register) Elsewhere(ctx context.Context, i Identifier) ([]Identifier, error) {
	return db.List(ctx, r.DB, scanIdentifier, fromSeen+`where issuer <> '' and identifier = $1 and issuer = $2 and kind = $3 and site_id <> $4
		order by site_id`, i.Value, i.Issuer, i.Kind, i.Site)
}

// Find returns the identifiers of a site with that value, of any issuer.
func (r *Register) Find(ctx context.Context, site, value string) ([]Identifier, error) {
	return db.List(ctx, r.DB, scanIdentifier, fromSeen+`where site_id = $1 and person in (select cast($2 as text)
		union all select person from person_seen where site_id = $1 and identifier = $2) order by person limit 100`, site, value)
}

const fromSeen = `select site_id, person, kind, issuer, identifier, first_ms, last_ms, studies from person_seen `

func scanIdentifier(r *db.Rows) (i Identifier, err error) {
	var first, last int64
	err = r.Scan(&i.Site, &i.Key, &i.Kind, &i.Issuer, &i.Value, &first, &last, &i.Studies)
	i.First, i.Last = db.FromMillis(first), db.FromMillis(last)
	return i, err
}
