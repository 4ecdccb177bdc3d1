package token

import (
	"slices"
	"strings"
	"testing"

	"radagora/access"
	"radagora/fault"
)

func TestReturnAddresses(t *testing.T) {
	for _, c := range []struct {
		name, to string
		want     bool
	}{
		{"another machine, encrypted", "https://viewer.example/callback?kept=1", true},
		{"this machine", "http://127.0.0.1:8099/callback", true},
		{"this machine by its name", "http://localhost/cb", true},
		{"another machine, in the open", "http://viewer.example/callback", false},
		{"a pattern", "https://*.viewer.example/cb", false},
		{"with a fragment", "https://viewer.example/cb#x", false},
		{"with an empty fragment", "https://viewer.example/cb#", false},
		{"with a password", "https://me:secret@viewer.example/cb", false},
		{"a script", "javascript:alert(1)", false},
		{"of no host", "https:///cb", false},
		{"relative", "/cb", false},
		{"two", "https://a.example https://b.example", false},
		{"without end", "https://a.example/" + strings.Repeat("x", 500), false},
	} {
		err := validReturn(c.to)
		if (err == nil) != c.want || err != nil && fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
	}
}

func TestPrograms(t *testing.T) {
	good := func(change func(*Program)) Program {
		p := Program{Name: "Viewer", Returns: []string{"https://viewer.example/cb"}, Scopes: "launch/patient patient/ImagingStudy.rs user/Patient.read"}
		change(&p)
		return p
	}
	for _, c := range []struct {
		name   string
		change func(*Program)
		want   bool
	}{
		{"a public one", func(*Program) {}, true},
		{"without a name", func(p *Program) { p.Name = " " }, false},
		{"with nowhere to return to", func(p *Program) { p.Returns = nil }, false},
		{"with scopes of machines", func(p *Program) { p.Scopes = "system/ImagingStudy.rs" }, false},
		{"of a patient whom nobody chooses", func(p *Program) { p.Scopes = "patient/ImagingStudy.rs" }, false},
		{"with launch alone", func(p *Program) { p.Scopes = "launch/patient" }, false},
		{"with a scope that is none", func(p *Program) { p.Scopes = "user/everything" }, false},
		{"with keys that are none", func(p *Program) { p.Keys = "{}x" }, false},
		{"with keys twice", func(p *Program) { p.Keys, p.KeysAt = "{}", "https://viewer.example/jwks" }, false},
		{"with keys that nobody fetches here", func(p *Program) { p.KeysAt = "https://viewer.example/jwks" }, false},
	} {
		if _, err := (&Register{}).validProgram(good(c.change)); (err == nil) != c.want {
			t.Errorf("%s: %v; want %v", c.name, err, c.want)
		}
	}
}

// TestActsOfOnePatient: with a scope of patient/ all acts are about that patient.
func TestActsOfOnePatient(t *testing.T) {
	parse := func(text string) []Scope {
		t.Helper()
		s, err := ParseScopes(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	person := ActsOf(parse("user/*.cruds"))
	one := ActsOf(parse("patient/*.cruds user/*.cruds"))
	if !slices.Contains(person, string(access.JournalRead)) || !slices.Contains(person, string(access.ObjectStore)) {
		t.Errorf("a person: %v", person)
	}
	want := []string{string(access.ExaminationRead), string(access.ObjectRead), string(access.IdentityRead), string(access.StudyFind), string(access.StepFind), string(access.RecordRead)}
	slices.Sort(want)
	if got := slices.Sorted(slices.Values(one)); !slices.Equal(got, want) {
		t.Errorf("one patient: %v; want %v", got, want)
	}
}

// TestChallenge is the example of RFC 7636 Appendix B.
func TestChallenge(t *testing.T) {
	if got := challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("challenge %q", got)
	}
}
