package review

import (
	"context"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// A Check is what becomes of the skin after a substantial dose. Days are written
// 2006-01-02.
type Check struct {
	Day      string // of the appointment
	Person   string // who looks
	Place    string
	LetterOn string // day on which the patient got the letter
	Result   string // seen, not_reached, "" while there is none
	SeenOn   string
	Finding  string
	Grade    string
	FollowUp string
	Attempts int // to reach the patient
	Version  int64
}

// Complete reports whether a case may be closed: there was an appointment, the patient
// got the letter, and the result is known, or how often the patient was tried to be
// reached.
func (c Check) Complete() bool {
	result := c.Result == "seen" && c.SeenOn != "" && c.Finding != "" || c.Result == "not_reached" && c.Attempts > 0
	return c.Day != "" && c.Person != "" && c.LetterOn != "" && result
}

// readCheck reads the check of a case; the zero Check if there is none yet.
func readCheck(ctx context.Context, q db.Querier, id string) (c Check, err error) {
	err = q.QueryRow(ctx, `select day, person, place, letter_on, result, seen_on, finding, grade, follow_up, attempts, version
		from review_check where case_id = $1`, id).
		Scan(&c.Day, &c.Person, &c.Place, &c.LetterOn, &c.Result, &c.SeenOn, &c.Finding, &c.Grade, &c.FollowUp, &c.Attempts, &c.Version)
	if fault.Of(err) == fault.NotFound {
		return Check{}, nil
	}
	return c, err
}

// Appointment proposes the first and last day of a check after an examination.
func (s Settings) Appointment(day string) (from, to string) {
	on, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return "", ""
	}
	return on.AddDate(0, 0, s.CheckFrom).Format(time.DateOnly), on.AddDate(0, 0, s.CheckTo).Format(time.DateOnly)
}

// SetCheck keeps the check of a case of a substantial dose, on behalf of whoever asks.
// Conflict: somebody changed it since it was read.
func (d *Desk) SetCheck(ctx context.Context, siteID string, number int64, c Check) error {
	if err := c.fits(); err != nil {
		return err
	}
	if err := access.Check(ctx, access.FindingDecide, access.Subject{Site: siteID}); err != nil {
		return err
	}
	return d.DB.Write(ctx, func(tx *db.Tx) error {
		of, err := one(ctx, tx, siteID, number)
		if err != nil {
			return err
		}
		if !of.Substantial {
			return fault.Errorf(fault.Invalid, "case %d is not of a substantial dose", number)
		}
		n, err := tx.Exec(ctx, `insert into review_check (case_id, site_id, day, person, place, letter_on, result, seen_on, finding, grade, follow_up, attempts, version)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) on conflict (case_id) do update set
			day = excluded.day, person = excluded.person, place = excluded.place, letter_on = excluded.letter_on, result = excluded.result,
			seen_on = excluded.seen_on, finding = excluded.finding, grade = excluded.grade, follow_up = excluded.follow_up,
			attempts = excluded.attempts, version = excluded.version where review_check.version = $14`,
			of.ID, siteID, c.Day, c.Person, c.Place, c.LetterOn, c.Result, c.SeenOn, c.Finding, c.Grade, c.FollowUp, c.Attempts, c.Version+1, c.Version)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Errorf(fault.Conflict, "the skin check of case %d was changed meanwhile: read it again", number)
		}
		return d.record(ctx, tx, siteID, "dose.case.checked", of.ID, map[string]any{
			"number": number, "day": c.Day, "letter": c.LetterOn != "", "result": c.Result, "attempts": c.Attempts,
		})
	})
}

// fits refuses a check that cannot be.
func (c Check) fits() error {
	for _, day := range []string{c.Day, c.LetterOn, c.SeenOn} {
		if day != "" && !validDay(day) {
			return fault.Errorf(fault.Invalid, "skin check: write days as 2026-01-31")
		}
	}
	if long := len(strings.Join([]string{c.Person, c.Place, c.Finding, c.Grade, c.FollowUp}, "")); long > 4*wordsLimit {
		return fault.Errorf(fault.Invalid, "skin check: at most %d bytes of words", 4*wordsLimit)
	}
	if c.Result != "" && c.Result != "seen" && c.Result != "not_reached" || c.Attempts < 0 || c.Attempts > 1000 {
		return fault.Errorf(fault.Invalid, "skin check: the result is seen or not_reached, with a number of attempts")
	}
	return nil
}
