package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestIdentify(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"line breaks do not matter", "Apache License\n      Version 2.0, January 2004", "Apache-2.0"},
		{"three clauses", "Redistributions in binary form must reproduce the above\ncopyright notice … Neither the name of X", "BSD-3-Clause"},
		{"two clauses", "Redistributions in binary form must reproduce the above\ncopyright notice", "BSD-2-Clause"},
		{"MIT", "The above copyright notice and this permission notice shall be included in\nall copies", "MIT"},
		{"public domain", "This is free and unencumbered software released into the public domain.", "Unlicense"},
		{"one we may not live beside", "GNU AFFERO GENERAL PUBLIC LICENSE Version 3", ""},
		{"nothing", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := identify(test.body); got != test.want {
				t.Errorf("identify = %q; want %q", got, test.want)
			}
		})
	}
}

func TestRead(t *testing.T) {
	const mit = "The above copyright notice and this permission notice shall be included in all copies"
	tests := []struct {
		name  string
		files map[string]string
		want  string // the licence, or what the error says
	}{
		{"one licence", map[string]string{"LICENSE.md": mit}, "MIT"},
		{"a notice is no licence but is kept", map[string]string{"COPYING": mit, "NOTICE": "by X"}, "MIT"},
		{"British spelling", map[string]string{"LICENCE": mit}, "MIT"},
		{"two licences", map[string]string{"LICENSE": mit, "LICENSE-APACHE": "Apache License Version 2.0, January 2004"}, "MIT and Apache-2.0"},
		{"Go files are none", map[string]string{"license.go": mit}, "has no licence"},
		{"an unknown one stops", map[string]string{"LICENSE": "all rights reserved"}, "no licence known"},
		{"none stops", nil, "has no licence"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := &module{Path: "example.org/m", Version: "v1.0.0", Dir: t.TempDir()}
			for name, body := range test.files {
				if err := os.WriteFile(filepath.Join(m.Dir, name), []byte(body), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := m.collect(m.Dir); err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := m.read(); err != nil {
				got = err.Error()
			} else if got = m.licence; got != test.want {
				t.Errorf("licence = %q; want %q", got, test.want)
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("got %q; want %q in it", got, test.want)
			}
		})
	}
}
