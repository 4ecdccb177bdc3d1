package idp

import (
	"errors"
	"fmt"

	"radagora/fault"
)

// Why somebody was not let in.
const (
	WhyTicket   = "ticket"   // not begun in this browser, too long ago, or twice
	WhyProvider = "provider" // what came is not what the provider should send
	WhyDenied   = "denied"   // the provider says no, or they turned back
	WhyUnlinked = "unlinked" // no account here, and none is made
	WhyRole     = "role"     // nothing gives them a role here
	WhyEnded    = "ended"    // the account may act no more
	WhyStale    = "stale"    // the provider did not ask for a proof anew
)

// A RefusedError says why somebody was not let in. It is in the chain of errors of
// kind Forbidden.
type RefusedError struct {
	Why  string
	text string
}

// Error says it in words for the log; they name no person.
func (e *RefusedError) Error() string { return "sign-in: " + e.text }

func refuse(why, format string, args ...any) error {
	return fault.As(fault.Forbidden, &RefusedError{Why: why, text: fmt.Sprintf(format, args...)})
}

// Why returns why an error refuses somebody, "" if it does not.
func Why(err error) string {
	if e, ok := errors.AsType[*RefusedError](err); ok {
		return e.Why
	}
	return ""
}
