package main

import (
	"embed"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"radagora/fault"
)

// apiExamples are requests with their answers, one a line of a story; a test runs them
// one after another against a new installation and writes the answers.
//
//go:embed api_examples.json
var apiExamples embed.FS

// An example is a request and its answer, as the description shows them.
type example struct {
	Operation string            `json:"operation"`
	About     string            `json:"about"`
	As        string            `json:"as,omitempty"` // role of whoever asks; administrator if left out
	Path      map[string]string `json:"path,omitempty"`
	Query     url.Values        `json:"query,omitempty"`
	Header    map[string]string `json:"header,omitempty"`
	Body      json.RawMessage   `json:"body,omitempty"`
	Status    int               `json:"status"`
	Answer    json.RawMessage   `json:"answer,omitempty"`
}

// examples returns the story.
func examples() (all []example, err error) {
	text, err := apiExamples.ReadFile("api_examples.json")
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	return all, fault.As(fault.Internal, err)
}

// call returns the address of an example for an operation's path.
func (e example) call(path string) string {
	for name, v := range e.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(v))
	}
	if len(e.Query) > 0 {
		path += "?" + e.Query.Encode()
	}
	return path
}

// exemplified puts the examples into the description.
func exemplified(doc map[string]any, all []example) {
	paths, _ := doc["paths"].(map[string]any)
	for _, item := range paths {
		operations, _ := item.(map[string]any)
		for _, o := range operations {
			for _, e := range all {
				if dig(o, "operationId") == e.Operation {
					e.into(o)
				}
			}
		}
	}
}

// into puts an example beside the schemas of an operation.
func (e example) into(o any) {
	name := strings.NewReplacer(" ", "-", ",", "", "'", "").Replace(e.About)
	add := func(media any, v json.RawMessage) {
		m, ok := media.(map[string]any)
		if !ok || v == nil {
			return
		}
		in, _ := m["examples"].(map[string]any)
		if in == nil {
			in = map[string]any{}
			m["examples"] = in
		}
		in[name] = map[string]any{"summary": e.About, "value": v}
	}
	add(dig(o, "requestBody", "content", "application/json"), e.Body)
	code := strconv.Itoa(e.Status)
	for _, media := range []string{"application/json", "application/problem+json"} {
		add(dig(o, "responses", code, "content", media), e.Answer)
	}
	list, _ := dig(o, "parameters").([]any)
	for _, p := range list {
		m, _ := p.(map[string]any)
		of, _ := m["name"].(string)
		v := e.Path[of]
		if v == "" {
			v = strings.Join(e.Query[of], ",")
		}
		if v != "" && m["example"] == nil && e.Status < 300 {
			m["example"] = v
		}
	}
}
