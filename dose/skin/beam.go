package skin

import "math"

// A beam is one exposure, or a step of one that turns, seen from the model: the model
// lies still, source and field move about it.
type beam struct {
	source         vec
	axis, one, two vec     // of the beam, and of the sides of its square field
	reference      float64 // distance of the reference point from the source, mm
	half           float64 // half the side of the field at the reference point, mm
	dose           float64 // at the reference point, Gy
	quality        quality
	tableTop       float64 // y of the table below the model
	tableHalf      float64 // half its width
	tableEnd       float64 // z of its far end
}

// beams returns the beams of an exposure: one, or several of equal dose if the
// positioner turned.
func (m *Method) beams(d device, e Exposure) []beam {
	reference := m.reference(e)
	area := m.area(e)
	q := m.quality(d, e.KVP, or(e.Copper, 0))
	primary, secondary := [2]float64{e.Primary, or(e.PrimaryEnd, e.Primary)}, [2]float64{e.Secondary, or(e.SecondaryEnd, e.Secondary)}
	arc := max(math.Abs(primary[1]-primary[0]), math.Abs(secondary[1]-secondary[0]))
	steps := max(1, int(math.Ceil(min(arc, 720)/m.settings["arc_step"])))
	table := aboutZ(d.cradle * or(e.Cradle, 0)).then(aboutX(d.tilt * or(e.Tilt, 0))).then(aboutY(d.turn * or(e.Turn, 0))).back()
	at := vec{d.across.at(e.TableLongitudinal), d.height.at(e.TableHeight) - d.mattress, d.along.at(e.TableLateral)}
	all := make([]beam, steps)
	for i := range all {
		t := (float64(i) + 0.5) / float64(steps)
		gantry := aboutX(-d.secondary * (secondary[0] + t*(secondary[1]-secondary[0]))).
			then(aboutZ(-d.primary * (primary[0] + t*(primary[1]-primary[0])))).then(table)
		source := vec{0, e.SourceToIsocentre, 0}.about(gantry)
		all[i] = beam{
			source: source.sub(at), axis: source.scale(-1 / e.SourceToIsocentre),
			one: vec{1, 0, 0}.about(gantry), two: vec{0, 0, 1}.about(gantry),
			reference: reference, half: math.Sqrt(area) / 2, dose: e.RP / float64(steps), quality: q,
			tableTop: d.mattress, tableHalf: d.tableWidth / 2, tableEnd: -d.tableLength,
		}
	}
	return all
}

// or returns x, or other if x is not known.
func or(x, other float64) float64 {
	if known(x) {
		return x
	}
	return other
}

// reference returns how far the reference point is from the source in mm, Unknown if
// nothing says it.
func (m *Method) reference(e Exposure) float64 {
	if known(e.SourceToReference) && e.SourceToReference > 0 {
		return e.SourceToReference
	}
	before, ok := m.references[fold(e.ReferencePoint)]
	if !ok || !known(e.SourceToIsocentre) || e.SourceToIsocentre <= before {
		return Unknown()
	}
	return e.SourceToIsocentre - before
}

// area returns the size of the field at the reference point in mm², Unknown if
// nothing says it: the collimated area at the detector brought back, or else dose
// area product by dose.
func (m *Method) area(e Exposure) float64 {
	reference := m.reference(e)
	if known(e.FieldArea, e.SourceToDetector, reference) && e.FieldArea > 0 && e.SourceToDetector > 0 {
		k := reference / e.SourceToDetector
		return e.FieldArea * 1e6 * k * k
	}
	if known(e.DAP, e.RP) && e.DAP > 0 && e.RP > 0 {
		return e.DAP / e.RP * 1e6
	}
	return Unknown()
}

// A column is what a beam needs to know of one column of cells: along the body only
// the distance to the head changes.
type column struct {
	ray                         vec     // from the source to the cell, at the top of the head
	depth, one, two, facing     float64 // of ray along the beam, the sides of its field, and into the skin
	depthStep, oneStep, twoStep float64 // how they change for each mm to the head
}

// columns returns the columns of a model as a beam sees them.
func (b *beam) columns(body *Body) []column {
	all := make([]column, len(body.points))
	for i, p := range body.points {
		ray := p.sub(b.source)
		all[i] = column{
			ray: ray, depth: ray.dot(b.axis), one: ray.dot(b.one), two: ray.dot(b.two), facing: -ray.dot(body.normal[i]),
			depthStep: b.axis.z, oneStep: b.one.z, twoStep: b.two.z,
		}
	}
	return all
}

// onto adds what a beam gives to the cells of the model to dose and returns the share
// of the beam that meets it.
func (b *beam) onto(body *Body, dose []float64) (met float64) {
	cell := body.cellWidth * body.cellHeight
	columns := b.columns(body)
	for row := range body.rows {
		z := -body.along(row)
		cells := dose[row*body.columns:][:len(columns)]
		for i := range columns {
			c := &columns[i]
			depth := c.depth + z*c.depthStep
			limit := b.half * depth / b.reference
			if c.facing <= 0 || depth <= 0 || math.Abs(c.one+z*c.oneStep) > limit || math.Abs(c.two+z*c.twoStep) > limit {
				continue // the beam leaves the body here, or the cell is outside of the field
			}
			ray := vec{c.ray.x, c.ray.y, c.ray.z + z}
			distance := math.Sqrt(ray.dot(ray))
			inverse := b.reference / distance * (b.reference / distance)
			side := 2 * b.half * distance / b.reference / 10 // cm
			cells[i] += b.dose * inverse * b.quality.spline.at(side) * b.quality.tissue(side) * b.crossing(ray, distance)
			cosine := depth / distance
			met += cell * c.facing / distance * inverse / (cosine * cosine * cosine)
		}
	}
	return min(1, met/(4*b.half*b.half))
}

// crossing returns what table and mattress let through of a ray: all of it, if
// it does not cross them; the more obliquely it does, the less.
func (b *beam) crossing(ray vec, distance float64) float64 {
	if b.source.y <= b.tableTop {
		return 1
	}
	t := (b.tableTop - b.source.y) / ray.y
	at := b.source.add(ray.scale(t))
	if math.Abs(at.x) > b.tableHalf || at.z > 0 || at.z < b.tableEnd {
		return 1
	}
	return math.Pow(b.quality.table, -distance/ray.y)
}
