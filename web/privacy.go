package web

import (
	"context"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/fault"
	"radagora/journal"
	"radagora/lang"
	"radagora/site"
	"radagora/web/face"
)

// Privacy keeps the duties of data protection. *privacy.Desk does, but for the last
// two.
type Privacy interface {
	privacyCases
	privacyBooks
	privacyPersons
	// People are those who may own a request.
	People(ctx context.Context) ([]face.Choice, error)
	// Person returns the person of a patient ID and its issuer, who may be nobody here.
	Person(issuer, id string) access.Person
}

// privacyCases are requests and breaches.
type privacyCases interface {
	Standing(ctx context.Context, siteID string) (privacy.Standing, error)
	Kinds(siteID string) ([]privacy.Kind, error)
	Requests(ctx context.Context, siteID string, open bool) ([]privacy.Request, error)
	Request(ctx context.Context, siteID, id string) (privacy.Request, error)
	History(ctx context.Context, siteID, id string) ([]privacy.Event, error)
	Receive(ctx context.Context, a privacy.Asking) (string, error)
	Move(ctx context.Context, siteID, id string, m privacy.Move) error
	Breaches(ctx context.Context, siteID string) ([]privacy.Breach, error)
	Breach(ctx context.Context, siteID, id string) (privacy.Breach, error)
	Discover(ctx context.Context, siteID, aware string, kinds []string, risk string, first privacy.Phase) (string, error)
	MoveBreach(ctx context.Context, siteID, id string, m privacy.BreachMove) error
}

// privacyBooks are what is written down once and looked up.
type privacyBooks interface {
	Record(ctx context.Context, siteID string) (privacy.Record, error)
	Parties(ctx context.Context, siteID string) ([]privacy.Party, error)
	KeepParty(ctx context.Context, p privacy.Party) (string, error)
	Duties(ctx context.Context, siteID string) ([]privacy.Duty, error)
	Acts(siteID string) ([]privacy.Act, error)
}

// privacyPersons is what is done with everything about one person.
type privacyPersons interface {
	Hold(ctx context.Context, p access.Person) (privacy.Holding, error)
	Wishes(ctx context.Context, p access.Person) ([]access.Held, error)
	Looked(ctx context.Context, p access.Person, limit int) ([]journal.Entry, error)
	Export(ctx context.Context, p access.Person, o privacy.Order, w io.Writer) (privacy.Index, error)
	Restrict(ctx context.Context, p access.Person, hidden bool, reason string) error
	OptOut(ctx context.Context, p access.Person, out bool) error
	PlanErasure(ctx context.Context, p access.Person, request, reason string) (privacy.Plan, error)
	Plans(ctx context.Context, siteID string) ([]privacy.Plan, error)
	Plan(ctx context.Context, siteID, id string) (privacy.Plan, error)
	Erase(ctx context.Context, p access.Person, id, digest, despite string) (privacy.Proof, error)
	DropErasure(ctx context.Context, siteID, id string) error
}

// privacyRoutes are the pages of data protection.
func (s *server) privacyRoutes(g registrar) {
	if s.Privacy == nil {
		return
	}
	g.get("/privacy", access.RequestHandle, s.privacyPage)
	g.get("/privacy/requests", access.RequestHandle, s.requestsPage)
	g.post("/privacy/requests", access.RequestHandle, s.requestReceive)
	g.get("/privacy/requests/{id}", access.RequestHandle, s.requestPage)
	g.post("/privacy/requests/{id}", access.RequestHandle, s.requestMove)
	g.get("/privacy/breaches", access.BreachHandle, s.breachesPage)
	g.post("/privacy/breaches", access.BreachHandle, s.breachDiscover)
	g.get("/privacy/breaches/{id}", access.BreachHandle, s.breachPage)
	g.post("/privacy/breaches/{id}", access.BreachHandle, s.breachMove)
	g.get("/privacy/register", access.RegisterRead, s.registerPage)
	g.get("/privacy/register/export", access.RegisterRead, s.registerExport)
	g.post("/privacy/register/parties", access.RegisterChange, s.partyKeep)
	g.get("/privacy/duties", access.RegisterRead, s.dutiesPage)
	g.get("/privacy/duties/export", access.RegisterRead, s.dutiesExport)
	g.get("/privacy/person", access.RequestHandle, s.personPage)
	g.post("/privacy/person", access.RequestHandle, s.personLookUp)
	g.post("/privacy/person/looked", access.AccessListRead, s.personLooked)
	g.post("/privacy/person/export", access.PersonExport, s.personExport)
	g.post("/privacy/person/restrict", access.PersonRestrict, s.personRestrict)
	g.post("/privacy/person/opt-out", access.PersonRestrict, s.personOptOut)
	g.post("/privacy/person/plan", access.PersonErase, s.personPlan)
	g.get("/privacy/erasures/{id}", access.RequestHandle, s.erasurePage)
	g.post("/privacy/erasures/{id}", access.PersonErase, s.erasureDo)
	g.get("/privacy/erasures/{id}/proof", access.RequestHandle, s.erasureProof)
}

// privacySection is their part of the navigation.
func (s *server) privacySection() section {
	sec := section{title: "nav.privacy", path: "/privacy"}
	if s.Privacy != nil {
		sec.add("nav.privacy_where", "/privacy", access.RequestHandle)
		sec.add("nav.privacy_requests", "/privacy/requests", access.RequestHandle)
		sec.add("nav.privacy_breaches", "/privacy/breaches", access.BreachHandle)
		sec.add("nav.privacy_person", "/privacy/person", access.RequestHandle)
		sec.add("nav.privacy_register", "/privacy/register", access.RegisterRead)
		sec.add("nav.privacy_duties", "/privacy/duties", access.RegisterRead)
	}
	return sec
}

// here is the site that the pages are about.
const privacySite = site.Default

// A privacyView is what the first page shows.
type privacyView struct {
	standing privacy.Standing
	requests []privacy.Request
	breaches []privacy.Breach
	duties   []privacy.Duty
	people   []face.Choice
}

// privacyPage shows where we stand.
func (s *server) privacyPage(v *visit) error {
	ctx := v.r.Context()
	var all privacyView
	var err error
	if all.standing, err = s.Privacy.Standing(ctx, privacySite); err != nil {
		return err
	}
	if all.requests, err = s.Privacy.Requests(ctx, privacySite, true); err != nil {
		return err
	}
	if access.Can(ctx, access.BreachHandle, access.Subject{Site: privacySite}) {
		if all.breaches, err = s.Privacy.Breaches(ctx, privacySite); err != nil {
			return err
		}
	}
	if all.duties, err = s.Privacy.Duties(ctx, privacySite); err != nil {
		return err
	}
	if all.people, err = s.Privacy.People(ctx); err != nil {
		return err
	}
	return v.show(page{title: v.p.T("nav.privacy"), lead: v.p.T("privacy.lead")}, privacyBody(v, all))
}

// privacyTiles are the numbers at the top.
func (v *visit) privacyTiles(all privacyView) []face.Tile {
	s := all.standing
	tone := func(bad, soon int) face.Tone {
		switch {
		case bad > 0:
			return face.Trouble
		case soon > 0:
			return face.Attention
		}
		return face.Good
	}
	confirmed, connected := 0, 0
	for _, d := range all.duties {
		if d.Verified {
			confirmed++
		}
		for _, e := range d.Evidence {
			if e.Connected {
				connected++
				break
			}
		}
	}
	return []face.Tile{
		{
			Label: v.p.T("privacy.open_requests"), Value: v.p.Count(int64(s.Requests)), Href: "/privacy/requests",
			Reference: v.p.T("privacy.overdue", lang.Args{"n": s.RequestsOverdue}), Basis: v.p.T("privacy.closed_late", lang.Args{"n": s.Closed, "late": s.Late}),
			Tone: tone(s.RequestsOverdue, s.RequestsSoon),
		},
		{
			Label: v.p.T("privacy.open_breaches"), Value: v.p.Count(int64(s.Breaches)), Href: "/privacy/breaches",
			Reference: v.p.T("privacy.overdue", lang.Args{"n": s.BreachesOverdue}), Basis: v.p.T("privacy.undecided", lang.Args{"n": s.BreachesWaiting}),
			Tone: tone(s.BreachesOverdue, s.BreachesWaiting),
		},
		{
			Label: v.p.T("privacy.duties"), Value: v.p.Count(int64(len(all.duties))), Href: "/privacy/duties",
			Reference: v.p.T("privacy.articles_read", lang.Args{"n": confirmed}), Basis: v.p.T("privacy.with_evidence", lang.Args{"n": connected}),
		},
	}
}

// day prints a day written 2006-01-02 in a person's language, "–" for none.
func (v *visit) day(s string) string {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return orElse(s, "–")
	}
	return v.p.Date(t)
}

// at prints an instant at the site, "–" for none.
func (v *visit) at(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return v.p.DateTime(v.local(t))
}

// requestTable lists requests, age beside limit.
func (v *visit) requestTable(all []privacy.Request, people []face.Choice) face.Table {
	t := face.Table{
		ID: "requests", Caption: v.p.T("nav.privacy_requests"), Empty: face.Nothing(v.p.T("privacy.no_request"), v.p.T("privacy.no_request_text")),
		Columns: []face.Column{
			{Label: v.p.T("privacy.asked_for"), Phone: face.Name},
			{Label: v.p.T("privacy.state")},
			{Label: v.p.T("privacy.received")},
			{Label: v.p.T("privacy.age"), Numeric: true},
			{Label: v.p.T("privacy.limit"), Phone: face.Beside},
			{Label: v.p.T("privacy.owner"), Phone: face.Wide},
		},
	}
	for _, q := range all {
		t.Rows = append(t.Rows, face.Row{
			ID: q.ID, Href: "/privacy/requests/" + q.ID,
			Cells: []templ.Component{
				face.Words(q.Kind.Name.In(v.p.Tag()), v.article(q.Kind.Law, q.Kind.Article, q.Kind.Verified)),
				face.Words(v.p.T("privacy.state_"+string(q.State)), v.p.T("privacy.steps_done", lang.Args{"done": q.Done(), "n": len(q.Kind.Steps)})),
				face.Words(v.day(q.ReceivedOn), v.p.T("privacy.channel_"+q.Channel)),
				face.Figures(v.p.T("privacy.days", lang.Args{"n": q.Age}), ""),
				limitWord(v, q), face.Words(nameOf(people, q.Owner), ""),
			},
		})
	}
	return t
}

// breachTable lists breaches with their clock.
func (v *visit) breachTable(all []privacy.Breach) face.Table {
	t := face.Table{
		ID: "breaches", Caption: v.p.T("nav.privacy_breaches"), Empty: face.Nothing(v.p.T("privacy.no_breach"), v.p.T("privacy.no_breach_text")),
		Columns: []face.Column{
			{Label: v.p.T("privacy.what_happened"), Phone: face.Name},
			{Label: v.p.T("privacy.aware")},
			{Label: v.p.T("privacy.risk")},
			{Label: v.p.T("privacy.age"), Numeric: true},
			{Label: v.p.T("privacy.authority"), Phone: face.Beside},
		},
	}
	for _, b := range all {
		what := ""
		if len(b.Phases) > 0 {
			what = shorten(b.Phases[0].What, 80)
		}
		t.Rows = append(t.Rows, face.Row{
			ID: b.ID, Href: "/privacy/breaches/" + b.ID,
			Cells: []templ.Component{
				face.Words(what, v.breachKinds(b)), face.Words(v.at(b.AwareAt), ""), face.Words(v.p.T("privacy.risk_"+b.Risk), ""),
				face.Figures(v.hours(b.Age), ""), breachWord(v, b),
			},
		})
	}
	return t
}

// breachKinds prints what suffered.
func (v *visit) breachKinds(b privacy.Breach) string {
	var all []string
	for _, k := range b.Kinds {
		all = append(all, v.p.T("privacy.breach_"+k))
	}
	return strings.Join(all, ", ")
}

// hours prints a time that passed or is left in hours.
func (v *visit) hours(d time.Duration) string {
	return v.p.T("privacy.hours", lang.Args{"n": int(d.Abs().Hours())})
}

// article prints an article of law, and whether somebody has read it.
func (v *visit) article(law, article string, verified bool) string {
	text := v.p.T("privacy.article", lang.Args{"law": v.p.T("privacy.law_" + law), "article": article})
	if !verified {
		text += " · " + v.p.T("privacy.to_confirm")
	}
	return text
}

// nameOf returns the name of an account, its id if nobody knows it, "–" for none.
func nameOf(people []face.Choice, id string) string {
	for _, c := range people {
		if c.Code == id {
			return c.Label
		}
	}
	return orElse(id, "–")
}

// shorten returns the first letters of a text.
func shorten(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return strings.TrimSpace(string(r[:most])) + "…"
}

// form reads what was sent.
func (v *visit) form() error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	return nil
}

// sent returns a field of a form without spaces around it.
func (v *visit) sent(field string) string { return strings.TrimSpace(v.r.PostForm.Get(field)) }

// number returns a field as a number that is not negative, -1 if it is none.
func (v *visit) number(field string) int {
	n, err := strconv.Atoi(v.sent(field))
	if err != nil || n < 0 {
		return -1
	}
	return n
}

// tooShort refuses fields that need at least some letters.
func (v *visit) tooShort(fields ...string) map[string]string {
	wrong := map[string]string{}
	for _, f := range fields {
		if len(v.sent(f)) < 10 {
			wrong[f] = v.p.T("privacy.wrong_short")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return wrong
}
