package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/dicomweb"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/web"
)

// Where DICOM is spoken over HTTP.
const (
	dicomwebRoot = "/dicom-web"
	wadoURI      = "/wado"
)

// ofDICOMweb reports whether a path is one of DICOMweb or WADO-URI.
func ofDICOMweb(path string) bool {
	return path == wadoURI || strings.HasPrefix(path, dicomwebRoot+"/")
}

// dicomweb returns what answers below dicomwebRoot, over the archive.
func (h *house) dicomweb(s settings) *dicomweb.Handler {
	d := &dicomweb.Handler{
		Root: dicomwebRoot, Name: "Radagora " + versionText(), Log: h.Log, Now: h.Now,
		Find: finder{h}, Objects: stored{h}, Framer: stored{h}, Metadata: stored{h}, Store: receiver{h}, Spool: h.spool,
		Render: pixels{h}, Documents: documents{h}, Transcode: pixels{h}, Delete: stored{h}, Gone: stored{h}.gone,
	}
	if s.PublicURL != "" {
		base := s.base() + dicomwebRoot
		d.Base = func(*http.Request) string { return base }
	}
	return d
}

// dicomwebActs are what somebody must be allowed to do for an action. Who retrieves
// must be allowed to read the study besides; that is asked when it is known which.
var dicomwebActs = map[dicomweb.Action]access.Act{
	dicomweb.Search: access.StudyFind, dicomweb.Retrieve: access.StudyFind,
	dicomweb.StoreNew: access.ObjectStore, dicomweb.Remove: access.ObjectDelete, dicomweb.Capability: web.Anybody,
}

// dicomwebRoutes are the addresses of DICOMweb and WADO-URI.
func (h *house) dicomwebRoutes(s settings) []route {
	d := h.dicomweb(s)
	guard := newOrigins(s.AllowOrigin).guard
	var all []route
	for _, r := range d.Routes() {
		all = append(all, route{r.Pattern, dicomwebActs[r.Action], guard(r.Handler)})
	}
	return append(all,
		h.ticketRoute(s),
		route{"GET " + wadoURI, access.StudyFind, guard(d.URI())},
		route{"OPTIONS " + wadoURI, web.Anybody, guard(http.NotFoundHandler())},
	)
}

// origins are the sites of others whose pages may ask.
type origins struct {
	allowed []string
	cross   *http.CrossOriginProtection
}

// newOrigins returns the origins of a setting.
func newOrigins(allowed []string) *origins {
	o := &origins{cross: http.NewCrossOriginProtection()}
	for _, a := range allowed {
		o.allowed = append(o.allowed, strings.TrimRight(a, "/"))
	}
	return o
}

// guard answers what browsers ask for the pages of other sites (Fetch Standard, CORS
// protocol): those that are configured may ask, with a token, never with a cookie.
// A change that comes without a token, and so by a cookie or a certificate, must come
// from our own pages.
func (o *origins) guard(next http.Handler) http.Handler {
	ours := o.cross.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		if from := r.Header.Get("Origin"); from != "" && slices.Contains(o.allowed, from) {
			header := w.Header()
			header.Set("Access-Control-Allow-Origin", from)
			header.Set("Access-Control-Expose-Headers", "Content-Location, Content-Range, ETag, Location, Warning, X-Total-Count")
			if r.Method == http.MethodOptions {
				header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, DELETE, OPTIONS")
				header.Set("Access-Control-Allow-Headers", "Accept, Authorization, Content-Type, If-Match, If-None-Exist, If-None-Match, Prefer, Range")
				header.Set("Access-Control-Max-Age", "600")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		if r.Header.Get("Authorization") != "" {
			next.ServeHTTP(w, r)
			return
		}
		ours.ServeHTTP(w, r)
	})
}

// A finder searches the archive for whoever asks.
type finder struct{ *house }

// Find implements dicomweb.Finder.
func (f finder) Find(ctx context.Context, q dicomweb.Query) iter.Seq2[*dicom.Dataset, error] {
	reach, err := access.ReachOf(ctx, access.ObjectRead, at)
	if err != nil {
		return func(yield func(*dicom.Dataset, error) bool) { yield(nil, err) }
	}
	seen, err := f.look(ctx, at, reach, askedKeys(q.Keys)...)
	if err != nil {
		return func(yield func(*dicom.Dataset, error) bool) { yield(nil, err) }
	}
	return f.Archive.Find(ctx, at, archive.Query{
		Level: archive.Level(q.Level), Reach: reach, Keys: q.Keys, All: q.All, Fuzzy: q.Fuzzy, Offset: q.Offset, Limit: q.Limit, Shown: seen.hook(),
	})
}

// Count implements dicomweb.Counter.
func (f finder) Count(ctx context.Context, q dicomweb.Query) (int64, error) {
	reach, err := access.ReachOf(ctx, access.ObjectRead, at)
	if err != nil {
		return 0, err
	}
	return f.Archive.Count(ctx, at, archive.Query{Level: archive.Level(q.Level), Reach: reach, Keys: q.Keys, Fuzzy: q.Fuzzy})
}

// stored hands out what the archive keeps to whoever may read it.
type stored struct{ *house }

// Select implements dicomweb.Objects.
func (s stored) Select(ctx context.Context, scope dicomweb.Scope) iter.Seq2[dicomweb.Instance, error] {
	return func(yield func(dicomweb.Instance, error) bool) {
		switch there, err := s.mayRead(ctx, scope.Study); {
		case err != nil:
			yield(dicomweb.Instance{}, err)
			return
		case !there:
			return
		}
		for i, err := range s.instances(ctx, scope) {
			if !yield(instanceOf(i), err) || err != nil {
				return
			}
		}
	}
}

// mayRead reports whether there is a study, and returns an error unless whoever asks
// may read it. That they did is noted.
func (s stored) mayRead(ctx context.Context, study uid.UID) (bool, error) {
	subject, err := s.may(ctx, access.ObjectRead, study)
	switch {
	case err != nil && fault.Of(err) == fault.NotFound:
		return false, nil
	case err != nil:
		return false, err
	}
	return true, s.noteRead(ctx, access.ObjectRead, subject)
}

// may returns what a study is to the policies, and an error unless it is there and
// whoever asks may do act to it.
func (s stored) may(ctx context.Context, act access.Act, study uid.UID) (access.Subject, error) {
	found, err := s.Archive.Study(ctx, at, study)
	if err != nil {
		return access.Subject{}, err
	}
	subject := access.Subject{Site: at, Study: study.String(), Person: found.Person.Reveal()}
	return subject, access.Check(ctx, act, subject)
}

// Delete implements dicomweb.Deleter.
func (s stored) Delete(ctx context.Context, scope dicomweb.Scope, reason string) error {
	if _, err := s.may(ctx, access.ObjectDelete, scope.Study); err != nil {
		return err
	}
	t := archive.Target{Study: scope.Study, Series: scope.Series, SOP: scope.Instance}
	_, err := s.Archive.Delete(ctx, at, t, archive.ByPerson, reason)
	return err
}

// instances yields what a scope names, series by series.
func (s stored) instances(ctx context.Context, scope dicomweb.Scope) iter.Seq2[archive.Instance, error] {
	return func(yield func(archive.Instance, error) bool) {
		if !scope.Instance.IsZero() {
			i, err := s.Archive.Instance(ctx, at, scope.Instance)
			if err != nil && fault.Of(err) == fault.NotFound || err == nil && (i.Study != scope.Study || i.Series != scope.Series) {
				return
			}
			yield(i, err)
			return
		}
		series := []uid.UID{scope.Series}
		if scope.Series.IsZero() {
			var err error
			if series, err = s.Series(ctx, scope.Study); err != nil {
				yield(archive.Instance{}, err)
				return
			}
		}
		for _, one := range series {
			if !s.ofSeries(ctx, scope.Study, one, yield) {
				return
			}
		}
	}
}

// page is how many instances are asked for at once.
const page = 500

// ofSeries yields the instances of a series, and reports whether to go on.
func (s stored) ofSeries(ctx context.Context, study, series uid.UID, yield func(archive.Instance, error) bool) bool {
	var after *archive.Instance
	for {
		list, err := s.Archive.Instances(ctx, at, study, series, after, page)
		if err != nil {
			yield(archive.Instance{}, err)
			return false
		}
		for _, i := range list {
			if !yield(i, nil) {
				return false
			}
		}
		if len(list) < page {
			return true
		}
		after = &list[len(list)-1]
	}
}

// instanceOf returns an instance in the words of DICOMweb.
func instanceOf(i archive.Instance) dicomweb.Instance {
	out := dicomweb.Instance{
		Study: i.Study, Series: i.Series, SOP: i.SOP, SOPClass: i.SOPClass, TransferSyntax: i.TransferSyntax,
		Length: i.Length, Received: i.ReceivedAt, Digest: hex.EncodeToString(i.SHA256[:16]), Private: i,
	}
	if c := i.Corrected(); c != "" { // what is given out is not what was received
		out.Length, out.Digest = 0, out.Digest+"-"+c
	}
	if now := i.Corrected(); now != "" { // what goes out is not what is stored
		out.Length, out.Received, out.Digest = 0, time.Time{}, out.Digest+"-"+now
	}
	if i.Frames != nil && *i.Frames > 0 && *i.Frames < 1<<31 {
		out.NumberOfFrames = int(*i.Frames)
	}
	return out
}

// of returns the instance of the archive behind one of DICOMweb.
func (stored) of(i dicomweb.Instance) (archive.Instance, error) {
	of, ok := i.Private.(archive.Instance)
	if !ok {
		return of, fault.Errorf(fault.Internal, "instance %s did not come from the archive", i.SOP)
	}
	return of, nil
}

// Open implements dicomweb.Objects.
func (s stored) Open(ctx context.Context, i dicomweb.Instance) (dicomweb.Object, error) {
	of, err := s.of(i)
	if err != nil {
		return nil, err
	}
	o, err := s.Archive.OpenInstance(ctx, of)
	if err != nil && fault.Of(err) == fault.NotFound { // it may have been moved to another pack meanwhile
		return s.Archive.Open(ctx, at, i.SOP)
	}
	return o, err
}

// Series implements dicomweb.Metadata.
func (s stored) Series(ctx context.Context, study uid.UID) ([]uid.UID, error) {
	list, err := s.Archive.SeriesOf(ctx, at, study)
	all := make([]uid.UID, len(list))
	for k, one := range list {
		all[k] = one.UID
	}
	return all, err
}

// Metadata implements dicomweb.Metadata.
func (s stored) Metadata(ctx context.Context, study, series uid.UID) (dicomweb.Block, error) {
	b, err := s.Archive.Metadata(ctx, at, study, series)
	return dicomweb.Block{Gzip: b.Gzip(), ETag: b.ETag}, err
}

// Frames implements dicomweb.Framer.
func (s stored) Frames(ctx context.Context, i dicomweb.Instance) (dicomweb.Frames, error) {
	of, err := s.of(i)
	if err != nil {
		return nil, err
	}
	f, err := s.Archive.Frames(ctx, of)
	if err != nil && fault.Of(err) == fault.Unsupported {
		return pixels(s).frames(ctx, s, i)
	}
	return frames{f}, err
}

// gone says why the pixels of an instance are not kept, "" if they are.
func (s stored) gone(ctx context.Context, i dicomweb.Instance) (string, error) {
	r, reduced, err := s.Archive.Reduced(ctx, at, i.SOP)
	if err != nil || !reduced {
		return "", err
	}
	return fmt.Sprintf("only the header of instance %s is kept: its pixels were dropped on %s by the rule %s", i.SOP, r.At.UTC().Format(time.DateOnly), r.Policy), nil
}

// frames are the frames of an instance of the archive.
type frames struct{ archive.Frames }

func (f frames) N() int     { return f.Frames.N }
func (frames) Close() error { return nil }

// Open implements dicomweb.Frames.
func (f frames) Open(ctx context.Context, n int) (io.ReadCloser, int64, error) {
	return f.Frames.Open(ctx, n)
}

// A receiver puts what requests bring into the archive.
type receiver struct{ *house }

// Receive implements dicomweb.Receiver.
func (v receiver) Receive(ctx context.Context, a dicomweb.Arrival) (dicomweb.Receipt, error) {
	who := access.From(ctx)
	r, err := v.Archive.Receive(ctx, archive.Arrival{Site: at, Actor: who.ID, Door: "stow", Part10: true, Data: a.Data})
	if err != nil {
		return nil, noRoom(err)
	}
	return receipt{r}, nil
}

// noRoom tells what is too long, which it will be the next time too, from what there is no
// room for now: whoever sends that is to try again later.
func noRoom(err error) error {
	if err != nil && fault.Of(err) == fault.Exhausted && archive.Reason(err) == "" {
		return fault.As(fault.Unavailable, fmt.Errorf("there is no room now: %w", err))
	}
	return err
}

// receipt is one of the archive.
type receipt struct{ *archive.Receipt }

// Wait implements dicomweb.Receipt.
func (r receipt) Wait(ctx context.Context) (dicomweb.Stored, error) {
	s, err := r.Receipt.Wait(ctx)
	return dicomweb.Stored{
		Study: s.Study, Series: s.Series, SOP: s.SOP, SOPClass: s.SOPClass,
		Aside: s.Outcome == archive.Quarantined,
	}, noRoom(err)
}

// spool returns a temporary file of the data folder that goes away when it is closed;
// what a crash leaves is swept away at the next start.
func (h *house) spool() (dicomweb.Spool, error) {
	f, err := os.CreateTemp(h.data, uploads)
	if err != nil {
		return nil, fault.As(fault.Unavailable, err)
	}
	return spoolFile{f}, nil
}

// A spoolFile is a file that removes itself. It has no more methods than it needs: nobody
// may write to it and not learn by the kind of the error that it was the disk.
type spoolFile struct{ file *os.File }

// Write implements io.Writer. Unavailable: there is no room now, or no disk.
func (f spoolFile) Write(b []byte) (int, error) {
	n, err := f.file.Write(b)
	if err != nil {
		err = fault.As(fault.Unavailable, fmt.Errorf("bulk data cannot be put aside: %w", err))
	}
	return n, err
}

// ReadAt implements io.ReaderAt.
func (f spoolFile) ReadAt(b []byte, at int64) (int, error) { return f.file.ReadAt(b, at) }

// Close implements io.Closer.
func (f spoolFile) Close() error {
	err := f.file.Close()
	if gone := os.Remove(f.file.Name()); err == nil {
		err = gone
	}
	return err
}
