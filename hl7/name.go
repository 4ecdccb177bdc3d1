package hl7

import (
	"strings"
	"sync"
)

// A named is a field or component: how the standard calls it and its data type.
type named struct{ name, kind string }

// parsed returns tables in the form "Name:TYPE Name:TYPE" by their keys.
func parsed(tables map[string]string) map[string][]named {
	out := make(map[string][]named, len(tables))
	for key, text := range tables {
		for word := range strings.FieldsSeq(text) {
			name, kind, _ := strings.Cut(word, ":")
			out[key] = append(out[key], named{name, kind})
		}
	}
	return out
}

var (
	fieldTable = sync.OnceValue(func() map[string][]named { return parsed(fieldNames) })
	partTable  = sync.OnceValue(func() map[string][]named { return parsed(partNames) })
)

func segmentFields(segment string) []named { return fieldTable()[segment] }

// typeParts returns the components of a data type.
func typeParts(kind string) []named {
	if to, ok := sameType[kind]; ok {
		kind = to
	}
	return partTable()[kind]
}

// partType returns the data type of component n of a data type, "" if not known.
func partType(kind string, n int) string {
	if all := typeParts(kind); n >= 1 && n <= len(all) {
		return all[n-1].kind
	}
	return ""
}

// TypeOf returns the data type of a field as version 2.5.1 has it, "" where the tables
// do not know the segment. OBX-5 has the type that its OBX-2 says: "".
func TypeOf(segment string, n int) string {
	if all := segmentFields(segment); n >= 1 && n <= len(all) {
		return all[n-1].kind
	}
	return ""
}

// NameOf returns how the standard calls a field, such as PatientName, "" where the
// tables do not know it.
func NameOf(segment string, n int) string {
	if all := segmentFields(segment); n >= 1 && n <= len(all) {
		return all[n-1].name
	}
	return ""
}

// PartOf returns how the standard calls component n of a data type, and the data type
// of that, both "" where the tables do not know it.
func PartOf(kind string, n int) (name, part string) {
	if all := typeParts(kind); n >= 1 && n <= len(all) {
		return all[n-1].name, all[n-1].kind
	}
	return "", ""
}
