package fhirweb

import (
	"net/http"
	"strings"
	"time"

	"radagora/fault"
	"radagora/fhir"
)

// served returns the resource with its version and the time of its last change.
func (st Stored) served() fhir.Resource {
	r := st.Resource
	if st.Version != "" {
		_ = r.Set("meta.versionId", st.Version)
	}
	if !st.Updated.IsZero() {
		_ = r.Set("meta.lastUpdated", st.Updated)
	}
	return r
}

func etag(version string) string { return `W/"` + version + `"` }

// untag returns the version that an ETag names.
func untag(tag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
}

// head sets the headers that say which version is served.
func (x *exchange) head(st Stored) {
	if st.Version != "" {
		x.w.Header().Set("ETag", etag(st.Version))
	}
	if !st.Updated.IsZero() {
		x.w.Header().Set("Last-Modified", st.Updated.UTC().Format(http.TimeFormat))
	}
}

// unchanged reports whether the caller has this version already.
func (x *exchange) unchanged(st Stored) bool {
	if tags := x.r.Header.Get("If-None-Match"); tags != "" {
		for tag := range strings.SplitSeq(tags, ",") {
			if v := untag(tag); v == "*" || v == st.Version && v != "" {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(x.r.Header.Get("If-Modified-Since"))
	return err == nil && !st.Updated.IsZero() && !st.Updated.Truncate(time.Second).After(since)
}

func (x *exchange) read(t Type, typ, id string) error {
	if t.Reader == nil {
		return errNotAllowed
	}
	if err := x.may("read", typ, id); err != nil {
		return err
	}
	st, err := t.Reader.Read(x.ctx, typ, id)
	if err != nil {
		return err
	}
	return x.one(st)
}

// document answers with a Composition and what it refers to, as a Bundle (R4, Composition,
// Generate a Document). Nothing is kept.
func (x *exchange) document(t Type, typ, id string) error {
	if x.r.URL.Query().Get("persist") == "true" {
		return fault.Errorf(fault.Unsupported, "documents are made when they are asked for, and not kept")
	}
	if err := x.may("read", typ, id); err != nil {
		return err
	}
	b, err := t.Documenter.Document(x.ctx, id)
	if err != nil {
		return err
	}
	x.write(http.StatusOK, b)
	return nil
}

func (x *exchange) vread(t Type, typ, id, version string) error {
	if t.Historian == nil {
		return errNotAllowed
	}
	if err := x.may("vread", typ, id); err != nil {
		return err
	}
	st, err := t.Historian.ReadVersion(x.ctx, typ, id, version)
	if err != nil {
		return err
	}
	return x.one(st)
}

// one answers with a resource, or that it has not changed.
func (x *exchange) one(st Stored) error {
	x.head(st)
	if x.unchanged(st) {
		x.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	x.write(http.StatusOK, summarised(st.served(), x.r.URL.Query().Get("_summary")))
	return nil
}

// summarised leaves out the narrative for _summary=data.
func summarised(r fhir.Resource, summary string) fhir.Resource {
	if summary == "data" {
		_ = r.Set("text", nil)
	}
	return r
}

func (x *exchange) history(t Type, typ, id string) error {
	if t.Historian == nil {
		return errNotAllowed
	}
	if err := x.may("history-instance", typ, id); err != nil {
		return err
	}
	all, err := t.Historian.History(x.ctx, typ, id)
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return fault.Errorf(fault.NotFound, "there is no such resource")
	}
	entries := make([]any, len(all))
	for i, st := range all {
		method, status := "PUT", "200"
		if i == len(all)-1 {
			method, status = "POST", "201"
		}
		entries[i] = fhir.Object(
			fhir.F("fullUrl", x.Base+"/"+typ+"/"+id),
			fhir.F("resource", st.served()),
			fhir.F("request", fhir.Object(fhir.F("method", method), fhir.F("url", typ+"/"+id))),
			fhir.F("response", fhir.Object(fhir.F("status", status), fhir.F("etag", etag(st.Version)), fhir.F("lastModified", st.Updated))),
		)
	}
	b, err := fhir.New("Bundle", fhir.F("type", "history"), fhir.F("total", len(all)),
		fhir.F("link", fhir.List(x.link("self", x.Base+"/"+typ+"/"+id+"/_history"))), fhir.F("entry", fhir.List(entries...)))
	if err != nil {
		return err
	}
	x.write(http.StatusOK, b)
	return nil
}

func (x *exchange) link(relation, url string) fhir.Value {
	return fhir.Object(fhir.F("relation", relation), fhir.F("url", url))
}
