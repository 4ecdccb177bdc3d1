package rle_test

import (
	"bytes"
	"testing"

	"radagora/dicom/pixel/rle"
	"radagora/fault"
)

// frame packs segments, padded to even lengths.
func frame(segments ...[]byte) []byte {
	b := make([]byte, 64)
	b[0] = byte(len(segments))
	for k, s := range segments {
		b[4+4*k], b[5+4*k] = byte(len(b)), byte(len(b)>>8)
		b = append(b, s...)
		if len(b)&1 != 0 {
			b = append(b, 0)
		}
	}
	return b
}

// TestDecode unpacks segments byte by byte (PS3.5 G.3).
func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name            string
		b               []byte
		pixels, samples int
		cell            int
		want            []byte
	}{
		{"a literal", frame([]byte{2, 7, 8, 9}), 3, 1, 1, []byte{7, 8, 9}},
		{"a run", frame([]byte{0xFE, 5}), 3, 1, 1, []byte{5, 5, 5}},
		{"a byte that says nothing", frame([]byte{0x80, 0xFF, 4}), 2, 1, 1, []byte{4, 4}},
		{"the high byte first", frame([]byte{0xFF, 1}, []byte{1, 2, 3}), 2, 1, 2, []byte{2, 1, 3, 1}},
		{"three samples", frame([]byte{0xFF, 1}, []byte{0xFF, 2}, []byte{0xFF, 3}), 2, 3, 1, []byte{1, 2, 3, 1, 2, 3}},
		{"a run beyond the frame", frame([]byte{0x81, 6}), 2, 1, 1, []byte{6, 6}},
		{"zeros behind the last segment", append(frame([]byte{0xFF, 6}), 0, 0), 2, 1, 1, []byte{6, 6}},
		{"too few segments", frame([]byte{0xFF, 1}), 2, 1, 2, nil},
		{"too short a segment", frame([]byte{0xFF, 1}), 3, 1, 1, nil},
		{"more than the bytes can make", frame([]byte{0xFF, 1}), 1 << 30, 1, 1, nil},
		{"no header", []byte{1, 0, 0, 0}, 1, 1, 1, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := rle.Decode(c.b, c.pixels, c.samples, c.cell)
			if c.want == nil && fault.Of(err) != fault.Invalid {
				t.Errorf("error %v; want invalid", err)
			}
			if !bytes.Equal(got, c.want) {
				t.Errorf("%v; want %v", got, c.want)
			}
		})
	}
}

// FuzzDecode unpacks anything: no panic, and no frame of another length.
func FuzzDecode(f *testing.F) {
	f.Add(frame([]byte{2, 7, 8, 9}), 3, 1, 1)
	f.Add(frame([]byte{0xFF, 1}, []byte{1, 2, 3}), 2, 1, 2)
	f.Fuzz(func(t *testing.T, b []byte, pixels, samples, cell int) {
		if pixels < 1 || pixels > 1<<16 || samples < 1 || samples > 4 || cell < 1 || cell > 4 {
			return
		}
		got, err := rle.Decode(b, pixels, samples, cell)
		if err == nil && len(got) != pixels*samples*cell {
			t.Errorf("%d bytes", len(got))
		}
	})
}

// FuzzEncode unpacks what was packed.
func FuzzEncode(f *testing.F) {
	f.Add([]byte{1, 1, 1, 2, 3, 3, 4, 4, 4, 4, 4, 4}, 3, 2)
	f.Fuzz(func(t *testing.T, b []byte, columns, cell int) {
		if columns < 1 || columns > 1000 || cell < 1 || cell > 4 || len(b) < columns*cell {
			return
		}
		b = b[:len(b)/(columns*cell)*columns*cell]
		packed, err := rle.Encode(b, columns, 1, cell)
		if err != nil {
			t.Fatal(err)
		}
		got, err := rle.Decode(packed, len(b)/cell, 1, cell)
		if err != nil || !bytes.Equal(got, b) {
			t.Errorf("%v; want %v (%v)", got, b, err)
		}
	})
}
