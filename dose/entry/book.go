package entry

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"slices"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

//go:embed migration/*.sql
var migrations embed.FS

// Migrations returns the tables of entry for db.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// Machines knows machines and learns new ones. *site.Register does.
type Machines interface {
	Plan(ctx context.Context, q db.Querier, siteID string) (*site.Plan, error)
	Seen(ctx context.Context, tx *db.Tx, e site.Equipment) (site.Sighting, error)
}

// A Journal takes what people do. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// A Ledger derives from entries. *dose.Ledger is one.
type Ledger interface {
	Enter(ctx context.Context, tx *db.Tx, siteID string, studies ...string) error
	Placements(ctx context.Context, siteID string, ids []string) (map[string]dose.Placement, error)
}

// A Book keeps what was entered.
type Book struct {
	DB       *db.DB
	Journal  Journal
	Content  *content.Library
	Machines Machines
	Ledger   Ledger
	Now      func() time.Time
	// Person names the person of an identifier as the archive does.
	Person func(issuer, patientID string) string
}

// States of an entry.
const (
	Stands    = "stands"
	Withdrawn = "withdrawn"
)

// An Entry is a record that was entered.
type Entry struct {
	ID      string
	Site    string
	Class   dose.Class
	Batch   string // "" if it was typed in
	Line    int
	Version int
	State   string
	Study   string // UID
	Made    bool   // that was made for it
	By      string
	At      time.Time
	Record  Record
	Person  string // as the archive names whom it is about
}

const selectEntry = `select entry_id, site_id, class, batch_id, line, version, state, study_uid, made, done_by, done_at, person, body from dose_entry`

// scanEntry reads a row.
func scanEntry(r *db.Rows) (e Entry, err error) {
	var at int64
	var body string
	if err := r.Scan(&e.ID, &e.Site, &e.Class, &e.Batch, &e.Line, &e.Version, &e.State, &e.Study, &e.Made, &e.By, &at, &e.Person, &body); err != nil {
		return e, err
	}
	e.At = db.FromMillis(at)
	e.Record, err = readRecord(body)
	return e, err
}

// List returns the latest entries that were typed in, at most limit.
func (b *Book) List(ctx context.Context, siteID string, limit int) ([]Entry, error) {
	return db.List(ctx, b.DB, scanEntry, selectEntry+` where site_id = $1 and batch_id = '' order by done_at desc, entry_id desc limit $2`, siteID, limit)
}

// Find returns an entry. NotFound: there is none.
func (b *Book) Find(ctx context.Context, q db.Querier, siteID, id string) (Entry, error) {
	all, err := db.List(ctx, q, scanEntry, selectEntry+` where site_id = $1 and entry_id = $2`, siteID, id)
	if err != nil {
		return Entry{}, err
	}
	if len(all) == 1 {
		return all[0], nil
	}
	return Entry{}, fault.Errorf(fault.NotFound, "no entry %s", id)
}

// Enter keeps a record that somebody typed in. What is wrong with it is returned, and
// then nothing is kept. Conflict: the same examination was entered already.
func (b *Book) Enter(ctx context.Context, siteID, by string, x Record) (e Entry, wrong []Wrong, err error) {
	rules, err := newRuler(b.Content, siteID, b.Now())
	if err != nil {
		return e, nil, err
	}
	err = b.DB.Write(ctx, func(tx *db.Tx) error {
		if err := b.place(ctx, tx, siteID, &x, nil); err != nil {
			return err
		}
		if wrong = rules.check(&x); len(wrong) > 0 {
			return nil
		}
		e = Entry{ID: db.NewID(), Site: siteID, Class: dose.FromManual, Version: 1, State: Stands, By: by, At: b.Now(), Record: x}
		twice, err := b.twice(ctx, tx, e)
		if err != nil {
			return err
		}
		if twice != "" {
			return fault.Errorf(fault.Conflict, "the same examination is there as entry %s", twice)
		}
		return b.keep(ctx, tx, &e, "entered", "")
	})
	return e, wrong, err
}

// Correct puts a record in the place of what an entry said. What it said stays in its
// history. NotFound: no entry that stands.
func (b *Book) Correct(ctx context.Context, siteID, by, id, reason string, x Record) (e Entry, wrong []Wrong, err error) {
	rules, err := newRuler(b.Content, siteID, b.Now())
	if err != nil {
		return e, nil, err
	}
	err = b.DB.Write(ctx, func(tx *db.Tx) error {
		was, err := b.standing(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		if err := b.place(ctx, tx, siteID, &x, nil); err != nil {
			return err
		}
		if wrong = rules.check(&x); len(wrong) > 0 {
			return nil
		}
		if x.Origin == "" {
			x.Origin = was.Record.Origin
		}
		e = was
		e.Version, e.By, e.At, e.Record = was.Version+1, by, b.Now(), x
		if err := b.Ledger.Enter(ctx, tx, siteID, was.Study); err != nil {
			return err
		}
		return b.keep(ctx, tx, &e, "corrected", reason)
	})
	return e, wrong, err
}

// Withdraw takes an entry out of what counts. It stays with its history. NotFound: no
// entry that stands. Invalid: no reason.
func (b *Book) Withdraw(ctx context.Context, siteID, by, id, reason string) error {
	if reason == "" || len(reason) > maxText {
		return fault.Errorf(fault.Invalid, "withdrawing an entry needs a reason of 1 to %d bytes", maxText)
	}
	return b.DB.Write(ctx, func(tx *db.Tx) error {
		e, err := b.standing(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		e.State, e.Version, e.By, e.At = Withdrawn, e.Version+1, by, b.Now()
		return b.keep(ctx, tx, &e, "withdrawn", reason)
	})
}

// standing returns an entry that stands.
func (b *Book) standing(ctx context.Context, tx *db.Tx, siteID, id string) (Entry, error) {
	e, err := b.Find(ctx, tx, siteID, id)
	if err == nil && e.State != Stands {
		err = fault.Errorf(fault.NotFound, "entry %s was withdrawn", id)
	}
	return e, err
}

// place finds out which machine a record is of. names are the machines by what a table
// calls them.
func (b *Book) place(ctx context.Context, tx *db.Tx, siteID string, x *Record, names *naming) error {
	if names == nil {
		plan, err := b.Machines.Plan(ctx, tx, siteID)
		if err != nil {
			return err
		}
		names = &naming{plan: plan}
	}
	if x.Machine != "" {
		if _, ok := names.plan.Machine(x.Machine); !ok {
			x.Machine, x.Station, x.Model = "", "", "" // nobody knows it: the check says so
		}
		return nil
	}
	if x.Station == "" && x.Model == "" || x.Day == "" {
		return nil
	}
	if x.Machine = names.machine(*x); x.Machine != "" {
		return nil
	}
	seen, err := b.Machines.Seen(ctx, tx, site.Equipment{
		Site: siteID, Manufacturer: x.Manufacturer, Model: x.Model, Station: x.Station, Modality: modalities[x.Kind], Day: x.Day,
	})
	x.Machine = seen.MachineID
	return err
}

// modalities are what machines are called by what their doses are of.
var modalities = map[dose.Kind]string{dose.CT: "CT", dose.Projection: "DX", dose.Mammography: "MG", dose.Nuclear: "NM"}

// A naming knows machines by what tables call them.
type naming struct {
	plan *site.Plan
	said map[string]string // by what a table calls it, the id
}

// machine returns the machine of a record, "" if nobody knows one, or there are several.
func (n *naming) machine(x Record) string {
	if id := n.said[x.Station]; id != "" {
		return id
	}
	var found []string
	for _, room := range n.plan.Rooms {
		for _, m := range room.Machines {
			same := m.Station != "" && m.Station == x.Station && (x.Model == "" || m.Model == "" || m.Model == x.Model)
			if same || m.Name == x.Station && x.Station != "" {
				found = append(found, m.ID)
			}
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// twice returns the entry that stands for the same examination, "" if there is none.
func (*Book) twice(ctx context.Context, tx *db.Tx, e Entry) (string, error) {
	all, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select entry_id from dose_entry where site_id = $1 and fingerprint = $2 and state = $3 and entry_id <> $4 limit 1`,
		e.Site, e.Record.fingerprint(), Stands, e.ID)
	return append(all, "")[0], err
}

// fingerprint is the same for records of the same examination with the same doses,
// whatever they came from.
func (x Record) fingerprint() string {
	x.Origin, x.Count = "", ""
	x.Values, x.Events = slices.Clone(x.Values), slices.Clone(x.Events)
	for i := range x.Values {
		x.Values[i].At = ""
	}
	for i := range x.Events {
		x.Events[i].Values = slices.Clone(x.Events[i].Values)
		for j := range x.Events[i].Values {
			x.Events[i].Values[j].At = ""
		}
	}
	raw, err := json.Marshal(x)
	if err != nil {
		return "" // cannot be: it is text alone
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// keep writes an entry and the step that made it so, journals it and has it derived.
func (b *Book) keep(ctx context.Context, tx *db.Tx, e *Entry, kind, reason string) error {
	if err := b.write(ctx, tx, e, kind, reason); err != nil {
		return err
	}
	if err := b.Ledger.Enter(ctx, tx, e.Site, e.Study); err != nil {
		return err
	}
	data := map[string]any{"class": e.Class, "version": e.Version, "kind": e.Record.Kind, "machine": e.Record.Machine}
	return b.journalled(ctx, tx, e.Site, e.By, "dose.entry."+kind, e.ID, data)
}

// journalled writes a journal entry.
func (b *Book) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return b.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}

// write writes an entry and a step.
func (b *Book) write(ctx context.Context, tx *db.Tx, e *Entry, kind, reason string) error {
	x := e.Record
	study, err := uid.Parse(x.Study)
	if e.Made = err != nil || x.Study == ""; e.Made {
		study = dose.MadeStudy(e.ID)
	}
	e.Study = study.String()
	e.Person = b.person(x)
	body, err := x.text()
	if err != nil {
		return err
	}
	at := db.Millis(e.At)
	_, err = tx.Exec(ctx, `insert into dose_entry (entry_id, site_id, class, batch_id, line, version, state, study_uid, made, day,
		machine_id, accession, person, fingerprint, body, done_by, done_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
		on conflict (entry_id) do update set version = excluded.version, state = excluded.state, study_uid = excluded.study_uid,
		made = excluded.made, day = excluded.day, machine_id = excluded.machine_id, accession = excluded.accession, person = excluded.person,
		fingerprint = excluded.fingerprint, body = excluded.body, done_by = excluded.done_by, done_at = excluded.done_at`,
		e.ID, e.Site, string(e.Class), e.Batch, e.Line, e.Version, e.State, e.Study, e.Made, x.Day,
		x.Machine, x.Accession, e.Person, x.fingerprint(), body, e.By, at)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into dose_entry_step (step_id, site_id, entry_id, version, kind, reason, body, done_by, done_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`, db.NewID(), e.Site, e.ID, e.Version, kind, reason, body, e.By, at)
	return err
}

// person names the person of a record as the archive does.
func (b *Book) person(x Record) string {
	if b.Person == nil || x.PatientID == "" {
		return ""
	}
	return b.Person(x.Issuer, x.PatientID)
}

// A Step is what was done about an entry.
type Step struct {
	Version      int
	Kind, Reason string
	By           string
	At           time.Time
	Record       Record
}

// History returns what was done about an entry, the first first.
func (b *Book) History(ctx context.Context, siteID, id string) ([]Step, error) {
	return db.List(ctx, b.DB, func(r *db.Rows) (s Step, err error) {
		var at int64
		var body string
		if err := r.Scan(&s.Version, &s.Kind, &s.Reason, &s.By, &at, &body); err != nil {
			return s, err
		}
		s.At = db.FromMillis(at)
		s.Record, err = readRecord(body)
		return s, err
	}, `select version, kind, reason, done_by, done_at, body from dose_entry_step where site_id = $1 and entry_id = $2 order by version, step_id`, siteID, id)
}

var _ dose.Entries = (*Book)(nil)

// Entered implements dose.Entries.
func (b *Book) Entered(ctx context.Context, q db.Querier, siteID, study string) ([]dose.Entry, error) {
	all, err := db.List(ctx, q, scanEntry, selectEntry+` where site_id = $1 and study_uid = $2 and state = $3 order by entry_id`, siteID, study, Stands)
	if err != nil {
		return nil, err
	}
	parsed, err := uid.Parse(study)
	if err != nil {
		return nil, nil //nolint:nilerr // no entry has a study without a UID
	}
	out := make([]dose.Entry, len(all))
	for i, e := range all {
		out[i] = dose.Entry{ID: e.ID, Report: e.Record.report(e.ID, e.Class, parsed), Machine: e.Record.Machine, Made: e.Made, At: e.At}
	}
	return out, nil
}

// Near implements dose.Entries.
func (b *Book) Near(ctx context.Context, q db.Querier, siteID, day string, accessions, machines []string) ([]string, error) {
	found := map[string]bool{}
	look := func(query string, args ...any) error {
		all, err := db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select distinct study_uid from dose_entry where site_id = $1 and state = 'stands' and made and `+query, append([]any{siteID}, args...)...)
		for _, s := range all {
			found[s] = true
		}
		return err
	}
	for _, a := range accessions {
		if err := look(`accession = $2`, a); err != nil {
			return nil, err
		}
	}
	for _, m := range machines {
		if err := look(`day = $2 and machine_id = $3`, day, m); err != nil {
			return nil, err
		}
	}
	all := make([]string, 0, len(found))
	for s := range found {
		all = append(all, s)
	}
	slices.Sort(all)
	return all, nil
}
