package dose_test

import (
	"math"
	"strings"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/dosetest"
)

// slice is an image of the irradiation of a report; dw in mm is what its header tells of
// the size, 0 for nothing.
func slice(t *testing.T, study, event, name string, dw float64, number int64) *dicom.Dataset {
	t.Helper()
	b := dicom.NewBuilder().
		UID(tag.SOPClassUID, uid.CTImageStorage).UID(tag.SOPInstanceUID, dosetest.UID(name)).
		UID(tag.StudyInstanceUID, dosetest.UID(study)).UID(tag.SeriesInstanceUID, dosetest.UID(study+" series")).
		UID(tag.IrradiationEventUID, dosetest.UID(event)).Int(tag.AcquisitionNumber, number).Text(tag.Modality, "CT").
		Text(tag.StudyDate, "20260304")
	if dw > 0 {
		b = b.Float(tag.WaterEquivalentDiameter, dw)
	}
	d, err := b.Dataset()
	check(t, err)
	return d
}

// sizes says of a study what each scan's size is made of, and its size-specific dose.
func (k *desk) sizes(study string) string {
	k.t.Helper()
	p, err := dose.LoadPhysics(k.Content, house)
	check(k.t, err)
	s, err := k.Study(k.t.Context(), house, dosetest.UID(study).String())
	check(k.t, err)
	var all []string
	for _, i := range s.Items {
		for _, one := range p.Of(s, i, nil).Scans {
			from := one.Size.Diameter.From
			if one.Why != "" {
				from = string(one.Why)
			} else if math.Abs(one.Size.Value/(*one.CTDIvol)-one.Size.Factor) > 1e-9 {
				k.t.Errorf("%v", one)
			}
			all = append(all, from)
		}
	}
	return strings.Join(all, " ")
}

// TestPixels has the pixels of scans tell their size where nobody else does, after the
// report and the header, and counts the result as the size-specific dose.
func TestPixels(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDeskOfImages(t, d)
		k.Pixels = true
		r := dosetest.New("s", "i", "300", dosetest.Scan("one", "9.91", "100"), dosetest.Scan("two", "9.91", "200"))
		r.Age = ""
		report, err := r.Dataset()
		check(t, err)
		k.arriveData(house, report, slice(t, "s", "one", "a", 0, 1), slice(t, "s", "one", "b", 0, 3), slice(t, "s", "two", "c", 280, 2))
		k.settleImages()
		if got := k.sizes("s"); got != "no_size water_header" {
			t.Fatalf("before anything was measured: %q", got)
		}
		waiting, err := k.WaitingPixels(t.Context(), 10)
		check(t, err)
		if len(waiting) != 2 || waiting[0].Acquisition != "1" || waiting[1].Acquisition != "3" || waiting[0].Event != dosetest.UID("one").String() {
			t.Fatalf("waiting: %+v", waiting)
		}
		p := waiting[0]
		p.State, p.Diameter, p.Least, p.Most, p.Slices, p.Measured, p.Cut, p.Method = dose.PixelMeasured, 28, 27, 29, 9, 8, 1, "dose/water, test"
		check(t, k.Measured(t.Context(), p))
		k.settle()
		if got := k.sizes("s"); got != "water_pixels water_header" {
			t.Errorf("measured: %q", got)
		}
		s, err := k.Study(t.Context(), house, dosetest.UID("s").String())
		check(t, err)
		ssde := 0.0
		for _, a := range s.Amounts {
			if a.Quantity == dose.QuantitySSDE {
				ssde = a.Value
			}
		}
		if math.Abs(ssde-13.13) > 0.005 { // dose brief 12.3
			t.Errorf("the amount is %v mGy, want 13.13", ssde)
		}
		var flags []string
		for _, v := range s.Events[0].Values {
			if v.Field == "water_diameter_mm" {
				flags = v.Flags
			}
		}
		if got := strings.Join(flags, " "); !strings.Contains(got, dose.FlagPixels) || !strings.Contains(got, dose.FlagCut) {
			t.Errorf("flags of the diameter: %q", got)
		}
		if waiting, err = k.WaitingPixels(t.Context(), 10); err != nil || len(waiting) > 0 {
			t.Errorf("another series of the same irradiation waits: %+v, %v", waiting, err)
		}
		check(t, k.Rebuild(t.Context()))
		k.settleImages()
		if got := k.sizes("s"); got != "water_pixels water_header" {
			t.Errorf("after a rebuild: %q", got)
		}
		check(t, d.Write(t.Context(), func(tx *db.Tx) error { return k.Erased(t.Context(), tx, house, dosetest.UID("s").String(), true) }))
		if left, err := k.PixelsOf(t.Context(), house, dosetest.UID("s").String()); err != nil || len(left) > 0 {
			t.Errorf("after erasure: %+v, %v", left, err)
		}
	})
}

// TestPixelsRefused keeps why a scan has no size, and does not estimate of it.
func TestPixelsRefused(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		k := newDeskOfImages(t, d)
		k.Pixels = true
		r := dosetest.New("s", "i", "100", dosetest.Scan("one", "9.91", "100"))
		r.Age = ""
		report, err := r.Dataset()
		check(t, err)
		k.arriveData(house, report, slice(t, "s", "one", "a", 0, 1))
		k.settleImages()
		waiting, err := k.WaitingPixels(t.Context(), 10)
		check(t, err)
		if len(waiting) != 1 {
			t.Fatalf("waiting: %+v", waiting)
		}
		p := waiting[0]
		p.State, p.Reason, p.Slices, p.Cut = dose.PixelRefused, dose.PixelTruncated, 9, 9
		check(t, k.Measured(t.Context(), p))
		k.settle()
		all, err := k.PixelsOf(t.Context(), house, p.Study)
		check(t, err)
		if got := k.sizes("s"); got != "no_size" || len(all) != 1 || all[0].Reason != dose.PixelTruncated {
			t.Errorf("%q, %+v", got, all)
		}
	})
}
