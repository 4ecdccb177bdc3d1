package main

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/form/survey"
	"radagora/journal"
	"radagora/site"
)

// A respondent is a browser of somebody who is asked.
type respondent struct {
	*walk
	agent string
}

// ask gets a page, or with a form posts it, and follows where it leads. It never gets a
// cookie.
func (r respondent) ask(path string, form url.Values) (status int, body, at string) {
	r.Helper()
	at = path
	for range 3 {
		method, sent := http.MethodGet, ""
		if form != nil {
			method, sent = http.MethodPost, form.Encode()
		}
		q, err := http.NewRequestWithContext(r.Context(), method, r.server.URL+at, strings.NewReader(sent))
		check(r.T, err)
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		q.Header.Set("User-Agent", r.agent)
		q.Header.Set("X-Forwarded-For", "203.0.113.77")
		a, err := r.clients[""].Do(q)
		check(r.T, err)
		raw, err := io.ReadAll(a.Body)
		check(r.T, err)
		check(r.T, a.Body.Close())
		if c := a.Header.Values("Set-Cookie"); len(c) > 0 {
			r.Errorf("%s sets a cookie", at)
		}
		if a.StatusCode != http.StatusSeeOther {
			if a.StatusCode == http.StatusOK && (a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Referrer-Policy") != "no-referrer") {
				r.Errorf("%s may be kept, or told to other pages", at)
			}
			return a.StatusCode, string(raw), at
		}
		at, form = strings.TrimSuffix(a.Header.Get("Location"), "?"), nil
	}
	r.Fatal("no end of it")
	return 0, "", ""
}

// filled is the form on a page as it stands, with answers in it.
func filled(t *testing.T, page string, answers map[string]string) url.Values {
	t.Helper()
	form := url.Values{}
	for _, m := range regexp.MustCompile(`name="((?:w|m):[^"]+|revision)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		form.Set(m[1], m[2])
	}
	for _, m := range regexp.MustCompile(`<input (?:id="[^"]*"|type="(?:radio|checkbox)") name="(a:[^"]+)" value="([^"]*)"( checked)?`).FindAllStringSubmatch(page, -1) {
		if m[3] != "" || strings.HasPrefix(m[0], "<input id") { // as it stands on the page
			form.Add(m[1], html.UnescapeString(m[2]))
		}
	}
	for path, text := range answers {
		if !form.Has("w:" + path) {
			t.Errorf("the page does not ask %s", path)
		}
		form.Set("a:"+path, text)
	}
	return form
}

// TestSurveyOverHTTP plans a survey, invites, asks six people without a name, reads what
// they wrote before it is shown, and takes the answers out; and proves that neither the
// database nor the journal nor the log says who answered what.
func TestSurveyOverHTTP(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWalk(t)
	send := func(role access.Role, method, path, kind string, body io.Reader) (int, string, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, body)
		check(t, err)
		q.Header.Set("Content-Type", kind)
		r := w.do(t, role, q)
		raw, err := io.ReadAll(r.Body)
		check(t, err)
		check(t, r.Body.Close())
		to, _, _ := strings.Cut(r.Header.Get("Location"), "?")
		return r.StatusCode, string(raw), to
	}
	post := func(role access.Role, path string, status int, says string, form url.Values) (body, to string) {
		t.Helper()
		code, body, to := send(role, http.MethodPost, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
		if code != status || !strings.Contains(body, says) {
			t.Errorf("%s %s %v: %d, want %d with %q", role, path, form, code, status, says)
		}
		return body, to
	}
	get := func(role access.Role, path string, status int, says ...string) string {
		t.Helper()
		code, body, _ := send(role, http.MethodGet, path, "", http.NoBody)
		for _, s := range append(says, "") {
			if code != status || !strings.Contains(body, s) {
				t.Errorf("%s %s: %d, want %d with %q", role, path, code, status, s)
			}
		}
		return body
	}
	const at, experience = "/quality/surveys", "https://radagora.org/fhir/Questionnaire/patient-experience|0.1"
	get(access.Radiographer, at, 200, "No survey yet")
	plan := url.Values{"form": {experience}, "title": {`<i>Hall`}, "purpose": {"To do better."}, "mode": {"anonymous"}, "delete": {time.Now().AddDate(1, 0, 0).Format(time.DateOnly)}}
	post(access.Radiographer, at, 403, "", plan)
	bad := url.Values{"form": {experience}, "mode": {"token"}, "title": {"x"}, "purpose": {"y"}, "delete": plan["delete"]}
	post(access.Manager, at, 400, "legal basis", bad)
	_, one := post(access.Manager, at, 303, "", plan)
	get(access.Manager, one, 200, "&lt;i&gt;Hall", "Before it opens")
	post(access.Manager, one+"/letters", 400, "open it before", url.Values{"do": {"all"}})

	var list bytes.Buffer
	form := multipart.NewWriter(&list)
	part, err := form.CreateFormFile("file", "members.csv")
	check(t, err)
	_, err = part.Write([]byte("name,address,language,group\n"))
	check(t, err)
	for i := range 7 {
		fmt.Fprintf(part, "Given Family%d,m%d@members.example,de,AT\n", i, i)
	}
	check(t, form.Close())
	if code, _, _ := send(access.Manager, http.MethodPost, one+"/invite", form.FormDataContentType(), &list); code != 303 {
		t.Fatalf("inviting: %d", code)
	}
	post(access.Manager, one+"/move", 303, "", url.Values{"do": {"open"}})
	letters, _ := post(access.Manager, one+"/letters", 200, "", url.Values{"do": {"all"}})
	rows, err := csv.NewReader(strings.NewReader(letters)).ReadAll()
	check(t, err)
	if len(rows) != 8 {
		t.Fatalf("%d lines of letters", len(rows))
	}

	const agent = "Mozilla/5.0 (Respondent 7.7)"
	r := respondent{w, agent}
	said, secrets, answers := []string{"Too cold in there", "Nothing", "Ask for Doris", "More light", "Chairs", "Call 0170 4711"}, []string{}, []string{}
	for i, words := range said {
		secret := rows[i+1][4][strings.LastIndex(rows[i+1][4], "/")+1:]
		secrets = append(secrets, secret)
		if code, page, _ := r.ask("/survey/"+secret, nil); code != 200 || !strings.Contains(page, "&lt;i&gt;Hall") || !strings.Contains(page, "Niemand kann sagen, wer was geantwortet hat") {
			t.Fatalf("an invitation leads to %d", code)
		}
		code, page, door := r.ask("/survey/"+secret, url.Values{"language": {"de"}})
		if code != 200 || !strings.Contains(page, "Mir wurde vor der Untersuchung gesagt") {
			t.Fatalf("it begins with %d", code)
		}
		answers = append(answers, door[strings.LastIndex(door, "/")+1:])
		if i == 0 { // without the one that is needed
			again := filled(t, page, map[string]string{"PX1": "2"})
			again.Set("do", "send")
			if code, body, _ := r.ask(door, again); code != 400 || !strings.Contains(body, `name="a:PX1" value="2" checked`) {
				t.Errorf("sent with something missing: %d", code)
			}
			_, page, _ = r.ask(door, nil)
		}
		whole := filled(t, page, map[string]string{"PX1": "3", "PX8": "4", "PX9": words})
		whole.Set("do", "send")
		if code, body, _ := r.ask(door, whole); code != 200 || !strings.Contains(body, "Danke") {
			t.Errorf("sending ends with %d", code)
		}
		if code, _, _ := r.ask(door, whole); code != 400 && code != 409 {
			t.Errorf("sent twice: %d", code)
		}
		if code, body, _ := r.ask("/survey/"+secret, url.Values{"language": {"de"}}); code != 409 || !strings.Contains(body, "was used") {
			t.Errorf("an invitation is used twice: %d", code)
		}
	}
	for _, none := range []string{"/survey/nothing", "/survey/answer/nothing", "/survey/results/x/y", "/survey/" + strings.Repeat("a", 300)} {
		if code, _, _ := r.ask(none, nil); code != 404 {
			t.Errorf("%s: %d", none, code)
		}
	}

	page := get(access.Manager, one, 200, "Texts to be read first", "Ask for Doris", "perhaps a name", "a number or a day")
	if strings.Contains(get(access.Radiographer, one, 200, "Results"), "Ask for Doris") {
		t.Error("a text is shown before somebody read it")
	}
	texts := regexp.MustCompile(`name="text" value="(\d+)"`).FindAllStringSubmatch(page, -1)
	if len(texts) != len(said) {
		t.Fatalf("%d texts", len(texts))
	}
	post(access.Radiographer, one+"/screen", 403, "", url.Values{"text": {texts[0][1]}, "state": {"shown"}, "shown": {"x"}})
	for i, m := range texts {
		state := url.Values{"text": {m[1]}, "state": {"withheld"}}
		if i == 0 {
			state = url.Values{"text": {m[1]}, "state": {"shown"}, "shown": {"somebody <b>said"}}
		}
		post(access.Manager, one+"/screen", 303, "", state)
	}
	get(access.Radiographer, one, 200, "somebody &lt;b&gt;said", "6 answered")
	told := regexp.MustCompile(`/survey/results/[^<"]+`).FindString(page)
	if code, body, _ := r.ask(told, nil); code != 200 || !strings.Contains(body, "6 answered") || strings.Contains(body, "Doris") {
		t.Errorf("the results for everybody: %d", code)
	}
	get(access.Manager, one+"/export?format=csv", 400, "is open")
	post(access.Manager, one+"/move", 303, "", url.Values{"do": {"close"}})
	out := get(access.Manager, one+"/export?format=csv", 200, "answer_language,answer_group,PX1")
	if lines := strings.Count(out, "\n"); lines != 7 || strings.Contains(out, "Doris") {
		t.Errorf("%d lines leave: %s", lines, out)
	}
	get(access.Manager, one+"/export?format=codebook", 200, "PX8,PX8")
	get(access.Radiographer, one+"/export?format=csv", 403)
	if code, body, _ := r.ask("/survey/answer/"+answers[0], nil); code != 200 || !strings.Contains(body, "Danke") {
		t.Errorf("who answered sees %d", code)
	}

	// What nobody may find anywhere. The words of the answers stand in the database: they
	// were given to be read.
	never := append(append([]string{agent, "203.0.113.77"}, secrets...), answers...)
	log := w.logged.String()
	for _, s := range append(never, said...) {
		if strings.Contains(log, s) {
			t.Errorf("the log holds %s", s)
		}
	}
	for _, s := range append(never, "@members.example", "Family3") {
		if standsIn(t, w.data, s) {
			t.Errorf("the data folder holds %s", s)
		}
	}
	check(t, w.h.settle(t.Context())) // entries can be read once they are sealed
	entries := 0
	for e, err := range w.h.Journal.Find(t.Context(), journal.Filter{}) {
		check(t, err)
		if !strings.HasPrefix(e.Kind, "survey.") {
			continue
		}
		entries++
		if strings.Contains(string(e.Data), "PX") {
			t.Errorf("the journal holds an answer: %s", e.Data)
		}
	}
	if entries == 0 {
		t.Error("the journal does not say what those did who lead the survey")
	}
	// Clearing leaves the results alone.
	post(access.Manager, one+"/move", 303, "", url.Values{"do": {"clear"}})
	get(access.Manager, one, 200, "answers deleted", "6 answered")
	if standsIn(t, w.data, said[0]) {
		t.Error("the data folder holds the words of an answer that was deleted")
	}
	if c, err := w.h.Surveys.Counts(t.Context(), site.Default, one[strings.LastIndex(one, "/")+1:]); err != nil || c != (survey.Counts{Invited: 7, Opened: 6, Begun: 6, Usable: 0, Complete: 6}) {
		t.Errorf("%+v %v", c, err)
	}
}
