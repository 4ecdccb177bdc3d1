// Package document keeps protocols, procedures and manuals: versions, approval, review, who read them.
//
// A document has an owner, people who are to read it by role, and places where it is used.
// Each version is a file or a link and never changes. A version is in force once a second
// person approved it: nobody approves what they put in. A review says that the version in
// force stays good until a day; when that day is past, or a version waits for its approval,
// a finding says so. Documents are about work, never about a patient.
package document

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/site"
)

//go:embed migration/*.sql
var migrations embed.FS

// Migrations returns the tables of the room for db.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(migrations, "migration")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// A Journal takes what people do. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// Findings keeps what is derived. *finding.Register is one.
type Findings interface {
	Derive(ctx context.Context, tx *db.Tx, scope finding.Scope, found []finding.Derived, part func(finding.Derived) string) (finding.Change, error)
}

// A Reader is somebody who may be asked to read.
type Reader struct {
	Account string
	Roles   []access.Role
}

// A Register keeps documents. It is safe for concurrent use.
type Register struct {
	DB       *db.DB
	Journal  Journal
	Content  *content.Library
	Findings Findings
	Site     func(ctx context.Context, siteID string) (site.Site, error)
	Rooms    func(ctx context.Context, siteID string) ([]string, error) // ids
	Readers  func(ctx context.Context, siteID string) ([]Reader, error) // accounts that have not ended
	// Procedures returns the codes of the examinations that were made between two days,
	// both included. nil: they are not known.
	Procedures func(ctx context.Context, siteID, from, until string) ([]string, error)
	Now        func() time.Time
}

// Kinds returns what a document can be.
func Kinds() []string {
	return []string{"protocol", "procedure", "manual", "policy", "responsibility", "guideline", "form", "record"}
}

// The topics that evidence asks for by name.
const (
	Justification = "justification" // names who is responsible for justification
	Optimisation  = "optimisation"  // names who is responsible for optimisation
)

// Topics returns the topics a document can have.
func Topics() []string { return []string{Justification, Optimisation} }

// Roles returns the roles that can be asked to read.
func Roles() []access.Role {
	return []access.Role{
		access.Radiologist, access.Radiographer, access.Physicist, access.Manager, access.Administrator, access.Steward, access.ProtectionOfficer,
	}
}

// Bounds of what somebody may type, in bytes, and of lists.
const (
	mostLine = 300
	mostText = 4000
	mostList = 60
)

// A Head is what a site says of a document.
type Head struct {
	Title    string        `json:"title"`
	Kind     string        `json:"kind"`                // see Kinds
	Topic    string        `json:"topic,omitempty"`     // see Topics
	Owner    string        `json:"owner"`               // function that answers for it, in words
	HighDose bool          `json:"high_dose,omitempty"` // a protocol of a procedure with a high dose
	Readers  []access.Role `json:"readers,omitempty"`   // who confirms to have read it
	Rooms    []string      `json:"rooms,omitempty"`     // ids of rooms in which it is used
	Audits   []string      `json:"audits,omitempty"`    // ids of audit templates that rest on it
	Duties   []string      `json:"duties,omitempty"`    // ids of duties of law that it serves
	Exams    []string      `json:"exams,omitempty"`     // codes of the examinations it is the protocol of
}

// A Document is one of the register.
type Document struct {
	ID, Site  string
	Number    int64
	Withdrawn bool // not used any more; it stays in the register
	Head      Head
	By        string // account that changed the head last
	At        time.Time
	Versions  []Version // the latest first
	Reviews   []Review  // the latest first
}

// A Version is a file or a link, as somebody put it in.
type Version struct {
	Number   int64
	Label    string
	Change   string
	Link     string
	File     string // name, "" without one
	Media    string
	Bytes    int64
	Digest   string
	By       string // account
	At       time.Time
	Day      string
	Approved string // account, "" until somebody approved it
	OK       time.Time
	OKDay    string
}

// A Review says that a version stays good.
type Review struct {
	Version int64
	Day     string
	Next    string // day of the next one
	Expert  bool   // with the medical physics expert
	Note    string
	By      string
	At      time.Time
}

// States of a document.
const (
	Current    = "current"
	Overdue    = "overdue"    // its review date is past
	Unapproved = "unapproved" // the latest version waits for a second person
	Empty      = "empty"      // there is no version yet
	Withdrawn  = "withdrawn"
)

// InForce returns the latest version that somebody approved, nil if there is none.
func (d *Document) InForce() *Version {
	for i := range d.Versions {
		if d.Versions[i].Approved != "" {
			return &d.Versions[i]
		}
	}
	return nil
}

// Reviewed returns the latest review of the version in force, nil if there is none. An
// approval sets the first.
func (d *Document) Reviewed() *Review {
	v := d.InForce()
	if v == nil || len(d.Reviews) == 0 {
		return nil
	}
	for i := range d.Reviews {
		if d.Reviews[i].Version == v.Number {
			return &d.Reviews[i]
		}
	}
	return nil
}

// State returns how a document stands on a day.
func (d *Document) State(today string) string {
	r := d.Reviewed()
	switch {
	case d.Withdrawn:
		return Withdrawn
	case len(d.Versions) == 0:
		return Empty
	case r != nil && r.Next < today:
		return Overdue
	case d.Versions[0].Approved == "":
		return Unapproved
	}
	return Current
}

// Keep enters a document, or with an id changes what is said of it. NotFound: no document
// has the id; Invalid: what is wrong.
func (r *Register) Keep(ctx context.Context, siteID, by, id string, h Head) (*Document, error) {
	if err := r.check(ctx, siteID, &h); err != nil {
		return nil, err
	}
	d := &Document{ID: id, Site: siteID, Head: h}
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		kind := "document.head.changed"
		if id == "" {
			kind, d.ID = "document.head.entered", db.NewID()
			err := tx.QueryRow(ctx, `select coalesce(max(number), 0) + 1 from document where site_id = $1`, siteID).Scan(&d.Number)
			if err != nil {
				return err
			}
		} else {
			was, err := r.find(ctx, tx, siteID, id)
			if err != nil {
				return err
			}
			was.Head, d = h, was
		}
		d.By, d.At = by, r.Now()
		return r.put(ctx, tx, d, kind, map[string]any{"number": d.Number, "kind": h.Kind})
	})
	if err != nil {
		return nil, err
	}
	return d, r.Judge(ctx, siteID)
}

// Withdraw takes a document out of use, or back into it. NotFound: there is none.
func (r *Register) Withdraw(ctx context.Context, siteID, by, id string, withdrawn bool) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		d, err := r.find(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		if d.Withdrawn == withdrawn {
			return fault.Errorf(fault.Conflict, "document %d: that was decided already; read it again", d.Number)
		}
		d.Withdrawn, d.By, d.At = withdrawn, by, r.Now()
		return r.put(ctx, tx, d, "document.head.withdrawn", map[string]any{"number": d.Number, "withdrawn": withdrawn})
	})
	if err != nil {
		return err
	}
	return r.Judge(ctx, siteID)
}

// put writes the head of a document and journals it.
func (r *Register) put(ctx context.Context, tx *db.Tx, d *Document, kind string, data map[string]any) error {
	body, err := json.Marshal(d.Head)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into document (document_id, site_id, number, withdrawn, body, changed_by, changed_at) values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (document_id) do update set withdrawn = excluded.withdrawn, body = excluded.body, changed_by = excluded.changed_by, changed_at = excluded.changed_at`,
		d.ID, d.Site, d.Number, d.Withdrawn, string(body), d.By, db.Millis(d.At))
	if err != nil {
		return err
	}
	return r.journalled(ctx, tx, d.Site, d.By, kind, d.ID, data)
}

// journalled writes an entry: numbers and codes, no title and no name.
func (r *Register) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return r.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}

// check refuses what cannot be said of a document.
func (r *Register) check(ctx context.Context, siteID string, h *Head) error {
	h.Title, h.Owner = strings.TrimSpace(h.Title), strings.TrimSpace(h.Owner)
	switch {
	case h.Title == "" || !text(h.Title, mostLine):
		return fault.Errorf(fault.Invalid, "title: say in 1 to %d bytes what the document is called", mostLine)
	case !slices.Contains(Kinds(), h.Kind):
		return fault.Errorf(fault.Invalid, "kind: %.40q is none; choose one of %s", h.Kind, strings.Join(Kinds(), ", "))
	case h.Topic != "" && !slices.Contains(Topics(), h.Topic):
		return fault.Errorf(fault.Invalid, "topic: %.40q is none; choose one of %s, or none", h.Topic, strings.Join(Topics(), ", "))
	case h.Owner == "" || !text(h.Owner, mostLine):
		return fault.Errorf(fault.Invalid, "owner: say in 1 to %d bytes which function answers for it", mostLine)
	}
	for _, role := range h.Readers {
		if !slices.Contains(Roles(), role) {
			return fault.Errorf(fault.Invalid, "readers: %.40q is no role that reads documents", role)
		}
	}
	rooms, err := r.Rooms(ctx, siteID)
	if err != nil {
		return err
	}
	for _, used := range []struct {
		what       string
		ids        *[]string
		set, table string
		column     string
		known      []string
	}{
		{"room", &h.Rooms, "", "", "", rooms},
		{"audit", &h.Audits, "audit/template", "templates", "id", nil},
		{"duty", &h.Duties, "law/duty", "duties", "id", nil},
		{"examination", &h.Exams, "dose/exam", "codes", "exam_code", nil},
	} {
		if *used.ids, err = distinct(used.what, *used.ids); err != nil {
			return err
		}
		if used.set != "" && len(*used.ids) > 0 {
			if used.known, err = r.codes(siteID, used.set, used.table, used.column); err != nil {
				return err
			}
		}
		for _, id := range *used.ids {
			if !slices.Contains(used.known, id) {
				return fault.Errorf(fault.Invalid, "where used: there is no %s %.40q here", used.what, id)
			}
		}
	}
	return nil
}

// codes returns a column of a table of the content.
func (r *Register) codes(siteID, set, table, column string) ([]string, error) {
	t, err := r.Content.Table(siteID, set, table)
	if err != nil {
		return nil, err
	}
	var all []string
	for row := range t.All() {
		all = append(all, row.Text(column))
	}
	return all, nil
}

// distinct sorts a list and drops what stands in it twice.
func distinct(what string, all []string) ([]string, error) {
	if len(all) > mostList {
		return nil, fault.Errorf(fault.Invalid, "where used: at most %d of each kind, here are %d times %s", mostList, len(all), what)
	}
	all = slices.Clone(all)
	slices.Sort(all)
	return slices.Compact(all), nil
}

// text reports whether s is text of at most that many bytes.
func text(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// day returns today at a site.
func (r *Register) day(ctx context.Context, siteID string) (string, error) {
	here, err := r.Site(ctx, siteID)
	return here.Day(r.Now()), err
}
