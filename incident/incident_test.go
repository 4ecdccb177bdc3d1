package incident_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/evidence"
	"radagora/fault"
	"radagora/incident"
	"radagora/journal"
	"radagora/site"
)

const (
	house = site.Default
	anna  = "hospital|4711"
	boss  = "account-physicist"
	user  = "account-reporter"
)

// today is the day on which these tests happen: a Sunday, noon in UTC.
func today() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused fails unless an error is of a kind and says something.
func refused(t *testing.T, err error, kind fault.Kind, says string) {
	t.Helper()
	if fault.Of(err) != kind || err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v of kind %v, want %v with %q", err, fault.Of(err), kind, says)
	}
}

func newRegister(t *testing.T, d *db.DB) *incident.Register {
	t.Helper()
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	sites, err := site.Open(t.Context(), d, j, today)
	check(t, err)
	check(t, d.Migrate(t.Context(), "access", access.Migrations()))
	check(t, d.Migrate(t.Context(), "incident", incident.Migrations()))
	library, err := content.Open()
	check(t, err)
	return &incident.Register{DB: d, Journal: j, Content: library, Site: sites.Site, Now: today}
}

// full is a work with which an incident may be closed that meets a criterion.
func full(criterion string) incident.Work {
	return incident.Work{
		Severity: "MINOR", Causes: []string{"TRAINING", "IDENTIFICATION"}, Significant: incident.Yes, Criterion: criterion, Known: "2026-11-20T10:00",
		Expert: "MPE", ExpertDay: "2026-11-20", NotifiedAt: "2026-11-21T09:00", NotifiedTo: "Authority",
		Told:     []incident.Told{{Whom: "referrer", Day: "2026-11-20"}, {Whom: "practitioner", Day: "2026-11-20"}, {Whom: "patient", Why: "cannot be reached"}},
		Analysis: "two requests looked alike", Analysed: "2026-11-21", Lesson: "Ask for the name and the date of birth, always.",
	}
}

// TestRegister takes an incident from its report to the board and back.
func TestRegister(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := newRegister(t, d)
		ctx := t.Context()
		i, err := r.Take(ctx, house, incident.Report{Words: "wrong patient on the table", Kind: "WRONG_PATIENT", Sort: incident.Event, When: "2026-11-19T08:30", Study: "1.2.3", Person: anna, Account: user})
		check(t, err)
		if i.Name() != "2026-1" || i.State != incident.New || i.Happened != "2026-11-19" {
			t.Errorf("taken as %+v", i)
		}
		second, err := r.Take(ctx, house, incident.Report{Words: "nearly", Account: user})
		check(t, err)
		if second.Name() != "2026-2" || second.Happened != "2026-11-22" {
			t.Errorf("second taken as %s on %s", second.Name(), second.Happened)
		}
		_, err = r.Close(ctx, house, boss, i.ID, i.Version)
		refused(t, err, fault.Invalid, "cannot be closed yet: say how grave it was; name at least one cause")
		id, err := r.AddCriterion(ctx, house, boss, incident.Criterion{Words: "a test criterion", Source: "test", Clock: 2, Unit: incident.Days})
		check(t, err)
		w := full(id)
		w.Actions = []incident.Action{{Words: "train", Owner: "somebody", Due: "2026-12-01"}}
		i, err = r.Change(ctx, house, boss, i.ID, i.Version, w)
		check(t, err)
		if want := time.Date(2026, 11, 22, 23, 59, 0, 0, time.UTC); !i.Work.Due.Equal(want) {
			t.Errorf("due %v, want %v: two calendar days after the 20th", i.Work.Due, want)
		}
		_, err = r.Change(ctx, house, boss, i.ID, i.Version-1, w)
		refused(t, err, fault.Conflict, "changed meanwhile")
		_, err = r.Close(ctx, house, boss, i.ID, i.Version)
		refused(t, err, fault.Invalid, "carry out every action")
		w = i.Work
		w.Actions[0].Done = "2026-11-22"
		i, err = r.Change(ctx, house, boss, i.ID, i.Version, w)
		check(t, err)
		same, err := r.Change(ctx, house, boss, i.ID, i.Version, i.Work)
		check(t, err)
		if same.Version != i.Version {
			t.Errorf("a change of nothing made version %d of %d", same.Version, i.Version)
		}
		i, err = r.Close(ctx, house, boss, i.ID, i.Version)
		check(t, err)
		_, err = r.Change(ctx, house, boss, i.ID, i.Version, w)
		refused(t, err, fault.Conflict, "open it again first")
		_, err = r.Reopen(ctx, house, boss, i.ID, i.Version, " ")
		refused(t, err, fault.Invalid, "give a reason")
		_, err = r.Publish(ctx, house, boss, i.ID, i.Version, nil)
		check(t, err)
		board, err := r.Board(ctx, house)
		check(t, err)
		if len(board) != 1 || board[0].Words != w.Lesson || board[0].Kind != "WRONG_PATIENT" {
			t.Errorf("board %+v", board)
		}
		i, err = r.Find(ctx, d, house, i.ID)
		check(t, err)
		var kinds []string
		for _, s := range i.Steps {
			kinds = append(kinds, s.Kind+" "+s.By)
		}
		if want := []string{"reported " + user, "changed " + boss, "changed " + boss, "closed " + boss, "changed " + boss}; !slices.Equal(kinds, want) {
			t.Errorf("steps %v, want %v", kinds, want)
		}
		if !slices.Contains(i.Steps[1].Fields, "criterion") || !slices.Equal(i.Steps[2].Fields, []string{"actions"}) {
			t.Errorf("fields %v, then %v", i.Steps[1].Fields, i.Steps[2].Fields)
		}
	})
}

// TestAnonymous searches every table and the journal for who made an anonymous report.
func TestAnonymous(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := newRegister(t, d)
		ctx := access.With(t.Context(), access.Who{ID: user, Name: "Reporter Name"})
		i, err := r.Take(ctx, house, incident.Report{Words: "anonymous words", Secret: true, Account: user})
		check(t, err)
		for _, query := range []string{
			`select report || work || reported_day || person || study_uid from incident`,
			`select done_by || reason || work || fields || day from incident_step`,
			`select actor || ' ' || kind || ' ' || subject from journal_entry`,
		} {
			all, err := db.List(ctx, d, func(row *db.Rows) (s string, err error) { return s, row.Scan(&s) }, query)
			check(t, err)
			if len(all) == 0 {
				t.Errorf("%s: no rows, so nothing was proved", query)
			}
			for _, s := range all {
				if strings.Contains(s, user) || strings.Contains(s, "Reporter Name") {
					t.Errorf("%s names the reporter: %s", query, s)
				}
			}
		}
		found, err := r.Find(ctx, d, house, i.ID)
		check(t, err)
		if found.Reporter != "" || !found.At.IsZero() || !found.Steps[0].At.IsZero() || !found.Anonymous {
			t.Errorf("the register knows %q at %v of an anonymous report", found.Reporter, found.At)
		}
	})
}

// TestReportRefuses holds what cannot be a report.
func TestReportRefuses(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.SQLite(t))
	r := newRegister(t, d)
	for _, c := range []struct {
		name, says string
		report     incident.Report
	}{
		{"no words", "say in a few words", incident.Report{Words: "  ", Account: user}},
		{"tomorrow", "has not come yet", incident.Report{Words: "x", When: "2026-11-23", Account: user}},
		{"no day", "YYYY-MM-DD", incident.Report{Words: "x", When: "yesterday", Account: user}},
		{"a kind nobody knows", "incident/kind", incident.Report{Words: "x", Kind: "NOPE", Account: user}},
		{"too long", "at most 8000", incident.Report{Words: strings.Repeat("x", 8001), Account: user}},
		{"nobody", "of somebody, or anonymous", incident.Report{Words: "x"}},
		{"maybe harmed", "yes, no or unknown", incident.Report{Words: "x", Harmed: "maybe", Account: user}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.Take(t.Context(), house, c.report)
			refused(t, err, fault.Invalid, c.says)
		})
	}
}

// TestClock holds when a clock ends, over a change of summer time.
func TestClock(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	check(t, err)
	from := time.Date(2025, 3, 28, 16, 30, 0, 0, berlin)
	for _, c := range []struct {
		name, want string
		criterion  incident.Criterion
	}{
		{"72 hours are elapsed hours", "2025-03-31T17:30:00+02:00", incident.Criterion{Clock: 72, Unit: incident.Hours}},
		{"3 days end with the third day", "2025-03-31T23:59:00+02:00", incident.Criterion{Clock: 3, Unit: incident.Days}},
	} {
		if got := c.criterion.Due(from).Format(time.RFC3339); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if due := (incident.Criterion{Unit: incident.Days}).Due(from); !due.IsZero() {
		t.Errorf("without a number the clock ends at %v", due)
	}
}

// TestNameless holds which lessons are refused.
func TestNameless(t *testing.T) {
	t.Parallel()
	known := []string{"Example^Anna", "4711234", "1980-02-03"}
	for _, c := range []struct {
		name, words string
		ok          bool
	}{
		{"a lesson", "Ask for the name and the date of birth; 2 of 10 did not.", true},
		{"a family name", "It was example again.", false},
		{"an identifier", "Patient 4711234 was next.", false},
		{"a birth date", "Born on 3.2.1980 as the other one.", false},
		{"a part of a word is no name", "Examples help.", true},
	} {
		if err := incident.Nameless(c.words, known); (err == nil) != c.ok || err != nil && strings.Contains(err.Error(), "Anna") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestStatements holds that a zero report is refused where something happened.
func TestStatements(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.SQLite(t))
	r := newRegister(t, d)
	ctx := t.Context()
	_, err := r.Take(ctx, house, incident.Report{Words: "x", Sort: incident.NearMiss, When: "2026-10-05", Account: user})
	check(t, err)
	_, err = r.Sign(ctx, house, boss, incident.Statement{Kind: incident.Zero, From: "2026-10-01", To: "2026-10-31", Name: "The physicist"})
	refused(t, err, fault.Conflict, "has 1 incidents from 2026-10-01 to 2026-10-31")
	_, err = r.Sign(ctx, house, boss, incident.Statement{Kind: incident.Zero, From: "2026-09-01", To: "2026-09-30", Name: "The physicist"})
	check(t, err)
	_, err = r.Sign(ctx, house, boss, incident.Statement{Kind: incident.Review, From: "2026-01-01", To: "2026-11-22", Name: "The physicist"})
	refused(t, err, fault.Invalid, "say what the year shows")
	s, err := r.Sign(ctx, house, boss, incident.Statement{Kind: incident.Review, From: "2026-01-01", To: "2026-11-22", Name: "The physicist", Words: "one near miss"})
	check(t, err)
	if s.Counted.Incidents != 1 || s.Counted.NearMisses != 1 {
		t.Errorf("the review counted %+v", s.Counted)
	}
	all, err := r.Statements(ctx, house)
	check(t, err)
	if len(all) != 2 || all[0].Kind != incident.Review {
		t.Errorf("statements %+v", all)
	}
}

// TestTrend holds a u-chart against numbers calculated by hand: 3 incidents in 30 000
// examinations make 1 per 10 000; over 10 000 examinations the upper limit is
// 1 + 3 × sqrt(0.0001 / 10 000) × 10 000 = 4.
func TestTrend(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.SQLite(t))
	r := newRegister(t, d)
	r.Examinations = func(context.Context, string, string, string) (map[string]int, error) {
		return map[string]int{"2026-09": 10_000, "2026-10": 10_000, "2026-11": 10_000}, nil
	}
	for _, day := range []string{"2026-10-01", "2026-10-02", "2026-11-03"} {
		_, err := r.Take(t.Context(), house, incident.Report{Words: "x", When: day, Account: user})
		check(t, err)
	}
	trend, err := r.Trend(t.Context(), house, 3)
	check(t, err)
	near := func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 }
	if trend.N != 3 || !near(trend.Centre, 1) || len(trend.Months) != 3 {
		t.Fatalf("trend %+v", trend)
	}
	m := trend.Months[1]
	if m.Month != "2026-10" || m.N != 2 || !near(m.Rate, 2) || !near(m.High, 4) || m.Low != 0 || m.Above {
		t.Errorf("October %+v", m)
	}
}

// TestFacts holds the facts of the evidence catalogue and their cases.
func TestFacts(t *testing.T) {
	t.Parallel()
	d := dbtest.Open(t, dbtest.SQLite(t))
	r := newRegister(t, d)
	ctx := t.Context()
	id, err := r.AddCriterion(ctx, house, boss, incident.Criterion{Words: "a", Source: "b", Clock: 24, Unit: incident.Hours})
	check(t, err)
	for n, w := range []incident.Work{full(id), {Severity: "NONE", Significant: incident.Yes, Criterion: id, Known: "2026-11-20T10:00"}, {Criterion: incident.NoCriterion}, {}} {
		i, err := r.Take(ctx, house, incident.Report{Words: "x", Account: user})
		check(t, err)
		if n < 3 {
			_, err = r.Change(ctx, house, boss, i.ID, i.Version, w)
			check(t, err)
		}
	}
	registry, err := evidence.Open(r.Content, func() time.Time { return today().Add(24 * time.Hour) })
	check(t, err)
	check(t, registry.Register(r.Facts()...))
	for _, c := range []struct {
		id       string
		num, den float64
	}{
		{"audit.incidents_analysed", 1, 4},
		{"audit.incident_disclosure", 1, 2},
		{"audit.incident_notified_in_time", 1, 2}, // the second was never notified
		{"audit.incident_classified", 3, 4},
	} {
		v, err := registry.Value(ctx, c.id, evidence.Query{Site: house})
		check(t, err)
		if v.Numerator != c.num || v.Denominator != c.den {
			t.Errorf("%s: %v of %v, want %v of %v", c.id, v.Numerator, v.Denominator, c.num, c.den)
		}
	}
}

// TestUnintended: of 7 reports 2 are unintended exposures of patients, by 4 000
// examinations that is 5 per 10 000. Near misses, other kinds and reports of no kind
// are none.
func TestUnintended(t *testing.T) {
	t.Parallel()
	r := newRegister(t, dbtest.Open(t, dbtest.SQLite(t)))
	r.Examinations = func(context.Context, string, string, string) (map[string]int, error) {
		return map[string]int{"2026-10": 1500, "2026-11": 2500}, nil
	}
	ctx := t.Context()
	for _, x := range []incident.Report{
		{Kind: "WRONG_PATIENT", Sort: incident.Event},
		{Kind: "DOSE_HIGH", Sort: incident.Event},
		{Kind: "WRONG_PATIENT", Sort: incident.NearMiss},
		{Kind: "DOSE_HIGH"},
		{Kind: "CONTRAST", Sort: incident.Event},
		{Sort: incident.Event},
		{},
	} {
		x.Words, x.Account = "x", user
		_, err := r.Take(ctx, house, x)
		check(t, err)
	}
	registry, err := evidence.Open(r.Content, func() time.Time { return today().Add(24 * time.Hour) })
	check(t, err)
	check(t, registry.Register(r.Facts()...))
	v, err := registry.Value(ctx, "audit.unintended_rate", evidence.Query{Site: house})
	check(t, err)
	if v.Numerator != 2 || v.Denominator != 4000 || v.Value != 5 || v.N != 4000 {
		t.Errorf("%v of %v: %v, n %d; want 2 of 4000: 5", v.Numerator, v.Denominator, v.Value, v.N)
	}
	r.Examinations = nil
	if v, err = registry.Value(ctx, "audit.unintended_rate", evidence.Query{Site: house}); err != nil || v.State != evidence.NotApplicable {
		t.Errorf("without examinations: %+v, %v", v, err)
	}
}

// TestErase removes what could say who a person is, and keeps what the register counts.
func TestErase(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		r := newRegister(t, d)
		ctx := t.Context()
		i, err := r.Take(ctx, house, incident.Report{Words: "the patient secretname fell", Person: anna, Study: "1.2.3", Kind: "INJURY", Account: user})
		check(t, err)
		_, err = r.Change(ctx, house, boss, i.ID, i.Version, incident.Work{Severity: "MINOR", Analysis: "secretname slipped", Analysed: "2026-11-22"})
		check(t, err)
		told := 0
		for _, err := range r.Export(ctx, access.Person{Site: house, ID: anna}) {
			check(t, err)
			told++
		}
		check(t, d.Write(ctx, func(tx *db.Tx) error {
			n, err := r.Erase(ctx, tx, access.Person{Site: house, ID: anna})
			if n != 1 || told != 1 {
				t.Errorf("exported %d, erased %d", told, n)
			}
			return err
		}))
		i, err = r.Find(ctx, d, house, i.ID)
		check(t, err)
		raw, err := json.Marshal(i)
		check(t, err)
		if strings.Contains(string(raw), "secretname") || strings.Contains(string(raw), anna) || strings.Contains(string(raw), "1.2.3") {
			t.Errorf("still there: %s", raw)
		}
		if i.Kind != "INJURY" || i.Work.Severity != "MINOR" || i.Work.Analysed != "2026-11-22" {
			t.Errorf("what is counted went too: %+v", i)
		}
	})
}
