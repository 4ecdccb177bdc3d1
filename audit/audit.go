// Package audit runs clinical audit cycles and keeps the documents they rest on.
//
// A Desk plans an audit from a template, freezes its definition and its sample, gathers
// verdicts from evidence and from people, decides by the rules of the content, and leads
// to actions and to the next cycle. Audit (Art. 58(e) of 2013/59/Euratom) and inspection
// (Art. 104) are kept apart: visits and signed packs for an inspector stand here beside
// the cycles, and no visit counts as an audit. Case lists can name examinations; what a
// page, report or pack shows elsewhere are counts.
package audit

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"radagora/content"
	"radagora/db"
	"radagora/evidence"
	"radagora/fault"
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

// Evidence computes facts and yields what they counted. *evidence.Registry is one.
type Evidence interface {
	Definition(id string) (evidence.Definition, bool)
	Connected(id string) bool
	Value(ctx context.Context, id string, q evidence.Query) (evidence.Value, error)
	Cases(ctx context.Context, id string, q evidence.Query) iter.Seq2[evidence.Case, error]
}

// A Desk keeps audits.
type Desk struct {
	DB       *db.DB
	Journal  Journal
	Content  *content.Library
	Evidence Evidence
	Site     func(ctx context.Context, id string) (site.Site, error)
	Random   io.Reader // seeds of samples
	Now      func() time.Time
	// Tell tells people of what falls due; nil: nobody is told.
	Tell func(ctx context.Context, tx *db.Tx, r Reminder) error
}

// Bounds of what is kept.
const (
	maxText    = 2000    // bytes of a text that somebody types
	maxShort   = 200     // of a name or short answer
	maxFrame   = 500_000 // cases a sample may be drawn from
	maxCases   = 100_000 // of one cycle
	maxActions = 200     // of one cycle
)

// text refuses a text that is empty where it is needed, too long, or no text. It never
// repeats what was typed.
func text(what, s string, most int, needed bool) error {
	switch {
	case needed && strings.TrimSpace(s) == "":
		return fault.Errorf(fault.Invalid, "%s is missing", what)
	case len(s) > most:
		return fault.Errorf(fault.Invalid, "%s is longer than %d bytes", what, most)
	case !utf8.ValidString(s) || strings.ContainsRune(s, 0):
		return fault.Errorf(fault.Invalid, "%s is no text", what)
	}
	return nil
}

// date refuses what is no day.
func date(what, s string) error {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return fault.Errorf(fault.Invalid, "%s: a day as 2026-01-31 is needed", what)
	}
	return nil
}

// today is the day at the site.
func (d *Desk) today(ctx context.Context, siteID string) (string, error) {
	here, err := d.Site(ctx, siteID)
	return d.Now().In(here.Location()).Format(time.DateOnly), err
}

// journalled writes an entry about what somebody did. Its data are counts, states and
// codes, never what people typed of a case.
func (d *Desk) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return d.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}

// digest is the SHA-256 of a text in hexadecimal.
func digest(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// next returns the next number in a table of the room. The caller names the table.
func next(ctx context.Context, tx *db.Tx, table, siteID string) (n int64, err error) {
	err = tx.QueryRow(ctx, "select coalesce(max(number), 0) + 1 from "+table+" where site_id = $1", siteID).Scan(&n)
	return n, err
}
