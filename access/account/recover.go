package account

import (
	"context"
	"encoding/base32"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/site"
)

// codes is how many recovery codes there are at a time.
const codes = 10

// alphabet leaves out letters that are read as digits.
var alphabet = base32.NewEncoding("ABCDEFGHJKLMNPQRSTUVWXYZ23456789").WithPadding(base32.NoPadding)

// NewCodes makes recovery codes for an account, in place of those it had, and
// returns them for the one time they are shown. Each is good once and has 80 bits.
func (r *Register) NewCodes(ctx context.Context, user string) ([]string, error) {
	all := make([]string, codes)
	for i := range all {
		b, err := r.random(10)
		if err != nil {
			return nil, err
		}
		text := alphabet.EncodeToString(b)
		all[i] = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
	}
	return all, r.db.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `delete from account_recovery where user_id = $1`, user); err != nil {
			return err
		}
		for _, c := range all {
			_, err := tx.Exec(ctx, `insert into account_recovery (code_hash, site_id, user_id, made_at) values ($1, $2, $3, $4)`,
				r.codeHash(user, c), site.Default, user, r.now())
			if err != nil {
				return err
			}
		}
		return r.record(ctx, tx, actor(ctx), "access.recovery.made", user, map[string]any{"n": codes})
	})
}

// codeHash returns what is kept of a code, however it is typed.
func (r *Register) codeHash(user, code string) string {
	code = strings.Map(func(c rune) rune {
		if c == '-' || c == ' ' {
			return -1
		}
		return c
	}, strings.ToUpper(strings.TrimSpace(code)))
	return r.keyed("recovery", user, code)
}

// CodesLeft returns how many recovery codes of an account are unused.
func (r *Register) CodesLeft(ctx context.Context, user string) (n int, err error) {
	err = r.db.QueryRow(ctx, `select count(*) from account_recovery where user_id = $1 and used_at = 0`, user).Scan(&n)
	return n, err
}

// Recover begins a session for who has a recovery code of a login. It refuses and
// throttles as SignIn does.
func (r *Register) Recover(ctx context.Context, login, code string) (access.Who, error) {
	u, _, err := r.find(ctx, login)
	if err != nil {
		return access.Who{}, err
	}
	t, err := r.try(ctx, canonical(login), u)
	if err != nil {
		return access.Who{}, err
	}
	hash, good := r.codeHash(u.ID, code), 0
	err = r.db.QueryRow(ctx, `select count(*) from account_recovery where code_hash = $1 and user_id = $2 and used_at = 0`, hash, u.ID).Scan(&good)
	if err != nil {
		return access.Who{}, err
	}
	if good == 0 || u.ID == "" || !u.Ended.IsZero() {
		return access.Who{}, r.refuse(ctx, u, ByRecovery, t)
	}
	return r.begin(ctx, u, ByRecovery, r.o.Now(), func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update account_recovery set used_at = $2 where code_hash = $1 and used_at = 0`, hash, r.now())
		if err == nil && n == 0 {
			err = refused() // somebody was quicker with the same code
		}
		if err != nil {
			return err
		}
		return r.right(ctx, tx, t)
	})
}
