package dimse

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"radagora/dicom/uid"
	"radagora/fault"
)

// TestTitleOf: a title is looked up for each association anew, behind those that are
// fixed and before that of anybody; of storage it takes the classes it names.
func TestTitleOf(t *testing.T) {
	var s shelf
	known := map[string]*Title{
		"REPORTS": {Name: "REPORTS", Store: &s, Contexts: Contexts{Private: true, Classes: []uid.UID{uid.XRayRadiationDoseSRStorage}}},
		"MAIN":    {Name: "MAIN"}, // the fixed one counts
	}
	addr := serve(t, &Server{
		AETitle: "MAIN", Store: &s,
		TitleOf: func(_ context.Context, called string) (*Title, error) {
			if called == "BROKEN" {
				return nil, fault.Errorf(fault.Unavailable, "no database")
			}
			return known[called], nil
		},
	})
	propose := []Proposal{
		{uid.Verification, querySyntaxes}, {uid.CTImageStorage, querySyntaxes}, {uid.XRayRadiationDoseSRStorage, querySyntaxes}, {uid.Must("1.2.3.4"), querySyntaxes},
	}
	for _, c := range []struct{ title, want string }{
		{"MAIN", "[0 0 0 3]"},
		{"REPORTS", "[0 3 0 3]"},
	} {
		a := dial(t, addr, Config{Called: c.title, Propose: propose})
		var results []Result
		for _, pc := range a.Contexts() {
			results = append(results, pc.Result)
		}
		if fmt.Sprintf("%d", results) != c.want {
			t.Errorf("%s: %v; want %s", c.title, results, c.want)
		}
	}
	for called, want := range map[string]*RejectionError{"NOBODY": ErrCalled, "BROKEN": ErrCongestion} {
		_, err := Dial(t.Context(), addr, filled(Config{Called: called}))
		if no, ok := errors.AsType[*RejectionError](err); !ok || *no != *want {
			t.Errorf("%s: %v; want %v", called, err, want)
		}
	}
	delete(known, "REPORTS")
	if _, err := Dial(t.Context(), addr, filled(Config{Called: "REPORTS"})); err == nil {
		t.Error("a title that was taken away is still there")
	}
}
