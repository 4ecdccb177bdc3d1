package account

import (
	"context"
	"slices"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/site"
)

// What a link is good for.
const (
	forFirst    = "first"    // makes the first administrator
	forPassword = "password" // sets the password of an account
)

// FirstLink returns a token with which a browser makes the first administrator, and
// true, while no account is one. The token is good once and for a day; one made
// before is good no more.
func (r *Register) FirstLink(ctx context.Context) (token string, none bool, err error) {
	some, err := r.Administrators(ctx)
	if err != nil || some {
		return "", false, err
	}
	token, err = r.link(ctx, forFirst, "")
	return token, err == nil, err
}

// Administrators reports whether some account that may act is an administrator. The
// local user, who needs no sign-in, is not counted.
func (r *Register) Administrators(ctx context.Context) (bool, error) {
	all, err := r.users.InRole(ctx, access.Administrator, "")
	return slices.ContainsFunc(all, func(u access.User) bool { return u.ID != access.Local }), err
}

// PasswordLink returns a token with which the owner of an account sets its password
// and signs in, made by whoever asks. One made before is good no more.
func (r *Register) PasswordLink(ctx context.Context, user string) (string, error) {
	u, err := r.users.User(ctx, user)
	if err != nil {
		return "", err
	}
	if !u.Ended.IsZero() || u.Login == "" {
		return "", fault.Errorf(fault.Conflict, "account %s has ended or has no login", user)
	}
	return r.link(ctx, forPassword, user)
}

// link makes a token.
func (r *Register) link(ctx context.Context, purpose, user string) (string, error) {
	b, err := r.random(20)
	if err != nil {
		return "", err
	}
	token := text64.EncodeToString(b)
	now := r.o.Now()
	return token, r.db.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `delete from account_link where purpose = $1 and user_id = $2 and used_at = 0`, purpose, user)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into account_link (link_hash, site_id, purpose, user_id, made_by, made_at, until_at) values ($1, $2, $3, $4, $5, $6, $7)`,
			r.keyed("link", token), site.Default, purpose, user, actor(ctx), db.Millis(now), db.Millis(now.Add(r.o.Limits.Link)))
		if err != nil {
			return err
		}
		return r.record(ctx, tx, actor(ctx), "access.link.made", user, map[string]any{"purpose": purpose})
	})
}

// linked returns whose link a token is, as part of tx; "" is the first administrator.
func (r *Register) linked(ctx context.Context, q db.Querier, purpose, token string) (string, error) {
	list, err := db.List(ctx, q, func(rows *db.Rows) (user string, err error) { return user, rows.Scan(&user) },
		`select user_id from account_link where link_hash = $1 and purpose = $2 and used_at = 0 and until_at > $3`,
		r.keyed("link", token), purpose, r.now())
	if err != nil {
		return "", err
	}
	if len(list) == 0 {
		return "", fault.Errorf(fault.Forbidden, "this link was used, has run out or was never ours: ask for a new one")
	}
	return list[0], nil
}

// use takes a token as part of tx. It is good once, whoever else has it.
func (r *Register) use(ctx context.Context, tx *db.Tx, purpose, token string) error {
	if _, err := r.linked(ctx, tx, purpose, token); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `update account_link set used_at = $2 where link_hash = $1 and used_at = 0`, r.keyed("link", token), r.now())
	if err == nil && n == 0 {
		err = fault.Errorf(fault.Forbidden, "this link was used at the same moment: ask for a new one")
	}
	return err
}

// First reports whether a token makes the first administrator: Forbidden if not.
func (r *Register) First(ctx context.Context, token string) error {
	_, err := r.linked(ctx, r.db, forFirst, token)
	return err
}

// MakeFirst makes the first administrator with a token of FirstLink and signs them
// in. Invalid: name, login or password is not taken; Conflict: the login is taken,
// or there is an administrator by now.
func (r *Register) MakeFirst(ctx context.Context, token, name, login, password string) (access.Who, error) {
	if err := r.First(ctx, token); err != nil {
		return access.Who{}, err
	}
	u := access.User{ID: db.NewID(), Name: name, Login: canonical(login), Grants: access.Everywhere(access.Administrator)}
	if u.Login == "" {
		return access.Who{}, fault.Errorf(fault.Invalid, "account: without a login nobody can sign in")
	}
	if some, err := r.Administrators(ctx); err != nil || some {
		return access.Who{}, errorsOr(err, fault.Errorf(fault.Conflict, "there is an administrator already"))
	}
	hash, err := r.hashFor(ctx, u, password)
	if err != nil {
		return access.Who{}, err
	}
	return r.begin(ctx, u, ByLink, r.o.Now(), func(tx *db.Tx) error {
		if err := r.use(ctx, tx, forFirst, token); err != nil {
			return err
		}
		if err := r.add(ctx, tx, u.ID, u); err != nil {
			return err
		}
		return r.putPassword(ctx, tx, u.ID, u.ID, hash)
	})
}

// Linked returns the account whose password a token sets: Forbidden if it sets none.
func (r *Register) Linked(ctx context.Context, token string) (access.User, error) {
	user, err := r.linked(ctx, r.db, forPassword, token)
	if err != nil {
		return access.User{}, err
	}
	u, err := r.users.User(ctx, user)
	if err == nil && !u.Ended.IsZero() {
		err = fault.Errorf(fault.Forbidden, "this account may act no more")
	}
	return u, err
}

// ResetPassword sets the password of the account of a token of PasswordLink, ends
// its sessions and begins one.
func (r *Register) ResetPassword(ctx context.Context, token, password string) (access.Who, error) {
	u, err := r.Linked(ctx, token)
	if err != nil {
		return access.Who{}, err
	}
	hash, err := r.hashFor(ctx, u, password)
	if err != nil {
		return access.Who{}, err
	}
	err = r.db.Write(ctx, func(tx *db.Tx) error {
		if err := r.use(ctx, tx, forPassword, token); err != nil {
			return err
		}
		if err := r.endAll(ctx, tx, u.ID, u.ID, "", "password"); err != nil {
			return err
		}
		return r.putPassword(ctx, tx, u.ID, u.ID, hash)
	})
	if err != nil {
		return access.Who{}, err
	}
	return r.begin(ctx, u, ByLink, r.o.Now(), nil)
}

// errorsOr returns err, or other if it is nil.
func errorsOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}
