package main

import "testing"

// TestReadable writes names as people do; what runs from right to left stands for itself.
func TestReadable(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Mu\u0308ller^Anna^^Dr.": "Mu\u0308ller, Dr. Anna", "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce": "Yamada, Tarou · \u5c71\u7530, \u592a\u90ce",
		"\u0643\u0631\u064a\u0645^\u0644\u064a\u0644\u0649": "\u2068\u0643\u0631\u064a\u0645, \u0644\u064a\u0644\u0649\u2069",
		"Cohen^Dan=\u05db\u05d4\u05df^\u05d3\u05df":         "Cohen, Dan · \u2068\u05db\u05d4\u05df, \u05d3\u05df\u2069",
		"": "",
	} {
		if got := readable(name); got != want {
			t.Errorf("readable(%q) = %q; want %q", name, got, want)
		}
	}
}
