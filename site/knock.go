package site

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

// A Caller is what is known of somebody who opens an association.
type Caller struct {
	Site        string // "" means Default
	AETitle     string // calling
	Called      string
	Address     netip.Addr
	TLS         bool
	Certificate string // SHA-256 in hex of the certificate shown; "" if none was
	Class       string // implementation class UID and version name, as sent
	Offered     []string
}

// Why somebody was not let in, as a knock says it.
const (
	UnknownTitle     = "unknown"
	OtherAddress     = "address"
	IsBlocked        = "blocked"
	WithoutTLS       = "tls"
	OtherCertificate = "certificate"
	OtherTitle       = "title" // it may come in, but not call what it called
)

// A Knock is a caller who was not let in, with how often and when.
type Knock struct {
	AETitle, Address, Called, Class string
	Offered                         []string // SOP class UIDs
	Reason                          string
	First, Last                     time.Time
	Times                           int64
}

// maxKnocks is how many callers are remembered; the oldest go first.
const maxKnocks = 500

// pace is how often one caller is noted at most: a scanner that tries every second
// is one line with a count, and a flood costs no disk.
const pace = 10 * time.Second

// Admit returns the peer that c is. If it is none that may come in, the error is
// Forbidden, and the caller stands in the knocking list. lookup gives the addresses
// of a host name.
func (r *Register) Admit(ctx context.Context, c Caller, lookup func(host string) []netip.Addr) (Peer, error) {
	if c.Site == "" {
		c.Site = Default
	}
	p, err := r.peer(ctx, c)
	reason := ""
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		reason = UnknownTitle
	case err != nil:
		return Peer{}, err
	case p.State == Blocked:
		reason = IsBlocked
	case !p.From(c.Address, lookup):
		reason = OtherAddress
	case p.TLS && !c.TLS:
		reason = WithoutTLS
	case p.Certificate != "" && p.Certificate != c.Certificate:
		reason = OtherCertificate
	}
	if reason == "" {
		may, err := r.mayCall(ctx, c)
		if err != nil {
			return Peer{}, err
		}
		if may {
			return p, r.called(ctx, p)
		}
		reason = OtherTitle
	}
	if reason != IsBlocked { // somebody decided about that one
		err = r.knock(ctx, c, reason)
	} else {
		err = nil
	}
	if err != nil {
		return Peer{}, err
	}
	return Peer{}, fault.Errorf(fault.Forbidden, "peer %s: not let in (%s); see the knocking list", printable(c.AETitle), reason)
}

// peer returns the peer with the title of a caller. What can be no title is nobody's.
func (r *Register) peer(ctx context.Context, c Caller) (Peer, error) {
	if !validTitle(c.AETitle) {
		return Peer{}, fault.Errorf(fault.NotFound, "no peer of such a title")
	}
	return r.Peer(ctx, c.Site, c.AETitle)
}

// paced reports whether something under key was done less than a pace ago, and
// notes that it is done now.
func (r *Register) paced(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	if last, ok := r.lately[key]; ok && now.Sub(last) < pace && now.Sub(last) > -pace {
		return true
	}
	if r.lately == nil || len(r.lately) > 4*maxKnocks {
		r.lately = map[string]time.Time{}
	}
	r.lately[key] = now
	return false
}

// called notes that a peer was here.
func (r *Register) called(ctx context.Context, p Peer) error {
	if r.paced("peer " + p.Site + " " + p.AETitle) {
		return nil
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `update site_peer set last_at = $3 where site_id = $1 and ae_title = $2`, p.Site, p.AETitle, db.Millis(r.now()))
		return err
	})
}

// knock notes a caller who was not let in.
func (r *Register) knock(ctx context.Context, c Caller, reason string) error {
	title, address := printable(c.AETitle), c.Address.Unmap().WithZone("").String()
	if r.paced("knock " + c.Site + " " + title + " " + address) {
		return nil
	}
	offered := c.Offered[:min(len(c.Offered), 128)]
	return r.db.Write(ctx, func(tx *db.Tx) error {
		var times int64
		err := tx.QueryRow(ctx, `insert into site_knock (site_id, ae_title, address, called, class, offered, reason, first_at, last_at, times)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $8, 1)
			on conflict (site_id, ae_title, address) do update set called = excluded.called, class = excluded.class,
			offered = excluded.offered, reason = excluded.reason, last_at = excluded.last_at, times = site_knock.times + 1
			returning times`,
			c.Site, title, address, printable(c.Called), printable(c.Class), strings.Join(offered, " "), reason, db.Millis(r.now())).Scan(&times)
		if err != nil {
			return fmt.Errorf("knocking list: %w", err)
		}
		if times > 1 {
			return nil
		}
		if r.Knocked != nil {
			if err := r.Knocked(ctx, tx, c); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `delete from site_knock where site_id = $1 and (ae_title, address) in (
			select ae_title, address from site_knock where site_id = $1 order by last_at desc limit 1000 offset $2)`, c.Site, maxKnocks)
		if err != nil {
			return err
		}
		return r.record(ctx, tx, "system:site", c.Site, "site.peer.knocked", title, map[string]string{"address": address, "reason": reason})
	})
}

// Knocks returns who was not let in, the latest first.
func (r *Register) Knocks(ctx context.Context, siteID string) ([]Knock, error) {
	return db.List(ctx, r.db, func(rows *db.Rows) (k Knock, err error) {
		var offered string
		var first, last int64
		err = rows.Scan(&k.AETitle, &k.Address, &k.Called, &k.Class, &offered, &k.Reason, &first, &last, &k.Times)
		k.Offered, k.First, k.Last = strings.Fields(offered), db.FromMillis(first), db.FromMillis(last)
		return k, err
	}, `select ae_title, address, called, class, offered, reason, first_at, last_at, times from site_knock
		where site_id = $1 order by last_at desc, ae_title`, siteID)
}

// ForgetKnock takes a caller off the list without a decision; the next call puts it
// there again.
func (r *Register) ForgetKnock(ctx context.Context, siteID, title, address string) error {
	return r.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from site_knock where site_id = $1 and ae_title = $2 and address = $3`, siteID, title, address)
		return err
	})
}

// printable returns what a caller sent as it can be shown and logged: ASCII, no
// longer than a title and a version may be.
func printable(s string) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
	return s[:min(len(s), 90)]
}
