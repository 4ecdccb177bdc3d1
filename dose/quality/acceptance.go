package quality

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/dose"
	"radagora/fault"
	"radagora/site"
	"radagora/ucum"
)

// A Result is what an acceptance test came to.
type Result string

// The results.
const (
	Accepted Result = "accepted"
	Limits   Result = "limits"  // accepted with limits: named quantities are off
	Refused  Result = "refused" // not accepted
)

// A State says how the numbers of a machine stand today.
type State string

// Besides a valid test there is none yet, or one that holds no more.
const (
	StateAccepted State = "accepted"
	StateLimits   State = "limits"
	StateRefused  State = "refused"
	StateNone     State = "none"     // nobody tested it
	StateSoftware State = "software" // its software is another one since
	StateReader   State = "reader"   // this program reads otherwise since
	StateOld      State = "old"      // too long ago
)

// A Standing says whether the numbers of a machine were proved.
type Standing struct {
	State  State
	Test   string   // id of the latest test, "" without one
	Day    string   // on which it was signed
	Limits []string // quantities that are off
}

// Valid reports whether there is a test that holds, be it with limits.
func (s Standing) Valid() bool { return s.State == StateAccepted || s.State == StateLimits }

// An Acceptance is a signed acceptance test of the doses of a machine.
type Acceptance struct {
	ID, Site, Machine string
	Result            Result
	Limits            []string // quantities that are off
	Note              string
	Software          string
	Reader            int    // version of the reader of this program
	Program           string // version of the program
	SignedBy, Name    string // account; name as it is printed
	SignedAt          int64
	Day               string
	Readings          []Reading
}

// A Reading is what a person read at the console beside what the program has. Neither
// names the person examined.
type Reading struct {
	Ordinal   int    // of the examination in the test
	Taken     string // day and time of the examination
	Name      string // its protocol or procedure
	Types     string // of its acquisitions
	Quantity  string // a dose.Quantity, or one of what else is compared
	Unit      string // of both numbers, as shown; "" of a text
	Console   string // as typed
	Own       string // as the program has it in that unit, "" if it has none
	Within    bool   // the difference is no more than rounding
	Explained string // why they differ
}

// Agrees reports whether what was typed at the console is what the program has: texts
// apart from case and blanks, numbers within the rounding of what is displayed.
func Agrees(console, own string) bool {
	if strings.EqualFold(strings.Join(strings.Fields(console), " "), strings.Join(strings.Fields(own), " ")) {
		return true
	}
	c := strings.TrimSpace(strings.Replace(console, ",", ".", 1))
	shown, err := ucum.ParseDecimal(c)
	if err != nil {
		return false
	}
	has, err := ucum.ParseDecimal(strings.TrimSpace(own))
	if err != nil {
		return false
	}
	step, ok := ucum.Step(c)
	if !ok {
		return false
	}
	half, _ := step.Quo(ucum.Int(2))
	return shown.Sub(has).Abs().Cmp(half) <= 0
}

// Sign keeps a test on behalf of a.SignedBy and returns it with its id. Own values and
// whether they agree are for the caller to say by what the program has. Invalid: too few
// examinations, a difference that nobody explained in a test that is accepted without
// limits, limits without a quantity.
func (b *Bench) Sign(ctx context.Context, a Acceptance) (Acceptance, error) {
	set, err := b.Settings(a.Site)
	if err != nil {
		return a, err
	}
	d, err := b.Device(ctx, a.Site, a.Machine)
	if err != nil {
		return a, err
	}
	here, err := b.Site(ctx, a.Site)
	if err != nil {
		return a, err
	}
	for i := range a.Readings {
		a.Readings[i].Within = Agrees(a.Readings[i].Console, a.Readings[i].Own)
	}
	if err := a.check(set); err != nil {
		return a, err
	}
	a.ID, a.Machine, a.Software, a.Reader, a.Program = db.NewID(), d.ID, software(d.Machine), dose.ReaderVersion, b.Program
	a.SignedAt, a.Day = db.Millis(b.Now()), here.Day(b.Now())
	return a, b.DB.Write(ctx, func(tx *db.Tx) error { return b.keep(ctx, tx, &a) })
}

// check refuses a test that cannot be.
func (a *Acceptance) check(set Settings) error {
	seen, off := map[int]bool{}, false
	for _, r := range a.Readings {
		seen[r.Ordinal] = true
		off = off || !r.Within && strings.TrimSpace(r.Explained) == "" && !slices.Contains(a.Limits, r.Quantity)
		if len(r.Console) > 100 || len(r.Explained) > 1000 {
			return fault.Errorf(fault.Invalid, "a reading is longer than 100, or its explanation longer than 1000 bytes")
		}
	}
	switch {
	case a.SignedBy == "" || strings.TrimSpace(a.Name) == "" || len(a.Name) > 200 || len(a.Note) > 4000:
		return fault.Errorf(fault.Invalid, "somebody has to sign with a name")
	case a.Result != Accepted && a.Result != Limits && a.Result != Refused:
		return fault.Errorf(fault.Invalid, "a test is accepted, accepted with limits, or not accepted")
	case len(seen) == 0 || a.Result != Refused && len(seen) < set.Readings:
		return fault.Errorf(fault.Invalid, "a test needs readings of %d examinations", set.Readings)
	case a.Result == Limits && len(a.Limits) == 0:
		return fault.Errorf(fault.Invalid, "accepted with limits: name the quantities that are off")
	case a.Result != Limits && len(a.Limits) > 0:
		return fault.Errorf(fault.Invalid, "quantities are off: the test is accepted with limits, or not accepted")
	case a.Result != Refused && off:
		return fault.Errorf(fault.Invalid, "a difference is larger than rounding: explain it, or name the quantity as off")
	}
	return nil
}

// keep writes a test.
func (b *Bench) keep(ctx context.Context, tx *db.Tx, a *Acceptance) error {
	_, err := tx.Exec(ctx, `insert into dose_acceptance (acceptance_id, site_id, machine_id, result, limits, note, software, reader_version, program,
		signed_by, signed_name, signed_at, day) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		a.ID, a.Site, a.Machine, string(a.Result), strings.Join(a.Limits, " "), a.Note, a.Software, a.Reader, a.Program, a.SignedBy, a.Name, a.SignedAt, a.Day)
	if err != nil {
		return err
	}
	for _, r := range a.Readings {
		_, err := tx.Exec(ctx, `insert into dose_reading (acceptance_id, site_id, ordinal, taken, name, types, quantity, unit, console, own, within, explained)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
			a.ID, a.Site, r.Ordinal, r.Taken, r.Name, r.Types, r.Quantity, r.Unit, r.Console, r.Own, r.Within, r.Explained)
		if err != nil {
			return err
		}
	}
	return b.journalled(ctx, tx, a.Site, a.SignedBy, "dose.acceptance.signed", a.ID, map[string]any{
		"machine": a.Machine, "result": a.Result, "limits": a.Limits, "software": a.Software, "reader": a.Reader, "readings": len(a.Readings),
	})
}

const selectAcceptance = `select acceptance_id, site_id, machine_id, result, limits, note, software, reader_version, program,
	signed_by, signed_name, signed_at, day from dose_acceptance`

func scanAcceptance(r *db.Rows) (a Acceptance, err error) {
	var limits string
	err = r.Scan(&a.ID, &a.Site, &a.Machine, &a.Result, &limits, &a.Note, &a.Software, &a.Reader, &a.Program, &a.SignedBy, &a.Name, &a.SignedAt, &a.Day)
	a.Limits = strings.Fields(limits)
	return a, err
}

// tests returns the tests of a machine, the latest first, without their readings.
func (b *Bench) tests(ctx context.Context, siteID string, plan *site.Plan, machine string) ([]Acceptance, error) {
	all, err := db.List(ctx, b.DB, scanAcceptance, selectAcceptance+` where site_id = $1 order by signed_at desc, acceptance_id desc`, siteID)
	return slices.DeleteFunc(all, func(a Acceptance) bool { return root(plan.Machine, a.Machine) != machine }), err
}

// Test returns a signed test with its readings. NotFound: there is none.
func (b *Bench) Test(ctx context.Context, siteID, id string) (*Acceptance, error) {
	all, err := db.List(ctx, b.DB, scanAcceptance, selectAcceptance+` where site_id = $1 and acceptance_id = $2`, siteID, id)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fault.Errorf(fault.NotFound, "no such test")
	}
	all[0].Readings, err = db.List(ctx, b.DB, func(r *db.Rows) (x Reading, err error) {
		return x, r.Scan(&x.Ordinal, &x.Taken, &x.Name, &x.Types, &x.Quantity, &x.Unit, &x.Console, &x.Own, &x.Within, &x.Explained)
	}, `select ordinal, taken, name, types, quantity, unit, console, own, within, explained from dose_reading
		where acceptance_id = $1 order by ordinal, quantity`, id)
	return &all[0], err
}

// Accepted returns how the machines of a site stand, by id. One that is not in it was
// not seen; merged machines stand as the one they are.
func (b *Bench) Accepted(ctx context.Context, siteID string) (map[string]Standing, error) {
	plan, err := b.Plan(ctx, siteID)
	if err != nil {
		return nil, err
	}
	set, err := b.Settings(siteID)
	if err != nil {
		return nil, err
	}
	here, err := b.Site(ctx, siteID)
	if err != nil {
		return nil, err
	}
	all, err := db.List(ctx, b.DB, scanAcceptance, selectAcceptance+` where site_id = $1 order by signed_at desc, acceptance_id desc`, siteID)
	if err != nil {
		return nil, err
	}
	tests := map[string][]Acceptance{}
	for _, a := range all {
		id := root(plan.Machine, a.Machine)
		tests[id] = append(tests[id], a)
	}
	out := map[string]Standing{}
	for _, room := range plan.Rooms {
		for _, m := range room.Machines {
			is, _ := plan.Machine(m.ID)
			out[m.ID] = stand(is, tests[is.ID], set, here.Day(b.Now()))
			for _, other := range is.Merged {
				out[other] = out[m.ID]
			}
		}
	}
	return out, nil
}

// stand judges the latest test of a machine as of a day.
func stand(m site.Machine, tests []Acceptance, set Settings, today string) Standing {
	if len(tests) == 0 {
		return Standing{State: StateNone}
	}
	t := tests[0]
	s := Standing{State: State(t.Result), Test: t.ID, Day: t.Day, Limits: t.Limits}
	if t.Result == Refused {
		return s
	}
	last := ""
	if day, err := time.Parse(time.DateOnly, t.Day); err == nil {
		last = day.AddDate(0, set.ValidMonths, 0).Format(time.DateOnly)
	}
	switch {
	case cmp.Compare(t.Software, software(m)) != 0:
		s.State = StateSoftware
	case t.Reader != dose.ReaderVersion:
		s.State = StateReader
	case today > last:
		s.State = StateOld
	}
	return s
}
