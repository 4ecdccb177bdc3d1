package skin

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
)

// The layout of a picture, in pixels.
const (
	cellPixels = 4
	margin     = 12
	barWidth   = 14
	legend     = 100 // beside the map
	band       = 24  // above and below it
)

// Picture draws a map: columns around the trunk with the sides named above, rows from
// the shoulders down, a cross at the peak, a scale of doses and one of 10 cm.
func (p *Map) Picture(b *Body) image.Image {
	width, height := p.Columns*cellPixels, p.Rows*cellPixels
	m := image.NewRGBA(image.Rect(0, 0, width+2*margin+legend, height+2*band))
	draw.Draw(m, m.Bounds(), image.White, image.Point{}, draw.Src)
	for i, dose := range p.Dose {
		x, y := margin+i%p.Columns*cellPixels, band+i/p.Columns*cellPixels
		fill(m, image.Rect(x, y, x+cellPixels, y+cellPixels), shade(dose, p.Peak.Dose))
	}
	ink := color.RGBA{0x33, 0x33, 0x33, 0xff}
	start := 0.0
	half := math.Pi * b.radius
	for _, side := range []struct {
		name string
		wide float64
	}{{anterior, b.flat}, {left, half}, {posterior, b.flat}, {right, half}} {
		from := margin + int(start/p.Width*cellPixels)
		start += side.wide
		to := margin + int(start/p.Width*cellPixels)
		write(m, (from+to)/2-4*len(side.name), 6, strings.ToUpper(side.name), ink)
		if to < margin+width {
			fill(m, image.Rect(to, band, to+1, band+height), color.RGBA{0xbb, 0xbb, 0xbb, 0xff})
		}
	}
	cross(m, margin+p.Peak.Column*cellPixels+cellPixels/2, band+p.Peak.Row*cellPixels+cellPixels/2)
	p.scale(m, margin+width+margin, band, height, ink)
	ten := int(100 / p.Width * cellPixels)
	fill(m, image.Rect(margin, band+height+8, margin+ten, band+height+10), ink)
	write(m, margin+ten+4, band+height+6, "10 CM", ink)
	return m
}

// scale draws the bar of doses with their numbers.
func (p *Map) scale(m *image.RGBA, x, y, height int, ink color.RGBA) {
	const steps = 4
	unit, k := "MGY", 1000.0
	if p.Peak.Dose >= 1 {
		unit, k = "GY", 1
	}
	for i := range height {
		dose := p.Peak.Dose * float64(height-i) / float64(height)
		fill(m, image.Rect(x, y+i, x+barWidth, y+i+1), shade(dose, p.Peak.Dose))
	}
	for i := range steps + 1 {
		at := y + (height-1)*i/steps
		fill(m, image.Rect(x+barWidth, at, x+barWidth+4, at+1), ink)
		write(m, x+barWidth+7, min(at-5, y+height-10), fmt.Sprintf("%.3g", k*p.Peak.Dose*float64(steps-i)/steps), ink)
	}
	write(m, x, y+height+6, unit, ink)
}

// shade returns the colour of a dose: white where there is none, then yellow, orange,
// red to a dark violet at the highest, each darker than the one before.
func shade(dose, highest float64) color.RGBA {
	if dose <= 0 || highest <= 0 {
		return color.RGBA{0xf4, 0xf4, 0xf4, 0xff}
	}
	stops := [...][3]float64{{255, 247, 188}, {254, 196, 79}, {236, 112, 20}, {178, 34, 34}, {63, 0, 60}}
	t := min(1, dose/highest) * float64(len(stops)-1)
	i := min(int(t), len(stops)-2)
	t -= float64(i)
	mix := func(k int) uint8 { return uint8(stops[i][k]*(1-t) + stops[i+1][k]*t) }
	return color.RGBA{mix(0), mix(1), mix(2), 0xff}
}

// fill paints a rectangle.
func fill(m *image.RGBA, r image.Rectangle, c color.RGBA) {
	draw.Draw(m, r, image.NewUniform(c), image.Point{}, draw.Src)
}

// cross marks a place.
func cross(m *image.RGBA, x, y int) {
	for i := -7; i <= 7; i++ {
		if i > -3 && i < 3 {
			continue
		}
		fill(m, image.Rect(x+i, y, x+i+1, y+1), color.RGBA{0, 0x70, 0xc0, 0xff})
		fill(m, image.Rect(x, y+i, x+1, y+i+1), color.RGBA{0, 0x70, 0xc0, 0xff})
	}
}

// glyphs are the characters that write knows: five rows of three pixels.
var glyphs = map[rune][5]string{
	'0': {"###", "#.#", "#.#", "#.#", "###"},
	'1': {".#.", "##.", ".#.", ".#.", "###"},
	'2': {"###", "..#", "###", "#..", "###"},
	'3': {"###", "..#", ".##", "..#", "###"},
	'4': {"#.#", "#.#", "###", "..#", "..#"},
	'5': {"###", "#..", "###", "..#", "###"},
	'6': {"###", "#..", "###", "#.#", "###"},
	'7': {"###", "..#", "..#", ".#.", ".#."},
	'8': {"###", "#.#", "###", "#.#", "###"},
	'9': {"###", "#.#", "###", "..#", "###"},
	'.': {"...", "...", "...", "...", ".#."},
	'-': {"...", "...", "###", "...", "..."},
	'+': {"...", ".#.", "###", ".#.", "..."},
	'A': {".#.", "#.#", "###", "#.#", "#.#"},
	'C': {".##", "#..", "#..", "#..", ".##"},
	'E': {"###", "#..", "##.", "#..", "###"},
	'F': {"###", "#..", "##.", "#..", "#.."},
	'G': {".##", "#..", "#.#", "#.#", ".##"},
	'H': {"#.#", "#.#", "###", "#.#", "#.#"},
	'I': {"###", ".#.", ".#.", ".#.", "###"},
	'L': {"#..", "#..", "#..", "#..", "###"},
	'M': {"#.#", "###", "###", "#.#", "#.#"},
	'N': {"##.", "#.#", "#.#", "#.#", "#.#"},
	'O': {".#.", "#.#", "#.#", "#.#", ".#."},
	'P': {"##.", "#.#", "##.", "#..", "#.."},
	'R': {"##.", "#.#", "##.", "#.#", "#.#"},
	'S': {".##", "#..", ".#.", "..#", "##."},
	'T': {"###", ".#.", ".#.", ".#.", ".#."},
	'Y': {"#.#", "#.#", ".#.", ".#.", ".#."},
}

// write puts a text at x, y, eight pixels to a character.
func write(m *image.RGBA, x, y int, text string, c color.RGBA) {
	for _, r := range strings.ToUpper(text) {
		for row, line := range glyphs[r] {
			for column, dot := range line {
				if dot == '#' {
					fill(m, image.Rect(x+2*column, y+2*row, x+2*column+2, y+2*row+2), c)
				}
			}
		}
		x += 8
	}
}
