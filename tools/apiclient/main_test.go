package main

import (
	"os"
	"strings"
	"testing"
)

// The client in the repository is what its description says.
func TestClientIsUpToDate(t *testing.T) {
	text, err := os.ReadFile("../../docs/api/openapi-v1.json")
	if err != nil {
		t.Fatal(err)
	}
	want, err := write(text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../client/api.go")
	if err != nil || string(got) != string(want) {
		t.Errorf("client/api.go is not what docs/api/openapi-v1.json says: make generate (%v)", err)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{"list-studies": "ListStudies", "study_uid": "StudyUID", "dlp_mgycm": "DLPMGyCm", "id": "ID", "patient_id": "PatientID"} {
		if got := exported(name); got != want {
			t.Errorf("%s: %s; want %s", name, got, want)
		}
	}
	if got := lower("id") + lower("study_uid"); got != "idstudyUID" {
		t.Error(got)
	}
	if _, err := write([]byte(`{"paths":`)); err == nil || strings.Contains(err.Error(), "panic") {
		t.Error("half a description is read")
	}
}
