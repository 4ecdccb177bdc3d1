package pixel

import (
	"image"
	"image/color"

	"radagora/dicom"
	"radagora/dicom/tag"
)

// overlays draws the overlay planes (PS3.3 C.9.2), groups 6000 to 601E, in white.
func (v *view) overlays(m image.Image, region image.Rectangle) {
	for group := uint16(0x6000); group <= 0x601E; group += 2 {
		if v.ds.Has(tag.New(group, tag.OverlayRows.Element())) {
			v.overlay(m, region, group)
		}
	}
}

// overlay draws one plane. What is wrong with it keeps it from being drawn, not
// the picture.
func (v *view) overlay(m image.Image, region image.Rectangle, group uint16) {
	at := func(t tag.Tag) tag.Tag { return tag.New(group, t.Element()) }
	number := func(t tag.Tag, or int64) int {
		if n, ok := v.ds.Int(at(t)); ok {
			return int(n)
		}
		return int(or)
	}
	rows, columns := number(tag.OverlayRows, 0), number(tag.OverlayColumns, 0)
	plane := number(tag.NumberOfFramesInOverlay, 1)
	index := v.o.Frame - (number(tag.ImageFrameOrigin, 1) - 1)
	if plane <= 1 && !v.ds.Has(at(tag.ImageFrameOrigin)) {
		index = 0 // one plane for all frames
	}
	if rows < 1 || columns < 1 || rows > 65535 || columns > 65535 || index < 0 || index >= max(1, plane) {
		return
	}
	top, left := 1, 1
	if o := v.ds.Ints(at(tag.OverlayOrigin)); len(o) == 2 {
		top, left = int(o[0]), int(o[1])
	}
	bit := v.embedded(number(tag.OverlayBitPosition, 0), number(tag.OverlayBitsAllocated, 1), rows, columns)
	if e, ok := v.ds.Element(at(tag.OverlayData)); ok {
		bit = packed(e, index*rows*columns, rows*columns)
	}
	if bit == nil {
		return
	}
	for y := range rows {
		for x := range columns {
			if p := image.Pt(left-1+x, top-1+y); p.In(region) && bit(y*columns+x) {
				white(m, p.Sub(region.Min))
			}
		}
	}
}

// packed returns the bits of an overlay that has its own element, from bit on.
func packed(e dicom.Element, from, n int) func(int) bool {
	lo, hi := int64(from/8), int64((from+n+7)/8)
	b, err := e.Load(lo, hi-lo)
	if err != nil {
		return nil
	}
	if e.BigEndian() && e.VR().WordSize() == 2 && lo%2 == 0 {
		b = swapped(b, 2)
	}
	skip := from % 8
	return func(k int) bool { k += skip; return b[k>>3]>>(k&7)&1 == 1 }
}

// embedded returns the bits of an overlay in a bit of the cells that no sample
// uses (retired), nil if this is none.
func (v *view) embedded(position, allocated, rows, columns int) func(int) bool {
	f := v.f
	if allocated != f.BitsAllocated || f.BitsAllocated > 16 || position >= f.BitsAllocated || position < 0 ||
		rows != f.Rows || columns != f.Columns || f.SamplesPerPixel != 1 ||
		position <= f.HighBit && position > f.HighBit-f.BitsStored {
		return nil
	}
	cell := f.BitsAllocated / 8
	return func(k int) bool { return f.Data[k*cell+position/8]>>(position%8)&1 == 1 }
}

// white sets one pixel.
func white(m image.Image, p image.Point) {
	switch m := m.(type) {
	case *image.Gray:
		m.SetGray(p.X, p.Y, color.Gray{Y: 0xFF})
	case *image.RGBA:
		m.SetRGBA(p.X, p.Y, color.RGBA{R: 0xFF, G: 0xFF, B: 0xFF, A: 0xFF})
	}
}
