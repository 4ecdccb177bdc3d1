package water

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"radagora/dicom"
	"radagora/dicom/pixel"
	"radagora/dicom/tag"
	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/fault"
	"radagora/ucum"
)

// maxPixels is how many pixels a slice may have: no scanner makes more.
const maxPixels = 1 << 24

// A Slice is what one image says.
type Slice struct {
	Instance uid.UID `json:"instance"`
	Frame    int     `json:"frame"` // from 1
	Measure
	CTDIvol float64 `json:"ctdivol_mgy,omitempty"` // of the header
	Phantom string  `json:"phantom,omitempty"`     // of CTDIvol: head16 or body32
	Head    bool    `json:"head,omitempty"`        // the header says that it is of the head
	SSDE    float64 `json:"ssde_mgy,omitempty"`    // 0 if refused
	NoSSDE  string  `json:"no_ssde,omitempty"`     // why there is none; see dose.Refusal
}

// A Scan is what all slices of one say together.
type Scan struct {
	Slices   int     `json:"slices"`
	Measured int     `json:"measured"` // slices with a diameter
	Diameter float64 `json:"dw_cm"`    // mean over those
	Least    float64 `json:"dw_min_cm"`
	Most     float64 `json:"dw_max_cm"`
	Sized    int     `json:"sized"`    // slices with a size-specific dose
	SSDE     float64 `json:"ssde_mgy"` // mean over those
}

// Image measures every frame of a CT image. Size-specific dose follows from CTDIvol
// and its phantom in the header, by physics. Errors are Unsupported (no CT image, or
// pixels that are not decoded), Invalid and Exhausted.
func (m *Method) Image(f *dicom.File, physics *dose.Physics, correction string) ([]Slice, error) {
	report, err := dose.ReadImage(f.Dataset)
	if err != nil {
		return nil, err
	}
	if report.Kind != dose.CT || len(report.Events) != 1 {
		return nil, fault.Errorf(fault.Unsupported, "no CT image")
	}
	frames, err := measurable(f)
	if err != nil {
		return nil, err
	}
	var all []Slice
	for n := range frames.Len() {
		g, err := gridOf(f, frames, n)
		if err != nil {
			return nil, err
		}
		s := Slice{Instance: f.UID(tag.SOPInstanceUID), Frame: n + 1, Head: strings.EqualFold(f.Text(tag.BodyPartExamined), "HEAD")}
		if s.Measure, err = m.Slice(g, correction); err != nil {
			return nil, err
		}
		s.size(report.Events[0], physics)
		all = append(all, s)
	}
	return all, nil
}

// measurable returns the frames of a CT image, if they can be measured.
func measurable(f *dicom.File) (*pixel.Frames, error) {
	frames, err := pixel.FramesOf(f.Dataset, f.TransferSyntax)
	if err != nil {
		return nil, err
	}
	if frames.Info.Colour() || frames.Info.Float || frames.Info.BitsStored > 16 {
		return nil, fault.Errorf(fault.Unsupported, "CT image in colour, in floating point or with more than 16 bits")
	}
	if frames.Info.Pixels() > maxPixels {
		return nil, fault.Errorf(fault.Exhausted, "a slice of %d pixels; at most %d are measured", frames.Info.Pixels(), maxPixels)
	}
	return frames, nil
}

// gridOf decodes a frame.
func gridOf(f *dicom.File, frames *pixel.Frames, n int) (Grid, error) {
	frame, err := frames.Frame(n)
	if err != nil {
		return Grid{}, err
	}
	return grid(f.Dataset, frame, n)
}

// size adds the size-specific dose.
func (s *Slice) size(e *dose.Event, physics *dose.Physics) {
	s.Phantom = e.Phantom
	if n, ok := e.Number(dose.FieldCTDIvol); ok {
		s.CTDIvol = n.Float()
	}
	if s.Refusal != "" {
		s.NoSSDE = string(s.Refusal)
		return
	}
	diameter, err := ucum.ParseDecimal(strconv.FormatFloat(10*s.Diameter, 'f', 6, 64))
	if err != nil {
		s.NoSSDE = string(dose.NoSize)
		return
	}
	sized := &dose.Event{Type: e.Type, Phantom: e.Phantom, Values: e.Values.All(dose.FieldCTDIvol)}
	sized.Values = append(sized.Values, dose.Value{Field: "water_diameter_mm", Number: &diameter})
	estimate, why := physics.SizeSpecific(sized, s.Head, -1)
	s.SSDE, s.NoSSDE = estimate.Value, string(why)
}

// Sum returns what slices say together.
func Sum(all []Slice) Scan {
	s := Scan{Slices: len(all), Least: math.Inf(1)}
	for _, one := range all {
		if one.Refusal == "" {
			s.Measured++
			s.Diameter += one.Diameter
			s.Least, s.Most = min(s.Least, one.Diameter), max(s.Most, one.Diameter)
		}
		if one.NoSSDE == "" {
			s.Sized++
			s.SSDE += one.SSDE
		}
	}
	if s.Measured == 0 {
		s.Least = 0
	}
	s.Diameter /= max(1, float64(s.Measured))
	s.SSDE /= max(1, float64(s.Sized))
	return s
}

// grid makes CT numbers of a decoded frame: Rescale Slope and Intercept (PS3.3
// C.11.1), padding as pixels that were not reconstructed.
func grid(ds *dicom.Dataset, f *pixel.Frame, n int) (Grid, error) {
	g := Grid{Rows: f.Rows, Columns: f.Columns, HU: make([]float64, f.Pixels())}
	slope, intercept := number(ds, n, tag.PixelValueTransformationSequence, tag.RescaleSlope, 0), number(ds, n, tag.PixelValueTransformationSequence, tag.RescaleIntercept, 0)
	if !(slope > 0) || math.IsNaN(intercept) {
		return g, fault.Errorf(fault.Invalid, "image without %v and %v: its numbers are no CT numbers", tag.RescaleSlope, tag.RescaleIntercept)
	}
	g.Row, g.Column = number(ds, n, tag.PixelMeasuresSequence, tag.PixelSpacing, 0), number(ds, n, tag.PixelMeasuresSequence, tag.PixelSpacing, 1)
	shift, mask := f.HighBit+1-f.BitsStored, 1<<f.BitsStored-1
	padding, padded := ds.Int(tag.PixelPaddingValue)
	for i := range g.HU {
		var bits int
		switch f.BitsAllocated {
		case 8:
			bits = int(f.Data[i])
		case 16:
			bits = int(binary.LittleEndian.Uint16(f.Data[2*i:]))
		case 32:
			bits = int(binary.LittleEndian.Uint32(f.Data[4*i:]))
		default:
			return g, fault.Errorf(fault.Unsupported, "CT image with %d bits a pixel", f.BitsAllocated)
		}
		x := bits >> shift & mask
		if padded && x == int(padding)&mask {
			g.HU[i] = math.NaN()
			continue
		}
		if f.Signed() && x>>(f.BitsStored-1)&1 == 1 {
			x -= 1 << f.BitsStored
		}
		g.HU[i] = float64(x)*slope + intercept
	}
	return g, nil
}

// number returns a number that holds for frame n: of its functional group, of the
// shared one, or of the data set; NaN if there is none.
func number(ds *dicom.Dataset, n int, group, t tag.Tag, index int) float64 {
	from := []*dicom.Dataset{}
	if items := ds.Items(tag.PerFrameFunctionalGroupsSequence); n < len(items) {
		from = append(from, items[n].Item(group))
	}
	if shared := ds.Item(tag.SharedFunctionalGroupsSequence); shared != nil {
		from = append(from, shared.Item(group))
	}
	for _, d := range append(from, ds) {
		if d == nil {
			continue
		}
		if all := d.Floats(t); index < len(all) {
			return all[index]
		}
	}
	return math.NaN()
}
