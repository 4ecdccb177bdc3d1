package main

import (
	"context"
	"net/mail"
	"strings"
	"time"

	"radagora/access"
	"radagora/access/account"
	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
)

// An accountView is one's own account, and everybody's.
type accountView struct {
	*view
	public string // address of the pages, for links; "" is the one they are looked at
}

// shortWhile is how long ago somebody must have proved who they are to change how
// they prove it.
const shortWhile = 15 * time.Minute

// fresh refuses whoever proved who they are too long ago, and tells them to do so.
func (v accountView) fresh(ctx context.Context) error {
	who := access.From(ctx)
	if age := v.Now().Sub(who.SignedAt); v.Judge.Open || !who.SignedAt.IsZero() && age < shortWhile && age > -time.Minute {
		return nil
	}
	return fault.As(fault.Forbidden, &access.DeniedError{Act: access.OwnChange, Who: who.ID, Need: access.NeedFresh})
}

// nameable says what is wrong with a name, login or address.
func nameable(name, login, address string, must bool) error {
	if strings.TrimSpace(name) == "" || len(name) > 200 {
		return web.NotTaken("name", "account.wrong_name")
	}
	if must && strings.TrimSpace(login) == "" || len(login) > 200 || strings.ContainsAny(strings.TrimSpace(login), " \t\r\n:") {
		return web.NotTaken("login", "account.wrong_login")
	}
	if address != "" {
		if a, err := mail.ParseAddress(address); err != nil || a.Address != address || len(address) > 254 {
			return web.NotTaken("mail", "account.wrong_mail")
		}
	}
	return nil
}

// one puts an account into the words of the pages.
func (v accountView) one(ctx context.Context, u access.User) (web.Account, error) {
	r := v.Accounts
	a := web.Account{
		ID: u.ID, Name: u.Name, Login: u.Login, Mail: u.Mail, Language: u.Language, Grants: u.Grants,
		Created: u.Created, Ended: u.Ended, Local: u.ID == access.Local, Ready: account.Ready(u), PasskeysWork: r.Passkeys(ctx), Least: r.Limits().Length,
	}
	var err error
	if a.HasPassword, err = r.HasPassword(ctx, u.ID); err != nil {
		return a, err
	}
	if a.HasPIN, err = r.HasPIN(ctx, u.ID); err != nil {
		return a, err
	}
	if a.Codes, err = r.CodesLeft(ctx, u.ID); err != nil {
		return a, err
	}
	known, err := v.Users.Known(ctx, u.ID)
	if err != nil {
		return a, err
	}
	for _, k := range known {
		a.Known = append(a.Known, k.Name)
	}
	a.Patient = u.Patient != ""
	keys, err := r.PasskeysOf(ctx, u.ID)
	if err != nil {
		return a, err
	}
	for _, k := range keys {
		a.Passkeys = append(a.Passkeys, web.Passkey(k))
	}
	return a, v.sessions(ctx, &a)
}

// sessions adds where an account is signed in, and when it was last seen.
func (v accountView) sessions(ctx context.Context, a *web.Account) error {
	list, err := v.Accounts.SessionsOf(ctx, a.ID)
	if err != nil {
		return err
	}
	stations, err := v.Accounts.Stations(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, s := range stations {
		names[s.ID] = s.Name
	}
	for _, s := range list {
		a.Sessions = append(a.Sessions, web.Session{
			ID: s.ID, How: string(s.How), Address: s.Address, Agent: s.Agent, Station: names[s.Station],
			Begun: s.Begun, Seen: s.Seen, This: s.ID == access.From(ctx).Session,
		})
	}
	last, err := v.Accounts.LastSeen(ctx)
	a.LastSeen = last[a.ID]
	return err
}

// Own implements web.OwnAccount.
func (v accountView) Own(ctx context.Context) (web.Account, error) {
	u, err := v.Users.User(ctx, access.From(ctx).ID)
	if err != nil {
		return web.Account{}, err
	}
	return v.one(ctx, u)
}

// ChangeOwn implements web.OwnAccount.
func (v accountView) ChangeOwn(ctx context.Context, name, address, language string) error {
	u, err := v.Users.User(ctx, access.From(ctx).ID)
	if err != nil {
		return err
	}
	u.Name, u.Mail, u.Language = strings.TrimSpace(name), strings.TrimSpace(address), language
	if err := nameable(u.Name, u.Login, u.Mail, false); err != nil {
		return err
	}
	return v.Accounts.Change(ctx, u)
}

// ChangePassword implements web.OwnAccount.
func (v accountView) ChangePassword(ctx context.Context, old, password string) error {
	has, err := v.Accounts.HasPassword(ctx, access.From(ctx).ID)
	if err == nil && !has {
		err = v.fresh(ctx)
	}
	if err != nil {
		return err
	}
	err = v.Accounts.ChangePassword(ctx, old, password)
	return weakness(taken(err, "sign.wrong"), "password")
}

// SetPIN implements web.OwnAccount.
func (v accountView) SetPIN(ctx context.Context, pin string) error {
	if err := v.fresh(ctx); err != nil {
		return err
	}
	return weakness(v.Accounts.SetPIN(ctx, access.From(ctx).ID, pin), "pin")
}

// NewCodes implements web.OwnAccount.
func (v accountView) NewCodes(ctx context.Context) ([]string, error) {
	if err := v.fresh(ctx); err != nil {
		return nil, err
	}
	return v.Accounts.NewCodes(ctx, access.From(ctx).ID)
}

// EndOwnSession implements web.OwnAccount.
func (v accountView) EndOwnSession(ctx context.Context, id string) error {
	who := access.From(ctx)
	if id == "" {
		return v.Accounts.RevokeOthers(ctx, who.ID, who.Session)
	}
	return v.Accounts.Revoke(ctx, who.ID, id)
}

// OfferPasskey implements web.OwnPasskeys.
func (v accountView) OfferPasskey(ctx context.Context) (web.Challenge, error) {
	if err := v.fresh(ctx); err != nil {
		return web.Challenge{}, err
	}
	o, err := v.Accounts.OfferPasskey(ctx)
	return web.Challenge(o), err
}

// AddPasskey implements web.OwnPasskeys.
func (v accountView) AddPasskey(ctx context.Context, state, name string, response []byte) error {
	return v.Accounts.AddPasskey(ctx, state, name, response)
}

// NamePasskey implements web.OwnPasskeys.
func (v accountView) NamePasskey(ctx context.Context, id, name string) error {
	return v.Accounts.NamePasskey(ctx, access.From(ctx).ID, id, name)
}

// RemovePasskey implements web.OwnPasskeys.
func (v accountView) RemovePasskey(ctx context.Context, id string) error {
	if err := v.fresh(ctx); err != nil {
		return err
	}
	return v.Accounts.RemovePasskey(ctx, access.From(ctx).ID, id)
}

// Accounts implements web.Everybody.
func (v accountsView) Accounts(ctx context.Context) (web.AccountsPage, error) {
	var pg web.AccountsPage
	all, err := v.Users.Accounts(ctx)
	if err != nil {
		return pg, err
	}
	last, err := v.view.Accounts.LastSeen(ctx)
	if err != nil {
		return pg, err
	}
	proved, err := v.view.Accounts.Proved(ctx)
	if err != nil {
		return pg, err
	}
	for _, u := range all {
		pg.Accounts = append(pg.Accounts, web.Account{
			ID: u.ID, Name: u.Name, Login: u.Login, Grants: u.Grants, Ended: u.Ended, LastSeen: last[u.ID],
			Local: u.ID == access.Local, HasPassword: proved[u.ID], Ready: account.Ready(u),
		})
	}
	sites, err := v.Sites.Sites(ctx)
	for _, s := range sites {
		label := s.Name
		if label == "" {
			label = s.ID
		}
		pg.Sites = append(pg.Sites, face.Choice{Code: s.ID, Label: label})
	}
	if err != nil {
		return pg, err
	}
	return pg, v.stations(ctx, &pg)
}

// stations adds workstations and the rooms they may stand in.
func (v accountsView) stations(ctx context.Context, pg *web.AccountsPage) error {
	p, err := v.plan(ctx)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, room := range p.Rooms {
		names[room.ID] = p.ref(room.ID).Name
		pg.Rooms = append(pg.Rooms, face.Choice{Code: room.ID, Label: names[room.ID]})
	}
	here, _, err := v.view.Accounts.Here(ctx)
	if err != nil {
		return err
	}
	pg.Here = here.ID
	list, err := v.view.Accounts.Stations(ctx)
	for _, s := range list {
		pg.Stations = append(pg.Stations, web.Station{ID: s.ID, Name: s.Name, Room: names[s.Room], RoomID: s.Room, This: s.ID == here.ID})
	}
	return err
}

// An accountsView is everybody's accounts beside one's own.
type accountsView struct{ accountView }

// Account implements web.Everybody.
func (v accountsView) Account(ctx context.Context, id string) (web.Account, error) {
	u, err := v.Users.User(ctx, id)
	if err != nil {
		return web.Account{}, err
	}
	return v.one(ctx, u)
}

// PutAccount implements web.Everybody.
func (v accountsView) PutAccount(ctx context.Context, a web.Account) (string, error) {
	if err := may(ctx, access.UserChange); err != nil {
		return "", err
	}
	if err := nameable(a.Name, a.Login, a.Mail, a.ID != access.Local); err != nil {
		return "", err
	}
	if a.ID == "" {
		id, err := v.view.Accounts.Add(ctx, access.User{Name: a.Name, Login: a.Login, Mail: a.Mail, Grants: a.Grants})
		return id, weakness(err, "")
	}
	u, err := v.Users.User(ctx, a.ID)
	if err != nil {
		return "", err
	}
	administrator := u.Who().Is(access.Administrator)
	u.Name, u.Login, u.Mail, u.Grants = a.Name, a.Login, a.Mail, a.Grants
	err = v.view.Accounts.Change(ctx, u)
	if err != nil && fault.Of(err) == fault.Conflict && administrator && !u.Who().Is(access.Administrator) {
		return a.ID, web.NotTaken("", "accounts.last_one")
	}
	return a.ID, weakness(err, "")
}

// KnowAccount implements web.Everybody.
func (v accountsView) KnowAccount(ctx context.Context, id string, k web.KnownAccount) error {
	if err := may(ctx, access.UserChange); err != nil {
		return err
	}
	u, err := v.Users.User(ctx, id)
	if err != nil {
		return err
	}
	was := u.Patient
	if k.Unlink {
		u.Patient = ""
	}
	if k.PatientID != "" {
		u.Patient = v.Archive.Key(k.Issuer, k.PatientID)
		known, err := v.Archive.Patient(ctx, at, u.Patient)
		if err != nil {
			return err
		}
		if len(known) == 0 {
			return web.NotTaken("patient_id", "accounts.wrong_patient")
		}
	}
	err = v.view.Accounts.SetKnown(ctx, id, knownNames(k.Names))
	switch {
	case err != nil && fault.Of(err) == fault.Conflict:
		return web.NotTaken("known", "accounts.wrong_known_twice")
	case err != nil && fault.Of(err) == fault.Invalid:
		return web.NotTaken("known", "accounts.wrong_known")
	case err != nil || u.Patient == was:
		return err
	}
	return v.view.Accounts.Change(ctx, u)
}

// EndAccount implements web.Everybody.
func (v accountsView) EndAccount(ctx context.Context, id string, ended bool) error {
	if err := may(ctx, access.UserChange); err != nil {
		return err
	}
	err := v.view.Accounts.End(ctx, id, ended)
	if err != nil && fault.Of(err) == fault.Conflict {
		return web.NotTaken("", "accounts.last_one")
	}
	return err
}

// PasswordLink implements web.Everybody.
func (v accountsView) PasswordLink(ctx context.Context, id string) (string, error) {
	if err := may(ctx, access.UserChange); err != nil {
		return "", err
	}
	token, err := v.view.Accounts.PasswordLink(ctx, id)
	base := v.public
	if base == "" {
		base = account.PlaceOf(ctx).Origin
	}
	return base + "/sign-in/link?token=" + token, err
}

// EndSessions implements web.Everybody.
func (v accountsView) EndSessions(ctx context.Context, id, session string) error {
	if err := may(ctx, access.UserChange); err != nil {
		return err
	}
	return v.view.Accounts.Revoke(ctx, id, session)
}

// PutStation implements web.Stations.
func (v accountsView) PutStation(ctx context.Context, name, room string) error {
	if err := may(ctx, access.UserChange); err != nil {
		return err
	}
	err := v.view.Accounts.Station(ctx, name, room)
	if err != nil && fault.Of(err) == fault.Invalid {
		return web.NotTaken("station", "accounts.wrong_station")
	}
	return err
}

// EndStation implements web.Stations.
func (v accountsView) EndStation(ctx context.Context, id string) error {
	if err := may(ctx, access.UserChange); err != nil {
		return err
	}
	return v.view.Accounts.EndStation(ctx, id)
}

// Statically checked: the pages get what they ask for.
var (
	_ web.Accounts = accountsView{}
	_ web.Sign     = signView{}
)
