package db

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"

	"radagora/fault"
)

// isFull reports whether the disk has no room.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

func asPg(err error, e **pgconn.PgError) bool { return errors.As(err, e) }

// Empty reports whether the database holds no table.
func (d *DB) Empty(ctx context.Context) (bool, error) {
	all, err := d.e.tables(ctx, "")
	return len(all) == 0, err
}

// MigrateTo is Migrate up to a version of files and no further, for a restored
// database. It is Unsupported if files do not go that far.
func (d *DB) MigrateTo(ctx context.Context, name string, files fs.FS, version int64) error {
	if name == "db" && files == nil {
		files = own
	}
	if !capability.MatchString(name) {
		return fault.Errorf(fault.Invalid, "migrate %q: not a lower-case word", name)
	}
	pool, done, err := d.e.migrating(ctx)
	if err != nil {
		return fmt.Errorf("migrate %s: %w", name, err)
	}
	defer done()
	p, err := goose.NewProvider(dialects[d.e.name()], pool, files,
		goose.WithTableName(versionTable+name), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fault.Errorf(fault.Internal, "migrate %s: %w", name, err)
	}
	_, want, err := p.GetVersions(ctx)
	if err != nil {
		return migrationError(name, err)
	}
	if version > want {
		return newer(name, version, want)
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return migrationError(name, err)
	}
	return nil
}

// A Loader fills tables with rows that WriteRows wrote, in one transaction.
type Loader struct {
	tx   *sql.Tx   // SQLite
	conn *pgx.Conn // PostgreSQL
}

// Load runs fn with a Loader and commits what it loaded. The tables must be there.
func (d *DB) Load(ctx context.Context, fn func(*Loader) error) error {
	switch e := d.e.(type) {
	case *lite:
		return e.load(ctx, fn)
	case *pg:
		return e.load(ctx, fn)
	}
	return fault.Errorf(fault.Unsupported, "load into %s", d.e.name())
}

func (l *lite) load(ctx context.Context, fn func(*Loader) error) error {
	pool, done, err := l.migrating(ctx)
	if err != nil {
		return err
	}
	defer done()
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return classify(err)
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	if _, err := tx.ExecContext(ctx, "pragma defer_foreign_keys = 1"); err != nil {
		return classify(err)
	}
	if err := fn(&Loader{tx: tx}); err != nil {
		return err
	}
	return classify(tx.Commit())
}

func (p *pg) load(ctx context.Context, fn func(*Loader) error) error {
	conn, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // what counts is the commit
	if _, err := conn.Exec(ctx, "begin"); err != nil {
		return classify(err)
	}
	if err := fn(&Loader{conn: conn}); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "commit")
	return classify(err)
}

// Rows puts the rows that r holds in the place of those of the table, and returns
// how many they are.
func (l *Loader) Rows(ctx context.Context, t Table, r io.Reader) (int64, error) {
	if l.conn == nil {
		return l.insert(ctx, t, r)
	}
	if _, err := l.conn.Exec(ctx, "delete from "+quote(t.Name)); err != nil {
		return 0, copyError(t, err)
	}
	tag, err := l.conn.PgConn().CopyFrom(ctx, r, fmt.Sprintf("copy %s (%s) from stdin", quote(t.Name), t.columns()))
	if err != nil {
		return 0, copyError(t, err)
	}
	return tag.RowsAffected(), nil
}

// insert is Rows on SQLite.
func (l *Loader) insert(ctx context.Context, t Table, r io.Reader) (n int64, err error) {
	if _, err := l.tx.ExecContext(ctx, "delete from "+quote(t.Name)); err != nil {
		return 0, copyError(t, classify(err))
	}
	marks := strings.Repeat("?, ", len(t.Columns))
	st, err := l.tx.PrepareContext(ctx, fmt.Sprintf("insert into %s (%s) values (%s)", quote(t.Name), t.columns(), strings.TrimSuffix(marks, ", ")))
	if err != nil {
		return 0, copyError(t, classify(err))
	}
	defer st.Close()
	in, row := bufio.NewReaderSize(r, 1<<16), make([]any, len(t.Columns))
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return n, nil
		}
		if err != nil {
			return n, copyError(t, err)
		}
		if err := parseRow(t, line[:len(line)-1], row); err != nil {
			return n, fmt.Errorf("table %s: row %d: %w", t.Name, n+1, err)
		}
		if _, err := st.ExecContext(ctx, row...); err != nil {
			return n, copyError(t, classify(err))
		}
		n++
	}
}

// parseRow reads a line of COPY's text format, without its end, into row. Errors
// name columns and no values.
func parseRow(t Table, line []byte, row []any) error {
	cells := bytes.Split(line, []byte{'\t'})
	if len(cells) != len(t.Columns) {
		return fault.Errorf(fault.Invalid, "%d cells; want %d", len(cells), len(t.Columns))
	}
	for i, c := range t.Columns {
		v, err := parseCell(c.Type, cells[i])
		if err != nil {
			return fmt.Errorf("column %s: %w", c.Name, err)
		}
		row[i] = v
	}
	return nil
}

// parseCell returns a value as the driver takes it.
func parseCell(kind string, cell []byte) (any, error) {
	if string(cell) == `\N` {
		return nil, nil
	}
	text, err := unescape(cell)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "text":
		return text, nil
	case "bigint", "integer", "smallint":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "no number")
		}
		return n, nil
	case "boolean":
		if text != "t" && text != "f" {
			return nil, fault.Errorf(fault.Invalid, "neither t nor f")
		}
		return text == "t", nil
	case "double precision":
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "no number")
		}
		return f, nil
	case "bytea":
		digits, ok := strings.CutPrefix(text, `\x`)
		b, err := hex.DecodeString(digits)
		if !ok || err != nil {
			return nil, fault.Errorf(fault.Invalid, "no bytes")
		}
		return b, nil
	}
	return nil, fault.Errorf(fault.Unsupported, "type %s", kind)
}

// escapes are the letters behind a backslash in COPY's text format.
var escapes = map[byte]byte{'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\'}

func unescape(cell []byte) (string, error) {
	if bytes.IndexByte(cell, '\\') < 0 {
		return string(cell), nil
	}
	out := make([]byte, 0, len(cell))
	for i := 0; i < len(cell); i++ {
		if cell[i] != '\\' {
			out = append(out, cell[i])
			continue
		}
		i++
		if i == len(cell) || escapes[cell[i]] == 0 {
			return "", fault.Errorf(fault.Invalid, "a backslash that means nothing")
		}
		out = append(out, escapes[cell[i]])
	}
	return string(out), nil
}
