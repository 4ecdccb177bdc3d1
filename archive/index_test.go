package archive_test

import (
	"testing"

	"radagora/archive"
	"radagora/db"
	"radagora/dicom/uid"
)

// TestSeriesDeletedMeanwhile: what the archive remembers of a series may be no
// longer so.
func TestSeriesDeletedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for round := range 2 {
			for i := range 2 {
				b.mustStore(thing{study: 1, series: 1, instance: 10*round + i}.arrival(t), archive.Added)
			}
			if s, err := b.Study(t.Context(), site, uid.Must("1.2.3.1")); err != nil || s.InstanceCount != 2 || s.SeriesCount != 1 {
				t.Errorf("round %d: study = %+v, %v", round, s, err)
			}
			if err := b.db.Write(t.Context(), func(tx *db.Tx) error {
				for _, table := range []string{"instance", "series", "study"} {
					if _, err := tx.Exec(t.Context(), "delete from "+table); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
	})
}
