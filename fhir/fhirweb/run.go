package fhirweb

import (
	"bytes"
	"encoding/csv"
	"iter"
	"net/http"
	"strconv"
	"strings"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
	"radagora/fhir/view"
)

// maxTable bounds what running a view answers.
const maxTable = 64 << 20

// runOperation is the last part of the address at which views are run (SQL on FHIR,
// $viewdefinition-run).
const runOperation = "$viewdefinition-run"

// run makes rows of a view: of the resources in the Parameters, or of all that are
// served of its type. The answer is NDJSON, JSON or CSV.
func (x *exchange) run() error {
	p, err := x.body()
	if err != nil {
		return err
	}
	format := x.r.URL.Query().Get("_format")
	header := x.r.URL.Query().Get("header") != "false"
	var def fhir.Resource
	var given []fhir.Resource
	for one := range p.Each("parameter") {
		r, isResource := one.Get("resource").Resource()
		switch name := one.Get("name").Text(); {
		case name == "viewResource" && isResource:
			def = r
		case name == "resource" && isResource:
			given = append(given, r)
		case name == "_format":
			format = one.Get("value[x]").Text()
		case name == "header":
			header = one.Get("value[x]").Text() != "false"
		}
	}
	if p.Type() != "Parameters" || def.IsZero() {
		return fault.Errorf(fault.Invalid, "Parameters with a viewResource are wanted")
	}
	v, err := view.Compile(def)
	if err != nil {
		return err
	}
	if err := x.may("viewdefinition-run", v.Of(), ""); err != nil {
		return err
	}
	t, ok := tables[strings.TrimSpace(format)]
	if !ok {
		return refuse(http.StatusNotAcceptable, "not-supported", "the rows of a view are served as ndjson, json or csv")
	}
	all := x.stored(v.Of())
	if given != nil {
		all = func(yield func(fhir.Resource, error) bool) {
			for _, r := range given {
				if !yield(r, nil) {
					return
				}
			}
		}
	}
	body, err := t.body(v, v.Stream(x.ctx, all, &fhirpath.Env{Now: x.Now()}), header)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", t.kind)
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = x.w.Write(body)
	return nil
}

// stored returns all resources of a type, page by page.
func (x *exchange) stored(typ string) iter.Seq2[fhir.Resource, error] {
	return func(yield func(fhir.Resource, error) bool) {
		t := x.Types[typ]
		if t.Searcher == nil {
			yield(fhir.Resource{}, fault.Errorf(fault.NotFound, "resources of this type are not searched here"))
			return
		}
		for cursor := ""; ; {
			page, err := t.Searcher.Search(x.ctx, Query{Type: typ, Count: maxCount, Cursor: cursor})
			if err != nil {
				yield(fhir.Resource{}, err)
				return
			}
			for _, st := range page.Matches {
				if !yield(st.served(), nil) {
					return
				}
			}
			if cursor = page.Next; cursor == "" {
				return
			}
		}
	}
}

// A tabular is a way to write rows.
type tabular struct {
	kind string
	body func(v *view.View, rows iter.Seq2[view.Row, error], header bool) ([]byte, error)
}

// tables are the ways to write rows by the name in _format; the first is usual.
var tables = map[string]tabular{
	"":                     {"application/x-ndjson", ndjson},
	"ndjson":               {"application/x-ndjson", ndjson},
	"application/x-ndjson": {"application/x-ndjson", ndjson},
	"json":                 {"application/json", jsonList},
	"application/json":     {"application/json", jsonList},
	"csv":                  {"text/csv; charset=utf-8", csvTable},
	"text/csv":             {"text/csv; charset=utf-8", csvTable},
}

func tooLong() error {
	return fault.Errorf(fault.Exhausted, "the rows take more than %d bytes", maxTable)
}

func ndjson(v *view.View, rows iter.Seq2[view.Row, error], _ bool) (b []byte, err error) {
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if b = append(v.AppendJSON(b, row), '\n'); len(b) > maxTable {
			return nil, tooLong()
		}
	}
	return b, nil
}

func jsonList(v *view.View, rows iter.Seq2[view.Row, error], _ bool) ([]byte, error) {
	b := []byte{'['}
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		if b = v.AppendJSON(b, row); len(b) > maxTable {
			return nil, tooLong()
		}
	}
	return append(b, ']'), nil
}

func csvTable(v *view.View, rows iter.Seq2[view.Row, error], header bool) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if header {
		if err := w.Write(v.Names()); err != nil {
			return nil, err
		}
	}
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		if err := w.Write(v.Record(row)); err != nil {
			return nil, err
		}
		if b.Len() > maxTable {
			return nil, tooLong()
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}
