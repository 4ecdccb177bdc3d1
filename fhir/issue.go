package fhir

// A Severity says how much an issue matters (value set issue-severity).
type Severity string

// The severities, the worst first.
const (
	Fatal       Severity = "fatal"
	Error       Severity = "error"
	Warning     Severity = "warning"
	Information Severity = "information"
)

// An Issue is one thing that is wrong with a resource.
type Issue struct {
	Severity   Severity
	Code       string // of the value set issue-type: structure, required, value, …
	Expression string // the element, as a simple FHIRPath: Patient.name[0].given[1]
	Text       string // what is wrong, in English, for who sent it; holds no values
}

// OperationOutcome returns issues as a resource; without any it says that all is
// well.
func OperationOutcome(issues ...Issue) Resource {
	if len(issues) == 0 {
		issues = []Issue{{Severity: Information, Code: "informational", Text: "nothing to report"}}
	}
	list := make([]any, len(issues))
	for i, one := range issues {
		list[i] = Object(
			F("severity", string(one.Severity)),
			F("code", one.Code),
			F("diagnostics", one.Text),
			F("expression", List(one.Expression)),
		)
	}
	r, err := New("OperationOutcome", F("issue", List(list...)))
	if err != nil { // a text that is no text: say at least that
		return OperationOutcome(Issue{Severity: Fatal, Code: "exception", Text: "an issue could not be written"})
	}
	return r
}
