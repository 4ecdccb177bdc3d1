package account

import (
	"context"
	"slices"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// Add makes an account on behalf of whoever asks and returns its id.
func (r *Register) Add(ctx context.Context, u access.User) (string, error) {
	u.ID = db.NewID()
	return u.ID, r.db.Write(ctx, func(tx *db.Tx) error { return r.add(ctx, tx, actor(ctx), u) })
}

// add makes an account as part of tx.
func (r *Register) add(ctx context.Context, tx *db.Tx, by string, u access.User) error {
	if _, err := r.users.Add(ctx, tx, u); err != nil {
		return err
	}
	return r.record(ctx, tx, by, "access.account.added", u.ID, map[string]any{"roles": roles(u.Grants)})
}

// Change replaces what is known of an account. Conflict: the installation would be
// without an administrator.
func (r *Register) Change(ctx context.Context, u access.User) error {
	if err := r.keepsOne(ctx, u.ID, isAdministrator(u)); err != nil {
		return err
	}
	before, err := r.users.User(ctx, u.ID)
	if err != nil {
		return err
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		if err := r.users.Change(ctx, tx, u); err != nil {
			return err
		}
		data := map[string]any{}
		if was, is := roles(before.Grants), roles(u.Grants); !slices.Equal(was, is) {
			data["roles_before"], data["roles"] = was, is
		}
		if u.Patient != before.Patient {
			data["patient"] = u.Patient != ""
		}
		return r.record(ctx, tx, actor(ctx), "access.account.changed", u.ID, data)
	})
}

// End lets an account act no more and ends its sessions, or lets it act again.
// Conflict: the installation would be without an administrator.
func (r *Register) End(ctx context.Context, user string, ended bool) error {
	if user == access.Local {
		return fault.Errorf(fault.Conflict, "the local user acts on the command line and cannot be ended")
	}
	u, err := r.users.User(ctx, user)
	if err != nil {
		return err
	}
	if err := r.keepsOne(ctx, user, !ended && isAdministrator(u)); err != nil {
		return err
	}
	kind := "access.account.ended"
	if !ended {
		kind = "access.account.resumed"
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		if err := r.users.End(ctx, tx, user, ended); err != nil {
			return err
		}
		if err := r.record(ctx, tx, actor(ctx), kind, user, map[string]any{}); err != nil || !ended {
			return err
		}
		return r.endAll(ctx, tx, actor(ctx), user, "", "account")
	})
}

// keepsOne refuses a change after which nobody could look after accounts by page.
func (r *Register) keepsOne(ctx context.Context, user string, stays bool) error {
	if stays {
		return nil
	}
	all, err := r.users.InRole(ctx, access.Administrator, "")
	if err != nil {
		return err
	}
	was := slices.ContainsFunc(all, func(u access.User) bool { return u.ID == user && isAdministrator(u) })
	other := slices.ContainsFunc(all, func(u access.User) bool { return u.ID != user && u.ID != access.Local && isAdministrator(u) })
	if was && !other {
		return fault.Errorf(fault.Conflict, "this is the last administrator: make another first")
	}
	return nil
}

// isAdministrator reports whether u looks after the whole installation.
func isAdministrator(u access.User) bool {
	return slices.Contains(u.Grants, access.Grant{Role: access.Administrator})
}

// roles returns grants as the journal has them: role, or role@site.
func roles(grants []access.Grant) []string {
	all := []string{}
	for _, g := range grants {
		text := string(g.Role)
		if g.Site != "" {
			text += "@" + g.Site
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// SetKnown replaces by which names orders and images know who holds an account. Errors
// are those of access.Users.SetKnown.
func (r *Register) SetKnown(ctx context.Context, user string, names []access.Known) error {
	if _, err := r.users.User(ctx, user); err != nil {
		return err
	}
	words := []string{}
	for _, k := range names {
		words = append(words, k.Name)
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		if err := r.users.SetKnown(ctx, tx, user, names); err != nil {
			return err
		}
		return r.record(ctx, tx, actor(ctx), "access.account.known", user, map[string]any{"names": words})
	})
}
