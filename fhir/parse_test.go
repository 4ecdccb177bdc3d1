package fhir_test

import (
	"fmt"
	"strings"
	"testing"

	"radagora/fault"
	"radagora/fhir"
)

func TestParseRefuses(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 64) + `1` + strings.Repeat("}", 64)
	for _, c := range []struct{ name, text, want string }{
		{"no text", ``, "object is wanted"},
		{"a list", `[{"resourceType":"Patient"}]`, "object is wanted"},
		{"no type", `{"id":"a"}`, "resourceType is missing"},
		{"a type that is a number", `{"resourceType":1}`, "resourceType is missing"},
		{"an element twice", `{"resourceType":"Patient","id":"a","id":"b"}`, "id occurs twice"},
		{"an element twice among many", manyNames(20) + `,"a3":1}`, "a3 occurs twice"},
		{"an element twice, once escaped", `{"resourceType":"Patient","id":"a","\u0069d":"b"}`, "id occurs twice"},
		{"null alone", `{"resourceType":"Patient","id":null}`, "null is no value"},
		{"null in a list without companion", `{"resourceType":"Patient","given":["a",null]}`, "is null and so is its companion"},
		{"null on both sides", `{"resourceType":"Patient","given":["a",null],"_given":[{"id":"x"},null]}`, "is null and so is its companion"},
		{"null beyond the companion", `{"resourceType":"Patient","given":["a",null],"_given":[{"id":"x"}]}`, "is null and so is its companion"},
		{"null in a companion alone", `{"resourceType":"Patient","_given":[null,{"id":"x"}]}`, "is null and so is its companion"},
		{"an empty string", `{"resourceType":"Patient","id":""}`, "string is empty"},
		{"an empty list", `{"resourceType":"Patient","name":[ ]}`, "list is empty"},
		{"an empty object", `{"resourceType":"Patient","name":[{ }]}`, "object is empty"},
		{"a list in a list", `{"resourceType":"Patient","name":[["a"]]}`, "directly in a list"},
		{"Latin 1", "{\"resourceType\":\"Patient\",\"id\":\"\xe4\"}", "UTF-8"},
		{"a NUL", "{\"resourceType\":\"Patient\",\"id\":\"\x00\"}", "UTF-8"},
		{"an escaped NUL", `{"resourceType":"Patient","id":"\u0000"}`, "no character"},
		{"half a character", `{"resourceType":"Patient","id":"\ud83d"}`, "no character"},
		{"two first halves", `{"resourceType":"Patient","id":"\ud83d\ud83d"}`, "no character"},
		{"a second half alone", `{"resourceType":"Patient","id":"\ude00"}`, "no character"},
		{"an escape of three digits", `{"resourceType":"Patient","id":"\u12"}`, "no character"},
		{"an unknown escape", `{"resourceType":"Patient","id":"\x"}`, "escape JSON does not have"},
		{"a line break in a string", "{\"resourceType\":\"Pat\nient\"}", "control character"},
		{"a line break after an escape", "{\"resourceType\":\"Pat\\n\nient\"}", "control character"},
		{"a string without end", `{"resourceType":"Patient`, "no end"},
		{"a string that ends in an escape", `{"resourceType":"Patient\`, "no end"},
		{"an object without end", `{"resourceType":"Patient"`, "comma is wanted"},
		{"a comma at the end", `{"resourceType":"Patient",}`, "name of an element"},
		{"a comma at the end of a list", `{"resourceType":"Patient","a":[1,]}`, "neither a value"},
		{"text behind", `{"resourceType":"Patient"} {}`, "after the end"},
		{"a word", `{"resourceType":"Patient","active":True}`, "neither a value"},
		{"a leading zero", `{"resourceType":"Patient","n":01}`, "neither a value"},
		{"a plus", `{"resourceType":"Patient","n":+1}`, "neither a value"},
		{"a point without digits", `{"resourceType":"Patient","n":1.}`, "neither a value"},
		{"a point first", `{"resourceType":"Patient","n":.5}`, "neither a value"},
		{"an exponent without digits", `{"resourceType":"Patient","n":1e}`, "neither a value"},
		{"no number", `{"resourceType":"Patient","n":NaN}`, "neither a value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := fhir.Parse([]byte(c.text))
			if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Parse = %v (%v); want invalid, %q", err, fault.Of(err), c.want)
			}
		})
	}
	for name, text := range map[string]string{
		"65 levels":                   `{"resourceType":"Patient","a":` + deep + `}`,
		"a number of 65 digits":       `{"resourceType":"Patient","n":` + strings.Repeat("1", 65) + `}`,
		"more than a million values":  `{"resourceType":"Patient","n":[` + strings.Repeat("1,", 1<<20) + `1]}`,
		"more than 64 MB, all blanks": strings.Repeat(" ", 64<<20+1),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := fhir.Parse([]byte(text)); err == nil || fault.Of(err) != fault.Exhausted {
				t.Errorf("Parse = %v; want exhausted", err)
			}
		})
	}
}

// manyNames begins an object with n elements.
func manyNames(n int) string {
	text := `{"resourceType":"Patient"`
	for i := range n {
		text += fmt.Sprintf(`,"a%d":1`, i)
	}
	return text
}

// TestRoundTrip writes what it read: what is unknown, how numbers are written and
// the order stay.
func TestRoundTrip(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"numbers keep their digits", `{"resourceType":"X","a":[1.0,1.00,-0,0.0,1e3,1E+3,-1.5e-10,100000000000000000000001]}`, ""},
		{"order and unknown elements", `{"z":{"y":true,"x":false},"resourceType":"X","a":"b"}`, ""},
		{"companions", `{"resourceType":"Patient","_birthDate":{"id":"1"},"given":["a",null],"_given":[null,{"id":"x"}]}`, ""},
		{"a companion list alone", `{"resourceType":"Patient","_given":[{"id":"x"}]}`, ""},
		{"64 levels", `{"resourceType":"X","a":` + strings.Repeat(`{"a":`, 63) + `1` + strings.Repeat("}", 64), ""},
		{"white space goes", "\t{ \"resourceType\" :\r\n \"X\" , \"a\" : [ 1 , 2 ] }\n", `{"resourceType":"X","a":[1,2]}`},
		{"escapes become characters", `{"resourceType":"X","a":"\u00e4\ud83d\ude00\/\"\\\b\f\n\r\t\u001f\u2028"}`, "{\"resourceType\":\"X\",\"a\":\"ä😀/\\\"\\\\\\u0008\\u000c\\n\\r\\t\\u001f\u2028\"}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if c.want == "" {
				c.want = c.text
			}
			if got := string(r.JSON()); got != c.want {
				t.Errorf("JSON = %s; want %s", got, c.want)
			}
		})
	}
}

// TestWide reads an object in which looking for each of its names from the beginning
// would take minutes.
func TestWide(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"resourceType":"X"`)
	for i := range 200_000 {
		fmt.Fprintf(&b, `,"a%d":[null],"_a%d":[{"id":"i"}]`, i, i)
	}
	b.WriteString("}")
	r := parse(t, b.String())
	n := 0
	for _, v := range r.Value().Elements() {
		if v.Exists() {
			n++
		}
	}
	if n != 200_001 {
		t.Errorf("%d elements; want 200001", n)
	}
	if got := len(fhir.Validate(r)); got != 1 { // R4 has no X
		t.Errorf("%d issues; want 1", got)
	}
	if got := len(fhir.Validate(parse(t, strings.Replace(string(r.JSON()), `"X"`, `"Patient"`, 1)))); got != 200 {
		t.Errorf("%d issues; want 200", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"resourceType":"Patient","id":"a","name":[{"given":["A",null],"_given":[null,{"extension":[{"url":"u","valueDecimal":1.0}]}]}]}`,
		`{"resourceType":"X","a":"\u00e4\ud83d\ude00\/\"\\\b","n":[-1.5e-10,0]}`,
		`{"resourceType":"Patient","a":[[]]}`, `{"a":nul`, `{"\u0000`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := fhir.Parse(text)
		if err != nil {
			if k := fault.Of(err); k != fault.Invalid && k != fault.Exhausted {
				t.Errorf("Parse: kind %v", k)
			}
			return
		}
		if err := sameTokens(text, r.JSON()); err != nil {
			t.Fatalf("%s\nwas written as\n%s\n%v", text, r.JSON(), err)
		}
		again, err := fhir.Parse(r.JSON())
		if err != nil || string(again.JSON()) != string(r.JSON()) {
			t.Fatalf("what was written is not read alike: %v", err)
		}
	})
}
