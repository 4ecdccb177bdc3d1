package main

import (
	"context"
	"time"

	"radagora/access"
	"radagora/evidence"
	"radagora/fault"
	"radagora/maturity"
)

// maturities registers what programs may read of evidence and of self-assessments.
func (d *apiDoor) maturities() {
	a, group := maturityAPI{d.house}, "Evidence"
	operate(d, op{
		act: access.AggregateRead, call: "GET /evidence", id: "list-evidence", group: group, summary: "Every fact of the catalogue, with its state",
		text: "A fact that nobody computes is not_connected, one with nothing to count not_applicable; neither is 0. One that takes too long is late.",
	}, a.facts)
	operate(d, op{
		act: access.AggregateRead, call: "GET /evidence/{id}", id: "get-evidence", group: group, summary: "One fact",
	}, a.fact)
	operate(d, op{
		act: access.AggregateRead, call: "GET /assessments", id: "list-assessments", group: group,
		summary: "Self-assessments of digital maturity and of the quality stars, the newest first",
		text:    "The criteria are own ones: a level is no official stage of any model, stars are no award of any campaign.",
	}, a.assessments)
}

// maturityAPI answers programs about evidence and self-assessments.
type maturityAPI struct{ *house }

// An apiEvidence is a fact of the catalogue.
type apiEvidence struct {
	ID          string     `json:"id"`
	Kind        string     `json:"kind" enum:"share,rate,stat,count,flag"`
	Unit        string     `json:"unit"`
	Window      string     `json:"window" doc:"days back, or now"`
	Capability  string     `json:"capability"`
	Meaning     string     `json:"meaning"`
	UsedBy      []string   `json:"used_by"`
	State       string     `json:"state" enum:"known,not_applicable,not_connected,stale,absent,late,failed"`
	Value       *float64   `json:"value,omitempty" doc:"of a share 0 to 1; left out unless it is known"`
	N           int        `json:"n,omitempty" doc:"cases looked at"`
	Numerator   *float64   `json:"numerator,omitempty"`
	Denominator *float64   `json:"denominator,omitempty"`
	Date        string     `json:"date,omitempty" doc:"of a flag, YYYY-MM-DD"`
	From        *time.Time `json:"from,omitempty"`
	Until       *time.Time `json:"until,omitempty"`
	How         string     `json:"how,omitempty" doc:"which computation"`
}

func apiEvidenceOf(r evidence.Reading) apiEvidence {
	d, v := r.Definition, r.Value
	out := apiEvidence{ID: d.ID, Kind: string(d.Kind), Unit: d.Unit, Window: string(d.Window), Capability: d.Capability, Meaning: d.Meaning, UsedBy: d.UsedBy, State: string(v.State), Date: v.Date, How: v.Provenance.How}
	switch {
	case r.Late:
		out.State = "late"
	case r.Err != nil:
		out.State = "failed"
	}
	if out.UsedBy == nil {
		out.UsedBy = []string{}
	}
	if v.State == evidence.Known {
		from, until := v.Query.From.UTC(), v.Query.Until.UTC()
		out.Value, out.N, out.Numerator, out.Denominator, out.From, out.Until = &v.Value, v.N, &v.Numerator, &v.Denominator, &from, &until
	}
	return out
}

type listEvidence struct {
	Paging
	Capability string `query:"capability" maxLength:"40"`
}

func (a maturityAPI) facts(ctx context.Context, in *listEvidence) (*apiPage[apiEvidence], error) {
	var ids []string
	for _, d := range a.Evidence.Definitions() {
		if in.Capability == "" || d.Capability == in.Capability {
			ids = append(ids, d.ID)
		}
	}
	all := []apiEvidence{}
	for _, r := range a.readings(ctx, at, ids) {
		all = append(all, apiEvidenceOf(r))
	}
	return pageWithin(ctx, in.Paging, all, func(x apiEvidence) string { return x.ID }, func(x apiEvidence) apiEvidence { return x })
}

type oneEvidence struct {
	ID string `path:"id" maxLength:"80"`
}

type evidenceAnswer struct{ Body apiEvidence }

func (a maturityAPI) fact(ctx context.Context, in *oneEvidence) (*evidenceAnswer, error) {
	if _, ok := a.Evidence.Definition(in.ID); !ok {
		return nil, fault.Errorf(fault.NotFound, "no evidence %q in the catalogue", in.ID)
	}
	return &evidenceAnswer{apiEvidenceOf(a.readings(ctx, at, []string{in.ID})[0])}, nil
}

// An apiAssessment is a self-assessment with its result.
type apiAssessment struct {
	ID         string         `json:"id"`
	Kind       string         `json:"kind" enum:"maturity,stars"`
	Name       string         `json:"name"`
	State      string         `json:"state" enum:"open,closed"`
	Day        string         `json:"day" doc:"of closing, or of opening while it is open"`
	Level      int            `json:"level" doc:"0 to 7; of stars their number"`
	FloorLevel int            `json:"floor_level" doc:"level if 5 to 7 also need decision support"`
	Attained   map[string]int `json:"attained" doc:"per cent by focus area or topic"`
	Expires    string         `json:"expires,omitempty" doc:"of stars: day from which they are expired"`
}

type listAssessments struct {
	Paging
	Kind string `query:"kind" enum:"maturity,stars"`
}

func (a maturityAPI) assessments(ctx context.Context, in *listAssessments) (*apiPage[apiAssessment], error) {
	all := []apiAssessment{}
	for _, kind := range []maturity.Kind{maturity.Digital, maturity.Quality} {
		if in.Kind != "" && in.Kind != string(kind) {
			continue
		}
		found, err := a.Maturity.List(ctx, at, kind)
		if err != nil {
			return nil, err
		}
		for _, one := range found {
			x, err := a.apiAssessment(ctx, kind, one.ID)
			if err != nil {
				return nil, err
			}
			all = append(all, x)
		}
	}
	return pageWithin(ctx, in.Paging, all, func(x apiAssessment) string { return x.ID }, func(x apiAssessment) apiAssessment { return x })
}

func (a maturityAPI) apiAssessment(ctx context.Context, kind maturity.Kind, id string) (apiAssessment, error) {
	one, err := a.Maturity.Get(ctx, at, kind, id)
	if err != nil {
		return apiAssessment{}, err
	}
	f, err := a.Maturity.Result(ctx, one)
	if err != nil {
		return apiAssessment{}, err
	}
	x := apiAssessment{ID: one.ID, Kind: string(kind), Name: one.Name, State: one.State, Day: one.Day, Attained: map[string]int{}, Expires: f.Expires}
	if f.Stars != nil {
		x.Level, x.FloorLevel = f.Stars.Stars, f.Stars.Stars
		for _, t := range f.Stars.Topics {
			x.Attained[t.Code] = (100*t.Sum + t.Counted/2) / max(t.Counted, 1)
		}
		return x, nil
	}
	x.Level, x.FloorLevel = f.Result.Level, f.Result.FloorLevel
	for _, t := range f.Result.Areas {
		x.Attained[t.Code] = t.Percent()
	}
	return x, nil
}
