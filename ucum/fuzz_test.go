package ucum_test

import (
	"testing"

	"radagora/ucum"
)

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"mGy.cm", "Gy.m2", "{X-Ray sources}", "pulse/s", "mSv/(mGy.cm)", "10*-6.m", "ml/min{1.73_m2}",
		"/s", "1", "", "((m))", "da", "kg.m2/s2", "µGy.m2", "{", "}{", "m-", "99999999999",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ucum.Parse(s)
		if err != nil {
			return
		}
		again, err := ucum.Parse(u.Code())
		if err != nil || !again.Same(u) {
			t.Errorf("Parse(%q) has the code %q, which reads as %v, %v", s, u.Code(), again, err)
		}
		if f, err := ucum.Factor(u, again); err != nil || !f.Equal(ucum.Int(1)) {
			t.Errorf("%q converts into itself with the factor %v, %v", s, f, err)
		}
	})
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"1.6e-005", " 0.0", "1.07E-05", "-.5", "5.", "1e99", "0x1p-2", "1/3", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ucum.ParseDecimal(s)
		if err != nil {
			return
		}
		if _, ok := ucum.Step(s); !ok {
			t.Errorf("%q is a decimal without a step", s)
		}
		// What String writes may be longer than what is read from a device.
		if out := d.String(); len(out) <= 64 {
			if again, err := ucum.ParseDecimal(out); err != nil || !again.Equal(d) {
				t.Errorf("%q reads as %v, which reads as %v, %v", s, out, again, err)
			}
		}
	})
}
