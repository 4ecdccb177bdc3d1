package form

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"radagora/fault"
	"radagora/fhir"
	"radagora/ucum"
)

// A Node is a question that is asked, or a group of them: an item in its place among
// the answers. A group that repeats has a node for each time.
type Node struct {
	Item    *Item
	Parent  *Node
	Answers []*Answer // of a question
	Nodes   []*Node   // of a group

	enabled bool
	within  *Answer // that the node stands below
}

// An Answer is one to a question.
type Answer struct {
	Name  string // valueDecimal, …
	Value fhir.Value
	By    string // who gave it, as access names people; "" if it was calculated or proposed
	Nodes []*Node
}

// Enabled reports whether the question is asked.
func (n *Node) Enabled() bool { return n.enabled }

// below returns the nodes below one, those below its answers too.
func (n *Node) below() []*Node {
	all := n.Nodes
	for _, a := range n.Answers {
		all = append(all, a.Nodes...)
	}
	return all
}

// Path names a node: link ids with the place of groups that repeat, as site/2/name. The
// first time is 0 and not written.
func (n *Node) Path() string {
	var parts []string
	for at := n; at != nil && at.Item != nil; at = at.Parent {
		part := escape(at.Item.LinkID)
		if k := at.index(); k > 0 {
			part += "[" + strconv.Itoa(k) + "]"
		}
		parts = append(parts, part)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "/")
}

// escape makes a link id fit into a path.
func escape(s string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F", "[", "%5B").Replace(s)
}

// index is which time of a repeated group the node is, or below which answer it stands.
func (n *Node) index() int {
	if n.Parent == nil {
		return 0
	}
	if n.within != nil {
		return slices.Index(n.Parent.Answers, n.within)
	}
	k := 0
	for _, other := range n.Parent.Nodes {
		if other == n {
			return k
		}
		if other.Item == n.Item {
			k++
		}
	}
	return 0
}

// ReadAnswer makes an answer of what somebody typed into a field: "" is no answer, and
// returns nil. An option is named by its place, from 0; of an open choice any other text
// is an answer in the person's own words; a quantity is a number, a space and the code of
// its unit. Invalid, with the rule, if the text is none of the type.
func (it *Item) ReadAnswer(text string) (*Answer, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	refuse := func(want string) error {
		return fault.Errorf(fault.Invalid, "question %s: %s is wanted", cut(it.LinkID), want)
	}
	if len(text) > maxText {
		return nil, refuse("a shorter answer")
	}
	a := &Answer{}
	switch it.Type {
	case Boolean:
		if text != "true" && text != "false" {
			return nil, refuse("yes or no")
		}
		a.Value = only(text == "true")
	case Integer:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return nil, refuse("a whole number")
		}
		a.Value = only(n)
	case Decimal:
		d, err := ucum.ParseDecimal(strings.Replace(text, ",", ".", 1))
		if err != nil {
			return nil, refuse("a number")
		}
		a.Value = only(d)
	case Quantity:
		number, unit, _ := strings.Cut(text, " ")
		d, err := ucum.ParseDecimal(strings.Replace(number, ",", ".", 1))
		if err != nil {
			return nil, refuse("a number with its unit")
		}
		coding, ok := it.unit(strings.TrimSpace(unit))
		if !ok {
			return nil, refuse("one of the units offered")
		}
		a.Value = fhir.Object(fhir.F("value", d), fhir.F("unit", cmp.Or(coding.Get("display").Text(), coding.Get("code").Text())),
			fhir.F("system", coding.Get("system").Text()), fhir.F("code", coding.Get("code").Text()))
	case Choice, OpenChoice:
		n, err := strconv.Atoi(text)
		switch {
		case err == nil && n >= 0 && n < len(it.Options):
			a.Name, a.Value = it.Options[n].Name, it.Options[n].Value
			return a, nil
		case it.Type == OpenChoice:
			a.Value = only(strings.TrimPrefix(text, "="))
			a.Name = "valueString"
			return a, nil
		}
		return nil, refuse("one of the options")
	case String, Text, URL, Date, DateTime, Time:
		a.Value = only(text)
	case Group, Display, Attachment, Ref:
		return nil, refuse("no text")
	default:
		return nil, refuse("no text")
	}
	a.Name = valueNames[it.Type][0]
	if err := formOf(a); err != nil {
		return nil, refuse(map[Type]string{Date: "a day, as 2026-05-31", DateTime: "a day, or a time with its zone", Time: "a time, as 14:30:00"}[it.Type])
	}
	return a, nil
}

// unit returns the unit of a code; of an item that offers but one, "" is that.
func (it *Item) unit(code string) (fhir.Value, bool) {
	if len(it.Units) == 0 {
		if code == "" {
			return fhir.Value{}, true
		}
		if _, err := ucum.Parse(code); err != nil {
			return fhir.Value{}, false
		}
		return fhir.Coding("http://unitsofmeasure.org", code, ""), true
	}
	for _, u := range it.Units {
		if code == "" && len(it.Units) == 1 || u.Get("code").Text() == code {
			return u, true
		}
	}
	return fhir.Value{}, false
}

// only makes a value of a primitive.
func only(v any) fhir.Value { return fhir.Object(fhir.F("v", v)).Get("v") }

// formOf says whether the value of an answer has the form that FHIR wants.
func formOf(a *Answer) error {
	r, err := fhir.New("QuestionnaireResponse", fhir.F("status", "in-progress"),
		fhir.F("item", fhir.List(fhir.Object(fhir.F("linkId", "1"), fhir.F("answer", fhir.List(fhir.Object(fhir.F(a.Name, a.Value))))))))
	if err != nil {
		return err
	}
	for _, issue := range fhir.Validate(r) {
		if issue.Severity == fhir.Error || issue.Severity == fhir.Fatal {
			return fault.Errorf(fault.Invalid, "%s", issue.Expression)
		}
	}
	return nil
}

// same reports whether two values are the same answer: of codings, system and code.
func same(a, b fhir.Value) bool {
	switch {
	case a.IsObject() != b.IsObject():
		return false
	case !a.IsObject():
		x, ok := a.Decimal()
		y, also := b.Decimal()
		if ok && also {
			return x.Equal(y)
		}
		return ok == also && a.Text() == b.Text() && a.Text() != ""
	case a.Get("value").Exists():
		return same(a.Get("value"), b.Get("value")) && a.Get("code").Text() == b.Get("code").Text() && a.Get("unit").Text() == b.Get("unit").Text()
	case a.Get("reference").Exists():
		return a.Get("reference").Text() == b.Get("reference").Text()
	}
	return a.Get("code").Text() == b.Get("code").Text() && a.Get("code").Text() != "" && a.Get("system").Text() == b.Get("system").Text() ||
		a.Get("code").Text() == "" && b.Get("code").Text() == "" && a.Get("display").Text() == b.Get("display").Text() && a.Get("display").Text() != ""
}

// less reports whether a is before b; never of what cannot be ordered.
func less(a, b fhir.Value) bool {
	c, ok := compare(a, b)
	return ok && c < 0
}

// compare orders numbers, quantities of one unit, and days and times of one precision
// and zone.
func compare(a, b fhir.Value) (order int, ok bool) {
	if a.IsObject() && b.IsObject() {
		if a.Get("code").Text() != b.Get("code").Text() {
			return 0, false
		}
		return compare(a.Get("value"), b.Get("value"))
	}
	x, isX := a.Decimal()
	y, isY := b.Decimal()
	if isX && isY {
		return x.Cmp(y), true
	}
	if isX || isY || a.Text() == "" || b.Text() == "" || a.IsObject() || b.IsObject() {
		return 0, false
	}
	t, isT := a.Instant()
	u, isU := b.Instant()
	if isT && isU {
		return t.Compare(u), true
	}
	if len(a.Text()) != len(b.Text()) || isT != isU {
		return 0, false
	}
	return strings.Compare(a.Text(), b.Text()), true
}

// Chosen returns the place of the option that an answer is, -1 if it is none.
func (it *Item) Chosen(a *Answer) int {
	return slices.IndexFunc(it.Options, func(o *Option) bool { return same(o.Value, a.Value) })
}

// File makes an answer of a file, its bytes in Base64.
func File(name, mediaType, data string, size int) *Answer {
	return &Answer{Name: "valueAttachment", Value: fhir.Object(fhir.F("contentType", cmp.Or(mediaType, "application/octet-stream")),
		fhir.F("data", data), fhir.F("size", size), fhir.F("title", cmp.Or(cut(name), "file")))}
}
