package embryo

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"time"

	"radagora/db"
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

// A Journal takes what people declare. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// A Book keeps worksheets with all their versions.
type Book struct {
	DB      *db.DB
	Journal Journal
	Site    func(ctx context.Context, siteID string) (site.Site, error)
	Program string // version of the program, for the record
	Now     func() time.Time
}

// States of a worksheet.
const (
	Stands    = "stands"
	Withdrawn = "withdrawn"
)

// Kinds of versions.
const (
	Declared = "declared"
	Taken    = "withdrawn"
)

// A Worksheet is what was declared about a study.
type Worksheet struct {
	ID, Site, Study, Person string
	State                   string // see Stands
	Version                 int    // the newest
	Versions                []Version
}

// A Version is what was declared, or that it was withdrawn.
type Version struct {
	Number  int
	Kind    string // see Declared
	Reason  string
	Sheet   Sheet
	Result  Result
	Program string
	By      string // account
	At      time.Time
	Day     string // at the site
}

// Declared returns the version that was declared last.
func (w *Worksheet) Declared() Version {
	for _, v := range slices.Backward(w.Versions) {
		if v.Kind == Declared {
			return v
		}
	}
	return Version{}
}

const selectSheet = `select sheet_id, site_id, study_uid, person, state, version from dose_embryo`

func scanSheet(r *db.Rows) (w Worksheet, err error) {
	return w, r.Scan(&w.ID, &w.Site, &w.Study, &w.Person, &w.State, &w.Version)
}

// Of returns the worksheets of a study with all their versions, the oldest first.
func (b *Book) Of(ctx context.Context, siteID, study string) ([]Worksheet, error) {
	all, err := db.List(ctx, b.DB, scanSheet, selectSheet+` where site_id = $1 and study_uid = $2 order by sheet_id`, siteID, study)
	for i := range all {
		if err == nil {
			err = all[i].versions(ctx, b.DB)
		}
	}
	return all, err
}

// Find returns a worksheet with all its versions. NotFound: there is none.
func (b *Book) Find(ctx context.Context, q db.Querier, siteID, id string) (*Worksheet, error) {
	all, err := db.List(ctx, q, scanSheet, selectSheet+` where site_id = $1 and sheet_id = $2`, siteID, id)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.Errorf(fault.NotFound, "no such worksheet")
	}
	return &all[0], all[0].versions(ctx, q)
}

// versions loads what was declared and done.
func (w *Worksheet) versions(ctx context.Context, q db.Querier) (err error) {
	w.Versions, err = db.List(ctx, q, func(r *db.Rows) (v Version, err error) {
		var body, result string
		var at int64
		if err := r.Scan(&v.Number, &v.Kind, &v.Reason, &body, &result, &v.Program, &v.By, &at, &v.Day); err != nil {
			return v, err
		}
		v.At = db.FromMillis(at)
		if err := json.Unmarshal([]byte(body), &v.Sheet); err != nil {
			return v, fault.As(fault.Internal, err)
		}
		return v, fault.As(fault.Internal, json.Unmarshal([]byte(result), &v.Result))
	}, `select version, kind, reason, body, result, program, done_by, done_at, day from dose_embryo_step where sheet_id = $1 and site_id = $2 order by version`,
		w.ID, w.Site)
	return err
}

// Declare keeps a sheet on behalf of an account: as a new worksheet, or with an id as
// its next version, which needs a reason. What is wrong with it is returned, and then
// nothing is kept. person is whom the study is about. NotFound: no worksheet of that
// study that stands. Invalid: no reason.
func (b *Book) Declare(ctx context.Context, siteID, by, person, id, reason string, s Sheet) (*Worksheet, []Wrong, error) {
	result, wrong := s.Calculate()
	if len(wrong) > 0 {
		return nil, wrong, nil
	}
	if s.Study == "" || by == "" {
		return nil, nil, fault.Errorf(fault.Invalid, "a worksheet is of a study, and somebody declares it")
	}
	if id != "" && !reasoned(reason) {
		return nil, nil, fault.Errorf(fault.Invalid, "a further version of a worksheet needs a reason of 1 to %d bytes", mostText)
	}
	var out *Worksheet
	err := b.DB.Write(ctx, func(tx *db.Tx) (err error) {
		w := &Worksheet{ID: db.NewID(), Site: siteID, Study: s.Study, Person: person, State: Stands}
		if id != "" {
			if w, err = b.standing(ctx, tx, siteID, id); err != nil {
				return err
			}
			if w.Study != s.Study {
				return fault.Errorf(fault.NotFound, "no such worksheet of this study")
			}
		} else {
			reason = ""
		}
		out = w
		return b.keep(ctx, tx, w, Version{Kind: Declared, Reason: reason, Sheet: s, Result: result, By: by})
	})
	return out, nil, err
}

// Withdraw says that a worksheet holds no more. It stays, with its versions. NotFound:
// none that stands. Invalid: no reason.
func (b *Book) Withdraw(ctx context.Context, siteID, by, id, reason string) error {
	if !reasoned(reason) || by == "" {
		return fault.Errorf(fault.Invalid, "withdrawing a worksheet needs a reason of 1 to %d bytes", mostText)
	}
	return b.DB.Write(ctx, func(tx *db.Tx) error {
		w, err := b.standing(ctx, tx, siteID, id)
		if err != nil {
			return err
		}
		last := w.Declared()
		w.State = Withdrawn
		return b.keep(ctx, tx, w, Version{Kind: Taken, Reason: reason, Sheet: last.Sheet, Result: last.Result, By: by})
	})
}

// reasoned reports whether a reason is one.
func reasoned(s string) bool { return strings.TrimSpace(s) != "" && text(s, mostText) }

// standing returns a worksheet that stands.
func (b *Book) standing(ctx context.Context, tx *db.Tx, siteID, id string) (*Worksheet, error) {
	w, err := b.Find(ctx, tx, siteID, id)
	if err == nil && w.State != Stands {
		err = fault.Errorf(fault.NotFound, "the worksheet was withdrawn")
	}
	return w, err
}

// keep writes the next version of a worksheet and journals it.
func (b *Book) keep(ctx context.Context, tx *db.Tx, w *Worksheet, v Version) error {
	here, err := b.Site(ctx, w.Site)
	if err != nil {
		return err
	}
	w.Version++
	v.Number, v.Program, v.At, v.Day = w.Version, b.Program, b.Now(), here.Day(b.Now())
	body, err := json.Marshal(v.Sheet)
	if err != nil {
		return err
	}
	result, err := json.Marshal(v.Result)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into dose_embryo (sheet_id, site_id, study_uid, person, state, version) values ($1, $2, $3, $4, $5, $6)
		on conflict (sheet_id) do update set state = excluded.state, version = excluded.version`, w.ID, w.Site, w.Study, w.Person, w.State, w.Version)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into dose_embryo_step (sheet_id, site_id, version, kind, reason, body, result, program, done_by, done_at, day)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, w.ID, w.Site, v.Number, v.Kind, v.Reason, string(body), string(result), v.Program, v.By, db.Millis(v.At), v.Day)
	if err != nil {
		return err
	}
	w.Versions = append(w.Versions, v)
	return b.journalled(ctx, tx, w.Site, v.By, "dose.embryo."+v.Kind, w.ID, map[string]any{"version": v.Number})
}

// journalled writes an entry about what somebody did. It tells nothing of the person.
func (b *Book) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return b.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}
