package hl7

import "testing"

// TestNothing asks for parts of a segment that is not there.
func TestNothing(t *testing.T) {
	v := Segment{}.Field(32)
	for name, got := range map[string]Value{
		"a repetition": v.Repetition(2), "a component": v.Component(1), "a subcomponent": v.Component(1).Subcomponent(2), "of nothing at all": Value{}.Component(3),
	} {
		if !got.Empty() || got.Text() != "" {
			t.Errorf("%s of nothing is something", name)
		}
	}
	for range v.Components() {
		t.Error("nothing has components")
	}
}
