package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestGenerated makes the Go files again from the tables and compares, so that
// nobody edits one without the other.
func TestGenerated(t *testing.T) {
	for _, tt := range []struct {
		table, goFile string
		write         func([][]string) ([]byte, error)
	}{
		{"attributes.tsv", "../../dicom/tag/dictionary.go", dictionary},
		{"uids.tsv", "../../dicom/uid/registry.go", registry},
	} {
		rows, err := readTable(tt.table)
		if err != nil {
			t.Fatal(err)
		}
		want, err := tt.write(rows)
		if err != nil {
			t.Fatalf("%s: %v", tt.table, err)
		}
		got, err := os.ReadFile(tt.goFile)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what %s makes; run: go run ./tools/dictionary", tt.goFile, tt.table)
		}
	}
}

// TestGathered makes the tables again from the facts, where they are at hand.
func TestGathered(t *testing.T) {
	shared := os.Getenv("RADAGORA_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	facts, pydicom := filepath.Join(shared, "facts", "dicom"), "/usr/lib/python3/dist-packages/pydicom"
	for _, file := range []string{facts + "/sops.json", pydicom + "/_uid_dict.py"} {
		if _, err := os.Stat(file); err != nil {
			t.Skipf("facts not found: %v", err)
		}
	}
	dir := t.TempDir()
	if err := gather(dir, facts, pydicom); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"attributes.tsv", "uids.tsv"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the facts make; run: go run ./tools/dictionary --facts %s", name, facts)
		}
	}
}

func TestFirst(t *testing.T) {
	for _, tt := range []struct{ name, tag, want string }{
		{"a repeating group starts at 00", "60XX3000", "60003000"},
		{"an element digit before the last starts at 1", "002804X0", "00280410"},
		{"three digits avoid the group length", "1000XXX0", "10000010"},
		{"nothing repeats", "00100020", "00100020"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := first(tt.tag); got != tt.want {
				t.Errorf("first(%q) = %q; want %q", tt.tag, got, tt.want)
			}
		})
	}
}
