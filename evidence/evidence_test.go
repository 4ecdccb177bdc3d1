package evidence_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/evidence"
	"radagora/fault"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) *evidence.Registry {
	t.Helper()
	lib, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	r, err := evidence.Open(lib, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fact provides one value for id.
func fact(id string, v evidence.Value) evidence.Fact {
	return evidence.Fact{ID: id, Value: func(context.Context, evidence.Query) (evidence.Value, error) { return v, nil }}
}

func TestCatalogue(t *testing.T) {
	r := open(t)
	if n := len(r.Definitions()); n != 132 {
		t.Errorf("%d definitions; want 132", n)
	}
	d, ok := r.Definition("dose.within_drl")
	want := evidence.Definition{
		ID: "dose.within_drl", Kind: evidence.Share, Unit: "percent", Window: "90 d", Capability: "dose",
		Meaning:   "examinations at or below the reference level in force",
		Numerator: "at or below", Denominator: "examinations with dose and level", UsedBy: []string{"scorecard:VS1"},
	}
	if diff := cmp.Diff(want, d); !ok || diff != "" {
		t.Errorf("Definition (-want +got):\n%s", diff)
	}
}

func TestRegister(t *testing.T) {
	r := open(t)
	if err := r.Register(fact("dose.within_drl", evidence.Value{})); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		fact evidence.Fact
		want fault.Kind
	}{
		{"an id the catalogue does not have", fact("dose.nonsense", evidence.Value{}), fault.Invalid},
		{"provided twice", fact("dose.within_drl", evidence.Value{}), fault.Conflict},
		{"without a value", evidence.Fact{ID: "dose.size_specific"}, fault.Internal},
	} {
		if err := r.Register(c.fact); err == nil || fault.Of(err) != c.want {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
	}
	if !r.Connected("dose.within_drl") || r.Connected("dose.size_specific") {
		t.Error("Connected does not tell what was registered")
	}
}

func TestValue(t *testing.T) {
	for _, c := range []struct {
		name, id string
		provided evidence.Value
		state    evidence.State
		value    float64
		fails    bool
	}{
		{"a share is divided here", "dose.within_drl", evidence.Value{Numerator: 3, Denominator: 4}, evidence.Known, 0.75, false},
		{"nothing to count is not 0", "dose.within_drl", evidence.Value{}, evidence.NotApplicable, 0, false},
		{"none of many is 0", "dose.within_drl", evidence.Value{Denominator: 9}, evidence.Known, 0, false},
		{"more than all", "dose.within_drl", evidence.Value{Numerator: 5, Denominator: 4}, "", 0, true},
		{"not a number", "dose.within_drl", evidence.Value{Numerator: math.NaN(), Denominator: 4}, "", 0, true},
		{"a statistic of nothing", "dose.median_ct_head", evidence.Value{}, evidence.NotApplicable, 0, false},
		{"a statistic", "dose.median_ct_head", evidence.Value{N: 20, Value: 612.5}, evidence.Known, 612.5, false},
		{"a count of none is 0", "dose.cumulative_views", evidence.Value{}, evidence.Known, 0, false},
		{"a count", "dose.cumulative_views", evidence.Value{Numerator: 7}, evidence.Known, 7, false},
		{"a flag nobody set", "dose.population_export", evidence.Value{}, evidence.Absent, 0, false},
		{"a fresh flag", "dose.population_export", evidence.Value{Date: "2026-01-02"}, evidence.Known, 0, false},
		{"a flag out of its window", "dose.population_export", evidence.Value{Date: "2025-01-02"}, evidence.Stale, 0, false},
		{"a flag that is no date", "dose.population_export", evidence.Value{Date: "yesterday"}, "", 0, true},
		{"the provider knows that it has no source", "dose.within_drl", evidence.Value{State: evidence.NotConnected}, evidence.NotConnected, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := open(t)
			if err := r.Register(fact(c.id, c.provided)); err != nil {
				t.Fatal(err)
			}
			v, err := r.Value(t.Context(), c.id, evidence.Query{Site: "default"})
			if (err != nil) != c.fails || v.State != c.state || v.Value != c.value {
				t.Errorf("Value = %v %v, %v; want %v %v", v.State, v.Value, err, c.state, c.value)
			}
			if err == nil && (v.Unit == "" || v.Provenance.AsOf != now || v.Provenance.Catalogue.Digest == "") {
				t.Errorf("Value = %+v; it does not explain itself", v)
			}
		})
	}
}

func TestNotConnectedAndUnknown(t *testing.T) {
	r := open(t)
	if v, err := r.Value(t.Context(), "dose.within_drl", evidence.Query{}); err != nil || v.State != evidence.NotConnected {
		t.Errorf("nobody provides it: %v, %v; want not connected", v.State, err)
	}
	if _, err := r.Value(t.Context(), "dose.nonsense", evidence.Query{}); fault.Of(err) != fault.NotFound {
		t.Errorf("an unknown id: %v; want not found", err)
	}
	for range r.Cases(t.Context(), "dose.within_drl", evidence.Query{}) {
		t.Error("a fact that is not connected has cases")
	}
	for _, err := range r.Cases(t.Context(), "dose.nonsense", evidence.Query{}) {
		if fault.Of(err) != fault.NotFound {
			t.Errorf("cases of an unknown id: %v; want not found", err)
		}
	}
}

func TestWindow(t *testing.T) {
	r := open(t)
	var asked evidence.Query
	err := r.Register(evidence.Fact{
		ID: "dose.within_drl",
		Value: func(_ context.Context, q evidence.Query) (evidence.Value, error) {
			asked = q
			return evidence.Value{Denominator: 1}, nil
		},
		Cases: func(_ context.Context, q evidence.Query) iter.Seq2[evidence.Case, error] {
			asked = q
			return func(yield func(evidence.Case, error) bool) { yield(evidence.Case{ID: "1", Counted: true}, nil) }
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	from, until := now.AddDate(-1, 0, 0), now.AddDate(0, -1, 0)
	for _, c := range []struct {
		name        string
		q           evidence.Query
		from, until time.Time
	}{
		{"the window of the catalogue, up to now", evidence.Query{}, now.AddDate(0, 0, -90), now},
		{"the window before a day", evidence.Query{Until: until}, until.AddDate(0, 0, -90), until},
		{"as asked", evidence.Query{From: from, Until: until}, from, until},
	} {
		v, err := r.Value(t.Context(), "dose.within_drl", c.q)
		if err != nil || !asked.From.Equal(c.from) || !asked.Until.Equal(c.until) || v.Query != asked {
			t.Errorf("%s: asked from %v until %v, %v; want %v, %v", c.name, asked.From, asked.Until, err, c.from, c.until)
		}
	}
	n := 0
	for c, err := range r.Cases(t.Context(), "dose.within_drl", evidence.Query{}) {
		if err != nil || !c.Counted || asked.From.IsZero() {
			t.Errorf("case %+v, %v", c, err)
		}
		n++
	}
	if n != 1 {
		t.Errorf("%d cases; want 1", n)
	}
}

func TestProviderFails(t *testing.T) {
	r, base := open(t), errors.New("no table")
	err := r.Register(evidence.Fact{ID: "dose.within_drl", Value: func(context.Context, evidence.Query) (evidence.Value, error) {
		return evidence.Value{}, base
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Value(t.Context(), "dose.within_drl", evidence.Query{}); !errors.Is(err, base) {
		t.Errorf("Value = %v; want what the provider said", err)
	}
}

func Example() {
	lib, err := content.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	facts, err := evidence.Open(lib, func() time.Time { return now })
	if err != nil {
		fmt.Println(err)
		return
	}
	v, err := facts.Value(context.Background(), "dose.within_drl", evidence.Query{Site: "default"})
	fmt.Println(v.State, err)
	err = facts.Register(fact("dose.within_drl", evidence.Value{Numerator: 30, Denominator: 40}))
	fmt.Println(err)
	v, err = facts.Value(context.Background(), "dose.within_drl", evidence.Query{Site: "default"})
	fmt.Println(v.State, v.Value, err)
	// Output:
	// not_connected <nil>
	// <nil>
	// known 0.75 <nil>
}
