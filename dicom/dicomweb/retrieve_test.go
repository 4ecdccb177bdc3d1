package dicomweb_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/dicomweb"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// parts reads a multipart answer.
func parts(t testing.TB, r reply) (all, heads []string) {
	t.Helper()
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "multipart/related" || params["type"] == "" {
		t.Fatalf("Content-Type %q, %v", r.Header.Get("Content-Type"), err)
	}
	for m := multipart.NewReader(r.Body, params["boundary"]); ; {
		p, err := m.NextRawPart()
		if errors.Is(err, io.EOF) {
			return all, heads
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		all, heads = append(all, string(b)), append(heads, p.Header.Get("Content-Type")+" "+p.Header.Get("Content-Location"))
	}
}

const asStored = `Accept: multipart/related; type="application/dicom"; transfer-syntax=*`

func TestRetrieve(t *testing.T) {
	s, h := door(t)
	for path, n := range map[string]int{"/studies/1.2.1": 3, "/studies/1.2.1/series/1.2.1.1": 2, "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.2": 1} {
		r := ask(t, h, "GET", path, nil, asStored)
		all, heads := parts(t, r)
		if len(all) != n {
			t.Fatalf("%s: %d parts; want %d", path, len(all), n)
		}
		for k, b := range all {
			f, err := dicom.Read(strings.NewReader(b), nil)
			if err != nil {
				t.Fatal(err)
			}
			v := s.find(f.UID(tag.SOPInstanceUID))
			if b != string(v.raw) {
				t.Errorf("%s: %s is not as it is stored", path, v.SOP)
			}
			if want := "application/dicom; transfer-syntax=" + v.TransferSyntax.String() + " http://example.com/dicom-web/studies/"; !strings.HasPrefix(heads[k], want) {
				t.Errorf("part %s; want %s…", heads[k], want)
			}
		}
		if r.ContentLength <= 0 {
			t.Errorf("%s: the length of what is stored is not told", path)
		}
	}
}

func TestRetrieveStatus(t *testing.T) {
	_, h := door(t)
	const instance = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
	for _, c := range []struct {
		name, path, accept string
		want               int
	}{
		{"unknown study", "/studies/1.9", "", 404},
		{"unknown series", "/studies/1.2.1/series/1.9", "", 404},
		{"unknown instance", "/studies/1.2.1/series/1.2.1.1/instances/1.9", "", 404},
		{"of another series", "/studies/1.2.1/series/1.2.1.2/instances/1.2.1.1.1", "", 404},
		{"of another study", "/studies/1.2.2/series/1.2.1.1/instances/1.2.1.1.1", "", 404},
		{"no Accept", instance, "", 200},
		{"anything", instance, "*/*", 200},
		{"what cannot be given", instance, "video/x-nothing", 406},
		{"a syntax that cannot be made", instance, `application/dicom; transfer-syntax=1.2.840.10008.1.2.4.90`, 406},
		{"one file of several objects", "/studies/1.2.1", "application/dicom", 406},
		{"unknown study, metadata", "/studies/1.9/metadata", "", 404},
		{"unknown frame", instance + "/frames/4", "", 404},
		{"frame 0", instance + "/frames/0", "", 400},
		{"no frame", instance + "/frames/x", "", 400},
		{"no UID", "/studies/1..2", "", 400},
		{"unknown bulk data", instance + "/bulkdata/00420011", "", 404},
		{"bulk data at no path", instance + "/bulkdata/x/y", "", 400},
		{"bulk data beyond a sequence", instance + "/bulkdata/00400275/1/00400009", "", 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			var fields []string
			if c.accept != "" {
				fields = append(fields, "Accept: "+c.accept)
			}
			if r := ask(t, h, "GET", c.path, nil, fields...); r.StatusCode != c.want {
				t.Errorf("status %d; want %d: %.200s", r.StatusCode, c.want, text(t, r))
			}
		})
	}
}

// One object as a file can be asked for in parts and only if it is new.
func TestSingle(t *testing.T) {
	s, h := door(t)
	const path = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
	accept := "Accept: application/dicom; transfer-syntax=*"
	whole := s.all[0].raw
	r := ask(t, h, "GET", path, nil, accept)
	etag := r.Header.Get("ETag")
	if b := text(t, r); b != string(whole) || etag == "" || r.Header.Get("Content-Location") != "http://example.com/dicom-web"+path {
		t.Fatalf("%d bytes, header %v", len(b), r.Header)
	}
	r = ask(t, h, "GET", path, nil, accept, "Range: bytes=128-131")
	if b := text(t, r); r.StatusCode != http.StatusPartialContent || b != "DICM" {
		t.Errorf("range: %d %q", r.StatusCode, b)
	}
	if r = ask(t, h, "GET", path, nil, accept, "If-None-Match: "+etag); r.StatusCode != http.StatusNotModified {
		t.Errorf("condition: %d", r.StatusCode)
	}
	if r = ask(t, h, "HEAD", path, nil, accept); r.ContentLength != int64(len(whole)) || text(t, r) != "" {
		t.Errorf("HEAD: length %d", r.ContentLength)
	}
	r = ask(t, h, "GET", path, nil, accept, "Range: bytes=99999999-")
	if r.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("a range behind the end: %d", r.StatusCode)
	}
}

// Without a transfer syntax it is explicit VR little endian, and data sets without
// compressed pixels can be given in every syntax that has none.
func TestRetrieveConverts(t *testing.T) {
	_, h := door(t)
	const instance = "/studies/1.2.2/series/1.2.2.1/instances/1.2.2.1.1" // big endian
	for accept, want := range map[string]uid.UID{
		`multipart/related; type="application/dicom"`:                                      uid.ExplicitVRLittleEndian,
		`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2`:   uid.ImplicitVRLittleEndian,
		`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.2`: uid.ExplicitVRBigEndian,
		`multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.5, multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2;q=0.5`: uid.ImplicitVRLittleEndian,
		"*/*": uid.ExplicitVRBigEndian,
	} {
		all, _ := parts(t, ask(t, h, "GET", instance, nil, "Accept: "+accept))
		f, err := dicom.Read(strings.NewReader(all[0]), nil)
		if err != nil || f.TransferSyntax != want || f.Text(tag.PatientName) != "Müßig^Åsa" {
			t.Errorf("%s: %v, %v; want %v", accept, f.TransferSyntax, err, want)
		}
	}
	r := ask(t, h, "GET", instance, nil, "Accept: application/dicom")
	if b := text(t, r); !strings.Contains(r.Header.Get("Content-Type"), uid.ExplicitVRLittleEndian.String()) || b[128:132] != "DICM" {
		t.Errorf("single: %v", r.Header)
	}
}

// What cannot be given as asked stays out, and the status says so.
func TestRetrievePartly(t *testing.T) {
	s, h := door(t)
	s.all[1].TransferSyntax = uid.JPEG2000
	r := ask(t, h, "GET", "/studies/1.2.1/series/1.2.1.1", nil, `Accept: multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.1`)
	if all, _ := parts(t, r); r.StatusCode != http.StatusPartialContent || len(all) != 1 || r.Header.Get("Warning") == "" {
		t.Errorf("%d, %d parts, %v", r.StatusCode, len(all), r.Header)
	}
}

// An answer that breaks off in the middle must not look whole.
func TestRetrieveBreaksOff(t *testing.T) {
	s, h := door(t)
	big := object(t, "1.2.9", "1.2.9.1", "1.2.9.1.1", uid.ExplicitVRLittleEndian, func(b *dicom.Builder) {
		b.Bytes(tag.PixelData, tag.VROf(tag.PixelData), make([]byte, 1<<20))
	})
	s.put(t, big)
	s.broken = true
	server := httptest.NewServer(h)
	defer server.Close()
	for _, accept := range []string{asStored, "Accept: application/zip", "Accept: application/dicom; transfer-syntax=*"} {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/dicom-web/studies/1.2.9/series/1.2.9.1/instances/1.2.9.1.1", nil)
		if err != nil {
			t.Fatal(err)
		}
		q.Header.Set("Accept", strings.TrimPrefix(accept, "Accept: "))
		r, err := server.Client().Do(q)
		if err != nil {
			continue // cut off before the header: fine
		}
		_, err = io.Copy(io.Discard, r.Body)
		_ = r.Body.Close()
		if err == nil && r.StatusCode == http.StatusOK {
			t.Errorf("%s: half an object came as a whole answer", accept)
		}
	}
}

func TestZip(t *testing.T) {
	s, h := door(t)
	r := ask(t, h, "GET", "/studies/1.2.1", nil, "Accept: application/zip")
	b := text(t, r)
	z, err := zip.NewReader(strings.NewReader(b), int64(len(b)))
	if err != nil || len(z.File) != 3 || z.File[0].Name != "1.2.1.1/1.2.1.1.1.dcm" {
		t.Fatalf("%v, %v", err, z)
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, s.all[0].raw) {
		t.Errorf("the first file is not the first object: %v", err)
	}
	if r.Header.Get("Content-Disposition") != `attachment; filename="1.2.1.zip"` {
		t.Errorf("Content-Disposition = %s", r.Header.Get("Content-Disposition"))
	}
}

func TestMetadata(t *testing.T) {
	for _, prepared := range []bool{false, true} {
		s, h := door(t)
		if prepared {
			h.Metadata = s
		}
		for path, n := range map[string]int{"/studies/1.2.1": 3, "/studies/1.2.1/series/1.2.1.1": 2, "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.2": 1} {
			for _, fields := range [][]string{nil, {"Accept-Encoding: gzip"}, {"Accept-Encoding: gzip"}} {
				r := ask(t, h, "GET", path+"/metadata", nil, fields...)
				body := r.Body
				if fields != nil {
					z, err := gzip.NewReader(r.Body)
					if err != nil {
						t.Fatal(err)
					}
					body = z
				}
				var all []map[string]map[string]any
				if err := json.NewDecoder(body).Decode(&all); err != nil || len(all) != n {
					t.Fatalf("prepared %v, %s: %d instances, %v; want %d", prepared, path, len(all), err, n)
				}
				for _, one := range all {
					where, _ := one["7FE00010"]["BulkDataURI"].(string)
					if !strings.HasPrefix(where, "http://example.com/dicom-web/studies/1.2.1/series/1.2.1.") {
						t.Fatalf("prepared %v: %s: pixels at %q", prepared, path, where)
					}
					b := text(t, ask(t, h, "GET", strings.TrimPrefix(where, "http://example.com/dicom-web"), nil, "Accept: application/octet-stream"))
					if b != "abcdEFGHijkl" {
						t.Errorf("pixels = %q", b)
					}
				}
			}
		}
	}
}

// A value that looks like an address is left alone.
func TestMetadataKeepsValues(t *testing.T) {
	s, h := door(t)
	const odd = `","BulkDataURI":"x`
	s.put(t, object(t, "1.2.3", "1.2.3.1", "1.2.3.1.1", uid.ExplicitVRLittleEndian, func(b *dicom.Builder) { b.Text(tag.PatientComments, odd) }))
	h.Metadata = s
	var all []map[string]map[string]any
	if err := json.Unmarshal([]byte(text(t, ask(t, h, "GET", "/studies/1.2.3/metadata", nil))), &all); err != nil {
		t.Fatal(err)
	}
	if v, _ := all[0]["00104000"]["Value"].([]any); len(v) != 1 || v[0] != odd {
		t.Errorf("value = %q", v)
	}
}

func TestMetadataConditions(t *testing.T) {
	s, h := door(t)
	h.Metadata = s
	r := ask(t, h, "GET", "/studies/1.2.1/metadata", nil)
	etag := r.Header.Get("ETag")
	if r = ask(t, h, "GET", "/studies/1.2.1/metadata", nil, "If-None-Match: "+etag); etag == "" || r.StatusCode != http.StatusNotModified {
		t.Errorf("ETag %q, status %d", etag, r.StatusCode)
	}
	r = ask(t, h, "GET", "/studies/1.2.1/metadata", nil, `Accept: multipart/related; type="application/dicom+xml"`)
	all, heads := parts(t, r)
	if len(all) != 3 || !strings.Contains(all[0], `<BulkData uri="http://example.com/dicom-web/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1/bulkdata/7FE00010"/>`) ||
		!strings.Contains(all[0], "<FamilyName>Müßig</FamilyName><GivenName>Åsa</GivenName>") {
		t.Errorf("XML: %v %s", heads, all)
	}
	if r = ask(t, h, "GET", "/studies/1.2.1", nil, "Accept: application/dicom+json"); len(rows(t, r)) != 3 {
		t.Error("metadata by the media type alone: not three")
	}
}

func TestFrames(t *testing.T) {
	s, h := door(t)
	const instance = "/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1"
	all, heads := parts(t, ask(t, h, "GET", instance+"/frames/2,3,1", nil, `Accept: multipart/related; type="application/octet-stream"`))
	if strings.Join(all, "|") != "EFGH|ijkl|abcd" || !strings.HasPrefix(heads[0], "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1 ") {
		t.Errorf("frames = %q, %q", all, heads)
	}
	r := ask(t, h, "GET", instance+"/frames/2", nil, "Accept: application/octet-stream")
	if b := text(t, r); b != "EFGH" || r.Header.Get("ETag") == "" {
		t.Errorf("single frame = %q", b)
	}
	r = ask(t, h, "GET", instance+"/frames/2", nil, "Accept: application/octet-stream", "Range: bytes=1-2")
	if b := text(t, r); b != "FG" || r.StatusCode != http.StatusPartialContent {
		t.Errorf("a range of a frame = %d %q", r.StatusCode, b)
	}
	r = ask(t, h, "GET", instance+"/frames/2", nil, "Accept: multipart/related; type=application/octet-stream; transfer-syntax=*, multipart/related; type=image/jls; q=0.5")
	if all, _ := parts(t, r); len(all) != 1 || all[0] != "EFGH" || r.ContentLength <= 0 {
		t.Errorf("as viewers ask: %q, length %d", all, r.ContentLength)
	}
	if all, _ := parts(t, ask(t, h, "GET", instance+"/pixeldata", nil)); len(all) != 3 {
		t.Errorf("all frames: %d", len(all))
	}
	s.all[0].TransferSyntax = uid.JPEGLSLossless // says so at least
	for accept, want := range map[string]string{
		`multipart/related; type="image/jls"`: "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80",
		"*/*":                                 "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80",
		`multipart/related; type="application/octet-stream"; transfer-syntax=*`:  "application/octet-stream; transfer-syntax=1.2.840.10008.1.2.4.80",
		`multipart/related; type="image/jp2", multipart/related; type="image/*"`: "image/jls; transfer-syntax=1.2.840.10008.1.2.4.80",
	} {
		r := ask(t, h, "GET", instance+"/frames/1", nil, "Accept: "+accept)
		if _, heads := parts(t, r); !strings.HasPrefix(heads[0], want+" ") {
			t.Errorf("%s: %q; want %q", accept, heads, want)
		}
	}
	for _, accept := range []string{`multipart/related; type="application/octet-stream"`, `multipart/related; type="image/jp2"`} {
		if r := ask(t, h, "GET", instance+"/frames/1", nil, "Accept: "+accept); r.StatusCode != http.StatusNotAcceptable {
			t.Errorf("%s: %d; want 406 where nothing can be transcoded", accept, r.StatusCode)
		}
	}
}

func TestBulkdata(t *testing.T) {
	s, h := door(t)
	s.put(t, object(t, "1.2.4", "1.2.4.1", "1.2.4.1.1", uid.ExplicitVRBigEndian, func(b *dicom.Builder) {
		b.Sequence(tag.WaveformSequence, dicom.NewBuilder().Bytes(tag.WaveformData, tag.VROf(tag.WaveformData), []byte("\x01\x02\x03\x04")))
	}))
	const instance = "/studies/1.2.4/series/1.2.4.1/instances/1.2.4.1.1"
	r := ask(t, h, "GET", instance+"/bulkdata/54000100/1/54001010", nil, "Accept: application/octet-stream")
	if b := text(t, r); b != "\x01\x02\x03\x04" {
		t.Errorf("words of a big endian object = %q; want little endian", b)
	}
	all, heads := parts(t, ask(t, h, "GET", instance+"/bulkdata/54000100/1/54001010", nil))
	if len(all) != 1 || all[0] != "\x01\x02\x03\x04" || !strings.HasPrefix(heads[0], "application/octet-stream http://") {
		t.Errorf("parts = %q %q", all, heads)
	}
}

func TestURI(t *testing.T) {
	s, h := door(t)
	get := func(query string, fields ...string) reply {
		r := httptest.NewRequest(http.MethodGet, "/wado?"+query, nil)
		for _, f := range fields {
			name, value, _ := strings.Cut(f, ": ")
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		h.URI().ServeHTTP(w, r)
		return replyOf(w)
	}
	const object = "requestType=WADO&studyUID=1.2.1&seriesUID=1.2.1.1&objectUID=1.2.1.1.1"
	if b := text(t, get(object+"&contentType=application%2Fdicom")); b != string(s.all[0].raw) {
		t.Error("the object is not as it is stored")
	}
	if b := text(t, get(object)); b != string(s.all[0].raw) {
		t.Error("where there are no pictures it is the object")
	}
	r := get(object + "&contentType=application/dicom&transferSyntax=1.2.840.10008.1.2")
	if f, err := dicom.Read(r.Body, nil); err != nil || f.TransferSyntax != uid.ImplicitVRLittleEndian {
		t.Errorf("transferSyntax: %v", err)
	}
	h.Render = painter{}
	if r := get(object); r.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("the default is a JPEG, not %s", r.Header.Get("Content-Type"))
	}
	r = get(object + "&contentType=image/png&windowCenter=40&windowWidth=400&rows=64&columns=32&frameNumber=2&region=0.5,0,1,0.5&imageQuality=7")
	if b := text(t, r); b != `image/png 2 q7 {40 400 LINEAR} {32 64 0.5 0 0.5 0.5 true}` {
		t.Errorf("picture = %s", b)
	}
	for query, want := range map[string]int{
		"": 400, "requestType=WADO": 400, "requestType=X&studyUID=1.2.1": 400, object + "x": 400,
		strings.Replace(object, "1.2.1.1.1", "1.9", 1): 404, object + "&contentType=text/html": 406, object + "&windowCenter=3": 400,
		object + "&rows=0": 400, object + "&region=1,1,0,0": 400, object + "&frameNumber=0": 400, object + "&contentType=application/dicom&anonymize=yes": 501,
	} {
		if r := get(query); r.StatusCode != want {
			t.Errorf("%s: %d; want %d", query, r.StatusCode, want)
		}
	}
}

var _ dicomweb.Renderer = painter{}
