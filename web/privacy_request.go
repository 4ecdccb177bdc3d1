package web

import (
	"radagora/access/privacy"
	"radagora/web/face"
)

// requestsPage lists requests and takes new ones.
func (s *server) requestsPage(v *visit) error { return v.showRequests(privacy.Asking{}, nil) }

// showRequests shows the list; a and wrong are a form it has to give back.
func (v *visit) showRequests(a privacy.Asking, wrong map[string]string) error {
	ctx, every := v.r.Context(), v.here().query.Get("all") != ""
	all, err := v.Privacy.Requests(ctx, privacySite, !every)
	if err != nil {
		return err
	}
	kinds, err := v.Privacy.Kinds(privacySite)
	if err != nil {
		return err
	}
	people, err := v.Privacy.People(ctx)
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.privacy_requests"), lead: v.p.T("privacy.requests_lead"), section: "/privacy/requests"}
	if wrong != nil {
		pg.status = 400
	}
	return v.show(pg, requestsBody(v, requestList{all, kinds, people, every, a, wrong}))
}

// A requestList is what the page of requests shows.
type requestList struct {
	all    []privacy.Request
	kinds  []privacy.Kind
	people []face.Choice
	every  bool
	form   privacy.Asking
	wrong  map[string]string
}

// requestReceive takes a new request.
func (s *server) requestReceive(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	a := privacy.Asking{
		Site: privacySite, Kind: v.sent("kind"), Channel: v.sent("channel"), ReceivedOn: v.sent("received"), Who: v.sent("who"), Text: v.sent("text"),
	}
	wrong := map[string]string{}
	if a.Who == "" {
		wrong["who"] = v.p.T("privacy.wrong_who")
	}
	if a.ReceivedOn > v.now().Format("2006-01-02") {
		wrong["received"] = v.p.T("privacy.wrong_day")
	}
	if len(wrong) > 0 {
		return v.showRequests(a, wrong)
	}
	id, err := s.Privacy.Receive(v.r.Context(), a)
	if err != nil {
		return err
	}
	return v.back("/privacy/requests/"+id, "request")
}

// requestPage shows one request with its history.
func (s *server) requestPage(v *visit) error { return v.showRequest(privacy.Move{}, nil) }

// showRequest shows one request; m and wrong are a form it has to give back.
func (v *visit) showRequest(m privacy.Move, wrong map[string]string) error {
	ctx, id := v.r.Context(), v.r.PathValue("id")
	q, err := v.Privacy.Request(ctx, privacySite, id)
	if err != nil {
		return err
	}
	events, err := v.Privacy.History(ctx, privacySite, id)
	if err != nil {
		return err
	}
	people, err := v.Privacy.People(ctx)
	if err != nil {
		return err
	}
	pg := page{
		title: q.Kind.Name.In(v.p.Tag()), lead: v.article(q.Kind.Law, q.Kind.Article, q.Kind.Verified), section: "/privacy/requests",
		crumbs: []crumb{{v.p.T("nav.privacy_requests"), "/privacy/requests"}},
	}
	if wrong != nil {
		pg.status = 400
		pg.notices = []face.Notice{{Tone: face.Trouble, Title: v.p.T("form.refused"), Text: v.p.T("form.refused_text")}}
	}
	return v.show(pg, requestBody(v, q, events, people, m, wrong))
}

// requestMove does something with a request.
func (s *server) requestMove(v *visit) error {
	if err := v.form(); err != nil {
		return err
	}
	m := privacy.Move{
		Do: v.sent("do"), How: v.sent("how"), Owner: v.sent("owner"), Text: v.sent("text"), Where: v.sent("where"), Step: v.sent("step"),
	}
	if id := v.sent("person"); id != "" {
		m.Person = s.Privacy.Person(v.sent("issuer"), id).ID
	}
	var wrong map[string]string
	switch m.Do {
	case "extend", "answer":
		wrong = v.tooShort("text")
	case "refuse":
		wrong = v.tooShort("text", "where")
	}
	if wrong != nil {
		return v.showRequest(m, wrong)
	}
	id := v.r.PathValue("id")
	if err := s.Privacy.Move(v.r.Context(), privacySite, id, m); err != nil {
		return err
	}
	return v.back("/privacy/requests/"+id, "request")
}

// requestFacts are what is known of a request.
func (v *visit) requestFacts(q privacy.Request, people []face.Choice) []face.Fact {
	extended := "–"
	if q.ExtendedOn != "" {
		extended = v.day(q.ExtendedOn)
	}
	how := "–"
	if q.VerifiedHow != "" {
		how = v.p.T("privacy.proof_" + q.VerifiedHow)
	}
	return []face.Fact{
		{Label: v.p.T("privacy.state"), Value: v.p.T("privacy.state_" + string(q.State))},
		{Label: v.p.T("privacy.received"), Value: v.day(q.ReceivedOn), Origin: v.p.T("privacy.channel_" + q.Channel)},
		{Label: v.p.T("privacy.limit_first"), Value: v.day(q.Limit.Due), Origin: v.article("gdpr", "12(3)", true)},
		{Label: v.p.T("privacy.limit_extended"), Value: v.day(q.Limit.Extended), Origin: v.p.T("privacy.notice_by", days(v.day(q.Limit.Notice)))},
		{Label: v.p.T("privacy.extended_on"), Value: extended},
		{Label: v.p.T("privacy.identity"), Value: how},
		{Label: v.p.T("privacy.pseudonym"), Value: orElse(q.Person, "–"), Code: q.Person != ""},
		{Label: v.p.T("privacy.owner"), Value: nameOf(people, q.Owner)},
		{Label: v.p.T("privacy.closed_on"), Value: v.day(q.ClosedOn)},
	}
}
