// Package exchange passes studies on to peers, and fetches from them.
//
// A rule says what goes to whom: by the sender, modality, body part, description and
// hours. A person can send a study too. Either makes a transfer: one row for a study
// and a peer, worked off by a job that is tried again until the peer has taken
// everything, and goes on where it broke off. What a peer refuses for good is noted
// with its status and does not hold up the rest.
//
// The package knows no protocol: whoever opens it gives it a Line to peers.
package exchange

import (
	"context"
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"iter"
	"log/slog"
	"time"

	"radagora/archive"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
)

//go:embed migration/*.sql
var migrations embed.FS

// Migrations returns the tables of the exchange for db.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Consumer is the name under which the exchange reads the journal.
const Consumer = "exchange"

// A Line sends to peers.
type Line interface {
	// Send offers the instances to a peer of a site, and tells done of each what it
	// answered: nil for taken, RefusedError for an answer that says no, other errors where
	// it could not be sent at all. An error of Send is that the line is broken: what
	// done was not told of is still to be sent. It ends with the first error of done.
	Send(ctx context.Context, site, peer string, instances []archive.Instance, done func(archive.Instance, error) error) error
}

// RefusedError is what a peer answers that does not take an instance, for good.
type RefusedError struct {
	Status uint16 // PS3.7 Annex C
	Words  string // what the status means
}

func (r *RefusedError) Error() string { return r.Words }

// A Journal is read for what arrived and takes what was decided and sent.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
	Follow(ctx context.Context, consumer string, kinds []string, fn func(context.Context, *db.Tx, []journal.Entry) error) error
}

// Jobs runs what is to be tried again. *job.Queue is one.
type Jobs interface {
	Add(ctx context.Context, tx *db.Tx, j job.Job) error
	Handle(kind string, fn func(context.Context, job.Job) error, options ...job.Option)
}

// Studies answers what is kept. *archive.Archive is one.
type Studies interface {
	Studies(ctx context.Context, site string, f archive.Filter, from archive.Cursor, limit int) ([]archive.Study, error)
	Study(ctx context.Context, site string, u uid.UID) (archive.Study, error)
	SeriesOf(ctx context.Context, site string, study uid.UID) ([]archive.Series, error)
	Instances(ctx context.Context, site string, study, series uid.UID, after *archive.Instance, limit int) ([]archive.Instance, error)
	Doors(ctx context.Context, site string, study uid.UID) ([]archive.Door, error)
	Notes(ctx context.Context, site string, study uid.UID) ([]archive.Note, error)
}

// A Config is what an Exchange needs.
type Config struct {
	DB        *db.DB
	Journal   Journal
	Jobs      Jobs
	Studies   Studies
	Line      Line
	Source    Source                                                         // nil: nothing can be fetched
	Committer Committer                                                      // nil: peers are not asked whether they answer for what they took
	Random    io.Reader                                                      // of UIDs; nil is crypto/rand
	Zone      func(ctx context.Context, site string) (*time.Location, error) // of the site's hours
	Log       *slog.Logger                                                   // nil: silent
	Now       func() time.Time
}

// An Exchange passes studies on. Its methods may be called concurrently.
type Exchange struct {
	Config
}

// Open returns an exchange whose tables are up to date; call it before the queue
// runs, which does its work.
func Open(ctx context.Context, c Config) (*Exchange, error) {
	if c.DB == nil || c.Journal == nil || c.Jobs == nil || c.Studies == nil || c.Line == nil || c.Now == nil {
		return nil, fault.Errorf(fault.Internal, "exchange: database, journal, jobs, studies, line and clock are needed")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Zone == nil {
		c.Zone = func(context.Context, string) (*time.Location, error) { return time.UTC, nil }
	}
	if err := c.DB.Migrate(ctx, "exchange", Migrations()); err != nil {
		return nil, err
	}
	x := &Exchange{c}
	c.Jobs.Handle(sendJob, x.work, job.Attempts(sendAttempts))
	if c.Committer != nil {
		c.Jobs.Handle(commitJob, x.askCommitment, job.Attempts(commitAttempts))
		c.Jobs.Handle(commitLateJob, x.late)
	}
	if c.Source != nil {
		c.Jobs.Handle(fetchJob, x.fetch, job.Attempts(fetchAttempts), job.Limit(fetchTakes))
		c.Jobs.Handle(migrateJob, x.step)
		c.Jobs.Handle(doseJob, x.askDoses)
	}
	return x, nil
}

// tick is how often the rules are asked about studies that rest.
const tick = time.Second

// Run follows the journal and asks the rules until ctx ends. Of several processes,
// one follows at a time.
func (x *Exchange) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 2)
	go func() {
		failed <- x.Journal.Follow(ctx, Consumer, []string{"archive.instance.stored", rejected}, x.arrived)
	}()
	go func() { failed <- x.ask(ctx) }()
	err := <-failed
	cancel() // one cannot go on without the other
	if other := <-failed; err == nil {
		err = other
	}
	return err
}

// ask applies the rules to studies that rest, again and again.
func (x *Exchange) ask(ctx context.Context) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		if err := x.Apply(ctx); err != nil && ctx.Err() == nil {
			x.Log.WarnContext(ctx, "forwarding rules could not be applied", "error", err)
		}
		if err := x.Nightly(ctx); err != nil && ctx.Err() == nil {
			x.Log.WarnContext(ctx, "dose rules could not be asked", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// rejected is the kind of journal entries of rejections.
const rejected = "archive.instance.rejected"

// arrived notes the studies that something arrived of, where there is a rule at all,
// and has rejections told to whom they concern.
func (x *Exchange) arrived(ctx context.Context, tx *db.Tx, batch []journal.Entry) error {
	ruled := map[string]bool{}
	seen := map[[2]string]bool{}
	for _, e := range batch {
		var data struct {
			Study string `json:"study"`
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			return fault.Errorf(fault.Internal, "journal entry %s: %w", e.ID, err)
		}
		if e.Kind == rejected {
			if err := x.tell(ctx, tx, e.Site, data.Study); err != nil {
				return err
			}
			continue
		}
		if _, known := ruled[e.Site]; !known {
			var n int
			if err := tx.QueryRow(ctx, `select count(*) from exchange_rule where site_id = $1 and active = $2`, e.Site, true).Scan(&n); err != nil {
				return err
			}
			ruled[e.Site] = n > 0
		}
		if key := [2]string{e.Site, data.Study}; ruled[e.Site] && !seen[key] {
			seen[key] = true
			if _, err := tx.Exec(ctx, `insert into exchange_pending (site_id, study_uid, changed_ms) values ($1, $2, $3)
				on conflict (site_id, study_uid) do update set changed_ms = excluded.changed_ms`, e.Site, data.Study, db.Millis(x.Now())); err != nil {
				return err
			}
		}
	}
	return nil
}

// all returns the instances of a study that a transfer is about, series by series.
func (x *Exchange) all(ctx context.Context, t Transfer) iter.Seq2[archive.Instance, error] {
	return func(yield func(archive.Instance, error) bool) {
		study, err := uid.Parse(t.Study)
		if err != nil {
			yield(archive.Instance{}, fault.As(fault.Invalid, err))
			return
		}
		series, err := x.Studies.SeriesOf(ctx, t.Site, study)
		if err != nil {
			yield(archive.Instance{}, err)
			return
		}
		for _, s := range series {
			if t.Series != "" && s.UID.String() != t.Series || t.Part == Reports && s.Modality != "SR" {
				continue
			}
			for i, err := range x.ofSeries(ctx, t.Site, study, s.UID) {
				if !yield(i, err) || err != nil {
					return
				}
			}
		}
	}
}

// page is how many instances are asked for at once.
const page = 500

func (x *Exchange) ofSeries(ctx context.Context, site string, study, series uid.UID) iter.Seq2[archive.Instance, error] {
	return func(yield func(archive.Instance, error) bool) {
		var after *archive.Instance
		for {
			list, err := x.Studies.Instances(ctx, site, study, series, after, page)
			if err != nil {
				yield(archive.Instance{}, err)
				return
			}
			for _, i := range list {
				if !yield(i, nil) {
					return
				}
			}
			if len(list) < page {
				return
			}
			after = &list[page-1]
		}
	}
}
