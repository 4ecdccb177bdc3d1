package privacy

import (
	"context"
	"time"

	"radagora/db"
)

// A Notice is something that waits for somebody. It names no patient.
type Notice struct {
	Kind  string // request.soon, request.overdue, breach.soon, breach.overdue, party.review, erasure.unfinished
	ID    string
	Site  string
	Path  string // of the page
	Owner string // account; "" means whoever is the protection officer
	Due   time.Time
	Law   string // article
}

// Due returns what is due soon or overdue at a site, for notices and for Today. It
// asks in the name of the program.
func (d *Desk) Due(ctx context.Context, siteID string) ([]Notice, error) {
	s, err := d.Sites.Site(ctx, siteID)
	if err != nil {
		return nil, err
	}
	open, err := d.requests(ctx, siteID, `where site_id = $1 and closed_on = ''`, siteID)
	if err != nil {
		return nil, err
	}
	var all []Notice
	for _, q := range open {
		kind := "request.overdue"
		if !q.Overdue {
			kind = "request.soon"
		}
		if !q.Overdue && !q.Soon {
			continue
		}
		due, err := endOf(q.Due(), s.Location())
		if err != nil {
			return nil, err
		}
		all = append(all, Notice{Kind: kind, ID: q.ID, Site: siteID, Path: "/privacy/requests/" + q.ID, Owner: q.Owner, Due: due, Law: "GDPR 12(3)"})
	}
	breaches, err := d.breaches(ctx, siteID, `where site_id = $1 and closed_at = 0 and notified_at = 0 and why_not = ''`, siteID)
	if err != nil {
		return nil, err
	}
	for _, b := range breaches { // every one that waits is worth a notice
		kind := "breach.soon"
		if b.Overdue {
			kind = "breach.overdue"
		}
		all = append(all, Notice{Kind: kind, ID: b.ID, Site: siteID, Path: "/privacy/breaches/" + b.ID, Due: b.Due, Law: "GDPR 33(1)"})
	}
	rest, err := d.dueElse(ctx, siteID, s.Day(d.Now()), s.Location())
	return append(all, rest...), err
}

// dueElse returns contracts to look at again, and erasures whose bytes are not gone.
func (d *Desk) dueElse(ctx context.Context, siteID, today string, zone *time.Location) ([]Notice, error) {
	parties, err := d.parties(ctx, siteID, false)
	if err != nil {
		return nil, err
	}
	var all []Notice
	for _, p := range parties {
		if p.ReviewOn == "" || p.ReviewOn > today {
			continue
		}
		due, err := endOf(p.ReviewOn, zone)
		if err != nil {
			return nil, err
		}
		all = append(all, Notice{Kind: "party.review", ID: p.ID, Site: siteID, Path: "/privacy/register", Due: due, Law: "GDPR 28"})
	}
	done, err := d.plans(ctx, `where site_id = $1 and state = 'done'`, siteID)
	for _, p := range done {
		if p.Proof != nil && !p.Proof.Finished {
			all = append(all, Notice{Kind: "erasure.unfinished", ID: p.ID, Site: siteID, Path: "/privacy/person", Due: p.Proof.DoneAt, Law: "GDPR 17"})
		}
	}
	return all, err
}

// endOf returns the last moment of a day.
func endOf(day string, zone *time.Location) (time.Time, error) {
	t, err := parseDay(day)
	if err != nil {
		return t, err
	}
	return time.Date(t.Year(), t.Month(), t.Day()+1, 0, 0, 0, 0, zone).Add(-time.Millisecond), nil
}

// Standing is where a site stands.
type Standing struct {
	Requests, RequestsSoon, RequestsOverdue    int // open
	Breaches, BreachesWaiting, BreachesOverdue int // open; nobody decided; waiting and over the limit
	Late                                       int // requests closed after their limit
	Closed                                     int
}

// Standing counts.
func (d *Desk) Standing(ctx context.Context, siteID string) (Standing, error) {
	all, err := d.Requests(ctx, siteID, false)
	if err != nil {
		return Standing{}, err
	}
	var s Standing
	for _, q := range all {
		switch {
		case q.Open() && q.Overdue:
			s.Requests, s.RequestsOverdue = s.Requests+1, s.RequestsOverdue+1
		case q.Open() && q.Soon:
			s.Requests, s.RequestsSoon = s.Requests+1, s.RequestsSoon+1
		case q.Open():
			s.Requests++
		default:
			s.Closed++
			if q.Overdue {
				s.Late++
			}
		}
	}
	var open, waiting int64
	err = d.DB.QueryRow(ctx, `select count(*), coalesce(sum(case when notified_at = 0 and why_not = '' then 1 else 0 end), 0)
		from privacy_breach where site_id = $1 and closed_at = 0`, siteID).Scan(&open, &waiting)
	s.Breaches, s.BreachesWaiting = int(open), int(waiting)
	if err != nil || waiting == 0 {
		return s, err
	}
	clocks, err := d.Clocks(siteID)
	if err != nil {
		return s, err
	}
	over := d.Now().Add(-clocks.Breach(time.Time{}).Sub(time.Time{}))
	var late int64
	err = d.DB.QueryRow(ctx, `select count(*) from privacy_breach where site_id = $1 and closed_at = 0 and notified_at = 0 and why_not = ''
		and aware_at < $2`, siteID, db.Millis(over)).Scan(&late)
	s.BreachesOverdue = int(late)
	return s, err
}
