package db

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"radagora/fault"
)

// liteKinds gives the kind of a SQLite result code, extended codes first
// (https://www.sqlite.org/rescode.html). What is absent is Internal.
var liteKinds = map[int]fault.Kind{
	1555: fault.Conflict,    // CONSTRAINT_PRIMARYKEY
	2067: fault.Conflict,    // CONSTRAINT_UNIQUE
	2579: fault.Conflict,    // CONSTRAINT_ROWID
	19:   fault.Invalid,     // CONSTRAINT: not null, check, foreign key
	20:   fault.Invalid,     // MISMATCH
	18:   fault.Exhausted,   // TOOBIG
	13:   fault.Exhausted,   // FULL
	7:    fault.Exhausted,   // NOMEM
	5:    fault.Unavailable, // BUSY
	6:    fault.Unavailable, // LOCKED
	9:    fault.Unavailable, // INTERRUPT
	10:   fault.Unavailable, // IOERR
	14:   fault.Unavailable, // CANTOPEN
	26:   fault.Invalid,     // NOTADB
}

// rollsBack holds the SQLite result codes after which the whole transaction may be
// gone (https://www.sqlite.org/lang_transaction.html, response to errors within a
// transaction).
var rollsBack = map[int]bool{5: true, 7: true, 9: true, 10: true, 11: true, 13: true}

// pgKinds gives the kind of a PostgreSQL condition: the whole code first, then its
// class (PostgreSQL Appendix A). What is absent is Internal.
var pgKinds = map[string]fault.Kind{
	"23505": fault.Conflict,    // unique_violation
	"23P01": fault.Conflict,    // exclusion_violation
	"23":    fault.Invalid,     // integrity constraint violation
	"22":    fault.Invalid,     // data exception
	"08":    fault.Unavailable, // connection exception
	"28":    fault.Unavailable, // invalid authorisation: the installation's, not the user's
	"3D":    fault.Unavailable, // no such database
	"40":    fault.Unavailable, // transaction rollback: serialisation, deadlock
	"53":    fault.Exhausted,   // insufficient resources: disk, memory, connections
	"54":    fault.Exhausted,   // program limit exceeded
	"55P03": fault.Unavailable, // lock_not_available
	"57":    fault.Unavailable, // operator intervention: statement timeout, shutdown
	"58":    fault.Unavailable, // system error
}

// An sqlError says what went wrong without the values that were involved, which
// the texts of drivers may quote.
type sqlError struct {
	text  string
	cause error
}

func (e *sqlError) Error() string { return e.text }
func (e *sqlError) Unwrap() error { return e.cause }

// classify gives an error of a driver its kind and a text without values.
func classify(err error) error {
	if err == nil {
		return nil
	}
	var (
		known *fault.Error
		pg    *pgconn.PgError
		start *pgconn.ConnectError
		nerr  net.Error
	)
	if errors.As(err, &known) {
		return err
	}
	if code, ok := sqliteCode(err); ok {
		kind, ok := liteKinds[code]
		if !ok {
			kind = liteKinds[code&0xff]
		}
		return fault.As(kind, &sqlError{"sqlite: " + err.Error(), err})
	}
	switch {
	case errors.As(err, &pg):
		return fault.As(pgKind(pg.Code), &sqlError{pgText(pg), err})
	case errors.Is(err, sql.ErrNoRows):
		return fault.As(fault.NotFound, err)
	case errors.Is(err, sql.ErrConnDone), errors.Is(err, driver.ErrBadConn),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), errors.Is(err, net.ErrClosed):
		return fault.Errorf(fault.Unavailable, "database connection lost: %w", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fault.As(fault.Unavailable, err)
	case errors.As(err, &start), errors.As(err, &nerr), pgconn.SafeToRetry(err):
		return fault.Errorf(fault.Unavailable, "reach the database: %w", err)
	}
	return fault.As(fault.Internal, &sqlError{guarded(err), err})
}

func pgKind(code string) fault.Kind {
	if k, ok := pgKinds[code]; ok {
		return k
	}
	if len(code) >= 2 {
		return pgKinds[code[:2]]
	}
	return fault.Internal
}

// pgText returns the message of an error, except where it quotes values.
func pgText(e *pgconn.PgError) string {
	switch {
	case strings.HasPrefix(e.Code, "22"):
		return fmt.Sprintf("postgres: data exception (SQLSTATE %s)", e.Code)
	case e.ConstraintName != "":
		return fmt.Sprintf("postgres: constraint %s of table %s (SQLSTATE %s)", e.ConstraintName, e.TableName, e.Code)
	}
	return fmt.Sprintf("postgres: %s (SQLSTATE %s)", e.Message, e.Code)
}

// guarded returns as much of the text of err as comes before a value.
func guarded(err error) string {
	text := err.Error()
	for _, before := range []string{": converting", ": unsupported", ": unable to encode", ": cannot"} {
		if head, _, found := strings.Cut(text, before); found && !strings.Contains(head, `("`) {
			return head + ": value does not fit"
		}
	}
	if text, found := strings.CutPrefix(text, "sql: "); found && !strings.ContainsAny(text, `"'`) {
		return "sql: " + text
	}
	return fmt.Sprintf("database driver: %T", err)
}
