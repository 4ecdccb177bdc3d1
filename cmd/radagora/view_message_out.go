package main

import (
	"context"
	"slices"
	"strings"

	"radagora/access"
	"radagora/connect"
	"radagora/hl7"
	"radagora/web"
)

func receiverOf(t connect.OutTraffic) web.MessageReceiver {
	c := t.Receiver
	r := web.MessageReceiver{
		ID: c.ID, Name: c.Name, Address: c.Address, TLS: c.TLS, Certificate: c.Certificate, Version: c.Version, Form: c.Form, Enhanced: c.Enhanced,
		Application: c.Application, Facility: c.Facility, ToApplication: c.ToApplication, ToFacility: c.ToFacility, Charset: c.Charset,
		Language: c.Language, Home: c.Home, Mapping: c.Mapping, State: string(c.State), Last: c.Last, FailingAt: c.FailingAt, Oldest: t.Oldest,
		Failures: c.Failures, Trouble: c.Trouble, Hour: t.Hour, Day: t.Day, Backlog: t.Counts[connect.Queued],
		Refused: t.Counts[connect.Refused], Failed: t.Counts[connect.OutFailed],
	}
	for _, k := range c.Kinds {
		r.Kinds = append(r.Kinds, string(k))
	}
	return r
}

// outMessages lists what we send. A list names nobody; who asks by patient is noted.
func (v messageView) outMessages(ctx context.Context, q web.MessageQuery, p *web.MessagesPage) (err error) {
	f := connect.OutFilter{Receiver: q.Channel, Code: q.Code, Control: q.Control, Before: q.Before, Limit: mostMessages}
	if q.State != "" {
		f.States = []connect.OutState{connect.OutState(q.State)}
	}
	if q.Patient != "" && p.MayFind {
		if f.Person, err = v.soughtPerson(ctx, q.Patient); err != nil {
			return err
		}
	}
	list, err := v.Connect.OutMessages(ctx, at, f)
	if err != nil {
		return err
	}
	for _, m := range list {
		p.Messages = append(p.Messages, outRow(m))
	}
	if len(list) == mostMessages {
		p.More = list[len(list)-1].ID
	}
	return nil
}

func outRow(m connect.Outgoing) web.MessageRow {
	return web.MessageRow{
		ID: m.ID, Channel: m.Receiver, Control: m.Control, Code: m.Code, State: string(m.State), Reason: m.Reason, At: m.At, Event: m.Done,
	}
}

// OutMessage implements web.Messages. Whoever reads a message is noted.
func (v messageView) OutMessage(ctx context.Context, id string) (web.MessagePage, error) {
	m, err := v.Connect.OutMessage(ctx, at, id)
	if err != nil {
		return web.MessagePage{}, err
	}
	whose := access.Subject{Site: at, Person: m.Person}
	if err := v.noteRead(ctx, access.MessageRead, whose); err != nil {
		return web.MessagePage{}, err
	}
	p := web.MessagePage{MessageRow: outRow(m), By: m.By, Replaces: m.Replaces, Raw: lines(m.Body), Emptied: m.Emptied, Answer: lines(m.Answer)}
	p.MayChange = access.Can(ctx, access.MessageChange, whose) && m.State != connect.OutReplaced
	all, err := v.Connect.Receivers(ctx, at)
	if i := slices.IndexFunc(all, func(c connect.Receiver) bool { return c.ID == m.Receiver }); i >= 0 {
		p.Channel = all[i].Name
	}
	if parsed, perr := hl7.Parse(m.Body, nil); perr == nil {
		for _, s := range parsed.Segments() {
			p.Segments = append(p.Segments, segmentNode(s))
		}
	}
	return p, err
}

// SetReceiver implements web.Messages.
func (v messageView) SetReceiver(ctx context.Context, c web.MessageReceiver) error {
	r := connect.Receiver{
		ID: c.ID, Site: at, Name: c.Name, Address: c.Address, TLS: c.TLS, Certificate: c.Certificate, Version: c.Version, Form: c.Form,
		Enhanced: c.Enhanced, Application: c.Application, Facility: c.Facility, ToApplication: c.ToApplication, ToFacility: c.ToFacility,
		Charset: c.Charset, Language: c.Language, Home: c.Home, Mapping: c.Mapping, State: connect.ReceiverState(c.State),
	}
	for _, k := range c.Kinds {
		r.Kinds = append(r.Kinds, connect.OutKind(k))
	}
	_, err := v.Connect.SetReceiver(ctx, r)
	return err
}

// SendMessage implements web.Messages.
func (v messageView) SendMessage(ctx context.Context, id, text, reason string) (string, error) {
	return v.Connect.SendAgain(ctx, at, id, typedMessage(text), reason)
}

// typedMessage is a message as people write it, with a line for each segment; nil for
// none.
func typedMessage(text string) []byte {
	if text == "" {
		return nil
	}
	return []byte(strings.NewReplacer("\r\n", "\r", "\n", "\r").Replace(strings.TrimSpace(text)) + "\r")
}

// DropMessage implements web.Messages.
func (v messageView) DropMessage(ctx context.Context, id, reason string) error {
	return v.Connect.SetAside(ctx, at, id, reason)
}
