package db_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

// older and newer are the migrations of two versions of a program. The newer one
// takes its time, so that it can be killed.
var (
	older = fstest.MapFS{"0001_a.sql": {Data: []byte("-- +goose Up\ncreate table a (id bigint not null);\ninsert into a values (1);\n")}}
	newer = fstest.MapFS{
		"0001_a.sql": older["0001_a.sql"],
		"0002_b.sql": {Data: []byte("-- +goose Up\ncreate table b (id bigint not null);\n")},
		"0003_c.sql": {Data: []byte(`-- +goose Up
insert into a with recursive n (x) as (select 2 union all select x + 1 from n where x < 400000) select x from n;
alter table a add column c bigint;
`)},
	}
)

const migrateEnv = "RADAGORA_TEST_MIGRATE"

// TestMigrateChild is the newer program that TestKillDuringMigration kills.
func TestMigrateChild(t *testing.T) {
	dsn := os.Getenv(migrateEnv)
	if dsn == "" {
		t.Skip("a child of TestKillDuringMigration")
	}
	d, err := db.Open(t.Context(), dsn, db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("begun")
	if err := d.Migrate(t.Context(), "thing", newer); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestKillDuringMigration kills an update at random moments. The next start ends it,
// and the copy from before serves the older program.
func TestKillDuringMigration(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long, and kills processes: left out with -short, and so under the race detector")
	}
	for round := range 6 {
		file := filepath.Join(t.TempDir(), "radagora.db")
		dsn := "sqlite:" + file
		d := dbtest.Open(t, dsn)
		if err := d.Migrate(t.Context(), "thing", older); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		child := exec.Command(os.Args[0], "-test.run=^TestMigrateChild$", "-test.v")
		child.Env = append(os.Environ(), migrateEnv+"="+dsn)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		for in := bufio.NewScanner(out); in.Scan() && in.Text() != "begun"; {
		}
		time.Sleep(time.Duration(rand.IntN(40)*(round+1)) * time.Millisecond)
		_ = child.Process.Kill()
		_ = child.Wait()

		d = dbtest.Open(t, dsn)
		if err := d.Migrate(t.Context(), "thing", newer); err != nil {
			t.Fatalf("round %d: the start after the kill: %v", round, err)
		}
		var n, largest int64
		if err := d.QueryRow(t.Context(), "select count(*), max(id) from a where c is null").Scan(&n, &largest); err != nil || n != 400000 || largest != n {
			t.Errorf("round %d: %d rows up to %d, %v; want each once", round, n, largest, err)
		}
		copies, err := db.SafetyCopies(file)
		if err != nil || len(copies) == 0 {
			t.Fatalf("round %d: %d copies, %v", round, len(copies), err)
		}
		rollBack(t, copies[len(copies)-1].File)
	}
}

// rollBack starts the older program on a copy.
func rollBack(t *testing.T, file string) {
	t.Helper()
	d := dbtest.Open(t, "sqlite:"+file)
	if err := d.Migrate(t.Context(), "thing", older); err != nil {
		t.Errorf("the older program does not start on the copy: %v", err)
	}
	var n int64
	if err := d.QueryRow(t.Context(), "select count(*) from a").Scan(&n); err != nil || n != 1 {
		t.Errorf("the copy has %d rows, %v; want the one from before", n, err)
	}
}

// TestSafetyCopies expects a copy before each update of an existing file, one for
// each state of the migrations, and no more than asked for.
func TestSafetyCopies(t *testing.T) {
	file := filepath.Join(t.TempDir(), "radagora.db")
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	migrate := func(files fstest.MapFS, keep int) error {
		now = now.Add(time.Hour)
		d, err := db.Open(t.Context(), "sqlite:"+file, db.Options{SafetyCopies: keep, Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		return errors.Join(d.Migrate(t.Context(), "thing", files), d.Migrate(t.Context(), "other", older))
	}
	count := func() int {
		all, err := db.SafetyCopies(file)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	version := func(n int) fstest.MapFS {
		files := fstest.MapFS{}
		for i := 1; i <= n; i++ {
			files[fmt.Sprintf("%04d_t.sql", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "-- +goose Up\ncreate table t%d (id bigint not null);\n", i)}
		}
		return files
	}
	if err := migrate(version(1), 0); err != nil || count() != 0 {
		t.Fatalf("a new file: %v, %d copies; want none", err, count())
	}
	if err := migrate(version(1), 0); err != nil || count() != 0 {
		t.Errorf("nothing to migrate: %v, %d copies; want none", err, count())
	}
	if err := migrate(version(2), 0); err != nil || count() != 1 {
		t.Errorf("an update: %v, %d copies; want one", err, count())
	}
	broken := version(3)
	broken["0003_t.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\ncreate tabel;\n")}
	for range 5 {
		if err := migrate(broken, 0); err == nil {
			t.Fatal("a broken migration went well")
		}
	}
	if count() != 2 {
		t.Errorf("an update that fails again and again leaves %d copies; want one more", count())
	}
	for n := 3; n < 9; n++ {
		if err := migrate(version(n), 0); err != nil {
			t.Fatal(err)
		}
	}
	if count() != 3 {
		t.Errorf("%d copies are kept; want 3", count())
	}
	if err := migrate(version(9), -1); err != nil || count() != 3 {
		t.Errorf("without copies: %v, %d", err, count())
	}
	err := migrate(version(8), 0)
	if fault.Of(err) != fault.Unsupported || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("an older program on a newer database: %v; want unsupported, and a way out", err)
	}
}

// TestBeforeUpdate runs what is to run before an existing database is migrated, once,
// and keeps the database as it is if that fails.
func TestBeforeUpdate(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		calls, fails := 0, true
		open := func() *db.DB {
			d, err := db.Open(t.Context(), dsn, db.Options{Log: slog.New(slog.DiscardHandler), BeforeUpdate: func(context.Context) error {
				if calls++; fails {
					return fault.Errorf(fault.Exhausted, "no room for a backup")
				}
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.Close() })
			return d
		}
		if err := open().Migrate(t.Context(), "thing", older); err != nil || calls != 0 {
			t.Fatalf("a new database: %v, %d calls", err, calls)
		}
		d := open()
		two := fstest.MapFS{"0001_a.sql": older["0001_a.sql"], "0002_b.sql": newer["0002_b.sql"]}
		if err := d.Migrate(t.Context(), "thing", two); fault.Of(err) != fault.Exhausted {
			t.Errorf("Migrate = %v; want exhausted", err)
		}
		if n, err := d.Pending(t.Context(), "thing", two); err != nil || n != 1 {
			t.Errorf("%d migrations are pending, %v; want it untouched", n, err)
		}
		fails = false
		for range 2 {
			if err := d.Migrate(t.Context(), "thing", two); err != nil {
				t.Fatal(err)
			}
		}
		if calls != 2 {
			t.Errorf("called %d times; want 2", calls)
		}
	})
}
