package fhir

// UCUM is the code system of units.
const UCUM = "http://unitsofmeasure.org"

// Coding builds a Coding. What is "" is left out, here and below.
func Coding(system, code, display string) Value {
	return Object(F("system", system), F("code", code), F("display", display))
}

// Concept builds a CodeableConcept of a text and codings.
func Concept(text string, codings ...Value) Value {
	list := make([]any, len(codings))
	for i, c := range codings {
		list[i] = c
	}
	return Object(F("coding", List(list...)), F("text", text))
}

// Identifier builds an Identifier.
func Identifier(system, value string) Value {
	return Object(F("system", system), F("value", value))
}

// Reference builds a Reference to a relative or absolute URL such as Patient/12.
func Reference(to string) Value { return Object(F("reference", to)) }

// Quantity builds a Quantity of value, a Number or ucum.Decimal, in a UCUM unit.
// It is absent if the value is.
func Quantity(value any, unit string) Value {
	v := toValue(value)
	if !v.Exists() {
		return v
	}
	if unit == "" {
		return Object(F("value", v))
	}
	return Object(F("value", v), F("unit", unit), F("system", UCUM), F("code", unit))
}

// Period builds a Period of two dates, dateTimes or times.
func Period(start, end any) Value { return Object(F("start", start), F("end", end)) }

// Extension builds an Extension. Its fields are the value under the name of its
// type, such as F("valueString", s), or extensions.
func Extension(url string, fields ...Field) Value {
	v := Object(fields...)
	if !v.Exists() || v.n.kind == brokenKind {
		return v
	}
	return Object(append([]Field{F("url", url)}, fields...)...)
}
