package main

import (
	"context"
	"math"

	"radagora/dicom/uid"
	"radagora/dose"
	"radagora/dose/skin"
	"radagora/fault"
	"radagora/web"
)

// skin makes the map of dose to the skin of a study with fluoroscopy, from its dose
// reports as they are archived; nil for other studies, and where a report is gone.
func (v *view) skin(ctx context.Context, s *dose.StoredStudy) (*web.DoseSkin, error) {
	if s.Modality != "RF" {
		return nil, nil //nolint:nilnil // there is none, and that is no error
	}
	method, err := skin.Load(v.Dose.Content, at)
	if err != nil {
		return nil, err
	}
	var reports []*dose.Report
	for _, stored := range s.Reports {
		r, err := v.report(ctx, stored.SOPInstance)
		switch {
		case fault.Of(err) == fault.NotFound:
			return nil, nil //nolint:nilnil // its values are kept, it is not
		case err != nil:
			return nil, err
		case r.Kind == dose.Projection:
			reports = append(reports, r)
		}
	}
	studies := dose.Join(reports)
	if len(studies) != 1 {
		return nil, nil //nolint:nilnil // headers of images alone make no map
	}
	return skinPage(method.Estimate(skin.Of(studies[0]))), nil
}

// report reads one dose report from the archive.
func (v *view) report(ctx context.Context, instance string) (*dose.Report, error) {
	sop, err := uid.Parse(instance)
	if err != nil {
		return nil, err
	}
	f, closer, err := v.Dose.Objects.Open(ctx, at, sop)
	if err != nil {
		return nil, err
	}
	defer closer.Close()
	return v.Dose.Reader.Read(f.Dataset)
}

// skinPage makes the part of the page.
func skinPage(r *skin.Result) *web.DoseSkin {
	p := &web.DoseSkin{Validity: string(r.Validity)}
	for _, i := range r.Items {
		p.Items = append(p.Items, web.SkinItem{Code: i.Code, Kind: i.Kind, Events: i.Events, Value: i.Value})
	}
	if r.Whole == nil {
		return p
	}
	m := r.Whole
	flat := r.Body.Width - r.Body.Depth
	half := math.Pi * r.Body.Depth / 2
	p.Map = &web.SkinMap{
		Columns: m.Columns, Rows: m.Rows, Width: m.Width, Height: m.Height, Dose: m.Dose,
		Sides: []web.SkinSide{{Name: "anterior", Wide: flat}, {Name: "left", Wide: half}, {Name: "posterior", Wide: flat}, {Name: "right", Wide: half}},
		Peak:  m.Peak.Dose, Column: m.Peak.Column, Row: m.Peak.Row, Side: m.Peak.Side, Along: m.Peak.Along / 10,
		Met: m.Caught, Events: m.Events,
	}
	for _, a := range m.Above {
		p.Map.Above = append(p.Map.Above, web.SkinAbove{Dose: a.Dose, Area: a.Area})
	}
	if len(r.Planes) > 1 {
		for _, plane := range r.Planes {
			p.Map.Planes = append(p.Map.Planes, web.SkinPlane{Plane: plane.Plane, Peak: plane.Peak.Dose, Side: plane.Peak.Side})
		}
	}
	return p
}
