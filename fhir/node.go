package fhir

import (
	"slices"
	"unicode/utf8"
)

// A kind is what a node is in JSON.
type kind uint8

const (
	nullKind kind = iota
	boolKind
	numberKind
	stringKind
	listKind
	objectKind
	brokenKind // built from what FHIR JSON cannot hold; text says why
)

// A node is a JSON value. Nodes are never changed once they are part of a
// Resource: Set makes new ones along its path.
type node struct {
	kind kind
	text string   // of a string, number or boolean
	kids []member // of an object or a list; those of a list have no name
}

// A member is an element of an object or an item of a list.
type member struct {
	name string
	node
}

// at returns the member called name, nil if there is none or n is no object.
func (n *node) at(name string) *node {
	if i := n.find(name); i >= 0 {
		return &n.kids[i].node
	}
	return nil
}

// find returns the place of the member called name, -1 if there is none.
func (n *node) find(name string) int {
	if n == nil || n.kind != objectKind {
		return -1
	}
	return slices.IndexFunc(n.kids, func(m member) bool { return m.name == name })
}

// companion returns what holds id and extensions of the primitive called name.
func (n *node) companion(name string) *node {
	if n == nil || n.kind != objectKind {
		return nil
	}
	for i := range n.kids {
		if m := &n.kids[i]; isCompanion(m.name) && m.name[1:] == name {
			return &m.node
		}
	}
	return nil
}

// isCompanion reports whether a name is that of a companion: _birthDate.
func isCompanion(name string) bool { return len(name) > 1 && name[0] == '_' }

// partner returns the name of the companion of name, and of a companion the name
// of what it accompanies.
func partner(name string) string {
	if isCompanion(name) {
		return name[1:]
	}
	return "_" + name
}

// isNull reports whether a node says nothing.
func (n *node) isNull() bool { return n == nil || n.kind == nullKind }

// append writes n as JSON.
func (n *node) append(b []byte) []byte {
	switch n.kind {
	case boolKind, numberKind:
		return append(b, n.text...)
	case stringKind:
		return appendString(b, n.text)
	case listKind:
		for i := range n.kids {
			b = n.kids[i].append(append(b, opens(i, '[')))
		}
		return append(b, ']')
	case objectKind:
		for i := range n.kids {
			b = append(appendString(append(b, opens(i, '{')), n.kids[i].name), ':')
			b = n.kids[i].append(b)
		}
		return append(b, '}')
	case nullKind, brokenKind:
	}
	return append(b, "null"...)
}

// opens returns what stands before the i-th member.
func opens(i int, first byte) byte {
	if i == 0 {
		return first
	}
	return ','
}

const hex = "0123456789abcdef"

// appendString writes s as a JSON string, escaping only what must be.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = append(append(b, s[from:i]...), '\\')
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, c)
		case '\n':
			b = append(b, 'n')
		case '\r':
			b = append(b, 'r')
		case '\t':
			b = append(b, 't')
		default:
			b = append(b, 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[from:]...), '"')
}

// isText reports whether s can be kept: UTF-8 without NUL, which databases refuse.
func isText(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return false
		}
	}
	return utf8.ValidString(s)
}
