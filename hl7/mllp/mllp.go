// Package mllp speaks HL7 v2 over TCP.
//
// It is the Minimal Lower Layer Protocol of HL7 (release 1): a message stands
// between VT (0x0B) and FS CR (0x1C 0x0D), many on one connection, each answered
// before the next one is looked at, so that the order of a sender is kept. A Server
// hands messages to a Receiver and acknowledges what that has returned; a Client
// keeps one connection, waits for the answer that bears the control id of its
// message, and sends again after a break before anything else.
//
// Reading is tolerant of what devices do (no CR behind FS, LF, bytes between
// frames), counts it and tells an observer. Every read and write has a deadline,
// memory is taken as bytes arrive, and what one peer does reaches no other one.
package mllp

import (
	"cmp"
	"crypto/x509"
	"net"
	"net/netip"
	"time"
)

// The bytes of a frame.
const (
	begin = 0x0B // VT
	end   = 0x1C // FS
)

// Frame returns a message as it travels.
func Frame(message []byte) []byte {
	out := make([]byte, 0, len(message)+3)
	out = append(append(out, begin), message...)
	return append(out, end, '\r')
}

// Limits bound what a peer can make this side do. Zero values are filled with those
// of DefaultLimits; a negative number is no limit where the comment says so.
type Limits struct {
	Message     int           // bytes of a message; a longer one is refused and skipped
	Junk        int           // bytes outside frames before the connection is closed
	Connections int           // open at once
	PerAddress  int           // of one address
	Memory      int           // bytes of all messages that are being read or dealt with; what finds no room is to come again
	Strangers   int           // connections of strangers, open at once; see Server.Known
	OfStranger  int           // of them, of one address
	First       int           // bytes of a message of a stranger
	FirstIdle   time.Duration // silence of a stranger
	Rate        int           // messages a second from one address; more wait, none are lost; negative: no limit
	Opens       int           // connections an address may open a minute; negative: no limit
	Idle        time.Duration // silence between messages
	Stall       time.Duration // silence inside a message
	Whole       time.Duration // from the first byte of a message to its last; TLS handshake
	Write       time.Duration // an answer
	Grace       time.Duration // for what goes on when the server stops
}

// DefaultLimits is what holds where nothing else is said.
func DefaultLimits() Limits {
	return Limits{
		Message: 32 << 20, Junk: 64 << 10, Connections: 500, PerAddress: 50, Rate: 1000, Opens: 600,
		Memory: 256 << 20, Strangers: 100, OfStranger: 5, First: 64 << 10, FirstIdle: 5 * time.Minute,
		Idle: 24 * time.Hour, Stall: 30 * time.Second, Whole: 5 * time.Minute, Write: 30 * time.Second, Grace: 10 * time.Second,
	}
}

// filled returns l with defaults for what is zero.
func (l Limits) filled() Limits {
	d := DefaultLimits()
	return Limits{
		Message: cmp.Or(l.Message, d.Message), Junk: cmp.Or(l.Junk, d.Junk), Connections: cmp.Or(l.Connections, d.Connections),
		PerAddress: cmp.Or(l.PerAddress, d.PerAddress), Memory: cmp.Or(l.Memory, d.Memory), Strangers: cmp.Or(l.Strangers, d.Strangers),
		OfStranger: cmp.Or(l.OfStranger, d.OfStranger), First: cmp.Or(l.First, d.First), FirstIdle: cmp.Or(l.FirstIdle, d.FirstIdle), Rate: cmp.Or(l.Rate, d.Rate), Opens: cmp.Or(l.Opens, d.Opens),
		Idle: cmp.Or(l.Idle, d.Idle), Stall: cmp.Or(l.Stall, d.Stall), Whole: cmp.Or(l.Whole, d.Whole),
		Write: cmp.Or(l.Write, d.Write), Grace: cmp.Or(l.Grace, d.Grace),
	}
}

// A Peer is who is on the other side of a connection.
type Peer struct {
	Address     netip.AddrPort
	Local       net.Addr
	Certificate *x509.Certificate // that the peer showed and the server verified; nil for none
}

// An Occasion is what an Observation is about.
type Occasion string

// The occasions.
const (
	Opened   Occasion = "opened"
	Refused  Occasion = "refused"  // a connection: too many, or too often
	Received Occasion = "received" // a message, answered or not
	Sent     Occasion = "sent"     // a message of a Client, with what came of it
	Resent   Occasion = "resent"   // it is tried again
	Closed   Occasion = "closed"   // with Err, if it was not the end of what the peer had to say
)

// An Observation is something that happened on a connection: for counters and for the
// monitor. It holds no patient data.
type Observation struct {
	Occasion Occasion
	At       time.Time
	Peer     Peer
	Bytes    int           // of the message, or of all of a connection
	Messages int           // of a connection, when it closes
	Took     time.Duration // from the first byte of the message to the end of its answer; how long a connection was open
	Odd      Odd           // since the message before
	Err      error         // what the receiver or the line said
}

// Odd counts what a peer does that the protocol does not know.
type Odd struct {
	Junk      int // bytes outside frames
	Unended   int // FS without CR
	Restarted int // frames begun anew before they ended
	Stray     int // answers to nothing that was asked (of a Client)
}

// clock is the machine's: how long something takes is counted by it, whatever Now
// says.
func clock() time.Time { return time.Now() } //nolint:forbidigo // not a time to be told

// within returns the deadline of something that may take d.
func within(d time.Duration) time.Time { return clock().Add(d) }
