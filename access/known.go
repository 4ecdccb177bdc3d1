package access

import (
	"context"

	"radagora/db"
	"radagora/fault"
)

// A Known is a name by which orders and images know who holds an account.
type Known struct {
	Key  string // folded, as names are compared; of one account at most
	Name string // as it was typed
}

// MostKnown bounds the names of an account.
const MostKnown = 50

// Known returns by which names an account is known.
func (u *Users) Known(ctx context.Context, user string) ([]Known, error) {
	return db.List(ctx, u.db, scanKnown, `select key, name from access_known where user_id = $1 order by name, key`, user)
}

func scanKnown(r *db.Rows) (k Known, err error) { return k, r.Scan(&k.Key, &k.Name) }

// SetKnown replaces by which names an account is known. Conflict: one of them is that
// of another account, and nobody could say whom it means. Invalid: one is empty or too
// long, or there are too many.
func (u *Users) SetKnown(ctx context.Context, tx *db.Tx, user string, names []Known) error {
	if len(names) > MostKnown {
		return fault.Errorf(fault.Invalid, "account: it is known by at most %d names", MostKnown)
	}
	if _, err := tx.Exec(ctx, `delete from access_known where user_id = $1`, user); err != nil {
		return err
	}
	for _, k := range names {
		if k.Key == "" || len(k.Key) > 200 || len(k.Name) > 200 {
			return fault.Errorf(fault.Invalid, "account: a name in orders has 1 to 200 bytes")
		}
		var other string
		n, err := tx.Exec(ctx, `insert into access_known (key, name, user_id) values ($1, $2, $3) on conflict (key) do nothing`, k.Key, k.Name, user)
		if err != nil {
			return err
		}
		if n > 0 {
			continue
		}
		if err := tx.QueryRow(ctx, `select user_id from access_known where key = $1`, k.Key).Scan(&other); err != nil {
			return err
		}
		if other != user { // the same twice is the same
			return fault.Errorf(fault.Conflict, "account: another one is known in orders by that name")
		}
	}
	return nil
}

// AnyKnown reports whether any account is known by a name.
func AnyKnown(ctx context.Context, q db.Querier) (bool, error) {
	var n int
	err := q.QueryRow(ctx, `select count(*) from (select 1 from access_known limit 1) as k`).Scan(&n)
	return n > 0, err
}

// KnownBy returns the account that is known by a name, "" if there is none.
func KnownBy(ctx context.Context, q db.Querier, key string) (string, error) {
	if key == "" {
		return "", nil
	}
	list, err := db.List(ctx, q, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, `select user_id from access_known where key = $1`, key)
	if err != nil || len(list) == 0 {
		return "", err
	}
	return list[0], nil
}

// Refer notes, as part of tx, who referred a patient according to a document, such as a
// study or an order, named by about: what it said before ends where it says otherwise
// now. No users or no person: nobody did.
func (f *Facts) Refer(ctx context.Context, tx *db.Tx, site, person, about string, users []string) error {
	rows, err := f.relations(ctx, tx, `where site_id = $1 and reason = $2 and kind = 'referred' and ended_at = 0`, site, about)
	if err != nil {
		return err
	}
	due := map[string]bool{}
	for _, u := range users {
		due[u] = u != "" && person != ""
	}
	for _, r := range rows {
		if due[r.User] && r.Person == person {
			delete(due, r.User)
			continue
		}
		if err := f.Unrelate(ctx, tx, r.ID); err != nil {
			return err
		}
	}
	for u, is := range due {
		if !is {
			continue
		}
		if _, err := f.Relate(ctx, tx, Relation{Site: site, User: u, Kind: Referred, Person: person, Reason: about}); err != nil {
			return err
		}
	}
	return nil
}

// ReferredBy returns the documents by which an account referred patients, at most limit
// of those behind after.
func (f *Facts) ReferredBy(ctx context.Context, site, user, after string, limit int) ([]string, error) {
	return db.List(ctx, f.DB, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
		`select distinct reason from access_relation where user_id = $1 and site_id = $2 and kind = 'referred' and ended_at = 0 and reason > $3 order by reason limit $4`,
		user, site, after, limit)
}
