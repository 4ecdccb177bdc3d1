// Package water measures how much a scanned body weakens X-rays: its water-equivalent
// diameter, from the pixels of CT images.
//
// A slice is as a cylinder of water of diameter
//
//	Dw = 2 √( Σ (1 + HU/1000) a / π )
//
// where the sum runs over the pixels of the body and a is the area of one (AAPM Report
// 220). The body is what is above a threshold and thick enough to be one, with all that
// it encloses: lungs and gas count with their own CT number, table and clothes do not.
// A body that the field of view cuts off is refused, unless the correction by its name
// is asked for. Thresholds and coefficients are content (dose/water).
package water

import (
	"math"

	"radagora/content"
	"radagora/fault"
)

// A Method is the thresholds that slices are measured with.
type Method struct {
	threshold, outside float64 // CT numbers
	opening            float64 // mm
	part               float64 // share
	truncation, factor float64
	slices             int    // of a scan that are measured where nobody says which
	name               string // content set and its edition
}

// Slices returns how many slices of a scan are measured where nobody says which.
func (m *Method) Slices() int { return m.slices }

// Name returns the content set of the method with its edition, for the record.
func (m *Method) Name() string { return m.name }

// Load reads the method of a site from the content set dose/water.
func Load(library *content.Library, site string) (*Method, error) {
	table, err := library.Table(site, "dose/water", "settings")
	if err != nil {
		return nil, err
	}
	m := &Method{name: "dose/water"}
	if set, ok := library.Set(site, "dose/water"); ok {
		m.name += ", " + set.Edition
	}
	slices := 0.0
	to := map[string]*float64{
		"dose.water.threshold": &m.threshold, "dose.water.outside": &m.outside, "dose.water.opening": &m.opening,
		"dose.water.part": &m.part, "dose.water.truncation": &m.truncation, "dose.water.truncation_factor": &m.factor,
		"dose.water.slices": &slices,
	}
	for row := range table.All() {
		if p := to[row.Text("key")]; p != nil {
			*p, _ = row.Number("value")
			delete(to, row.Text("key"))
		}
		if err := row.Err(); err != nil {
			return nil, err
		}
	}
	if len(to) > 0 {
		return nil, fault.Errorf(fault.Invalid, "dose/water: %d settings are missing", len(to))
	}
	if m.slices = int(slices); m.slices < 1 {
		return nil, fault.Errorf(fault.Invalid, "dose/water: dose.water.slices is not at least 1")
	}
	return m, nil
}

// A Grid is one slice: CT numbers in HU row by row, and the size of a pixel. A pixel
// outside of what was reconstructed is NaN.
type Grid struct {
	Rows, Columns int
	Row, Column   float64 // spacing between rows and between columns, mm
	HU            []float64
}

// A Refusal says why a slice has no diameter.
type Refusal string

// The refusals.
const (
	NoBody    Refusal = "no_body"   // nothing in the slice is thick enough
	Truncated Refusal = "truncated" // the field of view cuts the body off
)

// Anam2017 is the name of the correction of bodies that the field of view cuts off:
// Dw exp(k p³), where p is the share of the outline that is cut.
const Anam2017 = "anam2017"

// A Measure is what one slice says.
type Measure struct {
	Diameter   float64 `json:"dw_cm"`                // water-equivalent; 0 if refused
	Area       float64 `json:"area_cm2"`             // of the body
	Mean       float64 `json:"mean_hu"`              // over the body
	Effective  float64 `json:"effective_cm"`         // diameter of the circle with the area
	Cut        float64 `json:"cut_share"`            // share of the outline that the field of view cuts
	Correction string  `json:"correction,omitempty"` // name of the correction that was applied
	Refusal    Refusal `json:"refused,omitempty"`
}

// Slice measures one slice. correction is Anam2017 to correct a body that is cut off,
// or "" to refuse it. Errors are Invalid: a grid that is none, or a correction nobody
// knows.
func (m *Method) Slice(g Grid, correction string) (Measure, error) {
	switch {
	case g.Rows <= 0 || g.Columns <= 0 || len(g.HU) != g.Rows*g.Columns:
		return Measure{}, fault.Errorf(fault.Invalid, "%d pixels for %d rows and %d columns", len(g.HU), g.Rows, g.Columns)
	case !(g.Row > 0) || !(g.Column > 0) || math.IsInf(g.Row+g.Column, 0):
		return Measure{}, fault.Errorf(fault.Invalid, "the spacing of pixels is not known")
	case correction != "" && correction != Anam2017:
		return Measure{}, fault.Errorf(fault.Invalid, "no correction of this name; there is %s", Anam2017)
	}
	view := m.view(g)
	body := m.body(g, view)
	var out Measure
	var water, sum float64
	n := 0
	for i, in := range body {
		if in {
			n++
			water += 1 + g.HU[i]/1000
			sum += g.HU[i]
		}
	}
	if n == 0 || water <= 0 {
		out.Refusal = NoBody
		return out, nil
	}
	pixel := g.Row * g.Column / 100 // cm²
	out.Area, out.Mean, out.Cut = float64(n)*pixel, sum/float64(n), cut(g, body, view)
	out.Effective = 2 * math.Sqrt(out.Area/math.Pi)
	diameter := 2 * math.Sqrt(water*pixel/math.Pi)
	if out.Cut > m.truncation {
		if correction == "" {
			out.Refusal = Truncated
			return out, nil
		}
		out.Correction = correction
		diameter *= math.Exp(m.factor * out.Cut * out.Cut * out.Cut)
	}
	out.Diameter = diameter
	return out, nil
}
