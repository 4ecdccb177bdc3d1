package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"radagora/access"
	"radagora/dicom"
	"radagora/dicom/dicomweb"
	"radagora/dicom/tag"
	"radagora/dose/dosetest"
	"radagora/fhir"
	"radagora/site"
	"radagora/worklist"
)

// A fhirDesk asks the FHIR door as somebody.
type fhirDesk struct {
	*ward
	t       *testing.T
	handler http.Handler
	who     access.Who
}

// openFHIR opens a house with a FHIR door for whoever has a role.
func openFHIR(t *testing.T) *fhirDesk {
	t.Helper()
	w := openWard(t)
	mux := http.NewServeMux()
	for _, r := range w.h.fhirRoutes(settings{HTTP: "127.0.0.1:8080", AE: "RADAGORA"}) {
		mux.Handle(r.pattern, r.handler)
	}
	return &fhirDesk{ward: w, t: t, handler: mux, who: somebody(access.Steward)}
}

func somebody(role access.Role) access.Who {
	return access.Who{ID: "u-" + string(role), Grants: access.Everywhere(role), Door: "api"}
}

// ask sends a request and returns the answer, which is a valid resource.
func (d *fhirDesk) ask(method, path, body string, header ...string) (int, http.Header, fhir.Resource) {
	d.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	q := httptest.NewRequest(method, "/fhir"+path, r)
	q.Header.Set("Content-Type", "application/fhir+json")
	q.Header.Set("Authorization", "Bearer of this test")
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, q.WithContext(access.With(access.WithJudge(q.Context(), d.h.Judge), d.who)))
	var answer fhir.Resource
	if w.Body.Len() > 0 {
		var err error
		if answer, err = fhir.Parse(w.Body.Bytes()); err != nil {
			d.t.Fatalf("%s %s: %d, no resource: %v", method, path, w.Code, err)
		}
		if issues := fhir.Validate(answer); len(issues) > 0 {
			d.t.Errorf("%s %s: not valid: %v", method, path, issues)
		}
	}
	return w.Code, w.Header(), answer
}

// want asks and holds status and elements, as path and text, against the answer.
func (d *fhirDesk) want(status int, method, path, body string, texts ...string) fhir.Resource {
	d.t.Helper()
	got, _, answer := d.ask(method, path, body)
	if got != status {
		d.t.Errorf("%s %s: %d; want %d: %s", method, path, got, status, answer.JSON())
	}
	for i := 0; i+1 < len(texts); i += 2 {
		if text := answer.Get(texts[i]).Text(); text != texts[i+1] {
			d.t.Errorf("%s %s: %s = %q; want %q", method, path, texts[i], text, texts[i+1])
		}
	}
	return answer
}

const (
	fhirAnna = `{"resourceType":"Patient","identifier":[{"system":"urn:oid:1.2.276.0.76.3","value":"4711"}],
		"name":[{"family":"Muster","given":["Anna","Maria"],"prefix":["Dr."]}],"gender":"female","birthDate":"1970-02-03"}`
	fhirOrder = `{"resourceType":"ServiceRequest","status":"active","intent":"order","priority":"urgent",
		"category":[{"coding":[{"system":"http://snomed.info/sct","code":"363679005"}]}],
		"identifier":[{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"ACSN"}]},"value":"A1001"},
			{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"PLAC"}]},"value":"P-1"}],
		"code":{"coding":[{"system":"http://hospital.example/procedures","code":"CTTH","display":"CT Thorax"}],"text":"CT thorax"},
		"orderDetail":[{"coding":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"}]}],
		"subject":{"reference":"SUBJECT"},"occurrenceDateTime":"2026-11-23T09:30:00+01:00","requester":{"display":"Rita Reader"},
		"reasonCode":[{"text":"Cough"},{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10","code":"R05","display":"Cough"}]}],
		"encounter":{"identifier":{"value":"V-7"}},"note":[{"text":"Walks"}]}`
	fhirWeight = `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"3141-9"}]},
		"subject":{"reference":"SUBJECT"},"effectiveDateTime":"2026-11-20T08:00:00Z",
		"valueQuantity":{"value":71500,"unit":"g","system":"http://unitsofmeasure.org","code":"g"}}`
)

// TestFHIRPeople creates, reads, searches and changes Patients and Observations.
func TestFHIRPeople(t *testing.T) {
	slow(t)
	d := openFHIR(t)
	d.want(200, "GET", "/metadata", "", "fhirVersion", "4.0.1")
	anna := d.want(201, "POST", "/Patient", fhirAnna, "name.family", "Muster", "name.given[1]", "Maria", "name.prefix", "Dr.", "birthDate", "1970-02-03")
	id := anna.ID()
	if strings.Contains(id, "4711") {
		t.Errorf("the id %s tells of the patient", id)
	}
	for _, query := range []string{
		"identifier=4711", "identifier=" + url.QueryEscape("urn:oid:1.2.276.0.76.3|4711"), "family=mus", "name=anna", "given=Maria", "birthdate=1970-02-03",
		"birthdate=lt1971&gender=female", "_id=" + id, "_lastUpdated=ge2020", "family:exact=Muster", "_sort=-birthdate", "family=xyz,must", "gender:not=male",
	} {
		d.want(200, "GET", "/Patient?"+query, "", "total", "1", "entry.resource.id", id)
	}
	for _, query := range []string{"identifier=471", "family=anna", "birthdate=1970-02-04", "gender=male", "_id=x", "identifier=" + url.QueryEscape("urn:oid:1.2|4711")} {
		d.want(200, "GET", "/Patient?"+query, "", "total", "0")
	}
	if status, _, _ := d.ask("GET", "/Patient?telecom=1&family=mus", "", "Prefer", "handling=strict"); status != 400 {
		t.Errorf("a parameter that is not answered, strict: %d; want 400", status)
	}
	d.want(200, "GET", "/Patient?telecom=1&family=xyz", "", "total", "0")
	d.want(409, "POST", "/Patient", fhirAnna)
	if status, _, same := d.ask("POST", "/Patient", fhirAnna, "If-None-Exist", "identifier=urn:oid:1.2.276.0.76.3|4711"); status != 200 || same.ID() != id {
		t.Errorf("created unless there: %d %s", status, same.ID())
	}
	for element, body := range map[string]string{
		"Patient.telecom":    strings.Replace(fhirAnna, `"gender"`, `"telecom":[{"value":"1"}],"gender"`, 1),
		"Patient.birthDate":  strings.Replace(strings.Replace(fhirAnna, "4711", "1", 1), "1970-02-03", "1970-02", 1),
		"Patient.identifier": `{"resourceType":"Patient","name":[{"family":"A"}]}`,
		"Patient.name[1]":    strings.Replace(fhirAnna, `"name":[`, `"name":[{"family":"Born"},`, 1),
	} {
		if got := d.want(422, "POST", "/Patient", body).Get("issue.expression").Text(); got != element {
			t.Errorf("refused %s; want %s", got, element)
		}
	}
	changed := strings.Replace(strings.Replace(fhirAnna, `"Patient"`, `"Patient","id":"`+id+`"`, 1), "Muster", "Neu", 1)
	if status, _, _ := d.ask("PUT", "/Patient/"+id, changed, "If-Match", `W/"old"`); status != 412 {
		t.Errorf("another version: %d; want 412", status)
	}
	_, header, _ := d.ask("GET", "/Patient/"+id, "")
	if status, h, now := d.ask("PUT", "/Patient/"+id, changed, "If-Match", header.Get("ETag")); status != 200 || now.Get("name.family").Text() != "Neu" || h.Get("ETag") == header.Get("ETag") {
		t.Errorf("changed: %d %s", status, now.JSON())
	}
	d.want(200, "GET", "/Patient?family=neu", "", "total", "1")
	d.want(404, "PUT", "/Patient/own", strings.Replace(fhirAnna, `"Patient"`, `"Patient","id":"own"`, 1))

	weight := strings.Replace(fhirWeight, "SUBJECT", "Patient/"+id, 1)
	o := d.want(201, "POST", "/Observation", weight, "valueQuantity.value", "71.5", "valueQuantity.code", "kg", "subject.reference", "Patient/"+id)
	d.want(200, "POST", "/Observation", weight, "id", o.ID())
	for _, query := range []string{"patient=" + id, "subject=Patient/" + id + "&code=29463-7", "code=" + url.QueryEscape("http://loinc.org|3141-9"), "date=2026-11-20", "category=vital-signs", "patient.identifier=4711", "_id=" + o.ID()} {
		d.want(200, "GET", "/Observation?"+query, "", "total", "1", "entry.resource.id", o.ID())
	}
	d.want(200, "GET", "/Observation?code=8302-2", "", "total", "0")
	giant := strings.NewReplacer("3141-9", "8302-2", "71500", "17", `"g"`, `"m"`).Replace(weight)
	d.want(201, "POST", "/Observation", giant, "dataAbsentReason.coding.code", "error", "note.text", "Not used: nobody has this size. Received: 17 m", "valueQuantity.value", "")
	d.want(422, "POST", "/Observation", strings.Replace(weight, "3141-9", "8867-4", 1), "issue.expression", "Observation.code")
	d.want(422, "POST", "/Observation", strings.Replace(weight, id, "nobody", 1), "issue.expression", "Observation.subject")
	d.want(405, "PUT", "/Observation/"+o.ID(), strings.Replace(weight, `"Observation"`, `"Observation","id":"`+o.ID()+`"`, 1))
	if status, _, _ := d.ask("POST", "/Patient", `{"resourceType":`); status != 400 {
		t.Errorf("malformed: %d; want 400", status)
	}
	if status, _, _ := d.ask("POST", "/Patient", `{"resourceType":"Patient","x":"`+strings.Repeat("x", 17<<20)+`"}`); status != 413 {
		t.Errorf("17 MiB: %d; want 413", status)
	}
}

// worklistOf returns the accession numbers that a machine is offered, with the weight.
func (d *fhirDesk) worklistOf() (all []string) {
	d.t.Helper()
	keys, err := dicom.NewBuilder().Text(tag.AccessionNumber).Dataset()
	check(d.t, err)
	for a, err := range d.h.Worklist.Find(d.ctx, site.Default, worklist.Asked{Keys: whole(d.t, keys), Caller: "CT1"}) {
		check(d.t, err)
		all = append(all, a.Dataset.Text(tag.AccessionNumber)+" "+a.Dataset.Text(tag.PatientName)+" "+a.Dataset.Text(tag.PatientWeight))
	}
	return all
}

// TestFHIROrders writes orders: alone, and with whom they are about.
func TestFHIROrders(t *testing.T) {
	slow(t)
	d := openFHIR(t)
	together := func(weight string) string {
		entry := func(n, resource, more string) string {
			resource = strings.ReplaceAll(resource, `"SUBJECT"`, `"urn:uuid:00000000-0000-4000-8000-000000000001"`)
			typ := strings.Split(resource, `"`)[3]
			return `{"fullUrl":"urn:uuid:00000000-0000-4000-8000-00000000000` + n + `","resource":` + resource + `,"request":{"method":"POST","url":"` + typ + `"` + more + `}}`
		}
		return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join([]string{
			entry("2", fhirOrder, ""), entry("3", weight, ""), entry("1", fhirAnna, `,"ifNoneExist":"identifier=4711"`),
			entry("4", `{"resourceType":"Encounter","status":"planned","class":{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"AMB"},"subject":{"reference":"SUBJECT"}}`, ""),
		}, ",") + `]}`
	}
	d.want(422, "POST", "", together(strings.Replace(fhirWeight, "3141-9", "8867-4", 1)), "issue.expression", "Observation.code")
	for _, typ := range []string{"Patient", "ServiceRequest", "Encounter"} {
		d.want(200, "GET", "/"+typ, "", "total", "0")
	}
	answer := d.want(200, "POST", "", together(fhirWeight), "type", "transaction-response", "entry[0].response.status", "201", "entry[2].response.status", "201")
	order := answer.Get("entry[0].resource.id").Text()
	if got := d.worklistOf(); !slices.Equal(got, []string{"A1001 Muster^Anna^Maria^Dr. 71.5"}) {
		t.Errorf("a machine is offered %v", got)
	}
	read := d.want(200, "GET", "/ServiceRequest/"+order, "", "status", "active", "priority", "urgent", "code.coding.system", "http://hospital.example/procedures",
		"requester.display", "Rita Reader", "encounter.identifier.value", "V-7", "reasonCode[1].text", "Cough", "occurrenceDateTime", "2026-11-23T08:30:00Z", "note.text", "Walks")
	subject := read.Get("subject.reference").Text()
	for _, query := range []string{
		"_id=" + order, "identifier=A1001", "identifier=P-1", "status=active", "code=CTTH", "code=" + url.QueryEscape("http://hospital.example/procedures|CTTH"),
		"patient=" + strings.TrimPrefix(subject, "Patient/"), "subject=" + subject, "occurrence=2026-11-23", "authored=ge2020-01-01", "patient.identifier=4711",
		"_lastUpdated=gt2020", "_sort=authored", "identifier=" + url.QueryEscape(read.Get("identifier[2].value").Text()),
	} {
		d.want(200, "GET", "/ServiceRequest?"+query, "", "total", "1", "entry.resource.id", order)
	}
	for _, query := range []string{"status=revoked", "code=X", "identifier=A1", "occurrence=2026-11-24", "patient=nobody"} {
		d.want(200, "GET", "/ServiceRequest?"+query, "", "total", "0")
	}
	d.want(200, "GET", "/ServiceRequest?_include=ServiceRequest:subject", "", "entry[1].resource.resourceType", "Patient", "entry[1].search.mode", "include")
	d.want(409, "POST", "/ServiceRequest", strings.Replace(fhirOrder, "SUBJECT", subject, 1))
	_, header, now := d.ask("GET", "/ServiceRequest/"+order, "")
	check(t, now.Set("code.text", "CT thorax with contrast"))
	if status, _, _ := d.ask("PUT", "/ServiceRequest/"+order, string(now.JSON()), "If-Match", `W/"1.0"`); status != 412 {
		t.Errorf("another version: %d; want 412", status)
	}
	if status, _, got := d.ask("PUT", "/ServiceRequest/"+order, string(now.JSON()), "If-Match", header.Get("ETag")); status != 200 || got.Get("code.text").Text() != "CT thorax with contrast" {
		t.Errorf("changed: %d %s", status, got.JSON())
	}
	check(t, now.Set("status", "revoked"))
	d.want(200, "PUT", "/ServiceRequest/"+order, string(now.JSON()), "status", "revoked")
	if got := d.worklistOf(); len(got) != 0 {
		t.Errorf("a machine is offered %v after the order was revoked", got)
	}
	d.want(200, "GET", "/ServiceRequest?status=revoked", "", "total", "1")
	for element, body := range map[string]string{
		"ServiceRequest.orderDetail":   strings.Replace(fhirOrder, `"orderDetail"`, `"_x"`, 1),
		"ServiceRequest.occurrence[x]": strings.Replace(fhirOrder, `"occurrenceDateTime":"2026-11-23T09:30:00+01:00",`, ``, 1),
		"ServiceRequest.category":      strings.Replace(fhirOrder, "363679005", "108252007", 1),
		"ServiceRequest.bodySite":      strings.Replace(fhirOrder, `"note"`, `"bodySite":[{"text":"leg"}],"note"`, 1),
	} {
		if strings.Contains(body, "_x") {
			a, rest, _ := strings.Cut(fhirOrder, `"orderDetail"`)
			_, after, _ := strings.Cut(rest, "}]}],")
			body = a + after
		}
		body = strings.Replace(body, "SUBJECT", subject, 1)
		if got := d.want(422, "POST", "/ServiceRequest", body).Get("issue.expression").Text(); got != element {
			t.Errorf("refused %s; want %s", got, element)
		}
	}
}

// TestFHIRStudies stores an object and reads its study, as those who may and as others.
func TestFHIRStudies(t *testing.T) {
	slow(t)
	d := openFHIR(t)
	text, err := os.ReadFile("/usr/lib/python3/dist-packages/pydicom/data/test_files/CT_small.dcm")
	if err != nil {
		t.Skip("pydicom's test files are not here")
	}
	receive(t, d, text)
	page := d.want(200, "GET", "/ImagingStudy?modality=CT", "", "total", "1", "entry.resource.numberOfInstances", "1", "entry.resource.endpoint.reference", "Endpoint/dicomweb")
	id := page.Get("entry.resource.id").Text()
	subject := page.Get("entry.resource.subject.reference").Text()
	d.want(200, "GET", "/ImagingStudy/"+id, "", "series.instance.sopClass.code", "urn:oid:1.2.840.10008.5.1.4.1.1.2", "started", "2004-01-19T07:27:30-05:00")
	for _, query := range []string{"_id=" + id, "identifier=urn:oid:" + id, "identifier=" + url.QueryEscape("urn:dicom:uid|"+id), "started=2004-01-19", "started=lt2005", "started=ge2004-01-19T07:00:00", "patient=" + strings.TrimPrefix(subject, "Patient/"), "status=available", "endpoint=dicomweb", "_lastUpdated=ge2020", "_sort=started"} {
		d.want(200, "GET", "/ImagingStudy?"+query, "", "total", "1")
	}
	for _, query := range []string{"_id=1.2.3", "started=2004-01-20", "modality=MR", "patient=nobody", "status=cancelled", "endpoint=other", "basedon=ServiceRequest/x", "started=gt2004-01-19T08:00:00"} {
		d.want(200, "GET", "/ImagingStudy?"+query, "", "total", "0")
	}
	d.want(200, "GET", "/"+subject, "", "identifier.value", "1CT1")
	d.want(405, "POST", "/ImagingStudy", `{"resourceType":"ImagingStudy"}`)
	d.want(404, "GET", "/ImagingStudy/1.2.3", "")
	d.want(200, "GET", "/Endpoint?connection-type=dicom-wado-rs", "", "total", "1")

	d.who = access.Who{}
	d.want(401, "GET", "/ImagingStudy", "", "issue.code", "login")
	d.want(200, "GET", "/metadata", "")
	d.who = somebody(access.Researcher)
	d.want(403, "GET", "/ImagingStudy/"+id, "")
	d.want(403, "GET", "/"+subject, "")
	d.who = somebody(access.Referrer) // who referred nobody
	d.want(200, "GET", "/ImagingStudy", "", "total", "0")
	for _, scopes := range []struct {
		name    string
		granted []string
		want    map[string]int
	}{
		{"one type, to read", []string{"user/ImagingStudy.r"}, map[string]int{"/ImagingStudy/" + id: 200, "/ImagingStudy": 403, "/" + subject: 403, "/Patient": 403}},
		{"one type, as v1", []string{"user/Patient.read"}, map[string]int{"/Patient": 200, "/" + subject: 200, "/ImagingStudy": 403}},
		{"all, to search", []string{"system/*.s"}, map[string]int{"/Patient": 200, "/" + subject: 403, "/ServiceRequest": 200}},
		{"with a query", []string{"user/Patient.rs?family=x"}, map[string]int{"/Patient": 403}},
	} {
		d.who = somebody(access.Steward)
		d.who.Resources = scopes.granted
		for path, status := range scopes.want {
			if got, _, _ := d.ask("GET", path, ""); got != status {
				t.Errorf("%s: %s is %d; want %d", scopes.name, path, got, status)
			}
		}
		if got, _, _ := d.ask("POST", "/Patient", fhirAnna); got != 403 {
			t.Errorf("%s: a create is %d; want 403", scopes.name, got)
		}
	}
	d.who = somebody(access.Radiologist)
	d.who.Only, d.who.Resources = "|SOMEBODY", []string{"patient/*.cruds"}
	d.want(404, "GET", "/ImagingStudy/"+id, "")
	d.want(404, "GET", "/"+subject, "")
	d.want(200, "GET", "/Patient", "", "total", "0")
	d.want(200, "GET", "/ImagingStudy?patient="+strings.TrimPrefix(subject, "Patient/"), "", "total", "0")
	d.want(404, "POST", "/Observation", strings.Replace(fhirWeight, "SUBJECT", subject, 1))
	d.who.Only = "|1CT1"
	d.want(200, "GET", "/ImagingStudy/"+id, "")
	d.want(201, "POST", "/Observation", strings.Replace(fhirWeight, "SUBJECT", subject, 1))
}

// receive stores an object as STOW-RS does.
func receive(t *testing.T, d *fhirDesk, text []byte) {
	t.Helper()
	r, err := receiver{d.h}.Receive(access.With(openly(context.Background(), d.h), somebody(access.Radiographer)), dicomweb.Arrival{Data: bytes.NewReader(text)})
	check(t, err)
	_, err = r.Wait(t.Context())
	check(t, err)
}

// fhirSees holds what a token sees by FHIR against what it sees by DICOMweb.
func fhirSees(t *testing.T, w *walk, secret string, sees []string) {
	t.Helper()
	get := func(path string) (int, map[string]any) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.server.URL+"/fhir/"+path, nil)
		check(t, err)
		q.Header.Set("Authorization", "Bearer "+secret)
		r, err := http.DefaultClient.Do(q)
		check(t, err)
		defer r.Body.Close()
		var b bytes.Buffer
		_, err = b.ReadFrom(r.Body)
		check(t, err)
		var answer map[string]any
		check(t, json.Unmarshal(b.Bytes(), &answer))
		return r.StatusCode, answer
	}
	status, answer := get("ImagingStudy?_summary=count")
	if n, _ := answer["total"].(float64); status == http.StatusOK && int(n) != len(sees) || status == http.StatusForbidden && !slices.Equal(sees, []string{"403 Forbidden"}) {
		t.Errorf("FHIR finds %d studies (%d); DICOMweb %v", int(n), status, sees)
	}
	for name, number := range map[string]string{"anna": "RA-1", "anna2": "RA-2", "berta": "RB", "clara": "RC"} {
		status, _ := get("ImagingStudy/" + dosetest.UID("study "+name).String())
		if may := slices.Contains(sees, number); may != (status == http.StatusOK) || !may && status != http.StatusNotFound && status != http.StatusForbidden {
			t.Errorf("the study of %s: %d; may be seen %v", name, status, may)
		}
	}
	if status, _ := get("ServiceRequest"); status != http.StatusForbidden {
		t.Errorf("orders, which no scope names: %d; want 403", status)
	}
}
