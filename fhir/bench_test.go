package fhir_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radagora/fhir"
)

// example reads one published resource.
func example(b testing.TB, name string) []byte {
	b.Helper()
	for _, file := range examples(b) {
		if strings.TrimSuffix(filepath.Base(file), ".json") == name {
			text, err := os.ReadFile(file)
			if err != nil {
				b.Fatal(err)
			}
			return text
		}
	}
	b.Fatalf("the package has no %s", name)
	return nil
}

func BenchmarkParse(b *testing.B) {
	text := example(b, "ImagingStudy-example")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fhir.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	for _, name := range []string{"ImagingStudy-example", "ImagingStudy-example-xr", "ServiceRequest-example", "Observation-example", "Bundle-valuesets"} {
		r, err := fhir.Parse(example(b, name))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if issues := fhir.Validate(r); issues != nil {
					b.Fatal(issues)
				}
			}
		})
	}
}

func BenchmarkJSON(b *testing.B) {
	r, err := fhir.Parse(example(b, "ImagingStudy-example"))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = r.JSON()
	}
}
