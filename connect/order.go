package connect

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"radagora/db"
	"radagora/worklist"
)

// order does what a message says of one order: what all messages of that order come to
// with this one is written over what is kept as far as it differs from what they come
// to without it. So nothing depends on the order of their arrival, and what people
// changed on the worklist since stays.
func (r *Register) order(ctx context.Context, m Message, c Channel, e Effect, key string, o Order) (outcome, error) {
	if o.Control == "status" || o.Control == "reply" || o.Control == "" {
		return outcome{Applied, ReasonNothing, nil}, nil
	}
	if strings.HasPrefix(e.Code, "OML") && o.Requested.Steps[0].Modality == "" { // of a laboratory
		return outcome{Applied, ReasonNothing, nil}, nil
	}
	names := numbersOf(o.Numbers)
	if len(names) == 0 {
		return outcome{Failed, ReasonNoOrder, []Problem{{At: "ORC", Key: problemOrderNumber, What: "the order has no number"}}}, nil
	}
	all, err := r.Orders.Numbered(ctx, c.Site, o.Numbers)
	if err != nil {
		return outcome{}, err
	}
	all = slices.DeleteFunc(all, func(h worklist.Order) bool { return !sameOrder(h, o.Requested) })
	others, err := r.story(ctx, m, c, o)
	if err != nil {
		return outcome{}, err
	}
	before := tell(slices.Clone(others))
	now := tell(append(others, toldBy(m, e, o)))
	same := slices.DeleteFunc(all, func(h worklist.Order) bool { return h.State == worklist.Cancelled })
	if other, err := r.ofAnother(ctx, c, key, same, others); err != nil || len(same) > 1 || other {
		o := outcome{Waiting, ReasonAmbiguous, nil}
		if other {
			o.problems = []Problem{{At: "ORC-2", Key: problemOtherPatient, What: "an order of another patient has this number from another sender: link the patients, or correct the number"}}
		}
		return o, err
	}
	if o.Control == unbook && len(same) == 0 && now.wants() != "" {
		now.exists = false // what was ordered waits itself: the end of its appointment need not
	}
	done, id, err := r.become(ctx, m, c, before, now, same, len(all) > len(same))
	if err != nil {
		return done, err
	}
	return done, r.DB.Write(ctx, func(tx *db.Tx) error {
		if err := r.enter(ctx, tx, m, o); err != nil || done.state != Applied {
			return err
		}
		if err := r.awake(ctx, tx, m, o); err != nil {
			return err
		}
		return r.tell(ctx, tx, c.Site, names, id, key, e.At, now.cancelled)
	})
}

// ofAnother reports whether an order is about somebody else than a message, whose sender
// did not tell of it before: two systems may number their orders alike, and who tells of
// one must not change the other. Who told of an order may say that it is another's.
func (r *Register) ofAnother(ctx context.Context, c Channel, key string, same []worklist.Order, others []told) (bool, error) {
	if slices.ContainsFunc(others, func(t told) bool { return t.channel == c.ID }) {
		return false, nil
	}
	keys, err := r.People.Keys(ctx, c.Site, key)
	return slices.ContainsFunc(same, func(h worklist.Order) bool { return h.Person != key && !slices.Contains(keys, h.Person) }), err
}

// become brings the worklist from what messages came to before to what they come to
// now. same is the order as it is kept, or nothing; gone says that one was cancelled.
func (r *Register) become(ctx context.Context, m Message, c Channel, before, now telling, same []worklist.Order, gone bool) (outcome, string, error) {
	done := outcome{Applied, ReasonDone, nil}
	switch {
	case now.cancelled && len(same) > 0:
		_, err := r.Orders.Cancel(ctx, c.Site, same[0].ID, 0, m.Code)
		return done, same[0].ID, err
	case now.cancelled && (gone || !now.exists || now.wants() != ""):
		if done.reason = ReasonNoOrder; gone {
			done.reason = ReasonLate
		}
		return done, "", nil
	case !now.exists && len(same) == 0: // an appointment ended, and nobody ordered anything
		done.reason = ReasonNoOrder
		return done, "", nil
	case len(same) == 0:
		if lack := now.wants(); lack != "" {
			return outcome{Waiting, ReasonModality, []Problem{{At: lack, Key: problemModality, What: "the order names no modality, and the mapping knows none for its procedure"}}}, "", nil
		}
		made, err := r.create(ctx, m, c, now)
		if err == nil && now.cancelled { // it was cancelled before it came: history knows of it
			_, err = r.Orders.Cancel(ctx, c.Site, made, 0, m.Code)
			done.reason = ReasonLate
		}
		if err == nil && now.unbooked && !now.cancelled {
			_, err = r.Orders.Unschedule(ctx, c.Site, made)
		}
		return done, made, err
	default:
		changed, err := r.update(ctx, c, same[0], before, now)
		if !changed {
			done.reason = ReasonLate
		}
		return done, same[0].ID, err
	}
}

// wants returns where it should stand what no order can do without, "" if nothing is
// missing.
func (t telling) wants() string {
	for _, s := range t.Steps {
		if s.Modality == "" && s.State != worklist.Cancelled {
			return "OBR-24"
		}
	}
	return ""
}

// A name is what a system calls an order.
type name struct{ kind, number string }

func numbersOf(n worklist.Numbers) (all []name) {
	for _, x := range []name{{"placer", n.Placer}, {"filler", n.Filler}, {"accession", n.Accession}} {
		if x.number != "" {
			all = append(all, x)
		}
	}
	if len(all) > 1 && all[0].kind != "accession" { // an accession number may hold several orders
		all = slices.DeleteFunc(all, func(x name) bool { return x.kind == "accession" })
	}
	return all
}

// sameOrder reports whether what is kept and what is told of are one order: no number
// that both have differs.
func sameOrder(have, told worklist.Order) bool {
	for _, p := range [][2]string{{have.Placer, told.Placer}, {have.Filler, told.Filler}, {have.ProcedureID, told.ProcedureID}} {
		if p[0] != "" && p[1] != "" && p[0] != p[1] {
			return false
		}
	}
	return true
}

// tell notes when an order was told of.
func (*Register) tell(ctx context.Context, tx *db.Tx, site string, names []name, id, key string, at time.Time, cancelled bool) error {
	for _, n := range names {
		_, err := tx.Exec(ctx, `insert into connect_order (site_id, kind, number, order_id, told_at, cancelled, person) values ($1, $2, $3, $4, $5, $6, $7)
			on conflict (site_id, kind, number) do update set order_id = case when excluded.order_id = '' then connect_order.order_id else excluded.order_id end,
			told_at = case when excluded.told_at > connect_order.told_at then excluded.told_at else connect_order.told_at end,
			cancelled = excluded.cancelled, person = excluded.person`,
			site, n.kind, n.number, id, db.Millis(at), cancelled, key)
		if err != nil {
			return err
		}
	}
	return nil
}

// create writes a new order.
func (r *Register) create(ctx context.Context, m Message, c Channel, now telling) (string, error) {
	q := now.Order
	q.Site = c.Site
	q.Steps = slices.DeleteFunc(slices.Clone(q.Steps), func(s worklist.Step) bool { return s.State == worklist.Cancelled })
	r.patientOf(c, now.number, &q)
	if err := r.face(ctx, c, &q); err != nil {
		return "", err
	}
	if err := r.stations(ctx, c, &q); err != nil {
		return "", err
	}
	made, _, err := r.Orders.Create(ctx, worklist.Request{
		Order: q, Origin: worklist.FromHL7, Key: "hl7 " + m.ID + " " + cmp.Or(q.Placer, q.Filler, q.Accession),
	})
	return made.ID, err
}

// awake gives messages their turn again that waited for an order.
func (r *Register) awake(ctx context.Context, tx *db.Tx, m Message, o Order) error {
	n, err := tx.Exec(ctx, `update connect_message set state = 'received', reason = '' where state = 'waiting' and reason = $5 and message_id in `+speaking,
		m.Site, o.Numbers.Placer, o.Numbers.Filler, o.Numbers.Accession, ReasonModality)
	if err == nil && n > 0 {
		err = r.Jobs.Add(ctx, tx, r.work(m.Site))
	}
	return err
}

// update writes what messages say anew of an order over what is kept, and reports
// whether that changed anything.
func (r *Register) update(ctx context.Context, c Channel, have worklist.Order, before, now telling) (bool, error) {
	was := have
	begun := slices.ContainsFunc(have.Steps, func(s worklist.Step) bool {
		return s.State == worklist.InProgress || s.State == worklist.Completed || s.State == worklist.Discontinued
	})
	overlay(&have, before.Order, now.Order)
	if begun { // what machines were told of it stays
		have.Accession, have.ProcedureID, have.Study = was.Accession, was.ProcedureID, was.Study
	}
	have.Steps = steps(slices.Clone(have.Steps), before, now)
	if err := r.stations(ctx, c, &have); err != nil {
		return false, err
	}
	if before.exists && now.number != before.number && now.number.Value != "" {
		r.patientOf(c, now.number, &have)
	}
	changed, err := r.Orders.Change(ctx, have)
	if err != nil {
		return false, err
	}
	switch {
	case now.unbooked && (!before.unbooked || len(changed.Steps) > len(was.Steps)):
		changed, err = r.Orders.Unschedule(ctx, c.Site, have.ID)
	case before.unbooked && !now.unbooked:
		changed, err = r.Orders.Reschedule(ctx, c.Site, have.ID, offSteps(have.Steps, now)...)
	}
	return changed.Version != was.Version, err
}

// offSteps returns the keys of steps that are off the worklist, and that no message
// cancelled.
func offSteps(have []worklist.Step, now telling) (keys []string) {
	for i, s := range have {
		cancelled := slices.ContainsFunc(now.Steps, func(n worklist.Step) bool { return n.State == worklist.Cancelled && n.ID == s.ID })
		if s.State == worklist.Cancelled && s.Key != "" && !cancelled && i < max(len(now.Steps), 1) {
			keys = append(keys, s.Key)
		}
	}
	return keys
}

// steps brings the steps of an order that nobody began from what was told of them to
// what is.
func steps(have []worklist.Step, before, now telling) []worklist.Step {
	for i, n := range now.Steps {
		var was worklist.Step
		if i < len(before.Steps) {
			was = before.Steps[i]
		}
		at := slices.IndexFunc(have, func(h worklist.Step) bool { return h.ID != "" && (h.ID == n.ID || h.ID == was.ID) })
		if at < 0 && i < len(have) && (i < len(before.Steps) || len(have) == 1 && len(now.Steps) == 1) {
			at = i
		}
		switch {
		case n.State == worklist.Cancelled && at >= 0 && was.State != worklist.Cancelled:
			if have[at].State == worklist.Scheduled || have[at].State == worklist.Arrived {
				have = slices.Delete(have, at, at+1)
			}
		case n.State == worklist.Cancelled:
		case at < 0, have[at].State == worklist.Cancelled && was.State == worklist.Cancelled:
			have = append(have, n)
		case have[at].State == worklist.Scheduled, have[at].State == worklist.Cancelled && before.unbooked:
			overlayStep(&have[at], was, n)
		}
	}
	return have
}

// patientOf fills in whom an order is about.
func (*Register) patientOf(c Channel, n Number, q *worklist.Order) {
	q.Patient.ID, q.Patient.Issuer = n.Value, n.Issuer
	if n.Issuer == c.Home {
		q.Patient.Issuer = ""
	}
}

// face fills in what is known of the patient of a new order, which cannot do without a
// name. All else that is known of them, now or later, is not what was ordered:
// worklist adds it.
func (r *Register) face(ctx context.Context, c Channel, q *worklist.Order) error {
	f, err := Faces{People: r.People, Key: r.Key, Bounds: r.Bounds, Now: r.Now}.Of(ctx, r.DB, c.Site, q.Patient.Issuer, q.Patient.ID)
	q.Patient.Name, q.Patient.BirthDate, q.Patient.Sex = f.Name, f.BirthDate, f.Sex
	return err
}

// stations fills in which machines may do the steps of an order that names none.
func (r *Register) stations(ctx context.Context, c Channel, q *worklist.Order) error {
	if r.Stations == nil {
		return nil
	}
	for i := range q.Steps {
		s := &q.Steps[i]
		if len(s.Stations) > 0 || s.Modality == "" {
			continue
		}
		var err error
		if s.Stations, err = r.Stations(ctx, c.Site, s.Modality); err != nil {
			return err
		}
	}
	return nil
}
