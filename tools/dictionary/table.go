package main

import (
	"fmt"
	"os"
	"strings"
)

// readTable returns the rows of a tab-separated file, less the line of headings.
// Every row has as many cells as there are headings.
func readTable(file string) ([][]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	headings := len(strings.Split(lines[0], "\t"))
	var rows [][]string
	for n, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if len(cells) != headings {
			return nil, fmt.Errorf("%s line %d: %d cells; want %d", file, n+2, len(cells), headings)
		}
		rows = append(rows, cells)
	}
	return rows, nil
}

// writeTable writes rows below a line of headings.
func writeTable(file, headings string, rows [][]string) error {
	var b strings.Builder
	b.WriteString(headings + "\n")
	for _, r := range rows {
		b.WriteString(strings.Join(r, "\t") + "\n")
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

// retired is how a table says so.
const retired = "retired"
