package dose

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

//go:embed migration/*.sql
var migrations embed.FS

// Migrations returns the tables of dose for db.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Consumer is the name under which dose reads the journal.
const Consumer = "dose"

// Objects opens instances of the archive.
type Objects interface {
	// Open returns the instance with that SOP Instance UID; the caller closes
	// it when done with the file. NotFound: there is none.
	Open(ctx context.Context, site string, sop uid.UID) (*dicom.File, io.Closer, error)
}

// Machines learns machines from what reports say. *site.Register is one.
type Machines interface {
	Seen(ctx context.Context, tx *db.Tx, e site.Equipment) (site.Sighting, error)
}

// A Journal is read for what arrived and takes what people decide.
// *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
	Follow(ctx context.Context, consumer string, kinds []string, fn func(context.Context, *db.Tx, []journal.Entry) error) error
	Rewind(ctx context.Context, tx *db.Tx, consumer string) error
}

// A Ledger keeps the exposures of an installation: what reports say, derived,
// and what people decided about it, apart.
type Ledger struct {
	DB       *db.DB
	Journal  Journal
	Content  *content.Library
	Objects  Objects
	Machines Machines
	Reader   Reader
	Log      *slog.Logger
	Now      func() time.Time
	Holder   string // names this process in leases
	// Person names the person of an identifier as the archive does; nil: persons are
	// not told apart, and nothing is found by person.
	Person  func(issuer, patientID string) string
	Orders  Orders  // nil: nobody knows what was ordered
	Sizes   Sizes   // nil: how big patients are only their reports say
	Images  Images  // nil: headers of images tell nothing
	Pixels  bool    // somebody measures scans whose size nobody tells; see WaitingPixels
	Entries Entries // nil: nothing is entered by people
	Screens Screens // nil: nobody looks for dose screens
	// Zone returns the time zone of a site; nil: UTC.
	Zone func(ctx context.Context, siteID string) (*time.Location, error)
	// Root returns which machine of a site one really is, where several were merged; nil:
	// each is itself.
	Root func(ctx context.Context, q db.Querier, siteID string) (func(machine string) string, error)
	// Derived, if set, is called within tx after what was derived of a study was forgotten
	// or written anew; with no study, after all of it was forgotten.
	Derived func(ctx context.Context, tx *db.Tx, siteID, study string) error
	// Changed, if set, is called after derived values changed.
	Changed func()

	once  sync.Once
	wake  chan struct{}
	kept  memory
	names names
}

// structuredReport begins the UID of every SOP class that may hold a dose report.
// What an object is its title decides; this only spares opening every image.
const structuredReport = "1.2.840.10008.5.1.4.1.1.88."

// Run follows the journal and derives until ctx ends. Of several processes, one
// follows and one derives at a time.
func (l *Ledger) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 4)
	go func() {
		failed <- l.Journal.Follow(ctx, Consumer, []string{"archive.instance.stored"}, l.arrived)
	}()
	go func() {
		failed <- l.Journal.Follow(ctx, ConsumerImages, []string{"archive.instance.stored"}, l.pictured)
	}()
	go func() { failed <- l.Journal.Follow(ctx, ConsumerOrders, orderKinds, l.reordered) }()
	go func() { failed <- l.deriveAlways(ctx) }()
	err := <-failed
	cancel() // one cannot go on without the others
	return errors.Join(err, <-failed, <-failed, <-failed)
}

// woken returns the channel that says there is something to derive.
func (l *Ledger) woken() chan struct{} {
	l.once.Do(func() { l.wake = make(chan struct{}, 1) })
	return l.wake
}

// poke wakes whoever derives.
func (l *Ledger) poke() {
	select {
	case l.woken() <- struct{}{}:
	default:
	}
}

// arrived notes the studies that structured reports arrived for.
func (l *Ledger) arrived(ctx context.Context, tx *db.Tx, batch []journal.Entry) error {
	for _, e := range batch {
		var data struct {
			Study    string `json:"study"`
			SOPClass string `json:"sop_class"`
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return fault.Errorf(fault.Internal, "journal entry %s: %w", e.ID, err)
		}
		if !strings.HasPrefix(data.SOPClass, structuredReport) {
			continue
		}
		_, err := tx.Exec(ctx, `insert into dose_source
			(site_id, source_id, study_uid, class, series_uid, acquisition, kind, problem, counted, machine_id, received_at)
			values ($1, $2, $3, 'report', '', '', '', '', $4, '', $5) on conflict (site_id, source_id) do nothing`,
			e.Site, e.Subject, data.Study, false, db.Millis(e.At))
		if err != nil {
			return err
		}
		if err := pend(ctx, tx, e.Site, data.Study); err != nil {
			return err
		}
	}
	tx.OnCommit(l.poke)
	return nil
}

// pend notes that a study is to be derived anew.
func pend(ctx context.Context, tx *db.Tx, site, study string) error {
	_, err := tx.Exec(ctx, `insert into dose_pending (site_id, study_uid, ticket) values ($1, $2, $3)
		on conflict (site_id, study_uid) do update set ticket = excluded.ticket`, site, study, db.NewID())
	return err
}

// pendReports notes that a study is to be derived anew if there are sources of it.
func pendReports(ctx context.Context, tx *db.Tx, site, study string) error {
	_, err := tx.Exec(ctx, `insert into dose_pending (site_id, study_uid, ticket)
		select distinct site_id, study_uid, cast($3 as text) from dose_source where site_id = $1 and study_uid = $2
		on conflict (site_id, study_uid) do update set ticket = excluded.ticket`, site, study, db.NewID())
	return err
}

// Rebuild forgets what was derived and reads the journal from its beginning.
// Decisions of people stay. It returns when that is noted; Run does the work.
func (l *Ledger) Rebuild(ctx context.Context) error {
	return l.DB.Write(ctx, func(tx *db.Tx) error {
		if err := setAside(ctx, tx, db.Millis(l.Now())); err != nil {
			return err
		}
		for _, table := range slices.Concat(derived, []string{"dose_source", "dose_image", "dose_pending", "dose_month"}) {
			if _, err := tx.Exec(ctx, "delete from "+table); err != nil { // names of the line above
				return err
			}
		}
		if err := l.pendEntered(ctx, tx); err != nil {
			return err
		}
		if err := l.told(ctx, tx, "", ""); err != nil {
			return err
		}
		if err := l.Journal.Rewind(ctx, tx, ConsumerImages); err != nil {
			return err
		}
		return l.Journal.Rewind(ctx, tx, Consumer)
	})
}

// Pending returns how many studies wait to be derived.
func (l *Ledger) Pending(ctx context.Context) (int64, error) {
	var n int64
	err := l.DB.QueryRow(ctx, `select count(*) from dose_pending`).Scan(&n)
	return n, err
}

// told tells whoever follows what is derived of studies.
func (l *Ledger) told(ctx context.Context, tx *db.Tx, siteID, study string) error {
	if l.Derived == nil {
		return nil
	}
	return l.Derived(ctx, tx, siteID, study)
}
