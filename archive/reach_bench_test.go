package archive_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"radagora/access"
	"radagora/archive"
	"radagora/db"
	"radagora/db/dbtest"
)

// TestReachPlan measures lists by reach on many studies; it runs when asked for.
func TestReachPlan(t *testing.T) {
	if os.Getenv("RADAGORA_TEST_REACH") == "" {
		t.Skip("takes a minute: set RADAGORA_TEST_REACH=1")
	}
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		b := newBench(t, d, t.TempDir(), nil)
		const studies, persons = 10_000, 3_000
		b.mustStore(thing{study: 1, series: 1, instance: 1}.arrival(t), archive.Added)
		for from := 0; from < studies; from += 500 {
			if err := d.Write(t.Context(), func(tx *db.Tx) error {
				for n := from; n < from+500; n++ {
					who := fmt.Sprintf("|P%d", n%persons)
					id := db.NewID()
					if _, err := tx.Exec(t.Context(), `insert into study select $1, site_id, $2, patient_id, issuer_of_patient_id, patient_name, patient_birth_date, patient_sex,
						patient_differs, patient_name_folded, patient_name_other, $3, study_time, timezone_offset, accession_number, referring_physician_name,
						study_id, study_description, referring_physician_folded, study_description_folded, modalities, series_count, instance_count, size_bytes,
						received_at, updated_at, $4 from study where study_uid = '1.2.3.1'`, id, fmt.Sprintf("1.9.%d", n), fmt.Sprintf("20%02d0101", n%25), who); err != nil {
						return err
					}
					if _, err := tx.Exec(t.Context(), `insert into study_person (site_id, person, study) values ($1, $2, $3)`, site, who, id); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		facts := &access.Facts{DB: d, Journal: b.journal, Now: b.Now}
		if err := d.Write(t.Context(), func(tx *db.Tx) error {
			for n := range 30 {
				if _, err := facts.Relate(t.Context(), tx, access.Relation{Site: site, User: "r", Kind: access.Referred, Person: fmt.Sprintf("|P%d", 100*n)}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		b.wish(facts, "|P7", access.Restricted)
		for _, c := range []struct {
			why   string
			reach access.Reach
		}{{"everybody", everybody}, {"30 patients of a referrer", access.Reach{Account: "r"}}, {"nobody's", access.Reach{Account: "x"}}, {"a patient", access.Reach{Own: "|P5"}}} {
			for range 2 {
				from := time.Now()
				list, err := b.Studies(t.Context(), site, archive.Filter{Reach: c.reach}, archive.Cursor{}, 50)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("%s: %d of %d studies in %v", c.why, len(list), studies, time.Since(from))
			}
		}
	})
}
