package water

import (
	"math"
	"strings"

	"radagora/dicom"
	"radagora/dicom/tag"
	"radagora/fault"
)

// Axial reports whether the slices of a CT image lie across the body, a tilt of the
// gantry aside: rows run from side to side, columns mostly from front to back. An image
// that does not say how it lies is none.
func Axial(ds *dicom.Dataset) bool {
	if strings.EqualFold(last(ds.Texts(tag.ImageType), 2), "LOCALIZER") {
		return false
	}
	var d [6]float64
	for i := range d {
		if d[i] = number(ds, 0, tag.PlaneOrientationSequence, tag.ImageOrientationPatient, i); math.IsNaN(d[i]) {
			return false
		}
	}
	// Direction cosines of rows and columns: along the body is the third of each.
	return math.Abs(d[2]) < 0.2 && math.Abs(d[5]) < 0.6
}

// last returns the text at a place, "" if there are fewer.
func last(all []string, i int) string {
	if i < len(all) {
		return all[i]
	}
	return ""
}

// Spread returns which of n slices are measured if at most k are: spread evenly, in the
// middle of equal parts.
func Spread(n, k int) []int {
	k = min(n, k)
	out := make([]int, 0, max(k, 0))
	for i := range k {
		out = append(out, (2*i+1)*n/(2*k))
	}
	return out
}

// Of measures a few slices of a scan of n images: open returns the image at a place in
// it. A body that the field of view cuts off is left out and counted; so is a slice that
// cannot be measured. Errors are those of open that are fault.Unavailable or Internal.
func (m *Method) Of(n int, open func(i int) (*dicom.File, func() error, error)) (s Sample, err error) {
	frames := 1
	if n == 1 {
		frames = m.slices // an enhanced image is a scan
	}
	for _, i := range Spread(n, m.slices) {
		all, err := m.at(i, frames, open)
		if kind := fault.Of(err); err != nil && (kind == fault.Unavailable || kind == fault.Internal) {
			return s, err
		}
		if err != nil {
			s.Slices, s.Unreadable = s.Slices+1, s.Unreadable+1
		}
		for _, one := range all {
			s.add(one)
		}
	}
	s.Diameter /= max(1, float64(s.Measured))
	return s, nil
}

// add counts a slice; its diameter is added up.
func (s *Sample) add(one Measure) {
	s.Slices++
	switch {
	case one.Refusal == notAxial:
		s.NotAxial++
	case one.Refusal == Truncated:
		s.Cut++
	case one.Refusal != "":
		s.NoBody++
	default:
		if s.Measured == 0 || one.Diameter < s.Least {
			s.Least = one.Diameter
		}
		s.Most = max(s.Most, one.Diameter)
		s.Diameter, s.Measured = s.Diameter+one.Diameter, s.Measured+1
	}
}

// notAxial is the refusal of an image in another plane.
const notAxial Refusal = "not_axial"

// at measures at most k frames of an image, spread evenly.
func (m *Method) at(i, k int, open func(i int) (*dicom.File, func() error, error)) (all []Measure, err error) {
	f, shut, err := open(i)
	if err != nil {
		return nil, err
	}
	defer func() { _ = shut() }()
	if !Axial(f.Dataset) {
		return []Measure{{Refusal: notAxial}}, nil
	}
	frames, err := measurable(f)
	if err != nil {
		return nil, fault.As(fault.Unsupported, err)
	}
	for _, n := range Spread(frames.Len(), k) {
		g, err := gridOf(f, frames, n)
		if err != nil {
			return all, fault.As(fault.Unsupported, err)
		}
		one, err := m.Slice(g, "")
		if err != nil {
			return all, fault.As(fault.Unsupported, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// A Sample is what a few slices of a scan say together.
type Sample struct {
	Slices, Measured                  int
	Cut, NoBody, NotAxial, Unreadable int
	Diameter, Least, Most             float64 // cm
}

// Refusal says why a sample tells no size, "" if it does: most of its slices must.
func (s Sample) Refusal() string {
	if 2*s.Measured > s.Slices {
		return ""
	}
	why, most := "unreadable", s.Unreadable
	for _, one := range []struct {
		name string
		n    int
	}{{"not_axial", s.NotAxial}, {string(NoBody), s.NoBody}, {string(Truncated), s.Cut}} {
		if one.n >= most && one.n > 0 {
			why, most = one.name, one.n
		}
	}
	return why
}
