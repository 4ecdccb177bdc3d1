package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// client asks over connections that stay open.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, DisableCompression: true}, Timeout: time.Minute}

// An answered question: how long it took until the last byte, and how many there were.
type answered struct {
	took  time.Duration
	bytes int64
}

// get asks once.
func get(ctx context.Context, url, accept string) (a answered, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return a, err
	}
	r.Header.Set("Accept", accept)
	return a, a.by(r)
}

// by sends r and reads the answer to its end.
func (a *answered) by(r *http.Request) error {
	begin := time.Now()
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	a.bytes, err = io.Copy(io.Discard, answer.Body)
	a.took = time.Since(begin)
	if answer.StatusCode/100 != 2 {
		return errors.Join(err, fmt.Errorf("status %s", answer.Status))
	}
	return err
}

// asks returns a trial that asks n times, after one that does not count, and gives the
// median in milliseconds.
func asks(n int, accept string, path func(*dossier) string) func(context.Context, *server, *dossier) (float64, error) {
	return func(ctx context.Context, s *server, d *dossier) (float64, error) {
		var all []float64
		for i := range n + 1 {
			a, err := get(ctx, s.web+path(d), accept)
			if err != nil {
				return 0, err
			}
			if a.bytes < 100 {
				return 0, fmt.Errorf("an answer of %d bytes", a.bytes)
			}
			if i > 0 {
				all = append(all, a.took.Seconds()*1e3)
			}
		}
		return median(all), nil
	}
}

// whole fetches the CT study and gives the MB/s of its objects, the median of three.
func whole(ctx context.Context, s *server, d *dossier) (float64, error) {
	var all []float64
	for range 3 {
		a, err := get(ctx, s.web+d.study, `multipart/related; type="application/dicom"; transfer-syntax=*`)
		if err != nil {
			return 0, err
		}
		if a.bytes < d.bytes {
			return 0, fmt.Errorf("%d bytes; the study has %d", a.bytes, d.bytes)
		}
		all = append(all, float64(d.bytes)/1e6/a.took.Seconds())
	}
	return median(all), nil
}

// perRequest is how many objects one STOW-RS request carries.
const perRequest = 20

// stow returns a trial that stores some files over so many connections and gives how
// many instances a second. The requests are made before the clock starts.
func stow(files func(*dossier) []string, connections int) func(context.Context, *server, *dossier) (float64, error) {
	return func(ctx context.Context, s *server, d *dossier) (float64, error) {
		all := files(d)
		var bodies [][]byte
		for at := 0; at < len(all); at += perRequest {
			b, err := multipart(all[at:min(at+perRequest, len(all))])
			if err != nil {
				return 0, err
			}
			bodies = append(bodies, b)
		}
		errs, begin := make([]error, connections), time.Now()
		var wg sync.WaitGroup
		for c := range connections {
			wg.Go(func() {
				for i := c; i < len(bodies) && errs[c] == nil; i += connections {
					errs[c] = post(ctx, s.web+"/studies", bodies[i])
				}
			})
		}
		wg.Wait()
		return float64(len(all)) / time.Since(begin).Seconds(), errors.Join(errs...)
	}
}

const boundary = "radagora-bench"

// multipart makes the body of a STOW-RS request (PS3.18 §10.5).
func multipart(files []string) ([]byte, error) {
	var b bytes.Buffer
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		b.WriteString("--" + boundary + "\r\nContent-Type: application/dicom\r\n\r\n")
		b.Write(data)
		b.WriteString("\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.Bytes(), nil
}

func post(ctx context.Context, url string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", `multipart/related; type="application/dicom"; boundary=`+boundary)
	r.Header.Set("Accept", "application/dicom+json")
	return new(answered).by(r)
}
