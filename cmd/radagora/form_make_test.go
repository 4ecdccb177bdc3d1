package main

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"radagora/access"
)

// A maker makes a form through the pages, as somebody does who knows nothing of FHIR.
type maker struct {
	t      *testing.T
	base   string
	client *http.Client
	at     url.Values // form and version
	seen   string
}

func (m *maker) send(method, path string, form url.Values) (int, string, *url.URL) {
	m.t.Helper()
	q, err := http.NewRequestWithContext(m.t.Context(), method, m.base+path, strings.NewReader(form.Encode()))
	check(m.t, err)
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r, err := m.client.Do(q)
	check(m.t, err)
	raw, err := io.ReadAll(r.Body)
	check(m.t, err)
	check(m.t, r.Body.Close())
	to, err := url.Parse(r.Header.Get("Location"))
	check(m.t, err)
	return r.StatusCode, string(raw), to
}

// begin makes a form.
func (m *maker) begin(title string) {
	m.t.Helper()
	code, body, to := m.send(http.MethodPost, "/quality/forms/make", url.Values{"title": {title}, "language": {"en"}})
	if code != 303 {
		m.t.Fatalf("a form is made: %d %.300s", code, body)
	}
	m.at = url.Values{"form": to.Query()["form"], "version": to.Query()["version"]}
}

// page returns the page of the draft with a question open.
func (m *maker) page(item string) string {
	m.t.Helper()
	at := url.Values{"form": m.at["form"], "version": m.at["version"]}
	if item != "" {
		at.Set("item", item)
	}
	code, body, _ := m.send(http.MethodGet, "/quality/forms/edit?"+at.Encode(), nil)
	if code != 200 {
		m.t.Fatalf("the draft: %d %.300s", code, body)
	}
	_, rest, _ := strings.Cut(body, `name="seen" value="`)
	m.seen, _, _ = strings.Cut(rest, `"`)
	return body
}

// step changes the draft as it is now, and returns the question that is open then.
func (m *maker) step(status int, says string, form url.Values) string {
	m.t.Helper()
	m.page("")
	form.Set("form", m.at.Get("form"))
	form.Set("version", m.at.Get("version"))
	form.Set("language", "en")
	if form.Get("seen") == "" {
		form.Set("seen", m.seen)
	}
	code, body, to := m.send(http.MethodPost, "/quality/forms/edit", form)
	if code != status || !strings.Contains(body, says) {
		m.t.Errorf("%v: %d, want %d with %q", form, code, status, says)
	}
	return to.Query().Get("item")
}

// room makes a form with a choice, a group that depends on it, and points.
func (m *maker) room() {
	m.t.Helper()
	m.begin("Handover <i>")
	clean := m.step(303, "", url.Values{"do": {"add"}, "type": {"choice"}, "text:en": {"Is it clean?"}, "lines": {"Yes\nIn part\r\n\nNo"}})
	m.step(303, "", url.Values{
		"do": {"put"}, "item": {clean}, "type": {"choice"}, "text:en": {"Is it clean?"}, "text:de": {"Ist er sauber?"}, "required": {"1"}, "option-n": {"4"},
		"option-0-was": {"1"}, "option-0:en": {"Yes"}, "option-0:de": {"Ja"}, "option-0-score": {"2"}, "option-1-was": {"2"}, "option-1:en": {"In part"}, "option-1:de": {"Teils"}, "option-1-score": {"0,5"},
		"option-2-was": {"3"}, "option-2:en": {""}, "option-3:en": {"No, not at all"}, "option-3:de": {"Nein"},
	})
	group := m.step(303, "", url.Values{"do": {"add"}, "item": {clean}, "type": {"group"}, "text:en": {"What is missing"}})
	m.step(303, "", url.Values{"do": {"put"}, "item": {group}, "type": {"group"}, "text:en": {"What is missing"}, "text:de": {"Was fehlt"}, "when-n": {"2"}, "when-0": {clean}, "when-0-is": {"!="}, "when-0-what": {"yes"}})
	m.step(303, "", url.Values{"do": {"add"}, "item": {group}, "within": {"1"}, "type": {"integer"}, "text:en": {"Aprons"}, "text:de": {"Schürzen"}})
	points := m.step(303, "", url.Values{"do": {"add"}, "type": {"decimal"}, "text:en": {"Points"}, "text:de": {"Punkte"}})
	m.step(303, "", url.Values{"do": {"put"}, "item": {points}, "type": {"decimal"}, "text:en": {"Points"}, "text:de": {"Punkte"}, "sumof": {"scores"}, "sum": {clean}})
}

// tried fills a trial, with what has to come back.
func tried(t *testing.T, page string, answers map[string]string) url.Values {
	t.Helper()
	form := filled(t, page, answers)
	_, rest, _ := strings.Cut(page, `name="kept" value="`)
	kept, _, _ := strings.Cut(rest, `"`)
	form.Set("kept", html.UnescapeString(kept))
	return form
}

// TestFormMakeOverHTTP makes, tries, publishes and changes a form without writing FHIR.
func TestFormMakeOverHTTP(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWalk(t)
	m := &maker{t: t, base: w.server.URL, client: w.clients[access.Manager]}
	m.room()
	body := m.page("1")
	for _, want := range []string{"Handover &lt;i&gt;", "Is it clean?", "Ist er sauber?", "asked if 1 ≠ Yes", "No, not at all", "computed", "3 questions"} {
		if !strings.Contains(body, want) {
			t.Errorf("the draft does not say %q", want)
		}
	}
	if strings.Contains(body, ">No<") {
		t.Error("an option without text was kept")
	}

	// What is wrong is refused, with the place, and what was typed stays.
	m.step(400, "question 3: a number", url.Values{"do": {"put"}, "item": {"3"}, "type": {"decimal"}, "text:en": {"Points"}, "least": {"low"}})
	m.step(400, "2 +", url.Values{"do": {"put"}, "item": {"3"}, "type": {"decimal"}, "text:en": {"Points"}, "calculated": {"2 +"}})
	m.step(400, "a text in en", url.Values{"do": {"add"}, "type": {"string"}, "text:en": {" "}})
	m.step(400, "2: ", url.Values{"do": {"remove"}, "item": {"1"}})
	m.step(400, "meanwhile", url.Values{"do": {"up"}, "item": {"3"}, "seen": {"another"}})
	m.step(400, "title", url.Values{"do": {"nothing"}})
	m.step(303, "", url.Values{"do": {"up"}, "item": {"3"}})
	m.step(303, "", url.Values{"do": {"down"}, "item": {"3"}})
	copied := m.step(303, "", url.Values{"do": {"copy"}, "item": {"2"}})
	m.step(303, "", url.Values{"do": {"remove"}, "item": {copied}})
	door := m.step(303, "", url.Values{"do": {"add"}, "type": {"boolean"}, "text:en": {"Door shut?"}})
	why := m.step(303, "", url.Values{"do": {"add"}, "type": {"string"}, "text:en": {"Why not?"}})
	m.step(303, "", url.Values{"do": {"put"}, "item": {why}, "type": {"string"}, "text:en": {"Why not?"}, "when-n": {"1"}, "when-0": {door}, "when-0-is": {"="}, "when-0-what": {"no"}})
	if page := m.page(why); !strings.Contains(page, "asked if "+door+" = No") || !strings.Contains(page, `value="No"`) {
		t.Error("a condition on yes or no is not told as it was typed")
	}
	m.step(303, "", url.Values{"do": {"remove"}, "item": {why}})
	m.step(303, "", url.Values{"do": {"remove"}, "item": {door}})
	m.step(303, "", url.Values{"do": {"title"}, "title:en": {"Handover"}, "title:de": {"Übergabe"}})

	// It is tried: nothing is kept, and what depends on answers comes and goes.
	try := "/quality/forms/try?" + m.at.Encode()
	_, page, _ := m.send(http.MethodGet, try, nil)
	if strings.Contains(page, "Aprons") || !strings.Contains(page, "Is it clean?") {
		t.Error("a trial begins with a question that is not asked yet")
	}
	code, page, _ := m.send(http.MethodPost, try, tried(t, page, map[string]string{"1": "1"}))
	if code != 200 || !strings.Contains(page, "Aprons") || !strings.Contains(page, ">0.5<") {
		t.Errorf("what follows from an answer is not there: %d", code)
	}
	code, page, _ = m.send(http.MethodPost, try, tried(t, page, map[string]string{"2/2.1": "many"}))
	if code != 200 || !strings.Contains(page, "a whole number is wanted") {
		t.Errorf("an answer that is none is taken: %d", code)
	}
	if _, list, _ := m.send(http.MethodGet, "/quality/forms", nil); strings.Contains(list, "answers-0") || !strings.Contains(list, "Handover") {
		t.Error("a trial was kept, or the form is not listed")
	}
	broken := tried(t, page, nil)
	broken.Set("kept", `{"resourceType":"Patient"}`)
	if code, _, _ := m.send(http.MethodPost, try, broken); code != 400 {
		t.Errorf("what comes back as something else: %d", code)
	}

	// Published, it changes no more; the next version does.
	publish := url.Values{"form": m.at["form"], "version": m.at["version"], "state": {"active"}}
	if code, body, _ := m.send(http.MethodPost, "/quality/forms/publish", publish); code != 303 {
		t.Fatalf("published: %d %.300s", code, body)
	}
	if code, _, _ := m.send(http.MethodGet, "/quality/forms/edit?"+m.at.Encode(), nil); code != 409 {
		t.Errorf("a published version is opened to change: %d", code)
	}
	code, _, to := m.send(http.MethodPost, "/quality/forms/next", url.Values{"form": m.at["form"], "version": m.at["version"]})
	if code != 303 || to.Query().Get("version") != "2" {
		t.Fatalf("the next version: %d %v", code, to)
	}
	m.at.Set("version", "2")
	m.step(303, "", url.Values{"do": {"remove"}, "item": {"3"}})
	if _, body, _ := m.send(http.MethodGet, "/quality/forms/version?older=1&"+m.at.Encode(), nil); !strings.Contains(body, "removed") || !strings.Contains(body, "Points") {
		t.Error("the comparison does not say what was removed")
	}
	if code, _, _ := m.send(http.MethodPost, "/quality/forms/discard", url.Values{"form": m.at["form"], "version": {"2"}}); code != 303 {
		t.Errorf("a draft is thrown away: %d", code)
	}
	if code, _, _ := m.send(http.MethodGet, "/quality/forms/edit?"+m.at.Encode(), nil); code != 404 {
		t.Errorf("a draft that was thrown away: %d", code)
	}
}
