package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A definition is what the tables need of a StructureDefinition.
type definition struct {
	Type, Kind, Derivation string
	BaseDefinition         string
	Abstract               bool
	Snapshot               struct{ Element []element }
}

// An element is a row of a snapshot.
type element struct {
	Path, Max        string
	Min              int
	ContentReference string
	Base             struct{ Path string }
	Type             []struct{ Code string }
	Binding          struct{ Strength, ValueSet string }
}

// readDefinitions returns the definitions of types and resources, in the order of
// their names. Those that constrain others (profiles) and the logical models of
// the specification itself are left out.
func readDefinitions(pkg string) ([]definition, error) {
	files, err := filepath.Glob(filepath.Join(pkg, "StructureDefinition-*.json"))
	if err != nil {
		return nil, err
	}
	var defs []definition
	for _, file := range files {
		var d definition
		if err := readJSON(file, &d); err != nil {
			return nil, err
		}
		if d.Derivation == "constraint" || !slices.Contains([]string{"resource", "complex-type", "primitive-type"}, d.Kind) {
			continue
		}
		if len(d.Snapshot.Element) == 0 {
			return nil, fmt.Errorf("%s: has no snapshot", file)
		}
		defs = append(defs, d)
	}
	if len(defs) == 0 {
		return nil, fmt.Errorf("%s: holds no definitions", pkg)
	}
	slices.SortFunc(defs, func(a, b definition) int { return strings.Compare(a.Type, b.Type) })
	return defs, nil
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// base returns the name of the type a definition builds on, "-" if none.
func (d definition) base() string {
	_, name, ok := cutLast(d.BaseDefinition, "/")
	if !ok {
		return "-"
	}
	return name
}

// kind returns what the table says: resource, complex or primitive, or abstract
// for a resource or type that does not occur by itself.
func (d definition) kind() string {
	if d.Abstract && d.Kind == "resource" {
		return "abstract"
	}
	kind, _, _ := strings.Cut(d.Kind, "-")
	return kind
}

// cutLast cuts s at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
