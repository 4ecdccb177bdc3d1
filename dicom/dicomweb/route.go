package dicomweb

import (
	"net/http"
	"strings"

	"radagora/dicom/uid"
	"radagora/fault"
)

// The paths of the Studies Service (PS3.18 Table 10.1-1).
const (
	pathStudy    = "/studies/{study}"
	pathSeries   = pathStudy + "/series/{series}"
	pathInstance = pathSeries + "/instances/{instance}"
)

// An answer writes an answer or returns why there is none; then nothing was written.
type answer func(w http.ResponseWriter, r *http.Request) error

// A resource is a row of the table of what there is.
type resource struct {
	method, path string // below the root
	action       Action
	answer       answer
	types        []string // media types of the answer, for the capabilities
}

// resources returns the table of what this handler answers.
func (h *Handler) resources() []resource {
	all := []resource{
		{"GET", "/{$}", Capability, h.capabilities, []string{typeWADL, typePlainJSON}},
		{"OPTIONS", "/{path...}", Capability, h.options, nil},
		{"GET", "/{path...}", Capability, nothing, nil},
	}
	if h.Find != nil {
		all = append(all, h.searches()...)
	}
	if h.Objects != nil {
		all = append(all, h.retrievals()...)
	}
	if h.Objects != nil && h.Render != nil {
		all = append(all, h.renderings()...)
	}
	if h.Store != nil {
		types := []string{typeJSON, typeXML}
		all = append(all, resource{"POST", "/studies", StoreNew, h.store, types}, resource{"POST", pathStudy, StoreNew, h.store, types})
	}
	if h.Delete != nil {
		for _, p := range []string{pathStudy, pathSeries, pathInstance} {
			all = append(all, resource{"DELETE", p, Remove, h.remove, nil})
		}
	}
	return all
}

// nothing answers at addresses that are none.
func nothing(http.ResponseWriter, *http.Request) error {
	return fault.Errorf(fault.NotFound, "no such resource: GET the root for those there are (PS3.18 8.9)")
}

// Routes returns every address that h answers, with Root before it.
func (h *Handler) Routes() []Route {
	var all []Route
	for _, r := range h.resources() {
		all = append(all, Route{r.method + " " + h.Root + r.path, r.action, h.answering(r.answer)})
	}
	return all
}

// ServeHTTP answers what stands below Root.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.once.Do(func() {
		h.mux = http.NewServeMux()
		for _, r := range h.Routes() {
			h.mux.Handle(r.Pattern, r.Handler)
		}
	})
	h.mux.ServeHTTP(w, r)
}

// answering sets what every answer says of itself, and tells errors.
func (h *Handler) answering(do answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		header.Set("Cache-Control", "private, no-cache")
		header.Add("Vary", "Accept")
		header.Add("Vary", "Accept-Encoding")
		if err := do(w, r); err != nil {
			h.fail(w, r, err)
		}
	})
}

// scope reads the UIDs of the path.
func scope(r *http.Request) (Scope, error) {
	var s Scope
	for _, part := range []struct {
		name string
		to   *uid.UID
	}{{"study", &s.Study}, {"series", &s.Series}, {"instance", &s.Instance}} {
		text := r.PathValue(part.name)
		if text == "" {
			continue
		}
		u, err := uid.Parse(text)
		if err != nil {
			return s, fault.Errorf(fault.Invalid, "the %s in the path is no unique identifier: digits and dots, at most 64 (PS3.5 9.1)", part.name)
		}
		*part.to = u
	}
	return s, nil
}

// path returns the path of a scope below the root.
func (s Scope) path() string {
	var b strings.Builder
	for _, part := range []struct {
		name string
		u    uid.UID
	}{{"studies", s.Study}, {"series", s.Series}, {"instances", s.Instance}} {
		if !part.u.IsZero() {
			b.WriteString("/" + part.name + "/" + part.u.String())
		}
	}
	return b.String()
}

// scope returns the scope of an instance.
func (i Instance) scope() Scope { return Scope{i.Study, i.Series, i.SOP} }

// remove answers DELETE. The standard has none for stored objects; the query parameter
// reason says why.
func (h *Handler) remove(w http.ResponseWriter, r *http.Request) error {
	at, err := scope(r)
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(queryParam(r, "reason"))
	if reason == "" {
		return fault.Errorf(fault.Invalid, "a deletion needs a reason: DELETE …?reason=…, percent-encoded")
	}
	if err := h.Delete.Delete(r.Context(), at, reason); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
