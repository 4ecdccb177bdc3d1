package fhirpath

import (
	"maps"
	"sync"
)

// A function is one that expressions call.
type function struct {
	min, max int
	do       func(c call, in []Value) ([]Value, error)
	prepare  func(s *site) error // at compile time
}

// A site is a place where a function is called.
type site struct {
	pos   int
	name  string
	of    typeName // the argument that is a type
	kids  []*node
	args  []eval
	extra any // what prepare made
}

// A call is one call of a function.
type call struct {
	m *machine
	f *frame
	s *site
}

// wrong is the error of a call whose input or arguments do not fit.
func (c call) wrong(rule string) error { return c.m.wrong(c.s.pos, c.s.name+": "+rule) }

// arg evaluates an argument that is a value: where the call stands, not on its input.
func (c call) arg(i int) ([]Value, error) {
	if i >= len(c.s.args) {
		return nil, nil
	}
	return c.s.args[i](c.m, c.f, c.f.this)
}

// argOne evaluates an argument that is one value; ok is false if it is empty.
func (c call) argOne(i int) (v Value, ok bool, err error) {
	all, err := c.arg(i)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	if len(all) > 1 {
		return v, false, c.wrong("an argument has several values")
	}
	return all[0].System(), true, nil
}

func (c call) argText(i int) (s string, ok bool, err error) {
	v, ok, err := c.argOne(i)
	if err != nil || !ok {
		return "", false, err
	}
	if v.kind != StringKind {
		return "", false, c.wrong("an argument is no String")
	}
	return v.text, true, nil
}

func (c call) argInt(i int) (n int64, ok bool, err error) {
	v, ok, err := c.argOne(i)
	if err != nil || !ok {
		return 0, false, err
	}
	if v.kind != IntegerKind {
		return 0, false, c.wrong("an argument is no Integer")
	}
	return v.num, true, nil
}

// single returns the one value of the input; ok is false if it is empty.
func (c call) single(in []Value) (v Value, ok bool, err error) {
	switch len(in) {
	case 0:
		return v, false, nil
	case 1:
		return in[0].System(), true, nil
	}
	return v, false, c.wrong("one value is wanted, and there are several")
}

// lambda evaluates an argument on each value of the input in turn.
func (c call) lambda(i int, in []Value, each func(item Value, out []Value) (more bool, err error)) error {
	f := &frame{total: c.f.total, inner: true}
	for at := range in {
		f.this, f.index = in[at:at+1:at+1], at
		out, err := c.s.args[i](c.m, f, f.this)
		if err != nil {
			return err
		}
		if err := c.m.step(1); err != nil {
			return err
		}
		more, err := each(in[at], out)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

// condition returns what a criterion says of one value. It must be a Boolean.
func (c call) condition(out []Value) (is, known bool, err error) {
	switch len(out) {
	case 0:
		return false, false, nil
	case 1:
		if b, ok := out[0].Bool(); ok {
			return b, true, nil
		}
		return false, false, c.wrong("the condition is no Boolean")
	}
	return false, false, c.wrong("the condition has several values")
}

// functions returns all functions by name.
var functions = sync.OnceValue(func() map[string]function {
	all := map[string]function{}
	for _, some := range []map[string]function{
		existence, subsets, conversions(), texts, numbers, trees, aggregates, moments, fhirFunctions,
	} {
		maps.Copy(all, some)
	}
	return all
})
