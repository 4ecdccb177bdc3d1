package web

import (
	"net/url"
	"strings"
)

// An address is a path of ours with its query. Filters, sorting and the open
// row live in it, so that every view can be sent, kept and gone back from. It is
// a value: with and without return another one.
type address struct {
	path  string
	query url.Values
}

// parseAddress reads a path with a query; what is no query is left out.
func parseAddress(s string) address {
	path, raw, _ := strings.Cut(s, "?")
	query, err := url.ParseQuery(raw)
	if err != nil {
		query = url.Values{}
	}
	return address{path: path, query: query}
}

// with returns the address with one parameter set, or taken away if value is "".
func (a address) with(key, value string) address {
	query := url.Values{}
	for k, v := range a.query {
		if k != key {
			query[k] = v
		}
	}
	if value != "" {
		query.Set(key, value)
	}
	return address{path: a.path, query: query}
}

// without returns the address without some parameters.
func (a address) without(keys ...string) address {
	for _, k := range keys {
		a = a.with(k, "")
	}
	return a
}

// at returns another path with the same query.
func (a address) at(path string) address { return address{path: path, query: a.query} }

// String returns the address as it stands in a link.
func (a address) String() string {
	if len(a.query) == 0 {
		return a.path
	}
	return a.path + "?" + a.query.Encode()
}

// here returns the address of this request without what only the moment knows.
func (v *visit) here() address {
	return address{path: v.r.URL.Path, query: v.r.URL.Query()}.without("done")
}

// localPath returns s if it is an address on this host, or else "/": a form may
// not send anyone elsewhere.
func localPath(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(s, "/") ||
		strings.HasPrefix(u.Path, "//") || strings.HasPrefix(s, "//") || strings.ContainsAny(s, "\\\r\n") {
		return "/"
	}
	return s
}
