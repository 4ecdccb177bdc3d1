package web

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"sync"
)

// compressible are the beginnings of the media types worth compressing.
// Event streams are left alone: each line must leave at once.
var compressible = []string{"text/html", "text/css", "text/csv", "text/plain", "text/javascript", "application/json", "image/svg+xml"}

var gzips = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}

// compress sends text as gzip to whoever takes it (RFC 9110 §8.4.1).
func compress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if r.Method == http.MethodHead || !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			next.ServeHTTP(w, r)
			return
		}
		z := &zipped{ResponseWriter: w}
		defer z.close()
		next.ServeHTTP(z, r)
	})
}

// zipped is a response that decides at its header whether to compress.
type zipped struct {
	http.ResponseWriter
	gz      *gzip.Writer // nil while and where nothing is compressed
	decided bool
}

func (z *zipped) WriteHeader(code int) {
	if !z.decided && code >= http.StatusOK {
		z.decided = true
		h := z.Header()
		bodyless := code == http.StatusNoContent || code == http.StatusNotModified
		if !bodyless && h.Get("Content-Encoding") == "" && h.Get("Content-Range") == "" && isText(h.Get("Content-Type")) {
			h.Set("Content-Encoding", "gzip")
			h.Del("Content-Length")
			gz, _ := gzips.Get().(*gzip.Writer)
			gz.Reset(z.ResponseWriter)
			z.gz = gz
		}
	}
	z.ResponseWriter.WriteHeader(code)
}

func (z *zipped) Write(b []byte) (int, error) {
	if !z.decided {
		if z.Header().Get("Content-Type") == "" {
			z.Header().Set("Content-Type", http.DetectContentType(b))
		}
		z.WriteHeader(http.StatusOK)
	}
	if z.gz != nil {
		return z.gz.Write(b)
	}
	return z.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the response itself.
func (z *zipped) Unwrap() http.ResponseWriter { return z.ResponseWriter }

// close ends the stream. A connection that is gone has nobody to tell.
func (z *zipped) close() {
	if z.gz != nil {
		_ = z.gz.Close()
		gzips.Put(z.gz)
	}
}

// isText reports whether a media type is worth compressing.
func isText(mediaType string) bool {
	for _, prefix := range compressible {
		if strings.HasPrefix(mediaType, prefix) {
			return true
		}
	}
	return false
}
