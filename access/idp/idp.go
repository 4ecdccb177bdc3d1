// Package idp lets people sign in with the identity provider of their hospital.
//
// It is a relying party of OpenID Connect Core 1.0: authorization code with PKCE
// (RFC 7636, S256), state and nonce bound to the browser by a sealed ticket, and the
// issuer named in the answer (RFC 9207). Begin says where to send the browser, Finish
// takes what it comes back with and returns who it is.
//
// An account belongs to an issuer and a subject. It is never found by mail address or
// name, which others may choose. If the settings say so, an account is made when
// somebody comes for the first time; its roles are then what the rules make of the
// provider's claims, anew at each sign-in.
//
// Sign-out works both ways: Logout sends the browser to the provider (RP-Initiated
// Logout 1.0), BackChannel takes the provider's word that a session is over
// (Back-Channel Logout 1.0).
package idp

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

//go:embed migration/*.sql
var files embed.FS

// Options are the settings of Open. All but Log, Rand and Secret must be given.
type Options struct {
	DB      *db.DB
	Users   *access.Users
	Journal access.Journal
	HTTP    *http.Client // refuses private targets; see package outgoing
	Now     func() time.Time
	Key     [32]byte // of the installation: seals tickets
	Base    string   // address of the pages as browsers see them, https://radagora.hospital.example
	Log     *slog.Logger
	Rand    io.Reader
	// Secret reads the client secret of a provider; nil: none has one.
	Secret    func(provider string) (string, error)
	Providers []Config
}

// Providers are the identity providers of an installation. They are safe for
// concurrent use.
type Providers struct {
	o   Options
	all []*provider
}

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open migrates the tables. It calls nobody: a provider that is down keeps nobody
// from starting. Invalid: a provider is not described as it should be.
func Open(ctx context.Context, o Options) (*Providers, error) {
	if err := o.DB.Migrate(ctx, "idp", Migrations()); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Key == [32]byte{} {
		return nil, fault.Errorf(fault.Invalid, "identity providers: no installation key")
	}
	base, err := url.Parse(o.Base)
	if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" || base.RawQuery != "" {
		return nil, fault.Errorf(fault.Invalid, "identity providers: the address of the pages must be known, such as https://radagora.hospital.example")
	}
	o.Base = strings.TrimSuffix(o.Base, "/")
	p := &Providers{o: o}
	for _, c := range o.Providers {
		one, err := p.open(c)
		if err != nil {
			return nil, err
		}
		if _, err := p.provider(c.Name); err == nil {
			return nil, fault.Errorf(fault.Invalid, "identity provider %s: two have this name", c.Name)
		}
		p.all = append(p.all, one)
	}
	return p, nil
}

// provider returns the provider with this name.
func (p *Providers) provider(name string) (*provider, error) {
	for _, one := range p.all {
		if one.c.Name == name {
			return one, nil
		}
	}
	return nil, fault.Errorf(fault.NotFound, "no identity provider %.40q", name)
}

// List returns the providers in the order of the settings.
func (p *Providers) List() []Config {
	all := make([]Config, len(p.all))
	for i, one := range p.all {
		all[i] = one.c
	}
	return all
}

// Path returns where the browser goes for a provider: to begin, and with /return or
// /logout after it.
func Path(name string) string { return "/sign-in/idp/" + url.PathEscape(name) }

// redirect is where a provider sends the browser back. Each has its own: an answer
// of one cannot be passed off as another's.
func (p *Providers) redirect(name string) string { return p.o.Base + Path(name) + "/return" }

// Redirect returns what must be entered at the provider as redirect URI, as address
// after signing out and as back-channel logout URI.
func (p *Providers) Redirect(name string) (back, out, channel string) {
	return p.redirect(name), p.o.Base + "/", p.o.Base + Path(name) + "/logout"
}

// record writes an entry in the name of an account.
func (p *Providers) record(ctx context.Context, tx *db.Tx, actor, kind, subject string, data map[string]any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return p.o.Journal.Append(ctx, tx, journal.Entry{
		Site: site.Default, At: p.o.Now(), Actor: actor, Kind: kind, Subject: subject, Data: text,
	})
}
