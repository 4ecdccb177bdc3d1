// Package feed tells systems of changes by signed webhooks, in order and at least once.
//
// The journal is the outbox: what happened is written there in the transaction in which
// it happened, and numbered. Each webhook has a cursor, the number of the last change it
// has taken. A message holds the changes after the cursor, oldest first; the cursor moves
// when the answer says that they are taken, and nothing later is sent before that. So a
// change is skipped never, and repeated only if an answer was lost or somebody asked
// for it.
//
// A webhook is told what the account that added it may read, and is asked about at
// every message: Options.May. Somebody who leaves, or loses the role, ends it.
package feed

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/notice"
	"radagora/notice/hook"
)

//go:embed migration/*.sql
var files embed.FS

// A Group is some kinds of change under one name, by which people choose.
type Group struct {
	Name  string   // a lower-case word
	Kinds []string // of journal entries; "archive.study.*" stands for all that begin so
}

// A Journal is where changes stand. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
	Find(ctx context.Context, f journal.Filter) iter.Seq2[journal.Entry, error]
	Count(ctx context.Context, f journal.Filter) (int64, error)
	Head(ctx context.Context) (journal.Head, error)
	FirstSince(ctx context.Context, t time.Time) (int64, error)
	Changed() <-chan struct{}
}

// Notices tells people that a webhook was paused. *notice.Notices does.
type Notices interface {
	Once(ctx context.Context, tx *db.Tx, key string, m notice.Message) error
	Clear(ctx context.Context, tx *db.Tx, key string) error
}

// Options are the settings of Open. All but those marked must be given.
type Options struct {
	Journal Journal
	Hooks   *hook.Caller
	Notices Notices
	Groups  []Group
	Site    string
	// May returns nil if an account may read every change now, and an error of kind
	// Forbidden or NotFound if not.
	May func(ctx context.Context, account string) error
	// Subscriptions reads criteria; nil: nobody subscribes.
	Subscriptions Subscriptions

	Retry    time.Duration    // after the first failure, doubled each time; 0 means 5 s
	MaxRetry time.Duration    // the longest; 0 means 1 hour
	GiveUp   time.Duration    // so long all attempts may fail before it is paused; 0 means 3 days
	Poll     time.Duration    // how often to look for what other processes changed; 0 means 1 s
	LeaseTTL time.Duration    // how long a silent process keeps the work; 0 means 1 minute
	Holder   string           // names this process to people
	Log      *slog.Logger     // nil discards
	Now      func() time.Time // nil means the system clock
}

// Feed tells systems of changes. It is safe for concurrent use.
type Feed struct {
	db   *db.DB
	o    Options
	wake chan struct{}

	mu     sync.Mutex
	atWork map[string]bool // webhooks that are called now
	passed map[string]passage
}

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open migrates the tables. Run then tells.
func Open(ctx context.Context, d *db.DB, o Options) (*Feed, error) {
	if err := d.Migrate(ctx, "feed", Migrations()); err != nil {
		return nil, err
	}
	return &Feed{db: d, o: o.withDefaults(), wake: make(chan struct{}, 1), atWork: map[string]bool{}, passed: map[string]passage{}}, nil
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one default of the field
	}
	if o.Holder == "" {
		o.Holder = "process"
	}
	for d, usual := range map[*time.Duration]time.Duration{
		&o.Retry: 5 * time.Second, &o.MaxRetry: time.Hour, &o.GiveUp: 72 * time.Hour, &o.Poll: time.Second, &o.LeaseTTL: time.Minute,
	} {
		if *d <= 0 {
			*d = usual
		}
	}
	return o
}

// Groups returns the names by which people choose, in order.
func (f *Feed) Groups() []string {
	var all []string
	for _, g := range f.o.Groups {
		all = append(all, g.Name)
	}
	return all
}

// kinds returns the kinds of some groups.
func (f *Feed) kinds(groups []string) []string {
	var all []string
	for _, g := range f.o.Groups {
		if slices.Contains(groups, g.Name) {
			all = append(all, g.Kinds...)
		}
	}
	return all
}

// A Change is an entry of the journal as programs see it. It names no person: who is
// meant stands in the study, for whoever may read that.
type Change struct {
	Number   int64           `json:"number" doc:"its place; greater than that of all changes before"`
	At       time.Time       `json:"at"`
	Kind     string          `json:"kind" doc:"archive.instance.stored, worklist.study.complete …"`
	Study    string          `json:"study,omitempty" doc:"Study Instance UID"`
	Series   string          `json:"series,omitempty" doc:"Series Instance UID"`
	Instance string          `json:"instance,omitempty" doc:"SOP Instance UID"`
	SOPClass string          `json:"sop_class,omitempty"`
	Detail   json.RawMessage `json:"detail,omitempty" doc:"what else the kind says"`
}

// instanceKinds are the kinds whose subject is an instance.
const instanceKinds = "archive.instance.*"

// Of returns an entry as programs see it.
func Of(e journal.Entry) Change {
	c := Change{Number: e.Seq, At: e.At.UTC(), Kind: e.Kind, Detail: e.Data}
	var data struct {
		Study    string `json:"study"`
		Series   string `json:"series"`
		SOPClass string `json:"sop_class"`
	}
	_ = json.Unmarshal(e.Data, &data) // an entry without these says less
	c.Study, c.Series, c.SOPClass = data.Study, data.Series, data.SOPClass
	if Fits(instanceKinds, e.Kind) {
		c.Instance = e.Subject
	} else if c.Study == "" {
		c.Study = e.Subject
	}
	return c
}

// Fits reports whether kind is the pattern, or begins as it does before its star.
func Fits(pattern, kind string) bool {
	if n := len(pattern) - 1; n >= 0 && pattern[n] == '*' {
		return len(kind) > n && kind[:n] == pattern[:n]
	}
	return pattern == kind
}

// refuse returns an error for what is no choice of groups.
func (f *Feed) refuse(groups []string) error {
	if len(groups) == 0 {
		return fault.Errorf(fault.Invalid, "webhook: choose at least one kind of change")
	}
	for _, g := range groups {
		if !slices.Contains(f.Groups(), g) {
			return fault.Errorf(fault.Invalid, "webhook: no changes are called %.40q", g)
		}
	}
	return nil
}
