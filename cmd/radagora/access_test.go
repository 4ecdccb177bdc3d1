package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/dicom/dimse"
	"radagora/dicom/uid"
	"radagora/lang"
	"radagora/site"
	"radagora/web"
)

var update = flag.Bool("update", false, "write docs/access.md anew")

// The file people read, and the marks between which the tables stand.
const (
	accessDoc   = "../../docs/access.md"
	tablesBegin = "<!-- tables: go test ./cmd/radagora -run TestAccess -update -->\n"
)

// TestAccess walks every route and every DICOM service as every role, through the
// doors, and holds what happened against the tables of docs/access.md. A route that
// is new, or opens to somebody else, changes a table, and so somebody reads it.
func TestAccess(t *testing.T) {
	if testing.Short() {
		t.Skip("it asks for every address as every role: left out with -short, and so under the race detector")
	}
	t.Parallel()
	w := newWalk(t)
	var b strings.Builder
	b.WriteString(tablesBegin)
	w.acts(&b)
	w.routes(&b)
	w.services(&b)
	text, err := os.ReadFile(accessDoc)
	check(t, err)
	head, _, ok := strings.Cut(string(text), tablesBegin)
	if !ok {
		t.Fatalf("%s has no line %q", accessDoc, tablesBegin)
	}
	if *update {
		check(t, os.WriteFile(accessDoc, []byte(head+b.String()), 0o644))
		return
	}
	if string(text) != head+b.String() {
		t.Errorf("%s is not what the doors do; if that is meant, run: go test ./cmd/radagora -run TestAccess -update\n%s",
			accessDoc, changed(string(text), head+b.String()))
	}
}

// changed returns the lines that stand in one text alone.
func changed(old, now string) string {
	var b strings.Builder
	was, is := strings.Split(old, "\n"), strings.Split(now, "\n")
	for _, line := range was {
		if !slices.Contains(is, line) {
			b.WriteString("- " + line + "\n")
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			b.WriteString("+ " + line + "\n")
		}
	}
	return b.String()
}

// A walk is an installation with an account for each role, and somebody of each
// role signed in.
type walk struct {
	*testing.T
	h       *house
	server  *httptest.Server
	clients map[access.Role]*http.Client // "" is nobody
	pages   []web.Route
	others  []route
	sign    bool
	dicom   string
	data    string
	logged  *said
}

// newWalk opens the installation.
func newWalk(t *testing.T) *walk {
	t.Helper()
	logged := &said{}
	log := logging{Format: "text", Level: slog.LevelDebug}.logger(logged)
	sys := &system{Out: io.Discard, Err: io.Discard, Now: time.Now, Log: log}
	s := settings{Data: t.TempDir(), AE: "RADAGORA", HTTP: "127.0.0.1:8080", DICOM: "127.0.0.1:0", demo: true, OpenIn: []string{"Elsewhere=elsewhere://?study={study}&token={token}&zip={zip}"}}
	s.TrashDays = 30
	ctx, stop := context.WithCancel(context.Background())
	h, err := s.open(ctx, sys)
	check(t, err)
	work := make(chan error, 1)
	go func() { work <- h.background(ctx) }()
	check(t, h.Accounts.Demo(ctx))
	dicom, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	m := newMetrics(h)
	handler, _, err := h.handler(ctx, s, &watch{}, m, dicom)
	check(t, err)
	catalogue, err := lang.Open()
	check(t, err)
	config := h.pages(s, newView(h, s, &watch{}, dicom, catalogue), catalogue)
	door := make(chan error, 1)
	go func() {
		door <- h.dicomServer(s, newDoorman(h, false, h.Accounts), &watch{}, m, nil).Serve(ctx, dicom)
	}()
	w := &walk{
		T: t, h: h, server: httptest.NewServer(handler), clients: map[access.Role]*http.Client{}, dicom: dicom.Addr().String(), data: s.Data, logged: logged,
		pages: web.Routes(config), others: h.routes(s, m), sign: config.Sign != nil,
	}
	t.Cleanup(func() {
		w.server.Close()
		stop()
		check(t, errors.Join(<-work, <-door, h.Close()))
	})
	for _, role := range append([]access.Role{""}, access.People()...) {
		w.clients[role] = w.enter(role)
	}
	return w
}

// enter returns a browser in which somebody of a role is signed in.
func (w *walk) enter(role access.Role) *http.Client {
	w.Helper()
	jar, err := cookiejar.New(nil)
	check(w.T, err)
	c := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if role == "" {
		return c
	}
	door := httptest.NewServer(w.h.Accounts.Sessions()(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := w.h.Accounts.EnterDemo(r.Context(), role)
		if err != nil {
			w.Errorf("enter as %s: %v", role, err)
		}
	})))
	defer door.Close()
	r, err := c.Get(door.URL)
	check(w.T, err)
	check(w.T, r.Body.Close())
	return c
}

// acts writes what the policies say: role by role, in words.
func (w *walk) acts(b *strings.Builder) {
	fmt.Fprint(b, "\n## What a role may do\n\n")
	columns(b, "act", access.Roles())
	for _, act := range access.Acts() {
		fmt.Fprintf(b, "| `%s` |", act)
		for _, role := range access.Roles() {
			fmt.Fprintf(b, " %s |", w.word(role, act))
		}
		b.WriteString("\n")
	}
}

// columns writes the first lines of a table.
func columns(b *strings.Builder, first string, roles []access.Role) {
	fmt.Fprintf(b, "| %s |", first)
	for _, r := range roles {
		name := string(r)
		if r == "" {
			name = "nobody"
		}
		fmt.Fprintf(b, " %s |", name)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(roles)) + "\n")
}

// word says in a word whether a role may do an act.
func (w *walk) word(role access.Role, act access.Act) string {
	word, _, err := w.h.word(role, act, at)
	check(w.T, err)
	if word == "no" {
		return "–"
	}
	return word
}

// spared are changes that the walk does not ask for: they would begin long work or
// end the session it walks with.
var spared = []string{"POST /start/demo", "POST /sign-out", "POST /settings/backup"}

// hole is a part of an address that stands for something.
var hole = regexp.MustCompile(`\{[^}]*\}`)

// routes walks every address as every role.
func (w *walk) routes(b *strings.Builder) {
	fmt.Fprint(b, "\n## What an address answers\n\n")
	roles := append([]access.Role{""}, access.People()...)
	columns(b, "address", roles)
	all := w.pages
	for _, r := range w.others {
		method, path, _ := strings.Cut(r.pattern, " ")
		all = append(all, web.Route{Method: method, Path: path, Act: r.act})
	}
	for _, r := range all {
		name := r.Method + " " + strings.TrimSuffix(r.Path, "{$}")
		fmt.Fprintf(b, "| `%s` |", name)
		for _, role := range roles {
			fmt.Fprintf(b, " %s |", w.ask(role, r, slices.Contains(spared, name)))
		}
		b.WriteString("\n")
	}
}

// do asks, and again where the walk was too quick for the limits of the door. The
// request has no body, or one that can be read again.
func (w *walk) do(t *testing.T, role access.Role, q *http.Request) *http.Response {
	t.Helper()
	for {
		r, err := w.clients[role].Do(q)
		check(t, err)
		if r.StatusCode != http.StatusTooManyRequests || r.Header.Get("Retry-After") != "5" {
			return r
		}
		check(t, r.Body.Close())
		time.Sleep(200 * time.Millisecond)
		if q.GetBody != nil {
			q.Body, err = q.GetBody()
			check(t, err)
		}
	}
}

// ask asks for an address as a role, and says in a word what came.
func (w *walk) ask(role access.Role, r web.Route, spare bool) string {
	if spare {
		switch {
		case r.Act == web.Anybody:
			return "yes"
		case role == "":
			return "sign in"
		}
		return w.word(role, r.Act)
	}
	path := hole.ReplaceAllString(strings.TrimSuffix(r.Path, "{$}"), "1.2.3")
	ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, r.Method, w.server.URL+path, nil)
	check(w.T, err)
	if r.Method == http.MethodPost {
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer := w.do(w.T, role, q)
	defer answer.Body.Close()
	to := answer.Header.Get("Location")
	switch {
	case answer.StatusCode >= 500 && answer.StatusCode != http.StatusNotImplemented:
		w.Errorf("%s %s as %s: %s", r.Method, path, role, answer.Status)
		return "broken"
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusTooManyRequests, strings.HasPrefix(to, "/sign-in?"), strings.HasPrefix(to, "/sign-in") && role == "" && r.Act != web.Anybody:
		return "sign in"
	case strings.HasPrefix(to, "/sign-in/again"):
		return "again"
	case answer.StatusCode == http.StatusForbidden:
		if role == "" && !w.sign {
			return "sign in"
		}
		return "–"
	}
	return "yes"
}

// services asks for every DICOM service as an account of every role, by user
// identity, and as a peer.
func (w *walk) services(b *strings.Builder) {
	fmt.Fprint(b, "\n## What a DICOM service answers\n\n")
	roles := append([]access.Role{""}, access.Roles()...)
	columns(b, "service", roles)
	if len(inquiries) != len(services) {
		w.Errorf("the doorman knows %d services, this walk %d", len(services), len(inquiries))
	}
	for _, i := range inquiries {
		if services[i.name] == "" {
			w.Errorf("%s is no service of the doorman", i.name)
		}
		fmt.Fprintf(b, "| `%s` |", i.name)
		for _, role := range roles {
			fmt.Fprintf(b, " %s |", w.dial(role, i))
		}
		b.WriteString("\n")
	}
}

// dial asks for a service as a role and says in a word what came.
func (w *walk) dial(role access.Role, i inquiry) string {
	ctx, cancel := context.WithTimeout(w.Context(), 30*time.Second)
	defer cancel()
	config := dimse.Config{Calling: "STRANGER", Called: "RADAGORA", Now: time.Now}
	switch role {
	case "":
	case access.Peer:
		config.Calling = "KNOWN"
		check(w.T, w.h.Sites.SetPeer(ctx, access.Local, anyPeer("KNOWN", "127.0.0.1")))
	default:
		config.Identity = &dimse.Identity{Type: dimse.UserPasscode, Primary: []byte("demo-" + string(role)), Secondary: []byte(w.password(role))}
	}
	config.Propose = []dimse.Proposal{{SOPClass: i.class, Syntaxes: []uid.UID{uid.ExplicitVRLittleEndian}}}
	assoc, err := dimse.Dial(ctx, w.dicom, config)
	if err != nil {
		return "–"
	}
	defer assoc.Abort()
	err = i.ask(ctx, w.T, assoc, i.class)
	if status, ok := errors.AsType[*dimse.StatusError](err); ok && status.Status == dimse.NotAuthorised {
		return "–"
	} else if err != nil && !ok {
		w.Errorf("%s as %s: %v", i.name, role, err)
		return "broken"
	}
	return "yes" // what is sent is no object: that it was looked at is enough
}

// answered returns the status in an error of the peer's.
func answered(err error) (dimse.Status, error) {
	if e, ok := errors.AsType[*dimse.StatusError](err); ok {
		return e.Status, nil
	}
	return dimse.Success, err
}

// password gives the account of a role a password and returns it.
func (w *walk) password(role access.Role) string {
	w.Helper()
	u, err := w.h.Users.ByLogin(w.Context(), "demo-"+string(role))
	check(w.T, err)
	const password = "a long way to Sezanne 77"
	who, err := w.h.Users.Who(w.Context(), access.Local)
	check(w.T, err)
	judge, err := access.Lenient()
	check(w.T, err)
	check(w.T, w.h.Accounts.SetPassword(access.WithJudge(access.With(w.Context(), who), judge), u.ID, password))
	return password
}

// anyPeer returns a peer that may do everything, from one address.
func anyPeer(title, from string) site.Peer {
	return site.Peer{AETitle: title, Addresses: []string{from}, State: site.Accepted}
}
