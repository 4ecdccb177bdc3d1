package webtest

import (
	"context"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// A door is the made-up way in: every login opens with the password "example".
type door struct{ *World }

// Door implements web.Sign.
func (d door) Door(context.Context) (web.SignDoor, error) {
	if d.Empty {
		return web.SignDoor{Nobody: true, Least: 12}, nil
	}
	return web.SignDoor{
		Passkeys: true, Providers: []web.Provider{{Name: "Example hospital", Path: "/sign-in/idp/example"}}, Demo: access.People(),
		Station: "Example console", OnShift: []web.Person{{ID: "p1", Name: "Person One"}, {ID: "p2", Name: "Person Two"}}, Least: 12,
	}, nil
}

// example takes one proof.
func example(proof string) error {
	if proof == "example" {
		return nil
	}
	return web.NotTaken("", "sign.wrong")
}

func (door) Password(_ context.Context, _, password string) error { return example(password) }
func (door) Recover(_ context.Context, _, code string) error      { return example(code) }
func (door) Switch(_ context.Context, _, pin string) error        { return example(pin) }
func (door) Demo(context.Context, access.Role) error              { return nil }
func (door) Again(_ context.Context, password string) error       { return example(password) }
func (door) Out(context.Context) error                            { return nil }
func (door) Language(context.Context) string                      { return "" }

// Ask implements web.PasskeySign.
func (door) Ask(context.Context) (web.Challenge, error) {
	return web.Challenge{}, fault.Errorf(fault.Unsupported, "a made-up installation")
}

// Answer implements web.PasskeySign.
func (door) Answer(context.Context, string, []byte) error {
	return web.NotTaken("", "sign.wrong_passkey")
}

// First implements web.LinkSign: one token is good.
func (door) First(_ context.Context, token string) error {
	if token == "example" {
		return nil
	}
	return fault.Errorf(fault.Forbidden, "a link that is good no more")
}

// MakeFirst implements web.LinkSign.
func (door) MakeFirst(_ context.Context, _, _, _, password string) error { return strong(password) }

// strong takes long passwords.
func strong(password string) error {
	if len(password) < 12 {
		return web.NotTaken("password", "account.weak_short", lang.Args{"n": 12})
	}
	return nil
}

// Linked implements web.LinkSign.
func (d door) Linked(ctx context.Context, token string) (string, error) {
	return "Person Two", d.First(ctx, token)
}

// Reset implements web.LinkSign.
func (door) Reset(_ context.Context, _, password string) error { return strong(password) }

// A desk is the made-up accounts.
type desk struct{ *World }

// account is a made-up account.
func (d desk) account() web.Account {
	a := web.Account{ID: "p1", Name: "Person One", Login: "person1", Least: 12, PasskeysWork: true, Created: Now().AddDate(-1, 0, 0)}
	if d.Empty {
		return a
	}
	a.Mail, a.HasPassword, a.HasPIN, a.Codes, a.LastSeen = "person1@site.example", true, true, 7, Now()
	a.Grants = append(access.Everywhere(access.Physicist), access.Grant{Role: access.Manager, Site: "north"})
	a.Passkeys = []web.Passkey{{ID: "k1", Name: "Example device", Made: Now().AddDate(0, -2, 0), Used: Now(), Synced: true}, {ID: "k2", Name: "Example key", Made: Now()}}
	a.Sessions = []web.Session{
		{ID: "s1", How: "passkey", Address: "192.0.2.17", Agent: "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", Begun: Now().Add(-time.Hour), Seen: Now(), This: true},
		{ID: "s2", How: "pin", Address: "2001:db8::17", Agent: "Mozilla/5.0 (Windows NT 10.0) Chrome/140.0", Station: "Example console", Begun: Now().Add(-5 * time.Hour), Seen: Now().Add(-time.Hour)},
	}
	return a
}

// Own implements web.OwnAccount.
func (d desk) Own(context.Context) (web.Account, error) { return d.account(), nil }

func (desk) ChangeOwn(_ context.Context, name, _, _ string) error {
	if name == "" {
		return web.NotTaken("name", "account.wrong_name")
	}
	return nil
}
func (desk) ChangePassword(_ context.Context, _, password string) error { return strong(password) }

// SetPIN implements web.OwnAccount.
func (desk) SetPIN(_ context.Context, pin string) error {
	if pin == "1234" {
		return web.NotTaken("pin", "account.weak_pin_simple")
	}
	return nil
}

// NewCodes implements web.OwnAccount.
func (desk) NewCodes(context.Context) ([]string, error) {
	return []string{"ABCD-EFGH-JKLM-NPQR", "STUV-WXYZ-2345-6789"}, nil
}
func (desk) EndOwnSession(context.Context, string) error { return nil }

// OfferPasskey implements web.OwnPasskeys.
func (desk) OfferPasskey(context.Context) (web.Challenge, error) {
	return web.Challenge{}, fault.Errorf(fault.Unsupported, "a made-up installation")
}
func (desk) AddPasskey(context.Context, string, string, []byte) error { return nil }
func (desk) NamePasskey(context.Context, string, string) error        { return nil }
func (desk) RemovePasskey(context.Context, string) error              { return nil }

// Accounts implements web.Everybody.
func (d desk) Accounts(context.Context) (web.AccountsPage, error) {
	pg := web.AccountsPage{Accounts: []web.Account{d.account()}, Sites: []face.Choice{{Code: "north", Label: "Example north"}}}
	if d.Empty {
		return pg, nil
	}
	pg.Sites = append(pg.Sites, face.Choice{Code: "south", Label: "Example south"})
	pg.Accounts = append(pg.Accounts,
		web.Account{ID: "p2", Name: "Person Two", Login: "person2", Grants: access.At("south", access.Radiographer)},
		web.Account{ID: "p3", Name: "Person Three", Login: "person3", Ended: Now().AddDate(0, -1, 0), HasPassword: true},
		web.Account{ID: "local", Name: "Local user", Local: true, Grants: access.Everywhere(access.People()...)})
	pg.Stations = []web.Station{{ID: "w1", Name: "Example console", Room: roomRefs[0].Name, RoomID: roomRefs[0].ID, This: true}, {ID: "w2", Name: "Example desk"}}
	pg.Rooms, pg.Here = []face.Choice{{Code: roomRefs[0].ID, Label: roomRefs[0].Name}}, "w1"
	return pg, nil
}

// Account implements web.Everybody.
func (d desk) Account(_ context.Context, id string) (web.Account, error) {
	if id != "p1" && id != "p2" {
		return web.Account{}, fault.Errorf(fault.NotFound, "no account")
	}
	a := d.account()
	a.ID = id
	return a, nil
}

// PutAccount implements web.Everybody.
func (desk) PutAccount(_ context.Context, a web.Account) (string, error) {
	if a.Login == "person1" && a.ID != "p1" {
		return "", web.NotTaken("login", "account.taken")
	}
	return "p1", nil
}

// KnowAccount implements web.Everybody: a name is taken.
func (desk) KnowAccount(_ context.Context, _ string, k web.KnownAccount) error {
	if len(k.Names) > 0 && k.Names[0] == "Taken^Name" {
		return web.NotTaken("known", "accounts.wrong_known_twice")
	}
	return nil
}

// EndAccount implements web.Everybody: Person One is the last administrator.
func (desk) EndAccount(_ context.Context, id string, _ bool) error {
	if id == "p1" {
		return web.NotTaken("", "accounts.last_one")
	}
	return nil
}

// PasswordLink implements web.Everybody.
func (desk) PasswordLink(context.Context, string) (string, error) {
	return "https://site.example/sign-in/link?token=example", nil
}
func (desk) EndSessions(context.Context, string, string) error { return nil }

// PutStation implements web.Stations.
func (desk) PutStation(_ context.Context, name, _ string) error {
	if name == "" {
		return web.NotTaken("station", "accounts.wrong_station")
	}
	return nil
}
func (desk) EndStation(context.Context, string) error { return nil }
