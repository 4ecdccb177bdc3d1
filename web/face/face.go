// Package face draws the components that every page is made of.
//
// Each component is a Go struct that says what to show and a templ component
// that shows it. The first is the reference glyph, which sets a measured value
// beside its reference; charts, tables, tiles, findings, forms and notices
// follow. Charts and glyphs are SVG drawn on the server, so that they print,
// can be mailed and need no script; colours and type come from the style sheet
// in web/asset. Words that belong to a component come from the catalogue by way
// of the lang.Printer each component takes; words that belong to the content
// (the names of states, rooms, examinations) are given in the person's language.
//
// Nothing here uses an inline style or script: the pages' content policy
// refuses both.
package face

// A Tone says what a colour means. Status colours are used for status alone.
type Tone string

// The tones. Good and Attention differ in lightness as well as in hue, for
// people who do not tell blue from orange.
const (
	Neutral   Tone = "neutral"
	Good      Tone = "good"
	Attention Tone = "attention"
	Trouble   Tone = "trouble" // something failed or was refused
)

// A Shape is the mark a state is drawn with. Its text is what stands in the
// column "glyph" of a table of states (content), so that states, words and
// shapes remain data.
type Shape string

// The shapes of the reference glyph.
const (
	FilledDot  Shape = "filled dot"                // within
	ArrowRing  Shape = "ring with outward arrow"   // above, certain
	HalfDot    Shape = "half dot"                  // above, not certain
	Dash       Shape = "dash"                      // not compared
	DottedRing Shape = "hollow dotted ring with n" // too few
	LoneDot    Shape = "dot without line"          // no reference
)

// Shapes returns every shape, in the order of the constants.
func Shapes() []Shape {
	return []Shape{FilledDot, ArrowRing, HalfDot, Dash, DottedRing, LoneDot}
}

// Tone returns the tone a shape is drawn in: colour repeats what shape says.
func (s Shape) Tone() Tone {
	switch s {
	case FilledDot:
		return Good
	case ArrowRing, HalfDot:
		return Attention
	default: // not compared, too few, no reference
		return Neutral
	}
}

// A State is how a value stands to its reference: a code, its word in the
// person's language and its shape.
type State struct {
	Code  string
	Word  string
	Shape Shape
}

// A Choice is one value of a filter or of a list to choose from.
type Choice struct {
	Code  string // as it stands in the address
	Label string // in the person's language
	N     int    // how many there are of it; 0 if not counted
}
