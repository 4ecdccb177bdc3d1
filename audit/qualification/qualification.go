// Package qualification keeps who may do what by training and appointment, and until when.
//
// A record says of a person who works at the site that they are a practitioner, a medical
// physics expert or a radiation protection officer, that practical aspects are delegated to
// them, or that they were trained, from one day until another. Trainings of the whole team
// are a day and two counts. The records are personal data of staff: the journal tells the
// kind and the days of a record and never whose it is, and each person can be exported,
// erased and restricted.
package qualification

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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

// A Register keeps qualifications. It is safe for concurrent use.
type Register struct {
	DB       *db.DB
	Journal  Journal
	Findings Findings
	Site     func(ctx context.Context, siteID string) (site.Site, error)
	// Ahead is how many days before its end a record is told of.
	Ahead func(siteID string) (int, error)
	Now   func() time.Time
}

// Kinds of records.
const (
	Practitioner = "practitioner"         // takes clinical responsibility for exposures
	Expert       = "physics_expert"       // appointed medical physics expert
	Officer      = "protection_officer"   // appointed radiation protection officer
	Delegate     = "delegate"             // justification or practical aspects are delegated to them
	Protection   = "protection_training"  // trained in radiation protection
	Continuing   = "continuing_education" // continuing education is up to date
	Device       = "device_training"      // instructed on a machine
)

// Kinds returns them in the order in which people read them.
func Kinds() []string {
	return []string{Practitioner, Expert, Officer, Delegate, Protection, Continuing, Device}
}

// staff begins the key of a person who works at the site, as "issuer|number" does for
// patients.
const staff = "staff|"

// Key returns the identifier under which the records of somebody are exported, erased and
// restricted: by login, or by name for somebody without an account.
func Key(login, name string) string {
	return staff + strings.ToLower(strings.Join(strings.Fields(cmp.Or(login, name)), " "))
}

// A Record is a qualification or an appointment of one person.
type Record struct {
	ID      string
	Person  string // see Key
	Account string // "" for somebody without one
	Name    string
	Kind    string // see Kinds
	Detail  string // which one, and by whom
	From    string // day
	Until   string // last day, "" without an end
	Ended   bool   // taken back before its end, or replaced
	By      string
	At      time.Time
}

// States of a record.
const (
	Valid   = "valid"
	Soon    = "soon"    // it ends within the days told ahead
	Expired = "expired" // its last day is past
	Future  = "future"  // it has not begun
	Ended   = "ended"
)

// State returns how a record stands on a day; until soon it ends soon.
func (x *Record) State(today, soon string) string {
	switch {
	case x.Ended:
		return Ended
	case x.From > today:
		return Future
	case x.Until != "" && x.Until < today:
		return Expired
	case x.Until != "" && x.Until <= soon:
		return Soon
	}
	return Valid
}

// Holds reports whether a record is valid on a day.
func (x *Record) Holds(day string) bool {
	return !x.Ended && x.From <= day && (x.Until == "" || x.Until >= day)
}

// Bounds of what somebody may type, in bytes.
const (
	mostLine = 300
	mostText = 1000
)

// check refuses what cannot be a record.
func (x *Record) check() error {
	x.Name, x.Detail = strings.Join(strings.Fields(x.Name), " "), strings.TrimSpace(x.Detail)
	switch {
	case x.Name == "" || !text(x.Name, mostLine):
		return fault.Errorf(fault.Invalid, "person: say in 1 to %d bytes whose qualification it is", mostLine)
	case !slices.Contains(Kinds(), x.Kind):
		return fault.Errorf(fault.Invalid, "kind: %.40q is none; choose one of %s", x.Kind, strings.Join(Kinds(), ", "))
	case !text(x.Detail, mostText):
		return fault.Errorf(fault.Invalid, "detail: plain text of at most %d bytes", mostText)
	case !isDay(x.From):
		return fault.Errorf(fault.Invalid, "from: write the first day as YYYY-MM-DD")
	case x.Until != "" && !isDay(x.Until):
		return fault.Errorf(fault.Invalid, "until: write the last day as YYYY-MM-DD, or leave it empty")
	case x.Until != "" && x.Until < x.From:
		return fault.Errorf(fault.Invalid, "until: %s is before %s, the first day", x.Until, x.From)
	}
	return nil
}

// text reports whether s is text of at most that many bytes.
func text(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// isDay reports whether s is a day.
func isDay(s string) bool {
	_, err := time.Parse(time.DateOnly, s)
	return err == nil
}

// Add enters a record. login is the account's, "" for somebody without one. Conflict: a
// record of the same person and kind covers the same first day.
func (r *Register) Add(ctx context.Context, siteID, by, login string, x Record) (Record, error) {
	if err := x.check(); err != nil {
		return x, err
	}
	x.ID, x.Person, x.By, x.At, x.Ended = db.NewID(), Key(login, x.Name), by, r.Now(), false
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		had, err := db.List(ctx, tx, scanRecord, selectRecord+` where site_id = $1 and person = $2 and kind = $3`, siteID, x.Person, x.Kind)
		if err != nil {
			return err
		}
		for i := range had {
			if !had[i].Ended && had[i].From == x.From && had[i].Detail == x.Detail {
				return fault.Errorf(fault.Conflict, "that record is there already, from %s: end it first if it is wrong", x.From)
			}
		}
		_, err = tx.Exec(ctx, `insert into qualification (qualification_id, site_id, person, account, name, kind, detail, from_day, until_day, ended, restricted, changed_by, changed_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
			x.ID, siteID, x.Person, x.Account, x.Name, x.Kind, x.Detail, x.From, x.Until, false, false, by, db.Millis(x.At))
		if err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "qualification.record.entered", x.ID, map[string]any{"kind": x.Kind, "from": x.From, "until": x.Until})
	})
	if err != nil {
		return x, err
	}
	return x, r.Judge(ctx, siteID)
}

// End takes a record back: it was replaced, or does not hold any more. NotFound: there is
// none; Conflict: it ended already.
func (r *Register) End(ctx context.Context, siteID, by, id string) error {
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		all, err := db.List(ctx, tx, scanRecord, selectRecord+` where site_id = $1 and qualification_id = $2`, siteID, id)
		switch {
		case err != nil:
			return err
		case len(all) == 0:
			return fault.Errorf(fault.NotFound, "no such qualification")
		case all[0].Ended:
			return fault.Errorf(fault.Conflict, "that qualification ended already")
		}
		_, err = tx.Exec(ctx, `update qualification set ended = $1, changed_by = $2, changed_at = $3 where site_id = $4 and qualification_id = $5`, true, by, db.Millis(r.Now()), siteID, id)
		if err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "qualification.record.ended", id, map[string]any{"kind": all[0].Kind})
	})
	if err != nil {
		return err
	}
	return r.Judge(ctx, siteID)
}

// journalled writes an entry. It never says whose a record is.
func (r *Register) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return r.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: by, Kind: kind, Subject: subject, Data: raw})
}

const selectRecord = `select qualification_id, person, account, name, kind, detail, from_day, until_day, ended, changed_by, changed_at from qualification`

func scanRecord(r *db.Rows) (x Record, err error) {
	var at int64
	err = r.Scan(&x.ID, &x.Person, &x.Account, &x.Name, &x.Kind, &x.Detail, &x.From, &x.Until, &x.Ended, &x.By, &at)
	x.At = db.FromMillis(at)
	return x, err
}

// List returns the records of a site by name, kind and first day, those of people who
// asked for restriction left out.
func (r *Register) List(ctx context.Context, siteID string) ([]Record, error) {
	return r.list(ctx, r.DB, siteID)
}

func (*Register) list(ctx context.Context, q db.Querier, siteID string) ([]Record, error) {
	return db.List(ctx, q, scanRecord, selectRecord+` where site_id = $1 and not restricted order by name, kind, from_day desc, qualification_id`, siteID)
}

// Days returns today at a site, and the day until which a record ends soon.
func (r *Register) Days(ctx context.Context, siteID string) (today, soon string, err error) {
	here, err := r.Site(ctx, siteID)
	if err != nil {
		return "", "", err
	}
	days, err := r.Ahead(siteID)
	if err != nil {
		return "", "", err
	}
	now := r.Now()
	return here.Day(now), here.Day(now.AddDate(0, 0, days)), nil
}

// A Training is one of the whole team.
type Training struct {
	ID       string
	Day      string
	Subject  string
	Attended int
	Invited  int
	By       string
	At       time.Time
}

// mostTeam bounds how many people a training can be of.
const mostTeam = 100000

// Trained notes a training of the team. Invalid: what is wrong.
func (r *Register) Trained(ctx context.Context, siteID, by string, t Training) (Training, error) {
	today, _, err := r.Days(ctx, siteID)
	if err != nil {
		return t, err
	}
	t.Subject = strings.TrimSpace(t.Subject)
	switch {
	case !isDay(t.Day) || t.Day > today:
		return t, fault.Errorf(fault.Invalid, "day: write the day of the training as YYYY-MM-DD; it is today or before")
	case t.Subject == "" || !text(t.Subject, mostLine):
		return t, fault.Errorf(fault.Invalid, "subject: say in 1 to %d bytes what the training was about", mostLine)
	case t.Attended < 1 || t.Invited < t.Attended || t.Invited > mostTeam:
		return t, fault.Errorf(fault.Invalid, "attended: %d of %d cannot be; at least one attended, and no more than were invited", t.Attended, t.Invited)
	}
	t.ID, t.By, t.At = db.NewID(), by, r.Now()
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into qualification_training (training_id, site_id, day, subject, attended, invited, done_by, done_at) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			t.ID, siteID, t.Day, t.Subject, t.Attended, t.Invited, by, db.Millis(t.At))
		if err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "qualification.training.noted", t.ID, map[string]any{"day": t.Day, "attended": t.Attended, "invited": t.Invited})
	})
	return t, err
}

// Trainings returns those of the team, the latest first.
func (r *Register) Trainings(ctx context.Context, siteID string) ([]Training, error) {
	return db.List(ctx, r.DB, func(row *db.Rows) (t Training, err error) {
		var at int64
		err = row.Scan(&t.ID, &t.Day, &t.Subject, &t.Attended, &t.Invited, &t.By, &at)
		t.At = db.FromMillis(at)
		return t, err
	}, `select training_id, day, subject, attended, invited, done_by, done_at from qualification_training where site_id = $1 order by day desc, training_id desc`, siteID)
}
