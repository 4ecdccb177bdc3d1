// Package incident learns from what went wrong or nearly did.
//
// Anybody who works in the department reports in a few words, with or without a name.
// Whoever is responsible then says how grave it was, what caused it, and whether it meets
// a criterion of significance, which the site types in with its source: the directive
// gives no number (Council Directive 2013/59/Euratom, Art. 63(e)(i)). A criterion starts a
// clock to the notification of the authority. Clinically significant events are told to
// referrer, practitioner and patient (Art. 63(d)). The register holds near misses too and
// is looked at for trends (Art. 63(c)). Nothing is overwritten: each step is kept with who
// did it; of an anonymous report the reporter alone is unknown.
package incident

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"radagora/content"
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

// A Journal takes what people report and decide. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// A Register keeps incidents. It is safe for concurrent use.
type Register struct {
	DB      *db.DB
	Journal Journal
	Content *content.Library
	Site    func(ctx context.Context, siteID string) (site.Site, error)
	// Examinations counts the examinations of each month (2006-01) between two days, both
	// included. nil: there is no rate.
	Examinations func(ctx context.Context, siteID, from, to string) (map[string]int, error)
	Now          func() time.Time
}

// system stands in the journal where nobody is to be known.
const system = "system:incident"

// Bounds of what somebody may type, in bytes.
const (
	mostWords = 8000
	mostLine  = 300
)

// States of an incident.
const (
	New    = "new"    // nobody looked at it
	Open   = "open"   // somebody works on it
	Closed = "closed" // everything that the rules ask for is done
	Aside  = "aside"  // no incident, or reported twice: counted nowhere
)

// Answers to whether a patient was harmed, or an event is clinically significant.
const (
	Yes     = "yes"
	No      = "no"
	Unknown = "unknown"
)

// The two sorts of incident.
const (
	Event    = "event"
	NearMiss = "near_miss"
)

// A Report is what somebody says happened.
type Report struct {
	Words   string `json:"words"`            // in one's own words
	Kind    string `json:"kind,omitempty"`   // of the content kind incident_kinds; "" if nobody said
	Sort    string `json:"sort,omitempty"`   // see Event; "" if nobody said
	Harmed  string `json:"harmed,omitempty"` // see Yes
	Room    string `json:"room,omitempty"`   // id
	Place   string `json:"place,omitempty"`  // in words
	When    string `json:"when"`             // 2006-01-02T15:04 or 2006-01-02, at the site
	From    string `json:"from,omitempty"`   // what it was opened from: finding, case or examination, with its id
	Study   string `json:"-"`                // Study Instance UID of that
	Person  string `json:"-"`                // whom the study is about
	Facts   []Fact `json:"facts,omitempty"`  // what was known of it
	Account string `json:"-"`                // who reports; never kept of an anonymous report
	Secret  bool   `json:"-"`                // anonymous
}

// A Fact is something the program knew when a report was opened from a page.
type Fact struct {
	Name  string `json:"name"`  // code, such as dlp
	Value string `json:"value"` // without a unit
	Unit  string `json:"unit,omitempty"`
}

// An Incident is a report with what was found and done.
type Incident struct {
	ID, Site           string
	Year, Number       int
	State              string // see New
	Anonymous          bool
	Reporter           string // account, "" if anonymous
	Day                string // of the report
	At                 time.Time
	Happened           string // day
	Study, Person      string
	Report             Report
	Work               Work
	Version            int
	Steps              []Step
	Kind, Sort, Harmed string // as they stand: of the work if it says something, else of the report
}

// Name is how people call an incident: year and number.
func (i *Incident) Name() string { return strconv.Itoa(i.Year) + "-" + strconv.Itoa(i.Number) }

// A Step is what was done with an incident.
type Step struct {
	Version int
	Kind    string // see Reported
	Fields  []string
	Reason  string
	Work    Work
	By      string // account
	At      time.Time
	Day     string
}

// Kinds of steps.
const (
	Reported = "reported"
	Changed  = "changed"
	Shut     = "closed"
	Reopened = "reopened"
	SetAside = "aside"
	Erased   = "erased"
)

// Take keeps a report. Only words are required. Invalid: what is wrong with it.
func (r *Register) Take(ctx context.Context, siteID string, p Report) (*Incident, error) {
	here, err := r.Site(ctx, siteID)
	if err != nil {
		return nil, err
	}
	now := r.Now()
	today := here.Day(now)
	p.Words = strings.TrimSpace(p.Words)
	if p.When == "" {
		p.When = today
	}
	if err := r.checkReport(siteID, today, p); err != nil {
		return nil, err
	}
	i := &Incident{
		ID: db.NewID(), Site: siteID, Year: yearOf(today), State: New, Anonymous: p.Secret, Day: today, At: now,
		Happened: p.When[:len(time.DateOnly)], Study: p.Study, Person: p.Person, Report: p,
	}
	by := p.Account
	if p.Secret {
		i.At, by, i.Report.Account = time.Time{}, "", ""
	} else if by == "" {
		return nil, fault.Errorf(fault.Invalid, "report: it is of somebody, or anonymous")
	}
	err = r.DB.Write(ctx, func(tx *db.Tx) error {
		n := 0
		if err := tx.QueryRow(ctx, `select coalesce(max(number), 0) from incident where site_id = $1 and year = $2`, siteID, i.Year).Scan(&n); err != nil {
			return err
		}
		i.Number = n + 1
		return r.keep(ctx, tx, i, Step{Kind: Reported, By: by, At: i.At})
	})
	return i, err
}

// checkReport refuses what cannot be a report.
func (r *Register) checkReport(siteID, today string, p Report) error {
	switch {
	case p.Words == "":
		return fault.Errorf(fault.Invalid, "report: say in a few words what happened")
	case !text(p.Words, mostWords):
		return fault.Errorf(fault.Invalid, "report: the words are plain text of at most %d bytes", mostWords)
	case !text(p.Place, mostLine) || !text(p.Room, mostLine) || !text(p.From, mostLine):
		return fault.Errorf(fault.Invalid, "report: a place is plain text of at most %d bytes", mostLine)
	case !validWhen(p.When):
		return fault.Errorf(fault.Invalid, "report: write when it happened as YYYY-MM-DD or YYYY-MM-DDTHH:MM")
	case p.When[:len(time.DateOnly)] > today:
		return fault.Errorf(fault.Invalid, "report: %s has not come yet; an incident happened today or before", p.When[:len(time.DateOnly)])
	case !oneOf(p.Sort, "", Event, NearMiss):
		return fault.Errorf(fault.Invalid, "report: it is an event or a near_miss")
	case !oneOf(p.Harmed, "", Yes, No, Unknown):
		return fault.Errorf(fault.Invalid, "report: whether a patient was harmed is yes, no or unknown")
	case p.Kind != "" && !r.has(siteID, kindSet, "kinds", "kind_code", p.Kind):
		return fault.Errorf(fault.Invalid, "report: there is no kind %.40q; content set %s lists them", p.Kind, kindSet)
	}
	return nil
}

// validWhen reports whether something typed is a day or a moment of one.
func validWhen(s string) bool {
	_, day := time.Parse(time.DateOnly, s)
	_, moment := time.Parse(moments, s)
	return day == nil || moment == nil
}

// moments is how moments are typed, at the site.
const moments = "2006-01-02T15:04"

// text reports whether something typed is text of a length.
func text(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}

// oneOf reports whether s is one of those.
func oneOf(s string, all ...string) bool {
	return slices.Contains(all, s)
}

// yearOf returns the year of a day.
func yearOf(day string) int {
	n, _ := strconv.Atoi(day[:4]) // a day that time.Format wrote
	return n
}

// keep writes an incident with its next step, and journals it. Of an anonymous report
// neither says who.
func (r *Register) keep(ctx context.Context, tx *db.Tx, i *Incident, s Step) error {
	here, err := r.Site(ctx, i.Site)
	if err != nil {
		return err
	}
	i.Version++
	s.Version, s.Work, s.Day = i.Version, i.Work, here.Day(r.Now())
	report, err := json.Marshal(i.Report)
	if err != nil {
		return err
	}
	work, err := json.Marshal(i.Work)
	if err != nil {
		return err
	}
	fields, err := json.Marshal(s.Fields)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into incident (incident_id, site_id, year, number, state, anonymous, reported_day, reported_at, happened, study_uid, person, report, work, version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
		on conflict (incident_id) do update set state = excluded.state, study_uid = excluded.study_uid, person = excluded.person,
			report = excluded.report, work = excluded.work, version = excluded.version`,
		i.ID, i.Site, i.Year, i.Number, i.State, i.Anonymous, i.Day, millis(i.At), i.Happened, i.Study, i.Person, string(report), string(work), i.Version)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into incident_step (incident_id, site_id, version, kind, fields, reason, work, done_by, done_at, day)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		i.ID, i.Site, s.Version, s.Kind, string(fields), s.Reason, string(work), s.By, millis(s.At), s.Day)
	if err != nil {
		return err
	}
	i.Steps = append(i.Steps, s)
	data := map[string]any{"version": s.Version, "number": i.Name()}
	if len(s.Fields) > 0 {
		data["fields"] = s.Fields
	}
	return r.journalled(ctx, tx, i.Site, s.By, "incident.report."+s.Kind, i.ID, data)
}

// millis is an instant for the table, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return db.Millis(t)
}

// journalled writes an entry. It tells nothing of a patient.
func (r *Register) journalled(ctx context.Context, tx *db.Tx, siteID, by, kind, subject string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return r.Journal.Append(ctx, tx, journal.Entry{Site: siteID, Actor: cmp.Or(by, system), Kind: kind, Subject: subject, Data: raw})
}

const selectIncident = `select incident_id, site_id, year, number, state, anonymous, reported_day, reported_at, happened, study_uid, person, report, work, version from incident`

func scanIncident(r *db.Rows) (i Incident, err error) {
	var at int64
	var report, work string
	if err := r.Scan(&i.ID, &i.Site, &i.Year, &i.Number, &i.State, &i.Anonymous, &i.Day, &at, &i.Happened, &i.Study, &i.Person, &report, &work, &i.Version); err != nil {
		return i, err
	}
	if at > 0 {
		i.At = db.FromMillis(at)
	}
	if err := json.Unmarshal([]byte(report), &i.Report); err != nil {
		return i, fault.As(fault.Internal, err)
	}
	if err := json.Unmarshal([]byte(work), &i.Work); err != nil {
		return i, fault.As(fault.Internal, err)
	}
	i.Report.Study, i.Report.Person, i.Report.Secret = i.Study, i.Person, i.Anonymous
	i.Kind, i.Sort, i.Harmed = cmp.Or(i.Work.Kind, i.Report.Kind), cmp.Or(i.Work.Sort, i.Report.Sort), cmp.Or(i.Work.Harmed, i.Report.Harmed, Unknown)
	return i, nil
}

// List returns the incidents of a site without their steps, the newest first.
func (r *Register) List(ctx context.Context, siteID string) ([]Incident, error) {
	return db.List(ctx, r.DB, scanIncident, selectIncident+` where site_id = $1 order by year desc, number desc`, siteID)
}

// Find returns an incident with all its steps. NotFound: there is none.
func (r *Register) Find(ctx context.Context, q db.Querier, siteID, id string) (*Incident, error) {
	all, err := db.List(ctx, q, scanIncident, selectIncident+` where site_id = $1 and incident_id = $2`, siteID, id)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.Errorf(fault.NotFound, "no such incident")
	}
	i := &all[0]
	i.Steps, err = db.List(ctx, q, scanStep, `select version, kind, fields, reason, work, done_by, done_at, day from incident_step
		where incident_id = $1 and site_id = $2 order by version`, id, siteID)
	if len(i.Steps) > 0 {
		i.Reporter = i.Steps[0].By
	}
	return i, err
}

func scanStep(r *db.Rows) (s Step, err error) {
	var fields, work string
	var at int64
	if err := r.Scan(&s.Version, &s.Kind, &fields, &s.Reason, &work, &s.By, &at, &s.Day); err != nil {
		return s, err
	}
	if at > 0 {
		s.At = db.FromMillis(at)
	}
	if err := json.Unmarshal([]byte(fields), &s.Fields); err != nil {
		return s, fault.As(fault.Internal, err)
	}
	return s, fault.As(fault.Internal, json.Unmarshal([]byte(work), &s.Work))
}
