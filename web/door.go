package web

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"

	"radagora/fault"
)

// policy is the content policy of every page: ours alone, nothing inline.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'"

type requestIDKey struct{}

// RequestID returns the id of the request that ctx belongs to, as it stands on
// the error page and in the log, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// identified gives each request an id.
func (s *server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var b [8]byte
		if _, err := io.ReadFull(s.Random, b[:]); err != nil {
			s.Log.ErrorContext(r.Context(), "no randomness for a request id", slog.Any("error", err))
		}
		id := hex.EncodeToString(b[:])
		w.Header().Set("X-Request-Id", id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

// recovered turns a panic into the error page: a broken invariant ends one
// request, not the program.
func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch broken := recover(); broken {
			case nil:
			case http.ErrAbortHandler:
				panic(broken) // net/http's own way to end a connection
			default:
				s.Log.ErrorContext(r.Context(), "panic in a page", slog.String("request_id", RequestID(r.Context())),
					slog.String("stack", string(debug.Stack())))
				s.visit(w, r).fail(fault.Errorf(fault.Internal, "panic: %T", broken))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// headers sets what browsers must know about every answer.
func (*server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()")
		next.ServeHTTP(w, r)
	})
}

// formLimit bounds what a form may send, files apart.
const formLimit = 1 << 20

// guard refuses changes that another site asks for.
func (s *server) guard(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.visit(w, r).fail(fault.Errorf(fault.Forbidden, "a change asked for by another site"))
	}))
	return cross.Handler(next)
}

// dispatch hands a request to its page, and shows our error page where ServeMux
// would write its own.
func (s *server) dispatch(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return
		}
		probe := &statusOnly{header: http.Header{}}
		own.ServeHTTP(probe, r)
		switch probe.code {
		case http.StatusMethodNotAllowed:
			w.Header().Set("Allow", probe.header.Get("Allow"))
			s.visit(w, r).failWith(probe.code, fmt.Sprintf("%s %s", r.Method, r.URL.Path))
		case http.StatusNotFound:
			s.visit(w, r).failWith(probe.code, "")
		default: // a cleaned path
			mux.ServeHTTP(w, r)
		}
	})
}

// statusOnly is a response that keeps its status and header, and drops the body.
type statusOnly struct {
	header http.Header
	code   int
}

func (s *statusOnly) Header() http.Header         { return s.header }
func (s *statusOnly) WriteHeader(code int)        { s.code = code }
func (s *statusOnly) Write(b []byte) (int, error) { return len(b), nil }
