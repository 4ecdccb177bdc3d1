package archive_test

import (
	"fmt"
	"strings"
	"testing"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
)

// typed searches and returns what is found: study and how each word matched.
func (b *bench) typed(text string, reach access.Reach) string {
	b.t.Helper()
	list, err := b.Search(b.t.Context(), site, reach, text, 10)
	if err != nil {
		b.t.Fatal(err)
	}
	var all []string
	for _, m := range list {
		one := strings.TrimPrefix(m.Study.UID.String(), "1.2.3.")
		for _, w := range m.Why {
			one += fmt.Sprintf(" %s/%s", w.Field, w.How)
		}
		all = append(all, one)
	}
	return strings.Join(all, ", ")
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for i, p := range []struct{ id, name, date, modality, description string }{
			{"0004711", "Müller^Ännchen", "20240101", "CT", "Thorax mit KM"},
			{"4712", "MULLER-WEISS^BERT", "20240201", "MR", "Schädel nativ"},
			{"4713", "Łukasiewicz^Jan", "20230301", "CT", "Abdomen"},
			{"4714", "Yamada^Tarou=山田^太郎", "20230401", "US", "Abdomen"},
		} {
			b.mustStore(thing{study: i + 1, series: 1, instance: 1, patient: p.id, name: p.name, modality: p.modality, set: func(b *dicom.Builder) {
				b.Text(tag.StudyDate, p.date).Text(tag.AccessionNumber, "A"+p.id).Text(tag.StudyDescription, p.description).
					Text(tag.ReferringPhysicianName, "Sommer^Ina")
			}}.arrival(t), archive.Added)
		}
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ name, text, want string }{
			{"beginning of a name", "mul", "2 name/begins, 1 name/begins"},
			{"accents", "müller änn", "1 name/whole name/begins"},
			{"given name first", "bert muller", "2 name/whole name/whole"},
			{"part of a double name", "weiss", "2 name/whole"},
			{"two letters exchanged", "mulelr", "2 name/similar, 1 name/similar"},
			{"a letter left out", "lukasewicz", "3 name/similar"},
			{"another script", "山田", "4 name/whole"},
			{"an ID with its zeros", "00047", "1 id/begins"},
			{"an ID without", "4711", "1 id/whole"},
			{"an accession number", "a4713", "3 accession/whole"},
			{"a modality and a word", "ct abd", "3 modality/whole description/begins"},
			{"a year", "2023 abdomen", "4 date/begins description/whole, 3 date/begins description/whole"},
			{"a day, as people write it", "1.2.2024", "2 date/whole"},
			{"a month", "2023-04", "4 date/begins"},
			{"the referring physician", "sommer jan", "3 referring/whole name/whole"},
			{"every word must match", "muller abdomen", ""},
			{"nothing", " * ", ""},
			{"no pattern", "%", ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				if got := b.typed(c.text, everybody); got != c.want {
					t.Errorf("%q: %s; want %s", c.text, got, c.want)
				}
			})
		}
		if got := b.typed("muller", access.Reach{All: true}); got != "" {
			t.Errorf("who may not see names finds %s by one", got)
		}
		list, err := b.Search(t.Context(), site, access.Reach{All: true}, "schädel", 10)
		if err != nil || len(list) != 1 || list[0].Study.PatientName.Reveal() != "" || list[0].Study.PatientID.Reveal() != "" {
			t.Errorf("by description without identity: %d, %v", len(list), err)
		}
		if got := b.typed("muller", access.Reach{}); got != "" {
			t.Errorf("nobody finds %s", got)
		}
		if list, err := b.Search(t.Context(), "other", everybody, "muller", 10); err != nil || len(list) != 0 {
			t.Errorf("another site finds %d, %v", len(list), err)
		}
	})
}

// TestSearchErased sees that nobody who was erased is left in what was derived.
func TestSearchErased(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.mustStore(thing{study: 1, series: 1, instance: 1, patient: "1", name: "Seldomname^Anna"}.arrival(t), archive.Added)
		b.mustStore(thing{study: 2, series: 1, instance: 1, patient: "2", name: "Other^Anna"}.arrival(t), archive.Added)
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if b.count(`select count(*) from search_gram where word = 'seldomname'`) == 0 || b.typed("seldom", everybody) == "" {
			t.Fatal("the name is not found to begin with")
		}
		b.erase(access.Person{Site: site, ID: "|1"})
		for _, table := range []string{"search_gram where word = 'seldomname'", "search_word where word = 'seldomname'", "search_word where field = 'i' and word = '1'"} {
			if n := b.count("select count(*) from " + table); n != 0 {
				t.Errorf("%d rows are left in %s", n, table)
			}
		}
		for table, want := range map[string]int{"series_prepared": 1, "search_study": 1, "prepare_due": 0, "search_word where word = 'anna'": 1} {
			if n := b.count("select count(*) from " + table); n != want {
				t.Errorf("%d rows in %s; want %d", n, table, want)
			}
		}
		if got := b.typed("anna", everybody); got != "2 name/whole" {
			t.Errorf("who stays is found as %q", got)
		}
	})
}
