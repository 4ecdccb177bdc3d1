// Package client calls the program's own API from Go programs.
//
//	c := client.Client{Address: "https://radagora.hospital.example", Token: token}
//	for s, err := range c.ListStudies(ctx, client.ListStudiesQuery{Modality: "CT"}) {
//		…
//	}
//
// The methods and types in api.go are made from the description of the API. Lists are
// read page by page while they are ranged over. What fails for a reason that may pass
// is tried again; a request that changes something bears a key, so that it has its
// effect once however often it is sent. What is refused is a *Problem. Fields and values
// may be added within a version: whatever the client does not know, it ignores.
//
// It needs nothing but the standard library, so it can be copied into another program.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A Client calls one installation. Its fields are set before the first call; after that
// it is safe for concurrent use.
type Client struct {
	Address  string        // of the installation: scheme, host and what a proxy puts before
	Token    string        // rad_…; "" sends none
	HTTP     *http.Client  // nil: http.DefaultClient
	Attempts int           // of one call; 0 means 5
	Pause    time.Duration // before the second attempt, twice as long before each after that; 0 means half a second
	Longest  time.Duration // no pause is longer, and whoever asks for a longer one is not asked again; 0 means half a minute
}

// bodyLimit bounds what an answer may hold, in bytes.
const bodyLimit = 64 << 20

type keyOf struct{}

// WithKey returns a context in which the next call that changes something bears this
// idempotency key: for a program that wants to send it again after its own restart.
// Without it each call has a random one.
func WithKey(ctx context.Context, key string) context.Context {
	return context.WithValue(ctx, keyOf{}, key)
}

// A request is one call.
type request struct {
	method, path string
	query        url.Values
	in, out      any // nil for none
}

// do calls, again and again while the reason of a failure may pass.
func (c *Client) do(ctx context.Context, q request) error {
	var body []byte
	if q.in != nil {
		var err error
		if body, err = json.Marshal(q.in); err != nil {
			return fmt.Errorf("%s %s: %w", q.method, q.path, err)
		}
	}
	key := ""
	if q.method != http.MethodGet {
		if key, _ = ctx.Value(keyOf{}).(string); key == "" {
			key = rand.Text()
		}
	}
	attempts, pause, longest := orElse(c.Attempts, 5), orElse(c.Pause, 500*time.Millisecond), orElse(c.Longest, 30*time.Second)
	for n := 1; ; n++ {
		wait, err := c.once(ctx, q, body, key)
		if err == nil || wait < 0 || n >= attempts || ctx.Err() != nil {
			return err
		}
		if wait = max(wait, pause); wait > longest {
			return err
		}
		if stopped := sleep(ctx, wait); stopped != nil {
			return errors.Join(err, stopped)
		}
		pause = min(2*pause, longest)
	}
}

func orElse[T comparable](v, usual T) T {
	var zero T
	if v == zero {
		return usual
	}
	return v
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// once calls once. wait is how long to wait before another attempt, negative if there
// is no sense in one.
func (c *Client) once(ctx context.Context, q request, body []byte, key string) (wait time.Duration, err error) {
	address := strings.TrimRight(c.Address, "/") + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, q.method, address, bytes.NewReader(body))
	if err != nil {
		return -1, fmt.Errorf("%s %s: %w", q.method, q.path, err)
	}
	r.Header.Set("Accept", "application/json, application/problem+json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	answer, err := orElse(c.HTTP, http.DefaultClient).Do(r)
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", q.method, q.path, err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, bodyLimit))
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", q.method, q.path, err)
	}
	if answer.StatusCode >= 300 {
		return again(answer), problemOf(q, answer, text)
	}
	if q.out == nil || len(text) == 0 {
		return 0, nil
	}
	if err := json.Unmarshal(text, q.out); err != nil {
		return -1, fmt.Errorf("%s %s: the answer: %w", q.method, q.path, err)
	}
	return 0, nil
}

// again returns how long to wait before another attempt, negative if a refusal stays.
func again(r *http.Response) time.Duration {
	seconds, err := strconv.Atoi(r.Header.Get("Retry-After"))
	told := err == nil && seconds >= 0
	switch r.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
	case http.StatusConflict: // the same request is being worked on
		if !told {
			return -1
		}
	default:
		return -1
	}
	if !told {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// A page is how lists are answered.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// pages ranges over a list, page by page.
func pages[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		q := url.Values{}
		maps.Copy(q, query)
		for {
			var p page[T]
			if err := c.do(ctx, request{method: http.MethodGet, path: path, query: q, out: &p}); err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, one := range p.Items {
				if !yield(one, nil) {
					return
				}
			}
			if p.Next == "" {
				return
			}
			q.Set("cursor", p.Next)
		}
	}
}

// Follow ranges over changes from the one behind cursor on, 0 for the oldest that is
// kept, and waits for those to come until ctx ends. Number is the cursor to go on with.
func (c *Client) Follow(ctx context.Context, cursor int64, kinds ...string) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for {
			part, err := c.ListChanges(ctx, ListChangesQuery{Cursor: new(cursor), Kind: kinds, Wait: new(int64(30))})
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				yield(Change{}, err)
				return
			}
			for _, one := range part.Items {
				if !yield(one, nil) {
					return
				}
			}
			cursor = part.Next
		}
	}
}
