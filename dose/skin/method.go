package skin

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"radagora/content"
	"radagora/fault"
)

// A Method is the knowledge that maps are made with: the content sets of kind
// skin_dose of a site. It does not change once loaded and may be used by several
// goroutines at once.
type Method struct {
	set          string
	sides        []float64    // field sides of the backscatter, cm, ascending
	backscatter  [][9]float64 // one for each side
	medium       []mediumRow
	transmission map[string][]transmissionRow
	devices      []device
	standard     standard
	references   map[string]float64 // mm before the isocentre, by what is said, folded
	settings     map[string]float64
}

// A mediumRow is one beam quality of the table of Benmakhlouf.
type mediumRow struct{ kvp, inherent, copper, hvl, side, factor float64 }

// A transmissionRow is how much table and mattress let through.
type transmissionRow struct{ kvp, copper, factor float64 }

// A device is how one system counts its positions.
type device struct {
	name, manufacturer, model         string
	across, height, along             axis
	primary, secondary                float64 // signs of the angles
	turn, tilt, cradle                float64
	inherent                          float64 // filtration of the tube, mm Al
	mattress, tableWidth, tableLength float64 // mm
	validated                         bool
}

// An axis is sign and offset of a position.
type axis struct{ sign, offset float64 }

// at returns the position that a report's number means.
func (a axis) at(x float64) float64 { return a.offset + a.sign*x }

// A standard is the size of the model for the standard patient.
type standard struct{ height, mass, trunk, head, radius, flat, minHeight, maxHeight, minMass, maxMass float64 }

// Load reads the method of a site. Without a set of kind skin_dose the error is
// fault.NotFound; of several the first by name is taken.
func Load(library *content.Library, site string) (*Method, error) {
	sets := library.OfKind(site, "skin_dose")
	if len(sets) == 0 {
		return nil, fault.Errorf(fault.NotFound, "no content set of kind skin_dose")
	}
	m := &Method{set: sets[0].ID, transmission: map[string][]transmissionRow{}, references: map[string]float64{}, settings: map[string]float64{}}
	for _, t := range []struct {
		name string
		read func(*content.Row)
	}{
		{"backscatter", m.readBackscatter},
		{"medium", func(r *content.Row) {
			n := numbers(r, "kvp", "inherent_mmal", "added_mmcu", "hvl_mmal", "side_cm", "factor")
			m.medium = append(m.medium, mediumRow{n[0], n[1], n[2], n[3], n[4], n[5]})
		}},
		{"transmission", func(r *content.Row) {
			n := numbers(r, "kvp", "added_mmcu", "factor")
			m.transmission[r.Text("device")] = append(m.transmission[r.Text("device")], transmissionRow{n[0], n[1], n[2]})
		}},
		{"devices", m.readDevice},
		{"body", func(r *content.Row) {
			n := numbers(r, "height_m", "mass_kg", "trunk_mm", "head_mm", "radius_mm", "flat_mm", "height_min_m", "height_max_m", "mass_min_kg", "mass_max_kg")
			m.standard = standard{n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9]}
		}},
		{"reference_points", func(r *content.Row) { m.references[fold(r.Text("said"))] = numbers(r, "before_isocentre_mm")[0] }},
		{"settings", func(r *content.Row) { m.settings[r.Text("key")] = numbers(r, "value")[0] }},
	} {
		table, err := library.Table(site, m.set, t.name)
		if err != nil {
			return nil, err
		}
		for row := range table.All() {
			t.read(row)
			if err := row.Err(); err != nil {
				return nil, err
			}
		}
	}
	return m, m.check()
}

// check tells whether the tables hold what the method needs.
func (m *Method) check() error {
	switch {
	case len(m.sides) < 3:
		return fault.Errorf(fault.Invalid, "%s: backscatter for fewer than three field sides", m.set)
	case len(m.medium) == 0 || m.standard.radius <= 0:
		return fault.Errorf(fault.Invalid, "%s: a table is empty", m.set)
	case m.settings["cell"] < 1 || m.settings["arc_step"] <= 0:
		return fault.Errorf(fault.Invalid, "%s: cell below 1 mm, or no arc_step", m.set)
	}
	for _, d := range m.devices {
		if len(m.transmission[d.name]) == 0 {
			return fault.Errorf(fault.Invalid, "%s: device %s has no transmission", m.set, d.name)
		}
	}
	return nil
}

// readBackscatter adds the coefficients of one field side, in ascending order.
func (m *Method) readBackscatter(r *content.Row) {
	n := numbers(r, "side_cm", "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8")
	at, _ := slices.BinarySearch(m.sides, n[0])
	m.sides = slices.Insert(m.sides, at, n[0])
	m.backscatter = slices.Insert(m.backscatter, at, [9]float64(n[1:]))
}

// readDevice adds one row of devices.
func (m *Method) readDevice(r *content.Row) {
	n := numbers(r, "across_sign", "across_mm", "height_sign", "height_mm", "along_sign", "along_mm", "primary_sign", "secondary_sign",
		"turn_sign", "tilt_sign", "cradle_sign", "inherent_mmal", "mattress_mm", "table_width_mm", "table_length_mm")
	m.devices = append(m.devices, device{
		name: r.Text("device"), manufacturer: fold(r.Text("manufacturer")), model: fold(r.Text("model")),
		across: axis{n[0], n[1]}, height: axis{n[2], n[3]}, along: axis{n[4], n[5]},
		primary: n[6], secondary: n[7], turn: n[8], tilt: n[9], cradle: n[10],
		inherent: n[11], mattress: n[12], tableWidth: n[13], tableLength: n[14], validated: r.Yes("validated"),
	})
}

// numbers returns the numbers of columns.
func numbers(r *content.Row, columns ...string) []float64 {
	all := make([]float64, len(columns))
	for i, c := range columns {
		all[i], _ = r.Number(c)
	}
	return all
}

// fold makes letters and digits comparable: "Allura Clarity" is "alluraclarity".
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// device returns the conventions of a system: the manufacturer must begin with and
// the model be what the content says.
func (m *Method) device(manufacturer, model string) (device, bool) {
	for _, d := range m.devices {
		if strings.HasPrefix(fold(manufacturer), d.manufacturer) && fold(model) == d.model {
			return d, true
		}
	}
	return device{}, false
}

// A quality is what a beam's energy makes of a dose.
type quality struct {
	spline spline // backscatter by field side
	medium []mediumRow
	table  float64 // transmission of table and mattress, met at a right angle
}

// quality returns the factors of a beam.
func (m *Method) quality(d device, kvp, copper float64) quality {
	hvl := m.hvl(kvp, d.inherent, copper)
	values := make([]float64, len(m.sides))
	for i := range m.sides {
		values[i] = m.scatter(i, kvp, hvl)
	}
	return quality{spline: newSpline(m.sides, values), medium: m.qualities(kvp, hvl), table: m.through(d.name, kvp, copper)}
}

// scatter is equation 8 of Benmakhlouf 2013 for one field side.
func (m *Method) scatter(side int, kvp, hvl float64) float64 {
	c := m.backscatter[side]
	return c[0] + c[1]*kvp + c[2]*kvp*kvp + (c[3]+c[4]*kvp+c[5]*kvp*kvp)*hvl + (c[6]+c[7]*kvp+c[8]*kvp*kvp)*hvl*hvl
}

// hvl returns the half-value layer of a beam in mm Al, read linearly between the
// tube voltages and copper filters of the table; outside of it, of the nearest.
func (m *Method) hvl(kvp, inherent, copper float64) float64 {
	rows := slices.DeleteFunc(slices.Clone(m.medium), func(r mediumRow) bool {
		return r.inherent != inherent || r.side != m.medium[0].side
	})
	return grid(rows, kvp, copper, func(r mediumRow) (float64, float64, float64) { return r.kvp, r.copper, r.hvl })
}

// through returns what the table of a device lets through.
func (m *Method) through(name string, kvp, copper float64) float64 {
	return grid(m.transmission[name], kvp, copper, func(r transmissionRow) (float64, float64, float64) { return r.kvp, r.copper, r.factor })
}

// grid reads rows linearly between the two nearest values of x and of y; outside of
// them, of the nearest. 0 if there are no rows.
func grid[R any](rows []R, x, y float64, of func(R) (x, y, z float64)) float64 {
	xs, ys, at := []float64{}, []float64{}, map[[2]float64]float64{}
	for _, r := range rows {
		a, b, z := of(r)
		xs, ys, at[[2]float64{a, b}] = append(xs, a), append(ys, b), z
	}
	x0, x1, tx := around(xs, x)
	y0, y1, ty := around(ys, y)
	lo := at[[2]float64{x0, y0}]*(1-ty) + at[[2]float64{x0, y1}]*ty
	hi := at[[2]float64{x1, y0}]*(1-ty) + at[[2]float64{x1, y1}]*ty
	return lo*(1-tx) + hi*tx
}

// around returns the values on both sides of x and how far x is from the first to
// the second.
func around(all []float64, x float64) (lo, hi, t float64) {
	lo, hi = math.Inf(-1), math.Inf(1)
	for _, a := range all {
		if a <= x {
			lo = max(lo, a)
		}
		if a >= x {
			hi = min(hi, a)
		}
	}
	switch {
	case math.IsInf(lo, -1):
		return hi, hi, 0
	case math.IsInf(hi, 1) || lo == hi:
		return lo, lo, 0
	}
	return lo, hi, (x - lo) / (hi - lo)
}

// qualities returns the rows of the medium nearest to a beam, one for each field
// side: the nearest tube voltage counts first, then the nearest half-value layer.
func (m *Method) qualities(kvp, hvl float64) []mediumRow {
	best := map[float64]mediumRow{}
	for _, r := range m.medium {
		old, ok := best[r.side]
		if !ok || cmp.Or(cmp.Compare(math.Abs(r.kvp-kvp), math.Abs(old.kvp-kvp)), cmp.Compare(math.Abs(r.hvl-hvl), math.Abs(old.hvl-hvl))) < 0 {
			best[r.side] = r
		}
	}
	rows := make([]mediumRow, 0, len(best))
	for _, r := range best {
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b mediumRow) int { return cmp.Compare(a.side, b.side) })
	return rows
}

// tissue returns the step from air to tissue for a field side in cm, of the nearest
// side in the table: it changes by less than one per cent between them.
func (q quality) tissue(side float64) float64 {
	best := q.medium[0]
	for _, r := range q.medium[1:] {
		if math.Abs(r.side-side) < math.Abs(best.side-side) {
			best = r
		}
	}
	return best.factor
}
