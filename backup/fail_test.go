package backup_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"radagora/backup"
	"radagora/blob"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// pieces returns the files of all pieces, largest first.
func pieces(t *testing.T, to string) []string {
	t.Helper()
	files := filesOf(t, to)
	var all []string
	for name := range files {
		if strings.HasPrefix(name, "pieces/") {
			all = append(all, name)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(files[b]) - len(files[a]) })
	return all
}

func TestWrongSecrets(t *testing.T) {
	i, to := install(t, ""), t.TempDir()
	i.put(t, 1, 100)
	k := i.keeper(t, to, backup.Quick)
	if _, err := k.Run(t.Context()); fault.Of(err) != fault.Invalid {
		t.Errorf("Run without a recipient = %v; want invalid", err)
	}
	if err := k.BeginWithPassphrase(t.Context(), "short"); fault.Of(err) != fault.Invalid {
		t.Errorf("BeginWithPassphrase(short) = %v; want invalid", err)
	}
	const passphrase = "correct horse battery staple"
	check(t, k.BeginWithPassphrase(t.Context(), passphrase))
	if err := k.BeginWithPassphrase(t.Context(), passphrase); fault.Of(err) != fault.Conflict {
		t.Errorf("BeginWithPassphrase again = %v; want conflict", err)
	}
	_, err := k.Run(t.Context())
	check(t, err)
	target, err := backup.OpenFolder(to)
	check(t, err)
	other, _, err := backup.NewIdentity()
	check(t, err)
	for _, c := range []struct {
		name   string
		secret backup.Secret
		signer string
		want   fault.Kind
	}{
		{"no passphrase", backup.Secret{}, "", fault.Invalid},
		{"a wrong passphrase", backup.Secret{Passphrase: "correct horse battery stable"}, "", fault.Forbidden},
		{"somebody else's identity", backup.Secret{Identities: other}, "", fault.Forbidden},
		{"no identity at all", backup.Secret{Identities: "hello"}, "", fault.Invalid},
		{"another signer than expected", backup.Secret{Passphrase: passphrase}, "0011223344556677", fault.Forbidden},
	} {
		if _, err := backup.OpenSource(t.Context(), target, c.secret, c.signer); err == nil || fault.Of(err) != c.want {
			t.Errorf("%s: OpenSource = %v; want %v", c.name, err, c.want)
		}
	}
	if _, err := backup.OpenSource(t.Context(), target, backup.Secret{Passphrase: passphrase}, k.Fingerprint()); err != nil {
		t.Errorf("the right passphrase: %v", err)
	}
	for name, b := range filesOf(t, i.data) {
		if strings.Contains(b, "AGE-SECRET-KEY") {
			t.Errorf("%s in the data folder holds an identity", name)
		}
	}
	empty, err := backup.OpenFolder(filepath.Join(to, "nowhere"))
	check(t, err)
	if _, err := backup.OpenSource(t.Context(), empty, backup.Secret{}, ""); fault.Of(err) != fault.NotFound {
		t.Errorf("OpenSource of no repository = %v; want not found", err)
	}
}

// proof verifies the latest backup as deep as can be.
func proof(t *testing.T, to string, secret backup.Secret) *backup.Proof {
	t.Helper()
	s := source(t, to, secret)
	m, err := s.Backup(t.Context(), "")
	check(t, err)
	p, err := backup.Verify(t.Context(), s, m, t.TempDir(), rooms, nil)
	check(t, err)
	return p
}

// TestDamageIsFoundAndHeals turns a bit of a piece, and takes one away: both ways of
// verifying name it, restoring refuses, and the next backup writes what is missing.
func TestDamageIsFoundAndHeals(t *testing.T) {
	i, to := install(t, ""), t.TempDir()
	secret, config := for1(t)
	k := i.keeper(t, to, config)
	i.put(t, 5, 50_000)
	_, err := k.Run(t.Context())
	check(t, err)
	if p := proof(t, to, secret); !p.Good() || p.Objects != 5 || p.Rows["journal_entry"] != 5 || !p.Integrity || !p.Opened {
		t.Errorf("Verify of a good backup = %+v", p)
	}
	victim := filepath.Join(to, pieces(t, to)[0])
	whole, err := os.ReadFile(victim)
	check(t, err)
	for name, harm := range map[string]func() error{
		"a bit turned": func() error {
			b := slices.Clone(whole)
			b[len(b)/2] ^= 4
			return os.WriteFile(victim, b, 0o600)
		},
		"cut short": func() error { return os.WriteFile(victim, whole[:len(whole)-1], 0o600) },
		"gone":      func() error { return os.Remove(victim) },
	} {
		check(t, harm())
		look, err := k.Look(t.Context(), "")
		check(t, err)
		deep := proof(t, to, secret)
		for _, p := range []*backup.Proof{look, deep} {
			if len(p.Wrong) != 1 || p.Wrong[0].What != "piece" || filepath.Base(p.Wrong[0].Name) != filepath.Base(victim) {
				t.Errorf("%s: found %+v; want the one piece", name, p.Wrong)
			}
		}
		s := source(t, to, secret)
		m, err := s.Backup(t.Context(), "")
		check(t, err)
		r := &backup.Restore{Source: s, Backup: m, Data: filepath.Join(t.TempDir(), "new"), Rooms: rooms}
		if _, err := r.Run(t.Context()); err == nil {
			t.Errorf("%s: restored all the same", name)
		}
		if err := backup.Ready(r.Data); fault.Of(err) != fault.Conflict {
			t.Errorf("%s: Ready after a restore that failed = %v; want conflict", name, err)
		}
		check(t, os.WriteFile(victim, whole, 0o600))
	}
	check(t, os.Remove(victim))
	_, err = k.Run(t.Context())
	check(t, err)
	if p := proof(t, to, secret); !p.Good() || p.Objects != 5 {
		t.Errorf("after the next backup: %+v; want it healed", p.Wrong)
	}
}

// TestForgedManifest changes a manifest, and puts that of another installation there.
func TestForgedManifest(t *testing.T) {
	i, to := install(t, ""), t.TempDir()
	secret, config := for1(t)
	k := i.keeper(t, to, config)
	i.put(t, 1, 100)
	m, err := k.Run(t.Context())
	check(t, err)
	file := filepath.Join(to, "manifests", m.ID)
	b, err := os.ReadFile(file)
	check(t, err)
	other, into := install(t, ""), t.TempDir()
	other.put(t, 1, 100)
	theirs, err := other.keeper(t, into, config).Run(t.Context())
	check(t, err)
	foreign, err := os.ReadFile(filepath.Join(into, "manifests", theirs.ID))
	check(t, err)
	for name, forged := range map[string][]byte{
		"of another installation": foreign, "changed": append(slices.Clone(b[:len(b)-9]), b[len(b)-8:]...), "empty": nil, "no manifest": []byte("hello\n"),
	} {
		check(t, os.WriteFile(file, forged, 0o600))
		if m, err := source(t, to, secret).Backup(t.Context(), ""); err == nil {
			t.Errorf("%s: read as backup %s", name, m.ID)
		}
		before := len(pieces(t, to))
		if _, err := k.Prune(t.Context(), backup.Policy{All: 1}); err != nil {
			t.Errorf("%s: prune: %v", name, err)
		}
		if after := len(pieces(t, to)); after != before {
			t.Errorf("%s: %d pieces were swept while a manifest could not be read", name, before-after)
		}
	}
	if _, err := other.keeper(t, to, config).Run(t.Context()); fault.Of(err) != fault.Forbidden {
		t.Errorf("another installation backs up into the repository: %v; want forbidden", err)
	}
	full := t.TempDir()
	check(t, os.WriteFile(filepath.Join(full, "holiday.jpg"), []byte("x"), 0o600))
	if _, err := i.keeper(t, full, config).Run(t.Context()); fault.Of(err) != fault.Conflict {
		t.Errorf("backup into a folder with other things = %v; want conflict", err)
	}
}

// A fullTarget has room for so many bytes.
type fullTarget struct {
	backup.Target
	mu   sync.Mutex
	room int64
}

func (f *fullTarget) Put(ctx context.Context, name string, r io.Reader) error {
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	f.mu.Lock()
	full := f.room < int64(len(b))
	if !full {
		f.room -= int64(len(b))
	}
	f.mu.Unlock()
	if full {
		return fault.As(fault.Exhausted, syscall.ENOSPC)
	}
	return f.Target.Put(ctx, name, strings.NewReader(string(b)))
}

// TestDiskFull ends a backup for want of room: the former one stays whole, what came
// of it is recorded, and with room again the next is made and uses what is there.
func TestDiskFull(t *testing.T) {
	i, to := install(t, ""), t.TempDir()
	secret, config := for1(t)
	i.put(t, 5, 50_000)
	folder, err := backup.OpenFolder(to)
	check(t, err)
	target := &fullTarget{Target: folder, room: 1 << 50}
	k := i.keeper(t, to, config, func(c *backup.Config) { c.Target = target })
	good, err := k.Run(t.Context())
	check(t, err)
	i.put(t, 20, 100_000)
	target.room = 1_000_000
	if _, err := k.Run(t.Context()); fault.Of(err) != fault.Exhausted {
		t.Errorf("Run with a full disk = %v; want exhausted", err)
	}
	m, err := source(t, to, secret).Backup(t.Context(), "")
	check(t, err)
	if m.ID != good.ID {
		t.Errorf("the latest backup is %s; want the former one, %s", m.ID, good.ID)
	}
	if p := proof(t, to, secret); !p.Good() {
		t.Errorf("the former backup: %+v", p.Wrong)
	}
	s, err := k.State(t.Context(), time.Hour)
	check(t, err)
	if s.Last.Backup != good.ID || s.Failed.ID == "" || !strings.Contains(s.Failed.Error, "no space left") {
		t.Errorf("State = %+v", s)
	}
	target.room = 1 << 50
	m, err = k.Run(t.Context())
	check(t, err)
	if p := proof(t, to, secret); !p.Good() || p.Objects != 25 {
		t.Errorf("with room again: %+v", p)
	}
	if size, _ := m.Size(); m.Added > size-700_000 {
		t.Errorf("wrote %d of %d bytes: what the unfinished backup wrote was not used", m.Added, size)
	}
}

// TestRealDiskFull does it with a real file system, if the test may mount one.
func TestRealDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skip("cannot mount a small file system: " + err.Error())
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	i := install(t, "")
	secret, config := for1(t)
	k := i.keeper(t, filepath.Join(dir, "b"), config)
	i.put(t, 3, 50_000)
	good, err := k.Run(t.Context())
	check(t, err)
	i.put(t, 10, 200_000)
	if _, err := k.Run(t.Context()); fault.Of(err) != fault.Exhausted {
		t.Errorf("Run = %v; want exhausted", err)
	}
	if m, err := source(t, filepath.Join(dir, "b"), secret).Backup(t.Context(), ""); err != nil || m.ID != good.ID {
		t.Errorf("the former backup: %v, %v", m, err)
	}
	if p := proof(t, filepath.Join(dir, "b"), secret); !p.Good() {
		t.Errorf("the former backup: %+v", p.Wrong)
	}
}

// TestRestoreOverwritesNothing restores where something is.
func TestRestoreOverwritesNothing(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		i, to := install(t, dsn), t.TempDir()
		secret, config := for1(t)
		i.put(t, 2, 100)
		_, err := i.keeper(t, to, config).Run(t.Context())
		check(t, err)
		s := source(t, to, secret)
		m, err := s.Backup(t.Context(), "")
		check(t, err)
		for name, r := range map[string]*backup.Restore{
			"the data folder":        {Source: s, Backup: m, Data: i.data, Rooms: rooms},
			"a database with tables": {Source: s, Backup: m, Data: filepath.Join(t.TempDir(), "new"), DSN: i.dsn, Rooms: rooms},
		} {
			if _, err := r.Run(t.Context()); fault.Of(err) != fault.Conflict {
				t.Errorf("%s: Run = %v; want conflict", name, err)
			}
		}
	})
}

// TestRemovedObjects expects a backup made after a removal not to hold the bytes,
// and to be restored without the object; and the old bytes to go with the old backup.
func TestRemovedObjects(t *testing.T) {
	i, to := install(t, ""), t.TempDir()
	secret, config := for1(t)
	k := i.keeper(t, to, config)
	i.put(t, 30, 60_000)
	old, err := k.Run(t.Context())
	check(t, err)
	for _, ref := range i.refs[:3] {
		check(t, i.store.Remove(t.Context(), ref))
	}
	young, err := k.Run(t.Context())
	check(t, err)
	for _, c := range []struct {
		id   string
		want int
	}{{old.ID, 30}, {young.ID, 27}} {
		data, _ := restore(t, to, secret, c.id, "")
		if got := objectsOf(t, data); len(got) != c.want {
			t.Errorf("backup %s: %d objects; want %d", c.id, len(got), c.want)
		}
	}
	i.now = i.now.AddDate(0, 0, 3)
	before := len(pieces(t, to))
	done, err := k.Prune(t.Context(), backup.Policy{All: 1})
	check(t, err)
	if done.Backups != 1 || done.Kept != 1 || len(pieces(t, to)) >= before {
		t.Errorf("Prune = %+v, %d pieces of %d are left", done, len(pieces(t, to)), before)
	}
	if p := proof(t, to, secret); !p.Good() || p.Objects != 27 {
		t.Errorf("after pruning: %+v", p)
	}
}

// A replayer erases what it is told was erased.
type replayer struct {
	refs  map[string]blob.Ref // by person
	found []string
}

func (r *replayer) Replay(_ context.Context, erased backup.Erased) (int, error) {
	for person := range r.refs {
		if erased.Was("person", "default", person) {
			r.found = append(r.found, person)
		}
	}
	return len(r.found), nil
}

// TestErasuresAreReplayed restores a backup from before an erasure: what the noted
// erasures are is known again, and a destroyed key of the journal is destroyed again.
// That holds when no backup was made since, by the list beside the backups alone.
func TestErasuresAreReplayed(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		for _, later := range []bool{false, true} {
			i, to := install(t, dsn), t.TempDir()
			if later { // a second one
				if dsn = ""; i.db.Engine() == db.Postgres {
					dsn = dbtest.Postgres(t)
				}
				i = install(t, dsn)
			}
			secret, config := for1(t)
			k := i.keeper(t, to, config)
			i.put(t, 3, 100)
			before, err := k.Run(t.Context())
			check(t, err)
			i.now = i.now.Add(time.Hour)
			check(t, i.db.Write(t.Context(), func(tx *db.Tx) error {
				if err := k.NoteErasure(t.Context(), tx, "person", "default", "4711"); err != nil {
					return err
				}
				return i.journal.Erase(t.Context(), tx, "person 2", journal.Entry{Site: "default", Actor: "test", Kind: "journal.person.erased"})
			}))
			if later {
				_, err = k.Run(t.Context())
			} else {
				err = k.Carry(t.Context())
			}
			check(t, err)
			if b := filesOf(t, to)["erasures"]; strings.Contains(b, "4711") {
				t.Error("the list of erasures names the person")
			}
			s := source(t, to, secret)
			m, err := s.Backup(t.Context(), before.ID)
			check(t, err)
			r := &backup.Restore{Source: s, Backup: m, Data: filepath.Join(t.TempDir(), "new"), Rooms: rooms}
			done, err := r.Run(t.Context())
			check(t, err)
			d := dbtest.Open(t, done.DSN)
			keys := func() (n int) {
				check(t, d.QueryRow(t.Context(), "select count(*) from journal_person_key where wrapped is not null").Scan(&n))
				return n
			}
			if n := keys(); n != 3 {
				t.Fatalf("the backup has %d keys; want 3", n)
			}
			if _, _, err := r.Replay(t.Context(), d, nil); fault.Of(err) != fault.Unsupported {
				t.Errorf("Replay by nobody = %v; want unsupported", err)
			}
			rooms := &replayer{refs: map[string]blob.Ref{"4711": {}, "4712": {}}}
			erased, records, err := r.Replay(t.Context(), d, rooms)
			check(t, err)
			if erased.Len() != 2 || records != 1 || !slices.Equal(rooms.found, []string{"4711"}) || keys() != 2 {
				t.Errorf("later backup %v: %d erasures, %d records, found %v, %d keys", later, erased.Len(), records, rooms.found, keys())
			}
			var noted int
			check(t, d.QueryRow(t.Context(), "select count(*) from backup_erasure").Scan(&noted))
			if noted != 1 {
				t.Errorf("the restored database knows %d erasures; its next backups must carry them", noted)
			}
		}
	})
}

func TestPolicy(t *testing.T) {
	for _, c := range []struct {
		text string
		want backup.Policy
		kind fault.Kind
	}{
		{"2a,7d,5w,12m", backup.Policy{All: 2, Daily: 7, Weekly: 5, Monthly: 12}, 0},
		{"30d", backup.Policy{Daily: 30}, 0},
		{"", backup.Policy{}, 0},
		{"seven days", backup.Policy{}, fault.Invalid},
		{"7y", backup.Policy{}, fault.Invalid},
	} {
		got, err := backup.ParsePolicy(c.text)
		if (err != nil) != (c.kind != 0) || err != nil && fault.Of(err) != c.kind || err == nil && got != c.want {
			t.Errorf("ParsePolicy(%q) = %+v, %v; want %+v", c.text, got, err, c.want)
		}
		if err == nil && got.String() != c.text {
			t.Errorf("String of %q = %q", c.text, got.String())
		}
	}
}

// TestRetention makes a backup every twelve hours for forty days and expects the
// dates that the policy gives, and the answer to a data-protection officer.
func TestRetention(t *testing.T) {
	i, to := install(t, ""), t.TempDir()
	_, config := for1(t)
	policy := backup.Policy{All: 1, Daily: 3, Weekly: 2, Monthly: 1}
	k := i.keeper(t, to, config, func(c *backup.Config) { c.Keep = policy; c.Journal = nil })
	i.put(t, 1, 100)
	start := time.Date(2026, 1, 1, 6, 0, 0, 0, time.UTC) // a Thursday
	for n := range 80 {
		i.now = start.Add(time.Duration(n) * 12 * time.Hour)
		_, err := k.Run(t.Context())
		check(t, err)
	}
	all, err := k.Kept(t.Context())
	check(t, err)
	var got []string
	for _, b := range all {
		got = append(got, b.Snapshot.Format("01-02T15")+" until "+b.Until.Format("01-02T15"))
	}
	want := []string{
		"02-09T18 until 03-09T18", "02-09T06 until 02-10T06", "02-08T18 until 02-22T18", "02-07T18 until 02-10T18",
		"02-01T18 until 02-15T18", "01-31T18 until 02-28T18",
	}
	// January has 31 days: the end of February is the 28th, written 03-03 by AddDate.
	want[5] = all[len(all)-1].Snapshot.Format("01-02T15") + " until " + all[len(all)-1].Snapshot.AddDate(0, 1, 0).Format("01-02T15")
	if !slices.Equal(got, want) {
		t.Errorf("kept:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, c := range []struct {
		name  string
		at    time.Time
		until string
		holds bool
	}{
		{"erased now: the end of the latest backup", i.now, "03-09T18", true},
		{"erased on the first of February: the end of January's", time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), "03-03T18", true},
		{"erased before any backup that is left", time.Date(2026, 1, 10, 0, 0, 0, 0, time.UTC), "01-01T00", false},
	} {
		until, holds, err := k.LastBackupHolding(t.Context(), c.at)
		if err != nil || holds != c.holds || until.Format("01-02T15") != c.until {
			t.Errorf("%s: LastBackupHolding = %v, %v, %v; want %s, %v", c.name, until, holds, err, c.until, c.holds)
		}
	}
}

// TestState expects a word when backups are late, and none when there are none to be.
func TestState(t *testing.T) {
	i, to := install(t, ""), filepath.Join(t.TempDir(), "share")
	_, config := for1(t)
	k := i.keeper(t, to, config)
	state := func(every time.Duration) backup.State {
		s, err := k.State(t.Context(), every)
		check(t, err)
		return s
	}
	if s := state(0); s.Late || s.Last.ID != "" {
		t.Errorf("without a schedule and a backup: %+v", s)
	}
	if s := state(24 * time.Hour); !s.Late || !s.Next.Equal(i.now) {
		t.Errorf("with a schedule and no backup: %+v; want late, and due now", s)
	}
	_, err := k.Run(t.Context())
	check(t, err)
	i.now = i.now.Add(20 * time.Hour)
	if s := state(24 * time.Hour); s.Late || s.Age < 20*time.Hour || s.Next.Sub(i.now) != 4*time.Hour-i.now.Sub(i.now) && s.Next.Before(i.now) {
		t.Errorf("after 20 hours of 24: %+v", s)
	}
	i.now = i.now.Add(6 * time.Hour)
	if s := state(24 * time.Hour); !s.Late || s.Next.After(i.now) {
		t.Errorf("after 26 hours of 24: %+v; want late", s)
	}
	check(t, os.Rename(to, to+" away")) // as a share that is no longer mounted
	check(t, os.Mkdir(to, 0o700))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Always(ctx, 24*time.Hour) }()
	for n := 0; state(24*time.Hour).Failed.ID == "" && n < 500; n++ {
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	check(t, <-ended)
	if s := state(24 * time.Hour); !s.Away || !s.Late || !strings.Contains(s.Failed.Error, "is it mounted") || len(filesOf(t, to)) > 0 {
		t.Errorf("not mounted: %+v, and %d files", s, len(filesOf(t, to)))
	}
	check(t, os.Remove(to))
	check(t, os.Rename(to+" away", to))
	p, err := k.Look(t.Context(), "")
	check(t, err)
	check(t, k.Verified(t.Context(), p, nil))
	if s := state(0); s.Late || s.Verified.Backup != s.Last.Backup {
		t.Errorf("verified: %+v", s)
	}
}

// TestAsk has a backup made and verified by the schedule's hand.
func TestAsk(t *testing.T) {
	i, to := install(t, ""), t.TempDir()
	_, config := for1(t)
	k := i.keeper(t, to, config)
	if err := k.Ask(t.Context(), "ann", "sing"); fault.Of(err) != fault.Invalid {
		t.Errorf("Ask(sing) = %v; want invalid", err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- k.Always(ctx, 0) }()
	for _, what := range []string{backup.ARun, backup.AVerify} {
		check(t, k.Ask(t.Context(), "ann", what))
		for n := 0; ; n++ {
			s, err := k.State(t.Context(), 0)
			check(t, err)
			if s.Last.ID != "" && (what == backup.ARun || s.Verified.ID != "") && k.Doing() == "" {
				break
			}
			if n == 500 {
				t.Fatalf("%s: not done: %+v", what, s)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	stop()
	check(t, <-ended)
	var n int
	check(t, i.db.QueryRow(t.Context(), "select count(*) from journal_entry where actor = 'ann' and kind like 'backup.%.asked'").Scan(&n))
	if n != 2 {
		t.Errorf("%d entries say who asked; want 2", n)
	}
	none := i.keeper(t, to, func(c *backup.Config) { c.Target = nil })
	if err := none.Ask(t.Context(), "ann", backup.ARun); fault.Of(err) != fault.Invalid {
		t.Errorf("Ask without a target = %v; want invalid", err)
	}
}
