package dose

import (
	"bufio"
	"io"
	"strings"

	"radagora/fault"
)

// readTSV reads tab-separated values with one header line and no quoting, each
// row by column name. A row with more or fewer fields than the header is
// fault.Invalid.
func readTSV(r io.Reader) ([]map[string]string, error) {
	var header []string
	var rows []map[string]string
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		cells := strings.Split(lines.Text(), "\t")
		if header == nil {
			header = cells
			continue
		}
		if len(cells) != len(header) {
			return nil, fault.Errorf(fault.Invalid, "line %d has %d fields; the header has %d", n, len(cells), len(header))
		}
		row := make(map[string]string, len(cells))
		for i, c := range cells {
			row[header[i]] = c
		}
		rows = append(rows, row)
	}
	return rows, lines.Err()
}
