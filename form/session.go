package form

import (
	"context"
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

// A Session holds the answers to a form while they are given. It is not for several
// goroutines at once.
type Session struct {
	*Definition
	Env   fhirpath.Env // what expressions may ask of their surroundings: now, terminology, variables of the context
	Nodes []*Node

	root *Node
}

// How much may be answered.
const (
	maxNodes   = 20_000
	maxRepeats = 500
)

// Begin starts with the initial answers of a form.
func (d *Definition) Begin(ctx context.Context, env fhirpath.Env) (*Session, error) {
	s := &Session{Definition: d, Env: env}
	s.root = &Node{enabled: true}
	for _, it := range d.Items {
		s.root.Nodes = append(s.root.Nodes, s.grow(it, s.root, nil)...)
	}
	s.Nodes = s.root.Nodes
	if err := s.propose(ctx); err != nil {
		return nil, err
	}
	return s, s.Evaluate(ctx)
}

// grow makes the nodes of an item that was not answered.
func (s *Session) grow(it *Item, parent *Node, within *Answer) []*Node {
	times := 1
	if it.Type == Group && it.Repeats {
		times = max(1, min(it.MinOccurs, maxRepeats))
	}
	var all []*Node
	for range times {
		n := &Node{Item: it, Parent: parent, within: within}
		switch it.Type {
		case Group:
			for _, below := range it.Items {
				n.Nodes = append(n.Nodes, s.grow(below, n, nil)...)
			}
		case Display:
		default:
			for _, v := range it.Initial {
				s.answer(n, &Answer{Name: v.Name(), Value: v})
			}
		}
		all = append(all, n)
	}
	return all
}

// answer adds an answer with the questions below it.
func (s *Session) answer(n *Node, a *Answer) {
	n.Answers = append(n.Answers, a)
	for _, below := range n.Item.Items {
		a.Nodes = append(a.Nodes, s.grow(below, n, a)...)
	}
}

// propose evaluates initial expressions, each once.
func (s *Session) propose(ctx context.Context) error {
	r, places, err := s.render(true)
	if err != nil {
		return err
	}
	var fail error
	s.each(func(n *Node) {
		if n.Item.InitialFrom == nil || len(n.Answers) > 0 || fail != nil {
			return
		}
		var values []fhirpath.Value
		if values, fail = s.evaluate(ctx, n.Item.InitialFrom, n, r, places); fail == nil {
			s.set(n, values)
		}
	})
	return fail
}

// each visits all nodes, parents first.
func (s *Session) each(visit func(*Node)) {
	var walk func([]*Node)
	walk = func(nodes []*Node) {
		for _, n := range nodes {
			visit(n)
			walk(n.below())
		}
	}
	walk(s.root.Nodes)
}

// Find returns the node of a path (see Node.Path), nil if there is none.
func (s *Session) Find(path string) *Node {
	at := s.root
	for part := range strings.SplitSeq(path, "/") {
		link, k := part, 0
		if open := strings.LastIndexByte(part, '['); open >= 0 && strings.HasSuffix(part, "]") {
			n, err := strconv.Atoi(part[open+1 : len(part)-1])
			if err != nil {
				return nil
			}
			link, k = part[:open], n
		}
		link = strings.NewReplacer("%2F", "/", "%5B", "[", "%25", "%").Replace(link)
		i := slices.IndexFunc(at.below(), func(n *Node) bool { return n.Item.LinkID == link && n.index() == k })
		if i < 0 {
			return nil
		}
		at = at.below()[i]
	}
	return at
}

// Set gives a question its answers, in the place of those it had; nil entries are none.
// Invalid: the question is calculated, to be read only, or takes fewer. What is below an
// answer that stays the same stays. Evaluate tells what follows of it.
func (s *Session) Set(n *Node, answers ...*Answer) error {
	answers = slices.DeleteFunc(answers, func(a *Answer) bool { return a == nil })
	switch it := n.Item; {
	case it.Type == Group || it.Type == Display:
		return fault.Errorf(fault.Invalid, "%s is no question", cut(it.LinkID))
	case it.Calculated != nil || it.ReadOnly:
		return fault.Errorf(fault.Invalid, "question %s is not answered by people", cut(it.LinkID))
	case len(answers) > 1 && !it.Repeats:
		return fault.Errorf(fault.Invalid, "question %s takes one answer", cut(it.LinkID))
	case len(answers) > maxRepeats:
		return fault.Errorf(fault.Exhausted, "question %s takes %d answers at most", cut(it.LinkID), maxRepeats)
	}
	s.replace(n, answers)
	return nil
}

// replace puts answers in the place of others, and keeps what stands below those that
// stay.
func (s *Session) replace(n *Node, answers []*Answer) {
	old := n.Answers
	n.Answers = nil
	for _, a := range answers {
		if i := slices.IndexFunc(old, func(o *Answer) bool { return o.Name == a.Name && same(o.Value, a.Value) }); i >= 0 {
			kept := old[i]
			if a.By != "" {
				kept.By = a.By
			}
			n.Answers = append(n.Answers, kept)
			continue
		}
		a.Nodes = nil
		if len(old) == 1 && len(answers) == 1 { // another answer to the same question keeps its comments
			a.Nodes = old[0].Nodes
			for _, below := range a.Nodes {
				below.within = a
			}
			n.Answers = append(n.Answers, a)
			continue
		}
		s.answer(n, a)
	}
}

// Add adds a group that repeats once more behind the last of its kind; n is one of them.
func (s *Session) Add(n *Node) (*Node, error) {
	it := n.Item
	if it.Type != Group || !it.Repeats {
		return nil, fault.Errorf(fault.Invalid, "%s does not repeat", cut(it.LinkID))
	}
	times, last := 0, 0
	for i, other := range n.Parent.Nodes {
		if other.Item == it {
			times, last = times+1, i
		}
	}
	if times >= maxRepeats || it.MaxOccurs > 0 && times >= it.MaxOccurs {
		return nil, fault.Errorf(fault.Invalid, "%s is there %d times, and may not more", cut(it.LinkID), times)
	}
	count := 0
	s.each(func(*Node) { count++ })
	if count > maxNodes {
		return nil, fault.Errorf(fault.Exhausted, "the form has more than %d questions", maxNodes)
	}
	more := s.grow(it, n.Parent, nil)[0]
	n.Parent.Nodes = slices.Insert(n.Parent.Nodes, last+1, more)
	s.Nodes = s.root.Nodes
	return more, nil
}

// Remove takes a group that repeats away, with its answers. The last one is emptied.
func (s *Session) Remove(n *Node) error {
	if n.Item.Type != Group || !n.Item.Repeats {
		return fault.Errorf(fault.Invalid, "%s does not repeat", cut(n.Item.LinkID))
	}
	same := 0
	for _, other := range n.Parent.Nodes {
		if other.Item == n.Item {
			same++
		}
	}
	at := slices.Index(n.Parent.Nodes, n)
	if same == 1 {
		n.Parent.Nodes[at] = s.grow(n.Item, n.Parent, nil)[0]
	} else {
		n.Parent.Nodes = slices.Delete(n.Parent.Nodes, at, at+1)
	}
	s.Nodes = s.root.Nodes
	return nil
}

// Evaluate says anew which questions are enabled and what is calculated. Invalid, naming
// the item: an expression cannot be evaluated on these answers.
func (s *Session) Evaluate(ctx context.Context) error {
	of := map[*Item][]*Node{}
	s.each(func(n *Node) { of[n.Item] = append(of[n.Item], n) })
	var r fhir.Resource
	var places map[*Node]fhirpath.Value
	stale := true
	fresh := func() (err error) {
		if stale {
			r, places, err = s.render(false)
			stale = err != nil
		}
		return err
	}
	for _, it := range s.order {
		for _, n := range of[it] {
			enabled := n.Parent.enabled && s.holds(n)
			if enabled && it.Enable != nil {
				if err := fresh(); err != nil {
					return err
				}
				out, err := s.evaluate(ctx, it.Enable, n, r, places)
				if err != nil {
					return err
				}
				is, known, _ := fhirpath.Collection(out).Bool()
				enabled = is && known
			}
			if n.enabled != enabled {
				n.enabled = enabled
				stale = true
			}
			if it.Calculated == nil || !enabled {
				continue
			}
			if err := fresh(); err != nil {
				return err
			}
			out, err := s.evaluate(ctx, it.Calculated, n, r, places)
			if err != nil {
				return err
			}
			if s.set(n, out) {
				stale = true
			}
		}
	}
	return nil
}

// evaluate evaluates an expression of an item in the place of a node.
func (s *Session) evaluate(ctx context.Context, x *fhirpath.Expression, n *Node, r fhir.Resource, places map[*Node]fhirpath.Value) ([]fhirpath.Value, error) {
	env := s.Env
	env.Resource = r
	env.Variables = maps.Clone(env.Variables)
	if env.Variables == nil {
		env.Variables = map[string]fhirpath.Collection{}
	}
	for _, name := range s.Context {
		if _, ok := env.Variables[name]; !ok {
			env.Variables[name] = nil // whoever asks does not know
		}
	}
	env.Variables["questionnaire"] = fhirpath.Collection{fhirpath.Resource(s.Resource)}
	focus := fhirpath.Collection{fhirpath.Resource(r)}
	if at, ok := places[n]; ok {
		focus = fhirpath.Collection{at}
	}
	env.Variables["context"] = focus
	var chain []*Item
	for it := n.Item; it != nil; it = it.Parent {
		chain = append(chain, it)
	}
	define := func(all []Variable) error {
		for _, v := range all {
			out, err := v.On(ctx, focus, &env)
			if err != nil {
				return fault.Errorf(fault.Invalid, "question %s, variable %s: %w", cut(n.Item.LinkID), v.Name, err)
			}
			env.Variables[v.Name] = out
		}
		return nil
	}
	if err := define(s.Variables); err != nil {
		return nil, err
	}
	for _, it := range slices.Backward(chain) {
		if err := define(it.Variables); err != nil {
			return nil, err
		}
	}
	out, err := x.On(ctx, focus, &env)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "question %s: %w", cut(n.Item.LinkID), err)
	}
	return out, nil
}

// set gives a question calculated answers, and reports whether they are others than
// before.
func (s *Session) set(n *Node, values []fhirpath.Value) bool {
	var answers []*Answer
	for _, v := range values {
		if a := n.Item.calculated(v); a != nil {
			answers = append(answers, a)
		}
		if !n.Item.Repeats && len(answers) == 1 {
			break
		}
	}
	if len(answers) == len(n.Answers) {
		equal := true
		for i, a := range answers {
			equal = equal && a.Name == n.Answers[i].Name && same(a.Value, n.Answers[i].Value)
		}
		if equal {
			return false
		}
	}
	s.replace(n, answers)
	return true
}

// calculated makes an answer of what an expression yields, nil if it does not fit.
func (it *Item) calculated(v fhirpath.Value) *Answer {
	if names := valueNames[it.Type]; len(names) == 0 {
		return nil
	}
	if e, ok := v.Element(); ok && e.IsObject() {
		return &Answer{Name: valueNames[it.Type][0], Value: e.Value}
	}
	switch it.Type {
	case Boolean:
		if b, ok := v.Bool(); ok {
			return &Answer{Name: "valueBoolean", Value: only(b)}
		}
		return nil
	case Integer:
		d, ok := v.Decimal()
		if !ok || strings.Contains(d.String(), ".") {
			return nil
		}
		return &Answer{Name: "valueInteger", Value: fhir.Number(d.String())}
	case Decimal:
		if d, ok := v.Decimal(); ok {
			return &Answer{Name: "valueDecimal", Value: only(d)}
		}
		return nil
	case Quantity:
		d, ok := v.Decimal()
		if !ok {
			return nil
		}
		return &Answer{Name: "valueQuantity", Value: it.quantity(d, v.Unit())}
	case Choice, OpenChoice:
		text, _ := v.Text()
		for _, o := range it.Options {
			if o.Value.Text() == text && text != "" || o.Value.Get("code").Text() == text && text != "" {
				return &Answer{Name: o.Name, Value: o.Value}
			}
		}
		return nil
	default:
		text, ok := v.Text()
		if !ok || text == "" {
			return nil
		}
		a := &Answer{Name: valueNames[it.Type][0], Value: only(text)}
		if formOf(a) != nil {
			return nil
		}
		return a
	}
}

// quantity makes a quantity of a number.
func (it *Item) quantity(d ucum.Decimal, unit string) fhir.Value {
	coding, _ := it.unit(unit)
	code := coding.Get("code").Text()
	if code == "" {
		code = unit
	}
	return fhir.Quantity(d, code)
}

// holds reports whether the conditions of a node hold.
func (s *Session) holds(n *Node) bool {
	it := n.Item
	if len(it.Conditions) == 0 {
		return true
	}
	for _, c := range it.Conditions {
		met := c.met(s.answersFor(n, c.Question))
		if met != it.All {
			return met // one that holds is enough, or one that does not
		}
	}
	return it.All
}

// answersFor returns the answers to a question that are nearest to a node: those in the
// innermost group around it that holds the question.
func (s *Session) answersFor(n *Node, question *Item) []*Answer {
	around := n.Parent
	for around != nil && around.Item != nil && !question.Within(around.Item) && question != around.Item {
		around = around.Parent
	}
	if around == nil {
		around = s.root
	}
	var all []*Answer
	var walk func(n *Node)
	walk = func(n *Node) {
		if n.Item == question {
			if n.enabled {
				all = append(all, n.Answers...)
			}
			return
		}
		if n.Item != nil && !question.Within(n.Item) {
			return
		}
		for _, below := range n.below() {
			walk(below)
		}
	}
	walk(around)
	return all
}

// met reports whether a condition holds for any of some answers.
func (c Condition) met(answers []*Answer) bool {
	if c.Operator == "exists" {
		want, _ := c.Answer.Bool()
		return (len(answers) > 0) == want
	}
	if c.Operator == "!=" {
		return len(answers) > 0 && !slices.ContainsFunc(answers, func(a *Answer) bool { return same(a.Value, c.Answer) })
	}
	return slices.ContainsFunc(answers, func(a *Answer) bool {
		if c.Operator == "=" {
			return same(a.Value, c.Answer)
		}
		order, ok := compare(a.Value, c.Answer)
		if !ok {
			return false
		}
		switch c.Operator {
		case ">":
			return order > 0
		case "<":
			return order < 0
		case ">=":
			return order >= 0
		default:
			return order <= 0
		}
	})
}

// A Gap is something that an answer still lacks, or that is wrong with it.
type Gap struct {
	Node  *Node
	Rule  string // see the Gap constants
	Want  string // the bound, as people read it
	Minor bool   // the form can be signed all the same
}

// What answers may lack.
const (
	GapMissing    = "missing"
	GapFew        = "few"
	GapMany       = "many"
	GapShort      = "short"
	GapLong       = "long"
	GapLow        = "low"
	GapHigh       = "high"
	GapPlaces     = "places"
	GapPattern    = "pattern"
	GapOption     = "option"
	GapExclusive  = "exclusive"
	GapAttachment = "attachment"
	GapConstraint = "constraint"
)

// Gaps returns what is missing or wrong, in the order of the form. What is not enabled
// lacks nothing.
func (s *Session) Gaps(ctx context.Context) ([]Gap, error) {
	r, places, err := s.render(false)
	if err != nil {
		return nil, err
	}
	var all []Gap
	var fail error
	s.each(func(n *Node) {
		if !n.enabled || fail != nil {
			return
		}
		all = append(all, n.gaps()...)
		for _, c := range n.Item.Constraints {
			out, err := s.evaluate(ctx, c.Expression, n, r, places)
			if err != nil {
				fail = err
				return
			}
			if is, known, _ := fhirpath.Collection(out).Bool(); known && !is {
				all = append(all, Gap{n, GapConstraint, c.Human, !c.Error})
			}
		}
	})
	return all, fail
}

// gaps checks the answers of one node.
func (n *Node) gaps() (all []Gap) {
	it := n.Item
	add := func(rule, want string) { all = append(all, Gap{Node: n, Rule: rule, Want: want}) }
	if it.Type == Display {
		return nil
	}
	if it.Type == Group {
		if it.Required && !n.answered() {
			add(GapMissing, "")
		}
		return all
	}
	if it.Required && len(n.Answers) == 0 {
		add(GapMissing, "")
	}
	if len(n.Answers) > 0 && len(n.Answers) < it.MinOccurs {
		add(GapFew, strconv.Itoa(it.MinOccurs))
	}
	if it.MaxOccurs > 0 && len(n.Answers) > it.MaxOccurs {
		add(GapMany, strconv.Itoa(it.MaxOccurs))
	}
	for _, a := range n.Answers {
		text := a.Value.Text()
		length := len([]rune(text))
		number := text
		if a.Value.IsObject() {
			number = a.Value.Get("value").Text()
		}
		switch {
		case it.MinLength > 0 && length < it.MinLength && it.isText():
			add(GapShort, strconv.Itoa(it.MinLength))
		case it.MaxLength > 0 && length > it.MaxLength && it.isText():
			add(GapLong, strconv.Itoa(it.MaxLength))
		case it.Pattern != nil && it.isText() && !it.Pattern.MatchString(text):
			add(GapPattern, "")
		}
		if below(a.Value, it.Min) {
			add(GapLow, bound(it.Min))
		}
		if below(it.Max, a.Value) {
			add(GapHigh, bound(it.Max))
		}
		if _, places, ok := strings.Cut(number, "."); ok && it.Places >= 0 && len(places) > it.Places {
			add(GapPlaces, strconv.Itoa(it.Places))
		}
		if len(it.Options) > 0 {
			i := slices.IndexFunc(it.Options, func(o *Option) bool { return same(o.Value, a.Value) })
			if i < 0 && it.Type != OpenChoice {
				add(GapOption, "")
			}
			if i >= 0 && it.Options[i].Exclusive && len(n.Answers) > 1 {
				add(GapExclusive, it.Options[i].texts[""])
			}
		}
		if it.Type == Attachment {
			size, _ := a.Value.Get("size").Int()
			if it.MaxSize > 0 && size > it.MaxSize || len(it.MimeTypes) > 0 && !slices.Contains(it.MimeTypes, a.Value.Get("contentType").Text()) {
				add(GapAttachment, fmt.Sprintf("%d bytes, %s", it.MaxSize, strings.Join(it.MimeTypes, ", ")))
			}
		}
	}
	return all
}

// isText reports whether answers are texts.
func (it *Item) isText() bool {
	return it.Type == String || it.Type == Text || it.Type == URL || it.Type == OpenChoice
}

// below reports whether a value is below a bound, both of which may be numbers or
// quantities.
func below(a, b fhir.Value) bool {
	if a.IsObject() != b.IsObject() {
		if a.IsObject() {
			a = a.Get("value")
		} else {
			b = b.Get("value")
		}
	}
	return less(a, b)
}

// bound writes a bound for people.
func bound(v fhir.Value) string {
	if v.IsObject() {
		return strings.TrimSpace(v.Get("value").Text() + " " + v.Get("unit").Text())
	}
	return v.Text()
}

// answered reports whether anything in the node is.
func (n *Node) answered() bool {
	return len(n.Answers) > 0 || slices.ContainsFunc(n.below(), func(b *Node) bool { return b.enabled && b.answered() })
}

// Progress counts the questions that are asked of people, and those that are answered.
func (s *Session) Progress() (answered, asked int) {
	s.each(func(n *Node) {
		if it := n.Item; !n.enabled || it.Hidden || it.ReadOnly || it.Calculated != nil || it.Type == Group || it.Type == Display {
			return
		}
		asked++
		if len(n.Answers) > 0 {
			answered++
		}
	})
	return answered, asked
}

// Score adds up what the chosen options of an item and of all that is below it weigh;
// known is false if none of them weighs anything. "" is the form as a whole.
func (s *Session) Score(linkID string) (sum ucum.Decimal, known bool) {
	top := s.byLink[linkID]
	s.each(func(n *Node) {
		if !n.enabled || top != nil && n.Item != top && !n.Item.Within(top) {
			return
		}
		for _, a := range n.Answers {
			for _, o := range n.Item.Options {
				if o.Score == "" || !same(o.Value, a.Value) {
					continue
				}
				if d, err := ucum.ParseDecimal(o.Score); err == nil {
					sum, known = sum.Add(d), true
				}
			}
		}
	})
	return sum, known && (linkID == "" || top != nil)
}
