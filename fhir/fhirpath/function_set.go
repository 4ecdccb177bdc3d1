package fhirpath

// existence are the functions on whether something is there, filtering and projection
// (FHIRPath §5.1, §5.2).
var existence = map[string]function{
	"empty": {do: func(_ call, in []Value) ([]Value, error) { return boolean(len(in) == 0), nil }},
	"exists": {max: 1, do: func(c call, in []Value) ([]Value, error) {
		if len(c.s.args) == 0 {
			return boolean(len(in) > 0), nil
		}
		found := false
		err := c.lambda(0, in, func(_ Value, out []Value) (bool, error) {
			is, _, err := c.condition(out)
			found = is
			return !is, err
		})
		return boolean(found), err
	}},
	"all": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		all := true
		err := c.lambda(0, in, func(_ Value, out []Value) (bool, error) {
			is, _, err := c.condition(out)
			all = is
			return is, err
		})
		return boolean(all), err
	}},
	"allTrue":  {do: everyBoolean(true, true)},
	"anyTrue":  {do: everyBoolean(true, false)},
	"allFalse": {do: everyBoolean(false, true)},
	"anyFalse": {do: everyBoolean(false, false)},
	"not": {do: func(c call, in []Value) ([]Value, error) {
		b, known, single := Collection(in).Bool()
		if !single {
			return nil, c.wrong("one value is wanted, and there are several")
		}
		return decided(!b, known)
	}},
	"subsetOf": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		of, err := c.arg(0)
		return boolean(c.m.subset(in, of)), err
	}},
	"supersetOf": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		of, err := c.arg(0)
		return boolean(c.m.subset(of, in)), err
	}},
	"count": {do: func(c call, in []Value) ([]Value, error) { return c.m.one(Integer(int64(len(in)))), nil }},
	"distinct": {do: func(c call, in []Value) ([]Value, error) {
		return c.m.distinct(in), nil
	}},
	"isDistinct": {do: func(c call, in []Value) ([]Value, error) {
		return boolean(len(c.m.distinct(in)) == len(in)), nil
	}},
	"where": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		if len(in) == 0 {
			return nil, nil
		}
		kept := c.m.room(len(in))
		err := c.lambda(0, in, func(item Value, out []Value) (bool, error) {
			is, _, err := c.condition(out)
			if is {
				kept = append(kept, item)
			}
			return true, err
		})
		return kept, err
	}},
	"select": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		var all []Value
		err := c.lambda(0, in, func(_ Value, out []Value) (bool, error) {
			all = append(all, out...)
			return true, c.m.step(len(out))
		})
		return all, err
	}},
	"repeat": {min: 1, max: 1, do: repeat},
	"ofType": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) { return c.m.ofType(in, c.s.of) }, prepare: needsType},
	"as":     {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) { return c.m.ofType(in, c.s.of) }, prepare: needsType},
	"is":     {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) { return c.m.isType(c.s.pos, in, c.s.of) }, prepare: needsType},
	"type": {do: func(c call, in []Value) ([]Value, error) {
		out := c.m.room(len(in))
		for _, v := range in {
			space, name := v.TypeName()
			out = append(out, Value{kind: TypeKind, text: space + "." + name})
		}
		return out, nil
	}},
}

func needsType(s *site) error {
	if s.of.name == "" {
		return wrong(s.pos, s.name+" wants the name of a type")
	}
	return nil
}

// everyBoolean returns whether all, or any, of the input are of.
func everyBoolean(of, all bool) func(call, []Value) ([]Value, error) {
	return func(c call, in []Value) ([]Value, error) {
		for _, v := range in {
			b, ok := v.Bool()
			if !ok {
				return nil, c.wrong("a value is no Boolean")
			}
			if (b == of) != all {
				return boolean(!all), nil
			}
		}
		return boolean(all), nil
	}
}

// subset reports whether all of a are in b.
func (m *machine) subset(a, b []Value) bool {
	for i := range a {
		if !m.holds(b, a[i]) {
			return false
		}
	}
	return true
}

// repeat collects what the projection yields, again and again, until nothing new comes.
func repeat(c call, in []Value) ([]Value, error) {
	var all []Value
	for len(in) > 0 {
		var next []Value
		err := c.lambda(0, in, func(_ Value, out []Value) (bool, error) {
			for _, v := range out {
				if !c.m.has(all, v) {
					all, next = append(all, v), append(next, v)
				}
			}
			return true, c.m.step(len(out))
		})
		if err != nil {
			return nil, err
		}
		in = next
	}
	return all, nil
}

// has reports whether v is in all already: the same element, or an equal value of a
// System type. Two equal elements in different places are different.
func (m *machine) has(all []Value, v Value) bool {
	for i := range all {
		m.steps++
		if v.kind == ElementKind {
			if all[i].kind == ElementKind && all[i].el.Same(v.el) {
				return true
			}
			continue
		}
		if equal, known := m.equalItems(all[i], v); equal && known {
			return true
		}
	}
	return false
}

// subsets are the functions that take parts of collections and join them (§5.3, §5.4).
var subsets = map[string]function{
	"single": {do: func(c call, in []Value) ([]Value, error) {
		if len(in) > 1 {
			return nil, c.wrong("one value is wanted, and there are several")
		}
		return in, nil
	}},
	"first": {do: func(_ call, in []Value) ([]Value, error) { return part(in, 0, 1), nil }},
	"last":  {do: func(_ call, in []Value) ([]Value, error) { return part(in, int64(len(in))-1, int64(len(in))), nil }},
	"tail":  {do: func(_ call, in []Value) ([]Value, error) { return part(in, 1, int64(len(in))), nil }},
	"skip": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		n, ok, err := c.argInt(0)
		if err != nil || !ok {
			return nil, err
		}
		return part(in, n, int64(len(in))), nil
	}},
	"take": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		n, ok, err := c.argInt(0)
		if err != nil || !ok {
			return nil, err
		}
		return part(in, 0, n), nil
	}},
	"intersect": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		with, err := c.arg(0)
		if err != nil {
			return nil, err
		}
		out := c.m.room(len(in))
		for _, v := range c.m.distinct(in) {
			if c.m.holds(with, v) {
				out = append(out, v)
			}
		}
		return out, nil
	}},
	"exclude": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		without, err := c.arg(0)
		if err != nil {
			return nil, err
		}
		out := c.m.room(len(in))
		for _, v := range in {
			if !c.m.holds(without, v) {
				out = append(out, v)
			}
		}
		return out, nil
	}},
	"union": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		with, err := c.arg(0)
		if err == nil {
			err = c.m.step(len(with))
		}
		if err != nil {
			return nil, err
		}
		return c.m.union(in, with), nil
	}},
	"combine": {min: 1, max: 1, do: func(c call, in []Value) ([]Value, error) {
		with, err := c.arg(0)
		if err == nil {
			err = c.m.step(len(with))
		}
		if err != nil {
			return nil, err
		}
		return append(append(c.m.room(len(in)+len(with)), in...), with...), nil
	}},
}

// part returns in[from:to] as far as it exists.
func part(in []Value, from, to int64) []Value {
	n := int64(len(in))
	from, to = max(from, 0), min(to, n)
	if from >= to {
		return nil
	}
	return in[from:to:to]
}

// aggregates are the functions that make one value of many (§7, and sum, min, max and
// avg, which forms use).
var aggregates = map[string]function{
	"aggregate": {min: 1, max: 2, do: func(c call, in []Value) ([]Value, error) {
		total, err := c.arg(1)
		if err != nil {
			return nil, err
		}
		f := &frame{total: total, inner: true}
		for i := range in {
			f.this, f.index = in[i:i+1:i+1], i
			if f.total, err = c.s.args[0](c.m, f, f.this); err != nil {
				return nil, err
			}
			if err := c.m.step(1); err != nil {
				return nil, err
			}
		}
		return f.total, nil
	}},
	"sum": {do: func(c call, in []Value) ([]Value, error) {
		v, ok, err := fold(c, in, func(a, b Value) (Value, bool, bool) { return plus(a, b) })
		if len(in) == 0 {
			return c.m.one(Integer(0)), nil
		}
		return c.some(v, ok, err)
	}},
	"min": {do: extreme(-1)},
	"max": {do: extreme(1)},
	"avg": {do: func(c call, in []Value) ([]Value, error) {
		v, ok, err := fold(c, in, plus)
		if err != nil || !ok {
			return nil, err
		}
		if !v.isNumber() {
			return nil, c.wrong("a value is no number")
		}
		d, ok := v.decimal().quo(whole(int64(len(in))))
		if v.kind == QuantityKind {
			return c.some(quantity(d, v.text, v.prec == calendar), ok, nil)
		}
		return c.some(d.value(), ok, nil)
	}},
}

// some returns a value if there is one.
func (c call) some(v Value, ok bool, err error) ([]Value, error) {
	if err != nil || !ok {
		return nil, err
	}
	return c.m.number(v)
}

// fold applies an operation to the values from left to right.
func fold(c call, in []Value, do func(a, b Value) (Value, bool, bool)) (v Value, ok bool, err error) {
	for i := range in {
		item := in[i].System()
		if i == 0 {
			v = item
			continue
		}
		var fits bool
		if v, ok, fits = do(v, item); !fits {
			return v, false, c.wrong("values of these types are not put together")
		} else if !ok {
			return v, false, nil
		}
	}
	return v, len(in) > 0, nil
}

// extreme returns the value that compares so to all others.
func extreme(sign int) func(call, []Value) ([]Value, error) {
	return func(c call, in []Value) ([]Value, error) {
		v, ok, err := fold(c, in, func(a, b Value) (Value, bool, bool) {
			order, known, fits := compare(a, b)
			if order == sign {
				return a, known, fits
			}
			return b, known, fits
		})
		if err != nil || !ok {
			return nil, err
		}
		return c.m.one(v), nil
	}
}
