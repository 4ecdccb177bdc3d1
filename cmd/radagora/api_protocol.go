package main

import (
	"context"

	"radagora/access"
	"radagora/dose"
	"radagora/dose/protocol"
)

// protocols registers what programs may ask about the protocols of scanners.
func (d *apiDoor) protocols() {
	a, group := protocolAPI{d.house}, "Dose"
	operate(d, op{
		act: access.AggregateRead, call: "GET /dose/protocols", id: "list-dose-protocols", group: group, summary: "Protocols of scanners, version by version",
		text: "What each machine calls by one name, with the settings that its reports tell. A new version begins where a setting changes lastingly.",
	}, a.list)
	operate(d, op{
		act: access.AggregateRead, call: "GET /dose/protocols/changes", id: "list-dose-protocol-changes", group: group,
		summary: "What each change of a protocol did to the dose, the latest first",
	}, a.changes)
	operate(d, op{
		act: access.AggregateRead, call: "GET /dose/checks", id: "list-dose-checks", group: group,
		summary: "How the dose checks of CT are set up, machine by machine, in the last twelve months",
	}, a.checks)
}

// protocolAPI answers programs about protocols.
type protocolAPI struct{ *house }

// An apiProtocol is one version of a protocol.
type apiProtocol struct {
	ID       string                  `json:"id"`
	Machine  string                  `json:"machine" doc:"id, as in GET /rooms"`
	Protocol string                  `json:"protocol" doc:"as the machine sends it; empty if it sends none"`
	Type     string                  `json:"type" doc:"of acquisition"`
	Modality string                  `json:"modality"`
	Version  int                     `json:"version" doc:"from 1"`
	First    string                  `json:"first" doc:"day"`
	Last     string                  `json:"last" doc:"day"`
	N        int                     `json:"n" doc:"studies"`
	Settings map[string][]apiSetting `json:"settings" doc:"values of each setting, the most frequent first"`
	Changed  []protocol.Changed      `json:"changed" doc:"what began this version"`
}

func apiProtocolOf(v protocol.Version) apiProtocol {
	return apiProtocol{
		protocolID(v.Key) + "." + figure(float64(v.Number)), v.Machine, v.Protocol, v.Type, v.Modality, v.Number, v.First, v.Last, v.N, apiSettings(v.Settings),
		append([]protocol.Changed{}, v.Changed...),
	}
}

// An apiSetting is a value of a setting, and how many studies had it.
type apiSetting protocol.Value

func apiSettings(all map[string][]protocol.Value) map[string][]apiSetting {
	out := map[string][]apiSetting{}
	for name, values := range all {
		for _, v := range values {
			out[name] = append(out[name], apiSetting(v))
		}
	}
	return out
}

type listProtocols struct {
	Paging
	Machine string `query:"machine" maxLength:"36" doc:"id"`
}

func (a protocolAPI) list(ctx context.Context, in *listProtocols) (*apiPage[apiProtocol], error) {
	all, err := a.Protocols.Versions(ctx, at, in.Machine)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(v protocol.Version) string { return apiProtocolOf(v).ID }, apiProtocolOf)
}

// An apiEffect is the ratio of two medians.
type apiEffect struct {
	Quantity string       `json:"quantity"`
	Unit     string       `json:"unit" doc:"UCUM, of the medians"`
	Before   apiMedian    `json:"before"`
	After    apiMedian    `json:"after"`
	Ratio    float64      `json:"ratio,omitempty" doc:"after over before"`
	Interval *apiInterval `json:"interval,omitempty" doc:"of the ratio; left out if there are too few"`
}

// An apiMedian is a median and what it rests on.
type apiMedian struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
}

// An apiProtocolChange is a change and what it did.
type apiProtocolChange struct {
	apiProtocol
	Effects []apiEffect `json:"effects"`
}

func (a protocolAPI) changes(ctx context.Context, in *listProtocols) (*apiPage[apiProtocolChange], error) {
	all, err := a.Protocols.Effects(ctx, at, in.Machine)
	if err != nil {
		return nil, err
	}
	rules, err := protocol.LoadRules(a.Content, at)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, in.Paging, all, func(v protocol.ChangeEffect) string { return apiProtocolOf(v.Version).ID }, func(v protocol.ChangeEffect) apiProtocolChange {
		out := apiProtocolChange{apiProtocolOf(v.Version), []apiEffect{}}
		for _, e := range v.Effects {
			x := apiEffect{e.Code, e.Unit, apiMedian{e.A.N, e.A.Median}, apiMedian{e.B.N, e.B.Median}, e.Ratio, nil}
			if e.Interval {
				x.Interval = &apiInterval{e.Low, e.High, rules.Coverage}
			}
			out.Effects = append(out.Effects, x)
		}
		return out
	})
}

// An apiCheckRoom is how the dose checks of a machine are set up.
type apiCheckRoom struct {
	Machine      string     `json:"machine" doc:"id, as in GET /rooms"`
	Examinations int        `json:"examinations"`
	Exceeding    int        `json:"exceeding" doc:"examinations in which a value was exceeded"`
	Checks       []apiCheck `json:"checks"`
}

// An apiCheck is one dose check for one quantity.
type apiCheck struct {
	Protocol string    `json:"protocol,omitempty" doc:"left out: all protocols of the machine together"`
	Kind     string    `json:"kind" enum:"alert,notification"`
	Quantity string    `json:"quantity" enum:"dlp,ctdivol"`
	Unit     string    `json:"unit" doc:"UCUM"`
	State    string    `json:"state" enum:"not_recorded,not_configured,not_sent,configured"`
	Values   []float64 `json:"values" doc:"the most frequent first"`
	Events   int       `json:"events" doc:"irradiation events of CT"`
	Recorded int       `json:"recorded" doc:"of these, with this check"`
	Exceeded int       `json:"exceeded"`
	NoReason int       `json:"without_reason" doc:"exceeded, and no reason is recorded"`
}

func (a protocolAPI) checks(ctx context.Context, in *Paging) (*apiPage[apiCheckRoom], error) {
	settings, err := dose.LoadSettings(a.Content, at)
	if err != nil {
		return nil, err
	}
	p := dose.Last(settings.Period, a.Now())
	all, err := a.Protocols.Checks(ctx, at, p.From, p.To)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, *in, all, func(c protocol.CheckRoom) string { return c.Machine }, func(c protocol.CheckRoom) apiCheckRoom {
		out := apiCheckRoom{c.Machine, c.Examinations, c.Exceeding, []apiCheck{}}
		for _, g := range append(c.Whole, c.Protocols...) {
			x := apiCheck{g.Protocol, g.Kind, g.Quantity, g.Unit, g.State, []float64{}, g.Events, g.Recorded, g.Exceeded, g.NoReason}
			for _, value := range g.Values {
				x.Values = append(x.Values, value.Value)
			}
			out.Checks = append(out.Checks, x)
		}
		return out
	})
}
