package postgres

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestStart(t *testing.T) {
	s, err := Start(t.Context())
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), s.DSN())
	if err != nil {
		t.Fatal(err)
	}
	var fsync, who string
	if err := conn.QueryRow(t.Context(), "select current_setting('fsync'), current_user").Scan(&fsync, &who); err != nil {
		t.Fatal(err)
	}
	if fsync != "off" || who != role {
		t.Errorf("fsync, user = %s, %s; want off, %s", fsync, who, role)
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := pgx.Connect(t.Context(), strings.Replace(s.DSN(), role+":", role+":x", 1)); err == nil {
		t.Error("a wrong password was let in")
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := pgx.Connect(t.Context(), s.DSN()); err == nil {
		t.Error("the server still answers after Stop")
	}
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("its folder is still there: %v", err)
	}
}
