package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"radagora/fault"
)

// A Snapshot is the whole database as it was at one instant, however long it takes
// to read it. Writers go on meanwhile. It is valid until the fn of DB.Snapshot
// returns and serves one goroutine.
type Snapshot struct {
	e    *Tx       // reads in the snapshot; nil on PostgreSQL
	conn *pgx.Conn // the same; nil on SQLite
}

// A Column is a column of a table. Type is the word of the engine: bigint, text.
type Column struct {
	Name string `json:"name"`
	Type string `json:"type"`
}

// A Table is a table without its rows.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns,omitempty"`
}

// Snapshot runs fn on one consistent view of everything. It takes as long as fn
// does: no limit for statements holds.
func (d *DB) Snapshot(ctx context.Context, fn func(*Snapshot) error) error {
	switch e := d.e.(type) {
	case *lite:
		return e.read(ctx, func(tx *Tx) error {
			// The view begins with the first statement, not with the transaction.
			var n int64
			if err := tx.QueryRow(ctx, "select count(*) from sqlite_schema").Scan(&n); err != nil {
				return err
			}
			return fn(&Snapshot{e: tx})
		})
	case *pg:
		return e.snapshot(ctx, fn)
	}
	return fault.Errorf(fault.Unsupported, "snapshot of %s", d.e.name())
}

// connect opens a connection of its own, without limits for statements.
func (p *pg) connect(ctx context.Context) (*pgx.Conn, error) {
	cfg := p.cfg.Copy()
	cfg.RuntimeParams["statement_timeout"] = "0"
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	cfg.RuntimeParams["extra_float_digits"] = "3" // a number is read back as it was
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, classify(err)
	}
	if err := durable(ctx, conn); err != nil {
		_ = conn.Close(ctx)
		return nil, classify(err)
	}
	return conn, nil
}

func (p *pg) snapshot(ctx context.Context, fn func(*Snapshot) error) error {
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	if _, err := conn.Exec(ctx, "begin isolation level repeatable read read only"); err != nil {
		return classify(err)
	}
	if _, err := conn.Exec(ctx, "select 1 from pg_class limit 1"); err != nil { // now the view begins
		return classify(err)
	}
	return fn(&Snapshot{conn: conn})
}

// Engine returns SQLite or Postgres.
func (s *Snapshot) Engine() string {
	if s.conn != nil {
		return Postgres
	}
	return SQLite
}

// Migrations returns how far each capability is, by name.
func (s *Snapshot) Migrations(ctx context.Context) (map[string]int64, error) {
	tables, err := s.Tables(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]int64{}
	for _, t := range tables {
		name, is := strings.CutPrefix(t.Name, versionTable)
		if !is || !capability.MatchString(name) {
			continue
		}
		n, err := s.number(ctx, "select coalesce(max(version_id), 0) from "+quote(t.Name))
		if err != nil {
			return nil, err
		}
		all[name] = n
	}
	return all, nil
}

// Tables returns the tables, those that others refer to first, and otherwise by name.
func (s *Snapshot) Tables(ctx context.Context) ([]Table, error) {
	if s.conn == nil {
		return List(ctx, s.e, func(r *Rows) (t Table, err error) { return t, r.Scan(&t.Name) },
			"select name from sqlite_schema where type = 'table' and name not like 'sqlite\\_%' escape '\\' order by name")
	}
	rows, err := s.conn.Query(ctx, `select c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
		from pg_class c join pg_attribute a on a.attrelid = c.oid
		where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
			and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
		order by c.relname, a.attnum`)
	if err != nil {
		return nil, classify(err)
	}
	var all []Table
	var table string
	var col Column
	_, err = pgx.ForEachRow(rows, []any{&table, &col.Name, &col.Type}, func() error {
		if n := len(all); n == 0 || all[n-1].Name != table {
			all = append(all, Table{Name: table})
		}
		t := &all[len(all)-1]
		t.Columns = append(t.Columns, col)
		return nil
	})
	if err != nil {
		return nil, classify(err)
	}
	return s.inOrder(ctx, all)
}

// inOrder puts each table behind those it refers to.
func (s *Snapshot) inOrder(ctx context.Context, tables []Table) ([]Table, error) {
	rows, err := s.conn.Query(ctx, `select conrelid::regclass::oid::bigint, confrelid::regclass::oid::bigint,
		(select relname::text from pg_class where oid = conrelid), (select relname::text from pg_class where oid = confrelid)
		from pg_constraint where contype = 'f' and conrelid <> confrelid and connamespace = current_schema()::regnamespace`)
	if err != nil {
		return nil, classify(err)
	}
	refers := map[string][]string{}
	var a, b int64
	var from, to string
	if _, err = pgx.ForEachRow(rows, []any{&a, &b, &from, &to}, func() error {
		refers[from] = append(refers[from], to)
		return nil
	}); err != nil {
		return nil, classify(err)
	}
	var out []Table
	done := map[string]bool{}
	var visit func(t Table, depth int)
	visit = func(t Table, depth int) {
		if done[t.Name] || depth > len(tables) {
			return
		}
		for _, other := range refers[t.Name] {
			if i := slices.IndexFunc(tables, func(t Table) bool { return t.Name == other }); i >= 0 {
				visit(tables[i], depth+1)
			}
		}
		if !done[t.Name] {
			done[t.Name] = true
			out = append(out, t)
		}
	}
	for _, t := range tables {
		visit(t, 0)
	}
	return out, nil
}

// Count returns the number of rows of a table.
func (s *Snapshot) Count(ctx context.Context, table string) (int64, error) {
	return s.number(ctx, "select count(*) from "+quote(table))
}

func (s *Snapshot) number(ctx context.Context, query string) (n int64, err error) {
	if s.conn == nil {
		return n, s.e.QueryRow(ctx, query).Scan(&n)
	}
	return n, classify(s.conn.QueryRow(ctx, query).Scan(&n))
}

// quote returns a name as SQL takes it whatever it holds.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// WriteFile writes the bytes of a SQLite file that holds the snapshot. It is
// Unsupported on PostgreSQL.
func (s *Snapshot) WriteFile(ctx context.Context, w io.Writer) error {
	if s.conn != nil {
		return fault.Errorf(fault.Unsupported, "a PostgreSQL database is no file")
	}
	rows, err := s.e.Query(ctx, "select pgno, data from sqlite_dbpage")
	if err != nil {
		return err
	}
	defer rows.Close()
	next := int64(1)
	for rows.Next() {
		var page int64
		var data sql.RawBytes
		if err := rows.Scan(&page, &data); err != nil {
			return err
		}
		if page != next {
			return fault.Errorf(fault.Internal, "page %d comes after page %d", page, next-1)
		}
		next++
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	return rows.Err()
}

// WriteRows writes the rows of a table in PostgreSQL's text format of COPY, one
// row a line, in the order of t.Columns, and returns how many they are. It is
// Unsupported on SQLite.
func (s *Snapshot) WriteRows(ctx context.Context, t Table, w io.Writer) (int64, error) {
	if s.conn == nil {
		return 0, fault.Errorf(fault.Unsupported, "SQLite is copied as a file")
	}
	tag, err := s.conn.PgConn().CopyTo(ctx, w, fmt.Sprintf("copy %s (%s) to stdout", quote(t.Name), t.columns()))
	if err != nil {
		return 0, copyError(t, err)
	}
	return tag.RowsAffected(), nil
}

// columns returns the names of the columns as SQL takes them.
func (t Table) columns() string {
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = quote(c.Name)
	}
	return strings.Join(names, ", ")
}

// copyError names the table, and classifies what the server said.
func copyError(t Table, err error) error {
	if e := (*pgconn.PgError)(nil); asPg(err, &e) {
		err = classify(err)
	}
	return fmt.Errorf("table %s: %w", t.Name, err)
}

// QueryRow scans the one row of a query. It is NotFound if there is none.
func (s *Snapshot) QueryRow(ctx context.Context, query string, dest ...any) error {
	if s.conn == nil {
		return s.e.QueryRow(ctx, query).Scan(dest...)
	}
	err := s.conn.QueryRow(ctx, query).Scan(dest...)
	if errors.Is(err, pgx.ErrNoRows) {
		return fault.As(fault.NotFound, sql.ErrNoRows)
	}
	return classify(err)
}

// Integrity has SQLite check its file from the first page to the last and returns
// what it found; nothing if all is well. PostgreSQL has no such check: nothing.
func (d *DB) Integrity(ctx context.Context) ([]string, error) {
	l, ok := d.e.(*lite)
	if !ok {
		return nil, nil
	}
	found, err := names(ctx, l.reader, "pragma integrity_check(20)")
	if len(found) == 1 && found[0] == "ok" {
		return nil, err
	}
	return found, err
}
