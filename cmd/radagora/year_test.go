package main

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"radagora/access"
)

// TestYearOverHTTP tells each role what is due of the registers it may read, names nobody,
// and hands out a calendar that is none while it is empty.
func TestYearOverHTTP(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWalk(t)
	get := func(role access.Role, path string) (int, string) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+path, http.NoBody)
		check(t, err)
		r := w.do(t, role, q)
		raw, err := io.ReadAll(r.Body)
		check(t, err)
		check(t, r.Body.Close())
		return r.StatusCode, string(raw)
	}
	post := func(role access.Role, path string, form url.Values) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.server.URL+path, strings.NewReader(form.Encode()))
		check(t, err)
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r := w.do(t, role, q)
		check(t, r.Body.Close())
		if r.StatusCode != http.StatusSeeOther {
			t.Errorf("%s %s: %d", role, path, r.StatusCode)
		}
	}
	if code, body := get(access.Manager, "/quality"); code != 200 || !strings.Contains(body, "Nothing is due") || !strings.Contains(body, "Nothing was measured twice yet") {
		t.Errorf("an empty year: %d", code)
	}
	if code, body := get(access.Manager, "/quality/calendar/export"); code != 404 || strings.Contains(body, "VCALENDAR") {
		t.Errorf("an empty calendar: %d", code)
	}
	post(access.Physicist, "/quality/equipment", url.Values{"name": {"CT-1"}, "group": {"CT"}, "status": {"active"}, "accepted": {"2025-02-01"}, "contract_ends": {"2099-12-31"}, "owner": {"Family Given"}})
	post(access.Manager, "/quality/people", url.Values{"name": {"Family Given"}, "kind": {"practitioner"}, "from": {"2025-01-01"}, "until": {"2098-03-04"}})
	post(access.Manager, "/quality/people", url.Values{"name": {"Given Family"}, "kind": {"protection_officer"}, "from": {"2020-01-01"}, "until": {"2021-05-06"}}) // and nobody noticed
	for role, want := range map[access.Role]map[string]bool{
		access.Manager:      {"Test: CT-1": true, "overdue": true, "Mar\u00a02098": true, "May\u00a02021": true, "Incidents reported": true},
		access.Radiographer: {"Test: CT-1": true, "overdue": true, "Mar\u00a02098": false, "May\u00a02021": false, "Incidents reported": false},
	} {
		code, body := get(role, "/quality")
		if code != 200 || strings.Contains(body, "Family Given") {
			t.Errorf("%s: %d, or a person is named", role, code)
		}
		for text, is := range want {
			if strings.Contains(body, text) != is {
				t.Errorf("%s: %q is on the page: %v, want %v", role, text, !is, is)
			}
		}
		_, file := get(role, "/quality/calendar/export")
		if !strings.Contains(file, "BEGIN:VEVENT") || strings.Contains(file, "20980304") != want["Mar\u00a02098"] || strings.Contains(file, "Given") {
			t.Errorf("%s has the calendar %s", role, file)
		}
	}

	// What nobody did in its year stands on the day of those who may see it, by its name.
	post(access.Manager, "/quality/audits", url.Values{"template": {"C07"}, "lead": {"anna"}, "reason": {"many repeats"}, "year": {strconv.Itoa(w.h.Now().Year() - 1)}})
	for role, sees := range map[access.Role]bool{access.Manager: true, access.Referrer: false} {
		code, body := get(role, "/")
		if is := strings.Contains(body, "Audit C07 Repeats and rejects (1)") && strings.Contains(body, `href="/quality/audits/1"`); code != 200 || is != sees {
			t.Errorf("%s: %d, the audit of last year is on Today: %v, want %v", role, code, is, sees)
		}
	}
}
