// Package fhirpath compiles and evaluates FHIRPath expressions over FHIR R4 resources.
//
// It is the one expression language of the program: search parameters, views, forms,
// indicators and rules are written in it. [Compile] turns a text into an [Expression],
// which is immutable and may be used by many at once; [Expression.Evaluate] yields a
// [Collection] of values. [Expression.Check] holds an expression against the tables of
// R4 without a resource, which finds misspelt elements before a rule is used.
//
// The language is FHIRPath 2.0 (N1) with the functions that FHIR R4 adds, those that
// structured data capture and SQL on FHIR use, and the boundary functions. Logic has
// three values: true, false and empty. Decimals are exact and keep their digits.
//
// An evaluation takes at most a million steps and touches nothing outside: references
// are followed by a [Resolver], codes are looked up by a [Terminology], and what time
// it is says the [Env].
package fhirpath

import (
	"context"
	"slices"
	"strings"
	"time"

	"radagora/fault"
	"radagora/fhir"
)

// An Expression is a compiled expression. It is never changed and may be used by many
// at once. The zero Expression yields nothing.
type Expression struct {
	source string
	tree   *node
	run    eval
}

// Compile reads an expression. What is no FHIRPath, an unknown function or type, or a
// regular expression Go does not have, is fault.Invalid; more than 64 KiB of text, 200
// levels or a regular expression of more than 1,000 bytes is fault.Exhausted. The error
// names the character.
func Compile(source string) (*Expression, error) {
	tree, err := parse(source)
	if err != nil {
		return nil, err
	}
	run, err := compile(tree)
	if err != nil {
		return nil, err
	}
	return &Expression{source, tree, run}, nil
}

// Must is Compile for constants; it panics where that fails.
func Must(source string) *Expression {
	x, err := Compile(source)
	if err != nil {
		panic(err)
	}
	return x
}

// String returns the expression as it was written.
func (x *Expression) String() string { return x.source }

// Variables returns the names of the variables that the expression uses and that only
// an Env can declare, each once, so that whoever compiles a rule can refuse others.
func (x *Expression) Variables() (names []string) {
	if x == nil || x.tree == nil {
		return nil
	}
	x.tree.walk(func(n *node) {
		if n.form == variableForm && !isDeclared(n.name) && !slices.Contains(names, n.name) {
			names = append(names, n.name)
		}
	})
	return names
}

// isDeclared reports whether every evaluation has this variable.
func isDeclared(name string) bool {
	switch name {
	case "resource", "rootResource", "context":
		return true
	}
	return fixedVariables[name] != "" || strings.HasPrefix(name, "vs-") || strings.HasPrefix(name, "ext-")
}

// walk hands n and all parts of it to do.
func (n *node) walk(do func(*node)) {
	do(n)
	for _, kid := range n.kids {
		if kid != nil {
			kid.walk(do)
		}
	}
}

// An Env is what an evaluation may ask of its surroundings. nil and the zero Env know
// nothing: references lead nowhere and it is no time. It is not changed.
type Env struct {
	// Resource is %resource, and Root %rootResource, which holds it if it is contained;
	// by default both are the resource that the expression is evaluated on.
	Resource, Root fhir.Resource
	// Variables are the variables of the caller by their names without %. To use
	// another one is an error; one without value is empty.
	Variables map[string]Collection
	Now       time.Time // what now() and today() say, in the zone that days are in
	Resolver  Resolver
	Codes     Terminology
	Trace     func(name string, values Collection) // what trace() tells, to whom it may tell it
	EmptyJoin bool                                 // join() of nothing is "" and not empty, as SQL on FHIR wants it
}

// A Resolver follows references.
type Resolver interface {
	// Resolve returns the resource that a reference (Patient/12, or a URL) leads to;
	// the zero Resource if there is none or none for this caller.
	Resolve(ctx context.Context, reference string) (fhir.Resource, error)
}

// A Code is a code of a system, which is "" where only the place tells it.
type Code struct{ System, Code string }

// A Terminology answers questions about codes. known is false where it cannot say.
type Terminology interface {
	MemberOf(ctx context.Context, valueSet string, code Code) (member, known bool, err error)
	Subsumes(ctx context.Context, a, b Code) (subsumes, known bool, err error)
}

// Evaluate evaluates the expression on a resource.
//
// It is fault.Invalid, naming the character, where several values stand in the place of
// one, types do not fit an operator, or a variable is unknown; fault.Exhausted after a
// million steps. Other errors are those of the context, Resolver and Terminology.
func (x *Expression) Evaluate(ctx context.Context, r fhir.Resource, env *Env) (Collection, error) {
	if r.IsZero() {
		return x.On(ctx, nil, env)
	}
	return x.On(ctx, Collection{Resource(r)}, env)
}

// On evaluates the expression on any values, such as parts of a resource. %resource
// and %rootResource are then what env says, or else the first value.
func (x *Expression) On(ctx context.Context, focus Collection, env *Env) (Collection, error) {
	if x == nil || x.run == nil {
		return nil, nil
	}
	if env == nil {
		env = &Env{}
	}
	m := newMachine()
	defer m.release()
	m.ctx, m.env, m.focus = ctx, env, focus
	f := frame{this: focus}
	out, err := x.run(m, &f, focus)
	if err != nil {
		return nil, err
	}
	if m.spent() {
		return nil, m.exhausted()
	}
	if len(out) == 0 {
		return nil, nil
	}
	return append(make(Collection, 0, len(out)), out...), nil
}

// Test evaluates a condition: the Boolean that the expression yields, or whether a
// single value is there. known is false if it yields nothing. Several values are
// fault.Invalid.
func (x *Expression) Test(ctx context.Context, r fhir.Resource, env *Env) (is, known bool, err error) {
	out, err := x.Evaluate(ctx, r, env)
	if err != nil {
		return false, false, err
	}
	is, known, single := out.Bool()
	if !single {
		return false, false, fault.Errorf(fault.Invalid, "expression yields %d values where a condition is wanted", len(out))
	}
	return is, known, nil
}
