package hl7_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/hl7"
)

// items reads everything.
func items(t *testing.T, text string, l hl7.Limits) (kinds, messages []string, r *hl7.Reader, err error) {
	t.Helper()
	r = hl7.NewReader(strings.NewReader(text), l)
	for {
		i, err := r.Next()
		if err != nil {
			return kinds, messages, r, err
		}
		kinds = append(kinds, i.Kind)
		if i.Kind == "MSH" {
			messages = append(messages, string(i.Bytes))
		}
	}
}

func TestReader(t *testing.T) {
	one, two := plain+"\rOBX|1\r", strings.ReplaceAll(plain+"\rOBX|2\r", "\r", "\r\n")
	for _, c := range []struct {
		name, text, kinds string
		messages          []string
		warnings          int
	}{
		{"a batch in a file", "FHS|^~\\&|A\rBHS|^~\\&|A\r" + one + two + "BTS|2\rFTS|1\r", "FHS BHS MSH MSH BTS FTS", []string{one, two}, 0},
		{"counts that are wrong", "BHS|^~\\&|A\r" + one + "BTS|3|x\rFTS|7\r", "BHS MSH BTS FTS", []string{one}, 2},
		{"trailers without counts", "BHS|^~\\&|A\r" + one + "BTS\rFTS|\r", "BHS MSH BTS FTS", []string{one}, 0},
		{"messages alone", one + two + one, "MSH MSH MSH", []string{one, two, one}, 0},
		{"cut out of MLLP", "\x0B" + one + "\x1C\r\x0B" + two + "\x1C\r", "MSH MSH", []string{one, two}, 0},
		{"frames without CR", "\x0B" + one + "\x1C\x0B" + two + "\x1C", "MSH MSH", []string{one, two}, 0},
		{"rubbish before", "rubbish\r\n\r\n" + one, "MSH", []string{one}, 1},
		{"nothing", "", "", nil, 0},
		{"a byte order mark", "\xEF\xBB\xBF" + one, "MSH", []string{one}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			kinds, messages, r, err := items(t, c.text, hl7.Limits{})
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			if got := strings.Join(kinds, " "); got != c.kinds {
				t.Errorf("kinds %s; want %s", got, c.kinds)
			}
			if diff := cmp.Diff(c.messages, messages); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if len(r.Warnings) != c.warnings {
				t.Errorf("warnings %v; want %d", r.Warnings, c.warnings)
			}
		})
	}
	for _, text := range []string{plain + strings.Repeat("x", 500), plain + strings.Repeat("\rNTE|x", 100), strings.Repeat("x", 5000) + "MSH"} {
		if _, _, _, err := items(t, text, hl7.Limits{Message: 200}); fault.Of(err) != fault.Exhausted && !errors.Is(err, io.EOF) {
			t.Errorf("a large one: %v", err)
		}
	}
	if _, _, _, err := items(t, plain+strings.Repeat("x", 500), hl7.Limits{Message: 200}); fault.Of(err) != fault.Exhausted {
		t.Errorf("a message above the limit: %v; want exhausted", err)
	}
}

func TestWriter(t *testing.T) {
	var b bytes.Buffer
	w, err := hl7.NewWriter(&b, hl7.Header{SendingApplication: hl7.HD{Namespace: "A"}, ControlID: "B1"}, noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{message, strings.TrimSuffix(message, "\r")} {
		if err := w.Write(parse(t, text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	kinds, messages, r, err := items(t, b.String(), hl7.Limits{})
	if !errors.Is(err, io.EOF) || len(r.Warnings) > 0 || strings.Join(kinds, " ") != "FHS BHS MSH MSH BTS FTS" {
		t.Errorf("%v %v %v", kinds, r.Warnings, err)
	}
	if diff := cmp.Diff([]string{message, message}, messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestGroups(t *testing.T) {
	m := parse(t, plain+"\r"+strings.Join([]string{
		"PID|1", "OBX|0|NM|8302-2", "ORC|1", "OBR|1", "NTE|1", "OBX|1", "NTE|2", "NTE|3", "OBX|2", "OBR|2", "OBX|3",
		"ORC|3", "TQ1|1", "OBR|3", "IPC|1", "PID|2", "OBR|4", "OBX|4", "",
	}, "\r"))
	patients := m.Patients()
	if len(patients) != 2 {
		t.Fatalf("%d patients; want 2", len(patients))
	}
	orders := m.Whole().Orders()
	var shape []string
	for _, o := range orders {
		s := ""
		for _, seg := range o.Group {
			s += seg.Name() + " "
		}
		shape = append(shape, strings.TrimSpace(s))
	}
	want := []string{"ORC OBR NTE OBX NTE NTE OBX", "OBR OBX", "ORC TQ1 OBR IPC", "OBR OBX"}
	if diff := cmp.Diff(want, shape); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	if o := orders[0]; len(o.Notes) != 1 || len(o.Observations) != 2 || len(o.Observations[0].Notes) != 2 || o.First("OBR").Field(1).Text() != "1" {
		t.Errorf("the first order has %d notes, %d observations", len(o.Notes), len(o.Observations))
	}
	if got := patients[0].Before("ORC", "OBR").Observations(); len(got) != 1 || got[0].Field(3).Text() != "8302-2" {
		t.Errorf("observations of the patient: %d", len(got))
	}
	siu := parse(t, plain+"\rSCH|1\rPID|1\rRGS|1\rAIS|1\rNTE|1\rAIL|1\rRGS|2\rAIP|1\r")
	if r := siu.Whole().Resources(); len(r) != 3 || len(r[0]) != 2 || r[2][0].Name() != "AIP" {
		t.Errorf("resources %v", r)
	}
}
