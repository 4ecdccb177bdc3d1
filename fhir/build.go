package fhir

import (
	"fmt"
	"strconv"
	"time"

	"radagora/fault"
	"radagora/ucum"
)

// A Field is an element of an object to be built.
type Field struct {
	name string
	v    Value
}

// F gives the element called name a value: a string, bool, int, int64,
// ucum.Decimal, time.Time (written as an instant with milliseconds), Value or
// Resource, or a List of these. nil, "", the zero time, absent values and what is
// empty leave the element out, so that a builder need not ask. Anything else,
// float64 above all, is an error of whoever takes the value: New or Set.
func F(name string, v any) Field { return Field{name, toValue(v)} }

// New builds a resource of a type. It is fault.Invalid if a field holds what FHIR
// JSON cannot (text that is not UTF-8, a name twice), fault.Exhausted if it is
// deeper than Parse reads. Validate says whether the elements are right.
func New(resourceType string, fields ...Field) (Resource, error) {
	v := Object(append([]Field{F("resourceType", resourceType)}, fields...)...)
	switch {
	case resourceType == "":
		return Resource{}, bad("resourceType is missing")
	case v.n.kind == brokenKind:
		return Resource{}, fault.Errorf(fault.Invalid, "build %s: %s", shown(resourceType), v.n.text)
	case depthOf(v.n) > maxDepth:
		return Resource{}, fault.Errorf(fault.Exhausted, "build %s: more than %d levels", shown(resourceType), maxDepth)
	}
	return hold(v.n), nil
}

// Object builds an object of its fields, in their order; absent if all are.
func Object(fields ...Field) Value {
	n := &node{kind: objectKind}
	for _, f := range fields {
		if f.v.n != nil && f.v.n.kind == brokenKind {
			return broken("%s: %s", shown(f.name), f.v.n.text)
		}
		if !isText(f.name) || f.name == "" {
			return broken("%s", shown(f.name))
		}
		n.kids = element{name: f.name, n: f.v.n, ext: f.v.ext, setsN: f.v.n != nil, setsExt: f.v.ext != nil}.append(n.kids)
	}
	if len(n.kids) == 0 {
		return Value{}
	}
	if err := checkObject(n.kids); err != nil {
		return broken("%v", err)
	}
	return Value{n: n}
}

// append writes an element behind the others without looking for it among them.
func (e element) append(kids []member) []member {
	if e.setsN {
		kids = append(kids, member{e.name, *e.n})
	}
	if e.setsExt {
		kids = append(kids, member{"_" + e.name, *e.ext})
	}
	return kids
}

// List builds a list of its items, less those that are absent; absent if all are.
// Items that have extensions keep them.
func List(items ...any) Value {
	list, companions := &node{kind: listKind}, &node{kind: listKind}
	for _, item := range items {
		v := toValue(item)
		if !v.Exists() {
			continue
		}
		var m, c member
		if v.n != nil {
			m.node = *v.n
		}
		if v.ext != nil {
			c.node = *v.ext
		}
		switch m.kind {
		case brokenKind:
			return v
		case listKind:
			return broken("a list directly in a list")
		default:
			list.kids, companions.kids = append(list.kids, m), append(companions.kids, c)
		}
	}
	return Value{n: list.orNil(), ext: companions.orNil()}
}

// Number returns the number that text writes, digit for digit: 1.0 stays 1.0.
func Number(text string) Value {
	if text == "" || len(text) > maxNumber || numberLength(text) != len(text) {
		return broken("%d characters that are no number", len(text))
	}
	return Value{n: &node{kind: numberKind, text: text}}
}

// Extended returns a primitive value with extensions; v may be absent (nil), where
// only the reason for it is known.
func Extended(v any, extensions ...Value) Value {
	out := toValue(v)
	list := make([]any, len(extensions))
	for i, x := range extensions {
		list[i] = x
	}
	ext := Object(F("extension", List(list...)))
	switch {
	case ext.n != nil && ext.n.kind == brokenKind:
		return ext
	case out.n != nil && (out.n.kind == objectKind || out.n.kind == listKind):
		return broken("only a primitive value has a companion")
	}
	out.ext = ext.n
	return out
}

func broken(format string, args ...any) Value {
	return Value{n: &node{kind: brokenKind, text: fmt.Sprintf(format, args...)}}
}

// toValue returns what F says of a Go value. What cannot be held is broken.
func toValue(v any) Value {
	switch v := v.(type) {
	case nil:
		return Value{}
	case Value:
		v.name = ""
		return v
	case Resource:
		return v.Value()
	case string:
		return textValue(v)
	case bool:
		return Value{n: &node{kind: boolKind, text: strconv.FormatBool(v)}}
	case int:
		return Number(strconv.Itoa(v))
	case int64:
		return Number(strconv.FormatInt(v, 10))
	case ucum.Decimal:
		return Number(v.String())
	case time.Time:
		if v.IsZero() {
			return Value{}
		}
		return textValue(v.Format(instantLayout))
	}
	return broken("FHIR JSON is not made of %T", v)
}

func textValue(s string) Value {
	switch {
	case s == "":
		return Value{}
	case !isText(s):
		return broken("text of %d bytes is not UTF-8", len(s))
	}
	return Value{n: &node{kind: stringKind, text: s}}
}
