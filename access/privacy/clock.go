package privacy

import (
	"time"

	"radagora/content"
	"radagora/fault"
)

// A Clock is how long law gives for something, or wants it kept.
type Clock struct {
	ID       string
	Amount   int    // 0 where law names no number
	Unit     string // hour, day, month, year, none
	Law      string // own: a proposal of the project
	Article  string
	Verified bool // the article was read
	Meaning  Words
	Note     string
}

// The clocks the program runs.
const (
	clockAnswer     = "request.answer"           // GDPR Art. 12(3)
	clockExtension  = "request.extension"        // GDPR Art. 12(3)
	clockNotice     = "request.extension_notice" // GDPR Art. 12(3)
	clockRefusal    = "request.refusal"          // GDPR Art. 12(4)
	clockSoon       = "request.soon"
	clockKeep       = "request.keep"
	clockBreach     = "breach.authority" // GDPR Art. 33(1)
	clockBreachSoon = "breach.soon"
)

// units says what each of those must be counted in.
var units = map[string]string{
	clockAnswer: "month", clockExtension: "month", clockNotice: "month", clockRefusal: "month",
	clockSoon: "day", clockKeep: "year", clockBreach: "hour", clockBreachSoon: "hour",
}

// Clocks are those of a site, by id.
type Clocks map[string]Clock

// Clocks reads the clocks as a site has them. Invalid: one that the program runs is
// missing or counted in another unit.
func (d *Desk) Clocks(siteID string) (Clocks, error) {
	list, err := rows(d, siteID, "law/clock", "clocks", func(r *content.Row) Clock {
		n, _ := r.Int("amount")
		return Clock{
			ID: r.Text("clock"), Amount: n, Unit: r.Text("unit"), Law: r.Text("law"), Article: r.Text("article"),
			Verified: r.Yes("verified"), Meaning: words(r, "meaning"), Note: r.Text("note"),
		}
	})
	if err != nil {
		return nil, err
	}
	all := Clocks{}
	for _, c := range list {
		all[c.ID] = c
	}
	for id, unit := range units {
		if c := all[id]; c.Unit != unit || c.Amount <= 0 {
			return nil, fault.Errorf(fault.Invalid, "content law/clock: %s needs an amount in %s", id, unit)
		}
	}
	return all, nil
}

// A Limit is until when a request has to be answered, as days at the site.
type Limit struct {
	Due      string // without extension
	Notice   string // last day to tell of an extension
	Extended string // with extension
}

// Request returns the limits of a request received on a day, written 2006-01-02:
// the same day number of a later month, or its last day (GDPR Art. 12(3)). An
// extension counts from receipt together with the first time.
func (c Clocks) Request(received string) (Limit, error) {
	due, err := addMonths(received, c[clockAnswer].Amount)
	if err != nil {
		return Limit{}, err
	}
	notice, err := addMonths(received, c[clockNotice].Amount)
	if err != nil {
		return Limit{}, err
	}
	extended, err := addMonths(received, c[clockAnswer].Amount+c[clockExtension].Amount)
	return Limit{Due: due, Notice: notice, Extended: extended}, err
}

// Refusal returns until when a request received on a day may be refused (Art. 12(4)).
func (c Clocks) Refusal(received string) (string, error) {
	return addMonths(received, c[clockRefusal].Amount)
}

// Breach returns until when an authority is told, if feasible, of a breach known
// since aware: elapsed time, whatever clocks on walls do meanwhile (GDPR Art. 33(1)).
func (c Clocks) Breach(aware time.Time) time.Time {
	return aware.Add(time.Duration(c[clockBreach].Amount) * time.Hour)
}

// addMonths returns the same day number n months later, or the last day of that
// month if it has none.
func addMonths(day string, n int) (string, error) {
	t, err := parseDay(day)
	if err != nil {
		return "", err
	}
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1).Format(time.DateOnly), nil
}

// parseDay reads a day written 2006-01-02, from 1900 on.
func parseDay(day string) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil || t.Year() < 1900 {
		return t, fault.Errorf(fault.Invalid, "a day is written 2006-01-02")
	}
	return t, nil
}

// daysBetween returns how many days b lies after a.
func daysBetween(a, b string) (int, error) {
	from, err := parseDay(a)
	if err != nil {
		return 0, err
	}
	to, err := parseDay(b)
	return int(to.Sub(from).Hours() / 24), err
}
