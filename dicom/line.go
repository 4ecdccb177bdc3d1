package dicom

import (
	"fmt"
	"iter"
	"strings"
	"unicode"

	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
)

// shownText is how much of a value a Line shows, in characters.
const shownText = 80

// A Line is one element or item as a reader sees it.
type Line struct {
	Depth  int
	Tag    tag.Tag
	VR     vr.VR  // 0 for an item
	Name   string // the dictionary's name; "Item 2" for an item
	Value  string // one line, cut where Cut says so; "" for sequences and bytes
	Cut    bool
	Length int64 // of the value, in bytes
	Items  int   // of a sequence, or fragments of encapsulated pixels
}

// Lines iterates over the elements of d and everything below, in the order of
// the stream. What they show is what the object says, names of persons included.
func Lines(d *Dataset) iter.Seq[Line] {
	return func(yield func(Line) bool) { lines(d, 0, yield) }
}

// lines yields the elements of d at a depth, and reports whether to go on.
func lines(d *Dataset, depth int, yield func(Line) bool) bool {
	for e := range d.All() {
		line := lineOf(e, depth)
		if e.Encapsulated() {
			line.Items = len(e.Fragments())
		}
		items := e.Items()
		if e.Sequence() {
			line.Items = len(items)
		}
		if !yield(line) {
			return false
		}
		for i, item := range items {
			if !yield(Line{Depth: depth + 1, Tag: tagItem, Name: fmt.Sprintf("Item %d", i+1), Items: item.Len()}) ||
				!lines(item, depth+2, yield) {
				return false
			}
		}
	}
	return true
}

// lineOf describes one element.
func lineOf(e Element, depth int) Line {
	line := Line{Depth: depth, Tag: e.Tag(), VR: e.VR(), Name: e.Tag().Name(), Length: e.Length()}
	if line.Name == "" {
		line.Name = "Private element"
		if !e.Tag().Private() {
			line.Name = "Unknown element"
		}
	}
	v, _ := e.meaning()
	if v.Textual() || v.Binary() {
		line.Value, line.Cut = oneLine(strings.Join(e.Texts(), `\`))
	}
	if v == vr.UI {
		if u, err := uid.Parse(line.Value); err == nil && uid.Name(u) != "" {
			line.Value += " = " + uid.Name(u)
		}
	}
	return line
}

// oneLine makes text fit on a line: no control characters, not too long.
func oneLine(s string) (text string, cut bool) {
	n := 0
	text = strings.Map(func(r rune) rune {
		n++
		switch {
		case n > shownText:
			cut = true
			return -1
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '·'
		}
		return r
	}, s)
	return text, cut
}

// String returns the line as radagora dump prints it, with its indentation.
func (l Line) String() string {
	indent := strings.Repeat("  ", l.Depth)
	if l.VR == 0 {
		return indent + l.Name
	}
	s := fmt.Sprintf("%s%v %v %s", indent, l.Tag, l.VR, l.Name)
	switch {
	case l.VR == vr.SQ:
		return fmt.Sprintf("%s: %s", s, count(l.Items, "item"))
	case l.Items > 0:
		return fmt.Sprintf("%s: %s", s, count(l.Items, "fragment"))
	case l.Length == 0:
		return s + ": empty"
	case l.Value == "":
		return fmt.Sprintf("%s: %s", s, count(int(l.Length), "byte"))
	case l.Cut:
		return s + ": " + l.Value + "…"
	}
	return s + ": " + l.Value
}

// count returns a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
