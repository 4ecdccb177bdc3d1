package token_test

import (
	"testing"

	"radagora/access"
	"radagora/access/token"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/site"
)

// TestAppsForgetErasedPatients lets an app in for a patient who is then erased: one of a
// site, and one of every site, as which it is known where the patient is.
func TestAppsForgetErasedPatients(t *testing.T) {
	t.Run("of a site", func(t *testing.T) { forgets(t, "north", "north") })
	t.Run("of every site", func(t *testing.T) { forgets(t, "", site.Default) })
}

func forgets(t *testing.T, at, known string) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		s := newSmart(t, d)
		scope := "launch patient/ImagingStudy.rs"
		app, _ := s.app(func(p *token.Program) { p.Site, p.Scopes, p.Opens = at, scope, "https://app.example/launch" })
		_, launch, err := s.reg.Open(s.person, app.ID, token.Context{Person: "|ID7", Study: "1.2.3"})
		if err != nil {
			t.Fatal(err)
		}
		a := asking(app.ID, scope)
		a.Launch = launch
		p, err := s.reg.Redeem(t.Context(), token.Redemption{Request: public(app.ID), Code: s.lets(a), ReturnTo: home, Verifier: verifier})
		if err != nil {
			t.Fatal(err)
		}
		roll, err := s.reg.Persons(t.Context(), d)
		if err != nil || len(roll) != 1 || roll[0].ID != "|ID7" || roll[0].Site != known {
			t.Fatalf("%d persons, %v", len(roll), err)
		}
		exported := 0
		for _, err := range s.reg.Export(t.Context(), roll[0]) {
			if err != nil {
				t.Fatal(err)
			}
			exported++
		}
		erase := func(who access.Person) (n int) {
			t.Helper()
			if err := d.Write(t.Context(), func(tx *db.Tx) (err error) { n, err = s.reg.Erase(t.Context(), tx, who); return err }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := erase(access.Person{Site: roll[0].Site, ID: "|ID8"}); n != 0 || exported != 1 {
			t.Errorf("%d records of somebody else were erased, %d exported", n, exported)
		}
		if n := erase(roll[0]); n < 3 {
			t.Errorf("%d records were erased", n)
		}
		if _, err := s.reg.Verify(t.Context(), p.Token); err == nil {
			t.Error("the app is still let in")
		}
		if roll, err := s.reg.Persons(t.Context(), d); err != nil || len(roll) != 0 {
			t.Errorf("%d persons, %v", len(roll), err)
		}
	})
}
