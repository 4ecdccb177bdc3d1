package hl7

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"radagora/fault"
)

// A Header is what MSH says of a message. It holds no patient data.
type Header struct {
	SendingApplication, SendingFacility     HD
	ReceivingApplication, ReceivingFacility HD
	At                                      string // MSH-7, as sent
	Type, Trigger, Structure                string // MSH-9: ADT, A01, ADT_A01
	ControlID                               string // MSH-10
	Processing                              string // MSH-11: P production, T training, D debugging
	Version                                 string // MSH-12: 2.3
	AcceptAck, ApplicationAck               string // MSH-15, MSH-16: AL always, NE never, ER error, SU success; "" is original mode
	Charset                                 string // MSH-18, the first, as sent
}

// Header returns what MSH says.
func (m *Message) Header() Header {
	f := m.Segment("MSH", 1).Field
	return Header{
		SendingApplication: f(3).HD(), SendingFacility: f(4).HD(), ReceivingApplication: f(5).HD(), ReceivingFacility: f(6).HD(),
		At: f(7).Text(), Type: f(9).Component(1).Text(), Trigger: f(9).Component(2).Text(), Structure: f(9).Component(3).Text(),
		ControlID: f(10).Text(), Processing: f(11).Text(), Version: f(12).Text(),
		AcceptAck: f(15).Text(), ApplicationAck: f(16).Text(), Charset: f(18).Text(),
	}
}

// Peek reads as much as it can of a message that Parse refuses: its MSH, wherever it
// begins in the first 64 kB; eight places that look like one are tried. Errors are of
// kind Invalid: there is none.
func Peek(b []byte) (*Message, error) {
	b = b[:min(len(b), 64<<10)]
	from := 0
	for range 8 {
		i := bytes.Index(b[from:], []byte("MSH"))
		if i < 0 {
			break
		}
		from += i
		head := b[from:]
		if end := bytes.IndexAny(head, "\r\n\x00\x0B\x1C"); end >= 0 {
			head = head[:end]
		}
		if m, err := Parse(bytes.Clone(head), &Options{Limits: Limits{Message: 64 << 10, Segments: 1}}); err == nil {
			return m, nil
		}
		from += 3
	}
	return nil, fault.Errorf(fault.Invalid, "hl7: there is no MSH that can be read")
}

// atLeast reports whether a version is v or later; one that is none is not.
func atLeast(version string, major, minor int) bool {
	a, rest, _ := strings.Cut(version, ".")
	b, _, _ := strings.Cut(rest, ".")
	x, err := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	return err == nil && err2 == nil && (x > major || x == major && y >= minor)
}

// New returns a message that is MSH alone, with the standard's delimiters. An empty
// MSH-7 is filled with now, an empty version is 2.5.1, and an empty character set is
// UNICODE UTF-8. Errors are of kind Invalid.
func New(h Header, now time.Time) (*Message, error) { return build(Standard(), h, now) }

func build(s Separators, h Header, now time.Time) (*Message, error) {
	if h.Charset == "" {
		h.Charset = "UNICODE UTF-8"
	}
	if h.At == "" {
		h.At = FormatTime(now)
	}
	if h.Version == "" {
		h.Version = "2.5.1"
	}
	f := string(s.Field)
	raw := "MSH" + f + s.Encoding() + strings.Repeat(f, 16) + h.Charset + "\r"
	m, err := Parse([]byte(raw), nil)
	if err != nil {
		return nil, err
	}
	hd := func(field string, d HD) []pair {
		return []pair{{field + ".1", d.Namespace}, {field + ".2", d.UniversalID}, {field + ".3", d.UniversalIDType}}
	}
	all := append(hd("MSH-3", h.SendingApplication), hd("MSH-4", h.SendingFacility)...)
	all = append(append(all, hd("MSH-5", h.ReceivingApplication)...), hd("MSH-6", h.ReceivingFacility)...)
	all = append(all, []pair{
		{"MSH-7", h.At},
		{"MSH-9.1", h.Type},
		{"MSH-9.2", h.Trigger},
		{"MSH-9.3", h.Structure},
		{"MSH-10", h.ControlID},
		{"MSH-11", h.Processing},
		{"MSH-12", h.Version},
		{"MSH-15", h.AcceptAck},
		{"MSH-16", h.ApplicationAck},
	}...)
	return m, m.fill(all)
}

// A pair is a path and its text.
type pair struct{ path, text string }

// fill sets what is not empty.
func (m *Message) fill(all []pair) error {
	for _, p := range all {
		if p.text == "" {
			continue
		}
		if err := m.Set(p.path, p.text); err != nil {
			return err
		}
	}
	return nil
}
