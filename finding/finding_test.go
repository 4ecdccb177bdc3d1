package finding_test

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/finding"
	"radagora/journal"
)

// A recorder is the journal, and what it was given can be read at once.
type recorder struct {
	*journal.Journal
	mu      sync.Mutex
	entries []journal.Entry
}

// newRecorder opens the journal in d.
func newRecorder(t testing.TB, d *db.DB) *recorder {
	t.Helper()
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	return &recorder{Journal: j}
}

func (r *recorder) Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error {
	tx.OnCommit(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.entries = append(r.entries, e...)
	})
	return r.Journal.Append(ctx, tx, e...)
}

// A desk is a register with its surroundings.
type desk struct {
	*testing.T
	db  *db.DB
	reg *finding.Register
	j   *recorder
	ctx context.Context // a physicist asks
	now time.Time
}

// run runs fn on every engine.
func run(t *testing.T, fn func(d *desk)) {
	t.Helper()
	dbtest.Run(t, func(t *testing.T, store *db.DB) {
		d := &desk{T: t, db: store, j: newRecorder(t, store), now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
		d.ctx = access.With(t.Context(), access.Who{ID: "meg", Grants: access.Everywhere(access.Physicist)})
		reg, err := finding.Open(t.Context(), store, d.j, func() time.Time { return d.now })
		if err != nil {
			t.Fatal(err)
		}
		d.reg = reg
		fn(d)
	})
}

// derive derives the findings of a rule for room, "" for all rooms.
func (d *desk) derive(rule, room string, found ...finding.Derived) finding.Change {
	d.Helper()
	var change finding.Change
	err := d.db.Write(d.ctx, func(tx *db.Tx) (err error) {
		scope := finding.Scope{Site: "default", Rule: rule, Part: room}
		change, err = d.reg.Derive(d.ctx, tx, scope, found, func(f finding.Derived) string { return f.Subject.Room })
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return change
}

// get returns a finding with its history and actions.
func (d *desk) get(id string) (finding.Finding, []finding.Note, []finding.Action) {
	d.Helper()
	f, notes, acts, err := d.reg.Get(d.ctx, id)
	if err != nil {
		d.Fatal(err)
	}
	return f, notes, acts
}

// decide decides, and fails the test if it cannot.
func (d *desk) decide(x finding.Decision) int64 {
	d.Helper()
	v, err := d.reg.Decide(d.ctx, x)
	if err != nil {
		d.Fatal(err)
	}
	return v
}

// above is a room whose median is above its level.
func above(room string, median float64) finding.Derived {
	return finding.Derived{
		Rule: "dose.level", Code: "above_certain", Importance: median / 100,
		Subject:   finding.Subject{Site: "default", Room: room, Exam: "CT_HEAD", Indication: "STROKE_ACUTE", Quantity: "dlp", Period: "2026-H2"},
		Measured:  finding.Measured{Value: median, Unit: "mGy.cm", Low: new(median - 10), High: new(median + 10), N: 40},
		Reference: finding.Reference{Value: new(100.0), Unit: "mGy.cm", Set: "dose/level/x", Edition: "1", Digest: "aa", Source: "table 1"},
		Data:      json.RawMessage(`{"basis":"reported"}`),
	}
}

func TestDerive(t *testing.T) {
	run(t, func(d *desk) {
		f := above("r1", 120)
		if c := d.derive("dose.level", "", f); !slices.Equal(c.New, []string{f.ID()}) {
			t.Errorf("Derive = %+v; want one new", c)
		}
		got, notes, acts := d.get(f.ID())
		want := finding.Finding{
			ID: f.ID(), Derived: f, FirstAt: d.now, ComputedAt: d.now, State: finding.StateOpen, Decided: finding.StateOpen,
		}
		if diff := cmp.Diff(want, got); diff != "" || len(notes)+len(acts) != 0 {
			d.Errorf("finding (-want +got):\n%s", diff)
		}
		first := d.now
		d.now = d.now.Add(time.Hour)
		if c := d.derive("dose.level", "", above("r1", 130)); len(c.New)+len(c.Restored)+len(c.Withdrawn) != 0 {
			d.Errorf("the same finding with a new value: %+v; want no change", c)
		}
		if got, _, _ := d.get(f.ID()); got.Measured.Value != 130 || !got.FirstAt.Equal(first) || !got.ComputedAt.Equal(d.now) {
			d.Errorf("finding %v first %v computed %v; want 130, the first hour, the second", got.Measured.Value, got.FirstAt, got.ComputedAt)
		}
	})
}

func TestWithdrawnAndBack(t *testing.T) {
	run(t, func(d *desk) {
		f := above("r1", 120)
		d.derive("dose.level", "", f, above("r2", 150))
		d.decide(finding.Decision{ID: f.ID(), Owner: new("ann"), State: new(finding.StateInWork), Note: "protocol asked for"})
		if c := d.derive("dose.level", "", above("r2", 150)); !slices.Equal(c.Withdrawn, []string{f.ID()}) {
			d.Errorf("Derive = %+v; want r1 withdrawn", c)
		}
		got, notes, _ := d.get(f.ID())
		if got.State != finding.StateWithdrawn || got.Decided != finding.StateInWork || got.Owner != "ann" || len(notes) != 1 || !got.WithdrawnAt.Equal(d.now) {
			d.Errorf("finding %+v; want it withdrawn, with its owner and note", got)
		}
		if c := d.derive("dose.level", ""); len(c.Withdrawn) != 1 {
			d.Errorf("Derive = %+v; what is withdrawn already is not withdrawn again", c)
		}
		if c := d.derive("dose.level", "", f); !slices.Equal(c.Restored, []string{f.ID()}) {
			d.Errorf("Derive = %+v; want r1 back", c)
		}
		if got, _, _ := d.get(f.ID()); got.State != finding.StateInWork || got.Owner != "ann" || !got.WithdrawnAt.IsZero() {
			d.Errorf("finding %+v; want it in work by ann", got)
		}
	})
}

func TestScope(t *testing.T) {
	run(t, func(d *desk) {
		other := above("r1", 90)
		other.Rule = "dose.low"
		d.derive("dose.level", "", above("r1", 120), above("r2", 150))
		d.derive("dose.low", "", other)
		if c := d.derive("dose.level", "r1"); !slices.Equal(c.Withdrawn, []string{above("r1", 0).ID()}) {
			d.Errorf("Derive of r1 = %+v; want r1 of this rule withdrawn and nothing else", c)
		}
		if c := d.derive("dose.level", "r2", above("r2", 160)); len(c.New)+len(c.Withdrawn) != 0 {
			d.Errorf("Derive of r2 = %+v; want no change", c)
		}
	})
}

// TestRebuildKeepsDecisions is the promise of this room. The rebuild finds the same
// gaps in another order, with other values and a new edition of the set.
func TestRebuildKeepsDecisions(t *testing.T) {
	run(t, func(d *desk) {
		found := []finding.Derived{above("r1", 120), above("r2", 150), above("r3", 180)}
		d.derive("dose.level", "", found...)
		id := found[1].ID()
		v := d.decide(finding.Decision{ID: id, Owner: new("ann"), State: new(finding.StateInWork), Due: new("2026-12-01"), Note: "one"})
		d.decide(finding.Decision{ID: id, Version: v, State: new(finding.StateMeasuredAgain), Note: "two"})
		if _, err := d.reg.Act(d.ctx, finding.Action{Finding: id, Kind: "protocol_change", Text: "lower the mAs", Owner: "ann"}); err != nil {
			d.Fatal(err)
		}
		before, notesBefore, actsBefore := d.get(id)

		slices.Reverse(found)
		for i := range found {
			found[i].Measured.Value++
			found[i].Reference.Edition, found[i].Reference.Digest = "2", "bb"
		}
		d.derive("dose.level", "")
		d.derive("dose.level", "", found...)

		after, notes, acts := d.get(id)
		if after.Reference.Edition != "2" || after.Measured.Value != 151 {
			d.Errorf("derived part %+v; want the new one", after.Derived)
		}
		after.Derived = before.Derived
		if diff := cmp.Diff(before, after); diff != "" {
			d.Errorf("human part (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(notesBefore, notes) + cmp.Diff(actsBefore, acts); diff != "" || len(notes) != 2 || len(acts) != 1 {
			d.Errorf("history and actions (-before +after):\n%s", diff)
		}
	})
}

func TestIdentity(t *testing.T) {
	f := above("r1", 120)
	for name, change := range map[string]func(*finding.Derived){
		"another rule":       func(d *finding.Derived) { d.Rule = "dose.low" },
		"another set":        func(d *finding.Derived) { d.Reference.Set = "dose/level/y" },
		"another room":       func(d *finding.Derived) { d.Subject.Room = "r2" },
		"another period":     func(d *finding.Derived) { d.Subject.Period = "2026-H1" },
		"another indication": func(d *finding.Derived) { d.Subject.Indication = "" },
		"a machine":          func(d *finding.Derived) { d.Subject.Machine = "m" },
	} {
		other := f
		if change(&other); other.ID() == f.ID() {
			t.Errorf("%s: the same finding; want another", name)
		}
	}
	for name, change := range map[string]func(*finding.Derived){
		"another value":   func(d *finding.Derived) { d.Measured.Value = 1 },
		"another edition": func(d *finding.Derived) { d.Reference.Edition, d.Reference.Digest = "2", "bb" },
		"another state":   func(d *finding.Derived) { d.Code = "above_not_certain" },
	} {
		other := f
		if change(&other); other.ID() != f.ID() {
			t.Errorf("%s: another finding; want the same", name)
		}
	}
}

func TestDeriveRefuses(t *testing.T) {
	run(t, func(d *desk) {
		for name, found := range map[string][]finding.Derived{
			"twice the same":     {above("r1", 1), above("r1", 2)},
			"not a number":       {above("r1", math.NaN())},
			"of another rule":    {{Rule: "dose.low", Subject: finding.Subject{Site: "default"}}},
			"of another site":    {{Rule: "dose.level", Subject: finding.Subject{Site: "north"}}},
			"an infinite bound":  {func() finding.Derived { f := above("r1", 1); f.Measured.High = new(math.Inf(1)); return f }()},
			"an invalid subject": {{Rule: "dose.level"}},
		} {
			err := d.db.Write(d.ctx, func(tx *db.Tx) error {
				_, err := d.reg.Derive(d.ctx, tx, finding.Scope{Site: "default", Rule: "dose.level"}, found, nil)
				return err
			})
			if err == nil || fault.Of(err) != fault.Internal {
				d.Errorf("%s: %v; want internal", name, err)
			}
		}
		if n, err := d.reg.Count(d.ctx, finding.Filter{}); err != nil || n != 0 {
			d.Errorf("%d findings, %v; want none of a refused call", n, err)
		}
	})
}

func TestDecide(t *testing.T) {
	run(t, func(d *desk) {
		f := above("r1", 120)
		d.derive("dose.level", "", f)
		id := f.ID()
		v := d.decide(finding.Decision{ID: id, Owner: new("ann"), Note: "LEAK^CANARY called"})
		d.now = d.now.Add(time.Minute)
		v = d.decide(finding.Decision{ID: id, Version: v, State: new(finding.StateClosed), Note: "measured again, below"})
		got, notes, _ := d.get(id)
		if got.State != finding.StateClosed || got.Owner != "ann" || got.Version != v || v != 2 {
			d.Errorf("finding %+v version %d; want closed, ann, 2", got, v)
		}
		want := []finding.Note{
			{At: d.now.Add(-time.Minute), Actor: "meg", Owner: "ann", State: finding.StateOpen, Text: "LEAK^CANARY called"},
			{At: d.now, Actor: "meg", Owner: "ann", State: finding.StateClosed, Text: "measured again, below"},
		}
		if diff := cmp.Diff(want, notes); diff != "" {
			d.Errorf("history (-want +got):\n%s", diff)
		}
		if len(d.j.entries) != 2 {
			d.Fatalf("%d journal entries; want 2", len(d.j.entries))
		}
		e := d.j.entries[1]
		if e.Kind != "finding.state.changed" || e.Subject != id || e.Actor != "meg" || e.Site != "default" || !json.Valid(e.Data) {
			d.Errorf("journal %+v", e)
		}
		for _, e := range d.j.entries {
			if strings.Contains(string(e.Data), "CANARY") {
				d.Errorf("the note stands in the journal: %s", e.Data)
			}
		}
	})
}

func TestDecideRefuses(t *testing.T) {
	run(t, func(d *desk) {
		f := above("r1", 120)
		d.derive("dose.level", "", f)
		d.decide(finding.Decision{ID: f.ID(), Owner: new("ann")})
		viewer := access.With(t.Context(), access.Who{ID: "vic", Grants: access.Everywhere(access.Learner)})
		south := access.With(t.Context(), access.Who{ID: "sue", Grants: access.At("south", access.Physicist)})
		for _, c := range []struct {
			name string
			ctx  context.Context
			d    finding.Decision
			want fault.Kind
		}{
			{"somebody was quicker", d.ctx, finding.Decision{ID: f.ID(), Owner: new("bob")}, fault.Conflict},
			{"a version that never was", d.ctx, finding.Decision{ID: f.ID(), Version: 7}, fault.Conflict},
			{"withdrawn is not decided", d.ctx, finding.Decision{ID: f.ID(), Version: 1, State: new(finding.StateWithdrawn)}, fault.Invalid},
			{"a state nobody knows", d.ctx, finding.Decision{ID: f.ID(), Version: 1, State: new(finding.State("done"))}, fault.Invalid},
			{"closed without a word", d.ctx, finding.Decision{ID: f.ID(), Version: 1, State: new(finding.StateClosed), Note: " "}, fault.Invalid},
			{"a due date that is none", d.ctx, finding.Decision{ID: f.ID(), Version: 1, Due: new("tomorrow")}, fault.Invalid},
			{"a note without end", d.ctx, finding.Decision{ID: f.ID(), Version: 1, Note: strings.Repeat("x", 9000)}, fault.Invalid},
			{"a viewer", viewer, finding.Decision{ID: f.ID(), Version: 1}, fault.Forbidden},
			{"a physicist of another site", south, finding.Decision{ID: f.ID(), Version: 1}, fault.Forbidden},
			{"nobody", t.Context(), finding.Decision{ID: f.ID(), Version: 1}, fault.Forbidden},
			{"a finding that is not there", d.ctx, finding.Decision{ID: "x"}, fault.NotFound},
		} {
			if _, err := d.reg.Decide(c.ctx, c.d); err == nil || fault.Of(err) != c.want {
				d.Errorf("%s: %v; want %v", c.name, err, c.want)
			}
		}
		if got, notes, _ := d.get(f.ID()); got.Version != 1 || len(notes) != 1 || len(d.j.entries) != 1 {
			d.Errorf("a refused decision left something: version %d, %d notes, %d entries", got.Version, len(notes), len(d.j.entries))
		}
	})
}

// TestOneOfManyWins has several people decide at once on the same version.
func TestOneOfManyWins(t *testing.T) {
	run(t, func(d *desk) {
		f := above("r1", 120)
		d.derive("dose.level", "", f)
		for version := range int64(2) {
			errs := make([]error, 8)
			var all sync.WaitGroup
			for i := range errs {
				all.Go(func() {
					_, errs[i] = d.reg.Decide(d.ctx, finding.Decision{ID: f.ID(), Version: version, Note: "mine"})
				})
			}
			all.Wait()
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case fault.Of(err) != fault.Conflict:
					d.Errorf("Decide = %v; want nil or conflict", err)
				}
			}
			if got, notes, _ := d.get(f.ID()); won != 1 || got.Version != version+1 || len(notes) != int(version)+1 {
				d.Errorf("%d of 8 won, version %d, %d notes; want 1, %d, %d", won, got.Version, len(notes), version+1, version+1)
			}
		}
	})
}

func TestAct(t *testing.T) {
	run(t, func(d *desk) {
		f := above("r1", 120)
		d.derive("dose.level", "", f)
		a, err := d.reg.Act(d.ctx, finding.Action{Finding: f.ID(), Kind: "training", Text: "centring", Owner: "ann", Due: "2026-12-01"})
		if err != nil || a.ID == "" || a.Version != 1 {
			d.Fatalf("Act = %+v, %v", a, err)
		}
		stale := a
		a.Done, a.Result = "2026-11-30", "everybody came"
		if a, err = d.reg.Act(d.ctx, a); err != nil || a.Version != 2 {
			d.Fatalf("Act = %+v, %v", a, err)
		}
		if _, err := d.reg.Act(d.ctx, stale); fault.Of(err) != fault.Conflict {
			d.Errorf("a stale change: %v; want conflict", err)
		}
		if _, err := d.reg.Act(d.ctx, finding.Action{Finding: f.ID()}); fault.Of(err) != fault.Invalid {
			d.Errorf("an action of no kind: %v; want invalid", err)
		}
		if _, err := d.reg.Act(d.ctx, finding.Action{Finding: "x", Kind: "training"}); fault.Of(err) != fault.NotFound {
			d.Errorf("an action on nothing: %v; want not found", err)
		}
		_, _, acts := d.get(f.ID())
		if diff := cmp.Diff([]finding.Action{a}, acts); diff != "" {
			d.Errorf("actions (-want +got):\n%s", diff)
		}
		if len(d.j.entries) != 2 || d.j.entries[0].Kind != "finding.action.added" || d.j.entries[1].Kind != "finding.action.changed" {
			d.Errorf("journal %+v", d.j.entries)
		}
	})
}

func TestList(t *testing.T) {
	run(t, func(d *desk) {
		one, two, three, gone := above("r1", 120), above("r2", 150), above("r3", 180), above("r4", 500)
		alert := above("r1", 10)
		alert.Rule = "doses.alert"
		d.derive("dose.level", "", one, two, three, gone)
		d.derive("dose.level", "", one, two, three)
		d.derive("doses.alert", "", alert)
		d.decide(finding.Decision{ID: three.ID(), State: new(finding.StateClosed), Note: "done", Owner: new("ann")})
		d.decide(finding.Decision{ID: one.ID(), State: new(finding.StateInWork), Owner: new("ann"), Due: new("2026-11-21")})
		for _, c := range []struct {
			name string
			f    finding.Filter
			want []finding.Derived
		}{
			{"all: important first, then closed, then withdrawn", finding.Filter{}, []finding.Derived{two, one, alert, three, gone}},
			{"of a rule", finding.Filter{Rule: "dose.level"}, []finding.Derived{two, one, three, gone}},
			{"of a room of the house, not of one that begins alike", finding.Filter{Rule: "dose"}, []finding.Derived{two, one, three, gone}},
			{"of somebody", finding.Filter{Owner: "ann"}, []finding.Derived{one, three}},
			{"open", finding.Filter{States: []finding.State{finding.StateOpen}}, []finding.Derived{two, alert}},
			{"open or withdrawn", finding.Filter{States: []finding.State{finding.StateOpen, finding.StateWithdrawn}}, []finding.Derived{two, alert, gone}},
			{"in a room", finding.Filter{Room: "r1"}, []finding.Derived{one, alert}},
			{"at another site", finding.Filter{Site: "south"}, nil},
			{"a page", finding.Filter{Limit: 2, Offset: 1}, []finding.Derived{one, alert}},
		} {
			got, err := d.reg.List(d.ctx, c.f)
			if err != nil {
				d.Fatal(err)
			}
			var ids, want []string
			for _, f := range got {
				ids = append(ids, f.ID)
			}
			for _, f := range c.want {
				want = append(want, f.ID())
			}
			if diff := cmp.Diff(want, ids); diff != "" {
				d.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
			if n, err := d.reg.Count(d.ctx, c.f); c.f.Limit == 0 && (err != nil || n != len(want)) {
				d.Errorf("%s: Count = %d, %v; want %d", c.name, n, err, len(want))
			}
		}
		f, _, _ := d.get(one.ID())
		if !f.Overdue("2026-11-22") || f.Overdue("2026-11-21") {
			d.Error("due on the 21st: overdue on the 22nd and not before")
		}
		if _, _, _, err := d.reg.Get(d.ctx, "x"); fault.Of(err) != fault.NotFound {
			d.Errorf("Get(x) = %v; want not found", err)
		}
	})
}
