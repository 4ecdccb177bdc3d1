package dimse

import (
	"errors"
	"fmt"

	"radagora/fault"
)

// A Rejection is the content of an A-ASSOCIATE-RJ, PS3.8 Table 9-21. As an error
// of Server.Accept it says which one to send; Dial returns it when the peer sent
// one.
type Rejection struct {
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
	RejectNoReason      = &Rejection{Permanent, ServiceUser, 1}
	RejectApplication   = &Rejection{Permanent, ServiceUser, 2} // application context name not supported
	RejectCalling       = &Rejection{Permanent, ServiceUser, 3} // calling AE title not recognised
	RejectCalled        = &Rejection{Permanent, ServiceUser, 7} // called AE title not recognised
	RejectVersion       = &Rejection{Permanent, ProviderACSE, 2}
	RejectCongestion    = &Rejection{Transient, ProviderPresentation, 1}
	RejectLimitExceeded = &Rejection{Transient, ProviderPresentation, 2}
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

// rejectionOf is what an error of Server.Accept that is no Rejection says to the
// peer.
var rejectionOf = map[fault.Kind]*Rejection{
	fault.Internal:    RejectCongestion, // our mistake: the peer may try again
	fault.Invalid:     RejectNoReason,
	fault.NotFound:    RejectCalling,
	fault.Conflict:    RejectNoReason,
	fault.Forbidden:   RejectCalling,
	fault.Unsupported: RejectNoReason,
	fault.Exhausted:   RejectLimitExceeded,
	fault.Unavailable: RejectCongestion,
}

// Error returns what the rejection says.
func (r *Rejection) Error() string {
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
func (r *Rejection) Unwrap() error {
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
func rejectionFor(err error) *Rejection {
	var r *Rejection
	if errors.As(err, &r) {
		return r
	}
	return rejectionOf[fault.Of(err)]
}

// encode returns r as an A-ASSOCIATE-RJ, PS3.8 section 9.3.4.
func (r *Rejection) encode() []byte {
	return short(associateRJ, [4]byte{0, byte(r.Result), byte(r.Source), r.Reason})
}

// parseRejection reads the body of an A-ASSOCIATE-RJ.
func parseRejection(body []byte) (*Rejection, error) {
	b, err := parseShort(associateRJ, body)
	if err != nil {
		return nil, err
	}
	return &Rejection{ResultRJ(b[1]), SourceRJ(b[2]), b[3]}, nil
}
