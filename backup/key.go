package backup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"radagora/fault"
)

// KeyFile is the file in the data folder from which the keys of the backups are
// made. It opens no backup: what it is needed for is to sign manifests and to name
// pieces. Each repository holds it encrypted to the recipients.
const KeyFile = "backup.key"

// keys are made from the key of an installation's backups, one for each purpose.
type keys struct {
	seed [32]byte
	sign ed25519.PrivateKey
	mark []byte // for erasures
}

func newKeys(seed [32]byte) (k keys, err error) {
	k.seed = seed
	sign, err := derive(seed, "sign")
	if err != nil {
		return k, err
	}
	k.sign = ed25519.NewKeyFromSeed(sign)
	k.mark, err = derive(seed, "erasure")
	return k, err
}

func derive(seed [32]byte, purpose string) ([]byte, error) {
	key, err := hkdf.Key(sha256.New, seed[:], nil, "radagora backup "+purpose+" 1", 32)
	if err != nil {
		return nil, fmt.Errorf("derive keys: %w", err)
	}
	return key, nil
}

// naming returns the key that names pieces. Other recipients give other names, so
// that everything is written anew for them.
func (k keys) naming(recipients []string) ([]byte, error) {
	return derive(k.seed, "name "+strings.Join(slices.Sorted(slices.Values(recipients)), " "))
}

// public returns the key that manifests are signed with, for comparison.
func (k keys) public() ed25519.PublicKey {
	p, _ := k.sign.Public().(ed25519.PublicKey)
	return p
}

// Fingerprint names the key that signs the backups of this installation. Who writes
// it down can tell a forged repository.
func (k *Keeper) Fingerprint() string { return fingerprint(k.keys.public()) }

func fingerprint(p ed25519.PublicKey) string {
	sum := sha256.Sum256(p)
	return hex.EncodeToString(sum[:8])
}

// dataKeys reads the key in the data folder, and makes one the first time.
func dataKeys(data string) (keys, error) {
	name := filepath.Join(data, KeyFile)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		b = make([]byte, 32)
		if _, err := rand.Read(b); err != nil {
			return keys{}, err
		}
		err = writeNew(name, b)
		if errors.Is(err, fs.ErrExist) { // another process was quicker
			b, err = os.ReadFile(name)
		}
	}
	if err != nil {
		return keys{}, system(err)
	}
	if len(b) != 32 {
		return keys{}, fault.Errorf(fault.Invalid, "%s holds %d bytes and not a key of 32", name, len(b))
	}
	return newKeys([32]byte(b))
}

// writeNew writes a file that is there whole or not at all; fs.ErrExist if there
// is one already.
func writeNew(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Link(f.Name(), name)
		if err != nil && !errors.Is(err, fs.ErrExist) { // a file system without links
			err = os.Rename(f.Name(), name)
		}
	}
	if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return errors.Join(err, syncDir(filepath.Dir(name)))
}

// recipients reads public keys.
func recipients(texts []string) ([]age.Recipient, error) {
	if len(texts) == 0 {
		return nil, fault.Errorf(fault.Invalid, "no recipient: name a public key (age1…), or begin the repository with a passphrase")
	}
	all, err := age.ParseRecipients(strings.NewReader(strings.Join(texts, "\n")))
	if err != nil || len(all) != len(texts) {
		return nil, fault.Errorf(fault.Invalid, "a recipient is not a public key of age: it begins with age1")
	}
	return all, nil
}

// A Secret opens a repository: identities, or the passphrase of an identity that is
// kept encrypted.
type Secret struct {
	Identities string // the text of an identity file of age, perhaps itself encrypted; "" if there is none
	Passphrase string
}

// open returns the identities of s. kept is the encrypted identity that the
// repository holds, nil if none.
func (s Secret) open(kept []byte) ([]age.Identity, error) {
	text := []byte(s.Identities)
	if len(text) == 0 {
		text = kept
	}
	switch {
	case len(text) == 0:
		return nil, fault.Errorf(fault.Invalid, "this repository was made for public keys: name the file with the identity (AGE-SECRET-KEY-…)")
	case encrypted(text) && s.Passphrase == "":
		return nil, fault.Errorf(fault.Invalid, "the identity is protected: a passphrase is needed")
	case encrypted(text):
		plain, err := unlock(text, s.Passphrase)
		if err != nil {
			return nil, err
		}
		text = plain
	}
	all, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "the identity file cannot be read: it has lines AGE-SECRET-KEY-…")
	}
	return all, nil
}

func encrypted(text []byte) bool {
	return bytes.HasPrefix(text, []byte("age-encryption.org/")) || bytes.HasPrefix(text, []byte(armor.Header))
}

// maxIdentity bounds an identity file.
const maxIdentity = 64 << 10

// unlock decrypts an identity file with a passphrase.
func unlock(text []byte, passphrase string) ([]byte, error) {
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, fault.As(fault.Invalid, err)
	}
	var in io.Reader = bytes.NewReader(text)
	if bytes.HasPrefix(text, []byte(armor.Header)) {
		in = armor.NewReader(in)
	}
	r, err := age.Decrypt(in, id)
	if err != nil {
		return nil, fault.Errorf(fault.Forbidden, "the passphrase is wrong")
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxIdentity))
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "the identity is damaged")
	}
	return plain, nil
}

// NewIdentity makes a key pair: the identity opens backups and is kept away from
// the installation, the recipient is its public half.
func NewIdentity() (identity, recipient string, err error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", err
	}
	return id.String(), id.Recipient().String(), nil
}

// lockIdentity returns a new identity under a passphrase, and its recipient.
func lockIdentity(passphrase string, work int) (locked []byte, recipient string, err error) {
	if len(passphrase) < minPassphrase {
		return nil, "", fault.Errorf(fault.Invalid, "a passphrase has at least %d bytes: six words taken at random are a good one", minPassphrase)
	}
	identity, recipient, err := NewIdentity()
	if err != nil {
		return nil, "", err
	}
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, "", fault.As(fault.Invalid, err)
	}
	if work > 0 {
		r.SetWorkFactor(work)
	}
	var b bytes.Buffer
	w, err := age.Encrypt(&b, r)
	if err == nil {
		_, err = io.WriteString(w, identity+"\n")
	}
	if err == nil {
		err = w.Close()
	}
	return b.Bytes(), recipient, err
}

// minPassphrase is how short a passphrase may be: everything rests on it.
const minPassphrase = 12

// mac names a piece, or marks an erasure.
func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		_, _ = h.Write(p)
	}
	return h.Sum(nil)
}

// readAll reads a small thing of the target.
func readAll(ctx context.Context, t Target, name string, most int64) ([]byte, error) {
	r, err := t.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, system(err)
	}
	if int64(len(b)) > most {
		return nil, fault.Errorf(fault.Invalid, "%s has more than %d bytes", name, most)
	}
	return b, nil
}
