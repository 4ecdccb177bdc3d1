// Package review watches doses by rules, and leads each alert to its closure.
//
// Rules are content (dose/alert and whatever a site adds): which examinations they are
// about, which number they compare, and what their status lets them do. An examination
// that is above a rule which may open cases has one case for the rule set, whatever
// number of its rules and later reports say so. A case is a finding: what derives of it
// stands in the room finding and is withdrawn when it no longer derives; what people
// decide about it lives in tables of this room and outlives every rebuild, so that
// nobody is told twice.
//
// The package does not say what is a significant event in law: where a set is
// incomplete its words are "criterion of part I reached".
package review

import (
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/dose"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/notice"
)

//go:embed migration/*.sql
var files embed.FS

// The rules under which cases are findings.
const (
	RuleCase  = "dose.case"       // of one examination
	RuleGroup = "dose.case_group" // of the examinations of one kind on one machine
)

// RuleDrift is the rule of the findings about doses that moved away from where they
// began. They are no cases: nobody's dose was above a trigger.
const RuleDrift = "dose.drift"

// A Post tells people. *notice.Notices is one.
type Post interface {
	Send(ctx context.Context, tx *db.Tx, m notice.Message) error
}

// A Journal takes what people decided. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// A Desk keeps the cases of an installation. It is safe for concurrent use.
type Desk struct {
	DB       *db.DB
	Journal  Journal
	Content  *content.Library
	Findings *finding.Register
	Doses    *dose.Ledger
	Post     Post // nil: nobody is told
	Log      *slog.Logger
	Now      func() time.Time
	Holder   string // names this process in leases
	// Rooms tells which room a machine stands in, and RoomName how people call it.
	Rooms    func(ctx context.Context, siteID string) (dose.Rooms, error)
	RoomName func(ctx context.Context, siteID, room string) string
	// Country tells in which country a site is, "" while nobody has said; nil: rules of
	// every country count.
	Country func(ctx context.Context, siteID string) (string, error)
	// Skin estimates the peak dose to the skin of a study, in Gy, and how far it can be
	// relied on; false where there is no map. nil: nobody estimates.
	Skin func(ctx context.Context, siteID, study string) (gy float64, validity string, ok bool, err error)
}

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open migrates the tables and takes the lead of the findings that are cases. All
// fields but those that may be nil must be set.
func (d *Desk) Open(ctx context.Context) error {
	if err := d.DB.Migrate(ctx, "review", Migrations()); err != nil {
		return err
	}
	d.Findings.Lead(RuleCase)
	d.Findings.Lead(RuleGroup)
	return nil
}

// Settings are the numbers that cases depend on, from the content set dose/defaults.
type Settings struct {
	Settle       time.Duration // after the last object of a study
	RemeasureN   int
	DailyCap     int
	TooOften     float64
	TooOftenDays int
	NoticeDays   int
	WindowDays   int
	CheckFrom    int // days after the examination
	CheckTo      int
	DriftWeight  float64
	DriftLimit   float64
	DriftMinN    int
	Coverage     float64
}

// LoadSettings reads them. Invalid: one is missing.
func LoadSettings(library *content.Library, siteID string) (Settings, error) {
	table, err := library.Table(siteID, "dose/defaults", "settings")
	if err != nil {
		return Settings{}, err
	}
	values := map[string]float64{}
	for row := range table.All() {
		if n, ok := row.Number("value"); ok {
			values[row.Text("key")] = n
		}
	}
	var missing []string
	get := func(key string) float64 {
		n, ok := values[key]
		if !ok {
			missing = append(missing, key)
		}
		return n
	}
	s := Settings{
		Settle:     time.Duration(get("dose.settle") * float64(time.Minute)),
		RemeasureN: int(get("dose.remeasure.min_n")), DailyCap: int(get("dose.case.daily_cap")),
		TooOften: get("dose.case.asks_too_often"), TooOftenDays: int(get("dose.case.asks_too_often_window")),
		NoticeDays: int(get("dose.case.notice_days")), WindowDays: int(get("dose.alert.window")),
		CheckFrom: int(get("dose.skin_check.from")), CheckTo: int(get("dose.skin_check.to")),
		DriftWeight: get("dose.drift.weight"), DriftLimit: get("dose.drift.limit"), DriftMinN: int(get("dose.outlier.min_n")),
		Coverage: get("dose.median.interval"),
	}
	if len(missing) > 0 {
		return s, fault.Errorf(fault.Invalid, "content set dose/defaults lacks %v", missing)
	}
	return s, nil
}
