// Package reject counts exposures that were rejected or repeated, and why.
//
// Machines keep logs of the exposures that somebody threw away. A Desk takes these logs,
// knows the columns of each vendor's software, and reads a rate from them: rejected ones
// of all, test images left out. Beside it stands how complete the logs are. What dose
// reports tell of repeats is kept apart, because most of it never reaches a report. The
// exposure index of detectors and how far it is from its target belong to the same
// question and stand here too. Operators are never kept.
package reject

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"strings"
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

// A Journal takes what people do. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// An Archive knows how many images of radiography there are.
type Archive interface {
	// ImageMonths counts them by machine and month.
	ImageMonths(ctx context.Context, siteID string, p dose.Period) ([]ImageMonth, error)
}

// An ImageMonth is how many images of a machine the archive has of a month.
type ImageMonth struct {
	Machine string
	Month   string // 2006-01
	Images  int
}

// A Desk keeps reject logs.
type Desk struct {
	DB      *db.DB
	Journal Journal
	Content *content.Library
	Archive Archive // nil: completeness is not known
	Plan    func(ctx context.Context, siteID string) (*site.Plan, error)
	Now     func() time.Time
}

// Settings are what rates are held against.
type Settings struct {
	Completeness float64 // share of accepted images in the log below which a rate is incomplete
	Coverage     float64 // of the interval of a rate
}

// Settings reads them from the content set dose/defaults. Invalid: one is missing.
func (d *Desk) Settings(siteID string) (s Settings, err error) {
	table, err := d.Content.Table(siteID, "dose/defaults", "settings")
	if err != nil {
		return s, err
	}
	into := map[string]*float64{"dose.reject.completeness": &s.Completeness, "dose.reject.interval": &s.Coverage}
	for row := range table.All() {
		to := into[row.Text("key")]
		if n, err := ucum.ParseDecimal(row.Text("value")); err == nil && to != nil {
			*to = n.Float()
			delete(into, row.Text("key"))
		}
	}
	for key := range into {
		return s, fault.Errorf(fault.Invalid, "threshold %s is missing in dose/defaults", key)
	}
	return s, nil
}

// A Reason is why an exposure is rejected, as the content set dose/reject has it.
type Reason struct {
	Code   string
	Labels map[string]string // by language
	Counts bool              // as a reject: images of tests do not
	Status string            // of the row, as to_confirm
}

// Codes of reasons that the program itself uses.
const (
	NotStated = "NOT_STATED"
	Unmapped  = "" // nobody said yet what the text of the log means
)

// Reasons returns the reasons of the content, in its order.
func (d *Desk) Reasons(siteID string) ([]Reason, error) {
	table, err := d.Content.Table(siteID, "dose/reject", "reasons")
	if err != nil {
		return nil, err
	}
	var all []Reason
	for row := range table.All() {
		r := Reason{Code: row.Text("reason_code"), Labels: map[string]string{}, Counts: row.Yes("counts_as_reject"), Status: row.Text("status")}
		for _, language := range []string{"en", "de", "fr"} {
			r.Labels[language] = row.Text("label_" + language)
		}
		all = append(all, r)
	}
	return all, nil
}

// fold makes a text comparable: case and blanks say nothing.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// journalled writes an entry about what somebody did.
func (d *Desk) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return d.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}
