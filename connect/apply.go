package connect

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/job"
	"radagora/journal"
	"radagora/person"
)

// batch is how many messages are read from the table at once.
const batch = 100

// apply applies what a site received, in order. Of all processes one does so at a
// time: the job has one key. An error is one that may pass.
func (r *Register) apply(ctx context.Context, j job.Job) error {
	for {
		list, err := db.List(ctx, r.DB, scanMessage, fromMessage+`where site_id = $1 and state = 'received' order by message_id limit $2`, j.Site, batch)
		if err != nil || len(list) == 0 {
			return err
		}
		for _, m := range list {
			if err := r.applyOne(ctx, m); err != nil {
				return err
			}
		}
	}
}

// An outcome is what became of a message.
type outcome struct {
	state    State
	reason   string
	problems []Problem
}

// applyOne applies a message and notes what became of it. What it does may be done
// twice, so a kill between the two loses nothing.
func (r *Register) applyOne(ctx context.Context, m Message) error {
	o, err := r.outcome(ctx, m)
	switch kind := fault.Of(err); {
	case err == nil:
	case ctx.Err() != nil || kind == fault.Unavailable || kind == fault.Exhausted:
		return err
	case kind == fault.Internal:
		r.Log.ErrorContext(ctx, "message not applied", "message", m.ID, "code", m.Code, "err", err)
		o = outcome{Failed, ReasonInternal, o.problems}
	default:
		o = outcome{Waiting, ReasonRefused, append(o.problems, problemOf(err))}
	}
	detail, err := json.Marshal(o.problems)
	if err != nil {
		return fault.As(fault.Internal, err)
	}
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `update connect_message set state = $2, reason = $3, detail = $4, attempts = attempts + 1, done_at = $5
			where message_id = $1 and state = 'received'`, m.ID, o.state, o.reason, string(detail), db.Millis(r.Now()))
		if err != nil || n == 0 {
			return err
		}
		return r.record(ctx, tx, journal.Entry{Site: m.Site, Actor: "hl7:" + m.Channel, Kind: "connect.message." + string(o.state), Subject: m.ID, Person: m.Person},
			map[string]any{"code": m.Code, "reason": o.reason, "problems": len(o.problems)})
	})
}

// outcome applies a message.
func (r *Register) outcome(ctx context.Context, m Message) (o outcome, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.Errorf(fault.Internal, "connect: panic: %T", v)
		}
	}()
	c, err := r.channel(ctx, r.DB, m.Site, m.Channel)
	if err != nil {
		return o, err
	}
	mapping, err := r.mapping(c.Site, c.Mapping)
	if err != nil {
		return o, err
	}
	parsed, err := hl7.Parse(m.Body, &hl7.Options{Charset: c.Charset})
	if err != nil {
		return outcome{Failed, ReasonUnreadable, []Problem{problemOf(err)}}, nil
	}
	e := mapping.Read(parsed, r.reading(ctx, c))
	e.dated(m.At)
	ctx = access.WithJudge(access.With(ctx, access.Who{
		ID: "hl7:" + c.ID, Name: c.Name, Grants: access.At(c.Site, access.Steward), SignedAt: r.Now(), Door: "hl7",
		Scopes: []string{string(access.StepFind), string(access.StepChange), string(access.LinkChange)},
	}), r.Judge)
	o, err = r.effect(ctx, m, c, e)
	o.problems = append(e.Problems, o.problems...)
	return o, err
}

// keyOf returns how the other rooms name a patient, "" for nobody.
func (r *Register) keyOf(p Patient, c Channel) string {
	if len(p.Numbers) == 0 {
		return ""
	}
	return r.key(p.Numbers[0], c)
}

func (r *Register) key(n Number, c Channel) string {
	if n.Issuer == c.Home {
		n.Issuer = ""
	}
	return r.Key(n.Issuer, n.Value)
}

// effect does what a message says.
func (r *Register) effect(ctx context.Context, m Message, c Channel, e Effect) (outcome, error) {
	if e.Moves {
		return outcome{Applied, ReasonMoved, nil}, nil
	}
	key := r.keyOf(e.Patient, c)
	if key == "" {
		if strings.HasPrefix(e.Code, "ACK") || strings.HasPrefix(e.Code, "ORR") {
			return outcome{Applied, ReasonReply, nil}, nil
		}
		return outcome{Failed, ReasonNobody, nil}, nil
	}
	if c.WaitUnknown {
		known, err := r.known(ctx, c.Site, key)
		if err != nil || !known {
			return outcome{Waiting, ReasonUnknown, nil}, err
		}
	}
	o, err := r.join(ctx, c, e, key)
	if err != nil || o.state == Waiting {
		return o, err
	}
	did := o.reason == ReasonDone
	fresh, err := r.note(ctx, m, c, e, key)
	if err != nil {
		return o, err
	}
	did = did || fresh > 0
	for _, order := range e.Orders {
		one, err := r.order(ctx, m, c, e, key, order)
		if err != nil || one.state != Applied {
			one.problems = append(o.problems, one.problems...)
			return one, err
		}
		o.problems = append(o.problems, one.problems...)
		if did = did || one.reason == ReasonDone; one.reason != ReasonDone {
			o.reason = one.reason
		}
	}
	switch {
	case did:
		o.reason = ReasonDone
	case o.reason == "" && (len(e.Patient.Facts) > 0 || len(e.Prior) > 0):
		o.reason = ReasonLate
	case o.reason == "":
		o.reason = ReasonNothing
	}
	o.state = Applied
	return o, nil
}

// known reports whether anything is known of a person.
func (r *Register) known(ctx context.Context, site, key string) (bool, error) {
	seen, err := r.People.Identifiers(ctx, site, key)
	if err != nil || len(seen) > 0 {
		return len(seen) > 0, err
	}
	facts, err := r.People.History(ctx, site, key)
	return len(facts) > 0, err
}

// note keeps the facts and returns how many were new.
func (r *Register) note(ctx context.Context, m Message, c Channel, e Effect, key string) (int, error) {
	facts := make([]person.Fact, 0, len(e.Patient.Facts))
	for _, s := range e.Patient.Facts {
		f := person.Fact{Site: c.Site, Key: key, Kind: s.Kind, Value: s.Value, Received: s.Received, At: s.At, Source: person.FromHL7, Origin: c.ID}
		if !c.UseSizes && (s.Kind == person.Height || s.Kind == person.Weight) {
			f.Doubt = person.Untrusted
		}
		facts = append(facts, f)
	}
	fresh := 0
	err := r.DB.Write(ctx, func(tx *db.Tx) error {
		added, err := r.People.Note(ctx, tx, facts...)
		if err != nil || len(added) == 0 {
			return err
		}
		fresh = len(added)
		kinds := map[person.FactKind]int{}
		for _, f := range added {
			kinds[f.Kind]++
		}
		return r.record(ctx, tx, journal.Entry{Site: c.Site, Kind: "person.fact.noted", Subject: m.ID, Person: key}, kinds)
	})
	return fresh, err
}

// join links the numbers that a message says are one person's: those it gives up, and
// those of other issuers beside the first.
func (r *Register) join(ctx context.Context, c Channel, e Effect, key string) (outcome, error) {
	o := outcome{state: Applied}
	join := func(n Number, kind string) error {
		other := r.key(n, c)
		if other == "" || other == key {
			return nil
		}
		reason, err := r.link(ctx, c, e, person.Link{Site: c.Site, Kind: kind, A: other, B: key, Reason: e.Code})
		if reason == ReasonDistinct {
			o.state = Waiting
		}
		if reason != "" && o.reason != ReasonDone {
			o.reason = reason
		}
		return err
	}
	for _, n := range e.Prior {
		if err := join(n, person.Merged); err != nil {
			return o, err
		}
	}
	first := Number{}
	if len(e.Patient.Numbers) > 0 {
		first = e.Patient.Numbers[0]
	}
	for _, n := range e.Patient.Numbers[min(1, len(e.Patient.Numbers)):] {
		if n.Issuer == "" || n.Issuer == first.Issuer { // a second number of one issuer is a matter for people
			continue
		}
		if err := join(n, person.Linked); err != nil {
			return o, err
		}
	}
	return o, nil
}

// link makes one link, or ends it, and returns what came of that: "" if it is so
// already.
func (r *Register) link(ctx context.Context, c Channel, e Effect, l person.Link) (reason string, err error) {
	had, err := r.People.Links(ctx, c.Site, l.A)
	if err != nil {
		return "", err
	}
	for _, h := range had {
		if pair := [2]string{h.A, h.B}; pair != [2]string{l.A, l.B} && pair != [2]string{l.B, l.A} {
			continue
		}
		switch {
		case e.Undoes && h.Ended.IsZero() && h.Kind != person.Distinct:
			return ReasonDone, r.People.Unlink(ctx, c.Site, h.ID, e.Code)
		case !h.Ended.IsZero() && !e.At.After(h.Ended): // undone since: it is not done again
			return ReasonLate, nil
		case h.Ended.IsZero() && h.Kind == person.Distinct:
			return ReasonDistinct, nil
		case h.Ended.IsZero():
			return "", nil
		}
	}
	if e.Undoes {
		return ReasonLate, nil
	}
	if slices.ContainsFunc(had, func(h person.Link) bool { return h.Ended.IsZero() && h.Kind == person.Merged && h.A == l.A }) && l.Kind == person.Merged {
		return ReasonDistinct, nil // it was given up for another one: people have to say
	}
	_, err = r.People.Link(ctx, l)
	if err != nil {
		return "", fmt.Errorf("%s: %w", l.Kind, err)
	}
	return ReasonDone, nil
}
