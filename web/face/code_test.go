package face_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"radagora/web/face"
)

// TestCode keeps the quiet zone free, says what the code is for, and draws nothing where a
// text is too long for any code.
func TestCode(t *testing.T) {
	draw := func(text string) string {
		var b strings.Builder
		if err := face.Code(`Door of "CT <1>"`, text).Render(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	svg := draw("https://example.org/quality/equipment/today?device=1")
	box := regexp.MustCompile(`viewBox="0 0 (\d+) \d+"`).FindStringSubmatch(svg)
	if box == nil || strings.Contains(svg, "<1>") {
		t.Fatalf("got %.120s", svg)
	}
	side, err := strconv.Atoi(box[1])
	if err != nil {
		t.Fatal(err)
	}
	modules := regexp.MustCompile(`M(\d+) (\d+)h1v1h-1z`).FindAllStringSubmatch(svg, -1)
	if len(modules) < 200 {
		t.Errorf("%d dark modules", len(modules))
	}
	for _, m := range modules {
		for _, s := range m[1:] {
			if n, err := strconv.Atoi(s); err != nil || n < 4 || n >= side-4 {
				t.Errorf("a module stands at %s of %d: the quiet zone is to be four modules wide", s, side)
			}
		}
	}
	if long := draw(strings.Repeat("x", 5000)); long != "" {
		t.Errorf("a text that no code holds is drawn as %d characters", len(long))
	}
}
