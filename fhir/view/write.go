package view

import (
	"radagora/fhir"
	"radagora/fhir/fhirpath"
)

// AppendJSON appends a row as an object of JSON: null for a cell without value, a list
// for a column that is a collection.
func (v *View) AppendJSON(b []byte, row Row) []byte {
	b = append(b, '{')
	for i, c := range v.root.columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(fhir.AppendString(b, c.Name), ':')
		b = c.appendCell(b, row[i])
	}
	return append(b, '}')
}

// appendCell appends a cell as JSON.
func (c Column) appendCell(b []byte, cell fhirpath.Collection) []byte {
	switch {
	case c.Collection:
		b = append(b, '[')
		for i, value := range cell {
			if i > 0 {
				b = append(b, ',')
			}
			b = value.AppendJSON(b)
		}
		return append(b, ']')
	case len(cell) == 0:
		return append(b, "null"...)
	}
	return cell[0].AppendJSON(b)
}

// Record returns a row as the texts of a CSV line: "" for a cell without value, JSON for
// collections and for objects.
func (v *View) Record(row Row) []string {
	record := make([]string, len(v.root.columns))
	for i, c := range v.root.columns {
		if c.Collection {
			record[i] = string(c.appendCell(nil, row[i]))
			continue
		}
		if len(row[i]) == 0 {
			continue
		}
		text, ok := row[i][0].Text()
		if e, is := row[i][0].Element(); !ok || is && e.IsObject() {
			text = string(c.appendCell(nil, row[i]))
		}
		record[i] = text
	}
	return record
}

// Names returns the names of the columns, the first line of a CSV file.
func (v *View) Names() []string {
	names := make([]string, len(v.root.columns))
	for i, c := range v.root.columns {
		names[i] = c.Name
	}
	return names
}
