// Package site knows sites, areas, rooms, machines, peers and time zones.
//
// One installation may hold many sites; there is always one, Default. Machines are
// learnt from what arrives (Seen) and stand in a room of their own until somebody
// says otherwise. What people say (names, moves, merges) lives in tables of its
// own, is journalled and outlives every rebuild; what was learnt is derived, and a
// rebuild gives machines and their rooms the same ids again.
//
// Deviation from the ids of the house: ids of machines and of their own rooms are
// UUIDs made from the identity of the machine (version 8), because they have to be
// the same after a rebuild.
package site

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // time zones on machines that have none
	"unicode"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

//go:embed migration/*.sql
var files embed.FS

// Default is the id of the site that is always there.
const Default = "default"

// A Site is an organisation in an installation.
type Site struct {
	ID       string
	Name     string // "" until somebody says
	Country  string // ISO 3166-1 alpha-2; "" until somebody says
	Timezone string // IANA name; "UTC" until somebody says
	Version  int64  // counts changes; Change refuses an old one
}

// Location returns the time zone that decides days and months.
func (s Site) Location() *time.Location {
	if l, err := time.LoadLocation(s.Timezone); err == nil {
		return l
	}
	return time.UTC // Change lets no other in
}

// Day returns the day of t at the site, written 2006-01-02.
func (s Site) Day(t time.Time) string { return t.In(s.Location()).Format(time.DateOnly) }

// A Journal takes what people changed. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// A Register knows the sites of an installation and what is in them. It is safe
// for concurrent use.
type Register struct {
	// Knocked is told, within the transaction, of a caller who was not let in, the
	// first time. Nil: nobody is told. It is set before the register is used.
	Knocked func(ctx context.Context, tx *db.Tx, c Caller) error

	db      *db.DB
	journal Journal
	now     func() time.Time

	mu     sync.Mutex
	seen   map[sighting]cached
	lately map[string]time.Time // who called within the last pace
}

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open migrates the tables and returns the register.
func Open(ctx context.Context, d *db.DB, j Journal, now func() time.Time) (*Register, error) {
	if err := d.Migrate(ctx, "site", Migrations()); err != nil {
		return nil, err
	}
	return &Register{db: d, journal: j, now: now, seen: map[sighting]cached{}}, nil
}

const selectSite = `select site_id, name, country, timezone, version from site`

func scanSite(r *db.Rows) (s Site, err error) {
	return s, r.Scan(&s.ID, &s.Name, &s.Country, &s.Timezone, &s.Version)
}

// Site returns one site, NotFound if there is none with this id.
func (r *Register) Site(ctx context.Context, id string) (Site, error) { return r.SiteIn(ctx, r.db, id) }

// SiteIn is Site within a transaction.
func (*Register) SiteIn(ctx context.Context, q db.Querier, id string) (Site, error) {
	all, err := db.List(ctx, q, scanSite, selectSite+` where site_id = $1`, id)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "no site %s", id)
	}
	if err != nil {
		return Site{}, err
	}
	return all[0], nil
}

// Sites returns all sites, sorted by name.
func (r *Register) Sites(ctx context.Context) ([]Site, error) {
	return db.List(ctx, r.db, scanSite, selectSite+` order by name, site_id`)
}

// Change sets name, country and time zone of a site on behalf of by. It is Invalid
// for a name that is too long or not on one line, for a country that is no two letters or a time zone nobody knows, NotFound for a
// site that is not there, and Conflict if somebody changed it since s was read.
func (r *Register) Change(ctx context.Context, by string, s Site) error {
	if err := s.check(); err != nil {
		return err
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update site set name = $1, country = $2, timezone = $3, version = version + 1
			where site_id = $4 and version = $5`, s.Name, s.Country, s.Timezone, s.ID, s.Version)
		if err != nil {
			return err
		}
		if n == 0 {
			return r.whyNot(ctx, tx, s.ID)
		}
		return r.record(ctx, tx, by, s.ID, "site.site.changed", s.ID, map[string]string{
			"name": s.Name, "country": s.Country, "timezone": s.Timezone,
		})
	})
}

// maxName bounds the name, in bytes: it stands on every page.
const maxName = 120

// check refuses what cannot be the settings of a site.
func (s Site) check() error {
	if len(s.Name) > maxName || strings.ContainsFunc(s.Name, unicode.IsControl) {
		return fault.Errorf(fault.Invalid, "name: a site's has at most %d bytes, on one line", maxName)
	}
	upper := func(c byte) bool { return c >= 'A' && c <= 'Z' }
	if c := s.Country; c != "" && (len(c) != 2 || !upper(c[0]) || !upper(c[1])) {
		return fault.Errorf(fault.Invalid, "country: write two capital letters (ISO 3166-1), such as IE")
	}
	if _, err := time.LoadLocation(s.Timezone); err != nil || s.Timezone == "" || s.Timezone == "Local" {
		return fault.Errorf(fault.Invalid, "time zone: write a name of the IANA data base, such as Europe/Dublin")
	}
	return nil
}

// whyNot tells a missing site from one that was changed meanwhile.
func (r *Register) whyNot(ctx context.Context, tx *db.Tx, id string) error {
	var version int64
	if err := tx.QueryRow(ctx, `select version from site where site_id = $1`, id).Scan(&version); err != nil {
		return fmt.Errorf("site %s: %w", id, err)
	}
	return fault.Errorf(fault.Conflict, "site %s was changed meanwhile: read it again", id)
}

// record writes what somebody changed to the journal, in the same transaction.
func (r *Register) record(ctx context.Context, tx *db.Tx, by, siteID, kind, subject string, data map[string]string) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return r.journal.Append(ctx, tx, journal.Entry{
		Site: siteID, At: r.now(), Actor: by, Kind: kind, Subject: subject, Data: text,
	})
}
