package history_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/dose"
	"radagora/dose/history"
	"radagora/fhir"
	"radagora/site"
)

// valid fails for every rule of FHIR that a resource breaks.
func valid(t *testing.T, r fhir.Resource) {
	t.Helper()
	for _, i := range fhir.Validate(r) {
		t.Errorf("%s: %v", r.Type(), i)
	}
}

// study is a CT with a report that counts and one that does not.
func study() *dose.StoredStudy {
	dlp, dap := "724.52", "0"
	return &dose.StoredStudy{
		UID: "1.2.3", Machine: "m1",
		Reports: []dose.StoredReport{{SOPInstance: "1.2.3.4", Counted: true, ReceivedAt: 1_700_000_000_000}, {SOPInstance: "1.2.3.5", ReceivedAt: 1_600_000_000_000}},
		Totals:  []dose.StoredTotal{{Quantity: dose.FieldDLP, Total: &dlp}, {Quantity: dose.FieldDLP, Part: "A", Total: &dlp}, {Quantity: dose.FieldDAP, Total: &dap}},
		Events: []dose.StoredEvent{{EventJSON: dose.EventJSON{Values: []dose.ValueJSON{
			{Field: "agent", Value: "35321007"}, {Field: "nuclide", Value: "in words"},
		}}}},
	}
}

func naming() history.Naming {
	return history.Naming{
		Subject: fhir.Object(fhir.F("reference", "Patient/p1")), Order: "o1", Accession: "A1", Sentence: "DLP 724.52 mGy·cm.",
		Started: time.Date(2026, 3, 4, 9, 15, 0, 0, time.UTC),
	}
}

// TestObservation holds a summary against the cardinalities of the guide.
func TestObservation(t *testing.T) {
	r, err := history.Observation(study(), naming())
	if err != nil {
		t.Fatal(err)
	}
	valid(t, r.Resource)
	for path, want := range map[string]string{
		"meta.profile[0]":                                  "http://hl7.org/fhir/uv/radiation-dose-summary/StructureDefinition/radiation-dose-summary",
		"code.coding[0].code":                              "73569-6",
		"subject.reference":                                "Patient/p1",
		"identifier[0].type.coding[0].code":                "sop-instance-uid",
		"identifier[0].system":                             "urn:dicom:uid",
		"identifier[0].value":                              "urn:oid:1.2.3.4",
		"identifier[1].value":                              "",
		"partOf[0].reference":                              "ImagingStudy/1.2.3",
		"partOf[0].identifier.type.coding[0].code":         "study-instance-uid",
		"focus[0].reference":                               "ImagingStudy/1.2.3",
		"basedOn[0].identifier.type.coding[0].code":        "ACSN",
		"basedOn[0].identifier.value":                      "A1",
		"basedOn[0].reference":                             "ServiceRequest/o1",
		"effectiveDateTime":                                "2026-03-04T09:15:00.000Z",
		"valueString":                                      "DLP 724.52 mGy·cm.",
		"device.reference":                                 "Device/m1",
		"performer[0].reference":                           "#unknown",
		"contained[0].resourceType":                        "Practitioner",
		"component[0].code.coding[0].code":                 "113813",
		"component[0].valueQuantity.value":                 "724.52",
		"component[0].valueQuantity.code":                  "mGy.cm",
		"component[1].code.coding[0].code":                 "349358000",
		"component[1].valueCodeableConcept.coding[0].code": "35321007",
		"component[2].code.coding[0].code":                 "",
		"dataAbsentReason.coding[0].code":                  "",
		"specimen.reference":                               "",
	} {
		if got := r.Get(path).Text(); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	again, _ := history.Observation(study(), naming())
	other := naming()
	other.Sentence = "another"
	changed, _ := history.Observation(study(), other)
	if again.Version != r.Version || changed.Version == r.Version {
		t.Error("the version does not change with what the summary says")
	}
}

// TestEffectiveInSievert converts an effective dose that a report states.
func TestEffectiveInSievert(t *testing.T) {
	s := study()
	stated := "7.486"
	s.Totals = append(s.Totals, dose.StoredTotal{Quantity: dose.FieldEffective, Total: &stated})
	for modality, code := range map[string]string{"NM": "113839", "CT": "113814"} {
		s.Modality = modality
		r, err := history.Observation(s, naming())
		if err != nil {
			t.Fatal(err)
		}
		valid(t, r.Resource)
		c := r.Get("component[1]")
		if c.Get("code.coding[0].code").Text() != code || c.Get("valueQuantity.value").Text() != "0.007486" || c.Get("valueQuantity.code").Text() != "Sv" {
			t.Errorf("%s: %s", modality, r.JSON())
		}
	}
}

// TestDocument holds a Radiation Summary Report against its sections, and the Bundle
// against the rules of documents.
func TestDocument(t *testing.T) {
	at := time.Date(2026, 3, 4, 9, 15, 0, 0, time.UTC)
	whole := history.Report{Subject: fhir.Object(fhir.F("reference", "Patient/p1")), Pregnancy: "f1", Indication: "stroke", At: at, Updated: at.Add(time.Hour)}
	for name, c := range map[string]struct {
		change func(*history.Report)
		codes  string
	}{
		"everything is known":   {func(*history.Report) {}, "73569-6 82810-3 121109"},
		"the dose alone":        {func(r *history.Report) { r.Pregnancy, r.Indication = "", "" }, "73569-6"},
		"without a pregnancy":   {func(r *history.Report) { r.Pregnancy = "" }, "73569-6 121109"},
		"without an indication": {func(r *history.Report) { r.Indication = "" }, "73569-6 82810-3"},
	} {
		rep := whole
		c.change(&rep)
		r, err := history.Composition("1.2.3", rep)
		if err != nil {
			t.Fatal(err)
		}
		valid(t, r.Resource)
		var codes []string
		for s := range r.Each("section") {
			codes = append(codes, s.Get("code.coding[0].code").Text())
		}
		if got := strings.Join(codes, " "); got != c.codes {
			t.Errorf("%s: sections %q, want %q", name, got, c.codes)
		}
		if r.Get("section[0].entry[0].reference").Text() != "Observation/1.2.3" || r.Get("type.coding[0].code").Text() != "73569-6" || r.Get("date").Text() != "2026-03-04T10:15:00.000Z" {
			t.Errorf("%s: %s", name, r.JSON())
		}
		o, err := history.Observation(study(), naming())
		if err != nil {
			t.Fatal(err)
		}
		b, err := history.Document("http://here/fhir", at, r.Resource, o.Resource)
		if err != nil {
			t.Fatal(err)
		}
		valid(t, b)
		if b.Get("type").Text() != "document" || b.Get("entry[0].resource.resourceType").Text() != "Composition" || b.Get("entry[1].fullUrl").Text() != "http://here/fhir/Observation/1.2.3" || b.Get("identifier.value").Text() == "" {
			t.Errorf("%s: %s", name, b.JSON())
		}
	}
}

// TestDevice holds a machine against the guide: an AE title and a type always.
func TestDevice(t *testing.T) {
	for _, m := range []site.Machine{
		{ID: "m1", Manufacturer: "Maker", Model: "Model", Serial: "S1", DeviceUID: "1.2.9", Modality: "CT", Station: "CT01", LastDay: "2026-03-04", AETitles: []site.Trait{{Value: "CT_AE"}}, Software: []site.Trait{{Value: "V1"}}},
		{ID: "m2"},
	} {
		r, err := history.Device(m)
		if err != nil {
			t.Fatal(err)
		}
		valid(t, r.Resource)
		if r.Get("identifier[0].type.coding[0].code").Text() != "application-entity" || r.Get("identifier[0].value").Text() == "" || r.Get("type.coding[0].code").Text() == "" {
			t.Errorf("%s: %s", m.ID, r.JSON())
		}
	}
}

// TestParameters holds the search parameters against those that the guide wants.
func TestParameters(t *testing.T) {
	for _, want := range []string{"identifier", "code", "patient", "device", "part-of", "date"} {
		if !slices.Contains(history.SummaryParameters(), want) {
			t.Errorf("no %s", want)
		}
	}
}
