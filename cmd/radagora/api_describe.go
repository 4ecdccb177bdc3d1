package main

import (
	"encoding/json"
	"net/http"

	"radagora/fault"
)

// The description is made of the types that answer, and then says what they cannot: that
// answers may get fields and values later, and what requests and answers look like.

// document answers with the description.
func (d *apiDoor) document() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, err := d.text()
		if err != nil {
			tellPlainly(w, r, http.StatusInternalServerError, "the description cannot be written")
			return
		}
		w.Header().Set("Content-Type", "application/vnd.oai.openapi+json;version=3.1")
		_, _ = w.Write(text)
	})
}

// describe returns the description.
func (d *apiDoor) describe() ([]byte, error) {
	story, err := examples()
	if err != nil {
		return nil, err
	}
	return d.described(story)
}

// described returns the description with examples.
func (d *apiDoor) described(story []example) ([]byte, error) {
	text, err := json.Marshal(d.api.OpenAPI())
	if err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fault.As(fault.Internal, err)
	}
	openEnded(doc)
	exemplified(doc, story)
	text, err = json.MarshalIndent(doc, "", " ")
	return append(text, '\n'), fault.As(fault.Internal, err)
}

// at returns what stands at a path in JSON, nil if nothing does.
func dig(v any, path ...string) any {
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

// walkJSON calls do for each object in v.
func walkJSON(v any, do func(map[string]any)) {
	switch x := v.(type) {
	case map[string]any:
		do(x)
		for _, one := range x {
			walkJSON(one, do)
		}
	case []any:
		for _, one := range x {
			walkJSON(one, do)
		}
	}
}

const schemaPrefix = "#/components/schemas/"

// openEnded lets the schemas of answers grow: no object is closed, and an enumeration that
// stands in answers alone names the values of today.
func openEnded(doc map[string]any) {
	schemas, _ := dig(doc, "components", "schemas").(map[string]any)
	requests, answers := map[string]bool{}, map[string]bool{}
	var reach func(v any, seen map[string]bool)
	reach = func(v any, seen map[string]bool) {
		walkJSON(v, func(m map[string]any) {
			ref, _ := m["$ref"].(string)
			if len(ref) > len(schemaPrefix) && !seen[ref[len(schemaPrefix):]] {
				seen[ref[len(schemaPrefix):]] = true
				reach(schemas[ref[len(schemaPrefix):]], seen)
			}
		})
	}
	paths, _ := doc["paths"].(map[string]any)
	for _, item := range paths {
		operations, _ := item.(map[string]any)
		for _, o := range operations {
			reach(dig(o, "requestBody"), requests)
			reach(dig(o, "responses"), answers)
		}
	}
	for name, schema := range schemas {
		if !answers[name] {
			continue
		}
		walkJSON(schema, func(m map[string]any) {
			if m["additionalProperties"] == false {
				delete(m, "additionalProperties")
			}
			if values, ok := m["enum"]; ok && !requests[name] {
				delete(m, "enum")
				m["x-extensible-enum"] = values
			}
		})
	}
}
