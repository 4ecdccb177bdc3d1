package record_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/search"
	"radagora/record"
)

// various are resources that differ in all that searches look at.
func various() (all []string) {
	statuses := []string{"registered", "partial", "preliminary", "final", "amended", "entered-in-error"}
	times := []string{
		`"effectiveDateTime":"2026"`, `"effectiveDateTime":"2026-03"`, `"effectiveDateTime":"2026-03-28"`, `"effectiveDateTime":"2026-03-29T00:30:00Z"`,
		`"effectiveDateTime":"2026-03-28T23:59:59.999+01:00"`, `"effectivePeriod":{"start":"2026-01-01"}`, `"effectivePeriod":{"end":"2026-01-01T10:00:00Z"}`, `"issued":"2026-03-28T10:00:00Z"`,
	}
	subjects := []string{
		`"subject":{"reference":"Patient/1"}`, `"subject":{"reference":"https://a.example/fhir/Patient/1"}`, `"subject":{"reference":"Group/1"}`,
		`"subject":{"identifier":{"system":"urn:h","value":"1"}}`, `"subject":{"reference":"urn:uuid:0198c0de-0001-7000-8000-000000000001"}`, `"resultsInterpreter":[{"reference":"Practitioner/1"},{"reference":"Practitioner/2"}]`,
	}
	codes := []string{
		`{"text":"CT of the head"}`, `{"coding":[{"system":"http://loinc.org","code":"24725-4","display":"CT Head"}]}`, `{"coding":[{"code":"24725-4"},{"system":"urn:x","code":"Ä|b"}]}`,
		`{"coding":[{"system":"http://loinc.org","code":"` + strings.Repeat("9", 300) + `"}]}`,
	}
	identifiers := []string{``, `"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:1.2.3"}],`, `"identifier":[{"system":"urn:a","value":"7"},{"system":"urn:b","value":"8"}],`}
	n := 0
	for _, status := range statuses {
		for _, at := range times {
			for _, subject := range subjects {
				if n++; n%3 != 0 && n > 60 {
					continue
				}
				all = append(all, fmt.Sprintf(`{"resourceType":"DiagnosticReport","id":"r%03d",%s"status":%q,"code":%s,%s,%s}`,
					n, identifiers[n%len(identifiers)], status, codes[n%len(codes)], subject, at))
			}
		}
	}
	return all
}

var questions = []string{
	"status=final", "status=final,amended", "status:not=final", "status:not=final,partial", "status:missing=true", "status:missing=false",
	"code=24725-4", "code=http://loinc.org|24725-4", "code=|24725-4", "code=http://loinc.org|", "code:not=24725-4", "code:text=ct", "code=urn:x|Ä\\|b", "code=" + strings.Repeat("9", 300),
	"code:not=" + strings.Repeat("9", 300), "code:not=" + strings.Repeat("9", 299),
	"identifier=urn:dicom:uid|1.2.3", "identifier=1.2.3", "identifier=urn:oid:1.2.3", "identifier=urn:a|7", "identifier=urn:a|8", "identifier:missing=true", "identifier:not=7",
	"subject=Patient/1", "subject=1", "subject:Patient=1", "subject:Group=1", "patient=1", "patient=Patient/1", "subject=https://a.example/fhir/Patient/1", "subject:identifier=urn:h|1", "subject:identifier=1",
	"subject:missing=true", "patient:missing=true", "subject=urn:uuid:0198c0de-0001-7000-8000-000000000001", "results-interpreter=Practitioner/2,Practitioner/9",
	"date=2026", "date=2026-03-28", "date=eq2026-03", "date=ne2026-03-28", "date=gt2026-03-28", "date=lt2026-03-28", "date=ge2026-03-28", "date=le2026-03-28", "date=sa2026-03-28", "date=eb2026-03-28",
	"date=ap2026-03-28", "date=2026-03-28T23:59:59", "date:missing=true", "issued=2026-03-28", "issued:missing=false", "_id=r001,r002", "_lastUpdated=gt2026-11-22", "_lastUpdated=lt2026-11-22",
}

// TestFind holds what the index finds against what a look at every resource finds.
func TestFind(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newShelf(t, d)
		var all []record.Version
		for _, text := range various() {
			all = append(all, s.must(text, ""))
		}
		s.must(`{"resourceType":"Encounter","id":"r001","status":"finished","class":{"code":"AMB"}}`, "") // another type
		ask := func(asked ...string) {
			t.Helper()
			list := criteria(t, "DiagnosticReport", asked...)
			want := []string{}
			for _, v := range all {
				is, err := record.Matches(t.Context(), v, list, 60, s.clock())
				check(t, err)
				if is {
					want = append(want, v.Resource.ID())
				}
			}
			p := s.find(record.Query{Type: "DiagnosticReport", Criteria: list, Count: 1000, Reach: everybody})
			got := ids(p)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" || p.Total != len(want) {
				t.Errorf("%v: total %d (-want +got):\n%s", asked, p.Total, diff)
			}
		}
		for i, q := range questions {
			ask(q)
			ask(q, questions[(i*7+3)%len(questions)])
		}
		ask("status=final", "status=amended")
		none := s.find(record.Query{Type: "DiagnosticReport", Criteria: []search.Criterion{search.To(parameter(t, "DiagnosticReport", "subject"))}, Count: 5, Reach: everybody})
		if len(none.Matches) != 0 {
			t.Error("a reference to nothing finds something")
		}
	})
}

func parameter(t *testing.T, typ, code string) *search.Parameter {
	t.Helper()
	p, ok := search.Find(typ, code)
	if !ok {
		t.Fatalf("%s has no %s", typ, code)
	}
	return p
}

func TestFindRefused(t *testing.T) {
	s := newShelf(t, dbtest.Open(t, dbtest.SQLite(t)))
	status := record.Order{Parameter: parameter(t, "DiagnosticReport", "status")}
	for _, c := range []struct {
		name string
		q    record.Query
		want fault.Kind
	}{
		{"a type that is not kept", record.Query{Type: "Patient"}, fault.Unsupported},
		{"sorted by a quantity", record.Query{Type: "Encounter", Sort: []record.Order{{Parameter: parameter(t, "Encounter", "length")}}}, fault.Unsupported},
		{"sorted by nothing", record.Query{Type: "Encounter", Sort: []record.Order{{}}}, fault.Unsupported},
		{"sorted by too much", record.Query{Type: "DiagnosticReport", Sort: []record.Order{status, status, status, status}}, fault.Unsupported},
	} {
		c.q.Site, c.q.Reach = at, everybody
		if _, err := s.Find(t.Context(), s.DB, c.q); err == nil || fault.Of(err) != c.want {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
	}
}

// TestReach: who asks finds those within reach, and nobody who wants their data
// restricted.
func TestReach(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newShelf(t, d)
		for i, person := range []string{"H|1", "H|2", ""} {
			s.must(fmt.Sprintf(`{"resourceType":"Encounter","id":"e%d","status":"finished","class":{"code":"AMB"}}`, i+1), person)
		}
		seen := func(r access.Reach, hidden bool) string {
			t.Helper()
			p := s.find(record.Query{Type: "Encounter", Count: 10, Reach: r, Hidden: hidden})
			return strings.Join(ids(p), " ")
		}
		for _, c := range []struct {
			name  string
			reach access.Reach
			want  string
		}{
			{"nobody", access.Reach{}, ""},
			{"everybody", everybody, "e1 e2 e3"},
			{"one's own", access.Reach{Own: "H|2"}, "e2"},
			{"one study", access.Reach{Study: "1.2.3"}, ""},
			{"those related to an account: none", access.Reach{Account: "anna"}, ""},
		} {
			if got := seen(c.reach, false); got != c.want {
				t.Errorf("%s: %q; want %q", c.name, got, c.want)
			}
		}
		check(t, d.Write(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `insert into access_wish (site_id, person, wish, reason, made_by, since, until) values ($1, 'H|1', 'restricted', '', 'u1', 1, 0)`, at)
			return err
		}))
		if got := seen(everybody, false) + ", " + seen(everybody, true); got != "e2 e3, e1 e2 e3" {
			t.Errorf("with a wish: %s", got)
		}
	})
}

// TestPersons: what is kept of a person is told and erased, and what was said of them
// before somebody put it right too.
func TestPersons(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newShelf(t, d)
		s.must(report, "H|1")
		s.must(strings.Replace(report, "preliminary", "final", 1), "H|2") // it was of the wrong person
		s.must(strings.Replace(report, "d1", "d2", 1), "H|1")
		s.must(strings.Replace(report, "d1", "d3", 1), "")
		persons, err := s.Persons(t.Context(), d)
		check(t, err)
		if diff := cmp.Diff([]access.Person{{Site: at, ID: "H|1"}, {Site: at, ID: "H|2"}}, persons); diff != "" {
			t.Error(diff)
		}
		var told []string
		for r, err := range s.Export(t.Context(), access.Person{Site: at, ID: "H|1"}) {
			check(t, err)
			var data struct{ Resource fhir.Resource }
			if err := json.Unmarshal(r.Data, &data); err != nil || data.Resource.Type() != "DiagnosticReport" {
				t.Errorf("exported: %v", err)
			}
			told = append(told, r.ID)
		}
		if diff := cmp.Diff([]string{"DiagnosticReport/d1/_history/1", "DiagnosticReport/d2/_history/1"}, told); diff != "" {
			t.Error(diff)
		}
		erase := func(key string) (n int) {
			check(t, d.Write(t.Context(), func(tx *db.Tx) (err error) {
				n, err = s.Erase(t.Context(), tx, access.Person{Site: at, ID: key})
				return err
			}))
			return n
		}
		if n := erase("H|1"); n != 3 { // two versions and a resource
			t.Errorf("erased %d rows; want 3", n)
		}
		if _, err := s.ReadVersion(t.Context(), d, at, "DiagnosticReport", "d1", "1"); fault.Of(err) != fault.NotFound {
			t.Errorf("what d1 said of them: %v", err)
		}
		if got := ids(s.find(record.Query{Type: "DiagnosticReport", Count: 9, Reach: everybody})); !slices.Equal(got, []string{"d1", "d3"}) {
			t.Errorf("left: %v", got)
		}
		erase("H|2")
		left := 0
		for _, table := range []string{"record_resource", "record_version", "record_index"} {
			n := 0
			check(t, d.QueryRow(t.Context(), `select count(distinct resource_key) from `+table).Scan(&n))
			left += n
		}
		if left != 3 {
			t.Errorf("%d left; want one resource in three tables", left)
		}
	})
}
