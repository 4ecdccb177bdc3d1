package archive_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"testing"

	"radagora/archive"
	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dicom/vr"
	"radagora/fault"
)

// encapsulate returns an object whose pixels are these fragments, behind an offset table.
func encapsulate(t testing.TB, x thing, syntax uid.UID, table []byte, fragments ...[]byte) archive.Arrival {
	t.Helper()
	d, err := x.builder().Dataset()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := dicom.WriteMeta(&b, dicom.Meta{SOPClass: uid.CTImageStorage, SOPInstance: x.sop(), TransferSyntax: syntax}); err != nil {
		t.Fatal(err)
	}
	if err := dicom.Write(&b, d, uid.ExplicitVRLittleEndian); err != nil {
		t.Fatal(err)
	}
	b.Write([]byte{0xE0, 0x7F, 0x10, 0, 'O', 'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF})
	for _, f := range append([][]byte{table}, fragments...) {
		b.Write([]byte{0xFE, 0xFF, 0, 0xE0})
		b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(f))))
		b.Write(f)
	}
	b.Write([]byte{0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0})
	return part10(b.Bytes())
}

// words returns numbers in four bytes each.
func words(all ...uint32) []byte {
	var b []byte
	for _, n := range all {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	return b
}

func longs(all ...uint64) []byte {
	var b []byte
	for _, n := range all {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}

func frames(n int) func(*dicom.Builder) {
	return func(b *dicom.Builder) { b.Int(tag.NumberOfFrames, int64(n)) }
}

func TestFrames(t *testing.T) {
	jpeg := uid.JPEGBaseline8Bit
	a, b2, c := []byte("\xff\xd8aa"), []byte("bb"), []byte("\xff\xd8cccc")
	native := func(rows, columns, bits, n int, raw []byte) func(*dicom.Builder) {
		return func(b *dicom.Builder) {
			b.Int(tag.Rows, int64(rows)).Int(tag.Columns, int64(columns)).Int(tag.BitsAllocated, int64(bits)).
				Int(tag.SamplesPerPixel, 1).Int(tag.NumberOfFrames, int64(n)).Bytes(tag.PixelData, vr.OW, raw)
		}
	}
	for i, c := range []struct {
		name string
		of   func(x thing) archive.Arrival
		want []string // nil: refused
	}{
		{"native", func(x thing) archive.Arrival {
			x.set = native(1, 2, 8, 3, []byte("aabbcc"))
			return x.arrival(t)
		}, []string{"aa", "bb", "cc"}},
		{"native, padded", func(x thing) archive.Arrival {
			x.set = native(1, 1, 8, 3, []byte("abc\x00"))
			return x.arrival(t)
		}, []string{"a", "b", "c"}},
		{"native, fewer bytes than frames", func(x thing) archive.Arrival {
			x.set = native(2, 2, 16, 3, []byte("too few bytes!"))
			return x.arrival(t)
		}, nil},
		{"single bits that do not end with a byte", func(x thing) archive.Arrival {
			x.set = native(1, 12, 1, 2, []byte{0x21, 0x43, 0x65, 0x00})
			return x.arrival(t)
		}, []string{"\x21\x43", "\x54\x06"}},
		{"no pixels", func(x thing) archive.Arrival { return x.arrival(t) }, []string{}},
		{"one fragment each, no table", func(x thing) archive.Arrival {
			x.set = frames(2)
			return encapsulate(t, x, jpeg, nil, a, c)
		}, []string{string(a), string(c)}},
		{"one frame of several fragments", func(x thing) archive.Arrival {
			x.set = frames(1)
			return encapsulate(t, x, jpeg, nil, a, b2, b2)
		}, []string{string(a) + "bbbb"}},
		{"basic offset table", func(x thing) archive.Arrival {
			x.set = frames(2)
			return encapsulate(t, x, jpeg, words(0, 22), a, b2, c)
		}, []string{string(a) + "bb", string(c)}},
		{"basic offset table that lies", func(x thing) archive.Arrival {
			x.set = frames(2)
			return encapsulate(t, x, jpeg, words(0, 21), a, b2, c)
		}, []string{string(a) + "bb", string(c)}},
		{"extended offset table", func(x thing) archive.Arrival {
			x.set = func(b *dicom.Builder) {
				b.Int(tag.NumberOfFrames, 2).Bytes(tag.ExtendedOffsetTable, vr.OV, longs(0, 22)).Bytes(tag.ExtendedOffsetTableLengths, vr.OV, longs(6, 6))
			}
			return encapsulate(t, x, uid.RLELossless, nil, []byte("aaaa"), b2, []byte("cccc"))
		}, []string{"aaaabb", "cccc"}},
		{"several fragments each, no table", func(x thing) archive.Arrival {
			x.set = frames(2)
			return encapsulate(t, x, jpeg, nil, a, b2, c)
		}, []string{string(a) + "bb", string(c)}},
		{"several fragments each and nothing that tells", func(x thing) archive.Arrival {
			x.set = frames(2)
			return encapsulate(t, x, uid.RLELossless, nil, b2, b2, b2)
		}, nil},
		{"more frames than can be", func(x thing) archive.Arrival {
			x.set = native(1, 1, 8, 1<<30, []byte("ab"))
			return x.arrival(t)
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				x := thing{study: 1, series: 1, instance: i + 1}
				b.mustStore(c.of(x), archive.Added)
				one, err := b.Instance(t.Context(), site, x.sop())
				if err != nil {
					t.Fatal(err)
				}
				for range 2 { // found, and remembered
					f, err := b.Frames(t.Context(), one)
					if c.want == nil {
						if fault.Of(err) != fault.Invalid || err == nil {
							t.Errorf("Frames = %d, %v; want a refusal", f.N, err)
						}
						return
					}
					if err != nil || f.N != len(c.want) {
						t.Fatalf("%d frames, %v; want %d", f.N, err, len(c.want))
					}
					for n, want := range c.want {
						r, length, err := f.Open(t.Context(), n+1)
						if err != nil {
							t.Fatal(err)
						}
						got, err := io.ReadAll(r)
						if err != nil || string(got) != want || length != int64(len(want)) {
							t.Errorf("frame %d = %x of %d, %v; want %x", n+1, got, length, err, want)
						}
						if err := r.Close(); err != nil {
							t.Error(err)
						}
					}
					if _, _, err := f.Open(t.Context(), f.N+1); fault.Of(err) != fault.NotFound {
						t.Errorf("a frame behind the last: %v", err)
					}
				}
			})
		})
	}
}

func TestBulk(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		x := thing{study: 1, series: 1, instance: 1, pixels: 5000, set: func(b *dicom.Builder) {
			b.Sequence(tag.WaveformSequence, dicom.NewBuilder().Bytes(tag.WaveformData, vr.OW, bytes.Repeat([]byte("ab"), 1000)))
		}}
		b.mustStore(x.arrival(t), archive.Added)
		one, err := b.Instance(t.Context(), site, x.sop())
		if err != nil {
			t.Fatal(err)
		}
		study, series, _ := x.uids()
		block, err := b.Metadata(t.Context(), site, study, series)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := value(instances(t, block)[0], tag.PixelData), fmt.Sprintf("instances/%s/bulkdata/7FE00010", x.sop()); got != want {
			t.Errorf("pixels at %s; want %s", got, want)
		}
		for path, want := range map[string]int{"7FE00010": 5000, "54000100/1/54001010": 2000, "00100010": 12} {
			v, err := b.Bulk(t.Context(), one, path)
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			got, err := io.ReadAll(v)
			if err != nil || len(got) != want || v.Length != int64(want) {
				t.Errorf("%s: %d bytes of %d, %v; want %d", path, len(got), v.Length, err, want)
			}
			v.Close()
		}
		for path, want := range map[string]fault.Kind{
			"7FE00009": fault.NotFound, "54000100/2/54001010": fault.NotFound, "54000100": fault.Invalid, "": fault.Invalid,
			"54000100/1": fault.Invalid, "54000100/0/54001010": fault.Invalid, "../../etc": fault.Invalid,
		} {
			if _, err := b.Bulk(t.Context(), one, path); err == nil || fault.Of(err) != want {
				t.Errorf("%s: %v; want %v", path, err, want)
			}
		}
	})
}
