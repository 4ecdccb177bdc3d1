package account

import (
	"context"
	"errors"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/site"
)

// refused is the one answer to a login and a proof that do not belong together: it
// says neither which of them is wrong nor whether the login exists.
func refused() error {
	return fault.Errorf(fault.Forbidden, "sign in: login and proof do not belong together")
}

// SignIn begins a session for who knows the password of a login. Forbidden: they do
// not belong together; Exhausted: it was tried too often, with a WaitError where it
// is known how long to wait.
func (r *Register) SignIn(ctx context.Context, login, password string) (access.Who, error) {
	u, weak, t, err := r.proof(ctx, login, password)
	if err != nil {
		return access.Who{}, err
	}
	return r.begin(ctx, u, ByPassword, r.o.Now(), func(tx *db.Tx) error {
		if err := r.right(ctx, tx, t); err != nil {
			return err
		}
		return r.raise(ctx, tx, u.ID, weak)
	})
}

// Passcode returns who has this login and password, without a session: for peers
// that send both with each association (PS3.7 Annex D.3.3.7). It is throttled like
// SignIn, by the address that At put into ctx.
func (r *Register) Passcode(ctx context.Context, login, passcode string) (access.Who, error) {
	u, weak, t, err := r.proof(ctx, login, passcode)
	if err != nil {
		return access.Who{}, err
	}
	err = r.db.Write(ctx, func(tx *db.Tx) error {
		if err := r.right(ctx, tx, t); err != nil {
			return err
		}
		return r.raise(ctx, tx, u.ID, weak)
	})
	who := u.Who()
	who.Door = "dimse"
	return who, err
}

// ByName returns who has this login, unproved: for peers that are trusted to say
// for whom they ask. Forbidden: nobody, or somebody who may act no more.
func (r *Register) ByName(ctx context.Context, login string) (access.Who, error) {
	u, err := r.users.ByLogin(ctx, login)
	if fault.Of(err) == fault.NotFound && err != nil || !u.Ended.IsZero() {
		return access.Who{}, refused()
	}
	who := u.Who()
	who.Door = "dimse"
	return who, err
}

// Again notes that whoever is signed in knows their password, for acts that ask for
// a proof of a moment ago.
func (r *Register) Again(ctx context.Context, password string) error {
	s, u, err := r.current(ctx)
	if err != nil {
		return err
	}
	if s.ID == "" {
		return fault.Errorf(fault.Forbidden, "sign in again: nobody is signed in")
	}
	u, weak, t, err := r.proof(ctx, u.Login, password)
	if err != nil {
		return err
	}
	return r.again(ctx, s, ByPassword, func(tx *db.Tx) error {
		if err := r.right(ctx, tx, t); err != nil {
			return err
		}
		return r.raise(ctx, tx, u.ID, weak)
	})
}

// Begin begins a session for somebody whom an identity provider or another room has
// vouched for. proved is when they proved who they are; the zero time if that is not
// known, and then what asks for a fresh proof asks them again. Forbidden: the account
// may act no more.
func (r *Register) Begin(ctx context.Context, user string, how How, proved time.Time) (access.Who, error) {
	u, err := r.users.User(ctx, user)
	if err != nil {
		return access.Who{}, err
	}
	if !u.Ended.IsZero() {
		return access.Who{}, fault.Errorf(fault.Forbidden, "account %s may act no more", user)
	}
	if now := r.o.Now(); proved.After(now) {
		proved = now // their clock is ahead of ours
	}
	return r.begin(ctx, u, how, proved, nil)
}

// proof checks a password. It does the same work for a login that does not exist.
// The hash it returns replaces one that was made with less work than is usual now.
func (r *Register) proof(ctx context.Context, login, password string) (u access.User, raised string, t *try, err error) {
	u, hash, err := r.find(ctx, login)
	if err != nil {
		return u, "", nil, err
	}
	if t, err = r.try(ctx, canonical(login), u); err != nil {
		return u, "", nil, err
	}
	secret, err := prepared(password)
	if err != nil {
		secret = []byte("?") // no password has these letters: as wrong as any other
	}
	known := hash != "" && err == nil && u.Ended.IsZero()
	if hash == "" {
		hash = r.decoy
	}
	ok, weak, err := r.hasher.check(ctx, secret, hash)
	switch {
	case err != nil:
		return u, "", nil, errors.Join(err, r.takeBack(ctx, t)) // it was not looked at
	case !ok || !known:
		return u, "", nil, r.refuse(ctx, u, ByPassword, t)
	case weak:
		raised, err = r.hasher.hash(ctx, secret)
	}
	return u, raised, t, err
}

// canonical returns a login as tries are counted.
func canonical(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

// find returns the account of a login with its hash; both are zero if there is none.
func (r *Register) find(ctx context.Context, login string) (u access.User, hash string, err error) {
	u, err = r.users.ByLogin(ctx, login)
	if err != nil {
		return access.User{}, "", absent(err)
	}
	err = r.db.QueryRow(ctx, `select hash from account_password where user_id = $1`, u.ID).Scan(&hash)
	return u, hash, absent(err)
}

// refuse notes in the journal that a proof was wrong, and returns the one answer.
// What was typed as a login is not noted: it may be a password.
func (r *Register) refuse(ctx context.Context, u access.User, how How, t *try) error {
	who := u.ID
	if who == "" {
		who = "system:account"
	}
	data := map[string]any{"how": string(how), "address": network(PlaceOf(ctx).Address), "known": u.ID != ""}
	if t != nil && t.pause > 0 {
		data["pause_s"] = int64(t.pause.Seconds())
	}
	err := r.db.Write(ctx, func(tx *db.Tx) error {
		return r.record(ctx, tx, who, "access.session.refused", u.ID, data)
	})
	if err != nil {
		return err
	}
	return refused()
}

// raise replaces a hash by a stronger one as part of tx; "" is none.
func (r *Register) raise(ctx context.Context, tx *db.Tx, user, hash string) error {
	if hash == "" {
		return nil
	}
	_, err := tx.Exec(ctx, `update account_password set hash = $2 where user_id = $1`, user, hash)
	return err
}

// SetPassword gives an account a password as part of nothing else: for the account's
// own page after its old password, and for the command line. Other sessions of the
// account end. Invalid with a WeakError: the password is not taken.
func (r *Register) SetPassword(ctx context.Context, user, password string) error {
	u, err := r.users.User(ctx, user)
	if err != nil {
		return err
	}
	hash, err := r.hashFor(ctx, u, password)
	if err != nil {
		return err
	}
	stays := access.From(ctx).Session
	return r.db.Write(ctx, func(tx *db.Tx) error {
		if err := r.putPassword(ctx, tx, actor(ctx), user, hash); err != nil {
			return err
		}
		return r.endAll(ctx, tx, actor(ctx), user, stays, "password")
	})
}

// ChangePassword gives whoever asks another password, if they know the old one. An
// account that has none needs none. Forbidden and Exhausted as SignIn. Their other
// sessions end.
func (r *Register) ChangePassword(ctx context.Context, old, password string) error {
	who := access.From(ctx)
	u, err := r.users.User(ctx, who.ID)
	if err != nil {
		return err
	}
	has, err := r.HasPassword(ctx, u.ID)
	if err != nil {
		return err
	}
	t := &try{}
	if has {
		if u, _, t, err = r.proof(ctx, u.Login, old); err != nil {
			return err
		}
	}
	hash, err := r.hashFor(ctx, u, password)
	if err != nil {
		return errors.Join(err, r.takeBack(ctx, t))
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		if err := r.right(ctx, tx, t); err != nil {
			return err
		}
		if err := r.putPassword(ctx, tx, u.ID, u.ID, hash); err != nil {
			return err
		}
		if err := r.known(ctx, tx, u.ID, PlaceOf(ctx).Device); err != nil {
			return err
		}
		return r.endAll(ctx, tx, u.ID, u.ID, who.Session, "password")
	})
}

// hashFor returns the hash of a password that is good enough.
func (r *Register) hashFor(ctx context.Context, u access.User, password string) (string, error) {
	secret, err := r.acceptable(u, password)
	if err != nil {
		return "", err
	}
	return r.hasher.hash(ctx, secret)
}

// putPassword keeps a hash as part of tx. Devices on which somebody signed in with
// the old password are as strange as others.
func (r *Register) putPassword(ctx context.Context, tx *db.Tx, by, user, hash string) error {
	_, err := tx.Exec(ctx, `insert into account_password (user_id, site_id, hash, set_at) values ($1, $2, $3, $4)
		on conflict (user_id) do update set hash = $3, set_at = $4`, user, site.Default, hash, r.now())
	if err == nil {
		_, err = tx.Exec(ctx, `delete from account_device where user_id = $1`, user)
	}
	if err != nil {
		return err
	}
	return r.record(ctx, tx, by, "access.password.set", user, map[string]any{})
}

// HasPassword reports whether an account has a password.
func (r *Register) HasPassword(ctx context.Context, user string) (bool, error) {
	var n int
	err := r.db.QueryRow(ctx, `select count(*) from account_password where user_id = $1`, user).Scan(&n)
	return n > 0, err
}
