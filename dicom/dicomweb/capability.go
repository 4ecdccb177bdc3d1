package dicomweb

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// typeWADL is how capabilities are described (PS3.18 8.9.2).
const typeWADL = "application/vnd.sun.wadl+xml"

// capabilities answers what there is (PS3.18 8.9): the table that is answered by.
func (h *Handler) capabilities(w http.ResponseWriter, r *http.Request) error {
	offered := []string{typeWADL, typePlainJSON, typeJSON, "application/xml"}
	media, how, ok := choose(wants(r), offered...)
	if !ok {
		return notAcceptable(offered...)
	}
	if how.any {
		media = typePlainJSON // a person with a browser or curl
	}
	w.Header().Set("Cache-Control", "private, no-cache")
	w.Header().Set("Content-Type", media)
	if media == typePlainJSON || media == typeJSON {
		return h.capabilitiesJSON(w, r)
	}
	return writeWhole(w, r, h.wadl(h.base(r)))
}

// options answers OPTIONS. Whether another site's page may ask is for the door.
func (h *Handler) options(w http.ResponseWriter, r *http.Request) error {
	if strings.Trim(r.PathValue("path"), "/") == "" && r.Header.Get("Origin") == "" {
		return h.capabilities(w, r)
	}
	w.Header().Set("Allow", strings.Join(h.methods(), ", "))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// methods returns the methods that anything here is asked for with.
func (h *Handler) methods() []string {
	all := []string{http.MethodHead}
	for _, r := range h.resources() {
		all = append(all, r.method)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A capability is a row of the table, as it is told.
type capability struct {
	Method string   `json:"method"`
	Path   string   `json:"path"`
	Action Action   `json:"action"`
	Types  []string `json:"types,omitempty"`
}

func (h *Handler) capabilitiesJSON(w http.ResponseWriter, r *http.Request) error {
	all := []capability{}
	for _, c := range h.resources() {
		if c.action != Capability {
			all = append(all, capability{c.method, c.template(), c.action, c.types})
		}
	}
	text, err := json.MarshalIndent(map[string]any{"name": h.Name, "base": h.base(r), "resources": all}, "", "  ")
	if err != nil {
		return err
	}
	return writeWhole(w, r, text)
}

// trailing is what ServeMux writes and a template of RFC 6570 does not.
var trailing = regexp.MustCompile(`\.\.\.\}|\{\$\}`)

// template returns the path as a template.
func (c resource) template() string {
	return trailing.ReplaceAllStringFunc(c.path, func(s string) string { return strings.TrimPrefix(strings.TrimSuffix(s, "{$}"), "...") })
}

// wadl returns the table as a WADL document.
func (h *Handler) wadl(base string) []byte {
	var b bytes.Buffer
	text := func(s string) { _ = xml.EscapeText(&b, []byte(s)) } // a buffer takes everything
	b.WriteString(xml.Header + `<application xmlns="http://wadl.dev.java.net/2009/02"><resources base="`)
	text(base)
	b.WriteString(`">`)
	for _, c := range h.resources() {
		if c.action == Capability {
			continue
		}
		b.WriteString(`<resource path="`)
		text(strings.TrimPrefix(c.template(), "/"))
		b.WriteString(`">`)
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(c.template(), -1) {
			b.WriteString(`<param name="` + m[1] + `" style="template" required="true"/>`)
		}
		b.WriteString(`<method name="` + c.method + `" id="` + string(c.action) + `">`)
		c.wadlBody(&b)
		b.WriteString(`</method></resource>`)
	}
	b.WriteString(`</resources></application>`)
	return b.Bytes()
}

// wadlBody writes what is sent and what comes.
func (c resource) wadlBody(w io.Writer) {
	out := func(s string) { _, _ = io.WriteString(w, s) } // a buffer takes everything
	switch c.action {
	case Search:
		out("<request>")
		for _, p := range []string{"limit", "offset", "fuzzymatching", "includefield"} {
			out(`<param name="` + p + `" style="query"/>`)
		}
		out("</request>")
	case StoreNew:
		out("<request>")
		for _, t := range storeTypes {
			out(`<representation mediaType="` + t + `"/>`)
		}
		out("</request>")
	case Retrieve, Remove, Capability: // the path says it all
	}
	out("<response>")
	for _, t := range c.types {
		out(`<representation mediaType="` + t + `"/>`)
	}
	out("</response>")
}
