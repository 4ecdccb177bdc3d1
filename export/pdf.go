package export

import (
	"fmt"
	"io"
	"strings"
	"time"

	"radagora/fault"
)

// A Document is what is printed: blocks from top to bottom on pages of A4, lying. It is
// written as PDF 1.7, tagged, so that a screen reader reads headings and tables as such.
// Text is set in Helvetica, which has the letters of Western European languages;
// others are written without their accents, or as a question mark.
type Document struct {
	Title    string
	Language string // BCP 47
	Made     time.Time
	Producer string                // program and version
	Foot     []string              // lines at the foot of every page
	Page     func(k, n int) string // "page 1 of 3", in the language of the document; nil: 1/3
	Blocks   []Block
}

// A Block is a part of a Document: Heading, Paragraph or Grid.
type Block interface{ lay(p *printer) }

// A Heading begins a part, of level 1, 2 or 3.
type Heading struct {
	Level int
	Text  string
}

// A Paragraph is lines of text, broken where they are too long.
type Paragraph struct {
	Text string
	Soft bool // in smaller letters
}

// A Grid is a table. Its head stands again on each page.
type Grid struct {
	Columns []GridColumn
	Rows    [][]string // one cell for each column
}

// A GridColumn is a column of a Grid.
type GridColumn struct {
	Label string
	Share float64 // of the width, beside the others; 0 means 1
	Right bool    // numbers
}

// maxPages bounds a document: whoever wants more wants a table.
const maxPages = 2000

// PDF writes a document to w. It is Invalid if it would have more than 2,000 pages, and
// Internal if it has no title or language.
func PDF(w io.Writer, d Document) error {
	if d.Title == "" || d.Language == "" {
		return fault.Errorf(fault.Internal, "a document has a title and a language")
	}
	p := newPrinter(&d)
	for _, b := range d.Blocks {
		b.lay(p)
		if len(p.pages) > maxPages {
			return fault.Errorf(fault.Invalid, "more than %d pages: choose a shorter period, or take the table along", maxPages)
		}
	}
	return p.write(w)
}

// Measures of a page in points.
const (
	pageWidth  = 841.89
	pageHeight = 595.28
	margin     = 40.0
	textWidth  = pageWidth - 2*margin
	footSize   = 7.0
	cellSize   = 7.5
	cellPad    = 3.0
)

// A printer lays out pages.
type printer struct {
	doc   *Document
	pages []*sheetPage
	y     float64 // where the next line begins, from below
	low   float64 // below it is the foot
	root  element
}

// A sheetPage is one page as it is made.
type sheetPage struct {
	out   strings.Builder
	marks []*element // by the number of their content
}

// An element is a part of the structure of a document (ISO 32000-1 14.7): text on pages,
// or further elements.
type element struct {
	kind  string
	kids  []*element
	page  int // of its text
	mark  int // number of its text on that page
	text  bool
	scope string // of a heading of a table
}

func newPrinter(d *Document) *printer {
	p := &printer{doc: d, low: margin + float64(len(d.Foot)+1)*(footSize+2) + 6, root: element{kind: "Document"}}
	p.turn()
	return p
}

// turn begins a page.
func (p *printer) turn() {
	p.pages = append(p.pages, &sheetPage{})
	p.y = pageHeight - margin
}

// room begins a page unless there is room for a height.
func (p *printer) room(height float64) {
	if p.y-height < p.low && p.y < pageHeight-margin {
		p.turn()
	}
}

// element adds an element of a kind to another.
func (e *element) add(kind string) *element {
	k := &element{kind: kind}
	e.kids = append(e.kids, k)
	return k
}

// say writes lines of text as an element, from x on and at most so wide, the first at
// y - size, and returns the height they took.
func (p *printer) say(e *element, lines []string, x, y, width, size float64, bold, right bool) float64 {
	page := p.pages[len(p.pages)-1]
	leaf := e.add("")
	leaf.text, leaf.page, leaf.mark = true, len(p.pages)-1, len(page.marks)
	page.marks = append(page.marks, e)
	kind := e.kind
	fmt.Fprintf(&page.out, "/%s <</MCID %d>> BDC\n", kind, leaf.mark)
	height := p.lines(page, lines, x, y, width, size, bold, right)
	page.out.WriteString("EMC\n")
	return height
}

// lines writes lines of text.
func (p *printer) lines(page *sheetPage, lines []string, x, y, width, size float64, bold, right bool) float64 {
	font := "F1"
	if bold {
		font = "F2"
	}
	for i, line := range lines {
		at := x
		if right {
			at = x + width - measure(line, size, bold)
		}
		fmt.Fprintf(&page.out, "BT /%s %s Tf %s %s Td (%s) Tj ET\n", font, points(size), points(at), points(y-size-float64(i)*leading(size)), escaped(line))
	}
	return float64(len(lines)) * leading(size)
}

// leading is the height of a line.
func leading(size float64) float64 { return size * 1.25 }

func (h Heading) lay(p *printer) {
	level := min(max(h.Level, 1), 3)
	size := [...]float64{16, 12, 9.5}[level-1]
	lines := broken(winAnsi(h.Text), textWidth, size, true)
	p.room(float64(len(lines))*leading(size) + 40) // no heading stands alone at the foot
	if p.y < pageHeight-margin {
		p.y -= size * 0.6
	}
	p.y -= p.say(p.root.add(fmt.Sprintf("H%d", level)), lines, margin, p.y, textWidth, size, true, false) + 3
}

func (t Paragraph) lay(p *printer) {
	size := 9.0
	if t.Soft {
		size = cellSize
	}
	e := p.root.add("P")
	for one := range strings.SplitSeq(t.Text, "\n") {
		for lines := broken(winAnsi(one), textWidth, size, false); len(lines) > 0; {
			p.room(leading(size))
			n := min(max(1, int((p.y-p.low)/leading(size))), len(lines))
			p.y -= p.say(e, lines[:n], margin, p.y, textWidth, size, false, false)
			lines = lines[n:]
		}
	}
	p.y -= 4
}

func (g Grid) lay(p *printer) {
	widths := g.widths()
	e := p.root.add("Table")
	head := make([]string, len(g.Columns))
	for i, c := range g.Columns {
		head[i] = c.Label
	}
	top := g.cells(head, widths, true)
	p.room(tall(top) + 3*leading(cellSize))
	g.row(p, e, top, widths, true)
	for _, r := range g.Rows {
		cells := g.cells(r, widths, false)
		if p.y-tall(cells) < p.low {
			p.turn()
			g.row(p, nil, top, widths, true) // once more for the eye: the structure has it already
		}
		g.row(p, e, cells, widths, false)
	}
	p.y -= 6
}

// widths are those of the columns.
func (g Grid) widths() []float64 {
	all, sum := make([]float64, len(g.Columns)), 0.0
	for i, c := range g.Columns {
		all[i] = c.Share
		if c.Share <= 0 {
			all[i] = 1
		}
		sum += all[i]
	}
	for i := range all {
		all[i] *= textWidth / sum
	}
	return all
}

// mostLines is how many lines a cell has at most.
const mostLines = 12

// cells breaks the texts of a row into lines.
func (g Grid) cells(texts []string, widths []float64, bold bool) [][]string {
	all := make([][]string, len(widths))
	for i := range widths {
		if i < len(texts) {
			all[i] = broken(winAnsi(texts[i]), widths[i]-2*cellPad, cellSize, bold)
		}
		if len(all[i]) > mostLines {
			all[i] = append(all[i][:mostLines-1], "...")
		}
	}
	return all
}

// tall is the height of a row.
func tall(cells [][]string) float64 {
	n := 1
	for _, c := range cells {
		n = max(n, len(c))
	}
	return float64(n)*leading(cellSize) + 2*cellPad
}

// row writes a row; without an element it is an artifact.
func (g Grid) row(p *printer, e *element, cells [][]string, widths []float64, head bool) {
	page := p.pages[len(p.pages)-1]
	height, x := tall(cells), margin
	rule := "0.85 G 0.4 w"
	page.out.WriteString("/Artifact BMC\n")
	if head {
		fmt.Fprintf(&page.out, "0.93 g %s %s %s %s re f 0 g\n", points(margin), points(p.y-height), points(textWidth), points(height))
		rule = "0.3 G 0.6 w"
	}
	fmt.Fprintf(&page.out, "%s %s %s m %s %s l S\nEMC\n", rule, points(margin), points(p.y-height), points(margin+textWidth), points(p.y-height))
	var tr *element
	if e != nil {
		tr = e.add("TR")
	}
	for i, lines := range cells {
		width, right := widths[i]-2*cellPad, g.Columns[i].Right
		if tr == nil {
			page.out.WriteString("/Artifact BMC\n")
			p.lines(page, lines, x+cellPad, p.y-cellPad, width, cellSize, head, right)
			page.out.WriteString("EMC\n")
		} else {
			td := tr.add("TD")
			if head {
				td.kind, td.scope = "TH", "Column"
			}
			p.say(td, lines, x+cellPad, p.y-cellPad, width, cellSize, head, right)
		}
		x += widths[i]
	}
	p.y -= height
}

// foot writes what stands at the foot of a page.
func (p *printer) foot(k int) {
	page := p.pages[k]
	number := fmt.Sprintf("%d/%d", k+1, len(p.pages))
	if p.doc.Page != nil {
		number = p.doc.Page(k+1, len(p.pages))
	}
	y := p.low - 6
	fmt.Fprintf(&page.out, "/Artifact <</Type /Pagination /Subtype /Footer>> BDC\n0.3 G 0.4 w %s %s m %s %s l S\n", points(margin), points(y), points(margin+textWidth), points(y))
	for _, line := range p.doc.Foot {
		lines := broken(winAnsi(line), textWidth, footSize, false)
		if len(lines) > 1 {
			lines = []string{shortened(winAnsi(line), textWidth, footSize)}
		}
		p.lines(page, lines, margin, y-2, textWidth, footSize, false, false)
		y -= footSize + 2
	}
	p.lines(page, []string{winAnsi(number)}, margin, y-2, textWidth, footSize, false, true)
	page.out.WriteString("EMC\n")
}
