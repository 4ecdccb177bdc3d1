package pixel

import (
	"math"

	"radagora/dicom"
	"radagora/dicom/tag"
)

// macro returns the item of functional group seq that holds for the frame: its
// own, or the shared one, or else the data set itself, where classic objects
// have the same attributes (PS3.3 C.7.6.16). It is never nil unless ds is.
func macro(ds *dicom.Dataset, frame int, seq tag.Tag) *dicom.Dataset {
	if ds == nil {
		return nil
	}
	if all := ds.Items(tag.PerFrameFunctionalGroupsSequence); frame >= 0 && frame < len(all) {
		if own := all[frame].Items(seq); len(own) > 0 {
			return own[0]
		}
	}
	if shared := ds.Item(tag.SharedFunctionalGroupsSequence).Items(seq); len(shared) > 0 {
		return shared[0]
	}
	return ds
}

// rescale returns slope and intercept of the frame (PS3.3 C.11.1), 1 and 0 if
// there are none or they make no sense.
func (v *view) rescale() (slope, intercept float64) {
	d := macro(v.ds, v.o.Frame, tag.PixelValueTransformationSequence)
	if d == nil {
		return 1, 0
	}
	slope, ok := d.Float(tag.RescaleSlope)
	if !ok || slope == 0 || !finite(slope) {
		slope = 1
	}
	if intercept, ok = d.Float(tag.RescaleIntercept); !ok || !finite(intercept) {
		intercept = 0
	}
	return slope, intercept
}

// finite reports whether x is a number to calculate with.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// aspect returns the height of a pixel over its width, 1 if nobody knows.
func (v *view) aspect() float64 {
	if v.ds == nil {
		return 1
	}
	spacing := macro(v.ds, v.o.Frame, tag.PixelMeasuresSequence)
	for _, try := range []struct {
		d *dicom.Dataset
		t tag.Tag
	}{
		{spacing, tag.PixelSpacing},
		{v.ds, tag.ImagerPixelSpacing},
		{v.ds, tag.NominalScannedPixelSpacing},
		{v.ds, tag.PixelAspectRatio},
	} {
		if p := try.d.Floats(try.t); len(p) == 2 && p[0] > 0 && p[1] > 0 {
			if a := p[0] / p[1]; a > 0.01 && a < 100 {
				return a
			}
		}
	}
	return 1
}

// padding returns the stored values that mean no value (PS3.3 C.7.5.1.1.2).
func (v *view) padding() (lo, hi int, ok bool) {
	if v.ds == nil || v.f.Float {
		return 0, 0, false
	}
	d := macro(v.ds, v.o.Frame, tag.PixelValueTransformationSequence)
	n, ok := d.Int(tag.PixelPaddingValue)
	if !ok {
		d = v.ds
		if n, ok = d.Int(tag.PixelPaddingValue); !ok {
			return 0, 0, false
		}
	}
	m, both := d.Int(tag.PixelPaddingRangeLimit)
	if !both {
		m = n
	}
	lo, hi = v.stored(min(n, m)), v.stored(max(n, m))
	return min(lo, hi), max(lo, hi), true
}

// stored reads n as a stored value: some write a negative one as if it were not
// signed.
func (v *view) stored(n int64) int {
	if v.f.Signed() && v.f.BitsStored < 32 {
		shift := 64 - v.f.BitsStored
		return int(n << shift >> shift)
	}
	return int(n)
}
