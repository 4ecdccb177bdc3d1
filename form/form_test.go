package form_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
	"radagora/form"
)

// parse reads a Questionnaire whose items are given.
func parse(t *testing.T, items string) *form.Definition {
	t.Helper()
	d, problems := form.Parse(questionnaire(t, items))
	if d == nil {
		t.Fatalf("%v", problems)
	}
	return d
}

func questionnaire(t testing.TB, items string) fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(`{"resourceType":"Questionnaire","url":"https://example.org/q","version":"1","status":"draft","language":"en",` + items + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func begin(t *testing.T, d *form.Definition) *form.Session {
	t.Helper()
	s, err := d.Begin(t.Context(), fhirpath.Env{Now: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// give answers a question as somebody types, and evaluates.
func give(t *testing.T, s *form.Session, path string, texts ...string) {
	t.Helper()
	n := s.Find(path)
	if n == nil {
		t.Fatalf("no question %s", path)
	}
	var all []*form.Answer
	for _, text := range texts {
		a, err := n.Item.ReadAnswer(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	if err := s.Set(n, all...); err != nil {
		t.Fatal(err)
	}
	if err := s.Evaluate(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// said returns the answers to a question.
func said(t *testing.T, s *form.Session, path string) string {
	t.Helper()
	n := s.Find(path)
	if n == nil {
		return "no question"
	}
	var all []string
	for _, a := range n.Answers {
		text := a.Value.Text()
		if a.Value.IsObject() {
			text = a.Value.Get("code").Text() + a.Value.Get("value").Text()
		}
		all = append(all, text)
	}
	if !n.Enabled() {
		return "not asked"
	}
	return strings.Join(all, ",")
}

func calculated(x string) string {
	return `"extension":[{"url":"http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression","valueExpression":{"language":"text/fhirpath","expression":"` + x + `"}}]`
}

// Conditions look at the answers of the group they stand in, and at no other.
func TestEnable(t *testing.T) {
	s := begin(t, parse(t, `"item":[
		{"linkId":"a","type":"boolean","text":"Pregnant?"},
		{"linkId":"b","type":"integer","text":"Week","enableWhen":[{"question":"a","operator":"=","answerBoolean":true}]},
		{"linkId":"c","type":"string","text":"Why","enableWhen":[{"question":"b","operator":">=","answerInteger":12}]},
		{"linkId":"none","type":"string","text":"None","enableWhen":[{"question":"a","operator":"exists","answerBoolean":false}]},
		{"linkId":"room","type":"group","text":"Room","repeats":true,"item":[
			{"linkId":"ct","type":"boolean","text":"CT?"},
			{"linkId":"rows","type":"integer","text":"Rows","enableWhen":[{"question":"ct","operator":"=","answerBoolean":true}]}]},
		{"linkId":"both","type":"display","text":"Both","enableBehavior":"all","enableWhen":[
			{"question":"a","operator":"=","answerBoolean":true},{"question":"ct","operator":"=","answerBoolean":true}]}]`))
	if got := said(t, s, "b") + said(t, s, "c") + said(t, s, "none"); got != "not askednot asked" {
		t.Errorf("at first %q", got)
	}
	give(t, s, "a", "true")
	give(t, s, "b", "14")
	give(t, s, "c", "scan")
	if got := said(t, s, "c"); got != "scan" {
		t.Errorf("%q", got)
	}
	more, err := s.Add(s.Find("room"))
	if err != nil || more.Path() != "room[1]" {
		t.Fatal(err, more.Path())
	}
	give(t, s, "room[1]/ct", "true")
	if a, b := said(t, s, "room/rows"), said(t, s, "room[1]/rows"); a != "not asked" || b != "" {
		t.Errorf("rows %q and %q", a, b)
	}
	if !s.Find("both").Enabled() {
		t.Error("both conditions hold, one of them in a group")
	}
	// What is asked no more has no answers for others, and keeps them should it come back.
	give(t, s, "a", "false")
	if got := said(t, s, "c"); got != "not asked" {
		t.Errorf("c %q", got)
	}
	give(t, s, "a", "true")
	if got := said(t, s, "b") + said(t, s, "c"); got != "14scan" {
		t.Errorf("back again %q", got)
	}
	if err := s.Remove(s.Find("room")); err != nil || s.Find("room[1]") != nil || said(t, s, "room/ct") != "true" {
		t.Errorf("removing the first room leaves %q, %v", said(t, s, "room/ct"), err)
	}
}

// What is calculated follows what it is calculated from, through several steps.
func TestCalculate(t *testing.T) {
	s := begin(t, parse(t, `"item":[
		{"linkId":"bmi","type":"decimal","text":"BMI","readOnly":true,`+calculated(`(%resource.item.where(linkId='w').answer.value / (%resource.item.where(linkId='m').answer.value * %resource.item.where(linkId='m').answer.value)).round(1)`)+`},
		{"linkId":"m","type":"decimal","text":"Height, m",`+calculated(`%resource.item.where(linkId='cm').answer.value / 100`)+`},
		{"linkId":"cm","type":"integer","text":"Height, cm"},
		{"linkId":"w","type":"decimal","text":"Weight"},
		{"linkId":"heavy","type":"display","text":"Heavy","enableWhen":[{"question":"bmi","operator":">","answerDecimal":30}]},
		{"linkId":"rows","type":"group","text":"Rows","repeats":true,"item":[
			{"linkId":"n","type":"integer","text":"n"},
			{"linkId":"twice","type":"integer","text":"twice",`+calculated(`%context.repeat(item).count()`)+`}]},
		{"linkId":"sum","type":"integer","text":"Sum",`+calculated(`%resource.item.where(linkId='rows').item.where(linkId='n').answer.value.sum()`)+`}]`))
	give(t, s, "cm", "180")
	give(t, s, "w", "97,2")
	if got := said(t, s, "bmi"); got != "30" && got != "30.0" {
		t.Errorf("BMI %s", got)
	}
	if s.Find("heavy").Enabled() {
		t.Error("30 is not more than 30")
	}
	give(t, s, "w", "98")
	if !s.Find("heavy").Enabled() {
		t.Error("30.2 is")
	}
	if _, err := s.Add(s.Find("rows")); err != nil {
		t.Fatal(err)
	}
	give(t, s, "rows/n", "4")
	give(t, s, "rows[1]/n", "38")
	if got := said(t, s, "sum"); got != "42" {
		t.Errorf("sum %s", got)
	}
	if err := s.Set(s.Find("sum")); fault.Of(err) != fault.Invalid {
		t.Errorf("a person answered what is calculated: %v", err)
	}
}

// variable is a named expression.
func variable(name, expression string) string {
	return `{"url":"http://hl7.org/fhir/StructureDefinition/variable","valueExpression":{"name":"` + name + `","language":"text/fhirpath","expression":"` + expression + `"}}`
}

// A variable of a group may name what is in the group: only who uses it depends on that.
func TestVariableOfGroup(t *testing.T) {
	s := begin(t, parse(t, `"item":[{"linkId":"sum","type":"integer",`+calculated(`0 + %resource.item.where(linkId='g').item.where(linkId='a').answer.value`)+`},{"linkId":"g","type":"group","extension":[`+
		variable("doubled", `2 * %resource.item.where(linkId='g').item.where(linkId='a').answer.value`)+`],"item":[{"linkId":"twice","type":"integer",`+calculated(`%doubled`)+`},{"linkId":"a","type":"integer"}]}]`))
	give(t, s, "g/a", "21")
	if got := said(t, s, "g/twice") + " " + said(t, s, "sum"); got != "42 21" {
		t.Errorf("twice and sum are %s", got)
	}
}

// Codes of a value set that a form contains are offered, in their languages; of another
// one it is said that they cannot be.
func TestValueSet(t *testing.T) {
	const q = `"contained":[{"resourceType":"ValueSet","id":"sides","status":"active","compose":{"include":[{"system":"http://snomed.info/sct","concept":[
		{"code":"7771000","display":"Left","designation":[{"language":"de","value":"Links"}]},{"code":"24028007","display":"Right","designation":[{"language":"de","value":"Rechts"}]}]}]}},
		{"resourceType":"ValueSet","id":"grades","status":"active","expansion":{"timestamp":"2026-01-01","contains":[{"abstract":true,"display":"Grades","contains":[{"system":"x","code":"1"},{"system":"x","code":"2"}]}]}},
		{"resourceType":"ValueSet","id":"empty","status":"active"}],
		"item":[{"linkId":"side","type":"choice","answerValueSet":"#sides"},{"linkId":"grade","type":"choice","answerValueSet":"#grades"},
		{"linkId":"far","type":"choice","answerValueSet":"http://example.org/vs"},{"linkId":"none","type":"choice","answerValueSet":"#empty"},{"linkId":"gone","type":"choice","answerValueSet":"#gone"}]`
	d, problems := form.Parse(questionnaire(t, q))
	if d == nil {
		t.Fatal(problems)
	}
	side, grade := d.Item("side"), d.Item("grade")
	if len(side.Options) != 2 || side.Options[1].Text("de") != "Rechts" || side.Options[1].Text("en") != "Right" || len(grade.Options) != 2 || grade.Options[0].Text("en") != "1" {
		t.Errorf("%+v, %+v", side.Options, grade.Options)
	}
	for _, want := range []string{"far: options value set http://example.org/vs is not contained", "none: options value set #empty lists no codes", "gone: options value set #gone is not contained"} {
		if !strings.Contains(fmt.Sprint(problems), want) {
			t.Errorf("%v; want %s", problems, want)
		}
	}
	s := begin(t, d)
	give(t, s, "side", "1")
	a := s.Find("side").Answers[0]
	if a.Name != "valueCoding" || a.Value.Get("code").Text() != "24028007" || a.Value.Get("system").Text() != "http://snomed.info/sct" {
		t.Errorf("%s %s", a.Name, a.Value.Get("code").Text())
	}
	r, err := s.Kept(form.Heading{Status: "in-progress"})
	if err != nil {
		t.Fatal(err)
	}
	again, err := d.Resume(t.Context(), r, fhirpath.Env{})
	if err != nil || again.Find("side").Item.Chosen(again.Find("side").Answers[0]) != 1 {
		t.Errorf("resumed: %v", err)
	}
}

// A form with too many items says so once.
func TestTooManyOnce(t *testing.T) {
	var many strings.Builder
	for g := range 3 {
		fmt.Fprintf(&many, `{"linkId":"g%d","type":"group","item":[`, g)
		for i := range form.MaxItems {
			fmt.Fprintf(&many, `{"linkId":"%d-%d","type":"string"},`, g, i)
		}
		many.WriteString(`{"linkId":"last` + fmt.Sprint(g) + `","type":"string"}]},`)
	}
	_, problems := form.Parse(questionnaire(t, `"item":[`+strings.TrimSuffix(many.String(), ",")+`]`))
	n := 0
	for _, p := range problems {
		if p.Rule == form.RuleTooMany {
			n++
		}
	}
	if n != 1 {
		t.Errorf("it is said %d times", n)
	}
}

// Every kind of bad form is refused with the item named.
func TestProblems(t *testing.T) {
	for _, c := range []struct{ name, items, want string }{
		{"no link id", `"item":[{"type":"string","text":"x"}]`, "link_id missing"},
		{"twice", `"item":[{"linkId":"a","type":"string"},{"linkId":"a","type":"string"}]`, "a: link_id twice"},
		{"unknown question", `"item":[{"linkId":"a","type":"string","enableWhen":[{"question":"zz","operator":"exists","answerBoolean":true}]}]`, "a: unknown_link zz"},
		{"unknown in an expression", `"item":[{"linkId":"a","type":"integer",` + calculated(`%resource.item.where(linkId='gone').count()`) + `}]`, "a: unknown_link gone"},
		{"asks itself", `"item":[{"linkId":"a","type":"string","enableWhen":[{"question":"a","operator":"exists","answerBoolean":true}]}]`, "a: cycle by a"},
		{"in a ring", `"item":[{"linkId":"a","type":"integer",` + calculated(`%resource.item.where(linkId='b').answer.value`) + `},{"linkId":"b","type":"integer",` +
			calculated(`%resource.item.where(linkId='a').answer.value`) + `}]`, "b: cycle by a"},
		{"group by its own", `"item":[{"linkId":"g","type":"group","enableWhen":[{"question":"q","operator":"exists","answerBoolean":true}],"item":[{"linkId":"q","type":"string"}]}]`, "cycle"},
		{"unknown in a variable of the form", `"extension":[` + variable("gone", `%resource.item.where(linkId='away').count()`) + `],"item":[{"linkId":"a","type":"integer"}]`, "unknown_link away"},
		{"unknown in an initial value", `"item":[{"linkId":"a","type":"integer","extension":[{"url":"http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-initialExpression","valueExpression":{"language":"text/fhirpath","expression":"%resource.item.where(linkId='gone').count()"}}]}]`, "a: unknown_link gone"},
		{"unknown in a constraint", `"item":[{"linkId":"a","type":"integer","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-constraint","extension":[{"url":"key","valueId":"k"},{"url":"severity","valueCode":"error"},{"url":"human","valueString":"x"},{"url":"expression","valueString":"%resource.item.where(linkId='gone').exists()"}]}]}]`, "a: unknown_link gone"},
		{"in a ring by a variable of the form", `"extension":[` + variable("sum", `%resource.item.where(linkId='b').answer.value`) + `],"item":[{"linkId":"a","type":"integer",` + calculated(`%sum`) + `},{"linkId":"b","type":"integer",` +
			calculated(`%resource.item.where(linkId='a').answer.value`) + `}]`, "cycle by a"},
		{"in a ring by a variable of its group", `"item":[{"linkId":"g","type":"group","extension":[` + variable("sum", `%resource.item.item.where(linkId='b').answer.value`) + `],"item":[{"linkId":"a","type":"integer",` + calculated(`%sum + 1`) + `},{"linkId":"b","type":"integer",` +
			calculated(`%resource.item.item.where(linkId='a').answer.value`) + `}]}]`, "cycle by a"},
		{"no path", `"item":[{"linkId":"a","type":"integer",` + calculated(`%resource.item.where(`) + `}]`, "a: expression"},
		{"type", `"item":[{"linkId":"a","type":"slider"}]`, "a: type slider"},
		{"operator", `"item":[{"linkId":"b","type":"string"},{"linkId":"a","type":"string","enableWhen":[{"question":"b","operator":"like","answerString":"x"}]}]`, "a: operator like"},
		{"below text", `"item":[{"linkId":"a","type":"display","text":"x","item":[{"linkId":"b","type":"string"}]}]`, "a: nested"},
		{"options twice", `"item":[{"linkId":"a","type":"choice","answerOption":[{"valueCoding":{"code":"1"}},{"valueCoding":{"code":"1"}}]}]`, "a: options twice"},
		{"initial", `"item":[{"linkId":"a","type":"integer","initial":[{"valueString":"x"}]}]`, "a: initial valueString"},
		{"bounds", `"item":[{"linkId":"a","type":"integer","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/minValue","valueInteger":3},{"url":"http://hl7.org/fhir/StructureDefinition/maxValue","valueInteger":2}]}]`, "a: bounds"},
		{"pattern", `"item":[{"linkId":"a","type":"string","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/regex","valueString":"("}]}]`, "a: regex ("},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, problems := form.Parse(questionnaire(t, c.items))
			if d != nil || !strings.Contains(fmt.Sprint(problems), c.want) {
				t.Errorf("%v; want %s", problems, c.want)
			}
			if _, err := form.Open(questionnaire(t, c.items)); fault.Of(err) != fault.Invalid {
				t.Errorf("open: %v", err)
			}
		})
	}
	var many strings.Builder
	for i := range form.MaxItems + 1 {
		fmt.Fprintf(&many, `{"linkId":"%d","type":"string"},`, i)
	}
	if d, problems := form.Parse(questionnaire(t, `"item":[`+strings.TrimSuffix(many.String(), ",")+`]`)); d != nil {
		t.Errorf("%d items: %v", form.MaxItems+1, problems)
	}
}

// Answers of a wrong form are refused in words, and what is missing is listed.
func TestGaps(t *testing.T) {
	d := parse(t, `"item":[
		{"linkId":"name","type":"string","text":"Name","required":true,"maxLength":5},
		{"linkId":"age","type":"integer","text":"Age","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/minValue","valueInteger":18},
			{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-constraint","extension":[{"url":"key","valueId":"even"},{"url":"severity","valueCode":"warning"},
			{"url":"human","valueString":"even"},{"url":"expression","valueString":"answer.value mod 2 = 0"}]}]},
		{"linkId":"dose","type":"quantity","text":"Dose","extension":[{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-unit","valueCoding":{"system":"http://unitsofmeasure.org","code":"mGy"}},
			{"url":"http://hl7.org/fhir/StructureDefinition/maxValue","valueDecimal":100}]},
		{"linkId":"day","type":"date","text":"Day"},
		{"linkId":"what","type":"choice","repeats":true,"text":"What","answerOption":[{"valueCoding":{"code":"a"}},{"valueCoding":{"code":"b"}},
			{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/questionnaire-optionExclusive","valueBoolean":true}],"valueCoding":{"code":"none"}}]}]`)
	s := begin(t, d)
	gaps := func() string {
		t.Helper()
		all, err := s.Gaps(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, g := range all {
			names = append(names, g.Node.Path()+" "+g.Rule+" "+g.Want)
		}
		return strings.Join(names, "; ")
	}
	if got := gaps(); got != "name missing " {
		t.Errorf("%s", got)
	}
	give(t, s, "name", "Dr Who Two")
	give(t, s, "age", "17")
	give(t, s, "dose", "120,5")
	give(t, s, "what", "0", "2")
	if got := gaps(); got != "name long 5; age low 18; age constraint even; dose high 100; what exclusive none" {
		t.Errorf("%s", got)
	}
	if a, b := s.Progress(); a != 4 || b != 5 {
		t.Errorf("%d of %d", a, b)
	}
	for path, texts := range map[string][]string{"age": {"1.5", "x", "99999999999"}, "dose": {"12 furlong", "much"}, "day": {"31.12.2026", "2026-02-30"}, "what": {"7", "a"}} {
		for _, text := range texts {
			if _, err := d.Item(path).ReadAnswer(text); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), path) {
				t.Errorf("%s %q: %v", path, text, err)
			}
		}
	}
}

// A response that is resumed says what it said.
func TestResume(t *testing.T) {
	d := parse(t, `"item":[
		{"linkId":"a","type":"boolean","text":"A","initial":[{"valueBoolean":true}],"item":[{"linkId":"a.why","type":"text","text":"Why"}]},
		{"linkId":"g","type":"group","text":"G","repeats":true,"item":[{"linkId":"x","type":"integer","text":"X"}]},
		{"linkId":"z","type":"open-choice","text":"Z","answerOption":[{"valueString":"one"}]}]`)
	s := begin(t, d)
	give(t, s, "a/a.why", "because")
	if _, err := s.Add(s.Find("g")); err != nil {
		t.Fatal(err)
	}
	give(t, s, "g[1]/x", "2")
	give(t, s, "z", "something else")
	s.Find("z").Answers[0].By = "account-7"
	r, err := s.Response(form.Heading{Status: "in-progress", Authored: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, "en")
	if err != nil {
		t.Fatal(err)
	}
	for _, issue := range fhir.Validate(r) {
		t.Errorf("%v", issue)
	}
	again, err := d.Resume(t.Context(), r, fhirpath.Env{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.Response(form.Heading{Status: "in-progress", Authored: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}, "en")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(r.JSON()), string(second.JSON())); diff != "" {
		t.Error(diff)
	}
	if got := again.Find("z").Answers[0].By; got != "account-7" {
		t.Errorf("answered by %q", got)
	}
	other := parse(t, `"item":[{"linkId":"b","type":"boolean","text":"B"}]`)
	if _, err := other.Resume(t.Context(), r, fhirpath.Env{}); fault.Of(err) != fault.Invalid {
		t.Errorf("answers to another form: %v", err)
	}
	// Who takes an initial answer away finds it away.
	give(t, s, "a")
	if r, err = s.Response(form.Heading{Status: "in-progress"}, "en"); err != nil {
		t.Fatal(err)
	}
	if again, err = d.Resume(t.Context(), r, fhirpath.Env{}); err != nil || said(t, again, "a") != "" {
		t.Errorf("%v %q", err, said(t, again, "a"))
	}
}

// The forms that HL7 publishes can be asked, and their published answers be resumed.
func TestPublished(t *testing.T) {
	const folder = "../.work/fhir-examples/package"
	names, err := filepath.Glob(filepath.Join(folder, "Questionnaire-*.json"))
	if err != nil || len(names) == 0 {
		t.Skip("the published examples are not there: make test fetches them")
	}
	read := func(name string) fhir.Resource {
		t.Helper()
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	forms := map[string]*form.Definition{}
	for _, name := range names {
		short := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(name), "Questionnaire-"), ".json")
		d, problems := form.Parse(read(name))
		if d == nil {
			if short != "qs1" { // has items without link id, as the brief of FHIR says
				t.Errorf("%s: %v", short, problems)
			}
			continue
		}
		forms[short] = d
		begin(t, d)
	}
	if len(forms) < 5 {
		t.Errorf("%d forms", len(forms))
	}
	for _, short := range []string{"3141", "bb", "gcs", "f201"} {
		r := read(filepath.Join(folder, "QuestionnaireResponse-"+short+".json"))
		s, err := forms[short].Resume(t.Context(), r, fhirpath.Env{})
		if err != nil {
			t.Logf("%s: %v", short, err)
			continue
		}
		if short == "gcs" {
			if sum, ok := s.Score(""); ok {
				t.Logf("Glasgow coma scale %v", sum)
			}
		}
	}
}

// Two thousand questions that depend on each other are evaluated.
func TestMany(t *testing.T) {
	var items strings.Builder
	for i := range 2000 {
		if i > 0 {
			items.WriteString(",")
		}
		fmt.Fprintf(&items, `{"linkId":"q%d","type":"integer","text":"Question %d"`, i, i)
		if i > 0 {
			fmt.Fprintf(&items, `,"enableWhen":[{"question":"q%d","operator":"exists","answerBoolean":true}]`, i-1)
		}
		items.WriteString("}")
	}
	s := begin(t, parse(t, `"item":[`+items.String()+`]`))
	for i := range 50 {
		give(t, s, fmt.Sprintf("q%d", i), "1")
	}
	if answered, asked := s.Progress(); answered != 50 || asked != 51 {
		t.Errorf("%d of %d", answered, asked)
	}
}

func TestDiff(t *testing.T) {
	one := parse(t, `"item":[{"linkId":"g","type":"group","item":[{"linkId":"a","type":"integer","text":"A"},{"linkId":"b","type":"choice","text":"B","answerOption":[{"valueString":"x"},{"valueString":"y"}]}]},{"linkId":"old","type":"string","text":"Old"}]`)
	two := parse(t, `"item":[{"linkId":"g","type":"group","item":[{"linkId":"b","type":"choice","text":"B!","answerOption":[{"valueString":"x"},{"valueString":"z"}]}]},{"linkId":"a","type":"decimal","text":"A","required":true},{"linkId":"new","type":"string","text":"New"}]`)
	var got []string
	for _, c := range form.Diff(one, two) {
		got = append(got, fmt.Sprintf("%s %s %q>%q %v", c.LinkID, c.What, c.Old, c.New, c.Breaks))
	}
	want := []string{
		`b order "a">"" false`, `b text "B">"B!" false`, `b options removed "y">"" true`, `b options added "">"z" false`,
		`a moved "g">"" true`, `a type "integer">"decimal" true`, `a required "no">"yes" true`, `new added "">"New" false`, `old removed "Old">"" true`,
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if all := form.Diff(one, one); len(all) > 0 {
		t.Errorf("the same form: %v", all)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"resourceType":"Questionnaire","item":[{"linkId":"a","type":"integer",` + calculated(`1+1`) + `},{"linkId":"b","type":"group","repeats":true,"item":[{"linkId":"c","type":"choice","answerOption":[{"valueString":"x"}]}]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := fhir.Parse(text)
		if err != nil {
			return
		}
		d, problems := form.Parse(r)
		if d == nil {
			if len(problems) == 0 {
				t.Error("refused without a reason")
			}
			return
		}
		s, err := d.Begin(t.Context(), fhirpath.Env{})
		if err != nil {
			if fault.Of(err) == fault.Internal && !errors.Is(err, t.Context().Err()) {
				t.Error(err)
			}
			return
		}
		if _, err := s.Gaps(t.Context()); err != nil {
			return
		}
		back, err := s.Response(form.Heading{Status: "in-progress"}, "en")
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := d.Resume(t.Context(), back, fhirpath.Env{}); err != nil && fault.Of(err) != fault.Invalid {
			t.Error(err)
		}
	})
}
