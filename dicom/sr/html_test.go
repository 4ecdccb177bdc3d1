package sr_test

import (
	"bytes"
	"strings"
	"testing"

	"radagora/dicom/sr"
)

// TestHTML: a report is a page on which nothing foreign is markup.
func TestHTML(t *testing.T) {
	mm := sr.Code{Value: "mm", Scheme: "UCUM", Meaning: "millimetre"}
	concept := func(value, meaning string) sr.Code { return sr.Code{Value: value, Scheme: "DCM", Meaning: meaning} }
	image := &sr.Item{Relationship: "INFERRED FROM", ValueType: "IMAGE", References: []sr.Reference{{SOPInstance: "1.2.3"}, {SOPInstance: "1.2.4"}}}
	root := sr.NewContainer("", concept("126000", "Imaging <Report>"),
		sr.NewContainer("CONTAINS", concept("121070", "Findings"),
			sr.NewNum("CONTAINS", concept("410668003", "Length"), "12.5", mm, image),
			sr.NewText("CONTAINS", "TEXT", concept("121071", "Finding"), "First line\r\n<script>alert(1)</script>\x1b[2J"),
			sr.NewCode("CONTAINS", concept("121071", "Finding"), concept("R-42037", "Mass")),
		))
	doc := &sr.Document{Root: root}
	var b bytes.Buffer
	err := doc.HTML(&b, sr.Page{
		Language: "de", Heading: []sr.Fact{{"Patient", `"O'Neil" & Söhne`}},
		Link: func(r sr.Reference) string {
			if r.SOPInstance == "1.2.3" {
				return "/images/objects/1.2.3"
			}
			return ""
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{
		`<html lang="de">`, `<h1>Imaging &lt;Report&gt;</h1>`, `<h2>Findings <span class="c">(121070, DCM)</span></h2>`,
		`<span class="v">12.5</span> mm`, `<a href="/images/objects/1.2.3">1.2.3</a>`, `1.2.4`, `<p>First line</p>`,
		`&lt;script&gt;alert(1)&lt;/script&gt;`, `Mass (R-42037, DCM)`, `&#34;O&#39;Neil&#34; &amp; Söhne`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s", want)
		}
	}
	for _, never := range []string{"<script", "\x1b", `href=""`} {
		if strings.Contains(page, never) {
			t.Errorf("the page holds %q", never)
		}
	}
}
