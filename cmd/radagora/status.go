package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/backup"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
	"radagora/journal"
	"radagora/lang"
	"radagora/notice"
	"radagora/site"
)

// statusSettings are the references that the state of the installation stands beside.
type statusSettings struct {
	WarnDisk        int           `setting:"" name:"warn-disk" default:"10" help:"Warn when less than this share of the disk is free, in per cent."`
	WarnLog         int64         `setting:"" name:"warn-log" default:"1024" help:"Warn when the write-ahead log of the database takes more than this, in MiB."`
	WarnLate        time.Duration `setting:"" name:"warn-late" default:"15m" help:"Warn when a job or an entry of the journal waits longer than this."`
	WarnCertificate int           `setting:"" name:"warn-certificate" default:"30" help:"Warn when a certificate ends within this many days."`
	WarnClock       time.Duration `setting:"" name:"warn-clock" default:"5s" help:"Warn when the clock of the machine jumps by more than this."`
	WarnPeer        int           `setting:"" name:"warn-peer" default:"0" help:"Warn when nothing has come from a peer for this many days; 0 for never."`
}

// The states of a condition.
const (
	stateGood    = "good"
	stateWarn    = "attention"
	stateTrouble = "trouble"
	stateUnknown = "unknown" // it could not be found out
	stateNone    = ""        // nothing to compare with
)

// A condition is one thing that is looked at: a value beside its reference.
type condition struct {
	Group     string // storage, work, doors, program
	Name      lang.Message
	Value     lang.Message
	Reference lang.Message // empty key for none
	State     string

	// What is told to people while it is not good, and under which key: "" for
	// nothing.
	Key  string
	Tell notice.Message
}

// An observer looks at how the installation stands.
type observer struct {
	settings settings
	db       *db.DB
	journal  *journal.Journal
	jobs     *job.Queue
	sites    *site.Register
	notices  *notice.Notices // may be nil
	backup   *backup.Keeper
	clock    *clockWatch                                // may be nil
	storage  func(context.Context) ([]condition, error) // may be nil
	messages func(context.Context) ([]condition, error) // may be nil
	host     string                                     // name of this machine, for what is its own
	now      func() time.Time
}

// observer returns the observer of a house.
func (h *house) observer(s settings, clock *clockWatch) *observer {
	return &observer{
		settings: s, db: h.DB, journal: h.Journal, jobs: h.Jobs, sites: h.Sites, notices: h.Notices, backup: h.Backup,
		clock: clock, host: machineName(), now: h.Now,
	}
}

// look looks at everything. What cannot be found out is a condition of its own state,
// so that one thing that fails does not hide the others.
func (o *observer) look(ctx context.Context) []condition {
	var all []condition
	for _, part := range []struct {
		group string
		name  string
		look  func(context.Context) ([]condition, error)
	}{
		{"storage", "status.disk", o.disk},
		{"storage", "status.database", o.database},
		{"storage", "status.backup", o.backups},
		{"work", "status.journal", o.journalState},
		{"work", "status.jobs", o.jobState},
		{"work", "status.copies", o.copyState},
		{"doors", "status.certificate", o.certificates},
		{"doors", "status.peers", o.peers},
		{"doors", "status.webhooks", o.webhooks},
		{"program", "status.clock", o.clockState},
		{"program", "status.memory", o.memory},
		{"program", "status.version", o.version},
		{"storage", "status.room", o.storage},
		{"doors", "status.messages", o.messages},
	} {
		if part.look == nil {
			continue
		}
		checks, err := part.look(ctx)
		if err != nil {
			checks = append(checks, condition{
				Name: msg(part.name, nil), State: stateUnknown, Value: msg("status.failed", lang.Args{"kind": fault.Of(err).String()}),
			})
		}
		for _, c := range checks {
			c.Group = part.group
			all = append(all, c)
		}
	}
	return all
}

// disk looks at the room that is left for the data.
func (o *observer) disk(context.Context) ([]condition, error) {
	free, total, err := diskSpace(o.settings.Data)
	if err != nil || total == 0 {
		return nil, err
	}
	share := int(free * 100 / total)
	c := condition{
		Name:      msg("status.disk", nil),
		Value:     msg("status.disk_value", lang.Args{"free": bytesText(free), "total": bytesText(total), "percent": share}),
		Reference: msg("status.disk_reference", lang.Args{"percent": o.settings.WarnDisk}),
		State:     stateGood, Key: "disk " + o.host, Tell: o.tell("status.disk.full", "n", fmt.Sprint(share)),
	}
	switch {
	case share < o.settings.WarnDisk/3:
		c.State, c.Tell.Severity = stateTrouble, notice.Urgent
	case share < o.settings.WarnDisk:
		c.State = stateWarn
	}
	return []condition{c}, nil
}

// fullDisk adds to why the rooms cannot be opened what a person must do, if it is that
// the disk of the data folder is full.
func (s settings) fullDisk(err error) error {
	free, total, failed := diskSpace(s.Data)
	if failed != nil || total == 0 || free >= 1<<20 {
		return err
	}
	return fault.Errorf(fault.Exhausted, "%w: the disk of the data folder %s is full, %s are free: make room there and start again; what was acknowledged is kept",
		err, s.Data, bytesText(free))
}

// database looks at size and log of the database, and how long it takes to answer.
func (o *observer) database(ctx context.Context) ([]condition, error) {
	began := time.Now()
	if _, err := o.db.Leases(ctx); err != nil {
		return nil, err
	}
	took := time.Since(began)
	size, err := o.db.Size(ctx)
	if err != nil {
		return nil, err
	}
	all := []condition{{
		Name:  msg("status.database", nil),
		Value: msg("status.database_value", lang.Args{"engine": o.db.Engine(), "size": bytesText(size.Bytes), "ms": took.Milliseconds()}),
		State: stateGood,
	}}
	if o.db.Engine() != db.SQLite {
		return all, nil
	}
	c := condition{
		Name: msg("status.log", nil), Value: msg("status.size", lang.Args{"size": bytesText(size.Log)}),
		Reference: msg("status.at_most", lang.Args{"size": bytesText(o.settings.WarnLog << 20)}), State: stateGood,
	}
	if size.Log > o.settings.WarnLog<<20 {
		c.State = stateWarn
	}
	return append(all, c), nil
}

// backups looks at the last good backup.
func (o *observer) backups(ctx context.Context) ([]condition, error) {
	if o.backup == nil {
		return nil, nil
	}
	s, err := o.backup.State(ctx, o.settings.BackupEvery)
	if err != nil {
		return nil, err
	}
	c := condition{Name: msg("status.backup", nil), State: stateGood, Key: "backup", Reference: msg("status.backup_reference", lang.Args{"hours": int(o.settings.BackupEvery.Hours())})}
	days := int(s.Age.Hours() / 24)
	switch {
	case !s.Configured:
		c.Value, c.Reference, c.State = msg("status.backup_not_set", nil), msg("status.backup_set", nil), stateWarn
		c.Tell = o.tell("status.backup.none")
	case s.Last.ID == "":
		c.Value, c.State = msg("status.backup_none", nil), stateWarn
		c.Tell = o.tell("status.backup.none")
	default:
		c.Value = msg("status.backup_value", lang.Args{"hours": int(s.Age.Hours())})
		c.Tell = o.tell("status.backup.old", "n", fmt.Sprint(max(0, days)))
	}
	if s.Late && s.Configured {
		c.State = stateTrouble
	}
	all := []condition{c}
	if s.Failed.ID != "" {
		all = append(all, condition{
			Name: msg("status.backup_last", nil), Value: msg("status.backup_failed", lang.Args{"hours": int(o.now().Sub(s.Failed.Ended).Hours())}),
			Reference: msg("status.none_failed", nil), State: stateTrouble, Key: "backup failed", Tell: o.tell("status.backup.failed"),
		})
	} else {
		all = append(all, condition{Name: msg("status.backup_last", nil), Value: msg("status.backup_ok", nil), Reference: msg("status.none_failed", nil), State: stateGood, Key: "backup failed"})
	}
	return all, nil
}

// journalState looks at what waits for a seal and at who follows.
func (o *observer) journalState(ctx context.Context) ([]condition, error) {
	unsealed, oldest, err := o.unsealed(ctx)
	if err != nil {
		return nil, err
	}
	late := !oldest.IsZero() && o.now().Sub(oldest) > o.settings.WarnLate
	c := condition{
		Name: msg("status.journal", nil), Value: msg("status.journal_value", lang.Args{"n": unsealed}),
		Reference: msg("status.late", lang.Args{"minutes": int(o.settings.WarnLate.Minutes())}), State: stateGood,
		Key: "journal sealer", Tell: o.tell("status.journal.stuck", "what", "sealer"),
	}
	if late {
		c.State = stateTrouble
	}
	all := []condition{c}
	consumers, err := o.journal.Consumers(ctx)
	for _, f := range consumers {
		since, err := o.entryAt(ctx, f.Seq+1)
		if err != nil {
			return all, err
		}
		c := condition{
			Name: msg("status.consumer", lang.Args{"name": f.Name}), Value: msg("status.consumer_value", lang.Args{"n": f.Lag}),
			Reference: msg("status.late", lang.Args{"minutes": int(o.settings.WarnLate.Minutes())}), State: stateGood,
			Key: "journal " + f.Name, Tell: o.tell("status.journal.stuck", "what", f.Name),
		}
		switch {
		case f.Stuck:
			c.State, c.Value = stateTrouble, msg("status.consumer_stuck", lang.Args{"n": f.Lag, "entry": f.FailsAt, "kind": f.Kind})
		case !since.IsZero() && o.now().Sub(since) > o.settings.WarnLate:
			c.State = stateWarn
		}
		all = append(all, c)
	}
	return all, err
}

// unsealed returns how many entries of the journal wait for a seal, and since when.
func (o *observer) unsealed(ctx context.Context) (n int, oldest time.Time, err error) {
	var at int64
	err = o.db.QueryRow(ctx, `select count(*), coalesce(min(at_ms), 0) from journal_entry where seq is null`).Scan(&n, &at)
	return n, db.FromMillis(at), err
}

// entryAt returns when the entry with this number happened, the zero time if there is
// none.
func (o *observer) entryAt(ctx context.Context, seq int64) (time.Time, error) {
	var at int64
	err := o.db.QueryRow(ctx, `select at_ms from journal_entry where seq = $1`, seq).Scan(&at)
	if err != nil && fault.Of(err) == fault.NotFound {
		return time.Time{}, nil
	}
	return db.FromMillis(at), err
}

// jobState looks at work that waits, is late or was given up.
func (o *observer) jobState(ctx context.Context) ([]condition, error) {
	counts, err := o.jobs.State(ctx)
	if err != nil {
		return nil, err
	}
	var waiting, running, failing, dead int
	var late time.Time
	for _, c := range counts {
		waiting, running, failing, dead = waiting+c.Waiting, running+c.Running, failing+c.Failing, dead+c.Dead
		if !c.Late.IsZero() && (late.IsZero() || c.Late.Before(late)) {
			late = c.Late
		}
	}
	jobs := condition{
		Name: msg("status.jobs", nil), Value: msg("status.jobs_value", lang.Args{"n": waiting, "running": running, "failing": failing}),
		Reference: msg("status.late", lang.Args{"minutes": int(o.settings.WarnLate.Minutes())}), State: stateGood,
	}
	if !late.IsZero() && o.now().Sub(late) > o.settings.WarnLate {
		jobs.State = stateWarn
	}
	given := condition{
		Name: msg("status.dead", nil), Value: msg("status.dead_value", lang.Args{"n": dead}), Reference: msg("status.none", nil),
		State: stateGood, Key: "jobs dead", Tell: o.tell("status.job.dead", "n", fmt.Sprint(min(dead, 999999))),
	}
	if dead > 0 {
		given.State = stateWarn
	}
	return []condition{jobs, given}, nil
}

// peers looks at when each peer was heard last.
func (o *observer) peers(ctx context.Context) ([]condition, error) {
	peers, err := o.sites.Peers(ctx, at)
	if err != nil {
		return nil, err
	}
	var all []condition
	for _, p := range peers {
		c := condition{Name: msg("status.peer", lang.Args{"title": p.AETitle}), Value: msg("status.peer_never", nil)}
		if !p.Last.IsZero() {
			c.Value = msg("status.peer_value", lang.Args{"day": p.Last})
		}
		if o.settings.WarnPeer > 0 && !p.Last.IsZero() && p.State == site.Accepted {
			c.Reference, c.State = msg("status.peer_reference", lang.Args{"n": o.settings.WarnPeer}), stateGood
			c.Key, c.Tell = "peer "+p.AETitle, o.tell("status.peer.silent", "title", p.AETitle, "day", p.Last.Format(time.DateOnly))
			if o.now().Sub(p.Last) > time.Duration(o.settings.WarnPeer)*24*time.Hour {
				c.State = stateWarn
			}
		}
		all = append(all, c)
	}
	return all, nil
}

// webhooks looks at whether they answer.
func (o *observer) webhooks(ctx context.Context) ([]condition, error) {
	if o.notices == nil {
		return nil, nil
	}
	hooks, err := o.notices.Webhooks(ctx)
	var all []condition
	for _, h := range hooks {
		c := condition{
			Name: msg("status.webhook", lang.Args{"host": h.Host}), Value: msg("status.webhook_good", nil), Reference: msg("status.none_failed", nil),
			State: stateGood, Key: "webhook " + h.ID, Tell: o.tell("status.webhook.failing", "what", h.Host),
		}
		if !h.Failing.IsZero() {
			c.State, c.Value = stateWarn, msg("status.webhook_failing", lang.Args{"day": h.Failing})
		}
		all = append(all, c)
	}
	return all, err
}

// memory looks at what the program takes.
func (o *observer) memory(context.Context) ([]condition, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return []condition{{
		Name:  msg("status.memory", nil),
		Value: msg("status.memory_value", lang.Args{"size": bytesText(clampSize(m.Sys)), "heap": bytesText(clampSize(m.HeapAlloc)), "goroutines": runtime.NumGoroutine()}),
	}}, nil
}

// version tells what runs.
func (o *observer) version(context.Context) ([]condition, error) {
	return []condition{{
		Name:  msg("status.version", nil),
		Value: msg("status.version_value", lang.Args{"version": versionText(), "go": runtime.Version(), "system": runtime.GOOS + "/" + runtime.GOARCH}),
	}}, nil
}

// tell returns what is told of a condition that is not good.
func (o *observer) tell(kind string, args ...string) notice.Message {
	m := notice.Message{Roles: warned, Site: at, Kind: kind, Path: "/settings/status", Severity: notice.Warning}
	for i := 0; i+1 < len(args); i += 2 {
		if m.Args == nil {
			m.Args = map[string]string{}
		}
		m.Args[args[i]] = args[i+1]
	}
	return m
}

// clampSize makes a size of what the runtime counts.
func clampSize(n uint64) int64 { return int64(min(n, 1<<62)) }

type statusCmd struct{ settings }

func (statusCmd) Help() string {
	return `Prints how the installation stands, each value beside its reference: disk, database, backup, journal, jobs,
certificates, peers, clock. It may run beside "radagora serve". Exits with 1 if anything is in trouble.

Example:

    radagora status --data /var/lib/radagora`
}

// Run prints the conditions.
func (c statusCmd) Run(ctx context.Context, sys *system) (err error) {
	o, done, err := c.observe(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	catalogue, err := lang.Open()
	if err != nil {
		return err
	}
	p, trouble := catalogue.Printer(lang.Source), 0
	w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
	for _, c := range o.look(ctx) {
		state, reference := c.State, ""
		if c.Reference.Key != "" {
			reference = p.Say(c.Reference)
		}
		if state == stateNone {
			state = "-"
		}
		if c.State == stateTrouble || c.State == stateUnknown {
			trouble++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", state, p.Say(c.Name), p.Say(c.Value), reference)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if trouble > 0 {
		return fault.Errorf(fault.Unavailable, "%d things are in trouble", trouble)
	}
	return nil
}

// observe opens what a look needs beside a program that serves, and nothing else.
func (s settings) observe(ctx context.Context, sys *system) (o *observer, done func() error, err error) {
	dsn := s.DB
	if dsn == "" {
		dsn = "sqlite:" + filepath.Join(s.Data, backup.SQLiteFile)
	}
	if err := backup.Ready(s.Data); err != nil {
		return nil, nil, err
	}
	if strings.HasPrefix(dsn, "sqlite:") && !exists(strings.TrimPrefix(dsn, "sqlite:")) {
		return nil, nil, fault.Errorf(fault.NotFound, "data folder %s holds no database: there is nothing to look at", s.Data)
	}
	d, err := db.Open(ctx, dsn, db.Options{})
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			err = s.fullDisk(errors.Join(err, d.Close()))
		}
	}()
	if err := current(ctx, d); err != nil {
		return nil, nil, err
	}
	o = &observer{settings: s, db: d, host: machineName(), now: sys.Now}
	key, err := keyFile(filepath.Join(s.Data, "journal.key"))
	if err != nil {
		return nil, nil, err
	}
	options := journal.Options{MasterKey: key, Log: sys.Log, Now: sys.Now}
	if err := signing(&options, s.Data); err != nil {
		return nil, nil, err
	}
	if o.journal, err = journal.Open(ctx, d, options); err != nil {
		return nil, nil, err
	}
	if o.sites, err = site.Open(ctx, d, o.journal, sys.Now); err != nil {
		return nil, nil, err
	}
	if o.jobs, err = job.Open(ctx, d, o.journal, job.Options{Log: sys.Log, Now: sys.Now}); err != nil {
		return nil, nil, err
	}
	c, err := s.backupConfig(d, o.journal, sys)
	if err != nil {
		return nil, nil, err
	}
	o.backup, err = backup.Open(ctx, c)
	return o, d.Close, err
}

// current refuses a database that another version of the program has made: whoever
// looks migrates nothing.
func current(ctx context.Context, d *db.DB) error {
	for name, files := range migrations() {
		n, err := d.Pending(ctx, name, files)
		if err != nil {
			return err
		}
		if n != 0 {
			return fault.Errorf(fault.Conflict, "the database is of another version than this program: use the program that serves it")
		}
	}
	return nil
}
