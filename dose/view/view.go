// Package view keeps the dose tables people come back to, copies them into a folder, shows them to programs, and registers what goes to registries.
//
// A saved view is a name for a filter and columns of a table. It belongs to somebody, and
// a role or everybody may see it. A copy is a view as a file in the one folder that the
// settings name, whole or not at all. The views for programs are views of the database
// (v_examination, v_event, v_case, v_level), without patients' identity. A disclosure is
// a file that was made for a registry: its digest and its receipt are kept, its rows are
// not. What a table holds is for whoever fills a Tables; this room has no numbers.
package view

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"log/slog"
	"time"

	"radagora/db"
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

// A Journal takes what people decide. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// A Shelf is where views stand.
type Shelf struct {
	DB      *db.DB
	Journal Journal
	Site    func(ctx context.Context, siteID string) (site.Site, error)
	Now     func() time.Time
	Log     *slog.Logger // nil discards
	Folder  string       // where copies go; "": there are none
}

// journalled writes an entry about what somebody decided.
func (s *Shelf) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}
