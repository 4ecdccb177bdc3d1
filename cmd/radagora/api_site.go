package main

import (
	"context"
	"time"

	"radagora/access"
	"radagora/journal"
	"radagora/lang"
	"radagora/site"
)

// site registers what programs may ask about rooms, machines and peers.
func (d *apiDoor) site() {
	a, group := siteAPI{d.house}, "Site"
	operate(d, op{act: access.SiteRead, call: "GET /rooms", id: "list-rooms", group: group, summary: "Rooms with their machines, by name"}, a.rooms)
	operate(d, op{
		act: access.PeerRead, call: "GET /peers", id: "list-peers", group: group, summary: "DICOM applications that are known, and whether they may send and ask",
	}, a.peers)
}

// siteAPI answers programs about rooms and peers.
type siteAPI struct{ *house }

// An apiRoom is an imaging room.
type apiRoom struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Named    bool         `json:"named" doc:"a person said so; otherwise it is proposed"`
	Area     string       `json:"area,omitempty"`
	Machines []apiMachine `json:"machines"`
}

// An apiMachine is what sends from a room.
type apiMachine struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Modality     string   `json:"modality,omitempty"`
	Manufacturer string   `json:"manufacturer,omitempty"`
	Model        string   `json:"model,omitempty"`
	Serial       string   `json:"serial,omitempty"`
	Station      string   `json:"station,omitempty"`
	AETitles     []string `json:"ae_titles"`
	Software     []string `json:"software" doc:"versions, the latest first"`
	First        string   `json:"first_day,omitempty" doc:"YYYY-MM-DD"`
	Last         string   `json:"last_day,omitempty"`
}

func (a siteAPI) rooms(ctx context.Context, in *Paging) (*apiPage[apiRoom], error) {
	p, err := a.Sites.Plan(ctx, a.DB, at)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, *in, p.Rooms, func(r site.Room) string { return r.ID }, func(r site.Room) apiRoom {
		out := apiRoom{r.ID, r.Name, r.Named, r.Area, []apiMachine{}}
		for _, m := range r.Machines {
			out.Machines = append(out.Machines, apiMachine{
				m.ID, m.Name, m.Modality, m.Manufacturer, m.Model, m.Serial, m.Station, append([]string{}, traits(m.AETitles)...),
				append([]string{}, traits(m.Software)...), m.FirstDay, m.LastDay,
			})
		}
		return out
	})
}

// An apiPeer is a DICOM application.
type apiPeer struct {
	AETitle   string         `json:"ae_title"`
	Host      string         `json:"host,omitempty"`
	Port      int            `json:"port,omitempty" doc:"where it answers; left out if it does not"`
	State     site.PeerState `json:"state"`
	TLS       bool           `json:"tls" doc:"it is let in over TLS alone"`
	Note      string         `json:"note,omitempty"`
	DecidedBy string         `json:"decided_by,omitempty"`
	Decided   *time.Time     `json:"decided,omitempty"`
	Last      *time.Time     `json:"last,omitempty" doc:"its last association"`
}

func (a siteAPI) peers(ctx context.Context, in *Paging) (*apiPage[apiPeer], error) {
	all, err := a.Sites.Peers(ctx, at)
	if err != nil {
		return nil, err
	}
	return pageWithin(ctx, *in, all, func(p site.Peer) string { return p.AETitle }, func(p site.Peer) apiPeer {
		return apiPeer{p.AETitle, p.Host, p.Port, p.State, p.TLS, p.Note, p.DecidedBy, timeOrNone(p.DecidedAt), timeOrNone(p.Last)}
	})
}

// operation registers what programs may ask about the program itself.
func (d *apiDoor) operation() {
	a, group := operationAPI{d.house}, "Operation"
	operate(d, op{
		act: access.StatusRead, call: "GET /status", id: "get-status", group: group, summary: "How the installation stands: values beside their references",
	}, a.status)
	operate(d, op{
		act: access.JournalRead, call: "GET /journal", id: "list-journal", group: group, summary: "What happened, the latest first",
		text: "Without what entries say of persons.",
	}, a.journal)
}

// operationAPI answers programs about the program.
type operationAPI struct{ *house }

// An apiCondition is one thing that is looked at.
type apiCondition struct {
	Group     string `json:"group" enum:"storage,work,doors,program"`
	Name      string `json:"name" doc:"in words; code stays the same"`
	Code      string `json:"code"`
	Value     string `json:"value" doc:"in words, with its unit"`
	Reference string `json:"reference,omitempty" doc:"in words: what it is compared with"`
	State     string `json:"state,omitempty" enum:"good,attention,trouble,unknown" doc:"left out: there is nothing to compare with"`
}

// An apiStatus is how the installation stands.
type statusAnswer struct {
	Body struct {
		Version    string         `json:"version" doc:"of the program"`
		At         time.Time      `json:"at"`
		Conditions []apiCondition `json:"conditions"`
	}
}

func (a operationAPI) status(ctx context.Context, _ *struct{}) (*statusAnswer, error) {
	catalogue, err := lang.Open()
	if err != nil {
		return nil, err
	}
	p := catalogue.Printer("en")
	say := func(m lang.Message) string {
		if m.Key == "" {
			return ""
		}
		return p.T(m.Key, m.Args)
	}
	out := &statusAnswer{}
	out.Body.Version, out.Body.At, out.Body.Conditions = versionText(), a.Now().UTC(), []apiCondition{}
	for _, c := range a.Observer.look(ctx) {
		out.Body.Conditions = append(out.Body.Conditions, apiCondition{c.Group, say(c.Name), c.Name.Key, say(c.Value), say(c.Reference), c.State})
	}
	return out, nil
}

type listJournal struct {
	Paging
	Kind     string    `query:"kind" maxLength:"100" doc:"archive.study.deleted, or archive.*"`
	Actor    string    `query:"actor" maxLength:"100"`
	About    string    `query:"about" maxLength:"100" doc:"a UID or an id"`
	Person   string    `query:"person_key" maxLength:"100"`
	From     time.Time `query:"from" doc:"RFC 3339"`
	Until    time.Time `query:"until" doc:"before then"`
	OfPeople bool      `query:"personal" doc:"only those about some person"`
}

func (a operationAPI) journal(ctx context.Context, in *listJournal) (*apiPage[apiEntry], error) {
	f := journal.Filter{Site: at, Actor: in.Actor, Subject: in.About, PersonKey: in.Person, From: in.From, Until: in.Until, Personal: in.OfPeople}
	if in.Kind != "" {
		f.Kinds = []string{in.Kind}
	}
	return a.entries(ctx, in.Paging, f)
}
