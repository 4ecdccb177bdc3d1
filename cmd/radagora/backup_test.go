package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/backup"
	"radagora/db"
)

// kept makes a small installation and two key pairs in one identity file.
func kept(t *testing.T) (data, identity string, recipients []string) {
	t.Helper()
	dir := t.TempDir()
	data, identity = filepath.Join(dir, "data"), filepath.Join(dir, "identity.txt")
	command(t, exitDone, "demo", "--data", data, "--size", "small")
	var lines []string
	for range 2 {
		id, recipient, err := backup.NewIdentity()
		check(t, err)
		lines, recipients = append(lines, id), append(recipients, recipient)
	}
	check(t, os.WriteFile(identity, []byte(strings.Join(lines, "\n")), 0o600))
	return data, identity, recipients
}

// killed starts a command and kills it after a while, unless it ends before.
func killed(t *testing.T, after time.Duration, args ...string) (ended bool) {
	t.Helper()
	cmd := exec.Command("radagora", args...)
	check(t, cmd.Start())
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(after):
	}
	_ = cmd.Process.Kill()
	<-done
	return false
}

// upTo returns a random duration of at most most.
func upTo(most time.Duration) time.Duration { return time.Duration(rand.Int64N(int64(most))) }

// instances returns how many instances a whole data folder holds: the demonstration is of
// a year that ends today, and no number of objects holds for every day.
func instances(t *testing.T, data string) string {
	t.Helper()
	out := command(t, exitDone, "check", "--data", data)
	n := regexp.MustCompile(`archive: (\d\d+) instances`).FindStringSubmatch(out)
	if n == nil {
		t.Fatalf("no archive in\n%s", out)
	}
	return n[1]
}

// TestKillDuringBackup kills backups at random moments. After each, the former
// backups are whole, and the next is made as if nothing had been.
func TestKillDuringBackup(t *testing.T) {
	slow(t)
	t.Parallel()
	data, identity, recipients := kept(t)
	to := filepath.Join(t.TempDir(), "backups")
	began := time.Now()
	if !killed(t, time.Minute, "backup", "--data", data, "--backup-to", to, "--backup-recipient", recipients[1]) {
		t.Fatal("a backup takes longer than a minute")
	}
	takes := time.Since(began)
	kills := 0
	for round := range 3 * killRounds(t, 3) {
		args := []string{"backup", "--data", data, "--backup-to", to, "--backup-recipient", recipients[round%2]} // others each time: all is written anew
		if !killed(t, upTo(takes), args...) {
			kills++
		}
		command(t, exitDone, "backup", "verify", "--data", data, "--backup-to", to)
	}
	if kills == 0 {
		t.Error("every backup ended before it was killed: the test tests nothing")
	}
	command(t, exitDone, "backup", "--data", data, "--backup-to", to)
	out := command(t, exitDone, "backup", "verify", "--data", data, "--backup-to", to, "--identity", identity)
	if want := instances(t, data) + " objects"; !strings.Contains(out, want) {
		t.Errorf("after %d kills:\n%s", kills, out)
	}
	if left, err := filepath.Glob(filepath.Join(to, "tmp", "*")); err != nil || len(left) != 0 {
		t.Errorf("%v is left of killed backups, %v", left, err)
	}
	named := map[string]bool{}
	target, err := backup.OpenFolder(to)
	check(t, err)
	text, err := os.ReadFile(identity)
	check(t, err)
	s, err := backup.OpenSource(t.Context(), target, backup.Secret{Identities: string(text)}, "")
	check(t, err)
	all, err := s.Backups(t.Context())
	check(t, err)
	for _, m := range all {
		for _, p := range m.Packs {
			for _, span := range p.Spans {
				named[fmt.Sprintf("%x", span.Name)] = true
			}
		}
	}
	for item, err := range target.List(t.Context(), "pieces/") {
		check(t, err)
		delete(named, filepath.Base(item.Name))
	}
	if len(named) > 0 {
		t.Errorf("%d pieces of packs are named and not there", len(named))
	}
	t.Logf("%d of %d backups were killed; a whole one took %v", kills, 3*killRounds(t, 3), takes)
}

// TestKillDuringRestore kills restores at random moments. Nobody can open what they
// leave, and the same command begins again.
func TestKillDuringRestore(t *testing.T) {
	slow(t)
	t.Parallel()
	data, identity, recipients := kept(t)
	to := filepath.Join(t.TempDir(), "backups")
	command(t, exitDone, "backup", "--data", data, "--backup-to", to, "--backup-recipient", recipients[0])
	kills, want := 0, instances(t, data)
	for range 2 * killRounds(t, 3) {
		fresh := filepath.Join(t.TempDir(), "new")
		args := []string{"restore", "--from", to, "--data", fresh, "--identity", identity}
		if !killed(t, 10*time.Millisecond+upTo(400*time.Millisecond), args...) {
			kills++
			if entries, err := os.ReadDir(fresh); err == nil && len(entries) > 0 {
				if _, err := os.Stat(filepath.Join(fresh, backup.Mark)); err == nil {
					command(t, exitFailed, "check", "--data", fresh)
					command(t, exitFailed, "backup", "--data", fresh, "--backup-to", t.TempDir())
				}
			}
			command(t, exitDone, args...)
		}
		if is := instances(t, fresh); is != want {
			t.Errorf("%s instances are restored, want %s", is, want)
		}
	}
	if kills == 0 {
		t.Error("every restore ended before it was killed: the test tests nothing")
	}
}

// TestMigrationsAreAllKnown fails when a room has tables that a restore could not
// make: add it to migrations in restore.go.
func TestMigrationsAreAllKnown(t *testing.T) {
	slow(t)
	inside(t, filepath.Join(t.TempDir(), "data"), func(ctx context.Context, h *house) {
		all, err := h.DB.Migrations(ctx)
		check(t, err)
		known := migrations()
		for _, m := range all {
			if _, ok := known[m.Name]; !ok && m.Name != "db" {
				t.Errorf("the house has tables of %q, and migrations() does not know them", m.Name)
			}
			delete(known, m.Name)
		}
		if len(known) > 0 {
			t.Errorf("migrations() names %v, which the house does not have", slices.Sorted(maps.Keys(known)))
		}
	})
}

// TestUpdateLeavesCopy updates the database of an older program, and goes back.
func TestUpdateLeavesCopy(t *testing.T) {
	slow(t)
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	inside(t, data, func(context.Context, *house) {})
	file := filepath.Join(data, backup.SQLiteFile)
	d, err := db.Open(t.Context(), "sqlite:"+file, db.Options{})
	check(t, err)
	check(t, d.Write(t.Context(), func(tx *db.Tx) error { // as if this program were older: a newer one came by
		_, err := tx.Exec(t.Context(), "insert into migration_journal (version_id, is_applied, tstamp) values (9999, 1, 'now')")
		return err
	}))
	check(t, d.Close())
	command(t, exitFailed, "check", "--data", data)
	d, err = db.Open(t.Context(), "sqlite:"+file, db.Options{})
	check(t, err)
	check(t, d.Write(t.Context(), func(tx *db.Tx) error { // and as if it were newer: an older one was there last
		for _, s := range []string{"delete from migration_journal where version_id = 9999", "drop table backup_run", "drop table backup_erasure", "delete from migration_backup where version_id > 0"} {
			if _, err := tx.Exec(t.Context(), s); err != nil {
				return err
			}
		}
		return nil
	}))
	check(t, d.Close())
	command(t, exitDone, "check", "--data", data)
	copies, err := db.SafetyCopies(file)
	if err != nil || len(copies) != 1 {
		t.Fatalf("%d copies from before the update, %v; want 1", len(copies), err)
	}
	for _, name := range []string{file, file + "-wal", file + "-shm"} {
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	check(t, os.Rename(copies[0].File, file)) // the way back, as docs/operate/backup.md says
	old, err := db.Open(t.Context(), "sqlite:"+file, db.Options{})
	check(t, err)
	defer old.Close()
	if n, err := old.Pending(t.Context(), "backup", backup.Migrations()); err != nil || n == 0 {
		t.Errorf("%d migrations are pending on the copy, %v; want it as it was before the update", n, err)
	}
}
