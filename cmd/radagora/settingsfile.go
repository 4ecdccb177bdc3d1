package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// A settingsFile holds the values of a YAML file: one mapping from the names of
// settings to a scalar or a list of scalars.
type settingsFile struct {
	name  string
	value map[string]any // a string, or []any of strings
	line  map[string]int
}

// readSettings reads the file and refuses, with its line, a key that is no
// setting, one that stands twice, and a value that is neither scalar nor list.
func readSettings(name string, known map[string]*kong.Flag) (*settingsFile, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", trimPath(err, name))
	}
	return parseSettings(name, text, known)
}

// trimPath keeps the reason of a path error and says the path once, as given.
func trimPath(err error, name string) error {
	if e := new(fs.PathError); errors.As(err, &e) {
		return fmt.Errorf("%s: %w", name, e.Err)
	}
	return err
}

func parseSettings(name string, text []byte, known map[string]*kong.Flag) (*settingsFile, error) {
	f := &settingsFile{name: name, value: map[string]any{}, line: map[string]int{}}
	tree, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, fmt.Errorf("%s: not readable as YAML", name) // the error would quote the file, secrets included
	}
	for _, doc := range tree.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.CommentType {
			continue
		}
		m, ok := doc.Body.(ast.MapNode)
		if !ok {
			return nil, fmt.Errorf("%s:%d: want lines of name: value", name, doc.Body.GetToken().Position.Line)
		}
		for each := m.MapRange(); each.Next(); {
			if err := f.add(each.Key(), each.Value(), known); err != nil {
				return nil, err
			}
		}
	}
	return f, nil
}

func (f *settingsFile) add(key ast.MapKeyNode, value ast.Node, known map[string]*kong.Flag) error {
	token := key.GetToken()
	name, line := token.Value, token.Position.Line
	if known[name] == nil {
		return fmt.Errorf("%s:%d: unknown setting %q%s", f.name, line, name, suggest(name, known))
	}
	if earlier, twice := f.line[name]; twice {
		return fmt.Errorf("%s:%d: %s stands in line %d too", f.name, line, name, earlier)
	}
	v, err := plainValue(value)
	if err != nil {
		return fmt.Errorf("%s:%d: %s: %w", f.name, line, name, err)
	}
	f.value[name], f.line[name] = v, line
	return nil
}

// plainValue returns the text of a scalar, or the texts of a list of them.
func plainValue(node ast.Node) (any, error) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	case *ast.SequenceNode:
		list := make([]any, 0, len(n.Values))
		for _, v := range n.Values {
			text, err := plainValue(v)
			if _, nested := text.([]any); nested || err != nil {
				return nil, errors.New("want a list of plain values")
			}
			list = append(list, text)
		}
		return list, nil
	default:
		return nil, errors.New("want a plain value or a list of them")
	}
}

// suggest names the setting that an unknown one was probably meant to be.
func suggest(name string, known map[string]*kong.Flag) string {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	best, least := "", 3 // further apart is another word
	for _, k := range slices.Sorted(maps.Keys(known)) {
		if d := distance(k, name); d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance counts the letters to insert, remove or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0]++
		for j := range len(b) {
			above := row[j+1]
			if a[i] == b[j] {
				row[j+1] = diagonal
			} else {
				row[j+1] = 1 + min(diagonal, above, row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}

// Validate has nothing left to refuse; see readSettings.
func (f *settingsFile) Validate(*kong.Application) error { return nil }

// Resolve returns the file's value for a flag, nil if it has none or if the
// environment wins.
func (f *settingsFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !flag.Tag.Has(tagSetting) {
		return nil, nil
	}
	if _, set := os.LookupEnv(envName(flag.Name)); set {
		return nil, nil
	}
	return f.value[flag.Name], nil
}
