package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// A foreignFile is a row of LICENSES/files.tsv that others hold the rights to.
type foreignFile struct{ path, licence, text, origin string }

// foreignFiles reads the table, less the rows that are our own or that point to
// the licences of the content sets.
func foreignFiles(root string) ([]foreignFile, error) {
	table, err := os.ReadFile(filepath.Join(root, "LICENSES", "files.tsv"))
	if err != nil {
		return nil, err
	}
	var files []foreignFile
	for n, line := range strings.Split(strings.TrimSpace(string(table)), "\n") {
		cell := strings.Split(line, "\t")
		if len(cell) != 4 {
			return nil, fmt.Errorf("LICENSES/files.tsv:%d: %d cells; want 4", n+1, len(cell))
		}
		if n > 0 && cell[2] != "LICENSE" && cell[2] != "-" {
			files = append(files, foreignFile{cell[0], cell[1], cell[2], cell[3]})
		}
	}
	return files, nil
}

// fileTexts prints the licence of each, once.
func fileTexts(w io.Writer, root string, files []foreignFile) error {
	seen := map[string]bool{}
	for _, f := range files {
		if seen[f.text] {
			continue
		}
		seen[f.text] = true
		body, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.text)))
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "\n== %s\n\n%s\n", f.text, strings.TrimSpace(string(body))); err != nil {
			return err
		}
	}
	return nil
}
