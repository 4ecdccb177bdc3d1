package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// conformanceDoc is the statement as people read it.
const conformanceDoc = "../../docs/conformance.md"

// TestConformanceStatement holds the statement against the tables of the program. With
// -update it writes it anew.
func TestConformanceStatement(t *testing.T) {
	var b strings.Builder
	check(t, writeConformance(&b, time.Now))
	name := filepath.FromSlash(conformanceDoc)
	if *update {
		check(t, os.WriteFile(name, []byte(b.String()), 0o644))
		return
	}
	text, err := os.ReadFile(name)
	check(t, err)
	if string(text) != b.String() {
		t.Errorf("%s is not what the program does: go test ./cmd/radagora -run TestConformanceStatement -update", conformanceDoc)
	}
	for _, want := range []string{
		"Modality Worklist Information Model - FIND", "Storage Commitment Push Model SOP Class", "CT Image Storage", "JPEG 2000 Image Compression (Lossless Only)",
		"A700H", "association rejected: calling AE title not recognised", "GET /dicom-web/studies",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the statement does not mention %q", want)
		}
	}
}
