package record_test

import (
	"context"
	"encoding/json"
	"fmt"
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
	"radagora/fhir"
	"radagora/fhir/search"
	"radagora/journal"
	"radagora/record"
)

const at = "default"

// A shelf is a book with a journal and a clock of its own.
type shelf struct {
	*record.Book
	t       *testing.T
	journal *journal.Journal
	mu      sync.Mutex
	now     time.Time
}

func (s *shelf) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(time.Second)
	return s.now
}

func newShelf(t *testing.T, d *db.DB) *shelf {
	t.Helper()
	s := &shelf{t: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	var err error
	s.journal, err = journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Poll: 20 * time.Millisecond, SealEvery: time.Millisecond})
	check(t, err)
	check(t, d.Migrate(t.Context(), "access", access.Migrations()))
	s.Book, err = record.Open(t.Context(), record.Config{
		DB: d, Journal: s.journal, Types: []string{"Encounter", "DiagnosticReport", "Subscription"}, Now: s.clock,
		Zone: func(context.Context, db.Querier, string, time.Time) (int, error) { return 60, nil },
	})
	check(t, err)
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parse(t testing.TB, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(text))
	check(t, err)
	return r
}

// keep writes in a transaction of its own.
func (s *shelf) keep(r fhir.Resource, person string, c record.Condition) (v record.Version, err error) {
	s.t.Helper()
	err = s.DB.Write(s.t.Context(), func(tx *db.Tx) (err error) {
		v, err = s.Keep(s.t.Context(), tx, r, record.Origin{Site: at, Person: person, Source: "fhir", Actor: "u1"}, c)
		return err
	})
	return v, err
}

// must keeps a resource that may be kept.
func (s *shelf) must(text, person string) record.Version {
	s.t.Helper()
	v, err := s.keep(parse(s.t, text), person, record.Condition{})
	check(s.t, err)
	return v
}

func (s *shelf) find(q record.Query) record.Page {
	s.t.Helper()
	q.Site = at
	p, err := s.Find(s.t.Context(), s.DB, q)
	check(s.t, err)
	return p
}

func criteria(t testing.TB, typ string, all ...string) (list []search.Criterion) {
	t.Helper()
	for _, one := range all {
		name, value, _ := strings.Cut(one, "=")
		c, err := search.Parse(typ, name, value, 60)
		check(t, err)
		list = append(list, c)
	}
	return list
}

func ids(p record.Page) []string {
	all := []string{}
	for _, v := range p.Matches {
		all = append(all, v.Resource.ID())
	}
	return all
}

var everybody = access.Reach{All: true}

const report = `{"resourceType":"DiagnosticReport","id":"d1","status":"preliminary","code":{"text":"CT"},"subject":{"reference":"Patient/p1"}}`

func TestKeep(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newShelf(t, d)
		first := s.must(report, "A\\1")
		if !first.Created || first.Number != 1 || first.Resource.Get("meta.versionId").Text() != "1" || !first.Resource.Get("meta.lastUpdated").Exists() {
			t.Errorf("the first version: %d, created %v, %s", first.Number, first.Created, first.Resource.JSON())
		}
		if again := s.must(report, "A\\1"); !again.Same || again.Number != 1 || again.Created {
			t.Errorf("what is the same: version %d, same %v", again.Number, again.Same)
		}
		if read := parse(t, string(first.Resource.JSON())); s.must(string(read.JSON()), "A\\1").Number != 1 {
			t.Error("what was read and sent back is another version")
		}
		final := strings.Replace(report, "preliminary", "final", 1)
		if v, err := s.keep(parse(t, final), "A\\1", record.Condition{Match: "7"}); fault.Of(err) != fault.Conflict {
			t.Errorf("If-Match of another version: %v, %v; want Conflict", v.Number, err)
		}
		if _, err := s.keep(parse(t, final), "A\\1", record.Condition{New: true}); fault.Of(err) != fault.Conflict {
			t.Errorf("new, though it is there: %v; want Conflict", err)
		}
		if _, err := s.keep(parse(t, strings.Replace(final, "d1", "d2", 1)), "", record.Condition{Match: "1"}); fault.Of(err) != fault.Conflict {
			t.Errorf("If-Match of nothing: %v; want Conflict", err)
		}
		second, err := s.keep(parse(t, final), "A\\1", record.Condition{Match: "1"})
		if err != nil || second.Number != 2 || second.Created || second.Key != first.Key {
			t.Errorf("the second version: %d, %v", second.Number, err)
		}
		if moved := s.must(final, "A\\2"); moved.Number != 3 {
			t.Errorf("another person: version %d; want 3", moved.Number)
		}

		ctx := t.Context()
		newest, err := s.Read(ctx, d, at, "DiagnosticReport", "d1")
		check(t, err)
		old, err := s.ReadVersion(ctx, d, at, "DiagnosticReport", "d1", "1")
		check(t, err)
		if newest.Number != 3 || old.Resource.Get("status").Text() != "preliminary" || newest.Resource.Get("status").Text() != "final" || old.By != "u1" {
			t.Errorf("read: version %d, %s; the first %s by %s", newest.Number, newest.Resource.Get("status").Text(), old.Resource.Get("status").Text(), old.By)
		}
		history, err := s.History(ctx, d, at, "DiagnosticReport", "d1")
		if err != nil || len(history) != 3 || history[0].Number != 3 || history[2].Number != 1 {
			t.Errorf("history of %d, %v", len(history), err)
		}
		for name, err := range map[string]error{
			"no such resource":    second1(s.Read(ctx, d, at, "DiagnosticReport", "nobody")),
			"no such version":     second1(s.ReadVersion(ctx, d, at, "DiagnosticReport", "d1", "9")),
			"a version no number": second1(s.ReadVersion(ctx, d, at, "DiagnosticReport", "d1", "01")),
			"another site":        second1(s.Read(ctx, d, "other", "DiagnosticReport", "d1")),
		} {
			if fault.Of(err) != fault.NotFound || err == nil {
				t.Errorf("%s: %v; want NotFound", name, err)
			}
		}
		byKey, err := s.ReadKey(ctx, d, at, first.Key, 2)
		if err != nil || byKey.Number != 2 {
			t.Errorf("by key: %d, %v", byKey.Number, err)
		}
	})
}

func second1[T any](_ T, err error) error { return err }

func TestRefused(t *testing.T) {
	s := newShelf(t, dbtest.Open(t, dbtest.SQLite(t)))
	for _, c := range []struct {
		name, text string
		want       fault.Kind
	}{
		{"a type that a room projects", `{"resourceType":"Patient"}`, fault.Unsupported},
		{"not valid", `{"resourceType":"DiagnosticReport","status":"final"}`, fault.Invalid},
		{"a code outside the value set", strings.Replace(report, "preliminary", "LEAK", 1), fault.Invalid},
		{"an id that is none", strings.Replace(report, "d1", "a b", 1), fault.Invalid},
		{"too large", strings.Replace(report, `"text":"CT"`, `"text":"`+strings.Repeat("x", 5<<20)+`"`, 1), fault.Invalid},
		{"many that are allowed, too large together", strings.Replace(report, `"status"`, `"extension":[`+strings.Repeat(`{"url":"http://x","valueString":"`+strings.Repeat("x", 900<<10)+`"},`, 5)+`{"url":"http://y","valueBoolean":true}],"status"`, 1), fault.Exhausted},
	} {
		_, err := s.keep(parse(t, c.text), "", record.Condition{})
		if err == nil || fault.Of(err) != c.want {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "LEAK") {
			t.Errorf("%s: the error shows a value: %v", c.name, err)
		}
	}
	if v := s.must(strings.Replace(report, `"id":"d1",`, "", 1), ""); v.Resource.ID() == "" {
		t.Error("a resource without an id got none")
	}
}

func TestJournal(t *testing.T) {
	s := newShelf(t, dbtest.Open(t, dbtest.SQLite(t)))
	v := s.must(strings.Replace(report, "d1", "MRN-4711", 1), "A\\1")
	s.must(strings.Replace(report, "d1", "MRN-4711", 1), "A\\1")
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.journal.Run(ctx) })
	defer wg.Wait()
	defer stop()
	for head := (journal.Head{}); head.Seq == 0; time.Sleep(time.Millisecond) {
		var err error
		head, err = s.journal.Head(ctx)
		check(t, err)
	}
	var all []journal.Entry
	for e, err := range s.journal.Find(ctx, journal.Filter{Site: at}) {
		check(t, err)
		all = append(all, e)
	}
	if len(all) != 1 {
		t.Fatalf("%d entries; want one, since the second was the same", len(all))
	}
	e := all[0]
	if e.Kind != record.Kept || e.Actor != "u1" || e.Subject != v.Key || string(e.Data) != `{"type":"DiagnosticReport","version":1,"source":"fhir"}` {
		t.Errorf("the entry: %s %s %s %s", e.Kind, e.Actor, e.Subject, e.Data)
	}
	if text, _ := json.Marshal(e); strings.Contains(string(text), "4711") || strings.Contains(string(text), "A\\") {
		t.Error("the journal holds an id that somebody chose, or a person")
	}
}

// Two that write at once both get a version.
func TestBeside(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newShelf(t, d)
		const many = 12
		var all sync.WaitGroup
		for i := range many {
			all.Go(func() {
				if _, err := s.keep(parse(t, strings.Replace(report, `"CT"`, fmt.Sprintf(`"CT %d"`, i), 1)), "", record.Condition{}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		history, err := s.History(t.Context(), d, at, "DiagnosticReport", "d1")
		check(t, err)
		if len(history) != many {
			t.Errorf("%d versions; want %d", len(history), many)
		}

		// A condition is looked at in turn: only one of many makes it.
		made := make(chan bool, many)
		for i := range many {
			all.Go(func() {
				found := false
				err := d.Write(t.Context(), func(tx *db.Tx) error {
					if err := s.Turn(t.Context(), tx, at, "Encounter"); err != nil {
						return err
					}
					p, err := s.Find(t.Context(), tx, record.Query{Site: at, Type: "Encounter", Criteria: criteria(t, "Encounter", "identifier=u|7"), Count: 1, Reach: everybody})
					if found = len(p.Matches) > 0; err != nil || found {
						return err
					}
					_, err = s.Keep(t.Context(), tx, encounter(t, fmt.Sprintf("e%d", i), "finished", "7"), record.Origin{Site: at}, record.Condition{})
					return err
				})
				if err != nil {
					t.Error(err)
				}
				made <- !found
			})
		}
		all.Wait()
		n := 0
		for range many {
			if <-made {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d made it; want 1", n)
		}
	})
}

func encounter(t testing.TB, id, status, number string) fhir.Resource {
	return parse(t, fmt.Sprintf(`{"resourceType":"Encounter","id":%q,"identifier":[{"system":"u","value":%q}],"status":%q,"class":{"code":"AMB"}}`, id, number, status))
}

func TestPages(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newShelf(t, d)
		var want []string
		for i := range 450 {
			status := "final"
			if i%3 == 0 {
				status = "partial"
			}
			day := 1 + (i*7)%28
			r := parse(t, fmt.Sprintf(`{"resourceType":"DiagnosticReport","id":"r%03d","status":%q,"code":{"text":"x"},"effectiveDateTime":"2026-03-%02d"}`, i, status, day))
			if _, err := s.keep(r, "", record.Condition{}); err != nil {
				t.Fatal(err)
			}
			if status == "final" {
				want = append(want, fmt.Sprintf("%02d r%03d", day, i))
			}
		}
		slices.Sort(want)
		for i := range want {
			want[i] = want[i][3:]
		}
		date, _ := search.Find("DiagnosticReport", "date")
		id, _ := search.Find("DiagnosticReport", "_id")
		q := record.Query{Type: "DiagnosticReport", Criteria: criteria(t, "DiagnosticReport", "status=final"), Sort: []record.Order{{Parameter: date}, {Parameter: id}}, Count: 70, Reach: everybody}
		var got []string
		for {
			p := s.find(q)
			if p.Total != len(want) {
				t.Errorf("total %d; want %d", p.Total, len(want))
			}
			got = append(got, ids(p)...)
			if q.Cursor = p.Next; q.Cursor == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the pages together (-want +got):\n%s", diff)
		}
		if p := s.find(record.Query{Type: "DiagnosticReport", Criteria: criteria(t, "DiagnosticReport", "date=ge2026-03-22"), Reach: everybody}); p.Total != 112 || len(p.Matches) != 0 {
			t.Errorf("only the number: %d, %d shown", p.Total, len(p.Matches))
		}
		desc := s.find(record.Query{Type: "DiagnosticReport", Sort: []record.Order{{Parameter: id, Descending: true}}, Count: 2, Reach: everybody})
		if diff := cmp.Diff([]string{"r449", "r448"}, ids(desc)); diff != "" {
			t.Error(diff)
		}
		for name, cursor := range map[string]string{"no cursor": "%", "of another sort": desc.Next, "a text for a time": "eyJieSI6WyJ4IiwieSJdLCJrZXkiOiJrIn0"} {
			q.Cursor = cursor
			q.Site = at
			if _, err := s.Find(t.Context(), d, q); fault.Of(err) != fault.Invalid || err == nil {
				t.Errorf("cursor %s: %v; want Invalid", name, err)
			}
		}
	})
}

// TestMentioning finds what of a person holds a text, as its newest version.
func TestMentioning(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newShelf(t, d)
		of := func(id, study string) string {
			return `{"resourceType":"DiagnosticReport","id":"` + id + `","status":"final","code":{"text":"CT"},"imagingStudy":[{"reference":"https://h.example/fhir/ImagingStudy/` + study + `"}]}`
		}
		s.must(of("a", "1.2"), "p1")
		s.must(of("b", "1.2.3"), "p1")
		s.must(of("c", "1.2"), "p2")
		s.must(of("d", "1.2"), "p1")
		s.must(of("d", "1.4"), "p1")
		s.must(of("e", "9"), "p3")
		for _, c := range []struct {
			name           string
			persons, texts []string
			want           string
		}{
			{"of one person, to its end", []string{"p1"}, []string{"ImagingStudy/1.2"}, "a"},
			{"of two persons", []string{"p1", "p2"}, []string{"ImagingStudy/1.2"}, "a c"},
			{"as it stands now", []string{"p1"}, []string{"ImagingStudy/1.2", "ImagingStudy/1.4"}, "a d"},
			{"what means something to the database means nothing here", []string{"p3"}, []string{"ImagingStudy/_", "%"}, ""},
			{"no text", []string{"p1"}, nil, ""},
			{"nobody", nil, []string{"ImagingStudy/1.2"}, ""},
		} {
			all, err := s.Mentioning(t.Context(), d, at, "DiagnosticReport", c.persons, c.texts)
			check(t, err)
			var got []string
			for _, v := range all {
				got = append(got, v.Resource.ID())
			}
			if strings.Join(got, " ") != c.want {
				t.Errorf("%s: %v; want %s", c.name, got, c.want)
			}
		}
	})
}
