package archive_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"radagora/archive"
	"radagora/db/dbtest"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
)

// BenchmarkStore stores instances as associations do: each goroutine a series of
// its own, every instance acknowledged before the next.
func BenchmarkStore(b *testing.B) {
	for _, size := range []int{512 << 10, 9 << 10} {
		for _, goroutines := range []int{1, 4} {
			b.Run(fmt.Sprintf("%dKB/%d", size>>10, goroutines), func(b *testing.B) {
				a := newBench(b, dbtest.Open(b, dbtest.SQLite(b)), b.TempDir(), nil)
				b.SetBytes(int64(size))
				b.ResetTimer()
				var wg sync.WaitGroup
				for g := range goroutines {
					wg.Go(func() {
						next := sender(b, g, size)
						for i := g; i < b.N; i += goroutines {
							if _, err := a.store(b.Context(), next(i)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "instances/s")
			})
		}
	}
}

// sender returns a function that makes arrivals out of one template.
func sender(b testing.TB, g, size int) func(i int) archive.Arrival {
	x := thing{study: g, series: 1, instance: 1, pixels: size, set: func(b *dicom.Builder) {
		b.UID(tag.SOPInstanceUID, uid.Must("1.2.3.4444444444"))
	}}
	template := x.bytes(b)
	at := bytes.Index(template, []byte("1.2.3.4444444444"))
	data := bytes.Clone(template)
	return func(i int) archive.Arrival {
		name := fmt.Sprintf("1.2.3.%010d", 1_000_000_000+i)
		copy(data[at:], name)
		return dimse(uid.Must(name), data)
	}
}
