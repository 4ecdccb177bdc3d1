package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/notice/hook"
)

// A State says whether a webhook is told.
type State string

// The states.
const (
	On     State = "on"
	Paused State = "paused"
)

// The reasons for which a webhook is paused.
const (
	ByPerson = "person"
	Failing  = "failing" // for longer than Options.GiveUp
	Refused  = "refused" // its answer said that repeating is of no use
	Rights   = "rights"  // the account that added it may no longer read every change
	Ended    = "ended"   // a subscription that had an end
)

// A Hook is a system that is told of changes.
type Hook struct {
	ID      string
	Host    string // of its address, with the port; the rest may hold a secret
	KeyID   string // which secret signs
	Groups  []string
	By      string // the account that added it, within whose rights it is told
	Created time.Time

	// Of a subscription: its id outside, what it is told of, the content type it wants and
	// when it ends; "" and the zero time for a webhook of people.
	Subject, Criteria, Payload string
	Until                      time.Time

	Former      string    // the secret before, "" if there is none that signs still
	FormerUntil time.Time // how long it signs beside the present one

	State     State
	Why       string    // of a pause
	Since     time.Time // in this state
	Cursor    int64     // number of the last change it has taken
	Waiting   int64     // changes after that, given by Hooks
	Delivered int64     // changes taken, repeated ones too

	Last     time.Time // the last attempt; the zero time before the first
	Status   int       // of the last answer; 0 if there was none
	Error    string    // why the last attempt failed; "" if it did not
	Failing  time.Time // since when all attempts failed; the zero time if the last did not
	Next     time.Time // not before that it is tried again; the zero time if nothing failed
	attempts int64
	turn     int64
	sealed   []byte
}

// mostHooks is how many webhooks there may be: each is told of everything.
const mostHooks = 32

// A Start says from where a webhook is told: after a number, or what was numbered since a
// time; the zero value, from now on.
type Start struct {
	After int64 // number of a change; FromTheBeginning
	Since time.Time
}

// FromTheBeginning is the After of a Start with the oldest change that is kept.
const FromTheBeginning = -1

// cursor returns the number after which a start begins.
func (f *Feed) cursor(ctx context.Context, s Start) (int64, error) {
	head, err := f.o.Journal.Head(ctx)
	switch {
	case err != nil:
		return 0, err
	case s.After == FromTheBeginning:
		return 0, nil
	case s.After < 0 || s.After > head.Seq:
		return 0, fault.Errorf(fault.Invalid, "changes: the last number is %d", head.Seq)
	case s.After > 0:
		return s.After, nil
	case s.Since.IsZero():
		return head.Seq, nil
	}
	first, err := f.o.Journal.FirstSince(ctx, s.Since)
	return max(0, min(first-1, head.Seq)), err
}

// Add adds a webhook on behalf of an account and returns it with its secret, which is
// shown this once. Invalid: the address is none by https (or by http on this machine), or
// there are no such groups. Exhausted: there are too many. Forbidden: the account may not
// read every change.
func (f *Feed) Add(ctx context.Context, by, address string, groups []string, s Start) (Hook, string, error) {
	if err := f.refuse(groups); err != nil {
		return Hook{}, "", err
	}
	if hook.Plain(address) {
		return Hook{}, "", fault.Errorf(fault.Invalid, "webhook: write an address that begins with https://; http:// is for this machine only")
	}
	if err := f.o.May(ctx, by); err != nil {
		return Hook{}, "", err
	}
	h := Hook{ID: db.NewID(), Groups: sorted(groups), By: by, Created: f.o.Now(), State: On}
	to, secret, err := f.o.Hooks.New(h.ID, address)
	if err != nil {
		return Hook{}, "", err
	}
	if h.Cursor, err = f.cursor(ctx, s); err != nil {
		return Hook{}, "", err
	}
	h.Host, h.KeyID, h.Since = to.Host, to.KeyID, h.Created
	err = f.db.Write(ctx, func(tx *db.Tx) error {
		n := 0
		if err := tx.QueryRow(ctx, `select count(*) from feed_hook where subject = ''`).Scan(&n); err != nil {
			return err
		}
		if n >= mostHooks {
			return fault.Errorf(fault.Exhausted, "webhook: there are %d already, which is the most", n)
		}
		_, err := tx.Exec(ctx, `insert into feed_hook (hook_id, site_id, host, sealed, key_id, groups, created_by, created_at, cursor, since_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)`, h.ID, f.o.Site, h.Host, to.Sealed, h.KeyID, strings.Join(h.Groups, " "), by, db.Millis(h.Created), h.Cursor)
		if err != nil {
			return err
		}
		return f.record(ctx, tx, by, "feed.webhook.added", h.ID, map[string]any{"host": h.Host, "key": h.KeyID, "groups": h.Groups, "after": h.Cursor})
	})
	if err != nil {
		return Hook{}, "", fmt.Errorf("add webhook: %w", err)
	}
	return h, secret, nil
}

// sorted returns groups in order, each once.
func sorted(groups []string) []string {
	all := slices.Clone(groups)
	slices.Sort(all)
	return slices.Compact(all)
}

const fromHook = `select hook_id, host, sealed, key_id, former_key_id, former_until, groups, created_by, created_at, cursor, turn, state, why, since_at,
	delivered, attempts, next_at, failing_since, last_at, last_status, last_error, subject, criteria, payload, until_at from feed_hook `

func (f *Feed) scan(r *db.Rows) (h Hook, err error) {
	var until, created, since, next, failing, last, end int64
	var groups string
	err = r.Scan(&h.ID, &h.Host, &h.sealed, &h.KeyID, &h.Former, &until, &groups, &h.By, &created, &h.Cursor, &h.turn, &h.State, &h.Why, &since,
		&h.Delivered, &h.attempts, &next, &failing, &last, &h.Status, &h.Error, &h.Subject, &h.Criteria, &h.Payload, &end)
	h.Groups = strings.Fields(groups)
	if h.FormerUntil = db.FromMillis(until); !f.o.Now().Before(h.FormerUntil) {
		h.Former, h.FormerUntil = "", time.Time{}
	}
	h.Created, h.Since, h.Next, h.Failing, h.Last = db.FromMillis(created), db.FromMillis(since), db.FromMillis(next), db.FromMillis(failing), db.FromMillis(last)
	h.Until = db.FromMillis(end)
	return h, err
}

// Hooks returns all webhooks, the oldest first, with how many changes wait for each.
func (f *Feed) Hooks(ctx context.Context) ([]Hook, error) {
	all, err := db.List(ctx, f.db, f.scan, fromHook+`order by hook_id`)
	for i := range all {
		if err == nil && all[i].Cursor != unplaced {
			all[i].Waiting, err = f.o.Journal.Count(ctx, f.filter(all[i]))
		}
	}
	return all, err
}

// hook returns one webhook: NotFound if there is none.
func (f *Feed) hook(ctx context.Context, q db.Querier, id string) (Hook, error) {
	all, err := db.List(ctx, q, f.scan, fromHook+`where hook_id = $1`, id)
	if err == nil && len(all) == 0 {
		err = fault.Errorf(fault.NotFound, "no webhook %.40s", id)
	}
	if err != nil {
		return Hook{}, err
	}
	return all[0], nil
}

// filter says which changes wait for a webhook.
func (f *Feed) filter(h Hook) journal.Filter {
	filter := journal.Filter{Site: f.o.Site, After: max(0, f.ahead(h)), Kinds: f.kinds(h.Groups)}
	if h.Subject != "" {
		filter.Kinds = []string{never}
		if f.o.Subscriptions != nil {
			filter.Kinds = append(filter.Kinds, f.o.Subscriptions.Kinds(h.Criteria)...)
		}
	}
	return filter
}

// never is a kind that no entry has, so that a filter without others finds none.
const never = "feed.webhook.never"

// Rotate gives a webhook another secret on behalf of by and returns it, which is shown
// this once; for a week the former signs too. NotFound: there is none.
func (f *Feed) Rotate(ctx context.Context, by, id string) (Hook, string, error) {
	var h Hook
	var secret string
	err := f.db.Write(ctx, func(tx *db.Tx) (err error) {
		if h, err = f.hook(ctx, tx, id); err != nil {
			return err
		}
		to, shown, err := f.o.Hooks.Rotate(id, h.sealed)
		if err != nil {
			return err
		}
		secret, h.KeyID, h.Former, h.FormerUntil = shown, to.KeyID, to.Former, to.FormerUntil
		n, err := tx.Exec(ctx, `update feed_hook set sealed = $2, key_id = $3, former_key_id = $4, former_until = $5 where hook_id = $1 and key_id = $4`,
			id, to.Sealed, h.KeyID, h.Former, db.Millis(h.FormerUntil))
		if err == nil && n == 0 {
			err = fault.Errorf(fault.Conflict, "its secret was changed meanwhile")
		}
		if err != nil {
			return err
		}
		return f.record(ctx, tx, by, "feed.webhook.rotated", id, map[string]any{"host": h.Host, "key": h.KeyID, "former": h.Former})
	})
	return h, secret, err
}

// Remove removes a webhook on behalf of by. NotFound: there is none.
func (f *Feed) Remove(ctx context.Context, by, id string) error {
	return f.change(ctx, by, id, "feed.webhook.removed", nil, `delete from feed_hook where hook_id = $1`)
}

// Pause has a webhook be told nothing until Resume; nothing is lost by that.
func (f *Feed) Pause(ctx context.Context, by, id string) error {
	return f.change(ctx, by, id, "feed.webhook.paused", map[string]any{"why": ByPerson},
		`update feed_hook set state = 'paused', why = 'person', since_at = $2 where hook_id = $1`, db.Millis(f.o.Now()))
}

// Resume has a webhook be told again, at once, from where it was.
func (f *Feed) Resume(ctx context.Context, by, id string) error {
	return f.change(ctx, by, id, "feed.webhook.resumed", nil,
		`update feed_hook set state = 'on', why = '', since_at = $2, attempts = 0, next_at = 0, failing_since = 0 where hook_id = $1`, db.Millis(f.o.Now()))
}

// Replay has a webhook be told again from a start, at once, or leave out what is before
// it. It goes on being paused if it is.
func (f *Feed) Replay(ctx context.Context, by, id string, s Start) (int64, error) {
	to, err := f.cursor(ctx, s)
	if err != nil {
		return 0, err
	}
	return to, f.change(ctx, by, id, "feed.webhook.replayed", map[string]any{"after": to},
		`update feed_hook set cursor = $2, turn = turn + 1, attempts = 0, next_at = 0 where hook_id = $1`, to)
}

// change changes one webhook and journals it.
func (f *Feed) change(ctx context.Context, by, id, kind string, data map[string]any, query string, args ...any) error {
	err := f.db.Write(ctx, func(tx *db.Tx) error {
		h, err := f.hook(ctx, tx, id)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, query, append([]any{id}, args...)...); err != nil {
			return err
		}
		if err := f.o.Notices.Clear(ctx, tx, noticeKey(id)); err != nil {
			return err
		}
		if data == nil {
			data = map[string]any{}
		}
		data["host"] = h.Host
		if err := f.record(ctx, tx, by, kind, id, data); err != nil {
			return err
		}
		return f.changed(ctx, tx, h, by)
	})
	if err == nil {
		f.nudge()
	}
	return err
}

// changed tells who reads criteria how a webhook of theirs is now; was is how it was.
func (f *Feed) changed(ctx context.Context, tx *db.Tx, was Hook, by string) error {
	if was.Subject == "" || f.o.Subscriptions == nil {
		return nil
	}
	now, err := f.hook(ctx, tx, was.ID)
	switch {
	case err == nil:
		return f.o.Subscriptions.Changed(ctx, tx, now, by, false)
	case fault.Of(err) == fault.NotFound:
		return f.o.Subscriptions.Changed(ctx, tx, was, by, true)
	}
	return err
}

// nudge has Run look at once.
func (f *Feed) nudge() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// record writes to the journal what was changed.
func (f *Feed) record(ctx context.Context, tx *db.Tx, by, kind, subject string, data map[string]any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return f.o.Journal.Append(ctx, tx, journal.Entry{Site: f.o.Site, At: f.o.Now(), Actor: by, Kind: kind, Subject: subject, Data: text})
}
