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

// Local is the id of the user made at first start, who acts where no sign-in is
// asked for.
const Local = "local"

// Users keeps who uses the program. It is safe for concurrent use.
type Users struct {
	db  *db.DB
	now func() time.Time
}

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
	local := Who{ID: Local, Name: "Local user", Roles: Roles()}
	if err := d.Write(ctx, func(tx *db.Tx) error { return u.insert(ctx, tx, local) }); err != nil {
		return nil, fmt.Errorf("make the local user: %w", err)
	}
	return u, nil
}

// insert adds a user unless there is one with this id.
func (u *Users) insert(ctx context.Context, tx *db.Tx, who Who) error {
	_, err := tx.Exec(ctx, `insert into access_user (user_id, site_id, name, roles, created_at)
		values ($1, $2, $3, $4, $5) on conflict (user_id) do nothing`,
		who.ID, who.Site, who.Name, words(who.Roles), db.Millis(u.now()))
	return err
}

// Who returns the user with this id: NotFound if there is none, Forbidden if the
// user may act no more.
func (u *Users) Who(ctx context.Context, id string) (Who, error) {
	who, roles, ended := Who{ID: id}, "", int64(0)
	err := u.db.QueryRow(ctx, `select site_id, name, roles, ended_at from access_user where user_id = $1`, id).
		Scan(&who.Site, &who.Name, &roles, &ended)
	if err != nil {
		return Who{}, fmt.Errorf("user %s: %w", id, err)
	}
	if ended != 0 {
		return Who{}, fault.Errorf(fault.Forbidden, "user %s may act no more", id)
	}
	who.Roles = parse(roles)
	return who, nil
}

// All returns the users who may act, sorted by name, as owners to choose from.
func (u *Users) All(ctx context.Context) ([]Who, error) {
	return db.List(ctx, u.db, func(r *db.Rows) (Who, error) {
		var who Who
		var roles string
		err := r.Scan(&who.ID, &who.Site, &who.Name, &roles)
		who.Roles = parse(roles)
		return who, err
	}, `select user_id, site_id, name, roles from access_user where ended_at = 0 order by name, user_id`)
}

// words writes roles as the table holds them.
func words(roles []Role) string {
	all := make([]string, len(roles))
	for i, r := range roles {
		all[i] = string(r)
	}
	return strings.Join(all, " ")
}

// parse reads roles; words of a newer program are left out.
func parse(s string) []Role {
	var all []Role
	for word := range strings.FieldsSeq(s) {
		if slices.Contains(everybody, Role(word)) {
			all = append(all, Role(word))
		}
	}
	return all
}
