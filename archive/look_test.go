package archive_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radagora/access"
	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// everybody is the reach of somebody who may see all patients.
var everybody = access.Reach{All: true, Identity: true}

func TestStudiesPaging(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for i := range 12 {
			x := thing{study: i, series: 1, instance: 1, set: func(b *dicom.Builder) {
				b.Text(tag.StudyDate, fmt.Sprintf("202401%02d", 1+i/3)).Text(tag.StudyTime, fmt.Sprintf("%02d", i%2))
			}}
			b.mustStore(x.arrival(t), archive.Added)
		}
		var got []string
		at := archive.Cursor{}
		for page := 0; ; page++ {
			list, err := b.Studies(t.Context(), site, archive.Filter{Reach: everybody}, at, 5)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range list {
				got = append(got, s.UID.String())
				at = s.Next()
			}
			if page == 0 { // what comes meanwhile moves nothing
				x := thing{study: 99, series: 1, instance: 1, set: func(b *dicom.Builder) { b.Text(tag.StudyDate, "20250101") }}
				b.mustStore(x.arrival(t), archive.Added)
			}
			if at, err = archive.ParseCursor(at.String()); err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
		}
		want := []string{}
		for _, i := range []int{11, 9, 10, 7, 8, 6, 5, 3, 4, 1, 2, 0} {
			want = append(want, fmt.Sprintf("1.2.3.%d", i))
		}
		if len(got) != len(want) {
			t.Errorf("%d studies; want %d", len(got), len(want))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("studies (-want +got):\n%s", diff)
		}
	})
}

func TestStudiesFilter(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for i, p := range []struct{ id, name, date, modality string }{
			{"1", "Müller^Ännchen", "20240101", "CT"},
			{"2", "MULLER^BERT", "20240201", "MR"},
			{"3", "Łukasiewicz^Jan", "20240301", "CT"},
			{"4", "Yamada^Tarou=山田^太郎", "20240401", "US"},
		} {
			b.mustStore(thing{study: i + 1, series: 1, instance: 1, patient: p.id, name: p.name, modality: p.modality, set: func(b *dicom.Builder) {
				b.Text(tag.StudyDate, p.date).Text(tag.AccessionNumber, "A"+p.id)
			}}.arrival(t), archive.Added)
		}
		b.mustStore(thing{study: 1, series: 2, instance: 1, patient: "1", name: "Müller^Ännchen", modality: "SR"}.arrival(t), archive.Added)
		for _, c := range []struct {
			name string
			f    archive.Filter
			want string
		}{
			{"all", archive.Filter{}, "4 3 2 1"},
			{"name without accents and case", archive.Filter{PatientName: "MULL"}, "2 1"},
			{"name with them", archive.Filter{PatientName: "müller^ä"}, "1"},
			{"a letter that is no letter with an accent", archive.Filter{PatientName: "lukas"}, "3"},
			{"a beginning, not a middle", archive.Filter{PatientName: "uller"}, ""},
			{"a percent sign is one", archive.Filter{PatientName: "%"}, ""},
			{"patient ID", archive.Filter{PatientID: "3"}, "3"},
			{"accession number", archive.Filter{AccessionNumber: "A2"}, "2"},
			{"days", archive.Filter{DateFrom: "20240201", DateTo: "20240301"}, "3 2"},
			{"modality of one of the series", archive.Filter{Modality: "SR"}, "1"},
			{"everything must hold", archive.Filter{PatientName: "m", Modality: "MR"}, "2"},
		} {
			t.Run(c.name, func(t *testing.T) {
				c.f.Reach = everybody
				list, err := b.Studies(t.Context(), site, c.f, archive.Cursor{}, 100)
				var got []string
				for _, s := range list {
					got = append(got, strings.TrimPrefix(s.UID.String(), "1.2.3."))
				}
				if err != nil || strings.Join(got, " ") != c.want {
					t.Errorf("Studies = %v, %v; want %s", got, err, c.want)
				}
			})
		}
		if s, err := b.Study(t.Context(), site, uid.Must("1.2.3.1")); err != nil || strings.Join(s.Modalities, " ") != "CT SR" {
			t.Errorf("modalities = %v, %v", s.Modalities, err)
		}
	})
}

func TestInstancesPaging(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for _, i := range []int{3, 1, 7, 2, 9} {
			x := thing{study: 1, series: 1, instance: i}
			if i > 5 {
				x.set = func(b *dicom.Builder) { b.Delete(tag.InstanceNumber) }
			}
			b.mustStore(x.arrival(t), archive.Added)
		}
		var got []string
		var last *archive.Instance
		for {
			list, err := b.Instances(t.Context(), site, uid.Must("1.2.3.1"), uid.Must("1.2.3.1.1"), last, 2)
			if err != nil {
				t.Fatal(err)
			}
			for i := range list {
				got = append(got, list[i].SOP.String())
				last = &list[i]
			}
			if len(list) == 0 {
				break
			}
		}
		if want := "1.2.3.1.1.1 1.2.3.1.1.2 1.2.3.1.1.3 1.2.3.1.1.7 1.2.3.1.1.9"; strings.Join(got, " ") != want {
			t.Errorf("instances = %v; want by number, those without one last", got)
		}
	})
}

func TestParseCursor(t *testing.T) {
	for _, s := range []string{"x", "a_b", "a_b_", "a_b_c_d"} {
		if _, err := archive.ParseCursor(s); fault.Of(err) != fault.Invalid {
			t.Errorf("ParseCursor(%q) = %v; want Invalid", s, err)
		}
	}
}

func TestPersonalDoesNotLeak(t *testing.T) {
	s := archive.Study{PatientName: archive.Conceal("LEAK^CANARY"), PatientID: archive.Conceal("LEAK")}
	var out strings.Builder
	slog.New(slog.NewTextHandler(&out, nil)).Info("study", "study", s, "name", s.PatientName)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("study", "study", s, "name", s.PatientName)
	fmt.Fprintf(&out, "%v %+v %#v %s %q %v", s, s, s, s.PatientName, s.PatientName, []any{&s, s.PatientName})
	raw, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if text := out.String() + string(raw); strings.Contains(text, "LEAK") {
		t.Errorf("it leaks: %s", text)
	}
	if s.PatientName.Reveal() != "LEAK^CANARY" || (archive.Personal{}).Reveal() != "" {
		t.Error("Reveal does not show it")
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"case", "MÜLLER", "muller"},
		{"sharp s", "Weiß", "weiss"},
		{"combining accents", "Ånge\u0301", "ange"},
		{"letters with a stroke", "Øystein Łódź", "oystein lodz"},
		{"spaces", "  a \t b ", "a b"},
		{"Greek", "ΆΓΙΟΣ", "αγιοσ"},
		{"Japanese stays", "山田", "山田"},
		{"full width", "ＡＢ", "ab"},
		{"nothing", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := archive.Fold(c.in); got != c.want || archive.Fold(got) != got {
				t.Errorf("Fold(%q) = %q; want %q", c.in, got, c.want)
			}
		})
	}
}

func FuzzFold(f *testing.F) {
	for _, s := range []string{"Müller^Ännchen", "İ", "ß", "\xff", "a\u0301\u0323"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if once := archive.Fold(s); archive.Fold(once) != once {
			t.Errorf("Fold(%q) = %q, and of that %q", s, once, archive.Fold(once))
		}
	})
}

func TestPerson(t *testing.T) {
	long := strings.Repeat("ä", 256)
	if got := archive.Person("HOSP", "1"); got != "HOSP|1" {
		t.Errorf("Person = %q", got)
	}
	if archive.Person("HOSP", "") != "" || len(archive.Person(long, "1")) > 256 || archive.Person(long, "1") == archive.Person(long, "2") {
		t.Error("no patient ID is nobody; long ones stay apart")
	}
}
