// Package quality shows what is doubtful or missing in the doses, and proves each device.
//
// The board counts the flags of studies and examinations by device and month, and names
// outliers; completeness puts the studies of the archive beside those with a dose; the
// acceptance test puts what a person reads at the console beside what the program has,
// and is signed. A device without a valid test says so beside its numbers. Thresholds
// are content (dose/defaults). The history of a device is what dose reports said of its
// software, its calibrations and its tests, as marks for time lines.
package quality

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/dose"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
	"radagora/ucum"
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

// An Archive knows which exposing studies there are, with or without a dose.
type Archive interface {
	// Exposing returns the studies of a period whose images tell of X-rays or
	// radiopharmaceuticals.
	Exposing(ctx context.Context, siteID string, p dose.Period) ([]Arrived, error)
}

// An Arrived is an exposing study of the archive.
type Arrived struct {
	Study    string
	Modality string // CT, MG, DX, CR, XA, RF, PT, NM…
	Machine  string // "" if nobody was asked
	Day      string
}

// A Bench watches over the doses of a ledger.
type Bench struct {
	DB      *db.DB
	Journal Journal
	Content *content.Library
	Doses   *dose.Ledger
	Archive Archive // nil: completeness is not known
	Plan    func(ctx context.Context, siteID string) (*site.Plan, error)
	Site    func(ctx context.Context, siteID string) (site.Site, error)
	Program string // version of the program, for the record
	Now     func() time.Time
}

// Settings are the thresholds of the board.
type Settings struct {
	Deviations   float64 // median absolute deviations, on log dose, above which a value is an outlier
	MinN         int     // below which none is named
	Readings     int     // an acceptance test needs
	ValidMonths  int     // a test is valid for
	Completeness float64 // share of exposing studies with a dose below which a week is incomplete
}

// Settings reads them from the content set dose/defaults. Invalid: one is missing.
func (b *Bench) Settings(siteID string) (Settings, error) {
	var s Settings
	table, err := b.Content.Table(siteID, "dose/defaults", "settings")
	if err != nil {
		return s, err
	}
	found := map[string]float64{}
	for row := range table.All() {
		if n, err := ucum.ParseDecimal(row.Text("value")); err == nil {
			found[row.Text("key")] = n.Float()
		}
	}
	for key, into := range map[string]func(float64){
		"dose.outlier.deviations":   func(v float64) { s.Deviations = v },
		"dose.outlier.min_n":        func(v float64) { s.MinN = int(v) },
		"dose.acceptance.readings":  func(v float64) { s.Readings = int(v) },
		"dose.acceptance.valid":     func(v float64) { s.ValidMonths = int(v) },
		"dose.completeness.minimum": func(v float64) { s.Completeness = v },
	} {
		v, ok := found[key]
		if !ok {
			return s, fault.Errorf(fault.Invalid, "threshold %s is missing in dose/defaults", key)
		}
		into(v)
	}
	return s, nil
}

// journalled writes an entry about what somebody decided.
func (b *Bench) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return b.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}
