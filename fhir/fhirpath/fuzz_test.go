package fhirpath_test

import (
	"testing"
	"time"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
)

// fuzzed is a resource with something of everything.
const fuzzed = `{"resourceType":"Observation","id":"o","status":"final","contained":[{"resourceType":"Patient","id":"p","birthDate":"1974-12","_birthDate":{"extension":[{"url":"http://example.org/x","valueString":"y"}]}}],
"subject":{"reference":"#p"},"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"effectiveDateTime":"2026-03-04T10:15:00+01:00",
"valueQuantity":{"value":81.60,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"},
"component":[{"code":{"text":"a"},"valueInteger":3},{"code":{"text":"b"},"valueTime":"10:15:00"},{"code":{"text":"c"},"valueBoolean":true}]}`

var seeds = []string{
	"Observation.value > 80 'kg'", "subject.resolve().birthDate.lowBoundary()", "component.value.ofType(integer) + 1",
	"(1 | 2 | 3).aggregate($this + $total, 0)", "effective + 1 month - 3 days", "code.coding.where(code = '29463-7').exists()",
	"descendants().select($this.type().name).distinct()", "'a,b'.split(',').join('-').matches('a.b')", "1.0 / 3 ~ 0.33",
	"repeat(children()).count()", "iif(value is Quantity, value.value.round(1), {})", "@2026-02-30", "%resource.id & '\\u0041'",
	"-(1 'm' * 2 'm' / 3 's')", "today() >= @2026", "4 days.toString()", "component[0].value.power(99)", "'1e9'.toDecimal()",
}

// FuzzEvaluate compiles any text and evaluates it: an error is fine, a panic or one
// nobody classified is not.
func FuzzEvaluate(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	r, err := fhir.Parse([]byte(fuzzed))
	if err != nil {
		f.Fatal(err)
	}
	env := &fhirpath.Env{Now: time.Date(2026, 3, 4, 10, 15, 0, 0, time.UTC)}
	f.Fuzz(func(t *testing.T, source string) {
		x, err := fhirpath.Compile(source)
		if err == nil {
			_ = x.Check("Observation")
			var out fhirpath.Collection
			out, err = x.Evaluate(t.Context(), r, env)
			for _, v := range out {
				v.Text()
				v.Decimal()
				v.Times(60)
			}
		}
		if err != nil && fault.Of(err) != fault.Invalid && fault.Of(err) != fault.Exhausted {
			t.Errorf("error of kind %v: %v", fault.Of(err), err)
		}
	})
}

// FuzzCompare holds the order of values to its laws: a < b is b > a, and what is equal
// is neither.
func FuzzCompare(f *testing.F) {
	for _, s := range []string{"1", "1.0", "@2026", "@2026-03-04T10:15:00Z", "@T10:15", "'a'", "5 'mg'", "0.005 'g'", "1 year"} {
		f.Add(s, "1")
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, side := range []string{a, b} {
			if _, err := fhirpath.Compile(side); err != nil {
				t.Skip("not two expressions")
			}
		}
		ask := func(left, operator, right string) (yes, known bool) {
			x, err := fhirpath.Compile("(" + left + ")" + operator + "(" + right + ")")
			if err != nil {
				return false, false
			}
			out, err := x.On(t.Context(), nil, nil)
			if err != nil || len(out) != 1 {
				return false, false
			}
			return out[0].Bool()
		}
		less, known := ask(a, "<", b)
		more, reverse := ask(b, ">", a)
		if less != more || known != reverse {
			t.Errorf("%q < %q is %v, %v, the reverse %v, %v", a, b, less, known, more, reverse)
		}
		if equal, ok := ask(a, "=", b); ok && known && equal && less {
			t.Errorf("%q is both equal to and below %q", a, b)
		}
	})
}
