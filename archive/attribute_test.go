package archive

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

func TestParseDate(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"as the standard has it", "20240131", "20240131"},
		{"with points, as ACR-NEMA had it", "2024.01.31", "20240131"},
		{"with hyphens", "2024-01-31", "20240131"},
		{"no month", "20240000", ""},
		{"month 13", "20241301", ""},
		{"a year alone", "2024", ""},
		{"no year", "00000101", ""},
		{"words", "yesterda", ""},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := parseDate(c.in); got != c.want {
				t.Errorf("parseDate(%q) = %q; want %q", c.in, got, c.want)
			}
		})
	}
}

func TestParseTime(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"hours", "07", "07"},
		{"minutes", "0730", "0730"},
		{"seconds", "073015", "073015"},
		{"parts of a second", "073015.123456", "073015.123456"},
		{"a leap second", "235960", "235960"},
		{"with colons", "07:30:15.5", "073015.5"},
		{"a point and nothing", "073015.", "073015"},
		{"a fraction of minutes means nothing", "0730.5", "0730"},
		{"hour 24", "240000", ""},
		{"minute 60", "0760", ""},
		{"odd digits", "073", ""},
		{"too fine", "073015.1234567", ""},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := parseTime(c.in); got != c.want {
				t.Errorf("parseTime(%q) = %q; want %q", c.in, got, c.want)
			}
		})
	}
}

func TestMergeIsInAnyOrder(t *testing.T) {
	all := [][]string{
		{"", "", "A", "", "F"},
		{"2", "X", "B", "", ""},
		{"1", "", "C", "19700101", ""},
		{"1", "Y", "A", "", "M"},
		{"2", "", "", "", "F"},
		{"", "", "", "", ""},
	}
	for _, how := range []struct {
		name  string
		merge func(a, b []string) []string
	}{{"attributes", merge}, {"patients", mergePatient}} {
		t.Run(how.name, func(t *testing.T) {
			for _, a := range all {
				for _, b := range all {
					for _, c := range all {
						one, other := how.merge(how.merge(a, b), c), how.merge(how.merge(c, a), b)
						if !slices.Equal(one, other) {
							t.Fatalf("%q, %q, %q: %q and %q", a, b, c, one, other)
						}
						if !slices.Equal(how.merge(one, a), one) {
							t.Fatalf("%q once more changes %q", a, one)
						}
					}
				}
			}
		})
	}
}

// FuzzHeader takes a header out of any bytes: what the index gets must be fit for
// every database.
func FuzzHeader(f *testing.F) {
	d, err := dicom.NewBuilder().UID(tag.StudyInstanceUID, uid.Must("1.2")).Text(tag.PatientName, "Müller^Ä=山田").
		Text(tag.StudyDate, "20240131").Int(tag.InstanceNumber, 5).UID(tag.IrradiationEventUID, uid.Must("1.3")).
		Sequence(tag.RequestAttributesSequence, dicom.NewBuilder().Text(tag.RequestedProcedureID, "P1")).Dataset()
	if err != nil {
		f.Fatal(err)
	}
	var b bytes.Buffer
	if err := dicom.Write(&b, d, uid.ExplicitVRLittleEndian); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("\x10\x00\x10\x00PN\x04\x00\x00\xff\x1b\x41"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, _ := dicom.ReadDataset(bytes.NewReader(data), uid.ExplicitVRLittleEndian, nil)
		if file == nil || file.Dataset == nil {
			return
		}
		h := readHeader(file.Dataset)
		texts := slices.Concat(h.patient, h.ofStudy, h.ofSeries, h.ofInstance, folds(h.patient, h.ofStudy))
		for _, s := range texts {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || utf8.RuneCountInString(s) > maxText {
				t.Errorf("the index would get %q", s)
			}
		}
		if len(h.events) > maxEvents {
			t.Errorf("%d events", len(h.events))
		}
	})
}
