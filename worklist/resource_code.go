package worklist

import (
	"crypto/sha256"
	"encoding/base32"
	"net/url"
	"strings"

	"radagora/fhir"
)

// systems are the code systems that DICOM names by designators (PS3.16 Table 8-1) and
// FHIR by URIs; the first of a URI is written.
var systems = []struct{ scheme, uri string }{
	{"DCM", dcm},
	{"SCT", snomed},
	{"SNM3", snomed},
	{"SRT", snomed},
	{"LN", "http://loinc.org"},
	{"UCUM", fhir.UCUM},
	{"RADLEX", "http://radlex.org"},
	{"I10", "http://hl7.org/fhir/sid/icd-10"},
	{"I10C", "http://hl7.org/fhir/sid/icd-10-cm"},
	{"I9C", "http://hl7.org/fhir/sid/icd-9-cm"},
}

// Names of code systems.
const (
	dcm    = "http://dicom.nema.org/resources/ontology/DCM"
	snomed = "http://snomed.info/sct"
)

// schemeURN begins the system of codes whose scheme is known by its designator alone.
const schemeURN = "urn:radagora:scheme:"

// system returns the URI of a code's system.
func (c Code) system() string {
	if c.System != "" {
		return c.System
	}
	for _, s := range systems {
		if strings.EqualFold(s.scheme, c.Scheme) {
			return s.uri
		}
	}
	return schemeURN + url.PathEscape(c.Scheme)
}

// codeOf returns a Coding as a code. A system that DICOM has no designator for gets a
// private one made of its URI, which is kept beside it.
func codeOf(coding fhir.Value, text string) Code {
	c := Code{Value: coding.Get("code").Text(), Version: coding.Get("version").Text(), Meaning: coding.Get("display").Text()}
	if c.Meaning == "" {
		c.Meaning = text
	}
	if c.Meaning == "" {
		c.Meaning = c.Value
	}
	uri := coding.Get("system").Text()
	for _, s := range systems {
		if s.uri == uri {
			c.Scheme = s.scheme
			return c
		}
	}
	if scheme, ok := strings.CutPrefix(uri, schemeURN); ok {
		if plain, err := url.PathUnescape(scheme); err == nil && len(plain) <= 16 {
			c.Scheme = plain
			return c
		}
	}
	sum := sha256.Sum256([]byte(uri))
	c.Scheme, c.System = "99"+base32.StdEncoding.EncodeToString(sum[:])[:12], uri
	return c
}

// coding returns a code as FHIR writes it.
func (c Code) coding() fhir.Value {
	return fhir.Object(fhir.F("system", c.system()), fhir.F("version", c.Version), fhir.F("code", c.Value), fhir.F("display", c.Meaning))
}

// concept returns a concept of a text and codes, absent without any.
func concept(text string, codes ...Code) fhir.Value {
	var all []any
	for _, c := range codes {
		all = append(all, c.coding())
	}
	return fhir.Object(fhir.F("coding", fhir.List(all...)), fhir.F("text", text))
}

func coded(system, code string) fhir.Value {
	return fhir.Object(fhir.F("coding", fhir.List(fhir.Object(fhir.F("system", system), fhir.F("code", code)))))
}
