package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"radagora/notice/feed"
)

// A listener verifies what the feed of changes tells, as docs/changes.md says.
type listener struct {
	*httptest.Server
	mu      sync.Mutex
	secret  string
	deaf    bool
	changes []feed.Change
	bad     []string
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.deaf {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(l.secret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), text)
	if !strings.Contains(r.Header.Get("Webhook-Signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil))) {
		l.bad = append(l.bad, "the signature does not fit")
	}
	if bytes.Contains(text, []byte("^")) || bytes.Contains(text, []byte("PatientID")) {
		l.bad = append(l.bad, "it tells who is meant")
	}
	var m struct{ Changes []feed.Change }
	if err := json.Unmarshal(text, &m); err != nil {
		l.bad = append(l.bad, "no JSON")
	}
	l.changes = append(l.changes, m.Changes...)
}

func (l *listener) kinds() (all []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.changes {
		all = append(all, c.Kind)
	}
	return all
}

// TestChangesAreTold adds a system by the API, sends an image by DICOM, and has it told;
// while it does not answer nothing is lost, and what was told is told again when asked.
func TestChangesAreTold(t *testing.T) {
	slow(t)
	storescu := dcmtk(t, "storescu")
	l := &listener{}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	s := serve(t, t.TempDir(), "--reach", "127.0.0.1")
	host, port, err := net.SplitHostPort(s.dicom)
	check(t, err)
	call := func(method, path string, body any, want int, into any) {
		t.Helper()
		var text []byte
		if body != nil {
			text, _ = json.Marshal(body)
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.http+path, bytes.NewReader(text))
		check(t, err)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		check(t, err)
		defer answer.Body.Close()
		got, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != want {
			t.Fatalf("%s %s: %d %s", method, path, answer.StatusCode, got)
		}
		if into != nil {
			check(t, json.Unmarshal(got, into))
		}
	}
	call("POST", "/api/v1/webhooks", map[string]any{"address": "http://elsewhere.example/", "groups": []string{"instance"}}, 422, nil)
	call("POST", "/api/v1/webhooks", map[string]any{"address": l.URL, "groups": []string{"everything"}}, 422, nil)
	var added struct {
		Webhook struct{ ID string }
		Secret  string
	}
	l.mu.Lock()
	call("POST", "/api/v1/webhooks", map[string]any{"address": l.URL + "/in?key=path-secret", "groups": []string{"instance", "deleted"}, "after": 0}, 201, &added)
	l.secret = added.Secret
	l.mu.Unlock()
	if out, ok := runs(t, storescu, "-aec", "RADAGORA", host, port, report(t)); !ok {
		t.Fatal(out)
	}
	eventually(t, "it is told", func() bool { return slices.Contains(l.kinds(), "archive.instance.stored") })
	study := l.changes[0].Study
	l.mu.Lock()
	l.deaf = true
	l.mu.Unlock()
	form := func(path, body string) {
		t.Helper()
		answer, err := http.Post("http://"+s.http+path, "application/x-www-form-urlencoded", strings.NewReader(body))
		check(t, err)
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d", path, answer.StatusCode)
		}
	}
	form("/settings/storage", "do=delete&reason=test&study="+study)
	type hook struct {
		ID, Host, State, Error string
		Waiting, Cursor        int64
	}
	var now hook
	one := "/api/v1/webhooks/" + added.Webhook.ID
	eventually(t, "it waits", func() bool { call("GET", one, nil, 200, &now); return now.Error != "" && now.Waiting == 1 })
	if strings.Contains(fmt.Sprint(now), "secret") {
		t.Errorf("the address is shown: %+v", now)
	}
	l.mu.Lock()
	l.deaf = false
	l.mu.Unlock()
	call("POST", one+"/pause", nil, 200, &now)
	call("POST", one+"/resume", nil, 200, &now) // at once instead of after the pause
	eventually(t, "it is told of the deletion", func() bool { return slices.Contains(l.kinds(), "archive.study.deleted") })
	before := len(l.kinds())
	call("POST", one+"/replay", map[string]any{}, 422, nil)
	call("POST", one+"/replay", map[string]any{"beginning": true}, 200, &now)
	eventually(t, "it is told again", func() bool { return len(l.kinds()) == 2*before })
	if len(l.bad) > 0 {
		t.Error(l.bad)
	}
	page, err := http.Get("http://" + s.http + "/settings/changes")
	check(t, err)
	text, _ := io.ReadAll(page.Body)
	page.Body.Close()
	if page.StatusCode != http.StatusOK || !bytes.Contains(text, []byte("127.0.0.1:")) || bytes.Contains(text, []byte("path-secret")) {
		t.Errorf("the page: %d, %d bytes", page.StatusCode, len(text))
	}
	form("/settings/changes/replay", "id="+added.Webhook.ID+"&from=number&number=1")
	call("POST", one+"/rotate", nil, 200, nil)
	call("DELETE", one, nil, 204, nil)
	call("GET", one, nil, 404, nil)
}
