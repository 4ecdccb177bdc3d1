package ucum

import "testing"

func TestEveryAliasIsFoldedAndMeansAUnit(t *testing.T) {
	for key, a := range aliases {
		if key != fold(key) {
			t.Errorf("alias %q is not folded: %q", key, fold(key))
		}
		if u, err := parseTerm(strip(a.code)); err != nil {
			t.Errorf("alias %q means %q: %v", key, a.code, err)
		} else if u.scale.Sign() <= 0 {
			t.Errorf("alias %q has the scale %v", key, u.scale)
		}
		if a.source == "" {
			t.Errorf("alias %q has no source", key)
		}
	}
	for symbol, a := range atoms {
		if a.source == "" {
			t.Errorf("atom %q has no source", symbol)
		}
	}
}
