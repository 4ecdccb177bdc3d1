package dimse

import (
	"encoding/binary"
	"errors"
	"fmt"

	"radagora/fault"
)

// The protocol data units of the upper layer, PS3.8 section 9.3: their frames,
// the short ones and P-DATA-TF. associate.go has the long ones.

// A pduType is the first byte of a PDU, PS3.8 section 9.3.1.
type pduType uint8

const (
	associateRQ pduType = iota + 1
	associateAC
	associateRJ
	dataTF
	releaseRQ
	releaseRP
	abortPDU
)

// received is the event that the arrival of a PDU of each type is.
var received = map[pduType]event{
	associateRQ: evt6, associateAC: evt3, associateRJ: evt4,
	dataTF: evt10, releaseRQ: evt12, releaseRP: evt13, abortPDU: evt16,
}

const (
	headerLength = 6  // type, reserved, length: PS3.8 section 9.3.1
	pdvHeader    = 6  // length, presentation context, message control header: PS3.8 section 9.3.5.1
	shortLength  = 4  // of the body of A-ASSOCIATE-RJ, A-RELEASE and A-ABORT
	leastPDU     = 32 // less than this a peer cannot mean as its largest P-DATA-TF
)

// The reasons of an A-ABORT whose source is the service-provider, PS3.8 Table 9-26.
const (
	abortNoReason       uint8 = 0
	abortUnrecognized   uint8 = 1 // unrecognised PDU
	abortUnexpected     uint8 = 2 // unexpected PDU
	abortInvalidContent uint8 = 6 // invalid PDU parameter value
)

// A protocolError is what a peer did against PS3.8, with the reason that the
// A-ABORT gives for it.
type protocolError struct {
	reason uint8
	text   string
}

// Error returns the text, which holds no element values.
func (e *protocolError) Error() string { return e.text }

// Unwrap makes the error one of kind Invalid.
func (e *protocolError) Unwrap() error { return errProtocol }

var errProtocol = fault.Errorf(fault.Invalid, "dimse: the peer broke the upper layer protocol")

// reasonOf returns the reason for the A-ABORT that answers err.
func reasonOf(err error) uint8 {
	if bad, ok := errors.AsType[*protocolError](err); ok {
		return bad.reason
	}
	return abortNoReason
}

// broken returns a protocolError whose reason is an invalid parameter value.
func broken(format string, args ...any) *protocolError {
	return &protocolError{abortInvalidContent, fmt.Sprintf(format, args...)}
}

// A pdv is a presentation data value: a fragment of a command or of a data set,
// PS3.8 section 9.3.5.1 and Annex E.
type pdv struct {
	context uint8 // presentation context
	command bool  // of a command set, not a data set
	last    bool  // nothing of this command or data set follows
	data    []byte
}

// The bits of a message control header. The others are not looked at, as Annex
// E.2 demands.
const (
	bitCommand = 1
	bitLast    = 2
)

// parseData appends the fragments in the body of a P-DATA-TF to all. They point
// into body.
func parseData(all []pdv, body []byte) ([]pdv, error) {
	if len(body) == 0 {
		return all, broken("P-DATA-TF without a presentation data value")
	}
	for len(body) > 0 {
		if len(body) < pdvHeader {
			return all, broken("presentation data value of %d bytes", len(body))
		}
		n := int64(binary.BigEndian.Uint32(body))
		if n < 2 || n > int64(len(body)-4) {
			return all, broken("presentation data value says it has %d bytes; the PDU has %d", n, len(body)-4)
		}
		if body[4]%2 == 0 {
			return all, broken("presentation context %d is even", body[4])
		}
		all = append(all, pdv{
			context: body[4],
			command: body[5]&bitCommand != 0,
			last:    body[5]&bitLast != 0,
			data:    body[pdvHeader : 4+n],
		})
		body = body[4+n:]
	}
	return all, nil
}

// sealData makes b, which begins with room for both headers and goes on with a
// fragment, into a P-DATA-TF with that one fragment.
func sealData(b []byte, context uint8, command, last bool) []byte {
	b[0], b[1] = byte(dataTF), 0
	binary.BigEndian.PutUint32(b[2:], length32(len(b)-headerLength))
	binary.BigEndian.PutUint32(b[headerLength:], length32(len(b)-headerLength-4))
	var control byte
	if command {
		control |= bitCommand
	}
	if last {
		control |= bitLast
	}
	b[headerLength+4], b[headerLength+5] = context, control
	return b
}

// length32 narrows a length of our own making, which never is near the limit.
func length32(n int) uint32 {
	return uint32(n & 0x7fffffff)
}

// short returns a PDU with a body of four bytes.
func short(t pduType, body [shortLength]byte) []byte {
	return append([]byte{byte(t), 0, 0, 0, 0, shortLength}, body[:]...)
}

// abort returns an A-ABORT, PS3.8 section 9.3.8. Source 0 is the service-user, 2
// the service-provider; a user gives no reason.
func abort(source, reason uint8) []byte { return short(abortPDU, [4]byte{0, 0, source, reason}) }

// parseShort returns the body of a PDU that has four bytes. More are let pass.
func parseShort(t pduType, body []byte) ([shortLength]byte, error) {
	if len(body) < shortLength {
		return [4]byte{}, broken("PDU of type %d has %d bytes; %d are due", t, len(body), shortLength)
	}
	return [4]byte(body[:shortLength]), nil
}

// A cursor reads fields from the front of b. Past the end it yields zeros and
// notes that.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b) {
		c.short, c.b = true, nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) u8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// block reads a length of two bytes and that many bytes.
func (c *cursor) block() []byte { return c.take(int(c.u16())) }
