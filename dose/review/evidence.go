package review

import (
	"context"
	"time"

	"radagora/db"
	"radagora/evidence"
)

// Facts returns the facts of the evidence catalogue that cases tell.
func (d *Desk) Facts() []evidence.Fact {
	return []evidence.Fact{
		evidence.Counted("dose.alert_review", "dose.alert_review/1", d.Now, d.reviewed),
		evidence.Counted("dose.skin_followup", "dose.skin_followup/1", d.Now, d.followed),
	}
}

// reviewMonths is within how many months a case is reviewed in time: the definition of
// the fact says three.
const reviewMonths = 3

// asked returns the cases of a query that still derive, with their rooms: those that
// were opened in its time, or whose examination was made in it.
func (d *Desk) asked(ctx context.Context, q evidence.Query, terms string, args ...any) (all []Case, room []string, err error) {
	rooms, err := d.Rooms(ctx, q.Site)
	if err != nil {
		return nil, nil, err
	}
	found, err := db.List(ctx, d.DB, scanCase, selectCase+` where site_id = $1 and not withdrawn and `+terms+` order by number`,
		append([]any{q.Site}, args...)...)
	for _, c := range found {
		if r := rooms(c.Machine); q.Stratum.Room == "" || r == q.Stratum.Room {
			all, room = append(all, c), append(room, r)
		}
	}
	return all, room, err
}

// reviewed are the cases opened in a time, with those that somebody took up within three
// months. One that is younger and was not taken up yet is not counted: it has time.
func (d *Desk) reviewed(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	cases, rooms, err := d.asked(ctx, q, "opened_at >= $2 and opened_at < $3", db.Millis(q.From), db.Millis(q.Until))
	var all []evidence.Case
	for i, c := range cases {
		opened := time.UnixMilli(c.OpenedAt)
		last := db.Millis(opened.AddDate(0, reviewMonths, 0))
		if c.ReviewedAt == 0 && db.Millis(d.Now()) <= last {
			continue
		}
		all = append(all, evidence.Case{ID: c.ID, Room: rooms[i], At: opened, Counted: c.ReviewedAt > 0 && c.ReviewedAt <= last, Object: c.Study})
	}
	return all, err
}

// followed are the cases of a substantial dose, by the day of the examination, with
// those that have an appointment, a letter and a result. What was closed as an error of
// the data or as no patient is left out.
func (d *Desk) followed(ctx context.Context, q evidence.Query) ([]evidence.Case, error) {
	cases, rooms, err := d.asked(ctx, q, "substantial and day >= $2 and day < $3", q.From.Format(time.DateOnly), q.Until.Format(time.DateOnly))
	if err != nil {
		return nil, err
	}
	var all []evidence.Case
	for i, c := range cases {
		if c.State == Closed && (c.Reason == DataError || c.Reason == NotPatient) {
			continue
		}
		check, err := readCheck(ctx, d.DB, c.ID)
		if err != nil {
			return nil, err
		}
		on, err := time.Parse(time.DateOnly, c.Day)
		if err != nil {
			on = time.UnixMilli(c.OpenedAt) // the day is unknown
		}
		all = append(all, evidence.Case{ID: c.ID, Room: rooms[i], At: on, Counted: check.Complete(), Object: c.Study})
	}
	return all, nil
}
