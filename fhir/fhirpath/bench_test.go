package fhirpath_test

import (
	"testing"

	"radagora/fhir/fhirpath"
)

// typical are expressions of search parameters, views and rules with the resource they
// run on.
var typical = []struct{ name, on, expression string }{
	{"element", "Patient-example", "Patient.name.given"},
	{"where", "Patient-example", "Patient.telecom.where(system = 'phone' and use = 'work').value.first()"},
	{"choice", "Observation-example", "(Observation.value as Quantity).value > 100"},
	{"coding", "Observation-example", "code.coding.where(system='http://loinc.org' and code='29463-7').exists()"},
	{"date", "Patient-example", "birthDate <= @1980-01-01"},
	{"union", "Observation-example", "(Observation.value as Quantity) | (Observation.component.value as Quantity)"},
	{"quantity", "Observation-example", "value > 80 'kg'"},
	{"series", "ImagingStudy-example", "ImagingStudy.series.where(modality.code = 'CT').instance.uid"},
}

func BenchmarkEvaluate(b *testing.B) {
	for _, one := range typical {
		r := example(b, one.on)
		x := fhirpath.Must(one.expression)
		b.Run(one.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := x.Evaluate(b.Context(), r, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		if _, err := fhirpath.Compile(typical[1].expression); err != nil {
			b.Fatal(err)
		}
	}
}
