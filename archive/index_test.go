package archive_test

import (
	"bytes"
	"testing"

	"radagora/archive"
	"radagora/blob"
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
				for _, table := range []string{"instance", "series", "study_person", "study"} {
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

func TestMove(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1, pixels: 1000}
		b.mustStore(x.arrival(t), archive.Added)
		before, from := b.content(x.sop()), b.refs()[0]
		to := put(t, b, before)
		if used, err := b.Move(t.Context(), from, to); err != nil || !used {
			t.Errorf("Move = %v, %v; want true", used, err)
		}
		if err := b.blobs.Remove(t.Context(), from); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b.content(x.sop()), before) {
			t.Error("the instance is not what it was")
		}
		if used, err := b.Move(t.Context(), from, to); err != nil || used {
			t.Errorf("Move of what nobody has = %v, %v; want false", used, err)
		}
		b.check(0)
	})
}

func put(t *testing.T, b *bench, data []byte) blob.Ref {
	t.Helper()
	w, err := b.blobs.Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	r, durable, err := w.Finish(t.Context())
	if err != nil || durable(t.Context()) != nil {
		t.Fatal(err)
	}
	return r
}
