package fhir_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/fhir"
)

// lines returns issues as "code expression: text".
func lines(issues []fhir.Issue) (all []string) {
	for _, one := range issues {
		all = append(all, one.Code+" "+one.Expression+": "+one.Text)
	}
	return all
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"much at once", `{"resourceType":"ServiceRequest","status":"active","foo":1,"category":{"text":"x"},
			"occurrenceDateTime":"2026","occurrencePeriod":{"start":"x"}}`, []string{
			"structure ServiceRequest.foo: there is no such element here",
			"structure ServiceRequest.category: one value is given where a list is wanted",
			"structure ServiceRequest.occurrence: more than one type of occurrence[x] is given",
			"value ServiceRequest.occurrence.start: this is not how a value of the type dateTime is written",
			"required ServiceRequest: the element intent is missing",
			"required ServiceRequest: the element subject is missing",
		}},
		{"nothing", `{"resourceType":"Patient","active":true,"name":[{"given":["A",null],"_given":[null,{"extension":[{"url":"u","valueDecimal":1.0}]}]}],"deceasedBoolean":false}`, nil},
		{"a type R4 does not have", `{"resourceType":"ViewDefinition"}`, []string{"structure Resource: FHIR R4 has no such resource type"}},
		{"an abstract type", `{"resourceType":"DomainResource"}`, []string{"structure Resource: FHIR R4 has no such resource type"}},
		{"a data type", `{"resourceType":"HumanName"}`, []string{"structure Resource: FHIR R4 has no such resource type"}},
		{"a name that is no element's is not repeated", `{"resourceType":"Patient","Müller, Eva":1}`, []string{"structure Patient.(a name no element has): there is no such element here"}},
		{"a list where one value is wanted", `{"resourceType":"Patient","birthDate":["2000"]}`, []string{"structure Patient.birthDate: a list is given where one value is wanted"}},
		{"a choice as such", `{"resourceType":"Patient","deceased":true,"deceased[x]":true,"deceasedString":"x"}`, []string{
			"structure Patient.deceased: there is no such element here",
			"structure Patient.(a name no element has): there is no such element here",
			"structure Patient.deceasedString: there is no such element here",
		}},
		{"a choice with its own companion", `{"resourceType":"Patient","deceasedBoolean":true,"_deceasedBoolean":{"id":"x"}}`, nil},
		{"a choice with the companion of another", `{"resourceType":"Patient","deceasedBoolean":true,"_deceasedDateTime":{"id":"x"}}`, []string{"structure Patient.deceased: more than one type of deceased[x] is given"}},
		{"a companion is there in place of the value", `{"resourceType":"Subscription","_status":{"id":"x"},"reason":"r","criteria":"c","channel":{"_type":{"id":"x"}}}`, nil},
		{"a required choice", `{"resourceType":"MedicationAdministration","status":"completed","subject":{"reference":"Patient/p"},"effectiveDateTime":"2026"}`, []string{"required MedicationAdministration: the element medication[x] is missing"}},
		{"a companion of what is no primitive", `{"resourceType":"Patient","_name":[{"id":"x"}]}`, []string{"structure Patient._name: there is no such element here"}},
		{"a companion that is a string", `{"resourceType":"Patient","_birthDate":"2000"}`, []string{"structure Patient.birthDate: a companion is an object with id and extension"}},
		{"a companion with more", `{"resourceType":"Patient","_birthDate":{"value":"2000"}}`, []string{"structure Patient.birthDate.value: there is no such element here"}},
		{"companions of another length", `{"resourceType":"Patient","name":[{"given":["A","B"],"_given":[{"id":"x"}]}]}`, []string{"structure Patient.name[0].given: the list and that of its companions differ in length"}},
		{"a companion of resourceType", `{"resourceType":"Patient","_resourceType":{"id":"x"}}`, []string{"structure Patient._resourceType: there is no such element here"}},
		{"a string where an object is wanted", `{"resourceType":"Patient","managingOrganization":"Organization/o"}`, []string{"structure Patient.managingOrganization: a value of the type Reference is wanted, which is an object"}},
		{"an object where a string is wanted", `{"resourceType":"Patient","birthDate":{"value":"2000"}}`, []string{"value Patient.birthDate: a value of the type date is a string in JSON"}},
		{"a boolean in quotes", `{"resourceType":"Patient","active":"true"}`, []string{"value Patient.active: a value of the type boolean is a boolean in JSON"}},
		{"a code outside the value set", `{"resourceType":"Patient","gender":"m"}`, []string{"code-invalid Patient.gender: the code is not in the required value set administrative-gender"}},
		{"a concept of the value set", `{"resourceType":"Condition","subject":{"reference":"p"},"clinicalStatus":{"coding":[{"code":"x"},{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]}}`, nil},
		{"a concept without system", `{"resourceType":"Condition","subject":{"reference":"p"},"clinicalStatus":{"coding":[{"code":"active"}]}}`, []string{"code-invalid Condition.clinicalStatus: no code is from the required value set condition-clinical"}},
		{"a concept of words", `{"resourceType":"Condition","subject":{"reference":"p"},"clinicalStatus":{"text":"active"}}`, []string{"code-invalid Condition.clinicalStatus: no code is from the required value set condition-clinical"}},
		{"a part", `{"resourceType":"Patient","link":[{"other":{"reference":"p"}}]}`, []string{"required Patient.link[0]: the element type is missing"}},
		{"a part that stands for another", `{"resourceType":"Questionnaire","status":"draft","item":[{"linkId":"1","type":"group","item":[{"type":"display"}]}]}`, []string{"required Questionnaire.item[0].item[0]: the element linkId is missing"}},
		{"a part of a data type", `{"resourceType":"ServiceRequest","status":"active","intent":"order","subject":{"reference":"p"},"occurrenceTiming":{"repeat":{"boundsRange":{"low":{"value":"1"}},"modifierExtension":[{"url":"u"}]}}}`, []string{
			"value ServiceRequest.occurrence.repeat.bounds.low.value: a value of the type decimal is a number in JSON",
			"structure ServiceRequest.occurrence.repeat.modifierExtension: there is no such element here",
		}},
		{"a contained resource", `{"resourceType":"Patient","contained":[{"resourceType":"Device","status":"x"},{"id":"a"},{"resourceType":"Foo"},"x"]}`, []string{
			"code-invalid Patient.contained[0].status: the code is not in the required value set device-status",
			"structure Patient.contained[1]: resourceType is missing",
			"structure Patient.contained[2]: FHIR R4 has no such resource type",
			"structure Patient.contained[3]: a resource is wanted",
		}},
		{"a Bundle", `{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic"}},{"link":[{"relation":"self"}]}]}`, []string{
			"required Bundle.entry[0].resource: the element code is missing",
			"required Bundle.entry[1].link[0]: the element url is missing",
		}},
		{"resourceType where it is an element", `{"resourceType":"ExampleScenario","status":"draft","instance":[{"resourceId":"a"},{"resourceId":"b","resourceType":"Patient"}]}`, []string{"required ExampleScenario.instance[0]: the element resourceType is missing"}},
		{"resourceType where it is none", `{"resourceType":"Patient","name":[{"resourceType":"HumanName"}]}`, []string{"structure Patient.name[0].resourceType: there is no such element here"}},
		{"an extension without url, inside an extension", `{"resourceType":"Patient","extension":[{"url":"u","extension":[{"valueAge":{"value":1}}]}]}`, []string{"required Patient.extension[0].extension[0]: the element url is missing"}},
		{"a text too long", `{"resourceType":"Patient","name":[{"text":"` + strings.Repeat("x", 1<<20+1) + `"}]}`, []string{"too-long Patient.name[0].text: a text of more than 1 MB"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			issues := fhir.Validate(parse(t, c.text))
			if diff := cmp.Diff(c.want, lines(issues)); diff != "" {
				t.Errorf("Validate (-want +got):\n%s", diff)
			}
			if more := fhir.Validate(fhir.OperationOutcome(issues...)); more != nil {
				t.Errorf("its OperationOutcome is not valid: %v", lines(more))
			}
		})
	}
}

// TestForms tries every primitive type as the value of an extension.
func TestForms(t *testing.T) {
	const many = "123456789-123456789-123456789-123456789-123456789-123456789-1234"
	for name, c := range map[string]struct{ good, bad []string }{
		"Boolean":      {[]string{`true`, `false`}, []string{`"true"`, `1`}},
		"Integer":      {[]string{`0`, `-0`, `-5`, `2147483647`, `-2147483648`}, []string{`1.0`, `1e2`, `2147483648`, `-2147483649`, `99999999999999999999`, `"1"`}},
		"UnsignedInt":  {[]string{`0`, `7`}, []string{`-1`, `1.0`, `2147483648`}},
		"PositiveInt":  {[]string{`1`}, []string{`0`, `-1`, `1.5`}},
		"Decimal":      {[]string{`0`, `-1.50`, `1e-10`, `123456789012345678901.1`}, []string{`"1"`, `true`}},
		"String":       {[]string{`"x y"`, `" x"`, `"a\nb"`}, []string{`1`, `true`}},
		"Markdown":     {[]string{`"# x\n"`}, []string{`1`}},
		"Code":         {[]string{`"a"`, `"a b"`, `"<="`}, []string{`" a"`, `"a "`, `"a  b"`, `"a\tb c\n"`, `" "`, `1`}},
		"Id":           {[]string{`"a.B-1"`, `"` + many + `"`}, []string{`"a_b"`, `"a b"`, `"ä"`, `"` + many + `5"`}},
		"Uri":          {[]string{`"urn:x"`, `"#a"`, `"http://a/ä"`}, []string{`"a b"`, `"a\n"`}},
		"Url":          {[]string{`"http://a"`}, []string{`" http://a"`}},
		"Canonical":    {[]string{`"http://a|1"`}, []string{`"a b"`}},
		"Oid":          {[]string{`"urn:oid:1.2.840.0"`, `"urn:oid:2.999"`}, []string{`"1.2.3"`, `"urn:oid:3.1"`, `"urn:oid:1"`, `"urn:oid:1.02"`, `"urn:oid:1.2."`, `"urn:oid:1..2"`, `"urn:oid:1.a"`}},
		"Uuid":         {[]string{`"urn:uuid:c757873d-ec9a-4326-a141-556f43239520"`}, []string{`"c757873d-ec9a-4326-a141-556f43239520"`, `"urn:uuid:C757873D-ec9a-4326-a141-556f43239520"`, `"urn:uuid:c757873dec9a-4326-a141-556f43239520-"`, `"urn:uuid:x"`}},
		"Base64Binary": {[]string{`"QUJD"`, `"QQ=="`, `"QUI="`, `"QU\nJD"`}, []string{`"QUJ"`, `"Q==="`, `"QQ==QQ=="`, `"Q=Q="`, `"QÄJD"`, `" "`, `"===="`}},
		"Date":         {[]string{`"2026"`, `"2026-02"`, `"2024-02-29"`, `"2000-02-29"`, `"0001-01-01"`}, []string{`"26"`, `"0000"`, `"2026-13"`, `"2026-00"`, `"2026-1"`, `"2026-02-29"`, `"1900-02-29"`, `"2026-04-31"`, `"2026-01-00"`, `"2026-01-01T10:00:00Z"`, `"2026-01-01-"`, `"2026-"`, `2026`}},
		"DateTime":     {[]string{`"2026"`, `"2026-02-03"`, `"2026-02-03T10:00:00Z"`, `"2026-02-03T10:00:60.123+14:00"`, `"2026-02-03T10:00:00-00:00"`}, []string{`"2026-02-03T10:00Z"`, `"2026-02-03T10:00:00"`, `"2026-02T10:00:00Z"`, `"2026-02-03T24:00:00Z"`, `"2026-02-03T10:60:00Z"`, `"2026-02-03T10:00:61Z"`, `"2026-02-03T10:00:00.Z"`, `"2026-02-03T10:00:00+14:01"`, `"2026-02-03T10:00:00+0100"`, `"2026-02-03 10:00:00Z"`, `"2026-02-03T10:00:00z"`}},
		"Instant":      {[]string{`"2026-02-03T10:00:00.001+01:00"`, `"2026-02-03T10:00:00Z"`}, []string{`"2026-02-03"`, `"2026-02-03T10:00:00"`, `"2026-02-30T10:00:00Z"`}},
		"Time":         {[]string{`"10:00:00"`, `"23:59:60.5"`}, []string{`"10:00"`, `"24:00:00"`, `"10:00:00Z"`, `"10:0:00"`, `"10:00:00."`}},
	} {
		for _, value := range c.good {
			if issues := fhir.Validate(parse(t, `{"resourceType":"Basic","code":{"text":"x"},"extension":[{"url":"u","value`+name+`":`+value+`}]}`)); issues != nil {
				t.Errorf("%s %s: %v", name, value, lines(issues))
			}
		}
		for _, value := range c.bad {
			issues := fhir.Validate(parse(t, `{"resourceType":"Basic","code":{"text":"x"},"extension":[{"url":"u","value`+name+`":`+value+`}]}`))
			if len(issues) != 1 || issues[0].Code != "value" || issues[0].Expression != "Basic.extension[0].value" {
				t.Errorf("%s %s: %v; want one value issue", name, value, lines(issues))
			}
		}
	}
	for div, want := range map[string]bool{
		`<div xmlns='http://www.w3.org/1999/xhtml'>x</div>`:       true,
		` <div class='a' xmlns='http://www.w3.org/1999/xhtml'/> `: true,
		`<div>x</div>`: false,
		`x`:            false,
		`<p xmlns='http://www.w3.org/1999/xhtml'>x</p>`:    false,
		`<div xmlns='http://www.w3.org/1999/xhtml'>x`:      false,
		`<div xmlns='http://www.w3.org/1999/xhtml'>x<br/>`: false,
	} {
		issues := fhir.Validate(parse(t, `{"resourceType":"Basic","code":{"text":"x"},"text":{"status":"additional","div":"`+div+`"}}`))
		if (issues == nil) != want {
			t.Errorf("narrative %s: %v", div, lines(issues))
		}
	}
}

func TestValidateStops(t *testing.T) {
	r := parse(t, `{"resourceType":"Patient","name":[`+strings.Repeat(`{"foo":1},`, 1000)+`{"foo":1}]}`)
	if got := len(fhir.Validate(r)); got != 200 {
		t.Errorf("%d issues; want 200", got)
	}
	if got := lines(fhir.Validate(fhir.Resource{})); len(got) != 1 {
		t.Errorf("of nothing: %v", got)
	}
}

func TestOperationOutcome(t *testing.T) {
	want := `{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"value","diagnostics":"odd","expression":["Patient.id"]}]}`
	if got := string(fhir.OperationOutcome(fhir.Issue{Severity: fhir.Warning, Code: "value", Expression: "Patient.id", Text: "odd"}).JSON()); got != want {
		t.Errorf("OperationOutcome = %s; want %s", got, want)
	}
	for name, r := range map[string]fhir.Resource{
		"all is well":          fhir.OperationOutcome(),
		"a text that is none":  fhir.OperationOutcome(fhir.Issue{Severity: fhir.Error, Code: "value", Text: "\xff"}),
		"every severity there": fhir.OperationOutcome(fhir.Issue{Severity: fhir.Fatal, Code: "login"}, fhir.Issue{Severity: fhir.Information, Code: "informational"}),
	} {
		if issues := fhir.Validate(r); issues != nil {
			t.Errorf("%s: %v", name, lines(issues))
		}
	}
}

func FuzzValidate(f *testing.F) {
	for _, seed := range []string{
		observation,
		`{"resourceType":"ServiceRequest","status":"active","foo":1,"category":{"text":"x"},"occurrenceDateTime":"2026","occurrencePeriod":{"start":"x"}}`,
		`{"resourceType":"Bundle","type":"collection","entry":[{"resource":{"resourceType":"Basic","_implicitRules":{"id":"x"}}}]}`,
		`{"resourceType":"ExampleScenario","instance":[{"resourceType":[null],"_resourceType":[{"id":"x"}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := fhir.Parse(text)
		if err != nil {
			return
		}
		issues := fhir.Validate(r)
		for _, one := range issues {
			if one.Code == "" || one.Text == "" || one.Expression == "" {
				t.Errorf("an issue says too little: %+v", one)
			}
		}
		if more := fhir.Validate(fhir.OperationOutcome(issues...)); more != nil {
			t.Errorf("its OperationOutcome is not valid: %v", lines(more))
		}
		for _, v := range r.Value().Elements() {
			if !v.Exists() {
				t.Error("an element is there and is absent")
			}
		}
	})
}
