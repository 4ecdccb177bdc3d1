package token

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
)

// What ID tokens are signed with. RS256 is what every client knows (OpenID Connect
// Core §15.1).
const (
	signingAlgorithm = jose.RS256
	signingBits      = 2048
	idLife           = 10 * time.Minute
	published        = 24 * time.Hour // how long a key that was replaced is still shown
)

// SigningAlgorithms are those in which ID tokens are signed.
func SigningAlgorithms() []string { return []string{string(signingAlgorithm)} }

// signs reports whether ID tokens can be signed here.
func (r *Register) signs() bool { return r.o.Issuer != "" && r.o.Key != [32]byte{} }

// A signer is a key that signs.
type signer struct {
	id    string
	key   *rsa.PrivateKey
	ended int64
}

// box seals the keys.
func (r *Register) box() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, r.o.Key[:], nil, "radagora token signing", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// signers returns the keys that are shown, the one that signs first. It makes the first
// when there is none.
func (r *Register) signers(ctx context.Context) ([]signer, error) {
	all, err := r.readSigners(ctx, r.o.DB)
	if err != nil || len(all) > 0 && all[0].ended == 0 {
		return all, err
	}
	if err := r.newSigner(ctx, false); err != nil {
		return nil, err
	}
	return r.readSigners(ctx, r.o.DB)
}

func (r *Register) readSigners(ctx context.Context, q db.Querier) ([]signer, error) {
	box, err := r.box()
	if err != nil {
		return nil, err
	}
	return db.List(ctx, q, func(rows *db.Rows) (s signer, err error) {
		var sealed string
		if err = rows.Scan(&s.id, &sealed, &s.ended); err != nil {
			return s, err
		}
		b, err := base64.StdEncoding.DecodeString(sealed)
		if err != nil || len(b) < box.NonceSize() {
			return s, fault.Errorf(fault.Internal, "signing key %s is no sealed key", s.id)
		}
		plain, err := box.Open(nil, b[:box.NonceSize()], b[box.NonceSize():], []byte(s.id))
		if err != nil {
			return s, fault.Errorf(fault.Internal, "signing key %s was sealed under another key of the installation", s.id)
		}
		key, err := x509.ParsePKCS8PrivateKey(plain)
		if err != nil {
			return s, fault.Errorf(fault.Internal, "signing key %s: %w", s.id, err)
		}
		var ok bool
		if s.key, ok = key.(*rsa.PrivateKey); !ok {
			return s, fault.Errorf(fault.Internal, "signing key %s is no RSA key", s.id)
		}
		return s, nil
	}, `select key_id, sealed, ended_at from access_signing where ended_at = 0 or ended_at > $1 order by case when ended_at = 0 then 0 else 1 end, made_at desc, key_id desc`,
		db.Millis(r.o.Now().Add(-published)))
}

// newSigner makes a key that signs from now on: if there is one, only if it is to be
// replaced.
func (r *Register) newSigner(ctx context.Context, replace bool) error {
	key, err := rsa.GenerateKey(r.o.Rand, signingBits)
	if err != nil {
		return fault.Errorf(fault.Unavailable, "make a signing key: %w", err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	box, err := r.box()
	if err != nil {
		return err
	}
	id, nonce := db.NewID(), make([]byte, box.NonceSize())
	if _, err := io.ReadFull(r.o.Rand, nonce); err != nil {
		return fault.Errorf(fault.Unavailable, "no randomness for a key: %w", err)
	}
	sealed := base64.StdEncoding.EncodeToString(box.Seal(nonce, nonce, plain, []byte(id)))
	err = r.o.DB.Write(ctx, func(tx *db.Tx) error {
		now := db.Millis(r.o.Now())
		if replace {
			if _, err := tx.Exec(ctx, `update access_signing set ended_at = $1 where ended_at = 0`, now); err != nil {
				return err
			}
		}
		n, err := tx.Exec(ctx, `insert into access_signing (key_id, site_id, sealed, made_at) select $1, '', $2, cast($3 as bigint)
			where not exists (select 1 from access_signing where ended_at = 0)`, id, sealed, now)
		if err != nil || n == 0 {
			return err // another process was faster
		}
		return r.record(ctx, tx, "", "access.signing.made", id, map[string]any{"replaced": replace})
	})
	if err != nil {
		return fmt.Errorf("keep a signing key: %w", err)
	}
	return nil
}

// Renew has ID tokens signed with a new key from now on. The old one is shown for a day
// more, because apps keep what it signed.
func (r *Register) Renew(ctx context.Context) error {
	if err := access.Check(ctx, access.TokenChange, access.Subject{}); err != nil {
		return err
	}
	if !r.signs() {
		return fault.Errorf(fault.Unsupported, "this installation signs no ID tokens")
	}
	return r.newSigner(ctx, true)
}

// JWKS returns the keys with which ID tokens are checked (RFC 7517).
func (r *Register) JWKS(ctx context.Context) (jose.JSONWebKeySet, error) {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	if !r.signs() {
		return set, nil
	}
	all, err := r.signers(ctx)
	for _, s := range all {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: s.key.Public(), KeyID: s.id, Algorithm: string(signingAlgorithm), Use: "sig"})
	}
	return set, err
}

// identified adds the ID token that an app asked for.
func (r *Register) identified(ctx context.Context, app App, p Pass) (Pass, error) {
	if !slices.Contains(p.Words, OpenID) || !r.signs() {
		return p, nil
	}
	c, err := r.consentOf(ctx, r.o.DB, `consent_id = (select consent_id from access_pass where hash = $1)`, hash(p.Token))
	if err != nil {
		return Pass{}, fmt.Errorf("ID token: %w", err)
	}
	all, err := r.signers(ctx)
	if err != nil {
		return Pass{}, err
	}
	now := r.o.Now()
	claims := map[string]any{
		"iss": r.o.Issuer, "sub": c.user, "aud": app.ID, "iat": now.Unix(), "exp": now.Add(idLife).Unix(),
	}
	if c.signed != 0 {
		claims["auth_time"] = db.FromMillis(c.signed).Unix()
	}
	if c.nonce != "" {
		claims["nonce"] = c.nonce
	}
	if slices.Contains(p.Words, FHIRUser) {
		if claims["fhirUser"], err = r.FHIRUser(ctx, c.user); err != nil {
			return Pass{}, err
		}
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return Pass{}, err
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: signingAlgorithm, Key: jose.JSONWebKey{Key: all[0].key, KeyID: all[0].id}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return Pass{}, fmt.Errorf("ID token: %w", err)
	}
	signed, err := s.Sign(text)
	if err != nil {
		return Pass{}, fmt.Errorf("ID token: %w", err)
	}
	p.ID, err = signed.CompactSerialize()
	return p, err
}

// FHIRUser returns the address of the resource that stands for an account: a Person for
// a patient, a Practitioner for everybody else.
func (r *Register) FHIRUser(ctx context.Context, account string) (string, error) {
	who, err := r.o.Users.Who(ctx, account)
	if err != nil {
		return "", err
	}
	return r.o.Issuer + "/fhir/" + ResourceOf(who) + "/" + who.ID, nil
}

// ResourceOf returns the type of the resource that stands for an account.
func ResourceOf(who access.Who) string {
	if who.Patient != "" {
		return "Person"
	}
	return "Practitioner"
}
