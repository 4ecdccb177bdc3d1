package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"radagora/dicom/dimse"
	"radagora/dicom/uid"
	"radagora/fault"
)

// A lineTrial is what came of calling a peer, in words of the catalogue (peers.tried_…).
type lineTrial struct {
	Word  string
	Took  time.Duration // from the call to the answer of the C-ECHO
	Said  string        // what the peer says it is
	Takes []string      // words of the services it takes, in the order of the table
}

// The words of a trial.
const (
	triedAnswered    = "answered"
	triedSlow        = "slow"         // it answered, and took long
	triedBlocked     = "blocked"      // here, by a person
	triedNoPort      = "no_port"      // nothing to call is known of it
	triedUnnamed     = "unnamed"      // its host name is not resolved
	triedClosed      = "closed"       // nobody listens at the port
	triedUnreachable = "unreachable"  // no connection in time
	triedSilent      = "silent"       // a connection, and no DICOM on it
	triedOwn         = "own"          // our certificate cannot be used
	triedExpired     = "expired"      // its certificate has
	triedPinned      = "pinned"       // it shows another than the one known of it
	triedUntrusted   = "untrusted"    // nobody vouches for its certificate
	triedName        = "name"         // its certificate names another host
	triedPlain       = "plain"        // we spoke TLS, and it does not
	triedTLS         = "tls"          // it speaks TLS, and we did not
	triedTLSWanted   = "tls_wanted"   // it wants a certificate of ours that it trusts
	triedTLSOther    = "tls_other"    // no agreement about version or suite
	triedCalling     = "calling"      // it does not know our title
	triedCalled      = "called"       // it is not called that
	triedBusy        = "busy"         // it rejects for now
	triedRejected    = "rejected"     // it rejects
	triedNoEcho      = "no_echo"      // it takes no Verification
	triedEchoRefused = "echo_refused" // it answered the C-ECHO with a failure
	triedLost        = "lost"         // the association broke
)

// From when on an answer is slow, and how long the two halves of a trial may take.
const (
	triedSlowFrom    = 3 * time.Second
	tryTakes         = 15 * time.Second
	tryServicesTakes = 15 * time.Second
)

// triedServices are what a peer may take, as the page shows them.
var triedServices = []struct {
	word  string
	class uid.UID
}{
	{"ct", uid.CTImageStorage},
	{"mr", uid.MRImageStorage},
	{"cr", uid.ComputedRadiographyImageStorage},
	{"dx", uid.DigitalXRayImageStorageForPresentation},
	{"mg", uid.DigitalMammographyXRayImageStorageForPresentation},
	{"xa", uid.XRayAngiographicImageStorage},
	{"us", uid.UltrasoundImageStorage},
	{"sc", uid.SecondaryCaptureImageStorage},
	{"dose", uid.XRayRadiationDoseSRStorage},
	{"sr", uid.EnhancedSRStorage},
	{"pdf", uid.EncapsulatedPDFStorage},
	{"find", uid.StudyRootQueryRetrieveInformationModelFind},
	{"move", uid.StudyRootQueryRetrieveInformationModelMove},
	{"get", uid.StudyRootQueryRetrieveInformationModelGet},
	{"worklist", uid.ModalityWorklistInformationModelFind},
	{"mpps", uid.ModalityPerformedProcedureStep},
	{"commitment", uid.StorageCommitmentPushModel},
}

// try calls a peer of a site and says what came of it. NotFound: there is no such peer.
func (l line) try(ctx context.Context, siteID, title string) (lineTrial, error) {
	if _, err := l.Sites.Peer(ctx, siteID, title); err != nil {
		return lineTrial{}, err
	}
	address, c, err := l.line(ctx, siteID, title, l.settings.AE)
	switch {
	case err == nil:
	case fault.Of(err) == fault.Forbidden:
		return lineTrial{Word: triedBlocked}, nil
	case fault.Of(err) == fault.NotFound:
		return lineTrial{Word: triedNoPort}, nil
	default:
		return lineTrial{Word: triedOwn}, nil
	}
	echo, end := context.WithTimeout(ctx, tryTakes)
	defer end()
	out := tryEcho(echo, address, c)
	if out.Word != triedAnswered && out.Word != triedSlow {
		return out, nil
	}
	more, end := context.WithTimeout(ctx, tryServicesTakes)
	defer end()
	out.Takes = servicesTaken(more, address, c)
	return out, nil
}

// tryEcho sends a C-ECHO.
func tryEcho(ctx context.Context, address string, c dimse.Config) (out lineTrial) {
	connected := false
	c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		connected = err == nil
		return conn, err
	}
	began := c.Now()
	a, err := dimse.Dial(ctx, address, c)
	if err != nil {
		return lineTrial{Word: diagnosis(ctx, err, connected, address, c)}
	}
	defer a.Abort()
	out.Said = a.Peer().Version
	status, err := a.Echo(ctx)
	out.Took = c.Now().Sub(began)
	switch {
	case errors.Is(err, dimse.ErrNoContext):
		out.Word = triedNoEcho
	case err != nil:
		out.Word = triedLost
	case status.Err() != nil:
		out.Word = triedEchoRefused
	case a.Release(ctx) != nil:
		out.Word = triedLost
	case out.Took >= triedSlowFrom:
		out.Word = triedSlow
	default:
		out.Word = triedAnswered
	}
	return out
}

// servicesTaken returns the words of the services that a peer takes.
func servicesTaken(ctx context.Context, address string, c dimse.Config) (all []string) {
	c.Propose = nil
	for _, s := range triedServices {
		c.Propose = append(c.Propose, dimse.Proposal{SOPClass: s.class, Syntaxes: plainSyntaxes})
	}
	a, err := dimse.Dial(ctx, address, c)
	if err != nil {
		return nil
	}
	defer a.Abort()
	for _, s := range triedServices {
		if offers(a, s.class) {
			all = append(all, s.word)
		}
	}
	_ = a.Release(ctx) // what it takes is known
	return all
}

// diagnosis returns the word for why there is no association.
func diagnosis(ctx context.Context, err error, connected bool, address string, c dimse.Config) string {
	if no, ok := errors.AsType[*dimse.RejectionError](err); ok {
		return rejectedBy(no)
	}
	if word := diagnosisTLS(err); word != "" {
		return word
	}
	_, unnamed := errors.AsType[*net.DNSError](err)
	switch {
	case unnamed:
		return triedUnnamed
	case errors.Is(err, syscall.ECONNREFUSED):
		return triedClosed
	case !connected:
		return triedUnreachable
	case c.TLS != nil:
		return triedTLSOther
	case speaksTLS(context.WithoutCancel(ctx), address):
		return triedTLS
	}
	return triedSilent
}

// rejectedBy returns the word for a rejection.
func rejectedBy(no *dimse.RejectionError) string {
	switch {
	case *no == *dimse.ErrCalling:
		return triedCalling
	case *no == *dimse.ErrCalled:
		return triedCalled
	case no.Result == dimse.Transient:
		return triedBusy
	}
	return triedRejected
}

// diagnosisTLS returns the word for what went wrong with TLS, "" if that was not it.
func diagnosisTLS(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return triedUntrusted
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return triedName
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return triedPlain
	}
	if bad, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if bad.Reason == x509.Expired {
			return triedExpired
		}
		return triedUntrusted
	}
	if errors.Is(err, errOtherCertificate) {
		return triedPinned
	}
	_, alert, ok := strings.Cut(err.Error(), "remote error: tls: ") // crypto/tls tells alerts by their text alone
	switch {
	case ok && slices.ContainsFunc(alertsAboutOurs, func(a string) bool { return strings.HasPrefix(alert, a) }):
		return triedTLSWanted
	case ok || strings.Contains(err.Error(), "tls: "):
		return triedTLSOther
	}
	return ""
}

// alertsAboutOurs are what a peer says that does not take our certificate, or gets none
// (RFC 8446 6.2).
var alertsAboutOurs = []string{"certificate required", "bad certificate", "unknown certificate", "unsupported certificate", "revoked certificate", "expired certificate", "access denied"}

// probeTakes is how long it may take to see whether somebody speaks TLS.
const probeTakes = 3 * time.Second

// speaksTLS reports whether a port answers the beginning of TLS by it.
func speaksTLS(ctx context.Context, address string) bool {
	ctx, end := context.WithTimeout(ctx, probeTakes)
	defer end()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer conn.Close()
	first := &firstRead{Conn: conn}
	_ = tls.Client(first, &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}).HandshakeContext(ctx) //nolint:gosec // G402: nothing is said on it
	return len(first.got) > 0 && slices.Contains([]byte{21, 22}, first.got[0])                                       // RFC 8446 5.1: alert, handshake
}

// firstRead remembers the first byte that comes.
type firstRead struct {
	net.Conn
	got []byte
}

// Read implements io.Reader.
func (f *firstRead) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if len(f.got) == 0 && n > 0 {
		f.got = []byte{b[0]}
	}
	return n, err //nolint:wrapcheck // io.EOF is told by its value
}
