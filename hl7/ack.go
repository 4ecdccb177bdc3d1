package hl7

import (
	"errors"
	"strings"
	"time"

	"radagora/fault"
)

// A Verdict is what an acknowledgement says (MSA-1, HL7 table 0008).
type Verdict string

// The verdicts. Those of the application come in original mode and as application
// acknowledgement of enhanced mode, those of accepting in enhanced mode.
const (
	Accepted Verdict = "AA"
	Errored  Verdict = "AE"
	Rejected Verdict = "AR"

	CommitAccepted Verdict = "CA"
	CommitErrored  Verdict = "CE"
	CommitRejected Verdict = "CR"
)

// Positive reports whether the message was taken.
func (v Verdict) Positive() bool { return v == Accepted || v == CommitAccepted }

// A Code is a reason in an acknowledgement (ERR-3, HL7 table 0357).
type Code int

// The codes of HL7 table 0357.
const (
	SegmentSequenceError    Code = 100
	RequiredFieldMissing    Code = 101
	DataTypeError           Code = 102
	TableValueNotFound      Code = 103
	UnsupportedMessageType  Code = 200
	UnsupportedEventCode    Code = 201
	UnsupportedProcessingID Code = 202
	UnsupportedVersionID    Code = 203
	UnknownKeyIdentifier    Code = 204
	DuplicateKeyIdentifier  Code = 205
	ApplicationRecordLocked Code = 206
	ApplicationError        Code = 207
)

// codeNames has the words of HL7 table 0357.
var codeNames = map[Code]string{
	SegmentSequenceError: "Segment sequence error", RequiredFieldMissing: "Required field missing", DataTypeError: "Data type error",
	TableValueNotFound: "Table value not found", UnsupportedMessageType: "Unsupported message type",
	UnsupportedEventCode: "Unsupported event code", UnsupportedProcessingID: "Unsupported processing id",
	UnsupportedVersionID: "Unsupported version id", UnknownKeyIdentifier: "Unknown key identifier",
	DuplicateKeyIdentifier: "Duplicate key identifier", ApplicationRecordLocked: "Application record locked",
	ApplicationError: "Application internal error",
}

// answers is the table of this wire: what each kind of error is on it. AE says that
// the message is wrong and must not be repeated as it is, AR that it was not worked on.
var answers = map[fault.Kind]struct {
	verdict Verdict
	code    Code
	words   string // all that outsiders hear of an error of the kind, if it is not theirs
}{
	fault.Internal:    {Errored, ApplicationError, "internal error"},
	fault.Invalid:     {Errored, DataTypeError, ""},
	fault.NotFound:    {Errored, UnknownKeyIdentifier, ""},
	fault.Conflict:    {Errored, DuplicateKeyIdentifier, ""},
	fault.Forbidden:   {Rejected, ApplicationError, "not allowed"},
	fault.Unsupported: {Rejected, UnsupportedMessageType, ""},
	fault.Exhausted:   {Rejected, ApplicationError, ""},
	fault.Unavailable: {Rejected, ApplicationError, "not available now"},
}

// commit has the verdicts of enhanced mode for those of original mode.
var commit = map[Verdict]Verdict{Accepted: CommitAccepted, Errored: CommitErrored, Rejected: CommitRejected}

// A Stage is which acknowledgement is meant.
type Stage uint8

// The stages of enhanced mode.
const (
	Accept      Stage = iota // the message is kept, or not (CA, CE, CR)
	Application              // it was worked on (AA, AE, AR)
)

// conditions are HL7 table 0155. What is none of them is taken as not said: a sender
// who waits must not wait for ever.
var conditions = map[string]func(good bool) bool{
	"AL": func(bool) bool { return true },
	"NE": func(bool) bool { return false },
	"ER": func(good bool) bool { return !good },
	"SU": func(good bool) bool { return good },
}

// Enhanced reports whether the sender asks for enhanced mode: MSH-15 or MSH-16 say
// something (chapter 2, section 2.9.3).
func (h Header) Enhanced() bool {
	return conditions[strings.ToUpper(h.AcceptAck)] != nil || conditions[strings.ToUpper(h.ApplicationAck)] != nil
}

// Wants reports whether the sender wants an acknowledgement of a stage, if it is good
// news or bad. In original mode there is that of the application alone, always.
func (h Header) Wants(s Stage, good bool) bool {
	if !h.Enhanced() {
		return s == Application
	}
	condition := h.AcceptAck
	if s == Application {
		condition = h.ApplicationAck
	}
	asked := conditions[strings.ToUpper(condition)]
	return asked != nil && asked(good)
}

// A Reply is how an acknowledgement is made.
type Reply struct {
	Err       error     // nil for success; its kind decides, see LocatedError
	Now       time.Time // MSH-7
	ControlID string    // MSH-10 of the acknowledgement, unique to its sender
}

// Acknowledge returns the answer to message b, nil if its sender wants none: in
// original mode AA, AE or AR whatever the stage, as there is only one answer; in
// enhanced mode of stage Accept CA, CE or CR. It
// never fails: of a message that cannot be read its MSH is enough, and without even
// that there is an answer to nobody, with an empty MSA-2. The text of an error holds
// no patient data (see fault), so it is sent; but of kinds Internal, Forbidden and
// Unavailable outsiders learn no more than that.
func Acknowledge(b []byte, s Stage, r Reply) []byte {
	m, err := Parse(b, nil)
	if err != nil {
		if r.Err == nil {
			r.Err = err
		}
		if m, err = Peek(b); err != nil {
			m = nil
		}
	}
	if m != nil {
		if h := m.Header(); h.Enhanced() && !h.Wants(s, r.Err == nil) {
			return nil
		}
	}
	return m.acknowledge(s, r).Bytes()
}

// acknowledge makes the answer; m may be nil.
func (m *Message) acknowledge(s Stage, r Reply) *Message {
	h, separators := Header{}, Standard()
	if m != nil {
		h, separators = m.Header(), m.g.Separators
	}
	mode := s
	if !h.Enhanced() {
		mode = Application
	}
	a, err := build(separators, answerHeader(h, r), r.Now)
	if err != nil { // delimiters with which nothing can be written
		h = Header{}
		if a, err = build(Standard(), answerHeader(h, r), r.Now); err != nil {
			return &Message{g: &grammar{Separators: Standard()}}
		}
	}
	verdict, code, text := verdictOf(r.Err)
	if mode == Accept {
		verdict = commit[verdict]
	}
	all := []pair{{"MSA-1", string(verdict)}, {"MSA-2", h.ControlID}}
	if text != "" && !atLeast(h.Version, 2, 7) {
		all = append(all, pair{"MSA-3", clip(text, 80)}) // ST of 80 characters until 2.6
	}
	if r.Err != nil && atLeast(h.Version, 2, 5) {
		all = append(all, errorSegment(r.Err, code, text)...)
	}
	for _, p := range all {
		if p.text != "" {
			if a.Set(p.path, p.text) != nil {
				_ = a.Set(p.path, ascii(p.text)) // what is left of it can be written
			}
		}
	}
	return a
}

// answerHeader returns the MSH of an answer.
func answerHeader(h Header, r Reply) Header {
	out := Header{
		SendingApplication: h.ReceivingApplication, SendingFacility: h.ReceivingFacility,
		ReceivingApplication: h.SendingApplication, ReceivingFacility: h.SendingFacility,
		Type: "ACK", Trigger: h.Trigger, ControlID: r.ControlID, Processing: h.Processing, Version: h.Version, Charset: h.Charset,
	}
	if _, known := charsetOf(h.Charset); !known {
		out.Charset = ""
	}
	if atLeast(h.Version, 2, 4) || h.Version == "2.3.1" {
		out.Structure = "ACK"
	}
	if out.Version == "" {
		out.Version = "2.5"
	}
	if out.Processing == "" {
		out.Processing = "P"
	}
	return out
}

// verdictOf says what an error is on this wire, and in which words.
func verdictOf(err error) (Verdict, Code, string) {
	if err == nil {
		return Accepted, 0, ""
	}
	a := answers[fault.Of(err)]
	if e := new(LocatedError); errors.As(err, &e) && e.Code != 0 {
		a.code = e.Code
		if a.code >= UnsupportedMessageType && a.code <= UnsupportedVersionID {
			a.verdict = Rejected // chapter 2, section 2.9.2.2: MSH-9, MSH-11 or MSH-12
		}
	}
	if a.words == "" {
		a.words = err.Error()
	}
	return a.verdict, a.code, a.words
}

// errorSegment returns ERR, from version 2.5 on.
func errorSegment(err error, code Code, text string) []pair {
	out := []pair{
		{"ERR-3.1", itoa(int(code))},
		{"ERR-3.2", codeNames[code]},
		{"ERR-3.3", "HL70357"},
		{"ERR-4", "E"},
		{"ERR-8", clip(text, 250)},
	}
	if e := new(LocatedError); errors.As(err, &e) && e.At.Segment != "" {
		out = append(out, pair{"ERR-2.1", e.At.Segment}, pair{"ERR-2.2", itoa(max(1, e.At.Occurrence))})
		for i, n := range []int{e.At.Field, e.At.Repetition, e.At.Component, e.At.Subcomponent} {
			if n > 0 {
				out = append(out, pair{"ERR-2." + itoa(i+3), itoa(n)})
			}
		}
	}
	return out
}

// An Ack is what an acknowledgement that came says.
type Ack struct {
	Verdict   Verdict
	ControlID string // of the message it answers
	Text      string // MSA-3, or the words of the first ERR; may hold what was in the message
	Code      string // ERR-3
}

// AckOf reads an acknowledgement, which may be any message with an MSA. Errors are of
// kind Invalid.
func AckOf(m *Message) (Ack, error) {
	msa := m.Segment("MSA", 1)
	a := Ack{Verdict: Verdict(strings.ToUpper(msa.Field(1).Text())), ControlID: msa.Field(2).Text(), Text: msa.Field(3).Text()}
	switch a.Verdict {
	case Accepted, Errored, Rejected, CommitAccepted, CommitErrored, CommitRejected:
	default:
		return Ack{}, fault.Errorf(fault.Invalid, "hl7: it is no acknowledgement: MSA-1 has no verdict")
	}
	e := m.Segment("ERR", 1)
	a.Code = e.Field(3).Text()
	for _, n := range []int{8, 7} {
		if a.Text == "" {
			a.Text = e.Field(n).Text()
		}
	}
	return a, nil
}
