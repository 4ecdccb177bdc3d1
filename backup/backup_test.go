package backup_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/backup"
	"radagora/blob"
	"radagora/blob/disk"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/journal"
)

// An installation is what a backup copies: database, journal, packs and files.
type installation struct {
	data    string
	dsn     string
	db      *db.DB
	journal *journal.Journal
	store   *disk.Store
	refs    []blob.Ref
	now     time.Time
}

var master = [32]byte{1, 2, 3}

func install(t *testing.T, dsn string) *installation {
	t.Helper()
	i := &installation{data: t.TempDir(), dsn: dsn, now: time.Now()}
	if dsn == "" {
		i.dsn = "sqlite:" + filepath.Join(i.data, backup.SQLiteFile)
	}
	i.db = dbtest.Open(t, i.dsn)
	var err error
	if i.journal, err = journal.Open(t.Context(), i.db, journal.Options{MasterKey: master, SealEvery: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if i.store, err = disk.Open(filepath.Join(i.data, "packs"), disk.Options{PackSize: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.store.Close() })
	check(t, os.MkdirAll(filepath.Join(i.data, "content", "dose"), 0o700))
	check(t, os.WriteFile(filepath.Join(i.data, "journal.key"), master[:], 0o600))
	check(t, os.WriteFile(filepath.Join(i.data, "content", "dose", "set.yaml"), []byte("id: own\n"), 0o600))
	return i
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put stores n objects of a size, each with an entry in the journal.
func (i *installation) put(t *testing.T, n, size int) {
	t.Helper()
	for range n {
		b := make([]byte, size)
		_, _ = rand.Read(b)
		w, err := i.store.Create(t.Context())
		check(t, err)
		_, err = w.Write(b)
		check(t, err)
		ref, durable, err := w.Finish(t.Context())
		check(t, err)
		check(t, durable(t.Context()))
		i.refs = append(i.refs, ref)
		check(t, i.db.Write(t.Context(), func(tx *db.Tx) error {
			return i.journal.Append(t.Context(), tx, journal.Entry{
				Site: "default", Actor: "test", Kind: "test.object.stored", Subject: ref.Pack,
				Person: fmt.Sprint("person ", len(i.refs)), Payload: []byte(`{"tab":"a\tb","line":"c\nd","back":"\\","none":null}`),
			})
		}))
	}
}

// keeper returns a keeper that backs up to the folder.
func (i *installation) keeper(t *testing.T, to string, change ...func(*backup.Config)) *backup.Keeper {
	t.Helper()
	target, err := backup.OpenFolder(to)
	check(t, err)
	c := backup.Config{
		DB: i.db, Journal: i.journal, Data: i.data, Skip: []string{"radagora.db*"}, Target: target,
		Site: "default", Program: "test", Now: func() time.Time { return i.now },
	}
	for _, f := range change {
		f(&c)
	}
	k, err := backup.Open(t.Context(), c)
	check(t, err)
	return k
}

// for1 makes backups for one new key pair.
func for1(t *testing.T) (secret backup.Secret, config func(*backup.Config)) {
	t.Helper()
	identity, recipient, err := backup.NewIdentity()
	check(t, err)
	return backup.Secret{Identities: identity}, func(c *backup.Config) { c.Recipients = []string{recipient} }
}

func source(t *testing.T, from string, secret backup.Secret) *backup.Source {
	t.Helper()
	target, err := backup.OpenFolder(from)
	check(t, err)
	s, err := backup.OpenSource(t.Context(), target, secret, "")
	check(t, err)
	return s
}

var rooms = backup.Rooms{"journal": journal.Migrations(), "backup": backup.Migrations()}

// restore restores a backup into a new folder and opens it.
func restore(t *testing.T, from string, secret backup.Secret, id, dsn string) (data string, d *db.DB) {
	t.Helper()
	s := source(t, from, secret)
	m, err := s.Backup(t.Context(), id)
	check(t, err)
	data = filepath.Join(t.TempDir(), "new")
	r := &backup.Restore{Source: s, Backup: m, Data: data, DSN: dsn, Rooms: rooms}
	done, err := r.Run(t.Context())
	check(t, err)
	if err := backup.Ready(data); fault.Of(err) != fault.Conflict {
		t.Errorf("Ready before Open = %v; want conflict", err)
	}
	d = dbtest.Open(t, done.DSN)
	check(t, r.Open())
	check(t, backup.Ready(data))
	return data, d
}

// rowsOf returns every row of every table, as text, sorted.
func rowsOf(t *testing.T, d *db.DB) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	check(t, d.Snapshot(t.Context(), func(s *db.Snapshot) error {
		tables, err := s.Tables(t.Context())
		if err != nil {
			return err
		}
		for _, table := range tables {
			if strings.HasPrefix(table.Name, "migration_") || table.Name == "lease" || table.Name == "backup_run" {
				continue
			}
			rows, err := d.Query(t.Context(), `select * from "`+table.Name+`"`)
			if err != nil {
				return err
			}
			columns, err := rows.Columns()
			check(t, err)
			for rows.Next() {
				cells, at := make([]any, len(columns)), make([]any, len(columns))
				for i := range cells {
					at[i] = &cells[i]
				}
				check(t, rows.Scan(at...))
				all[table.Name] = append(all[table.Name], fmt.Sprintf("%#v", cells))
			}
			check(t, rows.Err())
			rows.Close()
			slices.Sort(all[table.Name])
		}
		return nil
	}))
	return all
}

// filesOf returns the files below a folder.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	check(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = string(b)
		return err
	}))
	return all
}

// objectsOf opens the packs of a data folder and returns the digests of what is in
// them, computed from the bytes.
func objectsOf(t *testing.T, data string) map[blob.Ref]string {
	t.Helper()
	s, err := disk.Open(filepath.Join(data, "packs"), disk.Options{})
	check(t, err)
	defer s.Close()
	all := map[blob.Ref]string{}
	for ref, err := range s.List(t.Context()) {
		check(t, err)
		check(t, blob.Verify(t.Context(), s, ref))
		o, err := s.Open(t.Context(), ref)
		check(t, err)
		b := make([]byte, o.Size())
		if _, err := o.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		check(t, o.Close())
		all[ref] = fmt.Sprintf("%x", sha256.Sum256(b))
	}
	return all
}

// TestRestoreIsTheSame restores on an empty machine and compares row by row and
// object by object, on both engines.
func TestRestoreIsTheSame(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dsn, into := "", ""
			if engine == "postgres" {
				dsn, into = dbtest.Postgres(t), dbtest.Postgres(t)
			}
			i, to := install(t, dsn), t.TempDir()
			secret, config := for1(t)
			k := i.keeper(t, to, config)
			i.put(t, 40, 70_000) // two sealed packs and more
			first, err := k.Run(t.Context())
			check(t, err)
			i.put(t, 3, 1000)
			second, err := k.Run(t.Context())
			check(t, err)
			if second.Added*4 > first.Added {
				t.Errorf("the second backup wrote %d bytes, the first %d: want only what is new", second.Added, first.Added)
			}
			want := rowsOf(t, i.db)
			data, d := restore(t, to, secret, "", into)
			got := rowsOf(t, d)
			// The journal has an entry more: of the second backup itself.
			want["journal_entry"] = nil
			got["journal_entry"] = nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("rows differ (-source +restored):\n%s", diff)
			}
			check(t, i.store.Close())
			objects := objectsOf(t, data)
			if diff := cmp.Diff(objectsOf(t, i.data), objects); diff != "" || len(objects) != 43 {
				t.Errorf("%d objects; they differ (-source +restored):\n%s", len(objects), diff)
			}
			for _, name := range []string{"journal.key", backup.KeyFile, "content/dose/set.yaml"} {
				if filesOf(t, i.data)[name] != filesOf(t, data)[name] {
					t.Errorf("%s differs", name)
				}
			}
			for name, b := range filesOf(t, to) {
				if bytes.Contains([]byte(b), master[:16]) || strings.Contains(b, "AGE-SECRET-KEY") {
					t.Errorf("%s holds a secret in the clear", name)
				}
			}
		})
	}
}

// TestEntriesAreTheSame compares the journal of a copy with what it was at the time.
func TestEntriesAreTheSame(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		i, to := install(t, dsn), t.TempDir()
		secret, config := for1(t)
		k := i.keeper(t, to, config, func(c *backup.Config) { c.Journal = nil })
		i.put(t, 20, 100)
		want := rowsOf(t, i.db)
		_, err := k.Run(t.Context())
		check(t, err)
		into := ""
		if i.db.Engine() == db.Postgres {
			into = dbtest.Postgres(t)
		}
		_, d := restore(t, to, secret, "", into)
		if diff := cmp.Diff(want, rowsOf(t, d)); diff != "" {
			t.Errorf("rows differ (-source +restored):\n%s", diff)
		}
		if len(want["journal_entry"]) != 20 {
			t.Errorf("%d entries: the test compares nothing", len(want["journal_entry"]))
		}
	})
}

// TestPostgresIntoSQLite reads the rows of PostgreSQL into SQLite, as a verification
// does that has no server.
func TestPostgresIntoSQLite(t *testing.T) {
	i, to := install(t, dbtest.Postgres(t)), t.TempDir()
	secret, config := for1(t)
	k := i.keeper(t, to, config, func(c *backup.Config) { c.Journal = nil })
	i.put(t, 20, 100)
	want := rowsOf(t, i.db)
	_, err := k.Run(t.Context())
	check(t, err)
	_, d := restore(t, to, secret, "", "")
	if d.Engine() != db.SQLite {
		t.Fatalf("restored into %s", d.Engine())
	}
	if diff := cmp.Diff(want, rowsOf(t, d)); diff != "" {
		t.Errorf("rows differ (-postgres +sqlite):\n%s", diff)
	}
}

// TestWritersGoOn backs up while others write, and expects each object that the copied
// rows name in the copied packs.
func TestWritersGoOn(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		i, to := install(t, dsn), t.TempDir()
		secret, config := for1(t)
		k := i.keeper(t, to, config)
		i.put(t, 10, 60_000)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan int)
		go func() {
			n := 0
			for ; ctx.Err() == nil; n++ {
				i.put(t, 1, 20_000)
			}
			ended <- n
		}()
		var backups []*backup.Manifest
		for range 3 {
			m, err := k.Run(t.Context())
			check(t, err)
			backups = append(backups, m)
		}
		stop()
		if n := <-ended; n < 3 {
			t.Errorf("only %d objects were stored meanwhile", n)
		}
		into := ""
		for _, m := range backups {
			if i.db.Engine() == db.Postgres {
				into = dbtest.Postgres(t)
			}
			data, d := restore(t, to, secret, m.ID, into)
			packs := map[string]int{}
			for ref := range objectsOf(t, data) {
				packs[ref.Pack]++
			}
			rows, err := db.List(t.Context(), d, func(r *db.Rows) (s string, err error) { return s, r.Scan(&s) },
				"select subject from journal_entry where kind = 'test.object.stored'")
			check(t, err)
			for _, pack := range rows {
				packs[pack]--
			}
			for pack, n := range packs {
				if n < 0 {
					t.Errorf("pack %s: %d objects are named and not there", pack, -n)
				}
			}
		}
	})
}
