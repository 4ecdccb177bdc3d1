package account

import (
	"context"
	"strings"

	"radagora/access"
	"radagora/fault"
)

// demoLogin begins the logins of the demonstration's accounts.
const demoLogin = "demo-"

// Demo makes one account for each role of people, with a name that says what it is
// and no password. It changes nothing where they are.
func (r *Register) Demo(ctx context.Context) error {
	for _, role := range access.People() {
		_, err := r.users.ByLogin(ctx, demoLogin+string(role))
		if fault.Of(err) != fault.NotFound || err == nil {
			if err != nil {
				return err
			}
			continue
		}
		_, err = r.Add(ctx, access.User{
			Name: "Demonstration " + strings.ReplaceAll(string(role), "-", " "), Login: demoLogin + string(role),
			Grants: access.Everywhere(role),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Ready reports whether u is one of the demonstration's accounts.
func Ready(u access.User) bool { return strings.HasPrefix(u.Login, demoLogin) }

// DemoRoles returns the roles whose ready accounts can be entered: none unless this
// is a demonstration.
func (r *Register) DemoRoles(ctx context.Context) ([]access.Role, error) {
	if !r.o.Demonstration {
		return nil, nil
	}
	var all []access.Role
	for _, role := range access.People() {
		u, err := r.users.ByLogin(ctx, demoLogin+string(role))
		switch {
		case err == nil && u.Ended.IsZero():
			all = append(all, role)
		case err != nil && fault.Of(err) != fault.NotFound:
			return nil, err
		}
	}
	return all, nil
}

// EnterDemo begins a session of the ready account of a role without any proof.
// Forbidden: this is no demonstration.
func (r *Register) EnterDemo(ctx context.Context, role access.Role) (access.Who, error) {
	if !r.o.Demonstration {
		return access.Who{}, fault.Errorf(fault.Forbidden, "ready accounts: this is no demonstration")
	}
	u, err := r.users.ByLogin(ctx, demoLogin+string(role))
	if err != nil {
		return access.Who{}, err
	}
	if !u.Ended.IsZero() {
		return access.Who{}, refused()
	}
	return r.begin(ctx, u, Demonstration, r.o.Now(), nil)
}
