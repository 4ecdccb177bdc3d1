package main

import (
	"bytes"
	"context"
	"testing"

	"radagora/archive"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose/dosetest"
	"radagora/fault"
)

// TestSplitReport splits a dose report off the study of another patient: its dose stands
// under the study that it is of now, and under the first again when that is taken back.
func TestSplitReport(t *testing.T) {
	inside(t, t.TempDir(), func(ctx context.Context, h *house) {
		for name, id := range map[string]string{"first": "S-1", "second": "S-1"} {
			r := dosetest.New("both", name, "100", dosetest.Scan(name, "10", "100"))
			r.Series, r.PatientID, r.PatientName = name, id, "TWO^PEOPLE"
			b, err := r.File()
			check(t, err)
			receipt, err := h.Archive.Receive(ctx, archive.Arrival{Site: at, Actor: "system", Door: "import", Part10: true, Data: bytes.NewReader(b)})
			check(t, err)
			_, err = receipt.Wait(ctx)
			check(t, err)
		}
		both := dosetest.UID("both")
		is := func(when string, study uid.UID, want string, reports int) {
			t.Helper()
			check(t, h.meanwhile(ctx, h.settle))
			s, err := h.Dose.Study(ctx, at, study.String())
			if err != nil || s.DLPSummed == nil || *s.DLPSummed != want || len(s.Reports) != reports {
				t.Errorf("%s: %+v, %v; want %s mGy.cm of %d reports", when, s, err, want, reports)
			}
		}
		is("as received", both, "200", 2)
		c, err := h.Archive.Split(ctx, at, archive.Target{Study: both, Series: dosetest.UID("second")}, []archive.Value{{Tag: tag.PatientID, Text: archive.Conceal("S-2")}}, "two people")
		check(t, err)
		is("what stays", both, "100", 1)
		is("what was split off", c.Split, "100", 1)
		check(t, h.Archive.Uncorrect(ctx, at, c.ID, "one person"))
		is("taken back", both, "200", 2)
		if _, err := h.Dose.Study(ctx, at, c.Split.String()); fault.Of(err) != fault.NotFound {
			t.Errorf("what was split off is still there: %v", err)
		}
	})
}
