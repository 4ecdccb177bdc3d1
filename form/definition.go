// Package form asks structured questions and keeps the answers.
//
// A question is an item of a FHIR Questionnaire (R4) with the extensions of Structured
// Data Capture (SDC 3.0) that Definition names; answers are a QuestionnaireResponse.
// Parse makes a Questionnaire ready to be asked and says what is wrong with it, each
// problem with the link id of its item. Session holds answers while they are given:
// which questions are enabled, what is calculated, what is still missing.
package form

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
)

// How large a form may be.
const (
	MaxItems   = 5_000
	MaxDepth   = 12
	MaxOptions = 1_000
	maxText    = 20_000 // bytes of a text
)

// A Type is that of an item, as in Questionnaire.item.type.
type Type string

// The types.
const (
	Group      Type = "group"
	Display    Type = "display"
	Boolean    Type = "boolean"
	Decimal    Type = "decimal"
	Integer    Type = "integer"
	Date       Type = "date"
	DateTime   Type = "dateTime"
	Time       Type = "time"
	String     Type = "string"
	Text       Type = "text"
	URL        Type = "url"
	Choice     Type = "choice"
	OpenChoice Type = "open-choice"
	Attachment Type = "attachment"
	Ref        Type = "reference"
	Quantity   Type = "quantity"
)

// valueNames are what answers of a type are called in JSON; the first is what is written.
var valueNames = map[Type][]string{
	Boolean: {"valueBoolean"}, Decimal: {"valueDecimal"}, Integer: {"valueInteger"}, Date: {"valueDate"}, DateTime: {"valueDateTime"},
	Time: {"valueTime"}, String: {"valueString"}, Text: {"valueString"}, URL: {"valueUri"}, Attachment: {"valueAttachment"},
	Ref: {"valueReference"}, Quantity: {"valueQuantity"},
	Choice:     {"valueCoding", "valueString", "valueInteger", "valueDate", "valueTime", "valueReference"},
	OpenChoice: {"valueCoding", "valueString", "valueInteger", "valueDate", "valueTime", "valueReference"},
}

// The extensions that are understood.
const (
	core = "http://hl7.org/fhir/StructureDefinition/"
	sdc  = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"

	extControl       = core + "questionnaire-itemControl"
	extHidden        = core + "questionnaire-hidden"
	extMinOccurs     = core + "questionnaire-minOccurs"
	extMaxOccurs     = core + "questionnaire-maxOccurs"
	extMinValue      = core + "minValue"
	extMaxValue      = core + "maxValue"
	extMinLength     = core + "minLength"
	extRegex         = core + "regex"
	extPlaces        = core + "maxDecimalPlaces"
	extMimeType      = core + "mimeType"
	extMaxSize       = core + "maxSize"
	extUnit          = core + "questionnaire-unit"
	extUnitOption    = core + "questionnaire-unitOption"
	extExclusive     = core + "questionnaire-optionExclusive"
	extOrdinal       = core + "ordinalValue"
	extWeight        = core + "itemWeight"
	extVariable      = core + "variable"
	extConstraint    = core + "questionnaire-constraint"
	extTranslation   = core + "translation"
	extCalculated    = sdc + "calculatedExpression"
	extInitial       = sdc + "initialExpression"
	extEnable        = sdc + "enableWhenExpression"
	extAnswers       = sdc + "answerExpression"
	extLaunchContext = sdc + "launchContext"

	// ExtFact names the fact of the evidence catalogue that answers an item by itself: a
	// valueCode.
	ExtFact = "https://radagora.org/fhir/StructureDefinition/evidence-fact"
)

// A Problem is something wrong with a Questionnaire.
type Problem struct {
	LinkID string // of the item, "" of the form as a whole
	Rule   string // a stable code; see the Rule constants
	Detail string // the offending name or expression; never an answer
	Minor  bool   // the form can be asked all the same
}

func (p Problem) String() string {
	where := p.LinkID
	if where == "" {
		where = "the form"
	}
	return fmt.Sprintf("%s: %s %s", where, p.Rule, p.Detail)
}

// The rules a form may break.
const (
	RuleNotForm     = "not_questionnaire" // another resource
	RuleTooMany     = "too_many"          // items, levels or options
	RuleLinkID      = "link_id"           // missing, or twice
	RuleType        = "type"              // none of R4
	RuleText        = "text"              // none, or too long
	RuleNested      = "nested"            // items below a display
	RuleUnknownLink = "unknown_link"      // enableWhen or an expression names an item that is not there
	RuleOperator    = "operator"          // of enableWhen, or an answer that does not fit it
	RuleExpression  = "expression"        // cannot be compiled, or is in another language than FHIRPath
	RuleCycle       = "cycle"             // what an item depends on depends on it
	RuleOptions     = "options"           // of another type, twice, or none where one has to be chosen
	RuleInitial     = "initial"           // of another type, or in a group
	RuleBounds      = "bounds"            // the least is more than the most
	RuleRegex       = "regex"
	RuleLanguage    = "language" // an item lacks a text in a language of the form
)

// A Definition is a Questionnaire made ready to be asked. It is never changed, and many
// may ask it at once.
type Definition struct {
	Resource             fhir.Resource
	URL, Version, Status string
	Language             string
	Languages            []string // in which every text is, its own first
	Begun                []string // in which some texts are, and others are not
	Items                []*Item
	Variables            []Variable
	Context              []string // names that expressions may use of whoever asks, such as patient

	byLink map[string]*Item
	order  []*Item // as they are to be evaluated, so that what an item depends on comes first
}

// A Variable is a named expression.
type Variable struct {
	Name string
	*fhirpath.Expression
}

// An Item is a question, a group of questions, or something to read.
type Item struct {
	LinkID, Prefix   string
	Type             Type
	Required         bool
	Repeats          bool
	ReadOnly, Hidden bool
	Control          string // how it is to be shown: radio-button, drop-down, slider, help, …
	MaxLength        int    // characters, 0 for no bound
	MinLength        int
	Places           int // of decimals at most, -1 for no bound
	MinOccurs        int
	MaxOccurs        int // 0 for no bound
	Min, Max         fhir.Value
	Pattern          *regexp.Regexp
	MimeTypes        []string
	MaxSize          int64        // bytes of an attachment
	Units            []fhir.Value // codings to choose from
	Options          []*Option    // to choose from
	ValueSet         string       // or to be looked up
	AnswersFrom      *fhirpath.Expression
	Conditions       []Condition
	All              bool // of the conditions all have to hold
	Enable           *fhirpath.Expression
	Initial          []fhir.Value
	InitialFrom      *fhirpath.Expression
	Calculated       *fhirpath.Expression
	Constraints      []Constraint
	Variables        []Variable
	Fact             string // of the evidence catalogue; see ExtFact
	Items            []*Item
	Parent           *Item

	texts   map[string]string // by language
	place   int               // in the form, from 0
	end     int               // behind its last descendant
	reaches []*Item           // that it depends on
}

// Text returns the text of the item in a language, or else in that of the form.
func (it *Item) Text(language string) string {
	if t, ok := it.texts[language]; ok {
		return t
	}
	return it.texts[""]
}

// Within reports whether the item stands below another.
func (it *Item) Within(other *Item) bool { return it.place > other.place && it.place < other.end }

// An Option can be chosen.
type Option struct {
	Value     fhir.Value
	Name      string // valueCoding, …
	Selected  bool
	Exclusive bool   // nothing else can be chosen beside it
	Score     string // exact decimal, "" for none
	texts     map[string]string
}

// Text returns what an option says in a language.
func (o *Option) Text(language string) string {
	if t, ok := o.texts[language]; ok {
		return t
	}
	return o.texts[""]
}

// A Condition is one of an item that is asked only when it holds.
type Condition struct {
	Question *Item
	Operator string // exists, =, !=, >, <, >=, <=
	Name     string // answerCoding, …
	Answer   fhir.Value
}

// A Constraint is a rule that answers must follow.
type Constraint struct {
	Key, Human string
	Error      bool // and not a warning
	*fhirpath.Expression
}

// Parse makes a Questionnaire ready to be asked. Where a problem is not minor there is
// no Definition.
func Parse(r fhir.Resource) (*Definition, []Problem) {
	p := parser{d: &Definition{
		Resource: r, URL: r.Get("url").Text(), Version: r.Get("version").Text(), Status: r.Get("status").Text(),
		Language: r.Get("language").Text(), byLink: map[string]*Item{},
	}}
	if r.Type() != "Questionnaire" {
		p.found("", RuleNotForm, r.Type())
		return nil, p.problems
	}
	for c := range r.Each("extension") {
		if c.Get("url").Text() == extLaunchContext {
			for part := range c.Each("extension") {
				if part.Get("url").Text() == "name" {
					if name := part.Get("value[x].code").Text(); name != "" {
						p.d.Context = append(p.d.Context, name)
					}
				}
			}
		}
	}
	p.d.Variables = p.variables(r.Value(), "")
	p.d.Items = p.items(r.Value(), nil, 1)
	p.link()
	p.languages()
	if slices.ContainsFunc(p.problems, func(x Problem) bool { return !x.Minor }) {
		return nil, p.problems
	}
	return p.d, p.problems
}

// Open is Parse for who needs no list: Invalid names the first problem.
func Open(r fhir.Resource) (*Definition, error) {
	d, problems := Parse(r)
	if d == nil {
		i := slices.IndexFunc(problems, func(x Problem) bool { return !x.Minor })
		return nil, fault.Errorf(fault.Invalid, "the form cannot be asked: %v (%d problems)", problems[i], len(problems))
	}
	return d, nil
}

// Item returns the item of a link id, nil if there is none.
func (d *Definition) Item(linkID string) *Item { return d.byLink[linkID] }

// All returns all items in the order in which they stand.
func (d *Definition) All() []*Item {
	all := make([]*Item, len(d.byLink))
	for _, it := range d.byLink {
		all[it.place] = it
	}
	return all
}

// A parser reads a Questionnaire.
type parser struct {
	d        *Definition
	problems []Problem
	count    int
	waiting  []waiting // conditions whose questions are to be found
	langs    map[string]int
	texts    int
	full     bool
}

type waiting struct {
	of       *Item
	question string
	c        Condition
}

// maxProblems is how many are told.
const maxProblems = 100

func (p *parser) found(link, rule, detail string) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{LinkID: cut(link), Rule: rule, Detail: cut(detail)})
	}
}

func (p *parser) noted(link, rule, detail string) {
	if len(p.problems) < maxProblems {
		p.problems = append(p.problems, Problem{LinkID: cut(link), Rule: rule, Detail: cut(detail), Minor: true})
	}
}

// cut shortens what is told of a form.
func cut(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// items reads the items below v.
func (p *parser) items(v fhir.Value, parent *Item, depth int) []*Item {
	var all []*Item
	for raw := range v.Each("item") {
		if p.count >= MaxItems || depth > MaxDepth {
			if !p.full { // said once
				p.full = true
				p.found(raw.Get("linkId").Text(), RuleTooMany, fmt.Sprintf("more than %d items or %d levels", MaxItems, MaxDepth))
			}
			return all
		}
		it := p.item(raw, parent)
		it.place = p.count
		p.count++
		if it.LinkID == "" {
			p.found("", RuleLinkID, "missing at item "+fmt.Sprint(p.count))
			it.LinkID = fmt.Sprintf("\x00%d", p.count) // so that it hides no other problem
		}
		if p.d.byLink[it.LinkID] != nil {
			p.found(it.LinkID, RuleLinkID, "twice")
			it.LinkID = fmt.Sprintf("\x00%d", p.count)
		}
		p.d.byLink[it.LinkID] = it
		it.Items = p.items(raw, it, depth+1)
		it.end = p.count
		if it.Type == Display && len(it.Items) > 0 {
			p.found(it.LinkID, RuleNested, "items below something to read")
		}
		all = append(all, it)
	}
	return all
}

// item reads one item without what is below it.
func (p *parser) item(v fhir.Value, parent *Item) *Item {
	it := &Item{
		LinkID: v.Get("linkId").Text(), Prefix: v.Get("prefix").Text(), Type: Type(v.Get("type").Text()), Parent: parent, Places: -1,
		ValueSet: v.Get("answerValueSet").Text(), Fact: v.Extension(ExtFact).Get("value[x]").Text(),
		Control: v.Extension(extControl).Get("value[x].coding.code").Text(),
	}
	it.Required, _ = v.Get("required").Bool()
	it.Repeats, _ = v.Get("repeats").Bool()
	it.ReadOnly, _ = v.Get("readOnly").Bool()
	it.Hidden, _ = v.Extension(extHidden).Get("value[x]").Bool()
	it.texts = p.translated(it.LinkID, v.Get("text"))
	if valueNames[it.Type] == nil && it.Type != Group && it.Type != Display {
		p.found(it.LinkID, RuleType, string(it.Type))
	}
	number := func(x fhir.Value) int {
		n, ok := x.Int()
		if !ok || n < 0 {
			return 0
		}
		return int(min(n, 1<<30))
	}
	it.MaxLength, it.MinLength = number(v.Get("maxLength")), number(v.Extension(extMinLength).Get("value[x]"))
	it.MinOccurs, it.MaxOccurs = number(v.Extension(extMinOccurs).Get("value[x]")), number(v.Extension(extMaxOccurs).Get("value[x]"))
	if x := v.Extension(extPlaces); x.Exists() {
		it.Places = number(x.Get("value[x]"))
	}
	it.Min, it.Max = v.Extension(extMinValue).Get("value[x]"), v.Extension(extMaxValue).Get("value[x]")
	if it.MaxOccurs > 0 && it.MinOccurs > it.MaxOccurs || it.MaxLength > 0 && it.MinLength > it.MaxLength || less(it.Max, it.Min) {
		p.found(it.LinkID, RuleBounds, "the least is more than the most")
	}
	if x := v.Extension(extMaxSize).Get("value[x]"); x.Exists() {
		if n, ok := x.Decimal(); ok {
			it.MaxSize = int64(n.Float())
		}
	}
	for x := range v.Each("extension") {
		switch value := x.Get("value[x]"); x.Get("url").Text() {
		case extMimeType:
			it.MimeTypes = append(it.MimeTypes, value.Text())
		case extUnit, extUnitOption:
			it.Units = append(it.Units, value)
		case extRegex:
			pattern, err := regexp.Compile(`\A(?:` + value.Text() + `)\z`)
			if err != nil || len(value.Text()) > 1000 {
				p.found(it.LinkID, RuleRegex, value.Text())
				continue
			}
			it.Pattern = pattern
		case extConstraint:
			p.constraint(it, x)
		}
	}
	it.Variables = p.variables(v, it.LinkID)
	it.Calculated = p.expression(it.LinkID, v.Extension(extCalculated))
	it.InitialFrom = p.expression(it.LinkID, v.Extension(extInitial))
	it.Enable = p.expression(it.LinkID, v.Extension(extEnable))
	it.AnswersFrom = p.expression(it.LinkID, v.Extension(extAnswers))
	p.options(it, v)
	p.initial(it, v)
	p.conditions(it, v)
	return it
}

// translated reads a text in all languages it is told in.
func (p *parser) translated(link string, v fhir.Value) map[string]string {
	texts := map[string]string{}
	if t := v.Text(); t != "" {
		texts[""] = t
		p.texts++
		if len(t) > maxText {
			p.found(link, RuleText, fmt.Sprintf("%d bytes", len(t)))
		}
	}
	if p.langs == nil {
		p.langs = map[string]int{}
	}
	for x := range v.Each("extension") {
		if x.Get("url").Text() != extTranslation {
			continue
		}
		language, text := translationOf(x)
		if language != "" && text != "" && len(text) <= maxText && texts[language] == "" {
			texts[language] = text
			p.langs[language]++
		}
	}
	return texts
}

// languages says in which languages the form can be asked: those that every text is in.
func (p *parser) languages() {
	p.d.Languages = []string{p.d.Language}
	var all []string
	for l, n := range p.langs {
		if l == p.d.Language {
			continue
		}
		if n == p.texts {
			all = append(all, l)
			continue
		}
		p.d.Begun = append(p.d.Begun, l)
		for _, it := range p.d.All() {
			lacks := func(o *Option) bool { return o.texts[""] != "" && o.texts[l] == "" }
			if it.texts[""] != "" && it.texts[l] == "" || slices.ContainsFunc(it.Options, lacks) {
				p.noted(it.LinkID, RuleLanguage, l)
				break
			}
		}
	}
	slices.Sort(all)
	slices.Sort(p.d.Begun)
	p.d.Languages = append(p.d.Languages, all...)
}

// expression compiles an expression of an extension, nil if there is none.
func (p *parser) expression(link string, x fhir.Value) *fhirpath.Expression {
	if !x.Exists() {
		return nil
	}
	source, language := x.Get("value[x].expression").Text(), x.Get("value[x].language").Text()
	if language != "text/fhirpath" {
		p.found(link, RuleExpression, "in "+language+"; what is understood is text/fhirpath")
		return nil
	}
	compiled, err := fhirpath.Compile(source)
	if err != nil {
		p.found(link, RuleExpression, source+": "+err.Error())
		return nil
	}
	return compiled
}

// variables reads the named expressions of an item or of the form.
func (p *parser) variables(v fhir.Value, link string) []Variable {
	var all []Variable
	for x := range v.Each("extension") {
		if x.Get("url").Text() != extVariable {
			continue
		}
		name := x.Get("value[x].name").Text()
		if compiled := p.expression(link, x); compiled != nil && name != "" {
			all = append(all, Variable{name, compiled})
		}
	}
	return all
}

// constraint reads a rule that answers must follow.
func (p *parser) constraint(it *Item, x fhir.Value) {
	var c Constraint
	var source string
	for part := range x.Each("extension") {
		switch value := part.Get("value[x]"); part.Get("url").Text() {
		case "key":
			c.Key = value.Text()
		case "severity":
			c.Error = value.Text() == "error"
		case "human":
			c.Human = value.Text()
		case "expression":
			source = value.Text()
		}
	}
	compiled, err := fhirpath.Compile(source)
	if err != nil {
		p.found(it.LinkID, RuleExpression, source+": "+err.Error())
		return
	}
	c.Expression = compiled
	it.Constraints = append(it.Constraints, c)
}

// options reads what can be chosen.
func (p *parser) options(it *Item, v fhir.Value) {
	for x := range v.Each("answerOption") {
		if len(it.Options) >= MaxOptions {
			p.found(it.LinkID, RuleTooMany, fmt.Sprintf("more than %d options", MaxOptions))
			return
		}
		value := x.Get("value[x]")
		o := &Option{Value: value, Name: value.Name()}
		o.Selected, _ = x.Get("initialSelected").Bool()
		o.Exclusive, _ = x.Extension(extExclusive).Get("value[x]").Bool()
		o.Score = scoreOf(x)
		if value.IsObject() {
			shown := value.Get("display")
			o.texts = p.translated(it.LinkID, shown)
			if o.texts[""] == "" {
				o.texts[""] = value.Get("code").Text()
			}
		} else {
			o.texts = p.translated(it.LinkID, value)
		}
		if !slices.Contains(valueNames[Choice], o.Name) || it.Type != Choice && it.Type != OpenChoice && !slices.Contains(valueNames[it.Type], o.Name) {
			p.found(it.LinkID, RuleOptions, "an option "+o.Name+" of a "+string(it.Type))
			continue
		}
		for _, other := range it.Options {
			if same(other.Value, o.Value) {
				p.found(it.LinkID, RuleOptions, "twice: "+o.texts[""])
			}
		}
		it.Options = append(it.Options, o)
	}
	if it.ValueSet != "" && (it.Type == Choice || it.Type == OpenChoice) {
		p.valueSet(it)
	}
	if it.Type == Choice && len(it.Options) == 0 && it.ValueSet == "" && it.AnswersFrom == nil {
		p.noted(it.LinkID, RuleOptions, "nothing to choose from")
	}
}

// valueSet makes options of the codes of a value set that the form contains: of its
// expansion, or else of the concepts that it lists. Codes of another one are not known
// here; whoever makes the form is told, and an answer has to come with its code.
func (p *parser) valueSet(it *Item) {
	id, contained := strings.CutPrefix(it.ValueSet, "#")
	var set fhir.Value
	for c := range p.d.Resource.Each("contained") {
		if contained && c.Get("id").Text() == id && c.Get("resourceType").Text() == "ValueSet" {
			set = c
		}
	}
	if !set.Exists() {
		p.noted(it.LinkID, RuleOptions, "value set "+cut(it.ValueSet)+" is not contained in the form: its codes cannot be offered")
		return
	}
	offer := func(system string, c fhir.Value) {
		code, display := c.Get("code").Text(), c.Get("display").Text()
		if code == "" || len(it.Options) > MaxOptions {
			return
		}
		o := &Option{Name: "valueCoding", Value: fhir.Object(fhir.F("system", system), fhir.F("code", code), fhir.F("display", display))}
		o.texts = p.translated(it.LinkID, c.Get("display"))
		if o.texts[""] == "" {
			o.texts[""] = code
			p.texts++
		}
		for d := range c.Each("designation") {
			if l, text := d.Get("language").Text(), d.Get("value").Text(); l != "" && text != "" && len(text) <= maxText && o.texts[l] == "" {
				o.texts[l] = text
				p.langs[l]++
			}
		}
		it.Options = append(it.Options, o)
	}
	var expanded func(fhir.Value, string, int)
	expanded = func(v fhir.Value, path string, depth int) {
		for c := range v.Each(path) {
			if abstract, _ := c.Get("abstract").Bool(); !abstract {
				offer(c.Get("system").Text(), c)
			}
			if depth < MaxDepth {
				expanded(c, "contains", depth+1)
			}
		}
	}
	if expanded(set, "expansion.contains", 1); len(it.Options) == 0 {
		for in := range set.Each("compose.include") {
			for c := range in.Each("concept") {
				offer(in.Get("system").Text(), c)
			}
		}
	}
	switch {
	case len(it.Options) > MaxOptions:
		p.found(it.LinkID, RuleTooMany, fmt.Sprintf("more than %d options", MaxOptions))
	case len(it.Options) == 0:
		p.noted(it.LinkID, RuleOptions, "value set "+cut(it.ValueSet)+" lists no codes: nothing to choose from")
	}
}

// initial reads what an item begins with.
func (p *parser) initial(it *Item, v fhir.Value) {
	for x := range v.Each("initial") {
		value := x.Get("value[x]")
		if !slices.Contains(valueNames[it.Type], value.Name()) {
			p.found(it.LinkID, RuleInitial, value.Name()+" of a "+string(it.Type))
			continue
		}
		it.Initial = append(it.Initial, value)
	}
	for _, o := range it.Options {
		if o.Selected && len(it.Initial) == 0 {
			it.Initial = append(it.Initial, o.Value)
		}
	}
	if len(it.Initial) > 1 && !it.Repeats {
		p.found(it.LinkID, RuleInitial, "several, and one answer")
	}
}

var operators = []string{"exists", "=", "!=", ">", "<", ">=", "<="}

// conditions reads when an item is asked.
func (p *parser) conditions(it *Item, v fhir.Value) {
	it.All = v.Get("enableBehavior").Text() == "all"
	for x := range v.Each("enableWhen") {
		c := Condition{Operator: x.Get("operator").Text(), Answer: x.Get("answer[x]")}
		c.Name = c.Answer.Name()
		_, isBool := c.Answer.Bool()
		if !slices.Contains(operators, c.Operator) || c.Operator == "exists" && !isBool || !c.Answer.Exists() {
			p.found(it.LinkID, RuleOperator, c.Operator+" "+c.Name)
			continue
		}
		p.waiting = append(p.waiting, waiting{it, x.Get("question").Text(), c})
	}
}

// link finds the questions of conditions and the order of evaluation.
func (p *parser) link() {
	for _, w := range p.waiting {
		c := w.c
		if c.Question = p.d.byLink[w.question]; c.Question == nil {
			p.found(w.of.LinkID, RuleUnknownLink, w.question)
			continue
		}
		w.of.Conditions = append(w.of.Conditions, c)
		w.of.reaches = append(w.of.reaches, c.Question)
	}
	all := make([]*Item, 0, len(p.d.byLink))
	for _, it := range p.d.byLink {
		all = append(all, it)
	}
	slices.SortFunc(all, func(a, b *Item) int { return a.place - b.place })
	for _, v := range p.d.Variables {
		p.known("", linksIn(v.Expression))
	}
	for _, it := range all {
		for _, x := range it.told() {
			p.known(it.LinkID, linksIn(x))
		}
		for _, x := range []*fhirpath.Expression{it.Enable, it.Calculated} {
			p.reach(all, it, x)
		}
	}
	p.sort(all)
}

// told are the expressions of an item.
func (it *Item) told() []*fhirpath.Expression {
	all := []*fhirpath.Expression{it.Enable, it.Calculated, it.InitialFrom, it.AnswersFrom}
	for _, v := range it.Variables {
		all = append(all, v.Expression)
	}
	for _, c := range it.Constraints {
		all = append(all, c.Expression)
	}
	return all
}

// known notes the links that lead nowhere.
func (p *parser) known(of string, links []string) {
	for _, link := range links {
		if p.d.byLink[link] == nil {
			p.found(of, RuleUnknownLink, link)
		}
	}
}

// reach notes what an expression of an item depends on: the items it names, and those
// that the variables it uses name.
func (p *parser) reach(all []*Item, it *Item, x *fhirpath.Expression) {
	var named []*Item
	for _, link := range p.linksOf(it, x) {
		if other := p.d.byLink[link]; other != nil {
			named = append(named, other)
		}
	}
	for _, other := range named {
		if other != it || x == it.Enable {
			it.reaches = append(it.reaches, other)
		}
		// Who names a group and nothing in it means all that is in it.
		if !slices.ContainsFunc(named, func(n *Item) bool { return n.Within(other) }) {
			for _, below := range all[other.place+1 : other.end] {
				if below != it {
					it.reaches = append(it.reaches, below)
				}
			}
		}
	}
}

// usedVariable finds how expressions use variables: %total or %`total`.
var usedVariable = regexp.MustCompile("%(?:([A-Za-z_][A-Za-z0-9_]*)|`([^`]+)`)")

// linksOf returns the link ids that an expression of an item names, and those that the
// variables name which it uses: of the item, of the groups it stands in, of the form.
// Of two with one name the nearer one counts.
func (p *parser) linksOf(it *Item, x *fhirpath.Expression) []string {
	if x == nil {
		return nil
	}
	scope := map[string]*fhirpath.Expression{}
	for up := it; up != nil; up = up.Parent {
		for _, v := range slices.Backward(up.Variables) {
			if scope[v.Name] == nil {
				scope[v.Name] = v.Expression
			}
		}
	}
	for _, v := range slices.Backward(p.d.Variables) {
		if scope[v.Name] == nil {
			scope[v.Name] = v.Expression
		}
	}
	var links []string
	seen := map[string]bool{}
	for open := []*fhirpath.Expression{x}; len(open) > 0; {
		now := open[0]
		open = open[1:]
		links = append(links, linksIn(now)...)
		for _, m := range usedVariable.FindAllStringSubmatch(now.String(), -1) {
			if name := m[1] + m[2]; !seen[name] && scope[name] != nil {
				seen[name] = true
				open = append(open, scope[name])
			}
		}
	}
	return links
}

// quoted finds how expressions name items: linkId = 'x'.
var quoted = regexp.MustCompile(`linkId\s*(?:=|~|in)\s*\(?\s*((?:'(?:[^'\\]|\\.)*'\s*\|?\s*)+)`)

var literal = regexp.MustCompile(`'((?:[^'\\]|\\.)*)'`)

// linksIn returns the link ids that an expression names.
func linksIn(x *fhirpath.Expression) (all []string) {
	if x == nil {
		return nil
	}
	for _, m := range quoted.FindAllStringSubmatch(x.String(), -1) {
		for _, l := range literal.FindAllStringSubmatch(m[1], -1) {
			all = append(all, strings.NewReplacer(`\'`, `'`, `\\`, `\`).Replace(l[1]))
		}
	}
	return all
}

// sort puts items into the order in which they are evaluated: parents and what an item
// depends on first.
func (p *parser) sort(all []*Item) {
	const open, done = 1, 2
	state := make(map[*Item]int, len(all))
	type visit struct {
		it   *Item
		next int
	}
	needs := func(it *Item, n int) (*Item, bool) {
		if it.Parent != nil {
			if n == 0 {
				return it.Parent, true
			}
			n--
		}
		if n < len(it.reaches) {
			return it.reaches[n], true
		}
		return nil, false
	}
	for _, first := range all {
		if state[first] == done {
			continue
		}
		stack := []visit{{it: first}} // no recursion: chains may be as long as forms
		state[first] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			other, more := needs(top.it, top.next)
			top.next++
			switch {
			case !more:
				state[top.it] = done
				p.d.order = append(p.d.order, top.it)
				stack = stack[:len(stack)-1]
			case state[other] == open:
				p.found(top.it.LinkID, RuleCycle, "by "+other.LinkID)
			case state[other] == 0:
				state[other] = open
				stack = append(stack, visit{it: other})
			}
		}
	}
}
