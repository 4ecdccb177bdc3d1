package record

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir/search"
)

// A where is the part of a query that the database answers: everything that meets the
// criteria, and perhaps more.
type where struct {
	all    []string // conditions
	args   []any
	orders []order
	exact  bool // the database alone says what meets the criteria
}

// An order is an expression to sort by.
type order struct {
	expression string
	descending bool
	number     bool // a bigint, else a text
}

// arg adds an argument and returns its placeholder.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) and(condition string) { w.all = append(w.all, condition) }

// where translates a query.
func (b *Book) where(q Query) (*where, error) {
	if !b.Keeps(q.Type) {
		return nil, fault.Errorf(fault.Unsupported, "resources of this type are not kept here")
	}
	orders, err := q.sortable()
	if err != nil {
		return nil, err
	}
	w := &where{exact: true}
	w.and("r.site_id = " + w.arg(q.Site))
	w.and("r.type = " + w.arg(q.Type))
	if !q.Hidden {
		w.and("not " + access.Wished("r.site_id", "r.person", access.Restricted))
	}
	if rows, args := q.Reach.Rows(q.Site, b.Now(), len(w.args)+1); rows != "" {
		w.args = append(w.args, args...)
		w.and("r.person <> '' and r.person in (select reach.person from (" + rows + ") reach where reach.study = '')")
	}
	for _, c := range q.Criteria {
		exact := w.criterion(c, q)
		w.exact = w.exact && exact
	}
	for _, o := range orders {
		w.orders = append(w.orders, w.order(o))
	}
	return w, nil
}

// criterion adds what the database can say of a criterion, and reports whether that is
// all of it.
func (w *where) criterion(c search.Criterion, q Query) (exact bool) {
	in, before, param := "r.resource_key in", len(w.args), c.Parameter.Code
	if c.Parameter.Type == search.Reference && c.Modifier == "identifier" {
		param += identified
	}
	code := w.arg(param)
	inner := " (select i.resource_key from record_index i where i.site_id = " + w.arg(q.Site) + " and i.type = " + w.arg(q.Type) + " and i.param "
	if c.Modifier == "missing" {
		if c.Missing {
			in = "r.resource_key not in"
		}
		w.and(in + inner + "in (" + code + ", " + w.arg(c.Parameter.Code+identified) + "))")
		return true
	}
	var values []string
	exact = c.Parameter.Type == search.Token && c.Modifier != "text"
	for _, v := range c.Values {
		condition, whole := w.value(c, v)
		values, exact = append(values, condition), exact && whole
	}
	if c.Modifier == "not" {
		if !exact { // what is left out must be so for certain
			w.args = w.args[:before]
			return false
		}
		in = "r.resource_key not in"
	}
	if len(values) == 0 {
		values = []string{"1 = 0"} // nothing meets it
	}
	w.and(in + inner + "= " + code + " and (" + strings.Join(values, " or ") + "))")
	return exact
}

// anyRow is the condition on values that the database does not compare.
const anyRow = "1 = 1"

// slack is how far times may shift because the zone of a site does, in microseconds.
const slack = int64(26 * 60 * 60 * 1_000_000)

// value returns the condition on a row of the index, and whether it says all.
func (w *where) value(c search.Criterion, v search.Value) (condition string, whole bool) {
	whole = short(v.Code) == v.Code && short(v.System) == v.System
	switch typ := c.Parameter.Type; {
	case typ == search.Token && c.Modifier == "text":
		return anyRow, false
	case typ == search.Token || c.Modifier == "identifier":
		return w.token(v), whole
	case typ == search.Reference:
		return w.reference(v), false
	case typ == search.String && c.Modifier == "contains":
		return anyRow, false
	case typ == search.String:
		text := w.arg(short(v.Folded))
		return "substr(i.term, 1, length(cast(" + text + " as text))) = " + text, false
	case typ == search.URI && c.Modifier == "":
		return "i.term = " + w.arg(short(v.Text)), false
	case typ == search.Date:
		return w.date(v), false
	}
	return anyRow, false
}

func (w *where) token(v search.Value) string {
	var all []string
	if !v.AnyCode {
		all = append(all, "i.term = "+w.arg(short(v.Code)))
	}
	if !v.AnySystem {
		all = append(all, "i.system = "+w.arg(short(v.System)))
	}
	return strings.Join(append(all, "not (i.term = '' and i.system = '')"), " and ")
}

// reference looks for Type/id where both are known, else for an id or an address.
func (w *where) reference(v search.Value) string {
	if v.Key != "" {
		return "i.term = " + w.arg(short(v.Key))
	}
	text := w.arg(short(v.Text))
	return "(i.term = " + text + " or i.system = " + text + ")"
}

// date leaves out what cannot meet it, whatever the zone was.
func (w *where) date(v search.Value) string {
	from, to := v.First-slack, v.Last+slack
	switch v.Prefix {
	case "eq":
		return "i.first_us >= " + w.arg(from) + " and i.last_us <= " + w.arg(to)
	case "gt", "ge":
		return "i.last_us >= " + w.arg(from)
	case "lt", "le":
		return "i.first_us <= " + w.arg(to)
	case "sa":
		return "i.first_us > " + w.arg(v.Last-slack)
	case "eb":
		return "i.last_us < " + w.arg(v.First+slack)
	}
	return anyRow
}

// order returns what a parameter sorts by: of several values the least, or the greatest
// if it is descending.
func (w *where) order(o Order) order {
	switch o.Parameter.Code {
	case "_id":
		return order{"r.id", o.Descending, false}
	case "_lastUpdated":
		return order{"r.updated_at", o.Descending, true}
	}
	from := " from record_index i where i.resource_key = r.resource_key and i.param = " + w.arg(o.Parameter.Code) + ")"
	number := o.Parameter.Type == search.Date
	switch {
	case number && o.Descending:
		return order{fmt.Sprintf("coalesce((select max(i.last_us)%s, %d)", from, -search.Forever-1), true, true}
	case number:
		return order{fmt.Sprintf("coalesce((select min(i.first_us)%s, %d)", from, -search.Forever-1), false, true}
	case o.Descending:
		return order{"coalesce((select max(i.term)" + from + ", '')", true, false}
	}
	return order{"coalesce((select min(i.term)" + from + ", '')", false, false}
}

// condition returns all conditions.
func (w *where) condition() string { return " where " + strings.Join(w.all, " and ") }

// count returns the query for the number of resources. It uses all arguments, those of
// the orders too, because placeholders that nobody mentions are an error.
func (w *where) count() string {
	return "select count(*) from (" + w.rows() + ") x"
}

// rows returns the query for candidates with what they are sorted by.
func (w *where) rows() string {
	columns := []string{versionColumns}
	for i, o := range w.orders {
		columns = append(columns, fmt.Sprintf("%s as o%d", o.expression, i))
	}
	return "select " + strings.Join(columns, ", ") + " from record_resource r join record_version v on v.resource_key = r.resource_key" + newest + w.condition()
}

// query returns the query for the candidates behind a position.
func (w *where) query(after *position) string {
	n := len(w.args)
	by, behind := "", ""
	if after != nil {
		behind = fmt.Sprintf("x.resource_key > $%d", n+len(w.orders)+1)
	}
	for i, o := range slices.Backward(w.orders) {
		direction, mark := "", ">"
		if o.descending {
			direction, mark = " desc", "<"
		}
		by = fmt.Sprintf("x.o%d%s, ", i, direction) + by
		if after != nil {
			behind = fmt.Sprintf("(x.o%[1]d %[2]s $%[3]d or x.o%[1]d = $%[3]d and %[4]s)", i, mark, n+i+1, behind)
		}
	}
	if behind != "" {
		behind = " where " + behind
	}
	return fmt.Sprintf("select * from (%s) x%s order by %sx.resource_key limit %d", w.rows(), behind, by, batch)
}

// with returns the arguments of query.
func (w *where) with(after *position) []any {
	all := append([]any(nil), w.args...)
	if after == nil {
		return all
	}
	for i, text := range after.By {
		if w.orders[i].number {
			n, _ := strconv.ParseInt(text, 10, 64) // position has looked
			all = append(all, n)
			continue
		}
		all = append(all, text)
	}
	return append(all, after.Key)
}

// A position is where a page ended.
type position struct {
	By  []string `json:"by,omitempty"` // what the last match is sorted by
	Key string   `json:"key"`
}

// String returns it as a cursor, which nobody but where.position reads.
func (p *position) String() string {
	text, _ := json.Marshal(p) // texts only
	return base64.RawURLEncoding.EncodeToString(text)
}

// position reads a cursor, nil for the beginning.
func (w *where) position(cursor string) (*position, error) {
	if cursor == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	var p position
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(text, &p) != nil || len(p.By) != len(w.orders) || p.Key == "" {
		return nil, fault.Errorf(fault.Invalid, "the cursor is none of this search")
	}
	for i, by := range p.By {
		if _, err := strconv.ParseInt(by, 10, 64); w.orders[i].number && err != nil {
			return nil, fault.Errorf(fault.Invalid, "the cursor is none of this search")
		}
	}
	return &p, nil
}

// A candidate is a resource with its place.
type candidate struct {
	Version
	at position
}

func (w *where) scan(rows *db.Rows) (c candidate, err error) {
	var text string
	var at int64
	to := []any{&c.Key, &c.Number, &text, &at, &c.Person, &c.Source, &c.By}
	c.at.By = make([]string, len(w.orders))
	for i := range c.at.By {
		to = append(to, &c.at.By[i])
	}
	if err := rows.Scan(to...); err != nil {
		return c, err
	}
	c.at.Key = c.Key
	c.Version, err = c.parsed(text, db.FromMillis(at))
	return c, err
}
