package backup

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"radagora/blob/disk"
	"radagora/db"
	"radagora/fault"
)

// Mark is the file in a data folder that keeps the program from opening it: a
// restore has begun there and not ended.
const Mark = "restoring"

// Ready is Conflict if a restore into the data folder has not ended.
func Ready(data string) error {
	_, err := os.Stat(filepath.Join(data, Mark))
	switch {
	case err == nil:
		return fault.Errorf(fault.Conflict, `data folder %s: a restore into it has not ended: run "radagora restore" with the same --data again`, data)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return system(err)
}

// A Source is a repository opened for reading, with the secret that decrypts it.
type Source struct {
	Signer string // fingerprint of the installation that wrote it

	target Target
	signer ed25519.PublicKey
	ids    []age.Identity
	keys   keys
}

// OpenSource opens a repository. Forbidden: the secret does not open it. signer, if
// not "", is the fingerprint that must have signed it.
func OpenSource(ctx context.Context, t Target, secret Secret, signer string) (*Source, error) {
	r, by, err := readRepository(ctx, t, nil)
	if err != nil {
		return nil, err
	}
	s := &Source{target: t, signer: by, Signer: fingerprint(by)}
	if signer != "" && signer != s.Signer {
		return nil, fault.Errorf(fault.Forbidden, "the repository is signed by %s and not by %s: it may be forged", s.Signer, signer)
	}
	var locked []byte
	if r.Passphrase {
		if locked, err = readAll(ctx, t, identityName, maxIdentity); err != nil {
			return nil, err
		}
	}
	if s.ids, err = secret.open(locked); err != nil {
		return nil, err
	}
	b, err := readAll(ctx, t, keyName, maxIdentity)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(bytes.NewReader(b), s.ids...)
	if err != nil {
		return nil, fault.Errorf(fault.Forbidden, "this identity does not open the repository")
	}
	seed := make([]byte, 32)
	if _, err := io.ReadFull(plain, seed); err != nil {
		return nil, fault.Errorf(fault.Internal, "%s: %w", keyName, errDamaged)
	}
	if s.keys, err = newKeys([32]byte(seed)); err != nil {
		return nil, err
	}
	if !s.keys.public().Equal(by) {
		return nil, fault.Errorf(fault.Forbidden, "the repository is signed by another key than it holds: it may be forged")
	}
	return s, nil
}

// Backups lists the backups, latest first.
func (s *Source) Backups(ctx context.Context) ([]*Manifest, error) {
	return manifests(ctx, s.target, s.signer, nil)
}

// Backup returns the backup of that id, or the latest for "".
func (s *Source) Backup(ctx context.Context, id string) (*Manifest, error) {
	return find(ctx, s.target, s.signer, id)
}

func find(ctx context.Context, t Target, signer ed25519.PublicKey, id string) (*Manifest, error) {
	if id != "" {
		m, err := readManifest(ctx, t, id, signer)
		if err != nil && fault.Of(err) == fault.NotFound {
			err = fault.Errorf(fault.NotFound, "%s has no backup %s", t, id)
		}
		return m, err
	}
	var wrong error
	all, err := manifests(ctx, t, signer, func(name string, err error) { wrong = fmt.Errorf("%s: %w", name, err) })
	if err == nil && len(all) == 0 {
		err = wrong
		if err == nil {
			err = fault.Errorf(fault.NotFound, "%s holds no backup", t)
		}
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func (s *Source) opener(m *Manifest) (*opener, error) {
	naming, err := s.keys.naming(m.Recipients)
	return &opener{target: s.target, ids: s.ids, naming: naming}, err
}

// Erased returns what was erased since a backup was made, as far as the repository
// knows: from the list beside the manifests, and from every later backup.
func (s *Source) Erased(ctx context.Context, m *Manifest) (Erased, error) {
	beside, err := readErasures(ctx, s.target, s.signer)
	if err != nil && fault.Of(err) != fault.NotFound {
		return Erased{}, err
	}
	lists := [][]Erasure{beside}
	all, err := s.Backups(ctx)
	if err != nil {
		return Erased{}, err
	}
	for _, later := range all {
		lists = append(lists, later.Erasures)
	}
	known := map[string]bool{}
	for _, e := range m.Erasures {
		known[e.ID] = true
	}
	e := Erased{keys: s.keys}
	for _, x := range union(lists...) {
		// One that was noted while the backup ran may be in its list and not in its
		// database; erasing twice does no harm.
		if !known[x.ID] || !x.At.Before(m.Snapshot) {
			e.list = append(e.list, x)
		}
	}
	return e, nil
}

// Rooms are the migrations of the rooms by the name of their capability, without
// "db": what makes the tables of a copy that is rows.
type Rooms map[string]fs.FS

// A Restore puts a backup back.
type Restore struct {
	Source *Source
	Backup *Manifest
	Data   string // an empty folder, or none
	DSN    string // of an empty database; "" for SQLite in Data
	Rooms  Rooms
}

// SQLiteFile is the name of the database in a data folder.
const SQLiteFile = "radagora.db"

// A Restored says what Run put back.
type Restored struct {
	Packs, Files int
	Rows, Bytes  int64
	DSN          string // of the database
}

// Run restores into the folder and marks it as not ready. What an interrupted
// restore left there goes first. Conflict: the folder holds something else.
func (r *Restore) Run(ctx context.Context) (Restored, error) {
	var done Restored
	if err := r.begin(); err != nil {
		return done, err
	}
	from, err := r.Source.opener(r.Backup)
	if err != nil {
		return done, err
	}
	if done.DSN, done.Rows, err = r.database(ctx, from); err != nil {
		return done, fmt.Errorf("restore the database: %w", err)
	}
	for _, p := range r.Backup.Packs {
		if err := restorePack(ctx, from, p, filepath.Join(r.Data, packsFolder)); err != nil {
			return done, fmt.Errorf("restore the packs: %w", err)
		}
		done.Packs++
		done.Bytes += p.Length
	}
	for _, f := range r.Backup.Files {
		if err := r.file(ctx, from, f); err != nil {
			return done, fmt.Errorf("restore the data folder: %w", err)
		}
		done.Files++
		done.Bytes += f.Length
	}
	return done, system(syncDir(r.Data))
}

// begin makes the folder ready.
func (r *Restore) begin() error {
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return system(err)
	}
	entries, err := os.ReadDir(r.Data)
	if err != nil {
		return system(err)
	}
	mark := filepath.Join(r.Data, Mark)
	_, err = os.Stat(mark)
	if unfinished := err == nil; !unfinished && len(entries) > 0 {
		return fault.Errorf(fault.Conflict, "data folder %s is not empty: name a new one, nothing is ever overwritten", r.Data)
	}
	if err := os.WriteFile(mark, []byte("radagora restore "+r.Backup.ID+"\n"), 0o600); err != nil {
		return system(err)
	}
	if err := syncDir(r.Data); err != nil {
		return system(err)
	}
	for _, e := range entries {
		if e.Name() != Mark {
			if err := os.RemoveAll(filepath.Join(r.Data, e.Name())); err != nil {
				return system(err)
			}
		}
	}
	return system(os.MkdirAll(filepath.Join(r.Data, packsFolder), 0o750))
}

// Open lets the program open the folder: the mark goes. It comes last, after
// erasures were done again.
func (r *Restore) Open() error {
	if err := os.Remove(filepath.Join(r.Data, Mark)); err != nil {
		return system(err)
	}
	return system(syncDir(r.Data))
}

// Replay does erasures again that are newer than the backup: those of the journal
// here, the others by whoever knows the rooms. It returns how many there were and
// how many records went. others may be nil only if there are no others.
func (r *Restore) Replay(ctx context.Context, d *db.DB, others Erasures) (erased Erased, records int, err error) {
	if erased, err = r.Source.Erased(ctx, r.Backup); err != nil {
		return erased, 0, err
	}
	n, err := replayKeys(ctx, d, erased)
	if err != nil {
		return erased, int(n), err
	}
	rest := erased
	rest.list = nil
	for _, x := range erased.list {
		if x.Kind != JournalKey {
			rest.list = append(rest.list, x)
		}
	}
	if err := keepErasures(ctx, d, erased.list); err != nil {
		return erased, int(n), err
	}
	if len(rest.list) == 0 {
		return erased, int(n), nil
	}
	if others == nil {
		return erased, int(n), fault.Errorf(fault.Unsupported, "%d erasures are newer than the backup, and this program cannot do them again", len(rest.list))
	}
	more, err := others.Replay(ctx, rest)
	return erased, int(n) + more, err
}

// keepErasures writes the erasures into the restored database, so that its next
// backups carry them too.
func keepErasures(ctx context.Context, d *db.DB, list []Erasure) error {
	if err := d.Migrate(ctx, "backup", Migrations()); err != nil {
		return err
	}
	return d.Write(ctx, func(tx *db.Tx) error {
		for _, e := range list {
			if e.Kind == JournalKey {
				continue
			}
			_, err := tx.Exec(ctx, "insert into backup_erasure (id, site_id, at_ms, kind, mark) values ($1, $2, $3, $4, $5) on conflict (id) do nothing",
				e.ID, e.Site, db.Millis(e.At), e.Kind, e.Mark)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// database restores the database and returns its address.
func (r *Restore) database(ctx context.Context, from *opener) (dsn string, rows int64, err error) {
	dsn = r.DSN
	own := "sqlite:" + filepath.Join(r.Data, SQLiteFile)
	if dsn == "" {
		dsn = own
	}
	d := &r.Backup.Database
	switch {
	case d.Engine == Continuous && dsn == own:
		return dsn, 0, restoreStream(ctx, from, r.Backup.Snapshot, filepath.Join(r.Data, SQLiteFile))
	case d.Engine == db.SQLite && strings.HasPrefix(dsn, "sqlite:"):
		file := strings.TrimPrefix(strings.TrimPrefix(dsn, "sqlite:"), "//")
		if dsn != own {
			if _, err := os.Stat(file); err == nil {
				return dsn, 0, fault.Errorf(fault.Conflict, "database file %s exists: nothing is ever overwritten", file)
			}
		}
		if d.File == nil {
			return dsn, 0, fault.Errorf(fault.Internal, "the backup has no database file: %w", errDamaged)
		}
		for _, t := range d.Tables {
			rows += t.Rows
		}
		return dsn, rows, restoreContent(ctx, from, *d.File, file)
	case d.Engine == db.SQLite, d.Engine == Continuous:
		return dsn, 0, fault.Errorf(fault.Unsupported, "a backup of SQLite is restored as SQLite: leave --db out")
	}
	rows, err = r.load(ctx, from, dsn)
	return dsn, rows, err
}

// load makes the tables as they were and fills them.
func (r *Restore) load(ctx context.Context, from *opener, dsn string) (rows int64, err error) {
	d, err := db.Open(ctx, dsn, db.Options{SafetyCopies: -1})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if empty, err := d.Empty(ctx); err != nil || !empty {
		if err == nil && !r.unfinished(ctx, d) {
			return 0, fault.Errorf(fault.Conflict, "the database %s is not empty: name one that is, nothing is ever overwritten", db.Redact(dsn))
		}
		if err != nil {
			return 0, err
		}
	}
	if err := r.tables(ctx, d); err != nil {
		return 0, err
	}
	err = d.Load(ctx, func(l *db.Loader) error {
		for _, t := range r.Backup.Database.Tables {
			if t.Text == nil {
				continue
			}
			n, err := l.Rows(ctx, t.Table, reader(ctx, from, *t.Text))
			if err != nil {
				return err
			}
			if n != t.Rows {
				return fault.Errorf(fault.Internal, "table %s: %d rows; the backup says %d: %w", t.Name, n, t.Rows, errDamaged)
			}
			rows += n
		}
		return nil
	})
	return rows, err
}

// unfinished reports whether a database holds nothing but what a restore makes
// before it fills the tables: no seal of a journal.
func (r *Restore) unfinished(ctx context.Context, d *db.DB) bool {
	all, err := d.Migrations(ctx)
	if err != nil || len(all) == 0 {
		return false
	}
	var n int64
	err = d.QueryRow(ctx, "select count(*) from journal_installation").Scan(&n)
	return err != nil || n == 0
}

// tables migrates to the versions of the backup.
func (r *Restore) tables(ctx context.Context, d *db.DB) error {
	for name, version := range r.Backup.Database.Migrations {
		files, known := r.Rooms[name]
		if !known && name != "db" {
			return fault.Errorf(fault.Unsupported, "the backup has tables of %q, which this program does not know: use a newer program", name)
		}
		if err := d.MigrateTo(ctx, name, files, version); err != nil {
			return err
		}
	}
	return nil
}

// reader returns content as a stream.
func reader(ctx context.Context, from *opener, c Content) io.Reader {
	return &contentReader{ctx: ctx, from: from, pieces: c.Pieces}
}

type contentReader struct {
	ctx    context.Context //nolint:containedctx // an io.Reader has no other way
	from   *opener
	pieces []Piece
	rest   []byte
}

func (c *contentReader) Read(b []byte) (int, error) {
	for len(c.rest) == 0 {
		if len(c.pieces) == 0 {
			return 0, io.EOF
		}
		if err := c.ctx.Err(); err != nil {
			return 0, err
		}
		var err error
		if c.rest, err = c.from.read(c.ctx, c.pieces[0]); err != nil {
			return 0, err
		}
		c.pieces = c.pieces[1:]
	}
	n := copy(b, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// restoreContent writes a file, durably.
func restoreContent(ctx context.Context, from *opener, c Content, file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return system(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	n, err := io.Copy(w, reader(ctx, from, c))
	if err == nil {
		err = w.Flush()
	}
	if err == nil && n != c.Length {
		err = fault.Errorf(fault.Internal, "%d bytes; the backup says %d: %w", n, c.Length, errDamaged)
	}
	if err == nil {
		err = f.Sync()
	}
	return system(errors.Join(err, f.Close()))
}

// restorePack writes a pack file.
func restorePack(ctx context.Context, from *opener, p Pack, dir string) error {
	if path.Base(p.Name) != p.Name || strings.ContainsAny(p.Name, `/\`) {
		return fault.Errorf(fault.Invalid, "a pack cannot be called so: %w", errDamaged)
	}
	c := Content{Length: p.Length}
	for _, s := range p.Spans {
		c.Pieces = append(c.Pieces, s.Piece)
	}
	if err := restoreContent(ctx, from, c, filepath.Join(dir, disk.FileName(p.Name, p.Sealed))); err != nil {
		return fmt.Errorf("pack %s: %w", p.Name, err)
	}
	return nil
}

// file restores another file.
func (r *Restore) file(ctx context.Context, from *opener, f File) error {
	name := f.Path
	if f.Outside {
		name = "restored/" + name
	}
	if !filepath.IsLocal(filepath.FromSlash(name)) || name == Mark {
		return fault.Errorf(fault.Invalid, "a file cannot be called so: %w", errDamaged)
	}
	file := filepath.Join(r.Data, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return system(err)
	}
	if err := restoreContent(ctx, from, f.Content, file); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
