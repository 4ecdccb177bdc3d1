package idp

import (
	"context"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// A Link says whom an identity provider means by whom.
type Link struct {
	Issuer, Subject, Account string
	Made                     bool // the account was made by this provider
	Linked, Seen             time.Time
}

// Links returns the links of an account.
func (p *Providers) Links(ctx context.Context, account string) ([]Link, error) {
	return p.links(ctx, p.o.DB, `where user_id = $1 order by issuer, subject`, account)
}

func (*Providers) links(ctx context.Context, q db.Querier, where string, args ...any) ([]Link, error) {
	return db.List(ctx, q, func(r *db.Rows) (l Link, err error) {
		var made, linked, seen int64
		err = r.Scan(&l.Issuer, &l.Subject, &l.Account, &made, &linked, &seen)
		l.Made, l.Linked, l.Seen = made != 0, db.FromMillis(linked), db.FromMillis(seen)
		return l, err
	}, `select issuer, subject, user_id, made, linked_at, seen_at from access_idp_link `+where, args...)
}

// account returns the account of whoever signed in, and makes one if the settings say
// so. Forbidden: there is none, it may act no more, or nothing gives it a role.
func (p *Providers) account(ctx context.Context, c Config, s Signed, said claims) (id string, made bool, err error) {
	grants := c.grants(said)
	err = p.o.DB.Write(ctx, func(tx *db.Tx) error {
		found, err := p.links(ctx, tx, `where issuer = $1 and subject = $2`, s.issuer, s.subject)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			id, err = p.make(ctx, tx, c, s, said, grants)
			made = err == nil
			return err
		}
		id, made = found[0].Account, false
		_, err = tx.Exec(ctx, `update access_idp_link set seen_at = $3 where issuer = $1 and subject = $2`,
			s.issuer, s.subject, db.Millis(p.o.Now()))
		return err
	})
	if err != nil || made {
		return id, made, err
	}
	return id, false, p.govern(ctx, c, s, id, grants)
}

// make makes an account for somebody who comes for the first time.
func (p *Providers) make(ctx context.Context, tx *db.Tx, c Config, s Signed, said claims, grants []access.Grant) (string, error) {
	if !c.Create {
		return "", refuse(WhyUnlinked, "this account of identity provider %s is not linked to one here: ask an administrator", c.Name)
	}
	if len(grants) == 0 {
		return "", errNoRole(c)
	}
	u := access.User{Name: nameOf(said, c), Mail: mailOf(said), Grants: grants}
	id, err := p.o.Users.Add(ctx, tx, u)
	if err != nil {
		return "", err
	}
	if err := p.insert(ctx, tx, s, id, true); err != nil {
		return "", err
	}
	return id, p.record(ctx, tx, "system:idp", "access.account.made", id, map[string]any{"provider": c.Name, "roles": words(grants)})
}

func errNoRole(c Config) error {
	return refuse(WhyRole, "nothing that identity provider %s says of you gives you a role here: ask an administrator", c.Name)
}

// govern gives an account that the provider made the roles it has there now, and
// refuses one that may act no more.
func (p *Providers) govern(ctx context.Context, c Config, s Signed, id string, grants []access.Grant) error {
	u, err := p.o.Users.User(ctx, id)
	switch {
	case err != nil:
		return err
	case !u.Ended.IsZero():
		return refuse(WhyEnded, "this account may act no more")
	}
	links, err := p.links(ctx, p.o.DB, `where issuer = $1 and subject = $2`, s.issuer, s.subject)
	if err != nil || len(links) == 0 || !links[0].Made {
		return err
	}
	if same(u.Grants, grants) {
		if len(grants) == 0 {
			return errNoRole(c)
		}
		return nil
	}
	u.Grants = grants
	err = p.o.DB.Write(ctx, func(tx *db.Tx) error {
		if err := p.o.Users.Change(ctx, tx, u); err != nil {
			return err
		}
		return p.record(ctx, tx, "system:idp", "access.account.changed", id, map[string]any{"provider": c.Name, "roles": words(grants)})
	})
	if err == nil && len(grants) == 0 {
		err = errNoRole(c)
	}
	return err
}

// link links whoever is signed in.
func (p *Providers) link(ctx context.Context, s Signed, account string) error {
	if access.From(ctx).ID != account {
		return refuse(WhyTicket, "somebody else is signed in now: begin again")
	}
	if err := access.Check(ctx, access.OwnChange, access.Subject{}); err != nil {
		return err
	}
	return p.o.DB.Write(ctx, func(tx *db.Tx) error {
		found, err := p.links(ctx, tx, `where issuer = $1 and subject = $2`, s.issuer, s.subject)
		switch {
		case err != nil:
			return err
		case len(found) > 0 && found[0].Account == account:
			return nil
		case len(found) > 0:
			return fault.Errorf(fault.Conflict, "link: this account of identity provider %s belongs to another account here", s.Provider)
		}
		if err := p.insert(ctx, tx, s, account, false); err != nil {
			return err
		}
		return p.record(ctx, tx, account, "access.account.linked", account, map[string]any{"provider": s.Provider})
	})
}

// insert notes a link.
func (p *Providers) insert(ctx context.Context, tx *db.Tx, s Signed, account string, made bool) error {
	now, flag := db.Millis(p.o.Now()), 0
	if made {
		flag = 1
	}
	_, err := tx.Exec(ctx, `insert into access_idp_link (issuer, subject, site_id, user_id, made, linked_at, seen_at)
		values ($1, $2, '', $3, $4, $5, $5)`, s.issuer, s.subject, account, flag, now)
	if err != nil {
		return fmt.Errorf("link account: %w", err)
	}
	return nil
}

// Unlink takes a link away: the account can no longer come in through it.
func (p *Providers) Unlink(ctx context.Context, issuer, subject string) error {
	return p.o.DB.Write(ctx, func(tx *db.Tx) error {
		found, err := p.links(ctx, tx, `where issuer = $1 and subject = $2`, issuer, subject)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.Errorf(fault.NotFound, "no such link")
		}
		if found[0].Account != access.From(ctx).ID {
			if err := access.Check(ctx, access.UserChange, access.Subject{}); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, `delete from access_idp_link where issuer = $1 and subject = $2`, issuer, subject); err != nil {
			return err
		}
		return p.record(ctx, tx, actor(ctx), "access.account.unlinked", found[0].Account, nil)
	})
}

// nameOf returns the name to show, at most 200 bytes.
func nameOf(said claims, c Config) string {
	for _, path := range []string{"name", "preferred_username", "email"} {
		if s := printable(said.text(path)); s != "" {
			return s
		}
	}
	return c.Title
}

// mailOf returns an address the provider has verified; nobody is found by it.
func mailOf(said claims) string {
	a, err := mail.ParseAddress(said.text("email"))
	if err != nil || said.text("email_verified") != "true" || len(a.Address) > 254 {
		return ""
	}
	return a.Address
}

// printable cuts what cannot be shown.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u202e' || r == '\u2066' || r == '\u2067' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for len(s) > 200 {
		runes := []rune(s)
		s = string(runes[:len(runes)-1])
	}
	return strings.TrimSpace(s)
}

// same reports whether two lists hold the same grants.
func same(a, b []access.Grant) bool {
	return len(a) == len(b) && !slices.ContainsFunc(a, func(g access.Grant) bool { return !slices.Contains(b, g) })
}

// words writes grants for the journal.
func words(grants []access.Grant) []string {
	all := make([]string, len(grants))
	for i, g := range grants {
		all[i] = string(g.Role)
		if g.Site != "" {
			all[i] += "@" + g.Site
		}
	}
	return all
}
