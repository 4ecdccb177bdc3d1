package entry

import "radagora/dose"

// Lines reads a table and returns the line of each row.
func Lines(raw []byte, l Layout) (all []int, err error) {
	s, err := readSheet(raw)
	if err != nil {
		return nil, err
	}
	rows, err := l.read(s)
	for _, r := range rows {
		all = append(all, r.line)
		_ = r.record.report("id", l.class(), dose.MadeStudy("id"))
	}
	return all, err
}
