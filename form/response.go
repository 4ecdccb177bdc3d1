package form

import (
	"context"
	"slices"
	"time"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
)

// extAuthor says who gave an answer.
const extAuthor = core + "questionnaireresponse-author"

// A Heading is what a response says besides the answers.
type Heading struct {
	ID, Status string // in-progress, completed, amended, entered-in-error, stopped
	Subject    string // reference, "" for none
	Author     string // reference of who answers for all of it
	Authored   time.Time
	Based      []string // references of what it was asked for
}

// Response returns the answers to the questions that are asked, as a
// QuestionnaireResponse with the texts in a language.
func (s *Session) Response(h Heading, language string) (fhir.Resource, error) {
	var based []any
	for _, b := range h.Based {
		based = append(based, fhir.Reference(b))
	}
	w := writer{language: language, texts: true}
	var subject, author fhir.Value
	if h.Subject != "" {
		subject = fhir.Reference(h.Subject)
	}
	if h.Author != "" {
		author = fhir.Reference(h.Author)
	}
	return fhir.New("QuestionnaireResponse",
		fhir.F("id", h.ID), fhir.F("language", language), fhir.F("basedOn", fhir.List(based...)), fhir.F("questionnaire", s.Canonical()),
		fhir.F("status", h.Status), fhir.F("subject", subject), fhir.F("authored", h.Authored), fhir.F("author", author),
		fhir.F("item", w.items(s.root.Nodes)))
}

// Canonical names the form with its version.
func (d *Definition) Canonical() string {
	if d.Version == "" {
		return d.URL
	}
	return d.URL + "|" + d.Version
}

// A writer writes nodes as items of a response.
type writer struct {
	language string
	texts    bool
	all      bool // those that are not enabled too
	keep     bool // what is kept: who answered, and nothing for people to read
	order    []*Node
}

// items writes nodes, those without answers only where they are to be found again.
func (w *writer) items(nodes []*Node) fhir.Value {
	var list []any
	for _, n := range nodes {
		if n.Item.Type == Display || !n.enabled && !w.all {
			continue
		}
		if w.texts && !n.answered() {
			continue
		}
		w.order = append(w.order, n)
		var text string
		if w.texts {
			text = n.Item.Text(w.language)
		}
		var answers []any
		for _, a := range n.Answers {
			var by fhir.Value
			if a.By != "" && (w.texts || w.keep) {
				by = fhir.List(fhir.Extension(extAuthor, fhir.F("valueReference", fhir.Object(fhir.F("identifier", fhir.Object(fhir.F("value", a.By)))))))
			}
			answers = append(answers, fhir.Object(fhir.F("extension", by), fhir.F(a.Name, a.Value), fhir.F("item", w.items(a.Nodes))))
		}
		list = append(list, fhir.Object(fhir.F("linkId", n.Item.LinkID), fhir.F("text", text), fhir.F("answer", fhir.List(answers...)), fhir.F("item", w.items(n.Nodes))))
	}
	return fhir.List(list...)
}

// render writes the answers as expressions see them, and says where each node stands;
// with all, those that are not enabled too.
func (s *Session) render(all bool) (fhir.Resource, map[*Node]fhirpath.Value, error) {
	w := writer{all: all}
	r, err := fhir.New("QuestionnaireResponse", fhir.F("questionnaire", s.Canonical()), fhir.F("status", "in-progress"), fhir.F("item", w.items(s.root.Nodes)))
	if err != nil {
		return r, nil, err
	}
	places := make(map[*Node]fhirpath.Value, len(w.order))
	i := 0
	// The items were written depth first, answers before groups: they are read so too.
	var walk func(e fhir.Element)
	walk = func(e fhir.Element) {
		for _, item := range e.AppendChildren(nil, "item") {
			if i < len(w.order) {
				places[w.order[i]] = fhirpath.Element(item)
				i++
			}
			for _, a := range item.AppendChildren(nil, "answer") {
				walk(a)
			}
			walk(item)
		}
	}
	walk(r.Element())
	return r, places, nil
}

// Resume goes on with answers that were given before. Answers to items that the form
// does not have, or has no more, are Invalid, with the item named: a response is bound
// to its version.
func (d *Definition) Resume(ctx context.Context, r fhir.Resource, env fhirpath.Env) (*Session, error) {
	if r.Type() != "QuestionnaireResponse" {
		return nil, fault.Errorf(fault.Invalid, "a QuestionnaireResponse is wanted")
	}
	s := &Session{Definition: d, Env: env, root: &Node{enabled: true}}
	count := 0
	nodes, err := s.read(r.Value(), d.Items, s.root, nil, &count)
	if err != nil {
		return nil, err
	}
	s.root.Nodes, s.Nodes = nodes, nodes
	return s, s.Evaluate(ctx)
}

// read reads the items of a response in the order of the form.
func (s *Session) read(v fhir.Value, items []*Item, parent *Node, within *Answer, count *int) ([]*Node, error) {
	given := map[string][]fhir.Value{}
	for raw := range v.Each("item") {
		link := raw.Get("linkId").Text()
		known := false
		for _, it := range items {
			known = known || it.LinkID == link
		}
		if !known {
			return nil, fault.Errorf(fault.Invalid, "%s is no question in this place of version %s of the form", cut(link), cut(s.Version))
		}
		if *count++; *count > maxNodes {
			return nil, fault.Errorf(fault.Exhausted, "more than %d answers", maxNodes)
		}
		given[link] = append(given[link], raw)
	}
	var all []*Node
	for _, it := range items {
		raws := given[it.LinkID]
		if len(raws) == 0 {
			for _, n := range s.grow(it, parent, within) {
				n.clear()
				all = append(all, n)
			}
			continue
		}
		if len(raws) > 1 && (it.Type != Group || !it.Repeats) {
			return nil, fault.Errorf(fault.Invalid, "%s stands %d times in the response", cut(it.LinkID), len(raws))
		}
		for _, raw := range raws {
			n := &Node{Item: it, Parent: parent, within: within}
			all = append(all, n)
			if it.Type == Group {
				below, err := s.read(raw, it.Items, n, nil, count)
				if err != nil {
					return nil, err
				}
				n.Nodes = below
				continue
			}
			if err := s.readAnswers(raw, n, count); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// readAnswers reads the answers to a question.
func (s *Session) readAnswers(raw fhir.Value, n *Node, count *int) error {
	for x := range raw.Each("answer") {
		value := x.Get("value[x]")
		if !n.Item.takes(value.Name()) {
			return fault.Errorf(fault.Invalid, "%s: %s is no answer to a %s", cut(n.Item.LinkID), cut(value.Name()), n.Item.Type)
		}
		a := &Answer{Name: value.Name(), Value: value, By: x.Extension(extAuthor).Get("value[x].identifier.value").Text()}
		n.Answers = append(n.Answers, a)
		below, err := s.read(x, n.Item.Items, n, a, count)
		if err != nil {
			return err
		}
		a.Nodes = below
	}
	if len(n.Answers) > 1 && !n.Item.Repeats {
		return fault.Errorf(fault.Invalid, "%s takes one answer", cut(n.Item.LinkID))
	}
	return nil
}

// takes reports whether answers of a name fit the item.
func (it *Item) takes(name string) bool {
	return slices.Contains(valueNames[it.Type], name)
}

// clear takes initial answers away: they were there when the form began, and somebody
// took them out.
func (n *Node) clear() {
	n.Answers = nil
	for _, below := range n.Nodes {
		below.clear()
	}
}
