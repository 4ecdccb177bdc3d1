package archive_test

import (
	"fmt"
	"io"
	"testing"

	"radagora/archive"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/vr"
)

// scans stores the images of one CT series, whose headers say what a scanner says.
func scans(b *testing.B, a *bench, n int) {
	b.Helper()
	for i := 1; i <= n; i++ {
		x := thing{study: 1, series: 1, instance: i, pixels: 2000, set: func(d *dicom.Builder) {
			d.Text(tag.ImageType, "ORIGINAL", "PRIMARY", "AXIAL").Text(tag.ImagePositionPatient, "-170.5", "-170.5", fmt.Sprint(i)).
				Text(tag.ImageOrientationPatient, "1", "0", "0", "0", "1", "0").Text(tag.PixelSpacing, "0.66", "0.66").Text(tag.SliceThickness, "1").
				Int(tag.Rows, 512).Int(tag.Columns, 512).Int(tag.BitsAllocated, 16).Int(tag.BitsStored, 12).Int(tag.HighBit, 11).
				Text(tag.KVP, "120").Text(tag.ConvolutionKernel, "B30f").Text(tag.WindowCenter, "40", "300").Text(tag.WindowWidth, "400", "1500").
				Text(tag.ContentDate, "20240131").Text(tag.ContentTime, fmt.Sprintf("1015%02d.%d", i%60, i)).Text(tag.SliceLocation, fmt.Sprint(i)).
				Text(tag.AcquisitionDate, "20240131").Text(tag.AcquisitionTime, "101500").Text(tag.RescaleSlope, "1").Text(tag.RescaleIntercept, "-1024").
				Bytes(tag.New(0x0029, 0x1010), vr.UN, make([]byte, 900)).TextAs(tag.New(0x0029, 0x0010), vr.LO, "ACME")
		}}
		a.mustStore(x.arrival(b), archive.Added)
	}
}

// BenchmarkMetadata gives the metadata of a series of a thousand images: prepared, and
// made on the spot.
func BenchmarkMetadata(b *testing.B) {
	a := newBench(b, dbtest.Open(b, dbtest.SQLite(b)), b.TempDir(), nil)
	scans(b, a, 1000)
	study, series, _ := thing{study: 1, series: 1}.uids()
	b.Run("made", func(b *testing.B) {
		for range b.N {
			if _, err := a.Rebuild(b.Context(), site, "system", nil); err != nil {
				b.Fatal(err)
			}
			if _, err := a.Metadata(b.Context(), site, study, series); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("prepared", func(b *testing.B) {
		var size int64
		for range b.N {
			block, err := a.Metadata(b.Context(), site, study, series)
			if err != nil {
				b.Fatal(err)
			}
			size = int64(len(block.Gzip()))
		}
		b.ReportMetric(float64(size), "gzip-bytes")
	})
	b.Run("prepared and inflated", func(b *testing.B) {
		var size int64
		for range b.N {
			block, err := a.Metadata(b.Context(), site, study, series)
			if err != nil {
				b.Fatal(err)
			}
			if size, err = io.Copy(io.Discard, block.JSON()); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(size), "json-bytes")
	})
	b.Run("found with everything", func(b *testing.B) {
		q := archive.Query{Level: archive.ImageLevel, Reach: everybody, All: true, Keys: ask(b, "StudyInstanceUID="+study.String())}
		for range b.N {
			if got := len(a.uids(q, tag.SOPInstanceUID)); got != 1000 {
				b.Fatal(got)
			}
		}
	})
}
