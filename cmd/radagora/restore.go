package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"radagora/access"
	"radagora/access/account"
	"radagora/access/idp"
	"radagora/access/privacy"
	"radagora/access/repeat"
	"radagora/access/token"
	"radagora/archive"
	"radagora/archive/exchange"
	"radagora/audit"
	"radagora/audit/document"
	"radagora/audit/qualification"
	"radagora/backup"
	"radagora/connect"
	"radagora/db"
	"radagora/dose"
	"radagora/dose/embryo"
	"radagora/dose/entry"
	"radagora/dose/protocol"
	"radagora/dose/quality"
	"radagora/dose/reject"
	"radagora/dose/review"
	shelf "radagora/dose/view"
	"radagora/equipment"
	"radagora/fault"
	"radagora/finding"
	"radagora/form"
	"radagora/form/survey"
	"radagora/incident"
	"radagora/job"
	"radagora/journal"
	"radagora/maturity"
	"radagora/notice"
	"radagora/notice/feed"
	"radagora/person"
	"radagora/record"
	"radagora/site"
	"radagora/worklist"
)

// migrations are the tables of every room that has tables. A test holds it against
// what a house migrates.
func migrations() backup.Rooms {
	return backup.Rooms{
		"access": access.Migrations(), "account": account.Migrations(), "token": token.Migrations(), "archive": archive.Migrations(), "audit": audit.Migrations(), "backup": backup.Migrations(),
		"document": document.Migrations(), "qualification": qualification.Migrations(), "dose": dose.Migrations(), "protocol": protocol.Migrations(), "entry": entry.Migrations(), "embryo": embryo.Migrations(), "dosequality": quality.Migrations(), "reject": reject.Migrations(), "doseview": shelf.Migrations(), "equipment": equipment.Migrations(), "exchange": exchange.Migrations(), "feed": feed.Migrations(), "finding": finding.Migrations(), "form": form.Migrations(), "idp": idp.Migrations(), "job": job.Migrations(), "incident": incident.Migrations(), "journal": journal.Migrations(), "maturity": maturity.Migrations(), "survey": survey.Migrations(), "notice": notice.Migrations(),
		"person": person.Migrations(), "privacy": privacy.Migrations(), "record": record.Migrations(), "repeat": repeat.Migrations(), "review": review.Migrations(), "site": site.Migrations(), "worklist": worklist.Migrations(), "connect": connect.Migrations(),
	}
}

type restoreCmd struct {
	settings
	secretFlags
	From   string `required:"" placeholder:"FOLDER|s3://…" help:"Folder or object store with the backups."`
	Backup string `placeholder:"ID" help:"Restore this backup; without it, the latest. \"radagora restore --from FOLDER --list …\" lists them."`
	Last   bool   `name:"continuous" help:"Restore the copy that --backup-continuous made, as of its last seconds."`
	List   bool   `help:"List the backups and restore none."`
	Verify bool   `help:"Then read everything that was restored, and say what was proved."`
}

func (restoreCmd) Help() string {
	return `Restores a backup into an empty data folder on this machine, and into an empty database if --db names one.
Needs the folder with the backups, and the identity or the passphrase. Nothing is ever overwritten; interrupted, the
same command begins again. What was erased after the backup was made is erased again before anybody can open the
installation. Compare the fingerprint of who signed with the one you wrote down, or give it with --signer.

Example:

    radagora restore --from /mnt/backup --data /var/lib/radagora --identity /media/stick/radagora-identity.txt --verify`
}

// Run restores.
func (c restoreCmd) Run(ctx context.Context, sys *system) (err error) {
	secret, err := c.secret()
	if err != nil {
		return err
	}
	if _, err := os.Stat(c.From); err != nil && !strings.HasPrefix(c.From, "s3:") {
		return fmt.Errorf("--from: %w", trimPath(err, c.From))
	}
	target, err := c.openTarget(c.From, sys.Log)
	if err != nil {
		return err
	}
	source, err := backup.OpenSource(ctx, target, secret, c.Signer)
	if err != nil {
		return err
	}
	if c.List {
		return c.list(ctx, sys, source)
	}
	m, err := c.chosen(ctx, source)
	if err != nil {
		return err
	}
	r := &backup.Restore{Source: source, Backup: m, Data: c.Data, DSN: c.DB, Rooms: migrations()}
	done, err := r.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(sys.Out, "restored backup %s, as of %s, signed by %s: %d rows, %d packs, %d files, %s\n",
		m.ID, m.Snapshot.Format("2006-01-02 15:04:05 MST"), source.Signer, done.Rows, done.Packs, done.Files, bytesText(done.Bytes))
	tellApart(sys, m)
	proof := &backup.Proof{Backup: m.ID, Opened: true, Rows: map[string]int64{}}
	if c.Verify {
		if err := count(ctx, done.DSN, m, proof); err != nil {
			return err
		}
	}
	if err := c.furnish(ctx, sys, r, proof); err != nil {
		return err
	}
	if err := r.Open(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "ready: radagora serve --data %s\n", c.Data)
	return err
}

// chosen returns the backup to restore.
func (c restoreCmd) chosen(ctx context.Context, source *backup.Source) (*backup.Manifest, error) {
	if c.Last {
		return source.Tail(ctx)
	}
	return source.Backup(ctx, c.Backup)
}

// list lists what could be restored.
func (c restoreCmd) list(ctx context.Context, sys *system, source *backup.Source) error {
	all, err := source.Backups(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		size, _ := m.Size()
		fmt.Fprintf(sys.Out, "%s  %s  %s  %d objects  made by %s\n", m.ID, m.Snapshot.Format("2006-01-02 15:04:05 MST"), bytesText(size), m.Objects(), m.Program)
	}
	return nil
}

// count counts the rows of the restored tables, before anything changes them.
func count(ctx context.Context, dsn string, m *backup.Manifest, p *backup.Proof) (err error) {
	d, err := db.Open(ctx, dsn, db.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Snapshot(ctx, func(s *db.Snapshot) error { return p.Count(ctx, s, m) })
}

// furnish opens the rooms behind closed doors, erases again what has to be, and
// checks everything if asked to.
func (c restoreCmd) furnish(ctx context.Context, sys *system, r *backup.Restore, p *backup.Proof) (err error) {
	s := c.settings
	s.restoring = true
	h, err := s.open(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	if err := h.forgetLater(ctx); err != nil {
		return err
	}
	again := &replayer{house: h}
	erased, records, err := r.Replay(ctx, h.DB, again)
	if err != nil {
		return err
	}
	if erased.Len() == 0 {
		fmt.Fprintln(sys.Out, "erasures: the repository knows of none after this backup")
	} else {
		fmt.Fprintf(sys.Out, "erasures: %d after this backup, done again: %d records\n", erased.Len(), records)
	}
	if !c.Verify {
		return nil
	}
	if err := prove(ctx, h, r.Backup, p); err != nil {
		return err
	}
	if err := again.prove(ctx, erased, p); err != nil {
		return err
	}
	return tell(sys, p)
}

// prove checks what was restored with the rooms' own eyes.
func prove(ctx context.Context, h *house, m *backup.Manifest, p *backup.Proof) error {
	wrong := func(what, name string, err error) {
		p.Wrong = append(p.Wrong, backup.Wrong{What: what, Name: name, Err: err})
	}
	p.Bytes, p.Pieces = m.Size() // restoring compared each of them
	found, err := h.DB.Integrity(ctx)
	if err != nil {
		return err
	}
	for _, text := range found {
		wrong("database", "integrity", fault.Errorf(fault.Internal, "%s", text))
	}
	p.Integrity = len(found) == 0
	checked, err := h.Archive.Check(ctx, archive.CheckOptions{Report: func(t archive.Trouble) error {
		if t.Kind != archive.Orphan {
			wrong(t.Kind, t.Ref.String(), t.Err)
		}
		return nil
	}})
	if err != nil {
		return err
	}
	p.Objects, p.Packs = checked.Objects, len(m.Packs)
	report, err := h.Journal.Verify(ctx)
	if err != nil {
		return err
	}
	if report.Break != nil {
		wrong("journal", fmt.Sprintf("entry %d", report.Break.Seq), fault.Errorf(fault.Internal, "%s", report.Break.Reason))
	}
	p.Rooms = []string{
		fmt.Sprintf("journal: %d entries in %d seals, up to seal %d; the backup was made at seal %d", report.Entries, report.Seals, report.Head.Seal, m.Journal.Seal),
		fmt.Sprintf("archive: %d instances, %d objects, %d bytes read", checked.Rows, checked.Objects, checked.Bytes),
	}
	return nil
}
