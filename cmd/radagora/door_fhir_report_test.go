package main

import (
	"net/url"
	"strings"
	"testing"

	"radagora/access"
	"radagora/dose/dosetest"
	"radagora/fhir"
)

// TestFHIRDoses finds the dose summary of a study by everything that the guide says a
// server shall answer, reads the report of it as a Composition and as a document, and
// validates all of them.
func TestFHIRDoses(t *testing.T) {
	slow(t)
	d := openFHIR(t)
	d.who = somebody(access.Radiologist)
	r := dosetest.New("summary", "dose report", "812.4", dosetest.Scan("scan", "12.5", "812.4"))
	r.PatientName, r.PatientID, r.Accession = "Muster^Anna", "4711", "A100"
	file, err := r.File()
	check(t, err)
	receive(t, d, file)
	check(t, d.h.settle(d.ctx))
	for n := 1; n > 0; {
		n, err = d.h.Dose.Derive(d.ctx, 10)
		check(t, err)
	}
	study := dosetest.UID("summary").String()
	o := d.want(200, "GET", "/Observation/"+study, "", "code.coding.code", "73569-6", "partOf.reference", "ImagingStudy/"+study, "performer.display", "Unknown", "component.valueQuantity.value", "812.4")
	patient, device := o.Get("subject.reference").Text(), o.Get("device.reference").Text()
	report := url.QueryEscape("urn:dicom:uid|urn:oid:" + dosetest.UID("dose report").String())
	for _, query := range []string{
		"identifier=" + report, "code=73569-6", "code=" + url.QueryEscape("http://loinc.org|73569-6"), "code=73569-6&patient=" + strings.TrimPrefix(patient, "Patient/"),
		"device=" + device, "part-of=ImagingStudy/" + study, "code=73569-6&date=2026-03-02", "code=73569-6&date=ge2026-03-01&date=lt2026-03-03",
	} {
		d.want(200, "GET", "/Observation?"+query, "", "total", "1", "entry.resource.id", study)
	}
	for _, query := range []string{"identifier=" + url.QueryEscape("urn:dicom:uid|1.2.3"), "code=73569-6&date=2025", "device=Device/none", "part-of=ImagingStudy/1.2.3"} {
		d.want(200, "GET", "/Observation?"+query, "", "total", "0")
	}
	c := d.want(200, "GET", "/Composition/"+study, "", "type.coding.code", "73569-6", "subject.reference", patient, "section.entry.reference", "Observation/"+study)
	for _, query := range []string{"_id=" + study, "type=73569-6", "patient=" + strings.TrimPrefix(patient, "Patient/"), "entry=Observation/" + study, "date=2026-03-02"} {
		d.want(200, "GET", "/Composition?"+query, "", "total", "1", "entry.resource.id", study)
	}
	b := d.want(200, "GET", "/Composition/"+study+"/$document", "", "type", "document", "entry.resource.resourceType", "Composition")
	held := map[string]bool{}
	for one := range b.Each("entry.resource") {
		held[one.Get("resourceType").Text()+"/"+one.Get("id").Text()] = true
	}
	for _, want := range []string{"Composition/" + study, patient, "Observation/" + study, device} {
		if !held[want] {
			t.Errorf("the document lacks %s: %v", want, held)
		}
	}
	machine := d.want(200, "GET", "/"+device, "", "type.coding.code", "CT")
	for _, one := range []fhir.Resource{o, c, b, machine} {
		for _, issue := range fhir.Validate(one) {
			t.Errorf("%s: %v", one.Type(), issue)
		}
	}
	d.want(404, "GET", "/Composition/1.2.3", "")
	d.want(404, "GET", "/Composition/1.2.3/$document", "")
	d.who = somebody(access.Learner)
	d.want(403, "GET", "/Composition", "")
}
