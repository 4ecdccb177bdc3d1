package face

import "strings"

// A kind is what a mark is drawn as.
type kind uint8

const (
	lineMark kind = iota
	rectMark
	circleMark
	pathMark
	textMark
)

// A mark is one element of a drawing. Its looks come from the style sheet by
// its class; its title is what a pointer over it reads.
type mark struct {
	kind   kind
	class  string
	x, y   float64
	x2, y2 float64 // end of a line; width and height of a rect
	r      float64 // radius of a circle, of a rect's corners
	d      string  // path data
	text   string
	anchor string // start, middle, end
	title  string
	turned bool // text reads upwards
}

// A drawing collects marks in the order they are painted.
type drawing struct {
	w, h  float64
	marks []mark
}

func (d *drawing) line(class string, x1, y1, x2, y2 float64) *mark {
	return d.add(mark{kind: lineMark, class: class, x: x1, y: y1, x2: x2, y2: y2})
}

func (d *drawing) rect(class string, x, y, w, h, r float64) *mark {
	return d.add(mark{kind: rectMark, class: class, x: x, y: y, x2: w, y2: h, r: r})
}

func (d *drawing) circle(class string, x, y, r float64) *mark {
	return d.add(mark{kind: circleMark, class: class, x: x, y: y, r: r})
}

func (d *drawing) path(class string, parts ...any) *mark {
	var b strings.Builder
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b.WriteString(p)
		case float64:
			if s := b.String(); s != "" && s[len(s)-1] >= '0' && s[len(s)-1] <= '9' {
				b.WriteByte(' ')
			}
			b.WriteString(px(p))
		}
	}
	return d.add(mark{kind: pathMark, class: class, d: b.String()})
}

func (d *drawing) text(class, anchor string, x, y float64, text string) *mark {
	return d.add(mark{kind: textMark, class: class, anchor: anchor, x: x, y: y, text: text})
}

func (d *drawing) add(m mark) *mark {
	d.marks = append(d.marks, m)
	return &d.marks[len(d.marks)-1]
}

// viewBox returns the attribute of the svg element.
func (d *drawing) viewBox() string { return "0 0 " + px(d.w) + " " + px(d.h) }

// fit shortens text to a width, with an ellipsis. The whole of it stands in the
// table beside the drawing.
func fit(text string, size, width float64) string {
	r := []rune(text)
	most := int(width / (size * letterWidth))
	if len(r) <= most || most < 2 {
		return text
	}
	return strings.TrimRight(string(r[:most-1]), " ,") + "…"
}

// letterWidth is how wide a letter is taken to be, as a share of its size.
const letterWidth = 0.56

// textWidth estimates how wide text is at a size, generously: the server does
// not know the font.
func textWidth(text string, size float64) float64 {
	return float64(len([]rune(text))) * size * letterWidth
}
