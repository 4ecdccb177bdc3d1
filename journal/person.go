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

// person is how the key of someone at a site is found.
func (k keys) person(site, whom string) []byte { return k.mac("person at", site+"\n"+whom) }

// formerly is how it was found before keys belonged to a site.
func (k keys) formerly(whom string) []byte { return k.mac("person", whom) }

// person returns the key of whom at a site, and makes one for someone new. On
// PostgreSQL the key cannot be destroyed before tx ends.
func (j *Journal) person(ctx context.Context, tx *db.Tx, site, whom string) (person, error) {
	lookup := j.keys.person(site, whom)
	p, err := j.known(ctx, tx, lookup)
	if err == nil || fault.Of(err) != fault.NotFound {
		return p, err
	}
	older, err := j.known(ctx, tx, j.keys.formerly(whom))
	if err != nil && fault.Of(err) != fault.NotFound {
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
	n, err := tx.Exec(ctx, `insert into journal_person_key (key_id, lookup, wrapped, created_ms, older) values ($1, $2, $3, $4, $5)
		on conflict (lookup) do nothing`, p.keyID, lookup, wrapped, db.Millis(j.o.Now()), older.keyID)
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

// PersonKey returns what stands for someone of a site in the entries about them now.
// It is NotFound if the journal knows nothing of them.
func (j *Journal) PersonKey(ctx context.Context, site, whom string) (string, error) {
	for _, lookup := range [][]byte{j.keys.person(site, whom), j.keys.formerly(whom)} {
		var key string
		err := j.db.QueryRow(ctx, "select key_id from journal_person_key where lookup = $1", lookup).Scan(&key)
		switch {
		case err == nil:
			return key, nil
		case fault.Of(err) != fault.NotFound:
			return "", fmt.Errorf("person of the journal: %w", err)
		}
	}
	return "", fault.Errorf(fault.NotFound, "the journal knows no such person")
}

// olderKey returns what stood for somebody before a key did, "" if nothing.
func (j *Journal) olderKey(ctx context.Context, key string) (string, error) {
	var older string
	err := j.db.QueryRow(ctx, "select older from journal_person_key where key_id = $1", key).Scan(&older)
	if err != nil && fault.Of(err) != fault.NotFound {
		return "", fmt.Errorf("person of the journal: %w", err)
	}
	return older, nil
}

// Erase destroys the key of someone at the site of by as part of tx, so that no
// payload about them can ever be read again, and appends by, which says who did it and
// why; its Kind, unless given, is journal.person.erased, and its Subject becomes what
// stood for them in the entries. A key from before keys belonged to a site goes too,
// with an entry of its own. It is NotFound if the journal knows nothing of them.
//
// Copies of the database keep the key as long as they are kept.
func (j *Journal) Erase(ctx context.Context, tx *db.Tx, whom string, by Entry) error {
	if by.Kind == "" {
		by.Kind = "journal.person.erased"
	}
	var entries []Entry
	for _, lookup := range [][]byte{j.keys.person(by.Site, whom), j.keys.formerly(whom)} {
		e := by
		err := tx.QueryRow(ctx, `update journal_person_key set lookup = null, wrapped = null, created_ms = null, older = '', destroyed_ms = $1
			where lookup = $2 returning key_id`, db.Millis(j.o.Now()), lookup).Scan(&e.Subject)
		switch {
		case err == nil:
			entries = append(entries, e)
		case fault.Of(err) != fault.NotFound:
			return fmt.Errorf("erase from journal: %w", err)
		}
	}
	if len(entries) == 0 {
		return fault.Errorf(fault.NotFound, "erase from journal: no such person")
	}
	return j.Append(ctx, tx, entries...)
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
