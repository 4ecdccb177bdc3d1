package content

import (
	"slices"
	"strings"
)

// A valueType says what the fields of a column are.
type valueType uint8

const (
	text       valueType = iota // anything
	code                        // a code: see identifier
	list                        // codes or words between semicolons
	integer                     // a whole number, 0 or above
	number                      // a decimal number
	positive                    // a decimal number above 0
	day                         // a Date
	yesNo                       // yes or no
	word                        // one of the values the column names
	references                  // list of codes that each must be known
)

// A column is what a schema says of one column.
type column struct {
	name     string
	kind     valueType
	required bool     // no field may be empty
	optional bool     // the column may be absent
	values   []string // of a word
	knownAs  ref      // where the code must be found
}

// A ref names a column of a table in sets of some kind.
type ref struct{ kind, table, column string }

// A schema is what a table must look like.
type schema struct {
	name    string // of the file, without .tsv
	columns []column
	key     []string // columns that together occur once
	also    func(*reader, *Set, *Table, view)
}

// A kind is a sort of content: which tables its sets have.
type kind struct {
	name   string
	means  string
	tables []schema
	free   bool                                     // besides, the set may have tables and documents nobody described
	texts  string                                   // extension of the files of another language that a set has, such as ".cedar"
	parse  func(file string, data []byte) []Problem // checks one of them
}

// table returns the schema of a table.
func (k kind) table(name string) (schema, bool) {
	i := slices.IndexFunc(k.tables, func(s schema) bool { return s.name == name })
	if i < 0 {
		return schema{}, false
	}
	return k.tables[i], true
}

// Short forms for the tables in kinds.go.

func need(name string, t valueType) column  { return column{name: name, kind: t, required: true} }
func allow(name string, t valueType) column { return column{name: name, kind: t} }

func oneOf(name string, values ...string) column {
	return column{name: name, kind: word, required: true, values: values}
}

func known(c column, kind, table, column string) column {
	c.knownAs = ref{kind, table, column}
	return c
}

// labels are the words for something in the languages of the program.
func labels(prefix string) []column {
	return []column{need(prefix+"_en", text), need(prefix+"_de", text), need(prefix+"_fr", text)}
}

// coefficients are n numbers, counted from 0.
func coefficients(prefix string, n int) (all []column) {
	for i := range n {
		all = append(all, need(prefix+itoa(i), number))
	}
	return all
}

// checkTable holds t against its schema.
func (r *reader) checkTable(t *Table, s schema) {
	var names []string
	for _, c := range s.columns {
		names = append(names, c.name)
		i, ok := t.at[c.name]
		if !ok {
			if !c.optional {
				r.report(1, c.name, MissingColumn)
			}
			t.absent[c.name] = true
			continue
		}
		for n, fields := range t.rows {
			r.checkField(t.lines[n], c, fields[i])
		}
	}
	for _, c := range t.columns {
		if !slices.Contains(names, c) {
			r.report(1, c, UnknownColumn, strings.Join(names, ", "))
		}
	}
	if len(r.problems) == 0 && len(s.key) > 0 {
		r.checkKey(t, s.key)
	}
}

// checkField holds one field against its column.
func (r *reader) checkField(line int, c column, s string) {
	if s == "" {
		if c.required {
			r.report(line, c.name, Empty)
		}
		return
	}
	if why, args := c.fault(s); why != "" {
		r.report(line, c.name, why, append([]string{quoted(s)}, args...)...)
	}
}

// fault returns what is wrong with a field that is not empty, "" if nothing is.
func (c column) fault(s string) (why Code, args []string) {
	switch c.kind {
	case code:
		if !identifier(s) {
			return NotIdentifier, nil
		}
	case list, references:
		if slices.Contains(split(s), "") {
			return NotIdentifier, nil
		}
	case integer:
		if strings.Trim(s, "0123456789") != "" || len(s) > 9 {
			return NotInteger, nil
		}
	case number, positive:
		v, ok := decimal(s)
		if !ok {
			return NotNumber, nil
		}
		if c.kind == positive && v <= 0 {
			return NotPositive, nil
		}
	case day:
		if _, ok := ParseDate(s); !ok {
			return NotDate, nil
		}
	case yesNo:
		return c.among(s, []string{"yes", "no"})
	case word:
		return c.among(s, c.values)
	case text:
	}
	return "", nil
}

// among reports a word that is none of the allowed ones.
func (column) among(s string, values []string) (why Code, args []string) {
	if slices.Contains(values, s) {
		return "", nil
	}
	return NotAllowed, []string{strings.Join(values, ", ")}
}

// checkKey reports rows whose key stands already in an earlier row.
func (r *reader) checkKey(t *Table, key []string) {
	seen := map[string]int{}
	for n, fields := range t.rows {
		var parts []string
		for _, k := range key {
			parts = append(parts, fields[t.at[k]])
		}
		id := strings.Join(parts, "\t")
		if first, ok := seen[id]; ok {
			r.report(t.lines[n], key[0], SameKey, quoted(strings.Join(parts, ", ")), itoa(first))
			continue
		}
		seen[id] = t.lines[n]
	}
}
