package dose_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/finding"
)

// judge derives the findings of the house.
func (k *desk) judge() finding.Change {
	k.t.Helper()
	c, err := k.Judge(k.t.Context(), house, inOneRoom, k.findings)
	check(k.t, err)
	return c
}

// found lists the findings of the house.
func (k *desk) found() []finding.Finding {
	k.t.Helper()
	all, err := k.findings.List(k.t.Context(), finding.Filter{Site: house})
	check(k.t, err)
	return all
}

// listed writes findings as lines.
func listed(all []finding.Finding) []string {
	var lines []string
	for _, f := range all {
		level := 0.0
		if f.Reference.Value != nil {
			level = *f.Reference.Value
		}
		lines = append(lines, fmt.Sprintf("%s %s %s: %v beside %v, n %d, %s, %s by %q due %q",
			f.Rule, f.Subject.Exam, f.Subject.Quantity, f.Measured.Value, level, f.Measured.N, f.Code, f.State, f.Owner, f.Due))
	}
	slices.Sort(lines)
	return lines
}

// physicist is somebody who may decide.
func physicist(t *testing.T) context.Context {
	return access.With(t.Context(), access.Who{ID: "local", Name: "Local", Grants: access.Everywhere(access.People()...)})
}

// fill lets a room be above its level in two half-years, one be remarkably low, and
// one be as it should.
func (k *desk) fill() {
	k.t.Helper()
	var all []dosetest.Report
	for _, s := range []series{
		{name: "Chest", day: "20251110", dlp: around(400, 1, 20)},
		{name: "Chest", day: "20260210", dlp: around(410, 1, 20)},
		{name: "Chest", day: "20260805", dlp: around(420, 1, 20)},
		{name: "Sinus", day: "20260805", dlp: around(40, 1, 20)},
		{name: "Spine", day: "20260805", dlp: around(380, 1, 20)},
		{name: "Trunk", day: "20260805", dlp: around(5000, 1, 20)},
		{name: "Belly", day: "20260805", dlp: around(5000, 1, 19)}, // too few
	} {
		all = append(all, s.reports()...)
	}
	k.receive(all...)
	for name, exam := range map[string]string{
		"Chest": "CT_CHEST", "Sinus": "CT_SINUS", "Spine": "CT_CSPINE", "Trunk": "CT_TRUNK", "Belly": "CT_ABDOMEN_PELVIS",
	} {
		k.approve(name, exam, "", "")
	}
	k.govern("dose/level/demo_2024", "2000-01-01", "2026-06-30")
	k.govern("dose/level/demo_2025", "2026-07-01", "")
}

// TestJudge: findings appear, keep what people decided through a rebuild that
// changes no number, and are withdrawn when they do not hold any more.
func TestJudge(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.fill()
		first := k.judge()
		want := []string{
			`dose.above CT_CHEST ctdivol: 41.5 beside 9, n 40, above_certain, open by "" due ""`,
			`dose.above CT_CHEST dlp: 415 beside 300, n 40, above_certain, open by "" due ""`,
			`dose.low CT_SINUS ctdivol: 4 beside 10, n 20, at_or_below, open by "" due ""`,
			`dose.low CT_SINUS dlp: 40 beside 130, n 20, at_or_below, open by "" due ""`,
			`dose.repeated CT_CHEST ctdivol: 41 beside 9, n 60, above_certain, open by "" due ""`,
			`dose.repeated CT_CHEST dlp: 410 beside 300, n 60, above_certain, open by "" due ""`,
		}
		want = append(want, `dose.above CT_CSPINE ctdivol: 38 beside 18, n 20, above_certain, open by "" due ""`)
		slices.Sort(want)
		if d := cmp.Diff(want, listed(k.found())); d != "" {
			t.Error(d)
		}
		if len(first.New) != len(want) || len(first.Withdrawn) != 0 {
			t.Errorf("first change = %+v", first)
		}
		if again := k.judge(); len(again.New)+len(again.Restored)+len(again.Withdrawn) != 0 {
			t.Errorf("judged again without reason: %+v", again)
		}
		k.decideAll()
		rows, findings := k.rows(house), listed(k.found())
		decisions := k.human()

		check(t, k.Rebuild(t.Context()))
		k.settle()
		change := k.judge()
		if len(change.New)+len(change.Withdrawn) != 0 {
			t.Errorf("a rebuild changes findings: %+v", change)
		}
		if d := cmp.Diff(rows, k.rows(house)); d != "" {
			t.Errorf("a rebuild changes numbers: %s", d)
		}
		if d := cmp.Diff(findings, listed(k.found())); d != "" {
			t.Errorf("a rebuild changes findings: %s", d)
		}
		if d := cmp.Diff(decisions, k.human()); d != "" {
			t.Errorf("a rebuild changes decisions: %s", d)
		}

		// Another set: the old findings do not hold any more, and keep their notes.
		all, err := k.Governing(t.Context(), house)
		check(t, err)
		check(t, k.EndGoverning(t.Context(), house, all[1].ID, "2026-11-01", "local"))
		if change = k.judge(); len(change.Withdrawn) != len(want) || len(change.New) != 0 {
			t.Errorf("without a governing level: %+v", change)
		}
		for _, f := range k.found() {
			if f.State != finding.StateWithdrawn || f.Decided != finding.StateInWork || f.Owner != "local" {
				t.Errorf("%s: %s, decided %s by %q", f.Rule, f.State, f.Decided, f.Owner)
			}
		}
		k.govern("dose/level/demo_2025", "2026-11-02", "")
		if change = k.judge(); len(change.Restored) != len(want) || len(change.New) != 0 {
			t.Errorf("with the level again: %+v", change)
		}
		if d := cmp.Diff(findings, listed(k.found())); d != "" {
			t.Errorf("not as before: %s", d)
		}
	})
}

// decideAll takes up every finding and names the room.
func (k *desk) decideAll() {
	k.t.Helper()
	for _, f := range k.found() {
		owner, state, due := "local", finding.StateInWork, "2026-12-31"
		_, err := k.findings.Decide(physicist(k.t), finding.Decision{
			ID: f.ID, Version: f.Version, Owner: &owner, State: &state, Due: &due, Note: "asked the manufacturer",
		})
		check(k.t, err)
	}
	plan, err := k.sites.Plan(k.t.Context(), k.db, house)
	check(k.t, err)
	check(k.t, k.sites.NameRoom(k.t.Context(), "local", house, plan.Rooms[0].ID, "Emergency CT", ""))
}

// human returns what people decided, as text.
func (k *desk) human() []string {
	k.t.Helper()
	var all []string
	mappings, err := k.Mappings(k.t.Context(), house)
	check(k.t, err)
	governing, err := k.Governing(k.t.Context(), house)
	check(k.t, err)
	plan, err := k.sites.Plan(k.t.Context(), k.db, house)
	check(k.t, err)
	for _, x := range []any{mappings, governing, plan} {
		raw, err := json.Marshal(x)
		check(k.t, err)
		all = append(all, string(raw))
	}
	for _, f := range k.found() {
		_, history, _, err := k.findings.Get(k.t.Context(), f.ID)
		check(k.t, err)
		all = append(all, fmt.Sprintf("%s %+v", f.ID, history))
	}
	return all
}

// TestJudgeOneGap: what differs only in how the indication is known is one finding.
func TestJudgeOneGap(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.receive(append(
			series{name: "Sinus by order", day: "20260805", dlp: around(200, 0.1, 21)}.reports(),
			series{name: "Sinus by protocol", day: "20260805", dlp: around(220, 0.1, 20)}.reports()...)...)
		k.approve("Sinus by order", "CT_SINUS", "SINUS_DISEASE", dose.KnownByOrder)
		k.approve("Sinus by protocol", "CT_SINUS", "SINUS_DISEASE", dose.KnownByProtocol)
		k.govern("dose/level/uk_ndrl_2024", "2024-11-20", "")
		k.judge()
		want := []string{
			`dose.above CT_SINUS ctdivol: 20 beside 12, n 21, above_certain, open by "" due ""`,
			`dose.above CT_SINUS dlp: 200 beside 160, n 21, above_certain, open by "" due ""`,
		}
		if d := cmp.Diff(want, listed(k.found())); d != "" {
			t.Error(d)
		}
	})
}

// TestJudgeAlways judges at the start and after a change.
func TestJudgeAlways(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)))
	ctx, stop := context.WithCancel(t.Context())
	changed, ended := make(chan struct{}, 1), make(chan error, 1)
	k.Changed = func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	rooms := func(context.Context) (dose.Rooms, error) { return inOneRoom, nil }
	k.govern("dose/level/demo_2025", "2026-07-01", "")
	go func() { ended <- k.JudgeAlways(ctx, house, rooms, k.findings, changed, time.Millisecond) }()
	k.approve("Chest", "CT_CHEST", "", "")
	k.receive(series{name: "Chest", day: "20260805", dlp: around(420, 1, 20)}.reports()...)
	k.until("the finding is there", func() bool { return len(k.found()) == 2 })
	stop()
	if err := <-ended; err != nil {
		t.Errorf("JudgeAlways = %v after its end", err)
	}
}
