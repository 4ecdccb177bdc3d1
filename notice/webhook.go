package notice

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/job"
	"radagora/outgoing"
)

// A Webhook is a system that is told by HTTP. docs/format/webhook.md says how.
type Webhook struct {
	ID      string
	Host    string // of its address, with the port; the rest may hold a secret
	KeyID   string // which secret signs
	By      string // the account that added it
	Created time.Time

	Former      string    // the secret before it, "" if there is none that signs still
	FormerUntil time.Time // how long it signs beside the present one

	Last    time.Time // the last attempt; the zero time before the first
	Status  int       // of the last answer; 0 if there was none
	Error   string    // why the last attempt failed; "" if it did not
	Failing time.Time // since when all attempts failed; the zero time if the last did not
}

// hidden is what of a webhook is encrypted.
type hidden struct {
	URL    string `json:"url"`
	Secret []byte `json:"secret"`

	Former      []byte    `json:"former,omitempty"` // the secret before, which signs beside it
	FormerUntil time.Time `json:"former_until,omitzero"`
}

// secrets returns what signs at a time, the present secret first.
func (h hidden) secrets(now time.Time) [][]byte {
	if len(h.Former) > 0 && now.Before(h.FormerUntil) {
		return [][]byte{h.Secret, h.Former}
	}
	return [][]byte{h.Secret}
}

// bothSign is how long a message is signed with the former secret too after a change:
// whoever receives it has that long to take the new one up.
const bothSign = 7 * 24 * time.Hour

// The bounds of a webhook.
const (
	maxURL     = 2000
	maxAnswer  = 4 << 10 // of an answer, which nobody reads
	secretSize = 32
)

// secretPrefix is how a secret begins when it is shown.
const secretPrefix = "whsec_"

// AddWebhook adds a webhook on behalf of by and returns it with its secret, which is
// shown this once. It is Invalid if the address is not an absolute one, by https or
// http; whether it may be called is decided by outgoing at each call.
func (n *Notices) AddWebhook(ctx context.Context, by, address string) (Webhook, string, error) {
	u, err := url.Parse(address)
	if err != nil || len(address) > maxURL || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return Webhook{}, "", fault.Errorf(fault.Invalid, "webhook: write an address that begins with https://, without name and password")
	}
	secret, err := n.newSecret()
	if err != nil {
		return Webhook{}, "", err
	}
	h := Webhook{ID: db.NewID(), Host: strings.ToLower(u.Host), KeyID: keyID(secret), By: by, Created: n.o.Now()}
	sealed, err := n.seal.close(n.o.Rand, h.ID, hidden{URL: address, Secret: secret})
	if err != nil {
		return Webhook{}, "", err
	}
	err = n.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into notice_webhook (webhook_id, site_id, host, sealed, key_id, created_by, created_at)
			values ($1, $2, $3, $4, $5, $6, $7)`, h.ID, defaultSite, h.Host, sealed, h.KeyID, by, db.Millis(h.Created))
		if err != nil {
			return err
		}
		return n.record(ctx, tx, by, "notice.webhook.added", h.ID, map[string]string{"host": h.Host, "key": h.KeyID})
	})
	if err != nil {
		return Webhook{}, "", fmt.Errorf("add webhook: %w", err)
	}
	return h, shown(secret), nil
}

// newSecret makes a secret.
func (n *Notices) newSecret() ([]byte, error) {
	secret := make([]byte, secretSize)
	_, err := io.ReadFull(n.o.Rand, secret)
	return secret, fault.As(fault.Internal, err)
}

// shown returns a secret as it is shown, once.
func shown(secret []byte) string { return secretPrefix + base64.StdEncoding.EncodeToString(secret) }

// RotateWebhook gives a webhook a new secret on behalf of by and returns it with that
// secret, which is shown this once. For a week messages are signed with the former one
// too; one that was former already signs no more. It is NotFound if there is none.
func (n *Notices) RotateWebhook(ctx context.Context, by, id string) (Webhook, string, error) {
	secret, err := n.newSecret()
	if err != nil {
		return Webhook{}, "", err
	}
	var h Webhook
	err = n.db.Write(ctx, func(tx *db.Tx) error {
		var sealed []byte
		if err := tx.QueryRow(ctx, `select host, sealed from notice_webhook where webhook_id = $1`, id).Scan(&h.Host, &sealed); err != nil {
			return err
		}
		var to hidden
		if err := n.seal.open(id, sealed, &to); err != nil {
			return err
		}
		to.Former, to.FormerUntil, to.Secret = to.Secret, n.o.Now().Add(bothSign).UTC(), secret
		h.ID, h.KeyID, h.Former, h.FormerUntil = id, keyID(secret), keyID(to.Former), to.FormerUntil
		if sealed, err = n.seal.close(n.o.Rand, id, to); err != nil {
			return err
		}
		changed, err := tx.Exec(ctx, `update notice_webhook set sealed = $2, key_id = $3, former_key_id = $4, former_until = $5
			where webhook_id = $1 and key_id = $4`, id, sealed, h.KeyID, h.Former, db.Millis(h.FormerUntil))
		if err == nil && changed == 0 {
			err = fault.Errorf(fault.Conflict, "its secret was changed meanwhile")
		}
		if err != nil {
			return err
		}
		return n.record(ctx, tx, by, "notice.webhook.rotated", id, map[string]string{"host": h.Host, "key": h.KeyID, "former": h.Former})
	})
	if err != nil {
		return Webhook{}, "", fmt.Errorf("webhook %.40s: %w", id, err)
	}
	return h, shown(secret), nil
}

// keyID names a secret without telling it.
func keyID(secret []byte) string {
	sum := sha256.Sum256(secret)
	return hex.EncodeToString(sum[:4])
}

// RemoveWebhook removes a webhook on behalf of by. It is NotFound if there is none.
func (n *Notices) RemoveWebhook(ctx context.Context, by, id string) error {
	return n.db.Write(ctx, func(tx *db.Tx) error {
		var host string
		if err := tx.QueryRow(ctx, `delete from notice_webhook where webhook_id = $1 returning host`, id).Scan(&host); err != nil {
			return fmt.Errorf("webhook %.40s: %w", id, err)
		}
		return n.record(ctx, tx, by, "notice.webhook.removed", id, map[string]string{"host": host})
	})
}

// Webhooks returns all webhooks, the oldest first.
func (n *Notices) Webhooks(ctx context.Context) ([]Webhook, error) {
	all, err := db.List(ctx, n.db, func(r *db.Rows) (h Webhook, err error) {
		var created, last, failing, until int64
		err = r.Scan(&h.ID, &h.Host, &h.KeyID, &h.By, &created, &last, &h.Status, &h.Error, &failing, &h.Former, &until)
		if h.FormerUntil = db.FromMillis(until); !n.o.Now().Before(h.FormerUntil) {
			h.Former, h.FormerUntil = "", time.Time{}
		}
		h.Created, h.Last, h.Failing = db.FromMillis(created), db.FromMillis(last), db.FromMillis(failing)
		return h, err
	}, `select webhook_id, host, key_id, created_by, created_at, last_at, last_status, last_error, failing_since,
		former_key_id, former_until from notice_webhook order by webhook_id`)
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	return all, nil
}

// A posting is a message on its way to a webhook.
type posting struct {
	Webhook  string   `json:"webhook"`
	Delivery delivery `json:"delivery"`
}

// A body is what a webhook gets.
type body struct {
	ID       string            `json:"id"`
	At       string            `json:"at"` // RFC 3339, UTC
	Site     string            `json:"site"`
	Kind     string            `json:"kind"`
	Severity Severity          `json:"severity"`
	Args     map[string]string `json:"args"`
	Link     string            `json:"link"`
}

// post is the job that calls a webhook.
func (n *Notices) post(ctx context.Context, j job.Job) error {
	var p posting
	if err := json.Unmarshal(j.Args, &p); err != nil {
		return fault.Errorf(fault.Invalid, "call webhook: arguments that cannot be read")
	}
	err := n.call(ctx, p.Webhook, p.Delivery)
	if err != nil && fault.Of(err) == fault.NotFound {
		return nil // it was removed meanwhile
	}
	return err
}

// TestWebhook calls a webhook now with a notice of the kind notice.mail.test and says
// how that went. It is NotFound if there is none.
func (n *Notices) TestWebhook(ctx context.Context, id string) error {
	return n.call(ctx, id, delivery{ID: db.NewID(), At: n.o.Now(), Message: Message{
		Kind: TestKind, Site: defaultSite, Path: "/settings/notices", Severity: Info,
	}})
}

// call calls a webhook once and notes how that went.
func (n *Notices) call(ctx context.Context, id string, d delivery) error {
	var sealed []byte
	if err := n.db.QueryRow(ctx, `select sealed from notice_webhook where webhook_id = $1`, id).Scan(&sealed); err != nil {
		return fmt.Errorf("webhook %.40s: %w", id, err)
	}
	var to hidden
	if err := n.seal.open(id, sealed, &to); err != nil {
		return err
	}
	status, cause := n.deliverTo(ctx, to, d)
	if err := n.note(ctx, id, status, cause); err != nil {
		return err
	}
	return cause
}

// deliverTo sends a signed message and judges the answer.
func (n *Notices) deliverTo(ctx context.Context, to hidden, d delivery) (int, error) {
	if d.Args == nil {
		d.Args = map[string]string{}
	}
	text, err := json.Marshal(body{
		ID: d.ID, At: d.At.UTC().Format(time.RFC3339), Site: d.Site, Kind: d.Kind, Severity: d.Severity, Args: d.Args, Link: n.link(d.Path),
	})
	if err != nil {
		return 0, fault.As(fault.Internal, err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, to.URL, bytes.NewReader(text))
	if err != nil {
		return 0, fault.Errorf(fault.Invalid, "webhook: the address cannot be called")
	}
	now := n.o.Now()
	sign(r.Header, to.secrets(now), d.ID, now, text)
	h := *n.o.Outgoing.HTTP()
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := h.Do(r)
	if err != nil {
		return 0, outgoing.Quiet(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)) // so that the connection can be used again
	return resp.StatusCode, judge(resp.StatusCode)
}

// judge says what an answer means: 2xx is good, 410 ends it, 3xx is a mistake in the
// address, all else is tried again.
func judge(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return fault.Errorf(fault.Invalid, "the webhook answered %d: give the address it redirects to", status)
	case status == http.StatusGone:
		return fault.Errorf(fault.Invalid, "the webhook answered 410: it wants no more: remove it")
	}
	return fault.Errorf(fault.Unavailable, "the webhook answered %d", status)
}

// sign adds the headers of a signed message: HMAC-SHA256 over id, time and body,
// with a dot between them, for each secret, the present one first.
func sign(h http.Header, secrets [][]byte, id string, at time.Time, text []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	var keys, signatures []string
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		fmt.Fprintf(mac, "%s.%s.", id, stamp)
		mac.Write(text)
		keys, signatures = append(keys, keyID(secret)), append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "Radagora")
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Key-Id", strings.Join(keys, " "))
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
}

// note keeps how the last call of a webhook went.
func (n *Notices) note(ctx context.Context, id string, status int, cause error) error {
	now, text := db.Millis(n.o.Now()), ""
	if cause != nil {
		text = cause.Error()
	}
	return n.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update notice_webhook set last_at = $1, last_status = $2, last_error = $3,
			failing_since = case when $3 = '' then 0 when failing_since = 0 then cast($1 as bigint) else failing_since end
			where webhook_id = $4`, now, status, text, id)
		return err
	})
}
