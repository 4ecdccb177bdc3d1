package connect

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"radagora/db"
	"radagora/person"
)

// join links the numbers that a message says are one person's: those it gives up, and
// those of other issuers beside the first.
func (r *Register) join(ctx context.Context, m Message, c Channel, e Effect, key string) (outcome, error) {
	o := outcome{state: Applied}
	join := func(n Number, kind string) error {
		other := r.key(n, c)
		if other == "" || other == key {
			return nil
		}
		reason, err := r.link(ctx, m, c, e, person.Link{Site: c.Site, Kind: kind, A: other, B: key, Reason: e.Code})
		if reason == ReasonDistinct {
			o.state = Waiting
		}
		if reason != "" && o.reason != ReasonDone {
			o.reason = reason
		}
		return err
	}
	kind := person.Merged
	if e.Links {
		kind = person.Linked
	}
	for _, n := range e.Prior {
		if err := join(n, kind); err != nil {
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
func (r *Register) link(ctx context.Context, m Message, c Channel, e Effect, l person.Link) (reason string, err error) {
	if over, err := r.overtaken(ctx, m, e, l); err != nil || over {
		return ReasonLate, err
	}
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
		case !h.Ended.IsZero() && (byMessage(h.EndedBy) || e.At.After(h.Ended)):
		case !h.Ended.IsZero(): // a person has undone it since: it is not done again
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
	if keys, err := r.People.Keys(ctx, c.Site, l.A); err != nil || slices.Contains(keys, l.B) {
		return "", err // it is so by way of others
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

// byMessage reports whether a message decided, and no person.
func byMessage(who string) bool { return strings.HasPrefix(who, "hl7:") }

// overtaken reports whether a later event than that of a message, which came before
// it, says the opposite of the same two numbers.
func (r *Register) overtaken(ctx context.Context, m Message, e Effect, l person.Link) (bool, error) {
	for _, p := range []string{l.A, l.B} {
		list, err := db.List(ctx, r.DB, scanMessage, fromMessage+`where `+ofPerson("$1", "$2")+` and state = 'applied'
			and event_at >= $3 and code like 'ADT^A%' order by message_id desc limit $4`, l.Site, p, db.Millis(e.At), storyLimit)
		if err != nil {
			return false, err
		}
		for _, row := range list {
			_, trigger, _ := strings.Cut(row.Code, "^")
			if row.ID == m.ID || !slices.Contains(joins, trigger) {
				continue
			}
			c, err := r.channel(ctx, r.DB, row.Site, row.Channel)
			if err != nil {
				return false, err
			}
			later, err := r.read(ctx, row)
			if err != nil {
				return false, err
			}
			if later.Undoes != e.Undoes && (later.At.After(e.At) || later.Undoes && later.At.Equal(e.At)) && r.joined(later, c, l) {
				return true, nil
			}
		}
	}
	return false, nil
}

// joined reports whether a message speaks of both ends of a link.
func (r *Register) joined(e Effect, c Channel, l person.Link) bool {
	for _, p := range e.parts() {
		key := r.keyOf(p.Patient, c)
		for _, n := range p.Prior {
			if other := r.key(n, c); key == l.A && other == l.B || key == l.B && other == l.A {
				return true
			}
		}
	}
	return false
}
