package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"radagora/fault"
)

// A Target keeps named bytes. Names are slash-separated and made by this package.
// Its methods may be called concurrently.
type Target interface {
	// Put keeps what r gives under name: whole or not at all, in the place of what
	// was there. It is durable once Sync returned nil. Exhausted: no room.
	Put(ctx context.Context, name string, r io.Reader) error
	// Sync makes durable what was put.
	Sync(ctx context.Context) error
	// Get opens what is kept under name; the caller closes it. NotFound: nothing is.
	Get(ctx context.Context, name string) (io.ReadCloser, error)
	// Has reports whether something is kept under name.
	Has(ctx context.Context, name string) (bool, error)
	// List yields the names that begin with prefix, which ends with a slash or is "",
	// and their sizes, in no order.
	List(ctx context.Context, prefix string) iter.Seq2[Item, error]
	// Delete takes name away. What is not there is no error.
	Delete(ctx context.Context, name string) error
	// Tidy removes what Puts left that never ended. Nobody may put meanwhile.
	Tidy(ctx context.Context) error
	// String names the target for people, without secrets.
	String() string
}

// An Item is a name in a Target.
type Item struct {
	Name string
	Size int64
}

// A Folder is a Target in a local folder, such as a mounted disk or share.
type Folder struct {
	dir   string
	mu    sync.Mutex
	dirty map[string]bool // folders whose names are not yet durable
}

var _ Target = (*Folder)(nil)

// OpenFolder returns the target in dir, which the first Put makes.
func OpenFolder(dir string) (*Folder, error) {
	if dir == "" {
		return nil, fault.Errorf(fault.Invalid, "no folder for backups is named")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "folder for backups: %w", err)
	}
	return &Folder{dir: abs, dirty: map[string]bool{}}, nil
}

// String returns the folder.
func (f *Folder) String() string { return f.dir }

// unfinished is where Put writes before a name is given.
const unfinished = "tmp"

func (f *Folder) path(name string) string { return filepath.Join(f.dir, filepath.FromSlash(name)) }

// Put implements Target.
func (f *Folder) Put(ctx context.Context, name string, r io.Reader) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := f.put(name, r); err != nil {
		return fault.As(fault.Of(system(err)), pathless(err))
	}
	return nil
}

func (f *Folder) put(name string, r io.Reader) error {
	if err := f.mkdir(unfinished); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(f.path(unfinished), "put-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(tmp, r)
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = f.mkdir(parent(name))
	}
	if err == nil {
		err = os.Rename(tmp.Name(), f.path(name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	f.mu.Lock()
	f.dirty[parent(name)] = true
	f.mu.Unlock()
	return nil
}

// parent returns the folder of a name.
func parent(name string) string {
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		return name[:i]
	}
	return ""
}

// mkdir makes a folder and notes those whose names changed.
func (f *Folder) mkdir(name string) error {
	if _, err := os.Stat(f.path(name)); err == nil {
		return nil
	}
	f.mu.Lock()
	for p := name; p != ""; p = parent(p) {
		f.dirty[parent(p)] = true
	}
	f.mu.Unlock()
	return os.MkdirAll(f.path(name), 0o700)
}

// Sync implements Target.
func (f *Folder) Sync(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name := range f.dirty {
		if err := syncDir(f.path(name)); err != nil {
			return system(err)
		}
		delete(f.dirty, name)
	}
	return nil
}

// Get implements Target.
func (f *Folder) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := os.Open(f.path(name))
	return file, system(err)
}

// Has implements Target.
func (f *Folder) Has(_ context.Context, name string) (bool, error) {
	_, err := os.Stat(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, system(err)
}

// List implements Target.
func (f *Folder) List(ctx context.Context, prefix string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		err := filepath.WalkDir(f.path(prefix), func(file string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(f.dir, file)
			if err != nil {
				return err
			}
			name := filepath.ToSlash(rel)
			switch {
			case d.IsDir() && name == unfinished:
				return fs.SkipDir
			case d.IsDir():
				return nil
			}
			info, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return err
			}
			if !yield(Item{name, info.Size()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Item{}, system(err))
		}
	}
}

// Delete implements Target.
func (f *Folder) Delete(_ context.Context, name string) error {
	err := os.Remove(f.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return system(err)
}

// Tidy implements Target.
func (f *Folder) Tidy(ctx context.Context) error {
	entries, err := os.ReadDir(f.path(unfinished))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		err = errors.Join(err, ctx.Err(), os.Remove(filepath.Join(f.path(unfinished), e.Name())))
	}
	return system(err)
}

// syncDir makes names in a folder durable, where there is a way to: not on Windows.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// pathless returns err without the name of a temporary file.
func pathless(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// system gives an error of the system its kind.
func system(err error) error {
	var known *fault.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fault.As(fault.NotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return fault.As(fault.Forbidden, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fault.As(fault.Exhausted, err)
	}
	return fault.As(fault.Unavailable, err)
}
