package search

import (
	"strconv"
	"strings"

	"radagora/fault"
)

// A Statement gathers the conditions of a query and their arguments.
type Statement struct {
	Conditions []string
	Args       []any
}

// Arg takes an argument and returns its placeholder.
func (s *Statement) Arg(v any) string {
	s.Args = append(s.Args, v)
	return "$" + strconv.Itoa(len(s.Args))
}

// And adds a condition, in which ? stands for the next of the arguments.
func (s *Statement) And(condition string, args ...any) {
	for _, a := range args {
		condition = strings.Replace(condition, "?", s.Arg(a), 1)
	}
	s.Conditions = append(s.Conditions, condition)
}

// Criteria adds the conditions of criteria, each by the column of its parameter. It is
// fault.Unsupported for one that the columns do not answer.
func (s *Statement) Criteria(list []Criterion, columns map[string]Column) error {
	for _, c := range list {
		col, ok := columns[c.Parameter.Code]
		if !ok {
			return fault.Errorf(fault.Unsupported, "search parameter %s is not answered here", c.Parameter.Code)
		}
		condition, err := c.SQL(col, s.Arg)
		if err != nil {
			return err
		}
		s.Conditions = append(s.Conditions, condition)
	}
	return nil
}

// Within leaves what is within reach: rows are the query of whom that is, with columns
// person and study (access.Reach.Rows, whose arguments follow those of s), "" for
// everybody.
func (s *Statement) Within(rows string, args []any, person, study string) {
	if rows == "" {
		return
	}
	s.Args = append(s.Args, args...)
	in := person + " in (select reach.person from (" + rows + ") as reach where reach.person <> '')"
	if study != "" {
		in = "(" + in + " or " + study + " in (select reach.study from (" + rows + ") as reach where reach.study <> ''))"
	}
	s.Conditions = append(s.Conditions, in)
}

// Behind leaves the rows that come behind one in an order: that of a column, and of ids
// where it is the same. The one is named by its id; source is where both are read of it.
func (s *Statement) Behind(column, id, source, last string, descending bool) {
	than := ">"
	if descending {
		than = "<"
	}
	at := s.Arg(last)
	s.Conditions = append(s.Conditions, strings.NewReplacer("{c}", column, "{i}", id, "{t}", than, "{a}", at, "{s}", source).Replace(
		"({c} {t} (select {c} from {s} where {i} = {a}) or {c} = (select {c} from {s} where {i} = {a}) and {i} {t} {a})"))
}

// String returns the where clause.
func (s *Statement) String() string {
	if len(s.Conditions) == 0 {
		return ""
	}
	return " where " + strings.Join(s.Conditions, " and ")
}

// An Asked is what a room is asked for: rows that meet all criteria, in an order, behind
// one of them.
type Asked struct {
	Criteria   []Criterion
	Sort       string // the parameter, "" for the usual order
	Descending bool
	Behind     string // id of the last of the page before
	Limit      int
	Zone       int // minutes east of UTC of times without a zone
}
