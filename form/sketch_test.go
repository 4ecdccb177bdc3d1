package form_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"radagora/fault"
	"radagora/form"
)

// sketch begins with a form of a language.
func sketch(t *testing.T, items string) form.Sketch {
	t.Helper()
	return form.NewSketch(parse(t, items))
}

// definition makes what was sketched ready to be asked.
func definition(t *testing.T, s form.Sketch) *form.Definition {
	t.Helper()
	d, problems := form.Parse(s.Resource())
	if d == nil {
		t.Fatalf("%v", problems)
	}
	return d
}

// outline writes link ids as they stand, what is below in brackets.
func outline(items []*form.Item) string {
	var parts []string
	for _, it := range items {
		text := it.LinkID
		if len(it.Items) > 0 {
			text += "(" + outline(it.Items) + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " ")
}

// TestSketch makes a form as somebody does on the page: question by question.
func TestSketch(t *testing.T) {
	s := sketch(t, `"title":"Room"`)
	put := func(link string, within bool, q form.Question) string {
		t.Helper()
		var id string
		var err error
		s, id, err = s.Add(link, within, q)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	text := func(en, de string) map[string]string { return map[string]string{"en": en, "de": de} }
	a := put("", false, form.Question{Type: form.Choice, Texts: text("Is it clean?", "Ist er sauber?"), Required: true, Places: -1, Offers: []form.Offer{
		{Texts: text("Yes", "Ja"), Score: "2"}, {Texts: text("In part", "Teils"), Score: "0,5"}, {Texts: text("No", "Nein"), Score: "0"},
	}})
	g := put(a, false, form.Question{Type: form.Group, Texts: text("What is missing", "Was fehlt"), Places: -1, When: []form.When{{Question: a, Operator: "!=", Answer: "ja"}}})
	b := put(g, true, form.Question{Type: form.Integer, Texts: text("How many lamps", "Wie viele Lampen"), Least: "0", Most: "9", Places: -1})
	c := put(b, false, form.Question{Type: form.Integer, Texts: text("How many gowns", "Wie viele Schürzen"), Places: -1})
	sum := put("", false, form.Question{Type: form.Decimal, Texts: text("Pieces", "Stücke"), Sum: &form.Sum{Of: []string{b, c}}, Places: -1})
	score := put("", false, form.Question{Type: form.Decimal, Texts: text("Points", "Punkte"), Sum: &form.Sum{Of: []string{a}, Scores: true}, Places: -1})
	d := definition(t, s)
	if got, want := outline(d.Items), "1 2(2.1 2.2) 3 4"; got != want {
		t.Errorf("the form is %s, want %s", got, want)
	}
	if !slices.Equal(d.Languages, []string{"en"}) { // the title is in English only
		t.Logf("languages %v", d.Languages)
	}
	session := begin(t, d)
	give(t, session, a, "1")
	give(t, session, g+"/"+b, "3")
	give(t, session, g+"/"+c, "4")
	for path, want := range map[string]string{sum: "7", score: "0.5"} {
		if n := session.Find(path); len(n.Answers) != 1 || n.Answers[0].Value.Text() != want {
			t.Errorf("%s is computed as %v, want %s", path, n.Answers, want)
		}
	}
	// What was made is described as it was said.
	q, err := d.Question(a)
	if err != nil || q.Texts["de"] != "Ist er sauber?" || !q.Required || len(q.Offers) != 3 || q.Offers[1].Code != "in-part" || q.Offers[1].Score != "0.5" || q.Offers[1].Texts["de"] != "Teils" {
		t.Errorf("the question is %+v (%v)", q, err)
	}
	if q, err = d.Question(g); err != nil || len(q.When) != 1 || q.When[0] != (form.When{Question: a, Operator: "!=", Answer: "Yes"}) {
		t.Errorf("the group is %+v (%v)", q, err)
	}
	if q, err = d.Question(b); err != nil || q.Least != "0" || q.Most != "9" {
		t.Errorf("the number is %+v (%v)", q, err)
	}
	if q, err = d.Question(score); err != nil || q.Sum == nil || !q.Sum.Scores || !slices.Equal(q.Sum.Of, []string{a}) || q.Calculated != "" {
		t.Errorf("the sum is %+v (%v)", q, err)
	}
	// Nothing is taken away that others need, and the place is named.
	_, err = s.Remove(a)
	if refused, ok := errors.AsType[*form.RefusedError](err); !ok || refused.Problem.Rule != form.RuleUnknownLink || fault.Of(err) != fault.Invalid {
		t.Errorf("a question that others need is taken away: %v", err)
	}
	for _, step := range []struct{ link, way, want string }{
		{"3", form.Up, "1 3 2(2.1 2.2) 4"},
		{"4", form.In, "1 3 2(2.1 2.2 4)"},
		{"4", form.Up, "1 3 2(2.1 4 2.2)"},
		{"4", form.Out, "1 3 2(2.1 2.2) 4"},
		{"3", form.Down, "1 2(2.1 2.2) 3 4"},
	} {
		if s, err = s.Move(step.link, step.way); err != nil {
			t.Fatal(err)
		}
		if got := outline(definition(t, s).Items); got != step.want {
			t.Errorf("%s %s: %s, want %s", step.link, step.way, got, step.want)
		}
	}
	if _, err := s.Move("1", form.Up); fault.Of(err) != fault.Conflict {
		t.Errorf("the first goes up: %v", err)
	}
	s, copied, err := s.Copy(g)
	if err != nil || outline(definition(t, s).Items) != "1 2(2.1 2.2) 5(5.1 5.2) 3 4" || copied != "5" {
		t.Errorf("a copy: %s, %s (%v)", copied, outline(definition(t, s).Items), err)
	}
	if s, err = s.Remove(copied); err != nil {
		t.Error(err)
	}
}

// TestSketchKeeps changes one thing about a question and leaves all else as it is written.
func TestSketchKeeps(t *testing.T) {
	const items = `"title":"T","item":[{"linkId":"1","type":"choice","definition":"https://example.org/x","text":"A","_text":{"extension":[{"url":"http://example.org/own","valueString":"mine"}]},"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-itemControl","valueCodeableConcept":{"coding":[{"code":"drop-down"}]}}],"answerOption":[{"valueString":"plain"},{"valueCoding":{"system":"http://example.org","code":"c","display":"C"},"initialSelected":true}]},{"linkId":"2","type":"quantity","text":"B","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/minValue","valueQuantity":{"value":1.0,"code":"mm"}}]}]`
	s := sketch(t, items)
	was := string(s.Resource().JSON())
	for _, link := range []string{"1", "2"} {
		q, err := definition(t, s).Question(link)
		if err != nil {
			t.Fatal(err)
		}
		if s, err = s.Put(q); err != nil {
			t.Fatal(err)
		}
	}
	if now := string(s.Resource().JSON()); now != was {
		t.Errorf("nothing was changed, and the form is another:\n%s\n%s", was, now)
	}
	q, _ := definition(t, s).Question("1")
	q.Texts["de"] = "Ah"
	q.Offers = append(q.Offers[1:], form.Offer{Texts: map[string]string{"en": "New one"}})
	s, err := s.Put(q)
	if err != nil {
		t.Fatal(err)
	}
	now := string(s.Resource().JSON())
	for _, want := range []string{`"definition":"https://example.org/x"`, `"valueString":"mine"`, `"drop-down"`, `"initialSelected":true`, `"code":"new-one"`, `"Ah"`, `1.0`} {
		if !strings.Contains(now, want) {
			t.Errorf("%s is lost: %s", want, now)
		}
	}
	if strings.Contains(now, `"plain"`) {
		t.Error("the option that was taken away is still there")
	}
}

// TestSketchRefuses names what is wrong with a question.
func TestSketchRefuses(t *testing.T) {
	s := sketch(t, `"title":"T","item":[{"linkId":"1","type":"integer","text":"A"},{"linkId":"2","type":"display","text":"B"}]`)
	en := map[string]string{"en": "Q"}
	for name, x := range map[string]struct {
		q    form.Question
		at   string
		in   bool
		want string
	}{
		"no text":             {form.Question{Type: form.String, Texts: map[string]string{"de": "Q"}}, "", false, "a text in en"},
		"no type":             {form.Question{Type: "colour", Texts: en}, "", false, "type of FHIR"},
		"no number":           {form.Question{Type: form.Integer, Texts: en, Least: "many"}, "", false, "whole number"},
		"least above most":    {form.Question{Type: form.Integer, Texts: en, Least: "5", Most: "4"}, "", false, "bounds"},
		"below a text":        {form.Question{Type: form.Integer, Texts: en}, "2", true, "nothing stands below"},
		"no such question":    {form.Question{Type: form.Integer, Texts: en}, "9", false, "no question 9"},
		"condition on none":   {form.Question{Type: form.Integer, Texts: en, When: []form.When{{Question: "9", Operator: "="}}}, "", false, "no question 9"},
		"condition, no value": {form.Question{Type: form.Integer, Texts: en, When: []form.When{{Question: "1", Operator: ">", Answer: "much"}}}, "", false, "whole number"},
		"condition, operator": {form.Question{Type: form.Integer, Texts: en, When: []form.When{{Question: "1", Operator: "like", Answer: "1"}}}, "", false, "compares"},
		"score":               {form.Question{Type: form.Choice, Texts: en, Offers: []form.Offer{{Texts: en, Score: "high"}}}, "", false, "score"},
		"option twice":        {form.Question{Type: form.Choice, Texts: en, Offers: []form.Offer{{Texts: en, Code: "a"}, {Texts: en, Code: "a"}}}, "", false, "twice"},
		"unit":                {form.Question{Type: form.Quantity, Texts: en, Units: []string{"furlongs"}}, "", false, "UCUM"},
		"expression":          {form.Question{Type: form.Decimal, Texts: en, Calculated: "1 +"}, "", false, "expression"},
		"not UTF-8":           {form.Question{Type: form.String, Texts: map[string]string{"en": "a\xff"}}, "", false, "cannot be written"},
	} {
		x.q.Places = -1
		if _, _, err := s.Add(x.at, x.in, x.q); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", name, err, x.want)
		}
	}
	q := form.Question{Type: form.Decimal, Texts: en, Places: -1}
	s, one, err := s.Add("", false, q)
	if err != nil {
		t.Fatal(err)
	}
	q.Sum = &form.Sum{Of: []string{one}}
	s, two, err := s.Add("", false, q)
	if err != nil {
		t.Fatal(err)
	}
	q.LinkID, q.Sum = one, &form.Sum{Of: []string{two}}
	if _, err := s.Put(q); err == nil || !strings.Contains(err.Error(), "cycle") {
		t.Errorf("two sums of each other: %v", err)
	}
}
