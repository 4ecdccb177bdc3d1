package main

import (
	"cmp"
	"context"

	"radagora/dose"
	"radagora/lang"
	"radagora/web"
	"radagora/web/face"
)

// physicsOf estimates of an examination what can be.
func (h *house) physicsOf(s *dose.StoredStudy, i *dose.Item) (*dose.Physics, dose.Physical, error) {
	p, err := dose.LoadPhysics(h.Content, at)
	if err != nil {
		return nil, dose.Physical{}, err
	}
	regions, err := dose.Regions(h.Content, at)
	if err != nil {
		return nil, dose.Physical{}, err
	}
	return p, p.Of(s, i, regions), nil
}

// physics makes the part of a page about estimates, with the sentence for the report.
func (d *doseView) physics(ctx context.Context, s *dose.StoredStudy, i *dose.Item) (*web.DosePhysics, error) {
	p, x, err := d.physicsOf(s, i)
	if err != nil {
		return nil, err
	}
	out := &web.DosePhysics{Kind: string(x.Kind), SSDE: x.SSDE, Reported: x.Reported}
	for _, one := range x.Scans {
		out.Scans = append(out.Scans, web.PhysicsScan{
			Name: cmp.Or(one.Protocol, one.Type, one.Key), CTDIvol: one.CTDIvol, SSDE: one.Size.Value, Factor: one.Size.Factor,
			Diameter: one.Size.Diameter.Centimetres, From: one.Size.Diameter.From, Set: one.Size.Set, Phantom: one.Size.Phantom, Why: string(one.Why),
		})
	}
	chosen, _ := p.Chosen(x)
	for _, e := range x.Effective {
		w := web.PhysicsEffective{Weights: e.Weights, Value: e.Value, Unit: "mSv/mGy.cm", Chosen: e.Why == "" && e.Set == chosen.Set && e.Weights == chosen.Weights, Why: string(e.Why)}
		if x.Kind == dose.Nuclear {
			w.Unit = "mSv/MBq"
		}
		w.Set = face.Choice{Code: e.Set, Label: e.Set}
		if set, ok := d.Content.Set(at, e.Set); ok {
			w.Set.Label, w.Checked = set.Title, set.CheckedBy != ""
		}
		for _, k := range e.Each {
			w.Factors, w.Phantom, w.Age, w.Assumed = append(w.Factors, k.Factor), k.Phantom, k.Age, k.Assumed
		}
		out.Effective = append(out.Effective, w)
	}
	if x.Kind == dose.CT {
		pixels, err := d.Dose.PixelsOf(ctx, at, s.UID)
		if err != nil {
			return nil, err
		}
		for _, p := range pixels {
			out.Pixels = append(out.Pixels, web.PhysicsPixels{
				Acquisition: p.Acquisition, State: p.State, Reason: p.Reason, Method: p.Method, Diameter: p.Diameter, Least: p.Least, Most: p.Most,
				Slices: p.Slices, Measured: p.Measured, Cut: p.Cut,
			})
		}
	}
	out.Sentence, err = d.sentenceFor(s, i, d.q.Language)
	return out, err
}

// sentenceFor returns the sentence on the dose of an examination for its report (EU-BSS
// article 58(b)), in a language; "" if there is no dose of a patient.
func (h *house) sentenceFor(s *dose.StoredStudy, i *dose.Item, language string) (string, error) {
	return h.sentenceIn(s, []*dose.Item{i}, language)
}

// sentenceIn is sentenceFor of several examinations.
func (h *house) sentenceIn(s *dose.StoredStudy, items []*dose.Item, language string) (string, error) {
	catalogue, err := lang.Open()
	if err != nil {
		return "", err
	}
	sentence, _, err := doseTeller{h, catalogue}.told(s, items, language)
	return sentence, err
}
