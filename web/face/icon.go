package face

import "strconv"

// iconOf draws a shape on a canvas of its own.
func iconOf(s Shape) *drawing {
	d := &drawing{w: 22, h: 16}
	tone := " t-" + string(s.Tone())
	x, y, r := 8.0, 8.0, 5.0
	switch s {
	case FilledDot, LoneDot:
		d.circle("g-dot"+tone, x, y, r)
	case ArrowRing:
		d.circle("g-ring"+tone, x, y, r)
		d.path("g-arrow"+tone, "M", x+r+1, " ", y, "h", 6.5, "m", -3.0, "-3l", 3.0, " ", 3.0, "l", -3.0, " ", 3.0)
	case HalfDot:
		d.circle("g-ring"+tone, x, y, r)
		d.path("g-half"+tone, "M", x, " ", y-r, "a", r, " ", r, " 0 0 1 0 ", 2*r, "z")
	case Dash:
		d.rect("g-dash", x-6, y-2, 12, 4, 2)
	case DottedRing:
		d.circle("g-dotted", x, y, r+1)
	}
	return d
}

// hidden returns g for a place where its sentence stands in text.
func hidden(g Glyph) Glyph {
	g.Decorative = true
	return g
}

// itoa writes a count inside a drawing.
func itoa(n int) string { return strconv.Itoa(n) }
