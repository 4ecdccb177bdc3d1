package dose_test

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/dose"
	"radagora/dose/dosetest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

// encode returns v as the command line prints it.
func encode(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// small is a report that has a little of everything and stays readable.
func small() dosetest.Report {
	made := plain()
	made.Events = made.Events[:2]
	made.Total = "251.20"
	made.DLPUnit = "mGycm"
	made.Events[1].Alert = &dosetest.Check{DLP: "100", DLPEstimate: "251.20"}
	made.Events[1].Comment = "breath hold"
	return made
}

func TestFileJSON(t *testing.T) {
	b := encode(t, dose.NewFileJSON("ct.dcm", read(t, small()), nil))
	golden(t, "file.json", b)
	if strings.Contains(string(b), "CANARY") {
		t.Error("the JSON holds a name or an identifier of the patient")
	}
}

func TestFileJSONOfAnError(t *testing.T) {
	golden(t, "error.json", encode(t, dose.NewFileJSON("notes.txt", nil, errors.New("no DICOM"))))
}

func TestStudyJSON(t *testing.T) {
	reports := []*dose.Report{report(t, "s", "1", "a"), report(t, "s", "2", "ab"), report(t, "s", "3", "c")}
	golden(t, "study.json", encode(t, dose.NewStudyJSON(dose.Join(reports)[0])))
}

// TestJSONKeys holds that the keys of the contract for scripts are there, unknown
// or not.
func TestJSONKeys(t *testing.T) {
	var got map[string]any
	if err := json.Unmarshal(encode(t, dose.NewFileJSON("ct.dcm", read(t, small()), nil)), &got); err != nil {
		t.Fatal(err)
	}
	for key := range strings.FieldsSeq(`file sop_instance_uid study_instance_uid modality manufacturer model software title
		event_count declared_event_count totals totals_summed totals_by events warnings error`) {
		if _, ok := got[key]; !ok {
			t.Errorf("no key %q", key)
		}
	}
	totals, ok := got["totals"].(map[string]any)
	if !ok || totals["dlp_mgycm"] != 251.2 || totals["dap_gym2"] != nil {
		t.Errorf("totals %v", totals)
	}
	events, ok := got["events"].([]any)
	if !ok || len(events) != 2 {
		t.Fatalf("events %v", got["events"])
	}
	localizer, ok := events[0].(map[string]any)
	if !ok {
		t.Fatal("no event")
	}
	for key := range strings.FieldsSeq(`uid started type protocol plane laterality dlp_mgycm ctdivol_mgy phantom dap_gym2 rp_gy
		agd_mgy activity_mbq fluoro_time_s kvp exposure_mas scan_length_mm values`) {
		if _, ok := localizer[key]; !ok {
			t.Errorf("no key %q in an event", key)
		}
	}
	if v, ok := localizer["dlp_mgycm"]; !ok || v != nil {
		t.Errorf("DLP of a localizer without dose = %v; want null", v)
	}
}
