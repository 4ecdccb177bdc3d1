package survey_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/evidence"
	"radagora/fault"
	"radagora/fhir"
	"radagora/form"
	"radagora/form/survey"
	"radagora/journal"
	"radagora/site"
)

const (
	house = site.Default
	boss  = "account-manager"
	asks  = "https://example.org/asks"
)

// questions is a form in two languages, one of which lacks a text.
const questions = `{"resourceType":"Questionnaire","url":"https://example.org/asks","version":"1","status":"active","language":"en","title":"Asks",
	"_title":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/translation","extension":[{"url":"lang","valueCode":"de"},{"url":"content","valueString":"Fragen"}]}]},
	"item":[
	{"linkId":"kind","type":"choice","text":"Kind","required":true,"answerOption":[{"valueCoding":{"code":"u","display":"University"}},{"valueCoding":{"code":"o","display":"Other"}}]},
	{"linkId":"how","type":"choice","text":"How","answerOption":[{"valueCoding":{"code":"1","display":"bad"}},{"valueCoding":{"code":"2","display":"good"}}]},
	{"linkId":"why","type":"text","text":"Why"},{"linkId":"n","type":"integer","text":"How many"},
	{"linkId":"which","type":"choice","repeats":true,"text":"Which","answerOption":[{"valueCoding":{"code":"a","display":"A"}},{"valueCoding":{"code":"b","display":"B"}}]}]}`

// A clock that a test moves.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time  { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) set(t time.Time) { c.mu.Lock(); defer c.mu.Unlock(); c.t = t }

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, err error, kind fault.Kind, says string) {
	t.Helper()
	if err == nil || fault.Of(err) != kind || !strings.Contains(err.Error(), says) {
		t.Errorf("error %v of kind %v, want %v with %q", err, fault.Of(err), kind, says)
	}
}

func newDesk(t *testing.T, d *db.DB) (*survey.Desk, *clock) {
	t.Helper()
	k, c := openDesk(t, d)
	forms := k.Forms.(*form.Desk) // as openDesk makes it
	_, _, err := forms.Put(t.Context(), house, []byte(questions), boss)
	check(t, err)
	check(t, forms.Publish(t.Context(), house, asks, "1", form.Active, boss))
	return k, c
}

// openDesk opens a desk on what is there.
func openDesk(t *testing.T, d *db.DB) (*survey.Desk, *clock) {
	t.Helper()
	c := &clock{t: time.Date(2026, 11, 23, 13, 27, 42, 123e6, time.UTC)}
	j, err := journal.Open(t.Context(), d, journal.Options{MasterKey: [32]byte{1}, Log: slog.New(slog.DiscardHandler)})
	check(t, err)
	sites, err := site.Open(t.Context(), d, j, c.now)
	check(t, err)
	check(t, d.Migrate(t.Context(), "form", form.Migrations()))
	check(t, d.Migrate(t.Context(), "survey", survey.Migrations()))
	library, err := content.Open()
	check(t, err)
	forms := &form.Desk{DB: d, Journal: j, Now: c.now, Shipped: func(string) (all []fhir.Resource, err error) {
		set, _ := library.Set("", "form/patient_experience")
		text, err := set.Text("form")
		check(t, err)
		r, err := fhir.Parse(text)
		return append(all, r), err
	}}
	return &survey.Desk{DB: d, Journal: j, Forms: forms, Content: library, Site: sites.Site, Now: c.now, Key: bytes.Repeat([]byte{7}, 32)}, c
}

func plan() survey.Plan {
	return survey.Plan{Title: "Asks", Purpose: "to know", Basis: "consent", DeleteOn: "2027-12-31"}
}

// opened is a survey that is open.
func opened(t *testing.T, k *survey.Desk, mode string, p survey.Plan, invited ...survey.Invite) (survey.Survey, string) {
	t.Helper()
	s, err := k.Make(t.Context(), house, asks, "1", mode, p, boss)
	check(t, err)
	if len(invited) > 0 {
		n, err := k.Add(t.Context(), house, s.ID, invited, boss)
		check(t, err)
		if n != len(invited) {
			t.Fatalf("%d invited, want %d", n, len(invited))
		}
	}
	s, link, err := k.Start(t.Context(), house, s.ID, boss)
	check(t, err)
	return s, link
}

func members(n int, groups ...string) (all []survey.Invite) {
	for i := range n {
		all = append(all, survey.Invite{Name: fmt.Sprintf("Member %d", i), Address: fmt.Sprintf("m%d@example.org", i), Language: "en", Stratum: groups[i%len(groups)]})
	}
	return all
}

// answers gives a whole answer.
func answers(ctx context.Context, k *survey.Desk, secret, kind, how, why string) (survey.Sheet, error) {
	mine, err := k.Begin(ctx, secret, "en")
	if err != nil {
		return survey.Sheet{}, err
	}
	edits := []form.Edit{{Path: "kind", Texts: []string{kind}}, {Path: "how", Texts: []string{how}}, {Path: "n", Texts: []string{"4"}}, {Path: "which", Texts: []string{"0", "1"}}}
	if why != "" {
		edits = append(edits, form.Edit{Path: "why", Texts: []string{why}})
	}
	return k.Save(ctx, mine, 1, edits, true)
}

// TestPlans are refused with the reason.
func TestPlans(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		for name, x := range map[string]struct {
			mode string
			do   func(*survey.Plan)
			says string
		}{
			"no title":           {survey.Token, func(p *survey.Plan) { p.Title = " " }, "title"},
			"no purpose":         {survey.Token, func(p *survey.Plan) { p.Purpose = "" }, "purpose"},
			"mode":               {"open", func(*survey.Plan) {}, "mode"},
			"no basis":           {survey.Named, func(p *survey.Plan) { p.Basis = "" }, "legal basis"},
			"no deletion":        {survey.Anonymous, func(p *survey.Plan) { p.DeleteOn = "" }, "deletion"},
			"deletion is past":   {survey.Anonymous, func(p *survey.Plan) { p.DeleteOn = "2026-11-23" }, "deletion"},
			"ends after":         {survey.Anonymous, func(p *survey.Plan) { p.Closes = "2028-01-01" }, "last day"},
			"open and named":     {survey.Named, func(p *survey.Plan) { p.Link = true }, "anonymous"},
			"small groups":       {survey.Named, func(p *survey.Plan) { p.Least = 4 }, "smallest group: 5"},
			"language":           {survey.Named, func(p *survey.Plan) { p.Languages = []string{"en", "de"} }, "language de"},
			"group of no choice": {survey.Named, func(p *survey.Plan) { p.Group = "why" }, "question why"},
			"group of several":   {survey.Named, func(p *survey.Plan) { p.Group = "which" }, "question which"},
			"unknown question":   {survey.Named, func(p *survey.Plan) { p.Group = "nix" }, "no question nix"},
			"quota of option":    {survey.Named, func(p *survey.Plan) { p.Quotas = []survey.Quota{{LinkID: "kind", Option: 2, Most: 1}} }, "2 options"},
			"quota of none":      {survey.Named, func(p *survey.Plan) { p.Quotas = []survey.Quota{{Most: 0}} }, "from 1"},
		} {
			p := plan()
			x.do(&p)
			_, err := k.Make(t.Context(), house, asks, "1", x.mode, p, boss)
			if err == nil {
				t.Errorf("%s is taken", name)
				continue
			}
			refused(t, err, fault.Invalid, x.says)
		}
		s, err := k.Make(t.Context(), house, asks, "1", survey.Token, plan(), boss)
		check(t, err)
		if got := strings.Join(s.Plan.Languages, " "); got != "en" || s.Plan.Least != 5 {
			t.Errorf("languages %q, least %d", got, s.Plan.Least)
		}
		p := s.Plan
		p.Title = "Other"
		_, err = k.Change(t.Context(), house, s.ID, 1, survey.Token, p, boss)
		check(t, err)
		_, err = k.Change(t.Context(), house, s.ID, 1, survey.Token, p, boss)
		refused(t, err, fault.Conflict, "somebody else")
		_, _, err = k.Start(t.Context(), house, s.ID, boss)
		check(t, err)
		_, err = k.Change(t.Context(), house, s.ID, 3, survey.Token, p, boss)
		refused(t, err, fault.Conflict, "open")
	})
}

// TestInvites reads a list of members and names the line that is wrong.
func TestInvites(t *testing.T) {
	all, err := survey.ReadInvites(strings.NewReader("\ufeffname,address,language,group\nA B, a@example.org,en,AT\nC,,,BE\n"))
	check(t, err)
	if len(all) != 2 || all[0] != (survey.Invite{Name: "A B", Address: "a@example.org", Language: "en", Stratum: "AT"}) {
		t.Errorf("%+v", all)
	}
	for text, says := range map[string]string{
		"": "column names", "name,born\nA,1980\n": `"born"`, "name\n": "nobody", "address\nnone\n": "line 2", "name,name\nA,B\n": "twice", "name,address\n,\n": "line 2", "name\n\"A\n": "line 2",
	} {
		_, err := survey.ReadInvites(strings.NewReader(text))
		refused(t, err, fault.Invalid, says)
	}
}

// TestTokens are those of a survey that is not anonymous: an answer is gone on with by the
// same address, the link is cut at closing, and of names and addresses nothing stays.
func TestTokens(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		s, _ := opened(t, k, survey.Token, plan(), members(6, "AT", "BE")...)
		if n, err := k.Add(t.Context(), house, s.ID, members(7, "AT"), boss); err != nil || n != 1 {
			t.Errorf("%d more, %v: who is invited already is invited once", n, err)
		}
		letters, err := k.Letters(t.Context(), house, s.ID, false, boss)
		check(t, err)
		door, err := k.Knock(t.Context(), letters[0].Secret)
		check(t, err)
		if door.Survey.ID != s.ID || door.Spent || door.Answer != "" {
			t.Errorf("%+v", door)
		}
		_, err = k.Begin(t.Context(), letters[0].Secret, "fr")
		refused(t, err, fault.Invalid, "language")
		mine, err := k.Begin(t.Context(), letters[0].Secret, "en")
		check(t, err)
		again, err := k.Begin(t.Context(), letters[0].Secret, "en")
		check(t, err)
		if mine != again {
			t.Error("a second answer was begun")
		}
		sh, err := k.Save(t.Context(), mine, 1, []form.Edit{{Path: "how", Texts: []string{"1"}}, {Path: "n", Texts: []string{"many"}}, {Path: "nix", Texts: []string{"1"}}}, false)
		check(t, err)
		if len(sh.Refused) != 2 || sh.Answered != 1 || sh.Revision != 2 {
			t.Errorf("%+v", sh)
		}
		_, err = k.Save(t.Context(), mine, 1, nil, false)
		refused(t, err, fault.Conflict, "another window")
		_, err = k.Save(t.Context(), mine, 2, nil, true)
		refused(t, err, fault.Invalid, "1 questions")
		sh, err = k.Save(t.Context(), mine, 3, []form.Edit{{Path: "kind", Texts: []string{"0"}}}, true)
		check(t, err)
		if sh.State != survey.Complete {
			t.Errorf("state %s", sh.State)
		}
		_, err = k.Save(t.Context(), mine, sh.Revision, []form.Edit{{Path: "kind", Texts: []string{"1"}}}, false)
		refused(t, err, fault.Conflict, "was sent")
		open, err := k.Letters(t.Context(), house, s.ID, true, boss)
		check(t, err)
		if len(open) != 6 || open[0].Secret == letters[0].Secret {
			t.Errorf("%d are reminded, want the 6 who did not answer", len(open))
		}
		c, err := k.Counts(t.Context(), house, s.ID)
		check(t, err)
		if c != (survey.Counts{Invited: 7, Opened: 1, Begun: 1, Usable: 0, Complete: 1}) {
			t.Errorf("%+v", c)
		}
		_, err = k.Close(t.Context(), house, s.ID, boss)
		check(t, err)
		for _, x := range []string{"m0@example.org", "Member", letters[0].Secret} {
			if stands(t, d, x) {
				t.Errorf("%s stands in the database after closing", x)
			}
		}
		left, err := k.Invitations(t.Context(), house, s.ID)
		check(t, err)
		for _, x := range left {
			if x.Answer != "" || x.Name != "" || x.Address != "" || x.Stratum == "" {
				t.Errorf("left: %+v", x)
			}
		}
		_, err = k.Knock(t.Context(), letters[1].Secret)
		refused(t, err, fault.NotFound, "no survey")
		_, err = k.Save(t.Context(), mine, 1, nil, false)
		refused(t, err, fault.Conflict, "closed")
	})
}

// stands reports whether a text stands in a table.
func stands(t *testing.T, d *db.DB, text string) bool {
	t.Helper()
	for _, table := range []string{"survey", "survey_invite", "survey_answer", "survey_text", "survey_result", "survey_quota", "form_response", "form_change", "journal_entry"} {
		for _, row := range dump(t, d, table) {
			if strings.Contains(row, text) {
				return true
			}
		}
	}
	return false
}

// dump writes the rows of a table, in the order in which the engine has them.
func dump(t *testing.T, d *db.DB, table string) []string {
	t.Helper()
	all, err := db.List(t.Context(), d, func(r *db.Rows) (string, error) {
		columns, err := r.Columns()
		if err != nil {
			return "", err
		}
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		err = r.Scan(values...)
		var b strings.Builder
		for i := range values {
			v := *values[i].(*any)
			if raw, ok := v.([]byte); ok {
				v = string(raw)
			}
			fmt.Fprintf(&b, "%s=%v ", columns[i], v)
		}
		return b.String(), err
	}, `select * from `+table)
	check(t, err)
	return all
}

// TestAnonymous proves that nothing kept says who answered what: no value stands both at
// an invitation and at an answer, there is no moment finer than a day, the order of one
// table is not that of the other, and the journal has no entry of an answer.
func TestAnonymous(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, c := newDesk(t, d)
		const n = 40
		s, _ := opened(t, k, survey.Anonymous, plan(), members(n, "AT")...)
		letters, err := k.Letters(t.Context(), house, s.ID, false, boss)
		check(t, err)
		before := len(dump(t, d, "journal_entry"))
		var mine []string
		for i, l := range letters {
			c.set(c.now().Add(17 * time.Second))
			_, err := k.Knock(t.Context(), l.Secret)
			check(t, err)
			a, err := k.Begin(t.Context(), l.Secret, "en")
			check(t, err)
			mine = append(mine, a)
			_, err = k.Save(t.Context(), a, 1, []form.Edit{{Path: "kind", Texts: []string{"0"}}, {Path: "n", Texts: []string{fmt.Sprint(1000 + i)}}}, true)
			check(t, err)
			_, err = k.Begin(t.Context(), l.Secret, "en")
			refused(t, err, fault.Conflict, "was used")
		}
		if after := len(dump(t, d, "journal_entry")); after != before {
			t.Errorf("the journal has %d entries more", after-before)
		}
		for _, a := range mine {
			if stands(t, d, a) {
				t.Fatal("the secret of an answer stands in the database")
			}
		}
		invites, kept := dump(t, d, "survey_invite"), dump(t, d, "survey_answer")
		values := func(rows []string) map[string]bool {
			all := map[string]bool{}
			for _, row := range rows {
				for pair := range strings.FieldsSeq(row) {
					if _, v, _ := strings.Cut(pair, "="); len(v) > 6 {
						all[v] = true
					}
				}
			}
			return all
		}
		at := values(invites)
		for v := range values(kept) {
			if at[v] && v != s.ID && v != house {
				t.Errorf("%s stands at an invitation and at an answer", v)
			}
		}
		for _, row := range kept {
			for _, fine := range []string{"13:2", "13:3", "T13", "17956", fmt.Sprint(c.now().UnixMilli())[:8]} {
				if strings.Contains(row, fine) {
					t.Errorf("an answer has a moment: %s in %s", fine, row)
				}
			}
			if !strings.Contains(row, "day=2026-11-23") {
				t.Errorf("no day: %s", row)
			}
		}
		// How far the order of answers in their table is that in which they came: of places
		// at random half of the pairs that follow each other rise.
		rises := 0
		last := -1
		for _, row := range kept {
			i := strings.Index(row, `"valueInteger":10`)
			var v int
			_, err := fmt.Sscanf(row[i+len(`"valueInteger":`):], "%d", &v)
			check(t, err)
			if v > last {
				rises++
			}
			last = v
		}
		if d.Engine() == db.SQLite && rises > n-6 {
			t.Errorf("%d of %d answers stand in the order in which they came", rises, n)
		}
		_, err = k.Close(t.Context(), house, s.ID, boss) // every engine has them in another order now
		check(t, err)
		if again := dump(t, d, "survey_answer"); strings.Join(again, "\n") == strings.Join(kept, "\n") {
			t.Error("closing leaves the answers where they were")
		}
	})
}

// TestFiveHundred respondents answer at once, and none is lost.
func TestFiveHundred(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		const n = 500
		s, _ := opened(t, k, survey.Anonymous, plan(), members(n, "AT", "BE", "DE")...)
		letters, err := k.Letters(t.Context(), house, s.ID, false, boss)
		check(t, err)
		var wg sync.WaitGroup
		errs := make(chan error, n)
		for i, l := range letters {
			wg.Go(func() {
				if _, err := answers(t.Context(), k, l.Secret, fmt.Sprint(i%2), fmt.Sprint(i%2), "w"+fmt.Sprint(i)); err != nil {
					errs <- err
				}
			})
		}
		wg.Wait()
		close(errs)
		for err := range errs {
			t.Fatal(err)
		}
		_, err = k.Close(t.Context(), house, s.ID, boss)
		check(t, err)
		r, err := k.Results(t.Context(), house, s.ID)
		check(t, err)
		if r.N != n || r.Counts != (survey.Counts{Invited: n, Opened: n, Begun: n, Usable: n, Complete: n}) || r.Questions[0].Options[0].N != n/2 {
			t.Errorf("%+v", r)
		}
		texts, err := k.Texts(t.Context(), house, s.ID, true)
		check(t, err)
		if len(texts) != n {
			t.Errorf("%d texts", len(texts))
		}
	})
}

// TestQuota of a group ends with that message, and is counted.
func TestQuota(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		p := plan()
		p.Link, p.Quotas = true, []survey.Quota{{LinkID: "kind", Option: 0, Most: 10}}
		s, link := opened(t, k, survey.Anonymous, p)
		var wg sync.WaitGroup
		var mu sync.Mutex
		states := map[string]int{}
		for range 30 {
			wg.Go(func() {
				sh, err := answers(t.Context(), k, link, "0", "1", "")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				states[sh.State]++
			})
		}
		wg.Wait()
		if states[survey.Complete] != 10 || states[survey.Full] != 20 {
			t.Errorf("%v", states)
		}
		sh, err := answers(t.Context(), k, link, "1", "1", "")
		check(t, err)
		if sh.State != survey.Complete {
			t.Errorf("another group: %s", sh.State)
		}
		c, err := k.Counts(t.Context(), house, s.ID)
		check(t, err)
		if c.Full != 20 || c.Complete != 11 || c.Usable != 11 || c.Invited != 0 {
			t.Errorf("%+v", c)
		}
	})
}

// TestResults are told by groups that are large enough, and while a survey is open only
// when five more have come.
func TestResults(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		p := plan()
		p.Link, p.Group = true, "kind"
		s, link := opened(t, k, survey.Anonymous, p)
		give := func(n int, kind, how, why string) {
			t.Helper()
			for range n {
				_, err := answers(t.Context(), k, link, kind, how, why)
				check(t, err)
			}
		}
		results := func() survey.Results {
			t.Helper()
			r, err := k.Results(t.Context(), house, s.ID)
			check(t, err)
			return r
		}
		give(4, "0", "1", "four of us")
		if r := results(); !r.Hidden || r.Counts.Complete != 4 || len(r.Questions) != 0 {
			t.Errorf("of 4: %+v", r)
		}
		if all, err := k.Texts(t.Context(), house, s.ID, true); err != nil || len(all) != 0 {
			t.Errorf("of 4 texts are shown: %v %v", all, err)
		}
		give(8, "0", "1", "")
		if r := results(); r.Hidden || r.N != 12 {
			t.Errorf("of 12: %+v", r)
		}
		give(3, "1", "0", "")
		if r := results(); r.N != 12 || r.Counts.Complete != 15 {
			t.Errorf("three more change results: %+v", r)
		}
		_, err := k.Close(t.Context(), house, s.ID, boss)
		check(t, err)
		r := results()
		how := r.Questions[1]
		if r.N != 15 || !r.Final || !how.Options[0].Hidden || !how.Options[1].Hidden || how.Answers.N != 15 || how.Table != nil {
			t.Errorf("12 and 3: %+v", how)
		}
		if n := r.Questions[3]; n.LinkID != "n" || n.Median == nil || *n.Median != 4 || n.Low != nil {
			t.Errorf("numbers: %+v", n)
		}
		if w := r.Questions[4]; !w.Several || w.Options[0].N != 15 || w.Options[2].N != 0 {
			t.Errorf("several: %+v", w)
		}
		check(t, k.Clear(t.Context(), house, s.ID, boss))
		if again := results(); again.N != 15 || stands(t, d, "four of us") {
			t.Errorf("cleared: %+v", again)
		}
	})
}

// TestTexts are read before they are shown.
func TestTexts(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		p := plan()
		p.Link = true
		s, link := opened(t, k, survey.Anonymous, p)
		for _, why := range []string{"Too long", "call me at 0123456", "ask Berta", "fine", "x@example.org"} {
			_, err := answers(t.Context(), k, link, "0", "1", why)
			check(t, err)
		}
		all, err := k.Texts(t.Context(), house, s.ID, true)
		check(t, err)
		suspects := map[string]string{}
		for _, w := range all {
			suspects[w.Words] = w.Suspect
		}
		if suspects["Too long"] != "" || suspects["fine"] != "" || suspects["call me at 0123456"] != "digits" || suspects["ask Berta"] != "name" || suspects["x@example.org"] != "mail" {
			t.Errorf("%v", suspects)
		}
		for _, w := range all {
			state, shown := survey.Withheld, ""
			if w.Words == "ask Berta" {
				state, shown = survey.Shown, "ask […]"
			}
			check(t, k.Screen(t.Context(), house, s.ID, w.Slot, state, shown, boss))
		}
		all, err = k.Texts(t.Context(), house, s.ID, false)
		check(t, err)
		if len(all) != 1 || all[0].Shown != "ask […]" || all[0].Words != "" {
			t.Errorf("%+v", all)
		}
		refused(t, k.Screen(t.Context(), house, s.ID, 1, "maybe", "", boss), fault.Invalid, "maybe")
		refused(t, k.Screen(t.Context(), house, s.ID, 0, survey.Withheld, "", boss), fault.NotFound, "no such text")
	})
}

// TestExport writes what others read, and nothing that tells who answered.
func TestExport(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		for _, mode := range []string{survey.Token, survey.Named} {
			s, _ := opened(t, k, mode, plan(), members(6, "AT")...)
			letters, err := k.Letters(t.Context(), house, s.ID, false, boss)
			check(t, err)
			for i, l := range letters {
				_, err := answers(t.Context(), k, l.Secret, fmt.Sprint(i%2), "1", "=secret words")
				check(t, err)
			}
			out := func(format string) string {
				t.Helper()
				var b bytes.Buffer
				check(t, k.Write(t.Context(), &b, house, s.ID, format, "en", boss))
				return b.String()
			}
			refused(t, k.Write(t.Context(), &bytes.Buffer{}, house, s.ID, survey.CSV, "en", boss), fault.Conflict, "open")
			refused(t, k.Write(t.Context(), &bytes.Buffer{}, house, s.ID, "xls", "en", boss), fault.Invalid, "xls")
			_, err = k.Close(t.Context(), house, s.ID, boss)
			check(t, err)
			rows, err := csv.NewReader(strings.NewReader(out(survey.CSV))).ReadAll()
			check(t, err)
			head := strings.Join(rows[0], ",")
			want := "answer_language,answer_group,kind,how,why,n,which_1,which_2"
			if mode == survey.Named {
				want = "answer_language,answer_group,invited_name,invited_address,answer_day,kind,how,why,n,which_1,which_2"
			}
			if head != want || len(rows) != 7 {
				t.Errorf("%s: %s, %d lines", mode, head, len(rows))
			}
			whole := out(survey.CSV) + out(survey.JSON)
			if named := mode == survey.Named; strings.Contains(whole, "secret words") != named || strings.Contains(whole, "Member 3") != named {
				t.Errorf("%s: %s", mode, whole)
			}
			if mode == survey.Named && !strings.Contains(whole, "'=secret words") {
				t.Error("a formula leaves as one")
			}
			var bundle struct {
				Entry []struct{ Resource json.RawMessage }
			}
			check(t, json.Unmarshal([]byte(out(survey.JSON)), &bundle))
			if len(bundle.Entry) != 6 {
				t.Errorf("%d in the bundle", len(bundle.Entry))
			}
			if _, err := fhir.Parse(bundle.Entry[0].Resource); err != nil {
				t.Error(err)
			}
			if sps := out(survey.SPSS); !strings.Contains(sps, "VALUE LABELS kind\n  1 'University'\n  2 'Other'.") || !strings.Contains(sps, "  n F20.6") {
				t.Error(sps)
			}
			var book struct {
				XMLName xml.Name `xml:"ddi:codebook:2_5 codeBook"`
				Vars    []struct {
					Name string `xml:"name,attr"`
				} `xml:"dataDscr>var"`
			}
			check(t, xml.Unmarshal([]byte(out(survey.DDI)), &book))
			if len(book.Vars) != len(rows[0]) {
				t.Errorf("%d variables", len(book.Vars))
			}
			if !strings.Contains(out(survey.Codebook), "which_2,which,Which: B,flag,1,yes") {
				t.Error(out(survey.Codebook))
			}
		}
	})
}

// TestDue closes after the last day and clears on the day of deletion.
func TestDue(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, c := newDesk(t, d)
		p := plan()
		p.Closes = "2026-11-30"
		s, _ := opened(t, k, survey.Anonymous, p, members(6, "AT")...)
		states := map[time.Time]string{
			time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC): survey.Open, time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC): survey.Closed, time.Date(2027, 12, 31, 12, 0, 0, 0, time.UTC): survey.Cleared,
		}
		for _, at := range []time.Time{time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC), time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC), time.Date(2027, 12, 31, 12, 0, 0, 0, time.UTC)} {
			c.set(at)
			check(t, k.Due(t.Context()))
			got, err := k.Survey(t.Context(), house, s.ID)
			check(t, err)
			if got.State != states[at] {
				t.Errorf("on %s: %s, want %s", at.Format(time.DateOnly), got.State, states[at])
			}
		}
		if stands(t, d, "@example.org") {
			t.Error("an address stays")
		}
	})
}

// TestExperience of patients is a fact: 7 answers, 5 of them with one of the top two.
func TestExperience(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, c := newDesk(t, d)
		p := plan()
		p.Link = true
		s, err := k.Make(t.Context(), house, "https://radagora.org/fhir/Questionnaire/patient-experience", "0.1", survey.Anonymous, p, boss)
		check(t, err)
		if got := strings.Join(s.Plan.Languages, " "); got != "de en fr" {
			t.Errorf("languages %s", got)
		}
		_, link, err := k.Start(t.Context(), house, s.ID, boss)
		check(t, err)
		values := func() (n, share evidence.Value) {
			t.Helper()
			for _, f := range k.Facts() {
				v, err := f.Value(t.Context(), evidence.Query{Site: house, From: c.now().AddDate(-1, 0, 0), Until: c.now().AddDate(0, 0, 1)})
				check(t, err)
				if f.ID == "form.patient_responses" {
					n = v
				} else {
					share = v
				}
			}
			return n, share
		}
		for i, px8 := range []string{"4", "3", "2", "0", "3", "4", "4"} {
			mine, err := k.Begin(t.Context(), link, "de")
			check(t, err)
			_, err = k.Save(t.Context(), mine, 1, []form.Edit{{Path: "PX8", Texts: []string{px8}}}, true)
			check(t, err)
			if i == 3 {
				if n, share := values(); n.Numerator != 4 || share.Denominator != 0 {
					t.Errorf("of 4: %v, %v of %v", n.Numerator, share.Numerator, share.Denominator)
				}
			}
		}
		if n, share := values(); n.Numerator != 7 || share.Numerator != 5 || share.Denominator != 7 {
			t.Errorf("%v, %v of %v", n.Numerator, share.Numerator, share.Denominator)
		}
	})
}

// TestMixed moves the rows of an anonymous survey that goes on: addresses stay those that
// people were sent, and nothing is moved when nothing came.
func TestMixed(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, _ := newDesk(t, d)
		s, _ := opened(t, k, survey.Anonymous, plan(), members(12, "AT")...)
		sent, err := k.Letters(t.Context(), house, s.ID, false, boss)
		check(t, err)
		secrets := map[string]string{}
		for _, l := range sent {
			secrets[l.Address] = l.Secret
		}
		mine, err := k.Begin(t.Context(), sent[0].Secret, "en")
		check(t, err)
		before := dump(t, d, "survey_invite")
		check(t, k.Due(t.Context()))
		mixed := dump(t, d, "survey_invite")
		if strings.Join(before, "\n") == strings.Join(mixed, "\n") {
			t.Error("an answer was begun, and the invitations stand where they stood")
		}
		check(t, k.Due(t.Context()))
		if again := dump(t, d, "survey_invite"); strings.Join(again, "\n") != strings.Join(mixed, "\n") {
			t.Error("nothing came, and rows were moved")
		}
		if _, err := k.Save(t.Context(), mine, 1, []form.Edit{{Path: "kind", Texts: []string{"0"}}}, true); err != nil {
			t.Errorf("an answer is gone on with: %v", err)
		}
		again, err := k.Letters(t.Context(), house, s.ID, true, boss)
		check(t, err)
		if len(again) != 11 {
			t.Errorf("%d are reminded, want 11", len(again))
		}
		for _, l := range again {
			if l.Secret != secrets[l.Address] {
				t.Error("a reminder has another address than the invitation")
			}
			if _, err := k.Knock(t.Context(), l.Secret); err != nil {
				t.Errorf("the address of a reminder: %v", err)
			}
		}
	})
}

// TestLastDay takes no answer on the day after the last, also while nobody has closed yet.
func TestLastDay(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k, c := newDesk(t, d)
		p := plan()
		p.Link, p.Closes = true, "2026-11-30"
		_, link := opened(t, k, survey.Anonymous, p)
		mine, err := k.Begin(t.Context(), link, "en")
		check(t, err)
		c.set(time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
		_, err = k.Knock(t.Context(), link)
		check(t, err)
		c.set(time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC))
		_, err = k.Knock(t.Context(), link)
		refused(t, err, fault.NotFound, "no survey")
		_, err = k.Begin(t.Context(), link, "en")
		refused(t, err, fault.NotFound, "no survey")
		_, err = k.Save(t.Context(), mine, 1, nil, false)
		refused(t, err, fault.Conflict, "closed")
	})
}
