package incident

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// Kinds of statements.
const (
	Zero   = "zero"   // nothing was reported in the period
	Review = "review" // the register was looked at for trends
)

// A Statement is what somebody signed.
type Statement struct {
	ID, Kind string // see Zero
	From, To string // days, both included
	Words    string
	Name     string // of who signs, as it is printed
	Counted  Counted
	By       string // account
	At       time.Time
	Day      string
}

// Counted is what the register said of a period when a statement was signed.
type Counted struct {
	Incidents  int            `json:"incidents"`
	NearMisses int            `json:"near_misses"`
	Causes     map[string]int `json:"causes,omitempty"`
	Open       int            `json:"open_actions"`
}

// count counts the incidents of a period by the day on which they happened.
func count(all []Incident, from, to string) Counted {
	c := Counted{Causes: map[string]int{}}
	for i := range all {
		one := &all[i]
		if one.State == Aside || one.Happened < from || one.Happened > to {
			continue
		}
		c.Incidents++
		if one.Sort == NearMiss {
			c.NearMisses++
		}
		for _, cause := range one.Work.Causes {
			c.Causes[cause]++
		}
		for _, a := range one.Work.Actions {
			if a.Done == "" {
				c.Open++
			}
		}
	}
	return c
}

// Sign keeps a statement on behalf of an account. A zero report is refused where the
// register knows of an incident in the period: Conflict. Invalid: what is wrong.
func (r *Register) Sign(ctx context.Context, siteID, by string, s Statement) (Statement, error) {
	s.Words, s.Name = strings.TrimSpace(s.Words), strings.TrimSpace(s.Name)
	here, err := r.Site(ctx, siteID)
	if err != nil {
		return s, err
	}
	s.ID, s.By, s.At, s.Day = db.NewID(), by, r.Now(), here.Day(r.Now())
	if err := s.check(); err != nil {
		return s, err
	}
	return s, r.DB.Write(ctx, func(tx *db.Tx) error {
		all, err := db.List(ctx, tx, scanIncident, selectIncident+` where site_id = $1`, siteID)
		if err != nil {
			return err
		}
		s.Counted = count(all, s.From, s.To)
		if s.Kind == Zero && s.Counted.Incidents > 0 {
			return fault.Errorf(fault.Conflict, "zero report: the register has %d incidents from %s to %s; sign a period without any", s.Counted.Incidents, s.From, s.To)
		}
		raw, err := json.Marshal(s.Counted)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into incident_statement (statement_id, site_id, kind, first_day, last_day, words, name, counted, done_by, done_at, day)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, s.ID, siteID, s.Kind, s.From, s.To, s.Words, s.Name, string(raw), s.By, db.Millis(s.At), s.Day)
		if err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "incident.statement.signed", s.ID, map[string]any{"kind": s.Kind, "from": s.From, "to": s.To})
	})
}

// check refuses what cannot be a statement.
func (s Statement) check() error {
	_, from := time.Parse(time.DateOnly, s.From)
	_, to := time.Parse(time.DateOnly, s.To)
	switch {
	case s.By == "":
		return fault.Errorf(fault.Invalid, "statement: somebody signs it")
	case s.Kind != Zero && s.Kind != Review:
		return fault.Errorf(fault.Invalid, "statement: it is a zero report or a review")
	case from != nil || to != nil || s.From > s.To:
		return fault.Errorf(fault.Invalid, "statement: write the first and the last day as YYYY-MM-DD")
	case s.To > s.Day:
		return fault.Errorf(fault.Invalid, "statement: the period ends on %s, which has not come yet", s.To)
	case s.Name == "" || !text(s.Name, mostLine):
		return fault.Errorf(fault.Invalid, "statement: the name of who signs has 1 to %d bytes", mostLine)
	case !text(s.Words, mostWords):
		return fault.Errorf(fault.Invalid, "statement: the words are plain text of at most %d bytes", mostWords)
	case s.Kind == Review && s.Words == "":
		return fault.Errorf(fault.Invalid, "review: say what the year shows and what is done about it")
	}
	return nil
}

// Statements returns what was signed, the newest first.
func (r *Register) Statements(ctx context.Context, siteID string) ([]Statement, error) {
	return db.List(ctx, r.DB, func(row *db.Rows) (s Statement, err error) {
		var counted string
		var at int64
		if err := row.Scan(&s.ID, &s.Kind, &s.From, &s.To, &s.Words, &s.Name, &counted, &s.By, &at, &s.Day); err != nil {
			return s, err
		}
		s.At = db.FromMillis(at)
		return s, fault.As(fault.Internal, json.Unmarshal([]byte(counted), &s.Counted))
	}, `select statement_id, kind, first_day, last_day, words, name, counted, done_by, done_at, day from incident_statement
		where site_id = $1 order by statement_id desc`, siteID)
}
