package evidence

import (
	"context"
	"fmt"
	"math"
	"time"

	"radagora/content"
	"radagora/fault"
)

// A State says whether a fact has a value.
type State string

// The states of a fact. Only Known has a value.
const (
	Known         State = "known"
	NotApplicable State = "not_applicable" // nothing to count: the denominator is 0
	NotConnected  State = "not_connected"  // nobody provides it
	Stale         State = "stale"          // a flag whose date is before the window
	Absent        State = "absent"         // a flag without a date
)

// A Value is what a fact is, with what it takes to explain it.
type Value struct {
	ID    string
	State State
	Query Query // as answered, its times filled in
	Unit  string

	N           int     // cases looked at
	Numerator   float64 // of a share, rate or count
	Denominator float64 // of a share or rate
	Value       float64 // of a share: 0 to 1
	Low, High   float64 // interval of a statistic; both 0 if there is none
	Date        string  // of a flag: 2006-01-02

	Provenance Provenance
}

// Provenance says where a value comes from.
type Provenance struct {
	AsOf      time.Time     // when it was computed
	How       string        // which computation, such as "dose.within/1"; not a sentence
	Content   []content.Ref // what it was compared with or classified by
	Catalogue content.Ref   // what it means; filled in by the registry
}

// A Case is one thing a fact counts.
type Case struct {
	ID      string // of the examination, device, decision; never a name
	Room    string
	At      time.Time
	Counted bool // in the numerator
	Value   float64
	Object  string // UID or path of the object it was read from
}

// Value computes a fact. It is NotFound for an id the catalogue does not have. A
// fact nobody provides is NotConnected without an error. A provider that returns
// what cannot be is Internal.
func (r *Registry) Value(ctx context.Context, id string, q Query) (Value, error) {
	d, ok := r.defs[id]
	if !ok {
		return Value{}, unknown(id)
	}
	q = r.bounded(d, q)
	f, ok := r.facts[id]
	if !ok {
		return Value{ID: id, State: NotConnected, Query: q, Unit: d.Unit, Provenance: Provenance{Catalogue: r.version}}, nil
	}
	v, err := f.Value(ctx, q)
	if err != nil {
		return Value{}, fmt.Errorf("evidence %s: %w", id, err)
	}
	v.ID, v.Query, v.Unit, v.Provenance.Catalogue = id, q, d.Unit, r.version
	if v.Provenance.AsOf.IsZero() {
		v.Provenance.AsOf = r.now()
	}
	if v.State == "" {
		v.State = Known
	}
	if err := v.settle(d); err != nil {
		return Value{}, err
	}
	return v, nil
}

// settle computes the state and the value that follow from the kind, and refuses
// numbers that cannot be.
func (v *Value) settle(d Definition) error {
	for _, x := range []float64{v.Numerator, v.Denominator, v.Value, v.Low, v.High} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fault.Errorf(fault.Internal, "evidence %s: not a number", v.ID)
		}
	}
	if v.State != Known {
		return nil
	}
	switch d.Kind {
	case Share, Rate:
		return v.quotient(d.Kind)
	case Count:
		v.Value = v.Numerator
	case Stat:
		if v.N == 0 {
			v.State = NotApplicable
		}
	case Flag:
		return v.flag()
	}
	return nil
}

// quotient divides, unless there is nothing to divide by.
func (v *Value) quotient(k Kind) error {
	switch {
	case v.Denominator == 0:
		v.State, v.Value = NotApplicable, 0
	case k == Share && (v.Denominator < 0 || v.Numerator < 0 || v.Numerator > v.Denominator):
		return fault.Errorf(fault.Internal, "evidence %s: %g of %g is no share", v.ID, v.Numerator, v.Denominator)
	case k == Share:
		v.Value = v.Numerator / v.Denominator
	}
	return nil
}

// flag compares the date with the window.
func (v *Value) flag() error {
	if v.Date == "" {
		v.State = Absent
		return nil
	}
	if _, err := time.Parse(time.DateOnly, v.Date); err != nil {
		return fault.Errorf(fault.Internal, "evidence %s: %q is no date", v.ID, v.Date)
	}
	if v.Date < v.Query.From.Format(time.DateOnly) {
		v.State = Stale
	}
	return nil
}
