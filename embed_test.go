package radagora

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// A right is a row of LICENSES/files.tsv: the licence of a file, of all below a
// folder ("web/asset/"), or of all that match ("*/migration/*"), and the file
// that holds its text.
type right struct{ path, licence, text string }

func rights(t *testing.T) []right {
	t.Helper()
	table, err := os.ReadFile("LICENSES/files.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var rows []right
	for line := range strings.Lines(string(table)) {
		cell := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(cell) != 4 {
			t.Fatalf("LICENSES/files.tsv: want four cells: %q", line)
		}
		if cell[0] != "path" {
			rows = append(rows, right{cell[0], cell[1], cell[2]})
		}
	}
	// The nearest row speaks: a longer path before a shorter one.
	slices.SortFunc(rows, func(a, b right) int { return len(b.path) - len(a.path) })
	return rows
}

// rightTo returns the row that speaks for a file.
func rightTo(rows []right, file string) (right, bool) {
	for _, r := range rows {
		fits, _ := path.Match(r.path, file) // a bad pattern fits nothing, which shows
		if fits || strings.HasSuffix(r.path, "/") && strings.HasPrefix(file, r.path) {
			return r, true
		}
	}
	return right{}, false
}

// TestEmbeddedFilesHaveLicences holds every file that go:embed puts into a
// program against LICENSES/files.tsv, and content against its set.yaml. Each
// licence has its text, and each text a use.
func TestEmbeddedFilesHaveLicences(t *testing.T) {
	rows, used := rights(t), map[string]bool{"LICENSES/files.tsv": true}
	for _, r := range rows {
		used[r.text] = true
	}
	for _, file := range embedded(t) {
		r, ok := rightTo(rows, file)
		if !ok {
			t.Errorf("%s is embedded, but LICENSES/files.tsv has no row for it", file)
			continue
		}
		if r.licence != "set.yaml" {
			continue
		}
		id := setLicence(t, file)
		text := "LICENSES/" + id + ".txt"
		if id == "Apache-2.0" {
			text = "LICENSE"
		}
		if used[text] = true; id == "" {
			t.Errorf("%s: no set.yaml beside it names a licence", file)
		} else if _, err := os.Stat(text); err != nil {
			t.Errorf("%s: its licence %s has no text: %v", file, id, err)
		}
	}
	for _, r := range rows {
		if _, err := os.Stat(r.text); r.text != "-" && err != nil {
			t.Errorf("LICENSES/files.tsv: %s: %v", r.path, err)
		}
		if found, err := filepath.Glob(r.path); !strings.Contains(r.path, " ") && (err != nil || len(found) == 0) {
			t.Errorf("LICENSES/files.tsv speaks for what is not there: %s", r.path)
		}
	}
	texts, err := filepath.Glob("LICENSES/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range texts {
		if !used[filepath.ToSlash(text)] {
			t.Errorf("%s: nothing in LICENSES/files.tsv or content uses it", text)
		}
	}
}

// setLicence returns what the nearest set.yaml around a content file says.
func setLicence(t *testing.T, file string) string {
	t.Helper()
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		text, err := os.ReadFile(path.Join(dir, "set.yaml"))
		if err != nil {
			continue
		}
		var set struct{ Licence string }
		if err := yaml.Unmarshal(text, &set); err != nil {
			t.Fatalf("%s/set.yaml: %v", dir, err)
		}
		return set.Licence
	}
	return ""
}

// embedded lists the files that the go:embed lines of the module name. Like the
// architecture test it reads the source itself, so that the test cache knows.
func embedded(t *testing.T) (files []string) {
	t.Helper()
	for _, s := range sources(t) {
		f, err := parser.ParseFile(token.NewFileSet(), s.file, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range f.Comments {
			for _, c := range group.List {
				patterns, ok := strings.CutPrefix(c.Text, "//go:embed ")
				for p := range strings.FieldsSeq(patterns) {
					if ok {
						files = append(files, matches(t, s.dir, strings.Trim(p, "\"`"))...)
					}
				}
			}
		}
	}
	if len(files) == 0 {
		t.Fatal("no embedded file found; the test has lost its subject")
	}
	return files
}

// matches expands one pattern of go:embed: folders stand for all in them, less
// names that begin with a dot or an underscore unless "all:" asks for them.
func matches(t *testing.T, dir, pattern string) (files []string) {
	t.Helper()
	pattern, all := strings.CutPrefix(pattern, "all:")
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	for _, top := range found {
		err := filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
			hidden := name != top && strings.ContainsAny(d.Name()[:1], "._") && !all
			switch {
			case err != nil:
				return err
			case hidden && d.IsDir():
				return fs.SkipDir
			case !hidden && !d.IsDir():
				files = append(files, filepath.ToSlash(name))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}
