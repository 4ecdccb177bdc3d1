package account

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/site"
)

// A Passkey is a key pair on an authenticator, of which we know the public half.
type Passkey struct {
	ID         string // base64url
	Name       string // as its owner calls it
	Made, Used time.Time
	Synced     bool // its owner's other devices have it too
}

// An Offer is what a browser needs to answer a challenge (Web Authentication §5.4,
// §5.5), and what it gives back with the answer.
type Offer struct {
	Options json.RawMessage
	State   string // sealed
}

// answerTime is how long a challenge waits for its answer.
const answerTime = 5 * time.Minute

// What a challenge was asked for.
const (
	toRegister = "passkey register"
	toSignIn   = "passkey sign-in"
)

// validOrigins refuses addresses of the pages that no passkey can be made for.
func (o Options) validOrigins() error {
	for _, origin := range o.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Path != "" || u.Scheme != "https" && !local(u.Hostname()) {
			return fault.Errorf(fault.Invalid, "origin %q: write it as https://host or https://host:port", origin)
		}
	}
	return nil
}

// local reports whether a name always means this machine.
func local(host string) bool { return host == "localhost" || strings.HasSuffix(host, ".localhost") }

// rpID returns the name that passkeys are made for at an origin (§5.1.2), "" if
// there can be none: a name and TLS are needed, except on this machine.
func (r *Register) rpID(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	host := u.Hostname()
	if local(host) {
		return "localhost"
	}
	if _, err := netip.ParseAddr(host); err == nil || u.Scheme != "https" || host == "" {
		return ""
	}
	if len(r.o.Origins) == 0 {
		return host
	}
	if !slices.Contains(r.o.Origins, origin) {
		return ""
	}
	first, err := url.Parse(r.o.Origins[0])
	if err != nil || host != first.Hostname() && !strings.HasSuffix(host, "."+first.Hostname()) {
		return host
	}
	return first.Hostname()
}

// Passkeys reports whether passkeys work where a request comes from.
func (r *Register) Passkeys(ctx context.Context) bool { return r.rpID(PlaceOf(ctx).Origin) != "" }

// relying returns who relies on the passkeys of an origin.
func (r *Register) relying(ctx context.Context) (*webauthn.WebAuthn, string, error) {
	origin := PlaceOf(ctx).Origin
	id := r.rpID(origin)
	if id == "" {
		return nil, "", fault.Errorf(fault.Unsupported, "passkeys need a name and TLS: open the pages by https://, or on this machine by http://localhost")
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: id, RPDisplayName: "Radagora", RPOrigins: []string{origin},
		AttestationPreference: protocol.PreferNoAttestation,
	})
	return w, id, err
}

// An owner is an account as the library sees it.
type owner struct {
	access.User
	handle []byte
	keys   []webauthn.Credential
}

func (o owner) WebAuthnID() []byte                         { return o.handle }
func (o owner) WebAuthnName() string                       { return o.Login }
func (o owner) WebAuthnDisplayName() string                { return o.Name }
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.keys }

// state is what we have to know again when the answer comes.
type state struct {
	Data webauthn.SessionData `json:"d"`
	User string               `json:"u,omitempty"`
}

// offer seals what belongs to a challenge.
func (r *Register) offer(use, user string, options any, data *webauthn.SessionData) (Offer, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return Offer{}, err
	}
	s, err := r.seal(use, answerTime, state{Data: *data, User: user})
	return Offer{Options: text, State: s}, err
}

// OfferPasskey asks the browser of whoever is signed in to make a passkey.
func (r *Register) OfferPasskey(ctx context.Context) (Offer, error) {
	w, id, err := r.relying(ctx)
	if err != nil {
		return Offer{}, err
	}
	o, err := r.owner(ctx, access.From(ctx).ID, id)
	if err != nil {
		return Offer{}, err
	}
	required := true
	options, data, err := w.BeginRegistration(o,
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: &required,
			UserVerification: protocol.VerificationRequired,
		}),
		webauthn.WithExclusions(webauthn.Credentials(o.keys).CredentialDescriptors()))
	if err != nil {
		return Offer{}, err
	}
	return r.offer(toRegister, o.ID, options, data)
}

// mostPasskeys bounds the passkeys of an account.
const mostPasskeys = 20

// AddPasskey takes the browser's answer to OfferPasskey. Forbidden: the answer does
// not fit, came too late or twice. Conflict: the authenticator has one already.
func (r *Register) AddPasskey(ctx context.Context, stateText, name string, response []byte) error {
	w, id, err := r.relying(ctx)
	if err != nil {
		return err
	}
	var s state
	if err := r.unseal(toRegister, stateText, &s); err != nil {
		return err
	}
	if s.User == "" || s.User != access.From(ctx).ID {
		return fault.Errorf(fault.Forbidden, "passkey: asked for by another account")
	}
	o, err := r.owner(ctx, s.User, id)
	if err != nil {
		return err
	}
	if len(o.keys) >= mostPasskeys {
		return fault.Errorf(fault.Exhausted, "an account has at most %d passkeys: remove one first", mostPasskeys)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return fault.Errorf(fault.Invalid, "passkey: not an answer of a browser")
	}
	c, err := w.CreateCredential(o, s.Data, parsed)
	if err != nil {
		return fault.Errorf(fault.Forbidden, "passkey: the answer does not fit what was asked")
	}
	record, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return r.db.Write(ctx, func(tx *db.Tx) error {
		if err := r.once(ctx, tx, s.Data.Challenge); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `insert into account_passkey (credential_id, site_id, user_id, rp_id, name, record, made_at)
			values ($1, $2, $3, $4, $5, $6, $7)`, text64.EncodeToString(c.ID), site.Default, o.ID, id, keyName(name), string(record), r.now())
		if err != nil {
			return err
		}
		return r.record(ctx, tx, actor(ctx), "access.passkey.added", o.ID, map[string]any{"relying_party": id})
	})
}

// keyName returns a name of a passkey as it is kept.
func keyName(name string) string {
	name = strings.TrimSpace(strings.ToValidUTF8(name, ""))
	if name == "" {
		return "Passkey"
	}
	for utf8.RuneCountInString(name) > 60 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// AskPasskey asks the browser of anybody for a passkey, without knowing whose.
func (r *Register) AskPasskey(ctx context.Context) (Offer, error) {
	w, _, err := r.relying(ctx)
	if err != nil {
		return Offer{}, err
	}
	options, data, err := w.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return Offer{}, err
	}
	return r.offer(toSignIn, "", options, data)
}

// ByPasskey takes the browser's answer to AskPasskey and begins a session, or, if
// the owner is signed in, notes that they proved it anew. Forbidden: the answer does
// not fit, came too late or twice, or the passkey was copied.
func (r *Register) ByPasskey(ctx context.Context, stateText string, response []byte) (access.Who, error) {
	w, id, err := r.relying(ctx)
	if err != nil {
		return access.Who{}, err
	}
	var s state
	if err := r.unseal(toSignIn, stateText, &s); err != nil {
		return access.Who{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return access.Who{}, fault.Errorf(fault.Invalid, "passkey: not an answer of a browser")
	}
	var o owner
	_, c, err := w.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		o, err = r.byHandle(ctx, handle, id)
		return o, err
	}, s.Data, parsed)
	if err != nil || !o.Ended.IsZero() || c.Authenticator.CloneWarning {
		if o.ID == "" {
			return access.Who{}, refused() // nobody's: not worth an entry each
		}
		return access.Who{}, r.refuse(ctx, o.User, ByPasskey, nil)
	}
	also := func(tx *db.Tx) error { return r.used(ctx, tx, s.Data.Challenge, c) }
	now, u, err := r.current(ctx)
	if err != nil {
		return access.Who{}, err
	}
	if now.ID != "" && u.ID == o.ID {
		return u.Who(), r.again(ctx, now, ByPasskey, also)
	}
	return r.begin(ctx, o.User, ByPasskey, r.o.Now(), also)
}

// used keeps the counter of a passkey as part of tx.
func (r *Register) used(ctx context.Context, tx *db.Tx, challenge string, c *webauthn.Credential) error {
	if err := r.once(ctx, tx, challenge); err != nil {
		return err
	}
	record, err := json.Marshal(c)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `update account_passkey set record = $2, used_at = $3 where credential_id = $1`,
		text64.EncodeToString(c.ID), string(record), r.now())
	return err
}

// once lets an answer to a challenge count once, as part of tx.
func (r *Register) once(ctx context.Context, tx *db.Tx, challenge string) error {
	n, err := tx.Exec(ctx, `insert into account_used (challenge, site_id, until_at) values ($1, $2, $3) on conflict (challenge) do nothing`,
		r.keyed("challenge", challenge), site.Default, db.Millis(r.o.Now().Add(2*answerTime)))
	if err == nil && n == 0 {
		err = fault.Errorf(fault.Forbidden, "passkey: this answer was given before")
	}
	return err
}

// owner returns an account with its passkeys at a relying party, and gives it a
// handle the first time.
func (r *Register) owner(ctx context.Context, user, rp string) (owner, error) {
	u, err := r.users.User(ctx, user)
	if err != nil {
		return owner{}, err
	}
	fresh, err := r.random(32)
	if err != nil {
		return owner{}, err
	}
	var text string
	err = r.db.Write(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `insert into account_handle (user_id, site_id, handle) values ($1, $2, $3)
			on conflict (user_id) do update set site_id = account_handle.site_id returning handle`,
			user, site.Default, text64.EncodeToString(fresh)).Scan(&text)
	})
	if err != nil {
		return owner{}, err
	}
	handle, err := text64.DecodeString(text)
	if err != nil {
		return owner{}, err
	}
	keys, err := r.credentials(ctx, user, rp)
	return owner{User: u, handle: handle, keys: keys}, err
}

// byHandle returns the account that authenticators know by a handle.
func (r *Register) byHandle(ctx context.Context, handle []byte, rp string) (owner, error) {
	var user string
	err := r.db.QueryRow(ctx, `select user_id from account_handle where handle = $1`, text64.EncodeToString(handle)).Scan(&user)
	if err != nil {
		return owner{}, err
	}
	u, err := r.users.User(ctx, user)
	if err != nil {
		return owner{}, err
	}
	keys, err := r.credentials(ctx, user, rp)
	return owner{User: u, handle: bytes.Clone(handle), keys: keys}, err
}

// credentials reads the passkeys of an account as the library knows them.
func (r *Register) credentials(ctx context.Context, user, rp string) ([]webauthn.Credential, error) {
	return db.List(ctx, r.db, func(rows *db.Rows) (c webauthn.Credential, err error) {
		var record string
		if err = rows.Scan(&record); err == nil {
			err = json.Unmarshal([]byte(record), &c)
		}
		return c, err
	}, `select record from account_passkey where user_id = $1 and rp_id = $2 order by made_at`, user, rp)
}

// PasskeysOf returns the passkeys of an account, the oldest first.
func (r *Register) PasskeysOf(ctx context.Context, user string) ([]Passkey, error) {
	return db.List(ctx, r.db, func(rows *db.Rows) (k Passkey, err error) {
		var made, used int64
		var record string
		if err = rows.Scan(&k.ID, &k.Name, &made, &used, &record); err != nil {
			return k, err
		}
		var c webauthn.Credential
		err = json.Unmarshal([]byte(record), &c)
		k.Made, k.Used, k.Synced = db.FromMillis(made), db.FromMillis(used), c.Flags.BackupState
		return k, err
	}, `select credential_id, name, made_at, used_at, record from account_passkey where user_id = $1 order by made_at, credential_id`, user)
}

// NamePasskey gives a passkey of an account another name. NotFound: it has none such.
func (r *Register) NamePasskey(ctx context.Context, user, id, name string) error {
	return r.onPasskey(ctx, user, id, "access.passkey.named",
		`update account_passkey set name = $3 where credential_id = $1 and user_id = $2`, keyName(name))
}

// RemovePasskey takes a passkey from an account. NotFound: it has none such.
func (r *Register) RemovePasskey(ctx context.Context, user, id string) error {
	return r.onPasskey(ctx, user, id, "access.passkey.removed", `delete from account_passkey where credential_id = $1 and user_id = $2`)
}

// onPasskey changes a passkey.
func (r *Register) onPasskey(ctx context.Context, user, id, kind, change string, args ...any) error {
	return r.db.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, change, append([]any{id, user}, args...)...)
		if err == nil && n == 0 {
			err = fault.Errorf(fault.NotFound, "no such passkey of this account")
		}
		if err != nil {
			return err
		}
		return r.record(ctx, tx, actor(ctx), kind, user, map[string]any{})
	})
}
