package connect

import (
	"context"
	"encoding/json"
	"strings"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/hl7"
	"radagora/journal"
	"radagora/person"
)

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
	for again := 0; again < 3 && fault.Of(err) == fault.Conflict; again++ { // somebody changed the order meanwhile
		o, err = r.outcome(ctx, m)
	}
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
	if own, err := r.isOurs(ctx, m); err != nil || own {
		return outcome{Applied, ReasonOwn, nil}, err
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
	o, err := r.join(ctx, m, c, e, key)
	if err != nil || o.state == Waiting {
		return o, err
	}
	for _, f := range e.Further {
		other, err := r.effect(ctx, m, c, f)
		if err != nil || other.state != Applied {
			return other, err
		}
		if other.reason == ReasonDone {
			o.reason = ReasonDone
		}
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
	for _, p := range e.Reports {
		one, err := r.report(ctx, m, c, key, p)
		if err != nil || one.state != Applied {
			one.problems = append(o.problems, one.problems...)
			return one, err
		}
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
