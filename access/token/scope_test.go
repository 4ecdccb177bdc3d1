package token_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/access/token"
)

func TestParseScope(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"system/ImagingStudy.rs", "system/ImagingStudy.rs"},
		{"patient/*.cruds", "patient/*.cruds"},
		{"user/Observation.read", "user/Observation.rs"},
		{"user/Observation.write", "user/Observation.cud"},
		{"system/*.*", "system/*.cruds"},
		{"system/ImagingStudy.search", "system/ImagingStudy.s"},
		{"patient/Observation.rs?category=laboratory", "patient/Observation.rs?category=laboratory"},
		// what is none
		{"", ""},
		{"openid", ""},
		{"launch/patient", ""},
		{"system/ImagingStudy", ""},
		{"system/ImagingStudy.", ""},
		{"system/ImagingStudy.sr", ""},
		{"system/ImagingStudy.rr", ""},
		{"system/ImagingStudy.x", ""},
		{"system/imagingStudy.r", ""},
		{"system/.r", ""},
		{"system/**.r", ""},
		{"admin/ImagingStudy.r", ""},
		{"System/ImagingStudy.r", ""},
		{"system/ImagingStudy.rs?", ""},
		{"system/ImagingStudy.rs?%zz", ""},
		{"system/Imaging Study.rs", ""},
		{"system/ImagingStudy.r/s", ""},
	} {
		s, err := token.ParseScope(c.in)
		switch {
		case c.want == "" && err == nil:
			t.Errorf("%q: %v; want it refused", c.in, s)
		case c.want != "" && (err != nil || s.String() != c.want):
			t.Errorf("%q: %v, %v; want %s", c.in, s, err, c.want)
		}
	}
}

func TestGranted(t *testing.T) {
	for _, c := range []struct{ name, asked, allowed, want string }{
		{"what is allowed", "system/ImagingStudy.rs", "system/ImagingStudy.rs", "system/ImagingStudy.rs"},
		{"less than asked for", "system/*.cruds", "system/ImagingStudy.rs system/Observation.r", "system/ImagingStudy.rs system/Observation.r"},
		{"less than allowed", "system/Observation.r", "system/*.cruds", "system/Observation.r"},
		{"another type", "system/Patient.rs", "system/ImagingStudy.rs", ""},
		{"other letters", "system/ImagingStudy.cud", "system/ImagingStudy.rs", ""},
		{"another level", "user/ImagingStudy.rs", "system/ImagingStudy.rs", ""},
		{"the query of the allowed holds", "system/Observation.rs", "system/Observation.rs?code=73569-6", "system/Observation.rs?code=73569-6"},
		{"two queries are not joined", "system/Observation.rs?code=1", "system/Observation.rs?code=2", ""},
		{"twice the same", "system/*.rs system/ImagingStudy.r", "system/*.rs", "system/*.rs"},
	} {
		asked, err := token.ParseScopes(c.asked)
		allowed, err2 := token.ParseScopes(c.allowed)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		var got []string
		for _, s := range token.Granted(asked, allowed) {
			got = append(got, s.String())
		}
		if diff := cmp.Diff(strings.Fields(c.want), got); diff != "" && c.want+strings.Join(got, " ") != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestActsOf(t *testing.T) {
	for _, c := range []struct {
		scope string
		want  []access.Act
	}{
		{"system/ImagingStudy.s", []access.Act{access.StudyFind}},
		{"system/ImagingStudy.rs", []access.Act{access.ObjectRead, access.StudyFind}},
		{"system/ImagingStudy.c", []access.Act{access.ObjectStore}},
		{"system/Observation.rs", []access.Act{access.ExaminationRead, access.IdentityRead}},
		{"system/Observation.rs?code=73569-6", nil},
		{"system/Observation.cud", []access.Act{access.FactChange}},
		{"system/ServiceRequest.cruds", []access.Act{access.StepChange, access.StepFind}},
		{"system/Medication.cruds", nil},
	} {
		scopes, err := token.ParseScopes(c.scope)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, a := range c.want {
			want = append(want, string(a))
		}
		if got := token.ActsOf(scopes); !slices.Equal(want, got) {
			t.Errorf("%s stands for %v; want %v", c.scope, got, want)
		}
	}
	everything, err := token.ParseScopes("system/*.cruds")
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range token.ActsOf(everything) {
		if !slices.Contains(access.Acts(), access.Act(act)) {
			t.Errorf("there is no act %s", act)
		}
		if slices.Contains([]access.Act{access.TokenChange, access.UserChange, access.PersonErase}, access.Act(act)) {
			t.Errorf("scopes reach %s", act)
		}
	}
	for _, s := range token.Supported() {
		if _, err := token.ParseScope(s); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseScope(f *testing.F) {
	for _, s := range []string{"system/ImagingStudy.rs", "patient/*.*", "user/Observation.read?code=1&x=%20", "a/b.c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := token.ParseScope(text)
		if err != nil {
			return
		}
		again, err := token.ParseScope(s.String())
		if err != nil || again != s {
			t.Errorf("%q: %v, then %v, %v", text, s, again, err)
		}
	})
}
