package fhir

import (
	"errors"

	"radagora/fault"
)

// A RefusedError is a resource that is valid and cannot be kept all the same, element by
// element.
type RefusedError struct{ Issues []Issue }

// Error names the elements; no issue holds a value.
func (e *RefusedError) Error() string {
	if len(e.Issues) == 0 {
		return "the resource cannot be kept"
	}
	return e.Issues[0].Expression + ": " + e.Issues[0].Text
}

// Refuse returns an error of kind Invalid that names elements and the way out of each;
// nil if there are no issues.
func Refuse(issues ...Issue) error {
	if len(issues) == 0 {
		return nil
	}
	return fault.As(fault.Invalid, &RefusedError{issues})
}

// NotKept is the issue of an element that cannot be kept, with the way out.
func NotKept(element, wayOut string) Issue {
	return Issue{Severity: Error, Code: "not-supported", Expression: element, Text: wayOut}
}

// Wrong returns the issues of a resource that was refused, nil if err is something else.
func Wrong(err error) []Issue {
	if e, ok := errors.AsType[*RefusedError](err); ok {
		return e.Issues
	}
	return nil
}
