package pixel

import (
	"image"

	"radagora/dicom"
)

// A Function says how a window maps values to brightness (PS3.3 C.11.2.1.2, C.11.2.1.3).
type Function string

// The functions of the VOI LUT module.
const (
	Linear      Function = "LINEAR"
	LinearExact Function = "LINEAR_EXACT"
	Sigmoid     Function = "SIGMOID"
)

// A Window chooses which values, after the modality LUT, are shown from black to
// white.
type Window struct {
	Center, Width float64  // Width at least 1 for LINEAR, above 0 for the others
	Function      Function // "" is LINEAR
	Explanation   string   // what the data set calls it
}

// Options tell Render what to show. The zero value shows the whole frame in its
// own size, as the data set wants it.
type Options struct {
	// Dataset is the header of the object: modality and VOI LUTs, palettes,
	// overlays, functional groups, aspect ratio. Nil means none of them.
	Dataset *dicom.Dataset
	// Frame is the number of the frame, from 0.
	Frame int
	// Window takes the place of the data set's windows and LUTs; nil takes the
	// first of those, or one from the least to the greatest value of the frame
	// if there are none.
	Window *Window
	// WindowIndex chooses among the data set's own windows, then LUTs.
	WindowIndex int
	// Invert shows white as black.
	Invert bool
	// Region is the part of the frame to show, in pixels from the top left
	// corner; empty means all.
	Region image.Rectangle
	// Width and Height are the viewport: the picture is scaled to fit, with
	// square pixels; 0 leaves that side free. Both 0: no scaling, except for
	// pixels that are not square.
	Width, Height int
	// NoOverlays leaves out the overlay planes (group 60xx).
	NoOverlays bool
}

// Render makes a picture of a frame: *image.Gray for grey values, *image.RGBA
// for colour or where an overlay is shown in colour. Errors are Invalid (a
// broken LUT or palette, a region outside of the frame) and Exhausted (a
// viewport beyond MaxFrame).
func Render(f *Frame, o Options) (image.Image, error) {
	return render(f, o)
}

// Windows returns the windows that ds, for that frame, proposes, in order (PS3.3
// C.11.2, C.7.6.16.2.10).
func Windows(ds *dicom.Dataset, frame int) []Window { return windowsOf(ds, frame) }
