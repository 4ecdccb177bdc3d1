package connect

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"radagora/db"
	"radagora/person"
	"radagora/worklist"
)

// order does what a message says of one order.
func (r *Register) order(ctx context.Context, m Message, c Channel, e Effect, key string, o Order) (outcome, error) {
	if o.Control == "status" || o.Control == "reply" || o.Control == "" {
		return outcome{Applied, ReasonNothing, nil}, nil
	}
	if strings.HasPrefix(e.Code, "OML") && o.Requested.Steps[0].Modality == "" { // of a laboratory
		return outcome{Applied, ReasonNothing, nil}, nil
	}
	names := numbersOf(o.Numbers)
	if len(names) == 0 {
		return outcome{Failed, ReasonNoOrder, []Problem{{At: "ORC", What: "the order has no number"}}}, nil
	}
	told, cancelled, err := r.told(ctx, c.Site, names)
	if err != nil {
		return outcome{}, err
	}
	if told.After(e.At) || cancelled && told.Equal(e.At) && o.Control != "cancel" {
		return outcome{Applied, ReasonLate, nil}, nil
	}
	all, err := r.Orders.Numbered(ctx, c.Site, o.Numbers)
	if err != nil {
		return outcome{}, err
	}
	same := slices.DeleteFunc(all, func(h worklist.Order) bool { return !sameOrder(h, o.Requested) || h.State == worklist.Cancelled })
	done, id := outcome{Applied, ReasonDone, nil}, ""
	switch {
	case o.Control == "cancel" && len(same) == 0:
		done.reason = ReasonNoOrder
	case o.Control == "cancel":
		for _, h := range same {
			if _, err := r.Orders.Cancel(ctx, c.Site, h.ID, 0, e.Code); err != nil {
				return done, err
			}
		}
	case len(same) > 1:
		return outcome{Waiting, ReasonAmbiguous, nil}, nil
	case len(same) == 1:
		if id, err = r.update(ctx, c, key, same[0], o); err != nil {
			return done, err
		}
	default:
		if id, err = r.create(ctx, m, c, e, key, o); err != nil {
			return done, err
		}
	}
	return done, r.tell(ctx, c.Site, names, id, key, e.At, o.Control == "cancel")
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

// told returns when an order was last told of with effect, and whether it was
// cancelled then.
func (r *Register) told(ctx context.Context, site string, names []name) (at time.Time, cancelled bool, err error) {
	type row struct {
		at        int64
		cancelled bool
	}
	for _, n := range names {
		list, err := db.List(ctx, r.DB, func(r *db.Rows) (x row, err error) { return x, r.Scan(&x.at, &x.cancelled) },
			`select told_at, cancelled from connect_order where site_id = $1 and kind = $2 and number = $3`, site, n.kind, n.number)
		if err != nil {
			return at, false, err
		}
		for _, x := range list {
			if t := db.FromMillis(x.at); t.After(at) {
				at, cancelled = t, x.cancelled
			}
		}
	}
	return at, cancelled, nil
}

// tell notes when an order was told of.
func (r *Register) tell(ctx context.Context, site string, names []name, id, key string, at time.Time, cancelled bool) error {
	return r.DB.Write(ctx, func(tx *db.Tx) error {
		for _, n := range names {
			_, err := tx.Exec(ctx, `insert into connect_order (site_id, kind, number, order_id, told_at, cancelled, person) values ($1, $2, $3, $4, $5, $6, $7)
				on conflict (site_id, kind, number) do update set order_id = case when excluded.order_id = '' then connect_order.order_id else excluded.order_id end,
				told_at = excluded.told_at, cancelled = excluded.cancelled, person = excluded.person`,
				site, n.kind, n.number, id, db.Millis(at), cancelled, key)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// create writes a new order.
func (r *Register) create(ctx context.Context, m Message, c Channel, e Effect, key string, o Order) (string, error) {
	q := o.Requested
	q.Site = c.Site
	if err := r.patientOf(ctx, c, key, e.Patient.Numbers[0], &q); err != nil {
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

// update writes what is told of an order over what is kept: what is not said stays.
func (r *Register) update(ctx context.Context, c Channel, key string, have worklist.Order, o Order) (string, error) {
	q := o.Requested
	for _, f := range []struct{ to, from *string }{
		{&have.Placer, &q.Placer},
		{&have.Filler, &q.Filler},
		{&have.Description, &q.Description},
		{&have.Reason, &q.Reason},
		{&have.ReferringPhysician, &q.ReferringPhysician},
		{&have.RequestingPhysician, &q.RequestingPhysician},
		{&have.Priority, &q.Priority},
		{&have.Patient.Location, &q.Patient.Location},
	} {
		if *f.from != "" {
			*f.to = *f.from
		}
	}
	if q.Code != nil {
		have.Code = q.Code
	}
	if len(q.ReasonCodes) > 0 {
		have.ReasonCodes = q.ReasonCodes
	}
	if len(have.Steps) == 1 && have.Steps[0].State == worklist.Scheduled {
		s, n := &have.Steps[0], q.Steps[0]
		s.Modality, s.Start, s.Location = cmp.Or(n.Modality, s.Modality), cmp.Or(n.Start, s.Start), cmp.Or(n.Location, s.Location)
		s.Description = cmp.Or(n.Description, s.Description)
		if len(n.Stations) > 0 {
			s.Stations = n.Stations
		}
		if len(n.Protocol) > 0 {
			s.Protocol = n.Protocol
		}
	}
	if err := r.face(ctx, c, key, &have); err != nil {
		return "", err
	}
	changed, err := r.Orders.Change(ctx, have)
	return changed.ID, err
}

// patientOf fills in whom an order is about.
func (r *Register) patientOf(ctx context.Context, c Channel, key string, n Number, q *worklist.Order) error {
	q.Patient.ID = n.Value
	if n.Issuer != c.Home {
		q.Patient.Issuer = n.Issuer
	}
	return r.face(ctx, c, key, q)
}

// face fills in what is known of the patient of an order.
func (r *Register) face(ctx context.Context, c Channel, key string, q *worklist.Order) error {
	known, err := r.People.Known(ctx, r.DB, c.Site, key, time.Time{})
	if err != nil {
		return err
	}
	p := &q.Patient
	for kind, to := range map[person.FactKind]*string{person.Name: &p.Name, person.BirthDate: &p.BirthDate, person.Sex: &p.Sex} {
		if f, ok := known[kind]; ok {
			*to = f.Value
		}
	}
	if f, ok := known[person.Pregnancy]; ok && r.Now().Sub(f.At) <= r.Bounds.PregnancyValid {
		p.Pregnancy = worklist.Pregnancy(f.Value)
	}
	for kind, to := range map[person.FactKind]*float64{person.Height: &p.HeightM, person.Weight: &p.WeightKG} {
		if f, ok := known[kind]; ok && r.Now().Sub(f.At) <= r.Bounds.SizeValid {
			if n, err := strconv.ParseFloat(f.Value, 64); err == nil {
				*to = n
			}
		}
	}
	return nil
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
