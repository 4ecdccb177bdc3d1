package content

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"radagora/fault"
)

// A Table holds the rows of one TSV file. It is not to be changed.
type Table struct {
	Name    string // name of the file without .tsv
	file    string
	columns []string
	at      map[string]int
	rows    [][]string
	lines   []int           // line of each row in the file
	absent  map[string]bool // columns that the schema has and the file need not
}

// Len returns the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Columns returns the names of the columns in the order of the file.
func (t *Table) Columns() []string { return slices.Clone(t.columns) }

// Has reports whether the table has a column of this name.
func (t *Table) Has(column string) bool { _, ok := t.at[column]; return ok }

// All returns the rows in the order of the file.
func (t *Table) All() iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		for i := range t.rows {
			if !yield(&Row{table: t, i: i}) {
				return
			}
		}
	}
}

// A Row is one line of a table. Its values are read by the name of the column;
// what cannot be read as asked is noted and returned by Err, so that a whole row
// is read before anyone asks.
type Row struct {
	table *Table
	i     int
	errs  []error
}

// Line returns the line of the row in its file.
func (r *Row) Line() int { return r.table.lines[r.i] }

// Err returns what went wrong while reading the row: an error of kind Internal
// for a column the table does not have, of kind Invalid for a value that is not
// what was asked for. It is nil for content that Check found in order and that
// is read along its schema.
func (r *Row) Err() error { return errors.Join(r.errs...) }

// fail notes that a column could not be read.
func (r *Row) fail(kind fault.Kind, column, why string) {
	r.errs = append(r.errs, fault.Errorf(kind, "%s:%d: column %s: %s", r.table.file, r.Line(), column, why))
}

// Text returns the text of a column, "" if it is empty or an optional column is
// absent.
func (r *Row) Text(column string) string {
	i, ok := r.table.at[column]
	if !ok {
		if !r.table.absent[column] {
			r.fail(fault.Internal, column, "no such column")
		}
		return ""
	}
	return r.table.rows[r.i][i]
}

// List returns the parts of a column between semicolons, nil if it is empty.
func (r *Row) List(column string) []string { return split(r.Text(column)) }

// Number returns the decimal number of a column, false if it is empty.
func (r *Row) Number(column string) (float64, bool) {
	s := r.Text(column)
	if s == "" {
		return 0, false
	}
	v, ok := decimal(s)
	if !ok {
		r.fail(fault.Invalid, column, "not a number")
	}
	return v, ok
}

// Int returns the whole number of a column, false if it is empty.
func (r *Row) Int(column string) (int, bool) {
	s := r.Text(column)
	if s == "" {
		return 0, false
	}
	v, err := strconv.Atoi(s)
	if err != nil {
		r.fail(fault.Invalid, column, "not a whole number")
	}
	return v, err == nil
}

// Date returns the date of a column; the zero Date if it is empty.
func (r *Row) Date(column string) Date {
	d, ok := ParseDate(r.Text(column))
	if !ok {
		r.fail(fault.Invalid, column, "not a date")
		return Date{}
	}
	return d
}

// Span returns the time between two columns.
func (r *Row) Span(from, to string) Span { return Span{From: r.Date(from), To: r.Date(to)} }

// Yes reports whether a column says yes; an empty one says no.
func (r *Row) Yes(column string) bool {
	s := r.Text(column)
	if s != "" && s != "yes" && s != "no" {
		r.fail(fault.Invalid, column, "neither yes nor no")
	}
	return s == "yes"
}

// Collect makes a T of every row of t. What goes wrong is collected over all rows.
func Collect[T any](t *Table, read func(*Row) T) ([]T, error) {
	all := make([]T, 0, t.Len())
	var errs []error
	for row := range t.All() {
		all = append(all, read(row))
		errs = append(errs, row.errs...)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("read table %s: %w", t.file, err)
	}
	return all, nil
}

// split returns the parts of s between semicolons without outer spaces.
func split(s string) []string {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ";")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// decimal reads a plain decimal number: no exponent of two, no infinity.
func decimal(s string) (float64, bool) {
	if s == "" || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, false
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil
}
