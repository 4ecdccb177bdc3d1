package archive_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/archive"
	"radagora/db"
	"radagora/dicom"
	"radagora/dicom/tag"
)

// TestSeriesMatchThemselves: a series or an instance is found by what it says itself of
// patient and study, not by what the others of its study say, and is answered so.
func TestSeriesMatchThemselves(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		of := func(study, series int, patient, accession, day string) thing {
			return thing{study: study, series: series, instance: 1, patient: patient, name: strings.ToUpper(patient) + "^ANNA", set: func(b *dicom.Builder) {
				b.Text(tag.AccessionNumber, accession).Text(tag.StudyDate, day)
			}}
		}
		for _, x := range []thing{
			of(1, 1, "A", "ACC-1", "20240131"), of(1, 2, "A", "ACC-2", "20240131"), // two orders in one study
			of(2, 1, "A", "ACC-3", "20240201"), of(2, 2, "B", "ACC-3", "20240202"), // two patients in one study
			of(3, 1, "C", "ACC-2", "20240203"),
		} {
			b.mustStore(x.arrival(t), archive.Added)
		}
		for _, level := range []archive.Level{archive.SeriesLevel, archive.ImageLevel} {
			for _, c := range []struct {
				name string
				keys []string
				want string
			}{
				{"the first number", []string{"AccessionNumber=ACC-1"}, "1.1"},
				{"the second number, and another study of it", []string{"AccessionNumber=ACC-2"}, "1.2 3.1"},
				{"both", []string{"AccessionNumber=ACC-?"}, "1.1 1.2 2.1 2.2 3.1"},
				{"the one of two patients", []string{"PatientID=A"}, "1.1 1.2 2.1"},
				{"the other", []string{"PatientID=B"}, "2.2"},
				{"by name", []string{"PatientName=b^*"}, "2.2"},
				{"name of one and number of the other", []string{"PatientName=A*", "PatientID=B"}, ""},
				{"the day of one", []string{"StudyDate=20240202"}, "2.2"},
				{"a range", []string{"StudyDate=20240201-20240203"}, "2.1 2.2 3.1"},
				{"within a study", []string{"StudyInstanceUID=1.2.3.1", "AccessionNumber=ACC-2"}, "1.2"},
				{"with a key of the series", []string{"AccessionNumber=ACC-2", "SeriesNumber=2"}, "1.2"},
				{"nobody", []string{"PatientID=Z"}, ""},
			} {
				found, n := map[string]bool{}, int64(0)
				q := archive.Query{Level: level, Reach: everybody, Keys: ask(t, append([]string{"AccessionNumber", "PatientID", "StudyDate"}, c.keys...)...)}
				for d, err := range b.Find(t.Context(), site, q) {
					if err != nil {
						t.Fatalf("%s %s: %v", level, c.name, err)
					}
					n++
					found[strings.TrimPrefix(d.Text(tag.SeriesInstanceUID), "1.2.3.")] = true
					if got, want := d.Text(tag.PatientID)+" "+d.Text(tag.AccessionNumber)+" "+d.Text(tag.StudyDate), map[string]string{
						"1.1": "A ACC-1 20240131", "1.2": "A ACC-2 20240131", "2.1": "A ACC-3 20240201", "2.2": "B ACC-3 20240202", "3.1": "C ACC-2 20240203",
					}[strings.TrimPrefix(d.Text(tag.SeriesInstanceUID), "1.2.3.")]; got != want {
						t.Errorf("%s %s: answered %q; want %q", level, c.name, got, want)
					}
				}
				want := strings.Fields(c.want)
				for _, s := range want {
					if !found[s] {
						t.Errorf("%s %s: series %s is not found", level, c.name, s)
					}
				}
				count, err := b.Count(t.Context(), site, q)
				if len(found) != len(want) || err != nil || count != n || int(n) != len(want) {
					t.Errorf("%s %s: found %v, counted %d, %v; want %s", level, c.name, found, count, err, c.want)
				}
			}
		}
		// What a retrieve of one of two patients names is not of the other.
		sent := 0
		for i, err := range b.Select(t.Context(), site, archive.Query{Level: archive.StudyLevel, Reach: everybody, Keys: ask(t, "PatientID=B", "StudyInstanceUID=1.2.3.2")}) {
			if sent++; err != nil || !strings.HasSuffix(i.Series.String(), ".2.2") {
				t.Errorf("selected %s, %v", i.Series, err)
			}
		}
		if sent != 1 {
			t.Errorf("%d instances selected; want that of B", sent)
		}
	})
}

// TestStudiesThatVariedBefore: what was there before it was noted is looked through, in
// several steps, and what cannot be is tried again later.
func TestStudiesThatVariedBefore(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for n := 1; n <= 60; n++ {
			for series, accession := range []string{"ACC-1", "ACC-2"} {
				if n%3 > 0 {
					accession = "ACC-1" // of two in three all say the same
				}
				x := thing{study: n, series: series + 1, instance: 1, patient: "A", name: "A", set: func(b *dicom.Builder) { b.Text(tag.AccessionNumber, accession) }}
				b.mustStore(x.arrival(t), archive.Added)
			}
		}
		want := b.count(`select count(*) from study where varies`)
		err := b.db.Write(t.Context(), func(tx *db.Tx) error {
			for _, s := range []string{
				`update study set varies = patient_differs`,
				`insert into prepare_due (kind, id, site_id, at_ms) select 'varies', id, site_id, 0 from study where instance_count > 1 and not varies`,
				`insert into prepare_due (kind, id, site_id, at_ms) values ('varies', 'gone since', 'default', 0)`,
			} {
				if _, err := tx.Exec(t.Context(), s); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil || want != 20 {
			t.Fatal(err, want)
		}
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, due := b.count(`select count(*) from study where varies`), b.count(`select count(*) from prepare_due`); got != want || due != 0 {
			t.Errorf("%d studies vary, %d things are due; want %d and none", got, due, want)
		}
	})
}

// TestSeriesMatchThemselvesAsElsewhere: dates told in a zone, ranges over date and time,
// letters inside a name and names by likeness are those of the series, too.
func TestSeriesMatchThemselvesAsElsewhere(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		of := func(study, series int, id, name, day, clock string) thing {
			return thing{study: study, series: series, instance: 1, patient: id, name: name, set: func(b *dicom.Builder) {
				b.Text(tag.StudyDate, day).Text(tag.StudyTime, clock).Text(tag.TimezoneOffsetFromUTC, "+0000")
			}}
		}
		for _, x := range []thing{
			of(1, 1, "A", "Kowalska^Zofia", "20240131", "233000"), of(1, 2, "B", "Brzezi\u0144ski^Jan", "20240202", "083000"),
			of(2, 1, "C", "Nowak^Ewa", "20240203", "120000"), of(3, 1, "D", "Wojcik^Ada", "20240202", "070000"),
		} {
			b.mustStore(x.arrival(t), archive.Added)
		}
		if err := b.Prepare(t.Context()); err != nil {
			t.Fatal(err)
		}
		berlin := time.FixedZone("", 3600)
		for _, level := range []archive.Level{archive.SeriesLevel, archive.ImageLevel} {
			for _, c := range []struct {
				name string
				q    archive.Query
				keys []string
				want string
			}{
				{"letters inside", archive.Query{}, []string{"PatientName=*zezins*"}, "1.2"},
				{"letters inside the name of the other", archive.Query{}, []string{"PatientName=*walsk*"}, "1.1"},
				{"without the accent", archive.Query{Fuzzy: true}, []string{"PatientName=brzezinski"}, "1.2"},
				{"two letters exchanged", archive.Query{Fuzzy: true}, []string{"PatientName=Jan Brzeznisky"}, "1.2"},
				{"a slip in the name of the other", archive.Query{Fuzzy: true}, []string{"PatientName=kowlaska"}, "1.1"},
				{"alike in a study that is of one", archive.Query{Fuzzy: true}, []string{"PatientName=nowka"}, "2.1"},
				{"the next day further east", archive.Query{Timezone: berlin}, []string{"TimezoneOffsetFromUTC=+0100", "StudyDate=20240201"}, "1.1"},
				{"not that day further east", archive.Query{Timezone: berlin}, []string{"TimezoneOffsetFromUTC=+0100", "StudyDate=20240131"}, ""},
				{"the day of the other", archive.Query{Timezone: berlin}, []string{"TimezoneOffsetFromUTC=+0100", "StudyDate=20240202"}, "1.2 3.1"},
				{"from a time of a day on", archive.Query{DateTime: true}, []string{"StudyDate=20240202-20240202", "StudyTime=0800-2359"}, "1.2"},
				{"over the end of a day", archive.Query{DateTime: true}, []string{"StudyDate=20240131-20240202", "StudyTime=2300-0730"}, "1.1 3.1"},
				{"both", archive.Query{DateTime: true, Timezone: berlin}, []string{"TimezoneOffsetFromUTC=+0100", "StudyDate=20240201-20240202", "StudyTime=0010-0810"}, "1.1 3.1"},
			} {
				c.q.Level, c.q.Reach, c.q.Keys = level, everybody, ask(t, append([]string{"PatientID", "StudyTime"}, c.keys...)...)
				var got []string
				for d, err := range b.Find(t.Context(), site, c.q) {
					if err != nil {
						t.Fatalf("%s %s: %v", level, c.name, err)
					}
					got = append(got, strings.TrimPrefix(d.Text(tag.SeriesInstanceUID), "1.2.3."))
					if at := d.Text(tag.StudyTime); got[len(got)-1] == "1.1" && c.q.Timezone != nil && at != "003000" {
						t.Errorf("%s %s: answered %s; want the time in the zone of the query", level, c.name, at)
					}
				}
				slices.Sort(got)
				if strings.Join(got, " ") != c.want {
					t.Errorf("%s %s: found %q; want %q", level, c.name, got, c.want)
				}
			}
		}
	})
}
