package face_test

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"

	"radagora/lang"
	"radagora/web/face"
)

var update = flag.Bool("update", false, "write the golden files anew")

// printer returns a printer for English.
func printer(t *testing.T) *lang.Printer {
	t.Helper()
	c, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	return c.Printer("en")
}

// html renders a component, one element a line, so that a difference is read
// easily.
func html(t *testing.T, c templ.Component) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`>\s*<`).ReplaceAllString(b.String(), ">\n<") + "\n"
}

// golden compares a component with testdata/name.html.
func golden(t *testing.T, name string, c templ.Component) {
	t.Helper()
	got, file := html(t, c), filepath.Join("testdata", name+".html")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs from its golden file (-want +got); if this is meant, run with -update:\n%s", name, diff)
	}
	if strings.Contains(got, "style=") || strings.Contains(got, "onclick") {
		t.Errorf("%s has an inline style or script, which the content policy refuses", name)
	}
}

// glyph is a comparison with a made-up level.
func glyph(s face.Shape) face.Glyph {
	return face.Glyph{Value: 1200, Low: 1100, High: 1300, Reference: 1000, Name: "level 1000", N: 8, Shape: s, Ratio: true, Sentence: "A sentence to quote."}
}

func TestGlyph(t *testing.T) {
	for _, s := range face.Shapes() {
		golden(t, "glyph-"+strings.ReplaceAll(string(s), " ", "-"), face.Mark(glyph(s)))
	}
	low := glyph(face.FilledDot)
	low.Value, low.Low, low.High, low.LowCheck = 380, 350, 420, true
	golden(t, "glyph-low-check", face.Quoted(low))
	band := face.Glyph{Value: 9, Reference: 10, Band: [2]float64{8, 12}, Ticks: []face.Tick{{Value: 11, Label: "peer"}}, Min: 5, Max: 15, Shape: face.FilledDot, Sentence: "In the band."}
	golden(t, "glyph-band", face.Mark(band))
}

// TestGlyphSaysItsSentence holds for every shape: the text alternative is exactly
// the sentence.
func TestGlyphSaysItsSentence(t *testing.T) {
	for _, s := range face.Shapes() {
		if got := html(t, face.Mark(glyph(s))); !strings.Contains(got, `role="img" aria-label="A sentence to quote."`) {
			t.Errorf("%s: no text alternative in %s", s, got)
		}
	}
}

// TestGlyphOfStrangeValues draws what no chart should meet; it must neither
// panic nor write NaN into the page.
func TestGlyphOfStrangeValues(t *testing.T) {
	strange := []float64{0, -1, math.NaN(), math.Inf(1), math.MaxFloat64, math.SmallestNonzeroFloat64}
	for _, s := range face.Shapes() {
		for _, v := range strange {
			for _, ref := range strange {
				for _, ratio := range []bool{true, false} {
					g := face.Glyph{Value: v, Low: ref, High: v, Reference: ref, Shape: s, Ratio: ratio, Log: !ratio, Sentence: "?"}
					if got := html(t, face.Mark(g)); strings.Contains(got, "NaN") || strings.Contains(got, "Inf") {
						t.Errorf("%s of %v beside %v: %s", s, v, ref, got)
					}
				}
			}
		}
	}
}

func TestShapesAreThoseOfContent(t *testing.T) {
	want := []face.Shape{"filled dot", "ring with outward arrow", "half dot", "dash", "hollow dotted ring with n", "dot without line"}
	if diff := cmp.Diff(want, face.Shapes()); diff != "" {
		t.Errorf("the words must be those of the column glyph of a table of states (-want +got):\n%s", diff)
	}
}

func distribution() face.Distribution {
	return face.Distribution{
		Chart:    face.Chart{ID: "d", Title: "Distribution", Text: "What it shows.", CSV: "/csv", Picture: "/svg"},
		Quantity: "DLP", Unit: "mGy.cm", Log: true,
		Groups: []face.Group{
			{Label: "Room A", Colour: 0, N: 4, P05: 500, Q1: 700, Median: 900, Q3: 1100, P95: 1500, Points: []float64{500, 800, 1000, 1500}, Sentence: "Room A."},
			{Label: "Room B", Colour: 1, N: 3, P05: 400, Q1: 500, Median: 600, Q3: 700, P95: 800, Bins: []face.Bin{{From: 400, To: 600, Count: 1}, {From: 600, To: 800, Count: 2}}},
			{Label: "Room C", Colour: 9, N: 0},
		},
		References: []face.Reference{{Value: 1000, Name: "level 1000"}, {Value: 800, Name: "another", Minor: true}},
	}
}

func trend() face.Trend {
	from := time.Date(2030, time.November, 1, 0, 0, 0, 0, time.UTC)
	return face.Trend{
		Chart:    face.Chart{ID: "t", Title: "Trend", Text: "What it shows."},
		Quantity: "DLP", Unit: "mGy.cm", From: from, Months: 5,
		Series: []face.Series{{Label: "Room A", Points: []face.Point{
			{Month: from, N: 20, Value: 900, Low: 800, High: 1000, Sentence: "November."},
			{Month: from.AddDate(0, 1, 0), N: 21, Value: 950},
			{Month: from.AddDate(0, 4, 0), N: 22, Value: 1100},
		}}},
		Levels:  []face.Span{{Value: 1200, Name: "old", To: from.AddDate(0, 2, 0)}, {Value: 1000, Name: "new", From: from.AddDate(0, 2, 0)}},
		Markers: []face.Marker{{At: from.AddDate(0, 2, 0), Label: "a new level"}},
		Gaps:    []face.Gap{{From: from.AddDate(0, 2, 0), To: from.AddDate(0, 4, 0), Label: "no reports"}},
		Limits:  &face.Limits{Low: 700, High: 1150, Name: "limits"},
	}
}

func TestCharts(t *testing.T) {
	p := printer(t)
	golden(t, "distribution", face.Spread(p, distribution()))
	golden(t, "trend", face.Course(p, trend()))
	golden(t, "distribution-empty", face.Spread(p, face.Distribution{Chart: face.Chart{Title: "Nothing"}}))
	golden(t, "trend-empty", face.Course(p, face.Trend{Chart: face.Chart{Title: "Nothing"}}))
}

// TestTrendDoesNotBridgeGaps counts the lines: three points with two months
// missing before the last have one line between them.
func TestTrendDoesNotBridgeGaps(t *testing.T) {
	got := html(t, face.Course(printer(t), trend()))
	_, svg, _ := strings.Cut(got, `chart-wide`)
	svg, _, _ = strings.Cut(svg, "</svg>")
	if n := strings.Count(svg, `class="c-line s0"`); n != 1 {
		t.Errorf("%d lines between the points; want 1", n)
	}
	if n := strings.Count(svg, `class="c-ref"`); n != 2 {
		t.Errorf("%d level lines; want the old one up to its end and the new one from there", n)
	}
}

func TestWritePicture(t *testing.T) {
	var b bytes.Buffer
	if err := distribution().WritePicture(t.Context(), &b, printer(t), ".c-box{fill:red}</style><script>"); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	if !strings.HasPrefix(got, `<svg xmlns="http://www.w3.org/2000/svg"`) || !strings.Contains(got, ".c-box{fill:red}") {
		t.Errorf("the picture does not stand alone: %.200s", got)
	}
	if strings.Contains(got, "<script") {
		t.Error("a style sheet can end its own element")
	}
}

func TestTable(t *testing.T) {
	p := printer(t)
	table := face.Table{
		ID: "x", Caption: "Things", Next: "/more", First: "/first",
		Columns: []face.Column{
			{Label: "Name", Phone: face.Name, Sort: "/?sort=-name", Sorted: face.Ascending},
			{Label: "n", Hint: "how many", Numeric: true, Phone: face.Beside, Sort: "/?sort=n"},
			{Label: "More", Phone: face.Wide},
		},
		Rows: []face.Row{
			{ID: "r1", Href: "/?open=r1", Open: true, Cells: []templ.Component{face.Words("A <b>", "second"), face.Amount("3", "mGy"), face.Figures("1", "2–3")}},
			{ID: "r2", Cells: []templ.Component{face.Words("B", ""), face.Amount("4", ""), face.StateWord(face.State{Word: "above", Shape: face.HalfDot})}},
		},
	}
	golden(t, "table", face.Rows(p, table))
	golden(t, "table-empty", face.Rows(p, face.Table{Empty: face.Nothing("Nothing yet", "What feeds it.")}))
	golden(t, "chips", face.Chips(p, []face.Chip{{Label: "Room", Value: "CT 1", Off: "/"}}))
}

func TestParts(t *testing.T) {
	p := printer(t)
	g := glyph(face.ArrowRing)
	golden(t, "tiles", face.Tiles([]face.Tile{{Label: "Median", Value: "1,200", Unit: "mGy·cm", Reference: "level 1000", Basis: "n = 84", Glyph: &g, Shape: face.ArrowRing, Href: "/x"}, {Label: "n", Value: "3"}}))
	golden(t, "facts", face.Facts(p, []face.Fact{{Label: "a", Value: "b", Origin: "c"}, {Label: "uid", Value: "1.2.3", Code: true}, {Label: "l", Value: "v", Href: "/v"}}))
	golden(t, "tree", face.Tree([]face.Node{{Label: "root", Open: true, Children: []face.Node{{Label: "leaf", Value: "1 mGy", Note: "NUM", Marked: true}}}}))
	golden(t, "bar", face.Bar(p, face.Progress{Label: "Loading", Done: 3, Total: 10, Note: "soon", Cancel: "/stop"}))
	golden(t, "bar-unknown", face.Bar(p, face.Progress{Label: "Loading", Done: 3}))
	golden(t, "notice", face.Note(face.Notice{Tone: face.Trouble, Title: "It failed.", Text: "Nothing is lost.", Link: "/x", Do: "See"}))
	golden(t, "copy", face.Copyable(p, face.Copy{Label: "AE title", Text: "RADAGORA"}))
	golden(t, "input", face.Input(face.Field{Name: "n", Label: "Name", Hint: "hint", Error: "wrong", Value: `"><script>`, Required: true, List: []face.Choice{{Code: "a", Label: "A"}}, Prefix: "p", Focus: true}))
	golden(t, "select", face.Choose(p, face.Select{Name: "s", Label: "Pick", Value: "b", None: "none", Counted: true, Choices: []face.Choice{{Code: "a", Label: "A", N: 1}, {Code: "b", Label: "B", N: 2000}}}))
	golden(t, "textarea", face.Write(face.TextArea{Name: "t", Label: "Note", Value: "x\ny", Error: "too long"}))
}

func TestFindings(t *testing.T) {
	day := time.Date(2030, time.June, 3, 9, 20, 0, 0, time.UTC)
	form := face.FindingForm{
		Action: "/findings", Back: "/here", States: []face.Choice{{Code: "open", Label: "open"}, {Code: "closed", Label: "closed"}},
		People: []face.Choice{{Code: "p", Label: "P"}}, Wrong: "f1", Errors: map[string]string{"note": "Say what was done."},
	}
	golden(t, "findings", face.Findings(printer(t), []face.Finding{
		{ID: "f1", Title: "Room A", Sentence: "Above.", Glyph: glyph(face.ArrowRing), State: face.Choice{Code: "open", Label: "open"}, Due: day, Overdue: true, Note: "note", Href: "/r", Changes: []face.Change{{At: day, Who: "P", What: "opened"}}},
		{ID: "f2", Title: "Room B", Sentence: "Withdrawn.", Settled: true, State: face.Choice{Code: "withdrawn", Label: "withdrawn"}, Owner: face.Choice{Code: "p", Label: "P"}},
	}, form))
}
