package search

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"radagora/fhir"
	"radagora/fhir/fhirpath"
	"radagora/ucum"
)

// An Entry is one value a resource is found by. Which fields it has depends on the type
// of the parameter. Like what it comes from it hides itself from print and log.
type Entry struct {
	Type Type

	// Of a Token, System and Code (the value of an Identifier), with Text what is shown;
	// of a Quantity, the system and code of its unit.
	System, Code string
	// Of a String as it was written; of a URI the address; of a Reference its literal
	// form, without version; of a Token what is shown.
	Text string
	// Of a String, Text as Fold writes it.
	Folded string
	// Of a Reference to a resource by type and id: Patient/12.
	Key string
	// Of a Date: first and last microsecond since 1970 in UTC; Forever where it is open.
	First, Last int64
	// Of a Number or Quantity: the lowest and the highest value.
	Low, High ucum.Decimal
}

// Forever is the end of a period without end; -Forever the start of one without start.
const Forever = int64(1)<<62 - 1

// Format writes the type alone.
func (e Entry) Format(w fmt.State, _ rune) { _, _ = io.WriteString(w, "["+string(e.Type)+"]") }

// LogValue gives the type alone.
func (e Entry) LogValue() slog.Value { return slog.StringValue("[" + string(e.Type) + "]") }

// Fold returns a text as searches for strings compare it: without case, accents and
// repeated blanks.
func Fold(s string) string {
	var b strings.Builder
	blank := true
	for _, r := range norm.NFKD.String(s) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case unicode.IsSpace(r):
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
		default:
			b.WriteRune(unicode.ToLower(r))
			blank = false
		}
	}
	return strings.TrimSuffix(b.String(), " ")
}

// entries appends the entries that a value gives.
func (p *Parameter) entries(all []Entry, v fhirpath.Value, zone int) []Entry {
	var e fhir.Element
	if el, ok := v.Element(); ok {
		e = el
	}
	switch p.Type {
	case Token:
		return tokens(all, v, e)
	case String:
		return texts(all, v, e)
	case Date:
		return dates(all, v, e, zone)
	case Reference:
		return references(all, v, e)
	case URI:
		if s, ok := v.Text(); ok {
			all = append(all, Entry{Type: URI, Text: s})
		}
	case Number:
		if d, ok := v.Decimal(); ok {
			all = append(all, Entry{Type: Number, Low: d, High: d})
		}
	case Quantity:
		return quantities(all, v, e)
	}
	return all
}

// DICOMUID is the system of the UIDs of DICOM in identifiers; their values may begin
// with urn:oid: or not.
const DICOMUID = "urn:dicom:uid"

// token returns a Token. UIDs of DICOM lose what FHIR may set before them.
func token(system, code, text string) Entry {
	if system == DICOMUID {
		code = strings.TrimPrefix(code, "urn:oid:")
	}
	return Entry{Type: Token, System: system, Code: code, Text: text}
}

func tokens(all []Entry, v fhirpath.Value, e fhir.Element) []Entry {
	if !e.IsObject() {
		if s, ok := v.Text(); ok {
			all = append(all, token("", s, ""))
		}
		return all
	}
	text := func(name string) string { return e.Get(name).Text() }
	switch {
	case e.IsA("Coding"):
		return append(all, token(text("system"), text("code"), text("display")))
	case e.IsA("CodeableConcept"):
		for coding := range e.Each("coding") {
			all = append(all, token(coding.Get("system").Text(), coding.Get("code").Text(), coding.Get("display").Text()))
		}
		if s := text("text"); s != "" {
			all = append(all, Entry{Type: Token, Text: s})
		}
	case e.IsA("Identifier"):
		if s := text("value"); s != "" {
			all = append(all, token(text("system"), s, text("type.text")))
		}
	case e.IsA("ContactPoint"):
		if s := text("value"); s != "" {
			all = append(all, token(text("system"), s, ""))
		}
	}
	return all
}

// nameParts are what a name or address is searched by.
var nameParts = map[string][]string{
	"HumanName": {"family", "given", "prefix", "suffix", "text"},
	"Address":   {"line", "city", "district", "state", "postalCode", "country", "text"},
}

func texts(all []Entry, v fhirpath.Value, e fhir.Element) []Entry {
	add := func(s string) {
		if s != "" {
			all = append(all, Entry{Type: String, Text: s, Folded: Fold(s)})
		}
	}
	if !e.IsObject() {
		s, _ := v.Text()
		add(s)
		return all
	}
	for _, part := range nameParts[e.TypeName()] {
		for s := range e.Each(part) {
			add(s.Text())
		}
	}
	return all
}

func dates(all []Entry, v fhirpath.Value, e fhir.Element, zone int) []Entry {
	if first, last, ok := v.Times(zone); ok {
		return append(all, Entry{Type: Date, First: first, Last: last})
	}
	switch {
	case e.IsA("Period"):
		return appendPeriod(all, e, zone)
	case e.IsA("Timing"):
		span := Entry{Type: Date, First: Forever, Last: -Forever}
		for _, at := range e.AppendChildren(nil, "event") {
			if first, last, ok := fhirpath.Element(at).Times(zone); ok {
				span.First, span.Last = min(span.First, first), max(span.Last, last)
			}
		}
		if span.First <= span.Last {
			return append(all, span)
		}
		for _, repeat := range e.AppendChildren(nil, "repeat") {
			for _, bounds := range repeat.AppendChildren(nil, "bounds") {
				if bounds.IsA("Period") {
					return appendPeriod(all, bounds, zone)
				}
			}
		}
	}
	return all
}

// appendPeriod appends a Period; what it lacks is open.
func appendPeriod(all []Entry, e fhir.Element, zone int) []Entry {
	span, some := Entry{Type: Date, First: -Forever, Last: Forever}, false
	for _, at := range e.AppendChildren(nil, "start") {
		if first, _, ok := fhirpath.Element(at).Times(zone); ok {
			span.First, some = first, true
		}
	}
	for _, at := range e.AppendChildren(nil, "end") {
		if _, last, ok := fhirpath.Element(at).Times(zone); ok {
			span.Last, some = last, true
		}
	}
	if !some {
		return all
	}
	return append(all, span)
}

func references(all []Entry, v fhirpath.Value, e fhir.Element) []Entry {
	if !e.IsObject() { // a canonical or uri
		s, _ := v.Text()
		s, _, _ = strings.Cut(s, "|")
		if s != "" {
			all = append(all, Entry{Type: Reference, Text: s, Key: fhirpath.ReferenceKey(s)})
		}
		return all
	}
	if s := e.Get("reference").Text(); s != "" {
		s, _, _ = strings.Cut(s, "/_history/")
		all = append(all, Entry{Type: Reference, Text: s, Key: fhirpath.ReferenceKey(s)})
	}
	if id := e.Get("identifier"); id.Exists() {
		found := token(id.Get("system").Text(), id.Get("value").Text(), "")
		found.Type = Reference
		all = append(all, found)
	}
	return all
}

func quantities(all []Entry, v fhirpath.Value, e fhir.Element) []Entry {
	switch {
	case e.IsA("Quantity"):
		d, ok := e.Get("value").Decimal()
		if !ok {
			return all
		}
		code := e.Get("code").Text()
		if code == "" {
			code = e.Get("unit").Text()
		}
		return append(all, Entry{Type: Quantity, System: e.Get("system").Text(), Code: code, Low: d, High: d})
	case e.IsA("Money"):
		if d, ok := e.Get("value").Decimal(); ok {
			return append(all, Entry{Type: Quantity, System: "urn:iso:std:iso:4217", Code: e.Get("currency").Text(), Low: d, High: d})
		}
	case e.IsA("Range"):
		low, ok1 := e.Get("low.value").Decimal()
		high, ok2 := e.Get("high.value").Decimal()
		if ok1 && ok2 {
			return append(all, Entry{Type: Quantity, System: e.Get("low.system").Text(), Code: e.Get("low.code").Text(), Low: low, High: high})
		}
	default:
		if d, ok := v.Decimal(); ok {
			return append(all, Entry{Type: Quantity, Low: d, High: d})
		}
	}
	return all
}
