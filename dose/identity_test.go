package dose_test

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/dose"
	"radagora/dose/dosetest"
	"radagora/ucum"
)

// permutations iterates over all orders of list.
func permutations[T any](list []T) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		var next func(k int) bool
		next = func(k int) bool {
			if k == len(list) {
				return yield(slices.Clone(list))
			}
			for i := k; i < len(list); i++ {
				list[k], list[i] = list[i], list[k]
				if !next(k + 1) {
					return false
				}
				list[k], list[i] = list[i], list[k]
			}
			return true
		}
		next(0)
	}
}

// outcome is what matters of joined studies, in a form that can be compared.
func outcome(studies []*dose.Study) []string {
	var out []string
	for _, s := range studies {
		var b strings.Builder
		fmt.Fprintf(&b, "study %s\n", s.UID)
		for _, r := range s.Reports {
			fmt.Fprintf(&b, "counts %s\n", r.SOPInstance)
		}
		for _, i := range s.Ignored {
			fmt.Fprintf(&b, "%s %s by %s\n", i.Reason, i.Report.SOPInstance, i.By.SOPInstance)
		}
		for _, e := range s.Events {
			fmt.Fprintf(&b, "event %s %s\n", e.Key, number(e, dose.FieldDLP))
		}
		for _, f := range slices.Sorted(maps.Keys(s.Totals)) {
			fmt.Fprintf(&b, "total %s %s\n", f, s.Totals[f])
		}
		fmt.Fprintf(&b, "computed %v\n", s.Computed)
		for _, w := range s.Warnings {
			fmt.Fprintf(&b, "warning %s %s\n", w.Code, w.Message())
		}
		out = append(out, b.String())
	}
	return out
}

// report makes a report of one study whose events are named by letters, each
// with a DLP of 10.
func report(t testing.TB, study, instance, letters string, edit ...func(*dosetest.Report)) *dose.Report {
	t.Helper()
	var events []dosetest.Event
	for _, c := range letters {
		events = append(events, dosetest.Scan(string(c), "1", "10.00"))
	}
	made := dosetest.New(study, instance, fmt.Sprintf("%d.00", 10*len(letters)), events...)
	for i := range made.Events {
		made.Events[i].Length = "100"
	}
	for _, e := range edit {
		e(&made)
	}
	return read(t, made)
}

func TestJoin(t *testing.T) {
	other := func(r *dosetest.Report) { r.PatientID, r.PatientName = "CANARY-2", "LEAK^CANARY" }
	withoutUIDs := func(r *dosetest.Report) {
		for i := range r.Events {
			r.Events[i].Protocol = "scan " + r.Events[i].UID
			r.Events[i].UID = ""
		}
	}
	for _, c := range []struct {
		name    string
		reports func(t *testing.T) []*dose.Report
		counts  []string // instances that count
		ignored []string // instances that do not, with the reason
		events  int
		total   string // of all studies
		studies int
		warn    []string
	}{
		{
			name: "one report", studies: 1, events: 2, total: "20", counts: []string{"1"},
			reports: func(t *testing.T) []*dose.Report { return []*dose.Report{report(t, "s", "1", "ab")} },
		},
		{
			name: "the same report twice", studies: 1, events: 2, total: "20", counts: []string{"1"}, ignored: []string{"1 equal"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "ab"), report(t, "s", "1", "ab")}
			},
			warn: []string{dose.WarnSuperseded},
		},
		{
			name: "sent again under another UID", studies: 1, events: 2, total: "20", counts: []string{"1"}, ignored: []string{"2 equal"},
			reports: func(t *testing.T) []*dose.Report {
				later := func(r *dosetest.Report) { r.ContentTime = "120000" }
				return []*dose.Report{report(t, "s", "2", "ab", later), report(t, "s", "1", "ab")}
			},
			warn: []string{dose.WarnSuperseded},
		},
		{
			name: "cumulative reports", studies: 1, events: 3, total: "30", counts: []string{"3"}, ignored: []string{"1 superseded", "2 superseded"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "a"), report(t, "s", "2", "ab"), report(t, "s", "3", "abc")}
			},
			warn: []string{dose.WarnSuperseded},
		},
		{
			name: "continued study", studies: 1, events: 4, total: "40", counts: []string{"1", "2"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "ab"), report(t, "s", "2", "cd")}
			},
		},
		{
			name: "reports that share some events: a union, its total computed", studies: 1, events: 3, total: "30", counts: []string{"1", "2"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "ab"), report(t, "s", "2", "bc")}
			},
			warn: []string{dose.WarnOverlap},
		},
		{
			name: "a union beside a report of its own", studies: 1, events: 4, total: "85", counts: []string{"1", "2", "3"},
			reports: func(t *testing.T) []*dose.Report {
				declares55 := func(r *dosetest.Report) { r.Total = "55" } // counted as declared
				return []*dose.Report{report(t, "s", "1", "ab"), report(t, "s", "2", "bc"), report(t, "s", "3", "d", declares55)}
			},
			warn: []string{dose.WarnOverlap},
		},
		{
			name: "a chain of reports that share events", studies: 1, events: 5, total: "50", counts: []string{"1", "2", "3"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "abc"), report(t, "s", "2", "cd"), report(t, "s", "3", "de")}
			},
			warn: []string{dose.WarnOverlap},
		},
		{
			name: "two doses of one event", studies: 1, events: 3, total: "30", counts: []string{"1", "2"},
			reports: func(t *testing.T) []*dose.Report {
				higher := func(r *dosetest.Report) { r.Events[0].DLP = "11"; r.ContentTime = "120000" }
				return []*dose.Report{report(t, "s", "1", "ab"), report(t, "s", "2", "bc", higher)}
			},
			warn: []string{dose.WarnEventDiffers, dose.WarnOverlap},
		},
		{
			name: "cumulative reports whose events have no UID", studies: 1, events: 2, total: "20", counts: []string{"2"}, ignored: []string{"1 superseded"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "a", withoutUIDs), report(t, "s", "2", "ab", withoutUIDs)}
			},
			warn: []string{dose.WarnSuperseded},
		},
		{
			name: "equal events without a UID are counted through", studies: 1, events: 2, total: "20", counts: []string{"1"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "ab", func(r *dosetest.Report) {
					r.Events[0].UID, r.Events[1].UID = "", ""
				})}
			},
		},
		{
			name: "another study", studies: 2, events: 4, total: "40", counts: []string{"1", "2"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "ab"), report(t, "s2", "2", "cd")}
			},
		},
		{
			name: "one event in two studies", studies: 2, events: 4, total: "40", counts: []string{"1", "2"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "ab"), report(t, "s2", "2", "bc")}
			},
			warn: []string{dose.WarnDuplicate},
		},
		{
			name: "one event of two patients", studies: 2, events: 4, total: "40", counts: []string{"1", "2"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "ab"), report(t, "s2", "2", "bc", other)}
			},
			warn: []string{dose.WarnDuplicate, dose.WarnIdentity},
		},
		{
			name: "one study of two patients", studies: 1, events: 3, total: "30", counts: []string{"1", "2"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "s", "1", "ab"), report(t, "s", "2", "c", other)}
			},
			warn: []string{dose.WarnIdentity},
		},
		{
			name: "reports without a study are studies of their own", studies: 2, events: 2, total: "20", counts: []string{"1", "2"},
			reports: func(t *testing.T) []*dose.Report {
				return []*dose.Report{report(t, "", "1", "a"), report(t, "", "2", "b")}
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			reports := c.reports(t)
			var first []string
			for order := range permutations(reports) {
				studies := dose.Join(order)
				if first == nil {
					first = outcome(studies)
				}
				if diff := cmp.Diff(first, outcome(studies)); diff != "" {
					t.Fatalf("the order of arrival matters:\n%s", diff)
				}
			}
			var counts, ignored, warn []string
			events, sum := 0, ucum.Decimal{}
			studies := dose.Join(reports)
			for _, s := range studies {
				events += len(s.Events)
				sum = sum.Add(s.Totals[dose.FieldDLP])
				warn = append(warn, warned(s.Warnings)...)
				for _, r := range s.Reports {
					counts = append(counts, name(r))
				}
				for _, i := range s.Ignored {
					ignored = append(ignored, name(i.Report)+" "+string(i.Reason))
				}
			}
			slices.Sort(warn)
			slices.Sort(counts)
			slices.Sort(ignored)
			if got := fmt.Sprintf("%d %d %v", len(studies), events, sum); got != fmt.Sprintf("%d %d %s", c.studies, c.events, c.total) {
				t.Errorf("studies, events, total = %s; want %d %d %s", got, c.studies, c.events, c.total)
			}
			if diff := cmp.Diff([][]string{c.counts, c.ignored, c.warn}, [][]string{counts, ignored, slices.Compact(warn)}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// name returns the name that a made-up report was given.
func name(r *dose.Report) string {
	for _, n := range []string{"1", "2", "3"} {
		if r.SOPInstance == dosetest.UID(n) {
			return n
		}
	}
	return "?"
}

// TestJoinDoesNotDependOnOrder joins random sets of reports in random orders: the
// outcome is the same, and each event counts once.
func TestJoinDoesNotDependOnOrder(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pool := map[string]*dose.Report{}
	rounds := 150
	if testing.Short() { // under the race detector, which has nothing to find here
		rounds = 30
	}
	for range rounds {
		var reports []*dose.Report
		all := map[string]bool{}
		for n := range 1 + random.IntN(6) {
			letters := ""
			for _, c := range "abcdefg" {
				if random.IntN(3) == 0 {
					letters += string(c)
				}
			}
			id := fmt.Sprintf("%d %s", n, letters)
			if pool[id] == nil {
				pool[id] = report(t, "s", id, letters)
			}
			reports = append(reports, pool[id])
			for _, e := range pool[id].Events {
				all[e.Key] = true
			}
		}
		want := dose.Join(reports)
		if n := len(want[0].Events); n != len(all) {
			t.Fatalf("%d events; want %d", n, len(all))
		}
		if got, want := want[0].Totals[dose.FieldDLP], ucum.Int(int64(10*len(all))); !got.Equal(want) {
			t.Fatalf("total = %v; want %v", got, want)
		}
		if n := len(want[0].Reports) + len(want[0].Ignored); n != len(reports) {
			t.Fatalf("%d of %d reports are accounted for", n, len(reports))
		}
		for range 5 {
			random.Shuffle(len(reports), func(i, j int) { reports[i], reports[j] = reports[j], reports[i] })
			if diff := cmp.Diff(outcome(want), outcome(dose.Join(reports))); diff != "" {
				t.Fatalf("the order of arrival matters:\n%s", diff)
			}
		}
	}
}

// TestExpectedGroups holds the samples that belong together against the rows of
// scope group, in every order.
func TestExpectedGroups(t *testing.T) {
	for _, c := range []struct {
		name, files               string
		studies, reports, events  int
		dlp, activity, modalities string
	}{
		{"cumulative", "CT-RDSR-Siemens-Multi-1 CT-RDSR-Siemens-Multi-2 CT-RDSR-Siemens-Multi-3", 1, 1, 3, "236.09", "", "CT"},
		{"cumulative, not yet complete", "CT-RDSR-Siemens-Multi-1 CT-RDSR-Siemens-Multi-2", 1, 1, 2, "77.27", "", "CT"},
		{"continued", "CT-RDSR-Siemens-Continued-1 CT-RDSR-Siemens-Continued-2", 1, 2, 4, "116.61", "", "CT"},
		{"PET/CT, each part for itself", "NM-RRDSR-Siemens NM-CT-RDSR-Siemens", 1, 2, 3, "667.72", "394", "CT NM"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var reports []*dose.Report
			for f := range strings.FieldsSeq(c.files) {
				r, _ := sample(t, f+".dcm")
				reports = append(reports, r)
			}
			for order := range permutations(reports) {
				studies := dose.Join(order)
				s := studies[0]
				var modalities []string
				for _, r := range s.Reports {
					modalities = append(modalities, r.Modality())
				}
				slices.Sort(modalities)
				got := fmt.Sprintf("%d %d %d %v %v %v", len(studies), len(s.Reports), len(s.Events),
					s.Totals[dose.FieldDLP], s.Totals[dose.FieldActivity], slices.Compact(modalities))
				want := fmt.Sprintf("%d %d %d %s %s [%s]", c.studies, c.reports, c.events, c.dlp, or(c.activity, "0"), c.modalities)
				if got != want {
					t.Errorf("studies, reports, events, DLP, activity, modalities = %s; want %s", got, want)
				}
			}
		})
	}
}
