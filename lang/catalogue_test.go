package lang

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/feature/plural"
)

// books returns the real languages of the built-in catalogue.
func books(t *testing.T) map[string]*book {
	t.Helper()
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*book{}
	for _, tag := range c.order {
		all[tag] = c.book[tag]
	}
	return all
}

func TestEveryLanguageHasEveryMessage(t *testing.T) {
	all := books(t)
	for tag, b := range all {
		for key, source := range all[Source].entries {
			e, ok := b.entries[key]
			if !ok {
				t.Errorf("%s: message %s is missing", tag, key)
				continue
			}
			want := source.forms[plural.Other].args()
			for form, text := range e.forms {
				got := text.args()
				if form != plural.Other { // "one" may leave out the number
					got = slices.Compact(slices.Sorted(slices.Values(append(got, "n"))))
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: message %s, form %v: placeholders differ from English (-want +got):\n%s", tag, key, form, diff)
				}
			}
		}
		for key := range b.entries {
			if _, ok := all[Source].entries[key]; !ok {
				t.Errorf("%s: message %s is not in English", tag, key)
			}
		}
	}
}

// TestPluralForms asks CLDR which forms whole numbers take in each language: a
// message with forms needs all of them and no other.
func TestPluralForms(t *testing.T) {
	for tag, b := range books(t) {
		needed := map[plural.Form]bool{}
		for n := range 1000 {
			needed[pluralForm(b.tag, n)] = true
		}
		needed[pluralForm(b.tag, 1_000_000)] = true
		for key, e := range b.entries {
			if len(e.forms) == 1 {
				continue
			}
			for form := range needed {
				if e.forms[form] == nil {
					t.Errorf("%s: message %s lacks the form %v", tag, key, form)
				}
			}
			for form := range e.forms {
				if !needed[form] && form != plural.Many { // French has it in later editions of CLDR
					t.Errorf("%s: message %s has the form %v, which no number takes", tag, key, form)
				}
			}
		}
	}
}

// TestMessagesAndSourceAgree reads the whole program: each key that is printed
// exists, and each message is named somewhere, whole or by a beginning that ends
// with a dot or an underscore.
func TestMessagesAndSourceAgree(t *testing.T) {
	entries := books(t)[Source].entries
	used := map[string]bool{}
	for file, f := range sources(t) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if s, ok := text(n); ok {
					used[s] = true
				}
			case *ast.CallExpr:
				if key, ok := printed(n); ok && entries[key].forms == nil {
					t.Errorf("%s: message %q is printed and not in the catalogue", file, key)
				}
			}
			return true
		})
	}
	for key := range entries {
		if !named(key, used) {
			t.Errorf("message %s is in the catalogue and nobody prints it", key)
		}
	}
}

// named reports whether a key stands in the source.
func named(key string, used map[string]bool) bool {
	if used[key] {
		return true
	}
	for i, r := range key {
		if (r == '.' || r == '_') && strings.Contains(key, ".") && used[key[:i+1]] {
			return true
		}
	}
	return false
}

// printed returns the key that a call prints: x.T("key"), lang.Msg("key").
func printed(c *ast.CallExpr) (string, bool) {
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok || (sel.Sel.Name != "T" && sel.Sel.Name != "Msg") || len(c.Args) == 0 {
		return "", false
	}
	lit, ok := c.Args[0].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	return text(lit)
}

// text returns the value of a string literal.
func text(lit *ast.BasicLit) (string, bool) {
	if lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// sources parses every Go file of the program, tests left out. Pages are read
// through the Go that templ makes of them.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	all := map[string]*ast.File{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != ".." && (name[0] == '.' || name[0] == '_' || name == "testdata" || name == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil //nolint:nilerr // a file that does not parse fails its own build
		}
		all[path] = f
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no source was read: the test proves nothing")
	}
	return all
}

func TestPseudoIsLonger(t *testing.T) {
	c, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	for key, e := range c.book[Source].entries {
		plain := length(e.forms[plural.Other])
		if length(c.book[Pseudo].entries[key].forms[plural.Other]) < plain*13/10 {
			t.Errorf("pseudo of %s is not longer", key)
		}
	}
}

// length counts the letters of a template.
func length(t template) int {
	n := 0
	for _, s := range t {
		if !s.arg {
			n += len([]rune(s.text))
		}
	}
	return n
}
