package term_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/content"
	"radagora/fault"
	"radagora/term"
)

func open(t testing.TB) *term.Index {
	t.Helper()
	library, err := content.Open(content.Source{FS: content.Files()})
	if err != nil {
		t.Fatal(err)
	}
	x, err := term.Open(library, "")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestTokens(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"case and signs", "CT_Thorax/ABDOMEN^Routine", []string{"ct", "thorax", "abdomen", "routine"}},
		{"accents", "Crâne, côlon", []string{"crane", "colon"}},
		{"an umlaut is written in two ways", "Schädel Schaedel SCHÄDEL", []string{"schadel", "schadel", "schadel"}},
		{"an umlaut may come apart", "Scha\u0308del", []string{"schadel"}},
		{"camel case and digits", "CTThorax5mm HeadRoutine", []string{"ct", "thorax", "5", "mm", "head", "routine"}},
		{"sharp s", "Großhirn", []string{"grosshirn"}},
		{"nothing", " _-^ ", nil},
		{"no text", "\xff\xfe", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, term.Tokens(tt.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestSearch: names as machines and orders write them, and what they are most likely.
func TestSearch(t *testing.T) {
	x := open(t)
	for _, tt := range []struct {
		text, modality, want, words string
	}{
		{"CT Thorax nativ", "CT", "CT_CHEST", "2 of 2: ct, thorax"},
		{"TAP", "CT", "CT_CHEST_ABDOMEN_PELVIS", "1 of 1: tap"},
		{"SPINE LUMB", "DX", "DX_LSPINE_AP", "2 of 2: spine, lumb"},
		{"LWS seitl.", "DX", "DX_LSPINE_LAT", "2 of 2: lws, seitl"},
		{"HWS a.p.", "DX", "DX_CSPINE", "1 of 2: hws"},
		{"C-Spine", "CT", "CT_CSPINE", "1 of 1: c spine"},
		{"CCT", "CT", "CT_HEAD", "1 of 1: cct"},
		{"HeadRoutine 2.0", "CT", "CT_HEAD", "1 of 1: head"},
		{"Schädel nativ", "CT", "CT_HEAD", "1 of 1: schadel"},
		{"SCHAEDEL", "CT", "CT_HEAD", "1 of 1: schadel"},
		{"Abdomen Thorax", "CT", "CT_CHEST_ABDOMEN", "2 of 2: abdomen, thorax"},
		{"ThoraxAbdomenBecken", "CT", "CT_CHEST_ABDOMEN_PELVIS", "3 of 3: thorax, abdomen, becken"},
		{"thoraxabdomen", "CT", "CT_CHEST_ABDOMEN", "1 of 1: thoraxabdomen"},
		{"CTPA", "CT", "CT_PULMONARY_ANGIO", "1 of 1: ctpa"},
		{"Lungenembolie CT", "", "CT_PULMONARY_ANGIO", "2 of 2: lungenembolie, ct"},
		{"NNH", "CT", "CT_SINUS", "1 of 1: nnh"},
		{"HRCT", "CT", "CT_CHEST_HR", "1 of 1: hrct"},
		{"scanner abdomino-pelvien avec injection", "CT", "CT_ABDOMEN_PELVIS", "2 of 2: scanner, abdomino pelvien"},
		{"Uroscanner", "CT", "CT_UROGRAM", "1 of 1: uroscanner"},
		{"Stone Low Dose", "CT", "CT_KUB", "1 of 1: stone"},
		{"ct_calcium_score", "", "CT_CALCIUM_SCORE", "2 of 2: ct, calcium score"},
		{"Thorax p.a. Zorn", "DX", "DX_CHEST_PA", "2 of 3: thorax, p a"},
		{"Coronary angiography", "RF", "XA_CORONARY_ANGIO", "2 of 2: coronary, angiography"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			hits := x.Search(term.Query{System: term.Exam, Text: tt.text, Modality: tt.modality, Limit: 5})
			if len(hits) == 0 {
				t.Fatal("nothing found")
			}
			got := fmt.Sprintf("%d of %d: %s", len(hits[0].Words), hits[0].Of, strings.Join(hits[0].Words, ", "))
			if hits[0].Code != tt.want || got != tt.words {
				t.Errorf("%s, %s; want %s, %s", hits[0].Code, got, tt.want, tt.words)
			}
		})
	}
}

// TestNoHit: what the words do not say is not found.
func TestNoHit(t *testing.T) {
	x := open(t)
	for _, q := range []term.Query{
		{Text: ""},
		{Text: "routine 5mm"},
		{Text: "Zzyzx"},
		{Text: "knee", Modality: "CT"},
		{Text: "lumbar spine", Modality: "MG"},
		{Text: "Röntgen Schulter", Modality: "CT"},
	} {
		q.System = term.Exam
		if hits := x.Search(q); len(hits) > 0 {
			t.Errorf("%+v finds %s by %v", q, hits[0].Code, hits[0].Words)
		}
	}
}

// TestLabels: what the program itself calls an examination or indication leads to it,
// in every language, in any order of words, without accents.
func TestLabels(t *testing.T) {
	x := open(t)
	for _, system := range []term.System{term.Exam, term.Indication} {
		for _, c := range x.All(system) {
			for _, language := range []string{"en", "de", "fr"} {
				label := c.Label(language)
				words := strings.Fields(label)
				slices.Reverse(words)
				for _, text := range []string{label, strings.ToUpper(label), strings.Join(words, " "), strings.Join(term.Tokens(label), " "), c.Code} {
					hits := x.Search(term.Query{System: system, Text: text, Modality: c.Modality})
					same := func(h term.Hit) bool { return h.Code == c.Code && h.Score == hits[0].Score }
					if len(hits) == 0 || text != strings.Join(words, " ") && !slices.ContainsFunc(hits, same) {
						t.Errorf("%s does not lead to %s", text, c.Code)
					}
				}
			}
		}
	}
}

// TestTyping: while somebody types, every further letter keeps what was meant.
func TestTyping(t *testing.T) {
	x := open(t)
	for _, text := range []string{"thorax", "schädel", "abdomen", "pelvis"} {
		for i := 1; i <= len([]rune(text)); i++ {
			typed := string([]rune(text)[:i])
			if hits := x.Search(term.Query{System: term.Exam, Text: typed, Modality: "CT", Typing: true}); len(hits) == 0 {
				t.Errorf("%q finds nothing", typed)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	x := open(t)
	c, err := x.Lookup(term.Exam, "CT_HEAD")
	if err != nil || c.Label("de") != "CT Kopf" || c.Label("xx") != "CT head" {
		t.Errorf("Lookup = %+v, %v", c, err)
	}
	if _, err := x.Lookup(term.Indication, "CT_HEAD"); fault.Of(err) != fault.NotFound {
		t.Errorf("a code of another system: %v; want NotFound", err)
	}
}

// FuzzSearch: no name breaks the reader, and the order of words changes no score.
func FuzzSearch(f *testing.F) {
	for _, s := range []string{"CT Thorax nativ", "SPINE LUMB", "thoraxabdomen", "Scha\u0308del", "\xff\x00", "ﬁ½Ⅷ", "ß", strings.Repeat("thorax", 100)} {
		f.Add(s)
	}
	x := open(f)
	f.Fuzz(func(t *testing.T, s string) {
		for _, token := range term.Tokens(s) {
			if token == "" || strings.ContainsAny(token, " _^") {
				t.Fatalf("token %q", token)
			}
		}
		for _, typing := range []bool{false, true} {
			for _, h := range x.Search(term.Query{System: term.Exam, Text: s, Typing: typing}) {
				if h.Score <= 0 || h.Score > 1 || len(h.Words) > h.Of {
					t.Fatalf("%q: %s scores %v by %v of %d", s, h.Code, h.Score, h.Words, h.Of)
				}
			}
		}
	})
}

func ExampleIndex_Search() {
	library, err := content.Open(content.Source{FS: content.Files()})
	if err != nil {
		return
	}
	x, err := term.Open(library, "")
	if err != nil {
		return
	}
	for _, h := range x.Search(term.Query{System: term.Exam, Text: "Abdomen Becken CT, Zusatz", Limit: 1}) {
		fmt.Printf("%s: %d of %d words: %s\n", h.Code, len(h.Words), h.Of, strings.Join(h.Words, ", "))
	}
	// Output: CT_ABDOMEN_PELVIS: 3 of 4 words: abdomen, becken, ct
}
