package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/site"
)

// identify finds out who asks: by a token, by the cookie of a session, or by the
// certificate of a peer. Nobody is an answer too; the pages then offer to sign in.
// With --no-auth it is the local user.
func (h *house) identify(s settings, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := h.whoever(s, r)
		switch {
		case err == nil:
		case (r.Header.Get("Authorization") != "" || ticketIn(r) != "") && (fault.Of(err) == fault.Forbidden || fault.Of(err) == fault.NotFound):
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			tellPlainly(w, r, http.StatusUnauthorized, "the token is not valid: it is unknown, was revoked or has expired")
			return
		case fault.Of(err) == fault.Exhausted:
			w.Header().Set("Retry-After", "60")
			tellPlainly(w, r, http.StatusTooManyRequests, "too many tokens that are not valid came from this address: wait a minute")
			return
		default:
			h.Log.ErrorContext(r.Context(), "who asks", slog.Any("error", err))
			tellPlainly(w, r, http.StatusServiceUnavailable, "who asks cannot be found out now: the database does not answer")
			return
		}
		ctx := access.WithJudge(access.With(r.Context(), who), h.Judge)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// whoever returns who asks, the zero Who for nobody.
func (h *house) whoever(s settings, r *http.Request) (access.Who, error) {
	ctx := r.Context()
	if secret := ticketIn(r); secret != "" {
		return h.ticketed(ctx, remoteOf(r), secret)
	}
	if secret, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		who, err := h.Tokens.VerifyFrom(ctx, remoteOf(r), secret)
		who.Door = "api"
		return who, err
	}
	if s.NoAuth {
		who, err := h.Users.Who(ctx, access.Local)
		who.Door = "page"
		return who, err
	}
	if who, err := h.Accounts.Whoever(ctx); err != nil || who.ID != "" {
		return who, err
	}
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		return h.certified(ctx, r.TLS.VerifiedChains[0][0].Raw)
	}
	return access.Who{}, nil
}

// certified returns the peer whose certificate this is.
func (h *house) certified(ctx context.Context, certificate []byte) (access.Who, error) {
	sum := sha256.Sum256(certificate)
	digest := hex.EncodeToString(sum[:])
	peers, err := h.Sites.Peers(ctx, site.Default)
	if err != nil {
		return access.Who{}, err
	}
	for _, p := range peers {
		if p.Certificate == digest && p.State != site.Blocked {
			return access.Who{ID: peerAccount + p.AETitle, Name: p.AETitle, Grants: access.At(p.Site, access.Peer), Door: "api"}, nil
		}
	}
	return access.Who{}, nil
}

// only answers those who may do act, and tells the others how.
func (h *house) only(act access.Act, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := mayAsk(r.Context(), act)
		door, own := next.(interface {
			refuse(w http.ResponseWriter, err error)
		})
		switch {
		case err == nil:
			next.ServeHTTP(w, r)
		case own: // it has words of its own for it
			door.refuse(w, err)
		case access.Need(err) == access.NeedSignIn:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "sign in, or send a token: Authorization: Bearer rad_…", http.StatusUnauthorized)
		default:
			http.Error(w, err.Error(), http.StatusForbidden)
		}
	})
}

// mayAsk returns an error unless whoever asks may do act here at all. A search is for
// everybody who may read of somebody: it finds them alone.
func mayAsk(ctx context.Context, act access.Act) error {
	if act == access.StudyFind {
		return access.CheckSearch(ctx, act, site.Default)
	}
	return access.Check(ctx, act, access.Subject{Site: site.Default})
}

// transport sets what browsers must know when the pages come over TLS.
func transport(secure bool, next http.Handler) http.Handler {
	if !secure {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		next.ServeHTTP(w, r)
	})
}

// ready answers whether the database does.
func (h *house) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	var one int
	if err := h.DB.QueryRow(ctx, `select 1`).Scan(&one); err != nil {
		http.Error(w, "database: not answering", http.StatusServiceUnavailable)
		return
	}
	_, _ = w.Write([]byte("ready\n"))
}
