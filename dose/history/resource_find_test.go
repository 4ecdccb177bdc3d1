package history_test

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/content"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/dose"
	"radagora/dose/history"
	"radagora/fhir/search"
)

// TestFind asks for summaries by every parameter of the guide.
func TestFind(t *testing.T) {
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		for name, files := range map[string]fs.FS{"access": access.Migrations(), "dose": dose.Migrations()} {
			if err := d.Migrate(ctx, name, files); err != nil {
				t.Fatal(err)
			}
		}
		put := func(query string, args ...any) {
			t.Helper()
			if err := d.Write(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, query, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range []struct{ study, day, machine, person, phantom string }{
			{"1.1", "2026-03-04", "ct1", "p1", ""},
			{"1.2", "2025-03-04", "ct2", "p1", ""},
			{"1.3", "2026-03-04", "ct1", "p2", ""},
			{"1.4", "2026-03-04", "ct1", "p2", "PHANTOM"},
			{"1.5", "2026-03-04", "ct1", "", ""},
		} {
			put(`insert into dose_study (site_id, study_uid, day, started, modality, machine_id, patient_id, sex, description, events, unassigned, not_patient, warnings, person, reader_version)
				values ('s', $1, $2, '', 'CT', $3, '', '', '', 1, 0, $4, '[]', $5, 1)`, s.study, s.day, s.machine, s.phantom, s.person)
			put(`insert into dose_total (site_id, study_uid, quantity, part, total) values ('s', $1, 'dlp_mgycm', '', '10')`, s.study)
			put(`insert into dose_source (site_id, source_id, study_uid, class, series_uid, acquisition, kind, problem, counted, machine_id, received_at)
				values ('s', $1, $2, 'report', '', '', 'ct', '', true, $3, 1)`, s.study+".9", s.study, s.machine)
		}
		f := history.Finder{
			DB: d, Now: time.Now, Subjects: search.IDs("s.person", "Patient", nil),
			Orders: func(order string) []string { return map[string][]string{"o1": {"1.2"}}[order] },
		}
		for query, want := range map[string]string{
			"":                                       "1.3 1.1 1.2",
			"code=http://loinc.org|73569-6":          "1.3 1.1 1.2",
			"code=29463-7":                           "",
			"patient=p1":                             "1.1 1.2",
			"patient=Patient/p1&date=ge2026":         "1.1",
			"date=lt2026":                            "1.2",
			"device=Device/ct1":                      "1.3 1.1",
			"part-of=ImagingStudy/1.2":               "1.2",
			"identifier=urn:dicom:uid|urn:oid:1.1.9": "1.1",
			"identifier=urn:dicom:uid|1.1.9":         "1.1",
			"identifier=http://elsewhere|1.1.9":      "",
			"based-on=ServiceRequest/o1":             "1.2",
			"category=imaging":                       "1.3 1.1 1.2",
			"_id=1.4":                                "",
		} {
			var list []search.Criterion
			for _, one := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' }) {
				name, value, _ := strings.Cut(one, "=")
				c, err := search.Parse("Observation", name, value, 0)
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, c)
			}
			a := search.Asked{Criteria: list, Limit: 10}
			found, err := f.Find(ctx, "s", access.Reach{All: true}, a)
			if err != nil {
				t.Fatalf("%s: %v", query, err)
			}
			var all []string
			for _, x := range found {
				all = append(all, x.Study)
			}
			if got := strings.Join(all, " "); got != want {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
			n, err := f.Count(ctx, "s", access.Reach{All: true}, a)
			if err != nil || n != len(found) {
				t.Errorf("%s: %d counted, %d found, %v", query, n, len(found), err)
			}
			if len(found) > 1 {
				a.Behind = found[0].Study
				rest, err := f.Find(ctx, "s", access.Reach{All: true}, a)
				if err != nil || !slices.Equal(rest, found[1:]) {
					t.Errorf("%s behind %s: %v, %v", query, a.Behind, rest, err)
				}
			}
		}
		reports := f
		reports.Type = "Composition"
		for query, want := range map[string]int{
			"type=http://loinc.org|73569-6": 3, "patient=p1": 2, "date=ge2026": 2, "entry=Observation/1.2": 1, "identifier=urn:dicom:uid|urn:oid:1.2": 1,
			"_id=1.1": 1, "type=11506-3": 0,
		} {
			name, value, _ := strings.Cut(query, "=")
			c, err := search.Parse("Composition", name, value, 0)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := reports.Count(ctx, "s", access.Reach{All: true}, search.Asked{Criteria: []search.Criterion{c}, Limit: 10}); err != nil || n != want {
				t.Errorf("Composition?%s: %d, %v; want %d", query, n, err, want)
			}
		}
		library, err := content.Open()
		if err != nil {
			t.Fatal(err)
		}
		ledger := &dose.Ledger{DB: d, Content: library}
		for i, v := range []string{"10", "20", "30", "40"} {
			put(`insert into dose_examination (site_id, study_uid, examination, day, started, machine_id, modality, exam_code, indication, known_by, assigned_by, mappings, name, name_source,
				events, excluded, order_id, accession, exam_from, exam_name, reason, weight_source, weight_origin, sizes)
				values ('s', '1.1', $1, '2026-03-04', '', 'ct1', 'CT', 'CT_HEAD', '', '', '', '', '', '', 1, '', '', '', '', '', '', '', '', '[]')`, v)
			put(`insert into dose_amount (site_id, study_uid, examination, quantity, value, unit, n_events, class, method, basis, exam_code, machine_id, day, excluded)
				values ('s', '1.1', $1, 'dlp', $2, 'mGy.cm', 1, 'report', 'summed', 'reported', 'CT_HEAD', 'ct1', '2026-03-04', $3)`, v, 10*(i+1), map[bool]string{true: "incomplete"}[i == 3])
		}
		told, err := ledger.Told(ctx, "s", []string{"1.1", "1.1", "1.9"})
		if err != nil || len(told) != 4 || told["1.1_20"].Modality != "CT" {
			t.Fatalf("told %v %v", told, err)
		}
		if a, ok := told["1.1_20"].Amount(dose.QuantityDLP); !ok || a.Value != 20 || a.Unit != "mGy.cm" {
			t.Errorf("amount %+v", a)
		}
		typical, err := ledger.Typical(ctx, "s", "CT_HEAD", dose.QuantityDLP, dose.Period{From: "2026-01-01", To: "2026-12-31"})
		if err != nil || typical.N != 3 || typical.Median != 20 {
			t.Errorf("typical %+v %v", typical, err)
		}
	})
}
