package radagora

// The code map that this test reads stands in ARCHITECTURE.md, and so do the
// words that explain it.

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "radagora"

// A row is one line of the code map in ARCHITECTURE.md.
type row struct {
	purpose string   // first sentence of the package comment, less "Package name" and full stop
	may     []string // names of rows above this one; "*" stands for all of them
}

// codeMap reads the table under "## Code map" and checks that every row names
// only rows above it, which is what keeps the import graph free of cycles.
func codeMap(t *testing.T) map[string]row {
	t.Helper()
	text, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "## Code map\n")
	if !ok {
		t.Fatal(`ARCHITECTURE.md has no section "## Code map"`)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]row{}
	for line := range strings.Lines(section) {
		if !strings.HasPrefix(line, "| `") {
			continue // heading, ruler or prose
		}
		cell := strings.Split(strings.Trim(line, "| \n"), "|")
		if len(cell) < 2 {
			t.Fatalf("ARCHITECTURE.md: row without a purpose: %s", line)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "| `"), "`")
		r := row{purpose: strings.TrimSpace(cell[1])}
		if len(cell) > 2 {
			r.may = strings.Fields(cell[2])
		}
		for _, m := range r.may {
			if _, above := rows[m]; !above && m != "*" {
				t.Errorf("ARCHITECTURE.md: %s may import %s, which is not a row above it", name, m)
			}
		}
		rows[name] = r
	}
	return rows
}

// rowFor returns the name of the row that speaks for dir: its own, or that of
// the nearest folder around it, or "" when there is none.
func rowFor(rows map[string]row, dir string) string {
	for ; dir != "."; dir = path.Dir(dir) {
		if _, ok := rows[dir]; ok {
			return dir
		}
	}
	return ""
}

// A source is what the test wants to know of one Go file.
type source struct {
	file, dir string
	purposes  []string // what its package comment says first, if it has one
	imports   []string // import paths inside this module, without the module name
}

// sources reads every Go file that is not a test. It parses them itself instead
// of asking "go list", so that "go test" sees which files the answer depends on
// and never gives an old answer from its cache.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && foreign(d.Name()):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		s := source{file: file, dir: filepath.ToSlash(filepath.Dir(file))}
		if f.Doc != nil {
			s.purposes = []string{purpose(f, s.dir)}
		}
		for _, spec := range f.Imports {
			if p, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/"); ours {
				s.imports = append(s.imports, p)
			}
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// purpose returns the first sentence of f's package comment without "Package
// name" or "Command name" and without the full stop.
func purpose(f *ast.File, dir string) string {
	said := new(doc.Package).Synopsis(f.Doc.Text())
	said = strings.TrimPrefix(said, "Package "+f.Name.Name+" ")
	said = strings.TrimPrefix(said, "Command "+path.Base(dir)+" ")
	return strings.TrimSuffix(said, ".")
}

// foreign reports whether a folder holds no code of ours.
func foreign(name string) bool {
	return name == "testdata" || name == "vendor" || name == "node_modules" ||
		len(name) > 1 && (name[0] == '.' || name[0] == '_')
}

// TestArchitecture holds the source tree against the code map: every folder is
// spoken for, imports nothing its row does not name, and has one package comment,
// which begins with the words of its row. Test files may import what they like.
func TestArchitecture(t *testing.T) {
	rows, purposes := codeMap(t), map[string][]string{}
	for _, s := range sources(t) {
		purposes[s.dir] = append(purposes[s.dir], s.purposes...)
		from := rowFor(rows, s.dir)
		if from == "" && s.dir != "." {
			t.Errorf("%s: no row in ARCHITECTURE.md speaks for this folder", s.dir)
			continue
		}
		may := rows[from].may
		for _, p := range s.imports {
			to := rowFor(rows, p)
			if to != from && !slices.Contains(may, to) && !slices.Contains(may, "*") {
				t.Errorf("%s imports %s: the row for %q in ARCHITECTURE.md does not name %q", s.file, p, from, to)
			}
		}
	}
	for dir, said := range purposes {
		if len(said) != 1 {
			t.Errorf("%s: %d package comments; want 1", dir, len(said))
		} else if r, ok := rows[dir]; ok && said[0] != r.purpose {
			t.Errorf("%s: the package comment says it\n\t%q\nbut ARCHITECTURE.md says\n\t%q", dir, said[0], r.purpose)
		}
	}
	for name := range rows {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("ARCHITECTURE.md has a row for %s: %v", name, err)
		}
	}
}
