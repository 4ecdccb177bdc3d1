// Package export writes tables and pages as CSV, XLSX, Parquet and PDF.
//
// A Table is what a page shows, or a list it rests on, to be taken along: rows
// under columns with stable names, and beside them where they come from. CSV
// writes it for programs, XLSX for people, Parquet for analysis. All hold the same
// values in full precision and show what is unknown as an empty cell or null, never
// as 0; all stream, so a table may be larger than memory. A Document is what is
// printed: PDF writes headings, text and tables on pages.
//
// Text in a table comes from devices and people, and spreadsheets take some text
// for a formula. In CSV such text is guarded by an apostrophe, in XLSX its cells
// are typed as text; numbers are never changed. docs/format/export.md is the
// promise to those who read the files.
//
// The package knows nothing of patients and decides nothing about who may have
// what: a caller writes the journal entry before it hands out a file. It says no
// sentence of its own: labels and provenance come in the reader's language.
package export

import (
	"fmt"
	"iter"
	"regexp"
	"time"

	"radagora/fault"
)

// A Table is what is taken along. It is read once: Rows is.
type Table struct {
	Name   string // stable, snake_case: dose_examination
	Title  string // in the reader's language; names the sheet and the document
	Layout int    // version of the columns, from 1; it grows when one is added at the end

	About   []Line    // where the rows come from, in the reader's language; XLSX only
	Made    time.Time // when the table was made; a property of XLSX, which cannot do without
	Columns []Column

	// Rows are in order of the columns, each with a value for every one. A row
	// is not kept, so it may be used again. An error ends the export. Nil is a
	// table without rows.
	Rows iter.Seq2[[]any, error]

	// Scratch is where XLSX keeps rows that do not fit into memory, in a folder of
	// its own that it removes; "" is the system's. Patient data may pass there.
	Scratch string
}

// A Line says one thing about a table: site, period, filter, content and its
// edition, program and its version.
type Line struct{ Key, Value string }

// A Column is one of a table's columns.
type Column struct {
	Name  string // stable, snake_case, with the unit: dlp_mgycm
	Label string // in the reader's language; "" is Name
	Unit  string // UCUM, case-sensitive: mGy.cm; "" and 1 are not shown
	Kind  Kind

	// Digits is how many digits after the point XLSX shows of a Number; what the
	// cell holds is not rounded. 0 shows what there is, Whole none.
	Digits int
}

// Whole are the Digits of a Number that is shown without any after the point.
const Whole = -1

// Kind says what a column holds, and so which Go types its values may have. In
// every kind nil is unknown, and so are "", a nil pointer, the zero time, and what
// is no number or infinite.
type Kind uint8

// The kinds of column.
const (
	Text    Kind = iota // string
	Number              // float64, *float64, int, int64, ucum.Decimal, *ucum.Decimal
	Integer             // int, int64
	Boolean             // bool
	Date                // time.Time: its day where it is
	Instant             // time.Time: written in UTC
	Local               // time.Time: its day and time of day where it is; where that is stays unknown
)

// kinds holds the word for each Kind, in the order of the constants.
var kinds = [...]string{"text", "number", "integer", "boolean", "date", "instant", "local"}

// String returns the word for k as it stands in files and documents.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return "unknown"
}

// layoutColumn is the first column of CSV, which tables do not have themselves.
const layoutColumn = "layout"

// maxDigits is how many digits after the point a number format may ask for.
const maxDigits = 15

// stableName is what tables and columns are called.
var stableName = regexp.MustCompile(`\A[a-z][a-z0-9]*(_[a-z0-9]+)*\z`)

// check refuses a table that no file could keep its promises about, as
// fault.Internal: whoever declared it made a mistake.
func (t *Table) check() error {
	if !stableName.MatchString(t.Name) || t.Layout < 1 || len(t.Columns) == 0 {
		return fault.Errorf(fault.Internal, "export table %q: a table needs a snake_case name, a layout from 1 and columns", t.Name)
	}
	seen := map[string]bool{layoutColumn: true}
	for _, c := range t.Columns {
		switch {
		case !stableName.MatchString(c.Name):
			return fault.Errorf(fault.Internal, "export table %s: column %q is not in snake_case", t.Name, c.Name)
		case seen[c.Name]:
			return fault.Errorf(fault.Internal, "export table %s: column name %s is taken", t.Name, c.Name)
		case int(c.Kind) >= len(kinds):
			return fault.Errorf(fault.Internal, "export table %s: column %s is of no kind", t.Name, c.Name)
		case c.Digits < Whole || c.Digits > maxDigits:
			return fault.Errorf(fault.Internal, "export table %s: column %s asks for %d digits", t.Name, c.Name, c.Digits)
		}
		seen[c.Name] = true
	}
	return nil
}

// values yields the rows with every value in the one form of its kind, see
// Column.value. The slice is the same for each row. After an error there is none.
func (t *Table) values() iter.Seq2[[]any, error] {
	return func(yield func([]any, error) bool) {
		if t.Rows == nil {
			return
		}
		n, out := 0, make([]any, len(t.Columns))
		for row, err := range t.Rows {
			n++
			if err == nil {
				err = t.row(row, out)
			}
			if err != nil {
				yield(nil, fmt.Errorf("export %s, row %d: %w", t.Name, n, err))
				return
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}

// row puts the values of row into out.
func (t *Table) row(row, out []any) (err error) {
	if len(row) != len(out) {
		return fault.Errorf(fault.Internal, "%d values for %d columns", len(row), len(out))
	}
	for i, v := range row {
		if out[i], err = t.Columns[i].value(v); err != nil {
			return err
		}
	}
	return nil
}
