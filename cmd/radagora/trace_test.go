package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/journal"
)

// TestTrace: what is refused, taken along and changed stands in the journal with where
// it came from.
func TestTrace(t *testing.T) {
	slow(t)
	w := newWalk(t)
	one := ct()
	one.slices = 1
	w.keep(one)
	person, err := w.h.Archive.PersonOf(t.Context(), at, one.study())
	check(t, err)
	for range 3 {
		if r, _ := w.send(t, access.Radiologist, http.MethodGet, "/settings/accounts", nil, nil); r.StatusCode != http.StatusForbidden {
			t.Fatalf("a radiologist sees accounts: %s", r.Status)
		}
	}
	if r, _ := w.send(t, access.Radiologist, http.MethodGet, "/images/studies/"+one.study()+"/medium", nil, nil); r.StatusCode != http.StatusOK {
		t.Fatalf("medium: %s", r.Status)
	}
	if r, _ := w.send(t, access.Administrator, http.MethodPost, "/settings/accounts", url.Values{"name": {"N. N."}, "login": {"nn"}}, nil); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("account: %s", r.Status)
	}
	for _, c := range []struct{ kind, subject, person string }{
		{"access.act.refused", "GET /settings/accounts", ""},
		{"archive.study.exported", one.study(), person},
		{"archive.object.read", one.study(), person},
		{"access.account.added", "", ""},
	} {
		found := w.entry(t, c.kind, c.person)
		var data struct{ Door, Address string }
		check(t, json.Unmarshal(found.Data, &data))
		if c.subject != "" && found.Subject != c.subject || data.Door != "page" || data.Address != "127.0.0.1" {
			t.Errorf("%s: of %q by the door %q from %q", c.kind, found.Subject, data.Door, data.Address)
		}
	}
	copies, err := w.h.copiesOf(openly(t.Context(), w.h), access.Person{Site: at, ID: person})
	if err != nil || len(copies) != 1 || copies[0].What != "archive.study.exported" {
		t.Errorf("copies: %+v %v", copies, err)
	}
}

// entry waits for an entry of a kind, about a person unless that is "".
func (w *walk) entry(t *testing.T, kind, person string) (found journal.Entry) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	for ctx.Err() == nil {
		for e, err := range w.h.Journal.Find(ctx, journal.Filter{Site: at, Person: person, Kinds: []string{kind}, Newest: true, Limit: 1}) {
			check(t, err)
			return e
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no entry %s", kind)
	return found
}

// TestLookup searches as a person does, as a program does and as a modality does: who
// asks for somebody leaves a trace at whoever is shown, who lists a day leaves the one
// entry, and what was asked for stands nowhere.
func TestLookup(t *testing.T) {
	slow(t)
	w := newWalk(t)
	one, other := ct(), mr()
	one.slices, other.slices = 1, 1
	w.keep(one)
	w.keep(other)
	person, err := w.h.Archive.PersonOf(t.Context(), at, one.study())
	check(t, err)
	since := time.Now()
	for _, path := range []string{
		"/images", "/images?modality=CT", "/images?q=Water", "/images?patient=Phantom%5EW", "/api/v1/studies?patient_id=PH1", "/api/v1/studies",
		"/dicom-web/studies?ModalitiesInStudy=CT", "/dicom-web/series?PatientID=PH1", "/dicom-web/studies?PatientName=*",
	} {
		if r, body := w.send(t, access.Radiologist, http.MethodGet, path, nil, nil); r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s: %s", path, r.Status, body)
		}
	}
	check(t, w.h.Reads.Flush(t.Context()))
	check(t, w.h.settle(t.Context()))
	asked, seen := map[string]int{}, map[string]int{}
	for e, err := range w.h.Journal.Find(t.Context(), journal.Filter{Site: at, Kinds: []string{"archive.study.find"}, From: since.Add(-time.Minute)}) {
		check(t, err)
		var data journal.ReadData
		check(t, json.Unmarshal(e.Data, &data))
		if strings.Contains(string(e.Data), "PH1") || strings.Contains(strings.ToLower(string(e.Data)), "water") {
			t.Errorf("what was asked for stands in the journal: %s", e.Data)
		}
		if e.PersonKey == "" {
			asked[data.Query] += data.Count
		} else {
			seen[data.Door] += data.Count
		}
	}
	for query, n := range map[string]int{"": 3, "Modality": 1, "ModalitiesInStudy": 1, "text": 1, "PatientName": 1, "PatientID": 2} {
		if asked[query] != n {
			t.Errorf("searches by %q: %d, want %d; all: %v", query, asked[query], n, asked)
		}
	}
	if n := seen["page"]; len(seen) != 1 || n != 4 {
		t.Errorf("somebody was shown %v times, want 4 by the page", seen)
	}
	if found := w.entry(t, "archive.study.find", person); found.Subject != "" {
		t.Errorf("a search names %q", found.Subject)
	}
}
