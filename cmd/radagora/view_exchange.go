package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"radagora/access"
	"radagora/archive/exchange"
	"radagora/dicom/uid"
	"radagora/fault"
	"radagora/site"
	"radagora/web"
	"radagora/web/face"
)

// An exchangeView shows what goes to peers.
type exchangeView struct{ *view }

// mostTransfers is how many transfers the page lists.
const mostTransfers = 100

// Exchange implements web.Exchange.
func (v exchangeView) Exchange(ctx context.Context, study string) (web.ExchangePage, error) {
	p := web.ExchangePage{Change: access.Can(ctx, access.RuleChange, access.Subject{Site: at})}
	peers, err := v.Sites.Peers(ctx, at)
	if err != nil {
		return p, err
	}
	for _, one := range peers {
		if one.Host != "" && one.Port != 0 && one.State != site.Blocked {
			p.Peers = append(p.Peers, face.Choice{Code: one.AETitle, Label: one.AETitle})
		}
	}
	rules, err := v.house.Exchange.Rules(ctx, at)
	if err != nil {
		return p, err
	}
	names := map[string]string{}
	for _, r := range rules {
		p.Rules = append(p.Rules, forwardRule(r))
		names[r.ID] = r.Name
	}
	list, err := v.house.Exchange.Transfers(ctx, at, study, nil, mostTransfers)
	if err != nil {
		return p, err
	}
	people, err := v.accountNames(ctx)
	if err != nil {
		return p, err
	}
	for _, t := range list {
		x := web.Transfer{
			ID: t.ID, Peer: t.Peer, Study: t.Study, Part: string(t.Part), State: string(t.State), Reason: t.Reason, Detail: t.Detail,
			Rule: names[t.Rule], By: people[t.By], Total: t.Total, Sent: t.Sent, Refused: t.Refused, Attempts: t.Attempts, Updated: t.Updated,
			Commitment: t.Commitment, Committed: t.Committed,
		}
		x.Title = v.studyWords(ctx, t.Study)
		p.Transfers = append(p.Transfers, x)
	}
	for state, n := range map[exchange.State]*int{exchange.Waiting: &p.Waiting, exchange.Sending: &p.Waiting, exchange.Failed: &p.Failed} {
		more, err := v.house.Exchange.Transfers(ctx, at, study, []exchange.State{state}, 1000)
		if err != nil {
			return p, err
		}
		*n += len(more)
	}
	return p, nil
}

// studyWords says which study it is, without the patient.
func (v exchangeView) studyWords(ctx context.Context, name string) string {
	u, err := uid.Parse(name)
	if err != nil {
		return ""
	}
	s, err := v.Archive.Study(ctx, at, u)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.Join(s.Modalities, " ") + " " + s.Description)
}

// forwardRule is a rule as pages show it.
func forwardRule(r exchange.Rule) web.ForwardRule {
	hour := func(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }
	out := web.ForwardRule{
		ID: r.ID, Name: r.Name, Peer: r.Peer, Part: string(r.Part), Active: r.Active,
		CallingAE: strings.Join(r.CallingAE, " "), Modality: strings.Join(r.Modality, " "), BodyPart: strings.Join(r.BodyPart, " "),
		Description: r.Description, Rest: int(r.Rest / time.Second), DecidedBy: r.DecidedBy, Decided: r.Decided,
	}
	if r.From != r.Until {
		out.From, out.Until = hour(r.From), hour(r.Until)
	}
	return out
}

// SetRule implements web.Exchange.
func (v exchangeView) SetRule(ctx context.Context, r web.ForwardRule) error {
	if err := may(ctx, access.RuleChange); err != nil {
		return err
	}
	minute := func(text string) int {
		t, err := time.Parse("15:04", text)
		if err != nil {
			return 0
		}
		return t.Hour()*60 + t.Minute()
	}
	list := func(text string) []string {
		return strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ',' || c == ';' || c == '\\' })
	}
	_, err := v.house.Exchange.SetRule(ctx, access.From(ctx).ID, exchange.Rule{
		ID: r.ID, Site: at, Name: r.Name, Active: r.Active, Peer: r.Peer, Part: exchange.Part(r.Part),
		CallingAE: list(r.CallingAE), Modality: list(r.Modality), BodyPart: list(r.BodyPart), Description: r.Description,
		From: minute(r.From), Until: minute(r.Until), Rest: time.Duration(r.Rest) * time.Second,
	})
	return err
}

// RemoveRule implements web.Exchange.
func (v exchangeView) RemoveRule(ctx context.Context, id string) error {
	if err := may(ctx, access.RuleChange); err != nil {
		return err
	}
	return v.house.Exchange.RemoveRule(ctx, access.From(ctx).ID, at, id)
}

// SendStudy implements web.Exchange.
func (v exchangeView) SendStudy(ctx context.Context, study, peer, part string, again bool) error {
	u, err := uid.Parse(study)
	if err != nil {
		return notFound("study")
	}
	if err := v.mayStudy(ctx, access.ObjectSend, u); err != nil {
		return err
	}
	if _, err := v.Archive.Study(ctx, at, u); err != nil {
		return err
	}
	p, err := v.Sites.Peer(ctx, at, peer)
	if err != nil {
		return err
	}
	if p.Host == "" || p.Port == 0 {
		return fault.Errorf(fault.Invalid, "peer %s: no host and port to call", peer)
	}
	return v.house.Exchange.Send(ctx, access.From(ctx).ID, at, peer, study, "", exchange.Part(part), again)
}

// SendAgain implements web.Exchange.
func (v exchangeView) SendAgain(ctx context.Context, id string) error {
	if err := v.maySend(ctx, id); err != nil {
		return err
	}
	return v.house.Exchange.Again(ctx, access.From(ctx).ID, at, id)
}

// SendCancel implements web.Exchange.
func (v exchangeView) SendCancel(ctx context.Context, id string) error {
	if err := v.maySend(ctx, id); err != nil {
		return err
	}
	return v.house.Exchange.Cancel(ctx, access.From(ctx).ID, at, id)
}

// maySend returns an error unless whoever asks may send what a transfer is about.
func (v exchangeView) maySend(ctx context.Context, id string) error {
	t, err := v.house.Exchange.Transfer(ctx, at, id)
	if err != nil {
		return err
	}
	u, err := uid.Parse(t.Study)
	if err != nil {
		return err
	}
	return v.mayStudy(ctx, access.ObjectSend, u)
}
