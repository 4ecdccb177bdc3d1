// Package privacy keeps the duties of data protection: what is processed why, who
// asked for what, what went wrong.
//
// A Desk is what a data-protection officer sits at. It knows the duties of law, the
// processing activities with their legal bases, the clocks and the rules of
// retention from content (law/…), keeps requests of persons and breaches with their
// clocks, and the register of processors; it makes the record of processing
// (GDPR Art. 30) of what the program does, gathers everything about one person from
// all rooms, erases it and keeps the proof.
//
// Names stand nowhere in its tables: a request holds a pseudonym, its texts are in
// the journal, encrypted under a key of their own. Every number of law is content.
// It is no legal advice.
package privacy

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

//go:embed migration/*.sql
var files embed.FS

// Migrations returns the files of the tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// A Journal records what happened and finds it again.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
	Find(ctx context.Context, f journal.Filter) iter.Seq2[journal.Entry, error]
	Erase(ctx context.Context, tx *db.Tx, whom string, by journal.Entry) error
}

// Sites says where and when a site is.
type Sites interface {
	Site(ctx context.Context, id string) (site.Site, error)
}

// A Keeper is a Holder of which some records stay after Erase: how many, by the
// reason, which is a word such as "study_of_other_person".
type Keeper interface {
	Kept(ctx context.Context, p access.Person) (map[string]int, error)
}

// A Preparer is a Holder that does what takes long, and what Erase would have to do on
// files, ahead of the transaction in which all rooms erase. It can be called again, and
// an erasure that does not come undoes nothing of what a person sees.
type Preparer interface {
	PrepareErase(ctx context.Context, p access.Person) error
}

// PrepareErase has the rooms do that.
func PrepareErase(ctx context.Context, rooms []Room, p access.Person) error {
	for _, room := range rooms {
		if ahead, ok := room.Holder.(Preparer); ok {
			if err := ahead.PrepareErase(ctx, p); err != nil {
				return fmt.Errorf("%s: %w", room.Name, err)
			}
		}
	}
	return nil
}

// An Object is a file about a person that goes into an export beside the records.
type Object struct {
	Name string // with slashes; without the name of the person
	Open func() (io.ReadCloser, error)
}

// A Desk keeps the duties. All fields up to Now must be set; it is safe for
// concurrent use once it is open.
type Desk struct {
	DB        *db.DB
	Journal   Journal
	Facts     *access.Facts
	Content   *content.Library
	Sites     Sites
	Pseudonym func(site, person string) string // keyed and stable
	Now       func() time.Time

	// Rooms are asked for exports and erase in this order: the journal stands last.
	Rooms []Room
	// Same returns all identifiers of the person of one at a site, that one first. Nil:
	// each stands for itself.
	Same func(ctx context.Context, q db.Querier, siteID, id string) ([]string, error)
	// Objects yields the files about a person; nil: there are none.
	Objects func(ctx context.Context, p access.Person) iter.Seq2[Object, error]
	// Copies yields what of a person was sent to others; nil: nobody knows.
	Copies func(ctx context.Context, p access.Person) ([]Copy, error)
	// Backups says until when copies of the installation hold what is erased today.
	// The zero time: nobody knows.
	Backups func(ctx context.Context) (time.Time, error)
	// Erased is told of an erasure as part of it, once for each identifier of the person,
	// so that a backup from before is erased too when it is restored. Nil: nobody is told.
	Erased func(ctx context.Context, tx *db.Tx, p access.Person) error
	// Finish is called once an erasure that began at a time is committed: it takes the
	// bytes from the disk, or waits until they are gone, and returns how many objects
	// it was. Nil: nothing is left to do.
	Finish func(ctx context.Context, begun time.Time) (int, error)
	// Uses says what the program does; nil: only what content says.
	Uses func(ctx context.Context, siteID string) (Uses, error)
	// Evidence answers how a fact of the catalogue stands; nil: nothing is connected.
	Evidence func(ctx context.Context, siteID, id string) (Evidence, error)
	// Settle waits until entries that were committed can be found. Nil: a short while
	// at most.
	Settle func(ctx context.Context) error
}

// Open makes or updates the tables, and refuses content it cannot read.
func (d *Desk) Open(ctx context.Context) error {
	if err := d.DB.Migrate(ctx, "privacy", Migrations()); err != nil {
		return err
	}
	if _, err := d.Clocks(""); err != nil {
		return err
	}
	_, err := d.Kinds("")
	return err
}

// Words are a text in the languages of the program, by their codes.
type Words map[string]string

// In returns the text in a language, in English if there is none.
func (w Words) In(language string) string {
	if s := w[language]; s != "" {
		return s
	}
	return w["en"]
}

// words reads the columns of a text.
func words(r *content.Row, prefix string) Words {
	return Words{"en": r.Text(prefix + "_en"), "de": r.Text(prefix + "_de"), "fr": r.Text(prefix + "_fr")}
}

// rows reads a table of the content as a site sees it.
func rows[T any](d *Desk, siteID, set, table string, read func(*content.Row) T) ([]T, error) {
	t, err := d.Content.Table(siteID, set, table)
	if err != nil {
		return nil, err
	}
	return content.Collect(t, read)
}

// today returns the day at a site.
func (d *Desk) today(ctx context.Context, siteID string) (string, error) {
	s, err := d.Sites.Site(ctx, siteID)
	return s.Day(d.Now()), err
}

// entry makes an entry in the name of whoever asks.
func (d *Desk) entry(ctx context.Context, siteID, kind, subject string, data map[string]any) journal.Entry {
	actor := access.From(ctx).ID
	if actor == "" {
		actor = "system:privacy"
	}
	return journal.Entry{Site: siteID, At: d.Now(), Actor: actor, Kind: kind, Subject: subject, Data: encode(data)}
}

// encode returns data as JSON.
func encode(data any) json.RawMessage {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // texts, numbers and lists of them
	}
	return text
}

// short refuses a text that is longer than its bound.
func short(what, text string, most int) error {
	if len(text) > most {
		return fault.Errorf(fault.Invalid, "%s: %d bytes; at most %d", what, len(text), most)
	}
	return nil
}
