package db_test

import (
	"strings"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
)

func TestSize(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		migrated(t, d)
		before, err := d.Size(t.Context())
		if err != nil || before.Bytes+before.Log == 0 {
			t.Fatalf("Size = %+v, %v; want something", before, err)
		}
		err = d.Write(t.Context(), func(tx *db.Tx) error {
			// Much, and nothing that can be packed: on a server other tests make and drop
			// tables in the same database.
			for i := range 400 {
				var id strings.Builder
				for range 60 {
					id.WriteString(db.NewID())
				}
				if _, err := tx.Exec(t.Context(), "insert into thing (id, n, x) values ($1, $2, 1)", id.String(), int64(i+1)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		after, err := d.Size(t.Context())
		if err != nil || after.Bytes+after.Log <= before.Bytes+before.Log {
			t.Errorf("Size = %+v after %+v, %v; want more", after, before, err)
		}
	})
}
