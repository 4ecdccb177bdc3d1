package db_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"radagora/db"
	"radagora/db/dbtest"
)

func engines(b *testing.B, fn func(b *testing.B, d *db.DB)) {
	b.Run("sqlite", func(b *testing.B) { fn(b, migrated(b, dbtest.Open(b, dbtest.SQLite(b)))) })
	b.Run("postgres", func(b *testing.B) { fn(b, migrated(b, dbtest.Open(b, dbtest.Postgres(b)))) })
}

// BenchmarkWrite counts durable commits of one row each.
func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			engines(b, func(b *testing.B, d *db.DB) {
				var n atomic.Int64
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
							if err := put(b.Context(), d, db.NewID(), i); err != nil {
								b.Error(err)
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
			})
		})
	}
}

// BenchmarkInsert counts rows inserted one statement each, 1000 to a transaction.
func BenchmarkInsert(b *testing.B) {
	engines(b, func(b *testing.B, d *db.DB) {
		n := int64(0)
		for b.Loop() {
			err := d.Write(b.Context(), func(tx *db.Tx) error {
				for range 1000 {
					n++
					if _, err := tx.Exec(b.Context(), "insert into thing (id, n, x) values ($1, $2, $3)", db.NewID(), n, 0.5); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "rows/s")
	})
}

// BenchmarkPoint counts queries for one row by its key.
func BenchmarkPoint(b *testing.B) {
	engines(b, func(b *testing.B, d *db.DB) {
		for i := range 100 {
			if err := put(b.Context(), d, fmt.Sprint(i), int64(i)); err != nil {
				b.Fatal(err)
			}
		}
		i := 0
		for b.Loop() {
			i++
			var n int64
			if err := d.QueryRow(b.Context(), "select n from thing where id = $1", fmt.Sprint(i%100)).Scan(&n); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
	})
}
