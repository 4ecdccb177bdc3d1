package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"radagora/blob/disk"
	"radagora/db"
	"radagora/fault"
)

// leaseName keeps two processes from making backups at once.
const leaseName = "backup"

// leaseTTL is how long a backup waits for one that was killed.
const leaseTTL = 10 * time.Second

// Run makes a backup now and returns its manifest. Writers go on meanwhile. What it
// came to is recorded, and prune follows if a policy is set. An error leaves the
// former backups whole; what was written already serves the next run.
func (k *Keeper) Run(ctx context.Context) (*Manifest, error) {
	return k.runIf(ctx, func() (bool, error) { return true, nil })
}

// runIf is Run if it is still wanted when it is this process's turn.
func (k *Keeper) runIf(ctx context.Context, wanted func() (bool, error)) (*Manifest, error) {
	if k.c.Target == nil {
		return nil, errNoTarget
	}
	var m *Manifest
	err := k.alone(ctx, func(ctx context.Context) error {
		started := k.c.Now()
		if yes, err := wanted(); !yes || err != nil {
			return err
		}
		var err error
		m, err = k.run(ctx)
		if recorded := k.record(context.WithoutCancel(ctx), runOf(m, started, err), "run"); err == nil {
			err = recorded
		}
		if err == nil && k.c.Keep != (Policy{}) {
			_, err = k.prune(ctx, k.c.Keep)
		}
		return err
	})
	return m, err
}

// alone runs fn while no other process makes a backup.
func (k *Keeper) alone(ctx context.Context, fn func(context.Context) error) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	l, err := k.c.DB.Lease(ctx, leaseName, fmt.Sprintf("%s/%d", host, os.Getpid()), leaseTTL)
	if err != nil {
		return fmt.Errorf("wait for another backup to end: %w", err)
	}
	err = fn(l.Context())
	if released := l.Release(context.WithoutCancel(ctx)); err == nil {
		err = released
	}
	return err
}

// attempts is how often a backup begins again because a pack was compacted away
// under it.
const attempts = 3

// Copy makes a backup without a word in the database, which it only reads: before
// an update, when the tables are not what this program takes them for.
func Copy(ctx context.Context, c Config) (*Manifest, error) {
	if c.Target == nil {
		return nil, errNoTarget
	}
	k, err := open(c)
	if err != nil {
		return nil, err
	}
	return k.run(ctx)
}

func (k *Keeper) run(ctx context.Context) (*Manifest, error) {
	repo, err := k.repository(ctx)
	if err != nil {
		return nil, fmt.Errorf("repository %s: %w", k.c.Target, err)
	}
	if err := k.c.Target.Tidy(ctx); err != nil {
		return nil, fmt.Errorf("repository %s: %w", k.c.Target, err)
	}
	for n := 1; ; n++ {
		r, err := k.newRun(ctx, repo)
		if err != nil {
			return nil, err
		}
		err = r.all(ctx)
		if err == nil {
			return r.m, nil
		}
		r.leave(context.WithoutCancel(ctx))
		if !errors.Is(err, errVanished) || n == attempts {
			return nil, err
		}
	}
}

// errVanished says that a pack went away between two looks.
var errVanished = errors.New("a pack was compacted meanwhile")

// A run is a backup in the making.
type run struct {
	*Keeper
	m     *Manifest
	last  *Manifest // the backup before, nil if none or for other recipients
	store *store
	saved time.Time // when the last note of what is written was left
}

func (k *Keeper) newRun(ctx context.Context, repo repository) (*run, error) {
	all, err := manifests(ctx, k.c.Target, k.keys.public(), func(name string, err error) {
		k.c.Log.ErrorContext(ctx, "manifest cannot be read", "name", name, "error", err)
	})
	if err != nil {
		return nil, err
	}
	to, err := recipients(repo.Recipients)
	if err != nil {
		return nil, err
	}
	naming, err := k.keys.naming(repo.Recipients)
	if err != nil {
		return nil, err
	}
	known := map[string]Piece{}
	r := &run{Keeper: k, saved: k.c.Now()}
	for _, m := range all {
		if r.last == nil && same(m.Recipients, repo.Recipients) {
			r.last = m
		}
		_ = m.each(func(p Piece) error { known[string(p.Name)] = p; return nil })
	}
	if tail, err := readTail(ctx, k.c.Target, k.keys.public()); err == nil {
		_ = tail.each(func(p Piece) error { known[string(p.Name)] = p; return nil })
		if same(tail.Recipients, repo.Recipients) && r.last == nil {
			r.last = tail
		}
	}
	for _, p := range k.partial(ctx) {
		if _, twice := known[string(p.Name)]; !twice && p.valid() {
			known[string(p.Name)] = p
		}
	}
	if err := onlyThere(ctx, k.c.Target, known); err != nil {
		return nil, err
	}
	r.store = newStore(k.c.Target, to, naming, known)
	r.m = &Manifest{
		Format: formatVersion, ID: db.NewID(), Program: k.c.Program, Recipients: repo.Recipients, Started: k.c.Now().UTC(),
	}
	if r.last != nil {
		r.m.Previous = r.last.ID
	}
	return r, nil
}

// onlyThere takes out of known what the target does not have in that size, so that
// it is written again: a piece that was lost heals with the next backup.
func onlyThere(ctx context.Context, t Target, known map[string]Piece) error {
	sizes := make(map[string]int64, len(known))
	for item, err := range t.List(ctx, piecesPrefix) {
		if err != nil {
			return err
		}
		sizes[item.Name] = item.Size
	}
	for name, p := range known {
		if sizes[p.file()] != p.Size {
			delete(known, name)
		}
	}
	return nil
}

// all copies everything, in the order that keeps it whole, and writes the manifest.
func (r *run) all(ctx context.Context) error {
	before, err := disk.Stands(r.packs())
	if err != nil {
		return fmt.Errorf("packs: %w", err)
	}
	if err := r.database(ctx); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	if err := r.allPacks(ctx, before); err != nil {
		return fmt.Errorf("copy the packs: %w", err)
	}
	if err := r.farPacks(ctx); err != nil {
		return fmt.Errorf("packs in the object store: %w", err)
	}
	if err := r.allFiles(ctx); err != nil {
		return fmt.Errorf("copy the data folder: %w", err)
	}
	if err := r.store.wait(); err != nil {
		return err
	}
	if r.m.Erasures, err = r.erasures(ctx); err != nil {
		return fmt.Errorf("list of erasures: %w", err)
	}
	r.m.Added = r.store.added
	r.m.Ended = r.c.Now().UTC()
	return r.publish(ctx)
}

func (k *Keeper) packs() string { return filepath.Join(k.c.Data, packsFolder) }

// packsFolder is where the packs are in the data folder.
const packsFolder = "packs"

// publish makes the backup count.
func (r *run) publish(ctx context.Context) error {
	if err := r.c.Target.Sync(ctx); err != nil {
		return fmt.Errorf("write to %s: %w", r.c.Target, err)
	}
	if err := r.writeErasures(ctx, r.m.Erasures); err != nil {
		return err
	}
	b, err := r.keys.seal("manifest", r.m)
	if err != nil {
		return err
	}
	if err := r.c.Target.Put(ctx, manifestsPrefix+r.m.ID, bytes.NewReader(b)); err != nil {
		return fmt.Errorf("write to %s: %w", r.c.Target, err)
	}
	if err := r.c.Target.Sync(ctx); err != nil {
		return fmt.Errorf("write to %s: %w", r.c.Target, err)
	}
	_, err = r.sweep(ctx)
	return err
}

// A partial lists pieces that no manifest names yet.
type partial struct {
	Pieces []Piece `json:"pieces"`
}

// leave notes what was written, so that the next run need not write it again.
func (r *run) leave(ctx context.Context) {
	r.store.mu.Lock()
	var p partial
	for _, piece := range r.store.fresh {
		p.Pieces = append(p.Pieces, piece)
	}
	r.store.mu.Unlock()
	r.saved = r.c.Now()
	if len(p.Pieces) == 0 {
		return
	}
	b, err := r.keys.seal("partial", p)
	if err == nil {
		err = r.c.Target.Put(ctx, partialName, bytes.NewReader(b))
	}
	if err != nil {
		r.c.Log.WarnContext(ctx, "note of an unfinished backup", "error", err)
	}
}

// partial reads that note; one that cannot be read is as good as none.
func (k *Keeper) partial(ctx context.Context) []Piece {
	b, err := readAll(ctx, k.c.Target, partialName, maxSigned)
	if err != nil {
		return nil
	}
	var p partial
	if _, err := unseal(b, "partial", k.keys.public(), &p); err != nil {
		return nil
	}
	return p.Pieces
}

// put keeps b and appends it to c once all is kept: the place is taken now.
func (r *run) put(ctx context.Context, p *Piece, b []byte, done func()) error {
	if r.c.Now().Sub(r.saved) > time.Minute {
		r.leave(ctx)
	}
	return r.store.put(ctx, p, b, done)
}

// A cutter cuts a stream into pieces. Where a cut is worth it, a row boundary whose
// place depends on the rows alone, the caller says.
type cutter struct {
	r      *run
	ctx    context.Context //nolint:containedctx // an io.Writer has no other way
	size   int
	buf    []byte
	pieces []*Piece
	length int64
}

// buffers hold what is to be kept.
var buffers sync.Pool

func (c *cutter) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		if c.buf == nil {
			c.buf, _ = buffers.Get().([]byte)
			c.buf = c.buf[:0]
		}
		part := min(len(b), c.size-len(c.buf))
		c.buf = append(c.buf, b[:part]...)
		b = b[part:]
		if len(c.buf) == c.size {
			if err := c.cut(); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// cut ends the piece.
func (c *cutter) cut() error {
	if len(c.buf) == 0 {
		return nil
	}
	p, b := &Piece{}, c.buf
	c.pieces = append(c.pieces, p)
	c.length += int64(len(b))
	c.buf = nil
	return c.r.put(c.ctx, p, b, func() { buffers.Put(b) }) //nolint:staticcheck // SA6002: one slice header a piece
}

// content returns what was cut, whole once the store's wait returned nil.
func (c *cutter) content() (func() *Content, error) {
	err := c.cut()
	return func() *Content {
		out := &Content{Length: c.length, Pieces: make([]Piece, 0, len(c.pieces))}
		for _, p := range c.pieces {
			out.Pieces = append(out.Pieces, *p)
		}
		return out
	}, err
}

// database copies the database as it is now.
func (r *run) database(ctx context.Context) error {
	r.m.Snapshot = r.c.Now().UTC()
	var fill []func()
	err := r.c.DB.Snapshot(ctx, func(s *db.Snapshot) error {
		d := &r.m.Database
		d.Engine = s.Engine()
		var err error
		if d.Migrations, err = s.Migrations(ctx); err != nil {
			return err
		}
		tables, err := s.Tables(ctx)
		if err != nil {
			return err
		}
		if r.m.Journal, err = journalHead(ctx, s, tables); err != nil {
			return err
		}
		d.Tables = make([]Table, 0, len(tables))
		for _, t := range tables {
			d.Tables = append(d.Tables, Table{Table: t})
		}
		if d.Engine == db.SQLite {
			fill, err = r.file(ctx, s, d)
			return err
		}
		fill, err = r.rows(ctx, s, d)
		return err
	})
	if err == nil {
		err = r.store.wait()
	}
	for _, f := range fill {
		f()
	}
	return err
}

// file copies a SQLite database, page by page: what did not change is in the
// pieces of the last backup.
func (r *run) file(ctx context.Context, s *db.Snapshot, d *Database) ([]func(), error) {
	for i := range d.Tables {
		n, err := s.Count(ctx, d.Tables[i].Name)
		if err != nil {
			return nil, err
		}
		d.Tables[i].Rows = n
	}
	c := &cutter{r: r, ctx: ctx, size: r.c.pieceSize}
	if err := s.WriteFile(ctx, c); err != nil {
		return nil, err
	}
	content, err := c.content()
	return []func(){func() { d.File = content() }}, err
}

// rows copies a PostgreSQL database, table by table. Version tables stay away:
// restoring makes them.
func (r *run) rows(ctx context.Context, s *db.Snapshot, d *Database) (fill []func(), err error) {
	d.Tables = slices.DeleteFunc(d.Tables, func(t Table) bool { return strings.HasPrefix(t.Name, "migration_") })
	for i := range d.Tables {
		t := &d.Tables[i]
		c := &rowCutter{cutter: cutter{r: r, ctx: ctx, size: r.c.pieceSize * 4}}
		if t.Rows, err = s.WriteRows(ctx, t.Table, c); err != nil {
			return nil, err
		}
		content, err := c.content()
		if err != nil {
			return nil, err
		}
		fill = append(fill, func() { t.Text = content() })
	}
	return fill, nil
}

// A rowCutter cuts behind a row whose checksum says so, so that rows that come or
// change move no cut but the nearest.
type rowCutter struct {
	cutter
	sum uint32 // of the row so far
}

func (c *rowCutter) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n') + 1
		row := b[:max(i, 0)]
		if i == 0 {
			row = b
		}
		for _, x := range row { // FNV-1a
			c.sum = (c.sum ^ uint32(x)) * 16777619
		}
		if _, err := c.cutter.Write(row); err != nil {
			return 0, err
		}
		b = b[len(row):]
		if i == 0 {
			break
		}
		if len(c.buf) >= c.size/8 && c.sum>>16%256 == 0 {
			if err := c.cut(); err != nil {
				return 0, err
			}
		}
		c.sum = 2166136261
	}
	return n, nil
}

// journalHead reads the last seal.
func journalHead(ctx context.Context, s *db.Snapshot, tables []db.Table) (Head, error) {
	if !slices.ContainsFunc(tables, func(t db.Table) bool { return t.Name == "journal_seal" }) {
		return Head{}, nil
	}
	var h Head
	err := s.QueryRow(ctx, "select number, last_seq, digest from journal_seal order by number desc limit 1", &h.Seal, &h.Seq, &h.Digest)
	if err != nil && fault.Of(err) == fault.NotFound {
		return Head{}, nil
	}
	return h, err
}

// allFiles copies the rest of the data folder.
func (r *run) allFiles(ctx context.Context) error {
	var fill []func()
	add := func(name, file string, outside bool) error {
		f, err := os.Open(file)
		if errors.Is(err, fs.ErrNotExist) && !outside {
			return nil // gone meanwhile
		}
		if err != nil {
			return system(err)
		}
		defer f.Close()
		c := &cutter{r: r, ctx: ctx, size: r.c.pieceSize}
		if _, err := f.WriteTo(c); err != nil {
			return system(err)
		}
		content, err := c.content()
		fill = append(fill, func() { r.m.Files = append(r.m.Files, File{Path: name, Outside: outside, Content: *content()}) })
		return err
	}
	err := fs.WalkDir(os.DirFS(r.c.Data), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return system(err)
		case d.IsDir() && (name == packsFolder || name != "." && strings.HasPrefix(path.Base(name), ".")):
			return fs.SkipDir
		case !d.Type().IsRegular() || r.skipped(name):
			return nil
		}
		return add(name, filepath.Join(r.c.Data, filepath.FromSlash(name)), false)
	})
	for _, file := range r.c.Also {
		if err == nil {
			err = add(filepath.Base(file), file, true)
		}
	}
	if err == nil {
		err = r.store.wait()
	}
	for _, f := range fill {
		f()
	}
	return err
}

// skipped reports whether a file is not copied: temporary ones, and what Skip says.
func (k *Keeper) skipped(name string) bool {
	if base := path.Base(name); strings.HasPrefix(base, ".") {
		return true
	}
	return slices.ContainsFunc(k.c.Skip, func(pattern string) bool {
		match, err := path.Match(pattern, name)
		return match || err != nil
	})
}

// record writes down in the database what a run came to.
func (k *Keeper) record(ctx context.Context, run Run, kind string) error {
	err := k.write(ctx, run, kind)
	if err != nil {
		k.c.Log.ErrorContext(ctx, "record of a backup", "error", err)
		return fmt.Errorf("record the backup: %w", err)
	}
	return nil
}

// runOf says what a run came to.
func runOf(m *Manifest, started time.Time, err error) Run {
	r := Run{ID: db.NewID(), Started: started, Good: err == nil}
	if err != nil {
		r.Error = err.Error()
	}
	if m != nil {
		r.Backup, r.Snapshot, r.Added = m.ID, m.Snapshot, m.Added
		r.Bytes, _ = m.Size()
		rows := int64(0)
		for _, t := range m.Database.Tables {
			rows += t.Rows
		}
		r.Proved, _ = json.Marshal(map[string]any{"rows": rows, "objects": m.Objects(), "packs": len(m.Packs)})
	}
	return r
}
