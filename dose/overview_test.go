package dose_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/dosetest"
)

// A series is a number of examinations that differ in their dose alone.
type series struct {
	name     string // of studies, and of the protocol unless that is given
	protocol string // "" is the name
	day      string // 20260302
	dlp      []float64
	edit     func(r *dosetest.Report)
}

// reports makes them: one scan each, of a tenth of the DLP as CTDIvol.
func (s series) reports() []dosetest.Report {
	var all []dosetest.Report
	for i, x := range s.dlp {
		name := fmt.Sprintf("%s %s %d", s.name, s.day, i)
		text := strconv.FormatFloat(x, 'f', -1, 64)
		scan := dosetest.Scan(name, strconv.FormatFloat(x/10, 'f', -1, 64), text)
		if scan.Protocol = s.protocol; s.protocol == "" {
			scan.Protocol = s.name
		}
		r := dosetest.New(name, name, text, scan)
		if s.day != "" {
			r.StudyDate = s.day
		}
		if s.edit != nil {
			s.edit(&r)
		}
		all = append(all, r)
	}
	return all
}

// around returns n values symmetrically around a median, a step apart.
func around(median, step float64, n int) []float64 {
	var all []float64
	for i := range n {
		all = append(all, median+step*(float64(i)-float64(n-1)/2))
	}
	return all
}

// row returns the row of an overview that alone is such.
func row(t *testing.T, o *dose.Overview, is func(*dose.Row) bool) *dose.Row {
	t.Helper()
	var found []*dose.Row
	for _, r := range o.Rows {
		if is(r) {
			found = append(found, r)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d rows of that kind among %d", len(found), len(o.Rows))
	}
	return found[0]
}

// govern lets a set govern from a day on.
func (k *desk) govern(set, from, to string) dose.Governing {
	k.t.Helper()
	g, err := k.Govern(k.t.Context(), dose.Governing{Site: house, Set: set, From: from, To: to, DecidedBy: "local"})
	check(k.t, err)
	return g
}

// TestOverview puts examinations of several kinds beside their levels.
func TestOverview(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		var all []dosetest.Report
		for _, s := range []series{
			{name: "Sinus", dlp: around(200, 1, 21)},    // above 160 with certainty
			{name: "Sinus assumed", dlp: []float64{90}}, // needs an indication that is only assumed
			{name: "Sinus plain", dlp: []float64{91}},   // and one nobody knows
			{name: "Sinus chronic", dlp: []float64{92}}, // no level for this one
			{name: "Trunk", dlp: []float64{93}},         // no level at all
			{name: "Nobody said", dlp: []float64{94, 95}},
			{name: "Warm up", dlp: []float64{5}},
			{name: "sizeless", protocol: "Sinus", dlp: []float64{200}, edit: func(r *dosetest.Report) { r.Weight = "" }},
			{name: "heavy", protocol: "Sinus", dlp: []float64{9000}, edit: func(r *dosetest.Report) { r.Weight = "90.5" }},
			{name: "light", protocol: "Sinus", dlp: []float64{9000}, edit: func(r *dosetest.Report) { r.Weight = "49.9" }},
			{name: "at the bound", protocol: "Sinus", dlp: []float64{200}, edit: func(r *dosetest.Report) { r.Weight = "50" }},
			{name: "ageless", protocol: "Sinus", dlp: []float64{200}, edit: func(r *dosetest.Report) { r.Age = "" }},
			{name: "phantom", protocol: "Sinus", dlp: []float64{9000}, edit: func(r *dosetest.Report) { r.PatientName = "PHANTOM^BODY" }},
			{name: "incomplete", protocol: "Sinus", dlp: []float64{9000}, edit: func(r *dosetest.Report) {
				lost := dosetest.Scan("lost", "", "")
				lost.Protocol = "Sinus"
				r.Events = append(r.Events, lost)
			}},
		} {
			all = append(all, s.reports()...)
		}
		k.receive(all...)
		k.approve("Sinus", "CT_SINUS", "SINUS_DISEASE", dose.KnownByProtocol)
		k.approve("Sinus assumed", "CT_SINUS", "SINUS_DISEASE", dose.KnownByAssumed)
		k.approve("Sinus plain", "CT_SINUS", "", "")
		k.approve("Sinus chronic", "CT_SINUS", "SINUSITIS_CHRONIC", dose.KnownByOrder)
		k.approve("Trunk", "CT_TRUNK", "", "")
		k.approve("Warm up", dose.NotAnExamination, "", "")
		before := k.overview("2026-01-01", "2026-12-31")
		for _, r := range before.Rows {
			if r.State != dose.NoLevel || r.Governing != nil || r.Ratio != 0 {
				t.Errorf("%s %s: %s; nobody decided which level governs", r.Exam, r.Indication, r.State)
			}
		}
		k.govern("dose/level/uk_ndrl_2024", "2025-01-01", "")
		o := k.overview("2026-01-01", "2026-12-31")
		if o.Unmapped != 2 {
			t.Errorf("unmapped = %d; want 2", o.Unmapped)
		}
		sinus := row(t, o, func(r *dose.Row) bool { return r.KnownBy == dose.KnownByProtocol && r.Measure == dose.MeasureDLP })
		if sinus.N != 24 || sinus.Median != 200 || sinus.Examinations != 24 || sinus.SizeUnknown != 1 || sinus.State != dose.AboveCertain {
			t.Errorf("sinus: n %d, median %v, unknown size %d, %s; want 24, 200, 1, above with certainty", sinus.N, sinus.Median, sinus.SizeUnknown, sinus.State)
		}
		if sinus.Governing == nil || sinus.Governing.Value != 160 || sinus.Ratio != 1.25 || sinus.Unit != "mGy.cm" {
			t.Errorf("governing %+v, ratio %v", sinus.Governing, sinus.Ratio)
		}
		want := map[string]int{dose.ExcludedSize: 2, dose.ExcludedNotPatient: 1, dose.ExcludedIncomplete: 1}
		if d := cmp.Diff(want, sinus.Left); d != "" {
			t.Error(d)
		}
		perScan := row(t, o, func(r *dose.Row) bool { return r.KnownBy == dose.KnownByProtocol && r.Measure == dose.MeasureCTDIvol })
		if perScan.N != 24 || perScan.Median != 20 || perScan.Governing.Value != 12 || perScan.Unit != "mGy" {
			t.Errorf("per scan: n %d, median %v beside %v %s", perScan.N, perScan.Median, perScan.Governing.Value, perScan.Unit)
		}
		for _, x := range []struct {
			why, exam, indication string
			by                    dose.KnownBy
			want                  dose.State
		}{
			{"an assumed indication is not compared", "CT_SINUS", "SINUS_DISEASE", dose.KnownByAssumed, dose.NotCompared},
			{"nor is an unknown one", "CT_SINUS", "", "", dose.NotCompared},
			{"the set has no level for this indication", "CT_SINUS", "SINUSITIS_CHRONIC", dose.KnownByOrder, dose.NoLevel},
			{"the set has no level for this examination", "CT_TRUNK", "", "", dose.NoLevel},
		} {
			r := row(t, o, func(r *dose.Row) bool {
				return r.Exam == x.exam && r.Indication == x.indication && r.KnownBy == x.by && r.Measure == dose.MeasureDLP
			})
			if r.State != x.want || r.Ratio != 0 {
				t.Errorf("%s: %s, ratio %v; want %s", x.why, r.State, r.Ratio, x.want)
			}
		}
		var ticks []string
		for _, l := range sinus.Ticks {
			ticks = append(ticks, fmt.Sprintf("%s %v", l.Set.ID, l.Value))
		}
		// Those of another indication and those that do not hold any more are none.
		if d := cmp.Diff([]string{"dose/level/demo_2025 130", "dose/level/ie_foley_2012 210"}, ticks); d != "" {
			t.Errorf("ticks: %s", d)
		}
	})
}

// TestOverviewChildren: the head goes by age, the body by weight, and a child of
// unknown size is in no median.
func TestOverviewChildren(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		child := func(age, weight string) func(r *dosetest.Report) {
			return func(r *dosetest.Report) { r.Age, r.Weight, r.BirthDate = age, weight, "" }
		}
		var all []dosetest.Report
		for _, s := range []series{
			{name: "h1", protocol: "Head", edit: child("002M", "6")},
			{name: "h2", protocol: "Head", edit: child("005Y", "")},
			{name: "h3", protocol: "Head", edit: child("017Y", "60")},
			{name: "h4", protocol: "Head", edit: child("018Y", "60")},
			{name: "b1", protocol: "Chest", edit: child("003Y", "14.9")},
			{name: "b2", protocol: "Chest", edit: child("003Y", "15")},
			{name: "b3", protocol: "Chest", edit: child("003Y", "")},
			{name: "b4", protocol: "Chest", edit: child("016Y", "85")},
		} {
			s.dlp = []float64{100}
			all = append(all, s.reports()...)
		}
		k.receive(all...)
		k.approve("Head", "CT_HEAD", "", "")
		k.approve("Chest", "CT_CHEST", "", "")
		k.govern("dose/level/eu_pidrl", "2025-01-01", "")
		o := k.overview("2026-01-01", "2026-12-31")
		var got []string
		for _, r := range o.Rows {
			if r.Measure == dose.MeasureDLP {
				level := 0.0
				if r.Governing != nil {
					level = r.Governing.Value
				}
				got = append(got, fmt.Sprintf("%s %s %s: %d, left %v, level %v", r.Exam, r.Group.Kind, r.Group.Name, r.Examinations, r.Left, level))
			}
		}
		want := []string{
			"CT_CHEST  adult: 0, left map[], level 0",
			"CT_CHEST unknown child: 0, left map[size_outside:1 size_unknown:1], level 0",
			"CT_CHEST weight_kg 15-<30 kg: 1, left map[], level 70",
			"CT_CHEST weight_kg 5-<15 kg: 1, left map[], level 50",
			"CT_HEAD  adult: 1, left map[], level 0",
			"CT_HEAD age_months 0-<3 months: 1, left map[], level 300",
			"CT_HEAD age_months 1-<6 y: 1, left map[], level 505",
			"CT_HEAD age_months >=6 y: 1, left map[], level 650",
		}[1:]
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// TestOverviewOverTime: months, half-years and a set that replaces another.
func TestOverviewOverTime(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		var all []dosetest.Report
		for _, s := range []series{
			{name: "Chest", day: "20250310", dlp: around(400, 1, 20)},
			// nothing in the second half of 2025
			{name: "Chest", day: "20260405", dlp: around(310, 0.1, 20)}, // between the new level and the old
			{name: "Chest", day: "20260712", dlp: around(310, 0.1, 20)},
			{name: "Chest", day: "20260812", dlp: []float64{290, 330}},
		} {
			all = append(all, s.reports()...)
		}
		k.receive(all...)
		k.approve("Chest", "CT_CHEST", "", "")
		k.govern("dose/level/demo_2024", "2000-01-01", "2026-06-30")
		k.govern("dose/level/demo_2025", "2026-07-01", "")
		o := k.overview("2025-01-01", "2026-11-22")
		r := row(t, o, func(r *dose.Row) bool { return r.Measure == dose.MeasureDLP })
		var months []string
		for _, m := range o.Months(r) {
			months = append(months, fmt.Sprintf("%s n %d median %v level %v", m.Month, m.N, m.Median, m.Level.Value))
		}
		want := []string{
			"2025-03 n 20 median 400 level 320", "2026-04 n 20 median 310 level 320",
			"2026-07 n 20 median 310 level 300", "2026-08 n 2 median 310 level 300",
		}
		if d := cmp.Diff(want, months); d != "" {
			t.Error(d)
		}
		states := []dose.State{dose.AboveCertain, dose.TooFew, dose.AtOrBelow, dose.AboveCertain}
		if d := cmp.Diff(states, o.Periods(r)); d != "" {
			t.Errorf("half-years: %s", d)
		}
		if l := o.Refer(r, "2026-06-30"); l == nil || l.Value != 320 {
			t.Errorf("level of the old set on its last day = %+v", l)
		}
		// A half-year that has just begun does not make what came before undone.
		early := k.overview("2025-01-01", "2027-01-03")
		if d := cmp.Diff(states, early.Periods(row(t, early, func(r *dose.Row) bool { return r.Measure == dose.MeasureDLP }))); d != "" {
			t.Errorf("half-years some days into 2027: %s", d)
		}
		late := k.overview("2025-01-01", "2027-07-01")
		if d := cmp.Diff(append(states, dose.TooFew), late.Periods(row(t, late, func(r *dose.Row) bool { return r.Measure == dose.MeasureDLP }))); d != "" {
			t.Errorf("half-years after one without examinations: %s", d)
		}
		if n := k.overview("2024-01-01", "2024-12-31").Len(); n != 0 {
			t.Errorf("%d examinations in a year without any", n)
		}
	})
}

func TestLast(t *testing.T) {
	tests := []struct {
		name   string
		months int
		now    string
		want   string // the first day
	}{
		{"a year", 12, "2026-11-22", "2025-11-23"},
		{"whole months", 3, "2026-05-31", "2026-03-01"},
		{"a day that the first month does not have", 6, "2026-08-30", "2026-03-01"},
		{"the last day of a leap year's February", 12, "2028-02-29", "2027-03-01"},
		{"the day before", 12, "2028-02-28", "2027-03-01"},
		{"over the turn of the year", 2, "2026-01-31", "2025-12-01"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			now, err := time.Parse(time.DateOnly, test.now)
			check(t, err)
			if got := dose.Last(test.months, now); got != (dose.Period{From: test.want, To: test.now}) {
				t.Errorf("Last = %+v; want from %s", got, test.want)
			}
		})
	}
}

// first returns the latest examination of an overview.
func first(o *dose.Overview) *dose.Item {
	for i := range o.All() {
		return i
	}
	return nil
}
