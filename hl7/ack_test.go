package hl7_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"radagora/fault"
	"radagora/hl7"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func TestAcknowledge(t *testing.T) {
	msh := func(version, accept, application string) string {
		return "MSH|^~\\&|RIS|FAC|RADAGORA|HERE|20260102030405||ADT^A01|C1|P|" + version + "|||" + accept + "|" + application + "\rPID|1\r"
	}
	broken := fault.Errorf(fault.Invalid, "PID-3: no identifier")
	placed := hl7.Located(broken, hl7.Path{Segment: "PID", Field: 3, Repetition: 2, Component: 1}, hl7.RequiredFieldMissing)
	for _, c := range []struct {
		name, in string
		stage    hl7.Stage
		err      error
		want     string // lines behind MSH, "" for no answer
	}{
		{"original mode", msh("2.3", "", ""), hl7.Accept, nil, "MSA|AA|C1"},
		{"original mode, an error of old", msh("2.3", "", ""), hl7.Accept, broken, "MSA|AE|C1|PID-3: no identifier"},
		{
			"with ERR from 2.5 on", msh("2.5", "", ""), hl7.Application, placed,
			"MSA|AE|C1|PID-3: no identifier ERR||PID^1^3^2^1|101^Required field missing^HL70357|E||||PID-3: no identifier",
		},
		{
			"MSA-3 is gone in 2.7", msh("2.7", "", ""), hl7.Application, fault.Errorf(fault.NotFound, "no such order"),
			"MSA|AE|C1 ERR|||204^Unknown key identifier^HL70357|E||||no such order",
		},
		{"nobody learns what went wrong inside", msh("2.3", "", ""), hl7.Application, errors.New("secret"), "MSA|AE|C1|internal error"},
		{"what is not ours is rejected", msh("2.3", "", ""), hl7.Application, fault.Errorf(fault.Unsupported, "QRY"), "MSA|AR|C1|QRY"},
		{"try later", msh("2.3", "", ""), hl7.Application, fault.Errorf(fault.Unavailable, "disk"), "MSA|AR|C1|not available now"},
		{
			"a version nobody knows is rejected", msh("9.9", "", ""), hl7.Application,
			hl7.Located(fault.Errorf(fault.Invalid, "version"), hl7.Path{Segment: "MSH", Field: 12}, hl7.UnsupportedVersionID),
			"MSA|AR|C1 ERR||MSH^1^12|203^Unsupported version id^HL70357|E||||version",
		},
		{"enhanced, kept", msh("2.5", "AL", "NE"), hl7.Accept, nil, "MSA|CA|C1"},
		{"enhanced, not kept", msh("2.3.1", "AL", ""), hl7.Accept, fault.Errorf(fault.Exhausted, "full"), "MSA|CR|C1|full"},
		{"enhanced, wrong", msh("2.3.1", "ER", ""), hl7.Accept, broken, "MSA|CE|C1|PID-3: no identifier"},
		{"enhanced, errors only", msh("2.5", "ER", "NE"), hl7.Accept, nil, ""},
		{"enhanced, success only", msh("2.5", "SU", "NE"), hl7.Accept, broken, ""},
		{"enhanced, never", msh("2.5", "NE", "AL"), hl7.Accept, nil, ""},
		{"enhanced, worked on", msh("2.5", "NE", "AL"), hl7.Application, nil, "MSA|AA|C1"},
		{"enhanced, worked on, nobody wants it", msh("2.5", "AL", ""), hl7.Application, nil, ""},
		{"only MSH can be read", msh("2.3", "", "") + "NTE|\x00", hl7.Accept, nil, "MSA|AE|C1|hl7: byte 78 is 0x00, which no message holds"},
		{"MSH somewhere in rubbish", "rubbish\x00" + msh("2.3", "", ""), hl7.Accept, nil, "MSA|AE|C1|hl7: byte 7 is 0x00, which no message holds"},
		{"not even MSH", "rubbish", hl7.Accept, nil, "MSA|AE||hl7: byte 0: a message begins with MSH"},
		{"nothing", "", hl7.Accept, nil, "MSA|AE||hl7: the message is empty"},
		{"other delimiters", strings.NewReplacer("|", "#", "^", "*").Replace(msh("2.3", "", "")), hl7.Accept, fault.Errorf(fault.Invalid, "a#b"), `MSA#AE#C1#a\F\b`},
		{"text that the character set has not", msh("2.3", "", ""), hl7.Accept, fault.Errorf(fault.Invalid, "größer"), "MSA|AE|C1|größer"},
		{"long words are cut", msh("2.3", "", ""), hl7.Accept, fault.Errorf(fault.Invalid, "%s", strings.Repeat("x", 300)), "MSA|AE|C1|" + strings.Repeat("x", 80)},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := hl7.Acknowledge([]byte(c.in), c.stage, hl7.Reply{Err: c.err, Now: noon, ControlID: "R1"})
			if c.want == "" {
				if out != nil {
					t.Fatalf("answered %q; want nothing", out)
				}
				return
			}
			lines := strings.Split(strings.TrimSuffix(string(out), "\r"), "\r")
			if got := strings.Join(lines[1:], " "); got != c.want {
				t.Errorf("answer\n%s\nwant\n%s", got, c.want)
			}
			h := parse(t, string(out)).Header()
			if h.Type != "ACK" || h.ControlID != "R1" {
				t.Errorf("header %+v", h)
			}
			if strings.Contains(c.in, "RIS") && (h.ReceivingApplication.Namespace != "RIS" || h.ReceivingFacility.Namespace != "FAC" || h.SendingApplication.Namespace != "RADAGORA") {
				t.Errorf("the answer is from %v to %v", h.SendingApplication, h.ReceivingApplication)
			}
			if a, err := hl7.AckOf(parse(t, string(out))); err != nil || a.Verdict.Positive() != (strings.Contains(c.want, "AA|") || strings.Contains(c.want, "CA|")) {
				t.Errorf("read as %v, %v", a, err)
			}
		})
	}
}

// TestEveryKindHasAnAnswer holds the table of this wire against fault.
func TestEveryKindHasAnAnswer(t *testing.T) {
	for _, k := range fault.Kinds() {
		out := hl7.Acknowledge([]byte(plain), hl7.Accept, hl7.Reply{Err: fault.Errorf(k, "why"), Now: noon, ControlID: "R1"})
		m := parse(t, string(out))
		a, err := hl7.AckOf(m)
		if err != nil || a.Verdict.Positive() || a.Code == "" || a.Code == "0" {
			t.Errorf("%v: %v, %v", k, a, err)
		}
	}
}

func TestAckOf(t *testing.T) {
	if _, err := hl7.AckOf(parse(t, message)); fault.Of(err) != fault.Invalid || err == nil {
		t.Errorf("an order: %v; want invalid", err)
	}
	a, err := hl7.AckOf(parse(t, "MSH|^~\\&|||||||ACK|1|P|2.5\rMSA|ae|C1\rERR|||207^x|E|||diagnostic\r"))
	if err != nil || a != (hl7.Ack{Verdict: hl7.Errored, ControlID: "C1", Text: "diagnostic", Code: "207"}) {
		t.Errorf("%+v, %v", a, err)
	}
}
