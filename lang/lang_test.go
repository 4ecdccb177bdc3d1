package lang_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/lang"
)

// open returns the catalogue that is built in.
func open(t *testing.T) *lang.Catalogue {
	t.Helper()
	c, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// head is the part of a catalogue file that is not messages.
const head = `name: Test
number: {decimal: ",", group: "."}
calendar:
  months: [a, b, c, d, e, f, g, h, i, j, k, l]
  short: [a, b, c, d, e, f, g, h, i, j, k, l]
  date: "{d} {mon} {y}"
  longdate: "{d} {month} {y}"
  month: "{mon} {y}"
messages:
`

// load makes a catalogue of message lines by language.
func load(t *testing.T, messages map[string]string) *lang.Catalogue {
	t.Helper()
	files := fstest.MapFS{}
	for tag, text := range messages {
		files[tag+".yaml"] = &fstest.MapFile{Data: []byte(head + text)}
	}
	c, err := lang.Load(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestT(t *testing.T) {
	c := load(t, map[string]string{
		"en": "  a: Plain\n  n: {one: \"{n} thing\", other: \"{n} things\"}\n  only: \"Only {x}\"\n  deep: \"{m}!\"\n",
		"fr": "  a: {text: \"Simple :\", reviewed: true}\n  n: {one: \"{n} chose\", other: \"{n} choses\"}\n  deep: \"{m} !\"\n",
	})
	for _, tt := range []struct {
		name, tag, key string
		args           lang.Args
		want           string
	}{
		{"a text without arguments", "en", "a", nil, "Plain"},
		{"one in English", "en", "n", lang.Args{"n": 1}, "1 thing"},
		{"none is many in English", "en", "n", lang.Args{"n": 0}, "0 things"},
		{"none is one in French", "fr", "n", lang.Args{"n": 0}, "0 chose"},
		{"counts are grouped", "en", "n", lang.Args{"n": 12345}, "12.345 things"},
		{"a space before a French colon does not break", "fr", "a", nil, "Simple\u00a0:"},
		{"what a language lacks is said in English", "fr", "only", lang.Args{"x": "x"}, "Only x"},
		{"what all lack shows its key", "fr", "none", nil, "⟨none⟩"},
		{"a missing argument shows its name", "en", "only", nil, "Only {x}"},
		{"a value gets three digits", "en", "only", lang.Args{"x": 3.14159}, "Only 3,14"},
		{"a message within a message", "fr", "deep", lang.Args{"m": lang.Msg("n", lang.Args{"n": 2})}, "2 choses\u00a0!"},
		{"an unknown language is English", "xx", "a", nil, "Plain"},
		{"pseudo keeps the arguments", "qps", "only", lang.Args{"x": "x"}, "[Öñłý x~~]"},
		{"long words have no place to break", "qps-long", "only", lang.Args{"x": "x"}, "Onlysbestimmungsverfahren x"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := c.Printer(tt.tag).T(tt.key, tt.args); got != tt.want {
				t.Errorf("T(%q) = %q; want %q", tt.key, got, tt.want)
			}
		})
	}
}

func TestMissingIsNotedOnce(t *testing.T) {
	c := load(t, map[string]string{"en": "  a: A\n", "de": "  b: B\n"})
	var log bytes.Buffer
	c.Log = slog.New(slog.NewTextHandler(&log, nil))
	p := c.Printer("de")
	p.T("a")
	p.T("a")
	if diff := cmp.Diff([]string{"de a"}, c.Missing()); diff != "" {
		t.Errorf("Missing (-want +got):\n%s", diff)
	}
	if n := strings.Count(log.String(), "message missing"); n != 1 {
		t.Errorf("logged %d times; want 1:\n%s", n, log.String())
	}
}

func TestUnreviewed(t *testing.T) {
	c := load(t, map[string]string{"en": "  a: A\n  b: B\n", "de": "  a: {text: A, reviewed: true}\n  b: B\n"})
	for _, tt := range []struct {
		name, tag, key string
		want           bool
	}{
		{"the source needs no review", "en", "b", false},
		{"reviewed", "de", "a", false},
		{"not reviewed yet", "de", "b", true},
	} {
		p := c.Printer(tt.tag)
		p.T(tt.key)
		if got := p.Unreviewed(); got != tt.want {
			t.Errorf("%s: Unreviewed = %v; want %v", tt.name, got, tt.want)
		}
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, tt := range []struct{ name, text string }{
		{"a placeholder that is not closed", "  a: \"{n things\"\n"},
		{"a form CLDR does not know", "  a: {three: x, other: y}\n"},
		{"no form other", "  a: {one: x}\n"},
		{"an empty text", "  a: \"\"\n"},
		{"reviewed that is no truth value", "  a: {text: x, reviewed: perhaps}\n"},
		{"a number for a text", "  a: 3\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := lang.Load(fstest.MapFS{"en.yaml": {Data: []byte(head + tt.text)}})
			if err == nil || fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "message a") {
				t.Errorf("Load = %v; want an invalid error that names the message", err)
			}
		})
	}
}

func TestNumbers(t *testing.T) {
	c := open(t)
	en, de, fr := c.Printer("en"), c.Printer("de"), c.Printer("fr")
	for _, tt := range []struct{ name, got, want string }{
		{"three digits of a small value", en.Sig(0.31652), "0.317"},
		{"trailing zeros are digits too", en.Sig(95.04), "95.0"},
		{"three digits before the mark", en.Sig(842.4), "842"},
		{"a large value is rounded and grouped", en.Sig(12345), "12,300"},
		{"rounding moves up a power", en.Sig(999.7), "1,000"},
		{"a tiny value", en.Sig(0.0000152), "0.0000152"},
		{"zero", en.Sig(0), "0"},
		{"the German marks", de.Sig(1234.5), "1.230"},
		{"the German comma", de.Sig(1.5), "1,50"},
		{"the French group is a narrow space", fr.Count(20318), "20\u202f318"},
		{"minus is no hyphen", en.Number(-1.5, 1), "−1.5"},
		{"no minus zero", en.Number(-0.01, 1), "0.0"},
		{"as written", en.Plain(0.05), "0.05"},
		{"per cent", de.Percent(0.934), "93\u00a0%"},
		{"per cent below ten", de.Percent(0.0123), "1,2\u00a0%"},
		{"a quantity", en.Quantity(842, "mGy.cm"), "842\u00a0mGy·cm"},
		{"an exponent", en.Unit("Gy.m2"), "Gy·m²"},
		{"a factor of ten stays", en.Unit("10.m"), "10·m"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestDates(t *testing.T) {
	c := open(t)
	at := time.Date(2031, time.March, 5, 7, 8, 9, 0, time.UTC)
	for _, tt := range []struct{ name, got, want string }{
		{"en", c.Printer("en").DateTime(at), "5\u00a0Mar\u00a02031,\u00a007:08"},
		{"de", c.Printer("de").Date(at), "05.03.2031"},
		{"fr", c.Printer("fr").LongDate(at), "5\u00a0mars\u00a02031"},
		{"month", c.Printer("de").Month(at), "März\u00a02031"},
		{"none", c.Printer("en").Date(time.Time{}), "–"},
		{"seconds", c.Printer("en").Time(at), "07:08:09"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %q; want %q", tt.name, tt.got, tt.want)
		}
	}
}

func TestMatch(t *testing.T) {
	c := open(t)
	for _, tt := range []struct{ name, chosen, accept, want string }{
		{"nothing said", "", "", "en"},
		{"a choice wins", "fr", "de", "fr"},
		{"a choice we do not have", "it", "de", "de"},
		{"Swiss German reads German", "", "de-CH,en;q=0.8", "de"},
		{"the first we have", "", "it, fr;q=0.9, en;q=0.1", "fr"},
		{"a header that is no header", "", ";;;", "en"},
		{"a language nobody here speaks", "", "ja", "en"},
		{"a pseudo-language is a choice", "qps", "", "qps"},
		{"but is never guessed", "", "qps", "en"},
	} {
		if got := c.Match(tt.chosen, tt.accept); got != tt.want {
			t.Errorf("%s: Match = %q; want %q", tt.name, got, tt.want)
		}
	}
}

func ExamplePrinter_T() {
	catalogue, err := lang.Open()
	if err != nil {
		fmt.Println(err)
		return
	}
	p := catalogue.Printer("de")
	fmt.Println(p.T("finding.count", lang.Args{"n": 3}))
	// Output: 3 Befunde
}
