package form_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/form"
	"radagora/journal"
)

// noted is a journal that only counts.
type noted struct {
	mu    sync.Mutex
	kinds []string
}

func (n *noted) Append(_ context.Context, _ *db.Tx, all ...journal.Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, e := range all {
		n.kinds = append(n.kinds, e.Kind)
	}
	return nil
}

const house = "main"

const rooms = `{"resourceType":"Questionnaire","url":"https://example.org/rooms","version":"1","status":"active","language":"en","title":"Rooms","item":[
	{"linkId":"name","type":"string","text":"Name","required":true},
	{"linkId":"ct","type":"group","text":"CT","item":[{"linkId":"rows","type":"integer","text":"Rows","required":true},{"linkId":"maker","type":"string","text":"Maker"}]},
	{"linkId":"note","type":"text","text":"Note"}]}`

// newDesk opens a desk with a published form.
func newDesk(t *testing.T, d *db.DB) (*form.Desk, *noted) {
	t.Helper()
	check(t, d.Migrate(t.Context(), "form", form.Migrations()))
	now := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	n := &noted{}
	k := &form.Desk{DB: d, Journal: n, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Second)
		return now
	}}
	_, _, err := k.Put(t.Context(), house, []byte(rooms), "maker")
	check(t, err)
	check(t, k.Publish(t.Context(), house, "https://example.org/rooms", "1", form.Active, "maker"))
	return k, n
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Versions are drafted, published and retired; what was published never changes.
func TestVersions(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		if _, _, err := k.Put(t.Context(), house, []byte(rooms), "maker"); fault.Of(err) != fault.Conflict {
			t.Errorf("a published version was changed: %v", err)
		}
		for name, text := range map[string]string{
			"no url": strings.Replace(rooms, "https://example.org/rooms", "", 1), "no version": strings.Replace(rooms, `"version":"1",`, "", 1),
			"no JSON": "{", "another resource": `{"resourceType":"Patient"}`, "a cycle": strings.Replace(rooms, `"text":"Note"`, `"enableWhen":[{"question":"note","operator":"exists","answerBoolean":true}]`, 1),
		} {
			if _, _, err := k.Put(t.Context(), house, []byte(text), "maker"); fault.Of(err) != fault.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		two := strings.Replace(rooms, `"version":"1"`, `"version":"2"`, 1)
		_, _, err := k.Put(t.Context(), house, []byte(two), "maker")
		check(t, err)
		if _, _, err := k.Start(t.Context(), house, form.Start{URL: "https://example.org/rooms", Version: "2", By: "a"}); fault.Of(err) != fault.Conflict {
			t.Errorf("a draft was answered: %v", err)
		}
		r, _, err := k.Start(t.Context(), house, form.Start{URL: "https://example.org/rooms", Version: "1", By: "a"})
		check(t, err)
		check(t, k.Publish(t.Context(), house, "https://example.org/rooms", "1", form.Retired, "maker"))
		if _, _, err := k.Start(t.Context(), house, form.Start{URL: "https://example.org/rooms", Version: "1", By: "a"}); fault.Of(err) != fault.Conflict {
			t.Errorf("a retired form was begun: %v", err)
		}
		if _, s, err := k.Response(t.Context(), house, r.ID); err != nil || s.Version != "1" {
			t.Errorf("what was begun goes on: %v", err)
		}
		all, err := k.Versions(t.Context(), house)
		if err != nil || len(all) != 2 || all[0].State != form.Retired || all[1].State != form.Draft {
			t.Errorf("%v %+v", err, all)
		}
	})
}

// Two people answer one form: each keeps what they said, and is told of what the other did
// to the same question.
func TestTogether(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		r, _, err := k.Start(t.Context(), house, form.Start{URL: "https://example.org/rooms", Version: "1", By: "anna", About: "room/7"})
		check(t, err)
		save := func(revision int, by string, edits ...form.Edit) form.Saved {
			t.Helper()
			out, _, err := k.Save(t.Context(), house, r.ID, revision, edits, "", by)
			check(t, err)
			return out
		}
		one := save(1, "anna", form.Edit{Path: "name", Texts: []string{"CT 1"}})
		two := save(1, "ben", form.Edit{Path: "name", Texts: []string{"CT one"}}, form.Edit{Path: "ct/rows", Texts: []string{"64"}}, form.Edit{Path: "ct/maker", Texts: []string{""}},
			form.Edit{Path: "gone", Texts: []string{"x"}}, form.Edit{Path: "note", Texts: []string{"a"}, What: "burn"})
		if one.Revision != 2 || two.Revision != 3 || len(two.Clashes) != 1 || two.Clashes[0].By != "anna" || len(two.Refused) != 2 {
			t.Errorf("%+v, %+v", one, two)
		}
		// Who has seen the other's answer may change it.
		if out := save(3, "ben", form.Edit{Path: "name", Texts: []string{"CT one"}}); len(out.Clashes) != 0 || out.Answered != 2 || out.Asked != 4 {
			t.Errorf("%+v", out)
		}
		_, s, err := k.Response(t.Context(), house, r.ID)
		check(t, err)
		if a := s.Find("name").Answers[0]; a.Value.Text() != "CT one" || a.By != "ben" {
			t.Errorf("%v by %s", a.Value.Text(), a.By)
		}
		done, err := k.Sign(t.Context(), house, r.ID, "anna")
		check(t, err)
		if done.State != form.Completed {
			t.Errorf("%+v", done)
		}
		if _, _, err := k.Save(t.Context(), house, r.ID, done.Revision, []form.Edit{{Path: "note", Texts: []string{"late"}}}, "", "ben"); fault.Of(err) != fault.Conflict {
			t.Errorf("signed answers were changed: %v", err)
		}
		if _, err := k.Amend(t.Context(), house, r.ID, " ", "ben"); fault.Of(err) != fault.Invalid {
			t.Errorf("opened again without a reason: %v", err)
		}
		open, err := k.Amend(t.Context(), house, r.ID, "the rows are wrong", "ben")
		check(t, err)
		save(open.Revision, "ben", form.Edit{Path: "ct/rows"})
		if _, err := k.Sign(t.Context(), house, r.ID, "ben"); fault.Of(err) != fault.Invalid {
			t.Errorf("signed while an answer is missing: %v", err)
		}
		history, err := k.History(t.Context(), house, r.ID)
		check(t, err)
		var what []string
		for _, x := range history {
			what = append(what, x.By+" "+x.What+" "+x.Path)
		}
		if got := strings.Join(what, ", "); got != "anna opened , anna answered name, ben answered ct/rows, ben answered ct/maker, ben answered name, anna signed , ben amended , ben answered ct/rows" {
			t.Errorf("%s", got)
		}
		about, err := k.Responses(t.Context(), house, "", "room/7")
		if err != nil || len(about) != 1 || about[0].ID != r.ID {
			t.Errorf("%v %+v", err, about)
		}
	})
}

// Many save at once: no answer is lost, and each revision is one save.
func TestCrowd(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		r, _, err := k.Start(t.Context(), house, form.Start{URL: "https://example.org/rooms", Version: "1", By: "a"})
		check(t, err)
		var all sync.WaitGroup
		errs := make(chan error, 30)
		for i, path := range []string{"name", "ct/maker", "note"} {
			for n := range 10 {
				all.Go(func() {
					_, _, err := k.Save(t.Context(), house, r.ID, 1000, []form.Edit{{Path: path, Texts: []string{strings.Repeat("x", n+1)}}}, "", string(rune('a'+i)))
					errs <- err
				})
			}
		}
		all.Wait()
		close(errs)
		for err := range errs {
			check(t, err)
		}
		got, s, err := k.Response(t.Context(), house, r.ID)
		check(t, err)
		if got.Revision != 31 || got.Answered != 3 {
			t.Errorf("%+v", got)
		}
		history, err := k.History(t.Context(), house, r.ID)
		check(t, err)
		last := map[string]string{}
		for _, x := range history {
			last[x.Path] = x.Answers
		}
		for _, path := range []string{"name", "ct/maker", "note"} {
			if text := s.Find(path).Answers[0].Value.Text(); !strings.Contains(last[path], `"`+text+`"`) {
				t.Errorf("%s says %s; last saved was %s", path, text, last[path])
			}
		}
	})
}

// A link leads to its group and no further, and ends.
func TestDelegate(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, n := newDesk(t, d)
		r, _, err := k.Start(t.Context(), house, form.Start{URL: "https://example.org/rooms", Version: "1", By: "a"})
		check(t, err)
		until := k.Now().Add(time.Hour)
		for _, g := range []form.Delegation{
			{Site: house, Response: r.ID, LinkID: "ct", Name: " ", Until: until},
			{Site: house, Response: r.ID, LinkID: "name", Name: "x", Until: until},
			{Site: house, Response: r.ID, LinkID: "ct", Name: "x"},
			{Site: house, Response: r.ID, LinkID: "ct", Name: "x", Until: until.AddDate(2, 0, 0)},
			{Site: house, Response: "none", LinkID: "ct", Name: "x", Until: until},
		} {
			if _, _, err := k.Delegate(t.Context(), g); err == nil {
				t.Errorf("%+v was given", g)
			}
		}
		secret, g, err := k.Delegate(t.Context(), form.Delegation{Site: house, Response: r.ID, LinkID: "ct", Name: "the CT room", GivenBy: "a", Until: until})
		check(t, err)
		found, err := k.Delegated(t.Context(), secret)
		if err != nil || found.ID != g.ID || found.LinkID != "ct" {
			t.Errorf("%v %+v", err, found)
		}
		out, _, err := k.Save(t.Context(), house, r.ID, r.Revision, []form.Edit{{Path: "ct/rows", Texts: []string{"16"}}, {Path: "name", Texts: []string{"mine"}}}, found.LinkID, "link:"+found.ID)
		if err != nil || fault.Of(out.Refused["name"]) != fault.Forbidden || out.Answered != 1 {
			t.Errorf("%v %+v", err, out)
		}
		check(t, k.Withdraw(t.Context(), house, g.ID, "a"))
		for name, s := range map[string]string{"withdrawn": secret, "made up": "x", "none": ""} {
			if _, err := k.Delegated(t.Context(), s); fault.Of(err) != fault.NotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
		if got := strings.Join(n.kinds, " "); got != "form.version.drafted form.version.active form.response.opened form.response.delegated form.response.withdrawn" {
			t.Errorf("%s", got)
		}
	})
}

// What is kept about a person can be had and erased.
func TestPerson(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		for _, person := range []string{"P1", "P2", ""} {
			_, _, err := k.Start(t.Context(), house, form.Start{URL: "https://example.org/rooms", Version: "1", By: "a", Person: person})
			check(t, err)
		}
		p := access.Person{Site: house, ID: "P1"}
		count := func() (n int) {
			for _, err := range k.Export(t.Context(), p) {
				check(t, err)
				n++
			}
			return n
		}
		if n := count(); n != 1 {
			t.Errorf("%d responses", n)
		}
		check(t, d.Write(t.Context(), func(tx *db.Tx) error {
			n, err := k.Erase(t.Context(), tx, p)
			if n != 1 {
				t.Errorf("%d erased", n)
			}
			return err
		}))
		persons, err := k.Persons(t.Context(), d)
		if left, all := count(), len(persons); err != nil || left != 0 || all != 1 {
			t.Errorf("%v: %d of P1 left, %d persons", err, left, all)
		}
	})
}

// TestMake makes a form without writing FHIR: begun, changed by two people, published, and
// copied into the next version.
func TestMake(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, n := newDesk(t, d)
		_, err := k.Make(t.Context(), house, " ", "en", "maker")
		refused(t, err, fault.Invalid, "needs a title")
		v, err := k.Make(t.Context(), house, "Rounds", "en", "maker")
		check(t, err)
		refused(t, k.Publish(t.Context(), house, v.URL, v.Version, form.Active, "maker"), fault.Invalid, "asks nothing")
		add := func(text string) func(form.Sketch) (form.Sketch, error) {
			return func(s form.Sketch) (form.Sketch, error) {
				s, _, err := s.Add("", false, form.Question{Type: form.Boolean, Texts: map[string]string{"en": text}, Places: -1})
				return s, err
			}
		}
		now, err := k.Change(t.Context(), house, v.URL, v.Version, v.Digest, "maker", add("Doors closed?"))
		check(t, err)
		_, err = k.Change(t.Context(), house, v.URL, v.Version, v.Digest, "other", add("Lamps lit?"))
		refused(t, err, fault.Conflict, "meanwhile")
		_, err = k.Change(t.Context(), house, v.URL, v.Version, now.Digest, "other", func(s form.Sketch) (form.Sketch, error) { return s.Remove("9") })
		refused(t, err, fault.NotFound, "no question 9")
		check(t, k.Publish(t.Context(), house, v.URL, v.Version, form.Active, "maker"))
		_, err = k.Change(t.Context(), house, v.URL, v.Version, now.Digest, "maker", add("Lamps lit?"))
		refused(t, err, fault.Conflict, "was published")
		next, err := k.Next(t.Context(), house, v.URL, v.Version, "maker")
		check(t, err)
		if next.Version != "2" || next.State != form.Draft {
			t.Errorf("the next version is %s, %s", next.Version, next.State)
		}
		def, _, err := k.Form(t.Context(), house, v.URL, "2")
		check(t, err)
		if len(def.Items) != 1 {
			t.Errorf("the next version has %d questions, want 1", len(def.Items))
		}
		if next, err = k.Next(t.Context(), house, v.URL, "2", "maker"); err != nil || next.Version != "3" {
			t.Errorf("the version after it is %s (%v)", next.Version, err)
		}
		check(t, k.Discard(t.Context(), house, v.URL, "3", "maker"))
		refused(t, k.Discard(t.Context(), house, v.URL, "1", "maker"), fault.NotFound, "what was published stays")
		if !slices.Contains(n.kinds, "form.version.discarded") {
			t.Errorf("the journal has %v", n.kinds)
		}
		// It is tried without keeping anything: answers go there and back.
		s, wrong, err := k.Trial(t.Context(), house, def, "", []form.Edit{{Path: "1", Texts: []string{"true"}}, {Path: "7", Texts: []string{"x"}}})
		check(t, err)
		if len(wrong) != 1 || wrong["7"] == nil {
			t.Errorf("refused: %v", wrong)
		}
		kept, err := s.Kept(form.Heading{Status: "in-progress"})
		check(t, err)
		s, _, err = k.Trial(t.Context(), house, def, string(kept.JSON()), nil)
		check(t, err)
		if a := s.Find("1").Answers; len(a) != 1 || a[0].Value.Text() != "true" {
			t.Errorf("the answer that was tried is %v", a)
		}
	})
}

func refused(t *testing.T, err error, kind fault.Kind, words string) {
	t.Helper()
	if fault.Of(err) != kind || err != nil && !strings.Contains(err.Error(), words) {
		t.Errorf("got %v (%v), want %v with %q", err, fault.Of(err), kind, words)
	}
}
