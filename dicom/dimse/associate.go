package dimse

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// A-ASSOCIATE-RQ, -AC and -RJ, PS3.8 sections 9.3.2 to 9.3.4, and the user
// information of PS3.8 Annex D and PS3.7 Annex D.3.3.

// Item types, PS3.8 sections 9.3.2 and 9.3.3, PS3.7 Table D.3-1 and following.
const (
	itemApplicationContext = 0x10
	itemContextRQ          = 0x20
	itemContextAC          = 0x21
	itemAbstractSyntax     = 0x30
	itemTransferSyntax     = 0x40
	itemUser               = 0x50
	itemMaximumLength      = 0x51 // PS3.8 D.1
	itemClassUID           = 0x52 // PS3.7 D.3.3.2
	itemAsync              = 0x53 // PS3.7 D.3.3.3
	itemRole               = 0x54 // PS3.7 D.3.3.4
	itemVersionName        = 0x55 // PS3.7 D.3.3.2
	itemExtended           = 0x56 // PS3.7 D.3.3.5
	itemCommonExtended     = 0x57 // PS3.7 D.3.3.6
	itemIdentityRQ         = 0x58 // PS3.7 D.3.3.7
	itemIdentityAC         = 0x59 // PS3.7 D.3.3.7
)

// applicationContext is the one DICOM application context name, PS3.7 Annex A.2.1.
const applicationContext = "1.2.840.10008.3.1.1.1"

// An associate is the content of an A-ASSOCIATE-RQ or, with the answers in its
// contexts, of an A-ASSOCIATE-AC. UIDs stay text here: one that is none must cost
// its presentation context, not the association.
type associate struct {
	version         uint16 // protocol version, bit 0 is version 1
	called, calling string
	application     string
	contexts        []contextItem
	user            userInfo
}

// A contextItem is a presentation context, proposed or answered.
type contextItem struct {
	id       uint8
	result   Result   // in an answer
	abstract string   // in a proposal
	syntaxes []string // in an answer at most one
}

// userInfo is the user information item.
type userInfo struct {
	maxLength uint32 // largest body of a P-DATA-TF the sender takes; 0 is any
	classUID  string
	version   string
	async     *window
	roles     []role
	extended  []extended
	common    []commonExtended
	identity  *Identity
	response  []byte // server response to an identity; nil if there is none
}

// A window says how many operations may be outstanding; 0 is any number.
type window struct{ invoked, performed uint16 }

// A role is an SCP/SCU role selection, seen from the requestor.
type role struct {
	class    string
	scu, scp bool
}

// extended is a SOP class extended negotiation.
type extended struct {
	class string
	info  []byte
}

// commonExtended is a SOP class common extended negotiation.
type commonExtended struct {
	class, service string
	related        []string
}

// parseAssociate reads the body of an A-ASSOCIATE-RQ or -AC. Items it does not
// know are passed over (PS3.8 section 9.3.1).
func parseAssociate(t pduType, body []byte) (*associate, error) {
	c := &cursor{b: body}
	a := &associate{version: c.u16()}
	c.take(2)
	a.called, a.calling = title(c.take(16)), title(c.take(16))
	c.take(32)
	contextType := uint8(itemContextRQ)
	if t == associateAC {
		contextType = itemContextAC
	}
	for len(c.b) > 0 && !c.short {
		kind, data := item(c)
		switch kind {
		case itemApplicationContext:
			a.application = uidText(data)
		case contextType:
			if err := a.addContext(t, data); err != nil {
				return nil, err
			}
		case itemUser:
			if err := a.user.parse(data); err != nil {
				return nil, err
			}
		}
	}
	if c.short {
		return nil, broken("A-ASSOCIATE of %d bytes ends within an item", len(body))
	}
	if a.user.maxLength > 0 && a.user.maxLength < leastPDU {
		return nil, broken("maximum length %d leaves no room for data", a.user.maxLength)
	}
	return a, nil
}

// item reads an item's head and data.
func item(c *cursor) (uint8, []byte) {
	kind := c.u8()
	c.take(1)
	return kind, c.block()
}

// addContext reads a presentation context item.
func (a *associate) addContext(t pduType, data []byte) error {
	c := &cursor{b: data}
	p := contextItem{id: c.u8()}
	c.take(1)
	p.result = Result(c.u8())
	c.take(1)
	for len(c.b) > 0 {
		switch kind, data := item(c); kind {
		case itemAbstractSyntax:
			p.abstract = uidText(data)
		case itemTransferSyntax:
			p.syntaxes = append(p.syntaxes, uidText(data))
		}
	}
	if c.short {
		return broken("presentation context item of %d bytes ends too early", len(data))
	}
	if p.id%2 == 0 {
		return broken("presentation context %d is even", p.id)
	}
	for _, other := range a.contexts {
		if other.id == p.id {
			return broken("presentation context %d comes twice", p.id)
		}
	}
	if t == associateRQ {
		p.result = 0 // reserved in a request, and not looked at
	}
	a.contexts = append(a.contexts, p)
	return nil
}

// parse reads the user information item.
func (u *userInfo) parse(data []byte) error {
	c := &cursor{b: data}
	for len(c.b) > 0 && !c.short {
		kind, data := item(c)
		s := &cursor{b: data}
		switch kind {
		case itemMaximumLength:
			u.maxLength = s.u32()
		case itemClassUID:
			u.classUID = uidText(data)
		case itemVersionName:
			u.version = clean(data)
		case itemAsync:
			u.async = &window{invoked: s.u16(), performed: s.u16()}
		case itemRole:
			u.roles = append(u.roles, role{uidText(s.block()), s.u8() == 1, s.u8() == 1})
		case itemExtended:
			u.extended = append(u.extended, extended{uidText(s.block()), bytes.Clone(s.b)})
		case itemCommonExtended:
			u.common = append(u.common, parseCommon(s))
		case itemIdentityRQ:
			u.identity = &Identity{Type: IdentityType(s.u8()), respond: s.u8() == 1, Primary: bytes.Clone(s.block()), Secondary: bytes.Clone(s.block())}
		case itemIdentityAC:
			u.response = append([]byte{}, s.block()...)
		}
		if s.short {
			return broken("user information item %02XH of %d bytes ends too early", kind, len(data))
		}
	}
	if c.short {
		return broken("user information of %d bytes ends within an item", len(data))
	}
	return nil
}

// parseCommon reads a SOP class common extended negotiation.
func parseCommon(s *cursor) commonExtended {
	x := commonExtended{class: uidText(s.block()), service: uidText(s.block())}
	related := &cursor{b: s.block()}
	for len(related.b) > 0 {
		x.related = append(x.related, uidText(related.block()))
	}
	s.short = s.short || related.short
	return x
}

// encode returns a as a PDU of type t.
func (a *associate) encode(t pduType) []byte {
	b := make([]byte, headerLength, 1024)
	b = binary.BigEndian.AppendUint16(b, a.version)
	b = append(b, 0, 0)
	b = append(b, padded(a.called)...)
	b = append(b, padded(a.calling)...)
	b = append(b, make([]byte, 32)...)
	b = appendItem(b, itemApplicationContext, []byte(a.application))
	for _, p := range a.contexts {
		b = p.append(b, t)
	}
	b = appendItem(b, itemUser, a.user.encode())
	b[0] = byte(t)
	binary.BigEndian.PutUint32(b[2:], length32(len(b)-headerLength))
	return b
}

// append appends p as an item of a PDU of type t.
func (p contextItem) append(b []byte, t pduType) []byte {
	kind, data := byte(itemContextRQ), []byte{p.id, 0, byte(p.result), 0}
	if t == associateAC {
		kind = itemContextAC
	} else {
		data[2] = 0
		data = appendItem(data, itemAbstractSyntax, []byte(p.abstract))
	}
	for _, s := range p.syntaxes {
		data = appendItem(data, itemTransferSyntax, []byte(s))
	}
	return appendItem(b, kind, data)
}

// encode returns the items of u.
func (u *userInfo) encode() []byte {
	b := appendItem(nil, itemMaximumLength, binary.BigEndian.AppendUint32(nil, u.maxLength))
	b = appendItem(b, itemClassUID, []byte(u.classUID))
	if u.async != nil {
		data := binary.BigEndian.AppendUint16(nil, u.async.invoked)
		b = appendItem(b, itemAsync, binary.BigEndian.AppendUint16(data, u.async.performed))
	}
	for _, r := range u.roles {
		b = appendItem(b, itemRole, append(appendBlock(nil, []byte(r.class)), flag(r.scu), flag(r.scp)))
	}
	if u.version != "" {
		b = appendItem(b, itemVersionName, []byte(u.version))
	}
	for _, x := range u.extended {
		b = appendItem(b, itemExtended, append(appendBlock(nil, []byte(x.class)), x.info...))
	}
	for _, x := range u.common {
		var related []byte
		for _, r := range x.related {
			related = appendBlock(related, []byte(r))
		}
		data := appendBlock(appendBlock(nil, []byte(x.class)), []byte(x.service))
		b = appendItem(b, itemCommonExtended, appendBlock(data, related))
	}
	if i := u.identity; i != nil {
		data := appendBlock([]byte{byte(i.Type), flag(i.respond)}, i.Primary)
		b = appendItem(b, itemIdentityRQ, appendBlock(data, i.Secondary))
	}
	if u.response != nil {
		b = appendItem(b, itemIdentityAC, appendBlock(nil, u.response))
	}
	return b
}

// appendItem appends an item: type, reserved byte, length, data.
func appendItem(b []byte, kind byte, data []byte) []byte {
	return appendBlock(append(b, kind, 0), data)
}

// appendBlock appends data behind its length in two bytes. Longer data are cut,
// which only happens to what checkFits did not see.
func appendBlock(b, data []byte) []byte {
	data = data[:min(len(data), 0xffff)]
	b = binary.BigEndian.AppendUint16(b, uint16(len(data)&0xffff))
	return append(b, data...)
}

func flag(on bool) byte {
	if on {
		return 1
	}
	return 0
}

// padded returns an application entity title as 16 bytes.
func padded(s string) []byte {
	b := bytes.Repeat([]byte{' '}, 16)
	copy(b, s)
	return b
}

// title reads an application entity title; spaces around it do not count.
func title(b []byte) string { return strings.TrimSpace(clean(b)) }

// uidText reads a UID without the padding some devices add.
func uidText(b []byte) string { return strings.Trim(string(b), " \x00") }

// clean returns b as text for people and logs: what is not printable ASCII
// becomes a question mark, and padding NULs go.
func clean(b []byte) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, strings.TrimRight(string(b), "\x00"))
}
