// Package view turns FHIR resources into rows by SQL on FHIR view definitions.
//
// A ViewDefinition (SQL on FHIR 2.0) names a resource type, conditions and columns,
// each a FHIRPath expression. [Compile] reads one, [View.Rows] yields the rows of a
// resource and [View.Stream] those of many. Every cell is a collection: of at most one
// value, unless the column says collection.
//
// Nothing is kept: whoever wants a table stores the rows, and replaces those of a
// resource when it changes.
package view

import (
	"regexp"
	"strings"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
)

// Bounds of a view.
const (
	maxColumns = 1000
	maxLevels  = 32      // selects inside selects
	maxRows    = 100_000 // of one resource
	maxCells   = 2 << 20 // of one resource
)

// A View is a compiled ViewDefinition. It is never changed and may be used by many at
// once.
type View struct {
	name, of  string
	where     []*fhirpath.Expression
	constants map[string]fhirpath.Collection
	root      *branch
}

// A Column is a column of a view.
type Column struct {
	Name       string
	Type       string // of FHIR, as the definition says it: string, integer, dateTime; may be ""
	Collection bool   // a cell may hold several values
}

// A branch is a select: it makes rows of the columns from first on.
type branch struct {
	each    *fhirpath.Expression // forEach or forEachOrNull
	orNull  bool
	repeat  []*fhirpath.Expression
	columns []Column // its own, then those of selects, then those of unions
	paths   []*fhirpath.Expression
	selects []*branch
	unions  []*branch
}

// Name returns the name of the view, "" if it has none.
func (v *View) Name() string { return v.name }

// Of returns the type of the resources that the view is made of.
func (v *View) Of() string { return v.of }

// Columns returns the columns in the order of the cells of a row.
func (v *View) Columns() []Column { return append([]Column(nil), v.root.columns...) }

// columnName is what databases take as a name (ViewDefinition, sql-name).
var columnName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// A builder compiles one definition.
type builder struct {
	constants map[string]fhirpath.Collection
	level     int
}

// Compile reads a ViewDefinition. One that cannot be right whatever the resource is
// fault.Invalid: no resource or select, a path that is no FHIRPath, an unknown constant,
// a name used twice, branches of unionAll with other columns. More than 32 levels or
// 1,000 columns are fault.Exhausted.
func Compile(r fhir.Resource) (*View, error) {
	def := r.Value()
	v := &View{constants: map[string]fhirpath.Collection{}}
	var err error
	if v.name, err = text(def, "name"); err != nil {
		return nil, err
	}
	if v.of, err = text(def, "resource"); err != nil {
		return nil, err
	}
	if v.of == "" {
		return nil, wrong("resource is missing")
	}
	for c := range def.Each("constant") {
		if err := v.constant(c); err != nil {
			return nil, err
		}
	}
	b := builder{constants: v.constants}
	for w := range def.Each("where") {
		x, err := b.path(w, "path")
		if err != nil {
			return nil, err
		}
		v.where = append(v.where, x)
	}
	if v.root, err = b.branch(def, false); err != nil {
		return nil, err
	}
	if len(v.root.selects) == 0 {
		return nil, wrong("select is missing")
	}
	return v, v.root.unique()
}

func wrong(rule string) error { return fault.Errorf(fault.Invalid, "view definition: %s", rule) }

// text returns an element that is a text, "" if it is absent.
func text(v fhir.Value, name string) (string, error) {
	found := v.Get(name)
	if _, is := found.Decimal(); is || found.IsObject() {
		return "", wrong(name + " is no text")
	}
	if _, is := found.Bool(); is {
		return "", wrong(name + " is no text")
	}
	return found.Text(), nil
}

// constant declares a constant.
func (v *View) constant(c fhir.Value) error {
	name, err := text(c, "name")
	if err != nil {
		return err
	}
	value := c.Get("value[x]")
	switch {
	case !columnName.MatchString(name):
		return wrong("a constant has no name, or one that is none")
	case v.constants[name] != nil || name == rowIndex:
		return wrong("two constants are called " + name)
	case !value.HasValue():
		return wrong("the constant " + name + " has no value")
	}
	typ := strings.TrimPrefix(value.Name(), "value")
	if lower := strings.ToLower(typ[:1]) + typ[1:]; fhir.IsType(lower) {
		typ = lower
	}
	v.constants[name] = fhirpath.Collection{fhirpath.Element(value.As(typ))}
	return nil
}

// rowIndex is the variable that counts the values of forEach and repeat.
const rowIndex = "rowIndex"

// path compiles an expression, which must be there.
func (b *builder) path(v fhir.Value, name string) (*fhirpath.Expression, error) {
	source, err := text(v, name)
	if err != nil {
		return nil, err
	}
	if source == "" {
		return nil, wrong(name + " is missing")
	}
	return b.compile(source)
}

func (b *builder) compile(source string) (*fhirpath.Expression, error) {
	x, err := fhirpath.Compile(source)
	if err != nil {
		return nil, fault.Errorf(fault.Of(err), "view definition: %w", err)
	}
	for _, name := range x.Variables() {
		if b.constants[name] == nil && name != rowIndex {
			return nil, wrong("an expression uses a constant that is not declared")
		}
	}
	return x, nil
}

// branch compiles a select, or the definition itself, which is one without columns.
func (b *builder) branch(v fhir.Value, inside bool) (*branch, error) {
	if b.level++; b.level > maxLevels {
		return nil, fault.Errorf(fault.Exhausted, "view definition: more than %d levels", maxLevels)
	}
	defer func() { b.level-- }()
	out := &branch{}
	if inside {
		if err := b.iteration(v, out); err != nil {
			return nil, err
		}
		if err := b.column(v, out); err != nil {
			return nil, err
		}
	}
	for s := range v.Each("select") {
		kid, err := b.branch(s, true)
		if err != nil {
			return nil, err
		}
		out.selects, out.columns = append(out.selects, kid), append(out.columns, kid.columns...)
	}
	if inside {
		if err := b.union(v, out); err != nil {
			return nil, err
		}
	}
	if len(out.columns) > maxColumns {
		return nil, fault.Errorf(fault.Exhausted, "view definition: more than %d columns", maxColumns)
	}
	return out, nil
}

// iteration compiles forEach, forEachOrNull and repeat, of which there may be one.
func (b *builder) iteration(v fhir.Value, out *branch) (err error) {
	given := 0
	for _, name := range []string{"forEach", "forEachOrNull"} {
		if !v.Get(name).Exists() {
			continue
		}
		given++
		out.orNull = name == "forEachOrNull"
		if out.each, err = b.path(v, name); err != nil {
			return err
		}
	}
	for path := range v.Each("repeat") {
		x, err := b.compile(path.Text())
		if err != nil {
			return err
		}
		out.repeat = append(out.repeat, x)
	}
	if given > 1 || given > 0 && out.repeat != nil {
		return wrong("a select has more than one of forEach, forEachOrNull and repeat")
	}
	return nil
}

func (b *builder) column(v fhir.Value, out *branch) error {
	for c := range v.Each("column") {
		name, err := text(c, "name")
		if err != nil {
			return err
		}
		if !columnName.MatchString(name) {
			return wrong("a column has no name, or one that databases do not take")
		}
		typ, err := text(c, "type")
		if err != nil {
			return err
		}
		x, err := b.path(c, "path")
		if err != nil {
			return err
		}
		many, _ := c.Get("collection").Bool()
		out.columns = append(out.columns, Column{name, typ, many})
		out.paths = append(out.paths, x)
	}
	return nil
}

// union compiles unionAll: all branches have the same columns in the same order.
func (b *builder) union(v fhir.Value, out *branch) error {
	for u := range v.Each("unionAll") {
		kid, err := b.branch(u, true)
		if err != nil {
			return err
		}
		out.unions = append(out.unions, kid)
	}
	if len(out.unions) == 0 {
		return nil
	}
	first := out.unions[0].columns
	for _, kid := range out.unions[1:] {
		if len(kid.columns) != len(first) {
			return wrong("the branches of unionAll have different columns")
		}
		for i := range first {
			if kid.columns[i].Name != first[i].Name {
				return wrong("the branches of unionAll have different columns, or in another order")
			}
		}
	}
	out.columns = append(out.columns, first...)
	return nil
}

// unique refuses two columns of one name.
func (br *branch) unique() error {
	seen := map[string]bool{}
	for _, c := range br.columns {
		if seen[c.Name] {
			return wrong("two columns are called " + c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}
