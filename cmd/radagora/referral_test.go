package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// TestReferrals: a referrer sees the patients whom orders and images say they sent, those
// of before too, and no other; what is corrected counts, and a name that is taken away.
func TestReferrals(t *testing.T) {
	slow(t)
	w := newWalk(t)
	mine, other := ct(), mr()
	mine.slices, other.slices = 1, 1
	mine.referring, other.referring = "MÜLLER^ROSA", "MULLER^RUTH"
	w.keep(mine)
	users, err := w.h.Users.InRole(t.Context(), access.Referrer, at)
	check(t, err)
	doctor, patient := "", ""
	for _, u := range users {
		if u.ID != access.Local {
			doctor = u.ID
		}
	}
	if users, err = w.h.Users.InRole(t.Context(), access.Patient, at); err != nil {
		t.Fatal(err)
	}
	for _, u := range users {
		if u.ID != access.Local {
			patient = u.ID
		}
	}
	sees := func(role access.Role, p phantom) bool {
		t.Helper()
		r, _ := w.send(t, role, http.MethodGet, "/images/studies/"+p.study(), nil, nil)
		_, list := w.send(t, role, http.MethodGet, "/images", nil, nil)
		one, listed := r.StatusCode == http.StatusOK, strings.Contains(list, p.study())
		if one != listed && role != access.Patient { // for whom there is no list
			return false // not yet, or a fault
		}
		return one
	}
	until := func(what string, role access.Role, p phantom, want bool) {
		t.Helper()
		for range 200 {
			if sees(role, p) == want {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		t.Fatalf("%s: seen is %v", what, !want)
	}
	known := func(form url.Values, status int) string {
		t.Helper()
		r, text := w.send(t, access.Administrator, http.MethodPost, "/settings/accounts/"+doctor+"/known", form, nil)
		if r.StatusCode != status {
			t.Fatalf("known: %s", r.Status)
		}
		return text
	}
	if sees(access.Referrer, mine) || sees(access.Patient, mine) {
		t.Fatal("who referred nobody sees a patient")
	}
	known(url.Values{"known": {"Müller, Rosa\nMUELLER^ROSA"}}, http.StatusSeeOther)
	until("a study of before", access.Referrer, mine, true)
	w.keep(other)
	later := mine
	later.number, later.referring, later.id = 40, "MUELLER^ROSAMUND", "LATER-1"
	same := mine
	same.number, same.referring, same.id = 41, "MUELLER^ROSA^^DR", "LATER-2"
	w.keep(later)
	w.keep(same)
	until("a study that came later", access.Referrer, same, true)
	if sees(access.Referrer, other) || sees(access.Referrer, later) {
		t.Error("a referrer sees whom another one sent")
	}
	study := uid.Must(same.study())
	c, err := w.h.Archive.Correct(t.Context(), at, archive.Target{Study: study}, []archive.Value{{Tag: tag.PatientID, Text: archive.Conceal("WRONG-9")}}, "of another patient")
	check(t, err)
	until("after it was corrected it is still theirs", access.Referrer, same, true)
	if all, err := w.h.Facts.Of(t.Context(), access.Subject{Site: at, Person: archive.Person("", "LATER-2")}); err != nil || len(all) != 1 || all[0].Ended.IsZero() {
		t.Errorf("whom it was about before: %d relations, %v; want one that ended", len(all), err)
	}
	check(t, w.h.Archive.Uncorrect(t.Context(), at, c.ID, "it was right"))

	if text := known(url.Values{"known": {strings.Repeat("x", 300)}}, http.StatusBadRequest); !strings.Contains(text, "200 letters") {
		t.Error("a name too long is not explained")
	}
	r, _ := w.send(t, access.Administrator, http.MethodPost, "/settings/accounts/"+patient+"/known", url.Values{"known": {"MUELLER^ROSA"}}, nil)
	if r.StatusCode != http.StatusBadRequest {
		t.Errorf("a name of two accounts: %s", r.Status)
	}
	known(url.Values{"known": {""}}, http.StatusSeeOther)
	until("a name that was taken away", access.Referrer, mine, false)

	of := func(form url.Values, status int) {
		t.Helper()
		if r, _ := w.send(t, access.Administrator, http.MethodPost, "/settings/accounts/"+patient+"/known", form, nil); r.StatusCode != status {
			t.Errorf("the patient's account: %s; want %d", r.Status, status)
		}
	}
	of(url.Values{"patient_id": {"NOBODY"}}, http.StatusBadRequest)
	of(url.Values{"patient_id": {mine.id}}, http.StatusSeeOther)
	until("one's own", access.Patient, mine, true)
	if sees(access.Patient, same) {
		t.Error("a patient sees another one's study")
	}
	of(url.Values{"unlink": {"1"}}, http.StatusSeeOther)
	until("no longer one's own", access.Patient, mine, false)
}

// TestSecondaryUse: who is here for research or teaching alone looks at doses for that,
// whatever purpose they name, and so does not see who does not want it.
func TestSecondaryUse(t *testing.T) {
	inside(t, t.TempDir(), func(ctx context.Context, h *house) {
		v := &view{house: h}
		for _, c := range []struct {
			roles []access.Role
			named string
			want  access.Purpose
		}{
			{[]access.Role{access.Physicist}, "", access.Quality},
			{[]access.Role{access.Physicist}, "TREAT", access.Treatment},
			{[]access.Role{access.Researcher}, "", access.Research},
			{[]access.Role{access.Researcher}, "HQUALIMP", access.Research},
			{[]access.Role{access.Learner}, "", access.Training},
			{[]access.Role{access.Learner}, "TREAT", access.Training},
			{[]access.Role{access.Researcher, access.Radiologist}, "", access.Quality},
		} {
			p, err := v.purpose(access.With(ctx, access.Who{ID: "x", Grants: access.Everywhere(c.roles...)}), c.named)
			if err != nil || p != c.want {
				t.Errorf("%v, %q: %s, %v; want %s", c.roles, c.named, p, err, c.want)
			}
		}
	})
}
