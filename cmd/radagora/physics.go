package main

import (
	"cmp"
	"fmt"
	"strings"
	"text/tabwriter"

	"radagora/dose"
)

// Estimated is what is estimated of an examination, as programs and commands show it.
type Estimated struct {
	Sizes     []estimatedScan      `json:"size_specific" doc:"of each scan of CT"`
	SSDE      *float64             `json:"ssde_mgy,omitempty" doc:"mean of the diagnostic scans; left out unless each has one"`
	Effective []estimatedEffective `json:"effective_dose" doc:"a statistic, not about a person; never compare two sets"`
	Reported  *float64             `json:"effective_reported_msv,omitempty" doc:"as the report of a radiopharmaceutical states it"`
	Sentence  string               `json:"sentence,omitempty" doc:"a draft for the report of the examination"`
}

// An estimatedScan is the size-specific dose of one scan, or why there is none.
type estimatedScan struct {
	Scan     string  `json:"scan" doc:"protocol, type or key of the event"`
	SSDE     float64 `json:"ssde_mgy,omitempty"`
	Factor   float64 `json:"factor,omitempty" doc:"what CTDIvol was multiplied by"`
	Diameter float64 `json:"diameter_cm,omitempty"`
	From     string  `json:"diameter_from,omitempty" enum:"water,water_header,water_pixels,effective,effective_header,ap_lateral,ap,lateral,age"`
	Phantom  string  `json:"phantom,omitempty" enum:"head16,body32"`
	Method   string  `json:"method,omitempty" doc:"report that the coefficients are from"`
	Refused  string  `json:"refused,omitempty" doc:"code of why there is none"`
}

// An estimatedEffective is effective dose by one set of coefficients, or why there is none.
type estimatedEffective struct {
	Set     string    `json:"set" doc:"id of the content set"`
	Weights string    `json:"tissue_weights,omitempty"`
	Value   *float64  `json:"effective_msv,omitempty"`
	Factors []float64 `json:"factors" doc:"of each scan or administration, in mSv for each mGy.cm or MBq"`
	Phantom string    `json:"phantom,omitempty" enum:"head16,body32"`
	Assumed bool      `json:"phantom_assumed,omitempty" doc:"the set does not say for which phantom its factors are"`
	Age     float64   `json:"phantom_age,omitempty" doc:"years"`
	Refused string    `json:"refused,omitempty" doc:"code of why there is none"`
}

// estimated returns what is estimated of an examination.
func (h *house) estimated(s *dose.StoredStudy, i *dose.Item, language string) (Estimated, error) {
	_, x, err := h.physicsOf(s, i)
	out := Estimated{Sizes: []estimatedScan{}, SSDE: x.SSDE, Effective: []estimatedEffective{}, Reported: x.Reported}
	if err != nil {
		return out, err
	}
	for _, one := range x.Scans {
		e := one.Size
		out.Sizes = append(out.Sizes, estimatedScan{
			cmp.Or(one.Protocol, one.Type, one.Key), e.Value, e.Factor, e.Diameter.Centimetres, e.Diameter.From, e.Phantom, e.Set, string(one.Why),
		})
	}
	for _, one := range x.Effective {
		e := estimatedEffective{Set: one.Set, Weights: one.Weights, Factors: []float64{}, Refused: string(one.Why)}
		if one.Why == "" {
			e.Value = &one.Value
		}
		for _, k := range one.Each {
			e.Factors, e.Phantom, e.Assumed, e.Age = append(e.Factors, k.Factor), k.Phantom, k.Assumed, k.Age
		}
		out.Effective = append(out.Effective, e)
	}
	out.Sentence, err = h.sentenceFor(s, i, cmp.Or(language, "en"))
	return out, err
}

// print writes it, a fact a line.
func (e *Estimated) print(w *tabwriter.Writer) {
	for _, s := range e.Sizes {
		if s.Refused != "" {
			fmt.Fprintf(w, "ssde\tnone\t%s: %s\n", s.Scan, s.Refused)
			continue
		}
		fmt.Fprintf(w, "ssde\t%.2f mGy\t%s: %s, factor %.4f, diameter %.1f cm (%s), %s\n", s.SSDE, s.Scan, s.Method, s.Factor, s.Diameter, s.From, s.Phantom)
	}
	if e.Reported != nil {
		fmt.Fprintf(w, "effective dose\t%.4g mSv\tas reported\n", *e.Reported)
	}
	for _, k := range e.Effective {
		name := strings.TrimSpace(k.Set + " " + k.Weights)
		if k.Value == nil {
			fmt.Fprintf(w, "effective dose\tnone\t%s: %s\n", name, k.Refused)
			continue
		}
		assumed := ""
		if k.Assumed {
			assumed = ", phantom of the set assumed"
		}
		fmt.Fprintf(w, "effective dose\t%.4g mSv\t%s, a statistic and not about a person%s\n", *k.Value, name, assumed)
	}
	if e.Sentence != "" {
		fmt.Fprintf(w, "sentence\t%s\n", e.Sentence)
	}
}
