package web

import (
	"bytes"
	"net/http"
	"net/url"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/site"
	"radagora/web/face"
)

// A handler answers one request of a person. What it returns becomes the error
// page; it must not have written anything then.
type handler func(v *visit) error

// A visit is one request and what is known of who asks.
type visit struct {
	*server
	w    http.ResponseWriter
	r    *http.Request
	p    *lang.Printer
	site Site
	who  Person
}

// A page is what a handler shows inside the frame.
type page struct {
	title   string
	lead    string          // one line under the title
	crumbs  []crumb         // from the section down to the page before this one
	section string          // path of the page that is current in the navigation; "" is this one
	actions templ.Component // beside the title
	status  int             // 0 is 200
	notices []face.Notice
	bare    bool // the content brings its own heading
}

// A crumb is a step above a page.
type crumb struct{ label, path string }

// page makes an http.Handler of h for those who may do act: it chooses the language,
// shows the error page and is the one place that logs what went wrong.
func (s *server) page(act access.Act, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := s.visit(w, r)
		err := v.may(act)
		if err == nil {
			err = h(v)
		}
		if err != nil && !v.askFirst(err) {
			v.fail(err)
		}
	})
}

// may returns an error unless whoever asks may do act at the site.
func (v *visit) may(act access.Act) error {
	if act == Anybody {
		return nil
	}
	return access.Check(v.r.Context(), act, access.Subject{Site: site.Default})
}

// askFirst sends people who must sign in, or sign in again, there, and reports
// whether it did. They come back to where they wanted to go, or to the form they
// sent.
func (v *visit) askFirst(err error) bool {
	door := ""
	switch access.Need(err) {
	case access.NeedSignIn:
		door = "/sign-in"
	case access.NeedFresh:
		door = "/sign-in/again"
	}
	if refused, ok := access.Refusal(err); ok && refused.Need == access.NeedGlass && refused.Subject.Study != "" && v.Rights != nil {
		to := parseAddress("/access/emergency").with("study", refused.Subject.Study).with("to", v.r.URL.RequestURI())
		http.Redirect(v.w, v.r, to.String(), http.StatusSeeOther)
		return true
	}
	if door == "" || v.Sign == nil || fault.Of(err) != fault.Forbidden {
		return false
	}
	to := v.r.URL.RequestURI()
	if v.r.Method != http.MethodGet && v.r.Method != http.MethodHead {
		to = "/"
		if from, err := url.Parse(v.r.Referer()); err == nil && from.Host == v.r.Host {
			to = from.RequestURI()
		}
		if door == "/sign-in/again" {
			to = orElse(v.goOn(to), to)
		}
	}
	http.Redirect(v.w, v.r, parseAddress(door).with("to", to).String(), http.StatusSeeOther)
	return true
}

// visit looks at who asks.
func (s *server) visit(w http.ResponseWriter, r *http.Request) *visit {
	return &visit{
		server: s, w: w, r: r,
		p:    s.Catalogue.Printer(s.Catalogue.Match(cookie(r, "language"), r.Header.Get("Accept-Language"))),
		site: s.Site(r.Context()),
		who:  s.Who(r.Context()),
	}
}

// now is the present in the site's zone.
func (v *visit) now() time.Time { return v.local(v.Now()) }

// local puts an instant into the site's zone.
func (v *visit) local(t time.Time) time.Time {
	if v.site.Zone == nil || t.IsZero() {
		return t
	}
	return t.In(v.site.Zone)
}

// show renders a page whole before the first byte leaves, so that what fails in
// the middle can still become an error page.
func (v *visit) show(pg page, content templ.Component) error {
	if pg.status == 0 {
		pg.status = http.StatusOK
	}
	if done := v.r.URL.Query().Get("done"); done != "" && v.p.Has("done."+done) {
		pg.notices = append(pg.notices, face.Notice{Tone: face.Good, Title: v.p.T("done." + done)})
	}
	var b bytes.Buffer
	if err := frame(v, pg).Render(templ.WithChildren(v.r.Context(), content), &b); err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if h.Get("Cache-Control") == "" { // a page with a secret says no-store
		h.Set("Cache-Control", "private, no-store")
	}
	v.w.WriteHeader(pg.status)
	_, err := v.w.Write(b.Bytes())
	if err != nil {
		v.Log.DebugContext(v.r.Context(), "page not taken", "request_id", RequestID(v.r.Context()))
	}
	return nil
}

// back sends a person who changed something back to where they were; done is
// the message they find there.
func (v *visit) back(to, done string) error {
	a := parseAddress(localPath(to))
	if done != "" {
		a = a.with("done", done)
	}
	http.Redirect(v.w, v.r, a.String(), http.StatusSeeOther)
	return nil
}

// cookie returns the value of a cookie, "" if there is none.
func cookie(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}
