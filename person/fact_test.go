package person_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/person"
)

// bounds are those of the content.
func bounds(t testing.TB) person.Bounds {
	t.Helper()
	library, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	table, err := library.Table("", "person/plausible", "settings")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for row := range table.All() {
		values[row.Text("key")], _ = row.Number("value")
	}
	b, err := person.NewBounds(values)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func at(hour int) time.Time { return now().Add(time.Duration(hour) * time.Hour) }

func said(key string, kind person.FactKind, value string, hour int) person.Fact {
	return person.Fact{Site: site, Key: key, Kind: kind, Value: value, At: at(hour), Source: person.FromHL7, Origin: "adt"}
}

func (k *desk) note(facts ...person.Fact) (fresh []person.Fact) {
	k.t.Helper()
	k.check(k.db.Write(k.t.Context(), func(tx *db.Tx) (err error) {
		fresh, err = k.Note(k.t.Context(), tx, facts...)
		return err
	}))
	return fresh
}

// known says what holds at a time, as kind=value.
func (k *desk) known(key string, when time.Time) string {
	k.t.Helper()
	all, err := k.Known(k.t.Context(), k.db, site, key, when)
	k.check(err)
	var list []string
	for _, kind := range []person.FactKind{person.Name, person.BirthDate, person.Sex, person.Deceased, person.Height, person.Weight, person.Pregnancy} {
		if f, ok := all[kind]; ok {
			list = append(list, string(kind)+"="+f.Value)
		}
	}
	return strings.Join(list, " ")
}

func TestKnown(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, nil)
		for _, c := range []struct {
			name  string
			facts []person.Fact
			when  time.Time
			want  string
		}{
			{"nothing", nil, time.Time{}, ""},
			{"the newest", []person.Fact{said("", person.Name, "OLD^A", 1), said("", person.Name, "NEW^A", 2)}, time.Time{}, "name=NEW^A"},
			{"the newest, though it came first", []person.Fact{said("", person.Sex, "F", 2), said("", person.Sex, "M", 1)}, time.Time{}, "sex=F"},
			{"said again later than another thing that comes late", []person.Fact{said("", person.Name, "A^A", 1), said("", person.Name, "A^A", 3), said("", person.Name, "B^B", 2)}, time.Time{}, "name=A^A"},
			{"withdrawn", []person.Fact{said("", person.Name, "A^A", 1), said("", person.Name, "", 2)}, time.Time{}, ""},
			{"withdrawn, and said again", []person.Fact{said("", person.Name, "A^A", 1), said("", person.Name, "", 2), said("", person.Name, "A^B", 3)}, time.Time{}, "name=A^B"},
			{"what held then", []person.Fact{said("", person.Weight, "70", 1), said("", person.Weight, "80", 9)}, at(5), "weight=70"},
			{"the first behind it where nothing was before", []person.Fact{said("", person.Weight, "70", 7), said("", person.Weight, "80", 9)}, at(5), "weight=70"},
			{"no height of 17 m", []person.Fact{said("", person.Height, "1.7", 1), said("", person.Height, "17", 2)}, time.Time{}, "height=1.7"},
			{"no child of 300 kg", []person.Fact{said("", person.BirthDate, "2020-01-01", 1), said("", person.Weight, "300", 2)}, time.Time{}, "birth_date=2020-01-01"},
			{"whoever grew up may be", []person.Fact{said("", person.BirthDate, "1980-01-01", 1), said("", person.Weight, "300", 2)}, time.Time{}, "birth_date=1980-01-01 weight=300"},
		} {
			t.Run(c.name, func(t *testing.T) {
				key := "H|" + c.name
				for i := range c.facts {
					c.facts[i].Key = key
				}
				k.note(c.facts...)
				if got := k.known(key, c.when); got != c.want {
					t.Errorf("known: %q; want %q", got, c.want)
				}
				if again := k.note(c.facts...); len(again) != 0 {
					t.Errorf("said again: %d were new", len(again))
				}
				if all, err := k.History(t.Context(), site, key); err != nil || len(all) != len(c.facts) && !strings.HasPrefix(c.name, "said again") {
					t.Errorf("history: %d, %v; want %d", len(all), err, len(c.facts))
				}
			})
		}
	})
}

func TestFactsFollowLinks(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, nil)
		k.note(said("H|1", person.Weight, "70", 1), said("G|9", person.Height, "1.8", 1))
		id, err := k.Link(k.ctx, person.Link{Site: site, Kind: person.Merged, A: "G|9", B: "H|1", Reason: "one person"})
		k.check(err)
		if got := k.known("H|1", time.Time{}); got != "height=1.8 weight=70" {
			t.Errorf("linked: %q", got)
		}
		k.check(k.Unlink(k.ctx, site, id, "two persons"))
		if got := k.known("H|1", time.Time{}); got != "weight=70" {
			t.Errorf("undone: %q", got)
		}
		roll, err := k.Persons(t.Context(), k.db)
		if err != nil || len(roll) != 2 {
			t.Errorf("roll: %d, %v", len(roll), err)
		}
		exported := 0
		for rec, err := range k.Export(t.Context(), access.Person{Site: site, ID: "H|1"}) {
			k.check(err)
			if rec.Kind == "fact" {
				exported++
			}
		}
		if exported != 1 {
			t.Errorf("%d facts were exported; want 1", exported)
		}
		k.check(k.db.Write(t.Context(), func(tx *db.Tx) error {
			_, err := k.Erase(t.Context(), tx, access.Person{Site: site, ID: "H|1"})
			return err
		}))
		if got := k.known("H|1", time.Time{}); got != "" {
			t.Errorf("erased: %q", got)
		}
	})
}

func TestWrongFacts(t *testing.T) {
	k := newDesk(t, dbtest.Open(t, dbtest.SQLite(t)), nil)
	for name, f := range map[string]person.Fact{
		"no kind":          said("H|1", "shoe", "42", 1),
		"no date":          said("H|1", person.BirthDate, "LEAK^CANARY", 1),
		"no such sex":      said("H|1", person.Sex, "LEAK^CANARY", 1),
		"no number":        said("H|1", person.Weight, "LEAK^CANARY", 1),
		"below zero":       said("H|1", person.Weight, "-1", 1),
		"endless":          said("H|1", person.Height, "1e400", 1),
		"nobody":           said("", person.Sex, "M", 1),
		"too long":         said("H|1", person.Name, strings.Repeat("A", 500), 1),
		"no such word":     said("H|1", person.Pregnancy, "maybe", 1),
		"neither dead nor": said("H|1", person.Deceased, "soon", 1),
	} {
		err := k.db.Write(t.Context(), func(tx *db.Tx) error {
			_, err := k.Note(t.Context(), tx, f)
			return err
		})
		if fault.Of(err) != fault.Invalid || strings.Contains(fmt.Sprint(err, f), "CANARY") {
			t.Errorf("%s: kind %v, or its value shows", name, fault.Of(err))
		}
	}
	k.Nameless = true
	if fresh := k.note(said("H|1", person.Name, "A^A", 1), said("H|1", person.BirthDate, "1980-01-01", 1), said("H|1", person.Sex, "M", 1)); len(fresh) != 1 {
		t.Errorf("where no names are kept, %d facts were", len(fresh))
	}
	if _, err := person.NewBounds(nil); fault.Of(err) != fault.Invalid {
		t.Errorf("no bounds: %v", err)
	}
}
