package hl7_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/hl7"
)

// message is an order as a radiology system sends it, of an invented person.
const message = "MSH|^~\\&|RIS|EXAMPLE|RADAGORA|EXAMPLE|20260102030405+0100||ORM^O01|C1|P|2.3.1|||AL|NE||8859/1\r" +
	"PID|1||4711^^^HIS&1.2.3&ISO^PI~99^^^KVNR^NI||TEST^ALPHA^B&C||19700102|F|||EXAMPLE 1^^TOWN||\"\"|tel\\T\\fax\r" +
	"PV1||I|W1^2^3^FAC&9.9&ISO\r" +
	"ORC|NW|P1^RIS|F1\r" +
	"OBR|1|P1||CT1^CT \\F\\ head\\E\\\r" +
	"OBX|1|NM|8302-2^Height^LN||1,75|m|||||F\r" +
	"ZXX|own|data\r"

func parse(t testing.TB, s string) *hl7.Message {
	t.Helper()
	m, err := hl7.Parse([]byte(s), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ExampleParse() {
	m, err := hl7.Parse([]byte(message), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Header().Type, m.Header().Trigger, m.Text("PID-3[2].1"), m.Text("PID.PatientName.GivenName"))
	// Output: ORM O01 99 ALPHA
}

func TestPaths(t *testing.T) {
	m := parse(t, message)
	for _, c := range []struct{ path, want string }{
		{"MSH-1", "|"},
		{"MSH-2", "^~\\&"},
		{"MSH-3", "RIS"},
		{"MSH-9.2", "O01"},
		{"MSH.MessageControlID", "C1"},
		{"PID-3", "4711"},
		{"PID-3.4", "HIS"},
		{"PID-3[1].4.2", "1.2.3"},
		{"PID-3[2]", "99"},
		{"PID-3(2).5", "NI"},
		{"PID-3[3]", ""},
		{"PID.PatientIdentifierList[2].AssigningAuthority", "KVNR"},
		{"PID-3.AssigningAuthority.UniversalID", "1.2.3"},
		{"pid-3", ""},
		{"PID-5.3", "B"},
		{"PID-5.3.2", "C"},
		{"PID-5.2.2", ""},
		{"PID-5.2.1", "ALPHA"},
		{"PID-13", ""},
		{"PID-14", "tel&fax"},
		{"PID-99", ""},
		{"PV1-3.4.2", "9.9"},
		{"OBR-4.2", "CT | head\\"},
		{"OBX[1]-5", "1,75"},
		{"OBX[2]-5", ""},
		{"ZXX-2", "data"},
		{"NTE-1", ""},
	} {
		if got := m.Text(c.path); got != c.want {
			t.Errorf("Text(%s) = %q; want %q", c.path, got, c.want)
		}
	}
	v, err := m.Get("PID-13")
	if err != nil || !v.Null() || v.Empty() {
		t.Errorf("PID-13 is null: %v, empty: %v, %v; want null", v.Null(), v.Empty(), err)
	}
	for _, bad := range []string{"", "PI", "PID-", "PID-0", "PID-x", "PID-3[0]", "PID-3[", "PID-3.", "PID-3.1.1.1", "PID-3x", "1ID-3", "PID[0]-3", "PID-+3", "PID/3", "PID-3.1[2]"} {
		if _, err := hl7.ParsePath(bad); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("ParsePath(%q): %v; want invalid", bad, err)
		}
	}
	p, err := hl7.ParsePath("PID[*].PatientIdentifierList[*].1")
	if err != nil || p.String() != "PID[*]-3[*].1" {
		t.Fatalf("path %v, %v", p, err)
	}
	var all []string
	for v := range m.All(p) {
		all = append(all, v.Text())
	}
	if diff := cmp.Diff([]string{"4711", "99"}, all); diff != "" {
		t.Errorf("all identifiers (-want +got):\n%s", diff)
	}
}

func TestRoundTrip(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"CR", message},
		{"LF", strings.ReplaceAll(message, "\r", "\n")},
		{"CR LF", strings.ReplaceAll(message, "\r", "\r\n")},
		{"mixed", strings.Replace(strings.Replace(message, "\r", "\r\n", 1), "\rOBX", "\nOBX", 1)},
		{"nothing ends the last segment", strings.TrimSuffix(message, "\r")},
		{"empty lines", strings.ReplaceAll(message, "\r", "\r\r")},
		{"byte order mark and blanks before", "\xEF\xBB\xBF \r\n" + message},
		{"a line that is no segment", strings.Replace(message, "ORC|", "loose text\rORC|", 1)},
		{"other delimiters", strings.NewReplacer("|", "#", "^", "*", "~", "!", "\\", "/", "&", "%").Replace(message)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, c.text)
			if !bytes.Equal(m.Bytes(), []byte(c.text)) {
				t.Errorf("written differently:\n%q\n%q", m.Bytes(), c.text)
			}
			if got := m.Text("ZXX-2"); strings.TrimSpace(got) != "data" {
				t.Errorf("ZXX-2 = %q; want data", got)
			}
			if n := len(m.Segments()); n != 7 {
				t.Errorf("%d segments; want 7", n)
			}
		})
	}
}

// TestNothingJoinsTheHeader holds that what stands behind MSH never changes who is
// answered, and how.
func TestNothingJoinsTheHeader(t *testing.T) {
	m := parse(t, "MSH|^~\\&|||||||ADT^A01|1|P|2.5\rloose|1||AL|NE|\rmore\rPID|1|x\r")
	if m.Header().Version != "2.5" || m.Header().Enhanced() || m.Text("PID-2") != "x" || len(m.Segments()) != 3 || len(m.Warnings) != 2 {
		t.Errorf("%+v, %d segments, %v", m.Header(), len(m.Segments()), m.Warnings)
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct {
		name, text, says string
		kind             fault.Kind
	}{
		{"nothing", "", "empty", fault.Invalid},
		{"blanks alone", "\r\n \r", "empty", fault.Invalid},
		{"something else", "PID|1", "begins with MSH", fault.Invalid},
		{"no field separator", "MSH", "MSH-1", fault.Invalid},
		{"a letter as delimiter", "MSHA^~\\&A", "MSH-1", fault.Invalid},
		{"a quotation mark as delimiter", "MSH|^~\"&|", "MSH-2", fault.Invalid},
		{"a delimiter twice", "MSH|^~^&|", "occurs twice", fault.Invalid},
		{"many delimiters", "MSH|^~\\&#$|", "MSH-2", fault.Invalid},
		{"endless delimiters", "MSH|" + strings.Repeat("^", 100), "MSH-2", fault.Invalid},
		{"a zero byte", "MSH|^~\\&|A\x00", "byte 10", fault.Invalid},
		{"a frame inside", message + "\x0B", "0x0B", fault.Invalid},
		{"two bytes a character", "M\x00S\x00H\x00|\x00", "UTF-16", fault.Unsupported},
		{"a batch", "BHS|^~\\&|\rMSH|^~\\&|", "batch", fault.Unsupported},
		{"too long", "MSH|^~\\&|" + strings.Repeat("x", 2000), "limit is 1000", fault.Exhausted},
		{"too many segments", "MSH|^~\\&|\r" + strings.Repeat("NTE\r", 20), "more than 10 segments", fault.Exhausted},
		{"too many fields", "MSH|^~\\&|\rNTE" + strings.Repeat("|", 30), "more than 20 fields", fault.Exhausted},
		{"too many repetitions", "MSH|^~\\&|\rNTE|" + strings.Repeat("~", 30), "more than 20 repetitions", fault.Exhausted},
		{"too many components", "MSH|^~\\&|\rNTE|" + strings.Repeat("^&", 15), "more than 20 components", fault.Exhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := hl7.Parse([]byte(c.text), &hl7.Options{Limits: hl7.Limits{Message: 1000, Segments: 10, Fields: 20, Repetitions: 20, Components: 20}})
			if fault.Of(err) != c.kind || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v of kind %v; want %v and %q", err, fault.Of(err), c.kind, c.says)
			}
		})
	}
	big := append([]byte("MSH|^~\\&|\rOBX|1|ED|||"), bytes.Repeat([]byte("A"), 50<<20)...)
	if _, err := hl7.Parse(big, nil); fault.Of(err) != fault.Exhausted {
		t.Errorf("50 MB: %v; want exhausted", err)
	}
}

func TestHides(t *testing.T) {
	m := parse(t, message)
	v := m.At(hl7.Path{Segment: "PID", Field: 5})
	tm, err := m.At(hl7.Path{Segment: "PID", Field: 7}).Time(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []any{m, m.Segment("PID", 1), v, v.XPN(), v.XCN(), v.CX(), v.EI(), v.XAD(), v.XTN(), tm, struct{ V hl7.Value }{v}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			if s := fmt.Sprintf(verb, x); strings.Contains(s, "TEST") || strings.Contains(s, "1970") || strings.Contains(s, "84") {
				t.Errorf("%T printed with %s shows %s", x, verb, s)
			}
		}
	}
}

func TestNothing(t *testing.T) {
	var m hl7.Message
	var v hl7.Value
	var s hl7.Segment
	_, _, _, _ = s.Name(), s.Field(1), s.Fields(), s.Field(-1)
	for range v.Repetitions() {
		t.Error("the zero value has repetitions")
	}
	if v.Text() != "" || v.Component(2).Text() != "" || v.XPN() != (hl7.XPN{}) || m.Text("PID-3") != "" || len(m.Bytes()) != 0 {
		t.Error("nothing is not empty")
	}
}
