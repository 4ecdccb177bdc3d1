package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"radagora/access"
	"radagora/connect"
	"radagora/hl7"
	"radagora/web"
	"radagora/web/face"
)

// A messageView shows systems that send messages, and what came of these.
type messageView struct{ *view }

// mostMessages is how many messages a page lists.
const mostMessages = 50

// Messages implements web.Messages. A list names nobody; who asks by patient is noted.
func (v messageView) Messages(ctx context.Context, q web.MessageQuery) (p web.MessagesPage, err error) {
	here := access.Subject{Site: at}
	p = web.MessagesPage{
		Nameless: v.Connect.Nameless, MayChange: access.Can(ctx, access.ChannelChange, here), MayFind: access.Can(ctx, access.MessageRead, here),
	}
	for _, s := range []string{v.settings.MLLP, v.settings.MLLPTLS} {
		if s != "" {
			p.Lines = append(p.Lines, s)
		}
	}
	for _, s := range v.Content.OfKind(at, "hl7_map") {
		p.Mappings = append(p.Mappings, face.Choice{Code: s.ID, Label: s.Title})
	}
	traffic, err := v.Connect.Traffic(ctx, at)
	if err != nil {
		return p, err
	}
	for _, t := range traffic {
		p.Channels = append(p.Channels, channelOf(t))
	}
	to, err := v.Connect.OutTraffic(ctx, at)
	if err != nil {
		return p, err
	}
	for _, t := range to {
		p.Receivers = append(p.Receivers, receiverOf(t))
	}
	for _, l := range v.catalogue.Languages() {
		p.Languages = append(p.Languages, face.Choice{Code: l.Tag, Label: l.Name})
	}
	if q.Out {
		return p, v.outMessages(ctx, q, &p)
	}
	f := connect.Filter{Channel: q.Channel, Code: q.Code, Control: q.Control, Before: q.Before, Limit: mostMessages}
	if q.State != "" {
		f.States = []connect.State{connect.State(q.State)}
	}
	if q.Patient != "" && p.MayFind {
		if f.Person, err = v.soughtPerson(ctx, q.Patient); err != nil {
			return p, err
		}
	}
	list, err := v.Connect.Messages(ctx, at, f)
	if err != nil {
		return p, err
	}
	for _, m := range list {
		p.Messages = append(p.Messages, messageRow(m))
	}
	if len(list) == mostMessages {
		p.More = list[len(list)-1].ID
	}
	return p, nil
}

// soughtPerson returns the key of the patient that was typed, and notes that somebody
// asked for them.
func (v messageView) soughtPerson(ctx context.Context, typed string) (string, error) {
	key := v.typed(typed)
	if !strings.Contains(typed, "|") {
		found, err := v.Persons.Find(ctx, at, strings.TrimSpace(typed))
		if err != nil {
			return "", err
		}
		if len(found) > 0 {
			key = found[0].Key
		}
	}
	return key, v.noteRead(ctx, access.MessageRead, access.Subject{Site: at, Person: key})
}

func channelOf(t connect.Traffic) web.MessageChannel {
	c := t.Channel
	return web.MessageChannel{
		ID: c.ID, Name: c.Name, Application: c.Application, Facility: c.Facility, State: string(c.State), Addresses: c.Addresses,
		Mapping: c.Mapping, Zone: c.Zone, Home: c.Home, Charset: c.Charset, WaitUnknown: c.WaitUnknown, UseSizes: c.UseSizes,
		SilenceMinutes: int(c.Silence / time.Minute), Knocked: c.Knocked, Last: c.Last, LastFrom: c.LastFrom,
		Hour: t.Hour, Day: t.Day, Backlog: t.Counts[connect.Received], Waiting: t.Counts[connect.Waiting], Failed: t.Counts[connect.Failed],
		Oldest: t.Oldest, Silent: t.Silent,
	}
}

func messageRow(m connect.Message) web.MessageRow {
	return web.MessageRow{
		ID: m.ID, Channel: m.Channel, Control: m.Control, Code: m.Code, State: string(m.State), Reason: m.Reason, At: m.At, Event: m.Event,
	}
}

// Message implements web.Messages. Whoever reads a message is noted.
func (v messageView) Message(ctx context.Context, id string) (web.MessagePage, error) {
	m, err := v.Connect.Message(ctx, at, id)
	if err != nil {
		return web.MessagePage{}, err
	}
	if err := v.noteMessage(ctx, m); err != nil {
		return web.MessagePage{}, err
	}
	p := web.MessagePage{MessageRow: messageRow(m), By: m.By, Replaces: m.Replaces, Raw: lines(m.Body), Emptied: m.Emptied}
	p.MayChange = access.Can(ctx, access.MessageChange, access.Subject{Site: at, Person: m.Person}) &&
		!slices.Contains([]connect.State{connect.Received, connect.Replaced}, m.State)
	channels, err := v.Connect.Channels(ctx, at)
	for _, c := range channels {
		if c.ID == m.Channel {
			p.Channel = c.Name
		}
	}
	if err != nil {
		return p, err
	}
	if parsed, e, err := v.Connect.Says(ctx, m); err == nil {
		says(&p, parsed, e)
	}
	p.Problems = nil
	for _, x := range m.Detail {
		p.Problems = append(p.Problems, web.MessageProblem{At: x.At, Key: x.Key, What: x.What})
	}
	return p, nil
}

// lines writes a message with a line for each segment.
func lines(b []byte) string {
	return strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(string(b), "�")))
}

// TryMessage implements web.Messages.
func (v messageView) TryMessage(ctx context.Context, mapping, text string) (p web.MessagePage, err error) {
	body := []byte(strings.NewReplacer("\r\n", "\r", "\n", "\r").Replace(strings.TrimSpace(text)))
	parsed, e, err := v.Connect.Try(ctx, at, mapping, body)
	if err != nil {
		return p, err
	}
	p.Code = e.Code
	says(&p, parsed, e)
	return p, nil
}

// says puts what a message says into words.
func says(p *web.MessagePage, m *hl7.Message, e connect.Effect) {
	add := func(about, value, origin string) {
		p.Says = append(p.Says, web.MessageSaying{About: about, Value: value, Origin: origin})
	}
	number := func(n connect.Number) string { return strings.TrimSpace(n.Value + " " + n.Issuer) }
	for _, n := range e.Patient.Numbers {
		add("patient", number(n), n.Type)
	}
	for _, n := range e.Prior {
		add("prior", number(n), n.Type)
	}
	if e.Moves {
		add("moves", e.Code, "")
	}
	if e.Undoes {
		add("undoes", e.Code, "")
	}
	units := map[string]string{"height": " m", "weight": " kg"}
	for _, f := range e.Patient.Facts {
		value := f.Value
		if value != "" {
			value += units[string(f.Kind)]
		}
		add(string(f.Kind), value, f.Received)
	}
	for _, o := range e.Orders {
		var what []string
		s := o.Requested.Steps[0]
		for _, x := range []string{o.Requested.Description, s.Modality, s.Start, o.Requested.Accession, o.Requested.Placer, o.Requested.Filler} {
			if x != "" {
				what = append(what, x)
			}
		}
		add("order", strings.Join(what, " · "), o.Requested.Reason)
		p.Says[len(p.Says)-1].Control = o.Control
	}
	for _, x := range e.Problems {
		p.Problems = append(p.Problems, web.MessageProblem{At: x.At, Key: x.Key, What: x.What})
	}
	for _, s := range m.Segments() {
		p.Segments = append(p.Segments, segmentNode(s))
	}
}

// segmentNode shows a segment with the standard's names of its fields.
func segmentNode(s hl7.Segment) face.Node {
	n := face.Node{Label: s.Name()}
	for i := 1; i <= s.Fields(); i++ {
		v := s.Field(i)
		if v.Empty() {
			continue
		}
		raw := strings.ToValidUTF8(string(v.Raw()), "�")
		n.Children = append(n.Children, face.Node{Label: hl7.NameOf(s.Name(), i), Value: raw, Note: fmt.Sprintf("%s-%d", s.Name(), i)})
	}
	return n
}

// SetChannel implements web.Messages.
func (v messageView) SetChannel(ctx context.Context, c web.MessageChannel) error {
	_, err := v.Connect.SetChannel(ctx, connect.Channel{
		ID: c.ID, Site: at, Name: c.Name, Application: c.Application, Facility: c.Facility, State: connect.ChannelState(c.State), Addresses: c.Addresses,
		Mapping: c.Mapping, Zone: c.Zone, Home: c.Home, Charset: c.Charset, WaitUnknown: c.WaitUnknown, UseSizes: c.UseSizes,
		Silence: time.Duration(c.SilenceMinutes) * time.Minute,
	})
	return err
}

// ReplayMessage implements web.Messages.
func (v messageView) ReplayMessage(ctx context.Context, id, text, reason string) (string, error) {
	var body []byte
	if text != "" {
		body = []byte(strings.NewReplacer("\r\n", "\r", "\n", "\r").Replace(strings.TrimSpace(text)) + "\r")
	}
	return v.Connect.Replay(ctx, at, id, body, reason)
}

// RemoveMessage implements web.Messages.
func (v messageView) RemoveMessage(ctx context.Context, id, reason string) error {
	return v.Connect.Remove(ctx, at, id, reason)
}
