package exchange_test

import (
	"testing"
	"time"

	"radagora/archive/exchange"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

func TestDoseRule(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := &shelf{}
		s.add("1.2.3", "20261121", 4)
		s.add("1.2.4", "20261121", 3)
		s.add("1.2.5", "20261122", 3)
		s.there = append(s.there[:8], s.there[9:]...) // the second has no report
		r := openWith(t, d, s, s)
		rule := exchange.DoseRule{Site: site, Name: "doses", Active: true, Peer: "PACS", Modality: []string{"CT", "XA"}, Minute: 13 * 60}
		id, err := r.SetDoseRule(t.Context(), "anna", rule)
		if err != nil {
			t.Fatal(err)
		}
		asked := func(day string) exchange.DoseRule {
			t.Helper()
			for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
				list, err := r.DoseRules(t.Context(), site)
				if err != nil {
					t.Fatal(err)
				}
				if list[0].Asked == day {
					return list[0]
				}
				if time.Now().After(end) {
					t.Fatalf("the rule is %+v; want asked about %s", list[0], day)
				}
			}
		}
		if x := asked("20261120"); x.Studies != 0 { // it is noon: the night before was about the day before that
			t.Errorf("found were %d", x.Studies)
		}
		r.later(2 * time.Hour)
		if x := asked("20261121"); x.Studies != 2 {
			t.Errorf("found were %d studies; want 2", x.Studies)
		}
		for _, f := range r.fetched(t, 2) {
			if f.State != exchange.Done || f.There != 1 || f.Here != 1 || f.Source != id || f.Part != exchange.Doses {
				t.Errorf("fetched was %+v; want one instance for the doses", f)
			}
		}
		var reports, images int
		s.with(func() {
			for _, f := range s.here {
				if f.Series.Modality == "SR" {
					reports++
				} else {
					images++
				}
			}
		})
		if reports != 1 || images != 1 {
			t.Errorf("%d reports and %d images came; want one each", reports, images)
		}
		r.later(24 * time.Hour)
		if x := asked("20261122"); x.Studies != 1 {
			t.Errorf("the next night found %d studies; want 1", x.Studies)
		}
		if err := r.RemoveDoseRule(t.Context(), "anna", site, id); err != nil {
			t.Fatal(err)
		}
		for name, change := range map[string]func(*exchange.DoseRule){
			"no name":     func(r *exchange.DoseRule) { r.Name = "" },
			"no peer":     func(r *exchange.DoseRule) { r.Peer = "" },
			"no modality": func(r *exchange.DoseRule) { r.Modality = nil },
			"a bad hour":  func(r *exchange.DoseRule) { r.Minute = -1 },
		} {
			bad := rule
			change(&bad)
			if _, err := r.SetDoseRule(t.Context(), "anna", bad); fault.Of(err) != fault.Invalid {
				t.Errorf("%s: %v; want Invalid", name, err)
			}
		}
	})
}
