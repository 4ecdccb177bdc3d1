package main

import (
	"context"
	"time"

	"radagora/archive"
	"radagora/dicom"
	"radagora/dose"
	"radagora/dose/water"
	"radagora/fault"
	"radagora/job"
)

// pixelsEvery and pixelsAtOnce bound how much of the machine measuring scans takes: two
// of nine slices in ten seconds are about a quarter of a core.
const (
	pixelsEvery  = 10 * time.Second
	pixelsAtOnce = 2
)

// schedulePixels has the scans measured whose size neither report nor header tells.
func (h *house) schedulePixels() {
	h.Jobs.Every("dose-pixels", job.Interval(pixelsEvery), h.measurePixels, job.Limit(10*time.Minute))
}

// measurePixels measures a few of the scans that wait.
func (h *house) measurePixels(ctx context.Context) error {
	_, err := h.measureSome(ctx, pixelsAtOnce)
	return err
}

// measureSome measures at most n of the scans that wait, and returns how many it did.
func (h *house) measureSome(ctx context.Context, n int) (int, error) {
	all, err := h.Dose.WaitingPixels(ctx, n)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	method, err := water.Load(h.Content, at)
	if err != nil {
		return 0, err
	}
	for i, p := range all {
		if p, err = h.measure(ctx, method, p); err != nil {
			return i, err
		}
		if err := h.Dose.Measured(ctx, p); err != nil {
			return i, err
		}
	}
	return len(all), nil
}

// measure measures a scan.
func (h *house) measure(ctx context.Context, method *water.Method, p dose.Pixels) (dose.Pixels, error) {
	listed, err := h.Archive.Listed(ctx, p.Site, p.Study)
	if err != nil {
		return p, err
	}
	var images []archive.Listed
	for _, l := range listed {
		if one := doseImageOf(l); one.Series.String() == p.Series && one.Acquisition == p.Acquisition {
			images = append(images, l)
		}
	}
	s, err := method.Of(len(images), func(i int) (*dicom.File, func() error, error) {
		f, closer, err := h.Dose.Objects.Open(ctx, p.Site, images[i].SOP)
		if err != nil {
			if fault.Of(err) == fault.Internal { // a damaged object is not tried for ever
				err = fault.As(fault.Unsupported, err)
			}
			return nil, nil, err
		}
		return f, closer.Close, nil
	})
	if err != nil {
		return p, err
	}
	p.State, p.Reason, p.Method = dose.PixelMeasured, s.Refusal(), method.Name()
	p.Slices, p.Measured, p.Cut = s.Slices, s.Measured, s.Cut
	if p.Reason != "" {
		p.State = dose.PixelRefused
		return p, nil
	}
	p.Diameter, p.Least, p.Most = s.Diameter, s.Least, s.Most
	return p, nil
}
