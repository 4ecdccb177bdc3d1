package fhir_test

import (
	"strings"
	"testing"
	"time"

	"radagora/fault"
	"radagora/fhir"
	"radagora/ucum"
)

func TestSet(t *testing.T) {
	const patient = `{"resourceType":"Patient","id":"p","name":[{"given":["A","B"],"_given":[null,{"id":"b"}]}],"birthDate":"2000","_birthDate":{"id":"d"}}`
	ext := fhir.Extension("u", fhir.F("valueCode", "x"))
	for _, c := range []struct {
		name, path string
		v          any
		from, to   string // what changes in patient
	}{
		{"in place", "id", "q", `"id":"p"`, `"id":"q"`},
		{"behind the others", "active", true, `{"id":"d"}}`, `{"id":"d"},"active":true}`},
		{"below what is missing", "maritalStatus.coding[0].code", "M", `{"id":"d"}}`, `{"id":"d"},"maritalStatus":{"coding":[{"code":"M"}]}}`},
		{"an item", "name[0].given[0]", "C", `"A"`, `"C"`},
		{"behind the items, the companions too", "name[0].given[2]", "C", `"B"],"_given":[null,{"id":"b"}]`, `"B","C"],"_given":[null,{"id":"b"},null]`},
		{"a second object", "name[1].text", "T", `{"id":"b"}]}]`, `{"id":"b"}]},{"text":"T"}]`},
		{"a companion keeps the value", "_birthDate.extension[0]", ext, `{"id":"d"}`, `{"id":"d","extension":[{"url":"u","valueCode":"x"}]}`},
		{"a value keeps the companion", "birthDate", "2001", `"2000"`, `"2001"`},
		{"companion of an item", "name[0]._given[0].id", "a", `[null,`, `[{"id":"a"},`},
		{"companion of an item that has none yet", "name[0]._given[2].id", "c", `"B"],"_given":[null,{"id":"b"}]`, `"B",null],"_given":[null,{"id":"b"},{"id":"c"}]`},
		{"a value with extension brings its own", "birthDate", fhir.Extended("1999", ext), `"2000","_birthDate":{"id":"d"}`, `"1999","_birthDate":{"extension":[{"url":"u","valueCode":"x"}]}`},
		{"an extension without value", "birthDate", fhir.Extended(nil, ext), `"birthDate":"2000","_birthDate":{"id":"d"}`, `"_birthDate":{"extension":[{"url":"u","valueCode":"x"}]}`},
		{"an item with extension", "name[0].given[0]", fhir.Extended("C", ext), `"A","B"],"_given":[null,`, `"C","B"],"_given":[{"extension":[{"url":"u","valueCode":"x"}]},`},
		{"an item with an extension only", "name[0].given[0]", fhir.Extended(nil, ext), `"A","B"],"_given":[null,`, `null,"B"],"_given":[{"extension":[{"url":"u","valueCode":"x"}]},`},
		{"away with its companion", "birthDate", nil, `,"birthDate":"2000","_birthDate":{"id":"d"}`, ``},
		{"away, a companion alone", "_birthDate", "", `,"_birthDate":{"id":"d"}`, ``},
		{"away, a companion by what is in it", "_birthDate.id", nil, `,"_birthDate":{"id":"d"}`, ``},
		{"away, an item with its companion", "name[0].given[1]", nil, `"A","B"],"_given":[null,{"id":"b"}]`, `"A"]`},
		{"away, an item before a companion", "name[0].given[0]", nil, `"A","B"],"_given":[null,`, `"B"],"_given":[`},
		{"away, the companion of an item", "name[0]._given[1]", nil, `,"_given":[null,{"id":"b"}]`, ``},
		{"away, and with it what is then empty", "name[0].given", nil, `"name":[{"given":["A","B"],"_given":[null,{"id":"b"}]}],`, ``},
		{"away what is not there", "contact[0].name.text", nil, ``, ``},
		{"away below what is there", "name[0].period.start", nil, ``, ``},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := parse(t, patient)
			r := before
			if err := r.Set(c.path, c.v); err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(patient, c.from, c.to, 1)
			if got := string(r.JSON()); got != want {
				t.Errorf("Set:\ngot  %s\nwant %s", got, want)
			}
			if string(before.JSON()) != patient {
				t.Errorf("a copy changed: %s", before.JSON())
			}
			if _, err := fhir.Parse(r.JSON()); err != nil {
				t.Errorf("what Set made is not read: %v", err)
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	const text = `{"resourceType":"Patient","id":"p","name":[{"text":"A"}],"contact":[{"_x":{"id":"y"}}]}`
	for _, c := range []struct {
		name, path string
		v          any
		want       fault.Kind
	}{
		{"no path", "", "x", fault.Invalid},
		{"a path that ends in a point", "name.", "x", fault.Invalid},
		{"a choice without type", "value[x]", "x", fault.Invalid},
		{"a gap", "name[2].text", "x", fault.Invalid},
		{"a list without index", "name.text", "x", fault.Invalid},
		{"an index where there is no list", "id[0]", "x", fault.Invalid},
		{"below a string", "id.extension[0]", fhir.Reference("x"), fault.Invalid},
		{"a list as an item", "name[0]", fhir.List("x"), fault.Invalid},
		{"another type", "resourceType", "Device", fault.Invalid},
		{"no type", "resourceType", nil, fault.Invalid},
		{"float64", "score", 1.5, fault.Invalid},
		{"float64 inside", "score", fhir.Object(fhir.F("a", fhir.List(1.5))), fault.Invalid},
		{"not UTF-8", "id", "\xff", fault.Invalid},
		{"no number", "score", fhir.Number("1,5"), fault.Invalid},
		{"a name that is no text", "a\xff", "x", fault.Invalid},
		{"65 levels", strings.Repeat("a.", 60) + "a", "x", fault.Exhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := parse(t, text)
			if err := r.Set(c.path, c.v); err == nil || fault.Of(err) != c.want {
				t.Errorf("Set = %v; want %v", err, c.want)
			}
			if string(r.JSON()) != text {
				t.Errorf("it changed: %s", r.JSON())
			}
		})
	}
	var zero fhir.Resource
	if err := zero.Set("id", "x"); fault.Of(err) != fault.Invalid {
		t.Errorf("Set on nothing = %v", err)
	}
}

func TestAdd(t *testing.T) {
	r := parse(t, `{"resourceType":"Patient","name":[{"text":"A"},{"_given":[{"id":"x"}]}]}`)
	for _, c := range []struct {
		path string
		v    any
	}{
		{"name", fhir.Object(fhir.F("text", "C"))},
		{"identifier", fhir.Identifier("s", "1")},
		{"identifier", fhir.Identifier("s", "2")},
		{"name[1].given", "G"},
		{"name[1].prefix", "Dr"},
		{"link", nil},
	} {
		if err := r.Add(c.path, c.v); err != nil {
			t.Fatalf("Add(%q) = %v", c.path, err)
		}
	}
	want := `{"resourceType":"Patient","name":[{"text":"A"},{"_given":[{"id":"x"},null],"given":[null,"G"],"prefix":["Dr"]},{"text":"C"}],"identifier":[{"system":"s","value":"1"},{"system":"s","value":"2"}]}`
	if got := string(r.JSON()); got != want {
		t.Errorf("Add:\ngot  %s\nwant %s", got, want)
	}
	for _, path := range []string{"name[0]", "_name", "name.given", "resourceType", "name[0].text"} {
		if err := r.Add(path, "x"); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("Add(%q) = %v; want invalid", path, err)
		}
	}
}

func TestBuild(t *testing.T) {
	at := time.Date(2026, 3, 4, 10, 15, 0, 5e6, time.FixedZone("", 3600))
	r, err := fhir.New("Observation",
		fhir.F("id", ""),
		fhir.F("status", "final"),
		fhir.F("code", fhir.Concept("", fhir.Coding("http://loinc.org", "73569-6", ""))),
		fhir.F("subject", fhir.Reference("")),
		fhir.F("issued", at),
		fhir.F("effectiveDateTime", time.Time{}),
		fhir.F("effectivePeriod", fhir.Period("2026", nil)),
		fhir.F("valueString", fhir.Extended("x", fhir.Extension("u", fhir.F("valueBoolean", false)), fhir.Extension("v"))),
		fhir.F("note", fhir.List(fhir.Object(fhir.F("text", "")), nil)),
		fhir.F("names", fhir.List("a", "", fhir.Extended(nil, fhir.Extension("u", fhir.F("valueInteger", int64(3)))), "b")),
		fhir.F("component", fhir.List(
			fhir.Object(fhir.F("valueQuantity", fhir.Quantity(fhir.Number("812.40"), "mGy.cm"))),
			fhir.Object(fhir.F("valueQuantity", fhir.Quantity(ucum.MustDecimal("1.50"), ""))),
			fhir.Object(fhir.F("valueQuantity", fhir.Quantity(nil, "mGy.cm"))),
		)),
		fhir.F("contained", fhir.List(parse(t, `{"resourceType":"Device"}`))),
	)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"73569-6"}]},` +
		`"issued":"2026-03-04T10:15:00.005+01:00","effectivePeriod":{"start":"2026"},` +
		`"valueString":"x","_valueString":{"extension":[{"url":"u","valueBoolean":false}]},` +
		`"names":["a",null,"b"],"_names":[null,{"extension":[{"url":"u","valueInteger":3}]},null],` +
		`"component":[{"valueQuantity":{"value":812.40,"unit":"mGy.cm","system":"http://unitsofmeasure.org","code":"mGy.cm"}},{"valueQuantity":{"value":1.5}}],` +
		`"contained":[{"resourceType":"Device"}]}`
	if got := string(r.JSON()); got != want {
		t.Errorf("New:\ngot  %s\nwant %s", got, want)
	}
	if _, err := fhir.Parse(r.JSON()); err != nil {
		t.Errorf("what New made is not read: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	deep := fhir.Object(fhir.F("a", 1))
	for range 64 {
		deep = fhir.Object(fhir.F("a", deep))
	}
	for _, c := range []struct {
		name  string
		typ   string
		field fhir.Field
		want  fault.Kind
	}{
		{"no type", "", fhir.F("a", 1), fault.Invalid},
		{"a name twice", "X", fhir.F("resourceType", "Y"), fault.Invalid},
		{"no name", "X", fhir.F("", 1), fault.Invalid},
		{"float64", "X", fhir.F("a", 1.5), fault.Invalid},
		{"a list in a list", "X", fhir.F("a", fhir.List(fhir.List("b"))), fault.Invalid},
		{"a broken item", "X", fhir.F("a", fhir.List("b", "\xff")), fault.Invalid},
		{"a broken extension", "X", fhir.F("a", fhir.Extended("b", fhir.Extension("u", fhir.F("valueString", 1.5)))), fault.Invalid},
		{"an object with companion", "X", fhir.F("a", fhir.Extended(fhir.Reference("b"), fhir.Reference("c"))), fault.Invalid},
		{"a broken quantity", "X", fhir.F("a", fhir.Quantity(1.5, "mGy")), fault.Invalid},
		{"66 levels", "X", fhir.F("a", deep), fault.Exhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r, err := fhir.New(c.typ, c.field); err == nil || fault.Of(err) != c.want || !r.IsZero() {
				t.Errorf("New = %v, %v; want %v", r, err, c.want)
			}
		})
	}
}

// FuzzSet writes anywhere, takes away again, and reads what came of it.
func FuzzSet(f *testing.F) {
	for _, path := range []string{"id", "name[0].given[1]", "name[0]._given[0].id", "_birthDate.extension[0]", "name", "name[1].text", "_x[1]"} {
		f.Add(observation, path, "x", 0)
		f.Add(`{"resourceType":"Patient","name":[{"given":["A",null],"_given":[null,{"id":"b"}]}],"_birthDate":{"id":"d"}}`, path, "", 1)
	}
	f.Fuzz(func(t *testing.T, text, path, value string, kind int) {
		r, err := fhir.Parse([]byte(text))
		if err != nil {
			return
		}
		before := string(r.JSON())
		old := r
		values := []any{value, fhir.Object(fhir.F("id", value)), fhir.List(value), fhir.Extended(value, fhir.Extension("u", fhir.F("valueCode", "c"))), fhir.Extended(nil, fhir.Extension("u", fhir.F("valueCode", "c")))}
		change := r.Set
		if kind < 0 {
			change = r.Add
		}
		err = change(path, values[uint(kind)%uint(len(values))])
		if err != nil && string(r.JSON()) != before || string(old.JSON()) != before {
			t.Fatalf("%s changed, %v", before, err)
		}
		if _, err := fhir.Parse(r.JSON()); err != nil {
			t.Fatalf("%s\nSet %q, %d made of it\n%s\n%v", before, path, kind, r.JSON(), err)
		}
	})
}

// TestWith changes one element of a value and leaves the value itself as it was.
func TestWith(t *testing.T) {
	r := parse(t, `{"resourceType":"Questionnaire","item":[{"linkId":"1","text":"A","_text":{"extension":[{"url":"u","valueCode":"c"}]},"required":true}]}`)
	v := r.Get("item")
	for _, c := range []struct {
		got  fhir.Value
		want string
	}{
		{v.With("text", "B"), `{"linkId":"1","text":"B","required":true}`},
		{v.With("text", v.Get("text")), `{"linkId":"1","text":"A","_text":{"extension":[{"url":"u","valueCode":"c"}]},"required":true}`},
		{v.With("text", nil), `{"linkId":"1","required":true}`},
		{v.With("prefix", "a"), `{"linkId":"1","text":"A","_text":{"extension":[{"url":"u","valueCode":"c"}]},"required":true,"prefix":"a"}`},
		{fhir.Value{}.With("a", 1), `{"a":1}`},
		{fhir.Value{}.With("a", 1).With("a", nil), `null`},
	} {
		if got := string(c.got.AppendJSON(nil)); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
	if got := v.Get("text").Text(); got != "A" {
		t.Errorf("the value itself says %s", got)
	}
	if _, err := fhir.New("Questionnaire", fhir.F("item", fhir.List(v.With("text", "\xff").With("prefix", "b")))); err == nil {
		t.Error("text that is not UTF-8 is taken")
	}
}
