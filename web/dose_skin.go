package web

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"radagora/lang"
	"radagora/web/face"
)

// A DoseSkin is the map of dose to the skin of a study, or why there is none.
type DoseSkin struct {
	Validity string // validated, indicative or not_possible
	Items    []SkinItem
	Map      *SkinMap // nil if there is none
}

// A SkinItem is something that is missing, was assumed or limits the map.
type SkinItem struct {
	Code, Kind string // missing, assumed or limit
	Events     int    // how many it is about; 0: the whole
	Value      float64
}

// A SkinMap is the unrolled skin of a model of the trunk.
type SkinMap struct {
	Columns, Rows int
	Width, Height float64 // of a cell, mm
	Dose          []float64
	Sides         []SkinSide // from left to right
	Peak          float64    // Gy
	Column, Row   int        // of the peak
	Side          string     // anterior, left, posterior or right
	Along         float64    // cm from the top of the head
	Met           float64    // share of the dose area product that met the trunk
	Events        int
	Above         []SkinAbove
	Planes        []SkinPlane // of a system with several
}

// A SkinSide is a side of the trunk and how wide it is, mm.
type SkinSide struct {
	Name string
	Wide float64
}

// SkinAbove is how much skin received more than a dose.
type SkinAbove struct{ Dose, Area float64 } // Gy, cm²

// A SkinPlane is the highest dose of one plane alone.
type SkinPlane struct {
	Plane string
	Peak  float64 // Gy
	Side  string
}

// skinShades are the colours of a map from the least dose to the highest, each darker
// than the one before.
var skinShades = []string{"#fff3b0", "#fedf7c", "#fec44f", "#fb9a3a", "#ec7014", "#cc4c1a", "#b22222", "#8a1030", "#640838", "#3f003c"}

// A skinLayer is all cells of one colour.
type skinLayer struct{ fill, path string }

// layers draws the cells as one path for each colour, neighbours in a row joined.
func (m *SkinMap) layers() []skinLayer {
	paths := make([]strings.Builder, len(skinShades))
	for row := range m.Rows {
		for from := 0; from < m.Columns; {
			shade := m.shade(row, from)
			to := from + 1
			for to < m.Columns && m.shade(row, to) == shade {
				to++
			}
			if shade >= 0 {
				fmt.Fprintf(&paths[shade], "M%d %dh%dv1h-%dz", from, row, to-from, to-from)
			}
			from = to
		}
	}
	var all []skinLayer
	for i := range paths {
		if paths[i].Len() > 0 {
			all = append(all, skinLayer{skinShades[i], paths[i].String()})
		}
	}
	return all
}

// shade returns which colour a cell has, -1 for none.
func (m *SkinMap) shade(row, column int) int {
	dose := m.Dose[row*m.Columns+column]
	if dose <= 0 || m.Peak <= 0 {
		return -1
	}
	return min(len(skinShades)-1, int(dose/m.Peak*float64(len(skinShades))))
}

// viewBox leaves room for the names of the sides.
func (m *SkinMap) viewBox() string { return fmt.Sprintf("0 -9 %d %d", m.Columns, m.Rows+9) }

// A skinPlace is where the name of a side stands, and where the side ends, in cells.
type skinPlace struct{ name, middle, end string }

// places returns where the sides are.
func (m *SkinMap) places() (all []skinPlace) {
	at := 0.0
	for _, s := range m.Sides {
		wide := s.Wide / m.Width
		all = append(all, skinPlace{s.Name, fmt.Sprintf("%.1f", at+wide/2), fmt.Sprintf("%.1f", at+wide)})
		at += wide
	}
	return all
}

// peakAt returns the cross at the peak.
func (m *SkinMap) peakAt() string {
	x, y := float64(m.Column)+0.5, float64(m.Row)+0.5
	return fmt.Sprintf("M%g %gh4M%g %gh-4M%g %gv4M%g %gv-4", x+1, y, x-1, y, x, y+1, x, y-1)
}

// skinDose says a dose to the skin in the unit that suits it.
func (v *visit) skinDose(gy float64) string {
	if gy < 1 {
		return v.p.Quantity(math.Round(gy*1e5)/100, "mGy")
	}
	return v.p.Quantity(math.Round(gy*100)/100, "Gy")
}

// skinItem says an item.
func (v *visit) skinItem(i SkinItem) string {
	value := i.Value
	if i.Code == "part_beside" || i.Code == "beam_beside" {
		value = math.Round(100 * value)
	}
	text := v.word("skin.item_", i.Code, lang.Args{"value": v.p.Plain(value)})
	if i.Events > 0 {
		text += ", " + v.p.T("dose.events_count", lang.Args{"n": i.Events})
	}
	return text
}

// skinTone returns how loud the badge is.
func skinTone(validity string) face.Tone {
	if validity == "validated" {
		return face.Good
	}
	return face.Attention
}

// number writes a whole number for a drawing.
func number(n int) string { return strconv.Itoa(n) }

// rounded returns x without what is behind the point.
func rounded(x float64) float64 { return math.Round(x) }
