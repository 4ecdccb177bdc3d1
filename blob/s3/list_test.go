package s3_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"radagora/blob/s3"
	"radagora/blob/s3/s3test"
	"radagora/fault"
)

// A mute transport answers no more once it is told so.
type mute struct{ on atomic.Bool }

func (m *mute) RoundTrip(r *http.Request) (*http.Response, error) {
	if m.on.Load() {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return http.DefaultTransport.RoundTrip(r)
}

// TestListingsHaveADeadline: a store that takes a question and never answers holds nobody.
func TestListingsHaveADeadline(t *testing.T) {
	place, m := s3test.Bucket(t), &mute{}
	o := s3.Options{Key: s3test.Key, Secret: s3test.Secret, Transport: m, Temp: t.TempDir(), Timeout: 200 * time.Millisecond}
	patient := o
	patient.Timeout = time.Minute
	ready, err := s3.Open(t.Context(), place, patient)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ready.Close() })
	s, err := s3.Open(t.Context(), place, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b, err := s3.OpenBucket(place, o)
	if err != nil {
		t.Fatal(err)
	}
	m.on.Store(true)
	for name, ask := range map[string]func(context.Context) error{
		"opening": func(ctx context.Context) error { _, err := s3.Open(ctx, place, o); return err },
		"packs": func(ctx context.Context) error {
			for _, err := range s.Packs(ctx) {
				return err
			}
			return nil
		},
		"unfinished packs": func(ctx context.Context) error { _, err := s.Tidy(ctx, time.Now(), 0); return err },
		"names": func(ctx context.Context) error {
			for _, err := range b.List(ctx, "") {
				return err
			}
			return nil
		},
		"unfinished names": b.Tidy,
	} {
		t.Run(name, func(t *testing.T) {
			if err := ask(t.Context()); fault.Of(err) != fault.Unavailable {
				t.Errorf("%v; want unavailable", err)
			}
		})
	}
	t.Run("whoever asked left", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		for _, err := range ready.Packs(ctx) {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%v; want canceled", err)
			}
		}
	})
}
