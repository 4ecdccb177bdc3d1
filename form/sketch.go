package form

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
	"radagora/ucum"
)

// A Question is an item as somebody sees it who makes a form: what can be said of it
// without writing FHIR. What else an item has stays as it is.
type Question struct {
	LinkID                              string
	Type                                Type
	Prefix                              string
	Texts                               map[string]string // by language
	Required, Repeats, ReadOnly, Hidden bool
	Fewest, Many                        int // answers, or times of a group; 0 for no bound
	Offers                              []Offer
	AllOf                               bool // of the conditions, and not one of them
	When                                []When
	Least, Most                         string // a number or a day
	Shortest, Longest                   int    // characters, 0 for no bound
	Places                              int    // of decimals, -1 for no bound
	Units                               []string
	Fact                                string // of the evidence catalogue
	Sum                                 *Sum   // what computes the answer; nil: a person gives it, or Calculated
	Calculated, Initial, Enable         string // FHIRPath
}

// An Offer is what can be chosen.
type Offer struct {
	Code      string // within the form; "" takes one from the text
	Texts     map[string]string
	Score     string // exact decimal
	Exclusive bool   // nothing else can be chosen beside it
	Was       int    // place of the option that it was, from 1; 0 of a new one
}

// A When is a condition under which a question is asked.
type When struct {
	Question string // link id
	Operator string // answered, unanswered, =, !=, >, <, >=, <=
	Answer   string // as it is typed; of a choice what the option says
}

// A Sum computes an answer of others.
type Sum struct {
	Of     []string // link ids
	Scores bool     // what the chosen options weigh, and not the numbers that were typed
}

// expression writes a sum as FHIRPath.
func (s Sum) expression() string {
	quote := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	var links []string
	for _, l := range s.Of {
		links = append(links, "'"+quote.Replace(l)+"'")
	}
	value := "value"
	if s.Scores {
		value = "value.extension.where(url = '" + extOrdinal + "').value"
	}
	return "%resource.descendants().where(linkId in (" + strings.Join(links, " | ") + ")).answer." + value + ".sum()"
}

// sumOf returns the sum that an expression is, nil if it was written by hand.
func sumOf(x *fhirpath.Expression) *Sum {
	if x == nil {
		return nil
	}
	s := Sum{Of: linksIn(x)}
	for _, s.Scores = range []bool{false, true} {
		if len(s.Of) > 0 && s.expression() == x.String() {
			return &s
		}
	}
	return nil
}

// adds reports whether an item is a number, and a sum of what can be added up.
func (d *Definition) adds(it *Item, s *Sum) bool {
	return s != nil && (it.Type == Integer || it.Type == Decimal || it.Type == Quantity) && !slices.ContainsFunc(s.Of, func(link string) bool {
		of := d.byLink[link]
		return of == nil || of.Type != Integer && of.Type != Decimal && !slices.ContainsFunc(of.Options, func(o *Option) bool { return o.Score != "" })
	})
}

// Question describes an item; NotFound: there is none.
func (d *Definition) Question(linkID string) (Question, error) {
	it := d.byLink[linkID]
	if it == nil {
		return Question{}, fault.Errorf(fault.NotFound, "the form has no question %s", cut(linkID))
	}
	raw := itemOf(d.Resource.Value(), linkID)
	q := Question{
		LinkID: it.LinkID, Type: it.Type, Prefix: it.Prefix, Texts: inLanguages(raw.Get("text"), d.Language), Required: it.Required, Repeats: it.Repeats,
		ReadOnly: it.ReadOnly, Hidden: it.Hidden, Fewest: it.MinOccurs, Many: it.MaxOccurs, AllOf: it.All, Least: it.Min.Text(), Most: it.Max.Text(),
		Shortest: it.MinLength, Longest: it.MaxLength, Places: it.Places, Fact: it.Fact, Sum: sumOf(it.Calculated), Initial: written(it.InitialFrom), Enable: written(it.Enable),
	}
	if !d.adds(it, q.Sum) {
		q.Sum, q.Calculated = nil, written(it.Calculated)
	}
	for x := range raw.Each("answerOption") {
		o := Offer{Was: len(q.Offers) + 1}
		value := x.Get("value[x]")
		shown := value
		if value.IsObject() {
			shown, o.Code = value.Get("display"), value.Get("code").Text()
		}
		o.Texts = inLanguages(shown, d.Language)
		if o.Texts[d.Language] == "" {
			o.Texts[d.Language] = o.Code
		}
		o.Exclusive, _ = x.Extension(extExclusive).Get("value[x]").Bool()
		o.Score = scoreOf(x)
		q.Offers = append(q.Offers, o)
	}
	q.When = it.Asked()
	for _, u := range it.Units {
		q.Units = append(q.Units, u.Get("code").Text())
	}
	return q, nil
}

// Asked returns the conditions under which an item is asked, as somebody reads them.
func (it *Item) Asked() (all []When) {
	for _, c := range it.Conditions {
		w := When{Question: c.Question.LinkID, Operator: c.Operator, Answer: c.Answer.Text()}
		if yes, _ := c.Answer.Bool(); c.Operator == "exists" {
			w.Operator, w.Answer = "unanswered", ""
			if yes {
				w.Operator = "answered"
			}
		}
		if i := c.Question.Chosen(&Answer{Name: c.Name, Value: c.Answer}); i >= 0 {
			w.Answer = c.Question.Options[i].Text("")
		} else if c.Answer.IsObject() {
			w.Answer = strings.TrimSpace(c.Answer.Get("value").Text() + c.Answer.Get("display").Text() + " " + c.Answer.Get("code").Text())
		}
		all = append(all, w)
	}
	return all
}

// scoreOf is what an option weighs.
func scoreOf(x fhir.Value) (score string) {
	for _, at := range []fhir.Value{x, x.Get("value[x]")} {
		for _, url := range []string{extWeight, extOrdinal} {
			if s := at.Extension(url).Get("value[x]"); s.HasValue() {
				score = s.Text()
			}
		}
	}
	return score
}

// inLanguages returns a text by language, the first under its own.
func inLanguages(v fhir.Value, own string) map[string]string {
	all := map[string]string{}
	for x := range v.Each("extension") {
		if x.Get("url").Text() == extTranslation {
			language, text := translationOf(x)
			all[language] = text
		}
	}
	all[own] = v.Text()
	return all
}

func translationOf(x fhir.Value) (language, text string) {
	for part := range x.Each("extension") {
		switch part.Get("url").Text() {
		case "lang":
			language = part.Get("value[x]").Text()
		case "content":
			text = part.Get("value[x]").Text()
		}
	}
	return language, text
}

// spokenText writes a text in all its languages. Other extensions that it had stay.
func spokenText(was fhir.Value, texts map[string]string, own string) any {
	var ext []fhir.Value
	for x := range was.Each("extension") {
		if x.Get("url").Text() != extTranslation {
			ext = append(ext, x)
		}
	}
	for _, language := range slices.Sorted(maps.Keys(texts)) {
		if text := strings.TrimSpace(texts[language]); language != own && text != "" && strings.TrimSpace(texts[own]) != "" {
			ext = append(ext, fhir.Object(fhir.F("url", extTranslation), fhir.F("extension", fhir.List(
				fhir.Object(fhir.F("url", "lang"), fhir.F("valueCode", language)), fhir.Object(fhir.F("url", "content"), fhir.F("valueString", text))))))
		}
	}
	if len(ext) == 0 {
		return strings.TrimSpace(texts[own])
	}
	return fhir.Extended(strings.TrimSpace(texts[own]), ext...)
}

// itemOf finds an item as it is written.
func itemOf(v fhir.Value, linkID string) fhir.Value {
	for x := range v.Each("item") {
		if x.Get("linkId").Text() == linkID {
			return x
		}
		if y := itemOf(x, linkID); y.Exists() {
			return y
		}
	}
	return fhir.Value{}
}

// list makes a list of values.
func list(all []fhir.Value) fhir.Value {
	items := make([]any, len(all))
	for i, v := range all {
		items[i] = v
	}
	return fhir.List(items...)
}

// among changes the list in which an item stands.
func among(v fhir.Value, linkID string, do func(all []fhir.Value, i int) []fhir.Value) (fhir.Value, bool) {
	all := slices.Collect(v.Each("item"))
	if i := slices.IndexFunc(all, func(x fhir.Value) bool { return x.Get("linkId").Text() == linkID }); i >= 0 {
		return v.With("item", list(do(all, i))), true
	}
	for i := range all {
		if x, found := among(all[i], linkID, do); found {
			all[i] = x
			return v.With("item", list(all)), true
		}
	}
	return v, false
}

// A Sketch is a form that is being made. Every change gives another one, and none says
// whether it can be asked: Parse does.
type Sketch struct {
	r fhir.Resource
	d *Definition
}

// NewSketch begins with a form as it is.
func NewSketch(d *Definition) Sketch { return Sketch{d.Resource, d} }

// Item returns the item of a link id, nil if there is none.
func (s Sketch) Item(linkID string) *Item { return s.d.byLink[linkID] }

// Resource is the form.
func (s Sketch) Resource() fhir.Resource { return s.r }

// hold makes a sketch of a form that was changed.
func (s Sketch) hold(v fhir.Value) (Sketch, error) {
	r, ok := v.Resource()
	if !ok {
		return s, fault.Errorf(fault.Invalid, "the form holds what cannot be written: text that is not UTF-8, or too many levels")
	}
	d, problems := Parse(r)
	if d == nil {
		i := slices.IndexFunc(problems, func(p Problem) bool { return !p.Minor })
		return s, &RefusedError{problems[i]}
	}
	return Sketch{r, d}, nil
}

// RefusedError says why a form cannot become what it was to become.
type RefusedError struct{ Problem Problem }

func (r *RefusedError) Error() string {
	return "the form could not be asked any more: " + r.Problem.String()
}

// Unwrap makes it Invalid.
func (*RefusedError) Unwrap() error {
	return fault.Errorf(fault.Invalid, "the form could not be asked any more")
}

// Say gives the form its titles by language.
func (s Sketch) Say(titles map[string]string) (Sketch, error) {
	if strings.TrimSpace(titles[s.d.Language]) == "" {
		return s, fault.Errorf(fault.Invalid, "a form needs a title in %s", s.d.Language)
	}
	v := s.r.Value()
	return s.hold(v.With("title", spokenText(v.Get("title"), titles, s.d.Language)))
}

// Titles returns the titles of the form by language.
func (d *Definition) Titles() map[string]string {
	return inLanguages(d.Resource.Get("title"), d.Language)
}

// Add puts a new question behind another, or with within as the last into a group; behind
// all if link is "". It returns its link id.
func (s Sketch) Add(link string, within bool, q Question) (Sketch, string, error) {
	parent := ""
	if it := s.d.byLink[link]; it != nil {
		if parent = link; !within && it.Parent != nil {
			parent = it.Parent.LinkID
		} else if !within {
			parent = ""
		}
		if within && it.Type == Display {
			return s, "", fault.Errorf(fault.Invalid, "nothing stands below something to read")
		}
	} else if link != "" {
		return s, "", fault.Errorf(fault.NotFound, "the form has no question %s", cut(link))
	}
	q.LinkID = s.free(parent)
	item, err := s.write(fhir.Value{}, &q)
	if err != nil {
		return s, "", err
	}
	v := s.r.Value()
	switch {
	case link == "":
		v = v.With("item", list(append(slices.Collect(v.Each("item")), item)))
	case within:
		v, _ = among(v, link, func(all []fhir.Value, i int) []fhir.Value {
			all[i] = all[i].With("item", list(append(slices.Collect(all[i].Each("item")), item)))
			return all
		})
	default:
		v, _ = among(v, link, func(all []fhir.Value, i int) []fhir.Value { return slices.Insert(all, i+1, item) })
	}
	s, err = s.hold(v)
	return s, q.LinkID, err
}

// free finds a link id that nothing has.
func (s Sketch) free(parent string) string {
	n := 1
	siblings := s.d.Items
	if it := s.d.byLink[parent]; it != nil {
		siblings, parent = it.Items, parent+"."
	}
	for _, it := range siblings {
		if m, err := strconv.Atoi(strings.TrimPrefix(it.LinkID, parent)); err == nil && m >= n && m < MaxItems {
			n = m + 1
		}
	}
	for s.d.byLink[parent+strconv.Itoa(n)] != nil {
		n++
	}
	return parent + strconv.Itoa(n)
}

// Put writes a question in place of what it was.
func (s Sketch) Put(q Question) (Sketch, error) {
	var err error
	v, found := among(s.r.Value(), q.LinkID, func(all []fhir.Value, i int) []fhir.Value {
		var x fhir.Value
		if x, err = s.write(all[i], &q); err == nil {
			all[i] = x
		}
		return all
	})
	switch {
	case err != nil:
		return s, err
	case !found:
		return s, fault.Errorf(fault.NotFound, "the form has no question %s", cut(q.LinkID))
	}
	return s.hold(v)
}

// Remove takes an item away, with all that is below it. It is a RefusedError while another needs
// it.
func (s Sketch) Remove(linkID string) (Sketch, error) {
	v, found := among(s.r.Value(), linkID, func(all []fhir.Value, i int) []fhir.Value { return slices.Delete(all, i, i+1) })
	if !found {
		return s, fault.Errorf(fault.NotFound, "the form has no question %s", cut(linkID))
	}
	return s.hold(v)
}

// Ways to move an item.
const (
	Up   = "up"
	Down = "down"
	In   = "in"  // into the group before it, as the last
	Out  = "out" // behind the group in which it is
)

// Move gives an item another place. It is Conflict where there is no such place.
func (s Sketch) Move(linkID, way string) (Sketch, error) {
	it := s.d.byLink[linkID]
	if it == nil {
		return s, fault.Errorf(fault.NotFound, "the form has no question %s", cut(linkID))
	}
	if !slices.Contains(s.d.Ways(it), way) {
		return s, fault.Errorf(fault.Conflict, "question %s cannot be moved %s", cut(linkID), cut(way))
	}
	v := s.r.Value()
	var moved fhir.Value
	v, _ = among(v, linkID, func(all []fhir.Value, i int) []fhir.Value {
		moved = all[i]
		switch way {
		case Up:
			all[i-1], all[i] = all[i], all[i-1]
		case Down:
			all[i+1], all[i] = all[i], all[i+1]
		case In:
			all[i-1] = all[i-1].With("item", list(append(slices.Collect(all[i-1].Each("item")), moved)))
			return slices.Delete(all, i, i+1)
		case Out:
			return slices.Delete(all, i, i+1)
		}
		return all
	})
	if way == Out {
		v, _ = among(v, it.Parent.LinkID, func(all []fhir.Value, i int) []fhir.Value { return slices.Insert(all, i+1, moved) })
	}
	return s.hold(v)
}

// Ways returns how an item can be moved.
func (d *Definition) Ways(it *Item) (all []string) {
	siblings := d.Items
	if it.Parent != nil {
		siblings = it.Parent.Items
	}
	i := slices.Index(siblings, it)
	if i > 0 {
		all = append(all, Up)
	}
	if i >= 0 && i < len(siblings)-1 {
		all = append(all, Down)
	}
	if i > 0 && siblings[i-1].Type == Group {
		all = append(all, In)
	}
	if it.Parent != nil {
		all = append(all, Out)
	}
	return all
}

// Copy puts a copy of an item behind it, with all that is below. Conditions among them
// mean the copies. It returns the link id of the copy.
func (s Sketch) Copy(linkID string) (Sketch, string, error) {
	it := s.d.byLink[linkID]
	if it == nil {
		return s, "", fault.Errorf(fault.NotFound, "the form has no question %s", cut(linkID))
	}
	parent := ""
	if it.Parent != nil {
		parent = it.Parent.LinkID
	}
	name := s.free(parent)
	names := map[string]string{}
	taken := maps.Clone(s.d.byLink)
	for _, x := range s.d.All() {
		if x != it && !x.Within(it) {
			continue
		}
		to := name
		if x != it {
			for n := 1; ; n++ {
				if to = name + "." + strconv.Itoa(n); taken[to] == nil {
					break
				}
			}
		}
		names[x.LinkID], taken[to] = to, x
	}
	var renamed func(fhir.Value) fhir.Value
	renamed = func(x fhir.Value) fhir.Value {
		x = x.With("linkId", names[x.Get("linkId").Text()])
		var when, below []fhir.Value
		for c := range x.Each("enableWhen") {
			if to := names[c.Get("question").Text()]; to != "" {
				c = c.With("question", to)
			}
			when = append(when, c)
		}
		for y := range x.Each("item") {
			below = append(below, renamed(y))
		}
		if when != nil {
			x = x.With("enableWhen", list(when))
		}
		if below != nil {
			x = x.With("item", list(below))
		}
		return x
	}
	v, _ := among(s.r.Value(), linkID, func(all []fhir.Value, i int) []fhir.Value { return slices.Insert(all, i+1, renamed(all[i])) })
	s, err := s.hold(v)
	return s, name, err
}

// write writes a question over the item that it was.
func (s Sketch) write(v fhir.Value, q *Question) (fhir.Value, error) {
	own := s.d.Language
	it := &Item{LinkID: q.LinkID, Type: q.Type}
	switch {
	case q.Type != Group && q.Type != Display && valueNames[q.Type] == nil:
		return v, fault.Errorf(fault.Invalid, "question %s: a type of FHIR is wanted", cut(q.LinkID))
	case strings.TrimSpace(q.Texts[own]) == "":
		return v, fault.Errorf(fault.Invalid, "question %s: a text in %s is wanted", cut(q.LinkID), own)
	}
	flag := func(name string, is bool) {
		if is {
			v = v.With(name, true)
		} else {
			v = v.With(name, nil)
		}
	}
	count := func(url string, n, none int) {
		if n == none {
			v = extended(v, url)
			return
		}
		v = extended(v, url, fhir.Object(fhir.F("url", url), fhir.F("valueInteger", n)))
	}
	v = v.With("linkId", q.LinkID).With("prefix", q.Prefix)
	v = v.With("text", spokenText(v.Get("text"), q.Texts, own))
	was := Type(v.Get("type").Text())
	v = v.With("type", string(q.Type))
	if was != q.Type {
		for _, name := range []string{"initial", "maxLength"} {
			v = v.With(name, nil)
		}
	}
	asks := q.Type != Group && q.Type != Display
	flag("required", q.Required && q.Type != Display)
	flag("repeats", q.Repeats && q.Type != Display)
	if asks { // of a group it stays as it is
		flag("readOnly", q.ReadOnly)
	}
	if q.Hidden {
		v = extended(v, extHidden, fhir.Object(fhir.F("url", extHidden), fhir.F("valueBoolean", true)))
	} else {
		v = extended(v, extHidden)
	}
	if !q.Repeats {
		q.Many = 0
	}
	count(extMinOccurs, max(0, q.Fewest), 0)
	count(extMaxOccurs, max(0, q.Many), 0)
	if it.isText() {
		count(extMinLength, max(0, q.Shortest), 0)
		v = v.With("maxLength", nil)
		if q.Longest > 0 {
			v = v.With("maxLength", q.Longest)
		}
	}
	if q.Type == Decimal {
		count(extPlaces, q.Places, -1)
	}
	var err error
	if v, err = s.limits(v, it, q); err != nil {
		return v, err
	}
	if v, err = s.offers(v, q); err != nil {
		return v, err
	}
	if v, err = units(v, q); err != nil {
		return v, err
	}
	if v, err = s.conditions(v, q); err != nil {
		return v, err
	}
	v = extended(v, ExtFact)
	if q.Fact != "" && asks {
		v = extended(v, ExtFact, fhir.Object(fhir.F("url", ExtFact), fhir.F("valueCode", q.Fact)))
	}
	if q.Sum != nil && len(q.Sum.Of) > 0 {
		q.Calculated = q.Sum.expression()
	}
	for url, x := range map[string]string{extCalculated: q.Calculated, extInitial: q.Initial, extEnable: q.Enable} {
		if x = strings.TrimSpace(x); x == "" || x == v.Extension(url).Get("value[x].expression").Text() {
			if x == "" {
				v = extended(v, url)
			}
			continue
		}
		v = extended(v, url, fhir.Object(fhir.F("url", url), fhir.F("valueExpression", fhir.Object(fhir.F("language", "text/fhirpath"), fhir.F("expression", x)))))
	}
	return v, nil
}

// extended puts extensions in place of those with a url.
func extended(v fhir.Value, url string, now ...fhir.Value) fhir.Value {
	var all []fhir.Value
	for x := range v.Each("extension") {
		if x.Get("url").Text() != url {
			all = append(all, x)
		}
	}
	return v.With("extension", list(append(all, now...)))
}

// limits writes the least and the most that an answer may be.
func (Sketch) limits(v fhir.Value, it *Item, q *Question) (fhir.Value, error) {
	for url, text := range map[string]string{extMinValue: q.Least, extMaxValue: q.Most} {
		switch it.Type {
		case Integer, Decimal, Date, DateTime, Time:
			a, err := it.ReadAnswer(text)
			switch {
			case err != nil:
				return v, err
			case a == nil:
				v = extended(v, url)
			default:
				v = extended(v, url, fhir.Object(fhir.F("url", url), fhir.F(a.Name, a.Value)))
			}
		case Quantity: // has a unit: stays as it is
		default:
			v = extended(v, url)
		}
	}
	return v, nil
}

// offers writes what can be chosen.
func (s Sketch) offers(v fhir.Value, q *Question) (fhir.Value, error) {
	if q.Type != Choice && q.Type != OpenChoice {
		if v.Get("answerOption").Exists() && q.Type != String && q.Type != Integer && q.Type != Date && q.Type != Time && q.Type != Text {
			v = v.With("answerOption", nil)
		}
		return v, nil
	}
	own := s.d.Language
	before := slices.Collect(v.Each("answerOption"))
	var all []fhir.Value
	taken := map[string]bool{}
	for _, o := range q.Offers {
		taken[o.Code] = true
	}
	for i := range q.Offers {
		o := &q.Offers[i]
		text := strings.TrimSpace(o.Texts[own])
		if text == "" {
			return v, fault.Errorf(fault.Invalid, "question %s: each option needs a text in %s", cut(q.LinkID), own)
		}
		var x fhir.Value
		if o.Was > 0 && o.Was <= len(before) {
			x = before[o.Was-1]
		}
		value := x.Get("value[x]")
		switch {
		case value.IsObject() && value.Name() == "valueCoding":
			if value.Get("display").Text() != text || value.Get("display").Exists() || text != value.Get("code").Text() {
				value = value.With("display", spokenText(value.Get("display"), o.Texts, own))
			}
			x = x.With("valueCoding", value)
		case value.Exists() && value.Text() == text && !value.IsObject():
			x = x.With(value.Name(), spokenText(value, o.Texts, own))
			if value.Name() != "valueString" {
				x = x.With(value.Name(), value)
			}
		default:
			if o.Code == "" {
				o.Code = codeFor(text, taken)
			}
			taken[o.Code] = true
			if value.Exists() {
				x = x.With(value.Name(), nil)
			}
			x = x.With("valueCoding", fhir.Object(fhir.F("code", o.Code), fhir.F("display", spokenText(fhir.Value{}, o.Texts, own))))
		}
		score := strings.Replace(strings.TrimSpace(o.Score), ",", ".", 1)
		if _, err := ucum.ParseDecimal(score); score != "" && err != nil {
			return v, fault.Errorf(fault.Invalid, "question %s: a score is a number, as 1 or 0.5", cut(q.LinkID))
		}
		x = scored(x, score)
		if x = extended(x, extExclusive); o.Exclusive {
			x = extended(x, extExclusive, fhir.Object(fhir.F("url", extExclusive), fhir.F("valueBoolean", true)))
		}
		all = append(all, x)
	}
	return v.With("answerOption", list(all)), nil
}

// scored gives an option what it weighs, at its coding where it has one: so it travels
// with the answer.
func scored(x fhir.Value, score string) fhir.Value {
	if score == scoreOf(x) {
		return x
	}
	coding := x.Get("valueCoding")
	for _, url := range []string{extWeight, extOrdinal} {
		x = extended(x, url)
		if coding.Exists() {
			coding = extended(coding, url)
		}
	}
	var weight []fhir.Value
	if d, err := ucum.ParseDecimal(score); err == nil {
		weight = append(weight, fhir.Object(fhir.F("url", extOrdinal), fhir.F("valueDecimal", d)))
	}
	if coding.Exists() {
		return x.With("valueCoding", extended(coding, extOrdinal, weight...))
	}
	return extended(x, extOrdinal, weight...)
}

// codeFor makes a code of what an option says.
func codeFor(text string, taken map[string]bool) string {
	code := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, text), "-")
	for strings.Contains(code, "--") {
		code = strings.ReplaceAll(code, "--", "-")
	}
	if code = strings.Trim(code[:min(len(code), 40)], "-"); code == "" {
		code = "option"
	}
	if !taken[code] {
		return code
	}
	for n := 2; ; n++ {
		if other := fmt.Sprintf("%s-%d", code, n); !taken[other] {
			return other
		}
	}
}

// units writes the units of a quantity.
func units(v fhir.Value, q *Question) (fhir.Value, error) {
	if q.Type != Quantity {
		return extended(extended(v, extUnit), extUnitOption), nil
	}
	was := map[string]fhir.Value{}
	for x := range v.Each("extension") {
		if u := x.Get("url").Text(); u == extUnit || u == extUnitOption {
			was[x.Get("value[x].code").Text()] = x
		}
	}
	var all []fhir.Value
	for _, code := range q.Units {
		if x, ok := was[code]; ok {
			all = append(all, x)
			continue
		}
		if _, err := ucum.Parse(code); err != nil {
			return v, fault.Errorf(fault.Invalid, "question %s: %s is no unit of UCUM", cut(q.LinkID), cut(code))
		}
		all = append(all, fhir.Object(fhir.F("url", extUnitOption), fhir.F("valueCoding", fhir.Coding("http://unitsofmeasure.org", code, code))))
	}
	return extended(extended(v, extUnit), extUnitOption, all...), nil
}

// conditions writes when a question is asked.
func (s Sketch) conditions(v fhir.Value, q *Question) (fhir.Value, error) {
	var all []fhir.Value
	for _, w := range q.When {
		of := s.d.byLink[w.Question]
		if of == nil {
			return v, fault.Errorf(fault.NotFound, "the form has no question %s", cut(w.Question))
		}
		c := fhir.Object(fhir.F("question", w.Question))
		switch w.Operator {
		case "answered", "unanswered":
			all = append(all, c.With("operator", "exists").With("answerBoolean", w.Operator == "answered"))
			continue
		}
		if !slices.Contains(operators, w.Operator) || w.Operator == "exists" {
			return v, fault.Errorf(fault.Invalid, "question %s: a condition compares, or asks whether something was answered", cut(q.LinkID))
		}
		a, err := of.said(w.Answer)
		if err != nil {
			return v, err
		}
		name := "answer" + strings.TrimPrefix(a.Name, "value")
		value := a.Value
		if a.Name == "valueCoding" { // by system and code; what it says is not compared
			value = fhir.Object(fhir.F("system", value.Get("system").Text()), fhir.F("code", value.Get("code").Text()), fhir.F("display", value.Get("display").Text()))
		}
		all = append(all, c.With("operator", w.Operator).With(name, value))
	}
	v = v.With("enableWhen", list(all)).With("enableBehavior", nil)
	if len(all) > 1 {
		behaviour := "any"
		if q.AllOf {
			behaviour = "all"
		}
		v = v.With("enableBehavior", behaviour)
	}
	return v, nil
}

// said reads the answer of a condition as somebody types it: of a choice what an option
// says in any language, or its code.
func (it *Item) said(text string) (*Answer, error) {
	text = strings.TrimSpace(text)
	for _, o := range it.Options {
		if o.Value.Get("code").Text() == text && text != "" {
			return &Answer{Name: o.Name, Value: o.Value}, nil
		}
		for _, t := range o.texts {
			if strings.EqualFold(strings.TrimSpace(t), text) {
				return &Answer{Name: o.Name, Value: o.Value}, nil
			}
		}
	}
	if it.Type == Choice {
		return nil, fault.Errorf(fault.Invalid, "question %s has no option %s", cut(it.LinkID), cut(text))
	}
	a, err := it.ReadAnswer(text)
	if err == nil && a == nil {
		err = fault.Errorf(fault.Invalid, "a condition on question %s needs an answer to compare with", cut(it.LinkID))
	}
	return a, err
}
