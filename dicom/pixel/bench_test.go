package pixel_test

import (
	"io"
	"testing"

	"radagora/dicom/pixel"
	"radagora/dicom/uid"
)

// slice is the size of a CT slice; what a byte or a pixel costs follows from
// ns/op and the bytes a second.
var slice = made{rows: 512, columns: 512, samples: 1, allocated: 16, stored: 12, noise: 20}

// colourful is the size of an ultrasound frame.
var colourful = made{rows: 480, columns: 640, samples: 3, allocated: 8, stored: 8, noise: 3}

// BenchmarkDecode decodes a slice from each transfer syntax that can be written here.
func BenchmarkDecode(b *testing.B) {
	for name, ts := range map[string]uid.UID{
		"native": uid.ExplicitVRLittleEndian, "RLE": uid.RLELossless, "JPEGLossless": uid.JPEGLosslessSV1, "JPEGLS": uid.JPEGLSLossless,
	} {
		for what, m := range map[string]made{"grey": slice, "colour": colourful} {
			f := parse(b, transcoded(b, parse(b, m.bytes(b)), ts))
			all, err := pixel.FramesOf(f.Dataset, f.TransferSyntax)
			if err != nil {
				b.Fatal(err)
			}
			data, err := all.Bytes(0)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(name+"/"+what, func(b *testing.B) {
				b.SetBytes(int64(m.rows * m.columns * m.samples * m.allocated / 8))
				for b.Loop() {
					if _, err := pixel.Decode(all.Info, data); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkEncode compresses a slice.
func BenchmarkEncode(b *testing.B) {
	frame := frames(b, parse(b, slice.bytes(b)))[0]
	for name, ts := range map[string]uid.UID{
		"RLE": uid.RLELossless, "JPEGLossless": uid.JPEGLosslessSV1, "JPEGLS": uid.JPEGLSLossless,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(frame.Data)))
			for b.Loop() {
				if _, err := pixel.Encode(frame, ts); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRender renders a slice to a picture and to files.
func BenchmarkRender(b *testing.B) {
	f := parse(b, slice.bytes(b))
	frame := frames(b, f)[0]
	o := pixel.Options{Dataset: f.Dataset, Window: &pixel.Window{Center: 2000, Width: 1500}}
	for name, write := range map[string]func() error{
		"picture":   func() error { _, err := pixel.Render(frame, o); return err },
		"automatic": func() error { _, err := pixel.Render(frame, pixel.Options{Dataset: f.Dataset}); return err },
		"thumbnail": func() error {
			small := o
			small.Width, small.Height = 128, 128
			_, err := pixel.Render(frame, small)
			return err
		},
		"JPEG": func() error {
			m, err := pixel.Render(frame, o)
			if err != nil {
				return err
			}
			return pixel.EncodeJPEG(io.Discard, m, 0)
		},
		"PNG": func() error {
			m, err := pixel.Render(frame, o)
			if err != nil {
				return err
			}
			return pixel.EncodePNG(io.Discard, m)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(frame.Data)))
			for b.Loop() {
				if err := write(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
