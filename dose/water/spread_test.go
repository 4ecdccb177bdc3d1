package water_test

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/dose/water"
	"radagora/fault"
)

func TestSpread(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n, k int
		want []int
	}{
		{9, 3, []int{1, 4, 7}}, {2, 9, []int{0, 1}}, {100, 1, []int{50}}, {0, 9, nil},
	} {
		if got := water.Spread(c.n, c.k); !slices.Equal(got, c.want) {
			t.Errorf("%d of %d slices: %v, want %v", c.k, c.n, got, c.want)
		}
	}
}

// image is a CT slice of a disc of water of a radius in mm, with pixels of 2 mm.
func image(t *testing.T, radius float64, orientation string) *dicom.File {
	t.Helper()
	const n = 200
	data := make([]byte, 2*n*n)
	for i := range n * n {
		hu := int16(-1000)
		if math.Hypot(float64(i%n)-99.5, float64(i/n)-99.5)*2 <= radius {
			hu = 0
		}
		binary.LittleEndian.PutUint16(data[2*i:], uint16(hu+1024))
	}
	return ct(t, n, data, orientation)
}

// TestOf measures a scan of which some slices cannot count.
func TestOf(t *testing.T) {
	t.Parallel()
	m, _ := method(t)
	const axial = `1\0\0\0\1\0`
	for _, c := range []struct {
		name    string
		all     []*dicom.File
		want    string // refusal
		measure int
		cut     int
		dw      float64
	}{
		{"three slices", []*dicom.File{image(t, 100, axial), image(t, 120, axial), image(t, 110, axial)}, "", 3, 0, 22},
		{"one of three is cut off", []*dicom.File{image(t, 100, axial), image(t, 100, axial), image(t, 230, axial)}, "", 2, 1, 20},
		{"most are cut off", []*dicom.File{image(t, 230, axial), image(t, 100, axial), image(t, 230, axial)}, "truncated", 1, 2, 20},
		{"reformatted in another plane", []*dicom.File{image(t, 100, `1\0\0\0\0\-1`)}, "not_axial", 0, 0, 0},
		{"nobody says how it lies", []*dicom.File{image(t, 100, "")}, "not_axial", 0, 0, 0},
		{"nothing to measure", nil, "unreadable", 0, 0, 0},
	} {
		s, err := m.Of(len(c.all), func(i int) (*dicom.File, func() error, error) { return c.all[i], func() error { return nil }, nil })
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if s.Refusal() != c.want || s.Measured != c.measure || s.Cut != c.cut || math.Abs(s.Diameter-c.dw) > 0.05 {
			t.Errorf("%s: %+v, %q; want %d measured, %d cut, %.2f cm, %q", c.name, s, s.Refusal(), c.measure, c.cut, c.dw, c.want)
		}
	}
	_, err := m.Of(1, func(int) (*dicom.File, func() error, error) {
		return nil, nil, fault.Errorf(fault.Unavailable, "later")
	})
	if fault.Of(err) != fault.Unavailable {
		t.Errorf("an archive that is away: %v", err)
	}
	s, err := m.Of(1, func(int) (*dicom.File, func() error, error) { return nil, nil, fault.Errorf(fault.NotFound, "gone") })
	if err != nil || s.Refusal() != "unreadable" {
		t.Errorf("an image that is gone: %+v, %v", s, err)
	}
}

// ct is a CT image of n by n pixels of 2 mm.
func ct(t *testing.T, n int64, data []byte, orientation string) *dicom.File {
	t.Helper()
	b := dicom.NewBuilder().
		UID(tag.SOPClassUID, uid.CTImageStorage).UID(tag.SOPInstanceUID, uid.Must("1.2.3")).
		Text(tag.ImageType, "ORIGINAL", "PRIMARY", "AXIAL").
		Int(tag.Rows, n).Int(tag.Columns, n).Int(tag.SamplesPerPixel, 1).Text(tag.PhotometricInterpretation, "MONOCHROME2").
		Int(tag.BitsAllocated, 16).Int(tag.BitsStored, 16).Int(tag.HighBit, 15).Int(tag.PixelRepresentation, 0).
		Text(tag.RescaleSlope, "1").Text(tag.RescaleIntercept, "-1024").Text(tag.PixelSpacing, "2", "2").
		Bytes(tag.PixelData, vr.OW, data)
	if orientation != "" {
		b = b.Text(tag.ImageOrientationPatient, strings.Split(orientation, "\\")...)
	}
	ds, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	return &dicom.File{Dataset: ds, TransferSyntax: uid.ExplicitVRLittleEndian}
}
