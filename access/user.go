package access

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/fault"
)

//go:embed migration/*.sql
var files embed.FS

// Local is the id of the user made at first start, who acts on the command line
// and where no sign-in is asked for.
const Local = "local"

// Users keeps who uses the program. It is safe for concurrent use.
type Users struct {
	db  *db.DB
	now func() time.Time
}

// A User is an account as people know it. How its owner proves who they are is
// kept by package account.
type User struct {
	ID       string
	Login    string // as typed at sign-in, lower case; "" cannot sign in with one
	Name     string
	Mail     string
	Language string // "" means as the browser says
	Patient  string // whom a patient's account belongs to
	Grants   []Grant
	Created  time.Time
	Ended    time.Time // the zero time while the user may act
}

// Who returns the user as somebody who asks.
func (u User) Who() Who { return Who{ID: u.ID, Name: u.Name, Grants: u.Grants, Patient: u.Patient} }

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open migrates the tables and makes the local user if there is none. It has every
// role at every site: whoever can start the program can do everything anyway.
func Open(ctx context.Context, d *db.DB, now func() time.Time) (*Users, error) {
	if err := d.Migrate(ctx, "access", Migrations()); err != nil {
		return nil, err
	}
	u := &Users{db: d, now: now}
	err := d.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `insert into access_user (user_id, site_id, name, roles, created_at)
			values ($1, '', 'Local user', '', $2) on conflict (user_id) do nothing`, Local, db.Millis(now()))
		if err != nil {
			return err
		}
		return grant(ctx, tx, Local, Everywhere(People()...))
	})
	if err != nil {
		return nil, fmt.Errorf("make the local user: %w", err)
	}
	return u, nil
}

// Add makes an account and returns its id. Conflict: the login is taken. Invalid:
// the name is empty, or a role unknown.
func (u *Users) Add(ctx context.Context, tx *db.Tx, a User) (string, error) {
	if err := a.valid(); err != nil {
		return "", err
	}
	if a.ID == "" {
		a.ID = db.NewID()
	}
	_, err := tx.Exec(ctx, `insert into access_user (user_id, site_id, name, roles, created_at, login, mail, language, patient)
		values ($1, '', $2, '', $3, $4, $5, $6, $7)`,
		a.ID, a.Name, db.Millis(u.now()), fold(a.Login), a.Mail, a.Language, a.Patient)
	if err != nil {
		return "", fmt.Errorf("add account %s: %w", fold(a.Login), err)
	}
	return a.ID, grant(ctx, tx, a.ID, a.Grants)
}

// Change replaces what is known of an account, its grants included.
func (u *Users) Change(ctx context.Context, tx *db.Tx, a User) error {
	if err := a.valid(); err != nil {
		return err
	}
	n, err := tx.Exec(ctx, `update access_user set name = $2, login = $3, mail = $4, language = $5, patient = $6 where user_id = $1`,
		a.ID, a.Name, fold(a.Login), a.Mail, a.Language, a.Patient)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Errorf(fault.NotFound, "no account %s", a.ID)
	}
	if _, err := tx.Exec(ctx, `delete from access_grant where user_id = $1`, a.ID); err != nil {
		return err
	}
	return grant(ctx, tx, a.ID, a.Grants)
}

// End lets an account act no more, or again if ended is false.
func (u *Users) End(ctx context.Context, tx *db.Tx, id string, ended bool) error {
	at := int64(0)
	if ended {
		at = db.Millis(u.now())
	}
	_, err := tx.Exec(ctx, `update access_user set ended_at = $2 where user_id = $1`, id, at)
	return err
}

// valid reports what is wrong with an account.
func (u User) valid() error {
	switch {
	case strings.TrimSpace(u.Name) == "" || len(u.Name) > 200 || len(u.Login) > 200 || len(u.Mail) > 254:
		return fault.Errorf(fault.Invalid, "account: a name has 1 to 200 bytes, so has a login; an address up to 254")
	case strings.ContainsAny(fold(u.Login), " \t\r\n:") || strings.ContainsAny(u.Mail, " \t\r\n"):
		return fault.Errorf(fault.Invalid, "account: a login or address has no spaces, and a login no colon")
	}
	for _, g := range u.Grants {
		if !slices.Contains(Roles(), g.Role) {
			return fault.Errorf(fault.Invalid, "account: there is no role %q", g.Role)
		}
	}
	return nil
}

// fold returns a login as it is compared.
func fold(login string) string { return strings.ToLower(strings.TrimSpace(login)) }

// grant adds grants that an account has not yet.
func grant(ctx context.Context, tx *db.Tx, id string, grants []Grant) error {
	for _, g := range grants {
		_, err := tx.Exec(ctx, `insert into access_grant (user_id, role, site_id) values ($1, $2, $3) on conflict do nothing`,
			id, string(g.Role), g.Site)
		if err != nil {
			return err
		}
	}
	return nil
}

// Who returns the user with this id: NotFound if there is none, Forbidden if the
// user may act no more.
func (u *Users) Who(ctx context.Context, id string) (Who, error) {
	a, err := u.User(ctx, id)
	switch {
	case err != nil:
		return Who{}, err
	case !a.Ended.IsZero():
		return Who{}, fault.Errorf(fault.Forbidden, "user %s may act no more", id)
	}
	return a.Who(), nil
}

// User returns the account with this id, ended or not.
func (u *Users) User(ctx context.Context, id string) (User, error) {
	return u.one(ctx, `where user_id = $1`, id)
}

// ByLogin returns the account with this login, ended or not.
func (u *Users) ByLogin(ctx context.Context, login string) (User, error) {
	if fold(login) == "" {
		return User{}, fault.Errorf(fault.NotFound, "no account without a login")
	}
	return u.one(ctx, `where login = $1`, fold(login))
}

// one returns one account.
func (u *Users) one(ctx context.Context, where, arg string) (User, error) {
	list, err := u.list(ctx, where, arg)
	if err != nil {
		return User{}, err
	}
	if len(list) == 0 {
		return User{}, fault.Errorf(fault.NotFound, "no such account")
	}
	return list[0], nil
}

// All returns the users who may act, sorted by name, as owners to choose from.
func (u *Users) All(ctx context.Context) ([]Who, error) {
	list, err := u.list(ctx, `where ended_at = 0`)
	var all []Who
	for _, a := range list {
		all = append(all, a.Who())
	}
	return all, err
}

// Accounts returns all accounts, ended ones too, sorted by name.
func (u *Users) Accounts(ctx context.Context) ([]User, error) { return u.list(ctx, ``) }

// InRole returns the accounts that have a role at a site and may act.
func (u *Users) InRole(ctx context.Context, role Role, site string) ([]User, error) {
	return u.list(ctx, `where ended_at = 0 and user_id in
		(select user_id from access_grant where role = $1 and (site_id = '' or site_id = $2))`, string(role), site)
}

// list returns accounts with their grants.
func (u *Users) list(ctx context.Context, where string, args ...any) ([]User, error) {
	all, err := db.List(ctx, u.db, func(r *db.Rows) (User, error) {
		var a User
		var created, ended int64
		err := r.Scan(&a.ID, &a.Login, &a.Name, &a.Mail, &a.Language, &a.Patient, &created, &ended)
		a.Created, a.Ended = db.FromMillis(created), db.FromMillis(ended)
		return a, err
	}, `select user_id, login, name, mail, language, patient, created_at, ended_at from access_user `+where+` order by name, user_id`, args...)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	at := map[string]int{}
	for i, a := range all {
		at[a.ID] = i
	}
	grants, err := db.List(ctx, u.db, func(r *db.Rows) (g struct {
		user string
		Grant
	}, err error,
	) {
		return g, r.Scan(&g.user, &g.Role, &g.Site)
	}, `select user_id, role, site_id from access_grant where user_id in (select user_id from access_user `+where+`) order by user_id, site_id`, args...)
	for _, g := range grants {
		if i, ok := at[g.user]; ok && slices.Contains(Roles(), g.Role) { // words of a newer program are left out
			all[i].Grants = append(all[i].Grants, g.Grant)
		}
	}
	for i := range all {
		slices.SortStableFunc(all[i].Grants, func(x, y Grant) int {
			return slices.Index(Roles(), x.Role) - slices.Index(Roles(), y.Role)
		})
	}
	return all, err
}
