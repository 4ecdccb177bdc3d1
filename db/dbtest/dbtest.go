// Package dbtest runs tests on every engine the database can be.
//
// SQLite is always there. PostgreSQL is used when RADAGORA_TEST_POSTGRES holds the
// address of a database in which the tests may make schemas; otherwise its half of
// each test is skipped and says so.
package dbtest

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radagora/db"
)

// Env names the environment variable with the address of the test database.
const Env = "RADAGORA_TEST_POSTGRES"

// Run runs fn once for each engine, on a fresh and empty database that is gone
// afterwards.
func Run(t *testing.T, fn func(t *testing.T, d *db.DB)) {
	t.Helper()
	RunDSN(t, func(t *testing.T, dsn string) { fn(t, Open(t, dsn)) })
}

// RunDSN is Run for tests that open the database themselves, or more than once.
func RunDSN(t *testing.T, fn func(t *testing.T, dsn string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { fn(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { fn(t, Postgres(t)) })
}

// Open opens dsn and closes it when the test ends.
func Open(t testing.TB, dsn string) *db.DB {
	t.Helper()
	d, err := db.Open(t.Context(), dsn, db.Options{})
	if err != nil {
		t.Fatalf("open %s: %v", db.Redact(dsn), err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return d
}

// SQLite returns the address of a file that does not exist yet.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "radagora.db")
}

// Postgres returns the address of a schema made for this test, or skips it.
func Postgres(t testing.TB) string {
	t.Helper()
	dsn := os.Getenv(Env)
	if dsn == "" {
		t.Skip("PostgreSQL not tested: " + Env + " is not set")
	}
	u, err := url.Parse(dsn)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		t.Fatalf("%s is not an address postgres://…", Env)
	}
	schema := "test_" + strings.ReplaceAll(db.NewID(), "-", "")
	admin(t, dsn, "create schema "+schema)
	t.Cleanup(func() { admin(t, dsn, "drop schema "+schema+" cascade") })
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}

func admin(t testing.TB, dsn, statement string) {
	t.Helper()
	pool, err := sql.Open("pgx", dsn)
	if err == nil {
		defer pool.Close()
		_, err = pool.ExecContext(context.WithoutCancel(t.Context()), statement)
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
