// Command dictionary writes the DICOM dictionary and the registry of UIDs as Go.
//
// It has two steps. From the facts others published (with --facts and --pydicom)
// it makes two small tables, attributes.tsv and uids.tsv, which stay beside it.
// From those tables it makes dicom/tag/dictionary.go and dicom/uid/registry.go.
// Without flags it does the second step alone, so whoever has the repository can
// run it:
//
//	go run ./tools/dictionary
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "folder of the repository")
	facts := flag.String("facts", "", "folder with attributes.json and sops.json of innolitics/dicom-standard; empty: keep the tables as they are")
	pydicom := flag.String("pydicom", "/usr/lib/python3/dist-packages/pydicom", "folder of pydicom, for what the facts lack")
	flag.Parse()
	if err := run(*root, *facts, *pydicom); err != nil {
		fmt.Fprintln(os.Stderr, "dictionary:", err)
		os.Exit(1)
	}
}

// run does both steps, the first only if there are facts.
func run(root, facts, pydicom string) error {
	tables := filepath.Join(root, "tools", "dictionary")
	if facts != "" {
		if err := gather(tables, facts, pydicom); err != nil {
			return err
		}
	}
	for _, file := range []struct {
		table, goFile string
		write         func([][]string) ([]byte, error)
	}{
		{"attributes.tsv", "dicom/tag/dictionary.go", dictionary},
		{"uids.tsv", "dicom/uid/registry.go", registry},
	} {
		rows, err := readTable(filepath.Join(tables, file.table))
		if err != nil {
			return err
		}
		text, err := file.write(rows)
		if err != nil {
			return fmt.Errorf("%s: %w", file.table, err)
		}
		if err := os.WriteFile(filepath.Join(root, file.goFile), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
