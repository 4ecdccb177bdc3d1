package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/benbjohnson/litestream"
	"github.com/superfly/ltx"

	"radagora/blob"
	"radagora/blob/disk"
	"radagora/db"
	"radagora/fault"
)

// Continuous is the engine of a database that is copied commit by commit, as a
// manifest names it.
const Continuous = "sqlite-continuous"

const (
	tailName         = "tail"        // the manifest of packs and files that belongs to the continuous copy
	tailedName       = "tailed"      // up to when
	continuousPrefix = "continuous/" // the database, by Litestream
	continuousKey    = "continuous.key"
)

// A tailed says up to when the packs beside a continuous copy go. The database is
// restored as of then, so that no row names an object that was not copied yet.
type tailed struct {
	Tail string    `json:"tail"` // id of the manifest
	Time time.Time `json:"time"`
}

// A Stream copies an installation on SQLite continuously: each commit within about
// a second, packs and files every Every. It has a repository of its own, which no
// other backup may use.
type Stream struct {
	Keeper *Keeper
	File   string        // of the database
	Every  time.Duration // 0 means 10 s
	Keep   time.Duration // for how long it can be restored as of an earlier instant; 0 means 48 h
}

// Run copies until ctx ends.
func (s *Stream) Run(ctx context.Context) error {
	k := s.Keeper
	if k.c.DB.Engine() != db.SQLite {
		return fault.Errorf(fault.Unsupported, "only SQLite is copied continuously: for PostgreSQL use its own replication beside scheduled backups")
	}
	repo, err := k.repository(ctx)
	if err != nil {
		return fmt.Errorf("repository %s: %w", k.c.Target, err)
	}
	own, err := continuousIdentity(k.c.Data)
	if err != nil {
		return err
	}
	to, err := recipients(repo.Recipients)
	if err != nil {
		return err
	}
	client := newLTX(k.c.Target, append(to, own.Recipient()), []age.Identity{own})
	stop, err := s.replicate(client)
	if err != nil {
		return err
	}
	every := s.Every
	if every == 0 {
		every = 10 * time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	t := &tailer{k: k, repo: repo}
	for ctx.Err() == nil {
		if err := t.step(ctx); err != nil && ctx.Err() == nil {
			k.c.Log.ErrorContext(ctx, "continuous backup of packs", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(stop(late), t.step(late))
}

// replicate starts Litestream.
func (s *Stream) replicate(client *ltxClient) (stop func(context.Context) error, err error) {
	log := s.Keeper.c.Log.With("part", "litestream")
	d := litestream.NewDB(s.File)
	d.SetMetaPath(filepath.Join(s.Keeper.c.Data, ".continuous", fingerprint([]byte(client.target.String()))))
	r := litestream.NewReplicaWithClient(d, client)
	r.AutoRecoverEnabled = true
	d.Replica = r
	store := litestream.NewStore([]*litestream.DB{d}, litestream.DefaultCompactionLevels)
	store.Logger = log
	d.SetLogger(log)
	store.SnapshotInterval = 24 * time.Hour
	if store.SnapshotRetention = s.Keep; s.Keep == 0 {
		store.SnapshotRetention = 48 * time.Hour
	}
	if err := store.Open(context.Background()); err != nil {
		return nil, fault.Errorf(fault.Unavailable, "continuous backup of the database: %w", err)
	}
	return store.Close, nil
}

// continuousIdentity reads the key with which the installation reads its own
// continuous copy back: Litestream merges files. It opens that copy only, whose
// database lies beside the key anyway.
func continuousIdentity(data string) (*age.X25519Identity, error) {
	name := filepath.Join(data, continuousKey)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, err
		}
		return id, system(writeNew(name, []byte(id.String()+"\n")))
	}
	if err != nil {
		return nil, system(err)
	}
	id, err := age.ParseX25519Identity(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "%s cannot be read as a key", name)
	}
	return id, nil
}

// A tailer copies packs and files after the database.
type tailer struct {
	k      *Keeper
	repo   repository
	last   *Manifest
	seen   []disk.Stand // of last
	far    []blob.Pack  // of last
	looked time.Time    // when the object store was asked last
}

// farLook is after how long the object store is asked again although nothing changed in
// the data folder: only what is removed or merged there does not show in that.
const farLook = 10 * time.Minute

// step copies what is new, and says up to when.
func (t *tailer) step(ctx context.Context) error {
	began := t.k.c.Now()
	now, err := disk.Stands(t.k.packs())
	if err != nil {
		return err
	}
	erasures, err := t.k.erasures(ctx)
	if err != nil {
		return err
	}
	same := t.last != nil && slices.Equal(now, t.seen) && len(erasures) == len(t.last.Erasures) &&
		!slices.ContainsFunc(t.last.Packs, func(p Pack) bool { return !p.Settled })
	far := t.far
	if t.k.c.Far != nil && (!same || began.Sub(t.looked) >= farLook) {
		if far, err = listed(ctx, t.k.c.Far); err != nil {
			return err
		}
		t.looked = began
		same = same && slices.EqualFunc(far, t.far, func(a, b blob.Pack) bool {
			return a.Name == b.Name && a.Size == b.Size && a.Modified.Equal(b.Modified)
		})
	}
	if !same {
		if err := t.copy(ctx, now, far, erasures); err != nil {
			return err
		}
	}
	b, err := t.k.keys.seal("tailed", tailed{t.last.ID, began.UTC()})
	if err != nil {
		return err
	}
	if err := t.k.c.Target.Put(ctx, tailedName, bytes.NewReader(b)); err != nil {
		return err
	}
	return t.k.c.Target.Sync(ctx)
}

func (t *tailer) copy(ctx context.Context, now []disk.Stand, far []blob.Pack, erasures []Erasure) error {
	r, err := t.k.newRun(ctx, t.repo)
	if err != nil {
		return err
	}
	if t.last != nil {
		r.last = t.last
		_ = t.last.each(func(p Piece) error { r.store.known[string(p.Name)] = p; return nil })
	}
	r.m.Database = Database{Engine: Continuous}
	r.m.Snapshot = t.k.c.Now().UTC()
	if err := r.allPacks(ctx, now); err != nil {
		return err
	}
	if err := r.farPacksOf(ctx, far); err != nil {
		return err
	}
	if err := r.allFiles(ctx); err != nil {
		return err
	}
	r.m.Erasures, r.m.Added, r.m.Ended = erasures, r.store.added, t.k.c.Now().UTC()
	b, err := t.k.keys.seal("manifest", r.m)
	if err != nil {
		return err
	}
	if err := r.c.Target.Sync(ctx); err != nil {
		return err
	}
	if err := r.writeErasures(ctx, erasures); err != nil {
		return err
	}
	if err := r.c.Target.Put(ctx, tailName, bytes.NewReader(b)); err != nil {
		return err
	}
	if err := r.c.Target.Sync(ctx); err != nil {
		return err
	}
	t.last, t.seen, t.far = r.m, now, far
	_, err = t.k.sweep(ctx)
	return err
}

// Tail returns the continuous copy as a backup, as of the last instant that is
// whole. NotFound: the repository has none.
func (s *Source) Tail(ctx context.Context) (*Manifest, error) {
	var at tailed
	b, err := readAll(ctx, s.target, tailedName, 1<<20)
	if err == nil {
		_, err = unseal(b, "tailed", s.signer, &at)
	}
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			err = fault.Errorf(fault.NotFound, "%s holds no continuous copy", s.target)
		}
		return nil, err
	}
	m, err := readTail(ctx, s.target, s.signer)
	if err != nil {
		return nil, err
	}
	if m.ID == at.Tail {
		m.Snapshot = at.Time
	}
	return m, nil
}

func readTail(ctx context.Context, t Target, signer []byte) (*Manifest, error) {
	b, err := readAll(ctx, t, tailName, maxSigned)
	if err != nil {
		return nil, err
	}
	m := &Manifest{}
	_, err = unseal(b, "manifest", signer, m)
	return m, err
}

// restoreStream restores a continuous copy of the database as of an instant.
func restoreStream(ctx context.Context, from *opener, at time.Time, file string) error {
	client := newLTX(from.target, nil, from.ids)
	d := litestream.NewDB(file) // only lends its logger
	d.SetLogger(slog.New(slog.DiscardHandler))
	r := litestream.NewReplicaWithClient(d, client)
	o := litestream.NewRestoreOptions()
	o.OutputPath, o.Timestamp, o.IntegrityCheck = file, at, litestream.IntegrityCheckFull
	if err := r.Restore(ctx, o); err != nil {
		return fault.As(fault.Of(err), fmt.Errorf("continuous copy as of %s: %w", at.Format(time.RFC3339), err))
	}
	return nil
}

// An ltxClient keeps Litestream's files in a target, encrypted. A file is called
// continuous/LEVEL/MIN-MAX-TIME-HEADER: transactions in hexadecimal, milliseconds,
// and the size of what age puts before the bytes, from which their number follows.
type ltxClient struct {
	target Target
	to     []age.Recipient
	ids    []age.Identity
}

var _ litestream.ReplicaClient = (*ltxClient)(nil)

func newLTX(t Target, to []age.Recipient, ids []age.Identity) *ltxClient {
	return &ltxClient{target: t, to: to, ids: ids}
}

// Type implements litestream.ReplicaClient.
func (*ltxClient) Type() string { return "radagora" }

// Init implements litestream.ReplicaClient.
func (*ltxClient) Init(context.Context) error { return nil }

// SetLogger implements litestream.ReplicaClient.
func (*ltxClient) SetLogger(*slog.Logger) {}

func levelPrefix(level int) string { return continuousPrefix + strconv.Itoa(level) + "/" }

// ageChunk is how much age encrypts at once, ageTag what it adds to each.
const ageChunk, ageTag = 64 << 10, 16

// parseLTX reads the name of a file; false for a name of another kind.
func parseLTX(level int, item Item) (*ltx.FileInfo, bool) {
	part := strings.Split(strings.TrimPrefix(item.Name, levelPrefix(level)), "-")
	if len(part) != 4 {
		return nil, false
	}
	least, err1 := ltx.ParseTXID(part[0])
	most, err2 := ltx.ParseTXID(part[1])
	ms, err3 := strconv.ParseInt(part[2], 10, 64)
	header, err4 := strconv.ParseInt(part[3], 10, 64)
	if errors.Join(err1, err2, err3, err4) != nil || header < 0 || header > item.Size {
		return nil, false
	}
	kept := item.Size - header
	chunks := (kept + ageChunk + ageTag - 1) / (ageChunk + ageTag)
	return &ltx.FileInfo{Level: level, MinTXID: least, MaxTXID: most, Size: kept - chunks*ageTag, CreatedAt: time.UnixMilli(ms).UTC()}, true
}

// all lists the files of a level in order, with their names.
func (c *ltxClient) all(ctx context.Context, level int) (infos []*ltx.FileInfo, names map[*ltx.FileInfo]string, err error) {
	names = map[*ltx.FileInfo]string{}
	for item, err := range c.target.List(ctx, levelPrefix(level)) {
		if err != nil {
			return nil, nil, err
		}
		if info, ok := parseLTX(level, item); ok {
			infos, names[info] = append(infos, info), item.Name
		}
	}
	slices.SortFunc(infos, func(a, b *ltx.FileInfo) int {
		return strings.Compare(a.MinTXID.String()+a.MaxTXID.String(), b.MinTXID.String()+b.MaxTXID.String())
	})
	return infos, names, nil
}

// LTXFiles implements litestream.ReplicaClient.
func (c *ltxClient) LTXFiles(ctx context.Context, level int, seek ltx.TXID, _ bool) (ltx.FileIterator, error) {
	infos, _, err := c.all(ctx, level)
	if err != nil {
		return nil, err
	}
	return ltx.NewFileInfoSliceIterator(slices.DeleteFunc(infos, func(i *ltx.FileInfo) bool { return i.MinTXID < seek })), nil
}

// find returns the name of a file.
func (c *ltxClient) find(ctx context.Context, level int, least, most ltx.TXID) (string, error) {
	infos, names, err := c.all(ctx, level)
	if err != nil {
		return "", err
	}
	for _, i := range infos {
		if i.MinTXID == least && i.MaxTXID == most {
			return names[i], nil
		}
	}
	return "", fault.As(fault.NotFound, os.ErrNotExist)
}

// OpenLTXFile implements litestream.ReplicaClient.
func (c *ltxClient) OpenLTXFile(ctx context.Context, level int, least, most ltx.TXID, offset, size int64) (io.ReadCloser, error) {
	name, err := c.find(ctx, level, least, most)
	if err != nil {
		return nil, err
	}
	kept, err := c.target.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(kept, c.ids...)
	if err == nil {
		_, err = io.CopyN(io.Discard, plain, offset)
	}
	if err != nil {
		return nil, errors.Join(fault.Errorf(fault.Forbidden, "%s cannot be decrypted: %w", name, err), kept.Close())
	}
	if size > 0 {
		plain = io.LimitReader(plain, size)
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, kept}, nil
}

// WriteLTXFile implements litestream.ReplicaClient.
func (c *ltxClient) WriteLTXFile(ctx context.Context, level int, least, most ltx.TXID, r io.Reader) (*ltx.FileInfo, error) {
	var begin bytes.Buffer
	header, _, err := ltx.PeekHeader(io.TeeReader(r, &begin))
	if err != nil {
		return nil, fmt.Errorf("read the header of an LTX file: %w", err)
	}
	var empty bytes.Buffer
	w, err := age.Encrypt(&empty, c.to...)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return nil, err
	}
	info := &ltx.FileInfo{Level: level, MinTXID: least, MaxTXID: most, CreatedAt: time.UnixMilli(header.Timestamp).UTC()}
	name := fmt.Sprintf("%s%s-%s-%d-%d", levelPrefix(level), least, most, header.Timestamp, empty.Len()-ageTag)
	if old, err := c.find(ctx, level, least, most); err == nil && old != name { // the same transactions once more
		if err := c.target.Delete(ctx, old); err != nil {
			return nil, err
		}
	}
	in, out := io.Pipe()
	go func() { _ = out.CloseWithError(c.encrypt(out, io.MultiReader(&begin, r), info)) }()
	err = putDurable(ctx, c.target, name, in)
	_ = in.CloseWithError(err)
	return info, err
}

// putDurable puts one thing durably. Litestream puts several at once and packs are put
// beside them, so a target that reads back must do so for this one.
func putDurable(ctx context.Context, t Target, name string, r io.Reader) error {
	if one, ok := t.(interface {
		PutDurable(ctx context.Context, name string, r io.Reader) error
	}); ok {
		return one.PutDurable(ctx, name, r)
	}
	if err := t.Put(ctx, name, r); err != nil {
		return err
	}
	return t.Sync(ctx)
}

func (c *ltxClient) encrypt(out io.Writer, r io.Reader, info *ltx.FileInfo) error {
	w, err := age.Encrypt(out, c.to...)
	if err != nil {
		return err
	}
	n, err := io.Copy(w, r)
	info.Size = n
	return errors.Join(err, w.Close())
}

// DeleteLTXFiles implements litestream.ReplicaClient.
func (c *ltxClient) DeleteLTXFiles(ctx context.Context, list []*ltx.FileInfo) error {
	for _, i := range list {
		name, err := c.find(ctx, i.Level, i.MinTXID, i.MaxTXID)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err == nil {
			err = c.target.Delete(ctx, name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// DeleteAll implements litestream.ReplicaClient.
func (c *ltxClient) DeleteAll(ctx context.Context) error {
	var names []string
	for item, err := range c.target.List(ctx, continuousPrefix) {
		if err != nil {
			return err
		}
		names = append(names, item.Name)
	}
	var failed error
	for _, name := range names {
		failed = errors.Join(failed, c.target.Delete(ctx, name))
	}
	return failed
}
