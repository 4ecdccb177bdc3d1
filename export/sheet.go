package export

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"radagora/fault"
	"radagora/lang"
	"radagora/ucum"
)

const (
	aboutSheet  = "About"  // a stable name: programs look for it
	firstSheet  = "Sheet1" // what excelize calls the first sheet of a new file
	sampledRows = 100      // rows by which the widths of the columns are chosen
	minWidth    = 8        // of a column, in characters
	maxWidth    = 48
	exactDigits = 1e15 // from here on a spreadsheet rounds an integer
)

// firstDay is the first day that every spreadsheet counts alike: Excel has a 29
// February 1900.
var firstDay = time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)

// Number formats: those with a number are built in (ECMA-376 part 1, 18.8.30).
const (
	formatInteger = 1
	formatText    = 49
	formatDate    = "yyyy-mm-dd"
	formatTime    = "yyyy-mm-dd hh:mm:ss"
)

// styles declares how cells look.
func (b *book) styles() (err error) {
	add := func(s excelize.Style) int {
		id, e := b.file.NewStyle(&s)
		if e != nil && err == nil {
			err = fmt.Errorf("export %s: style: %w", b.table.Name, e)
		}
		return id
	}
	b.heading = add(excelize.Style{
		NumFmt: formatText, Font: &excelize.Font{Bold: true},
		Fill:      excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E8EDF2"}},
		Border:    []excelize.Border{{Type: "bottom", Style: 1, Color: "5B6B7A"}},
		Alignment: &excelize.Alignment{Vertical: "top", WrapText: true},
	})
	b.bold = add(excelize.Style{NumFmt: formatText, Font: &excelize.Font{Bold: true}})
	b.asText = add(excelize.Style{NumFmt: formatText}) // what looks like a formula stays text when it is edited
	for _, c := range b.table.Columns {
		switch c.Kind {
		case Text:
			b.style = append(b.style, b.asText)
		case Integer:
			b.style = append(b.style, add(excelize.Style{NumFmt: formatInteger}))
		case Number:
			b.style = append(b.style, add(numberStyle(c.Digits)))
		case Date:
			b.style = append(b.style, add(excelize.Style{CustomNumFmt: new(formatDate)}))
		case Instant, Local:
			b.style = append(b.style, add(excelize.Style{CustomNumFmt: new(formatTime)}))
		default:
			b.style = append(b.style, 0)
		}
	}
	return err
}

// numberStyle shows a number with so many digits after the point, see Column.
func numberStyle(digits int) excelize.Style {
	switch {
	case digits > 0:
		return excelize.Style{CustomNumFmt: new("0." + strings.Repeat("0", digits))}
	case digits == Whole:
		return excelize.Style{NumFmt: formatInteger}
	}
	return excelize.Style{}
}

// sheet writes the table. The widths of columns stand before the rows in the file,
// so the first rows wait until they are chosen.
func (b *book) sheet() error {
	b.main = sheetName(b.table.Title, b.table.Name)
	out, err := b.open()
	if err != nil {
		return fmt.Errorf("export %s: open sheet: %w", b.table.Name, err)
	}
	var waiting [][]any
	n := 0
	for row, err := range b.table.values() {
		if err != nil {
			return err
		}
		switch n++; {
		case n > maxSheetRows:
			err = fault.Errorf(fault.Exhausted, "export %s: a sheet holds %d rows; take a shorter period, or CSV", b.table.Name, maxSheetRows)
		case n < sampledRows:
			waiting = append(waiting, slices.Clone(row))
		case n == sampledRows:
			err = b.begin(out, append(waiting, row))
		default:
			err = b.row(out, n, row)
		}
		if err != nil {
			return err
		}
	}
	if n < sampledRows {
		if err := b.begin(out, waiting); err != nil {
			return err
		}
	}
	return b.finish(out, n)
}

// open names the sheet of the table and begins its stream.
func (b *book) open() (*excelize.StreamWriter, error) {
	if err := b.file.SetSheetName(firstSheet, b.main); err != nil {
		return nil, err
	}
	if err := b.file.SetSheetDimension(b.main, ""); err != nil { // nobody knows yet how many rows
		return nil, err
	}
	return b.file.NewStreamWriter(b.main)
}

// begin writes what stands before the rows, the heading, and the first rows.
func (b *book) begin(out *excelize.StreamWriter, rows [][]any) error {
	heading := make([]any, len(b.table.Columns))
	for i, c := range b.table.Columns {
		title := c.title()
		heading[i] = excelize.Cell{StyleID: b.heading, Value: title}
		width := utf8.RuneCountInString(title) + 3 // room for the button of the filter
		for _, row := range rows {
			width = max(width, utf8.RuneCountInString(c.shown(row[i]))+1)
		}
		if err := out.SetColWidth(i+1, i+1, float64(min(max(width, minWidth), maxWidth))); err != nil {
			return fmt.Errorf("export %s: column width: %w", b.table.Name, err)
		}
	}
	err := out.SetPanes(&excelize.Panes{
		Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft",
		Selection: []excelize.Selection{{SQRef: "A2", ActiveCell: "A2", Pane: "bottomLeft"}},
	})
	if err != nil {
		return fmt.Errorf("export %s: panes: %w", b.table.Name, err)
	}
	if err := out.SetRow("A1", heading); err != nil {
		return b.stuck(err)
	}
	for i, row := range rows {
		if err := b.row(out, i+1, row); err != nil {
			return err
		}
	}
	return nil
}

// row writes the nth row, n from 1. It overwrites row.
func (b *book) row(out *excelize.StreamWriter, n int, row []any) error {
	for i, v := range row {
		row[i] = b.cell(i, v)
	}
	if err := out.SetRow("A"+strconv.Itoa(n+1), row); err != nil {
		return b.stuck(err)
	}
	return nil
}

// stuck classifies an error of writing rows: they have no room.
func (b *book) stuck(err error) error {
	return fault.As(fault.Exhausted, fmt.Errorf("export %s: keep rows in the scratch folder: %w", b.table.Name, err))
}

// cell returns v, as Column.value returned it, as a typed cell of column i. What a
// spreadsheet cannot hold exactly becomes text: integers of more than 15 digits,
// and times before March 1900 or after the year 9999.
func (b *book) cell(i int, v any) any {
	cell := excelize.Cell{StyleID: b.style[i], Value: v}
	switch v := v.(type) {
	case nil:
		return nil
	case ucum.Decimal:
		cell.Value = v.Float()
	case int64:
		if v >= exactDigits || v <= -exactDigits {
			cell = excelize.Cell{StyleID: b.asText, Value: plain(v, Integer)}
		}
	case time.Time:
		if v.Before(firstDay) || v.Year() > 9999 {
			cell = excelize.Cell{StyleID: b.asText, Value: plain(v, b.table.Columns[i].Kind)}
		}
	}
	return cell
}

// finish puts the filter over the n rows and their heading, and ends the sheet.
func (b *book) finish(out *excelize.StreamWriter, n int) error {
	corner, err := excelize.CoordinatesToCellName(len(b.table.Columns), n+1)
	if err == nil {
		err = b.file.AutoFilter(b.main, "A1:"+corner, nil)
	}
	if err != nil {
		return fmt.Errorf("export %s: filter: %w", b.table.Name, err)
	}
	if err := out.Flush(); err != nil {
		return b.stuck(err)
	}
	return nil
}

// title is the heading of the column: its label, and its unit as people write it.
func (c *Column) title() string {
	label, unit := clean(c.Label), c.Unit
	if label == "" {
		label = c.Name
	}
	if c.Kind == Instant {
		unit = "UTC"
	}
	if unit == "" || unit == "1" {
		return label
	}
	return label + " (" + new(lang.Printer).Unit(unit) + ")" // units are the same in every language
}

// shown is about what a cell of the column shows of v, to see how wide it is.
func (c *Column) shown(v any) string {
	if d, ok := v.(ucum.Decimal); ok {
		v = d.Float()
	}
	if f, ok := v.(float64); ok && c.Digits != 0 {
		return strconv.FormatFloat(f, 'f', max(c.Digits, 0), 64)
	}
	if _, ok := v.(time.Time); ok && c.Kind != Date {
		return formatTime
	}
	line, _, _ := strings.Cut(plain(v, c.Kind), "\n")
	return line
}

// sheetName makes a name for a sheet of title: without the characters that Excel
// does not allow there, at most 31 long, not the name of the other sheet.
func sheetName(title, name string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r == '\'':
			return '’' // allowed inside, but it breaks the address of the filter
		case r < ' ', strings.ContainsRune(`:\/?*[]`, r):
			return ' '
		}
		return r
	}, clean(title))
	s = strings.Join(strings.Fields(s), " ")
	if s == "" {
		s = name
	}
	s = cut(s, excelize.MaxSheetNameLength-1)
	if strings.EqualFold(s, aboutSheet) || strings.EqualFold(s, "History") { // Excel keeps History for itself
		s += "_"
	}
	return s
}
