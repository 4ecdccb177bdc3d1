package export

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/xuri/excelize/v2"
)

// about writes the sheet with the provenance. It is short, so it is not streamed.
// Words of its own are names that programs look for, the same in every language.
func (b *book) about() error {
	if _, err := b.file.NewSheet(aboutSheet); err != nil {
		return fmt.Errorf("export %s: add sheet %s: %w", b.table.Name, aboutSheet, err)
	}
	lines := [][]string{{"table", b.table.Name}, {"layout", strconv.Itoa(b.table.Layout)}}
	for _, l := range b.table.About {
		lines = append(lines, []string{l.Key, l.Value})
	}
	keys := len(lines)
	lines = append(lines, nil, []string{"column", "label", "unit", "kind"})
	for _, c := range b.table.Columns {
		lines = append(lines, []string{c.Name, c.Label, c.Unit, c.Kind.String()})
	}
	for i, line := range lines {
		for j, s := range line {
			style := b.asText
			if i == keys+1 || j == 0 && i < keys {
				style = b.bold
			}
			if err := b.put(j+1, i+1, s, style); err != nil {
				return fmt.Errorf("export %s: sheet %s: %w", b.table.Name, aboutSheet, err)
			}
		}
	}
	if err := b.file.SetSheetDimension(aboutSheet, ""); err != nil { // excelize says A1, and readers believe it
		return fmt.Errorf("export %s: sheet %s: %w", b.table.Name, aboutSheet, err)
	}
	for _, w := range []struct {
		column string
		width  float64
	}{{"A", 32}, {"B", 48}, {"C", 12}, {"D", 12}} {
		if err := b.file.SetColWidth(aboutSheet, w.column, w.column, w.width); err != nil {
			return fmt.Errorf("export %s: column width: %w", b.table.Name, err)
		}
	}
	return nil
}

// escape is what stands for a character by its number (ECMA-376 part 1, 22.9.2.19).
// excelize takes it for text in a stream, but not here.
var escape = regexp.MustCompile(`_x[0-9A-Fa-f]{4}_`)

// put writes a text to a cell of the sheet About.
func (b *book) put(column, row int, s string, style int) error {
	cell, err := excelize.CoordinatesToCellName(column, row)
	if err != nil {
		return err
	}
	if err := b.file.SetCellStr(aboutSheet, cell, escape.ReplaceAllString(clean(s), "_x005F$0")); err != nil {
		return err
	}
	return b.file.SetCellStyle(aboutSheet, cell, cell, style)
}
