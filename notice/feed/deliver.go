package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/notice"
	"radagora/notice/hook"
)

// The bounds of a message.
const (
	perMessage = 100
	callLimit  = 2 * time.Minute
)

// actor is who pauses what goes on failing.
const actor = "system:feed"

// Run tells webhooks until ctx ends; then it returns nil. One process at a time does,
// under a lease. Webhooks are told side by side: a slow one keeps no other waiting.
func (f *Feed) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		l, err := f.db.Lease(ctx, "notice/feed", f.o.Holder, f.o.LeaseTTL)
		if err == nil {
			err = f.tell(l.Context(), l)
			release, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.o.LeaseTTL)
			_ = l.Release(release) // or it runs out
			cancel()
		}
		if err != nil && ctx.Err() == nil {
			f.o.Log.WarnContext(ctx, "changes are not told for now", "error", err)
			f.rest(ctx, nil, f.o.Poll)
		}
	}
	return nil
}

// tell works while this process has the lease.
func (f *Feed) tell(ctx context.Context, l *db.Lease) error {
	var all sync.WaitGroup
	defer all.Wait()
	for ctx.Err() == nil {
		changed := f.o.Journal.Changed() // before looking, so that nothing is missed
		due, err := db.List(ctx, f.db, f.scan, fromHook+`where state = 'on' and next_at <= $1`, db.Millis(f.o.Now()))
		if err != nil {
			return err
		}
		for _, h := range due {
			if f.begin(h.ID) {
				all.Go(func() {
					defer f.end(h.ID)
					if err := f.followNow(ctx, l, h.ID); err != nil && ctx.Err() == nil {
						f.o.Log.WarnContext(ctx, "changes are not told", "webhook", h.ID, "error", err)
						f.rest(ctx, nil, f.o.Poll)
					}
				})
			}
		}
		f.rest(ctx, changed, f.o.Poll)
	}
	return nil
}

// begin reports whether a webhook is not called now, and notes that it is.
func (f *Feed) begin(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	was := f.atWork[id]
	f.atWork[id] = true
	return !was
}

func (f *Feed) end(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.atWork, id)
}

// rest waits until something may have changed.
func (f *Feed) rest(ctx context.Context, changed <-chan struct{}, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-changed:
	case <-f.wake:
	case <-t.C:
	case <-ctx.Done():
	}
}

// followNow is follow for a webhook as it is now: since it was listed, whoever told it
// before may have moved its cursor, and what it took would be told again.
func (f *Feed) followNow(ctx context.Context, l *db.Lease, id string) error {
	h, err := f.hook(ctx, f.db, id)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return nil // removed meanwhile
	case err != nil:
		return err
	case h.State != On || h.Next.After(f.o.Now()):
		return nil
	}
	return f.follow(ctx, l, h)
}

// follow tells one webhook until nothing is left or it fails.
func (f *Feed) follow(ctx context.Context, l *db.Lease, h Hook) error {
	if placed, err := f.place(ctx, l, &h); err != nil || !placed {
		return err
	}
	if !h.Until.IsZero() && !f.o.Now().Before(h.Until) {
		return f.pause(ctx, l, h, Ended, "")
	}
	for ctx.Err() == nil {
		m, err := f.message(ctx, h)
		if err != nil || m.Next == m.After {
			return err
		}
		if m.count == 0 && m.barred == nil { // nothing met the criteria
			if err := f.skip(ctx, l, &h, m.Next); err != nil || !m.More {
				return err
			}
			continue
		}
		if err = m.barred; h.Subject == "" {
			err = f.o.May(ctx, h.By)
		}
		switch kind := fault.Of(err); {
		case err == nil:
		case kind == fault.Forbidden || kind == fault.NotFound:
			return f.pause(ctx, l, h, Rights, "the account that added it may no longer read every change")
		default:
			return err
		}
		if gone, err := f.call(ctx, l, &h, m); err != nil || gone {
			return err
		}
	}
	return nil
}

// A message is what a webhook gets.
type message struct {
	ID      string   `json:"id"`
	Webhook string   `json:"webhook"`
	At      string   `json:"at"` // RFC 3339, UTC
	Site    string   `json:"site"`
	After   int64    `json:"after"` // the change before the first
	Next    int64    `json:"next"`  // the last
	More    bool     `json:"more"`  // there is more at once
	Changes []Change `json:"changes"`

	text   []byte // all of it
	count  int    // of what it tells
	barred error  // why the account of a subscription may not be told
}

// message returns the changes that come next for a webhook.
func (f *Feed) message(ctx context.Context, h Hook) (message, error) {
	m := message{Webhook: h.ID, At: f.o.Now().UTC().Format(time.RFC3339), Site: f.o.Site, After: f.ahead(h)}
	m.Next = m.After
	if h.Subject != "" {
		err := f.selected(ctx, h, &m)
		m.ID = fmt.Sprintf("%s.%d.%d-%d", h.ID, h.turn, m.After, m.Next)
		return m, err
	}
	filter := f.filter(h)
	filter.Limit = perMessage + 1
	for e, err := range f.o.Journal.Find(ctx, filter) {
		if err != nil {
			return m, err
		}
		if m.More = len(m.Changes) == perMessage; m.More {
			break
		}
		m.Changes, m.Next = append(m.Changes, Of(e)), e.Seq
	}
	m.ID = fmt.Sprintf("%s.%d.%d-%d", h.ID, h.turn, m.After, m.Next)
	text, err := json.Marshal(m)
	m.text, m.count = text, len(m.Changes)
	return m, fault.As(fault.Internal, err)
}

// call tells a webhook once and notes how that went. It reports whether there is no
// more to do for now.
func (f *Feed) call(ctx context.Context, l *db.Lease, h *Hook, m message) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, callLimit)
	status, cause := f.o.Hooks.Call(limited, h.ID, h.sealed, hook.Message{ID: m.ID, Type: h.Payload, Text: m.text})
	cancel()
	switch {
	case ctx.Err() != nil && cause != nil:
		return true, nil //nolint:nilerr // nobody's fault: it is tried again by whoever comes next
	case cause == nil:
		return f.taken(ctx, l, h, m, status)
	}
	return true, f.failed(ctx, l, *h, status, cause)
}

// taken moves the cursor, also if this process is about to end: the answer has come. If
// somebody set the cursor meanwhile, it stays as they set it.
func (f *Feed) taken(ctx context.Context, l *db.Lease, h *Hook, m message, status int) (gone bool, err error) {
	ctx = context.WithoutCancel(ctx)
	err = f.db.Write(ctx, func(tx *db.Tx) error {
		if err := l.Check(ctx, tx); err != nil {
			return err
		}
		now := db.Millis(f.o.Now())
		n, err := tx.Exec(ctx, `update feed_hook set cursor = $3, delivered = delivered + $4, attempts = 0, next_at = 0, failing_since = 0,
			last_at = $5, last_status = $6, last_error = '' where hook_id = $1 and turn = $2 and cursor < $3`, h.ID, h.turn, m.Next, m.count, now, status)
		if err != nil || n > 0 {
			return err
		}
		_, err = tx.Exec(ctx, `update feed_hook set delivered = delivered + $2, attempts = 0, failing_since = 0, last_at = $3, last_status = $4, last_error = ''
			where hook_id = $1`, h.ID, m.count, now, status)
		return err
	})
	if err != nil {
		return true, err
	}
	now, err := f.hook(ctx, f.db, h.ID) // it may have been paused, removed or set back meanwhile
	if err != nil && fault.Of(err) == fault.NotFound {
		return true, nil
	}
	*h = now
	return h.State != On, err
}

// failed notes a failure: it is tried again after a pause that doubles, and paused if
// its answer says so or nothing else has come for long.
func (f *Feed) failed(ctx context.Context, l *db.Lease, h Hook, status int, cause error) error {
	now := f.o.Now()
	if h.Failing.IsZero() {
		h.Failing = now
	}
	wait := f.o.MaxRetry
	if h.attempts < 20 {
		wait = min(wait, f.o.Retry<<h.attempts)
	}
	err := f.db.Write(ctx, func(tx *db.Tx) error {
		if err := l.Check(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update feed_hook set attempts = attempts + 1, next_at = $3, failing_since = $4, last_at = $5, last_status = $6, last_error = $7
			where hook_id = $1 and turn = $2`, h.ID, h.turn, db.Millis(now.Add(wait)), db.Millis(h.Failing), db.Millis(now), status, cause.Error())
		return err
	})
	switch {
	case err != nil:
		return err
	case fault.Of(cause) == fault.Invalid:
		return f.pause(ctx, l, h, Refused, cause.Error())
	case now.Sub(h.Failing) >= f.o.GiveUp:
		return f.pause(ctx, l, h, Failing, cause.Error())
	}
	return nil
}

// noticeKey names the state of a webhook for notices.
func noticeKey(id string) string { return "feed " + id }

// pause pauses a webhook and tells who looks after the installation and who added it.
func (f *Feed) pause(ctx context.Context, l *db.Lease, h Hook, why, cause string) error {
	return f.db.Write(ctx, func(tx *db.Tx) error {
		if err := l.Check(ctx, tx); err != nil {
			return err
		}
		n, err := tx.Exec(ctx, `update feed_hook set state = 'paused', why = $3, since_at = $4, last_error = $5 where hook_id = $1 and turn = $2 and state = 'on'`,
			h.ID, h.turn, why, db.Millis(f.o.Now()), cause)
		if err != nil || n == 0 {
			return err
		}
		if err := f.record(ctx, tx, actor, "feed.webhook.paused", h.ID, map[string]any{"host": h.Host, "why": why, "after": h.Cursor}); err != nil {
			return err
		}
		if err := f.changed(ctx, tx, h, actor); err != nil || why == Ended {
			return err
		}
		err = f.o.Notices.Once(ctx, tx, noticeKey(h.ID), notice.Message{
			To: []string{h.By}, Roles: []access.Role{access.Administrator}, Site: f.o.Site, Kind: "feed.webhook.paused",
			Args: map[string]string{"what": strings.ToLower(h.Host)}, Path: "/settings/changes", Severity: notice.Warning,
		})
		if err != nil && fault.Of(err) == fault.Invalid { // a host that cannot stand in a notice
			return nil
		}
		return err
	})
}
