// Package skin estimates where and how much an intervention irradiated the skin.
//
// Every irradiation event of angiography or fluoroscopy is a pyramid of X-rays that
// meets a model of the trunk: a cuboid with a half cylinder on each side, as large as
// the patient. A cell of its surface receives
//
//	K (d_ref/d)² k_bs k_med k_table
//
// where K is the dose at the reference point, d_ref its distance from the source and
// d that of the cell, k_bs the backscatter (Benmakhlouf 2013), k_med the step from air
// to tissue, and k_table what table and mattress let through, if the beam crosses them
// first. Every coefficient, the conventions of vendors and the sizes of the model are
// content (kind skin_dose).
//
// A map that cannot be made is refused with a list of what is missing; one that can
// says what was assumed. It is about a model of the trunk, not about a person's skin.
package skin

import "math"

// Unknown is the number that is not known.
func Unknown() float64 { return math.NaN() }

// known reports whether all numbers are.
func known(all ...float64) bool {
	for _, x := range all {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// An Exposure is one irradiation event as a report tells it. Numbers that are not
// known are Unknown; lengths are in mm, angles in degrees, as the report has them.
type Exposure struct {
	Plane string // "A", "B", "single" or ""

	RP        float64 // dose at the reference point, Gy
	DAP       float64 // Gy.m2
	KVP       float64
	Copper    float64 // added filter, mm
	Aluminium float64 // added filter, mm

	FieldArea         float64 // collimated field area at the detector, m2
	SourceToIsocentre float64
	SourceToDetector  float64
	SourceToReference float64 // if the report says it as a distance
	ReferencePoint    string  // what it says instead: a code or a text

	Primary, Secondary       float64 // angles of the positioner
	PrimaryEnd, SecondaryEnd float64 // where a turning acquisition ends

	TableLongitudinal, TableLateral, TableHeight float64
	Turn, Tilt, Cradle                           float64 // of the table
}

// An Examination is what a map is made of.
type Examination struct {
	Manufacturer, Model string  // of the machine
	Orientation         string  // of the patient: "HFS" is head first, supine; "" if unknown
	Height              float64 // m
	Mass                float64 // kg
	Exposures           []Exposure
}

// A Validity says how far a map can be relied on.
type Validity string

// The validities, as the badge shows them.
const (
	Validated   Validity = "validated"    // a system for which others have validated the method, nothing assumed
	Indicative  Validity = "indicative"   // another system, or something had to be assumed
	NotPossible Validity = "not_possible" // something is missing: there is no map
)

// An Item is something that is missing, was assumed or limits a map.
type Item struct {
	Code   string  `json:"code"`
	Kind   string  `json:"kind"`             // missing, assumed or limit
	Events int     `json:"events,omitempty"` // how many events it is about; 0: the whole
	Value  float64 `json:"value,omitempty"`  // what was assumed, or how much; see the code
}

// The kinds of items.
const (
	Missing = "missing"
	Assumed = "assumed"
	Limit   = "limit"
)

// The codes of items.
const (
	NoEvents        = "events"              // no event has a dose at the reference point above 0
	NoDose          = "reference_dose"      // of an event
	NoVoltage       = "tube_voltage"        // of an event
	NoAngles        = "angles"              // of the positioner
	NoTable         = "table_position"      // longitudinal, lateral or height
	NoIsocentre     = "source_to_isocentre" // distance
	NoReference     = "reference_distance"  // neither a distance nor a point that is known
	NoField         = "field_size"          // neither a collimated area nor a dose area product
	NoOrientation   = "orientation"         // nobody says how the patient lay
	OtherPosture    = "other_orientation"   // the model knows head first and supine alone
	UnknownDevice   = "device"              // whose conventions nobody has stated
	OutsideModel    = "patient_size"        // a height or weight that is no patient's
	NoBody          = "beam_beside"         // the whole beam passes beside the trunk
	NotValidated    = "not_validated"       // nobody has validated the method for this system
	StandardHeight  = "height"              // assumed, in m
	StandardMass    = "weight"              // assumed, in kg
	NoFilter        = "filter"              // taken as none
	AluminiumFilter = "aluminium_filter"    // not accounted for
	TableTurned     = "table_turned"        // taken as turned about the isocentre
	PartBeside      = "part_beside"         // the share of the dose area product that passes beside the trunk
	OneArea         = "square_field"        // the field is taken as a square of its area
	HeadEnd         = "head_end"            // the head is taken to lie at the head end of the table
)

// A Result is the map of an examination, or why there is none.
type Result struct {
	Validity Validity `json:"validity"`
	Device   string   `json:"device,omitempty"` // row of the content whose conventions were used
	Set      string   `json:"set"`              // content set of the coefficients
	Items    []Item   `json:"items"`            // missing first, then assumed, then limits
	Body     *Body    `json:"body,omitempty"`
	Planes   []*Map   `json:"planes,omitempty"` // one for each plane
	Whole    *Map     `json:"whole,omitempty"`  // all planes on the same skin; nil if there is no map
}

// A Map is dose to the skin of the unrolled model: columns run around the trunk from
// the right edge of the front over front, left side, back and right side; rows from
// the shoulders to the feet.
type Map struct {
	Plane   string    `json:"plane"` // "" of the whole
	Columns int       `json:"columns"`
	Rows    int       `json:"rows"`
	Width   float64   `json:"cell_width_mm"`
	Height  float64   `json:"cell_height_mm"`
	Dose    []float64 `json:"dose_gy"` // row by row
	Peak    Peak      `json:"peak"`
	Above   []Above   `json:"above"`
	Events  int       `json:"events"`     // with a dose
	RP      float64   `json:"rp_gy"`      // sum of doses at the reference point of one plane; 0 of the whole of two
	Caught  float64   `json:"met_share"`  // share of the dose area product that met the model
	Cells   int       `json:"dose_cells"` // cells with any dose
}

// A Peak is the cell with the highest dose.
type Peak struct {
	Dose   float64 `json:"gy"`
	Column int     `json:"column"`
	Row    int     `json:"row"`
	Side   string  `json:"side"`           // anterior, left, posterior or right
	Around float64 `json:"around_mm"`      // from the right edge of the front
	Along  float64 `json:"from_vertex_mm"` // from the top of the head
}

// Above is how much skin received more than a dose.
type Above struct {
	Dose float64 `json:"gy"`
	Area float64 `json:"cm2"`
}
