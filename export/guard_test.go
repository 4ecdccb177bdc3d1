package export

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"plain text", "CT Schädel", "CT Schädel"},
		{"nothing", "", ""},
		{"an equals sign", "=1+1", "'=1+1"},
		{"a plus", "+49 30 1", "'+49 30 1"},
		{"a minus", "-2+3", "'-2+3"},
		{"a dash for nothing", "-", "'-"},
		{"an at sign", "@SUM(A1)", "'@SUM(A1)"},
		{"a tab", "\tx", "'\tx"},
		{"a carriage return, made a line end", "\rx", "'\nx"},
		{"a command", "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"},
		{"full width, which some input methods type", "＝1＋1", "'＝1＋1"},
		{"after blanks", "  =1", "'  =1"},
		{"after a no-break space", "\u00a0=1", "'\u00a0=1"},
		{"after a byte order mark", "\ufeff=1", "'\ufeff=1"},
		{"after a quote", "\"=1", "'\"=1"},
		{"after a tab, which is guarded too", "\t=1", "'\t'=1"},
		{"after a semicolon, the separator in France and Germany", "Kopf;=1", "Kopf;'=1"},
		{"after a semicolon and a quote", "Kopf;\"=1", "Kopf;'\"=1"},
		{"on a second line", "Kopf\n=1", "Kopf\n'=1"},
		{"on a line that ends in CRLF", "Kopf\r\n@1", "Kopf\n'@1"},
		{"a sign in the middle harms nobody", "Kopf - nativ = 1", "Kopf - nativ = 1"},
		{"a semicolon harms nobody", "Kopf; nativ", "Kopf; nativ"},
		{"text that looks guarded gets one more", "'=1", "''=1"},
		{"an apostrophe harms nobody", "'t Zand", "'t Zand"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := guard(clean(c.text)); got != c.want {
				t.Errorf("guard(%q) = %q; want %q", c.text, got, c.want)
			}
		})
	}
}

// TestGuardInCSV looks at guarded and unguarded cells where they are written:
// numbers, dates and times are left alone.
func TestGuardInCSV(t *testing.T) {
	var b bytes.Buffer
	err := CSV(&b, Table{
		Name: "t", Layout: 1, Columns: []Column{{Name: "a"}, {Name: "b", Kind: Number}, {Name: "c", Kind: Integer}},
		Rows: rows([]any{"-5", -5.5, -5}, []any{`=HYPERLINK("http://x")`, -1e-9, nil}),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := bom + "layout,a,b,c\r\nt/1,'-5,-5.5,-5\r\nt/1,\"'=HYPERLINK(\"\"http://x\"\")\",-1e-09,\r\n"
	if b.String() != want {
		t.Errorf("CSV = %q; want %q", b.String(), want)
	}
}

// unguard takes back what guard did, as docs/format/export.md tells programs to.
func unguard(s string) string {
	var b strings.Builder
	for i, cell := range strings.SplitAfter(strings.NewReplacer(";", ";\x00", "\t", "\t\x00", "\n", "\n\x00").Replace(s), "\x00") {
		cell = strings.TrimSuffix(cell, "\x00")
		if suspect(cell, i == 0) {
			cell = cell[1:]
		}
		b.WriteString(cell)
	}
	return b.String()
}

// FuzzGuard holds that no cell begins a formula, whichever separator a program
// uses, and that nothing is lost: a reader gets back what was written.
func FuzzGuard(f *testing.F) {
	for _, s := range []string{"=1", "'=1", "\t=", "a;=1\n+2", `a;"=1`, "\r\n", "\x00=1", "\xff", " \";'@"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = clean(s)
		if len(s) > 1000 {
			return // and it would be cut
		}
		var b bytes.Buffer
		table := Table{Name: "t", Layout: 1, Columns: []Column{{Name: "a"}}, Rows: rows([]any{s})}
		if err := CSV(&b, table); err != nil {
			t.Fatal(err)
		}
		for _, separator := range ",;\t" {
			r := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.String(), bom)))
			r.Comma, r.LazyQuotes, r.FieldsPerRecord = separator, true, -1
			all, err := r.ReadAll()
			if err != nil {
				t.Fatalf("read with %q: %v", separator, err)
			}
			for _, line := range all {
				for _, cell := range line {
					if strings.IndexAny(strings.TrimLeft(cell, " \""), "=+-@") == 0 {
						t.Errorf("%q, read with %q, has a cell %q", s, separator, cell)
					}
				}
			}
			if separator == ',' && unguard(all[1][1]) != s {
				t.Errorf("%q comes back as %q", s, unguard(all[1][1]))
			}
		}
	})
}
