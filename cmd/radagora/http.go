package main

import (
	"context"
	"net"
	"net/http"
	"slices"

	"radagora/access"
	"radagora/lang"
	"radagora/web"
)

// A route is an address outside the pages, and what somebody must be allowed to do
// to get an answer; web.Anybody asks for nothing.
type route struct {
	pattern string // of net/http.ServeMux
	act     access.Act
	handler http.Handler
}

// routes returns the addresses that are no pages.
func (h *house) routes(s settings, m *metrics) []route {
	return slices.Concat([]route{
		{"GET /metrics", access.StatusRead, m.handler()},
	}, h.machineRoutes(s), h.newAPI().routes, h.dicomwebRoutes(s), h.fhirRoutes(s))
}

// pages returns what the pages are made of.
func (h *house) pages(s settings, view *view, catalogue *lang.Catalogue) web.Config {
	c := web.Config{
		Catalogue: catalogue, Log: h.Log, Now: h.Now, Version: versionText(), Site: view.site, Who: view.who,
		Today: view, DoseCT: view, Charts: view, DoseHistory: historyView{view}, DoseEmbryo: embryoView{view}, Mapping: mappingView{view}, Splitting: splitView{view}, Rereading: rereadView{view}, Screens: screenView{view}, Levels: levelsView{view}, Protocols: protocolView{view}, Entry: entryView{view}, DoseQuality: qualityView{view}, Rejects: rejectView{view}, Forms: formView{view}, Maturity: maturityView{view}, Facts: evidencePages{view}, Views: savedView{view}, Committee: committeeView{view}, Registry: registryView{view}, Audits: auditView{view}, Findings: findingsView{view}, Review: reviewView{view}, Objects: objectsView{view}, Studies: studiesView{view}, Worklist: worklistView{view}, Reconcile: reconcileView{view}, Aside: reconcileView{view}, Exchange: exchangeView{view}, Fetching: fetchView{view}, Messages: messageView{view}, Reports: reportView{view}, Incidents: incidentView{view}, Surveys: surveyView{view}, Year: yearView{view}, Documents: documentView{view}, Staff: staffView{view}, Machines: machineView{view}, Migrations: migrationView{view}, Associations: associationsView{view},
		Start: startView{view}, Rooms: roomsView{view}, Storage: storageView{view}, Content: contentView{view},
		Privacy: privacyView{h.Privacy, view},
		Backups: backupView{view},
		Peers:   peersView{view, s.NoAuth || s.demo}, Coercion: coercionView{view}, Titles: titlesView{view}, Places: placeView{view}, Notices: noticesView{view}, Changes: changesView{view}, API: apiView{view, h.newAPI()}, Status: statusView{view, h.Observer}, Rights: rightsView{view}, Journal: journalView{view},
		Identity: view.identity(), Tokens: tokensView{view}, Apps: appsView{view}, AppDesk: appDesk{studiesView{view}}, Providers: providersView{view},
		Sign: signView{view}, Accounts: accountsView{accountView{view, s.PublicURL}},
	}
	if s.NoAuth {
		c.Sign = nil // everybody is the local user
	}
	return c
}

// handler returns everything that answers over HTTP.
func (h *house) handler(life context.Context, s settings, seen *watch, m *metrics, associations net.Listener) (http.Handler, *demoLoad, error) {
	catalogue, err := lang.Open()
	if err != nil {
		return nil, nil, err
	}
	view := newView(h, s, seen, associations, catalogue)
	view.life = life
	mux := http.NewServeMux()
	for _, r := range h.routes(s, m) {
		answer := r.handler
		if r.act != web.Anybody {
			answer = h.only(r.act, answer)
		}
		mux.Handle(r.pattern, answer)
	}
	pages := web.New(h.pages(s, view, catalogue))
	mux.Handle("/api", pages) // the page; what stands below is for programs
	mux.Handle("/api/", h.newAPI().elsewhere())
	mux.Handle("/", pages)
	door := http.NewServeMux()
	door.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	door.HandleFunc("GET /readyz", h.ready)
	door.Handle("/", h.Accounts.Sessions()(h.identify(s, h.noticed(mux))))
	return transport(s.secure(), newLimits(h.Now).guard(door)), view.demo, nil
}
