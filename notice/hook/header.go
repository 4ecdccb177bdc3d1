package hook

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"radagora/fault"
)

// The bounds of headers that are sent along.
const (
	mostHeaders = 10
	maxHeader   = 2000 // bytes
)

// ours are the headers that nobody else sets: those of the message, of the connection
// and of where it goes.
var ours = []string{
	"Connection", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "Host", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
}

// refuse returns an error for headers that are not sent along. It does not show them.
func refuse(header []string) error {
	if len(header) > mostHeaders {
		return fault.Errorf(fault.Invalid, "webhook: more than %d headers", mostHeaders)
	}
	for i, line := range header {
		name, value, found := strings.Cut(line, ":")
		name = http.CanonicalHeaderKey(strings.TrimSpace(name))
		switch {
		case !found || len(line) > maxHeader || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(strings.TrimSpace(value)):
			return fault.Errorf(fault.Invalid, "webhook: header %d is not written Name: value", i+1)
		case slices.Contains(ours, name) || strings.HasPrefix(name, "Webhook-") || strings.HasPrefix(name, "Proxy-"):
			return fault.Errorf(fault.Invalid, "webhook: header %d is not for others to set", i+1)
		}
	}
	return nil
}
