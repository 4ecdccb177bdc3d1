package main

import (
	"context"
	"net/url"
	"strings"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/fhir"
	"radagora/fhir/fhirweb"
	"radagora/fhir/search"
	"radagora/notice/feed"
	"radagora/notice/hook"
	"radagora/record"
)

// subscriptionType is the resource that has a system told of others.
const subscriptionType = "Subscription"

// payloadFHIR is the one content that a subscription may want.
const payloadFHIR = "application/fhir+json"

// secretExtension holds the secret that signs, in the answer to a create alone.
const secretExtension = "urn:radagora:webhook-secret"

// hiddenPath stands for the part of an endpoint that is not shown.
const hiddenPath = "/…"

// A subscriptionDoor lets systems subscribe: a Subscription is kept like any resource,
// less what of its endpoint may be secret, and a webhook of the feed does the telling.
type subscriptionDoor struct {
	recordDoor
	house *house
}

var (
	_ fhirweb.Writer = subscriptionDoor{}
	_ resourceWriter = subscriptionDoor{}
)

// Write implements fhirweb.Writer.
func (d subscriptionDoor) Write(ctx context.Context, changes []fhirweb.Change) ([]fhirweb.Written, error) {
	if err := d.house.mayFollowNow(ctx); err != nil {
		return nil, err
	}
	return writeAll(ctx, d.book.DB, changes, func(string) (resourceWriter, error) { return d, nil })
}

// Put implements resourceWriter.
func (d subscriptionDoor) Put(ctx context.Context, tx *db.Tx, c fhirweb.Change) (fhirweb.Written, error) {
	if err := d.house.mayFollowNow(ctx); err != nil {
		return fhirweb.Written{}, err
	}
	w, err := readSubscription(c.Resource)
	if err != nil {
		return fhirweb.Written{}, err
	}
	w.By = access.From(ctx).ID
	kept := c
	before, err := d.house.Feed.Subscribed(ctx, tx, w.Subject)
	switch {
	case err == nil && w.hidden && before.Host == w.host:
		w.Address = ""
	case err != nil && fault.Of(err) != fault.NotFound:
		return fhirweb.Written{}, err
	case w.hidden:
		return fhirweb.Written{}, fault.Errorf(fault.Invalid, "Subscription.channel.endpoint: write the whole address")
	}
	if kept.Resource, err = w.kept(c.Resource); err != nil {
		return fhirweb.Written{}, err
	}
	done, err := d.recordDoor.Put(ctx, tx, kept) // before the webhook, because the condition is looked at here
	if err != nil {
		return done, err
	}
	_, secret, err := d.house.Feed.Subscribe(ctx, tx, w.Subscription)
	if err == nil && secret != "" {
		err = done.Resource.Add("channel.extension", fhir.Extension(secretExtension, fhir.F("valueString", secret)))
	}
	return done, err
}

// A wanted subscription is what a Subscription asks for.
type wantedSubscription struct {
	feed.Subscription
	host   string
	hidden bool // the address is the one that is shown
}

// readSubscription reads what a Subscription asks for. Errors name elements and show no
// addresses.
func readSubscription(r fhir.Resource) (w wantedSubscription, err error) {
	get := func(path string) string { return r.Get(path).Text() }
	w.Subscription = feed.Subscription{
		Subject: r.ID(), Address: get("channel.endpoint"), Criteria: get("criteria"), Payload: get("channel.payload"), On: get("status") != "off",
	}
	for v := range r.Each("channel.header") {
		w.Header = append(w.Header, v.Text())
	}
	if end := r.Get("end"); end.Exists() {
		at, ok := end.Instant()
		if !ok {
			return w, fault.Errorf(fault.Invalid, "Subscription.end is no instant")
		}
		w.Until = at
	}
	if _, err := readCriteria(w.Criteria); err != nil {
		return w, err
	}
	u, err := url.Parse(w.Address)
	switch {
	case get("status") == "error":
		return w, fault.Errorf(fault.Invalid, "Subscription.status: write requested or off")
	case get("channel.type") != "rest-hook":
		return w, fault.Errorf(fault.Unsupported, "Subscription.channel.type: only rest-hook is served")
	case w.Payload != "" && w.Payload != payloadFHIR:
		return w, fault.Errorf(fault.Unsupported, "Subscription.channel.payload: %s, or none", payloadFHIR)
	case err != nil || u.Host == "":
		return w, fault.Errorf(fault.Invalid, "Subscription.channel.endpoint is no address")
	case hook.Plain(w.Address):
		return w, fault.Errorf(fault.Invalid, "Subscription.channel.endpoint begins with https://; http:// is for this machine only")
	}
	w.host, w.hidden = strings.ToLower(u.Host), u.Path == hiddenPath
	if w.hidden && len(w.Header) > 0 {
		return w, fault.Errorf(fault.Invalid, "Subscription.channel: headers are written together with the whole endpoint")
	}
	return w, nil
}

// kept returns the Subscription as it is kept and shown: at work or off, without headers
// and with no more of the endpoint than where it is.
func (w wantedSubscription) kept(r fhir.Resource) (fhir.Resource, error) {
	u, err := url.Parse(r.Get("channel.endpoint").Text())
	if err != nil {
		return r, fault.As(fault.Invalid, err)
	}
	shown := u.Scheme + "://" + strings.ToLower(u.Host)
	if w.hidden || len(w.Header) > 0 || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		shown += hiddenPath
	}
	status := "active"
	if !w.On {
		status = "off"
	}
	for path, v := range map[string]any{"channel.endpoint": shown, "channel.header": nil, "status": status, "error": nil} {
		if err := r.Set(path, v); err != nil {
			return r, err
		}
	}
	return r, nil
}

// A criteria is what a subscription wants to be told of.
type subscriptionCriteria struct {
	typ string
	all []search.Criterion
}

// namesPersons are parameters that may say who somebody is. Criteria are shown to those
// who look after the installation, who see no patients, and outlive an erasure.
var namesPersons = map[string]bool{
	"identifier": true, "patient": true, "subject": true, "birthdate": true, "death-date": true, "email": true, "phone": true, "telecom": true, "link": true, "_id": true,
}

// readCriteria reads what a subscription wants: Type?parameter=value&….
func readCriteria(text string) (c subscriptionCriteria, err error) {
	typ, query, _ := strings.Cut(text, "?")
	if _, ok := subscribable[typ]; !ok {
		return c, fault.Errorf(fault.Unsupported, "Subscription.criteria: this type of resource cannot be subscribed to")
	}
	c.typ = typ
	values, err := url.ParseQuery(query)
	if err != nil {
		return c, fault.Errorf(fault.Invalid, "Subscription.criteria is no search")
	}
	for name, list := range values {
		code, _, _ := strings.Cut(name, ":")
		p, ok := search.Find(typ, code)
		if !ok {
			return c, fault.Errorf(fault.Invalid, "Subscription.criteria: %s has no such search parameter", typ)
		}
		if namesPersons[code] || p.Type == search.String {
			return c, fault.Errorf(fault.Unsupported, "Subscription.criteria: %s may name a person; criteria name none", code)
		}
		for _, value := range list {
			one, err := search.Parse(typ, name, value, 0)
			if err != nil {
				return c, err
			}
			c.all = append(c.all, one)
		}
	}
	return c, nil
}

// Changed implements feed.Subscriptions: the Subscription says how its webhook is.
func (s subscriptions) Changed(ctx context.Context, tx *db.Tx, h feed.Hook, by string, removed bool) error {
	v, err := s.records.Read(ctx, tx, at, subscriptionType, h.Subject)
	if err != nil {
		if fault.Of(err) == fault.NotFound {
			return nil
		}
		return err
	}
	r := v.Resource
	status, reason := "active", ""
	switch {
	case removed || h.State == feed.Paused && (h.Why == feed.ByPerson || h.Why == feed.Ended):
		status = "off"
	case h.State == feed.Paused:
		status, reason = "error", subscriptionReason(h)
	}
	var why any
	if reason != "" {
		why = reason
	}
	for path, to := range map[string]any{"status": status, "error": why} {
		if err := r.Set(path, to); err != nil {
			return err
		}
	}
	_, err = s.records.Keep(ctx, tx, r, record.Origin{Site: at, Source: v.Source, Actor: by}, record.Condition{})
	return err
}

// subscriptionReason says to a machine why its webhook is told no more.
func subscriptionReason(h feed.Hook) string {
	switch h.Why {
	case feed.Rights:
		return "the account that made it may not be told any more"
	case feed.Refused:
		return "the endpoint answered that it wants no more: " + h.Error
	}
	return "no attempt succeeded since " + h.Failing.UTC().Format(time.RFC3339) + ": " + h.Error
}
