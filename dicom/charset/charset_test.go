package charset_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"radagora/dicom/charset"
	"radagora/fault"
)

func Example() {
	set, _ := charset.Parse([]string{"", "ISO 2022 IR 87"})
	text, ok := set.Decode([]byte("Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"), charset.Name)
	fmt.Println(text, ok)
	// Output: Yamada^Tarou=山田^太郎 true
}

// parse splits terms at backslashes and returns their set.
func parse(terms string) charset.Set {
	set, _ := charset.Parse(strings.Split(terms, `\`))
	return set
}

// TestStandard decodes the examples of PS3.5 Annexes H to K and one name for each
// single-byte set.
func TestStandard(t *testing.T) {
	for _, tt := range []struct {
		name, terms string
		kind        charset.Kind
		in, want    string
	}{
		{"ASCII", "", charset.Name, "Yamada^Tarou", "Yamada^Tarou"},
		{
			"H.3.1 kanji and kana in the lower half", `\ISO 2022 IR 87`, charset.Name,
			"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
			"Yamada^Tarou=山田^太郎=やまだ^たろう",
		},
		{
			"H.3.2 half-width kana first", `ISO 2022 IR 13\ISO 2022 IR 87`, charset.Name,
			"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
			"ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
		},
		{
			"I.2 Korean in the upper half", `\ISO 2022 IR 149`, charset.Name,
			"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
			"Hong^Gildong=洪^吉洞=홍^길동",
		},
		{
			"I.3 Korean lines, each with its own sequence", `\ISO 2022 IR 149`, charset.Text,
			"\x1b$)C\xb1\xe6\xb5\xbf one\r\n\x1b$)C\xc8\xab two", "길동 one\r\n홍 two",
		},
		{"J.1 Chinese in UTF-8", "ISO_IR 192", charset.Name, "Wang^XiaoDong=王^小东=", "Wang^XiaoDong=王^小东="},
		{"J.3 Chinese in GB18030", "GB18030", charset.Name, "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="},
		{"four bytes of GB18030", "GB18030", charset.Text, "\x81\x30\x81\x30\x95\x32\x82\x36", "\u0080𠀀"},
		{"GBK", "GBK", charset.Name, "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=", "Wang^XiaoDong=王^小东="},
		{"K.2 Chinese with code extensions", `\ISO 2022 IR 58`, charset.Name, "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=", "Zhang^XiaoDong=张^小东="},
		{"German", "ISO_IR 100", charset.Name, "\xc4neas^R\xfcdiger", "Äneas^Rüdiger"},
		{"French", "ISO_IR 100", charset.Name, "Buc^J\xe9r\xf4me", "Buc^Jérôme"},
		{"Polish", "ISO_IR 101", charset.Name, "Wa\xb3\xeasa", "Wałęsa"},
		{"Maltese", "ISO_IR 109", charset.Name, "\xa1a\xb1", "Ħaħ"},
		{"Latvian", "ISO_IR 110", charset.Name, "\xbbe\xf1", "ģeņ"},
		{"Russian, some letters being Latin", "ISO_IR 144", charset.Name, "\xbb\xee\xdace\xdc\xd1yp\xd3", "Люкceмбypг"},
		{"Arabic", "ISO_IR 127", charset.Name, "\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"},
		{"Greek", "ISO_IR 126", charset.Name, "\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"},
		{"Hebrew", "ISO_IR 138", charset.Name, "\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"},
		{"Turkish", "ISO_IR 148", charset.Name, "\xc7avu\xfeo\xf0lu", "Çavuşoğlu"},
		{"Euro sign", "ISO_IR 203", charset.Text, "\xa4 \xbc", "€ Œ"},
		{"Thai", "ISO_IR 166", charset.Name, "\xb9\xd2\xc1\xca\xa1\xd8\xc5", "นามสกุล"},
		{"yen and overline", "ISO_IR 13", charset.Text, `\~`, "¥‾"},
		{"a separator is no yen", "ISO_IR 13", charset.String, `1\2`, `1\2`},
		{
			"French and Russian by turns", `ISO 2022 IR 100\ISO 2022 IR 144`, charset.Name,
			"J\xe9r\xf4me=\x1b-L\xbb\xee\xda", "Jérôme=Люк",
		},
		{"Japanese of the second standard", `\ISO 2022 IR 87\ISO 2022 IR 159`, charset.Text, "\x1b$(D0!\x1b(B!", "丂!"},
		{"bytes of kanji that look like separators", `\ISO 2022 IR 87`, charset.Name, "\x1b$B=U^:=\\\x1b(B", "春涅旬"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, ok := parse(tt.terms).Decode([]byte(tt.in), tt.kind); got != tt.want || !ok {
				t.Errorf("Decode = %q, %v; want %q, true", got, ok, tt.want)
			}
		})
	}
}

// TestTolerant decodes what is not as declared: the likeliest text, and ok is false.
func TestTolerant(t *testing.T) {
	for _, tt := range []struct {
		name, terms string
		kind        charset.Kind
		in, want    string
	}{
		{"undeclared Latin-1", "", charset.Name, "M\xfcller", "Müller"},
		{"undeclared UTF-8", "", charset.Name, "Müller", "Müller"},
		{"undeclared quotes of Windows", "", charset.Text, "\x93a\x94", "“a”"},
		{"UTF-8 declared as Latin-1", "ISO_IR 100", charset.Name, "Müller", "Müller"},
		{"UTF-8 declared as Cyrillic", "ISO_IR 144", charset.Name, "Łódź", "Łódź"},
		{"Latin-1 declared as UTF-8", "ISO_IR 192", charset.Name, "M\xfcller é", "Müller é"},
		{"UTF-8 declared as GB18030", "GB18030", charset.Name, "王", "王"},
		{"half a character of GB18030", "GB18030", charset.Name, "a\xcd", "a\uFFFD"},
		{"an escape sequence nobody declared", "", charset.Name, "\x1b$B;3ED\x1b(B", "山田"},
		{"an escape sequence that does not exist", "", charset.Text, "a\x1b%Gb", "a\uFFFD%Gb"},
		{"an escape sequence cut off", `\ISO 2022 IR 87`, charset.Text, "a\x1b$", "a\uFFFD$"},
		{"UTF-8 knows no escape sequences", "ISO_IR 192", charset.Text, "a\x1b(B", "a\x1b(B"},
		{"Korean that says so once", `\ISO 2022 IR 149`, charset.Name, "\x1b$)C\xc8\xab^\xb1\xe6\xb5\xbf", "홍^길동"},
		{"Korean that never says so", `\ISO 2022 IR 149`, charset.Name, "\xc8\xab^\xb1\xe6\xb5\xbf", "홍^길동"},
		{"Shift JIS declared as kana", "ISO_IR 13", charset.Name, "\x8eR\x93c^\x91\xbe\x98Y", "山田^太郎"},
		{"half a kanji", `\ISO 2022 IR 87`, charset.Text, "\x1b$B;3E", "山\uFFFD"},
		{"a pair that is no kanji", `\ISO 2022 IR 87`, charset.Text, "\x1b$B~~", "\uFFFD\uFFFD"},
		{"control characters of the upper half", "ISO_IR 126", charset.Text, "\xc4\xc5\x85", "ΔΕ…"},
		{"kana in seven bits", `ISO 2022 IR 13`, charset.Text, "\x1b(I1\x1b(J", "ｱ"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parse(tt.terms).Decode([]byte(tt.in), tt.kind)
			want := tt.name == "kana in seven bits"
			if got != tt.want || ok != want {
				t.Errorf("Decode = %q, %v; want %q, %v", got, ok, tt.want, want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, terms, want string
		problems          []charset.Problem
	}{
		{"nothing declared", "", "ISO_IR 6", nil},
		{"one set", "ISO_IR 100", "ISO_IR 100", nil},
		{"padding", "ISO_IR 100 ", "ISO_IR 100", nil},
		{"an empty first value", `\ISO 2022 IR 87`, `ISO 2022 IR 6\ISO 2022 IR 87`, nil},
		{"code extensions", `ISO 2022 IR 13\ISO 2022 IR 87\ISO 2022 IR 159`, `ISO 2022 IR 13\ISO 2022 IR 87\ISO 2022 IR 159`, nil},
		{"a hyphen", "ISO-IR 100", "ISO_IR 100", []charset.Problem{{0, charset.Misspelt}}},
		{"a missing space", "ISO 2022 IR100", "ISO_IR 100", []charset.Problem{{0, charset.Misspelt}}},
		{"a common name", "latin1", "ISO_IR 100", []charset.Problem{{0, charset.Misspelt}}},
		{"UTF-8 by its name", "UTF-8", "ISO_IR 192", []charset.Problem{{0, charset.Misspelt}}},
		{"utf8 in small letters", "utf8", "ISO_IR 192", []charset.Problem{{0, charset.Misspelt}}},
		{"UTF-8 with number alone", "ISO IR 192", "ISO_IR 192", []charset.Problem{{0, charset.Misspelt}}},
		{"a term from elsewhere", "KOI8-R", "ISO_IR 6", []charset.Problem{{0, charset.Unknown}}},
		{"UTF-8 cannot be extended", `ISO_IR 192\ISO 2022 IR 87`, "ISO_IR 192", []charset.Problem{{0, charset.Misplaced}}},
		{"UTF-8 cannot extend", `ISO 2022 IR 100\ISO_IR 192`, "ISO_IR 100", []charset.Problem{{1, charset.Misplaced}}},
		{"terms without code extensions beside each other", `ISO_IR 100\ISO_IR 144`, `ISO 2022 IR 100\ISO 2022 IR 144`, []charset.Problem{{0, charset.Misplaced}, {1, charset.Misplaced}}},
		{"two bytes cannot come first", "ISO 2022 IR 149", "ISO 2022 IR 149", []charset.Problem{{0, charset.Misplaced}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set, problems := charset.Parse(strings.Split(tt.terms, `\`))
			if set.String() != tt.want {
				t.Errorf("set %q; want %q", set, tt.want)
			}
			if diff := cmp.Diff(tt.problems, problems); diff != "" {
				t.Errorf("problems -want +got:\n%s", diff)
			}
			if again := parse(set.String()); again != set {
				t.Errorf("String gives %q, which is another set", set)
			}
		})
	}
	if set, problems := charset.Parse(nil); set != (charset.Set{}) || problems != nil {
		t.Errorf("no values give %v, %v", set, problems)
	}
}

func TestSplit(t *testing.T) {
	for _, tt := range []struct {
		name, terms, in string
		want            []string
	}{
		{"nothing", "", "", nil},
		{"one value", "", "a", []string{"a"}},
		{"empty values", "", `\a\`, []string{"", "a", ""}},
		{"Latin-1", "ISO_IR 100", "\xe4\\\xfc", []string{"\xe4", "\xfc"}},
		{"the second byte of a GBK character", "GBK", "\x95\\\\b", []string{"\x95\\", "b"}},
		{"the same bytes in GB18030", "GB18030", "\x95\\\\b", []string{"\x95\\", "b"}},
		{"after four bytes", "GB18030", "\x81\x30\x81\x30\\b", []string{"\x81\x30\x81\x30", "b"}},
		{"the same bytes in Latin-1", "ISO_IR 100", "\x95\\\\b", []string{"\x95", "", "b"}},
		{"the second byte of Shift JIS", "ISO_IR 13", "\x95\\\\b", []string{"\x95\\", "b"}},
		{"half-width kana", "ISO_IR 13", "\xb1\\\xb2", []string{"\xb1", "\xb2"}},
		{"half of a kanji", `\ISO 2022 IR 87`, "\x1b$B=\\\x1b(B\\b", []string{"\x1b$B=\\\x1b(B", "b"}},
		{"a kanji never ended", `\ISO 2022 IR 87`, "\x1b$B=\\", []string{"\x1b$B=\\"}},
		{"Korean", `\ISO 2022 IR 149`, "\x1b$)C\xc8\xab\\b", []string{"\x1b$)C\xc8\xab", "b"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, v := range parse(tt.terms).Split([]byte(tt.in)) {
				got = append(got, string(v))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEncode(t *testing.T) {
	for _, tt := range []struct {
		name, terms, text, want string
		kind                    fault.Kind // if want is empty
	}{
		{"ASCII", "", `a\b`, `a\b`, 0},
		{"beyond ASCII", "", "é", "", fault.Unsupported},
		{"Latin-1", "ISO_IR 100", "Äneas^Rüdiger", "\xc4neas^R\xfcdiger", 0},
		{"not Latin-1", "ISO_IR 100", "Łódź", "", fault.Unsupported},
		{"control characters of the upper half", "ISO_IR 100", "\u0085", "", fault.Unsupported},
		{"Cyrillic", "ISO_IR 144", "Люк", "\xbb\xee\xda", 0},
		{"kana", "ISO_IR 13", "ﾔﾏﾀﾞ¥", "\xd4\xcf\xc0\xde\\", 0},
		{"a backslash among kana", "ISO_IR 13", `\`, "", fault.Unsupported},
		{"Thai", "ISO_IR 166", "นาม", "\xb9\xd2\xc1", 0},
		{"quotes of Windows are not Thai", "ISO_IR 166", "“", "", fault.Unsupported},
		{"UTF-8", "ISO_IR 192", "王^小东", "王^小东", 0},
		{"GB18030", "GB18030", "王^小东𠀀", "\xcd\xf5^\xd0\xa1\xb6\xab\x95\x32\x82\x36", 0},
		{"GBK", "GBK", "王", "\xcd\xf5", 0},
		{"beyond GBK", "GBK", "𠀀", "", fault.Unsupported},
		{"only by an escape sequence", `\ISO 2022 IR 87`, "山", "", fault.Unsupported},
		{"an escape character", "", "\x1b", "", fault.Unsupported},
		{"not UTF-8", "ISO_IR 100", "\xff", "", fault.Invalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := parse(tt.terms).Encode(tt.text)
			if string(got) != tt.want {
				t.Errorf("Encode = %q, %v; want %q", got, err, tt.want)
			}
			if tt.want == "" && (err == nil || fault.Of(err) != tt.kind || strings.Contains(err.Error(), tt.text)) {
				t.Errorf("error %v; want one of kind %v that does not tell the text", err, tt.kind)
			}
		})
	}
}

// TestRoundTrip reads back each byte that a single-byte set can write.
func TestRoundTrip(t *testing.T) {
	for _, ir := range []string{"6", "100", "101", "109", "110", "144", "127", "126", "138", "148", "203", "13", "166"} {
		set := parse("ISO_IR " + ir)
		n := 0
		for c := range 256 {
			text, ok := set.Decode([]byte{byte(c)}, charset.Text)
			if !ok {
				continue
			}
			if got, err := set.Encode(text); err != nil || len(got) != 1 || got[0] != byte(c) {
				t.Errorf("%v: %02X is %q and becomes %X, %v", set, c, text, got, err)
			}
			n++
		}
		if n < 128-1 {
			t.Errorf("%v has %d characters; want at least those of ASCII", set, n)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, terms := range []string{"", "ISO_IR 100", "ISO_IR 13", "ISO_IR 192", "GB18030", `\ISO 2022 IR 87\ISO 2022 IR 159`, `\ISO 2022 IR 149`, `ISO 2022 IR 13\ISO 2022 IR 58`} {
		f.Add(terms, []byte("a\\b^c=\x1b$B;3ED\x1b(B\xe4\x80\x1b$)C\xc8\xab\r\n\x1b-L\xbb\x1b"), byte(2))
		f.Add(terms, []byte("\x81\x30\x81\x30\\\x95\\\xff"), byte(1))
	}
	f.Fuzz(func(t *testing.T, terms string, b []byte, kind byte) {
		set := parse(terms)
		text, _ := set.Decode(b, charset.Kind(kind%3))
		if !utf8.ValidString(text) || len(text) > 3*len(b) {
			t.Errorf("%v: %q becomes %q", set, b, text)
		}
		joined := 0
		for _, v := range set.Split(b) {
			joined += len(v) + 1
		}
		if len(b) > 0 && joined != len(b)+1 {
			t.Errorf("%v: the values of %q have %d bytes with separators; want %d", set, b, joined, len(b)+1)
		}
		if encoded, err := set.Encode(text); err == nil {
			if again, ok := set.Decode(encoded, charset.Text); ok && again != text {
				t.Errorf("%v: %q becomes %q", set, text, again)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	for _, bb := range []struct{ name, terms, text string }{
		{"ASCII", "ISO_IR 100", "Yamada^Tarou"},
		{"Latin-1", "ISO_IR 100", "\xc4neas^R\xfcdiger"},
		{"kanji", `\ISO 2022 IR 87`, "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"},
		{"GB18030", "GB18030", "Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab="},
	} {
		b.Run(bb.name, func(b *testing.B) {
			set, text := parse(bb.terms), []byte(bb.text)
			b.ReportAllocs()
			for b.Loop() {
				set.Decode(text, charset.Name)
			}
		})
	}
}
