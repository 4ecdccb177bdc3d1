package search

import (
	"strings"
	"time"

	"radagora/fault"
)

// A Column is where a table holds what a parameter looks for.
type Column struct {
	// Present is a condition that holds where there is something; "" if there always is.
	Present string
	// Match returns the condition for one alternative of a criterion; arg takes an argument
	// and returns its placeholder. It is fault.Unsupported for a form it has no condition
	// for.
	Match func(c Criterion, v Value, arg func(any) string) (string, error)
}

// SQL returns a condition that holds for the rows that meet the criterion. It is
// fault.Unsupported for a form the column has no condition for.
func (c Criterion) SQL(col Column, arg func(any) string) (string, error) {
	present := col.Present
	if present == "" {
		present = "1 = 1"
	}
	if c.Modifier == "missing" {
		if c.Missing {
			return "not (" + present + ")", nil
		}
		return "(" + present + ")", nil
	}
	some := make([]string, 0, len(c.Values))
	for _, v := range c.Values {
		one, err := col.Match(c, v, arg)
		if err != nil {
			return "", err
		}
		some = append(some, "("+one+")")
	}
	all := "(" + strings.Join(some, " or ") + ")"
	switch {
	case len(some) == 0: // a chain that leads nowhere
		return Never, nil
	case c.Modifier == "not":
		return "not (" + present + " and " + all + ")", nil
	case col.Present != "":
		return "(" + present + " and " + all + ")", nil
	}
	return all, nil
}

// Never is a condition that holds for no row.
const Never = "1 = 0"

// errForm says that a column has no condition for a form.
func errForm(c Criterion) error {
	return fault.Errorf(fault.Unsupported, "search parameter %s: this form is not answered here", c.Parameter.Code)
}

// Codes is the column of a token: a code of one system, and "" in its place if a code
// of the column has none. to translates codes of FHIR into those of the column: none
// for a code that it does not know; nil leaves them as they are.
func Codes(column, system string, to func(code string) []string) Column {
	return Column{
		Present: column + " <> ''",
		Match: func(c Criterion, v Value, arg func(any) string) (string, error) {
			switch {
			case c.Modifier == "text":
				return "", errForm(c)
			case !v.AnySystem && v.System != system:
				return Never, nil
			case v.AnyCode:
				return column + " <> ''", nil
			}
			codes := []string{v.Code}
			if to != nil {
				codes = to(v.Code)
			}
			return in(column, codes, arg), nil
		},
	}
}

// in returns the condition that a column is one of some texts.
func in(column string, texts []string, arg func(any) string) string {
	if len(texts) == 0 {
		return Never
	}
	marks := make([]string, len(texts))
	for i, s := range texts {
		marks[i] = arg(s)
	}
	return column + " in (" + strings.Join(marks, ", ") + ")"
}

// IDs is the column of references, or of _id: the logical id of a resource. to translates
// an id into values of the column; nil leaves it as it is.
func IDs(column, resourceType string, to func(id string) []string) Column {
	return Column{
		Present: column + " <> ''",
		Match: func(c Criterion, v Value, arg func(any) string) (string, error) {
			id := v.Code
			if c.Parameter.Type == Reference {
				if c.Modifier == "identifier" || strings.Contains(v.Text, "://") || strings.HasPrefix(v.Text, "urn:") {
					return "", errForm(c)
				}
				typ, own, typed := strings.Cut(v.Key, "/")
				if id = v.Text; typed {
					id = own
				}
				if typed && typ != resourceType {
					return Never, nil
				}
			}
			ids := []string{id}
			if to != nil {
				ids = to(id)
			}
			return in(column, ids, arg), nil
		},
	}
}

// Millis is the column of an instant, in milliseconds since 1970.
func Millis(column string) Column {
	return Column{Present: column + " <> 0", Match: func(c Criterion, v Value, arg func(any) string) (string, error) {
		low, high := (v.First+999)/1000, (v.Last+1)/1000-1
		if high < low {
			high = low
		}
		return ordered(c, v, column, low, high, arg)
	}}
}

// ordered compares a column with the first and last of what is looked for. It takes only
// the arguments that it needs: PostgreSQL wants each to be used.
func ordered(c Criterion, v Value, column string, low, high any, arg func(any) string) (string, error) {
	switch v.Prefix {
	case "eq":
		return column + " >= " + arg(low) + " and " + column + " <= " + arg(high), nil
	case "ne":
		return column + " < " + arg(low) + " or " + column + " > " + arg(high), nil
	case "gt", "sa":
		return column + " > " + arg(high), nil
	case "lt", "eb":
		return column + " < " + arg(low), nil
	case "ge":
		return column + " >= " + arg(low), nil
	case "le":
		return column + " <= " + arg(high), nil
	}
	return "", errForm(c)
}

// Days is the column of a day that is text in the given layout, at the site whose zone
// is zone minutes east of UTC, and of a time of day in another column, HHMMSS and more,
// if clock is not "".
func Days(column, layout, clock string, zone int) Column {
	return Column{Present: column + " <> ''", Match: func(c Criterion, v Value, arg func(any) string) (string, error) {
		place := time.FixedZone("", zone*60)
		first, last := time.UnixMicro(v.First).In(place), time.UnixMicro(v.Last).In(place)
		if y := first.Year(); y < 1 || last.Year() > 9999 {
			return "", fault.Errorf(fault.Invalid, "search parameter %s: no year of the calendar", c.Parameter.Code)
		}
		if clock == "" || first.Format("150405") == "000000" && last.Format("150405") == "235959" {
			return ordered(c, v, column, first.Format(layout), last.Format(layout), arg)
		}
		const full = "20060102150405"
		exact, err := ordered(c, v, column+" || substr("+clock+" || '000000', 1, 6)", first.Format(full), last.Format(full), arg)
		if err != nil || v.Prefix == "ne" {
			return exact, err
		}
		near, err := ordered(c, widened(v), column, first.Format(layout), last.Format(layout), arg)
		return near + " and (" + exact + ")", err // the days are in an index
	}}
}

// widened has the days of a time counted among those that may meet a criterion.
func widened(v Value) Value {
	switch v.Prefix {
	case "gt", "sa":
		v.Prefix = "ge"
	case "lt", "eb":
		v.Prefix = "le"
	}
	return v
}

// Folded is the column of text as Fold, or what stands in for it, writes it; its parts
// stand behind marks. first says that only the first part counts. plain is the column of
// the text as it was written, for :exact.
func Folded(column, plain, mark string, fold func(string) string, first, others bool) Column {
	return Column{Present: column + " <> ''", Match: func(c Criterion, v Value, arg func(any) string) (string, error) {
		folded := fold(v.Text)
		switch c.Modifier {
		case "exact":
			if !first || others {
				return "", errForm(c)
			}
			return plain + " = " + arg(v.Text) + " or " + plain + " like " + arg(like(v.Text)+mark+"%") + " escape '!'", nil
		case "contains":
			return column + " like " + arg("%"+like(folded)+"%") + " escape '!'", nil
		}
		var some []string
		if first {
			some = append(some, column+" >= "+arg(folded)+" and "+column+" < "+arg(folded+"\U0010ffff"))
		}
		if others {
			some = append(some, column+" like "+arg("%"+mark+like(folded)+"%")+" escape '!'")
		}
		return strings.Join(some, " or "), nil
	}}
}

// like writes a text so that a pattern of SQL means it.
func like(s string) string { return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s) }
