package sr

import (
	"bufio"
	"io"
	"iter"
	"strings"
)

// A Line is one content item as a reader sees it.
type Line struct {
	Depth        int // 0 at the root
	Path         string
	Relationship string // as written
	ValueType    string // as written
	Concept      Code
	Value        string // one line, see Item.Value; "" for a container
}

// Lines iterates over the items as lines, in document order.
func (doc *Document) Lines() iter.Seq[Line] {
	return func(yield func(Line) bool) {
		for i := range doc.Root.All() {
			l := Line{
				Depth: strings.Count(i.Path, "."), Path: i.Path, Relationship: clean(i.Relationship),
				ValueType: clean(i.ValueType), Concept: i.Concept, Value: i.Value(),
			}
			if !yield(l) {
				return
			}
		}
	}
}

// String returns the line with its indentation, as Text prints it:
//
//	contains NUM DLP (113838, DCM) = 251.20 mGy.cm
func (l Line) String() string {
	parts := make([]string, 0, 4)
	for _, s := range []string{strings.ToLower(l.Relationship), l.ValueType, codeText(l.Concept)} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	s := strings.Repeat("  ", l.Depth) + strings.Join(parts, " ")
	if l.Value != "" {
		s += " = " + l.Value
	}
	return s
}

// Text writes the tree in a form for people, one line for each item. It shows
// what the report says, names of persons included. Errors are those of w.
func (doc *Document) Text(w io.Writer) error {
	out := bufio.NewWriter(w)
	for l := range doc.Lines() {
		if _, err := out.WriteString(l.String() + "\n"); err != nil {
			return err
		}
	}
	return out.Flush()
}
