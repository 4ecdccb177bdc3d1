package fhirweb

import (
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/search"
)

// cursorName carries the Cursor in the address of the next page.
const cursorName = "_cursor"

// A request is a search as it was asked.
type request struct {
	Query
	includes []include
	summary  string
	nothing  bool // a chained criterion leads nowhere
	used     url.Values
}

// An include adds what a reference leads to.
type include struct {
	parameter *search.Parameter
	target    string // "" for any type
}

func (x *exchange) searchForm(t Type, typ string) error {
	if kind, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return refuse(http.StatusUnsupportedMediaType, "not-supported", "the parameters of _search are sent as application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, 1<<20))
	if err != nil {
		return fault.Errorf(fault.Exhausted, "the body is too long or ended early")
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return fault.Errorf(fault.Invalid, "the body is no form")
	}
	for name, more := range x.r.URL.Query() {
		values[name] = append(values[name], more...)
	}
	return x.search(t, typ, values)
}

func (x *exchange) search(t Type, typ string, values url.Values) error {
	if t.Searcher == nil {
		return errNotAllowed
	}
	if err := x.may("search-type", typ, ""); err != nil {
		return err
	}
	q, err := x.query(x.ctx, typ, values, x.strict())
	if err != nil {
		return err
	}
	page := Page{}
	if !q.nothing {
		if page, err = t.Searcher.Search(x.ctx, q.Query); err != nil {
			return err
		}
	}
	b, err := x.found(q, page)
	if err != nil {
		return err
	}
	x.write(http.StatusOK, b)
	return nil
}

// zone returns the zone of times without one.
func (x *exchange) zone() int {
	if x.Zone == nil {
		return 0
	}
	return x.Zone(x.Now())
}

// query reads the parameters of a search. Those it does not know are left out, unless
// strict.
func (x *exchange) query(ctx context.Context, typ string, values url.Values, strict bool) (request, error) {
	q := request{Query: Query{Type: typ, Count: usualCount}, used: url.Values{}}
	if len(values) > maxParameter {
		return q, fault.Errorf(fault.Exhausted, "more than %d search parameters", maxParameter)
	}
	for _, name := range slices.Sorted(mapKeys(values)) {
		for _, text := range values[name] {
			err := x.parameter(ctx, &q, name, text)
			switch kind := fault.Of(err); {
			case err == nil && len(q.Criteria)+len(q.Sort)+len(q.includes) > maxParameter:
				return q, fault.Errorf(fault.Exhausted, "more than %d search parameters", maxParameter)
			case err == nil:
				q.used.Add(name, text)
			case (kind == fault.NotFound || kind == fault.Unsupported) && !strict:
			case kind == fault.NotFound || kind == fault.Unsupported:
				return q, refuse(http.StatusBadRequest, "not-supported", err.Error())
			default:
				return q, err
			}
		}
	}
	if q.summary == "count" {
		q.Count = 0
	}
	return q, nil
}

func mapKeys(values url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for name := range values {
			if !yield(name) {
				return
			}
		}
	}
}

// parameter reads one parameter.
func (x *exchange) parameter(ctx context.Context, q *request, name, text string) error {
	switch name {
	case "_format", "_pretty", "_total":
		return nil
	case "_count":
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return fault.Errorf(fault.Invalid, "_count is no number of resources")
		}
		q.Count = min(n, maxCount)
		return nil
	case cursorName:
		q.Cursor = text
		return nil
	case "_summary":
		if text != "count" && text != "false" && text != "data" {
			return fault.Errorf(fault.Unsupported, "_summary is count, data or false here")
		}
		q.summary = text
		return nil
	case "_sort":
		return q.sort(x.Types[q.Type], text)
	case "_include":
		return q.include(x.Types[q.Type], text)
	}
	if head, rest, chained := strings.Cut(name, "."); chained {
		return x.chain(ctx, q, head, rest, text)
	}
	c, err := x.Types[q.Type].criterion(q.Type, name, text, x.zone())
	if err == nil {
		q.Criteria = append(q.Criteria, c)
	}
	return err
}

func (q *request) sort(t Type, text string) error {
	for one := range strings.SplitSeq(text, ",") {
		code, descending := strings.CutPrefix(one, "-")
		p, ok := search.Find(q.Type, code)
		if !ok || !t.sorts(code) {
			return fault.Errorf(fault.NotFound, "there is no such parameter to sort by")
		}
		q.Sort = append(q.Sort, Order{p, descending})
	}
	return nil
}

func (q *request) include(t Type, text string) error {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != q.Type {
		return fault.Errorf(fault.Unsupported, "_include is Type:parameter or Type:parameter:Target, of the type that is searched")
	}
	p, ok := t.find(q.Type, parts[1])
	if !ok || p.Type != search.Reference {
		return fault.Errorf(fault.NotFound, "there is no such parameter to include by")
	}
	one := include{parameter: p}
	if len(parts) == 3 {
		one.target = parts[2]
	}
	q.includes = append(q.includes, one)
	return nil
}

// chain reads subject:Patient.name=a: the resources that the rest finds are what the
// reference may lead to.
func (x *exchange) chain(ctx context.Context, q *request, head, rest, text string) error {
	code, target, typed := strings.Cut(head, ":")
	p, ok := x.Types[q.Type].find(q.Type, code)
	if !ok || p.Type != search.Reference || strings.Contains(rest, ".") {
		return fault.Errorf(fault.NotFound, "there is no such parameter to chain by")
	}
	targets := p.Targets
	if typed {
		targets = []string{target}
	}
	var keys []string
	asked := false
	for _, of := range targets {
		t := x.Types[of]
		if t.Searcher == nil {
			continue
		}
		c, err := t.criterion(of, rest, text, x.zone())
		if fault.Of(err) == fault.NotFound && err != nil {
			continue
		}
		if err != nil {
			return err
		}
		asked = true
		if err := x.may("search-type", of, ""); err != nil {
			return err
		}
		page, err := t.Searcher.Search(ctx, Query{Type: of, Criteria: []search.Criterion{c}, Count: maxChained})
		if err != nil {
			return err
		}
		if page.Next != "" {
			return fault.Errorf(fault.Exhausted, "the chained criterion finds more than %d resources", maxChained)
		}
		for _, st := range page.Matches {
			keys = append(keys, of+"/"+st.Resource.ID())
		}
	}
	if !asked {
		return fault.Errorf(fault.NotFound, "nothing that this leads to is searched here by this parameter")
	}
	q.nothing = q.nothing || len(keys) == 0
	c := search.To(p, keys...)
	q.Criteria = append(q.Criteria, c)
	if of := x.Types[q.Type]; of.Accepts != nil && len(keys) > 0 {
		return of.Accepts(c)
	}
	return nil
}

// found returns the Bundle of a page.
func (x *exchange) found(q request, page Page) (fhir.Resource, error) {
	entries := make([]any, 0, len(page.Matches))
	shown := map[string]bool{}
	for _, st := range page.Matches {
		shown[q.Type+"/"+st.Resource.ID()] = true
		entries = append(entries, x.entry(st, q.summary, "match"))
	}
	for _, st := range page.Matches {
		more, err := x.included(q, st, shown)
		if err != nil {
			return fhir.Resource{}, err
		}
		entries = append(entries, more...)
	}
	links := []any{x.link("self", x.address(q.Type, q.used, q.Cursor))}
	if page.Next != "" {
		links = append(links, x.link("next", x.address(q.Type, q.used, page.Next)))
	}
	fields := []fhir.Field{fhir.F("type", "searchset")}
	if page.Total >= 0 {
		fields = append(fields, fhir.F("total", page.Total))
	}
	return fhir.New("Bundle", append(fields, fhir.F("link", fhir.List(links...)), fhir.F("entry", fhir.List(entries...)))...)
}

func (x *exchange) entry(st Stored, summary, mode string) fhir.Value {
	r := st.Resource
	return fhir.Object(
		fhir.F("fullUrl", x.Base+"/"+r.Type()+"/"+r.ID()),
		fhir.F("resource", summarised(st.served(), summary)),
		fhir.F("search", fhir.Object(fhir.F("mode", mode))),
	)
}

// address returns the address of a page of a search.
func (x *exchange) address(typ string, used url.Values, cursor string) string {
	all := url.Values{}
	for name, values := range used {
		if name != cursorName {
			all[name] = values
		}
	}
	if cursor != "" {
		all.Set(cursorName, cursor)
	}
	if len(all) == 0 {
		return x.Base + "/" + typ
	}
	return x.Base + "/" + typ + "?" + all.Encode()
}

// included returns what the references of a match lead to and is not shown yet. What
// the caller may not see, or nobody has, is left out.
func (x *exchange) included(q request, st Stored, shown map[string]bool) (entries []any, err error) {
	for _, one := range q.includes {
		found, err := one.parameter.Extract(x.ctx, st.Resource, x.zone())
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			of, id, ok := strings.Cut(e.Key, "/")
			if !ok || shown[e.Key] || one.target != "" && of != one.target || len(shown) > maxCount+maxIncluded {
				continue
			}
			t := x.Types[of]
			if t.Reader == nil || x.may("read", of, id) != nil {
				continue
			}
			target, err := t.Reader.Read(x.ctx, of, id)
			if kind := fault.Of(err); err != nil && (kind == fault.NotFound || kind == fault.Forbidden) {
				continue
			}
			if err != nil {
				return nil, err
			}
			shown[e.Key] = true
			entries = append(entries, x.entry(target, "", "include"))
		}
	}
	return entries, nil
}
