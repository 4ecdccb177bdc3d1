package notice_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/job"
	"radagora/notice"
	"radagora/outgoing"
)

// window is how old a message may be for the receiver of the test, as
// docs/format/webhook.md has it.
const window = 5 * time.Minute

// verify is what a receiver does, written from docs/format/webhook.md.
func verify(secret string, h http.Header, body []byte, now time.Time) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return "secret"
	}
	seconds, err := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	if age := now.Sub(time.Unix(seconds, 0)); err != nil || age > window || age < -window {
		return "time"
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("Webhook-Id") + "." + h.Get("Webhook-Timestamp") + "."))
	mac.Write(body)
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if !hmac.Equal([]byte(want), []byte(h.Get("Webhook-Signature"))) {
		return "signature"
	}
	return ""
}

// A receiver is a real server that verifies what it gets.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	secret  string
	answers []int // of the first calls; 200 afterwards
	seen    []string
	bodies  []map[string]any
	ids     []string
}

func receive(t *testing.T, cert tls.Certificate, answers ...int) *receiver {
	t.Helper()
	r := &receiver{answers: answers}
	r.Server = httptest.NewUnstartedServer(r)
	r.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	r.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r.StartTLS()
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	verdict := verify(r.secret, q.Header, body, time.Now())
	if verdict == "" && verify(r.secret, q.Header, append(bytes.Clone(body), ' '), time.Now()) != "signature" {
		verdict = "a changed body is accepted"
	}
	if verdict == "" && verify(r.secret, q.Header, body, time.Now().Add(window+time.Minute)) != "time" {
		verdict = "a replay is accepted"
	}
	if q.Method != http.MethodPost || q.Header.Get("Content-Type") != "application/json" || len(q.Header.Get("Webhook-Key-Id")) != 8 {
		verdict = "not as documented"
	}
	r.seen = append(r.seen, verdict)
	r.ids = append(r.ids, q.Header.Get("Webhook-Id"))
	var m map[string]any
	_ = json.Unmarshal(body, &m)
	r.bodies = append(r.bodies, m)
	if len(r.answers) > 0 {
		status := r.answers[0]
		r.answers = r.answers[1:]
		w.Header().Set("Location", "https://127.0.0.1/elsewhere")
		w.WriteHeader(status)
	}
}

func (r *receiver) calls() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.seen)
}

// hooked opens a house with one webhook that goes to r.
func hooked(t *testing.T, d *db.DB, answers ...int) (*house, *receiver, notice.Webhook) {
	t.Helper()
	pool, cert := authority(t)
	r := receive(t, cert, answers...)
	h := open(t, d, func(_ *notice.Options, out *outgoing.Options) { out.RootCAs = pool })
	hook, secret, err := h.n.AddWebhook(t.Context(), "adam", r.URL+"/hook?token=path-secret")
	if err != nil || !strings.HasPrefix(secret, "whsec_") || strings.Contains(hook.Host, "secret") {
		t.Fatalf("AddWebhook = %+v, %v", hook, err)
	}
	r.mu.Lock()
	r.secret = secret
	r.mu.Unlock()
	return h, r, hook
}

func (h *house) hook() notice.Webhook {
	h.t.Helper()
	all, err := h.n.Webhooks(h.t.Context())
	if err != nil || len(all) != 1 {
		h.t.Fatalf("Webhooks = %v, %v; want one", all, err)
	}
	return all[0]
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h, r, hook := hooked(t, d, http.StatusInternalServerError, http.StatusTooManyRequests)
		h.send(knocked)
		until(t, "third attempt", func() bool { return r.calls() == 3 })
		h.quiet()
		if diff := cmp.Diff([]string{"", "", ""}, r.seen); diff != "" {
			t.Errorf("verdicts (-want +got):\n%s", diff)
		}
		if r.ids[0] != r.ids[1] || r.ids[1] != r.ids[2] {
			t.Errorf("ids = %v; want one, so that a receiver knows what it has", r.ids)
		}
		want := map[string]any{
			"id": r.ids[0], "at": r.bodies[0]["at"], "site": "north", "kind": "site.peer.knocked", "severity": "warning",
			"args": map[string]any{"title": "CT_7"}, "link": "https://dose.hospital.example/settings/peers",
		}
		if diff := cmp.Diff(want, r.bodies[2]); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		if got := h.hook(); got.Status != 200 || got.Error != "" || !got.Failing.IsZero() || got.Last.IsZero() || got.KeyID != hook.KeyID || got.By != "adam" {
			t.Errorf("webhook = %+v; want a good last result", got)
		}
		sealedWebhook(t, d)
		m := knocked
		m.To, m.Roles = []string{"adam"}, nil
		h.send(m)
		h.quiet()
		if r.calls() != 3 {
			t.Error("what is for one account alone went to a webhook")
		}
		if err := h.n.RemoveWebhook(t.Context(), "adam", hook.ID); err != nil {
			t.Fatal(err)
		}
		h.send(knocked)
		h.quiet()
		if r.calls() != 3 {
			t.Error("a removed webhook was called")
		}
		if err := h.n.RemoveWebhook(t.Context(), "adam", hook.ID); fault.Of(err) != fault.NotFound {
			t.Errorf("RemoveWebhook again = %v; want not found", err)
		}
		for _, e := range h.book.entries {
			if strings.Contains(e, "secret") {
				t.Errorf("the journal tells a secret: %s", e)
			}
		}
		if len(h.book.entries) != 2 {
			t.Errorf("journal = %q; want added and removed", h.book.entries)
		}
	})
}

// sealedWebhook checks that neither address nor secret stands in the database.
func sealedWebhook(t *testing.T, d *db.DB) {
	t.Helper()
	var sealed []byte
	if err := d.QueryRow(t.Context(), `select sealed from notice_webhook`).Scan(&sealed); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("path-secret")) {
		t.Error("the address stands in the database")
	}
}

func TestWebhookGivesUp(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		answers []int
		calls   int
		reason  string
	}{
		{"a server that stays broken", []int{500, 503, 500, 500}, 3, "the webhook answered 500"},
		{"one that wants no more", []int{410}, 1, "the webhook answered 410: it wants no more: remove it"},
		{"one that moved: its message goes nowhere else", []int{307}, 1, "the webhook answered 307: give the address it redirects to"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				h, r, _ := hooked(t, d, c.answers...)
				h.send(knocked)
				until(t, "dead", func() bool {
					dead, _ := h.q.List(t.Context(), job.Filter{State: job.Dead})
					return len(dead) == 1
				})
				got := h.hook()
				if r.calls() != c.calls || got.Error != c.reason || got.Failing.IsZero() {
					t.Errorf("%d calls, %+v; want %d and %q", r.calls(), got, c.calls, c.reason)
				}
			})
		})
	}
}

func TestWebhookToPrivateTargets(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		pool, cert := authority(t)
		r := receive(t, cert)
		h := open(t, d, func(_ *notice.Options, out *outgoing.Options) { out.RootCAs, out.Allow = pool, nil })
		hook, _, err := h.n.AddWebhook(t.Context(), "adam", r.URL+"/?token=secret")
		if err != nil {
			t.Fatal(err)
		}
		err = h.n.TestWebhook(t.Context(), hook.ID)
		if fault.Of(err) != fault.Forbidden || strings.Contains(err.Error(), "secret") || r.calls() != 0 {
			t.Errorf("TestWebhook = %v, %d calls; want forbidden", err, r.calls())
		}
		if got := h.hook(); !strings.Contains(got.Error, "loopback") || strings.Contains(got.Error, "secret") {
			t.Errorf("last result %q; want the reason", got.Error)
		}
		for _, bad := range []string{"", "hook", "/hook", "ftp://x.example/", "https://", "https://name:secret@x.example/", "https://x.example/#a", "https://x.example/" + strings.Repeat("a", 2000), "javascript:alert(1)"} {
			if _, _, err := h.n.AddWebhook(t.Context(), "adam", bad); fault.Of(err) != fault.Invalid || strings.Contains(err.Error(), "secret") {
				t.Errorf("AddWebhook(%.40s) = %v; want invalid", bad, err)
			}
		}
		if err := h.n.TestWebhook(t.Context(), "nobody"); fault.Of(err) != fault.NotFound {
			t.Errorf("TestWebhook(nobody) = %v; want not found", err)
		}
	})
}

func TestTestWebhook(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		h, r, hook := hooked(t, d)
		if err := h.n.TestWebhook(t.Context(), hook.ID); err != nil || r.calls() != 1 || r.seen[0] != "" {
			t.Errorf("TestWebhook = %v, %v", err, r.seen)
		}
	})
}

// TestWebhookDocument verifies the example of docs/format/webhook.md as a receiver
// would.
func TestWebhookDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/format/webhook.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	cut := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(doc)
		if m == nil {
			t.Fatalf("the document has nothing like %s", pattern)
		}
		return m[1]
	}
	h := http.Header{}
	for line := range strings.SplitSeq(strings.TrimSpace(cut("(?s)```http\n[^\n]*\n(.*?)\n\n")), "\n") {
		key, value, _ := strings.Cut(line, ": ")
		h.Set(key, value)
	}
	body, secret := []byte(cut("(?s)```http\n.*?\n\n(.*?)\n```")), cut("`(whsec_[^`]+)`")
	seconds, _ := strconv.ParseInt(h.Get("Webhook-Timestamp"), 10, 64)
	if got := verify(secret, h, body, time.Unix(seconds, 0)); got != "" {
		t.Errorf("the example does not verify: %s\n%s", got, body)
	}
	sum := sha256.Sum256(must(base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))))
	if got, want := h.Get("Webhook-Key-Id"), must(strconv.ParseUint(h.Get("Webhook-Key-Id"), 16, 32)); uint32(want) != uint32(sum[0])<<24|uint32(sum[1])<<16|uint32(sum[2])<<8|uint32(sum[3]) {
		t.Errorf("key id %s is not that of the secret", got)
	}
	if h.Get("Content-Length") != strconv.Itoa(len(body)) {
		t.Errorf("length %s; want %d", h.Get("Content-Length"), len(body))
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestDocumentedBody compares the example of the document with what is sent.
func TestDocumentedBody(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		text, err := os.ReadFile("../docs/format/webhook.md")
		if err != nil {
			t.Fatal(err)
		}
		var want map[string]any
		if err := json.Unmarshal([]byte(regexp.MustCompile("(?s)```http\n.*?\n\n(.*?)\n```").FindStringSubmatch(string(text))[1]), &want); err != nil {
			t.Fatal(err)
		}
		h, r, _ := hooked(t, d)
		h.send(notice.Message{
			Roles: []access.Role{access.Administrator}, Kind: "status.disk.full", Args: map[string]string{"n": "4"}, Path: "/settings/status", Severity: notice.Urgent,
		})
		until(t, "called", func() bool { return r.calls() == 1 })
		got := r.bodies[0]
		got["id"], got["at"] = want["id"], want["at"]
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("body (-document +sent):\n%s", diff)
		}
	})
}
