package fhirpath_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
)

func resource(t testing.TB, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.FixedZone("", 3600))

// shown writes a collection as one line.
func shown(c fhirpath.Collection) string {
	parts := make([]string, len(c))
	for i, v := range c {
		text, ok := v.Text()
		if !ok {
			_, text = v.TypeName()
		}
		parts[i] = text
	}
	return strings.Join(parts, " | ")
}

// TestBeyondTheSuite holds what HL7's suite leaves out. An empty want is an empty
// collection.
func TestBeyondTheSuite(t *testing.T) {
	r := resource(t, fuzzed)
	for _, c := range []struct{ name, expression, want string }{
		{"a decimal keeps its digits", "value.value", "81.60"},
		{"a product is exact", "0.1 * 3", "0.3"},
		{"a sum keeps the finer digits", "1.10 + 2", "3.10"},
		{"large numbers are exact", "99999999999999999999.0 + 0.1", "99999999999999999999.1"},
		{"an Integer does not overflow", "2147483647 + 1", ""},
		{"the smallest Integer", "-2147483648", "-2147483648"},
		{"div and mod go towards zero", "(-7 div 2) | (-7 mod 2)", "-3 | -1"},
		{"half rounds away from zero", "(2.5).round() | (-2.5).round()", "3 | -3"},

		{"a day after the last of January", "@2026-01-31 + 1 month", "2026-02-28"},
		{"a leap day a year on", "@2024-02-29 + 1 year", "2025-02-28"},
		{"a month before March", "@2026-03-31 - 1 month", "2026-02-28"},
		{"days over a year's end", "@2025-12-30 + 4 days", "2026-01-03"},
		{"months on a year count whole years", "@2026 + 25 months", "2028"},
		{"hours keep the zone", "@2026-03-04T23:30:00+01:00 + 1 hour", "2026-03-05T00:30:00+01:00"},
		{"a time of day turns over", "@T23:30 + 45 minutes", "00:15"},
		{"seconds with a fraction", "@2026-03-04T10:00:00.000Z + 1.5 seconds", "2026-03-04T10:00:01.500Z"},

		{"a month and a day of it are undecided", "@2026-03 < @2026-03-05", ""},
		{"a month and a day of another are decided", "@2026-03 < @2026-04-05", "true"},
		{"no zone and a zone within hours are undecided", "@2026-03-04T10:00:00 < @2026-03-04T12:00:00Z", ""},
		{"no zone and a zone days apart are decided", "@2026-03-04T10:00:00 < @2026-03-08T12:00:00Z", "true"},
		{"another zone is another hour", "effective = @2026-03-04T09:15:00Z", "true"},

		{"units convert", "value > 81599 'g' and value < 81601 'g'", "true"},
		{"units that measure something else", "value > 1 'm'", ""},
		{"a year of the calendar is no Julian one", "1 year = 1 'a'", ""},
		{"but about the same", "1 year ~ 1 'a'", "true"},
		{"a year has twelve months", "1 year = 12 months", "true"},
		{"a quantity in another unit", "(1 'g').toQuantity('mg')", "1000 'mg'"},
		{"a quantity over a time", "10 'mg' / 2 'h'", "5 'mg/h'"},

		{"unknown and false is false", "({} and false) | ({} or true)", "false | true"},
		{"unknown and true is unknown", "({} and true) | ({} or false) | ({} implies false)", ""},
		{"what does not matter is not looked at", "false and (1 / 'a' = 1)", "false"},

		{"the type of a choice", "component.value.type().name", "integer | time | boolean"},
		{"a code builds on string", "status is string", "true"},
		{"any resource", "$this is DomainResource", "true"},
		{"a contained resource", "subject.resolve().id", "p"},
		{"an extension of a primitive", "contained.birthDate.extension('http://example.org/x').value", "y"},
		{"the elements of an extension", "contained.birthDate.extension.url", "http://example.org/x"},
		{"a value and none", "contained.birthDate.hasValue()", "true"},
		{"a month's boundaries", "contained.birthDate.lowBoundary() | contained.birthDate.highBoundary()", "1974-12-01 | 1974-12-31"},
		{"boundaries by the digits", "value.value.lowBoundary(3) | value.value.highBoundary(3)", "81.595 | 81.605"},
		{"the precision of a decimal", "value.value.precision()", "2"},

		{"an index of each", "component.select($index)", "0 | 1 | 2"},
		{"the sum of some", "(1 | 2.5 | 3).sum()", "6.5"},
		{"the greatest of some", "(1 | 2.5 | 2).max()", "2.5"},
		{"the mean of some", "(1 | 2).avg()", "1.5"},
		{"a substitution", "'2026-03-04'.replaceMatches('(\\\\d+)-(\\\\d+)-(\\\\d+)', '$3.$2.$1')", "04.03.2026"},
		{"a whole match", "'abc'.matchesFull('b') | 'abc'.matches('b')", "false | true"},
		{"characters, not bytes", "'Zoë'.length() | 'Zoë'.indexOf('ë')", "3 | 2"},
		{"there and back", "'ä'.encode('base64').decode('base64')", "ä"},
		{"now, in the zone of the site", "now() | today() | timeOfDay()", "2026-03-04T12:00:00.000+01:00 | 2026-03-04 | 12:00:00.000"},
		{"a variable of the caller", "%dose + 1", "42"},
		{"a variable without value", "%nothing", ""},
		{"what a rule is about", "%resource.id = %context.id", "true"},
		{"a comment", "1 /* one */ + 1 // two", "2"},
		{"join of nothing", "{}.join(',')", ""},
		{"a key of a resource", "getResourceKey()", "Observation/o"},
		{"equal elements in two places", "code.coding.distinct().count()", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, err := fhirpath.Compile(c.expression)
			if err != nil {
				t.Fatal(err)
			}
			out, err := x.Evaluate(t.Context(), r, &fhirpath.Env{Now: noon, Variables: map[string]fhirpath.Collection{
				"dose": {fhirpath.Integer(41)}, "nothing": nil,
			}})
			if got := shown(out); err != nil || got != c.want {
				t.Errorf("%s = %q, %v; want %q", c.expression, got, err, c.want)
			}
		})
	}
}

func TestErrorsNameTheCharacter(t *testing.T) {
	r := resource(t, fuzzed)
	for _, c := range []struct {
		name, expression, want string
		kind                   fault.Kind
	}{
		{"a function nobody has", "code.colour()", "character 6: there is no function colour", fault.Invalid},
		{"a function with too much", "code.empty(1)", "character 6: the function empty has other arguments", fault.Invalid},
		{"a type nobody has", "value is Dose", "character 10: neither FHIR R4 nor FHIRPath has this type", fault.Invalid},
		{"an end too early", "code and", "character 9: the expression ends too early", fault.Invalid},
		{"a quotation without end", "code = 'a", "character 8: a quotation has no end", fault.Invalid},
		{"a day that does not exist", "@2026-02-30", "character 1: this is no date, dateTime or time", fault.Invalid},
		{"a number that is too large", "99999999999", "character 1: this number is too large", fault.Invalid},
		{"a character FHIRPath does not have", "a ; b", "character 3: a character FHIRPath does not have", fault.Invalid},
		{"a regular expression that is none", "'a'.matches('(')", "character 5: this is no regular expression of RE2", fault.Invalid},
		{"several where one is wanted", "component = 1 and component.single().exists()", "", 0},
		{"several values compared", "component.value > 1", "character 17: > compares one value with one value", fault.Invalid},
		{"types that do not compare", "value > 'a'", "character 7: > has values of types that do not compare", fault.Invalid},
		{"a condition that is no Boolean", "component.where(code)", "character 11: where: the condition is no Boolean", fault.Invalid},
		{"a variable nobody declared", "%dose", "character 1: the variable %dose is not known here", fault.Invalid},
		{"a clock nobody gave", "now()", "character 1: now: nobody said what time it is", fault.Invalid},
		{"brackets without end", strings.Repeat("(", 300) + "1" + strings.Repeat(")", 300), "more than 200 levels", fault.Exhausted},
		{"a regular expression without end", "'a'.matches('" + strings.Repeat("a", 1001) + "')", "at most 1000", fault.Exhausted},
		{"an expression without end", strings.Repeat(" ", 1<<17), "at most 65536", fault.Exhausted},
		{"work without end", "repeat(children()).select(%resource.descendants().select(%resource.descendants().select(%resource.descendants())))", "more than 1000000 steps", fault.Exhausted},
		{"a join without end", "'" + strings.Repeat("a", 9000) + "'.toChars().join('" + strings.Repeat("b", 9000) + "')", "more than 1000000 steps", fault.Exhausted},
		{"a collection without end", "(1|2|3|4|5|6|7|8|9).aggregate($total.combine($total).combine($total).combine($total).combine($total).combine($total), 1)", "more than 1000000 steps", fault.Exhausted},
		{"a text without end", "(1|2|3|4|5|6|7|8|9).aggregate($total & $total & $total & $total & $total & $total & $total & $total & $total & $total, 'aaaaaaaaaa')", "more than 1000000 steps", fault.Exhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			x, err := fhirpath.Compile(c.expression)
			if err == nil {
				_, err = x.Evaluate(t.Context(), r, nil)
			}
			switch {
			case c.want == "" && err == nil:
			case err == nil:
				t.Errorf("no error; want %q", c.want)
			case !strings.Contains(err.Error(), c.want) || fault.Of(err) != c.kind:
				t.Errorf("error %q of kind %v; want %q of kind %v", err, fault.Of(err), c.want, c.kind)
			}
		})
	}
}

func TestCheckFindsWhatCannotBeThere(t *testing.T) {
	for _, c := range []struct{ on, expression, want string }{
		{"Patient", "name.given.first()", ""},
		{"Patient", "name.givne", "character 6: there is no element givne here"},
		{"Patient", "Observation.code", "character 1: this is evaluated on another type than Observation"},
		{"Observation", "valueQuantity.value", "there is no element valueQuantity here"},
		{"Observation", "value.ofType(Quantity).unit", ""},
		{"Observation", "value.ofType(Period).unit", "there is no element unit here"},
		{"Observation", "component.where(code.text = 'a').value", ""},
		{"Observation", "component.where(kode.text = 'a')", "there is no element kode here"},
		{"Observation", "subject.resolve().anything", ""},
		{"Questionnaire", "repeat(item).linkId", ""},
		{"Patient", "children().first()", "the values before this have no order"},
		{"Colour", "id", "FHIR R4 has no type of this name"},
	} {
		err := fhirpath.Must(c.expression).Check(c.on)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s on %s: %v; want %q", c.expression, c.on, err, c.want)
		}
	}
}

// others is a resolver and a terminology.
type others struct{ patient fhir.Resource }

var errAway = errors.New("away")

func (o others) Resolve(_ context.Context, reference string) (fhir.Resource, error) {
	switch reference {
	case "Patient/p":
		return o.patient, nil
	case "Patient/away":
		return fhir.Resource{}, errAway
	}
	return fhir.Resource{}, nil
}

func (others) MemberOf(_ context.Context, set string, code fhirpath.Code) (member, known bool, err error) {
	return code.Code == "a", set == "http://example.org/known", nil
}

func (others) Subsumes(_ context.Context, a, b fhirpath.Code) (subsumes, known bool, err error) {
	return a.Code < b.Code, a.System == b.System, nil
}

func TestOthersAreAsked(t *testing.T) {
	r := resource(t, `{"resourceType":"Observation","subject":{"reference":"Patient/p"},"focus":[{"reference":"Patient/away"}],"performer":[{"reference":"Patient/none"}],
	 "code":{"coding":[{"system":"s","code":"b"},{"system":"s","code":"a"}]},"bodySite":{"coding":[{"system":"s","code":"c"}]}}`)
	o := others{resource(t, `{"resourceType":"Patient","id":"p","active":true}`)}
	env := &fhirpath.Env{Resolver: o, Codes: o}
	for _, c := range []struct{ expression, want string }{
		{"subject.resolve().active", "true"},
		{"performer.resolve().exists()", "false"},
		{"code.memberOf('http://example.org/known')", "true"},
		{"bodySite.memberOf('http://example.org/known')", "false"},
		{"bodySite.memberOf('http://example.org/unknown')", ""},
		{"code.subsumes(bodySite)", "true"},
		{"code.subsumedBy(bodySite)", "false"},
	} {
		out, err := fhirpath.Must(c.expression).Evaluate(t.Context(), r, env)
		if got := shown(out); err != nil || got != c.want {
			t.Errorf("%s = %q, %v; want %q", c.expression, got, err, c.want)
		}
		if out, err = fhirpath.Must(c.expression).Evaluate(t.Context(), r, nil); err != nil || strings.Contains(shown(out), "true") {
			t.Errorf("%s with nobody to ask = %q, %v; want nothing or false", c.expression, shown(out), err)
		}
	}
	if _, err := fhirpath.Must("focus.resolve()").Evaluate(t.Context(), r, env); !errors.Is(err, errAway) {
		t.Errorf("a resolver's error becomes %v; want it unchanged", err)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	x := fhirpath.Must("repeat(children()).select(%resource.descendants().select(%resource.descendants()))")
	if _, err := x.Evaluate(ctx, resource(t, fuzzed), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Evaluate after its context ended = %v; want context.Canceled", err)
	}
}

// TestOneExpressionForMany evaluates one expression on many resources at once; what one
// evaluation returned stays as it is.
func TestOneExpressionForMany(t *testing.T) {
	x := fhirpath.Must("component.where(value is integer).value + %add")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			var kept []fhirpath.Collection
			for n := range 200 {
				r, err := fhir.Parse(fmt.Appendf(nil, `{"resourceType":"Observation","component":[{"valueInteger":%d},{"valueString":"a"}]}`, n))
				if err != nil {
					t.Error(err)
					return
				}
				out, err := x.Evaluate(t.Context(), r, &fhirpath.Env{Variables: map[string]fhirpath.Collection{"add": {fhirpath.Integer(int64(i))}}})
				if err != nil {
					t.Error(err)
					return
				}
				kept = append(kept, out)
			}
			for n, out := range kept {
				if got, _ := out[0].Int(); got != int64(n+i) {
					t.Errorf("evaluation %d = %d; want %d", n, got, n+i)
				}
			}
		})
	}
	all.Wait()
}

func TestVariables(t *testing.T) {
	x := fhirpath.Must("%dose > 1 and %resource.id = %dose and %loinc = %`vs-a` and %rowIndex = 0")
	if diff := cmp.Diff([]string{"dose", "rowIndex"}, x.Variables()); diff != "" {
		t.Error(diff)
	}
}

func TestValuesHideThemselves(t *testing.T) {
	out, err := fhirpath.Must("contained.birthDate | 'secret'").Evaluate(t.Context(), resource(t, fuzzed), nil)
	if err != nil || len(out) != 2 {
		t.Fatalf("Evaluate = %d values, %v", len(out), err)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("", "value", out[0], "values", out)
	text := fmt.Sprintf("%v %+v %s %q", out, out[0], out[1], out) + log.String()
	if strings.Contains(text, "1974") || strings.Contains(text, "secret") {
		t.Errorf("a value shows itself: %s", text)
	}
}

func ExampleExpression_Evaluate() {
	r, _ := fhir.Parse([]byte(`{"resourceType":"Observation","component":[{"code":{"text":"DLP"},"valueQuantity":{"value":812.40,"code":"mGy.cm","system":"http://unitsofmeasure.org"}}]}`))
	x := fhirpath.Must("component.where(code.text = 'DLP').value.ofType(Quantity).where($this > 0.5 'Gy.cm').value")
	out, err := x.Evaluate(context.Background(), r, nil)
	if err != nil {
		fmt.Println(err)
	}
	for _, v := range out {
		text, _ := v.Text()
		fmt.Println(text)
	}
	// Output: 812.40
}
