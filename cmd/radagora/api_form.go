package main

import (
	"context"
	"encoding/json"
	"time"

	"radagora/access"
)

// forms registers what programs may do with forms and answers.
func (d *apiDoor) forms() {
	a, group := formAPI{d.house}, "Quality"
	operate(d, op{
		act: access.FormRead, call: "GET /forms", id: "list-forms", group: group,
		summary: "Every version of every form, those that come with the program among them",
	}, a.list)
	operate(d, op{
		act: access.FormRead, call: "GET /forms/version", id: "get-form", group: group, lacks: true,
		summary: "A version of a form as a FHIR Questionnaire (R4)",
	}, a.one)
	operate(d, op{
		act: access.FormEdit, call: "PUT /forms/version", id: "put-form", group: group,
		summary: "Keep a form as a draft",
		text:    "Its address and version are those in the Questionnaire. A draft takes the place of the draft of that version; a version that was published never changes.",
	}, a.put)
	operate(d, op{
		act: access.FormRead, call: "GET /forms/answers", id: "list-form-answers", group: group,
		summary: "What was answered, the latest first, at most a thousand",
	}, a.answers)
	operate(d, op{
		act: access.FormRead, call: "GET /forms/answers/{answers}", id: "get-form-answers", group: group,
		summary: "Answers as a FHIR QuestionnaireResponse (R4)",
		text:    "Answers about a patient are told to those only who may know the patient.",
	}, a.answer)
}

// formAPI answers programs about forms.
type formAPI struct{ *house }

// An apiForm is a version of a form.
type apiForm struct {
	Form    string `json:"form" doc:"canonical address"`
	Version string `json:"version"`
	Title   string `json:"title"`
	State   string `json:"state" enum:"draft,active,retired"`
	Shipped bool   `json:"shipped,omitempty" doc:"comes with the program"`
}

// An apiFormAnswers is what was answered to a form, without the answers.
type apiFormAnswers struct {
	ID       string    `json:"id"`
	Form     string    `json:"form" doc:"canonical address"`
	Version  string    `json:"version"`
	Title    string    `json:"title"`
	State    string    `json:"state" enum:"in_progress,completed,amended,stopped"`
	Answered int       `json:"answered" doc:"questions that have an answer"`
	Asked    int       `json:"asked" doc:"questions that are asked so far"`
	Saved    time.Time `json:"saved_at"`
}

// formVersions returns all versions of all forms.
func (h *house) formVersions(ctx context.Context) ([]apiForm, error) {
	all, err := h.Forms.Versions(ctx, at)
	out := make([]apiForm, len(all))
	for i, v := range all {
		out[i] = apiForm{Form: v.URL, Version: v.Version, Title: v.Title, State: v.State, Shipped: v.Shipped}
	}
	return out, err
}

// formAnswers returns what was answered, to a form or to all.
func (h *house) formAnswers(ctx context.Context, form string) ([]apiFormAnswers, error) {
	all, err := h.Forms.Responses(ctx, at, form, "")
	out := []apiFormAnswers{}
	for _, r := range all {
		if h.mayResponse(ctx, access.FormRead, r) != nil {
			continue // about a patient whom the asker may not know
		}
		out = append(out, apiFormAnswers{ID: r.ID, Form: r.URL, Version: r.Version, Title: r.Title, State: r.State, Answered: r.Answered, Asked: r.Asked, Saved: r.SavedAt.UTC()})
	}
	return out, err
}

type listForms struct{ Paging }

func (a formAPI) list(ctx context.Context, in *listForms) (*apiPage[apiForm], error) {
	all, err := a.formVersions(ctx)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(f apiForm) string { return f.Form + "|" + f.Version }, func(f apiForm) apiForm { return f })
}

type getForm struct {
	Form    string `query:"form" required:"true" maxLength:"200"`
	Version string `query:"version" required:"true" maxLength:"50"`
}

type gotResource struct{ Body json.RawMessage }

func (a formAPI) one(ctx context.Context, in *getForm) (*gotResource, error) {
	_, v, err := a.Forms.Form(ctx, at, in.Form, in.Version)
	if err != nil {
		return nil, err
	}
	return &gotResource{v.Resource.JSON()}, nil
}

type putForm struct{ Body json.RawMessage }

type gotForm struct{ Body apiForm }

func (a formAPI) put(ctx context.Context, in *putForm) (*gotForm, error) {
	v, _, err := a.Forms.Put(ctx, at, in.Body, access.From(ctx).ID)
	if err != nil {
		return nil, err
	}
	return &gotForm{apiForm{Form: v.URL, Version: v.Version, Title: v.Title, State: v.State}}, nil
}

type listFormAnswers struct {
	Paging
	Form string `query:"form" maxLength:"200" doc:"canonical address; all forms if left out"`
}

func (a formAPI) answers(ctx context.Context, in *listFormAnswers) (*apiPage[apiFormAnswers], error) {
	all, err := a.formAnswers(ctx, in.Form)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(r apiFormAnswers) string { return r.ID }, func(r apiFormAnswers) apiFormAnswers { return r })
}

type getFormAnswers struct {
	Answers string `path:"answers" maxLength:"64"`
}

func (a formAPI) answer(ctx context.Context, in *getFormAnswers) (*gotResource, error) {
	r, s, err := a.openResponse(ctx, access.FormRead, in.Answers)
	if err != nil {
		return nil, err
	}
	resource, err := formResource(r, s, s.Language)
	if err != nil {
		return nil, err
	}
	return &gotResource{resource.JSON()}, nil
}
