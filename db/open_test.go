package db_test

import (
	"path/filepath"
	"sync"
	"testing"

	"radagora/db"
)

// Several processes may open a new file at once; none is told that it is locked.
func TestOpenAtOnce(t *testing.T) {
	for range 20 {
		dsn := "sqlite:" + filepath.Join(t.TempDir(), "new.db")
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				d, err := db.Open(t.Context(), dsn, db.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				if err := d.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
}
