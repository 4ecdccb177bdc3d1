package entry

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"radagora/fault"
)

// Bounds of a table that is read.
const (
	MostBytes   = 64 << 20 // of a file
	mostUnzip   = 512 << 20
	mostRows    = 500_000
	mostColumns = 16_000
	mostCells   = 20_000_000
	mostCell    = 32_767 // bytes, as in a sheet
)

// A sheet is a table as it was read: fields as text, without what a program makes of
// them. A line that says nothing is nil.
type sheet struct {
	format string // csv, xlsx
	about  string // the first words of a sheet before it, "" for none
	lines  [][]string
}

// readSheet reads a table: XLSX if it begins like one, or else CSV, divided by commas,
// semicolons or tabs. Of a workbook it is the sheet "All data", or else the first.
// Invalid: it is neither; Exhausted: it is too large.
func readSheet(raw []byte) (s sheet, err error) {
	if len(raw) > MostBytes {
		return s, fault.Errorf(fault.Exhausted, "table: more than %d bytes", MostBytes)
	}
	if bytes.HasPrefix(raw, []byte("PK\x03\x04")) {
		return readBook(raw)
	}
	return readText(raw)
}

// readText reads CSV.
func readText(raw []byte) (s sheet, err error) {
	s.format = "csv"
	text := strings.TrimPrefix(string(raw), "\ufeff")
	if !utf8.ValidString(text) {
		return s, fault.Errorf(fault.Invalid, "table: the file is not UTF-8")
	}
	in := csv.NewReader(strings.NewReader(text))
	head, _, _ := strings.Cut(text, "\n")
	most := strings.Count(head, ",")
	for _, c := range ";\t" {
		if n := strings.Count(head, string(c)); n > most {
			in.Comma, most = c, n
		}
	}
	in.FieldsPerRecord, in.LazyQuotes = -1, true
	cells := 0
	for {
		fields, err := in.Read()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, fault.Errorf(fault.Invalid, "table: %w", err)
		}
		line, _ := in.FieldPos(0)
		if cells += len(fields); line > mostRows || len(fields) > mostColumns || cells > mostCells {
			return s, fault.Errorf(fault.Exhausted, "table: more than %d rows, %d columns or %d cells", mostRows, mostColumns, mostCells)
		}
		for len(s.lines) < line-1 { // blank lines, and those within a field
			s.lines = append(s.lines, nil)
		}
		s.lines = append(s.lines, trimmed(fields))
	}
}

// trimmed returns fields without blanks around them, nil if none says anything.
func trimmed(fields []string) []string {
	said := false
	for i, f := range fields {
		if len(f) > mostCell {
			f = f[:mostCell]
		}
		fields[i] = strings.TrimSpace(f)
		said = said || fields[i] != ""
	}
	if !said {
		return nil
	}
	return fields
}

// readBook reads a sheet of a workbook. Cells are as stored: a day is a number.
func readBook(raw []byte) (s sheet, err error) {
	s.format = "xlsx"
	defer func() {
		if v := recover(); v != nil { // a reader of foreign bytes that is not ours
			err = fault.Errorf(fault.Invalid, "table: the workbook cannot be read")
		}
	}()
	book, err := excelize.OpenReader(bytes.NewReader(raw), excelize.Options{UnzipSizeLimit: mostUnzip, UnzipXMLSizeLimit: mostUnzip, RawCellValue: true})
	if err != nil {
		return s, fault.Errorf(fault.Invalid, "table: no workbook: %w", err)
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	names := book.GetSheetList()
	if len(names) == 0 {
		return s, fault.Errorf(fault.Invalid, "table: a workbook without a sheet")
	}
	name := names[0]
	if i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, "all data") }); i >= 0 {
		name = names[i]
	}
	if name != names[0] {
		s.about, _ = book.GetCellValue(names[0], "A1") // it is for information
	}
	rows, err := book.Rows(name)
	if err != nil {
		return s, fault.Errorf(fault.Invalid, "table: no sheet: %w", err)
	}
	cells := 0
	for rows.Next() {
		fields, err := rows.Columns(excelize.Options{RawCellValue: true})
		if err != nil {
			return s, errors.Join(fault.Errorf(fault.Invalid, "table: row %d: %w", len(s.lines)+1, err), rows.Close())
		}
		if cells += len(fields); len(s.lines) >= mostRows || len(fields) > mostColumns || cells > mostCells {
			return s, errors.Join(fault.Errorf(fault.Exhausted, "table: more than %d rows, %d columns or %d cells", mostRows, mostColumns, mostCells), rows.Close())
		}
		s.lines = append(s.lines, trimmed(fields))
	}
	if err := errors.Join(rows.Error(), rows.Close()); err != nil {
		return s, fault.Errorf(fault.Invalid, "table: %w", err)
	}
	return s, nil
}

// writeText writes a table as CSV, in which every line keeps its number.
func (s sheet) writeText() []byte {
	var b bytes.Buffer
	for _, fields := range s.lines {
		var one bytes.Buffer
		w := csv.NewWriter(&one)
		flat := make([]string, len(fields))
		for i, f := range fields {
			flat[i] = strings.Join(strings.Fields(f), " ") // a field of several lines would move the others
		}
		if len(flat) > 0 {
			_ = w.Write(flat) // a buffer takes everything
			w.Flush()
			b.Write(one.Bytes())
			continue
		}
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// header returns the line that names the columns, counted from 0, and where each name
// stands. Names that stand twice keep the first place. It is -1 without one.
func (s sheet) header() (line int, at map[string]int) {
	for i, fields := range s.lines {
		if fields == nil {
			continue
		}
		at = make(map[string]int, len(fields))
		for j, name := range fields {
			if _, twice := at[name]; name != "" && !twice {
				at[name] = j
			}
		}
		return i, at
	}
	return -1, nil
}

// excelDay is the day from which workbooks count.
var excelDay = time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)

// dayOf reads a day: as ISO 8601, as DICOM writes it, with points as in German, or as
// the number of a workbook. What has the form 03/04/2026 is not read: nobody knows
// which is the month.
func dayOf(s string) (string, bool) {
	s, _, _ = strings.Cut(s, "T")
	s, _, _ = strings.Cut(s, " ")
	for _, layout := range []string{time.DateOnly, "20060102", "02.01.2006", "2006/01/02"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1850 {
			return t.Format(time.DateOnly), true
		}
	}
	if n, ok := number(s); ok && n.Float() >= 1 && n.Float() < 200_000 {
		return excelDay.AddDate(0, 0, int(n.Float())).Format(time.DateOnly), true
	}
	return "", false
}

// clockOf reads a time of day, or the part of a day of a workbook.
func clockOf(s string) (string, bool) {
	if i := strings.LastIndexAny(s, "T "); i >= 0 {
		s = s[i+1:]
	}
	if c, ok := clock(s); ok {
		return c, true
	}
	n, ok := number(s)
	if !ok || !strings.Contains(s, ".") && n.Sign() != 0 {
		return "", false
	}
	f := n.Float()
	seconds := int((f-float64(int(f)))*86400 + 0.5)
	return fmt.Sprintf("%02d:%02d:%02d", seconds/3600%24, seconds/60%60, seconds%60), true
}
