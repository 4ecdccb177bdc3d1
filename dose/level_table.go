package dose

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"radagora/content"
	"radagora/fault"
)

// The bounds of a table that people paste or import.
const (
	levelFileLimit = 1 << 20 // bytes
	levelRowLimit  = 2000
)

// A LevelTable is a table of levels as somebody pasted it.
type LevelTable struct {
	Head  map[string]string // what it says of the set as a whole, by column
	Rows  []LevelRow
	lines []int // of the text, by row
}

// ReadLevels reads a table: fields between tabs, semicolons or commas, quoted or
// not, with the names of columns in its first line (see LevelColumns, in any order;
// what is the same for all rows may be left out and stated of the set). Rows that
// cannot be read are left out and reported, with line and way out. Invalid: there is
// no table in it.
func ReadLevels(text []byte) (LevelTable, []content.Problem, error) {
	if len(text) > levelFileLimit {
		return LevelTable{}, nil, fault.Errorf(fault.Exhausted, "a table of levels has at most %d bytes", levelFileLimit)
	}
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = -1, true, false
	r.Comma = separator(text)
	columns, err := r.Read()
	if err != nil {
		return LevelTable{}, nil, fault.Errorf(fault.Invalid, "there is no table: its first line names the columns")
	}
	for i := range columns {
		columns[i] = strings.ToLower(strings.TrimSpace(columns[i]))
	}
	if err := checkColumns(columns); err != nil {
		return LevelTable{}, nil, err
	}
	t := LevelTable{Head: map[string]string{}}
	var problems []content.Problem
	for {
		fields, err := r.Read()
		line, _ := r.FieldPos(0)
		switch {
		case errors.Is(err, io.EOF):
			return t, problems, nil
		case err != nil:
			return t, append(problems, content.Problem{Line: line, Code: content.Unreadable, Args: []string{"quotes do not fit"}}), nil //nolint:nilerr // it is reported as a problem of the line
		case len(t.Rows) == levelRowLimit:
			return t, nil, fault.Errorf(fault.Exhausted, "a set of levels has at most %d rows", levelRowLimit)
		case blank(fields):
		case len(fields) != len(columns):
			problems = append(problems, content.Problem{Line: line, Code: content.FieldCount, Args: []string{strconv.Itoa(len(fields)), strconv.Itoa(len(columns))}})
		default:
			problems = append(problems, t.take(line, columns, fields)...)
		}
	}
}

// separator guesses what stands between fields: what the first line has most of.
func separator(text []byte) rune {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	best, most := '\t', 0
	for _, c := range []rune{'\t', ';', ','} {
		if n := bytes.Count(line, []byte(string(c))); n > most {
			best, most = c, n
		}
	}
	return best
}

// checkColumns refuses names that are no columns, and a table without numbers.
func checkColumns(columns []string) error {
	for i, c := range columns {
		switch {
		case !slices.Contains(tableColumns, c):
			return fault.Errorf(fault.Invalid, "line 1: %q is no column; known are: %s", shortened(c), strings.Join(tableColumns, ", "))
		case slices.Contains(columns[:i], c):
			return fault.Errorf(fault.Invalid, "line 1: the column %s stands there twice", c)
		}
	}
	for _, c := range []string{"exam_code", "quantity", "value", "unit"} {
		if !slices.Contains(columns, c) {
			return fault.Errorf(fault.Invalid, "line 1: the column %s is missing", c)
		}
	}
	return nil
}

// shortened bounds a text that stands in a message.
func shortened(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// blank reports whether a line has nothing in it.
func blank(fields []string) bool {
	return !slices.ContainsFunc(fields, func(s string) bool { return strings.TrimSpace(s) != "" })
}

// take takes a line. What holds for the whole set has to be the same in all rows.
func (t *LevelTable) take(line int, columns, fields []string) []content.Problem {
	row := LevelRow{Cells: map[string]string{}}
	for i, c := range columns {
		text := strings.TrimSpace(fields[i])
		switch {
		case text == "":
		case !slices.Contains(headColumns, c):
			row.Cells[c] = text
		case t.Head[c] == "":
			t.Head[c] = text
		case t.Head[c] != text:
			return []content.Problem{{Line: line, Column: c, Code: content.OtherSet, Args: []string{strconv.Quote(shortened(text)), strconv.Quote(shortened(t.Head[c]))}}}
		}
	}
	t.Rows, t.lines = append(t.Rows, row), append(t.lines, line)
	return nil
}

// spellings are what notices write in place of UCUM.
var spellings = strings.NewReplacer("·", ".", "⋅", ".", "∙", ".", "²", "2", "^", "", "µ", "u", "μ", "u", " ", "")

// complete fills in what follows from the codes of a row: modality, the words of
// examination, indication and size group, and the unit as content spells it. Head
// says which columns the set fills in.
func complete(library *content.Library, s *LevelSet, r *LevelRow) {
	set := func(column, text string) {
		if r.Cells[column] == "" && text != "" {
			r.Cells[column] = text
		}
	}
	if row := codeRow(library, s.Site, "dose/exam", "exam_code", r.Cells["exam_code"]); row != nil {
		set("modality", row.Text("modality"))
		set("examination", row.Text("label_en"))
	}
	set("modality", "unknown")
	set("examination", r.Cells["exam_code"])
	if row := codeRow(library, s.Site, "dose/indication", "indication_code", r.Cells["indication_code"]); row != nil {
		set("clinical_indication", row.Text("label_en"))
	}
	set("patient_group", groupName(r.Cells))
	if s.Kind == LevelNotice {
		set("source_kind", "official text")
	}
	set("source_kind", "own computation")
	r.Cells["unit"] = spellings.Replace(r.Cells["unit"])
}

// codeRow returns the row of a code, nil if there is none.
func codeRow(library *content.Library, site, set, column, code string) *content.Row {
	table, err := library.Table(site, set, "codes")
	if err != nil || code == "" {
		return nil
	}
	for row := range table.All() {
		if row.Text(column) == code {
			return row
		}
	}
	return nil
}

// groupName names the size group of a row by its bounds.
func groupName(cells map[string]string) string {
	unit := map[string]string{"weight_kg": "kg", "age_months": "months"}[cells["size_kind"]]
	from, to := cells["size_min"], cells["size_max"]
	switch {
	case unit == "":
		return "adult"
	case to == "":
		return ">=" + from + " " + unit
	case from == "" || from == "0":
		return "<" + to + " " + unit
	}
	return from + "-<" + to + " " + unit
}

// rowLine says where a problem stands in a pasted text, and which row it is of.
func rowLine(p content.Problem, lines []int) (content.Problem, int) {
	row := p.Line - 2
	if row < 0 || row >= len(lines) {
		return p, -1
	}
	p.File, p.Line = "", lines[row]
	if p.Code == content.BothValid && len(p.Args) > 0 {
		if other, err := strconv.Atoi(p.Args[0]); err == nil && other-2 >= 0 && other-2 < len(lines) {
			p.Args = []string{strconv.Itoa(lines[other-2])}
		}
	}
	return p, row
}

// TSV writes the set as the table that others can load: UTF-8, LF, a line of
// columns, tabs, no quotes.
func (s *LevelSet) TSV() []byte {
	var b bytes.Buffer
	b.WriteString(strings.Join(tableColumns, "\t") + "\n")
	for _, r := range s.Rows {
		for i, c := range tableColumns {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(oneLine(s.cell(r, c)))
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// oneLine takes from a text what a table has no place for.
func oneLine(s string) string {
	s = strings.Map(func(c rune) rune {
		switch {
		case c == '"':
			return '”'
		case c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029':
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "\uFFFD"))
	return strings.TrimSpace(s)
}
