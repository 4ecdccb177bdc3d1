package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"radagora/archive"
	"radagora/backup"
	"radagora/blob"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
)

type backupVerifyCmd struct {
	settings
	secretFlags
	Backup  string `placeholder:"ID" help:"Verify this backup; without it, the latest."`
	Scratch string `placeholder:"FOLDER" help:"Folder for the copy of the database meanwhile; without it, that of the system."`
}

func (backupVerifyCmd) Help() string {
	return `Compares every piece of a backup with its digest. With the identity or the passphrase it also decrypts
everything, compares every object in every pack with its digest, opens the copy of the database, has it check itself,
counts its rows, verifies its journal from the first seal to the last, and looks for each instance's object. It says
what it proved and what not. Needs room for the database and one pack.

Example:

    radagora backup verify --data /var/lib/radagora --backup-to /mnt/backup --identity /media/stick/radagora-identity.txt`
}

// Run verifies, and records in the installation what came of it.
func (c backupVerifyCmd) Run(ctx context.Context, sys *system) (err error) {
	b, err := c.openBackup(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.db.Close()) }()
	proof, err := c.proof(ctx, b)
	if recorded := b.Verified(context.WithoutCancel(ctx), proof, err); err == nil {
		err = recorded
	}
	if err != nil {
		return err
	}
	return tell(sys, proof)
}

// proof verifies as deep as the flags allow.
func (c backupVerifyCmd) proof(ctx context.Context, b backedUp) (*backup.Proof, error) {
	secret, err := c.secret()
	if err != nil {
		return nil, err
	}
	if secret == (backup.Secret{}) {
		return b.Look(ctx, c.Backup)
	}
	target, err := c.openTarget(c.BackupTo, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	source, err := backup.OpenSource(ctx, target, secret, b.Fingerprint())
	if err != nil {
		return nil, err
	}
	m, err := source.Backup(ctx, c.Backup)
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp(c.Scratch, "radagora-verify-*")
	if err != nil {
		return nil, err
	}
	proof, err := backup.Verify(ctx, source, m, scratch, migrations(), proveRooms)
	return proof, errors.Join(err, os.RemoveAll(scratch))
}

// proveRooms looks at the copy of a database: is the journal unbroken, and is there
// an object for every instance?
func proveRooms(ctx context.Context, d *db.DB, data string, objects func(blob.Ref) bool, wrong func(what, name string, err error)) ([]string, error) {
	o := journal.Options{}
	var err error
	if o.MasterKey, err = keyFile(filepath.Join(data, "journal.key")); err != nil {
		return nil, err
	}
	if err := signing(&o, data); err != nil {
		return nil, err
	}
	j, err := journal.Open(ctx, d, o)
	if err != nil {
		wrong("journal", "", err)
		return nil, nil
	}
	report, err := j.Verify(ctx)
	if err != nil {
		return nil, err
	}
	if report.Break != nil {
		wrong("journal", fmt.Sprintf("entry %d", report.Break.Seq), fault.Errorf(fault.Internal, "%s", report.Break.Reason))
	}
	n := 0
	rows, err := archive.Refs(ctx, d)
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		if !objects(r) {
			wrong("archive", r.String(), fault.Errorf(fault.NotFound, "a row names an object that the packs do not hold"))
			continue
		}
		n++
	}
	return []string{
		fmt.Sprintf("journal: %d entries in %d seals, up to seal %d; %d not yet sealed", report.Entries, report.Seals, report.Head.Seal, report.Unsealed),
		fmt.Sprintf("archive: %d instances and objects set aside, each with its object", n),
	}, nil
}

// tell says what was proved and what not, and fails if anything is wrong.
func tell(sys *system, p *backup.Proof) error {
	fmt.Fprintf(sys.Out, "backup %s\n", p.Backup)
	fmt.Fprintf(sys.Out, "proved: %d pieces, %s, have the digest they were written with\n", p.Pieces, bytesText(p.Bytes))
	if p.Opened {
		fmt.Fprintf(sys.Out, "proved: all of them decrypt to what was backed up\n")
		fmt.Fprintf(sys.Out, "proved: %d objects in %d packs have their digest\n", p.Objects, p.Packs)
	}
	if p.Integrity {
		fmt.Fprintln(sys.Out, "proved: the copy of the database opens and its own check finds nothing")
	}
	if len(p.Rows) > 0 {
		fmt.Fprintln(sys.Out, "proved: it has as many rows as when it was copied:")
	}
	for _, table := range slices.Sorted(maps.Keys(p.Rows)) {
		fmt.Fprintf(sys.Out, "    %s %d\n", table, p.Rows[table])
	}
	for _, room := range p.Rooms {
		fmt.Fprintf(sys.Out, "proved: %s\n", room)
	}
	for place, n := range p.Where {
		fmt.Fprintf(sys.Out, "not proved: %d packs in %s, with %d objects that the rows name; the backup names them and does not hold them\n", n, place, p.Apart)
	}
	switch {
	case len(p.Wrong) > 0:
	case !p.Opened:
		fmt.Fprintln(sys.Out, "not proved: that the pieces can be decrypted and what is in them: that takes --identity or --passphrase-file")
	default:
		fmt.Fprintln(sys.Out, "not proved: that this machine could carry the load; nothing but a rehearsal shows that (docs/operate/backup.md)")
	}
	for _, w := range p.Wrong {
		if w.What == "piece" { // its error names it
			fmt.Fprintf(sys.Out, "wrong: %v\n", w.Err)
			continue
		}
		fmt.Fprintf(sys.Out, "wrong: %s %s: %v\n", w.What, w.Name, w.Err)
	}
	if n := len(p.Wrong); n > 0 {
		return fault.Errorf(fault.Conflict, "%d things are wrong with the backup", n)
	}
	return nil
}
