package dose_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/fault"
)

// parted writes of each event to which examination it belongs and what told it, and of
// each examination its code and why it is in no median.
func (k *desk) parted(study string) string {
	k.t.Helper()
	k.settle()
	s, err := k.Study(k.t.Context(), house, dosetest.UID(study).String())
	check(k.t, err)
	var out []string
	var by []string
	check(k.t, k.db.Read(k.t.Context(), func(tx *db.Tx) (err error) {
		by, err = db.List(k.t.Context(), tx, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
			`select assigned_by from dose_event where study_uid = $1 order by ordinal`, s.UID)
		return err
	}))
	for i, e := range s.Events {
		out = append(out, strings.Trim(e.Examination+" "+by[i], " "))
	}
	for _, x := range s.Items {
		out = append(out, strings.TrimSpace(x.Key+"="+x.Exam+" "+x.Excluded))
	}
	return strings.Join(out, ", ")
}

// keysOf returns the keys of events of a study by their protocol.
func (k *desk) keysOf(study string, protocols ...string) (all []string) {
	k.t.Helper()
	s, err := k.Study(k.t.Context(), house, dosetest.UID(study).String())
	check(k.t, err)
	for _, e := range s.Events {
		if slices.Contains(protocols, *e.Protocol) {
			all = append(all, e.Key)
		}
	}
	return all
}

// split decides, and returns the id of the decision.
func (k *desk) split(study string, d dose.Split) string {
	k.t.Helper()
	d.Site, d.Study, d.By = house, dosetest.UID(study).String(), "local"
	id, err := k.Assign(k.t.Context(), d)
	check(k.t, err)
	return id
}

// contradicting is a study whose order does not say which of two protocols it is.
func contradicting(k *desk) {
	k.approve("Head", "CT_HEAD", "", "")
	k.approve("Chest", "CT_CHEST", "", "")
	r := dosetest.New("s", "i", "3000", named("e0", "Scout"), named("e1", "Head"), named("e2", "Chest"))
	r.Accession = "A1"
	r.Events[0].Type = dosetest.ConstantAngle
	k.receive(r)
}

// TestSplit: what a person decided goes before everything else, survives a rebuild, and
// can be taken back.
func TestSplit(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		contradicting(k)
		const loose = ", , "
		if got := k.parted("s"); got != loose {
			t.Fatalf("before anybody decided: %q; want nothing assigned", got)
		}
		waiting := func(want int) {
			t.Helper()
			all, n, err := k.Splitting(t.Context(), house, 10)
			check(t, err)
			if n != want || len(all) != min(want, 10) {
				t.Errorf("%d studies wait; want %d", n, want)
			}
		}
		waiting(1)
		first := k.split("s", dose.Split{Events: k.keysOf("s", "Head"), Exam: "CT_HEAD"})
		const one = "1 person, 1 person, , 1=CT_HEAD"
		if got := k.parted("s"); got != one {
			t.Errorf("after the first: %q; want %q: the localizer goes with what follows", got, one)
		}
		waiting(1)
		k.split("s", dose.Split{Events: k.keysOf("s", "Chest"), Exam: "CT_CHEST"})
		const two = "1 person, 1 person, 2 person, 1=CT_HEAD, 2=CT_CHEST"
		if got := k.parted("s"); got != two {
			t.Errorf("after the second: %q; want %q", got, two)
		}
		waiting(0)
		check(t, k.Rebuild(t.Context()))
		if got := k.parted("s"); got != two {
			t.Errorf("after a rebuild: %q; want %q", got, two)
		}
		k.split("s", dose.Split{Events: k.keysOf("s", "Chest"), Into: "1"})
		if got, want := k.parted("s"), "1 person, 1 person, 1 person, 1=CT_HEAD"; got != want {
			t.Errorf("put to the first: %q; want %q", got, want)
		}
		last, ok, err := k.LastSplit(t.Context(), house, "local")
		check(t, err)
		if _, err := k.UndoSplit(t.Context(), house, last, "local"); err != nil || !ok {
			t.Fatal(ok, err)
		}
		if got := k.parted("s"); got != two {
			t.Errorf("after it was taken back: %q; want %q", got, two)
		}
		if _, err := k.UndoSplit(t.Context(), house, last, "local"); fault.Of(err) != fault.NotFound {
			t.Errorf("taken back twice: %v; want NotFound", err)
		}
		_, err = k.UndoSplit(t.Context(), house, first, "local")
		check(t, err)
		if got, want := k.parted("s"), ", , 1 person, 1=CT_CHEST"; got != want {
			t.Errorf("after the first was taken back: %q; want %q", got, want)
		}
		steps, err := k.SplitSteps(t.Context(), house, "", 10)
		check(t, err)
		if len(steps) != 3 || steps[2].ID != first || steps[2].UndoneBy != "local" || !steps[2].Made || steps[0].Made {
			t.Errorf("decisions %+v; want three, the first of them taken back", steps)
		}
	})
}

// TestSplitIntoWhatWasFound: an event put to an examination that was found stays with it
// when examinations are counted anew, and is loose again when it is gone.
func TestSplitIntoWhatWasFound(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.approve("Head", "CT_HEAD", "", "")
		k.approve("Chest", "CT_CHEST", "", "")
		k.receive(dosetest.New("s", "i", "3000", named("e1", "Head"), named("e2", "Other"), named("e3", "Chest")))
		if got, want := k.parted("s"), "1 protocol, , 2 protocol, 1=CT_HEAD, 2=CT_CHEST"; got != want {
			t.Fatalf("found %q; want %q", got, want)
		}
		k.split("s", dose.Split{Events: k.keysOf("s", "Other"), Into: "2"})
		want := "1 protocol, 2 person, 2 protocol, 1=CT_HEAD, 2=CT_CHEST"
		if got := k.parted("s"); got != want {
			t.Errorf("after it: %q; want %q", got, want)
		}
		earlier := dosetest.New("s", "i0", "1000", named("e0", "Head"))
		earlier.Events[0].Started = "20260302080000"
		k.receive(earlier)
		if got, want := k.parted("s"), "1 protocol, 1 protocol, 2 person, 2 protocol, 1=CT_HEAD, 2=CT_CHEST"; got != want {
			t.Errorf("after more arrived: %q; want %q", got, want)
		}
	})
}

// TestSplitRefuses: what nobody can decide.
func TestSplitRefuses(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		contradicting(k)
		head := k.keysOf("s", "Head")
		for name, c := range map[string]struct {
			d    dose.Split
			kind fault.Kind
		}{
			"no event":               {dose.Split{Exam: "CT_HEAD"}, fault.Invalid},
			"an event of elsewhere":  {dose.Split{Events: []string{"1.2.3"}, Exam: "CT_HEAD"}, fault.NotFound},
			"a code nobody knows":    {dose.Split{Events: head, Exam: "CT_NOWHERE"}, fault.Invalid},
			"no code":                {dose.Split{Events: head}, fault.Invalid},
			"an examination too few": {dose.Split{Events: head, Into: "7"}, fault.NotFound},
			"both":                   {dose.Split{Events: head, Into: "1", Exam: "CT_HEAD"}, fault.Invalid},
		} {
			t.Run(name, func(t *testing.T) {
				c.d.Site, c.d.Study, c.d.By = house, dosetest.UID("s").String(), "local"
				if _, err := k.Assign(t.Context(), c.d); fault.Of(err) != c.kind {
					t.Errorf("%v; want %v", err, c.kind)
				}
			})
		}
		if _, err := k.Assign(t.Context(), dose.Split{Site: house, Study: "1.2", Events: head, Exam: "CT_HEAD", By: "local"}); fault.Of(err) != fault.NotFound {
			t.Errorf("of no study: %v; want NotFound", err)
		}
	})
}

// TestMultiRegion: several orders scanned in one run are one examination that is counted
// beside the median, by a rule or as a person says.
func TestMultiRegion(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDeskOf(t, d, func(l *dose.Ledger) { l.Orders = &orders{of: map[string][]dose.Ordered{}} })
		for name, exam := range map[string]string{"Kopf": "CT_HEAD", "Thorax": "CT_CHEST"} {
			_, err := k.Approve(t.Context(), dose.Mapping{Site: house, Name: name, Source: dose.FromProcedure, Exam: exam, ApprovedBy: "local"})
			check(t, err)
		}
		asked := func(text string) []dose.Name { return []dose.Name{{Source: dose.FromProcedure, Text: text}} }
		k.Orders.(*orders).set("s", dose.Ordered{ID: "o1", Accession: "A1", Names: asked("Kopf")}, dose.Ordered{ID: "o2", Accession: "A1", Names: asked("Thorax")})
		k.receive(dosetest.New("s", "i", "10", named("e1", "All at once")))
		if got, want := k.parted("s"), "1 order, 1=CT_HEAD multi_region"; got != want {
			t.Errorf("by rule: %q; want %q", got, want)
		}
		k.receive(dosetest.New("t", "j", "10", named("f1", "Spine")))
		k.approve("Spine", "CT_CSPINE", "", "")
		k.split("t", dose.Split{Events: k.keysOf("t", "Spine"), Exam: "CT_HEAD", Multi: true})
		if got, want := k.parted("t"), "1 person, 1=CT_HEAD multi_region"; got != want {
			t.Errorf("as a person says: %q; want %q", got, want)
		}
		o := k.overview("2026-01-01", "2026-12-31")
		if len(o.Rows) == 0 || o.Rows[0].Exam != "CT_HEAD" || o.Rows[0].N != 0 || o.Rows[0].Left[dose.ExcludedMulti] != 2 {
			t.Errorf("rows %+v; want one of heads with two beside n", o.Rows)
		}
		if rows := strings.Join(k.rows(house), "\n"); strings.Count(rows, dose.FlagMulti) < 2 {
			t.Errorf("no flag %s in\n%s", dose.FlagMulti, rows)
		}
	})
}

// TestSplitIsErased: with the person goes what was decided of the person's studies.
func TestSplitIsErased(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		contradicting(k)
		k.split("s", dose.Split{Events: k.keysOf("s", "Head"), Exam: "CT_HEAD"})
		persons, err := k.Persons(t.Context(), d)
		check(t, err)
		check(t, d.Write(t.Context(), func(tx *db.Tx) error { _, err := k.Erase(t.Context(), tx, persons[0]); return err }))
		steps, err := k.SplitSteps(t.Context(), house, "", 10)
		check(t, err)
		if len(steps) > 0 {
			t.Errorf("%d decisions are left", len(steps))
		}
	})
}

// TestTwins: an event that two studies tell of counts once, in the same of them whatever
// arrived first; of two patients, in neither.
func TestTwins(t *testing.T) {
	report := func(study, instance, patient, letters string) dosetest.Report {
		var events []dosetest.Event
		for i, l := range strings.Split(letters, "") {
			e := named("shared-"+l, "Head")
			e.Started = fmt.Sprintf("202603021011%02d", i)
			events = append(events, e)
		}
		r := dosetest.New(study, instance, fmt.Sprint(10*len(events)), events...)
		if patient != "" {
			r.PatientID = patient
		}
		return r
	}
	for name, c := range map[string]struct {
		all  []dosetest.Report
		want map[string]string // study to why its examination is in no median
	}{
		"the larger counts": {
			[]dosetest.Report{report("a", "1", "", "x"), report("b", "2", "", "xy")}, map[string]string{"a": dose.ExcludedDuplicate, "b": ""},
		},
		"three that share": {
			[]dosetest.Report{report("a", "1", "", "x"), report("b", "2", "", "xy"), report("c", "3", "", "yzw")},
			map[string]string{"a": dose.ExcludedDuplicate, "b": dose.ExcludedDuplicate, "c": ""},
		},
		"reports of one study, cumulative, and its copy": {
			[]dosetest.Report{report("a", "1", "", "x"), report("a", "2", "", "xy"), report("b", "3", "", "x")}, map[string]string{"a": "", "b": dose.ExcludedDuplicate},
		},
		"two patients": {
			[]dosetest.Report{report("a", "1", "P-1", "x"), report("b", "2", "P-2", "xy")}, map[string]string{"a": dose.ExcludedIdentity, "b": dose.ExcludedIdentity},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				k := newDesk(t, d)
				k.approve("Head", "CT_HEAD", "", "")
				var first []string
				for order := range permutations(c.all) {
					k.forgetAll(c.all)
					for _, r := range order {
						k.receive(r)
						k.receive(r) // again: nothing changes
					}
					for study, want := range c.want {
						s, err := k.Study(t.Context(), house, dosetest.UID(study).String())
						check(t, err)
						for _, x := range s.Items {
							if x.Excluded != want {
								t.Errorf("study %s: excluded %q; want %q", study, x.Excluded, want)
							}
						}
					}
					rows := k.rows(house)
					slices.Sort(rows)
					if first == nil {
						first = rows
					} else if !slices.Equal(first, rows) {
						t.Errorf("in another order\n%s\nwant\n%s", strings.Join(rows, "\n"), strings.Join(first, "\n"))
					}
				}
			})
		})
	}
}

// forgetAll lets the archive erase the studies of reports.
func (k *desk) forgetAll(all []dosetest.Report) {
	k.t.Helper()
	check(k.t, k.db.Write(k.t.Context(), func(tx *db.Tx) error {
		for _, r := range all {
			if err := k.Erased(k.t.Context(), tx, house, dosetest.UID(r.Study).String(), true); err != nil {
				return err
			}
		}
		return nil
	}))
}

// TestTwinIsErased: when the study that counted is gone, the other one counts.
func TestTwinIsErased(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d)
		k.approve("Head", "CT_HEAD", "", "")
		k.receive(dosetest.New("a", "1", "10", named("x", "Head")))
		k.receive(dosetest.New("b", "2", "20", named("x", "Head"), named("y", "Head")))
		if got := k.parted("a"); !strings.HasSuffix(got, dose.ExcludedDuplicate) {
			t.Fatalf("%q; want a duplicate", got)
		}
		k.forgetAll([]dosetest.Report{dosetest.New("b", "2", "20", named("x", "Head"))})
		if got, want := k.parted("a"), "1 study, 1=CT_HEAD"; got != want {
			t.Errorf("%q; want %q", got, want)
		}
	})
}
