package dimse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
)

var unexported = cmp.AllowUnexported(associate{}, contextItem{}, userInfo{}, window{}, role{}, extended{}, commonExtended{}, Identity{}, pdv{}, command{}, counts{})

// full is an association request with everything in it.
func full() *associate {
	return &associate{
		version: 1, called: "ARCHIVE", calling: "CT 1", application: applicationContext,
		contexts: []contextItem{
			{id: 1, abstract: "1.2.840.10008.1.1", syntaxes: []string{"1.2.840.10008.1.2"}},
			{id: 255, abstract: "1.2.3", syntaxes: []string{"1.2.840.10008.1.2.1", "1.2.840.10008.1.2"}},
		},
		user: userInfo{
			maxLength: 16384, classUID: "1.2.3.4", version: "TEST",
			async:    &window{8, 1},
			roles:    []role{{class: "1.2.3", scu: true, scp: false}, {class: "1.2.4", scp: true}},
			extended: []extended{{"1.2.3", []byte{1, 0, 1}}},
			common:   []commonExtended{{"1.2.3", "1.2.840.10008.4.2", []string{"1.2.5", "1.2.6"}}, {"1.2.7", "1.2.840.10008.4.2", nil}},
			identity: &Identity{Type: UserPasscode, Primary: []byte("user"), Secondary: []byte("secret"), respond: true},
		},
	}
}

func TestAssociateThereAndBack(t *testing.T) {
	want := full()
	got, err := parseAssociate(associateRQ, want.encode(associateRQ)[headerLength:])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, unexported); d != "" {
		t.Errorf("request (-want +got)\n%s", d)
	}
	want.contexts = []contextItem{
		{id: 1, result: Accepted, syntaxes: []string{"1.2.840.10008.1.2"}},
		{id: 255, result: TransferSyntaxesNotSupported, syntaxes: []string{"1.2.840.10008.1.2"}},
	}
	want.user.identity, want.user.response = nil, []byte("token")
	got, err = parseAssociate(associateAC, want.encode(associateAC)[headerLength:])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, unexported); d != "" {
		t.Errorf("acceptance (-want +got)\n%s", d)
	}
}

func TestAssociateTolerance(t *testing.T) {
	rq := full().encode(associateRQ)
	more := appendItem(bytes.Clone(rq), 0x77, []byte("an item of a later edition"))
	got, err := parseAssociate(associateRQ, more[headerLength:])
	if err != nil || len(got.contexts) != 2 {
		t.Errorf("an unknown item: %v", err)
	}
	padded := (&associate{called: "A", application: applicationContext + "\x00", contexts: []contextItem{
		{id: 1, abstract: "1.2.840.10008.1.1\x00", syntaxes: []string{"1.2.840.10008.1.2 "}},
	}}).encode(associateRQ)
	got, err = parseAssociate(associateRQ, padded[headerLength:])
	if err != nil {
		t.Fatal(err)
	}
	if got.application != applicationContext || got.contexts[0].abstract != "1.2.840.10008.1.1" || got.contexts[0].syntaxes[0] != "1.2.840.10008.1.2" {
		t.Errorf("padded UIDs: %+v", got)
	}
}

func TestAssociateRefusals(t *testing.T) {
	context := func(id uint8) contextItem {
		return contextItem{id: id, abstract: "1.2", syntaxes: []string{"1.2"}}
	}
	whole := full().encode(associateRQ)[headerLength:]
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"empty", nil},
		{"ends within a title", whole[:20]},
		{"ends within an item", whole[:len(whole)-3]},
		{"even presentation context", (&associate{contexts: []contextItem{context(2)}}).encode(associateRQ)[headerLength:]},
		{"the same presentation context twice", (&associate{contexts: []contextItem{context(3), context(3)}}).encode(associateRQ)[headerLength:]},
		{"no room for data", (&associate{user: userInfo{maxLength: 7}}).encode(associateRQ)[headerLength:]},
		{"sub-item longer than its item", appendItem(bytes.Clone(whole), itemUser, []byte{itemAsync, 0, 0, 99, 1})},
		{"short sub-item", appendItem(bytes.Clone(whole), itemUser, appendItem(nil, itemAsync, []byte{1}))},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseAssociate(associateRQ, c.body)
			var bad *protocolError
			if !errors.As(err, &bad) || fault.Of(err) != fault.Invalid {
				t.Errorf("error = %v; want a protocol error of kind invalid", err)
			}
		})
	}
}

func TestDataThereAndBack(t *testing.T) {
	frag := append(make([]byte, headerLength+pdvHeader), "fragment"...)
	pdu := sealData(frag, 5, true, false)
	got, err := parseData(nil, pdu[headerLength:])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]pdv{{context: 5, command: true, data: []byte("fragment")}}, got, unexported); d != "" {
		t.Error(d)
	}
	two := append(bytes.Clone(pdu[headerLength:]), sealData(append(make([]byte, 12), 1), 7, false, true)[headerLength:]...)
	two[5] |= 0xfc // bits that are not looked at
	got, err = parseData(nil, two)
	if err != nil || len(got) != 2 || !got[1].last || got[1].command || got[1].context != 7 {
		t.Errorf("two fragments: %+v, %v", got, err)
	}
}

func TestDataRefusals(t *testing.T) {
	for _, c := range []struct {
		name string
		body []byte
	}{
		{"nothing", nil},
		{"half a header", []byte{0, 0, 0}},
		{"longer than the PDU", []byte{0, 0, 0, 9, 1, 0, 1}},
		{"four gigabytes", []byte{255, 255, 255, 255, 1, 0, 1}},
		{"no room for its own header", []byte{0, 0, 0, 1, 1, 0}},
		{"even presentation context", []byte{0, 0, 0, 3, 2, 0, 1}},
		{"rest after a good one", []byte{0, 0, 0, 3, 1, 0, 1, 0, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := parseData(nil, c.body); fault.Of(err) != fault.Invalid {
				t.Errorf("error = %v; want kind invalid", err)
			}
		})
	}
}

func FuzzAssociate(f *testing.F) {
	f.Add(true, full().encode(associateRQ)[headerLength:])
	f.Add(false, full().encode(associateAC)[headerLength:])
	f.Add(true, (&associate{}).encode(associateRQ)[headerLength:])
	f.Fuzz(func(t *testing.T, rq bool, body []byte) {
		kind := associateAC
		if rq {
			kind = associateRQ
		}
		a, err := parseAssociate(kind, body)
		if err != nil {
			if fault.Of(err) != fault.Invalid {
				t.Fatalf("error of kind %v", fault.Of(err))
			}
			return
		}
		// What was read is written so that it reads the same.
		again, err := parseAssociate(kind, a.encode(kind)[headerLength:])
		if err != nil {
			t.Fatalf("read(write(x)): %v", err)
		}
		if kind == associateAC {
			for i := range a.contexts {
				a.contexts[i].abstract = "" // an answer has none
			}
		}
		if d := cmp.Diff(a, again, unexported); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzData(f *testing.F) {
	f.Add(sealData(append(make([]byte, 12), "data"...), 1, false, true)[headerLength:])
	f.Add([]byte{0, 0, 0, 3, 1, 0, 1, 0, 0, 0, 2, 1, 3})
	f.Fuzz(func(t *testing.T, body []byte) {
		all, err := parseData(nil, body)
		total := 0
		for _, v := range all {
			total += len(v.data) + pdvHeader
		}
		if err == nil && total != len(body) {
			t.Fatalf("%d bytes became %d", len(body), total)
		}
	})
}

func FuzzShort(f *testing.F) {
	f.Add(ErrCalled.encode()[headerLength:])
	f.Add(abort(2, 6)[headerLength:])
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := parseRejection(body); err == nil && r.Error() == "" {
			t.Fatal("a rejection without words")
		}
		if abortedBy(body) == nil {
			t.Fatal("an abort that is none")
		}
	})
}

// FuzzReader feeds a stream to the reader in pieces.
func FuzzReader(f *testing.F) {
	f.Add(append(full().encode(associateRQ), abort(0, 0)...), uint8(7))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint8(1))
	f.Add([]byte{4, 0, 255, 255, 255, 255}, uint8(3))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		r := &reader{data: 256, associate: 4096}
		b := &batch{buf: make([]byte, len(stream))}
		var data []byte
		for n := 0; n < len(stream); n += int(piece) + 1 {
			data = stream[:min(n+int(piece)+1, len(stream))]
			need, err := r.length(data)
			if err == nil && need > r.most() {
				t.Fatalf("%d bytes are wanted; %d are the most", need, r.most())
			}
		}
		copy(b.buf, data)
		rest := r.split(b, len(data))
		total := len(rest)
		for _, fr := range b.frames {
			total += headerLength + len(fr.body)
		}
		if total != len(data) {
			t.Fatalf("%d bytes became %d", len(data), total)
		}
	})
}

func TestShortPDUs(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want []byte
	}{
		{"A-ABORT by the service-provider", abort(2, 6), []byte{7, 0, 0, 0, 0, 4, 0, 0, 2, 6}},
		{"A-RELEASE-RP", short(releaseRP, [4]byte{}), []byte{6, 0, 0, 0, 0, 4, 0, 0, 0, 0}},
		{"A-ASSOCIATE-RJ, called title", ErrCalled.encode(), []byte{3, 0, 0, 0, 0, 4, 0, 1, 1, 7}},
		{"A-ASSOCIATE-RJ, local limit", ErrLocalLimit.encode(), []byte{3, 0, 0, 0, 0, 4, 0, 2, 3, 2}},
	} {
		if !bytes.Equal(c.got, c.want) {
			t.Errorf("%s = % x; want % x", c.name, c.got, c.want)
		}
	}
	if n := binary.BigEndian.Uint32(full().encode(associateRQ)[2:]); int(n) != len(full().encode(associateRQ))-headerLength {
		t.Errorf("length field = %d", n)
	}
}
