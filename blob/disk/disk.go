// Package disk keeps immutable bytes in append-only pack files.
//
// It is the [blob.Store] of one process with a local disk. A pack is a file of
// records, one object each, written one after the other and, when it has grown
// to its size, sealed with an index and never appended to again. The bytes are
// described in docs/format/pack.md.
//
// Every writer has a pack to itself while it writes, so that streams do not mix;
// small objects are gathered in memory and put into a pack in one piece, so that
// many writers share few packs. Waiting for the disk is shared: who comes first
// syncs the pack, and everybody whose object was in it by then is woken.
//
// Opening the store repairs what a crash left behind, without help: the tail of
// each open pack is read, whole records stay, the torn one is cut. Nothing that
// was acknowledged is ever cut, see docs/format/pack.md for the reasoning. Like
// most databases it relies on the disk not to harm a sector's neighbours while
// it writes it.
package disk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/google/uuid"

	"radagora/blob"
	"radagora/fault"
)

// Options say how a store works. The zero value is a good choice.
type Options struct {
	PackSize int64        // at which a pack is sealed; an object may reach beyond it. 0: 256 MiB
	Files    int          // how many packs are kept open for reading. 0: 256
	Quota    int64        // how many bytes the packs may take. 0: what the disk has
	Log      *slog.Logger // nil: silent

	// write replaces (*os.File).WriteAt in tests.

	write func(f *os.File, b []byte, offset int64) (int, error)
}

// A Recovery is what Open found and did in a pack that was not sealed.
type Recovery struct {
	Pack    string
	Objects int   // that are whole
	Cut     int64 // bytes cut off at the end, which nobody was told are kept
	Lost    int   // stretches in between that can no longer be read
}

// A Store keeps objects in packs in one folder. Only one process may have it open for
// writing.
type Store struct {
	dir    string
	o      Options
	lock   *os.File
	beside bool         // another process has it open, this one reads
	used   atomic.Int64 // bytes that the packs take
	read   handles

	recovered []Recovery

	mu     sync.Mutex // guards what follows
	closed bool
	open   map[string]*pack // packs that are not sealed
	free   []*pack          // those of them nobody writes to; the last one goes first

	sealing sync.WaitGroup
	inPlace sync.Mutex // held while blocks of a pack are rewritten, or copied into its index
}

var _ blob.Store = (*Store)(nil)

// Open opens the store in dir, which is made if it is not there, and recovers
// what a crash left unfinished. Conflict: another process has it open.
func Open(dir string, o Options) (*Store, error) {
	s := newStore(dir, o)
	if err := s.begin(); err != nil {
		if s.lock != nil {
			s.lock.Close()
		}
		return nil, fmt.Errorf("open packs in %s: %w", dir, err)
	}
	return s, nil
}

func newStore(dir string, o Options) *Store {
	if o.PackSize <= 0 {
		o.PackSize = 256 << 20
	}
	if o.Files <= 0 {
		o.Files = 256
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.write == nil {
		o.write = (*os.File).WriteAt
	}
	s := &Store{dir: dir, o: o, open: map[string]*pack{}}
	s.read = handles{open: s.openFile, limit: o.Files}
	return s
}

func (s *Store) begin() error {
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		return classify(err)
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_CREATE|os.O_RDWR, 0o640)
	if err != nil {
		return classify(err)
	}
	s.lock = f
	if err := lock(f); err != nil {
		return fault.Errorf(fault.Conflict, "another process has it open: %w", err)
	}
	return s.recover()
}

// Recovered says what Open did to packs that were not sealed.
func (s *Store) Recovered() []Recovery { return slices.Clone(s.recovered) }

// Used returns how many bytes the packs take on disk, as far as is known.
func (s *Store) Used() int64 { return s.used.Load() }

// Near says that waiting for an object takes no longer than the disk does.
func (s *Store) Near() bool { return true }

// Close waits for packs that are being sealed and closes the files. Packs that
// have room left are continued by the next Open.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	free := s.free
	s.free = nil
	s.mu.Unlock()
	s.sealing.Wait()
	var failed error
	for _, p := range free {
		failed = errors.Join(failed, s.endMark(p), classify(p.f.Close()))
	}
	s.read.close()
	if s.lock == nil {
		return failed
	}
	return errors.Join(failed, classify(s.lock.Close()))
}

// endMark appends a record without an object to a pack that nobody writes to, durably. It
// says that everything before it was durable: so the next Open need not read the last
// objects again, and what is wrong with one is damage and nothing unfinished.
func (s *Store) endMark(p *pack) error {
	if p.failed() != nil || p.end == unit || p.marked == p.end {
		return nil //nolint:nilerr // a pack that failed gets no mark; who wrote to it was told
	}
	if err := p.wait(context.Background(), p.end); err != nil {
		return err
	}
	block := make([]byte, unit)
	p.head.put(block, record{offset: p.end, kind: removed, synced: p.end})
	if _, err := s.o.write(p.f, block, p.end); err != nil {
		return errors.Join(fmt.Errorf("mark pack %s: %w", p.name, classify(err)), classify(p.f.Truncate(p.end)))
	}
	return classify(datasync(p.f))
}

// The names of pack files: an open one is renamed when it is sealed.
const (
	openExt   = ".open"
	sealedExt = ".pack"
	badExt    = ".damaged" // its head cannot be read: set aside
)

func (s *Store) path(name, ext string) string { return filepath.Join(s.dir, name+ext) }

// take gives a pack to a writer: a free one or a new one.
func (s *Store) take() (*pack, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errClosed()
	}
	for n := len(s.free); n > 0; n = len(s.free) {
		p := s.free[n-1]
		s.free = s.free[:n-1]
		if p.failed() == nil {
			s.mu.Unlock()
			return p, nil
		}
		s.retire(p)
	}
	s.mu.Unlock()
	return s.create()
}

func errClosed() error { return fault.Errorf(fault.Unavailable, "the pack store is closed") }

// give takes a pack back from a writer. A full one is sealed, a failed one left
// for the next Open to recover.
func (s *Store) give(p *pack) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case p.failed() != nil:
		s.retire(p)
	case s.closed:
		p.f.Close()
	case p.end >= s.o.PackSize:
		s.sealing.Go(func() { s.seal(p) })
	default:
		s.free = append(s.free, p)
	}
}

// retire takes a failed pack out of use. The next Open recovers what it holds.
func (s *Store) retire(p *pack) {
	delete(s.open, p.name)
	s.o.Log.Error("pack is out of use until the next start", "pack", p.name, "error", p.failed())
}

// create makes a new pack whose name and head are durable.
func (s *Store) create() (*pack, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("name a pack: %w", err)
	}
	h := head{id: id}
	if _, err := rand.Read(h.salt[:]); err != nil {
		return nil, fmt.Errorf("salt a pack: %w", err)
	}
	if err := s.reserve(unit); err != nil {
		return nil, err
	}
	p := newPack(id.String(), h)
	if err := s.createFile(p); err != nil {
		s.used.Add(-unit)
		_ = os.Remove(s.path(p.name, openExt))
		return nil, fmt.Errorf("create pack: %w", classify(err))
	}
	s.mu.Lock()
	s.open[p.name] = p
	s.mu.Unlock()
	return p, nil
}

func (s *Store) createFile(p *pack) error {
	f, err := os.OpenFile(s.path(p.name, openExt), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o640)
	if err != nil {
		return err
	}
	p.f = f
	_, err = s.o.write(f, p.head.bytes(), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(s.dir)
	}
	if err != nil {
		f.Close()
	}
	return err
}

// reserve counts n bytes against the quota.
func (s *Store) reserve(n int64) error {
	if used := s.used.Add(n); s.o.Quota > 0 && used > s.o.Quota {
		s.used.Add(-n)
		return fault.Errorf(fault.Exhausted, "the quota of %d bytes is used up", s.o.Quota)
	}
	return nil
}

// openFile opens a pack for reading, sealed or not.
func (s *Store) openFile(name string) (*os.File, error) {
	if id, err := uuid.Parse(name); err != nil || id.String() != name {
		return nil, fault.Errorf(fault.NotFound, "no pack of that name")
	}
	for _, ext := range []string{sealedExt, openExt, sealedExt} { // it may be renamed between two looks
		f, err := os.Open(s.path(name, ext))
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return f, classify(err)
		}
	}
	return nil, fault.Errorf(fault.NotFound, "no pack %s", name)
}

// list lists the packs with one of the extensions, oldest first.
func (s *Store) list(exts ...string) ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, classify(err)
	}
	var names []string
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if slices.Contains(exts, ext) {
			names = append(names, strings.TrimSuffix(e.Name(), ext))
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// syncDir makes names in a folder durable. Windows has no way to, and its file
// system keeps an account of names by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// classify gives an error of the system the kind that says what can be done.
func classify(err error) error {
	var e *fault.Error
	switch {
	case err == nil, errors.As(err, &e), errors.Is(err, io.EOF):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG),
		errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fault.As(fault.Exhausted, err)
	case errors.Is(err, os.ErrNotExist):
		return fault.As(fault.NotFound, err)
	}
	return fault.As(fault.Unavailable, err)
}
