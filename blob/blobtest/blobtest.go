// Package blobtest is the suite that every store of immutable bytes passes.
package blobtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/blob"
	"radagora/fault"
)

// Run tests what package blob promises of a store. Each part calls open for an
// empty store; the suite closes it.
func Run(t *testing.T, open func(t *testing.T) blob.Store) {
	for _, part := range []struct {
		name string
		run  func(t *testing.T, s blob.Store)
	}{
		{"what was put is there", roundTrip},
		{"ranges", ranges},
		{"many writers at once", concurrent},
		{"one writer goes on before the last object is durable", ahead},
		{"an aborted object leaves nothing", abort},
		{"a removed object is gone and the others stay", remove},
		{"a wrong reference finds nothing", wrongRef},
		{"use after the end fails", ended},
		{"scrub sees everything", scrub},
	} {
		t.Run(part.name, func(t *testing.T) {
			s := open(t)
			part.run(t, s)
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

// Bytes makes n bytes that depend on seed alone.
func Bytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// Put stores b, in pieces of odd sizes, and waits until it is durable.
func Put(t testing.TB, s blob.Store, b []byte) blob.Ref {
	t.Helper()
	r, durable, err := begin(t.Context(), s, b)
	if err == nil {
		err = durable(t.Context())
	}
	if err != nil {
		t.Fatalf("put %d bytes: %v", len(b), err)
	}
	return r
}

func begin(ctx context.Context, s blob.Store, b []byte) (blob.Ref, func(context.Context) error, error) {
	w, err := s.Create(ctx)
	if err != nil {
		return blob.Ref{}, nil, err
	}
	defer func() { _ = w.Abort() }()
	for rest := b; len(rest) > 0; {
		n := min(len(rest), 10007)
		if _, err := w.Write(rest[:n]); err != nil {
			return blob.Ref{}, nil, err
		}
		rest = rest[n:]
	}
	return w.Finish(ctx)
}

// Get reads a whole object.
func Get(ctx context.Context, s blob.Store, r blob.Ref) ([]byte, error) {
	o, err := s.Open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
}

func want(t *testing.T, s blob.Store, r blob.Ref, b []byte) {
	t.Helper()
	got, err := Get(t.Context(), s, r)
	if err != nil {
		t.Errorf("Get(%s): %v", r, err)
	} else if !bytes.Equal(got, b) {
		t.Errorf("Get(%s) = %d bytes that differ from the %d put", r, len(got), len(b))
	}
	if r.Length != int64(len(b)) || r.SHA256 != sha256.Sum256(b) {
		t.Errorf("Ref %s: length or digest is not that of the object", r)
	}
}

func wantKind(t *testing.T, what string, err error, kind fault.Kind) {
	t.Helper()
	if err == nil || fault.Of(err) != kind {
		t.Errorf("%s: %v; want %v", what, err, kind)
	}
}

func list(t *testing.T, s blob.Store) map[blob.Ref]bool {
	t.Helper()
	all := map[blob.Ref]bool{}
	for r, err := range s.List(t.Context()) {
		if err != nil {
			t.Errorf("List: %v", err)
		}
		if all[r] {
			t.Errorf("List: %s twice", r)
		}
		all[r] = true
	}
	return all
}

// sizes lie around the borders that an implementation may have.
var sizes = []int{
	0, 1, 63, 64, 65, 4095, 4096, 9000, 65536,
	262143 - 64, 262144 - 64, 262145 - 64, 262143, 262144, 262145, 524288, 3<<20 + 17,
}

func roundTrip(t *testing.T, s blob.Store) {
	refs := map[blob.Ref]bool{}
	for i, n := range sizes {
		b := Bytes(uint64(i), n)
		r := Put(t, s, b)
		want(t, s, r, b)
		refs[r] = true
	}
	if diff := cmp.Diff(refs, list(t, s)); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	for i, n := range sizes { // still there after the later ones
		for r := range refs {
			if r.Length == int64(n) && r.SHA256 == sha256.Sum256(Bytes(uint64(i), n)) {
				want(t, s, r, Bytes(uint64(i), n))
			}
		}
	}
}

func ranges(t *testing.T, s blob.Store) {
	b := Bytes(1, 300_000)
	Put(t, s, Bytes(2, 100))
	r := Put(t, s, b)
	Put(t, s, Bytes(3, 100))
	o, err := s.Open(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for _, c := range []struct {
		name   string
		off, n int64
		want   []byte
		eof    bool
	}{
		{"from the beginning", 0, 10, b[:10], false},
		{"in the middle", 150_000, 1000, b[150_000:151_000], false},
		{"up to the end", 299_990, 10, b[299_990:], false},
		{"beyond the end gives what there is", 299_990, 100, b[299_990:], true},
		{"behind the end gives nothing of the neighbour", 300_000, 10, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			buf := make([]byte, c.n)
			n, err := o.ReadAt(buf, c.off)
			if !bytes.Equal(buf[:n], c.want) || c.eof != errors.Is(err, io.EOF) && c.eof {
				t.Errorf("ReadAt(%d, %d) = %d bytes, %v; want %d", c.off, c.n, n, err, len(c.want))
			}
		})
	}
}

func concurrent(t *testing.T, s blob.Store) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	refs := map[blob.Ref][]byte{}
	for g := range 8 {
		wg.Go(func() {
			for i := range 10 {
				b := Bytes(uint64(100*g+i), 1+g*g*9000+i*77) //nolint:gosec // G115: small and not negative
				r := Put(t, s, b)
				mu.Lock()
				refs[r] = b
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(refs) != 80 {
		t.Errorf("%d different references; want 80", len(refs))
	}
	for r, b := range refs {
		want(t, s, r, b)
	}
}

func ahead(t *testing.T, s blob.Store) {
	var waits []func(context.Context) error
	var refs []blob.Ref
	for i := range 5 {
		r, durable, err := begin(t.Context(), s, Bytes(uint64(i), 300_000))
		if err != nil {
			t.Fatal(err)
		}
		refs, waits = append(refs, r), append(waits, durable)
	}
	for i := range waits {
		if err := waits[len(waits)-1-i](t.Context()); err != nil {
			t.Error(err)
		}
	}
	for i, r := range refs {
		want(t, s, r, Bytes(uint64(i), 300_000))
	}
}

func abort(t *testing.T, s blob.Store) {
	before := Put(t, s, Bytes(1, 1000))
	for _, n := range []int{0, 10, 1 << 20} {
		w, err := s.Create(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(Bytes(2, n)); err != nil {
			t.Fatal(err)
		}
		if err := w.Abort(); err != nil {
			t.Errorf("Abort: %v", err)
		}
		if err := w.Abort(); err != nil {
			t.Errorf("Abort again: %v", err)
		}
	}
	after := Put(t, s, Bytes(3, 1000))
	if diff := cmp.Diff(map[blob.Ref]bool{before: true, after: true}, list(t, s)); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	want(t, s, before, Bytes(1, 1000))
	want(t, s, after, Bytes(3, 1000))
}

func remove(t *testing.T, s blob.Store) {
	var refs []blob.Ref
	for i := range 5 {
		refs = append(refs, Put(t, s, Bytes(uint64(i), i*200_000)))
	}
	for _, gone := range []int{4, 2, 0} {
		if err := s.Remove(t.Context(), refs[gone]); err != nil {
			t.Fatalf("Remove: %v", err)
		}
		if err := s.Remove(t.Context(), refs[gone]); err != nil && fault.Of(err) != fault.NotFound {
			t.Fatalf("Remove again: %v", err)
		}
		_, err := s.Open(t.Context(), refs[gone])
		wantKind(t, "Open a removed object", err, fault.NotFound)
	}
	if diff := cmp.Diff(map[blob.Ref]bool{refs[1]: true, refs[3]: true}, list(t, s)); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	want(t, s, refs[1], Bytes(1, 200_000))
	want(t, s, refs[3], Bytes(3, 600_000))
	want(t, s, Put(t, s, Bytes(9, 50)), Bytes(9, 50))
}

func wrongRef(t *testing.T, s blob.Store) {
	good := Put(t, s, Bytes(1, 1000))
	for _, c := range []struct {
		name string
		make func(r *blob.Ref)
	}{
		{"unknown pack", func(r *blob.Ref) { r.Pack = "0198c0de-0000-7000-8000-000000000000" }},
		{"a name that leads elsewhere", func(r *blob.Ref) { r.Pack = "../" + r.Pack }},
		{"no name", func(r *blob.Ref) { r.Pack = "" }},
		{"behind the end", func(r *blob.Ref) { r.Offset += 1 << 40 }},
		{"negative offset", func(r *blob.Ref) { r.Offset = -64 }},
		{"other length", func(r *blob.Ref) { r.Length-- }},
		{"negative length", func(r *blob.Ref) { r.Length = -1 }},
		{"other digest", func(r *blob.Ref) { r.SHA256[0]++ }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := good
			c.make(&r)
			_, err := s.Open(t.Context(), r)
			wantKind(t, "Open", err, fault.NotFound)
			wantKind(t, "Remove", s.Remove(t.Context(), r), fault.NotFound)
			want(t, s, good, Bytes(1, 1000))
		})
	}
}

func ended(t *testing.T, s blob.Store) {
	w, err := s.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r, durable, err := w.Finish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(durable(t.Context()), w.Abort()); err != nil {
		t.Errorf("Abort after Finish: %v", err)
	}
	want(t, s, r, nil)
	_, err = w.Write([]byte{1})
	wantKind(t, "Write after Finish", err, fault.Internal)
	_, _, err = w.Finish(t.Context())
	wantKind(t, "Finish after Finish", err, fault.Internal)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.Create(ctx)
	wantKind(t, "Create with an ended context", err, fault.Unavailable)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Create(t.Context())
	wantKind(t, "Create after Close", err, fault.Unavailable)
}

func scrub(t *testing.T, s blob.Store) {
	for i := range 6 {
		Put(t, s, Bytes(uint64(i), 100_000*i))
	}
	seen := 0
	err := blob.Scrub(t.Context(), s, 0, func(r blob.Ref, err error) error {
		seen++
		if err != nil {
			return fmt.Errorf("%s: %w", r, err)
		}
		return nil
	})
	if err != nil || seen != 6 {
		t.Errorf("Scrub: %d objects, %v; want 6", seen, err)
	}
}
