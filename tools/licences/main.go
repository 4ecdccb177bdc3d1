// Command licences writes down whose work the program contains.
//
// The text it writes has the notice, the modules that are linked into
// cmd/radagora with their versions, the files that came from elsewhere
// (LICENSES/files.tsv), and the full texts. A module whose licence it does not
// know, or whose licence Apache-2.0 cannot live beside, is an error.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

func main() {
	root := flag.String("root", ".", "folder of the repository")
	out := flag.String("o", "", "file to write; empty: standard output")
	flag.Parse()
	text, err := write(context.Background(), *root)
	if err == nil && *out != "" {
		err = os.WriteFile(*out, text, 0o644)
	} else if err == nil {
		_, err = os.Stdout.Write(text)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

// A module is one that is linked, with the texts that come with it.
type module struct {
	Path, Version, Dir string
	licence            string
	texts              []text
}

type text struct{ name, body string }

func write(ctx context.Context, root string) ([]byte, error) {
	notice, err := os.ReadFile(filepath.Join(root, "NOTICE"))
	if err != nil {
		return nil, err
	}
	modules, err := linked(ctx, root)
	if err != nil {
		return nil, err
	}
	files, err := foreignFiles(root)
	if err != nil {
		return nil, err
	}
	w := new(bytes.Buffer)
	fmt.Fprintf(w, "%s\n\n== Modules\n\n", bytes.TrimSpace(notice))
	for _, m := range modules {
		fmt.Fprintf(w, "%s %s: %s\n", m.Path, m.Version, m.licence)
	}
	fmt.Fprint(w, "\n== Files and tables\n\n")
	for _, f := range files {
		fmt.Fprintf(w, "%s: %s, %s\n", f.path, f.licence, f.origin)
	}
	err = errors.Join(texts(w, modules), fileTexts(w, root, files))
	return w.Bytes(), err
}

// platforms are those whose modules are listed; the list must not depend on
// where it was made.
var platforms = []string{"linux", "darwin", "windows"}

// linked asks the Go command which modules cmd/radagora is made of.
func linked(ctx context.Context, root string) ([]*module, error) {
	byPath := map[string]*module{}
	for _, goos := range platforms {
		cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Module", "./cmd/radagora")
		cmd.Dir, cmd.Env = root, append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if err := addModules(byPath, out); err != nil {
			return nil, err
		}
	}
	var all []*module
	for _, m := range byPath {
		if err := m.read(); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *module) int { return strings.Compare(a.Path, b.Path) })
	return all, nil
}

// addModules reads the packages that go list wrote. A package's own folder may
// hold a licence of its own, beside that of the module.
func addModules(byPath map[string]*module, list []byte) error {
	for dec := json.NewDecoder(bytes.NewReader(list)); ; {
		var pkg struct {
			Dir    string
			Module *module
		}
		if err := dec.Decode(&pkg); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if pkg.Module == nil || pkg.Module.Version == "" {
			continue // the standard library, or ourselves
		}
		m := byPath[pkg.Module.Path]
		if m == nil {
			m = pkg.Module
			byPath[m.Path] = m
			if err := m.collect(m.Dir); err != nil {
				return err
			}
		}
		if pkg.Dir != m.Dir {
			if err := m.collect(pkg.Dir); err != nil {
				return err
			}
		}
	}
}

var licenceFile = regexp.MustCompile(`(?i)^((UN)?LICEN[CS]E|COPYING|NOTICE|PATENTS|.*-LICEN[CS]E)([.-].*)?$`)

// collect takes the licence texts that stand in a folder of the module.
func (m *module) collect(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) || strings.HasSuffix(e.Name(), ".go") ||
			strings.HasSuffix(e.Name(), "-LOGO") { // of a picture in the module's documents
			continue
		}
		name, err := filepath.Rel(m.Dir, filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if slices.ContainsFunc(m.texts, func(t text) bool { return t.name == name }) {
			continue
		}
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		m.texts = append(m.texts, text{name, strings.TrimSpace(strings.ReplaceAll(string(body), "\r", ""))})
	}
	return nil
}

// read names the module's licences.
func (m *module) read() error {
	slices.SortFunc(m.texts, func(a, b text) int { return strings.Compare(a.name, b.name) })
	var names []string
	for _, t := range m.texts {
		name := identify(t.body)
		if name == "" && !strings.Contains(strings.ToUpper(t.name), "LICEN") {
			continue // a notice or patent grant; its text is printed
		}
		if name == "" {
			return fmt.Errorf("%s: %s is no licence known here; read it, then add it to identify", m.Path, t.name)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return fmt.Errorf("%s %s has no licence", m.Path, m.Version)
	}
	m.licence = strings.Join(names, " and ")
	return nil
}

// identify returns the SPDX identifier of a licence we may live beside, "" for
// any other.
func identify(body string) string {
	body = strings.Join(strings.Fields(body), " ")
	for _, l := range []struct{ id, phrase string }{
		{"Apache-2.0", "Apache License Version 2.0, January 2004"},
		{"MPL-2.0", "Mozilla Public License Version 2.0"},
		{"BSD-3-Clause", "Neither the name of"},
		{"BSD-3-Clause", "may not be used to endorse or promote products"},
		{"BSD-2-Clause", "Redistributions in binary form must reproduce the above copyright notice"},
		{"MIT", "The above copyright notice and this permission notice shall be included in all copies"},
		{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee"},
		{"ISC", "Permission to use, copy, modify, and distribute this software for any purpose with or without fee"},
		{"Unlicense", "This is free and unencumbered software released into the public domain"},
		{"public domain", "has been dedicated to the public domain by the authors"},
		{"public domain", "The author disclaims copyright to this source code"},
	} {
		if strings.Contains(body, l.phrase) {
			return l.id
		}
	}
	return ""
}

// texts prints each text once, under the names of all who use it.
func texts(w io.Writer, modules []*module) error {
	users := map[string][]string{}
	var order []string
	for _, m := range modules {
		for _, t := range m.texts {
			if users[t.body] == nil {
				order = append(order, t.body)
			}
			users[t.body] = append(users[t.body], m.Path+" ("+t.name+")")
		}
	}
	for _, body := range order {
		if _, err := fmt.Fprintf(w, "\n== %s\n\n%s\n", strings.Join(users[body], "\n== "), body); err != nil {
			return err
		}
	}
	return nil
}
