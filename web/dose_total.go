package web

import (
	"slices"
	"strings"

	"radagora/lang"
	"radagora/web/face"
)

// dapUnits are the units in which people read dose-area products, in UCUM.
var dapUnits = []string{"Gy.cm2", "cGy.cm2", "mGy.cm2"}

// dapUnit returns the unit in which a person reads dose-area products, "" for the
// usual one of the modality.
func (v *visit) dapUnit() string {
	if u := cookie(v.r, "dap"); slices.Contains(dapUnits, u) {
		return u
	}
	return ""
}

// dapChoices are the units that can be chosen.
func (v *visit) dapChoices() []face.Choice {
	all := []face.Choice{{Code: "usual", Label: v.p.T("dose.dap_usual")}}
	for _, u := range dapUnits {
		all = append(all, face.Choice{Code: u, Label: v.p.Unit(u)})
	}
	return all
}

// hasDAP reports whether one of some totals is a dose-area product.
func hasDAP(all []DoseTotal) bool {
	return slices.ContainsFunc(all, func(t DoseTotal) bool { return strings.HasPrefix(t.Quantity, "dap") })
}

// totalName names a total with its plane or side.
func (v *visit) totalName(t DoseTotal) string {
	name := v.word("quantity.", t.Quantity)
	if t.Part != "" {
		name += ", " + v.word("dosepart.", t.Part)
	}
	return name
}

// numberOr prints a number, a dash for one that is unknown.
func (v *visit) numberOr(n *float64) string {
	if n == nil {
		return "–"
	}
	return v.p.Sig(*n)
}

// unitOr prints a unit, nothing for a plain number.
func (v *visit) unitOr(unit string) string {
	if unit == "1" {
		return ""
	}
	return v.p.Unit(unit)
}

// totalHow says how a total was made.
func (v *visit) totalHow(t DoseTotal) string {
	how := v.word("method.", t.Method)
	if t.Events > 0 {
		how += ", " + v.p.T("dose.events_count", lang.Args{"n": t.Events})
	}
	if t.Basis == "corrected" {
		how += ", " + v.p.T("basis.corrected")
	}
	return how
}
