// Package evidence is the registry of facts the program can compute.
//
// Which facts there are is content: the catalogue names id, kind, unit, window and
// meaning of each. A capability provides those it can compute; forms, audits,
// scorecards and pages ask the registry and never a capability. A fact nobody
// provides is not connected, a fact with nothing to count is not applicable, and
// neither is 0.
//
// The registry computes shares and checks what providers return; it stores nothing.
package evidence

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"radagora/content"
	"radagora/fault"
)

// A Kind says how the value of a fact is made.
type Kind string

// The kinds of fact, as the catalogue names them.
const (
	Share Kind = "share" // Numerator of Denominator; the value is their quotient, 0 to 1
	Rate  Kind = "rate"  // Numerator per Denominator, in the unit of the fact
	Stat  Kind = "stat"  // a statistic of N cases, such as a median
	Count Kind = "count" // Numerator alone
	Flag  Kind = "flag"  // a date, fresh or stale
)

// A Definition says what a fact means. It comes from the catalogue.
type Definition struct {
	ID          string
	Kind        Kind
	Unit        string // "percent" for shares, whose value is 0 to 1 all the same
	Window      Window
	Capability  string // which room computes it
	Meaning     string
	Numerator   string
	Denominator string
	UsedBy      []string // "maturity:PU01", "audit:R14", …
}

// A Stratum narrows a fact to part of a site. Empty fields do not narrow.
type Stratum struct {
	Area, Room, Exam, Indication, Group string
}

// A Query asks for a fact: of which site and part of it, over which time. A zero
// From means the window of the definition before Until, a zero Until means now.
type Query struct {
	Site        string
	Stratum     Stratum
	From, Until time.Time // From included, Until not
}

// A Fact is what a capability provides for one id. Value returns what the kind
// asks for; Cases yields what it was counted from, the numerator's marked, and may
// be nil where there are no cases to draw. Both are called concurrently.
type Fact struct {
	ID    string
	Value func(ctx context.Context, q Query) (Value, error)
	Cases func(ctx context.Context, q Query) iter.Seq2[Case, error]
}

// A Registry holds the catalogue and who provides what. Registration comes first,
// in cmd/radagora; after that it is safe for concurrent use.
type Registry struct {
	now     func() time.Time
	version content.Ref
	defs    map[string]Definition
	facts   map[string]Fact
}

// The set and table of content that hold the catalogue.
const (
	catalogue = "evidence/catalogue"
	table     = "facts"
)

// Open reads the catalogue from lib. Windows end at now. It is Invalid if the
// catalogue has a window nobody can read.
func Open(lib *content.Library, now func() time.Time) (*Registry, error) {
	set, ok := lib.Set("", catalogue)
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no content set %s", catalogue)
	}
	t, err := set.Table(table)
	if err != nil {
		return nil, err
	}
	defs, err := content.Collect(t, definition)
	if err != nil {
		return nil, err
	}
	r := &Registry{now: now, version: set.Ref(), defs: map[string]Definition{}, facts: map[string]Fact{}}
	for _, d := range defs {
		if !d.Window.valid() {
			return nil, fault.Errorf(fault.Invalid, "evidence %s: window %s is neither days nor now", d.ID, d.Window)
		}
		r.defs[d.ID] = d
	}
	return r, nil
}

// definition makes a Definition of a row of the catalogue.
func definition(r *content.Row) Definition {
	return Definition{
		ID: r.Text("id"), Kind: Kind(r.Text("kind")), Unit: r.Text("unit"), Window: Window(r.Text("window")),
		Capability: r.Text("capability"), Meaning: r.Text("meaning"),
		Numerator: r.Text("numerator"), Denominator: r.Text("denominator"), UsedBy: r.List("used_by"),
	}
}

// Register adds what a capability provides. It is Invalid for an id that the
// catalogue does not have, and Conflict for one that is provided already.
func (r *Registry) Register(facts ...Fact) error {
	for _, f := range facts {
		switch _, twice := r.facts[f.ID]; {
		case r.defs[f.ID].ID == "":
			return fault.Errorf(fault.Invalid, "evidence %q is not in the catalogue: add it to content set %s first", f.ID, catalogue)
		case twice:
			return fault.Errorf(fault.Conflict, "evidence %s is provided twice", f.ID)
		case f.Value == nil:
			return fault.Errorf(fault.Internal, "evidence %s has no value", f.ID)
		}
		r.facts[f.ID] = f
	}
	return nil
}

// Definition returns what the catalogue says about id, false for an unknown id.
func (r *Registry) Definition(id string) (Definition, bool) {
	d, ok := r.defs[id]
	return d, ok
}

// Definitions returns the whole catalogue, sorted by id.
func (r *Registry) Definitions() []Definition {
	var all []Definition
	for _, id := range slices.Sorted(maps.Keys(r.defs)) {
		all = append(all, r.defs[id])
	}
	return all
}

// Connected reports whether somebody provides id.
func (r *Registry) Connected(id string) bool {
	_, ok := r.facts[id]
	return ok
}

// Cases yields what a fact was counted from. A fact that is not connected, or has
// no cases, yields none; an unknown id yields an error of kind NotFound.
func (r *Registry) Cases(ctx context.Context, id string, q Query) iter.Seq2[Case, error] {
	d, ok := r.defs[id]
	if !ok {
		return func(yield func(Case, error) bool) { yield(Case{}, unknown(id)) }
	}
	f := r.facts[id]
	if f.Cases == nil {
		return func(func(Case, error) bool) {}
	}
	return f.Cases(ctx, r.bounded(d, q))
}

// bounded returns q with its times filled in.
func (r *Registry) bounded(d Definition, q Query) Query {
	if q.Until.IsZero() {
		q.Until = r.now()
	}
	if q.From.IsZero() {
		q.From = d.Window.Before(q.Until)
	}
	return q
}

// unknown is the error for an id the catalogue does not have.
func unknown(id string) error {
	return fault.Errorf(fault.NotFound, "no evidence %q in the catalogue", id)
}
