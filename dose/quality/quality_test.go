package quality_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/dose/quality"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
	"radagora/site"
	"radagora/ucum"
)

const house = site.Default

// today is the day on which these tests happen.
func today() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

// year is the period that they look at.
var year = dose.Period{From: "2026-01-01", To: "2026-12-31"}

// A shelf is an archive in memory.
type shelf map[uid.UID]*dicom.Dataset

// Open implements dose.Objects.
func (s shelf) Open(_ context.Context, _ string, sop uid.UID) (*dicom.File, io.Closer, error) {
	d := s[sop]
	if d == nil {
		return nil, nil, fault.Errorf(fault.NotFound, "no instance %s", sop)
	}
	return &dicom.File{Dataset: d}, io.NopCloser(nil), nil
}

// arrivals is what an archive says that arrived.
type arrivals []quality.Arrived

// Exposing implements quality.Archive.
func (a arrivals) Exposing(context.Context, string, dose.Period) ([]quality.Arrived, error) {
	return a, nil
}

// A desk is a bench with what it needs.
type desk struct {
	*quality.Bench
	t        *testing.T
	d        *db.DB
	shelf    shelf
	journal  *journal.Journal
	sites    *site.Register
	findings *finding.Register
	now      time.Time
}

func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	k := &desk{t: t, d: d, shelf: shelf{}, now: today()}
	now := func() time.Time { return k.now }
	log := slog.New(slog.DiscardHandler)
	var err error
	k.journal, err = journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: log})
	check(t, err)
	k.sites, err = site.Open(t.Context(), d, k.journal, now)
	check(t, err)
	k.findings, err = finding.Open(t.Context(), d, k.journal, now)
	check(t, err)
	check(t, d.Migrate(t.Context(), "access", access.Migrations()))
	check(t, d.Migrate(t.Context(), "dose", dose.Migrations()))
	check(t, d.Migrate(t.Context(), "dosequality", quality.Migrations()))
	library, err := content.Open()
	check(t, err)
	ledger := &dose.Ledger{
		DB: d, Journal: k.journal, Content: library, Objects: k.shelf, Machines: k.sites, Reader: dose.Reader{Thresholds: dose.Defaults()},
		Log: log, Now: now, Holder: "test", Person: func(issuer, id string) string { return issuer + "|" + id },
	}
	plan := func(ctx context.Context, siteID string) (*site.Plan, error) { return k.sites.Plan(ctx, d, siteID) }
	k.Bench = &quality.Bench{
		DB: d, Journal: k.journal, Content: library, Doses: ledger, Plan: plan, Site: k.sites.Site, Program: "test", Now: now,
	}
	return k
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// receive derives reports.
func (k *desk) receive(all ...dosetest.Report) {
	k.t.Helper()
	check(k.t, k.d.Write(k.t.Context(), func(tx *db.Tx) error {
		for _, r := range all {
			d, err := r.Dataset()
			if err != nil {
				return err
			}
			k.shelf[d.UID(tag.SOPInstanceUID)] = d
			study := d.UID(tag.StudyInstanceUID).String()
			_, err = tx.Exec(k.t.Context(), `insert into dose_source (site_id, source_id, study_uid, class, series_uid, acquisition, kind, problem, counted, machine_id, received_at)
				values ($1, $2, $3, 'report', '', '', '', '', $4, '', $5)`, house, dosetest.UID(r.Instance).String(), study, false, db.Millis(k.now))
			if err != nil {
				return err
			}
			_, err = tx.Exec(k.t.Context(), `insert into dose_pending (site_id, study_uid, ticket) values ($1, $2, $3)
				on conflict (site_id, study_uid) do nothing`, house, study, db.NewID())
			if err != nil {
				return err
			}
		}
		return nil
	}))
	k.derive()
}

// derive derives until nothing is pending.
func (k *desk) derive() {
	k.t.Helper()
	for {
		n, err := k.Doses.Derive(k.t.Context(), 1000)
		check(k.t, err)
		if n == 0 {
			return
		}
	}
}

// machine returns the only machine there is.
func (k *desk) machine() string {
	k.t.Helper()
	plan, err := k.Plan(k.t.Context(), house)
	check(k.t, err)
	if len(plan.Rooms) != 1 {
		k.t.Fatalf("%d rooms; want 1", len(plan.Rooms))
	}
	return plan.Rooms[0].Machines[0].ID
}

// scan is a report with one scan of that dose on a day of March.
func scan(n int, dlp string) dosetest.Report {
	name := fmt.Sprint("s", n)
	r := dosetest.New(name, name+" report", dlp, dosetest.Scan(name+" event", "5", dlp))
	r.StudyDate, r.PatientID = fmt.Sprintf("202603%02d", 1+n%28), fmt.Sprint("P", n)
	return r
}

func TestBoard(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		wrong := scan(1, "200")
		wrong.Total = "300"
		again := scan(3, "200")
		again.Events[0].UID = "s2 event" // that of another study of another person
		k.receive(wrong, scan(2, "200"), again)
		b, err := k.Board(t.Context(), house, year)
		check(t, err)
		var got []string
		for _, c := range b.Counts {
			if c.Flag != dose.WarnPlausibility {
				got = append(got, fmt.Sprintf("%s %s %d", c.Flag, c.Month, c.N))
			}
		}
		if want := "duplicate 2026-03 2; identity 2026-03 2; total_mismatch 2026-03 1"; strings.Join(got, "; ") != want {
			t.Errorf("Counts = %s; want %s", strings.Join(got, "; "), want)
		}
		m := k.machine()
		if b.Examinations[m] != 3 || b.Unmapped[m] != 3 {
			t.Errorf("%d examinations, %d unmapped; want 3 and 3", b.Examinations[m], b.Unmapped[m])
		}
		list, err := k.Flagged(t.Context(), house, year, quality.Filter{Flag: dose.WarnTotalMismatch, Machine: m, Month: "2026-03"}, 10)
		check(t, err)
		if len(list) != 1 || list[0].Study != dosetest.UID("s1").String() {
			t.Errorf("Flagged = %v; want the study with a wrong total", list)
		}
	})
}

func TestOutliers(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		var all []dosetest.Report
		for i := range 29 {
			all = append(all, scan(i, fmt.Sprint(190+i)))
		}
		k.receive(all...)
		outliers := func() (found []string) {
			list, err := k.Flagged(t.Context(), house, year, quality.Filter{Flag: quality.FlagOutlier}, 10)
			check(t, err)
			for _, f := range list {
				found = append(found, fmt.Sprintf("%g beside %.0f", f.Value, f.Typical))
			}
			return found
		}
		if got := outliers(); len(got) != 0 {
			t.Errorf("outliers among 29 = %v; want none: too few", got)
		}
		k.receive(scan(29, "900"))
		if got := strings.Join(outliers(), ";"); got != "900 beside 204" {
			t.Errorf("outliers among 30 = %s; want the one of 900", got)
		}
	})
}

func TestCompleteness(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		one := scan(1, "200")
		one.StudyDate = "20261110"
		k.receive(one)
		m := k.machine()
		k.Archive = arrivals{
			{Study: dosetest.UID("s1").String(), Modality: "CT", Machine: m, Day: "2026-11-10"},
			{Study: "1.2.3", Modality: "CT", Machine: m, Day: "2026-11-15"},
		}
		weeks, err := k.Completeness(t.Context(), house, year)
		check(t, err)
		if len(weeks) != 1 || weeks[0].Monday != "2026-11-09" || weeks[0].Studies != 2 || weeks[0].With != 1 || !weeks[0].Incomplete {
			t.Fatalf("weeks = %+v; want one, half of it", weeks)
		}
		c, err := k.Judge(t.Context(), house, k.findings)
		check(t, err)
		if len(c.New) != 1 {
			t.Errorf("findings = %+v; want one", c)
		}
		k.Archive = k.Archive.(arrivals)[:1]
		c, err = k.Judge(t.Context(), house, k.findings)
		check(t, err)
		if len(c.Withdrawn) != 1 {
			t.Errorf("findings = %+v; want it withdrawn", c)
		}
	})
}

func TestAgrees(t *testing.T) {
	for _, c := range []struct {
		name, console, own string
		want               bool
	}{
		{"the same number", "415.82", "415.82", true},
		{"rounded by the console", "415.8", "415.82", true},
		{"rounded to a whole number", "416", "415.82", true},
		{"half a step is rounding", "415.5", "415.55", true},
		{"more than half a step", "415", "415.82", false},
		{"a comma", "415,8", "415.82", true},
		{"another unit", "41.582", "415.82", false},
		{"a name in other case", "abdomen  routine", "Abdomen Routine", true},
		{"another name", "Thorax", "Abdomen", false},
		{"the program has none", "12", "", false},
		{"not a number", "n/a", "12", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := quality.Agrees(c.console, c.own); got != c.want {
				t.Errorf("Agrees(%q, %q) = %v; want %v", c.console, c.own, got, c.want)
			}
		})
	}
}

// test makes a test of all there is, with the console values that the program has.
func (k *desk) test() quality.Acceptance {
	k.t.Helper()
	proposed, err := k.Propose(k.t.Context(), house, k.machine(), 6)
	check(k.t, err)
	a := quality.Acceptance{Site: house, Machine: k.machine(), Result: quality.Accepted, SignedBy: "local", Name: "Physicist"}
	for _, p := range proposed {
		for _, r := range p.Readings {
			if r.Quantity == string(dose.QuantityDLP) {
				r.Console = r.Own
				a.Readings = append(a.Readings, r)
			}
		}
	}
	return a
}

// state returns how the machine stands.
func (k *desk) state() quality.State {
	k.t.Helper()
	all, err := k.Accepted(k.t.Context(), house)
	check(k.t, err)
	return all[k.machine()].State
}

func TestAcceptance(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		for i := range 6 {
			k.receive(scan(i, fmt.Sprint(200+i)))
		}
		if got := k.state(); got != quality.StateNone {
			t.Errorf("before a test: %s; want none", got)
		}
		for name, spoil := range map[string]func(*quality.Acceptance){
			"too few examinations":                   func(a *quality.Acceptance) { a.Readings = a.Readings[:4] },
			"a difference nobody explained":          func(a *quality.Acceptance) { a.Readings[0].Console = "1" },
			"nobody signed":                          func(a *quality.Acceptance) { a.Name = " " },
			"limits without a quantity":              func(a *quality.Acceptance) { a.Result = quality.Limits },
			"a quantity is off and yet all accepted": func(a *quality.Acceptance) { a.Limits = []string{"dlp"} },
		} {
			a := k.test()
			spoil(&a)
			if _, err := k.Sign(t.Context(), a); fault.Of(err) != fault.Invalid {
				t.Errorf("%s: Sign = %v; want Invalid", name, err)
			}
		}
		explained := k.test()
		explained.Readings[0].Console, explained.Readings[0].Explained = "201", "the console leaves the localizer out"
		signed, err := k.Sign(t.Context(), explained)
		check(t, err)
		if got := k.state(); got != quality.StateAccepted {
			t.Errorf("after a test: %s; want accepted", got)
		}
		kept, err := k.Test(t.Context(), house, signed.ID)
		check(t, err)
		if len(kept.Readings) != 6 || kept.Software != "1.0" || kept.Reader != dose.ReaderVersion || kept.Day != "2026-11-22" {
			t.Errorf("Test = %+v; want six readings, the versions and the day", kept)
		}
		if raw, err := json.Marshal(kept); err != nil || strings.Contains(string(raw), dosetest.UID("s1").String()) {
			t.Errorf("the signed test holds the UID of a study: %s %v", raw, err)
		}
		k.now = today().AddDate(1, 0, 1)
		if got := k.state(); got != quality.StateOld {
			t.Errorf("a year later: %s; want old", got)
		}
		k.now = today()
		newer := scan(9, "210")
		newer.StudyDate, newer.Software = "20261120", "2.0"
		k.receive(newer)
		if got := k.state(); got != quality.StateSoftware {
			t.Errorf("after another software: %s; want software", got)
		}
	})
}

func TestMarks(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		newer := scan(5, "200")
		newer.StudyDate, newer.Software = "20260501", "2.0"
		k.receive(scan(1, "200"), newer)
		_, err := k.Doses.Calibrate(t.Context(), dose.MachineCalibration{
			Site: house, Machine: k.machine(), Quantity: dose.QuantityDLP, Factor: ucum.MustDecimal("1.05"),
			Calibrated: "2026-06-01", From: "2026-06-02", To: "2026-06-30", EnteredBy: "local",
		})
		check(t, err)
		all, err := k.Marks(t.Context(), house, k.machine(), dose.Period{From: "2026-01-01", To: "2026-06-30"})
		check(t, err)
		if got, want := fmt.Sprint(all), "[{2026-05-01 software 2.0} {2026-06-02 calibration dlp 1.05}]"; got != want {
			t.Errorf("Marks = %s; want %s", got, want)
		}
	})
}
