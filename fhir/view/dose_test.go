package view_test

import (
	"context"
	"fmt"
	"iter"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
	"radagora/fhir/view"
)

// doseView is a table of dose reports (Radiation Dose Summary).
const doseView = `{"resourceType":"ViewDefinition","resource":"Observation","status":"active",
 "constant":[{"name":"dose","valueCode":"73569-6"},{"name":"dlp","valueCode":"113813"}],
 "where":[{"path":"code.coding.where(system='http://loinc.org' and code=%dose).exists()"}],
 "select":[{"column":[
  {"name":"id","path":"getResourceKey()"},
  {"name":"device","path":"device.getReferenceKey(Device)"},
  {"name":"at","path":"effective.ofType(dateTime)"},
  {"name":"dlp_mgycm","path":"component.where(code.coding.exists(system='http://dicom.nema.org/resources/ontology/DCM' and code=%dlp)).value.ofType(Quantity).where(code='mGy.cm').value.first()"}]}]}`

var observations = []string{
	`{"resourceType":"Observation","id":"d1","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"73569-6"}]},
	 "device":{"reference":"Device/ct1"},"effectiveDateTime":"2026-03-04T10:15:00+01:00",
	 "component":[{"code":{"coding":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"113813"}]},"valueQuantity":{"value":812.40,"code":"mGy.cm"}}]}`,
	`{"resourceType":"Observation","id":"d2","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"73569-6"}]},
	 "device":{"reference":"Device/xa1"},"effectiveDateTime":"2026-03-05T08:00:00+01:00",
	 "component":[{"code":{"coding":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"113722"}]},"valueQuantity":{"value":3.2,"code":"Gy.m2"}}]}`,
	`{"resourceType":"Observation","id":"w","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]}}`,
	`{"resourceType":"Patient","id":"p"}`,
}

func mustParse(t testing.TB, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func all(t testing.TB) iter.Seq2[fhir.Resource, error] {
	return func(yield func(fhir.Resource, error) bool) {
		for _, text := range observations {
			if !yield(mustParse(t, text), nil) {
				return
			}
		}
	}
}

func TestDoseReportsBecomeRows(t *testing.T) {
	v, err := view.Compile(mustParse(t, doseView))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for row, err := range v.Stream(t.Context(), all(t), nil) {
		if err != nil {
			t.Fatal(err)
		}
		line := ""
		for _, cell := range row {
			text := "null"
			for _, value := range cell {
				text, _ = value.Text()
			}
			line += text + " "
		}
		got = append(got, line)
	}
	want := []string{
		"Observation/d1 Device/ct1 2026-03-04T10:15:00+01:00 812.40 ",
		"Observation/d2 Device/xa1 2026-03-05T08:00:00+01:00 null ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func TestCompileRefusesWhatCannotBeRight(t *testing.T) {
	for name, def := range map[string]string{
		"no resource":            `"select":[{"column":[{"name":"a","path":"id"}]}]`,
		"no select":              `"resource":"Patient"`,
		"a path that is none":    `"resource":"Patient","select":[{"column":[{"name":"a","path":"a..b"}]}]`,
		"a column without path":  `"resource":"Patient","select":[{"column":[{"name":"a"}]}]`,
		"a name twice":           `"resource":"Patient","select":[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"a","path":"id"}]}]`,
		"a name databases lack":  `"resource":"Patient","select":[{"column":[{"name":"a b","path":"id"}]}]`,
		"an unknown constant":    `"resource":"Patient","select":[{"column":[{"name":"a","path":"%x"}]}]`,
		"a constant twice":       `"resource":"Patient","constant":[{"name":"x","valueCode":"a"},{"name":"x","valueCode":"b"}],"select":[{"column":[{"name":"a","path":"%x"}]}]`,
		"two kinds of iteration": `"resource":"Patient","select":[{"forEach":"name","repeat":["name"],"column":[{"name":"a","path":"id"}]}]`,
		"a number for a path":    `"resource":"Patient","select":[{"forEach":1}]`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := view.Compile(mustParse(t, `{"resourceType":"ViewDefinition",`+def+`}`))
			if fault.Of(err) != fault.Invalid || err == nil {
				t.Errorf("Compile = %v; want an error of the kind invalid", err)
			}
		})
	}
}

func TestRowsAreBounded(t *testing.T) {
	many := `{"resourceType":"Patient","name":[{"given":["a"]}`
	for range 500 {
		many += `,{"given":["b"]}`
	}
	v, err := view.Compile(mustParse(t, `{"resourceType":"ViewDefinition","resource":"Patient","select":[
	 {"forEach":"name","column":[{"name":"a","path":"given"}]},{"forEach":"name","column":[{"name":"b","path":"given"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = v.Rows(t.Context(), mustParse(t, many+`]}`), nil); fault.Of(err) != fault.Exhausted {
		t.Errorf("Rows of 501 times 501 = %v; want an error of the kind exhausted", err)
	}
}

// FuzzView compiles any definition and makes rows of it.
func FuzzView(f *testing.F) {
	f.Add(doseView)
	f.Add(`{"resourceType":"ViewDefinition","resource":"Observation","select":[{"repeat":["component"],"column":[{"name":"a","path":"%rowIndex"}],"unionAll":[{"column":[{"name":"b","path":"id","collection":true}]}]}]}`)
	f.Add(`{"resourceType":"ViewDefinition","resource":"Observation","select":[{"forEachOrNull":"children()","select":[{"column":[{"name":"c","path":"type().name"}]}]}]}`)
	r := mustParse(f, observations[0])
	f.Fuzz(func(t *testing.T, text string) {
		def, err := fhir.Parse([]byte(text))
		if err != nil {
			return
		}
		v, err := view.Compile(def)
		if err == nil {
			var rows []view.Row
			if rows, err = v.Rows(t.Context(), r, &fhirpath.Env{}); err == nil {
				for _, row := range rows {
					if len(row) != len(v.Columns()) {
						t.Errorf("a row of %d cells; want %d", len(row), len(v.Columns()))
					}
				}
			}
		}
		if err != nil && fault.Of(err) == fault.Internal {
			t.Error(err)
		}
	})
}

func ExampleView_Rows() {
	def, _ := fhir.Parse([]byte(`{"resourceType":"ViewDefinition","resource":"Patient",
	 "select":[{"column":[{"name":"id","path":"id"}]},{"forEach":"name","column":[{"name":"family","path":"family"}]}]}`))
	patient, _ := fhir.Parse([]byte(`{"resourceType":"Patient","id":"p1","name":[{"family":"Test"},{"family":"Probe"}]}`))
	v, err := view.Compile(def)
	if err != nil {
		fmt.Println(err)
		return
	}
	rows, _ := v.Rows(context.Background(), patient, nil)
	for _, row := range rows {
		id, _ := row[0][0].Text()
		family, _ := row[1][0].Text()
		fmt.Println(id, family)
	}
	// Output:
	// p1 Test
	// p1 Probe
}

func BenchmarkRows(b *testing.B) {
	v, err := view.Compile(mustParse(b, doseView))
	if err != nil {
		b.Fatal(err)
	}
	r := mustParse(b, observations[0])
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Rows(b.Context(), r, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func TestRowsAsText(t *testing.T) {
	v, err := view.Compile(mustParse(t, `{"resourceType":"ViewDefinition","resource":"Observation","select":[{"column":[
	 {"name":"id","path":"id"},{"name":"codes","path":"code.coding.code","collection":true},{"name":"none","path":"issued"},
	 {"name":"value","path":"component.value"},{"name":"count","path":"component.count()"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := v.Rows(t.Context(), mustParse(t, observations[0]), nil)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v; want 1", len(rows), err)
	}
	const value = `{"value":812.40,"code":"mGy.cm"}`
	if got, want := string(v.AppendJSON(nil, rows[0])), `{"id":"d1","codes":["73569-6"],"none":null,"value":`+value+`,"count":1}`; got != want {
		t.Errorf("AppendJSON = %s; want %s", got, want)
	}
	if diff := cmp.Diff([]string{"d1", `["73569-6"]`, "", value, "1"}, v.Record(rows[0])); diff != "" {
		t.Errorf("Record (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"id", "codes", "none", "value", "count"}, v.Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
}
