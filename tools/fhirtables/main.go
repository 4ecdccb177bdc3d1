// Command fhirtables writes the element, value set and search tables of FHIR R4.
//
// It makes elements.tsv, valuesets.tsv and search.tsv in fhir/table from the npm
// package hl7.fhir.r4.examples 4.0.1 (CC0-1.0), which holds every definition of
// FHIR R4. The tables are committed; the package is not, and only this program and
// the acceptance test of fhir need it:
//
//	go run ./tools/fhirtables -fetch   get the package with npm, into .work/fhir-examples
//	go run ./tools/fhirtables          write the tables from it
//
// The package is looked for in the folder that -package names, or else
// RADAGORA_FHIR_EXAMPLES, or else in .work/fhir-examples/package. Where there is
// none the tables stay as they are, so that everything else works without network.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Stdout)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, out io.Writer) int {
	flags := flag.NewFlagSet("fhirtables", flag.ContinueOnError)
	flags.SetOutput(out)
	root := flags.String("root", ".", "folder of the repository")
	pkg := flags.String("package", os.Getenv("RADAGORA_FHIR_EXAMPLES"), "folder of the unpacked package; empty: .work/fhir-examples/package")
	get := flags.Bool("fetch", false, "get the package with npm, check it and unpack it; nothing else")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *pkg == "" {
		*pkg = filepath.Join(*root, ".work", "fhir-examples", "package")
	}
	var err error
	switch {
	case *get:
		err = fetch(ctx, *pkg, out)
	case !exists(*pkg):
		fmt.Fprintln(out, "fhirtables: no package found, the tables stay as they are: go run ./tools/fhirtables -fetch")
	default:
		err = write(*pkg, *root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fhirtables:", err)
		return 1
	}
	return 0
}

func exists(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "package.json"))
	return err == nil
}

// write makes the tables from the package.
func write(pkg, root string) error {
	tables, err := makeTables(pkg)
	if err != nil {
		return err
	}
	for name, text := range tables {
		if err := os.WriteFile(filepath.Join(root, "fhir", "table", name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// makeTables returns the text of each table by its file name.
func makeTables(pkg string) (map[string][]byte, error) {
	defs, err := readDefinitions(pkg)
	if err != nil {
		return nil, err
	}
	elements, bound, err := elementTable(defs)
	if err != nil {
		return nil, err
	}
	sets, err := valueSetTable(pkg, bound)
	if err != nil {
		return nil, err
	}
	search, err := searchTable(pkg)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"elements.tsv": elements, "valuesets.tsv": sets, "search.tsv": search}, nil
}
