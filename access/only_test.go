package access_test

import (
	"testing"
	"time"

	"radagora/access"
	"radagora/content"
)

// TestOnlyOnePerson: whoever carries what is for one patient may nothing that is about
// others, or about nobody in particular.
func TestOnlyOnePerson(t *testing.T) {
	lib, err := content.Open()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := access.NewRules(lib)
	if err != nil {
		t.Fatal(err)
	}
	judge := &access.Judge{Rules: rules, Now: time.Now}
	who := access.Who{ID: "rad", Grants: access.At("north", access.Radiologist), Only: "|A"}
	for _, c := range []struct {
		name string
		act  access.Act
		of   access.Subject
		want bool
	}{
		{"of that patient", access.ObjectRead, access.Subject{Site: "north", Person: "|A"}, true},
		{"of another", access.ObjectRead, access.Subject{Site: "north", Person: "|B"}, false},
		{"a study of nobody known", access.ObjectRead, access.Subject{Site: "north", Study: "1.2.3"}, false},
		{"of that patient at another site", access.ObjectRead, access.Subject{Site: "south", Person: "|A"}, false},
		{"all examinations", access.ExaminationRead, access.Subject{Site: "north"}, false},
		{"aggregates", access.AggregateRead, access.Subject{Site: "north"}, false},
		{"a search, as such", access.StudyFind, access.Subject{Site: "north"}, false},
	} {
		d, err := judge.Decide(t.Context(), who, c.act, c.of)
		if err != nil || d.Allowed != c.want || !c.want && d.Need != "" {
			t.Errorf("%s: %+v, %v; want %v", c.name, d, err, c.want)
		}
	}
	ctx := access.WithJudge(access.With(t.Context(), who), judge)
	reach, err := access.ReachOf(ctx, access.ObjectRead, "north")
	if want := (access.Reach{Own: "|A", Identity: true}); err != nil || reach != want {
		t.Errorf("within reach: %+v, %v; want %+v", reach, err, want)
	}
	if err := access.CheckSearch(ctx, access.StudyFind, "north"); err != nil {
		t.Errorf("a search among what is within reach: %v", err)
	}
	if reach, err := access.ReachOf(ctx, access.ObjectRead, "south"); err != nil || reach != (access.Reach{}) {
		t.Errorf("at another site: %+v, %v; want nobody", reach, err)
	}
}
