package hl7

import (
	"fmt"
	"log/slog"
)

// An HD names an authority, application or facility: in words of the place, in words
// of the world, or both.
type HD struct {
	Namespace, UniversalID, UniversalIDType string
}

// HD reads the value as a hierarchic designator. As a component of something its
// parts are subcomponents.
func (v Value) HD() HD {
	p := v.inner()
	return HD{Namespace: p(1).Text(), UniversalID: p(2).Text(), UniversalIDType: p(3).Text()}
}

// inner returns how the parts of a value are asked for: those one level below it.
func (v Value) inner() func(int) Value {
	if v.level >= component {
		return v.Subcomponent
	}
	return v.Component
}

// An EI is an identifier that an authority gave, such as an order number.
type EI struct {
	ID       string
	Assigner HD
}

// EI reads the value as an entity identifier.
func (v Value) EI() EI {
	p := v.inner()
	return EI{ID: p(1).Text(), Assigner: HD{p(2).Text(), p(3).Text(), p(4).Text()}}
}

// Format prints no value.
func (EI) Format(w fmt.State, _ rune) { fmt.Fprint(w, "[identifier]") }

// LogValue logs no value.
func (EI) LogValue() slog.Value { return slog.StringValue("[identifier]") }

// A CX is an identifier of a person, account or visit, with who assigned it and what
// it is (HL7 table 0203: PI, MR, VN …).
type CX struct {
	ID, CheckDigit, CheckScheme string
	Assigner                    HD
	Type                        string
	Facility                    HD
	From, Until                 string // DT, as sent
}

// CX reads the value as an extended composite identifier.
func (v Value) CX() CX {
	c := v.Component
	return CX{
		ID: c(1).Text(), CheckDigit: c(2).Text(), CheckScheme: c(3).Text(), Assigner: c(4).HD(), Type: c(5).Text(),
		Facility: c(6).HD(), From: c(7).Text(), Until: c(8).Text(),
	}
}

// Format prints no value.
func (CX) Format(w fmt.State, _ rune) { fmt.Fprint(w, "[identifier]") }

// LogValue logs no value.
func (CX) LogValue() slog.Value { return slog.StringValue("[identifier]") }

// A CWE is a coded value, with the code of another system beside it. A CE is one
// without versions and original text.
type CWE struct {
	Code, Text, System                        string
	AlternateCode, AlternateText, OtherSystem string
	Version, OtherVersion, OriginalText       string
}

// CWE reads the value as a coded value; a plain text is its code.
func (v Value) CWE() CWE {
	p := v.inner()
	return CWE{
		p(1).Text(), p(2).Text(), p(3).Text(), p(4).Text(), p(5).Text(), p(6).Text(), p(7).Text(), p(8).Text(), p(9).Text(),
	}
}

// In returns the code of a coding system, asked by any of its names, from either half
// of c; "" if there is none.
func (c CWE) In(systems ...string) string {
	for _, s := range systems {
		switch {
		case c.System == s && c.Code != "":
			return c.Code
		case c.OtherSystem == s && c.AlternateCode != "":
			return c.AlternateCode
		}
	}
	return ""
}
