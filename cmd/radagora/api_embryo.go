package main

import (
	"context"
	"time"

	"radagora/access"
	"radagora/dose/embryo"
)

// embryos registers what programs may ask about worksheets of the dose to an embryo.
func (d *apiDoor) embryos() {
	operate(d, op{
		act: access.StudyFind, call: "GET /studies/{study}/embryo-worksheets", id: "list-embryo-worksheets", group: "Dose",
		summary: "What was declared of the dose to an embryo or fetus",
		text:    "The worksheets of a study with every version and step, for those who may see the study. They are declared by a physicist on the pages, or by command.",
	}, embryoAPI{d.house}.list)
}

// embryoAPI answers programs about worksheets.
type embryoAPI struct{ *house }

// An apiWorksheet is a worksheet with its versions.
type apiWorksheet struct {
	ID       string            `json:"id"`
	Study    string            `json:"study" doc:"Study Instance UID"`
	State    string            `json:"state" enum:"stands,withdrawn"`
	Versions []apiSheetVersion `json:"versions" doc:"the oldest first"`
}

// An apiSheetVersion is what was declared, or that it was withdrawn.
type apiSheetVersion struct {
	Version     int            `json:"version"`
	What        string         `json:"what" enum:"declared,withdrawn"`
	Reason      string         `json:"reason,omitempty"`
	Day         string         `json:"day" doc:"at the site"`
	At          time.Time      `json:"at"`
	By          string         `json:"by" doc:"account"`
	Name        string         `json:"name" doc:"of who declared, as it is printed"`
	Weeks       string         `json:"weeks,omitempty" doc:"gestational age in completed weeks since the last period"`
	Days        string         `json:"days,omitempty"`
	KnownBy     string         `json:"age_known_by,omitempty" enum:"ultrasound,period,estimated"`
	Method      string         `json:"method"`
	Dose        float64        `json:"dose_mgy" doc:"absorbed dose to the uterus, standing for the embryo or fetus"`
	Uncertainty string         `json:"uncertainty_mgy,omitempty" doc:"coverage factor 2; left out unless every line has one"`
	Combine     string         `json:"uncertainty_combined" enum:"linear,quadrature"`
	Lines       []apiSheetLine `json:"lines"`
}

// An apiSheetLine is a line of a worksheet with its step.
type apiSheetLine struct {
	Name        string  `json:"name"`
	Quantity    string  `json:"quantity"`
	Value       string  `json:"value"`
	Unit        string  `json:"unit" doc:"UCUM"`
	Place       string  `json:"place" enum:"inside,partly,outside,apart" doc:"of the uterus, seen from the beam"`
	Coefficient string  `json:"coefficient,omitempty" doc:"mGy for each unit"`
	Factor      string  `json:"factor,omitempty"`
	Source      string  `json:"source"`
	Dose        float64 `json:"dose_mgy"`
}

type worksheetsAsked struct {
	Study string `path:"study" maxLength:"64"`
}

type worksheetsAnswer struct {
	Body struct {
		Items []apiWorksheet `json:"items"`
	}
}

func (a embryoAPI) list(ctx context.Context, in *worksheetsAsked) (*worksheetsAnswer, error) {
	all, err := a.worksheets(ctx, in.Study)
	if err != nil {
		return nil, err
	}
	var out worksheetsAnswer
	out.Body.Items = all
	return &out, nil
}

// worksheets returns the worksheets of a study to those who may see it.
func (h *house) worksheets(ctx context.Context, study string) ([]apiWorksheet, error) {
	if _, _, err := h.embryoStudy(ctx, study); err != nil {
		return nil, err
	}
	list, err := h.Embryo.Of(ctx, at, study)
	all := []apiWorksheet{}
	for _, w := range list {
		one := apiWorksheet{ID: w.ID, Study: w.Study, State: w.State, Versions: []apiSheetVersion{}}
		for _, v := range w.Versions {
			one.Versions = append(one.Versions, apiVersionOf(v))
		}
		all = append(all, one)
	}
	return all, err
}

func apiVersionOf(v embryo.Version) apiSheetVersion {
	s := v.Sheet
	out := apiSheetVersion{
		Version: v.Number, What: v.Kind, Reason: v.Reason, Day: v.Day, At: v.At, By: v.By, Name: s.Name, Weeks: s.Weeks, Days: s.Days, KnownBy: s.KnownBy,
		Method: s.Method, Dose: v.Result.Dose.Float(), Uncertainty: v.Result.Uncertainty, Combine: s.Combine, Lines: []apiSheetLine{},
	}
	for i, l := range s.Lines {
		line := apiSheetLine{Name: l.Name, Quantity: l.Quantity, Value: l.Value, Unit: embryo.Unit(l.Quantity), Place: l.Place, Coefficient: l.Coefficient, Factor: l.Factor, Source: l.Source}
		if i < len(v.Result.Steps) {
			line.Dose = v.Result.Steps[i].Dose.Float()
		}
		out.Lines = append(out.Lines, line)
	}
	return out
}
