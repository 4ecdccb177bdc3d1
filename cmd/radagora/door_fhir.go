package main

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/access/token"
	"radagora/archive"
	"radagora/db"
	"radagora/dose/history"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
	"radagora/fhir/search"
	"radagora/person"
	"radagora/web"
	"radagora/worklist"
)

// A fhirDoor answers FHIR: what rooms know as resources, and what nobody else keeps from
// the book.
type fhirDoor struct {
	*house
	s     settings
	slots chan struct{} // for writes: what they read beside their transaction needs room
}

// A fhirAct says what somebody must be allowed to do with a type of resource.
type fhirAct struct{ read, write access.Act }

// fhirActs are those of every type that is served.
var fhirActs = map[string]fhirAct{
	"Composition":      {access.IdentityRead, ""},
	"DiagnosticReport": {access.RecordRead, access.RecordChange},
	"Device":           {access.StudyFind, ""},
	"Encounter":        {access.RecordRead, access.RecordChange},
	"Endpoint":         {access.StudyFind, ""},
	"ImagingStudy":     {access.ObjectRead, ""},
	"Observation":      {access.IdentityRead, access.FactChange},
	"Patient":          {access.IdentityRead, access.FactChange},
	"ServiceRequest":   {access.StepFind, access.StepChange},
	"Subscription":     {access.ChangeFollow, access.ChangeFollow},
}

// fhirRoutes are the addresses of FHIR. Who may is asked for each interaction, so that the
// answer is one of FHIR.
func (h *house) fhirRoutes(s settings) []route {
	d := &fhirDoor{house: h, s: s, slots: make(chan struct{}, 6)}
	server := d.server()
	door := newOrigins(s.AllowOrigin).guard(http.StripPrefix(fhirRoot, d.guard(server)))
	var all []route
	add := func(patterns ...string) {
		for _, p := range patterns {
			all = append(all, route{p, web.Anybody, door})
		}
	}
	add("GET "+fhirRoot+"/metadata", "POST "+fhirRoot, "POST "+fhirRoot+"/{$}")
	for _, typ := range typesOf(server.Types) {
		at := fhirRoot + "/" + typ
		add("GET "+at, "GET "+at+"/{id}", "POST "+at+"/_search")
		if t := server.Types[typ]; t.Writer != nil {
			add("POST " + at)
			if !t.Final {
				add("PUT " + at + "/{id}")
			}
		}
	}
	add("GET "+fhirRoot+"/", "POST "+fhirRoot+"/", "PUT "+fhirRoot+"/", "PATCH "+fhirRoot+"/", "DELETE "+fhirRoot+"/", "OPTIONS "+fhirRoot+"/")
	return all
}

// typesOf returns the names of types, in order.
func typesOf(types map[string]fhirweb.Type) []string {
	return slices.Sorted(maps.Keys(types))
}

// guard answers those who are known, and tells the others how they will be.
func (d *fhirDoor) guard(server *fhirweb.Server) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
		who := access.From(r.Context())
		switch {
		case parts[0] == "metadata":
		case who.ID == "":
			w.Header().Set("WWW-Authenticate", "Bearer")
			fhirOutcome(w, http.StatusUnauthorized, "login")
			return
		case len(parts) == 2 && r.Method == http.MethodGet && (parts[0] == "Practitioner" || parts[0] == "Person"):
			r.SetPathValue("type", parts[0])
			r.SetPathValue("id", parts[1])
			d.fhirUser(w, r)
			return
		}
		w.Header().Set("Cache-Control", "private, no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		server.ServeHTTP(w, r)
	})
}

// server returns what serves the types.
func (d *fhirDoor) server() *fhirweb.Server {
	writer := &fhirWriter{d}
	kept := func(typ string) fhirweb.Type {
		r := d.serveRecords(typ, d.recordDoor())
		return fhirweb.Type{Reader: r, Historian: r, Searcher: r, Writer: writer}
	}
	patients, sorts := person.PatientParameters()
	bodies, bodySorts := person.BodyParameters()
	requests, requestSorts := worklist.RequestParameters()
	studies, studySorts := archive.ImagingParameters()
	types := map[string]fhirweb.Type{
		"Patient": {
			Reader: fhirPatients{d}, Searcher: fhirPatients{d}, Writer: writer, Versioned: true, Named: true, Parameters: patients, Sorts: sorts, Accepts: answerable,
		},
		"Observation": {
			Reader: fhirObservations{d}, Searcher: fhirObservations{d}, Writer: writer, Versioned: true, Named: true, Final: true,
			Parameters: observationParameters(bodies), Sorts: bodySorts, Accepts: answerable,
		},
		"ServiceRequest": {
			Reader: fhirOrders{d}, Searcher: fhirOrders{d}, Writer: writer, Versioned: true, Named: true, Parameters: requests, Sorts: requestSorts, Accepts: answerable,
		},
		"ImagingStudy": {Reader: fhirStudies{d}, Searcher: fhirStudies{d}, Versioned: true, Parameters: studies, Sorts: studySorts, Accepts: answerable},
		"Composition": {
			Reader: fhirReports{d}, Searcher: fhirReports{d}, Documenter: fhirReports{d}, Versioned: true, Parameters: history.ReportParameters(), Sorts: []string{"date"}, Accepts: answerable,
		},
		"Device":   {Reader: fhirDevices{d}, Searcher: fhirDevices{d}, Versioned: true, Parameters: []string{"_id", "identifier", "manufacturer", "model", "type"}},
		"Endpoint": {Reader: fhirEndpoint{d}, Searcher: fhirEndpoint{d}, Versioned: true},
	}
	for _, typ := range recordTypes() {
		types[typ] = kept(typ)
	}
	return &fhirweb.Server{
		Base: d.s.base() + fhirRoot, Types: types, Software: "Radagora", Release: versionText(), Released: d.Now().UTC().Truncate(24 * time.Hour),
		Log: d.Log, Now: d.Now, NewID: db.NewID, May: d.may, Security: d.security(),
		Zone: func(t time.Time) int { return eastOf(d.place(context.Background()), t) },
	}
}

// answerable tells of the forms of criteria for which rooms have no condition.
func answerable(c search.Criterion) error {
	unanswered := c.Modifier == "text" || c.Modifier == "above" || c.Modifier == "below" ||
		c.Parameter.Type == search.String && c.Modifier == "exact" && c.Parameter.Code != "family"
	for _, v := range c.Values {
		unanswered = unanswered || v.Prefix == "ap" || v.AnyCode && c.Parameter.Type == search.Token && c.Parameter.Code != "code"
	}
	if unanswered {
		return fault.Errorf(fault.Unsupported, "search parameter %s: this form is not answered here", c.Parameter.Code)
	}
	return nil
}

// place returns the time zone of the site, UTC if that cannot be found out.
func (d *fhirDoor) place(ctx context.Context) *time.Location {
	zone, err := d.zoneOf(ctx, at)
	if err != nil {
		return time.UTC
	}
	return zone
}

// eastOf returns how many minutes east of UTC a zone is at a time.
func eastOf(zone *time.Location, t time.Time) int {
	_, seconds := t.In(zone).Zone()
	return seconds / 60
}

// security says in the CapabilityStatement how programs prove who they are.
func (d *fhirDoor) security() []fhir.Field {
	if d.s.NoAuth {
		return nil
	}
	base := d.s.base()
	uris := []any{}
	for _, one := range [][2]string{{"authorize", oauthAuthorize}, {"token", oauthToken}, {"introspect", oauthIntrospect}, {"revoke", oauthRevoke}} {
		uris = append(uris, fhir.Object(fhir.F("url", one[0]), fhir.F("valueUri", base+one[1])))
	}
	return []fhir.Field{
		fhir.F("extension", fhir.List(fhir.Object(
			fhir.F("url", "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"), fhir.F("extension", fhir.List(uris...))))),
		fhir.F("cors", len(d.s.AllowOrigin) > 0),
		fhir.F("service", fhir.List(fhir.Object(fhir.F("coding", fhir.List(fhir.Object(
			fhir.F("system", "http://terminology.hl7.org/CodeSystem/restful-security-service"), fhir.F("code", "SMART-on-FHIR"))))))),
		fhir.F("description", "Tokens of SMART App Launch, tokens of this installation (rad_…), or a session of its pages."),
	}
}

// letters are the interactions of SMART for those of FHIR.
var letters = map[string]token.Interaction{
	"read": token.Read, "vread": token.Read, "history-instance": token.Read, "search-type": token.Search,
	"create": token.Create, "update": token.Update,
}

// may refuses an interaction that whoever asks may not have with anybody's data. Whose
// data it is about, is asked where they are found.
func (d *fhirDoor) may(a fhirweb.Act) error {
	ctx := a.Request.Context()
	letter, known := letters[a.Interaction]
	if !known { // batch, transaction: each entry is asked; $validate shows nothing
		return nil
	}
	if err := scoped(ctx, a.Type, letter); err != nil {
		return err
	}
	acts := fhirActs[a.Type]
	if letter == token.Create || letter == token.Update {
		return mayChange(ctx, acts.write)
	}
	return forget(access.CheckSearch(ctx, acts.read, at))
}

// scoped refuses what the scopes of a token do not include.
func scoped(ctx context.Context, typ string, i token.Interaction) error {
	if who := access.From(ctx); who.Resources != nil && !token.Allows(who.Resources, typ, i) {
		return fault.Errorf(fault.Forbidden, "the scopes of this token do not include %s.%c", typ, i)
	}
	return nil
}

// mayChange refuses a change to those who may not make it. What is for one patient is
// held against the patient where it is written.
func mayChange(ctx context.Context, act access.Act) error {
	return forget(access.Check(ctx, act, access.Subject{Site: at, Person: access.From(ctx).Only}))
}

// forget words a refusal without who asked.
func forget(err error) error {
	if r, ok := access.Refusal(err); ok {
		return fault.Errorf(fault.Forbidden, "%s: not for whoever asks", r.Act)
	}
	return err
}

// ofPerson refuses what is about somebody of whom whoever asks may not see this: as if it
// were not there, unless there is a way in an emergency. That they saw it is noted.
func (d *fhirDoor) ofPerson(ctx context.Context, act access.Act, subject access.Subject) error {
	err := access.Check(ctx, act, subject)
	switch {
	case err == nil:
		if subject.Person == "" {
			return nil
		}
		return d.noteRead(ctx, act, subject)
	case fault.Of(err) != fault.Forbidden:
		return err
	case access.Need(err) == access.NeedGlass:
		return fault.Errorf(fault.Forbidden, "not for whoever asks, unless the record is opened for an emergency, on the pages")
	}
	return fault.Errorf(fault.NotFound, "there is no such resource, or none for whoever asks")
}

// asked translates a search for a room.
func (d *fhirDoor) asked(ctx context.Context, q fhirweb.Query) (search.Asked, error) {
	a := search.Asked{Criteria: q.Criteria, Behind: q.Cursor, Limit: q.Count + 1, Zone: eastOf(d.place(ctx), d.Now())}
	if len(q.Sort) > 1 {
		return a, fault.Errorf(fault.Invalid, "_sort: by one parameter only")
	}
	if len(q.Sort) == 1 {
		a.Sort, a.Descending = q.Sort[0].Parameter.Code, q.Sort[0].Descending
	}
	return a, nil
}

// A listing is what a room found.
type listing[T any] struct {
	rows  func(a search.Asked) ([]T, error)
	count func(a search.Asked) (int, error)
	id    func(T) string
	show  func([]T) ([]fhirweb.Stored, error)
}

// pageOf makes a page of what a room finds. How many there are in all is only counted if
// that is what is asked for, or known without.
func pageOf[T any](ctx context.Context, d *fhirDoor, q fhirweb.Query, l listing[T]) (page fhirweb.Page, err error) {
	a, err := d.asked(ctx, q)
	if err != nil {
		return page, err
	}
	if q.Count == 0 {
		page.Total, err = l.count(a)
		return page, err
	}
	rows, err := l.rows(a)
	if err != nil {
		return page, err
	}
	page.Total = -1
	switch {
	case len(rows) > q.Count:
		rows = rows[:q.Count]
		page.Next = l.id(rows[len(rows)-1])
	case q.Cursor == "":
		page.Total = len(rows)
	}
	page.Matches, err = l.show(rows)
	return page, err
}
