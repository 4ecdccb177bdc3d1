package equipment

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/fault"
)

// A Test is a quality control test of a group of equipment, without tolerances.
type Test struct {
	ID, Group   string
	Label       map[string]string // by language
	Interval    int               // days
	AfterChange bool              // asked for again when a device changed
	Result      string            // what it gives, as a unit or in a word
}

// Tests reads the tests of a site from the content set equipment/test.
func (r *Register) Tests(siteID string) ([]Test, content.Ref, error) {
	table, err := r.Content.Table(siteID, "equipment/test", "tests")
	if err != nil {
		return nil, content.Ref{}, err
	}
	var all []Test
	for row := range table.All() {
		days, _ := strconv.Atoi(row.Text("interval_days"))
		all = append(all, Test{
			ID: row.Text("test"), Group: row.Text("group"), Interval: days, AfterChange: row.Text("after_change") == "yes", Result: row.Text("result"),
			Label: map[string]string{"en": row.Text("label_en"), "de": row.Text("label_de"), "fr": row.Text("label_fr")},
		})
		if err := row.Err(); err != nil {
			return nil, content.Ref{}, err
		}
	}
	set, _ := r.Content.Set(siteID, "equipment/test")
	return all, set.Ref(), nil
}

// A Sense says on which side of a level a value is bad.
type Sense string

// The senses.
const (
	Above  Sense = "above"  // more than the level
	Below  Sense = "below"  // less than the level
	Beyond Sense = "beyond" // further from nought than the level, either way
)

// Levels are what a site demands of a test of one device, as its national protocol has
// it. Empty levels judge nothing.
type Levels struct {
	Interval   int    `json:"interval_days,omitempty"` // 0 is the default
	Off        bool   `json:"off,omitempty"`           // the test is not done on this device
	Sense      Sense  `json:"sense,omitempty"`
	Action     string `json:"action,omitempty"`     // decimal number
	Suspension string `json:"suspension,omitempty"` // decimal number
	Source     string `json:"source,omitempty"`     // where the levels stand
}

// Judge returns the verdict of a value; ok is false if the levels cannot tell.
func (l Levels) Judge(value string) (verdict Verdict, ok bool) {
	v, err := decimal(value)
	if err != nil {
		return "", false
	}
	bad := func(level string) bool {
		limit, err := decimal(level)
		switch {
		case err != nil:
			return false
		case l.Sense == Below:
			return v < limit
		case l.Sense == Beyond:
			return math.Abs(v) > math.Abs(limit)
		}
		return v > limit
	}
	switch {
	case l.Action == "" && l.Suspension == "":
		return "", false
	case bad(l.Suspension):
		return ReachedSuspension, true
	case bad(l.Action):
		return ReachedAction, true
	}
	return Pass, true
}

// decimal reads a number with a point or a comma.
func decimal(s string) (float64, error) {
	v, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(s), ",", ".", 1), 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = fault.Errorf(fault.Invalid, "no number")
	}
	return v, err
}

// A Verdict is what a test came to.
type Verdict string

// The verdicts.
const (
	Pass              Verdict = "pass"
	ReachedAction     Verdict = "action"
	ReachedSuspension Verdict = "suspension"
	Fail              Verdict = "fail" // without a number
)

// Verdicts returns them from good to bad.
func Verdicts() []Verdict { return []Verdict{Pass, ReachedAction, ReachedSuspension, Fail} }

// suspends reports whether a device is not to be used after it.
func (v Verdict) suspends() bool { return v == ReachedSuspension || v == Fail }

// A Result is a test that was done.
type Result struct {
	ID, Site, Device, Test string
	Due, Done              string // days; Due is "" if it was not due
	Value                  string // as typed
	Verdict                Verdict
	Levels                 Levels // of that day
	Note                   string
	By                     string // account
	At                     time.Time
}

// Kinds of change that ask for tests.
var changes = []string{"software", "tube", "detector", "calibration"}

// Changes returns the kinds of change that ask for tests.
func Changes() []string { return slices.Clone(changes) }

// A Change of a device asks for the tests that are marked so.
type Change struct {
	ID, Site, Device string
	Kind, Day, Note  string
	By               string
	At               time.Time
}

// SetLevels keeps what a site demands of a test of a device.
// NotFound: no such device, or no such test of its group. Invalid: what is no number.
func (r *Register) SetLevels(ctx context.Context, siteID, by, device, test string, l Levels) error {
	d, _, err := r.test(ctx, siteID, device, test)
	if err != nil {
		return err
	}
	for _, level := range []string{l.Action, l.Suspension} {
		if _, err := decimal(level); level != "" && err != nil {
			return fault.Errorf(fault.Invalid, "an action or suspension level is a decimal number such as 4.5, or empty")
		}
	}
	switch {
	case l.Interval < 0 || l.Interval > 3660:
		return fault.Errorf(fault.Invalid, "an interval is of 1 to 3660 days, or 0 for the default")
	case (l.Action != "" || l.Suspension != "") && l.Sense != Above && l.Sense != Below && l.Sense != Beyond:
		return fault.Errorf(fault.Invalid, "levels need a sense: a value is bad above, below or beyond them")
	case (l.Action != "" || l.Suspension != "") && strings.TrimSpace(l.Source) == "" || !text(l.Source, mostText):
		return fault.Errorf(fault.Invalid, "levels need the name of the protocol they stand in, of at most %d bytes", mostText)
	}
	body, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into equipment_plan (site_id, device_id, test, body, changed_by, changed_at) values ($1, $2, $3, $4, $5, $6)
			on conflict (site_id, device_id, test) do update set body = excluded.body, changed_by = excluded.changed_by, changed_at = excluded.changed_at`,
			siteID, d.ID, test, string(body), by, db.Millis(r.Now()))
		if err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, by, "equipment.levels.kept", d.ID, map[string]any{"test": test, "levels": l})
	})
}

// test returns a device and a test of its group.
func (r *Register) test(ctx context.Context, siteID, device, test string) (Device, Test, error) {
	d, err := r.Device(ctx, siteID, device)
	if err != nil {
		return d, Test{}, err
	}
	all, _, err := r.Tests(siteID)
	if err != nil {
		return d, Test{}, err
	}
	for _, t := range all {
		if t.ID == test && t.Group == d.Group {
			return d, t, nil
		}
	}
	return d, Test{}, fault.Errorf(fault.NotFound, "no test %q of the group %s", test, d.Group)
}

// Record keeps the result of a test on behalf of x.By. Where the levels of the site can
// judge the value, they do, and a verdict that was given must be theirs. Invalid: a
// verdict is missing or contradicts the levels, or the day is none or is to come.
func (r *Register) Record(ctx context.Context, siteID string, x Result) (Result, error) {
	d, t, err := r.test(ctx, siteID, x.Device, x.Test)
	if err != nil {
		return x, err
	}
	b, err := r.Board(ctx, siteID)
	if err != nil {
		return x, err
	}
	x.ID, x.Site, x.Device, x.At = db.NewID(), siteID, d.ID, r.Now()
	x.Done = cmp.Or(x.Done, b.Today)
	for _, p := range b.Planned {
		if p.Device.ID == d.ID && p.Test.ID == t.ID {
			x.Levels, x.Due = p.Levels, p.Due
		}
	}
	judged, ok := x.Levels.Judge(x.Value)
	if ok && x.Verdict == "" {
		x.Verdict = judged
	}
	switch {
	case !isDay(x.Done) || x.Done > b.Today:
		return x, fault.Errorf(fault.Invalid, "a test was done on a day such as 2026-01-31 that is not to come")
	case !text(x.Value, mostName) || !text(x.Note, mostText):
		return x, fault.Errorf(fault.Invalid, "a value has at most %d and a note at most %d bytes", mostName, mostText)
	case !slices.Contains(Verdicts(), x.Verdict):
		return x, fault.Errorf(fault.Invalid, "say the result: pass, action, suspension or fail; no levels are entered that could judge the value")
	case ok && x.Verdict != judged:
		return x, fault.Errorf(fault.Invalid, "by the levels that are entered the result is %s, not %s", judged, x.Verdict)
	}
	levels, err := json.Marshal(x.Levels)
	if err != nil {
		return x, err
	}
	return x, r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into equipment_result (result_id, site_id, device_id, test, due, done, value, verdict, levels, note, done_by, done_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			x.ID, siteID, d.ID, x.Test, x.Due, x.Done, x.Value, string(x.Verdict), string(levels), x.Note, x.By, db.Millis(x.At))
		if err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, x.By, "equipment.test.done", d.ID, map[string]any{"result": x.ID, "test": x.Test, "verdict": x.Verdict, "done": x.Done})
	})
}

// Changed notes a change of a device on behalf of c.By. Invalid: no kind, or no day up
// to today.
func (r *Register) Changed(ctx context.Context, siteID string, c Change) (Change, error) {
	d, err := r.Device(ctx, siteID, c.Device)
	if err != nil {
		return c, err
	}
	today, err := r.today(ctx, siteID)
	if err != nil {
		return c, err
	}
	c.Day = cmp.Or(c.Day, today)
	if !slices.Contains(changes, c.Kind) || !isDay(c.Day) || c.Day > today || !text(c.Note, mostText) {
		return c, fault.Errorf(fault.Invalid, "a change is of %s, on a day such as 2026-01-31 that is not to come, with a note of at most %d bytes", strings.Join(changes, ", "), mostText)
	}
	c.ID, c.Site, c.Device, c.At = db.NewID(), siteID, d.ID, r.Now()
	return c, r.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into equipment_change (change_id, site_id, device_id, kind, day, note, done_by, done_at) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			c.ID, siteID, d.ID, c.Kind, c.Day, c.Note, c.By, db.Millis(c.At))
		if err != nil {
			return err
		}
		return r.journalled(ctx, tx, siteID, c.By, "equipment.device.changed", d.ID, map[string]any{"kind": c.Kind, "day": c.Day})
	})
}
