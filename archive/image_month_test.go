package archive_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/archive"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// TestImageMonths: an exposure counts once, by the image that people see, however its
// images are spread over series.
func TestImageMonths(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d, t.TempDir(), func(c *archive.Config) { c.Machines = &machines{} })
		put := func(series, instance int, modality, date string, class uid.UID) {
			x := thing{study: 1, series: series, instance: instance, modality: modality, set: func(b *dicom.Builder) {
				b.UID(tag.SOPClassUID, class).Text(tag.StudyDate, date)
			}}
			if date != "20240131" {
				x.study = 2
			}
			in := x.arrival(t)
			in.SOPClass = class
			b.mustStore(in, archive.Added)
		}
		put(1, 1, "DX", "20240131", uid.DigitalXRayImageStorageForPresentation)
		put(1, 2, "DX", "20240131", uid.DigitalXRayImageStorageForProcessing) // in the same series
		put(2, 1, "MG", "20240131", uid.DigitalMammographyXRayImageStorageForProcessing)
		put(3, 1, "MG", "20240131", uid.DigitalMammographyXRayImageStorageForPresentation)
		put(4, 1, "CT", "20240131", uid.CTImageStorage)
		put(5, 1, "DX", "20240201", uid.DigitalXRayImageStorageForPresentation)
		for _, c := range []struct {
			name, from, to string
			want           []archive.ImageMonth
		}{
			{"two months", "2024-01-01", "2024-02-29", []archive.ImageMonth{{Machine: "machine-of-CT1", Month: "2024-01", Images: 2}, {Machine: "machine-of-CT1", Month: "2024-02", Images: 1}}},
			{"the last day counts", "2024-01-01", "2024-02-01", []archive.ImageMonth{{Machine: "machine-of-CT1", Month: "2024-01", Images: 2}, {Machine: "machine-of-CT1", Month: "2024-02", Images: 1}}},
			{"one day", "2024-01-31", "2024-01-31", []archive.ImageMonth{{Machine: "machine-of-CT1", Month: "2024-01", Images: 2}}},
		} {
			got, err := b.ImageMonths(t.Context(), site, c.from, c.to, []string{"DX", "MG"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	})
}
