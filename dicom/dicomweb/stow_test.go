package dicomweb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"radagora/dicom"
	"radagora/dicom/dicomweb"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

const multi = `Content-Type: multipart/related; type="application/dicom"; boundary=b`

// bodyOf makes a multipart body.
func bodyOf(all ...[]byte) []byte {
	var b bytes.Buffer
	for _, p := range all {
		fmt.Fprintf(&b, "--b\r\nContent-Type: application/dicom\r\n\r\n%s\r\n", p)
	}
	b.WriteString("--b--\r\n")
	return b.Bytes()
}

// stowed is what an answer says of the objects: stored, failed with reasons.
func stowed(t testing.TB, r reply) (stored, failed []string) {
	t.Helper()
	ds := map[string]struct {
		Value []map[string]struct{ Value []any }
	}{}
	raw := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(text(t, r)), &raw); err != nil {
		t.Fatal(err)
	}
	delete(raw, "00081190")
	again, _ := json.Marshal(raw)
	if err := json.Unmarshal(again, &ds); err != nil {
		t.Fatal(err)
	}
	first := func(v []any) any {
		if len(v) == 0 {
			return ""
		}
		return v[0]
	}
	for _, item := range ds["00081199"].Value {
		stored = append(stored, fmt.Sprint(first(item["00081155"].Value)))
	}
	for _, seq := range []string{"00081198", "0008119A"} {
		for _, item := range ds[seq].Value {
			n, _ := first(item["00081197"].Value).(float64)
			failed = append(failed, fmt.Sprintf("%v %04X", first(item["00081155"].Value), int(n)))
		}
	}
	return stored, failed
}

func TestStore(t *testing.T) {
	one := object(t, "1.3.1", "1.3.1.1", "1.3.1.1.1", uid.ExplicitVRLittleEndian)
	two := object(t, "1.3.1", "1.3.1.1", "1.3.1.1.2", uid.DeflatedExplicitVRLittleEndian)
	other := object(t, "1.3.2", "1.3.2.1", "1.3.2.1.1", uid.ImplicitVRLittleEndian)
	changed := object(t, "1.3.1", "1.3.1.1", "1.3.1.1.1", uid.ExplicitVRLittleEndian, func(b *dicom.Builder) { b.Text(tag.Modality, "MR") })
	for _, c := range []struct {
		name, path, ct string
		body           []byte
		status         int
		stored, failed []string
	}{
		{"one", "/studies", multi, bodyOf(one), 200, []string{"1.3.1.1.1"}, nil},
		{"several, of several studies", "/studies", multi, bodyOf(one, two, other), 200, []string{"1.3.1.1.1", "1.3.1.1.2", "1.3.2.1.1"}, nil},
		{"the same twice is no error", "/studies", multi, bodyOf(one, one), 200, []string{"1.3.1.1.1", "1.3.1.1.1"}, nil},
		{"a file by itself", "/studies", "Content-Type: application/dicom", one, 200, []string{"1.3.1.1.1"}, nil},
		{"to its study", "/studies/1.3.1", multi, bodyOf(one, two), 200, []string{"1.3.1.1.1", "1.3.1.1.2"}, nil},
		{"to another study", "/studies/1.3.9", multi, bodyOf(one), 409, nil, []string{"1.3.1.1.1 A900"}},
		{"some of another study", "/studies/1.3.1", multi, bodyOf(one, other), 202, []string{"1.3.1.1.1"}, []string{"1.3.2.1.1 A900"}},
		{"good and broken", "/studies", multi, bodyOf(one, []byte(strings.Repeat("no DICOM", 50))), 202, []string{"1.3.1.1.1"}, []string{" C000"}},
		{"only broken", "/studies", multi, bodyOf([]byte("garbage")), 400, nil, []string{" C000"}},
		{"an empty part", "/studies", multi, bodyOf(nil), 400, nil, []string{" C000"}},
		{"a file cut in its pixels", "/studies", multi, bodyOf(one[:len(one)-6]), 400, nil, []string{"1.3.1.1.1 C000"}},
		{"a part of another type", "/studies", multi, bytes.Replace(bodyOf(one), []byte("application/dicom"), []byte("text/html"), 1), 415, nil, []string{" 0122"}},
		{"other content under the same UID", "/studies", multi, bodyOf(one, changed), 202, []string{"1.3.1.1.1"}, []string{"1.3.1.1.1 0111"}},
		{"the body ends in the middle", "/studies", multi, bodyOf(one, two)[:len(bodyOf(one, two))-20], 400, []string{"1.3.1.1.1"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h := door(t)
			s.all = nil
			r := ask(t, h, "POST", c.path, bytes.NewReader(c.body), c.ct, "Accept: application/dicom+json")
			if r.StatusCode != c.status {
				t.Fatalf("status %d; want %d: %s", r.StatusCode, c.status, text(t, r))
			}
			stored, failed := stowed(t, r)
			if strings.Join(stored, ",") != strings.Join(c.stored, ",") || strings.Join(failed, ",") != strings.Join(c.failed, ",") {
				t.Errorf("stored %q, failed %q; want %q, %q", stored, failed, c.stored, c.failed)
			}
			if len(c.failed) > 0 && !strings.HasPrefix(r.Header.Get("Warning"), "299 ") {
				t.Errorf("no word of why: %v", r.Header)
			}
		})
	}
}

func TestStoreRefused(t *testing.T) {
	one := object(t, "1.3.1", "1.3.1.1", "1.3.1.1.1", uid.ExplicitVRLittleEndian)
	for _, c := range []struct {
		name, path, ct string
		body           io.Reader
		want           int
	}{
		{"no type", "/studies", "X: y", bytes.NewReader(bodyOf(one)), 415},
		{"a type of something else", "/studies", "Content-Type: text/plain", strings.NewReader("{}"), 415},
		{"parts of something else", "/studies", `Content-Type: multipart/related; type="image/jpeg"; boundary=b`, bytes.NewReader(bodyOf(one)), 415},
		{"parts of XML", "/studies", `Content-Type: multipart/related; type="application/dicom+xml"; boundary=b`, bytes.NewReader(bodyOf(one)), 415},
		{"no boundary", "/studies", `Content-Type: multipart/related; type="application/dicom"`, bytes.NewReader(bodyOf(one)), 400},
		{"no part", "/studies", multi, strings.NewReader("--b--"), 400},
		{"nothing", "/studies", multi, strings.NewReader(""), 400},
		{"cut in the first object", "/studies", multi, bytes.NewReader(bodyOf(one)[:200]), 400},
		{"the line breaks", "/studies", multi, io.MultiReader(bytes.NewReader(bodyOf(one)[:200]), iotest.ErrReader(io.ErrUnexpectedEOF)), 400},
		{"a study that is none", "/studies/x", multi, bytes.NewReader(bodyOf(one)), 400},
		{"an answer nobody can give", "/studies", multi + "\nAccept: text/html", bytes.NewReader(bodyOf(one)), 406},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h := door(t)
			n := len(s.all)
			r := ask(t, h, "POST", c.path, c.body, strings.Split(c.ct, "\n")...)
			if r.StatusCode != c.want || len(s.all) != n {
				t.Errorf("status %d, %d objects more; want %d, 0: %s", r.StatusCode, len(s.all)-n, c.want, text(t, r))
			}
		})
	}
}

func TestStoreWithoutRoom(t *testing.T) {
	s, h := door(t)
	s.full = true
	r := ask(t, h, "POST", "/studies", bytes.NewReader(bodyOf(s.all[0].raw)), multi)
	if _, failed := stowed(t, r); r.StatusCode != http.StatusRequestEntityTooLarge || len(failed) != 1 || failed[0] != "1.2.1.1.1 A700" {
		t.Errorf("%d %q", r.StatusCode, failed)
	}
}

// The second object is read before the first one is durable: they share the disk's
// work. Nothing is acknowledged before that is done.
func TestStoreInFlight(t *testing.T) {
	s, h := door(t)
	s.all, s.waiting = nil, make(chan struct{})
	answered := make(chan reply)
	body := bodyOf(object(t, "1.3.1", "1.3.1.1", "1.3.1.1.1", uid.ExplicitVRLittleEndian), object(t, "1.3.1", "1.3.1.1", "1.3.1.1.2", uid.ExplicitVRLittleEndian))
	read, arrive := io.Pipe()
	go func() { answered <- ask(t, h, "POST", "/studies", read, multi) }()
	if _, err := arrive.Write(body); err != nil { // returns when everything was read
		t.Fatal(err)
	}
	select {
	case <-answered:
		t.Error("acknowledged before it was durable")
	default:
	}
	close(s.waiting)
	_ = arrive.Close()
	if r := <-answered; r.StatusCode != http.StatusOK || len(s.all) != 2 {
		t.Errorf("%d, %d objects", r.StatusCode, len(s.all))
	}
}

// A study's UID that stands behind a long element is found all the same.
func TestStoreFindsTheStudy(t *testing.T) {
	s, h := door(t)
	long := object(t, "1.3.1", "1.3.1.1", "1.3.1.1.1", uid.ExplicitVRLittleEndian, func(b *dicom.Builder) {
		var items []*dicom.Builder
		for range 8000 {
			items = append(items, dicom.NewBuilder().UID(tag.ReferencedSOPInstanceUID, uid.Must("1.2.3.4.5.6.7.8.9")))
		}
		b.Sequence(tag.SourceImageSequence, items...)
	})
	if r := ask(t, h, "POST", "/studies/1.3.1", bytes.NewReader(bodyOf(long)), multi); r.StatusCode != http.StatusOK {
		t.Errorf("%d %s", r.StatusCode, text(t, r))
	}
	if r := ask(t, h, "POST", "/studies/1.3.2", bytes.NewReader(bodyOf(long)), multi); r.StatusCode != http.StatusConflict {
		t.Errorf("another study: %d", r.StatusCode)
	}
	if len(s.studies) != 1 || s.studies[0] != uid.Must("1.3.1") {
		t.Errorf("announced: %v", s.studies)
	}
}

const withBulk = `Content-Type: multipart/related; type="application/dicom+json"; boundary=b`

func metadataPart(t testing.TB, change func(map[string]any)) []byte {
	t.Helper()
	m := map[string]any{
		"00020010": map[string]any{"vr": "UI", "Value": []string{"1.2.840.10008.1.2.1"}},
		"00080016": map[string]any{"vr": "UI", "Value": []string{uid.CTImageStorage.String()}},
		"00080018": map[string]any{"vr": "UI", "Value": []string{"1.4.1.1.1"}},
		"0020000D": map[string]any{"vr": "UI", "Value": []string{"1.4.1"}},
		"0020000E": map[string]any{"vr": "UI", "Value": []string{"1.4.1.1"}},
		"00100010": map[string]any{"vr": "PN", "Value": []any{map[string]string{"Alphabetic": "Ξένος"}}},
		"7FE00010": map[string]any{"vr": "OW", "BulkDataURI": "pixels"},
	}
	if change != nil {
		change(m)
	}
	raw, err := json.Marshal([]any{m})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func bulkBody(metadata []byte, more ...string) io.Reader {
	var b bytes.Buffer
	fmt.Fprintf(&b, "--b\r\nContent-Type: application/dicom+json\r\n\r\n%s\r\n", metadata)
	for _, p := range more {
		fmt.Fprintf(&b, "--b\r\n%s\r\n", p)
	}
	b.WriteString("--b--")
	return &b
}

func TestStoreMetadata(t *testing.T) {
	long := strings.Repeat("0123456789", 1<<18) + "x" // longer than what is held, and odd
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		parts  []string
		syntax uid.UID
		want   string // pixels, or fragments divided by |
	}{
		{"short", nil, []string{"Content-Type: application/octet-stream\r\nContent-Location: pixels\r\n\r\nabcd"}, uid.ExplicitVRLittleEndian, "abcd"},
		{"long, and odd", nil, []string{"Content-Type: application/octet-stream\r\nContent-Location: pixels\r\n\r\n" + long}, uid.ExplicitVRLittleEndian, long + "\x00"},
		{"compressed", nil, []string{"Content-Type: image/jls\r\nContent-Location: pixels\r\n\r\nabc"}, uid.JPEGLSLossless, "abc\x00"},
		{"compressed, frame by frame", nil, []string{
			"Content-Type: image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50\r\nContent-Location: pixels\r\n\r\nabcd",
			"Content-Type: image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50\r\nContent-Location: pixels\r\n\r\nef",
		}, uid.JPEGBaseline8Bit, "abcd|ef"},
		{"a value in a sequence", func(m map[string]any) {
			m["54000100"] = map[string]any{"vr": "SQ", "Value": []any{map[string]any{"54001010": map[string]any{"vr": "OW", "BulkDataURI": "wave"}}}}
		}, []string{
			"Content-Type: application/octet-stream\r\nContent-Location: pixels\r\n\r\nabcd",
			"Content-Type: application/octet-stream\r\nContent-Location: wave\r\n\r\nwxyz",
		}, uid.ExplicitVRLittleEndian, "abcd"},
		{"nothing but metadata", func(m map[string]any) { delete(m, "7FE00010") }, nil, uid.ExplicitVRLittleEndian, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h := door(t)
			s.all = nil
			r := ask(t, h, "POST", "/studies/1.4.1", bulkBody(metadataPart(t, c.change), c.parts...), withBulk)
			if r.StatusCode != http.StatusOK || len(s.all) != 1 {
				t.Fatalf("%d %s %v", r.StatusCode, text(t, r), r.Header["Warning"])
			}
			v := s.all[0]
			if v.TransferSyntax != c.syntax || v.ds.Text(tag.PatientName) != "Ξένος" || v.ds.Has(tag.New(2, 0x10)) {
				t.Errorf("syntax %v, name %q", v.TransferSyntax, v.ds.Text(tag.PatientName))
			}
			if got := pixelsOf(t, v); got != c.want {
				t.Errorf("pixels = %.40q (%d); want %.40q (%d)", got, len(got), c.want, len(c.want))
			}
		})
	}
}

// pixelsOf returns the pixel data, fragments divided by |.
func pixelsOf(t testing.TB, v *volume) string {
	t.Helper()
	e, ok := v.ds.Element(tag.PixelData)
	if !ok {
		return ""
	}
	if !e.Encapsulated() {
		return string(v.raw[e.Offset() : e.Offset()+e.Length()])
	}
	var all []string
	for _, f := range e.Fragments()[1:] {
		all = append(all, string(v.raw[f.Offset:f.Offset+f.Length]))
	}
	return strings.Join(all, "|")
}

func TestStoreMetadataRefused(t *testing.T) {
	octets := "Content-Type: application/octet-stream\r\nContent-Location: pixels\r\n\r\nabcd"
	for _, c := range []struct {
		name   string
		change func(map[string]any)
		parts  []string
		want   int
	}{
		{"a value that was not sent", nil, nil, 400},
		{"a value nobody can find", nil, []string{"Content-Type: application/octet-stream\r\n\r\nabcd"}, 400},
		{"the same place twice", nil, []string{octets, octets}, 400},
		{
			"compressed text", func(m map[string]any) { m["00420011"] = map[string]any{"vr": "OB", "BulkDataURI": "pdf"} },
			[]string{octets, "Content-Type: image/jpeg\r\nContent-Location: pdf\r\n\r\nabcd"},
			400,
		},
		{"of another study", func(m map[string]any) { m["0020000D"] = map[string]any{"vr": "UI", "Value": []string{"1.4.2"}} }, []string{octets}, 409},
		{"no SOP instance", func(m map[string]any) { delete(m, "00080018") }, []string{octets}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, h := door(t)
			s.all = nil
			r := ask(t, h, "POST", "/studies/1.4.1", bulkBody(metadataPart(t, c.change), c.parts...), withBulk)
			if r.StatusCode != c.want || len(s.all) != 0 {
				t.Errorf("%d, %d objects; want %d: %s", r.StatusCode, len(s.all), c.want, text(t, r))
			}
		})
	}
	_, h := door(t)
	if r := ask(t, h, "POST", "/studies", strings.NewReader("--b\r\nContent-Type: application/dicom+json\r\n\r\n[{]\r\n--b--"), withBulk); r.StatusCode != http.StatusBadRequest {
		t.Errorf("no JSON: %d", r.StatusCode)
	}
}

func TestCapabilities(t *testing.T) {
	_, h := door(t)
	var c struct {
		Resources []struct{ Method, Path, Action string }
	}
	r := ask(t, h, "GET", "/", nil, "Accept: application/json")
	if err := json.Unmarshal([]byte(text(t, r)), &c); err != nil || len(c.Resources) < 15 {
		t.Fatalf("%d resources, %v", len(c.Resources), err)
	}
	for _, one := range c.Resources {
		if strings.Contains(one.Path, "...") || strings.Contains(one.Path, "rendered") {
			t.Errorf("resource %+v: pictures are not offered here", one)
		}
	}
	r = ask(t, h, "OPTIONS", "/", nil, "Accept: application/vnd.sun.wadl+xml")
	if b := text(t, r); r.Header.Get("Content-Type") != "application/vnd.sun.wadl+xml" || !strings.Contains(b, `<resource path="studies/{study}/series">`) {
		t.Errorf("WADL = %s", b)
	}
	if r = ask(t, h, "OPTIONS", "/studies", nil); r.StatusCode != http.StatusNoContent || r.Header.Get("Allow") != "GET, HEAD, OPTIONS, POST" {
		t.Errorf("OPTIONS: %d, %q", r.StatusCode, r.Header.Get("Allow"))
	}
	if r = ask(t, h, "DELETE", "/studies/1.2.1", nil); r.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("DELETE where it is not offered: %d", r.StatusCode)
	}
}

// Every path that is a route answers something that is no mistake of ours.
func TestRoutesAnswer(t *testing.T) {
	s, h := door(t)
	h.Render, h.Metadata = painter{}, s
	actions := map[dicomweb.Action]bool{}
	for _, r := range h.Routes() {
		actions[r.Action] = true
		method, path, _ := strings.Cut(r.Pattern, " /dicom-web")
		for hole, with := range map[string]string{"{study}": "1.2.1", "{series}": "1.2.1.1", "{instance}": "1.2.1.1.1", "{list}": "1", "{path...}": "7FE00010", "{$}": ""} {
			path = strings.ReplaceAll(path, hole, with)
		}
		if a := ask(t, h, method, path, nil); a.StatusCode >= 500 || a.StatusCode == http.StatusNotFound && r.Action != dicomweb.Capability {
			t.Errorf("%s %s: %d %s", method, path, a.StatusCode, text(t, a))
		}
	}
	if len(actions) != 4 {
		t.Errorf("actions = %v", actions)
	}
}

func FuzzStore(f *testing.F) {
	one := object(f, "1.3.1", "1.3.1.1", "1.3.1.1.1", uid.ExplicitVRLittleEndian)
	f.Add(multi, bodyOf(one))
	f.Add(withBulk, []byte("--b\r\nContent-Type: application/dicom+json\r\n\r\n[{}]\r\n--b\r\nContent-Location: x\r\n\r\nabc\r\n--b--"))
	f.Add("Content-Type: application/dicom", one[:300])
	f.Add("Content-Type: multipart/related; boundary=\"b", []byte("--b\n\n"))
	f.Fuzz(func(t *testing.T, ct string, body []byte) {
		_, h := door(t)
		r := ask(t, h, "POST", "/studies/1.3.1", bytes.NewReader(body), strings.Map(func(r rune) rune {
			if r < ' ' || r > '~' {
				return -1
			}
			return r
		}, ct))
		if r.StatusCode >= 500 && r.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%q: %d %s", ct, r.StatusCode, text(t, r))
		}
	})
}

// Delete implements dicomweb.Deleter: it refuses what is of study 1.2.2, which is held.
func (s *shelf) Delete(_ context.Context, at dicomweb.Scope, _ string) error {
	n := len(s.all)
	if at.Study == uid.Must("1.2.2") {
		return fault.Errorf(fault.Conflict, "it is held")
	}
	s.all = slices.DeleteFunc(s.all, func(v *volume) bool {
		return v.Study == at.Study && (at.Series.IsZero() || v.Series == at.Series) && (at.Instance.IsZero() || v.SOP == at.Instance)
	})
	if len(s.all) == n {
		return fault.Errorf(fault.NotFound, "no such study")
	}
	return nil
}

func TestDelete(t *testing.T) {
	s, h := door(t)
	h.Delete = s
	for _, c := range []struct {
		path         string
		status, left int
	}{
		{"/studies/1.2.1", http.StatusBadRequest, 4},
		{"/studies/1.2.1?reason=%20", http.StatusBadRequest, 4},
		{"/studies/1.2.2?reason=x", http.StatusConflict, 4},
		{"/studies/1.9?reason=x", http.StatusNotFound, 4},
		{"/studies/1.2.1/series/1.2.1.1/instances/1.2.1.1.1?reason=x", http.StatusNoContent, 3},
		{"/studies/1.2.1/series/1.2.1.1?reason=x", http.StatusNoContent, 2},
		{"/studies/1.2.1?reason=x", http.StatusNoContent, 1},
	} {
		if r := ask(t, h, http.MethodDelete, c.path, nil); r.StatusCode != c.status || len(s.all) != c.left {
			t.Errorf("%s: %d, %d left; want %d, %d", c.path, r.StatusCode, len(s.all), c.status, c.left)
		}
	}
}
