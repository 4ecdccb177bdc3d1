package hl7

import (
	"encoding/base64"
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"radagora/fault"
)

// An NM is a number as it was sent. The zero NM is none.
type NM struct {
	Text  string // as sent
	Value float64
	Comma bool // the sender wrote a decimal comma, which the standard does not know
}

// NM reads the value as a number (chapter 2.A: sign, digits, decimal point). An
// empty or null value is the zero NM. Errors are of kind Invalid and do not hold the
// value.
func (v Value) NM() (NM, error) { return parseNumber(v.Text()) }

func parseNumber(text string) (NM, error) {
	n := NM{Text: text}
	s := strings.TrimSpace(text)
	if s == "" {
		return NM{}, nil
	}
	if strings.Count(s, ",") == 1 && !strings.Contains(s, ".") {
		n.Comma, s = true, strings.Replace(s, ",", ".", 1)
	}
	if strings.Trim(s, "+-.0123456789") != "" {
		return NM{}, fault.Errorf(fault.Invalid, "hl7: a value of %d characters is no number", len(text))
	}
	var err error
	if n.Value, err = strconv.ParseFloat(s, 64); err != nil || math.IsInf(n.Value, 0) {
		return NM{}, fault.Errorf(fault.Invalid, "hl7: a value of %d characters is no number", len(text))
	}
	return n, nil
}

// An SN is a structured number: >^100, 100^-^200, 1^:^128. The second number is the
// zero NM if there is none.
type SN struct {
	Comparator    string // "" means =
	First, Second NM
	Separator     string
}

// SN reads the value as a structured number. Errors are of kind Invalid.
func (v Value) SN() (SN, error) {
	s := SN{Comparator: v.Component(1).Text(), Separator: v.Component(3).Text()}
	var err error
	if s.First, err = v.Component(2).NM(); err != nil {
		return SN{}, err
	}
	s.Second, err = v.Component(4).NM()
	return s, err
}

// An ED is a document inside a message, such as a PDF.
type ED struct {
	Source                  HD
	Type, Subtype, Encoding string // HL7 tables 0191, 0291, 0299
	data                    Value
}

// ED reads the value as encapsulated data.
func (v Value) ED() ED {
	c := v.Component
	return ED{Source: c(1).HD(), Type: c(2).Text(), Subtype: c(3).Text(), Encoding: c(4).Text(), data: c(5)}
}

// Size returns how many bytes Bytes returns at most.
func (e ED) Size() int {
	switch n := len(e.data.raw); strings.ToLower(e.Encoding) {
	case "base64":
		return n/4*3 + 3
	case "hex":
		return n / 2
	default:
		return n
	}
}

// Bytes returns the document, of no more than limit bytes, which is held before they
// are decoded. White space in base64 and its missing padding are no fault; they are
// in the world. Errors are of kind Exhausted, Invalid and, for an encoding nobody
// knows, Unsupported.
func (e ED) Bytes(limit int) ([]byte, error) {
	if n := e.Size(); n > limit+3 {
		return nil, fault.Errorf(fault.Exhausted, "hl7: a document of about %d bytes; the limit is %d", n, limit)
	}
	switch strings.ToLower(e.Encoding) {
	case "base64":
		return decode64(e.data.Text(), limit)
	case "hex":
		b, err := hex.DecodeString(strings.Join(strings.Fields(e.data.Text()), ""))
		return b, fault.As(fault.Invalid, err)
	case "a", "":
		return []byte(e.data.Text()), nil
	default:
		return nil, fault.Errorf(fault.Unsupported, "hl7: a document in an encoding that HL7 table 0299 does not have")
	}
}

func decode64(s string, limit int) ([]byte, error) {
	s = strings.TrimRight(strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' || r == '\r' || r == '\n' {
			return -1
		}
		return r
	}, s), "=")
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "hl7: a document that is no base64: %w", err)
	}
	if len(b) > limit {
		return nil, fault.Errorf(fault.Exhausted, "hl7: a document of %d bytes; the limit is %d", len(b), limit)
	}
	return b, nil
}
