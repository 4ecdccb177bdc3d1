package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"

	"radagora/lang"
	"radagora/web/face"
)

// A FormDesign is a draft of a form while it is made.
type FormDesign struct {
	FormHead
	Seen      string     // digest of what is shown
	Language  string     // its own
	Languages []string   // in which something is said, its own first
	Titles    []FormText // by language
	Rows      []FormRow
	Problems  []FormProblem
	Count     int           // of questions
	Question  *FormQuestion // the one that is open
	Questions []FormChoice  // that conditions and sums may name
	Facts     []face.Choice // that the evidence knows
}

// A FormText is a text in a language.
type FormText struct{ Language, Text string }

// A FormRow is an item in the outline.
type FormRow struct {
	LinkID, Prefix, Text, Type          string
	Required, Repeats, Hidden, Computed bool
	Asked                               []string // conditions, in words of the form
	Fact                                string
	Ways                                []string // up, down, in, out
	Rows                                []FormRow
}

// A FormChoice is a question that another may name.
type FormChoice struct {
	LinkID, Text    string
	Number, Weighed bool     // its answers are numbers; its options weigh something
	Options         []string // what its options say
}

// A FormQuestion is an item while it is changed.
type FormQuestion struct {
	LinkID, Type, Prefix                                 string
	Texts                                                []FormText
	Required, Repeats, ReadOnly, Hidden                  bool
	Fewest, Many, Least, Most, Shortest, Longest, Places string
	Units, Fact                                          string
	Offers                                               []FormOffer
	AllOf                                                bool
	When                                                 []FormWhen
	SumOf                                                []string
	SumScores                                            bool
	Calculated, Initial, Enable                          string
}

// A FormOffer is an option while it is changed.
type FormOffer struct {
	Was       int // place of the option that it was, from 1; 0 of a new one
	Code      string
	Texts     []FormText
	Score     string
	Exclusive bool
}

// A FormWhen is a condition while it is changed.
type FormWhen struct{ Question, Operator, Answer string }

// A FormStep is one change of a draft.
type FormStep struct {
	Form, Version, Seen string
	Do                  string // title, add, put, copy, remove, up, down, in, out
	Item                string // that is changed, or behind which something is added
	Within              bool   // the item is a group, and what is added stands in it
	Titles              []FormText
	Question            FormQuestion
	Yes, No             string // how the reader says so in a condition
}

// A FormStepped is what became of a change.
type FormStepped struct {
	Item    string       // that is open now
	Problem *FormProblem // why it was refused, where the form as a whole says so
}

// A FormTrial is a form that is tried.
type FormTrial struct {
	FormSheet
	Kept    string            // what has to come back
	Refused map[string]string // by path, why
}

const formMakeAt = formsAt + "/edit"

// formEditAt is the address where a draft is changed.
func formEditAt(form, version, item, with string) string {
	q := url.Values{"form": {form}, "version": {version}}
	if item != "" {
		q.Set("item", item)
	}
	if with != "" {
		q.Set("with", with)
	}
	return formMakeAt + "?" + q.Encode()
}

// formTryAt is the address where a form is tried.
func formTryAt(form, version string) string {
	return formsAt + "/try?" + url.Values{"form": {form}, "version": {version}}.Encode()
}

// formNew asks how a form begins.
func (s *server) formNew(v *visit) error { return v.showNew("", "") }

func (v *visit) showNew(title, refused string) error {
	head := page{
		title: v.p.T("form.new"), lead: v.p.T("form.new_lead"), section: formsAt,
		crumbs: []crumb{{v.p.T("nav.quality"), "/quality"}, {v.p.T("nav.forms"), formsAt}},
	}
	if refused != "" {
		head.status = http.StatusBadRequest
	}
	return v.show(head, formNewBody(v, title, refused))
}

// formMake begins a form.
func (s *server) formMake(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	f, err := s.Forms.MakeForm(v.r.Context(), v.who, v.field("title"), v.field("language"))
	if why := said(err); why != "" {
		return v.showNew(v.field("title"), why)
	}
	if err != nil {
		return err
	}
	return v.back(formEditAt(f.URL, f.Version, "", ""), "")
}

// formNext copies a version into the next one.
func (s *server) formNext(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	f, err := s.Forms.NextForm(v.r.Context(), v.who, v.field("form"), v.field("version"))
	if err != nil {
		return err
	}
	return v.back(formEditAt(f.URL, f.Version, "", ""), "")
}

// formDiscard throws a draft away.
func (s *server) formDiscard(v *visit) error {
	if err := v.fields(); err != nil {
		return err
	}
	if err := s.Forms.DiscardForm(v.r.Context(), v.who, v.field("form"), v.field("version")); err != nil {
		return err
	}
	return v.back(formsAt, "form_discarded")
}

// A designing is a page of a draft.
type designing struct {
	FormDesign
	with    string // a language that is being added
	refused string
	problem *FormProblem
	add     FormQuestion // that was refused
}

// formEdit shows a draft to change.
func (s *server) formEdit(v *visit) error {
	q := v.r.URL.Query()
	return v.showDesign(q.Get("form"), q.Get("version"), q.Get("item"), designing{with: spelled(q.Get("with"))})
}

// spelled is a language as it is written, "" for none.
func spelled(s string) string {
	tag, err := language.Parse(s)
	if err != nil || s == "" || len(s) > 20 {
		return ""
	}
	return tag.String()
}

// showDesign shows a draft; a question that was refused stands as it was typed.
func (v *visit) showDesign(form, version, item string, d designing) error {
	f, err := v.Forms.FormDesign(v.r.Context(), v.p.Tag(), form, version, item)
	if err != nil {
		return err
	}
	typed := d.Question
	d.FormDesign = f
	if typed != nil && f.Question != nil && f.Question.LinkID == typed.LinkID {
		d.Question = typed
	}
	if d.with != "" && !slices.Contains(d.Languages, d.with) {
		d.Languages = append(d.Languages, d.with)
	}
	head := page{
		title: d.Title, lead: v.p.T("form.design_lead", lang.Args{"version": d.Version}), section: formsAt,
		crumbs: []crumb{{v.p.T("nav.quality"), "/quality"}, {v.p.T("nav.forms"), formsAt}},
	}
	if d.refused != "" || d.problem != nil {
		head.status = http.StatusBadRequest
	}
	return v.show(head, formDesignBody(v, d))
}

// formStep does one change of a draft.
func (s *server) formStep(v *visit) error {
	if err := v.fields(); err != nil {
		return tooMuch(err)
	}
	step, with := v.formStepOf(), spelled(v.r.PostForm.Get("with"))
	done, err := s.Forms.ChangeForm(v.r.Context(), v.who, step)
	why := said(err)
	switch {
	case why != "":
		d := designing{with: with, refused: why, problem: done.Problem}
		switch step.Do {
		case "add":
			d.add = step.Question
		case "put":
			d.Question = &step.Question
		}
		return v.showDesign(step.Form, step.Version, step.Item, d)
	case err != nil:
		return err
	}
	to := formEditAt(step.Form, step.Version, done.Item, with)
	if done.Item != "" {
		to += "#open"
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

// formStepOf reads a change.
func (v *visit) formStepOf() FormStep {
	f := v.r.PostForm
	step := FormStep{
		Form: f.Get("form"), Version: f.Get("version"), Seen: f.Get("seen"), Do: f.Get("do"), Item: f.Get("item"), Within: f.Get("within") != "",
		Titles: textsOf(f, "title"), Yes: v.p.T("form.yes"), No: v.p.T("form.no"),
	}
	q := &step.Question
	*q = FormQuestion{
		LinkID: f.Get("item"), Type: f.Get("type"), Prefix: strings.TrimSpace(f.Get("prefix")), Texts: textsOf(f, "text"),
		Required: f.Get("required") != "", Repeats: f.Get("repeats") != "", ReadOnly: f.Get("readonly") != "", Hidden: f.Get("hidden") != "",
		Fewest: strings.TrimSpace(f.Get("fewest")), Many: strings.TrimSpace(f.Get("many")), Least: strings.TrimSpace(f.Get("least")), Most: strings.TrimSpace(f.Get("most")),
		Shortest: strings.TrimSpace(f.Get("shortest")), Longest: strings.TrimSpace(f.Get("longest")), Places: strings.TrimSpace(f.Get("places")),
		Units: f.Get("units"), Fact: f.Get("fact"), AllOf: f.Get("behaviour") == "all", SumOf: f["sum"], SumScores: f.Get("sumof") == "scores",
		Calculated: strings.TrimSpace(f.Get("calculated")), Initial: strings.TrimSpace(f.Get("initial")), Enable: strings.TrimSpace(f.Get("enable")),
	}
	for i := range countOf(f, "option-") {
		n := "option-" + strconv.Itoa(i)
		o := FormOffer{Code: strings.TrimSpace(f.Get(n + "-code")), Texts: textsOf(f, n), Score: strings.TrimSpace(f.Get(n + "-score")), Exclusive: f.Get(n+"-alone") != ""}
		o.Was, _ = strconv.Atoi(f.Get(n + "-was"))
		if slices.ContainsFunc(o.Texts, func(t FormText) bool { return t.Text != "" }) {
			q.Offers = append(q.Offers, o)
		}
	}
	for line := range strings.Lines(f.Get("lines")) {
		if line = strings.TrimSpace(line); line != "" {
			q.Offers = append(q.Offers, FormOffer{Texts: []FormText{{Language: f.Get("language"), Text: line}}})
		}
	}
	for i := range countOf(f, "when-") {
		n := "when-" + strconv.Itoa(i)
		if w := (FormWhen{Question: f.Get(n), Operator: f.Get(n + "-is"), Answer: strings.TrimSpace(f.Get(n + "-what"))}); w.Question != "" {
			q.When = append(q.When, w)
		}
	}
	return step
}

// countOf is how many rows of a kind a page sent.
func countOf(f url.Values, prefix string) int {
	const most = 1_100
	n, err := strconv.Atoi(f.Get(prefix + "n"))
	if err != nil {
		return 0
	}
	return min(max(n, 0), most)
}

// textsOf reads a text in the languages in which it was sent.
func textsOf(f url.Values, name string) (all []FormText) {
	for key := range f {
		if l, ok := strings.CutPrefix(key, name+":"); ok {
			all = append(all, FormText{Language: l, Text: strings.TrimSpace(strings.ReplaceAll(f.Get(key), "\r\n", "\n"))})
		}
	}
	slices.SortFunc(all, func(a, b FormText) int { return cmp.Compare(a.Language, b.Language) })
	return all
}

// textIn returns a text in a language.
func textIn(all []FormText, language string) string {
	for _, t := range all {
		if t.Language == language {
			return t.Text
		}
	}
	return ""
}

// formTry tries a form.
func (s *server) formTry(v *visit) error {
	q := v.r.URL.Query()
	t, err := s.Forms.TryForm(v.r.Context(), v.p.Tag(), q.Get("form"), q.Get("version"), "", nil)
	if err != nil {
		return err
	}
	return v.showTrial(&t, formOutcome{})
}

// formTried goes on trying.
func (s *server) formTried(v *visit) error {
	q := v.r.URL.Query()
	_, edits, err := v.formEdits()
	if err != nil {
		return err
	}
	t, err := s.Forms.TryForm(v.r.Context(), v.p.Tag(), q.Get("form"), q.Get("version"), v.r.PostForm.Get("kept"), edits)
	if err != nil {
		return err
	}
	saved := FormSaved{Sheet: t.FormSheet, Refused: t.Refused}
	o := v.outcome(&saved, edits)
	o.check = v.r.PostForm.Get("do") == "check"
	return v.showTrial(&t, o)
}

func (v *visit) showTrial(t *FormTrial, o formOutcome) error {
	settle(t.Nodes)
	head := page{
		title: v.p.T("form.try_title", lang.Args{"title": t.Title}), lead: v.p.T("form.try_lead"), section: formsAt,
		crumbs: []crumb{{v.p.T("nav.quality"), "/quality"}, {v.p.T("nav.forms"), formsAt}},
	}
	return v.show(head, formTryBody(v, t, o))
}

// formTypes are the types of items in the order in which they are offered.
var formTypes = []string{"choice", "boolean", "string", "text", "integer", "decimal", "quantity", "date", "time", "dateTime", "open-choice", "attachment", "url", "group", "display"}

func (v *visit) typeChoices() (all []face.Choice) {
	for _, t := range formTypes {
		all = append(all, face.Choice{Code: t, Label: v.p.T("form.type_" + t)})
	}
	return all
}

// operatorChoices are how a condition compares.
func (v *visit) operatorChoices() []face.Choice {
	return []face.Choice{
		{Code: "answered", Label: v.p.T("form.is_answered")},
		{Code: "unanswered", Label: v.p.T("form.is_unanswered")},
		{Code: "=", Label: v.p.T("form.is")},
		{Code: "!=", Label: v.p.T("form.is_not")},
		{Code: ">", Label: ">"},
		{Code: ">=", Label: "≥"},
		{Code: "<", Label: "<"},
		{Code: "<=", Label: "≤"},
	}
}

// speech are languages that a form may be asked in: those of the countries that use it most.
var speech = []string{
	"bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr", "hu", "is", "it", "lt", "lv", "mt", "nb", "nl", "pl", "pt", "ro", "sk", "sl", "sv", "tr", "uk",
}

// languageChoices names languages in themselves.
func languageChoices(except []string) (all []face.Choice) {
	for _, l := range speech {
		if !slices.Contains(except, l) {
			all = append(all, face.Choice{Code: l, Label: languageName(l)})
		}
	}
	return all
}

// languageName names a language in itself.
func languageName(tag string) string {
	t, err := language.Parse(tag)
	if err != nil {
		return tag
	}
	return cmp.Or(display.Self.Name(t), tag)
}

// questionChoices lists questions that a condition may name.
func questionChoices(all []FormChoice, except string) (out []face.Choice) {
	for _, q := range all {
		if q.LinkID != except {
			out = append(out, face.Choice{Code: q.LinkID, Label: q.LinkID + " " + cutText(q.Text, 60)})
		}
	}
	return out
}

// cutText shortens a text to so many characters.
func cutText(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most]) + "…"
}

// sumChoices lists questions that a sum may add up.
func sumChoices(all []FormChoice, of FormQuestion) (out []FormChoice) {
	const most = 300 // and those that it adds up now
	for _, q := range all {
		if q.LinkID != of.LinkID && (q.Number || q.Weighed) && (len(out) < most || slices.Contains(of.SumOf, q.LinkID)) {
			out = append(out, q)
		}
	}
	return out
}

// answerHints are what the answers of conditions can be, to choose from while typing.
func answerHints(all []FormChoice) (out []face.Choice) {
	const most = 500
	seen := map[string]bool{}
	for _, q := range all {
		for _, o := range q.Options {
			if !seen[o] && len(out) < most {
				seen[o] = true
				out = append(out, face.Choice{Code: o})
			}
		}
	}
	return out
}

// asks reports what can be said of a question of a type.
func (q FormQuestion) asks(what string) bool {
	switch what {
	case "text":
		return q.Type == "string" || q.Type == "text" || q.Type == "url" || q.Type == "open-choice"
	case "options":
		return q.Type == "choice" || q.Type == "open-choice"
	case "number":
		return q.Type == "integer" || q.Type == "decimal" || q.Type == "quantity"
	case "limits":
		return q.Type == "integer" || q.Type == "decimal" || q.Type == "date" || q.Type == "dateTime" || q.Type == "time"
	case "answer":
		return q.Type != "group" && q.Type != "display"
	}
	return false
}

// rows are the options to change, and some to fill.
func (q FormQuestion) rows() []FormOffer {
	return append(slices.Clone(q.Offers), make([]FormOffer, 3)...)
}

// conditions are those to change, and one to fill.
func (q FormQuestion) conditions() []FormWhen { return append(slices.Clone(q.When), FormWhen{}) }
