// Package web is the user interface, one file per capability page.
//
// New makes one http.Handler of everything a person sees. Each page has the
// same anatomy: where we stand, how it moves, how it spreads, what to do, where
// it comes from, take it along. The components stand in web/face, the words in
// lang; a page asks its room for a view model through an interface that is
// declared here beside the page and filled by cmd/radagora. A room that is not
// there (a nil interface) has no page and no entry in the navigation.
//
// Every page works without script: filters and sorting are links, drawers are
// addresses, changes are forms. The small modules in asset/script only save
// loading a page again. Nothing is loaded from elsewhere and the content policy
// says so.
//
// Errors have one table from fault.Kind to the HTTP status (fault.go). This is a
// door: it logs, recovers from panics and gives each request an id that stands
// on the error page, in the log and, by RequestID, in the journal.
package web

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"time"

	"radagora/lang"
)

// Config is what the pages need. Catalogue must be set; a nil Log discards, a
// nil Now is refused by New through Config.valid, a nil Random is crypto/rand.
// Interfaces left nil take their pages away.
type Config struct {
	Catalogue *lang.Catalogue
	Log       *slog.Logger
	Now       func() time.Time
	Random    io.Reader // for request ids
	Version   string    // of the program, for the foot of each page
	Site      func(ctx context.Context) Site
	Who       func(ctx context.Context) Person
	Developer bool // serves /face, every component in all its states

	Today    Today
	DoseCT   DoseCT
	Mapping  Mapping
	Findings Findings
	Objects  Objects
	Start    Start
	Rooms    Rooms
	Content  Content
	Search   []Search // each room's own search, asked in this order
}

// A Site is the organisation whose pages these are.
type Site struct {
	Name      string
	Country   string // ISO 3166 code, "" if unknown
	Zone      *time.Location
	Synthetic bool // the data are made up: each page says so
}

// A Person is who looks at the page. The zero Person is nobody in particular.
type Person struct {
	ID   string
	Name string
}

// A server holds what all pages share.
type server struct {
	Config
	assets *assets
	nav    []section
}

// New returns the handler of all pages. It answers every path, so mount other
// doors before it.
func New(c Config) http.Handler {
	c.fill()
	s := &server{Config: c, assets: readAssets()}
	s.nav = s.sections()
	mux := http.NewServeMux()
	s.routes(mux)
	h := s.dispatch(mux)
	h = s.guard(h)
	h = compress(h)
	h = s.headers(h)
	h = s.recovered(h)
	return s.identified(h)
}

// fill puts in what was left out.
func (c *Config) fill() {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Now == nil {
		c.Now = func() time.Time { return time.Time{} }
	}
	if c.Site == nil {
		c.Site = func(context.Context) Site { return Site{} }
	}
	if c.Who == nil {
		c.Who = func(context.Context) Person { return Person{} }
	}
}

// routes says which address shows what. A capability that is not there has no
// address.
func (s *server) routes(mux *http.ServeMux) {
	get := func(path string, h handler) { mux.Handle("GET "+path, s.page(h)) }
	post := func(path string, h handler) { mux.Handle("POST "+path, s.page(h)) }

	mux.Handle("GET /assets/", s.assets)
	mux.Handle("GET /favicon.ico", http.RedirectHandler(s.assets.path("icon.svg"), http.StatusFound))
	post("/preferences", s.setPreferences)
	get("/search", s.searchPage)
	get("/{$}", s.home)
	if s.DoseCT != nil {
		get("/dose", redirectTo("/dose/ct"))
		get("/dose/ct", s.doseCT)
		get("/dose/ct/rows/{row}", s.doseExaminations)
		get("/dose/ct/apart", s.doseApart)
		get("/dose/ct/export", s.doseExport)
		get("/dose/ct/picture", s.dosePicture)
		get("/dose/examinations/{id}", s.doseExamination)
	}
	if s.Mapping != nil {
		get("/dose/mapping", s.mappingPage)
		post("/dose/mapping", s.mappingDecide)
		post("/dose/mapping/undo", s.mappingUndo)
	}
	if s.Findings != nil {
		post("/findings", s.findingChange)
	}
	if s.Objects != nil {
		get("/images/objects/{uid}", s.objectPage)
		get("/images/objects/{uid}/file", s.objectFile)
	}
	if s.Start != nil {
		get("/start", s.startPage)
		get("/start/events", s.startEvents)
		post("/start/upload", s.startUpload)
		post("/start/demo", s.startDemo)
		post("/start/cancel", s.startCancel)
	}
	s.settings(get, post)
	if s.Developer {
		get("/face", s.facePage)
		get("/face/error/{kind}", s.faceError)
	}
}

// settings are the pages of people who look after the installation.
func (s *server) settings(get, post func(string, handler)) {
	for _, sec := range s.nav {
		if sec.title == "nav.settings" && len(sec.pages) > 0 {
			get("/settings", redirectTo(sec.pages[0].path))
		}
	}
	if s.Rooms != nil {
		get("/settings/rooms", s.roomsPage)
		post("/settings/rooms", s.roomsName)
		post("/settings/rooms/merge", s.roomsMerge)
	}
	if s.Content != nil {
		get("/settings/content", s.contentPage)
		post("/settings/content/govern", s.govern)
		post("/settings/content/end", s.governEnd)
	}
}

// redirectTo answers with another address of ours.
func redirectTo(path string) handler {
	return func(v *visit) error {
		http.Redirect(v.w, v.r, path, http.StatusFound)
		return nil
	}
}
