package fhirweb_test

import (
	"net/url"
	"strings"
	"testing"

	"radagora/fhir"
)

// TestDoseSummaryConsumers asks what a consumer of the Radiation Dose Summary guide
// asks of a server.
func TestDoseSummaryConsumers(t *testing.T) {
	at, _ := serve(t)
	const dose = `{"resourceType":"Observation","id":"d1","status":"final","identifier":[{"system":"urn:dicom:uid","value":"urn:oid:1.2.3"}],
	 "code":{"coding":[{"system":"http://loinc.org","code":"73569-6"}]},"subject":{"reference":"Patient/p1"},"device":{"reference":"Device/ct1"},
	 "partOf":[{"reference":"ImagingStudy/s1"}],"effectiveDateTime":"2026-03-04T10:15:00+01:00","valueString":"DLP 812.40 mGy.cm"}`
	ask(t, "PUT", at+"/Observation/d1", dose).want(t, 201)
	ask(t, "PUT", at+"/Observation/w", `{"resourceType":"Observation","id":"w","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"subject":{"reference":"Patient/p1"}}`).want(t, 201)
	ask(t, "GET", at+"/Observation/d1", "").want(t, 200, "valueString", "DLP 812.40 mGy.cm")
	for _, query := range []string{
		"code=73569-6",
		"code=73569-6&device=ct1",
		"code=73569-6&patient=p1&date=gt2020-01-01",
		"code=73569-6&part-of=s1",
		"code=73569-6&part-of=ImagingStudy/s1",
		"identifier=" + url.QueryEscape("urn:dicom:uid|1.2.3"),
	} {
		ask(t, "GET", at+"/Observation?"+query, "").want(t, 200, "total", "1", "entry.resource.id", "d1")
	}
}

// TestNothingIsLost posts what no server can know and reads it back.
func TestNothingIsLost(t *testing.T) {
	at, _ := serve(t)
	const strange = `"extension":[{"url":"http://example.org/a","extension":[{"url":"b","valueDecimal":1.00},{"url":"c","valueReference":{"reference":"#x"}}]}],` +
		`"name":[{"given":["Anna",null],"_given":[null,{"extension":[{"url":"http://example.org/why","valueCode":"masked"}]}],"family":"Probe"}],"_birthDate":{"extension":[{"url":"http://example.org/why","valueCode":"unknown"}]}}`
	ask(t, "PUT", at+"/Patient/s", `{"resourceType":"Patient","id":"s",`+strange).want(t, 201)
	back := ask(t, "GET", at+"/Patient/s", "").want(t, 200).body
	if err := back.Set("meta", nil); err != nil {
		t.Fatal(err)
	}
	if got := string(back.JSON()); !strings.HasSuffix(got, strange) {
		t.Errorf("read back: %s", got)
	}
	if _, err := fhir.Parse(back.JSON()); err != nil {
		t.Error(err)
	}
}
