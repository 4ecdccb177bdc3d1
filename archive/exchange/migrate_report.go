package exchange

import (
	"context"
	"time"

	"radagora/db"
)

// A Tally is how many studies of a migration are in a state.
type Tally struct {
	State                                StudyState
	Studies, Counted, There, Here, Extra int64 // instances
}

const sumStudies = `select state, count(*), cast(sum(case when counted > 0 then counted else 0 end) as bigint), cast(sum(there) as bigint), cast(sum(here) as bigint), cast(sum(extra) as bigint)
	from exchange_migration_study where migration = $1 group by state order by state`

func scanTally(r *db.Rows) (t Tally, err error) {
	return t, r.Scan(&t.State, &t.Studies, &t.Counted, &t.There, &t.Here, &t.Extra)
}

// Tallies returns how many studies of a migration are in which state.
func (x *Exchange) Tallies(ctx context.Context, id string) ([]Tally, error) {
	return db.List(ctx, x.DB, scanTally, sumStudies, id)
}

// A Day is what a peer had of a day when it was asked.
type Day struct {
	Day                string // YYYYMMDD
	Studies, Instances int64  // as the peer counts them
	Verified, Differs  int64
}

// Days returns the inventory of a migration, the latest day first, without the days
// that had nothing. Where the peer does not say how many instances a study has, those are
// counted that were found there when it was compared.
func (x *Exchange) Days(ctx context.Context, id string, limit int) ([]Day, error) {
	return db.List(ctx, x.DB, func(r *db.Rows) (d Day, err error) {
		return d, r.Scan(&d.Day, &d.Studies, &d.Instances, &d.Verified, &d.Differs)
	}, `select d.day, d.studies, case when d.instances > 0 then d.instances
			else (select cast(coalesce(sum(s.there), 0) as bigint) from exchange_migration_study s where s.migration = d.migration and s.day = d.day) end,
		(select count(*) from exchange_migration_study s where s.migration = d.migration and s.day = d.day and s.state = 'verified'),
		(select count(*) from exchange_migration_study s where s.migration = d.migration and s.day = d.day and s.state = 'differs')
		from exchange_migration_day d where d.migration = $1 and d.studies > 0 order by d.day desc limit $2`, id, max(1, limit))
}

// A Difference is a study that is not the same there and here, and why.
type Difference struct {
	Study, Day  string
	State       StudyState
	Kind        string // see the constants of differences
	Detail      string
	Counted     int64 // instances by the peer's own count; -1: it gives none
	There, Here int64 // instances the peer lists, and how many of those are kept here
	Extra       int64
}

// The kinds of differences beside the reasons of a fetch that failed.
const (
	DiffersExtra   = "missing_there" // instances are kept here that the peer does not list
	DiffersStudy   = "only_here"     // the whole study is
	DiffersCounted = "counts_differ" // the peer counts otherwise than it lists
)

// Differences returns the studies of a migration that are not the same there and here,
// the latest day first, behind the study after, which may be the zero Difference.
func (x *Exchange) Differences(ctx context.Context, id string, after Difference, limit int) ([]Difference, error) {
	day := after.Day
	if day == "" {
		day = "99999999"
	}
	return db.List(ctx, x.DB, func(r *db.Rows) (d Difference, err error) {
		err = r.Scan(&d.Study, &d.Day, &d.State, &d.Kind, &d.Detail, &d.Counted, &d.There, &d.Here, &d.Extra)
		switch {
		case d.State == StudyOnlyHere:
			d.Kind = DiffersStudy
		case d.Kind != "":
		case d.Extra > 0:
			d.Kind = DiffersExtra
		default:
			d.Kind = DiffersCounted
		}
		return d, err
	}, `select study_uid, day, state, reason, detail, counted, there, here, extra from exchange_migration_study
		where migration = $1 and (state in ('differs', 'only_here') or state = 'verified' and (extra > 0 or counted >= 0 and counted <> there))
		and (day < $2 or day = $2 and study_uid > $3) order by day desc, study_uid limit $4`, id, day, after.Study, max(1, limit))
}

// Progress returns how many of the days were asked about.
func (m Migration) Progress() (asked, days int64) {
	day := func(s string) time.Time {
		t, err := time.Parse(dayLayout, s)
		if err != nil {
			return time.Time{}
		}
		return t
	}
	between := func(a, b string) int64 { return int64(day(b).Sub(day(a)) / (24 * time.Hour)) }
	return between(m.Next, m.Last), between(m.First, m.Last) + 1
}
