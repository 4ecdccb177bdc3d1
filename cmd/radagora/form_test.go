package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"radagora/access"
)

// askedForm is a form of a room with two groups, and one of 2 000 items made of it.
func askedForm(version string, groups, questions int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"resourceType":"Questionnaire","url":"https://example.org/walk","version":%q,"status":"draft","language":"en","title":"Walk","item":[`, version)
	for g := range groups {
		fmt.Fprintf(&b, `{"linkId":"g%d","type":"group","text":"Group %d","item":[{"linkId":"g%d-name","type":"string","text":"Name %d","required":true}`, g, g, g, g)
		for q := range questions {
			fmt.Fprintf(&b, `,{"linkId":"g%d-%d","type":"integer","text":"Number %d-%d","enableWhen":[{"question":"g%d-name","operator":"exists","answerBoolean":true}]}`, g, q, g, q, g)
		}
		b.WriteString("]},")
	}
	return strings.TrimSuffix(b.String(), ",") + "]}"
}

// TestFormOverHTTP has several people answer one form: at the same time, by a link for
// one group, with hostile and with huge answers, until it is signed and opened again. A
// form with 2 000 items is opened too.
func TestFormOverHTTP(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWalk(t)
	send := func(role access.Role, method, path string, form url.Values) (int, string, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, strings.NewReader(form.Encode()))
		check(t, err)
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r, err := w.clients[role].Do(q)
		check(t, err)
		raw, err := io.ReadAll(r.Body)
		check(t, err)
		check(t, r.Body.Close())
		to, _, _ := strings.Cut(r.Header.Get("Location"), "?")
		return r.StatusCode, string(raw), to
	}
	post := func(role access.Role, path string, status int, says string, form url.Values) (body, to string) {
		t.Helper()
		code, body, to := send(role, http.MethodPost, path, form)
		if code != status || !strings.Contains(body, says) {
			t.Errorf("%s %s: %d, want %d with %q", role, path, code, status, says)
		}
		return body, to
	}
	get := func(role access.Role, path string, says ...string) string {
		t.Helper()
		code, body, _ := send(role, http.MethodGet, path, nil)
		for _, s := range append(says, "") {
			if code != 200 || !strings.Contains(body, s) {
				t.Errorf("%s %s: %d, want 200 with %q", role, path, code, s)
			}
		}
		return body
	}
	const at, canonical = "/quality/forms", "https://example.org/walk"
	publish := func(text, version string) {
		t.Helper()
		post(access.Radiographer, at+"/put", 403, "", url.Values{"json": {text}})
		post(access.Manager, at+"/put", 303, "", url.Values{"json": {text}})
		post(access.Manager, at+"/publish", 303, "", url.Values{"form": {canonical}, "version": {version}, "state": {"active"}})
	}
	post(access.Manager, at+"/put", 400, "a: cycle by a", url.Values{"json": {`{"resourceType":"Questionnaire","url":"https://example.org/ring","version":"1","status":"draft","language":"en","title":"Ring","item":[{"linkId":"a","type":"string","text":"A","enableWhen":[{"question":"a","operator":"exists","answerBoolean":true}]}]}`}})
	publish(askedForm("1", 2, 2), "1")
	_, one := post(access.Physicist, at+"/start", 303, "", url.Values{"form": {canonical}, "version": {"1"}, "title": {"<script>x"}})

	// Two people have the page open; both answer one question, and each another.
	mine, yours := get(access.Physicist, one, "&lt;script&gt;x"), get(access.Radiographer, one)
	post(access.Physicist, one, 303, "", filled(t, mine, map[string]string{"g0/g0-name": "Room <b>1", "g1/g1-name": "mine"}))
	body, _ := post(access.Radiographer, one, 409, "Room &lt;b&gt;1", filled(t, yours, map[string]string{"g0/g0-name": "Room 2"}))
	if !strings.Contains(body, "Room 2") {
		t.Error("who came second does not see what they typed")
	}
	get(access.Radiographer, one, "Number 0-1", "Room &lt;b&gt;1")

	// Somebody without an account answers one group by a link.
	body, _ = post(access.Physicist, one+"/delegate", 200, "/forms/link/", url.Values{"group": {"g1"}, "name": {"Maker"}, "days": {"14"}})
	link := regexp.MustCompile(`/forms/link/[A-Za-z0-9_-]+`).FindString(body)
	theirs := get("", link, "Number 1-0")
	if strings.Contains(theirs, "Number 0-0") || strings.Contains(theirs, "Room &lt;b&gt;1") {
		t.Error("a link shows more than its group")
	}
	post("", link, 303, "", filled(t, theirs, map[string]string{"g1/g1-0": "7"}))
	get(access.Physicist, one, `value="7"`, "Maker")
	other := filled(t, theirs, nil)
	other.Set("w:g0/g0-name", "x")
	other.Set("a:g0/g0-name", "taken")
	post("", link, 400, "", other)
	get(access.Physicist, one, "Room &lt;b&gt;1")
	if code, _, _ := send("", http.MethodGet, one, nil); code == 200 {
		t.Error("who has a link sees the whole")
	}

	// What is no answer is refused beside its question, what is huge as a whole.
	now := get(access.Physicist, one)
	post(access.Physicist, one, 400, "many", filled(t, now, map[string]string{"g0/g0-0": "many"}))
	huge := filled(t, now, map[string]string{"g0/g0-name": strings.Repeat("ü", 4<<20)})
	if code, _, _ := send(access.Physicist, http.MethodPost, one, huge); code < 400 || code >= 500 {
		t.Errorf("a huge answer: %d", code)
	}
	get(access.Physicist, one, "Room &lt;b&gt;1")

	sign := filled(t, get(access.Physicist, one), nil)
	sign.Set("do", "sign")
	post(access.Physicist, one, 303, "", sign)
	if code, _, _ := send(access.Radiographer, http.MethodPost, one, filled(t, now, map[string]string{"g0/g0-name": "late"})); code != 409 {
		t.Errorf("a signed form is changed: %d", code)
	}
	post(access.Physicist, one+"/turn", 400, "why", url.Values{"do": {"amend"}, "reason": {" "}})
	post(access.Physicist, one+"/turn", 303, "", url.Values{"do": {"amend"}, "reason": {"the tube was changed"}})
	get(access.Physicist, one, "the tube was changed", "Room &lt;b&gt;1")

	publish(askedForm("2", 50, 39), "2")
	_, large := post(access.Physicist, at+"/start", 303, "", url.Values{"form": {canonical}, "version": {"2"}, "title": {"large"}})
	page := get(access.Physicist, large, "Name 0", "Name 49")
	post(access.Physicist, large, 303, "", filled(t, page, map[string]string{"g7/g7-name": "seven"}))
	get(access.Physicist, large, "Number 7-38")
}
