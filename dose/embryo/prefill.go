package embryo

import (
	"slices"
	"strconv"
	"strings"

	"radagora/dose"
	"radagora/ucum"
)

// mostEvents is how many events of a kind stand each for itself; more of them are one
// line with their sum.
const mostEvents = 12

// A told is a quantity of an event that a line begins with.
type told struct {
	quantity string
	value    func(e *dose.StoredEvent) *ucum.Decimal
	factor   ucum.Decimal // from the unit that is kept to that of the line
}

// tolds are what an event can tell, the first that it does counts.
var tolds = []told{
	{string(dose.QuantityDLP), func(e *dose.StoredEvent) *ucum.Decimal { return e.DLP }, ucum.Int(1)},
	{"ctdivol", func(e *dose.StoredEvent) *ucum.Decimal { return e.CTDIvol }, ucum.Int(1)},
	{string(dose.QuantityDAP), func(e *dose.StoredEvent) *ucum.Decimal { return e.DAP }, ucum.Int(10000)},
	{string(dose.QuantityAGD), func(e *dose.StoredEvent) *ucum.Decimal { return e.AGD }, ucum.Int(1)},
	{string(dose.QuantityActivity), func(e *dose.StoredEvent) *ucum.Decimal { return e.Activity }, ucum.Int(1)},
	{string(dose.QuantityRP), func(e *dose.StoredEvent) *ucum.Decimal { return e.RP }, ucum.Int(1000)},
}

// Begin returns a sheet of a study with a line for each irradiation that tells a dose,
// all still without a place and a coefficient. Many shots of radiography and
// fluoroscopy in one examination are one line. A study that tells nothing has no lines.
func Begin(s *dose.StoredStudy) Sheet {
	out := Sheet{Study: s.UID, Combine: Linear}
	var order []string
	groups := map[string][]*dose.StoredEvent{}
	for i := range s.Events {
		e := &s.Events[i]
		if first(e).quantity == "" {
			continue
		}
		key := e.Examination + " " + first(e).quantity
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], e)
	}
	for _, key := range order {
		group := groups[key]
		if len(group) > mostEvents || len(out.Lines)+len(group) > mostLines {
			out.Lines = append(out.Lines, line(s, group))
			continue
		}
		for i := range group {
			out.Lines = append(out.Lines, line(s, group[i:i+1]))
		}
	}
	if len(out.Lines) > mostLines {
		out.Lines = out.Lines[:mostLines]
	}
	return out
}

// first returns what an event tells first.
func first(e *dose.StoredEvent) told {
	for _, t := range tolds {
		if t.value(e) != nil {
			return t
		}
	}
	return told{}
}

// line makes a line of events that tell the same quantity.
func line(s *dose.StoredStudy, group []*dose.StoredEvent) Line {
	e := group[0]
	t := first(e)
	sum := ucum.Decimal{}
	var names, beams []string
	for _, one := range group {
		sum = sum.Add(t.value(one).Mul(t.factor))
		names, beams = put(names, word(one.Protocol)), put(beams, beam(one))
	}
	l := Line{
		Key: e.Key, Name: strings.Join(names, ", "), Quantity: t.quantity, Value: sum.String(), Reported: sum.String() + " " + Unit(t.quantity), Events: len(group),
		Beam: strings.Join(beams, "; "), Origin: string(classOf(s, e)),
	}
	if len(group) > 1 {
		l.Key = e.Examination
	}
	l.Name, l.Beam = cut(l.Name), cut(l.Beam)
	return l
}

// beam says where the beam was, as far as the report does: region, view and angles, and
// of CT the range and its length.
func beam(e *dose.StoredEvent) string {
	var parts []string
	if e.Region != nil {
		parts = put(parts, word(e.Region.Meaning))
	}
	unit := func(f dose.Field, what, unit string) {
		for _, v := range e.Values {
			n, ok := v.Value.(float64)
			if !ok || v.Field != f {
				continue
			}
			parts = put(parts, what+" "+strconv.FormatFloat(n, 'g', 5, 64)+" "+unit)
			return
		}
	}
	for _, v := range e.Values {
		if v.Field == "view" {
			parts = put(parts, word(v.Raw))
		}
	}
	unit("primary_deg", "primary", "deg")
	unit("secondary_deg", "secondary", "deg")
	unit(dose.FieldZTop, "z", "mm")
	unit(dose.FieldZBottom, "to", "mm")
	unit(dose.FieldScanLength, "length", "mm")
	parts = put(parts, word(e.Laterality))
	return strings.Join(parts, ", ")
}

// classOf returns how the events of an examination became known.
func classOf(s *dose.StoredStudy, e *dose.StoredEvent) dose.Class {
	for _, src := range s.Sources {
		if src.ID == e.SOPInstance && src.Class != "" {
			return src.Class
		}
	}
	return dose.FromReport
}

// put adds what is not there yet and says anything.
func put(all []string, s string) []string {
	if slices.Contains(all, s) {
		return all
	}
	if s == "" {
		return all
	}
	return append(all, s)
}

func word(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// cut shortens a text to what a sheet takes.
func cut(s string) string {
	if len(s) > mostText {
		return strings.ToValidUTF8(s[:mostText-3], "") + "…"
	}
	return s
}

// Known puts into the lines of a sheet what the ledger knows of them, whatever was sent
// along: what is there by its key keeps what was reported, how that became known and
// where the beam was; all else was added by hand.
func Known(s *dose.StoredStudy, out Sheet) Sheet {
	lines := Begin(s).Lines
	out.Lines = append([]Line(nil), out.Lines...)
	for i := range out.Lines {
		l := &out.Lines[i]
		key := l.Key
		l.Key, l.Reported, l.Origin, l.Beam, l.Events = "", "", "", "", 0
		for _, k := range lines {
			if k.Key == key && key != "" {
				l.Key, l.Name, l.Origin, l.Beam, l.Events = key, k.Name, k.Origin, k.Beam, k.Events
				l.Reported = k.Value + " " + Unit(k.Quantity)
			}
		}
	}
	return out
}
