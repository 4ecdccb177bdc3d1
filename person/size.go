package person

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"radagora/db"
)

// Why a size is not the one that is used.
const (
	TooOld    = "old"       // further before the examination than sizes are used
	TooLate   = "late"      // further behind it
	Withdrawn = "withdrawn" // whoever said it took it back
	Another   = "another"   // another one is nearer, or from where it was measured
)

// A Sized is a height or weight beside an examination.
type Sized struct {
	Fact
	Age  time.Duration // at the examination; below zero: measured after it
	Used bool          // at most one of each kind
	Why  string        // why it is not used: Impossible, Untrusted, TooOld, TooLate, Withdrawn, Another
}

// SizesAt returns what was said of the height and weight of a person under any of
// their identifiers, beside an examination at a time, and which of it holds for it:
// the newest before it that is not in doubt, or else the first soon after. A size of a
// DICOM header has no time of measurement, so what a system or person measured since
// the day before the study goes first; and where a header repeats what was said
// before, what was said holds, with its own time. own is what the reports of the
// examination say of themselves; years is the age of the patient at the time, negative
// if it is unknown. The one that is used comes first of its kind, then the newest.
func (r *Register) SizesAt(ctx context.Context, q db.Querier, site, key string, at time.Time, years int, own ...Fact) ([]Sized, error) {
	var all []Fact
	if key != "" {
		keys, err := r.KeysIn(ctx, q, site, key)
		if err != nil {
			return nil, err
		}
		if all, err = r.factsOf(ctx, q, site, keys); err != nil {
			return nil, err
		}
	}
	for _, f := range own {
		if n, err := strconv.ParseFloat(f.Value, 64); f.Doubt == "" && (err != nil || !r.Bounds.possible(f.Kind, n, years)) {
			f.Doubt = Impossible
		}
		same := func(o Fact) bool {
			return o.Kind == f.Kind && o.Source == f.Source && o.Origin == f.Origin && o.Value == f.Value
		}
		if !slices.ContainsFunc(all, same) {
			all = append(all, f)
		}
	}
	var sizes []Sized
	for _, kind := range []FactKind{Height, Weight} {
		sizes = append(sizes, r.Bounds.sizes(all, kind, at, years)...)
	}
	return sizes, nil
}

// sizes holds the facts of one kind against an examination.
func (b Bounds) sizes(all []Fact, kind FactKind, at time.Time, years int) []Sized {
	var list []Sized
	taken := withdrawals(all, kind)
	for _, f := range all {
		if f.Kind != kind || f.Value == "" {
			continue
		}
		s := Sized{Fact: f, Age: at.Sub(f.At), Why: cmp.Or(f.Doubt, b.outside(at.Sub(f.At), years))}
		if s.Why == "" && f.Source != FromDICOM && slices.ContainsFunc(taken, f.At.Before) {
			s.Why = Withdrawn
		}
		list = append(list, s)
	}
	slices.SortStableFunc(list, func(x, y Sized) int {
		return cmp.Or(y.At.Compare(x.At), cmp.Compare(x.Source.rank(), y.Source.rank()), y.Noted.Compare(x.Noted))
	})
	best := -1
	for i := range list {
		if list[i].Why == "" && (best < 0 || b.before(list[i], list[best])) {
			best = i
		}
	}
	if best < 0 {
		return list
	}
	if i := slices.IndexFunc(list, func(s Sized) bool { return s.Why == "" && s.said(list[best]) }); i >= 0 {
		best = i
	}
	for i := range list {
		switch {
		case i == best:
			list[i].Used = true
		case list[i].Why == "":
			list[i].Why = Another
		}
	}
	used := list[best]
	return slices.Insert(slices.Delete(list, best, best+1), 0, used)
}

// withdrawals returns when what was said of a kind was taken back.
func withdrawals(all []Fact, kind FactKind) (times []time.Time) {
	for _, f := range all {
		if f.Kind == kind && f.Value == "" && f.Doubt == "" {
			times = append(times, f.At)
		}
	}
	return times
}

// outside says why a size of that age is not used, "" if it may be.
func (b Bounds) outside(age time.Duration, years int) string {
	most := b.SizeBefore
	if years >= 0 && years < b.ChildAge {
		most = b.ChildSizeBefore
	}
	switch {
	case age > most:
		return TooOld
	case -age > b.SizeAfter:
		return TooLate
	}
	return ""
}

// before reports whether x goes before y: from before the examination before from
// after it, unless a header alone is from before; then the nearer in time.
func (b Bounds) before(x, y Sized) bool {
	if (x.Source == FromPerson) != (y.Source == FromPerson) && (x.Source == FromDICOM || y.Source == FromDICOM) {
		return x.Source == FromPerson // who typed it in saw the header
	}
	ageX, ageY := b.age(x), b.age(y)
	if (ageX >= 0) != (ageY >= 0) {
		measuredLater := func(late, header Sized) bool { return late.Source != FromDICOM && header.Source == FromDICOM }
		if ageX < 0 {
			return measuredLater(x, y)
		}
		return !measuredLater(y, x)
	}
	if d := ageX.Abs() - ageY.Abs(); d != 0 {
		return d < 0
	}
	return x.Source.rank() < y.Source.rank()
}

// age is how old a size is taken for.
func (b Bounds) age(s Sized) time.Duration {
	if s.Source == FromDICOM {
		return s.Age + b.SizeEntered
	}
	return s.Age
}

// said reports whether a header that is used does no more than repeat s, which was
// said before it.
func (s Sized) said(header Sized) bool {
	return header.Source == FromDICOM && s.repeatedBy(header.Fact)
}

// repeatedBy reports whether a size or flag in a DICOM header repeats what was said
// before it: machines send on what the worklist told them.
func (f Fact) repeatedBy(header Fact) bool {
	if f.Source == FromDICOM || f.At.After(header.At) || f.Kind != header.Kind {
		return false
	}
	x, errX := strconv.ParseFloat(f.Value, 64)
	y, errY := strconv.ParseFloat(header.Value, 64)
	if errX != nil || errY != nil {
		return f.Value == header.Value && f.Value != ""
	}
	return math.Abs(x-y) <= 0.001*max(x, y) // headers have at most 16 letters of a number
}

// rank orders sources: who measured or asked before what somebody typed in at a
// machine.
func (s Source) rank() int {
	return slices.Index([]Source{FromPerson, FromHL7, FromFHIR, FromCSV, FromDICOM}, s)
}
