package hl7_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/fault"
	"radagora/hl7"
)

// of returns OBX-5 of a message that holds text there.
func of(t *testing.T, head, text string) hl7.Value {
	t.Helper()
	return parse(t, head+"\rOBX|1|TX|||"+text+"\r").Segment("OBX", 1).Field(5)
}

const plain = "MSH|^~\\&|||||||ORU^R01|1|P|2.5||||||"

func TestEscapes(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"delimiters", `\F\ \S\ \T\ \R\ \E\`, `| ^ & ~ \`},
		{"a line break", `one\.br\two`, "one\ntwo"},
		{"lines and blanks", `a\.sp2\b\.sk3\c\.ce\d`, "a\n\nb   c\nd"},
		{"with a sign", `a\.sp+1\b\.in+4\c`, "a\nbc"},
		{"very many lines are few", `\.sp999999999\x`, repeated("\n", 80) + "x"},
		{"fill modes and indents say nothing", `\.fi\a\.nf\b\.ti-2\c`, "abc"},
		{"hexadecimal", `\X41\\X4243\`, "ABC"},
		{"highlight", `a\H\b\N\c`, "abc"},
		{"local ones stay", `\Zab\`, `\Zab\`},
		{"no escape at all", `C:\temp\file`, `C:\temp\file`},
		{"one backslash", `5\6`, `5\6`},
		{"hexadecimal that is none", `\X4\\XZZ\\X\`, `\X4\\XZZ\\X\`},
		{"a delimiter that the message has not", `\P\`, `\P\`},
		{"nested", `\\E\F\E\\`, `\\F\\`},
		{"empty", `\\`, `\\`},
		{"an unknown command", `\.zz\`, `\.zz\`},
		{"a command with too great a number", `\.sp99999999999999999999\`, `\.sp99999999999999999999\`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := of(t, plain, c.in).Text(); got != c.want {
				t.Errorf("text %q; want %q", got, c.want)
			}
		})
	}
	want := []hl7.Run{{Text: "a"}, {Text: "b", Highlight: true}, {Text: "c"}}
	if diff := cmp.Diff(want, of(t, plain, `a\H\b\N\c`).Runs()); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

func TestTruncation(t *testing.T) {
	head := "MSH|^~\\&#|||||||ORU^R01|1|P|2.7||||||"
	v := of(t, head, "a long te#")
	if !v.Truncated() || of(t, head, "whole").Truncated() || of(t, plain, "no. #").Truncated() {
		t.Error("what is cut is not told")
	}
	if got := of(t, head, `5\P\`).Text(); got != "5#" {
		t.Errorf("text %q; want 5#", got)
	}
}

func repeated(s string, n int) string {
	out := ""
	for range n {
		out += s
	}
	return out
}

func TestCharsets(t *testing.T) {
	for _, c := range []struct{ name, set, in, want, shown string }{
		{"nothing named, plain", "", "Moller", "Moller", "ASCII"},
		{"nothing named, UTF-8", "", "M\xc3\xb6ller", "Möller", "UNICODE UTF-8"},
		{"nothing named, one byte", "", "M\xf6ller \x80", "Möller €", "8859/1"},
		{"ASCII that is none", "ASCII", "M\xf6ller", "Möller", "8859/1"},
		{"Latin 1", "8859/1", "M\xf6ller", "Möller", "8859/1"},
		{"Latin 2", "8859/2", "\xa3\xf3d\xbc", "Łódź", "8859/2"},
		{"Cyrillic", "8859/5", "\xbc\xe3\xde", "Муо", "8859/5"},
		{"Greek", "8859/7", "\xc1\xe8", "Αθ", "8859/7"},
		{"Latin 9", "8859/15", "\xa4 c\xbdur", "€ cœur", "8859/15"},
		{"as DICOM calls it", "ISO_IR 100", "M\xf6ller", "Möller", "8859/1"},
		{"as the internet calls it", "ISO-8859-15", "\xa4", "€", "8859/15"},
		{"UTF-8", "UNICODE UTF-8", "M\xc3\xb6ller", "Möller", "UNICODE UTF-8"},
		{"UTF-8 for short", "utf-8", "M\xc3\xb6ller", "Möller", "UNICODE UTF-8"},
		{"UTF-8 that is none", "UNICODE UTF-8", "M\xf6ller", "M\uFFFDller", "UNICODE UTF-8"},
		{"Japanese, pairs that look like delimiters", "~ISO IR87", "YAMADA=\x1b$B;3ED\x1b(B", "YAMADA=山田", "ISO IR87"},
		{"Japanese with a bar in it", "ISO IR87", "\x1b$B0|\x1b(B", bar, "ISO IR87"},
		{"half katakana", "ISO IR14", "\xd4\xcf", "ﾔﾏ", "ISO IR14"},
		{"Korean", "KS X 1001", "\xb1\xe8", "김", "KS X 1001"},
		{"Chinese, a second byte that is a bar", "GB 18030-2000", "\x81|", gbBar, "GB 18030-2000"},
		{"Big5, a second byte that is a backslash", "BIG-5", "\xa5\\", "功", "BIG-5"},
		{"escapes of charset: multi byte", "~ISO IR87", `\M2442\` + "\x3b\x33" + `\C2842\`, "山", "ISO IR87"},
		{"escapes of charset: upper half", "8859/1", `\C2D4C\` + "\xbc", "М", "8859/1"},
		{"hexadecimal bytes of the charset", "8859/1", `M\XF6\ller`, "Möller", "8859/1"},
		{"a set nobody has", "CNS 11643-1992", "ab", "ab", "CNS 11643-1992"},
		{"unknown words", "KLINGON", "M\xc3\xb6ller", "Möller", "UNICODE UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := parse(t, plain+c.set+"\rOBX|1|TX|||"+c.in+"|m\r")
			if got := m.Text("OBX-5"); got != c.want {
				t.Errorf("text %q; want %q", got, c.want)
			}
			if m.Charset() != c.shown {
				t.Errorf("character set %s; want %s", m.Charset(), c.shown)
			}
			if m.Text("OBX-6") != "m" {
				t.Errorf("OBX-6 %q; want m", m.Text("OBX-6"))
			}
		})
	}
}

func TestCharsetOfThePeer(t *testing.T) {
	text := []byte(plain + "8859/1\rOBX|1|TX|||\xa4\r")
	for _, c := range []struct {
		name, want string
		o          hl7.Options
	}{
		{"what the message says", "¤", hl7.Options{Charset: "8859/15"}},
		{"what we know better", "€", hl7.Options{Charset: "8859/15", Override: true}},
	} {
		m, err := hl7.Parse(text, &c.o)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Text("OBX-5"); got != c.want {
			t.Errorf("%s: %q; want %q", c.name, got, c.want)
		}
	}
}

// TestWritten writes text in every character set and reads it again.
func TestWritten(t *testing.T) {
	for _, c := range []struct{ set, text string }{
		{"8859/1", "Größe | ^ & ~ \\ # 1\n2"},
		{"8859/15", "cœur €"},
		{"UNICODE UTF-8", "山田 €\ttab"},
		{"ISO IR87", "山田 " + bar + "|"},
		{"KS X 1001", "김"},
		{"GB 18030-2000", gbBar + "|"},
		{"BIG-5", "功|"},
		{"", `""`},
	} {
		m := parse(t, plain+c.set+"\rOBX|1|TX|||old|m\r")
		if err := m.Set("OBX-5.2", c.text); err != nil {
			t.Errorf("%s: %v", c.set, err)
			continue
		}
		again := parse(t, string(m.Bytes()))
		if got := again.Text("OBX-5.2"); got != c.text || again.Text("OBX-5.1") != "old" || again.Text("OBX-6") != "m" {
			t.Errorf("%s: %q; want %q", c.set, got, c.text)
		}
	}
	for _, set := range []string{"", "8859/1", "CNS 11643-1992"} {
		m := parse(t, plain+set+"\r")
		if err := m.Set("OBX-5", "山"); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: a character that it does not have: %v; want invalid", set, err)
		}
	}
}

// Characters whose second byte is a bar.
const (
	bar   = "淫"
	gbBar = "亅"
)
