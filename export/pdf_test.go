package export_test

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"radagora/export"
	"radagora/fault"
)

// report is a document of several pages; all of it is made up.
func report(rows int) export.Document {
	d := export.Document{
		Title: "Dosisbericht", Language: "de", Made: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Producer: "radagora test",
		Foot: []string{"Klinik Süd · 2026-01-01 – 2026-11-22", "Sets: dose/level/demo_2025"},
		Page: func(k, n int) string { return fmt.Sprintf("Seite %d von %d", k, n) },
		Blocks: []export.Block{
			export.Heading{Level: 1, Text: "Dosisbericht (Ausschuss)"},
			export.Paragraph{Text: "Ein Absatz mit µGy·m², „Anführung“ und \\ Klammer ("},
		},
	}
	g := export.Grid{Columns: []export.GridColumn{{Label: "Untersuchung", Share: 3}, {Label: "Median", Right: true}}}
	for i := range rows {
		g.Rows = append(g.Rows, []string{"CT Schädel " + strconv.Itoa(i), "≥ 12,5"})
	}
	d.Blocks = append(d.Blocks, export.Heading{Level: 2, Text: "Tabelle"}, g)
	return d
}

var streams = regexp.MustCompile(`(?s)/Filter /FlateDecode>>\nstream\n(.*?)\nendstream`)

// TestPDF reads back what was written: the table of contents leads to every object, each
// page has its foot and number, and each text its place in the structure.
func TestPDF(t *testing.T) {
	var b bytes.Buffer
	if err := export.PDF(&b, report(120)); err != nil {
		t.Fatal(err)
	}
	raw := b.String()
	at, err := strconv.Atoi(strings.TrimSpace(raw[strings.LastIndex(raw, "startxref")+10 : strings.LastIndex(raw, "%%EOF")]))
	if err != nil || !strings.HasPrefix(raw[at:], "xref\n") {
		t.Fatalf("startxref %d: %v", at, err)
	}
	lines := strings.Split(raw[at:], "\n")
	n := 0
	for i, line := range lines[2:] {
		if !strings.HasSuffix(line, " n ") {
			if i == 0 {
				continue
			}
			break
		}
		n++
		start, _ := strconv.Atoi(line[:10])
		if want := fmt.Sprintf("%d 0 obj\n", n); !strings.HasPrefix(raw[start:], want) {
			t.Fatalf("object %d is not at %d", n, start)
		}
	}
	if lines[1] != fmt.Sprintf("0 %d", n+1) {
		t.Errorf("%s; %d objects", lines[1], n)
	}
	pages := streams.FindAllStringSubmatch(raw, -1)
	if len(pages) < 3 {
		t.Fatalf("%d pages of 120 rows", len(pages))
	}
	rows := 0
	for i, p := range pages {
		z, err := zlib.NewReader(strings.NewReader(p[1]))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{fmt.Sprintf("(Seite %d von %d)", i+1, len(pages)), "(Klinik S\xfcd \xb7 2026-01-01 \x96 2026-11-22)", "(Sets: dose/level/demo_2025)", "(Untersuchung)"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("page %d lacks %q", i+1, want)
			}
		}
		rows += strings.Count(string(text), "(CT Sch\xe4del ")
		if begun, ended := strings.Count(string(text), " BDC")+strings.Count(string(text), " BMC"), strings.Count(string(text), "EMC"); begun != ended {
			t.Errorf("page %d: %d contents begin, %d end", i+1, begun, ended)
		}
	}
	if rows != 120 || strings.Count(raw, "/S /TR") != 121 || strings.Count(raw, "/S /TH") != 2 {
		t.Errorf("%d rows, %d in the structure", rows, strings.Count(raw, "/S /TR"))
	}
	for _, want := range []string{"/Lang <feff00640065>", "/MarkInfo <</Marked true>>", "/S /H1", "/S /H2", "/S /P "} {
		if !strings.Contains(raw, want) {
			t.Errorf("lacks %s", want)
		}
	}
	var again bytes.Buffer
	if err := export.PDF(&again, report(120)); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Errorf("the same document is another file: %v", err)
	}
}

// TestPDFRefuses: without a title nobody knows what it is, and a book is no report.
func TestPDFRefuses(t *testing.T) {
	if err := export.PDF(io.Discard, export.Document{Language: "en"}); fault.Of(err) != fault.Internal {
		t.Errorf("without a title: %v", err)
	}
	if err := export.PDF(io.Discard, report(80_000)); fault.Of(err) != fault.Invalid {
		t.Errorf("80,000 rows: %v", err)
	}
}

// FuzzPDF: whatever text is in it, the file is whole.
func FuzzPDF(f *testing.F) {
	f.Add("Süd ) \\ (", 1)
	f.Add(strings.Repeat("W", 5000), 3)
	f.Add("日本 \x00\xff\u2060 ≥ Łódź", 0)
	f.Fuzz(func(t *testing.T, text string, level int) {
		d := report(1)
		d.Foot = []string{text}
		d.Blocks = append(d.Blocks, export.Heading{Level: level, Text: text}, export.Paragraph{Text: text},
			export.Grid{Columns: []export.GridColumn{{Label: text}, {Label: text, Share: 0.01}}, Rows: [][]string{{text}, {text, text, text}}})
		var b bytes.Buffer
		err := export.PDF(&b, d)
		if err != nil && fault.Of(err) != fault.Invalid {
			t.Fatal(err)
		}
		if err == nil && (!bytes.HasPrefix(b.Bytes(), []byte("%PDF-1.7\n")) || !bytes.HasSuffix(b.Bytes(), []byte("%%EOF\n"))) {
			t.Error("the file is not whole")
		}
	})
}
