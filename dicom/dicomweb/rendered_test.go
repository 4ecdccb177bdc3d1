package dicomweb_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"radagora/dicom/dicomweb"
	"radagora/fault"
)

// A painter writes what it was asked for instead of a picture.
type painter struct{ blind string }

func (painter) Types() []string { return []string{"image/jpeg", "image/png"} }

func (p painter) Render(_ context.Context, w io.Writer, i dicomweb.Instance, _ dicomweb.Object, frame int, r dicomweb.Rendering) error {
	if i.SOP.String() == p.blind {
		return fault.Errorf(fault.Unsupported, "nothing to see")
	}
	if frame > 3 {
		return fault.Errorf(fault.NotFound, "no such frame")
	}
	window := "auto"
	if r.Window != nil {
		window = fmt.Sprint(*r.Window)
	}
	_, err := fmt.Fprintf(w, "%s %d q%d %s %v", r.MediaType, frame, r.Quality, window, r.Viewport)
	return err
}

func TestRendered(t *testing.T) {
	_, h := door(t)
	h.Render = painter{}
	const instance = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
	for _, c := range []struct{ name, path, accept, want string }{
		{"the default", instance + "/rendered", "", "image/jpeg 1 q0 auto {0 0 0 0 0 0 false}"},
		{"PNG", instance + "/rendered", "image/png", "image/png 1 q0 auto {0 0 0 0 0 0 false}"},
		{"a frame", instance + "/frames/3/rendered", "", "image/jpeg 3 q0 auto {0 0 0 0 0 0 false}"},
		{"window and quality", instance + "/rendered?window=40,400,linear&quality=55", "", "image/jpeg 1 q55 {40 400 LINEAR} {0 0 0 0 0 0 false}"},
		{"an exact window", instance + "/rendered?window=-0.5,0.25,linear-exact", "", "image/jpeg 1 q0 {-0.5 0.25 LINEAR_EXACT} {0 0 0 0 0 0 false}"},
		{"a window without function", instance + "/rendered?window=40,400", "", "image/jpeg 1 q0 {40 400 LINEAR} {0 0 0 0 0 0 false}"},
		{"viewport", instance + "/rendered?viewport=16,20", "", "image/jpeg 1 q0 auto {16 20 0 0 0 0 false}"},
		{"part of the image, flipped", instance + "/rendered?viewport=16,20,1,,-5,6", "", "image/jpeg 1 q0 auto {16 20 1 0 -5 6 false}"},
		{"a thumbnail is small", instance + "/thumbnail", "", "image/jpeg 1 q0 auto {128 128 0 0 0 0 false}"},
		{"unless another size is asked for", instance + "/thumbnail?viewport=64,64", "", "image/jpeg 1 q0 auto {64 64 0 0 0 0 false}"},
		{"thumbnail of a series", "/studies/1.2.1/series/1.2.1.1/thumbnail", "image/png", "image/png 1 q0 auto {128 128 0 0 0 0 false}"},
		{"thumbnail of a study", "/studies/1.2.1/thumbnail", "", "image/jpeg 1 q0 auto {128 128 0 0 0 0 false}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var fields []string
			if c.accept != "" {
				fields = append(fields, "Accept: "+c.accept)
			}
			r := ask(t, h, "GET", c.path, nil, fields...)
			if b := text(t, r); r.StatusCode != http.StatusOK || b != c.want || r.Header.Get("ETag") == "" {
				t.Errorf("%d %q; want %q", r.StatusCode, b, c.want)
			}
			again := ask(t, h, "GET", c.path, nil, append(fields, "If-None-Match: "+r.Header.Get("ETag"))...)
			if again.StatusCode != http.StatusNotModified {
				t.Errorf("again: %d", again.StatusCode)
			}
		})
	}
}

func TestRenderedRefused(t *testing.T) {
	_, h := door(t)
	h.Render = painter{}
	const instance = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
	for query, want := range map[string]int{
		"?window=40": 400, "?window=40,0": 400, "?window=NaN,4": 400, "?window=1,2,cubic": 400, "?quality=0": 400, "?quality=x": 400,
		"?viewport=0,0": 400, "?viewport=99999,1": 400, "?viewport=1": 400, "?viewport=1,1,-1,0,1,1": 400, "?annotation=name": 400,
		"?iccprofile=x": 400, "?%zz": 400, "": 200,
	} {
		if r := ask(t, h, "GET", instance+"/rendered"+query, nil); r.StatusCode != want {
			t.Errorf("%s: %d; want %d", query, r.StatusCode, want)
		}
	}
	if r := ask(t, h, "GET", instance+"/rendered?annotation=patient,technique", nil); r.StatusCode != http.StatusOK || !strings.Contains(r.Header.Get("Warning"), "burnt in") {
		t.Errorf("annotation: %d, Warning %q", r.StatusCode, r.Header.Get("Warning"))
	}
	if r := ask(t, h, "GET", instance+"/rendered", nil, "Accept: text/plain"); r.StatusCode != http.StatusNotAcceptable {
		t.Errorf("text: %d", r.StatusCode)
	}
	if r := ask(t, h, "GET", instance+"/frames/4/rendered", nil); r.StatusCode != http.StatusNotFound || r.Header.Get("ETag") != "" {
		t.Errorf("no such frame: %d, ETag %q", r.StatusCode, r.Header.Get("ETag"))
	}
}

// What cannot be seen does not keep the rest from being seen.
func TestRenderedBlind(t *testing.T) {
	_, h := door(t)
	h.Render = painter{blind: "1.2.1.1.2"}
	r := ask(t, h, "GET", "/studies/1.2.1/rendered", nil)
	if all, _ := parts(t, r); len(all) != 2 || !strings.HasPrefix(all[0], "image/jpeg 1") {
		t.Errorf("pictures = %q", all)
	}
	if r := ask(t, h, "GET", "/studies/1.2.1/series/1.2.1.1/thumbnail", nil); r.StatusCode != http.StatusOK {
		t.Errorf("thumbnail: %d", r.StatusCode)
	}
	const blind = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.2/thumbnail"
	if r := ask(t, h, "GET", blind+"?viewport=96,96&instead=picture", nil); r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "image/svg+xml" || r.Header.Get("ETag") != "" {
		t.Errorf("what stands for it: %d, %v", r.StatusCode, r.Header)
	}
	if r := ask(t, h, "GET", blind, nil); r.StatusCode != http.StatusNotImplemented {
		t.Errorf("without asking for it: %d", r.StatusCode)
	}
	if r := ask(t, h, "GET", "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.2/rendered", nil); r.StatusCode != http.StatusNotImplemented {
		t.Errorf("nothing to see: %d", r.StatusCode)
	}
}
