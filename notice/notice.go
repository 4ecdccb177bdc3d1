// Package notice tells people and systems what waits for them, without patient data.
//
// A message goes to accounts or to whoever has a role at a site. It lands in each
// one's inbox, and from there, as each one prefers, in a mail at once or in one a
// day; systems get it by webhook. A message is a kind from one table, arguments
// that the table allows, and a path to a page: a mail says that something waits
// and where, never about whom. What is allowed in an argument is a number, a day,
// the name of a machine or a word of the program, and Send refuses the rest.
//
// Send is part of the caller's transaction. What follows runs as jobs, is tried
// again, and survives a restart.
package notice

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"regexp"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
	"radagora/lang"
	"radagora/notice/hook"
	"radagora/outgoing"
)

//go:embed migration/*.sql
var files embed.FS

// A Severity says how much a message matters.
type Severity string

// The severities.
const (
	Info    Severity = "info"
	Warning Severity = "warning"
	Urgent  Severity = "urgent" // by mail at once, unless a person said otherwise for the kind
)

// A Message is what people or systems are to know.
type Message struct {
	To       []string          `json:"to,omitempty"`    // accounts
	Roles    []access.Role     `json:"roles,omitempty"` // and whoever has one of these at Site
	Site     string            `json:"site"`            // "" means the default site
	Kind     string            `json:"kind"`            // one of Kinds
	Args     map[string]string `json:"args,omitempty"`  // exactly those the kind asks for
	Path     string            `json:"path"`            // the page to open, such as /settings/status
	Severity Severity          `json:"severity"`        // "" means Info
}

// People knows the accounts. *access.Users does.
type People interface {
	All(ctx context.Context) ([]access.Who, error)
	User(ctx context.Context, id string) (access.User, error)
}

// A Journal takes what people changed. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// A Queue takes work. *job.Queue is one.
type Queue interface {
	Add(ctx context.Context, tx *db.Tx, j job.Job) error
	Handle(kind string, fn func(context.Context, job.Job) error, options ...job.Option)
}

// Options are the settings of Open. All but those marked must be given.
type Options struct {
	People    People
	Journal   Journal
	Jobs      Queue
	Outgoing  *outgoing.Client
	Catalogue *lang.Catalogue
	MasterKey [32]byte // wraps the secrets of webhooks

	Mail      Mail             // may be zero: then there are no mails
	PublicURL string           // how people reach the pages, such as https://dose.hospital.example
	Zone      *time.Location   // of the hour at which digests go out; nil means UTC
	Remind    time.Duration    // after which Once repeats what is still so; 0 means 7 days
	Keep      time.Duration    // how long what was read is kept; 0 means 180 days
	Log       *slog.Logger     // nil discards
	Now       func() time.Time // nil means the system clock
	Rand      io.Reader        // for secrets; nil means crypto/rand
}

// Notices is the post office. It is safe for concurrent use.
type Notices struct {
	db    *db.DB
	o     Options
	hooks *hook.Caller
	base  *url.URL
}

// The jobs of this room.
const (
	jobDeliver = "notice.message.deliver"
	jobMail    = "notice.mail.send"
	jobDigest  = "notice.digest.send"
	jobPost    = "notice.webhook.post"
)

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open migrates the tables and has the queue do the work of this room; call it
// before the queue runs. It is Invalid if the public address or the settings of
// mail cannot be.
func Open(ctx context.Context, d *db.DB, o Options) (*Notices, error) {
	if err := d.Migrate(ctx, "notice", Migrations()); err != nil {
		return nil, err
	}
	n := &Notices{db: d, o: o.withDefaults()}
	base, err := url.Parse(n.o.PublicURL)
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" {
		return nil, fault.Errorf(fault.Invalid, "public address: write how browsers reach the pages, such as https://dose.hospital.example")
	}
	n.base = base
	if err := n.o.Mail.check(); err != nil {
		return nil, err
	}
	if n.hooks, err = hook.New(o.MasterKey, hook.Options{Outgoing: n.o.Outgoing, Now: n.o.Now, Rand: n.o.Rand}); err != nil {
		return nil, err
	}
	o.Jobs.Handle(jobDeliver, n.deliver)
	o.Jobs.Handle(jobMail, n.mailOne, job.Limit(2*time.Minute))
	o.Jobs.Handle(jobDigest, n.mailDigest, job.Limit(2*time.Minute))
	o.Jobs.Handle(jobPost, n.post, job.Limit(2*time.Minute))
	return n, nil
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one default of the field
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Remind <= 0 {
		o.Remind = 7 * 24 * time.Hour
	}
	if o.Keep <= 0 {
		o.Keep = 180 * 24 * time.Hour
	}
	return o
}

// defaultSite is the site of messages that name none: the one that is always there.
const defaultSite = "default"

// pathRule is a page without a query, which could hold what somebody searched for.
var pathRule = regexp.MustCompile(`^/([A-Za-z0-9._~-][A-Za-z0-9/._~-]{0,300})?(#[a-z0-9-]{1,40})?$`)

// check refuses what cannot be a message. Its errors name parts, not contents.
func (m *Message) check() error {
	if m.Severity == "" {
		m.Severity = Info
	}
	if m.Site == "" {
		m.Site = defaultSite
	}
	k, known := kinds[m.Kind]
	switch {
	case !known:
		return fault.Errorf(fault.Invalid, "notice: no kind %.60q", m.Kind)
	case m.Severity != Info && m.Severity != Warning && m.Severity != Urgent:
		return fault.Errorf(fault.Invalid, "notice %s: no severity %.20q", m.Kind, m.Severity)
	case !pathRule.MatchString(m.Path) || strings.Contains(m.Path, ".."):
		return fault.Errorf(fault.Invalid, "notice %s: the path is not that of a page without a query", m.Kind)
	case len(m.To) == 0 && len(m.Roles) == 0:
		return fault.Errorf(fault.Invalid, "notice %s: nobody to tell", m.Kind)
	case len(m.To) > maxTo || len(m.Site) > 256:
		return fault.Errorf(fault.Invalid, "notice %s: %d accounts; at most %d", m.Kind, len(m.To), maxTo)
	}
	return k.check(m.Kind, m.Args)
}

// maxTo is the most accounts one message may name.
const maxTo = 1000

// A delivery is a message on its way.
type delivery struct {
	ID   string    `json:"id"`
	At   time.Time `json:"at"`
	Once string    `json:"once,omitempty"`
	Message
}

// Send tells people and systems as part of tx: they are told if and only if it
// commits, soon afterwards. It is Invalid if the message breaks a rule of its kind.
func (n *Notices) Send(ctx context.Context, tx *db.Tx, m Message) error {
	return n.send(ctx, tx, "", m)
}

func (n *Notices) send(ctx context.Context, tx *db.Tx, once string, m Message) error {
	if err := m.check(); err != nil {
		return err
	}
	d := delivery{ID: db.NewID(), At: n.o.Now().UTC().Truncate(time.Millisecond), Once: once, Message: m}
	return n.add(ctx, tx, job.Job{Site: m.Site, Kind: jobDeliver}, d)
}

// add adds a job with its arguments.
func (n *Notices) add(ctx context.Context, tx *db.Tx, j job.Job, args any) error {
	text, err := json.Marshal(args)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	j.Args = text
	return n.o.Jobs.Add(ctx, tx, j)
}

// Once is Send for a state that lasts, such as a disk that is full: it tells once,
// and again after Options.Remind if it still is so, until Clear says that it is
// over. key names the state; it holds no personal data. Call it as often as the
// state is looked at.
func (n *Notices) Once(ctx context.Context, tx *db.Tx, key string, m Message) error {
	if key == "" || len(key) > 256 {
		return fault.Errorf(fault.Invalid, "notice %s: the key of a state has 1 to 256 bytes", m.Kind)
	}
	if err := m.check(); err != nil {
		return err
	}
	now := n.o.Now()
	changed, err := tx.Exec(ctx, `insert into notice_once (once_key, site_id, kind, told_at) values ($1, $2, $3, $4)
		on conflict (once_key) do update set told_at = excluded.told_at
		where notice_once.told_at <= $5 or notice_once.told_at > excluded.told_at`, // the clock was put back
		key, m.Site, m.Kind, db.Millis(now), db.Millis(now.Add(-n.o.Remind)))
	if err != nil || changed == 0 {
		return err
	}
	return n.send(ctx, tx, key, m)
}

// Clear says that a state is over, and marks what was told of it as settled. It may
// be called although nothing was told.
func (n *Notices) Clear(ctx context.Context, tx *db.Tx, key string) error {
	changed, err := tx.Exec(ctx, `delete from notice_once where once_key = $1`, key)
	if err != nil || changed == 0 {
		return err
	}
	_, err = tx.Exec(ctx, `update notice set settled_at = $1 where once_key = $2 and once_key <> '' and settled_at = 0`, db.Millis(n.o.Now()), key)
	return err
}

// States returns the keys of the states that were told and are not over, by kind.
func (n *Notices) States(ctx context.Context) (map[string][]string, error) {
	all := map[string][]string{}
	_, err := db.List(ctx, n.db, func(r *db.Rows) (bool, error) {
		var key, kind string
		err := r.Scan(&key, &kind)
		all[kind] = append(all[kind], key)
		return true, err
	}, `select once_key, kind from notice_once order by kind, once_key`)
	if err != nil {
		return nil, fmt.Errorf("states that were told: %w", err)
	}
	return all, nil
}

// record writes to the journal what a person changed.
func (n *Notices) record(ctx context.Context, tx *db.Tx, by, kind, subject string, data map[string]string) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return n.o.Journal.Append(ctx, tx, journal.Entry{Site: defaultSite, At: n.o.Now(), Actor: by, Kind: kind, Subject: subject, Data: text})
}
