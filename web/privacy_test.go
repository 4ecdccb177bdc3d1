package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/content"
	"radagora/fault"
	"radagora/web"
	"radagora/web/face"
	"radagora/web/webtest"
)

// A duty is a room of data protection that says what it is told and remembers what it
// was asked to do.
type duty struct {
	web.Privacy
	told
	requests []privacy.Request
	breaches []privacy.Breach
	parties  []privacy.Party
}

var restriction = privacy.Kind{
	ID: "restriction", Law: "gdpr", Article: "18", Verified: true, Name: privacy.Words{"en": "Restriction of processing", "de": "Einschränkung der Verarbeitung"},
	Steps: []privacy.Step{{ID: "find", Name: privacy.Words{"en": "Find what is meant"}}},
}

func (d *duty) Kinds(string) ([]privacy.Kind, error) { return []privacy.Kind{restriction}, nil }

func (d *duty) People(context.Context) ([]face.Choice, error) {
	return []face.Choice{{Code: "p1", Label: "Person One"}}, nil
}

func (d *duty) Requests(_ context.Context, _ string, open bool) ([]privacy.Request, error) {
	return slices.DeleteFunc(slices.Clone(d.requests), func(q privacy.Request) bool { return open && q.ClosedOn != "" }), nil
}

func (d *duty) Request(_ context.Context, _, id string) (privacy.Request, error) {
	for _, q := range d.requests {
		if q.ID == id {
			return q, nil
		}
	}
	return privacy.Request{}, fault.Errorf(fault.NotFound, "no request %s", id)
}

func (d *duty) History(context.Context, string, string) ([]privacy.Event, error) {
	return []privacy.Event{{At: webtest.Now(), By: "p1", What: "received", Texts: privacy.Texts{}}}, nil
}

func (d *duty) Receive(_ context.Context, a privacy.Asking) (string, error) {
	return "q9", d.note("receive", a.Kind, a.Channel, a.ReceivedOn, a.Who, a.Text)
}

func (d *duty) Move(_ context.Context, _, id string, m privacy.Move) error {
	return d.note("move", id, m.Do, m.Text, m.Where)
}

func (d *duty) Breaches(context.Context, string) ([]privacy.Breach, error) { return d.breaches, nil }

func (d *duty) Breach(_ context.Context, _, id string) (privacy.Breach, error) {
	for _, b := range d.breaches {
		if b.ID == id {
			return b, nil
		}
	}
	return privacy.Breach{}, fault.Errorf(fault.NotFound, "no breach %s", id)
}

func (d *duty) Discover(_ context.Context, _, aware string, kinds []string, risk string, ph privacy.Phase) (string, error) {
	return "b9", d.note("discover", aware, strings.Join(kinds, "+"), risk, ph.What)
}

func (d *duty) MoveBreach(_ context.Context, _, id string, m privacy.BreachMove) error {
	return d.note("move", id, m.Do, m.Why, m.Phase.What)
}

func (d *duty) Record(context.Context, string) (privacy.Record, error) {
	return privacy.Record{Site: "default", SiteName: "Example hospital", Controller: "Example hospital trust", Made: webtest.Now(), Draft: true}, nil
}

func (d *duty) Parties(context.Context, string) ([]privacy.Party, error) { return d.parties, nil }

func (d *duty) Acts(string) ([]privacy.Act, error) { return nil, nil }

func (d *duty) KeepParty(_ context.Context, p privacy.Party) (string, error) {
	return "x9", d.note("party", p.Role, p.Name, p.Country, p.Under)
}

// newDuty opens the pages on a room of data protection.
func newDuty(t *testing.T) (*desk, *duty) {
	t.Helper()
	room := &duty{}
	return newDesk(t, func(c *web.Config, _ *webtest.World) { c.Privacy = room }), room
}

// last returns what the room was told last.
func (d *duty) last() string {
	if len(d.told) == 0 {
		return ""
	}
	return d.told[len(d.told)-1]
}

func TestPrivacyRequests(t *testing.T) {
	d, room := newDuty(t)
	wants(t, d.get("/privacy/requests", 200), []string{"No request", `name="who"`, "Restriction of processing"}, nil)

	form := func(more ...string) url.Values {
		f := url.Values{"kind": {"restriction"}, "channel": {"letter"}, "received": {"2031-03-10"}, "who": {"somebody <b>"}, "text": {"their words"}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	for _, c := range []struct {
		name string
		form url.Values
		says string
	}{
		{"nobody asks", form("who", "  "), "Note who asks."},
		{"it comes tomorrow", form("received", "2031-03-13"), "Not after today."},
	} {
		_, body := d.post("/privacy/requests", c.form, 400)
		wants(t, body, []string{c.says, "their words"}, []string{"<b>"})
	}
	if len(room.told) != 0 {
		t.Errorf("what was refused reached the room: %q", room.told)
	}
	to, _ := d.post("/privacy/requests", form(), 303)
	if want := "receive restriction letter 2031-03-10 somebody <b> their words"; !strings.HasPrefix(to, "/privacy/requests/q9") || room.last() != want {
		t.Errorf("to %q, told %q; want %q", to, room.last(), want)
	}

	limit := privacy.Limit{Due: "2031-04-10", Notice: "2031-04-10", Extended: "2031-06-10"}
	room.requests = []privacy.Request{
		{ID: "q1", Kind: restriction, Channel: "letter", ReceivedOn: "2031-03-10", State: privacy.InWork, Limit: limit, Age: 2, Left: 29, Owner: "p1"},
		{ID: "q2", Kind: restriction, Channel: "letter", ReceivedOn: "2031-01-02", State: privacy.Received, Limit: limit, Age: 69, Left: -38, Overdue: true},
		{ID: "q3", Kind: restriction, Channel: "letter", ReceivedOn: "2030-11-02", State: privacy.Refused, Limit: limit, ClosedOn: "2030-11-20"},
	}
	wants(t, d.get("/privacy/requests", 200), []string{"q1", "q2", "in work", "received", "Person One"}, []string{"/privacy/requests/q3"})
	wants(t, d.get("/privacy/requests?all=1", 200), []string{"/privacy/requests/q3", "refused"}, nil)
	wants(t, d.get("/privacy/requests/q1", 200), []string{"Restriction of processing", "Find what is meant", "in work"}, nil)
	wants(t, d.get("/privacy/requests/q3", 200), []string{"refused"}, []string{`value="refuse"`, `value="extend"`})
	d.get("/privacy/requests/nobody", 404)

	told := len(room.told)
	for name, f := range map[string]url.Values{
		"extended without reasons":      {"do": {"extend"}, "text": {"short"}},
		"answered without words":        {"do": {"answer"}, "text": {""}},
		"refused without where to turn": {"do": {"refuse"}, "text": {"long enough reasons"}, "where": {""}},
	} {
		if _, body := d.post("/privacy/requests/q1", f, 400); !strings.Contains(body, "At least ten letters.") {
			t.Errorf("%s: the page does not say what is wrong", name)
		}
	}
	if len(room.told) != told {
		t.Errorf("what was refused reached the room: %q", room.told[told:])
	}
	d.post("/privacy/requests/q1", url.Values{"do": {"refuse"}, "text": {"long enough reasons"}, "where": {"the authority of the land"}}, 303)
	if want := "move q1 refuse long enough reasons the authority of the land"; room.last() != want {
		t.Errorf("told %q; want %q", room.last(), want)
	}
	d.language = "de"
	wants(t, d.get("/privacy/requests/q1", 200), []string{"Einschränkung der Verarbeitung"}, nil)
	if missing := d.catalogue.Missing(); len(missing) > 0 {
		t.Errorf("missing from the catalogue: %q", missing)
	}
}

func TestPrivacyBreaches(t *testing.T) {
	d, room := newDuty(t)
	wants(t, d.get("/privacy/breaches", 200), []string{"No breach", `name="kinds"`}, nil)
	form := func(more ...string) url.Values {
		f := url.Values{"aware_day": {"2031-03-12"}, "aware_time": {"08:00"}, "aware_offset": {"+01:00"}, "kinds": {"confidentiality"}, "risk": {"high"}, "what": {"a letter went astray"}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	for _, c := range []struct {
		name string
		form url.Values
		says string
	}{
		{"an hour that is none", form("aware_time", "25:00"), "A day, a time and an offset, not in the future."},
		{"tomorrow", form("aware_day", "2031-03-13"), "A day, a time and an offset, not in the future."},
		{"without an offset", form("aware_offset", ""), "A day, a time and an offset, not in the future."},
		{"nothing happened", form("what", " "), "At least ten letters."},
	} {
		_, body := d.post("/privacy/breaches", c.form, 400)
		wants(t, body, []string{c.says}, nil)
	}
	none := form()
	none.Del("kinds")
	_, body := d.post("/privacy/breaches", none, 400)
	wants(t, body, []string{"Choose at least one.", "a letter went astray"}, nil)
	if len(room.told) != 0 {
		t.Errorf("what was refused reached the room: %q", room.told)
	}
	to, _ := d.post("/privacy/breaches", form(), 303)
	if want := "discover 2031-03-12T08:00:00+01:00 confidentiality high a letter went astray"; !strings.HasPrefix(to, "/privacy/breaches/b9") || room.last() != want {
		t.Errorf("to %q, told %q; want %q", to, room.last(), want)
	}

	now := webtest.Now()
	phases := []privacy.Phase{{Number: 1, What: "a letter went astray", Persons: -1, Records: 3, By: "p1", At: now}}
	room.breaches = []privacy.Breach{
		{ID: "b1", AwareAt: now.Add(-time.Hour), Kinds: []string{"confidentiality"}, Risk: "high", Phases: phases, CreatedBy: "p1", CreatedAt: now, Due: now.Add(71 * time.Hour), Age: time.Hour, Left: 71 * time.Hour},
		{ID: "b2", AwareAt: now.Add(-96 * time.Hour), Kinds: []string{"integrity"}, Risk: "unknown", Phases: phases, CreatedAt: now, Due: now.Add(-24 * time.Hour), Age: 96 * time.Hour, Left: -24 * time.Hour, Overdue: true},
		{ID: "b3", AwareAt: now.Add(-time.Hour), Kinds: []string{"availability"}, Risk: "unlikely", Phases: phases, CreatedAt: now, Due: now.Add(71 * time.Hour), Age: time.Hour, Left: 71 * time.Hour},
	}
	wants(t, d.get("/privacy/breaches", 200), []string{"/privacy/breaches/b1", "/privacy/breaches/b2", "a letter went astray"}, nil)
	wants(t, d.get("/privacy/breaches/b1", 200), []string{"a letter went astray", "Person One", "unknown", "3"}, nil)
	d.get("/privacy/breaches/none", 404)

	at := func(do string, more ...string) url.Values {
		f := url.Values{"do": {do}, "at_day": {"2031-03-12"}, "at_time": {"09:00"}, "at_offset": {"+01:00"}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	told := len(room.told)
	_, body = d.post("/privacy/breaches/b2", at("notify"), 400)
	wants(t, body, []string{"It is after the limit: give the reasons."}, nil)
	_, body = d.post("/privacy/breaches/b1", at("tell", "at_time", "x"), 400)
	wants(t, body, []string{"A day, a time and an offset, not in the future."}, nil)
	_, body = d.post("/privacy/breaches/b3", url.Values{"do": {"not"}, "why": {"short"}}, 400)
	wants(t, body, []string{"At least ten letters."}, nil)
	d.post("/privacy/breaches/b1", url.Values{"do": {"phase"}, "what": {""}}, 400)
	if len(room.told) != told {
		t.Errorf("what was refused reached the room: %q", room.told[told:])
	}
	d.post("/privacy/breaches/b1", at("notify"), 303)
	d.post("/privacy/breaches/b2", at("notify", "why", "the office was shut"), 303)
	if want := "move b2 notify the office was shut "; room.last() != want {
		t.Errorf("told %q; want %q", room.last(), want)
	}
	if missing := d.catalogue.Missing(); len(missing) > 0 {
		t.Errorf("missing from the catalogue: %q", missing)
	}
}

func TestPrivacyRegister(t *testing.T) {
	d, room := newDuty(t)
	wants(t, d.get("/privacy/register", 200), []string{"Nobody is noted", "Example hospital", `name="country"`}, nil)
	form := func(more ...string) url.Values {
		f := url.Values{"role": {privacy.Processor}, "name": {"Example <cloud>"}, "country": {"de"}, "transfer": {"none"}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f
	}
	for _, c := range []struct {
		name string
		form url.Values
		says string
	}{
		{"without a name", form("name", ""), "It needs a name."},
		{"a country in words", form("country", "Germany"), "Two letters (ISO 3166-1)."},
		{"a sub-processor under nobody", form("role", privacy.SubProcessor), "A sub-processor, and nobody else, stands under a processor."},
		{"a processor under somebody", form("under", "x1"), "A sub-processor, and nobody else, stands under a processor."},
	} {
		_, body := d.post("/privacy/register/parties", c.form, 400)
		wants(t, body, []string{c.says}, []string{"<cloud>"})
	}
	if len(room.told) != 0 {
		t.Errorf("what was refused reached the room: %q", room.told)
	}
	d.post("/privacy/register/parties", form(), 303)
	if want := "party processor Example <cloud> DE "; room.last() != want {
		t.Errorf("told %q; want %q", room.last(), want)
	}
	room.parties = []privacy.Party{{ID: "x1", Role: privacy.Processor, Name: "Example cloud", Country: "DE", Transfer: "none", Version: 3}}
	wants(t, d.get("/privacy/register?open=x1", 200), []string{"Example cloud", `value="x1"`, `value="3"`}, []string{"Nobody is noted"})
	for format, kind := range map[string]string{"csv": "text/csv; charset=utf-8", "json": "application/json"} {
		w := d.do(http.MethodGet, "/privacy/register/export?format="+format, nil, nil)
		if w.Code != 200 || w.Header().Get("Content-Type") != kind || !strings.Contains(w.Header().Get("Content-Disposition"), "processing-record-2031-03-12."+format) || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", format, w.Code, w.Header())
		}
	}
	d.get("/privacy/register/export?format=exe", 400)
	if missing := d.catalogue.Missing(); len(missing) > 0 {
		t.Errorf("missing from the catalogue: %q", missing)
	}
}

// TestPrivacyByRole asks as several roles under the policies as they are shipped.
func TestPrivacyByRole(t *testing.T) {
	room := &duty{parties: []privacy.Party{{ID: "x1", Role: privacy.Processor, Name: "Example cloud", Country: "DE", Transfer: "none"}}}
	var pages http.Handler
	newDesk(t, func(c *web.Config, _ *webtest.World) { c.Privacy = room; pages = web.New(*c) })
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := access.NewRules(library)
	if err != nil {
		t.Fatal(err)
	}
	ask := func(role access.Role, method, address string, form url.Values) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		r.AddCookie(&http.Cookie{Name: "language", Value: "en"})
		ctx := access.WithJudge(access.With(r.Context(), access.Who{ID: "p1", Name: "Person One", Grants: access.Everywhere(role), SignedAt: webtest.Now()}), &access.Judge{Rules: rules, Now: webtest.Now})
		w := httptest.NewRecorder()
		pages.ServeHTTP(w, r.WithContext(ctx))
		return w
	}
	for _, c := range []struct {
		role                                  access.Role
		requests, breaches, register, changes bool
	}{
		{access.ProtectionOfficer, true, true, true, true},
		{access.Steward, true, false, true, true},
		{access.Administrator, false, false, true, false},
		{access.Physicist, false, false, true, false},
		{access.Auditor, false, false, true, false},
		{access.Patient, false, false, false, false},
	} {
		for address, may := range map[string]bool{"/privacy/requests": c.requests, "/privacy/breaches": c.breaches, "/privacy/register": c.register} {
			if w := ask(c.role, http.MethodGet, address, nil); (w.Code == 200) != may || !may && w.Code != 403 {
				t.Errorf("%s as %s: %d; may %v", address, c.role, w.Code, may)
			}
		}
		told := len(room.told)
		w := ask(c.role, http.MethodPost, "/privacy/register/parties", url.Values{"role": {privacy.Processor}, "name": {"Other"}, "country": {"FR"}})
		if (w.Code == 303) != c.changes || (len(room.told) > told) != c.changes {
			t.Errorf("noted by %s: %d, told %v; may %v", c.role, w.Code, room.told[told:], c.changes)
		}
		if c.register {
			body := ask(c.role, http.MethodGet, "/privacy/register", nil).Body.String()
			if strings.Contains(body, `name="country"`) != c.changes {
				t.Errorf("the form of parties is shown to %s: %v; may %v", c.role, !c.changes, c.changes)
			}
		}
	}
}
