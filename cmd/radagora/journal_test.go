package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/db"
)

// ran runs the program and returns its exit code and everything it printed.
func ran(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out said
	code := run(t.Context(), args, &system{In: strings.NewReader(""), Out: &out, Err: &out, Now: time.Now})
	return code, out.String()
}

// A said is what a program printed, by its command and by its log at the same time.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

// String returns all of it.
func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// TestCheckNamesTheFirstBrokenEntry edits, deletes and cuts off rows behind the
// journal's back.
func TestCheckNamesTheFirstBrokenEntry(t *testing.T) {
	slow(t)
	t.Parallel()
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

// TestAnOlderDatabaseIsPutBack puts the database of yesterday under the heads of
// today, as a restore does.
func TestAnOlderDatabaseIsPutBack(t *testing.T) {
	slow(t)
	t.Parallel()
	data, old := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "old")
	look := func() {
		t.Helper()
		if code, out := ran(t, "journal", "find", "--data", data); code != 0 {
			t.Fatal(out)
		}
	}
	look()
	if err := os.CopyFS(old, os.DirFS(data)); err != nil {
		t.Fatal(err)
	}
	look()
	look()
	heads, err := os.ReadFile(filepath.Join(data, headsFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(old, headsFile), heads, 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := ran(t, "journal", "verify", "--data", old); code != 1 || !strings.Contains(out, "truncated") {
		t.Fatalf("verify: %d\n%s", code, out)
	}
	sys := &system{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	h, err := settings{Data: old, HTTP: "127.0.0.1:8080"}.open(t.Context(), sys)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(h.forgetLater(t.Context()), h.Close()); err != nil {
		t.Fatal(err)
	}
	data = old
	look()
	if code, out := ran(t, "journal", "verify", "--data", old); code != 0 {
		t.Errorf("verify afterwards: %d\n%s", code, out)
	}
	if code, out := ran(t, "journal", "find", "--data", old, "--kind", "journal.chain.restored"); code != 0 || !strings.Contains(out, `"seal":`) {
		t.Errorf("the journal does not say what was lost:\n%s", out)
	}
}

// TestAccessesStayAsTheRecordSays: the rule that the record of processing shows is the
// one by which the journal keeps accesses, and no installation shortens it.
func TestAccessesStayAsTheRecordSays(t *testing.T) {
	for _, c := range []struct {
		name, amount, unit string
		want               int // days, the longest of them
	}{
		{"as the program brings it", "", "", 1096},
		{"longer here", "5", "year", 1827},
		{"shorter here, which does not hold", "1", "year", 1096},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := t.TempDir()
			if c.amount != "" {
				rules := filepath.Join(data, "content", "law", "retention")
				check(t, os.MkdirAll(rules, 0o700))
				for _, name := range []string{"set.yaml", "rules.tsv"} {
					b, err := os.ReadFile(filepath.Join("..", "..", "content", "law", "retention", name))
					check(t, err)
					b = bytes.Replace(b, []byte("access\tjournal\t3\tyear"), []byte("access\tjournal\t"+c.amount+"\t"+c.unit), 1)
					check(t, os.WriteFile(filepath.Join(rules, name), b, 0o600))
				}
			}
			inside(t, data, func(_ context.Context, h *house) {
				rules, err := h.retentionRules()
				check(t, err)
				longest := 0
				for _, r := range rules {
					if r.Kind == "*" && r.Personal {
						longest = max(longest, r.Days)
					}
				}
				if longest != c.want {
					t.Errorf("accesses stay %d days; want %d: %+v", longest, c.want, rules)
				}
			})
		})
	}
}
