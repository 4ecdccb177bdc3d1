package dose_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"radagora/dose"
)

func TestPrivateHides(t *testing.T) {
	p := dose.Hide("LEAK^CANARY")
	type holder struct {
		Name dose.Private
		in   dose.Private
		list []dose.Private
	}
	var out bytes.Buffer
	h := holder{p, p, []dose.Private{p}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb+verb+verb, p, &p, h)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("test", "name", p, "holder", h)
	}
	b, err := json.Marshal(map[string]any{"name": p, "holder": h, "list": h.list, "in": h.in})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	if strings.Contains(out.String(), "CANARY") {
		t.Errorf("leaked:\n%s", out.String())
	}
	if p.Reveal() != "LEAK^CANARY" || p != dose.Hide("LEAK^CANARY") || (dose.Private{}).Reveal() != "" || dose.Hide("") != (dose.Private{}) {
		t.Error("Reveal, equality or the zero value is wrong")
	}
}

func TestAReportHidesItsPatient(t *testing.T) {
	made := small()
	made.Events[1].Authorised = "LEAK^CANARY"
	made.Accession = "CANARY-ACC"
	r := read(t, made)
	var out bytes.Buffer
	fmt.Fprintf(&out, "%v %+v %#v %+v %+v", r, r, r, r.Patient, r.Events[1].Alert)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("test", "report", r)
	if strings.Contains(out.String(), "CANARY") {
		t.Errorf("leaked:\n%s", out.String())
	}
	if r.Order.Accession.Reveal() != "CANARY-ACC" || r.Patient.ID.Reveal() != "CANARY-1" {
		t.Error("the identity is gone altogether")
	}
}
