package main

import (
	"context"
	"net/http"

	"radagora/access"
	"radagora/dose"
)

// splits registers what programs may ask about studies that wait to be divided.
func (d *apiDoor) splits() {
	a, group := splitAPI{d.house}, "Dose"
	operate(d, op{
		act: access.ExaminationRead, call: "GET /dose/splitting", id: "list-dose-splitting", group: group,
		summary: "Studies of which a person has to say what was examined, the latest first",
		text:    "Events that belong to no examination without doubt count in the totals of their study and in no median until somebody decided.",
	}, a.list)
	operate(d, op{
		act: access.MappingPropose, call: "POST /dose/splitting", id: "split-dose-study", group: group, status: http.StatusCreated,
		summary: "Say to which examination events of a study belong",
		text:    "This goes before whatever else tells, and no rebuild changes it. Localizers go with the scan that follows them.",
	}, a.assign)
	operate(d, op{
		act: access.MappingPropose, call: "POST /dose/splitting/{id}/undo", id: "undo-dose-split", group: group, status: http.StatusNoContent,
		summary: "Take such a decision back", text: "What was decided about the same events before counts again.",
	}, a.undo)
}

// splitAPI divides studies for programs.
type splitAPI struct{ *house }

// An apiToSplit is a study that waits.
type apiToSplit struct {
	Study       string          `json:"study_uid"`
	Day         string          `json:"day"`
	Started     string          `json:"started,omitempty" doc:"local time"`
	Machine     string          `json:"machine,omitempty" doc:"id, as in GET /rooms"`
	Modality    string          `json:"modality"`
	Description string          `json:"description,omitempty"`
	Unassigned  int             `json:"unassigned" doc:"events of no examination; 0: fewer examinations than were ordered"`
	Events      []apiSplitEvent `json:"irradiation_events"`
}

// An apiSplitEvent is an irradiation event of such a study.
type apiSplitEvent struct {
	Key         string `json:"key" doc:"by which a decision names it"`
	Started     string `json:"started,omitempty" doc:"local time"`
	Type        string `json:"type,omitempty" doc:"code"`
	Protocol    string `json:"protocol,omitempty"`
	Examination string `json:"examination,omitempty" doc:"number of the examination; left out if it is of none"`
	AssignedBy  string `json:"assigned_by,omitempty" doc:"what told that"`
}

type listSplitting struct{ Paging }

func (a splitAPI) list(ctx context.Context, in *listSplitting) (*apiPage[apiToSplit], error) {
	all, _, err := a.Dose.Splitting(ctx, at, 1000)
	if err != nil {
		return nil, err
	}
	page, err := pageWithin(ctx, in.Paging, all, func(s dose.ToSplit) string { return s.Study }, func(s dose.ToSplit) apiToSplit {
		return apiToSplit{s.Study, s.Day, s.Started, s.Machine, s.Modality, s.Description, s.Unassigned, []apiSplitEvent{}}
	})
	if err != nil {
		return nil, err
	}
	for i := range page.Body.Items {
		x := &page.Body.Items[i]
		s, err := a.Dose.Study(ctx, at, x.Study)
		if err != nil {
			return nil, err
		}
		for _, e := range s.Events {
			x.Events = append(x.Events, apiSplitEvent{e.Key, value(e.Started), value(e.Type), value(e.Protocol), e.Examination, e.AssignedBy})
		}
	}
	return page, nil
}

type splitStudy struct {
	Body struct {
		Study  string   `json:"study_uid" minLength:"1" maxLength:"64"`
		Events []string `json:"events" minItems:"1" maxItems:"2000" doc:"keys"`
		Into   string   `json:"into,omitempty" maxLength:"16" doc:"number of the examination that is there; left out: one is made"`
		Exam   string   `json:"examination,omitempty" maxLength:"64" doc:"code of one that is made, as in the content set dose/exam"`
		Multi  bool     `json:"multi_region,omitempty" doc:"the one that is made is several procedures, scanned in one run, that cannot be divided"`
	}
}

type splitAnswer struct {
	Body struct {
		ID string `json:"id" doc:"of the decision"`
	}
}

func (a splitAPI) assign(ctx context.Context, in *splitStudy) (*splitAnswer, error) {
	b := in.Body
	if err := a.maySplit(ctx, b.Study); err != nil {
		return nil, err
	}
	var out splitAnswer
	var err error
	out.Body.ID, err = a.Dose.Assign(ctx, dose.Split{
		Site: at, Study: b.Study, Events: b.Events, Into: b.Into, Exam: b.Exam, Multi: b.Multi, By: access.From(ctx).ID,
	})
	return &out, err
}

type undoSplit struct {
	ID string `path:"id" maxLength:"36"`
}

func (a splitAPI) undo(ctx context.Context, in *undoSplit) (*struct{}, error) {
	_, err := a.Dose.UndoSplit(ctx, at, in.ID, access.From(ctx).ID)
	return nil, err
}
