package dose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radagora/ucum"
)

// tables returns all rows of concepts.
func tables() []concept {
	var all []concept
	for _, t := range [][]concept{concepts, projection, administration} {
		all = append(all, t...)
	}
	return all
}

func TestConceptTablesHoldTogether(t *testing.T) {
	seen := map[place]bool{}
	for _, c := range tables() {
		p := place{c.in, c.key}
		if seen[p] {
			t.Errorf("%s in row %s: twice in one scope", c.key, c.row)
		}
		seen[p] = true
		if c.row == "" || c.field == "" {
			t.Errorf("%s has no row or no field", c.key)
		}
		if (c.kind == number) != (c.unit != "") {
			t.Errorf("%s in row %s: a number needs a unit, and nothing else has one", c.key, c.row)
			continue
		}
		if c.kind != number {
			continue
		}
		from, err := ucum.Parse(c.unit)
		if err != nil {
			t.Errorf("%s in row %s: %v", c.key, c.row, err)
		}
		if to, err := ucum.Parse(c.keptIn()); err != nil || !from.Comparable(to) {
			t.Errorf("%s in row %s: %s is not kept in %s: %v", c.key, c.row, c.unit, c.keptIn(), err)
		}
	}
	for key, code := range conceptAliases {
		known := false
		for p := range conceptOf {
			known = known || p.key == code.code
		}
		if !known && !strings.Contains(code.source, "Measurement Method") {
			t.Errorf("alias %s leads to %s, which no row reads", key, code.code)
		}
	}
}

// TestFieldsHaveOneUnit holds that one field is kept in one unit wherever it is read.
func TestFieldsHaveOneUnit(t *testing.T) {
	units := map[Field]string{}
	for _, c := range tables() {
		if c.kind != number {
			continue
		}
		if u, ok := units[c.field]; ok && u != c.keptIn() {
			t.Errorf("%s is kept in %s and in %s", c.field, u, c.keptIn())
		}
		units[c.field] = c.keptIn()
	}
}

func TestEmbeddedTablesRead(t *testing.T) {
	if n := len(snomed()); n < 60 {
		t.Errorf("%d SNOMED codes", n)
	}
	if d := Defaults(); d.TotalRelative.Sign() <= 0 || len(d.AgePlaceholders) == 0 {
		t.Errorf("thresholds %+v", d)
	}
}

func TestEveryWarningHasAMessage(t *testing.T) {
	for code, text := range messages {
		if code == "" || text == "" {
			t.Errorf("code %q has the message %q", code, text)
		}
	}
	if got := (Warning{Code: WarnCountMismatch, Args: []any{2, ucum.Int(3)}}).Message(); got != "2 events, 3 declared" {
		t.Errorf("Message = %q", got)
	}
}

// TestRowsAreThoseOfTheStandard holds the tables against the transcription of the
// templates, where it is at hand.
func TestRowsAreThoseOfTheStandard(t *testing.T) {
	root := os.Getenv("RADAGORA_SHARED")
	if root == "" {
		root = "../../shared"
	}
	f, err := os.Open(filepath.Join(root, "facts", "dose", "dicom_tid_rows.tsv"))
	if err != nil {
		t.Skip("shared facts not found: " + err.Error())
	}
	defer f.Close()
	rows, err := readTSV(f)
	if err != nil {
		t.Fatal(err)
	}
	standard, known := map[string]map[string]string{}, map[string]bool{}
	for _, r := range rows {
		standard[r["tid"]+"."+r["row"]] = r
		known[r["tid"]] = true
	}
	compared := 0
	for _, c := range tables() {
		tid, _, _ := strings.Cut(c.row, ".")
		r := standard[c.row]
		switch {
		case !known[tid]: // templates 1002, 1004, 1020 and 1021 are not transcribed
		case r == nil:
			t.Errorf("%s: there is no row %s", c.key, c.row)
		case r["code"] == "": // a row that includes another one or leaves the concept open
		case c.key == "113835|DCM" && c.in == inCTTotal: // below the total, as seen in reports
		case r["code"]+"|"+r["scheme"] != c.key:
			t.Errorf("row %s is %s|%s; the table has %s", c.row, r["code"], r["scheme"], c.key)
		case c.kind == number && r["unit_ucum"] != "" && r["unit_ucum"] != c.unit:
			t.Errorf("row %s is in %s; the table has %s", c.row, r["unit_ucum"], c.unit)
		case c.must && r["req_type"] != "M":
			t.Errorf("row %s is of type %s", c.row, r["req_type"])
		default:
			compared++
		}
	}
	if compared < 120 {
		t.Errorf("only %d rows compared", compared)
	}
}
