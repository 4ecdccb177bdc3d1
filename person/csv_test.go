package person_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/person"
)

func TestReadSizes(t *testing.T) {
	key := func(issuer, id string) string { return issuer + "|" + id }
	for _, c := range []struct{ name, text, facts, wrong string }{
		{"comma", "id,issuer,date,height,height_unit,weight,weight_unit\n1,H,2026-11-20,170,cm,70.5,kg\n", "H|1 height 1.7 2026-11-20T12:00 H|1 weight 70.5 2026-11-20T12:00", ""},
		{"semicolons, comma as point, a byte order mark", "\ufeffid;date;weight;weight_unit\r\n2;2026-11-20T08:15;70,5;kg\r\n", "|2 weight 70.5 2026-11-20T08:15", ""},
		{"other units", "id,date,height,height_unit,weight,weight_unit\n1,2026-11-20,70,[in_i],3500,g\n", "|1 height 1.778 2026-11-20T12:00 |1 weight 3.5 2026-11-20T12:00", ""},
		{"what is wrong is named by line", "id,date,weight,weight_unit\n1,2026-11-20,70,kg\n,20.11.2026,x,kg\n3,2026-11-20,70,stone\n4,2026-11-20,,\n", "|1 weight 70 2026-11-20T12:00", "3 id,3 date,3 weight,4 weight_unit,5 weight"},
	} {
		t.Run(c.name, func(t *testing.T) {
			facts, wrong, err := person.ReadSizes(strings.NewReader(c.text), site, time.UTC, key)
			if err != nil {
				t.Fatal(err)
			}
			var got, bad []string
			for _, f := range facts {
				got = append(got, f.Key+" "+string(f.Kind)+" "+f.Value+" "+f.At.Format("2006-01-02T15:04"))
			}
			for _, w := range wrong {
				line, _, _ := strings.Cut(strings.TrimPrefix(w.Error(), "line "), ",")
				bad = append(bad, line+" "+w.Column)
			}
			if d := cmp.Diff([]string{c.facts, c.wrong}, []string{strings.Join(got, " "), strings.Join(bad, ",")}); d != "" {
				t.Error(d)
			}
		})
	}
	for _, text := range []string{"", "a,b\n", "id,date,id\n", "id,weight\n", "id,date\n\"1"} {
		if _, _, err := person.ReadSizes(strings.NewReader(text), site, time.UTC, key); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: %v; want Invalid", text, err)
		}
	}
}

func FuzzReadSizes(f *testing.F) {
	f.Add("id,issuer,date,height,height_unit,weight,weight_unit\n1,H,2026-11-20,170,cm,70.5,kg\n")
	f.Add("id;date;weight;weight_unit\n1;2026-11-20;1e300;kg")
	f.Fuzz(func(t *testing.T, text string) {
		facts, _, _ := person.ReadSizes(strings.NewReader(text), site, time.UTC, func(issuer, id string) string { return issuer + "|" + id })
		for _, x := range facts {
			if x.Key == "|" || x.Value == "" {
				t.Errorf("a fact of nobody or of nothing")
			}
		}
	})
}

// TestSay keeps what somebody says, all of it or nothing, once.
func TestSay(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDesk(t, d, nil)
		ctx := as(t, access.Radiographer)
		a, b := said("|1", person.Weight, "70", -1), said("|1", person.Height, "not a number", -1)
		if _, err := k.Say(ctx, a, b); fault.Of(err) != fault.Invalid {
			t.Errorf("half of it is wrong: %v; want Invalid", err)
		}
		if got := k.known("|1", time.Time{}); got != "" {
			t.Errorf("known %q; want nothing of what was refused", got)
		}
		for i, want := range []int{1, 0} {
			fresh, err := k.Say(ctx, a)
			k.check(err)
			if len(fresh) != want {
				t.Errorf("time %d: %d new; want %d", i, len(fresh), want)
			}
		}
		if _, err := k.Say(as(t, access.Auditor), a); fault.Of(err) != fault.Forbidden {
			t.Errorf("who may not write orders: %v; want Forbidden", err)
		}
	})
}
