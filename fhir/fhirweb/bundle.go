package fhirweb

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"radagora/fault"
	"radagora/fhir"
)

// bundle answers a batch or a transaction (R4, RESTful API, batch and transaction).
func (x *exchange) bundle() error {
	b, err := x.body()
	if err != nil {
		return err
	}
	kind := b.Get("type").Text()
	if b.Type() != "Bundle" || kind != "batch" && kind != "transaction" {
		return fault.Errorf(fault.Invalid, "a Bundle of the type batch or transaction is wanted")
	}
	if err := x.may(kind, "", ""); err != nil {
		return err
	}
	entries := []fhir.Value{}
	for e := range b.Each("entry") {
		if entries = append(entries, e); len(entries) > maxEntries {
			return fault.Errorf(fault.Exhausted, "more than %d entries", maxEntries)
		}
	}
	var out []any
	if kind == "batch" {
		for _, e := range entries {
			out = append(out, x.alone(e))
		}
	} else if out, err = x.together(entries); err != nil {
		return err
	}
	answer, err := fhir.New("Bundle", fhir.F("type", kind+"-response"), fhir.F("entry", fhir.List(out...)))
	if err != nil {
		return err
	}
	x.write(http.StatusOK, answer)
	return nil
}

// A job is an entry of a Bundle: a change, or something to read.
type job struct {
	change Change
	writer Writer
	typ    string
	answer func() (fhir.Resource, error) // of what reads
}

// job reads an entry.
func (x *exchange) job(e fhir.Value) (job, error) {
	method, address := e.Get("request.method").Text(), e.Get("request.url").Text()
	path, query, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(address, x.Base), "/"), "?")
	typ, id, _ := strings.Cut(strings.TrimSuffix(path, "/"), "/")
	t, served := x.Types[typ]
	if !served || strings.Contains(id, "/") {
		return job{}, fault.Errorf(fault.NotFound, "an entry has an address that is not served in a Bundle")
	}
	j := job{typ: typ, writer: t.Writer}
	r, _ := e.Get("resource").Resource()
	var err error
	switch {
	case method == http.MethodGet && id != "" && t.Reader != nil:
		if err = x.may("read", typ, id); err == nil {
			j.answer = func() (fhir.Resource, error) {
				st, err := t.Reader.Read(x.ctx, typ, id)
				return st.served(), err
			}
		}
	case method == http.MethodGet && id == "" && t.Searcher != nil:
		if err = x.may("search-type", typ, ""); err == nil {
			j.answer = func() (fhir.Resource, error) { return x.inBundle(t, typ, query) }
		}
	case method == http.MethodPost && id == "" && t.Writer != nil:
		if err = x.may("create", typ, ""); err == nil {
			j.change, err = x.creation(typ, r, e.Get("request.ifNoneExist").Text())
		}
	case method == http.MethodPut && t.Writer != nil && !t.Final:
		if err = x.may("update", typ, id); err == nil {
			j.change, err = x.changing(typ, id, r, query, e.Get("request.ifMatch").Text())
		}
	default:
		err = fault.Errorf(fault.Unsupported, "an entry asks for what is not done here")
	}
	j.change.FullURL = e.Get("fullUrl").Text()
	return j, err
}

// inBundle searches for an entry.
func (x *exchange) inBundle(t Type, typ, query string) (fhir.Resource, error) {
	values, err := url.ParseQuery(query)
	if err != nil {
		return fhir.Resource{}, fault.Errorf(fault.Invalid, "an entry has an address that is no search")
	}
	q, err := x.query(x.ctx, typ, values, x.strict())
	if err != nil || q.nothing {
		return fhir.Resource{}, err
	}
	page, err := t.Searcher.Search(x.ctx, q.Query)
	if err != nil {
		return fhir.Resource{}, err
	}
	return x.found(q, page)
}

// alone does one entry of a batch; that it fails does not matter to the others.
func (x *exchange) alone(e fhir.Value) fhir.Value {
	j, err := x.job(e)
	if err == nil && j.answer != nil {
		var r fhir.Resource
		if r, err = j.answer(); err == nil {
			return answered(http.StatusOK, r)
		}
	}
	if err == nil {
		var done []Written
		if done, err = j.writer.Write(x.ctx, []Change{j.change}); err == nil && len(done) == 1 {
			return x.changed(j.typ, done[0])
		}
		err = precondition(err, j.change)
	}
	status, outcome := x.outcome(err)
	return fhir.Object(fhir.F("response", fhir.Object(fhir.F("status", strconv.Itoa(status)), fhir.F("outcome", outcome))))
}

func answered(status int, r fhir.Resource) fhir.Value {
	return fhir.Object(fhir.F("resource", r), fhir.F("response", fhir.Object(fhir.F("status", strconv.Itoa(status)))))
}

func (x *exchange) changed(typ string, one Written) fhir.Value {
	status := "200"
	if one.Created {
		status = "201"
	}
	response := []fhir.Field{fhir.F("status", status), fhir.F("location", x.location(typ, one.Stored))}
	if one.Version != "" {
		response = append(response, fhir.F("etag", etag(one.Version)))
	}
	response = append(response, fhir.F("lastModified", one.Updated))
	fields := []fhir.Field{}
	if x.prefers("return") != "minimal" {
		fields = append(fields, fhir.F("resource", one.served()))
	}
	return fhir.Object(append(fields, fhir.F("response", fhir.Object(response...)))...)
}

// together does all entries of a transaction or none: what writes first, then what
// reads. All that is written must be kept in one place.
func (x *exchange) together(entries []fhir.Value) ([]any, error) {
	jobs := make([]job, len(entries))
	var changes []Change
	var writer Writer
	seen := map[string]bool{}
	for i, e := range entries {
		j, err := x.job(e)
		if err != nil {
			return nil, err
		}
		if jobs[i] = j; j.answer != nil {
			continue
		}
		if writer == nil {
			writer = j.writer
		}
		key := j.typ + "/" + j.change.Resource.ID()
		switch {
		case writer != j.writer:
			return nil, fault.Errorf(fault.Unsupported, "the entries are kept in different places and cannot be written together")
		case seen[key]:
			return nil, fault.Errorf(fault.Invalid, "two entries write the same resource")
		}
		seen[key] = true
		changes = append(changes, j.change)
	}
	var done []Written
	if len(changes) > 0 {
		var err error
		if done, err = writer.Write(x.ctx, changes); err != nil {
			if i := slices.IndexFunc(changes, Change.conditional); i >= 0 {
				err = precondition(err, changes[i])
			}
			return nil, err
		}
		if len(done) != len(changes) {
			return nil, fault.Errorf(fault.Internal, "%d resources were written; want %d", len(done), len(changes))
		}
	}
	out := make([]any, len(jobs))
	for i, j := range jobs {
		if j.answer == nil {
			out[i], done = x.changed(j.typ, done[0]), done[1:]
			continue
		}
		r, err := j.answer()
		if err != nil {
			return nil, err
		}
		out[i] = answered(http.StatusOK, r)
	}
	return out, nil
}

// Relink puts into the resources of changes the references that the others will have:
// a reference to the FullURL of one becomes Type/id. A Writer calls it once each
// resource has its id.
func Relink(changes []Change) []Change {
	to := map[string]string{}
	for _, c := range changes {
		if c.FullURL != "" {
			to[c.FullURL] = c.Resource.Type() + "/" + c.Resource.ID()
		}
	}
	if len(to) == 0 {
		return changes
	}
	out := append([]Change(nil), changes...)
	for i := range out {
		out[i].Resource = out[i].Resource.Rewrite(func(_, text string) string {
			if key, ok := to[text]; ok {
				return key
			}
			return text
		})
	}
	return out
}
