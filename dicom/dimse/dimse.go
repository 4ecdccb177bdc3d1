// Package dimse speaks DICOM over associations.
//
// It has the upper layer of PS3.8 and the messages of PS3.7, as provider (Server) and
// as user (Dial): C-ECHO, C-STORE, C-FIND, C-MOVE, C-GET and DIMSE-N, with role
// selection, extended negotiation, asynchronous operations and user identity. The
// upper layer is the state table of PS3.8 Table 9-10, as data in table.go; one
// goroutine for each association runs it, another reads the messages, and what takes
// long is performed beside that one. What is negotiated, what is answered to which
// error and why associations are rejected are tables too, exported so that the
// conformance statement (PS3.2) can be generated from them.
//
// The package knows messages and no services: Storer, Finder, Retriever and Normal
// are what a program fills in. Objects pass through as they come: their data sets are
// neither parsed nor recoded nor held in memory here. Identifiers and the data sets of
// DIMSE-N are decoded, after their size and depth were bounded. Everything a peer can
// ask for is bounded, every read and write has a deadline, and a peer that misbehaves
// loses its association and no other. Logs hold application entity titles, addresses
// and UIDs, never elements.
package dimse

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"radagora/dicom"
	"radagora/dicom/uid"
)

// A Peer is who is at the other end of an association.
type Peer struct {
	Address       string               // network address and port
	CallingAE     string               // application entity title of the requestor
	CalledAE      string               // application entity title the requestor asked for
	Class         string               // implementation class UID, as sent
	Version       string               // implementation version name, as sent
	MaximumLength uint32               // largest P-DATA-TF body the peer takes; 0 is any
	Identity      *Identity            // nil if none was sent
	TLS           *tls.ConnectionState // nil without TLS
	Proposed      []Proposal           // the presentation contexts the requestor asked for, as sent

	// Account is who Server.Accept says the peer is, "" if it says nothing. If the
	// requestor sent an Identity and asks for an answer, it gets one when this is set.
	Account string
}

// Verifying reports whether the requestor asked for Verification and nothing else.
func (p Peer) Verifying() bool {
	for _, c := range p.Proposed {
		if c.SOPClass != uid.Verification {
			return false
		}
	}
	return len(p.Proposed) > 0
}

// peerOf returns what an A-ASSOCIATE-RQ tells about who sent it.
func peerOf(address string, rq *associate) Peer {
	p := Peer{
		Address: address, CallingAE: rq.calling, CalledAE: rq.called,
		Class: rq.user.classUID, Version: rq.user.version,
		MaximumLength: rq.user.maxLength, Identity: rq.user.identity,
	}
	for _, c := range rq.contexts {
		proposal := Proposal{}
		proposal.SOPClass, _ = uid.Parse(c.abstract) // what is none was not asked for
		for _, syntax := range c.syntaxes {
			if u, err := uid.Parse(syntax); err == nil {
				proposal.Syntaxes = append(proposal.Syntaxes, u)
			}
		}
		p.Proposed = append(p.Proposed, proposal)
	}
	return p
}

// LogValue shows what logs may hold of a peer.
func (p Peer) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("address", p.Address),
		slog.String("calling_ae", p.CallingAE),
		slog.String("called_ae", p.CalledAE),
	)
}

// An Identity is a user identity negotiation, PS3.7 section D.3.3.7. What it holds
// is a secret: it prints as its type alone.
type Identity struct {
	Type      IdentityType
	Primary   []byte // user name, Kerberos ticket, SAML assertion or JSON Web Token
	Secondary []byte // passcode, for type UserPasscode

	respond bool // a positive response is asked for
}

// IdentityType is the kind of an Identity, PS3.7 Table D.3-14.
type IdentityType uint8

// The kinds of identity.
const (
	UserName     IdentityType = 1
	UserPasscode IdentityType = 2
	Kerberos     IdentityType = 3
	SAML         IdentityType = 4
	JWT          IdentityType = 5
)

// Format prints the type and nothing else, whatever the verb.
func (i Identity) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "[identity of type %d]", uint8(i.Type)) }

// LogValue does the same for logs.
func (i Identity) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(i)) }

// A Storer keeps what C-STORE brings. It must be safe for concurrent use.
type Storer interface {
	// Store reads in.Data to its end. An error becomes the status of the response
	// (StorageStatuses tells which), and the rest of the data is skipped. Otherwise
	// wait, unless it is nil, blocks until the object is durable; success is sent
	// only after it returned nil. Where asynchronous operations were negotiated, the
	// next object is read meanwhile. The context ends when the association does.
	Store(ctx context.Context, in *Incoming) (wait func(context.Context) error, err error)
}

// An Incoming is an object on its way in.
type Incoming struct {
	Peer           Peer
	SOPClass       uid.UID // as the message says; the data set may say something else
	SOPInstance    uid.UID // likewise
	TransferSyntax uid.UID // of Data
	MessageID      uint16
	Originator     string // the title of who asked for it by C-MOVE; "" if nobody did
	OriginatorID   uint16 // the message ID of that C-MOVE

	// Data is the data set without a meta header. It is only valid until Store
	// returns, and implements io.WriterTo. An error of kind Exhausted is that the
	// object is larger than Limits.Object, one of kind Unavailable that the
	// association ended within it.
	Data io.Reader
}

// Limits bound what peers can do. A zero field means the default that stands
// beside it.
type Limits struct {
	Associations int           // at once, of all peers: 128
	PerPeer      int           // associations at once from one network address: 32
	Connections  int           // open at once, associated or not: 512. Beyond that the oldest without an association are cut
	PDU          uint32        // largest P-DATA-TF body taken, in bytes: 131,072
	Associate    int           // largest A-ASSOCIATE-RQ or -AC, in bytes: 65,536
	Object       int64         // largest data set taken, in bytes: any
	Identifier   int64         // largest identifier, or data set of DIMSE-N, in bytes: 4 MiB
	Drain        int64         // how much of a refused data set is skipped before the association is aborted, in bytes: 1 GiB
	Window       uint16        // operations that may be outstanding where that is negotiated: 16
	ARTIM        time.Duration // for an association request to come, and for a connection to be closed after the end: 10 s
	Idle         time.Duration // for the next PDU to begin, when nothing is owed to the peer: 5 min
	Whole        time.Duration // for a PDU that has begun to be complete: 30 s
	Write        time.Duration // for the peer to take a PDU: 30 s
	Grace        time.Duration // for open associations when the server stops: 10 s
}

// Filled returns l with the defaults in place.
func (l Limits) Filled() Limits {
	def(&l.Associations, 128)
	def(&l.PerPeer, 32)
	def(&l.Connections, 512)
	def(&l.PDU, 128<<10)
	def(&l.Associate, 64<<10)
	def(&l.Identifier, 4<<20)
	def(&l.Drain, 1<<30)
	def(&l.Window, 16)
	def(&l.ARTIM, 10*time.Second)
	def(&l.Idle, 5*time.Minute)
	def(&l.Whole, 30*time.Second)
	def(&l.Write, 30*time.Second)
	def(&l.Grace, 10*time.Second)
	return l
}

// def gives a zero value its default.
func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// ourInfo is the user information this program sends in both directions.
func ourInfo(l Limits) userInfo {
	return userInfo{
		maxLength: l.PDU,
		classUID:  dicom.ImplementationClassUID.String(),
		version:   dicom.ImplementationVersionName,
	}
}

// logPanic notes that a panic was caught at the door. The value is shown only if
// the runtime made it: others may quote an element.
func logPanic(log *slog.Logger, v any) {
	said := fmt.Sprintf("%T", v)
	if err, ok := v.(runtime.Error); ok {
		said = err.Error()
	}
	log.Error("panic", "value", said, "stack", string(debug.Stack()))
}
