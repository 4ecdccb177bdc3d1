package dose

import (
	"fmt"
	"slices"
)

// A Warning tells of something in a report that does not hold together. Pages
// word it by Code and Args; Message is for scripts and logs. It quotes numbers,
// units and codes, never text of the report.
type Warning struct {
	Path string // of the content item, or a tag, or "" for the whole report
	Code string // one of the constants Warn…
	Args []any  // what the text of the code names, in order
}

// What a Warning can say. The texts are stable: scripts and pages rely on them.
const (
	WarnUnitAssumed     = "unit_assumed"       // a number without a unit: that of the template was taken
	WarnUnitNonstandard = "unit_nonstandard"   // a unit that the template does not allow, converted
	WarnUnitUnknown     = "unit_unknown"       // a unit nobody knows, or of something else: the value is unknown
	WarnUnreadable      = "value_unreadable"   // a number that is none: the value is unknown
	WarnMissing         = "value_missing"      // a mandatory number that is empty
	WarnSeveral         = "several_values"     // several values where one is meant
	WarnTotalMismatch   = "total_mismatch"     // the events do not add up to the declared total
	WarnTotalMissing    = "total_missing"      // events with dose, and no declared total
	WarnPartMismatch    = "part_mismatch"      // fluoroscopy and acquisition do not add up
	WarnCountMismatch   = "count_mismatch"     // another number of events than declared
	WarnPhantom         = "phantom_missing"    // a CTDIvol without a known phantom
	WarnZeroDose        = "zero_dose"          // no dose although there was current and time
	WarnPlausibility    = "dlp_plausibility"   // CTDIvol times length is far from DLP
	WarnDemography      = "demography_missing" // a placeholder or impossible value was taken for none
	WarnClock           = "clock"              // an event far from the study day
	WarnCharset         = "charset"            // text in a character set nobody declared
	WarnTruncated       = "truncated"          // the end of the object is missing
	WarnEncoding        = "encoding"           // the object breaks a rule of encoding
	WarnNoEventUID      = "event_uid_missing"  // an event without a UID: a key was made
	WarnEventTwice      = "event_duplicate"    // two events with one UID within one report
	WarnSuperseded      = "report_superseded"  // a report whose events another one has all
	WarnOverlap         = "report_overlap"     // reports that share some events: totals are computed
	WarnEventDiffers    = "event_differs"      // two reports tell different doses of one event
	WarnDuplicate       = "duplicate"          // one event in two studies
	WarnIdentity        = "identity"           // one event, or one study, of two patients
	WarnNoConcept       = "concept_missing"    // a content item without a name
	WarnValueType       = "value_type"         // a content item of a kind the standard does not have
	WarnDeviation       = "deviation_index"    // the deviation index is not that of the exposure indices
	WarnStartDiffers    = "start_differs"      // report and images tell different times of one administration
	WarnNoDate          = "date_missing"       // nothing says on which day
	WarnImageApart      = "image_unmatched"    // an image of a device that sent a report, of an event it does not tell of
	WarnArea            = "area_implausible"   // dose area product and dose at the reference point make no field that can be
	WarnMore            = "more"               // further warnings were left out
)

// maxWarnings is how many warnings one report keeps.
const maxWarnings = 500

// messages are the English texts of the codes, for the contract of scripts.
var messages = map[string]string{
	WarnUnitAssumed:     "no unit given; %s assumed from the template",
	WarnUnitNonstandard: "unit %q where the template has %q",
	WarnUnitUnknown:     "unit %q is not understood here; value unknown",
	WarnUnreadable:      "not a decimal number; value unknown",
	WarnMissing:         "mandatory value is empty",
	WarnSeveral:         "%d values where one is meant",
	WarnTotalMismatch:   "%s: events sum to %s, the declared total is %s",
	WarnTotalMissing:    "%s: no declared total; events sum to %s",
	WarnPartMismatch:    "%s: fluoroscopy and acquisition sum to %s, the declared total is %s",
	WarnCountMismatch:   "%d events, %s declared",
	WarnPhantom:         "CTDIvol without a known phantom",
	WarnZeroDose:        "dose 0 although tube current and exposure time are not",
	WarnPlausibility:    "CTDIvol times scanning length is %s mGy.cm, DLP is %s mGy.cm",
	WarnDemography:      "placeholder or impossible value taken as missing",
	WarnClock:           "event is %d days from the study date",
	WarnCharset:         "text beyond ASCII without a declared character set, or in an unknown one",
	WarnTruncated:       "the end of the object is missing",
	WarnEncoding:        "encoding: %s",
	WarnNoEventUID:      "event without a UID; identified by device, time, plane, protocol and dose",
	WarnEventTwice:      "two events with the same UID in one report",
	WarnSuperseded:      "report %s holds no event that %s does not hold",
	WarnOverlap:         "reports share some of their events; totals are sums of events",
	WarnEventDiffers:    "reports tell different doses of event %s",
	WarnDuplicate:       "event %s is in more than one study",
	WarnIdentity:        "events or reports of one identity belong to two patients",
	WarnNoConcept:       "content item without a concept code",
	WarnValueType:       "content item of an unknown or inconsistent kind",
	WarnDeviation:       "deviation index computed as %s, stated as %s",
	WarnStartDiffers:    "administration at %s in the report, at %s in the images",
	WarnNoDate:          "no study date",
	WarnImageApart:      "image %s belongs to no event of the dose report of its device; the report counts",
	WarnArea:            "field of %s cm2 by dose area product and dose at the reference point",
	WarnMore:            "further warnings left out",
}

// Codes returns the codes a Warning can have, so that a catalogue can be tested
// for them.
func Codes() []string {
	var all []string
	for code := range messages {
		all = append(all, code)
	}
	slices.Sort(all)
	return all
}

// Message returns the warning in English.
func (w Warning) Message() string { return fmt.Sprintf(messages[w.Code], w.Args...) }

// warnings collects warnings up to a bound.
type warnings struct{ list []Warning }

// add notes a warning.
func (w *warnings) add(path, code string, args ...any) {
	switch {
	case len(w.list) < maxWarnings:
		w.list = append(w.list, Warning{Path: path, Code: code, Args: args})
	case len(w.list) == maxWarnings:
		w.list = append(w.list, Warning{Code: WarnMore})
	}
}

// once is add unless there is a warning of the same code and arguments.
func (w *warnings) once(path, code string, args ...any) {
	for _, have := range w.list {
		if have.Code == code && slices.Equal(have.Args, args) {
			return
		}
	}
	w.add(path, code, args...)
}
