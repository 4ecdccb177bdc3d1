package pixel

import (
	"encoding/binary"

	"radagora/dicom/pixel/j2k"
	"radagora/fault"
)

// decodeJ2K decodes JPEG 2000 and HTJ2K.
func decodeJ2K(i Info, b []byte) (*Frame, error) { return decodeReduced(i, b, 0) }

// decodeReduced leaves out so many of the highest resolutions.
func decodeReduced(i Info, b []byte, reduce int) (*Frame, error) {
	img, err := j2k.Decode(b, j2k.Options{
		Limits: j2k.Limits{Samples: i.Pixels() * i.SamplesPerPixel, Components: i.SamplesPerPixel},
		Reduce: reduce,
	})
	if err != nil {
		return nil, err
	}
	if img.Truncated {
		return nil, fault.Errorf(fault.Invalid, "JPEG 2000: the codestream is not complete")
	}
	if reduce > 0 {
		i.Rows, i.Columns = img.Height, img.Width
	}
	p := picture{width: img.Width, height: img.Height, components: len(img.Components)}
	for _, c := range img.Components {
		p.precision = max(p.precision, c.Bits)
	}
	cell := cellOf(p.precision) / 8
	p.pix = make([]byte, p.width*p.height*p.components*cell)
	for k, c := range img.Components {
		if err := place(p, c, k, cell); err != nil {
			return nil, err
		}
	}
	f, err := fitted(i, p)
	if err == nil && f.SamplesPerPixel == 3 {
		f.name(img.Header.Transform)
	}
	return f, err
}

// place puts plane k among the samples, low bytes first.
func place(p picture, c j2k.Component, k, cell int) error {
	if c.Dx < 1 || c.Dy < 1 || (p.width+c.Dx-1)/c.Dx > c.Width || (p.height+c.Dy-1)/c.Dy > c.Height {
		return fault.Errorf(fault.Unsupported, "JPEG 2000: components on different grids")
	}
	at, step := k*cell, p.components*cell
	for y := range p.height {
		row := c.Samples[y/c.Dy*c.Width:]
		for x := range p.width {
			v := row[x/c.Dx]
			for n := range cell {
				p.pix[at+n] = byte(v >> (8 * n)) //nolint:gosec // its bytes
			}
			at += step
		}
	}
	return nil
}

// name tells the colours of what JPEG 2000 decoded: its own transformations are
// undone by then.
func (f *Frame) name(transformed bool) {
	switch {
	case transformed, f.PhotometricInterpretation == YBRRCT:
		f.PhotometricInterpretation = RGB
	case f.PhotometricInterpretation == YBRICT:
		f.PhotometricInterpretation = YBRFull
	}
}

// encodeJ2K compresses with JPEG 2000 without loss and without a transformation of
// colours, so that the data set still says which they are. Samples that are two's
// complement are coded as such (PS3.5 8.2.4).
func encodeJ2K(f *Frame) ([]byte, error) {
	bits, err := f.precision()
	if err != nil {
		return nil, err
	}
	signed := f.PixelRepresentation == 1
	if signed {
		bits = f.signedPrecision()
	}
	n, pixels := f.SamplesPerPixel, f.Rows*f.Columns
	all := make([]j2k.Component, n)
	for k := range all {
		all[k] = j2k.Component{Bits: bits, Signed: signed, Dx: 1, Dy: 1, Width: f.Columns, Height: f.Rows, Samples: make([]int32, pixels)}
		for at := range pixels {
			all[k].Samples[at] = f.cell(at*n+k, signed)
		}
	}
	return j2k.Encode(all, j2k.EncodeOptions{})
}

// cell returns cell k, with its sign.
func (f *Frame) cell(k int, signed bool) int32 {
	switch {
	case f.BitsAllocated == 8 && signed:
		return int32(int8(f.Data[k])) //nolint:gosec // two's complement
	case f.BitsAllocated == 8:
		return int32(f.Data[k])
	case signed:
		return int32(int16(binary.LittleEndian.Uint16(f.Data[2*k:]))) //nolint:gosec // two's complement
	}
	return int32(binary.LittleEndian.Uint16(f.Data[2*k:]))
}

// signedPrecision returns how many bits must be kept so that cells of two's complement
// come back as they are: those stored, if the bits above repeat the sign.
func (f *Frame) signedPrecision() int {
	stored := f.HighBit + 1
	least := int32(-1) << (stored - 1)
	for k := range len(f.Data) / (f.BitsAllocated / 8) {
		if v := f.cell(k, true); v < least || v > -least-1 {
			return f.BitsAllocated
		}
	}
	return stored
}
