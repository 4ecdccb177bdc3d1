package dimse

import (
	"encoding/binary"
	"strings"

	"radagora/fault"
)

// Command sets, PS3.7 section 6.3 and Annex E: always implicit VR little endian,
// group 0000 only. The few elements that matter here have a codec of their own,
// stricter and smaller than that for data sets.

// commandField names the operation of a command, PS3.7 Table E.1-1.
type commandField uint16

const (
	cStoreRQ  commandField = 0x0001
	cEchoRQ   commandField = 0x0030
	cCancelRQ commandField = 0x0fff
	response  commandField = 0x8000 // set in the command field of every response
)

// Element numbers in group 0000, PS3.7 Tables E.1-1 and 9.1-1 and following.
const (
	elemGroupLength      = 0x0000
	elemAffectedClass    = 0x0002
	elemRequestedClass   = 0x0003
	elemCommandField     = 0x0100
	elemMessageID        = 0x0110
	elemRespondedTo      = 0x0120
	elemPriority         = 0x0700
	elemDataSetType      = 0x0800
	elemStatus           = 0x0900
	elemErrorComment     = 0x0902
	elemAffectedInstance = 0x1000
)

// noDataSet in the data set type says that none follows, PS3.7 Table E.1-1.
const noDataSet = 0x0101

// maxCommand is how long a command set may be: a hundred times what one needs.
const maxCommand = 64 << 10

// A command is a command set: what this package reads and writes of it. UIDs stay
// text, because a wrong one has a status of its own.
type command struct {
	field            commandField
	messageID        uint16 // of a request
	respondedTo      uint16 // of a response
	affectedClass    string
	requestedClass   string // of DIMSE-N requests
	affectedInstance string
	priority         uint16
	dataSet          bool // one follows
	status           Status
	comment          string // at most 64 characters
}

// isResponse reports whether c answers a request.
func (c *command) isResponse() bool { return c.field&response != 0 }

// encode returns c as a command set.
func (c *command) encode() []byte {
	b := make([]byte, 12, 256)
	if c.affectedClass != "" {
		b = appendText(b, elemAffectedClass, c.affectedClass, 0)
	}
	if c.requestedClass != "" {
		b = appendText(b, elemRequestedClass, c.requestedClass, 0)
	}
	b = appendUS(b, elemCommandField, uint16(c.field))
	if c.isResponse() || c.field == cCancelRQ {
		b = appendUS(b, elemRespondedTo, c.respondedTo)
	} else {
		b = appendUS(b, elemMessageID, c.messageID)
	}
	if c.field == cStoreRQ {
		b = appendUS(b, elemPriority, c.priority)
	}
	kind := uint16(noDataSet)
	if c.dataSet {
		kind = 0
	}
	b = appendUS(b, elemDataSetType, kind)
	if c.isResponse() {
		b = appendUS(b, elemStatus, uint16(c.status))
		if c.comment != "" {
			b = appendText(b, elemErrorComment, c.comment, ' ')
		}
	}
	if c.affectedInstance != "" {
		b = appendText(b, elemAffectedInstance, c.affectedInstance, 0)
	}
	copy(b, appendHead(b[:0], elemGroupLength, 4))
	binary.LittleEndian.PutUint32(b[8:], length32(len(b)-12))
	return b
}

func appendHead(b []byte, element uint16, length int) []byte {
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint16(b, element)
	return binary.LittleEndian.AppendUint32(b, length32(length))
}

func appendUS(b []byte, element, v uint16) []byte {
	return binary.LittleEndian.AppendUint16(appendHead(b, element, 2), v)
}

func appendText(b []byte, element uint16, s string, pad byte) []byte {
	b = append(appendHead(b, element, len(s)+len(s)%2), s...)
	if len(s)%2 == 1 {
		b = append(b, pad)
	}
	return b
}

// parseCommand reads a command set. Elements it has no use for are passed over, and
// so are wrong group lengths; a length that does not fit, another group and a
// missing command field or data set type are errors of kind Invalid.
func parseCommand(b []byte) (*command, error) {
	c := &command{}
	var seen uint8
	for off := 0; off < len(b); {
		if len(b)-off < 8 {
			return nil, fault.Errorf(fault.Invalid, "command set ends within an element at offset %d", off)
		}
		group, element := binary.LittleEndian.Uint16(b[off:]), binary.LittleEndian.Uint16(b[off+2:])
		n := int64(binary.LittleEndian.Uint32(b[off+4:]))
		off += 8
		if group != 0 || n > int64(len(b)-off) {
			return nil, fault.Errorf(fault.Invalid, "command set: element (%04X,%04X) of %d bytes at offset %d", group, element, n, off-8)
		}
		v := b[off : off+int(n)]
		off += int(n)
		if err := c.set(element, v); err != nil {
			return nil, err
		}
		switch element {
		case elemCommandField:
			seen |= 1
		case elemDataSetType:
			seen |= 2
		}
	}
	if seen != 3 {
		return nil, fault.Errorf(fault.Invalid, "command set without a command field or data set type (PS3.7 §E.1)")
	}
	return c, nil
}

// set notes one element.
func (c *command) set(element uint16, v []byte) error {
	switch element {
	case elemAffectedClass:
		c.affectedClass = uidText(v)
	case elemRequestedClass:
		c.requestedClass = uidText(v)
	case elemAffectedInstance:
		c.affectedInstance = uidText(v)
	case elemErrorComment:
		c.comment = strings.TrimSpace(clean(v[:min(len(v), 64)]))
	case elemCommandField, elemMessageID, elemRespondedTo, elemPriority, elemDataSetType, elemStatus:
		if len(v) != 2 {
			return fault.Errorf(fault.Invalid, "command set: (0000,%04X) has %d bytes; 2 are due", element, len(v))
		}
		c.setUS(element, binary.LittleEndian.Uint16(v))
	}
	return nil
}

func (c *command) setUS(element, v uint16) {
	switch element {
	case elemCommandField:
		c.field = commandField(v)
	case elemMessageID:
		c.messageID = v
	case elemRespondedTo:
		c.respondedTo = v
	case elemPriority:
		c.priority = v
	case elemDataSetType:
		c.dataSet = v != noDataSet
	case elemStatus:
		c.status = Status(v)
	}
}
