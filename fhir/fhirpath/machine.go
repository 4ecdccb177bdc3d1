package fhirpath

import (
	"context"
	"sync"

	"radagora/fault"
)

const (
	maxSteps  = 1_000_000
	roomAtOne = 64 // values that are allocated together
)

// A machine is one evaluation. What it makes lives until its end.
type machine struct {
	ctx   context.Context
	env   *Env
	focus []Value
	steps int
	slab  []Value // where small collections are placed
	used  int
}

var machines sync.Pool

// newMachine returns a machine that has been used before, or a new one.
func newMachine() *machine {
	if m, ok := machines.Get().(*machine); ok {
		return m
	}
	return &machine{slab: make([]Value, roomAtOne)}
}

// release forgets everything of an evaluation.
func (m *machine) release() {
	clear(m.slab[:m.used])
	*m = machine{slab: m.slab}
	machines.Put(m)
}

// room returns an empty collection with place for n values. Appending more is allowed.
func (m *machine) room(n int) []Value {
	if n > len(m.slab)-m.used {
		return make([]Value, 0, n)
	}
	from := m.used
	m.used += n
	return m.slab[from:from:m.used]
}

// one returns a collection of one value.
func (m *machine) one(v Value) []Value { return append(m.room(1), v) }

// spent reports whether the evaluation has taken all its steps, or its caller has gone.
func (m *machine) spent() bool { return m.steps > maxSteps }

func (m *machine) exhausted() error {
	return fault.Errorf(fault.Exhausted, "expression took more than %d steps", maxSteps)
}

// step counts n values that were looked at.
func (m *machine) step(n int) error {
	before := m.steps
	m.steps += n + 1
	if m.steps > maxSteps {
		return m.exhausted()
	}
	if before>>12 != m.steps>>12 && m.ctx != nil {
		return m.ctx.Err()
	}
	return nil
}

// A frame is where an expression stands: what $this, $index and $total are.
type frame struct {
	this  []Value
	index int
	total []Value
	inner bool // $index is known
}

// An eval is a compiled part of an expression. in is what stands before its point; the
// values it returns must not be changed.
type eval func(m *machine, f *frame, in []Value) ([]Value, error)
