package incident

import (
	"context"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A Criterion says which incidents the authority wants to know of, as the site typed it
// in from national law. The program brings none.
type Criterion struct {
	ID     string
	Words  string // the criterion
	Source string // law, article, edition
	Clock  int    // 0: as soon as possible, without a number
	Unit   string // see Days
	Ended  bool
	By     string // account
	Day    string
}

// Units of a clock.
const (
	Days  = "day"  // calendar days: the clock ends with the last of them, at the site
	Hours = "hour" // elapsed
)

// longestClock bounds a clock: a year of either unit is more than any law gives.
const longestClock = 9000

// Due returns when a clock ends that began at a moment in the zone of the site; the zero
// time without a number.
func (c Criterion) Due(from time.Time) time.Time {
	switch {
	case c.Clock == 0:
		return time.Time{}
	case c.Unit == Hours:
		return from.Add(time.Duration(c.Clock) * time.Hour)
	}
	y, m, d := from.Date()
	return time.Date(y, m, d+c.Clock+1, 0, 0, 0, 0, from.Location()).Add(-time.Minute)
}

const selectCriterion = `select criterion_id, words, source, clock, unit, ended, done_by, day from incident_criterion`

func scanCriterion(r *db.Rows) (c Criterion, err error) {
	return c, r.Scan(&c.ID, &c.Words, &c.Source, &c.Clock, &c.Unit, &c.Ended, &c.By, &c.Day)
}

// Criteria returns the criteria of a site, the oldest first, with those that ended.
func (r *Register) Criteria(ctx context.Context, siteID string) ([]Criterion, error) {
	return db.List(ctx, r.DB, scanCriterion, selectCriterion+` where site_id = $1 order by criterion_id`, siteID)
}

// criterion returns one. Invalid: there is none.
func (r *Register) criterion(ctx context.Context, q db.Querier, siteID, id string) (Criterion, error) {
	all, err := db.List(ctx, q, scanCriterion, selectCriterion+` where site_id = $1 and criterion_id = $2`, siteID, id)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.Invalid, "criterion: there is no such one; type it in first, with its source")
	}
	if err != nil {
		return Criterion{}, err
	}
	return all[0], nil
}

// AddCriterion keeps a criterion on behalf of an account, and returns its id. Invalid: what
// is wrong with it.
func (r *Register) AddCriterion(ctx context.Context, siteID, by string, c Criterion) (string, error) {
	c.Words, c.Source = strings.TrimSpace(c.Words), strings.TrimSpace(c.Source)
	switch {
	case by == "":
		return "", fault.Errorf(fault.Invalid, "criterion: somebody types it in")
	case c.Words == "" || !text(c.Words, mostWords):
		return "", fault.Errorf(fault.Invalid, "criterion: write it in 1 to %d bytes", mostWords)
	case c.Source == "" || !text(c.Source, mostLine):
		return "", fault.Errorf(fault.Invalid, "criterion: name its source (law, article, edition) in 1 to %d bytes", mostLine)
	case c.Clock < 0 || c.Clock > longestClock:
		return "", fault.Errorf(fault.Invalid, "criterion: the clock is 0 (as soon as possible) to %d", longestClock)
	case c.Unit != Days && c.Unit != Hours:
		return "", fault.Errorf(fault.Invalid, "criterion: the clock counts in day or hour")
	}
	here, err := r.Site(ctx, siteID)
	if err != nil {
		return "", err
	}
	id := db.NewID()
	return id, r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into incident_criterion (criterion_id, site_id, words, source, clock, unit, ended, done_by, done_at, day)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, id, siteID, c.Words, c.Source, c.Clock, c.Unit, false, by, db.Millis(r.Now()), here.Day(r.Now()))
		if err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "incident.criterion.added", id, map[string]any{"clock": c.Clock, "unit": c.Unit})
	})
}

// EndCriterion says that a criterion holds no more. Incidents that were judged by it keep
// it. NotFound: none in force.
func (r *Register) EndCriterion(ctx context.Context, siteID, by, id string) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update incident_criterion set ended = $1 where site_id = $2 and criterion_id = $3 and ended = $4`, true, siteID, id, false)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.NotFound, "no such criterion in force")
		}
		return r.journalled(ctx, tx, siteID, by, "incident.criterion.ended", id, nil)
	})
}
