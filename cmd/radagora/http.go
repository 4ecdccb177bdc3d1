package main

import (
	"context"
	"net"
	"net/http"

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
	limits := newLimits(h.Now)
	mux.Handle("GET /metrics", h.only(access.StatusRead, m.handler()))
	mux.Handle("/", web.New(web.Config{
		Catalogue: catalogue, Log: h.Log, Now: h.Now, Version: versionText(), Site: view.site, Who: view.who,
		Today: view, DoseCT: view, Mapping: mappingView{view}, Findings: findingsView{view}, Objects: objectsView{view},
		Start: startView{view}, Rooms: roomsView{view}, Content: contentView{view},
		Peers: peersView{view, s.NoAuth || s.demo},
	}))
	door := http.NewServeMux()
	door.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	door.HandleFunc("GET /readyz", h.ready)
	door.Handle("/", h.Accounts.Sessions()(h.identify(s, mux)))
	return transport(s.secure(), limits.guard(door)), view.demo, nil
}
