package notice

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"radagora/db"
	"radagora/fault"
	"radagora/lang"
)

// A Notice is a message in somebody's inbox.
type Notice struct {
	ID       string
	Site     string
	Kind     string
	Args     map[string]string
	Path     string
	Severity Severity
	At       time.Time
	Read     time.Time // the zero time while it is unread
	Snoozed  time.Time // until when it is out of sight; the zero time if it is not
	Settled  time.Time // since when what it tells of is over; the zero time while it is not
	Mail     string    // now, daily, off, or sent
}

// Words returns what it says.
func (x Notice) Words() lang.Message { return Words(x.Kind, x.Args) }

// A View says which part of an inbox to show.
type View string

// The views.
const (
	ViewOpen    View = "open"    // neither read nor snoozed
	ViewSnoozed View = "snoozed" // out of sight for a while
	ViewRead    View = "read"
)

// inbox are the conditions of the views; $2 is now.
var inbox = map[View]string{
	ViewOpen:    `read_at = 0 and snoozed_until <= $2`,
	ViewSnoozed: `read_at = 0 and snoozed_until > $2`,
	ViewRead:    `read_at > 0 and cast($2 as bigint) >= 0`,
}

// perPage is the most notices Inbox returns.
const perPage = 100

// Inbox returns what waits for an account, the newest first, a hundred at most:
// those older than before, unless that is "". It is Invalid for an unknown view.
func (n *Notices) Inbox(ctx context.Context, account string, view View, before string) ([]Notice, error) {
	where, ok := inbox[view]
	if !ok {
		return nil, fault.Errorf(fault.Invalid, "inbox: no view %.20q", string(view))
	}
	all, err := db.List(ctx, n.db, scanNotice, fmt.Sprintf(`select notice_id, site_id, kind, args, path, severity, created_at, read_at, snoozed_until, settled_at, mail
		from notice where account_id = $1 and %s and ($3 = '' or notice_id < $3) order by notice_id desc limit %d`, where, perPage),
		account, db.Millis(n.o.Now()), before)
	if err != nil {
		return nil, fmt.Errorf("inbox: %w", err)
	}
	return all, nil
}

func scanNotice(r *db.Rows) (x Notice, err error) {
	var args string
	var at, read, snoozed, settled int64
	err = r.Scan(&x.ID, &x.Site, &x.Kind, &args, &x.Path, &x.Severity, &at, &read, &snoozed, &settled, &x.Mail)
	if err == nil {
		err = json.Unmarshal([]byte(args), &x.Args)
	}
	x.At, x.Read, x.Snoozed, x.Settled = db.FromMillis(at), db.FromMillis(read), db.FromMillis(snoozed), db.FromMillis(settled)
	return x, err
}

// Unread returns how many notices wait for an account, those snoozed left out.
func (n *Notices) Unread(ctx context.Context, account string) (int, error) {
	var count int
	err := n.db.QueryRow(ctx, `select count(*) from notice where account_id = $1 and read_at = 0 and snoozed_until <= $2`,
		account, db.Millis(n.o.Now())).Scan(&count)
	return count, err
}

// Read marks one notice of an account as read, or as unread again. It is NotFound
// if the account has none with this id.
func (n *Notices) Read(ctx context.Context, account, id string, read bool) error {
	at := int64(0)
	if read {
		at = db.Millis(n.o.Now())
	}
	return n.mark(ctx, `update notice set read_at = $1, snoozed_until = 0 where notice_id = $2 and account_id = $3`, at, id, account)
}

// ReadAll marks everything that is open in the inbox of an account as read, up to
// the notice the person saw last.
func (n *Notices) ReadAll(ctx context.Context, account, last string) error {
	now := db.Millis(n.o.Now())
	return n.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update notice set read_at = $1 where account_id = $2 and read_at = 0 and snoozed_until <= $1 and notice_id <= $3`, now, account, last)
		return err
	})
}

// Snooze puts one notice of an account out of sight until a time. It is NotFound if
// the account has none with this id.
func (n *Notices) Snooze(ctx context.Context, account, id string, until time.Time) error {
	return n.mark(ctx, `update notice set snoozed_until = $1, read_at = 0 where notice_id = $2 and account_id = $3`, db.Millis(until), id, account)
}

// mark changes one notice of an account.
func (n *Notices) mark(ctx context.Context, query string, value int64, id, account string) error {
	return n.db.Write(ctx, func(tx *db.Tx) error {
		changed, err := tx.Exec(ctx, query, value, id, account)
		if err == nil && changed == 0 {
			err = fault.Errorf(fault.NotFound, "no notice %.40s", id)
		}
		return err
	})
}

// Prune removes what was read long enough ago. Call it once a day.
func (n *Notices) Prune(ctx context.Context) error {
	return n.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from notice where read_at > 0 and read_at < $1`, db.Millis(n.o.Now().Add(-n.o.Keep)))
		return err
	})
}
