package pixel

import (
	"encoding/binary"
	"image"
	"math"

	"radagora/dicom/tag"
)

// A shade turns a value, after the modality LUT, into brightness from 0 to 1.
type shade func(x float64) float64

// grey renders grey values through one table of all values there can be.
func (v *view) grey(region image.Rectangle) (image.Image, error) {
	if v.f.Float || v.f.BitsStored > 16 || v.f.BitsAllocated > 32 {
		return v.wide(region)
	}
	table, err := v.table()
	if err != nil {
		return nil, err
	}
	m := image.NewGray(image.Rect(0, 0, region.Dx(), region.Dy()))
	v.mapped(m.Pix, region, table)
	return m, nil
}

// mapped puts the table's entry of each pixel in region to out.
func (v *view) mapped(out []byte, region image.Rectangle, table []byte) {
	f, n := v.f, region.Dx()
	shift, mask := f.HighBit+1-f.BitsStored, 1<<f.BitsStored-1
	for y := region.Min.Y; y < region.Max.Y; y++ {
		row := out[:n]
		out = out[n:]
		at := y*f.Columns + region.Min.X
		switch f.BitsAllocated {
		case 8:
			in := f.Data[at : at+n]
			for x, c := range in {
				row[x] = table[int(c)>>shift&mask]
			}
		case 16:
			in := f.Data[2*at : 2*(at+n)]
			if shift == 0 && mask == 0xFFFF {
				table = table[:1<<16]
				for x := range row {
					row[x] = table[binary.LittleEndian.Uint16(in[2*x:])]
				}
				continue
			}
			for x := range row {
				row[x] = table[int(binary.LittleEndian.Uint16(in[2*x:]))>>shift&mask]
			}
		default: // 32 bits allocated, no more than 16 stored
			in := f.Data[4*at : 4*(at+n)]
			for x := range row {
				row[x] = table[int(binary.LittleEndian.Uint32(in[4*x:])>>shift)&mask]
			}
		}
	}
}

// value returns the stored value that the bits of a sample stand for.
func (i *Info) value(bits int) int {
	if i.Signed() && bits>>(i.BitsStored-1)&1 == 1 {
		return bits - 1<<i.BitsStored
	}
	return bits
}

// table returns the brightness of every stored value, by its bits.
func (v *view) table() ([]byte, error) {
	n := 1 << v.f.BitsStored
	modality, signed, err := v.modality()
	if err != nil {
		return nil, err
	}
	show, err := v.voi(signed, func() (float64, float64) { return v.extremes(modality) })
	if err != nil {
		return nil, err
	}
	lo, hi, padded := v.padding()
	table := make([]byte, n)
	for bits := range table {
		x := v.f.value(bits)
		if padded && x >= lo && x <= hi {
			continue
		}
		table[bits] = v.level(show(modality(x)))
	}
	return table, nil
}

// level returns a brightness from 0 to 1 as a byte, inverted where that is asked
// for or MONOCHROME1 wants it.
func (v *view) level(y float64) byte {
	if (v.f.PhotometricInterpretation == Monochrome1) != v.o.Invert {
		y = 1 - y
	}
	return byte(y*255 + 0.5)
}

// modality returns what turns stored values into those that windows speak of
// (PS3.3 C.11.1), and whether these can be negative.
func (v *view) modality() (func(int) float64, bool, error) {
	if v.ds != nil {
		if items := v.ds.Items(tag.ModalityLUTSequence); len(items) > 0 {
			l, err := lutOf(items[0], tag.LUTDescriptor, tag.LUTData, v.f.Signed())
			if err != nil {
				return nil, false, err
			}
			return func(x int) float64 { return float64(l.at(x)) }, false, nil
		}
	}
	slope, intercept := v.rescale()
	lowest := 0
	if v.f.Signed() {
		lowest = -1 << (v.f.BitsStored - 1)
	}
	signed := slope < 0 || float64(lowest)*slope+intercept < 0
	return func(x int) float64 { return float64(x)*slope + intercept }, signed, nil
}

// voi returns what shows values: the window asked for, one of the data set's, or
// one that spans the extremes.
func (v *view) voi(signed bool, extremes func() (lo, hi float64)) (shade, error) {
	if w := v.o.Window; w != nil && w.valid() {
		return w.at, nil
	}
	windows := Windows(v.ds, v.o.Frame)
	d := macro(v.ds, v.o.Frame, tag.FrameVOILUTSequence)
	index := v.o.WindowIndex
	if d != nil {
		tables := d.Items(tag.VOILUTSequence)
		if index < 0 || index >= len(windows)+len(tables) {
			index = 0
		}
		if index >= len(windows) && index-len(windows) < len(tables) {
			l, err := lutOf(tables[index-len(windows)], tag.LUTDescriptor, tag.LUTData, signed)
			if err != nil {
				return nil, err
			}
			top := float64(int(1)<<l.bits - 1)
			return func(x float64) float64 { return float64(l.at(int(math.Floor(x+0.5)))) / top }, nil
		}
	}
	if len(windows) > 0 {
		return windows[index].at, nil
	}
	lo, hi := extremes()
	if hi <= lo {
		return func(float64) float64 { return 0 }, nil
	}
	return func(x float64) float64 { return min(max((x-lo)/(hi-lo), 0), 1) }, nil
}

// extremes returns the least and the greatest value of the frame, padding left
// out; for up to 8 bits, those that there can be.
func (v *view) extremes(modality func(int) float64) (least, greatest float64) {
	f := v.f
	seen := make([]byte, 1<<f.BitsStored)
	if f.BitsStored <= 8 { // made to be looked at as they are: the whole range
		for k := range seen {
			seen[k] = 1
		}
	} else {
		v.mark(seen)
	}
	lo, hi, padded := v.padding()
	least, greatest = math.Inf(1), math.Inf(-1)
	for bits, s := range seen {
		x := f.value(bits)
		if s == 0 || padded && x >= lo && x <= hi {
			continue
		}
		y := modality(x)
		least, greatest = min(least, y), max(greatest, y)
	}
	return least, greatest
}

// mark sets the place in seen of every sample's bits.
func (v *view) mark(seen []byte) {
	f := v.f
	shift, mask := f.HighBit+1-f.BitsStored, 1<<f.BitsStored-1
	switch f.BitsAllocated {
	case 8:
		for _, c := range f.Data {
			seen[int(c)>>shift&mask] = 1
		}
	case 16:
		for b := f.Data; len(b) >= 2; b = b[2:] {
			seen[int(binary.LittleEndian.Uint16(b))>>shift&mask] = 1
		}
	default: // 32 bits allocated, no more than 16 stored
		for b := f.Data; len(b) >= 4; b = b[4:] {
			seen[int(binary.LittleEndian.Uint32(b)>>shift)&mask] = 1
		}
	}
}

// wide renders samples that are too many-valued for a table.
func (v *view) wide(region image.Rectangle) (image.Image, error) {
	slope, intercept := v.rescale()
	lo, hi, padded := v.padding()
	least, greatest := math.Inf(1), math.Inf(-1)
	for k := range v.f.Pixels() {
		x, whole := v.number(k)
		if finite(x) && (!padded || whole < lo || whole > hi) {
			least, greatest = min(least, x*slope+intercept), max(greatest, x*slope+intercept)
		}
	}
	show, err := v.voi(true, func() (float64, float64) { return least, greatest })
	if err != nil {
		return nil, err
	}
	m := image.NewGray(image.Rect(0, 0, region.Dx(), region.Dy()))
	at := 0
	for y := region.Min.Y; y < region.Max.Y; y++ {
		for x := region.Min.X; x < region.Max.X; x++ {
			value, whole := v.number(y*v.f.Columns + x)
			if finite(value) && (!padded || whole < lo || whole > hi) {
				m.Pix[at] = v.level(show(value*slope + intercept))
			}
			at++
		}
	}
	return m, nil
}

// number returns sample k as a number, and as a whole one unless it is floating point.
func (v *view) number(k int) (float64, int) {
	f := v.f
	switch {
	case f.BitsAllocated == 64 && f.Float:
		return math.Float64frombits(binary.LittleEndian.Uint64(f.Data[8*k:])), 0
	case f.Float:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(f.Data[4*k:]))), 0
	case f.BitsAllocated == 64:
		n := int(binary.LittleEndian.Uint64(f.Data[8*k:]) >> (f.HighBit + 1 - f.BitsStored)) //nolint:gosec // its bits
		if f.BitsStored < 63 {
			n = f.value(n & (1<<f.BitsStored - 1))
		}
		return float64(n), n
	}
	bits := int(binary.LittleEndian.Uint32(f.Data[4*k:])) >> (f.HighBit + 1 - f.BitsStored)
	n := f.value(bits & (1<<f.BitsStored - 1))
	return float64(n), n
}
