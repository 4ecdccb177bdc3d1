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
	"slices"
	"time"

	"radagora/access"
	"radagora/lang"
	"radagora/web/viewer"
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

	Sign         Sign // nil: there is no sign-in, and who may not is refused
	Accounts     Accounts
	Identity     Identity // nil: the hospital has no identity provider
	Apps         Apps     // nil: no program acts for people
	AppDesk      AppDesk  // nil: likewise
	Tokens       Tokens
	Providers    Providers
	Today        Today
	DoseCT       DoseCT
	Charts       Charts
	Mapping      Mapping
	Splitting    Splitting // of studies
	Rereading    Rereading // of studies, when the reader improved
	Screens      Screens   // what scanners displayed of dose
	DoseHistory  DoseHistory
	DoseEmbryo   DoseEmbryo
	Levels       Levels
	Protocols    Protocols // of scanners
	Entry        Entry
	DoseQuality  DoseQuality
	Rejects      Rejects   // and exposure of detectors
	Forms        Forms     // structured questions and answers
	Maturity     Maturity  // and quality stars
	Facts        Facts     // of the evidence catalogue
	Incidents    Incidents // what went wrong or nearly did
	Surveys      Surveys   // what many people are asked once
	Year         Year      // the year of the quality programme
	Documents    Documents // protocols, procedures, manuals
	Staff        Staff     // who is qualified and appointed
	Machines     Machines  // age and tests of machines
	Views        Views     // of dose tables under names
	Committee    Committee // for radiation protection
	Registry     Registry  // of doses, and surveys
	Audits       Audits    // clinical audits and inspections
	Findings     Findings
	Review       Review // cases of alert rules
	Objects      Objects
	Studies      Studies
	Worklist     Worklist
	Reconcile    Reconcile
	Aside        Aside
	Reports      Reports // that other systems wrote
	Exchange     Exchange
	Messages     Messages // of other systems
	Fetching     Fetching
	Migrations   Migrations
	Associations Associations
	Start        Start
	Rooms        Rooms
	Storage      Storage
	Content      Content
	Peers        Peers
	Coercion     Coercion
	Places       Places
	Titles       Titles
	Backups      Backups
	Rights       Rights
	Notices      Notices
	Changes      Changes
	API          API
	Journal      Journal
	Status       Status
	Privacy      Privacy
	Search       []Search // each room's own search, asked in this order
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
	assets     *assets
	nav        []section
	registered []Route
	viewer     *viewer.Viewer
	unsent     unsent
}

// New returns the handler of all pages. It answers every path, so mount other
// doors before it.
func New(c Config) http.Handler {
	c.fill()
	s := &server{Config: c, assets: readAssets(), viewer: readViewer()}
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

// A Route is an address and what somebody must be allowed to do to get an answer.
type Route struct {
	Method, Path string
	Act          access.Act // Anybody: nobody need be signed in
	Most         int64      // bytes that may be sent to it
}

// Anybody is the act of what everybody may see, signed in or not.
const Anybody access.Act = ""

// Routes returns every address of these pages, for the table of who may what.
func Routes(c Config) []Route {
	c.fill()
	s := &server{Config: c, assets: readAssets()}
	s.nav = s.sections()
	s.routes(http.NewServeMux())
	return s.registered
}

// A registrar puts addresses into a mux, each with the act it asks for.
type registrar struct {
	*server
	mux *http.ServeMux
}

// get registers a page.
func (g registrar) get(path string, act access.Act, h handler) { g.add(http.MethodGet, path, act, h) }

// post registers a change.
func (g registrar) post(path string, act access.Act, h handler) { g.add(http.MethodPost, path, act, h) }

// upload registers a change that comes with a file: most bounds all that is sent, in bytes.
func (g registrar) upload(path string, act access.Act, most int64, h handler) {
	g.bounded(http.MethodPost, path, act, most, h)
}

// add registers an address.
func (g registrar) add(method, path string, act access.Act, h handler) {
	g.bounded(method, path, act, formLimit, h)
}

func (g registrar) bounded(method, path string, act access.Act, most int64, h handler) {
	g.registered = append(g.registered, Route{method, path, act, most})
	next := g.page(act, h)
	g.mux.Handle(method+" "+path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, most)
		next.ServeHTTP(w, r)
	}))
}

// routes says which address shows what, and to whom. A capability that is not there
// has no address.
func (s *server) routes(mux *http.ServeMux) {
	g := registrar{s, mux}
	mux.Handle("GET /assets/", s.assets)
	mux.Handle("GET /favicon.ico", http.RedirectHandler(s.assets.path("icon.svg"), http.StatusFound))
	g.post("/preferences", Anybody, s.setPreferences)
	g.get("/search", access.PageRead, s.searchPage)
	g.get("/{$}", access.PageRead, s.home)
	if s.Charts != nil {
		g.get("/dose/charts", access.AggregateRead, s.dosesCharts)
	}
	if s.DoseCT != nil {
		g.get("/dose", access.AggregateRead, s.firstView)
		g.get("/dose/ct", access.AggregateRead, s.doseCT)
		g.get("/dose/ct/rows/{row}", access.ExaminationRead, s.doseExaminations)
		g.get("/dose/ct/apart", access.ExaminationRead, s.doseApart)
		g.get("/dose/ct/export", access.TableExport, s.doseExport)
		g.get("/dose/ct/picture", access.AggregateRead, s.dosePicture)
		g.get("/dose/examinations/{id}", access.PageRead, s.doseExamination) // the room asks about the patient
		g.post("/dose/examinations/{id}/size", access.StepChange, s.doseSize)
	}
	if s.Mapping != nil {
		g.get("/dose/mapping", access.MappingRead, s.mappingPage)
		g.get("/dose/mapping/find", access.MappingRead, s.mappingFind)
		g.get("/dose/mapping/progress", access.MappingRead, s.mappingProgress)
		g.get("/dose/mapping/export", access.MappingRead, s.mappingExport)
		g.post("/dose/mapping", access.MappingPropose, s.mappingDecide)
		g.post("/dose/mapping/undo", access.MappingPropose, s.mappingUndo) // of others: the room asks
		g.post("/dose/mapping/settle", access.MappingApprove, s.mappingSettle)
		g.post("/dose/mapping/alone", access.MappingApprove, s.mappingAlone)
		g.upload("/dose/mapping/import", access.MappingPropose, mostNames+formLimit, s.mappingImport)
		g.post("/dose/mapping/import/undo", access.MappingApprove, s.mappingImportUndo)
	}
	s.levelRoutes(g)
	s.protocolRoutes(g)
	s.reviewRoutes(g)
	s.qualityRoutes(g)
	s.rejectRoutes(g)
	s.formRoutes(g)
	s.maturityRoutes(g)
	s.evidenceRoutes(g)
	s.viewsRoutes(g)
	s.committeeRoutes(g)
	s.registryRoutes(g)
	s.auditRoutes(g)
	s.splitRoutes(g)
	s.rereadRoutes(g)
	s.screenRoutes(g)
	s.historyRoutes(g)
	s.embryoRoutes(g)
	s.incidentRoutes(g)
	s.surveyRoutes(g)
	s.yearRoutes(g)
	s.documentRoutes(g)
	s.peopleRoutes(g)
	s.machineRoutes(g)
	if s.Findings != nil {
		g.post("/findings", access.FindingDecide, s.findingChange)
	}
	if s.Objects != nil {
		g.get("/images/objects/{uid}", access.PageRead, s.objectPage) // likewise
		g.get("/images/objects/{uid}/file", access.PageRead, s.objectFile)
	}
	if s.Start != nil {
		g.get("/start", access.SiteRead, s.startPage)
		g.get("/start/events", access.SiteRead, s.startEvents)
		g.upload("/start/upload", access.ObjectImport, uploadLimit, s.startUpload)
		g.post("/start/demo", access.DemoLoad, s.startDemo)
		g.post("/start/cancel", access.DemoLoad, s.startCancel)
	}
	g.get("/viewer/", access.StudyFind, s.imageViewer)
	s.studyRoutes(g)
	s.exchangeRoutes(g)
	s.fetchRoutes(g)
	s.messageRoutes(g)
	s.reportRoutes(g)
	s.migrationRoutes(g)
	s.worklistRoutes(g)
	s.reconcileRoutes(g)
	s.coercionRoutes(g)
	s.titleRoutes(g)
	s.placeRoutes(g)
	s.associationRoutes(g)
	s.signRoutes(g)
	s.accountRoutes(g)
	s.identityRoutes(g)
	s.tokenRoutes(g)
	s.appRoutes(g)
	s.appDeskRoutes(g)
	s.providerRoutes(g)
	if s.Rights != nil {
		g.get("/access/study", access.StudyExplain, s.studyRights)
		g.post("/access/study/give", access.StudyGrant, s.studyGive)
		g.post("/access/study/take", access.StudyGrant, s.studyTake)
		g.get("/access/emergency", access.PageRead, s.emergencyPage) // the room asks about the patient
		g.post("/access/emergency", access.PageRead, s.emergencyOpen)
		g.get("/access/emergencies", access.GlassReview, s.emergencies)
		g.post("/access/emergencies", access.GlassReview, s.emergencyReview)
	}
	s.apiRoutes(g)
	s.privacyRoutes(g)
	s.settings(g)
	if s.Developer {
		g.get("/face", Anybody, s.facePage)
		g.get("/face/error/{kind}", Anybody, s.faceError)
	}
}

// settings are the pages of people who look after the installation.
func (s *server) settings(g registrar) {
	if slices.ContainsFunc(s.nav, func(sec section) bool { return sec.title == "nav.settings" }) {
		g.get("/settings", access.PageRead, s.settingsPage)
	}
	s.accountsRoutes(g)
	if s.Storage != nil {
		g.get("/settings/storage", access.StorageRead, s.storagePage)
		g.post("/settings/storage", access.StorageRead, s.storageDo) // each decision asks for its own act
	}
	if s.Entry != nil {
		g.get(entryAt, access.DoseEnter, s.entryPage)
		g.post(entryAt, access.DoseEnter, s.entryEnter)
		g.post(entryAt+"/withdraw", access.DoseEnter, s.entryWithdraw)
		g.upload(entryAt+"/import", access.DoseEnter, mostEntry+formLimit, s.entryImport)
		g.post(entryAt+"/undo", access.DoseEnter, s.entryUndo)
		g.get(entryAt+"/reconcile", access.DoseEnter, s.entryReconcile)
		g.post(entryAt+"/reconcile", access.DoseReconcile, s.entrySign)
		g.get(entryAt+"/reconcile/file", access.DoseEnter, s.entryFile)
	}
	if s.Rooms != nil {
		g.get("/settings/rooms", access.SiteRead, s.roomsPage)
		g.post("/settings/rooms", access.RoomName, s.roomsName)
		g.post("/settings/rooms/merge", access.RoomName, s.roomsMerge)
	}
	if s.Rights != nil {
		g.get("/settings/policies", access.PolicyRead, s.policiesPage)
	}
	if s.Peers != nil {
		g.get("/settings/peers", access.PeerRead, s.peersPage)
		g.post("/settings/peers", access.PeerChange, s.peersDecide)
		g.post("/settings/peers/remove", access.PeerChange, s.peersRemove)
		g.post("/settings/peers/try", access.PeerChange, s.peersTry)
	}
	if s.Backups != nil {
		g.get("/settings/backup", access.StatusRead, s.backupPage)
		g.post("/settings/backup", access.BackupRun, s.backupDo)
	}
	if s.Status != nil {
		g.get("/settings/status", access.StatusRead, s.statusPage)
		g.post("/settings/status", access.JobReplay, s.statusDecide)
	}
	if s.Notices != nil {
		g.get("/notices", access.PageRead, s.inboxPage)
		g.post("/notices", access.PageRead, s.inboxMark)
		g.post("/notices/mail", access.PageRead, s.inboxPrefer)
		g.get("/settings/notices", access.SiteChange, s.postPage)
		g.post("/settings/notices", access.SiteChange, s.postAdd)
		g.post("/settings/notices/remove", access.SiteChange, s.postRemove)
		g.post("/settings/notices/test", access.SiteChange, s.postTest)
		g.post("/settings/notices/rotate", access.SiteChange, s.postRotate)
	}
	s.changesRoutes(g)
	s.journalRoutes(g)
	if s.Content != nil {
		g.get("/settings/content", access.ContentCheck, s.contentPage)
		g.post("/settings/content/govern", access.LevelGovern, s.govern)
		g.post("/settings/content/end", access.LevelGovern, s.governEnd)
	}
}

// redirectTo answers with another address of ours.
func redirectTo(path string) handler {
	return func(v *visit) error {
		http.Redirect(v.w, v.r, path, http.StatusFound)
		return nil
	}
}
