package equipment_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"log/slog"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/equipment"
	"radagora/evidence"
	"radagora/fault"
	"radagora/finding"
	"radagora/icalendar"
	"radagora/journal"
	"radagora/site"
)

const (
	house = site.Default
	who   = "account"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A desk is a register with what it needs.
type desk struct {
	*equipment.Register
	d        *db.DB
	findings *finding.Register
	sites    *site.Register
	now      time.Time
}

func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	k := &desk{d: d, now: time.Date(2025, 3, 20, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return k.now }
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	k.sites, err = site.Open(t.Context(), d, j, now)
	check(t, err)
	k.findings, err = finding.Open(t.Context(), d, j, now)
	check(t, err)
	library, err := content.Open()
	check(t, err)
	check(t, d.Migrate(t.Context(), "equipment", equipment.Migrations()))
	k.Register = &equipment.Register{
		DB: d, Journal: j, Content: library, Findings: k.findings, Now: now, Site: k.sites.Site,
		Plan: func(ctx context.Context, siteID string) (*site.Plan, error) { return k.sites.Plan(ctx, d, siteID) },
	}
	return k
}

// each runs a test on every database there is.
func each(t *testing.T, run func(t *testing.T, k *desk)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, d *db.DB) { run(t, newDesk(t, d)) })
}

// facts reads a file of testdata.
func facts(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	check(t, err)
	return raw
}

// TestAges gives the numbers of the sample register.
func TestAges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		n, wrong, err := k.Take(t.Context(), house, who, facts(t, "sample_register.csv"), false)
		if err != nil || len(wrong) > 0 || n != 13 {
			t.Fatal(n, wrong, err)
		}
		all, err := k.Devices(t.Context(), house)
		check(t, err)
		bands, ref, err := k.Bands(house)
		check(t, err)
		if ref.ID != "equipment/age" || !strings.Contains(bands[0].Source, "COCIR") {
			t.Error("the rule names no source")
		}
		type profile struct {
			N, Unknown int
			Counts     []int
			Shares     []float64
			Met        []bool `json:"rules_met"`
		}
		var want struct {
			Year    int     `json:"reference_year"`
			All, CT profile // names of the file
		}
		check(t, json.Unmarshal(facts(t, "sample_register_expected.json"), &want))
		got := map[string]profile{}
		for _, p := range equipment.Ages(all, want.Year, bands) {
			for i, s := range p.Shares {
				p.Shares[i] = math.Round(s*1e4) / 1e4
			}
			got[p.Group] = profile{p.N, p.Unknown, p.Counts, p.Shares, p.Met}
		}
		if diff := cmp.Diff(want.All, got[""]); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want.CT, got["CT"]); diff != "" {
			t.Error(diff)
		}
		var out bytes.Buffer
		check(t, equipment.WriteTable(&out, all))
		if n, wrong, err := k.Take(t.Context(), house, who, out.Bytes(), false); n != 13 || len(wrong) > 0 || err != nil {
			t.Error("the table that was written is not read:", n, wrong, err)
		}
		if again, err := k.Devices(t.Context(), house); len(again) != 13 {
			t.Error("reading a table twice adds devices:", len(again), err)
		}
	})
}

// TestInTime gives the numbers of the sample tests.
func TestInTime(t *testing.T) {
	t.Parallel()
	lines, err := csv.NewReader(bytes.NewReader(facts(t, "sample_qc.csv"))).ReadAll()
	check(t, err)
	var all []equipment.Occasion
	for _, l := range lines[1:] {
		all = append(all, equipment.Occasion{Device: l[0], Test: l[1], Due: l[2], Done: l[3]})
	}
	var want struct {
		Today         string
		Due           int
		InTime        int `json:"done_in_time"`
		Share         float64
		Late, Overdue []string
	}
	check(t, json.Unmarshal(facts(t, "sample_qc_expected.json"), &want))
	got := equipment.InTime(all, want.Today)
	named := func(all []equipment.Occasion) (out []string) {
		for _, o := range all {
			out = append(out, o.Device+" "+o.Test+" "+o.Due)
		}
		return out
	}
	share, _ := got.Share()
	if got.Due != want.Due || got.InTime != want.InTime || math.Round(share*1e4)/1e4 != want.Share {
		t.Errorf("%d due, %d in time, %f", got.Due, got.InTime, share)
	}
	if diff := cmp.Diff([][]string{want.Late, want.Overdue}, [][]string{named(got.Late), named(got.Overdue)}); diff != "" {
		t.Error(diff)
	}
}

// due returns when a test of a device is due, and why.
func (k *desk) due(t *testing.T, test string) (string, string) {
	t.Helper()
	b, err := k.Board(t.Context(), house)
	check(t, err)
	for _, p := range b.Planned {
		if p.Test.ID == test {
			return p.Due, p.Why
		}
	}
	return "none", ""
}

// TestDue follows a test from the acceptance of the device to a change.
func TestDue(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		_, wrong, err := k.Keep(t.Context(), house, who, equipment.Device{Name: "CT-1", Group: "CT", Status: equipment.Active, Accepted: "2025-03-01"})
		if err != nil || len(wrong) > 0 {
			t.Fatal(wrong, err)
		}
		steps := []struct {
			name     string
			do       func() error
			due, why string
		}{
			{"never done: from the acceptance test on", func() error { return nil }, "2025-03-01", "first"},
			{"a week after it was done", func() error {
				_, err := k.Record(t.Context(), house, equipment.Result{Device: "CT-1", Test: "QC-CT-2", Done: "2025-03-14", Verdict: equipment.Pass, By: who})
				return err
			}, "2025-03-21", ""},
			{"the interval of the site", func() error {
				return k.SetLevels(t.Context(), house, who, "CT-1", "QC-CT-2", equipment.Levels{Interval: 14})
			}, "2025-03-28", ""},
			{"a new tube asks at once", func() error {
				_, err := k.Changed(t.Context(), house, equipment.Change{Device: "CT-1", Kind: "tube", Day: "2025-03-18", By: who})
				return err
			}, "2025-03-18", "tube"},
			{"done after the change", func() error {
				_, err := k.Record(t.Context(), house, equipment.Result{Device: "CT-1", Test: "QC-CT-2", Done: "2025-03-19", Verdict: equipment.Pass, By: who})
				return err
			}, "2025-04-02", ""},
		}
		for _, s := range steps {
			check(t, s.do())
			if due, why := k.due(t, "QC-CT-2"); due != s.due || why != s.why {
				t.Errorf("%s: due %s, %q; want %s, %q", s.name, due, why, s.due, s.why)
			}
		}
	})
}

// TestSuspended suspends a device until the same test passes, by the levels of the site.
func TestSuspended(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		d, _, err := k.Keep(t.Context(), house, who, equipment.Device{Name: "CT-1", Group: "CT", Status: equipment.Active, Accepted: "2025-03-20"})
		check(t, err)
		if err := k.SetLevels(t.Context(), house, who, "CT-1", "QC-CT-3", equipment.Levels{Action: "10", Suspension: "20"}); fault.Of(err) != fault.Invalid {
			t.Error("levels without a sense and a source are kept:", err)
		}
		levels := equipment.Levels{Sense: equipment.Beyond, Action: "10", Suspension: "20", Source: "national protocol"}
		check(t, k.SetLevels(t.Context(), house, who, "CT-1", "QC-CT-3", levels))
		record := func(value string, v equipment.Verdict) (equipment.Verdict, error) {
			k.now = k.now.Add(time.Minute)
			x, err := k.Record(t.Context(), house, equipment.Result{Device: "CT-1", Test: "QC-CT-3", Value: value, Verdict: v, By: who})
			return x.Verdict, err
		}
		open := func() (all []string) {
			check(t, k.Judge(t.Context(), house))
			list, err := k.findings.List(t.Context(), finding.Filter{Site: house})
			check(t, err)
			for _, f := range list {
				if f.State != finding.StateWithdrawn {
					all = append(all, f.Code)
				}
			}
			return all
		}
		for _, c := range []struct {
			value, want string
			suspended   bool
		}{
			{"-4", "pass", false}, {"-10", "pass", false}, {"12,5", "action", false}, {"-20.1", "suspension", true}, {"11", "action", true}, {"3", "pass", false},
		} {
			v, err := record(c.value, "")
			check(t, err)
			b, err := k.Board(t.Context(), house)
			check(t, err)
			if _, is := b.Suspended[d.ID]; string(v) != c.want || is != c.suspended {
				t.Errorf("%s: %s, suspended %v", c.value, v, is)
			}
			if got := slices.Contains(open(), "device_suspended"); got != c.suspended {
				t.Errorf("%s: a finding: %v", c.value, got)
			}
		}
		if _, err := record("25", equipment.Pass); fault.Of(err) != fault.Invalid {
			t.Error("a value beyond the level passes when somebody says so:", err)
		}
		if _, err := k.Record(t.Context(), house, equipment.Result{Device: "CT-1", Test: "QC-CT-1", Value: "3", By: who}); fault.Of(err) != fault.Invalid {
			t.Error("a value is judged without levels:", err)
		}
		k.now = k.now.AddDate(0, 0, 2)
		if got := open(); !slices.Contains(got, "test_overdue") {
			t.Error("no test is overdue:", got)
		}
	})
}

// TestRefused names what is wrong with a table by line.
func TestRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		table := "device,group,install_year,status\nCT-1,CT,2020,active\n\nCT-1,XX,20x,broken\n"
		_, wrong, err := k.Take(t.Context(), house, who, []byte(table), false)
		check(t, err)
		want := []equipment.Line{
			{4, equipment.Wrong{Field: "install_year", Rule: equipment.WrongYear}},
			{4, equipment.Wrong{Field: "group", Rule: equipment.WrongGroup}},
			{4, equipment.Wrong{Field: "status", Rule: equipment.WrongStatus}},
			{4, equipment.Wrong{Field: "device", Rule: equipment.WrongTwice}},
		}
		if diff := cmp.Diff(want, wrong); diff != "" {
			t.Error(diff)
		}
		if all, err := k.Devices(t.Context(), house); len(all) != 0 || err != nil {
			t.Error("a part of a wrong table is kept")
		}
		if _, wrong, _ := k.Take(t.Context(), house, who, []byte("name\nx\n"), false); len(wrong) != 3 {
			t.Error("a table without columns is read:", wrong)
		}
		if err := k.SetPhoto(t.Context(), house, who, "CT-1", []byte("<svg/>")); fault.Of(err) != fault.NotFound {
			t.Error(err)
		}
		_, _, err = k.Keep(t.Context(), house, who, equipment.Device{Name: "CT-1", Group: "CT", Status: equipment.Active})
		check(t, err)
		if err := k.SetPhoto(t.Context(), house, who, "CT-1", []byte("<svg/>")); fault.Of(err) != fault.Unsupported {
			t.Error(err)
		}
		d, err := k.Device(t.Context(), house, "CT-1")
		check(t, err)
		check(t, k.SetPhoto(t.Context(), house, who, "CT-1", []byte("\xff\xd8\xff\xe0 picture")))
		if p, err := k.Photo(t.Context(), house, d.ID); err != nil || p.MediaType != "image/jpeg" {
			t.Error(p.MediaType, err)
		}
	})
}

// TestEvidence registers the facts, and compares register and archive both ways.
func TestEvidence(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		registry, err := evidence.Open(k.Content, k.Now)
		check(t, err)
		check(t, registry.Register(k.Facts()...))
		if v, err := registry.Value(t.Context(), "equipment.register_match", evidence.Query{Site: house}); err != nil || v.State != evidence.NotApplicable {
			t.Error("an empty register matches:", v.State, err)
		}
		var seen site.Sighting
		check(t, k.d.Write(t.Context(), func(tx *db.Tx) (err error) {
			for _, serial := range []string{"1", "2"} {
				if seen, err = k.sites.Seen(t.Context(), tx, site.Equipment{Site: house, Manufacturer: "M", Model: "X", Serial: serial, Modality: "CT", Day: "2025-03-01"}); err != nil {
					return err
				}
			}
			return nil
		}))
		for _, d := range []equipment.Device{
			{Name: "CT-1", Group: "CT", Status: equipment.Active, Machine: seen.MachineID, Year: 2021, Accepted: "2025-03-20"},
			{Name: "CT-2", Group: "CT", Status: equipment.Active, Year: 2010},
		} {
			_, _, err := k.Keep(t.Context(), house, who, d)
			check(t, err)
		}
		_, err = k.Record(t.Context(), house, equipment.Result{Device: "CT-1", Test: "QC-CT-1", Verdict: equipment.Pass, By: who})
		check(t, err)
		for id, want := range map[string]float64{"equipment.register_match": 1.0 / 3, "equipment.age_profile": 0.5, "equipment.qc_in_time": 1} {
			v, err := registry.Value(t.Context(), id, evidence.Query{Site: house})
			if err != nil || v.State != evidence.Known || math.Abs(v.Value-want) > 1e-9 {
				t.Errorf("%s: %s %f, %v; want %f", id, v.State, v.Value, err, want)
			}
		}
	})
}

// TestCalendar writes what is due, in lines that are short enough.
func TestCalendar(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, k *desk) {
		_, _, err := k.Keep(t.Context(), house, who, equipment.Device{Name: "CT;1", Group: "CT", Status: equipment.Active, Accepted: "2025-03-01"})
		check(t, err)
		b, err := k.Board(t.Context(), house)
		check(t, err)
		var out strings.Builder
		check(t, icalendar.Write(&out, "Radagora//equipment", k.now, b.Events(func(x equipment.Test) string { return strings.Repeat("ü", 60) + x.Label["en"] })))
		for line := range strings.SplitSeq(out.String(), "\r\n") {
			if len(line) > 75 {
				t.Error("a line of more than 75 bytes:", line)
			}
		}
		if got := strings.Count(out.String(), "BEGIN:VEVENT"); got != 4 || !strings.Contains(out.String(), `SUMMARY:CT\;1: `) {
			t.Errorf("%d events:\n%s", got, &out)
		}
	})
}

// FuzzReadTable reads what anybody sends.
func FuzzReadTable(f *testing.F) {
	f.Add([]byte("device,group,status\nCT-1,CT,active\n"))
	f.Add([]byte("device;group;status;install_year\n\"a;b\";CT;active;x"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		all, _, err := equipment.ReadTable(raw)
		if err != nil && fault.Of(err) == fault.Internal {
			t.Error(err)
		}
		if err := equipment.WriteTable(&bytes.Buffer{}, all); err != nil {
			t.Error(err)
		}
	})
}
