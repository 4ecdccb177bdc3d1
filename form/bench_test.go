package form_test

import (
	"fmt"
	"strings"
	"testing"

	"radagora/fhir/fhirpath"
	"radagora/form"
)

// large is a form of about 2 000 items: 80 groups of 24 questions, every third of which is
// asked only after the one before it, with the sum of each group and one of all groups.
func large(t testing.TB) *form.Definition {
	var b strings.Builder
	b.WriteString(`"item":[`)
	var sums []string
	for g := range 80 {
		fmt.Fprintf(&b, `{"linkId":"g%d","type":"group","text":"Group","item":[`, g)
		for q := range 24 {
			when := ""
			if q%3 == 2 {
				when = fmt.Sprintf(`,"enableWhen":[{"question":"g%d-%d","operator":">","answerInteger":2}]`, g, q-1)
			}
			fmt.Fprintf(&b, `{"linkId":"g%d-%d","type":"integer","text":"How many"%s},`, g, q, when)
		}
		fmt.Fprintf(&b, `{"linkId":"sum%d","type":"integer","text":"Sum",%s}]},`, g, calculated(fmt.Sprintf(`%%resource.item.where(linkId='g%d').item.where(linkId != 'sum%d').answer.value.aggregate($this + $total, 0)`, g, g)))
		sums = append(sums, fmt.Sprintf("linkId='sum%d'", g))
	}
	fmt.Fprintf(&b, `{"linkId":"all","type":"integer","text":"All",%s}]`, calculated(`%resource.item.item.where(`+strings.Join(sums, " or ")+`).answer.value.aggregate($this + $total, 0)`))
	d, problems := form.Parse(questionnaire(t, b.String()))
	if d == nil {
		t.Fatal(problems)
	}
	return d
}

// BenchmarkLarge opens a form of 2 000 items, answers one question, asks what is missing,
// and changes a question of the form.
func BenchmarkLarge(b *testing.B) {
	d := large(b)
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			if _, err := d.Begin(b.Context(), fhirpath.Env{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	s, err := d.Begin(b.Context(), fhirpath.Env{})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("answer", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			n := s.Find(fmt.Sprintf("g%d/g%d-0", i%80, i%80))
			a, err := n.Item.ReadAnswer(fmt.Sprint(i))
			if err != nil {
				b.Fatal(err)
			}
			if err := s.Set(n, a); err != nil {
				b.Fatal(err)
			}
			if err := s.Evaluate(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("change", func(b *testing.B) { // of the form itself, by somebody who makes it
		for i := 0; b.Loop(); i++ {
			q, err := d.Question(fmt.Sprintf("g%d-0", i%80))
			if err != nil {
				b.Fatal(err)
			}
			q.Texts["en"] = fmt.Sprint("How many ", i)
			if _, err := form.NewSketch(d).Put(q); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("gaps", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Gaps(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
