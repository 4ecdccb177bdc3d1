package s3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"radagora/blob/s3"
	"radagora/blob/s3/s3test"
	"radagora/fault"
)

// A stalling transport lets parts of uploads wait until their request gives up, and notes
// until when each request would have waited.
type stalling struct {
	parts    bool
	deadline map[string]time.Duration // by what is asked
}

func (s *stalling) RoundTrip(r *http.Request) (*http.Response, error) {
	kind := r.Method
	switch q := r.URL.Query(); {
	case q.Has("partNumber"):
		kind = "part"
	case q.Has("uploads"):
		kind = "begin"
	case q.Has("uploadId") && r.Method == http.MethodPost:
		kind = "complete"
	}
	until, ok := r.Context().Deadline()
	if left := time.Until(until); ok && left > s.deadline[kind] {
		s.deadline[kind] = left
	} else if !ok {
		s.deadline[kind] = -1
	}
	if s.parts && kind == "part" {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestPutHasADeadline: whatever is written, each request ends by a time that follows how
// much it carries, and what could not be written leaves nothing.
func TestPutHasADeadline(t *testing.T) {
	place := s3test.Bucket(t)
	for _, size := range []int{0, 1 << 20, 16 << 20, 16<<20 + 1, 40 << 20} {
		line := &stalling{deadline: map[string]time.Duration{}}
		b, err := s3.OpenBucket(place, s3.Options{Key: s3test.Key, Secret: s3test.Secret, Transport: line, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		data := make([]byte, size)
		_, _ = rand.Read(data)
		n, sum, err := b.Put(t.Context(), "thing", bytes.NewReader(data))
		if err != nil || n != int64(size) || sum != sha256.Sum256(data) {
			t.Fatalf("Put of %d bytes: %d, %v", size, n, err)
		}
		r, err := b.Get(t.Context(), "thing")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || r.Close() != nil || !bytes.Equal(got, data) {
			t.Errorf("Get of %d bytes: %d, %v", size, len(got), err)
		}
		for kind, left := range line.deadline {
			switch least := time.Duration(min(size, 16<<20)/(64<<10)) * time.Second; {
			case kind == http.MethodGet: // ended by whoever reads
			case left < 0:
				t.Errorf("%d bytes: %s has no deadline", size, kind)
			case (kind == "part" || kind == http.MethodPut) && left < least:
				t.Errorf("%d bytes: %s ends after %v; want time for what it carries", size, kind, left)
			}
		}
		if size > 16<<20 && (line.deadline["part"] == 0 || line.deadline["complete"] == 0) {
			t.Errorf("%d bytes were not written in parts: %v", size, line.deadline)
		}
	}
}

// TestPutThatStallsLeavesNothing: a store that takes a part and does not answer does not
// hold up whoever writes for ever.
func TestPutThatStallsLeavesNothing(t *testing.T) {
	place := s3test.Bucket(t)
	line := &stalling{deadline: map[string]time.Duration{}, parts: true}
	b, err := s3.OpenBucket(place, s3.Options{Key: s3test.Key, Secret: s3test.Secret, Transport: line, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, _, err = b.Put(ctx, "thing", io.LimitReader(zeros{}, 20<<20))
	if fault.Of(err) != fault.Unavailable || err == nil {
		t.Errorf("Put = %v; want Unavailable", err)
	}
	if _, err := b.Stat(t.Context(), "thing"); fault.Of(err) != fault.NotFound {
		t.Errorf("Stat = %v; want nothing there", err)
	}
	line.parts = false
	if _, _, err := b.Put(t.Context(), "thing", strings.NewReader("short")); err != nil {
		t.Error(err)
	}
}

// zeros is read without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
