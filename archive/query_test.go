package archive_test

import (
	"strings"
	"testing"

	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
)

// ask makes an identifier: KEYWORD=VALUE each, several values between backslashes,
// items of a sequence as SEQUENCE/KEYWORD=VALUE.
func ask(t testing.TB, keys ...string) *dicom.Dataset {
	t.Helper()
	b := dicom.NewBuilder()
	items := map[tag.Tag]*dicom.Builder{}
	for _, k := range keys {
		name, value, _ := strings.Cut(k, "=")
		to := b
		if outer, inner, ok := strings.Cut(name, "/"); ok {
			of, known := tag.ByKeyword(outer)
			if !known {
				t.Fatalf("no attribute %s", outer)
			}
			if items[of] == nil {
				items[of] = dicom.NewBuilder()
			}
			to, name = items[of], inner
		}
		a, known := tag.ByKeyword(name)
		if !known {
			t.Fatalf("no attribute %s", name)
		}
		switch v := tag.VROf(a); {
		case value == "" && v.Textual():
			to.Text(a)
		case value == "" && !v.Textual():
			if v.String() == "SQ" {
				to.Sequence(a)
			} else {
				to.Bytes(a, v, nil)
			}
		case v.Textual():
			to.Bytes(a, v, []byte(value))
			b.Text(tag.SpecificCharacterSet, "ISO_IR 192")
		default:
			n := int64(0)
			for _, c := range value {
				n = 10*n + int64(c-'0')
			}
			to.Int(a, n)
		}
	}
	for of, item := range items {
		b.Sequence(of, item)
	}
	d, err := b.Dataset()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// found returns one attribute of all that is found, with spaces between.
func (b *bench) found(q archive.Query, of tag.Tag) string {
	b.t.Helper()
	var all []string
	for d, err := range b.Find(b.t.Context(), site, q) {
		if err != nil {
			b.t.Fatal(err)
		}
		s := strings.Join(d.Texts(of), `\`)
		s = strings.TrimPrefix(s, "1.2.3.")
		if s == "" {
			s = "-"
		}
		all = append(all, s)
	}
	return strings.Join(all, " ")
}

func TestFindLevels(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for study := 1; study <= 2; study++ {
			for series := 1; series <= 2; series++ {
				for i := 1; i <= 2; i++ {
					b.mustStore(thing{study: study, series: series, instance: i, modality: []string{"CT", "MR"}[series-1]}.arrival(t), archive.Added)
				}
			}
		}
		for _, c := range []struct {
			name  string
			level archive.Level
			keys  []string
			of    tag.Tag
			want  string
			count int64
		}{
			{"patient", archive.PatientLevel, []string{"PatientID=LEAK-4711", "PatientName"}, tag.PatientName, "LEAK^CANARY", 1},
			{"patient counts", archive.PatientLevel, []string{"NumberOfPatientRelatedInstances"}, tag.NumberOfPatientRelatedInstances, "8", 1},
			{"studies", archive.StudyLevel, nil, tag.StudyInstanceUID, "2 1", 2},
			{"study counts", archive.StudyLevel, []string{"NumberOfStudyRelatedInstances"}, tag.NumberOfStudyRelatedInstances, "4 4", 2},
			{"study of a series", archive.StudyLevel, []string{"SeriesInstanceUID=1.2.3.2.1"}, tag.StudyInstanceUID, "2", 1},
			{"study of an instance", archive.StudyLevel, []string{"SOPInstanceUID=1.2.3.1.1.2"}, tag.StudyInstanceUID, "1", 1},
			{"modalities", archive.StudyLevel, []string{"ModalitiesInStudy=MR"}, tag.ModalitiesInStudy, `CT\MR CT\MR`, 2},
			{"no modality", archive.StudyLevel, []string{"ModalitiesInStudy=XA"}, tag.ModalitiesInStudy, "", 0},
			{"series", archive.SeriesLevel, []string{"StudyInstanceUID=1.2.3.1"}, tag.SeriesInstanceUID, "1.1 1.2", 2},
			{"series by modality, of any study", archive.SeriesLevel, []string{"Modality=MR"}, tag.SeriesInstanceUID, "2.2 1.2", 2},
			{"instances", archive.ImageLevel, []string{"SeriesInstanceUID=1.2.3.1.2"}, tag.SOPInstanceUID, "1.2.1 1.2.2", 2},
			{"all instances", archive.ImageLevel, nil, tag.SOPInstanceUID, "2.1.1 2.1.2 2.2.1 2.2.2 1.1.1 1.1.2 1.2.1 1.2.2", 8},
			{"instance number", archive.ImageLevel, []string{"InstanceNumber=2", "StudyInstanceUID=1.2.3.2"}, tag.SOPInstanceUID, "2.1.2 2.2.2", 2},
			{"a key that only the header has", archive.ImageLevel, []string{"PatientAge=040Y"}, tag.SOPInstanceUID, "", 0},
		} {
			t.Run(c.name, func(t *testing.T) {
				q := archive.Query{Level: c.level, Reach: everybody, Keys: ask(t, c.keys...)}
				if got := b.found(q, c.of); got != c.want {
					t.Errorf("found %s; want %s", got, c.want)
				}
				if n, err := b.Count(t.Context(), site, q); err != nil || n != c.count {
					t.Errorf("Count = %d, %v; want %d", n, err, c.count)
				}
			})
		}
	})
}
