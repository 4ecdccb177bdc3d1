package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radagora/db"
)

// ran runs the program and returns its exit code and everything it printed.
func ran(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), args, &system{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now})
	return code, out.String()
}

// TestCheckNamesTheFirstBrokenEntry edits, deletes and cuts off rows behind the
// journal's back.
func TestCheckNamesTheFirstBrokenEntry(t *testing.T) {
	source := filepath.Join(t.TempDir(), "data")
	for _, set := range []string{"dose/level/uk_ndrl_2024", "dose/level/de_drw_2022"} {
		if code, out := ran(t, "content", "govern", "--data", source, set, "--from", "2024-11-20"); code != 0 && !strings.Contains(out, "would both govern") {
			t.Fatal(out)
		}
	}
	for range 3 {
		if code, out := ran(t, "journal", "find", "--data", source); code != 0 {
			t.Fatal(out)
		}
	}
	code, out := ran(t, "check", "--data", source)
	if code != 0 || !strings.Contains(out, "all is well") {
		t.Fatalf("check before: %d\n%s", code, out)
	}
	for _, c := range []struct {
		name, want string
		statements []string
	}{
		{"an edited row", "broken at entry 2: entry_changed", []string{"update journal_entry set actor = 'nobody' where seq = 2"}},
		{"a deleted row", "broken at entry 2: entry_missing", []string{"delete from journal_entry where seq = 2"}},
		{"the end cut off", "broken at entry 3: truncated", []string{
			"delete from journal_entry where seq > 2", "delete from journal_seal where last_seq > 2", "update journal_cursor set seq = 2 where seq > 2",
		}},
		{"the end cut off, heads and all", "broken at entry 3: truncated", []string{
			"delete from journal_entry where seq > 2", "delete from journal_seal where last_seq > 2", "update journal_cursor set seq = 2 where seq > 2",
			"delete from journal_head where seq > 2",
		}},
		{"everything", "broken at entry 1: truncated", []string{
			"delete from journal_entry", "delete from journal_seal", "delete from journal_cursor", "delete from journal_head",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			if err := os.CopyFS(data, os.DirFS(source)); err != nil {
				t.Fatal(err)
			}
			d, err := db.Open(t.Context(), "sqlite:"+filepath.Join(data, "radagora.db"), db.Options{})
			if err != nil {
				t.Fatal(err)
			}
			err = d.Write(t.Context(), func(tx *db.Tx) error {
				for _, s := range c.statements {
					if _, err := tx.Exec(t.Context(), s); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			for _, words := range [][]string{{"check"}, {"journal", "verify"}} {
				code, out := ran(t, append(words, "--data", data)...)
				if code != 1 || !strings.Contains(out, c.want) {
					t.Errorf("%v: %d, want %q:\n%s", words, code, c.want, out)
				}
			}
		})
	}
}
