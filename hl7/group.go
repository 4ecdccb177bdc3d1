package hl7

import "slices"

// A Group is a run of segments that belong together, in their order.
type Group []Segment

// Whole returns all segments as one group.
func (m *Message) Whole() Group { return m.Segments() }

// First returns the first segment of a name; the zero Segment is none.
func (g Group) First(name string) Segment {
	for _, s := range g {
		if s.Name() == name {
			return s
		}
	}
	return Segment{}
}

// Of returns the segments of the names.
func (g Group) Of(names ...string) Group {
	var out Group
	for _, s := range g {
		if slices.Contains(names, s.Name()) {
			out = append(out, s)
		}
	}
	return out
}

// Begun divides the group where segments of the names begin; what stands before the
// first is left out. A segment alone begins a new part.
func (g Group) Begun(names ...string) []Group {
	var out []Group
	from := -1
	for i, s := range g {
		if !slices.Contains(names, s.Name()) {
			continue
		}
		if from >= 0 {
			out = append(out, g[from:i:i])
		}
		from = i
	}
	if from >= 0 {
		out = append(out, g[from:])
	}
	return out
}

// Before returns what stands before the first segment of the names, all if there is
// none.
func (g Group) Before(names ...string) Group {
	for i, s := range g {
		if slices.Contains(names, s.Name()) {
			return g[:i:i]
		}
	}
	return g
}

// Patients returns the parts that are about one patient each, in results of several
// patients and in merges of several pairs (PID, MRG). A message with one PID is one.
func (m *Message) Patients() []Group { return m.Whole().Begun("PID") }

// An Order is one order of an ORM, OMG, OMI, OML or ORU: from its ORC, or its OBR
// where there is no ORC, to the next one.
type Order struct {
	Group
	Notes        Group         // NTE behind ORC and OBR, before the first OBX
	Observations []Observation // OBX of the order, with the notes on them
}

// An Observation is an OBX with the notes on it.
type Observation struct {
	Segment
	Notes Group
}

// Orders returns the orders of the group. An OBR behind another one, without an ORC
// between them, begins an order of its own.
func (g Group) Orders() []Order {
	var out []Order
	from, seen := -1, false // where the order began; whether its OBR was there
	flush := func(to int) {
		if from >= 0 {
			out = append(out, orderOf(g[from:to:to]))
		}
	}
	for i, s := range g {
		switch name := s.Name(); {
		case name == "ORC", name == "OBR" && (from < 0 || seen):
			flush(i)
			from, seen = i, name == "OBR"
		case name == "OBR":
			seen = true
		case name == "PID" && from >= 0: // another patient
			flush(i)
			from = -1
		}
	}
	flush(len(g))
	return out
}

func orderOf(g Group) Order {
	o := Order{Group: g, Notes: g.Before("OBX").Of("NTE")}
	o.Observations = g.Observations()
	return o
}

// Observations returns the OBX of the group, each with the NTE behind it; of a whole
// message also those that stand before the first order (height and weight of ADT).
func (g Group) Observations() []Observation {
	var out []Observation
	last := ""
	for _, s := range g {
		switch name := s.Name(); {
		case name == "OBX":
			out = append(out, Observation{Segment: s})
			last = name
		case name == "NTE" && last == "OBX":
			o := &out[len(out)-1]
			o.Notes = append(o.Notes, s)
		default:
			last = name
		}
	}
	return out
}

// Value returns OBX-5 and its data type, OBX-2.
func (o Observation) Value() (v Value, kind string) { return o.Field(5), o.Field(2).Text() }

// Resources returns the services, things, places and persons of an appointment (SIU):
// AIS, AIG, AIL, AIP, each with the notes behind it.
func (g Group) Resources() []Group {
	var out []Group
	for _, r := range g.Begun("AIS", "AIG", "AIL", "AIP", "RGS", "PID") {
		if n := r[0].Name(); n != "RGS" && n != "PID" {
			out = append(out, r)
		}
	}
	return out
}
