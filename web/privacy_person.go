package web

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/access/privacy"
	"radagora/fault"
	"radagora/journal"
	"radagora/web/face"
)

// A personView is everything held about one person. Patient ID and issuer travel in
// forms alone: an address stands in histories and logs.
type personView struct {
	id, issuer string
	held       *privacy.Holding
	wishes     []access.Held
	looked     []journal.Entry
	asked      bool // for who looked
	may        map[string]bool
	plans      []privacy.Plan
	people     []face.Choice
	wrong      map[string]string
}

// personPage asks whom it is about.
func (s *server) personPage(v *visit) error { return v.showPerson(personView{}, "") }

// personLookUp shows what is held about one person.
func (s *server) personLookUp(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	return v.showPerson(v.named(), "")
}

// named reads patient ID and issuer of a form.
func (v *visit) named() personView { return personView{id: v.sent("person"), issuer: v.sent("issuer")} }

// person returns whom a form is about, or an error if it names nobody.
func (v *visit) person() (access.Person, error) {
	if err := v.form(); err != nil {
		return access.Person{}, err
	}
	if v.sent("person") == "" {
		return access.Person{}, fault.Errorf(fault.Invalid, "no patient ID")
	}
	return v.Privacy.Person(v.sent("issuer"), v.sent("person")), nil
}

// showPerson shows the page; done is the key of what has just been done.
func (v *visit) showPerson(pv personView, done string) error {
	ctx := v.r.Context()
	var err error
	if pv.plans, err = v.Privacy.Plans(ctx, privacySite); err != nil {
		return err
	}
	if pv.people, err = v.Privacy.People(ctx); err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.privacy_person"), lead: v.p.T("privacy.person_lead"), section: "/privacy/person"}
	if done != "" {
		pg.notices = append(pg.notices, face.Notice{Tone: face.Good, Title: v.p.T(done)})
	}
	if pv.wrong != nil {
		pg.status = http.StatusBadRequest
	}
	if pv.id != "" {
		p := v.Privacy.Person(pv.issuer, pv.id)
		held, err := v.Privacy.Hold(ctx, p)
		if err != nil {
			return err
		}
		pv.held, pv.may = &held, map[string]bool{}
		subject := access.Subject{Site: p.Site, Person: p.ID}
		for _, act := range []access.Act{access.PersonRestrict, access.PersonExport, access.PersonErase, access.AccessListRead} {
			err := access.Check(ctx, act, subject)
			pv.may[string(act)] = err == nil || access.Need(err) == access.NeedFresh
		}
		if access.Can(ctx, access.PersonRestrict, subject) {
			if pv.wishes, err = v.Privacy.Wishes(ctx, p); err != nil {
				return err
			}
		}
	}
	return v.show(pg, personBody(v, pv))
}

// personLooked shows who did something with the data of a person.
func (s *server) personLooked(v *visit) error {
	p, err := v.person()
	if err != nil {
		return err
	}
	pv := v.named()
	pv.asked = true
	if pv.looked, err = s.Privacy.Looked(v.r.Context(), p, lookedLimit); err != nil {
		return err
	}
	return v.showPerson(pv, "")
}

// lookedLimit is how many entries of who looked the page shows; an export has all.
const lookedLimit = 200

// personExport sends a copy of everything about a person. It streams: an error in
// the middle breaks the connection, so that half a copy is never taken for a whole.
func (s *server) personExport(v *visit) error {
	p, err := v.person()
	if err != nil {
		return err
	}
	out := &attachment{v: v, name: "copy-" + v.now().Format("2006-01-02") + ".zip"}
	_, err = s.Privacy.Export(v.r.Context(), p, privacy.Order{Reason: v.sent("reason"), Language: v.p.Tag(), Say: func(key string) string {
		return v.p.T("privacy.copy." + key)
	}}, out)
	if err != nil && out.begun {
		v.Log.ErrorContext(v.r.Context(), "copy of a person broken off", "request_id", RequestID(v.r.Context()), "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// An attachment sends the headers of a file with its first byte.
type attachment struct {
	v     *visit
	name  string
	begun bool
}

// Write implements io.Writer.
func (a *attachment) Write(b []byte) (int, error) {
	if !a.begun {
		a.begun = true
		a.v.attach(a.name, "application/zip")
	}
	return a.v.w.Write(b)
}

var _ io.Writer = (*attachment)(nil)

// personRestrict stops the processing of a person's data, or lets it go on.
func (s *server) personRestrict(v *visit) error {
	p, err := v.person()
	if err != nil {
		return err
	}
	hidden := v.sent("do") == "restrict"
	if err := s.Privacy.Restrict(v.r.Context(), p, hidden, v.sent("reason")); err != nil {
		return err
	}
	done := "done.restricted"
	if !hidden {
		done = "done.unrestricted"
	}
	return v.showPerson(v.named(), done)
}

// personOptOut keeps a person's data from secondary use, or gives them back.
func (s *server) personOptOut(v *visit) error {
	p, err := v.person()
	if err != nil {
		return err
	}
	out := v.sent("do") == "out"
	if err := s.Privacy.OptOut(v.r.Context(), p, out); err != nil {
		return err
	}
	done := "done.opted_out"
	if !out {
		done = "done.opted_in"
	}
	return v.showPerson(v.named(), done)
}

// personPlan plans an erasure.
func (s *server) personPlan(v *visit) error {
	p, err := v.person()
	if err != nil {
		return err
	}
	if wrong := v.tooShort("reason"); wrong != nil {
		pv := v.named()
		pv.wrong = wrong
		return v.showPerson(pv, "")
	}
	plan, err := s.Privacy.PlanErasure(v.r.Context(), p, v.sent("request"), v.sent("reason"))
	if err != nil {
		return err
	}
	return v.back("/privacy/erasures/"+plan.ID, "planned")
}

// erasurePage shows a plan, or the proof.
func (s *server) erasurePage(v *visit) error { return v.showErasure(nil) }

// showErasure shows it; wrong is a form it has to give back.
func (v *visit) showErasure(wrong map[string]string) error {
	plan, err := v.Privacy.Plan(v.r.Context(), privacySite, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	people, err := v.Privacy.People(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{
		title: v.p.T("privacy.erasure_" + plan.State), lead: v.p.T("privacy.erasure_lead_" + plan.State), section: "/privacy/person",
		crumbs: []crumb{{v.p.T("nav.privacy_person"), "/privacy/person"}},
	}
	if wrong != nil {
		pg.status = http.StatusBadRequest
	}
	return v.show(pg, erasureBody(v, plan, people, wrong))
}

// erasureDo does what was planned, or gives it up.
func (s *server) erasureDo(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	ctx, id := v.r.Context(), v.r.PathValue("id")
	if v.sent("do") == "drop" {
		if err := s.Privacy.DropErasure(ctx, privacySite, id); err != nil {
			return err
		}
		return v.back("/privacy/erasures/"+id, "dropped")
	}
	plan, err := s.Privacy.Plan(ctx, privacySite, id)
	if err != nil {
		return err
	}
	wrong := map[string]string{}
	if v.sent("person") == "" {
		wrong["person"] = v.p.T("privacy.wrong_again")
	}
	if plan.Bound() && len(v.sent("despite")) < 10 {
		wrong["despite"] = v.p.T("privacy.wrong_despite")
	}
	if len(wrong) > 0 {
		return v.showErasure(wrong)
	}
	_, err = s.Privacy.Erase(ctx, s.Privacy.Person(v.sent("issuer"), v.sent("person")), id, v.sent("digest"), v.sent("despite"))
	if err != nil {
		return err
	}
	return v.back("/privacy/erasures/"+id, "erased")
}

// erasureProof sends the proof as a file.
func (s *server) erasureProof(v *visit) error {
	plan, err := s.Privacy.Plan(v.r.Context(), privacySite, v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if plan.Proof == nil {
		return fault.Errorf(fault.NotFound, "no proof yet: the erasure is %s", plan.State)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(plan.Proof); err != nil {
		return fault.As(fault.Internal, err)
	}
	v.attach("erasure-"+plan.ID+".json", mediaOf["json"])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// heldTable lists what is held where.
func (v *visit) heldTable(id string, all []privacy.Held) face.Table {
	t := face.Table{
		ID: id, Caption: v.p.T("privacy.held"), Empty: face.Nothing(v.p.T("privacy.nothing_held"), v.p.T("privacy.nothing_held_"+id)),
		Columns: []face.Column{
			{Label: v.p.T("privacy.held_in"), Phone: face.Name},
			{Label: v.p.T("privacy.records"), Numeric: true, Phone: face.Beside},
			{Label: v.p.T("privacy.first")},
			{Label: v.p.T("privacy.last")},
		},
	}
	for _, h := range all {
		t.Rows = append(t.Rows, face.Row{ID: h.Room + "-" + h.Kind, Cells: []templ.Component{
			face.Words(h.Room, h.Kind), face.Figures(v.p.Count(int64(h.Count)), ""), face.Words(v.day(h.First), ""), face.Words(v.day(h.Last), ""),
		}})
	}
	return t
}

// lookedTable lists who did something with the data of a person.
func (v *visit) lookedTable(all []journal.Entry, people []face.Choice) face.Table {
	t := face.Table{
		ID: "looked", Caption: v.p.T("privacy.who_looked"), Empty: face.Nothing(v.p.T("privacy.nobody_looked"), v.p.T("privacy.nobody_looked_text")),
		Columns: []face.Column{
			{Label: v.p.T("privacy.when"), Phone: face.Name},
			{Label: v.p.T("privacy.by"), Phone: face.Beside},
			{Label: v.p.T("privacy.did")},
			{Label: v.p.T("privacy.purposes")},
			{Label: v.p.T("privacy.about"), Phone: face.Wide},
		},
	}
	for _, e := range all {
		var data struct {
			Purpose string `json:"purpose"`
			Count   int    `json:"count"`
		}
		_ = json.Unmarshal(e.Data, &data) // then nothing is known of the purpose
		times := ""
		if data.Count > 1 {
			times = "× " + v.p.Count(int64(data.Count))
		}
		purpose := "–"
		if v.p.Has("purpose." + data.Purpose) {
			purpose = v.p.T("purpose." + data.Purpose)
		}
		t.Rows = append(t.Rows, face.Row{ID: e.ID, Cells: []templ.Component{
			face.Words(v.at(e.At), ""), face.Words(nameOf(people, e.Actor), ""), face.Words(v.did(e.Kind), times), face.Words(purpose, ""), face.Words(e.Subject, ""),
		}})
	}
	return t
}

// did prints a kind of journal entry: in words where the catalogue has them.
func (v *visit) did(kind string) string {
	if key := "privacy.did_" + strings.ReplaceAll(kind, ".", "_"); v.p.Has(key) {
		return v.p.T(key)
	}
	return kind
}

// holds reports whether a person has a wish now.
func holds(all []access.Held, w access.Wish) (since time.Time, ok bool) {
	for _, h := range all {
		if h.Wish == w && h.Until.IsZero() {
			return h.Since, true
		}
	}
	return time.Time{}, false
}
