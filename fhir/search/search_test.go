package search_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirpath"
	"radagora/fhir/search"
)

// unsound are expressions of R4 that name elements the type does not have.
var unsound = map[string]string{}

func resourceTypes(t testing.TB) (all []string) {
	t.Helper()
	text, err := os.ReadFile("../table/elements.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if cells := strings.Split(strings.TrimSpace(line), "\t"); strings.HasPrefix(line, "=") && len(cells) > 1 && cells[1] == "resource" {
			all = append(all, cells[0][1:])
		}
	}
	return all
}

// TestEveryParameterIsSound compiles every expression of R4 and holds it against the
// element tables.
func TestEveryParameterIsSound(t *testing.T) {
	types, parameters := resourceTypes(t), 0
	for _, of := range types {
		found := search.For(of)
		if want := fhir.SearchParameters(of); len(found) != len(want) {
			t.Errorf("%s: %d parameters compile; want %d", of, len(found), len(want))
		}
		for _, p := range found {
			parameters++
			err := fhirpath.Must(p.Expression()).Check(of)
			if reason, known := unsound[of+"."+p.Code]; (err != nil) != known {
				t.Errorf("%s.%s: %s: %v; known: %s", of, p.Code, p.Expression(), err, reason)
			}
		}
	}
	t.Logf("%d types, %d parameters", len(types), parameters)
	for of, want := range map[string]int{"ImagingStudy": 17, "ServiceRequest": 21} {
		if got := len(search.For(of)) - len(search.For("Binary")); got != want {
			t.Errorf("%s has %d parameters of its own; want %d", of, got, want)
		}
	}
}

// TestEveryExampleIsIndexed extracts every parameter of every published resource.
func TestEveryExampleIsIndexed(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 190 MB")
	}
	folder := os.Getenv("RADAGORA_FHIR_EXAMPLES")
	if folder == "" {
		folder = "../../.work/fhir-examples/package"
	}
	files, _ := filepath.Glob(filepath.Join(folder, "*.json"))
	if len(files) == 0 {
		t.Skip("FHIR examples not found: run go run ./tools/fhirtables -fetch")
	}
	entries, seen, filled := 0, map[string]bool{}, map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(text)
		if err != nil {
			continue
		}
		for _, p := range search.For(r.Type()) {
			found, err := p.Extract(t.Context(), r, 0)
			if err != nil {
				t.Errorf("%s: %v", filepath.Base(file), err)
			}
			entries += len(found)
			seen[p.Of+"."+p.Code] = true
			if len(found) > 0 {
				filled[p.Of+"."+p.Code] = true
			}
		}
	}
	t.Logf("%d entries; %d of %d parameters find something", entries, len(filled), len(seen))
}

const observation = `{"resourceType":"Observation","id":"o1","status":"final","meta":{"lastUpdated":"2026-03-04T09:30:00Z","profile":["http://example.org/profile/a"]},
"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:1.2.3"}],
"code":{"coding":[{"system":"http://loinc.org","code":"73569-6","display":"Radiation exposure"}],"text":"dose"},
"subject":{"reference":"Patient/p1"},"partOf":[{"reference":"http://example.org/fhir/ImagingStudy/s1/_history/2"}],
"performer":[{"identifier":{"system":"http://example.org/staff","value":"7"}}],
"effectiveDateTime":"2026-03-04T10:15:00+01:00",
"valueQuantity":{"value":0.8,"system":"http://unitsofmeasure.org","code":"Gy.cm"}}`

const patient = `{"resourceType":"Patient","id":"p1","active":true,"name":[{"family":"Müller-Ärmel","given":["Zoë  Ann"]}],
"birthDate":"1974-12","telecom":[{"system":"phone","value":"+49 1"},{"system":"email","value":"a@example.org"}],
"address":[{"city":"Zürich","postalCode":"8000"}],"deceasedBoolean":false}`

const encounter = `{"resourceType":"Encounter","id":"e1","status":"finished","class":{"code":"AMB"},"period":{"start":"2026-03-01T08:00:00Z"},"length":{"value":90,"system":"http://unitsofmeasure.org","code":"min"}}`

func TestCriteria(t *testing.T) {
	for _, c := range []struct {
		name, on, code, value string
		want                  bool
	}{
		{"a code in any system", observation, "code", "73569-6", true},
		{"a code of a system", observation, "code", "http://loinc.org|73569-6", true},
		{"a code of another system", observation, "code", "http://snomed.info/sct|73569-6", false},
		{"a code of no system", observation, "code", "|73569-6", false},
		{"any code of a system", observation, "code", "http://loinc.org|", true},
		{"one of several codes", observation, "code", "1,73569-6", true},
		{"not a code", observation, "code:not", "73569-6", false},
		{"not another code", observation, "code:not", "1", true},
		{"the display of a code", observation, "code:text", "radiation", true},
		{"the text of a concept", observation, "code:text", "dose", true},
		{"the text of a concept is no code", observation, "code", "dose", false},
		{"a UID as it stands", observation, "identifier", "urn:dicom:uid|urn:oid:1.2.3", true},
		{"a UID without its prefix", observation, "identifier", "urn:dicom:uid|1.2.3", true},
		{"a UID without system", observation, "identifier", "urn:oid:1.2.3", true},
		{"an id", observation, "_id", "o1", true},
		{"a boolean", patient, "active", "true", true},
		{"alive", patient, "deceased", "false", true},

		{"a reference by type and id", observation, "subject", "Patient/p1", true},
		{"a reference by id", observation, "subject", "p1", true},
		{"a reference with the type as modifier", observation, "subject:Patient", "p1", true},
		{"a reference of another type", observation, "subject:Device", "p1", false},
		{"patient is the subject if that is one", observation, "patient", "p1", true},
		{"an absolute reference by type and id", observation, "part-of", "ImagingStudy/s1", true},
		{"an absolute reference in full, without version", observation, "part-of", "http://example.org/fhir/ImagingStudy/s1", true},
		{"an absolute reference of another server", observation, "part-of", "http://example.com/fhir/ImagingStudy/s1", false},
		{"a reference by identifier", observation, "performer:identifier", "http://example.org/staff|7", true},
		{"a missing reference", observation, "device:missing", "true", true},
		{"a reference that is there", observation, "subject:missing", "true", false},

		{"the day it was, in its zone or ours", observation, "date", "2026-03-04", true},
		{"the hour in another zone", observation, "date", "2026-03-04T09:15:00Z", true},
		{"after a day", observation, "date", "gt2026-03-03", true},
		{"after the same day", observation, "date", "gt2026-03-04", false},
		{"from the same day", observation, "date", "ge2026-03-04", true},
		{"up to the same day", observation, "date", "le2026-03-04", true},
		{"before the same day", observation, "date", "lt2026-03-04", false},
		{"another day", observation, "date", "ne2026-03-05", true},
		{"about that day, a month ago", observation, "date", "ap2026-03-06", true},
		{"not about that day, a month ago", observation, "date", "ap2026-03-10", false},
		{"last updated", observation, "_lastUpdated", "ge2026-03-04T09:30:00Z", true},
		{"a month of birth is not a day", patient, "birthdate", "1974-12-25", false},
		{"a month of birth is in the year", patient, "birthdate", "1974", true},
		{"a stay without end reaches beyond any day", encounter, "date", "gt2030-01-01", true},
		{"a stay without end starts after a day", encounter, "date", "sa2026-02-28", true},
		{"a stay without end has not ended", encounter, "date", "eb2030-01-01", false},

		{"a name without accents", patient, "family", "muller", true},
		{"a name as it is spelt", patient, "family:exact", "Müller-Ärmel", true},
		{"a name in another case is not exact", patient, "family:exact", "müller-ärmel", false},
		{"a part of a name", patient, "family:contains", "armel", true},
		{"a part of a name is not its beginning", patient, "family", "armel", false},
		{"any part of a name", patient, "name", "zoe ann", true},
		{"any part of an address", patient, "address", "zurich", true},
		{"a telephone number", patient, "phone", "+49 1", true},
		{"an escaped comma is no alternative", patient, "family", `mul\,ler`, false},

		{"a value in its unit", observation, "value-quantity", "0.8|http://unitsofmeasure.org|Gy.cm", true},
		{"a value in another unit", observation, "value-quantity", "800|http://unitsofmeasure.org|mGy.cm", true},
		{"a value above", observation, "value-quantity", "gt799|http://unitsofmeasure.org|mGy.cm", true},
		{"a value not above", observation, "value-quantity", "gt0.8||Gy.cm", false},
		{"a value without unit", observation, "value-quantity", "0.8", true},
		{"a value within what the digits say", observation, "value-quantity", "1", true},
		{"a value that is more exact", observation, "value-quantity", "0.83", false},
		{"a value in a unit of something else", observation, "value-quantity", "0.8|http://unitsofmeasure.org|kg", false},
		{"a length of stay in hours", encounter, "length", "1.5|http://unitsofmeasure.org|h", true},

		{"a profile", observation, "_profile", "http://example.org/profile/a", true},
		{"below a profile", observation, "_profile:below", "http://example.org/profile", true},
		{"a profile is not its beginning", observation, "_profile", "http://example.org/profile", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(c.on))
			if err != nil {
				t.Fatal(err)
			}
			criterion, err := search.Parse(r.Type(), c.code, c.value, 60)
			if err != nil {
				t.Fatal(err)
			}
			entries, err := criterion.Parameter.Extract(t.Context(), r, 60)
			if err != nil {
				t.Fatal(err)
			}
			if got := criterion.Matches(entries, time.Date(2026, 4, 10, 0, 0, 0, 0, time.UTC)); got != c.want {
				t.Errorf("%s=%s: %v; want %v", c.code, c.value, got, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, code, value string
		want              fault.Kind
	}{
		{"a parameter nobody has", "colour", "red", fault.NotFound},
		{"a modifier that needs a terminology", "code:below", "1", fault.Unsupported},
		{"a modifier of another type", "date:exact", "2026", fault.Unsupported},
		{"a date that is none", "date", "2026-13", fault.Invalid},
		{"a number that is none", "value-quantity", "much", fault.Invalid},
		{"a quantity with half a unit", "value-quantity", "1|mg", fault.Invalid},
		{"no value", "code", "", fault.Invalid},
		{"missing or not is yes or no", "code:missing", "perhaps", fault.Invalid},
		{"a value without end", "code", strings.Repeat("a", 20_000), fault.Exhausted},
		{"values without end", "code", strings.Repeat("a,", 1000) + "a", fault.Exhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := search.Parse("Observation", c.code, c.value, 0); fault.Of(err) != c.want || err == nil {
				t.Errorf("Parse = %v; want an error of the kind %v", err, c.want)
			}
		})
	}
}

func TestEntriesHideThemselves(t *testing.T) {
	p, _ := search.Find("Patient", "family")
	r, err := fhir.Parse([]byte(patient))
	if err != nil {
		t.Fatal(err)
	}
	entries, err := p.Extract(t.Context(), r, 0)
	if err != nil || len(entries) != 1 {
		t.Fatalf("Extract = %d entries, %v; want 1", len(entries), err)
	}
	if diff := cmp.Diff("[string]", entries[0].LogValue().String()); diff != "" {
		t.Error(diff)
	}
}

// FuzzParse reads any criterion and compares it with what resources hold.
func FuzzParse(f *testing.F) {
	for _, seed := range [][2]string{{"date", "ge2026-03"}, {"code", "http://loinc.org|73569-6,x"}, {"value-quantity", "ap1e2|http://unitsofmeasure.org|mGy.cm"}, {"subject:Patient", `p\,1`}, {"_profile:below", "http://example.org"}} {
		f.Add(seed[0], seed[1])
	}
	r, err := fhir.Parse([]byte(observation))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, code, value string) {
		c, err := search.Parse("Observation", code, value, 0)
		if err != nil {
			if fault.Of(err) == fault.Internal {
				t.Error(err)
			}
			return
		}
		entries, err := c.Parameter.Extract(t.Context(), r, 0)
		if err != nil {
			t.Error(err)
		}
		c.Matches(entries, time.Unix(0, 0))
	})
}
