package dose_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"radagora/dicom"
	"radagora/dose"
	"radagora/dose/dosetest"
)

// FuzzRead reads broken reports: it never panics, ends soon, and what it reads can
// be joined and written.
func FuzzRead(f *testing.F) {
	for _, r := range []dosetest.Report{plain(), small(), dosetest.New("study", "report", "-", dosetest.Event{})} {
		f.Add(file(f, r))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		begin := time.Now()
		if in, err := dicom.Read(bytes.NewReader(b), nil); in != nil && in.Dataset != nil {
			_, _ = dose.Read(in.Dataset)
			_, _ = dose.ReadImage(in.Dataset)
			_ = err
		}
		r, err := dose.ReadFile(bytes.NewReader(b), int64(len(b)))
		if r == nil && err == nil {
			t.Fatal("neither a report nor an error")
		}
		if r != nil {
			studies := dose.Join([]*dose.Report{r, r})
			same := len(studies[0].Events) == len(r.Events) || r.Class == dose.FromImage && len(studies[0].Events) <= len(r.Events)
			if len(studies) != 1 || !same {
				t.Fatalf("joined with itself, %d events become %d studies", len(r.Events), len(studies))
			}
			if _, err := json.Marshal([]any{dose.NewFileJSON("f", r, err), dose.NewStudyJSON(studies[0])}); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Fatalf("%d bytes took %v", len(b), took)
		}
	})
}
