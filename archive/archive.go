// Package archive keeps studies and answers questions about them.
//
// What arrives is streamed to a blob store exactly as it came while its header
// is read on the way; then its row is committed, together with a journal entry,
// and only then is it acknowledged. So a row never names bytes that are not
// there, and whatever was acknowledged is found again. Bytes that nobody was
// told about may remain after a crash; Check names them.
//
// An instance is what it was first: the same data set under the same SOP
// Instance UID again is a success that changes nothing, another one goes to
// quarantine. What stands in the index does not depend on the order in which
// instances arrive. The tables and rules are in docs/format/archive.md.
//
// The package knows no protocol: associations, web requests and imports hand it
// an Arrival each.
package archive

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"radagora/access"
	"radagora/blob"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

//go:embed migration/*.sql
var migrations embed.FS

// Migrations returns the archive's tables for db.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// A Journal records what happened, in the transaction in which it happens.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// An Equipment is what an instance says about the machine it was made on.
type Equipment struct {
	Site, CallingAE                             string
	Modality, Manufacturer, Model, SerialNumber string
	StationName, Institution, Department        string
	SoftwareVersions                            string
}

// Machines learns machines from what they send.
type Machines interface {
	// Seen returns the id of the machine, which it may have to make first. It is
	// called once for a series, within the transaction that makes the series.
	Seen(ctx context.Context, tx *db.Tx, e Equipment) (machineID string, err error)
}

// A Config is what an Archive needs.
type Config struct {
	DB       *db.DB
	Blobs    blob.Store
	Journal  Journal
	Machines Machines         // nil: machines are not learnt
	Log      *slog.Logger     // nil: silent
	Now      func() time.Time // the clock

	// Erased, if set, is told within tx of a study that was erased, or of which the
	// instances of one of several persons were, or that was corrected to be of another
	// person, for whoever derives something from it.
	Erased func(ctx context.Context, tx *db.Tx, site, study string, whole bool) error

	// Arrived, if set, is told within tx of a person whom the instances of a study name
	// for the first time, so that what they asked for holds before anybody can select it.
	Arrived func(ctx context.Context, tx *db.Tx, p access.Person) error

	// Titles are those of rejection notes, and what such a note does. What has another
	// title rejects nothing.
	Titles []Title

	// Minimise, if set, is how a minimised installation replaces identities. Whether
	// this is one is Minimised at the first start, and what was decided then later.
	Minimise  *Minimiser
	Minimised bool

	Second blob.Packs    // copies of packs in a second place; nil for none
	Admit  func() error  // its error refuses a new object: there is too little room. nil admits all
	Grace  time.Duration // in which what was deleted can be brought back; 0 for not at all

	MaxObject int64 // how long an object may be, in bytes. 0: 8 GiB
}

// An Archive keeps studies. Its methods may be called concurrently.
type Archive struct {
	Config
	near     bool // bytes become durable as quickly as rows do, so that both are waited for together
	known    known
	places   places       // of pages
	flights  flights      // of metadata being made
	pending  pending      // to be prepared
	coercing coercing     // what is made of what peers send
	rejects  atomic.Int64 // rejections that hide what comes later; read now and then
	once     sync.Once
	said     said          // by objects, for erasures to come
	wake     chan struct{} // there is something to be taken out of the packs
}

// New returns an archive whose tables are up to date.
func New(ctx context.Context, c Config) (*Archive, error) {
	if c.DB == nil || c.Blobs == nil || c.Journal == nil || c.Now == nil {
		return nil, fault.Errorf(fault.Internal, "archive: database, blob store, journal and clock are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.MaxObject <= 0 {
		c.MaxObject = 8 << 30
	}
	if err := c.DB.Migrate(ctx, "access", access.Migrations()); err != nil { // lists ask for wishes and relations
		return nil, err
	}
	if err := c.DB.Migrate(ctx, "archive", Migrations()); err != nil {
		return nil, err
	}
	a := &Archive{Config: c}
	if b, ok := c.Blobs.(interface{ Near() bool }); ok {
		a.near = b.Near()
	}
	if err := a.decideMode(ctx); err != nil {
		return nil, err
	}
	if err := a.countRejections(ctx); err != nil {
		return nil, err
	}
	return a, a.nameless(ctx)
}
