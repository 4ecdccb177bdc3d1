package j2k

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDecode measures nanoseconds per sample. For the figures of OpenJPEG
// see its own decode time.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct {
		name string
		p    *picture
		args string
	}{
		{"lossless 12 bits", paint(1024, 1024, 12, false, whole(1)...), ""},
		{"lossless colour", paint(1024, 1024, 8, false, whole(3)...), ""},
		{"lossy 10 to 1, 12 bits", paint(1024, 1024, 12, false, whole(1)...), "-I -r 10"},
		{"lossy 10 to 1, colour", paint(1024, 1024, 8, false, whole(3)...), "-I -r 10"},
		{"HT lossless 12 bits", paint(1024, 1024, 12, false, whole(1)...), "-reversible true"},
		{"HT lossless colour", paint(1024, 1024, 8, false, whole(3)...), "-reversible true"},
	} {
		var stream []byte
		if strings.HasPrefix(c.name, "HT") {
			stream = compressHT(b, c.p, strings.Fields(c.args)...)
		} else {
			stream = compress(b, c.p, strings.Fields(c.args)...)
		}
		for _, workers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s, %d workers", c.name, workers), func(b *testing.B) {
				n := 0
				for b.Loop() {
					m, err := Decode(stream, Options{Workers: workers})
					if err != nil {
						b.Fatal(err)
					}
					n = len(m.Components) * m.Width * m.Height
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/sample")
			})
		}
	}
}
