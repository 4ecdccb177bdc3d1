package fhirweb_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestViewsAreRun(t *testing.T) {
	at, _ := serve(t)
	observe(t, at, 2)
	const def = `{"name":"viewResource","resource":{"resourceType":"ViewDefinition","resource":"Observation","status":"active",
	 "select":[{"column":[{"name":"id","path":"getResourceKey()"},{"name":"patient","path":"subject.getReferenceKey(Patient)"},{"name":"at","path":"effective.ofType(dateTime)"}]}]}}`
	const other = `,{"name":"resource","resource":{"resourceType":"Observation","id":"x","status":"final","code":{"text":"a"}}}`
	for _, c := range []struct{ name, path, more, kind, want string }{
		{
			"all that is stored", "/ViewDefinition/$viewdefinition-run", "", "application/x-ndjson",
			`{"id":"Observation/o0","patient":"Patient/p1","at":"2026-03-01"}` + "\n" + `{"id":"Observation/o1","patient":"Patient/p1","at":"2026-03-02"}` + "\n",
		},
		{"what is given", "/$viewdefinition-run", other, "application/x-ndjson", `{"id":"Observation/x","patient":null,"at":null}` + "\n"},
		{"a table", "/$viewdefinition-run?_format=csv", other, "text/csv; charset=utf-8", "id,patient,at\nObservation/x,,\n"},
		{"a table without names", "/$viewdefinition-run?_format=csv&header=false", other, "text/csv; charset=utf-8", "Observation/x,,\n"},
		{"a list", "/$viewdefinition-run", other + `,{"name":"_format","valueCode":"json"}`, "application/json", `[{"id":"Observation/x","patient":null,"at":null}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+c.path, strings.NewReader(`{"resourceType":"Parameters","parameter":[`+def+c.more+`]}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/fhir+json")
			w, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Body.Close()
			text, err := io.ReadAll(w.Body)
			if err != nil || string(text) != c.want || w.Header.Get("Content-Type") != c.kind {
				t.Errorf("%s %s, %v; want %s %s", w.Header.Get("Content-Type"), text, err, c.kind, c.want)
			}
		})
	}
	ask(t, "POST", at+"/$viewdefinition-run", `{"resourceType":"Parameters","parameter":[{"name":"a","valueCode":"b"}]}`).want(t, 400)
	ask(t, "POST", at+"/$viewdefinition-run?_format=parquet", `{"resourceType":"Parameters","parameter":[`+def+`]}`).want(t, 406)
	ask(t, "POST", at+"/$viewdefinition-run", `{"resourceType":"Parameters","parameter":[`+strings.ReplaceAll(def, "Observation", "Device")+`]}`).want(t, 404)
}
