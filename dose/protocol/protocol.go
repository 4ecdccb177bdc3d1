// Package protocol knows the scanner protocols that the doses were made with, and what
// a change did.
//
// A protocol is what one machine calls by one name, for one type of acquisition. Whenever
// dose.Ledger derives a study, Derived notes what it was made with; versions are found
// from these notes, in the order of time, so that deriving anew gives the same. A version
// begins where a setting changes lastingly: one examination with another setting begins
// none. Which settings count, and what lasting means, is content (dose/protocol).
//
// Compare sets two sides beside each other, machines, versions or times, with the ratio
// of their medians and its interval. Dose checks are here too: they are set up for each
// protocol.
package protocol

import (
	"cmp"
	"context"
	"embed"
	"io/fs"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
)

//go:embed migration/*.sql
var files embed.FS

// Migrations returns the tables of this room for db.Migrate. Those of dose come first.
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

// Findings keeps findings and what is done about them. *finding.Register is one.
type Findings interface {
	Derive(ctx context.Context, tx *db.Tx, scope finding.Scope, found []finding.Derived, part func(finding.Derived) string) (finding.Change, error)
	Act(ctx context.Context, a finding.Action) (finding.Action, error)
}

// A Register keeps the protocols of an installation. It is safe for concurrent use.
type Register struct {
	DB       *db.DB
	Journal  Journal
	Content  *content.Library
	Findings Findings
	Now      func() time.Time
}

// A Setting is something that a protocol consists of.
type Setting struct {
	Code    string // the field of dose, or a name for what a comment tells
	Comment string // by which name a comment tells it, "" if none does
	Version bool   // whether it can begin a new version
	Step    float64
	Unit    string            // UCUM, "" of a word
	Label   map[string]string // by language
}

// Rules say when a new version begins.
type Rules struct {
	Run, Least, LongRun, EffectLeast int
	Share, Before, LongBefore        float64
	Dominant, Coverage               float64
	CheckRatio                       float64 // of Dose Check values

	Settings []Setting
	Ref      content.Ref
}

// LoadRules reads the content set dose/protocol of a site, and what of dose/defaults
// matters here.
func LoadRules(library *content.Library, siteID string) (Rules, error) {
	r := Rules{}
	set, ok := library.Set(siteID, "dose/protocol")
	if !ok {
		return r, fault.Errorf(fault.NotFound, "no content set dose/protocol")
	}
	r.Ref = set.Ref()
	var run, least, long, effect float64
	to := map[string]*float64{
		"dose.protocol.run": &run, "dose.protocol.least": &least, "dose.protocol.long_run": &long, "dose.protocol.effect_least": &effect,
		"dose.protocol.share": &r.Share, "dose.protocol.before": &r.Before, "dose.protocol.long_before": &r.LongBefore,
		"dose.protocol.dominant": &r.Dominant, "dose.median.interval": &r.Coverage,
		"dose.dosecheck.ratio": &r.CheckRatio,
	}
	for _, of := range []struct{ set, table string }{{"dose/protocol", "rules"}, {"dose/defaults", "settings"}} {
		table, err := library.Table(siteID, of.set, of.table)
		if err != nil {
			return r, err
		}
		for row := range table.All() {
			if p := to[row.Text("key")]; p != nil {
				*p, _ = row.Number("value")
				delete(to, row.Text("key"))
			}
			if err := row.Err(); err != nil {
				return r, err
			}
		}
	}
	if len(to) > 0 {
		return r, fault.Errorf(fault.Invalid, "dose/protocol and dose/defaults: %d numbers are missing", len(to))
	}
	r.Run, r.Least, r.LongRun, r.EffectLeast = int(run), int(least), int(long), int(effect)
	table, err := library.Table(siteID, "dose/protocol", "settings")
	if err != nil {
		return r, err
	}
	for row := range table.All() {
		step, _ := row.Number("step")
		r.Settings = append(r.Settings, Setting{
			Code: row.Text("setting"), Comment: row.Text("comment_name"), Version: row.Text("role") == "version", Step: step, Unit: row.Text("unit"),
			Label: map[string]string{"en": row.Text("label_en"), "de": row.Text("label_de"), "fr": row.Text("label_fr")},
		})
		if err := row.Err(); err != nil {
			return r, err
		}
	}
	return r, nil
}

// A Key names a protocol of a machine.
type Key struct {
	Machine  string // id
	Protocol string // as the machine sends it, "" if it sends none
	Type     string // of acquisition
}

// compare orders keys.
func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Machine, o.Machine), cmp.Compare(k.Protocol, o.Protocol), cmp.Compare(k.Type, o.Type))
}
