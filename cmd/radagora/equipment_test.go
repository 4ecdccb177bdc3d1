package main

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"radagora/access"
)

// TestEquipmentOverHTTP enters a machine, types its levels, and enters results that do not
// suspend it, suspend it, and release it; and tries what is wrong.
func TestEquipmentOverHTTP(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWalk(t)
	send := func(role access.Role, method, path string, form url.Values) (int, string, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, strings.NewReader(form.Encode()))
		check(t, err)
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r := w.do(t, role, q)
		raw, err := io.ReadAll(r.Body)
		check(t, err)
		check(t, r.Body.Close())
		to, _, _ := strings.Cut(r.Header.Get("Location"), "?")
		return r.StatusCode, string(raw), to
	}
	post := func(role access.Role, path string, status int, says string, form url.Values) string {
		t.Helper()
		code, body, to := send(role, http.MethodPost, path, form)
		if code != status || !strings.Contains(body, says) {
			t.Errorf("%s %s %v: %d, want %d with %q", role, path, form, code, status, says)
		}
		return to
	}
	get := func(role access.Role, path string, says ...string) {
		t.Helper()
		code, body, _ := send(role, http.MethodGet, path, nil)
		for _, s := range says {
			if code != 200 || !strings.Contains(body, s) {
				t.Errorf("%s %s: %d, want 200 with %q", role, path, code, s)
			}
		}
	}
	const at = "/quality/equipment"
	get(access.Radiographer, at, "No machines yet")
	post(access.Physicist, at, 400, "a name of 1 to 64 bytes", url.Values{"group": {"CT"}, "status": {"active"}})
	post(access.Physicist, at, 400, "a year with four digits", url.Values{"name": {"CT-1"}, "group": {"CT"}, "status": {"active"}, "year": {"soon"}})
	post(access.Radiographer, at, 403, "", url.Values{"name": {"CT-1"}, "group": {"CT"}, "status": {"active"}})
	one := post(access.Physicist, at, 303, "", url.Values{"name": {`<b>CT-1`}, "group": {"CT"}, "status": {"active"}, "year": {"2020"}, "accepted": {"2020-02-01"}})
	get(access.Physicist, one, "&lt;b&gt;CT-1", "CT number of water and noise", "none entered")
	get(access.Physicist, at+"/today", "&lt;b&gt;CT-1", "overdue by")
	get(access.Physicist, at+"/export", "device,group", "<b>CT-1,CT")
	get(access.Physicist, at+"/calendar/export", "BEGIN:VEVENT", "DTSTART;VALUE=DATE:", "CT-1")
	levels := url.Values{"do": {"levels"}, "test": {"QC-CT-1"}, "sense": {"beyond"}, "action": {"4"}, "suspension": {"8"}}
	post(access.Physicist, one, 400, "name of the protocol", levels)
	levels.Set("source", "made up")
	post(access.Physicist, one, 303, "", levels)
	result := func(status int, says, value string) {
		t.Helper()
		post(access.Radiographer, one+"/result", status, says, url.Values{"test": {"QC-CT-1"}, "value": {value}, "done": {""}})
	}
	result(400, "say the result", "")
	result(303, "", "-5,2")
	get(access.Radiographer, one, "-5,2", "action level")
	result(303, "", "9")
	get(access.Radiographer, one, "suspended since", "suspension level")
	post(access.Radiographer, one+"/result", 400, "by the levels that are entered the result is suspension", url.Values{"test": {"QC-CT-1"}, "value": {"9"}, "verdict": {"pass"}})
	result(303, "", "1")
	if _, body, _ := send(access.Radiographer, http.MethodGet, one, nil); strings.Contains(body, "suspended since") {
		t.Error("the machine is suspended after the same test passed")
	}
	post(access.Physicist, one, 303, "", url.Values{"do": {"change"}, "kind": {"tube"}})
	get(access.Radiographer, at+"/today", "CT number of water and noise", "due today")
	if code, _, _ := send(access.Physicist, http.MethodGet, at+"/of/nothing", nil); code != 404 {
		t.Errorf("a machine nobody knows: %d", code)
	}

	// The label at the door leads to the tests of that machine, and of no other.
	id := one[strings.LastIndex(one, "/")+1:]
	get(access.Radiographer, at+"/labels", `class="code"`, "&lt;b&gt;CT-1")
	get(access.Radiographer, at+"/today?device="+id, "Tests of &lt;b&gt;CT-1", "CT number of water and noise", one)
	if code, _, _ := send(access.Radiographer, http.MethodGet, at+"/today?device=nothing", nil); code != 404 {
		t.Errorf("the tests of a machine nobody knows: %d", code)
	}
	picture := func(role access.Role, field, content string, status int) {
		t.Helper()
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		part, err := m.CreateFormFile(field, "room.jpg")
		check(t, err)
		_, err = io.WriteString(part, content)
		check(t, err)
		check(t, m.Close())
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+one+"/picture", &b)
		check(t, err)
		q.Header.Set("Content-Type", m.FormDataContentType())
		r := w.do(t, role, q)
		check(t, r.Body.Close())
		if r.StatusCode != status {
			t.Errorf("a picture of %d bytes in %s: %d, want %d", len(content), field, r.StatusCode, status)
		}
	}
	if code, _, _ := send(access.Radiographer, http.MethodGet, one+"/picture", nil); code != 404 {
		t.Errorf("a picture that nobody took: %d", code)
	}
	const jpeg = "\xff\xd8\xff\xe0 a room"
	picture(access.Radiographer, "picture", "<svg/>", 400)
	picture(access.Radiographer, "other", jpeg, 400)
	picture(access.Radiographer, "picture", jpeg+strings.Repeat("x", 5<<19), 400)
	picture(access.Radiographer, "picture", jpeg+strings.Repeat("x", 4<<20), 413)
	picture(access.Radiographer, "picture", jpeg+strings.Repeat("x", 3<<19), 303)
	picture(access.Learner, "picture", jpeg, 403)
	picture(access.Radiographer, "picture", jpeg, 303)
	get(access.Radiographer, one+"/picture", jpeg)
	get(access.Radiographer, one, one+"/picture")
}
