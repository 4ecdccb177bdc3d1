package dicomweb

import (
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"radagora/fault"
)

// renderings returns the resources that are pictures (PS3.18 Tables 10.4.1-2 and -3).
func (h *Handler) renderings() []resource {
	types := h.Render.Types()
	var all []resource
	for _, p := range []string{pathStudy, pathSeries, pathInstance, pathInstance + "/frames/{list}"} {
		all = append(all,
			resource{"GET", p + "/rendered", Retrieve, h.picture(false), types},
			resource{"GET", p + "/thumbnail", Retrieve, h.picture(true), types})
	}
	return all
}

// Bounds of a picture.
const (
	maxSide       = 8192 // pixels
	thumbnailSide = 128  // pixels, unless a viewport is asked for
	maxPictures   = 512  // of one answer
)

// picture answers with one picture, or with one for each instance where a study or
// series is to be rendered. A thumbnail is that of an instance in the middle.
func (h *Handler) picture(thumbnail bool) answer {
	return func(w http.ResponseWriter, r *http.Request) error {
		at, err := scope(r)
		if err != nil {
			return err
		}
		if !thumbnail {
			if done, err := h.document(w, r, at); done || err != nil {
				return err
			}
		}
		p, err := parseRendering(r.URL.RawQuery)
		if err != nil {
			return err
		}
		offered := h.Render.Types()
		media, how, ok := choose(wants(r), offered...)
		if !ok {
			return notAcceptable(offered...)
		}
		p.MediaType, p.Thumbnail = media, thumbnail
		if p.Annotation {
			w.Header().Add("Warning", h.warning(h.base(r), "annotations are not burnt in: the metadata have what they would say"))
		}
		if thumbnail && p.Viewport == (Viewport{}) {
			p.Viewport = Viewport{Width: thumbnailSide, Height: thumbnailSide}
		}
		list := []int{1}
		if text := r.PathValue("list"); text != "" {
			if list, err = parseFrames(text); err != nil {
				return err
			}
		}
		first, rest, stop, err := h.selected(r.Context(), at)
		if err != nil {
			return err
		}
		defer stop()
		all := []Instance{first}
		for len(all) < maxPictures && at.Instance.IsZero() {
			i, more, err := rest()
			if err != nil {
				return err
			}
			if !more {
				break
			}
			all = append(all, i)
		}
		if thumbnail {
			err := h.thumbnail(w, r, all, list[0], p)
			if err != nil && fault.Of(err) == fault.Unsupported && queryParam(r, "instead") == "picture" {
				return standIn(w, r)
			}
			return err
		}
		if len(all) == 1 && len(list) == 1 && !how.multipart {
			return h.onePicture(w, r, all[0], list[0], p)
		}
		return h.pictures(w, r, all, list, p)
	}
}

// thumbnail answers with the picture that stands for many: of the one in the middle,
// or of the next that can be seen.
func (h *Handler) thumbnail(w http.ResponseWriter, r *http.Request, all []Instance, frame int, p Rendering) error {
	mid := len(all) / 2
	all = slices.Concat(all[mid:], all[:mid])
	var err error
	for k, i := range all[:min(len(all), 16)] {
		if err = h.onePicture(w, r, i, frame, p); fault.Of(err) != fault.Unsupported || k == len(all)-1 {
			return err
		}
	}
	return err
}

// standInSVG is what a page shows for a picture that cannot be drawn.
const standInSVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" role="img" aria-label="no preview: these pixels cannot be decoded here">` +
	`<title>no preview: these pixels cannot be decoded here</title><rect width="96" height="96" fill="#222"/>` +
	`<path d="M28 34h40v28H28zM28 62l14-14 9 9 7-6 10 11M24 72 72 24" fill="none" stroke="#aaa" stroke-width="3"/></svg>`

// standIn answers with what stands for a thumbnail, for pages that ask instead=picture:
// a picture that says that there is none. Deviation: PS3.18 knows errors alone.
func standIn(w http.ResponseWriter, r *http.Request) error {
	header := w.Header()
	for _, name := range []string{"ETag", "Content-Location"} {
		header.Del(name)
	}
	header.Set("Content-Type", "image/svg+xml")
	header.Set("Content-Length", strconv.Itoa(len(standInSVG)))
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, standInSVG) // whoever hung up learns nothing
	}
	return nil
}

// onePicture answers with a picture.
func (h *Handler) onePicture(w http.ResponseWriter, r *http.Request, i Instance, frame int, p Rendering) error {
	if i.Digest != "" {
		tag := i.Digest + "-" + strconv.Itoa(frame) + "-" + p.key()
		if strings.Contains(r.Header.Get("If-None-Match"), `"`+tag+`"`) {
			w.Header().Set("ETag", `"`+tag+`"`)
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
		tagged(w, tag)
	}
	o, err := h.Objects.Open(r.Context(), i)
	if err != nil {
		return err
	}
	defer func() { _ = o.Close() }() // it was only read
	w.Header().Set("Content-Type", p.MediaType)
	w.Header().Set("Content-Location", h.base(r)+i.scope().path()+"/frames/"+strconv.Itoa(frame)+"/rendered")
	late := &lateWriter{w: w}
	err = h.Render.Render(r.Context(), late, i, o, frame, p)
	switch {
	case err == nil && r.Method == http.MethodHead:
		return nil
	case err == nil && !late.begun:
		w.Header().Set("Content-Length", strconv.Itoa(late.b.Len()))
		_ = late.flush() // nobody takes it
		return nil
	case err != nil && !late.begun:
		return h.orGone(r.Context(), i, err)
	case err != nil:
		h.cut(r, err)
	}
	return nil
}

// pictures answers with a part for each picture. What cannot be seen is left out.
func (h *Handler) pictures(w http.ResponseWriter, r *http.Request, all []Instance, frames []int, p Rendering) error {
	boundary, begun := h.boundary(), false
	var skipped error
	for _, i := range all {
		for _, n := range frames {
			part, err := h.partPicture(r, boundary, i, n, p)
			switch {
			case fault.Of(err) == fault.Unsupported && err != nil:
				skipped = err
				continue
			case err != nil && !begun:
				return err
			case err != nil:
				h.cut(r, err)
			}
			if !begun {
				begun = true
				w.Header().Set("Content-Type", related(p.MediaType, boundary))
			}
			if _, err := w.Write(part); err != nil {
				return nobody(err)
			}
		}
	}
	if !begun {
		return skipped
	}
	partEnd(w, boundary)
	return nil
}

// partPicture returns a part with a picture.
func (h *Handler) partPicture(r *http.Request, boundary string, i Instance, frame int, p Rendering) ([]byte, error) {
	o, err := h.Objects.Open(r.Context(), i)
	if err != nil {
		return nil, err
	}
	defer func() { _ = o.Close() }() // it was only read
	var b lateWriter
	whole := &b.b
	partHead(whole, boundary, p.MediaType, h.base(r)+i.scope().path()+"/frames/"+strconv.Itoa(frame)+"/rendered")
	err = h.Render.Render(r.Context(), whole, i, o, frame, p)
	whole.WriteString("\r\n")
	return whole.Bytes(), h.orGone(r.Context(), i, err)
}

// key tells renderings apart.
func (p Rendering) key() string {
	parts := []string{strings.ReplaceAll(p.MediaType, "/", "."), strconv.Itoa(p.Quality), p.ICCProfile}
	numbers := []float64{float64(p.Viewport.Width), float64(p.Viewport.Height), p.Viewport.X, p.Viewport.Y, p.Viewport.Columns, p.Viewport.Rows}
	if p.Window != nil {
		parts, numbers = append(parts, p.Window.Function), append(numbers, p.Window.Center, p.Window.Width)
	}
	for _, n := range numbers {
		parts = append(parts, strconv.FormatFloat(n, 'g', -1, 64))
	}
	return strings.Join(parts, "_")
}

// parseRendering reads the parameters of a rendered resource (PS3.18 8.3.5).
func parseRendering(raw string) (Rendering, error) {
	var p Rendering
	if len(raw) > maxQuery {
		return p, fault.Errorf(fault.Invalid, "the query is longer than %d bytes", maxQuery)
	}
	q, err := url.ParseQuery(raw)
	if err != nil {
		return p, fault.Errorf(fault.Invalid, "the query is not percent-encoded as RFC 3986 says")
	}
	if text := q.Get("quality"); text != "" {
		if p.Quality, err = strconv.Atoi(text); err != nil || p.Quality < 1 || p.Quality > 100 {
			return p, fault.Errorf(fault.Invalid, "quality is a number from 1 to 100 (PS3.18 8.3.5.1.2)")
		}
	}
	if text := q.Get("window"); text != "" {
		if p.Window, err = parseWindow(text); err != nil {
			return p, err
		}
	}
	if text := q.Get("viewport"); text != "" {
		if p.Viewport, err = parseViewport(text); err != nil {
			return p, err
		}
	}
	for word := range strings.SplitSeq(q.Get("annotation"), ",") {
		switch strings.TrimSpace(word) {
		case "":
		case "patient", "technique":
			p.Annotation = true
		default:
			return p, fault.Errorf(fault.Invalid, "annotation is patient, technique or both with a comma (PS3.18 8.3.5.1.1)")
		}
	}
	switch p.ICCProfile = q.Get("iccprofile"); p.ICCProfile {
	case "", "no", "yes", "srgb", "adobergb", "rommrgb", "displayp3":
	default:
		return p, fault.Errorf(fault.Invalid, "iccprofile is no, yes, srgb, adobergb, rommrgb or displayp3 (PS3.18 8.3.5.1.5)")
	}
	return p, nil
}

// parseWindow reads center,width,function.
func parseWindow(text string) (*Window, error) {
	fields := strings.Split(text, ",")
	wrong := fault.Errorf(fault.Invalid, "window is center,width and, if wanted, linear, linear-exact or sigmoid; the width is at least 1, or above 0 where it is exact (PS3.18 8.3.5.1.4)")
	if len(fields) != 2 && len(fields) != 3 {
		return nil, wrong
	}
	w := &Window{Function: "LINEAR"}
	if len(fields) == 3 {
		w.Function = strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(fields[2]), "-", "_"))
	}
	var err [2]error
	w.Center, err[0] = finite(fields[0])
	w.Width, err[1] = finite(fields[1])
	known := slices.Contains([]string{"LINEAR", "LINEAR_EXACT", "SIGMOID"}, w.Function)
	if err[0] != nil || err[1] != nil || !known || w.Width <= 0 || w.Function == "LINEAR" && w.Width < 1 {
		return nil, wrong
	}
	return w, nil
}

// finite reads a number that is one.
func finite(s string) (float64, error) {
	n, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err == nil && (math.IsNaN(n) || math.IsInf(n, 0)) {
		err = strconv.ErrRange
	}
	return n, err
}

// parseViewport reads vw,vh,sx,sy,sw,sh, of which all but the first two may be empty
// or absent.
func parseViewport(text string) (Viewport, error) {
	fields := strings.Split(text, ",")
	wrong := fault.Errorf(fault.Invalid, "viewport is width,height and, if wanted, the part of the image as x,y,columns,rows; width and height are 1 to %d pixels (PS3.18 8.3.5.1.3)", maxSide)
	if len(fields) != 2 && len(fields) != 6 {
		return Viewport{}, wrong
	}
	var n [6]float64
	for k, f := range fields {
		if strings.TrimSpace(f) == "" {
			continue
		}
		var err error
		if n[k], err = finite(f); err != nil {
			return Viewport{}, wrong
		}
	}
	v := Viewport{Width: int(min(n[0], maxSide+1)), Height: int(min(n[1], maxSide+1)), X: n[2], Y: n[3], Columns: n[4], Rows: n[5]}
	if n[0] < 1 || n[1] < 1 || v.Width > maxSide || v.Height > maxSide || v.X < 0 || v.Y < 0 {
		return Viewport{}, wrong
	}
	return v, nil
}
