package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const promisedFile = "../../docs/api/openapi-v1.json"

// TestAPIPromise holds the description against the one that was promised: nothing that
// a client may rest on goes away within v1. What was added is written with -update.
func TestAPIPromise(t *testing.T) {
	d := openAPI(t)
	now, err := d.h.newAPI().described(storyOnDisk(t))
	check(t, err)
	before, err := os.ReadFile(promisedFile)
	if *update && os.IsNotExist(err) {
		check(t, os.WriteFile(promisedFile, now, 0o644))
		return
	}
	check(t, err)
	broken := breaks(t, before, now)
	for _, b := range broken {
		t.Errorf("this breaks clients of v1: %s", b)
	}
	switch {
	case len(broken) > 0:
		t.Errorf("docs/api.md says what may change within v1; whatever else belongs into v2 (or, before v1 is released, begin %s anew)", promisedFile)
	case *update:
		check(t, os.WriteFile(promisedFile, now, 0o644))
	case string(before) != string(now):
		t.Errorf("%s is not what the code says, and nothing is broken: go test ./cmd/radagora -run TestAPIPromise -update, then make generate\n%s",
			promisedFile, changed(string(before), string(now)))
	}
}

// storyOnDisk returns the examples as TestAPIExamples may just have written them.
func storyOnDisk(t *testing.T) (all []example) {
	t.Helper()
	text, err := os.ReadFile(examplesFile)
	check(t, err)
	check(t, json.Unmarshal(text, &all))
	return all
}

// breaks returns what clients of a description cannot rest on any more in another.
func breaks(t *testing.T, before, now []byte) []string {
	t.Helper()
	var a, b map[string]any
	check(t, json.Unmarshal(before, &a))
	check(t, json.Unmarshal(now, &b))
	c := &promise{was: a, is: b}
	paths, _ := a["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for _, method := range slices.Sorted(maps.Keys(paths[path].(map[string]any))) {
			call := strings.ToUpper(method) + " " + path
			was, is := dig(a, "paths", path, method), dig(b, "paths", path, method)
			if is == nil {
				c.say("%s is gone", call)
				continue
			}
			c.operation(call, was, is)
		}
	}
	return c.found
}

// A promise compares two descriptions.
type promise struct {
	was, is map[string]any
	found   []string
}

func (c *promise) say(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(c.found, text) {
		c.found = append(c.found, text)
	}
}

// operation compares what an operation takes and gives.
func (c *promise) operation(call string, was, is any) {
	if dig(was, "operationId") != dig(is, "operationId") {
		c.say("%s is called %v and not %v", call, dig(is, "operationId"), dig(was, "operationId"))
	}
	params := func(o any) map[string]any {
		all := map[string]any{}
		list, _ := dig(o, "parameters").([]any)
		for _, p := range list {
			all[fmt.Sprint(dig(p, "in"), " ", dig(p, "name"))] = p
		}
		return all
	}
	a, b := params(was), params(is)
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if b[name] == nil {
			c.say("%s: parameter %s is gone", call, name)
			continue
		}
		c.taken(call+": "+name, dig(a[name], "schema"), dig(b[name], "schema"), map[string]bool{})
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if dig(b[name], "required") == true && dig(a[name], "required") != true {
			c.say("%s: parameter %s is needed now", call, name)
		}
	}
	path := []string{"requestBody", "content", "application/json", "schema"}
	if schema := dig(is, path...); schema != nil {
		c.taken(call+": body", dig(was, path...), schema, map[string]bool{})
	}
	answers, _ := dig(was, "responses").(map[string]any)
	for _, status := range slices.Sorted(maps.Keys(answers)) {
		if status[0] != '2' {
			continue
		}
		schema := dig(answers[status], "content", "application/json", "schema")
		if dig(is, "responses", status) == nil {
			c.say("%s: it does not answer %s any more", call, status)
		} else if schema != nil {
			c.given(call+": answer", schema, dig(is, "responses", status, "content", "application/json", "schema"), map[string]bool{})
		}
	}
}

// resolve follows references; seen says that the pair was compared already.
func (c *promise) resolve(a, b any, seen map[string]bool) (was, is any, again bool) {
	key := ""
	follow := func(v any, doc map[string]any) any {
		if ref, ok := dig(v, "$ref").(string); ok {
			key += ref
			return dig(doc, "components", "schemas", strings.TrimPrefix(ref, schemaPrefix))
		}
		return v
	}
	was, is = follow(a, c.was), follow(b, c.is)
	again = key != "" && seen[key]
	seen[key] = true
	return was, is, again
}

// types returns the types that a schema admits.
func types(schema any) (all []string) {
	switch x := dig(schema, "type").(type) {
	case string:
		all = []string{x}
	case []any:
		for _, one := range x {
			all = append(all, fmt.Sprint(one))
		}
	}
	return all
}

func strs(v any) (all []string) {
	list, _ := v.([]any)
	for _, one := range list {
		all = append(all, fmt.Sprint(one))
	}
	return all
}

// taken compares what may be sent: all that could be sent before can be.
func (c *promise) taken(at string, a, b any, seen map[string]bool) {
	was, is, again := c.resolve(a, b, seen)
	if again {
		return
	}
	if was == nil {
		if len(strs(dig(is, "required"))) > 0 {
			c.say("%s is needed now", at)
		}
		return
	}
	for _, one := range types(was) {
		if admitted := types(is); len(admitted) > 0 && !admits(admitted, one) {
			c.say("%s may not be a %s any more", at, one)
		}
	}
	if now := strs(dig(is, "enum")); now != nil {
		if before := strs(dig(was, "enum")); before == nil {
			c.say("%s may be only some values now", at)
		} else {
			for _, v := range before {
				if !slices.Contains(now, v) {
					c.say("%s may not be %q any more", at, v)
				}
			}
		}
	}
	for _, name := range strs(dig(is, "required")) {
		if !slices.Contains(strs(dig(was, "required")), name) {
			c.say("%s: %s is needed now", at, name)
		}
	}
	for bound, less := range map[string]bool{"maxLength": true, "maximum": true, "maxItems": true, "minLength": false, "minimum": false, "minItems": false} {
		x, had := dig(was, bound).(float64)
		y, has := dig(is, bound).(float64)
		if has && (!had || less && y < x || !less && y > x) {
			c.say("%s: %s is tighter", at, bound)
		}
	}
	fields, _ := dig(was, "properties").(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if now := dig(is, "properties", name); now == nil && dig(is, "additionalProperties") == false {
			c.say("%s: field %s may not be sent any more", at, name)
		} else if now != nil {
			c.taken(at+"."+name, fields[name], now, seen)
		}
	}
	if items := dig(was, "items"); items != nil && dig(is, "items") != nil {
		c.taken(at+"[]", items, dig(is, "items"), seen)
	}
}

// given compares what may be answered: all that was there before is.
func (c *promise) given(at string, a, b any, seen map[string]bool) {
	was, is, again := c.resolve(a, b, seen)
	if again {
		return
	}
	if is == nil {
		c.say("%s is gone", at)
		return
	}
	admitted := types(was)
	for _, one := range types(is) {
		if len(admitted) > 0 && !admits(admitted, one) {
			c.say("%s may be a %s now", at, one)
		}
	}
	for _, name := range strs(dig(was, "required")) {
		if !slices.Contains(strs(dig(is, "required")), name) {
			c.say("%s: %s may be left out now", at, name)
		}
	}
	fields, _ := dig(was, "properties").(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if now := dig(is, "properties", name); now == nil {
			c.say("%s: field %s is gone", at, name)
		} else {
			c.given(at+"."+name, fields[name], now, seen)
		}
	}
	if closed := strs(dig(was, "enum")); closed != nil {
		for _, v := range strs(dig(is, "enum")) {
			if !slices.Contains(closed, v) {
				c.say("%s may be %q now, and it was not said that values are added", at, v)
			}
		}
	}
	if items := dig(was, "items"); items != nil {
		c.given(at+"[]", items, dig(is, "items"), seen)
	}
}

// What breaks clients is found, and what does not is let through.
func TestBreaks(t *testing.T) {
	const before = `{"paths":{"/x":{"get":{"operationId":"list","parameters":[{"in":"query","name":"q","schema":{"type":"string","enum":["a","b"],"maxLength":9}}],
		"responses":{"200":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/X"}}}}}},
		"post":{"operationId":"add","requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/In"}}}},"responses":{"201":{}}}}},
		"components":{"schemas":{"X":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"n":{"type":"number"},"of":{"type":"array","items":{"$ref":"#/components/schemas/X"}}}},
		"In":{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"type":"string"},"b":{"type":"integer"}}}}}}`
	for _, c := range []struct{ name, old, now, want string }{
		{"nothing changes", ``, ``, ``},
		{"a field more in an answer", `"n":{"type":"number"}`, `"n":{"type":"number"},"m":{"type":"string"}`, ``},
		{"an optional field more in a request", `"b":{"type":"integer"}`, `"b":{"type":"integer"},"c":{"type":"string"}`, ``},
		{"a value more in a request", `["a","b"]`, `["a","b","c"]`, ``},
		{"a wider bound", `"maxLength":9`, `"maxLength":10`, ``},
		{"an operation is gone", `"post"`, `"patch"`, "POST /x is gone"},
		{"another name", `"operationId":"list"`, `"operationId":"find"`, "GET /x is called find"},
		{"a parameter is gone", `"name":"q"`, `"name":"r"`, "parameter query q is gone"},
		{"a parameter is needed", `"name":"q",`, `"name":"q","required":true,`, "parameter query q is needed"},
		{"a value less in a request", `["a","b"]`, `["a"]`, `may not be "b"`},
		{"a tighter bound", `"maxLength":9`, `"maxLength":8`, "maxLength is tighter"},
		{"a field of an answer is gone", `"n":{"type":"number"},`, ``, "field n is gone"},
		{"a field of an answer has another type", `"n":{"type":"number"}`, `"n":{"type":"string"}`, "may be a string now"},
		{"a field of an answer may be missing", `"required":["id"]`, `"required":[]`, "id may be left out"},
		{"a field of a request is needed", `"required":["a"]`, `"required":["a","b"]`, "b is needed now"},
		{"a field of a request is gone", `,"b":{"type":"integer"}`, ``, "field b may not be sent"},
		{"another status", `"201":{}`, `"204":{}`, "does not answer 201"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := breaks(t, []byte(before), []byte(strings.Replace(before, c.old, c.now, 1)))
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), c.want)) {
				t.Errorf("%q; want %q", got, c.want)
			}
		})
	}
}

// admits reports whether a type is among others: a whole number is a number.
func admits(types []string, one string) bool {
	return slices.Contains(types, one) || one == "integer" && slices.Contains(types, "number")
}
