package token

import (
	"context"
	"crypto/subtle"
	"fmt"
	"net/netip"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// TicketLife is how long a ticket serves: long enough to read a study, and over before
// a forgotten address is worth anything.
const TicketLife = 30 * time.Minute

const prefixTicket = "rav_" // views

// ticketActs are what a ticket lets a viewer do, to its study alone.
var ticketActs = []string{string(access.StudyFind), string(access.ObjectRead), string(access.IdentityRead)}

// A Ticket lets a viewer of others read one study for whoever had it made, for a
// short while.
type Ticket struct {
	ID      string
	Site    string
	Account string // for whom
	Name    string // of the viewer
	Study   string // Study Instance UID
	Made    time.Time
	Expires time.Time
}

// A View is what a ticket is wanted for.
type View struct {
	Site, Study string
	Person      string // whose the study is, as the rooms name them
	Name        string // of the viewer
}

// Issue makes a ticket for whoever asks, who must be allowed to read the study. The
// secret is returned once and kept nowhere. Whoever came by a token gets none: what is
// lent is not lent on.
func (r *Register) Issue(ctx context.Context, v View) (secret string, t Ticket, err error) {
	who := access.From(ctx)
	if who.Scopes != nil {
		return "", t, fault.Errorf(fault.Forbidden, "ticket: a token makes no tickets")
	}
	if err := access.Check(ctx, access.ObjectRead, access.Subject{Site: v.Site, Study: v.Study, Person: v.Person}); err != nil {
		return "", t, err
	}
	if v.Study == "" || v.Name == "" || len(v.Name) > maxName {
		return "", t, fault.Errorf(fault.Invalid, "ticket: it is for one study and one viewer")
	}
	if secret, err = newSecret(prefixTicket, r.o.Rand); err != nil {
		return "", t, err
	}
	now := r.o.Now()
	t = Ticket{ID: db.NewID(), Site: v.Site, Account: who.ID, Name: v.Name, Study: v.Study, Made: now, Expires: now.Add(TicketLife)}
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into access_ticket (hash, ticket_id, site_id, user_id, name, study, made_at, until)
			values ($1, $2, $3, $4, $5, $6, $7, $8)`, hash(secret), t.ID, t.Site, t.Account, t.Name, t.Study, db.Millis(now), db.Millis(t.Expires))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `delete from access_ticket where until < $1`, db.Millis(now.Add(-24*time.Hour))); err != nil {
			return err
		}
		return r.record(ctx, tx, t.Site, "access.ticket.made", t.Study, map[string]any{"ticket": t.ID, "viewer": t.Name, "until": stamp(t.Expires)})
	})
	if err != nil {
		return "", Ticket{}, fmt.Errorf("issue ticket: %w", err)
	}
	return secret, t, nil
}

// IsTicket reports whether a secret looks like that of a ticket.
func IsTicket(secret string) bool { return wellFormed(prefixTicket, secret) }

// Admit returns who carries a ticket, limited to its study. Forbidden: it is unknown,
// over or taken back, or whoever had it made may act no more; which of these is not
// told. Exhausted: too many that are not valid came from this address. It is asked of
// the database each time, so that what was taken back opens nothing more.
func (r *Register) Admit(ctx context.Context, from netip.Addr, secret string) (access.Who, error) {
	if r.fails.Slow(from, r.o.Now()) {
		return access.Who{}, fault.Errorf(fault.Exhausted, "too many tokens that are not valid came from this address: wait a minute")
	}
	who, err := r.admit(ctx, secret)
	if err != nil && fault.Of(err) == fault.Forbidden {
		r.fails.Failed(from, r.o.Now())
	}
	return who, err
}

func (r *Register) admit(ctx context.Context, secret string) (access.Who, error) {
	if !IsTicket(secret) {
		return access.Who{}, errRefused
	}
	var t Ticket
	var by string
	var until, ended int64
	h := hash(secret)
	err := r.o.DB.QueryRow(ctx, `select ticket_id, site_id, user_id, study, until, ended_at, hash from access_ticket where hash = $1`, h).
		Scan(&t.ID, &t.Site, &t.Account, &t.Study, &until, &ended, &by)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return access.Who{}, errRefused
	case err != nil:
		return access.Who{}, fmt.Errorf("ticket: %w", err)
	case subtle.ConstantTimeCompare([]byte(by), []byte(h)) != 1, ended != 0, db.Millis(r.o.Now()) >= until:
		return access.Who{}, errRefused
	}
	who, err := r.o.Users.Who(ctx, t.Account)
	switch {
	case err != nil && (fault.Of(err) == fault.NotFound || fault.Of(err) == fault.Forbidden):
		return access.Who{}, errRefused
	case err != nil:
		return access.Who{}, fmt.Errorf("ticket: %w", err)
	}
	who = limited(who, t.ID, t.Site, ticketActs)
	who.Study = t.Study
	return who, nil
}

// Tickets returns the tickets of whoever asks for a study that are not over, the
// latest first.
func (r *Register) Tickets(ctx context.Context, site, study string) ([]Ticket, error) {
	return db.List(ctx, r.o.DB, func(rows *db.Rows) (t Ticket, err error) {
		var made, until int64
		err = rows.Scan(&t.ID, &t.Site, &t.Account, &t.Name, &t.Study, &made, &until)
		t.Made, t.Expires = db.FromMillis(made), db.FromMillis(until)
		return t, err
	}, `select ticket_id, site_id, user_id, name, study, made_at, until from access_ticket
		where site_id = $1 and study = $2 and user_id = $3 and ended_at = 0 and until > $4 order by made_at desc, ticket_id desc`,
		site, study, access.From(ctx).ID, db.Millis(r.o.Now()))
}

// TakeBack ends a ticket of whoever asks, or of anybody for those who may change
// tokens. NotFound: there is none, or none of theirs.
func (r *Register) TakeBack(ctx context.Context, id string) error {
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		var t Token
		var study string
		var ended int64
		err := tx.QueryRow(ctx, `select ticket_id, site_id, user_id, study, ended_at from access_ticket where ticket_id = $1`, id).
			Scan(&t.ID, &t.Site, &t.Account, &study, &ended)
		switch {
		case err != nil && fault.Of(err) != fault.NotFound:
			return err
		case err != nil || r.mayEnd(ctx, t) != nil:
			return fault.Errorf(fault.NotFound, "no ticket %.40q", id)
		case ended != 0:
			return nil
		}
		if _, err := tx.Exec(ctx, `update access_ticket set ended_at = $2 where ticket_id = $1`, id, db.Millis(r.o.Now())); err != nil {
			return err
		}
		return r.record(ctx, tx, t.Site, "access.ticket.ended", study, map[string]any{"ticket": id})
	})
	if err != nil {
		return fmt.Errorf("take back ticket: %w", err)
	}
	return nil
}
