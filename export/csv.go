package export

import (
	"encoding/csv"
	"fmt"
	"io"
)

// bom is U+FEFF, without which Excel takes UTF-8 for the code page of the
// computer and spoils every umlaut.
const bom = "\ufeff"

// CSV writes t to w as comma-separated values (RFC 4180, UTF-8 with a byte order
// mark, CRLF): one line with the names of the columns, one for each row. The first
// column, layout, holds name and layout of the table in every row. Numbers have a
// point and all their digits, instants are in UTC; unknown is empty. Text that a
// spreadsheet would take for a formula is guarded by an apostrophe.
//
// Rows leave as they come. After an error, w holds the beginning of a table: throw
// it away. Errors are those of Rows with their kind, those of w, and fault.Internal
// for a table or a value that does not fit its column.
func CSV(w io.Writer, t Table) error {
	if err := t.check(); err != nil {
		return err
	}
	if _, err := io.WriteString(w, bom); err != nil {
		return fmt.Errorf("export %s: %w", t.Name, err)
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	line := []string{layoutColumn}
	for _, c := range t.Columns {
		line = append(line, c.Name)
	}
	err := out.Write(line)
	if err != nil {
		return fmt.Errorf("export %s: %w", t.Name, err)
	}
	line[0] = t.layout()
	for row, err := range t.values() {
		if err != nil {
			return err
		}
		for i, v := range row {
			line[i+1] = plain(v, t.Columns[i].Kind)
			if t.Columns[i].Kind == Text {
				line[i+1] = cut(guard(line[i+1]), maxText)
			}
		}
		if err := out.Write(line); err != nil {
			return fmt.Errorf("export %s: %w", t.Name, err)
		}
	}
	if out.Flush(); out.Error() != nil {
		return fmt.Errorf("export %s: %w", t.Name, out.Error())
	}
	return nil
}

// layout names the table and the version of its columns, as in dose_examination/1.
func (t *Table) layout() string { return fmt.Sprintf("%s/%d", t.Name, t.Layout) }
