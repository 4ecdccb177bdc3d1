package db

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"radagora/fault"
)

// safe is called before a migration is applied. The first time in the life of an
// open database that was there before, it has Options.BeforeUpdate run and puts a
// copy of the file beside it, so that the older program can be had back.
func (d *DB) safe(ctx context.Context) error {
	d.safety.Lock()
	defer d.safety.Unlock()
	if !d.old {
		return nil
	}
	if d.o.BeforeUpdate != nil {
		if err := d.o.BeforeUpdate(ctx); err != nil {
			return fmt.Errorf("before the update: %w", err)
		}
	}
	if l, ok := d.e.(*lite); ok && d.o.SafetyCopies > 0 {
		name, err := d.keep(ctx, l.file)
		if err != nil {
			return fmt.Errorf("copy the database before the update: %w", err)
		}
		d.o.Log.InfoContext(ctx, "database copied before it is migrated", "file", name)
	}
	if d.e.name() == Postgres && d.o.BeforeUpdate == nil {
		d.o.Log.WarnContext(ctx, "database is migrated without a copy: the way back is your last backup")
	}
	d.old = false
	return nil
}

// look finds out, once, whether the database was there before.
func (d *DB) look(ctx context.Context) error {
	d.safety.Lock()
	defer d.safety.Unlock()
	if d.looked {
		return nil
	}
	tables, err := d.e.tables(ctx, versionTable)
	if err == nil {
		d.looked, d.old = true, len(tables) > 0
	}
	return err
}

// beforeMark stands in the name of a safety copy, behind that of the database.
const beforeMark = ".before-"

// keep copies the file and removes the copies that are too many: of each state of
// the migrations the latest stays, so that a start that fails again and again
// keeps one.
func (d *DB) keep(ctx context.Context, file string) (string, error) {
	all, err := d.Migrations(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(fmt.Append(nil, all))
	state := hex.EncodeToString(sum[:4])
	name := file + beforeMark + d.o.Now().UTC().Format("20060102T150405.000Z") + "-" + state
	if err := d.CopyFile(ctx, name); err != nil {
		return "", err
	}
	old, err := SafetyCopies(file)
	if err != nil {
		return "", err
	}
	kept := 0
	for _, c := range old {
		if c.File == name {
			continue
		}
		if kept++; strings.HasSuffix(c.File, "-"+state) || kept >= d.o.SafetyCopies {
			err = errors.Join(err, os.Remove(c.File))
		}
	}
	return name, classifyFile(err)
}

// A SafetyCopy is a copy of a SQLite file from before it was migrated.
type SafetyCopy struct {
	File string
	At   time.Time
	Size int64
}

// SafetyCopies lists the copies that stand beside a SQLite file, latest first.
func SafetyCopies(file string) ([]SafetyCopy, error) {
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		return nil, classifyFile(err)
	}
	var all []SafetyCopy
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), filepath.Base(file)+beforeMark)
		at, _, whole := strings.Cut(rest, "-")
		t, err := time.Parse("20060102T150405.000Z", at)
		if !ours || !whole || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // gone meanwhile
		}
		all = append(all, SafetyCopy{File: filepath.Join(filepath.Dir(file), e.Name()), At: t, Size: info.Size()})
	}
	slices.SortFunc(all, func(a, b SafetyCopy) int { return cmp.Or(b.At.Compare(a.At), strings.Compare(a.File, b.File)) })
	return all, nil
}

// CopyFile writes the whole database as it is now to a new file, durably: it is
// there whole or not at all. It is Unsupported on PostgreSQL.
func (d *DB) CopyFile(ctx context.Context, name string) error {
	part := name + ".part"
	f, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return classifyFile(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = d.Snapshot(ctx, func(s *Snapshot) error { return s.WriteFile(ctx, w) })
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		return errors.Join(classifyFile(err), os.Remove(part))
	}
	if runtime.GOOS == "windows" {
		return nil // it has no way to make names durable
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return classifyFile(err)
	}
	return classifyFile(errors.Join(dir.Sync(), dir.Close()))
}

// classifyFile gives an error of the system its kind.
func classifyFile(err error) error {
	var known *fault.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fault.As(fault.NotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return fault.As(fault.Forbidden, err)
	case isFull(err):
		return fault.As(fault.Exhausted, err)
	}
	return fault.As(fault.Unavailable, err)
}
