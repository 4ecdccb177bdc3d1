package entry

import (
	"slices"
	"strings"

	"radagora/dose"
	"radagora/fault"
)

// Fields are what the columns of a table may be, in the order of a table that is handed
// out to be filled in. Of a quantity there is a column of its name, whose unit stands in
// the column of its name with "_unit", or holds for the whole table.
func Fields() []string {
	all := []string{
		"machine", "date", "time", "exam", "description", "accession", "study_uid",
		"patient_id", "issuer", "name", "birth_date", "age", "sex", "height", "weight", "method",
	}
	for _, q := range Quantities() {
		all = append(all, string(q), string(q)+"_unit")
	}
	return all
}

// A Layout says how a table is to be read.
type Layout struct {
	Product  string            `json:"product,omitempty"`  // "openrem"; "" is a table made by hand
	Release  string            `json:"release,omitempty"`  // version of the product
	Columns  map[string]string `json:"columns,omitempty"`  // by field, the name of the column; fields that are missing have their own name
	Units    map[string]string `json:"units,omitempty"`    // by quantity, the unit of all rows
	Method   string            `json:"method,omitempty"`   // of all rows
	Machine  string            `json:"machine,omitempty"`  // id of the machine of all rows
	Machines map[string]string `json:"machines,omitempty"` // by what the table calls it, the id of a machine
}

// A row is a line of a table as it was understood.
type row struct {
	line   int // from 1, the header is the first
	lines  []int
	record Record
	called string // what the table calls the machine
	wrong  []Wrong
}

// read reads a table as a layout says, each row for itself.
func (l Layout) read(s sheet) ([]row, error) {
	head, at := s.header()
	if head < 0 {
		return nil, fault.Errorf(fault.Invalid, "table: it is empty")
	}
	switch l.Product {
	case OpenREM:
		return readOpenREM(s, head, at)
	case "":
	default:
		return nil, fault.Errorf(fault.Unsupported, "table: nobody knows the product")
	}
	column := func(field string) (int, bool) {
		name := field
		if n, ok := l.Columns[field]; ok {
			name = n
		}
		i, ok := at[name]
		return i, ok
	}
	if _, ok := column("date"); !ok {
		return nil, fault.Errorf(fault.Invalid, "table: no column is the date")
	}
	if !slices.ContainsFunc(Quantities(), func(q dose.Quantity) bool { _, ok := column(string(q)); return ok }) {
		return nil, fault.Errorf(fault.Invalid, "table: no column is a quantity")
	}
	var all []row
	for i := head + 1; i < len(s.lines); i++ {
		if s.lines[i] == nil {
			continue
		}
		get := func(field string) string {
			if j, ok := column(field); ok && j < len(s.lines[i]) {
				return s.lines[i][j]
			}
			return ""
		}
		all = append(all, l.row(i+1, get))
	}
	return all, nil
}

// row reads one row of a table made by hand.
func (l Layout) row(line int, get func(field string) string) row {
	r := row{line: line, lines: []int{line}, called: get("machine")}
	wrong := func(column, rule string) { r.wrong = append(r.wrong, Wrong{line, column, rule}) }
	x := Record{
		Machine: l.Machine, Station: r.called, Exam: get("exam"), Description: get("description"), Accession: get("accession"), Study: get("study_uid"),
		PatientID: get("patient_id"), Issuer: get("issuer"), Name: get("name"), Age: get("age"), Sex: strings.ToUpper(get("sex")),
		Height: get("height"), Weight: get("weight"),
	}
	var ok bool
	if x.Day, ok = dayOf(get("date")); !ok {
		wrong("date", WrongDay)
	}
	if t := get("time"); t != "" {
		if x.Clock, ok = clockOf(t); !ok {
			wrong("time", WrongClock)
		}
	}
	if b := get("birth_date"); b != "" {
		if x.Birth, ok = dayOf(b); !ok {
			wrong("birth_date", WrongBirth)
		}
	}
	for _, q := range Quantities() {
		if raw := get(string(q)); raw != "" {
			unit := orText(get(string(q)+"_unit"), l.Units[string(q)])
			x.Values = append(x.Values, Value{Quantity: q, Raw: raw, RawUnit: unit, Method: orText(get("method"), l.Method), At: string(q)})
		}
	}
	r.record = x
	return r
}
