package dimse

import (
	"encoding/binary"
	"strings"

	"radagora/dicom/tag"
	"radagora/fault"
)

// Command sets, PS3.7 section 6.3 and Annex E: always implicit VR little endian,
// group 0000 only. The few elements that matter here have a codec of their own,
// stricter and smaller than that for data sets.

// commandField names the operation of a command, PS3.7 Table E.1-1.
type commandField uint16

const (
	cStoreRQ  commandField = 0x0001
	cGetRQ    commandField = 0x0010
	cFindRQ   commandField = 0x0020
	cMoveRQ   commandField = 0x0021
	cEchoRQ   commandField = 0x0030
	nEventRQ  commandField = 0x0100
	nGetRQ    commandField = 0x0110
	nSetRQ    commandField = 0x0120
	nActionRQ commandField = 0x0130
	nCreateRQ commandField = 0x0140
	nDeleteRQ commandField = 0x0150
	cCancelRQ commandField = 0x0fff
	response  commandField = 0x8000 // set in the command field of every response
)

// operations are the names of operations, PS3.7 Tables 7.5-1 and 7.5-2.
var operations = map[commandField]string{
	cStoreRQ: "C-STORE", cGetRQ: "C-GET", cFindRQ: "C-FIND", cMoveRQ: "C-MOVE", cEchoRQ: "C-ECHO",
	nEventRQ: "N-EVENT-REPORT", nGetRQ: "N-GET", nSetRQ: "N-SET", nActionRQ: "N-ACTION", nCreateRQ: "N-CREATE", nDeleteRQ: "N-DELETE",
}

// String returns the name of the operation, "" for none.
func (f commandField) String() string { return operations[f&^response] }

// normal reports whether f or its request is of DIMSE-N.
func (f commandField) normal() bool {
	f &^= response
	return f >= nEventRQ && f <= nDeleteRQ
}

// requested reports whether the request of f names its SOP class and instance as
// requested, not as affected (PS3.7 section 10.3).
func (f commandField) requested() bool {
	return f == nGetRQ || f == nSetRQ || f == nActionRQ || f == nDeleteRQ
}

// Element numbers in group 0000, PS3.7 Tables E.1-1 and 9.1-1 and following.
const (
	elemGroupLength       = 0x0000
	elemAffectedClass     = 0x0002
	elemRequestedClass    = 0x0003
	elemCommandField      = 0x0100
	elemMessageID         = 0x0110
	elemRespondedTo       = 0x0120
	elemDestination       = 0x0600
	elemPriority          = 0x0700
	elemDataSetType       = 0x0800
	elemStatus            = 0x0900
	elemOffending         = 0x0901
	elemErrorComment      = 0x0902
	elemErrorID           = 0x0903
	elemAffectedInstance  = 0x1000
	elemRequestedInstance = 0x1001
	elemEventType         = 0x1002
	elemAttributes        = 0x1005
	elemActionType        = 0x1008
	elemRemaining         = 0x1020
	elemCompleted         = 0x1021
	elemFailed            = 0x1022
	elemWarning           = 0x1023
	elemOriginator        = 0x1030
	elemOriginatorID      = 0x1031
)

// noDataSet in the data set type says that none follows, PS3.7 Table E.1-1.
const noDataSet = 0x0101

// maxCommand is how long a command set may be: a hundred times what one needs.
const maxCommand = 64 << 10

// A command is a command set: what this package reads and writes of it. UIDs stay
// text, because a wrong one has a status of its own.
type command struct {
	field             commandField
	messageID         uint16 // of a request
	respondedTo       uint16 // of a response
	affectedClass     string
	requestedClass    string // of DIMSE-N requests
	affectedInstance  string
	requestedInstance string
	destination       string // of C-MOVE
	priority          uint16
	dataSet           bool // one follows
	status            Status
	comment           string // at most 64 characters
	errorID           uint16
	offending         []tag.Tag
	attributes        []tag.Tag // of N-GET
	actionType        uint16
	eventType         uint16
	counts            *counts // of sub-operations
	originator        string  // of a C-STORE that a C-MOVE caused
	originatorID      uint16
}

// counts are numbers of sub-operations, PS3.7 Table 9.3-9 and following.
type counts struct {
	remaining, completed, failed, warning uint16
	noRemaining                           bool // how many remain is not said
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
	if c.destination != "" {
		b = appendText(b, elemDestination, c.destination, ' ')
	}
	if f := c.field; f == cStoreRQ || f == cFindRQ || f == cGetRQ || f == cMoveRQ {
		b = appendUS(b, elemPriority, c.priority)
	}
	kind := uint16(noDataSet)
	if c.dataSet {
		kind = 0
	}
	b = appendUS(b, elemDataSetType, kind)
	if c.isResponse() {
		b = c.appendStatus(b)
	}
	b = c.appendRest(b)
	copy(b, appendHead(b[:0], elemGroupLength, 4))
	binary.LittleEndian.PutUint32(b[8:], length32(len(b)-12))
	return b
}

// appendStatus appends what group 09xx says of a response.
func (c *command) appendStatus(b []byte) []byte {
	b = appendUS(b, elemStatus, uint16(c.status))
	b = appendTags(b, elemOffending, c.offending)
	if c.comment != "" {
		b = appendText(b, elemErrorComment, c.comment, ' ')
	}
	if c.errorID != 0 {
		b = appendUS(b, elemErrorID, c.errorID)
	}
	return b
}

// appendRest appends the elements from 1000 on.
func (c *command) appendRest(b []byte) []byte {
	if c.affectedInstance != "" {
		b = appendText(b, elemAffectedInstance, c.affectedInstance, 0)
	}
	if c.requestedInstance != "" {
		b = appendText(b, elemRequestedInstance, c.requestedInstance, 0)
	}
	if c.field&^response == nEventRQ {
		b = appendUS(b, elemEventType, c.eventType)
	}
	b = appendTags(b, elemAttributes, c.attributes)
	if c.field&^response == nActionRQ {
		b = appendUS(b, elemActionType, c.actionType)
	}
	if n := c.counts; n != nil {
		if !n.noRemaining {
			b = appendUS(b, elemRemaining, n.remaining)
		}
		b = appendUS(appendUS(appendUS(b, elemCompleted, n.completed), elemFailed, n.failed), elemWarning, n.warning)
	}
	if c.originator != "" {
		b = appendUS(appendText(b, elemOriginator, c.originator, ' '), elemOriginatorID, c.originatorID)
	}
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

// appendTags appends an element of VR AT, unless there are no tags.
func appendTags(b []byte, element uint16, tags []tag.Tag) []byte {
	tags = tags[:min(len(tags), maxTags)]
	if len(tags) == 0 {
		return b
	}
	b = appendHead(b, element, 4*len(tags))
	for _, t := range tags {
		b = binary.LittleEndian.AppendUint16(b, t.Group())
		b = binary.LittleEndian.AppendUint16(b, t.Element())
	}
	return b
}

// maxTags is how many tags a command set lists at most.
const maxTags = 4096

// parseTags reads a value of VR AT.
func parseTags(v []byte) []tag.Tag {
	var tags []tag.Tag
	for ; len(v) >= 4 && len(tags) < maxTags; v = v[4:] {
		tags = append(tags, tag.New(binary.LittleEndian.Uint16(v), binary.LittleEndian.Uint16(v[2:])))
	}
	return tags
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
	if n := c.number(element); n != nil {
		if len(v) != 2 {
			return fault.Errorf(fault.Invalid, "command set: (0000,%04X) has %d bytes; 2 are due", element, len(v))
		}
		*n = binary.LittleEndian.Uint16(v)
	}
	switch element {
	case elemAffectedClass:
		c.affectedClass = uidText(v)
	case elemRequestedClass:
		c.requestedClass = uidText(v)
	case elemAffectedInstance:
		c.affectedInstance = uidText(v)
	case elemRequestedInstance:
		c.requestedInstance = uidText(v)
	case elemDestination:
		c.destination = title(v[:min(len(v), 64)])
	case elemOriginator:
		c.originator = title(v[:min(len(v), 64)])
	case elemErrorComment:
		c.comment = strings.TrimSpace(clean(v[:min(len(v), 64)]))
	case elemOffending:
		c.offending = parseTags(v)
	case elemAttributes:
		c.attributes = parseTags(v)
	case elemDataSetType:
		c.dataSet = binary.LittleEndian.Uint16(v) != noDataSet
	}
	return nil
}

// number returns where the value of an element of VR US belongs, nil for others.
func (c *command) number(element uint16) *uint16 {
	switch element {
	case elemCommandField:
		return (*uint16)(&c.field)
	case elemMessageID:
		return &c.messageID
	case elemRespondedTo:
		return &c.respondedTo
	case elemPriority:
		return &c.priority
	case elemStatus:
		return (*uint16)(&c.status)
	case elemErrorID:
		return &c.errorID
	case elemEventType:
		return &c.eventType
	case elemActionType:
		return &c.actionType
	case elemOriginatorID:
		return &c.originatorID
	case elemDataSetType:
		return new(uint16)
	case elemRemaining, elemCompleted, elemFailed, elemWarning:
		if c.counts == nil {
			c.counts = &counts{noRemaining: true}
		}
		return c.counts.number(element)
	}
	return nil
}

// number is command.number for counts.
func (n *counts) number(element uint16) *uint16 {
	switch element {
	case elemRemaining:
		n.noRemaining = false
		return &n.remaining
	case elemCompleted:
		return &n.completed
	case elemFailed:
		return &n.failed
	default:
		return &n.warning
	}
}
