package pixel

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"slices"

	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/fault"
)

// bigEndian reports whether native samples in the transfer syntax begin with
// their high byte.
func bigEndian(ts uid.UID) bool {
	return ts == uid.ExplicitVRBigEndian || ts == uid.GEPrivateImplicitVRBigEndian
}

// decodeNative turns native samples into a Frame (PS3.5 section 8.1.1).
func decodeNative(i Info, b []byte) (*Frame, error) {
	if i.compressed() { // encapsulated, but samples all the same (PS3.5 A.4.11)
		i.TransferSyntax = uid.ExplicitVRLittleEndian
	}
	if n := i.FrameLength(); int64(len(b)) < n {
		return nil, fault.Errorf(fault.Invalid, "%d bytes for a frame of %d", len(b), n)
	}
	b = b[:i.FrameLength()]
	if word := i.wordSize(); word > 1 && bigEndian(i.TransferSyntax) {
		b = swapped(b, word)
	}
	f := &Frame{Info: i, Data: b}
	f.TransferSyntax, f.NumberOfFrames = uid.ExplicitVRLittleEndian, 1
	switch {
	case i.BitsAllocated == 1:
		f.BitsAllocated, f.Data = 8, unpackBits(b, i.Pixels())
	case i.Subsampled():
		return f, f.upsample()
	case i.PlanarConfiguration == 1 && i.SamplesPerPixel > 1:
		f.Data = interleave(b, i.SamplesPerPixel, i.BitsAllocated/8)
	}
	f.PlanarConfiguration = 0
	return f, nil
}

// wordSize returns how many bytes of native samples change places with the byte
// order.
func (i *Info) wordSize() int {
	if i.BitsAllocated > 8 {
		return i.BitsAllocated / 8
	}
	if i.Words {
		return 2
	}
	return 1
}

// swapped returns b with the bytes of each word turned round, in memory of its own.
func swapped(b []byte, word int) []byte {
	all := make([]byte, len(b)+word-1) // a last word that is cut short keeps its place
	copy(all, b)
	for k := 0; k+word <= len(all); k += word {
		slices.Reverse(all[k : k+word])
	}
	return all[:len(b)]
}

// unpackBits returns a byte, 0 or 1, for each of n bits, the lowest bit of a
// byte first (PS3.5 8.1.1).
func unpackBits(b []byte, n int) []byte {
	all := make([]byte, n)
	for k := range all {
		all[k] = b[k>>3] >> (k & 7) & 1
	}
	return all
}

// interleave puts samples of planes that follow each other side by side.
func interleave(b []byte, samples, cell int) []byte {
	all := make([]byte, len(b))
	n := len(b) / samples // bytes of a plane
	for s := range samples {
		plane := b[s*n : (s+1)*n]
		at := s * cell
		switch cell {
		case 1:
			for _, v := range plane {
				all[at] = v
				at += samples
			}
		default:
			for k := 0; k+cell <= n; k += cell {
				copy(all[at:at+cell], plane[k:])
				at += samples * cell
			}
		}
	}
	return all
}

// upsample gives every pixel the colour differences it shares with its
// neighbour: Y1 Y2 CB CR (PS3.3 C.7.6.3.1.2).
func (f *Frame) upsample() error {
	if f.Columns%2 != 0 || f.BitsAllocated != 8 || f.PhotometricInterpretation == YBRPartial420 {
		return fault.Errorf(fault.Unsupported, "native %s of %d columns and %d bits",
			tag.PhotometricInterpretation, f.Columns, f.BitsAllocated)
	}
	all := make([]byte, 0, len(f.Data)/2*3)
	for b := f.Data; len(b) >= 4; b = b[4:] {
		all = append(all, b[0], b[2], b[3], b[1], b[2], b[3])
	}
	f.Data, f.PlanarConfiguration = all, 0
	if f.PhotometricInterpretation == YBRFull422 {
		f.PhotometricInterpretation = YBRFull
	} else {
		f.PhotometricInterpretation = ybrPartial
	}
	return nil
}

// decodeDeflated inflates one frame of native samples (PS3.5 A.4.13).
func decodeDeflated(i Info, b []byte) (*Frame, error) {
	i.TransferSyntax = uid.ExplicitVRLittleEndian
	want := i.FrameLength()
	var out bytes.Buffer
	z := flate.NewReader(bytes.NewReader(b))
	_, err := io.Copy(&out, io.LimitReader(z, want)) // grows as bytes arrive
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fault.Errorf(fault.Invalid, "deflated frame: %w", err)
	}
	return decodeNative(i, out.Bytes())
}
