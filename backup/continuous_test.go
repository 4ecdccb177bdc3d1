package backup_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/backup"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

// stream copies an installation continuously until stop is called.
func stream(t *testing.T, i *installation, to string, config func(*backup.Config)) (stop func()) {
	t.Helper()
	k := i.keeper(t, to, config, func(c *backup.Config) { c.Now = time.Now; c.Journal = nil })
	s := &backup.Stream{Keeper: k, File: filepath.Join(i.data, backup.SQLiteFile), Every: 200 * time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("stream: %v", err)
		}
	}
}

// restoreTail restores a continuous copy.
func restoreTail(t *testing.T, to string, secret backup.Secret) (data string, d *db.DB, m *backup.Manifest) {
	t.Helper()
	s := source(t, to, secret)
	m, err := s.Tail(t.Context())
	check(t, err)
	r := &backup.Restore{Source: s, Backup: m, Data: filepath.Join(t.TempDir(), "new"), Rooms: rooms}
	done, err := r.Run(t.Context())
	check(t, err)
	check(t, r.Open())
	return r.Data, dbtest.Open(t, done.DSN), m
}

// TestContinuous copies while objects are stored, twice with a stop in between, and
// restores: as it was in the end, and, while it runs, nothing that is not whole.
func TestContinuous(t *testing.T) {
	i, to := install(t, ""), t.TempDir()
	secret, config := for1(t)
	for round := range 2 {
		stop := stream(t, i, to, config)
		i.put(t, 30, 20_000)
		time.Sleep(2500 * time.Millisecond)
		i.put(t, 30, 20_000)
		if round == 1 {
			data, d, m := restoreTail(t, to, secret) // beside the running one
			packs := map[string]int{}
			for ref := range objectsOf(t, data) {
				packs[ref.Pack]++
			}
			rows, err := db.List(t.Context(), d, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) }, "select subject from journal_entry")
			check(t, err)
			if len(rows) < 90 {
				t.Errorf("%d of 120 entries are in the copy as of %v", len(rows), m.Snapshot)
			}
			for _, pack := range rows {
				if packs[pack]--; packs[pack] < 0 {
					t.Fatalf("pack %s: a row names an object that is not there", pack)
				}
			}
		}
		stop()
	}
	want := rowsOf(t, i.db)
	check(t, i.store.Close())
	data, d, _ := restoreTail(t, to, secret)
	got := rowsOf(t, d)
	for _, table := range []string{"_litestream_seq", "_litestream_lock"} {
		delete(want, table)
		delete(got, table)
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got["journal_entry"]) != 120 {
		t.Errorf("%d entries; rows differ (-source +restored):\n%.2000s", len(got["journal_entry"]), diff)
	}
	if diff := cmp.Diff(objectsOf(t, i.data), objectsOf(t, data)); diff != "" {
		t.Errorf("objects differ (-source +restored):\n%.2000s", diff)
	}
	for name, b := range filesOf(t, to) {
		if strings.HasPrefix(name, "continuous/") && (!strings.HasPrefix(b, "age-encryption.org/") || strings.Contains(b, "SQLite format")) {
			t.Errorf("%s is not encrypted", name)
		}
	}
	if _, err := source(t, to, secret).Backup(t.Context(), ""); fault.Of(err) != fault.NotFound {
		t.Errorf("the continuous copy counts as a backup: %v", err)
	}
}

func TestContinuousNeedsSQLite(t *testing.T) {
	i := install(t, dbtest.Postgres(t))
	_, config := for1(t)
	s := &backup.Stream{Keeper: i.keeper(t, t.TempDir(), config)}
	if err := s.Run(t.Context()); fault.Of(err) != fault.Unsupported {
		t.Errorf("Run on PostgreSQL = %v; want unsupported", err)
	}
}
