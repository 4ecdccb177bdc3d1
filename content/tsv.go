package content

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What a file may hold. The caps keep a wrong file from taking the memory of
// everybody else; real sets are far below them.
const (
	fileLimit    = 8 << 20  // bytes of a table
	lineLimit    = 64 << 10 // bytes of a line
	rowLimit     = 100_000
	columnLimit  = 256
	problemLimit = 100 // problems reported per file; the rest would only scroll by
)

// A reader collects what it finds wrong in one file.
type reader struct {
	file     string
	problems []Problem
}

// report notes a problem of a line and column of the file.
func (r *reader) report(line int, column string, code Code, args ...string) {
	if len(r.problems) < problemLimit {
		r.problems = append(r.problems, Problem{File: r.file, Line: line, Column: column, Code: code, Args: args})
	}
}

// text checks what holds for every text file: its size, its encoding and the
// length of its lines. It reports whether the file can be read on.
func (r *reader) text(data []byte, limit int) bool {
	switch {
	case len(data) > limit:
		r.report(0, "", TooLarge, strconv.Itoa(limit))
	case bytes.HasPrefix(data, []byte("\ufeff")):
		r.report(1, "", ByteOrderMark)
	default:
		line := 0
		for text := range bytes.Lines(data) {
			line++
			switch {
			case len(text) > lineLimit:
				r.report(line, "", LineTooLong, strconv.Itoa(lineLimit))
			case !utf8.Valid(text):
				r.report(line, "", BadUTF8)
			case bytes.ContainsRune(text, '\r'):
				r.report(line, "", CarriageReturn)
			}
		}
	}
	return len(r.problems) == 0
}

// readTSV reads a table: UTF-8, lines that end in LF, a header line, one tab
// between fields, no quoting. It returns nil if there is no telling what the
// columns are; otherwise the rows that are well formed.
func readTSV(file, name string, data []byte) (*Table, []Problem) {
	r := &reader{file: file}
	if !r.text(data, fileLimit) {
		return nil, r.problems
	}
	header, body, _ := strings.Cut(string(data), "\n")
	t := r.header(name, header)
	if t == nil {
		return nil, r.problems
	}
	line := 1
	for text := range strings.Lines(body) {
		line++
		if t.Len() == rowLimit {
			r.report(line, "", TooLarge, strconv.Itoa(fileLimit))
			break
		}
		if fields := r.row(t, line, strings.TrimSuffix(text, "\n")); fields != nil {
			t.rows, t.lines = append(t.rows, fields), append(t.lines, line)
		}
	}
	return t, r.problems
}

// header reads the names of the columns.
func (r *reader) header(name, text string) *Table {
	t := &Table{Name: name, file: r.file, columns: strings.Split(text, "\t"), at: map[string]int{}, absent: map[string]bool{}}
	if text == "" || len(t.columns) > columnLimit {
		r.report(1, "", NoHeader)
		return nil
	}
	for i, c := range t.columns {
		if !identifier(c) {
			r.report(1, "", NotIdentifier, quoted(c))
		} else if _, twice := t.at[c]; twice {
			r.report(1, c, SameColumn)
		}
		t.at[c] = i
	}
	if len(r.problems) > 0 {
		return nil
	}
	return t
}

// row splits a line into as many fields as there are columns; nil if it cannot.
func (r *reader) row(t *Table, line int, text string) []string {
	if text == "" {
		r.report(line, "", BlankLine)
		return nil
	}
	if n := strings.Count(text, "\t") + 1; n != len(t.columns) {
		r.report(line, "", FieldCount, strconv.Itoa(n), strconv.Itoa(len(t.columns)))
		return nil
	}
	fields := strings.Split(text, "\t")
	for i, f := range fields {
		switch {
		case strings.Contains(f, `"`):
			r.report(line, t.columns[i], Quote)
		case strings.ContainsFunc(f, control):
			r.report(line, t.columns[i], Control)
		case strings.TrimSpace(f) != f:
			r.report(line, t.columns[i], Space)
		}
	}
	return fields
}

// control reports characters that cannot be seen and have no business in a field.
func control(c rune) bool { return c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029' }

// identifier reports whether s is a code: letters, digits and _ . - / of ASCII,
// with a letter or digit first.
func identifier(s string) bool {
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("_.-/", rune(c))) {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

// quoted returns s as it may stand in a message: short, and on one line.
func quoted(s string) string {
	const most = 60
	if len(s) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		s = s[:cut] + "…"
	}
	return strconv.Quote(s)
}
