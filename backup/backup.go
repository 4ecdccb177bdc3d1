// Package backup copies and restores everything, and proves it.
//
// A backup is one manifest and the pieces it names, in a repository: immutable,
// compressed, encrypted with age to the recipients' public keys, so that whoever
// makes backups cannot read them. The manifest is signed and written last, so a
// backup is there whole or not at all. Pieces are named by a keyed digest of what
// they hold: what has not changed since the last backup is not written again.
//
// The database is copied first, as of one instant; then the packs, so that they
// hold every byte the copied rows name; then the rest of the data folder. The
// copy of an open pack ends where it was whole. An object that was removed since
// makes its piece another piece, and the old one goes when no manifest names it.
//
// Restore writes into an empty folder behind a mark that keeps the program from
// opening it, compares every digest, and has erasures done again that are newer
// than the backup. docs/format/backup.md describes the bytes.
package backup

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"radagora/blob"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

//go:embed migration/*.sql
var files embed.FS

// Migrations returns the files of this room's tables, for db.Pending.
func Migrations() fs.FS {
	f, err := fs.Sub(files, "migration")
	if err != nil {
		panic(err) // the name is a constant
	}
	return f
}

// A Config says what is backed up, and where to.
type Config struct {
	DB      *db.DB
	Journal *journal.Journal // for entries backup.run.*; nil: none are written
	Data    string           // the data folder; its packs are in the folder packs
	Skip    []string         // patterns of path.Match for files at the top of Data that are not copied: the database
	Also    []string         // files outside Data that are copied too: the configuration

	// Far are packs in an object store, nil without one, and FarPlace says where that is.
	// A backup names those that are not in Data, too, and has their bytes only with
	// FarCopied.
	Far       blob.Packs
	FarPlace  string
	FarCopied bool

	Target     Target
	Recipients []string // age public keys; none: those the repository has
	Keep       Policy   // the zero Policy keeps all

	Site    string // of the journal entries
	Actor   string // of the journal entries; "" means system:backup
	Program string // version of the program, for the manifest
	Log     *slog.Logger
	Now     func() time.Time

	pieceSize, groupSize int // tests have smaller ones
	scryptWork           int
}

// A Keeper makes backups, verifies them and knows how they stand. It is safe for
// concurrent use; of all processes only one at a time makes a backup.
type Keeper struct {
	c     Config
	keys  keys
	asked chan string
	doing atomic.Pointer[string]
}

// Open migrates the tables, and reads the key of the backups in the data folder, or
// makes one the first time. It does not touch the target.
func Open(ctx context.Context, c Config) (*Keeper, error) {
	if err := c.DB.Migrate(ctx, "backup", Migrations()); err != nil {
		return nil, err
	}
	return open(c)
}

func open(c Config) (*Keeper, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the one default of the field
	}
	if c.Actor == "" {
		c.Actor = "system:backup"
	}
	if c.pieceSize == 0 {
		c.pieceSize = 512 << 10
	}
	if c.groupSize == 0 {
		c.groupSize = 16 << 20
	}
	k, err := dataKeys(c.Data)
	if err != nil {
		return nil, fmt.Errorf("key of the backups: %w", err)
	}
	return &Keeper{c: c, keys: k, asked: make(chan string, 1)}, nil
}

// Configured reports whether there is a target.
func (k *Keeper) Configured() bool { return k.c.Target != nil }

// errNoTarget is what a Keeper without a target answers.
var errNoTarget = fault.Errorf(fault.Invalid, "no target for backups is configured: set --backup-to")
