package fhir_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/fhir"
)

// examples returns the resources of the R4 package by file name.
func examples(t testing.TB) []string {
	t.Helper()
	folder := os.Getenv("RADAGORA_FHIR_EXAMPLES")
	if folder == "" {
		folder = "../.work/fhir-examples/package"
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	files = slices.DeleteFunc(files, func(f string) bool {
		name := filepath.Base(f)
		return name == "package.json" || name[0] == '.'
	})
	if len(files) == 0 {
		t.Skip("FHIR examples not found: run go run ./tools/fhirtables -fetch")
	}
	return files
}

// wrong are the published files that have real errors, with the first of them.
var wrong = map[string]string{
	"ImplementationGuide-fhir": "ImplementationGuide: the element name is missing",
	"ig-r4":                    "ImplementationGuide: the element name is missing", // the same guide once more
	"Questionnaire-qs1":        "Questionnaire.item[0].item[0]: the element linkId is missing",
	"SearchParameter-codesystem-extensions-CodeSystem-author":    noBase,
	"SearchParameter-codesystem-extensions-CodeSystem-effective": noBase,
	"SearchParameter-codesystem-extensions-CodeSystem-end":       noBase,
	"SearchParameter-codesystem-extensions-CodeSystem-keyword":   noBase,
	"SearchParameter-codesystem-extensions-CodeSystem-workflow":  noBase,
	"SearchParameter-valueset-extensions-ValueSet-author":        noBase,
	"SearchParameter-valueset-extensions-ValueSet-effective":     noBase,
	"SearchParameter-valueset-extensions-ValueSet-end":           noBase,
	"SearchParameter-valueset-extensions-ValueSet-keyword":       noBase,
	"SearchParameter-valueset-extensions-ValueSet-workflow":      noBase,
	// Its id has 67 characters; R4 allows 64.
	"SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject": "SearchParameter.id: this is not how a value of the type id is written",
}

const noBase = "SearchParameter: the element base is missing"

// TestExamples reads every resource that HL7 publishes with R4, writes it again and
// compares token by token, and validates it.
func TestExamples(t *testing.T) {
	if testing.Short() {
		t.Skip("reads 190 MB")
	}
	files := examples(t)
	if len(files) != 5306 {
		t.Errorf("%d files; want 5306", len(files))
	}
	found := map[string]string{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r, err := fhir.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := sameTokens(text, r.JSON()); err != nil {
			t.Errorf("%s: written anew it differs: %v", name, err)
		}
		if issues := fhir.Validate(r); len(issues) > 0 {
			found[name] = issues[0].Expression + ": " + issues[0].Text
			if more := fhir.Validate(fhir.OperationOutcome(issues...)); more != nil {
				t.Errorf("%s: its OperationOutcome is not valid: %v", name, more)
			}
		}
	}
	if diff := cmp.Diff(wrong, found); diff != "" {
		t.Errorf("files with errors (-want +got):\n%s", diff)
	}
	t.Logf("%d files, %d with errors", len(files), len(found))
}

// sameTokens compares two JSON texts: order, values, and numbers as written.
func sameTokens(a, b []byte) error {
	da, db := json.NewDecoder(bytes.NewReader(a)), json.NewDecoder(bytes.NewReader(b))
	da.UseNumber()
	db.UseNumber()
	for {
		ta, errA := da.Token()
		tb, errB := db.Token()
		if errA == io.EOF && errB == io.EOF {
			return nil
		}
		if errA != nil || errB != nil || ta != tb {
			return errors.Join(errA, errB, errors.New("a token differs"))
		}
	}
}
