package notice_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/notice"
	"radagora/outgoing"
)

// TestWebhookSecretRotates: after a change both secrets verify for a week, the one
// before them no longer, and then the new one alone.
func TestWebhookSecretRotates(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		var ahead atomic.Int64
		now := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		type call struct {
			header http.Header
			body   []byte
		}
		got := make(chan call, 1)
		r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
			b, _ := io.ReadAll(q.Body)
			got <- call{q.Header, b}
		}))
		t.Cleanup(r.Close)
		h := open(t, d, func(o *notice.Options, out *outgoing.Options) {
			o.Now, out.Allow = now, append(out.Allow, "127.0.0.1")
		})
		hook, first, err := h.n.AddWebhook(t.Context(), "adam", r.URL+"/hook")
		if err != nil {
			t.Fatal(err)
		}
		// valid says which of the secrets a message verifies with, and how many keys it names.
		valid := func(secrets ...string) (ok []bool) {
			t.Helper()
			if err := h.n.TestWebhook(t.Context(), hook.ID); err != nil {
				t.Fatal(err)
			}
			c := <-got
			signatures := strings.Fields(c.header.Get("Webhook-Signature"))
			if keys := strings.Fields(c.header.Get("Webhook-Key-Id")); len(keys) != len(signatures) {
				t.Errorf("%d keys and %d signatures", len(keys), len(signatures))
			}
			for _, s := range secrets {
				fits := false
				for _, one := range signatures {
					header := c.header.Clone()
					header.Set("Webhook-Signature", one)
					fits = fits || verify(s, header, c.body, now()) == ""
				}
				ok = append(ok, fits)
			}
			return ok
		}
		want := func(when string, got []bool, want ...bool) {
			t.Helper()
			for i := range want {
				if got[i] != want[i] {
					t.Errorf("%s: secret %d verifies %v; want %v", when, i+1, got[i], want[i])
				}
			}
		}
		want("at first", valid(first), true)
		changed, second, err := h.n.RotateWebhook(t.Context(), "adam", hook.ID)
		if err != nil || second == first || changed.Former != hook.KeyID || changed.KeyID == hook.KeyID {
			t.Fatalf("RotateWebhook = %+v, %v", changed, err)
		}
		want("changed", valid(first, second), true, true)
		_, third, err := h.n.RotateWebhook(t.Context(), "adam", hook.ID)
		if err != nil {
			t.Fatal(err)
		}
		want("changed again", valid(first, second, third), false, true, true)
		ahead.Store(int64(7*24*time.Hour - time.Minute))
		want("a minute before the week is over", valid(second, third), true, true)
		if all, err := h.n.Webhooks(t.Context()); err != nil || len(all) != 1 || all[0].Former == "" || all[0].FormerUntil.IsZero() {
			t.Errorf("Webhooks = %+v, %v; want the former secret named", all, err)
		}
		ahead.Store(int64(7*24*time.Hour + time.Minute))
		want("a week later", valid(second, third), false, true)
		if all, err := h.n.Webhooks(t.Context()); err != nil || len(all) != 1 || all[0].Former != "" {
			t.Errorf("Webhooks = %+v, %v; want no former secret", all, err)
		}
		if _, _, err := h.n.RotateWebhook(t.Context(), "adam", "none"); fault.Of(err) != fault.NotFound {
			t.Errorf("one that is not there: %v; want NotFound", err)
		}
	})
}
