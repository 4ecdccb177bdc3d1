package export

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/ucum"
)

var update = flag.Bool("update", false, "write the golden files")

// rows yields the given rows.
func rows(all ...[]any) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for _, row := range all {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// paris is where the times of the tests were taken.
var paris = time.FixedZone("CET", 3600)

// examination is a table with every kind of column and of value. All of it is
// made up.
func examination() Table {
	dlp := 512.25
	var none *float64
	weight := ucum.MustDecimal("70.50")
	return Table{
		Name: "dose_examination", Title: "Untersuchungen: Dosis", Layout: 3,
		Made: time.Date(2026, 3, 4, 8, 30, 0, 0, time.UTC),
		About: []Line{
			{"Standort", "Klinikum Beispiel"},
			{"Zeitraum", "1.–31. März 2026"},
			{"Referenz", "=demo/2026"},
		},
		Columns: []Column{
			{Name: "examination_id", Label: "Untersuchung", Kind: Text},
			{Name: "dlp_mgycm", Label: "DLP", Unit: "mGy.cm", Kind: Number, Digits: 1},
			{Name: "weight_kg", Label: "Gewicht", Unit: "kg", Kind: Number},
			{Name: "ratio", Label: "Verhältnis", Unit: "1", Kind: Number, Digits: Whole},
			{Name: "events", Label: "Ereignisse", Kind: Integer},
			{Name: "complete", Label: "vollständig", Kind: Boolean},
			{Name: "birth_date", Label: "Geburtsdatum", Kind: Date},
			{Name: "received_at", Label: "Eingang", Kind: Instant},
			{Name: "started_local", Label: "Beginn", Kind: Local},
		},
		Rows: rows(
			[]any{
				"Schädel, \"nativ\"", &dlp, weight, 0.1, 4, true,
				time.Date(1961, 2, 3, 23, 59, 0, 0, paris),
				time.Date(2026, 3, 1, 0, 30, 0, 0, paris),
				time.Date(2026, 3, 1, 0, 30, 15, 500e6, paris),
			},
			[]any{
				"-1+2", 0.0, ucum.MustDecimal("1e-10"), int64(-2), int64(math.MaxInt64), false,
				time.Date(1893, 5, 6, 0, 0, 0, 0, time.UTC),
				time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
				time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC),
			},
			[]any{"two\nlines", none, (*ucum.Decimal)(nil), math.NaN(), nil, nil, time.Time{}, time.Time{}, nil},
			[]any{"", math.Copysign(0, -1), 1e300, 1.0 / 3, 0, nil, nil, nil, nil},
		),
	}
}

func TestCSVGolden(t *testing.T) {
	var b bytes.Buffer
	if err := CSV(&b, examination()); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/examination.csv"
	if *update {
		if err := os.WriteFile(golden, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.SplitAfter(string(want), "\r\n"), strings.SplitAfter(b.String(), "\r\n")); diff != "" {
		t.Errorf("CSV (-golden +got; -update writes it):\n%s", diff)
	}
}

func TestCSVForm(t *testing.T) {
	var b bytes.Buffer
	table := Table{Name: "empty", Layout: 1, Columns: []Column{{Name: "room"}}}
	if err := CSV(&b, table); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "\xef\xbb\xbflayout,room\r\n"; got != want {
		t.Errorf("CSV of a table without rows = %q; want %q", got, want)
	}
}

func TestDecimalText(t *testing.T) {
	tenth, fifth := 0.1, 0.2 // not constants, whose sum would be exact
	for _, c := range []struct {
		name string
		v    float64
		want string
	}{
		{"all digits of a third", 1.0 / 3, "0.3333333333333333"},
		{"a million is no exponent", 1e6, "1000000"},
		{"small, still readable", 1e-7, "0.0000001"},
		{"smaller gets an exponent", 1.5e-8, "1.5e-08"},
		{"so does a row of zeros", 1e21, "1e+21"},
		{"nothing is rounded", tenth + fifth, "0.30000000000000004"},
	} {
		if got := decimal(c.v); got != c.want {
			t.Errorf("%s: decimal = %s; want %s", c.name, got, c.want)
		}
	}
}

func TestTableMistakes(t *testing.T) {
	good := func() Table {
		return Table{
			Name: "t", Title: "T", Layout: 1, Made: time.Unix(1, 0),
			Columns: []Column{{Name: "a", Kind: Number}}, Rows: rows([]any{1.5}),
		}
	}
	for _, c := range []struct {
		name  string
		spoil func(*Table)
	}{
		{"a name with a space", func(t *Table) { t.Name = "dose table" }},
		{"no layout version", func(t *Table) { t.Layout = 0 }},
		{"no columns", func(t *Table) { t.Columns = nil }},
		{"a column name in capitals", func(t *Table) { t.Columns[0].Name = "DLP" }},
		{"a column name twice", func(t *Table) { t.Columns = append(t.Columns, t.Columns[0]) }},
		{"the name of the layout column", func(t *Table) { t.Columns[0].Name = "layout" }},
		{"a kind nobody knows", func(t *Table) { t.Columns[0].Kind = Local + 1 }},
		{"digits beyond a float", func(t *Table) { t.Columns[0].Digits = 16 }},
		{"a row that is too short", func(t *Table) { t.Rows = rows([]any{}) }},
		{"a row that is too long", func(t *Table) { t.Rows = rows([]any{1, 2}) }},
		{"text in a column of numbers", func(t *Table) { t.Rows = rows([]any{"1.5"}) }},
		{"a number in a column of text", func(t *Table) { t.Columns[0].Kind = Text }},
		{"a fraction in a column of integers", func(t *Table) { t.Columns[0].Kind = Integer }},
		{"a number in a column of booleans", func(t *Table) { t.Columns[0].Kind = Boolean }},
		{"a number in a column of dates", func(t *Table) { t.Columns[0].Kind = Date }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for format, write := range writers {
				table := good()
				c.spoil(&table)
				if err := write(io.Discard, table); err == nil || fault.Of(err) != fault.Internal {
					t.Errorf("%s = %v; want fault.Internal", format, err)
				} else if strings.Contains(err.Error(), "1.5") {
					t.Errorf("%s = %v; the value must not be told", format, err)
				}
			}
		})
	}
	for format, write := range writers {
		if err := write(io.Discard, good()); err != nil {
			t.Errorf("%s of the table without a mistake = %v", format, err)
		}
	}
}

var writers = map[string]func(io.Writer, Table) error{"CSV": CSV, "XLSX": XLSX}

// failing is a reader that went away.
type failing struct{}

var errGone = errors.New("gone")

func (failing) Write([]byte) (int, error) { return 0, errGone }

func TestErrors(t *testing.T) {
	for format, write := range writers {
		if err := write(failing{}, examination()); !errors.Is(err, errGone) {
			t.Errorf("%s to a writer that fails = %v; want its error", format, err)
		}
		table := examination()
		table.Rows = func(yield func([]any, error) bool) { yield(nil, fmt.Errorf("query: %w", context.Canceled)) }
		var b bytes.Buffer
		if err := write(&b, table); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "dose_examination, row 1") {
			t.Errorf("%s of rows that end early = %v; want their kind, and where", format, err)
		}
		if format == "XLSX" && b.Len() > 0 {
			t.Errorf("XLSX wrote %d bytes of a table that has no end; want none", b.Len())
		}
	}
}

// many yields n rows of the same text and number, and asks the memory in use
// every so often.
func many(n int, row []any, most *uint64) iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		for i := range n {
			if i%20000 == 19999 {
				*most = max(*most, inUse())
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemory writes tables much larger than the memory they may take: 60 MB of CSV
// and, unpacked, about 70 MB of XLSX, of which excelize keeps 16 MB at a time.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a hundred megabytes")
	}
	row := []any{strings.Repeat("schädel ", 16), 512.25, int64(7)}
	for _, c := range []struct {
		format string
		rows   int
		bound  uint64
	}{{"CSV", 400_000, 4 << 20}, {"XLSX", 200_000, 64 << 20}} {
		var most uint64
		table := Table{
			Name: "t", Title: "T", Layout: 1, Made: time.Unix(1, 0), Scratch: t.TempDir(),
			Columns: []Column{{Name: "a"}, {Name: "b", Kind: Number}, {Name: "c", Kind: Integer}},
			Rows:    many(c.rows, row, &most),
		}
		before := inUse()
		var out counter
		if err := writers[c.format](&out, table); err != nil {
			t.Fatal(err)
		}
		if most == 0 || most > before+c.bound {
			t.Errorf("%s of %d rows had %d bytes in use; want at most %d more than %d", c.format, c.rows, most, c.bound, before)
		}
		if left, err := os.ReadDir(table.Scratch); err != nil || len(left) > 0 {
			t.Errorf("%s left %v, %v in the scratch folder; want nothing", c.format, left, err)
		}
		t.Logf("%s: %d rows, %d bytes out, %d bytes of memory more than before", c.format, c.rows, out, int64(most)-int64(before))
	}
}

// A counter counts what is written to it.
type counter int

func (c *counter) Write(b []byte) (int, error) { *c += counter(len(b)); return len(b), nil }
