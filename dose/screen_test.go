package dose_test

import (
	"context"
	"strings"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dose"
	"radagora/dose/dosetest"
)

// screens are series that an archive found.
type screens []dose.Screen

// Screens implements dose.Screens.
func (s screens) Screens(context.Context, string, dose.Period, []string, []int64, []string, int) ([]dose.Screen, error) {
	return s, nil
}

// TestDoseScreens: images of what a scanner displays are recognised by what the content
// says, and listed while no report tells of their study.
func TestDoseScreens(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		named := func(study, manufacturer, description string, number int64) dose.Screen {
			return dose.Screen{
				Study: dosetest.UID(study).String(), SOP: dosetest.UID("image of " + study).String(), Modality: "CT",
				Manufacturer: manufacturer, Description: description, Number: number,
			}
		}
		other := named("another modality", "GE MEDICAL SYSTEMS", "Dose Report", 999)
		other.Modality = "MR"
		found := screens{
			named("by number and type", "GE MEDICAL SYSTEMS", "", 999), named("number alone", "GE MEDICAL SYSTEMS", "Thin", 999),
			named("by name", "SIEMENS", "Patient Protocol", 502), named("another maker", "Example", "Patient Protocol", 501),
			named("s", "SIEMENS", "Patient Protocol", 501), named("by name", "SIEMENS", "Patient Protocol", 503),
			named("by number", "TOSHIBA", "", 9000), other,
		}
		k := newDeskOf(t, d, func(l *dose.Ledger) { l.Screens = found })
		for study, kind := range map[string]string{"by number and type": `DERIVED\SECONDARY\SCREEN SAVE`, "number alone": `ORIGINAL\PRIMARY\AXIAL`} {
			image, err := (&dicom.Builder{}).UID(tag.SOPInstanceUID, dosetest.UID("image of "+study)).Text(tag.ImageType, strings.Split(kind, `\`)...).Dataset()
			check(t, err)
			k.shelf.put(image)
		}
		k.receive(dosetest.New("s", "i", "15", dosetest.Scan("e1", "1", "15")))
		all, err := k.DoseScreens(t.Context(), house, dose.Period{From: "2026-01-01", To: "2026-12-31"}, 10)
		check(t, err)
		var got []string
		for _, s := range all {
			for _, name := range []string{"by number and type", "number alone", "by name", "another maker", "s", "by number", "another modality"} {
				if s.Study == dosetest.UID(name).String() {
					got = append(got, name+"="+s.By)
				}
			}
		}
		if want := "by number and type=GE_999 by name=SIEMENS_NAMED by number=TOSHIBA_9000"; strings.Join(got, " ") != want {
			t.Errorf("screens %v; want %s", got, want)
		}
	})
}
