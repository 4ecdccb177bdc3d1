package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/notice/hook"
)

// Subscriptions know what criteria mean: which changes meet them, and how their webhooks
// are told. FHIR is the language of the one there is.
type Subscriptions interface {
	// Kinds returns the kinds of entries that may concern criteria.
	Kinds(criteria string) []string
	// May returns nil if an account may be told by criteria now, and an error of kind
	// Forbidden or NotFound if not.
	May(ctx context.Context, account, criteria string) error
	// Write returns what a webhook is told of entries, and how many resources met its
	// criteria; nothing is sent if that is none.
	Write(ctx context.Context, h Hook, entries []journal.Entry) (text []byte, met int, err error)
	// Changed notes within tx that a webhook was paused, resumed or removed. by is who did
	// it, or "system:feed".
	Changed(ctx context.Context, tx *db.Tx, h Hook, by string, removed bool) error
}

// A Subscription is a webhook that is told of what meets criteria.
type Subscription struct {
	Subject  string   // its id outside
	By       string   // the account within whose rights it is told
	Address  string   // "" leaves address and headers as they are
	Header   []string // sent along: Name: value
	Criteria string
	Payload  string    // the content type it wants; "" is no content
	Until    time.Time // when it ends; the zero time is never
	On       bool
}

// mostSubscriptions is how many subscriptions there may be.
const mostSubscriptions = 64

// unplaced is the cursor of a subscription whose first change is yet to be found: the
// first behind the entry of the journal that says how it was made.
const unplaced = -1

// Subscribe makes the webhook of a subscription, or changes it, within tx, and returns it
// with its secret if it is new. It is told what happens from then on. Errors are those of
// Add, but whether the account may is for the caller to ask.
func (f *Feed) Subscribe(ctx context.Context, tx *db.Tx, s Subscription) (Hook, string, error) {
	if f.o.Subscriptions == nil || s.Subject == "" || s.Criteria == "" {
		return Hook{}, "", fault.Errorf(fault.Unsupported, "webhook: nobody reads criteria here")
	}
	if s.Address != "" && hook.Plain(s.Address) {
		return Hook{}, "", fault.Errorf(fault.Invalid, "webhook: write an address that begins with https://; http:// is for this machine only")
	}
	h, err := f.Subscribed(ctx, tx, s.Subject)
	switch {
	case err == nil:
		h, err = f.resubscribe(ctx, tx, h, s)
		return h, "", err
	case fault.Of(err) != fault.NotFound:
		return Hook{}, "", err
	}
	n := 0
	if err := tx.QueryRow(ctx, `select count(*) from feed_hook where subject <> ''`).Scan(&n); err != nil {
		return Hook{}, "", err
	}
	if n >= mostSubscriptions {
		return Hook{}, "", fault.Errorf(fault.Exhausted, "webhook: there are %d subscriptions already, which is the most", n)
	}
	id := db.NewID()
	to, secret, err := f.o.Hooks.New(id, s.Address, s.Header...)
	if err != nil {
		return Hook{}, "", err
	}
	if _, err := tx.Exec(ctx, `insert into feed_hook (hook_id, site_id, host, sealed, key_id, groups, created_by, created_at, cursor, since_at, state, why, subject, criteria, payload, until_at)
		values ($1, $2, $3, $4, $5, '', $6, $7, $8, $7, $9, $10, $11, $12, $13, $14)`, id, f.o.Site, to.Host, to.Sealed, to.KeyID, s.By, db.Millis(f.o.Now()), int64(unplaced),
		s.state(), s.why(), s.Subject, s.Criteria, s.Payload, db.Millis(s.Until)); err != nil {
		return Hook{}, "", err
	}
	if h, err = f.hook(ctx, tx, id); err != nil {
		return h, "", err
	}
	tx.OnCommit(f.nudge)
	return h, secret, f.record(ctx, tx, s.By, "feed.webhook.added", id, map[string]any{"host": h.Host, "key": h.KeyID, "subscription": true, "turn": h.turn})
}

func (s Subscription) state() State {
	if s.On {
		return On
	}
	return Paused
}

func (s Subscription) why() string {
	if s.On {
		return ""
	}
	return ByPerson
}

// Subscribed returns the webhook of a subscription: NotFound if there is none.
func (f *Feed) Subscribed(ctx context.Context, q db.Querier, subject string) (Hook, error) {
	all, err := db.List(ctx, q, f.scan, fromHook+`where site_id = $1 and subject = $2 and subject <> ''`, f.o.Site, subject)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "no webhook of this subscription")
	}
	if err != nil {
		return Hook{}, err
	}
	return all[0], nil
}

// resubscribe changes the webhook of a subscription. With other criteria it is told what
// happens from now on; what had failed is tried again.
func (f *Feed) resubscribe(ctx context.Context, tx *db.Tx, h Hook, s Subscription) (Hook, error) {
	if s.Address != "" {
		to, err := f.o.Hooks.Move(h.ID, h.sealed, s.Address, s.Header...)
		if err != nil {
			return h, err
		}
		if _, err := tx.Exec(ctx, `update feed_hook set host = $2, sealed = $3 where hook_id = $1`, h.ID, to.Host, to.Sealed); err != nil {
			return h, err
		}
	}
	if s.Criteria != h.Criteria {
		if _, err := tx.Exec(ctx, `update feed_hook set cursor = $2, turn = turn + 1 where hook_id = $1`, h.ID, int64(unplaced)); err != nil {
			return h, err
		}
	}
	_, err := tx.Exec(ctx, `update feed_hook set created_by = $2, criteria = $3, payload = $4, until_at = $5, state = $6, why = $7, attempts = 0, next_at = 0, failing_since = 0,
		last_error = '', since_at = case when state = $6 then since_at else $8 end where hook_id = $1`,
		h.ID, s.By, s.Criteria, s.Payload, db.Millis(s.Until), s.state(), s.why(), db.Millis(f.o.Now()))
	if err == nil {
		err = f.o.Notices.Clear(ctx, tx, noticeKey(h.ID))
	}
	if err == nil {
		h, err = f.hook(ctx, tx, h.ID)
	}
	if err != nil {
		return h, err
	}
	tx.OnCommit(f.nudge)
	return h, f.record(ctx, tx, s.By, "feed.webhook.changed", h.ID, map[string]any{"host": h.Host, "subscription": true, "state": h.State, "turn": h.turn})
}

// A placement is what the journal says of how a subscription was made or changed.
type placement struct {
	Turn int64 `json:"turn"`
}

// place finds the number after which an unplaced subscription begins: that of the entry
// that says how it got these criteria. It reports whether that has a number yet.
func (f *Feed) place(ctx context.Context, l *db.Lease, h *Hook) (bool, error) {
	if h.Cursor != unplaced {
		return true, nil
	}
	filter := journal.Filter{Site: f.o.Site, Subject: h.ID, Kinds: []string{"feed.webhook.added", "feed.webhook.changed"}}
	for e, err := range f.o.Journal.Find(ctx, filter) {
		if err != nil {
			return false, err
		}
		var p placement
		if json.Unmarshal(e.Data, &p) != nil || p.Turn != h.turn {
			continue
		}
		if err := f.pass(ctx, l, *h, e.Seq); err != nil {
			return false, err
		}
		h.Cursor = e.Seq
		return true, nil
	}
	return false, nil
}

// pass moves the cursor behind changes that did not meet the criteria.
func (f *Feed) pass(ctx context.Context, l *db.Lease, h Hook, to int64) error {
	return f.db.Write(ctx, func(tx *db.Tx) error {
		if err := l.Check(ctx, tx); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `update feed_hook set cursor = $3 where hook_id = $1 and turn = $2 and cursor < $3`, h.ID, h.turn, to)
		return err
	})
}

// passEvery is how often the database is told of changes that did not meet the criteria.
const passEvery = 10 * time.Second

// A passage remembers how far a subscription is, ahead of the database.
type passage struct {
	turn, cursor int64
	noted        time.Time // when the database was told
}

// ahead returns the cursor of a webhook, as far as this process has looked.
func (f *Feed) ahead(h Hook) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p, ok := f.passed[h.ID]; ok && p.turn == h.turn && p.cursor > h.Cursor {
		return p.cursor
	}
	return h.Cursor
}

// skip notes that changes did not meet the criteria of a webhook. The database is told
// now and then: what was looked at since is looked at again after a restart.
func (f *Feed) skip(ctx context.Context, l *db.Lease, h *Hook, to int64) error {
	f.mu.Lock()
	p := f.passed[h.ID]
	if p.turn != h.turn {
		p = passage{turn: h.turn, noted: f.o.Now()}
	}
	p.cursor = to
	due := f.o.Now().Sub(p.noted) >= passEvery
	if due {
		p.noted = f.o.Now()
	}
	f.passed[h.ID] = p
	f.mu.Unlock()
	h.Cursor = to
	if !due {
		return nil
	}
	return f.pass(ctx, l, *h, to)
}

// selected fills a message with what meets the criteria of a subscription.
func (f *Feed) selected(ctx context.Context, h Hook, m *message) error {
	entries := []journal.Entry{}
	filter := f.filter(h)
	filter.After, filter.Limit = m.After, perMessage+1
	for e, err := range f.o.Journal.Find(ctx, filter) {
		if err != nil {
			return err
		}
		if m.More = len(entries) == perMessage; m.More {
			break
		}
		entries, m.Next = append(entries, e), e.Seq
	}
	if len(entries) == 0 {
		return nil
	}
	if m.barred = f.o.Subscriptions.May(ctx, h.By, h.Criteria); m.barred != nil {
		return nil
	}
	text, met, err := f.o.Subscriptions.Write(ctx, h, entries)
	if err != nil {
		return fmt.Errorf("subscription: %w", err)
	}
	m.text, m.count = text, met
	return nil
}
