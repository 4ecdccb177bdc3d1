package pixel

import (
	"encoding/binary"
	"image"

	"radagora/fault"
)

// colour renders pixels of three samples.
func (v *view) colour(region image.Rectangle) (image.Image, error) {
	f := v.f
	if f.SamplesPerPixel != 3 || f.Float || f.BitsAllocated > 32 {
		return nil, fault.Errorf(fault.Unsupported, "%d samples of %d bits", f.SamplesPerPixel, f.BitsAllocated)
	}
	g := Frame{Info: f.Info, Data: v.eightBits(region)}
	g.BitsAllocated = 8
	if g.PhotometricInterpretation != YBRRCT && !g.toRGB() {
		return nil, fault.Errorf(fault.Unsupported, "colours of %s", f.PhotometricInterpretation)
	}
	m := opaque(g.Data, image.Rect(0, 0, region.Dx(), region.Dy()))
	v.invert(m)
	return m, nil
}

// eightBits returns a copy of the samples in region, the highest eight bits of
// each.
func (v *view) eightBits(region image.Rectangle) []byte {
	f, n := v.f, 3*region.Dx()
	out := make([]byte, 0, n*region.Dy())
	shift := max(0, f.HighBit-7)
	widen := max(0, 8-f.BitsStored)
	cell := f.BitsAllocated / 8
	for y := region.Min.Y; y < region.Max.Y; y++ {
		at := (y*f.Columns + region.Min.X) * 3 * cell
		row := f.Data[at : at+n*cell]
		switch {
		case cell == 1 && shift == 0 && widen == 0:
			out = append(out, row...)
		case cell == 1:
			for _, c := range row {
				out = append(out, c>>shift<<widen)
			}
		case cell == 2:
			for ; len(row) >= 2; row = row[2:] {
				out = append(out, byte(binary.LittleEndian.Uint16(row)>>shift<<widen)) //nolint:gosec // eight bits
			}
		default:
			for ; len(row) >= 4; row = row[4:] {
				out = append(out, byte(binary.LittleEndian.Uint32(row)>>shift<<widen)) //nolint:gosec // eight bits
			}
		}
	}
	return out
}

// invert shows the negative of m if that is asked for.
func (v *view) invert(m *image.RGBA) {
	if !v.o.Invert {
		return
	}
	for k := range m.Pix {
		if k%4 != 3 {
			m.Pix[k] = 255 - m.Pix[k]
		}
	}
}
