package skin

import "math"

// A vec is a place or a direction in mm: x to the patient's right, y to the back, z
// to the head. Its origin is the isocentre of a beam, or for the model the middle of
// the back at the top of the head.
type vec struct{ x, y, z float64 }

func (a vec) add(b vec) vec       { return vec{a.x + b.x, a.y + b.y, a.z + b.z} }
func (a vec) sub(b vec) vec       { return vec{a.x - b.x, a.y - b.y, a.z - b.z} }
func (a vec) scale(k float64) vec { return vec{k * a.x, k * a.y, k * a.z} }
func (a vec) dot(b vec) float64   { return a.x*b.x + a.y*b.y + a.z*b.z }
func (a vec) about(t turn) vec    { return vec{t[0].dot(a), t[1].dot(a), t[2].dot(a)} }
func (t turn) then(after turn) turn {
	return turn{t.column(after[0]), t.column(after[1]), t.column(after[2])}
}

func (t turn) column(row vec) (r vec) {
	return t[0].scale(row.x).add(t[1].scale(row.y)).add(t[2].scale(row.z))
}

// A turn is a rotation: three rows of a matrix.
type turn [3]vec

// back returns the rotation that undoes t.
func (t turn) back() turn {
	return turn{{t[0].x, t[1].x, t[2].x}, {t[0].y, t[1].y, t[2].y}, {t[0].z, t[1].z, t[2].z}}
}

// The rotations about the axes, in degrees.

func aboutX(deg float64) turn {
	s, c := math.Sincos(deg * math.Pi / 180)
	return turn{{1, 0, 0}, {0, c, -s}, {0, s, c}}
}

func aboutY(deg float64) turn {
	s, c := math.Sincos(deg * math.Pi / 180)
	return turn{{c, 0, s}, {0, 1, 0}, {-s, 0, c}}
}

func aboutZ(deg float64) turn {
	s, c := math.Sincos(deg * math.Pi / 180)
	return turn{{c, -s, 0}, {s, c, 0}, {0, 0, 1}}
}

// A Body is the model of the trunk: a cuboid with a half cylinder on each side.
type Body struct {
	Height float64 `json:"height_m"`
	Mass   float64 `json:"mass_kg"`
	Width  float64 `json:"width_mm"`
	Depth  float64 `json:"depth_mm"`
	Length float64 `json:"length_mm"`
	Head   float64 `json:"head_mm"` // from the top of the head to the trunk

	flat, radius   float64
	columns, rows  int
	cellWidth      float64
	cellHeight     float64
	points, normal []vec // of one row: the model is the same along the body
}

// body makes the model of a patient: its length grows with height, its cross-section
// with mass divided by height.
func (m *Method) body(height, mass float64) *Body {
	s := m.standard
	tall := height / s.height
	wide := math.Sqrt(mass / s.mass / tall)
	b := &Body{Height: height, Mass: mass, flat: s.flat * wide, radius: s.radius * wide, Length: s.trunk * tall, Head: s.head * tall}
	b.Width, b.Depth = b.flat+2*b.radius, 2*b.radius
	around := 2*b.flat + 2*math.Pi*b.radius
	b.columns = max(1, int(math.Round(around/m.settings["cell"])))
	b.rows = max(1, int(math.Round(b.Length/m.settings["cell"])))
	b.cellWidth, b.cellHeight = around/float64(b.columns), b.Length/float64(b.rows)
	for i := range b.columns {
		p, n, _ := b.at((float64(i) + 0.5) * b.cellWidth)
		b.points, b.normal = append(b.points, p), append(b.normal, n)
	}
	return b
}

// The sides of the model, in the order of its columns.
const (
	anterior  = "anterior"
	left      = "left"
	posterior = "posterior"
	right     = "right"
)

// at returns the place and the outward normal of the skin u mm around the trunk from
// the right edge of the front, and which side it is.
func (b *Body) at(u float64) (place, normal vec, side string) {
	half := math.Pi * b.radius
	switch {
	case u < b.flat:
		return vec{b.flat/2 - u, -2 * b.radius, 0}, vec{0, -1, 0}, anterior
	case u < b.flat+half:
		s, c := math.Sincos((u - b.flat) / b.radius)
		n := vec{-s, -c, 0}
		return n.scale(b.radius).add(vec{-b.flat / 2, -b.radius, 0}), n, left
	case u < 2*b.flat+half:
		return vec{u - b.flat - half - b.flat/2, 0, 0}, vec{0, 1, 0}, posterior
	}
	s, c := math.Sincos((u - 2*b.flat - half) / b.radius)
	n := vec{s, c, 0}
	return n.scale(b.radius).add(vec{b.flat / 2, -b.radius, 0}), n, right
}

// along returns how far the middle of a row is from the top of the head.
func (b *Body) along(row int) float64 { return b.Head + (float64(row)+0.5)*b.cellHeight }
