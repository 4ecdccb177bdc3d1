package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/journal"
)

func TestParseViewer(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       bool
	}{
		{"a program", "Weasis=weasis://?%24dicom%3Ars%20--url%20%22{dicomweb}%22%20-r%20%22studyUID%3D{study}%22%20-H%20%22Authorization%3A%20Bearer%20{token}%22", true},
		{"a page", "OHIF=https://viewer.example/viewer?StudyInstanceUIDs={study}&token={token}", true},
		{"without a name", "=weasis://{study}", false},
		{"without an address", "Weasis", false},
		{"a script", "X=javascript://%0aalert(1)", false},
		{"a script, with a hole", "X=javascript:alert({study})", false},
		{"data", "X=data://text/html,x", false},
		{"with spaces", "X=weasis:// {study}", false},
		{"with an unknown hole", "X=weasis://{password}", false},
	} {
		if _, err := parseViewer(c.text); (err == nil) != c.want {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	v, err := parseViewer("X=x://?u={dicomweb}&s={study}&z={zip}")
	check(t, err)
	if got, want := v.at("https://a.example", "1.2", "rav_1"), "x://?u=https%3A%2F%2Fa.example%2Fdicom-web&s=1.2&z=https%3A%2F%2Fa.example%2Fopen%2Frav_1%2Fstudy.zip"; got != want {
		t.Errorf("the address is %s; want %s", got, want)
	}
}

// TestOpenIn opens a study in a viewer of others: the ticket shows that study and no
// other, changes nothing, opens no page, and ends when it is taken back.
func TestOpenIn(t *testing.T) {
	slow(t)
	w := newWalk(t)
	one, other := ct(), mr()
	w.keep(one)
	w.keep(other)
	address := func() string {
		t.Helper()
		r, err := w.clients[access.Radiologist].PostForm(w.server.URL+"/images/studies/"+one.study()+"/open", url.Values{"viewer": {"Elsewhere"}})
		check(t, err)
		defer func() { _ = r.Body.Close() }()
		text, err := io.ReadAll(r.Body)
		check(t, err)
		found := regexp.MustCompile(`href="(elsewhere://[^"]*)"`).FindSubmatch(text)
		if r.StatusCode != http.StatusOK || found == nil || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Fatalf("%s, %v", r.Status, r.Header)
		}
		return html.UnescapeString(string(found[1]))
	}
	opened, err := url.Parse(address())
	check(t, err)
	secret := opened.Query().Get("token")
	ask := func(method, path, bearer string) (int, []byte) {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), method, w.server.URL+path, http.NoBody)
		check(t, err)
		if bearer != "" {
			q.Header.Set("Authorization", "Bearer "+bearer)
		}
		r, err := w.clients[""].Do(q)
		check(t, err)
		defer func() { _ = r.Body.Close() }()
		b, err := io.ReadAll(r.Body)
		check(t, err)
		return r.StatusCode, b
	}
	file := ticketRoot + secret + "/study.zip"
	for _, c := range []struct {
		name, method, path string
		want               int
	}{
		{"its metadata", "GET", "/dicom-web/studies/" + one.study() + "/metadata", 200},
		{"an image of it", "GET", "/dicom-web/studies/" + one.study() + "/series/" + one.series() + "/rendered", 200},
		{"another study", "GET", "/dicom-web/studies/" + other.study() + "/metadata", 403},
		{"a thumbnail of another", "GET", "/dicom-web/studies/" + other.study() + "/thumbnail", 403},
		{"a search for another", "GET", "/dicom-web/studies?StudyInstanceUID=" + other.study(), 204},
		{"deleting it", "DELETE", "/dicom-web/studies/" + one.study() + "?reason=x", 403},
		{"storing", "POST", "/dicom-web/studies", 403},
		{"its page", "GET", "/images/studies/" + one.study(), 403},
		{"the list", "GET", "/images", 403},
		{"the feed", "GET", "/api/v1/changes", 403},
		{"the worklist", "GET", "/api/v1/worklist", 403},
		{"the journal", "GET", "/settings/journal", 403},
	} {
		if got, text := ask(c.method, c.path, secret); got != c.want {
			t.Errorf("%s: %d; want %d\n%.200s", c.name, got, c.want, text)
		}
	}
	if code, text := ask("GET", "/dicom-web/studies", secret); code != 200 || !strings.Contains(string(text), one.study()) || strings.Contains(string(text), other.study()) {
		t.Errorf("a search for all: %d %s", code, text)
	}
	code, text := ask("GET", file, "")
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil || code != 200 || len(z.File) != one.slices+1 {
		t.Fatalf("the file: %d, %v", code, err)
	}
	if code, _ := ask("GET", ticketRoot+"rav_nothing/study.zip", ""); code != 401 && code != 403 {
		t.Errorf("a ticket that is none: %d", code)
	}

	r, err := w.clients[access.Radiologist].Get(w.server.URL + "/images/studies/" + one.study() + "/open")
	check(t, err)
	text, err = io.ReadAll(r.Body)
	check(t, errors.Join(err, r.Body.Close()))
	id := regexp.MustCompile(`name="ticket" value="([^"]*)"`).FindSubmatch(text)
	if id == nil || strings.Contains(string(text), secret) {
		t.Fatalf("the page lists %q, or shows the secret again", id)
	}
	r, err = w.clients[access.Radiologist].PostForm(w.server.URL+"/images/studies/"+one.study()+"/open/end", url.Values{"ticket": {string(id[1])}})
	check(t, err)
	check(t, r.Body.Close())
	for _, path := range []string{"/dicom-web/studies/" + one.study() + "/metadata", file} {
		if got, _ := ask("GET", path, secret); got != 401 {
			t.Errorf("taken back, %s: %d; want 401", strings.ReplaceAll(path, secret, "…"), got)
		}
	}
	want := []string{"access.ticket.made", "access.ticket.ended"}
	var kinds []string
	for began := time.Now(); len(kinds) < len(want) && time.Since(began) < 20*time.Second; time.Sleep(50 * time.Millisecond) { // until they are sealed
		kinds = nil
		for e, err := range w.h.Journal.Find(t.Context(), journal.Filter{Site: at, Subject: one.study(), Kinds: want}) {
			check(t, err)
			kinds = append(kinds, e.Kind)
			if strings.Contains(string(e.Data), secret) {
				t.Error("the secret stands in the journal")
			}
		}
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("the journal has %v", kinds)
	}
	r, err = w.clients[access.Administrator].PostForm(w.server.URL+"/images/studies/"+one.study()+"/open", url.Values{"viewer": {"Elsewhere"}})
	check(t, err)
	check(t, r.Body.Close())
	if r.StatusCode != http.StatusForbidden {
		t.Errorf("somebody who may not read it: %s", r.Status)
	}
}
