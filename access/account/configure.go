package account

import (
	"context"
	"slices"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// A Configuration is what changes at accounts in one go.
type Configuration struct {
	Add    []access.User // ID is not looked at
	Change []access.User // ID says which; one that was ended acts again
	End    []string      // ids
}

// Configure changes all that c says on behalf of whoever asks, or nothing. Conflict:
// the installation would be without an administrator, a login is taken, or the local
// user would change.
func (r *Register) Configure(ctx context.Context, c Configuration) error {
	by := actor(ctx)
	before, err := r.users.Accounts(ctx)
	if err != nil {
		return err
	}
	if err := r.keepsAdministrator(before, c); err != nil {
		return err
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		for _, u := range c.Add {
			u.ID = db.NewID()
			if err := r.add(ctx, tx, by, u); err != nil {
				return err
			}
		}
		for _, u := range c.Change {
			if err := r.configure(ctx, tx, by, before, u); err != nil {
				return err
			}
		}
		for _, id := range c.End {
			if err := r.users.End(ctx, tx, id, true); err != nil {
				return err
			}
			if err := r.record(ctx, tx, by, "access.account.ended", id, map[string]any{}); err != nil {
				return err
			}
			if err := r.endAll(ctx, tx, by, id, "", "account"); err != nil {
				return err
			}
		}
		return nil
	})
}

// configure changes one account.
func (r *Register) configure(ctx context.Context, tx *db.Tx, by string, before []access.User, u access.User) error {
	i := slices.IndexFunc(before, func(o access.User) bool { return o.ID == u.ID })
	if i < 0 {
		return fault.Errorf(fault.NotFound, "no account %s", u.ID)
	}
	if !before[i].Ended.IsZero() {
		if err := r.users.End(ctx, tx, u.ID, false); err != nil {
			return err
		}
		if err := r.record(ctx, tx, by, "access.account.resumed", u.ID, map[string]any{}); err != nil {
			return err
		}
	}
	if err := r.users.Change(ctx, tx, u); err != nil {
		return err
	}
	return r.record(ctx, tx, by, "access.account.changed", u.ID,
		map[string]any{"roles_before": roles(before[i].Grants), "roles": roles(u.Grants)})
}

// keepsAdministrator refuses to leave accounts that nobody could look after, and to
// touch the local user.
func (r *Register) keepsAdministrator(before []access.User, c Configuration) error {
	was, stays := false, slices.ContainsFunc(c.Add, isAdministrator)
	for _, u := range before {
		i := slices.IndexFunc(c.Change, func(o access.User) bool { return o.ID == u.ID })
		ends := slices.Contains(c.End, u.ID)
		if u.ID == access.Local {
			if i >= 0 || ends {
				return fault.Errorf(fault.Conflict, "the local user acts on the command line and is not changed")
			}
			continue
		}
		acts := u.Ended.IsZero()
		was = was || acts && isAdministrator(u)
		switch {
		case ends:
		case i >= 0:
			stays = stays || isAdministrator(c.Change[i])
		default:
			stays = stays || acts && isAdministrator(u)
		}
	}
	if was && !stays {
		return fault.Errorf(fault.Conflict, "this would end the last administrator: make another first")
	}
	return nil
}
