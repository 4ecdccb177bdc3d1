// Package s3 keeps immutable bytes in packs in an object store that speaks S3.
//
// It is the [blob.Store] of several processes. A pack is one S3 object in the
// format of docs/format/pack.md, byte for byte the same as a sealed pack on a disk,
// under PREFIX/<id>.pack. Small objects of all writers are gathered for a moment
// into one pack, which is written before any of them is acknowledged; a large one
// is streamed into a pack of its own and never held in memory. Nothing is ever
// appended to a pack, and so no process needs to know what others write.
//
// Removing rewrites the pack without the object's bytes, on the condition that
// nobody else rewrote it meanwhile, and deletes what the store kept of the old one;
// a pack in which nothing is left is deleted. Merge makes few packs of many.
package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"radagora/blob"
	"radagora/blob/disk"
	"radagora/fault"
)

// A Place says where packs are kept. It is written s3://BUCKET/PREFIX?endpoint=URL.
type Place struct {
	Endpoint string // https://HOST:PORT, or http:// for a machine on the same trusted network
	Bucket   string
	Prefix   string // before the names of packs, without slashes at its ends; may be ""
	Region   string // "" means us-east-1, which most stores that are not Amazon's ignore
	Domain   bool   // the bucket is part of the host's name instead of the path
}

// ParsePlace reads s3://BUCKET/PREFIX?endpoint=URL&region=NAME&lookup=domain. Only
// the endpoint is needed. Invalid: it is none; what holds a key is refused too.
func ParsePlace(s string) (Place, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "s3" || u.Host == "":
		return Place{}, fault.Errorf(fault.Invalid, "write s3://BUCKET/PREFIX?endpoint=https://HOST")
	case u.User != nil:
		return Place{}, fault.Errorf(fault.Invalid, "an address of a store holds no key: give it by environment or file")
	}
	q := u.Query()
	p := Place{Endpoint: q.Get("endpoint"), Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"), Region: q.Get("region"), Domain: q.Get("lookup") == "domain"}
	for key := range q {
		if key != "endpoint" && key != "region" && key != "lookup" {
			return Place{}, fault.Errorf(fault.Invalid, "s3://%s: what may follow ? is endpoint, region and lookup", u.Host)
		}
	}
	e, err := url.Parse(p.Endpoint)
	if err != nil || e.Scheme != "https" && e.Scheme != "http" || e.Host == "" || e.User != nil || strings.Trim(e.Path, "/") != "" {
		return Place{}, fault.Errorf(fault.Invalid, "s3://%s: endpoint is https://HOST or http://HOST:PORT", u.Host)
	}
	return p, nil
}

// String writes the place as ParsePlace reads it.
func (p Place) String() string {
	q := url.Values{"endpoint": {p.Endpoint}}
	if p.Region != "" {
		q.Set("region", p.Region)
	}
	if p.Domain {
		q.Set("lookup", "domain")
	}
	return (&url.URL{Scheme: "s3", Host: p.Bucket, Path: "/" + p.Prefix, RawQuery: q.Encode()}).String()
}

// Host returns HOST or HOST:PORT of the endpoint, as outgoing.Options.Allow takes it.
func (p Place) Host() string {
	u, err := url.Parse(p.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

// Options say how a store works. Key, Secret and Transport are needed.
type Options struct {
	Key, Secret string            // of an account that may list, read, write and delete under the prefix
	Transport   http.RoundTripper // how it is called; see package outgoing

	Gather  time.Duration // how long a pack waits for more objects. 0: 20 ms
	Batch   int64         // at which size it waits no longer, and beyond which an object has a pack to itself. 0: 8 MiB
	Timeout time.Duration // of one request. 0: 2 minutes
	Temp    string        // folder for packs being rewritten. "": that of the system
	Log     *slog.Logger  // nil: silent
}

// A Store keeps objects in packs in S3. Several processes may have the same one open.
type Store struct {
	place Place
	o     Options
	core  minio.Core

	mu      sync.Mutex // guards what follows
	closed  bool
	current *batch
	flight  sync.WaitGroup // packs being written

	busy   chan struct{} // one for each pack being written, so that memory is bounded
	inward sync.Mutex    // held while this process rewrites packs
}

var _ blob.Packs = (*Store)(nil)

// inFlight is how many packs are written at once.
const inFlight = 8

// Open looks whether the bucket is there and may be read, and returns the store.
// Unavailable: it does not answer. NotFound: there is no such bucket. Forbidden: the
// key is not right, or may not.
func Open(ctx context.Context, p Place, o Options) (*Store, error) {
	s, err := newStore(p, o)
	if err != nil {
		return nil, err
	}
	for _, err := range listed(ctx, s.core, s.place.Bucket, s.o.Timeout, minio.ListObjectsOptions{Prefix: s.prefix(), MaxKeys: 1}) {
		if err != nil {
			return nil, fmt.Errorf("open object store %s: %w", p.Bucket, classify(err))
		}
		break // one is enough to see
	}
	return s, ctx.Err()
}

// newStore returns the store without asking it.
func newStore(p Place, o Options) (*Store, error) {
	if o.Gather <= 0 {
		o.Gather = 20 * time.Millisecond
	}
	if o.Batch <= 0 {
		o.Batch = 8 << 20
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Minute
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if p.Region == "" {
		p.Region = "us-east-1"
	}
	if o.Transport == nil || o.Key == "" || o.Secret == "" {
		return nil, fault.Errorf(fault.Invalid, "object store %s: key, secret and transport are needed", p.Bucket)
	}
	lookup := minio.BucketLookupPath
	if p.Domain {
		lookup = minio.BucketLookupDNS
	}
	core, err := minio.NewCore(p.Host(), &minio.Options{
		Creds: credentials.NewStaticV4(o.Key, o.Secret, ""), Secure: strings.HasPrefix(p.Endpoint, "https:"),
		Transport: o.Transport, Region: p.Region, BucketLookup: lookup, MaxRetries: 3,
	})
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "object store %s: %w", p.Bucket, err)
	}
	return &Store{place: p, o: o, core: *core, busy: make(chan struct{}, inFlight)}, nil
}

// Place returns where the packs are.
func (s *Store) Place() Place { return s.place }

// prefix is what stands before the names of packs.
func (s *Store) prefix() string {
	if s.place.Prefix == "" {
		return ""
	}
	return s.place.Prefix + "/"
}

// key returns the S3 key of a pack.
func (s *Store) key(pack string) string { return s.prefix() + pack + disk.Extension }

// packOf returns the pack of a key.
func (s *Store) packOf(key string) (string, bool) {
	name := strings.TrimSuffix(strings.TrimPrefix(key, s.prefix()), disk.Extension)
	return name, disk.IsPack(name) && path.Base(key) == name+disk.Extension
}

// Close waits for packs that are being written.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	if b := s.current; b != nil {
		s.send(b)
	}
	s.mu.Unlock()
	s.flight.Wait()
	return nil
}

func errClosed() error { return fault.Errorf(fault.Unavailable, "the object store is closed") }

// errStale says that somebody else rewrote a pack in the meantime.
var errStale = errors.New("the pack was rewritten meanwhile")

// classify gives an error of S3 the kind that says what can be done. It keeps no
// address, and none of what the store says beside its code.
func classify(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, io.EOF) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return fault.Errorf(fault.Unavailable, "the object store does not answer: %w", u.Err)
	}
	var r minio.ErrorResponse
	if !errors.As(err, &r) || r.Code == "" {
		return fault.As(fault.Unavailable, err)
	}
	switch r.Code {
	case minio.NoSuchKey, "NotFound", minio.NoSuchBucket, "NoSuchVersion", "InvalidRange":
		return fault.Errorf(fault.NotFound, "the object store says %s", r.Code)
	case minio.PreconditionFailed, "ConditionalRequestConflict":
		return errStale
	case minio.AccessDenied, "InvalidAccessKeyId", "SignatureDoesNotMatch":
		return fault.Errorf(fault.Forbidden, "the object store says %s", r.Code)
	case "QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "XMinioAdminBucketQuotaExceeded":
		return fault.Errorf(fault.Exhausted, "the object store says %s", r.Code)
	}
	return fault.Errorf(fault.Unavailable, "the object store says %s (HTTP %d)", r.Code, r.StatusCode)
}
