package dimse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom/tag"
	"radagora/fault"
)

func commands() []*command {
	return []*command{
		{field: cEchoRQ, messageID: 1, affectedClass: "1.2.840.10008.1.1"},
		{field: cEchoRQ | response, respondedTo: 1, affectedClass: "1.2.840.10008.1.1"},
		{field: cStoreRQ, messageID: 65535, affectedClass: "1.2", affectedInstance: "1.2.3", priority: 2, dataSet: true},
		{field: cStoreRQ | response, respondedTo: 7, affectedClass: "1.2", affectedInstance: "1.2.3", status: OutOfResources, comment: "no room"},
		{field: cCancelRQ, respondedTo: 3},
		{field: nActionRQ, messageID: 4, requestedClass: "1.2.840.10008.1.20.1", requestedInstance: "1.2.840.10008.1.20.1.1", actionType: 1, dataSet: true},
		{field: nEventRQ | response, respondedTo: 5, affectedClass: "1.2.840.10008.1.20.1", affectedInstance: "1.2.840.10008.1.20.1.1", eventType: 2},
		{field: nGetRQ, messageID: 6, requestedClass: "1.2.3", requestedInstance: "1.2.4", attributes: []tag.Tag{tag.PatientID, tag.StudyDate}},
		{field: nSetRQ | response, respondedTo: 7, affectedClass: "1.2.3", affectedInstance: "1.2.4", status: ProcessingFailure, offending: []tag.Tag{tag.PatientID}, comment: "no", errorID: 0xa710},
		{field: cMoveRQ, messageID: 8, affectedClass: "1.2.3", destination: "FAR AWAY", dataSet: true},
		{field: cMoveRQ | response, respondedTo: 8, affectedClass: "1.2.3", status: Pending, counts: &counts{remaining: 1, completed: 2, failed: 3, warning: 4}},
		{field: cGetRQ | response, respondedTo: 8, affectedClass: "1.2.3", status: SomeFailed, dataSet: true, counts: &counts{completed: 2, failed: 3, noRemaining: true}},
		{field: cStoreRQ, messageID: 9, affectedClass: "1.2", affectedInstance: "1.2.3", dataSet: true, originator: "ASKER", originatorID: 8},
	}
}

func TestCommandThereAndBack(t *testing.T) {
	for _, want := range commands() {
		b := want.encode()
		if n := binary.LittleEndian.Uint32(b[8:]); int(n) != len(b)-12 || len(b)%2 != 0 {
			t.Errorf("%04X: group length %d of %d bytes", want.field, n, len(b))
		}
		got, err := parseCommand(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, unexported); d != "" {
			t.Errorf("%04X (-want +got)\n%s", want.field, d)
		}
	}
}

// TestCommandOrder: elements are in ascending order, as a strict reader wants them.
func TestCommandOrder(t *testing.T) {
	for _, c := range commands() {
		last := -1
		for b := c.encode(); len(b) > 0; {
			e := int(binary.LittleEndian.Uint16(b[2:]))
			if e <= last {
				t.Errorf("%04X: element %04X after %04X", c.field, e, last)
			}
			last, b = e, b[8+binary.LittleEndian.Uint32(b[4:]):]
		}
	}
}

func TestCommandRefusals(t *testing.T) {
	good := commands()[2].encode()
	for _, c := range []struct {
		name string
		b    []byte
	}{
		{"empty", nil},
		{"ends within a head", good[:len(good)-40]},
		{"four gigabytes", []byte{0, 0, 0, 1, 255, 255, 255, 255}},
		{"another group", append(bytes.Clone(good), 8, 0, 0x18, 0, 0, 0, 0, 0)},
		{"a status of three bytes", append(bytes.Clone(good), 0, 0, 0, 9, 3, 0, 0, 0, 1, 2, 3)},
		{"no command field", appendUS(nil, elemDataSetType, 0)},
		{"no data set type", appendUS(nil, elemCommandField, 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := parseCommand(c.b); fault.Of(err) != fault.Invalid {
				t.Errorf("error = %v; want kind invalid", err)
			}
		})
	}
}

func FuzzCommand(f *testing.F) {
	for _, c := range commands() {
		f.Add(c.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCommand(b)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Fatalf("error of kind %v", fault.Of(err))
			}
			return
		}
		again, err := parseCommand(c.encode())
		if err != nil || again.field != c.field || again.dataSet != c.dataSet || again.affectedInstance != c.affectedInstance {
			t.Fatalf("read(write(%+v)) = %+v, %v", c, again, err)
		}
	})
}

func TestEveryKindHasItsAnswers(t *testing.T) {
	for _, k := range fault.Kinds() {
		s, ok := storeStatus[k]
		if !ok || s.OK() {
			t.Errorf("storeStatus[%v] = %v, %v; every kind needs a refusal", k, s, ok)
		}
		if statusText[s] == "" {
			t.Errorf("%v has no words", s)
		}
		if r := rejectionOf[k]; r == nil || rejections[r.Source][r.Reason] == "" {
			t.Errorf("rejectionOf[%v] = %v", k, r)
		}
		back := s.Kind()
		if k != fault.Unavailable && back != k { // it shares its status with Exhausted
			t.Errorf("%v became %v and that %v", k, s, back)
		}
	}
	if rows := StorageStatuses(); len(rows) != len(fault.Kinds())+1 {
		t.Errorf("%d rows for the conformance statement", len(rows))
	}
}

func TestStatusOf(t *testing.T) {
	for _, c := range []struct {
		name    string
		err     error
		want    Status
		comment string
	}{
		{"no error", nil, Success, ""},
		{"nobody classified it: outsiders learn nothing", errors.New("secret"), ProcessingFailure, "internal error"},
		{"unreadable", fault.Errorf(fault.Invalid, "no SOP class at offset %d", 12), CannotUnderstand, "no SOP class at offset 12"},
		{"another class than the message said", fault.As(fault.Invalid, fmt.Errorf("store: %w", ErrMismatch)), ClassMismatch, "store: data set does not match SOP class"},
		{"a limit", fault.Errorf(fault.Exhausted, "quota"), OutOfResources, "quota"},
		{"comment is LO: 64 characters, no backslash, ASCII", fault.Errorf(fault.Invalid, `a\b ü %s`, strings.Repeat("x", 80)), CannotUnderstand, "a/b ? " + strings.Repeat("x", 58)},
		{"our own refusal", refuse(MistypedArgument, "no data set"), MistypedArgument, "no data set"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := statusOf(cStoreRQ, c.err); got != c.want {
				t.Errorf("status = %v; want %v", got, c.want)
			}
			if got := comment(c.err); got != c.comment {
				t.Errorf("comment = %q; want %q", got, c.comment)
			}
		})
	}
}

func TestStatusClasses(t *testing.T) {
	for _, c := range []struct {
		s    Status
		ok   bool
		kind fault.Kind
		text string
	}{
		{0x0000, true, 0, "0000H success"},
		{0xb000, true, 0, "B000H coercion of data elements"},
		{0x0107, true, 0, "0107H attribute list error"},
		{0xa701, false, fault.Exhausted, "A701H out of resources: unable to calculate number of matches"},
		{0xa900, false, fault.Invalid, "A900H data set does not match SOP class"},
		{0xc123, false, fault.Invalid, "C123H error"},
		{0x0122, false, fault.Unsupported, "0122H SOP class not supported"},
		{0x0124, false, fault.Forbidden, "0124H not authorised"},
		{0x0117, false, fault.Invalid, "0117H invalid SOP instance"},
		{0x0213, false, fault.Exhausted, "0213H resource limitation"},
		{0x4711, false, fault.Internal, "4711H unknown"},
	} {
		if c.s.OK() != c.ok || c.s.String() != c.text {
			t.Errorf("%v: OK = %v", c.s, c.s.OK())
		}
		if err := c.s.Err(); c.ok != (err == nil) || err != nil && fault.Of(err) != c.kind {
			t.Errorf("%v: Err = %v; want kind %v", c.s, err, c.kind)
		}
	}
}
