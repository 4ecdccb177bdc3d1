package hl7

import (
	"fmt"
	"log/slog"
)

// An XPN is a person's name. Surname and prefix are those of FN; of version 2.3,
// where a name has no such parts, Surname is the whole family name.
type XPN struct {
	Family                                      string // as a whole
	OwnPrefix, OwnSurname                       string // FN.2, FN.3
	PartnerPrefix, PartnerSurname               string // FN.4, FN.5
	Given, Middle, Suffix, Prefix, Degree, Type string
	Representation                              string // A alphabetic, I ideographic, P phonetic
}

// XPN reads the value as a person's name.
func (v Value) XPN() XPN { return nameFrom(v.Component, 1, 7) }

// nameFrom reads a name whose family name is component at; the type of the name is
// component kind.
func nameFrom(c func(int) Value, at, kind int) XPN {
	f := c(at)
	return XPN{
		Family: f.Subcomponent(1).Text(), OwnPrefix: f.Subcomponent(2).Text(), OwnSurname: f.Subcomponent(3).Text(),
		PartnerPrefix: f.Subcomponent(4).Text(), PartnerSurname: f.Subcomponent(5).Text(),
		Given: c(at + 1).Text(), Middle: c(at + 2).Text(), Suffix: c(at + 3).Text(), Prefix: c(at + 4).Text(),
		Degree: c(at + 5).Text(), Type: c(kind).Text(), Representation: c(kind + 1).Text(),
	}
}

// Format prints no value.
func (XPN) Format(w fmt.State, _ rune) { fmt.Fprint(w, "[name]") }

// LogValue logs no value.
func (XPN) LogValue() slog.Value { return slog.StringValue("[name]") }

// An XCN is a person with an identifier, such as who ordered something.
type XCN struct {
	ID       string
	Name     XPN
	Assigner HD
	IDType   string
}

// XCN reads the value as a person with an identifier.
func (v Value) XCN() XCN {
	c := v.Component
	n := nameFrom(c, 2, 10)
	n.Representation = c(15).Text()
	return XCN{ID: c(1).Text(), Name: n, Assigner: c(9).HD(), IDType: c(13).Text()}
}

// Format prints no value.
func (XCN) Format(w fmt.State, _ rune) { fmt.Fprint(w, "[person]") }

// LogValue logs no value.
func (XCN) LogValue() slog.Value { return slog.StringValue("[person]") }

// An XAD is an address.
type XAD struct {
	Street, StreetName, Dwelling, Other, City, State, Zip, Country, Type string
}

// XAD reads the value as an address.
func (v Value) XAD() XAD {
	c := v.Component
	return XAD{
		Street: c(1).Text(), StreetName: c(1).Subcomponent(2).Text(), Dwelling: c(1).Subcomponent(3).Text(), Other: c(2).Text(),
		City: c(3).Text(), State: c(4).Text(), Zip: c(5).Text(), Country: c(6).Text(), Type: c(7).Text(),
	}
}

// Format prints no value.
func (XAD) Format(w fmt.State, _ rune) { fmt.Fprint(w, "[address]") }

// LogValue logs no value.
func (XAD) LogValue() slog.Value { return slog.StringValue("[address]") }

// An XTN is a telephone number or an address of mail.
type XTN struct {
	Number, Use, Equipment, Email, Country, Area, Local, Extension, Text, Unformatted string
}

// XTN reads the value as telecommunication.
func (v Value) XTN() XTN {
	c := v.Component
	return XTN{
		c(1).Text(), c(2).Text(), c(3).Text(), c(4).Text(), c(5).Text(), c(6).Text(), c(7).Text(), c(8).Text(), c(9).Text(), c(12).Text(),
	}
}

// Format prints no value.
func (XTN) Format(w fmt.State, _ rune) { fmt.Fprint(w, "[number]") }

// LogValue logs no value.
func (XTN) LogValue() slog.Value { return slog.StringValue("[number]") }

// A PL is the place of a patient.
type PL struct {
	PointOfCare, Room, Bed string
	Facility               HD
	Building, Floor        string
}

// PL reads the value as a location.
func (v Value) PL() PL {
	c := v.Component
	return PL{c(1).Text(), c(2).Text(), c(3).Text(), c(4).HD(), c(7).Text(), c(8).Text()}
}
