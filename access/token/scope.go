package token

import (
	"net/url"
	"slices"
	"strings"

	"radagora/fault"
)

// An Interaction is a letter of SMART v2 (SMART App Launch 2.2.0 §Scopes for
// requesting FHIR Resources).
type Interaction byte

// The interactions, in the order in which a scope names them.
const (
	Create Interaction = 'c'
	Read   Interaction = 'r' // also vread and history of one resource
	Update Interaction = 'u' // also patch
	Delete Interaction = 'd'
	Search Interaction = 's' // also history of a type or of the system
)

const interactions = "cruds"

// The contexts of a scope.
const (
	LevelPatient = "patient" // of the patient in context
	LevelUser    = "user"    // what a person may
	LevelSystem  = "system"  // without a person
)

// maxScope bounds one scope, maxRequest a list of them.
const (
	maxScope   = 500
	maxRequest = 4000
)

// A Scope is one SMART scope, such as system/ImagingStudy.rs.
type Scope struct {
	Level string // patient, user or system
	Type  string // of the resource; "*" means every one
	Can   string // letters of cruds, in this order
	// Query narrows the scope to resources a search with these parameters would find,
	// as it was written; "" means all. Whoever enforces a scope and cannot apply the
	// query must refuse.
	Query string
}

// v1 gives the letters of the words of SMART v1 and of the European capability
// statements.
var v1 = map[string]string{"read": "rs", "write": "cud", "*": "cruds", "search": "s"}

// ParseScope reads a scope of SMART v2, and one of v1 as what it means in v2. It is
// Invalid for anything else, launch and openid included.
func ParseScope(s string) (Scope, error) {
	bad := fault.Errorf(fault.Invalid, "scope %.60q: write patient, user or system, a slash, a type or *, a dot and letters of cruds in this order", s)
	if len(s) > maxScope {
		return Scope{}, bad
	}
	head, query, narrowed := strings.Cut(s, "?")
	level, rest, ok := strings.Cut(head, "/")
	typ, can, ok2 := strings.Cut(rest, ".")
	if !ok || !ok2 || level != LevelPatient && level != LevelUser && level != LevelSystem || !validType(typ) {
		return Scope{}, bad
	}
	if letters, old := v1[can]; old {
		can = letters
	}
	if !inOrder(can) {
		return Scope{}, bad
	}
	if narrowed {
		if values, err := url.ParseQuery(query); err != nil || len(values) == 0 || strings.ContainsAny(query, " \t\r\n") || !printable(query) {
			return Scope{}, bad
		}
	}
	return Scope{Level: level, Type: typ, Can: can, Query: query}, nil
}

// validType reports whether s is * or looks like the name of a resource.
func validType(s string) bool {
	if s == "*" {
		return true
	}
	for i, c := range []byte(s) {
		upper, lower := c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z'
		if !upper && (i == 0 || !lower) {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// inOrder reports whether s holds letters of cruds, once each and in this order.
func inOrder(s string) bool {
	last := -1
	for _, c := range []byte(s) {
		at := strings.IndexByte(interactions, c)
		if at <= last {
			return false
		}
		last = at
	}
	return s != ""
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// String writes the scope as SMART v2 does.
func (s Scope) String() string {
	text := s.Level + "/" + s.Type + "." + s.Can
	if s.Query != "" {
		text += "?" + s.Query
	}
	return text
}

// Allows reports whether the scope includes an interaction with a type of resource.
// If Query is not empty, this holds for some resources of the type only.
func (s Scope) Allows(typ string, i Interaction) bool {
	return (s.Type == "*" || s.Type == typ) && strings.IndexByte(s.Can, byte(i)) >= 0
}

// ParseScopes reads scopes between spaces. It is Invalid if one of them is.
func ParseScopes(text string) ([]Scope, error) {
	if len(text) > maxRequest {
		return nil, fault.Errorf(fault.Invalid, "scopes: %d bytes are more than %d", len(text), maxRequest)
	}
	var all []Scope
	for word := range strings.FieldsSeq(text) {
		s, err := ParseScope(word)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all, nil
}

// lenient reads the scopes it knows and passes over the others, as a server does
// that grants less than it was asked for (RFC 6749 §3.3).
func lenient(text string) []Scope {
	var all []Scope
	for word := range strings.FieldsSeq(text) {
		if s, err := ParseScope(word); err == nil && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// texts writes scopes between spaces.
func texts(scopes []Scope) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = s.String()
	}
	return strings.Join(words, " ")
}

// Granted returns what of the scopes asked for lies within those allowed.
func Granted(asked, allowed []Scope) []Scope {
	var all []Scope
	for _, a := range asked {
		for _, b := range allowed {
			if both, ok := common(a, b); ok && !slices.Contains(all, both) {
				all = append(all, both)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s Scope) bool {
		return slices.ContainsFunc(all, func(o Scope) bool { return o != s && o.covers(s) })
	})
}

// common returns what lies within two scopes.
func common(a, b Scope) (Scope, bool) {
	c := Scope{Level: a.Level, Type: a.Type, Query: a.Query}
	if a.Type == "*" {
		c.Type = b.Type
	}
	if c.Query == "" {
		c.Query = b.Query
	}
	for _, i := range []byte(a.Can) {
		if strings.IndexByte(b.Can, i) >= 0 {
			c.Can += string(i)
		}
	}
	fits := a.Level == b.Level && (a.Type == "*" || b.Type == "*" || a.Type == b.Type)
	same := a.Query == "" || b.Query == "" || a.Query == b.Query
	return c, fits && same && c.Can != ""
}

// covers reports whether whoever has s gains nothing from o.
func (s Scope) covers(o Scope) bool {
	both, ok := common(s, o)
	return ok && both == o && (s.Query == "" || s.Query == o.Query)
}
