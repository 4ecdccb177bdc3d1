// Package hl7 reads and writes HL7 v2 messages.
//
// It speaks the encoding rules called ER7 (bars and hats) of versions 2.3 to 2.8,
// chapter 2 of the standard. A Message is bytes with an index over them: what
// nobody touches is written as it was read, byte for byte, whatever ends its
// segments, and segments nobody knows (Z segments) stay where they stand; a line without a name
// belongs to the segment before it. Values
// are found by the standard's positions and names (PID-3[2].4.1,
// PID.PatientName.GivenName), read as text or as the standard's data types, and
// edited in place. Acknowledgements are made for every message, even for one that
// cannot be read.
//
// Reading is tolerant and gathers warnings; limits are held before memory is
// taken. It does no input or output, which hl7/mllp does, and knows no message
// structure: groups are found by the segments that begin them.
package hl7

import (
	"bytes"
	"fmt"
	"log/slog"

	"radagora/fault"
)

// Limits bound what a message may hold. Zero values are filled with those of
// DefaultLimits.
type Limits struct {
	Message     int // bytes
	Segments    int
	Fields      int // of a segment
	Repetitions int // of all fields of a segment
	Components  int // of a segment, components and subcomponents together
}

// DefaultLimits is what Parse allows if nothing else is said: a report with a
// document inside, and no more.
func DefaultLimits() Limits {
	return Limits{Message: 32 << 20, Segments: 20_000, Fields: 1000, Repetitions: 20_000, Components: 100_000}
}

// filled returns l with defaults for what is zero.
func (l Limits) filled() Limits {
	d := DefaultLimits()
	for _, p := range []struct{ v, d *int }{
		{&l.Message, &d.Message},
		{&l.Segments, &d.Segments},
		{&l.Fields, &d.Fields},
		{&l.Repetitions, &d.Repetitions},
		{&l.Components, &d.Components},
	} {
		if *p.v <= 0 {
			*p.v = *p.d
		}
	}
	l.Message = min(l.Message, 1<<30) // an index holds 32 bits
	return l
}

// Options say how to read. Nil is the zero value.
type Options struct {
	Limits Limits
	// Charset is used where a message does not say its own (MSH-18 is empty), in the
	// words of HL7 table 0211. "" guesses: UTF-8 if the bytes are, or else 8859/1.
	Charset string
	// Override uses Charset whatever the message says of itself.
	Override bool
}

// A Message is one HL7 v2 message. It can be read by many at once, if nobody
// edits it. Its bytes are personal data: printed any way, it shows none.
type Message struct {
	// Warnings is what was odd about the message, in the order it was met; at most 100.
	Warnings []Warning

	g        *grammar
	prefix   []byte // what stands before MSH: a byte order mark, blank lines
	segments []Segment
}

// A Warning is something odd that did not keep a message from being read.
type Warning struct {
	Segment int // from 1; 0 is none
	Text    string
}

// String returns the warning in one line.
func (w Warning) String() string {
	if w.Segment == 0 {
		return w.Text
	}
	return fmt.Sprintf("segment %d: %s", w.Segment, w.Text)
}

const warnings = 100

func (m *Message) warn(segment int, format string, args ...any) {
	if len(m.Warnings) < warnings {
		m.Warnings = append(m.Warnings, Warning{segment, fmt.Sprintf(format, args...)})
	}
}

// Parse reads one message. It keeps b, which must not be changed afterwards.
// Errors are of kind Invalid, Exhausted for a limit that is passed, and
// Unsupported for a batch (see Reader) and for UTF-16; they name the place. A
// *LocatedError among them says it for an acknowledgement.
func Parse(b []byte, o *Options) (*Message, error) {
	if o == nil {
		o = &Options{}
	}
	limits := o.Limits.filled()
	if len(b) > limits.Message {
		return nil, fault.Errorf(fault.Exhausted, "hl7: the message has %d bytes; the limit is %d", len(b), limits.Message)
	}
	m := &Message{}
	text, err := m.begin(b)
	if err != nil {
		return nil, err
	}
	separators, err := separatorsOf(text)
	if err != nil {
		return nil, err
	}
	m.g = &grammar{Separators: separators}
	m.charset(text, o)
	return m, m.split(text, limits)
}

// begin finds where the message begins and refuses what is none.
func (m *Message) begin(b []byte) ([]byte, error) {
	if unicode16(b) {
		return nil, fault.Errorf(fault.Unsupported, "hl7: the message is in UTF-16 or UTF-32, which is not read")
	}
	for _, c := range []byte{0, vt, fs} {
		if i := bytes.IndexByte(b, c); i >= 0 {
			return nil, fault.Errorf(fault.Invalid, "hl7: byte %d is 0x%02X, which no message holds", i, c)
		}
	}
	start := 0
	if bytes.HasPrefix(b, []byte(bom)) {
		start = len(bom)
	}
	for start < len(b) && (b[start] == ' ' || b[start] == '\t' || b[start] == '\r' || b[start] == '\n') {
		start++
	}
	m.prefix = b[:start:start]
	if start > 0 {
		m.warn(0, "%d bytes stand before MSH", start)
	}
	text := b[start:]
	switch {
	case bytes.HasPrefix(text, []byte("FHS")), bytes.HasPrefix(text, []byte("BHS")):
		return nil, fault.Errorf(fault.Unsupported, "hl7: it is a batch, not a message")
	case len(text) == 0:
		return nil, fault.Errorf(fault.Invalid, "hl7: the message is empty")
	case !bytes.HasPrefix(text, []byte("MSH")):
		return nil, fault.Errorf(fault.Invalid, "hl7: byte %d: a message begins with MSH", start)
	}
	return text, nil
}

// What may stand before and around messages.
const (
	bom = "\xEF\xBB\xBF"
	vt  = 0x0B
	fs  = 0x1C
)

// unicode16 reports whether b begins as text of two or four bytes a character.
func unicode16(b []byte) bool {
	for _, head := range []string{"\xFF\xFE", "\xFE\xFF", "M\x00", "\x00M", "\x00\x00\x00M", "\x00\x00\xFE\xFF"} {
		if bytes.HasPrefix(b, []byte(head)) {
			return true
		}
	}
	return false
}

// split divides the message into segments.
func (m *Message) split(b []byte, l Limits) error {
	count := 0
	for line := range lines(b) {
		if m.g.named(line.text) {
			count++
		}
		if count > l.Segments {
			return fault.Errorf(fault.Exhausted, "hl7: more than %d segments", l.Segments)
		}
	}
	m.segments = make([]Segment, 0, count+1)
	start := 0 // where the segment begins that is being gathered
	flush := func(end, ended int) error {
		s := Segment{g: m.g, raw: b[start:end:end], end: b[end:ended:ended]}
		if err := s.index(l); err != nil {
			return located(err, s.Name(), m.count(s.Name())+1)
		}
		m.segments = append(m.segments, s)
		return nil
	}
	end, ended := 0, 0
	for line := range lines(b) {
		named := m.g.named(line.text)
		if line.at > 0 && !named {
			m.warn(len(m.segments)+1, "the line of %d bytes behind it has no segment name", len(line.text))
		}
		if line.at > 0 && (named || start == 0) { // nothing is joined to MSH
			if err := flush(end, ended); err != nil {
				return err
			}
			start = line.at
		}
		end, ended = line.at+len(line.text), line.next
	}
	return flush(end, ended)
}

// count returns how many segments of a name there are.
func (m *Message) count(name string) int {
	n := 0
	for i := range m.segments {
		if m.segments[i].Name() == name {
			n++
		}
	}
	return n
}

// A line is a run of bytes without line ends.
type line struct {
	text     []byte
	at, next int // where it begins, where the next one does
}

// lines yields the lines of b; line ends that follow each other end one line.
func lines(b []byte) func(func(line) bool) {
	return func(yield func(line) bool) {
		cr, lf := -1, -1 // where the next of each is
		for at := 0; at < len(b); {
			cr, lf = following(b, '\r', at, cr), following(b, '\n', at, lf)
			end := min(cr, lf)
			next := end
			for next < len(b) && (b[next] == '\r' || b[next] == '\n') {
				next++
			}
			if !yield(line{b[at:end], at, next}) {
				return
			}
			at = next
		}
	}
}

// following returns where c is next in b from at on, len(b) for nowhere; known is the
// answer to the question before.
func following(b []byte, c byte, at, known int) int {
	if known >= at {
		return known
	}
	if i := bytes.IndexByte(b[at:], c); i >= 0 {
		return at + i
	}
	return len(b)
}

// Bytes returns the message as it is written: what was read, with the edits.
func (m *Message) Bytes() []byte {
	n := len(m.prefix)
	for i := range m.segments {
		n += len(m.segments[i].raw) + len(m.segments[i].end)
	}
	out := append(make([]byte, 0, n), m.prefix...)
	for i := range m.segments {
		out = append(append(out, m.segments[i].raw...), m.segments[i].end...)
	}
	return out
}

// Segments returns all segments in order. They are views: an edit of the message
// does not reach them.
func (m *Message) Segments() []Segment { return append([]Segment(nil), m.segments...) }

// Segment returns the nth segment of a name, counted from 1. The zero Segment is
// none.
func (m *Message) Segment(name string, n int) Segment {
	if i := m.find(name, n); i >= 0 {
		return m.segments[i]
	}
	return Segment{g: m.g}
}

func (m *Message) find(name string, n int) int {
	for i := range m.segments {
		if m.segments[i].Name() == name {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// Charset returns the word of the character set the text is read with, as HL7
// table 0211 has it.
func (m *Message) Charset() string { return m.g.set.name }

// Separators returns the delimiters of the message.
func (m *Message) Separators() Separators { return m.g.Separators }

// Format prints no value.
func (m *Message) Format(w fmt.State, _ rune) {
	fmt.Fprintf(w, "[message of %d segments]", len(m.segments))
}

// LogValue logs no value.
func (m *Message) LogValue() slog.Value { return slog.StringValue("[message]") }
