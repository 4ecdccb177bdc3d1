package dimse

import (
	"errors"
	"fmt"
	"strings"

	"radagora/dicom/tag"
	"radagora/fault"
)

// A Status is the status of a DIMSE response, (0000,0900).
type Status uint16

// The statuses this package sends or knows by name: PS3.7 Annex C, PS3.4 Table
// B.2-1 for storage and Tables C.4-1 to C.4-3 for query and retrieve.
const (
	Success               Status = 0x0000
	AttributeListError    Status = 0x0107 // PS3.7 §C.4: a warning
	InvalidAttribute      Status = 0x0106 // PS3.7 §C.5
	ProcessingFailure     Status = 0x0110 // PS3.7 §C.5
	DuplicateInstance     Status = 0x0111
	NoSuchInstance        Status = 0x0112
	NoSuchEvent           Status = 0x0113
	NoSuchArgument        Status = 0x0114
	InvalidArgument       Status = 0x0115
	InvalidInstance       Status = 0x0117
	NoSuchClass           Status = 0x0118
	ClassConflict         Status = 0x0119
	MissingAttribute      Status = 0x0120
	ClassNotSupported     Status = 0x0122
	NoSuchAction          Status = 0x0123
	NotAuthorised         Status = 0x0124
	DuplicateInvocation   Status = 0x0210
	UnrecognisedOperation Status = 0x0211
	MistypedArgument      Status = 0x0212
	ResourceLimitation    Status = 0x0213
	OutOfResources        Status = 0xa700 // PS3.4 Table B.2-1: A7xx; Table C.4-1
	CannotCount           Status = 0xa701 // PS3.4 Table C.4-2: unable to calculate number of matches
	CannotPerform         Status = 0xa702 // PS3.4 Table C.4-2: unable to perform sub-operations
	DestinationUnknown    Status = 0xa801 // PS3.4 Table C.4-2
	ClassMismatch         Status = 0xa900 // PS3.4 Tables B.2-1, C.4-1: data set or identifier does not match SOP class
	CannotUnderstand      Status = 0xc000 // PS3.4 Table B.2-1: Cxxx; Table C.4-1: unable to process
	Coercion              Status = 0xb000 // PS3.4 Table B.2-1: coercion of data elements
	SomeFailed            Status = 0xb000 // PS3.4 Table C.4-2: sub-operations complete, one or more failures or warnings
	ElementsDiscarded     Status = 0xb006 // PS3.4 Table B.2-1
	ClassMismatchWarning  Status = 0xb007 // PS3.4 Table B.2-1
	Cancel                Status = 0xfe00 // PS3.7 §C.3
	Pending               Status = 0xff00 // PS3.7 §C.1
	PendingWarning        Status = 0xff01 // PS3.4 Table C.4-1: a key is not supported
)

// Pending reports whether more responses follow.
func (s Status) Pending() bool { return s == Pending || s == PendingWarning }

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

// queryStatus is what a C-FIND answers: PS3.4 Table C.4-1, PS3.7 §9.1.2.1.5.
var queryStatus = map[fault.Kind]Status{
	fault.Internal:    CannotUnderstand, // unable to process
	fault.Invalid:     ClassMismatch,    // the identifier does not match the SOP class
	fault.NotFound:    CannotUnderstand,
	fault.Conflict:    CannotUnderstand,
	fault.Forbidden:   NotAuthorised,
	fault.Unsupported: CannotUnderstand,
	fault.Exhausted:   OutOfResources,
	fault.Unavailable: OutOfResources,
}

// retrieveStatus is what a C-MOVE or C-GET answers where it cannot begin: PS3.4
// Tables C.4-2 and C.4-3.
var retrieveStatus = map[fault.Kind]Status{
	fault.Internal:    CannotUnderstand,
	fault.Invalid:     ClassMismatch,
	fault.NotFound:    CannotUnderstand,
	fault.Conflict:    CannotUnderstand,
	fault.Forbidden:   NotAuthorised,
	fault.Unsupported: CannotUnderstand,
	fault.Exhausted:   CannotCount,
	fault.Unavailable: CannotCount,
}

// destinationStatus is what a C-MOVE answers where Retriever.Destination fails.
var destinationStatus = map[fault.Kind]Status{
	fault.Internal:    CannotUnderstand,
	fault.Invalid:     DestinationUnknown,
	fault.NotFound:    DestinationUnknown,
	fault.Conflict:    DestinationUnknown,
	fault.Forbidden:   NotAuthorised,
	fault.Unsupported: DestinationUnknown,
	fault.Exhausted:   CannotPerform,
	fault.Unavailable: CannotPerform,
}

// normalStatus is what a DIMSE-N operation answers: PS3.7 Annex C.
var normalStatus = map[fault.Kind]Status{
	fault.Internal:    ProcessingFailure,
	fault.Invalid:     InvalidAttribute,
	fault.NotFound:    NoSuchInstance,
	fault.Conflict:    DuplicateInstance,
	fault.Forbidden:   NotAuthorised,
	fault.Unsupported: UnrecognisedOperation,
	fault.Exhausted:   ResourceLimitation,
	fault.Unavailable: ResourceLimitation,
}

// statusesOf names the table of each operation.
var statusesOf = map[commandField]map[fault.Kind]Status{
	cFindRQ: queryStatus, cMoveRQ: retrieveStatus, cGetRQ: retrieveStatus,
	nEventRQ: normalStatus, nGetRQ: normalStatus, nSetRQ: normalStatus,
	nActionRQ: normalStatus, nCreateRQ: normalStatus, nDeleteRQ: normalStatus,
}

// statusOf returns the status that err stands for in the response to f; nil is
// success.
func statusOf(f commandField, err error) Status {
	if err == nil {
		return Success
	}
	if s, ok := asStatus(err); ok {
		return s.Status
	}
	table := statusesOf[f]
	if table == nil {
		table = storeStatus
		if errors.Is(err, ErrMismatch) {
			return ClassMismatch
		}
	}
	return table[fault.Of(err)]
}

// A StatusError is an error that knows the status it is answered with: this package
// makes them where it refuses by itself or a peer answered so, and a Storer, Finder,
// Retriever or Normal returns one where its kind alone would not say enough. Text
// goes out as the error comment and holds no value of an element.
type StatusError struct {
	Status     Status
	Text       string
	ID         uint16    // error ID, (0000,0903); 0 is none
	Attributes []tag.Tag // the offending elements
}

// refuse returns a StatusError.
func refuse(s Status, text string) *StatusError { return &StatusError{Status: s, Text: text} }

// asStatus returns the StatusError in the chain of err.
func asStatus(err error) (*StatusError, bool) { return errors.AsType[*StatusError](err) }

// Error returns the text.
func (e *StatusError) Error() string {
	if e.Text == "" {
		return e.Status.String()
	}
	return e.Text
}

// Unwrap gives the error the kind of its status.
func (e *StatusError) Unwrap() error { return errStatus[e.Status.Kind()] }

// errStatus holds an error of each kind.
var errStatus = func() map[fault.Kind]error {
	m := map[fault.Kind]error{}
	for _, k := range fault.Kinds() {
		m[k] = fault.Errorf(k, "dimse: refused")
	}
	return m
}()

// comment returns what the response says about err in (0000,0902): printable ASCII,
// at most 64 characters, and nothing of what is our own mistake.
func comment(err error) string {
	if err == nil {
		return ""
	}
	if _, ours := errors.AsType[*StatusError](err); !ours && fault.Of(err) == fault.Internal {
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
	AttributeListError: "attribute list error", InvalidAttribute: "invalid attribute value",
	NoSuchEvent: "no such event type", NoSuchArgument: "no such argument", InvalidArgument: "invalid argument value",
	NoSuchClass: "no such SOP class", ClassConflict: "class-instance conflict", MissingAttribute: "missing attribute",
	NoSuchAction: "no such action type", ResourceLimitation: "resource limitation",
	CannotCount: "out of resources: unable to calculate number of matches", CannotPerform: "out of resources: unable to perform sub-operations",
	DestinationUnknown: "move destination unknown", Pending: "pending", PendingWarning: "pending: a key is not supported",
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
	return &StatusError{Status: s, Text: "the peer answered " + s.String()}
}

// kinds reads storeStatus backwards, with what other providers answer.
var kinds = map[Status]fault.Kind{
	ProcessingFailure:     fault.Internal,
	NoSuchInstance:        fault.NotFound,
	DuplicateInstance:     fault.Conflict,
	NotAuthorised:         fault.Forbidden,
	ClassNotSupported:     fault.Unsupported,
	UnrecognisedOperation: fault.Unsupported,
	NoSuchClass:           fault.Unsupported,
	NoSuchAction:          fault.Unsupported,
	NoSuchEvent:           fault.Unsupported,
	ResourceLimitation:    fault.Exhausted,
	DestinationUnknown:    fault.NotFound,
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
	return append(rowsOf(storeStatus), StatusRow{fault.Invalid, ClassMismatch, statusText[ClassMismatch]})
}

// FindStatuses returns what a C-FIND answers for each kind of error.
func FindStatuses() []StatusRow { return rowsOf(queryStatus) }

// RetrieveStatuses returns what a C-MOVE or C-GET that cannot begin answers for each
// kind of error; DestinationStatuses where it is the destination.
func RetrieveStatuses() []StatusRow { return rowsOf(retrieveStatus) }

// DestinationStatuses returns what a C-MOVE answers for each kind of error of
// Retriever.Destination.
func DestinationStatuses() []StatusRow { return rowsOf(destinationStatus) }

// NormalStatuses returns what a DIMSE-N operation answers for each kind of error.
func NormalStatuses() []StatusRow { return rowsOf(normalStatus) }

func rowsOf(table map[fault.Kind]Status) []StatusRow {
	rows := make([]StatusRow, 0, len(table)+1)
	for _, k := range fault.Kinds() {
		rows = append(rows, StatusRow{k, table[k], statusText[table[k]]})
	}
	return rows
}
