package ucum_test

import (
	"encoding/json"
	"strings"
	"testing"

	"radagora/fault"
	"radagora/ucum"
)

func TestParseDecimal(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "415.82", "415.82"},
		{"three digits of exponent, as Siemens writes", "1.6e-005", "0.000016"},
		{"blank in front", " 0.0", "0"},
		{"capital E", "1.07E-05", "0.0000107"},
		{"plus sign and no leading digit", "+.5", "0.5"},
		{"point at the end", "5.", "5"},
		{"trailing NUL as padding", "12.50\x00", "12.5"},
		{"minus zero is zero", "-0.00", "0"},
		{"more digits than a float64 holds", "0.1234567890123456789", "0.1234567890123456789"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ucum.ParseDecimal(c.in)
			if err != nil || got.String() != c.want {
				t.Errorf("ParseDecimal(%q) = %v, %v; want %s", c.in, got, err, c.want)
			}
		})
	}
}

func TestParseDecimalRefuses(t *testing.T) {
	for _, c := range []struct{ name, in string }{
		{"empty is not 0", ""},
		{"spaces are not 0", "   "},
		{"a fraction", "1/3"},
		{"hexadecimal", "0x1F"},
		{"underscore", "1_000"},
		{"not a number", "NaN"},
		{"infinity", "Inf"},
		{"two points", "1.2.3"},
		{"comma as point", "1,5"},
		{"exponent without digits", "1e"},
		{"exponent that would fill the memory", "1e999999999"},
		{"longer than any device writes", strings.Repeat("1", 65)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := ucum.ParseDecimal(c.in); fault.Of(err) != fault.Invalid {
				t.Errorf("ParseDecimal(%q) = %v, %v; want fault.Invalid", c.in, got, err)
			}
		})
	}
}

func TestDecimalArithmeticIsExact(t *testing.T) {
	sum := ucum.Decimal{}
	for range 10 {
		sum = sum.Add(ucum.MustDecimal("0.1"))
	}
	if !sum.Equal(ucum.Int(1)) {
		t.Errorf("ten times 0.1 = %v; want 1", sum)
	}
	if q, ok := ucum.Int(1).Quo(ucum.Int(3)); !ok || q.Fixed(3) != "0.333" {
		t.Errorf("1/3 = %v, %v", q, ok)
	}
	if _, ok := ucum.Int(1).Quo(ucum.Decimal{}); ok {
		t.Error("1/0 gave a number")
	}
	if got := ucum.MustDecimal("2.345").Fixed(2); got != "2.35" {
		t.Errorf("Fixed(2) of 2.345 = %s; want 2.35", got)
	}
}

func TestDecimalJSON(t *testing.T) {
	b, err := json.Marshal(map[string]any{"dlp_mgycm": ucum.MustDecimal("415.8200")})
	if err != nil || string(b) != `{"dlp_mgycm":415.82}` {
		t.Errorf("Marshal = %s, %v", b, err)
	}
	var d ucum.Decimal
	if err := json.Unmarshal([]byte("1.5e-3"), &d); err != nil || d.String() != "0.0015" {
		t.Errorf("Unmarshal = %v, %v", d, err)
	}
}

func TestStep(t *testing.T) {
	for in, want := range map[string]string{
		"415.82": "0.01", "60": "1", "1.6e-005": "0.000001", "0.0": "0.1", " 7.00 ": "0.01",
	} {
		if got, ok := ucum.Step(in); !ok || got.String() != want {
			t.Errorf("Step(%q) = %v, %v; want %s", in, got, ok, want)
		}
	}
	if _, ok := ucum.Step("n/a"); ok {
		t.Error("Step of a text that is no decimal gave a number")
	}
}

// The rows are the conversions of the dose brief, section 3.
func TestConvert(t *testing.T) {
	for _, c := range []struct{ name, value, from, to, want string }{
		{"DAP as the standard has it", "1.6e-005", "Gy.m2", "Gy.m2", "0.000016"},
		{"DAP as Siemens writes it", "9.37e-6", "Gym2", "Gy.m2", "0.00000937"},
		{"DAP of Canon fluoroscopy", "126.596", "dGy.cm2", "Gy.m2", "0.00126596"},
		{"DAP with a caret", "2", "Gy.cm^2", "Gy.m2", "0.0002"},
		{"DAP in centigray", "20000", "cGy.cm2", "Gy.m2", "0.02"},
		{"DAP in microgray", "1", "uGy.m2", "Gy.m2", "0.000001"},
		{"DAP in milligray", "63.3", "mGy.cm2", "Gy.m2", "0.00000633"},
		{"dose at the reference point", "30.573", "mGy", "Gy", "0.030573"},
		{"CTDIvol in gray", "0.00991", "Gy", "mGy", "9.91"},
		{"organ dose of an image header", "0.01373", "dGy", "mGy", "1.373"},
		{"DLP as GE and Siemens write it", "415.82", "mGycm", "mGy.cm", "415.82"},
		{"effective dose", "0.007486", "Sv", "mSv", "7.486"},
		{"activity of PET images", "394000000", "Bq", "MBq", "394"},
		{"activity in kilobecquerel", "394000", "kBq", "MBq", "394"},
		{"charge without the point", "1200", "uAs", "mA.s", "1.2"},
		{"charge of a header", "3", "mA.s", "uA.s", "3000"},
		{"exposure time of projection", "72", "ms", "s", "0.072"},
		{"length", "1.5", "cm", "mm", "15"},
		{"height of TID 10024", "1.86", "m", "cm", "186"},
		{"collimated area", "250", "cm2", "m2", "0.025"},
		{"minutes", "2.5", "min", "s", "150"},
		{"annotation on both sides", "3", "{pulse}/s", "pulse/s", "3"},
		{"count with another annotation", "6", "{events}", "1", "6"},
		{"count spelt out", "1", "X-ray sources", "{X-Ray sources}", "1"},
		{"per cent", "5", "%", "1", "0.05"},
		{"quotient with parentheses", "0.015", "mSv/(mGy.cm)", "Sv/(Gy.cm)", "0.015"},
		{"a number as factor", "1", "10*3.m", "m", "1000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, err := ucum.Parse(c.from)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ucum.Convert(ucum.MustDecimal(c.value), from, ucum.Must(c.to))
			if err != nil || got.String() != c.want {
				t.Errorf("%s %s = %v %s, %v; want %s", c.value, c.from, got, c.to, err, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct {
		name, in string
		want     fault.Kind
	}{
		{"a word", "furlong", fault.Unsupported},
		{"mega or milli, nobody knows", "MBQ", fault.Unsupported},
		{"special unit", "Cel", fault.Unsupported},
		{"nothing after the point", "mGy.", fault.Unsupported},
		{"sign without exponent", "m-", fault.Unsupported},
		{"open parenthesis", "(m.s", fault.Unsupported},
		{"prefix on a unit that takes none", "kmin", fault.Unsupported},
		{"zero as factor", "0.m", fault.Unsupported},
		{"too long", strings.Repeat("m.", 40), fault.Exhausted},
		{"too deep", strings.Repeat("(", 20) + "m" + strings.Repeat(")", 20), fault.Exhausted},
		{"exponent beyond all use", "m99", fault.Exhausted},
		{"factor beyond all use", "(Tm24.Tm24).Tm24.Tm24", fault.Exhausted},
	} {
		t.Run(c.name, func(t *testing.T) {
			if u, err := ucum.Parse(c.in); err == nil || fault.Of(err) != c.want {
				t.Errorf("Parse(%q) = %v, %v; want %v", c.in, u, err, c.want)
			}
		})
	}
}

func TestUnitsOfDifferentThingsDoNotConvert(t *testing.T) {
	for _, c := range []struct{ name, from, to string }{
		{"absorbed dose is no effective dose", "mGy", "mSv"},
		{"activity is no pulse rate", "Bq", "/s"},
		{"dose is no dose length product", "mGy", "mGy.cm"},
		{"dose area product is no dose", "Gy.m2", "Gy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ucum.Convert(ucum.Int(1), ucum.Must(c.from), ucum.Must(c.to))
			if fault.Of(err) != fault.Unsupported {
				t.Errorf("Convert = %v, %v; want fault.Unsupported", got, err)
			}
		})
	}
	if _, err := ucum.Convert(ucum.Int(1), ucum.Unit{}, ucum.One); fault.Of(err) != fault.Unsupported {
		t.Errorf("no unit at all converted: %v", err)
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		want       bool
	}{
		{"two names of one unit", "cGy.cm2", "uGy.m2", true},
		{"alias", "mGycm", "mGy.cm", true},
		{"another size", "mGy", "Gy", false},
		{"another thing", "mGy", "mSv", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ucum.Must(c.a).Same(ucum.Must(c.b)); got != c.want {
				t.Errorf("Same = %v; want %v", got, c.want)
			}
		})
	}
}

func TestSameCode(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		want       bool
	}{
		{"case and braces", "{X-Ray sources}", "X-ray sources", true},
		{"braces around a part", "{pulse}/s", "pulse/s", true},
		{"a spelling that UCUM does not know", "mGycm", "mGy.cm", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ucum.SameCode(c.a, c.b); got != c.want {
				t.Errorf("SameCode(%q, %q) = %v; want %v", c.a, c.b, got, c.want)
			}
		})
	}
}
