// Package worklist knows what was ordered, scheduled and done.
//
// An Order is a requested procedure with the scheduled steps it takes; people,
// programs and messages write it (Create, Change, Cancel). Machines ask for the
// steps that wait for them (Find, PS3.4 Annex K) and tell what they do (Begin and
// Set, the modality performed procedure step of PS3.4 Annex F). What arrives in the
// archive is matched to orders by rule (Match), and a study is announced complete
// when it has been quiet, when the machine says that all of it was made, or when as
// many objects arrived as were expected.
//
// Cancelled orders leave the worklist at once and the history never. Everything that
// changes is journalled: who changed what without personal data, and how the order
// stands now in the encrypted payload, so that the journal is its history.
//
// The room speaks of data sets, not of associations: cmd/radagora puts it behind the
// doors. docs/format/worklist.md describes tables and documents.
package worklist

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
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

// Consumer is the name under which worklist reads the journal.
const Consumer = "worklist"

// A Journal is read for what arrived and takes what happens here. *journal.Journal
// is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
	Follow(ctx context.Context, consumer string, kinds []string, fn func(context.Context, *db.Tx, []journal.Entry) error) error
	Rewind(ctx context.Context, tx *db.Tx, consumer string) error
}

// Sites knows time zones. *site.Register is one.
type Sites interface {
	Site(ctx context.Context, id string) (site.Site, error)
}

// Studies tells what the archive has.
type Studies interface {
	// Study returns what is known of a study; NotFound: there is none.
	Study(ctx context.Context, site, study string) (Study, error)
	// Present returns how many of the SOP Instance UIDs the archive has.
	Present(ctx context.Context, site string, instances []string) (int, error)
}

// A Study is what the archive knows of a study.
type Study struct {
	Person            string // as the journal and the other rooms name the patient
	PatientID, Issuer string
	Accession         string
	Date, Time        string // YYYYMMDD and HHMMSS as received
	Modalities        []string
	Series, Instances int64
}

// Format implements fmt.Formatter: a study leads to a person.
func (Study) Format(w fmt.State, _ rune) { hidden(w) }

// LogValue implements slog.LogValuer.
func (Study) LogValue() slog.Value { return slog.StringValue(concealed) }

// A Config is what a Register needs.
type Config struct {
	DB      *db.DB
	Journal Journal
	Sites   Sites
	Studies Studies                               // nil: nothing is matched and nothing becomes complete
	Person  func(issuer, patientID string) string // names persons as the archive does
	Fold    func(string) string                   // writes text as it is searched for, without case and accents
	// Keys returns all names of a person, that one first; nil: nobody has several.
	Keys func(ctx context.Context, q db.Querier, site, person string) ([]string, error)
	// Face returns how the patient of an order made with that identifier is known now;
	// nil: as the order says.
	Face    func(ctx context.Context, q db.Querier, site, issuer, id string) (Face, error)
	Reports Reports  // nil: nobody here knows of reports
	Images  ImagesOf // nil: nobody counts the objects of a study by modality
	Now     func() time.Time
	Random  io.Reader // for identifiers
	Log     *slog.Logger
	Holder  string // names this process in leases
	// Nameless says that the installation keeps no names: then it keeps no orders and
	// no performed steps either, and both are Unsupported.
	Nameless bool
}

// A Register keeps orders, steps and what was done. It is safe for concurrent use.
type Register struct {
	Config
	wake chan struct{}
}

// Open migrates the tables and returns the register.
func Open(ctx context.Context, c Config) (*Register, error) {
	if c.DB == nil || c.Journal == nil || c.Sites == nil || c.Person == nil || c.Fold == nil || c.Now == nil || c.Random == nil {
		return nil, fault.Errorf(fault.Internal, "worklist: database, journal, sites, persons, clock and randomness are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if err := c.DB.Migrate(ctx, "worklist", Migrations()); err != nil {
		return nil, err
	}
	r := &Register{Config: c, wake: make(chan struct{}, 1)}
	return r, r.describeAll(ctx)
}

// poke wakes whoever works in the background.
func (r *Register) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// named refuses what names patients where names are not kept.
func (r *Register) named() error {
	if r.Nameless {
		return fault.Errorf(fault.Unsupported, "worklist: this installation keeps no names, so it keeps no orders")
	}
	return nil
}

// record writes what happened to the journal, as part of tx. payload may be nil; it
// is kept only with a person, whose key encrypts it.
func (r *Register) record(ctx context.Context, tx *db.Tx, e journal.Entry, data, payload any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	e.Data, e.At = text, r.Now()
	if e.Actor == "" {
		e.Actor = actor(ctx)
	}
	if payload != nil && e.Person != "" {
		if e.Payload, err = json.Marshal(payload); err != nil {
			return fault.As(fault.Internal, err)
		}
	}
	return r.Journal.Append(ctx, tx, e)
}

// actor returns who asks, as the journal names them.
func actor(ctx context.Context) string {
	if id := access.From(ctx).ID; id != "" {
		return id
	}
	return "system:worklist"
}
