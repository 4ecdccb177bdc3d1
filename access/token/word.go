package token

import (
	"slices"
	"strings"
)

// Words of a scope that name no resource (SMART App Launch 2.2.0 §Scopes for
// requesting context data, §Scopes for requesting identity data, §Scopes for
// requesting a refresh token).
const (
	Launch        = "launch"         // the app was opened from a study
	LaunchPatient = "launch/patient" // a patient is to be chosen
	OpenID        = "openid"         // who the person is
	FHIRUser      = "fhirUser"       // and by which resource
	OfflineAccess = "offline_access" // to be refreshed when the person is away
	OnlineAccess  = "online_access"  // while they are signed in
)

// words are those that are known here.
var words = []string{Launch, LaunchPatient, OpenID, FHIRUser, OfflineAccess, OnlineAccess}

// Words returns the scopes that name no resource.
func Words() []string { return slices.Clone(words) }

// cutWords takes the words that are known out of a scope, once each.
func cutWords(scope string) (known []string, rest string) {
	var others []string
	for w := range strings.FieldsSeq(scope) {
		switch {
		case !slices.Contains(words, w):
			others = append(others, w)
		case !slices.Contains(known, w):
			known = append(known, w)
		}
	}
	return known, strings.Join(others, " ")
}

// both returns the words that stand in two lists.
func both(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(w string) bool { return !slices.Contains(b, w) })
}

// whole writes a scope: words and what was granted of resources.
func whole(words []string, scopes []Scope) string {
	return strings.TrimSpace(strings.Join(words, " ") + " " + texts(scopes))
}
