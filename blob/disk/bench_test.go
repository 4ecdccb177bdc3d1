package disk_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"radagora/blob/blobtest"
	"radagora/blob/disk"
)

// BenchmarkPut stores objects, each durable before the next of the same writer.
// BenchmarkRaw writes the same bytes to plain files and syncs each time.
func BenchmarkPut(b *testing.B) {
	each(b, func(b *testing.B, writers, n int) {
		s := open(b, b.TempDir(), disk.Options{})
		data := blobtest.Bytes(1, n)
		share(b, writers, func(int, int) {
			w, err := s.Create(b.Context())
			if err != nil {
				b.Error(err)
				return
			}
			for rest := data; len(rest) > 0; rest = rest[min(len(rest), 16<<10):] {
				_, _ = w.Write(rest[:min(len(rest), 16<<10)])
			}
			_, durable, err := w.Finish(b.Context())
			if err != nil || durable(b.Context()) != nil {
				b.Error(err)
			}
		})
	})
}

func BenchmarkRaw(b *testing.B) {
	each(b, func(b *testing.B, writers, n int) {
		dir, data := b.TempDir(), blobtest.Bytes(1, n)
		files := make([]*os.File, writers)
		for i := range files {
			files[i], _ = os.Create(filepath.Join(dir, fmt.Sprint(i)))
			defer files[i].Close()
		}
		share(b, writers, func(w, _ int) {
			if _, err := files[w].Write(data); err != nil {
				b.Error(err)
			}
			if err := disk.Datasync(files[w]); err != nil {
				b.Error(err)
			}
		})
	})
}

func each(b *testing.B, run func(b *testing.B, writers, n int)) {
	for _, n := range []int{512 << 10, 9 << 10} {
		for _, writers := range []int{1, 4} {
			b.Run(fmt.Sprintf("%dKB/%d", n>>10, writers), func(b *testing.B) {
				b.SetBytes(int64(n))
				run(b, writers, n)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "objects/s")
			})
		}
	}
}

// share has b.N calls of do made by so many goroutines.
func share(b *testing.B, goroutines int, do func(g, i int)) {
	b.ResetTimer()
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i := g; i < b.N; i += goroutines {
				do(g, i)
			}
		})
	}
	wg.Wait()
}
