package main

import (
	"context"
	"errors"

	"radagora/access"
	"radagora/access/account"
	"radagora/fault"
	"radagora/lang"
	"radagora/web"
)

// A signView is the way in and out.
type signView struct{ *view }

// Door implements web.Sign.
func (v signView) Door(ctx context.Context) (web.SignDoor, error) {
	a := v.Accounts
	door := web.SignDoor{Passkeys: a.Passkeys(ctx), Least: a.Limits().Length, Providers: v.providers()}
	some, err := a.Administrators(ctx)
	if err != nil {
		return door, err
	}
	if door.Demo, err = a.DemoRoles(ctx); err != nil {
		return door, err
	}
	door.Nobody = !some && len(door.Demo) == 0
	here, is, err := a.Here(ctx)
	if err != nil || !is {
		return door, err
	}
	door.Station = here.Name
	on, err := a.OnShift(ctx)
	for _, u := range on {
		door.OnShift = append(door.OnShift, web.Person{ID: u.ID, Name: u.Name})
	}
	return door, err
}

// taken puts an error of a proof into words: wrong is what to say if it was refused.
func taken(err error, wrong string) error {
	if wait := new(account.WaitError); errors.As(err, &wait) {
		return web.NotTaken("", "sign.wait", lang.Args{"n": web.Seconds(wait.Wait)})
	}
	if err == nil {
		return nil
	}
	kind := fault.Of(err)
	if kind == fault.Exhausted {
		return web.NotTaken("", "sign.busy")
	}
	if kind == fault.Forbidden || kind == fault.NotFound {
		return web.NotTaken("", wrong)
	}
	return err
}

// weakness puts into words why a password, PIN or account is not taken.
func weakness(err error, field string) error {
	if weak := new(account.WeakError); errors.As(err, &weak) {
		if weak.Why == "short" {
			return web.NotTaken(field, "account.weak_short", lang.Args{"n": weak.Least})
		}
		return web.NotTaken(field, "account.weak_"+weak.Why)
	}
	if err != nil && fault.Of(err) == fault.Conflict {
		return web.NotTaken("login", "account.taken")
	}
	return err
}

// Password implements web.Sign.
func (v signView) Password(ctx context.Context, login, password string) error {
	_, err := v.Accounts.SignIn(ctx, login, password)
	return taken(err, "sign.wrong")
}

// Recover implements web.Sign.
func (v signView) Recover(ctx context.Context, login, code string) error {
	_, err := v.Accounts.Recover(ctx, login, code)
	return taken(err, "sign.wrong_code")
}

// Again implements web.Sign.
func (v signView) Again(ctx context.Context, password string) error {
	return taken(v.Accounts.Again(ctx, password), "sign.wrong")
}

// Switch implements web.Sign.
func (v signView) Switch(ctx context.Context, person, pin string) error {
	_, err := v.Accounts.Switch(ctx, person, pin)
	return taken(err, "sign.wrong_pin")
}

// Demo implements web.Sign.
func (v signView) Demo(ctx context.Context, role access.Role) error {
	_, err := v.Accounts.EnterDemo(ctx, role)
	return err
}

// Language implements web.Sign.
func (v signView) Language(ctx context.Context) string {
	who, err := v.Accounts.Whoever(ctx)
	if err != nil || who.ID == "" {
		return ""
	}
	u, err := v.Users.User(ctx, who.ID)
	if err != nil {
		return "" // the next page says what is wrong
	}
	return u.Language
}

// Out implements web.Sign.
func (v signView) Out(ctx context.Context) error { return v.Accounts.SignOut(ctx) }

// Ask implements web.Sign.
func (v signView) Ask(ctx context.Context) (web.Challenge, error) {
	o, err := v.Accounts.AskPasskey(ctx)
	return web.Challenge(o), err
}

// Answer implements web.Sign.
func (v signView) Answer(ctx context.Context, state string, response []byte) error {
	_, err := v.Accounts.ByPasskey(ctx, state, response)
	return taken(err, "sign.wrong_passkey")
}

// First implements web.Sign.
func (v signView) First(ctx context.Context, token string) error { return v.Accounts.First(ctx, token) }

// MakeFirst implements web.Sign.
func (v signView) MakeFirst(ctx context.Context, token, name, login, password string) error {
	if err := nameable(name, login, "", true); err != nil {
		return err
	}
	_, err := v.Accounts.MakeFirst(ctx, token, name, login, password)
	return weakness(err, "password")
}

// Linked implements web.Sign.
func (v signView) Linked(ctx context.Context, token string) (string, error) {
	u, err := v.Accounts.Linked(ctx, token)
	return u.Name, err
}

// Reset implements web.Sign.
func (v signView) Reset(ctx context.Context, token, password string) error {
	_, err := v.Accounts.ResetPassword(ctx, token, password)
	return weakness(err, "password")
}
