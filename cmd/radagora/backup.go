package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"radagora/backup"
	"radagora/blob/s3"
	"radagora/db"
	"radagora/fault"
	"radagora/journal"
	"radagora/site"
)

// backupSettings say where backups go, for whom and when.
type backupSettings struct {
	BackupTo         string        `setting:"" name:"backup-to" placeholder:"FOLDER|s3://…" help:"Keep backups in this folder, best on another machine's disk, mounted here; or in an object store: s3://BUCKET/PREFIX?endpoint=URL."`
	BackupToKey      string        `setting:"" name:"backup-to-key" secret:"" placeholder:"KEY" help:"Access key of that store, and of that of --backup-continuous."`
	BackupToSecret   string        `setting:"" name:"backup-to-secret" secret:"" placeholder:"SECRET" help:"Secret of that key."`
	BackupBlobs      bool          `setting:"" name:"backup-blobs" help:"Copy packs that are kept in --blobs into the backup, too; without it they are named only."`
	BackupRecipient  []string      `setting:"" name:"backup-recipient" placeholder:"AGE1…" help:"Public key that backups are encrypted to; can be repeated. Without it, those the repository was begun with."`
	BackupEvery      time.Duration `setting:"" name:"backup-every" default:"24h" help:"How often serve makes a backup; 0 for never."`
	BackupContinuous string        `setting:"" name:"backup-continuous" placeholder:"FOLDER|s3://…" help:"Copy every commit within seconds to this folder or object store, too; SQLite only. Another place than --backup-to; of a store with the same key."`
	BackupKeep       string        `setting:"" name:"backup-keep" default:"2a,7d,5w,12m" help:"How long: all for 2 days, daily ones for 7 days, weekly ones for 5 weeks, monthly ones for 12 months."`
}

// notCopied are files of the data folder that a backup leaves out: the database,
// which is copied as of one instant, and uploads.
var notCopied = []string{backup.SQLiteFile + "*", uploads, "*.part"}

// backupConfig says what is backed up and where to.
func (s settings) backupConfig(d *db.DB, j *journal.Journal, sys *system) (backup.Config, error) {
	c := backup.Config{
		DB: d, Journal: j, Data: s.Data, Skip: notCopied, Recipients: s.BackupRecipient,
		Site: site.Default, Program: versionText(), Log: sys.Log, Now: sys.Now,
	}
	if sys.file != nil {
		c.Also = []string{sys.file.name}
	}
	var err error
	if c.Keep, err = backup.ParsePolicy(s.BackupKeep); err != nil {
		return c, usageError{fmt.Errorf("--backup-keep: %w", err)}
	}
	switch {
	case s.BackupTo == "":
	case strings.HasPrefix(s.BackupTo, "s3:"):
		if err := s.apart("--backup-to", s.BackupTo, map[string]string{"--blobs": s.Blobs, "--second": s.Second}); err != nil {
			return c, err
		}
		if c.Target, err = s.backupBucket(s.BackupTo, sys.Log); err != nil {
			return c, fmt.Errorf("--backup-to: %w", err)
		}
	default:
		if c.Target, err = backup.OpenFolder(s.BackupTo); err != nil {
			return c, err
		}
		if liesIn(s.BackupTo, s.Data) {
			return c, wrong("--backup-to %s lies in the data folder: a backup that is lost together with the data is none", s.BackupTo)
		}
	}
	return c, nil
}

// backupBucket opens an object store for backups.
func (s settings) backupBucket(place string, log *slog.Logger) (backup.Target, error) {
	p, o, err := s.storeAt(place, s.BackupToKey, s.BackupToSecret, "backup-to", log)
	if err != nil {
		return nil, err
	}
	return backup.OpenBucket(p, o)
}

// openTarget opens the place of backups for reading.
func (s settings) openTarget(place string, log *slog.Logger) (backup.Target, error) {
	if strings.HasPrefix(place, "s3:") {
		return s.backupBucket(place, log)
	}
	return backup.OpenFolder(place)
}

// apart refuses to keep backups in what an object store holds for others.
func (s settings) apart(name, place string, others map[string]string) error {
	to, err := s3.ParsePlace(place)
	if err != nil {
		return wrong("%s: %w", name, err)
	}
	for other, where := range others {
		p, err := s3.ParsePlace(where)
		if err != nil || p.Endpoint != to.Endpoint || p.Bucket != to.Bucket {
			continue
		}
		a, b := to.Prefix+"/", p.Prefix+"/"
		if p.Prefix == "" || to.Prefix == "" || strings.HasPrefix(a, b) || strings.HasPrefix(b, a) {
			return wrong("%s %s lies in what %s keeps: name another prefix, or another bucket, best of another store", name, place, other)
		}
	}
	return nil
}

// liesIn reports whether a path lies in a folder.
func liesIn(name, folder string) bool {
	a, err1 := filepath.Abs(name)
	b, err2 := filepath.Abs(folder)
	rel, err := filepath.Rel(b, a)
	return errors.Join(err1, err2, err) == nil && filepath.IsLocal(rel)
}

// keeper opens the backups of a house.
func (s settings) keeper(ctx context.Context, h *house, sys *system) (*backup.Keeper, error) {
	c, err := s.backupConfig(h.DB, h.Journal, sys)
	if err != nil {
		return nil, err
	}
	if h.Tier != nil {
		c.Far, c.FarPlace, c.FarCopied = h.Tier.Far, s.Blobs, s.BackupBlobs
	}
	return backup.Open(ctx, c)
}

// copyFirst makes a backup before a database on a server is migrated, if a folder
// for backups is set. SQLite has its copy beside it.
func (s settings) copyFirst(h *house, sys *system) func(context.Context) error {
	if s.BackupTo == "" || !strings.HasPrefix(s.DB, "postgres") {
		return nil
	}
	return func(ctx context.Context) error {
		c, err := s.backupConfig(h.DB, nil, sys)
		if err != nil {
			return err
		}
		m, err := backup.Copy(ctx, c)
		if err == nil {
			sys.Log.InfoContext(ctx, "backup made before the database is migrated", "backup", m.ID)
		}
		return err
	}
}

// stream copies the installation continuously until ctx ends, if that is set.
func (s settings) stream(ctx context.Context, h *house, sys *system) error {
	if s.BackupContinuous == "" {
		<-ctx.Done()
		return nil
	}
	c, err := s.backupConfig(h.DB, h.Journal, sys)
	if err != nil {
		return err
	}
	if c.Target, err = s.streamTarget(sys.Log); err != nil {
		return err
	}
	if h.Tier != nil {
		c.Far, c.FarPlace, c.FarCopied = h.Tier.Far, s.Blobs, s.BackupBlobs
	}
	keeper, err := backup.Open(ctx, c)
	if err != nil {
		return err
	}
	file := filepath.Join(s.Data, backup.SQLiteFile)
	if name, ok := strings.CutPrefix(s.DB, "sqlite:"); ok {
		file = strings.TrimPrefix(name, "//")
	}
	copying := &backup.Stream{Keeper: keeper, File: file}
	if strings.HasPrefix(s.BackupContinuous, "s3:") {
		copying.Every = farTail
	}
	for {
		err := copying.Run(ctx)
		if ctx.Err() != nil || err == nil || fault.Of(err) != fault.Unavailable {
			return err
		}
		sys.Log.ErrorContext(ctx, "continuous backup waits for its place", "error", err)
		select { // the doors stay open meanwhile
		case <-time.After(waitForPlace):
		case <-ctx.Done():
			return nil
		}
	}
}

// waitForPlace is how long until a place for backups that does not answer is asked again.
const waitForPlace = 30 * time.Second

// farTail is how often packs are copied to an object store beside the database: each time
// it lists what it has there.
const farTail = time.Minute

// streamTarget opens where the installation is copied continuously: a place of its own.
func (s settings) streamTarget(log *slog.Logger) (backup.Target, error) {
	if strings.HasPrefix(s.BackupContinuous, "s3:") {
		others := map[string]string{"--blobs": s.Blobs, "--second": s.Second, "--backup-to": s.BackupTo}
		if err := s.apart("--backup-continuous", s.BackupContinuous, others); err != nil {
			return nil, err
		}
		t, err := s.backupBucket(s.BackupContinuous, log)
		if err != nil {
			return nil, fmt.Errorf("--backup-continuous: %w", err)
		}
		return t, nil
	}
	if liesIn(s.BackupContinuous, s.Data) || s.BackupTo != "" && liesIn(s.BackupContinuous, s.BackupTo) {
		return nil, wrong("--backup-continuous %s: name a folder of its own, outside the data folder and --backup-to", s.BackupContinuous)
	}
	return backup.OpenFolder(s.BackupContinuous)
}

// A backedUp is an installation opened to be backed up, while it may be served by
// another process.
type backedUp struct {
	*backup.Keeper
	db *db.DB
}

// openBackup opens what a backup reads, and nothing else. It makes no new
// installation and migrates none.
func (s settings) openBackup(ctx context.Context, sys *system) (b backedUp, err error) {
	if s.BackupTo == "" {
		return b, wrong("--backup-to: name the folder for the backups")
	}
	if err := backup.Ready(s.Data); err != nil {
		return b, err
	}
	dsn := s.DB
	if dsn == "" {
		file := filepath.Join(s.Data, backup.SQLiteFile)
		dsn = "sqlite:" + file
		if _, err := os.Stat(file); err != nil {
			return b, fault.Errorf(fault.NotFound, "data folder %s holds no database: there is nothing to back up", s.Data)
		}
	}
	if b.db, err = db.Open(ctx, dsn, db.Options{}); err != nil {
		return b, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.db.Close())
		}
	}()
	for name, files := range migrations() {
		if n, err := b.db.Pending(ctx, name, files); err != nil || n != 0 {
			if err == nil {
				err = fault.Errorf(fault.Conflict, "the database is of another version than this program: start \"radagora serve\" of this version once, or use the program that serves it")
			}
			return b, err
		}
	}
	o := journal.Options{Log: sys.Log, Now: sys.Now, Holder: holderName(), LeaseTTL: leaseTTL}
	if o.MasterKey, err = keyFile(filepath.Join(s.Data, "journal.key")); err != nil {
		return b, err
	}
	if err := signing(&o, s.Data); err != nil {
		return b, err
	}
	j, err := journal.Open(ctx, b.db, o)
	if err != nil {
		return b, err
	}
	c, err := s.backupConfig(b.db, j, sys)
	if err != nil {
		return b, err
	}
	if s.Blobs != "" {
		far, err := s.openStore(ctx, s.Blobs, s.BlobsKey, s.BlobsSecret, sys.Log)
		if err != nil {
			return b, err
		}
		c.Far, c.FarPlace, c.FarCopied = far, s.Blobs, s.BackupBlobs
	}
	b.Keeper, err = backup.Open(ctx, c)
	return b, err
}

type backupCmd struct {
	Run    backupRunCmd    `cmd:"" default:"withargs" help:"Make a backup now."`
	Begin  backupBeginCmd  `cmd:"" help:"Begin a repository that a passphrase opens."`
	Key    backupKeyCmd    `cmd:"" help:"Make a key pair for backups."`
	List   backupListCmd   `cmd:"" help:"List the backups, and until when each is kept."`
	Prune  backupPruneCmd  `cmd:"" help:"Remove backups that are no longer kept."`
	Verify backupVerifyCmd `cmd:"" help:"Read a backup back and prove it."`
}

type backupRunCmd struct{ settings }

func (backupRunCmd) Help() string {
	return `Copies database, packs, keys, content and configuration to a folder or an object store, encrypted to the public keys named with
--backup-recipient; the doors may be open meanwhile. Only what is new since the last backup is written. A kill at any
moment leaves the former backups whole. What only the environment holds, such as the password of a database, is not
in it. Packs that are kept in an object store (--blobs) are named and not copied unless --backup-blobs says so. What is
written to an object store is read back and compared before the backup counts. Then removes what --backup-keep does not keep.

Example:

    radagora backup --data /var/lib/radagora --backup-to /mnt/backup --backup-recipient age1…
    radagora backup --data /var/lib/radagora --backup-to 's3://backup/radagora?endpoint=https://s3.hospital.example'`
}

// Run makes a backup.
func (c backupRunCmd) Run(ctx context.Context, sys *system) (err error) {
	b, err := c.openBackup(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.db.Close()) }()
	began := sys.Now()
	m, err := b.Run(ctx)
	if err != nil {
		return err
	}
	size, pieces := m.Size()
	_, err = fmt.Fprintf(sys.Out, "backup %s: %d objects, %d tables, %s in %d pieces, of which %s are new; %v\nsigned by %s\n",
		m.ID, m.Objects(), len(m.Database.Tables), bytesText(size), pieces, bytesText(m.Added), sys.Now().Sub(began).Round(time.Millisecond), b.Fingerprint())
	tellApart(sys, m)
	return err
}

// tellApart says which packs a backup names and does not hold.
func tellApart(sys *system, m *backup.Manifest) {
	for place, n := range m.Where() {
		fmt.Fprintf(sys.Out, "not in it: %d packs in %s, which it names only: restoring needs that store as it is, or --backup-blobs when backups are made\n", n, place)
	}
}

// bytesText shows a size to people.
func bytesText(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 10<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 10<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}

type backupBeginCmd struct {
	settings
	passphraseFlags
}

func (backupBeginCmd) Help() string {
	return `Begins a repository whose key is kept in it under a passphrase: on the day of need the folder and the passphrase
are enough. Whoever makes backups needs neither; do not keep the passphrase on this machine.

Example:

    radagora backup begin --data /var/lib/radagora --backup-to /mnt/backup --passphrase-file /run/passphrase`
}

// Run begins the repository.
func (c backupBeginCmd) Run(ctx context.Context, sys *system) (err error) {
	passphrase, err := c.passphrase()
	if err != nil {
		return err
	}
	if passphrase == "" {
		return wrong("a passphrase is needed: --passphrase-file, or %s in the environment", envName("backup-passphrase"))
	}
	b, err := c.openBackup(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.db.Close()) }()
	if err := b.BeginWithPassphrase(ctx, passphrase); err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "repository %s begun; write down who signs its backups: %s\n", c.BackupTo, b.Fingerprint())
	return err
}

// passphraseFlags are where a passphrase comes from.
type passphraseFlags struct {
	PassphraseFile   string `placeholder:"FILE" help:"Read the passphrase from the first line of this file."`
	BackupPassphrase string `setting:"" secret:"" name:"backup-passphrase" help:"The passphrase; only by environment or file."`
}

func (p passphraseFlags) passphrase() (string, error) {
	if p.PassphraseFile == "" {
		return p.BackupPassphrase, nil
	}
	b, err := os.ReadFile(p.PassphraseFile)
	if err != nil {
		return "", fmt.Errorf("passphrase: %w", trimPath(err, p.PassphraseFile))
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// secretFlags open a repository.
type secretFlags struct {
	passphraseFlags
	Identity string `placeholder:"FILE" help:"File with the identity (AGE-SECRET-KEY-…) that the backups were encrypted to."`
	Signer   string `placeholder:"FINGERPRINT" help:"Refuse backups that are not signed by this installation, as \"backup\" printed it."`
}

func (f secretFlags) secret() (backup.Secret, error) {
	passphrase, err := f.passphrase()
	if err != nil || f.Identity == "" {
		return backup.Secret{Passphrase: passphrase}, err
	}
	b, err := os.ReadFile(f.Identity)
	if err != nil {
		return backup.Secret{}, fmt.Errorf("identity: %w", trimPath(err, f.Identity))
	}
	return backup.Secret{Identities: string(b), Passphrase: passphrase}, nil
}

type backupKeyCmd struct {
	Out string `required:"" placeholder:"FILE" help:"Write the identity to this new file. Keep it away from the installation, and twice."`
}

func (backupKeyCmd) Help() string {
	return `Makes a key pair of age. The identity goes to the file and opens every backup made for it: print it, lock it away,
and remove the file from this machine. The public key is printed; give it to --backup-recipient. Keys made with
age-keygen serve as well.

Example:

    radagora backup key --out /media/stick/radagora-identity.txt`
}

// Run makes a key pair.
func (c backupKeyCmd) Run(sys *system) error {
	identity, recipient, err := backup.NewIdentity()
	if err != nil {
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("identity: %w", trimPath(err, c.Out))
	}
	_, err = fmt.Fprintf(f, "# opens backups of radagora made for %s\n%s\n", recipient, identity)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(sys.Out, recipient)
	return err
}

type backupListCmd struct{ settings }

func (backupListCmd) Help() string {
	return `Lists the backups, latest first: as of when, until when it is kept, how large it is and what it added.

Example:

    radagora backup list --data /var/lib/radagora --backup-to /mnt/backup`
}

// Run lists the backups.
func (c backupListCmd) Run(ctx context.Context, sys *system) (err error) {
	b, err := c.openBackup(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.db.Close()) }()
	all, err := b.Kept(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(sys.Out, 0, 8, 2, ' ', 0)
	for i, k := range all {
		until := "for ever"
		switch {
		case i == 0:
			until = "until there is another"
		case !k.Until.IsZero():
			until = "until " + k.Until.Format(time.DateOnly)
		}
		size, _ := k.Size()
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\tadded %s\t%d objects\n", k.ID, k.Snapshot.Format(time.RFC3339), until, bytesText(size), bytesText(k.Added), k.Objects())
	}
	return w.Flush()
}

type backupPruneCmd struct{ settings }

func (backupPruneCmd) Help() string {
	return `Removes the backups that --backup-keep no longer keeps, and the pieces that no backup names any more. The latest
backup stays always. "radagora backup" and the schedule of serve do the same when they are done.

Example:

    radagora backup prune --data /var/lib/radagora --backup-to /mnt/backup --backup-keep 7d,5w,12m`
}

// Run prunes.
func (c backupPruneCmd) Run(ctx context.Context, sys *system) (err error) {
	b, err := c.openBackup(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.db.Close()) }()
	policy, err := backup.ParsePolicy(c.BackupKeep)
	if err != nil {
		return err
	}
	done, err := b.Prune(ctx, policy)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(sys.Out, "%d backups removed, %d kept, %s given back\n", done.Backups, done.Kept, bytesText(done.Bytes))
	return err
}
