package reject

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"radagora/dose/entry"
	"radagora/fault"
)

// Bounds of an XML file that is read as a table.
const (
	mostNodes = 4_000_000
	mostDepth = 32
	mostField = 32_767 // bytes of one text
	mostNames = 500    // columns
	mostCells = 20_000_000
)

// A node is an element.
type node struct {
	name   string
	path   string // names from the root, with slashes
	parent *node
	kids   []*node
	fields [][2]string // attributes, by name
	text   string
}

// leaf reports whether a node is a field of its parent.
func (n *node) leaf() bool { return len(n.kids) == 0 && len(n.fields) == 0 }

// own returns what a node says of itself: attributes, and elements that hold text alone.
func (n *node) own(yield func(name, text string) bool) {
	for _, f := range n.fields {
		if !yield(f[0], f[1]) {
			return
		}
	}
	for _, k := range n.kids {
		if len(k.kids) == 0 && !yield(k.name, k.text) {
			return
		}
	}
}

// readXML reads XML as a table. A row is the element of which there are most that say
// something; its columns are its attributes and the elements in it, and those of the
// elements around it. A workbook of Excel 2003 is read by its rows and cells. Nothing
// outside the file is read, and no entity but the five of XML. Invalid: it is no XML, or
// no table; Exhausted: it is too large.
func readXML(raw []byte) (s entry.Sheet, err error) {
	s.Format = "xml"
	rows, root, err := parseXML(raw)
	if err != nil {
		return s, err
	}
	if root.name == "Workbook" {
		return readWorkbook(root)
	}
	if len(rows) == 0 {
		return s, fault.Errorf(fault.Invalid, "table: no element of the XML is a row")
	}
	at := map[string]int{}
	var head []string
	cells := 0
	s.Lines = append(s.Lines, nil)
	for _, r := range rows {
		line := make([]string, len(head))
		seen := map[string]bool{}
		for n := r; n != nil; n = n.parent {
			for name, text := range n.own {
				if seen[name] || n != r && text == "" {
					continue
				}
				i, known := at[name]
				if !known {
					if i = len(head); i >= mostNames {
						return s, fault.Errorf(fault.Exhausted, "table: more than %d columns", mostNames)
					}
					at[name], head = i, append(head, name)
				}
				for len(line) <= i {
					line = append(line, "")
				}
				line[i], seen[name] = text, true
			}
		}
		if cells += len(line); cells > mostCells {
			return s, fault.Errorf(fault.Exhausted, "table: more than %d cells", mostCells)
		}
		s.Lines = append(s.Lines, line)
	}
	s.Lines[0] = head
	return s, nil
}

// parseXML reads elements, and returns those that are rows.
func parseXML(raw []byte) (rows []*node, root *node, err error) {
	in := xml.NewDecoder(bytes.NewReader(raw))
	in.CharsetReader = func(label string, r io.Reader) (io.Reader, error) {
		if strings.EqualFold(label, "utf-8") || strings.EqualFold(label, "us-ascii") {
			return r, nil
		}
		return nil, fault.Errorf(fault.Unsupported, "table: XML in an encoding other than UTF-8")
	}
	byPath := map[string][]*node{}
	var at *node
	nodes, depth := 0, 0
	for {
		token, err := in.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, fault.Errorf(fault.Invalid, "table: no XML: line %d", lineOf(raw, in.InputOffset()))
		}
		switch t := token.(type) {
		case xml.StartElement:
			depth++
			if nodes += 1 + len(t.Attr); nodes > mostNodes || depth > mostDepth {
				return nil, nil, fault.Errorf(fault.Exhausted, "table: more than %d elements, or %d in each other", mostNodes, mostDepth)
			}
			n := &node{name: t.Name.Local, path: t.Name.Local, parent: at}
			for _, a := range t.Attr {
				if a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					n.fields = append(n.fields, [2]string{a.Name.Local, cut(a.Value)})
				}
			}
			if at != nil {
				n.path = at.path + "/" + n.name
				at.kids = append(at.kids, n)
			}
			if root == nil {
				root = n
			}
			at = n
		case xml.EndElement:
			depth--
			at.text = cut(at.text)
			if !at.leaf() && at.parent != nil && hasField(at) {
				byPath[at.path] = append(byPath[at.path], at)
			}
			at = at.parent
		case xml.CharData:
			if at != nil && len(at.text) < mostField {
				at.text += string(t)
			}
		}
	}
	if root == nil {
		return nil, nil, fault.Errorf(fault.Invalid, "table: no XML")
	}
	best := ""
	for path, all := range byPath {
		if n, most := len(all), len(byPath[best]); n > most || n == most && path < best {
			best = path
		}
	}
	return byPath[best], root, nil
}

// hasField reports whether an element says something of itself.
func hasField(n *node) bool {
	for range n.own {
		return true
	}
	return false
}

// cut returns a text without blanks around it, not longer than a cell.
func cut(s string) string {
	if len(s) > mostField {
		s = strings.ToValidUTF8(s[:mostField], "")
	}
	return strings.TrimSpace(s)
}

// lineOf returns the line of an offset, from 1.
func lineOf(raw []byte, offset int64) int {
	return 1 + bytes.Count(raw[:min(int(offset), len(raw))], []byte("\n"))
}

// readWorkbook reads the first sheet of a workbook of Excel 2003 in XML.
func readWorkbook(root *node) (s entry.Sheet, err error) {
	s.Format = "xml"
	table := root.find("Worksheet").find("Table")
	cells := 0
	for _, r := range table.all("Row") {
		if i, ok := r.index(); ok && i <= 500_000 {
			for len(s.Lines) < i-1 {
				s.Lines = append(s.Lines, nil)
			}
		}
		var line []string
		for _, c := range r.all("Cell") {
			if i, ok := c.index(); ok && i <= mostNames {
				for len(line) < i-1 {
					line = append(line, "")
				}
			}
			text := ""
			if data := c.find("Data"); data != nil {
				text = data.text
			}
			line = append(line, text)
		}
		if cells += len(line); cells > mostCells || len(line) > mostNames {
			return s, fault.Errorf(fault.Exhausted, "table: more than %d columns or %d cells", mostNames, mostCells)
		}
		s.Lines = append(s.Lines, line)
	}
	if len(s.Lines) == 0 {
		return s, fault.Errorf(fault.Invalid, "table: a workbook without rows")
	}
	return s, nil
}

// all returns the elements of a name in another, none of nil.
func (n *node) all(name string) (all []*node) {
	if n == nil {
		return nil
	}
	for _, k := range n.kids {
		if k.name == name {
			all = append(all, k)
		}
	}
	return all
}

// find returns the first of them, nil if there is none.
func (n *node) find(name string) *node {
	if all := n.all(name); len(all) > 0 {
		return all[0]
	}
	return nil
}

// index returns where a row or cell says that it stands, from 1.
func (n *node) index() (int, bool) {
	for _, f := range n.fields {
		if f[0] == "Index" {
			i, err := strconv.Atoi(f[1])
			return i, err == nil && i > 0
		}
	}
	return 0, false
}
