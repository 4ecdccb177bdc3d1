package web

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
)

// Sign is the way in and out. What is not taken is a TakenError: it says in the
// catalogue's words why.
type Sign interface {
	// Door says which ways in there are where ctx comes from.
	Door(ctx context.Context) (SignDoor, error)
	// Password, Recover, Switch and Demo begin a session, each by its proof.
	Password(ctx context.Context, login, password string) error
	Recover(ctx context.Context, login, code string) error
	Switch(ctx context.Context, person, pin string) error
	Demo(ctx context.Context, role access.Role) error
	// Again takes a password as the proof of whoever is signed in.
	Again(ctx context.Context, password string) error
	Out(ctx context.Context) error
	// Language returns the language of who has just signed in, "" for as before.
	Language(ctx context.Context) string
	PasskeySign
	LinkSign
}

// PasskeySign asks a browser for a passkey and takes its answer, to sign in or to
// prove it again.
type PasskeySign interface {
	Ask(ctx context.Context) (Challenge, error)
	Answer(ctx context.Context, state string, response []byte) error
}

// LinkSign takes links that are good once.
type LinkSign interface {
	// First checks the link that makes the first administrator.
	First(ctx context.Context, token string) error
	MakeFirst(ctx context.Context, token, name, login, password string) error
	// Linked returns whose password a link sets.
	Linked(ctx context.Context, token string) (name string, err error)
	Reset(ctx context.Context, token, password string) error
}

// A SignDoor is what stands at the way in.
type SignDoor struct {
	Nobody    bool // there is no administrator yet
	Passkeys  bool
	Providers []Provider
	Demo      []access.Role // whose ready accounts can be entered
	Station   string        // name of the workstation, "" if it is none
	OnShift   []Person      // who may change over there with a PIN
	Least     int           // characters of a password
}

// A Provider is an identity provider of the hospital.
type Provider struct{ Name, Path string }

// A Challenge is what a browser needs to use a passkey, and what it gives back.
type Challenge struct {
	Options json.RawMessage `json:"options"`
	State   string          `json:"state"`
}

// A TakenError says why something was not taken, for the field it is about.
type TakenError struct {
	Field string
	Words lang.Message
}

// Error names the message.
func (e *TakenError) Error() string { return "not taken: " + e.Words.Key }

// NotTaken returns such an error.
func NotTaken(field, key string, args ...lang.Args) error {
	return fault.As(fault.Invalid, &TakenError{Field: field, Words: lang.Msg(key, args...)})
}

// notTaken returns the words for the fields an error is about, or nil.
func (v *visit) notTaken(err error) map[string]string {
	if e := new(TakenError); errors.As(err, &e) {
		return map[string]string{e.Field: v.p.Say(e.Words)}
	}
	return v.refused(err)
}

// signRoutes registers the pages of the way in and out.
func (s *server) signRoutes(g registrar) {
	if s.Sign == nil {
		return
	}
	g.get("/sign-in", Anybody, s.signPage)
	g.post("/sign-in", Anybody, s.signPassword)
	g.post("/sign-in/demo", Anybody, s.signDemo)
	g.get("/sign-in/recover", Anybody, s.recoverPage)
	g.post("/sign-in/recover", Anybody, s.recoverDo)
	g.get("/sign-in/again", Anybody, s.againPage)
	g.post("/sign-in/again", Anybody, s.againDo)
	g.get("/sign-in/go-on", Anybody, s.goOnPage)
	g.get("/sign-in/switch", Anybody, s.switchPage)
	g.post("/sign-in/switch", Anybody, s.switchDo)
	g.post("/sign-in/passkey/ask", Anybody, s.passkeyAsk)
	g.post("/sign-in/passkey/answer", Anybody, s.passkeyAnswer)
	g.get("/sign-in/link", Anybody, s.linkPage)
	g.post("/sign-in/link", Anybody, s.linkDo)
	g.get("/first", Anybody, s.firstPage)
	g.post("/first", Anybody, s.firstDo)
	g.post("/sign-out", Anybody, s.signOut)
}

// A signForm is a form of the way in: what was typed, where to go, what was wrong.
type signForm struct {
	to, login, name, token, person string
	wrong                          map[string]string
}

// status returns 400 for a form that was not taken.
func (f signForm) status() int {
	if f.wrong != nil {
		return http.StatusBadRequest
	}
	return 0
}

// signForm reads a form of the way in.
func (v *visit) signForm() (signForm, error) {
	if err := v.r.ParseForm(); err != nil {
		return signForm{}, fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	return signForm{to: localPath(v.r.Form.Get("to")), login: f.Get("login"), name: f.Get("name"), token: v.r.Form.Get("token"), person: f.Get("person")}, nil
}

// signed ends a form of the way in: on to where they wanted to go, or the form again
// with what was wrong.
func (v *visit) signed(err error, f signForm, again func(f signForm) error) error {
	if f.wrong = v.notTaken(err); f.wrong != nil {
		return again(f)
	}
	if err != nil {
		return err
	}
	v.speak()
	v.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(v.w, v.r, f.to, http.StatusSeeOther)
	return nil
}

// speak changes to the language of who has just signed in.
func (v *visit) speak() {
	if l := v.Sign.Language(v.r.Context()); l != "" && v.Catalogue.Has(l) {
		v.setPreference("language", l)
	}
}

// to returns where a page of the way in leads.
func (v *visit) to() string { return localPath(orElse(v.r.URL.Query().Get("to"), "/")) }

// signPage shows the ways in.
func (s *server) signPage(v *visit) error { return v.showSign(signForm{to: v.to()}) }

func (v *visit) showSign(f signForm) error {
	door, err := v.Sign.Door(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("sign.title"), status: f.status(), bare: true, section: "-"}, signBody(v, door, f))
}

// signPassword takes login and password.
func (s *server) signPassword(v *visit) error {
	f, err := v.signForm()
	if err != nil {
		return err
	}
	return v.signed(s.Sign.Password(v.r.Context(), f.login, v.r.PostForm.Get("password")), f, v.showSign)
}

// signDemo enters a ready account.
func (s *server) signDemo(v *visit) error {
	f, err := v.signForm()
	if err != nil {
		return err
	}
	return v.signed(s.Sign.Demo(v.r.Context(), access.Role(v.r.PostForm.Get("role"))), f, v.showSign)
}

// recoverPage takes a recovery code in place of a password.
func (s *server) recoverPage(v *visit) error { return v.showRecover(signForm{to: "/account"}) }

func (v *visit) showRecover(f signForm) error {
	return v.show(page{title: v.p.T("sign.recover"), status: f.status(), bare: true, section: "-"}, recoverBody(v, f))
}

func (s *server) recoverDo(v *visit) error {
	f, err := v.signForm()
	if err != nil {
		return err
	}
	f.to = "/account"
	return v.signed(s.Sign.Recover(v.r.Context(), f.login, v.r.PostForm.Get("code")), f, v.showRecover)
}

// againPage asks whoever is signed in for their proof once more.
func (s *server) againPage(v *visit) error { return v.showAgain(signForm{to: v.to()}) }

func (v *visit) showAgain(f signForm) error {
	if v.who.ID == "" {
		return v.back("/sign-in", "")
	}
	door, err := v.Sign.Door(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("sign.again"), status: f.status(), bare: true, section: "-"}, againBody(v, door, f))
}

func (s *server) againDo(v *visit) error {
	f, err := v.signForm()
	if err != nil {
		return err
	}
	return v.signed(s.Sign.Again(v.r.Context(), v.r.PostForm.Get("password")), f, v.showAgain)
}

// switchPage changes over on a workstation that people share.
func (s *server) switchPage(v *visit) error { return v.showSwitch(signForm{to: v.to()}) }

func (v *visit) showSwitch(f signForm) error {
	door, err := v.Sign.Door(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("sign.switch"), status: f.status(), bare: true, section: "-"}, switchBody(v, door, f))
}

func (s *server) switchDo(v *visit) error {
	f, err := v.signForm()
	if err != nil {
		return err
	}
	v.w.Header().Set("Clear-Site-Data", `"cache"`) // of whoever was here before
	return v.signed(s.Sign.Switch(v.r.Context(), f.person, v.r.PostForm.Get("pin")), f, v.showSwitch)
}

// linkPage sets a password by a link that an administrator made.
func (s *server) linkPage(v *visit) error {
	return v.showLink(signForm{token: v.r.URL.Query().Get("token")})
}

func (v *visit) showLink(f signForm) error {
	name, err := v.Sign.Linked(v.r.Context(), f.token)
	if err != nil {
		return v.dead(err)
	}
	f.name = name
	door, err := v.Sign.Door(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("sign.link"), status: f.status(), bare: true, section: "-"}, linkBody(v, door, f))
}

func (s *server) linkDo(v *visit) error {
	f, err := v.signForm()
	if err != nil {
		return err
	}
	f.to = "/"
	password, err := v.newPassword()
	if err == nil {
		err = s.Sign.Reset(v.r.Context(), f.token, password)
	}
	return v.signed(err, f, v.showLink)
}

// newPassword reads a password that was typed twice.
func (v *visit) newPassword() (string, error) {
	f := v.r.PostForm
	if f.Get("password") != f.Get("repeat") {
		return "", NotTaken("repeat", "account.repeat_wrong")
	}
	return f.Get("password"), nil
}

// dead shows that a link is good no more.
func (v *visit) dead(err error) error {
	if fault.Of(err) != fault.Forbidden {
		return err
	}
	return v.show(page{title: v.p.T("sign.dead"), status: http.StatusForbidden, bare: true, section: "-"}, deadBody(v))
}

// firstPage makes the first administrator.
func (s *server) firstPage(v *visit) error {
	return v.showFirst(signForm{token: v.r.URL.Query().Get("token")})
}

func (v *visit) showFirst(f signForm) error {
	if err := v.Sign.First(v.r.Context(), f.token); err != nil {
		return v.dead(err)
	}
	door, err := v.Sign.Door(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("sign.first"), status: f.status(), bare: true, section: "-"}, firstBody(v, door, f))
}

func (s *server) firstDo(v *visit) error {
	f, err := v.signForm()
	if err != nil {
		return err
	}
	f.to = "/"
	password, err := v.newPassword()
	if err == nil {
		err = s.Sign.MakeFirst(v.r.Context(), f.token, f.name, f.login, password)
	}
	return v.signed(err, f, v.showFirst)
}

// signOut ends the session.
func (s *server) signOut(v *visit) error {
	to, err := v.leave()
	if err != nil {
		return err
	}
	if err := s.Sign.Out(v.r.Context()); err != nil {
		return err
	}
	v.w.Header().Set("Clear-Site-Data", `"cache"`)
	return v.back(to, "signed_out")
}

// passkeyAsk answers with a challenge.
func (s *server) passkeyAsk(v *visit) error {
	c, err := s.Sign.Ask(v.r.Context())
	return v.json(c, err)
}

// An answered is what a browser sends when it used a passkey.
type answered struct {
	State    string          `json:"state"`
	To       string          `json:"to"`
	Name     string          `json:"name"`
	Response json.RawMessage `json:"response"`
}

// answered reads it.
func (v *visit) answered() (a answered, err error) {
	if v.r.Header.Get("Content-Type") != "application/json" {
		return a, fault.Errorf(fault.Invalid, "an answer to a challenge is JSON")
	}
	if err = json.NewDecoder(io.LimitReader(v.r.Body, answerLimit)).Decode(&a); err != nil {
		return a, fault.Errorf(fault.Invalid, "an answer to a challenge: not readable")
	}
	return a, nil
}

// answerLimit bounds what a browser sends.
const answerLimit = 64 << 10

// passkeyAnswer takes a browser's answer.
func (s *server) passkeyAnswer(v *visit) error {
	a, err := v.answered()
	if err == nil {
		err = s.Sign.Answer(v.r.Context(), a.State, a.Response)
	}
	if err == nil {
		v.speak()
	}
	return v.json(map[string]string{"to": localPath(orElse(a.To, "/"))}, err)
}

// json answers a script: with value, or with the words for what was wrong.
func (v *visit) json(value any, err error) error {
	code := http.StatusOK
	if words := v.notTaken(err); words != nil {
		code = http.StatusBadRequest
		for _, w := range words {
			value = map[string]string{"problem": w}
		}
	} else if err != nil {
		return err
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	v.w.WriteHeader(code)
	return json.NewEncoder(v.w).Encode(value)
}

// Seconds returns a pause as forms show it.
func Seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
