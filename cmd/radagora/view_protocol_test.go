package main

import (
	"bytes"
	"strings"
	"testing"

	"radagora/dose/protocol"
	"radagora/export"
	"radagora/lang"
	"radagora/web"
)

// TestCodeWord says codes of the standard in the reader's words, and leaves the rest.
func TestCodeWord(t *testing.T) {
	catalogue, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, language, code, want string }{
		{"a mode of fluoroscopy", "en", "113631", "pulsed"},
		{"in German", "de", "113631", "gepulst"},
		{"in French", "fr", "C-127F9", "cuivre"},
		{"a number is no code", "en", "120", "120"},
		{"nothing", "en", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := codeWord(catalogue.Printer(tt.language), tt.code); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	given := []protocol.Value{{Text: "113631", N: 3}, {Text: "113630", N: 1}}
	if got := protocol.Text(worded(catalogue.Printer("en"), given)); got != "pulsed (75 %), continuous (25 %)" {
		t.Errorf("got %q", got)
	}
	if given[0].Text != "113631" {
		t.Error("the words took the place of the codes that were given")
	}
}

// TestComparedTables guards what machines send against being taken for a formula, and
// leaves unknown what was not measured.
func TestComparedTables(t *testing.T) {
	catalogue, err := lang.Open()
	if err != nil {
		t.Fatal(err)
	}
	p := catalogue.Printer("en")
	c := web.ProtocolComparison{
		Rows:    []web.ProtocolRow{{Label: "kV", Unit: "kV", A: "=1+1", B: "100", Differ: true}},
		Effects: []web.ProtocolEffect{{Quantity: "dlp", Unit: "mGy.cm", A: 500, NA: 60}},
	}
	for _, tt := range []struct {
		name  string
		table export.Table
		want  string
	}{
		{"a formula is text", comparedSettings(p, c), "1,kV,kV,'=1+1,100,true"},
		{"no dose on the right", comparedEffects(p, c), "mGy.cm,500,60,,0,,,"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b bytes.Buffer
			tt.table.Layout = 1
			if err := export.CSV(&b, tt.table); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), tt.want) {
				t.Errorf("got %q; want %q", b.String(), tt.want)
			}
		})
	}
}
