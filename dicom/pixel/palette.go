package pixel

import (
	"encoding/binary"
	"image"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// palettes are the elements of each colour (PS3.3 C.7.9).
var palettes = [3]struct{ descriptor, data, segmented tag.Tag }{
	{tag.RedPaletteColorLookupTableDescriptor, tag.RedPaletteColorLookupTableData, tag.SegmentedRedPaletteColorLookupTableData},
	{tag.GreenPaletteColorLookupTableDescriptor, tag.GreenPaletteColorLookupTableData, tag.SegmentedGreenPaletteColorLookupTableData},
	{tag.BluePaletteColorLookupTableDescriptor, tag.BluePaletteColorLookupTableData, tag.SegmentedBluePaletteColorLookupTableData},
}

// palette renders values that are places in a table of colours.
func (v *view) palette(region image.Rectangle) (image.Image, error) {
	if v.f.BitsStored > 16 || v.f.BitsAllocated > 32 || v.f.Float {
		return nil, fault.Errorf(fault.Unsupported, "a palette for %d bits", v.f.BitsStored)
	}
	if v.ds == nil {
		return nil, missing(tag.RedPaletteColorLookupTableDescriptor)
	}
	n := region.Dx() * region.Dy()
	m := image.NewRGBA(image.Rect(0, 0, region.Dx(), region.Dy()))
	plane := make([]byte, n)
	for c, p := range palettes {
		l, err := paletteOf(v.ds, p.descriptor, p.data, p.segmented, v.f.Signed())
		if err != nil {
			return nil, err
		}
		table := make([]byte, 1<<v.f.BitsStored)
		for bits := range table {
			table[bits] = byte(l.at(v.f.value(bits)) << (16 - l.bits) >> 8) //nolint:gosec // its high byte
		}
		v.mapped(plane, region, table)
		for k, y := range plane {
			m.Pix[4*k+c] = y
		}
	}
	for k := range n {
		m.Pix[4*k+3] = 0xFF
	}
	v.invert(m)
	return m, nil
}

// paletteOf reads the table of one colour, segmented or not.
func paletteOf(ds *dicom.Dataset, descriptor, data, segmented tag.Tag, signed bool) (*lut, error) {
	if ds.Has(data) {
		return lutOf(ds, descriptor, data, signed)
	}
	n, l, err := describeLUT(ds, descriptor, signed)
	if err != nil {
		return nil, err
	}
	b, big, err := lutBytes(ds, segmented)
	if err != nil {
		return nil, err
	}
	if l.values = unroll(segmentWords(b, l.bits, big), n, l.bits <= 8); len(l.values) < n {
		return nil, wrong(segmented, "shorter than its descriptor says")
	}
	return l, l.believe()
}

// segmentWords returns the words or bytes of a segmented table.
func segmentWords(b []byte, bits int, big bool) []uint16 {
	if bits <= 8 {
		all := make([]uint16, len(b))
		for k, c := range b {
			all[k] = uint16(c)
		}
		return all
	}
	all := make([]uint16, len(b)/2)
	for k := range all {
		all[k] = binary.LittleEndian.Uint16(b[2*k:])
		if big {
			all[k] = binary.BigEndian.Uint16(b[2*k:])
		}
	}
	return all
}

// unroll expands segments to at most n entries (PS3.3 C.7.9.2): discrete ones,
// lines to a value, and repetitions of segments that came before. It returns
// fewer if the segments make no more. Where segments are repeated from is a
// number of 32 bits: four bytes or two words, and counts bytes or words as the
// table has them.
func unroll(words []uint16, n int, bytes bool) []uint16 {
	out := make([]uint16, 0, n)
	wide := 2
	if bytes {
		wide = 4
	}
	var step func(at, count int, nested bool) int
	step = func(at, count int, nested bool) int {
		for ; count > 0 && at+1 < len(words) && len(out) < n; count-- {
			kind, length := words[at], int(words[at+1])
			at += 2
			switch {
			case kind == 0 && at+length <= len(words):
				out = append(out, words[at:at+min(length, n-len(out))]...)
				at += length
			case kind == 1 && at < len(words) && len(out) > 0:
				out = line(out, words[at], min(length, n-len(out)), length)
				at++
			case kind == 2 && at+wide <= len(words) && !nested:
				from := 0
				for k := range wide {
					from |= int(words[at+k]) << (32 / wide * k)
				}
				step(from, length, true)
				at += wide
			default:
				return len(words)
			}
		}
		return at
	}
	step(0, len(words), false)
	return out
}

// line appends n of length entries that lead from the last one to end.
func line(out []uint16, end uint16, n, length int) []uint16 {
	from := int(out[len(out)-1])
	for k := 1; k <= n; k++ {
		d := (int(end) - from) * k
		if d >= 0 {
			d = (d + length/2) / length
		} else {
			d = (d - length/2) / length
		}
		out = append(out, uint16(from+d)) //nolint:gosec // between two words
	}
	return out
}
