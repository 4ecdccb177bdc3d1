package main

import (
	"bytes"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/uid"
	"radagora/fault"
)

// TestAsideOverHTTP: an object under the UID of another one stands on a page beside it,
// and what somebody decides is done; then a study is deleted on a page of its own.
func TestAsideOverHTTP(t *testing.T) {
	slow(t)
	w := newWalk(t)
	first, other := ct(), ct()
	first.slices, other.slices = 2, 2
	other.patient, other.water = "SPELT^OTHERWISE", other.water+100
	w.keep(first)
	for n := range other.slices {
		r, err := w.h.Archive.Receive(t.Context(), archive.Arrival{Site: at, Actor: "ae:CT1", Door: "dimse", CallingAE: "CT1", Part10: true, Data: bytes.NewReader(other.file(t, n))})
		check(t, err)
		s, err := r.Wait(t.Context())
		check(t, err)
		if s.Outcome != archive.Quarantined {
			t.Fatalf("the other content is %s", s.Outcome)
		}
	}
	list, err := w.h.Archive.Quarantined(t.Context(), at, "", 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d set aside, %v; want both slices", len(list), err)
	}
	get := func(path string, status int) string {
		t.Helper()
		r, text := w.send(t, access.Steward, http.MethodGet, path, nil, nil)
		if r.StatusCode != status {
			t.Fatalf("%s: %s", path, r.Status)
		}
		return html.UnescapeString(text)
	}
	post := func(path string, status int, form url.Values) string {
		t.Helper()
		r, text := w.send(t, access.Steward, http.MethodPost, path, form, nil)
		if r.StatusCode != status {
			t.Fatalf("%s: %s", path, r.Status)
		}
		return html.UnescapeString(text) + r.Header.Get("Location")
	}
	if page := get("/", http.StatusOK); !strings.Contains(page, "2 objects were set aside") {
		t.Error("Today says nothing of what is set aside")
	}
	links := regexp.MustCompile(`/images/reconcile/aside/[0-9a-f-]{36}`).FindAllString(get("/images/reconcile", http.StatusOK), -1)
	if len(links) < 2 {
		t.Fatalf("%d links to what is set aside", len(links))
	}
	one, two := "/images/reconcile/aside/"+list[0].ID, "/images/reconcile/aside/"+list[1].ID
	page := get(one, http.StatusOK)
	for _, want := range []string{"Patient's Name", first.patient, other.patient, "(7FE0,0010)", "digest ", one + "/picture?of=last", "Keep the first"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	if strings.Contains(page, "(0020,000D)") {
		t.Error("what is the same is listed")
	}
	a, b := get(one+"/picture?of=first", http.StatusOK), get(one+"/picture?of=last", http.StatusOK)
	if !strings.HasPrefix(a, "\x89PNG") || a == b {
		t.Error("the two pictures are the same, or none")
	}
	if r, _ := w.send(t, access.Radiologist, http.MethodGet, one, nil, nil); r.StatusCode != http.StatusForbidden {
		t.Errorf("a radiologist sees it: %s", r.Status)
	}
	get("/images/reconcile/aside/0198c0de-0001-7000-8000-000000000001", http.StatusNotFound)
	if page := post(one, http.StatusBadRequest, url.Values{"do": {"replace"}, "reason": {" "}}); !strings.Contains(page, "Say why.") {
		t.Error("a decision without a reason is not explained")
	}
	post(one, http.StatusSeeOther, url.Values{"do": {"replace"}, "reason": {"spelt wrongly"}})
	post(two, http.StatusSeeOther, url.Values{"do": {"discard"}, "reason": {"spelt wrongly"}})
	if s, err := w.h.Archive.Study(t.Context(), at, uid.Must(first.study())); err != nil || s.InstanceCount != 2 {
		t.Errorf("after the decisions: %d instances, %v", s.InstanceCount, err)
	}
	if n, err := w.h.Archive.CountQuarantined(t.Context(), at); n != 0 || err != nil {
		t.Errorf("%d set aside, %v", n, err)
	}

	study := "/images/studies/" + first.study()
	page = get(study, http.StatusOK)
	for _, want := range []string{study + "/delete", "/images/reconcile/" + first.study(), "2 objects"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of the study does not say %s", want)
		}
	}
	if r, _ := w.send(t, access.Radiologist, http.MethodGet, study+"/delete", nil, nil); r.StatusCode != http.StatusForbidden {
		t.Errorf("a radiologist may delete: %s", r.Status)
	}
	if page := post(study+"/delete", http.StatusBadRequest, url.Values{"reason": {""}}); !strings.Contains(page, "Say why.") {
		t.Error("a deletion without a reason is not explained")
	}
	post(study+"/delete", http.StatusBadRequest, url.Values{"reason": {"test"}, "series": {"1.2.3.99"}})
	hold, err := w.h.Archive.Hold(t.Context(), at, first.study(), "", "court")
	check(t, err)
	if page := post(study+"/delete", http.StatusBadRequest, url.Values{"reason": {"test"}}); !strings.Contains(page, "It is held") {
		t.Error("what is held is not explained")
	}
	check(t, w.h.Archive.Lift(t.Context(), at, hold, "over"))
	post(study+"/delete", http.StatusSeeOther, url.Values{"reason": {"a phantom"}})
	if _, err := w.h.Archive.Study(t.Context(), at, uid.Must(first.study())); fault.Of(err) != fault.NotFound {
		t.Errorf("after it was deleted: %v", err)
	}
	gone, err := w.h.Archive.Deletions(t.Context(), at, 10)
	check(t, err)
	if gone[0].Cause != archive.ByPerson || gone[0].Reason != "a phantom" {
		t.Errorf("the deletion is of %s: %s", gone[0].Cause, gone[0].Reason)
	}
	check(t, w.h.Archive.Undo(t.Context(), at, gone[0].ID))
	for range 100 { // the journal is read a moment later
		if page = get(study, http.StatusOK); strings.Contains(page, "brought the study back") {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if raw := regexp.MustCompile(`>archive\.[a-z.]+<`).FindAllString(page, -1); len(raw) > 0 || !strings.Contains(page, "brought the study back") {
		t.Errorf("the history says what happened in words of the program: %s", raw)
	}
}
