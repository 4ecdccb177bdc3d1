package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"radagora/access"
	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Forms asks structured questions and keeps the answers.
type Forms interface {
	// Forms lists versions of forms and what was answered.
	Forms(ctx context.Context, language string) (FormsPage, error)
	StartForm(ctx context.Context, who Person, form, version, title string) (id string, err error)
	// FormSheet returns a response to read and answer.
	FormSheet(ctx context.Context, language, id string) (FormSheet, error)
	SaveForm(ctx context.Context, language string, who Person, id string, revision int, edits []FormEdit) (FormSaved, error)
	// TurnForm signs, stops, or opens answers again, the last with a reason.
	TurnForm(ctx context.Context, who Person, id, do, reason string) error
	DelegateForm(ctx context.Context, who Person, id, group, name string, days int) (secret string, err error)
	WithdrawForm(ctx context.Context, who Person, id, delegation string) error
	// FormFile writes answers as pdf or json.
	FormFile(ctx context.Context, w io.Writer, language, id, format string) error
	// LinkSheet returns the questions that a link leads to, and nothing else. NotFound: it
	// leads to none, whatever the reason.
	LinkSheet(ctx context.Context, language, secret string) (FormSheet, error)
	SaveLink(ctx context.Context, language, secret string, revision int, edits []FormEdit) (FormSaved, error)
	// FormVersion returns a version of a form to try and to change, compared with an older
	// one if that is named.
	FormVersion(ctx context.Context, language, form, version, older string) (FormVersion, error)
	// PutForm keeps a draft. Where it cannot be asked, the problems say why.
	PutForm(ctx context.Context, who Person, text []byte) (FormVersion, error)
	PublishForm(ctx context.Context, who Person, form, version, state string) error
	// MakeForm begins a form, NextForm the next version of one: both are drafts.
	MakeForm(ctx context.Context, who Person, title, language string) (FormHead, error)
	NextForm(ctx context.Context, who Person, form, version string) (FormHead, error)
	DiscardForm(ctx context.Context, who Person, form, version string) error
	// FormDesign returns a draft to change, with one question open if it is named.
	FormDesign(ctx context.Context, language, form, version, item string) (FormDesign, error)
	ChangeForm(ctx context.Context, who Person, step FormStep) (FormStepped, error)
	// TryForm answers a form without keeping anything: kept is what it returned before.
	TryForm(ctx context.Context, language, form, version, kept string, edits []FormEdit) (FormTrial, error)
}

// A FormsPage lists forms and what was answered.
type FormsPage struct {
	Versions  []FormHead
	Responses []FormAnswers
}

// A FormHead is a version of a form.
type FormHead struct {
	URL, Version, Title, State string
	Shipped, Draft             bool // with the program; its wording was not checked
	Answers                    int
	At                         time.Time
}

// A FormAnswers is a response in a list.
type FormAnswers struct {
	ID, Title, Version, State, By, SignedBy string
	Answered, Asked                         int
	SavedAt                                 time.Time
}

// A FormSheet is a response with its questions.
type FormSheet struct {
	FormAnswers
	URL         string
	Draft       bool
	Private     bool // about a patient: nothing of it is kept in the browser
	Open        bool // it can be answered
	Revision    int
	Languages   []string
	Nodes       []FormNode
	Missing     int // questions that keep it from being signed
	Done        []FormDone
	Delegations []FormDelegation
	Groups      []face.Choice
	Files       bool // a question takes files
	Link        string
}

// A FormNode is a question, a group or something to read.
type FormNode struct {
	Path, LinkID, Type, Prefix, Text string
	Required, Repeats, ReadOnly      bool
	Control                          string
	Options                          []FormOption
	Units                            []face.Choice
	Texts                            []string // answers as they are typed
	Shown                            []string // answers as they are read
	By                               []string
	Marked                           string // measured, declared, or "" where nothing could be measured
	Measured                         *FormMeasured
	Gaps                             []FormGap
	More, Less                       bool // the group can be had once more, or taken away
	Times                            int  // which time, from 1; 0 of what does not repeat
	Nodes                            []FormNode

	was     string // digest of the answers on the server
	refused string
	clash   *FormClash
}

// A FormOption can be chosen.
type FormOption struct{ Code, Label string }

// A FormMeasured is what the evidence says to a question.
type FormMeasured struct {
	Fact, Meaning, Value, Unit, State string
	N                                 int
	AsOf                              time.Time
	Fits                              bool // it can become the answer
	Differs                           bool
}

// A FormGap is what is missing or wrong.
type FormGap struct {
	Rule, Want string
	Minor      bool
}

// A FormDone is who did what.
type FormDone struct {
	Path, Text, What, By, Reason string
	At                           time.Time
}

// A FormDelegation is a link that was given away.
type FormDelegation struct {
	ID, Name, Group string
	Until           time.Time
	Ended           bool
}

// A FormEdit is what somebody did to a question.
type FormEdit struct {
	Path, What string
	Texts      []string
	File       []byte
	FileName   string
	FileType   string
}

// A FormClash is a question that somebody else answered meanwhile.
type FormClash struct {
	Path, By string
	At       time.Time
	Yours    string
}

// A FormSaved is what became of edits.
type FormSaved struct {
	Sheet   FormSheet
	Clashes []FormClash
	Refused map[string]string // by path, why
}

// A FormVersion is a version of a form to look at.
type FormVersion struct {
	FormHead
	JSON     string
	Problems []FormProblem
	Asks     bool // it can be asked
	Nodes    []FormNode
	Others   []string // versions to compare with
	Changes  []FormChange
}

// A FormProblem is something wrong with a form.
type FormProblem struct {
	LinkID, Rule, Detail string
	Minor                bool
}

// A FormChange is what differs between two versions.
type FormChange struct {
	LinkID, What, Old, New string
	Breaks                 bool
}

const (
	formsAt   = "/quality/forms"
	answersAt = formsAt + "/answers"
	linkAt    = "/forms/link"
	mostFile  = 512 << 10 // bytes of a file that answers a question
)

// formRoutes are the pages.
func (s *server) formRoutes(g registrar) {
	if s.Forms == nil {
		return
	}
	g.get(formsAt, access.FormRead, s.formsPage)
	g.post(formsAt+"/start", access.FormAnswer, s.formStart)
	g.get(answersAt+"/{id}", access.FormRead, s.formSheet)
	g.post(answersAt+"/{id}", access.FormAnswer, s.formSave)
	g.post(answersAt+"/{id}/turn", access.FormAnswer, s.formTurn)
	g.post(answersAt+"/{id}/delegate", access.FormAnswer, s.formDelegate)
	g.post(answersAt+"/{id}/withdraw", access.FormAnswer, s.formWithdraw)
	g.get(answersAt+"/{id}/file", access.FormRead, s.formFile)
	g.get(formsAt+"/version", access.FormRead, s.formVersion)
	g.get(formsAt+"/version/file", access.FormRead, s.formVersionFile)
	g.get(formsAt+"/new", access.FormEdit, s.formNew)
	g.post(formsAt+"/make", access.FormEdit, s.formMake)
	g.post(formsAt+"/next", access.FormEdit, s.formNext)
	g.post(formsAt+"/discard", access.FormEdit, s.formDiscard)
	g.get(formMakeAt, access.FormEdit, s.formEdit)
	g.post(formMakeAt, access.FormEdit, s.formStep)
	g.get(formsAt+"/try", access.FormEdit, s.formTry)
	g.post(formsAt+"/try", access.FormEdit, s.formTried)
	g.post(formsAt+"/put", access.FormEdit, s.formPut)
	g.post(formsAt+"/publish", access.FormEdit, s.formPublish)
	g.get(linkAt+"/{secret}", Anybody, s.formLink)
	g.post(linkAt+"/{secret}", Anybody, s.formLinkSave)
}

// formsPage lists forms.
func (s *server) formsPage(v *visit) error { return v.showForms("") }

func (v *visit) showForms(refused string) error {
	pg, err := v.Forms.Forms(v.r.Context(), v.p.Tag())
	if err != nil {
		return err
	}
	head := page{title: v.p.T("nav.forms"), lead: v.p.T("form.lead"), section: formsAt}
	if refused != "" {
		head.status = http.StatusBadRequest
	}
	return v.show(head, formsBody(v, pg, refused))
}

// formStart begins to answer.
func (s *server) formStart(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	id, err := s.Forms.StartForm(v.r.Context(), v.who, v.field("form"), v.field("version"), v.field("title"))
	if why := said(err); why != "" {
		return v.showForms(why)
	}
	if err != nil {
		return err
	}
	return v.back(answersAt+"/"+id, "")
}

// formSheet shows questions and answers.
func (s *server) formSheet(v *visit) error {
	sheet, err := s.Forms.FormSheet(v.r.Context(), v.p.Tag(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	return v.showSheet(sheet, formOutcome{check: v.r.URL.Query().Get("check") != "" || !sheet.Open})
}

// A formOutcome is what became of a form that was sent.
type formOutcome struct {
	check   bool // missing answers are told
	saved   bool
	refused string
	secret  string // of a link that was made now
	clashes int
	wrong   int
}

// showSheet shows the page of answers, or what a link leads to.
func (v *visit) showSheet(sheet FormSheet, o formOutcome) error {
	settle(sheet.Nodes)
	head := page{title: sheet.Title, section: formsAt}
	if sheet.Link == "" {
		head.crumbs = []crumb{{v.p.T("nav.quality"), "/quality"}, {v.p.T("nav.forms"), formsAt}}
	} else {
		head.section = "-"
		v.w.Header().Set("Cache-Control", "no-store")
		v.w.Header().Set("Referrer-Policy", "no-referrer")
	}
	if o.secret != "" {
		v.w.Header().Set("Cache-Control", "no-store")
	}
	head.lead = v.p.T("form.sheet_lead", lang.Args{"version": sheet.Version, "state": v.p.T("form.state_" + sheet.State)})
	if o.wrong > 0 || o.refused != "" {
		head.status = http.StatusBadRequest
	} else if o.clashes > 0 {
		head.status = http.StatusConflict
	}
	return v.show(head, formSheetBody(v, sheet, o))
}

// settle notes what the server has of each question.
func settle(nodes []FormNode) {
	for i := range nodes {
		if nodes[i].was == "" {
			nodes[i].was = answerDigest(nodes[i].Texts)
		}
		settle(nodes[i].Nodes)
	}
}

// answerDigest is by what a change of an answer is seen.
func answerDigest(texts []string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// typed returns what was typed to a question, without what is empty.
func typed(values []string) []string {
	all := []string{}
	for _, s := range values {
		if s = strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")); s != "" {
			all = append(all, s)
		}
	}
	return all
}

// formEdits reads what was changed in a form: the answers whose digest is not the one
// that the page was made with.
func (v *visit) formEdits() (revision int, edits []FormEdit, err error) {
	if strings.HasPrefix(v.r.Header.Get("Content-Type"), "multipart/") {
		if err := v.r.ParseMultipartForm(1 << 20); err != nil {
			return 0, nil, tooMuch(err)
		}
	} else if err := v.r.ParseForm(); err != nil {
		return 0, nil, tooMuch(err)
	}
	form := v.r.PostForm
	if revision, err = strconv.Atoi(form.Get("revision")); err != nil {
		return 0, nil, fault.Errorf(fault.Invalid, "revision: a number")
	}
	for name := range form {
		path, ok := strings.CutPrefix(name, "w:")
		if !ok {
			continue
		}
		texts := typed(form["a:"+path])
		if own := typed(form["o:"+path]); len(own) > 0 {
			if form.Get("m:"+path) == "" {
				texts = nil
			}
			for _, s := range own {
				texts = append(texts, "="+s)
			}
		}
		if unit := form.Get("u:" + path); unit != "" {
			for i := range texts {
				texts[i] += " " + unit
			}
		}
		if form.Get("t:"+path) == "time" {
			for i := range texts {
				if len(texts[i]) == len("14:30") {
					texts[i] += ":00"
				}
			}
		}
		if answerDigest(texts) != form.Get(name) {
			edits = append(edits, FormEdit{Path: path, Texts: texts})
		}
	}
	if v.r.MultipartForm != nil {
		for name, files := range v.r.MultipartForm.File {
			path, ok := strings.CutPrefix(name, "f:")
			for _, head := range files {
				if !ok || head.Size == 0 {
					continue
				}
				if head.Size > mostFile {
					return 0, nil, fault.Errorf(fault.Exhausted, "a file that answers a question has at most %d bytes", mostFile)
				}
				f, err := head.Open()
				if err != nil {
					return 0, nil, fault.As(fault.Invalid, err)
				}
				raw, err := io.ReadAll(io.LimitReader(f, mostFile+1))
				if err = errors.Join(err, f.Close()); err != nil {
					return 0, nil, fault.As(fault.Invalid, err)
				}
				edits = append(edits, FormEdit{Path: path, File: raw, FileName: head.Filename, FileType: head.Header.Get("Content-Type")})
			}
		}
	}
	slices.SortFunc(edits, func(a, b FormEdit) int { return strings.Compare(a.Path, b.Path) })
	if what, path, ok := strings.Cut(form.Get("do"), ":"); ok && slices.Contains([]string{"add", "remove", "measured", "clear"}, what) {
		if what == "clear" {
			what = ""
		}
		edits = append(edits, FormEdit{Path: path, What: what})
	}
	return revision, edits, nil
}

// tooMuch is the error of a form that cannot be read.
func tooMuch(err error) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return fault.As(fault.Exhausted, fmt.Errorf("what was sent has more than %d bytes in all: %w", large.Limit, err))
	}
	return fault.As(fault.Invalid, err)
}

// formSave keeps answers, and signs if that is asked for.
func (s *server) formSave(v *visit) error {
	id := v.r.PathValue("id")
	revision, edits, err := v.formEdits()
	if err != nil {
		return err
	}
	saved, err := s.Forms.SaveForm(v.r.Context(), v.p.Tag(), v.who, id, revision, edits)
	if err != nil {
		return err
	}
	o := v.outcome(&saved, edits)
	if v.r.PostForm.Get("do") == "sign" && o.wrong == 0 && o.clashes == 0 {
		err := s.Forms.TurnForm(v.r.Context(), v.who, id, "sign", "")
		if err == nil {
			return v.back(answersAt+"/"+id, "form_signed")
		}
		if o.refused = said(err); o.refused == "" {
			return err
		}
		o.check = true
	}
	if plain := v.r.Header.Get("X-Live") == ""; plain && o.wrong == 0 && o.clashes == 0 && o.refused == "" {
		return v.back(answersAt+"/"+id, "form_saved")
	}
	return v.showSheet(saved.Sheet, o)
}

// outcome puts what was refused, and whose answer stays, beside the questions.
func (v *visit) outcome(saved *FormSaved, edits []FormEdit) formOutcome {
	settle(saved.Sheet.Nodes)
	yours := map[string][]string{}
	for _, e := range edits {
		if e.What == "" {
			yours[e.Path] = e.Texts
		}
	}
	var walk func([]FormNode)
	walk = func(nodes []FormNode) {
		for i := range nodes {
			n := &nodes[i]
			if why, ok := saved.Refused[n.Path]; ok {
				n.refused, n.Texts = why, yours[n.Path]
			}
			for j := range saved.Clashes {
				if c := &saved.Clashes[j]; c.Path == n.Path {
					c.Yours = n.read(yours[n.Path])
					n.clash = c
				}
			}
			walk(n.Nodes)
		}
	}
	walk(saved.Sheet.Nodes)
	return formOutcome{saved: true, clashes: len(saved.Clashes), wrong: len(saved.Refused), check: v.r.URL.Query().Get("check") != ""}
}

// read writes answers as they were typed for people to read.
func (n *FormNode) read(texts []string) string {
	all := slices.Clone(texts)
	for i, t := range all {
		for _, o := range n.Options {
			if o.Code == t {
				all[i] = o.Label
			}
		}
	}
	return strings.Join(all, "; ")
}

// formTurn stops, or opens again.
func (s *server) formTurn(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	id := v.r.PathValue("id")
	do := v.field("do")
	if do != "stop" && do != "amend" {
		return fault.Errorf(fault.Invalid, "stop or amend")
	}
	err := s.Forms.TurnForm(v.r.Context(), v.who, id, do, v.field("reason"))
	if why := said(err); why != "" {
		return v.sheetAgain(id, formOutcome{refused: why})
	}
	if err != nil {
		return err
	}
	return v.back(answersAt+"/"+id, "form_"+do)
}

// sheetAgain shows the page of answers with what became of something else.
func (v *visit) sheetAgain(id string, o formOutcome) error {
	sheet, err := v.Forms.FormSheet(v.r.Context(), v.p.Tag(), id)
	if err != nil {
		return err
	}
	return v.showSheet(sheet, o)
}

// formDelegate makes a link, which is shown once.
func (s *server) formDelegate(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	id := v.r.PathValue("id")
	days, err := strconv.Atoi(v.field("days"))
	if err != nil {
		days = 0
	}
	secret, err := s.Forms.DelegateForm(v.r.Context(), v.who, id, v.field("group"), v.field("name"), days)
	if why := said(err); why != "" {
		return v.sheetAgain(id, formOutcome{refused: why})
	}
	if err != nil {
		return err
	}
	return v.sheetAgain(id, formOutcome{secret: secret})
}

// formWithdraw ends a link.
func (s *server) formWithdraw(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	id := v.r.PathValue("id")
	if err := s.Forms.WithdrawForm(v.r.Context(), v.who, id, v.field("link")); err != nil {
		return err
	}
	return v.back(answersAt+"/"+id, "form_withdrawn")
}

// formFile hands out answers.
func (s *server) formFile(v *visit) error {
	format := v.r.URL.Query().Get("format")
	types := map[string]string{"pdf": "application/pdf", "json": "application/fhir+json"}
	if types[format] == "" {
		return fault.Errorf(fault.Invalid, "answers are to be had as pdf or json, and not as %q", format)
	}
	var b bytes.Buffer
	if err := s.Forms.FormFile(v.r.Context(), &b, v.p.Tag(), v.r.PathValue("id"), format); err != nil {
		return err
	}
	v.attach("form-"+v.r.PathValue("id")+"."+format, types[format])
	_, _ = v.w.Write(b.Bytes()) // a reader that went away is no error of ours
	return nil
}

// formLink shows what a link leads to.
func (s *server) formLink(v *visit) error {
	sheet, err := s.Forms.LinkSheet(v.r.Context(), v.p.Tag(), v.r.PathValue("secret"))
	if err != nil {
		return err
	}
	sheet.Link = v.r.PathValue("secret")
	return v.showSheet(sheet, formOutcome{})
}

// formLinkSave keeps answers of whoever has a link.
func (s *server) formLinkSave(v *visit) error {
	secret := v.r.PathValue("secret")
	revision, edits, err := v.formEdits()
	if err != nil {
		return err
	}
	saved, err := s.Forms.SaveLink(v.r.Context(), v.p.Tag(), secret, revision, edits)
	if err != nil {
		return err
	}
	saved.Sheet.Link = secret
	o := v.outcome(&saved, edits)
	if v.r.Header.Get("X-Live") == "" && o.wrong == 0 && o.clashes == 0 {
		return v.back(linkAt+"/"+secret, "form_saved")
	}
	return v.showSheet(saved.Sheet, o)
}

// formVersion shows a version.
func (s *server) formVersion(v *visit) error {
	q := v.r.URL.Query()
	f, err := s.Forms.FormVersion(v.r.Context(), v.p.Tag(), q.Get("form"), q.Get("version"), q.Get("older"))
	if err != nil {
		return err
	}
	return v.showVersion(f, q.Get("older"), "")
}

// showVersion shows a version with what became of a draft.
func (v *visit) showVersion(f FormVersion, older, refused string) error {
	settle(f.Nodes)
	head := page{
		title: orElse(f.Title, v.p.T("form.new")), section: formsAt,
		crumbs: []crumb{{v.p.T("nav.quality"), "/quality"}, {v.p.T("nav.forms"), formsAt}},
	}
	if refused != "" {
		head.status = http.StatusBadRequest
	}
	return v.show(head, formVersionBody(v, f, older, refused))
}

// formVersionFile hands out a version as FHIR JSON.
func (s *server) formVersionFile(v *visit) error {
	q := v.r.URL.Query()
	f, err := s.Forms.FormVersion(v.r.Context(), v.p.Tag(), q.Get("form"), q.Get("version"), "")
	if err != nil {
		return err
	}
	v.attach("questionnaire.json", "application/fhir+json")
	_, _ = v.w.Write([]byte(f.JSON)) // a reader that went away is no error of ours
	return nil
}

// formPut keeps a draft, or says what is wrong with it.
func (s *server) formPut(v *visit) error {
	if err := v.fields(); err != nil {
		return tooMuch(err)
	}
	text := v.r.PostForm.Get("json")
	f, err := s.Forms.PutForm(v.r.Context(), v.who, []byte(text))
	if why := said(err); why != "" {
		f.JSON = text
		f.State = "draft"
		return v.showVersion(f, "", why)
	}
	if err != nil {
		return err
	}
	return v.back(formVersionAt(f.URL, f.Version), "form_put")
}

// formPublish publishes or retires a version.
func (s *server) formPublish(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	state := v.field("state")
	if err := s.Forms.PublishForm(v.r.Context(), v.who, v.field("form"), v.field("version"), state); err != nil {
		return err
	}
	return v.back(formVersionAt(v.field("form"), v.field("version")), "form_"+state)
}

// formVersionAt is the address of a version.
func formVersionAt(form, version string) string {
	return formsAt + "/version?" + url.Values{"form": {form}, "version": {version}}.Encode()
}

// sheetAt is where a sheet is sent.
func (sheet *FormSheet) at() string {
	if sheet.Link != "" {
		return linkAt + "/" + sheet.Link
	}
	return answersAt + "/" + sheet.ID
}

// gapWords are what is missing or wrong beside a question.
func (v *visit) gapWords(n FormNode, check bool) (all []string) {
	if n.refused != "" {
		all = append(all, n.refused)
	}
	for _, g := range n.Gaps {
		if g.Rule == "missing" && !check {
			continue
		}
		if g.Rule == "constraint" && g.Want != "" {
			all = append(all, g.Want)
			continue
		}
		all = append(all, v.p.T("form.gap_"+g.Rule, lang.Args{"want": g.Want}))
	}
	return all
}

// nodeID makes an id of a path.
func nodeID(path string) string {
	return "q-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, path) + "-" + answerDigest([]string{path})
}

// inputType is the type of the input element of a question.
func inputType(of string) string {
	switch of {
	case "date":
		return "date"
	case "time":
		return "time"
	case "url":
		return "url"
	}
	return "text"
}

// lines are the fields of a question that takes several answers: those it has, and one more.
func (n *FormNode) lines() []string {
	if len(n.Texts) == 0 {
		return []string{""}
	}
	if n.Repeats {
		return append(slices.Clone(n.Texts), "")
	}
	return n.Texts[:1]
}

// own is what was answered in a person's own words.
func (n *FormNode) own() string {
	for _, t := range n.Texts {
		if own, ok := strings.CutPrefix(t, "="); ok {
			return own
		}
	}
	return ""
}

// unitOf splits a quantity.
func unitOf(text string) (number, unit string) {
	number, unit, _ = strings.Cut(text, " ")
	return number, unit
}

// versionChoices are versions to compare with.
func versionChoices(versions []string) (all []face.Choice) {
	for _, x := range versions {
		all = append(all, face.Choice{Code: x, Label: x})
	}
	return all
}

// formAnswersTable lists what was answered.
func (v *visit) formAnswersTable(pg FormsPage) face.Table {
	p := v.p
	t := face.Table{
		ID: "answers", Caption: p.T("form.answers"), Empty: face.Nothing(p.T("form.no_answers"), p.T("form.no_answers_text")),
		Columns: []face.Column{
			{Label: p.T("form.title"), Phone: face.Name},
			{Label: p.T("form.progress_short"), Numeric: true, Phone: face.Beside},
			{Label: p.T("form.state"), Phone: face.Drawn},
			{Label: p.T("form.opened_by")},
			{Label: p.T("form.saved_at")},
		},
	}
	for _, r := range pg.Responses {
		t.Rows = append(t.Rows, face.Row{ID: "answers-" + r.ID, Href: answersAt + "/" + r.ID, Cells: []templ.Component{
			face.Words(r.Title, p.T("form.version", lang.Args{"version": r.Version})), face.Words(p.Count(int64(r.Answered))+" / "+p.Count(int64(r.Asked)), ""),
			face.Words(p.T("form.state_"+r.State), ""), face.Words(r.By, ""), face.Words(p.DateTime(v.local(r.SavedAt)), ""),
		}})
	}
	return t
}
