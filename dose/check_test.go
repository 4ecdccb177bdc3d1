package dose_test

import (
	"fmt"
	"testing"

	"radagora/dose"
	"radagora/dose/dosetest"
)

func TestDoseCheck(t *testing.T) {
	made := plain()
	made.Events[1].Alert = &dosetest.Check{DLP: "100.00", CTDIvol: "10.00", DLPEstimate: "251.20"}
	made.Events[1].Authorised = "LEAK^CANARY"
	made.Events[1].Notification = &dosetest.Check{}
	made.Events[2].Alert = &dosetest.Check{DLP: "600", DLPEstimate: "502.40", CTDIvolEstimate: "10.60", Reason: "large patient"}
	r := read(t, made)
	type row struct {
		configured, value, estimate string
		exceeded                    bool
	}
	rowOf := func(c *dose.Check, f dose.Field) row {
		out := row{configured: c.Configured(f), exceeded: c.Exceeded(f)}
		if n, ok := c.Value(f); ok {
			out.value = n.String()
		}
		if n, ok := c.Estimate(f); ok {
			out.estimate = n.String()
		}
		return out
	}
	for _, c := range []struct {
		name  string
		check *dose.Check
		field dose.Field
		want  row
	}{
		{"estimate above the value", r.Events[1].Alert, dose.FieldDLP, row{"yes", "100", "251.2", true}},
		{"configured, no estimate", r.Events[1].Alert, dose.FieldCTDIvol, row{"yes", "10", "", false}},
		{"not configured", r.Events[1].Notification, dose.FieldDLP, row{"no", "", "", false}},
		{"estimate below the value", r.Events[2].Alert, dose.FieldDLP, row{"yes", "600", "502.4", false}},
		{"an estimate without a value", r.Events[2].Alert, dose.FieldCTDIvol, row{"no", "", "10.6", false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := rowOf(c.check, c.field); got != c.want {
				t.Errorf("got %+v; want %+v", got, c.want)
			}
		})
	}
	if r.Events[0].Alert != nil {
		t.Error("a check that is not recorded is one that was not configured")
	}
	if got := r.Events[2].Alert.Reason(); got != "large patient" {
		t.Errorf("reason %q", got)
	}
	p := r.Events[1].Alert.Persons
	if len(p) != 1 || p[0].Name.Reveal() != "LEAK^CANARY" || p[0].Role.Written.Value != "113850" || fmt.Sprint(p[0].Name) != "[private]" {
		t.Errorf("persons %v", p)
	}
}

// TestSampleDoseCheck holds what the dose brief says of the sample: both events
// exceed the DLP value, the second the CTDIvol value too, and no reason is given.
func TestSampleDoseCheck(t *testing.T) {
	r, _ := sample(t, "CT-RDSR-Toshiba_DoseCheck.dcm")
	for i, want := range []string{"true false", "true true"} {
		a := r.Events[i].Alert
		if got := fmt.Sprint(a.Exceeded(dose.FieldDLP), " ", a.Exceeded(dose.FieldCTDIvol)); got != want {
			t.Errorf("event %d: DLP and CTDIvol exceeded = %s; want %s", i+1, got, want)
		}
		if n := r.Events[i].Notification; a.Reason() != "" || n.Configured(dose.FieldDLP) != "no" || n.Configured(dose.FieldCTDIvol) != "no" {
			t.Errorf("event %d: reason %q, notification %+v", i+1, a.Reason(), n)
		}
	}
}
