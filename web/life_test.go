package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/web"
	"radagora/web/webtest"
)

type worklistPages = web.Worklist

// A board is a worklist with one order and a study that may belong to it.
type board struct {
	worklistPages
	said []web.Matching
}

// Worklist implements web.Worklist.
func (b *board) Worklist(_ context.Context, q web.WorklistQuery) (web.WorklistPage, error) {
	at := webtest.Now()
	p := web.WorklistPage{Ever: true, MayChange: true, Counts: map[string]int{}}
	if q.Order != "" {
		p.Open = &web.OrderDetail{
			Form: web.OrderForm{ID: "o1", Family: "Example"}, StepState: "scheduled", Accession: "A100", Origin: "hl7", ChangedBy: "Example RIS", ByKind: "hl7", Changed: at,
			Life: web.Life{
				Orders: []web.LifeOrder{{ID: "o1", Accession: "A100", Suspected: true}}, May: true,
				Steps: []web.LifeStep{
					{Kind: "ordered", State: "done", At: at, Who: "Example RIS", WhoKind: "hl7", Way: "hl7"},
					{Kind: "images", State: "open", At: at, Match: "suspected", Reason: "time", Study: "1.2.3", Todo: []string{"confirm", "match"}, Who: "CT1"},
					{Kind: "complete", State: "done", At: at, Who: "", WhoKind: "system"},
					{Kind: "reported", State: "done", At: time.Date(2031, 3, 12, 0, 0, 0, 0, at.Location()), Reason: "appended", Href: "/reports/r1", Way: "fhir"},
				},
			},
		}
	}
	return p, nil
}

// Match implements web.Matcher: it knows the order A100 alone.
func (b *board) Match(_ context.Context, m web.Matching) error {
	if m.Order != "" && m.Order != "A100" && m.Order != "o1" {
		return web.Refuse(map[string]string{"order": "done.match_unknown"})
	}
	b.said = append(b.said, m)
	return nil
}

// TestMatchForm takes to which order a study belongs, and says so when nobody knows that
// order.
func TestMatchForm(t *testing.T) {
	b := &board{}
	d := newDesk(t, func(c *web.Config, _ *webtest.World) { c.Worklist = b })
	const page = "/images/worklist?open=o1"
	body := d.get(page, http.StatusOK)
	for _, want := range []string{`action="/images/worklist/match"`, `name="study" value="1.2.3"`, "It belongs to A100", "It belongs to no order", "Accession number of its order"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, c := range []struct {
		name string
		form url.Values
		to   string
		want web.Matching
	}{
		{"the order that was found", url.Values{"study": {"1.2.3"}, "order": {"o1"}, "do": {"match"}, "to": {page}}, "match_said", web.Matching{Study: "1.2.3", Order: "o1"}},
		{"another one, with blanks around", url.Values{"study": {"1.2.3"}, "order": {" A100 "}, "do": {"match"}, "to": {page}}, "match_said", web.Matching{Study: "1.2.3", Order: "A100"}},
		{"none", url.Values{"study": {"1.2.3"}, "order": {"A100"}, "do": {"none"}, "to": {page}}, "match_said", web.Matching{Study: "1.2.3"}},
		{"the rules decide again", url.Values{"study": {"1.2.3"}, "do": {"undo"}, "to": {page}}, "match_said", web.Matching{Study: "1.2.3", Undo: true}},
		{"an order that nobody knows", url.Values{"study": {"1.2.3"}, "order": {"A1"}, "do": {"match"}, "to": {page}}, "match_unknown", web.Matching{}},
		{"no order typed", url.Values{"study": {"1.2.3"}, "order": {" "}, "do": {"match"}, "to": {page}}, "match_unknown", web.Matching{}},
	} {
		b.said = nil
		to, _ := d.post("/images/worklist/match", c.form, http.StatusSeeOther)
		if !strings.HasPrefix(to, "/images/worklist?") || !strings.Contains(to, "done="+c.to) || !strings.Contains(to, "open=o1") {
			t.Errorf("%s: leads to %q", c.name, to)
		}
		var got web.Matching
		if len(b.said) > 0 {
			got = b.said[0]
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if body := d.get(page+"&done=match_unknown", http.StatusOK); !strings.Contains(body, "No single order has that number.") {
		t.Error("the page does not say that nobody knows the order")
	}
}

// TestLifeWords: who did something is named in words, and what was told without a time
// reads as a day, in every language.
func TestLifeWords(t *testing.T) {
	d := newDesk(t, func(c *web.Config, _ *webtest.World) { c.Worklist = &board{} })
	for language, wants := range map[string][]string{
		"en": {"the system Example RIS, by a message", "Radagora itself", "12\u00a0Mar\u00a02031</span>", "by FHIR · extended"},
		"de": {"das System Example RIS", "Radagora selbst", "ergänzt"},
		"fr": {"le système Example RIS", "complété"},
	} {
		d.language = language
		body := d.get("/images/worklist?open=o1", http.StatusOK)
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s: the page lacks %q", language, want)
			}
		}
		if strings.Contains(body, "hl7:") || strings.Contains(body, "00:00") {
			t.Errorf("%s: an actor or a midnight stands there as the program has it", language)
		}
	}
	if missing := d.catalogue.Missing(); len(missing) > 0 {
		t.Errorf("missing from the catalogue: %q", missing)
	}
}

// TestSizeForm takes how big a patient was, and says so when that cannot be.
func TestSizeForm(t *testing.T) {
	d := newDesk(t, nil)
	const page = "/dose/examinations/e1-0"
	body := d.get(page, http.StatusOK)
	for _, want := range []string{`action="/dose/examinations/e1-0/size"`, `name="weight"`, `name="height"`, `name="day"`, "message of Example HIS", "12 days before", "kept, not used: impossible"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for weight, want := range map[string]string{"72": "size_said", "heavy": "size_wrong", "": "size_wrong"} {
		to, _ := d.post(page+"/size", url.Values{"weight": {weight}, "day": {"2031-03-10"}}, http.StatusSeeOther)
		if to != page+"?done="+want {
			t.Errorf("weight %q leads to %q; want %s", weight, to, want)
		}
		if body := d.get(to, http.StatusOK); !strings.Contains(body, map[string]string{"size_said": "The size is kept", "size_wrong": "Nothing was changed."}[want]) {
			t.Errorf("weight %q: the page does not say what came of it", weight)
		}
	}
}
