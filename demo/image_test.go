package demo_test

import (
	"bytes"
	"encoding/csv"
	"testing"

	"radagora/demo"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// TestLogsAndImages checks that the log of one room holds as many accepted exposures as the
// room has images, that of the other fewer, and that both reject.
func TestLogsAndImages(t *testing.T) {
	y := &demo.Year{Content: open(t), Seed: demo.Seed, Until: until, Size: demo.Small}
	images, screens := map[string]int{}, 0
	studies := map[uid.UID]bool{}
	for o, err := range y.Images(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := dicom.ReadDataset(bytes.NewReader(o.Data), o.TransferSyntax, nil)
		if err != nil {
			t.Fatal(err)
		}
		if o.SOPClass == uid.SecondaryCaptureImageStorage {
			screens++
			studies[o.Study] = true
			if got := f.Text(tag.SeriesDescription); got != "Dose Report" {
				t.Errorf("the screen is called %q", got)
			}
			continue
		}
		if f.UID(tag.IrradiationEventUID) == (uid.UID{}) {
			t.Error("an image names no irradiation event")
		}
		images[o.Room]++
	}
	if screens != 1 {
		t.Errorf("%d screens, want 1", screens)
	}
	for o, err := range y.Objects(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if studies[o.Study] {
			t.Error("a report tells of the study with the screen")
		}
	}
	logs, err := y.Logs(t.Context())
	if err != nil || len(logs) != 2 {
		t.Fatalf("%d logs, %v", len(logs), err)
	}
	names := map[string]string{"dx1": "Radiography 1", "dx2": "Radiography 2"}
	for _, l := range logs {
		rows, err := csv.NewReader(bytes.NewReader(l.Data)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		n := map[string]int{}
		for _, r := range rows[1:] {
			n[r[5]]++
		}
		have := images[names[l.Room]]
		t.Logf("%s: %v, %d images", l.Room, n, have)
		if n[l.Rejected] == 0 {
			t.Errorf("%s rejects nothing", l.Room)
		}
		if whole := n[l.Accepted] == have; have == 0 || n[l.Accepted] == 0 || whole != (l.Room == "dx1") {
			t.Errorf("%s: log of %d accepted of %d images", l.Room, n[l.Accepted], have)
		}
	}
}
