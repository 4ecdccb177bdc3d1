package dimse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
)

// BenchmarkStore sends objects of 0.5 MB over loopback into nothing, both ends in
// this process: C-STORE without disk and index.
//
//	go test -run '^$' -bench Store -benchtime 3s ./dicom/dimse/
func BenchmarkStore(b *testing.B) {
	const size = 512 << 10
	for _, c := range []struct {
		pdu    uint32
		window uint16
	}{{16 << 10, 1}, {32 << 10, 1}, {64 << 10, 1}, {128 << 10, 1}, {256 << 10, 1}, {1 << 20, 1}} {
		b.Run(fmt.Sprintf("pdu=%dK", c.pdu>>10), func(b *testing.B) {
			limits := Limits{PDU: c.pdu}
			addr := serve(b, &Server{Limits: limits, Store: storerFunc(func(_ context.Context, in *Incoming) (func(context.Context) error, error) {
				_, err := io.Copy(io.Discard, in.Data)
				return nil, err
			})})
			a := dial(b, addr, Config{Limits: limits})
			data, o := object(1, size)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				o.Data = bytes.NewReader(data)
				if st, err := a.Store(b.Context(), o); err != nil || st != Success {
					b.Fatal(st, err)
				}
			}
		})
	}
}

// BenchmarkEcho is the round trip of the smallest message.
func BenchmarkEcho(b *testing.B) {
	a := dial(b, serve(b, &Server{}), Config{})
	for b.Loop() {
		if _, err := a.Echo(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
