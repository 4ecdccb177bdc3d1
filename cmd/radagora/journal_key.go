package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

// The files of the data folder that prove the journal. None of them is in the
// database, so whoever can change only that cannot change them.
const (
	signKeyFile = "journal.sign.key" // the seed of the Ed25519 key that signs heads, 32 bytes
	trustedFile = "journal.trusted"  // public keys that signed before, base64, one a line; may be absent
	headsFile   = "journal.heads"    // each head signed here, JSON, one a line
)

// signing puts the signing key, the keys before it and the witness into o.
func signing(o *journal.Options, data string) error {
	seed, err := keyFile(filepath.Join(data, signKeyFile))
	if err != nil {
		return err
	}
	o.SigningKey = ed25519.NewKeyFromSeed(seed[:])
	if o.TrustedKeys, err = trustedKeys(filepath.Join(data, trustedFile)); err != nil {
		return err
	}
	log := o.Log
	o.Witness = func(h journal.SignedHead) {
		log.Info("journal head signed", "seal", h.Seal, "seq", h.Seq, "digest", fmt.Sprintf("%x", h.Digest))
		if err := appendHead(filepath.Join(data, headsFile), h); err != nil {
			log.Warn("signed head is not kept outside the database", "error", err)
		}
	}
	return nil
}

// keyFile reads a key of 32 bytes, and makes one the first time.
func keyFile(name string) (key [32]byte, err error) {
	b, err := os.ReadFile(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := rand.Read(key[:]); err != nil {
			return key, err
		}
		return key, writeKey(name, key)
	case err != nil:
		return key, err
	case len(b) != len(key):
		return key, fault.Errorf(fault.Invalid, "%s holds %d bytes and not a key of %d: restore it from the backup", name, len(b), len(key))
	}
	return [32]byte(b), nil
}

func trustedKeys(name string) ([]ed25519.PublicKey, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	var keys []ed25519.PublicKey
	for line := range strings.FieldsSeq(string(b)) {
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, fault.Errorf(fault.Invalid, "%s: a line is no public key of %d bytes in base64", name, ed25519.PublicKeySize)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// appendHead adds a head to the file of heads and makes it durable.
func appendHead(name string, h journal.SignedHead) error {
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// keptHeads reads a file of heads; a file that is not there has none. A last line
// that was cut short by a crash is left out.
func keptHeads(name string) ([]journal.SignedHead, error) {
	f, err := os.Open(name)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		return nil, err
	}
	defer f.Close()
	var heads []journal.SignedHead
	var broken error
	for in := bufio.NewScanner(f); in.Scan(); {
		if broken != nil {
			return nil, broken
		}
		var h journal.SignedHead
		if err := json.Unmarshal(in.Bytes(), &h); err != nil {
			broken = fault.Errorf(fault.Invalid, "%s: line %d is no signed head", name, len(heads)+1)
			continue
		}
		heads = append(heads, h)
	}
	return heads, nil
}

// keptHeads returns the signed heads that stand in the data folder.
func (h *house) keptHeads() ([]journal.SignedHead, error) {
	return keptHeads(filepath.Join(h.data, headsFile))
}

// beginAnew notices that the journal has nothing although heads of one were kept:
// the database was lost, or somebody emptied it. The heads are set apart under
// another name, and the new journal says so with its first entry.
func (h *house) beginAnew(ctx context.Context) error {
	head, err := h.Journal.Head(ctx)
	if err != nil || head.Seal != 0 {
		return err
	}
	kept, err := h.keptHeads()
	if err != nil || len(kept) == 0 {
		return err
	}
	h.Log.WarnContext(ctx, "the journal begins anew: the heads of the one before are set apart", "seal", kept[len(kept)-1].Seal)
	return h.setApart(ctx, kept, nil, "journal.chain.begun")
}

// forgetLater sets the heads apart that were signed after the backup that was put
// back: what they cover is lost, and the journal says so instead of being broken for
// good. Call it before anything is sealed.
func (h *house) forgetLater(ctx context.Context) error {
	head, err := h.Journal.Head(ctx)
	if err != nil {
		return err
	}
	kept, err := h.keptHeads()
	if err != nil {
		return err
	}
	var before, later []journal.SignedHead
	for _, k := range kept {
		if k.Seal > head.Seal {
			later = append(later, k)
		} else {
			before = append(before, k)
		}
	}
	if len(later) == 0 {
		return nil
	}
	return h.setApart(ctx, later, before, "journal.chain.restored")
}

// setApart notes the last of some heads in the journal, and has the file of heads
// hold others in their place; they stand in a file beside it.
func (h *house) setApart(ctx context.Context, heads, others []journal.SignedHead, kind string) error {
	last := heads[len(heads)-1]
	data, err := json.Marshal(map[string]any{"seal": last.Seal, "seq": last.Seq, "at": last.At, "digest": hex.EncodeToString(last.Digest)})
	if err != nil {
		return err
	}
	err = h.DB.Write(ctx, func(tx *db.Tx) error {
		return h.Journal.Append(ctx, tx, journal.Entry{Site: site.Default, Actor: access.System("journal").ID, Kind: kind, Data: data})
	})
	if err != nil {
		return err
	}
	name := filepath.Join(h.data, headsFile)
	aside := name + "." + last.At.UTC().Format("20060102T150405Z")
	if err := writeHeads(aside, heads); err != nil {
		return err
	}
	if len(others) == 0 {
		err = os.Remove(name)
	} else {
		err = writeHeads(name, others)
	}
	return errors.Join(err, syncDir(h.data))
}

// writeHeads writes a file of heads so that it is there whole or not at all.
func writeHeads(name string, heads []journal.SignedHead) error {
	if err := os.Remove(name + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, h := range heads {
		if err := appendHead(name+".new", h); err != nil {
			return err
		}
	}
	return os.Rename(name+".new", name)
}
