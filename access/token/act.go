package token

import (
	"slices"

	"radagora/access"
)

// A rule says which acts an interaction with a type of resource stands for. What a
// resource shows is what the act shows: an ImagingStudy leads to the images, so
// whoever may read one may read them, if the account's role may.
type rule struct {
	typ  string
	can  string // any of these letters
	acts []access.Act
}

// rules translate SMART scopes into acts. A type that is not here stands for nothing.
var rules = []rule{
	{"ImagingStudy", "s", []access.Act{access.StudyFind}},
	{"ImagingStudy", "r", []access.Act{access.StudyFind, access.ObjectRead}},
	{"ImagingStudy", "c", []access.Act{access.ObjectStore}},
	{"Endpoint", "rs", []access.Act{access.StudyFind}},
	{"Patient", "rs", []access.Act{access.IdentityRead}},
	{"Patient", "cu", []access.Act{access.FactChange}},
	{"Observation", "rs", []access.Act{access.ExaminationRead, access.IdentityRead}},
	{"Composition", "rs", []access.Act{access.ExaminationRead}},
	{"Observation", "c", []access.Act{access.FactChange}},
	{"ServiceRequest", "rs", []access.Act{access.StepFind}},
	{"ServiceRequest", "cu", []access.Act{access.StepChange}},
	{"Encounter", "rs", []access.Act{access.RecordRead}},
	{"Encounter", "cu", []access.Act{access.RecordChange}},
	{"DiagnosticReport", "rs", []access.Act{access.RecordRead}},
	{"DiagnosticReport", "cu", []access.Act{access.RecordChange}},
	{"Subscription", "rs", []access.Act{access.ChangeFollow}},
	{"Subscription", "cu", []access.Act{access.ChangeFollow}},
	{"MeasureReport", "rs", []access.Act{access.AggregateRead}},
	{"Task", "rs", []access.Act{access.FindingRead}},
	{"Task", "u", []access.Act{access.FindingDecide}},
	{"Device", "rs", []access.Act{access.SiteRead}},
	{"Location", "rs", []access.Act{access.SiteRead}},
	{"Organization", "rs", []access.Act{access.SiteRead}},
	{"AuditEvent", "rs", []access.Act{access.JournalRead}},
}

// ActsOf returns the acts that scopes stand for. A scope with a query stands for
// none: acts know no queries, and a limit that nobody enforces is none.
//
// If a scope of patient/ is among them, all of them are limited to the patient in
// context, and to acts that are about a patient.
func ActsOf(scopes []Scope) []string {
	one := slices.ContainsFunc(scopes, func(s Scope) bool { return s.Level == LevelPatient })
	var all []string
	for _, s := range scopes {
		if s.Query != "" {
			continue
		}
		for _, r := range rules {
			if !slices.ContainsFunc([]byte(r.can), func(i byte) bool { return s.Allows(r.typ, Interaction(i)) }) {
				continue
			}
			for _, a := range r.acts {
				if !one || slices.Contains(ofPatient, a) {
					all = append(all, string(a))
				}
			}
		}
	}
	return tidy(all)
}

// Allows reports whether scopes, as a token carries them, allow an interaction with a type
// of resource. One with a query allows none.
func Allows(scopes []string, typ string, i Interaction) bool {
	return slices.ContainsFunc(scopes, func(text string) bool {
		s, err := ParseScope(text)
		return err == nil && s.Query == "" && s.Allows(typ, i)
	})
}

// ofPatient are the acts that are about one patient.
var ofPatient = []access.Act{access.StudyFind, access.ObjectRead, access.IdentityRead, access.ExaminationRead, access.StepFind, access.RecordRead}

// SupportedForApps returns the scopes of people that stand for something.
func SupportedForApps() []string {
	all := Words()
	for _, level := range []string{LevelPatient, LevelUser} {
		for _, r := range rules {
			if level == LevelUser || slices.ContainsFunc(r.acts, func(a access.Act) bool { return slices.Contains(ofPatient, a) }) {
				all = append(all, Scope{Level: level, Type: r.typ, Can: r.can}.String())
			}
		}
	}
	return all
}

// Supported returns the scopes that stand for something, for the discovery document.
func Supported() []string {
	all := []string{"system/*.cruds"}
	for _, r := range rules {
		all = append(all, Scope{Level: LevelSystem, Type: r.typ, Can: r.can}.String())
	}
	return all
}

// ActsIn is ActsOf of what a scope names; words and what is unknown stand for none.
func ActsIn(scope string) []string { return ActsOf(lenient(scope)) }
