package pixel

import (
	"math"

	"radagora/dicom"
	"radagora/dicom/tag"
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

// Windows returns the windows that ds proposes for a frame, from 0, in order
// (PS3.3 C.11.2, C.7.6.16.2.10). Those that nothing could be shown with are
// left out.
func Windows(ds *dicom.Dataset, frame int) []Window {
	d := macro(ds, frame, tag.FrameVOILUTSequence)
	if d == nil {
		return nil
	}
	centers, widths := d.Floats(tag.WindowCenter), d.Floats(tag.WindowWidth)
	names := d.Texts(tag.WindowCenterWidthExplanation)
	var all []Window
	for k := range min(len(centers), len(widths)) {
		w := Window{Center: centers[k], Width: widths[k], Function: Function(d.Text(tag.VOILUTFunction))}
		if k < len(names) {
			w.Explanation = names[k]
		}
		if w.valid() {
			all = append(all, w)
		}
	}
	return all
}

// valid reports whether the window can be used.
func (w *Window) valid() bool {
	switch {
	case !finite(w.Center) || !finite(w.Width):
		return false
	case w.Function == LinearExact || w.Function == Sigmoid:
		return w.Width > 0
	}
	return w.Width >= 1
}

// at returns the brightness, from 0 to 1, of value x.
func (w *Window) at(x float64) float64 {
	switch w.Function {
	case Sigmoid:
		return 1 / (1 + math.Exp(-4*(x-w.Center)/w.Width))
	case LinearExact:
		return min(max((x-w.Center)/w.Width+0.5, 0), 1)
	case Linear:
	}
	switch half := (w.Width - 1) / 2; {
	case x <= w.Center-0.5-half:
		return 0
	case x > w.Center-0.5+half:
		return 1
	}
	return (x-(w.Center-0.5))/(w.Width-1) + 0.5
}
