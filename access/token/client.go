package token

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/access/keyset"
	"radagora/db"
	"radagora/fault"
)

// A Client is a machine that proves who it is with a signature.
type Client struct {
	ID      string // client_id
	Site    string // "" means every site
	Account string // of the machine
	Name    string
	Scopes  []string // SMART scopes it may ask for
	Keys    string   // its key set, "" if KeysAt says where it is
	KeysAt  string
	MadeBy  string
	Made    time.Time
	Used    time.Time // when it last received an access token
	Ended   time.Time
}

// An Enrolment is what an administrator says of a machine.
type Enrolment struct {
	Name   string
	Site   string
	Scopes string        // SMART scopes between spaces, all of them system/…
	Roles  []access.Role // beside that of a machine: what its account may at all
	Keys   string        // JSON Web Key Set, or
	KeysAt string        // its address, https
}

// AddClient makes a client and its account.
func (r *Register) AddClient(ctx context.Context, e Enrolment) (Client, error) {
	if err := access.Check(ctx, access.TokenChange, access.Subject{Site: e.Site}); err != nil {
		return Client{}, err
	}
	scopes, err := r.validEnrolment(e)
	if err != nil {
		return Client{}, err
	}
	c := Client{
		ID: db.NewID(), Site: e.Site, Name: strings.TrimSpace(e.Name), Scopes: scopes, Keys: e.Keys, KeysAt: e.KeysAt,
		MadeBy: access.From(ctx).ID, Made: r.o.Now(),
	}
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		var err error
		roles := append([]access.Role{access.Peer}, e.Roles...)
		c.Account, err = r.o.Users.Add(ctx, tx, access.User{Name: c.Name, Grants: access.At(e.Site, roles...)})
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `insert into access_client (client_id, site_id, user_id, name, scopes, jwks_url, jwks, made_by, made_at)
			values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
			c.ID, c.Site, c.Account, c.Name, strings.Join(c.Scopes, " "), c.KeysAt, c.Keys, c.MadeBy, db.Millis(c.Made))
		if err != nil {
			return err
		}
		return r.record(ctx, tx, c.Site, "access.client.made", c.ID, map[string]any{"account": c.Account, "scopes": c.Scopes, "roles": roles})
	})
	if err != nil {
		return Client{}, fmt.Errorf("add client: %w", err)
	}
	return c, nil
}

// validEnrolment reports what is wrong with an enrolment, and returns its scopes.
func (r *Register) validEnrolment(e Enrolment) ([]string, error) {
	if name := strings.TrimSpace(e.Name); name == "" || len(name) > maxName {
		return nil, fault.Errorf(fault.Invalid, "client: a name has 1 to %d bytes", maxName)
	}
	scopes, err := ParseScopes(e.Scopes)
	if err != nil {
		return nil, err
	}
	if len(scopes) == 0 || len(scopes) > maxScopes {
		return nil, fault.Errorf(fault.Invalid, "client: it needs 1 to %d scopes", maxScopes)
	}
	var words []string
	for _, s := range scopes {
		if s.Level != LevelSystem {
			return nil, fault.Errorf(fault.Invalid, "client: a machine has scopes that begin with system/")
		}
		words = append(words, s.String())
	}
	for _, role := range e.Roles {
		if role == access.Administrator || !slices.Contains(access.People(), role) {
			return nil, fault.Errorf(fault.Invalid, "client: a machine cannot have the role %.40q", role)
		}
	}
	switch {
	case (e.Keys == "") == (e.KeysAt == ""):
		return nil, fault.Errorf(fault.Invalid, "client: give its key set, or the address of it, and not both")
	case e.Keys != "":
		_, err := keyset.Parse([]byte(e.Keys))
		return words, err
	}
	return words, validKeysAt(e.KeysAt, r.o.HTTP != nil)
}

// validKeysAt refuses an address at which no key set can be.
func validKeysAt(at string, fetches bool) error {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.Fragment != "" || len(at) > 500 {
		return fault.Errorf(fault.Invalid, "client: the address of a key set begins with https:// and holds no password")
	}
	if !fetches {
		return fault.Errorf(fault.Unsupported, "client: this installation fetches no key sets; give the keys themselves")
	}
	return nil
}

// Clients returns all clients, the latest first, ended ones too.
func (r *Register) Clients(ctx context.Context) ([]Client, error) {
	if err := access.Check(ctx, access.UserRead, access.Subject{}); err != nil {
		return nil, err
	}
	return r.clients(ctx, r.o.DB, `order by made_at desc, client_id desc`)
}

// clients returns clients.
func (*Register) clients(ctx context.Context, q db.Querier, where string, args ...any) ([]Client, error) {
	return db.List(ctx, q, func(rows *db.Rows) (c Client, err error) {
		var scopes string
		var made, used, ended int64
		err = rows.Scan(&c.ID, &c.Site, &c.Account, &c.Name, &scopes, &c.KeysAt, &c.Keys, &c.MadeBy, &made, &used, &ended)
		c.Scopes = strings.Fields(scopes)
		c.Made, c.Used, c.Ended = db.FromMillis(made), db.FromMillis(used), db.FromMillis(ended)
		return c, err
	}, `select client_id, site_id, user_id, name, scopes, jwks_url, jwks, made_by, made_at, used_at, ended_at from access_client `+where, args...)
}

// client returns a client that may act.
func (r *Register) client(ctx context.Context, id string) (Client, error) {
	found, err := r.clients(ctx, r.o.DB, `where client_id = $1 and ended_at = 0`, id)
	if err != nil {
		return Client{}, err
	}
	if len(found) == 0 {
		return Client{}, fault.Errorf(fault.NotFound, "no client %.40q", id)
	}
	return found[0], nil
}

// EndClient lets a client act no more: its account and what it carries end with it.
func (r *Register) EndClient(ctx context.Context, id string) error {
	err := r.o.DB.Write(ctx, func(tx *db.Tx) error {
		found, err := r.clients(ctx, tx, `where client_id = $1`, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.Errorf(fault.NotFound, "no client %.40q", id)
		}
		c := found[0]
		err = access.Check(ctx, access.TokenChange, access.Subject{Site: c.Site})
		switch {
		case err != nil && access.Need(err) != access.NeedFresh: // to end something waits for nothing
			return err
		case !c.Ended.IsZero():
			return nil
		}
		if _, err := tx.Exec(ctx, `update access_client set ended_at = $2 where client_id = $1`, id, db.Millis(r.o.Now())); err != nil {
			return err
		}
		if err := r.o.Users.End(ctx, tx, c.Account, true); err != nil {
			return err
		}
		return r.record(ctx, tx, c.Site, "access.client.ended", c.ID, map[string]any{"account": c.Account})
	})
	r.cache.clear()
	if err != nil {
		return fmt.Errorf("end client: %w", err)
	}
	return nil
}

// keys returns the keys of a client.
func (r *Register) keys(c Client) (keyset.Keys, error) {
	if c.Keys != "" {
		return keyset.Parse([]byte(c.Keys))
	}
	if r.o.HTTP == nil {
		return nil, fault.Errorf(fault.Unsupported, "client: this installation fetches no key sets")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k := r.remotes[c.KeysAt]
	if k == nil {
		k = &keyset.Remote{URL: c.KeysAt, HTTP: r.o.HTTP, Now: r.o.Now}
		r.remotes[c.KeysAt] = k // as many as administrators enrolled
	}
	return k, nil
}
