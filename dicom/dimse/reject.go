package dimse

import (
	"errors"
	"fmt"

	"radagora/fault"
)

// A RejectionError is the content of an A-ASSOCIATE-RJ, PS3.8 Table 9-21. As an error
// of Server.Accept it says which one to send; Dial returns it when the peer sent
// one.
type RejectionError struct {
	Result ResultRJ
	Source SourceRJ
	Reason uint8 // its meaning depends on Source; see Rejections
}

// ResultRJ says whether it makes sense to ask again.
type ResultRJ uint8

// The results of a rejection.
const (
	Permanent ResultRJ = 1
	Transient ResultRJ = 2
)

// SourceRJ says who rejects.
type SourceRJ uint8

// The sources of a rejection.
const (
	ServiceUser          SourceRJ = 1
	ProviderACSE         SourceRJ = 2
	ProviderPresentation SourceRJ = 3
)

// The rejections this package sends.
var (
	ErrNoReason    = &RejectionError{Permanent, ServiceUser, 1}
	ErrApplication = &RejectionError{Permanent, ServiceUser, 2} // application context name not supported
	ErrCalling     = &RejectionError{Permanent, ServiceUser, 3} // calling AE title not recognised
	ErrCalled      = &RejectionError{Permanent, ServiceUser, 7} // called AE title not recognised
	ErrVersion     = &RejectionError{Permanent, ProviderACSE, 2}
	ErrCongestion  = &RejectionError{Transient, ProviderPresentation, 1}
	ErrLocalLimit  = &RejectionError{Transient, ProviderPresentation, 2}
)

// rejections is PS3.8 Table 9-21: what the reasons of each source mean. Reserved
// reasons have no row.
var rejections = map[SourceRJ]map[uint8]string{
	ServiceUser: {
		1: "no reason given", 2: "application context name not supported",
		3: "calling AE title not recognised", 7: "called AE title not recognised",
	},
	ProviderACSE:         {1: "no reason given", 2: "protocol version not supported"},
	ProviderPresentation: {1: "temporary congestion", 2: "local limit exceeded"},
}

// Rejections returns the rejections a Server sends, for the conformance statement.
func Rejections() []*RejectionError {
	return []*RejectionError{ErrNoReason, ErrApplication, ErrCalling, ErrCalled, ErrVersion, ErrCongestion, ErrLocalLimit}
}

// rejectionOf is what an error of Server.Accept that is no RejectionError says to the
// peer.
var rejectionOf = map[fault.Kind]*RejectionError{
	fault.Internal:    ErrCongestion, // our mistake: the peer may try again
	fault.Invalid:     ErrNoReason,
	fault.NotFound:    ErrCalling,
	fault.Conflict:    ErrNoReason,
	fault.Forbidden:   ErrCalling,
	fault.Unsupported: ErrNoReason,
	fault.Exhausted:   ErrLocalLimit,
	fault.Unavailable: ErrCongestion,
}

// Error returns what the rejection says.
func (r *RejectionError) Error() string {
	text, ok := rejections[r.Source][r.Reason]
	if !ok {
		text = fmt.Sprintf("source %d, reason %d", r.Source, r.Reason)
	}
	if r.Result == Transient {
		return "association rejected for now: " + text
	}
	return "association rejected: " + text
}

// Unwrap gives the rejection its kind: Unavailable if asking again may help, else
// Forbidden.
func (r *RejectionError) Unwrap() error {
	if r.Result == Transient {
		return errTransient
	}
	return errRejected
}

var (
	errTransient = fault.Errorf(fault.Unavailable, "dimse: rejected for now")
	errRejected  = fault.Errorf(fault.Forbidden, "dimse: rejected")
)

// rejectionFor returns the rejection that err, which is not nil, asks for.
func rejectionFor(err error) *RejectionError {
	if r, ok := errors.AsType[*RejectionError](err); ok {
		return r
	}
	return rejectionOf[fault.Of(err)]
}

// encode returns r as an A-ASSOCIATE-RJ, PS3.8 section 9.3.4.
func (r *RejectionError) encode() []byte {
	return short(associateRJ, [4]byte{0, byte(r.Result), byte(r.Source), r.Reason})
}

// parseRejection reads the body of an A-ASSOCIATE-RJ.
func parseRejection(body []byte) (*RejectionError, error) {
	b, err := parseShort(associateRJ, body)
	if err != nil {
		return nil, err
	}
	return &RejectionError{ResultRJ(b[1]), SourceRJ(b[2]), b[3]}, nil
}
