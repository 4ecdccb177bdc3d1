package main

import (
	"bytes"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// A valueSet is what the table needs of a ValueSet.
type valueSet struct {
	URL     string
	Compose struct{ Include, Exclude []selection }
}

// A selection is a ValueSet.compose.include or exclude.
type selection struct {
	System   string
	Concept  []concept
	Filter   []any
	ValueSet []string
}

// A codeSystem is what the table needs of a CodeSystem.
type codeSystem struct {
	URL, Content string
	Concept      []concept
}

type concept struct {
	Code    string
	Concept []concept
}

// valueSetTable returns valuesets.tsv: for every bound value set one line for each
// code system in it. A value set that the package does not list in full (media
// types, currencies, units, one of LOINC) gets no line and is not checked.
func valueSetTable(pkg string, bound map[string]string) ([]byte, error) {
	sets, err := readAll(pkg, "ValueSet", func(v valueSet) string { return v.URL })
	if err != nil {
		return nil, err
	}
	systems, err := readAll(pkg, "CodeSystem", func(c codeSystem) string { return c.URL })
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(heading)
	for _, name := range slices.Sorted(maps.Keys(bound)) {
		lines, err := expand(sets[bound[name]], systems)
		if err != nil {
			return nil, fmt.Errorf("value set %s: %w", name, err)
		}
		for _, line := range lines {
			b.WriteString(name + "\t" + line + "\n")
		}
	}
	return b.Bytes(), nil
}

// readAll reads the resources of one type by their canonical.
func readAll[T any](pkg, resourceType string, canonical func(T) string) (map[string]T, error) {
	files, err := filepath.Glob(filepath.Join(pkg, resourceType+"-*.json"))
	if err != nil {
		return nil, err
	}
	all := map[string]T{}
	for _, file := range files {
		var one T
		if err := readJSON(file, &one); err != nil {
			return nil, err
		}
		all[canonical(one)] = one
	}
	return all, nil
}

// expand returns a line for each code system of a value set, nil if it cannot be
// listed in full.
func expand(set valueSet, systems map[string]codeSystem) (lines []string, err error) {
	if len(set.Compose.Exclude) > 0 {
		return nil, fmt.Errorf("it excludes codes, which this program does not know")
	}
	for _, s := range set.Compose.Include {
		if len(s.Filter) > 0 || len(s.ValueSet) > 0 {
			return nil, fmt.Errorf("it filters or includes value sets, which this program does not know")
		}
		concepts := s.Concept
		if system, ok := systems[s.System]; len(concepts) == 0 && ok && system.Content == "complete" {
			concepts = system.Concept
		}
		if len(concepts) == 0 {
			return nil, nil
		}
		list := flatten(nil, concepts)
		if i := slices.IndexFunc(list, func(c string) bool { return strings.ContainsAny(c, " \t\n") }); i >= 0 {
			return nil, fmt.Errorf("code %d of %s has a blank in it", i+1, s.System)
		}
		lines = append(lines, s.System+"\t"+strings.Join(list, " "))
	}
	return lines, nil
}

// flatten appends the codes of concepts and of those below them.
func flatten(list []string, concepts []concept) []string {
	for _, c := range concepts {
		list = flatten(append(list, c.Code), c.Concept)
	}
	return list
}
