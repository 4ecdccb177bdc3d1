package dicomweb

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"radagora/dicom/uid"
	"radagora/fault"
)

// URI answers WADO-URI (PS3.18 chapter 9): one object or picture, asked for by
// parameters.
func (h *Handler) URI() http.Handler { return h.answering(h.uri) }

func (h *Handler) uri(w http.ResponseWriter, r *http.Request) error {
	if len(r.URL.RawQuery) > maxQuery {
		return fault.Errorf(fault.Invalid, "the query is longer than %d bytes", maxQuery)
	}
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return fault.Errorf(fault.Invalid, "the query is not percent-encoded as RFC 3986 says")
	}
	if !strings.EqualFold(q.Get("requestType"), "WADO") {
		return fault.Errorf(fault.Invalid, "requestType=WADO is needed (PS3.18 9.1.2.1)")
	}
	at, err := uriScope(q)
	if err != nil {
		return err
	}
	first, rest, stop, err := h.selected(r.Context(), at)
	if err != nil {
		return err
	}
	defer stop()
	ws := uriWants(q, r)
	offered := []string{typeDICOM}
	if h.Render != nil && q.Get("transferSyntax") == "" {
		offered = slices.Concat(h.Render.Types(), offered)
	}
	media, _, ok := choose(ws, offered...)
	switch {
	case !ok:
		return notAcceptable(offered...)
	case media == typeDICOM:
		return h.uriObject(w, r, q, first, rest)
	}
	return h.uriPicture(w, r, q, media, first)
}

// uriScope reads the UIDs of an object.
func uriScope(q url.Values) (Scope, error) {
	var at Scope
	for _, p := range []struct {
		name string
		to   *uid.UID
	}{{"studyUID", &at.Study}, {"seriesUID", &at.Series}, {"objectUID", &at.Instance}} {
		u, err := uid.Parse(q.Get(p.name))
		if err != nil {
			return at, fault.Errorf(fault.Invalid, "%s: a unique identifier is needed (PS3.18 9.1.2.1)", p.name)
		}
		*p.to = u
	}
	return at, nil
}

// uriWants returns what a client takes: contentType counts, or else Accept, or else
// a JPEG, the default (PS3.18 9.1.2.2.1).
func uriWants(q url.Values, r *http.Request) []want {
	text := strings.ReplaceAll(strings.Join(q["contentType"], ","), " ", "+")
	if text == "" {
		text = r.Header.Get("Accept")
	}
	var all []want
	for _, m := range parseAccept(text) {
		if w, ok := m.want(); ok {
			if s := q.Get("transferSyntax"); s != "" {
				w.syntax = s
			}
			all = append(all, w)
		}
	}
	if strings.TrimSpace(text) == "" {
		all = []want{{kind: "*", sub: "*", any: true, syntax: q.Get("transferSyntax")}}
	}
	return all
}

// uriObject answers with the object: as it is stored unless a transfer syntax is
// named that it can be given in.
func (h *Handler) uriObject(w http.ResponseWriter, r *http.Request, q url.Values, first Instance, rest func() (Instance, bool, error)) error {
	if strings.EqualFold(q.Get("anonymize"), "yes") {
		return fault.Errorf(fault.Unsupported, "anonymize: objects are given as they are; retrieve one and remove what must not leave (PS3.18 9.1.2.2.3)")
	}
	syntax := q.Get("transferSyntax")
	if syntax == "" {
		syntax = "*"
	}
	ds, _, err := h.deliveries([]want{{kind: "application", sub: "dicom", syntax: syntax}}, typeDICOM, first, rest)
	if err != nil {
		return err
	}
	return h.single(w, r, ds[0])
}

// uriPicture answers with a picture.
func (h *Handler) uriPicture(w http.ResponseWriter, r *http.Request, q url.Values, media string, first Instance) error {
	p, err := uriRendering(q)
	if err != nil {
		return err
	}
	p.MediaType = media
	frame := 1
	if text := q.Get("frameNumber"); text != "" {
		list, err := parseFrames(text)
		if err != nil || len(list) != 1 {
			return fault.Errorf(fault.Invalid, "frameNumber is one number from 1 (PS3.18 9.1.2.2.4)")
		}
		frame = list[0]
	}
	err = h.onePicture(w, r, first, frame, p)
	if err != nil && fault.Of(err) == fault.Unsupported && q.Get("contentType") == "" {
		return h.single(w, r, delivery{first, first.TransferSyntax}) // nothing to see: then the object itself
	}
	return err
}

// uriRendering reads the parameters of a picture (PS3.18 9.1.2.2.2 and following).
func uriRendering(q url.Values) (Rendering, error) {
	as := url.Values{}
	if s := q.Get("imageQuality"); s != "" {
		as.Set("quality", s)
	}
	if s := q.Get("imageAnnotation"); s != "" {
		as.Set("annotation", s)
	}
	center, width := q.Get("windowCenter"), q.Get("windowWidth")
	switch {
	case center != "" && width != "":
		as.Set("window", center+","+width)
	case center != "" || width != "":
		return Rendering{}, fault.Errorf(fault.Invalid, "windowCenter and windowWidth go together (PS3.18 9.1.2.2.6)")
	}
	p, err := parseRendering(as.Encode())
	if err != nil {
		return p, err
	}
	if err := side(q, "columns", &p.Viewport.Width); err != nil {
		return p, err
	}
	if err := side(q, "rows", &p.Viewport.Height); err != nil {
		return p, err
	}
	return p, region(q.Get("region"), &p.Viewport)
}

// side reads the number of rows or columns.
func side(q url.Values, name string, to *int) error {
	text := q.Get(name)
	if text == "" {
		return nil
	}
	n, err := finite(text)
	if err != nil || n < 1 || n > maxSide {
		return fault.Errorf(fault.Invalid, "%s is a number from 1 to %d (PS3.18 9.1.2.2.5)", name, maxSide)
	}
	*to = int(n)
	return nil
}

// region reads the part of the image that is shown, in fractions of its sides.
func region(text string, v *Viewport) error {
	if text == "" {
		return nil
	}
	fields := strings.Split(text, ",")
	wrong := fault.Errorf(fault.Invalid, "region is left,top,right,bottom, each from 0 to 1 (PS3.18 9.1.2.2.7)")
	if len(fields) != 4 {
		return wrong
	}
	var n [4]float64
	for i, f := range fields {
		var err error
		if n[i], err = finite(f); err != nil || n[i] < 0 || n[i] > 1 {
			return wrong
		}
	}
	if n[0] >= n[2] || n[1] >= n[3] {
		return wrong
	}
	v.X, v.Y, v.Columns, v.Rows, v.Fraction = n[0], n[1], n[2]-n[0], n[3]-n[1], true
	return nil
}
