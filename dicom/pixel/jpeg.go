package pixel

import (
	"bytes"

	"radagora/dicom/pixel/jpeg"
	"radagora/dicom/tag"
	"radagora/fault"
)

// family decodes whatever is encoded in b: of the codecs of the JPEG family, the
// codestream says better than the transfer syntax which it is.
func family(i Info, b []byte) (*Frame, error) {
	switch {
	case bytes.HasPrefix(b, []byte{0xFF, 0x4F, 0xFF, 0x51}), bytes.HasPrefix(b, []byte("\x00\x00\x00\x0CjP  ")):
		return decodeJ2K(i, b)
	case startsJPEGLS(b):
		return decodeJPEGLS(i, b)
	case bytes.HasPrefix(b, []byte{0xFF, 0xD8}):
		return decodeJPEG(i, b)
	}
	return nil, fault.Errorf(fault.Invalid, "no codestream of %v", i.TransferSyntax)
}

// startsJPEGLS reports whether the first frame header of b is that of JPEG-LS.
func startsJPEGLS(b []byte) bool {
	for at := 2; at+4 <= len(b) && b[at] == 0xFF; {
		switch m := b[at+1]; {
		case m == 0xF7:
			return true
		case m >= 0xC0 && m <= 0xC3 || m == 0xDA:
			return false
		case m == 0xFF:
			at++
		default:
			at += 2 + int(b[at+2])<<8 + int(b[at+3])
		}
	}
	return false
}

// decodeJPEG decodes every process of T.81 that medical images use.
func decodeJPEG(i Info, b []byte) (*Frame, error) {
	img, err := jpeg.Decode(b, jpeg.Bounds{Width: i.Columns, Height: i.Rows, Components: i.SamplesPerPixel})
	if err != nil {
		return nil, err
	}
	f, err := fitted(i, picture{img.Width, img.Height, img.Components, img.Precision, img.Pix})
	if err != nil || img.Lossless || img.Components != 3 {
		return f, err
	}
	if !ycc(i, img.Header) {
		f.PhotometricInterpretation = RGB
		return f, nil
	}
	f.PhotometricInterpretation = YBRFull
	f.toRGB()
	return f, nil
}

// ycc tells whether the three components of a lossy image are YCbCr. The data set
// is believed where the image leaves it open; images with fewer samples of some
// components are never RGB, whatever anybody says.
func ycc(i Info, h jpeg.Header) bool {
	said := i.PhotometricInterpretation
	letters := h.IDs == [4]byte{'R', 'G', 'B'}
	switch {
	case h.Subsampled, h.Adobe == 1:
		return true
	case h.Adobe == 0:
		return said != RGB && !letters
	case h.JFIF:
		return true
	case letters:
		return false
	}
	return said != RGB
}

// A picture is what a codec made of a frame: samples side by side, a byte each
// if precision is at most 8, two if at most 16, else four, little endian.
type picture struct {
	width, height, components, precision int
	pix                                  []byte
}

// fitted returns p as the frame that i describes. Samples get as many bytes as
// are allocated, or more where the codestream has more bits than that.
func fitted(i Info, p picture) (*Frame, error) {
	switch {
	case p.width != i.Columns || p.height != i.Rows:
		return nil, fault.Errorf(fault.Invalid, "a codestream of %d columns and %d rows in an image of %d and %d",
			p.width, p.height, i.Columns, i.Rows)
	case p.components != i.SamplesPerPixel:
		return nil, wrong(tag.SamplesPerPixel, "not that of the codestream")
	}
	have := cellOf(p.precision)
	want := max(have, i.BitsAllocated)
	if want > i.BitsAllocated {
		i.BitsStored, i.HighBit = p.precision, p.precision-1
	}
	i.BitsAllocated = want
	if err := i.check(); err != nil {
		return nil, err
	}
	return decoded(i, widened(p.pix, have/8, want/8)), nil
}

// cellOf returns how many bits a picture's samples of that precision take.
func cellOf(precision int) int {
	switch {
	case precision <= 8:
		return 8
	case precision <= 16:
		return 16
	}
	return 32
}

// widened returns samples of have bytes as samples of want bytes.
func widened(b []byte, have, want int) []byte {
	if have == want {
		return b
	}
	all := make([]byte, len(b)/have*want)
	for k, at := 0, 0; k+have <= len(b); k, at = k+have, at+want {
		copy(all[at:at+have], b[k:])
	}
	return all
}
