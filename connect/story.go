package connect

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/hl7"
	"radagora/worklist"
)

// A told is one message of an order: what it says, and of when.
type told struct {
	Order
	at      time.Time
	control string // MSH-10
	channel string // who told it
	booking bool   // an appointment, which says nothing of the order but when and where
	number  Number // of the patient
}

// unbook is the order control of an appointment that is no more. The order stays.
const unbook = "unbook"

// before orders messages by the time they tell of; at the same time the end of an
// appointment, and then a cancellation, is the last word, and else the sender's own
// numbers say.
func (t told) before(o told) int {
	ends := func(t told) int { return slices.Index([]string{unbook, "cancel"}, t.Control) }
	return cmp.Or(t.at.Compare(o.at), ends(t)-ends(o), len(t.control)-len(o.control), strings.Compare(t.control, o.control))
}

// A telling is what a row of messages comes to.
type telling struct {
	worklist.Order
	number    Number
	booked    []worklist.Step // by appointments, since an order said when
	unbooked  bool            // the appointment is no more, and nobody said when since
	exists    bool            // something was ordered
	cancelled bool
}

// tell returns what messages come to, in the order of the times they tell of: the
// same whatever the order of their arrival was.
func tell(all []told) (t telling) {
	slices.SortStableFunc(all, told.before)
	for _, m := range all {
		q := m.Requested
		q.Steps = slices.Clone(q.Steps)
		if m.Control == "cancel" {
			t.cancel(q.Steps)
			continue
		}
		if m.Control == unbook { // it says nothing of the order, but that it is not to be done then
			t.unbooked = true
			continue
		}
		if t.cancelled && m.Control == "new" && !m.booking {
			t = telling{}
		}
		t.exists, t.cancelled, t.number = true, false, m.number
		if m.booking {
			t.booked, t.unbooked = q.Steps, false
			if q.Steps = nil; len(t.Steps) > 0 { // the order says what is done
				q.Description, q.Code = "", nil
			}
		}
		overlay(&t.Order, worklist.Order{}, q)
		t.take(q.Steps)
	}
	t.book()
	return t
}

// book puts the steps of an order where appointments say: each where there are as many,
// else all where the first one is. Without an order the appointments are the steps.
func (t *telling) book() {
	if len(t.Steps) == 0 {
		t.Steps = t.booked
		return
	}
	for i := range t.Steps {
		if len(t.booked) == 0 {
			return
		}
		b := t.booked[0]
		if len(t.booked) == len(t.Steps) {
			b = t.booked[i]
		}
		overlayStep(&t.Steps[i], worklist.Step{}, worklist.Step{Start: b.Start, Location: b.Location, Stations: b.Stations})
	}
}

// take writes what is told of steps over what is known of them; one that is not known
// is a further one.
func (t *telling) take(steps []worklist.Step) {
	for _, s := range steps {
		if s.Start != "" {
			t.booked, t.unbooked = nil, false
		}
		i := slices.IndexFunc(t.Steps, func(h worklist.Step) bool { return s.ID != "" && h.ID == s.ID })
		if i < 0 && len(steps) == 1 && len(t.Steps) == 1 && (s.ID == "" || t.Steps[0].ID == "") {
			i = 0
		}
		if i < 0 && s.ID == "" {
			i = slices.IndexFunc(t.Steps, func(h worklist.Step) bool { return h.Description == s.Description && h.Modality == s.Modality })
		}
		if i < 0 {
			t.Steps = append(t.Steps, s)
			continue
		}
		t.Steps[i].State = ""
		overlayStep(&t.Steps[i], worklist.Step{}, s)
	}
}

// cancel takes the order off, or some of its steps where the message names those alone.
func (t *telling) cancel(steps []worklist.Step) {
	named := func(h worklist.Step) bool {
		return slices.ContainsFunc(steps, func(s worklist.Step) bool { return s.ID != "" && s.ID == h.ID })
	}
	left := slices.ContainsFunc(t.Steps, func(h worklist.Step) bool { return h.State != worklist.Cancelled && !named(h) })
	if !left || !slices.ContainsFunc(t.Steps, named) {
		t.cancelled = true
		return
	}
	for i := range t.Steps {
		if named(t.Steps[i]) {
			t.Steps[i].State = worklist.Cancelled
		}
	}
}

// overlay writes onto an order what a telling says otherwise than the one before it.
// What it does not say stays.
func overlay(have *worklist.Order, before, now worklist.Order) {
	for _, f := range []struct{ to, was, is *string }{
		{&have.Placer, &before.Placer, &now.Placer},
		{&have.Filler, &before.Filler, &now.Filler},
		{&have.Accession, &before.Accession, &now.Accession},
		{&have.ProcedureID, &before.ProcedureID, &now.ProcedureID},
		{&have.Study, &before.Study, &now.Study},
		{&have.Description, &before.Description, &now.Description},
		{&have.Reason, &before.Reason, &now.Reason},
		{&have.ReferringPhysician, &before.ReferringPhysician, &now.ReferringPhysician},
		{&have.RequestingPhysician, &before.RequestingPhysician, &now.RequestingPhysician},
		{&have.Priority, &before.Priority, &now.Priority},
		{&have.Patient.Location, &before.Patient.Location, &now.Patient.Location},
	} {
		if *f.is != "" && *f.is != *f.was {
			*f.to = *f.is
		}
	}
	if now.Code != nil && (before.Code == nil || *now.Code != *before.Code) {
		have.Code = now.Code
	}
	if len(now.ReasonCodes) > 0 && !slices.Equal(now.ReasonCodes, before.ReasonCodes) {
		have.ReasonCodes = now.ReasonCodes
	}
}

func overlayStep(have *worklist.Step, before, now worklist.Step) {
	for _, f := range []struct{ to, was, is *string }{
		{&have.ID, &before.ID, &now.ID},
		{&have.Modality, &before.Modality, &now.Modality},
		{&have.Start, &before.Start, &now.Start},
		{&have.Location, &before.Location, &now.Location},
		{&have.Description, &before.Description, &now.Description},
	} {
		if *f.is != "" && *f.is != *f.was {
			*f.to = *f.is
		}
	}
	if len(now.Stations) > 0 && !slices.Equal(now.Stations, before.Stations) {
		have.Stations = now.Stations
	}
	if len(now.Protocol) > 0 && !slices.Equal(now.Protocol, before.Protocol) {
		have.Protocol = now.Protocol
	}
}

// storyLimit is how many messages about one thing are looked through.
const storyLimit = 1000

// speaking selects the messages of site $1 that speak of an order by one of its numbers:
// placer $2, filler $3, accession $4. Each is looked up by itself, because with "or"
// SQLite reads every number of the site.
const speaking = `(select message_id from connect_told where site_id = $1 and kind = 'placer' and number = $2 and number <> ''
	union all select message_id from connect_told where site_id = $1 and kind = 'filler' and number = $3 and number <> ''
	union all select message_id from connect_told where site_id = $1 and kind = 'accession' and number = $4 and number <> '')`

// story returns the other messages of an order that had their turn, or wait for it.
func (r *Register) story(ctx context.Context, m Message, c Channel, o Order) (all []told, err error) {
	list, err := db.List(ctx, r.DB, scanMessage, fromMessage+`where message_id in `+speaking+`
		and (state = 'applied' or state = 'waiting' and reason = $5) order by message_id desc limit $6`,
		c.Site, o.Numbers.Placer, o.Numbers.Filler, o.Numbers.Accession, ReasonModality, storyLimit)
	if err != nil {
		return nil, err
	}
	for _, row := range list {
		if row.ID == m.ID {
			continue
		}
		e, err := r.read(ctx, row)
		if err != nil {
			return nil, err
		}
		for _, part := range e.parts() {
			for _, x := range part.Orders {
				if one(x, o) {
					all = append(all, toldBy(row, part, x))
				}
			}
		}
	}
	return all, nil
}

// enter notes that a message speaks of an order.
func (*Register) enter(ctx context.Context, tx *db.Tx, m Message, o Order) error {
	for _, n := range allNumbers(o) {
		_, err := tx.Exec(ctx, `insert into connect_told (site_id, kind, number, message_id) values ($1, $2, $3, $4) on conflict do nothing`,
			m.Site, n.kind, n.number, m.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// allNumbers returns every number that a message has of an order.
func allNumbers(o Order) (all []name) {
	for _, n := range []name{{"placer", o.Numbers.Placer}, {"filler", o.Numbers.Filler}, {"accession", o.Numbers.Accession}} {
		if n.number != "" {
			all = append(all, n)
		}
	}
	return all
}

func toldBy(m Message, e Effect, o Order) told {
	t := told{Order: o, at: e.At, control: m.Control, channel: m.Channel, booking: strings.HasPrefix(e.Code, "SIU")}
	if len(e.Patient.Numbers) > 0 {
		t.number = e.Patient.Numbers[0]
	}
	return t
}

// one reports whether two messages are about one order.
func one(a, b Order) bool {
	if !slices.Contains([]string{"new", "change", "cancel", unbook}, a.Control) || !sameOrder(a.Requested, b.Requested) {
		return false
	}
	x, y := numbersOf(a.Numbers), numbersOf(b.Numbers)
	if slices.ContainsFunc(x, func(n name) bool { return slices.Contains(y, n) }) {
		return true
	}
	return a.Numbers.Accession != "" && a.Numbers.Accession == b.Numbers.Accession
}

// read returns what a message that is kept says, nothing if it cannot be read any more.
func (r *Register) read(ctx context.Context, m Message) (Effect, error) {
	c, err := r.channel(ctx, r.DB, m.Site, m.Channel)
	if err != nil {
		return Effect{}, err
	}
	mapping, err := r.mapping(c.Site, c.Mapping)
	if err != nil {
		return Effect{}, err
	}
	parsed, err := hl7.Parse(m.Body, &hl7.Options{Charset: c.Charset})
	if err != nil {
		return Effect{}, nil //nolint:nilerr // what cannot be read says nothing
	}
	e := mapping.Read(parsed, r.reading(ctx, c))
	e.dated(m.At)
	return e, nil
}

// ahead is how far a sender's clock may go before ours.
const ahead = 24 * time.Hour

// dated fills in the time of arrival where a message says none, or one that is still to
// come: what is told of the future would be newer than all that follows.
func (e *Effect) dated(at time.Time) {
	late := at.Add(ahead)
	if e.At.After(late) {
		e.At, e.Problems = time.Time{}, append(e.Problems, Problem{At: "MSH-7", Key: problemFuture, What: "the time is still to come: that of arrival counts"})
	}
	if e.At.IsZero() {
		e.At = at
	}
	for i := range e.Further {
		e.Further[i].dated(at)
	}
	for i := range e.Patient.Facts {
		if f := &e.Patient.Facts[i]; f.At.IsZero() || f.At.After(late) {
			f.At = e.At
		}
	}
}
