package dose

import (
	"slices"
	"strings"

	"radagora/ucum"
)

// How the CTDIvol of scans that overlap was added up.
const (
	MethodOverlap        = "overlap"         // where the reported ranges of the scans overlap
	MethodOverlapAssumed = "overlap_assumed" // of scans of the same region and phantom: no ranges are reported
)

// fieldFrame is the UID of the frame of reference of the Z locations of a scan.
const fieldFrame Field = "frame_of_reference_uid"

// An Overlap is the CTDIvol that the most exposed slice of an examination received:
// the sum over the scans whose ranges overlap there.
type Overlap struct {
	CTDIvol ucum.Decimal // mGy
	Events  int          // that were added
	Assumed bool         // that they overlap: a range is not reported

	events []*Event
}

// A length is the part of the table that a scan covered, in the coordinates of its
// frame of reference.
type length struct {
	low, high ucum.Decimal // mm
	frame     string       // UID, "" if the report does not say
}

// Overlapping returns the sum of CTDIvol over the scans of a CT examination whose
// ranges overlap, where that is highest. Localizers are never in it, and values of
// different phantoms are never added. Scans whose range is not reported are taken to
// overlap where region and phantom are the same; of a scan whose region or phantom is
// not known there is no telling, and then nothing is summed, unless it is the only one.
// The CTDIvol of the highest scan alone is QuantityCTDIvolMax.
func (x *Examination) Overlapping() (Overlap, bool) {
	var scans []*Event
	for _, e := range x.Events {
		if _, ok := e.Number(FieldCTDIvol); ok && !e.Localizer() {
			scans = append(scans, e)
		}
	}
	switch len(scans) {
	case 0:
		return Overlap{}, false
	case 1:
		return together(scans, false), true
	}
	var highest Overlap
	for _, same := range alike(scans, func(e *Event) string { return e.Phantom }) {
		o, ok := ofPhantom(same)
		if !ok {
			return Overlap{}, false
		}
		if o.CTDIvol.Cmp(highest.CTDIvol) > 0 || highest.Events == 0 {
			highest = o
		}
	}
	return highest, true
}

// ofPhantom returns where scans overlap most whose CTDIvol is of the same phantom.
func ofPhantom(scans []*Event) (highest Overlap, ok bool) {
	if scans[0].Phantom == "" {
		return Overlap{}, false
	}
	if found, ok := lengths(scans); ok {
		return sweep(scans, found), true
	}
	for _, same := range alike(scans, (*Event).region) {
		var o Overlap
		switch found, told := lengths(same); {
		case told:
			o = sweep(same, found)
		case same[0].region() == "":
			return Overlap{}, false
		default:
			o = together(same, len(same) > 1)
		}
		if o.CTDIvol.Cmp(highest.CTDIvol) > 0 || highest.Events == 0 {
			highest = o
		}
	}
	return highest, true
}

// region returns what the target region of an event is known by, "" if it is not
// known.
func (e *Event) region() string {
	code := e.Region.SCT
	if code.Value == "" {
		code = e.Region.Written
	}
	if code.Value == "" {
		return strings.ToLower(strings.TrimSpace(code.Meaning))
	}
	return code.Scheme + "|" + code.Value
}

// alike divides events by a name, in the order in which the names come.
func alike(events []*Event, name func(*Event) string) [][]*Event {
	var all [][]*Event
	at := map[string]int{}
	for _, e := range events {
		i, seen := at[name(e)]
		if !seen {
			i, all = len(all), append(all, nil)
			at[name(e)] = i
		}
		all[i] = append(all[i], e)
	}
	return all
}

// together adds up events.
func together(events []*Event, assumed bool) Overlap {
	o := Overlap{Events: len(events), Assumed: assumed, events: events}
	for _, e := range events {
		n, _ := e.Number(FieldCTDIvol)
		o.CTDIvol = o.CTDIvol.Add(n)
	}
	return o
}

// lengths returns what each of the scans covered, if all tell it in one frame of
// reference.
func lengths(scans []*Event) ([]length, bool) {
	var all []length
	for _, e := range scans {
		l, ok := e.length()
		if !ok || len(all) > 0 && l.frame != all[0].frame {
			return nil, false
		}
		all = append(all, l)
	}
	return all, true
}

// length returns what a scan covered: the scanned range, or else the volume that was
// made of it (PS3.16 TID 10014). A range of no length is none.
func (e *Event) length() (length, bool) {
	var l length
	if v, ok := e.Values.Find(fieldFrame); ok {
		l.frame = v.Text
	}
	for _, f := range [][2]Field{{FieldZTop, FieldZBottom}, {FieldVolumeTop, FieldVolumeBottom}} {
		top, known := e.Number(f[0])
		bottom, also := e.Number(f[1])
		if !known || !also {
			continue
		}
		if l.low, l.high = bottom, top; l.low.Cmp(l.high) > 0 {
			l.low, l.high = top, bottom
		}
		return l, l.low.Cmp(l.high) < 0
	}
	return l, false
}

// sweep returns the scans over the place where their sum is highest. Ranges that
// touch do not overlap.
func sweep(scans []*Event, ranges []length) Overlap {
	type edge struct {
		at   ucum.Decimal
		scan int
		ends bool
	}
	var edges []edge
	for i, r := range ranges {
		edges = append(edges, edge{r.low, i, false}, edge{r.high, i, true})
	}
	slices.SortStableFunc(edges, func(a, b edge) int {
		if c := a.at.Cmp(b.at); c != 0 || a.ends == b.ends {
			return c
		}
		if a.ends {
			return -1
		}
		return 1
	})
	var sum, highest ucum.Decimal
	at := edges[0].at
	for _, e := range edges {
		n, _ := scans[e.scan].Number(FieldCTDIvol)
		if e.ends {
			sum = sum.Sub(n)
			continue
		}
		if sum = sum.Add(n); sum.Cmp(highest) > 0 {
			highest, at = sum, e.at
		}
	}
	var here []*Event
	for i, r := range ranges {
		if r.low.Cmp(at) <= 0 && at.Cmp(r.high) < 0 {
			here = append(here, scans[i])
		}
	}
	return together(here, false)
}

// overlap adds the amount of scans that overlap.
func (d *dosed) overlap() {
	o, ok := d.Overlapping()
	if !ok {
		return
	}
	class, method := FromReport, MethodOverlap
	for _, e := range o.events {
		class = lower(class, d.class(e, FieldCTDIvol))
	}
	if o.Assumed {
		method = MethodOverlapAssumed
	}
	d.put(QuantityCTDIvolOverlap, o.CTDIvol, o.Events, class, method)
}
