package backup

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/google/uuid"

	"radagora/db"
	"radagora/fault"
)

// The names in a repository.
const (
	repositoryName  = "repository"   // who may write, for whom; signed
	keyName         = "key.age"      // the key of the backups, to the recipients
	identityName    = "identity.age" // the identity under a passphrase, if there is one
	erasuresName    = "erasures"     // what was erased, signed; also in each manifest
	partialName     = "partial"      // what a backup that has not ended has written
	manifestsPrefix = "manifests/"
)

// formatVersion is that of the repository: docs/format/backup.md.
const formatVersion = 1

// A repository is who may write there, and for whom.
type repository struct {
	Format     int       `json:"format"`
	ID         string    `json:"id"`
	Created    time.Time `json:"created"`
	Recipients []string  `json:"recipients"`
	Passphrase bool      `json:"passphrase"` // identity.age is there
}

// A Manifest names everything that belongs to one backup.
type Manifest struct {
	Format     int       `json:"format"`
	ID         string    `json:"id"`       // UUIDv7
	Previous   string    `json:"previous"` // the backup it shares pieces with; "" if none
	Program    string    `json:"program"`
	Recipients []string  `json:"recipients"`
	Started    time.Time `json:"started"`
	Snapshot   time.Time `json:"snapshot"` // as of when the database is
	Ended      time.Time `json:"ended"`

	Database Database  `json:"database"`
	Packs    []Pack    `json:"packs"`
	Files    []File    `json:"files"`
	Erasures []Erasure `json:"erasures"`
	Journal  Head      `json:"journal"`
	Added    int64     `json:"added"` // bytes this backup wrote

	// Elsewhere are packs that the database names and this backup does not hold.
	Elsewhere []Elsewhere `json:"elsewhere,omitempty"`
}

// Elsewhere is a pack in an object store.
type Elsewhere struct {
	Place  string `json:"place"`
	Name   string `json:"name"`
	Length int64  `json:"length"`
}

// A Database is a copy of the database: a file, or rows by table.
type Database struct {
	Engine     string           `json:"engine"`
	Migrations map[string]int64 `json:"migrations"` // version by capability
	Tables     []Table          `json:"tables"`
	File       *Content         `json:"file,omitempty"` // of SQLite
}

// A Table is a table with its rows, which SQLite has in the file.
type Table struct {
	db.Table
	Rows int64    `json:"rows"`
	Text *Content `json:"text,omitempty"` // rows as PostgreSQL's COPY writes them
}

// Content is bytes: the pieces one after the other.
type Content struct {
	Length int64   `json:"length"`
	Pieces []Piece `json:"pieces"`
}

// A Pack is a pack file.
type Pack struct {
	Name     string    `json:"name"`
	Sealed   bool      `json:"sealed"`
	Objects  int64     `json:"objects"`
	Length   int64     `json:"length"`
	Modified time.Time `json:"modified"`      // of the file, when it was copied
	Far      bool      `json:"far,omitempty"` // it was copied out of an object store
	Settled  bool      `json:"settled"`       // it was copied so long after that time that an equal time means equal bytes
	Spans    []Span    `json:"spans"`
}

// A Span is a piece of a pack with what it looked like.
type Span struct {
	Piece
	Shape []byte `json:"shape"`
}

// A File is another file of the data folder, or from outside it.
type File struct {
	Path    string `json:"path"`              // slash-separated, below the data folder
	Outside bool   `json:"outside,omitempty"` // it is put under "restored" instead
	Content
}

// A Head is the last seal of the journal in the copied database.
type Head struct {
	Seal   int64  `json:"seal"`
	Seq    int64  `json:"seq"`
	Digest []byte `json:"digest"`
}

// each calls f with every piece.
func (m *Manifest) each(f func(Piece) error) error {
	var all []*Content
	if m.Database.File != nil {
		all = append(all, m.Database.File)
	}
	for _, t := range m.Database.Tables {
		if t.Text != nil {
			all = append(all, t.Text)
		}
	}
	for i := range m.Files {
		all = append(all, &m.Files[i].Content)
	}
	for _, c := range all {
		for _, p := range c.Pieces {
			if err := f(p); err != nil {
				return err
			}
		}
	}
	for _, p := range m.Packs {
		for _, s := range p.Spans {
			if err := f(s.Piece); err != nil {
				return err
			}
		}
	}
	return nil
}

// Size returns how many bytes the pieces take in the repository, each counted once.
func (m *Manifest) Size() (bytes int64, pieces int) {
	seen := map[string]bool{}
	_ = m.each(func(p Piece) error {
		if !seen[string(p.Name)] {
			seen[string(p.Name)] = true
			bytes += p.Size
		}
		return nil
	})
	return bytes, len(seen)
}

// Objects returns how many objects the packs hold.
func (m *Manifest) Objects() (n int64) {
	for _, p := range m.Packs {
		n += p.Objects
	}
	return n
}

// signed is the first line of what is signed, before the key and the signature.
const signed = "radagora-backup 1 "

// seal signs a value and compresses it.
func (k keys) seal(what string, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", what, err)
	}
	var out bytes.Buffer
	signature := ed25519.Sign(k.sign, append([]byte(signed+what+"\n"), text...))
	fmt.Fprintf(&out, "%s%s %s %s\n", signed, what, base64.StdEncoding.EncodeToString(k.public()), base64.StdEncoding.EncodeToString(signature))
	z := gzip.NewWriter(&out)
	_, err = z.Write(text)
	err = errors.Join(err, z.Close()) // before the bytes are taken
	return out.Bytes(), err
}

// maxSigned bounds what is signed, kept and unpacked: a manifest of some 100 TB.
const maxSigned = 4 << 30

// unseal reads into v what seal wrote under one of the keys, or under any if signer
// is nil, and returns the key. Forbidden: another one signed it.
func unseal(b []byte, what string, signer ed25519.PublicKey, v any) (ed25519.PublicKey, error) {
	line, body, ok := bytes.Cut(b, []byte("\n"))
	rest, ours := strings.CutPrefix(string(line), signed+what+" ")
	public, signature, both := strings.Cut(rest, " ")
	by, err1 := base64.StdEncoding.DecodeString(public)
	sig, err2 := base64.StdEncoding.DecodeString(signature)
	if !ok || !ours || !both || err1 != nil || err2 != nil || len(by) != ed25519.PublicKeySize {
		return nil, fault.Errorf(fault.Invalid, "%s cannot be read: %w", what, errDamaged)
	}
	if signer != nil && !signer.Equal(ed25519.PublicKey(by)) {
		return nil, fault.Errorf(fault.Forbidden, "%s is signed by another installation (%s)", what, fingerprint(by))
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "%s cannot be read: %w", what, errDamaged)
	}
	text, err := io.ReadAll(io.LimitReader(z, maxSigned))
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "%s cannot be read: %w", what, errDamaged)
	}
	if !ed25519.Verify(by, append([]byte(signed+what+"\n"), text...), sig) {
		return nil, fault.Errorf(fault.Invalid, "%s was changed: its signature is wrong: %w", what, errDamaged)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fault.Errorf(fault.Invalid, "%s cannot be read: %w", what, errDamaged)
	}
	return by, nil
}

// readRepository reads who may write to the target. NotFound: it is no repository.
func readRepository(ctx context.Context, t Target, signer ed25519.PublicKey) (repository, ed25519.PublicKey, error) {
	var r repository
	b, err := readAll(ctx, t, repositoryName, 1<<20)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			err = fault.Errorf(fault.NotFound, "%s holds no repository", t)
		}
		return r, nil, err
	}
	by, err := unseal(b, "repository", signer, &r)
	if err == nil && r.Format != formatVersion {
		err = fault.Errorf(fault.Unsupported, "the repository has format %d, this program knows %d: use a newer program", r.Format, formatVersion)
	}
	return r, by, err
}

// repository opens the target for writing, and begins a repository if there is none.
func (k *Keeper) repository(ctx context.Context) (repository, error) {
	r, _, err := readRepository(ctx, k.c.Target, k.keys.public())
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return k.begin(ctx, k.c.Recipients, nil)
	case err != nil:
		return r, err
	case len(k.c.Recipients) > 0 && !same(k.c.Recipients, r.Recipients):
		k.c.Log.WarnContext(ctx, "other recipients than before: everything is written anew for them", "recipients", len(k.c.Recipients))
		return k.begin(ctx, k.c.Recipients, &r)
	}
	return r, nil
}

func same(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// begin writes who may read, and the key for them. was is nil for a new repository.
func (k *Keeper) begin(ctx context.Context, to []string, was *repository) (repository, error) {
	r := repository{Format: formatVersion, ID: db.NewID(), Created: k.c.Now().UTC(), Recipients: to}
	if was != nil {
		r.ID, r.Created = was.ID, was.Created
	}
	all, err := recipients(to)
	if err != nil {
		return r, err
	}
	if was == nil {
		for item, err := range k.c.Target.List(ctx, "") {
			if err != nil {
				return r, err
			}
			if item.Name != identityName && item.Name != keyName {
				return r, fault.Errorf(fault.Conflict, "%s is no repository and not empty (%s): name an empty folder", k.c.Target, item.Name)
			}
		}
	}
	if _, err := readAll(ctx, k.c.Target, identityName, maxIdentity); err == nil && was == nil {
		r.Passphrase = true
	}
	var locked bytes.Buffer
	w, err := age.Encrypt(&locked, all...)
	if err == nil {
		_, err = w.Write(k.keys.seed[:])
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return r, fmt.Errorf("encrypt the key of the backups: %w", err)
	}
	if err := k.c.Target.Put(ctx, keyName, &locked); err != nil {
		return r, err
	}
	b, err := k.keys.seal("repository", r)
	if err != nil {
		return r, err
	}
	if err := k.c.Target.Put(ctx, repositoryName, bytes.NewReader(b)); err != nil {
		return r, err
	}
	return r, k.c.Target.Sync(ctx)
}

// BeginWithPassphrase begins a repository whose identity is kept in it, under a
// passphrase: what is needed on the day of need is the passphrase alone. Conflict:
// there is a repository already.
func (k *Keeper) BeginWithPassphrase(ctx context.Context, passphrase string) error {
	if k.c.Target == nil {
		return errNoTarget
	}
	_, _, err := readRepository(ctx, k.c.Target, nil)
	switch {
	case err == nil:
		return fault.Errorf(fault.Conflict, "%s is a repository already", k.c.Target)
	case fault.Of(err) != fault.NotFound:
		return err
	}
	locked, recipient, err := lockIdentity(passphrase, k.c.scryptWork)
	if err != nil {
		return err
	}
	if err := k.c.Target.Put(ctx, identityName, bytes.NewReader(locked)); err != nil {
		return err
	}
	_, err = k.begin(ctx, []string{recipient}, nil)
	return err
}

// manifests reads all manifests, latest first. Those that cannot be read are passed
// over and reported, if report is not nil.
func manifests(ctx context.Context, t Target, signer ed25519.PublicKey, report func(name string, err error)) ([]*Manifest, error) {
	var all []*Manifest
	for item, err := range t.List(ctx, manifestsPrefix) {
		if err != nil {
			return nil, err
		}
		m, err := readManifest(ctx, t, strings.TrimPrefix(item.Name, manifestsPrefix), signer)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if report != nil {
				report(item.Name, err)
			}
			continue
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *Manifest) int { return strings.Compare(b.ID, a.ID) })
	return all, nil
}

// readManifest reads one, and checks that it can be used without harm.
func readManifest(ctx context.Context, t Target, id string, signer ed25519.PublicKey) (*Manifest, error) {
	if u, err := uuid.Parse(id); err != nil || u.String() != id {
		return nil, fault.Errorf(fault.Invalid, "%q is not the id of a backup", id)
	}
	b, err := readAll(ctx, t, manifestsPrefix+id, maxSigned)
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	if _, err := unseal(b, "manifest", signer, m); err != nil {
		return nil, err
	}
	if m.Format != formatVersion {
		return nil, fault.Errorf(fault.Unsupported, "backup %s has format %d, this program knows %d: use a newer program", id, m.Format, formatVersion)
	}
	if m.ID != id {
		return nil, fault.Errorf(fault.Invalid, "backup %s says it is %s: %w", id, m.ID, errDamaged)
	}
	return m, m.each(func(p Piece) error {
		if !p.valid() {
			return fault.Errorf(fault.Invalid, "backup %s: a piece of %d bytes cannot be: %w", id, p.Length, errDamaged)
		}
		return nil
	})
}
