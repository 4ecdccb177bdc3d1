package dimse

import (
	"errors"
	"fmt"
	"strings"

	"radagora/fault"
)

// A Status is the status of a DIMSE response, (0000,0900).
type Status uint16

// The statuses this package sends or knows by name: PS3.7 Annex C, and PS3.4 Table
// B.2-1 for storage.
const (
	Success               Status = 0x0000
	ProcessingFailure     Status = 0x0110 // PS3.7 §C.5
	DuplicateInstance     Status = 0x0111
	NoSuchInstance        Status = 0x0112
	InvalidInstance       Status = 0x0117
	ClassNotSupported     Status = 0x0122
	NotAuthorised         Status = 0x0124
	DuplicateInvocation   Status = 0x0210
	UnrecognisedOperation Status = 0x0211
	MistypedArgument      Status = 0x0212
	OutOfResources        Status = 0xa700 // PS3.4 Table B.2-1: A7xx
	ClassMismatch         Status = 0xa900 // PS3.4 Table B.2-1: A9xx, data set does not match SOP class
	CannotUnderstand      Status = 0xc000 // PS3.4 Table B.2-1: Cxxx
	Coercion              Status = 0xb000 // PS3.4 Table B.2-1: coercion of data elements
	ElementsDiscarded     Status = 0xb006 // PS3.4 Table B.2-1
	ClassMismatchWarning  Status = 0xb007 // PS3.4 Table B.2-1
	Cancel                Status = 0xfe00 // PS3.7 §C.3
)

// ErrMismatch is for a Storer that finds a data set of another SOP class or
// instance than the message says. Wrapped in an error of kind Invalid it becomes
// ClassMismatch.
var ErrMismatch = errors.New("data set does not match SOP class")

// storeStatus is the one table from what a Storer says to the status of the C-STORE
// response. PS3.4 §B.2.3 and PS3.7 §9.1.1.1.9 give the statuses.
var storeStatus = map[fault.Kind]Status{
	fault.Internal:    ProcessingFailure, // PS3.7 §C.5: processing failure
	fault.Invalid:     CannotUnderstand,  // PS3.4 Table B.2-1: the peer need not try again
	fault.NotFound:    NoSuchInstance,    // PS3.7 §C.5: what the object refers to is not here
	fault.Conflict:    DuplicateInstance, // PS3.7 §C.5: kept already, with other content
	fault.Forbidden:   NotAuthorised,     // PS3.7 §C.4
	fault.Unsupported: ClassNotSupported, // PS3.7 §C.4
	fault.Exhausted:   OutOfResources,    // PS3.4 Table B.2-1: the peer may try again
	fault.Unavailable: OutOfResources,    // PS3.4 Table B.2-1: the peer may try again
}

// statusOf returns the status that err stands for; nil is success.
func statusOf(err error) Status {
	switch {
	case err == nil:
		return Success
	case errors.Is(err, ErrMismatch):
		return ClassMismatch
	}
	if s, ok := errors.AsType[*statusError](err); ok {
		return s.status
	}
	return storeStatus[fault.Of(err)]
}

// A statusError is a refusal by this package itself, which knows the exact status.
type statusError struct {
	status Status
	text   string
}

func (e *statusError) Error() string { return e.text }

// Unwrap gives the error the kind of its status.
func (e *statusError) Unwrap() error { return e.status.Err() }

// comment returns what the response says about err in (0000,0902): printable ASCII,
// at most 64 characters, and nothing of what is our own mistake.
func comment(err error) string {
	if err == nil {
		return ""
	}
	if _, ours := errors.AsType[*statusError](err); !ours && fault.Of(err) == fault.Internal {
		return "internal error"
	}
	text := strings.ReplaceAll(clean([]byte(err.Error())), `\`, "/")
	return text[:min(len(text), 64)]
}

// Known meanings, for people and for the conformance statement.
var statusText = map[Status]string{
	Success: "success", ProcessingFailure: "processing failure", DuplicateInstance: "duplicate SOP instance",
	NoSuchInstance: "no such SOP instance", InvalidInstance: "invalid SOP instance",
	ClassNotSupported: "SOP class not supported", NotAuthorised: "not authorised",
	DuplicateInvocation: "duplicate invocation", UnrecognisedOperation: "unrecognised operation",
	MistypedArgument: "mistyped argument", OutOfResources: "out of resources",
	ClassMismatch: "data set does not match SOP class", CannotUnderstand: "cannot understand",
	Coercion: "coercion of data elements", ElementsDiscarded: "elements discarded",
	ClassMismatchWarning: "data set does not match SOP class (warning)", Cancel: "cancelled",
}

// String returns the number and what it means.
func (s Status) String() string {
	text := statusText[s]
	if text == "" {
		switch uint16(s) & 0xf000 {
		case 0xa000:
			text = "refused"
		case 0xb000:
			text = "warning"
		case 0xc000:
			text = "error"
		default:
			text = "unknown"
		}
	}
	return fmt.Sprintf("%04XH %s", uint16(s), text)
}

// OK reports whether the operation was done: success, or a warning (PS3.7 §C.2:
// 0001, 0107, 0116 and Bxxx).
func (s Status) OK() bool {
	return s == Success || s == 0x0001 || s == 0x0107 || s == 0x0116 || s&0xf000 == 0xb000
}

// Err returns nil if s is OK, or else an error whose kind says what can be done.
func (s Status) Err() error {
	if s.OK() {
		return nil
	}
	return fault.Errorf(s.Kind(), "the peer answered %s", s)
}

// kinds reads storeStatus backwards, with what other providers answer.
var kinds = map[Status]fault.Kind{
	ProcessingFailure:     fault.Internal,
	NoSuchInstance:        fault.NotFound,
	DuplicateInstance:     fault.Conflict,
	NotAuthorised:         fault.Forbidden,
	ClassNotSupported:     fault.Unsupported,
	UnrecognisedOperation: fault.Unsupported,
	0x0118:                fault.Unsupported, // no such SOP class
	0x0213:                fault.Exhausted,   // resource limitation
	Cancel:                fault.Unavailable,
}

// Kind returns what can be done about a status that is not OK. Those that kinds does
// not name go by their class (PS3.7 §C.1, PS3.4 Table B.2-1).
func (s Status) Kind() fault.Kind {
	if k, ok := kinds[s]; ok {
		return k
	}
	switch class := uint16(s); {
	case class&0xff00 == 0xa700: // out of resources
		return fault.Exhausted
	case class&0xf000 == 0xa000, class&0xf000 == 0xc000, class&0xff00 == 0x0100, class&0xff00 == 0x0200:
		return fault.Invalid
	}
	return fault.Internal
}

// A StatusRow is a line of the table for the conformance statement.
type StatusRow struct {
	Kind    fault.Kind
	Status  Status
	Meaning string
}

// StorageStatuses returns what a C-STORE answers for each kind of error, and for
// ErrMismatch, in the order of the kinds.
func StorageStatuses() []StatusRow {
	rows := make([]StatusRow, 0, len(storeStatus)+1)
	for _, k := range fault.Kinds() {
		rows = append(rows, StatusRow{k, storeStatus[k], statusText[storeStatus[k]]})
	}
	return append(rows, StatusRow{fault.Invalid, ClassMismatch, statusText[ClassMismatch]})
}
