package audit_test

import (
	"bytes"
	"context"
	"iter"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/audit"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/evidence"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

const house = site.Default

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A desk is an audit desk with what it needs.
type desk struct {
	*audit.Desk
	t     *testing.T
	now   time.Time
	told  []audit.Reminder
	cases []evidence.Case // of equipment.reject_rate
}

// newDesk opens a desk whose only evidence is the reject rate of k.cases.
func newDesk(t *testing.T, d *db.DB) *desk {
	t.Helper()
	k := &desk{t: t, now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	now := func() time.Time { return k.now }
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	sites, err := site.Open(t.Context(), d, j, now)
	check(t, err)
	check(t, d.Migrate(t.Context(), "audit", audit.Migrations()))
	library, err := content.Open()
	check(t, err)
	facts, err := evidence.Open(library, now)
	check(t, err)
	check(t, facts.Register(evidence.Fact{
		ID: "equipment.reject_rate",
		Value: func(context.Context, evidence.Query) (evidence.Value, error) {
			v := evidence.Value{N: len(k.cases), Denominator: float64(len(k.cases)), Provenance: evidence.Provenance{How: "test/1"}}
			for _, c := range k.cases {
				if c.Counted {
					v.Numerator++
				}
			}
			return v, nil
		},
		Cases: func(context.Context, evidence.Query) iter.Seq2[evidence.Case, error] {
			return func(yield func(evidence.Case, error) bool) {
				for _, c := range k.cases {
					if !yield(c, nil) {
						return
					}
				}
			}
		},
	}))
	k.Desk = &audit.Desk{
		DB: d, Journal: j, Content: library, Evidence: facts, Site: sites.Site, Now: now, Random: bytes.NewReader([]byte{0, 0, 0, 0, 0, 0, 0, 42}),
		Tell: func(_ context.Context, _ *db.Tx, r audit.Reminder) error { k.told = append(k.told, r); return nil },
	}
	return k
}

// library are n cases in two rooms, the first bad of them counted.
func someCases(n, bad int) (all []evidence.Case) {
	for i := range n {
		room := "a"
		if i%4 == 3 {
			room = "b"
		}
		all = append(all, evidence.Case{
			ID: "case" + strconv.Itoa(1000+i), Room: room, At: time.Date(2026, 11, 1, 0, i, 0, 0, time.UTC), Counted: i < bad, Object: "1.2." + strconv.Itoa(i),
		})
	}
	return all
}

// refused holds an error against its kind and a word of it.
func refused(t *testing.T, err error, kind fault.Kind, word string) {
	t.Helper()
	if fault.Of(err) != kind || err == nil || !strings.Contains(err.Error(), word) {
		t.Errorf("error %v, want kind %v with %q", err, kind, word)
	}
}

// TestTemplates holds the content against the numbers of the brief.
func TestTemplates(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		all, err := k.Templates(t.Context(), house)
		check(t, err)
		class, manual, confirm, verified := map[string]int{}, []string{}, 0, 0
		for i := range all {
			x := &all[i]
			class[x.Class]++
			if x.Manual {
				manual = append(manual, x.ID)
			}
			for _, b := range x.Basis {
				if b.Verified {
					verified++
				} else {
					confirm++
				}
			}
			if !x.Draft || x.Title("de") == x.Title("en") || x.Title("xx") != x.Title("en") {
				t.Errorf("%s: draft %v, titles %v", x.ID, x.Draft, x.Titles)
			}
			if n, _ := strconv.Atoi(strings.TrimPrefix(x.ID, "R")); x.Class == "regulatory" && n <= 12 && x.Topic2019 != n {
				t.Errorf("%s has topic %d of the guide", x.ID, x.Topic2019)
			}
		}
		if class["regulatory"] != 31 || class["clinical"] != 10 || class["service"] != 7 {
			t.Errorf("classes %v", class)
		}
		if !slices.Equal(manual, []string{"R10", "R27", "R30", "C01"}) {
			t.Errorf("manual %v", manual)
		}
		if verified+confirm != 52 || confirm == 0 {
			t.Errorf("%d articles were read, %d are to confirm", verified, confirm)
		}
	})
}

// settings are those of the content.
func settings(t *testing.T) audit.Settings {
	t.Helper()
	library, err := content.Open()
	check(t, err)
	s, err := (&audit.Desk{Content: library}).Settings(house)
	check(t, err)
	return s
}

// TestDecide holds the rules against the acceptance table of the brief.
func TestDecide(t *testing.T) {
	s := settings(t)
	none := math.NaN()
	for _, tt := range []struct {
		name                  string
		yes, n                int
		direction             string
		target                float64
		census                bool
		required              int
		proportion, low, high float64
		decision              string
		upper                 float64
	}{
		{"R01 all informed", 50, 50, audit.Min, 1, false, 50, 1, 0.9287, 1, audit.Met, 0.0582},
		{"R01 one missing", 49, 50, audit.Min, 1, false, 50, 0.98, 0.8950, 0.9965, audit.NotMet, none},
		{"R01 sample too small", 20, 20, audit.Min, 1, false, 50, 1, 0.8389, 1, audit.Undecided, 0.1391},
		{"R12 contacts", 49, 50, audit.Min, 0.95, false, 50, 0.98, 0.8950, 0.9965, audit.Undecided, none},
		{"R12 contacts clear miss", 40, 50, audit.Min, 0.95, false, 50, 0.8, 0.6696, 0.8876, audit.NotMet, none},
		{"S03 requests clear pass", 199, 200, audit.Min, 0.95, false, 100, 0.995, 0.9722, 0.9991, audit.Met, none},
		{"R21 tests in time, all tests", 118, 120, audit.Min, 1, true, 0, 0.9833, none, none, audit.NotMet, none},
		{"S01 turnaround, whole month", 4321, 4500, audit.Min, 0.95, true, 0, 0.9602, none, none, audit.Met, none},
		{"C07 rejects, whole quarter", 412, 5960, audit.Max, 0.08, true, 0, 0.0691, none, none, audit.Met, none},
		{"C07 rejects on a sample", 6, 100, audit.Max, 0.08, false, 100, 0.06, 0.0278, 0.1248, audit.Undecided, none},
		{"C07 rejects on a large sample", 60, 1200, audit.Max, 0.08, false, 100, 0.05, 0.0390, 0.0638, audit.Met, none},
		{"R19 no procedure above trigger", 0, 0, audit.Min, 1, true, 0, none, none, none, audit.NotApplicable, none},
		{"at most, clear miss", 20, 100, audit.Max, 0.08, false, 100, 0.2, 0.1334, 0.2888, audit.NotMet, none},
		{"none may happen, and none did", 0, 50, audit.Max, 0, false, 50, 0, 0, 0.0713, audit.Met, 0.0582},
		{"none may happen, and one did", 1, 50, audit.Max, 0, false, 50, 0.02, 0.0035, 0.1050, audit.NotMet, none},
		{"document is there", 1, 1, audit.Present, 1, false, 0, 1, none, none, audit.Met, none},
		{"document is not", 0, 1, audit.Present, 1, true, 0, 0, none, none, audit.NotMet, none},
	} {
		got := s.Decide(audit.Count{Yes: tt.yes, No: tt.n - tt.yes, Census: tt.census, Direction: tt.direction, Target: tt.target, Required: tt.required})
		near := func(what string, got, want float64, has bool) {
			if has == math.IsNaN(want) || has && math.Abs(got-want) > 0.00005 {
				t.Errorf("%s: %s %.5f (%v), want %.5f", tt.name, what, got, has, want)
			}
		}
		if got.Decision != tt.decision {
			t.Errorf("%s: %s, want %s", tt.name, got.Decision, tt.decision)
		}
		near("proportion", got.Proportion, tt.proportion, tt.n > 0)
		near("lower bound", got.Low, tt.low, got.HasInterval)
		near("upper bound", got.High, tt.high, got.HasInterval)
		near("failure rate", got.FailureUpper, tt.upper, got.HasUpper)
	}
}

func TestSize(t *testing.T) {
	s := settings(t)
	for _, tt := range []struct {
		population int
		p, d       float64
		want       int
	}{{30, .5, .05, 28}, {100, .5, .05, 80}, {500, .5, .05, 218}, {1000, .5, .05, 278}, {10_000, .5, .05, 370}, {1_000_000, .5, .05, 385}, {400, .9, .05, 103}, {0, .5, .05, 0}, {1, .5, .05, 1}} {
		if got, err := s.Size(tt.population, tt.p, tt.d); err != nil || got != tt.want {
			t.Errorf("of %d at %g within %g: %d, want %d (%v)", tt.population, tt.p, tt.d, got, tt.want, err)
		}
	}
	for _, bad := range [][2]float64{{0, .05}, {1, .05}, {.5, 0}, {.5, 1}, {math.NaN(), .05}} {
		_, err := s.Size(100, bad[0], bad[1])
		refused(t, err, fault.Invalid, "between 0 and 1")
	}
}

// TestAgree recomputes kappa by hand: of 50 cases two readers say yes to 20 and no to 15
// together; the first alone says yes to 5, the second alone to 10. po = 35/50 = 0.7; the
// first says yes 25 times, the second 30 times, so pe = (25*30 + 25*20)/2500 = 0.5;
// kappa = (0.7 - 0.5)/(1 - 0.5) = 0.4.
func TestAgree(t *testing.T) {
	var pairs [][2]string
	for _, x := range []struct {
		n    int
		a, b string
	}{{20, "yes", "yes"}, {5, "yes", "no"}, {10, "no", "yes"}, {15, "no", "no"}} {
		for range x.n {
			pairs = append(pairs, [2]string{x.a, x.b})
		}
	}
	got := audit.Agree(pairs)
	if got.N != 50 || got.Same != 35 || !got.Known || math.Abs(got.Kappa-0.4) > 1e-12 || math.Abs(got.Percent()-0.7) > 1e-12 {
		t.Errorf("agreement %+v", got)
	}
	if one := audit.Agree([][2]string{{"yes", "yes"}, {"yes", "yes"}}); one.Known || one.Same != 2 {
		t.Errorf("readers who only say yes have a kappa: %+v", one)
	}
	if none := audit.Agree(nil); none.N != 0 || none.Known || none.Percent() != 0 {
		t.Errorf("no answers: %+v", none)
	}
}

// TestDraw proves the properties of every method: as many as asked for, no case twice, the
// same for the same seed whatever the order of the frame, and another for another seed.
func TestDraw(t *testing.T) {
	ids := func(all []evidence.Case) (s []string) {
		for _, c := range all {
			s = append(s, c.ID)
		}
		return s
	}
	for _, method := range audit.Methods() {
		for _, n := range []int{1, 7, 40, 200} {
			frame := someCases(100, 0)
			first := ids(audit.Draw(frame, method, n, 7))
			slices.Reverse(frame)
			if again := ids(audit.Draw(frame, method, n, 7)); !slices.Equal(first, again) {
				t.Errorf("%s of %d: the order of the frame changes the sample", method, n)
			}
			want := min(n, 100)
			if method == audit.Census {
				want = 100
			}
			if sorted := slices.Sorted(slices.Values(first)); len(slices.Compact(sorted)) != want {
				t.Errorf("%s of %d: %d different cases, want %d", method, n, len(slices.Compact(sorted)), want)
			}
			other := ids(audit.Draw(someCases(100, 0), method, n, 8))
			if seeded := method == audit.Random || method == audit.Stratified; seeded == slices.Equal(first, other) {
				t.Errorf("%s of %d: another seed gives the same %v", method, n, !seeded)
			}
		}
	}
	// Of 100 cases 25 stand in room b: a sample of 40 takes 10 of them.
	b := 0
	for _, c := range audit.Draw(someCases(100, 0), audit.Stratified, 40, 1) {
		if c.Room == "b" {
			b++
		}
	}
	if b != 10 {
		t.Errorf("stratified takes %d of room b, want 10", b)
	}
	if got := ids(audit.Draw(someCases(9, 0), audit.Consecutive, 2, 1)); !slices.Equal(got, []string{"case1000", "case1001"}) {
		t.Errorf("consecutive takes %v", got)
	}
	// Every case has its chance: over 2000 seeds each of 10 comes first about 200 times,
	// with a standard deviation of 13.4.
	firsts := map[string]int{}
	for seed := range uint64(2000) {
		firsts[audit.Draw(someCases(10, 0), audit.Random, 1, seed)[0].ID]++
	}
	for id, n := range firsts {
		if n < 130 || n > 270 {
			t.Errorf("%s comes first %d of 2000 times", id, n)
		}
	}
	if len(audit.Draw(nil, audit.Stratified, 5, 1)) != 0 {
		t.Error("an empty frame gives cases")
	}
}

// TestCycle leads an audit of rejected exposures from its plan to a closed re-audit.
//
// By hand: C07 wants at most 0.08. The first census has 12 rejected of 100, 0.12: not met.
// The second has 5 of 100, 0.05: met. A census has no interval.
func TestCycle(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		k.cases = someCases(100, 12)
		_, err := k.Plan(ctx, house, "anna", audit.Plan{Template: "C07", Reason: "many repeats"})
		refused(t, err, fault.Invalid, "lead is missing")
		_, err = k.Plan(ctx, house, "anna", audit.Plan{Template: "C99", Lead: "anna", Reason: "r"})
		refused(t, err, fault.NotFound, "C99")
		c, err := k.Plan(ctx, house, "anna", audit.Plan{Template: "C07", Lead: "anna", Reason: "many repeats"})
		check(t, err)
		if c.Number != 1 || c.State != audit.Planned || c.Year != 2026 {
			t.Fatalf("planned %+v", c)
		}
		_, err = k.Draw(ctx, house, "anna", 1, nil, nil)
		refused(t, err, fault.Conflict, "once it is defined")
		_, err = k.Define(ctx, house, "anna", 1, audit.Definition{Evidence: "dose.within_drl"}, nil)
		refused(t, err, fault.Invalid, "not what template C07 asks")
		_, err = k.Define(ctx, house, "anna", 1, audit.Definition{From: "2026-11-01", Until: "2027-01-01"}, nil)
		refused(t, err, fault.Invalid, "not beyond today")
		c, err = k.Define(ctx, house, "anna", 1, audit.Definition{Evidence: "equipment.reject_rate"}, nil)
		check(t, err)
		if c.Definition.Target != 0.08 || c.Definition.Method != audit.Census || len(c.Definition.Digest) != 64 {
			t.Errorf("defined %+v", c.Definition)
		}
		c, err = k.Draw(ctx, house, "anna", 1, nil, nil)
		check(t, err)
		if c.Frame.Cases != 100 || c.Frame.Seed != 42 || c.Frame.How != "test/1" {
			t.Errorf("frame %+v", c.Frame)
		}
		_, err = k.Draw(ctx, house, "anna", 1, nil, nil)
		refused(t, err, fault.Conflict, "only once")
		_, err = k.Report(ctx, house, "anna", 1, "2026-11-23", "team", "too many")
		refused(t, err, fault.Conflict, "is sampled")
		c, err = k.Analyse(ctx, house, "anna", 1)
		check(t, err)
		if r := c.Result; r.Yes != 12 || r.No != 88 || r.Proportion != 0.12 || r.Decision.Decision != audit.NotMet || r.HasInterval {
			t.Errorf("result %+v", r)
		}
		_, err = k.Report(ctx, house, "anna", 1, "2026-11-23", "team", "too many")
		refused(t, err, fault.Conflict, "12 failed cases have no reason")
		_, err = k.Explain(ctx, house, "anna", 1, 50, "late", 1)
		refused(t, err, fault.Conflict, "did not fail")
		cases, err := k.Cases(ctx, &c)
		check(t, err)
		for _, x := range cases {
			if x.Failed(c.Definition) {
				_, err := k.Explain(ctx, house, "anna", 1, x.Ordinal, "positioning", x.Ordinal%3)
				check(t, err)
			}
		}
		ranked, err := k.Ranked(ctx, house, 2026)
		check(t, err)
		if len(ranked) != 12 || ranked[0].Harm != 2 || ranked[11].Harm != 0 || !ranked[0].Closed {
			t.Errorf("ranked %+v", ranked)
		}
		_, err = k.Report(ctx, house, "anna", 1, "2026-11-23", "team meeting", "positioning of chests")
		check(t, err)
		_, err = k.Await(ctx, house, "anna", 1, "")
		refused(t, err, fault.Conflict, "name an action")
		_, err = k.Close(ctx, house, "anna", 1, "")
		refused(t, err, fault.Conflict, "neither it nor its re-audit")
		_, err = k.Act(ctx, house, "anna", 1, audit.Action{Cause: "positioning", What: "training", Due: "2026-12-20"})
		refused(t, err, fault.Invalid, "owner is missing")
		a, err := k.Act(ctx, house, "anna", 1, audit.Action{Cause: "positioning", What: "training", Owner: "ben", Due: "2026-12-20"})
		check(t, err)
		check(t, k.Remind(ctx, house))
		if len(k.told) != 1 || k.told[0].Owner != "ben" || k.told[0].Today {
			t.Errorf("27 days before: told %+v", k.told)
		}
		c, err = k.Await(ctx, house, "anna", 1, "")
		check(t, err)
		if c.ReauditDay != "2027-05-23" { // C07: six months
			t.Errorf("re-audit on %s", c.ReauditDay)
		}
		_, err = k.Close(ctx, house, "anna", 1, "")
		refused(t, err, fault.Conflict, "1 actions are open")
		check(t, k.Done(ctx, house, "ben", 1, a.ID, "2026-12-18", "12 people trained"))
		refused(t, k.Done(ctx, house, "ben", 1, a.ID, "2026-12-18", "again"), fault.NotFound, "no open action")

		k.now, k.told = time.Date(2027, 5, 23, 9, 0, 0, 0, time.UTC), nil
		check(t, k.Remind(ctx, house))
		if len(k.told) != 1 || k.told[0].Kind != "reaudit" || !k.told[0].Today {
			t.Errorf("on the day: told %+v", k.told)
		}
		k.cases = someCases(100, 5)
		again, err := k.Reaudit(ctx, house, "anna", 1, "", "")
		check(t, err)
		if again.Number != 2 || again.Series != c.Series || again.Definition.Digest != c.Definition.Digest || again.Definition.Until != "2027-05-23" || again.State != audit.Defined {
			t.Errorf("re-audit %+v of %+v", again.Definition, c.Definition)
		}
		first, err := time.Parse(time.DateOnly, c.Definition.From)
		check(t, err)
		last, err := time.Parse(time.DateOnly, c.Definition.Until)
		check(t, err)
		if want := time.Date(2027, 5, 23, 0, 0, 0, 0, time.UTC).Add(-last.Sub(first)).Format(time.DateOnly); again.Definition.From != want {
			t.Errorf("the re-audit begins on %s, want %s: a window as long as before", again.Definition.From, want)
		}
		seed := uint64(9)
		_, err = k.Draw(ctx, house, "anna", 2, nil, &seed)
		check(t, err)
		again, err = k.Analyse(ctx, house, "anna", 2)
		check(t, err)
		if again.Result.Proportion != 0.05 || again.Result.Decision.Decision != audit.Met {
			t.Errorf("re-audit %+v", again.Result)
		}
		_, err = k.Close(ctx, house, "anna", 1, "")
		refused(t, err, fault.Conflict, "neither")
		cases, err = k.Cases(ctx, &again)
		check(t, err)
		for _, x := range cases {
			if x.Failed(again.Definition) {
				_, err := k.Explain(ctx, house, "anna", 2, x.Ordinal, "motion", 0)
				check(t, err)
			}
		}
		_, err = k.Report(ctx, house, "anna", 2, "2027-05-23", "team meeting", "it worked")
		check(t, err)
		for _, n := range []int64{1, 2} {
			c, err := k.Close(ctx, house, "anna", n, "")
			check(t, err)
			if c.State != audit.Closed || c.ClosedWhy != "" {
				t.Errorf("closed %+v", c)
			}
		}
		series, err := k.Series(ctx, house, c.Series)
		check(t, err)
		if len(series) != 2 || series[0].Result.Proportion != 0.12 || series[1].Result.Proportion != 0.05 {
			t.Errorf("series %+v", series)
		}
		sums, err := k.RollUp(ctx, []string{house, "north"}, 2027)
		check(t, err)
		if len(sums) != 1 || sums[0].Template != "C07" || sums[0].Yes != 5 || sums[0].N != 100 || sums[0].Closed != 1 {
			t.Errorf("sums %+v", sums)
		}
	})
}

// TestReaders proves that several people answer, that it stays known who said what, and
// that disagreement has to be settled. By hand: two readers see 4 cases; they agree on
// case 1 (yes), 2 (no) and 4 (yes), and not on 3. Each says yes 3 times or 2 times:
// anna yes, no, yes, yes; ben yes, no, no, yes. po = 3/4; pe = (3*2 + 1*2)/16 = 1/2;
// kappa = 1/2.
func TestReaders(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		_, err := k.Plan(ctx, house, "anna", audit.Plan{Template: "C01", Lead: "anna", Reason: "yearly"})
		check(t, err)
		_, err = k.Define(ctx, house, "anna", 1, audit.Definition{Method: audit.Random, N: 4, Double: true}, nil)
		check(t, err)
		_, err = k.Draw(ctx, house, "anna", 1, nil, nil)
		refused(t, err, fault.Invalid, "list them")
		_, err = k.Draw(ctx, house, "anna", 1, []string{"a", "a"}, nil)
		refused(t, err, fault.Invalid, "twice")
		_, err = k.Draw(ctx, house, "anna", 1, []string{"o1", "o2", "o3", "o4"}, nil)
		check(t, err)
		for i, v := range []string{"yes", "no", "yes", "yes"} {
			_, err := k.Answer(ctx, house, "anna", 1, i+1, v, "")
			check(t, err)
		}
		_, err = k.Analyse(ctx, house, "anna", 1)
		refused(t, err, fault.Conflict, "4 of 4 cases have no verdict")
		for i, v := range []string{"yes", "no", "no", "yes"} {
			_, err := k.Answer(ctx, house, "ben", 1, i+1, v, "LEAK^CANARY")
			check(t, err)
		}
		_, err = k.Answer(ctx, house, "ben", 1, 9, "yes", "")
		refused(t, err, fault.NotFound, "no case 9")
		_, err = k.Answer(ctx, house, "ben", 1, 1, "perhaps", "")
		refused(t, err, fault.Invalid, "yes, no, na")
		_, err = k.Analyse(ctx, house, "anna", 1)
		refused(t, err, fault.Conflict, "1 on which readers disagree")
		_, err = k.Settle(ctx, house, "cara", 1, 1, "no")
		refused(t, err, fault.Conflict, "nobody disagrees")
		c, err := k.Settle(ctx, house, "cara", 1, 3, "na")
		check(t, err)
		p, err := k.Progress(ctx, &c)
		check(t, err)
		if p.Open != 0 || p.Readers["anna"] != 4 || p.Readers["ben"] != 4 || p.N != 4 || p.Same != 3 || math.Abs(p.Kappa-0.5) > 1e-12 {
			t.Errorf("progress %+v", p)
		}
		c, err = k.Analyse(ctx, house, "anna", 1)
		check(t, err)
		if r := c.Result; r.Yes != 2 || r.No != 1 || r.NA != 1 || r.Decision.Decision != audit.NotMet || r.Same != 3 {
			t.Errorf("result %+v", r)
		}
		if n := canaries(t, d); n != 0 {
			t.Errorf("a comment stands in %d journal entries", n)
		}
	})
}

// canaries counts journal entries that hold what nobody may read there.
func canaries(t *testing.T, d *db.DB) (n int) {
	t.Helper()
	check(t, d.QueryRow(t.Context(), `select count(*) from journal_entry where data like '%CANARY%'`).Scan(&n))
	return n
}

// TestOwn proves that a template of the site is versioned, and that a changed one makes
// no difference to an audit that was defined before.
func TestOwn(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		own := audit.Template{
			ID: "X_DOOR", Class: "service", Titles: map[string]string{"en": "Is the door shut?"}, Standard: "shut", Indicator: "share shut",
			Direction: audit.Min, Target: 0.9, HasTarget: true, SampleN: 10, ReauditMonths: 3,
		}
		bad := own
		bad.ID = "R01"
		_, err := k.PutTemplate(ctx, house, "anna", bad)
		refused(t, err, fault.Invalid, "own template is X")
		bad = own
		bad.HasTarget = false
		_, err = k.PutTemplate(ctx, house, "anna", bad)
		refused(t, err, fault.Invalid, "target")
		bad = own
		bad.Evidence = []string{"no.such"}
		_, err = k.PutTemplate(ctx, house, "anna", bad)
		refused(t, err, fault.Invalid, "counts no cases")
		_, err = k.PutTemplate(ctx, house, "anna", own)
		check(t, err)
		_, err = k.Plan(ctx, house, "anna", audit.Plan{Template: "X_DOOR", Lead: "anna", Reason: "doors"})
		check(t, err)
		c, err := k.Define(ctx, house, "anna", 1, audit.Definition{}, nil)
		check(t, err)
		own.Target = 0.5
		second, err := k.PutTemplate(ctx, house, "anna", own)
		check(t, err)
		if second.Version != 2 || second.Digest() == c.Definition.Digest {
			t.Errorf("version %d with the digest of the first: %v", second.Version, second.Digest() == c.Definition.Digest)
		}
		c, err = k.Cycle(ctx, house, 1)
		check(t, err)
		if c.Definition.Target != 0.9 || c.Definition.Template.Version != 1 {
			t.Errorf("the audit follows the changed template: %+v", c.Definition)
		}
		all, err := k.Templates(ctx, house)
		check(t, err)
		if len(all) != 49 || all[48].Version != 2 {
			t.Errorf("%d templates", len(all))
		}
	})
}

// TestSiteSets proves what templates without a direction ask of the site.
func TestSiteSets(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		limit := 0.02
		for i, id := range []string{"C09", "R23", "S06"} {
			_, err := k.Plan(ctx, house, "anna", audit.Plan{Template: id, Lead: "anna", Reason: "r"})
			check(t, err)
			n := int64(i + 1)
			c, err := k.Define(ctx, house, "anna", n, audit.Definition{N: 100}, nil)
			if id == "R23" {
				check(t, err)
				if c.Definition.Target != 1 || c.Definition.Direction != audit.Min {
					t.Errorf("R23 holds all its rules: %+v", c.Definition)
				}
				continue
			}
			refused(t, err, fault.Invalid, "say the direction")
			_, err = k.Define(ctx, house, "anna", n, audit.Definition{N: 100, Direction: audit.Max}, nil)
			refused(t, err, fault.Invalid, "without a target cannot start")
			_, err = k.Define(ctx, house, "anna", n, audit.Definition{N: 100, Direction: audit.Max}, &limit)
			check(t, err)
		}
	})
}

// TestPack proves that a pack is frozen and signed, holds counts alone, and that one that
// was changed behind its back is refused.
func TestPack(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		refused(t, k.SayDuty(ctx, house, "anna", "LD99", "x", "y", ""), fault.NotFound, "LD99")
		check(t, k.SayDuty(ctx, house, "anna", "LD13", "Example act, section 4", "head of department", ""))
		_, err := k.Note(ctx, house, "anna", audit.Visit{Kind: "audit", Body: "authority", Day: "2026-10-01"})
		refused(t, err, fault.Invalid, "kind of visit")
		v, err := k.Note(ctx, house, "anna", audit.Visit{Kind: audit.Inspection, Body: "authority", Day: "2026-10-01", Findings: []audit.VisitFinding{{Text: "sign is missing", Duty: "LD16", Due: "2026-12-01"}}})
		check(t, err)
		refused(t, k.Resolve(ctx, house, "anna", v.Number, 2, "2026-11-01", "done"), fault.NotFound, "no finding 2")
		check(t, k.Resolve(ctx, house, "anna", v.Number, 1, "2026-11-01", "sign put up"))
		_, err = k.Sign(ctx, house, "anna", " ", false)
		refused(t, err, fault.Invalid, "who signs is missing")
		p, err := k.Sign(ctx, house, "anna", "Anna Example, head of department", true)
		check(t, err)
		if len(p.Body.Duties) != 37 || len(p.Digest) != 64 || !p.Mock || p.Body.Visits[0].Findings[0].Done != "2026-11-01" {
			t.Errorf("pack %+v", p)
		}
		i := slices.IndexFunc(p.Body.Duties, func(x audit.Duty) bool { return x.ID == "LD13" })
		if x := p.Body.Duties[i]; x.National != "Example act, section 4" || x.Status != audit.Declared || !slices.Contains(x.Gaps, audit.GapAudit) || slices.Contains(x.Gaps, audit.GapNational) {
			t.Errorf("LD13 %+v", x)
		}
		check(t, k.SayDuty(ctx, house, "anna", "LD13", "another", "", ""))
		back, err := k.Pack(ctx, house, 1)
		check(t, err)
		if back.Body.Duties[i].National != "Example act, section 4" || back.Digest != p.Digest {
			t.Error("a signed pack follows what was said later")
		}
		check(t, d.Write(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `update audit_pack set body = '{}'`)
			return err
		}))
		_, err = k.Pack(ctx, house, 1)
		refused(t, err, fault.Internal, "digest differs")
	})
}

// TestErase proves that an erased examination leaves its verdict and nothing that names it.
func TestErase(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, ctx := newDesk(t, d), t.Context()
		k.cases = someCases(10, 1)
		_, err := k.Plan(ctx, house, "anna", audit.Plan{Template: "C07", Lead: "anna", Reason: "r"})
		check(t, err)
		_, err = k.Define(ctx, house, "anna", 1, audit.Definition{Evidence: "equipment.reject_rate"}, nil)
		check(t, err)
		c, err := k.Draw(ctx, house, "anna", 1, nil, nil)
		check(t, err)
		_, err = k.Answer(ctx, house, "ben", 1, 1, "yes", "about them")
		check(t, err)
		h := audit.Personal{Desk: k.Desk, Studies: func(context.Context, db.Querier, access.Person) ([]string, error) { return []string{"1.2.0"}, nil }}
		n := 0
		for _, err := range h.Export(ctx, access.Person{Site: house, ID: "p"}) {
			check(t, err)
			n++
		}
		check(t, d.Write(ctx, func(tx *db.Tx) error {
			gone, err := h.Erase(ctx, tx, access.Person{Site: house, ID: "p"})
			if n != 1 || gone != 1 {
				t.Errorf("exported %d, erased %d", n, gone)
			}
			return err
		}))
		cases, err := k.Cases(ctx, &c)
		check(t, err)
		if x := cases[0]; x.ID != audit.Erased || x.Object != "" || x.Day != "" || x.Answers[0].Comment != "" || x.Verdict(false) != "yes" {
			t.Errorf("what is left: %+v", x)
		}
		if cases[1].ID != "case1001" {
			t.Errorf("another case went too: %+v", cases[1])
		}
	})
}
