package fhirweb_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
)

var start = time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)

// serve returns a server with Patients, Observations and Devices; Devices are only read.
func serve(t *testing.T) (at string, s *fhirweb.Server) {
	t.Helper()
	m := &memory{now: start, all: map[string][]fhirweb.Stored{}}
	n := 0
	kept := fhirweb.Type{Reader: m, Historian: m, Searcher: m, Writer: m}
	s = &fhirweb.Server{
		Base: "http://example.org/fhir", Software: "Test", Release: "1", Released: start,
		Types: map[string]fhirweb.Type{"Patient": kept, "Observation": kept, "Device": {Reader: m}},
		Log:   slog.New(slog.DiscardHandler), Now: func() time.Time { return start },
		NewID: func() string { n++; return "n" + strconv.Itoa(n) },
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL, s
}

// An answer is what came back.
type answer struct {
	status int
	header http.Header
	body   fhir.Resource
}

func ask(t *testing.T, method, at, body string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/fhir+json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	text, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: w.StatusCode, header: w.Header}
	if len(text) > 0 {
		if a.body, err = fhir.Parse(text); err != nil {
			t.Fatalf("%s %s: the answer is no resource: %v", method, at, err)
		}
		if issues := fhir.Validate(a.body); issues != nil {
			t.Errorf("%s %s: the answer is not valid: %v", method, at, issues)
		}
	}
	return a
}

func (a answer) want(t *testing.T, status int, texts ...string) answer {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d; want %d: %s", a.status, status, a.body.JSON())
	}
	for i := 0; i+1 < len(texts); i += 2 {
		if got := a.body.Get(texts[i]).Text(); got != texts[i+1] {
			t.Errorf("%s = %q; want %q", texts[i], got, texts[i+1])
		}
	}
	return a
}

const anna = `{"resourceType":"Patient","identifier":[{"system":"http://example.org/id","value":"1"}],"name":[{"family":"Probe","given":["Anna"]}],"birthDate":"1974-12-25","extension":[{"url":"http://example.org/x","valueDecimal":1.0}]}`

func TestCreateReadAndUpdate(t *testing.T) {
	at, _ := serve(t)
	made := ask(t, "POST", at+"/Patient", anna).want(t, 201, "id", "n1", "meta.versionId", "1", "extension.valueDecimal", "1.0")
	if got := made.header.Get("Location"); got != "http://example.org/fhir/Patient/n1/_history/1" {
		t.Errorf("Location = %s", got)
	}
	read := ask(t, "GET", at+"/Patient/n1", "").want(t, 200, "name.family", "Probe")
	if got := read.header.Get("ETag"); got != `W/"1"` {
		t.Errorf("ETag = %s", got)
	}
	ask(t, "GET", at+"/Patient/n1", "", "If-None-Match", `W/"1"`).want(t, 304)
	ask(t, "GET", at+"/Patient/n1", "", "If-Modified-Since", read.header.Get("Last-Modified")).want(t, 304)
	ask(t, "HEAD", at+"/Patient/n1", "").want(t, 200)

	changed := strings.Replace(anna, `"Patient"`, `"Patient","id":"n1"`, 1)
	ask(t, "PUT", at+"/Patient/n1", changed, "If-Match", `W/"7"`).want(t, 412, "issue.code", "conflict")
	ask(t, "PUT", at+"/Patient/n1", changed, "If-Match", `W/"1"`).want(t, 200, "meta.versionId", "2")
	ask(t, "PUT", at+"/Patient/n2", changed).want(t, 400, "issue.code", "invalid")
	ask(t, "PUT", at+"/Patient/own", strings.Replace(anna, `"Patient"`, `"Patient","id":"own"`, 1)).want(t, 201, "id", "own")

	ask(t, "GET", at+"/Patient/n1/_history/1", "").want(t, 200, "meta.versionId", "1")
	ask(t, "GET", at+"/Patient/n1/_history/9", "").want(t, 404, "issue.code", "not-found")
	ask(t, "GET", at+"/Patient/n1/_history", "").want(t, 200, "total", "2", "entry[0].resource.meta.versionId", "2", "entry[1].request.method", "POST")
}

func TestPrefer(t *testing.T) {
	at, _ := serve(t)
	if a := ask(t, "POST", at+"/Patient", anna, "Prefer", "return=minimal").want(t, 201); !a.body.IsZero() {
		t.Error("return=minimal has a body")
	}
	ask(t, "POST", at+"/Patient", anna, "Prefer", "return=OperationOutcome").want(t, 201, "resourceType", "OperationOutcome")
	ask(t, "POST", at+"/Patient", anna, "Prefer", "return=representation").want(t, 201, "resourceType", "Patient")
	ask(t, "GET", at+"/Patient?colour=red", "").want(t, 200, "total", "3", "link.url", "http://example.org/fhir/Patient")
	ask(t, "GET", at+"/Patient?colour=red", "", "Prefer", "handling=strict").want(t, 400, "issue.code", "not-supported")
	ask(t, "GET", at+"/Patient?birthdate=often", "").want(t, 400, "issue.code", "invalid")
}

func TestConditional(t *testing.T) {
	at, _ := serve(t)
	const unless = "identifier=http://example.org/id|1"
	ask(t, "POST", at+"/Patient", anna, "If-None-Exist", unless).want(t, 201, "id", "n1")
	ask(t, "POST", at+"/Patient", anna, "If-None-Exist", unless).want(t, 200, "id", "n1", "meta.versionId", "1")
	ask(t, "PUT", at+"/Patient?"+url.PathEscape(unless), anna).want(t, 200, "id", "n1", "meta.versionId", "2")
	ask(t, "POST", at+"/Patient", anna).want(t, 201)
	ask(t, "POST", at+"/Patient", anna, "If-None-Exist", unless).want(t, 412)
	ask(t, "PUT", at+"/Patient?"+url.PathEscape(unless), anna).want(t, 412)
	ask(t, "PUT", at+"/Patient?colour=red", anna).want(t, 400)
	ask(t, "PUT", at+"/Patient", anna).want(t, 400)
}

// observe stores a patient p1 and dose observations of it.
func observe(t *testing.T, at string, n int) {
	t.Helper()
	ask(t, "PUT", at+"/Patient/p1", strings.Replace(anna, `"Patient"`, `"Patient","id":"p1"`, 1)).want(t, 201)
	for i := range n {
		id := "o" + strconv.Itoa(i)
		ask(t, "PUT", at+"/Observation/"+id, `{"resourceType":"Observation","id":"`+id+`","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"73569-6"}]},
		 "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">a</div>"},
		 "subject":{"reference":"Patient/p1"},"device":{"reference":"Device/ct1"},"effectiveDateTime":"2026-03-0`+strconv.Itoa(i+1)+`"}`).want(t, 201)
	}
}

func TestSearch(t *testing.T) {
	at, _ := serve(t)
	observe(t, at, 5)
	for _, c := range []struct{ query, total, first string }{
		{"code=73569-6", "5", "o0"},
		{"code=http://loinc.org|73569-6&date=ge2026-03-03", "3", "o2"},
		{"_id=o1,o3", "2", "o1"},
		{"patient=p1&device=ct1&_sort=-date", "5", "o4"},
		{"subject:Patient.name=probe", "5", "o0"},
		{"patient.identifier=http://example.org/id|1", "5", "o0"},
		{"patient.name=nobody", "0", ""},
		{"code=1", "0", ""},
		{"date=gt2020-01-01&_summary=count", "5", ""},
		{"_count=0", "5", ""},
	} {
		t.Run(c.query, func(t *testing.T) {
			a := ask(t, "GET", at+"/Observation?"+c.query, "").want(t, 200, "type", "searchset", "total", c.total, "entry.resource.id", c.first)
			if strings.HasSuffix(c.query, "count") && a.body.Get("entry").Exists() {
				t.Error("a count has entries")
			}
		})
	}
	ask(t, "POST", at+"/Observation/_search", "code=73569-6", "Content-Type", "application/x-www-form-urlencoded").want(t, 200, "total", "5")
	if a := ask(t, "GET", at+"/Observation?_summary=data&_id=o1", "").want(t, 200, "total", "1"); a.body.Get("entry.resource.text").Exists() {
		t.Error("_summary=data has a narrative")
	}
}

func TestPagesFollowEachOther(t *testing.T) {
	at, s := serve(t)
	observe(t, at, 5)
	next, found := s.Base+"/Observation?_count=2&date=ge2026-01-01", []string{}
	for pages := 0; next != "" && pages < 9; pages++ {
		a := ask(t, "GET", at+strings.TrimPrefix(next, s.Base), "").want(t, 200, "total", "5", "link.relation", "self")
		for e := range a.body.Each("entry.resource.id") {
			found = append(found, e.Text())
		}
		next = ""
		for link := range a.body.Each("link") {
			if link.Get("relation").Text() == "next" {
				next = link.Get("url").Text()
			}
		}
	}
	if diff := cmp.Diff([]string{"o0", "o1", "o2", "o3", "o4"}, found); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
}

func TestIncludesComeOnce(t *testing.T) {
	at, _ := serve(t)
	observe(t, at, 2)
	a := ask(t, "GET", at+"/Observation?_include=Observation:subject&_include=Observation:device", "").want(t, 200, "total", "2")
	var modes []string
	for e := range a.body.Each("entry") {
		modes = append(modes, e.Get("resource.resourceType").Text()+" "+e.Get("search.mode").Text())
	}
	if diff := cmp.Diff([]string{"Observation match", "Observation match", "Patient include"}, modes); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

const two = `"entry":[
 {"fullUrl":"urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059","resource":` + anna + `,"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=http://example.org/id|1"}},
 {"resource":{"resourceType":"Observation","status":"final","code":{"text":"a"},"subject":{"reference":"urn:uuid:88f151c0-a954-468a-88bd-5ae15c08e059"}},"request":{"method":"POST","url":"Observation"}},
 {"request":{"method":"GET","url":"Patient?family=probe"}}`

func TestTransactionIsAllOrNothing(t *testing.T) {
	at, _ := serve(t)
	broken := `{"resourceType":"Bundle","type":"transaction",` + two + `,{"resource":{"resourceType":"Observation","code":{"text":"a"}},"request":{"method":"POST","url":"Observation"}}]}`
	ask(t, "POST", at, broken).want(t, 422)
	ask(t, "GET", at+"/Patient", "").want(t, 200, "total", "0")
	for range 2 { // the second finds the patient of the first
		a := ask(t, "POST", at, `{"resourceType":"Bundle","type":"transaction",`+two+`]}`)
		a.want(t, 200, "type", "transaction-response", "entry[2].resource.total", "1")
		patient := a.body.Get("entry[0].resource.id").Text()
		if got := a.body.Get("entry[1].resource.subject.reference").Text(); got != "Patient/"+patient || patient == "" {
			t.Errorf("the reference is %s; want Patient/%s", got, patient)
		}
	}
	ask(t, "GET", at+"/Observation?patient.family=probe", "").want(t, 200, "total", "2")
}

func TestBatchGoesOn(t *testing.T) {
	at, _ := serve(t)
	a := ask(t, "POST", at, `{"resourceType":"Bundle","type":"batch",`+two+`,{"request":{"method":"GET","url":"Patient/none"}},{"request":{"method":"DELETE","url":"Patient/none"}},{"request":{"method":"GET","url":"Group"}}]}`).want(t, 200)
	var got []string
	for e := range a.body.Each("entry") {
		got = append(got, e.Get("response.status").Text())
	}
	if diff := cmp.Diff([]string{"201", "201", "200", "404", "501", "404"}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestRefusals(t *testing.T) {
	at, _ := serve(t)
	for _, c := range []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     string
	}{
		{"a type that is not served", "GET", "/Group/1", "", nil, 404, "not-found"},
		{"a resource nobody has", "GET", "/Patient/1", "", nil, 404, "not-found"},
		{"XML", "GET", "/Patient/1", "", []string{"Accept", "application/fhir+xml"}, 406, "not-supported"},
		{"XML by parameter", "GET", "/Patient?_format=xml", "", nil, 406, "not-supported"},
		{"another version of FHIR", "GET", "/Patient", "", []string{"Accept", "application/fhir+json; fhirVersion=5.0"}, 406, "not-supported"},
		{"XML in the body", "POST", "/Patient", "<Patient/>", []string{"Content-Type", "application/fhir+xml"}, 415, "not-supported"},
		{"no JSON", "POST", "/Patient", "{", nil, 400, "invalid"},
		{"another type", "POST", "/Patient", `{"resourceType":"Observation","status":"final","code":{"text":"a"}}`, nil, 400, "invalid"},
		{"an invalid resource", "POST", "/Patient", `{"resourceType":"Patient","colour":"red"}`, nil, 422, "structure"},
		{"delete", "DELETE", "/Patient/1", "", nil, 405, "not-supported"},
		{"to write what is only read", "POST", "/Device", `{"resourceType":"Device"}`, nil, 405, "not-supported"},
		{"to search what is only read", "GET", "/Device", "", nil, 405, "not-supported"},
		{"criteria without end", "GET", "/Patient?" + strings.Repeat("family=a&", 200), "", nil, 413, "too-costly"},
		{"a Bundle that is none", "POST", "/", `{"resourceType":"Bundle","type":"collection"}`, nil, 400, "invalid"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ask(t, c.method, at+c.path, c.body, c.headers...).want(t, c.status, "resourceType", "OperationOutcome", "issue.code", c.code)
		})
	}
}

func TestWhoMayNot(t *testing.T) {
	at, s := serve(t)
	observe(t, at, 1)
	s.May = func(a fhirweb.Act) error {
		if a.Type == "Patient" {
			return fault.Errorf(fault.Forbidden, "you may not see patients")
		}
		return nil
	}
	ask(t, "GET", at+"/Patient/p1", "").want(t, 403, "issue.code", "forbidden")
	ask(t, "GET", at+"/Observation?_include=Observation:subject", "").want(t, 200, "total", "1", "entry[1].resource.id", "")
	ask(t, "GET", at+"/Observation?patient.family=probe", "").want(t, 403)
	a := ask(t, "POST", at, `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/p1"}}]}`)
	a.want(t, 200, "entry.response.status", "403")
}

func TestValidate(t *testing.T) {
	at, _ := serve(t)
	ask(t, "POST", at+"/Patient/$validate", anna).want(t, 200, "issue.severity", "information")
	ask(t, "POST", at+"/Patient/$validate", `{"resourceType":"Patient","gender":"x"}`).want(t, 200, "issue.expression", "Patient.gender")
	ask(t, "POST", at+"/Patient/$validate", `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":`+anna+`}]}`).want(t, 200, "issue.severity", "information")
}

func TestCapabilityStatement(t *testing.T) {
	at, _ := serve(t)
	a := ask(t, "GET", at+"/metadata", "").want(t, 200, "fhirVersion", "4.0.1", "rest.resource[0].type", "Device", "rest.resource[0].interaction.code", "read")
	var got []string
	for r := range a.body.Each("rest.resource") {
		line := r.Get("type").Text()
		for i := range r.Each("interaction.code") {
			line += " " + i.Text()
		}
		got = append(got, line)
	}
	kept := " read vread history-instance search-type create update"
	if diff := cmp.Diff([]string{"Device read", "Observation" + kept, "Patient" + kept}, got); diff != "" {
		t.Errorf("resources (-want +got):\n%s", diff)
	}
}

func TestEveryKindHasAStatus(t *testing.T) {
	at, s := serve(t)
	for _, kind := range fault.Kinds() {
		s.May = func(fhirweb.Act) error { return fault.Errorf(kind, "a reason") }
		a := ask(t, "GET", at+"/Patient/1", "")
		text := a.body.Get("issue.diagnostics").Text()
		if a.status < 400 || (text == "a reason") == (kind == fault.Internal) {
			t.Errorf("%v: status %d, %q", kind, a.status, text)
		}
	}
}

// FuzzServe sends any request: the answer is a resource or nothing, and never that
// something went wrong here.
func FuzzServe(f *testing.F) {
	f.Add("GET", "/Observation?subject:Patient.name=a&_sort=-date&_count=1", "")
	f.Add("GET", "/Patient/p1/_history/1", "")
	f.Add("PUT", "/Patient?identifier=a|b", anna)
	f.Add("POST", "/", `{"resourceType":"Bundle","type":"transaction",`+two+`]}`)
	f.Add("POST", "/", `{"resourceType":"Bundle","type":"batch",`+two+`]}`)
	f.Add("POST", "/Patient/$validate", anna)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://example.org"+path, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		r.Header.Set("Content-Type", "application/fhir+json")
		m := &memory{now: start, all: map[string][]fhirweb.Stored{}}
		kept := fhirweb.Type{Reader: m, Historian: m, Searcher: m, Writer: m}
		s := &fhirweb.Server{
			Types: map[string]fhirweb.Type{"Patient": kept, "Observation": kept},
			Now:   func() time.Time { return start }, NewID: func() string { return strconv.Itoa(len(m.all)) },
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError {
			t.Errorf("%s %q: %s", method, path, w.Body)
		}
		if w.Body.Len() > 0 {
			if _, err := fhir.Parse(w.Body.Bytes()); err != nil {
				t.Errorf("%s %q: the answer is no resource: %v", method, path, err)
			}
		}
	})
}
