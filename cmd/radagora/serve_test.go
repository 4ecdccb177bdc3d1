package main

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radagora/db/dbtest"
)

// TestServeEnds: with a scanner and a browser connected, the end is clean and soon.
func TestServeEnds(t *testing.T) {
	s := serve(t, filepath.Join(t.TempDir(), "data"))
	a, err := dial(t.Context(), s)
	check(t, err)
	defer a.Abort()
	for _, path := range []string{"/healthz", "/readyz", "/", "/start", "/start/events"} {
		r, err := http.Get("http://" + s.http + path)
		check(t, err)
		defer r.Body.Close() // what follows may be a stream
		if r.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, r.Status)
		}
	}
	began := time.Now()
	if err := s.stop(); err != nil {
		t.Errorf("serve after SIGTERM: %v; want exit code 0; it said %s", err, s.log())
	}
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("the end took %v", took)
	}
	if got := s.log(); strings.Contains(got, "level=ERROR") {
		t.Errorf("errors at the end: %s", got)
	}
}

// TestBesideServer runs commands on the folder of a server that is at work: those that
// keep no object do their work, the others say what to do.
func TestBesideServer(t *testing.T) {
	slow(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data)
	files := made(t)
	command(t, exitDone, append([]string{"send", "--to", "RADAGORA=" + s.dicom}, files...)...)
	exams, _ := tables(t, s, 2)
	if len(exams) != 2 {
		t.Fatalf("%d examinations; want 2", len(exams))
	}
	if out := command(t, exitDone, "check", "--data", data); !strings.Contains(out, fmt.Sprintf("archive: %d instances", len(files))) {
		t.Errorf("check: %s", out)
	}
	command(t, exitDone, "evidence", "dose.within_drl", "--data", data)
	command(t, exitDone, "incident", "report", "two requests looked alike", "--data", data)
	if code, body := get(s, "/quality/incidents"); code != http.StatusOK || strings.Contains(body, "No incidents") {
		t.Errorf("the incident is not on the page: %d", code)
	}
	command(t, exitFailed, "import", files[0], "--data", data)
	command(t, exitFailed, "rebuild", "--data", data)
	if again, _ := tables(t, s, 2); fmt.Sprint(exams) != fmt.Sprint(again) {
		t.Error("the server lost something")
	}
}

// TestServePostgres: the same house on the other engine. Its password is in no log
// and no argument.
func TestServePostgres(t *testing.T) {
	slow(t)
	dsn := dbtest.Postgres(t)
	u, err := url.Parse(dsn)
	check(t, err)
	password, _ := u.User.Password()
	t.Setenv("RADAGORA_DB", dsn)
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data, "--log-level", "debug")
	command(t, exitDone, append([]string{"send", "--to", "RADAGORA=" + s.dicom}, made(t)...)...)
	exams, events := tables(t, s, 2)
	if len(exams) != 2 || len(events) != 6 {
		t.Errorf("%d examinations of %d events; want 2 of 6", len(exams), len(events))
	}
	s.kill()
	if log := s.log(); strings.Contains(log, password) {
		t.Errorf("the password of the database in the log: %s", log)
	}
	out := command(t, exitDone, "rebuild", "--data", data) + command(t, exitDone, "check", "--data", data)
	if !strings.Contains(out, fmt.Sprintf("archive: %d instances", len(made(t)))) {
		t.Errorf("rebuild and check: %s", out)
	}
	again, againEvents := tables(t, serve(t, data), 2)
	if fmt.Sprint(exams, events) != fmt.Sprint(again, againEvents) {
		t.Error("a rebuild changes numbers")
	}
}
