package journal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"

	"radagora/db"
	"radagora/fault"
)

// keys are made from the installation key, one for each purpose.
type keys struct{ wrap, lookup []byte }

func newKeys(master [32]byte) (k keys, err error) {
	if k.wrap, err = hkdf.Key(sha256.New, master[:], nil, "radagora journal wrap 1", 32); err != nil {
		return k, fmt.Errorf("derive keys: %w", err)
	}
	if k.lookup, err = hkdf.Key(sha256.New, master[:], nil, "radagora journal lookup 1", 32); err != nil {
		return k, fmt.Errorf("derive keys: %w", err)
	}
	return k, nil
}

func (k keys) mac(label, text string) []byte {
	h := hmac.New(sha256.New, k.lookup)
	h.Write([]byte(label + "\n" + text))
	return h.Sum(nil)
}

// proof shows that two processes have the same installation key.
func (k keys) proof() []byte { return k.mac("proof", "") }

// A person is how the journal knows someone.
type person struct {
	keyID string
	key   []byte
}

// person returns the key of whom, and makes one for someone new. On PostgreSQL
// the key cannot be destroyed before tx ends.
func (j *Journal) person(ctx context.Context, tx *db.Tx, whom string) (person, error) {
	lookup := j.keys.mac("person", whom)
	p, err := j.known(ctx, tx, lookup)
	if err == nil || fault.Of(err) != fault.NotFound {
		return p, err
	}
	p = person{keyID: db.NewID(), key: make([]byte, 32)}
	if _, err := io.ReadFull(j.o.Rand, p.key); err != nil {
		return p, fmt.Errorf("make key: %w", err)
	}
	wrapped, err := encrypt(j.o.Rand, j.keys.wrap, p.key, p.keyID)
	if err != nil {
		return p, err
	}
	n, err := tx.Exec(ctx, `insert into journal_person_key (key_id, lookup, wrapped, created_ms) values ($1, $2, $3, $4)
		on conflict (lookup) do nothing`, p.keyID, lookup, wrapped, db.Millis(j.o.Now()))
	if err == nil && n == 0 { // someone else has just made it
		return j.known(ctx, tx, lookup)
	}
	return p, err
}

func (j *Journal) known(ctx context.Context, tx *db.Tx, lookup []byte) (person, error) {
	var p person
	var wrapped []byte
	err := tx.QueryRow(ctx, "select key_id, wrapped from journal_person_key where lookup = $1 "+tx.ForShare(), lookup).Scan(&p.keyID, &wrapped)
	if err == nil {
		p.key, err = decrypt(j.keys.wrap, wrapped, p.keyID)
	}
	return p, err
}

// PersonKey returns what stands for someone in the entries about them. It is NotFound
// if the journal knows nothing of them.
func (j *Journal) PersonKey(ctx context.Context, whom string) (string, error) {
	var key string
	err := j.db.QueryRow(ctx, "select key_id from journal_person_key where lookup = $1", j.keys.mac("person", whom)).Scan(&key)
	switch {
	case err == nil:
		return key, nil
	case fault.Of(err) == fault.NotFound:
		return "", fault.Errorf(fault.NotFound, "the journal knows no such person")
	}
	return "", fmt.Errorf("person of the journal: %w", err)
}

// Erase destroys the key of someone as part of tx, so that no payload about them
// can ever be read again, and appends by, which says who did it and why; its Kind,
// unless given, is journal.person.erased, and its Subject becomes what PersonKey
// was in the entries. It is NotFound if the journal knows nothing of them.
//
// Copies of the database keep the key as long as they are kept.
func (j *Journal) Erase(ctx context.Context, tx *db.Tx, whom string, by Entry) error {
	var keyID string
	err := tx.QueryRow(ctx, `update journal_person_key set lookup = null, wrapped = null, created_ms = null, destroyed_ms = $1
		where lookup = $2 returning key_id`, db.Millis(j.o.Now()), j.keys.mac("person", whom)).Scan(&keyID)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			return fault.Errorf(fault.NotFound, "erase from journal: no such person")
		}
		return fmt.Errorf("erase from journal: %w", err)
	}
	if by.Kind == "" {
		by.Kind = "journal.person.erased"
	}
	by.Subject = keyID
	return j.Append(ctx, tx, by)
}

// encrypt returns a nonce and text under AES-256-GCM; about binds it to its place.
func encrypt(random io.Reader, key, text []byte, about string) ([]byte, error) {
	a, err := aead(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, a.NonceSize(), a.NonceSize()+len(text)+a.Overhead())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return nil, fmt.Errorf("make nonce: %w", err)
	}
	return a.Seal(nonce, nonce, text, []byte(about)), nil
}

// decrypt is the reverse of encrypt.
func decrypt(key, b []byte, about string) ([]byte, error) {
	a, err := aead(key)
	if err != nil {
		return nil, err
	}
	if len(b) < a.NonceSize() {
		return nil, fault.Errorf(fault.Internal, "decrypt: %d bytes are too few", len(b))
	}
	text, err := a.Open(nil, b[:a.NonceSize()], b[a.NonceSize():], []byte(about))
	if err != nil {
		return nil, fault.Errorf(fault.Internal, "decrypt: changed, or another key")
	}
	return text, nil
}

func aead(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	return cipher.NewGCM(block)
}
