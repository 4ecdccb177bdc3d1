package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"radagora/access"
	"radagora/worklist"
)

// An apiDesk asks the API as somebody.
type apiDesk struct {
	*ward
	handler http.Handler
	role    access.Role
}

// openAPI opens a house whose API answers whoever has a role.
func openAPI(t *testing.T) *apiDesk {
	t.Helper()
	w := openWard(t)
	mux := http.NewServeMux()
	for _, r := range w.h.newAPI().routes {
		answer := r.handler
		if r.act != "" {
			answer = w.h.only(r.act, answer)
		}
		mux.Handle(r.pattern, answer)
	}
	mux.Handle("/api/", w.h.newAPI().elsewhere())
	return &apiDesk{w, mux, access.Radiographer}
}

// ask sends a request and returns the answer's status, header and body.
func (d *apiDesk) ask(method, path, body string, header ...string) (int, http.Header, string) {
	d.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	q := httptest.NewRequest(method, path, r)
	q.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	ctx := access.WithJudge(q.Context(), d.h.Judge)
	if d.role != "" {
		ctx = access.With(ctx, access.Who{ID: "u-" + string(d.role), Grants: access.Everywhere(d.role), Door: "api"})
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, q.WithContext(ctx))
	return w.Code, w.Header(), w.Body.String()
}

const sampleOrder = `{"patient":{"id":"4711","name":"Muster^Anna","birth_date":"1970-02-03","sex":"F"},"accession":"A1",
	"description":"CT thorax","steps":[{"stations":["CT1"],"modality":"CT","start":"2026-11-22T09:30"}]}`

func TestOrderAPI(t *testing.T) {
	d := openAPI(t)
	status, header, body := d.ask("POST", "/api/v1/orders", sampleOrder, "Idempotency-Key", "k1")
	var o worklist.Order
	if status != 201 || json.Unmarshal([]byte(body), &o) != nil || o.Accession != "A1" || header.Get("Location") != "/api/v1/orders/"+o.ID {
		t.Fatalf("create: %d %s", status, body)
	}
	if status, header, again := d.ask("POST", "/api/v1/orders", sampleOrder, "Idempotency-Key", "k1"); status != 201 || again != body || header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("the same request: %d %s", status, again)
	}
	if status, _, text := d.ask("POST", "/api/v1/orders", sampleOrder); status != 409 {
		t.Errorf("the same accession number: %d %s; want 409", status, text)
	}
	if status, _, text := d.ask("GET", "/api/v1/worklist?from=2026-11-22&to=2026-11-22&station=CT1&text=muster", ""); status != 200 || strings.Count(text, o.ID) != 1 {
		t.Errorf("list: %d %s", status, text)
	}
	if status, _, text := d.ask("GET", "/api/v1/orders/"+o.ID, ""); status != 200 || text != body {
		t.Errorf("get: %d %s", status, text)
	}
	changed := strings.Replace(body, "CT thorax", "CT thorax with contrast", 1)
	if status, _, text := d.ask("PUT", "/api/v1/orders/"+o.ID, changed); status != 200 || !strings.Contains(text, `"version":2`) {
		t.Errorf("change: %d %s", status, text)
	}
	if status, _, text := d.ask("PUT", "/api/v1/orders/"+o.ID, changed); status != 409 {
		t.Errorf("an old version: %d %s; want 409", status, text)
	}
	if status, _, text := d.ask("POST", "/api/v1/orders/"+o.ID+"/steps/"+o.Steps[0].Key, `{"state":"arrived"}`); status != 200 || !strings.Contains(text, `"state":"arrived"`) {
		t.Errorf("arrived: %d %s", status, text)
	}
	if status, _, text := d.ask("POST", "/api/v1/orders/"+o.ID+"/cancel", `{"reason":"did not come"}`); status != 200 || !strings.Contains(text, `"state":"cancelled"`) {
		t.Errorf("cancel: %d %s", status, text)
	}
	for _, path := range []string{"/api/v1/performed-steps?unscheduled=true", "/api/v1/matches?match=unmatched"} {
		if status, _, text := d.ask("GET", path, ""); status != 200 || !strings.Contains(text, "[]") {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	var reads int
	check(t, d.h.Reads.Flush(t.Context()))
	check(t, d.h.DB.QueryRow(t.Context(), `select count(*) from journal_entry where kind = 'worklist.step.find'`).Scan(&reads))
	if reads == 0 {
		t.Error("nobody noted that the patient was looked at")
	}
}

func TestOrderAPIRefuses(t *testing.T) {
	d := openAPI(t)
	for _, c := range []struct {
		name, method, path, body string
		role                     access.Role
		header                   []string
		want                     int
		says                     string
	}{
		{"nobody", "GET", "/api/v1/worklist", "", "", nil, 401, "sign in"},
		{"a role that may not", "GET", "/api/v1/worklist", "", access.Learner, nil, 403, "worklist.step.find"},
		{"one that may only read", "POST", "/api/v1/orders", sampleOrder, access.Physicist, nil, 403, "worklist.step.change"},
		{"no JSON", "POST", "/api/v1/orders", "{", access.Steward, nil, 400, ""},
		{"nothing", "POST", "/api/v1/orders", "", access.Steward, nil, 400, ""},
		{"a field nobody knows", "POST", "/api/v1/orders", `{"patients":{}}`, access.Steward, nil, 422, "patients"},
		{"another media type", "POST", "/api/v1/orders", sampleOrder, access.Steward, []string{"Content-Type", "text/plain"}, 415, ""},
		{"a name that is a number", "POST", "/api/v1/orders", strings.Replace(sampleOrder, `"Muster^Anna"`, "7", 1), access.Steward, nil, 422, "body.patient.name"},
		{"no name", "POST", "/api/v1/orders", strings.Replace(sampleOrder, "Muster^Anna", "", 1), access.Steward, nil, 422, "body.patient.name"},
		{"a start that is none", "POST", "/api/v1/orders", strings.Replace(sampleOrder, "2026-11-22T09:30", "soon", 1), access.Steward, nil, 422, "body.steps[0].start"},
		{"a body without end", "POST", "/api/v1/orders", `{"comments":"` + strings.Repeat("x", 2<<20) + `"}`, access.Steward, nil, 413, ""},
		{"no such order", "GET", "/api/v1/orders/none", "", access.Steward, nil, 404, ""},
		{"a state nobody sets", "POST", "/api/v1/orders/x/steps/y", `{"state":"in_progress"}`, access.Steward, nil, 422, "state"},
		{"a page of another site", "POST", "/api/v1/orders", sampleOrder, access.Steward, []string{"Sec-Fetch-Site", "cross-site"}, 403, "another site"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d.role = c.role
			status, header, body := d.ask(c.method, c.path, c.body, c.header...)
			if status != c.want || !strings.Contains(body, c.says) || header.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%d %s %s; want %d problem details that say %q", status, header.Get("Content-Type"), body, c.want, c.says)
			}
			for _, secret := range []string{"Muster", "4711", "soon"} {
				if strings.Contains(body, secret) {
					t.Errorf("the answer repeats what was sent: %s", body)
				}
			}
		})
	}
}

// The description names every operation that answers, and is JSON.
func TestAPIDocument(t *testing.T) {
	d := openAPI(t)
	d.role = ""
	status, _, body := d.ask("GET", apiDocument, "")
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || status != 200 || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("%d, %v", status, err)
	}
	for _, r := range d.h.newAPI().routes {
		method, path, _ := strings.Cut(r.pattern, " ")
		if path != apiDocument && doc.Paths[path][strings.ToLower(method)] == nil {
			t.Errorf("%s is not described", r.pattern)
		}
	}
}

// FuzzOrderAPI sends anything as an order: it is kept or refused, and nothing breaks.
func FuzzOrderAPI(f *testing.F) {
	slow(f)
	for _, seed := range []string{sampleOrder, `{}`, `[]`, `null`, `{"patient":null,"steps":[null]}`, `{"steps":[{}],"patient":{"weight_kg":1e309}}`} {
		f.Add([]byte(seed))
	}
	var d *apiDesk
	f.Fuzz(func(t *testing.T, body []byte) {
		if d == nil || d.t.Context().Err() != nil {
			d = openAPI(t)
		}
		status, _, text := d.ask("POST", "/api/v1/orders", string(bytes.ToValidUTF8(body, []byte("?"))))
		if status >= 500 {
			t.Errorf("%d %s", status, text)
		}
	})
}
