package journal_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"radagora/db"
	"radagora/db/dbtest"
	"radagora/journal"
)

func engines(b *testing.B, fn func(b *testing.B, d *db.DB)) {
	b.Run("sqlite", func(b *testing.B) { fn(b, dbtest.Open(b, dbtest.SQLite(b))) })
	b.Run("postgres", func(b *testing.B) { fn(b, dbtest.Open(b, dbtest.Postgres(b))) })
}

// BenchmarkAppend counts durable transactions of one entry each, while the sealer
// runs and a consumer follows; then how long these need to catch up.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			engines(b, func(b *testing.B, d *db.DB) {
				o := quick()
				o.SealEvery, o.LeaseTTL = 25*time.Millisecond, 10*time.Second
				j := running(b, d, o)
				var handled atomic.Int64
				during(b, func(ctx context.Context) error {
					return j.Follow(ctx, "bench", nil, func(_ context.Context, _ *db.Tx, batch []journal.Entry) error {
						handled.Add(int64(len(batch)))
						return nil
					})
				})
				var n atomic.Int64
				var wg sync.WaitGroup
				b.ResetTimer()
				for range writers {
					wg.Go(func() {
						for i := n.Add(1); i <= int64(b.N); i = n.Add(1) {
							add(b, d, j, entry(int(i)))
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
				b.StopTimer()
				start := time.Now()
				if err := waitFor(b, j, "bench"); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms-behind")
			})
		})
	}
}

// BenchmarkVerify counts entries verified, of 20 000 in seals of 1000.
func BenchmarkVerify(b *testing.B) {
	engines(b, func(b *testing.B, d *db.DB) {
		j := running(b, d, quick())
		const n = 20000
		for i := 0; i < n; i += 1000 {
			batch := make([]journal.Entry, 1000)
			for k := range batch {
				batch[k] = entry(i + k)
			}
			add(b, d, j, batch...)
		}
		allSealed(b, j)
		for b.Loop() {
			if r, err := j.Verify(b.Context()); err != nil || r.Entries != n {
				b.Fatal(r, err)
			}
		}
		b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "entries/s")
	})
}

// BenchmarkRebuild counts entries a consumer is handed again after a Rewind.
func BenchmarkRebuild(b *testing.B) {
	engines(b, func(b *testing.B, d *db.DB) {
		j := running(b, d, quick())
		const n = 20000
		for i := 0; i < n; i += 1000 {
			batch := make([]journal.Entry, 1000)
			for k := range batch {
				batch[k] = entry(i + k)
			}
			add(b, d, j, batch...)
		}
		nothing := func(context.Context, *db.Tx, []journal.Entry) error { return nil }
		during(b, func(ctx context.Context) error { return j.Follow(ctx, "bench", nil, nothing) })
		for b.Loop() {
			err := d.Write(b.Context(), func(tx *db.Tx) error { return j.Rewind(b.Context(), tx, "bench") })
			if err != nil {
				b.Fatal(err)
			}
			if err := waitFor(b, j, "bench"); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds(), "entries/s")
	})
}
