package notice

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/job"
	"radagora/notice/hook"
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

// AddWebhook adds a webhook on behalf of by and returns it with its secret, which is
// shown this once. It is Invalid if the address is not an absolute one, by https or
// http; whether it may be called is decided by outgoing at each call.
func (n *Notices) AddWebhook(ctx context.Context, by, address string) (Webhook, string, error) {
	h := Webhook{ID: db.NewID(), By: by, Created: n.o.Now()}
	to, secret, err := n.hooks.New(h.ID, address)
	if err != nil {
		return Webhook{}, "", err
	}
	h.Host, h.KeyID = to.Host, to.KeyID
	err = n.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into notice_webhook (webhook_id, site_id, host, sealed, key_id, created_by, created_at)
			values ($1, $2, $3, $4, $5, $6, $7)`, h.ID, defaultSite, h.Host, to.Sealed, h.KeyID, by, db.Millis(h.Created))
		if err != nil {
			return err
		}
		return n.record(ctx, tx, by, "notice.webhook.added", h.ID, map[string]string{"host": h.Host, "key": h.KeyID})
	})
	if err != nil {
		return Webhook{}, "", fmt.Errorf("add webhook: %w", err)
	}
	return h, secret, nil
}

// RotateWebhook gives a webhook a new secret on behalf of by and returns it with that
// secret, which is shown this once. For a week messages are signed with the former one
// too; one that was former already signs no more. It is NotFound if there is none.
func (n *Notices) RotateWebhook(ctx context.Context, by, id string) (Webhook, string, error) {
	h := Webhook{ID: id}
	var secret string
	err := n.db.Write(ctx, func(tx *db.Tx) error {
		var sealed []byte
		if err := tx.QueryRow(ctx, `select host, sealed from notice_webhook where webhook_id = $1`, id).Scan(&h.Host, &sealed); err != nil {
			return err
		}
		to, shown, err := n.hooks.Rotate(id, sealed)
		if err != nil {
			return err
		}
		secret, h.KeyID, h.Former, h.FormerUntil = shown, to.KeyID, to.Former, to.FormerUntil
		changed, err := tx.Exec(ctx, `update notice_webhook set sealed = $2, key_id = $3, former_key_id = $4, former_until = $5
			where webhook_id = $1 and key_id = $4`, id, to.Sealed, h.KeyID, h.Former, db.Millis(h.FormerUntil))
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
	return h, secret, nil
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
	text, err := n.bodyOf(d)
	if err != nil {
		return err
	}
	status, cause := n.hooks.Call(ctx, id, sealed, hook.Message{ID: d.ID, Text: text})
	if err := n.note(ctx, id, status, cause); err != nil {
		return err
	}
	return cause
}

// bodyOf writes what a webhook gets of a message.
func (n *Notices) bodyOf(d delivery) ([]byte, error) {
	if d.Args == nil {
		d.Args = map[string]string{}
	}
	text, err := json.Marshal(body{
		ID: d.ID, At: d.At.UTC().Format(time.RFC3339), Site: d.Site, Kind: d.Kind, Severity: d.Severity, Args: d.Args, Link: n.link(d.Path),
	})
	return text, fault.As(fault.Internal, err)
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
