package export

import (
	"archive/zip"
	"bytes"
	"io"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/xuri/excelize/v2"

	"radagora/fault"
)

// workbook writes t and opens what was written.
func workbook(t *testing.T, table Table) (*excelize.File, []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := XLSX(&b, table); err != nil {
		t.Fatal(err)
	}
	f, err := excelize.OpenReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, b.Bytes()
}

const sheet = "Untersuchungen Dosis"

func TestXLSXCells(t *testing.T) {
	f, _ := workbook(t, examination())
	if diff := cmp.Diff([]string{sheet, "About"}, f.GetSheetList()); diff != "" {
		t.Fatalf("sheets (-want +got):\n%s", diff)
	}
	text, number, truth := excelize.CellTypeInlineString, excelize.CellTypeUnset, excelize.CellTypeBool
	for _, c := range []struct {
		name, cell string
		kind       excelize.CellType
		raw, shown string
	}{
		{"label", "A1", text, "Untersuchung", "Untersuchung"},
		{"label and unit", "B1", text, "DLP (mGy·cm)", "DLP (mGy·cm)"},
		{"the unit 1 is not shown", "D1", text, "Verhältnis", "Verhältnis"},
		{"an instant says its zone", "H1", text, "Eingang (UTC)", "Eingang (UTC)"},
		{"a local time has none", "I1", text, "Beginn", "Beginn"},
		{"text as it is", "A2", text, `Schädel, "nativ"`, `Schädel, "nativ"`},
		{"digits are shown, not cut", "B2", number, "512.25", "512.3"},
		{"a decimal", "C2", number, "70.5", "70.5"},
		{"a ratio shown whole", "D2", number, "0.1", "0"},
		{"an integer", "E2", number, "4", "4"},
		{"a boolean", "F2", truth, "1", "TRUE"},
		{"the day where it is", "G2", number, "22315", "1961-02-03"},
		{"an instant in UTC", "H2", number, "46081.979166666664", "2026-02-28 23:30:00"},
		{"the wall clock where it is", "I2", number, "46082.02101273148", "2026-03-01 00:30:15"},
		{"what looks like a formula is text", "A3", text, "-1+2", "-1+2"},
		{"a zero is a zero", "B3", number, "0", "0.0"},
		{"a small decimal", "C3", number, "0.0000000001", "0.0000000001"},
		{"an integer in a column of numbers", "D3", number, "-2", "-2"},
		{"an integer that a float would spoil", "E3", text, "9223372036854775807", "9223372036854775807"},
		{"no is known", "F3", truth, "0", "FALSE"},
		{"a day before spreadsheets count", "G3", text, "1893-05-06", "1893-05-06"},
		{"two lines", "A4", text, "two\nlines", "two\nlines"},
		{"a nil pointer is unknown", "B4", number, "", ""},
		{"no number is unknown", "D4", number, "", ""},
		{"nil is unknown", "E4", number, "", ""},
		{"an unknown boolean is not no", "F4", number, "", ""},
		{"the zero time is unknown", "G4", number, "", ""},
		{"empty text is unknown", "A5", number, "", ""},
		{"minus zero is zero", "B5", number, "0", "0.0"},
	} {
		kind, err := f.GetCellType(sheet, c.cell)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := f.GetCellValue(sheet, c.cell, excelize.Options{RawCellValue: true})
		shown, _ := f.GetCellValue(sheet, c.cell)
		if formula, _ := f.GetCellFormula(sheet, c.cell); formula != "" {
			t.Errorf("%s: %s is a formula", c.name, c.cell)
		}
		if kind != c.kind || raw != c.raw || shown != c.shown {
			t.Errorf("%s: %s is type %d, %q, shown %q; want type %d, %q, %q", c.name, c.cell, kind, raw, shown, c.kind, c.raw, c.shown)
		}
	}
}

// TestXLSXTextFormat holds that text stays text when somebody edits the cell.
func TestXLSXTextFormat(t *testing.T) {
	f, _ := workbook(t, examination())
	for _, cell := range []string{"A1", "A3", "E3", "G3"} {
		id, err := f.GetCellStyle(sheet, cell)
		if err != nil {
			t.Fatal(err)
		}
		if style, err := f.GetStyle(id); err != nil || style.NumFmt != formatText {
			t.Errorf("%s has number format %+v, %v; want text", cell, style, err)
		}
	}
}

func TestXLSXAbout(t *testing.T) {
	f, _ := workbook(t, examination())
	got, err := f.GetRows("About")
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		{"table", "dose_examination"},
		{"layout", "3"},
		{"Standort", "Klinikum Beispiel"},
		{"Zeitraum", "1.–31. März 2026"},
		{"Referenz", "=demo/2026"},
		nil,
		{"column", "label", "unit", "kind"},
		{"examination_id", "Untersuchung", "", "text"},
		{"dlp_mgycm", "DLP", "mGy.cm", "number"},
		{"weight_kg", "Gewicht", "kg", "number"},
		{"ratio", "Verhältnis", "1", "number"},
		{"events", "Ereignisse", "", "integer"},
		{"complete", "vollständig", "", "boolean"},
		{"birth_date", "Geburtsdatum", "", "date"},
		{"received_at", "Eingang", "", "instant"},
		{"started_local", "Beginn", "", "local"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("About (-want +got):\n%s", diff)
	}
}

func TestXLSXForm(t *testing.T) {
	f, raw := workbook(t, examination())
	panes, err := f.GetPanes(sheet)
	if err != nil || !panes.Freeze || panes.YSplit != 1 || panes.TopLeftCell != "A2" {
		t.Errorf("panes = %+v, %v; want the heading frozen", panes, err)
	}
	if w, _ := f.GetColWidth(sheet, "A"); w != 17 { // Schädel, "nativ"
		t.Errorf("width of column A = %v; want that of its longest text and one", w)
	}
	if w, _ := f.GetColWidth(sheet, "E"); w != 20 {
		t.Errorf("width of column E = %v; want that of its longest integer and one", w)
	}
	props, err := f.GetDocProps()
	if err != nil {
		t.Fatal(err)
	}
	want := &excelize.DocProperties{
		Creator: "Radagora", LastModifiedBy: "Radagora", Title: "Untersuchungen: Dosis", Subject: "dose_examination/3",
		Created: "2026-03-04T08:30:00Z", Modified: "2026-03-04T08:30:00Z",
	}
	if diff := cmp.Diff(want, props); diff != "" {
		t.Errorf("document properties (-want +got):\n%s", diff)
	}
	parts := unpack(t, raw)
	main := parts["xl/worksheets/sheet1.xml"]
	if !strings.Contains(main, `<autoFilter ref="$A$1:$I$5">`) && !strings.Contains(main, `<autoFilter ref="A1:I5">`) {
		t.Errorf("no filter over all rows in %.300s", main)
	}
	for name, text := range parts {
		if strings.Contains(text, "<dimension") {
			t.Errorf("%s states a size, and readers believe it; want none", name)
		}
		if strings.Contains(name, "vba") || strings.Contains(text, "<f>") || strings.Contains(name, "externalLink") {
			t.Errorf("%s: want no macros, formulas or links", name)
		}
		if strings.Contains(text, "xuri") || strings.Contains(text, "Excelize") {
			t.Errorf("%s names the library as the author", name)
		}
	}
}

// unpack returns the parts of a workbook by name.
func unpack(t *testing.T, raw []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	parts := map[string]string{}
	for _, file := range z.File {
		r, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		parts[path.Clean(file.Name)] = string(text)
	}
	return parts
}

func TestXLSXSameBytes(t *testing.T) {
	_, a := workbook(t, examination())
	_, b := workbook(t, examination())
	if !bytes.Equal(a, b) {
		t.Error("the same table gave two files")
	}
}

// TestXLSXText writes text that XML or the format itself has its own mind about.
func TestXLSXText(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"markup", `<a href="x">&amp;</a>`, `<a href="x">&amp;</a>`},
		{"an escape of the format", "_x000D_ _x0041_", "_x000D_ _x0041_"},
		{"blanks around", "  a ", "  a "},
		{"a tab", "a\tb", "a\tb"},
		{"control characters", "a\x00\x0bb", "ab"},
		{"outside the basic plane", "\U0001f9e0", "\U0001f9e0"},
		{"what looks like a formula", "=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"},
		{"too long by one", strings.Repeat("ä", maxText+1), strings.Repeat("ä", maxText-1) + ellipsis},
		{"as long as may be", strings.Repeat("ä", maxText), strings.Repeat("ä", maxText)},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _ := workbook(t, Table{
				Name: "t", Title: c.text, Layout: 1, Made: time.Unix(1, 0), About: []Line{{c.text, c.text}},
				Columns: []Column{{Name: "a", Label: c.text}}, Rows: rows([]any{c.text}),
			})
			for _, at := range [][2]string{{f.GetSheetName(0), "A1"}, {f.GetSheetName(0), "A2"}, {"About", "A3"}, {"About", "B6"}} {
				if got, err := f.GetCellValue(at[0], at[1]); err != nil || got != c.want {
					t.Errorf("%v = %.60q, %v; want %.60q", at, got, err, c.want)
				}
			}
		})
	}
}

func TestSheetName(t *testing.T) {
	for _, c := range []struct{ name, title, want string }{
		{"a title", "CT-Dosis", "CT-Dosis"},
		{"what Excel does not allow", "CT: a/b\\c [x]*?", "CT a b c x"},
		{"a French apostrophe", "Dose à l'entrée", "Dose à l’entrée"},
		{"too long", "Untersuchungen je Raum und Protokoll", "Untersuchungen je Raum und Pr…"},
		{"nothing", " ", "t_name"},
		{"the name of the other sheet", "about", "about_"},
		{"a name Excel keeps", "HISTORY", "HISTORY_"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, _ := workbook(t, Table{
				Name: "t_name", Title: c.title, Layout: 1, Made: time.Unix(1, 0), Columns: []Column{{Name: "a"}},
			})
			if diff := cmp.Diff([]string{c.want, "About"}, f.GetSheetList()); diff != "" {
				t.Errorf("sheets (-want +got):\n%s", diff)
			}
		})
	}
}

// TestXLSXWaitingRows holds that rows keep their order and values on both sides of
// where the widths are chosen, though the caller uses one slice for all of them.
func TestXLSXWaitingRows(t *testing.T) {
	for _, n := range []int{0, 1, sampledRows - 1, sampledRows, sampledRows + 1, 2*sampledRows + 1} {
		row := make([]any, 1)
		f, _ := workbook(t, Table{
			Name: "t", Title: "T", Layout: 1, Made: time.Unix(1, 0), Columns: []Column{{Name: "a", Kind: Integer}},
			Rows: func(yield func([]any, error) bool) {
				for i := range n {
					if row[0] = i * 10; !yield(row, nil) {
						return
					}
				}
			},
		})
		got, err := f.GetCols("T", excelize.Options{RawCellValue: true})
		if err != nil || len(got) != 1 || len(got[0]) != n+1 || n > 0 && got[0][n] != "0" && !strings.HasSuffix(got[0][n], "0") {
			t.Fatalf("%d rows came back as %v, %v", n, got, err)
		}
		for i := range n {
			if want := plain(int64(i*10), Integer); got[0][i+1] != want {
				t.Errorf("row %d of %d = %s; want %s", i, n, got[0][i+1], want)
			}
		}
	}
}

func TestXLSXLimits(t *testing.T) {
	columns := make([]Column, maxSheetColumns+1)
	for i := range columns {
		columns[i].Name = "c" + plain(int64(i), Integer)
	}
	table := Table{Name: "t", Title: "T", Layout: 1, Made: time.Unix(1, 0), Scratch: t.TempDir(), Columns: columns}
	if err := XLSX(io.Discard, table); fault.Of(err) != fault.Exhausted {
		t.Errorf("XLSX of %d columns = %v; want fault.Exhausted", len(columns), err)
	}
	if testing.Short() {
		t.Skip("writes a million rows")
	}
	var most uint64
	table.Columns = columns[:1]
	for _, n := range []int{maxSheetRows, maxSheetRows + 1} {
		var out counter
		table.Rows = many(n, []any{nil}, &most)
		err := XLSX(&out, table)
		if n > maxSheetRows && (fault.Of(err) != fault.Exhausted || out > 0) || n <= maxSheetRows && err != nil {
			t.Errorf("XLSX of %d rows = %v, %d bytes written", n, err, out)
		}
	}
}

func TestXLSXScratch(t *testing.T) {
	table := examination()
	table.Scratch = path.Join(t.TempDir(), "absent")
	if err := XLSX(io.Discard, table); fault.Of(err) != fault.Unavailable {
		t.Errorf("XLSX without a scratch folder = %v; want fault.Unavailable", err)
	}
	table = examination()
	table.Made = time.Time{}
	if err := XLSX(io.Discard, table); err == nil || fault.Of(err) != fault.Internal {
		t.Errorf("XLSX that does not know when = %v; want fault.Internal", err)
	}
}

func TestPartLimit(t *testing.T) {
	var out counter
	p := part{w: &out, left: 3}
	if _, err := p.Write([]byte("abc")); err != nil {
		t.Errorf("Write up to the limit = %v", err)
	}
	if _, err := p.Write([]byte("d")); fault.Of(err) != fault.Exhausted || out != 3 {
		t.Errorf("Write past the limit = %v, %d bytes written; want fault.Exhausted and 3", err, out)
	}
}
