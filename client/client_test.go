package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"radagora/client"
)

// serve answers with each of the answers in turn, then with the last one again, and
// remembers what it was asked.
type answers struct {
	t    *testing.T
	list []func(w http.ResponseWriter, r *http.Request)
	n    atomic.Int64
	keys []string
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i := min(int(a.n.Add(1)), len(a.list)) - 1
	a.keys = append(a.keys, r.Header.Get("Idempotency-Key"))
	if r.Header.Get("Authorization") != "Bearer rad_secret" {
		a.t.Error("no token")
	}
	a.list[i](w, r)
}

func status(code int, retry string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retry != "" {
			w.Header().Set("Retry-After", retry)
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"type":"urn:radagora:problem:x","status":%d,"detail":"because","errors":[{"location":"body.patient.name","message":"missing"}]}`, code)
	}
}

func body(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

func ask(t *testing.T, list ...func(http.ResponseWriter, *http.Request)) (*client.Client, *answers) {
	t.Helper()
	a := &answers{t: t, list: list}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return &client.Client{Address: s.URL + "/", Token: "rad_secret", Pause: time.Millisecond, Longest: 10 * time.Millisecond}, a
}

func TestTriesAgain(t *testing.T) {
	for _, c := range []struct {
		name  string
		list  []func(http.ResponseWriter, *http.Request)
		calls int64
		is    error
	}{
		{"at once", []func(http.ResponseWriter, *http.Request){body(`{"id":"1"}`)}, 1, nil},
		{"too many", []func(http.ResponseWriter, *http.Request){status(429, "0"), status(503, ""), body(`{"id":"1"}`)}, 3, nil},
		{"a proxy without a server", []func(http.ResponseWriter, *http.Request){status(502, ""), body(`{"id":"1"}`)}, 2, nil},
		{"the first is being worked on", []func(http.ResponseWriter, *http.Request){status(409, "0"), body(`{"id":"1"}`)}, 2, nil},
		{"a conflict stays one", []func(http.ResponseWriter, *http.Request){status(409, "")}, 1, client.ErrConflict},
		{"never", []func(http.ResponseWriter, *http.Request){status(503, "0")}, 5, client.ErrLater},
		{"a pause that is too long", []func(http.ResponseWriter, *http.Request){status(503, "3600")}, 1, client.ErrLater},
		{"wrong", []func(http.ResponseWriter, *http.Request){status(422, "")}, 1, client.ErrInvalid},
		{"not for them", []func(http.ResponseWriter, *http.Request){status(403, "")}, 1, client.ErrForbidden},
		{"none", []func(http.ResponseWriter, *http.Request){status(404, "")}, 1, client.ErrNotFound},
		{"no token", []func(http.ResponseWriter, *http.Request){status(401, "")}, 1, client.ErrSignIn},
		{"changed", []func(http.ResponseWriter, *http.Request){status(412, "")}, 1, client.ErrChanged},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl, a := ask(t, c.list...)
			o, err := cl.CreateOrder(t.Context(), client.Order{})
			if a.n.Load() != c.calls || !errors.Is(err, c.is) || c.is == nil && (err != nil || o.ID != "1") {
				t.Errorf("%d calls, %v; want %d, %v", a.n.Load(), err, c.calls, c.is)
			}
			if a.keys[0] == "" || slices.ContainsFunc(a.keys, func(k string) bool { return k != a.keys[0] }) {
				t.Errorf("the keys are %q", a.keys)
			}
			if p, ok := errors.AsType[*client.Problem](err); c.is != nil && (!ok || p.Detail != "because" || p.Errors[0].Location != "body.patient.name") {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestKeyOfTheCaller(t *testing.T) {
	cl, a := ask(t, body(`{}`))
	if _, err := cl.CreateOrder(client.WithKey(t.Context(), "mine"), client.Order{}); err != nil || a.keys[0] != "mine" {
		t.Errorf("%q, %v", a.keys, err)
	}
	if _, err := cl.GetOrder(t.Context(), "a/b"); err != nil || a.keys[1] != "" {
		t.Errorf("a question bears %q, %v", a.keys[1], err)
	}
}

func TestPages(t *testing.T) {
	var asked []string
	page := func(text string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.URL.RequestURI())
			_, _ = w.Write([]byte(text))
		}
	}
	cl, _ := ask(t, page(`{"items":[{"study_uid":"1"},{"study_uid":"2"}],"next":"c+/"}`), page(`{"items":[{"study_uid":"3"}],"later":true}`))
	var got []string
	for s, err := range cl.ListStudies(t.Context(), client.ListStudiesQuery{Modality: "CT"}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, s.StudyUID)
	}
	if !slices.Equal(got, []string{"1", "2", "3"}) || !slices.Equal(asked, []string{"/api/v1/studies?modality=CT", "/api/v1/studies?cursor=c%2B%2F&modality=CT"}) {
		t.Errorf("%q by %q", got, asked)
	}
	cl, _ = ask(t, status(403, ""))
	for _, err := range cl.ListStudies(t.Context(), client.ListStudiesQuery{}) {
		if !errors.Is(err, client.ErrForbidden) {
			t.Error(err)
		}
	}
}

// A program that follows goes on from the number it knows, until its context ends.
func TestFollow(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var cursors []string
	cl, _ := ask(t, func(w http.ResponseWriter, r *http.Request) {
		c := r.URL.Query().Get("cursor")
		cursors = append(cursors, c)
		next := map[string]int{"7": 9, "9": 12}[c]
		_ = json.NewEncoder(w).Encode(map[string]any{"items": []map[string]any{{"number": next, "kind": "archive.instance.stored", "at": "2026-11-22T09:00:00Z"}}, "next": next, "more": false})
	})
	var got []int64
	for c, err := range cl.Follow(ctx, 7, "archive.*") {
		if err != nil {
			t.Fatal(err)
		}
		if got = append(got, c.Number); len(got) == 2 {
			stop()
		}
	}
	if !slices.Equal(got, []int64{9, 12}) || !slices.Equal(cursors, []string{"7", "9"}) {
		t.Errorf("%v by %v", got, cursors)
	}
}

func TestStopsWithItsContext(t *testing.T) {
	cl, a := ask(t, status(503, "1"))
	cl.Longest = time.Minute
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := cl.GetStatus(ctx); !errors.Is(err, context.DeadlineExceeded) || a.n.Load() != 1 {
		t.Errorf("%d calls, %v", a.n.Load(), err)
	}
	cl.Address = "http://127.0.0.1:1"
	cl.Attempts = 2
	if _, err := cl.GetStatus(t.Context()); err == nil {
		t.Error("nobody answers, and that is no error")
	}
}

// What somebody between answers is a problem too.
func TestNoProblemDetails(t *testing.T) {
	cl, _ := ask(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusForbidden) })
	_, err := cl.GetStatus(t.Context())
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 403 || p.Detail != "Forbidden" {
		t.Errorf("%v", err)
	}
	cl, _ = ask(t, body(`{"version":`))
	if _, err := cl.GetStatus(t.Context()); err == nil {
		t.Error("half an answer is one")
	}
}
