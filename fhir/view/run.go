package view

import (
	"context"
	"iter"
	"maps"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
)

// A Row has a cell for each column of its view. A cell without value is null.
type Row []fhirpath.Collection

// A run makes the rows of one resource.
type run struct {
	ctx context.Context
	env fhirpath.Env
}

// Rows returns the rows of a resource, none if it is of another type or does not meet
// the conditions. env may be nil; its Resource, and join() of nothing, are as SQL on
// FHIR wants them. It is fault.Invalid where a condition is no Boolean or several values
// stand in a cell for one, fault.Exhausted beyond 100,000 rows.
func (v *View) Rows(ctx context.Context, r fhir.Resource, env *fhirpath.Env) ([]Row, error) {
	if r.Type() != v.of {
		return nil, nil
	}
	do := run{ctx: ctx}
	if env != nil {
		do.env = *env
	}
	do.env.Resource, do.env.EmptyJoin = r, true
	do.env.Variables = maps.Clone(do.env.Variables)
	if do.env.Variables == nil {
		do.env.Variables = map[string]fhirpath.Collection{}
	}
	maps.Copy(do.env.Variables, v.constants)
	do.at(0)
	focus := fhirpath.Collection{fhirpath.Resource(r)}
	for _, where := range v.where {
		if is, err := do.holds(where, focus); err != nil || !is {
			return nil, err
		}
	}
	return do.rows(v.root, focus, 0)
}

// Stream returns the rows of many resources, in their order. An error of one resource
// ends the stream.
func (v *View) Stream(ctx context.Context, all iter.Seq2[fhir.Resource, error], env *fhirpath.Env) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for r, err := range all {
			var rows []Row
			if err == nil {
				rows, err = v.Rows(ctx, r, env)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// at says how many values of an iteration came before.
func (do *run) at(index int) {
	do.env.Variables[rowIndex] = fhirpath.Collection{fhirpath.Integer(int64(index))}
}

// holds evaluates a condition.
func (do *run) holds(x *fhirpath.Expression, focus fhirpath.Collection) (bool, error) {
	out, err := x.On(do.ctx, focus, &do.env)
	if err != nil || len(out) == 0 {
		return false, err
	}
	is, ok := out[0].Bool()
	if !ok || len(out) > 1 {
		return false, wrong("a condition is no Boolean")
	}
	return is, nil
}

// rows returns the rows of a branch where focus stands, the index-th of its iteration.
func (do *run) rows(br *branch, focus fhirpath.Collection, index int) ([]Row, error) {
	if br.each == nil && br.repeat == nil {
		return do.product(br, focus, index)
	}
	items, err := do.items(br, focus)
	if err != nil {
		return nil, err
	}
	if len(items) == 0 && br.orNull {
		return do.product(br, nil, 0)
	}
	var all []Row
	for i := range items {
		rows, err := do.product(br, items[i:i+1:i+1], i)
		if err != nil {
			return nil, err
		}
		if all = append(all, rows...); len(all) > maxRows || len(all)*len(br.columns) > maxCells {
			return nil, tooMany()
		}
	}
	return all, nil
}

func tooMany() error {
	return fault.Errorf(fault.Exhausted, "view: a resource has more than %d rows or %d cells", maxRows, maxCells)
}

// items returns what a branch goes through.
func (do *run) items(br *branch, focus fhirpath.Collection) (fhirpath.Collection, error) {
	if br.each != nil {
		return br.each.On(do.ctx, focus, &do.env)
	}
	var all fhirpath.Collection
	err := do.descend(br.repeat, focus, &all, 0)
	return all, err
}

// descend collects what the paths lead to, again and again, each value before those
// below it.
func (do *run) descend(paths []*fhirpath.Expression, focus fhirpath.Collection, all *fhirpath.Collection, level int) error {
	if level > 2*maxLevels || len(*all) > maxRows {
		return tooMany()
	}
	for _, x := range paths {
		found, err := x.On(do.ctx, focus, &do.env)
		if err != nil {
			return err
		}
		for i := range found {
			*all = append(*all, found[i])
			if err := do.descend(paths, found[i:i+1:i+1], all, level+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// product returns the rows of a branch for one value: its own columns beside every
// combination of the rows of its selects and of its union.
func (do *run) product(br *branch, focus fhirpath.Collection, index int) ([]Row, error) {
	own, err := do.cells(br, focus, index)
	if err != nil {
		return nil, err
	}
	all := []Row{own}
	for _, kid := range br.selects {
		rows, err := do.rows(kid, focus, index)
		if err != nil {
			return nil, err
		}
		if all, err = cross(all, rows); err != nil {
			return nil, err
		}
	}
	if len(br.unions) == 0 {
		return all, nil
	}
	var union []Row
	for _, kid := range br.unions {
		do.at(index)
		rows, err := do.rows(kid, focus, index)
		if err != nil {
			return nil, err
		}
		union = append(union, rows...)
	}
	return cross(all, union)
}

// cross returns every row of a beside every row of b.
func cross(a, b []Row) ([]Row, error) {
	if n := len(a) * len(b); n > maxRows || n > 0 && n*(len(a[0])+len(b[0])) > maxCells {
		return nil, tooMany()
	}
	all := make([]Row, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			all = append(all, append(append(make(Row, 0, len(x)+len(y)), x...), y...))
		}
	}
	return all, nil
}

// cells returns the own columns of a branch.
func (do *run) cells(br *branch, focus fhirpath.Collection, index int) (Row, error) {
	row := make(Row, len(br.paths))
	do.at(index)
	for i, x := range br.paths {
		out, err := x.On(do.ctx, focus, &do.env)
		if err != nil {
			return nil, err
		}
		if len(out) > 1 && !br.columns[i].Collection {
			return nil, wrong("the column " + br.columns[i].Name + " has several values and is no collection")
		}
		row[i] = out
	}
	return row, nil
}
