package db_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
)

// thing is a capability with one table of every type we use.
var thing = fstest.MapFS{"0001_thing.sql": {Data: []byte(`-- +goose Up
create table thing (
	id text not null primary key,
	n bigint unique,
	ok boolean,
	x double precision,
	b bytea,
	kind text not null default 'a' check (kind in ('a', 'b'))
);
create index thing_open on thing (id) where n is null;
`)}}

func migrated(t testing.TB, d *db.DB) *db.DB {
	t.Helper()
	if err := d.Migrate(t.Context(), "thing", thing); err != nil {
		t.Fatal(err)
	}
	return d
}

func put(ctx context.Context, d *db.DB, id string, n int64) error {
	return d.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "insert into thing (id, n) values ($1, $2)", id, n)
		return err
	})
}

func count(t testing.TB, q db.Querier) int {
	t.Helper()
	var n int
	if err := q.QueryRow(t.Context(), "select count(*) from thing").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOneSQLText(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		migrated(t, d)
		err := d.Write(ctx, func(tx *db.Tx) error {
			n, err := tx.Exec(ctx, `insert into thing (id, n, ok, x, b) values ($1, $2, $3, $4, $5), ($6, $2 + 1, not $3, $4, $7)
				on conflict (id) do nothing`, "i", int64(7), true, 0.5, []byte{0, 255}, "j", []byte{})
			if n != 2 {
				t.Errorf("changed %d rows; want 2", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		type row struct {
			ID string
			N  int64
			OK bool
			X  float64
			B  []byte
		}
		got, err := db.List(ctx, d, func(r *db.Rows) (v row, err error) {
			return v, r.Scan(&v.ID, &v.N, &v.OK, &v.X, &v.B)
		}, "select id, n, ok, x, b from thing where (ok = $1 or n > $2) and b is not null order by id", true, 1)
		want := []row{{"i", 7, true, .5, []byte{0, 255}}, {"j", 8, false, .5, []byte{}}}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Errorf("rows (-want +got):\n%s%v", diff, err)
		}

		// What the journal's sealer does: number open rows in one statement.
		err = d.Write(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, "insert into thing (id) values ('k'), ('l'), ('m')"); err != nil {
				return err
			}
			got, err := db.List(ctx, tx, func(r *db.Rows) (s string, err error) {
				var n int64
				err = r.Scan(&s, &n)
				return fmt.Sprint(s, n), err
			}, `update thing set n = $1 + o.place from (select id as oid, row_number() over (order by id) as place
				from thing where n is null order by id limit $2) as o where thing.id = o.oid returning id, n`, int64(100), 2)
			if len(got) != 2 || !strings.Contains(strings.Join(got, " "), "l102") {
				t.Errorf("numbered %v; want k101 and l102", got)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestWriteIsAllOrNothing(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		migrated(t, d)
		mine := errors.New("mine")
		committed := 0
		for _, c := range []struct {
			name string
			fn   func(tx *db.Tx) error
			want error
			kind fault.Kind
		}{
			{"fn returns an error", func(tx *db.Tx) error {
				tx.OnCommit(func() { committed++ })
				_, err := tx.Exec(ctx, "insert into thing (id) values ('x')")
				return errors.Join(err, mine)
			}, mine, fault.Internal},
			{"fn passes over the error of a statement", func(tx *db.Tx) error {
				_, _ = tx.Exec(ctx, "insert into thing (id) values ('x')")
				_, _ = tx.Exec(ctx, "insert into thing (id) values ('x')")
				_, _ = tx.Exec(ctx, "insert into thing (id) values ('y')")
				return nil
			}, nil, fault.Conflict},
			{"a statement while rows are open", func(tx *db.Tx) error {
				if _, err := tx.Exec(ctx, "insert into thing (id) values ('x'), ('y')"); err != nil {
					return err
				}
				rows, err := tx.Query(ctx, "select id from thing")
				if err != nil {
					return err
				}
				defer rows.Close()
				_, err = tx.Exec(ctx, "delete from thing")
				return err
			}, nil, fault.Internal},
			{"ctx ends before a statement", func(tx *db.Tx) error {
				ctx, cancel := context.WithCancel(ctx)
				defer cancel()
				if _, err := tx.Exec(ctx, "insert into thing (id) values ('x')"); err != nil {
					return err
				}
				cancel()
				_, err := tx.Exec(ctx, "insert into thing (id) values ('y')")
				return err
			}, context.Canceled, fault.Unavailable},
		} {
			t.Run(c.name, func(t *testing.T) {
				err := d.Write(ctx, c.fn)
				if err == nil || c.want != nil && !errors.Is(err, c.want) || fault.Of(err) != c.kind {
					t.Errorf("Write = %v (%v); want %v (%v)", err, fault.Of(err), c.want, c.kind)
				}
				if n := count(t, d); n != 0 || committed != 0 {
					t.Errorf("%d rows written, %d commits told; want none", n, committed)
				}
			})
		}
		if err := put(ctx, d, "after", 1); err != nil {
			t.Errorf("the next write: %v", err)
		}
	})
}

func TestPanicAndGoexit(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		migrated(t, d)
		func() {
			defer func() {
				if r := recover(); r != "boom" {
					t.Errorf("recovered %v; want boom", r)
				}
			}()
			_ = d.Write(ctx, func(tx *db.Tx) error {
				_, _ = tx.Exec(ctx, "insert into thing (id) values ('x')")
				panic("boom")
			})
		}()
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_ = d.Write(ctx, func(*db.Tx) error { runtime.Goexit(); return nil })
		}()
		<-gone
		if err := put(ctx, d, "after", 1); err != nil || count(t, d) != 1 {
			t.Errorf("after a panic: %v, %d rows; want one", err, count(t, d))
		}
	})
}

func TestConcurrentWritesSucceedAndFailAlone(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		migrated(t, d)
		var wg sync.WaitGroup
		var told sync.Map
		for i := range 64 {
			wg.Go(func() {
				for j := range 5 {
					id := fmt.Sprintf("%d-%d", i, j)
					err := d.Write(ctx, func(tx *db.Tx) error {
						tx.OnCommit(func() { told.Store(id, true) })
						if _, err := tx.Exec(ctx, "insert into thing (id, n) values ($1, $2)", id, i*10+j); err != nil {
							return err
						}
						if j == 3 {
							return fault.Errorf(fault.Forbidden, "no")
						}
						if j == 4 {
							_, err := tx.Exec(ctx, "insert into thing (id, n) values ($1, $2)", id+"x", i*10) // taken
							return err
						}
						return nil
					})
					if want := [...]fault.Kind{3: fault.Forbidden, 4: fault.Conflict}; j < 3 && err != nil || j >= 3 && fault.Of(err) != want[j] {
						t.Errorf("write %s: %v", id, err)
					}
				}
			})
		}
		wg.Wait()
		n := 0
		told.Range(func(any, any) bool { n++; return true })
		if count(t, d) != 64*3 || n != 64*3 {
			t.Errorf("%d rows, %d commits told; want %d", count(t, d), n, 64*3)
		}
	})
}

func TestReadIsOneSnapshot(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		migrated(t, d)
		err := d.Read(ctx, func(tx *db.Tx) error {
			before := count(t, tx)
			if err := put(ctx, d, "x", 1); err != nil {
				return err
			}
			if after := count(t, tx); after != before {
				t.Errorf("the snapshot moved from %d to %d rows", before, after)
			}
			return nil
		})
		if err != nil || count(t, d) != 1 {
			t.Errorf("Read = %v; %d rows afterwards; want 1", err, count(t, d))
		}
		err = d.Read(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, "delete from thing")
			return err
		})
		if err == nil || count(t, d) != 1 {
			t.Errorf("a write inside Read = %v; want an error", err)
		}
	})
}

// TestWritesInEachOthersWay has two writes take two rows in opposite order,
// which PostgreSQL ends as a deadlock.
func TestWritesInEachOthersWay(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		migrated(t, d)
		for i, id := range []string{"a", "b"} {
			if err := put(ctx, d, id, int64(i)*1000); err != nil {
				t.Fatal(err)
			}
		}
		// On PostgreSQL each write holds its first row before either asks for its
		// second. On SQLite they take turns, and waiting would last for ever.
		var holding sync.WaitGroup
		if d.Engine() == db.Postgres {
			holding.Add(2)
		}
		var attempts atomic.Int64
		var wg sync.WaitGroup
		add := func(first, second string) {
			hold := func() {}
			if d.Engine() == db.Postgres {
				hold = sync.OnceFunc(holding.Done)
			}
			defer hold() // if it fails, the other one shall not wait for it
			err := d.Write(ctx, func(tx *db.Tx) error {
				attempts.Add(1)
				if _, err := tx.Exec(ctx, "update thing set n = n + 1 where id = $1", first); err != nil {
					return err
				}
				hold()
				holding.Wait()
				_, err := tx.Exec(ctx, "update thing set n = n + 1 where id = $1", second)
				return err
			})
			if err != nil {
				t.Errorf("write: %v", err)
			}
		}
		wg.Go(func() { add("a", "b") })
		wg.Go(func() { add("b", "a") })
		wg.Wait()
		var sum int
		if err := d.QueryRow(ctx, "select cast(sum(n) as bigint) from thing").Scan(&sum); err != nil || sum != 1004 {
			t.Errorf("sum %d, %v; want 1004", sum, err)
		}
		if d.Engine() == db.Postgres && attempts.Load() == 2 {
			t.Error("no write ran again: the test proves nothing")
		}
	})
}

func TestErrors(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		migrated(t, d)
		if err := put(ctx, d, "x", 1); err != nil {
			t.Fatal(err)
		}
		const canary = "LEAK^CANARY"
		var n int
		exec := func(query string, args ...any) error {
			return d.Write(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, query, args...)
				return err
			})
		}
		for _, c := range []struct {
			name string
			err  error
			want fault.Kind
		}{
			{"unique", exec("insert into thing (id, n) values ($1, 1)", canary), fault.Conflict},
			{"primary key", exec("insert into thing (id, n) values ('x', 2)"), fault.Conflict},
			{"check", exec("insert into thing (id, kind) values ('y', $1)", canary), fault.Invalid},
			{"not null", exec("insert into thing (n) values (5)"), fault.Invalid},
			{"no row", d.QueryRow(ctx, "select n from thing where id = $1", canary).Scan(&n), fault.NotFound},
			{"no table", d.QueryRow(ctx, "select n from nothing where id = $1", canary).Scan(&n), fault.Internal},
			{"value of another type", d.QueryRow(ctx, "select $1 || id from thing", canary).Scan(&n), fault.Internal},
			{"a NUL", exec("insert into thing (id) values ($1)", canary+"\x00"), fault.Invalid},
			{"not UTF-8", exec("insert into thing (id) values ($1)", canary+"\xff"), fault.Invalid},
			{"a time", exec("insert into thing (id) values ($1)", time.Time{}), fault.Internal},
			{"a list", exec("insert into thing (id) values ($1)", []string{canary}), fault.Internal},
			{"too few arguments", exec("insert into thing (id, n) values ($1, $2)", canary), fault.Internal},
		} {
			t.Run(c.name, func(t *testing.T) {
				if c.err == nil || fault.Of(c.err) != c.want || strings.Contains(c.err.Error(), canary) {
					t.Errorf("%v (%v); want %v without a value", c.err, fault.Of(c.err), c.want)
				}
			})
		}
	})
}

func TestWriteLimitFreesTheWriter(t *testing.T) {
	d, err := db.Open(t.Context(), dbtest.SQLite(t), db.Options{WriteLimit: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx := t.Context()
	migrated(t, d)
	// A write that waits for another write waits for itself.
	err = d.Write(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, "insert into thing (id) values ('outer')"); err != nil {
			return err
		}
		if err := put(ctx, d, "inner", 1); err != nil {
			t.Errorf("inner write: %v", err)
		}
		_, err := tx.Exec(ctx, "insert into thing (id) values ('late')")
		return err
	})
	if fault.Of(err) != fault.Unavailable || count(t, d) != 1 {
		t.Errorf("Write = %v, %d rows; want Unavailable, and only the inner row", err, count(t, d))
	}
}

func TestDiskFull(t *testing.T) {
	ctx := t.Context()
	d := migrated(t, dbtest.Open(t, dbtest.SQLite(t)))
	err := d.Write(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, "pragma max_page_count = 20")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			err := d.Write(ctx, func(tx *db.Tx) error {
				_, _ = tx.Exec(ctx, "insert into thing (id, b) values ($1, $2)", fmt.Sprint(i), make([]byte, 1<<20))
				_, _ = tx.Exec(ctx, "insert into thing (id) values ($1)", fmt.Sprint("sneaked in ", i))
				return nil
			})
			if fault.Of(err) != fault.Exhausted {
				t.Errorf("write on a full disk = %v; want Exhausted", err)
			}
		})
	}
	wg.Wait()
	if n := count(t, d); n != 0 {
		t.Errorf("%d rows; want none", n)
	}
	if err := put(ctx, d, "small", 1); err != nil {
		t.Errorf("a small write: %v", err)
	}
}

func TestMigrate(t *testing.T) {
	dbtest.RunDSN(t, func(t *testing.T, dsn string) {
		ctx := t.Context()
		slow := fstest.MapFS{
			"0001_a.sql": {Data: []byte("-- +goose Up\ncreate table a (id text not null);\ninsert into a values ('once');\n")},
			"0002_b.sql": {Data: []byte("-- +goose Up\ncreate table b (id text not null);\n")},
		}
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				d := dbtest.Open(t, dsn) // as a process of its own would
				if err := d.Migrate(ctx, "slow", slow); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		d := migrated(t, dbtest.Open(t, dsn))
		var n int
		if err := d.QueryRow(ctx, "select count(*) from a").Scan(&n); err != nil || n != 1 {
			t.Errorf("a has %d rows, %v; want 1", n, err)
		}
		got, err := d.Migrations(ctx)
		if diff := cmp.Diff([]db.Migration{{"db", 1}, {"slow", 2}, {"thing", 1}}, got); diff != "" || err != nil {
			t.Errorf("Migrations (-want +got):\n%s%v", diff, err)
		}
		older := fstest.MapFS{"0001_a.sql": slow["0001_a.sql"]}
		newer := fstest.MapFS{"0003_c.sql": {Data: []byte("-- +goose Up\ncreate table c (id nonsense(;\n")}}
		maps.Copy(newer, slow)
		for _, c := range []struct {
			files fs.FS
			want  int
		}{{older, -1}, {slow, 0}, {newer, 1}} {
			if n, err := d.Pending(ctx, "slow", c.files); n != c.want || err != nil {
				t.Errorf("Pending = %d, %v; want %d", n, err, c.want)
			}
		}
		if err := d.Migrate(ctx, "slow", older); fault.Of(err) != fault.Unsupported {
			t.Errorf("migrate with an older program: %v; want Unsupported", err)
		}
		if err := d.Migrate(ctx, "slow", newer); err == nil || !strings.Contains(err.Error(), "0003_c.sql") {
			t.Errorf("migrate a wrong file: %v; want its name", err)
		}
	})
}

func TestOpen(t *testing.T) {
	text := t.TempDir() + "/text"
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, dsn string
		want      fault.Kind
	}{
		{"no engine", "radagora.db", fault.Invalid},
		{"no file", "sqlite:", fault.Invalid},
		{"no folder", "sqlite:" + t.TempDir() + "/none/x.db", fault.NotFound},
		{"another kind of file", "sqlite:" + text, fault.Invalid},
		{"nobody listens", "postgres://u:secret@127.0.0.1:1/x", fault.Unavailable},
		{"not an address", "postgres://u:secret@127.0.0.1:x/x", fault.Invalid},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := db.Open(t.Context(), c.dsn, db.Options{})
			if err == nil {
				d.Close()
			}
			if err == nil || fault.Of(err) != c.want || strings.Contains(err.Error(), "secret") {
				t.Errorf("Open = %v (%v); want %v", err, fault.Of(err), c.want)
			}
		})
	}
	d := dbtest.Open(t, "sqlite:"+t.TempDir()+"/a b?c#d%e.db")
	migrated(t, d)
	if d.Engine() != db.SQLite {
		t.Errorf("Engine = %s", d.Engine())
	}
}

func TestSQLiteIsDurable(t *testing.T) {
	d := dbtest.Open(t, dbtest.SQLite(t))
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1"} {
		err := d.Write(t.Context(), func(tx *db.Tx) error {
			var got string
			err := tx.QueryRow(t.Context(), "pragma "+pragma).Scan(&got)
			if got != want {
				t.Errorf("%s = %s; want %s", pragma, got, want)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestClosed(t *testing.T) {
	d, err := db.Open(t.Context(), dbtest.SQLite(t), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(t.Context(), d, "x", 1); fault.Of(err) != fault.Unavailable {
		t.Errorf("write after close = %v; want Unavailable", err)
	}
}

func TestRedact(t *testing.T) {
	for _, c := range []struct {
		name, dsn, want string
		has             bool
	}{
		{"none", "postgres://u@h:5432/d?sslmode=disable", "postgres://u@h:5432/d?sslmode=disable", false},
		{"a file", "sqlite:/var/lib/radagora.db", "sqlite:/var/lib/radagora.db", false},
		{"user and password", "postgres://u:s3cret@h/d", "postgres://u:xxxxx@h/d", true},
		{"as a parameter", "postgres://h/d?user=u&password=s3cret&x=1", "postgres://h/d?user=u&password=xxxxx&x=1", true},
		{"a slash in it", "postgres://u:s3/cret@h/d", "postgres://u:xxxxx@h/d", true},
		{"an at in it", "postgres://u:s3@cret@h/d", "postgres://u:xxxxx@h/d", true},
		{"key=value", "host=h password='s3 cret' dbname=d", "host=h password=xxxxx dbname=d", true},
		{"of a key", "postgres://h/d?sslpassword=s3cret", "postgres://h/d?sslpassword=xxxxx", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, has := db.Redact(c.dsn), db.HasPassword(c.dsn); got != c.want || has != c.has {
				t.Errorf("Redact = %s, %v; want %s, %v", got, has, c.want, c.has)
			}
		})
	}
}

func TestNewID(t *testing.T) {
	last := ""
	for range 10000 {
		id := db.NewID()
		if len(id) != 36 || id[14] != '7' || id <= last {
			t.Fatalf("%s after %s; want a later UUIDv7", id, last)
		}
		last = id
	}
}

func TestMillis(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 123e6, time.UTC)
	if got := db.FromMillis(db.Millis(at)); !got.Equal(at) || !db.FromMillis(db.Millis(time.Time{})).IsZero() {
		t.Errorf("FromMillis(Millis(%v)) = %v", at, got)
	}
}
