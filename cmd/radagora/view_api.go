package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"radagora/fault"
	"radagora/web"
)

// An apiView shows what programs may ask, from the description that they get.
type apiView struct {
	*view
	door *apiDoor
}

// API implements web.API.
func (v apiView) API(ctx context.Context) (web.APIPage, error) {
	p := web.APIPage{Address: v.settings.base() + apiBase, Document: apiDocument}
	text, err := v.door.text()
	if err != nil {
		return p, err
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		return p, fault.As(fault.Internal, err)
	}
	story, err := examples()
	if err != nil {
		return p, err
	}
	for _, r := range v.door.routes { // in the order in which they were registered
		method, path, _ := strings.Cut(r.pattern, " ")
		o := dig(doc, "paths", path, strings.ToLower(method))
		if o == nil {
			continue
		}
		one := v.apiOperation(doc, o, method, path)
		one.Scope, one.May = string(r.act), mayAsk(ctx, r.act) == nil
		for _, e := range story {
			if e.Operation == one.ID {
				one.Examples = append(one.Examples, recipe(p.Address, method, strings.TrimPrefix(path, apiBase), e))
			}
		}
		group := strings.Join(jsonTexts(dig(o, "tags")), " ")
		i := slices.IndexFunc(p.Groups, func(g web.APIGroup) bool { return g.Name == group })
		if i < 0 {
			i, p.Groups = len(p.Groups), append(p.Groups, web.APIGroup{Name: group})
		}
		p.Groups[i].Operations = append(p.Groups[i].Operations, one)
	}
	return p, nil
}

// jsonTexts returns the texts of a list in JSON.
func jsonTexts(v any) (all []string) {
	list, _ := v.([]any)
	for _, one := range list {
		all = append(all, fmt.Sprint(one))
	}
	return all
}

// jsonText returns a text in JSON, "" for none.
func jsonText(v any, path ...string) string {
	s, _ := dig(v, path...).(string)
	return s
}

func (v apiView) apiOperation(doc map[string]any, o any, method, path string) web.APIOperation {
	one := web.APIOperation{
		ID: jsonText(o, "operationId"), Method: method, Path: path, Summary: jsonText(o, "summary"), Text: jsonText(o, "description"),
	}
	list, _ := dig(o, "parameters").([]any)
	for _, p := range list {
		f := fieldOf(jsonText(p, "name"), dig(p, "schema"))
		f.Text, f.Needed = cmp.Or(jsonText(p, "description"), f.Text), dig(p, "required") == true
		one.Parameters = append(one.Parameters, f)
	}
	one.Request = schemaFields(doc, "", dig(o, "requestBody", "content", "application/json", "schema"), 0)
	answers, _ := dig(o, "responses").(map[string]any)
	for _, status := range slices.Sorted(maps.Keys(answers)) {
		if status[0] == '2' {
			one.Answer = append(one.Answer, schemaFields(doc, "", dig(answers[status], "content", "application/json", "schema"), 0)...)
		}
	}
	return one
}

// deepest is how far fields of fields are listed.
const deepest = 4

// resolved follows a reference within the description.
func resolved(doc map[string]any, schema any) any {
	if ref := jsonText(schema, "$ref"); ref != "" {
		return dig(doc, "components", "schemas", strings.TrimPrefix(ref, schemaPrefix))
	}
	return schema
}

// schemaFields lists the fields of a schema, those of objects within it behind them.
func schemaFields(doc map[string]any, before string, schema any, depth int) (all []web.APIField) {
	schema = resolved(doc, schema)
	fields, _ := dig(schema, "properties").(map[string]any)
	needed := jsonTexts(dig(schema, "required"))
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f := fieldOf(before+name, fields[name])
		f.Needed = slices.Contains(needed, name)
		inner, dots := fields[name], "."
		if items := dig(inner, "items"); items != nil {
			inner, dots = items, "[]."
		}
		all = append(all, f)
		if depth < deepest {
			all = append(all, schemaFields(doc, before+name+dots, inner, depth+1)...)
		}
	}
	return all
}

// fieldOf describes a field by its schema.
func fieldOf(name string, schema any) web.APIField {
	f := web.APIField{Name: name, Text: jsonText(schema, "description"), Type: typeName(schema)}
	of := schema
	if items := dig(schema, "items"); items != nil {
		of = items
		if f.Type = "list"; typeName(items) != "object" {
			f.Type = "list of " + typeName(items)
		}
	}
	f.Values = jsonTexts(dig(of, "enum"))
	if open := jsonTexts(dig(of, "x-extensible-enum")); open != nil {
		f.Values, f.Open = open, true
	}
	return f
}

// typeName names a type for people.
func typeName(schema any) string {
	name, ok := dig(schema, "type").(string)
	if all := jsonTexts(dig(schema, "type")); len(all) > 0 {
		name, ok = all[0], true
	}
	switch {
	case jsonText(schema, "$ref") != "":
		return "object"
	case !ok:
		return "any"
	case jsonText(schema, "format") == "date-time":
		return "time"
	case jsonText(schema, "format") == "date":
		return "day"
	}
	return name
}

// recipe writes an example as a call of curl.
func recipe(base, method, path string, e example) web.APIExample {
	var b strings.Builder
	b.WriteString("curl -H \"Authorization: Bearer $TOKEN\"")
	if method != "GET" {
		b.WriteString(" -X " + method)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Header)) {
		fmt.Fprintf(&b, " \\\n  -H %s", quoted(name+": "+e.Header[name]))
	}
	if e.Body != nil {
		fmt.Fprintf(&b, " \\\n  -H 'Content-Type: application/json' \\\n  -d %s", quoted(pretty(e.Body)))
	}
	fmt.Fprintf(&b, " \\\n  %s", quoted(base+e.call(path)))
	return web.APIExample{About: e.About, Curl: b.String(), Status: e.Status, Answer: pretty(e.Answer)}
}

// quoted writes a word for the shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// pretty writes JSON for people, "" for none.
func pretty(text json.RawMessage) string {
	var b bytes.Buffer
	if len(text) == 0 || json.Indent(&b, text, "", "  ") != nil {
		return ""
	}
	return b.String()
}
