package pixel

import (
	"image"

	"radagora/dicom"
	"radagora/fault"
)

// Options tell Render what to show. The zero value shows the whole frame in its
// own size, as the data set wants it.
type Options struct {
	// Dataset is the header of the object: modality and VOI LUTs, palettes,
	// overlays, functional groups, aspect ratio. Nil means none of them.
	Dataset *dicom.Dataset
	// Frame is the number of the frame, from 0.
	Frame int
	// Window takes the place of the data set's windows and LUTs; nil takes one
	// of those, or, if there are none, a window from the least to the greatest
	// value of the frame; with up to 8 bits stored, of those there can be. Colour
	// has no window.
	Window *Window
	// WindowIndex chooses among the data set's own windows and then its VOI
	// LUTs. One beyond the last is the first.
	WindowIndex int
	// Invert shows white as black.
	Invert bool
	// Region is the part of the frame to show, in pixels from the top left
	// corner; empty means all.
	Region image.Rectangle
	// Width and Height are the viewport: the picture is scaled to fit into it,
	// with square pixels; 0 leaves that side free. Both 0: no scaling, except
	// for pixels that are not square.
	Width, Height int
	// NoOverlays leaves out the overlay planes (group 60xx).
	NoOverlays bool
}

// Render makes a picture of a frame: *image.Gray for grey values, *image.RGBA
// for colour. f is not changed. Values go through modality LUT, VOI LUT or
// window and presentation (PS3.3 C.11); padding is black. Errors are Invalid (a
// broken LUT or palette, a region outside of the frame), Unsupported (colours of
// no use here) and Exhausted (a viewport beyond MaxFrame).
func Render(f *Frame, o Options) (image.Image, error) {
	region := image.Rect(0, 0, f.Columns, f.Rows)
	if !o.Region.Empty() {
		if region = o.Region.Intersect(region); region.Empty() {
			return nil, fault.Errorf(fault.Invalid, "a region outside of the frame")
		}
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	if int64(len(f.Data)) < f.size() || f.BitsAllocated == 1 {
		return nil, fault.Errorf(fault.Invalid, "a frame of %d bytes", len(f.Data))
	}
	v := view{f: f, o: o, ds: o.Dataset}
	size, err := v.fit(region)
	if err != nil {
		return nil, err
	}
	var m image.Image
	switch {
	case f.SamplesPerPixel > 1:
		m, err = v.colour(region)
	case f.PhotometricInterpretation == PaletteColor:
		m, err = v.palette(region)
	default:
		m, err = v.grey(region)
	}
	if err != nil {
		return nil, err
	}
	if !o.NoOverlays && v.ds != nil {
		v.overlays(m, region)
	}
	return scaled(m, size), nil
}

// A view is one rendering.
type view struct {
	f  *Frame
	o  Options
	ds *dicom.Dataset // nil if there is none
}
