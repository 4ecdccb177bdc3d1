package person_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/search"
	"radagora/person"
)

func resource(t *testing.T, text string) fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// criteria reads parameters of an address.
func criteria(t *testing.T, typ string, pairs ...string) (all []search.Criterion) {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		c, err := search.Parse(typ, pairs[i], pairs[i+1], 60)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	return all
}

const anna = `{"resourceType":"Patient","identifier":[{"system":"urn:oid:1.2.3","value":"A"}],"name":[{"family":"Müller","given":["Anna"]}],"birthDate":"1970-02-03","gender":"female"}`

// TestPatients makes Patients of facts, finds them, and merges them.
func TestPatients(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, nil)
		k.Key = func(issuer, id string) string { return issuer + "|" + id }
		w := person.Writing{Site: site, Origin: "u1", Zone: time.UTC}
		write := func(fn func(tx *db.Tx) error) error {
			return d.Write(k.ctx, fn)
		}
		create := func(text string) (c person.Card, err error) {
			err = write(func(tx *db.Tx) error {
				c, err = k.CreatePatient(k.ctx, tx, w, resource(t, text))
				return err
			})
			return c, err
		}
		a, err := create(anna)
		k.check(err)
		b, err := create(strings.NewReplacer(`"A"`, `"B"`, "1.2.3", "1.2.4").Replace(anna))
		k.check(err)
		if _, err := create(anna); fault.Of(err) != fault.Conflict {
			t.Errorf("the same identifier again: %v; want a conflict", err)
		}
		if a.ID == b.ID || a.ID == "" || strings.Contains(a.ID, "1.2.3") {
			t.Errorf("ids %q and %q", a.ID, b.ID)
		}
		find := func(pairs ...string) (ids []string) {
			list, err := k.FindPatients(k.ctx, d, site, access.Reach{All: true}, search.Asked{Criteria: criteria(t, "Patient", pairs...), Limit: 10, Zone: 60, Sort: "family"})
			k.check(err)
			for _, c := range list {
				ids = append(ids, c.Identifier)
			}
			slices.Sort(ids)
			return ids
		}
		for _, c := range []struct {
			want  string
			pairs []string
		}{
			{"A B", []string{"family", "muller"}},
			{"A", []string{"identifier", "urn:oid:1.2.3|A"}},
			{"B", []string{"identifier", "B"}},
			{"", []string{"identifier", "urn:oid:1.2.4|A"}},
			{"A B", []string{"birthdate", "1970-02", "given", "ann", "gender", "female"}},
		} {
			want, pairs := c.want, c.pairs
			if got := strings.Join(find(pairs...), " "); got != want {
				t.Errorf("%v finds %q; want %q", pairs, got, want)
			}
		}
		first, err := k.FindPatients(k.ctx, d, site, access.Reach{All: true}, search.Asked{Limit: 1, Sort: "birthdate", Descending: true})
		k.check(err)
		second, err := k.FindPatients(k.ctx, d, site, access.Reach{All: true}, search.Asked{Limit: 5, Sort: "birthdate", Descending: true, Behind: first[0].ID})
		k.check(err)
		if len(first) != 1 || len(second) != 1 || first[0].ID == second[0].ID {
			t.Errorf("two pages of %d and %d", len(first), len(second))
		}
		if none, err := k.FindPatients(k.ctx, d, site, access.Reach{Own: "1.2.9|X"}, search.Asked{Limit: 5}); err != nil || len(none) != 0 {
			t.Errorf("somebody else's reach: %d %v", len(none), err)
		}
		if own, err := k.CountPatients(k.ctx, d, site, access.Reach{Own: a.Key}, search.Asked{}); err != nil || own != 1 {
			t.Errorf("one's own reach: %d %v", own, err)
		}
		before, err := k.Patient(k.ctx, d, a)
		k.check(err)
		_, err = k.Link(k.ctx, person.Link{Site: site, Kind: person.Merged, A: a.Key, B: b.Key, Reason: "one card"})
		k.check(err)
		p, err := k.Patient(k.ctx, d, a)
		k.check(err)
		if issues := fhir.Validate(p.Resource); issues != nil {
			t.Errorf("not valid: %v", issues)
		}
		active, _ := p.Resource.Get("active").Bool()
		if active || p.Resource.Get("link.type").Text() != "replaced-by" || p.Resource.Get("identifier[1].value").Text() != "B" || p.Version == before.Version {
			t.Errorf("given up: %s", p.Resource.JSON())
		}
		if got := find("identifier", "A"); len(got) != 2 {
			t.Errorf("by the number that was given up: %v; want both", got)
		}
	})
}

// TestBodies keeps sizes as Observations, and shows those in doubt as such.
func TestBodies(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, nil)
		k.Key = func(issuer, id string) string { return issuer + "|" + id }
		w := person.Writing{Site: site, Origin: "u1", Zone: time.UTC}
		k.check(d.Write(k.ctx, func(tx *db.Tx) error {
			_, err := k.CreatePatient(k.ctx, tx, w, resource(t, anna))
			return err
		}))
		observe := func(code, value string) (f person.Fact, again bool, err error) {
			text := `{"resourceType":"Observation","id":"` + db.NewID() + `","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"` + code + `"}]},
				"subject":{"identifier":{"system":"urn:oid:1.2.3","value":"A"}},"effectiveDateTime":"2026-11-20",` + value + `}`
			err = d.Write(k.ctx, func(tx *db.Tx) error {
				f, again, err = k.CreateObservation(k.ctx, tx, w, resource(t, text))
				return err
			})
			return f, again, err
		}
		quantity := func(n, unit string) string {
			return `"valueQuantity":{"value":` + n + `,"system":"http://unitsofmeasure.org","code":"` + unit + `"}`
		}
		for _, c := range []struct{ code, value, path, want string }{
			{"8302-2", quantity("1.70", "m"), "valueQuantity.value", "170"},
			{"8302-2", quantity("17", "m"), "dataAbsentReason.coding.code", "error"},
			{"3141-9", quantity("150", "[lb_av]"), "valueQuantity.code", "kg"},
			{"82810-3", `"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"77386006"}]}`, "valueCodeableConcept.coding.code", "LA15173-0"},
		} {
			f, _, err := observe(c.code, c.value)
			k.check(err)
			o, err := k.Observation(f)
			k.check(err)
			if got := o.Resource.Get(c.path).Text(); got != c.want || fhir.Validate(o.Resource) != nil {
				t.Errorf("%s %s: %s = %q; want %q: %s", c.code, c.value, c.path, got, c.want, o.Resource.JSON())
			}
		}
		if _, again, err := observe("8302-2", quantity("1.70", "m")); err != nil || !again {
			t.Errorf("the same again: %v %v", again, err)
		}
		for element, try := range map[string][2]string{
			"Observation.code": {"1-8", quantity("1", "m")}, "Observation.value[x]": {"8302-2", quantity("170", "kg")},
		} {
			_, _, err := observe(try[0], try[1])
			if issues := fhir.Wrong(err); len(issues) == 0 || issues[0].Expression != element {
				t.Errorf("%v: %v; want a refusal of %s", try, err, element)
			}
		}
		for want, pairs := range map[int][]string{4: {"patient:identifier", "urn:oid:1.2.3|A"}, 2: {"code", "8302-2"}, 1: {"category", "social-history"}, 0: {"date", "lt2026-11-20"}} {
			n, err := k.CountBodies(k.ctx, d, site, access.Reach{All: true}, search.Asked{Criteria: criteria(t, "Observation", pairs...)})
			if err != nil || n != want {
				t.Errorf("%v: %d %v; want %d", pairs, n, err, want)
			}
		}
	})
}
