// Package connect keeps the messages of other systems until they have had their effect.
//
// A message of a channel (HL7 v2 over MLLP) is stored before it is acknowledged.
// Behind that, one worker of all processes applies what was received, in the order
// of its arrival: what it says of persons goes to person, what it orders to
// worklist. What a message says is read through a mapping, which is content; what
// cannot be applied waits for a person or is set apart with a reason, and can be
// corrected and replayed. Nothing depends on the order in which messages come: what
// is older than what is known changes nothing, and the same message twice is one.
//
// docs/format/connect.md describes the tables.
package connect

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
	"radagora/person"
	"radagora/site"
	"radagora/worklist"
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
	Follow(ctx context.Context, consumer string, kinds []string, fn func(context.Context, *db.Tx, []journal.Entry) error) error
}

// Jobs runs work behind a transaction. *job.Queue is one.
type Jobs interface {
	Add(ctx context.Context, tx *db.Tx, j job.Job) error
	Handle(kind string, fn func(context.Context, job.Job) error, options ...job.Option)
}

// Persons takes what is said of persons. *person.Register is one.
type Persons interface {
	Note(ctx context.Context, tx *db.Tx, facts ...person.Fact) ([]person.Fact, error)
	Link(ctx context.Context, l person.Link) (string, error)
	Unlink(ctx context.Context, site, id, reason string) error
	Links(ctx context.Context, site, key string) ([]person.Link, error)
	Keys(ctx context.Context, site, key string) ([]string, error)
	SurvivorIn(ctx context.Context, q db.Querier, site, key string) (string, error)
	Identifiers(ctx context.Context, site, key string) ([]person.Identifier, error)
	History(ctx context.Context, site, key string) ([]person.Fact, error)
	Known(ctx context.Context, q db.Querier, site, key string, at time.Time) (map[person.FactKind]person.Fact, error)
}

// Orders takes what is ordered. *worklist.Register is one.
type Orders interface {
	Create(ctx context.Context, q worklist.Request) (worklist.Order, bool, error)
	Change(ctx context.Context, o worklist.Order) (worklist.Order, error)
	Cancel(ctx context.Context, site, id string, version int64, reason string) (worklist.Order, error)
	Unschedule(ctx context.Context, site, id string) (worklist.Order, error)
	Reschedule(ctx context.Context, site, id string, steps ...string) (worklist.Order, error)
	Get(ctx context.Context, site, id string) (worklist.Order, error)
	Numbered(ctx context.Context, site string, n worklist.Numbers) ([]worklist.Order, error)
	StudyStates(ctx context.Context, site string, f worklist.StudyFilter) ([]worklist.StudyState, error)
}

// Sites knows the time zone of a site. *site.Register is one.
type Sites interface {
	Site(ctx context.Context, id string) (site.Site, error)
}

// A Config is what a Register needs.
type Config struct {
	DB      *db.DB
	Journal Journal
	Jobs    Jobs
	Content *content.Library
	Sites   Sites
	People  Persons
	Orders  Orders
	Key     func(issuer, patientID string) string // names persons as the archive does
	Judge   *access.Judge                         // allows what messages do
	Bounds  person.Bounds                         // how long what is known of a body is passed on to machines
	// Stations returns the application entity titles of the machines of a modality, for
	// orders that name none; nil: there are none.
	Stations func(ctx context.Context, site, modality string) ([]string, error)
	Doses    Doses   // what studies came to, for receivers of that; nil: nobody is told
	Line     Line    // how receivers are called
	Records  Records // keeps reports; nil: none are taken
	Now      func() time.Time
	Log      *slog.Logger
	// Nameless says that the installation keeps no names, so no messages either:
	// they are Unsupported.
	Nameless bool
	// Open takes messages of unknown senders, from this machine, with the default
	// mapping.
	Open bool
}

// A Register keeps channels and messages. It is safe for concurrent use.
type Register struct {
	Config
	mappings sync.Map // *Mapping by site and id
}

// applying is the kind of the job that applies what was received.
const applying = "connect.message.apply"

// Open migrates the tables and returns the register. Call it before the jobs run.
func Open(ctx context.Context, c Config) (*Register, error) {
	if c.DB == nil || c.Journal == nil || c.Jobs == nil || c.Content == nil || c.Sites == nil || c.People == nil || c.Orders == nil || c.Key == nil || c.Judge == nil || c.Now == nil {
		return nil, fault.Errorf(fault.Internal, "connect: database, journal, jobs, content, sites, persons, orders, judge and clock are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if err := c.DB.Migrate(ctx, "connect", Migrations()); err != nil {
		return nil, err
	}
	r := &Register{Config: c}
	c.Jobs.Handle(applying, r.apply)
	c.Jobs.Handle(sending, r.send)
	c.Jobs.Handle(tellDose, r.tellDose, job.Attempts(doseAttempts))
	return r, nil
}

// record writes what happened to the journal, as part of tx.
func (r *Register) record(ctx context.Context, tx *db.Tx, e journal.Entry, data any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	if e.Actor == "" {
		e.Actor = actor(ctx)
	}
	e.Data, e.At = text, r.Now()
	return r.Journal.Append(ctx, tx, e)
}

// reasoned adds what somebody typed to an entry: it may name whom the message is about, so
// it is under the key of that person; of nobody in particular it is not kept.
func reasoned(e journal.Entry, reason string) journal.Entry {
	if e.Person != "" {
		e.Payload, _ = json.Marshal(map[string]string{"reason": reason}) // texts alone never fail
	}
	return e
}

// actor returns who asks, as the journal names them.
func actor(ctx context.Context) string {
	if id := access.From(ctx).ID; id != "" {
		return id
	}
	return "system:connect"
}
