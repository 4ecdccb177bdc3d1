package fhir_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/fhir"
	"radagora/ucum"
)

func parse(t testing.TB, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const observation = `{"resourceType":"Observation","id":"d1","status":"final",
	"code":{"coding":[{"system":"http://loinc.org","code":"73569-6"},{"code":"second"}]},
	"_issued":{"extension":[{"url":"why","valueCode":"unknown"}]},
	"effectiveDateTime":"2026-03-04T10:15:00+01:00",
	"component":[{"valueQuantity":{"value":812.40,"code":"mGy.cm"}},{"valueString":"x"},{"_valueInteger":{"id":"i"}}],
	"name":[{"given":["A",null,"B"],"_given":[null,{"extension":[{"url":"u","valueInteger":3}]},{"id":"b"}]}],
	"contained":[{"resourceType":"Device","id":"ct1"}]}`

func TestEach(t *testing.T) {
	r := parse(t, observation)
	for _, c := range []struct {
		path string
		want []string
	}{
		{"id", []string{"d1"}},
		{"code.coding.code", []string{"73569-6", "second"}},
		{"code.coding[1].code", []string{"second"}},
		{"code.coding[2].code", nil},
		{"code[0].coding[0].code", []string{"73569-6"}},
		{"component.valueQuantity.value", []string{"812.40"}},
		{"component.value[x].value", []string{"812.40"}},
		{"component[1].value[x]", []string{"x"}},
		{"component[2].value[x].id", []string{"i"}},
		{"effective[x]", []string{"2026-03-04T10:15:00+01:00"}},
		{"issued.extension.valueCode", []string{"unknown"}},
		{"issued.extension.value[x]", []string{"unknown"}},
		{"_issued.extension.url", []string{"why"}},
		{"name.given", []string{"A", "", "B"}}, // the second has an extension only
		{"name.given[1].extension.valueInteger", []string{"3"}},
		{"name.given.id", []string{"b"}},
		{"id.code", nil},
		{"co[x]", nil}, // "de" is no type
		{"", nil},
		{"code.", nil},
		{".code", nil},
		{"code.coding[-1]", nil},
		{"code.coding[x", nil},
		{"code.coding[99999999999]", nil},
	} {
		t.Run(c.path, func(t *testing.T) {
			var got []string
			for v := range r.Each(c.path) {
				got = append(got, v.Text())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Each(%q) (-want +got):\n%s", c.path, diff)
			}
		})
	}
}

func TestRead(t *testing.T) {
	r := parse(t, `{"resourceType":"X","b":true,"n":3,"d":812.40,"e":1e3,"big":99999999999999999999,
		"t":"2026-03-04T10:15:00.25+01:00","leap":"2016-12-31T23:59:60Z","day":"2026-03-04","o":{"a":1}}`)
	if b, ok := r.Get("b").Bool(); !b || !ok {
		t.Errorf("Bool = %v, %v", b, ok)
	}
	if n, ok := r.Get("n").Int(); n != 3 || !ok {
		t.Errorf("Int = %v, %v", n, ok)
	}
	for _, path := range []string{"e", "d", "big", "b", "t", "absent"} {
		if _, ok := r.Get(path).Int(); ok {
			t.Errorf("Int of %s is ok", path)
		}
	}
	if d, ok := r.Get("d").Decimal(); !ok || !d.Equal(ucum.MustDecimal("812.4")) || r.Get("d").Text() != "812.40" {
		t.Errorf("Decimal = %v, %v", d, ok)
	}
	if d, ok := r.Get("e").Decimal(); !ok || !d.Equal(ucum.Int(1000)) {
		t.Errorf("Decimal = %v, %v", d, ok)
	}
	if at, ok := r.Get("t").Instant(); !ok || !at.Equal(time.Date(2026, 3, 4, 9, 15, 0, 250e6, time.UTC)) {
		t.Errorf("Instant = %v, %v", at, ok)
	}
	if at, ok := r.Get("leap").Instant(); !ok || !at.Equal(time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("Instant of a leap second = %v, %v", at, ok)
	}
	for _, path := range []string{"day", "n", "o", "absent"} {
		if _, ok := r.Get(path).Instant(); ok {
			t.Errorf("Instant of %s is ok", path)
		}
		if _, ok := r.Get(path).Bool(); ok {
			t.Errorf("Bool of %s is ok", path)
		}
	}
	if o := r.Get("o"); !o.IsObject() || o.Text() != "" || !o.HasValue() {
		t.Errorf("an object: %v %q", o.IsObject(), o.Text())
	}
}

func TestElements(t *testing.T) {
	r := parse(t, observation)
	var got []string
	for name, v := range r.Get("name").Elements() {
		got = append(got, name+"="+v.Text()+v.Get("id").Text())
	}
	for name := range r.Get("issued").Elements() {
		got = append(got, name)
	}
	for name := range r.Value().Elements() {
		got = append(got, name)
		if name == "issued" {
			break
		}
	}
	want := []string{"given=A", "given=", "given=Bb", "extension", "resourceType", "id", "status", "code", "issued"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Elements (-want +got):\n%s", diff)
	}
}

func TestParts(t *testing.T) {
	r := parse(t, observation)
	device, ok := r.Get("contained").Resource()
	if !ok || device.Type() != "Device" || device.ID() != "ct1" {
		t.Errorf("Resource = %v, %v", device, ok)
	}
	if _, ok := r.Get("code").Resource(); ok {
		t.Error("a CodeableConcept is a resource")
	}
	if got := r.Get("issued").Extension("why").Get("valueCode").Text(); got != "unknown" {
		t.Errorf("Extension = %q", got)
	}
	if r.Get("issued").Extension("other").Exists() || r.Get("issued").HasValue() || !r.Get("issued").Exists() {
		t.Error("an extension that is not there, or a value that is none")
	}
	if got := r.Get("component.value[x]").Name(); got != "valueQuantity" {
		t.Errorf("Name = %q", got)
	}
	var zero fhir.Resource
	if zero.Type() != "" || zero.Get("id").Exists() || zero.JSON() != nil || !zero.IsZero() {
		t.Error("the zero resource has something")
	}
}

func TestMarshal(t *testing.T) {
	var holder struct{ R fhir.Resource }
	if err := json.Unmarshal([]byte(`{"R":{"resourceType":"X","n":1.0}}`), &holder); err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(holder); err != nil || string(text) != `{"R":{"resourceType":"X","n":1.0}}` {
		t.Errorf("Marshal = %s, %v", text, err)
	}
	if text, err := json.Marshal(fhir.Resource{}); err != nil || string(text) != "null" {
		t.Errorf("Marshal of nothing = %s, %v", text, err)
	}
}

// TestHidden prints a person in many ways and finds no trace of them.
func TestHidden(t *testing.T) {
	r := parse(t, `{"resourceType":"Patient","id":"secret","name":[{"family":"secret"}]}`)
	v := r.Get("name")
	type private struct{ r fhir.Resource }
	var b strings.Builder
	log := slog.New(slog.NewTextHandler(&b, nil))
	log.Info("x", "r", r, "v", v, "p", private{r})
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "r", r, "v", v, "p", private{r})
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, x := range []any{r, &r, v, &v, private{r}, []fhir.Resource{r}, map[string]fhir.Value{"a": v}} {
			fmt.Fprintf(&b, verb+"\n", x)
		}
	}
	if strings.Contains(b.String(), "secret") {
		t.Errorf("printed:\n%s", b.String())
	}
	if got := fmt.Sprint(r, v, fhir.Value{}, parse(t, `{"resourceType":"secret"}`)); got != "[Patient] [value] [absent] [resource]" {
		t.Errorf("Sprint = %s", got)
	}
}
