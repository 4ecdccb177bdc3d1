// Package record keeps FHIR resources no capability projects, with versions and search.
//
// An order is a ServiceRequest and a study an ImagingStudy without being kept twice:
// their rooms say what they are when they are asked. What no room knows anything of
// (an Encounter, a DiagnosticReport of another system, a Subscription) is kept here as
// it came: each version, whom it is about, and by which search parameters of R4 it is
// found. Keep writes within a transaction of the caller, so that what a Bundle or a
// message brings to several rooms is there whole or not at all.
//
// A search asks an index by SQL for what may meet it and then holds each resource
// against the criteria themselves (fhir/search), so it finds what a store without an
// index would.
//
// docs/format/record.md describes the tables.
package record

import (
	"context"
	"embed"
	"io/fs"
	"slices"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
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

// A Journal takes what happens here. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// Kept is the kind of the journal entry of each version. Its subject is the Key of the
// resource, its data are Type, Version and Source of a Note.
const Kept = "record.resource.kept"

// A Note is what the journal says of a version: no id that somebody outside chose, and
// nothing of what it holds.
type Note struct {
	Type    string `json:"type"`
	Version int64  `json:"version"`
	Source  string `json:"source,omitempty"`
}

// A Config is what a Book needs. All but Zone and NewID must be given.
type Config struct {
	DB      *db.DB
	Journal Journal
	Types   []string // of resources that are kept
	Now     func() time.Time
	NewID   func() string // nil: db.NewID
	// Zone returns the zone of times without one at a site, in minutes east of UTC; nil
	// is UTC. It asks q alone.
	Zone func(ctx context.Context, q db.Querier, site string, at time.Time) (int, error)
}

// A Book keeps resources. It is safe for concurrent use.
type Book struct{ Config }

// Open migrates the tables and returns the book.
func Open(ctx context.Context, c Config) (*Book, error) {
	if c.DB == nil || c.Journal == nil || c.Now == nil || len(c.Types) == 0 {
		return nil, fault.Errorf(fault.Internal, "record: database, journal, types and clock are needed")
	}
	for _, typ := range c.Types {
		if !fhir.IsResource(typ) {
			return nil, fault.Errorf(fault.Invalid, "record: R4 has no resource %.64q", typ)
		}
	}
	if c.NewID == nil {
		c.NewID = db.NewID
	}
	if c.Zone == nil {
		c.Zone = func(context.Context, db.Querier, string, time.Time) (int, error) { return 0, nil }
	}
	return &Book{c}, c.DB.Migrate(ctx, "record", Migrations())
}

// Keeps reports whether resources of a type are kept here.
func (b *Book) Keeps(typ string) bool { return slices.Contains(b.Types, typ) }

// A Version is a resource as it was from one write to the next.
type Version struct {
	Resource fhir.Resource // with id, meta.versionId and meta.lastUpdated
	Key      string        // what the journal calls the resource; never changes
	Number   int64         // from 1
	Updated  time.Time
	Person   string // whom it is about; "" is nobody
	Source   string // the way it came
	By       string // who wrote it, as the journal names them

	Created bool // of what Keep returns: it is the first
	Same    bool // of what Keep returns: it was there already, and nothing was written
}

// actor returns who asks, as the journal names them.
func actor(ctx context.Context) string {
	if id := access.From(ctx).ID; id != "" {
		return id
	}
	return "system:record"
}
