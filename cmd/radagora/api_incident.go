package main

import (
	"context"
	"net/http"
	"time"

	"radagora/access"
	"radagora/incident"
)

// incidents registers what programs may do with the register of incidents.
func (d *apiDoor) incidents() {
	a, group := incidentAPI{d.house}, "Quality"
	operate(d, op{
		act: access.IncidentRead, call: "GET /incidents", id: "list-incidents", group: group,
		summary: "The register of incidents and near misses, the newest first",
		text:    "Without words that people typed, and without patients.",
	}, a.list)
	operate(d, op{
		act: access.IncidentReport, call: "POST /incidents", id: "report-incident", group: group, status: http.StatusCreated,
		summary: "Report an incident or a near miss",
		text:    "Only the words are needed. Of an anonymous report neither the register nor the journal says who made it.",
	}, a.report)
}

// incidentAPI answers programs about incidents.
type incidentAPI struct{ *house }

// An apiIncident is an incident without words and without a patient.
type apiIncident struct {
	ID        string     `json:"id"`
	Number    string     `json:"number" doc:"year and number within it"`
	State     string     `json:"state" enum:"new,open,closed,aside"`
	Reported  string     `json:"reported" doc:"day at the site"`
	Happened  string     `json:"happened" doc:"day at the site"`
	Sort      string     `json:"sort,omitempty" enum:"event,near_miss"`
	Kind      string     `json:"kind,omitempty" doc:"code of content set incident/kind"`
	Harmed    string     `json:"harmed" enum:"yes,no,unknown"`
	Severity  string     `json:"severity,omitempty"`
	Causes    []string   `json:"causes" doc:"codes of content set incident/cause"`
	Criterion string     `json:"criterion,omitempty" doc:"id of the national criterion that is met, or none; left out while nobody judged"`
	Due       *time.Time `json:"notify_until,omitempty"`
	Notified  string     `json:"notified,omitempty" doc:"when, at the site"`
	Analysed  string     `json:"analysed,omitempty" doc:"day"`
	Missing   []string   `json:"missing" doc:"what keeps it from being closed"`
}

// apiIncidentOf is an incident for programs.
func apiIncidentOf(i *incident.Incident) apiIncident {
	out := apiIncident{
		ID: i.ID, Number: i.Name(), State: i.State, Reported: i.Day, Happened: i.Happened, Sort: i.Sort, Kind: i.Kind, Harmed: i.Harmed, Severity: i.Work.Severity,
		Causes: append([]string{}, i.Work.Causes...), Criterion: i.Work.Criterion, Notified: i.Work.NotifiedAt, Analysed: i.Work.Analysed, Missing: []string{},
	}
	if !i.Work.Due.IsZero() {
		due := i.Work.Due.UTC()
		out.Due = &due
	}
	if i.State == incident.New || i.State == incident.Open {
		out.Missing = append(out.Missing, i.Work.Missing()...)
	}
	return out
}

type listIncidents struct{ Paging }

func (a incidentAPI) list(ctx context.Context, in *listIncidents) (*apiPage[apiIncident], error) {
	all, err := a.Incidents.List(ctx, at)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(i incident.Incident) string { return i.ID }, func(i incident.Incident) apiIncident { return apiIncidentOf(&i) })
}

type reportIncident struct {
	Body struct {
		Words     string `json:"words" minLength:"1" maxLength:"8000" doc:"what happened, without names"`
		Kind      string `json:"kind,omitempty" maxLength:"100" doc:"code of content set incident/kind"`
		Sort      string `json:"sort,omitempty" enum:"event,near_miss"`
		Harmed    string `json:"harmed,omitempty" enum:"yes,no,unknown"`
		Place     string `json:"place,omitempty" maxLength:"300"`
		When      string `json:"when,omitempty" maxLength:"16" doc:"YYYY-MM-DD or YYYY-MM-DDTHH:MM at the site; today if left out"`
		Anonymous bool   `json:"anonymous,omitempty"`
	}
}

// An apiReceipt says under which number a report is kept.
type apiReceipt struct {
	Number string `json:"number"`
}

type reportedIncident struct{ Body apiReceipt }

func (a incidentAPI) report(ctx context.Context, in *reportIncident) (*reportedIncident, error) {
	b := &in.Body
	i, err := a.Incidents.Take(ctx, at, incident.Report{
		Words: b.Words, Kind: b.Kind, Sort: b.Sort, Harmed: b.Harmed, Place: b.Place, When: b.When, Secret: b.Anonymous, Account: access.From(ctx).ID,
	})
	if err != nil {
		return nil, err
	}
	return &reportedIncident{Body: apiReceipt{Number: i.Name()}}, nil
}
