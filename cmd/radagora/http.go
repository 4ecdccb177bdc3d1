package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"radagora/access"
	"radagora/lang"
	"radagora/web"
)

// handler returns everything that answers over HTTP.
func (h *house) handler(life context.Context, s settings, seen *watch, m *metrics, associations net.Listener) (http.Handler, *demoLoad, error) {
	catalogue, err := lang.Open()
	if err != nil {
		return nil, nil, err
	}
	view := newView(h, s, seen, associations, catalogue)
	view.life = life
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", h.ready)
	mux.Handle("GET /metrics", m.handler())
	mux.Handle("/", h.asLocal(web.New(web.Config{
		Catalogue: catalogue, Log: h.Log, Now: h.Now, Version: versionText(), Site: view.site, Who: view.who,
		Today: view, DoseCT: view, Mapping: mappingView{view}, Findings: findingsView{view}, Objects: objectsView{view},
		Start: startView{view}, Rooms: roomsView{view}, Content: contentView{view},
	})))
	return mux, view.demo, nil
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

// asLocal puts the local user into requests: there is no sign-in yet, and the
// pages answer on this machine alone.
func (h *house) asLocal(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := h.Users.Who(r.Context(), access.Local)
		if err != nil {
			h.Log.ErrorContext(r.Context(), "local user", "error", err)
		}
		ctx := access.With(r.Context(), who)
		next.ServeHTTP(w, r.WithContext(access.WithJudge(ctx, h.Judge)))
	})
}
