// Package account knows how people prove who they are.
//
// A Register keeps what belongs to an account of package access: a password, passkeys, recovery
// codes, a PIN for shared workstations, and the sessions it has begun. It answers
// in the same words and after the same work whether a login exists or not, and
// slows down whoever guesses without shutting out whom they guess at: see tries.go.
//
// Sessions is the middleware of the doors that use cookies; inside it Whoever says
// who asks. Nothing that proves anything is kept readable: passwords and PINs are
// argon2id (RFC 9106), codes, links and tokens are hashed, what a browser keeps is
// sealed. The journal hears of sessions begun, ended and refused by account id.
//
// Passkeys follow Web Authentication Level 3, tokens of sessions NIST SP 800-63B.
package account

import (
	"context"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"time"

	"github.com/alexedwards/scs/v2"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

//go:embed migration/*.sql
var files embed.FS

// A Journal takes what happened. *journal.Journal is one.
type Journal interface {
	Append(ctx context.Context, tx *db.Tx, e ...journal.Entry) error
}

// Options are what Open needs. DB, Users, Journal and Key must be given; every
// other zero value serves.
type Options struct {
	DB      *db.DB
	Users   *access.Users
	Journal Journal
	Content *content.Library // where lists of common passwords are; nil refuses none
	Key     [32]byte         // of the installation: what is sealed and hashed here hangs on it

	Log  *slog.Logger     // nil discards
	Now  func() time.Time // nil means the system clock; may step back
	Rand io.Reader        // nil means crypto/rand

	Limits        Limits
	Cost          Cost     // of a password; the zero Cost means Usual
	Workers       int      // passwords checked at the same time, each with the memory of Cost; 0 means 4
	Secure        bool     // pages are reached over TLS: cookies say so
	Origins       []string // addresses of the pages, such as https://radagora.hospital.example; the first names the passkeys
	Common        string   // file of a larger list of common passwords, as WriteCommon makes it; "" for none
	OwnWords      []string // names of site and department, which make no password
	Demonstration bool     // ready accounts can be entered without proof
}

// Limits are the numbers a site may set.
type Limits struct {
	Length int           // characters a password has at least; 0 means 12
	Idle   time.Duration // a session ends after so long without a request; 0 means 1 h
	Life   time.Duration // and after so long in any case; 0 means 12 h
	Shift  time.Duration // how long after a full sign-in a PIN will do on the same workstation; 0 means 12 h
	Link   time.Duration // how long a link is good; 0 means 24 h
}

// withDefaults fills in what was left out.
func (l Limits) withDefaults() Limits {
	if l.Length <= 0 {
		l.Length = 12
	}
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&l.Idle, time.Hour}, {&l.Life, 12 * time.Hour}, {&l.Shift, 12 * time.Hour}, {&l.Link, 24 * time.Hour}} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return l
}

// A Register is all of this. It is safe for concurrent use; several processes may
// share one database and key.
type Register struct {
	o       Options
	db      *db.DB
	users   *access.Users
	keys    keys
	hasher  *hasher
	common  *common
	cookies *scs.SessionManager
	decoy   string // hash that is checked where there is none
}

// keys are made from the key of the installation, one for each use.
type keys struct{ seal, hash []byte }

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// Open migrates the tables and returns the register. The caller closes it. Invalid:
// no key, an origin that is none, or a list of common passwords that is none.
func Open(ctx context.Context, o Options) (*Register, error) {
	if o.Key == [32]byte{} {
		return nil, fault.Errorf(fault.Invalid, "open accounts: no installation key")
	}
	o.fill()
	if err := o.DB.Migrate(ctx, "account", Migrations()); err != nil {
		return nil, err
	}
	r := &Register{o: o, db: o.DB, users: o.Users, hasher: newHasher(o.Workers, o.Cost, o.Rand)}
	var err error
	if r.keys, err = newKeys(o.Key); err != nil {
		return nil, err
	}
	if err := o.validOrigins(); err != nil {
		return nil, err
	}
	if r.decoy, err = r.hasher.hash(ctx, []byte("nobody has this password")); err != nil {
		return nil, err
	}
	if r.common, err = openCommon(o.Content, o.Common); err != nil {
		return nil, err
	}
	r.cookies = r.manager()
	return r, nil
}

// fill puts in what was left out.
func (o *Options) fill() {
	o.Limits = o.Limits.withDefaults()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one default of the field
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Cost == (Cost{}) {
		o.Cost = Usual
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
}

// newKeys derives the keys.
func newKeys(master [32]byte) (k keys, err error) {
	var wrong error
	derive := func(use string) []byte {
		key, err := hkdf.Key(sha256.New, master[:], nil, "radagora account "+use, 32)
		wrong = errors.Join(wrong, err)
		return key
	}
	return keys{seal: derive("seal"), hash: derive("hash")}, wrong
}

// Close lets go of the list of common passwords.
func (r *Register) Close() error { return r.common.close() }

// Demonstration reports whether ready accounts can be entered without proof.
func (r *Register) Demonstration() bool { return r.o.Demonstration }

// Limits returns the numbers that hold.
func (r *Register) Limits() Limits { return r.o.Limits }

// now returns the present as the database keeps it.
func (r *Register) now() int64 { return db.Millis(r.o.Now()) }

// random returns n random bytes.
func (r *Register) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r.o.Rand, b); err != nil {
		return nil, fmt.Errorf("randomness: %w", err)
	}
	return b, nil
}

// record writes an entry about an account as part of tx.
func (r *Register) record(ctx context.Context, tx *db.Tx, actor, kind, subject string, data map[string]any) error {
	text, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return r.o.Journal.Append(ctx, tx, journal.Entry{
		Site: site.Default, At: r.o.Now(), Actor: actor, Kind: kind, Subject: subject, Data: text,
	})
}

// actor returns who asks, as the journal names them.
func actor(ctx context.Context) string {
	if id := access.From(ctx).ID; id != "" {
		return id
	}
	return "system:account"
}
