package dicomweb_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"radagora/dicom"
	"radagora/dicom/dicomweb"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A shelf keeps objects in memory: what a Handler asks of an archive.
type shelf struct {
	mu      sync.Mutex
	all     []*volume
	asked   dicomweb.Query // the last search
	studies []uid.UID      // that arrivals were announced for
	full    bool           // nothing goes in any more
	broken  bool           // objects end in the middle
	forbid  bool
	waiting chan struct{}
}

// A volume is an object on the shelf.
type volume struct {
	dicomweb.Instance
	ds  *dicom.Dataset
	raw []byte
}

func (s *shelf) find(sop uid.UID) *volume {
	for _, v := range s.all {
		if v.SOP == sop {
			return v
		}
	}
	return nil
}

// Find implements dicomweb.Finder: instances whose UIDs match, at the level asked for.
func (s *shelf) Find(_ context.Context, q dicomweb.Query) iter.Seq2[*dicom.Dataset, error] {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = q
	level := map[dicomweb.Level]tag.Tag{dicomweb.Study: tag.StudyInstanceUID, dicomweb.Series: tag.SeriesInstanceUID, dicomweb.Image: tag.SOPInstanceUID}[q.Level]
	seen := map[string]bool{}
	var rows []*dicom.Dataset
	for _, v := range s.all {
		fits := !seen[v.ds.Text(level)]
		for e := range q.Keys.All() {
			if want := e.Texts(); len(want) > 0 && e.Tag() != tag.SpecificCharacterSet && !slices.Contains(want, v.ds.Text(e.Tag())) {
				fits = false
			}
		}
		if fits {
			seen[v.ds.Text(level)] = true
			b := dicom.NewBuilder()
			for e := range v.ds.All() {
				if q.Keys.Has(e.Tag()) || q.All && e.Tag() != tag.PixelData {
					b.Copy(e)
				}
			}
			ds, err := b.Dataset()
			if err != nil {
				panic(err)
			}
			rows = append(rows, ds)
		}
	}
	rows = rows[min(q.Offset, len(rows)):]
	rows = rows[:min(q.Limit, len(rows))]
	return func(yield func(*dicom.Dataset, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// Select implements dicomweb.Objects.
func (s *shelf) Select(_ context.Context, at dicomweb.Scope) iter.Seq2[dicomweb.Instance, error] {
	return func(yield func(dicomweb.Instance, error) bool) {
		if s.forbid {
			yield(dicomweb.Instance{}, fault.Errorf(fault.Forbidden, "not for you"))
			return
		}
		for _, v := range s.all {
			if (at.Study.IsZero() || v.Study == at.Study) && (at.Series.IsZero() || v.Series == at.Series) && (at.Instance.IsZero() || v.SOP == at.Instance) {
				if !yield(v.Instance, nil) {
					return
				}
			}
		}
	}
}

type file struct{ *bytes.Reader }

func (file) Close() error { return nil }

// Open implements dicomweb.Objects.
func (s *shelf) Open(_ context.Context, i dicomweb.Instance) (dicomweb.Object, error) {
	v := s.find(i.SOP)
	if v == nil {
		return nil, fault.Errorf(fault.NotFound, "gone")
	}
	if s.broken {
		return short{bytes.NewReader(v.raw[:len(v.raw)/2]), int64(len(v.raw))}, nil
	}
	return file{bytes.NewReader(v.raw)}, nil
}

// short is an object whose bytes are not all there.
type short struct {
	*bytes.Reader
	n int64
}

func (s short) Size() int64 { return s.n }
func (short) Close() error  { return nil }

// Series implements dicomweb.Metadata.
func (s *shelf) Series(_ context.Context, study uid.UID) ([]uid.UID, error) {
	var all []uid.UID
	for _, v := range s.all {
		if v.Study == study && !slices.Contains(all, v.Series) {
			all = append(all, v.Series)
		}
	}
	return all, nil
}

// Metadata implements dicomweb.Metadata.
func (s *shelf) Metadata(_ context.Context, study, series uid.UID) (dicomweb.Block, error) {
	var text bytes.Buffer
	sep := "["
	for _, v := range s.all {
		if v.Study == study && v.Series == series {
			text.WriteString(sep)
			sep = ","
			if err := dicom.WriteJSON(&text, v.ds, dicom.JSONOptions{BulkDataURI: func(path string, _ dicom.Element) string {
				return "instances/" + v.SOP.String() + "/bulkdata/" + path
			}}); err != nil {
				return dicomweb.Block{}, err
			}
		}
	}
	text.WriteString("]")
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(text.Bytes())
	_ = z.Close()
	return dicomweb.Block{Gzip: out.Bytes(), ETag: `"` + series.String() + `"`}, nil
}

// Frames implements dicomweb.Framer, for frames of 4 bytes.
func (s *shelf) Frames(_ context.Context, i dicomweb.Instance) (dicomweb.Frames, error) {
	e, _ := s.find(i.SOP).ds.Element(tag.PixelData)
	raw, err := e.Bytes()
	return frames(raw), err
}

type frames []byte

func (f frames) N() int     { return len(f) / 4 }
func (frames) Close() error { return nil }
func (f frames) Open(_ context.Context, n int) (io.ReadCloser, int64, error) {
	return io.NopCloser(bytes.NewReader(f[4*n-4 : 4*n])), 4, nil
}

// Receive implements dicomweb.Receiver.
func (s *shelf) Receive(_ context.Context, a dicomweb.Arrival) (dicomweb.Receipt, error) {
	raw, err := io.ReadAll(a.Data)
	switch {
	case err != nil:
		return nil, err
	case s.full:
		return nil, fault.Errorf(fault.Exhausted, "no room")
	}
	s.mu.Lock()
	s.studies = append(s.studies, a.Study)
	s.mu.Unlock()
	f, err := dicom.Read(bytes.NewReader(raw), nil)
	if err != nil || f.UID(tag.SOPInstanceUID).IsZero() {
		return nil, fault.Errorf(fault.Invalid, "this is no DICOM object")
	}
	return &receipt{s, raw, f}, nil
}

type receipt struct {
	s   *shelf
	raw []byte
	f   *dicom.File
}

// Wait implements dicomweb.Receipt.
func (r *receipt) Wait(context.Context) (dicomweb.Stored, error) {
	if r.s.waiting != nil {
		<-r.s.waiting
	}
	r.s.mu.Lock()
	defer r.s.mu.Unlock()
	v := volumeOf(r.raw, r.f)
	out := dicomweb.Stored{Study: v.Study, Series: v.Series, SOP: v.SOP, SOPClass: v.SOPClass}
	if old := r.s.find(v.SOP); old != nil {
		out.Aside = !bytes.Equal(old.raw, r.raw)
		return out, nil
	}
	r.s.all = append(r.s.all, v)
	return out, nil
}

func volumeOf(raw []byte, f *dicom.File) *volume {
	sum := sha256.Sum256(raw)
	return &volume{dicomweb.Instance{
		Study: f.UID(tag.StudyInstanceUID), Series: f.UID(tag.SeriesInstanceUID), SOP: f.UID(tag.SOPInstanceUID), SOPClass: f.UID(tag.SOPClassUID),
		TransferSyntax: f.TransferSyntax, Length: int64(len(raw)), Received: time.Unix(1700000000, 0), Digest: hex.EncodeToString(sum[:8]),
	}, f.Dataset, raw}
}

// object makes a small image. Its pixels are frames of four bytes.
func object(t testing.TB, study, series, sop string, syntax uid.UID, change ...func(*dicom.Builder)) []byte {
	t.Helper()
	b := dicom.NewBuilder().
		UID(tag.SOPClassUID, uid.CTImageStorage).UID(tag.SOPInstanceUID, uid.Must(sop)).
		UID(tag.StudyInstanceUID, uid.Must(study)).UID(tag.SeriesInstanceUID, uid.Must(series)).
		Text(tag.Modality, "CT").Text(tag.PatientName, "Müßig^Åsa").Text(tag.PatientID, "P1").
		Text(tag.StudyDate, "20240229").Int(tag.Rows, 2).Int(tag.Columns, 2).Int(tag.BitsAllocated, 8).
		Bytes(tag.PixelData, tag.VROf(tag.PixelData), []byte("abcdEFGHijkl"))
	for _, f := range change {
		f(b)
	}
	ds, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := dicom.WriteFile(&out, ds, syntax); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// put puts an object on the shelf.
func (s *shelf) put(t testing.TB, raw []byte) {
	t.Helper()
	f, err := dicom.Read(bytes.NewReader(raw), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.all = append(s.all, volumeOf(raw, f))
}

// door is a handler over a shelf with two studies.
func door(t testing.TB) (*shelf, *dicomweb.Handler) {
	t.Helper()
	s := &shelf{}
	s.put(t, object(t, "1.2.1", "1.2.1.1", "1.2.1.1.1", uid.ExplicitVRLittleEndian))
	s.put(t, object(t, "1.2.1", "1.2.1.1", "1.2.1.1.2", uid.ImplicitVRLittleEndian))
	s.put(t, object(t, "1.2.1", "1.2.1.2", "1.2.1.2.1", uid.ExplicitVRLittleEndian))
	s.put(t, object(t, "1.2.2", "1.2.2.1", "1.2.2.1.1", uid.ExplicitVRBigEndian))
	return s, &dicomweb.Handler{
		Root: "/dicom-web", Find: s, Objects: s, Framer: s, Store: s, Name: "test",
		Spool: func() (dicomweb.Spool, error) { return &spool{}, nil },
	}
}

type spool struct{ b []byte }

func (s *spool) Write(p []byte) (int, error) { s.b = append(s.b, p...); return len(p), nil }
func (s *spool) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(s.b).ReadAt(p, at)
}
func (*spool) Close() error { return nil }

// A reply is what a handler answered.
type reply struct {
	StatusCode    int
	Header        http.Header
	Body          io.Reader
	ContentLength int64 // -1 if it was not told
}

// replyOf returns what was recorded.
func replyOf(w *httptest.ResponseRecorder) reply {
	n, err := strconv.ParseInt(w.Header().Get("Content-Length"), 10, 64)
	if err != nil {
		n = -1
	}
	return reply{w.Code, w.Header(), w.Body, n}
}

// ask asks a handler. What fields hold stands as "Name: value".
func ask(t testing.TB, h http.Handler, method, path string, body io.Reader, fields ...string) reply {
	t.Helper()
	r := httptest.NewRequest(method, "/dicom-web"+path, body)
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return replyOf(w)
}

// text returns the body of an answer.
func text(t testing.TB, r reply) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
