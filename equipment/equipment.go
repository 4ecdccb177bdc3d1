// Package equipment knows the machines' age and their tests.
//
// The register holds what a site says of its devices beside what their objects tell of
// them (room site): the two are compared both ways. Ages stand beside a rule that is
// content (equipment/age), tests have default intervals that are content too
// (equipment/test). No tolerance comes with the program: a site types the action and
// suspension levels of its national protocol.
//
// A test is due when its interval has passed since it was done, when it was never done
// from the acceptance test on, and again after a change of the device. A device of which
// a test reached the suspension level, or failed without a number, is suspended until
// the same test passes later.
package equipment

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/finding"
	"radagora/journal"
	"radagora/site"
)

//go:embed migration/*.sql
var files embed.FS

// Migrations returns the tables of the room for db.Migrate.
func Migrations() fs.FS {
	sub, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}

// A Journal takes what people decided. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// Findings keeps findings. *finding.Register is one.
type Findings interface {
	Derive(ctx context.Context, tx *db.Tx, scope finding.Scope, found []finding.Derived, part func(finding.Derived) string) (finding.Change, error)
}

// A Register keeps the devices of an installation and their tests. It is safe for
// concurrent use.
type Register struct {
	DB       *db.DB
	Journal  Journal
	Content  *content.Library
	Findings Findings
	Plan     func(ctx context.Context, siteID string) (*site.Plan, error)
	Site     func(ctx context.Context, siteID string) (site.Site, error)
	Now      func() time.Time
}

// today returns the day at a site.
func (r *Register) today(ctx context.Context, siteID string) (string, error) {
	here, err := r.Site(ctx, siteID)
	return here.Day(r.Now()), err
}

// journalled writes an entry about what somebody did.
func (r *Register) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return r.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}
