package hl7_test

import (
	"strings"
	"testing"

	"radagora/fault"
)

func TestSet(t *testing.T) {
	for _, c := range []struct{ name, path, text, old, want string }{
		{"a component among others", "PID-3[2].1", "100", "~99^^^KVNR", "~100^^^KVNR"},
		{"a field", "PID-8", "M", "|F|", "|M|"},
		{"emptied", "PID-8", "", "|F|", "||"},
		{"a subcomponent that was not there", "PID-5.2.2", "x", "^ALPHA^", "^ALPHA&x^"},
		{"a repetition that was not there", "PID-3[4].1", "x", "KVNR^NI|", "KVNR^NI~~x|"},
		{"a field behind the last", "ZXX-4.2", "x", "own|data", "own|data||^x"},
		{"escaped", "PID-8", "a|b", "|F|", `|a\F\b|`},
		{"in MSH", "MSH-10", "C2", "|C1|", "|C2|"},
		{"in Latin 1", "PID-5.1", "Ö", "TEST^", "\xd6^"},
		{"a segment that was not there", "NTE-3", "x", "own|data\r", "own|data\rNTE|||x\r"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, message)
			if err := m.Set(c.path, c.text); err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(message, c.old, c.want, 1)
			if got := string(m.Bytes()); got != want {
				t.Errorf("message\n%q\nwant\n%q", got, want)
			}
			if got := m.Text(c.path); got != c.text {
				t.Errorf("%s = %q; want %q", c.path, got, c.text)
			}
		})
	}
	for _, c := range []struct{ path, why string }{
		{"MSH-1", "a delimiter"},
		{"MSH-2", "the delimiters"},
		{"PID", "no field"},
		{"PID[*]-3", "many"},
		{"PID-3[*]", "many"},
		{"NTE[2]-1", "the first is not there"},
		{"PID-3[999999]", "too many"},
		{"PID-", "no path"},
	} {
		m := parse(t, message)
		if err := m.Set(c.path, "x"); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("Set(%s): %v; want invalid: %s", c.path, err, c.why)
		}
		if string(m.Bytes()) != message {
			t.Errorf("Set(%s) changed the message", c.path)
		}
	}
}

func TestEditing(t *testing.T) {
	m := parse(t, strings.TrimSuffix(strings.ReplaceAll(message, "\r", "\r\n"), "\r\n"))
	before := m.Clone()
	if err := m.SetNull("PID-5"); err != nil || !m.Segment("PID", 1).Field(5).Null() {
		t.Errorf("null: %v", err)
	}
	if err := m.SetRaw("PID-11", []byte("a^b~c")); err != nil || m.Text("PID-11[2]") != "c" {
		t.Errorf("raw: %v", err)
	}
	if err := m.SetRaw("PID-11", []byte("a\rb")); fault.Of(err) != fault.Invalid || err == nil {
		t.Errorf("raw with a line end: %v; want invalid", err)
	}
	if _, err := m.Insert(7, "NTE"); err != nil || !strings.HasSuffix(string(m.Bytes()), "|data\r\nNTE\r\n") {
		t.Errorf("insert: %v %q", err, m.Bytes())
	}
	for _, c := range []struct {
		at   int
		name string
	}{{0, "NTE"}, {99, "NTE"}, {1, "nt"}, {1, "MSH"}, {1, "1AB"}} {
		if _, err := m.Insert(c.at, c.name); fault.Of(err) != fault.Invalid || err == nil {
			t.Errorf("insert %s at %d: %v; want invalid", c.name, c.at, err)
		}
	}
	if !m.Remove("ORC", 1) || m.Remove("ORC", 1) || m.Remove("MSH", 1) {
		t.Error("ORC can be removed once, MSH never")
	}
	if before.Text("PID-5.1") != "TEST" || before.Segment("ORC", 1).Name() != "ORC" {
		t.Error("the copy was edited, too")
	}
}
