package web

import (
	"strings"

	"radagora/lang"
	"radagora/web/face"
)

// A DosePhysics is what is estimated of an examination, with what it goes by.
type DosePhysics struct {
	Kind      string // ct, nuclear, mammography, projection
	Scans     []PhysicsScan
	SSDE      *float64 // mGy, mean of the scans
	Effective []PhysicsEffective
	Reported  *float64 // mSv, as a report states it
	Sentence  string   // for the report of the examination
	Pixels    []PhysicsPixels
}

// PhysicsPixels is what the pixels of a scan say of the size, where nobody else does.
type PhysicsPixels struct {
	Acquisition           string
	State, Reason, Method string  // waiting, measured, refused; why
	Diameter, Least, Most float64 // cm
	Slices, Measured, Cut int
}

// pixelWords says what the pixels of a scan say.
func (v *visit) pixelWords(x PhysicsPixels) string {
	p := v.p
	args := lang.Args{"acquisition": orElse(x.Acquisition, "–"), "n": x.Measured, "slices": x.Slices}
	switch x.State {
	case "measured":
		args["diameter"], args["low"], args["high"] = p.Quantity(x.Diameter, "cm"), p.Sig(x.Least), p.Quantity(x.Most, "cm")
		words := p.T("physics.pixels_measured", args)
		if x.Cut > 0 {
			words += " " + p.T("physics.pixels_cut", lang.Args{"n": x.Cut})
		}
		return words + " " + x.Method
	case "refused":
		return p.T("physics.pixels_refused", args) + " " + p.T("physics.pixels_why_"+x.Reason)
	}
	return p.T("physics.pixels_waiting", args)
}

// A PhysicsScan is the size-specific dose of one scan.
type PhysicsScan struct {
	Name     string
	CTDIvol  *float64 // mGy
	SSDE     float64  // mGy
	Factor   float64
	Diameter float64 // cm
	From     string  // a key after physics.from_
	Set      string
	Phantom  string // head16 or body32
	Why      string // a key after physics.why_, "" if there is an estimate
}

// A PhysicsEffective is effective dose by one set of coefficients.
type PhysicsEffective struct {
	Set     face.Choice
	Weights string
	Value   float64 // mSv
	Factors []float64
	Unit    string // of the factors, UCUM
	Age     float64
	Phantom string
	Assumed bool // the set does not say for which phantom it is
	Chosen  bool // it stands in charts
	Checked bool // somebody compared the set with its source
	Why     string
}

// effectiveAsked reports whether somebody wants to see effective dose on a page about one
// person: it is not there unless it is asked for.
func (v *visit) effectiveAsked() bool { return v.here().query.Get("effective") == "on" }

// effectiveLink is the address with effective dose shown, or not.
func (v *visit) effectiveLink(on bool) string {
	if on {
		return v.here().with("effective", "on").String() + "#physics"
	}
	return v.here().without("effective").String() + "#physics"
}

// sizeMethod says what a size-specific dose goes by.
func (v *visit) sizeMethod(s PhysicsScan) string {
	p := v.p
	return strings.Join([]string{
		s.Set, p.T("physics.factor", lang.Args{"factor": p.Sig(s.Factor)}),
		p.T("physics.diameter", lang.Args{"diameter": p.Quantity(s.Diameter, "cm"), "from": p.T("physics.from_" + s.From)}), p.T("physics.phantom_" + s.Phantom),
	}, " · ")
}

// effectiveMethod says what an effective dose goes by.
func (v *visit) effectiveMethod(e PhysicsEffective) string {
	p := v.p
	all := []string{e.Set.Label}
	if e.Weights != "" {
		all = append(all, p.T("physics.weights", lang.Args{"weights": e.Weights}))
	}
	if e.Why == "" {
		var factors []string
		for _, k := range e.Factors {
			factors = append(factors, p.Sig(k))
		}
		all = append(all, p.T("physics.factors", lang.Args{"factors": strings.Join(factors, "; "), "unit": p.Unit(e.Unit)}))
		if e.Phantom != "" {
			all = append(all, p.T("physics.phantom_"+e.Phantom), p.T("physics.age", lang.Args{"age": p.Plain(e.Age)}))
		}
		if e.Assumed {
			all = append(all, p.T("physics.assumed"))
		}
	}
	if !e.Checked {
		all = append(all, p.T("physics.unchecked"))
	}
	if e.Chosen {
		all = append(all, p.T("physics.chosen"))
	}
	return strings.Join(all, " · ")
}
