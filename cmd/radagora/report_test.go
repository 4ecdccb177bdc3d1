package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"radagora/connect"
	"radagora/content"
	"radagora/dose"
	"radagora/dose/history"
	"radagora/fhir"
	"radagora/lang"
	"radagora/worklist"
)

// TestDiagnosticReport writes reports as FHIR has them: each is valid, and a document
// that is large is named by its address.
func TestDiagnosticReport(t *testing.T) {
	r := connect.KeptReport{ID: "0191", Site: at, Channel: "c", Person: "p", Order: "o1", Report: connect.Report{
		Number: "filler F1 CTH", Study: "1.2.3", Code: &worklist.Code{Value: "CTH", Scheme: "L", Meaning: "CT head"}, Title: "CT head",
		At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Made: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), Author: "Weber^Anna", Text: "<b>no</b>",
		Files: []connect.File{{Type: "application/pdf", Title: "Report", Body: []byte("%PDF-1.4")}, {Type: "application/pdf", Body: bytes.Repeat([]byte("%"), mostInline)}},
	}}
	for _, s := range []connect.ReportStatus{connect.ReportRegistered, connect.ReportPartial, connect.ReportPreliminary, connect.ReportFinal, connect.ReportCorrected, connect.ReportCancelled, connect.ReportWrong} {
		r.Status = s
		d, err := diagnosticReport(r, fhir.Reference("Patient/1"))
		check(t, err)
		if issues := fhir.Validate(d); len(issues) > 0 {
			t.Errorf("%s: %v", s, issues)
		}
		text := string(d.JSON())
		for _, want := range []string{`"ServiceRequest/o1"`, `"ImagingStudy/1.2.3"`, `"PGI+bm88L2I+"`, `"JVBERi0xLjQ="`, `"/reports/0191/files/2"`, `"Anna Weber"`, `"` + string(s) + `"`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %s is not in %s", s, want, text)
			}
		}
	}
	r.Report = connect.Report{Number: "placer P1", Status: connect.ReportFinal, At: r.At}
	d, err := diagnosticReport(r, fhir.Reference("Patient/1"))
	check(t, err)
	if issues := fhir.Validate(d); len(issues) > 0 {
		t.Errorf("one that says little: %v", issues)
	}
}

// TestDoseWords says what an examination came to, in numbers and in words.
func TestDoseWords(t *testing.T) {
	catalogue, err := lang.Open()
	check(t, err)
	unit, spiral, scout, dlp := "mGy", "spiral", "constant_angle", 812.4
	event := func(kind *string, value float64) dose.StoredEvent {
		return dose.StoredEvent{Examination: "1", EventJSON: dose.EventJSON{Type: kind, Values: []dose.ValueJSON{{Field: dose.FieldCTDIvol, Value: value, Unit: &unit}}}}
	}
	s := &dose.StoredStudy{Events: []dose.StoredEvent{event(&scout, 99), event(&spiral, 45.25), event(&spiral, 30), {Examination: "2"}}}
	library, err := content.Open()
	check(t, err)
	wording, err := history.LoadWording(library, at, "de")
	check(t, err)
	values, words := itemDose(s, &dose.Item{Key: "1", DLP: &dlp}, catalogue.Printer("de"), wording)
	if got := strings.Join(words, "; "); got != "DLP 812\u00a0mGy·cm; CTDIvol bis 45,3\u00a0mGy" && got != "DLP 812\u00a0mGy·cm; CTDIvol bis 45,2\u00a0mGy" {
		t.Errorf("words %q", got)
	}
	var got []string
	for _, v := range values {
		got = append(got, v.Quantity+" "+v.Part+" "+v.Value+" "+v.Unit)
	}
	if s := strings.Join(got, "; "); s != "dlp_mgycm 1 812.4 mGy.cm; ctdivol_mgy 1.2 45.25 mGy; ctdivol_mgy 1.3 30 mGy" {
		t.Errorf("values %s", s)
	}
}
