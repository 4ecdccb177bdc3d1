package db

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"github.com/pressly/goose/v3"

	"radagora/fault"
)

//go:embed migration/*.sql
var ownFiles embed.FS

// own are the tables of this package itself.
var own = must(fs.Sub(ownFiles, "migration"))

func must(f fs.FS, err error) fs.FS {
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// versionTable is the name of a version table without the name of its capability.
const versionTable = "migration_"

var capability = regexp.MustCompile(`^[a-z][a-z0-9]{0,39}$`)

var dialects = map[string]goose.Dialect{SQLite: goose.DialectSQLite3, Postgres: goose.DialectPostgres}

func (d *DB) migrate(ctx context.Context, name string, files fs.FS) error {
	if !capability.MatchString(name) {
		return fault.Errorf(fault.Invalid, "migrate %q: not a lower-case word", name)
	}
	pool, done, err := d.e.migrating(ctx)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	defer done()
	if err := d.look(ctx); err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	p, err := goose.NewProvider(dialects[d.e.name()], pool, files,
		goose.WithTableName(versionTable+name), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fault.Errorf(fault.Internal, "migrate %s: %w", name, err)
	}
	have, want, err := p.GetVersions(ctx)
	if err != nil {
		return migrationError(name, err)
	}
	if have > want {
		return newer(name, have, want)
	}
	advised := func() error {
		if d.e.name() != SQLite {
			return nil
		}
		return advise(ctx, pool, name)
	}
	if have == want && d.o.Settled {
		return nil
	}
	if have == want {
		_ = advised() // what is there may be of an older program; without, it is only slower
		return nil
	}
	if d.o.Settled {
		return fault.Errorf(fault.Conflict, "migrate %s: the database is at version %d, this program needs %d, and another one is at work on it: restart that one with this version first", name, have, want)
	}
	if err := d.safe(ctx); err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	if _, err := p.Up(ctx); err != nil {
		return migrationError(name, err)
	}
	if err := advised(); err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	return nil
}

// newer says that the database is ahead of the program, and the ways out.
func newer(name string, have, want int64) error {
	return fault.Errorf(fault.Unsupported, "migrate %s: the database is at version %d, this program knows %d: "+
		"start the newer program again, or go back with the copy that was made before it migrated (see docs/operate/backup.md)", name, have, want)
}

// migrationError keeps the whole text of err: it quotes our own files, no data.
func migrationError(name string, err error) error {
	kind := fault.Of(classify(err))
	var part *goose.PartialError
	if errors.As(err, &part) && part.Failed != nil {
		return fault.Errorf(kind, "migrate %s: %s: %w", name, part.Failed.Source.Path, part.Err)
	}
	return fault.Errorf(kind, "migrate %s: %w", name, err)
}

// A Migration says how far the tables of one capability are.
type Migration struct {
	Name    string
	Version int64 // number of the last file applied; 0 means none
}

// Migrations returns how far each capability known to the database is, by name. It
// changes nothing.
func (d *DB) Migrations(ctx context.Context) ([]Migration, error) {
	tables, err := d.e.tables(ctx, versionTable)
	if err != nil {
		return nil, err
	}
	all := make([]Migration, 0, len(tables))
	for _, table := range tables {
		m := Migration{Name: strings.TrimPrefix(table, versionTable)}
		if !capability.MatchString(m.Name) {
			continue // somebody else's
		}
		if err := d.QueryRow(ctx, "select max(version_id) from "+table).Scan(&m.Version); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// Pending returns how many of files Migrate has yet to apply, or a negative number
// if the database is ahead of them. It changes nothing.
func (d *DB) Pending(ctx context.Context, name string, files fs.FS) (int, error) {
	found, err := fs.Glob(files, "*.sql")
	if err != nil {
		return 0, fault.Errorf(fault.Internal, "list migrations of %s: %w", name, err)
	}
	all, err := d.Migrations(ctx)
	if err != nil {
		return 0, err
	}
	have := int64(0)
	for _, m := range all {
		if m.Name == name {
			have = m.Version
		}
	}
	pending, last := 0, int64(0)
	for _, file := range found {
		v, err := goose.NumericComponent(file)
		if err != nil {
			return 0, fault.Errorf(fault.Internal, "migration file %s: %w", file, err)
		}
		last = max(last, v)
		if v > have {
			pending++
		}
	}
	if have > last {
		return int(last - have), nil
	}
	return pending, nil
}
